package explain_test

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/handclasp/handclasp/explain"
)

// TestDocumented: docs/explain-json.md has every field of the story and of the
// event lines, in the table of its type.
func TestDocumented(t *testing.T) {
	b, err := os.ReadFile("../docs/explain-json.md")
	check(t, err)
	for _, schema := range []string{explain.Schema, explain.CompareSchema} {
		if !strings.Contains(string(b), schema) {
			t.Errorf("the schema %s is not documented", schema)
		}
	}
	story, events, ok := strings.Cut(string(b), "\n## Events")
	if !ok {
		t.Fatal("no section on events")
	}
	documented(t, story, reflect.TypeFor[explain.Story](), map[reflect.Type]bool{})
	documented(t, story, reflect.TypeFor[explain.Comparison](), map[reflect.Type]bool{})
	documented(t, events, reflect.TypeOf(explain.EventLine), map[reflect.Type]bool{
		reflect.TypeFor[explain.Choice](): true, reflect.TypeFor[explain.Key](): true,
		reflect.TypeFor[explain.Check](): true, reflect.TypeFor[explain.Failure](): true,
	})
}

func documented(t *testing.T, doc string, typ reflect.Type, seen map[reflect.Type]bool) {
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct || seen[typ] {
		return
	}
	seen[typ] = true
	_, section, ok := strings.Cut(doc, "## "+typ.Name()+"\n")
	if typ.Name() == "line" {
		section, ok = doc, true
	}
	if !ok {
		t.Errorf("no section on %s", typ.Name())
		return
	}
	section, _, _ = strings.Cut(section, "\n### ")
	for _, f := range reflect.VisibleFields(typ) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" || !f.IsExported() {
			continue
		}
		if !strings.Contains(section, "| `"+name+"` |") {
			t.Errorf("%s: field %s is not documented", typ.Name(), name)
		}
		documented(t, doc, f.Type, seen)
	}
}
