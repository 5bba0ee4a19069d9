//go:build unix

package handclasp

import (
	"io"
	"net"
	"os"
	"syscall"

	"github.com/handclasp/handclasp/engine"
	"github.com/handclasp/handclasp/internal/pool"
)

// waits reports whether conn is one whose system tells when there is something to
// read. It must be such a connection itself: what wraps one may have a Read of its
// own, which must not be passed by.
func (b *inbox) waits(conn net.Conn) bool {
	if b.raw != nil {
		return true
	}
	var raw syscall.RawConn
	var err error
	switch conn := conn.(type) {
	case *net.TCPConn:
		raw, err = conn.SyscallConn()
	case *net.UnixConn:
		raw, err = conn.SyscallConn()
	}
	if raw == nil || err != nil {
		return false
	}
	b.raw, b.try = raw, b.attempt
	return true
}

// idleRead waits until there is something to read, and only then borrows a buffer.
// The poller tells of changes alone, so the first attempt comes before any wait. Its
// errors are those of conn.Read.
func (b *inbox) idleRead(conn net.Conn, e *engine.Engine) ([]byte, error) {
	b.waiting = e
	err := b.raw.Read(b.try)
	switch inner, ok := err.(*net.OpError); {
	case ok: // a deadline, or the connection is closed
		err = inner.Err
	case err != nil:
	case b.n < 0:
		err = os.NewSyscallError("read", syscall.Errno(-b.n))
	case b.n == 0:
		return nil, io.EOF
	default:
		return b.buf[:b.n], nil
	}
	failed := &net.OpError{Op: "read", Source: conn.LocalAddr(), Addr: conn.RemoteAddr(), Err: err}
	if failed.Source != nil {
		failed.Net = failed.Source.Network()
	}
	return nil, failed
}

// attempt reads into a borrowed buffer, which goes back if nothing has come.
func (b *inbox) attempt(fd uintptr) (done bool) {
	buf := pool.Get(inboxLen(b.waiting.Connected()))
	buf = buf[:cap(buf)]
	n, err := syscall.Read(int(fd), buf)
	for err == syscall.EINTR {
		n, err = syscall.Read(int(fd), buf)
	}
	if err == syscall.EAGAIN {
		pool.Put(buf)
		b.waiting.Idle()
		return false
	}
	b.buf, b.n = buf, n
	if errno, ok := err.(syscall.Errno); ok {
		b.n = -int(errno)
	}
	return true
}
