package handclasp_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/internal/pki"
)

// later is a connected pair whose client can be asked.
func later(t *testing.T, change func(*handclasp.ClientConfig, *handclasp.ServerConfig)) (client, server *handclasp.Conn) {
	t.Helper()
	x, y := loopback(t)
	return laterOver(t, x, y, change)
}

func laterOver(t *testing.T, x, y net.Conn, change func(*handclasp.ClientConfig, *handclasp.ServerConfig)) (client, server *handclasp.Conn) {
	t.Helper()
	c, s := clientConfig(), serverConfig()
	c.PostHandshakeAuth, c.Certificates = true, []handclasp.Certificate{identities[pki.Ed25519]().ours}
	s.AskLater, s.ClientAuth, s.ClientCAs = true, handclasp.RequireAndVerifyClientCert, roots()
	if change != nil {
		change(c, s)
	}
	client, server = handclasp.Client(x, c), handclasp.Server(y, s)
	if err := both(client.Handshake, server.Handshake); err != nil {
		t.Fatal(err)
	}
	return client, server
}

// knows reports whether the server has the client's certificate.
func knows(server *handclasp.Conn) bool {
	p := server.Info().Peer
	leaf := identities[pki.Ed25519]().ours
	return p != nil && p.Verified() && p.Peer[0].Equal(leaf.Leaf())
}

// TestRequestClientCertificate: the server asks when it needs to, and what the
// client sends meanwhile is there to be read.
func TestRequestClientCertificate(t *testing.T) {
	client, server := later(t, nil)
	if server.Info().Peer != nil {
		t.Fatal("the client was asked in the handshake")
	}
	data := bytes.Repeat([]byte("data "), 10000)
	if _, err := client.Write(data); err != nil {
		t.Fatal(err)
	}
	readAll(client)
	for range 3 {
		if err := server.RequestClientCertificate(context.Background()); err != nil {
			t.Fatal(err)
		}
		if !knows(server) || len(server.ConnectionState().PeerCertificates) == 0 {
			t.Fatalf("the server knows %+v", server.Info().Peer)
		}
	}
	got := make([]byte, len(data))
	if _, err := io.ReadFull(server, got); err != nil || !bytes.Equal(got, data) {
		t.Errorf("data that came meanwhile: %d bytes, %v", len(got), err)
	}
}

// TestRequestWhileBusy: questions, data and key updates of all sides at once.
func TestRequestWhileBusy(t *testing.T) {
	client, server := later(t, nil)
	const n = 1 << 20
	var wg sync.WaitGroup
	run := func(f func() error) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if err := f(); err != nil {
				t.Error(err)
			}
		}()
	}
	data := bytes.Repeat([]byte{7}, n)
	for _, c := range []*handclasp.Conn{client, server} {
		run(func() error {
			for i := range 16 {
				if _, err := c.Write(data[i*n/16 : (i+1)*n/16]); err != nil {
					return err
				}
				if err := c.KeyUpdate(i%2 == 0); err != nil {
					return err
				}
			}
			return nil
		})
	}
	read := func(c *handclasp.Conn) func() error {
		return func() error {
			got, err := io.ReadAll(c)
			if err == nil && !bytes.Equal(got, data) {
				err = errors.New("data differ")
			}
			return err
		}
	}
	var readers sync.WaitGroup
	for _, c := range []*handclasp.Conn{client, server} {
		readers.Add(1)
		go func() {
			defer readers.Done()
			if err := read(c)(); err != nil {
				t.Error(err)
			}
		}()
	}
	run(func() error {
		for range 5 {
			if err := server.RequestClientCertificate(context.Background()); err != nil {
				return err
			}
			server.Info()
		}
		return nil
	})
	wg.Wait()
	client.CloseWrite()
	server.CloseWrite()
	readers.Wait()
	if !knows(server) {
		t.Error("the server does not know the client")
	}
}

// TestRequestRefused: a client that has nothing to show learns it, and so does
// who asked, whether somebody reads or not.
func TestRequestRefused(t *testing.T) {
	for _, reads := range []bool{false, true} {
		client, server := later(t, func(c *handclasp.ClientConfig, _ *handclasp.ServerConfig) { c.Certificates = nil })
		done := make(chan error, 1)
		go func() {
			_, err := client.Read(make([]byte, 1))
			done <- err
		}()
		if reads {
			readAll(server)
		}
		if err := server.RequestClientCertificate(context.Background()); !errors.Is(err, fault.ClientCertificateMissing) {
			t.Errorf("the server: %v", err)
		}
		if err := <-done; !errors.Is(err, fault.AlertReceived) {
			t.Errorf("the client: %v", err)
		}
	}
}

// TestRequestTimeout: a client that does not read does not answer. The connection
// goes on, and the answer is taken when it comes.
func TestRequestTimeout(t *testing.T) {
	for _, reads := range []bool{false, true} {
		client, server := later(t, nil)
		if reads {
			readAll(server)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		if err := server.RequestClientCertificate(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("a silent client: %v", err)
		}
		readAll(client)
		if err := server.RequestClientCertificate(context.Background()); err != nil || !knows(server) {
			t.Errorf("again: %v", err)
		}
	}
}

// TestRequestStuck: ctx ends the wait of a server whose question does not get out.
func TestRequestStuck(t *testing.T) {
	_, full := later(t, nil)
	full.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
	for {
		if _, err := full.Write(make([]byte, 1<<20)); err != nil {
			break // the way is full; nothing can be written any more
		}
	}
	if err := full.RequestClientCertificate(context.Background()); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after a failed write: %v", err)
	}
	x, y := net.Pipe() // which buffers nothing
	t.Cleanup(func() { x.Close(); y.Close() })
	client, server := laterOver(t, x, y, nil)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := server.RequestClientCertificate(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("nobody reads: %v", err)
	}
	readAll(client)
	if err := server.RequestClientCertificate(context.Background()); err != nil || !knows(server) {
		t.Errorf("again: %v", err)
	}
}

// TestRequestUnanswered: what is kept for Read has a bound, by default and as set.
func TestRequestUnanswered(t *testing.T) {
	for _, c := range []struct{ most, sent int }{{0, 3 << 20}, {1000, 100 << 10}} {
		client, server := later(t, func(_ *handclasp.ClientConfig, s *handclasp.ServerConfig) { s.Limits.KeptData = c.most })
		go client.Write(make([]byte, c.sent))
		if err := server.RequestClientCertificate(context.Background()); !errors.Is(err, fault.RequestUnanswered) {
			t.Fatalf("%d bytes, %d kept at most: %v", c.sent, c.most, err)
		}
		if _, err := io.ReadFull(server, make([]byte, c.sent)); err != nil {
			t.Error(err)
		}
		readAll(client)
		if err := server.RequestClientCertificate(context.Background()); err != nil || !knows(server) {
			t.Errorf("again: %v", err)
		}
	}
}

// TestRequestKeepsMore: who allows it has more kept.
func TestRequestKeepsMore(t *testing.T) {
	const sent = 3 << 20
	client, server := later(t, func(_ *handclasp.ClientConfig, s *handclasp.ServerConfig) { s.Limits.KeptData = sent })
	go func() {
		client.Write(make([]byte, sent))
		readAll(client) // and so answers, behind it all
	}()
	if err := server.RequestClientCertificate(context.Background()); err != nil || !knows(server) {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(server, make([]byte, sent)); err != nil {
		t.Error(err)
	}
}

// TestRequestGone: a client that leaves ends the wait.
func TestRequestGone(t *testing.T) {
	for _, reads := range []bool{false, true} {
		client, server := later(t, nil)
		if reads {
			readAll(server)
		}
		time.AfterFunc(20*time.Millisecond, func() { client.Close() })
		if err := server.RequestClientCertificate(context.Background()); err == nil {
			t.Error("nobody answered")
		}
	}
}
