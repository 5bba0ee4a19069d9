package sign

import (
	"crypto/x509"
	"slices"
	"testing"

	"github.com/handclasp/handclasp/iana"
)

// Every algorithm that crypto/x509 signs with has a scheme of its own.
func TestOf(t *testing.T) {
	seen := map[iana.SignatureScheme]bool{}
	for a := x509.SHA1WithRSA; a <= x509.PureEd25519; a++ {
		if a == x509.DSAWithSHA1 || a == x509.DSAWithSHA256 {
			continue
		}
		s := Of(a)
		if s == 0 || seen[s] {
			t.Errorf("%v: %v", a, s)
		}
		seen[s] = true
	}
	for a, want := range map[x509.SignatureAlgorithm]iana.SignatureScheme{
		x509.UnknownSignatureAlgorithm: 0,
		x509.MD5WithRSA:                0,
		x509.DSAWithSHA256:             0,
		x509.SHA256WithRSA:             iana.RSA_PKCS1_SHA256,
		x509.SHA384WithRSAPSS:          iana.RSA_PSS_RSAE_SHA384,
		x509.ECDSAWithSHA512:           iana.ECDSA_SECP521R1_SHA512,
		x509.ECDSAWithSHA1:             iana.ECDSA_SHA1,
		x509.PureEd25519:               iana.ED25519,
	} {
		if got := Of(a); got != want {
			t.Errorf("%v: got %v, want %v", a, got, want)
		}
	}
}

func TestChain(t *testing.T) {
	cert := func(subject, issuer string, a x509.SignatureAlgorithm) *x509.Certificate {
		return &x509.Certificate{RawSubject: []byte(subject), RawIssuer: []byte(issuer), SignatureAlgorithm: a}
	}
	var (
		leaf = cert("leaf", "sub", x509.ECDSAWithSHA256)
		sub  = cert("sub", "root", x509.SHA384WithRSA)
		root = cert("root", "root", x509.SHA1WithRSA)
		odd  = cert("odd", "root", x509.DSAWithSHA256)
	)
	tests := []struct {
		name  string
		chain []*x509.Certificate
		want  []iana.SignatureScheme
	}{
		{"empty", nil, nil},
		{"self-signed", []*x509.Certificate{root}, nil},
		{"root left out", []*x509.Certificate{leaf, sub, root}, []iana.SignatureScheme{iana.ECDSA_SECP256R1_SHA256, iana.RSA_PKCS1_SHA384}},
		{"no scheme", []*x509.Certificate{odd}, []iana.SignatureScheme{0}},
	}
	for _, test := range tests {
		if got := Chain(test.chain); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}
