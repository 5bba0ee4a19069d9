package fault_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/session"
)

// sessionFile opens a store at a path that prepare has had its way with.
func sessionFile(prepare func(t *testing.T, path string)) scenario {
	return alone(func(t *testing.T) error {
		path := filepath.Join(t.TempDir(), "sessions")
		prepare(t, path)
		_, err := session.OpenFile(path, session.FileOptions{Clock: time.Now, Wait: 10 * time.Millisecond})
		return err
	})
}

func write(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

var ofSessions = map[*fault.Rule]scenario{
	fault.SessionFormat: alone(func(t *testing.T) error {
		_, err := session.ParseState([]byte("not a state"))
		return err
	}),
	fault.SessionTooLarge: alone(func(t *testing.T) error {
		tickets, err := session.NewTickets(session.TicketOptions{Clock: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		_, err = tickets.Seal(t.Context(), &session.State{Secret: make([]byte, 32), Peer: [][]byte{make([]byte, 1<<16)}})
		return err
	}),
	fault.StoreFull: alone(func(t *testing.T) error {
		m, err := session.NewMemory(session.MemoryOptions{Clock: time.Now, MaxEntries: 1})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.First(t.Context(), "one", time.Hour); err != nil {
			t.Fatal(err)
		}
		_, err = m.First(t.Context(), "two", time.Hour)
		return err
	}),
	fault.StorePermissions: sessionFile(func(t *testing.T, path string) {
		write(t, path, "", 0o600)
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
	}),
	fault.StoreDamaged: sessionFile(func(t *testing.T, path string) { write(t, path, "a shopping list", 0o600) }),
	fault.StoreBusy: sessionFile(func(t *testing.T, path string) {
		db, err := bbolt.Open(path, 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
	}),
	fault.StoreFailed: sessionFile(func(t *testing.T, path string) {
		if err := os.Remove(filepath.Dir(path)); err != nil {
			t.Fatal(err)
		}
	}),
}
