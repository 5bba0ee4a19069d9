package sign

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"slices"

	"github.com/handclasp/handclasp/iana"
)

// An algorithm is what a SignatureScheme does to a message, its hash aside.
type algorithm uint8

const (
	ecdsaDER algorithm = iota
	eddsa
	rsaPSS // salt as long as the hash, MGF1 with the same hash
	rsaPKCS1
)

// A scheme is one row of the table.
type scheme struct {
	id    iana.SignatureScheme
	alg   algorithm
	hash  crypto.Hash // 0: the message is signed as it is
	curve elliptic.Curve
	use   use
}

// use is where a scheme may stand.
type use uint8

const (
	everywhere use = iota // TLS 1.3 handshakes too (RFC 9846, Section 4.3.3)
	not13                 // TLS 1.2 handshakes and certificates
	named                 // as not13, but only where a configuration names it
)

// The order is the default offer: the small and fast first, what only
// certificates may use later, what is not offered last. rsa_pss_pss_* is missing
// because crypto/x509 reads no certificate with an id-RSASSA-PSS key. SHA-1 has
// been broken for signatures since 2017 (RFC 9155); some old peers of TLS 1.2 know
// nothing else.
var schemes = []scheme{
	// scheme, algorithm, hash, curve, use
	{iana.ECDSA_SECP256R1_SHA256, ecdsaDER, crypto.SHA256, elliptic.P256(), everywhere},
	{iana.ED25519, eddsa, 0, nil, everywhere},
	{iana.RSA_PSS_RSAE_SHA256, rsaPSS, crypto.SHA256, nil, everywhere},
	{iana.RSA_PSS_RSAE_SHA384, rsaPSS, crypto.SHA384, nil, everywhere},
	{iana.RSA_PSS_RSAE_SHA512, rsaPSS, crypto.SHA512, nil, everywhere},
	{iana.ECDSA_SECP384R1_SHA384, ecdsaDER, crypto.SHA384, elliptic.P384(), everywhere},
	{iana.ECDSA_SECP521R1_SHA512, ecdsaDER, crypto.SHA512, elliptic.P521(), everywhere},
	{iana.RSA_PKCS1_SHA256, rsaPKCS1, crypto.SHA256, nil, not13},
	{iana.RSA_PKCS1_SHA384, rsaPKCS1, crypto.SHA384, nil, not13},
	{iana.RSA_PKCS1_SHA512, rsaPKCS1, crypto.SHA512, nil, not13},
	{iana.RSA_PKCS1_SHA1, rsaPKCS1, crypto.SHA1, nil, named},
	{iana.ECDSA_SHA1, ecdsaDER, crypto.SHA1, nil, named},
}

func find(id iana.SignatureScheme) (scheme, bool) {
	i := slices.IndexFunc(schemes, func(s scheme) bool { return s.id == id })
	if i < 0 {
		return scheme{}, false
	}
	return schemes[i], true
}

// Schemes is what an endpoint that speaks at most version v offers in
// signature_algorithms, in order of preference. RSASSA-PKCS1-v1_5 stands last;
// with TLS 1.3 it covers signatures in certificates alone. TLS 1.1 and older
// have no such offer, so it is nil there.
func Schemes(v iana.Version) []iana.SignatureScheme {
	if v < iana.TLS12 {
		return nil
	}
	return ids(func(s scheme) bool { return s.use != named })
}

// All is Schemes and, last, those with SHA-1, which are offered only where a
// configuration names them.
func All() []iana.SignatureScheme {
	return ids(func(scheme) bool { return true })
}

// Supported reports whether Verify knows s.
func Supported(s iana.SignatureScheme) bool {
	_, ok := find(s)
	return ok
}

// UsableIn13 reports whether s may sign a CertificateVerify of TLS 1.3: neither
// RSASSA-PKCS1-v1_5 nor SHA-1 may (RFC 9846, Sections 4.3.3 and 4.5.2).
func UsableIn13(s iana.SignatureScheme) bool {
	row, ok := find(s)
	return ok && row.use == everywhere
}

// UsableIn12 reports whether s may sign a ServerKeyExchange or CertificateVerify
// of TLS 1.2: whatever Verify12 knows, RSASSA-PSS, EdDSA and SHA-1 included (RFC
// 9846, Section 4.3.3; RFC 8422, Section 5.10).
func UsableIn12(s iana.SignatureScheme) bool { return Supported(s) }

// fits reports whether pub can make or check signatures of s. ECDSA is bound to
// its curve, as TLS 1.3 has it.
func (s scheme) fits(pub crypto.PublicKey) bool {
	if pub, ok := pub.(*ecdsa.PublicKey); ok && whole(pub) && pub.Curve != s.curve {
		return false
	}
	return s.fits12(pub)
}

// fits12 is fits without that bond.
func (s scheme) fits12(pub crypto.PublicKey) bool {
	if !whole(pub) {
		return false
	}
	switch pub := pub.(type) {
	case *ecdsa.PublicKey:
		return s.alg == ecdsaDER && knownCurve(pub.Curve)
	case ed25519.PublicKey:
		return s.alg == eddsa && len(pub) == ed25519.PublicKeySize
	case *rsa.PublicKey:
		return s.alg == rsaPKCS1 || s.alg == rsaPSS && roomForPSS(pub, s.hash)
	}
	return false
}

// whole reports whether nothing of a key is missing, on which crypto packages panic.
func whole(pub crypto.PublicKey) bool {
	switch pub := pub.(type) {
	case *ecdsa.PublicKey:
		//lint:ignore SA1019 they are only looked for
		return pub != nil && pub.Curve != nil && pub.X != nil && pub.Y != nil
	case *rsa.PublicKey:
		return pub != nil && pub.N != nil
	}
	return pub != nil
}

// Kinds names the kinds of keys that sign, in the order of their schemes.
func Kinds() (names []string) {
	for _, s := range schemes {
		name := "RSA"
		switch {
		case s.alg == eddsa:
			name = "Ed25519"
		case s.alg == ecdsaDER && s.curve == nil: // of SHA-1, for whatever curve another row has
			continue
		case s.alg == ecdsaDER:
			name = "ECDSA " + s.curve.Params().Name
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// knownCurve reports whether some scheme stands for the curve.
func knownCurve(curve elliptic.Curve) bool {
	return curve != nil && slices.ContainsFunc(schemes, func(s scheme) bool { return s.curve == curve })
}

// roomForPSS reports whether the key is long enough for hash and salt (RFC
// 8017, Section 9.1.1): a 1024-bit key cannot sign with SHA-512.
func roomForPSS(pub *rsa.PublicKey, h crypto.Hash) bool {
	emLen := (pub.N.BitLen() - 1 + 7) / 8
	return emLen >= 2*h.Size()+2
}

// fitting lists the schemes that fit pub, in order of preference: those of TLS
// 1.3, then those that only TLS 1.2 allows, then what older versions imply.
func fitting(pub crypto.PublicKey) []iana.SignatureScheme {
	fit := append(ids(func(s scheme) bool { return s.fits(pub) }),
		ids(func(s scheme) bool { return !s.fits(pub) && s.fits12(pub) })...)
	if old, ok := Legacy(pub); ok && !slices.Contains(fit, old) {
		fit = append(fit, old)
	}
	return fit
}

// Fits13 reports whether TLS 1.3 lets pub sign with s: it binds each ECDSA scheme
// to a curve (RFC 9846, Section 4.3.3).
func Fits13(pub crypto.PublicKey, s iana.SignatureScheme) bool {
	row, ok := find(s)
	return ok && row.fits(pub)
}

// Fits12 reports whether TLS 1.2 does.
func Fits12(pub crypto.PublicKey, s iana.SignatureScheme) bool {
	row, ok := find(s)
	return ok && row.fits12(pub)
}

func ids(keep func(scheme) bool) []iana.SignatureScheme {
	var out []iana.SignatureScheme
	for _, s := range schemes {
		if keep(s) {
			out = append(out, s.id)
		}
	}
	return out
}

// digest is the message as the algorithm wants it.
func (s scheme) digest(message []byte) []byte {
	switch s.hash {
	case 0:
		return message
	case crypto.MD5SHA1:
		return digestMD5SHA1(message)
	}
	h := s.hash.New()
	h.Write(message)
	return h.Sum(nil)
}
