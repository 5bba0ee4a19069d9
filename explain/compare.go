package explain

import (
	"cmp"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// CompareSchema is the value of Comparison.Schema. It changes when a reader of the
// JSON would have to.
const CompareSchema = "handclasp.compare/1"

// A Comparison is two stories side by side. Its JSON is stable and documented in
// docs/explain-json.md.
type Comparison struct {
	Schema  string    `json:"schema"`
	Names   [2]string `json:"names"`  // escaped
	Differ  int       `json:"differ"` // how many lines differ in what matters
	Anew    int       `json:"anew"`   // how many differ in what is made anew each time alone
	Lines   int       `json:"lines"`  // how many there are
	Parts   []Part    `json:"parts"`  // what they say, by matter
	Stories [2]*Story `json:"-"`
}

// A Part is what two stories say of one matter.
type Part struct {
	Name  string     `json:"name"` // stable
	Title string     `json:"title"`
	Rows  []Contrast `json:"rows"`
}

// A Contrast is what two stories say under one label.
type Contrast struct {
	Name      string      `json:"name"` // stable
	Label     string      `json:"label"`
	Values    [2][]string `json:"values"`              // nil of a side that says nothing
	Times     [2]string   `json:"times,omitzero"`      // since the start, of what travelled
	List      bool        `json:"list,omitempty"`      // of values that may be there or not, each for itself
	Differs   bool        `json:"differs"`             // in what matters
	Anew      bool        `json:"anew,omitempty"`      // they differ in what is made anew each time alone
	Reordered bool        `json:"reordered,omitempty"` // they say the same in another order
	Only      [2][]string `json:"only,omitzero"`       // of a list, the values that the other side's does not have

	matter [2][]string // what of the values matters
}

// Compare puts what two stories say side by side.
func Compare(nameA string, a *Story, nameB string, b *Story) *Comparison {
	c := &Comparison{Schema: CompareSchema, Names: [2]string{escape(nameA), escape(nameB)}, Stories: [2]*Story{a, b}}
	made := len(a.Others) > 0 && len(b.Others) > 0
	sides := [2]teller{{a, made}, {b, made}}
	part := func(name, title string, rows []Contrast) {
		for i := range rows {
			switch rows[i].judge(); {
			case rows[i].Differs:
				c.Differ++
			case rows[i].Anew:
				c.Anew++
			}
		}
		if c.Lines += len(rows); len(rows) > 0 {
			c.Parts = append(c.Parts, Part{name, title, rows})
		}
	}
	both := func(name, title string, say func(*teller) []Contrast) {
		part(name, title, contrast(say(&sides[0]), say(&sides[1])))
	}
	both("result", "What came of it", (*teller).results)
	both("hello", "What the client's hello says", (*teller).offers)
	both("choice", "What was chosen", (*teller).decided)
	both("certificate", "The certificates", (*teller).certified)
	part("message", "What was said", messages(sides[0].travelled(), sides[1].travelled()))
	return c
}

// Headline says in a sentence or two how much differs.
func (c *Comparison) Headline() string {
	lines := count(c.Lines, "line")
	text := fmt.Sprintf("%s, marked with ≠, in %s.", count(c.Differ, "difference"), lines)
	switch {
	case c.Differ == 0 && c.Anew == 0:
		return "No differences in " + lines + "."
	case c.Differ == 0:
		text = "No differences that matter in " + lines + "."
	}
	switch {
	case c.Anew == 1:
		text += " One line, marked with ~, differs only in what is made anew each time."
	case c.Anew > 1:
		text += fmt.Sprintf(" %s, marked with ~, differ only in what is made anew each time.", count(c.Anew, "line"))
	}
	return text
}

// judge finds out in what a row differs.
func (c *Contrast) judge() {
	a, b := plainly(c.matter[0]), plainly(c.matter[1])
	said := slices.Equal(c.Values[0], c.Values[1])
	c.Differs = !slices.Equal(a, b) || (c.Values[0] == nil) != (c.Values[1] == nil)
	c.Anew = !said && !c.Differs
	if !c.Differs || !c.List || c.Values[0] == nil || c.Values[1] == nil {
		return
	}
	for i, other := range [][]string{b, a} {
		c.Only[i] = slices.DeleteFunc(slices.Clone(c.Values[i]), func(v string) bool { return slices.Contains(other, plainly([]string{v})[0]) })
	}
	slices.Sort(a)
	slices.Sort(b)
	c.Reordered = slices.Equal(a, b)
}

// plainly are values without the numbers that mean nothing, of which a client
// takes others each time (RFC 8701).
func plainly(values []string) []string {
	out := slices.Clone(values)
	for i, v := range out {
		out[i] = meaningless.ReplaceAllString(v, "GREASE")
	}
	return out
}

var meaningless = regexp.MustCompile(`GREASE \(0x[0-9a-f]+\)`)

// contrast joins what each side says, in its first field, by label. What only the
// second says comes behind what it says before that.
func contrast(a, b []Contrast) []Contrast {
	rows := slices.Clone(a)
	at := 0
	for _, x := range b {
		i := slices.IndexFunc(rows, func(r Contrast) bool { return r.Label == x.Label })
		if i < 0 {
			i = at
			rows = slices.Insert(rows, i, Contrast{Name: x.Name, Label: x.Label})
		}
		rows[i].second(&x)
		at = i + 1
	}
	return rows
}

// second puts in what the second side says.
func (c *Contrast) second(x *Contrast) {
	c.Values[1], c.Times[1], c.matter[1], c.List = x.Values[0], x.Times[0], x.matter[0], c.List || x.List
}

// A teller is one of the two, and says its part as the first.
type teller struct {
	*Story
	made bool // both have a server of our own, whose certificates are made on the spot
}

// one is what one side says.
func one(name, label string, values ...string) Contrast {
	return Contrast{Name: name, Label: label, Values: [2][]string{values}, matter: [2][]string{values}}
}

func several(name, label string, values []string) Contrast {
	c := one(name, label, values...)
	c.List = len(values) > 1
	return c
}

// but is what one side says, of which only so much matters.
func (c Contrast) but(matter ...string) Contrast {
	c.matter[0] = matter
	return c
}

// results leaves out the times, which always differ.
func (s *teller) results() (out []Contrast) {
	_, word, text := s.Outcome()
	out = append(out, one("outcome", "outcome", strings.TrimSpace(word+" "+text)))
	for _, l := range s.Results() {
		row := one(strings.ReplaceAll(l.Label, " ", "_"), l.Label, l.Text)
		switch l.Label {
		case "time":
			continue
		case "handshake bytes":
			row = row.but(s.steady())
		case "saved":
			row = row.but(digits.ReplaceAllString(l.Text, "")) // of a handshake before, which is not told
		}
		out = append(out, row)
	}
	return out
}

var digits = regexp.MustCompile(`[\d,]+`)

// offers are what the first ClientHello says.
func (s *teller) offers() (out []Contrast) {
	i := slices.IndexFunc(s.Steps, func(s Step) bool { return s.Message == "client_hello" })
	if i < 0 {
		return nil
	}
	hello := &s.Steps[i]
	out = append(out, one("size", "size", count(hello.Size, "byte")))
	for _, f := range hello.Facts {
		values := f.Values
		if len(values) == 0 {
			values = []string{"yes"}
		}
		row := several(f.Name, f.Label, values)
		if f.Name == "obfuscated_ticket_age" {
			row = row.but()
		}
		out = append(out, row)
	}
	var extensions []string
	for _, f := range hello.Fields {
		if f.Name == "extension" {
			extensions = append(extensions, f.Value)
		}
	}
	if len(extensions) > 0 {
		out = append(out, several("extensions", "extensions, in order", extensions))
	}
	return out
}

func (s *teller) decided() (out []Contrast) {
	for i := range s.Steps {
		for _, c := range s.Steps[i].Choices {
			name, label := c.What+"."+c.By, strings.ReplaceAll(c.What, "_", " ")+", by the "+c.By
			if slices.ContainsFunc(out, func(o Contrast) bool { return o.Name == name }) {
				continue // once more in a renegotiation
			}
			out = append(out, one(name, label, orNothing(c.Chosen)), one(name+".why", label+": why", c.Reason))
		}
	}
	return out
}

// certified are the certificates of both sides. Those that were made on the spot
// are as they are but for their keys, and the hour.
func (s *teller) certified() (out []Contrast) {
	for i := range s.Steps {
		who := s.writer(&s.Steps[i])
		for j, c := range s.Steps[i].Certificates {
			say := func(name, label string, values ...string) Contrast {
				return several(fmt.Sprintf("%s.%d.%s", who, j+1, name), fmt.Sprintf("the %s's certificate %d: %s", who, j+1, label), values)
			}
			if c.Problem != "" {
				out = append(out, say("problem", "problem", c.Problem))
				continue
			}
			valid, print := say("valid", "valid", c.NotBefore+" to "+c.NotAfter), say("sha256", "SHA-256", c.SHA256)
			if s.made {
				valid, print = valid.but(), print.but()
			}
			out = append(out, say("subject", "subject", c.Subject), say("issuer", "issuer", c.Issuer), say("names", "names", c.Names...),
				valid, say("key", "key", c.Key), say("signature", "signed with", c.Signature), print)
		}
	}
	return slices.DeleteFunc(out, func(c Contrast) bool { return len(c.Values[0]) == 0 })
}

// messages puts what travelled side by side, in the order of both: the longest
// row of messages that both have. They differ in size or in who can read them.
func messages(left, right []Contrast) (rows []Contrast) {
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
			rows = append(rows, left[i])
			rows[len(rows)-1].second(&right[j])
			i, j = i+1, j+1
		case j == len(right) || i < len(left) && common[i+1][j] >= common[i][j+1]:
			rows = append(rows, left[i])
			i++
		default:
			row := Contrast{Name: right[j].Name, Label: right[j].Label}
			row.second(&right[j])
			rows = append(rows, row)
			j++
		}
	}
	return rows
}

// travelled are the steps that went over the wire. There may be a thousand of a
// long connection, of which the first hundred will do.
func (s *teller) travelled() (out []Contrast) {
	for i := range s.Steps {
		step := &s.Steps[i]
		if step.Direction == "" || len(out) == 100 {
			continue
		}
		who, arrow := s.writer(step), "→ "
		if who == "server" {
			arrow = "← "
		}
		readable := "in the clear"
		if step.Encrypted {
			readable = step.Epoch + " keys"
		}
		row := one(who+"."+cmp.Or(step.Message, step.Kind), arrow+step.Title, count(step.Size, "byte"), readable)
		n, of := s.chance(step)
		row = row.but(fmt.Sprint(step.Size-n, of), readable)
		row.Times[0] = "+" + span(step.At)
		out = append(out, row)
	}
	return out
}

// steady is the size of the handshake, but for what is of any length by chance.
func (s *teller) steady() string {
	size := map[string]int{Sent: s.Summary.Sent, Received: s.Summary.Received}
	var all []string
	for i := range s.Steps {
		n, of := s.chance(&s.Steps[i])
		size[s.Steps[i].Direction] -= n
		all = append(all, of...)
	}
	return fmt.Sprint(size[Sent], size[Received], all)
}

// chance is how many bytes of a message could be a few more or less another time,
// and of what they are: the numbers of an ECDSA signature are written without
// leading zeros, and so are those in certificates that are made anew, and, by some,
// the shares of a finite field.
func (s *teller) chance(step *Step) (n int, of []string) {
	scheme := s.Summary.Signature
	if s.writer(step) == "client" {
		scheme = s.Summary.ClientSignature
	}
	for _, f := range step.Facts {
		var what string
		switch {
		case f.Name == "signature" && strings.HasPrefix(scheme, "ecdsa_"):
			what = scheme
		case f.Name == "dh_Ys", f.Name == "dh_Yc":
			what = fmt.Sprint(s.Summary.DHBits)
		default:
			continue
		}
		size := 0
		fmt.Sscan(strings.ReplaceAll(strings.Join(f.Values, ""), ",", ""), &size)
		n, of = n+size, append(of, what)
	}
	for _, c := range step.Certificates {
		if s.made {
			n, of = n+c.Size, append(of, c.Subject, c.Issuer, c.Key, c.Signature)
		}
	}
	if len(of) > 0 && step.Message == "compressed_certificate" {
		n = step.Size
	}
	return n, of
}

// WriteText writes the comparison for people: two columns, or on a narrow page one
// below the other, with ≠ before what differs, and ~ before what does so each time.
// Its error is w's.
func (c *Comparison) WriteText(w io.Writer, o TextOptions) error {
	p := newPage(o)
	p.para(0, bold, fmt.Sprintf("A: %s", c.Names[0]))
	p.para(0, bold, fmt.Sprintf("B: %s", c.Names[1]))
	p.para(0, none, c.Headline())
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
	switch {
	case c.Differs:
		mark, style = "≠ ", yellow
	case c.Anew:
		mark, style = "~ ", dim
	}
	p.para(2, style, mark+c.Label)
	say := func(name string, values []string, times ...string) {
		text := strings.Join(brief(values), ", ")
		if len(values) == 0 {
			text = "–"
		}
		if times[0] != "" {
			text += "; " + strings.Join(times, " and ")
		}
		p.item(6, dim, name, text)
	}
	if !c.Differs && !c.Anew {
		say("A, B", c.Values[0], c.Times[0], c.Times[1])
		return
	}
	if c.Reordered {
		p.item(6, dim, "A, B", "the same, in another order")
	}
	say("A   ", c.Values[0], c.Times[0])
	say("B   ", c.Values[1], c.Times[1])
	for i, name := range []string{"only in A", "only in B"} {
		if len(c.Only[i]) > 0 {
			p.item(6, yellow, name, strings.Join(brief(c.Only[i]), ", "))
		}
	}
}

// brief cuts a list that is longer than any that a client offers in earnest, such as
// a certificate's thousand names.
func brief(list []string) []string {
	if len(list) <= 40 {
		return list
	}
	return some(list)
}
