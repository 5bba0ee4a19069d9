package engine

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/internal/wire"
	"github.com/handclasp/handclasp/session"
)

// stranger is an authority that nobody knows.
func stranger(t *testing.T) *pki.Authority {
	t.Helper()
	a, err := pki.NewAuthority("Somebody else's root", pki.Options{Now: birth})
	must(t, err)
	return a
}

// later is a clock that is ahead on both sides.
func later(d time.Duration) option {
	return func(c *config.ClientConfig, s *config.ServerConfig) {
		c.Time = func() time.Time { return birth.Add(d) }
		s.Time = c.Time
	}
}

// longTickets last as long as tickets may.
func longTickets(_ *config.ClientConfig, s *config.ServerConfig) {
	s.TicketLifetime = session.MaxLifetime
}

// brief has the server show a certificate that ends after a day.
func brief(t *testing.T) option {
	c := own(t, issue(t, pki.Leaf{Names: []string{"localhost"}, NotAfter: birth.Add(24 * time.Hour)}))
	return func(_ *config.ClientConfig, s *config.ServerConfig) { s.Certificates = []config.Certificate{c} }
}

// briefClient has the client show a certificate that ends after a day, to a server
// that insists on one.
func briefClient(t *testing.T) option {
	shown := own(t, issue(t, pki.Leaf{Names: []string{"somebody"}, NotAfter: birth.Add(24 * time.Hour)}))
	return both(asks(t, config.RequireAndVerifyClientCert), func(c *config.ClientConfig, _ *config.ServerConfig) {
		c.Certificates = []config.Certificate{shown}
	})
}

// TestClientNeverWidens: a session serves only what it was made for. Each row is a
// property to which it is bound; the first connection keeps a session, then
// something is changed, and the second must not offer it. The row "nothing" shows
// that it would otherwise.
func TestClientNeverWidens(t *testing.T) {
	others := stranger(t)
	client := func(f func(c *config.ClientConfig)) option {
		return func(c *config.ClientConfig, _ *config.ServerConfig) { f(c) }
	}
	kept := func(f func(s *session.Session)) func(*shelf) {
		return func(s *shelf) {
			for _, x := range s.sessions["localhost"] {
				f(x)
			}
		}
	}
	for _, c := range []struct {
		property      string
		first, second option
		change        func(*shelf) // of what the store holds
		reason        string       // "" if the session is offered
	}{
		{"nothing", keep, keep, nil, ""},
		{"version of the configuration", keep, client(func(c *config.ClientConfig) { c.MaxVersion = iana.TLS12 }), nil, "it is one of TLS 1.3"},
		{"version of the session", keep, keep, kept(func(s *session.Session) { s.Version = iana.TLS12 }), "its cipher suite TLS_AES_128_GCM_SHA256 is not offered now"},
		{"cipher suite", suites(iana.TLS_CHACHA20_POLY1305_SHA256), suites(iana.TLS_AES_128_GCM_SHA256), nil, "its cipher suite TLS_CHACHA20_POLY1305_SHA256 is not offered now"},
		{"server name, another store key", keep, client(func(c *config.ClientConfig) { c.ServerName = "example.org" }), nil, "There is none of this server."},
		{"server name of the session", keep, keep, kept(func(s *session.Session) { s.ServerName = "example.org" }), "it is of a server of another name"},
		{"own certificate", keep, asks(t, config.NoClientCert), nil, "this client is set up to show other certificates than then"},
		{"own certificate gone", asks(t, config.RequestClientCert), keep, nil, "this client is set up to show other certificates than then"},
		{"own certificate by a hook", keep, client(func(c *config.ClientConfig) {
			c.GetClientCertificate = func(*config.CertificateRequestInfo) (*config.Certificate, error) { return nil, nil }
		}), nil, "this client is set up to show other certificates than then"},
		{"roots", keep, client(func(c *config.ClientConfig) { c.RootCAs = others.Pool() }), nil, "today the server's certificate would be refused"},
		{"policy", client(func(c *config.ClientConfig) { c.InsecureSkipVerify, c.RootCAs = true, others.Pool() }), client(func(c *config.ClientConfig) { c.RootCAs = others.Pool() }), nil, "today the server's certificate would be refused"},
		{"policy that waives", client(func(c *config.ClientConfig) { c.InsecureSkipVerify, c.RootCAs = true, others.Pool() }), client(func(c *config.ClientConfig) { c.InsecureSkipVerify, c.RootCAs = true, others.Pool() }), nil, ""},
		{"end of the chain, before", both(brief(t), longTickets), both(brief(t), later(23*time.Hour)), nil, ""},
		{"end of the chain, after", both(brief(t), longTickets), both(brief(t), later(25*time.Hour)), nil, "today the server's certificate would be refused"},
		{"lifetime, before", keep, later(24*time.Hour - time.Second), nil, ""},
		{"lifetime, after", keep, later(24 * time.Hour), nil, "it is too old"},
		{"a clock that went back", keep, later(-time.Second), nil, "it is too old"},
		{"seven days", longTickets, later(session.MaxLifetime), kept(func(s *session.Session) { s.Lifetime *= 2 }), "it is too old"},
		{"signature algorithm", keep, client(func(c *config.ClientConfig) { c.SignatureSchemes = []iana.SignatureScheme{iana.ED25519} }), nil, "the server signed with ecdsa_secp256r1_sha256, which is not accepted now"},
		{"secret", keep, keep, kept(func(s *session.Session) { s.Secret = s.Secret[1:] }), "it is damaged"},
		{"ticket", keep, keep, kept(func(s *session.Session) { s.Ticket = nil }), "it is damaged"},
		{"chain", keep, keep, kept(func(s *session.Session) { s.Peer = nil }), "it is damaged"},
		{"chain that is none", keep, keep, kept(func(s *session.Session) { s.Peer = [][]byte{{1}} }), "its certificates can't be read"},
	} {
		t.Run(c.property, func(t *testing.T) {
			s := newShelf()
			again(t, resumes(s), c.first)
			if c.change != nil {
				c.change(s)
			}
			p := newPair(t, resumes(s), c.second)
			offered := false
			p.client.Edit(func(m wire.Message) {
				if h, ok := m.(*wire.ClientHello); ok {
					offered = h.Extensions.Has(iana.ExtPreSharedKey)
				}
			})
			said := p.listen()
			p.pump(t) // which may fail: what is not resumed would be refused
			if offered != (c.reason == "") || p.client.Info().Resumed != offered {
				t.Fatalf("offered %v, resumed %v; they said %+v", offered, p.client.Info().Resumed, said.session)
			}
			if c.reason != "" && !strings.Contains(said.session[0].Reason, c.reason) {
				t.Errorf("the reason is %+v, want %q", said.session, c.reason)
			}
		})
	}
}

// TestServerNeverWidens is the same of a server and its tickets. What is not
// resumed becomes a full handshake. Hooks have their turn in the root's TestResumeAsksHook.
func TestServerNeverWidens(t *testing.T) {
	others := stranger(t)
	policy := func(p config.ClientAuthType) option { return asks(t, p) }
	server := func(f func(s *config.ServerConfig)) option {
		return func(_ *config.ClientConfig, s *config.ServerConfig) { f(s) }
	}
	sealed := func(f func(s *session.State)) func(*shelf) {
		return func(s *shelf) {
			for i := range s.states {
				f(&s.states[i])
			}
		}
	}
	const old = config.RequireAndVerifyClientCert
	passing := briefClient(t)
	waits := func(p config.ClientAuthType) option {
		return both(policy(p), func(c *config.ClientConfig, s *config.ServerConfig) { c.PostHandshakeAuth, s.AskLater = true, true })
	}
	showsNone := func(c *config.ClientConfig, _ *config.ServerConfig) { c.Certificates = nil }
	for _, c := range []struct {
		property      string
		first, second option
		change        func(*shelf) // of what the tickets hold
		reason        string       // "" if the session is resumed
	}{
		{"nothing", keep, keep, nil, ""},
		{"nothing, mutual TLS", policy(old), policy(old), nil, ""},
		{"version", keep, keep, sealed(func(s *session.State) { s.Version = iana.TLS12 }), "a session of TLS 1.2"},
		{"hash of the suite", keep, server(func(s *config.ServerConfig) { s.CipherSuites = []iana.CipherSuite{iana.TLS_AES_256_GCM_SHA384} }), nil, "no common cipher suite has its hash, SHA-256"},
		{"another suite of the hash", keep, server(func(s *config.ServerConfig) { s.CipherSuites = []iana.CipherSuite{iana.TLS_CHACHA20_POLY1305_SHA256} }), nil, ""},
		{"suite that is none", keep, keep, sealed(func(s *session.State) { s.CipherSuite = 0xffff }), "a session with a cipher suite that we don't know"},
		{"secret", keep, keep, sealed(func(s *session.State) { s.Secret = s.Secret[1:] }), "a session with a cipher suite that we don't know"},
		{"server name", keep, keep, sealed(func(s *session.State) { s.ServerName = "example.org" }), "a session for another server name"},
		{"lifetime", keep, keep, sealed(func(s *session.State) { s.Issued = s.Issued.Add(-24 * time.Hour) }), "a session that is too old"},
		{"seven days since the full handshake", keep, keep, sealed(func(s *session.State) { s.Began = s.Began.Add(-session.MaxLifetime) }), "a session that is too old"},
		{"a clock that went back", keep, keep, sealed(func(s *session.State) { s.Issued = s.Issued.Add(time.Second) }), "a session that is too old"},
		{"key of the tickets", keep, server(func(s *config.ServerConfig) { s.Tickets = newShelf() }), nil, "no ticket of ours, or too old"},
		{"policy: none, then request", both(policy(config.RequestClientCert), server(func(s *config.ServerConfig) { s.ClientAuth = config.NoClientCert })), policy(config.RequestClientCert), nil, "the client was not asked for a certificate then"},
		{"policy: request, then none", policy(config.RequestClientCert), both(policy(config.RequestClientCert), server(func(s *config.ServerConfig) { s.ClientAuth = config.NoClientCert })), nil, "the client showed a certificate then, and none is asked for now"},
		{"policy: request, then require", both(policy(config.RequestClientCert), showsNone), both(policy(config.VerifyClientCertIfGiven), showsNone), nil, ""},
		{"policy: request and none shown, then require", both(policy(config.RequestClientCert), showsNone), both(policy(config.RequireAnyClientCert), showsNone), nil, "the client showed no certificate then, and now one is required"},
		{"policy: request, then verify", both(policy(config.RequestClientCert), server(func(s *config.ServerConfig) { s.ClientCAs = nil })), both(policy(old), server(func(s *config.ServerConfig) { s.ClientCAs = others.Pool() })), nil, "today the client's certificate would be refused"},
		{"client authorities", policy(old), both(policy(old), server(func(s *config.ServerConfig) { s.ClientCAs = others.Pool() })), nil, "today the client's certificate would be refused"},
		{"policy: require later, then the same", waits(old), waits(old), nil, ""},
		{"policy: require, then require later", policy(old), waits(old), nil, ""},
		{"policy: require later, then require", waits(old), policy(old), nil, "the client was not asked for a certificate then"},
		{"policy: request later, then request", waits(config.RequestClientCert), policy(config.RequestClientCert), nil, "the client was not asked for a certificate then"},
		{"policy: require, then require later, other authorities", policy(old), both(waits(old), server(func(s *config.ServerConfig) { s.ClientCAs = others.Pool() })), nil, "today the client's certificate would be refused"},
		{"end of the client's chain, before", both(passing, longTickets), both(passing, longTickets, later(23*time.Hour)), nil, ""},
		{"end of the client's chain, after", both(passing, longTickets), both(passing, longTickets, later(25*time.Hour)), nil, "today the client's certificate would be refused"},
		{"client's chain", policy(old), policy(old), sealed(func(s *session.State) { s.Peer = [][]byte{{1}} }), "the client's certificates can't be read"},
		{"client's signature algorithm", policy(old), policy(old), sealed(func(s *session.State) { s.ClientScheme = iana.SignatureScheme(0xfffe) }), "which is not accepted now"},
	} {
		t.Run(c.property, func(t *testing.T) {
			s := newShelf()
			again(t, resumes(s), c.first)
			if c.change != nil {
				c.change(s)
			}
			p := newPair(t, resumes(s), c.second)
			said := p.listen()
			p.pump(t) // which may fail: what is not resumed would be refused
			if p.server.Info().Resumed != (c.reason == "") {
				t.Fatalf("resumed %v; they said %+v", p.server.Info().Resumed, said.session)
			}
			if c.reason != "" && !slices.ContainsFunc(said.session, func(d flow.Decision) bool { return strings.Contains(d.Reason, c.reason) }) {
				t.Errorf("the reason is %+v, want %q", said.session, c.reason)
			}
		})
	}
}
