package diagnose_test

import (
	"context"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/diagnose"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/lab"
	"github.com/handclasp/handclasp/internal/pki"
)

// A tardy connection is slow to bring what the server says: always, and once the
// client has sent its second flight.
type tardy struct {
	net.Conn
	always, then time.Duration
	flights      atomic.Int32
}

func (c *tardy) Write(b []byte) (int, error) {
	c.flights.Add(1)
	return c.Conn.Write(b)
}

func (c *tardy) Read(b []byte) (int, error) {
	time.Sleep(c.always)
	if c.flights.Load() > 1 {
		time.Sleep(c.then)
	}
	return c.Conn.Read(b)
}

// TestLate: under TLS 1.3 a refusal comes when the handshake is complete for the
// client, and then it takes the path's time, and the server's.
func TestLate(t *testing.T) {
	t.Parallel()
	for name, conn := range map[string]*tardy{"path": {always: 150 * time.Millisecond}, "server": {then: 700 * time.Millisecond}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := lab.Find("client-cert-required-13")
			if err != nil {
				t.Fatal(err)
			}
			r := examine(t, c, func(o *diagnose.Options) {
				o.Linger = time.Millisecond
				o.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
					raw, err := new(net.Dialer).DialContext(ctx, network, addr)
					return &tardy{Conn: raw, always: conn.always, then: conn.then}, err
				}
			})
			if found(r) != "client-cert-required" {
				t.Error(tell(r))
			}
		})
	}
}

// TestLateAndShort: what came late is not forgotten when it can't be repeated.
func TestLateAndShort(t *testing.T) {
	t.Parallel()
	c, err := lab.Find("client-cert-required-13")
	if err != nil {
		t.Fatal(err)
	}
	r := examine(t, c, func(o *diagnose.Options) {
		o.Linger, o.MaxConnections = time.Millisecond, 5
		o.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			raw, err := new(net.Dialer).DialContext(ctx, network, addr)
			return &tardy{Conn: raw, then: 700 * time.Millisecond}, err
		}
	})
	if found(r) != "client-cert-required" || r.Works {
		t.Error(tell(r))
	}
}

// A measured connection notes how much longer it is to be listened to than TLS took.
type measured struct {
	net.Conn
	hello time.Time
	extra time.Duration
}

func (c *measured) Write(b []byte) (int, error) {
	if c.hello.IsZero() && b[0] == byte(iana.ContentHandshake) {
		c.hello = time.Now()
	}
	return c.Conn.Write(b)
}

func (c *measured) SetReadDeadline(t time.Time) error {
	c.extra = time.Until(t) - time.Since(c.hello)
	return c.Conn.SetReadDeadline(t)
}

// TestSlowGreeting: a server that takes its time to greet in another protocol is not
// listened to for as long after the handshake.
func TestSlowGreeting(t *testing.T) {
	t.Parallel()
	const pause, ahead = 1500 * time.Millisecond, "220 go ahead\r\n"
	c, err := lab.Find("good")
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Open()
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := s.Client()
	if err != nil {
		t.Fatal(err)
	}
	at := serve(t, s)
	front := plainServer(t, func(raw net.Conn) {
		time.Sleep(pause)
		for _, line := range []string{"220 mx.example\r\n", "250-mx.example\r\n250 STARTTLS\r\n", ahead} {
			if io.WriteString(raw, line); line != ahead {
				raw.Read(make([]byte, 512))
			}
		}
		behind, err := net.Dial("tcp", at.String())
		if err != nil {
			return
		}
		defer behind.Close()
		go func() {
			io.Copy(behind, raw)
			behind.Close()
		}()
		io.Copy(raw, behind)
	})
	var first *measured
	r, err := diagnose.Run(t.Context(), diagnose.Options{Host: "127.0.0.1", Port: front, StartTLS: "smtp", Client: cfg, MaxConnections: 1,
		Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			raw, err := new(net.Dialer).DialContext(ctx, network, addr)
			first = &measured{Conn: raw}
			return first, err
		}})
	if err != nil {
		t.Fatal(err)
	}
	if found(r) != "nothing-wrong" || first.extra <= 0 || first.extra >= pause {
		t.Errorf("%v longer\n%s", first.extra, tell(r))
	}
}

// TestPatience: a server that goes on without the certificate that it asked for, and
// speaks no HTTP, had its time to refuse when it says nothing to a request: nobody
// listens for that long once more.
func TestPatience(t *testing.T) {
	t.Parallel()
	a, err := pki.NewAuthority("Somebody", pki.Options{Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	i, err := a.Issue(pki.Leaf{Names: []string{"localhost"}})
	if err != nil {
		t.Fatal(err)
	}
	key, err := i.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	own, err := handclasp.X509KeyPair(i.PEM(), key)
	if err != nil {
		t.Fatal(err)
	}
	cfg := &handclasp.ServerConfig{Certificates: []handclasp.Certificate{own}, ClientAuth: handclasp.RequestClientCert}
	at := plainServer(t, func(raw net.Conn) { io.Copy(io.Discard, handclasp.Server(raw, cfg)) })
	r, err := diagnose.Run(t.Context(), diagnose.Options{Host: "127.0.0.1", Port: at, Client: &handclasp.ClientConfig{ServerName: "localhost", RootCAs: a.Pool()}})
	if err != nil {
		t.Fatal(err)
	}
	if found(r) != "nothing-wrong" || r.Connections != 4 {
		t.Errorf("%d connections\n%s", r.Connections, tell(r))
	}
}
