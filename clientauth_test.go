package handclasp_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
)

// policies are all, with the names of crypto/tls beside ours.
var policies = map[handclasp.ClientAuthType]tls.ClientAuthType{
	handclasp.NoClientCert: tls.NoClientCert, handclasp.RequestClientCert: tls.RequestClientCert,
	handclasp.RequireAnyClientCert: tls.RequireAnyClientCert, handclasp.VerifyClientCertIfGiven: tls.VerifyClientCertIfGiven,
	handclasp.RequireAndVerifyClientCert: tls.RequireAndVerifyClientCert,
}

// A showing is what a client has to show.
type showing struct {
	name     string
	identity func() identity // nil: nothing
	good     bool
}

// strangers is an authority that no server of these tests trusts.
var strangers = must1(pki.NewAuthority("Handclasp test root", pki.Options{Now: time.Now()})) // of the same name, so that clients show it

func must1[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func showings() []showing {
	list := []showing{
		{name: "nothing"},
		{name: "a stranger's", identity: sync.OnceValue(func() identity { return issueBy(strangers, pki.Leaf{Names: []string{"mallory"}}) })},
		{name: "a server's", identity: sync.OnceValue(func() identity {
			return issue(pki.Leaf{Names: []string{"localhost"}, Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
		})},
	}
	for _, k := range []pki.Key{pki.P256, pki.P384, pki.P521, pki.RSA2048, pki.Ed25519} {
		list = append(list, showing{k.String(), identities[k], true})
	}
	return list
}

// lets says whether a policy lets a client in, by what it shows.
func (s *showing) lets(p handclasp.ClientAuthType) bool {
	if s.identity == nil {
		return !p.Requires()
	}
	return s.good || !p.Verifies()
}

// TestClientAuth runs each policy with each version, role and kind of key, and
// with clients that show nothing or nothing good, against crypto/tls.
func TestClientAuth(t *testing.T) {
	for ours, theirs := range policies {
		for _, v := range []iana.Version{iana.TLS12, iana.TLS13} {
			for _, s := range showings() {
				name := fmt.Sprintf("%v/%v/%s", ours, v, s.name)
				t.Run(name+"/as server", func(t *testing.T) { serveStandard(t, ours, v, s) })
				t.Run(name+"/as client", func(t *testing.T) { visitStandard(t, ours, theirs, v, s) })
			}
		}
	}
}

// serveStandard has crypto/tls show s to our server.
func serveStandard(t *testing.T, policy handclasp.ClientAuthType, v iana.Version, s showing) {
	cfg := serverConfig()
	cfg.ClientAuth, cfg.ClientCAs = policy, roots()
	client := &tls.Config{RootCAs: roots(), ServerName: "localhost", MinVersion: uint16(v), MaxVersion: uint16(v)}
	if s.identity != nil {
		std := s.identity().std
		client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &std, nil }
	}
	c, sv := loopback(t)
	us, them := handclasp.Server(sv, cfg), tls.Client(c, client)
	done := make(chan error, 1)
	go func() {
		err := them.Handshake()
		if err == nil {
			_, err = them.Read(make([]byte, 1)) // a refusal in TLS 1.3 comes only now
		}
		done <- err
	}()
	err := us.Handshake()
	if !s.lets(policy) {
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || f.AlertCode() == iana.NoAlert {
			t.Fatalf("let in: %v", err)
		}
		if theirs := <-done; theirs == nil || !strings.Contains(theirs.Error(), "remote error") {
			t.Errorf("the client was not told why: %v", theirs)
		}
		us.Close()
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	us.Close()
	if err := <-done; err != io.EOF {
		t.Errorf("the client: %v", err)
	}
	checkSeen(t, us, policy, s)
}

// checkSeen checks what our server knows of the client.
func checkSeen(t *testing.T, us *handclasp.Conn, policy handclasp.ClientAuthType, s showing) {
	t.Helper()
	info, state := us.Info(), us.ConnectionState()
	if asked := policy != handclasp.NoClientCert; info.ClientAuth != asked {
		t.Errorf("asked: %v", info.ClientAuth)
	}
	if s.identity == nil || policy == handclasp.NoClientCert {
		if info.Peer != nil || info.ClientScheme != 0 || state.PeerCertificates != nil || state.VerifiedChains != nil {
			t.Errorf("a client that showed nothing is taken for %v", info.Peer)
		}
		return
	}
	shown := s.identity().ours
	if len(state.PeerCertificates) != 1 || !state.PeerCertificates[0].Equal(shown.Leaf()) || info.ClientScheme == 0 {
		t.Errorf("the client is taken for %v, %v", state.PeerCertificates, info.ClientScheme)
	}
	if info.Peer.Verified() != s.good || (len(state.VerifiedChains) > 0) != s.good {
		t.Errorf("good: %v, with %d chains", info.Peer.Verified(), len(state.VerifiedChains))
	}
}

// visitStandard shows s to a server of crypto/tls.
func visitStandard(t *testing.T, ours handclasp.ClientAuthType, policy tls.ClientAuthType, v iana.Version, s showing) {
	server := &tls.Config{
		Certificates: []tls.Certificate{identities[pki.P256]().std}, ClientAuth: policy, ClientCAs: roots(),
		MinVersion: uint16(v), MaxVersion: uint16(v),
	}
	cfg := clientConfig()
	if s.identity != nil {
		cfg.Certificates = []handclasp.Certificate{s.identity().ours}
	}
	c, sv := loopback(t)
	us, them := handclasp.Client(c, cfg), tls.Server(sv, server)
	done := make(chan error, 1)
	go func() {
		err := them.Handshake()
		if err == nil {
			_, err = them.Write([]byte("!")) // TLS has no other word for yes
		} else {
			them.Close()
		}
		done <- err
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err := us.WaitVerdict(ctx)
	if theirs := <-done; (theirs == nil) != s.lets(ours) || (err == nil) != s.lets(ours) {
		t.Fatalf("the server says %v, the client %v", theirs, err)
	}
	if err != nil {
		if f, ok := errors.AsType[*fault.Error](err); !ok || !f.Received {
			t.Errorf("refused: %v", err)
		}
		return
	}
	if _, err := us.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	shown := them.ConnectionState().PeerCertificates
	if want := s.identity != nil && ours != handclasp.NoClientCert; (len(shown) > 0) != want || (us.Info().ClientScheme != 0) != want {
		t.Errorf("the server saw %d certificates; we signed with %v", len(shown), us.Info().ClientScheme)
	}
	if err := exchange(us, them, 1000); err != nil {
		t.Error(err)
	}
}

// TestClientAuthRetry: the proof covers both hellos.
func TestClientAuthRetry(t *testing.T) {
	for _, key := range [][]byte{nil, make([]byte, 32)} {
		server, client := serverConfig(), clientConfig()
		server.ClientAuth, server.ClientCAs, server.CookieKey = handclasp.RequireAndVerifyClientCert, roots(), key
		client.Certificates, client.KeyShares = server.Certificates, []iana.Group{}
		conn, err, theirs := handshake(t, client, server)
		if err != nil || theirs != nil || !conn.Info().Retried {
			t.Errorf("%v, %v", err, theirs)
		}
	}
}

// TestClientCertificateChoice: the client shows the first that the server can
// use, by kind of key, authority and chain; or says that it has none.
func TestClientCertificateChoice(t *testing.T) {
	sub := must1(authority().Intermediate("Handclasp test department", pki.Options{}))
	mine := identities[pki.P256]().ours
	rsa := identities[pki.RSA2048]().ours
	below := issueBy(sub, pki.Leaf{Names: []string{"department"}}).ours
	other := issueBy(must1(pki.NewAuthority("Another root", pki.Options{Now: time.Now()})), pki.Leaf{Names: []string{"other"}}).ours
	for _, test := range []struct {
		name    string
		have    []handclasp.Certificate
		schemes []iana.SignatureScheme
		want    *handclasp.Certificate // nil: none
	}{
		{"the first", []handclasp.Certificate{mine, rsa}, nil, &mine},
		{"by authority", []handclasp.Certificate{other, rsa, mine}, nil, &rsa},
		{"by authority, at the top", []handclasp.Certificate{other, below}, nil, &below},
		{"by key", []handclasp.Certificate{mine, rsa}, []iana.SignatureScheme{iana.RSA_PSS_RSAE_SHA256, iana.RSA_PSS_RSAE_SHA384}, &rsa},
		{"no authority", []handclasp.Certificate{other}, nil, nil},
		{"no key", []handclasp.Certificate{mine}, []iana.SignatureScheme{iana.RSA_PSS_RSAE_SHA256}, nil},
		{"none", nil, nil, nil},
	} {
		for _, v := range []iana.Version{iana.TLS12, iana.TLS13} {
			server, client := serverConfig(), clientConfig()
			server.Certificates = []handclasp.Certificate{rsa}
			server.ClientAuth, server.ClientCAs, server.SignatureSchemes = handclasp.RequestClientCert, roots(), test.schemes
			client.Certificates, client.MaxVersion = test.have, v
			c, s := loopback(t)
			us, them := handclasp.Client(c, client), handclasp.Server(s, server)
			if err := both(us.Handshake, them.Handshake); err != nil {
				t.Errorf("%s, %v: %v", test.name, v, err)
				continue
			}
			switch peer := them.Info().Peer; {
			case (peer == nil) != (test.want == nil):
				t.Errorf("%s, %v: showed %v", test.name, v, peer)
			case peer != nil && (!peer.Peer[0].Equal(test.want.Leaf()) || len(peer.Peer) != len(test.want.Chain())):
				t.Errorf("%s, %v: showed %v", test.name, v, peer.Peer[0].Subject)
			}
		}
	}
}

// TestGetClientCertificate: the hook sees what was asked, in both stacks' words,
// and its answer is taken.
func TestGetClientCertificate(t *testing.T) {
	server := serverConfig()
	server.ClientAuth, server.ClientCAs = handclasp.RequireAndVerifyClientCert, roots()
	mine := identities[pki.Ed25519]()
	for _, v := range []iana.Version{iana.TLS12, iana.TLS13} {
		client := clientConfig()
		client.MaxVersion = v
		client.GetClientCertificate = func(r *handclasp.CertificateRequestInfo) (*handclasp.Certificate, error) {
			names := slices.ContainsFunc(r.Authorities, func(n []byte) bool { return string(n) == string(authority().Cert.RawSubject) })
			types := slices.Equal(r.CertificateTypes, []iana.ClientCertificateType{iana.ECDSASign, iana.RSASign})
			if r.Version != v || !slices.Contains(r.SignatureSchemes, iana.ED25519) || !names || types != (v == iana.TLS12) ||
				!slices.Contains(r.SignatureSchemes, iana.RSA_PKCS1_SHA256) || len(r.CertSchemes) > 0 {
				t.Errorf("%v: the hook sees %+v", v, r)
			}
			return &mine.ours, nil
		}
		if _, err, theirs := handshake(t, client, server); err != nil || theirs != nil {
			t.Errorf("%v: %v, %v", v, err, theirs)
		}
		client.GetClientCertificate = handclasp.TLSGetClientCertificate(func(r *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &mine.std, r.SupportsCertificate(&mine.std)
		})
		if _, err, theirs := handshake(t, client, server); err != nil || theirs != nil {
			t.Errorf("%v, a hook of crypto/tls: %v, %v", v, err, theirs)
		}
		client.GetClientCertificate = handclasp.TLSGetClientCertificate(func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return new(tls.Certificate), nil
		})
		missing := map[iana.Version]*fault.Rule{iana.TLS12: fault.ClientCertificateMissing12, iana.TLS13: fault.ClientCertificateMissing}[v]
		if _, _, theirs := handshake(t, client, server); !errors.Is(theirs, missing) {
			t.Errorf("%v, a hook that has none: %v", v, theirs)
		}
		client.GetClientCertificate = func(*handclasp.CertificateRequestInfo) (*handclasp.Certificate, error) {
			return nil, errors.New("the card is not in the reader")
		}
		if _, err, _ := handshake(t, client, server); !errors.Is(err, fault.ClientCertificateHook) || !strings.Contains(err.Error(), "not in the reader") {
			t.Errorf("%v, a hook that fails: %v", v, err)
		}
	}
}

// TestVerifyClientHook: it runs after the checks, sees what they found, and is
// asked about a client without a certificate too; also on a configuration that
// another hook chose.
func TestVerifyClientHook(t *testing.T) {
	refuse := errors.New("not on the list")
	for _, v := range []iana.Version{iana.TLS12, iana.TLS13} {
		for _, shows := range []bool{true, false} {
			var raw, chains, calls int
			var answer error
			server := serverConfig()
			server.ClientAuth, server.ClientCAs = handclasp.VerifyClientCertIfGiven, roots()
			server.VerifyPeerCertificate = func(r [][]byte, c [][]*x509.Certificate) error {
				raw, chains, calls = len(r), len(c), calls+1
				return answer
			}
			front := serverConfig()
			front.GetConfigForClient = func(*handclasp.HelloInfo) (*handclasp.ServerConfig, error) { return server, nil }
			client := clientConfig()
			client.MaxVersion = v
			want := 0
			if shows {
				client.Certificates, want = server.Certificates, 1
			}
			if _, err, theirs := handshake(t, client, front); err != nil || theirs != nil || raw != want || chains != want || calls != 1 {
				t.Errorf("%v, shows %v: %v, %v; the hook saw %d and %d in %d calls", v, shows, err, theirs, raw, chains, calls)
			}
			answer = refuse
			if _, _, theirs := handshake(t, client, front); !errors.Is(theirs, fault.CertRefused) || !errors.Is(theirs, refuse) {
				t.Errorf("%v, shows %v: %v", v, shows, theirs)
			}
		}
	}
}

// TestUnverifiedClient: a policy that does not verify still says what is wrong,
// and without ClientCAs nobody is good.
func TestUnverifiedClient(t *testing.T) {
	mine := identities[pki.P256]().ours
	for _, pool := range []*x509.CertPool{nil, strangers.Pool()} {
		server, client := serverConfig(), clientConfig()
		server.ClientAuth, server.ClientCAs = handclasp.RequireAnyClientCert, pool
		client.GetClientCertificate = func(*handclasp.CertificateRequestInfo) (*handclasp.Certificate, error) {
			return &mine, nil
		}
		c, s := loopback(t)
		us, them := handclasp.Client(c, client), handclasp.Server(s, server)
		if err := both(us.Handshake, them.Handshake); err != nil {
			t.Fatal(err)
		}
		if peer := them.Info().Peer; peer == nil || peer.Verified() || len(peer.Failed) == 0 || len(peer.Chains) > 0 {
			t.Errorf("%+v", peer)
		}
	}
}

// TestManyAuthorities: names that don't fit are left out, which means any.
func TestManyAuthorities(t *testing.T) {
	pool := roots()
	for i := range 300 {
		pool.AddCert(&x509.Certificate{Raw: fmt.Append(nil, i), RawSubject: []byte(strings.Repeat("x", 250))})
	}
	for _, v := range []iana.Version{iana.TLS12, iana.TLS13} {
		server, client := serverConfig(), clientConfig()
		server.ClientAuth, server.ClientCAs = handclasp.RequireAndVerifyClientCert, pool
		client.MaxVersion = v
		client.GetClientCertificate = func(r *handclasp.CertificateRequestInfo) (*handclasp.Certificate, error) {
			if len(r.Authorities) > 0 {
				t.Errorf("%v: %d names", v, len(r.Authorities))
			}
			return &server.Certificates[0], nil
		}
		if _, err, theirs := handshake(t, client, server); err != nil || theirs != nil {
			t.Errorf("%v: %v, %v", v, err, theirs)
		}
	}
}

// TestWaitVerdict: it ends with the server's first word, keeps what came, and
// leaves the connection usable when its time is up.
func TestWaitVerdict(t *testing.T) {
	meet := func(t *testing.T, v iana.Version) (us, them *handclasp.Conn) {
		server, client := serverConfig(), clientConfig()
		server.ClientAuth, server.ClientCAs = handclasp.RequireAndVerifyClientCert, roots()
		client.Certificates, client.MaxVersion = server.Certificates, v
		c, s := loopback(t)
		us, them = handclasp.Client(c, client), handclasp.Server(s, server)
		if err := both(us.Handshake, them.Handshake); err != nil {
			t.Fatal(err)
		}
		return us, them
	}
	t.Run("TLS 1.2 needs no waiting", func(t *testing.T) {
		us, them := meet(t, iana.TLS12)
		if err := errors.Join(us.WaitVerdict(t.Context()), them.WaitVerdict(t.Context())); err != nil {
			t.Error(err)
		}
	})
	t.Run("a client that was not asked", func(t *testing.T) {
		us, _ := connected(t)
		if err := us.WaitVerdict(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("silence, then data", func(t *testing.T) {
		us, them := meet(t, iana.TLS13)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		defer cancel()
		if err := us.WaitVerdict(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("silence: %v", err)
		}
		if _, err := them.Write([]byte("welcome")); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := us.WaitVerdict(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		got := make([]byte, 7)
		if _, err := io.ReadFull(us, got); err != nil || string(got) != "welcome" {
			t.Errorf("%q, %v", got, err)
		}
	})
	t.Run("somebody else reads", func(t *testing.T) {
		us, _ := meet(t, iana.TLS13)
		reading := make(chan error, 1)
		go func() { _, err := us.Read(make([]byte, 1)); reading <- err }()
		time.Sleep(10 * time.Millisecond)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		within(t, 10*time.Second, "WaitVerdict", func() {
			if err := us.WaitVerdict(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		})
		us.Close()
		if err := <-reading; !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	t.Run("the user's deadline stays", func(t *testing.T) {
		us, _ := meet(t, iana.TLS13)
		by := time.Now().Add(time.Second) // a busy machine gets to the first wait before
		us.SetReadDeadline(by)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if err := us.WaitVerdict(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		var timeout net.Error
		if err := us.WaitVerdict(t.Context()); !errors.As(err, &timeout) || !timeout.Timeout() || time.Now().Before(by) {
			t.Errorf("%v before the deadline: %v", time.Until(by), err)
		}
	})
	t.Run("goodbye", func(t *testing.T) {
		us, them := meet(t, iana.TLS13)
		them.Close()
		if err := us.WaitVerdict(t.Context()); err != io.EOF {
			t.Error(err)
		}
	})
	t.Run("refusal", func(t *testing.T) {
		server, client := serverConfig(), clientConfig()
		server.ClientAuth, server.ClientCAs = handclasp.RequireAndVerifyClientCert, roots()
		us, err, theirs := handshake(t, client, server)
		if err != nil || !errors.Is(theirs, fault.ClientCertificateMissing) {
			t.Fatalf("%v, %v", err, theirs)
		}
		err = us.WaitVerdict(t.Context())
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || f.Code != iana.CertificateRequired || !f.Received {
			t.Errorf("refused: %v", err)
		}
		if _, again := us.Read(make([]byte, 1)); again != err {
			t.Errorf("Read says %v", again)
		}
	})
}

// TestClientAuthFromTLS: what guards something is carried over both ways.
func TestClientAuthFromTLS(t *testing.T) {
	id := identities[pki.P256]()
	hook := func([][]byte, [][]*x509.Certificate) error { return nil }
	for ours, theirs := range policies {
		cfg, err := handclasp.ServerFromTLS(&tls.Config{Certificates: []tls.Certificate{id.std}, ClientAuth: theirs, ClientCAs: roots(), VerifyPeerCertificate: hook})
		if err != nil || cfg.ClientAuth != ours || cfg.ClientCAs == nil || cfg.VerifyPeerCertificate == nil || config.ClientAuthType(theirs) != ours {
			t.Errorf("%v: %+v, %v", theirs, cfg, err)
		}
		cfg, err = handclasp.ServerFromTLS(&tls.Config{Certificates: []tls.Certificate{id.std}, ClientAuth: theirs})
		if err != nil || (cfg.ClientCAs != nil) != ours.Verifies() {
			t.Errorf("%v, with the system's authorities: %v", theirs, err)
		}
		if _, err := cfg.Params(); err != nil {
			t.Errorf("%v: %v", theirs, err)
		}
	}
	own := func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &id.std, nil }
	client, err := handclasp.ClientFromTLS(&tls.Config{Certificates: []tls.Certificate{id.std}})
	if err != nil || len(client.Certificates) != 1 || client.GetClientCertificate != nil {
		t.Errorf("Certificates: %+v, %v", client, err)
	}
	client, err = handclasp.ClientFromTLS(&tls.Config{Certificates: []tls.Certificate{id.std}, GetClientCertificate: own})
	if err != nil || len(client.Certificates) != 0 || client.GetClientCertificate == nil {
		t.Errorf("GetClientCertificate: %+v, %v", client, err)
	}
	if client, err = handclasp.ClientFromTLS(&tls.Config{Certificates: make([]tls.Certificate, 1)}); err == nil || client != nil {
		t.Errorf("a certificate without a key: %v", err)
	}
}
