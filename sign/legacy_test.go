package sign

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/hex"
	"errors"
	"math/big"
	"testing"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// What the key implies, a Signer makes and VerifyLegacy believes, of this message
// only.
func TestLegacy(t *testing.T) {
	message := []byte("message")
	for name, want := range map[string]iana.SignatureScheme{
		"P-256": iana.ECDSA_SHA1, "P-384": iana.ECDSA_SHA1, "P-521": iana.ECDSA_SHA1,
		"RSA-1024": iana.RSA_PKCS1_MD5_SHA1, "RSA-2048": iana.RSA_PKCS1_MD5_SHA1,
	} {
		s := must(FromCrypto(keys()[name]))
		id, ok := Legacy(s.Public())
		if !ok || id != want {
			t.Errorf("%s: %v, %v, want %v", name, id, ok, want)
		}
		sig := must(s.Sign(context.Background(), id, message))
		if err := VerifyLegacy(s.Public(), message, sig); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := VerifyLegacy(s.Public(), []byte("massage"), sig); !errors.Is(err, fault.SigInvalid) {
			t.Errorf("%s: another message: %v", name, err)
		}
		for _, bad := range [][]byte{nil, sig[:len(sig)-1], append(bytes.Clone(sig), 0), flip(sig)} {
			if err := VerifyLegacy(s.Public(), message, bad); !errors.Is(err, fault.SigInvalid) {
				t.Errorf("%s: bad signature %x: %v", name, bad, err)
			}
		}
	}
}

// In the RSA form the padding is followed by the 36 bytes of both hashes and
// nothing that names them (RFC 4346, Section 4.7).
func TestLegacyRSAForm(t *testing.T) {
	key := keys()["RSA-2048"]
	sig := must(must(FromCrypto(key)).Sign(context.Background(), iana.RSA_PKCS1_MD5_SHA1, []byte("messages")))
	pub := key.Public().(*rsa.PublicKey)
	em := new(big.Int).Exp(new(big.Int).SetBytes(sig), big.NewInt(int64(pub.E)), pub.N).FillBytes(make([]byte, pub.Size()))
	hashes := must(hex.DecodeString("de70938849b75d3db63bba421c93e01817f3467db103e03ea7354dd6da9a32c1ed2a07e8"))
	want := append([]byte{0, 1}, bytes.Repeat([]byte{0xff}, pub.Size()-3-len(hashes))...)
	if want = append(append(want, 0), hashes...); !bytes.Equal(em, want) {
		t.Errorf("signed\n %x\nwant\n %x", em, want)
	}
}

// A signature of a newer version does not pass in an older one, but for ECDSA with
// SHA-1, which is the same in both.
func TestLegacyDoesNotMix(t *testing.T) {
	for name := range fits {
		s := must(FromCrypto(keys()[name]))
		for _, id := range s.Schemes() {
			sig := must(s.Sign(context.Background(), id, []byte("message")))
			old, _ := Legacy(s.Public())
			if err := VerifyLegacy(s.Public(), []byte("message"), sig); (err == nil) != (id == old) {
				t.Errorf("%s with %v: %v", name, id, err)
			}
		}
	}
}

func TestLegacyForeignKeys(t *testing.T) {
	for name, pub := range map[string]crypto.PublicKey{
		"nil":      nil,
		"P-224":    keys()["P-224"].Public(),
		"no curve": &ecdsa.PublicKey{},
		"Ed25519":  ed25519.PublicKey(make([]byte, 32)),
		"string":   "key",
	} {
		if id, ok := Legacy(pub); ok || id != 0 {
			t.Errorf("%s: %v", name, id)
		}
		if err := VerifyLegacy(pub, nil, nil); !errors.Is(err, fault.SigSchemeKeyMismatch) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
