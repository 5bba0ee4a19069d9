package httptls

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/fault"
)

const (
	handshakeTimeout = 10 * time.Second // where the user sets none
	answerTimeout    = time.Second      // for the farewell to who does not speak TLS
)

// A listener gives connections whose handshake is complete, so that ALPN can
// decide what they are, and whose handshakes do not wait for each other.
type listener struct {
	net.Listener
	cfg   *handclasp.ServerConfig
	limit time.Duration // of a handshake
	log   *log.Logger   // nil is the standard one

	ready chan accepted
	open  context.Context // done once the listener is closed
	close context.CancelFunc
	busy  sync.WaitGroup
}

type accepted struct {
	conn net.Conn
	err  error
}

func newListener(inner net.Listener, srv *http.Server, cfg *handclasp.ServerConfig) *listener {
	l := &listener{Listener: inner, cfg: cfg, limit: handshakeTimeout, log: srv.ErrorLog, ready: make(chan accepted)}
	if d := srv.ReadHeaderTimeout; d > 0 {
		l.limit = d
	}
	l.open, l.close = context.WithCancel(context.Background())
	l.busy.Go(l.accept)
	return l
}

// wait closes the listener and returns when its goroutines have ended.
func (l *listener) wait() {
	l.Close()
	l.busy.Wait()
}

func (l *listener) Close() error {
	l.close()
	return l.Listener.Close()
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case a := <-l.ready:
		return a.conn, a.err
	case <-l.open.Done():
		return nil, net.ErrClosed
	}
}

// accept starts a handshake for each connection. Errors of the listener below
// go to the server, which knows whether to try again; it sets the pace.
func (l *listener) accept() {
	for l.open.Err() == nil {
		raw, err := l.Listener.Accept()
		if err != nil {
			l.give(accepted{err: err})
			continue
		}
		l.busy.Go(func() { l.handshake(raw) })
	}
}

// give reports whether the server has taken a.
func (l *listener) give(a accepted) bool {
	select {
	case l.ready <- a:
		return true
	case <-l.open.Done():
		return false
	}
}

func (l *listener) handshake(raw net.Conn) {
	ctx, cancel := context.WithTimeout(l.open, l.limit)
	defer cancel()
	conn := handclasp.Server(raw, l.cfg)
	if err := conn.HandshakeContext(ctx); err != nil {
		if l.open.Err() == nil {
			l.refuse(raw, err)
		}
		raw.Close()
		return
	}
	if c := dispatch(conn); c == nil || !l.give(accepted{conn: c}) {
		conn.Close()
	}
}

// refuse says why a handshake failed: to the log, and to who speaks plain HTTP.
func (l *listener) refuse(raw net.Conn, err error) {
	logf := log.Printf
	if l.log != nil {
		logf = l.log.Printf
	}
	logf("httptls: handshake with %v: %s", raw.RemoteAddr(), complaint(err))
	if errors.Is(err, fault.PeerSpeaksHTTP) {
		AnswerPlain(raw)
	}
}

const badRequest = "HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n" +
	"This port speaks HTTPS, not plain HTTP: use an https:// address.\n"

// AnswerPlain answers somebody who speaks plain HTTP with 400 in the clear, within
// a second; Serve does so by itself. It reads on for a moment, because closing
// a connection with bytes unread resets it, and the answer with it. The caller
// closes raw.
func AnswerPlain(raw net.Conn) {
	if raw.SetDeadline(time.Now().Add(answerTimeout)) != nil {
		return
	}
	if _, err := io.WriteString(raw, badRequest); err != nil {
		return
	}
	if c, ok := raw.(interface{ CloseWrite() error }); ok && c.CloseWrite() == nil {
		io.CopyN(io.Discard, raw, 64<<10)
	}
}

// dispatch is conn as net/http must see it for the protocol that ALPN chose,
// or nil if that is not HTTP, such as acme-tls/1, whose work is then done.
func dispatch(conn *handclasp.Conn) net.Conn {
	switch conn.Info().ALPN {
	case protoHTTP2:
		return &http2Conn{conn}
	case protoHTTP1, "":
		return conn
	}
	return nil
}

// An http2Conn hides that it is TLS: of any TLS but its own, net/http would
// expect HTTP/1. The embedded interface has no ConnectionState.
type http2Conn struct{ net.Conn }

// bare takes the disguise off.
func bare(c net.Conn) net.Conn {
	if h, ok := c.(*http2Conn); ok {
		return h.Conn
	}
	return c
}
