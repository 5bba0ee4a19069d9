//go:build unix && !aix

package handclasp

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pool"
)

// waits reports whether the connection below is one whose system tells when there is something to
// read. It must be such a connection itself: what wraps one may have a Read of its
// own, which must not be passed by.
func (c *Conn) waits() bool {
	if c.inbox.raw != nil {
		return true
	}
	var raw syscall.RawConn
	var err error
	switch conn := c.conn.(type) {
	case *net.TCPConn:
		raw, err = conn.SyscallConn()
	case *net.UnixConn:
		raw, err = conn.SyscallConn()
	}
	if raw == nil || err != nil {
		return false
	}
	c.inbox.raw, c.inbox.try = raw, c.attempt
	return true
}

// idleRead waits until there is something to read, and only then borrows a buffer.
// The poller tells of changes alone, so the first attempt comes before any wait. Its
// errors are those of the transport's own Read.
func (c *Conn) idleRead() ([]byte, error) {
	err := c.inbox.raw.Read(c.inbox.try)
	switch inner, ok := err.(*net.OpError); {
	case ok: // a deadline, or the connection is closed
		err = inner.Err
	case err != nil:
	case c.got < 0:
		err = os.NewSyscallError("read", syscall.Errno(-c.got))
	case c.got == 0:
		return nil, io.EOF
	default:
		return c.inbox.buf[:c.got], nil
	}
	failed := &net.OpError{Op: "read", Source: c.conn.LocalAddr(), Addr: c.conn.RemoteAddr(), Err: err}
	if failed.Source != nil {
		failed.Net = failed.Source.Network()
	}
	return nil, failed
}

// attempt reads into a borrowed buffer, which goes back if nothing has come.
func (c *Conn) attempt(fd uintptr) (done bool) {
	buf := pool.Get(inboxLen(c.engine.Connected()))
	buf = buf[:cap(buf)]
	n, err := syscall.Read(int(fd), buf)
	for err == syscall.EINTR {
		n, err = syscall.Read(int(fd), buf)
	}
	if err == syscall.EAGAIN {
		pool.Put(buf)
		c.engine.Idle()
		return false
	}
	c.inbox.buf, c.got = buf, int32(n)
	if errno, ok := err.(syscall.Errno); ok {
		c.got = -int32(errno)
	}
	return true
}

// maxDrained bounds what drain reads at a time, in bytes: as much as a peer has on its way that
// does not wait for answers.
const maxDrained = 1 << 20

// drain reads what has arrived and nobody will read. A system that closes TCP with bytes
// unread, or gets some afterwards, resets the connection, and throws away what the peer has
// not fetched yet: the end of an answer, to who has said before that it will send no
// more, or says so now. So it waits, for so long at most, until the system has sent what was
// written; and where the peer is in the middle of sending, until that one has seen why it
// should not. It leaves the work to who reads or shakes hands, if somebody does.
func (c *Conn) drain(wait time.Duration) {
	if !c.handshaking.tryLock() {
		return
	}
	defer c.handshaking.Unlock()
	if !c.reading.tryLock() {
		return
	}
	defer c.reading.Unlock()
	if !c.waits() {
		return
	}
	buf := pool.Get(pool.Record)
	defer pool.Put(buf)
	by, refused := time.Now().Add(wait), c.refused()
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		again := false
		c.inbox.raw.Control(func(fd uintptr) { // not Read, which a deadline that has passed forbids
			again = discard(int(fd), buf[:cap(buf)]) && (refused || unsent(int(fd)) > 0)
		})
		if !again || time.Until(by) < pause {
			return
		}
		time.Sleep(pause)
	}
}

// refused reports whether a server has told a client with an alert that may not have expected
// it: in TLS 1.3 that one's handshake is complete, and it sends, before it was judged
// (RFC 9846, Section 4.5.1.3). The caller holds handshaking.
func (c *Conn) refused() bool {
	if c.broken != nil || c.client != nil || c.engine.Info().Version != iana.TLS13 {
		return false
	}
	f, ok := errors.AsType[*fault.Error](c.engine.Err())
	return ok && !f.Received && f.AlertCode() != iana.NoAlert
}

// discard reads maxDrained at most, and reports whether more may come. It waits for
// nothing, even if somebody has set the socket to wait.
func discard(fd int, buf []byte) bool {
	for rest := maxDrained; rest > 0; {
		n, _, err := syscall.Recvfrom(fd, buf, syscall.MSG_DONTWAIT)
		switch {
		case err == syscall.EINTR:
		case n <= 0:
			return err == syscall.EAGAIN // else the peer has closed, or is gone
		default:
			rest -= n
		}
	}
	return true
}
