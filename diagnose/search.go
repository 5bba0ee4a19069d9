package diagnose

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Finding the smallest part of a hello that makes a server refuse it: delta
// debugging (Zeller and Hildebrandt, 2002) for refusals that stay when more is
// offered. Such a search needs about log2(n) probes for each atom found, where
// trying each of n atoms by itself would need n.

// A trigger is what makes a server refuse a hello: all of the atoms together, or
// more of something than a number.
type trigger struct {
	atoms []atom
	much  string // "length", "segments", "suites", …; "" if it is atoms
	over  int
}

// String is the trigger as the lab's conditions have it.
func (t trigger) String() string {
	if t.much != "" {
		return fmt.Sprintf("%s>%d", t.much, t.over)
	}
	var list []string
	for _, a := range t.atoms {
		list = append(list, a.String())
	}
	slices.Sort(list)
	return strings.Join(list, " & ")
}

// join is several triggers, each of which is enough.
func join(triggers []trigger) string {
	var list []string
	for _, t := range triggers {
		list = append(list, t.String())
	}
	slices.Sort(list)
	return strings.Join(list, " | ")
}

// words are triggers as a sentence has them.
func words(triggers []trigger) string {
	var list []string
	for _, t := range triggers {
		if t.much != "" {
			list = append(list, fmt.Sprintf("more than %d %s", t.over, counts[t.much]))
			continue
		}
		var atoms []string
		for _, a := range t.atoms {
			atoms = append(atoms, a.words())
		}
		list = append(list, strings.Join(atoms, " together with "))
	}
	return strings.Join(list, ", or with ")
}

// counts are what can be too much, in words.
var counts = map[string]string{
	"length": "bytes", "segments": "TCP segment", "records": "TLS record", "suites": "cipher suites", "groups": "groups", "shares": "key shares",
	"sigalgs": "signature algorithms", "extensions": "extensions",
}

// errUnsteady says that answers contradict each other.
var errUnsteady = errors.New("the same hello passes once and fails once")

// A test reports whether a set of atoms does what is looked for, which adding
// atoms never undoes.
type test func(context.Context, set) (bool, error)

// minimal finds a smallest list of candidates that, added to base, passes the test:
// without any of them it does not. All together must pass it. bound, if not nil,
// is asked after each atom found and may end the search.
func minimal(ctx context.Context, base set, candidates []atom, does test, bound func([]atom) (bool, error)) ([]atom, error) {
	var found []atom
	for {
		if ok, err := does(ctx, base.with(found...)); ok || err != nil {
			return found, err
		}
		if bound != nil {
			if end, err := bound(found); end || err != nil {
				return found, err
			}
		}
		if len(candidates) == 0 {
			return nil, errUnsteady
		}
		// The shortest prefix that does; its last atom is needed.
		low, high := 0, len(candidates)
		for high-low > 1 {
			mid := (low + high) / 2
			switch ok, err := does(ctx, base.with(found...).with(candidates[:mid]...)); {
			case err != nil:
				return nil, err
			case ok:
				high = mid
			default:
				low = mid
			}
		}
		found = append(found, candidates[high-1])
		candidates = candidates[:high-1]
	}
}

// plural are the kinds of atoms that a server may count.
var plural = map[kind]string{cipher: "suites", group: "groups", share: "shares", sigalg: "sigalgs", extension: "extensions"}

// alike reports whether atoms are of one kind that may be counted, and which.
func alike(atoms []atom) (kind, bool) {
	for _, a := range atoms {
		if a.kind != atoms[0].kind || plural[a.kind] == "" {
			return "", false
		}
	}
	if len(atoms) == 0 {
		return "", false
	}
	return atoms[0].kind, true
}
