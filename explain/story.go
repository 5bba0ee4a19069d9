package explain

import (
	"maps"
	"slices"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
)

// Story is what has happened so far. It is a copy: more may happen to the
// connection meanwhile.
func (r *Recorder) Story() *Story {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.settle(nil)
	story := &Story{Schema: Schema, Target: r.target, Role: r.role.String(), Omitted: r.omitted,
		States: r.transitions(), Others: r.other.of(r.steps), Steps: make([]Step, len(r.steps)), Summary: r.summary()}
	if !r.start.IsZero() {
		story.Began = r.start.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	for i, s := range r.steps {
		story.Steps[i] = *s
		c := &story.Steps[i]
		c.Number = i + 1
		c.Text = append([]string{}, s.Text...)
		c.Records = slices.Clone(s.Records)
		r.facts.dissect(c)
		c.Keys = slices.Clone(s.Keys)
	}
	r.attach(story)
	story.Error = r.ending(story)
	return story
}

// ending is the error with the number of its step, and with what our own
// server says of it.
func (r *Recorder) ending(story *Story) *Failure {
	if r.failed == nil {
		return nil
	}
	f := *r.failed
	if i := slices.Index(r.steps, r.broken); r.broken != nil && i >= 0 {
		f.Step = i + 1
		story.Steps[i].Outcome = Broken
	}
	if r.otherWrong != nil && !r.otherWrong.Received {
		f.Other = r.fail(r.otherWrong, fault.Server)
	}
	return &f
}

// attach puts each decision beside the message that carries it. What our own
// server at the other end decided takes the place of what the client could only
// guess.
func (r *Recorder) attach(story *Story) {
	decided, guessed := r.choices, []flow.Decision(nil)
	if r.role == fault.Client {
		decided, guessed = r.server, r.choices
	}
	carriers := r.carriers()
	for i, d := range decided {
		steps := story.Steps
		if r.role == fault.Server {
			steps = r.part(steps, i)
		}
		r.place(steps, carry(carriers, &d), d)
	}
	for i, d := range guessed {
		if !slices.ContainsFunc(decided, func(s flow.Decision) bool { return s.What == d.What && s.By == d.By }) {
			r.place(r.part(story.Steps, i), carry(carriers, &d), d)
		}
	}
}

// part are the steps of the handshake in which this side told its i-th decision:
// there may have been renegotiations.
func (r *Recorder) part(steps []Step, i int) []Step {
	from, to := 0, len(steps)
	for _, b := range r.again {
		if i < b.choices {
			to = min(b.steps, len(steps))
			break
		}
		from = min(b.steps, len(steps))
	}
	return steps[from:to]
}

// carry is what can carry d: what a client has to offer of an earlier connection
// it says in its hello.
func carry(carriers map[string][]string, d *flow.Decision) []string {
	if d.By == fault.Client && (d.What == "session" || d.What == "early_data") {
		return []string{"client_hello"}
	}
	return carriers[d.What]
}

// carriers names, for each decision, the messages that can carry it. The last
// one is for when that message never came.
var carriers = map[string][]string{
	"version":              {"server_hello", "hello_retry_request", "client_hello"},
	"cipher_suite":         {"server_hello", "hello_retry_request", "client_hello"},
	"group":                {"server_key_exchange", "server_hello", "hello_retry_request", "client_hello"},
	"key_share":            {"server_hello", "hello_retry_request", "client_hello"},
	"retry":                {"hello_retry_request", "client_hello"},
	"application_protocol": {"encrypted_extensions", "server_hello", "client_hello"},
	"certificate":          {"certificate", "server_hello", "client_hello"},
	"signature_scheme":     {"server_key_exchange", "certificate_verify", "certificate", "server_hello", "client_hello"},
	"session":              {"server_hello", "client_hello"},
	"early_data":           {"encrypted_extensions", "server_hello", "client_hello"},
}

// carriers are those of this connection: a HelloRetryRequest says early what else
// the ServerHello would.
func (r *Recorder) carriers() map[string][]string {
	if !r.facts.retried {
		return carriers
	}
	m := maps.Clone(carriers)
	for _, what := range []string{"version", "cipher_suite", "group", "early_data"} { // which it refuses
		m[what] = []string{"hello_retry_request", "client_hello"}
	}
	if r.facts.cookieOnly {
		m["group"] = carriers["group"]
	}
	return m
}

// place puts d beside the last step of the first message that there is. Either
// side may send a certificate and prove it; ours are not the other's.
func (r *Recorder) place(steps []Step, messages []string, d flow.Decision) {
	ours := direction(d.By == r.role)
	for _, message := range messages {
		if d.By == fault.Client && message == "server_key_exchange" {
			continue // that is the server's proof
		}
		mutual := message == "certificate" || message == "certificate_verify"
		for at := range steps {
			i := len(steps) - 1 - at
			if d.By == fault.Client && message == "client_hello" {
				i = at // the first hello says what there is
			}
			if steps[i].Message == message && (!mutual || steps[i].Direction == ours) {
				steps[i].Choices = append(steps[i].Choices, *choice(&d))
				return
			}
		}
	}
}

// RuledOut says what Unfit are, behind "offered".
func (c *Choice) RuledOut() string {
	switch c.What {
	case "cipher_suite":
		return "for other versions"
	case "group":
		return "for other key exchanges"
	}
	return "unfit for the " + c.By + "'s key or the version"
}

func choice(d *flow.Decision) *Choice {
	return &Choice{d.What, d.By.String(), d.Chosen, d.Offered, d.Unfit, d.Accepted, d.Reason}
}

func (r *Recorder) summary() Summary {
	f := &r.facts
	s := Summary{
		Connected: f.connected, ServerName: f.name, ALPN: f.alpn, Retried: f.retried,
		Sent: f.bytesSent, Received: f.bytesIn,
		Time: Times{DNS: f.dns.Microseconds(), TCP: f.tcp.Microseconds(), StartTLS: f.preamble.Microseconds()},
	}
	if f.version != 0 {
		s.Version, s.CipherSuite = f.version.String(), f.suite.String()
	}
	if f.group != 0 {
		s.Group, s.PostQuantum = f.group.String(), postQuantum(f.group)
	}
	if f.scheme != 0 && (f.proved || r.role == fault.Server) {
		s.Signature = f.scheme.String()
	}
	if f.clientScheme != 0 {
		s.ClientSignature = f.clientScheme.String()
	}
	if len(f.certificates) > 0 {
		s.Peer = f.certificates[0].Subject
	}
	if v := f.verdict; v != nil {
		s.Verified, s.Root, s.Failed = &v.verified, v.root, slices.Clone(v.failed)
	}
	if old(f.version) {
		extended, renegotiation := f.extended, f.renegotiation
		s.Extended, s.Renegotiation = &extended, &renegotiation
	}
	if x := f.suite.KeyExchange(); x != iana.NoKeyExchange && !f.resumed {
		s.KeyExchange, s.DHBits = x.String(), f.prime
	}
	if f.shape().block {
		etm := f.etm
		s.EncryptThenMAC = &etm
	}
	s.Session, s.Resumed, s.External = r.becameOf(), f.resumed, f.taken != nil && f.taken.external
	s.EarlyData, s.EarlyBytes, s.EarlyAccepted = r.fate(), f.early.bytes, f.early.accepted
	s.Signatures = signatures(r.steps)
	if f.resumed {
		s.Before = r.before
	}
	s.ForwardSecrecy = f.connected && (f.group != 0 || f.prime != 0) // each makes fresh shares
	if f.connected && !f.resumed {
		s.MasterSecretKept = f.keptIn
	}
	if f.connectedTCP {
		s.RoundTripsTCP = 1
	}
	s.RoundTripsStartTLS, s.RoundTripsTLS = f.preambleTrips, r.roundTrips()
	if f.tlsEnded && f.tlsBegun {
		s.Time.Total = f.tlsTo.Microseconds()
	} else if n := len(r.steps); n > 0 {
		s.Time.Total = r.steps[n-1].At + r.steps[n-1].Took
	}
	if t := &s.Time; f.tlsBegun {
		t.TLS = t.Total - f.tlsFrom.Microseconds()
		t.Hello = max(t.Total-t.DNS-t.TCP-t.StartTLS-t.TLS, 0)
	}
	return s
}

// roundTrips counts those that the client waited for the server before it could
// send data: one, one more for a HelloRetryRequest, and in TLS 1.2 one more for
// the server's Finished, unless a session is resumed. With 0-RTT there is none.
func (r *Recorder) roundTrips() int {
	n := 0
	switch {
	case r.facts.connected:
		return r.facts.trips
	case r.facts.early.accepted && r.facts.early.bytes > 0:
		return n
	}
	if r.facts.secondTrip {
		n++
	}
	for _, s := range r.steps {
		if s.Message == "hello_retry_request" || s.Message == "server_hello" {
			n++
		}
	}
	return n
}
