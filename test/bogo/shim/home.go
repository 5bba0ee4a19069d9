package main

import (
	"context"
	"time"

	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/session"
)

// A home is what outlives a connection: sessions, the keys of tickets, the guard
// against replays, and a clock that can be set forward.
type home struct {
	clock   time.Time        // which stands still but for -resumption-delay
	session *session.Session // what a client got last, for its next connection
	offer   *session.Session // what it may offer in this one
	verdict *flow.Verdict    // on the peer's certificate, when it was judged last
	tickets session.Tickets
	cache   *session.Cache
	cached  *counter
	guard   *session.Guard
}

func newHome() (*home, error) {
	h := &home{clock: time.Now()}
	var err error
	if h.tickets, err = session.NewTickets(session.TicketOptions{Clock: h.now}); err != nil {
		return nil, err
	}
	seen, err := session.NewMemory(session.MemoryOptions{Clock: h.now})
	if err != nil {
		return nil, err
	}
	h.cached = &counter{KV: seen}
	h.cache = session.NewCache(h.cached)
	// A process that was started a moment ago would refuse all 0-RTT data; each test
	// is a process, and has no past.
	h.guard, err = session.NewGuard(session.GuardOptions{
		KV: ageless{seen}, Clock: h.now, Started: h.now().Add(-time.Hour), Window: time.Minute,
	})
	return h, err
}

// ageless is a store that does not say since when it remembers.
type ageless struct{ session.KV }

// A counter counts what is put into a store.
type counter struct {
	session.KV
	puts int
}

func (c *counter) Put(ctx context.Context, key string, value []byte, life time.Duration) error {
	c.puts++
	return c.KV.Put(ctx, key, value, life)
}

func (h *home) now() time.Time { return h.clock }

// begin takes up the session of the connection before.
func (h *home) begin() { h.offer, h.session = h.session, nil }

// A home is a client's store with one place.
var _ session.ClientStore = (*home)(nil)

func (h *home) Put(_ context.Context, _ string, s *session.Session) error {
	h.session = s
	return nil
}

func (h *home) Take(context.Context, string) (*session.Session, error) {
	s := h.offer
	h.offer = nil
	return s, nil
}

func (h *home) Drop(context.Context, string, *session.Session) error { return nil }
