// Package wire declares every TLS message and extension once.
//
// A declaration is a visit function: one walk over the fields serves decoding,
// encoding and annotation, so the three can't disagree. What decodes encodes
// to the same bytes, and every byte has a name; both are fuzzed.
//
// Policy: after decoding, a value is legal by the presentation language of its
// RFC: lengths are in range, vectors end where their items end, extensions are
// unique. What depends on another message is the state machine's to check.
// Decoded fields alias the message. Lists keep their wire form; unknown
// extensions, GREASE values and order survive. Field names are the RFC's.
package wire

import (
	"fmt"
	"strconv"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// HeaderLen is the size of msg_type and length, which open every handshake
// message (RFC 9846, Section 4).
const HeaderLen = 4

// A Span names the bytes of one field: message[Off : Off+Len].
type Span struct {
	Name   string
	Value  string // a name, number or quoted text, if the field has one
	Off    int    // from the first byte of the message header
	Len    int
	Prefix int // width of the length prefix that opens the field, in bytes
	Depth  int
}

// A Coder walks one message in one direction. The zero Coder is ready; it may
// be used again, which saves its allocation.
type Coder struct {
	buf    []byte // decoding: the message; encoding: the output
	pos    int    // decoding: next unread byte
	end    int    // decoding: end of the innermost vector
	base   int    // encoding: where the message starts in buf
	depth  int
	encode bool
	err    *fault.Error
	parts  int      // decoding: extensions and other items so far
	most   int      // decoding: how many there may be; 0: any number
	seen   []uint64 // decoding: types of a long extension block, one bit each
	spans  *[]Span  // nil unless someone asked for annotations
}

// A Message is a handshake message with its declaration.
type Message interface {
	Type() iana.HandshakeType
	visit(*Coder)
}

// Decode parses b, one whole handshake message with its header, into m.
// Fields of m alias b. The field of an extension that b lacks keeps what it
// held: ask Extensions.Has, or decode into a new message. The error is a
// *fault.Error with field and offset.
func (c *Coder) Decode(b []byte, m Message) error { return c.DecodeParts(b, m, 0) }

// DecodeParts is Decode for a message that may have so many extensions and other items
// in its lists, 0 for any number. In a message an item may take two bytes, in m it takes
// up to forty. What goes beyond is refused by fault.HelloTooManyParts.
func (c *Coder) DecodeParts(b []byte, m Message, most int) error {
	*c = Coder{buf: b, end: len(b), most: most}
	return c.message(m)
}

// Append appends m, with its header, to dst.
func (c *Coder) Append(dst []byte, m Message) ([]byte, error) {
	*c = Coder{buf: dst, base: len(dst), encode: true}
	err := c.message(m)
	if err != nil {
		return dst, err
	}
	return c.buf, nil
}

// Decode is Coder.Decode with a Coder of its own.
func Decode(b []byte, m Message) error { return new(Coder).Decode(b, m) }

// Append is Coder.Append with a Coder of its own.
func Append(dst []byte, m Message) ([]byte, error) { return new(Coder).Append(dst, m) }

// Annotate decodes b into m and names every byte of it, outer fields before
// inner ones. On an error it returns the spans up to there.
func Annotate(b []byte, m Message) ([]Span, error) {
	var spans []Span
	c := Coder{buf: b, end: len(b), spans: &spans}
	return spans, c.message(m)
}

func (c *Coder) message(m Message) error {
	t := m.Type()
	Enum8(c, "msg_type", &t)
	if c.err == nil && t != m.Type() {
		c.pos = 0
		return c.fail("msg_type", fault.UnexpectedMessage).Saw(t, m.Type())
	}
	c.Vector("length", 3, 0, 1<<24-1, func() { m.visit(c) })
	if c.err == nil && !c.encode && c.pos != c.end {
		c.fail("message", fault.WireTrailing)
	}
	if c.err != nil {
		return c.err
	}
	return nil
}

// fail records the first error and moves to the end, so that every loop stops.
func (c *Coder) fail(field string, r *fault.Rule) *fault.Error {
	if c.err == nil {
		off := c.pos
		if c.encode {
			off = len(c.buf) - c.base
		}
		c.err = r.In(field).At(off)
	}
	c.pos = c.end
	return c.err
}

// take returns the next n bytes of the innermost vector, or nil.
func (c *Coder) take(field string, n int) []byte {
	if left := c.end - c.pos; left < n {
		if c.err == nil {
			c.fail(field, fault.WireTruncated).Saw(count(left)+" left", strconv.Itoa(n))
		}
		return nil
	}
	b := c.buf[c.pos : c.pos+n : c.pos+n]
	c.pos += n
	return b
}

// since returns the bytes that were decoded from offset from on.
func (c *Coder) since(from int) []byte { return c.buf[from:c.pos:c.pos] }

func count(n int) string {
	if n == 1 {
		return "1 byte"
	}
	return strconv.Itoa(n) + " bytes"
}

func (c *Coder) more() bool { return c.pos < c.end }

// note names the last n bytes.
func (c *Coder) note(name string, n, prefix int, value string) {
	if c.err != nil {
		return
	}
	*c.spans = append(*c.spans, Span{name, value, c.pos - n, n, prefix, c.depth})
}

type enum8 interface {
	~uint8
	fmt.Stringer
}

type enum16 interface {
	~uint16
	fmt.Stringer
}

func (c *Coder) uint(name string, width int, v uint32) uint32 {
	if c.encode {
		for i := width - 1; i >= 0; i-- {
			c.buf = append(c.buf, byte(v>>(8*i)))
		}
		return v
	}
	v = 0
	for _, b := range c.take(name, width) {
		v = v<<8 | uint32(b)
	}
	return v
}

// U8 codes a uint8, U16 a uint16, U32 a uint32, all in network byte order.
func (c *Coder) U8(name string, v *uint8)   { *v = uint8(c.number(name, 1, uint32(*v))) }
func (c *Coder) U16(name string, v *uint16) { *v = uint16(c.number(name, 2, uint32(*v))) }
func (c *Coder) U24(name string, v *uint32) { *v = c.number(name, 3, *v) }
func (c *Coder) U32(name string, v *uint32) { *v = c.number(name, 4, *v) }

func (c *Coder) number(name string, width int, v uint32) uint32 {
	v = c.uint(name, width, v)
	if c.spans != nil {
		c.note(name, width, 0, strconv.FormatUint(uint64(v), 10))
	}
	return v
}

// Enum8 and Enum16 code an enumerated value.
func Enum8[T enum8](c *Coder, name string, v *T) {
	*v = T(c.uint(name, 1, uint32(*v)))
	if c.spans != nil {
		c.note(name, 1, 0, (*v).String())
	}
}

func Enum16[T enum16](c *Coder, name string, v *T) {
	*v = T(c.uint(name, 2, uint32(*v)))
	if c.spans != nil {
		c.note(name, 2, 0, (*v).String())
	}
}

// Const8 codes a byte that has one legal value.
func (c *Coder) Const8(name string, want uint8, meaning string) {
	at := c.pos
	v := uint8(c.uint(name, 1, uint32(want)))
	if v != want && c.err == nil {
		c.pos = at
		c.fail(name, fault.WireConstant).Saw(strconv.Itoa(int(v)), strconv.Itoa(int(want)))
	}
	if c.spans != nil {
		c.note(name, 1, 0, meaning)
	}
}

// Fixed codes exactly len(b) bytes.
func (c *Coder) Fixed(name string, b []byte) {
	if c.encode {
		c.buf = append(c.buf, b...)
	} else {
		copy(b, c.take(name, len(b)))
	}
	if c.spans != nil {
		c.note(name, len(b), 0, "")
	}
}

// Rest codes all bytes that are left in the innermost vector.
func (c *Coder) Rest(name string, v *[]byte) {
	if c.encode {
		c.buf = append(c.buf, *v...)
	} else {
		*v = c.take(name, c.end-c.pos)
	}
	if c.spans != nil && len(*v) > 0 {
		c.note(name, len(*v), 0, "")
	}
}

// Opaque codes opaque v<min..max> behind a length of width bytes.
func (c *Coder) Opaque(name string, width, min, max int, v *[]byte) {
	c.opaque(name, width, min, max, v)
	if c.spans != nil {
		c.note(name, width+len(*v), width, "")
	}
}

// Text is Opaque for bytes that people read: names of hosts and protocols.
func (c *Coder) Text(name string, width, min, max int, v *[]byte) {
	c.opaque(name, width, min, max, v)
	if c.spans != nil {
		c.note(name, width+len(*v), width, fault.Quote(*v))
	}
}

func (c *Coder) opaque(name string, width, min, max int, v *[]byte) {
	if c.encode {
		n := len(*v)
		if c.err != nil || !c.fits(name, n, min, max) {
			return
		}
		c.uint(name, width, uint32(n))
		c.buf = append(c.buf, *v...)
		return
	}
	*v = c.take(name, c.length(name, width, min, max))
}

// length reads a length prefix and checks it.
func (c *Coder) length(name string, width, min, max int) int {
	at := c.pos
	n := int(c.uint(name, width, 0))
	left := c.end - c.pos
	if c.err != nil {
		return 0
	}
	c.pos = at // errors point at the length
	if !c.fits(name, n, min, max) {
		return 0
	}
	if n > left {
		c.fail(name, fault.WireTruncated).Saw(count(left)+" left", strconv.Itoa(n))
		return 0
	}
	c.pos += width
	return n
}

// fits checks that a length of n bytes is in range.
func (c *Coder) fits(name string, n, min, max int) bool {
	if n < min || n > max {
		c.fail(name, fault.WireLength).Saw(count(n), fmt.Sprintf("%d to %d", min, max))
		return false
	}
	return true
}

// Vector codes body inside a length prefix of width bytes.
func (c *Coder) Vector(name string, width, min, max int, body func()) {
	if c.err != nil {
		return
	}
	if c.encode {
		c.encodeVector(name, width, min, max, body)
		return
	}
	start := c.pos
	n := c.length(name, width, min, max)
	if c.err != nil {
		return
	}
	if c.spans != nil {
		*c.spans = append(*c.spans, Span{name, "", start, width + n, width, c.depth})
	}
	outer := c.end
	c.end = c.pos + n
	c.depth++
	body()
	c.depth--
	if c.pos != c.end {
		c.fail("end", fault.WireTrailing)
	}
	c.end = outer
	c.within(name)
	if c.err != nil {
		c.pos = c.end
	}
}

func (c *Coder) encodeVector(name string, width, min, max int, body func()) {
	at := len(c.buf)
	c.uint(name, width, 1<<32-1) // an interrupted encode is unparsable
	c.depth++
	body()
	c.depth--
	c.within(name)
	n := len(c.buf) - at - width
	if c.err != nil || !c.fits(name, n, min, max) {
		return
	}
	for i := range width {
		c.buf[at+i] = byte(n >> (8 * (width - 1 - i)))
	}
}

// within puts name before the field of an error that lies inside it. Depth 0
// is the message itself, which needs no name.
func (c *Coder) within(name string) {
	if c.err != nil && c.depth > 0 && name != extensionData {
		c.err.Field = name + "." + c.err.Field
	}
}

// part counts an item that is about to be read, and reports whether there may be one
// more.
func (c *Coder) part(name string) bool {
	if c.parts++; c.most == 0 || c.parts <= c.most {
		return true
	}
	c.fail(name, fault.HelloTooManyParts).Saw("one more", fmt.Sprintf("at most %d", c.most))
	return false
}

// Slice codes a vector of items, reusing the slice's storage when decoding.
func Slice[T any](c *Coder, name string, width, min, max int, s *[]T, item func(*T)) {
	c.Vector(name, width, min, max, func() {
		if c.encode {
			for i := range *s {
				item(&(*s)[i])
			}
			return
		}
		*s = (*s)[:0]
		for c.more() && c.part(name) {
			var zero T
			*s = append(*s, zero)
			item(&(*s)[len(*s)-1])
		}
	})
}
