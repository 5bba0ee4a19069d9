package handclasp

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/handclasp/handclasp/internal/pki"
)

// overTCP is a connection over the loopback interface, both ends connected.
func overTCP(t *testing.T) (client, server *Conn) {
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
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	raw, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	other, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	client = Client(raw, &ClientConfig{ServerName: "localhost", RootCAs: root.Pool()})
	server = Server(other, &ServerConfig{Certificates: []Certificate{cert}})
	t.Cleanup(func() { client.Close(); server.Close() })
	done := make(chan error)
	go func() { done <- server.Handshake() }()
	if err := errors.Join(client.Handshake(), <-done); err != nil {
		t.Fatal(err)
	}
	return client, server
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
