package explain_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/engine"
	"github.com/handclasp/handclasp/explain"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/cert"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/internal/wire"
	"github.com/handclasp/handclasp/session"
	"github.com/handclasp/handclasp/sign"
)

var birth = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// clock is a clock that moves on by 100 µs whenever it is looked at.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(100 * time.Microsecond)
	return c.t
}

// pass is time that goes by.
func (c *clock) pass(d time.Duration) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
	return d
}

var authority = sync.OnceValues(func() (*pki.Authority, error) {
	root, err := pki.NewAuthority("Handclasp test root", pki.Options{Now: birth, Key: pki.Ed25519})
	if err != nil {
		return nil, err
	}
	for {
		a, err := root.Intermediate("Handclasp test intermediate", pki.Options{Key: pki.Ed25519})
		if err != nil || usual(a.Cert) {
			return a, err
		}
	}
})

// usual reports whether a certificate's random serial number has its usual
// length, so that the golden files can know all sizes.
func usual(c *x509.Certificate) bool { return c.SerialNumber.BitLen() > 120 }

// certificate is one for the leaf, by the tests' authority.
func certificate(t testing.TB, l pki.Leaf) config.Certificate {
	t.Helper()
	a, err := authority()
	check(t, err)
	issued := issue(t, a, l)
	return own(t, issued.Chain, issued.Key)
}

func issue(t testing.TB, a *pki.Authority, l pki.Leaf) *pki.Issued {
	t.Helper()
	for {
		issued, err := a.Issue(l)
		check(t, err)
		if usual(issued.Leaf) {
			return issued
		}
	}
}

// staple gives the server a certificate with a stapled OCSP answer and a signed
// certificate timestamp. Only RSA makes both possible and all sizes the same.
func (p *pair) staple(t testing.TB) {
	t.Helper()
	a, err := pki.NewAuthority("Handclasp test root", pki.Options{Now: birth, Key: pki.RSA2048})
	check(t, err)
	issued := issue(t, a, pki.Leaf{Names: []string{"localhost"}, Key: pki.Ed25519, MustStaple: true})
	c := own(t, issued.Chain, issued.Key)
	c.OCSPStaple, err = a.OCSP(issued, pki.Answer{})
	check(t, err)
	c.SignedCertificateTimestamps = [][]byte{make([]byte, 47)}
	p.client.RootCAs, p.server.Certificates = a.Pool(), []config.Certificate{c}
}

func own(t testing.TB, chain [][]byte, key crypto.Signer) config.Certificate {
	t.Helper()
	s, err := sign.FromCrypto(key)
	check(t, err)
	c, err := config.NewCertificate(chain, s)
	check(t, err)
	return c
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A pair is a client and a server in memory, with the story that the client
// tells.
type pair struct {
	client   config.ClientConfig
	server   config.ServerConfig
	issued   *pki.Issued                     // the server's certificate
	edit     func(wire.Message)              // of what the client sends
	editBack func(wire.Message)              // of what the server sends
	before   func(*explain.Recorder, *clock) // the handshake
	after    func(c, s *engine.Engine)
	mangle   func([]byte) []byte // of what the server sends, as bytes
	alone    bool                // the server is not ours to listen to
	keyLog   bool
	role     fault.Role

	first func()         // called between a first connection and the one that is told
	early []byte         // sent in 0-RTT
	reply []byte         // sent by the server when it has some of that
	whole *explain.Story // of the first connection

	events []string // of the client, as EventJSON has them
	rec    *explain.Recorder
}

func newPair(t testing.TB) *pair {
	a, err := authority()
	check(t, err)
	issued := issue(t, a, pki.Leaf{Names: []string{"localhost", "127.0.0.1"}, Key: pki.Ed25519})
	return &pair{
		issued: issued,
		client: config.ClientConfig{ServerName: "localhost", RootCAs: a.Pool(), NextProtos: []string{"h2", "http/1.1"}, Time: func() time.Time { return birth }},
		server: config.ServerConfig{
			Certificates: []config.Certificate{own(t, issued.Chain, issued.Key)},
			NextProtos:   []string{"http/1.1"}, Time: func() time.Time { return birth },
		},
		role: fault.Client,
	}
}

// A noted is a guard that says always the same.
type noted session.Refusal

func (n noted) Check(context.Context, session.Use) (session.Refusal, error) {
	return session.Refusal(n), nil
}

// remember has the told connection follow another one, an hour later, whose
// session it may resume. What is drawn at random of a ticket shows in the story,
// so it is always the same.
func (p *pair) remember(t testing.TB) {
	t.Helper()
	clock := func() time.Time { return birth }
	sessions, err := session.NewClientMemory(session.ClientOptions{Clock: clock})
	check(t, err)
	p.server.Tickets, err = session.NewTickets(session.TicketOptions{Clock: clock})
	check(t, err)
	p.client.Sessions, p.server.TicketCount, p.server.Rand = sessions, 1, rand.NewChaCha8([32]byte{})
	p.first = func() { p.client.Time = func() time.Time { return birth.Add(time.Hour) } }
}

// remember12 is remember for session IDs of TLS 1.2.
func (p *pair) remember12(t testing.TB) {
	t.Helper()
	p.remember(t)
	kv, err := session.NewMemory(session.MemoryOptions{Clock: func() time.Time { return birth }})
	check(t, err)
	p.only(iana.TLS12, iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)
	p.client.SessionIDs, p.server.SessionCache = true, session.NewCache(kv)
}

// eager has the client send 0-RTT data, of which the server's guard says r.
func (p *pair) eager(t testing.TB, r session.Refusal) {
	t.Helper()
	p.remember(t)
	p.client.EarlyData, p.server.EarlyData, p.server.Guard = true, 1<<14, noted(r)
	p.early = []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

// only has both sides speak v with the suite.
func (p *pair) only(v iana.Version, id iana.CipherSuite) {
	p.client.MinVersion, p.client.MaxVersion, p.server.MinVersion, p.server.MaxVersion = v, v, v, v
	p.client.CipherSuites, p.server.CipherSuites = []iana.CipherSuite{id}, []iana.CipherSuite{id}
}

// withRSA gives the server a certificate with an RSA key.
func (p *pair) withRSA(t testing.TB) {
	t.Helper()
	p.server.Certificates = []config.Certificate{certificate(t, pki.Leaf{Names: []string{"localhost"}, Key: pki.RSA2048})}
}

// share gives both sides a pre-shared key.
func (p *pair) share() {
	p.client.PSKs = []config.PSK{{Identity: []byte("printer 4"), Key: bytes.Repeat([]byte{7}, 32)}}
	p.server.PSKs = p.client.PSKs
}

// mutual has the server ask for a certificate by the policy, and gives the
// client one for the name, or none if that is empty.
func (p *pair) mutual(t testing.TB, policy config.ClientAuthType, name string) {
	t.Helper()
	p.server.ClientAuth, p.server.ClientCAs = policy, p.client.RootCAs
	if name != "" {
		p.client.Certificates = []config.Certificate{certificate(t, pki.Leaf{Names: []string{name}, Key: pki.Ed25519})}
	}
}

// asksLater is mutual with the question after the handshake.
func (p *pair) asksLater(t testing.TB, name string) {
	t.Helper()
	policy := config.RequestClientCert
	if name != "" {
		policy = config.RequireAndVerifyClientCert
	}
	p.mutual(t, policy, name)
	p.client.PostHandshakeAuth, p.server.AskLater = true, true
	p.after = func(_, s *engine.Engine) { check(t, s.RequestCertificate()) }
}

// run makes the handshake and returns the story.
func (p *pair) run(t testing.TB) *explain.Story {
	t.Helper()
	if p.first != nil {
		p.rehearse(t)
	}
	k := &clock{t: birth}
	p.rec = explain.New(p.role, k.now)
	if p.whole != nil {
		p.rec.Follows(p.whole)
	}
	p.rec.Target("localhost:443")
	if p.role == fault.Client {
		p.rec.Resolved("localhost", []string{"127.0.0.1"}, 300*time.Microsecond, nil)
		p.rec.Connecting("127.0.0.1:443")
		p.rec.Connected("127.0.0.1:50000", "127.0.0.1:443", 200*time.Microsecond)
	} else {
		p.rec.Connected("127.0.0.1:443", "127.0.0.1:50000", 0)
	}
	if p.before != nil {
		p.before(p.rec, k)
	}
	if p.keyLog {
		p.client.KeyLogWriter = p.rec.KeyLog(nil)
	}
	c, err := engine.NewClient(&p.client)
	check(t, err)
	s, err := engine.NewServer(&p.server)
	check(t, err)
	p.watch(t, c, s, k)
	c.Edit(edit(p.edit))
	s.Edit(edit(p.editBack))
	cerr, serr := p.pump(t, c, s)
	if p.after != nil && cerr == nil && serr == nil {
		p.after(c, s)
		cerr, serr = p.pump(t, c, s)
	}
	if cerr != nil {
		p.rec.Verdict(fault.Server, c.Info().Peer)
	}
	if p.role == fault.Server {
		cerr = serr
		p.rec.Verdict(fault.Client, s.Info().Peer)
	}
	p.rec.Done(cerr)
	story := p.rec.Story()
	if x := story.Summary.Time; x.TLS <= 0 || x.DNS+x.TCP+x.StartTLS+x.Hello+x.TLS != x.Total {
		t.Errorf("the times do not make up the total: %+v", x)
	}
	return story
}

func edit(f func(wire.Message)) func(wire.Message) {
	if f == nil {
		return func(wire.Message) {}
	}
	return f
}

func (p *pair) watch(t testing.TB, c, s *engine.Engine, k *clock) {
	ours, other := c, s
	if p.role == fault.Server {
		ours, other = s, c
	}
	ours.Watch(func(ev *flow.Event) {
		p.rec.Watch(ev)
		line, err := explain.EventJSON(ev, k.t.Sub(birth))
		check(t, err)
		p.events = append(p.events, string(line))
	})
	if !p.alone && p.role == fault.Client {
		other.Watch(p.rec.Server)
	}
}

// rehearse makes the connection before the one that is told.
func (p *pair) rehearse(t testing.TB) {
	t.Helper()
	between, early := p.first, p.early
	p.first, p.early = nil, nil
	p.whole = p.run(t)
	p.early, p.events = early, nil
	between()
}

// pump moves bytes until neither side has more to say.
func (p *pair) pump(t testing.TB, c, s *engine.Engine) (cerr, serr error) {
	var toServer, toClient []byte
	if p.early != nil {
		for c.Ask() != nil {
			p.answer(c)
		}
		var err error
		toServer, err = c.SendEarly(nil, p.early)
		check(t, err)
		p.early = nil
	}
	for {
		p.answer(c)
		p.answer(s)
		toServer = c.Output(toServer)
		out := s.Output(nil)
		if p.mangle != nil && len(out) > 0 {
			out = p.mangle(out)
		}
		toClient = append(toClient, out...)
		n, data, err := s.Recv(toServer)
		if len(data) > 0 && p.reply != nil {
			toClient, err = s.SendEarly(append(toClient, s.Output(nil)...), p.reply)
			check(t, err)
			p.reply = nil
		}
		toServer, serr = toServer[n:], first(serr, err)
		m, _, err := c.Recv(toClient)
		toClient, cerr = toClient[m:], first(cerr, err)
		errands := append(c.Errands(), s.Errands()...)
		for _, e := range errands {
			check(t, e.Run(t.Context()))
		}
		if n == 0 && m == 0 && len(errands) == 0 && c.Ask() == nil && s.Ask() == nil && !c.Pending() && !s.Pending() {
			return cerr, serr
		}
	}
}

func first(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func (p *pair) answer(e *engine.Engine) {
	switch a := e.Ask().(type) {
	case interface{ Answer(context.Context) }:
		a.Answer(context.Background())
	case *flow.DecryptAsk:
		a.Reply(a.Decrypter.DecryptPremaster(context.Background(), a.Ciphertext, a.Offered, a.Substitute))
	case *flow.SignAsk:
		a.Reply(a.Signer.Sign(context.Background(), a.Scheme, a.Message))
	case *flow.VerifyAsk:
		if len(a.Chain) == 0 {
			a.Reply(new(flow.Verdict), nil)
			return
		}
		r := cert.Request{
			Chain: a.Chain, Name: a.Name, Roots: p.client.RootCAs, Now: birth, ServerAuth: a.Of == fault.Server,
			OCSPStaple: a.OCSP, SCTs: a.SCTs, Insecure: p.client.InsecureSkipVerify,
		}
		if a.Of == fault.Client {
			r.Roots, r.Insecure = a.Server.ClientCAs, !a.Server.ClientAuth.Verifies()
		}
		a.Reply(cert.Verify(r))
	}
}
