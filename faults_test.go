package handclasp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/session"
)

// The engine's own fault injection is exhaustive; here the transport fails below a
// Conn, at each record and in the midst of it, and what must not be left behind is
// goroutines, buffers and callers that wait.

// A wound is what befalls a transport after so many bytes of one direction.
type wound struct {
	kind   string // close, reset, stall, flip, truncate
	toward fault.Role
	after  int
}

// A patient is the client's end of a transport with a wound.
type patient struct {
	*net.TCPConn
	wound wound
	mu    sync.Mutex
	dir   [2]bytes.Buffer // what has passed to the client, to the server
	end   error           // what the wound looks like from here
}

// pass is what is left of b, which is on its way to role.
func (p *patient) pass(role fault.Role, b []byte) (left []byte, struck bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	dir := &p.dir[role-fault.Client]
	at := p.wound.after - dir.Len()
	dir.Write(b)
	if p.wound.kind == "" || role != p.wound.toward || at >= len(b) {
		return b, false
	}
	switch p.wound.kind {
	case "flip":
		if at >= 0 {
			b[at] ^= 0x40
		}
		return b, false
	case "close":
		p.end = io.EOF
		p.TCPConn.Close()
	case "reset":
		p.end = syscall.ECONNRESET
		p.SetLinger(0)
		p.TCPConn.Close()
	case "truncate": // what follows is lost, and the end is a proper one
		p.end = io.EOF
		p.CloseWrite()
	}
	return b[:max(at, 0)], true
}

// seen is an error as it would be if the wound were not ours.
func (p *patient) seen(err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil && p.end != nil {
		return p.end
	}
	return err
}

func (p *patient) Read(b []byte) (int, error) {
	for {
		n, err := p.TCPConn.Read(b)
		if n == 0 {
			return 0, p.seen(err)
		}
		left, struck := p.pass(fault.Client, b[:n])
		switch {
		case len(left) > 0:
			return len(left), nil
		case struck && p.wound.kind == "truncate":
			return 0, io.EOF
		}
	}
}

func (p *patient) Write(b []byte) (int, error) {
	left, struck := p.pass(fault.Server, bytes.Clone(b))
	n, err := p.TCPConn.Write(left)
	if struck && p.wound.kind == "stall" {
		return len(b), nil
	}
	return min(n, len(b)), p.seen(err)
}

// An operation is one connection with a wound, to its end.
type operation struct {
	client, server *handclasp.Conn
	errs           [2]error
	got            [2][]byte
}

// operate runs both sides. One that hangs fails the test.
func operate(t *testing.T, c *handclasp.ClientConfig, s *handclasp.ServerConfig, w wound) (*operation, *patient) {
	t.Helper()
	a, b := loopback(t)
	p := &patient{TCPConn: a.(*net.TCPConn), wound: w}
	o := &operation{client: handclasp.Client(p, c), server: handclasp.Server(b, s)}
	within := 10 * time.Second
	if w.kind == "stall" || w.kind == "flip" { // a length that grew waits for bytes that never come
		within = 150 * time.Millisecond
	}
	done := make(chan error, 1)
	go func() {
		done <- both(func() error { o.errs[0] = talk(o.client, &o.got[0], within); return nil },
			func() error { o.errs[1] = talk(o.server, &o.got[1], within); return nil })
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		panic(fmt.Sprintf("%+v: no end", w))
	}
	return o, p
}

// talk shakes hands, says something, listens to the end and closes.
func talk(c *handclasp.Conn, got *[]byte, within time.Duration) error {
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	if err := c.HandshakeContext(ctx); err != nil {
		return err
	}
	c.SetDeadline(time.Now().Add(within))
	_, sent := io.WriteString(c, speech)
	if sent == nil {
		sent = c.CloseWrite()
	}
	var err error
	*got, err = io.ReadAll(c)
	return errors.Join(err, sent)
}

const speech = "what each side says to the other"

// positions are where records of a stream begin, and places within.
func positions(stream []byte) (all []int) {
	at := 0
	for at+5 <= len(stream) {
		n := 5 + int(stream[at+3])<<8 + int(stream[at+4])
		all = append(all, at, at+1, at+5, at+n/2, at+n-1)
		at += n
	}
	return all
}

// TestTransportFaults: each wound ends both sides with an error that says what
// happened, in time; and nothing is left of them.
func TestTransportFaults(t *testing.T) {
	plain := func(*handclasp.ClientConfig, *handclasp.ServerConfig) {}
	clientCert := identities[pki.Ed25519]().ours
	mutual := func(c *handclasp.ClientConfig, s *handclasp.ServerConfig) {
		c.Certificates, s.ClientAuth, s.ClientCAs = []handclasp.Certificate{clientCert}, handclasp.RequireAndVerifyClientCert, roots()
	}
	shapes := map[string]func(*handclasp.ClientConfig, *handclasp.ServerConfig){
		"1.3": plain, "1.3, mutual": mutual,
		"1.3, retried": func(c *handclasp.ClientConfig, _ *handclasp.ServerConfig) { c.KeyShares = []iana.Group{} },
		"1.2":          func(c *handclasp.ClientConfig, _ *handclasp.ServerConfig) { c.MaxVersion = iana.TLS12 },
		"1.2, mutual": func(c *handclasp.ClientConfig, s *handclasp.ServerConfig) {
			mutual(c, s)
			c.MaxVersion = iana.TLS12
		},
		"1.3, resumed": func(c *handclasp.ClientConfig, s *handclasp.ServerConfig) {
			sessions, err := session.NewClientMemory(session.ClientOptions{Clock: time.Now})
			if err != nil {
				t.Fatal(err)
			}
			c.Sessions = sessions
			if s.Tickets, err = session.NewTickets(session.TicketOptions{Clock: time.Now}); err != nil {
				t.Fatal(err)
			}
		},
	}
	before := runtime.NumGoroutine()
	var mu sync.Mutex
	var failed []*handclasp.Conn
	t.Run("shapes", func(t *testing.T) {
		for name, shape := range shapes {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				c, s := clientConfig(), serverConfig()
				c.CurvePreferences = []iana.Group{iana.X25519}
				shape(c, s)
				for range 2 { // the second resumes if it can
					o, p := operate(t, c, s, wound{})
					if o.errs[0] != nil || o.errs[1] != nil || string(o.got[0]) != speech || string(o.got[1]) != speech {
						t.Fatal(o.errs)
					}
					if c.Sessions != nil && !o.client.Info().Resumed {
						continue
					}
					ended := wounds(t, c, s, p)
					mu.Lock()
					failed = append(failed, ended...)
					mu.Unlock()
					break
				}
			})
		}
	})
	for range 100 {
		if runtime.NumGoroutine() <= before {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > before {
		b := make([]byte, 1<<16)
		t.Errorf("%d goroutines, there were %d:\n%s", n, before, b[:runtime.Stack(b, true)])
	}
	checkHeld(t, &failed)
}

// wounds runs a shape with each wound, a few at a time: some wait.
func wounds(t *testing.T, c *handclasp.ClientConfig, s *handclasp.ServerConfig, clean *patient) (failed []*handclasp.Conn) {
	var all sync.WaitGroup
	var mu sync.Mutex
	room := make(chan struct{}, 16)
	for _, toward := range []fault.Role{fault.Client, fault.Server} {
		for _, after := range positions(clean.dir[toward-fault.Client].Bytes()) {
			for _, kind := range []string{"close", "reset", "stall", "flip", "truncate"} {
				room <- struct{}{}
				all.Go(func() {
					w := wound{kind, toward, after}
					o, _ := operate(t, c, s, w)
					<-room
					mu.Lock()
					defer mu.Unlock()
					failed = append(failed, o.check(t, w)...)
				})
			}
		}
	}
	all.Wait()
	return failed
}

// check looks at how an operation ended, and gives the connections that failed.
func (o *operation) check(t *testing.T, w wound) (failed []*handclasp.Conn) {
	for i, conn := range []*handclasp.Conn{o.client, o.server} {
		if err := named(o.errs[i]); err != nil {
			t.Errorf("%+v: %v says %v", w, fault.Role(i+1), err)
		}
		if !bytes.HasPrefix([]byte(speech), o.got[i]) {
			t.Errorf("%+v: %v got %q", w, fault.Role(i+1), o.got[i])
		}
		if o.errs[i] == nil && string(o.got[i]) != speech {
			t.Errorf("%+v: %v takes %q for all there was", w, fault.Role(i+1), o.got[i])
		}
		if o.errs[i] != nil {
			failed = append(failed, conn)
		}
	}
	return failed
}

// named is nil if err has a rule, is a deadline of ours, or none.
func named(err error) error {
	_, ok := errors.AsType[*fault.Error](err)
	if err == nil || ok || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return fmt.Errorf("%T without a rule: %w", err, err)
}

// checkHeld measures what connections that failed hold on to.
func checkHeld(t *testing.T, failed *[]*handclasp.Conn) {
	n := uint64(len(*failed))
	if n < 500 {
		t.Fatalf("only %d connections failed", n)
	}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	with := heap()
	*failed = nil
	each := (with - heap()) / n
	t.Logf("%d connections failed and hold %d bytes each", n, each)
	if each > 12<<10 {
		t.Errorf("%d bytes each: a buffer is kept", each)
	}
}
