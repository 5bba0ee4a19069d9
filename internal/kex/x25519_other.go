//go:build !amd64

package kex

import "crypto/ecdh"

// multiply is the function X25519 of RFC 7748, Section 5; false if the result is
// zero.
func multiply(scalar *[x25519Len]byte, point []byte) ([]byte, bool) {
	key, err := ecdh.X25519().NewPrivateKey(scalar[:])
	if err != nil {
		return nil, false
	}
	peer, err := ecdh.X25519().NewPublicKey(point)
	if err != nil {
		return nil, false
	}
	secret, err := key.ECDH(peer) // fails if the result is zero
	return secret, err == nil
}
