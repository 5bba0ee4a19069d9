package engine

import (
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
)

// TestResumeLikeFull: whatever the server's policy about clients was and has become, a
// client with a session fares as one without: let in or not, for the same reason, and
// known by the same certificate or key. Where it would not be asked now, it may also be
// known as it was before. TestServerNeverWidens has the reasons one by one.
func TestResumeLikeFull(t *testing.T) {
	type policy struct {
		auth  config.ClientAuthType
		later bool
	}
	var policies []policy
	for auth := config.NoClientCert; auth <= config.RequireAndVerifyClientCert; auth++ {
		policies = append(policies, policy{auth, false}, policy{auth, true})
	}
	a, err := authority()
	must(t, err)
	under := func(p policy) option {
		return func(_ *config.ClientConfig, s *config.ServerConfig) {
			s.ClientAuth, s.AskLater, s.ClientCAs = p.auth, p.later, a.Pool()
		}
	}
	shows := func(c *config.ClientConfig, _ *config.ServerConfig) {
		c.Certificates = []config.Certificate{certificate(t, pki.P256)}
	}
	canWait := func(c *config.ClientConfig, _ *config.ServerConfig) { c.PostHandshakeAuth = true }
	resumed, seen := 0, sampled()
	clients := map[string]option{
		"1.3": keep, "1.3, certificate": shows, "1.3, later": canWait, "1.3, certificate later": both(shows, canWait),
		"1.3, key": psk, "1.3, key, certificate": both(shows, psk),
		"1.2": only12, "1.2, certificate": both(shows, only12),
		"1.2, key": both(exactly(iana.TLS12, iana.TLS_PSK_WITH_AES_128_GCM_SHA256), psk), "1.2, session ID": both(shows, only12, byID),
	}
	for _, name := range slices.Sorted(maps.Keys(clients)) {
		for _, then := range policies {
			for _, now := range policies {
				if !seen() {
					continue
				}
				client := clients[name]
				memory := memories(t)
				first := newPair(t, client, memory, under(then))
				first.pump(t)
				full, again := newPair(t, client, under(now)), newPair(t, client, memory, under(now))
				full.pump(t)
				again.pump(t)
				if again.client.Info().Resumed {
					resumed++
				}
				want, got := fateOf(full), fateOf(again)
				asBefore := again.client.Info().Resumed && want.rule == "" && want.certificate == "" && got == fateOf(first)
				if want != got && !asBefore {
					t.Errorf("%s: %v, then %v: a full handshake ends with %+v, with a session it is %+v", name, then, now, want, got)
				}
			}
		}
	}
	if resumed < 20 {
		t.Errorf("only %d connections were resumed", resumed)
	}
}

// sampled says of one case in four, and with -exhaustive of each, that it is to be tried.
func sampled() func() bool {
	n := 0
	return func() bool { n++; return *exhaustive || n%4 == 0 }
}

// A fate is how a connection ended, and who the server believes the client to be.
type fate struct{ rule, certificate, key string }

func fateOf(p *pair) fate {
	if f, failed := errors.AsType[*fault.Error](p.server.err); failed {
		return fate{rule: f.ID}
	}
	info := p.server.Info()
	f := fate{key: string(info.PSKIdentity)}
	if info.Peer != nil {
		f.certificate = fmt.Sprintf("%v, %v", info.Peer.Peer[0].Subject, info.ClientScheme)
	}
	return f
}

// TestResumeLikeFullClient is the same of a client whose own configuration changes.
func TestResumeLikeFullClient(t *testing.T) {
	strangers, alpn := stranger(t).Pool(), []string{"h2"}
	changes := map[string]func(*config.ClientConfig){
		"nothing":             func(*config.ClientConfig) {},
		"other roots":         func(c *config.ClientConfig) { c.RootCAs = strangers },
		"no checks":           func(c *config.ClientConfig) { c.InsecureSkipVerify = true },
		"other roots, waived": func(c *config.ClientConfig) { c.RootCAs, c.InsecureSkipVerify = strangers, true },
		"another name":        func(c *config.ClientConfig) { c.ServerName = "example.org" },
		"signatures":          func(c *config.ClientConfig) { c.SignatureSchemes = []iana.SignatureScheme{iana.ED25519} },
		"groups":              func(c *config.ClientConfig) { c.CurvePreferences = []iana.Group{iana.Secp521r1, iana.FFDHE3072} },
		"TLS 1.3":             func(c *config.ClientConfig) { c.MinVersion, c.MaxVersion, c.CipherSuites = iana.TLS13, 0, nil },
		"long primes":         func(c *config.ClientConfig) { c.MinDHBits = 4000 },
		"a hook": func(c *config.ClientConfig) {
			c.VerifyPeerCertificate = func([][]byte, [][]*x509.Certificate) error { return errors.New("no") }
		},
		"ALPN":        func(c *config.ClientConfig) { c.NextProtos, c.RequireALPN = alpn, true },
		"certificate": func(c *config.ClientConfig) { c.Certificates = []config.Certificate{certificate(t, pki.P256)} },
		"session IDs": func(c *config.ClientConfig) { c.SessionIDs = true },
	}
	resumed, seen := 0, sampled()
	kinds := map[string]option{
		"1.3": keep, "1.2": only12,
		"1.2, DHE": both(exactly(iana.TLS12, iana.TLS_DHE_RSA_WITH_AES_128_GCM_SHA256), withCertificate(t, pki.RSA2048)),
	}
	names := slices.Sorted(maps.Keys(changes))
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		for _, then := range names {
			for _, now := range names {
				dear := name == "1.2, DHE" && now != "long primes" && now != "groups"
				if dear || !seen() {
					continue
				}
				kind, before, change := kinds[name], changes[then], changes[now]
				memory := memories(t)
				with := func(f func(*config.ClientConfig)) option {
					return both(kind, func(c *config.ClientConfig, _ *config.ServerConfig) { f(c) })
				}
				newPair(t, memory, with(before)).pump(t)
				full, again := newPair(t, with(change)), newPair(t, memory, with(change))
				full.pump(t)
				again.pump(t)
				if again.client.Info().Resumed {
					resumed++
				}
				if want, got := clientFate(full), clientFate(again); want != got {
					t.Errorf("%s: %s, then %s: a full handshake ends with %s, with a session it is %s", name, then, now, want, got)
				}
			}
		}
	}
	if resumed < 10 {
		t.Errorf("only %d connections were resumed", resumed)
	}
}

// clientFate is how a connection ended for the client, and what it believes of the
// server.
func clientFate(p *pair) string {
	if f, failed := errors.AsType[*fault.Error](p.client.err); failed {
		return f.ID
	}
	info := p.client.Info()
	return fmt.Sprintf("%v, %v, verified: %v, signed with %v", info.Version, info.CipherSuite, info.Peer.Verified(), info.SignatureScheme)
}
