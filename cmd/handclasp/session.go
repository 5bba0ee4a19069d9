package main

import (
	"context"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/explain"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
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
	later later
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
	cfg, edit, err := c.replay.edit(cfg)
	if err != nil {
		raw.Close()
		return nil, err
	}
	s := &session{rec: rec, conn: handclasp.Client(raw, cfg), rtt: rtt, later: later{answered: make(chan struct{})}}
	if edit != nil {
		s.conn.Edit(edit)
	}
	events := out.events.watcher(0)
	s.conn.Watch(func(ev *handclasp.Event) {
		events(ev)
		s.later.watch(ev)
		ending := ev.Kind == flow.Failure || ev.Kind == flow.State
		if stage := s.stage.Load(); stage == telling || stage == parting && !ending {
			rec.Watch(ev)
		}
	})
	sent, err := c.memory.sendEarly(s.conn)
	if err == nil {
		err = s.conn.HandshakeContext(ctx)
	}
	if err == nil {
		err = c.memory.sendLate(s.conn, sent)
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

// later follows what a client answers when it is asked for a certificate after the
// handshake.
type later struct {
	tell     func(proof iana.SignatureScheme) // of each answer; 0: no certificate fitted; may be nil
	proof    iana.SignatureScheme             // of the answer on its way
	answered chan struct{}                    // closed after the first
	once     sync.Once
}

// watch sees messages of TLS 1.3's Application epoch, in which a client sends
// these three in no other case (RFC 9846, Section 4.7.2).
func (l *later) watch(ev *handclasp.Event) {
	if ev.Kind != flow.Message || !ev.Sent || ev.Epoch < flow.Application {
		return
	}
	switch ev.Type {
	case iana.Certificate:
		l.proof = 0
	case iana.CertificateVerify:
		l.proof = iana.SignatureScheme(binary.BigEndian.Uint16(ev.Bytes[4:]))
	case iana.Finished:
		if l.tell != nil {
			l.tell(l.proof)
		}
		l.once.Do(func() { close(l.answered) })
	}
}

// describe is a handshake's outcome in one line.
func describe(info handclasp.Info) string {
	line := fmt.Sprintf("%v, %v, %v", info.Version, info.CipherSuite, exchanged(info))
	if info.Resumed {
		line += ", resumed"
	}
	switch info.EarlyData.State {
	case flow.EarlyAccepted:
		line += ", 0-RTT accepted"
	case flow.EarlyRejected:
		line += ", 0-RTT refused"
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
	if !info.ClientAuth {
		return ""
	}
	return "; it asked for a certificate" + gave(cfg, info.ClientScheme)
}

// gave says how a client answered who asked for a certificate: proof is 0 if none
// fitted.
func gave(cfg *handclasp.ClientConfig, proof iana.SignatureScheme) string {
	switch {
	case proof != 0:
		return " and got one, proved with " + proof.String()
	case len(cfg.Certificates) > 0:
		return ", and none of --cert fits"
	}
	return ", and there is none (--cert, --key)"
}

// visitor says who a client has proved to be; "" if it was not asked.
func visitor(info handclasp.Info) string {
	switch {
	case info.PSKIdentity != nil:
		return "with the pre-shared key " + quote(string(info.PSKIdentity))
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
