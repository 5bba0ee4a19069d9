package hs

import (
	"crypto/rsa"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/kex"
	"github.com/handclasp/handclasp/internal/suite"
	"github.com/handclasp/handclasp/internal/wire"
)

// How the premaster secret comes about in TLS 1.2 and below. There the cipher
// suite names the key exchange, and with it which messages there are:
//
//	              Certificate  ServerKeyExchange        ClientKeyExchange     premaster secret
//	ECDHE         yes          curve, point, signature  point                 shared
//	DHE           yes          p, g, Ys, signature      Yc                    shared
//	RSA           yes          no                       encrypted premaster   as the client made it
//	PSK           no           a hint, if there is any  identity              zeros + PSK
//	DHE_PSK       no           hint, p, g, Ys           identity, Yc          shared + PSK
//	ECDHE_PSK     no           hint, curve, point       identity, point       shared + PSK
//	RSA_PSK       yes          a hint, if there is any  identity, encrypted   made + PSK
//
// (RFC 5246, Section 7.4; RFC 8422, Section 5; RFC 4279; RFC 5489.)

// settledExchange notes what the suite means for the future: whoever records the
// connection today may get hold of a key tomorrow. A ticket that is due holds the
// master secret.
func (c *core) settledExchange(ticket bool) {
	c.info.KeyExchange = c.suite.Exchange
	if c.info.Resumed {
		c.decided(func() flow.Decision {
			return flow.Decision{What: "key_exchange", By: fault.Server, Reason: "There is none: all keys come from the session's master secret, so who gets hold of that, or of the key that its ticket is sealed with, can read a recording of this connection. There is no forward secrecy."}
		})
		return
	}
	c.info.ForwardSecrecy = c.suite.ForwardSecret()
	c.decided(func() flow.Decision {
		d := flow.Decision{What: "key_exchange", By: fault.Server, Chosen: c.suite.Exchange.String(), Reason: prospects(c.suite)}
		if ticket && c.info.ForwardSecrecy {
			d.Reason += " What can is the key that the server's ticket is sealed with, until the server throws it away: the ticket holds the master secret."
		}
		return d
	})
}

// prospects says who could read a recording of the connection later.
func prospects(s *suite.Suite) string {
	switch {
	case s.ForwardSecret():
		return "Both sides make a fresh key for this connection alone and forget it: who gets hold of the certificate's key later can't read a recording of it."
	case s.Exchange == iana.RSAKeyTransport, s.Exchange == iana.RSAPSK:
		return "The client makes the secret alone and encrypts it to the certificate's key: who gets hold of that key later can read a recording of every such connection. There is no forward secrecy."
	}
	return "All keys come from the pre-shared key and what is sent in the clear: who gets hold of it later can read a recording of every such connection. There is no forward secrecy."
}

// withPSK joins what the key exchange gave with the pre-shared key (RFC 4279,
// Section 2). It clears other.
func withPSK(other, psk []byte) []byte {
	out := binary.BigEndian.AppendUint16(nil, uint16(len(other)))
	out = append(out, other...)
	out = binary.BigEndian.AppendUint16(out, uint16(len(psk)))
	clear(other)
	return append(out, psk...)
}

// The client's half.

// checkServerParams refuses parameters of the server that the hello rules out or
// that are too weak (RFC 8422, Section 5.4; RFC 7919, Section 3).
func (c *client) checkServerParams(m *wire.ServerKeyExchange) error {
	switch {
	case c.suite.Exchange.Curve():
		if !c.hello.Groups.Has(m.Group) || !kex.Curve(m.Group) {
			return fault.ServerGroup.In("namedcurve").Saw(m.Group, join(c.hello.Groups.Slice()))
		}
		c.info.Group = m.Group
		c.tellChoice("group", m.Group.String(), func() offering { return offeredGroups(&c.hello, kex.Curve) }, "")
	case c.suite.Exchange.Finite():
		p := kex.Params{P: m.P, G: m.G}
		if err := kex.CheckParams(p, c.cfg.MinDHBits); err != nil {
			return err
		}
		c.info.DHBits = p.Bits()
		c.info.Group, _ = kex.IsNamed(p)
		c.tellDH()
	}
	return nil
}

// tellDH says which finite-field group the server chose.
func (c *client) tellDH() {
	c.decided(func() flow.Decision {
		d := decision("group", offeredGroups(&c.hello, kex.Finite), nil)
		if c.info.Group != 0 {
			d.Chosen, d.Reason = c.info.Group.String(), "The server sent the parameters of this group of RFC 7919."
			return d
		}
		d.Chosen = fmt.Sprintf("its own %d-bit group", c.info.DHBits)
		d.Reason = "The server sent parameters of its own making: TLS 1.2 lets it, and the client can check no more than their size and form."
		return d
	})
}

// respond makes our half of the secret: the message that carries it, and the
// premaster secret.
func (c *client) respond() (m *wire.ClientKeyExchange, premaster []byte, err error) {
	m = &wire.ClientKeyExchange{Form: c.form()}
	x := c.suite.Exchange
	switch {
	case x.Curve():
		m.Share, premaster, err = kex.Respond(c.offered.Group, c.Rand, c.offered.Share)
	case x.Finite():
		m.Share, premaster, err = kex.RespondDH(kex.Params{P: c.offered.P, G: c.offered.G}, c.offered.Share, c.Rand)
	case x.Transport():
		m.Encrypted, premaster, err = c.encryptPremaster()
	}
	if err != nil || !x.PreShared() {
		return m, premaster, err
	}
	psk := config.PSK12(c.cfg.PSKs)
	m.Identity, c.info.PSKIdentity = psk.Identity, slices.Clone(psk.Identity)
	if premaster == nil {
		premaster = make([]byte, len(psk.Key))
	}
	return m, withPSK(premaster, psk.Key), nil
}

// encryptPremaster makes the premaster secret alone. It begins with the version
// that the hello offers, so that nobody can lower that unnoticed (RFC 5246,
// Section 7.4.7.1).
func (c *client) encryptPremaster() (encrypted, premaster []byte, err error) {
	pub := c.chain[0].PublicKey.(*rsa.PublicKey) // checkSuiteKey saw to that
	if premaster, err = kex.NewPremaster(c.Rand, c.hello.LegacyVersion); err != nil {
		return nil, nil, err
	}
	encrypted, err = kex.EncryptPremaster(c.Rand, pub, premaster)
	return encrypted, premaster, err
}

// The server's half.

// offerExchange is our ServerKeyExchange without its signature, or nil if this key
// exchange has none.
func (s *server) offerExchange() (*wire.ServerKeyExchange, error) {
	x := s.suite.Exchange
	m := &wire.ServerKeyExchange{Form: s.form(), Scheme: s.scheme}
	if x.PreShared() {
		m.Hint = []byte(s.cfg.PSKHint)
	}
	if !x.Curve() && !x.Finite() {
		if len(m.Hint) == 0 {
			return nil, nil
		}
		return m, nil
	}
	var err error
	if s.key, err = kex.Generate(s.group, s.Rand); err != nil {
		return nil, err
	}
	if x.Finite() {
		p := kex.ParamsOf(s.group)
		m.P, m.G, s.info.DHBits = p.P, p.G, p.Bits()
	} else {
		m.Group = s.group
	}
	m.Share = s.key.Public()
	return m, nil
}

// accept reads the client's half. Secret is nil if it must be decrypted first,
// which goes by an Ask.
func (s *server) accept(m *wire.ClientKeyExchange) (secret []byte, err error) {
	switch x := s.suite.Exchange; {
	case x.Curve():
		return s.key.Shared(m.Share)
	case x.Finite():
		return s.key.Premaster(m.Share)
	case x.Transport():
		return nil, s.askDecryption(m.Encrypted)
	}
	return make([]byte, len(s.psk)), nil
}

// askDecryption asks for the premaster secret. What stands in for it if anything
// about the message is wrong is drawn first, so that nothing tells the cases
// apart, neither an error nor time (RFC 5246, Section 7.4.7.1: Bleichenbacher).
func (s *server) askDecryption(encrypted []byte) error {
	substitute, err := kex.NewPremaster(s.Rand, s.hello.LegacyVersion)
	if err != nil {
		return err
	}
	s.waitFor(flow.NewDecryptAsk(flow.DecryptAsk{
		Decrypter: s.certs[s.cert].Decrypter(), Ciphertext: encrypted, Offered: s.hello.LegacyVersion, Substitute: substitute,
	}, s.decryption))
	return nil
}

// decryption receives the premaster secret.
func (s *server) decryption(premaster []byte) {
	if !asks[*flow.DecryptAsk](&s.core) {
		return // the machine failed meanwhile, or was answered before
	}
	s.ask, s.premaster = nil, premaster
	s.Layer.Answered(s.step(answer, nil))
}

// findPSK looks up the key of an identity. For one that nobody knows a random key
// stands in, so that it fails as a wrong key does and nobody can list
// identities (RFC 4279, Section 2).
func (s *server) findPSK(identity []byte) error {
	s.psk = make([]byte, 32)
	if err := s.random(s.psk); err != nil {
		return err
	}
	if i := slices.IndexFunc(s.cfg.PSKs, func(p config.PSK) bool { return string(p.Identity) == string(identity) && !p.Imported() }); i >= 0 {
		p := &s.cfg.PSKs[i]
		s.psk, s.pskDigest, s.info.PSKIdentity = p.Key, digest(p), slices.Clone(identity)
	}
	return nil
}
