package loop

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/session"
)

// start serves until the test ends, and gives the address and a client's view.
func start(t *testing.T) (addr string, root *pki.Authority) {
	t.Helper()
	root, err := pki.NewAuthority("Root", pki.Options{Now: time.Now(), Key: pki.P256})
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
	cert, err := handclasp.X509KeyPair(leaf.PEM(), key)
	if err != nil {
		t.Fatal(err)
	}
	tickets, err := session.NewTickets(session.TicketOptions{Clock: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	s := Server{Config: &handclasp.ServerConfig{Certificates: []handclasp.Certificate{cert}, Tickets: tickets}, Answer: bytes.ToUpper}
	go func() { done <- s.Serve(ctx, l.(*net.TCPListener)) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		l.Close()
	})
	return l.Addr().String(), root
}

// TestClients: many at once, of ours and of crypto/tls, with data of all lengths;
// some of them go without a word.
func TestClients(t *testing.T) {
	addr, root := start(t)
	var all sync.WaitGroup
	for i := range 60 {
		all.Go(func() {
			raw, err := net.Dial("tcp", addr)
			if err != nil {
				t.Error(err)
				return
			}
			defer raw.Close()
			raw.SetDeadline(time.Now().Add(time.Minute))
			var c net.Conn = tls.Client(raw, &tls.Config{RootCAs: root.Pool(), ServerName: "localhost"})
			if i%2 == 0 {
				c = handclasp.Client(raw, &handclasp.ClientConfig{RootCAs: root.Pool(), ServerName: "localhost"})
			}
			for _, size := range []int{1, 100, 70_000} {
				want := bytes.Repeat([]byte("ABC"), size)
				got := make([]byte, len(want))
				sent := make(chan error, 1)
				go func() { _, err := c.Write(bytes.ToLower(want)); sent <- err }()
				_, err := io.ReadFull(c, got)
				if err := errors.Join(err, <-sent); err != nil || !bytes.Equal(got, want) {
					t.Errorf("client %d, %d bytes: %v", i, size, err)
					return
				}
			}
			if i%3 > 0 {
				c.Close()
			}
		})
	}
	all.Wait()
}

// dribble sends one byte at a time.
type dribble struct{ net.Conn }

func (d dribble) Write(p []byte) (int, error) {
	for i := range p {
		if _, err := d.Conn.Write(p[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(p), nil
}

// TestPieces: records that arrive byte by byte, and rubbish, which gets an alert.
func TestPieces(t *testing.T) {
	addr, root := start(t)
	raw, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	raw.SetDeadline(time.Now().Add(time.Minute))
	c := handclasp.Client(dribble{raw}, &handclasp.ClientConfig{RootCAs: root.Pool(), ServerName: "localhost"})
	if _, err := c.Write([]byte("slowly")); err != nil {
		t.Fatal(err)
	}
	var got [6]byte
	if _, err := io.ReadFull(c, got[:]); err != nil || string(got[:]) != "SLOWLY" {
		t.Errorf("%s, %v", got, err)
	}
	other, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	other.SetDeadline(time.Now().Add(time.Minute))
	other.Write([]byte{22, 3, 1, 0, 4, 1, 0, 0, 0}) // an empty ClientHello
	if alert, err := io.ReadAll(other); err != nil || len(alert) != 7 || alert[0] != 21 {
		t.Errorf("%x, %v", alert, err)
	}
}
