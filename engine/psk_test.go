package engine

import (
	"crypto"
	"errors"
	"slices"
	"testing"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/wire"
)

var (
	key256 = config.PSK{Identity: []byte("short"), Key: []byte("0123456789abcdef")}
	key384 = config.PSK{Identity: []byte("longer"), Key: []byte("0123456789abcdef"), Hash: crypto.SHA384}
)

// keyed gives both sides keys.
func keyed(client, server []config.PSK) option {
	return func(c *config.ClientConfig, s *config.ServerConfig) { c.PSKs, s.PSKs = client, server }
}

func withoutDHE(client, server bool) option {
	return func(c *config.ClientConfig, s *config.ServerConfig) {
		c.AllowPSKWithoutDHE, s.AllowPSKWithoutDHE = client, server
	}
}

func TestExternalPSK(t *testing.T) {
	both := []config.PSK{key256, key384}
	for _, c := range []struct {
		name    string
		options []option
		key     string // "" for a full handshake
		suite   iana.CipherSuite
	}{
		{"SHA-256", []option{keyed(both[:1], both)}, "short", iana.TLS_AES_128_GCM_SHA256},
		{"SHA-384 decides the suite", []option{keyed(both[1:], both)}, "longer", iana.TLS_AES_256_GCM_SHA384},
		{"the client's order", []option{keyed([]config.PSK{key384, key256}, both)}, "longer", iana.TLS_AES_256_GCM_SHA384},
		{"the first known", []option{keyed(both, both[1:])}, "longer", iana.TLS_AES_256_GCM_SHA384},
		{"unknown", []option{keyed(both[:1], both[1:])}, "", iana.TLS_AES_128_GCM_SHA256},
		{"no suite for it", []option{keyed(both, both), suites(iana.TLS_AES_256_GCM_SHA384)}, "longer", iana.TLS_AES_256_GCM_SHA384},
		{"retried", []option{retry, keyed(both, both)}, "short", iana.TLS_AES_128_GCM_SHA256},
		{"retried, SHA-384", []option{retry, keyed(both[1:], both)}, "longer", iana.TLS_AES_256_GCM_SHA384},
		{"retried with cookie", []option{retry, cookieKey(1), keyed(both[1:], both)}, "longer", iana.TLS_AES_256_GCM_SHA384},
		{"psk_ke offered, not needed", []option{keyed(both, both), withoutDHE(true, true)}, "short", iana.TLS_AES_128_GCM_SHA256},
		{"a certificate is required", []option{keyed(both, both), asks(t, config.RequireAndVerifyClientCert)}, "", iana.TLS_AES_128_GCM_SHA256},
		{"a certificate is welcome", []option{keyed(both, both), asks(t, config.VerifyClientCertIfGiven)}, "short", iana.TLS_AES_128_GCM_SHA256},
		{"a server without certificate", []option{keyed(both, both), bare}, "short", iana.TLS_AES_128_GCM_SHA256},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, said := again(t, append(c.options, resumes(newShelf()))...)
			for _, info := range []struct{ key, suite any }{
				{string(p.client.Info().PSKIdentity), p.client.Info().CipherSuite}, {string(p.server.Info().PSKIdentity), p.server.Info().CipherSuite},
			} {
				if info.key != c.key || info.suite != c.suite {
					t.Errorf("%v, want %s with %v; they said %+v", info, c.key, c.suite, said.session)
				}
			}
			if p.client.Info().Resumed || slices.Contains(said.messages, iana.Certificate) != (c.key == "") {
				t.Errorf("messages %v", said.messages)
			}
			p.exchange(t, 100)
		})
	}
}

// An imported key serves with the suites of its hash, whatever the hash of the key
// that it was made of; the context counts, and TLS 1.2 has no use for it (RFC 9258).
func TestImportedPSK(t *testing.T) {
	imported := func(p config.PSK, context string) []config.PSK {
		list, err := p.Import([]byte(context))
		must(t, err)
		return list
	}
	a, b := imported(key256, "A to B"), imported(key384, "A to B")
	for _, c := range []struct {
		name           string
		client, server []config.PSK
		option         option
		key            []byte // nil for a full handshake
	}{
		{"SHA-256 of SHA-256", a, a, suites(iana.TLS_AES_128_GCM_SHA256), a[0].Identity},
		{"SHA-384 of SHA-256", a, a, suites(iana.TLS_AES_256_GCM_SHA384), a[1].Identity},
		{"SHA-256 of SHA-384", b, b, suites(iana.TLS_AES_128_GCM_SHA256), b[0].Identity},
		{"retried", b, b, retry, b[0].Identity},
		{"another context", a, imported(key256, "A to C"), keep, nil},
		{"not imported", []config.PSK{key256}, a, keep, nil},
	} {
		p, _ := again(t, keyed(c.client, c.server), c.option)
		for _, s := range []*side{p.client, p.server} {
			if got := s.Info().PSKIdentity; string(got) != string(c.key) {
				t.Errorf("%s: %q, want %q", c.name, got, c.key)
			}
		}
		p.exchange(t, 100)
	}

	// One that says that it is imported, and is not, has another binder.
	forged := config.PSK{Identity: a[0].Identity, Key: a[0].Key}
	p := newPair(t, keyed([]config.PSK{forged}, a))
	p.pump(t)
	refused(t, p.server, p.client, fault.PSKBinder)

	if id := string(a[1].Identity); id != "\x00\x05short\x00\x06A to B\x03\x04\x00\x02" || len(a[0].Key) != 32 || len(a[1].Key) != 48 {
		t.Errorf("%q", id)
	}
	_, err := NewClient(&config.ClientConfig{ServerName: "localhost", PSKs: a, CipherSuites: []iana.CipherSuite{iana.TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256}})
	if !errors.Is(err, fault.ConfigValue) {
		t.Errorf("in TLS 1.2: %v", err)
	}
	for _, bad := range []config.PSK{a[0], {Key: key256.Key}} {
		if _, err := bad.Import(nil); !errors.Is(err, fault.ConfigValue) {
			t.Errorf("%v: %v", bad, err)
		}
	}
	if _, err := (&key256).Import(make([]byte, 1<<16)); !errors.Is(err, fault.ConfigValue) {
		t.Errorf("a long context: %v", err)
	}
}

// A second hello that lists keys, and not the one that the first was retried with, is
// refused (RFC 9846, Section 4.2.2).
func TestRetryWithOtherPSK(t *testing.T) {
	list := []config.PSK{key256}
	p := newPair(t, keyed(list, list), retry)
	hellos := 0
	p.client.Edit(func(m wire.Message) {
		if h, ok := m.(*wire.ClientHello); ok {
			if hellos++; hellos == 2 {
				h.PSKIdentities[0].Identity = []byte("other")
			}
		}
	})
	p.pump(t)
	refused(t, p.server, p.client, fault.SecondHelloChanged)
}

// bare is a server that has keys and no certificate.
func bare(_ *config.ClientConfig, s *config.ServerConfig) { s.Certificates = nil }

// A key that stands alone needs both sides' consent, and one is never resumed from.
func TestPSKAlone(t *testing.T) {
	list := []config.PSK{key256}
	elsewhere := func(c *config.ClientConfig, s *config.ServerConfig) {
		c.CurvePreferences, s.CurvePreferences = []iana.Group{iana.X25519}, []iana.Group{iana.Secp384r1}
	}
	p, said := again(t, keyed(list, list), withoutDHE(true, true), elsewhere, resumes(newShelf()))
	for _, s := range []*side{p.client, p.server} {
		if info := s.Info(); info.Group != 0 || info.ForwardSecrecy || string(info.PSKIdentity) != "short" {
			t.Errorf("%+v; they said %+v", info, said.session)
		}
	}
	p.exchange(t, 100)
	for _, c := range []option{withoutDHE(true, false), withoutDHE(false, true)} {
		p := newPair(t, keyed(list, list), elsewhere, c)
		p.pump(t)
		if !errors.Is(p.server.err, fault.NoCommonGroup) {
			t.Errorf("got %v", p.server.err)
		}
	}

	// A session alone, too.
	s := newShelf()
	again(t, resumes(s), withoutDHE(true, true))
	p, said = again(t, resumes(s), withoutDHE(true, true), elsewhere)
	p.resumed(t, true, said)
	if p.client.Info().ForwardSecrecy || p.server.Info().ForwardSecrecy {
		t.Error("no key exchange, and yet forward secrecy")
	}
}

// What nothing can be done with is refused when it is first used.
func TestPSKConfig(t *testing.T) {
	many := make([]config.PSK, 1000)
	for i := range many {
		many[i] = config.PSK{Identity: make([]byte, 60), Key: key256.Key}
	}
	for _, list := range [][]config.PSK{
		{{Identity: key256.Identity, Key: []byte("too short")}}, {{Identity: key256.Identity, Weak: true}},
		{{Identity: make([]byte, 1<<16), Key: key256.Key}}, {{Identity: key256.Identity, Key: key256.Key, Hash: crypto.SHA1}}, many,
	} {
		_, err := NewClient(&config.ClientConfig{ServerName: "localhost", PSKs: list})
		if !errors.Is(err, fault.ConfigValue) {
			t.Errorf("%d keys: %v", len(list), err)
		}
	}
}

// A key that is marked as weak may be short, and in TLS 1.2 one may have no name;
// TLS 1.3 leaves such a one out.
func TestWeakPSK(t *testing.T) {
	list := []config.PSK{{Key: []byte("short"), Weak: true}}
	for _, v := range []iana.Version{iana.TLS12, iana.TLS13} {
		p := newPair(t, keyed(list, list), func(c *config.ClientConfig, _ *config.ServerConfig) {
			c.MaxVersion = v
			c.CipherSuites = []iana.CipherSuite{iana.TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256, iana.TLS_AES_128_GCM_SHA256}
		}, func(c *config.ClientConfig, s *config.ServerConfig) { s.CipherSuites = c.CipherSuites }).connect(t)
		if info := p.server.Info(); (info.Peer != nil || info.KeyExchange.PreShared()) != (v == iana.TLS12) {
			t.Errorf("%v: %+v", v, info)
		}
	}
}
