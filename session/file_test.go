package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/handclasp/handclasp/fault"
)

// child names the file that a child process of a test works on.
const child = "HANDCLASP_SESSION_TEST_FILE"

const childKeys = 200

// TestMain becomes a child if asked: it says for which keys it was first, and which
// tickets it took.
func TestMain(m *testing.M) {
	path := os.Getenv(child)
	if path == "" {
		os.Exit(m.Run())
	}
	ctx := context.Background()
	f := must(OpenFile(path, FileOptions{Clock: time.Now, NoSync: true, Wait: time.Minute}))
	c := must(NewClientFile(path+".client", ClientOptions{Clock: time.Now}))
	for i := range childKeys {
		if must(f.First(ctx, fmt.Sprint(i), time.Hour)) {
			fmt.Println("first", i)
		}
		if s := must(c.Take(ctx, "host")); s != nil {
			fmt.Printf("took %s\n", s.Ticket)
		}
	}
	keys := must(must(StoredKeys(f, nil, Rotation{})).Keys(ctx, begin))
	fmt.Printf("key %x\n", keys[0].Name)
}

// TestProcesses: of several processes, one is first for each key and one takes each
// ticket; they agree on the key of tickets.
func TestProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kv")
	tickets := must(NewClientFile(path+".client", ClientOptions{Clock: time.Now, PerKey: 100}))
	for i := range 100 {
		s := aSession()
		s.Received, s.Ticket = time.Now(), fmt.Append(nil, i)
		if err := tickets.Put(t.Context(), "host", s); err != nil {
			t.Fatal(err)
		}
	}
	const processes = 3
	var outputs [processes]bytes.Buffer
	var running []*exec.Cmd
	for i := range processes {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), child+"="+path)
		cmd.Stdout, cmd.Stderr = &outputs[i], os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		running = append(running, cmd)
	}
	seen := make(map[string]int)
	for i, cmd := range running {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		for line := range strings.Lines(outputs[i].String()) {
			seen[strings.TrimSpace(line)]++
		}
	}
	kinds := make(map[string]int)
	for line, n := range seen {
		kind, _, _ := strings.Cut(line, " ")
		kinds[kind]++
		if n != 1 && kind != "key" {
			t.Errorf("%d processes say %q", n, line)
		}
	}
	if kinds["first"] != childKeys || kinds["took"] != 100 || kinds["key"] != 1 {
		t.Errorf("counted %v", kinds)
	}
}

// open opens a file that must open.
func open(t *testing.T, path string, o FileOptions) *File {
	t.Helper()
	if o.Clock == nil {
		o.Clock = newTicker().clock
	}
	f, err := OpenFile(path, o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFileMode(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such bits")
	}
	path := filepath.Join(t.TempDir(), "kv")
	f := open(t, path, FileOptions{})
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("made with %v, %v", info.Mode(), err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o610} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := f.First(t.Context(), mode.String(), time.Hour)
		if !errors.Is(err, fault.StorePermissions) || !strings.Contains(err.Error(), path) {
			t.Errorf("%v: %v", mode, err)
		}
		if _, err := NewClientFile(path, ClientOptions{Clock: time.Now}); !errors.Is(err, fault.StorePermissions) {
			t.Errorf("client, %v: %v", mode, err)
		}
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := f.First(t.Context(), "key", time.Hour); err != nil {
		t.Errorf("put right again: %v", err)
	}
}

// TestDamagedFile: whatever happened to a file, it is an error, no crash, and the
// store works again when the file was removed.
func TestDamagedFile(t *testing.T) {
	whole := filepath.Join(t.TempDir(), "whole")
	f := open(t, whole, FileOptions{NoSync: true})
	for i := range 300 {
		if err := f.Put(t.Context(), fmt.Sprint(i), secret(500, byte(i)), time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	content := must(os.ReadFile(whole))
	damages := map[string]func() []byte{
		"text":  func() []byte { return []byte("a shopping list\n") },
		"zeros": func() []byte { return make([]byte, len(content)) },
		"half":  func() []byte { return bytes.Clone(content[:len(content)/2]) },
		"heads": func() []byte { return bytes.Clone(content[:2*os.Getpagesize()]) },
		"pages overwritten": func() []byte {
			b := bytes.Clone(content)
			for i := 2 * os.Getpagesize(); i < len(b); i++ {
				b[i] = 0xa5
			}
			return b
		},
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "kv")
			f := open(t, path, FileOptions{NoSync: true})
			if err := os.WriteFile(path, damage(), 0o600); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if _, err := f.First(t.Context(), "key", time.Hour); !errors.Is(err, fault.StoreDamaged) || !strings.Contains(err.Error(), path) {
					t.Errorf("got %v", err)
				}
			}
			if _, err := OpenFile(path, FileOptions{Clock: time.Now}); !errors.Is(err, fault.StoreDamaged) {
				t.Errorf("opened: %v", err)
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if first, err := f.First(t.Context(), "key", time.Hour); !first || err != nil {
				t.Errorf("removed: %v, %v", first, err)
			}
		})
	}
}

// TestOtherFile: a file of another kind is left alone.
func TestOtherFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kv")
	open(t, path, FileOptions{})
	if _, err := NewClientFile(path, ClientOptions{Clock: time.Now}); !errors.Is(err, fault.StoreDamaged) {
		t.Errorf("a client with a server's file: %v", err)
	}
	db := must(bbolt.Open(path+".other", 0o600, nil))
	if err := errors.Join(db.Update(func(tx *bbolt.Tx) error { return second(tx.CreateBucket([]byte("theirs"))) }), db.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenFile(path+".other", FileOptions{Clock: time.Now}); !errors.Is(err, fault.StoreDamaged) {
		t.Errorf("somebody else's: %v", err)
	}
	if !bytes.Contains(must(os.ReadFile(path)), []byte("HOLDS SECRETS")) {
		t.Error("the file does not say what it holds")
	}
}

// TestLocked: waiting ends with the context or the time to wait.
func TestLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kv")
	f := open(t, path, FileOptions{Wait: 30 * time.Millisecond})
	db := must(bbolt.Open(path, 0o600, nil))
	_, err := f.Get(t.Context(), "key")
	if !errors.Is(err, fault.StoreBusy) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("locked: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	f.wait = time.Minute
	time.AfterFunc(10*time.Millisecond, cancel)
	if _, err := f.Get(ctx, "key"); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	time.AfterFunc(10*time.Millisecond, func() { db.Close() })
	if _, err := f.Get(t.Context(), "key"); err != nil {
		t.Errorf("let go: %v", err)
	}
}

// TestSince: a File knows since when it remembers.
func TestSince(t *testing.T) {
	c, path := newTicker(), filepath.Join(t.TempDir(), "kv")
	f := open(t, path, FileOptions{Clock: c.clock})
	c.advance(time.Hour)
	again, unsafe := open(t, path, FileOptions{Clock: c.clock}), open(t, path, FileOptions{Clock: c.clock, NoSync: true})
	if !f.Since().Equal(begin) || !again.Since().Equal(begin) || !unsafe.Since().Equal(c.now) {
		t.Errorf("since %v, %v and without sync %v", f.Since(), again.Since(), unsafe.Since())
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if must(f.Get(t.Context(), "key")); !f.Since().Equal(c.now) {
		t.Errorf("emptied, it remembers since %v", f.Since())
	}
}

// TestFileShrinksInside: what is over makes room for what comes.
func TestFileShrinksInside(t *testing.T) {
	c, path := newTicker(), filepath.Join(t.TempDir(), "kv")
	f := open(t, path, FileOptions{Clock: c.clock, NoSync: true})
	var sizes []int64
	for range 3 {
		for i := range 100 {
			if err := f.Put(t.Context(), fmt.Sprint(c.now, i), secret(1000, 1), time.Hour); err != nil {
				t.Fatal(err)
			}
		}
		c.advance(time.Hour)
		sizes = append(sizes, must(os.Stat(path)).Size())
	}
	if sizes[2] > 2*sizes[0] {
		t.Errorf("grew from %d to %d bytes", sizes[0], sizes[2])
	}
	err := f.view(t.Context(), func(tx *bbolt.Tx) error {
		s := f.shop(tx)
		entries, ends := s.Bucket(values.entries), s.Bucket(values.ends)
		if n := entries.Stats().KeyN; uint64(n) != entries.Sequence() || n != ends.Stats().KeyN || n > 100 {
			t.Errorf("%d entries, counted as %d, with %d ends", n, entries.Sequence(), ends.Stats().KeyN)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func BenchmarkFile(b *testing.B) {
	for _, noSync := range []bool{true, false} {
		f := must(OpenFile(filepath.Join(b.TempDir(), "kv"), FileOptions{Clock: time.Now, NoSync: noSync}))
		i := 0
		b.Run(fmt.Sprintf("First/NoSync=%v", noSync), func(b *testing.B) {
			for b.Loop() {
				i++
				must(f.First(b.Context(), fmt.Sprint("a key of about forty-five bytes or so ", i), time.Hour))
			}
		})
		b.Run(fmt.Sprintf("Get/NoSync=%v", noSync), func(b *testing.B) {
			for b.Loop() {
				must(f.Get(b.Context(), "key"))
			}
		})
	}
}
