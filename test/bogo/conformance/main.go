// Command conformance writes docs/conformance.md from what test suites reported:
//
//	go run ./test/bogo/conformance -commit 2156337 -revision a0689af -date 2026-11-21 -names NAMES.json RESULTS.json > docs/conformance.md
//
// RESULTS is what the runner of BoringSSL wrote with -json-output. NAMES is such a
// file that holds all tests, for those that the configuration disables stand in no
// result. See test/bogo/README.md for how both are made.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	var from source
	flag.StringVar(&from.commit, "commit", "", "of this repository, which was measured")
	flag.StringVar(&from.revision, "revision", "", "of BoringSSL")
	flag.StringVar(&from.date, "date", "", "of the run, as 2026-11-21")
	names := flag.String("names", "", "result `FILE` that holds the names of all tests")
	config := flag.String("config", "test/bogo/config.json", "the shim's configuration")
	flag.Parse()
	if err := run(os.Stdout, from, *names, *config, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, from source, names, config, results string) error {
	if from.commit == "" || from.revision == "" || from.date == "" || names == "" || results == "" {
		return fmt.Errorf("-commit, -revision, -date, -names and a result file are needed; see the command's doc comment")
	}
	all, err := read(names)
	if err != nil {
		return err
	}
	got, err := read(results)
	if err != nil {
		return err
	}
	c, err := load(config)
	if err != nil {
		return err
	}
	t, err := count(all, got, c)
	if err != nil {
		return err
	}
	return t.write(w, from)
}

// read gives the outcome of each test in a result file: PASS, FAIL or SKIP.
func read(file string) (map[string]string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var r struct {
		Tests map[string]struct{ Actual string }
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	out := make(map[string]string, len(r.Tests))
	for name, t := range r.Tests {
		out[name] = t.Actual
	}
	return out, nil
}

// A configuration is the shim's, as the runner reads it.
type configuration struct {
	DisabledTests  map[string]string // pattern: reason
	ErrorMap       map[string][]string
	HalfRTTTickets int
}

func load(file string) (*configuration, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	c := new(configuration)
	if err := json.Unmarshal(b, c); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return c, nil
}

// reason is why a test is disabled, "" if it is not. The first pattern in
// alphabetical order counts.
func (c *configuration) reason(name string) string {
	for _, p := range slices.Sorted(maps.Keys(c.DisabledTests)) {
		if ok, _ := filepath.Match(p, name); ok {
			return c.DisabledTests[p]
		}
	}
	return ""
}

// A tally is how many tests of an area ended how.
type tally struct{ passed, failed, absent, disabled int }

func (t tally) all() int { return t.passed + t.failed + t.absent + t.disabled }

func (t *tally) add(o tally) {
	t.passed += o.passed
	t.failed += o.failed
	t.absent += o.absent
	t.disabled += o.disabled
}

// A table is what is known of a run.
type table struct {
	protocols map[string]*tally // TLS, DTLS, QUIC
	areas     map[string]*tally // of TLS
	reasons   map[string]int    // why tests of TLS did not run
}

// count sorts the outcomes. A test that neither ran nor has a reason is an error.
func count(all, got map[string]string, c *configuration) (*table, error) {
	t := &table{map[string]*tally{}, map[string]*tally{}, map[string]int{}}
	for name := range all {
		var one tally
		outcome, reason := got[name], c.reason(name)
		switch {
		case outcome == "PASS":
			one.passed = 1
		case outcome == "FAIL":
			one.failed = 1
		case outcome == "SKIP": // the shim does not know a flag
			one.absent = 1
			if reason = whyAbsent(name); reason == "" {
				return nil, fmt.Errorf("%s has a flag that the shim does not know, and nothing says why", name)
			}
		case outcome == "" && reason != "":
			one.disabled = 1
		default:
			return nil, fmt.Errorf("%s has the result %q and is not disabled: the files are of different runs", name, outcome)
		}
		p := protocol(name, reason)
		at(t.protocols, p).add(one)
		if p == "TLS" {
			at(t.areas, area(name)).add(one)
			if one.disabled+one.absent > 0 {
				t.reasons[reason]++
			}
		}
	}
	return t, nil
}

func at(m map[string]*tally, key string) *tally {
	if m[key] == nil {
		m[key] = new(tally)
	}
	return m[key]
}

// protocol is what a test's name, or why it is disabled, says of it. Forty tests of
// TLS over TCP look at QUIC's extension, and count as QUIC.
func protocol(name, reason string) string {
	for _, p := range []string{dtls, quic} {
		if strings.Contains(name, p) || reason == p {
			return p
		}
	}
	return "TLS"
}

// group writes n as a person reads it: 7,894.
func group(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
