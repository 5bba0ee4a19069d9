package session

import (
	"crypto/x509"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/handclasp/handclasp/fault"
)

func TestVerdicts(t *testing.T) {
	v, err := NewVerdicts(VerdictOptions{Max: 2, Life: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	key := func(b byte) VerdictKey { return VerdictKey{Sum: [32]byte{b}} }
	v.Put(key(1), "one", begin, begin.Add(time.Hour))
	v.Put(key(2), "two", begin, begin.Add(10*time.Second))
	for _, c := range []struct {
		key   VerdictKey
		after time.Duration
		want  any
	}{
		{key(1), 0, "one"},
		{key(1), time.Minute, "one"},
		{key(1), time.Minute + 1, nil}, // its life is over
		{key(1), -1, nil},              // the clock went back
		{key(2), 10 * time.Second, "two"},
		{key(2), 11 * time.Second, nil}, // a certificate ends before
		{key(3), 0, nil},
		{VerdictKey{Sum: [32]byte{1}, Roots: x509.NewCertPool()}, 0, nil}, // other roots
	} {
		if got := v.Get(c.key, begin.Add(c.after)); got != c.want {
			t.Errorf("%d after %v: %v, want %v", c.key.Sum[0], c.after, got, c.want)
		}
	}
	v.Put(key(1), "again", begin.Add(time.Hour), begin.Add(2*time.Hour)) // takes no room
	if got := v.Get(key(2), begin); got != "two" {
		t.Errorf("%v", got)
	}
	v.Put(key(3), "three", begin, begin.Add(time.Hour))
	if v.Get(key(1), begin.Add(time.Hour)) != nil || v.Get(key(2), begin) == nil || v.Get(key(3), begin) == nil || len(v.entries) != 2 {
		t.Errorf("the oldest is not what went: %v", v.entries)
	}
	v.Put(key(4), "four", begin, begin.Add(time.Hour))
	if v.Get(key(2), begin) != nil || len(v.entries) != 2 || len(v.order) != 2 {
		t.Errorf("%v", v.entries)
	}
}

func TestVerdictOptions(t *testing.T) {
	for _, o := range []VerdictOptions{{Max: -1}, {Life: -1}, {Life: time.Hour + 1}} {
		if _, err := NewVerdicts(o); !errors.Is(err, fault.ConfigValue) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

func TestVerdictsAtOnce(t *testing.T) {
	v, err := NewVerdicts(VerdictOptions{Max: 8})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 500 {
				k := VerdictKey{Sum: [32]byte{byte(i * (g + 1))}}
				v.Put(k, i, time.Unix(1, 0), time.Unix(100, 0))
				v.Get(k, time.Unix(2, 0))
			}
		})
	}
	all.Wait()
	if len(v.entries) > 8 {
		t.Errorf("%d entries", len(v.entries))
	}
}
