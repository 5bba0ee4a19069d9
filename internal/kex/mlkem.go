package kex

import (
	"io"

	circl "github.com/cloudflare/circl/kem"
	"github.com/cloudflare/circl/kem/mlkem/mlkem1024"
	"github.com/cloudflare/circl/kem/mlkem/mlkem768"

	"github.com/handclasp/handclasp/fault"
)

// A kem is ML-KEM (FIPS 203), alone or as a part of a hybrid: the client sends an
// encapsulation key, the server a ciphertext (RFC 10024). Circl takes a third of
// the standard library's time, or less.
type kem struct{ circl.Scheme }

var (
	mlkem768Part  = kem{mlkem768.Scheme()}
	mlkem1024Part = kem{mlkem1024.Scheme()}
)

func (k kem) shareLen(role fault.Role) int {
	if role == fault.Server {
		return k.CiphertextSize()
	}
	return k.PublicKeySize()
}

// seed draws what a key pair or an encapsulation is made of. The caller clears it.
func seed(rand io.Reader, n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(rand, b); err != nil {
		return nil, fault.KexRandom.Because(err)
	}
	return b, nil
}

func (k kem) generate(rand io.Reader) (private, error) {
	b, err := seed(rand, k.SeedSize())
	if err != nil {
		return nil, err
	}
	defer clear(b)
	pub, key := k.DeriveKeyPair(b)
	share, err := pub.MarshalBinary()
	if err != nil {
		return nil, fault.KexRandom.Because(err)
	}
	return &kemKey{k, key, share}, nil
}

// The length was checked before; what is left to refuse is a coefficient beyond
// the modulus (FIPS 203, Section 7.2).
func (k kem) respond(rand io.Reader, peer []byte) (share, secret []byte, err error) {
	key, err := k.UnmarshalBinaryPublicKey(peer)
	if err != nil {
		return nil, nil, fault.KexMLKEMKeyInvalid.In("key_exchange").Because(err)
	}
	b, err := seed(rand, k.EncapsulationSeedSize())
	if err != nil {
		return nil, nil, err
	}
	defer clear(b)
	return k.EncapsulateDeterministically(key, b)
}

type kemKey struct {
	kem   kem
	key   circl.PrivateKey
	share []byte
}

func (k *kemKey) public() []byte { return k.share }

// A wrong ciphertext gives a secret that no one knows, not an error: the
// handshake then fails at the first protected record (FIPS 203, Section 6.3).
func (k *kemKey) shared(ciphertext []byte) ([]byte, error) {
	secret, err := k.kem.Decapsulate(k.key, ciphertext)
	if err != nil {
		return nil, fault.KexShareLength.In("key_exchange").Because(err)
	}
	return secret, nil
}
