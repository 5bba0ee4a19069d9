package handclasp_test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/handclasp/handclasp"

// floors is the plan of the house: a package imports only from lines above its
// own. Some of the names are still to be built.
const floors = `
	iana
	fault
	internal/wire internal/keys internal/kex internal/starttls internal/pool internal/expand
	sign
	internal/record
	internal/suite
	session
	config
	flow
	internal/cert
	internal/hs
	engine
	.
	proxy
	cmd/handclasp
`

// annexes stand beside the floors; each may import what follows its name, and
// nothing else of this module.
const annexes = `
	internal/pki:
	internal/clients:        iana internal/wire internal/record
	explain:      iana fault flow internal/wire internal/keys internal/kex internal/record internal/suite internal/expand
	explain/page: iana fault explain
	capture:      iana fault flow internal/wire internal/keys internal/kex internal/record internal/suite explain
`

// aboveRoot may import the root and whatever the root may.
const aboveRoot = "examples/eventloop examples/eventloop/loop httptls diagnose/page internal/browser proxy cmd/handclasp diagnose scan internal/lab bench interop interop/record test/bogo/shim test/bogo/conformance test/attack test/dudect docs/handshakes"

// exceptions excuse a file or package from a rule. Each needs a reason.
var exceptions = map[string]string{
	"iana/constants_test.go imports crypto/tls":     "it compares our code points with the standard library's",
	"explain/crypto_tls_test.go imports crypto/tls": "it narrates handshakes with a stranger",
	"diagnose/hello_test.go imports crypto/tls":     "it replays the hello of a stranger",
	"diagnose/besides_test.go imports crypto/tls":   "it looks at servers of a stranger that take their leave",
	"diagnose/advice_test.go imports crypto/tls":    "it asks a server of a stranger for the client's issuer",
	"engine/beside_test.go imports crypto/tls":      "it gives both stacks the same flights",
	"internal/pki/pki_test.go imports crypto/tls":   "it checks that crypto/tls takes the files that pki writes",
	"session/database.go imports os":                "it is the store in a file",
	"session/abandon_flock.go imports os":           "it is part of the store in a file",
	"session/abandon_flock.go imports syscall":      "it lets go of the lock of a damaged file",
	"session/database.go: time.After":               "it waits for the file's lock, which others hold",
}

// A pkg is what `go list -json` says of a package, its own name shortened.
type pkg struct {
	ImportPath   string
	Dir          string
	Name         string
	GoFiles      []string
	TestGoFiles  []string
	XTestGoFiles []string
	Imports      []string
}

func list(t *testing.T, env ...string) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Name,GoFiles,TestGoFiles,XTestGoFiles,Imports", "./...")
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var p pkg
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		p.ImportPath = short(p.ImportPath)
		for i := range p.Imports {
			p.Imports[i] = short(p.Imports[i])
		}
		all = append(all, p)
	}
	return all
}

// short is a package's name inside the module; "." for the root.
func short(importPath string) string {
	if importPath == module {
		return "."
	}
	return strings.TrimPrefix(importPath, module+"/")
}

// allowed says what each package of the plan may import from this module.
func allowed() map[string][]string {
	may := make(map[string][]string)
	var below []string
	for line := range strings.Lines(floors) {
		here := strings.Fields(line)
		for _, p := range here {
			may[p] = slices.Clone(below)
		}
		below = append(below, here...)
	}
	for line := range strings.Lines(annexes) {
		if name, list, ok := strings.Cut(line, ":"); ok {
			may[strings.TrimSpace(name)] = strings.Fields(list)
		}
	}
	for p := range strings.FieldsSeq(aboveRoot) {
		may[p] = append(may[p], below...)
		may[p] = append(may[p], "explain", "explain/page", "internal/pki", "internal/clients", "capture", "httptls", "examples/eventloop/loop")
	}
	may["interop"] = append(may["interop"], "internal/browser", "diagnose")
	may["docs/handshakes"] = append(may["docs/handshakes"], "internal/browser")
	may["diagnose/page"] = append(may["diagnose/page"], "diagnose")
	may["cmd/handclasp"] = append(may["cmd/handclasp"], "diagnose", "diagnose/page", "internal/lab")
	return may
}

func excused(t *testing.T, what string) bool {
	reason, ok := exceptions[what]
	if ok && reason == "" {
		t.Errorf("%s: an exception without a reason", what)
	}
	return ok
}

// TestFloors: a package imports only lower ones.
func TestFloors(t *testing.T) {
	may := allowed()
	inside := make(map[string]bool)
	packages := list(t)
	for _, p := range packages {
		inside[p.ImportPath] = true
	}
	for _, p := range packages {
		list, planned := may[p.ImportPath]
		if !planned {
			t.Errorf("%s stands on no floor: add it to the plan, here and in docs/architecture.md", p.ImportPath)
			continue
		}
		for _, i := range p.Imports {
			if inside[i] && i != p.ImportPath && !slices.Contains(list, i) && !excused(t, p.ImportPath+" imports "+i) {
				t.Errorf("%s imports %s, which is not below it", p.ImportPath, i)
			}
		}
	}
}

// outside is what nothing below the root may import: the outer world.
var outside = []string{"net", "os", "log", "syscall", "crypto/tls"}

// clock are the functions of package time that know what time it is, or wait.
var clock = []string{"Now", "Since", "Until", "After", "AfterFunc", "Sleep", "Tick", "NewTimer", "NewTicker"}

// TestSansIO: nothing below the root touches the outer world, reads the clock,
// starts a goroutine or works before main. (Annexes are held to it as well.)
func TestSansIO(t *testing.T) {
	above := append(strings.Fields(aboveRoot), ".")
	for _, p := range list(t) {
		if slices.Contains(above, p.ImportPath) {
			continue
		}
		for _, file := range p.GoFiles {
			name := path.Join(p.ImportPath, file)
			tree := parse(t, filepath.Join(p.Dir, file))
			for i := range imports(t, tree) {
				for _, world := range outside {
					if (i == world || world == "os" && strings.HasPrefix(i, "os/") || world == "log" && strings.HasPrefix(i, "log/")) && !excused(t, name+" imports "+i) {
						t.Errorf("%s imports %s", name, i)
					}
				}
			}
			for _, deed := range deeds(t, tree) {
				if !excused(t, name+": "+deed) {
					t.Errorf("%s: %s", name, deed)
				}
			}
		}
	}
}

func parse(t *testing.T, file string) *ast.File {
	t.Helper()
	tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// imports maps what a file imports to the name it goes by there.
func imports(t *testing.T, tree *ast.File) map[string]string {
	t.Helper()
	names := make(map[string]string)
	for _, spec := range tree.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		names[p] = path.Base(p)
		if spec.Name != nil {
			names[p] = spec.Name.Name
		}
	}
	return names
}

// deeds are the things in a file that only the root may do.
func deeds(t *testing.T, tree *ast.File) (found []string) {
	time := imports(t, tree)["time"]
	if time == "." {
		found = append(found, "a dot import of time, which hides the clock")
	}
	ast.Inspect(tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			found = append(found, "a go statement")
		case *ast.FuncDecl:
			if n.Recv == nil && n.Name.Name == "init" {
				found = append(found, "func init")
			}
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && time != "" && x.Name == time && slices.Contains(clock, n.Sel.Name) {
				found = append(found, "time."+n.Sel.Name)
			}
		}
		return true
	})
	return found
}

// TestErrno: what the root needs builds where the system's errors have no numbers; all
// other systems have those that are named.
func TestErrno(t *testing.T) {
	above := strings.Fields(aboveRoot)
	for _, p := range list(t, "GOOS=plan9", "GOARCH=amd64") {
		if slices.Contains(above, p.ImportPath) {
			continue
		}
		for _, file := range p.GoFiles {
			ast.Inspect(parse(t, filepath.Join(p.Dir, file)), func(n ast.Node) bool {
				if n, ok := n.(*ast.SelectorExpr); ok && strings.HasPrefix(n.Sel.Name, "E") && strings.ToUpper(n.Sel.Name) == n.Sel.Name {
					if x, ok := n.X.(*ast.Ident); ok && x.Name == "syscall" {
						t.Errorf("%s: syscall.%s", path.Join(p.ImportPath, file), n.Sel.Name)
					}
				}
				return true
			})
		}
	}
}

// TestDeeds: the walk of TestSansIO would see what it looks for.
func TestDeeds(t *testing.T) {
	const source = `package p
		import clock "time"
		func init() { go func() { clock.Sleep(1); _ = clock.Now }() }
		type x struct{}
		func (x) init() {}`
	file := filepath.Join(t.TempDir(), "p.go")
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	want := []string{"func init", "a go statement", "time.Sleep", "time.Now"}
	if got := deeds(t, parse(t, file)); !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

// TestPolicy: the doc comment of each package states its policy. The command's
// doc is its --help.
func TestPolicy(t *testing.T) {
	for _, p := range list(t) {
		if p.Name == "main" {
			continue
		}
		var docs []string
		for _, file := range p.GoFiles {
			if doc := parse(t, filepath.Join(p.Dir, file)).Doc.Text(); doc != "" {
				docs = append(docs, doc)
			}
		}
		if len(docs) != 1 || !strings.Contains(docs[0], "\n\nPolicy:") && !strings.HasPrefix(docs[0], "Policy:") {
			t.Errorf("%s has %d doc comments; it needs one, with a paragraph that begins \"Policy:\"", p.ImportPath, len(docs))
		}
	}
}

// TestCryptoTLS: the standard library's TLS is met at the root and in httptls, for
// its value types, and where it is a peer to test against.
func TestCryptoTLS(t *testing.T) {
	for _, p := range list(t) {
		if slices.Contains([]string{".", "httptls", "interop", "interop/record", "bench", "examples/eventloop/loop", "test/attack"}, p.ImportPath) || strings.HasPrefix(p.ImportPath, "cmd/") {
			continue
		}
		for _, file := range slices.Concat(p.GoFiles, p.TestGoFiles, p.XTestGoFiles) {
			name := path.Join(p.ImportPath, file)
			if _, ok := imports(t, parse(t, filepath.Join(p.Dir, file)))["crypto/tls"]; ok && !excused(t, name+" imports crypto/tls") {
				t.Errorf("%s imports crypto/tls", name)
			}
		}
	}
}

// registries are written in two parts, so that this file passes its own test.
var registries = []string{"proxy.golang" + ".org", "sum.golang" + ".org", "npmjs" + ".org", "pypi" + ".org", "crates" + ".io", "rubygems" + ".org"}

// TestNoTraces: no file names a package registry or a place on the machine that
// it was written on, for then it might work only there.
func TestNoTraces(t *testing.T) {
	out, err := exec.Command("go", "env", "GOMODCACHE", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	traces := append(strings.Fields(string(out)), registries...)
	traces = append(traces, here, "/wo"+"rk/main", "/wo"+"rk/shared")
	err = filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name == ".git":
			return fs.SkipDir
		case !d.Type().IsRegular(), name == ".git": // a file in a worktree
			return nil
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if bytes.IndexByte(b, 0) >= 0 {
			return nil // a program that somebody built here
		}
		for _, trace := range traces {
			if len(trace) > 4 && bytes.Contains(b, []byte(trace)) {
				t.Errorf("%s holds %q", name, trace)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
