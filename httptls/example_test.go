package httptls_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/httptls"
	"github.com/handclasp/handclasp/session"
)

// A server has a certificate from files, and its handlers see the handshake.
func ExampleListenAndServe() {
	cert, err := handclasp.LoadX509KeyPair("server.pem", "server.key")
	if err != nil {
		fmt.Println(err)
		return
	}
	hello := func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s with %v\n", r.Proto, httptls.Conn(r).Info().CipherSuite)
	}
	srv := &http.Server{Handler: http.HandlerFunc(hello)}
	err = httptls.ListenAndServe(":443", srv, &handclasp.ServerConfig{Certificates: []handclasp.Certificate{cert}})
	fmt.Println(err)
}

// A client is an http.Client like any other.
func ExampleNewTransport() {
	url, stop := exampleServer()
	defer stop()

	client := &http.Client{Transport: httptls.NewTransport(&handclasp.ClientConfig{RootCAs: authority().Pool()})}
	res, err := client.Get(url)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	fmt.Printf("%s, ALPN %s: %s, %v", res.Proto, res.TLS.NegotiatedProtocol, body, err)
	client.CloseIdleConnections()
	// Output: HTTP/2.0, ALPN h2: hello, localhost, <nil>
}

// A server answers what changes nothing as soon as the client's first words are
// there, and takes orders only from who has completed the handshake.
func ExampleAcceptEarly() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /price", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "5 pounds; early:", httptls.Early(r))
	})
	mux.Handle("POST /order", httptls.RefuseEarly(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "ordered")
	}), nil))
	srv := &http.Server{Handler: httptls.AcceptEarly(mux)}

	tickets, _ := session.NewTickets(session.TicketOptions{Clock: time.Now})
	seen, _ := session.NewMemory(session.MemoryOptions{Clock: time.Now})
	guard, _ := session.NewGuard(session.GuardOptions{KV: seen, Clock: time.Now})
	cfg := &handclasp.ServerConfig{
		Certificates: []handclasp.Certificate{identity().ours},
		Tickets:      tickets, EarlyData: 16 << 10, Guard: guard,
	}
	err := httptls.ListenAndServe(":443", srv, cfg)
	fmt.Println(err)
}

// A client that has been there before asks with its first words.
func ExampleAllowEarly() {
	sessions, _ := session.NewClientMemory(session.ClientOptions{Clock: time.Now})
	client := &http.Client{Transport: httptls.NewTransport(&handclasp.ClientConfig{Sessions: sessions, EarlyData: true})}
	req, err := http.NewRequestWithContext(httptls.AllowEarly(context.Background()), http.MethodGet, "https://example.com/price", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := client.Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	res.Body.Close()
	fmt.Println(res.Status)
}

// A server is shut down as any http.Server: what is under way finishes.
func ExampleServe() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	cfg := &handclasp.ServerConfig{Certificates: []handclasp.Certificate{identity().ours}}
	srv := &http.Server{Handler: http.NotFoundHandler()}
	done := make(chan error, 1)
	go func() { done <- httptls.Serve(l, srv, cfg) }()

	client := &http.Client{Transport: httptls.NewTransport(&handclasp.ClientConfig{RootCAs: authority().Pool()})}
	res, err := client.Get("https://" + l.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	res.Body.Close()
	client.CloseIdleConnections()
	fmt.Println(res.Status)
	fmt.Println(srv.Shutdown(context.Background()))
	fmt.Println(<-done)
	// Output:
	// 404 Not Found
	// <nil>
	// http: Server closed
}

// exampleServer greets at url until stop.
func exampleServer() (url string, stop func()) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hello, %s", r.TLS.ServerName)
	})}
	done := make(chan error, 1)
	go func() { done <- httptls.Serve(l, srv, serverConfig()) }()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return "https://localhost:" + port, func() { srv.Close(); <-done }
}
