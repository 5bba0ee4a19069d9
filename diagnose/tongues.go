package diagnose

import (
	"bytes"
	"context"
	"net"
	"regexp"
	"time"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/internal/record"
)

// A tongue is a protocol that is not TLS, by how its servers begin, or answer what they
// don't understand; protocol is what --starttls calls it, "" if it can't ask for TLS.
type tongue struct {
	begins         *regexp.Regexp // quoted as Go does
	name, protocol string
}

func speaking(begins, name, protocol string) tongue {
	return tongue{regexp.MustCompile(`^"(?:` + begins + `)`), name, protocol}
}

var tongues = []tongue{
	speaking(`<\?xml|<stream`, "XMPP", "xmpp"),
	speaking(`-ERR `, "Redis, or POP3", ""),
	speaking(`-DENIED `, "Redis", ""),
	speaking(`AMQP`, "AMQP", ""),
	speaking(`RFB `, "VNC", ""),
	speaking(`RTSP/`, "RTSP", ""),
	speaking(`ERROR\\r\\n`, "memcached", ""),
	speaking(`EFATAL`, "PostgreSQL", "postgres"),
	speaking(`(?::\S+ )?NOTICE `, "IRC", ""),
	speaking(`20[01] `, "NNTP", ""),
	speaking(`\\"IMPLEMENTATION\\"`, "ManageSieve", ""),
	speaking(`@RSYNCD:`, "rsync", ""),
	speaking(`\\xff(?:\\xfb|\\xfc|\\xfd|\\xfe)`, "Telnet", ""),
	speaking(`INFO \{`, "NATS, in which TLS begins after that line", ""),
	speaking(`\* (?:BYE|PREAUTH)`, "IMAP", ""),
	speaking(`[45]\d\d[ -]`, "SMTP or FTP, and refuses at once", ""),
	speaking(`\\x00\\x00(?:\\x..|.)\\x04\\x00\\x00\\x00\\x00\\x00`, "HTTP/2 without TLS", ""),
	speaking(`\\x05\\xff`, "SOCKS", ""),
}

// tongueOf is the protocol of what a server said, or nil.
func tongueOf(said string) *tongue {
	for i := range tongues {
		if tongues[i].begins.MatchString(said) {
			return &tongues[i]
		}
	}
	return nil
}

// A question is what servers answer that wait for the client to speak, and how.
type question struct {
	name   string // of the protocol
	ask    string
	answer string // how the answer begins
	goes   string // on, where the protocol does with TLS
}

var questions = []question{
	// An RDP Negotiation Request (MS-RDPBCGR, Section 2.2.1.1), and the X.224 Connection
	// Confirm; behind the length stands the length of what follows, then its type.
	{"RDP (Remote Desktop)", "\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x01\x00\x00\x00", "\x03\x00\x00", ", in which TLS begins when it is asked for"},
	// CONNECT, and CONNACK (MQTT 3.1.1, Sections 3.1 and 3.2).
	{"MQTT", "\x10\x0c\x00\x04MQTT\x04\x02\x00\x0a\x00\x00", "\x20\x02", ""},
}

// inClear asks in the clear, in HTTP and in other protocols in which the client speaks
// first. Whoever answers HTTP that it wants TLS is a server of TLS all the same.
func (d *diagnosis) inClear(ctx context.Context) (done bool, err error) {
	err = d.said(ctx, "asking in plain HTTP", "GET / HTTP/1.0\r\n\r\n", func(got []byte) string {
		switch f := record.Sniff(got); {
		case f == nil, plain[f.Rule] == "":
			return "it answers as a server of TLS would"
		case wantsTLS.Match(got):
			d.notice("Asked in plain HTTP, the server says that it wants TLS. So it speaks TLS, or what stands before it does.")
			return "it says that it wants TLS"
		default:
			done = true
			d.plainText(&outcome{ending: Garbled, err: f})
			return "it says " + fault.Quote(head(got))
		}
	})
	for _, q := range questions {
		if done || err != nil {
			break
		}
		what := "asking in " + q.name
		err = d.said(ctx, what, q.ask, func(got []byte) string {
			if !bytes.HasPrefix(got, []byte(q.answer)) {
				return "it says " + fault.Quote(head(got))
			}
			done = true
			d.speaks("plain-text", "", "It speaks "+q.name+q.goes+".", Evidence{Probe: what, Outcome: "it answers " + fault.Quote(head(got))})
			return "it answers in that protocol"
		})
	}
	return done, err
}

// wantsTLS is what nginx, Apache, Go, Jetty and Tomcat say to who speaks plain HTTP to them.
var wantsTLS = regexp.MustCompile(`(?i)to (?:an )?(?:HTTPS|SSL)[- ]|SSL-enabled server port|host and port requires TLS`)

// said sends something in the clear, and has tell say what it makes of the answer.
func (d *diagnosis) said(ctx context.Context, what, ask string, tell func([]byte) string) error {
	start := time.Now()
	return d.plain(ctx, what, func(raw net.Conn) string {
		raw.SetDeadline(time.Now().Add(d.o.Linger + time.Since(start)))
		if _, err := raw.Write([]byte(ask)); err != nil {
			return "it says nothing"
		}
		var got []byte
		buf := make([]byte, 1024)
		for len(got) < mostBody {
			n, err := raw.Read(buf)
			if got = append(got, buf[:n]...); err != nil {
				break
			}
		}
		if len(got) == 0 {
			return "it says nothing"
		}
		return tell(got)
	})
}

// head is as much of an answer as is told.
func head(b []byte) []byte { return b[:min(len(b), 32)] }
