package explain

import (
	"fmt"
	"time"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/wire"
)

// 0-RTT: what the client sends before the server has said a word (RFC 9846,
// Section 2.3), and what becomes of it.

// An early is how 0-RTT stands.
type early struct {
	offered  bool // in a hello
	accepted bool
	refused  bool // the server has answered, and does not take it
	bytes    int  // of data that was sent, as far as that shows
}

// offersEarly tells of early_data in a hello.
func (r *Recorder) offersEarly(s *Step, m *wire.ClientHello) {
	if !m.Extensions.Has(iana.ExtEarlyData) {
		return
	}
	r.facts.early.offered = true
	s.fact("offers", "early_data", "early data", "data before the handshake is complete (0-RTT)").Note = "It follows at once, protected with a key that comes from the first pre-shared key of the list. The server takes all of it or none."
}

// answersEarly tells what EncryptedExtensions say of it.
func (r *Recorder) answersEarly(s *Step, m *wire.EncryptedExtensions) {
	e := &r.facts.early
	switch taken := m.Extensions.Has(iana.ExtEarlyData); {
	case taken && !e.offered:
		s.fact("confirms", "early_data", "early data", "accepted").Note = "The client has not offered any."
	case taken:
		e.accepted = true
		s.fact("confirms", "early_data", "early data", "accepted").Note = "The server reads what the client sent, and sends, before this round trip is over."
	case e.offered && !e.refused:
		e.refused = true
		s.fact("refuses", "early_data", "early data", "not accepted").Note = "The server drops it unread. It gets there only if the client sends it again, under the application keys."
	}
}

// retriesEarly tells that a HelloRetryRequest ends 0-RTT.
func (r *Recorder) retriesEarly(s *Step) {
	if e := &r.facts.early; e.offered && !e.refused {
		e.refused = true
		s.say("It also refuses the early data: the server drops that unread, and the second hello may not offer any.")
	}
}

func (r *Recorder) endOfEarlyData(s *Step) {
	s.say("%s", iana.EndOfEarlyData.Meaning())
	s.say("It is the last message under the early key. The client's Finished covers it, so nobody can cut 0-RTT data short unnoticed.")
}

// earlyRun is the step for a run of 0-RTT data.
func (r *Recorder) earlyRun(direction string) *Step {
	s := &Step{Kind: KindData, Title: "0-RTT data", Direction: direction, Encrypted: true, Epoch: flow.Early.String()}
	s.say("The client sends data without waiting for the server's answer, protected with the early key. That saves a round trip.")
	s.say("It is weaker than other data. It has no forward secrecy. And the server has not put anything fresh into its key, so who records it can send it again: that is a replay, against which a server has to guard, and because of which a client should send nothing that must not happen twice.")
	return s
}

// refuses reports whether records may come that this side, a server, drops as
// early data that it has refused.
func (r *Recorder) refuses() bool {
	e := &r.facts.early
	return r.role == fault.Server && e.offered && !e.accepted && !r.facts.connected
}

// drop tells of records with early data that was refused. No event says which ones
// those are; but a message that is not early is told right after the record that
// ends it, so they are what came before that.
func (r *Recorder) drop(message int, at time.Duration) {
	l := &r.received
	i := len(l.open)
	for i > 0 && message > 0 {
		i--
		message -= l.open[i].left
	}
	for j := range l.open[:i] {
		if o := &l.open[j]; o.left == o.whole {
			r.dropped(o, at)
		}
	}
	l.open = l.open[i:]
}

// dropped adds a record to the early data that was dropped.
func (r *Recorder) dropped(rec *openRecord, at time.Duration) {
	n := len(r.steps)
	if n == 0 || r.steps[n-1].Kind != KindData || r.steps[n-1].Epoch != flow.Early.String() {
		s := &Step{Kind: KindData, Title: "0-RTT data, dropped", Direction: Received, Encrypted: true, Epoch: flow.Early.String()}
		s.say("The client sent this before it knew that the server would refuse it. The server drops it unread.")
		r.add(s, at)
		n = len(r.steps)
	}
	s := r.steps[n-1]
	content := max(rec.Size-r.facts.overhead(), 0)
	s.grow(rec.Record, content)
	r.facts.early.bytes += content
	r.untally(Received, rec.Size)
}

// fate is what the summary tells of 0-RTT data.
func (r *Recorder) fate() string {
	d := r.verdictOn("early_data")
	if d == nil {
		return ""
	}
	state := "not offered"
	switch {
	case d.Chosen != "":
		state = d.Chosen
	case d.By == fault.Server:
		state = "NOT accepted"
	}
	if n := r.facts.early.bytes; n > 0 {
		state = fmt.Sprintf("%s, %s", count(n, "byte"), state)
	} else if r.facts.early.accepted && r.facts.connected {
		state += ", but the client sent none"
	}
	return state + ". " + d.Reason
}
