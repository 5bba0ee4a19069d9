package kex

import (
	"encoding/hex"
	"fmt"
	"io"
	"math/big"
	"slices"

	"filippo.io/bigmod"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// Finite-field Diffie-Hellman: the groups of RFC 7919 and, in TLS 1.2 and below,
// those that servers make themselves. Whatever touches an exponent runs in
// constant time (bigmod); math/big sees public numbers alone.
//
// An exponent serves once. With a fresh one each time, that TLS 1.2 strips
// leading zeros from the shared secret, and so lets its length be timed, gives
// nothing away that could be used again (Raccoon).

// A field is one group of RFC 7919. Its prime is safe, p = 2q+1, and its
// generator 2 has order q, so a public value other than 1 and p-1 has order q or
// 2q: checking its range is enough (RFC 7919, Section 5.1).
type field struct {
	prime    string // hex
	exponent int    // bytes of a private key: at least Appendix A's strength-matched length
}

var (
	ffdhe2048 = field{prime2048, 32} // 225 bits
	ffdhe3072 = field{prime3072, 36} // 275
	ffdhe4096 = field{prime4096, 44} // 325
	ffdhe6144 = field{prime6144, 48} // 375
	ffdhe8192 = field{prime8192, 52} // 400
)

func (f field) params() Params {
	p, err := hex.DecodeString(f.prime)
	if err != nil {
		panic("kex: a prime of the table is no number: " + err.Error())
	}
	return Params{P: p, G: []byte{2}}
}

// shareLen: shares are as long as the prime, with zeros in front (RFC 9846,
// Section 4.3.8.1).
func (f field) shareLen(fault.Role) int { return len(f.prime) / 2 }

func (f field) generate(rand io.Reader) (private, error) {
	return f.params().generate(rand, f.exponent)
}

func (f field) respond(rand io.Reader, peer []byte) (share, secret []byte, err error) {
	key, err := f.generate(rand)
	if err != nil {
		return nil, nil, err
	}
	secret, err = key.shared(peer)
	return key.public(), secret, err
}

// Params are a finite-field group as TLS 1.2 writes it: modulus and generator,
// big-endian (RFC 5246, Section 7.4.3).
type Params struct{ P, G []byte }

// Bits is the length of the modulus.
func (p Params) Bits() int { return new(big.Int).SetBytes(p.P).BitLen() }

// Bounds of what a server may send us.
const (
	DefaultDHBits = 2048  // RFC 9325, Section 4.3
	leastDHBits   = 1024  // below that, anybody with patience reads along (Logjam)
	mostDHBits    = 10000 // above, the server would make us compute for seconds
)

// ParamsOf are the parameters of a group of RFC 7919. It panics for any other.
func ParamsOf(g iana.Group) Params { return finite[g].params() }

var finite = map[iana.Group]field{
	iana.FFDHE2048: ffdhe2048, iana.FFDHE3072: ffdhe3072, iana.FFDHE4096: ffdhe4096, iana.FFDHE6144: ffdhe6144, iana.FFDHE8192: ffdhe8192,
}

// Finite reports whether g is a finite-field group.
func Finite(g iana.Group) bool { _, ok := finite[g]; return ok }

// IsNamed is the group of RFC 7919 that the parameters are those of, if any.
func IsNamed(p Params) (iana.Group, bool) {
	for g, f := range finite {
		if q := f.params(); slices.Equal(trim(p.P), q.P) && slices.Equal(trim(p.G), q.G) {
			return g, true
		}
	}
	return 0, false
}

// CheckParams looks at the parameters that a server sends: size, form and whether
// the modulus is prime. That it is a safe prime is not demanded: real servers use
// primes in the manner of DSA (RFC 5114), and the message has no room for the
// order of their subgroup. What such a group gives away of an exponent serves
// nobody twice; whether it keeps the secret is up to who made it. For least see
// LeastBits. It fails with fault.DHWeak, DHTooLarge or DHParams.
//
// The test for primes takes a few rounds, on numbers that are public anyway;
// parameters of RFC 7919 are known and pass without.
func CheckParams(p Params, least int) error {
	least = LeastBits(least)
	prime, bits := new(big.Int).SetBytes(p.P), p.Bits()
	switch g := new(big.Int).SetBytes(p.G); {
	case bits < least:
		return fault.DHWeak.In("dh_p").Saw(fmt.Sprintf("%d bits", bits), fmt.Sprintf("at least %d", least))
	case bits > mostDHBits:
		return fault.DHTooLarge.In("dh_p").Saw(fmt.Sprintf("%d bits", bits), fmt.Sprintf("at most %d", mostDHBits))
	case prime.Bit(0) == 0:
		return fault.DHParams.In("dh_p").Saw("an even modulus", "a prime")
	case g.Cmp(big.NewInt(2)) < 0 || g.Cmp(new(big.Int).Sub(prime, big.NewInt(2))) > 0:
		return fault.DHParams.In("dh_g").Saw("a generator out of range", "2 to p-2")
	}
	if _, known := IsNamed(p); known {
		return nil
	}
	if !prime.ProbablyPrime(rounds) {
		return fault.DHParams.In("dh_p").Saw("a modulus that is not prime", "a prime")
	}
	return nil
}

// LeastBits is the smallest modulus taken of a server, in bits, where least was
// configured: 0 means DefaultDHBits, and less than 1,024 counts as that.
func LeastBits(least int) int {
	if least == 0 {
		least = DefaultDHBits
	}
	return max(least, leastDHBits)
}

// rounds of Miller and Rabin's test; besides them comes one of Baillie, Pomerance,
// Selfridge and Wagstaff. The server gains nothing by fooling us that it could
// not have by giving its secret away.
const rounds = 4

// RespondDH is a client's whole side in TLS 1.2 and below: from the server's
// public value to our own, as long as the modulus because some servers by
// Microsoft need it so, and the premaster secret, which starts with no zero (RFC
// 5246, Section 8.1.2). Check the parameters first. It fails with
// fault.KexPublicRange or KexRandom.
func RespondDH(p Params, peer []byte, rand io.Reader) (share, premaster []byte, err error) {
	key, err := p.generate(rand, exponentLen(p))
	if err != nil {
		return nil, nil, err
	}
	secret, err := key.shared(peer)
	if err != nil {
		return nil, nil, err
	}
	return key.public(), trim(secret), nil
}

// exponentLen is how many bytes a private key has: twice the strength of the
// group if it is RFC 7919's; else as many as the modulus, because a short
// exponent can be pieced together from small factors of p-1, and only of a safe
// prime do we know that there are none.
func exponentLen(p Params) int {
	if g, named := IsNamed(p); named {
		return finite[g].exponent
	}
	return len(trim(p.P))
}

// Premaster is Shared in the form of TLS 1.2: the peer may have left out leading
// zeros of its share, and the secret starts with none (RFC 5246, Section
// 8.1.2).
func (p *Private) Premaster(peer []byte) ([]byte, error) {
	want := p.group.shareLen(fault.Server)
	if len(peer) < want {
		peer = append(make([]byte, want-len(peer)), peer...)
	}
	secret, err := p.Shared(peer)
	return trim(secret), err
}

// trim drops leading zeros.
func trim(b []byte) []byte {
	for len(b) > 0 && b[0] == 0 {
		b = b[1:]
	}
	return b
}

// dhKey is a private key of a finite-field group, with its public value.
type dhKey struct {
	params   Params
	modulus  *bigmod.Modulus
	exponent []byte
	share    []byte
}

func (p Params) generate(rand io.Reader, size int) (*dhKey, error) {
	m, err := bigmod.NewModulus(p.P)
	if err != nil {
		return nil, fault.DHParams.In("dh_p").Because(err)
	}
	exponent := make([]byte, size)
	if _, err := io.ReadFull(rand, exponent); err != nil {
		return nil, fault.KexRandom.Because(err)
	}
	exponent[0] |= 0x80 // never short
	g, err := number(p.G, m)
	if err != nil {
		return nil, fault.DHParams.In("dh_g").Because(err)
	}
	share := bigmod.NewNat().Exp(g, exponent, m).Bytes(m)
	return &dhKey{p, m, exponent, share}, nil
}

// number is b as a number below m.
func number(b []byte, m *bigmod.Modulus) (*bigmod.Nat, error) {
	b = trim(b)
	if len(b) < m.Size() {
		b = append(make([]byte, m.Size()-len(b)), b...)
	}
	return bigmod.NewNat().SetBytes(b, m)
}

func (k *dhKey) public() []byte { return k.share }

// shared is as long as the modulus. The peer's value must be between 2 and p-2
// (RFC 7919, Section 5.1).
func (k *dhKey) shared(peer []byte) ([]byte, error) {
	defer clear(k.exponent)
	y, p := new(big.Int).SetBytes(peer), new(big.Int).SetBytes(k.params.P)
	if y.Cmp(big.NewInt(2)) < 0 || y.Cmp(p.Sub(p, big.NewInt(2))) > 0 {
		return nil, fault.KexPublicRange.In("key_exchange")
	}
	n, err := number(peer, k.modulus)
	if err != nil {
		return nil, fault.KexPublicRange.In("key_exchange").Because(err)
	}
	secret := bigmod.NewNat().Exp(n, k.exponent, k.modulus)
	defer clear(secret.Bits())
	return secret.Bytes(k.modulus), nil
}
