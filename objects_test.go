//go:build !race

// The race detector has pools lose what they hold, so objects are counted without it.

package handclasp

import (
	"io"
	"testing"
)

// TestRecordsWithoutObjects: a record costs no object, neither for who writes nor
// for who reads it.
func TestRecordsWithoutObjects(t *testing.T) {
	client, server := overTCP(t)
	for _, size := range []int{64, 1 << 10, 16 << 10} {
		data, into := make([]byte, size), make([]byte, size)
		n := testing.AllocsPerRun(200, func() {
			for _, x := range [][2]*Conn{{client, server}, {server, client}} {
				if _, err := x[0].Write(data); err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadFull(x[1], into); err != nil {
					t.Fatal(err)
				}
			}
		})
		if n >= 1 {
			t.Errorf("%d bytes: %v objects for two records", size, n)
		}
	}
}
