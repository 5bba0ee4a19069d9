package explain

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/handclasp/handclasp/fault"
)

// TextOptions say how WriteText lays the story out.
type TextOptions struct {
	Width int  // columns; 0 means 80, and less than 40 is taken as 40
	Color bool // ANSI colours, never the only carrier of a meaning
	Bytes bool // every byte of every message, alert and ChangeCipherSpec, and of the headers of their records, with its field

	// Pause is called before each step that went over the wire, but for the first,
	// when everything before it is written. last is the one of them before. Its
	// error ends the text.
	Pause func(last *Step) error
}

// WriteText writes the story for people. Its error is w's, or o.Pause's.
func (s *Story) WriteText(w io.Writer, o TextOptions) error {
	p := newPage(o)
	p.title(s)
	var last *Step // that went over the wire
	for i := range s.Steps {
		if step := &s.Steps[i]; o.Pause != nil && step.Direction != "" {
			if last != nil {
				if err := p.pause(w, func() error { return o.Pause(last) }); err != nil {
					return err
				}
			}
			last = step
		}
		p.step(s, &s.Steps[i])
		if o.Bytes {
			p.bytes(s, &s.Steps[i])
		}
	}
	if s.Omitted > 0 {
		p.blank()
		p.para(p.indent, dim, fmt.Sprintf("%s more happened and are not kept.", count(s.Omitted, "step")))
	}
	p.summary(s)
	_, err := w.Write(p.out)
	return err
}

// pause writes what there is and then calls f.
func (p *page) pause(w io.Writer, f func() error) error {
	_, err := w.Write(p.out)
	p.out = nil
	return cmp.Or(err, f())
}

// WriteBytes writes every byte of one step, as WriteText does with o.Bytes. Its
// error is w's.
func (s *Story) WriteBytes(w io.Writer, step *Step, o TextOptions) error {
	p := newPage(o)
	p.bytes(s, step)
	_, err := w.Write(p.out)
	return err
}

func (p *page) title(s *Story) {
	title := "A TLS connection"
	if s.Target != "" {
		title += " with " + s.Target
	}
	p.para(0, bold, title)
	p.para(0, dim, fmt.Sprintf("told by the %s:  → it sends  ← it receives  ● it works out or decides", s.Role))
}

// step writes one step.
func (p *page) step(story *Story, s *Step) {
	p.blank()
	title := s.Title
	if s.Kind == KindMessage && s.Outcome == Broken {
		title += " ✗"
	}
	p.head(p.mark(s), bold, title, meta(s))
	for _, t := range s.Text {
		p.para(p.indent, none, t)
	}
	for _, l := range s.Lines {
		p.line(l)
	}
	p.facts(s)
	for i := range s.Certificates {
		p.certificate(i, &s.Certificates[i])
	}
	for i := range s.Keys {
		p.key(&s.Keys[i])
	}
	for i := range s.Checks {
		p.check(&s.Checks[i])
	}
	if s.Alert != nil {
		p.advice(s.Alert.Causes, s.Alert.Hint)
	}
	if s.Kind == KindFailure && story.Error != nil {
		p.failure(story.Error)
	}
	if t := carriage(story, s); t != "" {
		p.para(p.indent, dim, t)
	}
	p.states(s, story.States, story.Role)
	p.states(s, story.Others, story.peer().String())
}

// states writes which states role enters with a step, and what each means where it
// is the first of its name.
func (p *page) states(s *Step, told []Transition, role string) {
	topic := "enters"
	for i := range told {
		t := &told[i]
		if max(t.Step, 1) != s.Number {
			continue
		}
		text := t.To
		if !p.told[t.Meaning] {
			p.told[t.Meaning], text = true, text+": "+t.Meaning
		}
		p.row(p.indent, []string{topic, role}, columns, none, text)
		if !p.narrow() {
			topic = ""
		}
	}
}

// mark is the number of a step and its sign.
func (p *page) mark(s *Step) string {
	sign, style := "●", none
	switch {
	case s.Direction == Sent:
		sign, style = "→", cyan
	case s.Direction == Received:
		sign, style = "←", purple
	}
	if s.Direction == "" || s.Outcome == Broken {
		switch s.Outcome {
		case Passed:
			sign, style = "✓", green
		case Broken:
			style = red
			if s.Direction == "" {
				sign = "✗"
			}
		case Waived:
			sign, style = "!", yellow
		}
	}
	number := fmt.Sprintf("%3d", s.Number)
	return number + pad(p.indent-width(number)-2) + p.paint(style, sign) + " "
}

func meta(s *Step) string {
	var parts []string
	if s.Size > 0 {
		parts = append(parts, count(s.Size, "byte"))
	}
	if s.Took > 0 {
		parts = append(parts, "took "+span(s.Took))
	}
	return strings.Join(append(parts, fmt.Sprintf("%9s", "+"+span(s.At))), "  ")
}

// span is a time in microseconds as a person reads it.
func span(us int64) string {
	d := time.Duration(us) * time.Microsecond
	ms := float64(us) / 1000
	switch {
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.2f ms", ms)
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%.1f ms", ms)
	case d < 10*time.Second:
		return fmt.Sprintf("%.0f ms", ms)
	}
	return fmt.Sprintf("%.1f s", ms/1000)
}

// carriage says how the step travelled: in which records, and who could read it.
func carriage(story *Story, s *Step) string {
	if s.Direction == "" {
		return ""
	}
	how := "readable for all on the path"
	if s.Encrypted {
		how = "encrypted with the " + s.Epoch + " keys"
		if story.Summary.Extended != nil { // TLS 1.2, where a direction has one key
			how = "encrypted with the " + story.writer(s) + "'s write key"
		}
		if s.KeyUpdate > 0 {
			how += fmt.Sprintf(" after %s", count(int(s.KeyUpdate), "update"))
		}
	}
	total := 0
	for _, r := range s.Records {
		total += r.Size
	}
	switch n := len(s.Records); {
	case s.Kind == KindData && n == 2:
		how = fmt.Sprintf("In %s, %s", count(s.Records[1].Number-s.Records[0].Number+1, "record"), how)
	case n == 0:
		how = strings.ToUpper(how[:1]) + how[1:]
	case n == 1:
		how = fmt.Sprintf("In a record of %s, %s", count(total, "byte"), how)
	default:
		how = fmt.Sprintf("In %s of %s together, %s", count(n, "record"), count(total, "byte"), how)
	}
	if with := sharing(story, s); len(with) > 0 {
		noun := "step"
		if len(with) > 1 {
			noun = "steps"
		}
		holds := "the record holds"
		if len(s.Records) > 1 {
			holds = "they hold"
		}
		how += fmt.Sprintf("; %s %s %s too", holds, noun, list(with))
	}
	return how + "."
}

// writer is the side that sent s.
func (s *Story) writer(step *Step) string {
	if (step.Direction == Sent) == (s.Role == fault.Server.String()) {
		return fault.Server.String()
	}
	return fault.Client.String()
}

// sharing are the numbers of other steps in the same records.
func sharing(story *Story, s *Step) []string {
	var with []string
	for i := range story.Steps {
		o := &story.Steps[i]
		if o.Number != s.Number && o.Direction == s.Direction && o.Kind != KindData && s.Kind != KindData &&
			slices.ContainsFunc(o.Records, func(r Record) bool { return s.in(r.Number) }) {
			with = append(with, fmt.Sprint(o.Number))
		}
	}
	return with
}

// in reports whether a record of that number carried s.
func (s *Step) in(number int) bool {
	return slices.ContainsFunc(s.Records, func(r Record) bool { return r.Number == number })
}

// Widths of the columns of facts.
var columns = []int{12, 16}

// choiceOf names the decision that lies behind a fact.
var choiceOf = map[string]string{
	"selected_version": "version", "cipher_suite": "cipher_suite", "key_share": "group", "namedcurve": "group",
	"application_layer_protocol_negotiation": "application_protocol", "algorithm": "signature_scheme",
	"dh_p": "group", "pre_shared_key": "session", "early_data": "early_data",
}

// reason is the name of the decision behind f, if it is one of s.
func (s *Step) reason(f *Fact) string {
	what := choiceOf[f.Name]
	if f.Name == "selected_group" {
		what = "retry"
		if slices.ContainsFunc(s.Choices, func(c Choice) bool { return c.What == "group" }) {
			what = "group" // says why, and so more than that there was a retry
		}
	}
	if f.Name == "session_id" && f.Topic == "confirms" {
		what = "session"
	}
	if f.Topic == "offers" {
		return ""
	}
	return what
}

func (p *page) facts(s *Step) {
	done := map[string]bool{}
	topic := ""
	for i := range s.Facts {
		f := &s.Facts[i]
		p.fact(f, f.Topic == topic && !p.narrow())
		topic = f.Topic
		what := s.reason(f)
		for _, c := range s.Choices {
			if c.What == what && !done[what] {
				done[what] = true
				done["retry"] = true
				p.why(&c)
			}
		}
	}
	for _, c := range s.Choices {
		if !done[c.What] {
			p.row(p.indent, []string{"chooses", strings.ReplaceAll(c.What, "_", " ")}, columns, none, orNothing(c.Chosen))
			p.why(&c)
		}
	}
}

// fact writes a fact, without its topic if the line before had the same.
func (p *page) fact(f *Fact, again bool) {
	topic, text, note := f.Topic, strings.Join(f.Values, ", "), f.Note
	if again {
		topic = ""
	}
	if text == "" {
		text, note = note, ""
	}
	p.row(p.indent, []string{topic, f.Label}, columns, none, text)
	if note != "" {
		p.row(p.indent, []string{"", ""}, columns, none, note)
	}
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// why writes what lies behind a choice.
func (p *page) why(c *Choice) {
	line := func(label, text string) {
		if text != "" {
			p.row(p.indent, []string{"", "· " + label}, columns, none, text)
		}
	}
	offered := slices.DeleteFunc(slices.Clone(c.Offered), func(s string) bool { return slices.Contains(c.Unfit, s) })
	text := strings.Join(offered, ", ")
	if n := len(c.Unfit); n > 0 {
		text += fmt.Sprintf("; besides, %d %s", n, c.RuledOut())
	}
	line("offered", text)
	accepted := strings.Join(c.Accepted, ", ")
	if len(offered) > 1 && slices.Equal(offered, c.Accepted) {
		accepted = fmt.Sprintf("the same, in the %s's order", c.By)
	}
	line("accepted", accepted)
	line("why", c.Reason)
}

func (p *page) certificate(i int, c *Certificate) {
	head := fmt.Sprintf("%d. %s", i+1, c.Subject)
	if c.Problem != "" {
		head = fmt.Sprintf("%d. %s", i+1, c.Problem)
	}
	p.para(p.indent, bold, head)
	if c.Problem != "" {
		return
	}
	in := p.indent + 3
	line := func(label, text string) {
		if text != "" {
			p.row(in, []string{label}, []int{12}, none, text)
		}
	}
	line("issued by", c.Issuer)
	line("for", strings.Join(some(c.Names), ", "))
	line("valid", c.NotBefore+" to "+c.NotAfter)
	line("key", c.Key)
	kind := ""
	if c.Authority {
		kind = "; an authority, which may sign others"
	}
	line("signed with", fmt.Sprintf("%s; %s%s", c.Signature, count(c.Size, "byte"), kind))
	if c.OCSP > 0 {
		line("stapled", fmt.Sprintf("an OCSP answer of %s, which says whether it was revoked", count(c.OCSP, "byte")))
	}
	if c.SCTs > 0 {
		line("stapled", count(c.SCTs, "signed certificate timestamp")+", promises that it stands in a public log")
	}
}

// some is the first eight of a list and how many more there are; the JSON has
// them all.
func some(list []string) []string {
	const most = 8
	if len(list) <= most {
		return list
	}
	return append(slices.Clone(list[:most]), fmt.Sprintf("and %d more", len(list)-most))
}

func (p *page) key(k *Key) {
	p.item(p.indent, none, "*", k.Label)
	p.para(p.indent+2, none, "protects "+k.Protects)
	if len(k.Value) > 0 {
		text, _ := k.Value.MarshalText()
		p.para(p.indent+2, yellow, "value "+string(text)+" (whoever has it reads the traffic)")
	}
}

// line writes what was said before TLS began.
func (p *page) line(l PreambleLine) {
	if l.Sent {
		p.item(p.indent, cyan, "→", l.Text)
	} else {
		p.item(p.indent, purple, "←", l.Text)
	}
}

func (p *page) check(c *Check) {
	style, mark := green, "✓ "+c.Name+":"
	switch c.Outcome {
	case Broken:
		style, mark = red, "✗ "+c.Name+" FAILED:"
	case Waived:
		style, mark = yellow, "! "+c.Name+" FAILED, waved through:"
	}
	p.item(p.indent, style, mark, c.Detail)
	if c.Hint != "" {
		p.item(p.indent+2, none, "Hint:", c.Hint)
	}
}

// advice writes what an alert may come from, and what to do.
func (p *page) advice(causes []string, hint string) {
	if len(causes) > 0 {
		p.para(p.indent, none, "What may have caused it, likeliest first:")
	}
	for _, c := range causes {
		p.item(p.indent, none, "-", c)
	}
	if hint != "" {
		p.item(p.indent, bold, "Hint:", hint)
	}
}
