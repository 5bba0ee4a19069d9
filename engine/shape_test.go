package engine

import (
	"fmt"
	"testing"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/internal/record"
	"github.com/handclasp/handclasp/internal/wire"
)

// longest is the most content, padding included, that a record of b holds: of
// those with protection, and of those without. AES-GCM adds 16 bytes, TLS 1.3
// the content type, TLS 1.2 an explicit nonce of 8.
func longest(s *side, b []byte) (protected, clear int) {
	changed := false
	for _, r := range records(b) {
		switch {
		case r.typ == iana.ContentChangeCipherSpec:
			changed = true
		case s.Info().Version == iana.TLS13 && r.typ == iana.ContentApplicationData:
			protected = max(protected, r.size-17)
		case s.Info().Version == iana.TLS12 && changed:
			protected = max(protected, r.size-24)
		default:
			clear = max(clear, r.size)
		}
	}
	return protected, clear
}

// What one side asks for the other keeps to, in handshake messages too, and both
// know it.
func TestRecordSize(t *testing.T) {
	for _, c := range []struct {
		client, fragment, server int
		down, up                 int // in TLS 1.3, by what the server and the client may send
		down12, up12             int
		clear                    bool
	}{
		{0, 0, 0, 0, 0, 0, 0, false},
		{0, 0, 1000, 0, 0, 0, 0, false}, // not offered, so not in force
		{64, 0, 0, 63, 16384, 64, 16384, false},
		{16385, 0, 0, 16384, 16384, 16384, 16384, false},
		{16385, 0, 64, 16384, 63, 16384, 64, false},
		{300, 0, 200, 299, 199, 300, 200, false},
		{0, 512, 0, 512, 512, 512, 512, true},
		{0, 4096, 100, 4096, 4096, 4096, 4096, true},
		{700, 512, 0, 699, 16384, 700, 16384, false}, // record_size_limit wins
	} {
		for _, v := range []iana.Version{iana.TLS12, iana.TLS13} {
			t.Run(fmt.Sprintf("%d,%d,%d/%v", c.client, c.fragment, c.server, v), func(t *testing.T) {
				p := newPair(t, mutual(t, pki.P256), upTo(v), long, func(cc *config.ClientConfig, s *config.ServerConfig) {
					cc.RecordSizeLimit, cc.MaxFragmentLength, s.RecordSizeLimit = c.client, c.fragment, c.server
				})
				p.connect(t).exchange(t, 40000)
				down, up := c.down, c.up
				if v == iana.TLS12 {
					down, up = c.down12, c.up12
				}
				for _, x := range []struct {
					s         *side
					own, peer int
				}{{p.client, down, up}, {p.server, up, down}} {
					i := x.s.Info()
					if i.RecordLimit != x.own || i.PeerRecordLimit != x.peer {
						t.Errorf("%v: limits %d and %d, want %d and %d", i.Role, i.RecordLimit, i.PeerRecordLimit, x.own, x.peer)
					}
					want := x.peer
					if want == 0 {
						want = record.MaxPlaintext
					}
					protected, _ := longest(x.s, x.s.sent)
					if protected != want {
						t.Errorf("%v: a record of %d bytes, want %d", i.Role, protected, want)
					}
				}
				if _, clear := longest(p.server, p.server.sent); c.clear && v == iana.TLS12 && clear > c.fragment {
					t.Errorf("%d bytes in the clear, want at most %d", clear, c.fragment)
				}
			})
		}
	}
}

// Whoever breaks the agreement is refused, by the first record that does, and
// padding counts.
func TestRecordTooLong(t *testing.T) {
	for _, v := range []iana.Version{iana.TLS12, iana.TLS13} {
		for _, o := range []option{
			func(c *config.ClientConfig, s *config.ServerConfig) { c.RecordSizeLimit, s.RecordSizeLimit = 512, 512 },
			func(c *config.ClientConfig, _ *config.ServerConfig) { c.MaxFragmentLength = 512 },
		} {
			p := newPair(t, upTo(v), o).connect(t)
			p.client.outShape = shape{}
			send(t, p.client, p.server, make([]byte, p.server.Info().RecordLimit))
			p.pump(t)
			if p.server.err != nil {
				t.Fatalf("%v: as long as agreed: %v", v, p.server.err)
			}
			send(t, p.client, p.server, make([]byte, p.server.Info().RecordLimit+1))
			p.pump(t)
			refused(t, p.server, p.client, fault.RecordTooLong)
		}
	}
	p := newPair(t, func(c *config.ClientConfig, _ *config.ServerConfig) { c.RecordSizeLimit = 512 }).connect(t)
	p.server.outShape, p.server.pad = shape{}, 512
	send(t, p.server, p.client, make([]byte, 10))
	p.pump(t)
	refused(t, p.client, p.server, fault.RecordTooLong)
}

// Answers that no server may give.
func TestRecordSizeAnswers(t *testing.T) {
	type answer struct{ limit, fragment int } // -1: not given
	for _, c := range []struct {
		name            string
		limit, fragment int
		answer
		want *fault.Rule
	}{
		{"both", 1000, 512, answer{1000, 1}, fault.RecordSizeTwice},
		{"too little", 1000, 0, answer{63, -1}, fault.RecordSizeLimit},
		{"more than there is", 1000, 0, answer{65535, -1}, nil},
		{"another length", 0, 512, answer{-1, 2}, fault.FragmentLength},
		{"no such length", 0, 512, answer{-1, 0}, fault.FragmentLength},
		{"not asked for", 0, 0, answer{1000, -1}, fault.ExtensionUnsolicited},
		{"none", 1000, 512, answer{-1, -1}, nil},
	} {
		for _, v := range []iana.Version{iana.TLS12, iana.TLS13} {
			t.Run(c.name+"/"+v.String(), func(t *testing.T) {
				p := newPair(t, upTo(v), func(cc *config.ClientConfig, _ *config.ServerConfig) {
					cc.RecordSizeLimit, cc.MaxFragmentLength = c.limit, c.fragment
				})
				put := func(x *wire.Extensions, limit *uint16, fragment *uint8) {
					x.Remove(iana.ExtRecordSizeLimit)
					x.Remove(iana.ExtMaxFragmentLength)
					if c.answer.limit >= 0 {
						*limit = uint16(c.answer.limit)
						x.Add(iana.ExtRecordSizeLimit)
					}
					if c.answer.fragment >= 0 {
						*fragment = uint8(c.answer.fragment)
						x.Add(iana.ExtMaxFragmentLength)
					}
				}
				p.server.Edit(func(m wire.Message) {
					switch m := m.(type) {
					case *wire.ServerHello:
						if v == iana.TLS12 {
							put(&m.Extensions, &m.RecordSizeLimit, &m.MaxFragment)
						}
					case *wire.EncryptedExtensions:
						put(&m.Extensions, &m.RecordSizeLimit, &m.MaxFragment)
					}
				})
				if c.want == nil {
					p.connect(t)
					return
				}
				p.pump(t)
				refused(t, p.client, p.server, c.want)
			})
		}
	}
	for _, n := range []int{1, 63, 16386, -1} {
		unusable(t, "RecordSizeLimit", func(c *config.ClientConfig) { c.RecordSizeLimit = n })
		unusableServer(t, "RecordSizeLimit", func(s *config.ServerConfig) { s.RecordSizeLimit = n })
	}
	for _, n := range []int{256, 513, 8192, -1} {
		unusable(t, "MaxFragmentLength", func(c *config.ClientConfig) { c.MaxFragmentLength = n })
	}
}

// Every protected record of TLS 1.3 is as long as it is told to be, from the
// server's EncryptedExtensions on; TLS 1.2 can't pad. A limit bounds padding too.
func TestPadRecords(t *testing.T) {
	for _, c := range []struct {
		pad, limit int
		v          iana.Version
	}{{512, 0, iana.TLS13}, {16384, 0, iana.TLS13}, {100, 0, iana.TLS13}, {1000, 501, iana.TLS13}, {512, 0, iana.TLS12}} {
		t.Run(fmt.Sprintf("%d,%d/%v", c.pad, c.limit, c.v), func(t *testing.T) {
			p := newPair(t, mutual(t, pki.P256), upTo(c.v), long, func(cc *config.ClientConfig, s *config.ServerConfig) {
				cc.PadRecords, s.PadRecords, cc.RecordSizeLimit, s.RecordSizeLimit = c.pad, c.pad, c.limit, c.limit
			})
			p.connect(t).exchange(t, 700)
			if c.v == iana.TLS13 {
				must(t, p.client.KeyUpdate(true))
			}
			p.exchange(t, 40000)
			for _, s := range []*side{p.client, p.server} {
				for _, r := range records(s.sent) {
					n := r.size - 17
					padded := n%c.pad == 0 || n == record.MaxPlaintext || c.limit > 0 && n == c.limit-1
					if protected := c.v == iana.TLS13 && r.typ == iana.ContentApplicationData; protected && !padded {
						t.Errorf("%v: a record of %d bytes of content", s.Info().Role, n)
					}
				}
			}
			if protected, _ := longest(p.client, p.client.sent); c.v == iana.TLS12 && protected != record.MaxPlaintext {
				t.Errorf("a record of %d bytes", protected)
			}
		})
	}
	unusable(t, "PadRecords", func(c *config.ClientConfig) { c.PadRecords = 1 })
	unusableServer(t, "PadRecords", func(s *config.ServerConfig) { s.PadRecords = 16385 })
}
