package kex

import (
	"bytes"
	"crypto/ecdh"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

func name(g iana.Group) string { return fmt.Sprint(g) }

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

type vector struct {
	ID                              int `json:"tcId"`
	Flags                           []string
	Public, Private, Shared, Result string // ECDH
	Seed, EK, C, K, M               string // ML-KEM
}

// wycheproof reads one file of C2SP/wycheproof. Some lie beside the repository and
// not in it; for all of them, WYCHEPROOF names the folder testvectors_v1 of a
// checkout.
func wycheproof(t *testing.T, file string) []vector {
	t.Helper()
	dir := os.Getenv("WYCHEPROOF")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "vectors", "wycheproof")
	}
	text, err := os.ReadFile(filepath.Join(dir, file))
	if errors.Is(err, fs.ErrNotExist) && !slices.Contains(beside, file) {
		t.Skip(file + " is not beside the repository: see WYCHEPROOF")
	}
	if errors.Is(err, fs.ErrNotExist) && os.Getenv("CI") != "true" {
		t.Skip("the Wycheproof vectors are not on this machine; CI has them")
	}
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		TestGroups []struct{ Tests []vector }
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	var all []vector
	for _, g := range doc.TestGroups {
		all = append(all, g.Tests...)
	}
	if len(all) < 100 {
		t.Fatalf("only %d vectors in %s", len(all), file)
	}
	return all
}

// beside are the files that CI has.
var beside = []string{"x25519_test.json", "ecdh_secp256r1_test.json", "mlkem_768_test.json"}

// Every vector is a private key and a peer's share. "Acceptable" ones are
// odd but computable; those that give zero must be refused.
func TestWycheproofX25519(t *testing.T) {
	for _, v := range wycheproof(t, "x25519_test.json") {
		client, err := Generate(iana.X25519, bytes.NewReader(unhex(v.Private)))
		if err != nil {
			t.Fatal(err)
		}
		secret, err := client.Shared(unhex(v.Public))
		if slices.Contains(v.Flags, "ZeroSharedSecret") {
			if !errors.Is(err, fault.KexZeroSecret) {
				t.Errorf("%d: %v, want a refusal", v.ID, err)
			}
			continue
		}
		if err != nil || hex.EncodeToString(secret) != v.Shared {
			t.Errorf("%d: %x, %v", v.ID, secret, err)
		}
	}
}

// spkiP256 is the DER of a SubjectPublicKeyInfo up to an uncompressed P-256
// point. Vectors in any other encoding test ASN.1, which TLS does not use here.
const spkiP256 = "3059301306072a8648ce3d020106082a8648ce3d030107034200"

func TestWycheproofP256(t *testing.T) {
	ran := 0
	for _, v := range wycheproof(t, "ecdh_secp256r1_test.json") {
		der := v.Public
		if len(der) != len(spkiP256)+2*65 || der[:len(spkiP256)] != spkiP256 {
			continue
		}
		ran++
		key, err := ecdh.P256().NewPrivateKey(scalar(v.Private, 32))
		if err != nil {
			t.Fatal(err)
		}
		secret, err := curveKey{key}.shared(unhex(der[len(spkiP256):]))
		// One vector breaks the point itself and is "acceptable" to a parser
		// that does not look.
		if v.Result == "invalid" || slices.Contains(v.Flags, "InvalidAsn") {
			if !errors.Is(err, fault.KexPointInvalid) {
				t.Errorf("%d: %v, want a refusal", v.ID, err)
			}
			continue
		}
		if err != nil || hex.EncodeToString(secret) != v.Shared {
			t.Errorf("%d: %x, %v", v.ID, secret, err)
		}
	}
	if ran < 300 {
		t.Errorf("only %d vectors have the form of TLS", ran)
	}
}

// scalar makes a Wycheproof integer, which may have a leading zero or lack
// one, n bytes long.
func scalar(s string, n int) []byte {
	b := bytes.TrimLeft(unhex(s), "\x00")
	return append(make([]byte, n-len(b)), b...)
}

// The vectors are seeds and ciphertexts; wrong lengths are ours to refuse.
func TestWycheproofMLKEM768(t *testing.T)  { wycheproofMLKEM(t, mlkem768Part, "mlkem_768_test.json") }
func TestWycheproofMLKEM1024(t *testing.T) { wycheproofMLKEM(t, mlkem1024Part, "mlkem_1024_test.json") }

func wycheproofMLKEM(t *testing.T, k kem, file string) {
	for _, v := range wycheproof(t, file) {
		key, err := k.generate(bytes.NewReader(unhex(v.Seed)))
		if len(unhex(v.Seed)) != 64 {
			if len(unhex(v.Seed)) < 64 && err == nil {
				t.Errorf("%d: a seed that is too short was taken", v.ID)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if v.EK != "" && hex.EncodeToString(key.public()) != v.EK {
			t.Errorf("%d: encapsulation key", v.ID)
		}
		secret, err := key.shared(unhex(v.C))
		if v.Result == "invalid" {
			if !errors.Is(err, fault.KexShareLength) {
				t.Errorf("%d: %x, %v; want a refusal", v.ID, secret, err)
			}
			continue
		}
		if err != nil || hex.EncodeToString(secret) != v.K {
			t.Errorf("%d: %x, %v", v.ID, secret, err)
		}
	}
}

// TestWycheproofEncapsulation: m is what a server draws; a key beyond the modulus is
// refused.
func TestWycheproofEncapsulation(t *testing.T) {
	for file, k := range map[string]kem{"mlkem_768_encaps_test.json": mlkem768Part, "mlkem_1024_encaps_test.json": mlkem1024Part} {
		t.Run(file, func(t *testing.T) {
			for _, v := range wycheproof(t, file) {
				if len(v.EK) != 2*k.PublicKeySize() {
					continue // checked before
				}
				share, secret, err := k.respond(bytes.NewReader(unhex(v.M)), unhex(v.EK))
				if v.Result == "invalid" {
					if !errors.Is(err, fault.KexMLKEMKeyInvalid) {
						t.Errorf("%d: %v, want a refusal", v.ID, err)
					}
					continue
				}
				if err != nil || hex.EncodeToString(share) != v.C || hex.EncodeToString(secret) != v.K {
					t.Errorf("%d: %x, %v", v.ID, secret, err)
				}
			}
		})
	}
}
