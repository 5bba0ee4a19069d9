package explain

import (
	"strings"
	"unicode/utf8"

	"github.com/handclasp/handclasp/fault"
)

const (
	minWidth     = 40
	defaultWidth = 80
	narrowWidth  = 64 // below it labels stand above their values
)

// Colours of ANSI's sixteen, and two weights. What a colour says stands in the
// text as well.
const (
	none   = ""
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	purple = "35"
	cyan   = "36"
)

// A page is text being laid out. What it is given is escaped before it is
// measured, so no byte of the peer's can move the cursor or change a colour.
type page struct {
	out    []byte
	width  int
	indent int // of the body of a step
	color  bool
	told   map[string]bool // meanings of fields and states, of which each is told once
}

func newPage(o TextOptions) *page {
	p := &page{width: o.Width, indent: 7, color: o.Color, told: map[string]bool{}}
	if p.width <= 0 {
		p.width = defaultWidth
	}
	p.width = max(p.width, minWidth)
	if p.narrow() {
		p.indent = 6
	}
	return p
}

func (p *page) narrow() bool { return p.width < narrowWidth }

func (p *page) blank() { p.out = append(p.out, '\n') }

// paint is s in a style.
func (p *page) paint(style, s string) string {
	if !p.color || style == none || s == "" {
		return s
	}
	return "\x1b[" + style + "m" + s + "\x1b[0m"
}

// put writes one line that is laid out already.
func (p *page) put(parts ...string) {
	line := strings.TrimRight(strings.Join(parts, ""), " ")
	p.out = append(p.out, line...)
	p.out = append(p.out, '\n')
}

// para writes text as a paragraph that begins in column indent.
func (p *page) para(indent int, style, text string) {
	for _, l := range wrap(fault.Printable(text), p.width-indent) {
		p.put(pad(indent), p.paint(style, l))
	}
}

// item writes text behind a mark, with its later lines below the text. Behind a
// long mark it goes below from the start.
func (p *page) item(indent int, style, mark, text string) {
	mark = fault.Printable(mark) + " "
	if width(mark) > 16 && indent+width(mark)+width(text) > p.width {
		p.para(indent, style, mark)
		p.para(indent+2, none, text)
		return
	}
	first := p.paint(style, mark)
	at := indent + width(mark)
	for _, l := range wrap(fault.Printable(text), p.width-at) {
		p.put(pad(indent), first, l)
		first = pad(width(mark))
	}
}

// row writes a line of a table: labels of the given widths, then text in what is
// left. On a narrow page, or if a label is too long, the text goes below.
func (p *page) row(indent int, labels []string, widths []int, style, text string) {
	at, fits := indent, !p.narrow()
	line := ""
	for i, l := range labels {
		l = fault.Printable(l)
		if p.narrow() {
			line = strings.TrimSpace(line + " " + l)
			continue
		}
		fits = fits && width(l) < widths[i]
		line += l + pad(max(widths[i]-width(l), 1))
		at += widths[i]
	}
	if !fits && p.narrow() {
		at = indent + 2
	}
	text = fault.Printable(text)
	if !fits {
		if strings.TrimSpace(line) != "" {
			p.put(pad(indent), p.paint(dim, strings.TrimRight(line, " ")))
		}
		line = ""
	}
	for _, l := range wrap(text, p.width-at) {
		p.put(pad(indent), p.paint(dim, line), pad(at-indent-width(line)), p.paint(style, l))
		line = ""
	}
}

// head writes mark, which is as wide as the indent, then a left and a right part
// on one line, or on two.
func (p *page) head(mark, style, title, right string) {
	title, right = fault.Printable(title), fault.Printable(right)
	room := p.width - p.indent - width(title) - width(right)
	if right == "" || room >= 2 {
		p.put(mark, p.paint(style, title), pad(max(room, 0)), p.paint(dim, right))
		return
	}
	for _, l := range wrap(title, p.width-p.indent) {
		p.put(mark, p.paint(style, l))
		mark = pad(p.indent)
	}
	p.para(p.indent, dim, right)
}

func pad(n int) string { return strings.Repeat(" ", max(n, 0)) }

// width counts characters. Wide ones count as one, which at worst makes a line
// longer than it should be.
func width(s string) int { return utf8.RuneCountInString(s) }

// wrap cuts text into lines of at most n characters, between words where it can.
func wrap(text string, n int) []string {
	n = max(n, 8)
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		for width(word) > n { // no place to cut it well
			if line != "" {
				lines = append(lines, line)
				line = ""
			}
			cut := len(string([]rune(word)[:n]))
			if i := strings.LastIndexByte(word[:cut], '_') + 1; i > cut/2 {
				cut = i
			}
			lines = append(lines, word[:cut])
			word = word[cut:]
		}
		switch {
		case word == "":
		case line == "":
			line = word
		case width(line)+1+width(word) <= n:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	if line != "" || len(lines) == 0 {
		lines = append(lines, line)
	}
	return lines
}
