package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

const configFile = "../config.json"

// TestReasons: each pattern has a reason of the list, and each reason is used.
func TestReasons(t *testing.T) {
	c, err := load(configFile)
	if err != nil {
		t.Fatal(err)
	}
	used := make(map[string]bool)
	for pattern, reason := range c.DisabledTests {
		used[reason] = true
		if !slices.Contains(reasons, reason) {
			t.Errorf("%s: %q is not a reason of the list", pattern, reason)
		}
		if _, err := filepath.Match(pattern, ""); err != nil {
			t.Errorf("%s: %v", pattern, err)
		}
		if len(strings.Trim(pattern, "*?-")) < 4 {
			t.Errorf("%s disables too much", pattern)
		}
	}
	for _, a := range absent {
		used[a.reason] = true
		if !slices.Contains(reasons, a.reason) {
			t.Errorf("%s: %q is not a reason of the list", a.names, a.reason)
		}
		if _, err := regexp.Compile(a.names); err != nil {
			t.Error(err)
		}
	}
	for _, r := range reasons {
		if !used[r] {
			t.Errorf("nothing is left out because of %q", r)
		}
	}
	if c.HalfRTTTickets != 0 {
		t.Error("tickets go out after the client's Finished, so none comes half a round trip early")
	}
}

var (
	ofRule  = regexp.MustCompile(`^rule=([a-z0-9-]+);$`)
	ofAlert = regexp.MustCompile(`^received=([a-z_]+);$`)
)

// shimRules are the rules that the shim itself refuses with.
func shimRules(t *testing.T) map[string]bool {
	t.Helper()
	rules := make(map[string]bool)
	files, err := filepath.Glob("../shim/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`"(shim-[a-z-]+)"`).FindAllSubmatch(b, -1) {
			rules[string(m[1])] = true
		}
	}
	return rules
}

// TestErrorMap: BoringSSL's names lead to rules that exist, to alerts that were
// received, or to what the shim itself refuses with.
func TestErrorMap(t *testing.T) {
	c, err := load(configFile)
	if err != nil {
		t.Fatal(err)
	}
	rules := shimRules(t)
	for _, r := range fault.Rules() {
		rules[r.ID] = true
	}
	for name, list := range c.ErrorMap {
		if len(list) == 0 {
			t.Errorf("%s: nothing, which would match everything", name)
		}
		for _, text := range list {
			rule, alert := ofRule.FindStringSubmatch(text), ofAlert.FindStringSubmatch(text)
			switch {
			case rule != nil && !rules[rule[1]]:
				t.Errorf("%s: there is no rule %s", name, rule[1])
			case alert != nil:
				if _, err := iana.ParseAlert(alert[1]); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			case rule == nil && len(text) < 12:
				t.Errorf("%s: %q may stand in any error", name, text)
			}
		}
	}
}

// TestPage: outcomes are counted once each, and files that do not belong together are
// refused.
func TestPage(t *testing.T) {
	choice := reasons[len(reasons)-1]
	c := &configuration{DisabledTests: map[string]string{"*DTLS*": dtls, "Old*": choice}}
	all := map[string]string{"Curve-1": "", "Curve-2": "", "OldThing": "", "X-DTLS": "", "PAKE-1": "", "Reneg": ""}
	got := map[string]string{"Curve-1": "PASS", "Curve-2": "FAIL", "PAKE-1": "SKIP", "Reneg": "PASS"}
	table, err := count(all, got, c)
	if err != nil {
		t.Fatal(err)
	}
	if n := *table.protocols["TLS"]; n != (tally{2, 1, 1, 1}) || table.protocols["DTLS"].disabled != 1 || table.reasons[choice] != 1 || table.reasons[pake] != 1 {
		t.Errorf("%+v, %+v", n, table)
	}
	var page strings.Builder
	if err := table.write(&page, source{"def", "abc", "today"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Commit def was measured on today with revision abc", "| TLS | 5 | 2 | 1 | 1 | 1 |", "| together | 6 | 2 | 1 | 1 | 2 |", "| groups and key shares | 2 | 1 | 1 | 0 | 0 |",
		"| 1 | " + choice + " |", "| Handclasp | abc | 2 | 1 | strict |",
	} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("no line %q in\n%s", want, &page)
		}
	}
	for _, outcome := range []string{"", "SKIP", "CRASH"} {
		all["Nobody knows"], got["Nobody knows"] = "", outcome
		if _, err := count(all, got, c); err == nil {
			t.Errorf("a test with the outcome %q and no reason is not noticed", outcome)
		}
	}
	if s := group(1234567); s != "1,234,567" {
		t.Error(s)
	}
}
