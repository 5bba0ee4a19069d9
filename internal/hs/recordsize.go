package hs

import (
	"fmt"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/wire"
)

// How long records may be (record_size_limit, RFC 8449; max_fragment_length, RFC
// 6066, Section 4).
//
// An answer of the server's binds both sides. record_size_limit speaks of what
// each is willing to receive, and of protected records alone; in TLS 1.3 it counts
// the content type and padding. max_fragment_length speaks of all records that
// follow, of both sides. Where a client offers both, a server that knows the
// first ignores the second.

// A Shape is what the record layer has to keep to. Lengths are bytes of content,
// padding included and the content type of TLS 1.3 left out; 0 is TLS's own
// limit.
type Shape struct {
	Read, Write int
	Clear       bool // the lengths bind records without protection too
	Pad         int  // TLS 1.3: content is padded to a multiple
	Long        bool // records of data are not short at the beginning
}

const (
	leastLimit = 64      // RFC 8449, Section 4
	mostPlain  = 1 << 14 // bytes of content of any record
)

// typeByte is what of a record_size_limit goes to the content type.
func typeByte(v iana.Version) int {
	if v >= iana.TLS13 {
		return 1
	}
	return 0
}

// fragmentCode is the code of a max_fragment_length of n bytes: 1 for 512, 4 for
// 4,096.
func fragmentCode(n int) (code uint8) {
	for ; n > 256; n /= 2 {
		code++
	}
	return code
}

func fragmentLength(code uint8) int { return 256 << code }

// offerRecordSize adds both extensions as the configuration wants them.
func (c *client) offerRecordSize() {
	h := &c.hello
	if n := c.cfg.RecordSizeLimit; n > 0 {
		most := mostPlain + typeByte(c.params.Versions[0])
		h.RecordSizeLimit = uint16(min(n, most))
		h.Extensions.Add(iana.ExtRecordSizeLimit)
	}
	if n := c.cfg.MaxFragmentLength; n > 0 {
		h.MaxFragment = fragmentCode(n)
		h.Extensions.Add(iana.ExtMaxFragmentLength)
	}
}

// agreeRecordSize takes the server's answer, which x says was given.
func (c *client) agreeRecordSize(x *wire.Extensions, limit uint16, fragment uint8) error {
	shape := Shape{Pad: c.cfg.PadRecords, Long: c.cfg.DynamicRecordSizingDisabled}
	sized, cut := x.Has(iana.ExtRecordSizeLimit), x.Has(iana.ExtMaxFragmentLength)
	switch {
	case sized && cut:
		return fault.RecordSizeTwice.In("extensions")
	case sized:
		if err := checkLimit(limit); err != nil {
			return err
		}
		t := typeByte(c.info.Version)
		shape.Read, shape.Write = min(int(c.hello.RecordSizeLimit)-t, mostPlain), min(int(limit)-t, mostPlain)
	case cut && fragment != c.hello.MaxFragment:
		return fault.FragmentLength.In("max_fragment_length").Saw(fragment, c.hello.MaxFragment)
	case cut:
		c.fragment = fragment
	case c.old != nil:
		c.fragment = c.old.session.MaxFragment // which holds on (RFC 6066, Section 4)
	}
	if c.fragment > 0 {
		n := fragmentLength(c.fragment)
		shape.Read, shape.Write, shape.Clear = n, n, true
	}
	c.shape(shape)
	return nil
}

// answerRecordSize chooses what to say to the client's offers, and puts it into
// x, limit and fragment. It binds us once it is sent: see shape.
func (s *server) answerRecordSize(x *wire.Extensions, limit *uint16, fragment *uint8) (Shape, error) {
	h, shape := &s.hello, Shape{Pad: s.cfg.PadRecords, Long: s.cfg.DynamicRecordSizingDisabled}
	switch {
	case h.Extensions.Has(iana.ExtRecordSizeLimit):
		if err := checkLimit(h.RecordSizeLimit); err != nil {
			return shape, err
		}
		t := typeByte(s.info.Version)
		ours := mostPlain + t
		if n := s.cfg.RecordSizeLimit; n > 0 {
			ours = min(n, ours)
		}
		*limit = uint16(ours)
		x.Add(iana.ExtRecordSizeLimit)
		shape.Read, shape.Write = ours-t, min(int(h.RecordSizeLimit)-t, mostPlain)
	case h.Extensions.Has(iana.ExtMaxFragmentLength):
		if h.MaxFragment < 1 || h.MaxFragment > 4 {
			return shape, fault.FragmentLength.In("max_fragment_length").Saw(h.MaxFragment, "1 to 4")
		}
		*fragment = h.MaxFragment
		x.Add(iana.ExtMaxFragmentLength)
		n := fragmentLength(h.MaxFragment)
		shape.Read, shape.Write, shape.Clear = n, n, true
	}
	return shape, nil
}

// checkLimit refuses what is too little for a record (RFC 8449, Section 4). Too
// much is no error: a later version may allow it.
func checkLimit(n uint16) error {
	if n < leastLimit {
		return fault.RecordSizeLimit.In("record_size_limit").Saw(fmt.Sprintf("%d bytes", n), fmt.Sprintf("at least %d", leastLimit))
	}
	return nil
}

// shape has the record layer keep to what was agreed.
func (c *core) shape(s Shape) {
	c.info.RecordLimit, c.info.PeerRecordLimit = s.Read, s.Write
	c.Layer.ShapeRecords(s)
}
