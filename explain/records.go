package explain

import (
	"bytes"
	"slices"
	"time"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/record"
)

// A lane is one direction of the record layer. It finds out which record
// carried which message. Events do not say; but records arrive before the
// messages in them, and leave after those, so sizes tell. Only padding, which
// no event shows, can mislead it.
type lane struct {
	count   int
	open    []openRecord // received, with content that no message has claimed
	waiting []waiting    // sent messages that no record has carried yet
	openAt  time.Duration
	data    *Step // the run of application data that the next record continues
}

// maxOpen bounds the records that one message may stretch over. A message has at
// most 288 KiB, but a peer may cut it as small as it likes.
const maxOpen = 4096

type openRecord struct {
	Record
	whole int // bytes of content, if it is not padded
	left  int // of them, those that no message has claimed
	epoch flow.Epoch
}

type waiting struct {
	step  *Step
	left  int
	early bool // told before CONNECTED
}

// content is how much a record of size bytes can hold.
func (f *settled) content(size int, e flow.Epoch) int {
	if e == flow.Clear {
		return max(size-record.HeaderLen, 0)
	}
	return min(max(size-f.overhead(), 0), record.MaxPlaintext)
}

// record takes the event of a record.
func (r *Recorder) record(ev *flow.Event, at time.Duration) {
	r.tally(ev)
	l := &r.received
	if ev.Sent {
		l = &r.sent
	}
	l.count++
	n := r.facts.content(ev.Size, ev.Epoch)
	rec := openRecord{Record{Number: l.count, Size: ev.Size, Header: bytes.Clone(ev.Bytes)}, n, n, ev.Epoch}
	switch {
	case ev.Content == iana.ContentChangeCipherSpec:
		r.changeCipherSpec(ev, rec.Record, at)
	case ev.Sent:
		r.carry(rec, at)
	case ev.Content == iana.ContentApplicationData && ev.Epoch == flow.Clear && r.refuses():
		r.dropped(&rec, at)
	default:
		r.arrive(rec, at)
	}
}

// tally counts the bytes of the handshake. Its last message may leave after
// CONNECTED.
func (r *Recorder) tally(ev *flow.Event) {
	w := r.sent.waiting
	late := ev.Sent && len(w) > 0 && w[0].early
	switch {
	case r.facts.connected && !late:
	case ev.Sent:
		r.facts.bytesSent += ev.Size
	default:
		r.facts.bytesIn += ev.Size
	}
}

// carry gives a sent record to the messages that wait for one. What no message
// waits for is an alert, whose event follows, or data.
func (r *Recorder) carry(rec openRecord, at time.Duration) {
	l := &r.sent
	if len(l.waiting) == 0 {
		l.open, l.openAt = []openRecord{rec}, at
		return
	}
	for len(l.waiting) > 0 && rec.left > 0 {
		w := &l.waiting[0]
		n := min(w.left, rec.left)
		w.step.Records = append(w.step.Records, rec.Record)
		w.left -= n
		rec.left -= n
		if w.left > 0 {
			return
		}
		l.waiting = l.waiting[1:]
	}
	r.pads(Sent, &rec)
}

// arrive keeps a received record until messages or an alert claim it.
func (r *Recorder) arrive(rec openRecord, at time.Duration) {
	l := &r.received
	if len(l.open) > maxOpen {
		l.open = l.open[1:]
	}
	l.open, l.openAt = append(l.open, rec), at
}

// claim is for a received message of size bytes: the records it came in.
func (r *Recorder) claim(size int) (records []Record, epoch flow.Epoch, ok bool) {
	l := &r.received
	for l.padded(size) {
		r.pads(Received, &l.open[0])
		l.open = l.open[1:]
	}
	for len(l.open) > 0 && size > 0 {
		o := &l.open[0]
		n := min(size, o.left)
		if n > 0 {
			records = append(records, o.Record)
			epoch = o.epoch
		}
		size -= n
		o.left -= n
		if o.left == 0 {
			if r.facts.connected {
				r.pads(Received, o) // it may have seemed to have some
			}
			l.open = l.open[1:]
		}
	}
	return records, epoch, len(records) > 0
}

// rest is for the end of the handshake: what messages have left of their records
// was padding.
func (r *Recorder) rest() {
	for i := range r.received.open {
		if o := &r.received.open[i]; o.left < o.whole {
			r.pads(Received, o)
		}
	}
	r.received.open = nil
}

// padded reports whether what the oldest open record has left is padding and not
// the beginning of a message of size bytes: others have had their part of it, it
// is not full, and the records after it hold the message without its help.
func (l *lane) padded(size int) bool {
	if len(l.open) < 2 {
		return false
	}
	oldest := &l.open[0]
	for _, o := range l.open[1:] {
		size -= o.left
	}
	return oldest.left < oldest.whole && oldest.whole < record.MaxPlaintext && size <= 0
}

// settle makes data of the records that nobody has claimed. Before the end of
// the handshake there is only 0-RTT data, and a server's early answer. An alert, or a message that arrives, is
// told right after its record, so any other event means that nothing of the kind
// was in it.
func (r *Recorder) settle(next *flow.Event) {
	for _, l := range []*lane{&r.sent, &r.received} {
		sent := l == &r.sent
		message := next != nil && next.Sent == sent && next.Kind == flow.Message
		if next != nil && next.Sent == sent && next.Kind == flow.Alert || message && !sent {
			l.data = nil // what comes later is a new run
			continue
		}
		r.unclaimed(l, direction(sent))
		if message {
			l.data = nil
		}
	}
}

// unclaimed makes data of the open records of l, as far as that is what they hold.
// Of one that messages had a part of more may follow; a record of data behind it
// shows that the rest was padding.
func (r *Recorder) unclaimed(l *lane, direction string) {
	whole := slices.ContainsFunc(l.open, func(o openRecord) bool { return o.left == o.whole })
	kept := l.open[:0]
	for i := range l.open {
		switch o := &l.open[i]; {
		case r.facts.connected && whole, o.epoch == flow.Early, r.half(direction, o):
			r.data(l, direction, o)
		default:
			if r.facts.connected {
				r.pads(direction, o)
			}
			kept = append(kept, *o)
		}
	}
	l.open = kept
}

// half reports whether a record that this side sent before CONNECTED holds data: in
// TLS 1.3 a server may answer before it has the client's Finished.
func (r *Recorder) half(direction string, o *openRecord) bool {
	return direction == Sent && o.epoch >= flow.Application && !old(r.facts.version)
}

// data continues a run of application data, or begins one. What a message has
// left of its record is none: a record has content of one type only.
func (r *Recorder) data(l *lane, direction string, rec *openRecord) {
	switch {
	case rec.left < rec.whole:
		r.pads(direction, rec)
		return
	case rec.left == 0:
		return // an empty one
	}
	if rec.epoch == flow.Early {
		r.facts.early.bytes += rec.left
	}
	if !r.facts.connected {
		r.untally(direction, rec.Size)
	}
	if l.data == nil {
		if rec.epoch == flow.Early {
			l.data = r.earlyRun(direction)
		} else {
			l.data = r.run(direction)
		}
		r.add(l.data, l.openAt)
	}
	l.data.grow(rec.Record, rec.left)
}

// run is the step for a run of application data.
func (r *Recorder) run(direction string) *Step {
	s := &Step{Kind: KindData, Title: "Application data", Direction: direction, Encrypted: true, Epoch: flow.Application.String()}
	s.say("What the application says travels in records, each of them encrypted and protected against change with the application keys.")
	if !r.facts.connected {
		s.say("The server sends it before it has the client's Finished: half a round trip sooner, and with no proof yet that the client is there and this is no replay (0.5-RTT data; RFC 9846, Appendix F.1.1).")
	}
	if r.facts.shape().block {
		s.say("A block cipher pads each record to whole blocks, and how far does not show: the data may be shorter.")
		if r.facts.version <= iana.TLS10 {
			s.say("In TLS 1.0 the end of a record is the IV of the next, which who listens then knows beforehand. So the first byte of the data goes in a record of its own: nobody can foresee the IV of the rest (1/n-1 splitting, against BEAST).")
		}
	}
	return s
}

// grow adds a record with n bytes of content to a run of data.
func (s *Step) grow(rec Record, n int) {
	s.Size += n
	if n := len(s.Records); n > 1 {
		s.Records = s.Records[:n-1] // the first and the last tell how many there were
	}
	s.Records = append(s.Records, rec)
}

// untally takes what was no handshake from its bytes.
func (r *Recorder) untally(direction string, n int) {
	if direction == Sent {
		r.facts.bytesSent -= n
	} else {
		r.facts.bytesIn -= n
	}
}

// changeCipherSpec tells of the record that changes the keys of TLS 1.2, or of
// the dummy of TLS 1.3's middlebox compatibility mode. On the wire it goes before
// messages that were told before it.
func (r *Recorder) changeCipherSpec(ev *flow.Event, rec Record, at time.Duration) {
	s := &Step{Kind: KindCCS, Title: "ChangeCipherSpec", Direction: direction(ev.Sent), Epoch: flow.Clear.String(),
		Size: 1, Records: []Record{rec}, Bytes: Hex{1}}
	if r.facts.again {
		s.protected(ev.Epoch)
	}
	if old(r.facts.version) {
		r.changed12(s, r.sender(ev))
	} else {
		s.say("One byte without meaning: it makes the connection look like TLS 1.2 to devices on the path that would otherwise cut it (middlebox compatibility mode, RFC 9846, Appendix E.4). The receiver drops it.")
	}
	s.Fields = []Field{{Name: "type", Value: "change_cipher_spec (1)", Len: 1}}
	explainFields(s.Kind, s.Bytes, s.Fields)
	place := len(r.steps)
	if ev.Sent && len(r.sent.waiting) > 0 {
		for i, other := range r.steps {
			if other == r.sent.waiting[0].step {
				place = i
				break
			}
		}
	}
	r.insert(s, at, place)
}

// sender is the side that an event on the wire comes from.
func (r *Recorder) sender(ev *flow.Event) fault.Role {
	if ev.Sent {
		return r.role
	}
	return r.role.Peer()
}

func direction(sent bool) string {
	if sent {
		return Sent
	}
	return Received
}
