package handclasp_test

import (
	"crypto/tls"
	"fmt"
	"testing"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/kex"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/internal/suite"
)

// A row is what one handshake is to negotiate.
type row struct {
	version iana.Version
	suite   iana.CipherSuite
	group   iana.Group
	key     pki.Key
}

// rows are each suite with each group and each certificate type, as far as they
// go together.
func rows() (all []row) {
	for _, v := range []iana.Version{iana.TLS13, iana.TLS12} {
		for _, s := range suite.Defaults() {
			if !s.For(v) {
				continue
			}
			for k, id := range identities {
				leaf := id().ours
				if !s.Auth.Fits(leaf.Leaf().PublicKey) {
					continue
				}
				groups := []iana.Group{iana.X25519}
				if k == pki.P256 || k == pki.RSA2048 && s.Auth == suite.RSA {
					groups = kex.Groups()
				}
				for _, g := range groups {
					if v == iana.TLS13 || !kex.PostQuantum(g) {
						all = append(all, row{v, s.ID, g, k})
					}
				}
			}
		}
	}
	return all
}

// TestStandardLibrary runs each version, suite, group and certificate type
// against crypto/tls, in both roles, with data both ways.
func TestStandardLibrary(t *testing.T) {
	for _, r := range rows() {
		t.Run(fmt.Sprintf("%v/%v/%v", r.suite, r.group, r.key), func(t *testing.T) {
			id := identities[r.key]()
			theirs := &tls.Config{
				Certificates: []tls.Certificate{id.std}, RootCAs: roots(), ServerName: "localhost",
				CurvePreferences: []tls.CurveID{tls.CurveID(r.group)},
				MinVersion:       uint16(r.version), MaxVersion: uint16(r.version),
			}
			t.Run("client", func(t *testing.T) {
				c, s := loopback(t)
				cfg := clientConfig()
				cfg.CipherSuites = []iana.CipherSuite{r.suite}
				cfg.CurvePreferences = []iana.Group{r.group}
				checkExchange(t, handclasp.Client(c, cfg), tls.Server(s, theirs), r)
			})
			t.Run("server", func(t *testing.T) {
				c, s := loopback(t)
				// crypto/tls as client can't choose among the suites of TLS 1.3, so ours does.
				cfg := &handclasp.ServerConfig{Certificates: []handclasp.Certificate{id.ours}, CipherSuites: []iana.CipherSuite{r.suite}}
				checkExchange(t, handclasp.Server(s, cfg), tls.Client(c, theirs), r)
			})
		})
	}
}

// checkExchange completes the handshake, compares both views and sends data.
func checkExchange(t *testing.T, us *handclasp.Conn, them *tls.Conn, want row) {
	t.Helper()
	if err := both(us.Handshake, them.Handshake); err != nil {
		t.Fatal(err)
	}
	state, info := them.ConnectionState(), us.Info()
	if info.CipherSuite != want.suite || info.Group != want.group || info.Version != want.version {
		t.Errorf("negotiated %v, %v, %v", info.Version, info.CipherSuite, info.Group)
	}
	if state.Version != uint16(want.version) || state.CipherSuite != uint16(want.suite) || state.CurveID != tls.CurveID(want.group) {
		t.Errorf("the peer says %#x, %#x, %v", state.Version, state.CipherSuite, state.CurveID)
	}
	theirs, err := state.ExportKeyingMaterial("EXPORTER-test", []byte("context"), 40)
	ours, err2 := us.ExportKeyingMaterial("EXPORTER-test", []byte("context"), 40)
	if err != nil || err2 != nil || string(ours) != string(theirs) {
		t.Errorf("exporters differ: %v, %v", err, err2)
	}
	if err := exchange(us, them, 100_000); err != nil {
		t.Error(err)
	}
}

// TestStandardLibraryBulk sends 10 MiB each way, at once, in both roles, for
// each suite.
func TestStandardLibraryBulk(t *testing.T) {
	id := identities[pki.P256]()
	theirs := &tls.Config{Certificates: []tls.Certificate{id.std}, RootCAs: roots(), ServerName: "localhost"}
	for _, s := range suite.Defaults() {
		if s.Auth == suite.RSA {
			continue // the same protection as its ECDSA twin
		}
		t.Run(s.ID.String(), func(t *testing.T) {
			c, sv := loopback(t)
			cfg := clientConfig()
			cfg.CipherSuites = []iana.CipherSuite{s.ID}
			if err := exchange(handclasp.Client(c, cfg), tls.Server(sv, theirs), 10<<20); err != nil {
				t.Errorf("as client: %v", err)
			}
			c, sv = loopback(t)
			own := serverConfig()
			own.CipherSuites = []iana.CipherSuite{s.ID}
			if err := exchange(handclasp.Server(sv, own), tls.Client(c, theirs), 10<<20); err != nil {
				t.Errorf("as server: %v", err)
			}
		})
	}
}

// TestStandardLibraryRetry makes each side ask for another key share.
func TestStandardLibraryRetry(t *testing.T) {
	id := identities[pki.P256]()
	t.Run("client", func(t *testing.T) {
		c, s := loopback(t)
		us := handclasp.Client(c, clientConfig()) // sends shares for X25519MLKEM768 and X25519
		them := tls.Server(s, &tls.Config{Certificates: []tls.Certificate{id.std}, CurvePreferences: []tls.CurveID{tls.CurveP384}})
		checkExchange(t, us, them, row{iana.TLS13, iana.TLS_AES_128_GCM_SHA256, iana.Secp384r1, pki.P256})
		if !us.Info().Retried {
			t.Error("no HelloRetryRequest")
		}
	})
	for _, key := range [][]byte{nil, make([]byte, 32)} {
		t.Run(fmt.Sprintf("server, cookie key of %d bytes", len(key)), func(t *testing.T) {
			c, s := loopback(t)
			cfg := serverConfig()
			cfg.CurvePreferences, cfg.CookieKey = []iana.Group{iana.Secp521r1}, key
			us := handclasp.Server(s, cfg)
			them := tls.Client(c, &tls.Config{RootCAs: roots(), ServerName: "localhost"})
			checkExchange(t, us, them, row{iana.TLS13, iana.TLS_AES_128_GCM_SHA256, iana.Secp521r1, pki.P256})
			if !us.Info().Retried {
				t.Error("no HelloRetryRequest")
			}
		})
	}
}
