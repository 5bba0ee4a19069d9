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
// is put before an alert of ours that was there already. Of a failure outside the
// state machine, such as an alert of the peer's, no event tells.
func (r *Recorder) transitions() []Transition {
	fails := slices.IndexFunc(r.steps, func(s *Step) bool { return s.Kind == KindFailure })
	out := make([]Transition, len(r.states), len(r.states)+1)
	from := fault.Start.String()
	for i, e := range r.states {
		out[i] = e.Transition
		out[i].Step = slices.Index(r.steps, e.after) + 1
		if from = out[i].To; from == fault.Failed.String() && fails >= 0 {
			out[i].Step = fails + 1
		}
	}
	if fails >= 0 && r.facts.tlsBegun && from != fault.Failed.String() {
		out = append(out, failed(from, r.steps[fails].At))
		out[len(out)-1].Step = fails + 1
	}
	return out
}

// failed is the transition of a side that the state machine does not tell.
func failed(from string, at int64) Transition {
	return Transition{At: at, From: from, To: fault.Failed.String(), Meaning: fault.Failed.Meaning()}
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

// A passage is one of the messages, or of the ChangeCipherSpecs or alerts, that
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

func (o *another) enter(t Transition) {
	o.states = append(o.states, elsewhere{t, o.last, o.passed[o.last]})
}

// state is the last that was told.
func (o *another) state() string {
	if n := len(o.states); n > 0 {
		return o.states[n-1].To
	}
	return fault.Start.String()
}

// of are the server's transitions beside the steps of this side. What follows a
// message that this side has not read stands beside the last that it has.
func (o *another) of(steps []*Step) []Transition {
	var out []Transition
	for _, e := range o.states {
		t, n := e.Transition, e.n
		for i, s := range steps {
			if n > 0 && s.Direction == e.direction {
				t.Step = i + 1
				if s.Kind == e.kind {
					n--
				}
			}
		}
		out = append(out, t)
	}
	return out
}
