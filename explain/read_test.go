package explain_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/handclasp/handclasp/explain"
	"github.com/handclasp/handclasp/explain/page"
)

// TestRead: what was written is read again as it was; what contradicts itself is
// not.
func TestRead(t *testing.T) {
	s := newPair(t).run(t)
	b, err := s.JSON()
	check(t, err)
	again, err := explain.Read(b)
	check(t, err)
	if b2, err := again.JSON(); err != nil || string(b2) != string(b) {
		t.Errorf("it is another, %v", err)
	}
	for _, tt := range []struct{ old, new, want string }{
		{"{", "", "invalid character"},
		{explain.Schema, "handclasp.explain/0", "its schema is"},
		{`"role": "client"`, `"role": "nurse"`, "nobody has the role"},
		{`"number": 1,`, `"number": 9,`, "has the number 9"},
		{`"offset": 0,`, `"offset": -1,`, "is not in the"},
		{`"prefix": 3,`, `"prefix": 70000,`, "is not in the"},
		{`"what": "version"`, `"what": ""`, "chooses nothing"},
	} {
		changed := strings.Replace(string(b), tt.old, tt.new, 1)
		if _, err := explain.Read([]byte(changed)); changed == string(b) || !errors.Is(err, explain.ErrNoStory) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.new, err)
		}
	}
}

// FuzzRead: what is read can be told and shown, whatever somebody has made of it.
func FuzzRead(f *testing.F) {
	b, err := newPair(f).run(f).JSON()
	check(f, err)
	for _, part := range []string{`"fields"`, `"records"`, `"summary"`, "TLS 1.3"} {
		f.Add(part, "-1", 0)
	}
	f.Add(`"depth": 0`, `"depth": 9`, 3)
	f.Fuzz(func(t *testing.T, old, new string, nth int) {
		before, text := "", string(b)
		for range min(max(nth, 0), 1000) {
			if i := strings.Index(text, old); i >= 0 {
				before, text = before+text[:i+len(old)], text[i+len(old):]
			}
		}
		text = before + strings.Replace(text, old, new, 1)
		s, err := explain.Read([]byte(text))
		if err != nil {
			return
		}
		check(t, s.WriteText(io.Discard, explain.TextOptions{Bytes: true}))
		check(t, page.Write(io.Discard, s, page.Options{}))
		c := explain.Compare("a", s, "b", s)
		if c.Differ > 0 {
			t.Error(c.Headline())
		}
		check(t, page.Compare(io.Discard, c, page.Options{}))
	})
}
