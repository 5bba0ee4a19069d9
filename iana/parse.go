package iana

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A registry is a table with what an error has to say of it.
type registry struct {
	kind    string // what its values are, in the singular
	example string
	rows    []entry
}

// parse finds the value that a person wrote: a name of the registry or an
// alias, in any case and with any of "-_. " between its parts, or a number as
// 0x1301. A name that means nothing gets an error with the nearest ones.
func (r registry) parse(s string) (uint16, error) {
	if v, ok := parseNumber(s, 16); ok {
		return v, nil
	}
	if e, ok := match(r.rows, s); ok {
		return e.code, nil
	}
	return 0, r.unknown(s)
}

// parseAmong is parse for who can use only some of the values, if among names any:
// no others are suggested.
func parseAmong[T ~uint16](r registry, s string, among []T) (T, error) {
	v, err := r.parse(s)
	if err != nil && len(among) > 0 {
		r.rows = slices.DeleteFunc(slices.Clone(r.rows), func(e entry) bool { return !slices.Contains(among, T(e.code)) })
		err = r.unknown(s)
	}
	return T(v), err
}

func match(rows []entry, s string) (*entry, bool) {
	want := fold(s)
	if want == "" {
		return nil, false
	}
	for i := range rows {
		for spelling := range rows[i].spellings {
			if fold(spelling) == want {
				return &rows[i], true
			}
		}
	}
	return nil, false
}

// spellings yields the name and the aliases.
func (e *entry) spellings(yield func(string) bool) {
	if !yield(e.name) {
		return
	}
	for a := range strings.FieldsSeq(e.aliases) {
		if !yield(a) {
			return
		}
	}
}

// parseNumber reads 0x1301, and the form in which a GREASE value prints.
func parseNumber(s string, bits int) (uint16, bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	if inner, ok := strings.CutPrefix(s, "grease ("); ok {
		s = strings.TrimSuffix(inner, ")")
	}
	digits, ok := strings.CutPrefix(s, "0x")
	if !ok {
		return 0, false
	}
	v, err := strconv.ParseUint(digits, 16, bits)
	return uint16(v), err == nil
}

var separators = strings.NewReplacer("-", "", "_", "", ".", "", " ", "")

// fold makes spellings comparable: P-256 and p256, TLSv1.3 and tlsv1_3.
func fold(s string) string { return separators.Replace(strings.ToLower(s)) }

// unknown is a plain error and not a fault.Error: it concerns what a person
// typed, before there is a connection.
func (r registry) unknown(s string) error {
	near := nearest(r.rows, fold(s))
	switch n := len(near); n {
	case 0:
		return fmt.Errorf("unknown %s %q: names are those of the IANA registry, such as %s", r.kind, s, r.example)
	case 1:
		return fmt.Errorf("unknown %s %q: did you mean %s?", r.kind, s, near[0])
	default:
		return fmt.Errorf("unknown %s %q: did you mean %s or %s?", r.kind, s, strings.Join(near[:n-1], ", "), near[n-1])
	}
}

const maxSuggestions = 3

// A guess is a spelling that may be meant, and how far it is from what was typed.
type guess struct {
	*entry
	spelling string
	distance int
}

// nearest returns the spellings that are likely meant, best first, one for
// each value. A slip of the keyboard is judged by edit distance; if nothing is
// near, a fragment such as "brainpool" suggests the names that contain it.
// Among equals, the recommended values come first and the discouraged last.
func nearest(rows []entry, want string) []string {
	if len(want) < 2 {
		return nil
	}
	limit := 1 + len(want)/4
	guesses := guessAll(rows, limit, func(folded string) int { return distance(want, folded, limit) })
	if len(guesses) == 0 {
		guesses = guessAll(rows, 0, func(folded string) int {
			if strings.Contains(folded, want) {
				return 0
			}
			return 1
		})
	}
	var near []string
	for _, g := range guesses {
		if len(near) == maxSuggestions || g.distance > guesses[0].distance+1 {
			break
		}
		near = append(near, g.spelling)
	}
	return near
}

// guessAll finds each row's best spelling within the limit, and sorts them.
func guessAll(rows []entry, limit int, far func(folded string) int) []guess {
	var guesses []guess
	for i := range rows {
		best := guess{&rows[i], "", limit + 1}
		for spelling := range rows[i].spellings {
			if d := far(fold(spelling)); d < best.distance {
				best.spelling, best.distance = spelling, d
			}
		}
		if best.distance <= limit {
			guesses = append(guesses, best)
		}
	}
	slices.SortStableFunc(guesses, func(a, b guess) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(rank(a.status), rank(b.status)))
	})
	return guesses
}

func rank(s Status) int {
	switch s {
	case Recommended:
		return 0
	case Discouraged:
		return 2
	}
	return 1
}

// distance is the number of letters to insert, delete or replace, or to swap
// with their neighbour, that turn a into b. Anything above limit comes back as limit+1.
func distance(a, b string, limit int) int {
	if max(len(a)-len(b), len(b)-len(a)) > limit {
		return limit + 1
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := last[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(change, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return min(last[len(b)], limit+1)
}
