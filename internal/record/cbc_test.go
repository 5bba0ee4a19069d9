package record

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"slices"
	"testing"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// A kind is one way to protect records with a block cipher.
type kind struct {
	name    string
	version iana.Version
	block   func() cipher.Block
	hash    func() hash.Hash
	etm     bool
}

func kinds() (all []kind) {
	for _, v := range []iana.Version{iana.TLS10, iana.TLS11, iana.TLS12} {
		for _, etm := range []bool{false, true} {
			for name, h := range map[string]func() hash.Hash{"SHA-1": sha1.New, "SHA-256": sha256.New, "SHA-384": sha512.New384} {
				all = append(all, kind{fmt.Sprintf("%v, AES, %s, encrypt-then-MAC %v", v, name, etm), v, aesBlock, h, etm})
			}
			all = append(all, kind{fmt.Sprintf("%v, 3DES, encrypt-then-MAC %v", v, etm), v, desBlock, sha1.New, etm})
		}
	}
	return all
}

func aesBlock() cipher.Block {
	b, err := aes.NewCipher(bytes.Repeat([]byte{7}, 16))
	if err != nil {
		panic(err)
	}
	return b
}

func desBlock() cipher.Block {
	b, err := des.NewTripleDESCipher([]byte("01234567abcdefghABCDEFGH"))
	if err != nil {
		panic(err)
	}
	return b
}

var macKey = []byte("the key of the MAC, of any length")

// half is one end. Random bytes are all the same, so that records can be foretold.
func (k kind) half(open bool) *Half {
	h := new(Half)
	h.SetVersion(k.version)
	h.InstallCBC(CBC{
		Version: k.version, Block: k.block(), Hash: k.hash, MACKey: macKey, IV: bytes.Repeat([]byte{9}, k.block().BlockSize()),
		EncryptThenMAC: k.etm, Rand: rand.Reader, Open: open,
	}, 1<<20)
	return h
}

// tag is the MAC of a record, computed by the book.
func (k kind) tag(seq uint64, data []byte) []byte {
	m := hmac.New(k.hash, macKey)
	b := binary.BigEndian.AppendUint64(nil, seq)
	b = append(b, byte(iana.ContentHandshake), byte(k.version>>8), byte(k.version))
	m.Write(binary.BigEndian.AppendUint16(b, uint16(len(data))))
	m.Write(data)
	return m.Sum(nil)
}

// forge makes record seq out of whole blocks, encrypted as they are.
func (k kind) forge(seq uint64, blocks []byte) []byte {
	b := bytes.Clone(blocks)
	iv := bytes.Repeat([]byte{9}, k.block().BlockSize())
	if k.version > iana.TLS10 {
		b = append(make([]byte, len(iv)), b...)
		iv = make([]byte, len(iv))
	}
	cipher.NewCBCEncrypter(k.block(), iv).CryptBlocks(b, b)
	if k.etm {
		b = append(b, k.tag(seq, b)...)
	}
	return append(appendHeader(nil, iana.ContentHandshake, k.version, len(b)), b...)
}

// content is what a sender encrypts: data, its MAC unless that stands outside,
// and pad+1 bytes of padding.
func (k kind) content(data []byte, pad int) []byte {
	b := bytes.Clone(data)
	if !k.etm {
		b = append(b, k.tag(0, data)...)
	}
	return append(b, bytes.Repeat([]byte{byte(pad)}, pad+1)...)
}

// TestCBCByTheBook: records made by hand open, with every padding that fits.
func TestCBCByTheBook(t *testing.T) {
	for _, k := range kinds() {
		size := k.block().BlockSize()
		for _, n := range []int{1, 15, 16, 17, 100, 300} {
			data := bytes.Repeat([]byte{0xa5}, n)
			for pad := range 256 {
				b := k.content(data, pad)
				if len(b)%size != 0 {
					continue
				}
				_, got, err := k.half(true).Open(k.forge(0, b))
				if err != nil || !bytes.Equal(got, data) {
					t.Fatalf("%s: %d bytes, padding %d: %x, %v", k.name, n, pad, got, err)
				}
			}
		}
	}
}

// TestCBCRefused: whatever is wrong inside, the error is the same.
func TestCBCRefused(t *testing.T) {
	for _, k := range kinds() {
		size := k.block().BlockSize()
		good := k.content(bytes.Repeat([]byte{0xa5}, 64), 0)
		for pad := range size {
			if b := k.content(bytes.Repeat([]byte{0xa5}, 64), pad); len(b)%size == 0 {
				good = b
			}
		}
		bad := map[string][]byte{
			"no padding that fits": append(bytes.Clone(good[:len(good)-1]), 0xff),
			"only padding":         bytes.Repeat([]byte{byte(size - 1)}, size),
			"a block of zeros":     make([]byte, size),
			"all ones":             bytes.Repeat([]byte{0xff}, 4*size),
		}
		for i := range good {
			b := bytes.Clone(good)
			b[i] ^= 1
			bad[fmt.Sprintf("bit of byte %d", i)] = b
		}
		for name, b := range bad {
			if k.etm && len(name) > 3 && name[:3] == "bit" {
				continue // the MAC is made over whatever was encrypted: only padding matters
			}
			if k.etm && (name == "a block of zeros" || name == "only padding") {
				continue // an empty record and its padding: legal
			}
			if _, _, err := k.half(true).Open(k.forge(0, b)); !errors.Is(err, fault.BadRecordMAC) {
				t.Errorf("%s: %s: %v", k.name, name, err)
			}
		}
		whole := k.forge(0, good)
		for i := HeaderLen; i < len(whole); i++ {
			rec := bytes.Clone(whole)
			rec[i] ^= 0x80
			if _, _, err := k.half(true).Open(rec); !errors.Is(err, fault.BadRecordMAC) {
				if i < HeaderLen+size && k.version > iana.TLS10 && !k.etm {
					continue // the explicit IV: see below
				}
				t.Errorf("%s: byte %d changed: %v", k.name, i, err)
			}
		}
		for n := range len(whole) - HeaderLen {
			rec := appendHeader(nil, iana.ContentHandshake, k.version, n)
			rec = append(rec, whole[HeaderLen:HeaderLen+n]...)
			if _, _, err := k.half(true).Open(rec); !errors.Is(err, fault.BadRecordMAC) {
				t.Errorf("%s: cut to %d bytes: %v", k.name, n, err)
			}
		}
		if _, _, err := k.half(true).Open(k.forge(1, good)); err == nil && k.etm {
			t.Errorf("%s: a record with another number", k.name)
		}
	}
}

// TestExplicitIV: a flipped bit of the explicit IV flips one of the content, and the
// MAC sees it.
func TestExplicitIV(t *testing.T) {
	k := kind{"", iana.TLS12, aesBlock, sha256.New, false}
	data := bytes.Repeat([]byte{1}, 31)
	rec := k.forge(0, k.content(data, 0))
	rec[HeaderLen] ^= 1
	if _, _, err := k.half(true).Open(rec); !errors.Is(err, fault.BadRecordMAC) {
		t.Error(err)
	}
}

// TestBlindMAC: it is HMAC, for every length that it may be asked for, with keys of
// any length and whatever stands behind the data.
func TestBlindMAC(t *testing.T) {
	data := make([]byte, 700)
	rand.Read(data)
	header := []byte("of 13 bytes..")
	for _, h := range []func() hash.Hash{sha1.New, sha256.New, sha512.New384} {
		for _, key := range [][]byte{nil, macKey, bytes.Repeat(macKey, 8)} {
			m := newBlindMAC(h, key)
			for _, most := range []int{0, 1, 40, 300, 443, len(data)} {
				for _, least := range []int{0, max(0, most-255), most} {
					for n := least; n <= most; n++ {
						want := hmac.New(h, key)
						want.Write(header)
						want.Write(data[:n])
						if got := m.sum(header, data, n, least, most); !bytes.Equal(got, want.Sum(nil)) {
							t.Fatalf("%d bytes of %d to %d, a MAC of %d bytes: %x", n, least, most, h().Size(), got)
						}
					}
				}
			}
		}
	}
}

// TestMasks: they are what they say, at the ends of their range too.
func TestMasks(t *testing.T) {
	numbers := []int{0, 1, 2, 255, 256, 1 << 14, 1<<31 - 2, 1<<31 - 1}
	for _, a := range numbers {
		for _, b := range numbers {
			if (below(a, b) == 0xff) != (a < b) || (below(a, b) == 0) != (a >= b) {
				t.Errorf("below(%d, %d) = %d", a, b, below(a, b))
			}
			if (same(a, b) == 0xff) != (a == b) || (same(a, b) == 0) != (a != b) {
				t.Errorf("same(%d, %d) = %d", a, b, same(a, b))
			}
		}
	}
}

// TestCBCWork: what the hash function is asked to do, and how long each thing is
// that it is given, depends on the record's length alone (Lucky 13).
func TestCBCWork(t *testing.T) {
	for _, h := range []func() hash.Hash{sha1.New, sha256.New, sha512.New384} {
		var diary []string
		k := kind{"", iana.TLS12, aesBlock, func() hash.Hash { return &watched{h(), &diary} }, false}
		size := h().Size()
		for _, total := range []int{64, 128, 320, 1024} {
			var want []string
			for pad := range 256 {
				n := total - size - pad - 1
				if n < 0 {
					continue
				}
				b := make([]byte, total)
				for i := total - pad - 1; i < total; i++ {
					b[i] = byte(pad)
				}
				for _, wrong := range []byte{0, 1} { // padding that is, too
					b[total-pad-1] ^= wrong
					rec, half := k.forge(0, b), k.half(true)
					diary = nil
					half.Open(rec)
					if want == nil {
						want = diary
					}
					if !slices.Equal(diary, want) || len(diary) == 0 {
						t.Fatalf("a record of %d bytes with padding %d: %q, and with another %q", total, pad, diary, want)
					}
				}
			}
		}
	}
}

// watched tells what a hash function is asked to do.
type watched struct {
	hash.Hash
	diary *[]string
}

func (w *watched) note(format string, args ...any) {
	*w.diary = append(*w.diary, fmt.Sprintf(format, args...))
}

func (w *watched) Write(p []byte) (int, error) {
	w.note("write %d", len(p))
	return w.Hash.Write(p)
}

func (w *watched) Sum(b []byte) []byte {
	w.note("sum")
	return w.Hash.Sum(b)
}

func (w *watched) Reset() {
	w.note("reset")
	w.Hash.Reset()
}

func (w *watched) AppendBinary(b []byte) ([]byte, error) {
	w.note("state")
	return w.Hash.(encoding.BinaryAppender).AppendBinary(b)
}

// TestSplit: in TLS 1.0 the first byte of data has a record of its own; nothing
// else has, and nowhere else.
func TestSplit(t *testing.T) {
	for _, c := range []struct {
		v    iana.Version
		typ  iana.ContentType
		n    int
		want int
	}{
		{iana.TLS10, iana.ContentApplicationData, 100, 2}, {iana.TLS10, iana.ContentApplicationData, 1, 1},
		{iana.TLS10, iana.ContentHandshake, 100, 1}, {iana.TLS11, iana.ContentApplicationData, 100, 1},
	} {
		k := kind{"", c.v, aesBlock, sha1.New, false}
		rec, err := k.half(false).Seal(nil, c.typ, make([]byte, c.n), 0)
		if err != nil {
			t.Fatal(err)
		}
		records := 0
		for len(rec) > 0 {
			rec = rec[HeaderLen+int(rec[3])<<8+int(rec[4]):]
			records++
		}
		if records != c.want {
			t.Errorf("%v, %v of %d bytes: %d records, want %d", c.v, c.typ, c.n, records, c.want)
		}
	}
}

// TestNoRandomIV: without random bytes nothing is sent.
func TestNoRandomIV(t *testing.T) {
	h := new(Half)
	h.InstallCBC(CBC{Version: iana.TLS12, Block: aesBlock(), Hash: sha1.New, MACKey: macKey, Rand: bytes.NewReader(nil)}, 10)
	if rec, err := h.Seal(nil, iana.ContentHandshake, []byte("x"), 0); !errors.Is(err, fault.RandomFailed) || len(rec) > 0 {
		t.Errorf("%x, %v", rec, err)
	}
}

// FuzzOpenCBC: no record makes Open panic, and what opens is no longer than it was.
func FuzzOpenCBC(f *testing.F) {
	f.Add(0, []byte{}, uint8(0))
	f.Add(3, bytes.Repeat([]byte{15}, 48), uint8(1))
	all := kinds()
	f.Fuzz(func(t *testing.T, which int, blocks []byte, cut uint8) {
		k := all[uint(which)%uint(len(all))]
		size := k.block().BlockSize()
		blocks = blocks[:min(len(blocks)/size*size, 1<<14)]
		rec := k.forge(0, blocks)
		rec = rec[:len(rec)-min(int(cut), len(rec)-HeaderLen)]
		binary.BigEndian.PutUint16(rec[3:], uint16(len(rec)-HeaderLen))
		if _, got, err := k.half(true).Open(rec); err == nil && len(got) > len(rec) {
			t.Errorf("%d bytes out of %d", len(got), len(rec))
		}
	})
}

// FuzzCBC: what a sender makes, with a byte changed before it is encrypted, opens
// exactly if a reader that has never heard of timing would take it.
func FuzzCBC(f *testing.F) {
	all := kinds()
	for i := range all {
		f.Add(uint8(i), []byte("data"), uint8(3), uint16(0), uint8(0))
		f.Add(uint8(i), make([]byte, 100), uint8(200), uint16(300), uint8(1))
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte, pad uint8, at uint16, mask uint8) {
		k := all[int(which)%len(all)]
		data = data[:min(len(data), 1<<13)]
		size := k.block().BlockSize()
		for len(k.content(data, int(pad)))%size != 0 {
			pad--
		}
		body := k.content(data, int(pad))
		body[int(at)%len(body)] ^= mask
		want, ok := k.plain(body)
		_, got, err := k.half(true).Open(k.forge(0, body))
		if ok && len(want) == 0 { // no handshake record is empty
			ok = !errors.Is(err, fault.RecordEmpty)
		}
		if (err == nil) != ok || ok && !bytes.Equal(got, want) {
			t.Fatalf("%s: %x, %v; want %x, %v", k.name, got, err, want, ok)
		}
	})
}

// plain is the content of a decrypted body, by the book.
func (k kind) plain(body []byte) ([]byte, bool) {
	n, tag := len(body), 0
	if !k.etm {
		tag = k.hash().Size()
	}
	pad := int(body[n-1])
	if n < pad+1+tag || !bytes.Equal(body[n-pad-1:], bytes.Repeat([]byte{byte(pad)}, pad+1)) {
		return nil, false
	}
	n -= pad + 1 + tag
	return body[:n], k.etm || bytes.Equal(body[n:n+tag], k.tag(0, body[:n]))
}
