package explain

import (
	"fmt"
	"strings"

	"github.com/handclasp/handclasp/fault"
)

// beside is how many bytes stand beside the name of their field, on a page that
// is wide enough.
const beside = 8

// bytes writes the headers of the records of a step, and then every byte of what
// it tells of.
func (p *page) bytes(story *Story, s *Step) {
	headed := false
	for i := range s.Records {
		headed = p.record(story, s, &s.Records[i]) || headed
	}
	if headed && len(s.Bytes) > 0 {
		p.para(p.indent, none, contents[s.Kind])
	}
	p.tree(s.Bytes, s.Fields)
}

// contents are what the bytes of a step are, behind headers.
var contents = map[string]string{
	KindMessage: "The message:",
	KindAlert:   "The alert:",
	KindCCS:     "The content:",
}

// record writes the header of a record, and what else it is made of. It reports
// whether there was a header to write.
func (p *page) record(story *Story, s *Step, rec *Record) bool {
	if len(rec.Header) == 0 {
		return false
	}
	caption := fmt.Sprintf("Header of record %d", rec.Number)
	for i := range story.Steps[:s.Number-1] {
		if o := &story.Steps[i]; o.Direction == s.Direction && o.in(rec.Number) {
			caption += fmt.Sprintf(", which stands in step %d too", o.Number)
			break
		}
	}
	p.para(p.indent, none, caption+":")
	p.tree(rec.Header, rec.Fields)
	if s.Encrypted {
		p.para(p.indent, dim, rec.hidden(s.Kind))
	}
	return true
}

// hidden says what a protected record is made of behind its header.
func (rec *Record) hidden(kind string) string {
	nonce, parts, behind := "", []string(nil), ""
	for i, f := range rec.Fields {
		size := count(f.Len, "byte")
		switch {
		case f.Depth == 0:
		case f.Name == "nonce_explicit":
			nonce = size + " of the nonce, in the clear; then, "
		case f.Name == "IV":
			nonce = size + " of IV, in the clear; then, "
		case f.Name == "MAC" && i == len(rec.Fields)-1:
			behind = fmt.Sprintf("; and behind the ciphertext %s of MAC over it", size)
		case f.Name == "MAC":
			parts = append(parts, size+" of MAC")
		case f.Name == "padding":
			parts = append(parts, size+" of padding")
		case f.Name == "padding_length":
			parts = append(parts, size+" for the length of the padding")
		case f.Name == "type":
			parts = append(parts, fmt.Sprintf("%s for its true type, %s", size, f.Value))
		case f.Name == "zeros":
			parts = append(parts, size+" of padding")
		case f.Name == "tag":
			parts = append(parts, size+" of authentication tag")
		case f.Name == "content" && kind == KindData:
			parts = append(parts, size+" of content and perhaps padding")
		default:
			parts = append(parts, size+" of content")
		}
	}
	return "After it, " + nonce + "as ciphertext, which is not shown: " + strings.Join(parts, "; ") + behind + "."
}

// tree writes bytes with their fields: short ones beside the name, longer ones
// below it, on a narrow page all of them. Fields beyond the bytes are left out.
func (p *page) tree(b Hex, fields []Field) {
	for i := range fields {
		f := &fields[i]
		if f.Off >= len(b) && f.Len > 0 {
			return
		}
		outer := i+1 < len(fields) && fields[i+1].Depth > f.Depth && fields[i+1].Off < f.Off+f.Len
		own := f.own(b, outer)
		switch {
		case p.narrow():
			p.para(p.indent+min(f.Depth, 6), none, f.words(outer))
			p.meaning(p.indent+min(f.Depth, 6)+1, f)
			p.dump(f.Off, own)
		case len(own) > beside:
			p.field(f, own[:f.Prefix], outer)
			p.dump(f.Off+f.Prefix, own[f.Prefix:])
		default:
			p.field(f, own, outer)
		}
	}
}

// own are the bytes that no inner field has.
func (f *Field) own(msg []byte, outer bool) []byte {
	n := f.Len
	if outer {
		n = f.Prefix
	}
	lo, hi := min(f.Off, len(msg)), min(f.Off+n, len(msg))
	return msg[lo:max(lo, hi)]
}

// words are a field's name, value and size.
func (f *Field) words(outer bool) string {
	text := f.Name
	if f.Value != "" {
		text += ": " + f.Value
	}
	if n := f.Len - f.Prefix; f.Prefix > 0 || f.Value == "" && !outer {
		text += fmt.Sprintf(" (%s)", count(n, "byte"))
	}
	return text
}

func (p *page) field(f *Field, own []byte, outer bool) {
	left := fmt.Sprintf("%04x  %-*s  ", f.Off, 3*beside-1, spaced(own))
	deep := 2 * min(f.Depth, 6)
	for _, l := range wrap(fault.Printable(f.words(outer)), p.width-p.indent-width(left)-deep) {
		p.put(pad(p.indent), p.paint(dim, left), pad(deep), l)
		left = pad(width(left))
	}
	p.meaning(p.indent+width(left)+deep+2, f)
}

// meaning writes what the field is for, unless that was told before.
func (p *page) meaning(indent int, f *Field) {
	text := f.Meaning
	if text == "" || p.told[text] {
		return
	}
	p.told[text] = true
	if f.Source != "" {
		text += " [" + f.Source + "]"
	}
	p.para(indent, dim, text)
}

// dump writes bytes 16 to a line, or 8 on a narrow page, with their offset and,
// where there is room, as text.
func (p *page) dump(off int, b []byte) {
	n := 16
	if p.narrow() {
		n = 8
	}
	for len(b) > 0 {
		k := min(n, len(b))
		line := fmt.Sprintf("%04x  %-*s", off, 3*n-1, spaced(b[:k]))
		if p.indent+width(line)+2+n <= p.width {
			line += "  " + letters(b[:k])
		}
		p.put(pad(p.indent), p.paint(dim, line))
		b, off = b[k:], off+k
	}
}

func spaced(b []byte) string {
	return strings.TrimSpace(fmt.Sprintf("% x", b))
}

// letters are bytes as ASCII, with a dot for what has no picture.
func letters(b []byte) string {
	out := make([]byte, len(b))
	for i, c := range b {
		out[i] = '.'
		if ' ' < c && c < 0x7f {
			out[i] = c
		}
	}
	return string(out)
}
