package handclasp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// piped is a connected pair over net.Pipe, which buffers nothing: a peer that
// does not read blocks every write at once.
func piped(t *testing.T) (client, server *handclasp.Conn, raw net.Conn) {
	t.Helper()
	c, s := net.Pipe()
	t.Cleanup(func() { c.Close(); s.Close() })
	client, server = handclasp.Client(c, clientConfig()), handclasp.Server(s, serverConfig())
	if err := both(client.Handshake, server.Handshake); err != nil {
		t.Fatal(err)
	}
	return client, server, s
}

// readAll keeps reading until an error.
func readAll(c *handclasp.Conn) {
	go func() {
		b := make([]byte, 100)
		for {
			if _, err := c.Read(b); err != nil {
				return
			}
		}
	}()
}

// TestKeyUpdateDeadline: a KeyUpdate that did not get out says so, and goes out
// with the next write instead of leaving the peer with wrong keys.
func TestKeyUpdateDeadline(t *testing.T) {
	client, server := connected(t)
	client.SetWriteDeadline(time.Now().Add(-time.Second))
	if err := client.KeyUpdate(false); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("KeyUpdate: %v", err)
	}
	client.SetWriteDeadline(time.Time{})
	if _, err := client.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 5)
	if _, err := io.ReadFull(server, b); err != nil || string(b) != "hello" {
		t.Fatalf("the peer reads %q, %v", b, err)
	}
}

// TestCloseWriteDeadline: so does a close_notify.
func TestCloseWriteDeadline(t *testing.T) {
	client, server := connected(t)
	client.SetWriteDeadline(time.Now().Add(-time.Second))
	if err := client.CloseWrite(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("CloseWrite: %v", err)
	}
	client.SetWriteDeadline(time.Time{})
	if err := client.CloseWrite(); err != nil {
		t.Fatalf("the second CloseWrite: %v", err)
	}
	if _, err := server.Read(make([]byte, 1)); err != io.EOF {
		t.Fatalf("the peer reads %v", err)
	}
	if err := client.CloseWrite(); !errors.Is(err, fault.WriteClosed) {
		t.Errorf("the third CloseWrite: %v", err)
	}
}

// A gate holds up writes until it is opened.
type gate struct {
	net.Conn
	waiting chan struct{} // a write has come
	open    chan struct{} // nil lets all through
}

func (g *gate) Write(p []byte) (int, error) {
	if g.open != nil {
		select {
		case g.waiting <- struct{}{}:
		default:
		}
		<-g.open
	}
	return g.Conn.Write(p)
}

// TestCloseWriteKeepsOrder: what a reader left for the writer is not lost when
// CloseWrite comes in between.
func TestCloseWriteKeepsOrder(t *testing.T) {
	c, s := loopback(t)
	g := &gate{Conn: c, waiting: make(chan struct{}, 1)}
	client, server := handclasp.Client(g, clientConfig()), handclasp.Server(s, serverConfig())
	if err := both(client.Handshake, server.Handshake); err != nil {
		t.Fatal(err)
	}
	g.open = make(chan struct{})
	go client.Write([]byte("hello")) // holds the write lock
	<-g.waiting
	readAll(client)
	if err := server.KeyUpdate(true); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond) // the client's reader now owes an answer
	done := make(chan error, 1)
	go func() { done <- client.CloseWrite() }()
	time.Sleep(20 * time.Millisecond)
	close(g.open)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(server); err != nil || string(got) != "hello" {
		t.Fatalf("the peer reads %q, %v", got, err)
	}
}

// TestCloseIsBounded: Close returns although the peer reads nothing and a reader
// of ours tries to answer a KeyUpdate.
func TestCloseIsBounded(t *testing.T) {
	client, server, _ := piped(t)
	readAll(client)
	if err := server.KeyUpdate(true); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { client.Close(); close(done) }()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("Close did not return")
	}
}

// TestCloseWakesAll: who is stuck in KeyUpdate or CloseWrite is woken at once.
func TestCloseWakesAll(t *testing.T) {
	for name, stuck := range map[string]func(*handclasp.Conn) error{
		"KeyUpdate":  func(c *handclasp.Conn) error { return c.KeyUpdate(true) },
		"CloseWrite": (*handclasp.Conn).CloseWrite,
	} {
		t.Run(name, func(t *testing.T) {
			client, _, _ := piped(t)
			start := time.Now()
			time.AfterFunc(30*time.Millisecond, func() { client.Close() })
			if err := stuck(client); err == nil {
				t.Error("it claims to have sent something")
			}
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// TestNoWaitForGoodbye: who comes while Close tries to tell a peer that does not
// listen is not held up by it.
func TestNoWaitForGoodbye(t *testing.T) {
	c, s := net.Pipe()
	defer s.Close()
	g := &gate{Conn: c, waiting: make(chan struct{}, 1)}
	client, server := handclasp.Client(g, clientConfig()), handclasp.Server(s, serverConfig())
	if err := both(client.Handshake, server.Handshake); err != nil {
		t.Fatal(err)
	}
	g.open = make(chan struct{})
	closed := make(chan error, 1)
	go func() { closed <- client.Close() }()
	<-g.waiting
	for name, late := range map[string]func() error{
		"KeyUpdate":  func() error { return client.KeyUpdate(true) },
		"CloseWrite": client.CloseWrite,
		"Write":      func() error { _, err := client.Write([]byte("data")); return err },
	} {
		done := make(chan error, 1)
		go func() { done <- late() }()
		select {
		case err := <-done:
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("%s: %v", name, err)
			}
		case <-time.After(4 * time.Second):
			t.Errorf("%s waits", name)
		}
	}
	c.Close()
	close(g.open)
	if err := <-closed; err != nil {
		t.Errorf("Close: %v", err)
	}
}

// TestReaderAnswers: a side that only reads answers a KeyUpdate as soon as the
// peer reads again.
func TestReaderAnswers(t *testing.T) {
	client, server, raw := piped(t)
	readAll(client)
	server.KeyUpdate(true)
	time.Sleep(30 * time.Millisecond) // the client has tried and given up
	for range 2 {
		server.Write([]byte("more"))
	}
	go server.Write([]byte("and more"))
	raw.SetReadDeadline(time.Now().Add(30 * time.Second))
	if n, err := raw.Read(make([]byte, 100)); n == 0 {
		t.Errorf("no answer: %v", err)
	}
}

// TestBlockedHandshakeWrite: a context or Close ends a handshake that is stuck
// in writing, and the error says which.
func TestBlockedHandshakeWrite(t *testing.T) {
	for _, want := range []error{context.DeadlineExceeded, context.Canceled, net.ErrClosed} {
		c, s := net.Pipe()
		client := handclasp.Client(c, clientConfig())
		ctx, cancel := context.WithCancel(t.Context())
		switch want {
		case context.DeadlineExceeded:
			ctx, cancel = context.WithTimeout(t.Context(), 30*time.Millisecond)
		case context.Canceled:
			time.AfterFunc(30*time.Millisecond, cancel)
		default:
			time.AfterFunc(30*time.Millisecond, func() { client.Close() })
		}
		if err := client.HandshakeContext(ctx); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
		cancel()
		s.Close()
	}
}

// TestPlainHTTPServer: net/http over our listener fills Request.TLS.
func TestPlainHTTPServer(t *testing.T) {
	l, err := handclasp.Listen("tcp", "127.0.0.1:0", serverConfig())
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%#x %s %v", r.TLS.Version, r.TLS.ServerName, r.TLS.HandshakeComplete)
	})}
	go srv.Serve(l)
	defer srv.Close()
	conn, err := handclasp.Dial("tcp", l.Addr().String(), clientConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET / HTTP/1.0\r\n\r\n")
	if got, err := io.ReadAll(conn); err != nil || !strings.HasSuffix(string(got), "0x304 localhost true") {
		t.Errorf("%s, %v", got, err)
	}
}

// TestServerGroupOrder: an explicit order is obeyed; the default prefers what
// resists quantum computers.
func TestServerGroupOrder(t *testing.T) {
	for _, test := range []struct {
		server, shares []iana.Group
		want           iana.Group
		retried        bool
	}{
		{nil, []iana.Group{iana.X25519}, iana.X25519MLKEM768, true},
		{nil, []iana.Group{iana.X25519, iana.SecP256r1MLKEM768}, iana.SecP256r1MLKEM768, false},
		{[]iana.Group{iana.X25519, iana.X25519MLKEM768}, nil, iana.X25519, false},
		{[]iana.Group{iana.X25519, iana.X25519MLKEM768}, []iana.Group{iana.X25519}, iana.X25519, false},
		{[]iana.Group{iana.Secp384r1, iana.X25519}, nil, iana.X25519, false},
		{[]iana.Group{iana.Secp384r1, iana.Secp256r1}, nil, iana.Secp384r1, true},
	} {
		server, client := serverConfig(), clientConfig()
		server.CurvePreferences, client.KeyShares = test.server, test.shares
		conn, err, _ := handshake(t, client, server)
		if err != nil {
			t.Error(err)
			continue
		}
		if i := conn.Info(); i.Group != test.want || i.Retried != test.retried {
			t.Errorf("%v with shares %v: %v, retried %v", test.server, test.shares, i.Group, i.Retried)
		}
	}
}

// TestBadConfiguration: values that can't work are refused before a byte goes
// out, with the field named.
func TestBadConfiguration(t *testing.T) {
	for field, cfg := range map[string]*handclasp.ClientConfig{
		"ServerName":             {ServerName: "a\x00b"},
		"ServerName ":            {ServerName: "münchen.de"},
		"ServerName  ":           {ServerName: "[::1]"},
		"NextProtos":             {ServerName: "x", NextProtos: []string{""}},
		"NextProtos ":            {ServerName: "x", NextProtos: make([]string, 0)},
		"MinVersion, MaxVersion": {ServerName: "x", MaxVersion: iana.TLS11},
		"CipherSuites":           {ServerName: "x", CipherSuites: []iana.CipherSuite{0x1234}},
		"CurvePreferences":       {ServerName: "x", MaxVersion: iana.TLS12, CurvePreferences: []iana.Group{iana.X25519MLKEM768}},
		"KeyShares":              {ServerName: "x", CurvePreferences: []iana.Group{iana.X25519}, KeyShares: []iana.Group{iana.Secp256r1}},
	} {
		if strings.HasPrefix(field, "NextProtos ") {
			for range 300 {
				cfg.NextProtos = append(cfg.NextProtos, strings.Repeat("p", 255))
			}
		}
		c, _ := loopback(t)
		err := handclasp.Client(c, cfg).Handshake()
		var f *fault.Error
		if !errors.As(err, &f) || f.Rule != fault.ConfigValue || f.Field != strings.TrimSpace(field) {
			t.Errorf("%s: %v", field, err)
		}
	}
	if _, err := handclasp.Listen("tcp", "127.0.0.1:0", nil); !errors.Is(err, fault.ConfigNoCertificate) {
		t.Errorf("Listen without a configuration: %v", err)
	}
	client, server := loopback(t)
	c, s := handclasp.Client(client, clientConfig()), handclasp.Server(server, serverConfig())
	c.Watch(nil)
	if err := both(c.Handshake, s.Handshake); err != nil {
		t.Error(err)
	}
}
