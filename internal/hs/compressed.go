package hs

import (
	"encoding/binary"
	"slices"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/expand"
	"github.com/handclasp/handclasp/internal/wire"
)

// offerCompression offers to read compressed certificates (RFC 8879, Section 3).
func (c *client) offerCompression() {
	if len(c.cfg.CertificateCompression) > 0 && slices.Contains(c.params.Versions, iana.TLS13) {
		c.hello.CertCompressions = wire.MakeList16(c.cfg.CertificateCompression...)
		c.hello.Extensions.Add(iana.ExtCompressCertificate)
	}
}

// isCompressed reports whether msg is a Certificate in the form that the server
// was offered.
func (c *client) isCompressed(msg []byte) bool {
	return iana.HandshakeType(msg[0]) == iana.CompressedCert && c.info.Version == iana.TLS13 && c.hello.Extensions.Has(iana.ExtCompressCertificate)
}

// expand is the Certificate message that is compressed in msg (RFC 8879, Section
// 4).
func (c *client) expand(msg []byte) ([]byte, error) {
	var m wire.CompressedCertificate
	if err := c.coder.Decode(msg, &m); err != nil {
		return nil, err
	}
	if err := refuseGREASE("algorithm", m.Algorithm); err != nil {
		return nil, err
	}
	if !c.hello.CertCompressions.Has(m.Algorithm) {
		return nil, fault.CertCompression.In("algorithm").Saw(m.Algorithm, join(c.hello.CertCompressions.Slice()))
	}
	if most := c.Limits.MessageBytes; int(m.Length) > most {
		return nil, fault.CertExpandTooLarge.In("uncompressed_length").Saw(m.Length, most)
	}
	body, err := expand.Bytes(m.Algorithm, m.Data, int(m.Length))
	if err != nil {
		return nil, fault.CertExpand.In("compressed_certificate_message").Because(err)
	}
	c.info.CertCompression = m.Algorithm
	return append(binary.BigEndian.AppendUint32(nil, uint32(iana.Certificate)<<24|m.Length), body...), nil
}
