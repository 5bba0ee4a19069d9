package explain

import (
	"slices"
	"time"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
)

// Which states the two sides enter, and after which step.

// An entry is a transition of this side with the last step before it; nil if there
// is none.
type entry struct {
	Transition
	after *Step
}

func transition(ev *flow.Event, at time.Duration) Transition {
	return Transition{At: at.Microseconds(), From: ev.From.String(), To: ev.To.String(), Meaning: ev.To.Meaning()}
}

// transitions are those of this side. It has failed where the failure is told, which
// is put before an alert of ours that was there already.
func (r *Recorder) transitions() []Transition {
	fails := slices.IndexFunc(r.steps, func(s *Step) bool { return s.Kind == KindFailure })
	out := make([]Transition, len(r.states))
	for i, e := range r.states {
		out[i] = e.Transition
		out[i].Step = slices.Index(r.steps, e.after) + 1
		if out[i].To == fault.Failed.String() && fails >= 0 {
			out[i].Step = fails + 1
		}
	}
	return out
}

// another follows the server at the other end. Its clock is this side's, but what
// it does falls between two steps of this side that have little to do with it. Each
// side gets the other's messages in the order in which they were sent, so the n-th
// that the server got or sent is the n-th that this side sent or got.
type another struct {
	passed map[passage]int
	last   passage
	states []elsewhere
}

// A passage is one of the messages of a kind, or of the ChangeCipherSpecs, that
// went in one direction, as this side sees it.
type passage struct{ kind, direction string }

// An elsewhere is a transition of the server with the message before it: the n-th
// of its passage.
type elsewhere struct {
	Transition
	passage
	n int
}

// pass counts what the server sent or got.
func (o *another) pass(kind string, sent bool) {
	o.last = passage{kind, direction(!sent)}
	if o.passed == nil {
		o.passed = map[passage]int{}
	}
	o.passed[o.last]++
}

func (o *another) enter(ev *flow.Event, at time.Duration) {
	o.states = append(o.states, elsewhere{transition(ev, at), o.last, o.passed[o.last]})
}

// of are the server's transitions beside the steps of this side. What follows a
// message that has not arrived stands at the end.
func (o *another) of(steps []*Step) []Transition {
	var out []Transition
	for _, e := range o.states {
		t, n := e.Transition, e.n
		for i, s := range steps {
			if t.Step = i + 1; s.Kind == e.kind && s.Direction == e.direction {
				n--
			}
			if n <= 0 {
				break
			}
		}
		if e.n == 0 {
			t.Step = 0
		}
		out = append(out, t)
	}
	return out
}
