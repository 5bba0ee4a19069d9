package wire

import "github.com/handclasp/handclasp/iana"

// The messages of TLS 1.2 and below that TLS 1.3 dropped or gave another form. A
// type whose name ends in 12 has a namesake of TLS 1.3; ClientHello, ServerHello,
// CertificateVerify and Finished serve all versions. The key exchange stands in a
// file of its own.

// A Form is what tells how a message is to be read and is not in the message. It
// must be set before a message that has one is decoded or encoded. 0 is a version
// that is not settled, or TLS 1.2 or above.
type Form struct {
	Version  iana.Version
	Exchange iana.KeyExchange // of the cipher suite, in TLS 1.2 and below
}

// algorithms reports whether signatures name their algorithm. Before TLS 1.2 the
// key implies it (RFC 4346, Section 4.7).
func (f Form) algorithms() bool { return f.Version == 0 || f.Version >= iana.TLS12 }

// HelloRequest is RFC 5246, Section 7.4.1.1. It is no part of any transcript.
type HelloRequest struct{}

func (*HelloRequest) Type() iana.HandshakeType { return iana.HelloRequest }
func (*HelloRequest) visit(*Coder)             {}

// Certificate12 is RFC 5246, Section 7.4.2.
type Certificate12 struct {
	List [][]byte // DER, leaf first; empty if a client has none to show
}

func (*Certificate12) Type() iana.HandshakeType { return iana.Certificate }

func (m *Certificate12) visit(c *Coder) {
	Slice(c, "certificate_list", 3, 0, 1<<24-1, &m.List, func(cert *[]byte) {
		c.Opaque("asn1_cert", 3, 1, 1<<24-1, cert)
	})
}

// CertificateStatus is RFC 6066, Section 8: an OCSP answer about the server's
// certificate.
type CertificateStatus struct {
	OCSP []byte // OCSPResponse, DER
}

func (*CertificateStatus) Type() iana.HandshakeType { return iana.CertificateStatus }
func (m *CertificateStatus) visit(c *Coder)         { visitStatus(c, &m.OCSP) }

// CertificateRequest12 is RFC 5246, Section 7.4.4, and RFC 4346, Section 7.4.4.
type CertificateRequest12 struct {
	Form             Form
	Types            List8[iana.ClientCertificateType]
	SignatureSchemes List16[iana.SignatureScheme] // from TLS 1.2 on
	Authorities      [][]byte                     // DistinguishedName, DER; none means any
}

func (*CertificateRequest12) Type() iana.HandshakeType { return iana.CertificateRequest }

func (m *CertificateRequest12) visit(c *Coder) {
	Enums8(c, "certificate_types", "certificate_type", 1, 1, &m.Types)
	if m.Form.algorithms() {
		Enums16(c, "supported_signature_algorithms", "signature_scheme", 2, 1, &m.SignatureSchemes)
	}
	visitNames(c, "certificate_authorities", 0, &m.Authorities)
}

// ServerHelloDone is RFC 5246, Section 7.4.5.
type ServerHelloDone struct{}

func (*ServerHelloDone) Type() iana.HandshakeType { return iana.ServerHelloDone }
func (*ServerHelloDone) visit(*Coder)             {}

// NewSessionTicket12 is RFC 5077, Section 3.3.
type NewSessionTicket12 struct {
	LifetimeHint uint32 // seconds; 0 if the server does not say
	Ticket       []byte // empty if the server has none after all
}

func (*NewSessionTicket12) Type() iana.HandshakeType { return iana.NewSessionTicket }

func (m *NewSessionTicket12) visit(c *Coder) {
	c.U32("ticket_lifetime_hint", &m.LifetimeHint)
	c.Opaque("ticket", 2, 0, 1<<16-1, &m.Ticket)
}

// NewFor is New for a connection of which f is known.
func NewFor(t iana.HandshakeType, f Form) Message {
	if f.Version >= iana.TLS13 {
		return New(t)
	}
	switch t {
	case iana.HelloRequest:
		return new(HelloRequest)
	case iana.NewSessionTicket:
		return new(NewSessionTicket12)
	case iana.Certificate:
		return new(Certificate12)
	case iana.ServerKeyExchange:
		return &ServerKeyExchange{Form: f}
	case iana.CertificateRequest:
		return &CertificateRequest12{Form: f}
	case iana.ServerHelloDone:
		return new(ServerHelloDone)
	case iana.CertificateVerify:
		return &CertificateVerify{Form: f}
	case iana.ClientKeyExchange:
		return &ClientKeyExchange{Form: f}
	case iana.CertificateStatus:
		return new(CertificateStatus)
	case iana.ClientHello, iana.ServerHello, iana.Finished:
		return New(t)
	}
	return nil
}
