package engine

import (
	"errors"
	"strings"
	"testing"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
)

// upTo lets the client speak v at most.
func upTo(v iana.Version) option {
	return func(c *config.ClientConfig, _ *config.ServerConfig) { c.MaxVersion = v }
}

// unusable checks that a client's configuration is refused, by the field.
func unusable(t *testing.T, field string, change func(*config.ClientConfig)) {
	t.Helper()
	c := &config.ClientConfig{ServerName: "localhost"}
	change(c)
	_, err := NewClient(c)
	if f, _ := errors.AsType[*fault.Error](err); !errors.Is(err, fault.ConfigValue) || f.Field != field {
		t.Errorf("%s: %v", field, err)
	}
}

// unusableServer is unusable for a server's.
func unusableServer(t *testing.T, field string, change func(*config.ServerConfig)) {
	t.Helper()
	s := &config.ServerConfig{Certificates: []config.Certificate{certificate(t, pki.P256)}}
	change(s)
	_, err := NewServer(s)
	if f, _ := errors.AsType[*fault.Error](err); !errors.Is(err, fault.ConfigValue) || f.Field != field {
		t.Errorf("%s: %v", field, err)
	}
}

// A server with certificates of two authorities shows the one that the client
// names, and says why; nobody is refused for it, and TLS 1.2 knows no names.
func TestSendAuthorities(t *testing.T) {
	other, err := pki.NewAuthority("Root of others", pki.Options{Now: birth})
	must(t, err)
	i, err := other.Issue(pki.Leaf{Names: []string{"localhost"}})
	must(t, err)
	others, ours := own(t, i), certificate(t, pki.P256)
	for _, c := range []struct {
		name  string
		send  bool
		max   iana.Version
		certs []config.Certificate
		want  int
	}{
		{"named", true, iana.TLS13, []config.Certificate{others, ours}, 1},
		{"named, the first", true, iana.TLS13, []config.Certificate{ours, others}, 0},
		{"not named", false, iana.TLS13, []config.Certificate{others, ours}, 0},
		{"none leads there", true, iana.TLS13, []config.Certificate{others}, 0},
		{"1.2", true, iana.TLS12, []config.Certificate{others, ours}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair(t, upTo(c.max), func(cc *config.ClientConfig, s *config.ServerConfig) {
				cc.SendAuthorities, cc.InsecureSkipVerify = c.send, true
				s.Certificates = c.certs
			})
			why := ""
			p.server.Watch(func(e *flow.Event) {
				if e.Kind == flow.Choice && e.Decision.What == "certificate" {
					why = e.Decision.Reason
				}
			})
			p.connect(t)
			if got := p.client.Info().Peer.Peer[0]; !got.Equal(c.certs[c.want].Leaf()) {
				t.Errorf("the server shows one of %v", got.Issuer)
			}
			leads := strings.Contains(why, "Handclasp test root") && strings.Contains(why, "which the peer names")
			if named := c.send && c.max == iana.TLS13 && c.certs[c.want].Leaf().Equal(ours.Leaf()); leads != named {
				t.Errorf("the reason: %s", why)
			}
		})
	}
	unusable(t, "SendAuthorities", func(c *config.ClientConfig) { c.SendAuthorities = true })
}

// What comes of ALPN when there is nothing in common is for both to say.
func TestALPNPolicies(t *testing.T) {
	h1, h2 := []string{"http/1.1"}, []string{"h2"}
	for _, c := range []struct {
		name           string
		client, server []string
		goOn, require  bool
		byServer, by   *fault.Rule // who refuses, by which rule
	}{
		{"mismatch", h2, h1, false, false, fault.NoCommonALPN, nil},
		{"mismatch, and the server goes on", h2, h1, true, false, nil, nil},
		{"mismatch, and the client does not", h2, h1, true, true, nil, fault.ALPNMissing},
		{"a server without ALPN", h2, nil, false, true, nil, fault.ALPNMissing},
		{"agreed", h2, h2, true, true, nil, nil},
	} {
		for _, v := range []iana.Version{iana.TLS12, iana.TLS13} {
			t.Run(c.name+"/"+v.String(), func(t *testing.T) {
				p := newPair(t, upTo(v), func(cc *config.ClientConfig, s *config.ServerConfig) {
					cc.NextProtos, s.NextProtos, cc.RequireALPN = c.client, c.server, c.require
					if c.goOn {
						s.ALPNMismatch = config.ALPNGoOn
					}
				})
				switch {
				case c.byServer != nil:
					p.pump(t)
					refused(t, p.server, p.client, c.byServer)
				case c.by != nil:
					p.pump(t)
					refused(t, p.client, p.server, c.by)
				default:
					p.connect(t)
					if a, b := p.client.Info().ALPN, p.server.Info().ALPN; a != b || (a == "h2") != (c.name == "agreed") {
						t.Errorf("agreed on %q and %q", a, b)
					}
				}
			})
		}
	}
	unusable(t, "RequireALPN", func(c *config.ClientConfig) { c.RequireALPN = true })
	unusableServer(t, "ALPNMismatch", func(s *config.ServerConfig) { s.ALPNMismatch = 2 })
}
