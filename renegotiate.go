package handclasp

import (
	"os"
	"time"

	"github.com/handclasp/handclasp/flow"
)

// How a connection lets its server renegotiate (ClientConfig.MaxRenegotiations):
// who reads does the handshake, to its end, and who writes waits. All of it goes
// by the read deadline, what is sent too.

// A pause is a renegotiation as who writes sees it.
type pause struct {
	over chan struct{} // closed when it is
	idle chan struct{} // holds something when the write lock may be free
}

// renegotiate begins when nobody else writes. Who is at it finishes first, unless
// the read deadline passes: then the question stays open for the next Read.
func (c *Conn) renegotiate(ask *flow.RenegotiateAsk) error {
	p := &pause{make(chan struct{}), make(chan struct{}, 1)}
	c.paused.Store(p)
	for !c.tryAside() {
		if err := c.waitFor(p.idle, (*deadlines).reads); err != nil {
			c.resume()
			return err
		}
	}
	c.leaveAside()
	ask.Reply()
	return nil
}

// resume lets those go on that wait.
func (c *Conn) resume() {
	if p := c.paused.Swap(nil); p != nil {
		close(p.over)
	}
}

// unlock gives the write lock to who waits for it.
func (c *Conn) unlock() {
	c.writing.Unlock()
	if p := c.paused.Load(); p != nil {
		select {
		case p.idle <- struct{}{}:
		default:
		}
	}
}

// lockData is lock for who has something to say after a renegotiation: he waits
// until it is over, or the write deadline passes.
func (c *Conn) lockData() error {
	for {
		if err := c.lock(); err != nil {
			return err
		}
		p := c.paused.Load()
		if p == nil {
			return nil
		}
		c.release()
		if err := c.waitFor(p.over, (*deadlines).writes); err != nil {
			return err
		}
	}
}

// waitFor waits for done until the deadline passes, which may change meanwhile.
func (c *Conn) waitFor(done <-chan struct{}, deadline func(*deadlines) time.Time) error {
	d := c.times()
	for {
		d.mu.Lock()
		if d.moved == nil {
			d.moved = make(chan struct{})
		}
		moved, by := d.moved, deadline(d)
		d.mu.Unlock()
		var passed <-chan time.Time
		if !by.IsZero() {
			passed = time.After(time.Until(by))
		}
		select {
		case <-done:
			return nil
		case <-passed:
			return os.ErrDeadlineExceeded
		case <-moved:
		}
	}
}

// flushAnswer sends what reading gave rise to: of a renegotiation all of it, for
// the server waits; of anything else what there is time for.
func (c *Conn) flushAnswer() {
	if c.paused.Load() == nil {
		c.flushAside()
		return
	}
	c.writing.Lock() // as a writer: this may take long, and Close does not wait for it
	if !c.closed.Load() {
		c.answerBy(true)
		c.flushOut() // if the transport is gone, reading will say so
		c.answerBy(false)
	}
	c.unlock()
}
