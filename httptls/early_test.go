package httptls_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/httptls"
	"github.com/handclasp/handclasp/session"
)

// earlyServer takes 0-RTT data. Its guard is an hour old, for a new one may have
// forgotten a replay.
func earlyServer(t testing.TB, protos ...string) *handclasp.ServerConfig {
	t.Helper()
	kv, err := session.NewMemory(session.MemoryOptions{Clock: func() time.Time { return time.Now().Add(-time.Hour) }})
	must(t, err)
	cfg := serverConfig(protos...)
	cfg.Guard, err = session.NewGuard(session.GuardOptions{KV: kv, Clock: time.Now})
	must(t, err)
	cfg.Tickets, err = session.NewTickets(session.TicketOptions{Clock: time.Now})
	must(t, err)
	cfg.EarlyData = 1 << 14
	return cfg
}

// earlyClient remembers sessions and sends 0-RTT data.
func earlyClient(t testing.TB, protos ...string) *handclasp.ClientConfig {
	t.Helper()
	cfg := clientConfig(protos...)
	var err error
	cfg.Sessions, err = session.NewClientMemory(session.ClientOptions{Clock: time.Now})
	must(t, err)
	cfg.ServerName, cfg.EarlyData = "localhost", true
	return cfg
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A visit is what a handler saw of a request.
type visit struct {
	method, path    string
	early, complete bool // as it was when the handler was called
	proto           int
}

// visits collects them.
type visits struct {
	mu   sync.Mutex
	all  []visit
	zero int // requests over connections that began with 0-RTT data
	came chan visit
}

func newVisits() *visits { return &visits{came: make(chan visit, 100)} }

func (v *visits) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	seen := visit{r.Method, r.URL.Path, httptls.Early(r), r.TLS.HandshakeComplete, r.ProtoMajor}
	v.mu.Lock()
	v.all = append(v.all, seen)
	v.mu.Unlock()
	v.came <- seen
	conn := httptls.Conn(r)
	if err := conn.HandshakeContext(r.Context()); err != nil {
		panic(http.ErrAbortHandler)
	}
	if conn.Info().EarlyData.State == flow.EarlyAccepted {
		v.mu.Lock()
		v.zero++
		v.mu.Unlock()
	}
	fmt.Fprintf(w, "%s %s", r.Method, r.URL.Path)
}

// take is what came since the last call.
func (v *visits) take() []visit {
	v.mu.Lock()
	defer v.mu.Unlock()
	all := v.all
	v.all, v.zero = nil, 0
	return all
}

// zeros is v.zero.
func (v *visits) zeros() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.zero
}

func startEarly(t testing.TB, h http.Handler, cfg *handclasp.ServerConfig) *site {
	srv := &http.Server{Handler: h}
	return run(t, srv, func(l net.Listener) error { return httptls.Serve(l, srv, cfg) })
}

// ticket has a client get a ticket from s, and with it what 0-RTT needs.
func ticket(t testing.TB, s *site, cfg *handclasp.ClientConfig) {
	t.Helper()
	plain := *cfg
	plain.EarlyData = false
	tr := httptls.NewTransport(&plain)
	defer tr.CloseIdleConnections()
	_, _, err := get(tr, s.url+"/first")
	must(t, err)
}

// dialEarly is a connection to s before its handshake.
func dialEarly(t testing.TB, s *site, cfg *handclasp.ClientConfig) *handclasp.Conn {
	t.Helper()
	raw, err := net.Dial("tcp", s.addr)
	must(t, err)
	t.Cleanup(func() { raw.Close() })
	raw.SetDeadline(time.Now().Add(10 * time.Second))
	return handclasp.Client(raw, cfg)
}

// request is one in the bytes of a protocol, and answers reads the status codes
// that come back.
func request(t testing.TB, proto, method, path string, header ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	if proto != "h2" {
		fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n", method, path)
		for i := 0; i < len(header); i += 2 {
			fmt.Fprintf(&b, "%s: %s\r\n", header[i], header[i+1])
		}
		b.WriteString("\r\n")
		return b.Bytes()
	}
	b.WriteString(http2.ClientPreface)
	f := http2.NewFramer(&b, nil)
	must(t, f.WriteSettings())
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	for _, h := range [][2]string{{":method", method}, {":scheme", "https"}, {":authority", "localhost"}, {":path", path}} {
		must(t, enc.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]}))
	}
	for i := 0; i < len(header); i += 2 {
		must(t, enc.WriteField(hpack.HeaderField{Name: strings.ToLower(header[i]), Value: header[i+1]}))
	}
	must(t, f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true}))
	return b.Bytes()
}

func status(t testing.TB, proto string, conn io.Reader) string {
	t.Helper()
	if proto != "h2" {
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		must(t, err)
		return fmt.Sprint(res.StatusCode)
	}
	f := http2.NewFramer(io.Discard, conn)
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	for {
		frame, err := f.ReadFrame()
		must(t, err)
		if h, ok := frame.(*http2.MetaHeadersFrame); ok {
			return h.PseudoValue("status")
		}
	}
}

// TestAcceptEarly: a request in 0-RTT data is handled before the client has
// completed the handshake, is marked, and is answered after it.
func TestAcceptEarly(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, proto string) {
		v := newVisits()
		mux := http.NewServeMux()
		mux.Handle("/", v)
		mux.Handle("/unsafe", httptls.RefuseEarly(v, nil))
		mux.Handle("/never", httptls.RefuseEarly(v, func(*http.Request) bool { return false }))
		called := make(chan struct{}, 1)
		s := startEarly(t, httptls.AcceptEarly(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if httptls.Early(r) {
				called <- struct{}{}
			}
			mux.ServeHTTP(w, r)
		})), earlyServer(t, proto))
		cfg := earlyClient(t, proto)
		major := map[string]int{"http/1.1": 1, "h2": 2}[proto]
		for _, row := range []struct {
			method, path string
			want         string
			reaches      bool
		}{
			{"GET", "/", "200", true},
			{"POST", "/", "200", true}, // who wants all gets all
			{"GET", "/unsafe", "200", true},
			{"POST", "/unsafe", "425", false},
			{"GET", "/never", "425", false},
		} {
			ticket(t, s, cfg)
			v.take()
			for len(v.came) > 0 {
				<-v.came
			}
			conn := dialEarly(t, s, cfg)
			if _, err := conn.WriteEarly(request(t, proto, row.method, row.path)); err != nil {
				t.Fatal(err)
			}
			select { // before we say another word
			case <-called:
			case <-time.After(5 * time.Second):
				t.Fatalf("%s %s waits for the handshake", row.method, row.path)
			}
			if row.reaches {
				if got, want := <-v.came, (visit{row.method, row.path, true, false, major}); got != want {
					t.Errorf("the handler sees %+v, want %+v", got, want)
				}
			}
			must(t, conn.Handshake())
			if got := status(t, proto, conn); got != row.want || conn.Info().EarlyData.State != flow.EarlyAccepted {
				t.Errorf("%s %s: %s, want %s; early data %v", row.method, row.path, got, row.want, conn.Info().EarlyData)
			}
			if n := len(v.take()); n != map[bool]int{true: 1}[row.reaches] {
				t.Errorf("%s %s reached the handler %d times", row.method, row.path, n)
			}
			conn.Close()
		}
	})
}

// TestEarlyUnaware: without AcceptEarly nothing reaches a handler before the
// handshake is complete, and it is marked only by who passed it on.
func TestEarlyUnaware(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, proto string) {
		v := newVisits()
		s := startEarly(t, httptls.RefuseEarly(v, httptls.Safe), earlyServer(t, proto))
		cfg := earlyClient(t, proto)
		ticket(t, s, cfg)
		v.take()
		conn := dialEarly(t, s, cfg)
		_, err := conn.WriteEarly(request(t, proto, "POST", "/"))
		must(t, err)
		time.Sleep(50 * time.Millisecond)
		if got := v.take(); len(got) > 0 {
			t.Errorf("a handler saw %v before the handshake was complete", got)
		}
		must(t, conn.Handshake())
		if got := status(t, proto, conn); got != "200" {
			t.Error(got)
		}
		if got := v.take(); len(got) != 1 || got[0].early || !got[0].complete {
			t.Errorf("then it saw %+v", got)
		}
		conn.Close()
		for _, header := range []string{"1", "0"} { // any value counts as 1 (RFC 8470, Section 5.1)
			late := earlyClient(t, proto)
			conn := dialEarly(t, s, late)
			_, err = conn.Write(request(t, proto, "POST", "/", "Early-Data", header))
			must(t, err)
			if got := status(t, proto, conn); got != "425" {
				t.Errorf("Early-Data: %s: %s", header, got)
			}
			conn.Close()
		}
	})
}

// TestEarlyStalls: who sends 0-RTT data and nothing more is hung up on.
func TestEarlyStalls(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, proto string) {
		v := newVisits()
		srv := &http.Server{Handler: httptls.AcceptEarly(v), ReadHeaderTimeout: 300 * time.Millisecond}
		own, cfg := earlyServer(t, proto), earlyClient(t, proto)
		ticket(t, startEarly(t, httptls.AcceptEarly(v), own), cfg) // from a server that has patience
		s := run(t, srv, func(l net.Listener) error { return httptls.Serve(l, srv, own) })
		raw, err := net.Dial("tcp", s.addr)
		must(t, err)
		defer raw.Close()
		_, err = handclasp.Client(raw, cfg).WriteEarly(request(t, proto, "GET", "/"))
		must(t, err)
		raw.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err := io.Copy(io.Discard, raw); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("it is still connected after 5 seconds")
		}
	})
}

// TestAllowEarly: what may goes in 0-RTT data, and nothing else does.
func TestAllowEarly(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, proto string) {
		v := newVisits()
		s := startEarly(t, httptls.AcceptEarly(v), earlyServer(t, proto))
		cfg := earlyClient(t, proto)
		may := httptls.AllowEarly(context.Background())
		for _, row := range []struct {
			name   string
			ctx    context.Context
			method string
			body   string
			want   bool
		}{
			{"allowed", may, "GET", "", true},
			{"not allowed", context.Background(), "GET", "", false},
			{"unsafe", may, "DELETE", "", false},
			{"with a body", may, "GET", "body", false},
			{"again", may, "HEAD", "", true},
		} {
			ticket(t, s, cfg)
			v.take()
			tr := httptls.NewTransport(cfg)
			var body io.Reader
			if row.body != "" {
				body = strings.NewReader(row.body)
			}
			res, _, err := do(tr, row.ctx, row.method, s.url+"/", body)
			must(t, err)
			if res.TLS == nil || !res.TLS.HandshakeComplete || res.TLS.NegotiatedProtocol != proto || !res.TLS.DidResume {
				t.Errorf("%s: Response.TLS %+v", row.name, res.TLS)
			}
			if got, want := v.zeros(), map[bool]int{true: 1}[row.want]; got != want {
				t.Errorf("%s: %d requests in 0-RTT data, want %d", row.name, got, want)
			}
			res, _, err = do(tr, row.ctx, row.method, s.url+"/second", nil) // over the same connection
			must(t, err)
			if res.TLS == nil || !res.TLS.HandshakeComplete {
				t.Errorf("%s: the second Response.TLS %+v", row.name, res.TLS)
			}
			got := v.take()
			if len(got) != 2 || got[0].early && !row.want || got[1].early {
				t.Errorf("%s: the server sees %+v", row.name, got)
			}
			tr.CloseIdleConnections()
		}
		if n := s.accepted.count(); n != 10 { // five tickets, five transports
			t.Errorf("%d connections", n)
		}
	})
}

// TestTooEarly: an answer of 425 has the request sent again, once, after the
// handshake and over the same connection; but only if it went early.
func TestTooEarly(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, proto string) {
		var refuse, came atomic.Int32
		s := startEarly(t, httptls.AcceptEarly(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if came.Add(1) <= refuse.Load() {
				w.WriteHeader(http.StatusTooEarly)
			}
			io.WriteString(w, r.RemoteAddr)
		})), earlyServer(t, proto))
		cfg := earlyClient(t, proto)
		may := httptls.AllowEarly(context.Background())
		for _, row := range []struct {
			ctx    context.Context
			refuse int32
			status int
			came   int32
		}{{may, 0, 200, 1}, {may, 1, 200, 2}, {may, 2, 425, 2}, {context.Background(), 1, 425, 1}} {
			ticket(t, s, cfg)
			came.Store(0)
			refuse.Store(row.refuse)
			tr := httptls.NewTransport(cfg)
			before := s.accepted.count()
			res, _, err := do(tr, row.ctx, "GET", s.url, nil)
			must(t, err)
			if n := s.accepted.count() - before; res.StatusCode != row.status || came.Load() != row.came || n != 1 {
				t.Errorf("%+v: status %d, %d requests over %d connections", row, res.StatusCode, came.Load(), n)
			}
			tr.CloseIdleConnections()
			refuse.Store(0)
		}
	})
}

// TestEarlyTurnedDown: a server that takes no 0-RTT data any more, or speaks
// another protocol than it did, gets the request all the same, and once.
func TestEarlyTurnedDown(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, proto string) {
		other := map[string]string{"h2": "http/1.1", "http/1.1": "h2"}[proto]
		for name, change := range map[string]func(*handclasp.ServerConfig){
			"it takes none":    func(c *handclasp.ServerConfig) { c.EarlyData, c.Guard = 0, nil },
			"another protocol": func(c *handclasp.ServerConfig) { c.NextProtos = []string{other} },
			"less":             func(c *handclasp.ServerConfig) { c.EarlyData = 10 },
		} {
			v := newVisits()
			first := earlyServer(t, proto)
			s := startEarly(t, httptls.AcceptEarly(v), first)
			cfg := earlyClient(t, "h2", "http/1.1")
			ticket(t, s, cfg)
			v.take()
			second := *first
			change(&second)
			s2 := startEarly(t, httptls.AcceptEarly(v), &second)
			tr := httptls.NewTransport(cfg)
			defer tr.CloseIdleConnections()
			_, body, err := do(tr, httptls.AllowEarly(context.Background()), "GET", s2.url+"/x", nil)
			if err != nil || body != "GET /x" {
				t.Errorf("%s: %q, %v", name, body, err)
			}
			if got := v.take(); len(got) != 1 || got[0].early {
				t.Errorf("%s: the server sees %+v", name, got)
			}
		}
	})
}

// TestEarlyTogether: others who want the same server meanwhile wait for the
// handshake, and then share the connection where the protocol lets them.
func TestEarlyTogether(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, proto string) {
		v := newVisits()
		s := startEarly(t, httptls.AcceptEarly(v), earlyServer(t, proto))
		cfg := earlyClient(t, proto)
		ticket(t, s, cfg)
		v.take()
		before := s.accepted.count()
		tr := httptls.NewTransport(cfg)
		defer tr.CloseIdleConnections()
		var all sync.WaitGroup
		for i := range 20 {
			ctx := context.Background()
			if i%2 == 0 {
				ctx = httptls.AllowEarly(ctx)
			}
			all.Go(func() {
				path := fmt.Sprintf("/%v", i%2 == 0)
				if _, body, err := do(tr, ctx, "GET", s.url+path, nil); err != nil || body != "GET "+path {
					t.Errorf("%q, %v", body, err)
				}
			})
		}
		all.Wait()
		for _, got := range v.take() {
			if got.early && got.path != "/true" {
				t.Errorf("%+v went early unasked", got)
			}
		}
		if n := s.accepted.count() - before; proto == "h2" && n != 1 {
			t.Errorf("%d connections", n)
		}
	})
}

// TestEarlyGivenUp: a request that is cancelled while it goes early leaves the others
// alone.
func TestEarlyGivenUp(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, proto string) {
		v := newVisits()
		s := startEarly(t, v, earlyServer(t, proto))
		cfg := earlyClient(t, proto)
		ticket(t, s, cfg)
		l, err := net.Listen("tcp", "127.0.0.1:0") // to which the session belongs as well, and which is slow
		must(t, err)
		defer l.Close()
		tr := httptls.NewTransport(cfg)
		defer tr.CloseIdleConnections()
		ctx, cancel := context.WithCancel(httptls.AllowEarly(context.Background()))
		given, kept := make(chan error, 1), make(chan error, 1)
		url := "https://" + l.Addr().String()
		go func() { _, _, err := do(tr, ctx, "GET", url, nil); given <- err }()
		l.(*net.TCPListener).SetDeadline(time.Now().Add(time.Minute))
		first, err := l.Accept()
		must(t, err)
		defer first.Close()
		_, err = first.Read(make([]byte, 5)) // the hello is on its way
		must(t, err)
		go func() { _, _, err := do(tr, context.Background(), "GET", url, nil); kept <- err }()
		time.Sleep(20 * time.Millisecond)
		cancel()
		select {
		case err := <-given:
			if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("it does not leave")
		}
		first.Close()
		second, err := l.Accept() // for the one that stays
		must(t, err)
		defer second.Close()
		relay(t, second, s.addr)
		if err := <-kept; err != nil {
			t.Error(err)
		}
	})
}

// relay connects conn with addr.
func relay(t testing.TB, conn net.Conn, addr string) {
	t.Helper()
	to, err := net.Dial("tcp", addr)
	must(t, err)
	go func() { io.Copy(to, conn); to.Close() }()
	go func() { io.Copy(conn, to); conn.Close() }()
}

// openssl is where the program is; without it there is nothing to test.
func openssl(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil && os.Getenv("CI") != "true" {
		t.Skip("openssl is not on this machine; CI has it")
	}
	must(t, err)
	return path
}

// TestOpenSSLSendsEarly: s_client sends a request in 0-RTT data; the one that changes
// something is told that it comes too early.
func TestOpenSSLSendsEarly(t *testing.T) {
	t.Parallel()
	program := openssl(t)
	v := newVisits()
	s := startEarly(t, httptls.AcceptEarly(httptls.RefuseEarly(v, nil)), earlyServer(t, "http/1.1"))
	dir := t.TempDir()
	file := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, b, 0o600))
		return path
	}
	ca, sess := file("ca.pem", authority().PEM()), filepath.Join(dir, "session")
	client := func(input string, args ...string) string {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		cmd := exec.CommandContext(ctx, program, append([]string{"s_client", "-connect", s.addr, "-servername", "localhost", "-alpn", "http/1.1",
			"-CAfile", ca, "-tls1_3", "-ign_eof"}, args...)...)
		cmd.Stdin = strings.NewReader(input)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("s_client: %v\n%s", err, out)
		}
		return string(out)
	}
	for _, row := range []struct {
		method, want string
		reaches      bool
	}{{"GET", "HTTP/1.1 200 OK", true}, {"POST", "HTTP/1.1 425 Too Early", false}} {
		client("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "-sess_out", sess)
		v.take()
		early := file("early", []byte(row.method+" /early HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"))
		out := client("", "-sess_in", sess, "-early_data", early)
		if !strings.Contains(out, row.want) || !strings.Contains(out, "Early data was accepted") {
			t.Errorf("%s: s_client says\n%s", row.method, out)
		}
		if got := v.take(); (len(got) == 1) != row.reaches || len(got) == 1 && got[0].method != row.method {
			t.Errorf("%s: the handler sees %+v", row.method, got)
		}
	}
}

// TestOpenSSLTakesEarly: a Transport sends a request in 0-RTT data to s_server.
func TestOpenSSLTakesEarly(t *testing.T) {
	t.Parallel()
	program := openssl(t)
	dir := t.TempDir()
	id := identity()
	issued := filepath.Join(dir, "cert.pem")
	key := filepath.Join(dir, "key.pem")
	certPEM, keyPEM := pems(t, id.std)
	must(t, os.WriteFile(issued, certPEM, 0o600))
	must(t, os.WriteFile(key, keyPEM, 0o600))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	addr := l.Addr().String()
	l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	cmd := exec.CommandContext(ctx, program, "s_server", "-accept", addr, "-cert", issued, "-key", key, "-tls1_3", "-alpn", "http/1.1", "-early_data",
		"-naccept", "2")
	answers, err := cmd.StdinPipe()
	must(t, err)
	said, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	defer func() { cancel(); cmd.Wait() }()
	var mu sync.Mutex
	var log strings.Builder
	ended := make(chan struct{})
	go func() { // answers whatever is asked
		defer close(ended)
		in := bufio.NewScanner(said)
		for in.Scan() {
			mu.Lock()
			fmt.Fprintln(&log, in.Text())
			mu.Unlock()
			if strings.HasPrefix(in.Text(), "GET /") {
				time.Sleep(50 * time.Millisecond) // it wants to read to the end, and complete the handshake
				io.WriteString(answers, "HTTP/1.1 200 OK\nContent-Length: 2\nConnection: close\n\nok\n")
			}
		}
	}()
	cfg := earlyClient(t, "http/1.1")
	for range 2 {
		tr := httptls.NewTransport(cfg)
		var body string
		for range 100 { // it may still be starting
			if _, body, err = do(tr, httptls.AllowEarly(ctx), "GET", "https://"+addr+"/x", nil); err == nil {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		tr.CloseIdleConnections()
		if err != nil || body != "ok" {
			t.Fatalf("%q, %v\n%s", body, err, &log)
		}
	}
	<-ended // it served two
	mu.Lock()
	defer mu.Unlock()
	if text := log.String(); strings.Count(text, "GET /x") != 2 || !strings.Contains(text, "Early data received") {
		t.Errorf("s_server says\n%s", text)
	}
}
