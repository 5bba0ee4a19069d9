package iana

import "strconv"

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
