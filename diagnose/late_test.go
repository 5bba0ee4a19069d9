package diagnose_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/handclasp/handclasp/diagnose"
	"github.com/handclasp/handclasp/internal/lab"
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
