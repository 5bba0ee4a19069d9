package hs

import (
	"slices"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/cert"
	"github.com/handclasp/handclasp/internal/suite"
	"github.com/handclasp/handclasp/internal/wire"
)

// The server of TLS 1.2 and below after its ClientHello (RFC 5246, Section 7.3).
// Which messages its flight has depends on the key exchange: see exchange.go.
//
//	 NEGOTIATED    send ServerHello, [Certificate,] [CertificateStatus,]
//	      |        and ask for a signature over ServerKeyExchange, if it has one
//	      |----> SIGNING --------+
//	      |<---------------------+   send [ServerKeyExchange,]
//	      |  [CertificateRequest,] ServerHelloDone
//	      |
//	      +----------------------+   if the client was asked for a certificate
//	      |                      v
//	      |                  WAIT_CERT
//	      |                      |  Certificate
//	      v                      v
//	  WAIT_CKE              WAIT_CKE_CV
//	      |                      |
//	      |  ClientKeyExchange   |  ClientKeyExchange
//	      |----> DECRYPTING      |----> DECRYPTING_CV   RSA: ask for the premaster secret
//	      |<---------+           |<---------+
//	      |                      +------------------+
//	      |                      v                  |  after an empty Certificate
//	      |                   WAIT_CV               |  ask what to do
//	      |                      |  CertificateVerify, and ask for a verdict
//	      |                      v                  |
//	      |                  VERIFYING <------------+
//	      v                      |  the verdict
//	  WAIT_CCS <-----------------+
//	      |  ChangeCipherSpec
//	      v
//	WAIT_FINISHED
//	      |  Finished
//	      |----> KEEPING --------+   if the client can resume: seal or store the session
//	      |<---------------------+   send NewSessionTicket
//	      |  send ChangeCipherSpec, Finished
//	      v
//	  CONNECTED --- ClientHello: refused
//
// Where a session is resumed the server's flight comes first:
//
//	RESUMING, JUDGING
//	      |----> RENEWING -------+   if the client can have a new ticket
//	      |<---------------------+
//	      |  send ServerHello, [NewSessionTicket,] ChangeCipherSpec, Finished
//	      v
//	  WAIT_CCS
//	      |  ChangeCipherSpec
//	      v
//	WAIT_FINISHED
//	      |  Finished
//	      v
//	  CONNECTED
var server12 = []edge[*server]{
	// from              on                                do                              to
	{fault.Signing, answer, (*server).signed12, to(fault.WaitCert, fault.WaitCKE)},
	{fault.WaitCert, trigger(iana.Certificate), (*server).certificate12, to(fault.WaitCKECV)},
	{fault.WaitCKE, trigger(iana.ClientKeyExchange), (*server).clientKeyExchange, to(fault.WaitCCS, fault.Decrypting)},
	{fault.WaitCKECV, trigger(iana.ClientKeyExchange), (*server).clientKeyExchange, to(fault.WaitCV, fault.Verifying, fault.DecryptingCV)},
	{fault.Decrypting, answer, (*server).decrypted, to(fault.WaitCCS)},
	{fault.DecryptingCV, answer, (*server).decrypted, to(fault.WaitCV, fault.Verifying)},
	{fault.WaitCV, trigger(iana.CertificateVerify), (*server).certificateVerify12, to(fault.Verifying)},
	{fault.Verifying, answer, (*server).verified12, to(fault.WaitCCS)},
	{fault.WaitCCS, changeCipherSpec, (*server).changeCipherSpec12, to(fault.WaitFinished)},
	{fault.WaitFinished, trigger(iana.Finished), (*server).finished12, to(fault.Keeping, fault.Connected)},
	{fault.Keeping, answer, (*server).kept12, to(fault.Connected)},
	{fault.Renewing, answer, (*server).kept12, to(fault.WaitCCS)},
	{fault.Connected, trigger(iana.ClientHello), (*server).renegotiation, to()},
}

// negotiate12 sends the flight up to Certificate, and asks for a signature
// over the key exchange.
func (s *server) negotiate12() (fault.State, error) {
	if err := s.settleALPN(); err != nil {
		return 0, err
	}
	if err := s.promise12(); err != nil {
		return 0, err
	}
	if s.asksClient() {
		s.transcript.Keep() // the client signs all messages (RFC 5246, Section 7.4.8)
	}
	s.transcript.Start(s.suite.PRF(s.info.Version))
	if err := s.serverHello12(); err != nil {
		return 0, err
	}
	if s.suite.Auth != suite.NoKey {
		if err := s.sendCertificate12(); err != nil {
			return 0, err
		}
	}
	var err error
	if s.exchange, err = s.offerExchange(); err != nil {
		return 0, err
	}
	if !s.suite.Exchange.Signed() {
		return s.finishFlight12()
	}
	s.waitFor(flow.NewSignAsk(s.certs[s.cert].Signer(), s.scheme, s.secrets.signed(s.exchange.Params()), s.answered))
	return fault.Signing, nil
}

func (s *server) serverHello12() error {
	h := &s.hello.Extensions
	m := &s.work.serverHello
	m.LegacyVersion, m.CipherSuite, m.SessionID = s.info.Version, s.suite.ID, s.given
	s.info.Compat = false
	if s.info.Resumed {
		m.SessionID = s.hello.SessionID
	}
	if err := s.random(m.Random[:]); err != nil {
		return err
	}
	copy(m.Random[24:], downgradeMark(s.info.Version, s.params.Versions))
	if h.Has(iana.ExtServerName) && !s.info.Resumed { // RFC 6066, Section 3
		m.Extensions.Add(iana.ExtServerName)
	}
	if offersSecureRenegotiation(&s.hello) {
		m.Extensions.Add(iana.ExtRenegotiationInfo)
		s.info.SecureRenegotiation = true
	}
	if h.Has(iana.ExtECPointFormats) {
		m.PointFormats = wire.MakeList8(wire.Uncompressed)
		m.Extensions.Add(iana.ExtECPointFormats)
	}
	if h.Has(iana.ExtExtendedMasterSecret) {
		m.Extensions.Add(iana.ExtExtendedMasterSecret)
		s.info.ExtendedMasterSecret = true
	}
	if s.suite.CBC() && h.Has(iana.ExtEncryptThenMAC) {
		m.Extensions.Add(iana.ExtEncryptThenMAC)
		s.info.EncryptThenMAC = true
	}
	if s.suite.Auth != suite.NoKey && !s.info.Resumed {
		s.promiseStapled(m)
	}
	if s.ticketDue {
		m.Extensions.Add(iana.ExtSessionTicket)
	}
	if s.info.ALPN != "" {
		m.ALPN = [][]byte{[]byte(s.info.ALPN)}
		m.Extensions.Add(iana.ExtALPN)
	}
	shape, err := s.answerRecordSize(&m.Extensions, &m.RecordSizeLimit, &m.MaxFragment)
	if err != nil {
		return err
	}
	s.Layer.SetVersion(s.info.Version)
	_, err = s.send(m, flow.Clear)
	s.shape(shape)
	s.secrets.clientRandom, s.secrets.serverRandom = s.hello.Random, m.Random
	s.settledExchange(s.ticketDue)
	return err
}

// promiseStapled says what comes with the certificate, if the client asked for it
// (RFC 6066, Section 8; RFC 6962, Section 3.3.1).
func (s *server) promiseStapled(m *wire.ServerHello) {
	c := &s.certs[s.cert]
	if s.wantsStaple(c) {
		m.Extensions.Add(iana.ExtStatusRequest)
	}
	if len(c.SignedCertificateTimestamps) > 0 && s.hello.Extensions.Has(iana.ExtSCT) {
		m.SCTs = c.SignedCertificateTimestamps
		m.Extensions.Add(iana.ExtSCT)
	}
}

// sendCertificate12 sends the chosen chain, and the staple if the client asked for
// one (RFC 6066, Section 8).
func (s *server) sendCertificate12() error {
	c := &s.certs[s.cert]
	m := new(wire.Certificate12)
	for _, x := range c.Chain() {
		m.List = append(m.List, x.Raw)
	}
	if _, err := s.send(m, flow.Clear); err != nil {
		return err
	}
	if !s.wantsStaple(c) {
		return nil
	}
	_, err := s.send(&wire.CertificateStatus{OCSP: c.OCSPStaple}, flow.Clear)
	return err
}

// signed12 finishes the server's first flight.
func (s *server) signed12([]byte) (fault.State, error) {
	if s.refusal != nil {
		return 0, fault.SignFailed.Because(s.refusal)
	}
	s.exchange.Signature = s.signature
	return s.finishFlight12()
}

// finishFlight12 sends what stands behind the certificate.
func (s *server) finishFlight12() (fault.State, error) {
	if s.exchange != nil {
		if _, err := s.send(s.exchange, flow.Clear); err != nil {
			return 0, err
		}
	}
	if err := s.sendRequest12(); err != nil {
		return 0, err
	}
	_, err := s.send(new(wire.ServerHelloDone), flow.Clear)
	if s.asksClient() {
		return fault.WaitCert, err
	}
	return fault.WaitCKE, err
}

// sendRequest12 asks for a certificate, if the configuration wants one (RFC
// 5246, Section 7.4.4).
func (s *server) sendRequest12() error {
	if !s.asksClient() {
		return nil
	}
	m := &wire.CertificateRequest12{
		Form:             s.form(),
		Types:            wire.MakeList8(iana.ECDSASign, iana.RSASign),
		SignatureSchemes: wire.MakeList16(usable(s.info.Version, slices.Clone(s.params.Schemes))...),
		Authorities:      cert.Names(s.cfg.ClientCAs),
	}
	_, err := s.send(m, flow.Clear)
	s.asked, s.info.ClientAuth = m.SignatureSchemes, true
	return err
}

// certificate12 takes the client's chain, which may be empty (RFC 5246, Section
// 7.4.6).
func (s *server) certificate12(msg []byte) (fault.State, error) {
	var m wire.Certificate12
	if err := s.coder.Decode(msg, &m); err != nil {
		return 0, err
	}
	if err := s.shown(m.List, fault.ClientCertificateMissing12); err != nil {
		return 0, err
	}
	s.transcript.Write(msg)
	return fault.WaitCKECV, nil
}

// clientKeyExchange takes the client's half of the secret.
func (s *server) clientKeyExchange(msg []byte) (fault.State, error) {
	m := &wire.ClientKeyExchange{Form: s.form()}
	if err := s.coder.Decode(msg, m); err != nil {
		return 0, err
	}
	if s.suite.Exchange.PreShared() {
		if err := s.findPSK(m.Identity); err != nil {
			return 0, err
		}
	}
	secret, err := s.accept(m)
	if err != nil {
		return 0, err
	}
	s.transcript.Write(msg)
	switch {
	case s.ask == nil:
		return s.agreed12(secret)
	case s.asksClient():
		return fault.DecryptingCV, nil
	}
	return fault.Decrypting, nil
}

// decrypted goes on with the premaster secret, or what stands in for it: a client
// that sent anything else fails at its Finished.
func (s *server) decrypted([]byte) (fault.State, error) {
	secret := s.premaster
	s.premaster = nil
	return s.agreed12(secret)
}

// agreed12 derives the keys and goes on to the client's proof, if it owes one.
func (s *server) agreed12(secret []byte) (fault.State, error) {
	if s.suite.Exchange.PreShared() {
		secret = withPSK(secret, s.psk)
	}
	if err := s.derive12(secret); err != nil {
		return 0, err
	}
	switch {
	case !s.asksClient():
		return fault.WaitCCS, nil
	case len(s.chain) > 0:
		return fault.WaitCV, nil
	}
	s.transcript.Forget()
	return s.askVerdict(), nil
}

// certificateVerify12 checks that the client holds the leaf's key, then asks for
// the verdict. The signature covers the messages themselves (RFC 5246, Section
// 7.4.8).
func (s *server) certificateVerify12(msg []byte) (fault.State, error) {
	held, err := s.takeProof(msg, fault.Client, s.chain[0], s.asked, func(x iana.SignatureScheme, signature []byte) (*signatureHeld, error) {
		return s.checkSignature12(s.chain[0], x, s.transcript.Messages(), signature)
	})
	if err != nil {
		return 0, err
	}
	s.transcript.Forget()
	s.evidence.signature, s.info.ClientScheme = held, held.scheme
	return s.askVerdict(), nil
}

func (s *server) verified12([]byte) (fault.State, error) {
	return fault.WaitCCS, s.takeVerdict()
}

func (s *server) changeCipherSpec12([]byte) (fault.State, error) {
	return fault.WaitFinished, s.peerChanged()
}

// finished12 checks the client's Finished. Where a session is resumed the handshake
// ends here; else the server's Finished follows, and before it a ticket.
func (s *server) finished12(msg []byte) (fault.State, error) {
	var err error
	if s.evidence.finished, err = s.takeFinished12(msg); err != nil {
		return 0, err
	}
	if err := s.evidence.complete(s.demand()); err != nil {
		return 0, err
	}
	switch {
	case s.info.Resumed:
		s.keepExporter()
		return fault.Connected, nil
	case s.ticketDue || len(s.given) > 0:
		st, err := s.stateOf()
		if err != nil {
			return 0, err
		}
		return s.keep12(st)
	}
	return s.finish12(nil)
}

// finish12 sends our Finished, and before it the ticket that was promised.
func (s *server) finish12(ticket *wire.NewSessionTicket12) (fault.State, error) {
	if s.ticketDue {
		if _, err := s.send(ticket, flow.Clear); err != nil {
			return 0, err
		}
	}
	if err := s.sendFinished12(); err != nil {
		return 0, err
	}
	s.keepExporter()
	return fault.Connected, nil
}

// renegotiation is what a ClientHello means now: never done (RFC 9325, Section
// 3.5).
func (s *server) renegotiation([]byte) (fault.State, error) {
	return 0, fault.Renegotiation.In("client_hello")
}
