package handclasp_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"testing"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/session"
)

func clientStore(t *testing.T) session.ClientStore {
	t.Helper()
	s, err := session.NewClientMemory(session.ClientOptions{Clock: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sealer(t *testing.T) session.Tickets {
	t.Helper()
	s, err := session.NewTickets(session.TicketOptions{Clock: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestResumeStandardLibrary resumes with crypto/tls at the other end, in both
// roles, with and without a HelloRetryRequest and client certificates.
func TestResumeStandardLibrary(t *testing.T) {
	for _, c := range []struct {
		name          string
		retry, mutual bool
	}{{"plain", false, false}, {"retried", true, false}, {"mutual", false, true}, {"mutual, retried", true, true}} {
		id := identities[pki.P256]()
		theirs := &tls.Config{
			Certificates: []tls.Certificate{id.std}, RootCAs: roots(), ClientCAs: roots(), ServerName: "localhost", MinVersion: tls.VersionTLS13,
			NextProtos: []string{"h2"}, ClientSessionCache: tls.NewLRUClientSessionCache(1),
		}
		if c.mutual {
			theirs.ClientAuth = tls.RequireAndVerifyClientCert
		}
		t.Run("client, "+c.name, func(t *testing.T) {
			cfg := clientConfig()
			cfg.Sessions = clientStore(t)
			cfg.NextProtos = []string{"h2"}
			cfg.Certificates = []handclasp.Certificate{id.ours}
			if c.retry {
				cfg.KeyShares = []iana.Group{}
			}
			for i := range 3 {
				a, b := loopback(t)
				us, them := handclasp.Client(a, cfg), tls.Server(b, theirs)
				if err := exchange(us, them, 1000); err != nil {
					t.Fatal(err)
				}
				info := us.Info()
				if want := i > 0; info.Resumed != want || them.ConnectionState().DidResume != want || us.ConnectionState().DidResume != want {
					t.Fatalf("connection %d: resumed %v, they %v", i, info.Resumed, them.ConnectionState().DidResume)
				}
				if info.Retried != c.retry || info.Peer == nil || !info.Peer.Verified() || info.ALPN != "h2" {
					t.Errorf("%+v", info)
				}
			}
		})
		t.Run("server, "+c.name, func(t *testing.T) {
			cfg := serverConfig()
			cfg.Tickets = sealer(t)
			cfg.NextProtos = []string{"h2"}
			if c.retry {
				cfg.CurvePreferences = []iana.Group{iana.Secp384r1}
			}
			if c.mutual {
				cfg.ClientAuth, cfg.ClientCAs = handclasp.RequireAndVerifyClientCert, roots()
			}
			for i := range 3 {
				a, b := loopback(t)
				us, them := handclasp.Server(b, cfg), tls.Client(a, theirs)
				if err := exchange(us, them, 1000); err != nil {
					t.Fatal(err)
				}
				info := us.Info()
				if want := i > 0; info.Resumed != want || them.ConnectionState().DidResume != want {
					t.Fatalf("connection %d: resumed %v, they %v", i, info.Resumed, them.ConnectionState().DidResume)
				}
				if info.Retried != c.retry || (info.Peer != nil) != c.mutual {
					t.Errorf("%+v", info)
				}
			}
		})
	}
}

// The hook that looks at certificates is asked about resumed ones too, and its no
// costs a full handshake, in which it is asked again.
func TestResumeAsksHook(t *testing.T) {
	cc, sc := clientConfig(), serverConfig()
	cc.Sessions, sc.Tickets = clientStore(t), sealer(t)
	cc.Certificates = sc.Certificates
	sc.ClientAuth, sc.ClientCAs = handclasp.RequireAndVerifyClientCert, roots()
	asked := map[string]int{}
	hook := func(who string) func([][]byte, [][]*x509.Certificate) error {
		return func(raw [][]byte, verified [][]*x509.Certificate) error {
			if asked[who]++; len(raw) != len(verified[0])-1 {
				t.Errorf("the hook of the %s got %d certificates, %d verified", who, len(raw), len(verified[0]))
			}
			return nil
		}
	}
	cc.VerifyPeerCertificate, sc.VerifyPeerCertificate = hook("client"), hook("server")
	for i := range 2 {
		a, b := loopback(t)
		client, server := handclasp.Client(a, cc), handclasp.Server(b, sc)
		if err := exchange(client, server, 10); err != nil {
			t.Fatal(err)
		}
		if client.Info().Resumed != (i > 0) || asked["client"] != i+1 || asked["server"] != i+1 {
			t.Errorf("connection %d: resumed %v, hooks asked %v", i, client.Info().Resumed, asked)
		}
	}
	no := func([][]byte, [][]*x509.Certificate) error { return x509.ErrUnsupportedAlgorithm }
	for who, refuse := range map[string]func(){
		"client": func() { sc.VerifyPeerCertificate = no },
		"server": func() { cc.VerifyPeerCertificate, sc.VerifyPeerCertificate = no, hook("server") },
	} {
		cc.VerifyPeerCertificate = hook("client")
		refuse()
		a, b := loopback(t)
		client, server := handclasp.Client(a, cc), handclasp.Server(b, sc)
		if err := both(client.Handshake, server.Handshake); err == nil || client.Info().Resumed || server.Info().Resumed {
			t.Errorf("a hook's no let the %s in: %v", who, err)
		}
	}
}

// External keys, over sockets.
func TestPSK(t *testing.T) {
	key := handclasp.PSK{Identity: []byte("device 7"), Key: []byte("0123456789abcdef0123456789abcdef")}
	cc, sc := clientConfig(), &handclasp.ServerConfig{PSKs: []handclasp.PSK{key}}
	cc.PSKs = sc.PSKs
	a, b := loopback(t)
	client, server := handclasp.Client(a, cc), handclasp.Server(b, sc)
	if err := exchange(client, server, 1000); err != nil {
		t.Fatal(err)
	}
	for _, info := range []handclasp.Info{client.Info(), server.Info()} {
		if string(info.PSKIdentity) != "device 7" || info.Resumed || info.Peer != nil || !info.ForwardSecrecy {
			t.Errorf("%+v", info)
		}
	}
}

// TestResume12StandardLibrary resumes by ticket with crypto/tls, which knows no
// session IDs, in all versions that have them.
func TestResume12StandardLibrary(t *testing.T) {
	for _, v := range []iana.Version{iana.TLS12, iana.TLS11, iana.TLS10} {
		for _, mutual := range []bool{false, true} {
			id := identities[pki.P256]()
			theirs := &tls.Config{
				Certificates: []tls.Certificate{id.std}, RootCAs: roots(), ClientCAs: roots(), ServerName: "localhost", MinVersion: uint16(v), MaxVersion: uint16(v),
				ClientSessionCache: tls.NewLRUClientSessionCache(1),
			}
			if mutual {
				theirs.ClientAuth = tls.RequireAndVerifyClientCert
			}
			check := func(t *testing.T, i int, info handclasp.Info, they tls.ConnectionState) {
				t.Helper()
				if want := i > 0; info.Resumed != want || they.DidResume != want || info.Version != v {
					t.Fatalf("connection %d: resumed %v, they %v, %v", i, info.Resumed, they.DidResume, info.Version)
				}
			}
			t.Run(fmt.Sprintf("%v/client/mutual %v", v, mutual), func(t *testing.T) {
				cfg := clientConfig()
				cfg.Sessions, cfg.MinVersion = clientStore(t), v
				cfg.Certificates = []handclasp.Certificate{id.ours}
				for i := range 3 {
					a, b := loopback(t)
					us, them := handclasp.Client(a, cfg), tls.Server(b, theirs)
					if err := exchange(us, them, 1000); err != nil {
						t.Fatal(err)
					}
					check(t, i, us.Info(), them.ConnectionState())
					if p := us.Info().Peer; p == nil || !p.Verified() {
						t.Error("the server is not known")
					}
				}
			})
			t.Run(fmt.Sprintf("%v/server/mutual %v", v, mutual), func(t *testing.T) {
				cfg := serverConfig()
				cfg.Tickets, cfg.MinVersion = sealer(t), v
				if mutual {
					cfg.ClientAuth, cfg.ClientCAs = handclasp.RequireAndVerifyClientCert, roots()
				}
				for i := range 3 {
					a, b := loopback(t)
					us, them := handclasp.Server(b, cfg), tls.Client(a, theirs)
					if err := exchange(us, them, 1000); err != nil {
						t.Fatal(err)
					}
					check(t, i, us.Info(), them.ConnectionState())
					if (us.Info().Peer != nil) != mutual {
						t.Error("the client is not known")
					}
				}
			})
		}
	}
}
