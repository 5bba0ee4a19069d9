package engine

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/keys"
	"github.com/handclasp/handclasp/session"
)

// TestFailedIsForgotten12: a connection that a fatal alert ends takes its session
// with it, on each side that can forget it, whether it began or resumed the session;
// close_notify does not (RFC 5246, Section 7.2.2).
func TestFailedIsForgotten12(t *testing.T) {
	ends := map[string]func(*pair){
		"the client fails": func(p *pair) { p.client.Fail(fault.Internal.New()) },
		"the server fails": func(p *pair) { p.server.Fail(fault.Internal.New()) },
		"a broken record":  func(p *pair) { p.server.wire = append([]byte{23, 3, 3, 0, 32}, make([]byte, 32)...) },
		"close_notify":     func(p *pair) { p.client.Close() },
	}
	for way, how := range map[string]option{"ticket": keep, "session ID": byID} {
		for _, earlier := range []int{0, 1} {
			for who := range 2 {
				for name, end := range ends {
					t.Run(fmt.Sprintf("%s/resumed %d/side %d/%s", way, earlier, who, name), func(t *testing.T) {
						options := []option{memories(t), only12, how}
						for range earlier {
							again(t, options...)
						}
						p, said := again(t, options...)
						p.resumed12(t, earlier > 0, said)
						end(p)
						p.pump(t)
						if failed := p.client.Err() != nil && p.server.Err() != nil; failed != (name != "close_notify") {
							t.Fatalf("client %v, server %v", p.client.err, p.server.err)
						}
						for _, errand := range []*side{p.client, p.server}[who].Errands() {
							must(t, errand.Run(t.Context()))
						}
						can := way == "session ID" || who == 0 // nobody calls a ticket back
						p, said = again(t, options...)
						p.resumed12(t, name == "close_notify" || !can, said)
					})
				}
			}
		}
	}
}

// TestOfferThatFails: a server that can't bear the session is not shown it again.
func TestOfferThatFails(t *testing.T) {
	both := memories(t)
	again(t, both, only12)
	p := newPair(t, both, only12)
	p.answer(p.client)
	p.client.Output(nil)
	p.client.wire = []byte{21, 3, 3, 0, 2, 2, byte(iana.DecodeError)}
	p.step(t, p.client, p.server)
	if !isRule(p.client.err, fault.AlertReceived) {
		t.Fatal(p.client.err)
	}
	for _, errand := range p.client.Errands() {
		must(t, errand.Run(t.Context()))
	}
	p, said := again(t, both, only12)
	p.resumed12(t, false, said)
}

// TestOldOffered: a server that has learned TLS 1.3 meanwhile, or takes another suite,
// does not take the old session, and the client forgets it.
func TestOldOffered(t *testing.T) {
	for name, now := range map[string]option{
		"TLS 1.3": keep,
		"another suite": func(_ *config.ClientConfig, s *config.ServerConfig) {
			s.MaxVersion, s.CipherSuites = iana.TLS12, []iana.CipherSuite{iana.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256}
		},
	} {
		for way, how := range map[string]option{"ticket": keep, "session ID": byID} {
			t.Run(name+"/"+way, func(t *testing.T) {
				both := memories(t)
				again(t, both, only12, how)
				silent := func(_ *config.ClientConfig, s *config.ServerConfig) { s.Tickets, s.SessionCache = nil, nil } // nothing new
				p, said := again(t, both, how, now, silent)
				if i := p.client.Info(); i.Resumed || len(said.session) == 0 || said.session[0].Chosen == "" {
					t.Fatalf("%+v; they said %+v", i, said.session)
				}
				p.exchange(t, 100)
				p, said = again(t, both, only12, how)
				p.resumed12(t, false, said)
			})
		}
	}
}

// A bigTicket is a server whose tickets have n bytes.
type bigTicket struct {
	*shelf
	n int
}

func (b bigTicket) Seal(ctx context.Context, s *session.State) ([]byte, error) {
	ticket, err := b.shelf.Seal(ctx, s)
	return append(ticket, make([]byte, b.n-len(ticket))...), err
}

func (b bigTicket) Open(ctx context.Context, ticket []byte) (*session.State, error) {
	return b.shelf.Open(ctx, ticket[:4])
}

// TestLongTicket: what a hello has no room for is not kept (docs/limits.md), and not
// offered if it was.
func TestLongTicket(t *testing.T) {
	for version, how := range map[string]option{"TLS 1.2": only12, "TLS 1.3": keep} {
		for n, fits := range map[int]bool{1 << 15: true, 1<<15 + 1: false, 1<<16 - 1: false} {
			t.Run(fmt.Sprint(version, "/", n), func(t *testing.T) {
				s := newShelf()
				options := []option{resumes(s), how, func(_ *config.ClientConfig, c *config.ServerConfig) { c.Tickets = bigTicket{s, n} }}
				p, _ := again(t, options...)
				p.pump(t)
				if kept := len(s.sessions["localhost"]) > 0; kept != fits {
					t.Fatalf("kept: %v", kept)
				}
				if p, said := again(t, options...); p.client.Info().Resumed != fits {
					t.Errorf("resumed %v; they said %+v", !fits, said.session)
				}
			})
		}
	}
	s := newShelf()
	again(t, resumes(s), only12)
	s.sessions["localhost"][0].Ticket = make([]byte, 1<<15+1)
	if p, said := again(t, resumes(s), only12); p.client.Info().Resumed || said.session[0].Reason != "There is one, but its ticket is too long for a hello." {
		t.Errorf("they said %+v", said.session)
	}
}

// An attentive store remembers what it gave.
type attentive struct {
	*shelf
	session *session.Session
	state   *session.State
}

func (a *attentive) Take(ctx context.Context, key string) (x *session.Session, err error) {
	x, err = a.shelf.Take(ctx, key)
	if x != nil {
		a.session = x
	}
	return x, err
}

func (a *attentive) Open(ctx context.Context, ticket []byte) (x *session.State, err error) {
	x, err = a.shelf.Open(ctx, ticket)
	a.state = x
	return x, err
}

// TestUnfitIsWiped: the secret of a session that is looked at and not resumed does not
// stay in memory.
func TestUnfitIsWiped(t *testing.T) {
	for version, how := range map[string]option{"TLS 1.2": only12, "TLS 1.3": keep} {
		a := &attentive{shelf: newShelf()}
		stores := func(c *config.ClientConfig, s *config.ServerConfig) { c.Sessions, s.Tickets = a, a }
		p, _ := again(t, stores, how)
		p.pump(t)
		p, _ = again(t, stores, how, func(_ *config.ClientConfig, s *config.ServerConfig) {
			s.CurvePreferences = []iana.Group{iana.Secp521r1} // which the session had not
			s.CipherSuites = []iana.CipherSuite{iana.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, iana.TLS_AES_256_GCM_SHA384}
		})
		if p.server.Info().Resumed || a.state == nil || !wiped(a.state.Secret) {
			t.Errorf("%s: the server resumed, or keeps %+v", version, a.state)
		}
		p.pump(t)
		again(t, stores, how, later(48*time.Hour))
		if a.session == nil || !wiped(a.session.Secret) {
			t.Errorf("%s: the client keeps %+v", version, a.session)
		}
	}
}

func wiped(secret keys.Secret) bool { return len(secret) > 0 && len(bytes.Trim(secret, "\x00")) == 0 }
