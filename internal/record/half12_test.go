package record

import (
	"bytes"
	"crypto/cipher"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

func chacha(key []byte) cipher.AEAD {
	aead, err := chacha20poly1305.New(key)
	if err != nil {
		panic(err)
	}
	return aead
}

// kinds12 are the two ways in which TLS 1.2 makes nonces.
var kinds12 = map[string]struct {
	aead     cipher.AEAD
	iv       string
	explicit int
}{
	"GCM":    {gcm(make([]byte, 16)), "salt", 8},
	"ChaCha": {chacha(make([]byte, 32)), "twelve bytes", 0},
}

// pair12 is the two ends of one direction, with the same key.
func pair12(kind string, limit uint64) (seal, open *Half) {
	seal, open = new(Half), new(Half)
	k := kinds12[kind]
	for _, h := range []*Half{seal, open} {
		h.Install12(k.aead, []byte(k.iv), k.explicit, limit)
	}
	return seal, open
}

func each12(t *testing.T, f func(t *testing.T, kind string)) {
	for kind := range kinds12 {
		t.Run(kind, func(t *testing.T) { f(t, kind) })
	}
}

// forge12 seals a content that Seal would never take.
func forge12(h *Half, t iana.ContentType, v iana.Version, content []byte) []byte {
	p := h.keys.(*aead12)
	rec := appendHeader(nil, t, v, len(content)+p.overhead())
	aad := bytes.Clone(p.additional(h.seq, rec, len(content)))
	nonce := p.of(h.seq)
	rec = append(rec, nonce[len(nonce)-p.explicit:]...)
	rec = p.aead.Seal(rec, nonce, content, aad)
	h.seq++
	return rec
}

// Records of handshakes with OpenSSL and crypto/tls: ours are sealed to the
// byte, all are opened.
func TestHandshakes12(t *testing.T) {
	text, err := os.ReadFile("testdata/tls12.txt")
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]iana.ContentType{"handshake": handshake, "application_data": data, "alert": alert}
	var seal, open *Half
	ours, theirs := 0, 0
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] == "#" {
			continue
		}
		a, errA := hex.DecodeString(f[len(f)-2])
		b, errB := hex.DecodeString(f[len(f)-1])
		if errA != nil || errB != nil {
			t.Fatalf("%s: %v, %v", line, errA, errB)
		}
		switch f[0] {
		case "gcm", "chacha20":
			aead, explicit := gcm, 8
			if f[0] == "chacha20" {
				aead, explicit = chacha, 0
			}
			seal, open = new(Half), new(Half)
			seal.Install12(aead(a), b, explicit, noLimit)
			open.Install12(aead(a), b, explicit, noLimit)
			continue
		case "ours":
			ours++
			rec, err := seal.Seal(nil, types[f[1]], a, 0)
			if err != nil || !bytes.Equal(rec, b) {
				t.Errorf("Seal: %v\n got %x\nwant %x", err, rec, b)
			}
		case "theirs":
			theirs++
		}
		typ, content, err := open.Open(b)
		if err != nil || typ != types[f[1]] || !bytes.Equal(content, a) {
			t.Errorf("Open: %v, %v\n got %x\nwant %x", err, typ, content, a)
		}
	}
	if ours != 9 || theirs < 8 {
		t.Errorf("%d and %d records in testdata", ours, theirs)
	}
}

func TestSealOpen12(t *testing.T) {
	each12(t, func(t *testing.T, kind string) {
		seal, open := pair12(kind, noLimit)
		explicit := kinds12[kind].explicit
		if !seal.Protected() || seal.Overhead() != HeaderLen+explicit+16 {
			t.Errorf("Overhead is %d", seal.Overhead())
		}
		for i, typ := range []iana.ContentType{data, data, handshake, alert, data} {
			payload := bytes.Repeat([]byte{0xa5}, []int{0, 1, 100, 2, MaxPlaintext}[i])
			dst, err := seal.Seal([]byte("before"), typ, payload, 99) // no padding in TLS 1.2
			if err != nil {
				t.Fatal(err)
			}
			rec, ok := bytes.CutPrefix(dst, []byte("before"))
			if !ok || len(rec) != len(payload)+seal.Overhead() {
				t.Errorf("record of %d bytes for %d", len(rec), len(payload))
			}
			want := make([]byte, explicit)
			if explicit > 0 {
				want[explicit-1] = byte(i)
			}
			if got := rec[HeaderLen : HeaderLen+explicit]; !bytes.Equal(got, want) {
				t.Errorf("explicit nonce %x, want the sequence number %x", got, want)
			}
			h, need, err := open.Parse(rec)
			if err != nil || need != 0 || h.Type != typ || h.Version != iana.TLS12 {
				t.Errorf("header %+v, need %d, %v", h, need, err)
			}
			got, content, err := open.Open(rec)
			if err != nil || got != typ || !bytes.Equal(content, payload) {
				t.Errorf("%v, %d bytes, %v", got, len(content), err)
			}
			if seal.Seq() != uint64(i+1) || open.Seq() != uint64(i+1) {
				t.Errorf("next records %d and %d", seal.Seq(), open.Seq())
			}
		}
	})
}

func TestOpenRefuses12(t *testing.T) {
	content := func(t iana.ContentType, n int) func(*Half) []byte {
		return func(h *Half) []byte { return forge12(h, t, iana.TLS12, make([]byte, n)) }
	}
	raw := func(s string) func(*Half) []byte { return func(*Half) []byte { return []byte(s) } }
	change := func(at int) func(*Half) []byte {
		return func(h *Half) []byte {
			rec := forge12(h, data, iana.TLS12, []byte("hello"))
			rec[(at+len(rec))%len(rec)] ^= 1
			return rec
		}
	}
	for _, c := range []struct {
		name string
		rec  func(*Half) []byte
		rule error
	}{
		{"longest content", content(data, MaxPlaintext), nil},
		{"empty application data", content(data, 0), nil},
		{"content too long", content(data, MaxPlaintext+1), fault.RecordOverflow},
		{"longest record", content(data, MaxCiphertext12-24), fault.RecordOverflow},
		{"empty handshake", content(handshake, 0), fault.RecordEmpty},
		{"empty alert", content(alert, 0), fault.RecordEmpty},
		{"protected ChangeCipherSpec", content(ccs, 1), nil}, // of a renegotiation; TLS 1.3 has none
		{"unknown type", content(24, 1), fault.RecordType},
		{"no body", raw("\x17\x03\x03\x00\x00"), fault.BadRecordMAC},
		{"alert in the clear", raw("\x15\x03\x03\x00\x02\x02\x28"), fault.BadRecordMAC},
		{"a byte less than nonce and tag", raw("\x17\x03\x03\x00\x17" + strings.Repeat("x", 23)), fault.BadRecordMAC},
		{"nonce and tag alone", raw("\x17\x03\x03\x00\x18" + strings.Repeat("x", 24)), fault.BadRecordMAC},
		{"type changed", change(0), fault.BadRecordMAC},
		{"version changed", change(2), fault.BadRecordMAC},
		{"nonce or content changed", change(HeaderLen), fault.BadRecordMAC},
		{"tag changed", change(-1), fault.BadRecordMAC},
	} {
		each12(t, func(t *testing.T, kind string) {
			seal, open := pair12(kind, noLimit)
			if _, _, err := open.Open(c.rec(seal)); !errors.Is(err, c.rule) {
				t.Errorf("%s: got %v, want %v", c.name, err, c.rule)
			}
		})
	}
}

// The explicit nonce is not the sequence number, which only the tag knows.
func TestOrderIsProtected12(t *testing.T) {
	each12(t, func(t *testing.T, kind string) {
		seal, open := pair12(kind, noLimit)
		first, _ := seal.Seal(nil, data, []byte("first"), 0)
		second, _ := seal.Seal(nil, data, []byte("second"), 0)
		if _, _, err := open.Open(bytes.Clone(second)); !errors.Is(err, fault.BadRecordMAC) || open.Seq() != 0 {
			t.Errorf("a record was lost: %v", err)
		}
		if _, _, err := open.Open(bytes.Clone(first)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := open.Open(bytes.Clone(first)); !errors.Is(err, fault.BadRecordMAC) {
			t.Errorf("a record was replayed: %v", err)
		}
		if _, content, err := open.Open(second); err != nil || string(content) != "second" {
			t.Errorf("%q, %v", content, err)
		}
	})
}

// An explicit nonce may be any: peers count from a random number, or not at all.
func TestForeignNonce(t *testing.T) {
	_, open := pair12("GCM", noLimit)
	for seq, explicit := range []string{"\xff\xff\xff\xff\xff\xff\xff\xff", "anything", "\x00\x00\x00\x00\x00\x00\x00\x00"} {
		p := newAEAD12(kinds12["GCM"].aead, []byte("salt"), 8)
		rec := append(appendHeader(nil, data, iana.TLS12, 8+5+16), explicit...)
		rec = p.aead.Seal(rec, []byte("salt"+explicit), []byte("hello"), p.additional(uint64(seq), rec, 5))
		if _, content, err := open.Open(rec); err != nil || string(content) != "hello" {
			t.Errorf("%q: %q, %v", explicit, content, err)
		}
	}
}

// TLS 1.2 lets records grow by more than TLS 1.3 does, in all types alike.
func TestParse12(t *testing.T) {
	_, open12 := pair12("GCM", noLimit)
	_, open13 := pair(noLimit)
	for _, c := range []struct {
		name   string
		half   *Half
		header string
		rule   error
	}{
		{"1.2 data", open12, "\x17\x03\x03\x48\x00", nil},
		{"1.2 handshake", open12, "\x16\x03\x03\x48\x00", nil},
		{"1.2 data too long", open12, "\x17\x03\x03\x48\x01", fault.RecordOverflow},
		{"1.2 alert too long", open12, "\x15\x03\x03\x48\x01", fault.RecordOverflow},
		{"1.3 data", open13, "\x17\x03\x03\x41\x00", nil},
		{"1.3 data too long", open13, "\x17\x03\x03\x41\x01", fault.RecordOverflow},
		{"handshake in the clear", new(Half), "\x16\x03\x03\x40\x00", nil},
		{"handshake too long in the clear", new(Half), "\x16\x03\x03\x40\x01", fault.RecordOverflow},
		{"0-RTT to skip", new(Half), "\x17\x03\x03\x41\x00", nil},
		{"0-RTT too long", new(Half), "\x17\x03\x03\x41\x01", fault.RecordOverflow},
	} {
		h, need, err := c.half.Parse([]byte(c.header))
		if !errors.Is(err, c.rule) {
			t.Errorf("%s: %v, want %v", c.name, err, c.rule)
		}
		if err == nil && need != HeaderLen+h.Len {
			t.Errorf("%s: need %d of %+v", c.name, need, h)
		}
	}
}

func TestLimit12(t *testing.T) {
	each12(t, func(t *testing.T, kind string) {
		seal, open := pair12(kind, 10)
		for range 100 { // what holds little spends little of the limit
			if _, err := seal.Seal(nil, data, []byte("x"), 0); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 10 {
			if due := i >= 5; seal.NeedsUpdate() != due {
				t.Errorf("record %d: NeedsUpdate is %v", i, !due)
			}
			if _, err := seal.Seal(nil, data, make([]byte, MaxPlaintext), 0); err != nil {
				t.Fatal(err)
			}
		}
		dst, err := seal.Seal([]byte("kept"), data, nil, 0)
		if !errors.Is(err, fault.RecordSequenceEnd) || string(dst) != "kept" {
			t.Errorf("%q, %v", dst, err)
		}
		open.seq = math.MaxUint64
		if _, _, err := open.Open([]byte("\x17\x03\x03\x00\x00")); !errors.Is(err, fault.RecordSequenceEnd) {
			t.Errorf("Open: %v", err)
		}
		if _, err := seal.Seal(nil, data, make([]byte, MaxPlaintext+1), 0); !errors.Is(err, fault.RecordPayloadLength) {
			t.Errorf("payload too long: %v", err)
		}
	})
}

// Install12 must not keep the caller's IV, and new keys wipe the old ones' IV.
func TestInstall12IV(t *testing.T) {
	each12(t, func(t *testing.T, kind string) {
		_, open := pair12(kind, noLimit)
		k, h, iv := kinds12[kind], new(Half), []byte(kinds12[kind].iv)
		h.Install12(k.aead, iv, k.explicit, noLimit)
		clear(iv)
		rec, _ := h.Seal(nil, data, []byte("x"), 0)
		if _, _, err := open.Open(rec); err != nil {
			t.Error(err)
		}
		old := h.keys.(*aead12)
		h.Install12(k.aead, iv, k.explicit, noLimit)
		if zero := make([]byte, 12); !bytes.Equal(old.buf[:], zero) || old.end != 0 {
			t.Errorf("nonce %x outlives its key", old.buf)
		}
	})
}

func TestNoAllocations12(t *testing.T) {
	each12(t, func(t *testing.T, kind string) {
		seal, open := pair12(kind, noLimit)
		payload := make([]byte, MaxPlaintext)
		dst := make([]byte, 0, MaxPlaintext+seal.Overhead())
		n := testing.AllocsPerRun(100, func() {
			rec, err := seal.Seal(dst, data, payload, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := open.Parse(rec); err != nil {
				t.Fatal(err)
			}
			if _, _, err := open.Open(rec); err != nil {
				t.Fatal(err)
			}
		})
		if n != 0 {
			t.Errorf("%v allocations per record", n)
		}
	})
}

// Whatever the content, its type and version, and whatever the bytes where
// nothing is sealed, Open gives the content or an error of the catalogue.
func FuzzOpen12(f *testing.F) {
	f.Add([]byte("hello"), byte(23), uint16(0x0303), true, true)
	f.Add([]byte(""), byte(22), uint16(0x0303), true, false)
	f.Add([]byte("\x02\x28"), byte(21), uint16(0x0301), true, true)
	f.Add([]byte("\x01"), byte(20), uint16(0x0303), true, true) // of a renegotiation
	f.Add([]byte("\x17\x03\x03\x00\x01x"), byte(0), uint16(0), false, false)
	f.Add([]byte("\x17\x03\x03\x00\x18"+strings.Repeat("x", 24)), byte(0), uint16(0), false, true)
	f.Fuzz(func(t *testing.T, in []byte, typ byte, version uint16, forged, explicit bool) {
		kind := "ChaCha"
		if explicit {
			kind = "GCM"
		}
		seal, open := pair12(kind, noLimit)
		rec := in
		if forged {
			in = in[:min(len(in), MaxCiphertext12-24)]
			rec = forge12(seal, iana.ContentType(typ), iana.Version(version), in)
		}
		h, need, err := open.Parse(rec)
		if err != nil || need != 0 {
			return
		}
		got, content, err := open.Open(rec[:HeaderLen+h.Len])
		if err != nil {
			if _, ok := errors.AsType[*fault.Error](err); !ok {
				t.Errorf("an error without a rule: %v", err)
			}
			return
		}
		if !forged || got != iana.ContentType(typ) || got < iana.ContentChangeCipherSpec || len(content) > MaxPlaintext || !bytes.Equal(content, in) {
			t.Errorf("type %v with %d bytes", got, len(content))
		}
	})
}

func BenchmarkSeal12(b *testing.B) {
	for _, size := range []int{64, MaxPlaintext} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			seal, _ := pair12("GCM", noLimit)
			payload, dst := make([]byte, size), make([]byte, 0, MaxCiphertext12+HeaderLen)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				seal.Seal(dst, data, payload, 0)
			}
		})
	}
}
