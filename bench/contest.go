package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"
)

// A contest is one case with all stacks that can do it.
type contest struct {
	part, name, unit string
	higher           bool // is better
	entrants         []*entrant
}

// An entrant is one stack in a contest.
type entrant struct {
	stack   string
	missing string                 // why it takes no part; "" if it does
	measure func() (sample, error) // once, long enough to mean something
	rounds  []sample
}

// A sample is one round of an entrant. What does not apply is 0.
type sample struct {
	value   float64 // in the contest's unit
	server  float64 // the server's part of it
	objects float64 // allocated
	bytes   float64 // allocated
	stack   float64 // idle connections: bytes of goroutine stacks
	trips   float64 // round trips
}

// add makes an entrant; why says why there is none, or is nil.
func (c *contest) add(stack string, measure func() (sample, error), why error) {
	e := &entrant{stack: stack, measure: measure}
	if why != nil {
		e.missing = why.Error()
	}
	c.entrants = append(c.entrants, e)
}

// wants reports whether -match lets a stack into a case.
func (b *bench) wants(name, stack string) bool {
	return b.match == nil || b.match.MatchString(name+", "+stack)
}

// chosen leaves of the contests what is to be run.
func (b *bench) chosen(contests []*contest) []*contest {
	for _, c := range contests {
		c.entrants = slices.DeleteFunc(c.entrants, func(e *entrant) bool { return !b.wants(c.name, e.stack) })
	}
	return slices.DeleteFunc(contests, func(c *contest) bool { return len(c.entrants) == 0 })
}

// hold runs all contests of a part, interleaved, and reports them.
func (b *bench) hold(ctx context.Context, contests []*contest) error {
	contests = b.chosen(contests)
	for round := range b.rounds {
		for _, c := range contests {
			b.note("round %d of %d: %s, %s", round+1, b.rounds, c.part, c.name)
			if err := c.play(ctx, round); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	for _, c := range contests {
		b.report.add(c)
	}
	return nil
}

// order is the stacks of a round. Two rounds are mirrors of each other, and then another
// stack begins, so that each is as often the first, and none always comes behind the same one.
func (c *contest) order(round int) []*entrant {
	at := round / 2 % len(c.entrants)
	order := append(slices.Clone(c.entrants[at:]), c.entrants[:at]...)
	if round%2 == 1 {
		slices.Reverse(order)
	}
	return order
}

// play is one round.
func (c *contest) play(ctx context.Context, round int) error {
	for _, e := range c.order(round) {
		if e.missing != "" {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		runtime.GC() // nobody pays for what another one left
		s, err := e.measure()
		if err != nil {
			return fmt.Errorf("%s: %w", e.stack, err)
		}
		e.rounds = append(e.rounds, s)
	}
	return nil
}

// warm is how often what a sample repeats n times runs before, unmeasured: the
// processor's caches are another stack's, and it may have slept while another process worked.
func warm(n int) int { return max(1, n/8) }

// alone has Go use one core until the result is called.
func alone() (restore func()) {
	before := runtime.GOMAXPROCS(1)
	return func() { runtime.GOMAXPROCS(before) }
}

// enough is how often f must run for a sample, a smoke test aside: for about so
// long.
func (b *bench) enough(d time.Duration, f func() error) (int, error) {
	if b.short {
		return 1, nil
	}
	const few = 3
	began := time.Now()
	for range few {
		if err := f(); err != nil {
			return 0, err
		}
	}
	return max(1, int(d/(time.Since(began)/few))), nil
}

// allocated runs f and gives the objects and bytes that were allocated meanwhile.
func allocated(f func() error) (objects, bytes float64, err error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err = f()
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs - before.Mallocs), float64(after.TotalAlloc - before.TotalAlloc), err
}

// A spread is the rounds of one quantity.
type spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

func spreadOf(values []float64) spread {
	v := slices.Sorted(slices.Values(values))
	middle := v[len(v)/2]
	if len(v)%2 == 0 {
		middle = (v[len(v)/2-1] + middle) / 2
	}
	return spread{middle, v[0], v[len(v)-1]}
}

// of is the spread of one quantity of all rounds.
func (e *entrant) of(quantity func(sample) float64) spread {
	values := make([]float64, len(e.rounds))
	for i, s := range e.rounds {
		values[i] = quantity(s)
	}
	return spreadOf(values)
}

// against is the spread of one quantity's ratio to that of another entrant, round
// by round; false if one of them has no such quantity.
func (e *entrant) against(base *entrant, quantity func(sample) float64) (spread, bool) {
	var ratios []float64
	for i := range min(len(e.rounds), len(base.rounds)) {
		if by := quantity(base.rounds[i]); by > 0 {
			ratios = append(ratios, quantity(e.rounds[i])/by)
		}
	}
	if len(ratios) == 0 || len(ratios) < len(e.rounds) {
		return spread{}, false
	}
	return spreadOf(ratios), true
}

func value(s sample) float64   { return s.value }
func server(s sample) float64  { return s.server }
func objects(s sample) float64 { return s.objects }
func bytesOf(s sample) float64 { return s.bytes }
func stack(s sample) float64   { return s.stack }
func trips(s sample) float64   { return s.trips }
