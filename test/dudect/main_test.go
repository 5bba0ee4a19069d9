package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// noise is a time as machines give it: most are alike, some are much longer.
func noise() float64 {
	t := 1000 + 20*rand.NormFloat64()
	if rand.IntN(50) == 0 {
		t += 1e5 * rand.Float64()
	}
	return t
}

// TestJudge: a small difference under much noise is found, and none where there is
// none.
func TestJudge(t *testing.T) {
	for _, c := range []struct {
		difference float64
		leaks      bool
	}{{0, false}, {1, true}} {
		var samples []sample
		for range 400_000 {
			class := rand.IntN(2)
			samples = append(samples, sample{class, noise() + c.difference*float64(class)})
		}
		o := judge(samples)
		if o.leaks() != c.leaks || o.samples != len(samples) {
			t.Errorf("a difference of %v ns: %+v", c.difference, o)
		}
		if c.leaks && (o.difference < 0.2 || o.difference > 2) {
			t.Errorf("a difference of %v ns is taken for %v", c.difference, o.difference)
		}
	}
	if o := judge(nil); o.leaks() {
		t.Errorf("nothing leaks: %+v", o)
	}
}

// TestTargets: each target can be prepared, and does what it times, in both classes;
// a trial that does something else panics.
func TestTargets(t *testing.T) {
	for _, target := range targets() {
		t.Run(target.name+", "+target.classes, func(t *testing.T) {
			t.Parallel()
			prepare, err := target.begin()
			if err != nil {
				t.Fatal(err)
			}
			for _, class := range []int{0, 1, 1, 0} {
				trial, err := prepare(class)
				if err != nil {
					t.Fatal(err)
				}
				trial()
			}
		})
	}
}

// TestControl: the coarsest leak is found in an instant.
func TestControl(t *testing.T) {
	for _, target := range targets() {
		if target.name != "control: a MAC compared byte by byte" {
			continue
		}
		o, err := target.measure(300 * time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		if !o.leaks() {
			t.Errorf("%+v", o)
		}
		return
	}
	t.Error("the control is gone")
}

// TestRecord: the table takes the place of the last one, and nothing else changes.
func TestRecord(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.md")
	write := func(s string) {
		if err := os.WriteFile(file, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("before\n" + begins + "old\ntable\n" + ends + "after\n")
	if err := put(file, "| new |\n"); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(file); string(b) != "before\n"+begins+"| new |\n"+ends+"after\n" {
		t.Errorf("%s", b)
	}
	write("no place for it")
	if put(file, "x") == nil {
		t.Error("a file without a place is taken")
	}
}

// TestPlace: the page has a place for the table.
func TestPlace(t *testing.T) {
	page, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	if _, rest, ok := strings.Cut(string(page), begins); !ok || !strings.Contains(rest, ends) {
		t.Error("docs/security.md has no place for the table")
	}
}

// TestRun: a control that is not found out is a failure.
func TestRun(t *testing.T) {
	var out strings.Builder
	err := run(&out, 0, "compared byte by byte", "")
	if err == nil || !strings.Contains(out.String(), "not found, though it leaks") {
		t.Errorf("%v: %s", err, out.String())
	}
}
