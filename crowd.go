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
	of            *crowd // nil: it never was in one
	before, after *Conn
	left, lost    bool // it is there no more, because it is complete or over, or because it gave way
}

// enter puts c behind all others, and closes the first if that is one too many.
func (w *crowd) enter(c *Conn) {
	w.mu.Lock()
	c.place = place{of: w, before: w.newest}
	if w.newest != nil {
		w.newest.place.after = c
	} else {
		w.first = c
	}
	w.newest = c
	w.count++
	var oldest *Conn
	if w.count > w.most {
		oldest = w.first
		w.remove(oldest)
		oldest.place.lost = true
	}
	w.mu.Unlock()
	if oldest != nil {
		oldest.conn.Close() // its handshake finds out
	}
}

// remove takes c out. The caller holds mu.
func (w *crowd) remove(c *Conn) {
	p := &c.place
	if p.before != nil {
		p.before.place.after = p.after
	} else {
		w.first = p.after
	}
	if p.after != nil {
		p.after.place.before = p.before
	} else {
		w.newest = p.before
	}
	p.before, p.after = nil, nil
	w.count--
}

// leave takes c out of its crowd, if it is in one, and reports whether it had not
// given way before.
func (c *Conn) leave() bool {
	w := c.place.of
	if w == nil {
		return true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.place.lost {
		return false
	}
	if !c.place.left {
		c.place.left = true
		w.remove(c)
	}
	return true
}

// crowded reports whether c gave way.
func (c *Conn) crowded() bool {
	w := c.place.of
	if w == nil {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return c.place.lost
}
