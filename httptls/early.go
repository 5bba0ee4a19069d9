package httptls

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/handclasp/handclasp"
)

// The server's half of RFC 8470, which says how HTTP lives with 0-RTT data: who
// recorded a request that came in it may send it again to another server, or to
// this one after it has forgotten.

// headerEarly is Early-Data, by which an intermediary says that it has passed a
// request on before its client's handshake was complete (RFC 8470, Section 5.1).
const headerEarly = "Early-Data"

// AcceptEarly is h as the Handler of a server that wants requests that come in
// 0-RTT data at once: h is called before the client's handshake is complete, and
// meanwhile may do what a request does that costs and changes nothing; what it
// answers goes out once the handshake is complete. For such a request Early is
// true, it has the header Early-Data, which httputil.ReverseProxy passes on as RFC
// 8470 demands, and Request.TLS.HandshakeComplete is false. Wrap what must not
// happen twice in RefuseEarly, or call Conn(r).HandshakeContext first.
//
// Without AcceptEarly all requests wait until the handshake is complete, and
// nobody can make them happen twice. Either way there is 0-RTT data only if
// ServerConfig.EarlyData says so.
func AcceptEarly(h http.Handler) http.Handler { return &acceptor{h} }

type acceptor struct{ http.Handler }

// Early reports whether r may be the replay of a request: it came in 0-RTT data,
// and when its handler was called its client had not completed the handshake; or
// an intermediary says so of a client of its own.
func Early(r *http.Request) bool { return len(r.Header[headerEarly]) > 0 }

// RefuseEarly is h for requests that may not happen twice. To one for which Early
// is true it answers 425 (Too Early), upon which the client sends it again once its
// handshake is complete (RFC 8470, Section 5.2), unless safe lets it through; a nil
// safe means Safe.
func RefuseEarly(h http.Handler, safe func(*http.Request) bool) http.Handler {
	if safe == nil {
		safe = Safe
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if Early(r) && !safe(r) {
			w.Header().Set("Cache-Control", "no-store")
			http.Error(w, "This request is not taken before the TLS handshake is complete. Send it again.", http.StatusTooEarly)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// Safe reports whether the method of r is one that asks for no change: GET, HEAD,
// OPTIONS or TRACE (RFC 9110, Section 9.2.1).
func Safe(r *http.Request) bool {
	switch r.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return false
}

// An earlyConn is a connection with 0-RTT data to be read, as net/http must see
// it: what is read first is that data, and behind it the handshake is completed.
type earlyConn struct {
	net.Conn
	tls   *handclasp.Conn
	state tls.ConnectionState // as it was when the data came
}

// newEarlyConn is conn after HandshakeEarly, which has limit to complete its
// handshake.
func newEarlyConn(conn *handclasp.Conn, limit time.Duration) *earlyConn {
	time.AfterFunc(limit, func() {
		if !conn.Connected() {
			conn.Close()
		}
	})
	return &earlyConn{conn, conn, handclasp.ConnectionState(conn.Info())}
}

// ConnectionState is for net/http, which else would take the connection for plain.
func (c *earlyConn) ConnectionState() tls.ConnectionState {
	if c.tls.Connected() {
		return c.tls.ConnectionState()
	}
	return c.state
}

func (c *earlyConn) Read(p []byte) (int, error) {
	if n, err := c.tls.ReadEarly(p); err != io.EOF {
		return n, err
	}
	return c.tls.Read(p)
}

// SetReadDeadline with a time that has passed wakes a Read, with which net/http
// ends its look-out while a handler runs. In the handshake that would be the end
// of all, so it waits until that is over; which is soon, because the same Read
// drives it.
func (c *earlyConn) SetReadDeadline(t time.Time) error {
	if !t.IsZero() && !time.Now().Before(t) {
		if err := c.tls.Handshake(); err != nil {
			return err
		}
	}
	return c.tls.SetReadDeadline(t)
}

// CloseWrite is for net/http, which uses it before it gives a connection up.
func (c *earlyConn) CloseWrite() error { return c.tls.CloseWrite() }

// mark has r tell that it came early, if that is still so.
func (c *earlyConn) mark(r *http.Request) {
	state := c.ConnectionState()
	r.TLS = &state
	if !state.HandshakeComplete {
		r.Header.Set(headerEarly, "1")
	}
}
