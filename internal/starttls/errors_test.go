package starttls

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/handclasp/handclasp/fault"
)

// A peer says what its Reader has, whatever it is told.
type peer struct{ io.Reader }

func (*peer) Write(p []byte) (int, error) { return len(p), nil }

const (
	ehlo250 = "220 a\r\n250 a\r\n"
	offer   = "220 a\r\n250-a\r\n250 STARTTLS\r\n"
	streams = "<stream:stream xmlns:stream='http://etherx.jabber.org/streams'>"
)

// ldapResult is an ExtendedResponse of fewer than 128 bytes.
func ldapResult(id, code byte, diagnostic string) string {
	op := "\x0a\x01" + string(rune(code)) + "\x04\x00\x04" + string(rune(len(diagnostic))) + diagnostic
	return "0" + string(rune(5+len(op))) + "\x02\x01" + string(rune(id)) + "x" + string(rune(len(op))) + op
}

func mysqlPacket(payload string) string { return string(rune(len(payload))) + "\x00\x00\x00" + payload }

// bad are the first bytes of servers that don't agree; then they close.
var bad = []struct {
	protocol, server string
	rule             *fault.Rule
	says             string // the error, in part
}{
	// Servers of the protocol, without TLS or without patience.
	{"smtp", "554 No service\r\n", fault.StartTLSRefused, `"554 No service"; expected a reply with code 220 (SMTP greeting)`},
	{"smtp", "421-busy\r\n421 later\r\n", fault.StartTLSRefused, `"421 busy later"`},
	{"smtp", "220 a\r\n502 no EHLO here\r\n", fault.StartTLSRefused, `"502 no EHLO here"; expected a reply with code 250 (SMTP answer to EHLO)`},
	{"smtp", ehlo250, fault.StartTLSRefused, `no extension; expected STARTTLS`},
	{"smtp", "220 a\r\n250-STARTTLS\r\n250-SIZE\r\n250 XSTARTTLS\r\n", fault.StartTLSRefused, `"SIZE, XSTARTTLS"; expected STARTTLS`},
	{"smtp", offer + "454 TLS not available\r\n", fault.StartTLSRefused, `"454 TLS not available"`},
	{"imap", "* BYE full\r\n", fault.StartTLSRefused, `"* BYE full"`},
	{"imap", "* PREAUTH hello root\r\n", fault.StartTLSRefused, `"* PREAUTH hello root"`},
	{"imap", "* OK\r\na1 BAD unknown\r\n", fault.StartTLSRefused, `"a1 BAD unknown"; expected a1 OK (IMAP answer to STARTTLS)`},
	{"imap", "* OK\r\na1 NO\r\n", fault.StartTLSRefused, `"a1 NO"`},
	{"imap", "* OK\r\n* BYE\r\n", fault.StartTLSRefused, `"* BYE"`},
	{"pop3", "-ERR full\r\n", fault.StartTLSRefused, `"-ERR full"; expected +OK (POP3 greeting)`},
	{"pop3", "+OK\r\n-ERR what?\r\n", fault.StartTLSRefused, `"-ERR what?"; expected +OK (POP3 answer to STLS)`},
	{"ftp", "120 ready in 5 minutes\r\n", fault.StartTLSRefused, `"120 ready in 5 minutes"`},
	{"ftp", "220 a\r\n530 Please login\r\n", fault.StartTLSRefused, `"530 Please login"; expected a reply with code 234 (FTP answer to AUTH TLS)`},
	{"ldap", ldapResult(1, 2, "no TLS"), fault.StartTLSRefused, `resultCode 2 (protocolError), diagnosticMessage "no TLS"; expected resultCode 0`},
	{"ldap", ldapResult(1, 99, ""), fault.StartTLSRefused, `resultCode 99;`},
	{"ldap", ldapResult(0, 52, "bye"), fault.StartTLSRefused, `resultCode 52 (unavailable), diagnosticMessage "bye"`},
	{"ldap", ldapResult(0, 0, ""), fault.StartTLSRefused, `resultCode 0 (success); expected`},
	{"xmpp", streams + "<stream:features/>", fault.StartTLSRefused, `"<stream:features/>"`},
	{"xmpp", streams + "<stream:features><starttls/></stream:features>", fault.StartTLSRefused, "expected <stream:features> with <starttls/>"},
	{"xmpp", streams + "<stream:error><host-unknown/></stream:error>", fault.StartTLSRefused, "host-unknown"},
	{"xmpp", streams + "</stream:stream>", fault.StartTLSRefused, "</stream:stream>"},
	{"xmpp", streams + xmppFeatures + "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", fault.StartTLSRefused, "<failure"},
	{"xmpp", streams + xmppFeatures + "<stream:error><reset/></stream:error>", fault.StartTLSRefused, "<reset/>"},
	{"postgres", "N", fault.StartTLSRefused, `"N"; expected "S" (PostgreSQL answer to SSLRequest)`},
	{"postgres", "Etoo many clients\x00", fault.StartTLSRefused, `"Etoo many clients\x00"`},
	{"mysql", mysqlPacket("\xff\x6a\x04Host '\x1b' is not allowed"), fault.StartTLSRefused, `error 1130, "Host '\x1b' is not allowed"`},
	{"mysql", mysqlPacket("\x0a5.5\x00\x01\x00\x00\x00saltsalt\x00\xff\xf7"), fault.StartTLSRefused, "capabilities 0xf7ff; expected one with CLIENT_SSL"},

	// Servers of another protocol.
	{"smtp", "+OK POP3\r\n", fault.StartTLSUnexpected, `"+OK POP3"; expected a reply with code 220 (SMTP greeting)`},
	{"smtp", "SSH-2.0-OpenSSH_9.9\r\n", fault.StartTLSUnexpected, `"SSH-2.0-OpenSSH_9.9"`},
	{"smtp", "\r\n", fault.StartTLSUnexpected, "SMTP greeting"},
	{"smtp", "220_a\r\n", fault.StartTLSUnexpected, `"220_a"`},
	{"smtp", "920 a\r\n", fault.StartTLSUnexpected, `"920 a"`},
	{"smtp", "250 a\r\n", fault.StartTLSUnexpected, `"250 a"`},
	{"smtp", "220-a\r\n250 a\r\n", fault.StartTLSUnexpected, `"250 a"`},
	{"smtp", "220-a\r\nb\r\n", fault.StartTLSUnexpected, `"b"`},
	{"smtp", offer + "250 yes\r\n", fault.StartTLSUnexpected, `"250 yes"`},
	{"smtp", "\x15\x03\x01\x00\x02\x02\x28", fault.StartTLSUnexpected, `a TLS record, "\x15\x03\x01\x00\x02\x02("; expected a line of text`},
	{"smtp", mysqlGreeting, fault.StartTLSUnexpected, `"J\x00\x00\x00"`},
	{"imap", "+OK POP3\r\n", fault.StartTLSUnexpected, `"+OK POP3"; expected * OK`},
	{"imap", "* OKAY\r\n", fault.StartTLSUnexpected, `"* OKAY"`},
	{"imap", "* OK\r\na2 OK\r\n", fault.StartTLSUnexpected, `"a2 OK"`},
	{"pop3", "* OK IMAP4\r\n", fault.StartTLSUnexpected, `"* OK IMAP4"; expected +OK`},
	{"pop3", "+OK\r\n* OK\r\n", fault.StartTLSUnexpected, `"* OK"`},
	{"ftp", "HTTP/1.1 400 Bad Request\r\n", fault.StartTLSUnexpected, `"HTTP/1.1 400 Bad Request"`},
	{"ftp", "220-a\r\nb\r\n220 c\r\nd\r\n", fault.StartTLSUnexpected, `"d"`},
	{"ldap", "HTTP/1.1 400 Bad Request\r\n\r\n", fault.StartTLSUnexpected, `"HTTP/1.1 400 Bad Request\r\n\r\n"; expected an LDAPMessage`},
	{"ldap", "\x15\x03\x01\x00\x02\x02\x0a", fault.StartTLSUnexpected, "a TLS record"},
	{"ldap", "0\x80\x02\x01\x01", fault.StartTLSUnexpected, "LDAPMessage"},
	{"ldap", "0\x85\x00\x00\x00\x00\x01\x02", fault.StartTLSUnexpected, "LDAPMessage"},
	{"ldap", "0\x00", fault.StartTLSUnexpected, "ExtendedResponse with messageID 1"},
	{"ldap", ldapResult(2, 0, ""), fault.StartTLSUnexpected, "ExtendedResponse with messageID 1"},
	{"ldap", "0\x0c\x02\x01\x01d\x07\x0a\x01\x00\x04\x00\x04\x00", fault.StartTLSUnexpected, "ExtendedResponse"},
	{"ldap", "0\x0c\x02\x01\x01x\x07\x0a\x02\x00\x00\x04\x00\x04", fault.StartTLSUnexpected, "ExtendedResponse"},
	{"ldap", "0\x0c\x02\x01\x01x\x08\x0a\x01\x00\x04\x00\x04\x00", fault.StartTLSUnexpected, "ExtendedResponse"},
	{"ldap", "0\x06\x02\x01\x01x\x82\x00", fault.StartTLSUnexpected, "ExtendedResponse"},
	{"ldap", "0\x04\x02\x01\x01x", fault.StartTLSUnexpected, "ExtendedResponse"},
	{"ldap", "0\x08\x02\x01\x01x\x84\xff\xff\xff\xff", fault.StartTLSUnexpected, "ExtendedResponse"},
	{"xmpp", "220 mail.example\r\n", fault.StartTLSUnexpected, `"220 mail.example\r\n"; expected XML (XMPP stream header)`},
	{"xmpp", "\n\n+OK", fault.StartTLSUnexpected, `"\n\n+OK"`},
	{"xmpp", "<html><body/></html>", fault.StartTLSUnexpected, `"<html>"; expected <stream:stream>`},
	{"xmpp", "<!DOCTYPE html>", fault.StartTLSUnexpected, "DOCTYPE"},
	{"xmpp", "<!-- hello -->", fault.StartTLSUnexpected, "hello"},
	{"xmpp", "<?xml version='1.0' encoding='utf-7'?>", fault.StartTLSUnexpected, "utf-7"},
	{"xmpp", "<stream:stream>", fault.StartTLSUnexpected, `"<stream:stream>"`},
	{"xmpp", streams + "<message/>", fault.StartTLSUnexpected, `"<message/>"`},
	{"xmpp", streams + "<stream:features></stream:error>", fault.StartTLSUnexpected, "</stream:error>"},
	{"xmpp", streams + "<<", fault.StartTLSUnexpected, `"<<"`},
	{"xmpp", streams + xmppFeatures + "<message/>", fault.StartTLSUnexpected, `"<message/>"; expected <proceed/>`},
	{"xmpp", streams + xmppFeatures + "<proceed/>", fault.StartTLSUnexpected, `"<proceed/>"`},
	{"postgres", "HTTP/1.1 400\r\n", fault.StartTLSUnexpected, `"HTTP/1.1 400\r\n"`},
	{"postgres", "\x15\x03\x01\x00\x02\x02\x0a", fault.StartTLSUnexpected, "a TLS record"},
	{"mysql", "220 mail.example ESMTP\r\n", fault.StartTLSUnexpected, `"220 mail.example ESMTP\r\n"; expected a MySQL packet`},
	{"mysql", "\x00\x00\x00\x00", fault.StartTLSUnexpected, "MySQL packet"},
	{"mysql", mysqlPacket("\x095.5\x00\x01\x00\x00\x00saltsalt\x00\xff\xff"), fault.StartTLSUnexpected, "protocol version 10"},
	{"mysql", mysqlPacket("\x0a5.5\x00\x01\x00\x00\x00saltsalt\x00\xff"), fault.StartTLSUnexpected, "protocol version 10"},
	{"mysql", mysqlPacket("\x0a"), fault.StartTLSUnexpected, "protocol version 10"},
	{"mysql", mysqlPacket("\xff\x6a"), fault.StartTLSUnexpected, "protocol version 10"},

	// Servers that don't stop.
	{"smtp", "220 " + strings.Repeat("x", 5000), fault.StartTLSTooLong, "(4096 bytes); expected at most 100 lines or packets of 4096 bytes"},
	{"smtp", strings.Repeat("220-x\r\n", 101), fault.StartTLSTooLong, "at most 100 lines"},
	{"ftp", "220-\r\n" + strings.Repeat("x\r\n", 101), fault.StartTLSTooLong, "at most 100 lines"},
	{"imap", "* OK\r\n" + strings.Repeat("* x\r\n", 101), fault.StartTLSTooLong, "at most 100 lines"},
	{"ldap", "0\x84\x00\x00\x10\x00", fault.StartTLSTooLong, "packets of 4096 bytes"},
	{"ldap", "0\x84\xff\xff\xff\xff", fault.StartTLSTooLong, "packets of 4096 bytes"},
	{"xmpp", "<stream:stream a='" + strings.Repeat("x", 5000), fault.StartTLSTooLong, "packets of 4096 bytes"},
	{"xmpp", streams + "<stream:features>" + strings.Repeat("<x>", 5000), fault.StartTLSTooLong, "packets of 4096 bytes"},
	{"xmpp", strings.Repeat(" ", 5000), fault.StartTLSTooLong, "packets of 4096 bytes"},
	{"mysql", "\xff\xff\x00\x00", fault.StartTLSTooLong, "packets of 4096 bytes"},
}

func TestBad(t *testing.T) {
	for _, tt := range bad {
		t.Run(fmt.Sprintf("%s %.40q", tt.protocol, tt.server), func(t *testing.T) {
			var heard []string
			err := Upgrade(&peer{strings.NewReader(tt.server)}, tt.protocol, "mail.example", func(sent bool, line string) {
				if !sent {
					heard = append(heard, line)
				}
			})
			f, ok := errors.AsType[*fault.Error](err)
			if !ok || f.Rule != tt.rule || !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("got %v\nwant %s: …%s…", err, tt.rule.ID, tt.says)
			}
			if strings.ContainsAny(err.Error(), "\x00\x1b\r\n") {
				t.Errorf("%q is not escaped", err)
			}
			if len(heard) == 0 {
				t.Error("watch heard nothing of it")
			}
		})
	}
}

// TestClosed: wherever a server that would agree stops, by an end, a failure or
// silence, the error says so and nothing hangs.
func TestClosed(t *testing.T) {
	failure := errors.New("connection reset by peer")
	for _, tt := range good {
		server := tt.script.server()
		for n := range len(server) {
			for _, end := range []struct {
				err  error
				rule *fault.Rule
			}{{io.EOF, fault.StartTLSClosed}, {failure, fault.StartTLSClosed}, {os.ErrDeadlineExceeded, fault.StartTLSSilent}} {
				rw := &peer{io.MultiReader(strings.NewReader(server[:n]), iotest.ErrReader(end.err))}
				err := Upgrade(rw, tt.protocol, "mail.example", nil)
				if !errors.Is(err, end.rule) || !errors.Is(err, end.err) && !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("%s %s, %d bytes, then %v: %v", tt.protocol, tt.name, n, end.err, err)
				}
			}
		}
	}
}

// TestQuoted: what came of a line before it broke off is in the error.
func TestQuoted(t *testing.T) {
	var heard string
	err := Upgrade(&peer{strings.NewReader("220 mail\x1b")}, "smtp", "", func(_ bool, line string) { heard = line })
	if want := `: "220 mail\x1b": EOF (SMTP greeting)`; !strings.HasSuffix(err.Error(), want) || heard != `220 mail\x1b` {
		t.Errorf("%v; heard %q", err, heard)
	}
}

// TestStream: whoever reads the stream as an io.Reader gets the same bytes.
func TestStream(t *testing.T) {
	s := &stream{talk: &talk{rw: &peer{strings.NewReader(streams)}}}
	got, err := io.ReadAll(s)
	if string(got) != streams || !errors.Is(err, io.EOF) {
		t.Errorf("%q, %v", got, err)
	}
	if n, err := s.Read(nil); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}

// TestDeadline: a server that is silent, as one is that waits for a ClientHello,
// counts as a timeout.
func TestDeadline(t *testing.T) {
	for _, protocol := range Protocols() {
		ours, theirs := net.Pipe()
		go io.Copy(io.Discard, theirs)
		ours.SetDeadline(time.Now().Add(time.Millisecond))
		err := Upgrade(ours, protocol, "mail.example", nil)
		var timeout net.Error
		if !errors.Is(err, fault.StartTLSSilent) || !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("%s: %v", protocol, err)
		}
		theirs.Close()
	}
}

// A deaf peer says what it has and takes nothing.
type deaf struct{ io.Reader }

func (deaf) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestDeaf(t *testing.T) {
	const rounds = "220 a\r\n250 STARTTLS\r\n"
	for protocol, server := range map[string]string{
		"smtp": rounds, "imap": "* OK\r\n", "pop3": "+OK\r\n", "ftp": rounds, "ldap": "", "xmpp": "", "postgres": "", "mysql": mysqlGreeting,
	} {
		err := Upgrade(deaf{strings.NewReader(server)}, protocol, "mail.example", nil)
		if !errors.Is(err, fault.StartTLSClosed) || !errors.Is(err, io.ErrClosedPipe) || !strings.Contains(err.Error(), "request)") {
			t.Errorf("%s: %v", protocol, err)
		}
	}
}

// FuzzUpgrade feeds a client whatever a server may say. It comes back with an
// error of the catalogue or with success; then it has taken exactly what makes up
// the preamble: with anything behind it, it takes no more, and with a byte less it
// fails.
func FuzzUpgrade(f *testing.F) {
	index := make(map[string]byte)
	for i, name := range Protocols() {
		index[name] = byte(i)
	}
	for _, tt := range good {
		f.Add(index[tt.protocol], []byte(tt.script.server()+hello))
	}
	for _, tt := range bad {
		f.Add(index[tt.protocol], []byte(tt.server))
	}
	f.Fuzz(func(t *testing.T, which byte, server []byte) {
		protocol := Protocols()[int(which)%len(Protocols())]
		try := func(server []byte) (taken int, err error) {
			r := bytes.NewReader(server)
			err = Upgrade(&peer{r}, protocol, "mail.example", func(_ bool, line string) {
				if line != fault.Printable(line) {
					t.Errorf("%q is not escaped", line)
				}
			})
			return len(server) - r.Len(), err
		}
		taken, err := try(server)
		if err != nil {
			if _, ok := errors.AsType[*fault.Error](err); !ok {
				t.Fatalf("not of the catalogue: %v", err)
			}
			return
		}
		for _, behind := range []string{"", hello, "250 more\r\n", "<more/>", "\x00"} {
			if again, err := try(append(server[:taken:taken], behind...)); err != nil || again != taken {
				t.Errorf("took %d bytes, and %d with %q behind them: %v", taken, again, behind, err)
			}
		}
		if _, err := try(server[:taken-1]); err == nil {
			t.Errorf("took %d bytes, one more than it needs", taken)
		}
	})
}
