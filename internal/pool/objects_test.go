//go:build !race

// The race detector has pools lose what they hold, so objects are counted without it.

package pool

import (
	"testing"
)

// Borrowing and giving back costs no object.
func TestAllocations(t *testing.T) {
	n := testing.AllocsPerRun(100, func() {
		for _, n := range []int{Message, Record, Records} {
			b := Get(n)
			Put(append(b, 1))
		}
	})
	if n >= 1 {
		t.Errorf("%v objects", n)
	}
}
