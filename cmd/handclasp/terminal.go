package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// defaultColumns is for what is no terminal, or one that doesn't tell.
const defaultColumns = 80

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// columnsOf is the width of the terminal that w is.
func columnsOf(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 {
			return columns
		}
	}
	return defaultColumns
}

// coloured reports whether w takes colours and its user wants them
// (https://no-color.org).
func coloured(w io.Writer) bool {
	return isTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// notes are what the command says on stderr: a sentence, indented lines with
// labels, a hint; each wrapped to the width.
type notes struct {
	w       io.Writer
	out     strings.Builder
	columns int
	colour  bool
}

// newNotes wraps for a terminal only: in a file, a line that is whole can be
// searched for.
func newNotes(w io.Writer) *notes {
	n := &notes{w: w, columns: math.MaxInt, colour: coloured(w)}
	if isTerminal(w) {
		n.columns = columnsOf(w)
	}
	return n
}

func (n *notes) flush() {
	io.WriteString(n.w, n.out.String())
	n.out.Reset()
}

func (n *notes) sentence(text string) { n.wrap("handclasp: ", red, 2, text) }
func (n *notes) hint(text string)     { n.wrap("hint: ", bold, 6, text) }

// line is a label with its text; nothing if there is no text.
func (n *notes) line(label, text string) {
	if text != "" {
		n.wrap(fmt.Sprintf("  %-9s ", label), "", 12, text)
	}
}

const (
	red    = "\x1b[31m"
	yellow = "\x1b[33m"
	bold   = "\x1b[1m"
	plain  = "\x1b[0m"
)

// wrap writes text behind head, and further lines indented.
func (n *notes) wrap(head, style string, indent int, text string) {
	if text == "" {
		return
	}
	at := utf8.RuneCountInString(head)
	if n.colour && style != "" {
		head = style + head + plain
	}
	n.out.WriteString(head)
	first := true
	for word := range strings.FieldsSeq(text) {
		width := utf8.RuneCountInString(word)
		switch {
		case first:
		case at+1+width > n.columns:
			n.out.WriteString("\n" + strings.Repeat(" ", indent))
			at = indent
		default:
			n.out.WriteByte(' ')
			at++
		}
		n.out.WriteString(word)
		at, first = at+width, false
	}
	n.out.WriteByte('\n')
}
