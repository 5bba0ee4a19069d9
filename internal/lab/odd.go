package lab

import (
	"bufio"
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/record"
)

// refusals are what a device may do to a hello that it dislikes.
var refusals = map[string]func(net.Conn){
	"resets": reset,
	"drops":  stall,
	"closes": part,
	"alerts": func(raw net.Conn) {
		raw.Write(record.AppendPlaintext(nil, iana.TLS12, iana.ContentAlert, []byte{2, byte(iana.HandshakeFailure)}))
		part(raw)
	},
}

// Devices that dislike something in a ClientHello.
var hellos = []Case{
	disliking("resets-if-sigalg", "hello-content", "sigalg=ed25519"),
	disliking("resets-if-group", "hello-content", "group=SecP384r1MLKEM1024"),
	disliking("resets-if-share", "hello-content", "share=X25519MLKEM768"),
	disliking("resets-if-suite", "hello-content", "suite=TLS_CHACHA20_POLY1305_SHA256"),
	disliking("resets-if-extension", "hello-content", "extension=signed_certificate_timestamp"),
	disliking("resets-if-tls13", "hello-content", "version=1.3"),
	disliking("resets-if-session-id", "hello-content", "session-id"),
	disliking("resets-if-grease", "hello-content", "grease"),
	disliking("resets-if-long", "hello-length", "length>1000"),
	disliking("resets-if-segmented", "hello-split", "segments>1"),
	disliking("drops-if-segmented", "hello-split", "segments>1"),
	disliking("resets-if-many-suites", "hello-content", "suites>6"),
	disliking("resets-if-both", "hello-content", "sigalg=rsa_pkcs1_sha512 & group=secp521r1"),
	disliking("resets-if-either", "hello-content", "sigalg=rsa_pkcs1_sha512 | suite=TLS_CHACHA20_POLY1305_SHA256"),
	disliking("resets-if-first", "hello-content", "first=server_name"),
	disliking("resets-if-order", "hello-content", "order=status_request>extended_master_secret"),
	disliking("alerts-if-extension", "hello-content", "extension=status_request"),
}

func disliking(name, cause, condition string) Case {
	parsed, err := ParseCondition(condition)
	if err != nil {
		panic(err) // the table above is wrong, which every test sees
	}
	verb, _, _ := strings.Cut(name, "-")
	c := refusing(name, parsed, refusals[verb])
	c.Cause = cause
	if name == "resets-if-grease" {
		c.Flags = "--grease"
		c.client = func(_ *bench, cfg *handclasp.ClientConfig) error { cfg.GREASE = true; return nil }
	}
	return c
}

// refusing is a good server behind a device that refuses hellos by a condition.
func refusing(name string, c Condition, refuse func(net.Conn)) Case {
	verb, _, _ := strings.Cut(name, "-")
	return Case{Name: name, Text: "A device before the server " + verb + " every ClientHello with " + c.String() + ".", Cause: "hello-content",
		serve: func(b *bench) (func(net.Conn), error) {
			cfg, err := b.config()
			if err != nil {
				return nil, err
			}
			return behind(c, refuse, honest(cfg)), nil
		}}
}

// behind is a handler that looks at the hello first.
func behind(c Condition, refuse, then func(net.Conn)) func(net.Conn) {
	return func(raw net.Conn) {
		h, err := readHello(raw)
		switch {
		case err != nil:
		case c.Holds(h):
			refuse(raw)
		default:
			then(replayed(raw, h.Raw))
		}
	}
}

// Servers that are not one, or not always there, or no TLS servers.
var oddities = []Case{
	{Name: "two-nodes", Text: "Two servers share the port, and one of them has an expired certificate.", Cause: "nodes-differ", serve: twoNodes},
	{Name: "flaky", Text: "The server resets every other connection, more or less.", Cause: "unstable", serve: flaky},
	{Name: "rate-limited", Text: "The server takes two connections and then one each second; more are reset.", Cause: "rate-limited", serve: limited},
	{Name: "http", Text: "The port speaks plain HTTP.", Cause: "plain-http", serve: plainHTTP},
	{Name: "smtp", Text: "The port speaks SMTP, in which TLS begins after STARTTLS.", Cause: "plain-text", serve: smtp},
	{Name: "ftp", Text: "The port speaks FTP, in which TLS begins after AUTH TLS.", Cause: "plain-text", serve: greeting("220 lab.example FTP server ready\r\n")},
	{Name: "imap", Text: "The port speaks IMAP, in which TLS begins after STARTTLS.", Cause: "plain-text", serve: greeting("* OK [CAPABILITY IMAP4rev1 STARTTLS] lab.example\r\n")},
	{Name: "pop3", Text: "The port speaks POP3, in which TLS begins after STLS.", Cause: "plain-text", serve: greeting("+OK lab.example ready\r\n")},
	{Name: "ssh", Text: "The port speaks SSH.", Cause: "plain-text", serve: greeting("SSH-2.0-handclasp-lab\r\n")},
	{Name: "mysql", Text: "The port speaks MySQL's protocol, in which TLS begins when the client asks for it.", Cause: "plain-text",
		serve: greeting("\x4a\x00\x00\x00\x0a8.0.36\x00" + strings.Repeat("\x01", 66))},
	{Name: "redis", Text: "The port speaks Redis's protocol.", Cause: "plain-text", serve: answering("-ERR Protocol error: unbalanced quotes in request\r\n")},
	{Name: "xmpp", Text: "The port speaks XMPP, in which TLS begins after STARTTLS.", Cause: "plain-text",
		serve: answering("<?xml version='1.0'?><stream:stream xmlns='jabber:client'><stream:error/></stream:stream>")},
	{Name: "postgres", Text: "The port speaks PostgreSQL's protocol, in which TLS begins when the client asks for it.", Cause: "plain-text", serve: postgres},
	{Name: "proxy-protocol", Text: "The server wants a line of the PROXY protocol first, as balancers send it, and closes without one.", Cause: "proxy-protocol", serve: proxied},
	{Name: "garbage", Text: "The port answers with bytes that are no protocol.", Cause: "not-tls", serve: answering(strings.Repeat("\x00\x07\x55\xaa", 16))},
	{Name: "legacy-renegotiation", Text: "The server speaks TLS 1.2 and does not know secure renegotiation.", Cause: "legacy-renegotiation", serve: legacy},
}

func twoNodes(b *bench) (func(net.Conn), error) {
	cfg, err := b.config()
	if err != nil {
		return nil, err
	}
	l := leaf()
	l.NotBefore, l.NotAfter = b.now.Add(-30*day), b.now.Add(-day)
	c, err := b.issue(l)
	nodes := []func(net.Conn){honest(cfg), honest(&handclasp.ServerConfig{Certificates: []config.Certificate{c}})}
	var mu sync.Mutex
	next := 0
	return func(raw net.Conn) {
		mu.Lock()
		node := nodes[next%len(nodes)]
		next++
		mu.Unlock()
		node(raw)
	}, err
}

func flaky(b *bench) (func(net.Conn), error) {
	cfg, err := b.config()
	chance := rand.New(rand.NewPCG(1, 2))
	var mu sync.Mutex
	return func(raw net.Conn) {
		mu.Lock()
		fails := chance.IntN(2) == 0
		mu.Unlock()
		if fails {
			if _, err := readHello(raw); err == nil {
				reset(raw)
			}
			return
		}
		honest(cfg)(raw)
	}, err
}

// The limiter's bucket holds so many connections, and one more comes after each
// pause.
const (
	burst = 2
	pause = time.Second
)

func limited(b *bench) (func(net.Conn), error) {
	cfg, err := b.config()
	var mu sync.Mutex
	left, last := burst, time.Now()
	return func(raw net.Conn) {
		mu.Lock()
		if more := int(time.Since(last) / pause); more > 0 {
			left, last = min(left+more, burst), last.Add(time.Duration(more)*pause)
		}
		left--
		over := left < 0
		left = max(left, 0)
		mu.Unlock()
		if over {
			reset(raw)
			return
		}
		honest(cfg)(raw)
	}, err
}

func plainHTTP(b *bench) (func(net.Conn), error) {
	return answering("HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 13\r\nConnection: close\r\n\r\nBad Request\r\n")(b)
}

// answering is a server that says the same to whatever comes.
func answering(what string) func(*bench) (func(net.Conn), error) {
	return func(*bench) (func(net.Conn), error) {
		return func(raw net.Conn) {
			raw.SetReadDeadline(time.Now().Add(patience))
			if n, err := raw.Read(make([]byte, 4096)); err == nil && n > 0 {
				io.WriteString(raw, what)
				part(raw)
			}
		}, nil
	}
}

// greeting is a server that speaks first, and then not to everybody.
func greeting(what string) func(*bench) (func(net.Conn), error) {
	return func(*bench) (func(net.Conn), error) {
		return func(raw net.Conn) {
			io.WriteString(raw, what)
			drain(raw, patience)
		}, nil
	}
}

// postgres closes unless it is asked for TLS (PostgreSQL's manual, SSLRequest).
func postgres(b *bench) (func(net.Conn), error) {
	return prefaced(b, func(raw net.Conn, in *bufio.Reader) bool {
		ask := []byte{0, 0, 0, 8, 4, 210, 22, 47} // 80877103
		got, err := in.Peek(len(ask))
		if err != nil || !bytes.Equal(got, ask) {
			return false
		}
		in.Discard(len(ask))
		raw.Write([]byte("S"))
		return true
	})
}

// proxied closes unless a line of the PROXY protocol comes first.
func proxied(b *bench) (func(net.Conn), error) {
	return prefaced(b, func(_ net.Conn, in *bufio.Reader) bool {
		if got, err := in.Peek(6); err != nil || string(got) != "PROXY " {
			return false
		}
		_, err := in.ReadSlice('\n')
		return err == nil
	})
}

// prefaced is a good server behind something that must come before TLS.
func prefaced(b *bench, before func(net.Conn, *bufio.Reader) bool) (func(net.Conn), error) {
	cfg, err := b.config()
	return func(raw net.Conn) {
		raw.SetDeadline(time.Now().Add(patience))
		in := bufio.NewReader(raw)
		if !before(raw, in) {
			part(raw)
			return
		}
		raw.SetDeadline(time.Time{})
		honest(cfg)(&replay{raw, in})
	}, err
}

// smtp speaks it up to STARTTLS, and then serves well.
func smtp(b *bench) (func(net.Conn), error) {
	cfg, err := b.config()
	return func(raw net.Conn) {
		raw.SetDeadline(time.Now().Add(patience))
		raw.Write([]byte("220 lab.example ESMTP Handclasp lab\r\n"))
		in := bufio.NewReader(raw)
		for {
			line, err := in.ReadSlice('\n') // of 4,096 bytes at most
			if err != nil {
				return
			}
			switch verb := strings.ToUpper(strings.TrimSpace(string(line))); {
			case strings.HasPrefix(verb, "EHLO"):
				raw.Write([]byte("250-lab.example\r\n250 STARTTLS\r\n"))
			case verb == "STARTTLS":
				raw.Write([]byte("220 go ahead\r\n"))
				raw.SetDeadline(time.Time{})
				honest(cfg)(&replay{raw, in})
				return
			case verb == "QUIT":
				raw.Write([]byte("221 bye\r\n"))
				return
			default:
				raw.Write([]byte("500 what?\r\n"))
			}
		}
	}, err
}
