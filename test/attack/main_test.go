package main

import (
	"os"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		fail(play(role))
		return
	}
	os.Exit(m.Run())
}

// TestSiege is a small siege, with each kind of attack and room for all. The large ones
// take too long, and too much of a machine that is busy with other tests: go run
// ./test/attack, which CI does by itself.
func TestSiege(t *testing.T) {
	s := siege{
		Attackers: 10 * len(kinds), Rate: 200, Quiet: 100 * time.Millisecond, Loud: time.Second, Handshake: 3 * time.Second,
		MostMemory: 128 << 20, LeastShare: 0.9,
	}
	r, err := s.lay(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	r.print(&said)
	t.Log("\n" + said.String())
	if err := s.judge(r); err != nil {
		t.Error(err)
	}
}

// TestJudge: what is not as it must be is found.
func TestJudge(t *testing.T) {
	s := siege{Attackers: 100, HalfOpen: 50, MostMemory: 1 << 20, LeastShare: 0.9}
	good := result{siege: s, Under: crowd{class{Tried: 10, Served: 10}, class{Tried: 10, Served: 9}}, Server: held{Most: 1 << 20, Crowded: 1}, Attack: tally{Most: 50}}
	if err := s.judge(good); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(r *result){
		"much memory":       func(r *result) { r.Server.Most++ },
		"few served":        func(r *result) { r.Under.Fast.Served = 8 },
		"slow ones not":     func(r *result) { r.Under.Slow.Served = 8 },
		"nobody came":       func(r *result) { r.Under.Fast = class{} },
		"few attackers":     func(r *result) { r.Attack.Most = 10 },
		"limit never tried": func(r *result) { r.Server.Crowded = 0 },
	} {
		r := good
		spoil(&r)
		if s.judge(r) == nil {
			t.Errorf("%s: nothing is found", name)
		}
	}
}
