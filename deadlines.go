package handclasp

import (
	"sync"
	"time"
)

// deadlines are the user's. Few connections have some for long.
type deadlines struct {
	mu        sync.Mutex
	writeBy   time.Time
	readBy    time.Time
	moved     chan struct{} // closed when one of them changes; nil if nobody waits for that
	answering bool          // a renegotiation is being flushed, to which the read deadline applies
}

// times are the deadlines, which begin with none.
func (c *Conn) times() *deadlines {
	if d := c.deadlines.Load(); d != nil {
		return d
	}
	c.deadlines.CompareAndSwap(nil, new(deadlines))
	return c.deadlines.Load()
}

func (d *deadlines) reads() time.Time  { return d.readBy }
func (d *deadlines) writes() time.Time { return d.writeBy }

// SetReadDeadline sets the deadline of Reads, waiting ones included.
func (c *Conn) SetReadDeadline(t time.Time) error {
	d := c.times()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.readBy = t
	d.move()
	if d.answering {
		c.conn.SetWriteDeadline(t)
	}
	return c.conn.SetReadDeadline(t)
}

// SetWriteDeadline sets the deadline of Writes, waiting ones included.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	d := c.times()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.writeBy = t
	d.move()
	if d.answering {
		return nil // it counts from the next Write on
	}
	return c.conn.SetWriteDeadline(t)
}

// restoreDeadline puts the user's write deadline back. Who sets the first one at the
// same time does so after us, or is found here.
func (c *Conn) restoreDeadline() {
	if c.deadlines.Load() == nil {
		c.conn.SetWriteDeadline(time.Time{})
	}
	if d := c.deadlines.Load(); d != nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		c.conn.SetWriteDeadline(d.writeBy)
	}
}

// move tells who waits that a deadline has changed. The caller holds mu.
func (d *deadlines) move() {
	if d.moved != nil {
		close(d.moved)
		d.moved = nil
	}
}
