package explain_test

import (
	"encoding/hex"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/handclasp/handclasp/explain"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/wire"
)

// meant checks that each field says what it is for, in sentences.
func meant(t *testing.T, where string, fields []explain.Field) {
	t.Helper()
	for _, f := range fields {
		if f.Meaning == "" || !strings.HasSuffix(strings.TrimRight(f.Meaning, ")”"), ".") {
			t.Errorf("%s: field %s of value %q means %q", where, f.Name, f.Value, f.Meaning)
		}
		if f.Source == "" && !slices.Contains([]string{"body", "unparsed", "opaque", "extension"}, f.Name) {
			t.Errorf("%s: nobody defines field %s", where, f.Name)
		}
	}
}

// TestMeanings: every field of every story has a meaning, and so has every field of
// samples with every extension that there is a declaration for. Together they have
// every name of a declaration.
func TestMeanings(t *testing.T) {
	missing := declared(t)
	for _, x := range stories {
		p := newPair(t)
		x.setup(t, p)
		for _, step := range p.run(t).Steps {
			meant(t, x.name+": "+step.Title, step.Fields)
			for _, f := range step.Fields {
				delete(missing, f.Name)
			}
			for _, r := range step.Records {
				meant(t, x.name+": record of "+step.Title, r.Fields)
			}
		}
	}
	files, err := filepath.Glob("../internal/wire/testdata/*.hex")
	check(t, err)
	more, err := filepath.Glob("../internal/wire/testdata/*/*.hex")
	check(t, err)
	suites := []iana.CipherSuite{0, iana.TLS_RSA_WITH_AES_128_GCM_SHA256, iana.TLS_DHE_RSA_WITH_AES_128_GCM_SHA256,
		iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, iana.TLS_PSK_WITH_AES_128_GCM_SHA256, iana.TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256,
		iana.TLS_DHE_PSK_WITH_AES_128_GCM_SHA256, iana.TLS_RSA_PSK_WITH_AES_128_GCM_SHA256}
	for _, file := range append(files, more...) {
		for _, v := range []iana.Version{0, iana.TLS10, iana.TLS12, iana.TLS13} {
			for _, suite := range suites {
				fields, err := explain.Annotate(load(t, file), v, suite)
				if err != nil {
					continue
				}
				meant(t, file, fields)
				for _, f := range fields {
					delete(missing, f.Name)
				}
			}
		}
	}
	delete(missing, "request") // comes below
	if len(missing) > 0 {
		t.Errorf("no sample has %q", slices.Sorted(maps.Keys(missing)))
	}
	fields, err := explain.Annotate(append(append([]byte{1, 0, 0, 50, 3, 3}, make([]byte, 33)...), 0, 2, 0x13, 1, 1, 0, 0, 7, 0, 5, 0, 3, 9, 1, 2), 0, 0)
	check(t, err)
	meant(t, "unknown status_type", fields)
	if fields[len(fields)-1].Name != "request" {
		t.Errorf("the last field is %+v", fields[len(fields)-1])
	}
}

func load(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	check(t, err)
	text = regexp.MustCompile(`#.*|\s`).ReplaceAll(text, nil)
	msg, err := hex.DecodeString(string(text))
	check(t, err)
	return msg
}

// declared are the names in the declarations of messages.
func declared(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	files, err := filepath.Glob("../internal/wire/*.go")
	check(t, err)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		check(t, err)
		ast.Inspect(tree, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || !codes(call) {
				return true
			}
			for i, arg := range call.Args {
				if l, ok := arg.(*ast.BasicLit); ok && l.Kind == token.STRING {
					if name, err := strconv.Unquote(l.Value); err == nil && name != "" && i < 3 {
						names[name] = true
					}
				}
			}
			return true
		})
	}
	if len(names) < 70 {
		t.Fatalf("only %d names are declared", len(names))
	}
	delete(names, "named_curve") // a value
	return names
}

// codes reports whether it is a call of a method of c, the coder, or with it.
func codes(call *ast.CallExpr) bool {
	is := func(x ast.Expr) bool { id, ok := x.(*ast.Ident); return ok && id.Name == "c" }
	if s, ok := call.Fun.(*ast.SelectorExpr); ok && is(s.X) && ast.IsExported(s.Sel.Name) {
		return true
	}
	return len(call.Args) > 1 && is(call.Args[0])
}

// TestMeaningsOfRegistry: every message, extension and alert of the registries has
// a meaning, as a field of a message too.
func TestMeaningsOfRegistry(t *testing.T) {
	for i := range 256 {
		msg := []byte{byte(i), 0, 0, 0}
		fields, _ := explain.Annotate(msg, iana.TLS13, 0)
		meant(t, "message "+strconv.Itoa(i), fields)
		if x := iana.HandshakeType(i); x.Known() != (fields[0].Meaning == x.Meaning()) || x.Known() && x.Meaning() == "" {
			t.Errorf("message %v means %q", x, fields[0].Meaning)
		}
		if a := iana.Alert(i); a.Known() && a.Meaning() == "" {
			t.Errorf("alert %v means nothing", a)
		}
	}
	seen := 0
	for i := range 1 << 16 {
		x, ok := iana.ExtensionType(i).Info()
		if !ok {
			continue
		}
		seen++
		m := &wire.NewSessionTicket{Ticket: []byte{1}}
		m.Extensions.AddRaw(x.Type, []byte{1, 2, 3, 4})
		msg, err := wire.Append(nil, m)
		check(t, err)
		fields, _ := explain.Annotate(msg, iana.TLS13, 0)
		meant(t, x.Name, fields)
		of := slices.IndexFunc(fields, func(f explain.Field) bool { return f.Name == "extension" })
		if of < 0 || fields[of].Meaning != x.Meaning || fields[of].Source != x.Source {
			t.Errorf("extension %s has fields %+v", x.Name, fields)
		}
	}
	if seen < 50 {
		t.Errorf("%d extensions", seen)
	}
}
