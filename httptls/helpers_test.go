package httptls_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/httptls"
	"github.com/handclasp/handclasp/internal/pki"
)

var authority = sync.OnceValue(func() *pki.Authority {
	a, err := pki.NewAuthority("httptls test root", pki.Options{Now: time.Now()})
	if err != nil {
		panic(err)
	}
	return a
})

// identity is one certificate in both stacks' form.
var identity = sync.OnceValue(func() (id struct {
	ours handclasp.Certificate
	std  tls.Certificate
}) {
	issued, err := authority().Issue(pki.Leaf{Names: []string{"localhost", "127.0.0.1", "example.com"}, Key: pki.P256})
	if err != nil {
		panic(err)
	}
	key, err := issued.KeyPEM()
	if err == nil {
		id.ours, err = handclasp.X509KeyPair(issued.PEM(), key)
	}
	if err == nil {
		id.std, err = tls.X509KeyPair(issued.PEM(), key)
	}
	if err != nil {
		panic(err)
	}
	return id
})

func serverConfig(protos ...string) *handclasp.ServerConfig {
	return &handclasp.ServerConfig{Certificates: []handclasp.Certificate{identity().ours}, NextProtos: protos}
}

func clientConfig(protos ...string) *handclasp.ClientConfig {
	return &handclasp.ClientConfig{RootCAs: authority().Pool(), NextProtos: protos}
}

// transport is ours, without proxies, closed after the test.
func transport(t testing.TB, protos ...string) *httptls.Transport {
	tr := httptls.NewTransport(clientConfig(protos...))
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

// stdTransport is net/http's own over crypto/tls.
func stdTransport(t testing.TB, protos ...string) *http.Transport {
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authority().Pool(), MinVersion: tls.VersionTLS13}, Protocols: new(http.Protocols)}
	for _, p := range protos {
		tr.Protocols.SetHTTP1(tr.Protocols.HTTP1() || p == "http/1.1")
		tr.Protocols.SetHTTP2(tr.Protocols.HTTP2() || p == "h2")
	}
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

// A site is a running server.
type site struct {
	srv      *http.Server
	url      string // https://localhost:port
	addr     string // 127.0.0.1:port
	log      *lines
	accepted *counter
	done     chan error // what Serve returned
}

// start serves srv over Handclasp until the test ends.
func start(t testing.TB, srv *http.Server, protos ...string) *site {
	return run(t, srv, func(l net.Listener) error { return httptls.Serve(l, srv, serverConfig(protos...)) })
}

// startStd serves srv over crypto/tls.
func startStd(t testing.TB, srv *http.Server, protos ...string) *site {
	srv.TLSConfig = &tls.Config{Certificates: []tls.Certificate{identity().std}, NextProtos: protos}
	srv.Protocols = new(http.Protocols)
	for _, p := range protos {
		srv.Protocols.SetHTTP1(srv.Protocols.HTTP1() || p == "http/1.1")
		srv.Protocols.SetHTTP2(srv.Protocols.HTTP2() || p == "h2")
	}
	return run(t, srv, func(l net.Listener) error { return srv.ServeTLS(l, "", "") })
}

func run(t testing.TB, srv *http.Server, serve func(net.Listener) error) *site {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	s := &site{
		srv: srv, addr: l.Addr().String(), url: "https://localhost:" + port, log: new(lines),
		accepted: &counter{Listener: l}, done: make(chan error, 1),
	}
	srv.ErrorLog = log.New(s.log, "", 0)
	go func() { s.done <- serve(s.accepted) }()
	t.Cleanup(func() { srv.Close() })
	return s
}

// counter counts what a listener accepts.
type counter struct {
	net.Listener
	mu sync.Mutex
	n  int
}

func (c *counter) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err == nil {
		c.mu.Lock()
		c.n++
		c.mu.Unlock()
	}
	return conn, err
}

func (c *counter) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

// lines is a log that can be waited for.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// eventually waits until ok, at most 5 seconds.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within 5 seconds", what)
		}
	}
}

// get fetches url and gives the body.
func get(rt http.RoundTripper, url string) (*http.Response, string, error) {
	return do(rt, context.Background(), http.MethodGet, url, nil)
}

func do(rt http.RoundTripper, ctx context.Context, method, url string, body io.Reader) (*http.Response, string, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return nil, "", err
	}
	res, err := rt.RoundTrip(req)
	if err != nil {
		return nil, "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if res.Request != req {
		err = errors.Join(err, errors.New("Response.Request is another"))
	}
	return res, string(b), err
}

// peerAddr answers with the client's address, which names a connection.
var peerAddr = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.RemoteAddr) })

// both runs a test for each protocol.
func both(t *testing.T, f func(t *testing.T, proto string)) {
	for _, proto := range []string{"http/1.1", "h2"} {
		t.Run(strings.ReplaceAll(proto, "/", "-"), func(t *testing.T) { t.Parallel(); f(t, proto) })
	}
}

func emptyNextProto() map[string]func(*http.Server, *tls.Conn, http.Handler) {
	return map[string]func(*http.Server, *tls.Conn, http.Handler){}
}

// pems are a certificate's chain and its key.
func pems(t testing.TB, c tls.Certificate) (chain, key []byte) {
	t.Helper()
	for _, der := range c.Certificate {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return chain, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}
