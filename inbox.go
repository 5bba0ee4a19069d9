package handclasp

import (
	"syscall"

	"github.com/handclasp/handclasp/internal/pool"
)

// An inbox is where what arrives lies until it is read. It is empty, and no buffer
// is held, while nothing is on its way: see idleRead.
type inbox struct {
	buf []byte // borrowed; nil: none
	raw syscall.RawConn
	try func(fd uintptr) bool // made once, like raw
}

// fill reads from the transport behind what is already there.
func (c *Conn) fill() error {
	if len(c.raw) == 0 && c.waits() {
		c.returnInbox()
		var err error
		c.raw, err = c.idleRead()
		return err
	}
	c.makeRoom()
	used := copy(c.inbox.buf, c.raw)
	n, err := c.conn.Read(c.inbox.buf[used:])
	c.raw = c.inbox.buf[:used+n]
	if n > 0 {
		return nil // an error comes again
	}
	return err
}

// makeRoom sees to it that what comes next fits behind what is already there.
func (c *Conn) makeRoom() {
	need := inboxLen(c.engine.Connected())
	if c.engine.Want() > need {
		need = pool.Record
	}
	if cap(c.inbox.buf) >= need {
		return
	}
	b := pool.Get(need)
	b = b[:cap(b)]
	c.raw = b[:copy(b, c.raw)]
	pool.Put(c.inbox.buf)
	c.inbox.buf = b
}

// inboxLen is what is borrowed at first: in a handshake most records are short, and
// connections many.
func inboxLen(connected bool) int {
	if connected {
		return pool.Record
	}
	return pool.Message
}

// returnInbox gives the buffer back. Nothing may lie in it any more.
func (c *Conn) returnInbox() {
	pool.Put(c.inbox.buf)
	c.inbox.buf, c.raw, c.data = nil, nil, nil
}
