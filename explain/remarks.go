package explain

import (
	"slices"
	"strings"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// A Remark tells in its own words of something that not every handshake has.
type Remark struct {
	Name  string // stable: "retry", "forward_secrecy", …
	Title string
	Text  []string // sentences
	Grave bool     // something is not as it should be
}

// Remarks are what is worth knowing of this handshake besides its steps, what is not
// as it should be first.
func (s *Story) Remarks() (out []Remark) {
	sum := &s.Summary
	add := func(when bool, r Remark) {
		if when {
			r.Text = slices.DeleteFunc(r.Text, func(s string) bool { return s == "" })
			out = append(out, r)
		}
	}
	add(sum.Retried, Remark{Name: "retry", Title: "HelloRetryRequest: a second try", Text: []string{s.retried(),
		"That costs a round trip, and nothing else: the Finished messages cover both hellos."}})
	if sum.Connected {
		add(!sum.Resumed || sum.Group != "", sum.remarkExchange()) // else the next but one tells
		add(true, Remark{Name: "forward_secrecy", Title: "Forward secrecy", Text: []string{sentence(capital(sum.prospects()))}, Grave: !sum.ForwardSecrecy})
	}
	add(sum.Resumed && sum.Connected, Remark{Name: "resumption", Title: "A session goes on", Text: []string{
		"The two sides have met before and kept a secret. That stands for the certificates this time: who has it was there when they were shown.", sentence("What names it is the " + sum.Session), sentence(capital("Saved: " + sum.saved()))}})
	add(sum.EarlyData != "", Remark{Name: "early_data", Title: "0-RTT: data before the answer", Text: []string{
		"A client that resumes may send data along with its hello, before it has heard a word. Who records that data can send it again, so a server has to guard against replays, and it suits only what does no harm twice.", sentence(capital(sum.EarlyData))}})
	add(sum.Signature != "" && sum.ClientSignature != "", Remark{Name: "mutual", Title: "Mutual TLS: both sides show who they are", Text: []string{
		"The server asked the client for a certificate, and got one together with the proof that the client has its key. If somebody whom the server trusts vouches for it, the server knows who is calling, without a password."}})
	add(s.middlebox(), Remark{Name: "compatibility", Title: "Made to look old", Text: []string{
		"The session ID in the hello and the ChangeCipherSpec records mean nothing. They make TLS 1.3 look like a resumed TLS 1.2 to devices on the path, some of which cut what they do not know (RFC 9846, Appendix E.4)."}})
	add(sum.Version == iana.TLS10.String() || sum.Version == iana.TLS11.String(), Remark{Name: "obsolete", Title: sum.Version + " is obsolete", Grave: true, Text: []string{
		"It rests on MD5 and SHA-1 and on ways to encrypt that have been broken again and again; RFC 8996 forbids it. Use TLS 1.3, or at least TLS 1.2."}})
	add(sum.Connected && sum.Verified != nil && !*sum.Verified, Remark{Name: "unverified", Title: "Nobody knows who is at the other end", Grave: true, Text: []string{
		"Checks of the certificate failed and were waved through. " + s.stranger()}})
	slices.SortStableFunc(out, func(a, b Remark) int {
		switch {
		case a.Grave == b.Grave:
			return 0
		case a.Grave:
			return -1
		}
		return 1
	})
	return out
}

// retried says why the server wanted a second hello.
func (s *Story) retried() string {
	for i := range s.Steps {
		for _, f := range s.Steps[i].Facts {
			if f.Name == "selected_group" && len(f.Values) > 0 {
				return "The client sends key shares before it knows which group the server wants. Here the server wanted " + f.Values[0] + ", for which there was none, so it asked for another hello."
			}
		}
	}
	return "The server wanted to see first that the client can be reached at its address, so it asked for another hello, with its cookie in it."
}

// stranger says what it means that nobody vouches for the other side.
func (s *Story) stranger() string {
	if s.Role == fault.Server.String() {
		return "The client has the key of what it showed, and calls itself what it likes."
	}
	return "The connection is encrypted, but perhaps to somebody in the middle."
}

// remarkExchange says how the secret came about.
func (s *Summary) remarkExchange() Remark {
	switch {
	case s.Group == "" && s.KeyExchange == iana.RSAKeyTransport.String():
		return Remark{Name: "rsa", Title: "RSA key transport: the client makes the secret alone", Grave: true, Text: []string{
			"The oldest way: the client makes up a secret and encrypts it to the key in the server's certificate. Whoever gets that key one day can decrypt the secret in every recording. TLS 1.3 has dropped it."}}
	case s.DHBits > 0:
		return Remark{Name: "dhe", Title: "DHE: a secret from powers in a finite field", Text: []string{
			"Each side raises a number to a secret power, modulo a prime, and sends the result. From the other's result and its own power each computes the same secret, which never crosses the wire. It is the forerunner of the key exchange on elliptic curves, with much longer numbers.", strings.TrimSpace(strength(s.DHBits))}}
	case s.Group == "":
		return Remark{Name: "psk", Title: "The keys come from a secret that was there before", Text: []string{
			sentence(capital(s.exchange()))}}
	case s.PostQuantum:
		return Remark{Name: "post_quantum", Title: "A key exchange that resists quantum computers", Text: []string{
			"Both sides make two key shares for " + s.Group + ": one on an elliptic curve, one of ML-KEM, which rests on lattices. The secret comes from both, so it stays safe as long as one of them holds: against a recording that is kept until there are large quantum computers, too."}}
	}
	return Remark{Name: "ecdhe", Title: "A key exchange on an elliptic curve", Text: []string{
		"Each side makes a key pair for this connection alone (" + s.Group + ") and sends its public half. From the other's public half and its own private one each computes the same secret, which never crosses the wire. A large quantum computer could one day do so from a recording; a hybrid such as X25519MLKEM768 prevents that."}}
}

// middlebox reports whether TLS 1.3's dummy ChangeCipherSpec was seen.
func (s *Story) middlebox() bool {
	for i := range s.Steps {
		if s.Steps[i].Kind == KindCCS && s.Summary.Version == iana.TLS13.String() {
			return true
		}
	}
	return false
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
