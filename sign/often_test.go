package sign

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha512"
	"encoding/asn1"
	"math/big"
	"testing"

	"filippo.io/nistec"
)

func combOf(t *testing.T, pub *ecdsa.PublicKey) *comb {
	t.Helper()
	c := newComb(must(pub.Bytes()))
	if c == nil {
		t.Fatal("no comb")
	}
	return c
}

// TestCombAgrees: a key's comb accepts what the standard library accepts, and nothing
// else, for digests of all lengths.
func TestCombAgrees(t *testing.T) {
	n := elliptic.P256().Params().N
	for range 8 {
		key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
		c := combOf(t, &key.PublicKey)
		for _, size := range []int{0, 1, 20, 31, 32, 33, 48, 64} {
			digest := make([]byte, size)
			rand.Read(digest)
			sig := must(ecdsa.SignASN1(rand.Reader, key, digest))
			var r, s big.Int
			if !parseSignature(sig, &r, &s) {
				t.Fatal("a good signature can't be read")
			}
			der := func(r, s *big.Int) []byte { return must(asn1.Marshal([]*big.Int{r, s})) }
			plus := func(x *big.Int, by int64) *big.Int { return new(big.Int).Add(x, big.NewInt(by)) }
			tries := [][]byte{
				sig, nil, sig[:len(sig)-1], append(sig[:len(sig):len(sig)], 0), flip(sig),
				der(&r, new(big.Int).Sub(n, &s)), // as good as the other
				der(plus(&r, 1), &s), der(&r, plus(&s, 1)), der(new(big.Int), &s), der(&r, new(big.Int)),
				der(new(big.Int).Neg(&r), &s), der(new(big.Int).Add(&r, n), &s), der(&r, new(big.Int).Add(&s, n)),
				der(n, &s), der(&r, n), der(plus(n, -1), plus(n, -1)), der(big.NewInt(1), big.NewInt(1)),
			}
			for i, try := range tries {
				for j, d := range [][]byte{digest, append([]byte{1}, digest...), nil} {
					if got, want := c.verify(d, try), ecdsa.VerifyASN1(&key.PublicKey, d, try); got != want {
						t.Errorf("digest %d of %d bytes, signature %d: %t, want %t", j, size, i, got, want)
					}
				}
			}
		}
	}
}

// TestCombTimes: all that a number can be, at its edges.
func TestCombTimes(t *testing.T) {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	c := combOf(t, &key.PublicKey)
	n := elliptic.P256().Params().N
	numbers := []*big.Int{big.NewInt(0), big.NewInt(1), big.NewInt(2), new(big.Int).Sub(n, big.NewInt(1)), n, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))}
	for i := range 256 {
		numbers = append(numbers, new(big.Int).Lsh(big.NewInt(1), uint(i)))
	}
	for _, k := range numbers {
		var b [32]byte
		k.FillBytes(b[:])
		want := must(nistec.NewP256Point().ScalarMult(&c[0][1], b[:]))
		if got := c.times(&b); !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Errorf("%x: %x, want %x", b, got.Bytes(), want.Bytes())
		}
	}
}

// TestOften: the multiples are made once a key has come again and again, refuse what
// must be refused from then on as well, and are not made without bound.
func TestOften(t *testing.T) {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	digest := sha512.Sum384([]byte("message"))
	sig := must(key.Sign(nil, digest[:], crypto.SHA384))
	for range 2 * oftenAfter {
		if !verifyP256(&key.PublicKey, digest[:], sig) || verifyP256(&key.PublicKey, digest[:], flip(sig)) {
			t.Fatal("wrong")
		}
	}
	if often.of(&key.PublicKey) == nil {
		t.Error("no multiples of a key that was met often")
	}
	for range mostTables + 10 {
		other := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
		for range oftenAfter + 1 {
			often.of(&other.PublicKey)
		}
	}
	held := 0
	for _, m := range often.seen {
		if m.comb != nil {
			held++
		}
	}
	if held > mostTables || held != often.count {
		t.Errorf("%d tables, counted %d", held, often.count)
	}
}

func BenchmarkComb(b *testing.B) {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	digest := make([]byte, 32)
	sig := must(ecdsa.SignASN1(rand.Reader, key, digest))
	c := newComb(must(key.PublicKey.Bytes()))
	for name, f := range map[string]func(){
		"comb":    func() { c.verify(digest, sig) },
		"library": func() { ecdsa.VerifyASN1(&key.PublicKey, digest, sig) },
		"make":    func() { newComb(must(key.PublicKey.Bytes())) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
}
