package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/internal/wire"
	"github.com/handclasp/handclasp/session"
)

// A shelf is both ends' store: sessions of clients, and states under the numbers
// that its tickets are.
type shelf struct {
	sessions map[string][]*session.Session
	states   []session.State
	opened   int
	broken   error
}

func newShelf() *shelf { return &shelf{sessions: map[string][]*session.Session{}} }

func (s *shelf) Put(_ context.Context, key string, x *session.Session) error {
	s.sessions[key] = append(s.sessions[key], x)
	return s.broken
}

func (s *shelf) Take(_ context.Context, key string) (*session.Session, error) {
	list := s.sessions[key]
	if s.broken != nil || len(list) == 0 {
		return nil, s.broken
	}
	x := list[len(list)-1]
	s.sessions[key] = list[:len(list)-1]
	return x, nil
}

func (s *shelf) Drop(context.Context, string, *session.Session) error { return s.broken }

func (s *shelf) Seal(_ context.Context, x *session.State) ([]byte, error) {
	state := *x
	state.Secret = slices.Clone(x.Secret) // which is wiped once it is sealed
	s.states = append(s.states, state)
	return binary.BigEndian.AppendUint32(nil, uint32(len(s.states)-1)), s.broken
}

func (s *shelf) Open(_ context.Context, ticket []byte) (*session.State, error) {
	s.opened++
	if s.broken != nil || len(ticket) != 4 {
		return nil, s.broken
	}
	n := binary.BigEndian.Uint32(ticket)
	if n >= uint32(len(s.states)) {
		return nil, nil
	}
	state := s.states[n]
	state.Secret = slices.Clone(state.Secret)
	return &state, nil
}

// resumes has both sides use the shelf.
func resumes(s *shelf) option {
	return func(c *config.ClientConfig, x *config.ServerConfig) { c.Sessions, x.Tickets = s, s }
}

// A saying is what both sides of a pair told while they connected.
type saying struct {
	messages []iana.HandshakeType // sent, without tickets
	session  []flow.Decision      // about sessions
	early    []flow.Decision      // about 0-RTT
	trouble  []error
}

// listen notes what both sides tell.
func (p *pair) listen() *saying {
	said := new(saying)
	note := func(ev *flow.Event) {
		switch {
		case ev.Kind == flow.Message && ev.Sent && ev.Type != iana.NewSessionTicket:
			said.messages = append(said.messages, ev.Type)
		case ev.Kind == flow.Choice && ev.Decision.What == "session":
			said.session = append(said.session, *ev.Decision)
		case ev.Kind == flow.Choice && ev.Decision.What == "early_data":
			said.early = append(said.early, *ev.Decision)
		case ev.Kind == flow.Trouble:
			said.trouble = append(said.trouble, ev.Err)
		}
	}
	p.client.Watch(note)
	p.server.Watch(note)
	return said
}

// resumed checks whether both sides resumed, and that they can go on.
func (p *pair) resumed(t *testing.T, want bool, said *saying) {
	t.Helper()
	c, s := p.client.Info(), p.server.Info()
	if c.Resumed != want || s.Resumed != want {
		t.Fatalf("client resumed %v, server %v, want %v; they said %+v", c.Resumed, s.Resumed, want, said.session)
	}
	if slices.Contains(said.messages, iana.Certificate) == want {
		t.Errorf("messages %v", said.messages)
	}
	if c.Peer == nil || !c.Peer.Verified() || c.SignatureScheme == 0 || c.SignatureScheme != s.SignatureScheme {
		t.Errorf("the client knows of the server: %+v, %v; the server itself %v", c.Peer, c.SignatureScheme, s.SignatureScheme)
	}
	a, err := p.client.ExportKeyingMaterial("label", nil, 16)
	must(t, err)
	b, err := p.server.ExportKeyingMaterial("label", nil, 16)
	must(t, err)
	if string(a) != string(b) {
		t.Error("the exporters differ")
	}
	p.exchange(t, 100)
}

// again connects a new pair, and tells what both said.
func again(t *testing.T, options ...option) (*pair, *saying) {
	t.Helper()
	p := newPair(t, options...)
	said := p.listen()
	p.connect(t)
	return p, said
}

func suites(list ...iana.CipherSuite) option {
	return func(c *config.ClientConfig, _ *config.ServerConfig) { c.CipherSuites = list }
}

func TestResume(t *testing.T) {
	sha384 := suites(iana.TLS_AES_256_GCM_SHA384)
	mutual := asks(t, config.RequireAndVerifyClientCert)
	for _, c := range []struct {
		name    string
		options []option
		retried bool
	}{
		{"plain", nil, false},
		{"SHA-384", []option{sha384}, false},
		{"retried", []option{retry}, true},
		{"retried, SHA-384", []option{retry, sha384}, true},
		{"retried with cookie", []option{retry, cookieKey(1)}, true},
		{"mutual TLS", []option{mutual}, false},
		{"mutual TLS, retried", []option{mutual, retry}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newShelf()
			options := append([]option{resumes(s)}, c.options...)
			p, said := again(t, options...)
			p.resumed(t, false, said)
			for range 3 {
				p, said = again(t, options...)
				p.resumed(t, true, said)
				if info := p.client.Info(); !info.ForwardSecrecy || info.Retried != c.retried {
					t.Errorf("%+v", info)
				}
				if info := p.server.Info(); (info.Peer != nil) != (len(c.options) > 0 && c.name[0] == 'm') {
					t.Errorf("the server knows of the client: %+v", info.Peer)
				}
			}
			if len(said.trouble) > 0 {
				t.Error(said.trouble)
			}
		})
	}
}

// asks has the server ask for a certificate, and the client have one.
func asks(t *testing.T, policy config.ClientAuthType) option {
	a, err := authority()
	must(t, err)
	return func(c *config.ClientConfig, s *config.ServerConfig) {
		s.ClientAuth, s.ClientCAs = policy, a.Pool()
		c.Certificates = []config.Certificate{certificate(t, pki.P256)}
	}
}

// A HelloRetryRequest for a suite of another hash leaves no PSK in the second
// hello (RFC 9846, Section 4.2.2).
func TestRetryDropsPSK(t *testing.T) {
	s := newShelf()
	again(t, resumes(s))
	p := newPair(t, resumes(s), retry, func(_ *config.ClientConfig, x *config.ServerConfig) {
		x.Tickets = nil
		x.CipherSuites = []iana.CipherSuite{iana.TLS_AES_256_GCM_SHA384}
	})
	var offered []bool
	p.client.Edit(func(m wire.Message) {
		if h, ok := m.(*wire.ClientHello); ok {
			offered = append(offered, h.Extensions.Has(iana.ExtPreSharedKey))
		}
	})
	said := p.listen()
	p.connect(t)
	p.resumed(t, false, said)
	if !slices.Equal(offered, []bool{true, false}) {
		t.Errorf("pre_shared_key in the hellos: %v", offered)
	}
}

// A client whose session goes with the suite that the HelloRetryRequest names must
// still offer it (RFC 9846, Section 4.2.2).
func TestRetryWithoutPSK(t *testing.T) {
	s := newShelf()
	again(t, resumes(s))
	p := newPair(t, resumes(s), retry)
	hellos := 0
	p.client.Edit(func(m wire.Message) {
		if h, ok := m.(*wire.ClientHello); ok {
			if hellos++; hellos == 2 {
				h.PSKIdentities, h.PSKBinders = nil, nil
				h.Extensions.Remove(iana.ExtPreSharedKey)
			}
		}
	})
	p.pump(t)
	refused(t, p.server, p.client, fault.ExtensionMissing)
}

// A server gives as many tickets as it is told to, each of its own.
func TestTickets(t *testing.T) {
	for _, c := range []struct {
		count int
		life  time.Duration
		want  int
		lasts time.Duration
	}{
		{0, 0, 2, 24 * time.Hour}, {-1, 0, 0, 0}, {1, time.Hour, 1, time.Hour}, {5, session.MaxLifetime, 5, session.MaxLifetime}, {1, time.Millisecond, 0, 0},
	} {
		s := newShelf()
		again(t, resumes(s), func(_ *config.ClientConfig, x *config.ServerConfig) {
			x.TicketCount, x.TicketLifetime = c.count, c.life
		})
		kept := s.sessions["localhost"]
		if len(kept) != c.want || len(s.states) != c.want {
			t.Fatalf("%+v: %d sessions of %d tickets", c, len(kept), len(s.states))
		}
		for i, x := range kept {
			st := s.states[i]
			if x.Lifetime != c.lasts || st.Lifetime != c.lasts || x.AgeAdd != st.AgeAdd || string(x.Secret) != string(st.Secret) || x.ServerName != st.ServerName {
				t.Errorf("the client keeps %+v, the server %+v", x, st)
			}
			for j := range i {
				o := s.states[j]
				if string(o.Secret) == string(st.Secret) || o.Unique == st.Unique || o.AgeAdd == st.AgeAdd {
					t.Errorf("tickets %d and %d have something in common", i, j)
				}
			}
		}
	}
}

// Who can't use tickets gets none, and who does not want them keeps none.
func TestNoTickets(t *testing.T) {
	s := newShelf()
	again(t, resumes(s), func(c *config.ClientConfig, _ *config.ServerConfig) { c.Sessions = nil })
	if len(s.states) > 0 {
		t.Error("a client that does not resume was given tickets")
	}
	p := newPair(t, resumes(s), func(c *config.ClientConfig, _ *config.ServerConfig) { c.Sessions = nil }).connect(t)
	inject(t, p.server, &wire.NewSessionTicket{Lifetime: 100, Ticket: []byte("x"), Extensions: wire.Extensions{Present: true}})
	p.exchange(t, 10)
	again(t, resumes(s), func(_ *config.ClientConfig, x *config.ServerConfig) { x.Tickets = nil })
	if len(s.sessions) > 0 {
		t.Errorf("kept %v", s.sessions)
	}
	p = newPair(t, resumes(s), func(_ *config.ClientConfig, x *config.ServerConfig) { x.Tickets = nil }).connect(t)
	inject(t, p.server, &wire.NewSessionTicket{Lifetime: 0, Ticket: []byte("x"), Extensions: wire.Extensions{Present: true}})
	p.exchange(t, 10)
	if len(s.sessions) > 0 {
		t.Error("a ticket whose lifetime is 0 was kept")
	}
	a, err := authority()
	must(t, err)
	own := certificate(t, pki.P256)
	again(t, resumes(s), func(c *config.ClientConfig, x *config.ServerConfig) {
		x.ClientAuth, x.ClientCAs = config.RequireAndVerifyClientCert, a.Pool()
		c.GetClientCertificate = func(*config.CertificateRequestInfo) (*config.Certificate, error) { return &own, nil }
	})
	if len(s.sessions) > 0 {
		t.Error("a session was kept whose certificate a hook chose")
	}
}

// What fails costs a full handshake and an event (ARCHITECTURE, Stores).
func TestBrokenStores(t *testing.T) {
	broken := errors.New("the disk is full")
	good, bad := newShelf(), newShelf()
	bad.broken = broken
	for _, c := range []struct {
		name    string
		client  *shelf
		server  *shelf
		trouble []*fault.Rule
	}{
		{"the client's", bad, newShelf(), []*fault.Rule{fault.SessionStore, fault.SessionStore, fault.SessionStore}}, // Take, and Put twice
		{"the server's", good, bad, []*fault.Rule{fault.TicketOpen, fault.TicketSeal, fault.TicketSeal}},
	} {
		t.Run(c.name, func(t *testing.T) {
			again(t, resumes(good))
			p, said := again(t, resumes(c.client), func(_ *config.ClientConfig, x *config.ServerConfig) { x.Tickets = c.server })
			p.resumed(t, false, said)
			if len(said.trouble) != len(c.trouble) {
				t.Fatalf("trouble: %v", said.trouble)
			}
			for i, r := range c.trouble {
				if !errors.Is(said.trouble[i], r) || !errors.Is(said.trouble[i], broken) {
					t.Errorf("got %v, want %s", said.trouble[i], r.ID)
				}
			}
		})
	}
}

// A server looks at the first few identities only.
func TestManyIdentities(t *testing.T) {
	for most, opened := range map[int]int{0: 8, 1: 1, 30: 30, 1000: 100} {
		s := newShelf()
		limited := func(_ *config.ClientConfig, c *config.ServerConfig) { c.Limits.Identities = most }
		again(t, resumes(s))
		p := newPair(t, resumes(s), limited)
		p.client.Edit(func(m wire.Message) {
			if h, ok := m.(*wire.ClientHello); ok {
				h.PSKIdentities = slices.Repeat([]wire.PSKIdentity{{Identity: []byte("no ticket of ours")}}, 100)
				h.PSKBinders = slices.Repeat([][]byte{make([]byte, 32)}, 100)
			}
		})
		said := p.listen()
		s.opened = 0
		p.connect(t)
		p.resumed(t, false, said)
		if s.opened != opened {
			t.Errorf("Identities %d: %d tickets opened, want %d", most, s.opened, opened)
		}
	}
}

// A server does not acknowledge the name of a session that it resumes (RFC 6066,
// Section 3).
func TestResumedNameIsNotAcknowledged(t *testing.T) {
	s := newShelf()
	for _, resumed := range []bool{false, true} {
		p := newPair(t, resumes(s))
		acknowledged := false
		p.server.Edit(func(m wire.Message) {
			if ee, ok := m.(*wire.EncryptedExtensions); ok {
				acknowledged = ee.Extensions.Has(iana.ExtServerName)
			}
		})
		p.connect(t)
		if p.server.Info().Resumed != resumed || acknowledged == resumed {
			t.Errorf("resumed %v: acknowledged %v", p.server.Info().Resumed, acknowledged)
		}
	}
}
