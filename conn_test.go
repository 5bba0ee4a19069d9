package handclasp_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
)

// TestBothWrite: two sides that both write much, while both change keys and ask
// for the same, must not wait for each other.
func TestBothWrite(t *testing.T) {
	n := 100 << 20
	if testing.Short() {
		n = 8 << 20
	}
	client, server := connected(t)
	block := make([]byte, 1<<20)
	rand.Read(block)
	write := func(c *handclasp.Conn) error {
		for i := range n / len(block) {
			if i%4 == 1 {
				if err := c.KeyUpdate(true); err != nil {
					return err
				}
			}
			if _, err := c.Write(block); err != nil {
				return err
			}
		}
		return c.CloseWrite()
	}
	read := func(c *handclasp.Conn) error {
		got := make([]byte, len(block))
		for range n / len(block) {
			if _, err := io.ReadFull(c, got); err != nil {
				return err
			}
			if !bytes.Equal(got, block) {
				return errors.New("data differ")
			}
		}
		if _, err := c.Read(got); err != io.EOF {
			return errors.New("no close_notify at the end")
		}
		return nil
	}
	side := func(c *handclasp.Conn) func() error {
		return func() error {
			return both(func() error { return write(c) }, func() error { return read(c) })
		}
	}
	if err := both(side(client), side(server)); err != nil {
		t.Fatal(err)
	}
}

// TestReadFindsEarlierData: data that came with the handshake's last bytes, or
// before Read was called, is there.
func TestReadFindsEarlierData(t *testing.T) {
	client, server := connected(t)
	if _, err := server.Write([]byte("early bird")); err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond)
	b := make([]byte, 5)
	for _, want := range []string{"early", " bird"} {
		if _, err := io.ReadFull(client, b); err != nil || string(b) != want {
			t.Fatalf("read %q, %v", b, err)
		}
	}
}

// TestReadDeadline: a deadline wakes a waiting Read, and the connection goes on.
func TestReadDeadline(t *testing.T) {
	client, server := connected(t)
	time.AfterFunc(20*time.Millisecond, func() { client.SetReadDeadline(time.Now()) })
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("read: %v", err)
	}
	client.SetReadDeadline(time.Time{})
	server.Write([]byte("x"))
	b := make([]byte, 1)
	if _, err := client.Read(b); err != nil || b[0] != 'x' {
		t.Fatalf("after the deadline: %q, %v", b, err)
	}
}

// TestWriteDeadline: a deadline wakes a Write that is stuck; writing is over
// then, reading is not over by it.
func TestWriteDeadline(t *testing.T) {
	client, _ := connected(t)
	client.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
	var timeout net.Error
	_, err := client.Write(make([]byte, 64<<20))
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Fatalf("write: %v", err)
	}
	client.SetWriteDeadline(time.Time{})
	if _, err := client.Write([]byte("x")); err == nil {
		t.Fatal("a write after half a record went out")
	}
}

// TestCloseWakes: Close ends Reads, Writes and handshakes that wait.
func TestCloseWakes(t *testing.T) {
	waits := map[string]func(*handclasp.Conn) error{
		"read":  func(c *handclasp.Conn) error { _, err := c.Read(make([]byte, 1)); return err },
		"write": func(c *handclasp.Conn) error { _, err := c.Write(make([]byte, 64<<20)); return err },
	}
	for name, wait := range waits {
		t.Run(name, func(t *testing.T) {
			client, _ := connected(t)
			time.AfterFunc(30*time.Millisecond, func() { client.Close() })
			if err := wait(client); !errors.Is(err, net.ErrClosed) {
				t.Fatalf("%s: %v", name, err)
			}
			if err := client.Close(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("second Close: %v", err)
			}
			if _, err := client.Write([]byte("x")); err == nil {
				t.Error("write after Close")
			}
		})
	}
	t.Run("handshake", func(t *testing.T) {
		c, _ := loopback(t)
		client := handclasp.Client(c, clientConfig())
		time.AfterFunc(30*time.Millisecond, func() { client.Close() })
		if err := client.Handshake(); !errors.Is(err, net.ErrClosed) {
			t.Fatal(err)
		}
	})
}

// TestHandshakeContext: a context ends a handshake whose peer says nothing, and
// the error says so.
func TestHandshakeContext(t *testing.T) {
	c, _ := loopback(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	client := handclasp.Client(c, clientConfig())
	err := client.HandshakeContext(ctx)
	if !errors.Is(err, fault.PeerSilent) || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("deadline: %v", err)
	}
	if again := client.Handshake(); again != err {
		t.Errorf("the second call gives %v", again)
	}

	c, _ = loopback(t)
	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(30*time.Millisecond, cancel)
	if err := handclasp.Client(c, clientConfig()).HandshakeContext(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("cancelled: %v", err)
	}
}

// TestWaitsWithContext: who waits for what another goroutine is at gives up when its
// context ends, and the other goes on.
func TestWaitsWithContext(t *testing.T) {
	c, s := loopback(t)
	client := handclasp.Client(c, clientConfig())
	first := make(chan error, 1)
	sent := make(chan struct{}, 1)
	client.Watch(func(e *handclasp.Event) {
		if e.Kind == flow.Record && e.Sent {
			select {
			case sent <- struct{}{}:
			default:
			}
		}
	})
	go func() { first <- client.Handshake() }()
	<-sent // it waits for the server now, and holds what others wait for
	offer := func(ctx context.Context) error { _, err := client.EarlyOffer(ctx); return err }
	early := func(ctx context.Context) error { _, err := client.HandshakeEarly(ctx); return err }
	for name, wait := range map[string]func(context.Context) error{
		"HandshakeContext": client.HandshakeContext, "EarlyOffer": offer, "HandshakeEarly": early,
		"WaitVerdict": client.WaitVerdict, "RequestClientCertificate": client.RequestClientCertificate,
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		within(t, 10*time.Second, name, func() {
			if err := wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v", name, err)
			}
		})
		cancel()
	}
	if err := errors.Join(handclasp.Server(s, serverConfig()).Handshake(), <-first); err != nil {
		t.Error(err)
	}
}

// TestHalfClose: after CloseWrite the other direction goes on.
func TestHalfClose(t *testing.T) {
	client, server := connected(t)
	if err := client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Read(make([]byte, 1)); err != io.EOF {
		t.Fatalf("server reads %v", err)
	}
	go func() { server.Write([]byte("still here")); server.Close() }()
	if b, err := io.ReadAll(client); err != nil || string(b) != "still here" {
		t.Fatalf("client reads %q, %v", b, err)
	}
	if _, err := client.Write([]byte("x")); !errors.Is(err, fault.WriteClosed) {
		t.Errorf("write after CloseWrite: %v", err)
	}
}

// TestTruncation: an end without close_notify is no end of data.
func TestTruncation(t *testing.T) {
	client, server := connected(t)
	server.Write([]byte("some"))
	server.NetConn().Close()
	b, err := io.ReadAll(client)
	if string(b) != "some" || !errors.Is(err, fault.Truncated) || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("%q, %v", b, err)
	}
}

// TestConcurrentUse hammers all methods at once; the race detector watches.
func TestConcurrentUse(t *testing.T) {
	client, server := connected(t)
	go io.Copy(server, server)
	done := make(chan struct{})
	const writers, each = 4, 50
	go func() {
		defer close(done)
		io.CopyN(io.Discard, client, writers*each*1000)
	}()
	finished := make(chan error, writers)
	for range writers {
		go func() {
			var err error
			for range each {
				if _, e := client.Write(make([]byte, 1000)); e != nil {
					err = e
				}
				client.ConnectionState()
				client.Info()
				client.ExportKeyingMaterial("EXPORTER-x", nil, 8)
				client.SetDeadline(time.Time{})
				if e := client.KeyUpdate(true); e != nil {
					err = e
				}
			}
			finished <- err
		}()
	}
	for range writers {
		if err := <-finished; err != nil {
			t.Error(err)
		}
	}
	<-done
	client.Close()
}

// TestDialAndListen is the way most people come in.
func TestDialAndListen(t *testing.T) {
	l, err := handclasp.Listen("tcp", "127.0.0.1:0", serverConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { io.Copy(c, c); c.Close() }()
		}
	}()
	cfg := &handclasp.ClientConfig{RootCAs: roots(), NextProtos: []string{"h2"}}
	c, err := handclasp.Dial("tcp", l.Addr().String(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if s := c.ConnectionState(); !s.HandshakeComplete || len(s.VerifiedChains) == 0 || s.ServerName != "" {
		t.Errorf("state %+v", s)
	}
	if cfg.ServerName != "" {
		t.Error("Dial wrote into the configuration")
	}
	if _, err := handclasp.Listen("tcp", "127.0.0.1:0", &handclasp.ServerConfig{}); !errors.Is(err, fault.ConfigNoCertificate) {
		t.Errorf("a server without certificates: %v", err)
	}
}

// TestBrokenConfiguration: what can't be used says so at every call, and never
// panics.
func TestBrokenConfiguration(t *testing.T) {
	raw, _ := loopback(t)
	c := handclasp.Client(raw, nil) // no name to check, and not told to skip that
	c.Watch(func(*handclasp.Event) {})
	_, read := c.Read(make([]byte, 1))
	_, write := c.Write([]byte("x"))
	_, export := c.ExportKeyingMaterial("EXPORTER-x", nil, 8)
	for name, err := range map[string]error{
		"Handshake": c.Handshake(), "Read": read, "Write": write, "CloseWrite": c.CloseWrite(), "KeyUpdate": c.KeyUpdate(true), "Export": export,
	} {
		if !errors.Is(err, fault.ConfigServerName) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if c.Info().Version != 0 || c.ConnectionState().HandshakeComplete {
		t.Error("it claims to be connected")
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
