package diagnose

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/handclasp/handclasp/iana"
)

// Finding the smallest part of a hello that makes a server refuse it: delta
// debugging (Zeller and Hildebrandt, 2002) for refusals that stay when more is
// offered. Such a search needs about log2(n) probes for each atom found, where
// trying each of n atoms by itself would need n.

// A trigger is what makes a server refuse a hello: all of the atoms together, and
// more of some things than a number.
type trigger struct {
	atoms []atom
	over  amounts
	order order                // of the extensions, if it matters
	of    []iana.ExtensionType // whose place it is: one, or two of which the first stands before the second; nil if that is not known
	span  span                 // in which those two stand, in the hello that shows it
}

// An order of extensions may be what is disliked, where they by themselves are not.
type order string

const (
	anyOrder order = ""
	first    order = "first" // an extension of the trigger stands first
	last     order = "last"  // likewise
	inOrder  order = "order" // one stands before another
)

// parts are the atoms of the trigger that its order does not bring with it.
func (t trigger) parts() []atom {
	return slices.DeleteFunc(slices.Clone(t.atoms), func(a atom) bool {
		if a == tls13 { // which alone has these
			return slices.Contains(t.of, iana.ExtKeyShare) || slices.Contains(t.of, iana.ExtSupportedVersions)
		}
		return a.kind == extension && slices.Contains(t.of, iana.ExtensionType(a.code))
	})
}

// String is the trigger as the lab's conditions have it.
func (t trigger) String() string {
	var list, names []string
	for _, a := range t.parts() {
		list = append(list, a.String())
	}
	for _, e := range t.of {
		names = append(names, ext(e).name())
	}
	if t.order != anyOrder {
		list = append(list, strings.TrimSuffix(string(t.order)+"="+strings.Join(names, ">"), "="))
	}
	for _, m := range measures {
		if n, ok := t.over[m]; ok {
			list = append(list, fmt.Sprintf("%s>%d", m, n))
		}
	}
	slices.Sort(list)
	return strings.Join(list, " & ")
}

// words are the trigger as a sentence has it.
func (t trigger) words() string {
	var list []string
	for _, a := range t.parts() {
		list = append(list, a.words())
	}
	for _, m := range measures {
		if n, ok := t.over[m]; ok {
			list = append(list, fmt.Sprintf("more than %d %s", n, entries[m]))
		}
	}
	switch {
	case t.order == anyOrder:
	case len(t.of) == 2:
		list = append(list, ext(t.of[0]).words()+" before "+ext(t.of[1]).words())
	case len(t.of) == 1:
		list = append(list, fmt.Sprintf("%s as the %s of all", ext(t.of[0]).words(), t.order))
	default:
		list = append(list, "its extensions in the order that they have")
	}
	return strings.Join(list, " together with ")
}

// entries are what is measured, in words.
var entries = map[measure]string{
	segments: "TCP segment", records: "TLS record", length: "bytes", suites: "cipher suites", groups: "groups", shares: "key shares",
	sigalgs: "signature algorithms", extensions: "extensions",
}

// lines are how some software leaves the trigger out; other if nothing is known.
func (t trigger) lines(other []Line) []Line {
	if len(t.atoms) > 0 {
		return fewerOf[cheapest(t.atoms).kind]
	}
	for m := range t.over {
		if l := fewerOf[m.of()]; len(t.over) == 1 && l != nil {
			return l
		}
	}
	return other
}

// fix says what to do until the device is mended, if that is not to leave something
// out.
func (t trigger) fix(other string) string {
	if t.order != inOrder {
		return other
	}
	return "Have the device updated or told to let it pass. A client that leaves one of the two out, or has them in another order, gets through."
}

// is reports whether the trigger is too much of one thing, and nothing else.
func (t trigger) is(m measure) bool {
	_, ok := t.over[m]
	return ok && len(t.over) == 1 && len(t.atoms) == 0 && t.order == anyOrder
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
		list = append(list, t.words())
	}
	return strings.Join(list, ", or with ")
}

// errUnsteady says that answers contradict each other.
var errUnsteady = errors.New("the same hello passes once and fails once")

// A test reports whether some of the candidates do what is looked for, which adding
// others never undoes.
type test[T any] func(context.Context, []T) (bool, error)

// minimal finds a smallest list of candidates that passes the test: without any of
// them it does not. All together must pass it.
func minimal[T any](ctx context.Context, candidates []T, does test[T]) (found []T, err error) {
	for {
		if ok, err := does(ctx, found); ok || err != nil {
			return found, err
		}
		if len(candidates) == 0 {
			return nil, errUnsteady
		}
		// The shortest prefix that does; its last candidate is needed.
		high, err := least(0, len(candidates), func(n int) (bool, error) { return does(ctx, slices.Concat(found, candidates[:n])) })
		if err != nil {
			return nil, err
		}
		found = append(found, candidates[high-1])
		candidates = candidates[:high-1]
	}
}

// least is the least number for which does is true, which it is for high, and not
// for low, and then for all above.
func least(low, high int, does func(int) (bool, error)) (int, error) {
	for high-low > 1 {
		mid := (low + high) / 2
		ok, err := does(mid)
		switch {
		case err != nil:
			return 0, err
		case ok:
			high = mid
		default:
			low = mid
		}
	}
	return high, nil
}
