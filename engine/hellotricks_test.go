package engine

import (
	"slices"
	"testing"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/internal/wire"
)

// hellos pumps and gives the ClientHellos that were sent, each with its length.
func (p *pair) hellos(t *testing.T) (all []*wire.ClientHello, size []int) {
	t.Helper()
	p.client.Watch(func(e *flow.Event) {
		if e.Kind == flow.Message && e.Sent && e.Type == iana.ClientHello {
			m := new(wire.ClientHello)
			must(t, wire.Decode(slices.Clone(e.Bytes), m))
			all, size = append(all, m), append(size, len(e.Bytes))
		}
	})
	p.connect(t).exchange(t, 1000)
	return all, size
}

// retried has the server ask for a second ClientHello, with a cookie.
func retried(c *config.ClientConfig, s *config.ServerConfig) {
	c.CurvePreferences = []iana.Group{iana.X25519, iana.Secp256r1}
	c.KeyShares = []iana.Group{iana.X25519}
	s.CurvePreferences = []iana.Group{iana.Secp256r1}
	s.CookieKey = make([]byte, 32)
}

// GREASE stands where RFC 8701, Section 3, has it, the same in a second hello
// apart from its key share; both versions go on as if it were not there.
func TestGREASEOffered(t *testing.T) {
	for _, v := range []iana.Version{iana.TLS12, iana.TLS13} {
		for _, o := range []option{func(*config.ClientConfig, *config.ServerConfig) {}, retried} {
			p := newPair(t, o, upTo(v), mutual(t, pki.P256), func(c *config.ClientConfig, s *config.ServerConfig) {
				c.GREASE, s.GREASE, c.NextProtos, s.NextProtos = true, true, []string{"h2"}, []string{"h2"}
			})
			all, _ := p.hellos(t)
			for i, h := range all {
				x := &h.Extensions
				for name, code := range map[string]uint16{
					"cipher_suites": uint16(h.CipherSuites.At(0)), "supported_groups": uint16(h.Groups.At(0)),
					"signature_algorithms": uint16(h.SignatureSchemes.At(0)),
					"the first extension":  uint16(x.At(0)), "the last extension": uint16(x.At(x.Len() - 1)),
				} {
					if !iana.IsGREASE(code) {
						t.Errorf("%v: %s has no GREASE but %04x", v, name, code)
					}
				}
				if x.At(0) == x.At(x.Len()-1) || len(x.Raw(x.At(0))) != 0 || len(x.Raw(x.At(x.Len()-1))) != 1 {
					t.Errorf("%v: extensions %v", v, x.Types())
				}
				if v == iana.TLS13 && (!iana.IsGREASE(uint16(h.SupportedVersions.At(0))) || iana.IsGREASE(uint16(h.KeyShares[0].Group)) != (i == 0)) {
					t.Errorf("versions %v, %d key shares, the first for %v", h.SupportedVersions.Slice(), len(h.KeyShares), h.KeyShares[0].Group)
				}
			}
			if want := map[bool]int{true: 2, false: 1}[p.client.Info().Retried]; len(all) != want {
				t.Fatalf("%d hellos", len(all))
			}
		}
	}
}

// Values are random, and drawn from all that there are.
func TestGREASEValues(t *testing.T) {
	seen := make(map[iana.ExtensionType]bool)
	for range 200 {
		p := newPair(t, func(c *config.ClientConfig, _ *config.ServerConfig) { c.GREASE = true })
		p.client.Edit(func(m wire.Message) {
			x := &m.(*wire.ClientHello).Extensions
			seen[x.At(0)], seen[x.At(x.Len()-1)] = true, true
		})
		p.client.Output(nil)
	}
	if len(seen) != 16 {
		t.Errorf("%d values in 200 hellos", len(seen))
	}
}

// A server that takes GREASE for something is refused, wherever it does.
func TestGREASEChosen(t *testing.T) {
	var offered wire.ClientHello
	for _, c := range []struct {
		name string
		v    iana.Version
		o    option
		edit func(wire.Message)
	}{
		{"suite", iana.TLS13, nil, only(func(m *wire.ServerHello) { m.CipherSuite = offered.CipherSuites.At(0) })},
		{"suite, 1.2", iana.TLS12, nil, only(func(m *wire.ServerHello) { m.CipherSuite = offered.CipherSuites.At(0) })},
		{"version", iana.TLS13, nil, only(func(m *wire.ServerHello) { m.SupportedVersion = offered.SupportedVersions.At(0) })},
		{"group", iana.TLS13, nil, only(func(m *wire.ServerHello) { m.KeyShare.Group = offered.Groups.At(0) })},
		{"group asked for", iana.TLS13, retried, only(func(m *wire.ServerHello) { m.KeyShare.Group = offered.Groups.At(0) })},
		{"group, 1.2", iana.TLS12, nil, only(func(m *wire.ServerKeyExchange) { m.Group = offered.Groups.At(0) })},
		{"scheme", iana.TLS13, nil, only(func(m *wire.CertificateVerify) { m.Scheme = offered.SignatureSchemes.At(0) })},
		{"scheme, 1.2", iana.TLS12, nil, only(func(m *wire.ServerKeyExchange) { m.Scheme = offered.SignatureSchemes.At(0) })},
		{"extension", iana.TLS13, nil, only(func(m *wire.EncryptedExtensions) { m.Extensions.AddRaw(offered.Extensions.At(0), nil) })},
		{"extension of the hello", iana.TLS13, nil, only(func(m *wire.ServerHello) { m.Extensions.AddRaw(offered.Extensions.At(0), nil) })},
		{"extension, 1.2", iana.TLS12, nil, only(func(m *wire.ServerHello) { m.Extensions.AddRaw(offered.Extensions.At(0), nil) })},
		{"extension of the certificate", iana.TLS13, nil, only(func(m *wire.Certificate) { m.List[0].Extensions.AddRaw(offered.Extensions.At(0), nil) })},
	} {
		t.Run(c.name, func(t *testing.T) {
			options := []option{upTo(c.v), func(cc *config.ClientConfig, _ *config.ServerConfig) { cc.GREASE = true }}
			if c.o != nil {
				options = append(options, c.o)
			}
			p := newPair(t, options...)
			p.client.Edit(func(m wire.Message) {
				if h, ok := m.(*wire.ClientHello); ok {
					offered = *h
				}
			})
			p.server.Edit(c.edit)
			p.pump(t)
			if p.client.err == nil {
				t.Fatal("accepted")
			}
			refused(t, p.client, p.server, fault.GREASEChosen)
		})
	}
}

// only edits messages of one type.
func only[M wire.Message](f func(M)) func(wire.Message) {
	return func(m wire.Message) {
		if m, ok := m.(M); ok {
			f(m)
		}
	}
}

// The order of extensions is random, the same in both hellos but for the
// cookie, and nothing gets lost; GREASE stays first and last.
func TestPermute(t *testing.T) {
	orders := make(map[string]bool)
	sorted := func(h *wire.ClientHello) []iana.ExtensionType { return slices.Sorted(slices.Values(meant(h))) }
	plain, _ := newPair(t, retried).hellos(t)
	for range 20 {
		p := newPair(t, retried, func(c *config.ClientConfig, _ *config.ServerConfig) { c.PermuteExtensions, c.GREASE = true, true })
		all, _ := p.hellos(t)
		first, second := all[0], all[1]
		if !slices.Equal(sorted(first), sorted(plain[0])) || !slices.Equal(sorted(second), sorted(plain[1])) {
			t.Errorf("%v and %v", first.Extensions.Types(), second.Extensions.Types())
		}
		second.Extensions.Remove(iana.ExtCookie)
		if !slices.Equal(first.Extensions.Types(), second.Extensions.Types()) {
			t.Errorf("first %v, then %v", first.Extensions.Types(), second.Extensions.Types())
		}
		x := first.Extensions.Types()
		if !iana.IsGREASE(uint16(x[0])) || !iana.IsGREASE(uint16(x[len(x)-1])) {
			t.Errorf("GREASE was moved: %v", x)
		}
		order := ""
		for _, e := range meant(first) {
			order += e.String() + " "
		}
		orders[order] = true
	}
	if len(orders) < 15 {
		t.Errorf("%d orders of 20", len(orders))
	}
}

// meant are the extensions of h that mean something.
func meant(h *wire.ClientHello) []iana.ExtensionType {
	return slices.DeleteFunc(h.Extensions.Types(), func(e iana.ExtensionType) bool { return iana.IsGREASE(uint16(e)) })
}

// A hello is as long as it is asked to be, the second one too.
func TestPadHello(t *testing.T) {
	_, plain := newPair(t, retried).hellos(t)
	for _, n := range []int{1, 512, 1000, plain[0] + 1, plain[0] + 5, 16384} {
		_, got := newPair(t, retried, func(c *config.ClientConfig, _ *config.ServerConfig) { c.PadHello = n }).hellos(t)
		for i := range got {
			want := max(n, plain[i])
			if over := got[i] - want; over < 0 || over > 4 || n-plain[i] >= 5 && over != 0 {
				t.Errorf("PadHello %d: hello %d has %d bytes, %d without", n, i+1, got[i], plain[i])
			}
		}
	}
	for _, n := range []int{-1, 16385} {
		unusable(t, "PadHello", func(c *config.ClientConfig) { c.PadHello = n })
	}
}
