package page

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/handclasp/handclasp/diagnose"
)

// A node is a hello that was tried, once or several times, and below it those that
// were made of it.
type node struct {
	diagnose.Probe
	Number int   // of the probe
	Again  []int // the probes that repeat it
	Ends   []end // what came of it, each once
	Change diff  // from the hello above
	Below  []*node
	above  *node
	Open   bool // there is something to see below
}

// An end is what came of a hello, so many times.
type end struct {
	Text  string
	Times int
	same  string // what it has in common with others that mean the same
}

// tree puts the probes below each other. There is a root for each address.
func tree(probes []diagnose.Probe) (roots []*node) {
	nodes := make([]*node, len(probes))
	for i, p := range probes {
		n := &node{Probe: p, Number: i + 1}
		nodes[i] = n
		switch above := p.From - 1; {
		case above < 0 || above >= i:
			roots = append(roots, n)
		case p.Repeats:
			n = nodes[above]
			nodes[i] = n
			n.Again = append(n.Again, i+1)
		default:
			n.Change = difference(&nodes[above].Probe, &p)
			n.above = nodes[above]
			n.above.Below = append(n.above.Below, n)
		}
		n.end(&p)
	}
	for _, n := range slices.Backward(nodes) { // what is below comes later
		n.Open = n.Open || len(roots) > 1 || slices.Contains(roots, n)
		for _, b := range n.Below {
			n.Open = n.Open || b.Decides || b.Open
		}
	}
	return roots
}

// end adds what came of the hello, in words that mean the same if only a number
// differs, such as a time.
func (n *node) end(p *diagnose.Probe) {
	e := end{Text: p.Outcome, Times: 1, same: number.ReplaceAllString(p.Outcome, "")}
	for i := range n.Ends {
		if n.Ends[i].same == e.same {
			n.Ends[i].Times++
			return
		}
	}
	n.Ends = append(n.Ends, e)
}

var number = regexp.MustCompile(`\d+`)

// Came is what came of it, in a word or two if it is the same as above.
func (n *node) Came() []end {
	if n.above == nil || len(n.Ends) != 1 || n.Ends[0].same != n.above.Ends[0].same {
		return n.Ends
	}
	e := n.Ends[0]
	e.Text = map[bool]string{true: "works likewise", false: "fails likewise"}[n.Works]
	return []end{e}
}

// Class is "passed" if it works, certificate included, "failed" if it never got an
// answer, "looked" if it was for something else than a handshake, else "waived".
func (n *node) Class() string {
	switch {
	case n.Works && n.Refused:
		return "waived"
	case n.Works:
		return "passed"
	case n.Stage == "none":
		return "looked"
	case n.Stage == "hello":
		return "failed"
	}
	return "waived"
}

// Mark is its sign.
func (n *node) Mark() string {
	switch {
	case n.Works && n.Refused:
		return "!"
	case n.Works:
		return "✓"
	case n.Stage == "none":
		return "●"
	}
	return "✗"
}

// Title is what it is for.
func (n *node) Title() string { return capital(n.What) }

// Count is how many hellos are below.
func (n *node) Count() (sum int) {
	for _, b := range n.Below {
		sum += 1 + b.Count()
	}
	return sum
}

// A diff is what one hello has beyond another, lacks of it, and has in another
// number; the first of each.
type diff struct {
	Plus, Minus []string
	More        int // that are left out
}

// most is how many changes of each kind are shown.
const most = 5

// difference is the change from a to b, of each of which the report says how it
// differs from the client's.
func difference(a, b *diagnose.Probe) (d diff) {
	plus := append(lacking(b.With, a.With), lacking(a.Without, b.Without)...)
	minus := append(lacking(b.Without, a.Without), lacking(a.With, b.With)...)
	for i, x := range plus { // an amount that is another one now
		name, value, _ := strings.Cut(x, "=")
		if !number.MatchString(value) {
			continue
		}
		if j := slices.IndexFunc(minus, func(y string) bool { return amount(y, name) }); j >= 0 && amount(x, name) {
			_, was, _ := strings.Cut(minus[j], "=")
			plus[i], minus = fmt.Sprintf("%s, not %s", x, was), slices.Delete(minus, j, j+1)
		}
	}
	d.Plus, d.Minus = plus[:min(len(plus), most)], minus[:min(len(minus), most)]
	d.More = len(plus) + len(minus) - len(d.Plus) - len(d.Minus)
	return d
}

// amount reports whether x says how much of a name there is.
func amount(x, name string) bool {
	digits, ok := strings.CutPrefix(x, name+"=")
	return ok && digits != "" && strings.Trim(digits, "0123456789") == ""
}

// lacking are those of a list that another does not have.
func lacking(list, other []string) (out []string) {
	for _, x := range list {
		if !slices.Contains(other, x) {
			out = append(out, x)
		}
	}
	return out
}

// A pair is the two hellos between which the outcome flips.
type pair struct {
	Fails, Works *node
	Change       diff // from the one that fails
}

// decisive is the pair; nil if nothing decides.
func decisive(roots []*node) *pair {
	var found []*node
	var walk func([]*node)
	walk = func(list []*node) {
		for _, n := range list {
			if n.Decides {
				found = append(found, n)
			}
			walk(n.Below)
		}
	}
	walk(roots)
	if len(found) != 2 {
		return nil
	}
	p := &pair{Fails: found[0], Works: found[1]}
	if p.Fails.reached() > p.Works.reached() {
		p.Fails, p.Works = p.Works, p.Fails
	}
	p.Change = difference(&p.Fails.Probe, &p.Works.Probe)
	return p
}

// reached is how far it came, as a number.
func (n *node) reached() int {
	if n.Works {
		return 3
	}
	return slices.Index([]string{"hello", "answered", "connected"}, n.Stage)
}
