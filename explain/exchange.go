package explain

import (
	"fmt"
	"strings"

	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/kex"
	"github.com/handclasp/handclasp/internal/wire"
)

// How the two sides of TLS 1.2 and below come by a secret. What the messages hold
// depends on the suite.

func (r *Recorder) serverKeyExchange(s *Step, m *wire.ServerKeyExchange) {
	x := m.Form.Exchange
	switch {
	case x.Signed():
		s.say("The server's key share, made for this connection alone, signed together with both randoms with the private key of its certificate. Nobody else can sign it, so it proves that the certificate is the server's and that nobody has put another share in its place; the fresh randoms make it fit no other connection.")
		s.say("The signature does not cover what the hellos offered. Only the Finished messages do.")
	case x.PreShared():
		s.say("What the server adds to a key that both sides hold already. Nothing in this message is signed: that the server knows the key shows in its Finished.")
	default:
		s.say("%s", meaning(m.Type()))
		s.say("We do not know the key exchange of %v, so these bytes are shown as they are.", r.facts.suite)
	}
	s.fact("carries", "psk_identity_hint", "hint", escape(string(m.Hint)))
	r.serverShare(s, m)
	if !x.Signed() {
		return
	}
	if r.facts.scheme = m.Scheme; m.Scheme != 0 {
		f := s.fact("proves with", "algorithm", "algorithm", m.Scheme.String())
		if strings.HasPrefix(m.Scheme.String(), "ecdsa_secp") {
			f.Note = "In TLS 1.2 the name says ECDSA and the hash; the curve may be another."
		}
	}
	s.fact("proves with", "signature", "signature", size(m.Signature))
	if r.facts.version < iana.TLS12 {
		s.say("%v names no algorithm here: an RSA key signs MD5 and SHA-1 side by side, an ECDSA key SHA-1. Both hash functions are broken, which is one reason to leave this version.", r.facts.version)
	}
}

// serverShare tells of the server's public key and of where it lies.
func (r *Recorder) serverShare(s *Step, m *wire.ServerKeyExchange) {
	switch m.Form.Exchange {
	case iana.ECDHE, iana.ECDHEPSK:
		r.facts.group = m.Group
		s.fact("sets", "namedcurve", "group", m.Group.String()).Note = exchange(m.Group)
		s.fact("gives", "public", "key share", count(len(m.Share), "byte"))
	case iana.DHE, iana.DHEPSK:
		r.facts.group = 0
		p := kex.Params{P: m.P, G: m.G}
		whose := "RFC 7919 does not name this one: the client can check its size and that dh_p is a prime, and no more."
		group, named := kex.IsNamed(p)
		if named {
			r.facts.group = group
			whose = "This one is named in RFC 7919, and known to be well made."
		}
		r.facts.prime = p.Bits()
		s.fact("sets", "dh_p", "group", r.facts.shared()).Note = "The server sends the field itself and no name for it: a prime, dh_p, and a generator, dh_g. Both sides raise the generator to a secret power, modulo the prime. " + whose + strength(r.facts.prime)
		s.fact("gives", "dh_Ys", "key share", count(len(m.Share), "byte"))
	}
}

func (r *Recorder) clientKeyExchange(s *Step, m *wire.ClientKeyExchange) {
	switch m.Form.Exchange {
	case iana.ECDHE, iana.ECDHEPSK:
		s.say("The client's key share, made for this connection alone. With it both sides have what they need to compute the same secret. What each did not send, its private half, it forgets afterwards, so no key that is found later opens a recording: this is forward secrecy. %s", r.lastInClear())
	case iana.DHE, iana.DHEPSK:
		s.say("The client's key share, made for this connection alone: a power of the generator. Each side raises the other's share to its own secret power, and both get the same number, which nobody else can compute. Both powers are forgotten, so no key that is found later opens a recording: this is forward secrecy. %s", r.lastInClear())
	case iana.RSAKeyTransport, iana.RSAPSK:
		s.say("The client has made a secret alone, 46 random bytes behind the version it offered, and encrypts it with the public key of the server's certificate. The server decrypts it, and both compute the same keys from it; that it can is the proof that the certificate is the server's.")
		s.say("If the decryption fails, the server goes on with a random secret, and no answer of its shows whether that was the cause: from such answers the secret could be worked out (Bleichenbacher, ROBOT; RFC 5246, Section 7.4.7.1).")
		key := "the private key"
		if m.Form.Exchange.PreShared() {
			s.say("It also names the pre-shared key that goes in besides.")
			key = "the private key and the pre-shared key"
		}
		s.say("There is no forward secrecy: who records this connection and gets hold of %s, even years later, decrypts this message and then all the rest. With ECDHE or DHE no such key exists, and TLS 1.3 has dropped this key exchange. %s", key, r.lastInClear())
	case iana.PSK:
		s.say("The client names the key that both sides hold already. Who gets hold of it, even years later, can read everything. %s", r.lastInClear())
	default:
		s.say("%s", meaning(m.Type()))
		s.say("We do not know the key exchange of %v, so these bytes are shown as they are.", r.facts.suite)
	}
	s.fact("names", "psk_identity", "pre-shared key", escape(string(m.Identity)))
	switch m.Form.Exchange {
	case iana.ECDHE, iana.ECDHEPSK:
		s.fact("gives", "ecdh_Yc", "key share", share(r.facts.group, m.Share))
	case iana.DHE, iana.DHEPSK:
		s.fact("gives", "dh_Yc", "key share", count(len(m.Share), "byte"))
	case iana.RSAKeyTransport, iana.RSAPSK:
		s.fact("gives", "encrypted_pre_master_secret", "encrypted secret", size(m.Encrypted))
	}
}

// strength is a warning for a short modulus.
func strength(bits int) string {
	if bits >= 2048 {
		return ""
	}
	return fmt.Sprintf(" %d bits are few: who can afford much computing can break such a field, once for all who use it (Logjam).", bits)
}

func share(g iana.Group, point []byte) string {
	if g == 0 {
		return count(len(point), "byte")
	}
	return fmt.Sprintf("%v (%s)", g, count(len(point), "byte"))
}

// lastInClear is for the ClientKeyExchange, which a CertificateVerify follows if
// the client has shown a certificate.
func (r *Recorder) lastInClear() string {
	switch {
	case r.facts.again:
		return "It travels under the keys of the handshake before."
	case r.facts.shown:
		return "Only the proof for the client's certificate still follows in the clear."
	}
	return "It is the last handshake message that the client sends in the clear."
}
