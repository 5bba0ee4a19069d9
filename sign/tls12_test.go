package sign

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"slices"
	"testing"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

var anyECDSA = []iana.SignatureScheme{iana.ECDSA_SECP256R1_SHA256, iana.ECDSA_SECP384R1_SHA384, iana.ECDSA_SECP521R1_SHA512, iana.ECDSA_SHA1}

// fits12 is which scheme TLS 1.2 lets a key sign with: as fits has it, but every
// curve goes with every hash.
var fits12 = map[string][]iana.SignatureScheme{
	"P-256":    anyECDSA,
	"P-384":    anyECDSA,
	"P-521":    anyECDSA,
	"P-224":    nil,
	"Ed25519":  {iana.ED25519},
	"RSA-2048": slices.Concat(pss, pkcs1, sha1s[:1]),
	"RSA-1024": slices.Concat(pss[:2], pkcs1, sha1s[:1]),
}

// signature is made with the key itself, as a peer of TLS 1.2 would: a Signer
// keeps to the curve.
func signature(t *testing.T, key crypto.Signer, id iana.SignatureScheme, message []byte) []byte {
	t.Helper()
	row, _ := find(id)
	sig, err := key.Sign(rand.Reader, row.digest(message), row.options())
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

// Every key is believed with each scheme that fits and with no other, and a
// changed message or signature does not verify.
func TestVerify12(t *testing.T) {
	message := []byte("message")
	for name, want := range fits12 {
		t.Run(name, func(t *testing.T) {
			key := keys()[name]
			for _, id := range All() {
				if !slices.Contains(want, id) {
					if err := Verify12(key.Public(), id, message, make([]byte, 64)); !errors.Is(err, fault.SigSchemeKeyMismatch) {
						t.Errorf("%v: %v", id, err)
					}
					continue
				}
				sig := signature(t, key, id, message)
				if err := Verify12(key.Public(), id, message, sig); err != nil {
					t.Errorf("%v: %v", id, err)
				}
				if err := Verify12(key.Public(), id, []byte("massage"), sig); !errors.Is(err, fault.SigInvalid) {
					t.Errorf("%v: another message: %v", id, err)
				}
				for _, bad := range [][]byte{nil, sig[:len(sig)-1], append(bytes.Clone(sig), 0), flip(sig)} {
					if err := Verify12(key.Public(), id, message, bad); !errors.Is(err, fault.SigInvalid) {
						t.Errorf("%v: bad signature %x: %v", id, bad, err)
					}
				}
			}
		})
	}
}

// What a Signer makes for TLS 1.3 is good in TLS 1.2, but not the reverse.
func TestCurveBinding(t *testing.T) {
	message := []byte("message")
	for name, want := range fits {
		s := must(FromCrypto(keys()[name]))
		for _, id := range want {
			if id == iana.RSA_PKCS1_MD5_SHA1 {
				continue
			}
			sig := must(s.Sign(context.Background(), id, message))
			if err := Verify12(s.Public(), id, message, sig); err != nil {
				t.Errorf("%s with %v: %v", name, id, err)
			}
		}
	}
	key := keys()["P-384"]
	sig := signature(t, key, iana.ECDSA_SECP256R1_SHA256, message)
	err := Verify(key.Public(), iana.ECDSA_SECP256R1_SHA256, message, sig)
	if !errors.Is(err, fault.SigSchemeKeyMismatch) {
		t.Errorf("TLS 1.3 takes SHA-256 with P-384: %v", err)
	}
}

// The error says what would have been accepted in this version.
func TestVerify12Expects(t *testing.T) {
	err := Verify12(keys()["P-384"].Public(), iana.ED25519, nil, nil)
	f, ok := errors.AsType[*fault.Error](err)
	if want := "ecdsa_secp256r1_sha256 ecdsa_secp384r1_sha384 ecdsa_secp521r1_sha512"; !ok || f.Want != want || f.Got != "ed25519" {
		t.Errorf("%v, want it to expect %s", err, want)
	}
}

// Old and unknown schemes, and keys of any other kind, are refused and never
// panic.
func TestVerify12Foreign(t *testing.T) {
	old := []iana.SignatureScheme{iana.RSA_PKCS1_MD5_SHA1, 0x0101, 0x0303, iana.RSA_PSS_PSS_SHA256, iana.ED448, iana.MLDSA44, 0}
	for _, id := range old {
		if UsableIn12(id) {
			t.Errorf("%v counts as usable", id)
		}
		for name, key := range keys() {
			if err := Verify12(key.Public(), id, nil, nil); !errors.Is(err, fault.SigSchemeKeyMismatch) {
				t.Errorf("%v with %s: %v", id, name, err)
			}
		}
	}
	for name, pub := range map[string]crypto.PublicKey{
		"nil":           nil,
		"no curve":      &ecdsa.PublicKey{},
		"short Ed25519": ed25519.PublicKey{1, 2, 3},
		"string":        "key",
	} {
		for _, id := range append(All(), old...) {
			if err := Verify12(pub, id, nil, nil); !errors.Is(err, fault.SigSchemeKeyMismatch) {
				t.Errorf("%s, %v: %v", name, id, err)
			}
		}
	}
}

// What a client of TLS 1.2 offers, it believes.
func TestUsableIn12(t *testing.T) {
	for _, id := range Schemes(iana.TLS12) {
		if !UsableIn12(id) {
			t.Errorf("%v is offered and not usable", id)
		}
	}
}
