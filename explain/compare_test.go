package explain_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/handclasp/handclasp/explain"
	"github.com/handclasp/handclasp/explain/page"
	"github.com/handclasp/handclasp/iana"
)

// row is a line of a comparison.
func row(t *testing.T, c *explain.Comparison, part, label string) *explain.Contrast {
	t.Helper()
	for i := range c.Parts {
		for j := range c.Parts[i].Rows {
			if r := &c.Parts[i].Rows[j]; c.Parts[i].Title == part && r.Label == label {
				return r
			}
		}
	}
	t.Fatalf("no line %s: %s", part, label)
	return nil
}

// TestCompare: what differs between TLS 1.3 and TLS 1.2 is told, and nothing else.
func TestCompare(t *testing.T) {
	new := newPair(t).run(t)
	p := newPair(t)
	p.client.MaxVersion = iana.TLS12
	old := p.run(t)
	c := explain.Compare("the new", new, "the <b>old", old)

	protocol := row(t, c, "What came of it", "protocol")
	if !protocol.Differs || !strings.HasPrefix(protocol.Values[0][0], "TLS 1.3") || !strings.HasPrefix(protocol.Values[1][0], "TLS 1.2") {
		t.Errorf("%+v", protocol)
	}
	versions := row(t, c, "What the client's hello says", "versions")
	if !slices.Equal(versions.Only[0], []string{"TLS 1.3"}) || len(versions.Only[1]) > 0 || versions.Reordered {
		t.Errorf("%+v", versions)
	}
	if r := row(t, c, "What the client's hello says", "server name"); r.Differs {
		t.Errorf("%+v", r)
	}
	if r := row(t, c, "What was said", "← ServerKeyExchange"); !r.Differs || r.Values[0] != nil || r.Values[1][1] != "in the clear" {
		t.Errorf("%+v", r)
	}
	if r := row(t, c, "What was said", "← Certificate"); !r.Differs || r.Values[0][1] != "handshake keys" || r.Values[1][1] != "in the clear" {
		t.Errorf("%+v", r)
	}
	var said []string // by the old one, in order
	for _, r := range c.Parts[len(c.Parts)-1].Rows {
		if r.Values[1] != nil {
			said = append(said, r.Label[len("→ "):])
		}
	}
	var want []string
	for _, s := range old.Steps {
		if s.Direction != "" {
			want = append(want, s.Title)
		}
	}
	if !slices.Equal(said, want) {
		t.Errorf("said %q, want %q", said, want)
	}

	for _, width := range []int{40, 80} {
		var b bytes.Buffer
		check(t, c.WriteText(&b, explain.TextOptions{Width: width}))
		for _, want := range []string{"≠ protocol", "only in A TLS 1.3", "A: the new", "\n  server name\n      A, B localhost\n"} {
			if !strings.Contains(b.String(), want) {
				t.Errorf("no %q in\n%s", want, &b)
			}
		}
		for line := range strings.Lines(b.String()) {
			if len([]rune(line)) > width+1 {
				t.Errorf("%d columns: %s", width, line)
			}
		}
	}
	var b bytes.Buffer
	check(t, page.Compare(&b, c, page.Options{}))
	text, count := apart(t, &b)
	marked := strings.Count(text, "≠") - strings.Count(c.Headline(), "≠")
	if !strings.Contains(text, "the <b>old") || count["tr"] != c.Lines+len(c.Parts) || marked != c.Differ || c.Differ == 0 || c.Differ == c.Lines {
		t.Errorf("%d of %d differ, %d are marked; %v", c.Differ, c.Lines, marked, count)
	}
}

// TestCompareSame: a story differs in nothing from itself as it was saved, whatever
// it tells; in nothing that matters from the same handshake made again, though
// hardly a byte of that is the same; and from one that failed early in what did not
// come about.
func TestCompareSame(t *testing.T) {
	empty := new(explain.Story)
	for _, x := range stories {
		tell := func() *explain.Story {
			p := newPair(t)
			x.setup(t, p)
			return p.run(t)
		}
		s := tell()
		text, err := s.JSON()
		check(t, err)
		saved, err := explain.Read(text)
		check(t, err)
		if c := explain.Compare("a", s, "b", saved); c.Differ+c.Anew > 0 || c.Lines < 5 || !strings.HasPrefix(c.Headline(), "No differences in ") {
			t.Errorf("%s, saved: %s", x.name, c.Headline())
		}
		if len(s.Others) > 0 { // of somebody else's server another certificate is a difference
			if c := explain.Compare("a", s, "b", tell()); c.Differ > 0 {
				t.Errorf("%s, again: %s", x.name, differing(c))
			}
		}
		for _, c := range []*explain.Comparison{explain.Compare("a", s, "b", empty), explain.Compare("a", empty, "b", s)} {
			check(t, c.WriteText(io.Discard, explain.TextOptions{}))
			var b bytes.Buffer
			check(t, page.Compare(&b, c, page.Options{}))
			apart(t, &b)
		}
	}
}

// differing are the labels of what differs.
func differing(c *explain.Comparison) (labels []string) {
	for _, p := range c.Parts {
		for _, r := range p.Rows {
			if r.Differs {
				labels = append(labels, fmt.Sprint(r.Label, r.Values))
			}
		}
	}
	return labels
}

// TestCompareMeaningless: of the numbers that mean nothing only their place counts.
func TestCompareMeaningless(t *testing.T) {
	hello := func(values ...string) *explain.Story {
		return &explain.Story{Role: "client", Steps: []explain.Step{{Message: "client_hello", Direction: explain.Sent,
			Facts: []explain.Fact{{Topic: "offers", Name: "supported_groups", Label: "groups", Values: values}}}}}
	}
	const a, b = "GREASE (0x2a2a)", "GREASE (0xfafa)"
	groups := func(x, y *explain.Story) *explain.Contrast {
		return row(t, explain.Compare("a", x, "b", y), "What the client's hello says", "groups")
	}
	if r := groups(hello(a, "x25519"), hello(b, "x25519")); r.Differs || !r.Anew {
		t.Errorf("%+v", r)
	}
	if r := groups(hello(a, "x25519"), hello("x25519", b)); !r.Differs || !r.Reordered {
		t.Errorf("%+v", r)
	}
	if r := groups(hello(a, "x25519"), hello("x25519", "x448")); !r.Differs || !slices.Equal(r.Only[0], []string{a}) || !slices.Equal(r.Only[1], []string{"x448"}) {
		t.Errorf("%+v", r)
	}
}

// TestPause: between messages the text waits, and what is written by then is
// whole.
func TestPause(t *testing.T) {
	s := newPair(t).run(t)
	whole := text(t, s, explain.TextOptions{})
	var b bytes.Buffer
	var last []string
	o := explain.TextOptions{Pause: func(step *explain.Step) error {
		if !strings.HasPrefix(whole, b.String()) || !strings.Contains(b.String(), step.Title) {
			t.Errorf("before %s there is %s", step.Title, &b)
		}
		last = append(last, step.Title)
		return nil
	}}
	check(t, s.WriteText(&b, o))
	if b.String() != whole {
		t.Error("the text is another")
	}
	want := []string{"ClientHello", "ServerHello", "ChangeCipherSpec", "EncryptedExtensions", "Certificate", "CertificateVerify", "Finished", "ChangeCipherSpec"}
	if !slices.Equal(last, want) {
		t.Errorf("pauses after %q", last)
	}
	enough := errors.New("enough")
	b.Reset()
	o.Pause = func(*explain.Step) error { return enough }
	if err := s.WriteText(&b, o); err != enough || strings.Contains(b.String(), "← ServerHello") {
		t.Errorf("%v: %s", err, &b)
	}
}

// TestCompareLong: lists of a thousand names are folded on the page and short in the
// terminal, and what differs in their ends is told all the same.
func TestCompareLong(t *testing.T) {
	var stories [2]*explain.Story
	for i := range stories {
		s := newPair(t).run(t)
		names := make([]string, 1000)
		for j := range names {
			names[j] = fmt.Sprintf("host-%04d.example", j)
		}
		names[999] = fmt.Sprintf("last-%d.example", i)
		for j := range s.Steps {
			for k := range s.Steps[j].Certificates {
				s.Steps[j].Certificates[k].Names = names
			}
		}
		stories[i] = s
	}
	c := explain.Compare("one", stories[0], "other", stories[1])
	var text, html bytes.Buffer
	check(t, c.WriteText(&text, explain.TextOptions{}))
	check(t, page.Compare(&html, c, page.Options{}))
	apart(t, bytes.NewReader(html.Bytes()))
	for _, want := range []string{"and 992 more", "only in A last-0.example", "only in B last-1.example"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in %s", want, text.String())
		}
	}
	if strings.Contains(text.String(), "host-0008") {
		t.Error("the terminal has all names")
	}
	for _, want := range []string{"<summary>and 992 others, 1 only here</summary>", `<li class="chip only">last-1.example`} {
		if !strings.Contains(html.String(), want) {
			t.Errorf("the page has no %s", want)
		}
	}
}
