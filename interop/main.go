// Command interop runs Handclasp against TLS stacks that nobody here wrote, in
// both roles, and prints one readable summary:
//
//	go run ./interop
//
// It needs the peers on the machine (openssl, curl, …). One that is missing is
// a skip with its reason; with CI=true in the environment it is a failure.
// Everything happens on loopback.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

func main() {
	names := flag.String("peers", "", "comma list of peers to run; empty for all")
	data := flag.Int("data", 10<<20, "bytes to send each way in each case")
	verbose := flag.Bool("v", false, "print each case, not only failures")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	r := runner{out: os.Stdout, data: *data, verbose: *verbose, ci: os.Getenv("CI") == "true"}
	var only []string
	if *names != "" {
		only = strings.Split(*names, ",")
	}
	if err := r.run(ctx, only); err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
		os.Exit(1)
	}
}

// A runner holds what all cases share.
type runner struct {
	out     io.Writer
	data    int
	verbose bool
	ci      bool
	files   *files
}

// A tally is what one peer came to.
type tally struct {
	peer, version  string
	passed, failed int
	notes          []string
}

func (r *runner) run(ctx context.Context, only []string) error {
	f, err := newFiles()
	if err != nil {
		return err
	}
	defer os.RemoveAll(f.dir)
	r.files = f
	var tallies []tally
	for _, p := range peers {
		if len(only) > 0 && !slices.Contains(only, p.name) {
			continue
		}
		tallies = append(tallies, r.peer(ctx, p))
	}
	return r.summary(tallies)
}

// peer runs all cases against one peer.
func (r *runner) peer(ctx context.Context, p peer) (t tally) {
	t.peer = p.name
	var err error
	if t.version, err = p.version(ctx); err != nil {
		t.version = "not here"
		t.notes = append(t.notes, "skipped: "+err.Error())
		if r.ci {
			t.failed++
		}
		return t
	}
	refused := map[string]int{}
	for _, c := range p.cases() {
		if why := p.can(c); why != "" {
			refused[why]++
			continue
		}
		start := time.Now()
		limited, cancel := context.WithTimeout(ctx, 20*time.Second)
		err := p.run(limited, r, c)
		cancel()
		if err != nil {
			t.failed++
			fmt.Fprintf(r.out, "FAIL  %s  %v: %v\n", p.name, c, err)
			continue
		}
		t.passed++
		if r.verbose {
			fmt.Fprintf(r.out, "ok    %s  %v  %v\n", p.name, c, time.Since(start).Round(time.Millisecond))
		}
	}
	for why, n := range refused {
		t.notes = append(t.notes, fmt.Sprintf("%d left out: %s", n, why))
	}
	slices.Sort(t.notes)
	return t
}

func (r *runner) summary(tallies []tally) error {
	fmt.Fprintf(r.out, "\n%-12s %6s %6s  %s\n", "peer", "passed", "failed", "version")
	passed, failed := 0, 0
	for _, t := range tallies {
		fmt.Fprintf(r.out, "%-12s %6d %6d  %s\n", t.peer, t.passed, t.failed, t.version)
		for _, n := range t.notes {
			fmt.Fprintf(r.out, "%28s%s\n", "", n)
		}
		passed, failed = passed+t.passed, failed+t.failed
	}
	fmt.Fprintf(r.out, "\n%d passed, %d failed\n", passed, failed)
	if failed > 0 {
		return fmt.Errorf("%d of %d cases failed", failed, passed+failed)
	}
	return nil
}
