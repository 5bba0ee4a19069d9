package record

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestCCM: the vectors of C2SP/wycheproof, which lies beside the repository and
// not in it, as far as TLS uses such nonces and tags.
func TestCCM(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "vectors", "wycheproof", "aes_ccm_test.json"))
	if errors.Is(err, fs.ErrNotExist) && os.Getenv("CI") != "true" {
		t.Skip("the Wycheproof vectors are not on this machine; CI has them")
	}
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		TestGroups []struct {
			IVSize, TagSize int
			Tests           []struct {
				ID                                 int `json:"tcId"`
				Key, IV, AAD, Msg, CT, Tag, Result string
			}
		}
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, g := range doc.TestGroups {
		if g.IVSize != 96 || g.TagSize != 128 && g.TagSize != 64 {
			continue
		}
		for _, v := range g.Tests {
			seen++
			block, err := aes.NewCipher(unhex(t, v.Key))
			if err != nil {
				t.Fatal(err)
			}
			c, nonce, aad := NewCCM(block, g.TagSize/8), unhex(t, v.IV), unhex(t, v.AAD)
			sealed := append(unhex(t, v.CT), unhex(t, v.Tag)...)
			got, err := c.Open(nil, nonce, slices.Clone(sealed), aad)
			if (err == nil) != (v.Result == "valid") {
				t.Errorf("%d: opens with %v, is %s", v.ID, err, v.Result)
			}
			if v.Result != "valid" {
				continue
			}
			if !bytes.Equal(got, unhex(t, v.Msg)) {
				t.Errorf("%d: opens to %x", v.ID, got)
			}
			place := append(make([]byte, 0, 1<<12), unhex(t, v.Msg)...)
			if out := c.Seal(place[:0], nonce, place, aad); !bytes.Equal(out, sealed) {
				t.Errorf("%d: seals to %x", v.ID, out)
			}
		}
	}
	if seen < 100 {
		t.Errorf("only %d vectors", seen)
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// byTheBook seals with the standard library's CBC and CTR as RFC 3610 writes CCM
// down, without thinking of time or memory.
func byTheBook(block cipher.Block, tagLen int, nonce, content, additional []byte) []byte {
	pad := func(b []byte) []byte { return append(b, make([]byte, -len(b)&15)...) }
	b := []byte{byte((tagLen-2)/2<<3 | 2)}
	if len(additional) > 0 {
		b[0] |= 0x40
	}
	b = append(append(b, nonce...), byte(len(content)>>16), byte(len(content)>>8), byte(len(content)))
	if len(additional) > 0 {
		b = pad(append(binary.BigEndian.AppendUint16(b, uint16(len(additional))), additional...))
	}
	b = pad(append(b, content...))
	cipher.NewCBCEncrypter(block, make([]byte, 16)).CryptBlocks(b, b)
	out := append(bytes.Clone(b[len(b)-16:]), content...)
	cipher.NewCTR(block, append(append([]byte{2}, nonce...), 0, 0, 0)).XORKeyStream(out, out)
	return append(out[16:], out[:tagLen]...)
}

// FuzzCCM compares with the book, and opens what was sealed and nothing else.
func FuzzCCM(f *testing.F) {
	f.Add(make([]byte, 16), make([]byte, 12), []byte("content"), []byte("additional data"), true, uint16(3))
	f.Add(make([]byte, 32), make([]byte, 12), []byte{}, []byte{}, false, uint16(0))
	f.Add(make([]byte, 32), make([]byte, 12), make([]byte, 16), make([]byte, 14), false, uint16(20))
	f.Fuzz(func(t *testing.T, key, nonce, content, additional []byte, long bool, at uint16) {
		block, err := aes.NewCipher(key)
		if err != nil || len(nonce) != 12 || len(content) > 1<<15 || len(additional) > 1<<15 {
			return
		}
		tag := 8
		if long {
			tag = 16
		}
		c, want := NewCCM(block, tag), byTheBook(block, tag, nonce, content, additional)
		got := c.Seal(nil, nonce, content, additional)
		if !bytes.Equal(got, want) {
			t.Fatalf("sealed %x, want %x", got, want)
		}
		if plain, err := c.Open(nil, nonce, bytes.Clone(got), additional); err != nil || !bytes.Equal(plain, content) {
			t.Fatalf("opened %x, %v", plain, err)
		}
		got[int(at)%len(got)] ^= 1 << (at % 8)
		if _, err := c.Open(nil, nonce, got, additional); err == nil {
			t.Fatal("a changed record opens")
		}
	})
}
