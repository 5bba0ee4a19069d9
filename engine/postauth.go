package engine

import (
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/internal/hs"
	"github.com/handclasp/handclasp/internal/keys"
)

// RequestCertificate queues a request for the client's certificate, after the
// handshake of TLS 1.3 (RFC 9846, Section 4.7.2); it does nothing while one is
// unanswered. The client's answer comes by Recv, which judges it as in a
// handshake, with Asks, and refuses what the policy does not let pass; Info then
// has the outcome. It fails as CanSend does, and with rule RequestImpossible.
func (e *Engine) RequestCertificate() error {
	if err := e.CanSend(); err != nil {
		return err
	}
	r, ok := e.machine.(hs.Requester)
	if !ok {
		return e.misuse(fault.RequestImpossible).Saw("the peer is a server", "a client")
	}
	if err := r.RequestCertificate(); err != nil {
		return e.placed(err)
	}
	return nil
}

// Requested reports whether a RequestCertificate is unanswered.
func (e *Engine) Requested() bool {
	r, ok := e.machine.(hs.Requester)
	return ok && r.Requested()
}

// WriteAnswer queues all at once: nothing can change the keys, and no data come,
// between the messages.
func (l *layer) WriteAnswer(finish func(keys.Secret) ([]byte, error)) error {
	l.lock()
	defer l.unlock()
	if l.closed || l.err != nil {
		return nil // it comes too late
	}
	msgs, err := finish(l.outSecret.get())
	l.queue(msgs)
	if err == nil {
		err = (*Engine)(l).Unread(l.waiting.size())
	}
	return err
}

// Unread is an error, of rule Flood, if n bytes that Output gave are more than
// Limits.UnreadAnswers, which a driver should keep for a peer that asks, and does not read the answers. What the
// Engine has not given yet it counts itself.
func (e *Engine) Unread(n int) error {
	return within(fault.Flood, uint32(n), e.options.Limits.UnreadAnswers, "bytes of answers that the peer asked for and does not read")
}

func (l *layer) ReadSecret() keys.Secret { return l.inSecret.get() }

// Authenticated publishes what the machine knows now.
func (l *layer) Authenticated() {
	l.info.Store(l.machine.Settled())
}
