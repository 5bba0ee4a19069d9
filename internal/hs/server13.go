package hs

import (
	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/cert"
	"github.com/handclasp/handclasp/internal/wire"
	"github.com/handclasp/handclasp/sign"
)

// The server of TLS 1.3 after its ClientHello (RFC 9846, Appendix A.2).
//
//	 NEGOTIATED    send ServerHello, EncryptedExtensions
//	      |------------------------------------------------+   with a pre-shared
//	      |  send [CertificateRequest,] Certificate,       |   key: send Finished
//	      v  and ask for a signature                       |
//	   SIGNING                                             |
//	      |  the signature; send CertificateVerify,        |
//	      |  Finished                                      |
//	      |                                                |
//	      +------------------+   if the client was asked   |
//	      |                  v   for a certificate         |
//	      |              WAIT_CERT ---------------+        |
//	      |                  |  Certificate       |        |
//	      |                  v                    |  empty |
//	      |               WAIT_CV                 |  Certificate,
//	      |                  |  CertificateVerify,|  and ask what
//	      |                  |  and ask for a     |  to do |
//	      |                  v  verdict           |        |
//	      |              VERIFYING <--------------+        |
//	      |                  |  the verdict                |
//	      v                  |                             |
//	WAIT_FINISHED <----------+-----------------------------+
//	      |  Finished
//	      v
//	  CONNECTED --- KeyUpdate ---> CONNECTED
//	      |  Certificate, if we asked again (RFC 9846, Section 4.7.2)
//	      v
//	POST_WAIT_CV ----------------+   an empty Certificate, and ask what to do
//	      |  CertificateVerify,  |
//	      |  and ask for a       |
//	      v  verdict             |
//	POST_VERIFYING <-------------+
//	      |  the verdict
//	      v
//	POST_WAIT_FINISHED --- Finished ---> CONNECTED
var server13 = []edge[*server]{
	// from              on                       do                   to
	{fault.Guarding, answer, (*server).weighed, to(fault.WaitEOED, fault.WaitFinished)},
	{fault.WaitEOED, trigger(iana.EndOfEarlyData), (*server).endOfEarlyData, to(fault.WaitFinished)},
	{fault.Signing, answer, (*server).signed, to(fault.WaitCert, fault.WaitFinished)},
	{fault.WaitCert, trigger(iana.Certificate), (*server).certificate, to(fault.WaitCV, fault.Verifying)},
	{fault.WaitCV, trigger(iana.CertificateVerify), (*server).certificateVerify, to(fault.Verifying)},
	{fault.Verifying, answer, (*server).verified, to(fault.WaitFinished)},
	{fault.WaitFinished, trigger(iana.Finished), (*server).finished, to(fault.Connected)},
	{fault.Connected, trigger(iana.KeyUpdate), (*server).keyUpdate, to(fault.Connected)},
	{fault.Connected, trigger(iana.Certificate), (*server).laterCertificate, to(fault.PostWaitCV, fault.PostVerifying)},
	{fault.PostWaitCV, trigger(iana.CertificateVerify), (*server).laterCertificateVerify, to(fault.PostVerifying)},
	{fault.PostVerifying, answer, (*server).verifiedLater, to(fault.PostWaitFinished)},
	{fault.PostWaitFinished, trigger(iana.Finished), (*server).laterFinished, to(fault.Connected)},
}

// negotiate13 sends the flight up to Certificate, and asks for a signature over
// it; with a pre-shared key it sends all of the flight.
func (s *server) negotiate13() (fault.State, error) {
	if s.found != nil {
		s.carry()
	} else if err := s.chooseCertificate(); err != nil {
		return 0, err
	}
	if err := s.serverHello(); err != nil {
		return 0, err
	}
	if err := s.encryptedExtensions(); err != nil {
		return 0, err
	}
	switch {
	case s.info.EarlyData.State == flow.EarlyAccepted:
		return fault.WaitEOED, s.finishFlight()
	case s.found != nil:
		return fault.WaitFinished, s.finishFlight()
	}
	if err := s.sendRequest(); err != nil {
		return 0, err
	}
	if err := s.sendCertificate(); err != nil {
		return 0, err
	}
	input := sign.CertificateVerifyInput(true, s.transcript.Sum())
	s.waitFor(flow.NewSignAsk(s.certs[s.cert].Signer(), s.scheme, input, s.answered))
	return fault.Signing, nil
}

// serverHello sends our share and switches to the handshake keys.
func (s *server) serverHello() error {
	key, secret, err := s.agree()
	if err != nil {
		return err
	}
	m := &s.work.serverHello
	m.LegacyVersion, m.SessionID, m.CipherSuite = iana.TLS12, s.hello.SessionID, s.suite.ID
	m.SupportedVersion, m.KeyShare = s.info.Version, key
	if s.found != nil {
		m.SelectedIdentity = uint16(s.found.at)
		m.Extensions.Add(iana.ExtPreSharedKey)
	}
	if s.group != 0 {
		m.Extensions.Add(iana.ExtKeyShare)
	}
	if err := s.random(m.Random[:]); err != nil {
		return err
	}
	m.Extensions.Add(iana.ExtSupportedVersions)
	s.transcript.Start(s.suite.Hash)
	if _, err := s.send(m, flow.Clear); err != nil {
		return err
	}
	s.compat()
	if s.stage, s.traffic, err = s.handshakeKeys(secret); err != nil {
		return err
	}
	if err := s.Layer.SetWrite(flow.Handshake, s.suite, s.traffic.server); err != nil {
		return err
	}
	return s.readClient()
}

func (s *server) encryptedExtensions() error {
	m := &s.extensions
	if s.hello.Extensions.Has(iana.ExtServerName) && s.found == nil {
		m.Extensions.Add(iana.ExtServerName) // RFC 6066, Section 3: the name was used, and this is no resumption
	}
	if s.info.ALPN != "" {
		m.ALPN = [][]byte{[]byte(s.info.ALPN)}
		m.Extensions.Add(iana.ExtALPN)
	}
	shape, err := s.answerRecordSize(&m.Extensions, &m.RecordSizeLimit, &m.MaxFragment)
	if err != nil {
		return err
	}
	if s.info.EarlyData.State == flow.EarlyAccepted {
		m.Extensions.Add(iana.ExtEarlyData)
	}
	s.shape(shape) // this message is the first that it binds
	_, err = s.send(m, flow.Handshake)
	return err
}

// sendRequest asks for a certificate, if the configuration wants one (RFC 9846,
// Section 4.4.2).
func (s *server) sendRequest() error {
	if !s.asksClient() {
		return nil
	}
	m, err := s.request(nil, s.params.Schemes)
	if err != nil {
		return err
	}
	_, err = s.send(m, flow.Handshake)
	s.asked, s.info.ClientAuth = m.SignatureSchemes, true
	return err
}

// request is a CertificateRequest with a context, which in the handshake is empty,
// and the schemes that we accept. As in a ClientHello one list of schemes serves both
// purposes, though RSASSA-PKCS1-v1_5 means signatures in certificates alone (RFC
// 9846, Section 4.3.3): GnuTLS's clients show no RSA certificate to who does not name
// it there.
func (s *server) request(context []byte, accepted []iana.SignatureScheme) (*wire.CertificateRequest, error) {
	m := &wire.CertificateRequest{Context: context, SignatureSchemes: wire.MakeList16(accepted...)}
	m.Extensions.Add(iana.ExtSignatureAlgorithms)
	if m.Authorities = cert.Names(s.cfg.ClientCAs); len(m.Authorities) > 0 {
		m.Extensions.Add(iana.ExtCertificateAuthorities)
	}
	if s.cfg.GREASE {
		if err := s.greaseRequest(m); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// sendCertificate sends the chosen chain, and with its leaf what the client asked
// to see of it (RFC 9846, Section 4.5.1.1).
func (s *server) sendCertificate() error {
	c := &s.certs[s.cert]
	chain := c.Chain()
	m := &s.work.certificate
	for i := range chain {
		m.List = append(m.List, wire.CertificateEntry{Data: chain[i].Raw})
	}
	leaf := &m.List[0]
	if s.wantsStaple(c) {
		leaf.OCSP = c.OCSPStaple
		leaf.Extensions.Add(iana.ExtStatusRequest)
	}
	if len(c.SignedCertificateTimestamps) > 0 && s.hello.Extensions.Has(iana.ExtSCT) {
		leaf.SCTs = c.SignedCertificateTimestamps
		leaf.Extensions.Add(iana.ExtSCT)
	}
	_, err := s.send(m, flow.Handshake)
	return err
}

// wantsStaple reports whether c has an OCSP staple and the client asked for one.
func (s *server) wantsStaple(c *config.Certificate) bool {
	return len(c.OCSPStaple) > 0 && s.hello.Extensions.Has(iana.ExtStatusRequest) && s.hello.Status.StatusType == wire.StatusOCSP
}

// answered receives the signature.
func (s *server) answered(signature []byte, err error) {
	if !asks[*flow.SignAsk](&s.core) {
		return // the machine failed meanwhile, or was answered before
	}
	s.ask, s.signature, s.refusal = nil, signature, err
	s.Layer.Answered(s.step(answer, nil))
}

// signed finishes the server's flight. What follows from here may already be
// application data, but none is sent before the client's Finished.
func (s *server) signed([]byte) (fault.State, error) {
	if s.refusal != nil {
		return 0, fault.SignFailed.Because(s.refusal)
	}
	s.proof = wire.CertificateVerify{Scheme: s.scheme, Signature: s.signature}
	if _, err := s.send(&s.proof, flow.Handshake); err != nil {
		return 0, err
	}
	if s.asksClient() {
		return fault.WaitCert, s.finishFlight()
	}
	return fault.WaitFinished, s.finishFlight()
}

// finishFlight sends our Finished and goes over to the application keys.
func (s *server) finishFlight() error {
	if err := s.sendFinished(s.traffic.server); err != nil {
		return err
	}
	var failed error
	s.main, s.app, failed = s.applicationKeys(s.stage)
	// Our Finished is out, so even an alert comes under the new keys.
	if err := s.Layer.SetWrite(flow.Application, s.suite, s.app.server); err != nil {
		return err
	}
	return failed
}

// certificate takes the client's chain, which may be empty (RFC 9846, Section
// 4.5.1.3). We asked for no extensions in it.
func (s *server) certificate(msg []byte) (fault.State, error) {
	m := new(wire.Certificate) // the work's was sent
	raw, err := s.takeCertificate(msg, m, nil, new(wire.Extensions))
	if err != nil {
		return 0, err
	}
	if err := s.shown(raw, fault.ClientCertificateMissing); err != nil {
		return 0, err
	}
	s.transcript.Write(msg)
	if len(raw) == 0 {
		return s.askVerdict(), nil
	}
	return fault.WaitCV, nil
}

// certificateVerify checks that the client holds the leaf's key, then asks for
// the verdict.
func (s *server) certificateVerify(msg []byte) (fault.State, error) {
	held, err := s.takeProof(msg, fault.Client, s.chain[0], s.asked, s.overTranscript(s.chain[0], fault.Client))
	if err != nil {
		return 0, err
	}
	s.evidence.signature, s.info.ClientScheme = held, held.scheme
	return s.askVerdict(), nil
}

func (s *server) verified([]byte) (fault.State, error) {
	return fault.WaitFinished, s.takeVerdict()
}

// finished checks the client's Finished; the handshake ends here.
func (s *server) finished(msg []byte) (fault.State, error) {
	var err error
	if s.evidence.finished, err = s.takeFinished13(msg, s.traffic.client); err != nil {
		return 0, err
	}
	if err := s.evidence.complete(s.demand()); err != nil {
		return 0, err
	}
	if err := s.mayAskLater(); err != nil {
		return 0, err
	}
	if err := s.giveTickets(s.main); err != nil {
		return 0, err
	}
	return fault.Connected, s.Layer.SetRead(flow.Application, s.suite, s.app.client)
}

func (s *server) keyUpdate(msg []byte) (fault.State, error) { return fault.Connected, s.updated(msg) }
