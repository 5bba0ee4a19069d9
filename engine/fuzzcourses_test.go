package engine

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/internal/record"
	"github.com/handclasp/handclasp/internal/wire"
)

// A fuzzer's script is a list of strikes at what one role sends. Each has a byte
// that says whose it is, what is struck (a record, by an outsider; a message, by the
// peer itself) and how; a byte for its number; two bytes for a place, two for a length,
// and a content of that length or what is left.
const (
	ofServer = 0x80
	aRecord  = 0x40
)

const (
	strikeDrop    = iota
	strikeRepeat  // once more
	strikeFlip    // exclusive or with content from the place on
	strikeReplace // as a whole, by content
	strikeCut     // ends at the place; the length fits
	strikeInsert  // content is put before it
	strikeSplice  // content is put in at the place; the length fits
	strikeHold    // comes after the next
	strikes
)

// A strike is one of a script.
type strike struct {
	from    fault.Role
	record  bool
	how     byte
	n, at   int
	content []byte
}

const strikeLen = 6

func (s strike) append(b []byte) []byte {
	head := s.how
	if s.from == fault.Server {
		head |= ofServer
	}
	if s.record {
		head |= aRecord
	}
	b = append(b, head, byte(s.n))
	b = binary.BigEndian.AppendUint16(b, uint16(s.at))
	b = binary.BigEndian.AppendUint16(b, uint16(len(s.content)))
	return append(b, s.content...)
}

func parseStrikes(b []byte) (all []strike) {
	for len(b) >= strikeLen && len(all) < 16 {
		s := strike{from: fault.Client, record: b[0]&aRecord > 0, how: b[0] % strikes, n: int(b[1]), at: int(binary.BigEndian.Uint16(b[2:]))}
		if b[0]&ofServer > 0 {
			s.from = fault.Server
		}
		n := min(int(binary.BigEndian.Uint16(b[4:])), len(b)-strikeLen)
		s.content, b = b[strikeLen:strikeLen+n], b[strikeLen+n:]
		all = append(all, s)
	}
	return all
}

// on is what a strike makes of a record or message; fit gives it the length that
// it has.
func (s strike) on(b []byte, header int, fit func([]byte) []byte) [][]byte {
	at := min(s.at, len(b))
	switch s.how {
	case strikeDrop:
		return nil
	case strikeRepeat:
		return [][]byte{b, b}
	case strikeFlip:
		for i, c := range s.content[:min(len(s.content), len(b)-at)] {
			b[at+i] ^= c
		}
	case strikeReplace:
		return [][]byte{s.content}
	case strikeCut:
		return [][]byte{fit(b[:max(at, header)])}
	case strikeInsert:
		return [][]byte{s.content, b}
	case strikeSplice:
		return [][]byte{fit(slices.Concat(b[:max(at, header)], s.content, b[max(at, header):]))}
	}
	return [][]byte{b}
}

// play has all strikes of a script happen in a bout.
func (b *bout) play(script []byte) {
	all := parseStrikes(script)
	struck := func(isRecord bool, header int, fit func([]byte) []byte) func(fault.Role, int, []byte) [][]byte {
		var held [3][][]byte
		return func(from fault.Role, n int, one []byte) [][]byte {
			out := [][]byte{bytes.Clone(one)}
			hold := false
			for _, s := range all {
				if s.record != isRecord || s.from != from || s.n != n {
					continue
				}
				hold = hold || s.how == strikeHold
				if len(out) > 0 && len(out[0]) >= header {
					out = slices.Concat(s.on(bytes.Clone(out[0]), header, fit), out[1:])
				}
			}
			if hold {
				held[from] = append(held[from], out...)
				return nil
			}
			out, held[from] = slices.Concat(out, held[from]), nil
			return out
		}
	}
	b.record = struck(true, record.HeaderLen, resized)
	b.message = struck(false, wire.HeaderLen, sized)
}

// settled has a course draw the same bytes each time.
func settled(c *course) *course {
	same := *c
	same.options = func(t testing.TB) []option {
		return append(c.options(t), func(c *config.ClientConfig, s *config.ServerConfig) {
			c.Rand, s.Rand = rand.NewChaCha8([32]byte{1}), rand.NewChaCha8([32]byte{2})
		})
	}
	return &same
}

// FuzzCourses: whatever is done to a connection of any course, both sides keep what
// an Engine promises; see bout.check.
func FuzzCourses(f *testing.F) {
	all := courses()
	for i, c := range all {
		all[i] = settled(c)
		clean := begin(f, all[i], false)
		clean.run()
		clean.check()
		for _, r := range []fault.Role{fault.Client, fault.Server} {
			for n, m := range clean.seen[r].messages {
				f.Add(uint8(i), true, strike{from: r, how: strikeReplace, n: n, content: m.bytes}.append(nil))
			}
		}
		f.Add(uint8(i), false, strike{from: fault.Server, how: strikeHold}.append(nil))
	}
	f.Fuzz(func(t *testing.T, at uint8, apart bool, script []byte) {
		if len(script) > 1<<17 {
			return
		}
		c := all[int(at)%len(all)]
		b := begin(t, c, apart)
		b.play(script)
		b.run()
		b.check()
	})
}
