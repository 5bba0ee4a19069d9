package engine

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/cert"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/internal/record"
	"github.com/handclasp/handclasp/internal/wire"
	"github.com/handclasp/handclasp/sign"
)

var authority = sync.OnceValues(func() (*pki.Authority, error) {
	return pki.NewAuthority("Handclasp test root", pki.Options{Now: birth})
})

// issue makes a certificate below the tests' authority.
func issue(t testing.TB, l pki.Leaf) *pki.Issued {
	t.Helper()
	a, err := authority()
	must(t, err)
	issued, err := a.Issue(l)
	must(t, err)
	return issued
}

func own(t testing.TB, i *pki.Issued) config.Certificate {
	t.Helper()
	s, err := sign.FromCrypto(i.Key)
	must(t, err)
	c, err := config.NewCertificate(i.Chain, s)
	must(t, err)
	return c
}

// limits are those of every pair that names none.
var limits = config.DefaultLimits()

var (
	certMu sync.Mutex
	certs  = map[pki.Key]config.Certificate{}
)

// certificate is one for localhost; there is one of each kind for all tests,
// since RSA keys take long to make.
func certificate(t testing.TB, k pki.Key) config.Certificate {
	t.Helper()
	certMu.Lock()
	defer certMu.Unlock()
	c, ok := certs[k]
	if !ok {
		c = own(t, issue(t, pki.Leaf{Names: []string{"localhost"}, Key: k}))
		certs[k] = c
	}
	return c
}

// A side is one Engine with what has come to it and what it has said.
type side struct {
	*Engine
	wire []byte // on the way to it
	in   []byte // arrived and not yet consumed
	sent []byte // all that it ever sent
	got  []byte // application data
	log  bytes.Buffer
	err  error // the first of Recv
}

// A pair is a client and a server, joined by byte slices.
type pair struct {
	client, server *side
	clientConfig   *config.ClientConfig
	serverConfig   *config.ServerConfig
	chunk          int // bytes that arrive at a time; 0: all there are
}

// options of a pair, before its engines are made.
type option func(*config.ClientConfig, *config.ServerConfig)

func newPair(t testing.TB, options ...option) *pair {
	t.Helper()
	a, err := authority()
	must(t, err)
	p := &pair{client: new(side), server: new(side)}
	now := func() time.Time { return birth }
	c := &config.ClientConfig{ServerName: "localhost", RootCAs: a.Pool(), Time: now, KeyLogWriter: &p.client.log}
	s := &config.ServerConfig{Certificates: []config.Certificate{certificate(t, pki.P256)}, Time: now, KeyLogWriter: &p.server.log}
	for _, o := range options {
		o(c, s)
	}
	p.clientConfig, p.serverConfig = c, s
	p.client.Engine, err = NewClient(c)
	must(t, err)
	p.server.Engine, err = NewServer(s)
	must(t, err)
	return p
}

// connect pumps until both sides are connected.
func (p *pair) connect(t testing.TB) *pair {
	t.Helper()
	p.pump(t)
	if p.client.err != nil || p.server.err != nil || !p.client.Connected() || !p.server.Connected() {
		t.Fatalf("not connected:\nclient %v\nserver %v", p.client.err, p.server.err)
	}
	return p
}

// pump moves bytes until neither side has more to say.
func (p *pair) pump(t testing.TB) {
	t.Helper()
	for moved := true; moved; {
		// Both must run, whatever the first one says.
		up, down := p.step(t, p.client, p.server), p.step(t, p.server, p.client)
		moved = up || down
	}
}

// step lets one side say and hear what it can.
func (p *pair) step(t testing.TB, s, peer *side) (moved bool) {
	t.Helper()
	moved = p.answer(s)
	out := s.Output(nil)
	s.sent = append(s.sent, out...)
	peer.wire = append(peer.wire, out...)
	n := len(s.wire)
	if p.chunk > 0 {
		n = min(n, p.chunk)
	}
	s.in, s.wire = append(s.in, s.wire[:n]...), s.wire[n:]
	return s.hear(t) || moved || len(out) > 0 || n > 0
}

// hear gives the engine what has arrived, as far as it takes it.
func (s *side) hear(t testing.TB) (moved bool) {
	t.Helper()
	for {
		had := len(s.in)
		n, data, err := s.Recv(s.in)
		if len(data) > 0 && !s.Connected() && !s.Early() {
			t.Fatalf("%d bytes of data in %v", len(data), s.Info().State)
		}
		s.got = append(s.got, data...)
		s.in = s.in[n:]
		if err != nil {
			if s.err == nil {
				s.err = err
			}
			return moved || n > 0
		}
		if n == 0 {
			if s.Ask() == nil && had >= s.Want() {
				t.Fatalf("Recv has %d bytes, wants %d and takes none", had, s.Want())
			}
			return moved
		}
		moved = true
	}
}

// answer answers an open Ask; if none is open, it runs errands.
func (p *pair) answer(s *side) bool {
	if a := s.Ask(); a != nil {
		p.reply(a)
		return true
	}
	return s.run()
}

// reply answers an Ask as the root's driver does.
func (p *pair) reply(ask flow.Ask) {
	switch a := ask.(type) {
	case *flow.HelloAsk:
		a.Reply(choose(a))
	case *flow.DecryptAsk:
		a.Reply(a.Decrypter.DecryptPremaster(context.Background(), a.Ciphertext, a.Offered, a.Substitute))
	case *flow.SignAsk:
		a.Reply(a.Signer.Sign(context.Background(), a.Scheme, a.Message))
	case *flow.VerifyAsk:
		if len(a.Chain) == 0 {
			a.Reply(new(flow.Verdict), nil)
			return
		}
		roots, insecure := p.clientConfig.RootCAs, p.clientConfig.InsecureSkipVerify
		if a.Of == fault.Client {
			roots, insecure = a.Server.ClientCAs, !a.Server.ClientAuth.Verifies()
		}
		a.Reply(cert.Verify(cert.Request{
			Chain: a.Chain, Name: a.Name, Roots: roots, Now: p.clientConfig.Time(), ServerAuth: a.Of == fault.Server, Transport: a.Transport,
			OCSPStaple: a.OCSP, SCTs: a.SCTs, Insecure: insecure,
		}))
	case *flow.ClientCertificateAsk:
		a.Reply(a.Config.GetClientCertificate(a.Request))
	case *flow.RenegotiateAsk:
		a.Reply()
	case flow.Answerer:
		a.Answer(context.Background())
	}
}

// run runs the errands of a side.
func (s *side) run() (moved bool) {
	if s.Err() != nil {
		return false
	}
	for _, errand := range s.Errands() {
		moved = true
		if err := errand.Run(context.Background()); err != nil {
			s.Trouble(err)
		}
	}
	return moved
}

// choose asks the hooks, those for the configuration before those for the
// certificate.
func choose(a *flow.HelloAsk) (*config.ServerConfig, *config.Certificate, error) {
	cfg := a.Config
	if cfg.GetConfigForClient != nil {
		other, err := cfg.GetConfigForClient(a.Hello)
		if err != nil {
			return nil, nil, fault.ConfigHook.Because(err)
		}
		if other != nil {
			cfg = other
		}
	}
	if cfg.GetCertificate == nil {
		return cfg, nil, nil
	}
	c, err := cfg.GetCertificate(a.Hello)
	if err != nil {
		return nil, nil, fault.CertificateHook.Because(err)
	}
	return cfg, c, nil
}

// send puts data on the way from s to peer.
func send(t testing.TB, s, peer *side, data []byte) {
	t.Helper()
	out, err := s.Send(nil, data)
	must(t, err)
	s.sent = append(s.sent, out...)
	peer.wire = append(peer.wire, out...)
}

// exchange sends data both ways and checks that it arrives.
func (p *pair) exchange(t testing.TB, size int) {
	t.Helper()
	up, down := make([]byte, size), make([]byte, size+1)
	rand.Read(up)
	rand.Read(down)
	p.client.got, p.server.got = nil, nil
	send(t, p.client, p.server, up)
	send(t, p.server, p.client, down)
	p.pump(t)
	if !bytes.Equal(p.server.got, up) || !bytes.Equal(p.client.got, down) {
		t.Fatalf("sent %d and %d bytes, got %d (%v) and %d (%v)",
			len(up), len(down), len(p.server.got), p.server.err, len(p.client.got), p.client.err)
	}
}

// A rec is the header of a record on the wire.
type rec struct {
	typ     iana.ContentType
	version iana.Version
	size    int // of what follows the header
}

func records(b []byte) (list []rec) {
	for len(b) >= record.HeaderLen {
		r := rec{iana.ContentType(b[0]), iana.Version(binary.BigEndian.Uint16(b[1:])), int(binary.BigEndian.Uint16(b[3:]))}
		list = append(list, r)
		b = b[record.HeaderLen+r.size:]
	}
	return list
}

// inject has s send a handshake message that its machine knows nothing of.
func inject(t testing.TB, s *side, m wire.Message) {
	t.Helper()
	msg, err := wire.Append(nil, m)
	must(t, err)
	(*layer)(s.Engine).WriteMessage(msg)
}

// injectRecord has s send one record under its present keys.
func injectRecord(s *side, typ iana.ContentType, content []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(typ, content)
}

// closed reports whether the side has met the peer's close_notify and no error.
func (s *side) closed() bool { return s.err == io.EOF && s.PeerClosed() && s.Err() == nil }
