package handclasp

import (
	"sync"
	"testing"
	"time"
)

// TestGate: one holds it at a time, whoever waits gets it, and one who gives up
// waiting takes nobody's turn.
func TestGate(t *testing.T) {
	var g gate
	var all sync.WaitGroup
	n := 0
	happened := make(chan struct{})
	close(happened)
	for range 8 {
		all.Go(func() {
			for range 1000 {
				g.Lock()
				n++
				g.Unlock()
			}
		})
		all.Go(func() {
			for range 1000 {
				tryOnce(&g, happened, &n)
			}
		})
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("somebody waits for ever")
	}
	if n < 8000 {
		t.Errorf("%d passed", n)
	}
	if !g.enter() {
		t.Error("it stayed closed")
	}
}

// tryOnce waits for the gate until something happens.
func tryOnce(g *gate, happened chan struct{}, n *int) {
	for !g.enter() {
		select {
		case <-g.left():
		case <-happened:
			return
		}
	}
	*n++
	g.Unlock()
}
