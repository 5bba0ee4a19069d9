package httptls_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/httptls"
	"github.com/handclasp/handclasp/iana"
)

// TestPlainHTTP: who forgets the s in https is told so, in the clear, and the
// log names it.
func TestPlainHTTP(t *testing.T) {
	t.Parallel()
	s := start(t, &http.Server{})
	res, body, err := get(&http.Transport{DisableKeepAlives: true}, "http://"+s.addr)
	if err != nil || res.StatusCode != http.StatusBadRequest || !strings.Contains(body, "https://") {
		t.Errorf("got %+v, %q, %v", res, body, err)
	}
	eventually(t, "a log line", func() bool { return s.log.String() != "" })
	line := s.log.String()
	for _, part := range []string{"handshake with 127.0.0.1:", "plain HTTP", fault.PeerSpeaksHTTP.Hint} {
		if !strings.Contains(line, part) || strings.Count(line, "\n") != 1 {
			t.Errorf("log %q lacks %q or is not one line", line, part)
		}
	}

	// The answer survives a request that is longer than what the server read.
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "POST / HTTP/1.1\r\n\r\n"+strings.Repeat("x", 40_000))
	if first, err := bufio.NewReader(conn).ReadString('\n'); first != "HTTP/1.0 400 Bad Request\r\n" {
		t.Errorf("got %q, %v", first, err)
	}
}

// TestSlowClient: who connects and says nothing, or too little, holds up nobody
// and is dropped after ReadHeaderTimeout.
func TestSlowClient(t *testing.T) {
	t.Parallel()
	s := start(t, &http.Server{Handler: peerAddr, ReadHeaderTimeout: 2 * time.Second})
	var slow []net.Conn
	for i := range 20 {
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.Write([]byte{22, 3, 1}[:i%4]) // the beginning of a record
		slow = append(slow, conn)
	}
	if _, _, err := get(transport(t), s.url); err != nil {
		t.Error(err)
	}
	for _, conn := range slow {
		conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err := io.Copy(io.Discard, conn); err != nil && errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("not dropped: %v", err)
		}
	}
	eventually(t, "20 log lines", func() bool { return strings.Count(s.log.String(), fault.HandshakeTooSlow.Text[:40]) == len(slow) })
}

// TestHalfOpen: of those who say nothing the oldest gives way to who comes, and the log
// says so.
func TestHalfOpen(t *testing.T) {
	t.Parallel()
	cfg := serverConfig()
	cfg.Limits.HalfOpen = 2
	srv := &http.Server{Handler: peerAddr}
	s := run(t, srv, func(l net.Listener) error { return httptls.Serve(l, srv, cfg) })
	for range 10 {
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	if _, _, err := get(transport(t), s.url); err != nil {
		t.Error(err)
	}
	eventually(t, "9 log lines", func() bool { return strings.Count(s.log.String(), fault.HandshakeCrowded.Hint) == 9 })
}

// TestRefusedByClient: an alert is explained in the log.
func TestRefusedByClient(t *testing.T) {
	t.Parallel()
	s := start(t, &http.Server{})
	tr := httptls.NewTransport(&handclasp.ClientConfig{})
	_, _, err := get(tr, s.url)
	if !errors.Is(err, fault.CertUnknownIssuer) {
		t.Errorf("the client got %v", err)
	}
	eventually(t, "a log line", func() bool { return s.log.String() != "" })
	_, hint := fault.Explain(iana.UnknownCA, fault.Server, fault.WaitFinished)
	if line := s.log.String(); !strings.Contains(line, hint) {
		t.Errorf("log %q lacks %q", line, hint)
	}
}

// TestShutdown: requests in flight finish, idle connections close, new ones are
// refused.
func TestShutdown(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, proto string) {
		working, finish := make(chan struct{}), make(chan struct{})
		s := start(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/slow" {
				close(working)
				<-finish
			}
			io.WriteString(w, "done")
		})}, proto)
		idle := transport(t)
		if _, _, err := get(idle, s.url); err != nil {
			t.Fatal(err)
		}
		half, err := net.Dial("tcp", s.addr) // in its handshake for ever
		if err != nil {
			t.Fatal(err)
		}
		defer half.Close()

		answered := make(chan error, 1)
		busy := transport(t)
		go func() {
			_, body, err := get(busy, s.url+"/slow")
			if err == nil && body != "done" {
				err = fmt.Errorf("got %q", body)
			}
			answered <- err
		}()
		<-working
		down := make(chan error, 1)
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		go func() { down <- s.srv.Shutdown(ctx) }()
		if err := <-s.done; err != http.ErrServerClosed {
			t.Errorf("Serve returned %v", err)
		}
		if conn, err := net.Dial("tcp", s.addr); err == nil {
			conn.Close()
			t.Error("the port is still open")
		}
		select {
		case err := <-down:
			t.Fatalf("Shutdown did not wait: %v", err)
		case <-time.After(50 * time.Millisecond):
		}
		close(finish)
		if err := <-answered; err != nil {
			t.Errorf("the request in flight: %v", err)
		}
		if err := <-down; err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if log := s.log.String(); log != "" {
			t.Errorf("log %q", log)
		}
	})
}

// TestClose: Close ends what Shutdown would wait for.
func TestClose(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, proto string) {
		working := make(chan struct{})
		s := start(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			close(working)
			<-r.Context().Done()
		})}, proto)
		go func() {
			<-working
			s.srv.Close()
		}()
		if _, _, err := get(transport(t), s.url); err == nil {
			t.Error("an answer after Close")
		}
		if err := <-s.done; err != http.ErrServerClosed {
			t.Errorf("Serve returned %v", err)
		}
	})
}

// TestConfig: what can't work is said at once, with the rule.
func TestConfig(t *testing.T) {
	t.Parallel()
	var none, only1 http.Protocols
	only1.SetHTTP1(true)
	for _, row := range []struct {
		name string
		cfg  *handclasp.ServerConfig
		srv  *http.Server
		want error
	}{
		{"no configuration", nil, &http.Server{}, fault.ConfigNoCertificate},
		{"no certificate", &handclasp.ServerConfig{}, &http.Server{}, fault.ConfigNoCertificate},
		{"unknown version", &handclasp.ServerConfig{Certificates: serverConfig().Certificates, MinVersion: 0x9999}, &http.Server{}, fault.ConfigValue},
		{"no protocol", serverConfig(), &http.Server{Protocols: &none}, fault.ConfigValue},
		{"h2 where it is off", serverConfig("h2"), &http.Server{Protocols: &only1}, fault.ConfigValue},
	} {
		t.Run(row.name, func(t *testing.T) {
			if err := httptls.ListenAndServe("127.0.0.1:0", row.srv, row.cfg); !errors.Is(err, row.want) {
				t.Errorf("ListenAndServe: %v", err)
			}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			if err := httptls.Serve(l, row.srv, row.cfg); !errors.Is(err, row.want) {
				t.Errorf("Serve: %v", err)
			}
			if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("the listener is open: %v", err)
			}
		})
	}
	if err := httptls.ListenAndServe("127.0.0.1:bad", new(http.Server), serverConfig()); err == nil {
		t.Error("a bad address was accepted")
	}
}

// TestProtocols: srv.Protocols and the older TLSNextProto decide what is offered,
// and the configuration stays as it was.
func TestProtocols(t *testing.T) {
	t.Parallel()
	var only1, only2 http.Protocols
	only1.SetHTTP1(true)
	only2.SetHTTP2(true)
	for _, row := range []struct {
		name string
		srv  *http.Server
		want string
	}{
		{"default", &http.Server{}, "HTTP/2.0"},
		{"only 1", &http.Server{Protocols: &only1}, "HTTP/1.1"},
		{"only 2", &http.Server{Protocols: &only2}, "HTTP/2.0"},
		{"old way", &http.Server{TLSNextProto: emptyNextProto()}, "HTTP/1.1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			cfg := serverConfig()
			row.srv.Handler = peerAddr
			s := run(t, row.srv, func(l net.Listener) error { return httptls.Serve(l, row.srv, cfg) })
			if res, _, err := get(transport(t), s.url); err != nil || res.Proto != row.want {
				t.Errorf("got %v, %v", res, err)
			}
			row.srv.Close()
			<-s.done
			if cfg.NextProtos != nil || cfg.Time != nil {
				t.Errorf("cfg is %+v", cfg)
			}
		})
	}
}

// TestOtherProtocol: a protocol that is not HTTP ends with its handshake.
func TestOtherProtocol(t *testing.T) {
	t.Parallel()
	s := start(t, &http.Server{}, "h2", "acme-tls/1")
	cfg := clientConfig("acme-tls/1")
	conn, err := handclasp.Dial("tcp", strings.TrimPrefix(s.url, "https://"), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Read(make([]byte, 1)); err != io.EOF || conn.Info().ALPN != "acme-tls/1" {
		t.Errorf("%q, then %v", conn.Info().ALPN, err)
	}
}

// TestHTTP2OrNothing: who agreed on HTTP/2 and speaks HTTP/1, or keeps silent, is
// dropped.
func TestHTTP2OrNothing(t *testing.T) {
	t.Parallel()
	cfg, srv := serverConfig(), &http.Server{ReadHeaderTimeout: 300 * time.Millisecond}
	cfg.Limits.HandshakeTime = time.Minute // which has to get through on a busy machine
	s := run(t, srv, func(l net.Listener) error { return httptls.Serve(l, srv, cfg) })
	for _, said := range []string{"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "PRI * HTTP/1", ""} {
		conn, err := handclasp.Dial("tcp", strings.TrimPrefix(s.url, "https://"), clientConfig("h2"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		io.WriteString(conn, said)
		conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		if b, err := io.ReadAll(conn); errors.Is(err, os.ErrDeadlineExceeded) || strings.Contains(string(b), "HTTP/1.1 200") {
			t.Errorf("%q is answered %q, %v", said, b, err)
		}
	}
}

// TestHookPanics: a hook that panics costs its own connection and no other.
func TestHookPanics(t *testing.T) {
	t.Parallel()
	cfg := serverConfig()
	cfg.GetConfigForClient = func(h *handclasp.HelloInfo) (*handclasp.ServerConfig, error) {
		if h.ServerName == "panic.test" {
			panic("a defect of the user's")
		}
		return nil, nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{ErrorLog: log.New(io.Discard, "", 0)}
	done := make(chan error, 1)
	go func() { done <- httptls.Serve(l, srv, cfg) }()
	for _, name := range []string{"panic.test", "localhost"} {
		c := clientConfig()
		c.ServerName = name
		conn, err := handclasp.Dial("tcp", l.Addr().String(), c)
		if (err == nil) != (name == "localhost") {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			conn.Close()
		}
	}
	srv.Close()
	<-done
}

// TestHooks: the contexts of a server reach handlers, and its hooks see our
// connections.
func TestHooks(t *testing.T) {
	t.Parallel()
	type key string
	both(t, func(t *testing.T, proto string) {
		var mu sync.Mutex
		states := make(map[net.Conn][]http.ConnState)
		srv := &http.Server{
			BaseContext: func(net.Listener) context.Context { return context.WithValue(context.Background(), key("base"), "b") },
			ConnContext: func(ctx context.Context, c net.Conn) context.Context {
				return context.WithValue(ctx, key("conn"), c)
			},
			ConnState: func(c net.Conn, s http.ConnState) {
				mu.Lock()
				defer mu.Unlock()
				states[c] = append(states[c], s)
			},
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				c := httptls.Conn(r)
				ctx := r.Context()
				if c == nil || ctx.Value(key("conn")) != net.Conn(c) || ctx.Value(key("base")) != "b" {
					http.Error(w, "contexts are missing", http.StatusInternalServerError)
					return
				}
				secret, err := c.ExportKeyingMaterial("EXPORTER-test", nil, 32)
				fmt.Fprintf(w, "%d %v %v %s", len(secret), err, c.Info().Version, c.RemoteAddr())
				if c.RemoteAddr().String() != r.RemoteAddr || ctx.Value(http.LocalAddrContextKey) == nil || ctx.Value(http.ServerContextKey) == nil {
					io.WriteString(w, " addresses are wrong")
				}
			}),
		}
		s := start(t, srv, proto)
		tr := transport(t)
		_, body, err := get(tr, s.url)
		if err != nil || !strings.HasPrefix(body, "32 <nil> TLS 1.3 127.0.0.1:") || strings.Contains(body, "wrong") {
			t.Errorf("got %q, %v", body, err)
		}
		tr.CloseIdleConnections()
		eventually(t, "StateClosed", func() bool {
			mu.Lock()
			defer mu.Unlock()
			for c, list := range states {
				if _, ok := c.(*handclasp.Conn); !ok || len(states) != 1 {
					t.Errorf("ConnState got %T, of %d", c, len(states))
				}
				return list[0] == http.StateNew && list[len(list)-1] == http.StateClosed
			}
			return false
		})
	})
	if c := httptls.Conn(new(http.Request)); c != nil {
		t.Errorf("a request from nowhere came on %v", c)
	}
}

// TestTwoListeners serves one server twice, at once.
func TestTwoListeners(t *testing.T) {
	t.Parallel()
	srv := &http.Server{Handler: peerAddr}
	var addrs []string
	done := make(chan error, 2)
	for range 2 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addrs = append(addrs, l.Addr().String())
		go func() { done <- httptls.Serve(l, srv, serverConfig()) }()
	}
	tr := transport(t)
	for _, addr := range addrs {
		if res, _, err := get(tr, "https://"+addr); err != nil || res.ProtoMajor != 2 {
			t.Errorf("%s: %v", addr, err)
		}
	}
	tr.CloseIdleConnections()
	srv.Close()
	for range addrs {
		if err := <-done; err != http.ErrServerClosed {
			t.Errorf("Serve returned %v", err)
		}
	}
}

// failing is a listener whose Accept fails once, for a moment.
type failing struct {
	net.Listener
	once sync.Once
}

type hiccup struct{ error }

func (hiccup) Timeout() bool   { return false }
func (hiccup) Temporary() bool { return true }

func (f *failing) Accept() (conn net.Conn, err error) {
	f.once.Do(func() { err = hiccup{errors.New("too many open files")} })
	if err != nil {
		return nil, err
	}
	return f.Listener.Accept()
}

// TestAcceptError: the server's own way with errors of a listener holds.
func TestAcceptError(t *testing.T) {
	t.Parallel()
	srv := &http.Server{Handler: peerAddr}
	s := run(t, srv, func(l net.Listener) error { return httptls.Serve(&failing{Listener: l}, srv, serverConfig()) })
	if _, _, err := get(transport(t), s.url); err != nil {
		t.Error(err)
	}
	if log := s.log.String(); !strings.Contains(log, "too many open files; retrying") {
		t.Errorf("log %q", log)
	}
	s.accepted.Close() // for good
	if err := <-s.done; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve returned %v", err)
	}
}

// TestListenAndServe takes the address from the server if there is no other.
func TestListenAndServe(t *testing.T) {
	t.Parallel()
	at := make(chan net.Addr, 1)
	srv := &http.Server{Addr: "127.0.0.1:0", Handler: peerAddr, BaseContext: func(l net.Listener) context.Context {
		at <- l.Addr()
		return context.Background()
	}}
	done := make(chan error, 1)
	go func() { done <- httptls.ListenAndServe("", srv, serverConfig()) }()
	select {
	case addr := <-at:
		if _, _, err := get(transport(t), "https://"+addr.String()); err != nil {
			t.Error(err)
		}
		srv.Close()
		if err := <-done; err != http.ErrServerClosed {
			t.Errorf("returned %v", err)
		}
	case err := <-done:
		t.Fatal(err)
	}
}
