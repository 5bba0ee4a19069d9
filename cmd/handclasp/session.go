package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/explain"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
)

// Stages of a session tell what of its events is part of the story.
const (
	telling int32 = iota // everything
	parting              // what still comes, but not that the connection ends
	over                 // nothing
)

// A session is one connection as a client, with the story of it.
type session struct {
	rec   *explain.Recorder
	conn  *handclasp.Conn
	stage atomic.Int32
	rtt   time.Duration // at least that of the TCP handshake
}

// open reaches the target, asks for TLS where it begins in plain text, and does
// the handshake, all within timeout. An error is in the story then; the session
// has a connection only without one.
func (a *app) open(ctx context.Context, t target, c *client, cfg *handclasp.ClientConfig, out *outputs, rec *explain.Recorder) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(c.timeout))
	defer cancel()
	rec.Target(t.String())
	start := time.Now()
	raw, err := a.reach(ctx, t, rec)
	if err != nil {
		rec.Done(err)
		return nil, err
	}
	rtt := time.Since(start)
	if c.starttls != "" {
		if err := upgrade(ctx, raw, string(c.starttls), cfg.ServerName, rec); err != nil {
			raw.Close()
			return nil, err
		}
	}
	s := &session{rec: rec, conn: handclasp.Client(raw, cfg), rtt: rtt}
	events := out.events.watcher(0)
	s.conn.Watch(func(ev *handclasp.Event) {
		events(ev)
		ending := ev.Kind == flow.Failure || ev.Kind == flow.State
		if stage := s.stage.Load(); stage == telling || stage == parting && !ending {
			rec.Watch(ev)
		}
	})
	_, err = c.memory.sendEarly(s.conn)
	if err == nil {
		err = s.conn.HandshakeContext(ctx)
	}
	if err == nil {
		err = c.memory.sendLate(s.conn)
	}
	if err != nil {
		rec.Verdict(fault.Server, s.conn.Info().Peer)
		rec.Done(err)
		s.conn.Close()
		return nil, err
	}
	return s, nil
}

// linger reads what the server says for a moment after the handshake, such as
// tickets, or that it wanted a client certificate. Data is read and dropped.
func (s *session) linger(wait time.Duration) error {
	s.conn.SetReadDeadline(time.Now().Add(wait))
	_, err := io.Copy(io.Discard, s.conn)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	s.rec.Done(err)
	return err
}

// part says goodbye, and waits a moment for the server's. A server that goes
// without a word after ours does no harm, so only a goodbye is told.
func (s *session) part(wait time.Duration) {
	s.stage.Store(parting)
	if s.conn.CloseWrite() == nil {
		s.conn.SetReadDeadline(time.Now().Add(wait))
		io.Copy(io.Discard, s.conn)
	}
	s.stage.Store(over)
	s.conn.Close()
}

// patience is how long to wait for something that the server sends, or not,
// after our last message: a round trip and its own time, within reason.
func (s *session) patience() time.Duration {
	return min(max(2*s.rtt, 300*time.Millisecond), time.Second)
}

// describe is a handshake's outcome in one line.
func describe(info handclasp.Info) string {
	line := fmt.Sprintf("%v, %v, %v", info.Version, info.CipherSuite, exchanged(info))
	if info.Resumed {
		line += ", resumed"
	}
	if info.ALPN != "" {
		line += ", " + quote(info.ALPN)
	}
	return line
}

// exchanged names the group of the key exchange, or what stands in for one.
func exchanged(info handclasp.Info) string {
	switch {
	case info.Group != 0:
		return info.Group.String()
	case info.KeyExchange != 0:
		return info.KeyExchange.String()
	}
	return "a pre-shared key alone"
}

// shown says what became of the server's wish for a certificate of ours, if it
// had one.
func shown(cfg *handclasp.ClientConfig, info handclasp.Info) string {
	switch {
	case !info.ClientAuth:
		return ""
	case info.ClientScheme != 0:
		return "; it asked for a certificate and got one, proved with " + info.ClientScheme.String()
	case len(cfg.Certificates) > 0:
		return "; it asked for a certificate, and none of --cert fits"
	}
	return "; it asked for a certificate, and there is none (--cert, --key)"
}

// visitor says who a client has proved to be; "" if it was not asked.
func visitor(info handclasp.Info) string {
	switch {
	case !info.ClientAuth:
		return ""
	case info.Peer == nil:
		return "no certificate"
	case !info.Peer.Verified():
		return subject(info.Peer.Peer[0]) + ", NOT verified"
	}
	chain := info.Peer.Chains[0]
	return fmt.Sprintf("%s, verified by %s", subject(chain[0]), subject(chain[len(chain)-1]))
}

// subject is what a person calls a certificate. Escaped.
func subject(c *x509.Certificate) string {
	if name := c.Subject.CommonName; name != "" {
		return quote(name)
	}
	return quote(c.Subject.String())
}

// who says who the server has proved to be.
func who(cfg *handclasp.ClientConfig, info handclasp.Info) string {
	if info.PSKIdentity != nil && info.Peer == nil {
		return "the server holds the pre-shared key " + quote(string(info.PSKIdentity))
	}
	if info.Peer == nil || !info.Peer.Verified() {
		return "the server is NOT verified"
	}
	chain := info.Peer.Chains[0]
	return fmt.Sprintf("%s verified by %s", cfg.ServerName, subject(chain[len(chain)-1]))
}
