package engine

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/wire"
)

// unknown are n values that nobody has.
func unknown[T ~uint16](n int) (list []T) {
	for i := range n {
		list = append(list, T(0x2000+i))
	}
	return list
}

// longLists are hellos as long as they may be, with one list that nothing fits in.
var longLists = []struct {
	name  string
	hello func(h *wire.ClientHello)
	rule  *fault.Rule
}{
	{"suites", func(h *wire.ClientHello) { h.CipherSuites = wire.MakeList16(unknown[iana.CipherSuite](31000)...) }, fault.NoCommonSuite},
	{"groups", func(h *wire.ClientHello) { h.Groups, h.KeyShares = wire.MakeList16(unknown[iana.Group](31000)...), nil }, fault.NoCommonGroup},
	{"signature schemes", func(h *wire.ClientHello) {
		h.SignatureSchemes = wire.MakeList16(unknown[iana.SignatureScheme](31000)...)
	}, fault.NoCommonSigalg},
	{"application protocols", func(h *wire.ClientHello) { h.ALPN = slices.Repeat([][]byte{{1}}, 30000) }, fault.NoCommonALPN},
	{"key shares", func(h *wire.ClientHello) {
		list := unknown[iana.Group](8900)
		h.Groups, h.KeyShares = wire.MakeList16(list...), nil
		for _, g := range list {
			h.KeyShares = append(h.KeyShares, wire.KeyShare{Group: g, Key: []byte{1}})
		}
	}, fault.NoCommonGroup},
}

// TestLongLists: what a stranger offers costs little, however much it is and however
// many suites of ours it is held against, and an error names the beginning of it.
func TestLongLists(t *testing.T) {
	for _, x := range longLists {
		for _, v := range []iana.Version{iana.TLS12, iana.TLS13} {
			p := newPair(t, func(c *config.ClientConfig, s *config.ServerConfig) {
				c.MaxVersion, s.MaxVersion = v, v
				c.NextProtos, s.NextProtos, s.Limits.HelloParts = []string{"h2"}, []string{"h2"}, 1<<20
			})
			p.client.Edit(only(func(h *wire.ClientHello) {
				if x.hello(h); v < iana.TLS13 {
					h.KeyShares = nil
				}
			}))
			hello := p.client.Output(nil)
			var err error
			objects := testing.AllocsPerRun(1, func() { err = refusal(t, p.serverConfig, bytes.Clone(hello)) })
			if f, ok := err.(*fault.Error); !ok || f.Rule != x.rule {
				t.Fatalf("%s in %v: %v", x.name, v, err)
			}
			most := 3000.0
			if x.name == "application protocols" || x.name == "key shares" {
				most += 35000 // each has a slice of its own
			}
			if objects > most || len(err.Error()) > 4000 {
				t.Errorf("%s in %v: %v objects, an error of %d bytes", x.name, v, objects, len(err.Error()))
			}
		}
	}
}

// TestKeyShareOrder: shares stand in the order of the groups, each once, also where a
// group is listed twice.
func TestKeyShareOrder(t *testing.T) {
	const a, b, c = iana.X25519, iana.Secp256r1, iana.Secp384r1
	for _, x := range []struct {
		groups, shares []iana.Group
		refused        bool
	}{
		{[]iana.Group{a, b, c}, []iana.Group{a, c}, false},
		{[]iana.Group{a, b, c}, []iana.Group{b}, false},
		{[]iana.Group{a, b, c}, []iana.Group{c, a}, true},
		{[]iana.Group{a, b, c}, []iana.Group{a, a}, true},
		{[]iana.Group{a, a, b}, []iana.Group{a, a}, true},
		{[]iana.Group{a, a, b}, []iana.Group{a, b}, false},
		{[]iana.Group{a, b, a}, []iana.Group{a, b, a, b}, true},
		{[]iana.Group{b, c}, []iana.Group{a}, true},
	} {
		p := newPair(t)
		p.client.Edit(only(func(h *wire.ClientHello) {
			h.Groups, h.KeyShares = wire.MakeList16(x.groups...), nil
			for _, g := range x.shares {
				h.KeyShares = append(h.KeyShares, wire.KeyShare{Group: g, Key: []byte{1}})
			}
		}))
		err := refusal(t, p.serverConfig, p.client.Output(nil))
		if got := errors.Is(err, fault.KeyShareNotListed); got != x.refused {
			t.Errorf("%v of %v: %v", x.shares, x.groups, err)
		}
	}
}

// refusal is what a new server says to a hello.
func refusal(t *testing.T, cfg *config.ServerConfig, hello []byte) error {
	t.Helper()
	server, err := NewServer(cfg)
	must(t, err)
	for len(hello) > 0 {
		n, _, err := server.Recv(hello)
		if err != nil {
			return err
		}
		hello = hello[n:]
	}
	return nil
}
