package handclasp

import (
	"os"
	"time"
)

// How a connection lets its server renegotiate (ClientConfig.MaxRenegotiations):
// who reads does the handshake, to its end, and who writes waits.

// pause has Writes wait until resume, or the connection's end. Who is writing
// finishes first. It belongs to who reads.
func (c *Conn) pause() {
	over := make(chan struct{})
	c.writing.Lock()
	c.paused.Store(&over)
	c.writing.Unlock()
}

// resume lets those go on that wait.
func (c *Conn) resume() {
	if over := c.paused.Swap(nil); over != nil {
		close(*over)
	}
}

// lockData is lock for who writes data: during a renegotiation it waits, until the
// write deadline.
func (c *Conn) lockData() error {
	for {
		if err := c.lock(); err != nil {
			return err
		}
		over := c.paused.Load()
		if over == nil || c.closed.Load() {
			return nil
		}
		c.release()
		if err := c.waitFor(*over); err != nil {
			return err
		}
	}
}

// waitFor waits until over is closed, or the write deadline passes.
func (c *Conn) waitFor(over <-chan struct{}) error {
	var passed <-chan time.Time
	c.deadline.Lock()
	if by := c.wanted().write; !by.IsZero() {
		timer := time.NewTimer(time.Until(by))
		defer timer.Stop()
		passed = timer.C
	}
	c.deadline.Unlock()
	select {
	case <-over:
		return nil
	case <-passed:
		return os.ErrDeadlineExceeded
	}
}

// flushAnswer sends what reading gave rise to: of a renegotiation all of it, for
// the server waits; of anything else what there is time for.
func (c *Conn) flushAnswer() {
	if c.paused.Load() == nil {
		c.flushAside()
		return
	}
	c.writing.Lock()
	if !c.closed.Load() {
		c.flushOut() // if the transport is gone, reading will say so
	}
	c.writing.Unlock()
	if !c.engine.Renegotiating() || c.engine.Err() != nil || c.readErr != nil {
		c.resume()
	}
}
