package sign

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"math/big"
	"testing"

	"github.com/handclasp/handclasp/fault"
)

// TestHollowKeys: keys of which something is missing, or everything, sign nothing and
// verify nothing.
func TestHollowKeys(t *testing.T) {
	for name, pub := range map[string]crypto.PublicKey{
		"none": nil, "no kind of key": "key",
		"nil RSA": (*rsa.PublicKey)(nil), "RSA without a modulus": new(rsa.PublicKey),
		"nil ECDSA": (*ecdsa.PublicKey)(nil), "ECDSA without a curve": new(ecdsa.PublicKey),
		"P-256 without a point": &ecdsa.PublicKey{Curve: elliptic.P256()}, "P-384 without a point": &ecdsa.PublicKey{Curve: elliptic.P384()},
		//lint:ignore SA1019 made by hand, and wrong
		"P-521 without y": &ecdsa.PublicKey{Curve: elliptic.P521(), X: big.NewInt(1)},
		"nil Ed25519":     ed25519.PublicKey(nil), "short Ed25519": ed25519.PublicKey{1},
	} {
		sig := []byte{0x30, 6, 2, 1, 1, 2, 1, 1}
		for _, s := range All() {
			for _, err := range []error{Verify(pub, s, nil, sig), Verify12(pub, s, nil, sig), VerifyLegacy(pub, nil, sig)} {
				if !errors.Is(err, fault.SigSchemeKeyMismatch) {
					t.Errorf("%s, %v: %v", name, s, err)
				}
			}
			if Fits13(pub, s) {
				t.Errorf("%s fits %v", name, s)
			}
		}
	}
	// A point that is not on its curve is a key with which nothing verifies.
	//lint:ignore SA1019 made by hand, and wrong
	off := &ecdsa.PublicKey{Curve: elliptic.P256(), X: big.NewInt(5), Y: big.NewInt(5)}
	for range 2 * oftenAfter {
		if err := Verify(off, All()[0], nil, []byte{0x30, 6, 2, 1, 1, 2, 1, 1}); !errors.Is(err, fault.SigInvalid) {
			t.Error(err)
		}
	}
	for name, key := range map[string]crypto.Signer{
		"none": nil, "nil RSA": (*rsa.PrivateKey)(nil), "zero RSA": new(rsa.PrivateKey), "nil ECDSA": (*ecdsa.PrivateKey)(nil),
		"zero ECDSA": new(ecdsa.PrivateKey), "nil Ed25519": ed25519.PrivateKey(nil),
	} {
		if _, err := FromCrypto(key); err == nil {
			t.Errorf("%s signs", name)
		}
	}
}
