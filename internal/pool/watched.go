//go:build race || poison

package pool

import "bytes"

// With the race detector, or with the build tag poison, what is given back is
// overwritten, and looked at before it is lent again: who goes on reading a buffer
// finds rubbish, or races; who goes on writing to it, or gives it back twice, is found
// out, in whichever test that happens.

const (
	resting = 0xdb // fills a buffer that was given back
	lent    = 0xa5 // fills one that was lent
)

var rest, work = bytes.Repeat([]byte{resting}, Records), bytes.Repeat([]byte{lent}, Records)

// lend takes note that b is lent again.
func lend(b []byte) {
	if !bytes.Equal(b, rest[:len(b)]) {
		panic("pool: a buffer was written to after Put")
	}
	copy(b, work)
}

// giveBack takes note that b is given back.
func giveBack(b []byte) {
	if bytes.Equal(b, rest[:len(b)]) {
		panic("pool: a buffer was put twice")
	}
	copy(b, rest)
}

// fresh makes a new buffer look like one that was given back.
func fresh(b []byte) []byte {
	copy(b, rest)
	return b
}
