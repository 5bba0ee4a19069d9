package handclasp

import (
	"cmp"
	"context"
	"io"
	"sync"
	"sync/atomic"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/internal/pool"
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
	if err := c.greet(context.Background()); err != nil {
		return 0, err
	}
	out, err := c.engine.SendEarly(pool.Get(sealedLen(len(p))), p)
	defer pool.Put(out)
	if err != nil {
		return 0, err
	}
	if _, err := c.conn.Write(out); err != nil {
		c.failed = fault.Wrap(c.engine.Fail(c.broke(context.Background(), err)), fault.Internal)
		return 0, c.failed
	}
	return len(p), nil
}

// ExportEarlyKeyingMaterial is ExportKeyingMaterial for what is sent in 0-RTT (RFC 9846,
// Section 7.5). A client can call it after EarlyOffer or WriteEarly, a server when it
// has got some with ReadEarly, or HandshakeEarly says so; both still after the
// handshake. What it gives is bound to the ClientHello and nothing that came after:
// who replays the data replays it too. It fails with rule fault.ExportEarly where no
// 0-RTT data was offered or it was turned down.
func (c *Conn) ExportEarlyKeyingMaterial(label string, context []byte, length int) ([]byte, error) {
	if c.broken != nil {
		return nil, c.broken
	}
	return c.engine.ExportEarlyKeyingMaterial(label, context, length)
}

// EarlyOffer does of a client's handshake what needs no server, and says what
// WriteEarly can send: EarlyOffered with the most bytes and their application
// protocol, or EarlyNone with the reason. Nothing goes out yet.
func (c *Conn) EarlyOffer(ctx context.Context) (flow.EarlyData, error) {
	if c.broken != nil {
		return flow.EarlyData{}, c.broken
	}
	if err := c.handshaking.lockUntil(ctx); err != nil {
		return flow.EarlyData{}, err
	}
	defer c.handshaking.Unlock()
	if c.client == nil {
		return flow.EarlyData{}, c.unavailable("a server has nothing to offer")
	}
	if err := c.greet(ctx); err != nil {
		return flow.EarlyData{}, err
	}
	return c.engine.Info().EarlyData, c.engine.Err()
}

// greet answers what a hello waits for. The caller holds handshaking.
func (c *Conn) greet(ctx context.Context) error {
	switch {
	case c.failed != nil:
		return c.failed
	case c.done.Load():
		return c.unavailable("the handshake is complete")
	}
	for ask := c.engine.Ask(); ask != nil; ask = c.engine.Ask() {
		c.answer(ctx, ask)
	}
	return nil
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
	if c.early == nil {
		return 0, io.EOF
	}
	for len(p) > 0 {
		if n := c.early.take(p); n > 0 {
			return n, nil
		}
		if !c.handshaking.enter() { // somebody else does the handshake
			select {
			case <-c.early.bell():
			case <-c.handshaking.left():
			}
			continue
		}
		over, err := c.awaitEarly()
		c.handshaking.Unlock()
		if err != nil || over {
			return 0, cmp.Or(err, io.EOF)
		}
	}
	return 0, nil
}

// awaitEarly does the handshake until there is early data, or there can be no more.
// The caller holds handshaking.
func (c *Conn) awaitEarly() (over bool, err error) {
	if c.failed != nil {
		return false, c.outcome()
	}
	if !c.done.Load() {
		err = c.advance(context.Background(), func() bool { return !c.early.empty() || c.earlyOver() })
	}
	return c.early.empty(), err
}

// HandshakeEarly is HandshakeContext, but for a server it returns true as soon as
// there is 0-RTT data for ReadEarly, though the handshake is not complete: who sent
// the data has yet to show that it is no replay. Info says what was settled until
// then.
func (c *Conn) HandshakeEarly(ctx context.Context) (early bool, err error) {
	if c.broken != nil {
		return false, c.broken
	}
	if err := c.handshaking.lockUntil(ctx); err != nil {
		return false, err
	}
	defer c.handshaking.Unlock()
	if c.done.Load() || c.failed != nil {
		return false, c.outcome()
	}
	err = c.advance(ctx, func() bool { return !c.early.empty() })
	return err == nil && !c.done.Load(), err
}

// Connected reports whether the handshake is complete.
func (c *Conn) Connected() bool { return c.done.Load() }

// arrived is 0-RTT data that was not read yet. Who reads it need not be who does the
// handshake.
type arrived struct {
	some atomic.Bool // there is data
	mu   sync.Mutex
	data []byte
	came chan struct{} // made by the first who waits; has room for one, so that no data goes unnoticed
}

// bell gives a value when there is data. Who looks again before it waits misses
// nothing.
func (a *arrived) bell() chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.came == nil {
		a.came = make(chan struct{}, 1)
		if len(a.data) > 0 {
			a.came <- struct{}{}
		}
	}
	return a.came
}

func (a *arrived) put(p []byte) {
	if len(p) == 0 {
		return
	}
	a.mu.Lock()
	a.data = append(a.data, p...)
	a.some.Store(true)
	select {
	case a.came <- struct{}{}: // nobody waits on a bell that is not there
	default:
	}
	a.mu.Unlock()
}

func (a *arrived) take(p []byte) int {
	if a.empty() {
		return 0
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	n := copy(p, a.data)
	if a.data = a.data[n:]; len(a.data) == 0 {
		a.data = nil
		a.some.Store(false)
	}
	return n
}

func (a *arrived) empty() bool { return a == nil || !a.some.Load() }

// earlyOver reports whether no more early data can come.
func (c *Conn) earlyOver() bool {
	info := c.engine.Info()
	return info.State == fault.WaitFinished || info.State == fault.Signing || info.EarlyData.State == flow.EarlyRejected || c.engine.Connected()
}
