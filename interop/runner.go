package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/handclasp/handclasp/iana"
)

const (
	openWithin = 60 * time.Second // to make a peer ready
	caseWithin = 20 * time.Second // handshake and data of one case
	giveUp     = 8                // failures in a row: a peer that hangs would take hours
)

// A runner runs cases against peers.
type runner struct {
	out     io.Writer
	data    int
	verbose bool
	ci      bool
	inside  bool // a namespace without a network
}

// A tally is what one peer came to.
type tally struct {
	peer, version string
	roles         []string             // that the peer played
	passed        map[iana.Version]int // cases
	failed        int
	left          map[string]int // cases left out, by reason
	notes         []string
}

func (r *runner) run(ctx context.Context, chosen []peer) error {
	f, err := newFiles()
	if err != nil {
		return err
	}
	defer os.RemoveAll(f.dir)
	start := time.Now()
	var tallies []tally
	for _, p := range chosen {
		tallies = append(tallies, r.peer(ctx, f, p))
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return r.summary(tallies, time.Since(start))
}

// peer runs all cases against one peer.
func (r *runner) peer(ctx context.Context, f *files, p peer) tally {
	t := tally{peer: p.name, passed: map[iana.Version]int{}, left: map[string]int{}}
	var err error
	if t.version, err = p.version(ctx); err != nil {
		t.version = "not here"
		return r.skip(t, err.Error())
	}
	if !r.inside && p.everywhere != "" {
		return r.skip(t, p.everywhere+" listens on every interface, and there is no network namespace to keep it in")
	}
	// A peer is killed when its context ends; the limit is on making it ready.
	living, end := context.WithCancel(ctx)
	defer end()
	limit := time.AfterFunc(openWithin, end)
	ready, err := p.open(living, &kit{files: f, data: r.data, can: p.can})
	if !limit.Stop() || err != nil {
		r.fail(&t, "%s does not start: %v", p.name, err)
		return t
	}
	if ready.close != nil {
		defer ready.close()
	}
	r.role(living, &t, p, "client", ready.client, true)
	r.role(living, &t, p, "server", ready.server, false)
	return t
}

// skip is for a peer that can't be had here: in CI that is a failure.
func (r *runner) skip(t tally, why string) tally {
	t.notes = append(t.notes, "skipped: "+why)
	if r.ci {
		r.fail(&t, "%s: %s; with CI=true no peer may be missing", t.peer, why)
	}
	return t
}

// role runs the cases in which the peer plays a role; ours is the other one.
func (r *runner) role(ctx context.Context, t *tally, p peer, name string, play play, server bool) {
	if play == nil {
		return
	}
	t.roles = append(t.roles, name)
	var cases []testCase
	all := allCases(server)
	if p.mutual {
		all = append(all, mutualCases(server)...)
	}
	for _, c := range all {
		if why := p.can(c); why != "" {
			t.left[why]++
			continue
		}
		cases = append(cases, c)
	}
	if p.sample {
		all := len(cases)
		cases = sample(cases)
		t.notes = append(t.notes, fmt.Sprintf("as %s: %d of %d cases, with each pair of suite, group and certificate type", name, len(cases), all))
	}
	inRow := 0
	for i, c := range cases {
		if ctx.Err() != nil {
			return
		}
		if inRow++; r.one(ctx, t, play, c) {
			inRow = 0
		}
		if inRow == giveUp {
			t.notes = append(t.notes, fmt.Sprintf("as %s: gave up after %d failures in a row; %d not run", name, giveUp, len(cases)-i-1))
			return
		}
	}
}

// one runs a case and tells whether it passed.
func (r *runner) one(ctx context.Context, t *tally, play play, c testCase) bool {
	start := time.Now()
	limited, cancel := context.WithTimeout(ctx, caseWithin)
	defer cancel()
	if err := play(limited, c); err != nil {
		r.fail(t, "%s  %v: %v", t.peer, c, err)
		return false
	}
	t.passed[c.version]++
	if r.verbose {
		fmt.Fprintf(r.out, "ok    %s  %v  %v\n", t.peer, c, time.Since(start).Round(time.Millisecond))
	}
	return true
}

func (r *runner) fail(t *tally, format string, args ...any) {
	t.failed++
	fmt.Fprintf(r.out, "FAIL  "+format+"\n", args...)
}

// summary prints one line a peer, and below it what was left out and why. It
// fails if a case did.
func (r *runner) summary(tallies []tally, took time.Duration) error {
	const row = "%-18s %-14s"
	fmt.Fprintf(r.out, "\n"+row, "peer", "peer's roles")
	for _, v := range underTest() {
		fmt.Fprintf(r.out, " %8v", v)
	}
	fmt.Fprintf(r.out, " %7s %8s  %s\n", "failed", "left out", "version")
	passed, failed := 0, 0
	for _, t := range tallies {
		fmt.Fprintf(r.out, row, t.peer, strings.Join(t.roles, ", "))
		for _, v := range underTest() {
			fmt.Fprintf(r.out, " %8d", t.passed[v])
			passed += t.passed[v]
		}
		fmt.Fprintf(r.out, " %7d %8d  %s\n", t.failed, t.leftOut(), t.version)
		failed += t.failed
		for _, n := range t.reasons() {
			fmt.Fprintf(r.out, "    %s\n", n)
		}
	}
	fmt.Fprintf(r.out, "\n%d passed, %d failed, in %v\n", passed, failed, took.Round(time.Second))
	if failed > 0 {
		return fmt.Errorf("%d of %d cases failed", failed, passed+failed)
	}
	return nil
}

func (t *tally) leftOut() (n int) {
	for _, k := range t.left {
		n += k
	}
	return n
}

// reasons are why cases were left out, in a fixed order, behind the notes.
func (t *tally) reasons() []string {
	var lines []string
	for why, n := range t.left {
		lines = append(lines, fmt.Sprintf("%d left out: %s", n, why))
	}
	slices.Sort(lines)
	return slices.Concat(t.notes, lines)
}
