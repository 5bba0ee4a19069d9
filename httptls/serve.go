package httptls

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/fault"
)

// The names of the protocols in ALPN.
const (
	protoHTTP1 = "http/1.1"
	protoHTTP2 = "h2"
)

// ListenAndServe listens on the TCP address addr and serves HTTPS there with
// srv; see Serve. An empty addr is srv.Addr, and if that is empty too, ":https".
func ListenAndServe(addr string, srv *http.Server, cfg *handclasp.ServerConfig) error {
	if _, err := prepare(srv, cfg); err != nil {
		return err // before anybody can connect
	}
	if addr == "" {
		addr = srv.Addr
	}
	if addr == "" {
		addr = ":https"
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	return Serve(l, srv, cfg)
}

// Serve accepts connections on l, does their handshakes as cfg says, each in a
// goroutine of its own, and serves requests with srv. An empty NextProtos of
// cfg means "h2" and "http/1.1", less what srv.Protocols excludes. A handshake
// may last cfg.Limits.HandshakeTime or, if that is zero, srv.ReadHeaderTimeout, and
// if that is zero too, 10 seconds; cfg.Limits.HalfOpen bounds how many go on. Who sends
// plain HTTP is answered 400 in the clear. Requests in 0-RTT data wait for the
// end of the handshake, unless srv.Handler is one of AcceptEarly.
//
// Serve returns as http.Server.Serve does: never nil, http.ErrServerClosed
// after srv.Shutdown or srv.Close, and l is closed. If cfg can't be used, it
// returns a *fault.Error at once. All of srv is net/http's and works as it says
// there, for both protocols, but for TLSConfig, which is not used; ConnContext
// and ConnState are given the *handclasp.Conn, its handshake complete but for
// AcceptEarly.
//
// Serve wraps the Handler, ConnContext and ConnState of srv and turns on
// unencrypted HTTP/2 in its Protocols, by which net/http takes HTTP/2 from a TLS
// that is not its own. So srv must not have been served before by other
// means, and if it is afterwards on a port without TLS, HTTP/2 with prior
// knowledge is understood there. Serving one srv on several listeners is fine.
func Serve(l net.Listener, srv *http.Server, cfg *handclasp.ServerConfig) error {
	own, err := prepare(srv, cfg)
	if err != nil {
		l.Close()
		return err
	}
	secure := newListener(l, srv, own)
	defer secure.wait()
	return srv.Serve(secure)
}

// Conn is the connection that r arrived on, for its Info, exporters and key
// updates; nil if r did not come through Serve.
func Conn(r *http.Request) *handclasp.Conn {
	if c := servedOn(r.Context()); c != nil {
		return c.conn
	}
	return nil
}

// prepare gives cfg its defaults and makes srv ours.
func prepare(srv *http.Server, cfg *handclasp.ServerConfig) (*handclasp.ServerConfig, error) {
	var own handclasp.ServerConfig
	if cfg != nil {
		own = *cfg
	}
	if own.Time == nil {
		own.Time = time.Now
	}
	speaks := wrap(srv)
	if len(own.NextProtos) == 0 {
		own.NextProtos = offers(speaks)
	}
	if len(own.NextProtos) == 0 || slices.Contains(own.NextProtos, protoHTTP2) && !speaks.HTTP2() {
		return nil, fault.ConfigValue.In("NextProtos").Saw(own.NextProtos, "protocols that the http.Server speaks, see its Protocols: "+speaks.String())
	}
	_, err := own.Params()
	return &own, err
}

func offers(p http.Protocols) (names []string) {
	if p.HTTP2() {
		names = append(names, protoHTTP2)
	}
	if p.HTTP1() {
		names = append(names, protoHTTP1)
	}
	return names
}

// wrapping guards a server from being wrapped by two calls of Serve at once.
var wrapping sync.Mutex

// wrap puts our hooks around those of srv, once, and says what it speaks.
func wrap(srv *http.Server) http.Protocols {
	wrapping.Lock()
	defer wrapping.Unlock()
	if h, ok := srv.Handler.(*handler); ok {
		return h.speaks
	}
	h := &handler{next: srv.Handler, speaks: protocols(srv)}
	if a, ok := srv.Handler.(*acceptor); ok {
		h.next, h.early = a.Handler, true
	}
	srv.Handler = h
	if h.next == nil {
		h.next = http.DefaultServeMux
	}
	all := h.speaks
	all.SetUnencryptedHTTP2(all.HTTP2())
	srv.Protocols = &all

	inner := srv.ConnContext
	srv.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		early := earlyOf(c)
		c = Inner(c)
		if conn, ok := c.(*handclasp.Conn); ok {
			ctx = context.WithValue(ctx, servedKey{}, &served{conn, early, stateOf(conn, early)})
		}
		if inner != nil {
			return inner(ctx, c)
		}
		return ctx
	}
	if f := srv.ConnState; f != nil {
		srv.ConnState = func(c net.Conn, s http.ConnState) { f(Inner(c), s) }
	}
	return h.speaks
}

// protocols are what srv speaks over TLS, decided as net/http does.
func protocols(srv *http.Server) (p http.Protocols) {
	if srv.Protocols != nil {
		return *srv.Protocols
	}
	_, own := srv.TLSNextProto[protoHTTP2]
	p.SetHTTP1(true)
	p.SetHTTP2(own || srv.TLSNextProto == nil) // an empty map is the old way to turn HTTP/2 off
	return p
}

// handler fills Request.TLS where net/http does not, and marks requests that came
// early.
type handler struct {
	next   http.Handler
	speaks http.Protocols
	early  bool // next wants requests from 0-RTT data at once
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch c := servedOn(r.Context()); {
	case c == nil:
	case c.early != nil:
		c.early.mark(r)
	case r.TLS == nil:
		r.TLS = &c.state
	}
	h.next.ServeHTTP(w, r)
}

// served is what the context of a connection carries; servedKey finds it.
type (
	served struct {
		conn  *handclasp.Conn
		early *earlyConn // or nil
		state tls.ConnectionState
	}
	servedKey struct{}
)

// stateOf does not wait for a handshake.
func stateOf(conn *handclasp.Conn, early *earlyConn) tls.ConnectionState {
	if early != nil {
		return early.ConnectionState()
	}
	return conn.ConnectionState()
}

func servedOn(ctx context.Context) *served {
	c, _ := ctx.Value(servedKey{}).(*served)
	return c
}

// complaint is an error in one line, with what to do about it.
func complaint(err error) string {
	f := fault.Wrap(err, fault.Internal)
	hint := f.Hint
	if f.Received {
		_, hint = fault.Explain(f.AlertCode(), f.Role, f.State)
	}
	return fmt.Sprintf("%v. %s", err, hint)
}
