package hs

import (
	"sync"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/keys"
	"github.com/handclasp/handclasp/internal/wire"
	"github.com/handclasp/handclasp/sign"
)

// Authentication of the client after the handshake of TLS 1.3 (RFC 9846, Section
// 4.7.2). Each request has a transcript of its own: the handshake's up to the
// client's Finished, then the request and its answer. It is kept only if the
// client offered this.

// A Requester is a Machine that can ask its peer for a certificate after
// CONNECTED. Both methods may be called while the Machine works.
type Requester interface {
	// RequestCertificate queues a CertificateRequest, unless one is unanswered.
	RequestCertificate() error
	// Requested reports whether a request is unanswered.
	Requested() bool
}

// A laterAnswer is a client's, in the making.
type laterAnswer struct {
	base *keys.Transcript // up to our Finished; nil if we did not offer it
	open bool             // the handshake is over: what is chosen and signed is for a request
}

// during is a state of the handshake, or its twin after it.
func (c *client) during(handshake, later fault.State) fault.State {
	if c.later.open {
		return later
	}
	return handshake
}

// offerLater keeps what later requests build on; the transcript ends with our
// Finished.
func (c *client) offerLater() (err error) {
	c.later.open = true
	if c.hello.Extensions.Has(iana.ExtPostHandshakeAuth) {
		c.info.PostHandshakeAuth = true
		c.later.base, err = c.transcript.Fork()
	}
	return err
}

// laterRequest is a CertificateRequest after the handshake.
func (c *client) laterRequest(msg []byte) (fault.State, error) {
	if c.later.base == nil {
		return 0, fault.RequestUnasked.In("msg_type").Saw(iana.CertificateRequest, "new_session_ticket or key_update")
	}
	r, err := c.takeRequest(msg)
	if err != nil {
		return 0, err
	}
	if c.transcript, err = c.later.base.Fork(); err != nil {
		return 0, err
	}
	if c.params, err = c.cfg.Params(); err != nil {
		return 0, fault.Internal.Because(err)
	}
	c.transcript.Write(msg)
	c.context, c.answers, c.own = r.Context, nil, nil
	return c.identify()
}

// proveLater makes our Certificate, empty if we have none, and asks for a
// signature if it is not.
func (c *client) proveLater() (fault.State, error) {
	m := &wire.Certificate{Context: c.context}
	for _, der := range c.ownChain() {
		m.List = append(m.List, wire.CertificateEntry{Data: der})
	}
	if err := c.hold(m); err != nil {
		return 0, err
	}
	if c.info.ClientScheme = 0; c.own == nil {
		return c.sendAnswer()
	}
	if c.hooked { // tickets from here on are of whom only the hook can show again
		c.resumption.Wipe()
		c.resumption = nil
	}
	return c.wantSignature(sign.CertificateVerifyInput(false, c.transcript.Sum())), nil
}

// signedLater proves that the certificate is ours.
func (c *client) signedLater([]byte) (fault.State, error) {
	if c.refusal != nil {
		return 0, fault.SignFailed.Because(c.refusal)
	}
	if err := c.hold(&wire.CertificateVerify{Scheme: c.scheme, Signature: c.signature}); err != nil {
		return 0, err
	}
	c.info.ClientScheme = c.scheme
	return c.sendAnswer()
}

// hold adds a message to the answer.
func (c *client) hold(m wire.Message) error {
	msg, err := c.encode(m)
	if err == nil {
		c.transcript.Write(msg)
		c.answers = append(c.answers, msg...)
	}
	return err
}

// sendAnswer sends what is held, with a Finished made of the secret that we write
// with just then: another goroutine may change it at any time.
func (c *client) sendAnswer() (fault.State, error) {
	err := c.Layer.WriteAnswer(func(base keys.Secret) ([]byte, error) {
		err := c.hold(&wire.Finished{VerifyData: c.suite.Hash.Finished(base, c.transcript.Sum())})
		if err != nil {
			return nil, err
		}
		for rest := c.answers; len(rest) > 0; {
			n := wire.HeaderLen + int(rest[1])<<16 + int(rest[2])<<8 + int(rest[3])
			c.tell(rest[:n:n], true, flow.Application)
			rest = rest[n:]
		}
		return c.answers, nil
	})
	c.settled = c.info.Settle()
	c.Layer.Authenticated()
	return fault.Connected, err
}

// laterRequests are a server's. Who asks does so while another goroutine reads.
type laterRequests struct {
	mu   sync.Mutex
	base *keys.Transcript // up to the client's Finished; nil if the client can't be asked
	open *laterRequest    // unanswered, or its answer is on its way
}

type laterRequest struct {
	context    []byte
	asked      wire.List16[iana.SignatureScheme]
	transcript *keys.Transcript
}

// offersLater reports whether the client can be asked after the handshake.
func (s *server) offersLater() bool {
	return s.info.Version == iana.TLS13 && s.hello.Extensions.Has(iana.ExtPostHandshakeAuth)
}

// mayAskLater keeps what requests build on; the transcript ends with the client's
// Finished.
func (s *server) mayAskLater() (err error) {
	if s.offersLater() {
		s.info.PostHandshakeAuth = true
		s.later.base, err = s.transcript.Fork()
	}
	return err
}

func (s *server) Requested() bool {
	s.later.mu.Lock()
	defer s.later.mu.Unlock()
	return s.later.open != nil
}

func (s *server) RequestCertificate() error {
	s.later.mu.Lock()
	defer s.later.mu.Unlock()
	switch info := s.settled.Info(); {
	case s.later.open != nil:
		return nil
	case info.Version != iana.TLS13:
		return fault.RequestImpossible.New().Saw("the connection speaks "+info.Version.String(), iana.TLS13)
	case s.later.base == nil:
		return fault.RequestImpossible.New().Saw("the client did not offer it", iana.ExtPostHandshakeAuth)
	case info.PSKIdentity != nil: // RFC 9846, Section 4.4.2
		return fault.RequestImpossible.New().Saw("the client is known by its pre-shared key", "a client that has none")
	case s.cfg.ClientAuth == config.NoClientCert:
		return fault.RequestImpossible.In("ClientAuth").Saw(s.cfg.ClientAuth, "a policy that asks")
	}
	return s.askLater()
}

// askLater sends a request. It shares nothing with the reading side but the lock.
func (s *server) askLater() error {
	context := make([]byte, 32)
	if err := s.random(context); err != nil {
		return err
	}
	params, err := s.cfg.Params()
	if err != nil {
		return fault.Internal.Because(err)
	}
	m, err := s.request(context, params.Schemes)
	if err != nil {
		return err
	}
	if s.Edit != nil {
		s.Edit(m)
	}
	msg, err := wire.Append(nil, m)
	if err != nil {
		return fault.Internal.Because(err)
	}
	r := &laterRequest{context: m.Context, asked: m.SignatureSchemes}
	if r.transcript, err = s.later.base.Fork(); err != nil {
		return err
	}
	r.transcript.Write(msg)
	s.later.open = r
	if s.Watch != nil {
		s.Watch(&flow.Event{Kind: flow.Message, Role: s.role, Sent: true, Epoch: flow.Application, Type: m.Type(), Bytes: msg})
	}
	s.Layer.WriteMessage(msg)
	return nil
}

// laterCertificate takes the chain of a client that was asked, which may be empty.
func (s *server) laterCertificate(msg []byte) (fault.State, error) {
	s.later.mu.Lock()
	r := s.later.open
	s.later.mu.Unlock()
	if r == nil {
		return 0, fault.UnexpectedMessage.In("msg_type").Saw(iana.Certificate, "key_update; nobody asked")
	}
	raw, err := s.takeCertificate(msg, new(wire.Certificate), r.context, new(wire.Extensions))
	if err != nil {
		return 0, err
	}
	s.chain, s.evidence = nil, evidence{}
	s.info.ClientAuth, s.info.Peer, s.info.ClientScheme = true, nil, 0 // who answers with nothing is nobody, whoever it was before
	if err := s.shown(raw, fault.ClientCertificateMissing); err != nil {
		return 0, err
	}
	s.transcript, s.asked = r.transcript, r.asked
	s.transcript.Write(msg)
	if len(raw) == 0 {
		s.askVerdict()
		return fault.PostVerifying, nil
	}
	return fault.PostWaitCV, nil
}

// laterCertificateVerify checks that the client holds the leaf's key, then asks
// for the verdict.
func (s *server) laterCertificateVerify(msg []byte) (fault.State, error) {
	_, err := s.certificateVerify(msg)
	return fault.PostVerifying, err
}

func (s *server) verifiedLater([]byte) (fault.State, error) {
	return fault.PostWaitFinished, s.takeVerdict()
}

// laterFinished checks the client's Finished, made with the secret that it writes
// with. Who the client is counts from here on.
func (s *server) laterFinished(msg []byte) (fault.State, error) {
	var err error
	if s.evidence.finished, err = s.takeFinished13(msg, s.Layer.ReadSecret()); err != nil {
		return 0, err
	}
	owed := demandIdentity
	if len(s.chain) == 0 {
		owed = demandVerdict
	}
	if err := s.evidence.complete(owed); err != nil {
		return 0, err
	}
	s.later.mu.Lock()
	defer s.later.mu.Unlock()
	s.settled = s.info.Settle()
	s.Layer.Authenticated()
	s.later.open = nil
	return fault.Connected, nil
}
