package engine

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/hs"
	"github.com/handclasp/handclasp/internal/keys"
	"github.com/handclasp/handclasp/internal/record"
	"github.com/handclasp/handclasp/internal/wire"
)

// Fault injection: each kind of handshake is run once as it should be. Then it is
// run again for each record, message and Ask of it and for each thing that can go
// wrong there. Records are struck by an outsider, who has no keys; messages by the
// peer itself, which has them; Asks by whoever was asked. See blows_test.go for what
// goes wrong, courses_test.go for the kinds of handshake, coverage_test.go for what
// must have been met.

var exhaustive = flag.Bool("exhaustive", false, "inject every fault, not one of 32, and check that each state has met all kinds")

// A bout is one run of a course. The hooks, if set, strike.
type bout struct {
	*pair
	t      testing.TB
	course *course
	apart  bool // each message has a record of its own

	record  func(from fault.Role, n int, rec []byte) [][]byte // what arrives instead
	message func(from fault.Role, n int, msg []byte) [][]byte // what is sent instead
	ask     func(s *side, n int, a flow.Ask) bool             // reports whether it has dealt with it

	struck  *where     // who was struck first, as it is known
	changed bool       // a message was not sent as it is
	over    error      // what ended the transport, both ways
	mute    [3]bool    // nothing comes any more from this role
	heap    [3][]byte  // data that each role has sent
	seen    [3]journal // what each role did
}

// A journal is what one role did in a run.
type journal struct {
	records  [][]byte
	messages []spoken
	asks     []flow.Ask
}

// A spoken message, and what it can be read by.
type spoken struct {
	bytes   []byte
	version iana.Version
	suite   iana.CipherSuite
}

// A where is a state of a side's machine.
type where struct {
	role    fault.Role
	version iana.Version
	state   fault.State
	again   bool // a handshake before is complete
}

func (s *side) where() where {
	return where{s.role, s.machine.Info().Version, s.machine.State(), s.Connected()}
}

// strike notes the state of the side that a blow hits.
func (b *bout) strike(s *side) {
	if b.struck == nil {
		w := s.where()
		b.struck = &w
	}
}

// begin makes the sides of a run, and what they have of an earlier one.
func begin(t testing.TB, c *course, apart bool) *bout {
	t.Helper()
	options := c.options(t)
	if c.again {
		newPair(t, options...).connect(t)
	}
	b := &bout{pair: newPair(t, options...), t: t, course: c, apart: apart}
	b.client.options.Layer = &speaker{b.client.options.Layer, b, b.client}
	b.server.options.Layer = &speaker{b.server.options.Layer, b, b.server}
	return b
}

func (b *bout) side(r fault.Role) *side {
	if r == fault.Client {
		return b.client
	}
	return b.server
}

// A speaker stands between a machine and its record layer.
type speaker struct {
	hs.Layer
	bout *bout
	side *side
}

func (s *speaker) WriteMessage(msg []byte) {
	for _, m := range s.says(msg) {
		s.Layer.WriteMessage(m)
		if s.bout.apart {
			s.side.lock()
			s.side.sealFlight()
			s.side.unlock()
		}
	}
}

// WriteAnswer is WriteMessage for messages that come together.
func (s *speaker) WriteAnswer(finish func(keys.Secret) ([]byte, error)) error {
	return s.Layer.WriteAnswer(func(base keys.Secret) (out []byte, err error) {
		msgs, err := finish(base)
		for len(msgs) > 0 {
			n := wire.HeaderLen + int(msgs[1])<<16 + int(msgs[2])<<8 + int(msgs[3])
			out = slices.Concat(append([][]byte{out}, s.says(msgs[:n:n])...)...)
			if s.bout.apart {
				s.side.put(iana.ContentHandshake, out)
				out = nil
			}
			msgs = msgs[n:]
		}
		return out, err
	})
}

func (s *speaker) says(msg []byte) [][]byte {
	j := &s.bout.seen[s.side.role]
	n, info := len(j.messages), s.side.machine.Info()
	j.messages = append(j.messages, spoken{bytes.Clone(msg), info.Version, info.CipherSuite})
	if s.bout.message == nil {
		return [][]byte{msg}
	}
	sent := s.bout.message(s.side.role, n, msg)
	s.bout.changed = s.bout.changed || len(sent) != 1 || !bytes.Equal(sent[0], msg)
	return sent
}

// ahead puts a record before all messages that come. An answer that is written in one
// piece has the lock already.
func (s *side) ahead(typ iana.ContentType, content ...byte) {
	if s.mu.TryLock() {
		defer s.unlock()
	}
	s.sealFlight()
	s.put(typ, content)
}

// run is the whole of a connection, as far as it gets.
func (b *bout) run() {
	b.t.Helper()
	if b.course.early {
		b.early()
	}
	b.talk()
	for _, deed := range b.course.later {
		if b.sound() {
			deed(b)
			b.talk()
		}
	}
	for _, r := range []fault.Role{fault.Client, fault.Server} {
		b.say(r, strings.Repeat(r.String()+"'s data ", 3))
	}
	b.talk()
	b.client.Close()
	b.server.Close()
	b.talk()
	b.settle(b.client)
	b.settle(b.server)
}

// sound reports whether both sides are connected and know of no error.
func (b *bout) sound() bool {
	for _, s := range []*side{b.client, b.server} {
		if !s.Connected() || s.Err() != nil || s.PeerClosed() {
			return false
		}
	}
	return true
}

func (b *bout) early() {
	for b.answer(b.client) {
	}
	data := []byte("early data")
	if out, err := b.client.SendEarly(nil, data); err == nil {
		b.heap[fault.Client] = append(b.heap[fault.Client], data...)
		b.carry(b.client, out)
	}
}

func (b *bout) say(r fault.Role, text string) {
	s := b.side(r)
	out, err := s.Send(nil, []byte(text))
	if err == nil {
		b.heap[r] = append(b.heap[r], text...)
	}
	b.carry(s, out)
}

// talk moves bytes until neither side has more to say.
func (b *bout) talk() {
	b.t.Helper()
	for turns := 0; b.turn(b.client) || b.turn(b.server); turns++ {
		if turns > 1000 {
			b.t.Fatal("no end in sight")
		}
	}
}

// turn lets a side answer, hear and speak.
func (b *bout) turn(s *side) bool {
	b.t.Helper()
	moved := b.answer(s)
	moved = s.hear(b.t) || moved
	out := s.Output(nil)
	b.carry(s, out)
	return moved || len(out) > 0
}

func (b *bout) answer(s *side) bool {
	a := s.Ask()
	if a == nil {
		return s.run()
	}
	j := &b.seen[s.role]
	j.asks = append(j.asks, a)
	if b.ask == nil || !b.ask(s, len(j.asks)-1, a) {
		b.reply(a)
	}
	return true
}

// carry brings what s has sent to its peer, one record at a time.
func (b *bout) carry(s *side, sent []byte) {
	b.t.Helper()
	to := b.side(s.role.Peer())
	for len(sent) > 0 {
		for b.apart && b.answer(to) { // else records come while an Ask is open
			to.hear(b.t)
		}
		n := record.HeaderLen + int(sent[3])<<8 + int(sent[4])
		rec := sent[:n:n]
		sent = sent[n:]
		j := &b.seen[s.role]
		j.records = append(j.records, rec)
		arrives := [][]byte{rec}
		if b.record != nil {
			arrives = b.record(s.role, len(j.records)-1, bytes.Clone(rec))
		}
		for _, rec := range arrives {
			if b.over == nil && !b.mute[s.role] {
				to.in = append(to.in, rec...)
				to.hear(b.t)
			}
		}
	}
}

// settle ends what still waits, as the root's driver does when the transport ends or
// a deadline passes.
func (b *bout) settle(s *side) {
	switch {
	case s.Err() != nil || s.PeerClosed():
	case b.over == nil && b.mute[s.role.Peer()] && !s.Connected():
		s.err = s.Fail(fault.PeerSilent.New())
	case errors.Is(b.over, fault.PeerReset):
		s.err = s.Describe(fault.PeerReset.New())
		if !s.Connected() {
			s.err = s.Fail(s.err)
		}
	case s.Connected():
		s.err = s.Describe(fault.Truncated.Because(io.ErrUnexpectedEOF))
	default:
		s.err = s.Fail(fault.ClosedEarly.Because(io.ErrUnexpectedEOF))
	}
}

// clean reports whether a side has come to its end without an error, with all data.
func (b *bout) clean(r fault.Role) bool {
	s := b.side(r)
	return s.closed() && bytes.HasSuffix(b.heap[r.Peer()], s.got) && len(s.got) > 0
}

// check holds both sides to what an Engine promises, however it ended.
func (b *bout) check() {
	b.t.Helper()
	for _, r := range []fault.Role{fault.Client, fault.Server} {
		b.checkData(r)
		if s := b.side(r); s.err != nil && s.err != io.EOF {
			b.checkEnd(s)
		}
	}
	if b.clean(fault.Client) && b.clean(fault.Server) {
		b.checkSame()
	}
}

// checkData: what came is what was said, from the beginning on; of data in 0-RTT all
// or nothing, as the server decided.
func (b *bout) checkData(r fault.Role) {
	b.t.Helper()
	s, said := b.side(r), b.heap[r.Peer()]
	if b.course.early && r == fault.Server && s.Info().EarlyData.State != flow.EarlyAccepted {
		said = bytes.TrimPrefix(said, []byte("early data"))
	}
	if !bytes.HasPrefix(said, s.got) {
		b.t.Fatalf("the %v got %q of %q", r, s.got, said)
	}
}

// checkEnd: the error has a rule and stays, nothing is open, and nothing is kept.
func (b *bout) checkEnd(s *side) {
	t := b.t
	t.Helper()
	f, ok := errors.AsType[*fault.Error](s.err)
	switch {
	case !ok:
		t.Fatalf("%T: %v", s.err, s.err)
	case f.Rule == fault.Internal || f.Rule == fault.MissingProof:
		t.Fatalf("a peer caused %v", f)
	case f.Role != s.role || f.State == fault.Failed:
		t.Fatalf("%v in %v: %v", f.Role, f.State, f)
	case strings.ContainsFunc(f.Error(), func(c rune) bool { return c < ' ' || c == 0x7f }):
		t.Fatalf("%q", f.Error())
	case s.Ask() != nil:
		t.Fatal("an Ask is open after the end")
	}
	if s.Err() == nil {
		return // the transport broke below a connection
	}
	out := s.Output(nil)
	if len(out) > 0 || len(s.Output(nil)) > 0 {
		t.Fatalf("%v sends %d bytes after its end", s.role, len(out))
	}
	if n, data, err := s.Recv(s.in); n > 0 || len(data) > 0 || err != s.Err() {
		t.Fatalf("Recv after the end: %d, %q, %v", n, data, err)
	}
	if _, err := s.Send(nil, []byte("data")); err == nil {
		t.Fatal("Send works after the end")
	}
	if s.handshake != nil || s.waiting != nil {
		t.Fatalf("%+v and %+v are kept after the end: %v", s.handshake, s.waiting, f)
	}
}

// checkSame: who ends well agrees with the other on all that counts.
func (b *bout) checkSame() {
	b.t.Helper()
	c, s := b.client.Info(), b.server.Info()
	if c.Version != s.Version || c.CipherSuite != s.CipherSuite || c.Group != s.Group || c.ALPN != s.ALPN || c.Resumed != s.Resumed ||
		c.ServerName != s.ServerName || c.ClientRandom != s.ClientRandom || !slices.Equal(c.PSKIdentity, s.PSKIdentity) {
		b.t.Fatalf("they disagree:\n%+v\n%+v", c, s)
	}
	one, err := b.client.ExportKeyingMaterial("label", nil, 32)
	other, err2 := b.server.ExportKeyingMaterial("label", nil, 32)
	if errors.Join(err, err2) != nil || !bytes.Equal(one, other) {
		b.t.Fatalf("the exporters differ: %v, %v", err, err2)
	}
}

// TestInjection runs all courses with all that can go wrong in them; without
// -exhaustive, with a sample.
func TestInjection(t *testing.T) {
	met := newCoverage(t)
	t.Run("courses", func(t *testing.T) {
		for i, c := range courses() {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				met.course(t, c, i)
			})
		}
	})
	if *exhaustive && !t.Failed() {
		met.check(t)
	}
}

// course runs one course with all blows: those on records where each message has one
// of its own, so that there is a blow between any two, and where a flight has as few as
// it can.
func (met *coverage) course(t *testing.T, c *course, number int) {
	for _, apart := range []bool{false, true} {
		clean := begin(t, c, apart)
		clean.run()
		clean.check()
		if !clean.clean(fault.Client) || !clean.clean(fault.Server) {
			t.Fatalf("the course does not end well:\nclient %v\nserver %v", clean.client.err, clean.server.err)
		}
		for i, blow := range blows(t, clean) {
			if !*exhaustive && (i+number)%32 > 0 {
				continue
			}
			b := begin(recall{t, c, blow.String()}, c, apart)
			blow.prepare(b)
			b.run()
			b.check()
			met.note(b, blow)
		}
	}
}

// recall says in which run a test failed.
type recall struct {
	testing.TB
	course *course
	blow   string
}

func (r recall) Fatalf(format string, args ...any) {
	r.Helper()
	r.TB.Fatalf("%s, %s: "+format, append([]any{r.course.name, r.blow}, args...)...)
}

func (r recall) Fatal(args ...any) {
	r.Helper()
	r.TB.Fatal(append([]any{r.course.name, r.blow}, args...)...)
}
