package fault_test

import (
	"context"
	"crypto"
	"testing"
	"time"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/wire"
	"github.com/handclasp/handclasp/session"
)

var (
	aKey     = config.PSK{Identity: []byte("a key"), Key: []byte("0123456789abcdef")}
	otherKey = config.PSK{Identity: []byte("a key"), Key: []byte("fedcba9876543210")}
	longKey  = config.PSK{Identity: []byte("a long key"), Key: []byte("0123456789abcdef"), Hash: crypto.SHA384}
)

// keyed is a scenario in which both sides hold keys.
func keyed(victim fault.Role, prepare func(p *pair)) scenario {
	return by(victim, func(p *pair) {
		p.client.PSKs, p.server.PSKs = []config.PSK{aKey, longKey}, []config.PSK{aKey, longKey}
		prepare(p)
	})
}

// chosenKey has the server of such a scenario change its ServerHello.
func chosenKey(f func(m *wire.ServerHello)) scenario {
	return keyed(fault.Client, func(p *pair) { p.editServer = only(f) })
}

// A spoiled store gives nothing and takes nothing, unless it is still good for
// tickets that were given.
type spoiled struct{}

func (spoiled) Put(context.Context, string, *session.Session) error    { return errBroken }
func (spoiled) Take(context.Context, string) (*session.Session, error) { return nil, errBroken }
func (spoiled) Drop(context.Context, string, *session.Session) error   { return errBroken }
func (spoiled) Seal(context.Context, *session.State) ([]byte, error)   { return nil, errBroken }
func (spoiled) Open(context.Context, []byte) (*session.State, error)   { return nil, errBroken }

// troubled is a scenario in which something fails that the connection does
// without: the error is told in an event.
func troubled(role fault.Role, prepare func(p *pair)) scenario {
	return scenario{role: role, run: func(t *testing.T) (err error) {
		p := newPair(t)
		prepare(p)
		p.connect()
		e := p.c
		if role == fault.Server {
			e = p.s
		}
		e.Watch(func(ev *flow.Event) {
			if ev.Kind == flow.Trouble && err == nil {
				err = ev.Err
			}
		})
		p.pump()
		if !p.c.Connected() || !p.s.Connected() {
			t.Errorf("the connection did not do without: %v, %v", p.cerr, p.serr)
		}
		return err
	}}
}

// aSession holds a ticket of the house's server.
type aSession struct{ spoiled }

func (aSession) Take(context.Context, string) (*session.Session, error) {
	h, err := theHouse()
	if err != nil {
		return nil, err
	}
	s := &session.Session{
		Version: iana.TLS13, CipherSuite: iana.TLS_AES_128_GCM_SHA256, Secret: make([]byte, 32), Ticket: []byte("ticket"),
		Received: now, Lifetime: time.Hour, ServerName: host, SignatureScheme: iana.ED25519,
	}
	for _, x := range h.good.Chain() {
		s.Peer = append(s.Peer, x.Raw)
	}
	// What a client is that shows no certificate: SHA-256 of nothing.
	s.Identity = [32]byte(crypto.SHA256.New().Sum(nil))
	return s, nil
}

// nothing is a store without sessions.
type nothing struct{ spoiled }

func (nothing) Take(context.Context, string) (*session.Session, error) { return nil, nil }

var ofResume = map[*fault.Rule]scenario{
	fault.PSKBinder: by(fault.Server, func(p *pair) {
		p.client.PSKs, p.server.PSKs = []config.PSK{aKey}, []config.PSK{otherKey}
	}),
	fault.PSKUnknown: by(fault.Server, func(p *pair) {
		p.server.Certificates, p.server.PSKs = nil, []config.PSK{aKey}
	}),
	fault.PSKSelected: chosenKey(func(m *wire.ServerHello) { m.SelectedIdentity = 2 }),
	fault.PSKHash:     chosenKey(func(m *wire.ServerHello) { m.SelectedIdentity = 1 }),
	fault.PSKShareMissing: chosenKey(func(m *wire.ServerHello) {
		m.Extensions.Remove(iana.ExtKeyShare)
	}),

	fault.SessionStore: troubled(fault.Client, func(p *pair) { p.client.Sessions = spoiled{} }),
	fault.TicketOpen:   troubled(fault.Server, func(p *pair) { p.client.Sessions, p.server.Tickets = aSession{}, spoiled{} }),
	fault.TicketSeal: troubled(fault.Server, func(p *pair) {
		p.client.Sessions, p.server.Tickets = nothing{}, spoiled{}
	}),
}
