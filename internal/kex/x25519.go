package kex

import (
	"io"

	"filippo.io/edwards25519"

	"github.com/handclasp/handclasp/fault"
)

// montgomery is X25519 (RFC 7748; RFC 9846, Section 4.3.8.2). A public key is the
// base point times a number, for which edwards25519 has tables; that takes less
// than half as long as the ladder that any other point needs.
type montgomery struct{}

const x25519Len = 32 // of a private key, a share and a secret

func (montgomery) shareLen(fault.Role) int { return x25519Len }

func (montgomery) generate(rand io.Reader) (private, error) { return generateX25519(rand) }

func generateX25519(rand io.Reader) (*x25519Key, error) {
	k := new(x25519Key)
	if _, err := io.ReadFull(rand, k.scalar[:]); err != nil {
		return nil, fault.KexRandom.Because(err)
	}
	var s edwards25519.Scalar
	if _, err := s.SetBytesWithClamping(k.scalar[:]); err != nil {
		return nil, fault.KexRandom.Because(err)
	}
	copy(k.share[:], new(edwards25519.Point).ScalarBaseMult(&s).BytesMontgomery())
	return k, nil
}

func (montgomery) respond(rand io.Reader, peer []byte) (share, secret []byte, err error) {
	k, err := generateX25519(rand)
	if err != nil {
		return nil, nil, err
	}
	secret, err = k.shared(peer)
	return k.share[:], secret, err
}

type x25519Key struct{ scalar, share [x25519Len]byte }

func (k *x25519Key) public() []byte { return k.share[:] }

// shared forgets the private key: it serves once. A secret of zeros, which only
// points of low order give, is refused (RFC 9846, Section 7.4.2).
func (k *x25519Key) shared(peer []byte) ([]byte, error) {
	defer clear(k.scalar[:])
	secret, ok := multiply(&k.scalar, peer)
	if !ok {
		return nil, fault.KexZeroSecret.In("key_exchange")
	}
	return secret, nil
}
