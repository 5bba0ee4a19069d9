package httptls

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"sync"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/flow"
)

// The client's half of RFC 8470.

type earlyKey struct{}

// AllowEarly says of requests with this context that they may happen twice, so that
// a Transport may send them in 0-RTT data: before the handshake is complete, for
// whoever is on the path to record and send again, and under keys that are lost with
// the server's ticket keys (RFC 9846, Section 2.3; RFC 8470). It needs
// ClientConfig.EarlyData and Sessions, a session in which the server allowed it, and
// no connection that is open already. Only a request without a body goes early whose
// method is safe.
//
// Should the server turn the data down, or answer 425 (Too Early), the request is
// sent again after the handshake, once.
func AllowEarly(ctx context.Context) context.Context {
	return context.WithValue(ctx, earlyKey{}, true)
}

// mayGoEarly reports whether req may be sent in 0-RTT data.
func mayGoEarly(req *http.Request) bool {
	allowed, _ := req.Context().Value(earlyKey{}).(bool)
	return allowed && Safe(req) && (req.Body == nil || req.Body == http.NoBody) && req.URL != nil && req.URL.Scheme == "https"
}

// errOtherProtocol ends a connection whose server turned 0-RTT data down together
// with the protocol that it was in.
var errOtherProtocol = errors.New("httptls: the server speaks another protocol than in the session that was resumed")

// An eagerConn is a client's connection before its handshake: it holds back what is
// written until told that the request is whole, and then sends it in 0-RTT data
// with the ClientHello, in one flight. All else waits for the handshake. If the
// server turns the data down, it goes again after the handshake.
type eagerConn struct {
	net.Conn
	tls       *handclasp.Conn
	speaks    string // the protocol that the data is in
	max       int    // bytes that the server takes
	handshake func() error

	mu     sync.Mutex
	open   bool   // what is written may go early
	closed bool   // and now no more
	held   []byte // what did, or is about to
	early  bool   // it went out in 0-RTT data

	whole chan struct{} // closed with closed
	over  func() error  // completes the handshake, once
	done  chan struct{} // closed when that has happened, or never will
	err   error         // and how
}

// setEarly makes conn, whose server allows as much, an eagerConn.
func setEarly(conn *handclasp.Conn, speaks string, most int, handshake func() error) *eagerConn {
	c := &eagerConn{Conn: conn, tls: conn, speaks: speaks, max: most, handshake: handshake, whole: make(chan struct{}), done: make(chan struct{})}
	c.over = sync.OnceValue(c.complete)
	return c
}

// begin has what is written from now on go early.
func (c *eagerConn) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open = true
}

// send sends what is held: the request is whole.
func (c *eagerConn) send() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.closed = true
	if len(c.held) > 0 {
		_, err := c.tls.WriteEarly(c.held)
		c.early = err == nil // else it goes with the rest, or an error comes again
	}
	close(c.whole)
}

// hold keeps p back, if it can go early.
func (c *eagerConn) hold(p []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.open || c.closed || len(c.held)+len(p) > c.max {
		return false
	}
	c.held = append(c.held, p...)
	return true
}

// endOfHeader ends a request of HTTP/1.1 that has no body. (net/http tells that it
// wrote the request before it writes it to the connection.)
var endOfHeader = []byte("\r\n\r\n")

func (c *eagerConn) Write(p []byte) (int, error) {
	if c.hold(p) {
		if c.speaks == protoHTTP1 && bytes.HasSuffix(p, endOfHeader) {
			c.send()
		}
		return len(p), nil
	}
	c.send()
	if err := c.over(); err != nil {
		return 0, err
	}
	return c.tls.Write(p)
}

func (c *eagerConn) Read(p []byte) (int, error) {
	<-c.whole
	if err := c.over(); err != nil {
		return 0, err
	}
	return c.tls.Read(p)
}

// complete does the handshake, and sends again what the server turned down.
func (c *eagerConn) complete() error {
	defer close(c.done)
	if c.err = c.handshake(); c.err != nil {
		return c.err
	}
	info := c.tls.Info()
	if info.ALPN != c.speaks {
		c.err = errOtherProtocol
	} else if len(c.held) > 0 && (!c.early || info.EarlyData.State != flow.EarlyAccepted) {
		_, c.err = c.tls.Write(c.held)
	}
	c.held = nil
	return c.err
}

func (c *eagerConn) Close() error {
	c.mu.Lock()
	if !c.closed {
		c.closed = true
		close(c.whole)
	}
	c.mu.Unlock()
	err := c.tls.Close()
	c.over() // fails if it has not happened
	return err
}

// failure is why the handshake failed, if it is over.
func (c *eagerConn) failure() error {
	select {
	case <-c.done:
		return c.err
	default:
		return nil
	}
}

// wentEarly reports whether 0-RTT data went out.
func (c *eagerConn) wentEarly() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.early
}
