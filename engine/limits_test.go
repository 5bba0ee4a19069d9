package engine

import (
	"bytes"
	"encoding/asn1"
	"fmt"
	"reflect"
	"testing"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/internal/record"
	"github.com/handclasp/handclasp/internal/wire"
)

// A strain is what one limit bounds, done to a side that sets it.
type strain struct {
	client  bool // the client does, else the server
	options []option
	before  func(p *pair)               // the handshake
	after   func(t *testing.T, p *pair) // it is complete
	takes   func(p *pair) int           // what it comes to
}

func count(n int) func(*pair) int { return func(*pair) int { return n } }

// elsewhere are the limits that an Engine, which knows neither time nor its
// neighbours, leaves to others.
var elsewhere = map[string]string{
	"HandshakeTime": "TestHandshakeTime of the root package",
	"HalfOpen":      "TestCrowd of the root package",
	"Identities":    "TestManyIdentities: what is beyond is no error",
	"KeptData":      "TestRequestUnanswered of the root package",
	"UnreadAnswers": "TestUnread of the root package",
}

func strains(t *testing.T) map[string]strain {
	long := longChain(t)
	return map[string]strain{
		"HandshakeBytes": {options: []option{hello(5000)}, takes: func(p *pair) int { return p.server.Received() }},
		"HelloBytes":     {options: []option{hello(2000)}, takes: count(2000 - wire.HeaderLen)},
		"HelloParts":     {options: []option{manyProtocols}, takes: func(p *pair) int { return parts(t, p.client.sent) }},
		"MessageBytes": {client: true, takes: count(5000), after: func(t *testing.T, p *pair) {
			inject(t, p.server, ticketOf(t, 5000))
		}},
		"Certificates": {client: true, options: []option{long}, takes: func(p *pair) int { return len(p.client.Info().Peer.Peer) }},
		"CertificateBytes": {client: true, options: []option{long}, takes: func(p *pair) (n int) {
			for _, c := range p.client.Info().Peer.Peer {
				n += len(c.Raw)
			}
			return n
		}},
		"CertificateParts": {client: true, options: []option{long}, takes: func(p *pair) (n int) {
			for _, c := range p.client.Info().Peer.Peer {
				n += elements(c.Raw)
			}
			return n
		}},
		"EmptyRecords": {options: []option{noCompat}, takes: count(3), after: func(_ *testing.T, p *pair) {
			for range 3 {
				injectRecord(p.client, iana.ContentApplicationData, nil)
			}
		}},
		"Warnings": {options: []option{old}, takes: count(3), after: func(_ *testing.T, p *pair) {
			for range 3 {
				injectRecord(p.client, iana.ContentAlert, []byte{1, byte(iana.UnrecognizedName)})
			}
		}},
		"KeyUpdates": {takes: count(5), after: func(t *testing.T, p *pair) {
			for range 5 {
				must(t, p.client.KeyUpdate(false))
			}
		}},
		"HelloRequests": {client: true, options: []option{old}, takes: count(5), before: func(p *pair) {
			p.client.wire = bytes.Repeat(record.AppendPlaintext(nil, iana.TLS12, iana.ContentHandshake, []byte{byte(iana.HelloRequest), 0, 0, 0}), 5)
		}},
		"PostMessages": {client: true, takes: count(5), after: func(t *testing.T, p *pair) {
			for range 5 {
				inject(t, p.server, ticketOf(t, 100))
			}
		}},
		"SkippedEarlyData": {takes: count(3000), before: func(p *pair) {
			p.client.Edit(offersEarlyData())
			p.server.wire = append(p.client.Output(nil), junk(1, 3000-record.HeaderLen)...)
		}},
	}
}

// hello has the client send one of n bytes.
func hello(n int) option {
	return func(c *config.ClientConfig, _ *config.ServerConfig) {
		c.CurvePreferences, c.PadHello = []iana.Group{iana.X25519}, n
	}
}

// manyProtocols has the client offer a hundred.
func manyProtocols(c *config.ClientConfig, _ *config.ServerConfig) {
	for i := range 100 {
		c.NextProtos = append(c.NextProtos, fmt.Sprintf("protocol/%d", i))
	}
}

// parts are the extensions of the hello that begins what was sent, and the items in them.
func parts(t *testing.T, sent []byte) int {
	t.Helper()
	var h wire.ClientHello
	must(t, wire.Decode(sent[record.HeaderLen:record.HeaderLen+int(sent[3])<<8+int(sent[4])], &h))
	return h.Extensions.Len() + len(h.ALPN) + len(h.KeyShares)
}

// ticketOf is a NewSessionTicket with a body of n bytes.
func ticketOf(t *testing.T, n int) *wire.NewSessionTicket {
	m := &wire.NewSessionTicket{Lifetime: 7200, AgeAdd: 1, Nonce: []byte{0}, Ticket: []byte{0}}
	m.Extensions.Present = true
	b, err := wire.Append(nil, m)
	must(t, err)
	m.Ticket = make([]byte, 1+n-(len(b)-wire.HeaderLen))
	return m
}

// longChain gives the server a chain of two, with many names.
func longChain(t *testing.T) option {
	a, err := authority()
	must(t, err)
	sub, err := a.Intermediate("Between", pki.Options{})
	must(t, err)
	l := pki.Leaf{Names: []string{"localhost"}, Key: pki.P256}
	for i := range 50 {
		l.Names = append(l.Names, fmt.Sprintf("name-%d.example.org", i))
	}
	issued, err := sub.Issue(l)
	must(t, err)
	c := own(t, issued)
	return func(_ *config.ClientConfig, s *config.ServerConfig) { s.Certificates = []config.Certificate{c} }
}

// elements counts those of DER, and what octet strings hold of it.
func elements(der []byte) (n int) {
	for len(der) > 0 {
		var v asn1.RawValue
		rest, err := asn1.Unmarshal(der, &v)
		if err != nil {
			return n
		}
		if n++; v.IsCompound || v.Tag == asn1.TagOctetString && v.Class == asn1.ClassUniversal {
			n += elements(v.Bytes)
		}
		der = rest
	}
	return n
}

// TestClientMessages: what a client sends is no longer than its hello may be, but for
// its certificates. The header is enough to refuse it.
func TestClientMessages(t *testing.T) {
	for of, refuses := range map[iana.HandshakeType]bool{
		iana.KeyUpdate: true, iana.CertificateVerify: true, iana.Finished: true, iana.ClientKeyExchange: true, iana.Certificate: false,
	} {
		p := newPair(t, hello(1500), func(_ *config.ClientConfig, s *config.ServerConfig) { s.Limits.HelloBytes = 2000 }).connect(t)
		injectRecord(p.client, iana.ContentHandshake, []byte{byte(of), 0, 2001 >> 8, 2001 & 0xff})
		p.pump(t)
		if refuses {
			refused(t, p.server, p.client, fault.MessageTooLarge)
		} else if p.server.err != nil {
			t.Errorf("%v: %v", of, p.server.err)
		}
		p = newPair(t, hello(1500), func(c *config.ClientConfig, _ *config.ServerConfig) { c.Limits.HelloBytes = 2000 }).connect(t)
		injectRecord(p.server, iana.ContentHandshake, []byte{byte(of), 0, 2001 >> 8, 2001 & 0xff})
		if p.pump(t); p.client.err != nil {
			t.Errorf("a client and %v: %v", of, p.client.err)
		}
	}
}

// TestLimits: each limit lets through what it says, and one less refuses the same by
// its rule.
func TestLimits(t *testing.T) {
	all := strains(t)
	for _, row := range config.LimitTable() {
		s, ok := all[row.Field]
		if !ok && elsewhere[row.Field] == "" {
			t.Errorf("nothing strains %s", row.Field)
		}
		if !ok {
			continue
		}
		t.Run(row.Field, func(t *testing.T) {
			p := s.run(t, row, 0)
			n := s.takes(p)
			s.run(t, row, n).exchange(t, 1)
			p = s.run(t, row, n-1)
			if s.client {
				refused(t, p.client, p.server, row.Rule)
			} else {
				refused(t, p.server, p.client, row.Rule)
			}
		})
	}
}

// run does what strains the limit, which is set to n; 0 is its default.
func (s strain) run(t *testing.T, row config.Limit, n int) *pair {
	p := newPair(t, append(s.options, func(c *config.ClientConfig, v *config.ServerConfig) {
		l := &v.Limits
		if s.client {
			l = &c.Limits
		}
		reflect.ValueOf(l).Elem().FieldByName(row.Field).SetInt(int64(n))
	})...)
	if s.before != nil {
		s.before(p)
	}
	p.pump(t)
	if s.after != nil {
		p.connect(t)
		s.after(t, p)
		p.pump(t)
	}
	return p
}

// TestHandshakeBytes: what counts is what comes, however it is cut, for as long as
// the handshake goes on, and 0-RTT data has a limit of its own.
func TestHandshakeBytes(t *testing.T) {
	p := newPair(t)
	less := p.server.Limits()
	less.HandshakeBytes = 1 << 12
	p.server.Engine.options.Limits = &less
	dummy := record.AppendPlaintext(nil, iana.TLS12, iana.ContentChangeCipherSpec, []byte{1})
	p.server.wire = p.client.Output(nil)
	first := len(p.server.wire)
	p.server.wire = append(p.server.wire, dummy...)
	p.pump(t)
	if got := p.server.Received(); got != first+2*len(dummy)+finishedRecord(p) {
		t.Errorf("%d bytes counted", got)
	}
	before := p.server.Received()
	p.connect(t).exchange(t, 1<<14)
	if after := p.server.Received(); after != before {
		t.Errorf("%d bytes counted after the handshake", after-before)
	}
}

// finishedRecord is how long the record of a Finished is.
func finishedRecord(p *pair) int {
	return record.HeaderLen + wire.HeaderLen + map[iana.CipherSuite]int{iana.TLS_AES_128_GCM_SHA256: 32, iana.TLS_AES_256_GCM_SHA384: 48}[p.client.Info().CipherSuite] + 1 + 16
}
