package diagnose_test

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/handclasp/handclasp/diagnose"
)

// TestTongues: a port that speaks another protocol is known by what it says first, or
// what it says when it is asked.
func TestTongues(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name    string
		server  func(net.Conn)
		want    string // the cause
		says    string // what is told of it
		notices string
	}{
		{"irc", greets(":irc.example NOTICE AUTH :*** Looking up your hostname\r\n"), "plain-text", "It speaks IRC.", ""},
		{"nntp", greets("200 news.example ready (posting ok)\r\n"), "plain-text", "It speaks NNTP.", ""},
		{"sieve", greets("\"IMPLEMENTATION\" \"Dovecot\"\r\n"), "plain-text", "It speaks ManageSieve.", ""},
		{"rsync", greets("@RSYNCD: 31.0\n"), "plain-text", "It speaks rsync.", ""},
		{"telnet", greets("\xff\xfd\x18\xff\xfd\x20"), "plain-text", "It speaks Telnet.", ""},
		{"nats", greets("INFO {\"server_id\":\"N\"}\r\n"), "plain-text", "It speaks NATS,", ""},
		{"imap that is full", greets("* BYE Too many connections\r\n"), "plain-text", "It speaks IMAP.", ""},
		{"smtp that refuses", greets("554 mx.example No SMTP service here\r\n"), "plain-text", "SMTP or FTP, and refuses", ""},
		{"http/2", greets("\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64"), "plain-text", "HTTP/2 without TLS", ""},
		{"mysql that refuses", greets("\x17\x00\x00\x00\xff\x10\x04Too many connections"), "plain-text", `It said "Too many connections"`, ""},
		{"nobody knows", greets("What?\r\n"), "not-tls", `It said "What?\r\n"`, ""},
		{"redis", answers("GET ", "-ERR wrong number of arguments for 'get' command\r\n"), "plain-text", "It speaks Redis,", ""},
		{"http that waits", answers("GET ", "HTTP/1.0 404 Not Found\r\n\r\n"), "plain-http", "HTTP/1.0 404", ""},
		{"rdp", answers("\x03\x00\x00\x13\x0e\xe0", "\x03\x00\x00\x13\x0e\xd0\x00\x00\x12\x34\x00\x02\x00\x08\x00\x01\x00\x00\x00"), "plain-text", "It speaks RDP", ""},
		{"mqtt", answers("\x10\x0c\x00\x04MQTT", "\x20\x02\x00\x00"), "plain-text", "It speaks MQTT.", ""},
		{"nginx behind a device", answers("GET ", "HTTP/1.1 400 Bad Request\r\n\r\n<center>The plain HTTP request was sent to HTTPS port</center>"), "closed", "", "it wants TLS"},
		{"Go behind a device", answers("GET ", "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"), "closed", "", "it wants TLS"},
		{"Apache behind a device", answers("GET ", "HTTP/1.1 400 Bad Request\r\n\r\nReason: You're speaking plain HTTP to an SSL-enabled server port."), "closed", "", "it wants TLS"},
		{"Tomcat behind a device", answers("GET ", "HTTP/1.1 400 \r\nConnection: close\r\n\r\nBad Request\r\nThis combination of host and port requires TLS.\r\n"), "closed", "", "it wants TLS"},
		{"an alert in answer to HTTP", answers("GET ", "\x15\x03\x01\x00\x02\x02\x0a"), "closed", "", ""},
		{"silence", answers("nothing", ""), "closed", "", ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			r, err := diagnose.Run(t.Context(), diagnose.Options{Host: "127.0.0.1", Port: plainServer(t, x.server), Timeout: 5 * time.Second, Pause: 10 * time.Millisecond, Linger: time.Second})
			if err != nil {
				t.Fatal(err)
			}
			if found(r) != x.want || !strings.Contains(r.Findings[0].Detail, x.says) || !strings.Contains(strings.Join(r.Noticed, " "), x.notices) || r.Connections > 25 {
				t.Error(tell(r))
			}
			if x.notices == "" && len(r.Noticed) > 0 {
				t.Error("too much is noticed", tell(r))
			}
		})
	}
}

// greets is a server that speaks first.
func greets(text string) func(net.Conn) {
	return func(c net.Conn) {
		io.WriteString(c, text)
		c.Read(make([]byte, 1024))
	}
}

// answers is a server that answers those who begin in its protocol, and closes the
// connection to all others.
func answers(begin, text string) func(net.Conn) {
	return func(c net.Conn) {
		got := make([]byte, 4096)
		if n, _ := c.Read(got); bytes.HasPrefix(got[:n], []byte(begin)) {
			io.WriteString(c, text)
			c.Read(got)
		}
	}
}

// plainServer has f speak to everybody at a port of this machine, which it gives.
func plainServer(t *testing.T, f func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				f(c)
			}()
		}
	}()
	return port(l.Addr())
}
