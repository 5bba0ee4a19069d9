package engine

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pool"
	"github.com/handclasp/handclasp/internal/record"
	"github.com/handclasp/handclasp/internal/suite"
	"github.com/handclasp/handclasp/internal/wire"
)

// maxGenerations bounds the key updates of a sender (RFC 9846, Section 4.7.3).
const maxGenerations = 1<<48 - 1

// writer is the sending half. The lock orders what Send, Output and the reader's
// answers put on the wire; it is held for as long as sealing takes, never
// for I/O.
type writer struct {
	mu        sync.Mutex
	out       record.Half
	outSuite  *suite.Suite
	outEpoch  flow.Epoch
	outSecret secret

	opened bool // the first message is sealed
	ccs    bool // a ChangeCipherSpec goes out before the next record
	owed   bool // the peer asked for a KeyUpdate
	asked  bool // we asked for one and have not seen it yet
	closed bool // close_notify is queued

	pad       uint16 // TLS 1.3: content is padded to a multiple of so many bytes
	outShape  shape
	pace      pace
	earlySent uint32 // bytes of a client's 0-RTT data
	limit     uint32 // records under one key, if below the suite's own; for tests

	waiting *outbox // nil if nothing does
	err     *fault.Error

	due    atomic.Bool                 // there is something for Output; for who does not hold the lock
	broken atomic.Pointer[fault.Error] // err, likewise
}

// An outbox is what waits to go out, in borrowed buffers.
type outbox struct {
	flight  []byte // handshake bytes not yet sealed
	pending []byte // records ready to go
}

var outboxes = sync.Pool{New: func() any { return new(outbox) }}

func (o *outbox) empty() bool { return o == nil || len(o.flight)+len(o.pending) == 0 }

// box is where something may be put that waits.
func (w *writer) box() *outbox {
	if w.waiting == nil {
		w.waiting = outboxes.Get().(*outbox)
	}
	return w.waiting
}

func (w *writer) lock() { w.mu.Lock() }

// unlock lets everybody know what has changed, so that who only looks needs no
// lock: each record is followed by a few such looks.
func (w *writer) unlock() {
	if due := !w.waiting.empty() || w.owed && !w.closed; due != w.due.Load() {
		w.due.Store(due)
	}
	if w.err != nil && w.broken.Load() == nil {
		w.broken.Store(w.err)
	}
	w.mu.Unlock()
}

// Output appends to dst what the connection has to send besides application
// data: the handshake, answers to KeyUpdates, close_notify, and after an error
// the alert. Call it after every Recv, Reply, Close and KeyUpdate.
func (e *Engine) Output(dst []byte) []byte {
	e.start()
	e.lock()
	defer e.unlock()
	e.settle()
	if e.ccs && e.waiting != nil && len(e.waiting.pending) > 0 {
		e.putCCS() // nothing comes after it in this flight: a HelloRetryRequest
	}
	return e.take(dst)
}

// queue puts a handshake message behind what waits to be sealed.
func (w *writer) queue(msg []byte) {
	if len(msg) == 0 {
		return
	}
	box := w.box()
	if box.flight == nil {
		box.flight = pool.Get(pool.Message)
	}
	box.flight = append(box.flight, msg...)
}

// take appends what is ready to go to dst.
func (w *writer) take(dst []byte) []byte {
	box := w.waiting
	if box == nil {
		return dst
	}
	dst = append(dst, box.pending...)
	pool.Put(box.pending)
	if box.pending = nil; box.flight == nil {
		outboxes.Put(box)
		w.waiting = nil
	}
	return dst
}

// Pending reports whether Output would give anything.
func (e *Engine) Pending() bool { return e.due.Load() }

// Send appends p to dst as records, after whatever else is due. They have 16,384 bytes of it each, or what was
// agreed; the first 128 kB of a connection, and those after a second without data that takes more than one of
// them, go in records of one TCP segment, unless the configuration has DynamicRecordSizingDisabled. An Engine
// without a clock (see WithClock) never sees such a pause. It fails with rule NotConnected before the handshake is complete and while another goes on,
// WriteClosed after Close, and with the error that ended the connection. If the
// error is new, dst comes back as it was, and Output has what was sealed before.
func (e *Engine) Send(dst, p []byte) ([]byte, error) {
	e.lock()
	defer e.unlock()
	if err := e.canSend(); err != nil {
		return dst, err
	}
	e.settle()
	e.pace.again(len(p), e.options.Clock)
	before := len(dst)
	dst = e.take(dst)
	for len(p) > 0 {
		n := e.next(len(p))
		var err error
		if dst, err = e.sealData(dst, p[:n]); err != nil {
			// What is sealed already has its number, and its place before the alert.
			box := e.box()
			box.pending = append(slices.Clone(dst[before:]), box.pending...)
			return dst[:before], e.end(err)
		}
		p = p[n:]
	}
	return dst, nil
}

// sealData appends one record of application data to dst. A key that nears its
// limit is changed before; in TLS 1.2, which can't, the connection ends while an
// alert still has room (RFC 9846, Section 5.5; RFC 9325, Section 4.4).
func (e *Engine) sealData(dst, p []byte) ([]byte, error) {
	if e.out.NeedsUpdate() {
		if e.version() != iana.TLS13 {
			return dst, fault.RecordSequenceEnd.New()
		}
		if err := e.update(wire.UpdateNotRequested); err != nil {
			return dst, err
		}
		dst = e.take(dst)
	}
	return e.seal(dst, iana.ContentApplicationData, p)
}

// CanSend is why Send would refuse, or nil: the error that ended the connection,
// WriteClosed after Close, or NotConnected.
func (e *Engine) CanSend() error {
	e.lock()
	defer e.unlock()
	return e.canSend()
}

func (e *Engine) canSend() error {
	switch {
	case e.err != nil:
		return e.err
	case e.closed:
		return e.misuse(fault.WriteClosed)
	case !e.Connected() || e.Renegotiating():
		return e.misuse(fault.NotConnected)
	}
	return nil
}

// Close queues close_notify: this side sends no more. The peer may go on
// sending (RFC 9846, Section 6.1). Before CONNECTED it sends user_canceled
// first. It does nothing the second time or after an error.
func (e *Engine) Close() {
	e.lock()
	defer e.unlock()
	if e.closed || e.err != nil {
		return
	}
	if !e.Connected() {
		e.started = true // a client that has said nothing keeps silent
	}
	e.settle()
	if !e.Connected() && e.opened {
		e.putAlert(iana.UserCanceled)
	}
	if e.opened || e.Connected() {
		e.putAlert(iana.CloseNotify)
	}
	e.closed = true
}

// KeyUpdate changes the keys that this side writes with and, if both, asks the
// peer to do the same; while it has not answered an earlier question, it is not
// asked again (RFC 9846, Section 4.7.3).
func (e *Engine) KeyUpdate(both bool) error {
	e.lock()
	defer e.unlock()
	if err := e.canSend(); err != nil {
		return err
	}
	if e.version() != iana.TLS13 {
		return e.misuse(fault.KeyUpdateVersion)
	}
	e.settle()
	request := wire.UpdateNotRequested
	if both && !e.asked {
		request = wire.UpdateRequested
	}
	if err := e.update(request); err != nil {
		return e.placed(err)
	}
	e.asked = e.asked || request == wire.UpdateRequested
	return nil
}

// settle seals what has waited, in the order in which it came to be.
func (e *Engine) settle() {
	e.sealFlight()
	if e.owed && !e.closed && e.err == nil && e.outEpoch < maxGenerations {
		if err := e.update(wire.UpdateNotRequested); err != nil {
			e.end(err)
		}
	}
	e.owed = false
}

// update sends a KeyUpdate under the old keys and changes them.
func (e *Engine) update(r wire.KeyUpdateRequest) error {
	if e.outEpoch >= maxGenerations {
		return fault.RecordSequenceEnd.New() // no further keys; what this one has left ends the connection
	}
	msg, err := wire.Append(nil, &wire.KeyUpdate{Request: r})
	if err != nil {
		return fault.Internal.Because(err)
	}
	if e.watch != nil {
		e.tell(&flow.Event{Kind: flow.Message, Role: e.role, Sent: true, Type: iana.KeyUpdate, Bytes: msg, Epoch: e.outEpoch})
	}
	box := e.room()
	if box.pending, err = e.seal(box.pending, iana.ContentHandshake, msg); err != nil {
		return err
	}
	next := e.outSuite.Hash.NextTraffic(e.outSecret.get())
	defer next.Wipe()
	e.outSecret.set(next)
	e.outEpoch++
	return e.outSuite.Install(&e.out, next, uint64(e.limit))
}

// sealFlight makes records of the handshake bytes that wait: as few as
// possible, under the current keys.
func (e *Engine) sealFlight() {
	box := e.waiting
	if box == nil || len(box.flight) == 0 {
		return
	}
	for rest := box.flight; len(rest) > 0; {
		n := min(len(rest), e.outShape.binds(e.outEpoch))
		e.put(iana.ContentHandshake, rest[:n])
		rest = rest[n:]
	}
	pool.Put(box.flight)
	box.flight, e.opened = nil, true
}

// put seals a record that no limit can stop, into pending.
func (e *Engine) put(t iana.ContentType, payload []byte) {
	if e.ccs {
		e.putCCS()
	}
	box := e.room()
	var err error
	if box.pending, err = e.seal(box.pending, t, payload); err != nil && e.err == nil {
		e.err = e.placed(err) // and no alert, for which there is no room either
	}
}

// seal appends one record to dst. The first ClientHello says TLS 1.0, for old
// middleboxes (RFC 9846, Section 5.1).
func (e *Engine) seal(dst []byte, t iana.ContentType, payload []byte) ([]byte, error) {
	before := len(dst)
	if !e.out.Awake() {
		if err := e.outSuite.Restore(&e.out, e.outSecret.get()); err != nil {
			return dst, err
		}
	}
	var err error
	if !e.opened && e.role == fault.Client && t == iana.ContentHandshake {
		dst = record.AppendPlaintext(dst, iana.TLS10, t, payload)
	} else {
		dst, err = e.out.Seal(dst, t, payload, e.padding(len(payload)))
	}
	for rest := dst[before:]; e.watch != nil && err == nil && len(rest) > 0; { // one, or two where TLS 1.0 splits data
		n := record.HeaderLen + int(rest[3])<<8 + int(rest[4])
		e.tellRecord(true, rest[:n], e.outEpoch)
		rest = rest[n:]
	}
	return dst, err
}

// room is box with a place for records.
func (w *writer) room() *outbox {
	box := w.box()
	if box.pending == nil {
		box.pending = pool.Get(pool.Message)
	}
	return box
}

func (e *Engine) putCCS() {
	e.ccs = false
	box := e.room()
	before := len(box.pending)
	box.pending = record.AppendPlaintext(box.pending, e.out.Version(), iana.ContentChangeCipherSpec, []byte{1})
	e.tellRecord(true, box.pending[before:], flow.Clear)
}

// putAlert queues an alert. Only close_notify, user_canceled and no_renegotiation
// are warnings (RFC 9846, Section 6.1; RFC 5246, Section 7.2.2).
func (e *Engine) putAlert(a iana.Alert) {
	level := byte(2)
	if a == iana.CloseNotify || a == iana.UserCanceled || a == iana.NoRenegotiation {
		level = 1
	}
	e.put(iana.ContentAlert, []byte{level, byte(a)})
	e.tellAlert(true, level, byte(a), e.outEpoch)
}

// queueAlert queues what the peer is told about a failure.
func (e *Engine) queueAlert(f *fault.Error) {
	a := f.AlertCode()
	if f.Received || a == iana.NoAlert || e.closed {
		return
	}
	e.sealFlight()
	if e.opened || e.role == fault.Server { // a connection does not begin with the client's alert
		e.putAlert(a)
	}
}
