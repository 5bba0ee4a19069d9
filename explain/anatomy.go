package explain

import (
	"fmt"

	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/record"
	"github.com/handclasp/handclasp/internal/suite"
)

// Which bytes a record is made of, and what each of them is for.

// tag is how many bytes every suite that we know adds to a record for its
// authentication.
const tag = 16

// overhead is what protection adds to the content of a record: the header, the
// tag and, in TLS 1.3, the inner content type (RFC 9846, Section 5.2), in TLS 1.2
// what travels of the nonce (RFC 5246, Section 6.2.3.3).
func (f *settled) overhead() int {
	if !old(f.version) {
		return record.HeaderLen + 1 + tag
	}
	return record.HeaderLen + f.explicit() + tag
}

// explicit is how many bytes of the nonce travel with each record of TLS 1.2.
func (f *settled) explicit() int {
	if x := suite.ByID(f.suite); x != nil {
		return x.Explicit
	}
	return 0
}

// dissect names every byte of the records of s, as far as their headers are at
// hand.
func (f *settled) dissect(s *Step) {
	for i := range s.Records {
		if rec := &s.Records[i]; len(rec.Header) == record.HeaderLen {
			rec.Fields = append(header(rec), f.body(s, rec)...)
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
	switch {
	case !s.Encrypted:
		part("fragment", "", rec.Size-at)
	case content < 0: // too short for what protection adds
		part("encrypted_record", "", rec.Size-at)
	case old(f.version):
		part("nonce_explicit", "", f.explicit())
		part("content", "", content)
		part("tag", "", tag)
	default:
		part("content", "", content)
		part("type", contentType(inside(s)), 1)
		part("zeros", "", rec.Padding)
		part("tag", "", tag)
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

// pads says that what is left of rec is padding. Only TLS 1.3 has that, and only
// under protection.
func (r *Recorder) pads(direction string, rec *openRecord) {
	if rec.epoch == flow.Clear || old(r.facts.version) {
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
