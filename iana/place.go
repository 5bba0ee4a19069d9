package iana

import "strings"

// A Place is a set of messages in which an extension may stand (RFC 9846,
// Section 4.3). It speaks of TLS 1.3 handshakes; a ServerHello of TLS 1.2
// carries what there stands in EncryptedExtensions, and more.
type Place uint16

const (
	InClientHello Place = 1 << iota
	InServerHello
	InHelloRetryRequest
	InEncryptedExtensions
	InCertificate
	InCertificateRequest
	InNewSessionTicket
)

var placeNames = [...]string{"CH", "SH", "HRR", "EE", "CT", "CR", "NST"}

// String lists the messages by the RFC's abbreviations, such as "CH, EE"; the
// empty set is "-", as in the registry. Bits without a meaning are left out.
func (p Place) String() string {
	var in []string
	for i, n := range placeNames {
		if p&(1<<i) != 0 {
			in = append(in, n)
		}
	}
	if in == nil {
		return "-"
	}
	return strings.Join(in, ", ")
}
