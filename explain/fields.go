package explain

import (
	"fmt"

	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/wire"
)

// A Field names bytes of a message or of a record: bytes[Off : Off+Len]. An outer
// field comes before the inner ones, which have a greater depth.
type Field struct {
	Name   string `json:"name"` // the RFC's
	Value  string `json:"value,omitempty"`
	Off    int    `json:"offset"`
	Len    int    `json:"length"`
	Prefix int    `json:"prefix,omitempty"` // width of the length prefix that opens the field
	Depth  int    `json:"depth"`

	Meaning string `json:"meaning,omitempty"` // what it is for: a sentence or two
	Source  string `json:"source,omitempty"`  // the document that defines it, such as "RFC 9846, Section 4.2.2"
}

// Annotate names every byte of msg, one handshake message with its 4-byte
// header, of a connection that speaks v with suite id; both are 0 as long as none
// is settled. In TLS 1.2 and below a key exchange has no structure without its
// suite. Of a message that does not parse it names what could be read, calls the
// rest "unparsed", and returns a *fault.Error that says where it stopped. Values
// are escaped.
func Annotate(msg []byte, v iana.Version, id iana.CipherSuite) ([]Field, error) {
	if len(msg) < wire.HeaderLen {
		fields := unparsed(nil, len(msg), 0)
		explainFields("", msg, fields)
		return fields, nil
	}
	fields, err := annotate(msg, v, id)
	explainFields(messageName(msg), msg, fields)
	return fields, err
}

func annotate(msg []byte, v iana.Version, id iana.CipherSuite) ([]Field, error) {
	m := empty(messageType(msg), v, id)
	if m == nil {
		return unknown(msg), nil
	}
	spans, err := wire.Annotate(msg, m)
	fields := make([]Field, 0, len(spans)+1)
	end := 0
	for _, s := range spans {
		// A field that was interrupted may claim bytes that are not there, or none.
		if s.Off+s.Len > len(msg) {
			s.Len = len(msg) - s.Off
		}
		if s.Len == 0 && err != nil {
			continue
		}
		fields = append(fields, Field{Name: s.Name, Value: escape(s.Value), Off: s.Off, Len: s.Len, Prefix: s.Prefix, Depth: s.Depth})
	}
	if err != nil {
		end = named(fields)
		fields = unparsed(fields, len(msg), end)
	}
	return fields, err
}

// named is how far the innermost fields reach without a gap.
func named(fields []Field) int {
	end := 0
	for i, f := range fields {
		outer := i+1 < len(fields) && fields[i+1].Depth > f.Depth
		switch {
		case outer || f.Prefix > 0 && i == len(fields)-1 && f.Name == "length":
			end = max(end, f.Off+f.Prefix)
		default:
			end = max(end, f.Off+f.Len)
		}
	}
	return end
}

func unparsed(fields []Field, size, from int) []Field {
	if from >= size {
		return fields
	}
	return append(fields, Field{Name: "unparsed", Off: from, Len: size - from, Depth: 1})
}

// unknown is a message that no declaration has.
func unknown(msg []byte) []Field {
	t := messageType(msg)
	value := t.String()
	if t.Known() {
		value = fmt.Sprintf("%v (%d)", t, uint8(t))
	}
	fields := []Field{{Name: "msg_type", Value: value, Len: 1}, {Name: "length", Off: 1, Len: len(msg) - 1, Prefix: 3}}
	if len(msg) > wire.HeaderLen {
		fields = append(fields, Field{Name: "body", Off: wire.HeaderLen, Len: len(msg) - wire.HeaderLen, Depth: 1})
	}
	return fields
}
