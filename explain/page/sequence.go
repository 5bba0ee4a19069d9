package page

import (
	"fmt"
	"slices"
	"strings"

	"github.com/handclasp/handclasp/explain"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// The sequence diagram: the client's line on the left, the server's on the right,
// a row for each step between them.

// A row is one step of the diagram.
type row struct {
	*explain.Step
	Way      string  // "right" from client to server, "left" back; "" for what happens on one side
	Side     string  // of what happens on one side: "client", "server" or "both"
	Zone     string  // the keys in use around it: "clear", "early", "handshake", "application"
	Under    string  // what it is encrypted with, in words
	Client   []state // that the client enters
	Server   []state // that the server enters
	Trip     string  // where in a round trip it stands: "first", "inside", "last"
	TripText string  // at its end
	Carriage string
	Bytes    *pane
	Records  []record
}

// A state is one of a side's state machine.
type state struct{ Name, Meaning string }

func sequence(s *explain.Story) []row {
	rows := make([]row, len(s.Steps))
	zone := "clear"
	for i := range s.Steps {
		step := &s.Steps[i]
		r := &rows[i]
		*r = row{Step: step, Zone: zone, Carriage: s.Carriage(step), Records: records(s, step)}
		r.Bytes = fields(fmt.Sprintf("m%d", step.Number), step.Title, step.Bytes, step.Fields, broken(s, step))
		switch {
		case step.Direction != "":
			r.Way = map[bool]string{true: "right", false: "left"}[(step.Direction == explain.Sent) == (s.Role == fault.Client.String())]
			if step.Epoch != "" {
				r.Zone, r.Under = step.Epoch, keysOf(s, step.Epoch)
			}
		case step.Kind == explain.KindKeys:
			r.Side = "both"
			if n := len(step.Keys); n > 0 {
				zone = later(zone, step.Keys[n-1].Epoch)
			}
			r.Zone = zone
		default:
			r.Side = s.Role
		}
	}
	enter(s, rows)
	trips(s, rows)
	return rows
}

// keysOf says which keys an epoch has. TLS 1.2 and below have but one pair, for the
// Finished messages and the data.
func keysOf(s *explain.Story, epoch string) string {
	if v := s.Summary.Version; epoch == "application" && v != "" && v != iana.TLS13.String() {
		return "write keys"
	}
	return epoch + " keys"
}

// later is the one of two epochs that comes later in a connection. The keys of TLS
// 1.2 and below say "clear" of secrets that protect nothing.
func later(a, b string) string {
	order := map[string]int{"early": 1, "handshake": 2, "application": 3}
	if order[b] > order[a] {
		return b
	}
	return a
}

// broken is the offset of the field that broke a rule, or -1.
func broken(s *explain.Story, step *explain.Step) int {
	if e := s.Error; e != nil && e.Step == step.Number && e.Offset != nil {
		return *e.Offset
	}
	return -1
}

// enter puts the states that each side enters beside the steps. This side's are
// told, and those of a server of our own. Others stand where the state machine
// has them.
func enter(s *explain.Story, rows []row) {
	if len(rows) == 0 {
		return
	}
	own := func(r *row) *[]state { return &r.Client }
	peer := func(r *row) *[]state { return &r.Server }
	if s.Role == fault.Server.String() {
		own, peer = peer, own
	}
	put := func(told []explain.Transition, side func(*row) *[]state) {
		for _, t := range told {
			list := side(&rows[min(max(t.Step-1, 0), len(rows)-1)])
			*list = append(*list, state{t.To, t.Meaning})
		}
	}
	put(s.States, own)
	put(s.Others, peer)
	if len(s.Others) > 0 {
		return
	}
	m, known := machine{story: s}, heard(s)
	for i := range rows {
		entered := m.after(rows[i].Step)
		switch r := &rows[i]; {
		case s.Error != nil && s.Error.Received && r.Number == s.Error.Step:
			entered = fault.Failed
		case i > known:
			continue
		}
		if entered != none {
			list := peer(&rows[i])
			*list = append(*list, state{entered.String(), entered.Meaning()})
		}
	}
}

// heard is the index of the last step that the other side is known to have got to:
// when a connection fails, nobody can say which of our messages it still took.
func heard(s *explain.Story) int {
	last := len(s.Steps) - 1
	for ; s.Error != nil && last >= 0; last-- {
		if step := &s.Steps[last]; step.Kind == explain.KindMessage && step.Direction == explain.Received {
			break
		}
	}
	return last
}

// glossary are the states on the rows, each once, in order.
func glossary(rows []row) (out []state) {
	for i := range rows {
		for _, s := range slices.Concat(rows[i].Client, rows[i].Server) {
			if !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	return out
}

// trips marks the round trips: from the client's first message of a flight to the
// first of the server's answer. They count up to the end of the handshake.
func trips(s *explain.Story, rows []row) {
	first, number, done := -1, 0, map[string]bool{}
	for i := range rows {
		r := &rows[i]
		if r.Kind == explain.KindConnect && r.Outcome == explain.Passed && s.Summary.RoundTripsTCP > 0 {
			r.Trip, r.TripText = "whole", "TCP: 1 round trip"
		}
		dummy := r.Kind == explain.KindCCS && s.Summary.Version == iana.TLS13.String() // it answers nothing
		if dummy || r.Kind != explain.KindMessage && r.Kind != explain.KindCCS && r.Kind != explain.KindAlert {
			continue
		}
		if done["client"] && done["server"] {
			return
		}
		switch {
		case r.Way == "right" && first < 0:
			first = i
		case r.Way == "left" && first >= 0:
			number++
			for j := first; j <= i; j++ {
				rows[j].Trip = "inside"
			}
			rows[first].Trip, r.Trip = "first", "last"
			r.TripText = fmt.Sprintf("round trip %d", number)
			if s.Role == fault.Client.String() {
				r.TripText += ": " + strings.ReplaceAll(explain.Span(r.At-rows[first].At), " ", "\u00a0")
			}
			if s.Summary.ZeroRTT() {
				r.TripText += "; the 0-RTT data did not wait for it"
			}
			first = -1
		}
		if r.Message == "finished" {
			done[map[string]string{"right": "client", "left": "server"}[r.Way]] = true
		}
	}
}

// Anchor is the row's name in links.
func (r *row) Anchor() string { return fmt.Sprintf("step-%d", r.Number) }

// Decisions are what was decided with this step.
func (r *row) Decisions() (titles []string) {
	for i := range r.Choices {
		titles = append(titles, title(&r.Choices[i]))
	}
	return titles
}

// Clock is when it happened, without its unit.
func (r *row) Clock() string { return "+" + explain.Span(r.At) }

// From and To name the two sides of what travels.
func (r *row) From() string {
	if r.Way == "left" {
		return "server"
	}
	return "client"
}

// To is the other one.
func (r *row) To() string {
	if r.Way == "left" {
		return "client"
	}
	return "server"
}

// Mark is the sign of what happens on one side.
func (r *row) Mark() string {
	switch {
	case r.Outcome == explain.Passed:
		return "✓"
	case r.Outcome == explain.Broken:
		return "✗"
	case r.Outcome == explain.Waived:
		return "!"
	case r.Kind == explain.KindKeys:
		return "" // the picture of a key
	}
	return "●"
}

// Spoken is the row for who can't see it.
func (r *row) Spoken() string {
	text := ""
	if r.Way != "" {
		text = fmt.Sprintf("from %s to %s", r.From(), r.To())
		if r.Encrypted {
			text += ", encrypted with the " + r.Under
		} else {
			text += ", in the clear"
		}
	}
	switch r.Outcome {
	case explain.Passed:
		text += ", passed"
	case explain.Broken:
		text += ", failed"
	case explain.Waived:
		text += ", failed and waved through"
	}
	return text
}

// A record is how one record of a step looks from outside.
type record struct {
	*explain.Record
	Pane  *pane
	Parts []part
}

// A part is a stretch of a record.
type part struct {
	Name, Value string
	Size        int
	Hidden      bool // ciphertext
	Text        string
}

func records(s *explain.Story, step *explain.Step) (out []record) {
	for i := range step.Records {
		rec := &step.Records[i]
		if len(rec.Header) == 0 {
			continue
		}
		r := record{Record: rec, Parts: []part{{Name: "header", Size: len(rec.Header), Text: "The five bytes below, which everybody can read."}}}
		var header []explain.Field
		for _, f := range rec.Fields {
			if f.Depth == 0 {
				header = append(header, f)
				continue
			}
			clear := f.Name == "fragment" || f.Name == "IV" || f.Name == "nonce_explicit"
			r.Parts = append(r.Parts, part{f.Name, f.Value, f.Len, !clear, f.Meaning})
		}
		r.Pane = fields(fmt.Sprintf("r%d-%d", step.Number, i), fmt.Sprintf("header of record %d", rec.Number), rec.Header, header, -1)
		out = append(out, r)
	}
	return out
}
