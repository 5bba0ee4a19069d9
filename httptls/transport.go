package httptls

import (
	"context"
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
// modified and must not be changed while in use. Not used of it are
// TLSClientConfig, TLSNextProto, Protocols, OnProxyConnectResponse, Dial,
// DialTLS and DialTLSContext: use cfg and DialContext.
// Proxy is asked once for each connection, with a request that holds the scheme
// and host only; it may name http, https, socks5 and socks5h proxies.
// MaxIdleConns, MaxIdleConnsPerHost and MaxConnsPerHost count HTTP/1.1 alone.
func NewTransportFrom(base *http.Transport, cfg *handclasp.ClientConfig) *Transport {
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
	x := &exchange{plain: req.URL != nil && req.URL.Scheme == "http"}
	defer x.drop()
	ctx := context.WithValue(req.Context(), exchangeKey{}, x)
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { x.used = i.Conn }})
	res, err := t.http1.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	res.Request = req
	if c, ok := x.used.(*http1Conn); ok && res.TLS == nil {
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
		used  net.Conn                  // what the request went over
		spare atomic.Pointer[http1Conn] // dialed for the request, for either protocol, and it became HTTP/1.1
	}
	exchangeKey struct{}
)

// drop closes the spare connection if nobody took it, for instance because
// another one became idle first.
func (x *exchange) drop() {
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
	*handclasp.Conn
	closed func() // may be called more than once
}

func (c *http1Conn) Close() error {
	c.closed()
	return c.Conn.Close()
}
