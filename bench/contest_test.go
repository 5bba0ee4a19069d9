package main

import "testing"

// TestOrder: however many stacks there are, each begins as often as the others, and of three or
// more none always comes behind the same one.
func TestOrder(t *testing.T) {
	for _, names := range [][]string{{"a"}, {"a", "b"}, {"a", "b", "c"}, {"a", "b", "c", "d"}} {
		var c contest
		for _, name := range names {
			c.add(name, nil, nil)
		}
		first, behind := make(map[string]int), make(map[[2]string]int)
		const times = 6
		rounds := 2 * times * len(names)
		for round := range rounds {
			order := c.order(round)
			first[order[0].stack]++
			for i, e := range order[1:] {
				behind[[2]string{order[i].stack, e.stack}]++
			}
		}
		for _, name := range names {
			if first[name] != 2*times {
				t.Errorf("of %d rounds with %d stacks, %s begins %d", rounds, len(names), name, first[name])
			}
		}
		for pair, n := range behind {
			if len(names) > 2 && n == rounds-2*times {
				t.Errorf("with %d stacks, %s comes behind %s %d times", len(names), pair[1], pair[0], n)
			}
		}
	}
}
