package keys

import (
	"bytes"
	"crypto/hkdf"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// wycheproof reads one file of testvectors_v1 of a checkout of C2SP/wycheproof, which
// WYCHEPROOF names.
func wycheproof(t *testing.T, file string, least int) (all []vector) {
	t.Helper()
	dir := os.Getenv("WYCHEPROOF")
	if dir == "" {
		t.Skip("the vectors are not beside the repository: see WYCHEPROOF in docs/testing.md")
	}
	text, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct{ TestGroups []struct{ Tests []vector } }
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	for _, g := range doc.TestGroups {
		all = append(all, g.Tests...)
	}
	if len(all) < least {
		t.Fatalf("only %d vectors in %s", len(all), file)
	}
	return all
}

type vector struct {
	ID                   int `json:"tcId"`
	Key, Msg, Tag        octets
	IKM, Salt, Info, OKM octets
	Size                 int
	Result               string
}

type octets []byte

func (o *octets) UnmarshalText(text []byte) (err error) {
	*o, err = hex.DecodeString(string(text))
	return err
}

// TestWycheproofHMAC: tags that are right are ours, and wrong ones are not; shorter
// tags are the beginning of ours.
func TestWycheproofHMAC(t *testing.T) {
	for file, h := range map[string]Hash{"hmac_sha256_test.json": SHA256, "hmac_sha384_test.json": SHA384} {
		t.Run(file, func(t *testing.T) {
			for _, v := range wycheproof(t, file, 150) {
				third := len(v.Msg) / 3
				d := h.hmac(v.Key, v.Msg[:third], v.Msg[third:2*third], v.Msg[2*third:])
				if ok := bytes.Equal(d[:len(v.Tag)], v.Tag); ok != (v.Result == "valid") {
					t.Errorf("vector %d: %x; %x is %s", v.ID, d, v.Tag, v.Result)
				}
			}
		})
	}
}

// TestWycheproofHKDF: HKDF-Extract is ours. Our Expand takes the labels of TLS alone,
// so the rest is the standard library's.
func TestWycheproofHKDF(t *testing.T) {
	for file, h := range map[string]Hash{"hkdf_sha256_test.json": SHA256, "hkdf_sha384_test.json": SHA384} {
		t.Run(file, func(t *testing.T) {
			for _, v := range wycheproof(t, file, 80) {
				got, err := hkdf.Expand(h.New, h.extract(new(Room), v.Salt, v.IKM), string(v.Info), v.Size)
				if ok := err == nil && bytes.Equal(got, v.OKM); ok != (v.Result == "valid") {
					t.Errorf("vector %d: %x, %v; %x is %s", v.ID, got, err, v.OKM, v.Result)
				}
			}
		})
	}
}
