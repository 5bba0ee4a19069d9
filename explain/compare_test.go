package explain_test

import (
	"bytes"
	"errors"
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
	if !slices.Equal(versions.Only(0), []string{"TLS 1.3"}) || len(versions.Only(1)) > 0 || versions.Order() {
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
	differ, of := c.Differences()
	if !strings.Contains(text, "the <b>old") || count["tr"] != of+len(c.Parts) || strings.Count(text, "≠") != differ || differ == 0 || differ == of {
		t.Errorf("%d of %d differ; %v", differ, of, count)
	}
}

// TestCompareSame: a story differs from itself in nothing, whatever it tells, and
// from one that failed early in what did not come about.
func TestCompareSame(t *testing.T) {
	empty := new(explain.Story)
	for _, x := range stories {
		p := newPair(t)
		x.setup(t, p)
		s := p.run(t)
		if differ, of := explain.Compare("a", s, "b", s).Differences(); differ != 0 || of < 5 {
			t.Errorf("%s: %d of %d differ", x.name, differ, of)
		}
		for _, c := range []*explain.Comparison{explain.Compare("a", s, "b", empty), explain.Compare("a", empty, "b", s)} {
			check(t, c.WriteText(io.Discard, explain.TextOptions{}))
			var b bytes.Buffer
			check(t, page.Compare(&b, c, page.Options{}))
			apart(t, &b)
		}
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
