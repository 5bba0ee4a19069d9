package httptls

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"time"

	"golang.org/x/net/proxy"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/flow"
)

// A dialer makes TLS connections, through a proxy where base names one.
type dialer struct {
	base  *http.Transport
	cfg   handclasp.ClientConfig
	offer []string // by ALPN, where both protocols will do
}

func newDialer(base *http.Transport, cfg *handclasp.ClientConfig) dialer {
	d := dialer{base: base, offer: []string{protoHTTP2, protoHTTP1}}
	if cfg != nil {
		d.cfg = *cfg
	}
	if len(d.cfg.NextProtos) > 0 {
		d.offer = d.cfg.NextProtos
	}
	return d
}

// dial connects to addr, "host:port", and completes the handshake.
func (d *dialer) dial(ctx context.Context, addr string, offer []string) (*handclasp.Conn, error) {
	raw, err := d.reach(ctx, addr)
	if err != nil {
		return nil, err
	}
	return d.secure(ctx, raw, d.cfg.ServerName, addr, offer)
}

// dialEarly is dial for a request that may go in 0-RTT data: if that is possible,
// the handshake waits for it.
func (d *dialer) dialEarly(ctx context.Context, addr string, offer []string) (*handclasp.Conn, *eagerConn, error) {
	raw, err := d.reach(ctx, addr)
	if err != nil {
		return nil, nil, err
	}
	cfg := d.configFor(d.cfg.ServerName, addr, offer)
	cfg.EarlyData = true
	conn := handclasp.Client(raw, cfg)
	can, err := conn.EarlyOffer(ctx)
	if err == nil && can.State == flow.EarlyOffered && (can.ALPN == protoHTTP2 || can.ALPN == protoHTTP1) {
		later := context.WithoutCancel(ctx)
		return conn, setEarly(conn, can.ALPN, int(can.Max), func() error { return d.handshake(later, conn) }), nil
	}
	if err := d.handshake(ctx, conn); err != nil {
		raw.Close()
		return nil, nil, err
	}
	return conn, nil, nil
}

// reach opens a way to addr for TLS.
func (d *dialer) reach(ctx context.Context, addr string) (net.Conn, error) {
	proxyURL, err := d.proxyFor(addr)
	if err != nil {
		return nil, err
	}
	var raw net.Conn
	if proxyURL == nil {
		raw, err = d.tcp(ctx, "tcp", addr)
	} else if raw, err = d.through(ctx, proxyURL, addr); err != nil {
		err = &net.OpError{Op: "proxyconnect", Net: "tcp", Err: err}
	}
	return raw, err
}

// direct is dial without a proxy, to the proxy itself.
func (d *dialer) direct(ctx context.Context, addr string) (*handclasp.Conn, error) {
	raw, err := d.tcp(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return d.secure(ctx, raw, "", addr, []string{protoHTTP1})
}

func (d *dialer) tcp(ctx context.Context, network, addr string) (net.Conn, error) {
	if d.base.DialContext != nil {
		return d.base.DialContext(ctx, network, addr)
	}
	return new(net.Dialer).DialContext(ctx, network, addr)
}

// secure does the handshake over raw, which it closes if that fails. An empty
// name becomes the host of addr.
func (d *dialer) secure(ctx context.Context, raw net.Conn, name, addr string, offer []string) (*handclasp.Conn, error) {
	conn := handclasp.Client(raw, d.configFor(name, addr, offer))
	if err := d.handshake(ctx, conn); err != nil {
		raw.Close()
		return nil, err
	}
	return conn, nil
}

// configFor is the configuration for a connection to addr. Nothing is offered in
// 0-RTT that nobody wants to send.
func (d *dialer) configFor(name, addr string, offer []string) *handclasp.ClientConfig {
	cfg := d.cfg
	cfg.ServerName, cfg.NextProtos, cfg.EarlyData = name, offer, false
	if name == "" {
		cfg.ServerName, _, _ = net.SplitHostPort(addr) // an addr without a port could not be dialed
	}
	return &cfg
}

// handshake does it within the time that there is, and tells who traces it.
func (d *dialer) handshake(ctx context.Context, conn *handclasp.Conn) error {
	if limit := d.base.TLSHandshakeTimeout; limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	trace := httptrace.ContextClientTrace(ctx)
	if trace != nil && trace.TLSHandshakeStart != nil {
		trace.TLSHandshakeStart()
	}
	err := conn.HandshakeContext(ctx)
	if trace != nil && trace.TLSHandshakeDone != nil {
		trace.TLSHandshakeDone(conn.ConnectionState(), err)
	}
	return err
}

// proxyFor is the proxy to use for addr, or nil. A connection serves many
// requests, so what they ask for beyond the host has no say.
func (d *dialer) proxyFor(addr string) (*url.URL, error) {
	if d.base.Proxy == nil {
		return nil, nil
	}
	req, err := http.NewRequest(http.MethodGet, "https://"+addr+"/", nil)
	if err != nil {
		return nil, err
	}
	return d.base.Proxy(req)
}

// proxyForPlain is for requests without TLS, which http.Transport sends through
// a proxy by itself.
func (d *dialer) proxyForPlain(req *http.Request) (*url.URL, error) {
	if d.base.Proxy == nil || req.URL.Scheme != "http" {
		return nil, nil
	}
	return d.base.Proxy(req)
}

// through connects to addr by way of a proxy.
func (d *dialer) through(ctx context.Context, via *url.URL, addr string) (net.Conn, error) {
	switch via.Scheme {
	case "http":
		conn, err := d.tcp(ctx, "tcp", hostPort(via, "80"))
		if err != nil {
			return nil, err
		}
		return d.tunnel(ctx, conn, via, addr)
	case "https":
		conn, err := d.direct(ctx, hostPort(via, "443"))
		if err != nil {
			return nil, err
		}
		return d.tunnel(ctx, conn, via, addr)
	case "socks5", "socks5h":
		socks, err := proxy.FromURL(via, dialFunc(d.tcp))
		if err != nil {
			return nil, err
		}
		return socks.(proxy.ContextDialer).DialContext(ctx, "tcp", addr)
	}
	return nil, fmt.Errorf("proxy scheme %q is not supported; use http, https, socks5 or socks5h", via.Scheme)
}

func hostPort(u *url.URL, port string) string {
	if p := u.Port(); p != "" {
		port = p
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// dialFunc is a proxy.Dialer and a proxy.ContextDialer.
type dialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

func (f dialFunc) Dial(network, addr string) (net.Conn, error) {
	return f(context.Background(), network, addr)
}

func (f dialFunc) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return f(ctx, network, addr)
}

const (
	tunnelTimeout = time.Minute // as net/http's
	tunnelAnswer  = 64 << 10    // bytes; the longest answer to CONNECT that is read
)

// tunnel asks a proxy for a way to addr (RFC 9110, Section 9.3.6). It closes
// conn if it gets none.
func (d *dialer) tunnel(ctx context.Context, conn net.Conn, via *url.URL, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, tunnelTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	err := d.connect(ctx, conn, via, addr)
	if !stop() {
		err = context.Cause(ctx)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

func (d *dialer) connect(ctx context.Context, conn net.Conn, via *url.URL, addr string) error {
	header := d.base.ProxyConnectHeader.Clone()
	if f := d.base.GetProxyConnectHeader; f != nil {
		var err error
		if header, err = f(ctx, via, addr); err != nil {
			return err
		}
		header = header.Clone()
	}
	if header == nil {
		header = make(http.Header)
	}
	if u := via.User; u != nil {
		password, _ := u.Password()
		header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(u.Username()+":"+password)))
	}
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: addr}, Host: addr, Header: header}
	if err := req.Write(conn); err != nil {
		return err
	}
	r := bufio.NewReader(io.LimitReader(conn, tunnelAnswer))
	res, err := http.ReadResponse(r, req)
	switch {
	case err != nil:
		return err
	case res.StatusCode/100 != 2:
		return fmt.Errorf("the proxy answered CONNECT with %q", res.Status)
	case r.Buffered() > 0:
		return errors.New("the proxy sent more than its answer, but a TLS server never speaks first")
	}
	return nil
}
