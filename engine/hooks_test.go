package engine

import (
	"errors"
	"slices"
	"testing"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
)

func both13And12(t *testing.T, f func(t *testing.T, version option)) {
	t.Run("TLS 1.3", func(t *testing.T) { f(t, func(*config.ClientConfig, *config.ServerConfig) {}) })
	t.Run("TLS 1.2", func(t *testing.T) { f(t, old) })
}

// Another configuration counts as a whole: its certificates, its protocols and
// its versions, and nothing of the first.
func TestConfigForClient(t *testing.T) {
	a := own(t, issue(t, pki.Leaf{Names: []string{"a.example"}}))
	b := own(t, issue(t, pki.Leaf{Names: []string{"b.example"}, Key: pki.Ed25519}))
	both13And12(t, func(t *testing.T, version option) {
		for _, c := range []struct {
			name, alpn string
			leaf       config.Certificate
		}{{"a.example", "h2", a}, {"b.example", "http/1.1", b}} {
			var asked []*config.HelloInfo
			p := newPair(t, version, func(cc *config.ClientConfig, s *config.ServerConfig) {
				cc.ServerName, cc.InsecureSkipVerify = c.name, true
				cc.NextProtos, s.NextProtos = []string{"h2", "http/1.1"}, []string{"h2"}
				s.Certificates = []config.Certificate{a}
				s.GetConfigForClient = func(h *config.HelloInfo) (*config.ServerConfig, error) {
					asked = append(asked, h)
					if h.ServerName != "b.example" {
						return nil, nil
					}
					return &config.ServerConfig{Certificates: []config.Certificate{b}, NextProtos: []string{"http/1.1"}, KeyLogWriter: s.KeyLogWriter}, nil
				}
			}).connect(t)
			p.exchange(t, 100)
			i := p.client.Info()
			if !i.Peer.Peer[0].Equal(c.leaf.Leaf()) || i.ALPN != c.alpn {
				t.Errorf("%s: %v, %q", c.name, i.Peer.Peer[0].DNSNames, i.ALPN)
			}
			if len(asked) != 1 || asked[0].ServerName != c.name || !slices.Equal(asked[0].NextProtos, []string{"h2", "http/1.1"}) ||
				len(asked[0].CipherSuites) == 0 || len(asked[0].Groups) == 0 || len(asked[0].SignatureSchemes) == 0 ||
				!slices.Contains(asked[0].Versions, iana.TLS12) || !slices.Contains(asked[0].Extensions, iana.ExtALPN) {
				t.Errorf("the hook was asked %d times, %+v", len(asked), asked)
			}
			if p.server.log.String() != p.client.log.String() {
				t.Error("the other configuration's key log was not used")
			}
		}
	})
}

// The configuration that a hook gives decides on the version.
func TestConfigForClientVersion(t *testing.T) {
	p := newPair(t, func(_ *config.ClientConfig, s *config.ServerConfig) {
		s.GetConfigForClient = func(*config.HelloInfo) (*config.ServerConfig, error) {
			c := *s
			c.MaxVersion = iana.TLS12
			return &c, nil
		}
	}).connect(t)
	if v := p.client.Info().Version; v != iana.TLS12 {
		t.Errorf("%v", v)
	}
}

// A certificate of a hook stands in for the configuration's.
func TestGetCertificate(t *testing.T) {
	found := own(t, issue(t, pki.Leaf{Names: []string{"localhost"}, Key: pki.Ed25519}))
	both13And12(t, func(t *testing.T, version option) {
		for _, alone := range []bool{false, true} {
			p := newPair(t, version, func(_ *config.ClientConfig, s *config.ServerConfig) {
				if alone {
					s.Certificates = nil
				}
				s.GetCertificate = func(h *config.HelloInfo) (*config.Certificate, error) { return &found, nil }
			}).connect(t)
			p.exchange(t, 10)
			if i := p.client.Info(); !i.Peer.Peer[0].Equal(found.Leaf()) || i.SignatureScheme != iana.ED25519 {
				t.Errorf("alone %v: %v", alone, i.Peer.Peer[0].PublicKeyAlgorithm)
			}
		}
		p := newPair(t, version, func(_ *config.ClientConfig, s *config.ServerConfig) {
			s.GetCertificate = func(*config.HelloInfo) (*config.Certificate, error) { return nil, nil }
		}).connect(t)
		if i := p.client.Info(); i.SignatureScheme != iana.ECDSA_SECP256R1_SHA256 {
			t.Errorf("a hook without an answer: %v", i.SignatureScheme)
		}
	})
}

// The errors of hooks are told apart, and what they mean reaches the client.
func TestHookErrors(t *testing.T) {
	broken := errors.New("the database is away")
	both13And12(t, func(t *testing.T, version option) {
		for rule, hook := range map[*fault.Rule]option{
			fault.ConfigHook: func(_ *config.ClientConfig, s *config.ServerConfig) {
				s.GetConfigForClient = func(*config.HelloInfo) (*config.ServerConfig, error) { return nil, broken }
			},
			fault.CertificateHook: func(_ *config.ClientConfig, s *config.ServerConfig) {
				s.GetCertificate = func(*config.HelloInfo) (*config.Certificate, error) { return nil, broken }
			},
		} {
			p := newPair(t, version, hook)
			p.pump(t)
			p.server.err = p.server.Err()
			refused(t, p.server, p.client, rule)
			f, _ := errors.AsType[*fault.Error](p.server.err)
			if !errors.Is(p.server.err, broken) || f.State != fault.Choosing {
				t.Errorf("%v", p.server.err)
			}
			if v := p.server.Info().Version; v != 0 {
				t.Errorf("%v was settled before the hook answered", v)
			}
		}
	})
}

// A hook is asked once, about the first hello, also by a server that asks for a
// second; a server without memory asks again, for it knows of no first.
func TestHookAndRetry(t *testing.T) {
	for name, c := range map[string]struct {
		options []option
		asked   int
	}{"with memory": {[]option{retry}, 1}, "with cookie": {[]option{retry, cookieKey(1)}, 1}} {
		asked := 0
		p := newPair(t, append(c.options, func(_ *config.ClientConfig, s *config.ServerConfig) {
			s.GetCertificate = func(*config.HelloInfo) (*config.Certificate, error) { asked++; return nil, nil }
		})...).connect(t)
		p.exchange(t, 100)
		if asked != c.asked || !p.client.Info().Retried {
			t.Errorf("%s: the hook was asked %d times, retried %v", name, asked, p.client.Info().Retried)
		}
	}

	hooked := func(_ *config.ClientConfig, s *config.ServerConfig) {
		s.GetCertificate = func(*config.HelloInfo) (*config.Certificate, error) { return nil, nil }
	}
	p := newPair(t, retry, cookieKey(1), hooked)
	hello := p.client.Output(nil)
	_, _, err := p.server.Recv(hello)
	must(t, err)
	p.answer(p.server)
	p.client.wire = p.server.Output(nil)
	p.server = newPair(t, retry, cookieKey(1), hooked).server
	p.connect(t).exchange(t, 10)
}

// While a hook is asked nothing is read; an answer that comes after the end, and
// a second one, change nothing.
func TestLateHook(t *testing.T) {
	hooked := func(_ *config.ClientConfig, s *config.ServerConfig) {
		s.GetCertificate = func(*config.HelloInfo) (*config.Certificate, error) { return nil, nil }
	}
	both13And12(t, func(t *testing.T, version option) {
		p := newPair(t, version, hooked)
		p.server.in = p.client.Output(nil)
		p.server.hear(t)
		ask, ok := p.server.Ask().(*flow.HelloAsk)
		if !ok || ask.Hello.ServerName != "localhost" {
			t.Fatalf("asks %+v", p.server.Ask())
		}
		if n, _, err := p.server.Recv([]byte{20, 3, 3, 0, 1, 1}); n != 0 || err != nil || len(p.server.Output(nil)) > 0 {
			t.Errorf("Recv with an open Ask took %d bytes, %v", n, err)
		}
		failed := p.server.Fail(fault.PeerSilent.New())
		ask.Reply(ask.Config, nil, nil)
		if out := p.server.Output(nil); len(out) > 0 || p.server.Err() != failed || p.server.Ask() != nil {
			t.Errorf("the answer woke a failed engine: %v, %v", records(out), p.server.Err())
		}

		p = newPair(t, version, hooked)
		p.server.in = p.client.Output(nil)
		p.server.hear(t)
		ask = p.server.Ask().(*flow.HelloAsk)
		ask.Reply(ask.Config, nil, nil)
		ask.Reply(nil, nil, errors.New("on second thoughts, no"))
		p.connect(t).exchange(t, 10)
	})
}

// TestNothingGiven: an Engine without a configuration has the zero one, and one whose
// watcher is nil tells nobody.
func TestNothingGiven(t *testing.T) {
	if _, err := NewClient(nil); !errors.Is(err, fault.ConfigServerName) {
		t.Error(err)
	}
	if _, err := NewServer(nil); !errors.Is(err, fault.ConfigNoCertificate) {
		t.Error(err)
	}
	e, err := NewClient(&config.ClientConfig{ServerName: "localhost"})
	if err != nil {
		t.Fatal(err)
	}
	e.Watch(nil)
	if len(e.Output(nil)) == 0 {
		t.Error("it says nothing")
	}
}
