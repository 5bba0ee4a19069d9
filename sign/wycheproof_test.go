package sign

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// The vectors of C2SP/wycheproof lie beside the repository and not in it.
// rsa_pkcs1_2048_test.json there is about RSA decryption, not signatures.
func TestWycheproof(t *testing.T) {
	for _, c := range []struct {
		file   string
		scheme iana.SignatureScheme
		least  int // vectors, so that a wrong file shows
	}{
		{"ecdsa_secp256r1_sha256_test.json", iana.ECDSA_SECP256R1_SHA256, 400},
		{"ed25519_test.json", iana.ED25519, 100},
	} {
		t.Run(c.file, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("..", "..", "shared", "vectors", "wycheproof", c.file))
			if errors.Is(err, fs.ErrNotExist) && os.Getenv("CI") != "true" {
				t.Skip("the Wycheproof vectors are not on this machine; CI has them")
			}
			if err != nil {
				t.Fatal(err)
			}
			var doc struct {
				TestGroups []struct {
					PublicKeyDer string
					Tests        []struct {
						ID               int `json:"tcId"`
						Msg, Sig, Result string
					}
				}
			}
			if err := json.Unmarshal(text, &doc); err != nil {
				t.Fatal(err)
			}
			ran := 0
			for _, g := range doc.TestGroups {
				pub, err := x509.ParsePKIXPublicKey(unhex(t, g.PublicKeyDer))
				if err != nil {
					t.Fatal(err)
				}
				for _, v := range g.Tests {
					ran++
					err := Verify(pub, c.scheme, unhex(t, v.Msg), unhex(t, v.Sig))
					if v.Result == "valid" && err != nil || v.Result == "invalid" && !errors.Is(err, fault.SigInvalid) {
						t.Errorf("%d is %s: %v", v.ID, v.Result, err)
					}
					if key, ok := pub.(*ecdsa.PublicKey); ok {
						// Most keys with an odd point come only once, and so never often.
						digest := sha256.Sum256(unhex(t, v.Msg))
						if ok := combOf(t, key).verify(digest[:], unhex(t, v.Sig)); ok != (v.Result == "valid") {
							t.Errorf("%d is %s: to a key that comes often, %v", v.ID, v.Result, ok)
						}
					}
				}
			}
			if ran < c.least {
				t.Errorf("only %d vectors", ran)
			}
		})
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
