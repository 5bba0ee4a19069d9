package explain

import (
	"fmt"
	"strings"
)

// beside is how many bytes stand beside the name of their field, on a page that
// is wide enough.
const beside = 8

// tree writes every byte of a step with its field: short ones beside the name,
// longer ones below it, on a narrow page all of them.
func (p *page) tree(s *Step) {
	if len(s.Bytes) == 0 {
		return
	}
	for i := range s.Fields {
		f := &s.Fields[i]
		outer := i+1 < len(s.Fields) && s.Fields[i+1].Depth > f.Depth && s.Fields[i+1].Off < f.Off+f.Len
		own := f.own(s.Bytes, outer)
		switch {
		case p.narrow():
			p.para(p.indent+min(f.Depth, 6), none, f.words(outer))
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
	for _, l := range wrap(printable(f.words(outer)), p.width-p.indent-width(left)-deep) {
		p.put(pad(p.indent), p.paint(dim, left), pad(deep), l)
		left = pad(width(left))
	}
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
