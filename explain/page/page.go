// Package page makes one HTML page of a story of package explain.
//
// Policy: the page is whole in itself. It loads nothing, and its
// Content-Security-Policy forbids it to: only the script and the style that were
// embedded here run, known by their hashes. All text of the story goes through
// html/template; the only markup made by hand is that of bytes, which are
// hexadecimal digits. Without the script everything can be read, opened and
// printed; the script adds the highlight between bytes and fields. There is no
// clock here: the story says when it began.
package page

import (
	"fmt"
	"html/template"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/handclasp/handclasp/explain"
	"github.com/handclasp/handclasp/fault"
)

// Options say what stands on the page besides the story.
type Options struct {
	Title string         // "" for one made of the story
	Notes []explain.Line // what else is to be known, beside the results
	Made  string         // who made the page, such as "handclasp 1.0"; may be ""
}

// Write writes the page of s. Its error is w's, or says that s can't be shown.
func Write(w io.Writer, s *explain.Story, o Options) error {
	v := &view{Story: s, Options: o, Frame: whole}
	v.Outcome, v.Word, v.Text = s.Outcome()
	v.Rows = sequence(s)
	v.States = glossary(v.Rows)
	v.Choices = choices(s)
	v.Keys = schedule(s)
	v.Chains = chains(s)
	return Execute(w, pages, "page.html", v)
}

// A view is what the template shows.
type view struct {
	*explain.Story
	Options
	Frame
	Outcome, Word, Text string
	Rows                []row
	States              []state // on the rows, each once
	Choices             []choice
	Keys                *keys
	Chains              []chain
}

// Heading is the page's title.
func (v *view) Heading() string {
	if v.Title != "" {
		return v.Title
	}
	what := "handshake"
	if version := v.Summary.Version; version != "" {
		what = version + " handshake"
	}
	if v.Target == "" {
		return "A " + what
	}
	return "A " + what + " with " + v.Target
}

// Date is when the story began, for people.
func (v *view) Date() string { return date(v.Story) }

func date(s *explain.Story) string {
	t, err := time.Parse(time.RFC3339, s.Began)
	if err != nil {
		return ""
	}
	return t.Format("2 January 2006, 15:04:05 UTC")
}

// Figures are the numbers at the top.
func (v *view) Figures() []explain.Line { return figures(v.Story) }

func figures(s *explain.Story) []explain.Line {
	sum := &s.Summary
	var out []explain.Line
	add := func(label, text string) { out = append(out, explain.Line{Label: label, Text: text}) }
	if sum.Version != "" {
		add("spoken", sum.Version)
	}
	if sum.Time.TLS > 0 {
		add("for TLS", explain.Span(sum.Time.TLS))
	}
	switch {
	case sum.Connected && sum.ZeroRTT():
		add("round trips before the 0-RTT data", "0")
		add("round trip before all other data", "1")
	case sum.Connected && sum.RoundTripsTLS == 1:
		add("round trip before the client's data", "1")
	case sum.Connected:
		add("round trips before the client's data", fmt.Sprint(sum.RoundTripsTLS))
	}
	if n := sum.Sent + sum.Received; n > 0 {
		add("for the handshake", explain.Count(n, "byte"))
	}
	return out
}

// Peer is the other side's role.
func (v *view) Peer() string {
	if v.Role == fault.Server.String() {
		return fault.Client.String()
	}
	return fault.Server.String()
}

// Inferred reports whether the other side's states follow from its messages and are
// not what it said itself.
func (v *view) Inferred() bool { return len(v.Others) == 0 }

// Names says who stands on a side of the diagram.
func (v *view) Names(role string) string {
	if role == v.Role {
		return "this side"
	}
	if role == fault.Server.String() && v.Target != "" {
		return v.Target
	}
	return "the other side"
}

// Shows reports whether an offer stands as is among the choices.
func (v *view) Shows(is string) bool {
	return slices.ContainsFunc(v.Choices, func(c choice) bool {
		return slices.ContainsFunc(slices.Concat(c.Offers.First, c.Offers.Rest), func(o offer) bool { return o.State == is })
	})
}

// Keyed says which keys a zone has.
func (v *view) Keyed(zone string) string { return keysOf(v.Story, zone) }

// Uses reports whether something travelled under the keys of a zone.
func (v *view) Uses(zone string) bool {
	return slices.ContainsFunc(v.Rows, func(r row) bool { return r.Way != "" && r.Zone == zone })
}

// breaks is text whose names may go on on the next line where they have a low line.
func breaks(text string) template.HTML {
	return template.HTML(strings.ReplaceAll(template.HTMLEscapeString(text), "_", "_<wbr>")) // escaped
}

// dated is text with its times as people write them.
func dated(text string) template.HTML {
	return template.HTML(stamp.ReplaceAllStringFunc(template.HTMLEscapeString(text), func(s string) string { // escaped
		t, err := time.Parse(time.RFC3339, s)
		if err != nil {
			return s
		}
		return fmt.Sprintf(`<time datetime="%s">%s</time>`, s, t.Format("2 Jan 2006, 15:04:05 UTC"))
	}))
}

// worded is text both dated and with breaks.
func worded(text string) template.HTML {
	return template.HTML(strings.ReplaceAll(string(dated(text)), "_", "_<wbr>")) // a time's tags have none
}

var stamp = regexp.MustCompile(`\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\b`)

// stepped is text that may end with the number of a step to see, with a link to it.
func stepped(text string) template.HTML {
	return template.HTML(seeStep.ReplaceAllString(template.HTMLEscapeString(text), `<a href="#step-$1">see step $1</a>`)) // escaped
}

var seeStep = regexp.MustCompile(`\bsee step (\d+)$`)

// cite is a source with a link to each section of an RFC that it names.
func cite(source string) template.HTML {
	var out []string
	for one := range strings.SplitSeq(source, "; ") {
		text := template.HTMLEscapeString(one)
		if m := rfc.FindStringSubmatch(one); m != nil {
			anchor := ""
			if m[3] != "" {
				anchor = "#" + strings.ToLower(m[2]) + "-" + m[3]
			}
			text = fmt.Sprintf(`<a href="https://www.rfc-editor.org/rfc/rfc%s.html%s" rel="noreferrer">%s</a>`, m[1], anchor, text)
		}
		out = append(out, text)
	}
	return template.HTML(strings.Join(out, "; ")) // escaped above
}

var rfc = regexp.MustCompile(`^RFC (\d+)(?:, (Section|Appendix) ([A-Z0-9.]+))?$`)

// A topic is facts with the same verb.
type topic struct {
	Verb  string
	Facts []explain.Fact
}

// topics puts facts that follow each other together.
func topics(facts []explain.Fact) (out []topic) {
	for _, f := range facts {
		if n := len(out); n == 0 || out[n-1].Verb != f.Topic {
			out = append(out, topic{Verb: f.Topic})
		}
		t := &out[len(out)-1]
		t.Facts = append(t.Facts, f)
	}
	return out
}

// few is how many of a list of names are shown before the rest is folded away, most
// how many of any other list, and all how many are kept at all of one that somebody
// has made long to be a nuisance.
const (
	few  = 8
	most = 40
	all  = 1000
)

// A fold is a list of which the rest opens.
type fold[T any] struct {
	First, Rest []T
	Left        int // how many are left out
}

// folded is a list folded after the first n.
func folded[T any](n int, list []T) fold[T] {
	if len(list) <= n+1 { // the line that opens takes as much room as one more
		return fold[T]{First: list}
	}
	end := min(len(list), all)
	return fold[T]{list[:n], list[n:end], len(list) - end}
}

// More is how many are not shown.
func (f fold[T]) More() int { return len(f.Rest) + f.Left }
