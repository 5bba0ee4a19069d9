package engine

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/internal/wire"
	"github.com/handclasp/handclasp/sign"
)

// asksLater has a client that can be asked for its certificate later, and a
// server that insists on one and waits with it.
func asksLater(t testing.TB) option {
	return func(c *config.ClientConfig, s *config.ServerConfig) {
		mutual(t, pki.P256)(c, s)
		c.PostHandshakeAuth, s.AskLater = true, true
	}
}

// A client shows who it is when it is asked, as often as it is asked, between
// data and key updates of both sides, however its answer is cut.
func TestPostHandshakeAuth(t *testing.T) {
	for _, c := range []struct{ chunk, pad, limit int }{{0, 0, 0}, {1, 0, 0}, {7, 100, 0}, {0, 0, 64}} {
		p := newPair(t, asksLater(t), func(cc *config.ClientConfig, s *config.ServerConfig) {
			cc.PadRecords, s.PadRecords, cc.RecordSizeLimit, s.RecordSizeLimit = c.pad, c.pad, c.limit, c.limit
		})
		p.chunk = c.chunk
		p.connect(t).exchange(t, 1000)
		if i := p.server.Info(); i.Peer != nil || i.ClientAuth || !i.PostHandshakeAuth || !p.client.Info().PostHandshakeAuth {
			t.Fatalf("before: %+v", i)
		}
		for round := range 4 {
			must(t, p.server.RequestCertificate())
			must(t, p.server.RequestCertificate()) // is still the same
			if !p.server.Requested() {
				t.Fatal("nothing is open")
			}
			if round%2 == 1 {
				must(t, p.client.KeyUpdate(true))
				must(t, p.server.KeyUpdate(true))
			}
			p.exchange(t, 1000)
			s, cl := p.server.Info(), p.client.Info()
			leaf := certificate(t, pki.P256)
			if s.Peer == nil || !s.Peer.Verified() || !s.Peer.Peer[0].Equal(leaf.Leaf()) || s.State != fault.Connected {
				t.Fatalf("round %d: the server knows %+v in %v; client: %v", round, s.Peer, s.State, p.client.err)
			}
			if p.server.Requested() || !s.ClientAuth || !cl.ClientAuth || s.ClientScheme != iana.ECDSA_SECP256R1_SHA256 || cl.ClientScheme != s.ClientScheme {
				t.Errorf("round %d: %v and %v", round, s, cl)
			}
			p.exchange(t, 20000)
		}
		p.server.Close()
		p.client.Close()
		p.pump(t)
		if !p.client.closed() || !p.server.closed() {
			t.Errorf("at the end: %v and %v", p.client.err, p.server.err)
		}
	}
}

// Each request has a context of its own, and the answer comes in one piece behind
// data and before the next key.
func TestPostHandshakeOrder(t *testing.T) {
	p := newPair(t, asksLater(t)).connect(t)
	var order []iana.HandshakeType
	contexts := make(map[string]bool)
	p.client.Watch(func(e *flow.Event) {
		if e.Kind == flow.Message && e.Sent {
			order = append(order, e.Type)
		}
	})
	p.server.Edit(only(func(m *wire.CertificateRequest) {
		if len(m.Context) != 32 {
			t.Errorf("a context of %d bytes", len(m.Context))
		}
		contexts[string(m.Context)] = true
	}))
	must(t, p.server.RequestCertificate())
	for _, s := range []*side{p.server, p.client} { // the request; the client's ask
		p.step(t, s, map[*side]*side{p.server: p.client, p.client: p.server}[s])
	}
	ask, ok := p.client.Ask().(*flow.SignAsk)
	if !ok {
		t.Fatalf("the client asks %T", p.client.Ask())
	}
	send(t, p.client, p.server, []byte("before")) // while the signature is made
	must(t, p.client.KeyUpdate(false))
	ask.Reply(ask.Signer.Sign(context.Background(), ask.Scheme, ask.Message))
	must(t, p.client.KeyUpdate(false))
	send(t, p.client, p.server, []byte(" after"))
	p.pump(t)
	want := []iana.HandshakeType{iana.KeyUpdate, iana.Certificate, iana.CertificateVerify, iana.Finished, iana.KeyUpdate}
	if !slices.Equal(order, want) || string(p.server.got) != "before after" || p.server.Requested() {
		t.Errorf("the client sends %v; the server has %q, %v", order, p.server.got, p.server.err)
	}
	must(t, p.server.RequestCertificate())
	p.pump(t)
	if len(contexts) != 2 || p.server.Requested() {
		t.Errorf("%d contexts", len(contexts))
	}
}

// A client answers several requests at once, in their order.
func TestPostHandshakeSeveral(t *testing.T) {
	p := newPair(t, asksLater(t), func(c *config.ClientConfig, _ *config.ServerConfig) {
		own := c.Certificates
		c.Certificates = nil
		c.GetClientCertificate = func(*config.CertificateRequestInfo) (*config.Certificate, error) { return &own[0], nil }
	}).connect(t)
	var got []string
	p.server.Edit(only(func(m *wire.CertificateRequest) { got = append(got, string(m.Context)) }))
	var answers []string
	p.client.Edit(only(func(m *wire.Certificate) { answers = append(answers, string(m.Context)) }))
	must(t, p.server.RequestCertificate())
	extra := &wire.CertificateRequest{Context: []byte("another"), SignatureSchemes: wire.MakeList16(iana.ECDSA_SECP256R1_SHA256)}
	extra.Extensions.Add(iana.ExtSignatureAlgorithms)
	inject(t, p.server, extra)
	got = append(got, "another")
	p.pump(t)
	if !slices.Equal(answers, got) {
		t.Errorf("answers %q to %q", answers, got)
	}
	if p.client.err != nil && !errors.Is(p.client.err, fault.AlertReceived) { // our server did not ask twice
		t.Error(p.client.err)
	}
}

// What the policy lets pass, and what it refuses.
func TestPostHandshakePolicies(t *testing.T) {
	for _, c := range []struct {
		policy config.ClientAuthType
		shows  bool
		want   *fault.Rule
	}{
		{config.RequestClientCert, false, nil},
		{config.RequestClientCert, true, nil},
		{config.VerifyClientCertIfGiven, false, nil},
		{config.RequireAnyClientCert, false, fault.ClientCertificateMissing},
		{config.RequireAndVerifyClientCert, false, fault.ClientCertificateMissing},
		{config.RequireAndVerifyClientCert, true, nil},
	} {
		p := newPair(t, asksLater(t), func(cc *config.ClientConfig, s *config.ServerConfig) {
			s.ClientAuth = c.policy
			if !c.shows {
				cc.Certificates = nil
			}
		}).connect(t)
		must(t, p.server.RequestCertificate())
		p.pump(t)
		if c.want != nil {
			refused(t, p.server, p.client, c.want)
			continue
		}
		if p.server.err != nil || p.server.Requested() || (p.server.Info().Peer != nil) != c.shows {
			t.Errorf("%v, shows %v: %v", c.policy, c.shows, p.server.err)
		}
		p.exchange(t, 100)
	}
}

// A server that would ask later asks at once whom it can't ask later.
func TestAskLater(t *testing.T) {
	for _, c := range []struct {
		v      iana.Version
		offers bool
		atOnce bool
	}{{iana.TLS13, true, false}, {iana.TLS13, false, true}, {iana.TLS12, true, true}} {
		p := newPair(t, asksLater(t), upTo(c.v), func(cc *config.ClientConfig, _ *config.ServerConfig) { cc.PostHandshakeAuth = c.offers })
		p.connect(t)
		if got := p.server.Info().Peer != nil; got != c.atOnce {
			t.Errorf("%v: asked at once: %v", c, got)
		}
		if err := p.server.RequestCertificate(); (err != nil) != c.atOnce || err != nil && !errors.Is(err, fault.RequestImpossible) {
			t.Errorf("%v: asked later: %v", c, err)
		}
	}
}

// Who can't be asked is not, and the connection goes on.
func TestRequestImpossible(t *testing.T) {
	p := newPair(t, asksLater(t))
	if err := p.server.RequestCertificate(); !errors.Is(err, fault.NotConnected) {
		t.Errorf("before the handshake: %v", err)
	}
	p.connect(t)
	if err := p.client.RequestCertificate(); !errors.Is(err, fault.RequestImpossible) || p.client.Requested() {
		t.Errorf("a client: %v", err)
	}
	p = newPair(t, asksLater(t), func(_ *config.ClientConfig, s *config.ServerConfig) { s.ClientAuth = config.NoClientCert }).connect(t)
	if err := p.server.RequestCertificate(); !errors.Is(err, fault.RequestImpossible) {
		t.Errorf("no policy: %v", err)
	}
	p.exchange(t, 100)
	q := newPair(t, asksLater(t), func(c *config.ClientConfig, s *config.ServerConfig) {
		c.PSKs = []config.PSK{{Identity: []byte("known"), Key: make([]byte, 32)}}
		s.PSKs, s.ClientAuth = c.PSKs, config.RequestClientCert
	}).connect(t)
	if err := q.server.RequestCertificate(); !errors.Is(err, fault.RequestImpossible) {
		t.Errorf("a pre-shared key: %v", err)
	}
	p.server.Close()
	if err := p.server.RequestCertificate(); !errors.Is(err, fault.WriteClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// Whatever is wrong with the answer is refused.
func TestPostHandshakeRefused(t *testing.T) {
	flip := func(b []byte) []byte { b = bytes.Clone(b); b[len(b)-1] ^= 1; return b }
	for _, c := range []struct {
		name string
		edit func(wire.Message)
		want *fault.Rule
	}{
		{"another context", only(func(m *wire.Certificate) { m.Context = flip(m.Context) }), fault.RequestContext},
		{"no context", only(func(m *wire.Certificate) { m.Context = nil }), fault.RequestContext},
		{"an extension", only(func(m *wire.Certificate) { m.List[0].Extensions.AddRaw(iana.ExtKeyShare, nil) }), fault.ExtensionMisplaced},
		{"signature", only(func(m *wire.CertificateVerify) { m.Signature = flip(m.Signature) }), fault.SigInvalid},
		{"scheme", only(func(m *wire.CertificateVerify) { m.Scheme = iana.ECDSA_SHA1 }), fault.SignatureSchemeRefused},
		{"Finished", only(func(m *wire.Finished) { m.VerifyData = flip(m.VerifyData) }), fault.FinishedWrong},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair(t, asksLater(t)).connect(t)
			p.client.Edit(c.edit)
			must(t, p.server.RequestCertificate())
			p.pump(t)
			refused(t, p.server, p.client, c.want)
			if p.server.Info().Peer != nil {
				t.Error("the server believes it")
			}
		})
	}
	for _, c := range []struct {
		name string
		m    wire.Message
		ask  bool
	}{
		{"nobody asked", &wire.Certificate{Context: []byte{1}}, false},
		{"a key update before the proof", &wire.KeyUpdate{}, true},
		{"Finished at once", &wire.Finished{VerifyData: make([]byte, 32)}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair(t, asksLater(t)).connect(t)
			if c.ask {
				must(t, p.server.RequestCertificate())
				r := p.server.Engine.machine.(interface{ Requested() bool })
				if !r.Requested() {
					t.Fatal("not asked")
				}
				var context []byte
				p.client.wire = p.server.Output(nil)
				p.client.Edit(func(m wire.Message) {
					if x, ok := m.(*wire.Certificate); ok && context == nil {
						context = x.Context
					}
				})
				p.client.in, p.client.wire = p.client.wire, nil
				p.client.hear(t)
				p.client.waiting = nil // what it says is ours to choose
				leaf := certificate(t, pki.P256)
				inject(t, p.client, &wire.Certificate{Context: context, List: []wire.CertificateEntry{{Data: leaf.Leaf().Raw}}})
			}
			inject(t, p.client, c.m)
			p.server.wire = append(p.server.wire, p.client.Output(nil)...)
			p.step(t, p.server, p.client)
			p.step(t, p.server, p.client)
			if !errors.Is(p.server.err, fault.UnexpectedMessage) {
				t.Errorf("%v", p.server.err)
			}
		})
	}
}

// A client that did not offer it is not asked; and a key that fails ends the
// connection.
func TestPostHandshakeClient(t *testing.T) {
	request := &wire.CertificateRequest{Context: []byte{1}, SignatureSchemes: wire.MakeList16(iana.ECDSA_SECP256R1_SHA256)}
	request.Extensions.Add(iana.ExtSignatureAlgorithms)
	p := newPair(t, mutual(t, pki.P256)).connect(t)
	inject(t, p.server, request)
	p.pump(t)
	refused(t, p.client, p.server, fault.RequestUnasked)

	p = newPair(t, asksLater(t), func(c *config.ClientConfig, _ *config.ServerConfig) {
		i := issue(t, pki.Leaf{Names: []string{"client"}})
		s, err := sign.FromCrypto(i.Key)
		must(t, err)
		own, err := config.NewCertificate(i.Chain, brokenSigner{s})
		must(t, err)
		c.Certificates = []config.Certificate{own}
	}).connect(t)
	must(t, p.server.RequestCertificate())
	p.pump(t)
	refused(t, p.client, p.server, fault.SignFailed)
}

type brokenSigner struct{ sign.Signer }

func (brokenSigner) Sign(context.Context, iana.SignatureScheme, []byte) ([]byte, error) {
	return nil, io.ErrUnexpectedEOF
}

// TestUnreadAnswers: a server that asks again and again, and reads nothing, does not
// have its client keep all its answers.
func TestUnreadAnswers(t *testing.T) {
	p := newPair(t, asksLater(t)).connect(t)
	p.pump(t)
	asked := 0
	for ; p.client.Err() == nil && asked < 10_000; asked++ {
		m := &wire.CertificateRequest{Context: []byte{byte(asked >> 8), byte(asked)}, SignatureSchemes: wire.MakeList16(iana.ECDSA_SECP256R1_SHA256)}
		m.Extensions.Present = true
		m.Extensions.Add(iana.ExtSignatureAlgorithms)
		msg, err := wire.Append(nil, m)
		must(t, err)
		p.server.lock()
		p.server.queue(msg)
		p.server.unlock()
		flight, err := p.server.Send(nil, []byte("x"))
		must(t, err)
		for len(flight) > 0 && p.client.Err() == nil {
			n, _, _ := p.client.Recv(flight)
			flight = flight[n:]
			if ask, ok := p.client.Ask().(*flow.SignAsk); ok {
				ask.Reply(ask.Signer.Sign(t.Context(), ask.Scheme, ask.Message))
			}
		}
	}
	if err := p.client.Err(); !errors.Is(err, fault.Flood) {
		t.Errorf("after %d requests: %v", asked, err)
	}
}

// The last answer counts: who shows nothing is nobody, whoever it was before.
func TestPostHandshakeTakenBack(t *testing.T) {
	var own []config.Certificate
	p := newPair(t, asksLater(t), func(c *config.ClientConfig, s *config.ServerConfig) {
		s.ClientAuth = config.VerifyClientCertIfGiven
		own, c.Certificates = c.Certificates, nil
		c.GetClientCertificate = func(*config.CertificateRequestInfo) (*config.Certificate, error) {
			if len(own) == 0 {
				return nil, nil
			}
			return &own[0], nil
		}
	}).connect(t)
	for round, shows := range []bool{true, false, true} {
		kept := own
		if !shows {
			own = nil
		}
		must(t, p.server.RequestCertificate())
		p.pump(t)
		own = kept
		s, c := p.server.Info(), p.client.Info()
		if p.server.err != nil || (s.Peer != nil) != shows || (s.ClientScheme != 0) != shows || c.ClientScheme != s.ClientScheme {
			t.Errorf("round %d: the server knows %+v by %v, the client signed with %v; %v", round, s.Peer, s.ClientScheme, c.ClientScheme, p.server.err)
		}
	}
}

// A resumed connection whose client was not asked is one where it can be asked.
func TestPostHandshakeResumed(t *testing.T) {
	shelf := newShelf()
	for round := range 3 {
		p, _ := again(t, asksLater(t), resumes(shelf))
		must(t, p.server.RequestCertificate())
		p.exchange(t, 100)
		if i := p.server.Info(); i.Resumed != (round > 0) || i.Peer == nil || !i.Peer.Verified() {
			t.Errorf("connection %d: %+v", round, i)
		}
	}
}

// What a hook showed after the handshake is the hook's to show the next time too: a
// ticket that comes then is not kept (OpenSSL's servers give one).
func TestTicketAfterHook(t *testing.T) {
	for _, hook := range []bool{false, true} {
		shelf := newShelf()
		p := newPair(t, asksLater(t), resumes(shelf), func(c *config.ClientConfig, s *config.ServerConfig) {
			s.TicketCount = -1
			if own := c.Certificates; hook {
				c.Certificates = nil
				c.GetClientCertificate = func(*config.CertificateRequestInfo) (*config.Certificate, error) { return &own[0], nil }
			}
		}).connect(t)
		must(t, p.server.RequestCertificate())
		p.pump(t)
		inject(t, p.server, &wire.NewSessionTicket{Lifetime: 60, Nonce: []byte{0}, Ticket: []byte("later"), Extensions: wire.Extensions{Present: true}})
		p.exchange(t, 100)
		if got := len(shelf.sessions["localhost"]); (got == 0) != hook {
			t.Errorf("hook: %v; %d sessions are kept", hook, got)
		}
	}
}
