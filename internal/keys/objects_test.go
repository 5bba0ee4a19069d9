//go:build !race

// The race detector has pools lose what they hold, so objects are counted without it.

package keys

import (
	"testing"

	"github.com/handclasp/handclasp/fault"
)

// TestAllocations: what a key schedule puts on the heap is what it gives away.
func TestAllocations(t *testing.T) {
	for _, h := range []Hash{SHA256, SHA384} {
		secret, th := make(Secret, h.Size()), make([]byte, h.Size())
		main := NewEarly(h, nil).Handshake(secret).Main()
		master := NewMaster12(h, make(Secret, 48), make([]byte, 32), make([]byte, 32))
		transcript := NewTranscript()
		transcript.Start(h)
		room := new(Room)
		for _, c := range []struct {
			name string
			most float64
			f    func()
		}{
			{"a secret", 1, func() { main.ClientTraffic(th) }},
			{"the next stage", 3, func() { NewEarly(h, nil).Handshake(secret) }},
			{"a record key", 0, func() { h.Key(secret, th[:16], th[16:28]) }},
			{"all of a handshake", 0, func() { room.Early(h, nil).Handshake(secret).Main().ClientTraffic(th); room.Wipe() }},
			{"Finished", 1, func() { h.Finished(secret, th) }},
			{"an exporter", 1, func() { h.Export(secret, "EXPORTER-test", nil, 32) }},
			{"TLS 1.2: Finished", 1, func() { master.Finished(fault.Client, th) }},
			{"TLS 1.2: the key block", 1, func() { master.KeyBlock(0, 16, 4) }},
			{"TLS 1.2: the master secret", 1, func() { h.ExtendedMasterSecret(secret, th) }},
			{"the transcript", 0, func() { transcript.Sum() }},
		} {
			if n := testing.AllocsPerRun(20, c.f); n > c.most {
				t.Errorf("%v, %s: %v objects, want at most %v", h, c.name, n, c.most)
			}
		}
	}
}
