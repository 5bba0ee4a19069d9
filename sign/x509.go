package sign

import (
	"bytes"
	"crypto/x509"

	"github.com/handclasp/handclasp/iana"
)

// Chain lists what the certificates of a chain are signed with, in their order,
// 0 for an algorithm that has no scheme. Those that are self-signed are left
// out, for they "MAY be signed with any algorithm" (RFC 9846, Section 4.5.1.2).
func Chain(chain []*x509.Certificate) []iana.SignatureScheme {
	var signed []iana.SignatureScheme
	for _, c := range chain {
		if !bytes.Equal(c.RawIssuer, c.RawSubject) {
			signed = append(signed, Of(c.SignatureAlgorithm))
		}
	}
	return signed
}

// Of is the scheme with the algorithm and hash of a certificate's
// signature. For ECDSA the curve is the issuer's, which the signature does not
// tell, so the scheme stands for every curve. 0 if there is none.
func Of(a x509.SignatureAlgorithm) iana.SignatureScheme {
	switch a {
	case x509.SHA1WithRSA:
		return iana.RSA_PKCS1_SHA1
	case x509.SHA256WithRSA:
		return iana.RSA_PKCS1_SHA256
	case x509.SHA384WithRSA:
		return iana.RSA_PKCS1_SHA384
	case x509.SHA512WithRSA:
		return iana.RSA_PKCS1_SHA512
	case x509.SHA256WithRSAPSS:
		return iana.RSA_PSS_RSAE_SHA256
	case x509.SHA384WithRSAPSS:
		return iana.RSA_PSS_RSAE_SHA384
	case x509.SHA512WithRSAPSS:
		return iana.RSA_PSS_RSAE_SHA512
	case x509.ECDSAWithSHA1:
		return iana.ECDSA_SHA1
	case x509.ECDSAWithSHA256:
		return iana.ECDSA_SECP256R1_SHA256
	case x509.ECDSAWithSHA384:
		return iana.ECDSA_SECP384R1_SHA384
	case x509.ECDSAWithSHA512:
		return iana.ECDSA_SECP521R1_SHA512
	case x509.PureEd25519:
		return iana.ED25519
	}
	return 0
}
