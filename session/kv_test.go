package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/handclasp/handclasp/fault"
)

var (
	_ KV          = (*Memory)(nil)
	_ KV          = (*File)(nil)
	_ Dated       = (*Memory)(nil)
	_ Dated       = (*File)(nil)
	_ ClientStore = (*ClientMemory)(nil)
	_ ClientStore = (*ClientFile)(nil)
)

// eachKV runs a test with each KV of this package, of the given size.
func eachKV(t *testing.T, entries int, test func(t *testing.T, kv KV, c *ticker)) {
	t.Run("memory", func(t *testing.T) {
		c := newTicker()
		test(t, must(NewMemory(MemoryOptions{Clock: c.clock, MaxEntries: entries})), c)
	})
	t.Run("file", func(t *testing.T) {
		c := newTicker()
		test(t, must(OpenFile(filepath.Join(t.TempDir(), "kv"), FileOptions{Clock: c.clock, MaxEntries: entries, NoSync: true})), c)
	})
}

func TestKV(t *testing.T) {
	eachKV(t, 0, func(t *testing.T, kv KV, c *ticker) {
		ctx := t.Context()
		is := func(key, want string) {
			t.Helper()
			if got, err := kv.Get(ctx, key); err != nil || string(got) != want || (got == nil) != (want == "") {
				t.Errorf("%s is %q, %v; want %q", key, got, err, want)
			}
		}
		put := func(key, value string, ttl time.Duration) {
			t.Helper()
			if err := kv.Put(ctx, key, []byte(value), ttl); err != nil {
				t.Error(err)
			}
		}
		is("a", "")
		put("a", "1", time.Minute)
		put("b", "2", time.Hour)
		is("a", "1")
		put("a", "3", 2*time.Minute)
		is("a", "3")
		c.advance(time.Minute)
		is("a", "3")
		c.advance(time.Minute)
		is("a", "")
		is("b", "2")
		if got, err := kv.Take(ctx, "b"); string(got) != "2" || err != nil {
			t.Errorf("took %q, %v", got, err)
		}
		if got, err := kv.Take(ctx, "b"); got != nil || err != nil {
			t.Errorf("took again: %q, %v", got, err)
		}
		put("c", "4", time.Hour)
		put("c", "5", 0)
		is("c", "")
		if err := kv.Put(ctx, "empty", nil, time.Hour); err != nil {
			t.Error(err)
		}
		if got, err := kv.Get(ctx, "empty"); got == nil || len(got) != 0 || err != nil {
			t.Errorf("the empty value is %v, %v", got, err)
		}
		if err := kv.Put(ctx, "large", make([]byte, 1<<16), time.Hour); !errors.Is(err, fault.SessionTooLarge) {
			t.Errorf("64 KiB: %v", err)
		}
	})
}

func TestFirst(t *testing.T) {
	eachKV(t, 0, func(t *testing.T, kv KV, c *ticker) {
		first := func(key string, ttl time.Duration, want bool) {
			t.Helper()
			if got, err := kv.First(t.Context(), key, ttl); got != want || err != nil {
				t.Errorf("%s: %v, %v", key, got, err)
			}
		}
		first("a", time.Minute, true)
		first("a", time.Hour, false) // does not prolong
		first("b", time.Hour, true)
		c.advance(time.Minute - 1)
		first("a", time.Minute, false)
		c.advance(1)
		first("a", time.Minute, true)
		first("b", time.Minute, false)
		if got, err := kv.First(t.Context(), "c", 0); got || err == nil {
			t.Errorf("for no time: %v, %v", got, err)
		}
		if got, err := kv.Get(t.Context(), "a"); got != nil || err != nil {
			t.Errorf("First can be seen: %q, %v", got, err)
		}
	})
}

// TestFirstAgain: many entries that end at once are tidied up bit by bit, and none
// stands in the way of the next under its key.
func TestFirstAgain(t *testing.T) {
	eachKV(t, 50, func(t *testing.T, kv KV, c *ticker) {
		for range 3 {
			for i := range 50 {
				if first, err := kv.First(t.Context(), fmt.Sprint(i), time.Minute+time.Duration(i)); !first || err != nil {
					t.Fatalf("%d: %v, %v", i, first, err)
				}
			}
			c.advance(time.Hour)
			last := fmt.Sprint(49) // ends last, so it is not among the first to be tidied up
			if first, err := kv.First(t.Context(), last, time.Minute); !first || err != nil {
				t.Fatalf("the last: %v, %v", first, err)
			}
			c.advance(time.Minute - 1)
			for range 10 {
				if first, err := kv.First(t.Context(), last, time.Minute); first || err != nil {
					t.Fatalf("the last again: %v, %v", first, err)
				}
			}
			c.advance(time.Hour)
		}
	})
}

// TestFull: values make room; what First remembers does not.
func TestFull(t *testing.T) {
	eachKV(t, 4, func(t *testing.T, kv KV, c *ticker) {
		ctx := t.Context()
		count := func() (n int) {
			for i := range 10 {
				if v := must(kv.Get(ctx, fmt.Sprint("value", i))); v != nil {
					n++
				}
			}
			return n
		}
		for i := range 10 {
			if err := kv.Put(ctx, fmt.Sprint("value", i), []byte{1}, time.Hour+time.Duration(i)); err != nil {
				t.Fatal(err)
			}
		}
		if n := count(); n != 4 {
			t.Errorf("%d values of 4 are kept", n)
		}
		if must(kv.Get(ctx, "value9")) == nil {
			t.Error("the newest is gone")
		}
		for i := range 4 {
			if first, err := kv.First(ctx, fmt.Sprint("first", i), time.Minute); !first || err != nil {
				t.Errorf("first %d: %v, %v", i, first, err)
			}
		}
		if n := count(); n != 0 {
			t.Errorf("%d values are kept beside as many firsts as there may be entries", n)
		}
		for range 3 {
			if first, err := kv.First(ctx, "one more", time.Minute); first || !errors.Is(err, fault.StoreFull) {
				t.Errorf("one more: %v, %v", first, err)
			}
		}
		if err := kv.Put(ctx, "value", []byte{1}, time.Minute); !errors.Is(err, fault.StoreFull) {
			t.Errorf("a value: %v", err)
		}
		for i := range 4 {
			if first, err := kv.First(ctx, fmt.Sprint("first", i), time.Minute); first || err != nil {
				t.Errorf("first %d was forgotten: %v, %v", i, first, err)
			}
		}
		c.advance(time.Minute)
		if first, err := kv.First(ctx, "one more", time.Minute); !first || err != nil {
			t.Errorf("after a minute: %v, %v", first, err)
		}
	})
}

// TestOneGetsIt: of many at once, one takes and one is first.
func TestOneGetsIt(t *testing.T) {
	eachKV(t, 0, func(t *testing.T, kv KV, c *ticker) {
		ctx := t.Context()
		const keys, askers = 20, 8
		for i := range keys {
			if err := kv.Put(ctx, fmt.Sprint(i), []byte("value"), time.Hour); err != nil {
				t.Fatal(err)
			}
		}
		var taken, firsts [keys]atomic.Int32
		var all sync.WaitGroup
		for range askers {
			all.Go(func() {
				for i := range keys {
					if v, err := kv.Take(ctx, fmt.Sprint(i)); err != nil {
						t.Error(err)
					} else if v != nil {
						taken[i].Add(1)
					}
					if first, err := kv.First(ctx, fmt.Sprint(i), time.Hour); err != nil {
						t.Error(err)
					} else if first {
						firsts[i].Add(1)
					}
				}
			})
		}
		all.Wait()
		for i := range keys {
			if taken[i].Load() != 1 || firsts[i].Load() != 1 {
				t.Errorf("key %d: taken by %d, first for %d", i, taken[i].Load(), firsts[i].Load())
			}
		}
	})
}

// TestCancelled: nothing is done for who has gone.
func TestCancelled(t *testing.T) {
	eachKV(t, 0, func(t *testing.T, kv KV, c *ticker) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if first, err := kv.First(ctx, "key", time.Hour); first || !errors.Is(err, context.Canceled) {
			t.Errorf("%v, %v", first, err)
		}
		if first, err := kv.First(t.Context(), "key", time.Hour); !first || err != nil {
			t.Errorf("then: %v, %v", first, err)
		}
	})
}

// TestLeastRecentlyUsed: what was read stays, and what goes is wiped.
func TestLeastRecentlyUsed(t *testing.T) {
	ctx, c := t.Context(), newTicker()
	m := must(NewMemory(MemoryOptions{Clock: c.clock, MaxEntries: 2}))
	for _, key := range []string{"a", "b"} {
		if err := m.Put(ctx, key, []byte("secret"), time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	b := m.values["b"].value
	must(m.Get(ctx, "a"))
	if err := m.Put(ctx, "c", []byte("secret"), time.Hour); err != nil {
		t.Fatal(err)
	}
	if must(m.Get(ctx, "a")) == nil || must(m.Get(ctx, "b")) != nil {
		t.Error("the wrong one went")
	}
	if !bytes.Equal(b, make([]byte, 6)) {
		t.Errorf("%q was left behind", b)
	}
}

// TestMemoryBytes: many large values don't fill the machine, and what is over is
// forgotten without being asked for.
func TestMemoryBytes(t *testing.T) {
	ctx, c := t.Context(), newTicker()
	m := must(NewMemory(MemoryOptions{Clock: c.clock, MaxBytes: 1000}))
	for i := range 100 {
		if err := m.Put(ctx, fmt.Sprint(i), make([]byte, 90), time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	if m.content > 1000 || len(m.values) != 10 {
		t.Errorf("%d bytes in %d values", m.content, len(m.values))
	}
	if err := m.Put(ctx, "huge", make([]byte, 1001), time.Hour); !errors.Is(err, fault.StoreFull) {
		t.Errorf("more than all: %v", err)
	}
	c.advance(time.Hour)
	for range 10 {
		must(m.Get(ctx, "none"))
	}
	if m.content != 0 || len(m.values)+len(m.firsts)+len(m.ends)+m.used.Len() != 0 {
		t.Errorf("left: %d bytes, %d values, %d ends", m.content, len(m.values), len(m.ends))
	}
}

// TestOptions: what can't be used is refused, not guessed.
func TestOptions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none")
	for name, err := range map[string]error{
		"memory without a clock":        second(NewMemory(MemoryOptions{})),
		"memory of -1":                  second(NewMemory(MemoryOptions{Clock: time.Now, MaxEntries: -1})),
		"file without a clock":          second(OpenFile(path, FileOptions{})),
		"file of -1":                    second(OpenFile(path, FileOptions{Clock: time.Now, MaxEntries: -1})),
		"file that waits -1":            second(OpenFile(path, FileOptions{Clock: time.Now, Wait: -1})),
		"client memory without a clock": second(NewClientMemory(ClientOptions{})),
		"client file without a clock":   second(NewClientFile(path, ClientOptions{})),
		"client of -1":                  second(NewClientMemory(ClientOptions{Clock: time.Now, PerKey: -1})),
		"tickets without a clock":       second(NewTickets(TicketOptions{})),
		"guard without a store":         second(NewGuard(GuardOptions{Clock: time.Now})),
		"guard without a clock":         second(NewGuard(GuardOptions{KV: new(Memory)})),
		"rotation of -1":                second(RandomKeys(nil, Rotation{Every: -1})),
		"rotation of half a second":     second(RandomKeys(nil, Rotation{Every: time.Second / 2})),
		"65 keys":                       second(RandomKeys(nil, Rotation{Keep: 65})),
		"secret of 31 bytes":            second(SharedKeys(make([]byte, 31), Rotation{})),
		"keys without a store":          second(StoredKeys(nil, nil, Rotation{})),
	} {
		if !errors.Is(err, fault.ConfigValue) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestCache: a session ID leads to its state until its lifetime is over.
func TestCache(t *testing.T) {
	eachKV(t, 0, func(t *testing.T, kv KV, c *ticker) {
		ctx, cache := t.Context(), NewCache(kv)
		id := []byte{0, 1, 255}
		if err := cache.Put(ctx, id, aState()); err != nil {
			t.Fatal(err)
		}
		if s, err := cache.Get(ctx, id); err != nil || s == nil || s.ServerName != "host.example" {
			t.Errorf("got %v, %v", s, err)
		}
		if s, err := cache.Get(ctx, id[:2]); s != nil || err != nil {
			t.Errorf("another ID: %v, %v", s, err)
		}
		c.advance(aState().Lifetime)
		if s, err := cache.Get(ctx, id); s != nil || err != nil {
			t.Errorf("at its end: %v, %v", s, err)
		}
		if err := errors.Join(cache.Put(ctx, id, aState()), cache.Drop(ctx, id)); err != nil {
			t.Fatal(err)
		}
		if s, err := cache.Get(ctx, id); s != nil || err != nil {
			t.Errorf("after Drop: %v, %v", s, err)
		}
		if err := kv.Put(ctx, cacheKey(id), []byte("rubbish"), time.Hour); err != nil {
			t.Fatal(err)
		}
		if s, err := cache.Get(ctx, id); s != nil || !errors.Is(err, fault.SessionFormat) {
			t.Errorf("rubbish: %v, %v", s, err)
		}
	})
}
