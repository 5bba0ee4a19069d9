package diagnose_test

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/handclasp/handclasp/diagnose"
)

// TestSchema: docs/diagnose-json.md tells of each field of the report, and of no
// other.
func TestSchema(t *testing.T) {
	doc, err := os.ReadFile("../docs/diagnose-json.md")
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]int{}
	for line := range strings.Lines(string(doc)) {
		if name, ok := strings.CutPrefix(line, "| `"); ok {
			name, _, _ = strings.Cut(name, "`")
			told[name]++
		}
	}
	var fields func(reflect.Type)
	fields = func(s reflect.Type) {
		for f := range s.NumField() {
			f := s.Field(f)
			switch {
			case f.Anonymous:
				fields(f.Type)
				continue
			case !f.IsExported():
				continue
			}
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if told[name]--; told[name] < 0 {
				t.Errorf("%v.%s is not told of", s, name)
			}
		}
	}
	for _, v := range []any{diagnose.Report{}, diagnose.Address{}, diagnose.Finding{}, diagnose.Line{}, diagnose.Evidence{}, diagnose.Probe{}} {
		fields(reflect.TypeOf(v))
	}
	for name, n := range told {
		if n > 0 {
			t.Errorf("%s is told of, and is not there", name)
		}
	}
}

// TestTook: no time is told as none.
func TestTook(t *testing.T) {
	for seconds, want := range map[float64]string{0: "1 ms", 0.003: "3 ms", 0.0994: "99 ms", 0.1: "0.1 s", 12.34: "12.3 s"} {
		r := diagnose.Report{Seconds: seconds}
		if got := r.Took(); got != want {
			t.Errorf("%v is told as %q, want %q", seconds, got, want)
		}
	}
	if s, want := diagnose.Silence(2007*time.Millisecond), "nothing came within 2.0 s in answer to the ClientHello"; s != want {
		t.Errorf("%q, want %q", s, want)
	}
}
