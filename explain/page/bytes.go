package page

import (
	"fmt"
	"html/template"
	"strings"

	"github.com/handclasp/handclasp/explain"
)

// Bounds of what a page shows of one message. An ordinary one is far below them.
const (
	maxFields = 800
	maxBytes  = 8 << 10 // of a message; beyond, long fields lose their middle
	longField = 1 << 10
)

// perLine is how many bytes stand on a line, on a wide page and on a narrow one.
const (
	perLine       = 16
	perNarrowLine = 8
)

// A pane is bytes beside the fields that name them.
type pane struct {
	ID      string
	Of      string
	Hex     template.HTML // the bytes, in an element for each field
	Offsets string        // of each line of a wide page
	Narrow  string        // of each line of a narrow one
	Fields  []field
	More    int // fields that are left out
	Left    int // bytes that are left out
}

// A field is a line of the tree.
type field struct {
	Index       int
	Level       int
	Name, Value string
	Size        string
	Meaning     string // "" if a field before it has told it
	Source      string
	Broken      bool // it broke a rule
}

// fields lays bytes and their fields out; nil if there are none.
func fields(id, of string, b []byte, list []explain.Field, broken int) *pane {
	if len(b) == 0 {
		return nil
	}
	p := &pane{ID: id, Of: of}
	if n := len(list) - maxFields; n > 0 {
		p.More, list = n, list[:maxFields]
	}
	told := map[string]bool{}
	for i := range list {
		f := &list[i]
		outer := i+1 < len(list) && list[i+1].Depth > f.Depth
		out := field{Index: i, Level: min(f.Depth, 7) + 1, Name: f.Name, Value: f.Value, Size: size(f)}
		if f.Name == "extension" && f.Value != "" {
			out.Name, out.Value = f.Value, ""
		}
		out.Broken = broken >= f.Off && broken < f.Off+max(f.Len, 1) && !outer
		if !told[f.Meaning] {
			told[f.Meaning], out.Meaning, out.Source = true, f.Meaning, f.Source
		}
		p.Fields = append(p.Fields, out)
	}
	var w writer
	w.write(b, list)
	p.Hex, p.Left = template.HTML(w.out.String()), w.left // digits and our own tags only
	p.Offsets, p.Narrow = w.offsets(perLine), w.offsets(perNarrowLine)
	return p
}

func size(f *explain.Field) string {
	if n := f.Len - f.Prefix; f.Prefix > 0 && n != f.Len {
		return fmt.Sprintf("%d + %s", f.Prefix, explain.Count(n, "byte"))
	}
	return explain.Count(f.Len, "byte")
}

// A writer writes bytes as hexadecimal digits, each field in an element that holds
// those of the fields inside it.
type writer struct {
	out   strings.Builder
	pos   int
	bare  bool // the next byte needs no blank before it
	left  int
	cut   bool // long fields lose their middle
	ends  []int
	deep  []int
	lines []span // stretches of bytes that are shown
}

// A span is b[From:To].
type span struct{ From, To int }

func (w *writer) write(b []byte, list []explain.Field) {
	w.bare, w.cut = true, len(b) > maxBytes
	w.lines = []span{{0, 0}}
	for i := range list {
		f := &list[i]
		for len(w.deep) > 0 && w.deep[len(w.deep)-1] >= f.Depth {
			w.close(b)
		}
		w.bytes(b, min(f.Off, len(b)))
		if f.Len > 0 && f.Off < len(b) {
			if !w.bare {
				w.out.WriteByte(' ')
				w.bare = true
			}
			fmt.Fprintf(&w.out, `<i data-f="%d">`, i)
			w.ends, w.deep = append(w.ends, min(f.Off+f.Len, len(b))), append(w.deep, f.Depth)
		}
	}
	for len(w.deep) > 0 {
		w.close(b)
	}
	w.bytes(b, len(b))
	w.lines[len(w.lines)-1].To = w.pos
}

func (w *writer) close(b []byte) {
	n := len(w.ends) - 1
	w.bytes(b, w.ends[n])
	w.out.WriteString("</i>")
	w.ends, w.deep = w.ends[:n], w.deep[:n]
}

// bytes writes b up to end. Of a long stretch it leaves out whole lines in the
// middle, if that is asked for.
func (w *writer) bytes(b []byte, end int) {
	if w.cut && end-w.pos > longField {
		first := (w.pos/perLine + 8) * perLine
		then := (end/perLine - 2) * perLine
		w.digits(b, first)
		w.lines[len(w.lines)-1].To = first
		w.left += then - first
		fmt.Fprintf(&w.out, "<b>… %s …</b>", explain.Count(then-first, "byte"))
		w.pos, w.bare = then, true
		w.lines = append(w.lines, span{From: then})
	}
	w.digits(b, end)
}

func (w *writer) digits(b []byte, end int) {
	const hex = "0123456789abcdef"
	for ; w.pos < end; w.pos++ {
		if !w.bare {
			w.out.WriteByte(' ')
		}
		w.bare = false
		w.out.WriteByte(hex[b[w.pos]>>4])
		w.out.WriteByte(hex[b[w.pos]&15])
	}
}

// offsets are those of the lines, n bytes each, and an ellipsis for what is left
// out.
func (w *writer) offsets(n int) string {
	var out strings.Builder
	for i, l := range w.lines {
		if i > 0 {
			out.WriteString("…\n")
		}
		for off := l.From; off < l.To; off += n {
			fmt.Fprintf(&out, "%04x\n", off)
		}
	}
	return out.String()
}
