// Package pool lends buffers for as long as data is in flight.
//
// Policy: a buffer belongs to whoever got it until that one puts it back, and
// nothing may point into it from then on. Losing one harms nobody: it is left to
// the collector, as is one that was outgrown. What a buffer held before is still
// in it, so only what was written may be read. Nothing secret that outlives a
// message is kept in one.
package pool

import "sync"

// The sizes, in bytes.
const (
	Message = 4 << 10  // a flight of handshake messages, or a short record
	Record  = 20 << 10 // any record with its frame
	Records = 72 << 10 // four records
)

var (
	message = sync.Pool{New: func() any { return new([Message]byte) }}
	record  = sync.Pool{New: func() any { return new([Record]byte) }}
	records = sync.Pool{New: func() any { return new([Records]byte) }}
)

// Get lends an empty buffer with room for n bytes at least.
func Get(n int) []byte {
	switch {
	case n <= Message:
		return message.Get().(*[Message]byte)[:0]
	case n <= Record:
		return record.Get().(*[Record]byte)[:0]
	case n <= Records:
		return records.Get().(*[Records]byte)[:0]
	}
	return make([]byte, 0, n)
}

// Put gives a buffer back: what Get gave, at any length. One that append has
// replaced, or that no longer begins where it did, is dropped; so is nil.
func Put(b []byte) {
	switch b = b[:cap(b)]; len(b) {
	case Message:
		message.Put((*[Message]byte)(b))
	case Record:
		record.Put((*[Record]byte)(b))
	case Records:
		records.Put((*[Records]byte)(b))
	}
}
