package wire

import "github.com/handclasp/handclasp/iana"

// EncryptedExtensions is RFC 9846, Section 4.4.1.
type EncryptedExtensions struct {
	Extensions      Extensions
	MaxFragment     uint8
	Groups          List16[iana.Group]
	ALPN            [][]byte
	ClientCertType  CertificateType
	ServerCertType  CertificateType
	RecordSizeLimit uint16
}

func (*EncryptedExtensions) Type() iana.HandshakeType { return iana.EncryptedExtensions }

func (m *EncryptedExtensions) visit(c *Coder) {
	c.Extensions(&m.Extensions, 0, func(t iana.ExtensionType) bool {
		switch t {
		case iana.ExtServerName, iana.ExtEarlyData: // empty: RFC 6066, Section 3; RFC 9846, Section 4.3.10
		case iana.ExtMaxFragmentLength:
			c.U8("max_fragment_length", &m.MaxFragment)
		case iana.ExtSupportedGroups:
			Enums16(c, "named_group_list", "group", 2, 1, &m.Groups)
		case iana.ExtALPN:
			visitALPN(c, &m.ALPN)
		case iana.ExtClientCertificateType:
			Enum8(c, "client_certificate_type", &m.ClientCertType)
		case iana.ExtServerCertificateType:
			Enum8(c, "server_certificate_type", &m.ServerCertType)
		case iana.ExtRecordSizeLimit:
			c.U16("record_size_limit", &m.RecordSizeLimit)
		default:
			return false
		}
		return true
	})
}

// CertificateRequest is RFC 9846, Section 4.4.2.
type CertificateRequest struct {
	Context          []byte
	Extensions       Extensions
	SignatureSchemes List16[iana.SignatureScheme]
	CertSchemes      List16[iana.SignatureScheme]
	Authorities      [][]byte
	OIDFilters       []OIDFilter
	CertCompressions List16[iana.CertCompression]
}

// An OIDFilter is RFC 9846, Section 4.3.5.
type OIDFilter struct{ OID, Values []byte }

func (*CertificateRequest) Type() iana.HandshakeType { return iana.CertificateRequest }

func (m *CertificateRequest) visit(c *Coder) {
	c.Opaque("certificate_request_context", 1, 0, 255, &m.Context)
	c.Extensions(&m.Extensions, 0, func(t iana.ExtensionType) bool {
		switch t {
		case iana.ExtStatusRequest, iana.ExtSCT: // empty: RFC 9846, Section 4.5.1.1
		case iana.ExtSignatureAlgorithms:
			Enums16(c, "supported_signature_algorithms", "signature_scheme", 2, 1, &m.SignatureSchemes)
		case iana.ExtSignatureAlgorithmsCert:
			Enums16(c, "supported_signature_algorithms", "signature_scheme", 2, 1, &m.CertSchemes)
		case iana.ExtCertificateAuthorities:
			visitNames(c, "authorities", 3, &m.Authorities) // RFC 9846, Section 4.3.4
		case iana.ExtCompressCertificate:
			Enums16(c, "algorithms", "algorithm", 1, 1, &m.CertCompressions)
		case iana.ExtOIDFilters:
			Slice(c, "filters", 2, 0, 1<<16-1, &m.OIDFilters, func(f *OIDFilter) {
				c.Opaque("certificate_extension_oid", 1, 1, 255, &f.OID)
				c.Opaque("certificate_extension_values", 2, 0, 1<<16-1, &f.Values)
			})
		default:
			return false
		}
		return true
	})
}

// Certificate is the Certificate message of TLS 1.3 (RFC 9846, Section 4.5.1).
type Certificate struct {
	Context []byte
	List    []CertificateEntry // leaf first
}

// A CertificateEntry is one certificate with what is said about it.
type CertificateEntry struct {
	Data       []byte // DER
	Extensions Extensions
	OCSP       []byte   // OCSPResponse, DER
	SCTs       [][]byte // SerializedSCT
}

func (*Certificate) Type() iana.HandshakeType { return iana.Certificate }

func (m *Certificate) visit(c *Coder) {
	c.Opaque("certificate_request_context", 1, 0, 255, &m.Context)
	Slice(c, "certificate_list", 3, 0, 1<<24-1, &m.List, func(e *CertificateEntry) {
		c.Opaque("cert_data", 3, 1, 1<<24-1, &e.Data)
		c.Extensions(&e.Extensions, 0, func(t iana.ExtensionType) bool {
			switch t {
			case iana.ExtStatusRequest:
				visitStatus(c, &e.OCSP)
			case iana.ExtSCT:
				visitSCTs(c, &e.SCTs)
			default:
				return false
			}
			return true
		})
	})
}

func visitStatus(c *Coder, ocsp *[]byte) { // RFC 6066, Section 8: CertificateStatus
	c.Const8("status_type", uint8(StatusOCSP), StatusOCSP.String())
	c.Opaque("response", 3, 1, 1<<24-1, ocsp)
}

func visitSCTs(c *Coder, scts *[][]byte) { // RFC 6962, Section 3.3
	Slice(c, "sct_list", 2, 1, 1<<16-1, scts, func(s *[]byte) {
		c.Opaque("serialized_sct", 2, 1, 1<<16-1, s)
	})
}

// CompressedCertificate is RFC 8879, Section 4: a Certificate without its header,
// compressed.
type CompressedCertificate struct {
	Algorithm iana.CertCompression
	Length    uint32 // of what was compressed, in bytes
	Data      []byte
}

func (*CompressedCertificate) Type() iana.HandshakeType { return iana.CompressedCert }

func (m *CompressedCertificate) visit(c *Coder) {
	Enum16(c, "algorithm", &m.Algorithm)
	c.U24("uncompressed_length", &m.Length)
	c.Opaque("compressed_certificate_message", 3, 1, 1<<24-1, &m.Data)
}

// CertificateVerify is RFC 9846, Section 4.5.2, and RFC 4346, Section 7.4.8.
type CertificateVerify struct {
	Form      Form
	Scheme    iana.SignatureScheme // from TLS 1.2 on
	Signature []byte
}

func (*CertificateVerify) Type() iana.HandshakeType { return iana.CertificateVerify }
func (m *CertificateVerify) visit(c *Coder)         { visitSigned(c, m.Form, &m.Scheme, &m.Signature) }

func visitSigned(c *Coder, f Form, s *iana.SignatureScheme, signature *[]byte) { // DigitallySigned
	if f.algorithms() {
		Enum16(c, "algorithm", s)
	}
	c.Opaque("signature", 2, 0, 1<<16-1, signature)
}

// Finished is RFC 9846, Section 4.5.3. The length of verify_data is that of
// the handshake's hash, which a decoder can't know.
type Finished struct{ VerifyData []byte }

func (*Finished) Type() iana.HandshakeType { return iana.Finished }
func (m *Finished) visit(c *Coder)         { c.Rest("verify_data", &m.VerifyData) }

// EndOfEarlyData is RFC 9846, Section 4.6.
type EndOfEarlyData struct{}

func (*EndOfEarlyData) Type() iana.HandshakeType { return iana.EndOfEarlyData }
func (*EndOfEarlyData) visit(*Coder)             {}

// NewSessionTicket is RFC 9846, Section 4.7.1.
type NewSessionTicket struct {
	Lifetime     uint32 // seconds
	AgeAdd       uint32 // milliseconds
	Nonce        []byte
	Ticket       []byte
	Extensions   Extensions
	MaxEarlyData uint32 // bytes
}

func (*NewSessionTicket) Type() iana.HandshakeType { return iana.NewSessionTicket }

func (m *NewSessionTicket) visit(c *Coder) {
	c.U32("ticket_lifetime", &m.Lifetime)
	c.U32("ticket_age_add", &m.AgeAdd)
	c.Opaque("ticket_nonce", 1, 0, 255, &m.Nonce)
	c.Opaque("ticket", 2, 1, 1<<16-1, &m.Ticket)
	c.Extensions(&m.Extensions, 0, func(t iana.ExtensionType) bool {
		if t != iana.ExtEarlyData {
			return false
		}
		c.U32("max_early_data_size", &m.MaxEarlyData)
		return true
	})
}

// KeyUpdate is RFC 9846, Section 4.7.3.
type KeyUpdate struct{ Request KeyUpdateRequest }

func (*KeyUpdate) Type() iana.HandshakeType { return iana.KeyUpdate }
func (m *KeyUpdate) visit(c *Coder)         { Enum8(c, "request_update", &m.Request) }

// New is an empty message of type t in TLS 1.3, or nil when no declaration has it.
func New(t iana.HandshakeType) Message {
	switch t {
	case iana.ClientHello:
		return new(ClientHello)
	case iana.ServerHello:
		return new(ServerHello)
	case iana.NewSessionTicket:
		return new(NewSessionTicket)
	case iana.EndOfEarlyData:
		return new(EndOfEarlyData)
	case iana.EncryptedExtensions:
		return new(EncryptedExtensions)
	case iana.Certificate:
		return new(Certificate)
	case iana.CertificateRequest:
		return new(CertificateRequest)
	case iana.CertificateVerify:
		return new(CertificateVerify)
	case iana.Finished:
		return new(Finished)
	case iana.KeyUpdate:
		return new(KeyUpdate)
	case iana.CompressedCert:
		return new(CompressedCertificate)
	}
	return nil
}
