package handclasp

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/internal/cert"
	"github.com/handclasp/handclasp/internal/pool"
)

// HandshakeContext does the handshake within a context, if it has not happened.
// When the context ends first, the connection is closed and the error wraps the
// context's own. The configuration's Limits.HandshakeTime holds besides. After the
// handshake the context has no effect. Who comes while another goroutine does the
// handshake waits for it until the context ends, which then closes nothing.
func (c *Conn) HandshakeContext(ctx context.Context) error {
	if c.done.Load() {
		return nil
	}
	if err := c.handshaking.lockUntil(ctx); err != nil {
		return err
	}
	defer c.handshaking.Unlock()
	if c.done.Load() || c.failed != nil {
		return c.outcome()
	}
	if c.broken != nil {
		return c.broken
	}
	return c.advance(ctx, c.engine.Connected)
}

// outcome is what a handshake that is over has come to. The caller holds handshaking.
func (c *Conn) outcome() error {
	if c.failed == nil {
		return nil
	}
	return c.failed
}

// advance does the handshake up to where far says that it is far enough, or to its
// end. It offers 0-RTT data only if WriteEarly or EarlyOffer came before. The caller
// holds handshaking.
func (c *Conn) advance(ctx context.Context, far func() bool) error {
	c.engine.NoEarly()
	err := c.driveInTime(ctx, far)
	if err == nil && c.engine.Connected() && !c.leave() {
		err = c.engine.Fail(fault.HandshakeCrowded.New())
	}
	if err != nil {
		c.leave()
		c.failed = fault.Wrap(err, fault.Internal)
		c.returnInbox()
		c.runErrands()
		return err
	}
	if !c.engine.Connected() {
		return nil
	}
	c.runErrands()
	c.flushAside()
	if len(c.raw) == 0 {
		c.returnInbox()
	}
	c.done.Store(true)
	return nil
}

// driveInTime is drive until ctx ends, or the handshake's own time.
func (c *Conn) driveInTime(ctx context.Context, far func() bool) error {
	if ctx.Done() == nil {
		return c.driveAlone(far)
	}
	ctx, cancel := c.inTime(ctx)
	defer cancel()
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		c.conn.Close() // the only thing that every net.Conn wakes up from
	})
	err := c.drive(ctx, far)
	if !stop() {
		<-stopped
		if err == nil {
			err = c.engine.Fail(c.broke(ctx, ctx.Err()))
		}
	}
	return err
}

// driveAlone is driveInTime where nothing but the handshake's own time ends it, which
// costs fewer objects.
func (c *Conn) driveAlone(far func() bool) error {
	began := time.Now()
	left := c.engine.Limits().HandshakeTime - c.spent
	ctx := &patience{until: began.Add(left)}
	ctx.closing.Add(1)
	timer := time.AfterFunc(left, func() {
		defer ctx.closing.Done()
		c.conn.Close()
	})
	defer func() {
		ctx.forget()
		c.spent += time.Since(began)
	}()
	err := c.drive(ctx, far)
	if !timer.Stop() {
		ctx.closing.Wait()
		if err == nil {
			err = c.engine.Fail(c.broke(ctx, context.DeadlineExceeded))
		}
	}
	return err
}

// errTooSlow ends the context of a handshake whose own time is over.
var errTooSlow = errors.New("the time of the handshake is over")

// inTime is ctx with what is left of the handshake's own time, of which only that
// counts in which somebody drives it. The caller holds handshaking.
func (c *Conn) inTime(ctx context.Context) (context.Context, func()) {
	began := time.Now()
	most := c.engine.Limits().HandshakeTime
	ctx, cancel := context.WithTimeoutCause(ctx, most-c.spent, errTooSlow)
	return ctx, func() {
		cancel()
		c.spent += time.Since(began)
	}
}

// drive is the loop between the engine and the world: answer what it asks,
// send what it has to say, give it what arrives.
func (c *Conn) drive(ctx context.Context, far func() bool) error {
	for {
		if ask := c.engine.Ask(); ask != nil {
			c.answer(ctx, ask)
			continue
		}
		if err := c.flush(ctx); err != nil || c.engine.Connected() || far() {
			return err
		}
		n, early, err := c.engine.Recv(c.raw)
		c.raw = c.raw[n:]
		c.early.put(early)
		if err == nil && n == 0 && c.engine.Ask() == nil {
			err = c.fill()
		}
		if err == nil {
			continue
		}
		var f *fault.Error
		if !errors.As(err, &f) {
			err = c.engine.Fail(c.broke(ctx, err))
		}
		c.flushAlert()
		return err
	}
}

// flush sends what the engine has to say, and reports the engine's own failure,
// whose alert has then gone out.
func (c *Conn) flush(ctx context.Context) error {
	if c.engine.Err() != nil {
		c.flushAlert()
		return c.engine.Err()
	}
	if !c.engine.Pending() {
		return c.engine.Err()
	}
	b := c.engine.Output(pool.Get(pool.Message))
	defer pool.Put(b)
	if len(b) == 0 {
		return c.engine.Err()
	}
	if _, err := c.conn.Write(b); err != nil {
		return c.afterFailedWrite(ctx, err)
	}
	return c.engine.Err()
}

// afterFailedWrite reads what the peer may have said before it closed: an alert
// tells more than a broken pipe.
func (c *Conn) afterFailedWrite(ctx context.Context, cause error) error {
	if ctx.Err() == nil && c.conn.SetReadDeadline(time.Now().Add(100*time.Millisecond)) == nil {
		for c.engine.Ask() == nil && c.fill() == nil { // a question would wait for ever, and the buffer fill
			n, _, err := c.engine.Recv(c.raw)
			c.raw = c.raw[n:]
			if err != nil {
				return err
			}
		}
	}
	return c.engine.Fail(c.broke(ctx, cause))
}

// flushAlert tells the peer why. It has a time limit, as nothing depends on it.
func (c *Conn) flushAlert() {
	b := c.engine.Output(nil)
	if len(b) == 0 {
		return
	}
	if c.hurry(time.Now().Add(closeWithin)) == nil {
		c.conn.Write(b)
	}
	c.restoreDeadline()
}

// broke is why the transport failed during the handshake: because our context
// ended or we were closed, if so.
func (c *Conn) broke(ctx context.Context, err error) *fault.Error {
	_, own := ctx.(*patience) // of the handshake
	switch cause := ctx.Err(); {
	case c.closed.Load():
		return fault.TransportFailed.Because(net.ErrClosed)
	case c.crowded():
		return fault.HandshakeCrowded.New()
	case context.Cause(ctx) == errTooSlow, own && ctx.Err() != nil:
		return fault.HandshakeTooSlow.Because(cause).Saw(fmt.Sprintf("%d bytes of it received", c.engine.Received()+len(c.raw)),
			fmt.Sprintf("all of it within %v", c.engine.Limits().HandshakeTime))
	case errors.Is(cause, context.DeadlineExceeded):
		return fault.PeerSilent.Because(cause)
	case cause != nil:
		return fault.TransportFailed.Because(cause)
	}
	return transport(err)
}

// answer does what the engine waits for.
func (c *Conn) answer(ctx context.Context, ask flow.Ask) {
	switch a := ask.(type) {
	case *flow.SignAsk:
		a.Reply(a.Signer.Sign(ctx, a.Scheme, a.Message))
	case *flow.DecryptAsk:
		a.Reply(a.Decrypter.DecryptPremaster(ctx, a.Ciphertext, a.Offered, a.Substitute))
	case *flow.VerifyAsk:
		a.Reply(c.verify(a))
	case *flow.ClientCertificateAsk:
		a.Reply(a.Config.GetClientCertificate(a.Request))
	case flow.Answerer:
		a.Answer(ctx)
	case *flow.HelloAsk:
		a.Hello.Context, a.Hello.Conn = ctx, c.conn
		a.Reply(choose(a.Config, a.Hello))
	}
}

// choose asks the hooks of a server's configuration.
func choose(cfg *ServerConfig, hello *HelloInfo) (*ServerConfig, *Certificate, error) {
	if cfg.GetConfigForClient != nil {
		switch other, err := cfg.GetConfigForClient(hello); {
		case err != nil:
			return cfg, nil, fault.ConfigHook.Because(err)
		case other != nil:
			cfg = other
		}
	}
	if cfg.GetCertificate == nil || hello.ServerName == "" && len(cfg.Certificates) > 0 {
		return cfg, nil, nil
	}
	cert, err := cfg.GetCertificate(hello)
	if err != nil {
		return cfg, nil, fault.CertificateHook.Because(err)
	}
	if cert == nil && len(cfg.Certificates) == 0 {
		return cfg, nil, fault.CertificateHook.New()
	}
	return cfg, cert, nil
}

// verify judges the peer's chain.
func (c *Conn) verify(a *flow.VerifyAsk) (*flow.Verdict, error) {
	if a.Of == fault.Client {
		return verifyClient(a.Server, a.Chain)
	}
	cfg := c.client
	v, err := cert.Verify(cert.Request{
		Chain: a.Chain, Name: a.Name, Roots: cfg.RootCAs, Now: now(cfg.Time), ServerAuth: a.Of == fault.Server, Transport: a.Transport,
		OCSPStaple: a.OCSP, SCTs: a.SCTs, Memory: cfg.Verdicts, Insecure: cfg.InsecureSkipVerify,
	})
	if err == nil && cfg.VerifyPeerCertificate != nil {
		err = cfg.VerifyPeerCertificate(rawChain(a.Chain), v.Chains)
	}
	return v, err
}

// now is the time of a configuration's own clock, or the system's.
func now(clock func() time.Time) time.Time {
	if clock == nil {
		clock = time.Now
	}
	return clock()
}

// verifyClient judges a client's chain by the server's policy. The hook is asked
// about a client without one too: to it that may matter.
func verifyClient(cfg *ServerConfig, chain []*x509.Certificate) (*flow.Verdict, error) {
	v := new(flow.Verdict)
	var err error
	if len(chain) > 0 {
		roots := cfg.ClientCAs
		if roots == nil {
			roots = x509.NewCertPool() // nil would mean the system's
		}
		v, err = cert.Verify(cert.Request{Chain: chain, Roots: roots, Now: now(cfg.Time), Memory: cfg.Verdicts, Insecure: !cfg.ClientAuth.Verifies()})
	}
	if err == nil && cfg.VerifyPeerCertificate != nil {
		err = cfg.VerifyPeerCertificate(rawChain(chain), v.Chains)
	}
	return v, err
}

func rawChain(chain []*x509.Certificate) [][]byte {
	raw := make([][]byte, len(chain))
	for i := range chain {
		raw[i] = chain[i].Raw
	}
	return raw
}
