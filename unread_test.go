package handclasp

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/handclasp/handclasp/fault"
)

// deaf is a transport that takes nothing in time, once the peer does not listen.
type deaf struct {
	net.Conn
	on atomic.Bool
}

func (d *deaf) Write(p []byte) (int, error) {
	if d.on.Load() {
		return 0, os.ErrDeadlineExceeded
	}
	return d.Conn.Write(p)
}

// TestUnread: what answers a peer that does not read is kept, but not without end.
func TestUnread(t *testing.T) {
	for _, most := range []int{1 << 18, 1 << 14} {
		unread(t, most)
	}
}

func unread(t *testing.T, most int) {
	client, _ := overTCP(t, func(c *ClientConfig) { c.Limits.UnreadAnswers = most })
	below := &deaf{Conn: client.conn}
	client.conn = below
	below.on.Store(true)
	for i := range 1 << 15 {
		if client.engine.KeyUpdate(false) != nil { // as an answer to one is
			break
		}
		if i%256 == 0 {
			client.flushAside()
		}
	}
	if rest := client.unsent.Load(); rest == nil || len(*rest) <= most || len(*rest) > 2*most {
		t.Errorf("%d bytes are kept, where %d are allowed", len(*rest), most)
	}
	client.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, fault.Flood) {
		t.Error(err)
	}
}
