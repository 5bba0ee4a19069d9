package wire

import (
	"iter"

	"github.com/handclasp/handclasp/fault"
)

// A List8 is a vector of one-byte enums in wire form; a List16 of two-byte
// ones. They alias the message they were decoded from.
type (
	List8[T enum8]   struct{ raw []byte }
	List16[T enum16] struct{ raw []byte }
)

func MakeList8[T enum8](values ...T) (l List8[T]) {
	for _, v := range values {
		l.raw = append(l.raw, byte(v))
	}
	return l
}

func MakeList16[T enum16](values ...T) (l List16[T]) {
	l.raw = make([]byte, 0, 2*len(values))
	for _, v := range values {
		l.raw = append(l.raw, byte(v>>8), byte(v))
	}
	return l
}

// AppendList8 and AppendList16 make a list in the room behind b, which they extend.
func AppendList8[T enum8](b *[]byte, values ...T) List8[T] {
	n := len(*b)
	for _, v := range values {
		*b = append(*b, byte(v))
	}
	return List8[T]{(*b)[n:len(*b):len(*b)]}
}

func AppendList16[T enum16](b *[]byte, values ...T) List16[T] {
	n := len(*b)
	for _, v := range values {
		*b = append(*b, byte(v>>8), byte(v))
	}
	return List16[T]{(*b)[n:len(*b):len(*b)]}
}

func (l List8[T]) Len() int   { return len(l.raw) }
func (l List8[T]) At(i int) T { return T(l.raw[i]) }
func (l List8[T]) Has(v T) bool {
	for _, x := range l.raw {
		if T(x) == v {
			return true
		}
	}
	return false
}

func (l List16[T]) Len() int   { return len(l.raw) / 2 }
func (l List16[T]) At(i int) T { return T(uint16(l.raw[2*i])<<8 | uint16(l.raw[2*i+1])) }

// Index is the place of v in the list, or -1.
func (l List16[T]) Index(v T) int {
	for i := range l.Len() {
		if l.At(i) == v {
			return i
		}
	}
	return -1
}

func (l List16[T]) Has(v T) bool { return l.Index(v) >= 0 }

func (l List16[T]) All() iter.Seq[T] {
	return func(yield func(T) bool) {
		for i := range l.Len() {
			if !yield(l.At(i)) {
				return
			}
		}
	}
}

// Slice is a copy as a slice.
func (l List16[T]) Slice() []T {
	s := make([]T, 0, l.Len())
	for v := range l.All() {
		s = append(s, v)
	}
	return s
}

// Equal reports whether both hold the same values in the same order.
func (l List16[T]) Equal(o List16[T]) bool { return string(l.raw) == string(o.raw) }

// Enums8 and Enums16 code a list of at least min values behind a length of
// width bytes.
func Enums8[T enum8](c *Coder, name, item string, width, min int, l *List8[T]) {
	c.opaque(name, width, min, 1<<(8*width)-1, &l.raw)
	if c.spans == nil {
		return
	}
	c.note(name, width+len(l.raw), width, "")
	for i := range l.Len() {
		c.noteItem(item, len(l.raw)-i, 1, l.At(i).String())
	}
}

func Enums16[T enum16](c *Coder, name, item string, width, min int, l *List16[T]) {
	at := c.pos
	c.opaque(name, width, min*2, 1<<(8*width)-2, &l.raw)
	if len(l.raw)%2 != 0 {
		c.pos = at
		c.fail(name, fault.WireLength).Saw("an odd number of bytes", "two-byte values")
		return
	}
	if c.spans == nil {
		return
	}
	c.note(name, width+len(l.raw), width, "")
	for i := range l.Len() {
		c.noteItem(item, len(l.raw)-2*i, 2, l.At(i).String())
	}
}

// noteItem names n bytes that lie back bytes before the current position.
func (c *Coder) noteItem(name string, back, n int, value string) {
	if c.err == nil {
		*c.spans = append(*c.spans, Span{name, value, c.pos - back, n, 0, c.depth + 1})
	}
}
