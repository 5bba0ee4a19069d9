package explain

import (
	"bytes"
	"encoding/binary"
	"strings"

	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/wire"
)

// A term says what a field is for.
type term struct {
	text   string // a sentence or two; "" if there is none
	source string // the document that defines it, such as "RFC 9846, Section 4.2.2"
}

// explainFields gives the fields of b their meanings. place is the message, the
// kind of step, or "record". Inside an extension its own fields go before the
// message's.
func explainFields(place string, b []byte, fields []Field) {
	var inside iana.ExtensionType
	depth := -1 // of the extension that the fields lie in
	for i := range fields {
		f := &fields[i]
		if f.Depth <= depth {
			depth = -1
		}
		if f.Name == "extension" && f.Off+2 <= len(b) {
			inside, depth = iana.ExtensionType(binary.BigEndian.Uint16(b[f.Off:])), f.Depth
		}
		m := lookUp(f.Name, place)
		switch {
		case f.Name == "extension":
			m = extension(inside)
		case f.Name == "msg_type" && (place != "hello_retry_request" || messageType(b) != iana.ServerHello):
			m.text = meaning(messageType(b))
		case f.Name == "description" && f.Off < len(b):
			m.text = iana.Alert(b[f.Off]).Meaning()
		case place == "record" && f.Depth > 0:
			m = lookUp(f.Name, "inner", place)
		case depth >= 0 && f.Name == "opaque":
			m = opaque(inside)
		case depth >= 0:
			m = lookUp(f.Name, inside.String(), place)
			if m.source == "" {
				m.source = extension(inside).source
			}
		}
		if strings.HasPrefix(f.Value, "GREASE") {
			m = grease
		}
		f.Meaning, f.Source = m.text, m.source
	}
}

// messageName is how places call the message msg.
func messageName(msg []byte) string {
	t := messageType(msg)
	if at := wire.HeaderLen + 2; t == iana.ServerHello && bytes.HasPrefix(msg[min(at, len(msg)):], wire.RetryRandom[:]) {
		return "hello_retry_request"
	}
	return t.String()
}

// lookUp finds the meaning of a field in the first place that has one of its own,
// or else the one that it has everywhere.
func lookUp(name string, places ...string) term {
	for _, place := range places {
		if m, ok := terms[place+"/"+name]; ok {
			return m
		}
	}
	return terms[name]
}

var grease = term{"A value without meaning, to keep the other side used to what it does not know (GREASE).", "RFC 8701"}

// extension is what the registry says of an extension.
func extension(t iana.ExtensionType) term {
	info, ok := t.Info()
	switch {
	case ok:
		return term{info.Meaning, info.Source}
	case iana.IsGREASE(uint16(t)):
		return grease
	}
	return term{text: "An extension that no registry we know has."}
}

// opaque is for the body of an extension that we do not take apart.
func opaque(t iana.ExtensionType) term {
	text := "The body of the extension, which Handclasp does not take apart."
	if !t.Known() {
		text = "The body of the extension. Nobody but who made it knows what is in it."
	}
	return term{text, extension(t).source}
}
