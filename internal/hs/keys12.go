package hs

import (
	"crypto/x509"
	"slices"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/cert"
	"github.com/handclasp/handclasp/internal/keys"
	"github.com/handclasp/handclasp/internal/suite"
	"github.com/handclasp/handclasp/internal/wire"
	"github.com/handclasp/handclasp/sign"
)

// secrets12 is what both roles of TLS 1.2 keep between their hellos and their
// Finished.
type secrets12 struct {
	clientRandom, serverRandom [32]byte
	main                       *keys.Master12
	client, server             keys.WriteKeys
}

// of gives the keys that role writes with.
func (s *secrets12) of(role fault.Role) keys.WriteKeys {
	if role == fault.Client {
		return s.client
	}
	return s.server
}

// form is how messages are to be read that do not tell it themselves. The suite is
// chosen by then.
func (c *core) form() wire.Form {
	return wire.Form{Version: c.info.Version, Exchange: c.suite.ID.KeyExchange()}
}

// signed is what the signature of a ServerKeyExchange covers (RFC 5246, Section
// 7.4.3).
func (s *secrets12) signed(params []byte) []byte {
	return slices.Concat(s.clientRandom[:], s.serverRandom[:], params)
}

// implied are the schemes of TLS 1.1 and below, where the key alone says how it
// signs; see sign.Legacy.
var implied = []iana.SignatureScheme{iana.ECDSA_SHA1, iana.RSA_PKCS1_MD5_SHA1}

// checkSignature12 verifies a ServerKeyExchange or CertificateVerify.
func (c *core) checkSignature12(leaf *x509.Certificate, s iana.SignatureScheme, signed, signature []byte) (*signatureHeld, error) {
	var err error
	if c.info.Version < iana.TLS12 {
		err = sign.VerifyLegacy(leaf.PublicKey, signed, signature)
	} else {
		err = sign.Verify12(leaf.PublicKey, s, signed, signature)
	}
	if err != nil {
		return nil, err
	}
	return &signatureHeld{s}, nil
}

// checkSuiteKey: in TLS 1.2 the suite names the kind of key that signs.
func checkSuiteKey(s *suite.Suite, leaf *x509.Certificate) error {
	if !s.Auth.Fits(leaf.PublicKey) {
		return fault.SuiteKeyMismatch.In("certificate_list").Saw(cert.Describe(leaf), s.Auth.String()+" for "+s.ID.String())
	}
	return nil
}

// derive12 goes from the premaster secret, which it clears, to the keys of both
// directions; the transcript ends with ClientKeyExchange (RFC 5246, Sections
// 8.1 and 6.3; RFC 7627).
func (c *core) derive12(premaster []byte) error {
	defer clear(premaster)
	s, h := &c.secrets, c.suite.PRF(c.info.Version)
	if err := c.born("", nil, flow.Secret{Label: "premaster_secret", Derived: "key exchange", Protects: "nothing itself: the master secret comes from it"}); err != nil {
		return err
	}
	var master keys.Secret
	if c.info.ExtendedMasterSecret {
		master = h.ExtendedMasterSecret(premaster, c.transcript.Sum())
	} else {
		master = h.MasterSecret(premaster, s.clientRandom[:], s.serverRandom[:])
	}
	err := c.born(keys.LogMaster12, master, flow.Secret{Label: "master_secret", Derived: "premaster_secret",
		Protects: "nothing itself: all keys of the connection come from it"})
	if err != nil {
		return err
	}
	return c.keys12(master)
}

// tellOldSuite says why a session that is resumed has its suite.
func (c *core) tellOldSuite(h *wire.ClientHello) {
	c.decided(func() flow.Decision {
		d := decision("cipher_suite", offeredSuites(h, c.info.Version), nil)
		d.Chosen, d.Reason = c.suite.ID.String(), "It is the one of the session."
		return d
	})
}

// keys12 goes from the master secret, which it keeps, to the keys of both
// directions.
func (c *core) keys12(master keys.Secret) error {
	s := &c.secrets
	s.main = keys.NewMaster12(c.suite.PRF(c.info.Version), master, s.clientRandom[:], s.serverRandom[:])
	s.client, s.server = s.main.KeyBlock(c.suite.Lengths(c.info.Version))
	for _, k := range [...]flow.Secret{
		{Label: "client_write_key", Writer: fault.Client, Protects: "all that the client sends after its ChangeCipherSpec"},
		{Label: "server_write_key", Writer: fault.Server, Protects: "all that the server sends after its ChangeCipherSpec"},
	} {
		k.Derived = "master_secret"
		if err := c.born("", nil, k); err != nil {
			return err
		}
	}
	return nil
}

// sendFinished12 switches our direction to its keys and sends our Finished.
func (c *core) sendFinished12() error {
	verify := c.secrets.main.Finished(c.role, c.transcript.Sum())
	c.Layer.ChangeCipherSpec()
	if err := c.Layer.SetWrite12(c.suite, c.secrets.of(c.role), c.protection()); err != nil {
		return err
	}
	c.noteFinished(c.role, verify)
	c.end.VerifyData = verify
	_, err := c.send(&c.end, flow.Application)
	return err
}

// noteFinished keeps what a renegotiation is tied to, and what tls-unique is (RFC
// 5929, Section 3.1): the first of the two. Where that is the server's, the
// connection was resumed, and without extended master secret another one could
// have the same (RFC 7627, Section 6.2).
func (c *core) noteFinished(of fault.Role, verify []byte) {
	first := len(c.verify[fault.Client])+len(c.verify[fault.Server]) == 0
	c.verify[of] = verify
	if !first {
		return
	}
	if of == fault.Client || c.info.ExtendedMasterSecret {
		c.info.TLSUnique = slices.Clone(verify)
	}
}

// peerChanged switches the peer's direction to its keys.
func (c *core) peerChanged() error {
	return c.Layer.SetRead12(c.suite, c.secrets.of(c.role.Peer()), c.protection())
}

// protection is what besides the suite decides how records look.
func (c *core) protection() suite.Options12 {
	return suite.Options12{Version: c.info.Version, EncryptThenMAC: c.info.EncryptThenMAC, Rand: c.Rand}
}

// impliedOr is the scheme of a peer's signature: the one it names, if we offered
// that, or in TLS 1.1 and below the one that its key implies (RFC 4346, Section
// 7.4.3).
func (c *core) impliedOr(named iana.SignatureScheme, leaf *x509.Certificate, offered wire.List16[iana.SignatureScheme]) (iana.SignatureScheme, error) {
	if c.info.Version < iana.TLS12 {
		if implied, ok := sign.Legacy(leaf.PublicKey); ok {
			return implied, nil
		}
		return 0, fault.SuiteKeyMismatch.In("certificate_list").Saw(cert.Describe(leaf), "a key that "+c.info.Version.String()+" can sign with: RSA or ECDSA")
	}
	if !offered.Has(named) {
		return 0, fault.SignatureSchemeRefused.In("algorithm").Saw(named, join(offered.Slice()))
	}
	return named, nil
}

// takeFinished12 reads the peer's Finished, made with the master secret (RFC
// 5246, Section 7.4.9).
func (c *core) takeFinished12(msg []byte) (*finishedHeld, error) {
	verify := c.secrets.main.Finished(c.role.Peer(), c.transcript.Sum())
	c.noteFinished(c.role.Peer(), verify)
	return c.takeFinished(msg, verify)
}

// keepExporter leaves of the secrets what an exporter needs. Without extended
// master secret there is none: another connection might have the same (RFC
// 7627, Section 6.3).
func (c *core) keepExporter() {
	if c.info.ExtendedMasterSecret {
		c.secrets.main.Rest()
		c.exporter = &Exporter{main: c.secrets.main}
	} else {
		c.secrets.main.Wipe()
	}
	c.secrets.client.Wipe()
	c.secrets.server.Wipe()
	c.secrets = secrets12{}
}
