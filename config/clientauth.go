package config

import (
	"crypto/x509"
	"fmt"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// A ClientAuthType says what a server wants of a client's certificate.
type ClientAuthType uint8

const (
	// NoClientCert asks for none.
	NoClientCert ClientAuthType = iota

	// RequestClientCert asks for one. The client need not show any, and what
	// it shows is believed to be its own but need not be good.
	RequestClientCert

	// RequireAnyClientCert refuses a client that shows none; what it shows
	// need not be good.
	RequireAnyClientCert

	// VerifyClientCertIfGiven asks for one. The client need not show any, but
	// what it shows must be good.
	VerifyClientCertIfGiven

	// RequireAndVerifyClientCert refuses a client that shows none, and one
	// whose certificate is not good.
	RequireAndVerifyClientCert
)

var clientAuthNames = [...]string{"none", "request", "require", "verify-if-given", "require-and-verify"}

// String is the name that the command has for it, such as "verify-if-given".
func (t ClientAuthType) String() string {
	if int(t) < len(clientAuthNames) {
		return clientAuthNames[t]
	}
	return fmt.Sprintf("ClientAuthType(%d)", uint8(t))
}

// ParseClientAuth understands the names that String gives.
func ParseClientAuth(s string) (ClientAuthType, error) {
	for i, name := range clientAuthNames {
		if s == name {
			return ClientAuthType(i), nil
		}
	}
	return 0, fmt.Errorf("%q is no policy for client certificates; write one of none, request, require, verify-if-given, require-and-verify", s)
}

// Requires reports whether a client without a certificate is refused.
func (t ClientAuthType) Requires() bool {
	return t == RequireAnyClientCert || t == RequireAndVerifyClientCert
}

// Verifies reports whether a certificate that is not good is refused.
func (t ClientAuthType) Verifies() bool {
	return t == VerifyClientCertIfGiven || t == RequireAndVerifyClientCert
}

// checkClientAuth refuses a policy that can't be kept. No ClientCAs would mean
// every public authority of the system, each of which would let anybody in.
func checkClientAuth(t ClientAuthType, roots *x509.CertPool) error {
	if int(t) >= len(clientAuthNames) {
		return fault.ConfigValue.In("ClientAuth").Saw(t, "one of the five policies, NoClientCert to RequireAndVerifyClientCert")
	}
	if t.Verifies() && roots == nil {
		return fault.ConfigValue.In("ClientCAs").Saw("none, with ClientAuth "+t.String(), "the authorities that may vouch for clients")
	}
	return nil
}

// A CertificateRequestInfo is what a server asks of a client's certificate, for
// the hook that chooses by it. It is a copy and may be kept.
type CertificateRequestInfo struct {
	Version iana.Version

	// SignatureSchemes are what the server lets the client sign with;
	// CertSchemes what it accepts inside a chain, empty if it makes no
	// difference (RFC 9846, Section 4.3.3).
	SignatureSchemes []iana.SignatureScheme
	CertSchemes      []iana.SignatureScheme

	// CertificateTypes are the kinds of key that it takes; empty in TLS 1.3.
	CertificateTypes []iana.ClientCertificateType

	// Authorities are the names (DER, as in RawSubject) of those who may have
	// issued the certificate, directly or at the top; empty means any.
	Authorities [][]byte
}
