package loop

import (
	"context"
	"net"
	"os"
	"syscall"
)

// Serve takes connections from l until ctx ends, all on this goroutine.
func (s *Server) Serve(ctx context.Context, l *net.TCPListener) error {
	f, err := l.File()
	if err != nil {
		return err
	}
	defer f.Close()
	poll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	defer syscall.Close(poll)
	wakeUp, wake, err := os.Pipe()
	if err != nil {
		return err
	}
	defer wakeUp.Close()
	stop := context.AfterFunc(ctx, func() { wake.Close() }) // which wakes who waits for the other end
	defer func() {
		if stop() {
			wake.Close()
		}
	}()
	p := &poller{Server: s, poll: poll, listener: int(f.Fd()), stop: int(wakeUp.Fd()), conns: make(map[int]*conn), buf: make([]byte, 64<<10)}
	defer p.closeAll()
	if err := syscall.SetNonblock(p.listener, true); err != nil {
		return err
	}
	for _, fd := range []int{p.listener, p.stop} {
		if err := p.watch(syscall.EPOLL_CTL_ADD, fd, syscall.EPOLLIN); err != nil {
			return err
		}
	}
	return p.run()
}

// A poller is a Server at work.
type poller struct {
	*Server
	poll, listener, stop int
	conns                map[int]*conn // by file descriptor
	buf                  []byte        // that all read into
}

func (p *poller) watch(op, fd int, events uint32) error {
	return os.NewSyscallError("epoll_ctl", syscall.EpollCtl(p.poll, op, fd, &syscall.EpollEvent{Events: events, Fd: int32(fd)}))
}

func (p *poller) run() error {
	events := make([]syscall.EpollEvent, 256)
	for {
		n, err := syscall.EpollWait(p.poll, events, -1)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return os.NewSyscallError("epoll_wait", err)
		}
		for _, ev := range events[:n] {
			switch fd := int(ev.Fd); fd {
			case p.stop:
				return nil
			case p.listener:
				if err := p.accept(); err != nil {
					return err
				}
			default:
				p.serve(fd, p.conns[fd])
			}
		}
	}
}

// accept takes all connections that wait.
func (p *poller) accept() error {
	for {
		fd, _, err := syscall.Accept4(p.listener, syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC)
		switch err {
		case nil:
		case syscall.EINTR, syscall.ECONNABORTED:
			continue
		case syscall.EAGAIN:
			return nil
		default:
			return os.NewSyscallError("accept", err)
		}
		c, err := p.newConn()
		if err == nil {
			err = p.watch(syscall.EPOLL_CTL_ADD, fd, syscall.EPOLLIN)
		}
		if err != nil {
			syscall.Close(fd)
			return err
		}
		p.conns[fd] = c
	}
}

// serve reads and writes what can be. While a client does not take its answers,
// nothing more is read from it.
func (p *poller) serve(fd int, c *conn) {
	err := p.send(fd, c)
	for over := false; err == nil && !over && len(c.unsent) == 0; {
		var n int
		have := copy(p.buf, c.rest)
		switch n, err = syscall.Read(fd, p.buf[have:]); {
		case err == syscall.EAGAIN:
			over, err = true, nil
		case err == syscall.EINTR:
			err = nil
		case err == nil && n == 0:
			err = syscall.ECONNRESET
		case err == nil:
			err = p.take(c, p.buf[:have+n])
			if failed := p.send(fd, c); err == nil {
				err = failed
			}
		}
	}
	if err != nil {
		p.close(fd)
		return
	}
	events := uint32(syscall.EPOLLIN)
	if len(c.unsent) > 0 {
		events = syscall.EPOLLOUT
	}
	if p.watch(syscall.EPOLL_CTL_MOD, fd, events) != nil {
		p.close(fd)
	}
}

// send writes what is unsent, as far as it gets out.
func (p *poller) send(fd int, c *conn) error {
	for len(c.unsent) > 0 {
		n, err := syscall.Write(fd, c.unsent)
		switch {
		case err == syscall.EAGAIN:
			return nil
		case err == syscall.EINTR:
		case err != nil:
			return err
		default:
			c.unsent = c.unsent[n:]
		}
	}
	c.unsent = nil
	return nil
}

func (p *poller) close(fd int) {
	delete(p.conns, fd)
	syscall.Close(fd) // which ends the watch as well
}

func (p *poller) closeAll() {
	for fd := range p.conns {
		p.close(fd)
	}
}
