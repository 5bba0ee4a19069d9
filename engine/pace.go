package engine

import "time"

// Records of data begin short. A peer can use none of a record before all of it is
// there, and at first, and after a pause, TCP lets a few segments go and waits to hear
// of them: what lies at the front of a record of 16 kB waits too. Later nothing waits,
// and a long record costs less. It is so in Send alone: 0-RTT data is little.
const (
	segment  = 1400        // bytes of a short record on the wire: TCP's 1,460 less its options, those of IPv6 and tunnels
	shortFor = 128 << 10   // bytes of data, after which records are long
	pause    = time.Second // after which they are short again, as TCP's window is
)

// A pace is how far records have come from short to long.
type pace struct {
	long bool  // they always are: the configuration wants it
	sent int32 // bytes of data in short records
	last int64 // when data was sent that takes more than one, in Unix nanoseconds
}

// again has records be short after a pause before n bytes of data. What one short
// record holds looks the same anyway, and is not worth a look at the clock.
func (p *pace) again(n int, clock func() time.Time) {
	if p.long || n <= segment || clock == nil {
		return
	}
	now := clock().UnixNano()
	if now-p.last > int64(pause) {
		p.sent = 0
	}
	p.last = now
}

// next is how much of n bytes of data goes into the next record.
func (e *Engine) next(n int) int {
	n = min(n, e.outShape.binds(e.outEpoch))
	if e.pace.long || e.pace.sent >= shortFor {
		return n
	}
	short, pad := segment-e.out.Overhead(), int(e.pad)
	if pad > short {
		return n // each would be as long as a long one
	}
	if pad > 0 {
		short -= short % pad
	}
	n = min(n, short)
	e.pace.sent += int32(n)
	return n
}
