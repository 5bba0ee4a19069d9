package iana

import "strings"

// String is the registry's name, such as "TLS_AES_128_GCM_SHA256", or the
// number in hex.
func (s CipherSuite) String() string { return name(suites, uint16(s)) }

// Known reports whether the suite has a name.
func (s CipherSuite) Known() bool { _, ok := find(suites, uint16(s)); return ok }

// OpenSSL is the name that OpenSSL uses for the suite, such as
// "ECDHE-RSA-AES128-GCM-SHA256", or "" if it has none. Its TLS 1.3 names are
// the registry's.
func (s CipherSuite) OpenSSL() string {
	e, ok := find(suites, uint16(s))
	switch {
	case !ok:
		return ""
	case e.aliases != "":
		name, _, _ := strings.Cut(e.aliases, " ")
		return name
	case s >= TLS_AES_128_GCM_SHA256 && s <= TLS_AES_128_CCM_8_SHA256:
		return e.name
	}
	return ""
}

// Status is the registry's recommendation, Unregistered for a suite without a
// name. Discouraged are the suites in the
// table of RFC 9847, Section 5, and those its prose speaks of: NULL, EXPORT,
// anonymous, RC4, RC2, DES and IDEA. Suites with static RSA, static (EC)DH or
// DHE keep the value they had before draft-ietf-tls-deprecate-obsolete-kex,
// which asks for "discouraged": we could not see whether IANA has acted on it.
func (s CipherSuite) Status() Status { return status(suites, uint16(s)) }

// ParseCipherSuite understands the registry's names and OpenSSL's, in any
// case, and "0x1301". For among see ParseVersion.
func ParseCipherSuite(s string, among ...CipherSuite) (CipherSuite, error) {
	return parseAmong(registry{"cipher suite", "TLS_AES_128_GCM_SHA256", suites}, s, among)
}

// Signalling values: they stand in the client's list and are no suites.
const (
	TLS_EMPTY_RENEGOTIATION_INFO_SCSV CipherSuite = 0x00ff // RFC 5746, Section 3.3
	TLS_FALLBACK_SCSV                 CipherSuite = 0x5600 // RFC 7507, Section 4
)

// Ephemeral elliptic-curve keys, ECDSA or EdDSA certificate (RFC 8422, 5289, 7251, 7905).
const (
	TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256       CipherSuite = 0xc02b
	TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384       CipherSuite = 0xc02c
	TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 CipherSuite = 0xcca9
	TLS_ECDHE_ECDSA_WITH_AES_128_CCM              CipherSuite = 0xc0ac
	TLS_ECDHE_ECDSA_WITH_AES_256_CCM              CipherSuite = 0xc0ad
	TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8            CipherSuite = 0xc0ae
	TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8            CipherSuite = 0xc0af
	TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA          CipherSuite = 0xc009
	TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA          CipherSuite = 0xc00a
	TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256       CipherSuite = 0xc023
	TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384       CipherSuite = 0xc024
	TLS_ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA         CipherSuite = 0xc008
)

// Ephemeral elliptic-curve keys, RSA certificate (RFC 8422, 5289, 7905).
const (
	TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256       CipherSuite = 0xc02f
	TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384       CipherSuite = 0xc030
	TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 CipherSuite = 0xcca8
	TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA          CipherSuite = 0xc013
	TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA          CipherSuite = 0xc014
	TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256       CipherSuite = 0xc027
	TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384       CipherSuite = 0xc028
	TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA         CipherSuite = 0xc012
)

// Ephemeral finite-field keys, RSA certificate (RFC 5246, 5288, 6655, 7905).
const (
	TLS_DHE_RSA_WITH_AES_128_GCM_SHA256       CipherSuite = 0x009e
	TLS_DHE_RSA_WITH_AES_256_GCM_SHA384       CipherSuite = 0x009f
	TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256 CipherSuite = 0xccaa
	TLS_DHE_RSA_WITH_AES_128_CCM              CipherSuite = 0xc09e
	TLS_DHE_RSA_WITH_AES_256_CCM              CipherSuite = 0xc09f
	TLS_DHE_RSA_WITH_AES_128_CCM_8            CipherSuite = 0xc0a2
	TLS_DHE_RSA_WITH_AES_256_CCM_8            CipherSuite = 0xc0a3
	TLS_DHE_RSA_WITH_AES_128_CBC_SHA          CipherSuite = 0x0033
	TLS_DHE_RSA_WITH_AES_256_CBC_SHA          CipherSuite = 0x0039
	TLS_DHE_RSA_WITH_AES_128_CBC_SHA256       CipherSuite = 0x0067
	TLS_DHE_RSA_WITH_AES_256_CBC_SHA256       CipherSuite = 0x006b
	TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA         CipherSuite = 0x0016
)

// RSA key transport: no forward secrecy (RFC 5246, 5288, 6655).
const (
	TLS_RSA_WITH_AES_128_GCM_SHA256 CipherSuite = 0x009c
	TLS_RSA_WITH_AES_256_GCM_SHA384 CipherSuite = 0x009d
	TLS_RSA_WITH_AES_128_CCM        CipherSuite = 0xc09c
	TLS_RSA_WITH_AES_256_CCM        CipherSuite = 0xc09d
	TLS_RSA_WITH_AES_128_CCM_8      CipherSuite = 0xc0a0
	TLS_RSA_WITH_AES_256_CCM_8      CipherSuite = 0xc0a1
	TLS_RSA_WITH_AES_128_CBC_SHA    CipherSuite = 0x002f
	TLS_RSA_WITH_AES_256_CBC_SHA    CipherSuite = 0x0035
	TLS_RSA_WITH_AES_128_CBC_SHA256 CipherSuite = 0x003c
	TLS_RSA_WITH_AES_256_CBC_SHA256 CipherSuite = 0x003d
	TLS_RSA_WITH_3DES_EDE_CBC_SHA   CipherSuite = 0x000a
)

// Pre-shared key with elliptic curves (RFC 5489, 7905, 8442).
const (
	TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256       CipherSuite = 0xd001
	TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384       CipherSuite = 0xd002
	TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256 CipherSuite = 0xccac
	TLS_ECDHE_PSK_WITH_AES_128_CCM_8_SHA256     CipherSuite = 0xd003
	TLS_ECDHE_PSK_WITH_AES_128_CCM_SHA256       CipherSuite = 0xd005
	TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA          CipherSuite = 0xc035
	TLS_ECDHE_PSK_WITH_AES_256_CBC_SHA          CipherSuite = 0xc036
	TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256       CipherSuite = 0xc037
	TLS_ECDHE_PSK_WITH_AES_256_CBC_SHA384       CipherSuite = 0xc038
	TLS_ECDHE_PSK_WITH_3DES_EDE_CBC_SHA         CipherSuite = 0xc034
)

// Pre-shared key with finite fields (RFC 4279, 5487, 6655, 7905). RFC 6655 swapped two words in the names of its CCM_8 suites.
const (
	TLS_DHE_PSK_WITH_AES_128_GCM_SHA256       CipherSuite = 0x00aa
	TLS_DHE_PSK_WITH_AES_256_GCM_SHA384       CipherSuite = 0x00ab
	TLS_DHE_PSK_WITH_CHACHA20_POLY1305_SHA256 CipherSuite = 0xccad
	TLS_DHE_PSK_WITH_AES_128_CCM              CipherSuite = 0xc0a6
	TLS_DHE_PSK_WITH_AES_256_CCM              CipherSuite = 0xc0a7
	TLS_PSK_DHE_WITH_AES_128_CCM_8            CipherSuite = 0xc0aa
	TLS_PSK_DHE_WITH_AES_256_CCM_8            CipherSuite = 0xc0ab
	TLS_DHE_PSK_WITH_AES_128_CBC_SHA          CipherSuite = 0x0090
	TLS_DHE_PSK_WITH_AES_256_CBC_SHA          CipherSuite = 0x0091
	TLS_DHE_PSK_WITH_AES_128_CBC_SHA256       CipherSuite = 0x00b2
	TLS_DHE_PSK_WITH_AES_256_CBC_SHA384       CipherSuite = 0x00b3
	TLS_DHE_PSK_WITH_3DES_EDE_CBC_SHA         CipherSuite = 0x008f
)

// Pre-shared key under RSA key transport (RFC 4279, 5487, 7905).
const (
	TLS_RSA_PSK_WITH_AES_128_GCM_SHA256       CipherSuite = 0x00ac
	TLS_RSA_PSK_WITH_AES_256_GCM_SHA384       CipherSuite = 0x00ad
	TLS_RSA_PSK_WITH_CHACHA20_POLY1305_SHA256 CipherSuite = 0xccae
	TLS_RSA_PSK_WITH_AES_128_CBC_SHA          CipherSuite = 0x0094
	TLS_RSA_PSK_WITH_AES_256_CBC_SHA          CipherSuite = 0x0095
	TLS_RSA_PSK_WITH_AES_128_CBC_SHA256       CipherSuite = 0x00b6
	TLS_RSA_PSK_WITH_AES_256_CBC_SHA384       CipherSuite = 0x00b7
	TLS_RSA_PSK_WITH_3DES_EDE_CBC_SHA         CipherSuite = 0x0093
)

// Pre-shared key alone: no forward secrecy (RFC 4279, 5487, 6655, 7905).
const (
	TLS_PSK_WITH_AES_128_GCM_SHA256       CipherSuite = 0x00a8
	TLS_PSK_WITH_AES_256_GCM_SHA384       CipherSuite = 0x00a9
	TLS_PSK_WITH_CHACHA20_POLY1305_SHA256 CipherSuite = 0xccab
	TLS_PSK_WITH_AES_128_CCM              CipherSuite = 0xc0a4
	TLS_PSK_WITH_AES_256_CCM              CipherSuite = 0xc0a5
	TLS_PSK_WITH_AES_128_CCM_8            CipherSuite = 0xc0a8
	TLS_PSK_WITH_AES_256_CCM_8            CipherSuite = 0xc0a9
	TLS_PSK_WITH_AES_128_CBC_SHA          CipherSuite = 0x008c
	TLS_PSK_WITH_AES_256_CBC_SHA          CipherSuite = 0x008d
	TLS_PSK_WITH_AES_128_CBC_SHA256       CipherSuite = 0x00ae
	TLS_PSK_WITH_AES_256_CBC_SHA384       CipherSuite = 0x00af
	TLS_PSK_WITH_3DES_EDE_CBC_SHA         CipherSuite = 0x008b
)
