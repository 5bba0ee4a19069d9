package hs

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/keys"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/internal/suite"
	"github.com/handclasp/handclasp/internal/wire"
	"github.com/handclasp/handclasp/sign"
)

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// A tape is a Layer that only writes down.
type tape struct {
	sent     [][]byte
	answered []error
	epochs   []flow.Epoch // of SetWrite and SetRead, in order
	finished bool
	updates  int
}

func (l *tape) WriteMessage(msg []byte)   { l.sent = append(l.sent, msg) }
func (l *tape) ChangeCipherSpec()         {}
func (l *tape) SkipEarlyData(flow.Epoch)  {}
func (l *tape) PeerFinished()             { l.finished = true }
func (l *tape) PeerUpdated(bool) error    { l.updates++; return nil }
func (l *tape) Answered(err error)        { l.answered = append(l.answered, err) }
func (l *tape) set(e flow.Epoch) error    { l.epochs = append(l.epochs, e); return nil }
func (l *tape) take() (messages [][]byte) { messages, l.sent = l.sent, nil; return messages }

func (l *tape) SetWrite(e flow.Epoch, _ *suite.Suite, _ keys.Secret) error { return l.set(e) }
func (l *tape) SetRead(e flow.Epoch, _ *suite.Suite, _ keys.Secret) error  { return l.set(e) }

type identity struct {
	cert  config.Certificate
	roots *x509.CertPool
}

var someone = sync.OnceValues(func() (id identity, err error) {
	root, err := pki.NewAuthority("Root", pki.Options{Now: now, Key: pki.Ed25519})
	if err != nil {
		return id, err
	}
	issued, err := root.Issue(pki.Leaf{Names: []string{"localhost"}, Key: pki.Ed25519})
	if err != nil {
		return id, err
	}
	signer, err := sign.FromCrypto(issued.Key)
	if err != nil {
		return id, err
	}
	id.roots = root.Pool()
	id.cert, err = config.NewCertificate(issued.Chain, signer)
	return id, err
})

// A duo is a client and a server that talk message by message.
type duo struct {
	t            *testing.T
	client       Machine
	server       Machine
	ctape, stape *tape

	toClient, toServer [][]byte // on the way
}

// newDuo makes both. With retry the client sends no key share at first.
func newDuo(t *testing.T, retry bool) *duo {
	t.Helper()
	id, err := someone()
	check(t, err)
	groups := []iana.Group{iana.X25519}
	cc := &config.ClientConfig{ServerName: "localhost", RootCAs: id.roots, CurvePreferences: groups}
	if retry {
		cc.KeyShares = []iana.Group{}
	}
	d := &duo{t: t, ctape: new(tape), stape: new(tape)}
	d.client, err = NewClient(cc, &Options{Layer: d.ctape, Rand: rand.Reader})
	check(t, err)
	d.server, err = NewServer(&config.ServerConfig{Certificates: []config.Certificate{id.cert}, CurvePreferences: groups},
		&Options{Layer: d.stape, Rand: rand.Reader})
	check(t, err)
	return d
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// run goes on until m is in state s, one message or answer at a time.
func (d *duo) run(m Machine, s fault.State) {
	d.t.Helper()
	if m.State() == s {
		return
	}
	check(d.t, d.client.Start())
	for range 50 {
		d.toServer = append(d.toServer, d.ctape.take()...)
		d.toClient = append(d.toClient, d.stape.take()...)
		switch {
		case m.State() == s:
			return
		case d.server.Ask() != nil:
			a := d.server.Ask().(*flow.SignAsk)
			a.Reply(a.Signer.Sign(context.Background(), a.Scheme, a.Message))
		case d.client.Ask() != nil:
			d.client.Ask().(*flow.VerifyAsk).Reply(new(flow.Verdict), nil)
		case len(d.toServer) > 0:
			check(d.t, d.server.Receive(d.toServer[0]))
			d.toServer = d.toServer[1:]
		case s == fault.WaitCert && d.client.State() == fault.WaitCertCR:
			check(d.t, d.client.Receive(request(d.t)))
		case len(d.toClient) > 0:
			check(d.t, d.client.Receive(d.toClient[0]))
			d.toClient = d.toClient[1:]
		}
	}
	d.t.Fatalf("the machine got stuck in %v on its way to %v", m.State(), s)
}

// request is a CertificateRequest, which our own server does not send.
func request(t *testing.T) []byte {
	t.Helper()
	m := wire.CertificateRequest{SignatureSchemes: wire.MakeList16(iana.ED25519)}
	m.Extensions.Add(iana.ExtSignatureAlgorithms)
	b, err := wire.Append(nil, &m)
	check(t, err)
	return b
}

// retryMessage is enough of a HelloRetryRequest to be told apart from a
// ServerHello.
func retryMessage() []byte {
	b := []byte{byte(iana.ServerHello), 0, 0, 2 + 32, 3, 3}
	return append(b, wire.RetryRandom[:]...)
}

// welcome is what each state takes, written by hand.
var welcome = []struct {
	role  fault.Role
	state fault.State
	retry bool // a HelloRetryRequest is on the way there
	takes string
}{
	{fault.Client, fault.Start, false, "no message now"},
	{fault.Client, fault.WaitSH, false, "server_hello or hello_retry_request"},
	{fault.Client, fault.WaitSH2, true, "server_hello"},
	{fault.Client, fault.WaitEE, false, "encrypted_extensions"},
	{fault.Client, fault.WaitCertCR, false, "certificate_request or certificate"},
	{fault.Client, fault.WaitCert, false, "certificate"},
	{fault.Client, fault.WaitCV, false, "certificate_verify"},
	{fault.Client, fault.Verifying, false, "no message now"},
	{fault.Client, fault.WaitFinished, false, "finished"},
	{fault.Client, fault.Connected, false, "new_session_ticket or key_update"},
	{fault.Client, fault.Connected, true, "new_session_ticket or key_update"},
	{fault.Server, fault.WaitCH, false, "client_hello"},
	{fault.Server, fault.WaitCH2, true, "client_hello"},
	{fault.Server, fault.Signing, false, "no message now"},
	{fault.Server, fault.Signing, true, "no message now"},
	{fault.Server, fault.WaitFinished, false, "finished"},
	{fault.Server, fault.Connected, false, "key_update"},
}

// types are the named messages, among them those of TLS 1.2, and two unknown.
var types = []iana.HandshakeType{
	iana.HelloRequest, iana.ClientHello, iana.ServerHello, iana.NewSessionTicket, iana.EndOfEarlyData, iana.EncryptedExtensions,
	iana.Certificate, iana.ServerKeyExchange, iana.CertificateRequest, iana.ServerHelloDone, iana.CertificateVerify,
	iana.ClientKeyExchange, iana.Finished, iana.CertificateURL, iana.CertificateStatus, iana.SupplementalData, iana.KeyUpdate,
	iana.CompressedCert, iana.MessageHash, 99, 255,
}

// TestRefused drives a machine into each state and feeds it each message. What
// has no row is refused, names what was legal, and ends the machine.
func TestRefused(t *testing.T) {
	for _, w := range welcome {
		t.Run(w.role.String()+" "+w.state.String(), func(t *testing.T) {
			messages := [][]byte{retryMessage()}
			for _, typ := range types {
				messages = append(messages, []byte{byte(typ), 0, 0, 0})
			}
			for _, msg := range messages {
				d := newDuo(t, w.retry)
				m, l := d.client, d.ctape
				if w.role == fault.Server {
					m, l = d.server, d.stape
				}
				d.run(m, w.state)
				on := trigger(msg[0])
				if w.role == fault.Client && isRetry(msg) {
					on = retryHello
				}
				if hasRow(w.role, w.state, on) {
					continue
				}
				ask := m.Ask()
				refused(t, w.role, w.state, on, w.takes, m.Receive(msg))
				if m.State() != fault.Failed || m.Ask() != nil || len(l.sent) > 0 {
					t.Errorf("%v: then %v, Ask %v, %d messages", on, m.State(), m.Ask(), len(l.sent))
				}
				late(t, ask, m, l)
				refused(t, w.role, fault.Failed, on, "no message now", m.Receive(msg))
			}
		})
	}
}

func hasRow(role fault.Role, s fault.State, on trigger) bool {
	return slices.ContainsFunc(tables()[role], func(r row) bool { return r.from == s && r.on == on })
}

func refused(t *testing.T, role fault.Role, s fault.State, on trigger, takes string, err error) {
	t.Helper()
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Rule != fault.UnexpectedMessage {
		t.Fatalf("%v: %v", on, err)
	}
	if e.Role != role || e.State != s || e.Got != on.String() || e.Want != takes || e.AlertCode() != iana.UnexpectedMessage {
		t.Errorf("%v: %v\n\twant %v in %v; expected %s", on, err, role, s, takes)
	}
}

// late answers an Ask whose machine has failed meanwhile: nothing happens.
func late(t *testing.T, ask flow.Ask, m Machine, l *tape) {
	t.Helper()
	before := len(l.answered)
	switch a := ask.(type) {
	case *flow.SignAsk:
		a.Reply([]byte("signature"), nil)
	case *flow.VerifyAsk:
		a.Reply(new(flow.Verdict), nil)
	}
	if m.State() != fault.Failed || len(l.answered) != before {
		t.Error("a late answer woke a failed machine")
	}
}

// TestAnswerTwice: the second answer to an Ask does nothing.
func TestAnswerTwice(t *testing.T) {
	d := newDuo(t, false)
	d.run(d.client, fault.Verifying)
	a := d.client.Ask().(*flow.VerifyAsk)
	a.Reply(new(flow.Verdict), nil)
	a.Reply(nil, errors.New("on second thoughts, no"))
	if d.client.State() != fault.WaitFinished || len(d.ctape.answered) != 1 {
		t.Errorf("%v after %d answers", d.client.State(), len(d.ctape.answered))
	}
}

// TestEvidence: CONNECTED costs each proof, and without one the client's
// Finished, on which the server would rely, is not sent.
func TestEvidence(t *testing.T) {
	chain, signature, finished := new(flow.Verdict), new(signatureHeld), new(finishedHeld)
	for _, test := range []struct {
		have          evidence
		authenticated bool
		ok            bool
	}{
		{evidence{chain, signature, finished}, true, true},
		{evidence{nil, signature, finished}, true, false},
		{evidence{chain, nil, finished}, true, false},
		{evidence{chain, signature, nil}, true, false},
		{evidence{nil, nil, finished}, false, true},
		{evidence{chain, signature, nil}, false, false},
	} {
		if err := test.have.complete(test.authenticated); (err == nil) != test.ok || err != nil && !errors.Is(err, fault.MissingProof) {
			t.Errorf("%+v, authenticated %v: %v", test.have, test.authenticated, err)
		}
	}

	d := newDuo(t, false)
	d.run(d.client, fault.Verifying)
	d.client.Ask().(*flow.VerifyAsk).Reply(nil, nil) // neither a verdict nor a refusal
	err := d.client.Receive(d.toClient[0])
	if !errors.Is(err, fault.MissingProof) || len(d.ctape.sent) > 0 {
		t.Errorf("%v; the client sent %d messages", err, len(d.ctape.sent))
	}
}
