package httptls_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/httptls"
)

// TestReuse: requests share connections, also after a pause, until they are
// closed by hand, or idle for too long.
func TestReuse(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, proto string) {
		s := start(t, &http.Server{Handler: peerAddr}, proto)
		tr := httptls.NewTransport(clientConfig())
		fetch := func() string {
			_, body, err := get(tr, s.url)
			if err != nil {
				t.Fatal(err)
			}
			return body
		}
		first := fetch()
		time.Sleep(100 * time.Millisecond)
		if again := fetch(); again != first {
			t.Errorf("on %s, then on %s", first, again)
		}
		tr.CloseIdleConnections()
		second := fetch()
		if second == first || s.accepted.count() != 2 {
			t.Errorf("CloseIdleConnections left %s; %d connections", first, s.accepted.count())
		}
		tr.CloseIdleConnections()
		tr = httptls.NewTransportFrom(&http.Transport{IdleConnTimeout: 50 * time.Millisecond}, clientConfig())
		third := fetch()
		time.Sleep(600 * time.Millisecond)
		if fetch() == third {
			t.Error("an idle connection was not closed")
		}
		tr.CloseIdleConnections()
	})
}

// TestClosedByServer: a connection that the server has closed costs no request.
func TestClosedByServer(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, proto string) {
		s := start(t, &http.Server{Handler: peerAddr, IdleTimeout: 50 * time.Millisecond}, proto)
		tr := transport(t)
		for range 3 {
			if _, _, err := get(tr, s.url); err != nil {
				t.Error(err)
			}
			time.Sleep(150 * time.Millisecond)
		}
	})
}

// TestOneDial: many first requests wait for one dial that offers both
// protocols, and nothing is dialed only to find out.
func TestOneDial(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, proto string) {
		s := start(t, &http.Server{Handler: peerAddr}, proto)
		tr := transport(t)
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if _, _, err := get(tr, s.url); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := s.accepted.count(); proto == "h2" && n != 1 || n > 20 {
			t.Errorf("20 requests at once made %d connections", n)
		}
		s, tr = start(t, &http.Server{Handler: peerAddr}, proto), transport(t)
		for range 5 {
			if _, _, err := get(tr, s.url); err != nil {
				t.Error(err)
			}
		}
		if n := s.accepted.count(); n != 1 {
			t.Errorf("5 requests one after the other made %d connections", n)
		}
	})
}

// TestConnectionClose: a request that asks for it has a connection to itself.
func TestConnectionClose(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, proto string) {
		var mu sync.Mutex
		open := 0
		s := start(t, &http.Server{Handler: peerAddr, ConnState: func(_ net.Conn, st http.ConnState) {
			mu.Lock()
			defer mu.Unlock()
			switch st {
			case http.StateNew:
				open++
			case http.StateClosed:
				open--
			}
		}}, proto)
		tr := transport(t)
		for range 3 {
			req, err := http.NewRequest(http.MethodGet, s.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Close = true
			res, err := tr.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			io.Copy(io.Discard, res.Body)
			res.Body.Close()
		}
		if n := s.accepted.count(); n != 3 {
			t.Errorf("3 requests made %d connections", n)
		}
		eventually(t, "all closed", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return open == 0
		})
	})
}

// TestCancelDial: a request that gives up leaves at once, alone; the last one
// ends the dial.
func TestCancelDial(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	tr := transport(t)
	patient, leave := context.WithCancel(context.Background())
	results := make(chan error, 2)
	go func() {
		_, _, err := do(tr, patient, http.MethodGet, "https://"+l.Addr().String(), nil)
		results <- err
	}()
	l.(*net.TCPListener).SetDeadline(time.Now().Add(time.Minute))
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	hasty, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	body := &closing{Reader: strings.NewReader("x")}
	if _, _, err := do(tr, hasty, http.MethodPost, "https://"+l.Addr().String(), body); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the hasty one got %v", err)
	}
	if !body.closed {
		t.Error("its body is not closed")
	}
	select {
	case err := <-results:
		t.Fatalf("the patient one ended too: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	leave()
	if err := <-results; !errors.Is(err, context.Canceled) {
		t.Errorf("the patient one got %v", err)
	}
	conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.Copy(io.Discard, conn); err != nil {
		t.Errorf("the dial goes on: %v", err)
	}
}

type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error { c.closed = true; return nil }

// TestTransportFromNothing: a nil Transport is the zero one.
func TestTransportFromNothing(t *testing.T) {
	t.Parallel()
	s := start(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {})})
	tr := httptls.NewTransportFrom(nil, clientConfig())
	defer tr.CloseIdleConnections()
	if res, _, err := get(tr, s.url); err != nil || res.StatusCode != http.StatusOK {
		t.Error(err)
	}
}

// TestErrors: what goes wrong below HTTP arrives as what it is.
func TestErrors(t *testing.T) {
	t.Parallel()
	plain := &http.Server{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go plain.Serve(l)
	t.Cleanup(func() { plain.Close() })
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	s := start(t, &http.Server{})
	quick := httptls.NewTransportFrom(&http.Transport{TLSHandshakeTimeout: 50 * time.Millisecond}, clientConfig())
	for _, row := range []struct {
		name string
		rt   http.RoundTripper
		url  string
		want error
	}{
		{"unknown authority", httptls.NewTransport(nil), s.url, fault.CertUnknownIssuer},
		{"plain HTTP", transport(t), "https://" + l.Addr().String(), fault.PeerSpeaksHTTP},
		{"silence", quick, "https://" + silent.Addr().String(), fault.PeerSilent},
		{"no common protocol", transport(t, "h3"), s.url, fault.AlertReceived},
	} {
		t.Run(row.name, func(t *testing.T) {
			body := &closing{Reader: strings.NewReader("x")}
			if _, _, err := do(row.rt, context.Background(), http.MethodPost, row.url, body); !errors.Is(err, row.want) {
				t.Errorf("got %v", err)
			}
			if !body.closed {
				t.Error("the body is not closed")
			}
		})
	}
	for _, bad := range []*http.Request{{}, {URL: &url.URL{Scheme: "https"}, Header: http.Header{}}, {URL: &url.URL{Scheme: "ftp", Host: "x"}, Header: http.Header{}}} {
		if _, err := transport(t).RoundTrip(bad); err == nil {
			t.Errorf("%v was accepted", bad.URL)
		}
	}
}

// TestPlainURL: http:// works as in http.Transport.
func TestPlainURL(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: peerAddr}
	go srv.Serve(l)
	defer srv.Close()
	if res, _, err := get(transport(t), "http://"+l.Addr().String()); err != nil || res.TLS != nil {
		t.Errorf("got %v, %v", res, err)
	}
}

// TestUpgrade: a protocol that takes over an HTTP/1.1 connection works, also
// where HTTP/2 is in use, and changes nothing for other requests.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	s := start(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			io.WriteString(w, r.Proto)
			return
		}
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		if _, ok := conn.(*handclasp.Conn); !ok {
			t.Errorf("hijacked a %T", conn)
		}
		io.WriteString(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		rw.Flush()
		line, _ := rw.ReadString('\n')
		io.WriteString(conn, line)
	})})
	tr := transport(t)
	req, err := http.NewRequest(http.MethodGet, s.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "websocket")
	res, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	rwc, ok := res.Body.(io.ReadWriteCloser)
	if !ok || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("got %s and a %T", res.Status, res.Body)
	}
	defer rwc.Close()
	if _, body, err := get(tr, s.url); err != nil || body != "HTTP/2.0" {
		t.Errorf("meanwhile: %q, %v", body, err)
	}
	io.WriteString(rwc, "hello\n")
	if line, err := bufio.NewReader(rwc).ReadString('\n'); line != "hello\n" {
		t.Errorf("got %q, %v", line, err)
	}
}

// TestTrace: the hooks of httptrace see what they see with net/http.
func TestTrace(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, proto string) {
		s := start(t, &http.Server{Handler: peerAddr}, proto)
		var mu sync.Mutex
		var seen []string
		note := func(f string, args ...any) {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, fmt.Sprintf(f, args...))
		}
		ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
			ConnectStart:      func(string, string) { note("connect") },
			TLSHandshakeStart: func() { note("handshake") },
			GotConn:           func(i httptrace.GotConnInfo) { note("connection reused=%v", i.Reused) },
			WroteRequest:      func(i httptrace.WroteRequestInfo) { note("written %v", i.Err) },
		})
		tr := transport(t)
		for range 2 {
			if _, _, err := do(tr, ctx, http.MethodGet, strings.Replace(s.url, "localhost", "127.0.0.1", 1), nil); err != nil {
				t.Fatal(err)
			}
		}
		mu.Lock()
		defer mu.Unlock()
		want := "connect, handshake, connection reused=false, written <nil>, connection reused=true, written <nil>"
		if got := strings.Join(seen, ", "); got != want {
			t.Errorf("saw %s\nwant %s", got, want)
		}
	})
}
