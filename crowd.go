package handclasp

import "sync"

// A crowd is the connections of one listener whose handshake is not complete, in
// the order in which they came. When there are too many the oldest gives way, not the
// newest: who means it is through in a moment, and who is slow on purpose has been
// there longest. So slow ones push each other out, and the others get in.
type crowd struct {
	most int

	mu            sync.Mutex
	count         int
	first, newest *Conn
}

// A place is where a connection stands in a crowd.
type place struct {
	of            *crowd
	before, after *Conn
	lost          bool // it is there no more, because it gave way
}

// enter puts c behind all others, and closes the first if that is one too many.
func (w *crowd) enter(c *Conn) {
	w.mu.Lock()
	c.place.Store(&place{of: w, before: w.newest})
	if w.newest != nil {
		w.newest.place.Load().after = c
	} else {
		w.first = c
	}
	w.newest = c
	w.count++
	var oldest *Conn
	if w.count > w.most {
		oldest = w.first
		w.remove(oldest)
		oldest.place.Load().lost = true
	}
	w.mu.Unlock()
	if oldest != nil {
		oldest.conn.Close() // its handshake finds out
	}
}

// remove takes c out. The caller holds mu.
func (w *crowd) remove(c *Conn) {
	p := c.place.Load()
	if p.before != nil {
		p.before.place.Load().after = p.after
	} else {
		w.first = p.after
	}
	if p.after != nil {
		p.after.place.Load().before = p.before
	} else {
		w.newest = p.before
	}
	p.before, p.after = nil, nil
	w.count--
}

// leave takes c out of its crowd, if it is in one, and reports whether it had not
// given way before.
func (c *Conn) leave() bool {
	p := c.place.Load()
	if p == nil {
		return true
	}
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	if p.lost {
		return false
	}
	if c.place.Load() != nil { // nobody was quicker
		p.of.remove(c)
		c.place.Store(nil)
	}
	return true
}

// crowded reports whether c gave way.
func (c *Conn) crowded() bool {
	p := c.place.Load()
	if p == nil {
		return false
	}
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	return p.lost
}
