package sign

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/md5"
	"crypto/rsa"
	"crypto/sha1"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// Before TLS 1.2 the key alone says how it signs: RSA the MD5 and SHA-1 of the
// message in a row, without the DigestInfo that names a hash, ECDSA its SHA-1
// (RFC 2246 and RFC 4346, Sections 4.7 and 7.4.3; RFC 8422, Section 5.4). Both
// hashes are broken, and these versions have no other.

// legacyRSA stands in no table: as a scheme from the wire it means nothing, and
// neither Verify nor Verify12 takes it.
var legacyRSA = scheme{iana.RSA_PKCS1_MD5_SHA1, rsaPKCS1, crypto.MD5SHA1, nil, named}

// Legacy is the scheme that TLS 1.0 and 1.1 imply for a key, to ask a Signer for,
// and whether there is one: RSA_PKCS1_MD5_SHA1 for RSA, ECDSA_SHA1 for ECDSA, none
// for Ed25519, which needs TLS 1.2 (RFC 8422, Section 5.10).
func Legacy(pub crypto.PublicKey) (iana.SignatureScheme, bool) {
	row, ok := legacy(pub)
	return row.id, ok
}

func legacy(pub crypto.PublicKey) (scheme, bool) {
	if !whole(pub) {
		return scheme{}, false
	}
	switch pub := pub.(type) {
	case *rsa.PublicKey:
		return legacyRSA, true
	case *ecdsa.PublicKey:
		if knownCurve(pub.Curve) {
			return find(iana.ECDSA_SHA1)
		}
	}
	return scheme{}, false
}

// VerifyLegacy is Verify for TLS 1.0 and 1.1: message is both randoms and the
// parameters, or the messages of the handshake, not hashed yet. It fails with
// fault.SigSchemeKeyMismatch if the key can't sign there, else with
// fault.SigInvalid.
func VerifyLegacy(pub crypto.PublicKey, message, sig []byte) error {
	row, ok := legacy(pub)
	if !ok {
		return fault.SigSchemeKeyMismatch.In("signature").Saw("a "+describe(pub), "an RSA or ECDSA key, which TLS 1.0 and 1.1 can use")
	}
	return row.check(pub, message, sig)
}

func digestMD5SHA1(message []byte) []byte {
	m, s := md5.Sum(message), sha1.Sum(message)
	return append(m[:], s[:]...)
}
