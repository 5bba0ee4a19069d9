package kex

import (
	"crypto"
	"crypto/mlkem"
	"io"

	"github.com/handclasp/handclasp/fault"
)

// A kem is ML-KEM (FIPS 203) as a part of a hybrid: the client sends an
// encapsulation key, the server a ciphertext (RFC 10024).
type kem struct {
	keyLen        int // bytes of an encapsulation key
	ciphertextLen int
	newKey        func(seed []byte) (crypto.Decapsulator, error)
	newPeer       func(key []byte) (crypto.Encapsulator, error)
}

func newKey768(seed []byte) (crypto.Decapsulator, error)  { return mlkem.NewDecapsulationKey768(seed) }
func newPeer768(key []byte) (crypto.Encapsulator, error)  { return mlkem.NewEncapsulationKey768(key) }
func newKey1024(seed []byte) (crypto.Decapsulator, error) { return mlkem.NewDecapsulationKey1024(seed) }
func newPeer1024(key []byte) (crypto.Encapsulator, error) { return mlkem.NewEncapsulationKey1024(key) }

func (k kem) shareLen(role fault.Role) int {
	if role == fault.Server {
		return k.ciphertextLen
	}
	return k.keyLen
}

func (k kem) generate(rand io.Reader) (private, error) {
	seed := make([]byte, mlkem.SeedSize)
	defer clear(seed)
	if _, err := io.ReadFull(rand, seed); err != nil {
		return nil, fault.KexRandom.Because(err)
	}
	key, err := k.newKey(seed)
	if err != nil {
		return nil, fault.KexRandom.Because(err)
	}
	return kemKey{key}, nil
}

// The length was checked before; what is left for newPeer to refuse is a
// coefficient beyond the modulus (FIPS 203, Section 7.2).
func (k kem) respond(_ io.Reader, peer []byte) (share, secret []byte, err error) {
	key, err := k.newPeer(peer)
	if err != nil {
		return nil, nil, fault.KexMLKEMKeyInvalid.In("key_exchange").Because(err)
	}
	secret, share = key.Encapsulate()
	return share, secret, nil
}

type kemKey struct{ key crypto.Decapsulator }

func (k kemKey) public() []byte { return k.key.Encapsulator().Bytes() }

// A wrong ciphertext gives a secret that no one knows, not an error: the
// handshake then fails at the first protected record (FIPS 203, Section 6.3).
func (k kemKey) shared(ciphertext []byte) ([]byte, error) {
	secret, err := k.key.Decapsulate(ciphertext)
	if err != nil {
		return nil, fault.KexShareLength.In("key_exchange").Because(err)
	}
	return secret, nil
}
