package engine

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/handclasp/handclasp/explain"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/record"
	"github.com/handclasp/handclasp/internal/wire"
)

// A blow is one thing that goes wrong in a bout.
type blow struct {
	kind    string     // one of kinds
	of      string     // what it strikes: a record's type, a message, an Ask
	part    string     // and where
	from    fault.Role // whose it is
	at      int        // its number
	prepare func(b *bout)
}

func (b blow) String() string { return fmt.Sprintf("%s of %v's %d", b.what(), b.from, b.at) }

func (b blow) what() string { return strings.TrimSpace(b.kind + " " + b.of + " " + b.part) }

// blows lists all that can go wrong in a course whose clean run is b.
func blows(t testing.TB, b *bout) (all []blow) {
	if !b.apart {
		all = append(all, blow{"close", "", "before it begins", fault.Client, 0, func(b *bout) {
			b.strike(b.client)
			b.client.err = b.client.Fail(fault.ClosedEarly.New())
		}})
	}
	for _, r := range []fault.Role{fault.Client, fault.Server} {
		for n, rec := range b.seen[r].records {
			all = append(all, recordBlows(r, n, rec)...)
		}
		if b.apart {
			continue // the rest is the same
		}
		for n, msg := range b.seen[r].messages {
			all = append(all, messageBlows(t, r, n, msg)...)
		}
		for n, a := range b.seen[r].asks {
			all = append(all, askBlows(r, n, a)...)
		}
	}
	return all
}

// recordBlows are those of an outsider on one record.
func recordBlows(from fault.Role, n int, rec []byte) (all []blow) {
	of := iana.ContentType(rec[0]).String()
	add := func(kind, part string, strike func(b *bout, rec []byte) [][]byte) {
		all = append(all, blow{kind, of, part, from, n, func(b *bout) {
			b.record = func(r fault.Role, i int, rec []byte) [][]byte {
				if r != from || i != n {
					return [][]byte{rec}
				}
				b.strike(b.side(from.Peer()))
				return strike(b, rec)
			}
		}})
	}
	one := func(rec ...byte) [][]byte { return [][]byte{rec} }
	add("drop", "record", func(*bout, []byte) [][]byte { return nil })
	add("repeat", "record", func(_ *bout, rec []byte) [][]byte { return [][]byte{rec, rec} })
	all = append(all, blow{"reorder", of, "record", from, n, func(b *bout) {
		var held []byte
		b.record = func(r fault.Role, i int, rec []byte) [][]byte {
			switch {
			case r == from && i == n:
				b.strike(b.side(from.Peer()))
				held = rec
				return nil
			case r == from && i == n+1:
				return [][]byte{rec, held}
			}
			return [][]byte{rec}
		}
	}})
	for part, at := range map[string]func(n int) int{
		"nothing": func(int) int { return 0 }, "part of the header": func(int) int { return 3 }, "the header": func(int) int { return record.HeaderLen },
		"half": func(n int) int { return n / 2 }, "all but a byte": func(n int) int { return n - 1 },
	} {
		add("close", "after "+part, func(b *bout, rec []byte) [][]byte { return b.until(fault.ClosedEarly, from, rec[:at(len(rec))]) })
		add("reset", "after "+part, func(b *bout, rec []byte) [][]byte { return b.until(fault.PeerReset, from, rec[:at(len(rec))]) })
		add("stall", "after "+part, func(b *bout, rec []byte) [][]byte { return b.until(fault.PeerSilent, from, rec[:at(len(rec))]) })
	}
	add("truncate", "record", func(_ *bout, rec []byte) [][]byte { return one(resized(rec[:len(rec)-1])...) })
	add("truncate", "to nothing", func(_ *bout, rec []byte) [][]byte { return one(resized(rec[:record.HeaderLen])...) })
	add("lengthen", "record", func(_ *bout, rec []byte) [][]byte { return one(resized(append(rec, 0))...) })
	for i, part := range []string{"type", "version, major", "version, minor", "length, high", "length, low", "first byte", "middle", "last byte"} {
		for _, bit := range []byte{0x01, 0x80} {
			add("flip", part, func(_ *bout, rec []byte) [][]byte {
				at := i
				switch part {
				case "middle":
					at = (record.HeaderLen + len(rec)) / 2
				case "last byte":
					at = len(rec) - 1
				}
				rec[at] ^= bit
				return one(rec...)
			})
		}
	}
	for part, content := range map[string]string{
		"fatal": "\x15\x03\x03\x00\x02\x02\x28", "warning": "\x15\x03\x03\x00\x02\x01\x70", "close_notify": "\x15\x03\x03\x00\x02\x01\x00",
		"user_canceled": "\x15\x03\x03\x00\x02\x01\x5a", "malformed": "\x15\x03\x03\x00\x03\x02\x28\x00", "no_renegotiation": "\x15\x03\x03\x00\x02\x01\x64",
	} {
		add("alert", part, func(_ *bout, rec []byte) [][]byte { return [][]byte{[]byte(content), rec} })
	}
	for part, content := range map[string]string{
		"change_cipher_spec": "\x14\x03\x03\x00\x01\x01", "handshake": "\x16\x03\x03\x00\x04\x63\x00\x00\x00", "empty handshake": "\x16\x03\x03\x00\x00",
		"application_data": "\x17\x03\x03\x00\x20" + string(make([]byte, 32)), "unknown type": "\x63\x03\x03\x00\x01\x00", "too long": "\x17\x03\x03\xff\xff", "HTTP": "GET / HTTP/1.1\r\n\r\n",
	} {
		add("insert", part, func(_ *bout, rec []byte) [][]byte { return [][]byte{[]byte(content), rec} })
	}
	return all
}

// until ends the transport after some last bytes: both ways, or by silence of one
// side.
func (b *bout) until(end *fault.Rule, from fault.Role, last []byte) [][]byte {
	to := b.side(from.Peer())
	to.in = append(to.in, last...)
	to.hear(b.t)
	if end == fault.PeerSilent {
		b.mute[from] = true
	} else {
		b.over = end.New()
	}
	return nil
}

// resized gives a record the length that it has.
func resized(rec []byte) []byte {
	n := len(rec) - record.HeaderLen
	rec[3], rec[4] = byte(n>>8), byte(n)
	return rec
}

// messageBlows are those of a peer on one of its own messages.
func messageBlows(t testing.TB, from fault.Role, n int, m spoken) (all []blow) {
	of := iana.HandshakeType(m.bytes[0]).String()
	add := func(kind, part string, strike func(b *bout, msg []byte) [][]byte) {
		all = append(all, blow{kind, of, part, from, n, func(b *bout) {
			b.message = func(r fault.Role, i int, msg []byte) [][]byte {
				if r != from || i != n {
					return [][]byte{msg}
				}
				return strike(b, bytes.Clone(msg))
			}
		}})
	}
	add("drop", "message", func(*bout, []byte) [][]byte { return nil })
	add("repeat", "message", func(_ *bout, msg []byte) [][]byte { return [][]byte{msg, msg} })
	all = append(all, blow{"reorder", of, "message", from, n, func(b *bout) {
		var held []byte
		b.message = func(r fault.Role, i int, msg []byte) [][]byte {
			switch {
			case r == from && i == n:
				held = msg
				return nil
			case r == from && i == n+1:
				return [][]byte{msg, held}
			}
			return [][]byte{msg}
		}
	}})
	if len(m.bytes) > wire.HeaderLen {
		add("truncate", "message", func(_ *bout, msg []byte) [][]byte { return [][]byte{sized(msg[:len(msg)-1])} })
		add("truncate", "to nothing", func(_ *bout, msg []byte) [][]byte { return [][]byte{sized(msg[:wire.HeaderLen])} })
		add("truncate", "length kept", func(_ *bout, msg []byte) [][]byte { return [][]byte{msg[:(wire.HeaderLen+len(msg))/2]} })
	}
	add("lengthen", "message", func(_ *bout, msg []byte) [][]byte { return [][]byte{sized(append(msg, 0))} })
	for part, record := range map[string]string{"fatal": "\x15\x02\x28", "warning": "\x15\x01\x70", "close_notify": "\x15\x01\x00", "user_canceled": "\x15\x01\x5a", "malformed": "\x15\x02", "no_renegotiation": "\x15\x01\x64"} {
		add("alert", part+", by the peer", func(b *bout, msg []byte) [][]byte {
			b.side(from).ahead(iana.ContentType(record[0]), []byte(record[1:])...)
			return [][]byte{msg}
		})
	}
	for part, record := range map[string]string{"empty application_data": "\x17", "message": "\x16\x63\x00\x00\x00", "empty handshake": "\x16", "change_cipher_spec": "\x14\x01"} {
		add("insert", part+", by the peer", func(b *bout, msg []byte) [][]byte {
			b.side(from).ahead(iana.ContentType(record[0]), []byte(record[1:])...)
			return [][]byte{msg}
		})
	}
	add("insert", "application_data, by the peer", func(b *bout, msg []byte) [][]byte {
		if s := b.side(from); s.Connected() || s.outEpoch == flow.Early {
			b.heap[from] = append(b.heap[from], "data"...)
		}
		b.side(from).ahead(iana.ContentApplicationData, []byte("data")...)
		return [][]byte{msg}
	})
	for _, at := range places(t, m) {
		add("flip", at.name, func(_ *bout, msg []byte) [][]byte {
			msg[min(at.off, len(msg)-1)] ^= at.mask // signatures vary in length
			return [][]byte{msg}
		})
	}
	return all
}

// sized gives a message the length that it has.
func sized(msg []byte) []byte {
	n := len(msg) - wire.HeaderLen
	msg[1], msg[2], msg[3] = byte(n>>16), byte(n>>8), byte(n)
	return msg
}

// A place is a bit of a message.
type place struct {
	name string
	off  int
	mask byte
}

// places are a low and a high bit of each field: of its length prefix if it holds
// other fields, else also of its first and last byte.
func places(t testing.TB, m spoken) (all []place) {
	t.Helper()
	fields, err := explain.Annotate(m.bytes, m.version, m.suite)
	must(t, err)
	seen := make(map[int]bool)
	add := func(name string, at ...int) {
		for _, off := range at {
			if !seen[off] {
				all = append(all, place{name, off, 0x01}, place{name, off, 0x80})
			}
			seen[off] = true
		}
	}
	for i, f := range fields {
		if f.Prefix > 0 {
			add(f.Name, f.Off, f.Off+f.Prefix-1)
		}
		if leaf := i+1 == len(fields) || fields[i+1].Depth <= f.Depth; leaf && f.Len > f.Prefix {
			add(f.Name, f.Off+f.Prefix, f.Off+f.Len-1)
		}
	}
	return all
}

// askBlows are those of whoever was asked.
func askBlows(of fault.Role, n int, a flow.Ask) (all []blow) {
	name := fmt.Sprintf("%T", a)
	add := func(kind string, strike func(b *bout, s *side, a flow.Ask) bool) {
		all = append(all, blow{kind, name, "", of, n, func(b *bout) {
			b.ask = func(s *side, i int, a flow.Ask) bool {
				if s.role != of || i != n {
					return false
				}
				b.strike(s)
				return strike(b, s, a)
			}
		}})
	}
	add("stall", func(b *bout, s *side, a flow.Ask) bool {
		s.err = s.Fail(fault.PeerSilent.New())
		b.reply(a) // too late
		return true
	})
	add("insert", func(b *bout, s *side, a flow.Ask) bool {
		s.in = append([]byte("\x17\x03\x03\x00\x20"), make([]byte, 32)...)
		if n, data, err := s.Recv(s.in); n > 0 || len(data) > 0 || err != nil {
			b.t.Fatalf("Recv beside an open Ask: %d, %q, %v", n, data, err)
		}
		return false
	})
	switch a.(type) {
	case *flow.SignAsk, *flow.VerifyAsk, *flow.HelloAsk, *flow.ClientCertificateAsk, *flow.DecryptAsk:
		add("refuse", refuse)
	}
	return all
}

var errRefused = errors.New("the answer is no")

// refuse answers an Ask with an error, or with something useless where there is none.
func refuse(_ *bout, _ *side, ask flow.Ask) bool {
	switch a := ask.(type) {
	case *flow.SignAsk:
		a.Reply(nil, errRefused)
	case *flow.VerifyAsk:
		a.Reply(nil, errRefused)
	case *flow.HelloAsk:
		a.Reply(nil, nil, fault.ConfigHook.Because(errRefused))
	case *flow.ClientCertificateAsk:
		a.Reply(nil, errRefused)
	case *flow.DecryptAsk:
		a.Reply(a.Substitute)
	}
	return true
}
