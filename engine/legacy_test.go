package engine

import (
	"bytes"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/internal/suite"
	"github.com/handclasp/handclasp/internal/wire"
)

// psk gives both sides the same pre-shared key.
func psk(c *config.ClientConfig, s *config.ServerConfig) {
	c.PSKs = []config.PSK{{Identity: []byte("somebody"), Key: []byte("a key of 16 byte")}}
	s.PSKs = c.PSKs
}

// exactly has both sides name one suite and one version.
func exactly(v iana.Version, id iana.CipherSuite) option {
	return func(c *config.ClientConfig, s *config.ServerConfig) {
		c.MinVersion, c.MaxVersion, s.MinVersion = v, v, v
		c.CipherSuites, s.CipherSuites = []iana.CipherSuite{id}, []iana.CipherSuite{id}
	}
}

// TestLegacyMatrix: every suite that must be named, in every version that may
// negotiate it, shakes hands and carries data both ways.
func TestLegacyMatrix(t *testing.T) {
	for _, u := range suite.All() {
		key := pki.P256
		if u.Auth == suite.RSA {
			key = pki.RSA2048
		}
		for _, v := range []iana.Version{iana.TLS12, iana.TLS11, iana.TLS10} {
			if !u.For(v) {
				continue
			}
			t.Run(fmt.Sprintf("%v/%v", v, u.ID), func(t *testing.T) {
				p := newPair(t, exactly(v, u.ID), withCertificate(t, key), psk)
				p.connect(t).exchange(t, 40_000)
				for _, i := range []flow.Info{p.client.Info(), p.server.Info()} {
					if i.Version != v || i.CipherSuite != u.ID || i.KeyExchange != u.Exchange || i.ForwardSecrecy != u.ForwardSecret() ||
						i.EncryptThenMAC != u.CBC() || (i.PSKIdentity != nil) != u.Exchange.PreShared() || (i.Group != 0) != u.ForwardSecret() {
						t.Errorf("%v sees %+v", i.Role, i)
					}
				}
			})
		}
	}
}

// TestMACThenEncrypt: without the extension the MAC goes inside, with data of
// every length around a block.
func TestMACThenEncrypt(t *testing.T) {
	for _, id := range []iana.CipherSuite{iana.TLS_RSA_WITH_AES_128_CBC_SHA, iana.TLS_RSA_WITH_AES_256_CBC_SHA256, iana.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384, iana.TLS_RSA_WITH_3DES_EDE_CBC_SHA} {
		for _, v := range []iana.Version{iana.TLS12, iana.TLS11, iana.TLS10} {
			if !suite.ByID(id).For(v) {
				continue
			}
			p := newPair(t, exactly(v, id), withCertificate(t, pki.RSA2048))
			p.editHello(func(h *wire.ClientHello) { h.Extensions.Remove(iana.ExtEncryptThenMAC) })
			p.connect(t)
			for n := range 70 {
				p.exchange(t, n)
			}
			if p.client.Info().EncryptThenMAC || p.server.Info().EncryptThenMAC {
				t.Errorf("%v: encrypt-then-MAC although it was not offered", id)
			}
		}
	}
}

// TestLegacyClientAuth: a client proves itself in TLS 1.0 and with RSA key
// transport as well.
func TestLegacyClientAuth(t *testing.T) {
	for _, c := range []struct {
		v   iana.Version
		id  iana.CipherSuite
		key pki.Key
	}{
		{iana.TLS10, iana.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, pki.RSA2048},
		{iana.TLS11, iana.TLS_RSA_WITH_AES_128_CBC_SHA, pki.P256},
		{iana.TLS12, iana.TLS_RSA_WITH_AES_128_GCM_SHA256, pki.P256},
		{iana.TLS12, iana.TLS_DHE_RSA_WITH_AES_128_GCM_SHA256, pki.RSA2048},
	} {
		p := newPair(t, exactly(c.v, c.id), withCertificate(t, pki.RSA2048), func(cc *config.ClientConfig, s *config.ServerConfig) {
			cc.Certificates = []config.Certificate{certificate(t, c.key)}
			s.ClientAuth = config.RequireAnyClientCert
		})
		p.connect(t).exchange(t, 100)
		if i := p.server.Info(); i.Peer == nil || i.ClientScheme == 0 {
			t.Errorf("%v: the server knows nobody", c.id)
		}
	}
}

// TestLegacyIsOff: each legacy feature needs its name, and the error says how to
// turn it on.
func TestLegacyIsOff(t *testing.T) {
	named := func(v iana.Version, ids ...iana.CipherSuite) option {
		return func(c *config.ClientConfig, _ *config.ServerConfig) {
			c.MinVersion, c.MaxVersion, c.CipherSuites = v, v, ids
			psk(c, new(config.ServerConfig))
		}
	}
	for _, c := range []struct {
		name   string
		client option
		rule   *fault.Rule
		hint   string
	}{
		{"TLS 1.1", named(iana.TLS11, iana.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA), fault.NoCommonVersion, "--min-version"},
		{"TLS 1.0", named(iana.TLS10, iana.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA), fault.NoCommonVersion, "MinVersion"},
		{"RSA", named(iana.TLS12, iana.TLS_RSA_WITH_AES_128_GCM_SHA256), fault.NoCommonSuite, "--suites"},
		{"DHE", named(iana.TLS12, iana.TLS_DHE_RSA_WITH_AES_128_GCM_SHA256), fault.NoCommonSuite, "--suites"},
		{"CBC", named(iana.TLS12, iana.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA), fault.NoCommonSuite, "CipherSuites"},
		{"PSK", named(iana.TLS12, iana.TLS_PSK_WITH_AES_128_GCM_SHA256), fault.NoCommonSuite, "CipherSuites"},
		{"3DES", named(iana.TLS12, iana.TLS_RSA_WITH_3DES_EDE_CBC_SHA), fault.NoCommonSuite, "CipherSuites"},
		{"CCM", named(iana.TLS12, iana.TLS_ECDHE_ECDSA_WITH_AES_128_CCM), fault.NoCommonSuite, "CipherSuites"},
		{"DHE_PSK", named(iana.TLS12, iana.TLS_DHE_PSK_WITH_AES_128_GCM_SHA256), fault.NoCommonSuite, "CipherSuites"},
		{"ECDHE_PSK", named(iana.TLS12, iana.TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256), fault.NoCommonSuite, "CipherSuites"},
		{"RSA_PSK", named(iana.TLS12, iana.TLS_RSA_PSK_WITH_AES_128_GCM_SHA256), fault.NoCommonSuite, "CipherSuites"},
		{"CCM in TLS 1.3", named(iana.TLS13, iana.TLS_AES_128_CCM_8_SHA256), fault.NoCommonSuite, "--suites"},
		{"finite fields in TLS 1.3", func(c *config.ClientConfig, _ *config.ServerConfig) {
			c.MinVersion, c.CurvePreferences = iana.TLS13, []iana.Group{iana.FFDHE2048}
		}, fault.NoCommonGroup, "CurvePreferences"},
		{"SHA-1", func(c *config.ClientConfig, _ *config.ServerConfig) {
			c.MaxVersion, c.SignatureSchemes = iana.TLS12, []iana.SignatureScheme{iana.RSA_PKCS1_SHA1, iana.ECDSA_SHA1}
		}, fault.NoCommonSigalg, "SignatureSchemes"},
	} {
		p := newPair(t, c.client, withCertificate(t, pki.RSA2048))
		p.pump(t)
		var f *fault.Error
		if !errors.As(p.server.err, &f) || f.Rule != c.rule || !strings.Contains(f.Hint, c.hint) {
			t.Errorf("%s: %v; hint %q", c.name, p.server.err, f.Hint)
		}
	}
}

// TestDefaultHello: nothing of what must be named is in the hello of a client that
// names nothing.
func TestDefaultHello(t *testing.T) {
	p := newPair(t)
	var suites []iana.CipherSuite
	p.editHello(func(h *wire.ClientHello) {
		suites = h.CipherSuites.Slice()
		if h.Extensions.Has(iana.ExtEncryptThenMAC) || h.SupportedVersions.Has(iana.TLS11) || h.SignatureSchemes.Has(iana.RSA_PKCS1_SHA1) || h.Groups.Has(iana.FFDHE2048) {
			t.Errorf("the hello offers something old: %v", h.Extensions.Types())
		}
	})
	p.connect(t)
	var want []iana.CipherSuite
	for _, u := range suite.Defaults() {
		want = append(want, u.ID)
	}
	if !slices.Equal(suites, want) {
		t.Errorf("%v", suites)
	}
}

// TestPSKAndPolicy: a pre-shared key does not stand in for a certificate that is
// required.
func TestPSKAndPolicy(t *testing.T) {
	p := newPair(t, exactly(iana.TLS12, iana.TLS_PSK_WITH_AES_128_GCM_SHA256), psk, func(_ *config.ClientConfig, s *config.ServerConfig) {
		s.ClientAuth = config.RequireAnyClientCert
	})
	p.pump(t)
	refused(t, p.server, p.client, fault.NoCommonSuite)
}

// TestNoHTTP2: over a suite that HTTP/2 forbids, HTTP/1.1 is agreed, or nothing.
func TestNoHTTP2(t *testing.T) {
	for id, want := range map[iana.CipherSuite]string{
		iana.TLS_RSA_WITH_AES_128_GCM_SHA256: "http/1.1", iana.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: "http/1.1",
		iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: "h2", iana.TLS_DHE_RSA_WITH_AES_128_GCM_SHA256: "h2",
	} {
		p := newPair(t, exactly(iana.TLS12, id), withCertificate(t, pki.RSA2048), func(c *config.ClientConfig, s *config.ServerConfig) {
			c.NextProtos, s.NextProtos = []string{"h2", "http/1.1"}, []string{"h2", "http/1.1"}
		})
		if p.connect(t); p.client.Info().ALPN != want {
			t.Errorf("%v: %s, want %s", id, p.client.Info().ALPN, want)
		}
	}
}

// TestUnknownPSK: an identity that nobody knows fails as a wrong key does.
func TestUnknownPSK(t *testing.T) {
	for name, change := range map[string]func(*config.PSK){
		"identity": func(p *config.PSK) { p.Identity = []byte("nobody") },
		"key":      func(p *config.PSK) { p.Key = []byte("b key of 16 byte") },
	} {
		p := newPair(t, exactly(iana.TLS12, iana.TLS_PSK_WITH_AES_128_GCM_SHA256), psk, func(c *config.ClientConfig, _ *config.ServerConfig) {
			own := c.PSKs[0]
			change(&own)
			c.PSKs = []config.PSK{own}
		})
		p.pump(t)
		refused(t, p.server, p.client, fault.BadRecordMAC)
		if t.Failed() {
			t.Errorf("with a wrong %s", name)
		}
	}
}

// TestBleichenbacher: whatever is wrong with the encrypted premaster secret, the
// server says the same at the same point, and nothing that it tells differs.
func TestBleichenbacher(t *testing.T) {
	leaf := certificate(t, pki.RSA2048)
	pub := leaf.Leaf().PublicKey.(*rsa.PublicKey)
	good := append([]byte{3, 3}, bytes.Repeat([]byte{7}, 46)...)
	var want string
	for name, plain := range malformed(pub.Size(), good) {
		p := newPair(t, exactly(iana.TLS12, iana.TLS_RSA_WITH_AES_128_GCM_SHA256), withCertificate(t, pki.RSA2048))
		var told []string
		p.server.Watch(func(ev *flow.Event) {
			told = append(told, fmt.Sprintln(ev.Kind, ev.From, ev.To, ev.Type, ev.Alert, ev.Content, ev.Sent, ev.Err))
		})
		p.client.Edit(func(msg wire.Message) {
			if x, ok := msg.(*wire.ClientKeyExchange); ok {
				c := new(big.Int).Exp(new(big.Int).SetBytes(plain), big.NewInt(int64(pub.E)), pub.N)
				x.Encrypted = c.FillBytes(make([]byte, pub.Size()))
				switch name {
				case "empty":
					x.Encrypted = nil
				case "short ciphertext":
					x.Encrypted = x.Encrypted[1:]
				case "long ciphertext":
					x.Encrypted = append([]byte{0}, x.Encrypted...)
				case "not below the modulus":
					x.Encrypted = pub.N.Bytes()
				}
			}
		})
		p.pump(t)
		refused(t, p.server, p.client, fault.BadRecordMAC)
		text := strings.Join(told, "")
		if want == "" {
			want = text
		}
		if text != want {
			t.Errorf("%s: the server tells\n%s\nand else\n%s", name, text, want)
		}
	}
}

// malformed are what Bleichenbacher's and ROBOT's oracles ask about: encoded
// messages of size bytes that hold good, a premaster secret, and are wrong in
// one way each. The first is right, but the client computes with another.
func malformed(size int, good []byte) map[string][]byte {
	encode := func(start []byte, pad byte, separator []byte, secret []byte) []byte {
		b := bytes.Clone(start)
		b = append(b, bytes.Repeat([]byte{pad}, max(0, size-len(start)-len(separator)-len(secret)))...)
		return append(append(b, separator...), secret...)
	}
	right, zero := []byte{0, 2}, []byte{0}
	early := encode(right, 9, zero, good)
	early[4] = 0
	return map[string][]byte{
		"another secret":         encode(right, 9, zero, good),
		"block type 1":           encode([]byte{0, 1}, 9, zero, good),
		"first byte":             encode([]byte{1, 2}, 9, zero, good),
		"no separator":           encode(right, 9, []byte{9}, bytes.Repeat([]byte{9}, 48)),
		"zero in the padding":    early,
		"separator at the end":   encode(right, 9, zero, nil),
		"one byte short":         encode(right, 9, zero, good[1:]),
		"one byte long":          encode(right, 9, zero, append([]byte{3}, good...)),
		"another version":        encode(right, 9, zero, append([]byte{2, 2}, good[2:]...)),
		"the version negotiated": encode(right, 9, zero, append([]byte{3, 1}, good[2:]...)),
		"all zeros":              make([]byte, size),
		"empty":                  good,
		"short ciphertext":       good,
		"long ciphertext":        good,
		"not below the modulus":  good,
	}
}

// TestOlderServer: a client takes every version of its range, also where TLS 1.2 is
// the highest, so that its hello names that alone.
func TestOlderServer(t *testing.T) {
	for _, highest := range []iana.Version{iana.TLS13, iana.TLS12, iana.TLS11, iana.TLS10} {
		for _, v := range []iana.Version{iana.TLS12, iana.TLS11, iana.TLS10} {
			if v > highest {
				continue
			}
			p := newPair(t, func(c *config.ClientConfig, s *config.ServerConfig) {
				c.MinVersion, c.MaxVersion, s.MinVersion, s.MaxVersion = iana.TLS10, highest, iana.TLS10, v
			}).connect(t)
			if got := p.client.Info().Version; got != v {
				t.Errorf("up to %v with a server up to %v: %v", highest, v, got)
			}
		}
	}
}
