package hs

import (
	"bytes"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/cert"
	"github.com/handclasp/handclasp/internal/suite"
	"github.com/handclasp/handclasp/internal/wire"
)

// The client of TLS 1.2 and below after its ServerHello (RFC 5246, Section 7.3;
// the diagram's names are ours, in the manner of TLS 1.3's). Which messages the
// server's flight has depends on the key exchange: see exchange.go. Where the
// server promised a staple, CertificateStatus may come before the next message,
// in states of their own: WAIT_STATUS_SKE, WAIT_STATUS_CR_SHD and
// WAIT_STATUS_SKE_SHD. A server that resumes our session goes on to WAIT_NST or
// WAIT_CCS at once, and we send ChangeCipherSpec and Finished after it (RFC 5077,
// Section 3.1).
//
//	 WAIT_CERT                                   WAIT_PSK_SKE    WAIT_PSK_SKE_SHD
//	     |  Certificate                               |   (EC)DHE_PSK    |  PSK
//	     +-------------+---------------+              |                  |
//	     |  (EC)DHE    |  RSA          |  RSA_PSK     |                  |
//	     v             |               v              |                  |
//	  WAIT_SKE         |         WAIT_SKE_SHD         |  Server-         |  [Server-
//	     |  Server-    |               |  [Server-    |  KeyExchange     |  KeyExchange]
//	     |  KeyExchange|               |  KeyExchange]|                  |
//	     v             v               v              v                  |
//	WAIT_CR_SHD <------+           WAIT_SHD      WAIT_PSK_SHD <----------+
//	     |  CertificateRequest         |              |
//	     +------> WAIT_SHD             |              |  ServerHelloDone:
//	     |            |  ServerHelloDone, and ask for |  nobody to judge
//	     v            v  a verdict     |              |
//	 VERIFYING <------+----------------+              |
//	     |  the verdict; if the server asked, choose  |
//	     |  a certificate:                            |
//	     |----> CHOOSING_CERT ----+   by the hook, if there is one
//	     |<-----------------------+                   |
//	     |  send [Certificate,] ClientKeyExchange, and ask for a signature
//	     |  if there is a certificate                 |
//	     |----> SIGNING ----------+                   |
//	     |<-----------------------+   send CertificateVerify
//	     |  send ChangeCipherSpec, Finished           |
//	     v                                            |
//	  [WAIT_NST] <------------------------------------+
//	     |  NewSessionTicket, if the server promised it
//	     v
//	  WAIT_CCS
//	     |  ChangeCipherSpec
//	     v
//	WAIT_FINISHED
//	     |  Finished
//	     v
//	 CONNECTED <---+  HelloRequest, if the configuration leaves it unanswered
//	     |  |------+
//	     |  HelloRequest, if the configuration lets the server renegotiate
//	     v
//	RENEGOTIATING
//	     |  once nothing else is sent: send ClientHello
//	     v
//	  WAIT_SH, as in the beginning: see clientAgain
var client12 = []edge[*client]{
	// from              on                                  do                                to
	{fault.WaitCert, trigger(iana.Certificate), (*client).certificate12, to(fault.WaitStatusSKE, fault.WaitSKE, fault.WaitStatusCRSHD, fault.WaitCRSHD, fault.WaitStatusSKESHD, fault.WaitSKESHD)},
	{fault.WaitStatusSKE, trigger(iana.CertificateStatus), (*client).certificateStatus, to(fault.WaitSKE)},
	{fault.WaitStatusSKE, trigger(iana.ServerKeyExchange), (*client).serverKeyExchange, to(fault.WaitCRSHD)},
	{fault.WaitSKE, trigger(iana.ServerKeyExchange), (*client).serverKeyExchange, to(fault.WaitCRSHD)},
	{fault.WaitStatusCRSHD, trigger(iana.CertificateStatus), (*client).certificateStatus, to(fault.WaitCRSHD)},
	{fault.WaitStatusCRSHD, trigger(iana.CertificateRequest), (*client).certificateRequest12, to(fault.WaitSHD)},
	{fault.WaitStatusCRSHD, trigger(iana.ServerHelloDone), (*client).serverHelloDone, to(fault.Verifying)},
	{fault.WaitStatusSKESHD, trigger(iana.CertificateStatus), (*client).certificateStatus, to(fault.WaitSKESHD)},
	{fault.WaitStatusSKESHD, trigger(iana.ServerKeyExchange), (*client).serverKeyExchange, to(fault.WaitSHD)},
	{fault.WaitStatusSKESHD, trigger(iana.ServerHelloDone), (*client).serverHelloDone, to(fault.Verifying)},
	{fault.WaitSKESHD, trigger(iana.ServerKeyExchange), (*client).serverKeyExchange, to(fault.WaitSHD)},
	{fault.WaitSKESHD, trigger(iana.ServerHelloDone), (*client).serverHelloDone, to(fault.Verifying)},
	{fault.WaitCRSHD, trigger(iana.CertificateRequest), (*client).certificateRequest12, to(fault.WaitSHD)},
	{fault.WaitCRSHD, trigger(iana.ServerHelloDone), (*client).serverHelloDone, to(fault.Verifying)},
	{fault.WaitSHD, trigger(iana.ServerHelloDone), (*client).serverHelloDone, to(fault.Verifying)},
	{fault.WaitPSKSKE, trigger(iana.ServerKeyExchange), (*client).serverKeyExchange, to(fault.WaitPSKSHD)},
	{fault.WaitPSKSKESHD, trigger(iana.ServerKeyExchange), (*client).serverKeyExchange, to(fault.WaitPSKSHD)},
	{fault.WaitPSKSKESHD, trigger(iana.ServerHelloDone), (*client).pskHelloDone, to(fault.WaitNST, fault.WaitCCS)},
	{fault.WaitPSKSHD, trigger(iana.ServerHelloDone), (*client).pskHelloDone, to(fault.WaitNST, fault.WaitCCS)},
	{fault.Verifying, answer, (*client).verified12, to(fault.ChoosingCert, fault.Signing, fault.WaitNST, fault.WaitCCS)},
	{fault.ChoosingCert, answer, (*client).chosen, to(fault.Signing, fault.WaitNST, fault.WaitCCS)},
	{fault.Signing, answer, (*client).signed12, to(fault.WaitNST, fault.WaitCCS)},
	{fault.WaitNST, trigger(iana.NewSessionTicket), (*client).newSessionTicket12, to(fault.WaitCCS)},
	{fault.WaitCCS, changeCipherSpec, (*client).changeCipherSpec12, to(fault.WaitFinished)},
	{fault.WaitFinished, trigger(iana.Finished), (*client).finished12, to(fault.Connected)},
	{fault.Connected, trigger(iana.HelloRequest), (*client).helloRequest, to(fault.Connected, fault.Renegotiating)},
	{fault.Renegotiating, answer, (*client).renegotiate, to(fault.WaitSH)},
}

// serverHello12 notes what the server agreed to.
func (c *client) serverHello12(msg []byte, sh *wire.ServerHello) (fault.State, error) {
	c.shares = nil // they were for TLS 1.3
	if err := checkServerExtensions12(sh, &c.hello); err != nil {
		return 0, err
	}
	if err := c.checkRenegotiation(sh); err != nil {
		return 0, err
	}
	c.suite = suite.ByID(sh.CipherSuite)
	if err := c.takeOld(sh); err != nil {
		return 0, err
	}
	if err := c.agreedALPN(sh.Extensions.Has(iana.ExtALPN), sh.ALPN); err != nil {
		return 0, err
	}
	if err := c.agreeRecordSize(&sh.Extensions, sh.RecordSizeLimit, sh.MaxFragment); err != nil {
		return 0, err
	}
	c.info.CipherSuite = sh.CipherSuite
	c.info.Compat = false
	c.info.ExtendedMasterSecret = sh.Extensions.Has(iana.ExtExtendedMasterSecret)
	c.info.SecureRenegotiation = sh.Extensions.Has(iana.ExtRenegotiationInfo)
	c.stapled, c.ticketDue = sh.Extensions.Has(iana.ExtStatusRequest), sh.Extensions.Has(iana.ExtSessionTicket)
	if !c.info.Resumed {
		c.info.SCTs = cloneAll(sh.SCTs)
	}
	c.secrets.clientRandom, c.secrets.serverRandom = c.hello.Random, sh.Random
	c.tellVersion()
	if c.info.Resumed {
		c.tellOldSuite(&c.hello)
	} else {
		c.tellSuite(sh.CipherSuite)
	}
	c.info.EncryptThenMAC = sh.Extensions.Has(iana.ExtEncryptThenMAC)
	if c.info.EncryptThenMAC && !c.suite.CBC() {
		return 0, fault.EncryptThenMACSuite.In("encrypt_then_mac").Saw(c.suite.ID, "a CBC suite")
	}
	c.settledExchange(c.ticketDue)
	if c.canShow() && !c.info.Resumed {
		c.transcript.Keep()
	}
	c.transcript.Start(c.suite.PRF(c.info.Version))
	c.transcript.Write(msg)
	c.Layer.SetVersion(c.info.Version)
	switch x := c.suite.Exchange; {
	case c.info.Resumed:
		return c.goOn12()
	case c.suite.Auth != suite.NoKey:
		return fault.WaitCert, nil
	case x.Curve() || x.Finite():
		return fault.WaitPSKSKE, c.sameServer(nil)
	}
	return fault.WaitPSKSKESHD, c.sameServer(nil)
}

// checkServerExtensions12 refuses what a ServerHello of TLS 1.2 can't carry.
// Many servers echo supported_groups, which means nothing and harms nobody.
func checkServerExtensions12(sh *wire.ServerHello, asked *wire.ClientHello) error {
	for _, t := range sh.Extensions.Types() {
		switch t {
		case iana.ExtKeyShare, iana.ExtPreSharedKey, iana.ExtEarlyData, iana.ExtSupportedVersions, iana.ExtCookie,
			iana.ExtPSKKeyExchangeModes, iana.ExtSignatureAlgorithms, iana.ExtSignatureAlgorithmsCert:
			return fault.ExtensionMisplaced.In("extensions").Saw(t, "")
		}
		if !asked.Extensions.Has(t) && !(t == iana.ExtRenegotiationInfo && offersSecureRenegotiation(asked)) {
			return fault.ExtensionUnsolicited.In("extensions").Saw(t, "")
		}
		if err := refuseGREASE("extensions", t); err != nil {
			return err
		}
	}
	if sh.Extensions.Has(iana.ExtECPointFormats) && !sh.PointFormats.Has(wire.Uncompressed) {
		return fault.PointFormats.In("ec_point_formats").Saw("", wire.Uncompressed)
	}
	return nil
}

func (c *client) certificate12(msg []byte) (fault.State, error) {
	var m wire.Certificate12
	if err := c.coder.Decode(msg, &m); err != nil {
		return 0, err
	}
	var err error
	if c.chain, err = cert.Parse(m.List, *c.Limits); err != nil {
		return 0, err
	}
	c.info.ServerCertificate = c.chain[0]
	if err := c.sameServer(c.chain[0].Raw); err != nil {
		return 0, err
	}
	if err := checkSuiteKey(c.suite, c.chain[0]); err != nil {
		return 0, err
	}
	c.transcript.Write(msg)
	next := map[bool]fault.State{false: fault.WaitSKE, true: fault.WaitStatusSKE}
	switch c.suite.Exchange {
	case iana.RSAKeyTransport:
		next = map[bool]fault.State{false: fault.WaitCRSHD, true: fault.WaitStatusCRSHD}
	case iana.RSAPSK:
		next = map[bool]fault.State{false: fault.WaitSKESHD, true: fault.WaitStatusSKESHD}
	}
	return next[c.stapled], nil
}

// certificateStatus carries the stapled OCSP answer (RFC 6066, Section 8). A
// server that promised one may still leave it out.
func (c *client) certificateStatus(msg []byte) (fault.State, error) {
	var m wire.CertificateStatus
	if err := c.coder.Decode(msg, &m); err != nil {
		return 0, err
	}
	c.info.OCSPResponse = bytes.Clone(m.OCSP)
	c.transcript.Write(msg)
	switch c.state {
	case fault.WaitStatusCRSHD:
		return fault.WaitCRSHD, nil
	case fault.WaitStatusSKESHD:
		return fault.WaitSKESHD, nil
	}
	return fault.WaitSKE, nil
}

// serverKeyExchange takes the server's half of the secret and, where it is signed,
// checks that the server holds the leaf's key (RFC 5246, Section 7.4.3). Our
// half waits until we know whom we speak with.
func (c *client) serverKeyExchange(msg []byte) (fault.State, error) {
	m := &wire.ServerKeyExchange{Form: c.form()}
	if err := c.coder.Decode(msg, m); err != nil {
		return 0, err
	}
	if err := refuseGREASE("namedcurve", m.Group); err != nil {
		return 0, err
	}
	if err := refuseGREASE("algorithm", m.Scheme); err != nil {
		return 0, err
	}
	if err := c.checkServerParams(m); err != nil {
		return 0, err
	}
	if c.suite.Exchange.Signed() {
		if err := c.checkServerSignature(m); err != nil {
			return 0, err
		}
	}
	c.offered = m
	c.transcript.Write(msg)
	switch {
	case c.suite.Auth == suite.NoKey:
		return fault.WaitPSKSHD, nil
	case c.suite.Exchange.PreShared():
		return fault.WaitSHD, nil
	}
	return fault.WaitCRSHD, nil
}

// checkServerSignature verifies the ServerKeyExchange.
func (c *client) checkServerSignature(m *wire.ServerKeyExchange) error {
	scheme, err := c.impliedOr(m.Scheme, c.chain[0], c.hello.SignatureSchemes)
	if err != nil {
		return err
	}
	if c.evidence.signature, err = c.checkSignature12(c.chain[0], scheme, c.secrets.signed(m.Params()), m.Signature); err != nil {
		return err
	}
	c.info.SignatureScheme = scheme
	c.proven(flow.Proven{What: "signature", Of: fault.Server, Scheme: scheme})
	return nil
}

func (c *client) certificateRequest12(msg []byte) (fault.State, error) {
	m := wire.CertificateRequest12{Form: c.form()}
	if err := c.coder.Decode(msg, &m); err != nil {
		return 0, err
	}
	r := &config.CertificateRequestInfo{SignatureSchemes: m.SignatureSchemes.Slice(), Authorities: cloneAll(m.Authorities)}
	if c.info.Version < iana.TLS12 {
		r.SignatureSchemes = implied
	}
	for i := range m.Types.Len() {
		r.CertificateTypes = append(r.CertificateTypes, m.Types.At(i))
	}
	c.askedFor(r)
	c.transcript.Write(msg)
	return fault.WaitSHD, nil
}

func (c *client) serverHelloDone(msg []byte) (fault.State, error) {
	if err := c.coder.Decode(msg, new(wire.ServerHelloDone)); err != nil {
		return 0, err
	}
	if c.asked == nil {
		c.transcript.Forget()
	}
	c.transcript.Write(msg)
	c.askVerdict()
	return fault.Verifying, nil
}

// pskHelloDone goes on to the client's flight: the pre-shared key proves both
// sides, and there is nobody to judge.
func (c *client) pskHelloDone(msg []byte) (fault.State, error) {
	if err := c.coder.Decode(msg, new(wire.ServerHelloDone)); err != nil {
		return 0, err
	}
	c.transcript.Forget()
	c.transcript.Write(msg)
	return c.prove12()
}

// verified12 goes on to the client's flight, now that we know whom we speak
// with.
func (c *client) verified12([]byte) (fault.State, error) {
	if err := c.takeVerdict(); err != nil {
		return 0, err
	}
	if err := c.identified12(); err != nil {
		return 0, err // before our Finished, on which the server would rely
	}
	if c.asked == nil {
		return c.prove12()
	}
	return c.identify()
}

// canShow reports whether we might show a certificate, for which all messages
// must be kept: the signature covers them and not their hash (RFC 5246, Section
// 7.4.8).
func (c *client) canShow() bool {
	return len(c.cfg.Certificates) > 0 || c.cfg.GetClientCertificate != nil
}

// prove12 sends our Certificate if the server asked, empty if we have none (RFC
// 5246, Section 7.4.6), then our share, and asks for a signature if there is
// something to prove.
func (c *client) prove12() (fault.State, error) {
	if c.asked != nil {
		if _, err := c.send(&wire.Certificate12{List: c.ownChain()}, flow.Clear); err != nil {
			return 0, err
		}
	}
	m, premaster, err := c.respond()
	if err != nil {
		return 0, err
	}
	if _, err := c.send(m, flow.Clear); err != nil {
		return 0, err
	}
	if err := c.derive12(premaster); err != nil {
		return 0, err
	}
	if c.own == nil {
		c.transcript.Forget()
		return c.ticketOrCCS(), c.sendFinished12()
	}
	return c.wantSignature(c.transcript.Messages()), nil
}

// signed12 proves that the certificate is ours.
func (c *client) signed12([]byte) (fault.State, error) {
	c.transcript.Forget()
	if err := c.sendProof(flow.Clear); err != nil {
		return 0, err
	}
	return c.ticketOrCCS(), c.sendFinished12()
}

func (c *client) changeCipherSpec12([]byte) (fault.State, error) {
	return fault.WaitFinished, c.peerChanged()
}

// finished12 checks the server's Finished; the handshake ends here, or with our
// own where a session is resumed.
func (c *client) finished12(msg []byte) (fault.State, error) {
	var err error
	if c.evidence.finished, err = c.takeFinished12(msg); err != nil {
		return 0, err
	}
	if err := c.evidence.complete(c.demand12()); err != nil {
		return 0, err
	}
	if c.info.Resumed {
		if err := c.sendFinished12(); err != nil {
			return 0, err
		}
	}
	c.keep12()
	c.keepExporter()
	return fault.Connected, nil
}

// identified12 refuses a server that has not shown what it must before our
// Finished. With RSA key transport that is its chain alone: that it holds the
// key shows in its Finished, which needs the decrypted secret.
func (c *client) identified12() error {
	if c.suite.Exchange.Signed() {
		return c.evidence.identified()
	}
	if c.evidence.chain == nil {
		return fault.MissingProof.New()
	}
	return nil
}

// demand12 is what CONNECTED costs the server.
func (c *client) demand12() demand {
	switch {
	case c.suite.Exchange.Signed():
		return demandIdentity
	case c.suite.Auth == suite.NoKey:
		return demandFinished // nobody else has the pre-shared key
	}
	return demandVerdict
}
