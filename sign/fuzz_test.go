package sign

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/asn1"
	"math/big"
	"testing"

	"filippo.io/nistec"
)

// FuzzVerifyP256 holds the check of a key that comes often to the standard library's:
// keys, digests of any length and signatures that are right, changed, or anything.
func FuzzVerifyP256(f *testing.F) {
	f.Add([]byte{1}, []byte("message"), []byte(nil), uint8(32))
	f.Add([]byte{2}, []byte("message"), []byte{0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01}, uint8(20))
	f.Add(new(big.Int).Sub(orderP256, big.NewInt(1)).Bytes(), []byte{}, []byte{0, 0, 0, 0, 1}, uint8(48))
	f.Add([]byte{3}, []byte("message"), []byte{0x30, 0x07, 0x02, 0x02, 0x00, 0x01, 0x02, 0x01, 0x01}, uint8(0))
	f.Fuzz(func(t *testing.T, d, message, sig []byte, length uint8) {
		scalar := new(big.Int).SetBytes(d)
		scalar.Mod(scalar, new(big.Int).Sub(orderP256, big.NewInt(1))).Add(scalar, big.NewInt(1))
		key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar.FillBytes(make([]byte, 32)))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha512.Sum512(message)
		digest := sum[:int(length)%(len(sum)+1)]
		if length == 32 {
			short := sha256.Sum256(message)
			digest = short[:]
		}
		c := combOf(t, &key.PublicKey)
		same := func(what string, sig []byte) {
			if got, want := c.verify(digest, sig), ecdsa.VerifyASN1(&key.PublicKey, digest, sig); got != want {
				t.Fatalf("%s %x of %x under %x: %v, the standard library %v", what, sig, digest, scalar, got, want)
			}
		}
		same("a signature", sig)
		right := signed(t, scalar, digest)
		if !c.verify(digest, right) {
			t.Fatalf("%x of %x under %x is refused", right, digest, scalar)
		}
		same("a right signature", right)
		for i, x := range sig[:min(len(sig), len(right))] {
			right[i] ^= x
		}
		same("a changed signature", right)
	})
}

// signed is a signature of FIPS 186-5, Section 6.4.1, always the same.
func signed(t *testing.T, d *big.Int, digest []byte) []byte {
	secret := sha256.Sum256(append(d.Bytes(), digest...))
	k := new(big.Int).SetBytes(secret[:])
	k.Mod(k, orderP256)
	point, err := nistec.NewP256Point().ScalarBaseMult(k.FillBytes(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	r := new(big.Int).SetBytes(must(point.BytesX()))
	r.Mod(r, orderP256)
	s := new(big.Int).Mul(r, d)
	s.Add(s, new(big.Int).SetBytes(digest[:min(len(digest), 32)]))
	s.Mul(s, k.ModInverse(k, orderP256)).Mod(s, orderP256)
	return must(asn1.Marshal([]*big.Int{r, s}))
}
