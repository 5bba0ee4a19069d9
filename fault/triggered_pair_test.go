package fault_test

import (
	"bytes"
	"context"
	"crypto"
	"encoding/hex"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/engine"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/cert"
	"github.com/handclasp/handclasp/internal/keys"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/internal/record"
	"github.com/handclasp/handclasp/internal/suite"
	"github.com/handclasp/handclasp/internal/wire"
	"github.com/handclasp/handclasp/sign"
)

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

const host = "www.example.org"

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A house is an authority with one below it, and the server's key, for which
// every leaf is issued. It is made once.
type house struct {
	root, sub *pki.Authority
	key       crypto.Signer
	good      config.Certificate
}

var theHouse = sync.OnceValues(func() (h house, err error) {
	if h.root, err = pki.NewAuthority("Root", pki.Options{Now: now}); err != nil {
		return h, err
	}
	if h.sub, err = h.root.Intermediate("Sub", pki.Options{}); err != nil {
		return h, err
	}
	if h.key, err = pki.Ed25519.Generate(); err != nil {
		return h, err
	}
	i, err := h.sub.Issue(pki.Leaf{Names: []string{host}, Signer: h.key})
	if err != nil {
		return h, err
	}
	signer, err := sign.FromCrypto(h.key)
	if err != nil {
		return h, err
	}
	h.good, err = config.NewCertificate(i.Chain, signer)
	return h, err
})

// A keyLog reads its lines back, so that a tap can follow the keys.
type keyLog map[string]keys.Secret

func (l keyLog) Write(line []byte) (int, error) {
	f := bytes.Fields(line)
	secret, err := hex.DecodeString(string(f[2]))
	if err != nil {
		return 0, err
	}
	l[string(f[0])] = secret
	return len(line), nil
}

// secret is the traffic secret that role writes with.
func (l keyLog) secret(role fault.Role, e flow.Epoch) keys.Secret {
	return l[map[fault.Role]map[flow.Epoch]string{
		fault.Client: {flow.Handshake: keys.LogClientHandshakeTraffic, flow.Application: keys.LogClientTraffic},
		fault.Server: {flow.Handshake: keys.LogServerHandshakeTraffic, flow.Application: keys.LogServerTraffic},
	}[role][e]]
}

// A pair is a client and a server in memory with a tap in each direction.
type pair struct {
	t      testing.TB
	client config.ClientConfig
	server config.ServerConfig

	editClient, editServer func(wire.Message)
	verify                 func(*flow.VerifyAsk) // nil: as the configuration says
	sign                   func(*flow.SignAsk)
	choose                 func(*flow.HelloAsk)
	tap                    func(w *tap, t iana.ContentType, b []byte) // nil: pass on
	after                  func()                                     // once both are connected

	c, s   *engine.Engine
	keys   keyLog
	toS    *tap
	toC    *tap
	cerr   error
	serr   error
	inC    []byte // what the taps let through and nobody has read yet
	inS    []byte
	gotten map[fault.Role][]byte // application data
}

func newPair(t testing.TB) *pair {
	t.Helper()
	h, err := theHouse()
	check(t, err)
	clock := func() time.Time { return now }
	return &pair{
		t:      t,
		client: config.ClientConfig{ServerName: host, RootCAs: h.root.Pool(), CurvePreferences: []iana.Group{iana.X25519, iana.Secp256r1}, Time: clock},
		server: config.ServerConfig{Certificates: []config.Certificate{h.good}, Time: clock},
		keys:   make(keyLog),
		gotten: make(map[fault.Role][]byte),
	}
}

// share gives both sides one suite and a pre-shared key for it.
func (p *pair) share(id iana.CipherSuite) {
	p.client.PSKs = []config.PSK{{Identity: []byte("somebody"), Key: make([]byte, 16)}}
	p.client.CipherSuites, p.client.CurvePreferences = []iana.CipherSuite{id}, nil
	p.server.PSKs, p.server.CipherSuites = p.client.PSKs, p.client.CipherSuites
}

// connect makes the engines. Both log their keys, for the taps, unless the
// scenario has a log of its own.
func (p *pair) connect() {
	p.t.Helper()
	if p.client.KeyLogWriter == nil {
		p.client.KeyLogWriter = p.keys
	}
	if p.server.KeyLogWriter == nil {
		p.server.KeyLogWriter = p.keys
	}
	var err error
	p.c, err = engine.NewClient(&p.client)
	check(p.t, err)
	p.s, err = engine.NewServer(&p.server)
	check(p.t, err)
	if p.editClient != nil {
		p.c.Edit(p.editClient)
	}
	if p.editServer != nil {
		p.s.Edit(p.editServer)
	}
	random := new([32]byte)
	p.toS = &tap{from: fault.Client, keys: p.keys, info: p.s.Info, random: random, hook: p.tap}
	p.toC = &tap{from: fault.Server, keys: p.keys, info: p.s.Info, random: random, hook: p.tap}
}

// run goes on until neither side has more to say, and returns victim's error
// after a look at the alert that it sent.
func (p *pair) run(victim fault.Role) error {
	p.t.Helper()
	p.connect()
	p.pump()
	if p.after != nil && p.cerr == nil && p.serr == nil {
		if !p.c.Connected() || !p.s.Connected() {
			p.t.Fatalf("not connected: client in %v, server in %v", p.c.Info().State, p.s.Info().State)
		}
		p.after()
		p.pump()
	}
	if victim == fault.Client {
		p.heard(p.cerr, p.serr, p.toS)
		return p.cerr
	}
	p.heard(p.serr, p.cerr, p.toC)
	return p.serr
}

// heard checks that the victim's alert went out and that its peer, an engine
// too, reports just this alert.
func (p *pair) heard(err, peer error, t *tap) {
	p.t.Helper()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		p.t.Errorf("the victim has no *fault.Error: %v; its peer: %v", err, peer)
		return
	}
	want := f.AlertCode()
	if f.Received || want == iana.NoAlert || f.State == fault.Start {
		if len(t.alerts) > 0 {
			p.t.Errorf("the victim sent %v; it should send nothing", t.alerts)
		}
		return // a connection does not begin with a client's alert
	}
	if len(t.alerts) != 1 || t.alerts[0] != want {
		p.t.Errorf("the victim sent %v, want one alert %v", t.alerts, want)
	}
	g, ok := errors.AsType[*fault.Error](peer)
	if !ok || !g.Received || g.AlertCode() != want || g.Rule != fault.AlertReceived && g.Rule != fault.AlertInClear {
		p.t.Errorf("the peer of the victim: %v, want alert %v received", peer, want)
		return
	}
	if causes, hint := fault.Explain(want, g.Role, g.State); len(causes) == 0 || hint == "" {
		p.t.Errorf("nothing explains %v to a %v in %v", want, g.Role, g.State)
	}
}

func (p *pair) pump() {
	p.t.Helper()
	for range 2000 {
		p.answer(p.c)
		p.answer(p.s)
		p.inS = append(p.inS, p.toS.relay(p.c.Output(nil))...)
		p.inC = append(p.inC, p.toC.relay(p.s.Output(nil))...)
		n := p.recv(p.s, &p.inS, &p.serr)
		m := p.recv(p.c, &p.inC, &p.cerr)
		if n == 0 && m == 0 && p.c.Ask() == nil && p.s.Ask() == nil && !p.c.Pending() && !p.s.Pending() {
			return
		}
	}
	p.t.Fatal("the engines never come to rest")
}

func (p *pair) recv(e *engine.Engine, in *[]byte, failed *error) int {
	n, data, err := e.Recv(*in)
	role := e.Info().Role
	p.gotten[role] = append(p.gotten[role], data...)
	*in = (*in)[n:]
	if *failed == nil {
		*failed = err
	}
	return n
}

func (p *pair) answer(e *engine.Engine) {
	switch a := e.Ask().(type) {
	case *flow.HelloAsk:
		p.choose(a)
	case *flow.DecryptAsk:
		a.Reply(a.Decrypter.DecryptPremaster(context.Background(), a.Ciphertext, a.Offered, a.Substitute))
	case *flow.SignAsk:
		if p.sign != nil {
			p.sign(a)
			return
		}
		a.Reply(a.Signer.Sign(context.Background(), a.Scheme, a.Message))
	case *flow.VerifyAsk:
		if p.verify != nil {
			p.verify(a)
			return
		}
		if len(a.Chain) == 0 {
			a.Reply(new(flow.Verdict), nil)
			return
		}
		roots := p.client.RootCAs
		if a.Of == fault.Client {
			roots = a.Server.ClientCAs
		}
		a.Reply(cert.Verify(cert.Request{
			Chain: a.Chain, Name: a.Name, Roots: roots, Now: now, ServerAuth: a.Of == fault.Server, Transport: a.Transport, OCSPStaple: a.OCSP, SCTs: a.SCTs,
		}))
	case *flow.ClientCertificateAsk:
		a.Reply(a.Config.GetClientCertificate(a.Request))
	case *flow.RenegotiateAsk:
		a.Reply()
	case flow.Answerer:
		a.Answer(context.Background())
	}
	for _, errand := range e.Errands() {
		if err := errand.Run(context.Background()); err != nil {
			e.Trouble(err)
		}
	}
}

// A tap opens what one side sends, message by message, and seals it again for
// the other. In between, its hook may do what a broken or hostile peer does.
type tap struct {
	from   fault.Role
	keys   keyLog
	info   func() flow.Info // of the handshake that the tap is in
	random *[32]byte        // the server's: keys of TLS 1.2 depend on it
	hook   func(w *tap, t iana.ContentType, b []byte)

	in, out   half
	buf       []byte // not yet a whole record
	handshake []byte // not yet a whole message
	sealed    []byte
	alerts    []iana.Alert // of the sender
}

// A half is one half of a tap's record layer.
type half struct {
	record.Half
	secret   keys.Secret
	epoch    flow.Epoch // of the keys in use
	finished bool       // the sender's Finished is through, so its keys change
}

func (w *tap) suite() *suite.Suite { return suite.ByID(w.info().CipherSuite) }

// old reports whether the connection speaks TLS 1.2, where a ChangeCipherSpec
// changes the keys.
func (w *tap) old() bool { return w.info().Version == iana.TLS12 }

// keyBlock are the keys of both sides in TLS 1.2.
func (w *tap) keyBlock() (client, server keys.WriteKeys) {
	s, random := w.suite(), w.info().ClientRandom
	main := keys.NewMaster12(s.Hash, bytes.Clone(w.keys[keys.LogMaster12]), random[:], w.random[:])
	return main.KeyBlock(0, s.KeyLen, s.IVLen)
}

func (w *tap) install12(h *half) {
	own, server := w.keyBlock()
	if w.from == fault.Server {
		own = server
	}
	if err := w.suite().Install12(&h.Half, own, suite.Options12{Version: iana.TLS12}, 0); err != nil {
		panic(err)
	}
}

func (w *tap) install(h *half, secret keys.Secret) {
	h.secret = secret
	if err := w.suite().Install(&h.Half, secret, 0); err != nil {
		panic(err)
	}
}

// relay gives what goes on for what the sender sent.
func (w *tap) relay(sent []byte) []byte {
	w.buf = append(w.buf, sent...)
	for {
		h, need, err := record.Parse(w.buf, true)
		if need > 0 || err != nil {
			break
		}
		if h.Type == iana.ContentApplicationData && !w.old() && !w.ready(&w.in) {
			break
		}
		rec := w.buf[:record.HeaderLen+h.Len]
		w.buf = w.buf[len(rec):]
		w.record(h.Type, rec)
	}
	out := w.sealed
	w.sealed = nil
	return out
}

func (w *tap) record(t iana.ContentType, rec []byte) {
	content := rec[record.HeaderLen:]
	if t == iana.ContentChangeCipherSpec && w.old() {
		w.install12(&w.in)
		w.pass(t, content)
		return
	}
	if t != iana.ContentApplicationData && !(w.old() && w.in.Protected()) {
		if t == iana.ContentHandshake {
			w.messages(content)
			return
		}
		if t == iana.ContentAlert {
			w.alerts = append(w.alerts, iana.Alert(content[1]))
		}
		w.raw(rec)
		return
	}
	t, content, err := w.in.Open(rec)
	if err != nil {
		panic("a tap lost its sender's keys: " + err.Error())
	}
	switch t {
	case iana.ContentHandshake:
		w.messages(content)
		return
	case iana.ContentAlert:
		w.alerts = append(w.alerts, iana.Alert(content[1]))
	}
	w.pass(t, content)
}

// ready reports whether the keys for the next protected record are known: some
// scenarios leave that to the log of the other side, which comes later.
func (w *tap) ready(h *half) bool {
	epoch := flow.Handshake
	if h.finished {
		epoch = flow.Application
	}
	if h.epoch == epoch {
		return true
	}
	secret := w.keys.secret(w.from, epoch)
	if secret != nil {
		h.epoch = epoch
		w.install(h, secret)
	}
	return secret != nil
}

func (w *tap) messages(b []byte) {
	w.handshake = append(w.handshake, b...)
	for len(w.handshake) >= wire.HeaderLen {
		n := wire.HeaderLen + int(w.handshake[1])<<16 + int(w.handshake[2])<<8 + int(w.handshake[3])
		if len(w.handshake) < n {
			return
		}
		msg := w.handshake[:n:n]
		w.handshake = w.handshake[n:]
		w.note(msg)
		w.follow(&w.in, msg)
		w.pass(iana.ContentHandshake, msg)
	}
}

// note keeps the random of a ServerHello.
func (w *tap) note(msg []byte) {
	if iana.HandshakeType(msg[0]) == iana.ServerHello {
		copy(w.random[:], msg[wire.HeaderLen+2:])
	}
}

// follow changes the keys after a message that does.
func (w *tap) follow(h *half, msg []byte) {
	switch {
	case len(msg) == 0 || !h.Protected() || w.old():
	case iana.HandshakeType(msg[0]) == iana.Finished:
		h.finished = true
	case iana.HandshakeType(msg[0]) == iana.KeyUpdate:
		w.install(h, w.suite().Hash.NextTraffic(h.secret))
	}
}

func (w *tap) pass(t iana.ContentType, b []byte) {
	if w.hook != nil {
		w.hook(w, t, b)
		return
	}
	w.put(t, b)
}

// put sends a record under the keys that are due.
func (w *tap) put(t iana.ContentType, b []byte) {
	if w.old() && t == iana.ContentChangeCipherSpec {
		w.clear(t, b)
		w.install12(&w.out)
		return
	}
	if !w.old() && (w.out.Protected() || w.in.Protected()) && !w.ready(&w.out) {
		panic("a tap does not know its sender's keys")
	}
	for first := true; first || len(b) > 0; first = false {
		n := min(len(b), record.MaxPlaintext)
		var err error
		if w.sealed, err = w.out.Seal(w.sealed, t, b[:n], 0); err != nil {
			panic(err)
		}
		if t == iana.ContentHandshake && first {
			defer w.follow(&w.out, b)
		}
		b = b[n:]
	}
}

// raw sends bytes as they are, clear a record without protection.
func (w *tap) raw(b []byte) { w.sealed = append(w.sealed, b...) }
func (w *tap) clear(t iana.ContentType, b []byte) {
	w.sealed = record.AppendPlaintext(w.sealed, iana.TLS12, t, b)
}

// errBroken is what goes wrong where a scenario needs something to.
var errBroken = errors.New("broken on purpose")

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

// random gives n bytes and then fails.
func random(n int64) io.Reader { return io.LimitReader(zeros{}, n) }

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }
