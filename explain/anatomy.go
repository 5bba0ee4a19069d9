package explain

import (
	"fmt"
	"strings"

	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/record"
	"github.com/handclasp/handclasp/internal/suite"
)

// Which bytes a record is made of, and what each of them is for.

// A shape is what protection adds to the content of a record behind its header,
// in bytes: in TLS 1.3 the inner content type and a tag (RFC 9846, Section 5.2),
// before it an explicit nonce and a tag, or with a block cipher IV, MAC and
// padding (RFC 5246, Section 6.2.3).
type shape struct {
	lead    int  // in the clear, before the ciphertext: nonce_explicit, or an IV
	kind    int  // the inner content type
	tag     int  // of an AEAD
	mac     int  // of a block cipher
	block   bool // it is one, and pads
	outside bool // the MAC follows the ciphertext (RFC 7366)
}

func (f *settled) shape() shape {
	s := shape{tag: 16}
	x := suite.ByID(f.suite)
	switch {
	case x != nil && x.CBC():
		s = shape{mac: x.MAC.Size(), block: true, outside: f.etm}
		if f.version > iana.TLS10 {
			s.lead = x.IVLen // as long as a block
		}
		return s
	case x != nil && strings.Contains(x.ID.String(), "CCM_8"):
		s.tag = 8
	}
	switch {
	case !old(f.version):
		s.kind = 1 // and no nonce travels, even if the peer chose a suite of TLS 1.2
	case x != nil:
		s.lead = x.Explicit
	}
	return s
}

// overhead is how many bytes of a protected record, its header included, are no
// content, even if it is not padded.
func (f *settled) overhead() int {
	s := f.shape()
	n := record.HeaderLen + s.lead + s.kind + s.tag + s.mac
	if s.block {
		n++ // padding_length
	}
	return n
}

// pads reports whether protected records may be padded: with a block cipher, and
// in TLS 1.3.
func (f *settled) pads() bool { return !old(f.version) || f.shape().block }

// dissect names every byte of the records of s, as far as their headers are at
// hand.
func (f *settled) dissect(s *Step) {
	for i := range s.Records {
		if rec := &s.Records[i]; len(rec.Header) == record.HeaderLen {
			rec.Fields = append(header(rec), f.body(s, rec)...)
			explainFields("record", rec.Header, rec.Fields)
		}
	}
}

// header names the five bytes that open a record (RFC 9846, Section 5.1). The
// older versions know them as type, version and length.
func header(rec *Record) []Field {
	h := rec.Header
	return []Field{
		{Name: "type", Value: contentType(iana.ContentType(h[0])), Len: 1},
		{Name: "legacy_record_version", Value: (iana.Version(h[1])<<8 | iana.Version(h[2])).String(), Off: 1, Len: 2},
		{Name: "length", Off: 3, Len: rec.Size - 3, Prefix: 2},
	}
}

func contentType(t iana.ContentType) string { return fmt.Sprintf("%v (%d)", t, uint8(t)) }

// body names what follows the header of a record of s.
func (f *settled) body(s *Step, rec *Record) (fields []Field) {
	at := record.HeaderLen
	part := func(name, value string, n int) {
		if n > 0 {
			fields = append(fields, Field{Name: name, Value: value, Off: at, Len: n, Depth: 1})
			at += n
		}
	}
	content := rec.Size - f.overhead() - rec.Padding
	shape := f.shape()
	switch {
	case !s.Encrypted:
		part("fragment", "", rec.Size-at)
	case content < 0: // too short for what protection adds
		part("encrypted_record", "", rec.Size-at)
	case shape.block:
		part("IV", "", shape.lead)
		part("content", "", content)
		if !shape.outside {
			part("MAC", "", shape.mac)
		}
		part("padding", "", rec.Padding)
		part("padding_length", "", 1)
		if shape.outside {
			part("MAC", "", shape.mac)
		}
	case old(f.version):
		part("nonce_explicit", "", shape.lead)
		part("content", "", content)
		part("tag", "", shape.tag)
	default:
		part("content", "", content)
		part("type", contentType(inside(s)), 1)
		part("zeros", "", rec.Padding)
		part("tag", "", shape.tag)
	}
	return fields
}

// inside is the type of the content that s tells of.
func inside(s *Step) iana.ContentType {
	switch s.Kind {
	case KindAlert:
		return iana.ContentAlert
	case KindData:
		return iana.ContentApplicationData
	}
	return iana.ContentHandshake
}

// pads says that what is left of rec is padding, which there is only under
// protection.
func (r *Recorder) pads(direction string, rec *openRecord) {
	if rec.epoch == flow.Clear || !r.facts.pads() {
		return
	}
	for _, s := range r.steps {
		for i := range s.Records {
			if s.Direction == direction && s.Records[i].Number == rec.Number {
				s.Records[i].Padding = rec.left
			}
		}
	}
}
