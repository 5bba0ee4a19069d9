package engine

import (
	"fmt"
	"io"
	"sync"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/keys"
	"github.com/handclasp/handclasp/internal/pool"
	"github.com/handclasp/handclasp/internal/record"
	"github.com/handclasp/handclasp/internal/suite"
	"github.com/handclasp/handclasp/internal/wire"
)

// A secret is a traffic secret that lies in the Engine itself.
type secret struct {
	room [48]byte
	len  uint8
}

func (s *secret) set(to keys.Secret) { s.len = uint8(copy(s.room[:], to)) }
func (s *secret) get() keys.Secret   { return s.room[:s.len] }

// reader is the receiving half.
type reader struct {
	in       record.Half
	inSuite  *suite.Suite
	inEpoch  flow.Epoch
	inSecret secret

	keysChanged  bool // by the message in progress, or by the answer to what it asked
	turnOver     bool // likewise: it is our turn now, or the peer has finished
	seen         bool // the first record has come
	heard        bool // something came after the handshake: data or a message
	peerFinished bool
	peerClosed   bool // close_notify has come
	early        bool // the data returned last came in 0-RTT

	handshake *unread  // nil if there is none
	earlyIn   *earlyIn // nil without 0-RTT

	want     int32
	spent    uint32 // bytes received for the handshake
	posts    uint32 // what has come in a row
	empty    uint32
	updates  uint32
	warnings uint32
	inShape  shape

	statelessServer bool
}

// unread is handshake bytes that are not yet consumed.
type unread struct {
	rest []byte
	room *[pool.Message]byte // borrowed, for those of a handshake: what rest lies in, as far as it fits
}

var unreads = sync.Pool{New: func() any { return new(unread) }}

// newUnread is a place for messages.
func (e *Engine) newUnread() *unread {
	if e.Connected() {
		return new(unread)
	}
	u := unreads.Get().(*unread)
	u.rest = pool.Get(pool.Message)
	u.room = (*[pool.Message]byte)(u.rest[:pool.Message])
	return u
}

// giveBack ends the use of what was borrowed.
func (u *unread) giveBack() {
	if u == nil || u.room == nil {
		return
	}
	pool.Put(u.room[:])
	*u = unread{}
	unreads.Put(u)
}

// waits is how many bytes of messages have come that can't be consumed yet.
func (r *reader) waits() int {
	if r.handshake == nil {
		return 0
	}
	return len(r.handshake.rest)
}

// earlyIn is what has come in 0-RTT, in bytes.
type earlyIn struct {
	got      uint64
	skipping bool       // what was refused may come
	epoch    flow.Epoch // in which it is skipped
	skipped  uint64
	most     uint64 // that may be skipped
}

// Recv processes at most one record at the front of in and decrypts it in
// place. n is how much of in is used up; data, if any, is application data and
// aliases in; Early says whether it came in 0-RTT. n is 0 without an error when more bytes are needed (see Want) or
// an Ask is open. After the peer's close_notify the error is io.EOF; sending
// stays possible. Any other error is a *fault.Error and final; Output then has
// the alert.
func (e *Engine) Recv(in []byte) (n int, data []byte, err error) {
	e.start()
	if err := e.Err(); err != nil {
		e.handshake = nil // who keeps a dead connection does not keep what came of a message
		return 0, nil, err
	}
	if e.peerClosed {
		return 0, nil, io.EOF
	}
	if e.Ask() != nil {
		return 0, nil, nil
	}
	if !e.seen {
		if f := record.Sniff(in); f != nil {
			return 0, nil, e.fail(f)
		}
	}
	h, need, err := e.in.Parse(in)
	if err != nil {
		return 0, nil, e.fail(err)
	}
	if need > 0 {
		e.want = int32(need)
		return 0, nil, nil
	}
	e.seen, e.want = true, 0
	rec := in[:record.HeaderLen+h.Len]
	data, err = e.record(h.Type, rec)
	if err != nil {
		e.handshake = nil
		return len(rec), nil, e.fail(err)
	}
	return len(rec), data, nil
}

// record sorts one whole record by its type.
func (e *Engine) record(t iana.ContentType, rec []byte) ([]byte, error) {
	e.tellRecord(false, rec, e.inEpoch)
	e.early = false
	switch {
	case t == iana.ContentChangeCipherSpec && !e.Renegotiating():
		if err := e.spend(len(rec)); err != nil {
			return nil, err
		}
		return nil, e.changeCipherSpec(rec[record.HeaderLen:])
	case t == iana.ContentAlert && (e.inEpoch == flow.Handshake || e.inEpoch == flow.Early):
		return nil, e.alertInClear(rec[record.HeaderLen:])
	case t == iana.ContentApplicationData && e.skipping() && !e.in.Protected():
		if e.waits() > 0 {
			return nil, fault.RecordInterleaved.New().Saw(t, iana.ContentHandshake)
		}
		return nil, e.skip(len(rec))
	}
	if !e.in.Awake() {
		if err := e.inSuite.Restore(&e.in, e.inSecret.get()); err != nil {
			return nil, err
		}
	}
	overhead := e.in.Overhead()
	t, content, err := e.in.Open(rec)
	if err != nil {
		if e.skipping() && e.earlyIn.epoch == flow.Handshake && isRule(err, fault.BadRecordMAC) {
			return nil, e.skip(len(rec))
		}
		return nil, err
	}
	if err := e.checkLength(len(rec), content, overhead); err != nil {
		return nil, err
	}
	if e.inEpoch == flow.Handshake && e.earlyIn != nil {
		e.earlyIn.skipping = false // the client speaks with its handshake keys now
	}
	if t != iana.ContentApplicationData {
		if err := e.spend(len(rec)); err != nil {
			return nil, err
		}
	}
	switch t {
	case iana.ContentChangeCipherSpec:
		return nil, e.changeCipherSpec12(content) // of a renegotiation
	case iana.ContentHandshake:
		if e.handshake == nil {
			e.handshake = e.newUnread()
		}
		e.handshake.rest = append(e.handshake.rest, content...)
		return nil, e.messages()
	case iana.ContentAlert:
		return nil, e.alert(content)
	}
	return content, e.data(content)
}

func isRule(err error, r *fault.Rule) bool {
	f, ok := err.(*fault.Error)
	return ok && f.Rule == r
}

// data checks that application data may come now.
func (e *Engine) data(content []byte) error {
	early := e.inEpoch == flow.Early
	if !early && !e.Connected() || e.Renegotiating() && e.machine.State() != fault.WaitSH {
		return fault.DataTooEarly.New() // a server that renegotiates may have data on its way until it answers
	}
	if e.waits() > 0 {
		return fault.RecordInterleaved.New().Saw(iana.ContentApplicationData, iana.ContentHandshake)
	}
	if early {
		return e.earlyData(content)
	}
	if len(content) == 0 {
		return e.emptyRecord()
	}
	e.heard = true
	e.empty, e.updates, e.warnings, e.posts = 0, 0, 0, 0
	return nil
}

func (e *Engine) emptyRecord() error {
	e.empty++
	return within(fault.Flood, e.empty, e.options.Limits.EmptyRecords, "empty records in a row")
}

// within refuses what is more than most, by rule r.
func within(r *fault.Rule, n uint32, most int, what string) error {
	if int64(n) <= int64(most) {
		return nil
	}
	return r.New().Saw(fmt.Sprintf("%d %s", n, what), fmt.Sprintf("at most %d", most))
}

// spend counts what a handshake has cost so far, in bytes received.
func (e *Engine) spend(n int) error {
	if e.Connected() && !e.Renegotiating() {
		return nil
	}
	e.spent += uint32(n)
	return within(fault.HandshakeTooLong, e.spent, e.options.Limits.HandshakeBytes, "bytes")
}

// Received is how many bytes have come for the handshake, 0-RTT data not counted.
// Like Recv, it belongs to the reading side.
func (e *Engine) Received() int { return int(e.spent) }

// skipping reports whether refused early data may come.
func (r *reader) skipping() bool { return r.earlyIn != nil && r.earlyIn.skipping }

// skip drops a record of refused early data (RFC 9846, Section 4.3.10).
func (e *Engine) skip(n int) error {
	if e.earlyIn.skipped += uint64(n); e.earlyIn.skipped > e.earlyIn.most {
		return fault.EarlyDataTooLong.New()
	}
	return nil
}

// messages hands whole handshake messages to the machine, as long as it takes
// them. What stays behind an Ask waits for its Reply.
func (e *Engine) messages() error {
	for e.waits() >= wire.HeaderLen && e.machine.Ask() == nil {
		b := e.handshake.rest
		n := int(b[1])<<16 | int(b[2])<<8 | int(b[3])
		if most := e.maxMessage(iana.HandshakeType(b[0])); n > most {
			return fault.MessageTooLarge.In("length").At(1).Saw(fmt.Sprintf("%d bytes", n), fmt.Sprintf("at most %d", most))
		}
		n += wire.HeaderLen
		if len(b) < n {
			return nil
		}
		if err := e.countPost(); err != nil {
			return err
		}
		// The machine keeps the message, so its bytes are not used again before
		// CONNECTED, and after that never.
		e.handshake.rest = b[n:]
		e.keysChanged, e.turnOver = false, false
		if err := e.machine.Receive(b[:n:n]); err != nil {
			return err
		}
		if err := e.checkRest(); err != nil {
			return err
		}
		if _, ok := e.machine.Ask().(*flow.RenegotiateAsk); ok && e.saidGoodbye() {
			return fault.Renegotiation.In("hello_request").Saw("a request after our close_notify", nil)
		}
		e.advanced()
	}
	if e.Connected() && e.waits() == 0 {
		e.handshake = nil
	}
	return nil
}

// saidGoodbye reports whether this side sends no more.
func (e *Engine) saidGoodbye() bool {
	e.lock()
	defer e.unlock()
	return e.closed
}

// checkRest refuses handshake data in the record of a message that it can't belong
// behind: it would be taken for something that was said under other keys, or after
// our answer.
func (e *Engine) checkRest() error {
	changed, over := e.keysChanged, e.turnOver
	e.keysChanged, e.turnOver = false, false
	switch {
	case e.waits() == 0:
		return nil
	case changed:
		return fault.MessageAcrossKeys.New().Saw(iana.HandshakeType(e.handshake.rest[0]), nil)
	case over:
		return fault.MessageExcess.New().Saw(iana.HandshakeType(e.handshake.rest[0]), nil)
	}
	return nil
}

// maxMessage is how long a message may be, in bytes. None of a client's is long but its
// certificates, which come after its hello.
func (e *Engine) maxMessage(t iana.HandshakeType) int {
	s := e.machine.State()
	if e.role == fault.Server && (t != iana.Certificate || s == fault.WaitCH || s == fault.WaitCH2) {
		return e.options.Limits.HelloBytes
	}
	return e.options.Limits.MessageBytes
}

// countPost bounds what may come after the handshake without any data.
func (e *Engine) countPost() error {
	if !e.Connected() {
		return nil
	}
	e.heard = true
	e.posts++
	return within(fault.Flood, e.posts, e.options.Limits.PostMessages, "handshake messages in a row after the handshake, without data")
}

// changeCipherSpec drops the record of middlebox compatibility mode where it is
// allowed: one byte 1, from the first ClientHello to the peer's Finished (RFC
// 9846, Section 5). A server without memory can't tell the start.
func (e *Engine) changeCipherSpec(content []byte) error {
	if v := e.version(); v != 0 && v < iana.TLS13 {
		return e.changeCipherSpec12(content)
	}
	state := e.machine.State()
	begun := state != fault.WaitCH || e.statelessServer
	if len(content) != 1 || content[0] != 1 || !begun || e.peerFinished {
		return fault.CCSUnexpected.New()
	}
	if e.waits() > 0 {
		return fault.RecordInterleaved.New().Saw(iana.ContentChangeCipherSpec, iana.ContentHandshake)
	}
	return e.emptyRecord()
}

// changeCipherSpec12 is where the peer's keys change in TLS 1.2 (RFC 5246,
// Section 7.1).
func (e *Engine) changeCipherSpec12(content []byte) error {
	if len(content) != 1 || content[0] != 1 || e.Connected() && !e.Renegotiating() {
		return fault.CCSUnexpected.New()
	}
	if e.waits() > 0 {
		return fault.RecordInterleaved.New().Saw(iana.ContentChangeCipherSpec, iana.ContentHandshake)
	}
	return e.machine.ChangeCipherSpec()
}

// alert takes an alert (RFC 9846, Section 6). In TLS 1.3 its level means
// nothing; before, and before the version is known, a warning is one.
func (e *Engine) alert(content []byte) error {
	if len(content) != 2 {
		return fault.AlertMalformed.New().Saw(len(content), "2 bytes")
	}
	a := iana.Alert(content[1])
	e.tellAlert(false, content[0], content[1], e.inEpoch)
	switch {
	case a == iana.CloseNotify && e.Connected():
		e.peerClosed = true
		return io.EOF
	case a == iana.CloseNotify:
		return fault.ClosedEarly.New().Saw("close_notify", nil)
	case a == iana.UserCanceled, content[0] == 1 && e.version() != iana.TLS13 && a != iana.NoRenegotiation:
		// A close_notify must follow user_canceled; reading goes on until then.
		if e.waits() > 0 {
			return fault.RecordInterleaved.New().Saw(iana.ContentAlert, iana.ContentHandshake)
		}
		e.warnings++
		return within(fault.Flood, e.warnings, e.options.Limits.Warnings, "warning alerts in a row")
	}
	return received(fault.AlertReceived, a)
}

// alertInClear takes an alert without protection where protection is due. It
// ends the handshake like any record that does not belong here would, but the
// error says what the peer meant.
func (e *Engine) alertInClear(content []byte) error {
	if len(content) != 2 {
		return fault.RecordType.New().Saw(iana.ContentAlert, iana.ContentApplicationData)
	}
	a := iana.Alert(content[1])
	e.tellAlert(false, content[0], content[1], flow.Clear)
	return received(fault.AlertInClear, a)
}

func received(r *fault.Rule, a iana.Alert) *fault.Error {
	f := r.New()
	f.Received, f.Code = true, a
	return f
}
