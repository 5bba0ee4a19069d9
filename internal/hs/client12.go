package hs

import (
	"bytes"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/cert"
	"github.com/handclasp/handclasp/internal/kex"
	"github.com/handclasp/handclasp/internal/suite"
	"github.com/handclasp/handclasp/internal/wire"
)

// The client of TLS 1.2 after its ServerHello (RFC 5246, Section 7.3; the
// diagram's names are ours, in the manner of TLS 1.3's).
//
//	 WAIT_CERT
//	     |  Certificate
//	     v
//	WAIT_STATUS_SKE --------------+   if the server promised a staple
//	     |  CertificateStatus     |
//	     v                        |
//	  WAIT_SKE                    |
//	     |  ServerKeyExchange     |
//	     v                        |
//	WAIT_CR_SHD <-----------------+
//	     |  [CertificateRequest,] ServerHelloDone, and ask for a verdict
//	     v
//	 VERIFYING
//	     |  the verdict; if the server asked, choose a certificate:
//	     |----> CHOOSING_CERT ----+   by the hook, if there is one
//	     |<-----------------------+
//	     |  send [Certificate,] ClientKeyExchange, and ask for a signature
//	     |  if there is a certificate
//	     |----> SIGNING ----------+
//	     |<-----------------------+   send CertificateVerify
//	     |  send ChangeCipherSpec, Finished
//	     v
//	  WAIT_CCS
//	     |  ChangeCipherSpec
//	     v
//	WAIT_FINISHED
//	     |  Finished
//	     v
//	 CONNECTED --- HelloRequest: refused
var client12 = []edge[*client]{
	// from              on                                  do                                to
	{fault.WaitCert, trigger(iana.Certificate), (*client).certificate12, to(fault.WaitStatusSKE, fault.WaitSKE)},
	{fault.WaitStatusSKE, trigger(iana.CertificateStatus), (*client).certificateStatus, to(fault.WaitSKE)},
	{fault.WaitStatusSKE, trigger(iana.ServerKeyExchange), (*client).serverKeyExchange, to(fault.WaitCRSHD)},
	{fault.WaitSKE, trigger(iana.ServerKeyExchange), (*client).serverKeyExchange, to(fault.WaitCRSHD)},
	{fault.WaitCRSHD, trigger(iana.CertificateRequest), (*client).certificateRequest12, to(fault.WaitSHD)},
	{fault.WaitCRSHD, trigger(iana.ServerHelloDone), (*client).serverHelloDone, to(fault.Verifying)},
	{fault.WaitSHD, trigger(iana.ServerHelloDone), (*client).serverHelloDone, to(fault.Verifying)},
	{fault.Verifying, answer, (*client).verified12, to(fault.ChoosingCert, fault.Signing, fault.WaitCCS)},
	{fault.ChoosingCert, answer, (*client).chosen, to(fault.Signing, fault.WaitCCS)},
	{fault.Signing, answer, (*client).signed12, to(fault.WaitCCS)},
	{fault.WaitCCS, changeCipherSpec, (*client).changeCipherSpec12, to(fault.WaitFinished)},
	{fault.WaitFinished, trigger(iana.Finished), (*client).finished12, to(fault.Connected)},
	{fault.Connected, trigger(iana.HelloRequest), (*client).helloRequest, to()},
}

// serverHello12 notes what the server agreed to.
func (c *client) serverHello12(msg []byte, sh *wire.ServerHello) (fault.State, error) {
	if c.retry != nil {
		return 0, fault.RetryVersionChanged.In("legacy_version").Saw(c.info.Version, c.retry.SupportedVersion)
	}
	if len(sh.SessionID) > 0 && bytes.Equal(sh.SessionID, c.hello.SessionID) {
		return 0, fault.SessionIDUnknown.In("session_id")
	}
	c.shares = nil // they were for TLS 1.3
	if err := checkServerExtensions12(sh, &c.hello); err != nil {
		return 0, err
	}
	if sh.Extensions.Has(iana.ExtALPN) {
		if err := c.agreedALPN(sh.ALPN); err != nil {
			return 0, err
		}
	}
	c.suite = suite.ByID(sh.CipherSuite)
	c.info.CipherSuite = sh.CipherSuite
	c.info.Compat = false
	c.info.ExtendedMasterSecret = sh.Extensions.Has(iana.ExtExtendedMasterSecret)
	c.info.SecureRenegotiation = sh.Extensions.Has(iana.ExtRenegotiationInfo)
	c.info.SCTs = sh.SCTs
	c.stapled = sh.Extensions.Has(iana.ExtStatusRequest)
	c.secrets.clientRandom, c.secrets.serverRandom = c.hello.Random, sh.Random
	c.tellChoice("version", c.info.Version.String(), names(offeredVersions(&c.hello)), "")
	c.tellChoice("cipher_suite", sh.CipherSuite.String(), c.suitesOf(iana.TLS12), "")
	if c.canShow() {
		c.transcript.Keep()
	}
	c.transcript.Start(c.suite.Hash)
	c.transcript.Write(msg)
	return fault.WaitCert, nil
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
	}
	if sh.Extensions.Has(iana.ExtECPointFormats) && !sh.PointFormats.Has(wire.Uncompressed) {
		return fault.PointFormats.In("ec_point_formats").Saw("", wire.Uncompressed)
	}
	if len(sh.RenegotiationInfo) > 0 {
		return fault.RenegotiationInfo.In("renegotiation_info")
	}
	return nil
}

func (c *client) certificate12(msg []byte) (fault.State, error) {
	var m wire.Certificate12
	if err := c.coder.Decode(msg, &m); err != nil {
		return 0, err
	}
	var err error
	if c.chain, err = cert.Parse(m.List); err != nil {
		return 0, err
	}
	if err := checkSuiteKey(c.suite, c.chain[0]); err != nil {
		return 0, err
	}
	c.transcript.Write(msg)
	if c.stapled {
		return fault.WaitStatusSKE, nil
	}
	return fault.WaitSKE, nil
}

// certificateStatus carries the stapled OCSP answer (RFC 6066, Section 8). A
// server that promised one may still leave it out.
func (c *client) certificateStatus(msg []byte) (fault.State, error) {
	var m wire.CertificateStatus
	if err := c.coder.Decode(msg, &m); err != nil {
		return 0, err
	}
	c.info.OCSPResponse = m.OCSP
	c.transcript.Write(msg)
	return fault.WaitSKE, nil
}

// serverKeyExchange checks that the server holds the leaf's key, and makes our
// half of the secret (RFC 8422, Section 5.4).
func (c *client) serverKeyExchange(msg []byte) (fault.State, error) {
	m := wire.ServerKeyExchange{Form: c.form()}
	if err := c.coder.Decode(msg, &m); err != nil {
		return 0, err
	}
	if !c.hello.Groups.Has(m.Group) || !kex.Supported(m.Group) || kex.PostQuantum(m.Group) {
		return 0, fault.ServerGroup.In("namedcurve").Saw(m.Group, join(c.hello.Groups.Slice()))
	}
	if !c.hello.SignatureSchemes.Has(m.Scheme) {
		return 0, fault.SignatureSchemeRefused.In("algorithm").Saw(m.Scheme, join(c.hello.SignatureSchemes.Slice()))
	}
	var err error
	if c.evidence.signature, err = checkSignature12(c.chain[0], m.Scheme, c.secrets.signed(m.Params()), m.Signature); err != nil {
		return 0, err
	}
	c.info.Group, c.info.SignatureScheme, c.info.ForwardSecrecy = m.Group, m.Scheme, true
	c.tellChoice("group", m.Group.String(), names(c.hello.Groups.Slice()), "")
	c.proven(flow.Proven{What: "signature", Of: fault.Server, Scheme: m.Scheme})
	if c.point, c.premaster, err = kex.Respond(m.Group, c.Rand, m.Share); err != nil {
		return 0, err
	}
	c.transcript.Write(msg)
	return fault.WaitCRSHD, nil
}

func (c *client) certificateRequest12(msg []byte) (fault.State, error) {
	m := wire.CertificateRequest12{Form: c.form()}
	if err := c.coder.Decode(msg, &m); err != nil {
		return 0, err
	}
	r := &config.CertificateRequestInfo{SignatureSchemes: m.SignatureSchemes.Slice(), Authorities: m.Authorities}
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

// verified12 goes on to the client's flight, now that we know whom we speak
// with.
func (c *client) verified12([]byte) (fault.State, error) {
	if err := c.takeVerdict(); err != nil {
		return 0, err
	}
	if err := c.evidence.identified(); err != nil {
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
	if _, err := c.send(&wire.ClientKeyExchange{Form: c.form(), Share: c.point}, flow.Clear); err != nil {
		return 0, err
	}
	if err := c.derive12(c.premaster); err != nil {
		return 0, err
	}
	if c.own == nil {
		c.transcript.Forget()
		return fault.WaitCCS, c.sendFinished12()
	}
	return c.wantSignature(c.transcript.Messages()), nil
}

// signed12 proves that the certificate is ours.
func (c *client) signed12([]byte) (fault.State, error) {
	c.transcript.Forget()
	if err := c.sendProof(flow.Clear); err != nil {
		return 0, err
	}
	return fault.WaitCCS, c.sendFinished12()
}

func (c *client) changeCipherSpec12([]byte) (fault.State, error) {
	return fault.WaitFinished, c.peerChanged()
}

// finished12 checks the server's Finished; the handshake ends here.
func (c *client) finished12(msg []byte) (fault.State, error) {
	var err error
	if c.evidence.finished, err = c.takeFinished12(msg); err != nil {
		return 0, err
	}
	c.keepExporter()
	return fault.Connected, c.evidence.complete(demandIdentity)
}

// helloRequest asks for a renegotiation, which TLS 1.3 abolished and we never
// do.
func (c *client) helloRequest([]byte) (fault.State, error) {
	return 0, fault.Renegotiation.In("hello_request")
}
