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

// stdGroups are the groups that crypto/tls speaks.
func stdGroup(g iana.Group) bool {
	switch g {
	case iana.X25519, iana.Secp256r1, iana.Secp384r1, iana.Secp521r1,
		iana.X25519MLKEM768, iana.SecP256r1MLKEM768, iana.SecP384r1MLKEM1024:
		return true
	}
	return false
}

// TestStandardLibrary runs each suite, group and certificate type against
// crypto/tls, in both roles, with data both ways.
func TestStandardLibrary(t *testing.T) {
	type row struct {
		suite iana.CipherSuite
		group iana.Group
		key   pki.Key
	}
	base := row{iana.TLS_AES_128_GCM_SHA256, iana.X25519, pki.P256}
	rows := []row{base}
	for _, s := range suite.All() {
		for _, g := range kex.Groups() {
			rows = append(rows, row{s.ID, g, base.key})
		}
		for k := range identities {
			rows = append(rows, row{s.ID, base.group, k})
		}
	}
	for _, r := range rows {
		if !stdGroup(r.group) {
			continue
		}
		t.Run(fmt.Sprintf("%v/%v/%v", r.suite, r.group, r.key), func(t *testing.T) {
			id := identities[r.key]()
			// crypto/tls can't choose among the suites of TLS 1.3, so ours does.
			theirs := &tls.Config{
				Certificates: []tls.Certificate{id.std}, RootCAs: roots(), ServerName: "localhost",
				CurvePreferences: []tls.CurveID{tls.CurveID(r.group)}, MinVersion: tls.VersionTLS13,
			}
			t.Run("client", func(t *testing.T) {
				c, s := loopback(t)
				cfg := clientConfig()
				cfg.CipherSuites = []iana.CipherSuite{r.suite}
				cfg.CurvePreferences = []iana.Group{r.group}
				us, them := handclasp.Client(c, cfg), tls.Server(s, theirs)
				checkExchange(t, us, them, r.suite, r.group)
			})
			t.Run("server", func(t *testing.T) {
				c, s := loopback(t)
				cfg := &handclasp.ServerConfig{Certificates: []handclasp.Certificate{id.ours}, CipherSuites: []iana.CipherSuite{r.suite}}
				us, them := handclasp.Server(s, cfg), tls.Client(c, theirs)
				checkExchange(t, us, them, r.suite, r.group)
			})
		})
	}
}

// checkExchange completes the handshake, compares both views and sends data.
func checkExchange(t *testing.T, us *handclasp.Conn, them *tls.Conn, suite iana.CipherSuite, group iana.Group) {
	t.Helper()
	if err := both(us.Handshake, them.Handshake); err != nil {
		t.Fatal(err)
	}
	state, info := them.ConnectionState(), us.Info()
	if info.CipherSuite != suite || info.Group != group || info.Version != iana.TLS13 {
		t.Errorf("negotiated %v, %v, %v", info.Version, info.CipherSuite, info.Group)
	}
	if state.CipherSuite != uint16(suite) || state.CurveID != tls.CurveID(group) {
		t.Errorf("the peer says %#x, %v", state.CipherSuite, state.CurveID)
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
	for _, s := range suite.All() {
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
		checkExchange(t, us, them, iana.TLS_AES_128_GCM_SHA256, iana.Secp384r1)
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
			checkExchange(t, us, them, iana.TLS_AES_128_GCM_SHA256, iana.Secp521r1)
			if !us.Info().Retried {
				t.Error("no HelloRetryRequest")
			}
		})
	}
}
