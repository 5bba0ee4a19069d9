package hs

import (
	"slices"

	"github.com/handclasp/handclasp/iana"
)

// extensions are those that the machines do something about, in one version or
// another, by number. A test has two of them speak and compares.
var extensions = []iana.ExtensionType{
	iana.ExtServerName, iana.ExtMaxFragmentLength, iana.ExtStatusRequest, iana.ExtSupportedGroups, iana.ExtECPointFormats,
	iana.ExtSignatureAlgorithms, iana.ExtALPN, iana.ExtSCT, iana.ExtPadding, iana.ExtEncryptThenMAC, iana.ExtExtendedMasterSecret,
	iana.ExtCompressCertificate, iana.ExtRecordSizeLimit, iana.ExtSessionTicket, iana.ExtPreSharedKey, iana.ExtEarlyData, iana.ExtSupportedVersions, iana.ExtCookie,
	iana.ExtPSKKeyExchangeModes, iana.ExtCertificateAuthorities, iana.ExtPostHandshakeAuth, iana.ExtSignatureAlgorithmsCert, iana.ExtKeyShare,
	iana.ExtRenegotiationInfo,
}

// Extensions are those that the machines speak or heed, by number.
func Extensions() []iana.ExtensionType { return slices.Clone(extensions) }
