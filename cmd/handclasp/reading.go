package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/handclasp/handclasp/diagnose"
	"github.com/handclasp/handclasp/iana"
)

// readError explains an error text.
func (a *app) readError(flags *diagnosis) error {
	text := flags.text
	if text == "-" {
		b, err := io.ReadAll(io.LimitReader(a.in, 1<<20))
		if err != nil {
			return err
		}
		text = string(b)
	}
	if strings.TrimSpace(text) == "" {
		return &usageError{"The text of --error is empty.", "Copy the whole line that the program printed."}
	}
	r := diagnose.ReadError(text)
	if flags.json {
		return a.printJSON(r)
	}
	if len(r.Said) == 0 {
		return &usageError{"Nothing in this text is known: " + quote(text) + ".", "Copy the whole line that the program printed; or run 'handclasp diagnose HOST', which makes the handshake and finds out why it fails."}
	}
	a.tellReading(r)
	return nil
}

func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// tellReading prints what a text can mean.
func (a *app) tellReading(r *diagnose.Reading) {
	p := &notes{w: a.out, columns: columnsOf(a.out), colour: coloured(a.out)}
	defer p.flush()
	for _, s := range r.Said {
		head := s.Whose + ": "
		what := quote(s.Text)
		if s.Alert != iana.NoAlert {
			head, what = "alert: ", fmt.Sprintf("%s (%d)", s.Text, s.Alert)
		}
		p.wrap(head, bold, 2, what)
		p.wrap("  ", "", 2, s.Means)
	}
	for _, n := range r.Notes {
		p.wrap("note: ", yellow, 6, n)
	}
	title := "It can mean:"
	if len(r.Logged) > 0 {
		title = "If a client printed it, it can mean:"
	}
	p.causes(title, r.Causes, nil)
	p.causes("If a server logged it, it can mean:", r.Logged, r.Causes)
}

// causes lists causes with what tells them apart. Those that were told are only
// named.
func (n *notes) causes(title string, list, told []*diagnose.Cause) {
	if len(list) == 0 {
		return
	}
	n.out.WriteByte('\n')
	n.wrap("", "", 0, title)
	for _, c := range list {
		if slices.Contains(told, c) {
			n.wrap("  "+c.ID+" ", bold, 4, "(as above)")
			continue
		}
		n.out.WriteByte('\n')
		n.wrap("  "+c.ID+": ", bold, 4, c.Text)
		n.wrap("    told by  ", "", 13, c.Tell)
		n.wrap("    to do    ", "", 13, fmt.Sprintf("%s: %s", c.Who, c.Fix))
	}
}
