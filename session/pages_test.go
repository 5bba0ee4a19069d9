//go:build !js && !wasip1 && !plan9

package session

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/handclasp/handclasp/fault"
)

// aPage is a page of an image of a file: from its header to the end of the image.
type aPage []byte

func (p aPage) kind() uint16      { return binary.NativeEndian.Uint16(p[8:]) }
func (p aPage) count() int        { return int(binary.NativeEndian.Uint16(p[10:])) }
func (p aPage) set(at, n int)     { binary.NativeEndian.PutUint16(p[at:], uint16(n)) }
func (p aPage) set64(at, n int)   { binary.NativeEndian.PutUint64(p[at:], uint64(n)) }
func (p aPage) number(at int) int { return int(binary.NativeEndian.Uint32(p[at:])) }

// damages are ways to damage a page after which bbolt would call itself without end,
// take more memory than there is, or mix up what it writes. They say whether they did.
var damages = map[string]func(p aPage, id int) bool{
	"a leaf becomes a branch that leads to itself": func(p aPage, id int) bool {
		if p.kind() != leafPage || p.count() == 0 {
			return false
		}
		p.set(8, branchPage)
		p.set(10, 1)
		p.set64(pageHeader+8, id)
		return true
	},
	"a branch leads to itself": func(p aPage, id int) bool {
		if p.kind() != branchPage {
			return false
		}
		p.set64(pageHeader+8, id)
		return true
	},
	"a branch leads to a page twice": func(p aPage, _ int) bool {
		if p.kind() != branchPage || p.count() < 2 {
			return false
		}
		copy(p[pageHeader+element+8:][:8], p[pageHeader+8:])
		return true
	},
	"a bucket inside another is a branch": func(p aPage, _ int) (done bool) {
		for i := 0; p.kind() == leafPage && i < p.count(); i++ {
			e := p[pageHeader+i*element:]
			if e.number(0)&bucketFlag == 0 {
				continue
			}
			value := e[e.number(4)+e.number(8):]
			if binary.NativeEndian.Uint64(value) == 0 {
				inner := value[16:]
				inner.set(8, branchPage)
				inner.set64(pageHeader+8, 0)
				done = true
			}
		}
		return done
	},
	"more pages are free than there are": func(p aPage, _ int) bool {
		if p.kind() != freePage {
			return false
		}
		p.set(10, manyFree)
		p.set64(pageHeader, 1<<36)
		return true
	},
	"the list of free pages is free": func(p aPage, id int) bool {
		if p.kind() != freePage {
			return false
		}
		p.set(10, 1)
		p.set64(pageHeader, id)
		return true
	},
}

// stores are files of either kind, small and large.
func stores(t testing.TB) map[string][]byte {
	clock, ctx := newTicker().clock, context.Background()
	all := make(map[string][]byte)
	for _, n := range []int{1, 100} {
		path := filepath.Join(t.TempDir(), "client")
		c := must(NewClientFile(path, ClientOptions{Clock: clock, MaxKeys: 1000}))
		for i := range n {
			if err := c.Put(ctx, fmt.Sprint(i), aSession()); err != nil {
				t.Fatal(err)
			}
		}
		all[fmt.Sprint("client ", n)] = must(os.ReadFile(path))
		path = filepath.Join(t.TempDir(), "server")
		s := must(OpenFile(path, FileOptions{Clock: clock, NoSync: true}))
		for i := range n {
			if err := s.Put(ctx, fmt.Sprint(i), make([]byte, 100), time.Hour); err != nil {
				t.Fatal(err)
			}
		}
		all[fmt.Sprint("server ", n)] = must(os.ReadFile(path))
	}
	return all
}

// TestDamagedPages: pages that make up no tree are an error, which nothing else would
// be: bbolt would end the process.
func TestDamagedPages(t *testing.T) {
	files := stores(t)
	size := os.Getpagesize()
	for what, damage := range damages {
		struck := 0
		for name, image := range files {
			for id := 2; (id+1)*size <= len(image); id++ {
				b := append([]byte(nil), image...)
				if !damage(b[id*size:], id) {
					continue
				}
				path := filepath.Join(t.TempDir(), "store")
				if err := os.WriteFile(path, b, 0o600); err != nil {
					t.Fatal(err)
				}
				err := use(t.Context(), path, name[0] == 'c')
				if err == nil {
					continue // a page that nothing leads to any more
				}
				if struck++; !errors.Is(err, fault.StoreDamaged) {
					t.Errorf("%s, %s, page %d: %v", what, name, id, err)
				}
			}
		}
		if struck == 0 {
			t.Errorf("%s: nowhere", what)
		}
	}
}

// use opens a store and does what uses all of it.
func use(ctx context.Context, path string, client bool) error {
	clock := newTicker().clock
	if client {
		c, err := NewClientFile(path, ClientOptions{Clock: clock})
		if err != nil {
			return err
		}
		return c.Put(ctx, "another", aSession())
	}
	s, err := OpenFile(path, FileOptions{Clock: clock, NoSync: true})
	if err != nil {
		return err
	}
	_, err = s.First(ctx, "another", time.Hour)
	return errors.Join(err, s.Put(ctx, "another", []byte("a value"), time.Hour))
}

// TestOrphans: an end without its entry does not keep anybody waiting, neither when
// the store is full nor when it is over.
func TestOrphans(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store")
	now := newTicker()
	s := must(OpenFile(path, FileOptions{Clock: now.clock, MaxEntries: 2, NoSync: true}))
	for _, key := range []string{"one", "two"} {
		if err := s.Put(t.Context(), key, []byte("a value"), time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	db := must(bbolt.Open(path, 0o600, nil))
	err := db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(values.entries).Delete([]byte("one")) })
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), "three", []byte("a value"), time.Hour); err != nil {
		t.Error(err)
	}
	if b, err := s.Get(t.Context(), "three"); err != nil || string(b) != "a value" {
		t.Errorf("%q, %v", b, err)
	}
}

// TestGoneBeforeLook: a file that another process removes, and perhaps begins anew, just
// when it was to be looked through is no error, but another attempt's to make or find.
func TestGoneBeforeLook(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store")
	s := must(OpenFile(path, FileOptions{Clock: newTicker().clock, NoSync: true}))
	for what, replace := range map[string]func() error{
		"removed":   func() error { return os.Remove(path) },
		"begun new": func() error { return os.WriteFile(path, nil, 0o600) },
	} {
		if err := replace(); err != nil {
			t.Fatal(err)
		}
		_, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, OpenFile: s.open})
		if err = s.openError(nil, err); !errors.Is(err, errReplaced) {
			t.Errorf("%s: %v", what, err)
		}
		if err := s.Put(t.Context(), what, []byte("a value"), time.Hour); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}
