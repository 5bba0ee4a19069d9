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
	{"PRI * HTTP/2", fault.PeerSpeaksHTTP}, // HTTP/2 with prior knowledge
	{"220 ", fault.PeerSpeaksSMTP},
	{"220-", fault.PeerSpeaksSMTP},
	{"* OK", fault.PeerSpeaksIMAP},
	{"+OK", fault.PeerSpeaksPOP3},
	{"SSH-", fault.PeerSpeaksSSH},
}

// Sniff looks at the first bytes that a peer ever sends and names the protocol
// if it is not TLS: most "bad record" errors are a wrong port. It says nil
// for TLS, and while too few bytes are there to tell.
func Sniff(first []byte) *fault.Error {
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
	switch ssl2 := sslv2(first); {
	case ssl2 && len(first) >= 5:
		return fault.PeerSpeaksSSLv2.New().Saw(iana.Version(first[3])<<8|iana.Version(first[4]), nil)
	case ssl2 || undecided:
		return nil
	}
	return fault.PeerSpeaksGarbage.New().Saw(fault.Quote(head(first)), nil)
}

// sslv2 reports whether first may begin an SSL 2.0 CLIENT-HELLO: a two-byte
// length with the top bit set, message type 1, and the version offered, which
// is 2 or, in a hello made for newer servers, 3.x (RFC 5246, Appendix E.2).
func sslv2(first []byte) bool {
	switch {
	case first[0]&0x80 == 0:
		return false
	case len(first) > 2 && first[2] != 1:
		return false
	case len(first) > 4 && first[3] != 3 && (first[3] != 0 || first[4] != 2):
		return false
	}
	return true
}

// head is as much of the first bytes as a person can use.
func head(first []byte) []byte { return first[:min(len(first), 32)] }
