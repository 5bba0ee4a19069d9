package kex

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/subtle"
	"io"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// RSA key transport (RFC 5246, Section 7.4.7.1): the client makes the premaster
// secret alone and encrypts it to the key of the server's certificate.

// PremasterLen is the length of a premaster secret in bytes: a version and 46
// random bytes.
const PremasterLen = 48

// NewPremaster makes a premaster secret; offered is the version that the
// ClientHello names. It fails with fault.KexRandom.
func NewPremaster(rand io.Reader, offered iana.Version) ([]byte, error) {
	b := make([]byte, PremasterLen)
	if _, err := io.ReadFull(rand, b[2:]); err != nil {
		return nil, fault.KexRandom.Because(err)
	}
	b[0], b[1] = byte(offered>>8), byte(offered)
	return b, nil
}

// EncryptPremaster encrypts for pub by RSAES-PKCS1-v1_5. It fails with
// fault.KexEncrypt if the key is too short.
func EncryptPremaster(rand io.Reader, pub *rsa.PublicKey, premaster []byte) ([]byte, error) {
	//lint:ignore SA1019 RSA key transport is this encryption; it is off unless it is asked for
	b, err := rsa.EncryptPKCS1v15(rand, pub, premaster)
	if err != nil {
		return nil, fault.KexEncrypt.Because(err)
	}
	return b, nil
}

// DecryptPremaster gives the premaster secret in ciphertext if all is well with
// it: padding, length, and the version that the client offered. If anything is
// not, or key fails, it gives substitute, PremasterLen bytes drawn before, and
// takes as long: who can tell the two cases apart can decrypt what they did not
// record the key of (Bleichenbacher; ROBOT). The client's Finished then fails, as
// it does for a wrong secret.
func DecryptPremaster(key crypto.Decrypter, ciphertext []byte, offered iana.Version, substitute []byte) []byte {
	// With a session key's length, crypto/rsa gives what it reads from its source of
	// randomness for bad padding, in constant time.
	//lint:ignore SA1019 RSA key transport is this padding; it is off unless it is asked for
	plain, err := key.Decrypt(bytes.NewReader(substitute), ciphertext, &rsa.PKCS1v15DecryptOptions{SessionKeyLen: PremasterLen})
	good := 1
	if err != nil || len(plain) != PremasterLen {
		// The length of a ciphertext, and a device that is out of order, are no
		// secrets. The rest of the way is the same.
		good, plain = 0, make([]byte, PremasterLen)
	}
	good &= subtle.ConstantTimeByteEq(plain[0], byte(offered>>8))
	good &= subtle.ConstantTimeByteEq(plain[1], byte(offered))
	out := make([]byte, PremasterLen)
	copy(out, substitute)
	subtle.ConstantTimeCopy(good, out, plain)
	clear(plain)
	return out
}
