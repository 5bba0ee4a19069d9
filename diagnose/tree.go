package diagnose

import (
	"cmp"
	"net/netip"
)

// What was tried makes a tree: each probe below the earlier one from which it differs
// least. Where the outcome changes from one to the next, little lies between them.

// An attempt is the hello of a probe.
type attempt struct {
	hello                // none of a connection for something else
	at    netip.AddrPort // where it went
}

// A change is what lies between two hellos.
type change struct {
	atoms    int // that one has and the other has not
	measures int // of which they have not as much, and other ways to send them
	much     int // the sum of those differences
}

func changeOf(a, b *attempt) (c change) {
	for _, pair := range [][2]set{{a.set, b.set}, {b.set, a.set}} {
		only := func(x atom) bool { return pair[0][x] && !pair[1][x] }
		for x := range pair[0] {
			if !only(x) || x.kind == share && (only(tls13) || only(atom{group, x.code, ""})) {
				continue // no share can be without those
			}
			c.atoms++
		}
	}
	if a.set[nameAtom] && b.set[nameAtom] && a.name != b.name {
		c.atoms++
	}
	for _, m := range measures {
		if d := a.much[m] - b.much[m]; d != 0 {
			c.measures++
			c.much += max(d, -d)
		}
	}
	if a.place != b.place || a.span != b.span {
		c.measures++
	}
	if a.proxied != b.proxied {
		c.measures++
	}
	return c
}

func (c change) compare(d change) int {
	return cmp.Or(cmp.Compare(c.atoms, d.atoms), cmp.Compare(c.measures, d.measures), cmp.Compare(c.much, d.much))
}

// arrange puts each probe below another one, of those to the same address.
func (d *diagnosis) arrange() {
	for i := range d.attempts {
		var least change
		p := &d.Probes[i]
		for j := range i {
			if d.attempts[i].set == nil || d.attempts[j].at != d.attempts[i].at {
				continue
			}
			if c := changeOf(&d.attempts[i], &d.attempts[j]); p.From == 0 || c.compare(least) < 0 {
				p.From, least = j+1, c
			}
		}
		p.Repeats = p.From > 0 && least == change{}
	}
}
