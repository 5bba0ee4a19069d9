package wire

import (
	"github.com/handclasp/handclasp/iana"
)

// ClientHello is RFC 9846, Section 4.2.2, and RFC 5246, Section 7.4.1.2.
type ClientHello struct {
	LegacyVersion iana.Version
	Random        [32]byte
	SessionID     []byte
	CipherSuites  List16[iana.CipherSuite]
	Compressions  List8[Compression]
	Extensions    Extensions

	ServerName        []byte
	MaxFragment       uint8
	Status            StatusRequest
	Groups            List16[iana.Group]
	PointFormats      List8[PointFormat]
	SignatureSchemes  List16[iana.SignatureScheme]
	CertSchemes       List16[iana.SignatureScheme]
	ALPN              [][]byte
	ClientCertTypes   List8[CertificateType]
	ServerCertTypes   List8[CertificateType]
	Padding           []byte
	CertCompressions  List16[iana.CertCompression]
	RecordSizeLimit   uint16
	Ticket            []byte
	SupportedVersions List16[iana.Version]
	Cookie            []byte
	PSKModes          List8[PSKMode]
	Authorities       [][]byte
	KeyShares         []KeyShare
	RenegotiationInfo []byte
	PSKIdentities     []PSKIdentity
	PSKBinders        [][]byte
}

// A KeyShare is a KeyShareEntry (RFC 9846, Section 4.3.8).
type KeyShare struct {
	Group iana.Group
	Key   []byte
}

func (s *KeyShare) visit(c *Coder) {
	Enum16(c, "group", &s.Group)
	c.Opaque("key_exchange", 2, 1, 1<<16-1, &s.Key)
}

// A PSKIdentity is RFC 9846, Section 4.3.11.
type PSKIdentity struct {
	Identity  []byte
	TicketAge uint32 // obfuscated, in milliseconds
}

// A StatusRequest is a CertificateStatusRequest (RFC 6066, Section 8).
type StatusRequest struct {
	StatusType StatusType
	Responders [][]byte // ResponderID, DER
	Extensions []byte   // request_extensions, DER
	Other      []byte   // body of an unknown status_type
}

func (s *StatusRequest) visit(c *Coder) {
	Enum8(c, "status_type", &s.StatusType)
	if s.StatusType != StatusOCSP {
		c.Rest("request", &s.Other)
		return
	}
	Slice(c, "responder_id_list", 2, 0, 1<<16-1, &s.Responders, func(id *[]byte) {
		c.Opaque("responder_id", 2, 1, 1<<16-1, id)
	})
	c.Opaque("request_extensions", 2, 0, 1<<16-1, &s.Extensions)
}

func (*ClientHello) Type() iana.HandshakeType { return iana.ClientHello }

func (m *ClientHello) visit(c *Coder) {
	Enum16(c, "legacy_version", &m.LegacyVersion)
	c.Fixed("random", m.Random[:])
	c.Opaque("legacy_session_id", 1, 0, 32, &m.SessionID)
	Enums16(c, "cipher_suites", "cipher_suite", 2, 1, &m.CipherSuites)
	Enums8(c, "legacy_compression_methods", "compression_method", 1, 1, &m.Compressions)
	if !c.present(&m.Extensions) {
		return // RFC 5246, Section 7.4.1.2: the block may be absent
	}
	c.Extensions(&m.Extensions, 0, func(t iana.ExtensionType) bool { return m.extension(c, t) })
}

func (m *ClientHello) extension(c *Coder, t iana.ExtensionType) bool {
	switch t {
	case iana.ExtServerName: // RFC 6066, Section 3
		c.Vector("server_name_list", 2, 1, 1<<16-1, func() {
			c.Const8("name_type", 0, "host_name")
			c.Text("host_name", 2, 1, 1<<16-1, &m.ServerName)
		})
	case iana.ExtMaxFragmentLength: // RFC 6066, Section 4
		c.U8("max_fragment_length", &m.MaxFragment)
	case iana.ExtStatusRequest:
		m.Status.visit(c)
	case iana.ExtSupportedGroups: // RFC 9846, Section 4.3.7
		Enums16(c, "named_group_list", "group", 2, 1, &m.Groups)
	case iana.ExtECPointFormats: // RFC 8422, Section 5.1.2
		Enums8(c, "ec_point_format_list", "ec_point_format", 1, 1, &m.PointFormats)
	case iana.ExtSignatureAlgorithms: // RFC 9846, Section 4.3.3
		Enums16(c, "supported_signature_algorithms", "signature_scheme", 2, 1, &m.SignatureSchemes)
	case iana.ExtSignatureAlgorithmsCert:
		Enums16(c, "supported_signature_algorithms", "signature_scheme", 2, 1, &m.CertSchemes)
	case iana.ExtALPN:
		visitALPN(c, &m.ALPN)
	case iana.ExtClientCertificateType: // RFC 7250, Section 3
		Enums8(c, "client_certificate_types", "certificate_type", 1, 1, &m.ClientCertTypes)
	case iana.ExtServerCertificateType:
		Enums8(c, "server_certificate_types", "certificate_type", 1, 1, &m.ServerCertTypes)
	case iana.ExtPadding: // RFC 7685, Section 3
		c.Rest("padding", &m.Padding)
	case iana.ExtCompressCertificate: // RFC 8879, Section 3
		Enums16(c, "algorithms", "algorithm", 1, 1, &m.CertCompressions)
	case iana.ExtRecordSizeLimit: // RFC 8449, Section 4
		c.U16("record_size_limit", &m.RecordSizeLimit)
	case iana.ExtSessionTicket: // RFC 5077, Section 3.2
		c.Rest("ticket", &m.Ticket)
	case iana.ExtPreSharedKey:
		m.preSharedKey(c)
	case iana.ExtSupportedVersions: // RFC 9846, Section 4.3.1
		Enums16(c, "versions", "version", 1, 1, &m.SupportedVersions)
	case iana.ExtCookie: // RFC 9846, Section 4.3.2
		c.Opaque("cookie", 2, 1, 1<<16-1, &m.Cookie)
	case iana.ExtPSKKeyExchangeModes: // RFC 9846, Section 4.3.9
		Enums8(c, "ke_modes", "ke_mode", 1, 1, &m.PSKModes)
	case iana.ExtCertificateAuthorities: // RFC 9846, Section 4.3.4
		visitNames(c, "authorities", 3, &m.Authorities)
	case iana.ExtKeyShare: // RFC 9846, Section 4.3.8
		Slice(c, "client_shares", 2, 0, 1<<16-1, &m.KeyShares, func(s *KeyShare) { s.visit(c) })
	case iana.ExtRenegotiationInfo: // RFC 5746, Section 3.2
		c.Opaque("renegotiated_connection", 1, 0, 255, &m.RenegotiationInfo)
	case iana.ExtEncryptThenMAC, iana.ExtExtendedMasterSecret, iana.ExtSCT, iana.ExtEarlyData, iana.ExtPostHandshakeAuth:
		// empty: RFC 7366, 7627, 6962, 9846 (Sections 4.3.10 and 4.3.6)
	default:
		return false
	}
	return true
}

func (m *ClientHello) preSharedKey(c *Coder) { // RFC 9846, Section 4.3.11
	Slice(c, "identities", 2, 7, 1<<16-1, &m.PSKIdentities, func(id *PSKIdentity) {
		c.Opaque("identity", 2, 1, 1<<16-1, &id.Identity)
		c.U32("obfuscated_ticket_age", &id.TicketAge)
	})
	Slice(c, "binders", 2, 33, 1<<16-1, &m.PSKBinders, func(b *[]byte) {
		c.Opaque("binder", 1, 32, 255, b)
	})
}

// BindersLen is how many bytes the list of binders takes, its length included. They
// are the last of an encoded ClientHello, since pre_shared_key is its last
// extension: what stands before them is what the binders cover, with all lengths
// as if they were there (RFC 9846, Section 4.3.11.2).
func (m *ClientHello) BindersLen() int { return bindersLen(m.PSKBinders) }

func bindersLen(binders [][]byte) int {
	n := 2
	for _, b := range binders {
		n += 1 + len(b)
	}
	return n
}

// SetBinders writes binders over those at the end of msg, an encoded ClientHello
// whose last extension is pre_shared_key. They must be as long as what stood in
// their place.
func SetBinders(msg []byte, binders [][]byte) {
	at := msg[len(msg)-bindersLen(binders)+2:]
	for _, b := range binders {
		copy(at[1:], b)
		at = at[1+len(b):]
	}
}

func visitALPN(c *Coder, names *[][]byte) { // RFC 7301, Section 3.1
	Slice(c, "protocol_name_list", 2, 2, 1<<16-1, names, func(name *[]byte) {
		c.Text("protocol_name", 1, 1, 255, name)
	})
}

func visitNames(c *Coder, field string, min int, names *[][]byte) {
	Slice(c, field, 2, min, 1<<16-1, names, func(name *[]byte) {
		c.Opaque("distinguished_name", 2, 1, 1<<16-1, name)
	})
}

// RetryRandom is the random that marks a ServerHello as a HelloRetryRequest:
// SHA-256 of "HelloRetryRequest" (RFC 9846, Section 4.2.3).
var RetryRandom = [32]byte{
	0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
	0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
}

// ServerHello is RFC 9846, Sections 4.2.3 and 4.2.4 (HelloRetryRequest), and
// RFC 5246, Section 7.4.1.3.
type ServerHello struct {
	LegacyVersion iana.Version
	Random        [32]byte
	SessionID     []byte
	CipherSuite   iana.CipherSuite
	Compression   Compression
	Extensions    Extensions

	SupportedVersion iana.Version
	KeyShare         KeyShare // in a HelloRetryRequest only Group is used
	Cookie           []byte
	SelectedIdentity uint16

	// TLS 1.2 has no EncryptedExtensions: all answers stand here.
	MaxFragment       uint8
	Groups            List16[iana.Group] // means nothing, but some servers echo the client's
	ALPN              [][]byte
	PointFormats      List8[PointFormat]
	SCTs              [][]byte
	ClientCertType    CertificateType
	ServerCertType    CertificateType
	RecordSizeLimit   uint16
	RenegotiationInfo []byte
}

func (*ServerHello) Type() iana.HandshakeType { return iana.ServerHello }

// IsRetry reports whether the message is a HelloRetryRequest.
func (m *ServerHello) IsRetry() bool { return m.Random == RetryRandom }

func (m *ServerHello) visit(c *Coder) {
	Enum16(c, "legacy_version", &m.LegacyVersion)
	c.Fixed("random", m.Random[:])
	c.Opaque("legacy_session_id_echo", 1, 0, 32, &m.SessionID)
	Enum16(c, "cipher_suite", &m.CipherSuite)
	Enum8(c, "legacy_compression_method", &m.Compression)
	if !c.present(&m.Extensions) {
		return // RFC 5246, Section 7.4.1.3: the block may be absent
	}
	c.Extensions(&m.Extensions, 0, func(t iana.ExtensionType) bool { return m.extension(c, t) })
}

func (m *ServerHello) extension(c *Coder, t iana.ExtensionType) bool {
	switch t {
	case iana.ExtSupportedVersions:
		Enum16(c, "selected_version", &m.SupportedVersion)
	case iana.ExtKeyShare:
		if m.IsRetry() {
			Enum16(c, "selected_group", &m.KeyShare.Group)
		} else {
			m.KeyShare.visit(c)
		}
	case iana.ExtCookie:
		c.Opaque("cookie", 2, 1, 1<<16-1, &m.Cookie)
	case iana.ExtPreSharedKey:
		c.U16("selected_identity", &m.SelectedIdentity)
	default:
		return m.extension12(c, t)
	}
	return true
}

// extension12 codes what stands in EncryptedExtensions and Certificate, or
// nowhere, once TLS 1.3 is spoken.
func (m *ServerHello) extension12(c *Coder, t iana.ExtensionType) bool {
	switch t {
	case iana.ExtMaxFragmentLength:
		c.U8("max_fragment_length", &m.MaxFragment)
	case iana.ExtSupportedGroups:
		Enums16(c, "named_group_list", "group", 2, 1, &m.Groups)
	case iana.ExtALPN:
		visitALPN(c, &m.ALPN)
	case iana.ExtECPointFormats:
		Enums8(c, "ec_point_format_list", "ec_point_format", 1, 1, &m.PointFormats)
	case iana.ExtSCT:
		visitSCTs(c, &m.SCTs)
	case iana.ExtClientCertificateType:
		Enum8(c, "client_certificate_type", &m.ClientCertType)
	case iana.ExtServerCertificateType:
		Enum8(c, "server_certificate_type", &m.ServerCertType)
	case iana.ExtRecordSizeLimit:
		c.U16("record_size_limit", &m.RecordSizeLimit)
	case iana.ExtRenegotiationInfo:
		c.Opaque("renegotiated_connection", 1, 0, 255, &m.RenegotiationInfo)
	case iana.ExtServerName, iana.ExtStatusRequest, iana.ExtEncryptThenMAC, iana.ExtExtendedMasterSecret, iana.ExtSessionTicket:
		// empty: RFC 6066, 7366, 7627, 5077
	default:
		return false
	}
	return true
}
