package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	chrome "github.com/handclasp/handclasp/internal/browser"
)

const (
	openWithin = 60 * time.Second // to make a peer ready
	caseWithin = 30 * time.Second // handshake and data of one case
	giveUp     = 4                // failures in a row: a peer that hangs would take hours
)

// A runner runs cases against peers, some peers at a time.
type runner struct {
	out     io.Writer
	stop    func() // ends the run; may be nil
	data    int
	jobs    int // peers at a time
	areas   []area
	verbose bool
	ci      bool
	inside  bool       // a namespace without a network
	mu      sync.Mutex // of out

	looking sync.Mutex      // of the next two
	eyes    *chrome.Browser // to look at pages; started when it is needed
	blind   error           // why it can't be
}

// A tally is what one peer came to. Numbers of cases are by area.
type tally struct {
	peer, version  string
	roles          []string // that the peer played
	passed, failed map[string]int
	left           map[left]int // cases left out
	notes          []string
	took           time.Duration
}

// left is why cases of an area are left out.
type left struct{ area, why string }

func (r *runner) run(ctx context.Context, chosen []peer) error {
	dir, err := os.MkdirTemp("", "handclasp-interop-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	defer func() {
		if r.eyes != nil {
			r.eyes.Close()
		}
	}()
	f, err := newFiles(dir)
	if err != nil {
		return err
	}
	start := time.Now()
	tallies := make([]tally, len(chosen))
	places := make(chan bool, r.jobs)
	var all sync.WaitGroup
	for i, p := range chosen {
		places <- true
		all.Go(func() {
			tallies[i] = r.peer(ctx, f, p)
			<-places
		})
	}
	all.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return r.summary(tallies, time.Since(start))
}

// peer runs all cases against one peer.
func (r *runner) peer(ctx context.Context, f *files, p peer) (t tally) {
	t = tally{peer: p.name, passed: map[string]int{}, failed: map[string]int{}, left: map[left]int{}}
	start := time.Now()
	defer func() { t.took = time.Since(start) }()
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
	if f, err = f.of(p); err != nil {
		r.fail(&t, "", "%v", err)
		return t
	}
	k := &kit{files: f, data: r.data, can: p.can, areas: r.areas}
	ready, err := p.open(living, k)
	if !limit.Stop() || err != nil {
		r.fail(&t, "", "%s does not start: %v", p.name, err)
		return t
	}
	if ready.close != nil {
		defer ready.close()
	}
	r.role(living, &t, p, "client", ready.client, true)
	r.role(living, &t, p, "server", ready.server, false)
	if cases := k.cases(false); ready.server != nil && len(cases) > 0 && living.Err() == nil {
		r.look(living, &t, k, ready.server, cases[0])
	}
	// Last, for it ends what it was served by.
	if slices.ContainsFunc(r.areas, func(a area) bool { return a.name == diagnosed }) && living.Err() == nil {
		r.diagnose(living, &t, k, p.troubles, ready.hosts)
	}
	return t
}

// skip is for a peer that can't be had here: in CI that is a failure.
func (r *runner) skip(t tally, why string) tally {
	t.notes = append(t.notes, "skipped: "+why)
	if r.ci {
		r.fail(&t, "", "%s: %s; with CI=true no peer may be missing", t.peer, why)
	}
	return t
}

// role runs the cases in which the peer plays a role; ours is the other one.
func (r *runner) role(ctx context.Context, t *tally, p peer, name string, play play, server bool) {
	if play == nil {
		return
	}
	t.roles = append(t.roles, name)
	for _, a := range r.areas {
		if !r.area(ctx, t, p, name, play, a, server) {
			return
		}
	}
}

// area runs those of an area, and tells whether to go on.
func (r *runner) area(ctx context.Context, t *tally, p peer, name string, play play, a area, server bool) bool {
	var cases []testCase
	for _, c := range a.cases(server) {
		if why := p.can(c); why != "" {
			t.left[left{a.name, why}]++
			continue
		}
		cases = append(cases, c)
	}
	if p.sample && a.name == areas[0].name {
		all := len(cases)
		cases = sample(cases)
		t.notes = append(t.notes, fmt.Sprintf("%s, as %s: %d of %d cases, with each pair of suite, group and certificate type", a.name, name, len(cases), all))
	}
	inRow := 0
	for i, c := range cases {
		if ctx.Err() != nil {
			return false
		}
		if inRow++; r.one(ctx, t, a, play, c) {
			inRow = 0
		}
		if inRow == giveUp {
			t.notes = append(t.notes, fmt.Sprintf("%s, as %s: gave up after %d failures in a row; %d not run", a.name, name, giveUp, len(cases)-i-1))
			return true
		}
	}
	return true
}

// one runs a case and tells whether it passed.
func (r *runner) one(ctx context.Context, t *tally, a area, play play, c testCase) bool {
	start := time.Now()
	limited, cancel := context.WithTimeout(ctx, caseWithin)
	defer cancel()
	if err := play(limited, c); err != nil {
		r.fail(t, a.name, "%s  %v: %v", t.peer, c, err)
		return false
	}
	t.passed[a.name]++
	if r.verbose {
		r.print("ok    %s  %v  %v\n", t.peer, c, time.Since(start).Round(time.Millisecond))
	}
	return true
}

func (r *runner) fail(t *tally, area, format string, args ...any) {
	t.failed[area]++
	r.print("FAIL  "+format+"\n", args...)
}

func (r *runner) print(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, err := fmt.Fprintf(r.out, format, args...); err != nil && r.stop != nil {
		r.stop() // nobody reads on
	}
}

// summary prints one line a peer with what passed in each area, "-3" for three that
// failed, and below it what was left out and why. It fails if a case did.
func (r *runner) summary(tallies []tally, took time.Duration) error {
	const row = "%-17s %-14s"
	r.print("\n"+row, "peer", "peer's roles")
	for _, a := range r.areas {
		r.print(" %*s", a.width(), a.name)
	}
	r.print("  %6s  %s\n", "time", "version")
	passed, failed := 0, 0
	for _, t := range tallies {
		r.print(row, t.peer, strings.Join(t.roles, ", "))
		for _, a := range r.areas {
			r.print(" %*s", a.width(), t.cell(a))
		}
		r.print("  %5.0fs  %s\n", t.took.Seconds(), t.version)
		passed += sum(t.passed)
		failed += sum(t.failed)
	}
	r.print("\n")
	for _, t := range tallies {
		if reasons := t.reasons(r.areas); len(reasons) > 0 {
			r.print("%s\n    %s\n", t.peer, strings.Join(reasons, "\n    "))
		}
	}
	r.print("\n%d passed, %d failed, in %v\n", passed, failed, took.Round(time.Second))
	if failed > 0 {
		return fmt.Errorf("%d of %d cases failed", failed, passed+failed)
	}
	return nil
}

// width is that of the area's column.
func (a area) width() int { return max(len(a.name), 5) }

// cell is what a tally has of an area.
func (t *tally) cell(a area) string {
	switch passed, failed := t.passed[a.name], t.failed[a.name]; {
	case failed > 0:
		return fmt.Sprintf("%d-%d", passed, failed)
	case passed > 0:
		return fmt.Sprint(passed)
	}
	return "."
}

func sum[K comparable](numbers map[K]int) (n int) {
	for _, k := range numbers {
		n += k
	}
	return n
}

// reasons are why cases were left out, in a fixed order, behind the notes. One
// reason stands once, with the areas that it holds for.
func (t *tally) reasons(areas []area) []string {
	where := map[string][]string{}
	for _, a := range areas {
		for l, n := range t.left {
			if l.area == a.name {
				where[l.why] = append(where[l.why], fmt.Sprintf("%s %d", a.name, n))
			}
		}
	}
	var lines []string
	for why, list := range where {
		lines = append(lines, fmt.Sprintf("left out: %s (%s)", why, strings.Join(list, ", ")))
	}
	slices.Sort(lines)
	return slices.Concat(t.notes, lines)
}
