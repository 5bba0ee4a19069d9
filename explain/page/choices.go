package page

import (
	"slices"
	"strings"

	"github.com/handclasp/handclasp/explain"
	"github.com/handclasp/handclasp/fault"
)

// A choice is what one side chose, with what became of each offer.
type choice struct {
	explain.Choice
	Step    int
	Offerer string // the other side
	Offers  fold[offer]
	Rest    []string // accepted, but not offered
}

// An offer is one value that was offered.
type offer struct {
	Name  string
	State string // "chosen", "accepted", "refused", or "" if nobody knows
}

// choices are those of all steps, in order.
func choices(s *explain.Story) (out []choice) {
	for i := range s.Steps {
		for _, c := range s.Steps[i].Choices {
			x := choice{Choice: c, Step: s.Steps[i].Number, Offerer: other(c.By)}
			from := slices.DeleteFunc(slices.Clone(c.Offered), func(s string) bool { return slices.Contains(c.Unfit, s) })
			if len(c.Offered) == 0 { // nobody offered; who chose had these
				from = c.Accepted
			}
			offers := make([]offer, 0, len(from))
			for _, name := range from {
				o := offer{Name: name}
				switch {
				case name == c.Chosen:
					o.State = "chosen"
				case slices.Contains(c.Accepted, name):
					o.State = "accepted"
				case len(c.Accepted) > 0:
					o.State = "refused"
				}
				offers = append(offers, o)
			}
			x.Offers = folded(most, offers)
			for _, name := range c.Accepted {
				if !slices.Contains(from, name) {
					x.Rest = append(x.Rest, name)
				}
			}
			out = append(out, x)
		}
	}
	return out
}

// Title is what was chosen, for people.
func (c *choice) Title() string { return title(&c.Choice) }

func title(c *explain.Choice) string {
	t := strings.ReplaceAll(c.What, "_", " ")
	switch c.What {
	case "session":
		t = "session to offer"
		if c.By == fault.Server.String() {
			t = "session or pre-shared key"
		}
	case "certificate", "signature_scheme":
		t += " of the " + c.By
	case "group":
		t = "key exchange group"
	case "early_data":
		t = "0-RTT data"
	case "retry":
		t = "another hello"
	}
	return strings.ToUpper(t[:1]) + t[1:]
}
