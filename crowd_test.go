package handclasp_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/fault"
)

// A hall is a listener that lets few handshakes go on at once. Each connection
// echoes; how its handshake ended is told.
type hall struct {
	net.Listener
	ended chan error
	all   sync.WaitGroup
}

func newHall(t *testing.T, limits handclasp.Limits) *hall {
	t.Helper()
	cfg := serverConfig()
	cfg.Limits = limits
	l, err := handclasp.Listen("tcp", "127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	h := &hall{Listener: l, ended: make(chan error, 1000)}
	h.all.Go(h.serve)
	t.Cleanup(func() { l.Close(); h.all.Wait() })
	return h
}

func (h *hall) serve() {
	for {
		conn, err := h.Accept()
		if err != nil {
			return
		}
		h.all.Go(func() {
			defer conn.Close()
			err := conn.(*handclasp.Conn).Handshake()
			h.ended <- err
			if err == nil {
				io.Copy(conn, conn)
			}
		})
	}
}

func (h *hall) silent(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", h.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func (h *hall) good(t *testing.T) *handclasp.Conn {
	t.Helper()
	conn, err := handclasp.Dial("tcp", h.Addr().String(), clientConfig())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := <-h.ended; err != nil {
		t.Fatal(err)
	}
	return conn
}

// echoes reports whether conn still works.
func echoes(conn net.Conn) error {
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := conn.Write([]byte("x")); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, make([]byte, 1))
	return err
}

// TestCrowd: whoever comes gets in, the oldest whose handshake is not complete
// gives way, and what is complete counts no more.
func TestCrowd(t *testing.T) {
	h := newHall(t, handclasp.Limits{HalfOpen: 3})
	var done []net.Conn
	for range 5 {
		done = append(done, h.good(t))
	}
	first := h.silent(t)
	for range 2 {
		h.silent(t)
	}
	waits(t, h, 0)
	h.silent(t)
	waits(t, h, 1)
	first.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := first.Read(make([]byte, 1)); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the oldest reads %v", err)
	}
	for range 10 { // each pushes one out, and then is in
		h.silent(t)
		waits(t, h, 1)
		h.goodAmong(t)
	}
	for _, conn := range done {
		if err := echoes(conn); err != nil {
			t.Errorf("a complete one does not work any more: %v", err)
		}
	}
}

// goodAmong makes a handshake for which a silent one gives way.
func (h *hall) goodAmong(t *testing.T) {
	t.Helper()
	conn, err := handclasp.Dial("tcp", h.Addr().String(), clientConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := echoes(conn); err != nil {
		t.Fatal(err)
	}
	for range 2 { // in either order
		if err := <-h.ended; err != nil && !errors.Is(err, fault.HandshakeCrowded) {
			t.Fatal(err)
		}
	}
	h.silent(t)
	waits(t, h, 0)
}

// waits demands that n handshakes end because of the crowd.
func waits(t *testing.T, h *hall, n int) {
	t.Helper()
	for range n {
		select {
		case err := <-h.ended:
			if f, ok := errors.AsType[*fault.Error](err); !ok || !errors.Is(err, fault.HandshakeCrowded) || f.Role != fault.Server {
				t.Fatalf("got %v, want %s", err, fault.HandshakeCrowded.ID)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("nobody gives way")
		}
	}
	select {
	case err := <-h.ended:
		t.Fatalf("one more ends: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
}

// TestCrowdLeft: who closes, and who fails, makes room.
func TestCrowdLeft(t *testing.T) {
	h := newHall(t, handclasp.Limits{HalfOpen: 2})
	stays := h.silent(t)
	for range 20 {
		conn := h.silent(t)
		conn.Write([]byte("no TLS at all\r\n"))
		if err := <-h.ended; !errors.Is(err, fault.PeerSpeaksGarbage) {
			t.Fatal(err)
		}
		h.silent(t).Close()
		if err := <-h.ended; !errors.Is(err, fault.ClosedEarly) && !errors.Is(err, fault.PeerReset) {
			t.Fatal(err)
		}
	}
	conn := handclasp.Client(stays, clientConfig())
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := echoes(conn); err != nil {
		t.Error(err)
	}
}

// TestCrowdUnattended: a connection that is accepted and left alone gives way too,
// and says so to who comes back to it.
func TestCrowdUnattended(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := serverConfig()
	cfg.Limits.HalfOpen = 1
	l := handclasp.NewListener(inner, cfg)
	defer l.Close()
	var accepted []*handclasp.Conn
	for range 2 {
		raw, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close()
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		accepted = append(accepted, conn.(*handclasp.Conn))
	}
	if err := accepted[0].Handshake(); !errors.Is(err, fault.HandshakeCrowded) {
		t.Errorf("the first: %v", err)
	}
	if _, err := accepted[0].Read(nil); !errors.Is(err, fault.HandshakeCrowded) {
		t.Errorf("the first, again: %v", err)
	}
}

// TestHandshakeTime: a handshake has its time on either side, however busy the peer
// looks, and it counts only while somebody drives it.
func TestHandshakeTime(t *testing.T) {
	limits := handclasp.Limits{HandshakeTime: 150 * time.Millisecond}
	for name, end := range map[string]func(net.Conn) *handclasp.Conn{
		"client": func(c net.Conn) *handclasp.Conn {
			cfg := clientConfig()
			cfg.Limits = limits
			return handclasp.Client(c, cfg)
		},
		"server": func(c net.Conn) *handclasp.Conn {
			cfg := serverConfig()
			cfg.Limits = limits
			return handclasp.Server(c, cfg)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			theirs, ours := loopback(t)
			conn := end(ours)
			time.Sleep(2 * limits.HandshakeTime) // costs nothing
			if _, err := theirs.Write([]byte{22}); err != nil {
				t.Fatal(err)
			}
			go drip(theirs)
			began := time.Now()
			err := conn.Handshake()
			if took := time.Since(began); took < limits.HandshakeTime || took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
			f, ok := errors.AsType[*fault.Error](err)
			if !ok || !errors.Is(err, fault.HandshakeTooSlow) || !f.Timeout() || !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			if f.Got == "0 bytes of it received" {
				t.Errorf("it does not say what came: %v", err)
			}
		})
	}
}

// drip sends a record bit by bit, whose first byte has gone before.
func drip(c net.Conn) {
	for _, b := range append([]byte{3, 1, 1, 0}, make([]byte, 200)...) {
		if _, err := c.Write([]byte{b}); err != nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestHandshakeTimeSpan: a context may end sooner, and -1 is without end.
func TestHandshakeTimeSpan(t *testing.T) {
	_, raw := loopback(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := handclasp.Server(raw, serverConfig()).HandshakeContext(ctx); !errors.Is(err, fault.PeerSilent) {
		t.Errorf("a context: %v", err)
	}
	cfg := serverConfig()
	cfg.Limits.HandshakeTime = -1
	c, s := loopback(t)
	if err := both(handclasp.Client(c, clientConfig()).Handshake, handclasp.Server(s, cfg).Handshake); err != nil {
		t.Errorf("without end: %v", err)
	}
}
