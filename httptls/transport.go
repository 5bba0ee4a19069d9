package httptls

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/handclasp/handclasp"
)

// A Transport is an http.RoundTripper that speaks HTTP/1.1 and HTTP/2, as ALPN
// decides, over Handclasp. It keeps connections and uses them again; any number
// of goroutines may use it, and one should serve a whole program. For http://
// addresses it does what http.Transport does.
type Transport struct {
	dialer
	http1   *http.Transport
	shared  *pool // connections for many requests
	singles *pool // connections for one request each
}

// NewTransport is a Transport with the settings of http.DefaultTransport:
// proxies as the environment names them, idle connections closed after 90
// seconds, handshakes limited to 10 seconds. cfg is not modified; nil is
// the zero ClientConfig. An empty ServerName becomes each request's host, an
// empty NextProtos "h2" and "http/1.1".
func NewTransport(cfg *handclasp.ClientConfig) *Transport {
	return NewTransportFrom(&http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		MaxIdleConns:          100,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   handshakeTimeout,
		ExpectContinueTimeout: time.Second,
	}, cfg)
}

// NewTransportFrom is NewTransport with the settings of base, which is not
// modified and must not be changed while in use; nil is the zero Transport. Not used of it are
// TLSClientConfig, TLSNextProto, Protocols, OnProxyConnectResponse, Dial,
// DialTLS and DialTLSContext: use cfg and DialContext.
// Proxy is asked once for each connection, with a request that holds the scheme
// and host only; it may name http, https, socks5 and socks5h proxies.
// MaxIdleConns, MaxIdleConnsPerHost and MaxConnsPerHost count HTTP/1.1 alone.
func NewTransportFrom(base *http.Transport, cfg *handclasp.ClientConfig) *Transport {
	if base == nil {
		base = new(http.Transport)
	}
	t := &Transport{dialer: newDialer(base, cfg)}
	t.shared = newPool(t, base, false)
	t.singles = newPool(t, base, true)
	t.http1 = base.Clone()
	t.http1.Protocols = new(http.Protocols)
	t.http1.Protocols.SetHTTP1(true)
	t.http1.TLSClientConfig, t.http1.TLSNextProto = nil, nil
	t.http1.DialTLSContext = t.dialHTTP1
	t.http1.Proxy = t.proxyForPlain
	// An https request comes to us first; ErrSkipAltProtocol gives it back.
	t.http1.RegisterProtocol("https", &overHTTP2{t})
	return t
}

// RoundTrip does one request, as http.RoundTripper asks. Errors of the
// handshake are *fault.Error.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	x := &exchange{plain: req.URL != nil && req.URL.Scheme == "http", early: t.cfg.EarlyData && mayGoEarly(req)}
	res, err := t.exchange(req, x)
	if x.again(res, err) {
		if res != nil {
			io.CopyN(io.Discard, res.Body, answerRead)
			res.Body.Close()
		}
		res, err = t.exchange(req, new(exchange))
	}
	return res, err
}

// exchange does one request, once.
func (t *Transport) exchange(req *http.Request, x *exchange) (*http.Response, error) {
	defer x.drop()
	ctx := context.WithValue(req.Context(), exchangeKey{}, x)
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: x.got, WroteRequest: func(httptrace.WroteRequestInfo) { x.wrote() }})
	res, err := t.http1.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	res.Request = req
	if c := tlsOf(x.used); c != nil && res.TLS == nil {
		state := c.ConnectionState()
		res.TLS = &state
	}
	return res, nil
}

// CloseIdleConnections closes connections that no request uses at the moment.
func (t *Transport) CloseIdleConnections() {
	t.http1.CloseIdleConnections()
	t.shared.closeIdle()
}

// An exchange is what one request needs to remember between the two
// transports; its context carries it, exchangeKey finds it.
type (
	exchange struct {
		plain bool                      // the URL begins with http://
		early bool                      // the request may go in 0-RTT data
		used  net.Conn                  // what the request went over
		eager atomic.Pointer[eagerConn] // dialed for the request to go early
		spare atomic.Pointer[http1Conn] // dialed for the request, for either protocol, and it became HTTP/1.1
	}
	exchangeKey struct{}
)

// got has a request that may go early do so, if the connection that it got was made
// for that.
func (x *exchange) got(i httptrace.GotConnInfo) {
	x.used = i.Conn
	c := i.Conn
	if h, ok := c.(*http1Conn); ok {
		c = h.Conn
	}
	if e := x.eager.Load(); e != nil && c == e {
		e.begin()
	}
}

// wrote sends what waited until the request of HTTP/2 was whole.
func (x *exchange) wrote() {
	if e := x.eager.Load(); e != nil && e.speaks == protoHTTP2 {
		e.send()
	}
}

// again reports whether the request is to be sent again: it went early, and the
// server wants the handshake first, or another protocol.
func (x *exchange) again(res *http.Response, err error) bool {
	e := x.eager.Load()
	switch {
	case e == nil:
		return false
	case err != nil:
		return e.failure() == errOtherProtocol
	}
	return e.wentEarly() && res.StatusCode == http.StatusTooEarly
}

// answerRead is how much of an answer is read that nobody gets to see, in bytes.
const answerRead = 64 << 10

// drop closes the spare connection if nobody took it, for instance because
// another one became idle first.
func (x *exchange) drop() {
	if e := x.eager.Load(); e != nil {
		e.send() // or it will never be
	}
	if c := x.spare.Swap(nil); c != nil {
		c.Close()
	}
}

// dialHTTP1 gives http1 its TLS connections: the one that was dialed for the
// request already, or one more that can't be anything but HTTP/1.1.
func (t *Transport) dialHTTP1(ctx context.Context, _, addr string) (net.Conn, error) {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		if c := x.spare.Swap(nil); c != nil {
			return c, nil
		}
		if x.plain { // then only the proxy speaks TLS
			return t.direct(ctx, addr)
		}
	}
	conn, err := t.dial(ctx, addr, []string{protoHTTP1})
	if err != nil {
		return nil, err
	}
	return &http1Conn{Conn: conn, closed: t.shared.another(addr)}, nil
}

// An http1Conn tells the pool of its end.
type http1Conn struct {
	net.Conn        // a *handclasp.Conn or an *eagerConn
	closed   func() // may be called more than once
}

// tlsOf is the TLS connection that c is or holds; nil if there is none.
func tlsOf(c net.Conn) *handclasp.Conn {
	if h, ok := c.(*http1Conn); ok {
		c = h.Conn
	}
	switch c := c.(type) {
	case *handclasp.Conn:
		return c
	case *eagerConn:
		return c.tls
	}
	return nil
}

func (c *http1Conn) Close() error {
	c.closed()
	return c.Conn.Close()
}
