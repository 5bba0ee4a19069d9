package wire

import "github.com/handclasp/handclasp/iana"

// The messages of TLS 1.2 that TLS 1.3 dropped or gave another form. A type
// whose name ends in 12 has a namesake of TLS 1.3; ClientHello, ServerHello,
// CertificateVerify and Finished are the same in both.

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

// ServerKeyExchange is that of the ECDHE suites (RFC 8422, Section 5.4). What
// the message holds depends on the cipher suite, which it does not name.
type ServerKeyExchange struct {
	Group     iana.Group
	Point     []byte // the server's public key
	Scheme    iana.SignatureScheme
	Signature []byte // over both randoms and Params

	params []byte // as they were decoded
}

func (*ServerKeyExchange) Type() iana.HandshakeType { return iana.ServerKeyExchange }

func (m *ServerKeyExchange) visit(c *Coder) {
	from := c.pos
	m.visitParams(c)
	if !c.encode {
		m.params = c.since(from)
	}
	Enum16(c, "algorithm", &m.Scheme)
	c.Opaque("signature", 2, 0, 1<<16-1, &m.Signature)
}

// namedCurve is the one ECCurveType that RFC 8422 left; parameters of a curve
// that nobody has looked at are not to be trusted.
const namedCurve = 3

func (m *ServerKeyExchange) visitParams(c *Coder) {
	c.Const8("curve_type", namedCurve, "named_curve")
	Enum16(c, "namedcurve", &m.Group)
	c.Opaque("public", 1, 1, 255, &m.Point)
}

// Params is ServerECDHParams, which the signature covers: of a message that was
// decoded the bytes that came, else Group and Point encoded, nil if Point has
// not 1 to 255 bytes.
func (m *ServerKeyExchange) Params() []byte {
	if m.params != nil {
		return m.params
	}
	c := Coder{encode: true}
	m.visitParams(&c)
	if c.err != nil {
		return nil
	}
	return c.buf
}

// CertificateRequest12 is RFC 5246, Section 7.4.4.
type CertificateRequest12 struct {
	Types            List8[iana.ClientCertificateType]
	SignatureSchemes List16[iana.SignatureScheme]
	Authorities      [][]byte // DistinguishedName, DER; none means any
}

func (*CertificateRequest12) Type() iana.HandshakeType { return iana.CertificateRequest }

func (m *CertificateRequest12) visit(c *Coder) {
	Enums8(c, "certificate_types", "certificate_type", 1, 1, &m.Types)
	Enums16(c, "supported_signature_algorithms", "signature_scheme", 2, 1, &m.SignatureSchemes)
	visitNames(c, "certificate_authorities", 0, &m.Authorities)
}

// ServerHelloDone is RFC 5246, Section 7.4.5.
type ServerHelloDone struct{}

func (*ServerHelloDone) Type() iana.HandshakeType { return iana.ServerHelloDone }
func (*ServerHelloDone) visit(*Coder)             {}

// ClientKeyExchange is that of the ECDHE suites (RFC 8422, Section 5.7).
type ClientKeyExchange struct {
	Point []byte // the client's public key
}

func (*ClientKeyExchange) Type() iana.HandshakeType { return iana.ClientKeyExchange }
func (m *ClientKeyExchange) visit(c *Coder)         { c.Opaque("ecdh_Yc", 1, 1, 255, &m.Point) }

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

// New12 is New for a connection that speaks TLS 1.2.
func New12(t iana.HandshakeType) Message {
	switch t {
	case iana.HelloRequest:
		return new(HelloRequest)
	case iana.NewSessionTicket:
		return new(NewSessionTicket12)
	case iana.Certificate:
		return new(Certificate12)
	case iana.ServerKeyExchange:
		return new(ServerKeyExchange)
	case iana.CertificateRequest:
		return new(CertificateRequest12)
	case iana.ServerHelloDone:
		return new(ServerHelloDone)
	case iana.ClientKeyExchange:
		return new(ClientKeyExchange)
	case iana.CertificateStatus:
		return new(CertificateStatus)
	case iana.ClientHello, iana.ServerHello, iana.CertificateVerify, iana.Finished:
		return New(t)
	}
	return nil
}
