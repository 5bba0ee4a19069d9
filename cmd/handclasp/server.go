package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/explain"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/httptls"
)

// How long open connections may go on after the server was told to stop.
const grace = 5 * time.Second

// A server takes connections, does their handshakes, each within its time, and
// hands them to the web server, or echoes.
type server struct {
	log     *lines
	cfg     *handclasp.ServerConfig
	timeout time.Duration // of an answer that a client owes after the handshake
	out     *outputs
	web     *web // nil: echo

	working sync.WaitGroup
}

// serve takes connections from inner until ctx ends, and then waits for those
// that are open.
func (s *server) serve(ctx context.Context, inner net.Listener) error {
	alive, kill := context.WithCancel(context.Background())
	defer kill()
	stop := context.AfterFunc(ctx, func() { inner.Close() })
	defer stop()
	if s.web != nil {
		s.working.Go(s.web.serve)
	}
	err := s.accept(ctx, alive, inner)
	inner.Close()
	timer := time.AfterFunc(grace, kill)
	defer timer.Stop()
	if s.web != nil {
		s.web.stop(alive)
	}
	s.working.Wait()
	return err
}

// accept starts a goroutine for each connection. Too many open files, or a
// client that went away in the meantime, pass.
func (s *server) accept(ctx, alive context.Context, inner net.Listener) error {
	for number := 1; ; number++ {
		conn, err := inner.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				conn.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil:
			s.log.printf("handclasp: no connection could be taken: %v", err)
			time.Sleep(100 * time.Millisecond)
			continue
		}
		s.working.Go(func() { s.handle(alive, number, conn.(*handclasp.Conn)) })
	}
}

// handle does the handshake of one connection and what comes after it.
func (s *server) handle(alive context.Context, number int, conn *handclasp.Conn) {
	start := time.Now()
	v := &visit{Conn: conn, log: s.log, name: conn.RemoteAddr().String(), wants: s.cfg.ClientAuth, patience: s.timeout}
	v.identify = sync.OnceValue(v.ask)
	rec := explain.New(fault.Server, time.Now)
	rec.Connected(conn.LocalAddr().String(), v.name, 0)
	events := s.out.events.watcher(number)
	v.Watch(func(ev *handclasp.Event) {
		events(ev)
		v.seen.watch(ev)
		if !v.agreed.Load() {
			rec.Watch(ev)
		}
	})
	if err := v.HandshakeContext(alive); err != nil {
		rec.Done(err)
		if why := v.rejects(err); why != "" {
			v.tell("failed after %s: %s", took(time.Since(start)), why)
		} else {
			v.tell("failed after %s: %s", took(time.Since(start)), inLine(rec.Story().Error))
		}
		if s.web != nil && errors.Is(err, fault.PeerSpeaksHTTP) {
			httptls.AnswerPlain(v.NetConn())
		}
		v.Close()
		return
	}
	v.agreed.Store(true)
	v.rec = rec
	info := v.Info()
	line := describe(info)
	if who := visitor(info); who != "" {
		line += ", client " + who
	}
	line += ", in " + took(time.Since(start))
	if info.EarlyData.State == flow.EarlyRejected {
		line += ". 0-RTT: " + info.EarlyData.Reason
	}
	v.tell("%s", line)
	if s.web != nil {
		s.web.take(v)
		return
	}
	defer context.AfterFunc(alive, func() { v.Close() })()
	if v.identify() {
		io.Copy(v, v)
	}
	v.Close()
}

// A visit is a connection that the server has taken.
type visit struct {
	*handclasp.Conn
	log    *lines
	name   string // its address
	wants  handclasp.ClientAuthType
	agreed atomic.Bool // then what comes is the application's, and not told
	rec    *explain.Recorder
	seen   sight
	heard  atomic.Bool // data came

	identify func() bool   // ask, once
	patience time.Duration // for the answer
	later    bool          // it was asked
	broken   sync.Once     // told
}

// ask has a client that was not asked in the handshake say who it is, if need be,
// and reports whether to go on. Reads of others may be under way.
func (v *visit) ask() bool {
	info := v.Info()
	if v.wants == handclasp.NoClientCert || info.ClientAuth || !info.PostHandshakeAuth || info.PSKIdentity != nil {
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), v.patience)
	defer cancel()
	v.agreed.Store(false)
	defer v.agreed.Store(true)
	start := time.Now()
	err := v.RequestClientCertificate(ctx)
	switch {
	case err == nil:
		v.later = true
		v.tell("asked after the handshake: client %s, in %s", visitor(v.Info()), took(time.Since(start)))
	case ctx.Err() != nil:
		v.tell("asked after the handshake: no answer within %s", took(v.patience))
	default:
		v.breaks(err)
	}
	return err == nil
}

// tell logs a line: who, and what about it.
func (v *visit) tell(format string, args ...any) {
	who := v.name
	if asked := v.Info().ServerName; asked != "" {
		who += " for " + quote(asked)
	}
	v.log.printf("%s: %s", who, fmt.Sprintf(format, args...))
}

// Read is Conn's, and tells of an error of the protocol: what a TLS 1.3 client
// holds against the server, it often says only now. That a client leaves
// without a word is usual after HTTP and worth no line.
func (v *visit) Read(p []byte) (int, error) {
	n, err := v.Conn.Read(p)
	if n > 0 {
		v.heard.Store(true)
	}
	v.breaks(err)
	return n, err
}

// breaks tells of an error that ends the connection, once.
func (v *visit) breaks(err error) {
	if !v.heard.Load() {
		why := v.rejects(err)
		if why == "" {
			why = v.leaves(err)
		}
		if why != "" {
			v.broken.Do(func() { v.tell("%s", why) })
			return
		}
	}
	if e, ok := errors.AsType[*fault.Error](err); ok && !errors.Is(e, fault.Truncated) && !errors.Is(e, fault.PeerReset) {
		v.broken.Do(func() { v.tell("broke off: %s", inLine(inWords(e, fault.Server))) })
	}
}

// took is a time as a person reads it.
func took(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}
