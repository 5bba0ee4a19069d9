package hs

import (
	"bytes"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/internal/keys"
)

// A psk is a pre-shared key with which a handshake of TLS 1.3 may go on (RFC
// 9846, Section 4.3.11): one that was provisioned, or that came with a ticket.
type psk struct {
	identity []byte
	secret   keys.Secret
	hash     keys.Hash
	external bool
	imported bool // of an external key (RFC 9258)
}

// binder proves that its maker holds the key: partial is the ClientHello that it
// stands in, up to the binders; the transcript is what came before (RFC 9846, Section
// 4.3.11.2). It is good until the next.
func (c *core) binder(p *psk, partial []byte) []byte {
	early := c.room.Early(p.hash, p.secret)
	base := early.BinderKey(p.origin())
	defer c.room.Wipe()
	return p.hash.AppendFinished(c.work.finished[:0], base, c.transcript.With(p.hash, partial))
}

func (p *psk) origin() keys.Origin {
	switch {
	case p.imported:
		return keys.Imported
	case p.external:
		return keys.External
	}
	return keys.FromTicket
}

// name is how decisions speak of it.
func (p *psk) name() string {
	if p.external {
		return "external key " + fault.Quote(p.identity)
	}
	return "session ticket"
}

// takes has the key schedule begin with p.
func (c *core) takes(p *psk) {
	c.preshared = p
	c.info.Resumed = !p.external
	if p.external {
		c.info.PSKIdentity = bytes.Clone(p.identity)
	}
}

// trouble tells of something that failed and that the connection does without.
func (c *core) trouble(f *fault.Error) {
	f.Role, f.State = c.role, c.state
	if c.Watch != nil {
		c.event = flow.Event{Kind: flow.Trouble, Role: c.role, Err: f}
		c.Watch(&c.event)
	}
}

// Errands gives what is to be done besides, once.
func (c *core) Errands(failed bool) []flow.Errand {
	list := c.errands
	c.errands = nil
	if failed && c.regret != nil {
		list = append(list, c.regret)
		c.regret = nil
	}
	return list
}
