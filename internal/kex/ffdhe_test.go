package kex

import (
	"bytes"
	"crypto/rand"
	"errors"
	"math/big"
	"testing"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

var (
	one = big.NewInt(1)
	two = big.NewInt(2)
)

// euler is floor(2^bits e).
func euler(bits uint) *big.Int {
	const guard = 64
	term := new(big.Int).Lsh(one, bits+guard)
	sum := new(big.Int).Set(term)
	for k := int64(1); term.Sign() > 0; k++ {
		term.Quo(term, big.NewInt(k))
		sum.Add(sum, term)
	}
	return sum.Rsh(sum, guard)
}

// TestPrimes computes the primes of RFC 7919 by its formula (Appendix A).
func TestPrimes(t *testing.T) {
	for g, x := range map[iana.Group]int64{
		iana.FFDHE2048: 560316, iana.FFDHE3072: 2625351, iana.FFDHE4096: 5736041, iana.FFDHE6144: 15705020, iana.FFDHE8192: 10965728,
	} {
		p := ParamsOf(g)
		bits := uint(p.Bits())
		want := euler(bits - 130)
		want.Add(want, big.NewInt(x)).Lsh(want, 64)
		want.Add(want, new(big.Int).Lsh(one, bits)).Sub(want, new(big.Int).Lsh(one, bits-64)).Sub(want, one)
		if !bytes.Equal(want.Bytes(), p.P) || !bytes.Equal(p.G, []byte{2}) {
			t.Errorf("%v is not what RFC 7919 says", g)
		}
		if named, ok := IsNamed(p); !ok || named != g {
			t.Errorf("%v is taken for %v", g, named)
		}
		if err := CheckParams(p, 0); err != nil {
			t.Errorf("%v: %v", g, err)
		}
	}
}

// TestFiniteAgreement: both sides agree, in the forms of TLS 1.3 and of TLS 1.2, with
// what math/big computes.
func TestFiniteAgreement(t *testing.T) {
	for g := range finite {
		p := ParamsOf(g)
		prime := new(big.Int).SetBytes(p.P)
		exponent := bytes.Repeat([]byte{0x9c}, finite[g].exponent)
		want := new(big.Int).Exp(two, new(big.Int).SetBytes(exponent), prime)
		key, err := Generate(g, bytes.NewReader(exponent))
		if err != nil || !bytes.Equal(key.Public(), want.FillBytes(make([]byte, len(p.P)))) {
			t.Fatalf("%v: a share of %d bytes, %v", g, len(key.Public()), err)
		}
		share, secret, err := Respond(g, rand.Reader, key.Public())
		if err != nil || len(share) != len(p.P) || len(secret) != len(p.P) {
			t.Fatalf("%v: a share of %d and a secret of %d bytes, %v", g, len(share), len(secret), err)
		}
		mine, err := key.Shared(share)
		if err != nil || !bytes.Equal(mine, secret) {
			t.Errorf("%v: the sides disagree, %v", g, err)
		}
		if _, err := key.Shared(share); !errors.Is(err, fault.KexReuse) {
			t.Errorf("%v: a private key serves twice", g)
		}
		server := generate(t, g)
		yc, premaster, err := RespondDH(p, trim(server.Public()), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if mine, err = server.Premaster(yc); err != nil || !bytes.Equal(mine, premaster) {
			t.Errorf("%v in TLS 1.2: the sides disagree, %v", g, err)
		}
	}
}

// TestOwnGroup: in a group that a server made the exponent is as long as the
// modulus, and used up even by a bad value. Shares keep their leading zeros.
func TestOwnGroup(t *testing.T) {
	p := Params{P: append([]byte{0}, modp2048()...), G: []byte{2}}
	prime := new(big.Int).SetBytes(p.P)
	for name, random := range map[string][]byte{"full": bytes.Repeat([]byte{0x9c}, 256), "a byte less": bytes.Repeat([]byte{0x9c}, 255)} {
		share, _, err := RespondDH(p, []byte{4}, bytes.NewReader(random))
		want := new(big.Int).Exp(two, new(big.Int).SetBytes(random), prime)
		if name == "full" && (err != nil || !bytes.Equal(share, want.FillBytes(make([]byte, 256)))) || name != "full" && !errors.Is(err, fault.KexRandom) {
			t.Errorf("%s: a share of %d bytes, %v", name, len(share), err)
		}
	}
	p = ParamsOf(iana.FFDHE2048)
	prime.SetBytes(p.P)
	exponent := append([]byte{0x80}, make([]byte, finite[iana.FFDHE2048].exponent-1)...)
	for i := 0; ; i++ {
		exponent[len(exponent)-1], exponent[len(exponent)-2] = byte(i), byte(i>>8)
		want := new(big.Int).Exp(two, new(big.Int).SetBytes(exponent), prime)
		if want.BitLen() > 2040 {
			continue
		}
		if share, _, err := RespondDH(p, []byte{4}, bytes.NewReader(exponent)); err != nil || !bytes.Equal(share, want.FillBytes(make([]byte, 256))) {
			t.Errorf("a share of %d bytes, want 256; %v", len(share), err)
		}
		break
	}
	key := generate(t, iana.FFDHE2048)
	held := key.keys[0].(*dhKey).exponent
	if _, err := key.Shared(make([]byte, 256)); err == nil || !bytes.Equal(held, make([]byte, len(held))) {
		t.Errorf("a bad value leaves the exponent in memory, %v", err)
	}
}

// TestLeadingZeros: TLS 1.2 strips them from the secret, TLS 1.3 keeps them.
func TestLeadingZeros(t *testing.T) {
	p := ParamsOf(iana.FFDHE2048)
	prime := new(big.Int).SetBytes(p.P)
	exponent := append([]byte{0x80}, make([]byte, finite[iana.FFDHE2048].exponent-1)...)
	for i := range 1 << 14 {
		exponent[len(exponent)-1], exponent[len(exponent)-2] = byte(i), byte(i>>8)
		secret := new(big.Int).Exp(big.NewInt(4), new(big.Int).SetBytes(exponent), prime)
		if secret.BitLen() > 2040 {
			continue
		}
		for _, old := range []bool{false, true} {
			key, err := Generate(iana.FFDHE2048, bytes.NewReader(exponent))
			if err != nil {
				t.Fatal(err)
			}
			peer := append(make([]byte, 255), 4)
			got, err := key.Shared, error(nil)
			if old {
				got, peer = key.Premaster, []byte{4}
			}
			b, err := got(peer)
			want := secret.FillBytes(make([]byte, 256))
			if old {
				want = secret.Bytes()
			}
			if err != nil || !bytes.Equal(b, want) {
				t.Errorf("TLS 1.2 %v: a secret of %d bytes, want %d; %v", old, len(b), len(want), err)
			}
		}
		return
	}
	t.Fatal("no secret begins with a zero")
}

// TestFiniteRefused: public values that give the secret away, and parameters that
// are none.
func TestFiniteRefused(t *testing.T) {
	p := ParamsOf(iana.FFDHE2048)
	prime := new(big.Int).SetBytes(p.P)
	for name, y := range map[string]*big.Int{
		"0": new(big.Int), "1": one, "p-1": new(big.Int).Sub(prime, one), "p": prime, "p+1": new(big.Int).Add(prime, one),
	} {
		b := y.FillBytes(make([]byte, 256))
		if _, _, err := Respond(iana.FFDHE2048, rand.Reader, b); !errors.Is(err, fault.KexPublicRange) {
			t.Errorf("Respond takes %s: %v", name, err)
		}
		if _, err := generate(t, iana.FFDHE2048).Shared(b); !errors.Is(err, fault.KexPublicRange) {
			t.Errorf("Shared takes %s: %v", name, err)
		}
		if _, err := generate(t, iana.FFDHE2048).Premaster(y.Bytes()); !errors.Is(err, fault.KexPublicRange) {
			t.Errorf("Premaster takes %s: %v", name, err)
		}
		if _, _, err := RespondDH(p, y.Bytes(), rand.Reader); !errors.Is(err, fault.KexPublicRange) {
			t.Errorf("RespondDH takes %s: %v", name, err)
		}
	}
	composite := new(big.Int).Sub(prime, big.NewInt(4)).Bytes()
	for _, c := range []struct {
		name  string
		p     Params
		least int
		want  *fault.Rule
	}{
		{"1,536 bits", Params{P: bytes.Repeat([]byte{0xff}, 192), G: []byte{2}}, 0, fault.DHWeak},
		{"512 bits, whatever is asked for", Params{P: bytes.Repeat([]byte{0xff}, 64), G: []byte{2}}, 1, fault.DHWeak},
		{"leading zeros do not make it longer", Params{P: append(make([]byte, 200), bytes.Repeat([]byte{0xff}, 100)...), G: []byte{2}}, 0, fault.DHWeak},
		{"16,384 bits", Params{P: bytes.Repeat([]byte{0xff}, 2048), G: []byte{2}}, 0, fault.DHTooLarge},
		{"even", Params{P: new(big.Int).Sub(prime, one).Bytes(), G: []byte{2}}, 0, fault.DHParams},
		{"composite", Params{P: composite, G: []byte{2}}, 0, fault.DHParams},
		{"generator 0", Params{P: p.P}, 0, fault.DHParams},
		{"generator 1", Params{P: p.P, G: []byte{1}}, 0, fault.DHParams},
		{"generator p-1", Params{P: p.P, G: new(big.Int).Sub(prime, one).Bytes()}, 0, fault.DHParams},
	} {
		if err := CheckParams(c.p, c.least); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %s", c.name, err, c.want.ID)
		}
	}
	if _, _, err := RespondDH(p, []byte{4}, bytes.NewReader(nil)); !errors.Is(err, fault.KexRandom) {
		t.Errorf("no randomness: %v", err)
	}
	// A prime of nobody's making passes, if it is one.
	if err := CheckParams(Params{P: modp2048(), G: []byte{2}}, 0); err != nil {
		t.Errorf("the 2048-bit group of RFC 3526: %v", err)
	}
}

// modp2048 is the prime of RFC 3526, Section 3: 2^2048 - 2^1984 - 1 + 2^64 (floor(2^1918
// pi) + 124476).
func modp2048() []byte {
	p := new(big.Int).Add(pi(1918), big.NewInt(124476))
	p.Lsh(p, 64)
	p.Add(p, new(big.Int).Lsh(one, 2048)).Sub(p, new(big.Int).Lsh(one, 1984)).Sub(p, one)
	return p.Bytes()
}

// pi is floor(2^bits pi), by Machin's formula.
func pi(bits uint) *big.Int {
	const guard = 64
	arctan := func(x int64) *big.Int { // of 1/x
		term := new(big.Int).Quo(new(big.Int).Lsh(one, bits+guard), big.NewInt(x))
		sum := new(big.Int).Set(term)
		for k := int64(3); term.Sign() > 0; k += 2 {
			term.Quo(term, big.NewInt(x*x))
			part := new(big.Int).Quo(term, big.NewInt(k))
			if k%4 == 3 {
				part.Neg(part)
			}
			sum.Add(sum, part)
		}
		return sum
	}
	sum := new(big.Int).Mul(arctan(5), big.NewInt(16))
	sum.Sub(sum, new(big.Int).Mul(arctan(239), big.NewInt(4)))
	return sum.Rsh(sum, guard)
}

func BenchmarkFFDHE2048(b *testing.B) {
	for b.Loop() {
		key, err := Generate(iana.FFDHE2048, rand.Reader)
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := Respond(iana.FFDHE2048, rand.Reader, key.Public()); err != nil {
			b.Fatal(err)
		}
	}
}
