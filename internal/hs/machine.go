// Package hs holds the handshake's state machines: messages in; messages,
// secrets, events and Asks out. It knows nothing of records, sockets or time,
// so that QUIC or DTLS can stand where the record layer does.
//
// Policy: "what happens after ServerHello?" is answered by reading one table
// per role and version, below the RFC's diagram. A message without a row is
// refused. Waiting for something besides bytes is a state like any other.
// Entering CONNECTED takes the evidence as values. Negotiation stands once,
// not per version.
package hs

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/keys"
	"github.com/handclasp/handclasp/internal/suite"
	"github.com/handclasp/handclasp/internal/wire"
)

// A Layer carries messages for a Machine: records over TCP, or what takes
// their place. The Machine calls it from within Start, Receive and Reply.
type Layer interface {
	// WriteMessage queues a whole handshake message under the current write
	// keys. The bytes are not kept.
	WriteMessage(msg []byte)

	// ChangeCipherSpec queues a ChangeCipherSpec right before whatever is sent
	// next: the real one of TLS 1.2, or the dummy of TLS 1.3's middlebox
	// compatibility mode.
	ChangeCipherSpec()

	// SetWrite and SetRead change the keys of one direction. The last message
	// before the change ends its record.
	SetWrite(e flow.Epoch, s *suite.Suite, secret keys.Secret) error
	SetRead(e flow.Epoch, s *suite.Suite, secret keys.Secret) error

	// SkipEarlyData says that the client offered early data and that it is
	// refused: what can't be read before the client's next message is dropped, up
	// to somewhat more than the bytes that tickets promise.
	SkipEarlyData(e flow.Epoch, promised uint32)

	// ClearWrite takes the keys of early data away that was turned down.
	ClearWrite()

	// ShapeRecords says how long records may be from now on, and how the protected
	// ones of TLS 1.3 are padded.
	ShapeRecords(s Shape)

	// SetWrite12 and SetRead12 do the same in TLS 1.2, where there is one epoch.
	SetWrite12(s *suite.Suite, k keys.WriteKeys, o suite.Options12) error
	SetRead12(s *suite.Suite, k keys.WriteKeys, o suite.Options12) error

	// SetVersion says which version records name from now on; TLS 1.3 names
	// TLS 1.2.
	SetVersion(v iana.Version)

	// Renegotiating says that a handshake begins on a connection that has one
	// already. It ends in CONNECTED.
	Renegotiating()

	// PeerFinished says that the peer's Finished was accepted.
	PeerFinished()

	// PeerUpdated says that the peer changed its application keys, and whether
	// it wants us to do the same (RFC 9846, Section 4.7.3).
	PeerUpdated(requested bool) error

	// WriteAnswer queues messages that belong together: those that finish gives,
	// the last of which it makes with the write secret that is in force there (RFC
	// 9846, Section 4.7.2).
	WriteAnswer(finish func(keys.Secret) ([]byte, error)) error

	// EarlyExporter gives the exporter that goes with 0-RTT data; nil takes it back.
	EarlyExporter(*Exporter)

	// ReadSecret is the secret that the peer writes with.
	ReadSecret() keys.Secret

	// Authenticated says that Info has changed after CONNECTED.
	Authenticated()

	// Answered says that an Ask was answered and how the Machine went on.
	Answered(err error)
}

// A Machine is one side of one handshake.
type Machine interface {
	Abandon()                 // the handshake ended from outside: nothing comes any more
	Start() error             // a client's first message; nothing for a server
	Receive(msg []byte) error // one whole handshake message; its bytes must stay unchanged
	ChangeCipherSpec() error  // the peer sent one, and the version is 1.2
	Ask() flow.Ask            // what it waits for besides bytes, or nil
	State() fault.State
	Info() *flow.Info                  // what is settled so far
	Settled() *flow.Settled            // Info from CONNECTED on; nil before
	Exporter() *Exporter               // nil before CONNECTED
	Errands(failed bool) []flow.Errand // what came up to be done besides, once the handshake is over or the connection has failed; each is given once
}

// Options are what a Machine needs besides its configuration.
type Options struct {
	Layer Layer
	Rand  io.Reader
	Clock func() time.Time // for a configuration that has none; may be nil

	// NoEarly has a client offer no 0-RTT data though it is set up to.
	NoEarly bool
	// Limits are the configuration's, which the Machine fills in when it is made.
	Limits *config.Limits

	// Watch may be nil.
	Watch func(*flow.Event)

	// Edit, if set, has the last word on each message before it is sent. It
	// makes recorded and deliberately wrong hellos possible; the machine then
	// stands by what was sent.
	Edit func(wire.Message)
}

// A trigger is what moves a machine on: a handshake message by its type, or
// one of these.
type trigger uint16

const (
	begin            trigger = 0x100 + iota // Start was called
	answer                                  // an Ask was answered
	retryHello                              // a ServerHello that is a HelloRetryRequest
	changeCipherSpec                        // the record of TLS 1.2
)

func (t trigger) String() string {
	switch t {
	case begin:
		return "start"
	case answer:
		return "answer"
	case retryHello:
		return "hello_retry_request"
	case changeCipherSpec:
		return "change_cipher_spec"
	}
	return iana.HandshakeType(t).String()
}

// An edge is one row of a state table: in state from, on what, do this; and
// the states it may lead to. One that leads nowhere refuses a message by name.
type edge[M any] struct {
	from fault.State
	on   trigger
	do   func(M, []byte) (fault.State, error)
	to   states
}

// states is a set of states.
type states uint64

func to(list ...fault.State) (set states) {
	for _, s := range list {
		set |= 1 << s
	}
	return set
}

func (set states) has(s fault.State) bool { return set&(1<<s) != 0 }

// core is what both roles share.
type core struct {
	*Options
	*work    // nil once CONNECTED, but for while there is something to do
	role     fault.Role
	state    fault.State
	anew     bool // TLS 1.2: this is a renegotiation, under the keys of the handshake before
	ask      flow.Ask
	info     *flow.Info    // lies in work, and is nil without it
	settled  *flow.Settled // what it comes to in CONNECTED; others read it
	suite    *suite.Suite
	errands  []flow.Errand
	regret   flow.Errand // what is to be done if the connection fails
	exporter *Exporter
}

func (c *core) Ask() flow.Ask       { return c.ask }
func (c *core) State() fault.State  { return c.state }
func (c *core) Exporter() *Exporter { return c.exporter }

func (c *core) Settled() *flow.Settled { return c.settled }

func (c *core) Info() *flow.Info {
	if c.info == nil {
		info := c.settled.Info()
		return &info
	}
	return c.info
}

// step finds the row for (state, on), runs its handler and checks the outcome
// against the row.
func step[M any](c *core, table []edge[M], m M, on trigger, msg []byte) error {
	i := slices.IndexFunc(table, func(e edge[M]) bool { return e.from == c.state && e.on == on })
	if i < 0 {
		return c.fail(fault.UnexpectedMessage.In("msg_type").Saw(on, legal(table, c.state)))
	}
	next, err := table[i].do(m, msg)
	if err != nil {
		return c.fail(err)
	}
	if !table[i].to.has(next) {
		return c.fail(fault.Internal.Because(fmt.Errorf("%v on %v led to %v, which its row does not list", c.state, on, next)))
	}
	c.enter(next)
	return nil
}

// legal lists what a state has rows for, those left out that lead nowhere.
func legal[M any](table []edge[M], s fault.State) string {
	var names []string
	for _, e := range table {
		if e.from == s && e.to != 0 && e.on != answer && e.on != begin {
			names = append(names, e.on.String())
		}
	}
	if len(names) == 0 {
		return "no message now"
	}
	return strings.Join(names, " or ")
}

func (c *core) enter(s fault.State) {
	if c.Watch != nil && s != c.state {
		c.event = flow.Event{Kind: flow.State, Role: c.role, From: c.state, To: s}
		c.Watch(&c.event)
	}
	done := s == fault.Connected && c.state != s
	if c.state = s; c.info.State != fault.Connected { // to others the connection stays so
		c.info.State = s
	}
	if done && (c.settled == nil || c.anew) {
		c.settled = c.info.Settle()
	}
}

// fail makes err a *fault.Error that knows its role and state, and ends the
// machine.
func (c *core) fail(err error) error {
	e := fault.Wrap(err, fault.Internal)
	if e.Role == fault.NoRole {
		e.Role, e.State = c.role, c.state
	}
	c.ask = nil
	c.enter(fault.Failed)
	return e
}

// waitFor opens an Ask.
func (c *core) waitFor(a flow.Ask) { c.ask = a }

// asks reports whether an Ask of kind A is open: the second answer to another
// kind must not pass for its own.
func asks[A flow.Ask](c *core) bool {
	_, ok := c.ask.(A)
	return ok
}

// send encodes, hashes and queues m.
func (c *core) send(m wire.Message, e flow.Epoch) ([]byte, error) {
	msg, err := c.encode(m)
	if err == nil {
		c.emit(msg, e)
	}
	return msg, err
}

// encode has the last word from Edit. What it gives is good until the next one.
func (c *core) encode(m wire.Message) ([]byte, error) {
	if c.Edit != nil {
		c.Edit(m)
	}
	msg, err := c.coder.Append(c.out[:0], m)
	if err != nil {
		return nil, fault.Internal.Because(err)
	}
	c.out = msg[:0]
	return msg, nil
}

// emit hashes and queues what encode gave.
func (c *core) emit(msg []byte, e flow.Epoch) {
	c.transcript.Write(msg)
	c.tell(msg, true, e)
	c.Layer.WriteMessage(msg)
}

// tell emits the event of a message.
func (c *core) tell(msg []byte, sent bool, e flow.Epoch) {
	if c.Watch == nil {
		return
	}
	if c.anew {
		e = flow.Application
	}
	c.event = flow.Event{
		Kind: flow.Message, Role: c.role, Sent: sent, Epoch: e,
		Type: iana.HandshakeType(msg[0]), Retry: isRetry(msg), Bytes: msg,
	}
	c.Watch(&c.event)
}

func (c *core) proven(p flow.Proven) {
	if c.Watch != nil {
		told := p // so that nothing is kept where nobody watches
		c.event = flow.Event{Kind: flow.Proof, Role: c.role, Proven: &told}
		c.Watch(&c.event)
	}
}

// readEpoch is the epoch of the keys that the current state reads with.
func (c *core) readEpoch() flow.Epoch {
	switch {
	case c.state == fault.WaitEOED:
		return flow.Early
	case c.anew:
		return flow.Application
	case c.state >= fault.PostChoosing && c.state <= fault.Connected, c.info.Version < iana.TLS13 && c.state == fault.WaitFinished:
		return flow.Application
	case c.info.Version == iana.TLS13 && c.state != fault.WaitSH2 && c.state != fault.WaitCH2:
		return flow.Handshake
	}
	return flow.Clear
}

// decided emits a decision, which is built only when somebody watches.
func (c *core) decided(build func() flow.Decision) {
	if c.Watch != nil {
		d := build()
		c.event = flow.Event{Kind: flow.Choice, Role: c.role, Decision: &d}
		c.Watch(&c.event)
	}
}

// isRetry tells a HelloRetryRequest from a ServerHello without decoding:
// legacy_version is 2 bytes long and random follows it.
func isRetry(msg []byte) bool {
	const random = wire.HeaderLen + 2
	return iana.HandshakeType(msg[0]) == iana.ServerHello && len(msg) >= random+32 &&
		[32]byte(msg[random:random+32]) == wire.RetryRandom
}

// compat sends the ChangeCipherSpec of middlebox compatibility mode, once.
func (c *core) compat() {
	if c.info.Compat && !c.compatSent {
		c.compatSent = true
		c.Layer.ChangeCipherSpec()
	}
}

// now is the time of a configuration's own clock, or of the one that stands in.
func (c *core) now(own func() time.Time) time.Time {
	if own == nil {
		own = c.Clock
	}
	return own()
}

func (c *core) random(b []byte) error {
	if _, err := io.ReadFull(c.Rand, b); err != nil {
		return fault.RandomFailed.Because(err)
	}
	return nil
}

// names lists values for an error or an event.
func names[T fmt.Stringer](list []T) []string {
	s := make([]string, len(list))
	for i, v := range list {
		s[i] = v.String()
	}
	return s
}

// mostNamed is how many values of a list an error names. Clients that mean it offer fewer;
// who offers 30,000 in a hello shall not have us write a quarter of a megabyte.
const mostNamed = 100

// some is the beginning of a list for an error, and how much there is besides.
func some[T any](list []T, most int) (named []T, more string) {
	if n := len(list) - most; n > 0 {
		return list[:most], fmt.Sprintf(" and %d more", n)
	}
	return list, ""
}

// join lists values for an error.
func join[T fmt.Stringer](list []T) string {
	named, more := some(list, mostNamed)
	return strings.Join(names(named), ", ") + more
}

// joinQuoted lists a peer's words for an error, each in quotes.
func joinQuoted(list [][]byte) string {
	named, more := some(list, mostNamed/10) // each may be long
	return strings.Join(quoted(named), ", ") + more
}

func quoted(list [][]byte) []string {
	s := make([]string, len(list))
	for i, v := range list {
		s[i] = fault.Quote(v)
	}
	return s
}
