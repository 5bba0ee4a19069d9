package session

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// eachClient runs a test with each ClientStore of this package.
func eachClient(t *testing.T, o ClientOptions, test func(t *testing.T, store ClientStore, c *ticker)) {
	t.Run("memory", func(t *testing.T) {
		c := newTicker()
		o.Clock = c.clock
		test(t, must(NewClientMemory(o)), c)
	})
	t.Run("file", func(t *testing.T) {
		c := newTicker()
		o.Clock = c.clock
		test(t, must(NewClientFile(filepath.Join(t.TempDir(), "sessions"), o)), c)
	})
}

// named is a session whose ticket is its name.
func named(v iana.Version, name string) *Session {
	s := aSession()
	s.Version, s.Ticket, s.Received = v, []byte(name), begin
	return s
}

// TestClientStores: a script of what is put, taken and dropped. The tickets of TLS
// 1.3 are in capitals.
func TestClientStores(t *testing.T) {
	for _, script := range []string{
		"take:",
		"put:A take:A take:",
		"put:A put:B take:B take:A take:",
		"put:A put:B put:C put:D take:D take:C take:B take:", // three are kept
		"put:a take:a take:a drop:a take:",
		"put:a put:b take:b drop:b take:", // one session that serves often is enough
		"put:a put:A take:A take:a take:a",
		"put:A put:a take:a drop:a take:A take:",
		"put:A put:B put:C put:a take:a drop:a take:C take:B take:A take:",
		"put:a put:A put:B put:C put:D take:D take:C take:B take:a",
		"put:A drop:B take:A",
		"put:A take:A drop:A take:",
		"put:a drop:b take:a",
	} {
		t.Run(script, func(t *testing.T) {
			eachClient(t, ClientOptions{PerKey: 3}, func(t *testing.T, store ClientStore, _ *ticker) {
				for step := range strings.FieldsSeq(script) {
					run(t, store, step)
				}
			})
		})
	}
}

func run(t *testing.T, store ClientStore, step string) {
	t.Helper()
	deed, name, _ := strings.Cut(step, ":")
	version := iana.TLS12
	if strings.ToUpper(name) == name {
		version = iana.TLS13
	}
	s := named(version, name)
	switch deed {
	case "put":
		if err := store.Put(t.Context(), "host", s); err != nil {
			t.Error(err)
		}
		clear(s.Secret) // the store has a copy
	case "drop":
		if err := store.Drop(t.Context(), "host", s); err != nil {
			t.Error(err)
		}
	case "take":
		got, err := store.Take(t.Context(), "host")
		if name == "" {
			s = nil
		}
		if err != nil || !reflect.DeepEqual(got, s) {
			t.Errorf("%s: got %v, %v", step, got, err)
		} else if got != nil {
			got.Wipe() // the caller's own
		}
	}
	if other, err := store.Take(t.Context(), "other"); other != nil || err != nil {
		t.Errorf("another server got %v, %v", other, err)
	}
}

// TestClientExpiry: what is too old is not given, and not kept.
func TestClientExpiry(t *testing.T) {
	eachClient(t, ClientOptions{}, func(t *testing.T, store ClientStore, c *ticker) {
		for _, name := range []string{"A", "a"} {
			run(t, store, "put:"+name)
		}
		c.advance(aSession().Lifetime - 1)
		run(t, store, "take:a")
		c.advance(1)
		run(t, store, "take:")
		c.advance(-time.Second)
		run(t, store, "take:")
	})
}

// TestClientKeys: the server that was used least recently goes.
func TestClientKeys(t *testing.T) {
	eachClient(t, ClientOptions{MaxKeys: 2}, func(t *testing.T, store ClientStore, c *ticker) {
		put := func(key string) {
			t.Helper()
			c.advance(time.Second)
			if err := store.Put(t.Context(), key, named(iana.TLS12, "a")); err != nil {
				t.Fatal(err)
			}
		}
		has := func(key string, want bool) {
			t.Helper()
			c.advance(time.Second)
			if s, err := store.Take(t.Context(), key); (s != nil) != want || err != nil {
				t.Errorf("%s: %v, %v", key, s != nil, err)
			}
		}
		put("one")
		put("two")
		has("one", true)
		put("three")
		has("two", false)
		has("one", true)
		has("three", true)
	})
}

// TestClientWipes: what goes is overwritten.
func TestClientWipes(t *testing.T) {
	c := newTicker()
	m := must(NewClientMemory(ClientOptions{Clock: c.clock, PerKey: 1, MaxKeys: 1}))
	secrets := func() (all [][]byte) {
		for at := m.used.Front(); at != nil; at = at.Next() {
			for _, s := range at.Value.(*server).shelf {
				all = append(all, s.Secret)
			}
		}
		return all
	}
	for name, goes := range map[string]func() error{
		"pushed out by another ticket": func() error { return m.Put(t.Context(), "host", named(iana.TLS13, "B")) },
		"pushed out by another server": func() error { return m.Put(t.Context(), "other", named(iana.TLS13, "B")) },
		"dropped":                      func() error { return m.Drop(t.Context(), "host", named(iana.TLS13, "A")) },
		"too old": func() error {
			c.advance(3 * time.Hour)
			defer c.advance(-3 * time.Hour)
			return second(m.Take(t.Context(), "host"))
		},
	} {
		if err := m.Put(t.Context(), "host", named(iana.TLS13, "A")); err != nil {
			t.Fatal(err)
		}
		before := secrets()
		if err := goes(); err != nil {
			t.Fatal(err)
		}
		if len(before) != 1 || !bytes.Equal(before[0], make([]byte, 48)) {
			t.Errorf("%s: %d secrets, not wiped", name, len(before))
		}
	}
}

// TestTakenOnce: of many at once, one gets a ticket of TLS 1.3.
func TestTakenOnce(t *testing.T) {
	eachClient(t, ClientOptions{PerKey: 10}, func(t *testing.T, store ClientStore, _ *ticker) {
		for i := range 10 {
			if err := store.Put(t.Context(), "host", named(iana.TLS13, fmt.Sprint("TICKET", i))); err != nil {
				t.Fatal(err)
			}
		}
		var taken atomic.Int32
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 10 {
					s, err := store.Take(t.Context(), "host")
					if err != nil {
						t.Error(err)
					} else if s != nil {
						taken.Add(1)
					}
				}
			})
		}
		all.Wait()
		if n := taken.Load(); n != 10 {
			t.Errorf("10 tickets were taken %d times", n)
		}
	})
}

// TestClientFileEntry: an entry that can't be read is an error that names the file,
// and one that can't be written does no harm.
func TestClientFileEntry(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sessions")
	f := must(NewClientFile(path, ClientOptions{Clock: newTicker().clock}))
	large := named(iana.TLS13, "A")
	large.ServerName = strings.Repeat("a", 256)
	if err := f.Put(t.Context(), "host", large); !errors.Is(err, fault.SessionTooLarge) {
		t.Errorf("too large: %v", err)
	}
	run(t, f, "put:A")
	run(t, f, "take:A")
	for name, entry := range map[string][]byte{
		"short":    {1, 2, 3},
		"length":   append(make([]byte, 8), 0, 0, 1, 0, 1),
		"no state": append(make([]byte, 8), 0, 0, 0, 1, 1),
	} {
		err := f.update(t.Context(), func(tx *bbolt.Tx) error { return tx.Bucket(shelves).Put([]byte("host"), entry) })
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Take(t.Context(), "host"); !errors.Is(err, fault.StoreDamaged) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
