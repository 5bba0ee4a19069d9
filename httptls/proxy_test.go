package httptls_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/httptls"
)

// pump joins two connections until one of them ends.
func pump(a, b net.Conn) {
	done := make(chan struct{}, 2)
	go func() { io.Copy(a, b); done <- struct{}{} }()
	go func() { io.Copy(b, a); done <- struct{}{} }()
	<-done
	a.Close()
	b.Close()
	<-done
}

// proxying serves each connection of a listener with f until the test ends.
func proxying(t *testing.T, l net.Listener, f func(net.Conn) error) {
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if err := f(conn); err != nil {
					t.Errorf("proxy: %v", err)
				}
			}()
		}
	}()
}

// connectProxy does CONNECT for who knows the password, and GET as it likes.
func connectProxy(conn net.Conn) error {
	req, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return nil // a client that dislikes the certificate
	}
	switch {
	case req.Method != http.MethodConnect:
		_, err = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nvia proxy")
		return err
	case req.Header.Get("Proxy-Authorization") != "Basic dXNlcjpwYXNz":
		_, err = io.WriteString(conn, "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
		return err
	}
	to, err := net.Dial("tcp", req.RequestURI)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(conn, "HTTP/1.1 200 Fine\r\n\r\n"); err != nil {
		return err
	}
	pump(conn, to)
	return nil
}

// socksProxy does RFC 1928's CONNECT to a name, without authentication.
func socksProxy(conn net.Conn) error {
	hello := make([]byte, 2)
	if _, err := io.ReadFull(conn, hello); err != nil {
		return err
	}
	io.CopyN(io.Discard, conn, int64(hello[1]))
	conn.Write([]byte{5, 0})
	head := make([]byte, 5)
	if _, err := io.ReadFull(conn, head); err != nil {
		return err
	}
	if head[1] != 1 || head[3] != 3 {
		return fmt.Errorf("request % x", head)
	}
	rest := make([]byte, int(head[4])+2)
	if _, err := io.ReadFull(conn, rest); err != nil {
		return err
	}
	name, port := string(rest[:head[4]]), binary.BigEndian.Uint16(rest[head[4]:])
	to, err := net.Dial("tcp", net.JoinHostPort(name, fmt.Sprint(port)))
	if err != nil {
		return err
	}
	conn.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	pump(conn, to)
	return nil
}

// TestProxy goes through each kind of proxy, with both protocols.
func TestProxy(t *testing.T) {
	t.Parallel()
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	plain, secure, socks := listen(), listen(), listen()
	proxying(t, plain, connectProxy)
	proxying(t, handclasp.NewListener(secure, serverConfig("http/1.1")), connectProxy)
	proxying(t, socks, socksProxy)
	via := func(u string) *httptls.Transport {
		parsed, err := url.Parse(u)
		if err != nil {
			t.Fatal(err)
		}
		tr := httptls.NewTransportFrom(&http.Transport{Proxy: func(r *http.Request) (*url.URL, error) {
			if r.URL.Hostname() == "direct.invalid" {
				return nil, errors.New("no way there")
			}
			return parsed, nil
		}}, clientConfig())
		t.Cleanup(tr.CloseIdleConnections)
		return tr
	}
	for scheme, rest := range map[string]string{
		"http": "user:pass@" + plain.Addr().String(), "https": "user:pass@" + secure.Addr().String(), "socks5h": socks.Addr().String(),
	} {
		for _, proto := range []string{"http/1.1", "h2"} {
			s := start(t, &http.Server{Handler: peerAddr}, proto)
			tr := via(scheme + "://" + rest)
			for range 2 {
				if res, _, err := get(tr, s.url); err != nil || res.TLS.NegotiatedProtocol != proto {
					t.Errorf("%s through %s: %v", proto, scheme, err)
				}
			}
			if n := s.accepted.count(); n != 1 {
				t.Errorf("%s through %s: %d connections", proto, scheme, n)
			}
		}
		if scheme != "socks5h" {
			if _, body, err := get(via(scheme+"://"+rest), "http://example.com/"); err != nil || body != "via proxy" {
				t.Errorf("plain HTTP through %s: %q, %v", scheme, body, err)
			}
		}
	}
	for u, want := range map[string]string{
		"http://" + plain.Addr().String(): `proxyconnect tcp: the proxy answered CONNECT with "407 Proxy Authentication Required"`,
		"gopher://127.0.0.1:1":            `proxy scheme "gopher" is not supported`,
	} {
		if _, _, err := get(via(u), "https://localhost:1"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", u, err)
		}
	}
	if _, _, err := get(via("http://127.0.0.1:1"), "https://direct.invalid"); err == nil || err.Error() != "no way there" {
		t.Errorf("Proxy's own error became %v", err)
	}
}

// TestProxyStalls: a proxy that does not answer is left when the request ends.
func TestProxyStalls(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	tr := httptls.NewTransportFrom(&http.Transport{
		Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: l.Addr().String()}),
		GetProxyConnectHeader: func(_ context.Context, _ *url.URL, target string) (http.Header, error) {
			return http.Header{"X-Target": {target}}, nil
		},
	}, clientConfig())
	ctx, cancel := context.WithCancel(context.Background())
	failed := make(chan error, 1)
	go func() {
		_, _, err := do(tr, ctx, http.MethodGet, "https://localhost:1", nil)
		failed <- err
	}()
	l.(*net.TCPListener).SetDeadline(time.Now().Add(time.Minute))
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	if req, err := http.ReadRequest(r); err != nil || req.Header.Get("X-Target") != "localhost:1" {
		t.Errorf("CONNECT: %v, %v", req, err)
	}
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := r.ReadByte(); err != io.EOF {
		t.Errorf("the proxy is not left: %v", err)
	}
}
