// Command dudect looks for secrets in how long things take, by the method of
// Reparaz, Balasch and Verbauwhede ("Dude, is my code constant time?", DATE 2017):
// two classes of input that differ only in a secret, in random order, and Welch's
// t-test on the times. It finds leaks and can't prove that there are none; controls
// that leak on purpose show what it can see on the machine at hand, and one whose
// classes are the same that it does not see ghosts.
//
//	go run ./test/dudect -time 1m -record docs/security.md
//
// It is run by hand, on a machine that is as quiet as can be.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"
)

func main() {
	each := flag.Duration("time", 20*time.Second, "how long to measure each target")
	which := flag.String("run", "", "only the targets that match `REGEXP`")
	record := flag.String("record", "", "put the table into `FILE`, in the place of the last one")
	flag.Parse()
	if err := run(os.Stdout, *each, *which, *record); err != nil {
		fmt.Fprintln(os.Stderr, "dudect:", err)
		os.Exit(1)
	}
}

// run measures, prints a table, and fails if a target leaks or a control is not what
// it should be.
func run(out io.Writer, each time.Duration, which, record string) error {
	match, err := regexp.Compile(which)
	if err != nil {
		return err
	}
	var table strings.Builder
	fmt.Fprintf(&table, "On %s: %s.\n\n%s", time.Now().UTC().Format("2 January 2006"), machine(), heading)
	fmt.Fprint(out, table.String())
	var wrong []string
	for _, t := range targets() {
		if !match.MatchString(t.name) {
			continue
		}
		o, err := t.measure(each)
		if err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		row := o.row(t)
		fmt.Fprint(out, row)
		table.WriteString(row)
		if o.leaks() != t.leaks {
			wrong = append(wrong, t.name)
		}
	}
	if record != "" {
		if err := put(record, table.String()); err != nil {
			return err
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("not as it should be: %s", strings.Join(wrong, "; "))
	}
	return nil
}

const (
	heading = "| what is timed | classes | samples | time | difference | would see | t | |\n|---|---|---|---|---|---|---|---|\n"
	begins  = "<!-- The table is written by go run ./test/dudect -record docs/security.md. -->\n"
	ends    = "<!-- end -->\n"
)

// put replaces the table in a file.
func put(file, table string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(b), begins)
	_, after, ok2 := strings.Cut(rest, ends)
	if !ok || !ok2 {
		return fmt.Errorf("%s does not say where the table stands", file)
	}
	return os.WriteFile(file, []byte(before+begins+table+ends+after), 0o644)
}

// row is an outcome as a line of the table.
func (o outcome) row(t target) string {
	verdict := "nothing found"
	switch {
	case o.leaks() && t.leaks:
		verdict = "found, as it should be"
	case o.leaks():
		verdict = "**leaks**"
	case t.leaks:
		verdict = "**not found, though it leaks**"
	}
	return fmt.Sprintf("| %s | %s | %d | %s | %s | %s | %.1f | %s |\n", t.name, t.classes, o.samples, span(o.typical), span(o.difference), span(o.visible), o.t, verdict)
}

// span is a number of nanoseconds as a person reads it.
func span(ns float64) string {
	switch {
	case ns < 100:
		return fmt.Sprintf("%.1f ns", ns)
	case ns < 10_000:
		return fmt.Sprintf("%.0f ns", ns)
	}
	return fmt.Sprintf("%.1f µs", ns/1000)
}
