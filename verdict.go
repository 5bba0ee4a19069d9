package handclasp

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// WaitVerdict waits until the server has let this client in or refused it. It is
// for a client of TLS 1.3 whom the server asked for a certificate, since its
// handshake is complete before the server has looked at that (RFC 9846, Section
// 4.5.1.3); for all others it returns at once. It does the handshake if that has
// not happened.
//
// The server's first ticket or data after the handshake counts as consent, and
// its alert, which becomes the error, as refusal. Nothing is lost: data is kept
// for Read, and an error comes again there. TLS has no message that says yes: a
// server that sends no tickets and waits for the client to speak first is waited
// for until ctx ends, and one that sends data before it has judged misleads.
//
// When ctx ends, its error is returned and the connection stays usable, as after
// a read deadline that passed. While another goroutine is in Read, that one
// learns of the verdict, and WaitVerdict waits for it to return, or for ctx to end.
func (c *Conn) WaitVerdict(ctx context.Context) error {
	if err := c.HandshakeContext(ctx); err != nil {
		return err
	}
	if info := c.Info(); info.Role != fault.Client || info.Version != iana.TLS13 || !info.ClientAuth {
		return nil
	}
	if err := c.reading.lockUntil(ctx); err != nil {
		return err
	}
	defer c.reading.Unlock()
	stop := c.wakeReader(ctx)
	defer stop()
	for !c.engine.Heard() {
		if err := c.receive(); err != nil {
			if ctx.Err() != nil && errors.Is(err, os.ErrDeadlineExceeded) {
				return ctx.Err()
			}
			return err
		}
	}
	return nil
}

// wakeReader has whoever reads from the connection below return when ctx ends.
// What it returns undoes that: the user's deadline counts again.
func (c *Conn) wakeReader(ctx context.Context) (stop func()) {
	d, woken := c.times(), make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		defer close(woken)
		d.mu.Lock()
		defer d.mu.Unlock()
		d.woken++
		c.conn.SetReadDeadline(time.Unix(1, 0))
	})
	return func() {
		if cancel() {
			return
		}
		<-woken
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.woken--; d.woken == 0 {
			c.conn.SetReadDeadline(d.readBy)
		}
	}
}
