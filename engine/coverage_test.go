package engine

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// A coverage is what TestInjection has met: by table and state, which kinds of blow
// struck or ended there, and with which rules.
type coverage struct {
	mu     sync.Mutex
	tables map[string][]row
	states []string
	met    map[string]map[string]map[string]bool // "table STATE", kind, rule
	passed map[string]int                        // blows that changed nothing, by what they were
	runs   int
}

// A row is one of a state table of internal/hs.
type row struct{ state, on string }

func newCoverage(t testing.TB) *coverage {
	return &coverage{tables: stateTables(t), states: stateNames(t), met: map[string]map[string]map[string]bool{}, passed: map[string]int{}}
}

// stateTables reads the tables out of the source, since they are nobody else's.
func stateTables(t testing.TB) map[string][]row {
	t.Helper()
	const dir = "../internal/hs"
	tables := make(map[string][]row)
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		src, err := fs.ReadFile(os.DirFS(dir), e.Name())
		must(t, err)
		file, err := parser.ParseFile(token.NewFileSet(), e.Name(), src, 0)
		must(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok || len(v.Values) != 1 {
				return true
			}
			table, ok := v.Values[0].(*ast.CompositeLit)
			if !ok || !strings.HasPrefix(string(src[table.Pos()-1:table.End()-1]), "[]edge[") {
				return true
			}
			for _, element := range table.Elts {
				fields := element.(*ast.CompositeLit).Elts
				text := func(i int) string { return string(src[fields[i].Pos()-1 : fields[i].End()-1]) }
				tables[v.Names[0].Name] = append(tables[v.Names[0].Name], row{strings.TrimPrefix(text(0), "fault."), text(1)})
			}
			return true
		})
	}
	return tables
}

// stateNames are the names of states in the source, by their numbers.
func stateNames(t testing.TB) (names []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../fault/state.go", nil, 0)
	must(t, err)
	ast.Inspect(file, func(n ast.Node) bool {
		if d, ok := n.(*ast.GenDecl); ok && d.Tok == token.CONST {
			for _, spec := range d.Specs {
				names = append(names, spec.(*ast.ValueSpec).Names[0].Name)
			}
		}
		return true
	})
	return names
}

// table is where a state of a side stands.
func (met *coverage) table(w where) string {
	has := func(name string) bool {
		return slices.ContainsFunc(met.tables[name], func(r row) bool { return r.state == met.states[w.state] })
	}
	again, hellos := w.role.String()+"Again", w.role.String()+"Hellos"
	switch {
	case w.again && has(again):
		return again
	case has(hellos):
		return hellos
	case w.version == iana.TLS13:
		return w.role.String() + "13"
	}
	return w.role.String() + "12"
}

// note keeps what came of a blow.
func (met *coverage) note(b *bout, blow blow) {
	met.mu.Lock()
	defer met.mu.Unlock()
	met.runs++
	if b.clean(fault.Client) && b.clean(fault.Server) {
		met.passed[blow.what()]++
		return
	}
	for _, r := range []fault.Role{fault.Client, fault.Server} {
		f, ok := errors.AsType[*fault.Error](b.side(r).err)
		if !ok {
			continue
		}
		met.add(where{r, b.side(r).machine.Info().Version, f.State, false}, blow.kind, f.Rule)
		if b.struck != nil {
			met.add(*b.struck, blow.kind, f.Rule)
		}
	}
}

func (met *coverage) add(w where, kind string, r *fault.Rule) {
	at := met.table(w) + " " + met.states[w.state]
	if met.met[at] == nil {
		met.met[at] = make(map[string]map[string]bool)
	}
	if met.met[at][kind] == nil {
		met.met[at][kind] = make(map[string]bool)
	}
	met.met[at][kind][r.ID] = true
}

// kinds are what each state that waits for bytes must have met.
var kinds = []string{"alert", "close", "drop", "flip", "insert", "reorder", "repeat", "reset", "stall", "truncate"}

// check fails if a state has not met all that it must, if a blow passed that has no
// reason to, and if the list differs from the one in testdata.
func (met *coverage) check(t *testing.T) {
	t.Logf("%d runs", met.runs)
	met.checkPassed(t)
	var list strings.Builder
	for _, table := range slices.Sorted(maps.Keys(met.tables)) {
		var done []string
		for _, r := range met.tables[table] {
			if slices.Contains(done, r.state) {
				continue
			}
			done = append(done, r.state)
			at := table + " " + r.state
			for kind, rules := range met.met[at] {
				t.Logf("%s, %s: %s", at, kind, strings.Join(slices.Sorted(maps.Keys(rules)), " "))
			}
			has := slices.Sorted(maps.Keys(met.met[at]))
			fmt.Fprintf(&list, "%s: %s\n", at, strings.Join(has, " "))
			want := kinds
			switch r.on {
			case "answer":
				want = []string{"stall"}
			case "begin":
				want = []string{"close"}
			}
			for _, kind := range want {
				if !slices.Contains(has, kind) {
					t.Errorf("%s has not met %s", at, kind)
				}
			}
		}
	}
	const golden = "testdata/injection.golden"
	if *update {
		must(t, os.WriteFile(golden, []byte(list.String()), 0o644))
	}
	want, err := os.ReadFile(golden)
	must(t, err)
	if list.String() != string(want) {
		t.Errorf("the list differs from %s:\n%s", golden, list.String())
	}
}

// harmless are the blows after which both sides may end well.
var harmless = []struct{ what, why string }{
	{"alert * user_canceled*", "ignored: a close_notify must follow (RFC 9846, Section 6.1)"},
	{"alert * warning*", "up to TLS 1.2, and before the version is known, a warning is one"},
	{"* change_cipher_spec record", "TLS 1.3: means nothing (RFC 9846, Section 5)"},
	{"insert * change_cipher_spec*", "likewise, before the peer's Finished"},
	{"reorder handshake record", "likewise, if a ChangeCipherSpec is next"},
	{"flip * version, minor", "ignored in TLS 1.3 (RFC 9846, Section 5.1), and before that authenticated by our own"},
	{"repeat alert record", "close_notify: nothing is read after it"},
	{"repeat application_data record", "likewise in TLS 1.3; or 0-RTT that was refused, and is skipped"},
	{"drop application_data record", "0-RTT that was refused"},
	{"flip application_data *", "likewise"},
	{"lengthen application_data record", "likewise"},
	{"truncate application_data *", "likewise"},
	{"insert * application_data", "likewise: an outsider's records look like it"},
	{"insert [*]flow.*", "likewise"},
	{"* new_session_ticket *", "TLS 1.3: the server's own affair, which shows at the next connection"},
	{"insert * application_data, by the peer", "after the handshake, or as 0-RTT that was accepted"},
	{"drop certificate_request message", "after the handshake of TLS 1.3: who never hears it does not answer"},
	{"reorder certificate_request message", "likewise, if nothing is next"},
	{"drop finished message", "likewise: the certificate never counts"},
	{"reorder finished message", "likewise, if nothing is next"},
	{"refuse [*]flow.VerifyAsk", "of a session: it is not resumed, and the handshake is a full one"},
}

// checkPassed holds the blows that changed nothing to the list of those that may.
func (met *coverage) checkPassed(t *testing.T) {
	used := make([]bool, len(harmless))
	for _, what := range slices.Sorted(maps.Keys(met.passed)) {
		i := slices.IndexFunc(harmless, func(h struct{ what, why string }) bool {
			ok, err := path.Match(h.what, what)
			must(t, err)
			return ok
		})
		if i < 0 {
			t.Errorf("it passed: %s, %d times", what, met.passed[what])
			continue
		}
		used[i] = true
	}
	for i, h := range harmless {
		if !used[i] {
			t.Errorf("%s never passed", h.what)
		}
	}
}
