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

// aSession holds a ticket of the house's server, which allows that much 0-RTT data.
type aSession struct {
	spoiled
	early uint32
}

func (a aSession) Take(context.Context, string) (*session.Session, error) {
	h, err := theHouse()
	if err != nil {
		return nil, err
	}
	s := &session.Session{
		Version: iana.TLS13, CipherSuite: iana.TLS_AES_128_GCM_SHA256, Secret: make([]byte, 32), Ticket: []byte("ticket"),
		Received: now, Lifetime: time.Hour, ServerName: host, SignatureScheme: iana.ED25519, MaxEarlyData: a.early,
	}
	for _, x := range h.good.Chain() {
		s.Peer = append(s.Peer, x.Raw)
	}
	// What a client is that shows no certificate: SHA-256 of nothing.
	s.Identity = [32]byte(crypto.SHA256.New().Sum(nil))
	return s, nil
}

// aState is what the server sealed into that ticket.
type aState struct {
	spoiled
	early uint32
}

func (a aState) Open(context.Context, []byte) (*session.State, error) {
	return &session.State{
		Version: iana.TLS13, CipherSuite: iana.TLS_AES_128_GCM_SHA256, Secret: make([]byte, 32),
		Began: now, Issued: now, Lifetime: time.Hour, ServerName: host, SignatureScheme: iana.ED25519, MaxEarlyData: a.early,
	}, nil
}

const oldSuite = iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256

// oldSession is aSession in TLS 1.2; plain had no extended_master_secret.
type oldSession struct {
	spoiled
	plain bool
}

func (o oldSession) Take(ctx context.Context, key string) (*session.Session, error) {
	s, err := aSession{}.Take(ctx, key)
	if err == nil {
		s.Version, s.CipherSuite, s.Secret, s.ExtendedMasterSecret, s.Group = iana.TLS12, oldSuite, make([]byte, 48), !o.plain, iana.X25519
	}
	return s, err
}

// oldState is what the server sealed into its ticket.
type oldState struct{ spoiled }

func (oldState) Open(ctx context.Context, ticket []byte) (*session.State, error) {
	s, err := aState{}.Open(ctx, ticket)
	s.Version, s.CipherSuite, s.Secret, s.ExtendedMasterSecret, s.Group = iana.TLS12, oldSuite, make([]byte, 48), true, iana.X25519
	return s, err
}

// old12 is a scenario with a client that offers such a session, and a server that
// holds its state.
func old12(victim fault.Role, prepare func(p *pair)) scenario {
	return by(victim, func(p *pair) {
		p.client.MaxVersion = iana.TLS12
		p.client.Sessions, p.server.Tickets = oldSession{}, oldState{}
		prepare(p)
	})
}

// echo has the server say that it resumes, whatever it does.
func echo(p *pair) {
	var id []byte
	p.server.Tickets = nil
	p.editClient = only(func(h *wire.ClientHello) { id = h.SessionID })
	p.editServer = only(func(m *wire.ServerHello) { m.SessionID = id })
}

// aGuard lets everything pass, or fails.
type aGuard struct{ err error }

func (g aGuard) Check(context.Context, session.Use) (session.Refusal, error) {
	return session.Accepted, g.err
}

// eager is a scenario with a client that sends early data. Its engines are joined
// without taps, which know nothing of its keys.
func eager(victim fault.Role, early string, prepare func(p *pair)) scenario {
	return scenario{role: victim, run: func(t *testing.T) error {
		p := newPair(t)
		p.client.EarlyData, p.client.Sessions = true, aSession{early: 100}
		p.server.EarlyData, p.server.Tickets, p.server.Guard = 100, aState{early: 100}, aGuard{}
		prepare(p)
		p.connect()
		for p.c.Ask() != nil {
			p.answer(p.c)
		}
		var err error
		if p.inS, err = p.c.SendEarly(nil, []byte(early)); err != nil {
			return err
		}
		for range 20 {
			p.answer(p.s)
			p.answer(p.c)
			p.inS, p.inC = append(p.inS, p.c.Output(nil)...), append(p.inC, p.s.Output(nil)...)
			p.recv(p.s, &p.inS, &p.serr)
			p.recv(p.c, &p.inC, &p.cerr)
		}
		if victim == fault.Client {
			return p.cerr
		}
		return p.serr
	}}
}

// nothing is a store without sessions.
type nothing struct{ spoiled }

func (nothing) Take(context.Context, string) (*session.Session, error) { return nil, nil }

// nothingOpens finds no ticket to be its own.
type nothingOpens struct{ spoiled }

func (nothingOpens) Open(context.Context, []byte) (*session.State, error) { return nil, nil }

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

	fault.SessionVersion: old12(fault.Client, func(p *pair) {
		p.server.CipherSuites = []iana.CipherSuite{iana.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
		p.client.MinVersion, p.client.CipherSuites = iana.TLS11, append(p.server.CipherSuites, oldSuite)
		echo(p)
		with := p.editServer
		p.editServer = func(m wire.Message) {
			with(m)
			only(func(m *wire.ServerHello) { m.LegacyVersion = iana.TLS11 })(m)
		}
	}),
	fault.SessionSuite: old12(fault.Client, func(p *pair) {
		p.server.CipherSuites = []iana.CipherSuite{iana.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}
		echo(p)
	}),
	fault.SessionEMSMissing: old12(fault.Server, func(p *pair) {
		p.editClient = only(func(h *wire.ClientHello) { h.Extensions.Remove(iana.ExtExtendedMasterSecret) })
	}),
	fault.SessionEMSAdded: old12(fault.Client, func(p *pair) {
		p.client.Sessions = oldSession{plain: true}
		echo(p)
	}),
	fault.SessionStore:     troubled(fault.Client, func(p *pair) { p.client.Sessions = spoiled{} }),
	fault.EarlyDataVersion: eager(fault.Client, "x", func(p *pair) { p.server.MaxVersion, p.server.EarlyData = iana.TLS12, 0 }),
	fault.EarlyDataOther: eager(fault.Client, "x", func(p *pair) {
		p.server.Tickets = nothingOpens{}
		p.editServer = only(func(m *wire.EncryptedExtensions) { m.Extensions.Add(iana.ExtEarlyData) })
	}),
	fault.EarlyDataExceeded:    eager(fault.Server, "more than ten bytes", func(p *pair) { p.server.EarlyData, p.server.Tickets = 10, aState{early: 10} }),
	fault.EarlyDataUnavailable: eager(fault.Client, "x", func(p *pair) { p.client.Sessions = nothing{} }),
	fault.EarlyDataTooLarge:    eager(fault.Client, "two", func(p *pair) { p.client.Sessions = aSession{early: 2} }),
	fault.ReplayStore: troubled(fault.Server, func(p *pair) {
		p.client.Sessions, p.client.EarlyData = aSession{early: 1}, true
		p.server.EarlyData, p.server.Tickets, p.server.Guard = 1, aState{early: 1}, aGuard{errBroken}
	}),
	fault.TicketOpen: troubled(fault.Server, func(p *pair) { p.client.Sessions, p.server.Tickets = aSession{}, spoiled{} }),
	fault.TicketSeal: troubled(fault.Server, func(p *pair) {
		p.client.Sessions, p.server.Tickets = nothing{}, spoiled{}
	}),
}
