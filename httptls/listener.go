package httptls

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
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
	limit     time.Duration // of what follows a handshake before a request can
	log       *log.Logger   // nil is the standard one
	protocols []string      // that the server speaks, by their names in ALPN
	early     bool          // it wants requests from 0-RTT data at once

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
	h := srv.Handler.(*handler)
	l := &listener{
		limit: patience(srv), log: srv.ErrorLog, protocols: offers(h.speaks), early: h.early, ready: make(chan accepted),
	}
	own := *cfg
	own.Limits.HandshakeTime = cmp.Or(own.Limits.HandshakeTime, l.limit)
	l.Listener = handclasp.NewListener(inner, &own)
	l.open, l.close = context.WithCancel(context.Background())
	l.busy.Go(l.accept)
	return l
}

// patience is how long srv waits for a client that owes it something.
func patience(srv *http.Server) time.Duration {
	if d := srv.ReadHeaderTimeout; d > 0 {
		return d
	}
	return handshakeTimeout
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
		conn, err := l.Listener.Accept()
		if err != nil {
			l.give(accepted{err: err})
			continue
		}
		l.busy.Go(func() { l.handshake(conn.(*handclasp.Conn)) })
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

func (l *listener) handshake(conn *handclasp.Conn) {
	defer func() { // a hook of the user's; net/http survives a handler's panic likewise
		if p := recover(); p != nil {
			l.logf("httptls: panic in the handshake with %v: %v\n%s", conn.RemoteAddr(), p, debug.Stack())
			conn.Close()
		}
	}()
	early, err := l.shake(l.open, conn)
	if err != nil {
		if l.open.Err() == nil {
			l.refuse(conn.NetConn(), err)
		}
		conn.Close()
		return
	}
	if c := l.dispatch(conn, early); c == nil || !l.give(accepted{conn: c}) {
		conn.Close()
	}
}

// shake does the handshake: as far as 0-RTT data, if the server wants that.
func (l *listener) shake(ctx context.Context, conn *handclasp.Conn) (early bool, err error) {
	if l.early {
		return conn.HandshakeEarly(ctx)
	}
	return false, conn.HandshakeContext(ctx)
}

// refuse says why a handshake failed: to the log, and to who speaks plain HTTP.
func (l *listener) refuse(raw net.Conn, err error) {
	l.logf("httptls: handshake with %v: %s", raw.RemoteAddr(), complaint(err))
	if errors.Is(err, fault.PeerSpeaksHTTP) {
		AnswerPlain(raw)
	}
}

func (l *listener) logf(format string, args ...any) {
	if l.log != nil {
		l.log.Printf(format, args...)
		return
	}
	log.Printf(format, args...)
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
func (l *listener) dispatch(conn *handclasp.Conn, early bool) net.Conn {
	var c net.Conn = conn
	if early {
		c = newEarlyConn(conn, l.limit)
	}
	switch conn.Info().ALPN {
	case protoHTTP2:
		if !slices.Contains(l.protocols, protoHTTP2) {
			return nil // a configuration for this client offered what the server does not speak
		}
		return HTTP2(c, l.limit)
	case protoHTTP1, "":
		if slices.Contains(l.protocols, protoHTTP1) {
			return c
		}
	}
	return nil
}

// An http2Conn hides that it is TLS: of any TLS but its own, net/http would
// expect HTTP/1. The embedded interface has no ConnectionState. It lets through
// what begins with HTTP/2's preface and nothing else, so that nobody speaks
// HTTP/1 where HTTP/2 was agreed.
type http2Conn struct {
	net.Conn
	inner   net.Conn
	preface string // what has not come yet
}

// HTTP2 is conn, on which HTTP/2 was agreed by ALPN, as an http.Server with
// unencrypted HTTP/2 among its Protocols takes it; Serve does so by itself. The
// client has limit to send HTTP/2's preface; Inner gives conn back.
func HTTP2(conn net.Conn, limit time.Duration) net.Conn {
	conn.SetReadDeadline(time.Now().Add(limit))
	return &http2Conn{Conn: conn, inner: conn, preface: clientPreface}
}

// clientPreface opens HTTP/2 (RFC 9113, Section 3.4).
const clientPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

var errNoPreface = errors.New("httptls: HTTP/2 was agreed by ALPN, and the client does not speak it")

func (c *http2Conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.preface == "" {
		return n, err
	}
	head := string(p[:min(n, len(c.preface))])
	if !strings.HasPrefix(c.preface, head) {
		c.Conn.Close()
		return 0, errNoPreface
	}
	if c.preface = c.preface[len(head):]; c.preface == "" {
		c.Conn.SetReadDeadline(time.Time{})
	}
	return n, err
}

// Inner is the connection that HTTP2 was given; any other stays as it is.
func Inner(c net.Conn) net.Conn {
	if h, ok := c.(*http2Conn); ok {
		c = h.inner
	}
	if e, ok := c.(*earlyConn); ok {
		return e.tls
	}
	return c
}

// earlyOf is the earlyConn that c is, or nil.
func earlyOf(c net.Conn) *earlyConn {
	if h, ok := c.(*http2Conn); ok {
		c = h.inner
	}
	e, _ := c.(*earlyConn)
	return e
}
