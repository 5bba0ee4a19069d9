package handclasp

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/internal/pki"
)

// overTCP is a connection over the loopback interface, both ends connected.
func overTCP(t *testing.T, change ...func(*ClientConfig)) (client, server *Conn) {
	t.Helper()
	return over(t, "tcp", "127.0.0.1:0", change...)
}

// over is a connection over a network, both ends connected.
func over(t *testing.T, network, address string, change ...func(*ClientConfig)) (client, server *Conn) {
	t.Helper()
	client, server = ends(t, network, address, new(ServerConfig), change...)
	done := make(chan error)
	go func() { done <- server.Handshake() }()
	if err := errors.Join(client.Handshake(), <-done); err != nil {
		t.Fatal(err)
	}
	return client, server
}

// ends are those of a connection before the handshake. The server's configuration gets a
// certificate.
func ends(t *testing.T, network, address string, cfg *ServerConfig, change ...func(*ClientConfig)) (client, server *Conn) {
	t.Helper()
	o := pki.Options{Now: time.Now(), Key: pki.P256}
	root, err := pki.NewAuthority("Root", o)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := root.Issue(pki.Leaf{Names: []string{"localhost"}, Key: pki.P256})
	if err != nil {
		t.Fatal(err)
	}
	key, err := leaf.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	cert, err := X509KeyPair(leaf.PEM(), key)
	if err != nil {
		t.Fatal(err)
	}
	raw, other := Transports(t, network, address)
	cfg.Certificates = []Certificate{cert}
	c := &ClientConfig{ServerName: "localhost", RootCAs: root.Pool()}
	for _, f := range change {
		f(c)
	}
	return Client(raw, c), Server(other, cfg)
}

// TestIdleHoldsNothing: who has read all there is, or has found nothing, holds no
// buffer; what comes in pieces, late, or before anybody reads arrives all the same.
func TestIdleHoldsNothing(t *testing.T) {
	client, server := overTCP(t)
	for _, size := range []int{1, 100, 16 << 10, 100 << 10} {
		want := bytes.Repeat([]byte{byte(size)}, size)
		if _, err := client.Write(want); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, size)
		if _, err := io.ReadFull(server, got); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if server.inbox.buf != nil {
			t.Errorf("%d bytes: a buffer of %d is held", size, len(server.inbox.buf))
		}
	}
	server.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if n, err := server.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%d, %v", n, err)
	}
	if server.inbox.buf != nil {
		t.Error("a buffer is held for what did not come")
	}
	server.SetReadDeadline(time.Time{})
	go func() {
		time.Sleep(20 * time.Millisecond)
		client.Write([]byte("late"))
		client.Close()
	}()
	if got, err := io.ReadAll(server); string(got) != "late" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// TestIdleClosed: closing wakes who waits, and a connection that breaks off is a
// truncation.
func TestIdleClosed(t *testing.T) {
	client, server := overTCP(t)
	go func() {
		time.Sleep(20 * time.Millisecond)
		server.Close()
	}()
	if _, err := server.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if _, err := client.Read(make([]byte, 1)); err != io.EOF {
		t.Error(err)
	}
	client, server = overTCP(t)
	server.NetConn().Close()
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
}

// TestIdleErrors: what a Read of ours fails with below is what a Read of the transport
// itself fails with.
func TestIdleErrors(t *testing.T) {
	for network, address := range map[string]string{"tcp": "127.0.0.1:0", "unix": filepath.Join(t.TempDir(), "socket")} {
		for name, spoil := range map[string]func(ours, peer net.Conn){
			"a deadline that passed": func(ours, _ net.Conn) { ours.SetReadDeadline(time.Unix(1, 0)) },
			"a deadline that passes": func(ours, _ net.Conn) { ours.SetReadDeadline(time.Now().Add(10 * time.Millisecond)) },
			"closed":                 func(ours, _ net.Conn) { ours.Close() },
			"closed below": func(ours, _ net.Conn) {
				if c, ok := ours.(*Conn); ok {
					ours = c.NetConn()
				}
				ours.Close()
			},
			"reset": func(_, peer net.Conn) {
				if c, ok := peer.(*Conn); ok {
					peer = c.NetConn()
				}
				if tcp, ok := peer.(*net.TCPConn); ok {
					tcp.SetLinger(0)
				}
				peer.Close()
			},
		} {
			if name == "reset" && network == "unix" {
				continue // there is no such thing
			}
			plain, peer := Transports(t, network, address)
			spoil(plain, peer)
			client, server := over(t, network, address)
			spoil(client, server)
			var want, got *net.OpError
			if _, err := plain.Read(make([]byte, 1)); !errors.As(err, &want) {
				t.Fatalf("%s, %s: %v", network, name, err)
			}
			_, err := client.Read(make([]byte, 1))
			if !errors.As(err, &got) {
				t.Errorf("%s, %s: %v", network, name, err)
				continue
			}
			for _, g := range []struct{ what, got, want any }{
				{"operation", got.Op, want.Op}, {"network", got.Net, want.Net}, {"timeout", got.Timeout(), want.Timeout()},
				{"cause", got.Err.Error(), want.Err.Error()},
				{"source", got.Source.String(), client.LocalAddr().String()}, {"address", got.Addr.String(), client.RemoteAddr().String()},
			} {
				if g.got != g.want {
					t.Errorf("%s, %s: the %s is %v, want %v", network, name, g.what, g.got, g.want)
				}
			}
		}
	}
}

// written is much that closer has written to a reader who takes little at a time.
func written(t *testing.T, closer, reader *Conn) []byte {
	t.Helper()
	if !closer.waits() {
		t.Skip("this system tells nobody what has arrived")
	}
	closer.NetConn().(*net.TCPConn).SetWriteBuffer(1 << 20)
	reader.NetConn().(*net.TCPConn).SetReadBuffer(32 << 10)
	b := bytes.Repeat([]byte("answer"), 40<<10)
	if _, err := closer.Write(b); err != nil {
		t.Fatal(err)
	}
	return b
}

// arrives demands that want arrives whole.
func arrives(t *testing.T, reader *Conn, want []byte) {
	t.Helper()
	if got, err := io.ReadAll(reader); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes of %d arrive: %v", len(got), len(want), err)
	}
}

// TestCloseUnread: closing with the peer's words unread does not cost the peer what it
// has not fetched yet, which a reset by the system would.
func TestCloseUnread(t *testing.T) {
	client, server := overTCP(t)
	other, otherServer := overTCP(t)
	for name, ends := range map[string]struct{ closer, reader *Conn }{
		"server closes": {server, client},
		"client closes": {other, otherServer},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			closer, reader := ends.closer, ends.reader
			want := written(t, closer, reader)
			_, err := reader.Write(make([]byte, 100<<10))
			if err = errors.Join(err, reader.CloseWrite()); err != nil {
				t.Fatal(err)
			}
			closer.SetDeadline(time.Unix(1, 0))
			began := time.Now()
			closer.Close()
			if took := time.Since(began); runtime.GOOS == "linux" && took < lingers/2 {
				t.Errorf("Close waited %v for a peer that takes nothing", took)
			}
			arrives(t, reader, want)
		})
	}
}

// TestCloseBeforeLateWords: nor do words that come too late, while the system has not sent all.
func TestCloseBeforeLateWords(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells what it has not sent yet")
	}
	closer, reader := overTCP(t)
	want := written(t, closer, reader)
	closed := make(chan error)
	go func() {
		closer.drain(watchdog) // as Close does, with more patience than a busy machine needs
		closed <- closer.Close()
	}()
	time.Sleep(20 * time.Millisecond) // or the words might be there already
	if _, err := reader.Write([]byte("late")); err != nil {
		t.Fatal(err)
	}
	arrives(t, reader, want)
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// TestRefusedWhileSending: a client that sends because its handshake is complete, while the
// server refuses its certificate, can send on until it has read the alert. A reset would fail
// its Write, and where the system drops what was received, cost it the alert.
func TestRefusedWhileSending(t *testing.T) {
	client, server := ends(t, "tcp", "127.0.0.1:0", &ServerConfig{ClientAuth: RequireAnyClientCert})
	if !server.waits() {
		t.Skip("this system tells nobody what has arrived")
	}
	refused, closed := make(chan struct{}), make(chan error)
	go func() {
		err := server.Handshake()
		close(refused)
		server.drain(watchdog) // as Close does, with more patience than a busy machine needs
		server.Close()
		closed <- err
	}()
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	<-refused
	time.Sleep(20 * time.Millisecond) // for a server that does not wait
	for range 50 {
		if _, err := client.Write(make([]byte, 100<<10)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, fault.AlertReceived) {
		t.Error(err)
	}
	client.Close()
	if err := <-closed; !errors.Is(err, fault.ClientCertificateMissing) {
		t.Error(err)
	}
}

// TestWriterLearnsWhy: who writes learns why the connection has ended, although somebody else
// read that and has closed the connection.
func TestWriterLearnsWhy(t *testing.T) {
	client, server := overTCP(t)
	stuck := make(chan error)
	go func() {
		_, err := client.Write(make([]byte, 64<<20)) // more than systems take, and nobody reads
		stuck <- err
	}()
	server.engine.Fail(fault.Internal.New())
	server.flushAlert()
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, fault.AlertReceived) {
		t.Error(err)
	}
	if err := client.Close(); err != nil {
		t.Error(err)
	}
	_, later := client.Write([]byte("late"))
	for name, err := range map[string]error{"who was writing": <-stuck, "who writes later": later} {
		if !errors.Is(err, fault.AlertReceived) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCloseNeverWaitsForWords: Close waits for nothing to arrive, even on a socket that waits
// because somebody had its number.
func TestCloseNeverWaitsForWords(t *testing.T) {
	_, server := overTCP(t)
	if !server.waits() {
		t.Skip("this system tells nobody what has arrived")
	}
	f, err := server.NetConn().(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	f.Fd() // turns waiting on for both
	closed := make(chan error, 1)
	go func() { closed <- server.Close() }()
	select {
	case err := <-closed:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("Close waits")
	}
}
