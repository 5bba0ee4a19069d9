package session

import (
	"bytes"
	"encoding/binary"
	"math/big"
	"math/bits"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"
)

// FuzzChaCha20Poly1305 holds what TLS's records and our tickets are sealed with, which is
// written in assembly, to RFC 8439 read aloud: what is sealed, and whether what has a
// bit changed opens.
func FuzzChaCha20Poly1305(f *testing.F) {
	for _, n := range []int{0, 1, 15, 16, 17, 63, 64, 65, 128, 192, 255, 256, 320, 511, 513, 1024, 4097, 16384} {
		f.Add([]byte("a key of thirty-two bytes, or so"), []byte("a nonce of twenty-four b"), bytes.Repeat([]byte{byte(n)}, n), []byte("header")[:n%7], uint16(n), uint8(n%3))
	}
	f.Fuzz(func(t *testing.T, key, nonce, text, additional []byte, at uint16, mask uint8) {
		key, nonce = append(key, make([]byte, 32)...)[:32], append(nonce, make([]byte, 24)...)[:24]
		text, additional = text[:min(len(text), 1<<14)], additional[:min(len(additional), 1<<10)]
		short, long := must(chacha20poly1305.New(key)), must(chacha20poly1305.NewX(key))
		want := sealByTheBook(key, nonce[:12], text, additional)
		got := short.Seal(nil, nonce[:12], text, additional)
		if !bytes.Equal(got, want) {
			t.Fatalf("ChaCha20-Poly1305: %x, want %x", got, want)
		}
		inner := chachaBlock(key, nonce[:16], false)
		wantX := sealByTheBook(append(inner[:16:16], inner[48:]...), append(make([]byte, 4), nonce[16:]...), text, additional)
		gotX := long.Seal(nil, nonce, text, additional)
		if !bytes.Equal(gotX, wantX) {
			t.Fatalf("XChaCha20-Poly1305: %x, want %x", gotX, wantX)
		}
		i := int(at) % len(got)
		got[i] ^= mask
		gotX[i] ^= mask
		plain, err := short.Open(nil, nonce[:12], got, additional)
		plainX, errX := long.Open(nil, nonce, gotX, additional)
		if (err == nil) != (mask == 0) || (errX == nil) != (mask == 0) || mask == 0 && (!bytes.Equal(plain, text) || !bytes.Equal(plainX, text)) {
			t.Fatalf("byte %d changed by %x: %v and %v", i, mask, err, errX)
		}
	})
}

// sealByTheBook is RFC 8439, Section 2.8.
func sealByTheBook(key, nonce, text, additional []byte) []byte {
	block := func(n int) []byte {
		return chachaBlock(key, append(binary.LittleEndian.AppendUint32(nil, uint32(n)), nonce...), true)
	}
	sealed := bytes.Clone(text)
	for i := range sealed {
		if i%64 == 0 {
			stream := block(1 + i/64)
			for j := i; j < min(i+64, len(sealed)); j++ {
				sealed[j] ^= stream[j-i]
			}
		}
	}
	padded := func(b []byte) []byte { return append(bytes.Clone(b), make([]byte, -len(b)&15)...) }
	data := append(padded(additional), padded(sealed)...)
	data = binary.LittleEndian.AppendUint64(data, uint64(len(additional)))
	data = binary.LittleEndian.AppendUint64(data, uint64(len(sealed)))
	return append(sealed, polyByTheBook(block(0)[:32], data)...)
}

// chachaBlock is the block function (RFC 8439, Section 2.3) of a key and 16 bytes, the
// counter and nonce. Without the sum at its end, the first and last quarter of it are
// HChaCha20 (draft-irtf-cfrg-xchacha-03, Section 2.2).
func chachaBlock(key, input []byte, sum bool) []byte {
	var first, s [16]uint32
	for i, b := range [][]byte{[]byte("expand 32-byte k"), key[:16], key[16:], input} {
		for j := range 4 {
			first[4*i+j] = binary.LittleEndian.Uint32(b[4*j:])
		}
	}
	s = first
	quarter := func(a, b, c, d int) {
		for _, turn := range [][2]int{{16, 12}, {8, 7}} {
			s[a] += s[b]
			s[d] = bits.RotateLeft32(s[d]^s[a], turn[0])
			s[c] += s[d]
			s[b] = bits.RotateLeft32(s[b]^s[c], turn[1])
		}
	}
	for range 10 {
		for i := range 4 {
			quarter(i, 4+i, 8+i, 12+i)
		}
		for i := range 4 {
			quarter(i, 4+(i+1)%4, 8+(i+2)%4, 12+(i+3)%4)
		}
	}
	var out []byte
	for i := range s {
		if sum {
			s[i] += first[i]
		}
		out = binary.LittleEndian.AppendUint32(out, s[i])
	}
	return out
}

// polyByTheBook is Poly1305 (RFC 8439, Section 2.5) of data in whole blocks.
func polyByTheBook(key, data []byte) []byte {
	number := func(b []byte) *big.Int { // little-endian
		n := new(big.Int)
		for i := len(b) - 1; i >= 0; i-- {
			n.Lsh(n, 8).Or(n, big.NewInt(int64(b[i])))
		}
		return n
	}
	clamped := bytes.Clone(key[:16])
	for i := range clamped {
		if i%4 == 3 {
			clamped[i] &= 15
		}
		if i > 0 && i%4 == 0 {
			clamped[i] &= 252
		}
	}
	one := big.NewInt(1)
	p := new(big.Int).Sub(new(big.Int).Lsh(one, 130), big.NewInt(5))
	r, sum := number(clamped), new(big.Int)
	for ; len(data) > 0; data = data[16:] {
		sum.Add(sum, number(append(bytes.Clone(data[:16]), 1)))
		sum.Mul(sum, r).Mod(sum, p)
	}
	sum.Add(sum, number(key[16:]))
	tag := make([]byte, 16)
	for i := range tag {
		tag[i] = byte(new(big.Int).Rsh(sum, uint(8*i)).Uint64())
	}
	return tag
}
