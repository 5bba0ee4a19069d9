package record

import (
	"strings"
	"testing"

	"github.com/handclasp/handclasp/fault"
)

func TestSniff(t *testing.T) {
	for _, c := range []struct {
		first string
		want  *fault.Rule // nil: TLS, or not to be told yet
	}{
		{"", nil},
		{"\x16", nil},
		{"\x16\x03\x01\x02\x00\x01", nil},
		{"\x15\x03\x03\x00\x02\x02\x28", nil},
		{"\x16\x02\x00", nil}, // Parse refuses the version
		{"HTTP/1.1 400 Bad Request\r\n", fault.PeerSpeaksHTTP},
		{"HTTP/", fault.PeerSpeaksHTTP},
		{"HTTP", nil},
		{"H", nil},
		{"HELO", fault.PeerSpeaksGarbage},
		{"GET / HTTP/1.1\r\n", fault.PeerSpeaksHTTP},
		{"GE", nil},
		{"HEAD /", fault.PeerSpeaksHTTP},
		{"POST /", fault.PeerSpeaksHTTP},
		{"PUT /", fault.PeerSpeaksHTTP},
		{"PATCH /", fault.PeerSpeaksHTTP},
		{"DELETE /", fault.PeerSpeaksHTTP},
		{"OPTIONS *", fault.PeerSpeaksHTTP},
		{"CONNECT example.com:443 HTTP/1.1", fault.PeerSpeaksHTTP},
		{"TRACE /", fault.PeerSpeaksHTTP},
		{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", fault.PeerSpeaksHTTP},
		{"220 mail.example.com ESMTP\r\n", fault.PeerSpeaksSMTP},
		{"220-welcome\r\n", fault.PeerSpeaksSMTP},
		{"220", nil},
		{"221 bye", fault.PeerSpeaksGarbage},
		{"* OK IMAP4rev1 ready\r\n", fault.PeerSpeaksIMAP},
		{"+OK POP3 ready\r\n", fault.PeerSpeaksPOP3},
		{"SSH-2.0-OpenSSH_9.9\r\n", fault.PeerSpeaksSSH},
		{"PROXY TCP4 192.0.2.1 192.0.2.2 40000 443\r\n", fault.PeerSpeaksProxy},
		{"PROXY UNKNOWN\r\n", fault.PeerSpeaksProxy},
		{"PRO", nil},
		{"PROXIES", fault.PeerSpeaksGarbage},
		{"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c", fault.PeerSpeaksProxy},
		{"\r\n\r\n\x00\r\nQUI", nil},
		{"\r\n\r\nGET /", fault.PeerSpeaksGarbage},
		{"\x80", nil},
		{"\x80\x2e\x01", nil},
		{"\x80\x2e\x01\x00\x02\x00\x15", fault.PeerSpeaksSSLv2},
		{"\x80\x67\x01\x03\x01\x00\x4e", fault.PeerSpeaksSSLv2},
		{"\x80\x2e\x02\x00\x02", fault.PeerSpeaksGarbage},
		{"\x80\x20\x04\x00\x01\x00\x02", fault.PeerSpeaksSSLv2Server},
		{"\x80\x20\x04\x00\x01", nil},
		{"\x80\x20\x04\x00\x01\x00\x09", fault.PeerSpeaksGarbage},
		{"\x4a\x00\x00\x00\x0a8.0.36\x00", fault.PeerSpeaksMySQL},
		{"\x4a\x00\x00", nil},
		{"\x45\x00\x00\x00\xffj\x04Host '192.0.2.1' is not allowed to connect", fault.PeerSpeaksMySQL},
		{"\x17\x00\x00\x00\xff\x10\x04Too many connections", fault.PeerSpeaksMySQL},
		{"\x45\x00\x00\x00\xfej\x04Host", fault.PeerSpeaksGarbage},
		{"\x4a\x00\x00\x00\x09", fault.PeerSpeaksGarbage},
		{"PROPFIND / HTTP/1.1\r\n", fault.PeerSpeaksHTTP},
		{"\x80\x2e\x01\x00\x09", fault.PeerSpeaksGarbage},
		{"\x00", fault.PeerSpeaksGarbage},
		{"\x18\x03\x03", fault.PeerSpeaksGarbage},
		{"hello", fault.PeerSpeaksGarbage},
	} {
		got := Sniff([]byte(c.first))
		if got == nil && c.want == nil {
			continue
		}
		if got == nil || got.Rule != c.want {
			t.Errorf("%q: %v, want %v", c.first, got, c.want)
		}
	}
}

// What is quoted is escaped and short: it goes to a terminal.
func TestSniffQuotes(t *testing.T) {
	err := Sniff([]byte("\x1b[2J" + strings.Repeat("x", 1000)))
	if err == nil || strings.Contains(err.Error(), "\x1b") || len(err.Got) > 50 || !strings.Contains(err.Got, `\x1b[2J`) {
		t.Errorf("got %v", err)
	}
}
