package handclasp_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/explain"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
)

// TestLegacyIsOff: a client that names nothing fails with a server that speaks
// nothing but what must be named, and what is told of its error says what to name.
// In engine stands the other direction.
func TestLegacyIsOff(t *testing.T) {
	named := func(v iana.Version, id iana.CipherSuite) func(*handclasp.ServerConfig) {
		return func(s *handclasp.ServerConfig) {
			s.MinVersion, s.MaxVersion, s.CipherSuites = v, v, []iana.CipherSuite{id}
		}
	}
	for _, c := range []struct {
		name   string
		server func(*handclasp.ServerConfig)
		hint   string
	}{
		{"TLS 1.1", named(iana.TLS11, iana.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA), "--min-version"},
		{"TLS 1.0", named(iana.TLS10, iana.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA), "--min-version"},
		{"RSA", named(iana.TLS12, iana.TLS_RSA_WITH_AES_128_GCM_SHA256), "--suites all"},
		{"DHE", named(iana.TLS12, iana.TLS_DHE_RSA_WITH_AES_128_GCM_SHA256), "--suites all"},
		{"CBC", named(iana.TLS12, iana.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA), "--suites all"},
		{"CCM", named(iana.TLS12, iana.TLS_RSA_WITH_AES_128_CCM), "--suites all"},
		{"CCM in TLS 1.3", named(iana.TLS13, iana.TLS_AES_128_CCM_SHA256), "--suites all"},
		{"3DES", named(iana.TLS12, iana.TLS_RSA_WITH_3DES_EDE_CBC_SHA), "3DES by name"},
		{"PSK", named(iana.TLS12, iana.TLS_PSK_WITH_AES_128_GCM_SHA256), "--psk"},
		{"DHE_PSK", named(iana.TLS12, iana.TLS_DHE_PSK_WITH_AES_128_GCM_SHA256), "--psk"},
		{"ECDHE_PSK", named(iana.TLS12, iana.TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256), "--psk"},
		{"RSA_PSK", named(iana.TLS12, iana.TLS_RSA_PSK_WITH_AES_128_GCM_SHA256), "--psk"},
		{"finite fields in TLS 1.3", func(s *handclasp.ServerConfig) {
			s.MinVersion, s.CurvePreferences = iana.TLS13, []iana.Group{iana.FFDHE2048}
		}, "--groups"},
		{"SHA-1", func(s *handclasp.ServerConfig) {
			s.MaxVersion, s.SigningSchemes = iana.TLS12, []iana.SignatureScheme{iana.RSA_PKCS1_SHA1}
		}, "--sigalgs"},
	} {
		cfg := &handclasp.ServerConfig{
			Certificates: []handclasp.Certificate{identities[pki.RSA2048]().ours},
			PSKs:         []handclasp.PSK{{Identity: []byte("somebody"), Key: sharedKey}},
		}
		c.server(cfg)
		a, b := loopback(t)
		client, server := handclasp.Client(a, clientConfig()), handclasp.Server(b, cfg)
		err := both(func() error { return client.Handshake() }, func() error { server.Handshake(); return nil })
		if !errors.Is(err, fault.AlertReceived) {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if hint := explain.Words(err, fault.Client).Hint; !strings.Contains(hint, c.hint) {
			t.Errorf("%s: %v; hint %q", c.name, err, hint)
		}
	}
}
