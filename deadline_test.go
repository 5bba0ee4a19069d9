package handclasp_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/handclasp/handclasp"
)

// A timed transport knows its deadlines, and calls before with those that hold as a
// Read or Write begins.
type timed struct {
	net.Conn
	mu             sync.Mutex
	readBy, sendBy time.Time
	reads, writes  func()
}

func (c *timed) Read(p []byte) (int, error)  { c.before(&c.reads); return c.Conn.Read(p) }
func (c *timed) Write(p []byte) (int, error) { c.before(&c.writes); return c.Conn.Write(p) }

// before calls what a test has put there, once.
func (c *timed) before(hook *func()) {
	c.mu.Lock()
	f := *hook
	*hook = nil
	c.mu.Unlock()
	if f != nil {
		f()
	}
}

func (c *timed) on(hook *func(), f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*hook = f
}

func (c *timed) SetReadDeadline(by time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.readBy = by
	return c.Conn.SetReadDeadline(by)
}

func (c *timed) SetWriteDeadline(by time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sendBy = by
	return c.Conn.SetWriteDeadline(by)
}

func (c *timed) by(which *time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return *which
}

// overTimed is a client over a timed transport, and its server.
func overTimed(t *testing.T, change func(*handclasp.ClientConfig, *handclasp.ServerConfig)) (client, server *handclasp.Conn, below *timed) {
	t.Helper()
	c, s := loopback(t)
	below = &timed{Conn: c}
	client, server = laterOver(t, below, s, change)
	return client, server, below
}

// TestDeadlinesOfOurOwn: what goes by a deadline of ours goes by it even if the user
// sets another just then, which counts afterwards.
func TestDeadlinesOfOurOwn(t *testing.T) {
	users := time.Now().Add(time.Hour)
	t.Run("an answer to KeyUpdate", func(t *testing.T) {
		client, server, below := overTimed(t, nil)
		done := make(chan time.Time, 1)
		below.on(&below.writes, func() {
			client.SetWriteDeadline(users)
			done <- below.by(&below.sendBy)
		})
		if err := server.KeyUpdate(true); err != nil {
			t.Fatal(err)
		}
		if _, err := server.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		if by := <-done; !by.Before(users) {
			t.Errorf("an answer may take until %v", by)
		}
		if by := below.by(&below.sendBy); !by.Equal(users) {
			t.Errorf("afterwards the deadline is %v", by)
		}
	})
	t.Run("Close", func(t *testing.T) {
		client, _, below := overTimed(t, nil)
		done := make(chan time.Time, 1)
		below.on(&below.writes, func() {
			client.SetWriteDeadline(time.Time{})
			done <- below.by(&below.sendBy)
		})
		client.Close()
		if by := <-done; by.IsZero() {
			t.Error("a goodbye may take for ever")
		}
	})
	t.Run("WaitVerdict", func(t *testing.T) {
		client, _, below := overTimed(t, func(c *handclasp.ClientConfig, s *handclasp.ServerConfig) {
			s.AskLater = false // the server says nothing more of its own accord
		})
		ctx, cancel := context.WithCancel(t.Context())
		below.on(&below.reads, func() {
			cancel()
			for below.by(&below.readBy).IsZero() { // until it was woken
				time.Sleep(time.Millisecond)
			}
			client.SetReadDeadline(users)
		})
		within(t, 10*time.Second, "WaitVerdict", func() {
			if err := client.WaitVerdict(ctx); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
		if by := below.by(&below.readBy); !by.Equal(users) {
			t.Errorf("afterwards the deadline is %v", by)
		}
	})
}
