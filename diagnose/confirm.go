package diagnose

import (
	"context"
	"errors"
)

// rounds is how often the hello that fails and the one that passes are repeated, in
// turn.
const rounds = 2

// confirm repeats the hello that fails and the one that is better. If the outcomes
// change, it finds out how the server is unsteady, and reports false.
func (d *diagnosis) confirm(ctx context.Context, fails, passes hello, better func(*outcome) bool) (bool, error) {
	for i := range rounds {
		for _, h := range []hello{fails, passes} {
			o, err := d.try(ctx, "a decisive probe again", h, false)
			if errors.Is(err, errBudget) && i > 0 {
				return true, nil
			}
			if err != nil {
				return false, err
			}
			if better(o) != better(d.p.known[d.p.model.key(h)][0]) {
				return false, d.unsteady(ctx, h)
			}
		}
	}
	d.decide(fails, passes)
	return true, nil
}

// evidence says what came of a hello each time.
func (d *diagnosis) evidence(probe string, h hello) Evidence {
	known := d.p.known[d.p.model.key(h)]
	times := 0
	for _, o := range known {
		if o.alike(known[0]) {
			times++
		}
	}
	return Evidence{Probe: probe, Outcome: d.atAddress(known[0]), Times: times}
}
