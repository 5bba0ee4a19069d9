package record

import (
	"bytes"
	"strings"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// greetings are how other protocols begin, in the clear.
var greetings = []struct {
	prefix string
	rule   *fault.Rule
}{
	{"HTTP/", fault.PeerSpeaksHTTP},
	{"GET ", fault.PeerSpeaksHTTP},
	{"HEAD ", fault.PeerSpeaksHTTP},
	{"POST ", fault.PeerSpeaksHTTP},
	{"PUT ", fault.PeerSpeaksHTTP},
	{"PATCH ", fault.PeerSpeaksHTTP},
	{"DELETE ", fault.PeerSpeaksHTTP},
	{"OPTIONS ", fault.PeerSpeaksHTTP},
	{"CONNECT ", fault.PeerSpeaksHTTP},
	{"TRACE ", fault.PeerSpeaksHTTP},
	{"PROPFIND ", fault.PeerSpeaksHTTP},    // WebDAV
	{"PRI * HTTP/2", fault.PeerSpeaksHTTP}, // HTTP/2 with prior knowledge
	{"220 ", fault.PeerSpeaksSMTP},
	{"220-", fault.PeerSpeaksSMTP},
	{"* OK", fault.PeerSpeaksIMAP},
	{"+OK", fault.PeerSpeaksPOP3},
	{"SSH-", fault.PeerSpeaksSSH},
	{"PROXY ", fault.PeerSpeaksProxy},                 // HAProxy's proxy-protocol.txt, Section 2.1
	{"\r\n\r\n\x00\r\nQUIT\n", fault.PeerSpeaksProxy}, // likewise, 2.2
}

// Sniff looks at the first bytes that a peer ever sends and names the protocol
// if it is not TLS: most "bad record" errors are a wrong port. It says nil
// for TLS, and while too few bytes are there to tell.
func Sniff(first []byte) *fault.Error {
	if said, ok := mysqlError(first); ok {
		return fault.PeerSpeaksMySQL.New().Saw(fault.Quote(said[:min(len(said), 80)]), nil)
	}
	if len(first) == 0 || first[0] >= byte(iana.ContentChangeCipherSpec) && first[0] <= byte(iana.ContentApplicationData) {
		return nil
	}
	undecided := false
	for _, g := range greetings {
		if bytes.HasPrefix(first, []byte(g.prefix)) {
			return g.rule.New().Saw(fault.Quote(head(first)), nil)
		}
		undecided = undecided || strings.HasPrefix(g.prefix, string(first))
	}
	for _, hello := range []struct {
		kind    byte
		version int // where it stands
		rule    *fault.Rule
	}{{1, 3, fault.PeerSpeaksSSLv2}, {4, 5, fault.PeerSpeaksSSLv2Server}} {
		switch ssl2 := sslv2(first, hello.kind, hello.version); {
		case ssl2 && len(first) >= hello.version+2:
			return hello.rule.New().Saw(iana.Version(first[hello.version])<<8|iana.Version(first[hello.version+1]), nil)
		case ssl2:
			undecided = true
		}
	}
	switch db := mysql(first); {
	case db && len(first) >= mysqlVersion:
		return fault.PeerSpeaksMySQL.New()
	case db || undecided:
		return nil
	}
	return fault.PeerSpeaksGarbage.New().Saw(fault.Quote(head(first)), nil)
}

// sslv2 reports whether first may begin a hello of SSL 2.0: a two-byte length with
// the top bit set, the message's type (1 of a client, 4 of a server), and, at
// the given place, a version, which is 2 or, in a hello made for newer servers,
// 3.x (RFC 5246, Appendix E.2).
func sslv2(first []byte, kind byte, version int) bool {
	switch {
	case first[0]&0x80 == 0:
		return false
	case len(first) > 2 && first[2] != kind:
		return false
	case len(first) > version && first[version] != 3 && first[version] != 0:
		return false
	case len(first) > version+1 && first[version] == 0 && first[version+1] != 2:
		return false
	}
	return true
}

// mysqlVersion is where the text of a MySQL greeting's server version starts.
const mysqlVersion = 5

// mysql reports whether first may begin the greeting of MySQL's protocol 10: a
// length of three bytes, least first, number 0, and 10; the server's version, a
// text, follows.
func mysql(first []byte) bool {
	at := func(i int, ok func(byte) bool) bool { return len(first) <= i || ok(first[i]) }
	zero := func(b byte) bool { return b == 0 }
	return first[0] >= 30 && at(1, zero) && at(2, zero) && at(3, zero) && at(4, func(b byte) bool { return b == 10 })
}

// head is as much of the first bytes as a person can use.
func head(first []byte) []byte { return first[:min(len(first), 32)] }

// mysqlError is what a MySQL server says that refuses a client in the place of a
// greeting: a packet with the length and number of one, then 0xff, a code of two bytes
// and the text, behind a state of six since version 4.1. Its length may well look like a
// type of TLS; no version of that is 0, though.
func mysqlError(first []byte) (text []byte, ok bool) {
	if len(first) < 7 || !bytes.Equal(first[1:5], []byte{0, 0, 0, 0xff}) {
		return nil, false
	}
	if text = first[7:]; len(text) > 6 && text[0] == '#' {
		text = text[6:]
	}
	return text, true
}
