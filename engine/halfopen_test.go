package engine

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"runtime"
	"slices"
	"testing"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/internal/wire"
)

// costly is a certificate that nobody vouches for, as large as the limits allow: with
// names of one letter, of which each becomes a url.URL, and rubbish.
func costly(t *testing.T, l config.Limits, serial int64) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	names, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: bytes.Repeat([]byte{0x86, 1, 'a'}, l.CertificateParts-100)})
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "anybody"}, NotBefore: birth, NotAfter: birth.AddDate(1, 0, 0),
		ExtraExtensions: []pkix.Extension{{Id: []int{2, 5, 29, 17}, Value: names}, {Id: []int{2, 5, 99}, Value: bytes.Repeat([]byte{0xff}, l.CertificateBytes-len(names)-1000)}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	return der
}

// heapInUse is what lives after everything else was collected.
func heapInUse() int64 {
	runtime.GC()
	runtime.GC() // what the first one's cleanups let go of
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestHalfOpenHello: the dearest ClientHello, which was answered and whose sender says
// no more, makes a server hold what docs/limits.md says. That is so because HelloParts
// bounds how many items it has: of two bytes each there could be 30,000.
func TestHalfOpenHello(t *testing.T) {
	l := config.DefaultLimits()
	for name, fill := range map[string]func(h *wire.ClientHello, n int){
		"protocols": func(h *wire.ClientHello, n int) { h.ALPN = append(slices.Repeat([][]byte{{1}}, n), []byte("h2")) },
		"extensions": func(h *wire.ClientHello, n int) {
			for i := range n {
				h.Extensions.AddRaw(iana.ExtensionType(20000+i), nil)
			}
		},
	} {
		p := newPair(t, func(c *config.ClientConfig, s *config.ServerConfig) {
			c.CurvePreferences, c.NextProtos, s.NextProtos = []iana.Group{iana.X25519}, []string{"h2"}, []string{"h2"}
		})
		p.client.Edit(only(func(h *wire.ClientHello) {
			fill(h, l.HelloParts-30)
			h.Extensions.AddRaw(60000, make([]byte, l.HelloBytes-6000))
		}))
		hello := p.client.Output(nil)
		const clients = 20
		held := make([]*Engine, clients)
		before := heapInUse()
		for i := range held {
			server, err := NewServer(p.serverConfig)
			must(t, err)
			for in := bytes.Clone(hello); len(in) > 0; {
				n, _, err := server.Recv(in)
				must(t, err)
				in = in[n:]
			}
			for server.Ask() != nil {
				p.reply(server.Ask())
			}
			server.Output(nil)
			if s := server.Info().State; s != fault.WaitFinished {
				t.Fatalf("%s: the server is in %v", name, s)
			}
			held[i] = server
		}
		each := (heapInUse() - before) / clients
		t.Logf("%s: %d bytes each for a hello of %d", name, each, len(hello))
		if each > 200<<10 || each < int64(l.HelloBytes)/2 {
			t.Errorf("%s: a hello makes the server hold %d bytes", name, each)
		}
		runtime.KeepAlive(held)
	}
}

// TestHalfOpenMemory: what a client that has proven nothing makes a server hold, by
// the dearest certificate and the beginning of the longest message behind it, is no
// more than docs/limits.md says.
func TestHalfOpenMemory(t *testing.T) {
	halfOpen(t, config.DefaultLimits(), 1700<<10)
	halfOpen(t, config.Limits{CertificateBytes: 32 << 10, CertificateParts: 1000, HelloBytes: 16 << 10}, 350<<10)
}

// halfOpen fails if a client makes a server with the limits hold more than most bytes.
func halfOpen(t *testing.T, l config.Limits, most int64) {
	const clients = 20
	n := l.HelloBytes // of the next message, of which the last byte never comes
	held := make([]*Engine, clients)
	before := heapInUse()
	for i := range held {
		p := newPair(t, mutual(t, pki.P256), hello(1500), func(_ *config.ClientConfig, s *config.ServerConfig) {
			s.ClientAuth, s.Limits = config.RequireAnyClientCert, l
		})
		der := costly(t, l, int64(i)+1)
		p.client.Edit(only(func(m *wire.Certificate) { m.List[0].Data = der }))
		for range 50 {
			if _, signs := p.client.Ask().(*flow.SignAsk); signs { // it sends no CertificateVerify of its own
				break
			}
			p.step(t, p.client, p.server)
			p.step(t, p.server, p.client)
		}
		injectRecord(p.client, iana.ContentHandshake, []byte{byte(iana.CertificateVerify), byte(n >> 16), byte(n >> 8), byte(n)})
		for rest := n - 1; rest > 0; rest -= min(rest, 1<<14) {
			injectRecord(p.client, iana.ContentHandshake, make([]byte, min(rest, 1<<14)))
		}
		p.server.wire = append(p.server.wire, p.client.Output(nil)...)
		p.step(t, p.server, p.client)
		if s := p.server.Info().State; s != fault.WaitCV || p.server.err != nil || p.server.waits() < n {
			t.Fatalf("the server is in %v, %v; %d bytes wait", s, p.server.err, p.server.waits())
		}
		held[i] = p.server.Engine
	}
	each := (heapInUse() - before) / clients
	t.Logf("%d bytes each", each)
	if each > most || each < int64(l.CertificateBytes) {
		t.Errorf("a client makes the server hold %d bytes, want at most %d", each, most)
	}
	runtime.KeepAlive(held)
}
