package hs

import (
	"io"
	"sync"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/keys"
	"github.com/handclasp/handclasp/internal/pool"
	"github.com/handclasp/handclasp/internal/wire"
)

// What a handshake needs while it goes on is its work: messages, keys in the making,
// answers to Asks. It is put away at CONNECTED and lent to another connection, empty;
// what must last is in the machine itself and points to none of it, nor to a message
// that was received. Until then it is reached as if it were the machine's.

// work is what both roles have of it.
type work struct {
	coder      wire.Coder
	out        []byte // borrowed; what is encoded last
	transcript *keys.Transcript
	room       keys.Room // of secrets
	preshared  *psk      // TLS 1.3: that the key schedule begins with; nil if there is none
	compatSent bool
	verify     [fault.Server + 1][]byte // TLS 1.2: verify_data of both sides
	secrets    secrets12
	event      flow.Event
	keyLog     io.Writer // nil if there is none

	stage   *keys.Handshake // TLS 1.3
	main    *keys.Main
	traffic traffic // of the handshake epoch
	app     traffic

	about     flow.Info       // room for info
	own       keys.Transcript // transcript, unless it is that of an answer after the handshake
	sessionID [32]byte        // room for one of our making
	finished  [48]byte        // room for verify_data

	// Messages that leave nothing behind.
	serverHello wire.ServerHello
	extensions  wire.EncryptedExtensions
	certificate wire.Certificate
	proof       wire.CertificateVerify
	end         wire.Finished
}

// begin makes the work ready for a handshake.
func (w *work) begin() {
	w.transcript = &w.own
	w.out = pool.Get(pool.Message)
}

// know has info lie in the work, as it was settled if it was.
func (c *core) know(keyLog io.Writer) {
	c.info, c.keyLog = &c.work.about, keyLog
	if c.settled != nil {
		*c.info = c.settled.Info()
	}
}

// forsake has the machine of a connection that failed keep nothing but info.
func (c *core) forsake() {
	if c.info != nil {
		info := *c.info
		c.info = &info
	}
	c.work = nil
}

// clean leaves nothing of a handshake but empty places.
func (w *work) clean() {
	pool.Put(w.out)
	w.own.Reset()
	w.serverHello.Reset()
	w.extensions.Reset()
	w.certificate.Reset()
	*w = work{own: w.own, serverHello: w.serverHello, extensions: w.extensions, certificate: w.certificate}
}

var (
	clientWorks = sync.Pool{New: func() any { return new(clientWork) }}
	serverWorks = sync.Pool{New: func() any { return new(serverWork) }}
)

// wake lends a client what it needs for a message.
func (c *client) wake() {
	if c.clientWork == nil {
		c.clientWork = clientWorks.Get().(*clientWork)
		c.work = &c.clientWork.common
		c.work.begin()
		c.know(c.cfg.KeyLogWriter)
	}
}

// rest puts it away, unless a renegotiation may need it.
func (c *client) rest() {
	if c.clientWork == nil || c.info.Version < iana.TLS13 && c.cfg.MaxRenegotiations > 0 {
		return
	}
	w := c.clientWork
	c.clientWork, c.work, c.info = nil, nil, nil
	w.common.clean()
	w.hello.Reset()
	*w = clientWork{common: w.common, hello: w.hello, lists: w.lists[:0]}
	clientWorks.Put(w)
}

// wake and rest are the client's.
func (s *server) wake() {
	if s.serverWork == nil {
		s.serverWork = serverWorks.Get().(*serverWork)
		s.work = &s.serverWork.common
		s.work.begin()
		s.know(s.cfg.KeyLogWriter)
	}
}

func (s *server) rest() {
	if s.serverWork == nil {
		return
	}
	w := s.serverWork
	s.serverWork, s.work, s.info = nil, nil, nil
	w.common.clean()
	w.hello.Reset()
	*w = serverWork{common: w.common, hello: w.hello}
	serverWorks.Put(w)
}

// Abandon lets go of the work, and no answer counts any more.
func (c *client) Abandon() {
	c.ask, c.clientWork = nil, nil
	c.forsake()
}

func (s *server) Abandon() {
	s.ask, s.serverWork = nil, nil
	s.forsake()
}

// step is the machine's, with the work at hand.
func (c *client) step(on trigger, msg []byte) error {
	c.wake()
	err := step(&c.core, *c.table, c, on, msg)
	switch {
	case err != nil:
		c.clientWork = nil // who keeps a connection that failed keeps no more
		c.forsake()
	case c.state == fault.Connected:
		c.rest()
	}
	return err
}

func (s *server) step(on trigger, msg []byte) error {
	s.wake()
	err := step(&s.core, *s.table, s, on, msg)
	switch {
	case err != nil:
		s.serverWork = nil
		s.forsake()
	case s.state == fault.Connected:
		s.rest()
	}
	return err
}
