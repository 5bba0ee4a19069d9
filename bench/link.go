package main

import (
	"io"
	"net"
	"sync"
	"time"
)

// A link is a pair of connections in memory. Writing never waits, so with one
// core each side runs from when it gets something to read to when it needs more.
// A link that is reset may be used again and then allocates nothing.
type link struct {
	a, b end
	to   [2]queue
}

// queue is one direction of a link.
type queue struct {
	mu    sync.Mutex
	ready sync.Cond
	data  []byte
	read  int     // of data
	due   []chunk // on a link with a delay: where in data what is on its way ends
	sink  bool    // what is written is dropped
	over  bool
}

// A chunk is what one Write sent over a link with a delay.
type chunk struct {
	end   int
	at    time.Time
	depth int
}

// An end is one side of a link.
type end struct {
	in, out *queue
	delay   time.Duration // one way
	depth   int           // how many flights had to cross the link, one after the other, before this side came to where it is
	since   time.Time
	busy    time.Duration // between start and stop, without waiting
}

func newLink(delay time.Duration) *link {
	l := new(link)
	for i := range l.to {
		l.to[i].ready.L = &l.to[i].mu
	}
	l.a = end{in: &l.to[0], out: &l.to[1], delay: delay}
	l.b = end{in: &l.to[1], out: &l.to[0], delay: delay}
	return l
}

// reset empties both directions.
func (l *link) reset() {
	for i := range l.to {
		q := &l.to[i]
		q.data, q.read, q.due, q.sink, q.over = q.data[:0], 0, nil, false, false
	}
	l.a.depth, l.b.depth, l.a.busy, l.b.busy = 0, 0, 0, 0
}

// start and stop bound what busy counts.
func (e *end) start() { e.since = time.Now() }
func (e *end) stop()  { e.busy += time.Since(e.since) }

func (e *end) Read(p []byte) (int, error) {
	q := e.in
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.read == len(q.data) && !q.over {
		e.stop()
		for q.read == len(q.data) && !q.over {
			q.ready.Wait()
		}
		e.start()
	}
	if q.read == len(q.data) {
		return 0, io.EOF
	}
	limit := len(q.data)
	if len(q.due) > 0 {
		limit = q.arrive(e)
	}
	n := copy(p, q.data[q.read:limit])
	q.read += n
	switch {
	case len(q.due) > 0 && q.read == limit:
		q.due = q.due[1:]
	case len(q.due) == 0 && q.read == len(q.data):
		q.data, q.read = q.data[:0], 0
	}
	return n, nil
}

// arrive waits for the chunk that is read next, and gives its end.
func (q *queue) arrive(e *end) int {
	c := q.due[0]
	if wait := time.Until(c.at); wait > 0 {
		q.mu.Unlock()
		time.Sleep(wait)
		q.mu.Lock()
	}
	e.depth = max(e.depth, c.depth)
	return c.end
}

func (e *end) Write(p []byte) (int, error) {
	q := e.out
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.over {
		return 0, io.ErrClosedPipe
	}
	if q.sink {
		return len(p), nil
	}
	q.data = append(q.data, p...)
	if e.delay > 0 {
		q.due = append(q.due, chunk{len(q.data), time.Now().Add(e.delay), e.depth + 1})
	}
	q.ready.Signal()
	return len(p), nil
}

func (e *end) Close() error {
	for _, q := range []*queue{e.in, e.out} {
		q.mu.Lock()
		q.over = true
		q.ready.Broadcast()
		q.mu.Unlock()
	}
	return nil
}

func (*end) LocalAddr() net.Addr              { return address{} }
func (*end) RemoteAddr() net.Addr             { return address{} }
func (*end) SetDeadline(time.Time) error      { return nil }
func (*end) SetReadDeadline(time.Time) error  { return nil }
func (*end) SetWriteDeadline(time.Time) error { return nil }

type address struct{}

func (address) Network() string { return "memory" }
func (address) String() string  { return "memory" }
