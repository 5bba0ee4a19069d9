//go:build !race

// The race detector has pools lose what they hold, so objects are counted without it.

package main

import (
	"runtime/debug"
	"testing"
)

// TestObjects: what a handshake may put on the heap, both sides together, when the
// places that connections lend each other are there.
func TestObjects(t *testing.T) {
	m, err := newMaterial()
	if err != nil {
		t.Fatal(err)
	}
	limits := map[string]struct{ objects, bytes float64 }{
		"1.3 full, X25519, ECDSA P-256":                     {220, 35e3},
		"1.3 full, X25519, ECDSA P-256, verdict remembered": {150, 25e3},
		"1.3 resumption, PSK with X25519":                   {100, 25e3},
		"1.2 full, ECDHE-ECDSA":                             {290, 35e3},
		"1.2 resumption by ticket":                          {115, 20e3},
	}
	defer alone()()
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // which would clear those places
	for _, x := range m.bouts() {
		limit, ok := limits[x.title]
		if !ok {
			continue
		}
		delete(limits, x.title)
		w, err := ourWay(x.shape)
		if err != nil {
			t.Fatal(err)
		}
		h := newHandshaker(w, x.shape)
		if err := h.prepare(); err != nil {
			t.Fatal(err)
		}
		s, err := h.sample(20)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %.0f objects, %.1f kB", x.title, s.objects, s.bytes/1000)
		if s.objects > limit.objects || s.bytes > limit.bytes {
			t.Errorf("%s: at most %.0f objects and %.0f bytes", x.title, limit.objects, limit.bytes)
		}
	}
	if len(limits) > 0 {
		t.Errorf("no such case: %v", limits)
	}
}

// TestIdleHeap: what a connection that waits may hold on the heap, at either end,
// besides what TCP holds.
func TestIdleHeap(t *testing.T) {
	m, err := newMaterial()
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{material: m}
	const n, most = 2000, 1500
	var held [3][2]held
	for i, stack := range []string{plain, plain, ours} { // the first makes the goroutines, which the others use again
		if held[i], err = b.idle(t.Context(), stack, n); err != nil {
			t.Fatal(err)
		}
	}
	for side, who := range []string{"server", "client"} {
		got := held[2][side].Heap - held[1][side].Heap
		t.Logf("%s: %.0f bytes", who, got)
		if got > most {
			t.Errorf("%s: at most %d bytes", who, most)
		}
	}
}
