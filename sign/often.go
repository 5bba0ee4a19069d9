package sign

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"math/big"
	"sync"

	"filippo.io/nistec"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Keys that come again. A signature on P-256 costs the standard library a
// multiplication of the public key by a number that it knows nothing about before.
// For a key whose signatures were checked some times already, multiples of it are
// kept, and the check takes little more than half as long. All of it is public, so
// its time may depend on anything. What is accepted is the same.

const (
	oftenAfter = 4  // checks until the multiples are made, which takes as long as three
	mostTables = 64 // of 48 kB each
	mostSeen   = 1024
)

// often belongs to the process: a key is the same whoever meets it, and what is kept
// of it says nothing about who did.
var often = tables{seen: make(map[[64]byte]*multiples)}

type tables struct {
	mu    sync.RWMutex
	seen  map[[64]byte]*multiples
	count int // of tables
}

// A multiples is a key that was met, and what was made of it.
type multiples struct {
	mu    sync.Mutex
	times int
	comb  *comb // nil until it was met oftenAfter times
}

// verifyP256 is ecdsa.VerifyASN1 for a key on P-256.
func verifyP256(pub *ecdsa.PublicKey, digest, sig []byte) bool {
	if c := often.of(pub); c != nil {
		return c.verify(digest, sig)
	}
	return ecdsa.VerifyASN1(pub, digest, sig)
}

// of is the comb of a key; nil if it is not worth one yet, or no point of the curve.
func (t *tables) of(pub *ecdsa.PublicKey) *comb {
	point, err := pub.Bytes()
	if err != nil || len(point) != 65 {
		return nil
	}
	key := [64]byte(point[1:])
	t.mu.RLock()
	m := t.seen[key]
	t.mu.RUnlock()
	if m == nil {
		t.add(key)
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.times++; m.comb == nil && m.times >= oftenAfter && t.mayHold(key, m) {
		m.comb = newComb(point)
	}
	return m.comb
}

// add notes a key. The map is emptied by what comes to hand when it is full.
func (t *tables) add(key [64]byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for other := range t.seen {
		if len(t.seen) < mostSeen {
			break
		}
		t.drop(other)
	}
	if t.seen[key] == nil {
		t.seen[key] = &multiples{times: 1}
	}
}

// mayHold makes room for one more table, that of m, unless m was dropped meanwhile.
func (t *tables) mayHold(key [64]byte, m *multiples) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.seen[key] != m {
		return false
	}
	for other, o := range t.seen {
		if t.count < mostTables {
			break
		}
		if o.mu.TryLock() { // who is just being asked for stays, and m is
			if o.comb != nil {
				t.count--
				delete(t.seen, other)
			}
			o.mu.Unlock()
		}
	}
	if t.count >= mostTables {
		return false
	}
	t.count++
	return true
}

func (t *tables) drop(key [64]byte) {
	m := t.seen[key]
	if !m.mu.TryLock() {
		return
	}
	defer m.mu.Unlock()
	if m.comb != nil {
		t.count--
	}
	delete(t.seen, key)
}

// A comb holds sums of a point's multiples: of a number's 256 bits, each of its two
// rows takes the eight that lie 32 apart at once, so that 16 doublings and 32
// additions do what would take 256 and 50.
type comb [2]row

// A row is indexed by eight bits of the number.
type row [256]nistec.P256Point

// widen fills in what the bit n adds: p to all before.
func (r *row) widen(n int, p *nistec.P256Point) {
	for i := range n {
		r[n+i].Add(&r[i], p)
	}
}

// newComb is nil for what is no point of the curve.
func newComb(point []byte) *comb {
	p, err := nistec.NewP256Point().SetBytes(point)
	if err != nil {
		return nil
	}
	c := new(comb)
	for i := range c {
		c[i][0].Set(nistec.NewP256Point()) // infinity
	}
	for bit := range 256 {
		if bit%16 == 0 {
			row, tooth := bit/16%2, bit/32
			c[row].widen(1<<tooth, p)
		}
		p.Double(p)
	}
	return c
}

// times is the point multiplied by k, 32 bytes.
func (c *comb) times(k *[32]byte) *nistec.P256Point {
	sum := nistec.NewP256Point()
	for column := 15; column >= 0; column-- {
		sum.Double(sum)
		for i := range c {
			index := 0
			for tooth := range 8 {
				bit := 32*tooth + 16*i + column
				index |= int(k[31-bit/8]>>(bit%8)&1) << tooth
			}
			if index != 0 {
				sum.Add(sum, &c[i][index])
			}
		}
	}
	return sum
}

var orderP256 = elliptic.P256().Params().N

// verify is FIPS 186-5, Section 6.4.2.
func (c *comb) verify(digest, sig []byte) bool {
	var r, s big.Int
	if !parseSignature(sig, &r, &s) {
		return false
	}
	n := orderP256
	if r.Sign() <= 0 || s.Sign() <= 0 || r.Cmp(n) >= 0 || s.Cmp(n) >= 0 {
		return false
	}
	if len(digest) > 32 {
		digest = digest[:32]
	}
	var e, u big.Int
	e.SetBytes(digest)
	s.ModInverse(&s, n)
	var u1, u2 [32]byte
	u.Mod(u.Mul(&e, &s), n).FillBytes(u1[:])
	u.Mod(u.Mul(&r, &s), n).FillBytes(u2[:])
	sum, err := nistec.NewP256Point().ScalarBaseMult(u1[:])
	if err != nil {
		return false
	}
	x, err := sum.Add(sum, c.times(&u2)).BytesX()
	if err != nil { // infinity
		return false
	}
	return u.Mod(u.SetBytes(x), n).Cmp(&r) == 0
}

// parseSignature reads an Ecdsa-Sig-Value, DER (RFC 3279, Section 2.2.3).
func parseSignature(sig []byte, r, s *big.Int) bool {
	var inner cryptobyte.String
	outer := cryptobyte.String(sig)
	return outer.ReadASN1(&inner, asn1.SEQUENCE) && outer.Empty() &&
		inner.ReadASN1Integer(r) && inner.ReadASN1Integer(s) && inner.Empty()
}
