package hs

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/cert"
	"github.com/handclasp/handclasp/internal/keys"
	"github.com/handclasp/handclasp/internal/suite"
	"github.com/handclasp/handclasp/internal/wire"
	"github.com/handclasp/handclasp/sign"
)

// The client of TLS 1.3 after its ServerHello (RFC 9846, Appendix A.1).
//
//	   WAIT_EE ------------------------------+
//	      |  EncryptedExtensions             |
//	      v                                  |
//	WAIT_CERT_CR ----------------+           |
//	      |  CertificateRequest  |           |  EncryptedExtensions
//	      v                      |           |  of a server that took
//	  WAIT_CERT                  |           |  a pre-shared key
//	      |  Certificate         |  Certifi- |
//	      v                      |  cate     |
//	   WAIT_CV <-----------------+           |
//	      |  CertificateVerify, and ask      |
//	      v  for a verdict on the chain      |
//	  VERIFYING                              |
//	      |  the verdict                     |
//	      v                                  |
//	WAIT_FINISHED <--------------------------+
//	      |  Finished; send EndOfEarlyData if it took early data, settings if it took application_settings;
//	      |  if the server asked, choose a certificate:
//	      |----> CHOOSING_CERT ----+   by the hook, if there is one
//	      |<-----------------------+
//	      |  send Certificate, and ask for a signature if it shows any
//	      |----> SIGNING ----------+
//	      |<-----------------------+   send CertificateVerify
//	      |  send Finished
//	      v
//	  CONNECTED --- NewSessionTicket, KeyUpdate ---> CONNECTED
//	      |  CertificateRequest; choose a certificate (RFC 9846, Section 4.7.2):
//	      |----> POST_CHOOSING_CERT ----+   by the hook, if there is one
//	      |<----------------------------+
//	      |  ask for a signature if it shows any
//	      |----> POST_SIGNING ----------+
//	      |<----------------------------+
//	      |  send Certificate, [CertificateVerify,] Finished
//	      v
//	  CONNECTED
var client13 = []edge[*client]{
	// from              on                                 do                              to
	{fault.WaitEE, trigger(iana.EncryptedExtensions), (*client).encryptedExtensions, to(fault.WaitCertCR, fault.WaitFinished)},
	{fault.WaitCertCR, trigger(iana.CertificateRequest), (*client).certificateRequest, to(fault.WaitCert)},
	{fault.WaitCertCR, trigger(iana.Certificate), (*client).certificate, to(fault.WaitCV)},
	{fault.WaitCert, trigger(iana.Certificate), (*client).certificate, to(fault.WaitCV)},
	{fault.WaitCV, trigger(iana.CertificateVerify), (*client).certificateVerify, to(fault.Verifying)},
	{fault.Verifying, answer, (*client).verified, to(fault.WaitFinished)},
	{fault.WaitFinished, trigger(iana.Finished), (*client).finished, to(fault.ChoosingCert, fault.Signing, fault.Connected)},
	{fault.ChoosingCert, answer, (*client).chosen, to(fault.Signing, fault.Connected)},
	{fault.Signing, answer, (*client).signed, to(fault.Connected)},
	{fault.Connected, trigger(iana.NewSessionTicket), (*client).newSessionTicket, to(fault.Connected)},
	{fault.Connected, trigger(iana.KeyUpdate), (*client).keyUpdate, to(fault.Connected)},
	{fault.Connected, trigger(iana.CertificateRequest), (*client).laterRequest, to(fault.PostChoosing, fault.PostSigning, fault.Connected)},
	{fault.PostChoosing, answer, (*client).chosen, to(fault.PostSigning, fault.Connected)},
	{fault.PostSigning, answer, (*client).signedLater, to(fault.Connected)},
}

// serverHello13 agrees on the keys of the handshake.
func (c *client) serverHello13(msg []byte, sh *wire.ServerHello) (fault.State, error) {
	if err := c.checkHello13(sh, iana.InServerHello); err != nil {
		return 0, err
	}
	if c.retry != nil && sh.CipherSuite != c.retry.CipherSuite {
		return 0, fault.RetrySuiteChanged.In("cipher_suite").Saw(sh.CipherSuite, c.retry.CipherSuite)
	}
	c.suite = suite.ByID(sh.CipherSuite)
	c.info.CipherSuite = sh.CipherSuite
	if c.retry == nil { // else it was told there
		c.tellVersion()
		c.tellSuite(sh.CipherSuite)
	}
	if err := c.takePSK(sh); err != nil {
		return 0, err
	}
	shared, err := c.agree(sh)
	if err != nil {
		return 0, err
	}
	c.transcript.Start(c.suite.Hash)
	c.transcript.Write(msg)
	if c.stage, c.traffic, err = c.handshakeKeys(shared); err != nil {
		return 0, err
	}
	c.compat()
	if err := c.Layer.SetRead(flow.Handshake, c.suite, c.traffic.server); err != nil {
		return 0, err
	}
	if c.info.EarlyData.State == flow.EarlyOffered {
		return fault.WaitEE, nil // more may go out until the server says no
	}
	return fault.WaitEE, c.Layer.SetWrite(flow.Handshake, c.suite, c.traffic.client)
}

// agree makes the shared secret from the server's share; nil if the server goes
// on with a pre-shared key alone.
func (c *client) agree(sh *wire.ServerHello) ([]byte, error) {
	defer func() { c.shares = nil }()
	if !sh.Extensions.Has(iana.ExtKeyShare) {
		switch {
		case c.preshared == nil:
			return nil, fault.ExtensionMissing.In("extensions").Saw("", "key_share")
		case !c.hello.PSKModes.Has(wire.PSKOnly):
			return nil, fault.PSKShareMissing.In("extensions").Saw("", "key_share")
		}
		return nil, nil
	}
	g := sh.KeyShare.Group
	if err := refuseGREASE("key_share.group", g); err != nil {
		return nil, err
	}
	key := c.share(g)
	if key == nil {
		return nil, fault.KeyShareGroup.In("key_share.group").Saw(g, join(c.shared()))
	}
	c.info.Group = g
	switch {
	case c.retry == nil:
		c.tellGroup(g, "; we had sent a key share for it, so no round trip was lost")
	case !c.retry.Extensions.Has(iana.ExtKeyShare): // else it was told there
		c.tellGroup(g, "; we had sent a key share for it")
	}
	return key.Shared(sh.KeyShare.Key)
}

func (c *client) shared() (groups []iana.Group) {
	for _, s := range c.shares {
		groups = append(groups, s.Group())
	}
	return groups
}

func (c *client) tellVersion() {
	c.tellChoice("version", c.info.Version.String(), func() offering { return offers(offeredVersions(&c.hello), anything) }, "")
}

func (c *client) tellSuite(id iana.CipherSuite) {
	c.tellChoice("cipher_suite", id.String(), func() offering { return offeredSuites(&c.hello, c.info.Version) }, "")
}

func (c *client) tellGroup(g iana.Group, more string) {
	c.tellChoice("group", g.String(), func() offering { return offeredGroups(&c.hello, anything) }, more)
}

// tellChoice says what the server chose from our hello.
func (c *client) tellChoice(what, chosen string, list func() offering, more string) {
	c.decided(func() flow.Decision {
		o := list()
		d := decision(what, o, nil)
		d.Chosen, d.Reason = chosen, o.rank(chosen)+more+"."
		return d
	})
}

// rank says what it means that a server chose from our list what it did.
func (o offering) rank(chosen string) string {
	fit, offered := o.fit(), "we offered"
	if len(o.unfit) > 0 {
		offered += " for " + o.of
	}
	switch at := slices.Index(fit, chosen); {
	case len(fit) == 1:
		return fmt.Sprintf("It is the only one that %s", offered)
	case at == 0:
		return fmt.Sprintf("It is the first of the %d that %s, so the one that we prefer", len(fit), offered)
	default:
		return fmt.Sprintf("It is number %d of the %d that %s: the server prefers this one, or does not know what stands before it", at+1, len(fit), offered)
	}
}

func (c *client) encryptedExtensions(msg []byte) (fault.State, error) {
	ee := &c.extensions
	if err := c.coder.Decode(msg, ee); err != nil {
		return 0, err
	}
	if err := checkExtensions(&ee.Extensions, iana.InEncryptedExtensions, &c.hello.Extensions); err != nil {
		return 0, err
	}
	if err := c.agreedALPN(ee.Extensions.Has(iana.ExtALPN), ee.ALPN); err != nil {
		return 0, err
	}
	if err := c.agreeRecordSize(&ee.Extensions, ee.RecordSizeLimit, ee.MaxFragment); err != nil {
		return 0, err
	}
	if err := c.answeredEarly(ee.Extensions.Has(iana.ExtEarlyData)); err != nil {
		return 0, err
	}
	c.settings = settingsIn(&ee.Extensions)
	c.transcript.Write(msg)
	if c.preshared != nil {
		return fault.WaitFinished, nil
	}
	return fault.WaitCertCR, nil
}

// agreedALPN notes the server's choice, if it made one.
func (c *client) agreedALPN(made bool, chosen [][]byte) error {
	if !made {
		if c.cfg.RequireALPN {
			return fault.ALPNMissing.In("application_layer_protocol_negotiation").Saw("", fmt.Sprintf("one of %q", c.params.ALPN))
		}
		return nil
	}
	if len(chosen) != 1 || !slices.ContainsFunc(c.hello.ALPN, func(p []byte) bool { return bytes.Equal(p, chosen[0]) }) {
		return fault.ServerALPN.In("application_layer_protocol_negotiation").Saw(joinQuoted(chosen), "one of "+joinQuoted(c.hello.ALPN))
	}
	c.info.ALPN = string(chosen[0])
	c.decided(func() flow.Decision {
		return flow.Decision{What: "application_protocol", By: fault.Server, Chosen: c.info.ALPN, Offered: quoted(c.hello.ALPN),
			Reason: "The server chose it from the protocols that we offered."}
	})
	return nil
}

// certificateRequest notes that the server wants a certificate of ours (RFC
// 9846, Section 4.4.2).
func (c *client) certificateRequest(msg []byte) (fault.State, error) {
	r, err := c.takeRequest(msg)
	if err != nil {
		return 0, err
	}
	if len(r.Context) > 0 {
		return 0, fault.CertificateContext.In("certificate_request_context")
	}
	c.transcript.Write(msg)
	return fault.WaitCert, nil
}

// cloneAll copies what outlives the message that it lies in.
func cloneAll(list [][]byte) [][]byte {
	if list == nil {
		return nil
	}
	own := make([][]byte, len(list))
	for i := range list {
		own[i] = bytes.Clone(list[i])
	}
	return own
}

// takeRequest reads a CertificateRequest, in the handshake or after.
func (c *client) takeRequest(msg []byte) (*wire.CertificateRequest, error) {
	r := new(wire.CertificateRequest)
	if err := c.coder.Decode(msg, r); err != nil {
		return nil, err
	}
	for _, t := range r.Extensions.Types() {
		if !t.AllowedIn(iana.InCertificateRequest) {
			return nil, fault.ExtensionMisplaced.In("extensions").Saw(t, "")
		}
	}
	if !r.Extensions.Has(iana.ExtSignatureAlgorithms) {
		return nil, fault.ExtensionMissing.In("extensions").Saw("", "signature_algorithms")
	}
	c.askedFor(&config.CertificateRequestInfo{
		SignatureSchemes: r.SignatureSchemes.Slice(), CertSchemes: r.CertSchemes.Slice(), Authorities: cloneAll(r.Authorities),
	})
	return r, nil
}

// certificate takes the server's chain (RFC 9846, Section 4.5.1), compressed or
// not: the transcript has it as it came. It is judged once the server has proven
// that it holds the key.
func (c *client) certificate(msg []byte) (fault.State, error) {
	sent := msg
	if iana.HandshakeType(msg[0]) == iana.CompressedCert {
		var err error
		if msg, err = c.expand(msg); err != nil {
			return 0, err
		}
	}
	m := &c.work.certificate
	raw, err := c.takeCertificate(msg, m, nil, &c.hello.Extensions)
	if err != nil {
		return 0, err
	}
	if c.chain, err = cert.Parse(raw, *c.Limits); err != nil {
		return 0, err
	}
	c.info.ServerCertificate = c.chain[0]
	c.info.OCSPResponse, c.info.SCTs = bytes.Clone(m.List[0].OCSP), cloneAll(m.List[0].SCTs)
	c.transcript.Write(sent)
	return fault.WaitCV, nil
}

// certificateVerify checks that the server holds the leaf's key, then asks for
// the verdict.
func (c *client) certificateVerify(msg []byte) (fault.State, error) {
	held, err := c.takeProof(msg, fault.Server, c.chain[0], c.hello.SignatureSchemes, c.overTranscript(c.chain[0], fault.Server))
	if err != nil {
		return 0, err
	}
	c.evidence.signature, c.info.SignatureScheme = held, held.scheme
	c.askVerdict()
	return fault.Verifying, nil
}

// askVerdict asks whether to believe the server's chain.
func (c *client) askVerdict() {
	c.waitFor(flow.NewVerifyAsk(flow.VerifyAsk{
		Of: fault.Server, Name: c.cfg.ServerName, Chain: c.chain, OCSP: c.info.OCSPResponse, SCTs: c.info.SCTs,
		Transport: c.suite.Exchange.Transport(),
	}, c.judged))
}

// judged receives the verdict.
func (c *client) judged(v *flow.Verdict, err error) {
	if !asks[*flow.VerifyAsk](&c.core) {
		return // the machine failed meanwhile, or was answered before
	}
	c.ask, c.verdict, c.refusal = nil, v, err
	c.Layer.Answered(c.step(answer, nil))
}

func (c *client) verified([]byte) (fault.State, error) {
	return fault.WaitFinished, c.takeVerdict()
}

// takeVerdict takes the answer as evidence, or refuses the server.
func (c *client) takeVerdict() error {
	c.info.Peer = c.verdict
	if c.refusal != nil {
		return fault.Wrap(c.refusal, fault.CertRefused)
	}
	c.evidence.chain = c.verdict
	c.proven(flow.Proven{What: "certificate", Of: fault.Server, Verdict: c.verdict})
	return nil
}

// finished checks the server's Finished. What the server sends from here on is
// under its application keys; what we still have to say is not.
func (c *client) finished(msg []byte) (fault.State, error) {
	var err error
	if c.evidence.finished, err = c.takeFinished13(msg, c.traffic.server); err != nil {
		return 0, err
	}
	if err := c.evidence.complete(demandIdentity); err != nil {
		return 0, err // before our Finished, on which the server would rely
	}
	if c.main, c.app, err = c.applicationKeys(c.stage); err != nil {
		return 0, err
	}
	if err := c.Layer.SetRead(flow.Application, c.suite, c.app.server); err != nil {
		return 0, err
	}
	if err := c.endEarly(); err != nil {
		return 0, err
	}
	if err := c.settle(); err != nil {
		return 0, err
	}
	if c.asked == nil {
		return c.connect()
	}
	return c.identify()
}

// prove13 sends our Certificate, empty if we have none (RFC 9846, Section
// 4.5.1), and asks for a signature over all that was said if it is not.
func (c *client) prove13() (fault.State, error) {
	var m wire.Certificate
	for _, der := range c.ownChain() {
		m.List = append(m.List, wire.CertificateEntry{Data: der})
	}
	if _, err := c.send(&m, flow.Handshake); err != nil {
		return 0, err
	}
	if c.own == nil {
		return c.connect()
	}
	return c.wantSignature(sign.CertificateVerifyInput(false, c.transcript.Sum())), nil
}

// signed proves that the certificate is ours.
func (c *client) signed([]byte) (fault.State, error) {
	if err := c.sendProof(flow.Handshake); err != nil {
		return 0, err
	}
	return c.connect()
}

// sendFinished sends our Finished (RFC 9846, Section 4.5.3).
func (c *core) sendFinished(base keys.Secret) error {
	c.end.VerifyData = c.suite.Hash.AppendFinished(c.work.finished[:0], base, c.transcript.Sum())
	_, err := c.send(&c.end, flow.Handshake)
	return err
}

// connect sends our Finished and goes over to the application keys. The
// handshake ends here.
func (c *client) connect() (fault.State, error) {
	if err := c.sendFinished(c.traffic.client); err != nil {
		return 0, err
	}
	if err := c.offerLater(); err != nil {
		return 0, err
	}
	c.keepResumption(c.main)
	return fault.Connected, c.Layer.SetWrite(flow.Application, c.suite, c.app.client)
}

// newSessionTicket is read, and kept by a client that resumes (RFC 9846, Section
// 4.7.1).
func (c *client) newSessionTicket(msg []byte) (fault.State, error) {
	m := new(wire.NewSessionTicket)
	if err := c.coder.Decode(msg, m); err != nil {
		return 0, err
	}
	c.keep(m)
	return fault.Connected, nil
}

func (c *client) keyUpdate(msg []byte) (fault.State, error) {
	return fault.Connected, c.updated(msg)
}

// updated follows the peer to its next keys (RFC 9846, Section 4.7.3).
func (c *core) updated(msg []byte) error {
	var m wire.KeyUpdate
	if err := c.coder.Decode(msg, &m); err != nil {
		return err
	}
	if m.Request > wire.UpdateRequested {
		return fault.KeyUpdateValue.In("request_update").Saw(m.Request, "0 or 1")
	}
	return c.Layer.PeerUpdated(m.Request == wire.UpdateRequested)
}
