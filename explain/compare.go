package explain

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// A Comparison is two stories side by side.
type Comparison struct {
	Names   [2]string // escaped
	Stories [2]*Story
	Parts   []Part
}

// A Part is what two stories say of one matter.
type Part struct {
	Title string
	Rows  []Contrast
}

// A Contrast is what two stories say under one label. Of lists, the values that
// both have may stand in another order.
type Contrast struct {
	Label   string
	Values  [2][]string
	List    bool // of values that may be there or not, each for itself
	Differs bool
}

// Compare puts what two stories say side by side.
func Compare(nameA string, a *Story, nameB string, b *Story) *Comparison {
	c := &Comparison{Names: [2]string{escape(nameA), escape(nameB)}, Stories: [2]*Story{a, b}}
	both := func(title string, say func(*Story) []Contrast) {
		if rows := contrast(say(a), say(b)); len(rows) > 0 {
			c.Parts = append(c.Parts, Part{title, rows})
		}
	}
	both("What came of it", results)
	both("What the client's hello says", offers)
	both("What was chosen", decided)
	both("The certificates", certified)
	if rows := messages(a, b); len(rows) > 0 {
		c.Parts = append(c.Parts, Part{"What was said", rows})
	}
	return c
}

// Differences is how many rows differ, of all.
func (c *Comparison) Differences() (differ, of int) {
	for _, p := range c.Parts {
		for _, r := range p.Rows {
			of++
			if r.Differs {
				differ++
			}
		}
	}
	return differ, of
}

// contrast joins what each side says, in its first field, by label. What only the
// second says comes behind what it says before that.
func contrast(a, b []Contrast) []Contrast {
	rows := slices.Clone(a)
	at := 0
	for _, x := range b {
		i := slices.IndexFunc(rows, func(r Contrast) bool { return r.Label == x.Label })
		if i < 0 {
			i = at
			rows = slices.Insert(rows, i, Contrast{Label: x.Label})
		}
		rows[i].Values[1], rows[i].List = x.Values[0], rows[i].List || x.List
		at = i + 1
	}
	for i := range rows {
		rows[i].Differs = !slices.Equal(rows[i].Values[0], rows[i].Values[1])
	}
	return rows
}

// one is what one side says.
func one(label string, values ...string) Contrast {
	return Contrast{Label: label, Values: [2][]string{values}}
}

func several(label string, values []string) Contrast {
	return Contrast{Label: label, Values: [2][]string{values}, List: len(values) > 1}
}

// results leaves out the times, which always differ.
func results(s *Story) (out []Contrast) {
	_, word, text := s.Outcome()
	out = append(out, one("outcome", strings.TrimSpace(word+" "+text)))
	for _, l := range s.Results() {
		if l.Label != "time" {
			out = append(out, one(l.Label, l.Text))
		}
	}
	return out
}

// offers are what the first ClientHello says.
func offers(s *Story) (out []Contrast) {
	i := slices.IndexFunc(s.Steps, func(s Step) bool { return s.Message == "client_hello" })
	if i < 0 {
		return nil
	}
	hello := &s.Steps[i]
	out = append(out, one("size", count(hello.Size, "byte")))
	for _, f := range hello.Facts {
		values := f.Values
		if len(values) == 0 {
			values = []string{"yes"}
		}
		out = append(out, several(f.Label, values))
	}
	var extensions []string
	for _, f := range hello.Fields {
		if f.Name == "extension" {
			extensions = append(extensions, f.Value)
		}
	}
	if len(extensions) > 0 {
		out = append(out, several("extensions, in order", extensions))
	}
	return out
}

func decided(s *Story) (out []Contrast) {
	for i := range s.Steps {
		for _, c := range s.Steps[i].Choices {
			label := strings.ReplaceAll(c.What, "_", " ") + ", by the " + c.By
			if slices.ContainsFunc(out, func(o Contrast) bool { return o.Label == label }) {
				continue // once more in a renegotiation
			}
			out = append(out, one(label, orNothing(c.Chosen)), one(label+": why", c.Reason))
		}
	}
	return out
}

func certified(s *Story) (out []Contrast) {
	for i := range s.Steps {
		who := "the " + s.writer(&s.Steps[i]) + "'s"
		for j, c := range s.Steps[i].Certificates {
			label := func(what string) string { return fmt.Sprintf("%s %d: %s", who, j+1, what) }
			if c.Problem != "" {
				out = append(out, one(label("problem"), c.Problem))
				continue
			}
			out = append(out, one(label("subject"), c.Subject), one(label("issuer"), c.Issuer), several(label("names"), c.Names),
				one(label("valid"), c.NotBefore+" to "+c.NotAfter), one(label("key"), c.Key), one(label("signed with"), c.Signature),
				one(label("SHA-256"), c.SHA256))
		}
	}
	return slices.DeleteFunc(out, func(c Contrast) bool { return len(c.Values[0]) == 0 })
}

// messages puts what travelled side by side, in the order of both: the longest
// row of messages that both have. They differ in size or in who can read them;
// times always differ, and don't count.
func messages(a, b *Story) (rows []Contrast) {
	left, right := travelled(a), travelled(b)
	// common[i][j] is how many messages left[i:] and right[j:] have in common.
	common := make([][]int, len(left)+1)
	for i := range common {
		common[i] = make([]int, len(right)+1)
	}
	for i := len(left) - 1; i >= 0; i-- {
		for j := len(right) - 1; j >= 0; j-- {
			if left[i].Label == right[j].Label {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(left) || j < len(right) {
		switch {
		case i < len(left) && j < len(right) && left[i].Label == right[j].Label:
			row := left[i]
			row.Values[1] = right[j].Values[0]
			row.Differs = !slices.Equal(row.Values[0][:2], row.Values[1][:2])
			rows = append(rows, row)
			i, j = i+1, j+1
		case j == len(right) || i < len(left) && common[i+1][j] >= common[i][j+1]:
			row := left[i]
			row.Differs = true
			rows = append(rows, row)
			i++
		default:
			rows = append(rows, Contrast{Label: right[j].Label, Values: [2][]string{nil, right[j].Values[0]}, Differs: true})
			j++
		}
	}
	return rows
}

// travelled are the steps that went over the wire. There may be a thousand of a
// long connection, of which the first hundred will do.
func travelled(s *Story) (out []Contrast) {
	for i := range s.Steps {
		step := &s.Steps[i]
		if step.Direction == "" || len(out) == 100 {
			continue
		}
		arrow := "→ "
		if s.writer(step) == "server" {
			arrow = "← "
		}
		readable := "in the clear"
		if step.Encrypted {
			readable = step.Epoch + " keys"
		}
		out = append(out, one(arrow+step.Title, count(step.Size, "byte"), readable, "+"+span(step.At)))
	}
	return out
}

// Only are the values of one side's list that the other's does not have; nil if
// the other has none.
func (c *Contrast) Only(side int) []string {
	if !c.List || len(c.Values[1-side]) == 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(c.Values[side]), func(v string) bool { return slices.Contains(c.Values[1-side], v) })
}

// Order reports whether both sides say the same but for the order.
func (c *Contrast) Order() bool {
	a, b := slices.Sorted(slices.Values(c.Values[0])), slices.Sorted(slices.Values(c.Values[1]))
	return c.List && c.Differs && slices.Equal(a, b)
}

// WriteText writes the comparison for people: two columns, or on a narrow page one
// below the other, with ≠ before what differs. Its error is w's.
func (c *Comparison) WriteText(w io.Writer, o TextOptions) error {
	p := newPage(o)
	p.para(0, bold, fmt.Sprintf("A: %s", c.Names[0]))
	p.para(0, bold, fmt.Sprintf("B: %s", c.Names[1]))
	differ, of := c.Differences()
	p.para(0, none, fmt.Sprintf("%s, marked with ≠, in %s.", count(differ, "difference"), count(of, "line")))
	for _, part := range c.Parts {
		p.blank()
		p.para(0, bold, part.Title)
		for i := range part.Rows {
			p.contrast(&part.Rows[i])
		}
	}
	_, err := w.Write(p.out)
	return err
}

func (p *page) contrast(c *Contrast) {
	mark, style := "  ", none
	if c.Differs {
		mark, style = "≠ ", yellow
	}
	p.para(2, style, mark+c.Label)
	side := func(name string, values []string) {
		text := strings.Join(values, ", ")
		if len(values) == 0 {
			text = "–"
		}
		p.item(6, dim, name, text)
	}
	switch {
	case slices.Equal(c.Values[0], c.Values[1]):
		side("A, B", c.Values[0])
		return
	case c.Order():
		p.item(6, dim, "A, B", "the same, in another order")
	}
	side("A   ", c.Values[0])
	side("B   ", c.Values[1])
	for i, name := range []string{"only in A", "only in B"} {
		if only := c.Only(i); len(only) > 0 {
			p.item(6, yellow, name, strings.Join(only, ", "))
		}
	}
}
