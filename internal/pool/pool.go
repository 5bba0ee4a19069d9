// Package pool lends buffers for as long as data is in flight.
//
// Policy: a buffer belongs to whoever got it until that one puts it back, and
// nothing may point into it from then on. Losing one harms nobody: it is left to
// the collector, as is one that was outgrown. What a buffer held before is still
// in it, so only what was written may be read. Nothing secret that outlives a
// message is kept in one, and keys are cleared before it goes back. Builds with the
// race detector, or the tag poison, find out who does otherwise: see watched.go.
package pool

import "sync"

// The sizes, in bytes.
const (
	Message = 4 << 10  // a flight of handshake messages, or a short record
	Record  = 20 << 10 // any record with its frame
	Records = 72 << 10 // four records
)

var (
	message = sync.Pool{New: func() any { return (*[Message]byte)(fresh(make([]byte, Message))) }}
	record  = sync.Pool{New: func() any { return (*[Record]byte)(fresh(make([]byte, Record))) }}
	records = sync.Pool{New: func() any { return (*[Records]byte)(fresh(make([]byte, Records))) }}
)

// Get lends an empty buffer with room for n bytes at least.
func Get(n int) (b []byte) {
	switch {
	case n <= Message:
		b = message.Get().(*[Message]byte)[:]
	case n <= Record:
		b = record.Get().(*[Record]byte)[:]
	case n <= Records:
		b = records.Get().(*[Records]byte)[:]
	default:
		return make([]byte, 0, n)
	}
	lend(b)
	return b[:0]
}

// Put gives a buffer back: what Get gave, at any length. One that append has
// replaced, or that no longer begins where it did, is dropped; so is nil.
func Put(b []byte) {
	switch b = b[:cap(b)]; len(b) {
	case Message:
		giveBack(b)
		message.Put((*[Message]byte)(b))
	case Record:
		giveBack(b)
		record.Put((*[Record]byte)(b))
	case Records:
		giveBack(b)
		records.Put((*[Records]byte)(b))
	}
}
