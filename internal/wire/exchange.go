package wire

import "github.com/handclasp/handclasp/iana"

// The key exchange of TLS 1.2 and below. What the two messages hold depends on
// the cipher suite, which they do not name; Form says it.
//
//	            ServerKeyExchange                   ClientKeyExchange
//	ECDHE       ServerECDHParams, signed            ecdh_Yc
//	DHE         ServerDHParams, signed              dh_Yc
//	RSA         (not sent)                          encrypted_pre_master_secret
//	PSK         psk_identity_hint, or not sent      psk_identity
//	DHE_PSK     psk_identity_hint, ServerDHParams   psk_identity, dh_Yc
//	ECDHE_PSK   psk_identity_hint, ServerECDHParams psk_identity, ecdh_Yc
//	RSA_PSK     psk_identity_hint, or not sent      psk_identity, encrypted_pre_master_secret
//
// Of an exchange that we do not know the content has no structure.

// ServerKeyExchange is RFC 8422, Section 5.4 (ECDHE), RFC 5246, Section 7.4.3
// (DHE), RFC 4279, Sections 2 to 4, and RFC 5489, Section 2 (PSK). Fields that the
// form lacks are neither read nor written.
type ServerKeyExchange struct {
	Form      Form
	Hint      []byte // psk_identity_hint, which may be empty
	P, G      []byte // prime and generator of the finite field
	Group     iana.Group
	Share     []byte // the server's public key: a point, or dh_Ys
	Scheme    iana.SignatureScheme
	Signature []byte // over both randoms and Params
	Opaque    []byte // all there is, if the exchange is not known

	params []byte // as they were decoded
}

func (*ServerKeyExchange) Type() iana.HandshakeType { return iana.ServerKeyExchange }

func (m *ServerKeyExchange) visit(c *Coder) {
	x := m.Form.Exchange
	if x.PreShared() {
		c.Text("psk_identity_hint", 2, 0, 1<<16-1, &m.Hint)
	}
	from := c.pos
	m.visitParams(c)
	if !c.encode {
		m.params = c.since(from)
	}
	if x.Signed() {
		visitSigned(c, m.Form, &m.Scheme, &m.Signature)
	}
}

// namedCurve is the one ECCurveType that RFC 8422 left; parameters of a curve
// that nobody has looked at are not to be trusted.
const namedCurve = 3

func (m *ServerKeyExchange) visitParams(c *Coder) {
	switch m.Form.Exchange {
	case iana.ECDHE, iana.ECDHEPSK:
		c.Const8("curve_type", namedCurve, "named_curve")
		Enum16(c, "namedcurve", &m.Group)
		c.Opaque("public", 1, 1, 255, &m.Share)
	case iana.DHE, iana.DHEPSK:
		c.Opaque("dh_p", 2, 1, 1<<16-1, &m.P)
		c.Opaque("dh_g", 2, 1, 1<<16-1, &m.G)
		c.Opaque("dh_Ys", 2, 1, 1<<16-1, &m.Share)
	case iana.PSK, iana.RSAPSK:
		// The hint is all.
	default:
		c.Rest("opaque", &m.Opaque)
	}
}

// Params is ServerECDHParams or ServerDHParams, which the signature covers: of a
// message that was decoded the bytes that came, else the fields encoded, nil if
// one of them is too long or empty.
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

// ClientKeyExchange is RFC 8422, Section 5.7 (ECDHE), RFC 5246, Section 7.4.7 (DHE
// and RSA), RFC 4279, Sections 2 to 4, and RFC 5489, Section 2 (PSK). Fields that
// the form lacks are neither read nor written.
type ClientKeyExchange struct {
	Form      Form
	Identity  []byte // psk_identity
	Share     []byte // the client's public key: a point, or dh_Yc
	Encrypted []byte // premaster secret under the server's RSA key
	Opaque    []byte // all there is, if the exchange is not known
}

func (*ClientKeyExchange) Type() iana.HandshakeType { return iana.ClientKeyExchange }

func (m *ClientKeyExchange) visit(c *Coder) {
	x := m.Form.Exchange
	if x.PreShared() {
		c.Text("psk_identity", 2, 0, 1<<16-1, &m.Identity)
	}
	switch x {
	case iana.ECDHE, iana.ECDHEPSK:
		c.Opaque("ecdh_Yc", 1, 1, 255, &m.Share)
	case iana.DHE, iana.DHEPSK:
		c.Opaque("dh_Yc", 2, 1, 1<<16-1, &m.Share)
	case iana.RSAKeyTransport, iana.RSAPSK:
		c.Opaque("encrypted_pre_master_secret", 2, 0, 1<<16-1, &m.Encrypted)
	case iana.PSK:
		// The identity is all.
	default:
		c.Rest("opaque", &m.Opaque)
	}
}
