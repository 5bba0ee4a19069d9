// Package sign makes and checks the signatures of TLS handshakes.
//
// Policy: a private key is reached only through Signer, so that it may live in
// a file, a hardware module or another machine. One table says what each
// signature scheme is and which keys fit it; nothing is signed or accepted
// outside it, but for what TLS 1.0 and 1.1 imply (legacy.go). SHA-1 and MD5 are
// never offered unless somebody names them, or those versions.
package sign

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // for the table's hashes
	_ "crypto/sha512"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/kex"
)

// A Signer holds a private key, or knows the way to one.
//
// Public is the public key and Schemes the signature schemes it can make, most
// wanted first; both are cheap and always return the same, and the caller does
// not change what they return. TLS 1.0 and 1.1 need the one of Legacy in it.
//
// Sign signs message, which is not hashed yet, with a scheme out of Schemes. It
// may be slow, since the key may be remote; it gives up and returns ctx's error
// when ctx ends. It keeps neither message nor the signature it returns. An
// error fails the handshake and its text may reach a log, so it holds no
// secret.
//
// All methods may be called by many handshakes at once.
type Signer interface {
	Public() crypto.PublicKey
	Schemes() []iana.SignatureScheme
	Sign(ctx context.Context, s iana.SignatureScheme, message []byte) ([]byte, error)
}

// A Decrypter is a Signer that also decrypts premaster secrets, for RSA key
// transport in TLS 1.2 and below.
//
// DecryptPremaster gives the 48 bytes that ciphertext holds if everything about
// them is right: the padding of RSAES-PKCS1-v1_5, the length, and that they begin
// with the version offered. Else, and if the key can't be reached, it gives
// substitute. Nothing, neither an error nor the time it takes, may tell the cases
// apart (RFC 5246, Section 7.4.7.1). It gives up when ctx ends.
type Decrypter interface {
	Signer
	DecryptPremaster(ctx context.Context, ciphertext []byte, offered iana.Version, substitute []byte) []byte
}

// MinRSABits is the least that crypto/rsa signs and verifies with.
const MinRSABits = 1024

// FromCrypto makes a Signer of a Go private key of one of the Kinds: RSA of at least
// 1024 bits, ECDSA on P-256, P-384 or P-521, or Ed25519. An RSA key signs with the hashes
// that it has room for. The schemes with SHA-1 and MD5 come last. A context that ends stops a signature only before it
// begins, since a crypto.Signer knows no context.
func FromCrypto(key crypto.Signer) (Signer, error) {
	if hollow(key) {
		return nil, errors.New("sign: no private key given")
	}
	pub := key.Public()
	if !whole(pub) {
		return nil, errors.New("sign: the private key lacks its public key")
	}
	if pub, ok := pub.(*rsa.PublicKey); ok && pub.N.BitLen() < MinRSABits {
		return nil, fmt.Errorf("sign: an RSA key of %d bits is too short: use at least 2048 bits (1024 is the least that works)", pub.N.BitLen())
	}
	fit := fitting(pub)
	if fit == nil {
		return nil, fmt.Errorf("sign: a %s cannot sign here: use one of %s", describe(pub), strings.Join(Kinds(), ", "))
	}
	s := &signer{key, fit}
	if d, ok := key.(crypto.Decrypter); ok && isRSA(pub) {
		return &decrypter{s, d}, nil
	}
	return s, nil
}

// hollow reports whether there is no key, or a pointer to none, on which Public panics.
func hollow(key crypto.Signer) bool {
	switch key := key.(type) {
	case nil:
		return true
	case *ecdsa.PrivateKey:
		return key == nil
	case *rsa.PrivateKey:
		return key == nil
	case ed25519.PrivateKey:
		return len(key) != ed25519.PrivateKeySize
	}
	return false
}

func isRSA(pub crypto.PublicKey) bool { _, ok := pub.(*rsa.PublicKey); return ok }

// decrypter is the signer of an RSA key that can decrypt as well.
type decrypter struct {
	*signer
	key crypto.Decrypter
}

func (d *decrypter) DecryptPremaster(_ context.Context, ciphertext []byte, offered iana.Version, substitute []byte) []byte {
	return kex.DecryptPremaster(d.key, ciphertext, offered, substitute)
}

// describe names a public key's kind for an error.
func describe(pub crypto.PublicKey) string {
	if pub, ok := pub.(*ecdsa.PublicKey); ok && whole(pub) {
		return "key on curve " + pub.Curve.Params().Name
	}
	return fmt.Sprintf("key of type %T", pub)
}

type signer struct {
	key     crypto.Signer
	schemes []iana.SignatureScheme
}

func (s *signer) Public() crypto.PublicKey        { return s.key.Public() }
func (s *signer) Schemes() []iana.SignatureScheme { return s.schemes }

func (s *signer) Sign(ctx context.Context, id iana.SignatureScheme, message []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !slices.Contains(s.schemes, id) {
		return nil, fmt.Errorf("sign: the key does not fit the scheme %v", id)
	}
	row, ok := find(id)
	if !ok {
		row = legacyRSA // the only one that fits and has no row
	}
	source := rand.Reader
	if _, ok := s.key.(*ecdsa.PrivateKey); ok {
		source = nil // deterministic (RFC 6979): as safe, a sixth faster, and no source of randomness can fail it
	}
	return s.key.Sign(source, row.digest(message), row.options())
}

// options is what a crypto.Signer needs to know besides the digest.
func (s scheme) options() crypto.SignerOpts {
	if s.alg == rsaPSS {
		return s.pss()
	}
	return s.hash
}

func (s scheme) pss() *rsa.PSSOptions {
	return &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: s.hash}
}

// Verify checks the signature of message, which is not hashed yet. The key is a
// peer's and may be of any kind. It fails with fault.SigSchemeKeyMismatch if
// scheme id is not supported or does not fit the key, else with
// fault.SigInvalid. Whether id was offered, and is fit for TLS 1.3, is the
// caller's to check: see UsableIn13.
func Verify(pub crypto.PublicKey, id iana.SignatureScheme, message, sig []byte) error {
	return verify(scheme.fits, pub, id, message, sig)
}

// Verify12 is Verify for TLS 1.2, where an ECDSA scheme names its hash but no
// curve: a key on any of ours may sign with it (RFC 5246, Section 7.4.1.4.1; RFC
// 9846, Section 4.3.3). See UsableIn12.
func Verify12(pub crypto.PublicKey, id iana.SignatureScheme, message, sig []byte) error {
	return verify(scheme.fits12, pub, id, message, sig)
}

func verify(fits func(scheme, crypto.PublicKey) bool, pub crypto.PublicKey, id iana.SignatureScheme, message, sig []byte) error {
	row, ok := find(id)
	if !ok || !fits(row, pub) {
		expected := ids(func(s scheme) bool { return s.use != named && fits(s, pub) })
		return fault.SigSchemeKeyMismatch.In("algorithm").Saw(id, expected)
	}
	return row.check(pub, message, sig)
}

// check assumes that the scheme fits the key.
func (s scheme) check(pub crypto.PublicKey, message, sig []byte) error {
	if !s.valid(pub, s.digest(message), sig) {
		return fault.SigInvalid.In("signature").Saw(s.id, nil)
	}
	return nil
}

// valid assumes that the scheme fits the key.
func (s scheme) valid(pub crypto.PublicKey, digest, sig []byte) bool {
	switch pub := pub.(type) {
	case *ecdsa.PublicKey:
		if pub.Curve == elliptic.P256() {
			return verifyP256(pub, digest, sig)
		}
		return ecdsa.VerifyASN1(pub, digest, sig)
	case ed25519.PublicKey:
		return ed25519.Verify(pub, digest, sig)
	case *rsa.PublicKey:
		if s.alg == rsaPSS {
			return rsa.VerifyPSS(pub, s.hash, digest, sig, s.pss()) == nil
		}
		return rsa.VerifyPKCS1v15(pub, s.hash, digest, sig) == nil
	}
	return false
}

// CertificateVerifyInput is what a CertificateVerify of TLS 1.3 signs (RFC
// 9846, Section 4.5.2): 64 spaces, a context string for the role that signs, a
// zero byte, and the transcript hash up to that role's Certificate.
func CertificateVerifyInput(server bool, transcriptHash []byte) []byte {
	context := "TLS 1.3, client CertificateVerify"
	if server {
		context = "TLS 1.3, server CertificateVerify"
	}
	out := make([]byte, 0, 64+len(context)+1+len(transcriptHash))
	for range 64 {
		out = append(out, ' ')
	}
	out = append(out, context...)
	out = append(out, 0)
	return append(out, transcriptHash...)
}
