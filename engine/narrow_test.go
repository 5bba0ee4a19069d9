package engine

import (
	"errors"
	"fmt"
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
	resumed := 0
	for name, client := range map[string]option{
		"1.3": keep, "1.3, certificate": shows, "1.3, later": canWait, "1.3, certificate later": both(shows, canWait),
		"1.3, key": psk, "1.3, key, certificate": both(shows, psk),
		"1.2": only12, "1.2, certificate": both(shows, only12),
		"1.2, key": both(exactly(iana.TLS12, iana.TLS_PSK_WITH_AES_128_GCM_SHA256), psk), "1.2, session ID": both(shows, only12, byID),
	} {
		for _, then := range policies {
			for _, now := range policies {
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
	if resumed < 100 {
		t.Errorf("only %d connections were resumed", resumed)
	}
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
