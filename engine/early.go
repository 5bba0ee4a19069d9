package engine

import (
	"fmt"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/hs"
	"github.com/handclasp/handclasp/internal/record"
)

// NoEarly has a client offer no 0-RTT data though its configuration lets it: nobody has
// any to send, and who has offered some must break off if the server has gone back to
// TLS 1.2 (RFC 9846, Appendix E.3). It does nothing once Output, Ask or Recv was called.
func (e *Engine) NoEarly() {
	if !e.started {
		e.options.NoEarly = true
	}
}

// SendEarly appends p to dst as 0-RTT records, after the ClientHello if that is
// still due. It works from when the hello is made, so once Ask has nothing more to
// ask, until the server's answer has been processed, and as far as the session
// allows: Info().EarlyData says how many bytes and why none. What does not fit as
// a whole is refused, with rule EarlyDataUnavailable or EarlyDataTooLarge, and
// nothing is sent. Nobody sends again what the server turns down.
//
// A server may answer with SendEarly what it accepted in 0-RTT, as soon as Recv gave
// some of it and until the handshake is complete: half a round trip sooner, and with
// no proof yet that the client is alive, and not somebody who replays it (RFC 9846,
// Appendix F.1.1).
func (e *Engine) SendEarly(dst, p []byte) ([]byte, error) {
	e.start()
	e.lock()
	defer e.unlock()
	if err := e.canSendEarly(len(p)); err != nil {
		return dst, err
	}
	e.settle()
	if e.ccs {
		e.putCCS()
	}
	dst = e.take(dst)
	for len(p) > 0 {
		n := min(len(p), e.outShape.binds(e.outEpoch))
		var err error
		if dst, err = e.seal(dst, iana.ContentApplicationData, p[:n]); err != nil {
			return dst, e.end(err)
		}
		e.earlySent += uint32(n) // a server's does not count
		p = p[n:]
	}
	return dst, nil
}

// canSendEarly is why n bytes can't go out in 0-RTT, or nil.
func (e *Engine) canSendEarly(n int) error {
	switch {
	case e.err != nil:
		return e.err
	case e.closed:
		return e.misuse(fault.WriteClosed)
	case e.role == fault.Server && (e.Connected() || e.outEpoch != flow.Application || e.Info().EarlyData.State != flow.EarlyAccepted):
		return e.misuse(fault.EarlyDataUnavailable).Saw("a server answers 0-RTT data that it took, and only before the handshake is complete", "")
	case e.role == fault.Client && e.outEpoch != flow.Early:
		return e.misuse(fault.EarlyDataUnavailable).Saw(e.Info().EarlyData.Reason, "")
	case e.outSpent(n):
		return e.misuse(fault.EarlyDataUnavailable).Saw("the key has protected as much as it safely can", "")
	}
	if left := e.Info().EarlyData.Max - e.earlySent; e.role == fault.Client && uint64(n) > uint64(left) {
		return e.misuse(fault.EarlyDataTooLarge).Saw(fmt.Sprintf("%d bytes", n), fmt.Sprintf("at most %d", left))
	}
	return nil
}

// outSpent reports whether n bytes more would bring the key to its limit: in 0-RTT
// there is no KeyUpdate (RFC 9846, Section 5.5).
func (e *Engine) outSpent(n int) bool {
	records := uint64(n/record.MaxPlaintext) + 1
	return e.out.NeedsUpdate() || e.out.Seq()+records >= e.outSuite.Limit || e.limit > 0 && e.out.Seq()+records >= uint64(e.limit)
}

// ExportEarlyKeyingMaterial is ExportKeyingMaterial for what goes with 0-RTT data (RFC
// 9846, Section 7.5): a client has it once its hello offers some, so when Ask has
// nothing more to ask, a server once it has accepted them. It is bound to the
// ClientHello alone, and like the data may be replayed. It fails with rule ExportEarly
// where no 0-RTT data was offered or it was turned down, and with ExportLength or
// ExportLabel. Any goroutine may call it.
func (e *Engine) ExportEarlyKeyingMaterial(label string, context []byte, length int) ([]byte, error) {
	exporter := e.earlyExporter.Load()
	if exporter == nil {
		return nil, fault.ExportEarly.New() // whose state is another goroutine's to look at
	}
	return exporter.Export(label, context, length)
}

// Early reports whether the data that Recv returned last came in 0-RTT: it may be a
// replay, and it comes before the handshake is complete. Like Recv, it belongs to
// the reading side.
func (e *Engine) Early() bool { return e.early }

// earlyData counts what comes in 0-RTT.
func (e *Engine) earlyData(content []byte) error {
	if len(content) == 0 {
		return e.emptyRecord()
	}
	e.early, e.empty = true, 0
	if e.earlyIn == nil {
		e.earlyIn = new(earlyIn)
	}
	e.earlyIn.got += uint64(len(content))
	if most := e.machine.Info().EarlyData.Max; e.earlyIn.got > uint64(most) {
		return fault.EarlyDataExceeded.New().Saw(fmt.Sprintf("%d bytes so far", e.earlyIn.got), fmt.Sprintf("at most %d", most))
	}
	return nil
}

// ClearWrite has what follows go out in the clear: a second ClientHello, after
// early data that was turned down.
func (l *layer) ClearWrite() {
	l.lock()
	defer l.unlock()
	(*Engine)(l).sealFlight()
	l.out, l.outSuite, l.outSecret, l.outEpoch = record.Half{}, nil, secret{}, flow.Clear
}

// EarlyExporter keeps what ExportEarlyKeyingMaterial goes by.
func (l *layer) EarlyExporter(x *hs.Exporter) { l.earlyExporter.Store(x) }

// SkipEarlyData drops what is twice as long as the tickets promised, and a little
// more: records have a frame and may be padded.
func (l *layer) SkipEarlyData(epoch flow.Epoch, promised uint32) {
	l.earlyIn = &earlyIn{skipping: true, epoch: epoch, most: uint64(l.options.Limits.SkippedEarlyData) + 2*uint64(promised)}
}
