//go:build race || poison

package pool

import "testing"

// panics reports whether f does.
func panics(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return false
}

// What is done to a buffer after Put is found out.
func TestWatched(t *testing.T) {
	b := Get(Record)
	Put(append(b, "data"...))
	if got := string(b[:4]); got == "data" {
		t.Error("what was given back can still be read")
	}
	if !panics(func() { Put(b) }) {
		t.Error("a buffer was put twice")
	}
	b = b[:cap(b)]
	b[len(b)-1]++
	if !panics(func() { lend(b) }) {
		t.Error("a buffer was written to after Put, and lent again")
	}
	b[len(b)-1]-- // the pool has it
}
