package explain

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
)

// maxSteps bounds what a connection that lives long can pile up.
const maxSteps = 1000

// A Recorder listens to one connection and makes its Story. Its methods may be
// called by several goroutines at once. It keeps nothing of an event that the
// event's sender may reuse.
type Recorder struct {
	mu    sync.Mutex
	role  fault.Role
	now   func() time.Time
	start time.Time // zero until something happens

	target  string
	steps   []*Step // in order; numbers are given by Story
	omitted int
	states  []entry
	other   another
	state   fault.State

	sent, received lane
	choices        []flow.Decision // as this side tells them
	server         []flow.Decision // as the server at the other end does
	otherWrong     *fault.Error    // of the server at the other end
	failed         *Failure        // what became of the first error
	alerted        *Step           // an alert of the peer's that may yet prove a mere warning
	broken         *Step           // the step that broke the rule
	hello          *Step           // the last ClientHello
	before         *Full           // the connection in which the session began
	again          []beginning     // of renegotiations
	keyLog         map[string][]byte

	facts settled
}

// A beginning is how much there was when another handshake began.
type beginning struct{ steps, choices int }

// settled is what the summary and later sentences need of earlier steps.
type settled struct {
	dns, tcp, preamble time.Duration
	preambleTrips      int
	plainOnly          string // the protocol in which TLS could not begin
	tlsFrom, tlsTo     time.Duration
	tlsBegun, tlsEnded bool
	connectedTCP       bool
	connected          bool
	retried            bool
	cookieOnly         bool // the HelloRetryRequest asked for no key share
	offers13           bool // the client, in its hello
	version            iana.Version
	suite              iana.CipherSuite
	group              iana.Group
	scheme             iana.SignatureScheme
	proved             bool // the server, by a signature with scheme
	asked, shown       bool // the client, for a certificate; and it has one
	clientScheme       iana.SignatureScheme
	name, alpn         string // escaped
	certificates       []Certificate
	verdict            *verdict
	bytesSent, bytesIn int

	prime int // TLS 1.2: bits of the finite field, if there is one

	sessionID []byte      // in the last hello
	ticket    bool        // likewise, one of TLS 1.2
	keeps     bool        // the client can use tickets, as its hello says
	offered   []preShared // in the last hello
	taken     *preShared  // by the server
	alone     bool        // without key shares
	resumed   bool        // an earlier session goes on
	early     early

	// of TLS 1.2
	extended, renegotiation bool
	keptIn                  string              // "ticket" or "session ID": where the server keeps the master secret
	etm                     bool                // encrypt-then-MAC
	keyed                   bool                // both write keys exist
	changed, finished       map[fault.Role]bool // who has sent a ChangeCipherSpec, a Finished
	secondTrip              bool                // the client waited for the server's Finished
	again                   bool                // a renegotiation
	trips                   int                 // of the first handshake
}

// verdict is what the story keeps of a flow.Verdict.
type verdict struct {
	verified bool
	root     string
	failed   []string
}

// New is a Recorder for the side role of one connection. now is the clock.
func New(role fault.Role, now func() time.Time) *Recorder {
	r := &Recorder{role: role, now: now}
	r.facts.changed, r.facts.finished = map[fault.Role]bool{}, map[fault.Role]bool{}
	if role == fault.Server {
		r.state = fault.WaitCH
	}
	return r
}

// Target says what was asked for, such as "example.com:443".
func (r *Recorder) Target(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.target = escape(name)
}

// Resolved says that host was looked up, which took that long and gave addrs or
// failed with err.
func (r *Recorder) Resolved(host string, addrs []string, took time.Duration, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.facts.dns += took
	s := &Step{Kind: KindResolve, Title: "Look up " + escape(host), Outcome: outcome(err), Took: took.Microseconds()}
	s.fact("gives", "addresses", "addresses", escapes(addrs)...)
	switch {
	case err != nil:
		s.say("DNS has no address for the name: %s.", escape(err.Error()))
	case len(addrs) == 1:
		s.say("DNS translates the name into an address, for the network knows only addresses.")
	default:
		s.say("DNS translates the name into addresses, for the network knows only those. They are tried in this order.")
	}
	r.add(s, r.since(took)-took)
}

// Connecting says that a TCP connection to addr is being opened. It only marks
// the start of the clock; Connected and Unreachable tell the outcome.
func (r *Recorder) Connecting(addr string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.since(0)
	if r.target == "" {
		r.target = escape(addr)
	}
}

// Connected says that the TCP connection from local to remote was open after
// that long.
func (r *Recorder) Connected(local, remote string, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.facts.tcp += took
	r.facts.connectedTCP = true
	s := &Step{Kind: KindConnect, Title: "Connect to " + escape(remote), Outcome: Passed, Took: took.Microseconds()}
	if r.role == fault.Server {
		s.Title = "A connection from " + escape(remote)
	}
	s.say("A TCP connection is open: the client asked (SYN), the server agreed (SYN, ACK), the client confirmed (ACK) and may send at once. That took one round trip. Nothing is protected yet.")
	s.fact("uses", "local", "our address", escape(local))
	s.fact("uses", "remote", "their address", escape(remote))
	r.add(s, r.since(took)-took)
}

// Unreachable says that no TCP connection to addr came about.
func (r *Recorder) Unreachable(addr string, took time.Duration, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.facts.tcp += took
	s := &Step{Kind: KindConnect, Title: "Connect to " + escape(addr), Outcome: Broken, Took: took.Microseconds()}
	s.say("No TCP connection came about: %s.", escape(err.Error()))
	r.add(s, r.since(took)-took)
}

// Watch takes an event of the connection.
func (r *Recorder) Watch(ev *flow.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := r.since(0)
	r.settle(ev)
	r.spare(ev)
	if !r.facts.tlsBegun && ev.Kind != flow.Failure && ev.Kind != flow.Trouble {
		r.facts.tlsBegun, r.facts.tlsFrom = true, at
	}
	switch ev.Kind {
	case flow.State:
		r.entered(ev, at)
	case flow.Message:
		r.message(ev, at)
	case flow.Choice:
		d := copyDecision(ev.Decision)
		r.choices = append(r.choices, d)
		if d.What == "early_data" && d.By == fault.Server && r.role == fault.Server {
			r.facts.early.accepted = d.Chosen != ""
		}
	case flow.Key:
		r.key(ev.Secret, at)
	case flow.Record:
		r.record(ev, at)
	case flow.Alert:
		r.alert(ev, at)
	case flow.Proof:
		r.proof(ev.Proven, at)
	case flow.Failure:
		r.failure(ev.Err, at)
	case flow.Trouble:
		r.trouble(ev.Err, at)
	}
}

// Server takes an event of the server at the other end, when it is our own. What
// it decided replaces what the client could only guess; its error says why it
// sent an alert; its states go beside the client's.
func (r *Recorder) Server(ev *flow.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch ev.Kind {
	case flow.State:
		r.other.enter(transition(ev, r.since(0)))
	case flow.Message:
		r.other.pass(KindMessage, ev.Sent)
	case flow.Record:
		if ev.Content == iana.ContentChangeCipherSpec && !ev.Sent {
			r.other.pass(KindCCS, false)
		}
	case flow.Alert:
		r.other.pass(KindAlert, ev.Sent)
	case flow.Choice:
		r.server = append(r.server, copyDecision(ev.Decision))
	case flow.Failure:
		if r.otherWrong == nil {
			e := *ev.Err
			r.otherWrong = &e
		}
		if from := r.other.state(); from != fault.Failed.String() {
			r.other.enter(failed(from, r.since(0).Microseconds()))
		}
	}
}

// Verdict gives the verdict on the certificates of side of when the connection
// ended because of it: no event carries it then. It does nothing if the story
// has a verdict already.
func (r *Recorder) Verdict(of fault.Role, v *flow.Verdict) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if v != nil && r.facts.verdict == nil {
		r.insert(r.judged(of, v, false), r.since(0), r.beforeFailure())
	}
}

// KeyLog says that a key log was asked for: from now on the story shows the
// values of keys. What it returns is to be the connection's KeyLogWriter; it
// passes each line on to w, which may be nil.
func (r *Recorder) KeyLog(w io.Writer) io.Writer { return &keyLogger{r, w} }

type keyLogger struct {
	*Recorder
	next io.Writer
}

func (k *keyLogger) Write(line []byte) (int, error) {
	k.learn(string(line))
	if k.next == nil {
		return len(line), nil
	}
	return k.next.Write(line)
}

// Done says how the connection ended; nil means as it should. An error that
// the story has already is not told twice.
func (r *Recorder) Done(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil || err == io.EOF || r.failed != nil { // an error that is caused by io.EOF is one
		return
	}
	r.failure(asFault(err), r.since(0))
}

// asFault is err as the catalogue has it, or in its own words.
func asFault(err error) *fault.Error {
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return e
	}
	return plain(err)
}

// plain is for an error that the catalogue does not have.
func plain(err error) *fault.Error {
	r := fault.Rule{Alert: iana.NoAlert, Blame: fault.Network, Text: sentence(escape(err.Error()))}
	return r.New()
}

// since is the time since the start. The first call sets the start, took before
// now.
func (r *Recorder) since(took time.Duration) time.Duration {
	now := r.now()
	if r.start.IsZero() {
		r.start = now.Add(-took)
	}
	return now.Sub(r.start)
}

// add puts a step at the end.
func (r *Recorder) add(s *Step, at time.Duration) { r.insert(s, at, len(r.steps)) }

// insert puts a step before the i-th, and so no later than that.
func (r *Recorder) insert(s *Step, at time.Duration, i int) {
	s.At = at.Microseconds()
	if i < len(r.steps) {
		s.At = min(s.At, r.steps[i].At)
	}
	if s.State == "" && r.facts.tlsBegun {
		s.State = r.state.String()
	}
	if len(r.steps) >= maxSteps && s.Kind != KindFailure && s.Kind != KindAlert {
		r.omitted++
		return
	}
	r.steps = append(r.steps, nil)
	copy(r.steps[i+1:], r.steps[i:])
	r.steps[i] = s
}

// beforeFailure is where a step belongs that led to the failure: before it, and
// before the alert that went out because of it.
func (r *Recorder) beforeFailure() int {
	for i, s := range r.steps {
		if s.Kind == KindFailure {
			return i
		}
	}
	return r.beforeOwnAlert()
}

// beforeOwnAlert is the place before an alert of ours at the end.
func (r *Recorder) beforeOwnAlert() int {
	n := len(r.steps)
	if n > 0 && r.steps[n-1].Kind == KindAlert && r.steps[n-1].Direction == Sent {
		return n - 1
	}
	return n
}

func (r *Recorder) entered(ev *flow.Event, at time.Duration) {
	e := entry{Transition: transition(ev, at)}
	if n := len(r.steps); n > 0 {
		e.after = r.steps[n-1]
	}
	r.states = append(r.states, e)
	if ev.To != fault.Failed {
		r.state = ev.To // a failed side is still told by where it was
	}
	if ev.To == fault.Connected && !r.facts.connected || ev.To == fault.Failed {
		r.facts.tlsEnded, r.facts.tlsTo = true, at
	}
	if ev.To == fault.Connected {
		r.facts.trips = r.roundTrips()
		r.facts.connected = true
		r.rest()
	}
}

func (s *Step) say(format string, args ...any) { s.Text = append(s.Text, fmt.Sprintf(format, args...)) }

// fact adds a fact unless it has nothing to tell.
func (s *Step) fact(topic, name, label string, values ...string) *Fact {
	if len(values) == 0 || len(values) == 1 && values[0] == "" {
		return &Fact{}
	}
	s.Facts = append(s.Facts, Fact{Topic: topic, Name: name, Label: label, Values: values})
	return &s.Facts[len(s.Facts)-1]
}

func outcome(err error) string {
	if err != nil {
		return Broken
	}
	return Passed
}

// copyDecision keeps what a watcher may not.
func copyDecision(d *flow.Decision) flow.Decision {
	c := *d
	c.Chosen, c.Reason = escape(d.Chosen), escape(d.Reason)
	c.Offered, c.Unfit, c.Accepted = unquoted(d.Offered), unquoted(d.Unfit), unquoted(d.Accepted)
	return c
}

// sentence ends s with a full stop.
func sentence(s string) string {
	if s == "" || strings.HasSuffix(s, ".") {
		return s
	}
	return s + "."
}
