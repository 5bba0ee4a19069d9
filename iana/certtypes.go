package iana

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A ClientCertificateType is a kind of key that a server of TLS 1.2 asks a
// client to sign with (RFC 5246, Section 7.4.4; RFC 8422, Section 5.5). TLS 1.3
// has none: its signature schemes say it.
type ClientCertificateType uint8

const (
	RSASign   ClientCertificateType = 1
	ECDSASign ClientCertificateType = 64 // EdDSA too
)

// String is the registry's name, such as "rsa_sign", or the number.
func (v ClientCertificateType) String() string {
	switch v {
	case RSASign:
		return "rsa_sign"
	case 2:
		return "dss_sign"
	case 3:
		return "rsa_fixed_dh"
	case 4:
		return "dss_fixed_dh"
	case 5:
		return "rsa_ephemeral_dh"
	case 6:
		return "dss_ephemeral_dh"
	case 20:
		return "fortezza_dms"
	case ECDSASign:
		return "ecdsa_sign"
	case 65:
		return "rsa_fixed_ecdh"
	case 66:
		return "ecdsa_fixed_ecdh"
	}
	return strconv.Itoa(int(v))
}

// A CertCompression is an algorithm that compresses a Certificate message (RFC
// 8879, Section 3).
type CertCompression uint16

const (
	CertZlib   CertCompression = 1
	CertBrotli CertCompression = 2
	CertZstd   CertCompression = 3
)

var certCompressions = []string{CertZlib: "zlib", CertBrotli: "brotli", CertZstd: "zstd"}

// String is the registry's name, such as "brotli", or the number.
func (v CertCompression) String() string {
	if int(v) < len(certCompressions) && v > 0 {
		return certCompressions[v]
	}
	return strconv.Itoa(int(v))
}

// ParseCertCompression finds the algorithm that a person wrote.
func ParseCertCompression(s string) (CertCompression, error) {
	if i := slices.Index(certCompressions, strings.ToLower(strings.TrimSpace(s))); i > 0 {
		return CertCompression(i), nil
	}
	return 0, fmt.Errorf("unknown certificate compression %q: there are %s", s, strings.Join(certCompressions[1:], ", "))
}
