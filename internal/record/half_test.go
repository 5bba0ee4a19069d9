package record

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

const noLimit = math.MaxUint64

func gcm(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return aead
}

// pair is the two ends of one direction, with the same key.
func pair(limit uint64) (seal, open *Half) {
	seal, open = new(Half), new(Half)
	for _, h := range []*Half{seal, open} {
		h.Install(gcm(make([]byte, 16)), []byte("twelve bytes"), limit)
	}
	return seal, open
}

// forge seals an inner plaintext that Seal would never make.
func forge(h *Half, inner []byte) []byte {
	p := h.keys.(*aead13)
	rec := appendHeader(nil, data, iana.TLS12, len(inner)+p.aead.Overhead())
	rec = p.aead.Seal(rec, p.of(h.seq), inner, rec)
	h.seq++
	return rec
}

// Every protected record of RFC 8448, Section 3, sealed and opened.
func TestRFC8448(t *testing.T) {
	text, err := os.ReadFile("testdata/rfc8448.txt")
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]iana.ContentType{"handshake": handshake, "application_data": data, "alert": alert}
	seal, open := new(Half), new(Half)
	records := 0
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) != 3 || f[0] == "#" {
			continue
		}
		a, errA := hex.DecodeString(f[1])
		b, errB := hex.DecodeString(f[2])
		if errA != nil || errB != nil {
			continue // a comment of three words
		}
		if f[0] == "key" {
			seal.Install(gcm(a), b, noLimit)
			open.Install(gcm(a), b, noLimit)
			continue
		}
		records++
		rec, err := seal.Seal(nil, types[f[0]], a, 0)
		if err != nil || !bytes.Equal(rec, b) {
			t.Errorf("Seal: %v\n got %x\nwant %x", err, rec, b)
		}
		typ, content, err := open.Open(b)
		if err != nil || typ != types[f[0]] || !bytes.Equal(content, a) {
			t.Errorf("Open: %v, %v\n got %x\nwant %x", err, typ, content, a)
		}
	}
	if records != 7 {
		t.Errorf("%d records in testdata, want 7", records)
	}
}

func TestClear(t *testing.T) {
	h := new(Half)
	rec, err := h.Seal([]byte("x"), handshake, []byte("hello"), 99)
	if err != nil || string(rec) != "x\x16\x03\x03\x00\x05hello" {
		t.Errorf("Seal: %q, %v", rec, err)
	}
	typ, content, err := h.Open(rec[1:])
	if err != nil || typ != handshake || string(content) != "hello" {
		t.Errorf("Open: %v, %q, %v", typ, content, err)
	}
	if h.Protected() || h.NeedsUpdate() || h.Overhead() != HeaderLen {
		t.Error("a Half without keys behaves as if it had some")
	}
	for _, c := range []struct {
		rec  string
		rule error
	}{
		{"\x17\x03\x03\x00\x01x", fault.RecordType},
		{"\x16\x03\x03\x00\x00", fault.RecordEmpty},
		{"\x15\x03\x03\x00\x00", fault.RecordEmpty},
	} {
		if _, _, err := h.Open([]byte(c.rec)); !errors.Is(err, c.rule) {
			t.Errorf("%q: %v, want %v", c.rec, err, c.rule)
		}
	}
}

func TestSealOpen(t *testing.T) {
	seal, open := pair(noLimit)
	for i, c := range []struct {
		payload, pad int
		length       int // of the record
	}{
		{0, 0, 5 + 0 + 1 + 16},
		{1, 0, 5 + 1 + 1 + 16},
		{100, 28, 5 + 128 + 1 + 16},
		{MaxPlaintext, 0, 5 + MaxPlaintext + 1 + 16},
		{MaxPlaintext, 1, 5 + MaxPlaintext + 1 + 16},
		{10, 1 << 20, 5 + MaxPlaintext + 1 + 16},
		{10, -1, 5 + 10 + 1 + 16},
	} {
		payload := bytes.Repeat([]byte{0xa5}, c.payload)
		if seal.Seq() != uint64(i) || open.Seq() != uint64(i) {
			t.Errorf("sequence numbers %d and %d, want %d", seal.Seq(), open.Seq(), i)
		}
		dst, err := seal.Seal([]byte("before"), data, payload, c.pad)
		if err != nil {
			t.Fatal(err)
		}
		rec, ok := bytes.CutPrefix(dst, []byte("before"))
		if !ok || len(rec) != c.length {
			t.Errorf("%d+%d: record of %d bytes, want %d", c.payload, c.pad, len(rec), c.length)
		}
		if c.pad == 0 && len(rec) != c.payload+seal.Overhead() {
			t.Errorf("Overhead says %d", seal.Overhead())
		}
		h, need, err := Parse(rec, true)
		if err != nil || need != 0 || h.Type != data || h.Version != iana.TLS12 {
			t.Errorf("%d+%d: header %+v, need %d, %v", c.payload, c.pad, h, need, err)
		}
		typ, content, err := open.Open(rec)
		if err != nil || typ != data || !bytes.Equal(content, payload) {
			t.Errorf("%d+%d: %v, %d bytes, %v", c.payload, c.pad, typ, len(content), err)
		}
	}
}

// Padding must be zeros even where dst held something else before.
func TestPadIsZero(t *testing.T) {
	seal, open := pair(noLimit)
	dst := bytes.Repeat([]byte{0xff}, 200)
	rec, err := seal.Seal(dst[:0], handshake, []byte("hi"), 50)
	if err != nil {
		t.Fatal(err)
	}
	if typ, content, err := open.Open(rec); err != nil || typ != handshake || string(content) != "hi" {
		t.Errorf("%v, %q, %v", typ, content, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	inner := func(n int, tail ...byte) func(*Half) []byte {
		return func(h *Half) []byte { return forge(h, append(make([]byte, n), tail...)) }
	}
	raw := func(s string) func(*Half) []byte { return func(*Half) []byte { return []byte(s) } }
	change := func(at int) func(*Half) []byte {
		return func(h *Half) []byte {
			rec := forge(h, []byte("hello\x17"))
			rec[(at+len(rec))%len(rec)] ^= 1
			return rec
		}
	}
	for _, c := range []struct {
		name string
		rec  func(*Half) []byte
		rule error
	}{
		{"longest inner plaintext", inner(MaxPlaintext, 23), nil},
		{"empty application data", inner(0, 23), nil},
		{"inner plaintext too long", inner(MaxPlaintext+1, 23), fault.RecordOverflow},
		{"padding too long", inner(0, append([]byte{23}, make([]byte, MaxPlaintext+1)...)...), fault.RecordOverflow},
		{"all zero", inner(64), fault.RecordNoType},
		{"nothing inside", inner(0), fault.RecordNoType},
		{"empty handshake", inner(0, 22), fault.RecordEmpty},
		{"empty handshake, padded", inner(0, 22, 0, 0, 0), fault.RecordEmpty},
		{"empty alert", inner(0, 21), fault.RecordEmpty},
		{"protected ChangeCipherSpec", inner(0, 1, 20), fault.RecordType},
		{"unknown inner type", inner(3, 24), fault.RecordType},
		{"handshake in the clear", raw("\x16\x03\x03\x00\x01x"), fault.RecordType},
		{"no body", raw("\x17\x03\x03\x00\x00"), fault.BadRecordMAC},
		{"shorter than a tag", raw("\x17\x03\x03\x00\x03abc"), fault.BadRecordMAC},
		{"header changed", change(2), fault.BadRecordMAC},
		{"content changed", change(6), fault.BadRecordMAC},
		{"tag changed", change(-1), fault.BadRecordMAC},
	} {
		t.Run(c.name, func(t *testing.T) {
			seal, open := pair(noLimit)
			if _, _, err := open.Open(c.rec(seal)); !errors.Is(err, c.rule) {
				t.Errorf("got %v, want %v", err, c.rule)
			}
		})
	}
}

// Records opened out of order, twice or under a later key do not pass.
func TestOrderIsProtected(t *testing.T) {
	seal, open := pair(noLimit)
	first, _ := seal.Seal(nil, data, []byte("first"), 0)
	second, _ := seal.Seal(nil, data, []byte("second"), 0)
	if _, _, err := open.Open(bytes.Clone(second)); !errors.Is(err, fault.BadRecordMAC) {
		t.Errorf("a record was lost: %v", err)
	}
	_, open = pair(noLimit)
	if _, _, err := open.Open(bytes.Clone(first)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := open.Open(bytes.Clone(first)); !errors.Is(err, fault.BadRecordMAC) {
		t.Errorf("a record was replayed: %v", err)
	}
	open.Install(gcm(make([]byte, 16)), []byte("another twel"), noLimit)
	if _, _, err := open.Open(bytes.Clone(second)); !errors.Is(err, fault.BadRecordMAC) {
		t.Errorf("a record outlived its key: %v", err)
	}
}

// A server that turned down 0-RTT meets records under a key it lacks, drops
// them, and must still open the first record under its own.
func TestFailureIsNotCounted(t *testing.T) {
	early, _ := pair(noLimit)
	early.Install(gcm(bytes.Repeat([]byte{1}, 16)), []byte("early traffi"), noLimit)
	seal, open := pair(noLimit)
	for range 3 {
		rec, _ := early.Seal(nil, data, []byte("0-RTT"), 0)
		if _, _, err := open.Open(rec); !errors.Is(err, fault.BadRecordMAC) || open.Seq() != 0 {
			t.Fatalf("%v, next record is %d", err, open.Seq())
		}
	}
	rec, _ := seal.Seal(nil, handshake, []byte("Finished"), 0)
	if _, content, err := open.Open(rec); err != nil || string(content) != "Finished" {
		t.Errorf("%q, %v", content, err)
	}
}

func TestLimit(t *testing.T) {
	for _, c := range []struct{ limit, due uint64 }{{100, 92}, {16, 8}, {10, 5}, {2, 1}, {1, 1}} {
		h, _ := pair(c.limit)
		for h.Seq() < c.limit {
			if want := h.Seq() >= c.due; h.NeedsUpdate() != want {
				t.Errorf("limit %d, record %d: NeedsUpdate is %v", c.limit, h.Seq(), !want)
			}
			if _, err := h.Seal(nil, data, nil, 0); err != nil {
				t.Fatalf("limit %d, record %d: %v", c.limit, h.Seq(), err)
			}
		}
		dst, err := h.Seal([]byte("kept"), data, nil, 0)
		if !errors.Is(err, fault.RecordSequenceEnd) || string(dst) != "kept" {
			t.Errorf("limit %d: %q, %v", c.limit, dst, err)
		}
		h.Install(gcm(make([]byte, 16)), []byte("twelve bytes"), c.limit)
		if _, err := h.Seal(nil, data, nil, 0); err != nil || h.Seq() != 1 {
			t.Errorf("limit %d: a new key does not help: %v", c.limit, err)
		}
	}
}

// A receiver does not enforce the limit, but neither side ever wraps.
func TestSequenceNeverWraps(t *testing.T) {
	seal, open := pair(noLimit)
	seal.seq, open.seq = math.MaxUint64-1, math.MaxUint64-1
	rec, err := seal.Seal(nil, data, []byte("last"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, content, err := open.Open(bytes.Clone(rec)); err != nil || string(content) != "last" {
		t.Errorf("%q, %v", content, err)
	}
	if _, err := seal.Seal(nil, data, nil, 0); !errors.Is(err, fault.RecordSequenceEnd) {
		t.Errorf("Seal: %v", err)
	}
	if _, _, err := open.Open(rec); !errors.Is(err, fault.RecordSequenceEnd) {
		t.Errorf("Open: %v", err)
	}
	_, open = pair(1)
	seal, _ = pair(noLimit)
	for range 3 {
		rec, _ := seal.Seal(nil, data, nil, 0)
		if _, _, err := open.Open(rec); err != nil {
			t.Errorf("the receiver enforces the sender's limit: %v", err)
		}
	}
}

func TestPayloadTooLong(t *testing.T) {
	protected, _ := pair(noLimit)
	for _, h := range []*Half{new(Half), protected} {
		if _, err := h.Seal(nil, data, make([]byte, MaxPlaintext+1), 0); !errors.Is(err, fault.RecordPayloadLength) {
			t.Errorf("protected %v: %v", h.Protected(), err)
		}
	}
}

// Install must not keep the caller's IV: it is wiped there.
func TestInstallCopiesIV(t *testing.T) {
	h, open := pair(noLimit)
	iv := []byte("twelve bytes")
	h.Install(gcm(make([]byte, 16)), iv, noLimit)
	clear(iv)
	rec, _ := h.Seal(nil, data, []byte("x"), 0)
	if _, _, err := open.Open(rec); err != nil {
		t.Error(err)
	}
}

func TestNoAllocations(t *testing.T) {
	seal, open := pair(noLimit)
	payload := make([]byte, MaxPlaintext)
	dst := make([]byte, 0, MaxPlaintext+seal.Overhead())
	n := testing.AllocsPerRun(100, func() {
		rec, err := seal.Seal(dst, data, payload, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := Parse(rec, true); err != nil {
			t.Fatal(err)
		}
		if _, _, err := open.Open(rec); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations per record", n)
	}
}

// Whatever the inner plaintext and the outer bytes, Open gives a legal content
// or an error of the catalogue.
func FuzzOpen(f *testing.F) {
	f.Add([]byte("hello\x17"), true)
	f.Add([]byte("\x16\x00\x00"), true)
	f.Add([]byte("\x17\x03\x03\x00\x01x"), false)
	f.Fuzz(func(t *testing.T, in []byte, forged bool) {
		seal, open := pair(noLimit)
		rec := in
		if forged {
			rec = forge(seal, in[:min(len(in), MaxCiphertext-16)])
		}
		h, need, err := Parse(rec, true)
		if err != nil || need != 0 {
			return
		}
		typ, content, err := open.Open(rec[:HeaderLen+h.Len])
		if err != nil {
			if _, ok := errors.AsType[*fault.Error](err); !ok {
				t.Errorf("an error without a rule: %v", err)
			}
			return
		}
		if typ < alert || typ > data || len(content) > MaxPlaintext || forged && !bytes.HasPrefix(in, content) {
			t.Errorf("type %v with %d bytes", typ, len(content))
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	for _, size := range []int{64, 1400, MaxPlaintext} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			seal, _ := pair(noLimit)
			payload, dst := make([]byte, size), make([]byte, 0, MaxCiphertext+HeaderLen)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				seal.Seal(dst, data, payload, 0)
			}
		})
	}
}
