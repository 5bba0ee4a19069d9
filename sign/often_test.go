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

// TestCombEdges: where the two halves of the sum are the same point, or cancel out,
// and where the x of the sum is not below the group's order.
func TestCombEdges(t *testing.T) {
	n := orderP256
	number := func(b ...byte) *big.Int { return new(big.Int).SetBytes(b) }
	mul := func(a, b *big.Int) *big.Int { c := new(big.Int).Mul(a, b); return c.Mod(c, n) }
	inverse := func(a *big.Int) *big.Int { return new(big.Int).ModInverse(a, n) }
	bytes32 := func(a *big.Int) []byte { return a.FillBytes(make([]byte, 32)) }
	times := func(p *nistec.P256Point, k *big.Int) *nistec.P256Point {
		return must(nistec.NewP256Point().ScalarMult(p, bytes32(k)))
	}
	g := nistec.NewP256Point().SetGenerator()
	check := func(what string, want bool, q *nistec.P256Point, r, s, e *big.Int) {
		t.Helper()
		pub := must(ecdsa.ParseUncompressedPublicKey(elliptic.P256(), q.Bytes()))
		sig := must(asn1.Marshal([]*big.Int{r, s}))
		if std := ecdsa.VerifyASN1(pub, bytes32(e), sig); std != want {
			t.Fatalf("%s: the standard library says %t", what, std)
		}
		if got := combOf(t, pub).verify(bytes32(e), sig); got != want {
			t.Errorf("%s: %t, want %t", what, got, want)
		}
	}

	// u1 G = u2 Q: the sum is a point doubled.
	d, u1 := number(7, 7, 7), number(5, 4, 3, 2, 1)
	r := new(big.Int).SetBytes(must(times(g, new(big.Int).Lsh(u1, 1)).BytesX()))
	r.Mod(r, n)
	s := mul(mul(r, d), inverse(u1))
	check("doubled", true, times(g, d), r, s, mul(u1, s))

	// u1 G = -u2 Q: the sum is the point at infinity, whose x is nothing.
	e := mul(new(big.Int).Sub(n, r), d)
	check("infinity", false, times(g, d), r, s, e)

	// The sum is a point R with n <= x < p: r is x - n. Q is what R asks for.
	lift := func(x *big.Int) (*nistec.P256Point, error) {
		return nistec.NewP256Point().SetBytes(append([]byte{2}, bytes32(x)...))
	}
	x := new(big.Int).Set(n)
	sum, err := lift(x)
	for err != nil { // every other number is the x of a point
		sum, err = lift(x.Add(x, big.NewInt(1)))
	}
	r.Sub(x, n)
	q := times(sum, s)
	q.Add(q, times(g, new(big.Int).Sub(n, e)))
	q = times(q, inverse(r))
	check("x above the order", true, q, r, s, e)
	check("r above the order", false, q, x, s, e)
}
