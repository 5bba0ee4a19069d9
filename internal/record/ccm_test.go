package record

import (
	"bytes"
	"crypto/aes"
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
