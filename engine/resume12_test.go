package engine

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/internal/suite"
	"github.com/handclasp/handclasp/internal/wire"
	"github.com/handclasp/handclasp/session"
)

// memories give both sides what they need to resume in every version: by ticket,
// and by session ID in a cache of its own.
func memories(t testing.TB) option {
	t.Helper()
	clock := func() time.Time { return birth }
	sessions, err := session.NewClientMemory(session.ClientOptions{Clock: clock})
	must(t, err)
	tickets, err := session.NewTickets(session.TicketOptions{Clock: clock})
	must(t, err)
	kv, err := session.NewMemory(session.MemoryOptions{Clock: clock})
	must(t, err)
	return func(c *config.ClientConfig, s *config.ServerConfig) {
		c.Sessions, s.Tickets, s.SessionCache = sessions, tickets, session.NewCache(kv)
	}
}

func byID(c *config.ClientConfig, _ *config.ServerConfig) { c.SessionIDs = true }

func only12(c *config.ClientConfig, s *config.ServerConfig) { s.MaxVersion = iana.TLS12 }

// resumed12 checks that both sides resumed, or not, and that they can go on.
func (p *pair) resumed12(t *testing.T, want bool, said *saying) {
	t.Helper()
	c, s := p.client.Info(), p.server.Info()
	if c.Resumed != want || s.Resumed != want {
		t.Fatalf("client resumed %v, server %v, want %v; they said %+v", c.Resumed, s.Resumed, want, said.session)
	}
	if slices.Contains(said.messages, iana.ClientKeyExchange) == want {
		t.Errorf("messages %v", said.messages)
	}
	if want && (c.ForwardSecrecy || s.ForwardSecrecy || c.SignatureScheme != s.SignatureScheme || c.Group != s.Group || c.DHBits != s.DHBits) {
		t.Errorf("client %+v\nserver %+v", c, s)
	}
	if !bytes.Equal(c.TLSUnique, s.TLSUnique) || len(c.TLSUnique) == 0 {
		t.Errorf("tls-unique: %x, %x", c.TLSUnique, s.TLSUnique)
	}
	a, err := p.client.ExportKeyingMaterial("label", nil, 16)
	must(t, err)
	b, err := p.server.ExportKeyingMaterial("label", nil, 16)
	must(t, err)
	if !bytes.Equal(a, b) {
		t.Error("the exporters differ")
	}
	if len(said.trouble) > 0 {
		t.Error(said.trouble)
	}
	p.exchange(t, 40_000)
}

// TestResume12: every version and key exchange, by ticket and by session ID.
func TestResume12(t *testing.T) {
	for _, id := range []iana.CipherSuite{
		iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, iana.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, iana.TLS_DHE_RSA_WITH_AES_128_CBC_SHA,
		iana.TLS_RSA_WITH_AES_128_CBC_SHA, iana.TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA, iana.TLS_PSK_WITH_AES_128_CBC_SHA, iana.TLS_RSA_PSK_WITH_AES_128_CBC_SHA,
	} {
		u := suite.ByID(id)
		key := pki.P256
		if u.Auth == suite.RSA {
			key = pki.RSA2048
		}
		for _, v := range []iana.Version{iana.TLS12, iana.TLS11, iana.TLS10} {
			for way, how := range map[string]option{"ticket": keep, "session ID": byID} {
				if !u.For(v) {
					continue
				}
				t.Run(fmt.Sprintf("%v/%v/%s", v, id, way), func(t *testing.T) {
					options := []option{memories(t), exactly(v, id), withCertificate(t, key), how}
					if u.Exchange.PreShared() {
						options = append(options, psk)
					}
					for i := range 3 {
						p, said := again(t, options...)
						p.resumed12(t, i > 0, said)
						if c, s := p.client.Info(), p.server.Info(); (c.Peer != nil) != (u.Auth != suite.NoKey) || u.Exchange.PreShared() != (string(c.PSKIdentity) == "somebody") || !bytes.Equal(c.PSKIdentity, s.PSKIdentity) {
							t.Errorf("client %+v\nserver %+v", c, s)
						}
					}
				})
			}
		}
	}
}

// TestResume12Besides: what else may go on in such a connection.
func TestResume12Besides(t *testing.T) {
	for _, c := range []struct {
		name    string
		options []option
	}{
		{"a client that offers TLS 1.3", nil},
		{"without compatibility mode", []option{func(c *config.ClientConfig, _ *config.ServerConfig) { c.NoMiddleboxCompat = true }}},
		{"mutual TLS", []option{asks(t, config.RequireAndVerifyClientCert)}},
		{"no certificate shown", []option{asks(t, config.VerifyClientCertIfGiven), func(c *config.ClientConfig, _ *config.ServerConfig) { c.Certificates = nil }}},
		{"max_fragment_length", []option{func(c *config.ClientConfig, _ *config.ServerConfig) { c.MaxFragmentLength = 512 }}},
		{"record_size_limit", []option{func(c *config.ClientConfig, _ *config.ServerConfig) { c.RecordSizeLimit = 700 }}},
		{"application protocol", []option{func(c *config.ClientConfig, s *config.ServerConfig) {
			c.NextProtos, s.NextProtos = []string{"h2"}, []string{"h2"}
		}}},
		{"GREASE", []option{func(c *config.ClientConfig, _ *config.ServerConfig) { c.GREASE, c.PermuteExtensions = true, true }}},
	} {
		for way, how := range map[string]option{"ticket": keep, "session ID": byID} {
			t.Run(c.name+"/"+way, func(t *testing.T) {
				options := append([]option{memories(t), only12, how}, c.options...)
				var first [2]flow.Info
				for i := range 3 {
					p, said := again(t, options...)
					p.resumed12(t, i > 0, said)
					now := [2]flow.Info{p.client.Info(), p.server.Info()}
					if i == 0 {
						first = now
					}
					for side := range now {
						a, b := first[side], now[side] // the server alone remembers with what the client signed
						if a.ALPN != b.ALPN || a.RecordLimit != b.RecordLimit || a.PeerRecordLimit != b.PeerRecordLimit || side == 1 && a.ClientScheme != b.ClientScheme || (a.Peer == nil) != (b.Peer == nil) {
							t.Errorf("first %+v\nnow %+v", a, b)
						}
					}
				}
			})
		}
	}
}

// TestTicketProspects: that a ticket holds the master secret is said where forward
// secrecy is promised, and nowhere else.
func TestTicketProspects(t *testing.T) {
	for _, c := range []struct {
		options []option
		want    bool
	}{
		{[]option{memories(t), only12}, true},
		{[]option{memories(t), only12, byID}, false},
		{[]option{only12}, false},
		{[]option{memories(t), exactly(iana.TLS12, iana.TLS_RSA_WITH_AES_128_GCM_SHA256), withCertificate(t, pki.RSA2048)}, false},
	} {
		p := newPair(t, c.options...)
		var said []string
		note := func(ev *flow.Event) {
			if ev.Kind == flow.Choice && ev.Decision.What == "key_exchange" {
				said = append(said, ev.Decision.Reason)
			}
		}
		p.client.Watch(note)
		p.server.Watch(note)
		p.connect(t)
		if len(said) != 2 || said[0] != said[1] || strings.Contains(said[0], "ticket is sealed with") != c.want {
			t.Errorf("want %v: %q", c.want, said)
		}
	}
}

// Without extended master secret an old peer resumes, and nothing binds to the
// connection (RFC 7627, Sections 5.3 and 6).
func TestResume12WithoutEMS(t *testing.T) {
	both := memories(t)
	strip := func(p *pair) *pair { return p.editHello(noEMS) }
	p := strip(newPair(t, both, only12)).connect(t)
	if p.client.Info().ExtendedMasterSecret {
		t.Fatal("extended_master_secret was agreed")
	}
	p = strip(newPair(t, both, only12)).connect(t)
	if i := p.client.Info(); !i.Resumed || i.TLSUnique != nil {
		t.Errorf("%+v", i)
	}
	if _, err := p.client.ExportKeyingMaterial("label", nil, 16); err == nil {
		t.Error("there is an exporter")
	}
	p.exchange(t, 100)
	if p = newPair(t, both, only12).connect(t); p.client.Info().Resumed || !p.server.Info().ExtendedMasterSecret {
		t.Error("a session without extended master secret is resumed with it")
	}
}

// A session that comes to grief is forgotten, and one that the server does not
// take too; what a store that fails costs is a full handshake.
func TestForget12(t *testing.T) {
	both := memories(t)
	again(t, both, only12, byID)
	p := newPair(t, both, only12, byID)
	p.server.Edit(func(m wire.Message) {
		if f, ok := m.(*wire.Finished); ok {
			f.VerifyData[0]++
		}
	})
	p.pump(t)
	if p.client.err == nil {
		t.Fatal("a wrong Finished passed")
	}
	for _, errand := range p.client.Errands() {
		must(t, errand.Run(t.Context()))
	}
	p = newPair(t, both, only12, byID)
	said := p.listen()
	p.connect(t).resumed12(t, false, said)

	spoiled := newShelf()
	spoiled.broken = fmt.Errorf("out of order")
	p, said = again(t, both, only12, func(_ *config.ClientConfig, s *config.ServerConfig) { s.Tickets, s.SessionCache = spoiled, nil })
	if p.client.Info().Resumed || len(said.trouble) != 1 || said.trouble[0].(*fault.Error).Rule != fault.TicketSeal {
		t.Errorf("resumed %v, trouble %v", p.client.Info().Resumed, said.trouble)
	}
	p.exchange(t, 10)
}

// TestClientNeverWidens12 and TestServerNeverWidens12 are what TestClientNeverWidens
// and TestServerNeverWidens are for TLS 1.3: here there is no new key exchange,
// so a session is bound to more.
func TestClientNeverWidens12(t *testing.T) {
	others := stranger(t)
	client := func(f func(c *config.ClientConfig)) option {
		return func(c *config.ClientConfig, _ *config.ServerConfig) { f(c) }
	}
	dhe := both(exactly(iana.TLS12, iana.TLS_DHE_RSA_WITH_AES_128_GCM_SHA256), withCertificate(t, pki.RSA2048))
	ofPSK := both(exactly(iana.TLS12, iana.TLS_PSK_WITH_AES_128_GCM_SHA256), psk)
	for _, c := range []struct {
		property      string
		first, second option
		change        func(*session.Session)
		reason        string
	}{
		{"nothing", keep, keep, nil, ""},
		{"version", keep, client(func(c *config.ClientConfig) { c.MinVersion = iana.TLS13 }), nil, "it is one of TLS 1.2"},
		{"cipher suite", keep, client(func(c *config.ClientConfig) {
			c.CipherSuites = []iana.CipherSuite{iana.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}
		}), nil, "is not offered now"},
		{"group", keep, client(func(c *config.ClientConfig) { c.CurvePreferences = []iana.Group{iana.Secp521r1} }), nil, "its key exchange used x25519, which is not offered now"},
		{"modulus, long enough", dhe, dhe, nil, ""},
		{"modulus", dhe, both(dhe, client(func(c *config.ClientConfig) { c.MinDHBits = 9000 })), nil, "a shorter modulus"},
		{"max_fragment_length", client(func(c *config.ClientConfig) { c.MaxFragmentLength = 512 }), keep, nil, "its records have another length"},
		{"signature algorithm", keep, client(func(c *config.ClientConfig) { c.SignatureSchemes = []iana.SignatureScheme{iana.ED25519} }), nil, "the server signed with"},
		{"roots", keep, client(func(c *config.ClientConfig) { c.RootCAs = others.Pool() }), nil, "today the server's certificate would be refused"},
		{"policy", client(func(c *config.ClientConfig) { c.InsecureSkipVerify, c.RootCAs = true, others.Pool() }), client(func(c *config.ClientConfig) { c.RootCAs = others.Pool() }), nil, "today the server's certificate would be refused"},
		{"end of the chain", both(brief(t), longTickets), both(brief(t), later(25*time.Hour)), nil, "today the server's certificate would be refused"},
		{"lifetime", keep, later(24 * time.Hour), nil, "it is too old"},
		{"own certificate", keep, asks(t, config.NoClientCert), nil, "set up to show other certificates"},
		{"pre-shared key", ofPSK, ofPSK, nil, ""},
		{"another pre-shared key", ofPSK, both(ofPSK, func(c *config.ClientConfig, s *config.ServerConfig) {
			c.PSKs = []config.PSK{{Identity: []byte("somebody"), Key: []byte("another of 16 by")}}
			s.PSKs = c.PSKs
		}), nil, "set up to show other certificates"},
		{"server name", keep, keep, func(s *session.Session) { s.ServerName = "example.org" }, "another name"},
		{"secret", keep, keep, func(s *session.Session) { s.Secret = s.Secret[1:] }, "it is damaged"},
		{"ticket", keep, keep, func(s *session.Session) { s.Ticket = nil }, "it is damaged"},
		{"chain", keep, keep, func(s *session.Session) { s.Peer = nil }, "it is damaged"},
		{"tickets unwanted", keep, byID, nil, "this client uses session IDs"},
	} {
		t.Run(c.property, func(t *testing.T) {
			s := newShelf()
			again(t, resumes(s), only12, c.first)
			if c.change != nil {
				c.change(s.sessions["localhost"][0])
			}
			p := newPair(t, resumes(s), only12, c.second)
			offered := false
			p.editHello(func(h *wire.ClientHello) { offered = len(h.Ticket) > 0 })
			said := p.listen()
			p.pump(t)
			if offered != (c.reason == "") || p.client.Info().Resumed != offered {
				t.Fatalf("offered %v, resumed %v; they said %+v", offered, p.client.Info().Resumed, said.session)
			}
			if c.reason != "" && !strings.Contains(said.session[0].Reason, c.reason) {
				t.Errorf("the reason is %+v, want %q", said.session, c.reason)
			}
		})
	}
}

func TestServerNeverWidens12(t *testing.T) {
	others := stranger(t)
	server := func(f func(s *config.ServerConfig)) option {
		return func(_ *config.ClientConfig, s *config.ServerConfig) { f(s) }
	}
	const old = config.RequireAndVerifyClientCert
	ofPSK := both(exactly(iana.TLS12, iana.TLS_PSK_WITH_AES_128_GCM_SHA256), psk)
	mutual, passing := asks(t, old), briefClient(t)
	for _, c := range []struct {
		property      string
		first, second option
		change        func(*session.State)
		reason        string
	}{
		{"nothing", keep, keep, nil, ""},
		{"nothing, mutual TLS", mutual, mutual, nil, ""},
		{"version", keep, keep, func(s *session.State) { s.Version = iana.TLS11 }, "a session of TLS 1.1"},
		{"cipher suite", keep, server(func(s *config.ServerConfig) {
			s.CipherSuites = []iana.CipherSuite{iana.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}
		}), nil, "which is not common now"},
		{"cipher suite that is none", keep, keep, func(s *session.State) { s.CipherSuite = 0xffff }, "a cipher suite that we don't know"},
		{"group", keep, server(func(s *config.ServerConfig) { s.CurvePreferences = []iana.Group{iana.Secp521r1} }), nil, "a session with x25519, which is not accepted now"},
		{"secret", keep, keep, func(s *session.State) { s.Secret = s.Secret[1:] }, "a cipher suite that we don't know"},
		{"server name", keep, keep, func(s *session.State) { s.ServerName = "example.org" }, "another server name"},
		{"lifetime", keep, keep, func(s *session.State) { s.Issued = s.Issued.Add(-24 * time.Hour) }, "too old"},
		{"seven days since the full handshake", keep, keep, func(s *session.State) { s.Began = s.Began.Add(-session.MaxLifetime) }, "too old"},
		{"extended master secret", keep, keep, func(s *session.State) { s.ExtendedMasterSecret = false }, "without extended_master_secret"},
		{"max_fragment_length", keep, keep, func(s *session.State) { s.MaxFragment = 1 }, "another max_fragment_length"},
		{"policy", keep, both(mutual, keep), nil, "the client was not asked for a certificate then"},
		{"client authorities", mutual, both(mutual, server(func(s *config.ServerConfig) { s.ClientCAs = others.Pool() })), nil, "today the client's certificate would be refused"},
		{"policy: require, then none", mutual, both(mutual, server(func(s *config.ServerConfig) { s.ClientAuth = config.NoClientCert })), nil, "none is asked for now"},
		{"end of the client's chain", both(passing, longTickets), both(passing, longTickets, later(25*time.Hour)), nil, "today the client's certificate would be refused"},
		{"client's chain", mutual, mutual, func(s *session.State) { s.Peer = [][]byte{{1}} }, "can't be read"},
		{"client's signature algorithm", mutual, mutual, func(s *session.State) { s.ClientScheme = 0xfffe }, "which is not accepted now"},
		{"pre-shared key", ofPSK, ofPSK, nil, ""},
		{"another pre-shared key", ofPSK, both(ofPSK, server(func(s *config.ServerConfig) {
			s.PSKs = []config.PSK{{Identity: []byte("somebody"), Key: []byte("another of 16 by")}}
		})), nil, "a pre-shared key that is not known now"},
		{"pre-shared key, policy: none, then request", ofPSK, both(ofPSK, server(func(s *config.ServerConfig) { s.ClientAuth = config.RequestClientCert })), nil, ""},
		{"pre-shared key, policy: none, then require", ofPSK, both(ofPSK, server(func(s *config.ServerConfig) { s.ClientAuth = config.RequireAnyClientCert })), nil, "now a certificate is required"},
	} {
		t.Run(c.property, func(t *testing.T) {
			s := newShelf()
			again(t, resumes(s), only12, c.first)
			if c.change != nil {
				c.change(&s.states[0])
			}
			if c.property == "policy" { // the client was set up for a certificate then too
				s.sessions["localhost"][0].Identity = identityOf(t, c.second)
			}
			p := newPair(t, resumes(s), only12, c.second)
			said := p.listen()
			p.pump(t)
			if p.server.Info().Resumed != (c.reason == "") {
				t.Fatalf("resumed %v; they said %+v", p.server.Info().Resumed, said.session)
			}
			if c.reason != "" && !slices.ContainsFunc(said.session, func(d flow.Decision) bool { return strings.Contains(d.Reason, c.reason) }) {
				t.Errorf("the reason is %+v, want %q", said.session, c.reason)
			}
		})
	}
}

// identityOf is what sessions of a client so configured are bound to.
func identityOf(t *testing.T, o option) [32]byte {
	t.Helper()
	s := newShelf()
	again(t, resumes(s), only12, o)
	return s.sessions["localhost"][0].Identity
}

// A session ID of our cache does not serve a client with a ticket that is none:
// it made the ID up (RFC 5077, Section 3.4).
func TestTicketBeforeID(t *testing.T) {
	both := memories(t)
	again(t, both, only12, byID)
	p := newPair(t, both, only12, byID)
	p.editHello(func(h *wire.ClientHello) {
		h.Ticket = []byte("of somebody else")
		h.Extensions.Add(iana.ExtSessionTicket)
	})
	p.pump(t)
	if p.server.Info().Resumed {
		t.Error("the cache was asked")
	}
}

// Stored sessions outlive what sealed tickets would: the cache gives only what it
// was told.
func TestCacheHoldsWhole(t *testing.T) {
	kv, err := session.NewMemory(session.MemoryOptions{Clock: func() time.Time { return birth }})
	must(t, err)
	cache := session.NewCache(kv)
	var id []byte
	p := newPair(t, memories(t), only12, byID, func(_ *config.ClientConfig, s *config.ServerConfig) { s.SessionCache = cache })
	p.server.Edit(func(m wire.Message) {
		if h, ok := m.(*wire.ServerHello); ok {
			id = bytes.Clone(h.SessionID)
		}
	})
	p.connect(t)
	st, err := cache.Get(context.Background(), id)
	if err != nil || st == nil || st.Version != iana.TLS12 || st.ServerName != "localhost" || len(st.Secret) != 48 || !st.ExtendedMasterSecret {
		t.Errorf("%+v, %v", st, err)
	}
}
