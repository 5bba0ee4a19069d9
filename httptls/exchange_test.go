package httptls_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

var bulk = flag.Int64("bulk", 64, "MiB that TestBulk sends each way")

// sides are the pairs of stacks, of which at least one is ours.
var sides = []struct {
	name   string
	server func(testing.TB, *http.Server, ...string) *site
	client func(testing.TB, ...string) http.RoundTripper
}{
	{"both", start, func(t testing.TB, p ...string) http.RoundTripper { return transport(t, p...) }},
	{"server", start, func(t testing.TB, p ...string) http.RoundTripper { return stdTransport(t, p...) }},
	{"client", startStd, func(t testing.TB, p ...string) http.RoundTripper { return transport(t, p...) }},
}

// each runs a test over both protocols, for each pair. The server offers both
// and the client one; then the other way round.
func each(t *testing.T, srv func() *http.Server, f func(t *testing.T, s *site, rt http.RoundTripper, major int)) {
	all := []string{"h2", "http/1.1"}
	for _, side := range sides {
		for i, proto := range all {
			t.Run(fmt.Sprintf("%s/%d/server offers both", side.name, 2-i), func(t *testing.T) {
				t.Parallel()
				f(t, side.server(t, srv(), all...), side.client(t, proto), 2-i)
			})
			t.Run(fmt.Sprintf("%s/%d/client offers both", side.name, 2-i), func(t *testing.T) {
				t.Parallel()
				f(t, side.server(t, srv(), proto), side.client(t, all...), 2-i)
			})
		}
	}
}

// TestRequest: a request with a body and trailers, and what both sides know of
// the connection.
func TestRequest(t *testing.T) {
	t.Parallel()
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Trailer", "X-Sum")
		w.Header().Set("X-TLS", fmt.Sprintf("%v %#x %s %q", r.TLS.HandshakeComplete, r.TLS.Version, r.TLS.ServerName, r.TLS.NegotiatedProtocol))
		w.Header().Set("X-Suite", tls.CipherSuiteName(r.TLS.CipherSuite))
		w.Header().Set("X-Peer", r.RemoteAddr)
		w.Header().Set("X-Trailer", r.Trailer.Get("X-End"))
		w.Write(body)
		w.Header().Set("X-Sum", fmt.Sprint(len(body)))
	})
	each(t, func() *http.Server { return &http.Server{Handler: echo} }, func(t *testing.T, s *site, rt http.RoundTripper, major int) {
		req, err := http.NewRequest(http.MethodPost, s.url, io.MultiReader(strings.NewReader("hello, "), strings.NewReader("world")))
		if err != nil {
			t.Fatal(err)
		}
		req.Trailer = http.Header{"X-End": {"the end"}}
		res, err := rt.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil || string(body) != "hello, world" || res.Request != req {
			t.Errorf("got %q, %v", body, err)
		}
		proto := map[int]string{1: "http/1.1", 2: "h2"}[major]
		if _, std := rt.(*http.Transport); std && res.TLS != nil && res.TLS.NegotiatedProtocol == "" {
			proto = "" // with HTTP/1.1 alone to offer, net/http leaves ALPN out
		}
		if want := fmt.Sprintf("true 0x304 localhost %q", proto); res.Header.Get("X-TLS") != want {
			t.Errorf("Request.TLS: %s, want %s", res.Header.Get("X-TLS"), want)
		}
		if res.ProtoMajor != major || res.TLS == nil || res.TLS.NegotiatedProtocol != proto || len(res.TLS.PeerCertificates) == 0 || len(res.TLS.VerifiedChains) == 0 {
			t.Errorf("%s, Response.TLS %+v", res.Proto, res.TLS)
		} else if suite := tls.CipherSuiteName(res.TLS.CipherSuite); res.Header.Get("X-Suite") != suite {
			t.Errorf("suites: %s at the server, %s here", res.Header.Get("X-Suite"), suite)
		}
		if !strings.HasPrefix(res.Header.Get("X-Peer"), "127.0.0.1:") {
			t.Errorf("RemoteAddr %q", res.Header.Get("X-Peer"))
		}
		if res.Header.Get("X-Trailer") != "the end" || res.Trailer.Get("X-Sum") != "12" {
			t.Errorf("trailers: %q came, %v came back", res.Header.Get("X-Trailer"), res.Trailer)
		}
	})
}

// sum hashes what is read.
type sum struct {
	io.Reader
	hash.Hash
}

func summed(r io.Reader) *sum { h := sha256.New(); return &sum{io.TeeReader(r, h), h} }

// TestBulk sends much, both ways at once. For 1 GiB: -bulk 1024.
func TestBulk(t *testing.T) {
	noise := make([]byte, 1<<20)
	rand.NewChaCha8([32]byte{}).Read(noise)
	stream := func(n int64) io.Reader { return io.LimitReader(&repeat{data: noise}, n) }
	n := *bulk << 20
	both(t, func(t *testing.T, proto string) {
		s := start(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			in := summed(r.Body)
			if err := http.NewResponseController(w).EnableFullDuplex(); err != nil && r.ProtoMajor == 1 {
				t.Error(err)
			}
			w.Header().Set("Trailer", "X-Sum")
			if _, err := io.Copy(w, in); err != nil {
				t.Error(err)
			}
			w.Header().Set("X-Sum", fmt.Sprintf("%x", in.Sum(nil)))
		})}, proto)
		out := summed(stream(n))
		req, err := http.NewRequest(http.MethodPost, s.url, out.Reader)
		if err != nil {
			t.Fatal(err)
		}
		res, err := transport(t).RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		back := summed(res.Body)
		got, err := io.Copy(io.Discard, back)
		if want := string(out.Sum(nil)); err != nil || got != n || string(back.Sum(nil)) != want || res.Trailer.Get("X-Sum") != fmt.Sprintf("%x", want) {
			t.Errorf("%d of %d bytes came back, or others: %v", got, n, err)
		}
	})
}

// repeat reads the same again and again.
type repeat struct {
	data []byte
	at   int
}

func (r *repeat) Read(p []byte) (int, error) {
	n := copy(p, r.data[r.at:])
	r.at = (r.at + n) % len(r.data)
	return n, nil
}

// TestStreams has 200 requests in flight on one HTTP/2 connection.
func TestStreams(t *testing.T) {
	t.Parallel()
	const streams = 200
	for _, side := range sides {
		t.Run(side.name, func(t *testing.T) {
			t.Parallel()
			var here sync.WaitGroup
			here.Add(streams)
			s := side.server(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/all" {
					here.Done()
					here.Wait() // all of them at once
				}
				peerAddr(w, r)
			})}, "h2", "http/1.1")
			rt := side.client(t, "h2")
			_, conn, err := get(rt, s.url) // so that the server's limit is known
			if err != nil {
				t.Fatal(err)
			}
			var all sync.WaitGroup
			for range streams {
				all.Go(func() {
					if _, body, err := get(rt, s.url+"/all"); err != nil || body != conn {
						t.Errorf("on connection %q, not %q: %v", body, conn, err)
					}
				})
			}
			all.Wait()
		})
	}
}

// TestCancel: a request that is cancelled while the server works on it ends at
// both sides, and the next one succeeds.
func TestCancel(t *testing.T) {
	t.Parallel()
	each(t, func() *http.Server {
		return &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/" {
				return
			}
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
			panic(http.ErrAbortHandler) // a proper end could reach the client before it has hung up
		})}
	}, func(t *testing.T, s *site, rt http.RoundTripper, _ int) {
		ended := make(chan struct{})
		ctx, cancel := context.WithCancel(context.Background())
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/wait", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := rt.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			defer close(ended)
			if _, err := io.Copy(io.Discard, res.Body); !errors.Is(err, context.Canceled) {
				t.Errorf("reading ended with %v", err)
			}
			res.Body.Close()
		}()
		cancel()
		<-ended
		if _, _, err := get(rt, s.url); err != nil {
			t.Error(err)
		}
		stop, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.srv.Shutdown(stop); err != nil { // waits for the handler, which saw the end
			t.Error(err)
		}
	})
}
