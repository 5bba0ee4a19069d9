package hs

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
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
	"github.com/handclasp/handclasp/session"
	"github.com/handclasp/handclasp/sign"
)

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// A tape is a Layer that only writes down.
type tape struct {
	sent     [][]byte // nil for a ChangeCipherSpec
	answered []error
	epochs   []flow.Epoch // of SetWrite and SetRead, in order
	finished bool
	updates  int

	write, read keys.Secret // of TLS 1.3
}

func (l *tape) WriteMessage(msg []byte)          { l.sent = append(l.sent, bytes.Clone(msg)) }
func (l *tape) ChangeCipherSpec()                { l.sent = append(l.sent, nil) }
func (l *tape) SkipEarlyData(flow.Epoch, uint32) {}
func (l *tape) ClearWrite()                      {}
func (l *tape) SetVersion(iana.Version)          {}
func (l *tape) ShapeRecords(Shape)               {}
func (l *tape) ReadSecret() keys.Secret          { return l.read }
func (l *tape) Authenticated()                   {}
func (l *tape) EarlyExporter(*Exporter)          {}
func (l *tape) WriteAnswer(finish func(keys.Secret) ([]byte, error)) error {
	msgs, err := finish(l.write)
	for len(msgs) > 0 {
		n := wire.HeaderLen + int(msgs[1])<<16 + int(msgs[2])<<8 + int(msgs[3])
		l.WriteMessage(msgs[:n])
		msgs = msgs[n:]
	}
	return err
}
func (l *tape) PeerFinished()             { l.finished = true }
func (l *tape) Renegotiating()            {}
func (l *tape) PeerUpdated(bool) error    { l.updates++; return nil }
func (l *tape) Answered(err error)        { l.answered = append(l.answered, err) }
func (l *tape) set(e flow.Epoch) error    { l.epochs = append(l.epochs, e); return nil }
func (l *tape) take() (messages [][]byte) { messages, l.sent = l.sent, nil; return messages }

func (l *tape) SetWrite(e flow.Epoch, _ *suite.Suite, s keys.Secret) error {
	l.write = s
	return l.set(e)
}
func (l *tape) SetRead(e flow.Epoch, _ *suite.Suite, s keys.Secret) error {
	l.read = s
	return l.set(e)
}
func (l *tape) SetWrite12(*suite.Suite, keys.WriteKeys, suite.Options12) error {
	return l.set(flow.Application)
}
func (l *tape) SetRead12(*suite.Suite, keys.WriteKeys, suite.Options12) error {
	return l.set(flow.Application)
}

type identity struct {
	cert  config.Certificate
	roots *x509.CertPool
}

var (
	someone    = sync.OnceValues(func() (identity, error) { return made(pki.Ed25519) })
	someoneRSA = sync.OnceValues(func() (identity, error) { return made(pki.RSA2048) })
)

func made(key pki.Key) (id identity, err error) {
	root, err := pki.NewAuthority("Root", pki.Options{Now: now, Key: pki.Ed25519})
	if err != nil {
		return id, err
	}
	issued, err := root.Issue(pki.Leaf{Names: []string{"localhost"}, Key: key})
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
}

// A duo is a client and a server that talk message by message.
type duo struct {
	t            *testing.T
	client       Machine
	server       Machine
	ctape, stape *tape

	toClient, toServer [][]byte // on the way
	heard              [][]byte // by the server
}

// A course is what a handshake goes through.
type course struct {
	version iana.Version // 0: both
	retry   bool         // the client sends no key share at first
	hook    bool         // the server's configuration has one
	staple  bool         // the server has an OCSP answer
	auth    config.ClientAuthType
	show    bool             // the client has a certificate
	choose  bool             // and a hook that chooses one
	suite   iana.CipherSuite // 0: the defaults
	hint    string           // of the server, which pre-shared key to use
	later   bool             // it is asked after the handshake
	early   bool             // and the client sends 0-RTT data
	resume  bool             // both have what an earlier connection left
	stale   bool             // but the server's is too old
	again   bool             // the server asks for another handshake
}

func newDuo(t *testing.T, o course) *duo {
	t.Helper()
	id, err := someone()
	if suite.ByID(o.suite) != nil && suite.ByID(o.suite).Auth == suite.RSA {
		id, err = someoneRSA()
	}
	check(t, err)
	if o.staple {
		id.cert.OCSPStaple = []byte("an answer")
	}
	groups := []iana.Group{iana.X25519}
	cc := &config.ClientConfig{ServerName: "localhost", RootCAs: id.roots, CurvePreferences: groups, MinVersion: o.version, MaxVersion: o.version}
	if o.retry {
		cc.KeyShares = []iana.Group{}
	}
	sc := &config.ServerConfig{Certificates: []config.Certificate{id.cert}, CurvePreferences: groups}
	if o.hook {
		sc.GetCertificate = func(*config.HelloInfo) (*config.Certificate, error) { return nil, nil }
	}
	sc.ClientAuth, sc.ClientCAs = o.auth, id.roots
	cc.PostHandshakeAuth, sc.AskLater = o.later, o.later
	if o.show {
		cc.Certificates = sc.Certificates
	}
	if o.choose {
		cc.GetClientCertificate = func(*config.CertificateRequestInfo) (*config.Certificate, error) { return nil, nil }
	}
	if o.again {
		cc.MaxRenegotiations = 1
	}
	if o.resume {
		kept := earlier(id.cert, o.auth)
		if o.version == iana.TLS12 {
			kept.before13()
		}
		if o.stale {
			kept.state.Issued = now.Add(-2 * kept.state.Lifetime)
		}
		cc.Sessions, sc.Tickets = kept, kept
		cc.Time = func() time.Time { return now }
		sc.Time = cc.Time
		if cc.EarlyData = o.early; o.early {
			sc.EarlyData, sc.Guard = kept.state.MaxEarlyData, kept
		}
	}
	if o.suite != 0 {
		cc.CipherSuites, sc.CipherSuites = []iana.CipherSuite{o.suite}, []iana.CipherSuite{o.suite}
		cc.PSKs = []config.PSK{{Identity: []byte("somebody"), Key: make([]byte, 32)}}
		sc.PSKs, sc.PSKHint = cc.PSKs, o.hint
		cc.CurvePreferences, sc.CurvePreferences = nil, nil
	}
	d := &duo{t: t, ctape: new(tape), stape: new(tape)}
	d.client, err = NewClient(cc, &Options{Layer: d.ctape, Rand: rand.Reader})
	check(t, err)
	d.server, err = NewServer(sc, &Options{Layer: d.stape, Rand: rand.Reader})
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
	if d.client.State() == fault.Start {
		check(d.t, d.client.Start())
	}
	for range 50 {
		d.toServer = append(d.toServer, d.ctape.take()...)
		d.toClient = append(d.toClient, d.stape.take()...)
		switch {
		case m.State() == s:
			return
		case d.server.Ask() != nil:
			reply(d.server.Ask())
		case d.client.Ask() != nil:
			reply(d.client.Ask())
		case len(d.toServer) > 0:
			check(d.t, give(d.server, d.toServer[0]))
			d.heard = append(d.heard, d.toServer[0])
			d.toServer = d.toServer[1:]
		case len(d.toClient) > 0:
			check(d.t, give(d.client, d.toClient[0]))
			d.toClient = d.toClient[1:]
		case s == fault.Renegotiating:
			check(d.t, d.client.Receive([]byte{byte(iana.HelloRequest), 0, 0, 0}))
		case d.server.Info().PostHandshakeAuth:
			check(d.t, d.server.(Requester).RequestCertificate())
		}
	}
	d.t.Fatalf("the machine got stuck in %v on its way to %v", m.State(), s)
}

// reply answers an Ask with consent.
func reply(ask flow.Ask) {
	switch a := ask.(type) {
	case *flow.SignAsk:
		a.Reply(a.Signer.Sign(context.Background(), a.Scheme, a.Message))
	case *flow.DecryptAsk:
		a.Reply(a.Decrypter.DecryptPremaster(context.Background(), a.Ciphertext, a.Offered, a.Substitute))
	case *flow.VerifyAsk:
		a.Reply(new(flow.Verdict), nil)
	case *flow.HelloAsk:
		a.Reply(a.Config, nil, nil)
	case *flow.ClientCertificateAsk:
		a.Reply(nil, nil)
	case *flow.RenegotiateAsk:
		a.Reply()
	case flow.Answerer:
		a.Answer(context.Background())
	}
}

// give hands over what a tape took. A ChangeCipherSpec means something in TLS
// 1.2 alone.
func give(m Machine, msg []byte) error {
	switch {
	case msg != nil:
		return m.Receive(msg)
	case m.Info().Version == iana.TLS12:
		return m.ChangeCipherSpec()
	}
	return nil
}

// retryMessage is enough of a HelloRetryRequest to be told apart from a
// ServerHello.
func retryMessage() []byte {
	b := []byte{byte(iana.ServerHello), 0, 0, 2 + 32, 3, 3}
	return append(b, wire.RetryRandom[:]...)
}

var (
	in13     = course{version: iana.TLS13}
	in12     = course{version: iana.TLS12}
	retried  = course{retry: true}
	hooked   = course{hook: true}
	hooked12 = course{version: iana.TLS12, hook: true}
	stapled  = course{version: iana.TLS12, staple: true}

	rsa12         = course{version: iana.TLS12, suite: iana.TLS_RSA_WITH_AES_128_GCM_SHA256}
	rsaStapled    = course{version: iana.TLS12, suite: iana.TLS_RSA_WITH_AES_128_GCM_SHA256, staple: true}
	rsaAsked      = course{version: iana.TLS12, suite: iana.TLS_RSA_WITH_AES_128_GCM_SHA256, auth: config.RequireAndVerifyClientCert, show: true}
	rsaPSK        = course{version: iana.TLS12, suite: iana.TLS_RSA_PSK_WITH_AES_128_GCM_SHA256}
	rsaPSKHint    = course{version: iana.TLS12, suite: iana.TLS_RSA_PSK_WITH_AES_128_GCM_SHA256, hint: "somebody"}
	rsaPSKStapled = course{version: iana.TLS12, suite: iana.TLS_RSA_PSK_WITH_AES_128_GCM_SHA256, staple: true}
	ecdhePSK      = course{version: iana.TLS12, suite: iana.TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256}
	onlyPSK       = course{version: iana.TLS12, suite: iana.TLS_PSK_WITH_AES_128_GCM_SHA256}

	asked13   = course{version: iana.TLS13, auth: config.RequireAndVerifyClientCert, show: true}
	asked12   = course{version: iana.TLS12, auth: config.RequireAndVerifyClientCert, show: true}
	later13   = course{version: iana.TLS13, auth: config.RequireAnyClientCert, show: true, choose: true, later: true}
	emptied13 = course{version: iana.TLS13, auth: config.RequestClientCert, later: true}
	empty13   = course{version: iana.TLS13, auth: config.RequestClientCert}
	empty12   = course{version: iana.TLS12, auth: config.VerifyClientCertIfGiven}
	chooses13 = course{version: iana.TLS13, auth: config.RequireAnyClientCert, show: true, choose: true}
	eager     = course{auth: config.RequestClientCert, resume: true, early: true}
	resumed   = course{auth: config.RequestClientCert, resume: true}
	resumed12 = course{version: iana.TLS12, auth: config.RequestClientCert, resume: true}
	again12   = course{version: iana.TLS12, again: true}
	ticket12  = course{version: iana.TLS12, resume: true, stale: true}
	chooses12 = course{version: iana.TLS12, auth: config.RequireAnyClientCert, show: true, choose: true}
)

// welcome is what each state takes, written by hand.
var welcome = []struct {
	role   fault.Role
	state  fault.State
	course course // on the way there
	takes  string
}{
	{fault.Client, fault.Start, course{}, "no message now"},
	{fault.Client, fault.Recalling, resumed, "no message now"},
	{fault.Client, fault.Judging, resumed, "no message now"},
	{fault.Client, fault.WaitSH, resumed, "server_hello or hello_retry_request"},
	{fault.Client, fault.WaitEE, resumed, "encrypted_extensions"},
	{fault.Client, fault.WaitFinished, resumed, "finished"},
	{fault.Client, fault.Connected, resumed, "new_session_ticket or key_update or certificate_request"},
	{fault.Client, fault.WaitSH, course{}, "server_hello or hello_retry_request"},
	{fault.Client, fault.WaitSH2, retried, "server_hello"},
	{fault.Client, fault.WaitEE, in13, "encrypted_extensions"},
	{fault.Client, fault.WaitCertCR, in13, "certificate_request or certificate"},
	{fault.Client, fault.WaitCert, asked13, "certificate"},
	{fault.Client, fault.WaitCV, in13, "certificate_verify"},
	{fault.Client, fault.Verifying, in13, "no message now"},
	{fault.Client, fault.WaitFinished, in13, "finished"},
	{fault.Client, fault.ChoosingCert, chooses13, "no message now"},
	{fault.Client, fault.Signing, asked13, "no message now"},
	{fault.Client, fault.Signing, chooses13, "no message now"},
	{fault.Client, fault.Connected, in13, "new_session_ticket or key_update or certificate_request"},
	{fault.Client, fault.Connected, asked13, "new_session_ticket or key_update or certificate_request"},
	{fault.Client, fault.Connected, retried, "new_session_ticket or key_update or certificate_request"},
	{fault.Client, fault.PostChoosing, later13, "no message now"},
	{fault.Client, fault.PostSigning, later13, "no message now"},

	{fault.Client, fault.WaitCert, in12, "certificate"},
	{fault.Client, fault.WaitStatusSKE, stapled, "certificate_status or server_key_exchange"},
	{fault.Client, fault.WaitSKE, in12, "server_key_exchange"},
	{fault.Client, fault.WaitSKE, stapled, "server_key_exchange"},
	{fault.Client, fault.WaitCRSHD, in12, "certificate_request or server_hello_done"},
	{fault.Client, fault.WaitSHD, asked12, "server_hello_done"},
	{fault.Client, fault.Verifying, in12, "no message now"},
	{fault.Client, fault.ChoosingCert, chooses12, "no message now"},
	{fault.Client, fault.Signing, asked12, "no message now"},
	{fault.Client, fault.WaitCCS, in12, "change_cipher_spec"},
	{fault.Client, fault.WaitCCS, asked12, "change_cipher_spec"},
	{fault.Client, fault.WaitFinished, in12, "finished"},
	{fault.Client, fault.Connected, in12, "hello_request"},

	{fault.Client, fault.Recalling, resumed12, "no message now"},
	{fault.Client, fault.Judging, resumed12, "no message now"},
	{fault.Client, fault.WaitNST, resumed12, "new_session_ticket"},
	{fault.Client, fault.WaitNST, ticket12, "new_session_ticket"},
	{fault.Client, fault.WaitCCS, resumed12, "change_cipher_spec"},
	{fault.Client, fault.WaitFinished, resumed12, "finished"},
	{fault.Client, fault.Connected, resumed12, "hello_request"},
	{fault.Client, fault.Renegotiating, again12, "no message now"},
	{fault.Server, fault.Resuming, resumed12, "no message now"},
	{fault.Server, fault.Judging, resumed12, "no message now"},
	{fault.Server, fault.Renewing, resumed12, "no message now"},
	{fault.Server, fault.WaitCCS, resumed12, "change_cipher_spec"},
	{fault.Server, fault.WaitFinished, resumed12, "finished"},
	{fault.Server, fault.Connected, resumed12, "no message now"},
	{fault.Server, fault.Signing, ticket12, "no message now"},
	{fault.Server, fault.Keeping, ticket12, "no message now"},
	{fault.Server, fault.Connected, ticket12, "no message now"},

	{fault.Client, fault.WaitStatusCRSHD, rsaStapled, "certificate_status or certificate_request or server_hello_done"},
	{fault.Client, fault.WaitCRSHD, rsa12, "certificate_request or server_hello_done"},
	{fault.Client, fault.WaitStatusSKESHD, rsaPSKStapled, "certificate_status or server_key_exchange or server_hello_done"},
	{fault.Client, fault.WaitSKESHD, rsaPSK, "server_key_exchange or server_hello_done"},
	{fault.Client, fault.WaitSHD, rsaPSKHint, "server_hello_done"},
	{fault.Client, fault.WaitPSKSKE, ecdhePSK, "server_key_exchange"},
	{fault.Client, fault.WaitPSKSHD, ecdhePSK, "server_hello_done"},
	{fault.Client, fault.WaitPSKSKESHD, onlyPSK, "server_key_exchange or server_hello_done"},
	{fault.Server, fault.WaitCKE, rsa12, "client_key_exchange"},
	{fault.Server, fault.Decrypting, rsa12, "no message now"},
	{fault.Server, fault.DecryptingCV, rsaAsked, "no message now"},
	{fault.Server, fault.WaitCKE, onlyPSK, "client_key_exchange"},

	{fault.Server, fault.WaitCH, course{}, "client_hello"},
	{fault.Server, fault.Choosing, hooked, "no message now"},
	{fault.Server, fault.Resuming, resumed, "no message now"},
	{fault.Server, fault.Judging, resumed, "no message now"},
	{fault.Server, fault.Guarding, eager, "no message now"},
	{fault.Server, fault.WaitEOED, eager, "end_of_early_data"},
	{fault.Server, fault.WaitFinished, eager, "finished"},
	{fault.Server, fault.WaitFinished, resumed, "finished"},
	{fault.Server, fault.Connected, resumed, "key_update or certificate"},
	{fault.Server, fault.WaitCH2, retried, "client_hello"},
	{fault.Server, fault.Signing, in13, "no message now"},
	{fault.Server, fault.Signing, retried, "no message now"},
	{fault.Server, fault.Signing, hooked, "no message now"},
	{fault.Server, fault.WaitCert, asked13, "certificate"},
	{fault.Server, fault.WaitCV, asked13, "certificate_verify"},
	{fault.Server, fault.Verifying, asked13, "no message now"},
	{fault.Server, fault.Verifying, empty13, "no message now"},
	{fault.Server, fault.WaitFinished, in13, "finished"},
	{fault.Server, fault.WaitFinished, asked13, "finished"},
	{fault.Server, fault.WaitFinished, empty13, "finished"},
	{fault.Server, fault.Connected, in13, "key_update or certificate"},
	{fault.Server, fault.PostWaitCV, later13, "certificate_verify"},
	{fault.Server, fault.PostVerifying, later13, "no message now"},
	{fault.Server, fault.PostVerifying, emptied13, "no message now"},
	{fault.Server, fault.PostWaitFinished, later13, "finished"},
	{fault.Server, fault.PostWaitFinished, emptied13, "finished"},

	{fault.Server, fault.Signing, in12, "no message now"},
	{fault.Server, fault.Signing, hooked12, "no message now"},
	{fault.Server, fault.WaitCert, asked12, "certificate"},
	{fault.Server, fault.WaitCKE, in12, "client_key_exchange"},
	{fault.Server, fault.WaitCKECV, asked12, "client_key_exchange"},
	{fault.Server, fault.WaitCKECV, empty12, "client_key_exchange"},
	{fault.Server, fault.WaitCV, asked12, "certificate_verify"},
	{fault.Server, fault.Verifying, asked12, "no message now"},
	{fault.Server, fault.Verifying, empty12, "no message now"},
	{fault.Server, fault.WaitCCS, in12, "change_cipher_spec"},
	{fault.Server, fault.WaitFinished, in12, "finished"},
	{fault.Server, fault.Connected, in12, "no message now"},
}

// TestWelcome: each state of each machine stands in the list above.
func TestWelcome(t *testing.T) {
	for _, m := range machines() {
		for _, s := range from(m.table, m.start()) {
			known := false
			for _, w := range welcome {
				known = known || w.role == m.role && w.state == s && (w.course.version == 0 || w.course.version == m.version)
			}
			if !known {
				t.Errorf("%v: what does %v take?", m, s)
			}
		}
	}
}

// types are the named messages, among them those of TLS 1.2, and two unknown.
var types = []iana.HandshakeType{
	iana.HelloRequest, iana.ClientHello, iana.ServerHello, iana.NewSessionTicket, iana.EndOfEarlyData, iana.EncryptedExtensions,
	iana.Certificate, iana.ServerKeyExchange, iana.CertificateRequest, iana.ServerHelloDone, iana.CertificateVerify,
	iana.ClientKeyExchange, iana.Finished, iana.CertificateURL, iana.CertificateStatus, iana.SupplementalData, iana.KeyUpdate,
	iana.CompressedCert, iana.MessageHash, 99, 255,
}

// drive makes a machine of role and brings it to state s.
func drive(t *testing.T, role fault.Role, s fault.State, o course) (Machine, *tape) {
	t.Helper()
	d := newDuo(t, o)
	m, l := d.client, d.ctape
	if role == fault.Server {
		m, l = d.server, d.stape
	}
	d.run(m, s)
	l.take()
	return m, l
}

// TestRefused drives a machine into each state and feeds it each message. What
// has no row is refused, names what was legal, and ends the machine.
func TestRefused(t *testing.T) {
	for _, w := range welcome {
		t.Run(fmt.Sprintf("%v %v %+v", w.role, w.state, w.course), func(t *testing.T) {
			messages := [][]byte{nil, retryMessage()} // nil: a ChangeCipherSpec
			for _, typ := range types {
				messages = append(messages, []byte{byte(typ), 0, 0, 0})
			}
			for _, msg := range messages {
				m, l := drive(t, w.role, w.state, w.course)
				on := triggerOf(w.role, msg)
				c, ok := m.(*client)
				if hasRow(w.role, m.Info().Version, w.state, on) || on == trigger(iana.HelloRequest) && ok && c.negotiating() {
					continue
				}
				ask := m.Ask()
				refused(t, w.role, w.state, on, w.takes, feed(m, msg))
				if m.State() != fault.Failed || m.Ask() != nil || len(l.sent) > 0 {
					t.Errorf("%v: then %v, Ask %v, %d messages", on, m.State(), m.Ask(), len(l.sent))
				}
				late(t, ask, m, l)
				refused(t, w.role, fault.Failed, on, "no message now", feed(m, msg))
			}
		})
	}
}

// TestHelloRequestMeanwhile: a client that is negotiating drops what asks it to (RFC
// 5246, Section 7.4.1.1), up to a limit, in each state that waits for a message, and
// the handshake ends well. Where TLS 1.3 is all there can be, or is settled, it is
// refused.
func TestHelloRequestMeanwhile(t *testing.T) {
	seen := make(map[fault.State]bool)
	for _, w := range welcome {
		if w.role != fault.Client || w.takes == "no message now" || w.state == fault.Connected || w.state == fault.WaitSH2 {
			continue
		}
		seen[w.state] = true
		d := newDuo(t, w.course)
		d.run(d.client, w.state)
		if d.client.Info().Version == iana.TLS13 {
			refused(t, fault.Client, w.state, trigger(iana.HelloRequest), w.takes, d.client.Receive(helloRequest))
			continue
		}
		sent := len(d.ctape.sent)
		for range config.DefaultLimits().HelloRequests {
			check(t, d.client.Receive(helloRequest))
		}
		if d.client.State() != w.state || d.client.Ask() != nil || len(d.ctape.sent) != sent {
			t.Errorf("%v: then %v, Ask %v", w.state, d.client.State(), d.client.Ask())
		}
		if w.course.hint == "" && w.course.suite == 0 && !w.course.show { // whose answers are real
			d.run(d.client, fault.Connected)
		}

		for want, msgs := range map[*fault.Rule][][]byte{
			fault.Flood:        slices.Repeat([][]byte{helloRequest}, config.DefaultLimits().HelloRequests+1),
			fault.WireTrailing: {{byte(iana.HelloRequest), 0, 0, 1, 0}},
		} {
			m, _ := drive(t, fault.Client, w.state, w.course)
			var err error
			for _, msg := range msgs {
				err = m.Receive(msg)
			}
			if f, ok := errors.AsType[*fault.Error](err); !ok || f.Rule != want || f.State != w.state || m.State() != fault.Failed {
				t.Errorf("%v: %v", w.state, err)
			}
		}
	}
	if len(seen) < 16 {
		t.Errorf("only %v", seen)
	}
	m, _ := drive(t, fault.Client, fault.WaitSH, in13)
	refused(t, fault.Client, fault.WaitSH, trigger(iana.HelloRequest), "server_hello or hello_retry_request", m.Receive(helloRequest))
}

func feed(m Machine, msg []byte) error {
	if msg == nil {
		return m.ChangeCipherSpec()
	}
	return m.Receive(msg)
}

func triggerOf(role fault.Role, msg []byte) trigger {
	switch {
	case msg == nil:
		return changeCipherSpec
	case role == fault.Client && isRetry(msg):
		return retryHello
	}
	return trigger(msg[0])
}

// hasRow reports whether on has a row in s. Before the version is known all
// machines of a role agree on it.
func hasRow(role fault.Role, v iana.Version, s fault.State, on trigger) bool {
	return slices.ContainsFunc(machines(), func(m *machine) bool {
		return m.role == role && (v == 0 || m.version == v) &&
			slices.ContainsFunc(m.table, func(r row) bool { return r.from == s && r.on == on })
	})
}

// TestRefusedByName: a row that leads nowhere always gives its own error, and
// whatever the message holds.
func TestRefusedByName(t *testing.T) {
	for _, c := range []struct {
		role fault.Role
		typ  iana.HandshakeType
	}{{fault.Client, iana.HelloRequest}, {fault.Server, iana.ClientHello}} {
		for _, msg := range [][]byte{{byte(c.typ), 0, 0, 0}, {byte(c.typ), 0, 0, 2, 3, 3}} {
			m, l := drive(t, c.role, fault.Connected, in12)
			err := m.Receive(msg)
			e, ok := errors.AsType[*fault.Error](err)
			if !ok || e.Rule != fault.Renegotiation || e.Role != c.role || e.State != fault.Connected {
				t.Errorf("%v: %v", c.typ, err)
			}
			if m.State() != fault.Failed || len(l.sent) > 0 {
				t.Errorf("%v: then %v, %d messages", c.typ, m.State(), len(l.sent))
			}
		}
	}
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
	case *flow.HelloAsk:
		a.Reply(a.Config, nil, nil)
	case *flow.ClientCertificateAsk:
		a.Reply(nil, nil)
	case *flow.SessionAsk:
		a.Reply(nil, nil)
	case *flow.ResumeAsk:
		a.Reply(nil, nil)
	case *flow.ReplayAsk:
		a.Reply(session.Accepted, nil)
	}
	if m.State() != fault.Failed || len(l.answered) != before {
		t.Error("a late answer woke a failed machine")
	}
}

// TestAnswerTwice: the second answer to an Ask does nothing.
func TestAnswerTwice(t *testing.T) {
	for _, c := range []struct {
		course
		next fault.State
	}{{in13, fault.WaitFinished}, {in12, fault.WaitCCS}} {
		d := newDuo(t, c.course)
		d.run(d.client, fault.Verifying)
		a := d.client.Ask().(*flow.VerifyAsk)
		a.Reply(new(flow.Verdict), nil)
		a.Reply(nil, errors.New("on second thoughts, no"))
		if d.client.State() != c.next || len(d.ctape.answered) != 1 {
			t.Errorf("%v after %d answers", d.client.State(), len(d.ctape.answered))
		}
	}
	d := newDuo(t, hooked12)
	d.run(d.server, fault.Choosing)
	a := d.server.Ask().(*flow.HelloAsk)
	a.Reply(a.Config, nil, nil)
	a.Reply(nil, nil, errors.New("on second thoughts, no"))
	if d.server.State() != fault.Signing || len(d.stape.answered) != 1 {
		t.Errorf("%v after %d answers", d.server.State(), len(d.stape.answered))
	}
}

// TestEvidence: CONNECTED costs each proof, and without one the client's
// Finished, on which the server would rely, is not sent.
func TestEvidence(t *testing.T) {
	chain, signature, finished := new(flow.Verdict), new(signatureHeld), new(finishedHeld)
	ticket, external := new(pskHeld), &pskHeld{external: true}
	for _, test := range []struct {
		have   evidence
		demand demand
		ok     bool
	}{
		{evidence{chain, signature, nil, finished}, demandIdentity, true},
		{evidence{nil, signature, nil, finished}, demandIdentity, false},
		{evidence{chain, nil, nil, finished}, demandIdentity, false},
		{evidence{chain, signature, nil, nil}, demandIdentity, false},
		{evidence{chain, nil, nil, finished}, demandVerdict, true},
		{evidence{nil, nil, nil, finished}, demandVerdict, false},
		{evidence{chain, signature, nil, nil}, demandVerdict, false},
		{evidence{nil, nil, nil, finished}, demandFinished, true},
		{evidence{chain, signature, nil, nil}, demandFinished, false},
		{evidence{nil, nil, ticket, finished}, demandPSK, true},
		{evidence{nil, nil, nil, finished}, demandPSK, false},
		{evidence{nil, nil, ticket, nil}, demandPSK, false},
		{evidence{chain, nil, ticket, finished}, demandIdentity, true},
		{evidence{nil, nil, ticket, finished}, demandIdentity, false},
		{evidence{nil, nil, external, finished}, demandIdentity, true},
		{evidence{nil, nil, external, nil}, demandIdentity, false},
		{evidence{nil, nil, ticket, finished}, demandVerdict, false},
	} {
		if err := test.have.complete(test.demand); (err == nil) != test.ok || err != nil && !errors.Is(err, fault.MissingProof) {
			t.Errorf("%+v, demand %v: %v", test.have, test.demand, err)
		}
	}

	for _, o := range []course{in13, in12} {
		d := newDuo(t, o)
		d.run(d.client, fault.Verifying)
		d.client.Ask().(*flow.VerifyAsk).Reply(nil, nil) // neither a verdict nor a refusal
		var err error
		if o == in12 {
			err = d.ctape.answered[0]
		} else {
			err = d.client.Receive(d.toClient[0])
		}
		if !errors.Is(err, fault.MissingProof) || len(d.ctape.sent) > 0 {
			t.Errorf("%+v: %v; the client sent %d messages", o, err, len(d.ctape.sent))
		}
	}
}
