package wire

import (
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// Extensions is the extension block of one message, in wire order. The bodies
// of declared extensions stand in fields of the message; the others are kept
// here as they came.
type Extensions struct {
	Present bool // the block itself, which may be empty
	items   []extension
}

type extension struct {
	typ  iana.ExtensionType
	body []byte // only of types that the message does not declare
}

// Reset takes all extensions out of the block, and keeps their place.
func (e *Extensions) Reset() {
	clear(e.items[:cap(e.items)])
	*e = Extensions{items: e.items[:0]}
}

func (e *Extensions) Len() int                      { return len(e.items) }
func (e *Extensions) At(i int) iana.ExtensionType   { return e.items[i].typ }
func (e *Extensions) Has(t iana.ExtensionType) bool { return e.Index(t) >= 0 }

// Index is the place of t in the block, or -1.
func (e *Extensions) Index(t iana.ExtensionType) int {
	for i := range e.items {
		if e.items[i].typ == t {
			return i
		}
	}
	return -1
}

// Types is a copy of the types in order.
func (e *Extensions) Types() []iana.ExtensionType {
	types := make([]iana.ExtensionType, len(e.items))
	for i := range e.items {
		types[i] = e.items[i].typ
	}
	return types
}

// Raw is the body of an extension that the message does not declare.
func (e *Extensions) Raw(t iana.ExtensionType) []byte {
	if i := e.Index(t); i >= 0 {
		return e.items[i].body
	}
	return nil
}

// Add appends extensions whose bodies stand in fields of the message.
func (e *Extensions) Add(types ...iana.ExtensionType) {
	e.Present = true
	for _, t := range types {
		e.items = append(e.items, extension{typ: t})
	}
}

// AddRaw appends an extension that the message does not declare.
func (e *Extensions) AddRaw(t iana.ExtensionType, body []byte) {
	e.Present = true
	e.items = append(e.items, extension{t, body})
}

// Insert puts t before the extension at place i.
func (e *Extensions) Insert(i int, t iana.ExtensionType) {
	e.Add(t)
	copy(e.items[i+1:], e.items[i:])
	e.items[i] = extension{typ: t}
}

// InsertRaw puts an extension that the message does not declare before the one
// at place i.
func (e *Extensions) InsertRaw(i int, t iana.ExtensionType, body []byte) {
	e.Insert(i, t)
	e.items[i].body = body
}

// Swap has the extensions at places i and j change places.
func (e *Extensions) Swap(i, j int) { e.items[i], e.items[j] = e.items[j], e.items[i] }

// Remove takes t out of the block.
func (e *Extensions) Remove(t iana.ExtensionType) {
	if i := e.Index(t); i >= 0 {
		e.items = append(e.items[:i:i], e.items[i+1:]...)
	}
}

// Extensions codes an extension block of at least min bytes (RFC 9846, Section
// 4.3). body codes one extension by type and reports whether it declares it.
func (c *Coder) Extensions(e *Extensions, min int, body func(iana.ExtensionType) bool) {
	e.Present = true
	if !c.encode {
		e.items = e.items[:0]
	}
	c.Vector("extensions", 2, min, 1<<16-1, func() {
		for i := 0; c.encode && i < len(e.items) || !c.encode && c.more() && c.part("extension"); i++ {
			c.extension(e, i, body)
		}
	})
}

func (c *Coder) extension(e *Extensions, i int, body func(iana.ExtensionType) bool) {
	var x extension
	if c.encode {
		x = e.items[i]
	}
	at, mark := c.pos, 0
	if c.spans != nil {
		mark = len(*c.spans)
		*c.spans = append(*c.spans, Span{Name: "extension", Off: at, Depth: c.depth})
		c.depth++
		defer c.cover(mark)
	}
	Enum16(c, "extension_type", &x.typ)
	if c.err != nil {
		return
	}
	if !c.encode {
		if c.repeated(e, x.typ) {
			c.pos = at
			c.fail(x.typ.String(), fault.ExtensionRepeated)
			return
		}
		e.items = append(e.items, x)
	}
	c.Vector(extensionData, 2, 0, 1<<16-1, func() {
		if !body(x.typ) {
			c.Rest("opaque", &e.items[i].body)
		}
	})
	if c.err != nil {
		c.err.Field = x.typ.String() + "." + c.err.Field
	}
}

// cover ends the span of an extension, which is as long as what it holds;
// after an error that is what could still be read.
func (c *Coder) cover(mark int) {
	c.depth--
	s := &(*c.spans)[mark]
	for _, in := range (*c.spans)[mark+1:] {
		s.Len = max(s.Len, in.Off+in.Len-s.Off)
		if in.Name == "extension_type" {
			s.Value = in.Value
		}
	}
}

// Comparing each type with each is fastest for the blocks that people send,
// but 64 kB of empty extensions would cost 40 ms: from few on, bits are kept.
const few = 64

// repeated reports whether t stands in e already.
func (c *Coder) repeated(e *Extensions, t iana.ExtensionType) bool {
	if len(e.items) < few {
		return e.Has(t)
	}
	if len(e.items) == few {
		if c.seen == nil {
			c.seen = make([]uint64, 1<<16/64)
		}
		clear(c.seen)
		for _, x := range e.items {
			c.seen[x.typ/64] |= 1 << (x.typ % 64)
		}
	}
	again := c.seen[t/64]&(1<<(t%64)) != 0
	c.seen[t/64] |= 1 << (t % 64)
	return again
}

// The type of the extension already says which data an error lies in.
const extensionData = "extension_data"

// present reports whether the extension block is there, and remembers it: a
// message that is decoded into again must not keep the last one's extensions.
func (c *Coder) present(e *Extensions) bool {
	if !c.encode {
		e.Present = c.more()
		e.items = e.items[:0]
	}
	return e.Present
}
