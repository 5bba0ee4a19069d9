package handclasp

import (
	"context"
	"errors"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/handclasp/handclasp/fault"
)

// A gate is a lock that can be waited for together with something else:
//
//	for !g.enter() {
//		select {
//		case <-g.left(): // try again
//		case …
//		}
//	}
//
// It costs no more than a sync.Mutex where nobody waits. The zero gate is open.
type gate struct {
	state atomic.Int32
	bell  atomic.Pointer[chan struct{}] // made by the first who waits
}

const (
	gateOpen int32 = iota
	gateTaken
	gateAwaited // taken, and somebody may wait
)

// left gives a value when somebody left and others wait.
func (g *gate) left() chan struct{} {
	if bell := g.bell.Load(); bell != nil {
		return *bell
	}
	bell := make(chan struct{}, 1)
	g.bell.CompareAndSwap(nil, &bell)
	return *g.bell.Load()
}

// enter takes the gate, or notes that somebody waits for it. The bell is there
// before anybody can find that it must be rung. Who has waited leaves the gate
// awaited, for others may still wait.
func (g *gate) enter() bool {
	g.left()
	return g.state.Swap(gateAwaited) == gateOpen
}

// tryLock takes the gate if nobody is in.
func (g *gate) tryLock() bool { return g.state.CompareAndSwap(gateOpen, gateTaken) }

func (g *gate) Lock() { g.lockUntil(context.Background()) }

// lockUntil takes the gate unless ctx ends before, whose error it returns then.
func (g *gate) lockUntil(ctx context.Context) error {
	if g.tryLock() {
		return nil
	}
	for !g.enter() {
		select {
		case <-g.left():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (g *gate) Unlock() {
	if g.state.Swap(gateOpen) != gateAwaited {
		return
	}
	select {
	case g.left() <- struct{}{}:
	default: // somebody is being woken already
	}
}

// A request for the client's certificate is over when done is closed; err then
// says how.
type request struct {
	done chan struct{}
	err  error
}

// RequestClientCertificate has a server ask the client for a certificate after
// the handshake of TLS 1.3 (RFC 9846, Section 4.7.2), and waits for the answer. It
// is judged by the configuration's ClientAuth and ClientCAs, and Info has the
// outcome; a client that does not satisfy them is refused, which ends the
// connection, with the error that is returned. The last answer counts: who shows
// nothing when asked again has no certificate any more. See ServerConfig.AskLater for how
// not to ask in the handshake already. It does the handshake if that has not
// happened.
//
// The client must speak TLS 1.3 and have offered post_handshake_auth, else the
// error is of rule fault.RequestImpossible and the connection goes on. The
// protocol above must have a place for the question: HTTP/1.1 has, HTTP/2 forbids
// it (RFC 8740).
//
// Reads and Writes may go on in other goroutines. Where nobody else reads, up to
// Limits.KeptData of what arrives meanwhile is kept for Read. When ctx ends, its
// error is returned and the connection stays usable; the answer, when it comes,
// counts as if it had been waited for, and calling again waits for it.
func (c *Conn) RequestClientCertificate(ctx context.Context) error {
	if err := c.HandshakeContext(ctx); err != nil {
		return err
	}
	c.asking.Lock()
	defer c.asking.Unlock()
	if err := c.ask(ctx); err != nil {
		return err
	}
	r := &request{done: make(chan struct{})}
	c.request.Store(r)
	defer c.request.Store(nil)
	if !c.engine.Requested() {
		return nil // a reader was quick
	}
	for !c.reading.enter() {
		select {
		case <-r.done:
			return r.err
		case <-ctx.Done():
			return ctx.Err()
		case <-c.reading.left():
		}
	}
	defer c.reading.Unlock() // nobody else reads, so we do
	return c.await(ctx, r)
}

// ask sends the question. What does not get out before ctx ends goes out with
// what is written next.
func (c *Conn) ask(ctx context.Context) error {
	if err := c.lock(); err != nil {
		return err
	}
	if err := c.engine.RequestCertificate(); err != nil {
		c.release()
		return err
	}
	woken := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		defer close(woken)
		c.hurry(time.Unix(1, 0))
	})
	err := c.flushOut()
	if cancel() {
		c.release()
		return err
	}
	<-woken
	c.restoreDeadline()
	c.writing.Unlock() // release would wait again
	return ctx.Err()
}

// await reads until the request is answered. The caller holds reading.
func (c *Conn) await(ctx context.Context, r *request) error {
	stop := c.wakeReader(ctx)
	defer stop()
	for c.engine.Requested() {
		if !c.canKeep(c.engine.Limits().KeptData) {
			return c.engine.Describe(fault.RequestUnanswered.New())
		}
		c.keep()
		if err := c.receive(); err != nil {
			if ctx.Err() != nil && errors.Is(err, os.ErrDeadlineExceeded) {
				return ctx.Err()
			}
			if errors.Is(err, io.EOF) {
				return io.ErrUnexpectedEOF // the client said goodbye and nothing else
			}
			return err
		}
	}
	return nil
}

// answeredRequest tells who waits that the answer was taken.
func (c *Conn) answeredRequest() {
	if r := c.request.Load(); r != nil && !c.engine.Requested() && c.engine.Err() == nil {
		c.endRequest(r, nil)
	}
}

// failedRequest tells who waits that no answer will come, if so.
func (c *Conn) failedRequest(err error) {
	r := c.request.Load()
	if r == nil || c.engine.Err() == nil && c.readErr == nil && !c.engine.PeerClosed() {
		return // only a deadline passed
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	c.endRequest(r, err)
}

func (c *Conn) endRequest(r *request, err error) {
	if c.request.CompareAndSwap(r, nil) {
		r.err = err
		close(r.done)
	}
}
