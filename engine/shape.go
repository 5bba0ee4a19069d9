package engine

import (
	"fmt"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/hs"
	"github.com/handclasp/handclasp/internal/record"
)

// A shape is how long records of one direction may be, in bytes of content.
type shape struct {
	most  uint16 // 0: TLS's own limit
	clear bool
}

// binds is the limit under the keys of an epoch. Early data is older than what
// was agreed.
func (s shape) binds(e flow.Epoch) int {
	if s.most > 0 && (e >= flow.Handshake || s.clear && e == flow.Clear) {
		return int(s.most)
	}
	return record.MaxPlaintext
}

// ShapeRecords ends the record in progress, which is older than what was agreed.
func (l *layer) ShapeRecords(s hs.Shape) {
	l.inShape = shape{uint16(s.Read), s.Clear}
	l.lock()
	defer l.unlock()
	if s.Write > 0 {
		(*Engine)(l).sealFlight()
	}
	l.outShape, l.pad, l.pace.long = shape{uint16(s.Write), s.Clear}, uint16(s.Pad), s.Long
}

// padding is how many bytes fill n bytes of content up.
func (w *writer) padding(n int) int {
	pad := int(w.pad)
	if pad == 0 || w.outEpoch < flow.Handshake {
		return 0
	}
	return min((pad-n%pad)%pad, w.outShape.binds(w.outEpoch)-n)
}

// checkLength refuses a record of content and rec's length that is longer than
// we said (RFC 8449, Section 4). What TLS 1.3 adds to content is padding, and
// counts.
func (e *Engine) checkLength(rec int, content []byte, overhead int) error {
	n := len(content)
	if e.inEpoch >= flow.Handshake && e.version() == iana.TLS13 {
		n = max(n, rec-overhead)
	}
	if most := e.inShape.binds(e.inEpoch); n > most {
		return fault.RecordTooLong.In("fragment").Saw(fmt.Sprintf("%d bytes", n), fmt.Sprintf("at most %d", most))
	}
	return nil
}
