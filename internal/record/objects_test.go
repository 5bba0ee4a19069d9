//go:build !race

// The race detector has pools lose what they hold, so objects are counted without it.

package record

import (
	"testing"

	"github.com/handclasp/handclasp/iana"
)

// TestCBCAllocations: none per record.
func TestCBCAllocations(t *testing.T) {
	for _, k := range kinds() {
		seal, open := k.half(false), k.half(true)
		buf, payload := make([]byte, 0, 1<<15), make([]byte, 1000)
		n := testing.AllocsPerRun(50, func() {
			rec, err := seal.Seal(buf, iana.ContentHandshake, payload, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := open.Open(rec); err != nil {
				t.Fatal(err)
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations", k.name, n)
		}
	}
}
