package handclasp

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/handclasp/handclasp/engine"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/internal/pool"
	"github.com/handclasp/handclasp/internal/record"
	"github.com/handclasp/handclasp/internal/wire"
)

// A Conn is a TLS connection over a net.Conn. Any number of goroutines may call
// its methods; Reads wait for each other, Writes likewise, and one of each runs
// at the same time.
type Conn struct {
	conn   net.Conn
	engine *engine.Engine
	client *ClientConfig // nil on the server's side
	broken *fault.Error  // the configuration can't be used

	handshaking gate
	done        atomic.Bool           // the handshake is complete
	closed      atomic.Bool           // as is the connection
	failed      *fault.Error          // or it failed; under handshaking
	spent       time.Duration         // of the handshake's time; under handshaking
	place       atomic.Pointer[place] // among those of the listener whose handshake is not complete; nil: in none

	reading gate         // of who reads
	inbox   inbox        // what raw and data lie in
	raw     []byte       // received, not yet processed
	data    []byte       // decrypted, not yet read
	kept    *[]byte      // decrypted before data, while somebody waited for something else; nil: nothing
	readErr *fault.Error // nothing can be read any more

	early *arrived // 0-RTT data; nil where there can be none

	asking  sync.Mutex              // RequestClientCertificate is at work
	request atomic.Pointer[request] // and waits for the client's answer

	writing  sync.Mutex             // held until the socket write ends
	paused   atomic.Pointer[pause]  // a renegotiation; nil if there is none
	unsent   atomic.Pointer[[]byte] // sealed, and not yet out because a deadline passed; nil: nothing
	writeErr *fault.Error           // nothing can be written any more
	asides   atomic.Uint32          // the reader's turns at it: in the low byte those now, above it those ever

	got int32 // bytes that inbox's try read; below zero: the system's error

	deadlines atomic.Pointer[deadlines] // the user's; nil if there never was one
}

func newClient(conn net.Conn, cfg *ClientConfig) *Conn {
	if cfg == nil {
		cfg = new(ClientConfig)
	}
	e, err := engine.NewClient(cfg, engine.WithClock(time.Now))
	return &Conn{conn: conn, engine: e, broken: unusable(err), client: cfg}
}

// unusable is what a configuration fails by, or nil.
func unusable(err error) *fault.Error {
	if err == nil {
		return nil
	}
	return fault.Wrap(err, fault.Internal)
}

func newServer(conn net.Conn, cfg *ServerConfig) *Conn {
	if cfg == nil {
		cfg = new(ServerConfig)
	}
	e, err := engine.NewServer(cfg, engine.WithClock(time.Now))
	c := &Conn{conn: conn, engine: e, broken: unusable(err)}
	if cfg.EarlyData > 0 || cfg.GetConfigForClient != nil {
		c.early = new(arrived)
	}
	return c
}

// Watch has f called with each event of the connection: messages with their
// bytes, choices with their reasons, keys by label, proofs, records, alerts,
// failures. It must be set before the handshake. Calls do not overlap. An event
// lives only during the call, and f may not use the connection.
func (c *Conn) Watch(f func(*Event)) {
	if c.broken == nil {
		c.engine.Watch(f)
	}
}

// Edit gives f the last word on each handshake message before it is sent. It must
// be set before the handshake. It is for this module's own tools, as Engine.Edit.
func (c *Conn) Edit(f func(wire.Message)) {
	if c.broken == nil {
		c.engine.Edit(f)
	}
}

// Read reads application data, what a client sent in 0-RTT first. It returns io.EOF after the peer's close_notify;
// a connection that ends without one gives rule fault.Truncated, for which
// errors.Is(err, io.ErrUnexpectedEOF) holds. It does the handshake if that has
// not happened. A deadline that passes leaves the connection usable.
func (c *Conn) Read(p []byte) (int, error) {
	if err := c.Handshake(); err != nil {
		return 0, err
	}
	c.reading.Lock()
	defer c.reading.Unlock()
	if n := c.early.take(p); n > 0 { // it came before all else
		return n, nil
	}
	if c.kept != nil {
		return c.takeKept(p), nil
	}
	for len(c.data) == 0 && len(p) > 0 {
		err := c.receive()
		switch {
		case err == nil && c.paused.Load() != nil && c.canKeep(c.engine.Limits().KeptData-1): // who writes waits until it is over
			c.keep()
		case c.kept != nil:
			return c.takeKept(p), nil // an error comes again
		case err != nil:
			return 0, err
		}
	}
	n := copy(p, c.data)
	if c.data = c.data[n:]; len(c.data) == 0 && len(c.raw) == 0 {
		c.returnInbox()
	}
	return n, nil
}

// canKeep reports whether what was decrypted can be kept, if that may be so many bytes.
func (c *Conn) canKeep(most int) bool {
	n := len(c.data)
	if c.kept != nil {
		n += len(*c.kept)
	}
	return n <= most
}

// keep makes the place free where data lies, which receive needs.
func (c *Conn) keep() {
	if len(c.data) == 0 {
		return
	}
	if c.kept == nil {
		c.kept = new([]byte)
	}
	*c.kept, c.data = append(*c.kept, c.data...), nil
}

// takeKept reads what was decrypted while somebody waited for something else.
func (c *Conn) takeKept(p []byte) int {
	n := copy(p, *c.kept)
	if *c.kept = (*c.kept)[n:]; len(*c.kept) == 0 {
		c.kept = nil // it may have been long
	}
	return n
}

// receive takes the next record, or reads some of it. The caller holds reading,
// and has used up data.
func (c *Conn) receive() error {
	if c.readErr != nil {
		return c.readErr
	}
	n, data, err := c.engine.Recv(c.raw)
	c.raw, c.data = c.raw[n:], data
	if len(data) > 0 && err == nil && c.paused.Load() == nil {
		c.flushAside() // data asks for nothing, but an earlier record may have
		return nil
	}
	for ask := c.engine.Ask(); err == nil && ask != nil; ask = c.engine.Ask() {
		if again, ok := ask.(*flow.RenegotiateAsk); ok {
			err = c.renegotiate(again)
		} else {
			c.answer(context.Background(), ask)
		}
	}
	c.runErrands()
	c.flushAnswer()
	c.answeredRequest()
	if err == nil && n == 0 {
		err = c.fill()
	}
	if err != nil {
		err = c.readError(err)
		c.failedRequest(err)
	}
	if !c.engine.Renegotiating() || c.engine.Err() != nil || c.readErr != nil || c.engine.PeerClosed() || c.closed.Load() {
		c.resume() // it is over, or will never be
	}
	if len(c.data) == 0 && (c.engine.Err() != nil || c.readErr != nil || c.engine.PeerClosed()) {
		c.returnInbox() // nothing more is read
	}
	return err
}

// readError says what the end of reading means. What breaks below ends reading
// alone: the peer may have closed its half, and still listen.
func (c *Conn) readError(err error) error {
	var f *fault.Error
	switch {
	case errors.As(err, &f):
		return err
	case errors.Is(err, io.EOF) && c.engine.PeerClosed():
		return io.EOF
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, net.ErrClosed):
		return err
	case errors.Is(err, io.EOF):
		c.readErr = c.engine.Describe(fault.Truncated.Because(io.ErrUnexpectedEOF))
	default:
		c.readErr = c.engine.Describe(transport(err))
	}
	return c.readErr
}

// transport gives an error of the connection below its rule.
func transport(err error) *fault.Error {
	var timeout net.Error
	switch {
	case isReset(err), errors.Is(err, io.ErrClosedPipe):
		return fault.PeerReset.Because(err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fault.ClosedEarly.Because(err)
	case errors.As(err, &timeout) && timeout.Timeout():
		return fault.PeerSilent.Because(err)
	}
	return fault.TransportFailed.Because(err)
}

// Write writes application data. It does the handshake if that has not
// happened. After a deadline has passed within a Write, the connection can no
// longer be written to, since nobody knows how much of p the peer will get; it
// can still be read.
func (c *Conn) Write(p []byte) (int, error) {
	if err := c.Handshake(); err != nil {
		return 0, err
	}
	if err := c.lockData(); err != nil {
		return 0, err
	}
	defer c.release()
	const most = 4 * record.MaxPlaintext // sealed at once, to bound memory
	sealed := pool.Get(sealedLen(min(len(p), most)))
	defer func() { pool.Put(sealed) }()
	written := 0
	for {
		chunk := p[written:min(len(p), written+most)]
		var err error
		if sealed, err = c.engine.Send(sealed[:0], chunk); err != nil {
			return written, err
		}
		if err := c.put(sealed); err != nil {
			// Nobody can say how much of p the peer will get to see.
			return written, c.gone(err)
		}
		if written += len(chunk); written == len(p) {
			return written, nil
		}
	}
}

// sealedLen is how much room n bytes of data take as records, in nearly all cases.
func sealedLen(n int) int {
	const frame, short = 64, 1 << 10 // with the longest tag, and an IV; at first records have little more than that
	return n + frame*(1+n/short)
}

// lock takes the write lock, unless the connection is closed. Who comes after Close
// does not wait for its goodbye.
func (c *Conn) lock() error {
	if c.closed.Load() {
		return c.ended()
	}
	c.writing.Lock()
	var err error
	switch {
	case c.closed.Load():
		err = c.ended()
	case c.writeErr != nil:
		err = c.writeErr
	}
	if err != nil {
		c.unlock()
	}
	return err
}

// ended is why nothing can be written after Close: what the connection had failed of before,
// if it had. Who writes may learn of it later than who read it and has closed.
func (c *Conn) ended() error {
	if err := c.engine.Err(); err != nil {
		return err
	}
	return net.ErrClosed
}

// release gives the write lock back after flushing what a reader left.
func (c *Conn) release() {
	for {
		if c.engine.Pending() || c.unsent.Load() != nil {
			c.flushOut() // what can't go out now stays unsent, or never will
		}
		over := c.writeErr != nil
		c.unlock()
		if over || !c.engine.Pending() || !c.writing.TryLock() {
			return
		}
	}
}

// put writes b behind what was left unsent, and keeps what does not get out: a
// record that was sealed must reach the peer, or nothing may follow it. The
// caller holds writing.
func (c *Conn) put(b []byte) error {
	if old := c.unsent.Load(); old != nil {
		b = append(*old, b...)
	}
	if len(b) == 0 {
		return nil
	}
	n, err := c.conn.Write(b)
	switch {
	case n < len(b):
		rest := bytes.Clone(b[n:])
		c.unsent.Store(&rest)
	case c.unsent.Load() != nil:
		c.unsent.Store(nil)
	}
	return err
}

// flushOut sends what the engine has to say besides data. A deadline that passes
// leaves the rest for later; any other error ends writing. An alert has a time
// limit, for nothing depends on it.
func (c *Conn) flushOut() error {
	if c.writeErr != nil {
		return c.writeErr
	}
	if c.engine.Err() != nil {
		c.hurry(time.Now().Add(closeWithin))
		defer c.restoreDeadline()
	}
	out := c.engine.Output(pool.Get(pool.Message))
	defer pool.Put(out)
	err := c.put(out)
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) && c.engine.Err() == nil {
		return err
	}
	return c.gone(err)
}

// gone notes that nothing can be written any more, and forgets what was left
// unsent. Reading goes on: an answer or an alert may be on its way, and says more
// than a broken pipe.
func (c *Conn) gone(err error) error {
	c.unsent.Store(nil)
	if errors.Is(err, net.ErrClosed) && c.closed.Load() {
		return c.ended()
	}
	c.writeErr = c.engine.Describe(transport(err))
	if said, ok := errors.AsType[*fault.Error](c.engine.Err()); ok {
		c.writeErr = said
	}
	return c.writeErr
}

// The low byte of asides, and one turn.
const (
	asidesNow = 1<<8 - 1
	oneAside  = 1<<8 + 1
)

// tryAside takes the write lock for a reader, if nobody has it, and leaveAside gives it
// back. A reader must not keep it long.
func (c *Conn) tryAside() bool {
	c.asides.Add(oneAside)
	if c.writing.TryLock() {
		return true
	}
	c.asides.Add(^uint32(0))
	return false
}

func (c *Conn) leaveAside() {
	c.writing.Unlock()
	c.asides.Add(^uint32(0))
}

// lockLast takes the write lock for a goodbye, unless somebody writes, who may be
// stuck. For what a reader writes aside it waits: that is soon over. The writers
// themselves are not counted, for each of their records would pay for it.
func (c *Conn) lockLast() bool {
	for {
		before := c.asides.Load()
		if c.writing.TryLock() {
			return true
		}
		if before&asidesNow == 0 && c.asides.Load() == before {
			return false // no reader had it meanwhile
		}
		time.Sleep(aside / 50)
	}
}

// How long a reader may spend on flushing an answer (a KeyUpdate, an alert):
// if both sides' readers waited for the other to read, neither would.
const aside = 5 * time.Millisecond

// flushAside sends what reading gave rise to, unless a writer is at work, who
// then does it. What does not fit in time waits for the next flush.
func (c *Conn) flushAside() {
	if !c.engine.Pending() && c.unsent.Load() == nil {
		return
	}
	if !c.tryAside() {
		return
	}
	defer c.leaveAside()
	if c.closed.Load() {
		return
	}
	if c.hurry(time.Now().Add(aside)) == nil {
		c.flushOut() // if the transport is gone, reading will say so
	}
	c.restoreDeadline()
	if rest := c.unsent.Load(); rest != nil {
		if err := c.engine.Unread(len(*rest)); err != nil {
			c.engine.Fail(err)
		}
	}
}

// CloseWrite sends close_notify: this side writes no more, and can still read.
// The connection below stays open.
func (c *Conn) CloseWrite() error {
	if c.broken != nil {
		return c.broken
	}
	if !c.done.Load() {
		return c.notYet()
	}
	if err := c.lockData(); err != nil {
		return err
	}
	defer c.release()
	if err := c.engine.CanSend(); err != nil && c.unsent.Load() == nil {
		return err // before the handshake, after an error, or said already
	}
	c.engine.Close()
	return c.flushOut()
}

// notYet is the answer to who asks for something that only a complete handshake
// has.
func (c *Conn) notYet() error {
	f := fault.NotConnected.New()
	if f.Role = fault.Client; c.client == nil {
		f.Role = fault.Server
	}
	return f
}

// How long Close tries to tell the peer, and waits for one that takes its time.
const (
	closeWithin = 5 * time.Second
	lingers     = time.Second
)

// Close sends close_notify, unless somebody is stuck in writing or the handshake
// is not complete, and closes the connection below. Whoever waits in a method
// of the connection returns. What the peer has sent over TCP and nobody read, or sends a
// moment too late, does not cost it what was written before: on Linux, Close waits up to a
// second for a slow peer to take that, and a server of TLS 1.3 that has refused its client for
// the client to leave.
func (c *Conn) Close() error {
	if c.closed.Swap(true) {
		return net.ErrClosed
	}
	c.resume()
	c.leave()
	wait := lingers
	switch {
	case !c.done.Load():
	case c.lockLast():
		if c.hurry(time.Now().Add(closeWithin)) == nil {
			c.engine.Close()
			c.flushOut() // a peer that is gone needs no goodbye
		}
		c.restoreDeadline()
		c.unlock()
	default:
		wait = 0 // who is stuck shall return
	}
	c.drain(wait)
	return c.conn.Close()
}

// KeyUpdate changes the keys this side writes with and, if both, asks the peer
// to change its own (RFC 9846, Section 4.7.3). Before a key has protected as
// many records as it safely can, this happens by itself. If the write deadline
// passes, the error says so and the update goes out with what is written next.
func (c *Conn) KeyUpdate(both bool) error {
	if err := c.Handshake(); err != nil {
		return err
	}
	if err := c.lock(); err != nil {
		return err
	}
	defer c.release()
	if err := c.engine.KeyUpdate(both); err != nil {
		return err
	}
	return c.flushOut()
}

// Info is what the handshake has settled. Before it is complete, call it only
// from the goroutine that does the handshake.
func (c *Conn) Info() Info {
	if c.broken != nil {
		return Info{}
	}
	return c.engine.Info()
}

// ConnectionState is what crypto/tls and net/http know of a connection. On a
// server's side it first does the handshake, within ten seconds: net/http asks
// before it reads, to fill Request.TLS. On a client's side it is the zero value
// until the handshake is complete. The result's own ExportKeyingMaterial panics,
// for only crypto/tls can fill that part; use the one of Conn.
func (c *Conn) ConnectionState() tls.ConnectionState {
	if !c.done.Load() && c.client == nil {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		c.HandshakeContext(ctx) // its error comes again with the first Read
	}
	if !c.done.Load() {
		return tls.ConnectionState{}
	}
	return ConnectionState(c.engine.Info())
}

// ConnectionState is what crypto/tls and net/http know of info.
func ConnectionState(info Info) tls.ConnectionState {
	s := tls.ConnectionState{
		Version:                     uint16(info.Version),
		HandshakeComplete:           info.State == fault.Connected,
		DidResume:                   info.Resumed,
		CipherSuite:                 uint16(info.CipherSuite),
		CurveID:                     tls.CurveID(info.Group),
		NegotiatedProtocolIsMutual:  true, //lint:ignore SA1019 crypto/tls sets it too, and old callers look
		NegotiatedProtocol:          info.ALPN,
		HelloRetryRequest:           info.Retried,
		ServerName:                  info.ServerName,
		SignedCertificateTimestamps: info.SCTs,
		OCSPResponse:                info.OCSPResponse,
		TLSUnique:                   info.TLSUnique,
	}
	if info.Peer != nil {
		s.PeerCertificates, s.VerifiedChains = info.Peer.Peer, info.Peer.Chains
	}
	return s
}

// ExportKeyingMaterial derives length bytes of keying material that only the
// two ends know, for label and context (RFC 9846, Section 7.5). It fails with
// rule NotConnected before the handshake is complete.
func (c *Conn) ExportKeyingMaterial(label string, context []byte, length int) ([]byte, error) {
	if c.broken != nil {
		return nil, c.broken
	}
	if !c.done.Load() {
		return nil, c.notYet()
	}
	return c.engine.ExportKeyingMaterial(label, context, length)
}

// The kinds of channel binding, for Conn.ChannelBinding.
const (
	BindingExporter = engine.BindingExporter
	BindingEndPoint = engine.BindingEndPoint
	BindingUnique   = engine.BindingUnique
)

// ChannelBinding is what a protocol above mixes into its authentication (SCRAM,
// for example), so that it holds on this connection alone: kind is
// BindingExporter (tls-exporter, RFC 9266, 32 bytes), which every connection of
// TLS 1.3 has and one of TLS 1.2 with extended_master_secret; BindingEndPoint
// (tls-server-end-point, RFC 5929: a hash of the server's certificate); or
// BindingUnique (tls-unique, RFC 5929, up to TLS 1.2). It fails with rule
// NotConnected before the handshake is complete, and with ExportUnsafe or
// ChannelBinding where the connection has none of the kind.
func (c *Conn) ChannelBinding(kind string) ([]byte, error) {
	if c.broken != nil {
		return nil, c.broken
	}
	if !c.done.Load() {
		return nil, c.notYet()
	}
	return c.engine.ChannelBinding(kind)
}

// NetConn is the connection below. Using it directly corrupts this one.
func (c *Conn) NetConn() net.Conn { return c.conn }

// LocalAddr and RemoteAddr are those of the connection below.
func (c *Conn) LocalAddr() net.Addr  { return c.conn.LocalAddr() }
func (c *Conn) RemoteAddr() net.Addr { return c.conn.RemoteAddr() }

// SetDeadline sets both deadlines; see Read and Write for what passing one
// means. The zero time means none.
func (c *Conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// Handshake does the handshake if that has not happened. Its error comes again
// at each further call.
//
// In TLS 1.3 a client's handshake is complete before the server has seen the
// client's certificate, or that there is none. A server that refuses it says so
// afterwards: the next Read, or WaitVerdict, returns that error.
func (c *Conn) Handshake() error {
	if c.done.Load() { // as before each Read and Write
		return nil
	}
	return c.HandshakeContext(context.Background())
}
