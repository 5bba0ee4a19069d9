package handclasp_test

import (
	"bytes"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/keys"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/internal/record"
	"github.com/handclasp/handclasp/internal/suite"
)

// A puppet is the server's end of a connection of TLS 1.2 whose server crypto/tls
// was up to the handshake's end. From then on it does what a test wants, such as to
// ask for another handshake, which no library at hand does when told to.
type puppet struct {
	t    *testing.T
	raw  net.Conn
	send record.Half
	hear record.Half
}

var helloRequest = []byte{byte(iana.HelloRequest), 0, 0, 0}

// manipulated is a client that may renegotiate once, and its puppet.
func manipulated(t *testing.T) (*handclasp.Conn, *puppet) {
	t.Helper()
	return manipulatedOver(t, func(c net.Conn) net.Conn { return c })
}

// manipulatedOver is manipulated with something between the client and its transport.
func manipulatedOver(t *testing.T, wrap func(net.Conn) net.Conn) (*handclasp.Conn, *puppet) {
	t.Helper()
	const id = iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
	a, b := loopback(t)
	var log bytes.Buffer
	server := tls.Server(b, &tls.Config{
		Certificates: []tls.Certificate{identities[pki.P256]().std}, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{uint16(id)},
		SessionTicketsDisabled: true, KeyLogWriter: &log,
	})
	cfg := clientConfig()
	cfg.MaxRenegotiations = 1
	client := handclasp.Client(wrap(a), cfg)
	var random []byte
	client.Watch(func(e *handclasp.Event) {
		if e.Kind == flow.Message && e.Type == iana.ServerHello {
			random = bytes.Clone(e.Bytes[6:38])
		}
	})
	if err := both(client.Handshake, server.Handshake); err != nil {
		t.Fatal(err)
	}
	master, err := hex.DecodeString(strings.TrimSpace(log.String())[len("CLIENT_RANDOM ")+64+1:])
	if err != nil {
		t.Fatal(err)
	}
	x, of := suite.ByID(id), client.Info().ClientRandom
	theirs, ours := keys.NewMaster12(x.PRF(iana.TLS12), master, of[:], random).KeyBlock(x.Lengths(iana.TLS12))
	p := &puppet{t: t, raw: b}
	for half, key := range map[*record.Half]keys.WriteKeys{&p.send: ours, &p.hear: theirs} {
		half.SetVersion(iana.TLS12)
		if err := x.Install12(half, key, suite.Options12{Version: iana.TLS12}, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := half.Seal(nil, iana.ContentHandshake, make([]byte, 16), 0); err != nil { // in the place of its Finished
			t.Fatal(err)
		}
	}
	return client, p
}

// say sends a record.
func (p *puppet) say(t iana.ContentType, content []byte) {
	rec, err := p.send.Seal(nil, t, content, 0)
	if err == nil {
		_, err = p.raw.Write(rec)
	}
	if err != nil {
		p.t.Error(err)
	}
}

// next is what the client sends.
func (p *puppet) next() (iana.ContentType, []byte) {
	p.t.Helper()
	p.raw.SetReadDeadline(time.Now().Add(10 * time.Second))
	rec := make([]byte, record.HeaderLen)
	_, err := io.ReadFull(p.raw, rec)
	if err == nil {
		rec = append(rec, make([]byte, int(rec[3])<<8|int(rec[4]))...)
		_, err = io.ReadFull(p.raw, rec[record.HeaderLen:])
	}
	var t iana.ContentType
	var content []byte
	if err == nil {
		t, content, err = p.hear.Open(rec)
	}
	if err != nil {
		p.t.Fatal("the client says nothing: ", err)
	}
	return t, content
}

// hello waits for the client's hello of a renegotiation.
func (p *puppet) hello() {
	p.t.Helper()
	for {
		switch t, b := p.next(); {
		case t == iana.ContentHandshake && b[0] == byte(iana.ClientHello):
			return
		case t != iana.ContentApplicationData:
			p.t.Fatalf("the client sends a %v that begins with %x", t, b[0])
		}
	}
}

// within fails a test in which f hangs.
func within(t *testing.T, d time.Duration, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { f(); close(done) }()
	select {
	case <-done:
	case <-time.After(d):
		t.Fatal(what + " hangs")
	}
}

// TestRenegotiationStaleDeadline: a write deadline that passed long ago does not
// hold up what reading has to say.
func TestRenegotiationStaleDeadline(t *testing.T) {
	client, p := manipulated(t)
	client.SetWriteDeadline(time.Now().Add(-time.Second))
	go client.Read(make([]byte, 1))
	p.say(iana.ContentHandshake, helloRequest)
	p.hello()
}

// TestRenegotiationReadDeadline: Read comes back when its deadline passes, whatever
// it waits for, and the next one goes on.
func TestRenegotiationReadDeadline(t *testing.T) {
	t.Run("for an answer", func(t *testing.T) {
		client, p := manipulated(t)
		p.say(iana.ContentHandshake, helloRequest)
		read := make(chan error, 1)
		go func() { _, err := client.Read(make([]byte, 1)); read <- err }()
		p.hello() // the answer to it never comes
		client.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		within(t, 10*time.Second, "Read", func() {
			if err := <-read; !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error(err)
			}
		})
		client.SetReadDeadline(time.Time{})
		p.say(iana.ContentApplicationData, []byte("x"))
		p.say(iana.ContentAlert, []byte{1, byte(iana.CloseNotify)})
		if b, err := io.ReadAll(client); string(b) != "x" || err != nil {
			t.Errorf("%q, %v", b, err)
		}
	})
	for name, later := range map[string]bool{"for a Write": false, "for a Write, and set while it does": true} {
		t.Run(name, func(t *testing.T) {
			client, p := manipulated(t)
			var writer sync.WaitGroup
			writer.Go(func() { client.Write(make([]byte, 64<<20)) })    // and nobody reads
			if typ, _ := p.next(); typ != iana.ContentApplicationData { // else the pause might come before the Write
				t.Fatalf("the client sends a %v", typ)
			}
			p.say(iana.ContentHandshake, helloRequest)
			deadline := func() { client.SetReadDeadline(time.Now().Add(100 * time.Millisecond)) }
			if later {
				time.AfterFunc(100*time.Millisecond, deadline)
			} else {
				deadline()
			}
			within(t, 5*time.Second, "Read", func() {
				if _, err := client.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Error(err)
				}
			})
			client.SetReadDeadline(time.Time{})
			go client.Read(make([]byte, 1))
			p.hello() // behind all that was written before
			writer.Wait()
		})
	}
}

// TestRenegotiationWriters: who writes or ends writing waits while a renegotiation
// goes on, up to a deadline, and not when it can't end well any more.
func TestRenegotiationWriters(t *testing.T) {
	begun := func(t *testing.T) (*handclasp.Conn, *puppet) {
		client, p := manipulated(t)
		go client.Read(make([]byte, 1))
		p.say(iana.ContentHandshake, helloRequest)
		p.hello()
		return client, p
	}
	calls := map[string]func(*handclasp.Conn) error{
		"Write":      func(c *handclasp.Conn) error { _, err := c.Write([]byte("x")); return err },
		"CloseWrite": (*handclasp.Conn).CloseWrite,
	}
	for what, call := range calls {
		for end, f := range map[string]struct {
			do   func(c *handclasp.Conn, p *puppet)
			want error
		}{
			"deadline":     {func(c *handclasp.Conn, _ *puppet) { c.SetWriteDeadline(time.Now()) }, os.ErrDeadlineExceeded},
			"Close":        {func(c *handclasp.Conn, _ *puppet) { c.Close() }, net.ErrClosed},
			"close_notify": {func(_ *handclasp.Conn, p *puppet) { p.say(iana.ContentAlert, []byte{1, byte(iana.CloseNotify)}) }, fault.NotConnected},
			"alert":        {func(_ *handclasp.Conn, p *puppet) { p.say(iana.ContentAlert, []byte{2, byte(iana.HandshakeFailure)}) }, fault.AlertReceived},
			"end":          {func(_ *handclasp.Conn, p *puppet) { p.raw.Close() }, fault.NotConnected},
		} {
			t.Run(what+"/"+end, func(t *testing.T) {
				client, p := begun(t)
				done := make(chan error, 1)
				go func() { done <- call(client) }()
				select {
				case err := <-done:
					t.Fatal("it does not wait: ", err)
				case <-time.After(50 * time.Millisecond):
				}
				f.do(client, p)
				within(t, 5*time.Second, what, func() {
					if err := <-done; !errors.Is(err, f.want) {
						t.Error(err)
					}
				})
			})
		}
	}
}

// TestRenegotiationKeepsData: what came before a renegotiation fails can be read.
func TestRenegotiationKeepsData(t *testing.T) {
	for name, last := range map[string][]byte{"close_notify": {1, byte(iana.CloseNotify)}, "alert": {2, byte(iana.HandshakeFailure)}} {
		t.Run(name, func(t *testing.T) {
			client, p := manipulated(t)
			p.say(iana.ContentHandshake, helloRequest)
			p.say(iana.ContentApplicationData, []byte("the last "))
			p.say(iana.ContentApplicationData, []byte("words"))
			p.say(iana.ContentAlert, last)
			b, err := io.ReadAll(client)
			if string(b) != "the last words" || errors.Is(err, fault.AlertReceived) != (name == "alert") {
				t.Errorf("%q, %v", b, err)
			}
		})
	}
}

// TestRenegotiationAskedTwice: a server may ask again before it sees the hello (RFC
// 5246, Section 7.4.1.1), but not for ever.
func TestRenegotiationAskedTwice(t *testing.T) {
	client, p := manipulated(t)
	failed := make(chan error, 1)
	go func() { _, err := client.Read(make([]byte, 1)); failed <- err }()
	for range 3 {
		p.say(iana.ContentHandshake, helloRequest)
	}
	p.hello()
	p.say(iana.ContentHandshake, bytes.Repeat(helloRequest, 2))
	select {
	case err := <-failed:
		t.Fatal(err)
	case <-time.After(100 * time.Millisecond):
	}
	p.say(iana.ContentHandshake, bytes.Repeat(helloRequest, 100))
	if err := <-failed; !errors.Is(err, fault.Flood) {
		t.Error(err)
	}
}

// TestRenegotiationClose: Close does not wait for a hello that can't get out.
func TestRenegotiationClose(t *testing.T) {
	g := &gate{waiting: make(chan struct{}, 1)}
	client, p := manipulatedOver(t, func(c net.Conn) net.Conn { g.Conn = c; return g })
	g.open = make(chan struct{})
	readAll(client)
	p.say(iana.ContentHandshake, helloRequest)
	<-g.waiting
	within(t, 10*time.Second, "Close", func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	close(g.open)
}
