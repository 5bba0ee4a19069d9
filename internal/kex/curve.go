package kex

import (
	"crypto/ecdh"
	"errors"
	"io"

	"github.com/handclasp/handclasp/fault"
)

// A curve is ECDHE over a NIST curve (RFC 9846, Sections 4.3.8.2 and 7.4.2).
type curve struct {
	curve     ecdh.Curve
	scalarLen int  // bytes of a private key
	pointLen  int  // bytes of a share
	topMask   byte // bits of a private key's first byte that may be set
}

func (c curve) shareLen(fault.Role) int { return c.pointLen }

// maxDraws bounds the search for a scalar below the group's order. One draw
// fails with a probability of 2^-32 (P-256) or less, so only a broken source
// gets there.
const maxDraws = 16

func (c curve) generate(rand io.Reader) (private, error) {
	scalar := make([]byte, c.scalarLen)
	defer clear(scalar)
	for range maxDraws {
		if _, err := io.ReadFull(rand, scalar); err != nil {
			return nil, fault.KexRandom.Because(err)
		}
		scalar[0] &= c.topMask
		if key, err := c.curve.NewPrivateKey(scalar); err == nil {
			return curveKey{key}, nil
		}
	}
	return nil, fault.KexRandom.Because(errors.New("no value in range after many draws"))
}

func (c curve) respond(rand io.Reader, peer []byte) (share, secret []byte, err error) {
	key, err := c.generate(rand)
	if err != nil {
		return nil, nil, err
	}
	secret, err = key.shared(peer)
	if err != nil {
		return nil, nil, err
	}
	return key.public(), secret, nil
}

type curveKey struct{ *ecdh.PrivateKey }

func (k curveKey) public() []byte { return k.PublicKey().Bytes() }

// NewPublicKey takes a NIST point only if it is uncompressed, on the curve and
// not at infinity; the length was checked before, so a point is all that can be
// wrong.
func (k curveKey) shared(peer []byte) ([]byte, error) {
	pub, err := k.Curve().NewPublicKey(peer)
	if err != nil {
		return nil, fault.KexPointInvalid.In("key_exchange").Because(err)
	}
	secret, err := k.ECDH(pub)
	if err != nil {
		return nil, fault.KexPointInvalid.In("key_exchange").Because(err)
	}
	return secret, nil
}
