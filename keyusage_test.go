package handclasp_test

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"testing"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
)

// TestKeyUsage: a certificate must allow what the suite has its key do (RFC 5246,
// Section 7.4.2), in a full handshake and when its session is to be resumed. The
// server is crypto/tls, which does not look.
func TestKeyUsage(t *testing.T) {
	const ecdhe, rsa = iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, iana.TLS_RSA_WITH_AES_128_GCM_SHA256
	const signs, enciphers = x509.KeyUsageDigitalSignature, x509.KeyUsageKeyEncipherment
	key := identities[pki.RSA2048]().std.PrivateKey.(crypto.Signer)
	for _, c := range []struct {
		usage x509.KeyUsage
		suite iana.CipherSuite
		want  *fault.Rule
	}{
		{signs, ecdhe, nil},
		{enciphers, ecdhe, fault.CertKeyUsage},
		{signs | enciphers, ecdhe, nil},
		{signs, rsa, fault.CertKeyEncipherment},
		{enciphers, rsa, nil},
		{signs | enciphers, rsa, nil},
		{x509.KeyUsageKeyAgreement, rsa, fault.CertKeyEncipherment},
	} {
		t.Run(fmt.Sprint(c.suite, "/", c.usage), func(t *testing.T) {
			id := issue(pki.Leaf{Names: []string{"localhost"}, Signer: key, KeyUsage: c.usage})
			theirs := &tls.Config{Certificates: []tls.Certificate{id.std}, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{uint16(c.suite)}}
			store := clientStore(t)
			for resumed := range 2 {
				a, b := loopback(t)
				cfg := clientConfig()
				cfg.CipherSuites, cfg.Sessions = []iana.CipherSuite{c.suite}, store
				us, them := handclasp.Client(a, cfg), tls.Server(b, theirs)
				err := both(us.Handshake, func() error { them.Handshake(); return nil })
				if c.want != nil {
					if !errors.Is(err, c.want) {
						t.Errorf("%v, want %v", err, c.want)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if us.Info().Resumed != (resumed > 0) {
					t.Errorf("resumed: %v", us.Info().Resumed)
				}
				us.Close()
				them.Close()
			}
		})
	}
}
