package pool

import "testing"

// A buffer is at least as long as was asked for, and empty.
func TestGet(t *testing.T) {
	for _, n := range []int{0, 1, Message, Message + 1, Record, Record + 1, Records, Records + 1} {
		if b := Get(n); len(b) != 0 || cap(b) < n {
			t.Errorf("%d: %d of %d", n, len(b), cap(b))
		}
	}
}

// What is not as it was lent is not lent again.
func TestPutStrange(t *testing.T) {
	for name, b := range map[string][]byte{"nil": nil, "advanced": Get(1)[:10][1:], "foreign": make([]byte, 10)} {
		Put(b)
		for range 3 {
			if got := Get(1); cap(got) != Message {
				t.Errorf("%s was lent: %d bytes", name, cap(got))
			}
		}
	}
}
