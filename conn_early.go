package handclasp

import (
	"context"
	"io"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
)

// WriteEarly sends p in 0-RTT, behind the ClientHello, before the server has said
// anything. It is for a client, and for what may happen twice: who records the
// connection can send p again to a server that does not remember it, and who steals
// the server's ticket key later can read it (RFC 9846, Section 2.3).
//
// It needs ClientConfig.EarlyData and a session whose server takes that much; if
// there is none, or the handshake has gone on already, the error is of rule
// EarlyDataUnavailable or EarlyDataTooLarge, and nothing of p was sent. The
// handshake goes on with Handshake, Read or Write. Afterwards Info().EarlyData says
// whether the server took what was sent; if not, nobody but the caller sends it
// again.
//
// A server may use it to answer what ReadEarly gave, until the handshake is complete:
// half a round trip sooner than Write, and before the client has proved that it is
// not somebody who replays what was recorded.
func (c *Conn) WriteEarly(p []byte) (int, error) {
	if c.broken != nil {
		return 0, c.broken
	}
	c.handshaking.Lock()
	defer c.handshaking.Unlock()
	switch {
	case c.failed != nil:
		return 0, c.failed
	case c.done.Load():
		return 0, c.unavailable("the handshake is complete")
	}
	for ask := c.engine.Ask(); ask != nil; ask = c.engine.Ask() {
		c.answer(context.Background(), ask) // what the hello waits for
	}
	out, err := c.engine.SendEarly(nil, p)
	if err != nil {
		return 0, err
	}
	if _, err := c.conn.Write(out); err != nil {
		c.failed = c.engine.Fail(c.broke(context.Background(), err))
		return 0, c.failed
	}
	return len(p), nil
}

func (c *Conn) unavailable(why string) error {
	f := fault.EarlyDataUnavailable.New().Saw(why, "")
	f.Role, f.State = c.Info().Role, c.Info().State
	return f
}

// ReadEarly reads what a client sent in 0-RTT, as soon as it is there and before
// the handshake is complete, and io.EOF at its end or if there is none. It is for a
// server that must know which data may be replayed, or wants to begin with it at
// once. What it leaves, Read gives once the handshake is complete, before all else;
// a server that sets ServerConfig.EarlyData and never calls ReadEarly gets all of
// it so. The handshake goes on with Handshake, Read or Write.
func (c *Conn) ReadEarly(p []byte) (int, error) {
	if c.broken != nil {
		return 0, c.broken
	}
	c.handshaking.Lock()
	defer c.handshaking.Unlock()
	if c.failed != nil {
		return 0, c.failed
	}
	if c.client != nil {
		return 0, io.EOF
	}
	if !c.done.Load() {
		if err := c.advance(context.Background(), func() bool { return len(c.early) > 0 || c.earlyOver() }); err != nil {
			return 0, err
		}
	}
	c.reading.Lock()
	defer c.reading.Unlock()
	return c.takeEarly(p)
}

// takeEarly gives early data that is left. The caller holds reading.
func (c *Conn) takeEarly(p []byte) (int, error) {
	if len(c.early) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.early)
	if c.early = c.early[n:]; len(c.early) == 0 {
		c.early = nil
	}
	return n, nil
}

// earlyOver reports whether no more early data can come.
func (c *Conn) earlyOver() bool {
	info := c.engine.Info()
	return info.State == fault.WaitFinished || info.State == fault.Signing || info.EarlyData.State == flow.EarlyRejected || c.engine.Connected()
}
