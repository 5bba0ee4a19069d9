// Package engine is one TLS connection without I/O, clock or goroutines: bytes
// in, bytes out. The root package drives it over a net.Conn; an event loop or a
// simulator can do so as well.
//
// Policy: the caller moves bytes and answers Asks; the Engine decides. All that
// a connection sends passes one queue, so sequence numbers and the wire agree.
// Only Output sends alerts. After an error every call returns it.
//
//	for !done {
//		write(e.Output(nil))
//		if ask := e.Ask(); ask != nil { … ask.Reply(…); continue }
//		n, data, err := e.Recv(buf) // n == 0: read more, until len(buf) >= e.Want()
//	}
package engine

import (
	"crypto/rand"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/hs"
	"github.com/handclasp/handclasp/internal/record"
	"github.com/handclasp/handclasp/internal/wire"
)

// An Engine is one TLS connection. Until Connected, one goroutine may use it.
// From then on one Recv and any number of the other calls may run at once.
type Engine struct {
	role    fault.Role
	started bool
	options hs.Options
	machine hs.Machine

	reader // Recv's own
	writer // under its own lock

	connected     atomic.Bool
	again         atomic.Bool                  // a renegotiation is going on
	info          atomic.Pointer[flow.Settled] // from CONNECTED on
	exporter      atomic.Pointer[hs.Exporter]
	earlyExporter atomic.Pointer[hs.Exporter] // nil without 0-RTT

	watch *watcher // nil if there is none
}

// A watcher is called with one event at a time.
type watcher struct {
	mu   sync.Mutex
	call func(*flow.Event)
}

// NewClient is the client's end of a new connection. It fails if the
// configuration can't be used; nil is the zero ClientConfig. The first call of Output or Ask makes the ClientHello.
func NewClient(cfg *config.ClientConfig, opts ...Option) (*Engine, error) {
	if cfg == nil {
		cfg = new(config.ClientConfig)
	}
	e := newEngine(fault.Client, cfg.Rand, opts)
	var err error
	if e.machine, err = hs.NewClient(cfg, &e.options); err != nil {
		return nil, err
	}
	return e, nil
}

// NewServer is the server's end of a new connection. It fails if the
// configuration can't be used; nil is the zero ServerConfig.
func NewServer(cfg *config.ServerConfig, opts ...Option) (*Engine, error) {
	if cfg == nil {
		cfg = new(config.ServerConfig)
	}
	e := newEngine(fault.Server, cfg.Rand, opts)
	var err error
	if e.machine, err = hs.NewServer(cfg, &e.options); err != nil {
		return nil, err
	}
	e.started = true
	e.statelessServer = cfg.CookieKey != nil
	return e, nil
}

// An Option is what an Engine is given besides its configuration.
type Option struct{ clock func() time.Time }

// WithClock is the clock of an Engine whose configuration names none: sessions,
// tickets and cookies expire.
func WithClock(clock func() time.Time) Option { return Option{clock} }

func newEngine(role fault.Role, source io.Reader, opts []Option) *Engine {
	if source == nil {
		source = rand.Reader
	}
	e := &Engine{role: role}
	e.options = hs.Options{Layer: (*layer)(e), Rand: source}
	for _, o := range opts {
		e.options.Clock = o.clock
	}
	return e
}

// Watch has f called with each event of the connection. It must be set before
// the first Output, Ask or Recv. Calls do not overlap; f may not call the Engine. A
// nil f is nobody.
func (e *Engine) Watch(f func(*flow.Event)) {
	if f == nil {
		return
	}
	e.watch = &watcher{call: f}
	e.options.Watch = e.tell
}

// Edit gives f the last word on each handshake message before it is sent; the message
// lives only during the call. It is
// for this module's own tools: recorded hellos, and peers that misbehave.
func (e *Engine) Edit(f func(wire.Message)) { e.options.Edit = f }

func (e *Engine) tell(ev *flow.Event) {
	e.watch.mu.Lock()
	defer e.watch.mu.Unlock()
	e.watch.call(ev)
}

// Ask is what the Engine waits for besides bytes, or nil. After its Reply call
// Output again. A client of TLS 1.3 may be asked for a certificate, and a server
// get one, after CONNECTED too: then Ask and Reply, like Recv, belong to the
// reading side.
func (e *Engine) Ask() flow.Ask {
	e.start()
	a := e.machine.Ask()
	if a == nil || e.Err() != nil {
		return nil
	}
	return a
}

// Limits are those of the configuration, defaults filled in. HandshakeTime is for
// the Engine's user to see to: it has no clock.
func (e *Engine) Limits() config.Limits { return *e.options.Limits }

// Connected reports whether the handshake is complete, the first if there are
// several.
func (e *Engine) Connected() bool { return e.connected.Load() }

// Info is what the handshake has settled so far.
func (e *Engine) Info() flow.Info {
	if info := e.info.Load(); info != nil {
		return info.Info()
	}
	return *e.machine.Info()
}

// ExportKeyingMaterial derives length bytes for label and context (RFC 9846,
// Section 7.5). It fails with rule NotConnected before the handshake is
// complete, and with ExportLength or ExportLabel.
func (e *Engine) ExportKeyingMaterial(label string, context []byte, length int) ([]byte, error) {
	if !e.Connected() {
		return nil, e.misuse(fault.NotConnected)
	}
	exporter := e.exporter.Load()
	if exporter == nil {
		return nil, e.misuse(fault.ExportUnsafe)
	}
	return exporter.Export(label, context, length)
}

// PeerClosed reports whether the peer's close_notify has come. Like Recv, it
// belongs to the reading side.
func (e *Engine) PeerClosed() bool { return e.peerClosed }

// Heard reports whether the peer has sent anything since the handshake was
// complete, data or a message such as a ticket; alerts aside. Like Recv, it
// belongs to the reading side.
func (e *Engine) Heard() bool { return e.heard }

// Err is the error that ended the connection, or nil.
func (e *Engine) Err() error {
	if err := e.broken.Load(); err != nil {
		return err
	}
	return nil
}

// start sends a client's first message.
func (e *Engine) start() {
	if e.started {
		return
	}
	e.started = true
	if err := e.machine.Start(); err != nil {
		e.fail(err)
	}
}

// advanced looks at what the machine has become after a step.
func (e *Engine) advanced() {
	if e.machine.State() != fault.Connected || e.Connected() && !e.Renegotiating() {
		return
	}
	e.exporter.Store(e.machine.Exporter())
	e.handshake.giveBack() // nothing of the handshake is kept
	e.handshake = nil
	e.info.Store(e.machine.Settled())
	e.again.Store(false)
	e.posts = 0 // MaxRenegotiations bounds how often
	e.connected.Store(true)
}

// Idle says that the driver waits for the peer, and holds no buffer either: what can
// be made again is let go of, which are the ciphers of TLS 1.3, a kilobyte and more
// each. Like Recv, it belongs to the reading side.
func (e *Engine) Idle() {
	if !e.Connected() || e.Renegotiating() {
		return
	}
	e.in.Idle()
	e.lock()
	defer e.unlock()
	e.out.Idle()
}

// Renegotiating reports whether another handshake goes on after the first, which
// TLS 1.2 and below let a server ask for. It begins with the reply to a
// flow.RenegotiateAsk; Send is refused until it ends.
func (e *Engine) Renegotiating() bool { return e.again.Load() }

// Describe makes err a *fault.Error that knows its side and state, and tells
// watchers of it, without ending the connection: one direction of the transport
// below broke, and the other may still have something to say.
func (e *Engine) Describe(err error) *fault.Error {
	f := e.placed(err)
	if e.watch != nil {
		e.tell(&flow.Event{Kind: flow.Failure, Role: e.role, Err: f})
	}
	return f
}

// Fail ends the connection for a reason that lies outside of it: the transport
// broke, or a deadline passed. Recv and Send return the error from now on.
func (e *Engine) Fail(err error) error {
	if !e.Connected() {
		e.handshake = nil
		e.started = true
		defer e.machine.Abandon()
	}
	return e.fail(err)
}

// fail ends the connection and queues the alert.
func (e *Engine) fail(err error) error {
	if err == io.EOF {
		return err // close_notify; an error that has it as a cause is one
	}
	e.lock()
	defer e.unlock()
	return e.end(err)
}

// end is fail for who holds the writer's lock.
func (e *Engine) end(err error) error {
	f := e.placed(err)
	if e.err != nil {
		return f
	}
	e.err = f
	e.queueAlert(f)
	if e.watch != nil {
		e.tell(&flow.Event{Kind: flow.Failure, Role: e.role, Err: f})
	}
	return f
}

// placed makes err a *fault.Error that knows its role and state.
func (e *Engine) placed(err error) *fault.Error {
	f := fault.Wrap(err, fault.Internal)
	if f.Role == fault.NoRole {
		f.Role, f.State = e.role, e.state()
	}
	return f
}

// state is the machine's state. Once connected, the machine is Recv's own, and
// whoever else asks must not look at it.
func (e *Engine) state() fault.State {
	if e.Connected() {
		return fault.Connected
	}
	return e.machine.State()
}

// version is the one that is settled, or 0. It belongs to the reading side until
// CONNECTED.
func (e *Engine) version() iana.Version {
	if e.Connected() {
		return e.info.Load().Version()
	}
	return e.machine.Info().Version
}

// misuse is an error of our own caller, which ends nothing.
func (e *Engine) misuse(r *fault.Rule) *fault.Error {
	f := r.New()
	f.Role, f.State = e.role, e.state()
	return f
}

// tellRecord and tellAlert emit events of the record layer.
func (e *Engine) tellRecord(sent bool, rec []byte, epoch flow.Epoch) {
	if e.watch != nil {
		e.tell(&flow.Event{Kind: flow.Record, Role: e.role, Sent: sent, Content: iana.ContentType(rec[0]),
			Bytes: rec[:record.HeaderLen], Size: len(rec), Epoch: epoch})
	}
}

func (e *Engine) tellAlert(sent bool, level, description byte, epoch flow.Epoch) {
	if e.watch != nil {
		e.tell(&flow.Event{Kind: flow.Alert, Role: e.role, Sent: sent, Alert: iana.Alert(description),
			Bytes: []byte{level, description}, Epoch: epoch})
	}
}

// Want is how many bytes, at least, Recv needs to have at hand.
func (e *Engine) Want() int { return max(int(e.want), record.HeaderLen) }
