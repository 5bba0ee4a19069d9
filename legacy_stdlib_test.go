package handclasp_test

import (
	"crypto/tls"
	"fmt"
	"slices"
	"testing"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/internal/suite"
)

// legacySuites are those that must be named and that crypto/tls has too.
func legacySuites(v iana.Version) (all []*suite.Suite) {
	theirs := append(tls.CipherSuites(), tls.InsecureCipherSuites()...)
	for _, s := range suite.All() {
		has := slices.ContainsFunc(theirs, func(x *tls.CipherSuite) bool { return x.ID == uint16(s.ID) })
		if has && s.For(v) && !slices.Contains(suite.Defaults(), s) {
			all = append(all, s)
		}
	}
	return all
}

// TestStandardLibraryLegacy runs what must be named against crypto/tls, in both
// roles, with data both ways: RSA key transport, CBC, 3DES, TLS 1.0 and 1.1.
func TestStandardLibraryLegacy(t *testing.T) {
	for _, v := range []iana.Version{iana.TLS12, iana.TLS11, iana.TLS10} {
		suites := legacySuites(v)
		if len(suites) < 7 {
			t.Fatalf("%v: only %d suites", v, len(suites))
		}
		for _, s := range suites {
			key := pki.P256
			if s.Auth == suite.RSA {
				key = pki.RSA2048
			}
			id := identities[key]()
			theirs := &tls.Config{
				Certificates: []tls.Certificate{id.std}, RootCAs: roots(), ServerName: "localhost",
				CipherSuites: []uint16{uint16(s.ID)}, MinVersion: uint16(v), MaxVersion: uint16(v),
			}
			t.Run(fmt.Sprintf("%v/%v/client", v, s.ID), func(t *testing.T) {
				c, p := loopback(t)
				cfg := clientConfig()
				cfg.MinVersion, cfg.MaxVersion, cfg.CipherSuites = v, v, []iana.CipherSuite{s.ID}
				ours := handclasp.Client(c, cfg)
				if err := exchange(ours, tls.Server(p, theirs), 1<<16); err != nil {
					t.Fatal(err)
				}
				if i := ours.Info(); i.Version != v || i.CipherSuite != s.ID {
					t.Errorf("%v, %v", i.Version, i.CipherSuite)
				}
			})
			t.Run(fmt.Sprintf("%v/%v/server", v, s.ID), func(t *testing.T) {
				c, p := loopback(t)
				ours := handclasp.Server(p, &handclasp.ServerConfig{
					Certificates: []handclasp.Certificate{id.ours}, MinVersion: v, MaxVersion: v, CipherSuites: []iana.CipherSuite{s.ID},
				})
				if err := exchange(tls.Client(c, theirs), ours, 1<<16); err != nil {
					t.Fatal(err)
				}
				if i := ours.Info(); i.Version != v || i.CipherSuite != s.ID {
					t.Errorf("%v, %v", i.Version, i.CipherSuite)
				}
			})
		}
	}
}
