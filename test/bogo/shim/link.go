package main

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/handclasp/handclasp/engine"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/internal/record"
)

// A link is one connection: an engine, and the socket below it.
type link struct {
	*settings
	retry  *settings // of a client, from when its 0-RTT data is turned down
	home   *home
	resume bool // an earlier connection was made
	engine *engine.Engine
	conn   net.Conn
	raw    []byte // received and not yet processed
	held   []byte // sealed and not yet written: -read-with-unfinished-write
	diary  diary

	chosen   int      // the credential that signed or decrypted
	flushed  bool     // since the handshake is complete
	complete bool     // the handshake is, and its outcome was looked at
	words    [][]byte // of the client's first ones, what did not fit into 0-RTT
	spoke    bool     // in 0-RTT
	secrets  strings.Builder

	renegotiated int // handshakes that the engine asked for leave to do
	traffic      traffic
}

// traffic is how many bytes went over the socket.
type traffic struct{ in, out int }

// dial connects to the runner and says which test this is.
func dial(s *settings) (net.Conn, error) {
	host := "127.0.0.1"
	if s.IPv6 {
		host = "::1"
	}
	conn, err := net.DialTimeout("tcp", net.JoinHostPort(host, strconv.Itoa(s.Port)), 10*time.Second)
	if err != nil {
		return nil, err
	}
	_, err = conn.Write(binary.LittleEndian.AppendUint64(nil, s.ShimID))
	return conn, err
}

// hangUp says that no more comes, and listens until the runner has left: a socket
// that is closed with bytes unread resets the connection, and loses the alert.
func hangUp(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.CloseWrite()
	}
	io.Copy(io.Discard, conn)
	conn.Close()
}

// next gives data that has come, as soon as there is any; it is empty when the
// engine has taken a step that gave none. It is io.EOF at the end, clean or not.
func (l *link) next() ([]byte, error) {
	if ask := l.engine.Ask(); ask != nil {
		return nil, l.reply(ask)
	}
	if err := l.turn(); err != nil {
		return nil, err
	}
	n, data, err := l.engine.Recv(l.raw)
	l.raw = l.raw[n:]
	if err == nil && n == 0 && l.engine.Ask() == nil {
		return nil, l.fill()
	}
	if err != nil && err != io.EOF {
		l.flush()
	}
	if l.retry != nil && l.engine.Info().EarlyData.State == flow.EarlyRejected {
		l.settings, l.retry = l.retry, nil
	}
	return data, err
}

// turn does what is due before more is read. Once connected that is what errands
// give, tickets above all: the answer to a KeyUpdate goes out with the next data,
// one for as many as there were (RFC 9846, Section 4.7.3).
func (l *link) turn() error {
	if !l.engine.Connected() || l.engine.Renegotiating() {
		l.flushed = false
		return l.flush()
	}
	if l.errands() || !l.flushed {
		l.flushed = true
		return l.flush()
	}
	return l.engine.Err()
}

// fill reads from the socket, with -async a single byte.
func (l *link) fill() error {
	b := make([]byte, record.MaxCiphertext12)
	if l.Async {
		b = b[:1]
	}
	n, err := l.conn.Read(b)
	l.raw = append(l.raw, b[:n]...)
	l.traffic.in += n
	switch {
	case n > 0 || err == nil:
		return nil
	case l.engine.Connected():
		return io.EOF // clean or not: the tests say themselves what they need
	}
	err = l.engine.Fail(fault.ClosedEarly.Because(err))
	l.flush()
	return err
}

// flush sends what the engine has to say.
func (l *link) flush() error {
	if err := l.put(l.engine.Output(nil)); err != nil {
		return err
	}
	return l.engine.Err()
}

// put writes, with -async byte by byte. What is held comes first.
func (l *link) put(b []byte) error {
	if l.held != nil {
		l.held = append(l.held, b...)
		return nil
	}
	for len(b) > 0 {
		n := len(b)
		if l.Async {
			n = 1
		}
		if _, err := l.conn.Write(b[:n]); err != nil {
			return l.gone(err)
		}
		b = b[n:]
		l.traffic.out += n
	}
	return nil
}

// release writes what is held.
func (l *link) release() error {
	held := l.held
	l.held = nil
	return l.put(held)
}

// gone reads what the runner said before it left: an alert tells more than a broken
// pipe.
func (l *link) gone(cause error) error {
	l.conn.SetReadDeadline(time.Now().Add(time.Second))
	rest, _ := io.ReadAll(l.conn)
	for in := append(l.raw, rest...); ; {
		n, _, err := l.engine.Recv(in)
		if err != nil && err != io.EOF {
			return err
		}
		if err == io.EOF || n == 0 {
			return cause
		}
		in = in[n:]
	}
}

// errands does what the engine wants done besides, and says whether there was any.
func (l *link) errands() (any bool) {
	for _, errand := range l.engine.Errands() {
		any = true
		if err := errand.Run(context.Background()); err != nil {
			l.engine.Trouble(err)
		}
	}
	return any
}

// reply answers an Ask. With -async the answer comes late: before, the engine is
// asked to go on, and must not.
func (l *link) reply(ask flow.Ask) error {
	if l.Async {
		if err := l.flush(); err != nil {
			return err
		}
		if n, data, err := l.engine.Recv(l.raw); n != 0 || len(data) != 0 || err != nil || l.engine.Ask() != ask {
			return errors.New("the engine went on without its answer")
		}
	}
	l.answer(ask)
	return nil
}

// write sends application data, before the handshake is complete in 0-RTT or, by a
// server that took 0-RTT, half a round trip early. With -partial-write it is a
// record's content at a time.
func (l *link) write(p []byte) error {
	send := l.engine.Send
	if !l.engine.Connected() {
		send = l.engine.SendEarly
	}
	piece := max(len(p), 1)
	if l.PartialWrite {
		piece = record.MaxPlaintext
	}
	for part := range slices.Chunk(p, piece) {
		b, err := send(nil, part)
		if err != nil {
			return err
		}
		if err := l.put(b); err != nil {
			return err
		}
	}
	return nil
}
