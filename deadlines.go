package handclasp

import (
	"sync"
	"time"
)

// deadlines are the user's, and what overrides them for a while. Few connections
// have some for long.
type deadlines struct {
	mu        sync.Mutex
	writeBy   time.Time
	readBy    time.Time
	moved     chan struct{} // closed when one of them changes; nil if nobody waits for that
	answering bool          // a renegotiation is being flushed, to which the read deadline applies
	hurried   int           // how many have set a write deadline of ours
	woken     int           // how many have set a read deadline of ours
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
	if d.answering && d.hurried == 0 {
		c.conn.SetWriteDeadline(t)
	}
	if d.woken > 0 {
		return nil // it counts from the next Read on
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
	if d.answering || d.hurried > 0 {
		return nil // it counts from the next Write on
	}
	return c.conn.SetWriteDeadline(t)
}

// hurry has what is written now go by a deadline of ours, whatever the user sets
// meanwhile, until restoreDeadline.
func (c *Conn) hurry(by time.Time) error {
	d := c.times()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hurried++
	return c.conn.SetWriteDeadline(by)
}

// restoreDeadline undoes a hurry.
func (c *Conn) restoreDeadline() {
	d := c.times()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.hurried--; d.hurried == 0 {
		c.conn.SetWriteDeadline(d.forWrites())
	}
}

// answerBy has the read deadline count for what is written, or the write deadline
// again.
func (c *Conn) answerBy(reading bool) {
	d := c.times()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answering = reading
	c.conn.SetWriteDeadline(d.forWrites())
}

// forWrites is the user's deadline for what is written now. The caller holds mu.
func (d *deadlines) forWrites() time.Time {
	if d.answering {
		return d.readBy
	}
	return d.writeBy
}

// move tells who waits that a deadline has changed. The caller holds mu.
func (d *deadlines) move() {
	if d.moved != nil {
		close(d.moved)
		d.moved = nil
	}
}
