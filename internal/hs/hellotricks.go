package hs

import (
	"encoding/binary"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/wire"
)

// How a ClientHello keeps servers and devices on the path honest: values that
// mean nothing (GREASE, RFC 8701), extensions in random order, and padding (RFC
// 7685). None of it changes what is negotiated. pre_shared_key stays last.

// greaseValue makes a 16-bit GREASE value of a random byte.
func greaseValue(b byte) uint16 { return 0x0a0a + uint16(b&0x0f)*0x1010 }

// greaseMode makes a PskKeyExchangeMode of a random byte (RFC 8701, Section 2).
func greaseMode(b byte) wire.PSKMode { return wire.PSKMode(0x0b + b&0x07*0x1f) }

// grease adds one value to each list and two extensions, the first without a
// body and the last with one byte. Lists have it first, so that no server can
// stop before it.
func (c *client) grease() error {
	var b [8]byte
	if err := c.random(b[:]); err != nil {
		return err
	}
	h := &c.hello
	h.CipherSuites = before(iana.CipherSuite(greaseValue(b[0])), h.CipherSuites)
	h.Groups = before(iana.Group(greaseValue(b[1])), h.Groups)
	h.SignatureSchemes = before(iana.SignatureScheme(greaseValue(b[2])), h.SignatureSchemes)
	if h.Extensions.Has(iana.ExtSupportedVersions) {
		h.SupportedVersions = before(iana.Version(greaseValue(b[3])), h.SupportedVersions)
	}
	if len(h.KeyShares) > 0 {
		h.KeyShares = append([]wire.KeyShare{{Group: h.Groups.At(0), Key: []byte{0}}}, h.KeyShares...)
	}
	if h.Extensions.Has(iana.ExtPSKKeyExchangeModes) {
		modes := []wire.PSKMode{greaseMode(b[4])}
		for i := range h.PSKModes.Len() {
			modes = append(modes, h.PSKModes.At(i))
		}
		h.PSKModes = wire.MakeList8(modes...)
	}
	first, last := greasePair(b[5], b[6])
	h.Extensions.InsertRaw(0, first, nil)
	h.Extensions.InsertRaw(c.end(), last, []byte{0})
	return nil
}

// greasePair are two extension types that differ.
func greasePair(a, b byte) (iana.ExtensionType, iana.ExtensionType) {
	if b&0x0f == a&0x0f {
		b++
	}
	return iana.ExtensionType(greaseValue(a)), iana.ExtensionType(greaseValue(b))
}

// before is l with v in front.
func before[T interface {
	~uint16
	String() string
}](v T, l wire.List16[T]) wire.List16[T] {
	return wire.MakeList16(append([]T{v}, l.Slice()...)...)
}

// meant is list without the values that mean nothing.
func meant[T ~uint16](list []T) (real []T) {
	for _, v := range list {
		if !iana.IsGREASE(uint16(v)) {
			real = append(real, v)
		}
	}
	return real
}

// end is the place behind the last extension that may be moved.
func (c *client) end() int {
	x := &c.hello.Extensions
	if i := x.Index(iana.ExtPreSharedKey); i >= 0 {
		return i
	}
	return x.Len()
}

// permute shuffles the extensions (Fisher and Yates). Modulo bias in 32 bits
// harms nobody.
func (c *client) permute() error {
	for i := c.end() - 1; i > 0; i-- {
		var b [4]byte
		if err := c.random(b[:]); err != nil {
			return err
		}
		c.hello.Extensions.Swap(i, int(binary.BigEndian.Uint32(b[:])%uint32(i+1)))
	}
	return nil
}

// padHello makes the hello as long as the configuration wants it. The extension
// has a byte at least, for some servers dislike an empty one at the end.
func (c *client) padHello() error {
	h := &c.hello
	h.Extensions.Remove(iana.ExtPadding)
	if c.cfg.PadHello == 0 {
		return nil
	}
	msg, err := c.coder.Append(nil, h)
	if err != nil {
		return fault.Internal.Because(err)
	}
	const frame = 4 // extension_type and length
	if short := c.cfg.PadHello - len(msg); short > 0 {
		h.Padding = make([]byte, max(short-frame, 1))
		h.Extensions.Insert(c.end(), iana.ExtPadding)
	}
	return nil
}

// refuseGREASE refuses a server that took a value without meaning for one (RFC
// 8701, Section 3.1).
func refuseGREASE[T interface {
	~uint16
	String() string
}](field string, v T) error {
	if iana.IsGREASE(uint16(v)) {
		return fault.GREASEChosen.In(field).Saw(v, nil)
	}
	return nil
}

// greaseRequest adds to a CertificateRequest a signature algorithm and an
// extension that mean nothing (RFC 8701, Section 4.1).
func (s *server) greaseRequest(m *wire.CertificateRequest) error {
	var b [2]byte
	if err := s.random(b[:]); err != nil {
		return err
	}
	m.SignatureSchemes = before(iana.SignatureScheme(greaseValue(b[0])), m.SignatureSchemes)
	m.Extensions.AddRaw(iana.ExtensionType(greaseValue(b[1])), nil)
	return nil
}
