package explain

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/keys"
)

// Keys, alerts and failures.

// learn takes a line of the key log: label, client random, secret.
func (r *Recorder) learn(line string) {
	f := strings.Fields(line)
	if len(f) != 3 {
		return
	}
	var value Hex
	if value.UnmarshalText([]byte(f[2])) != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.keyLog == nil {
		r.keyLog = map[string][]byte{}
	}
	r.keyLog[f[0]] = value
}

// key adds a secret to the step of its stage of the key schedule.
func (r *Recorder) key(k *flow.Secret, at time.Duration) {
	var s *Step
	if n := len(r.steps); n > 0 && r.steps[n-1].Kind == KindKeys && r.steps[n-1].Keys[0].Derived == k.Derived {
		s = r.steps[n-1]
	} else {
		s = &Step{Kind: KindKeys, Title: "Keys exist: " + k.Derived}
		if title := titles12[k.Derived]; title != "" {
			s.Title = title
			r.tellKeys12(s, k)
		} else {
			r.tellKeys(s, k)
		}
		r.add(s, at)
	}
	logged := k.Label
	if k.Label == "master_secret" {
		logged = keys.LogMaster12
	}
	out := Key{Label: k.Label, Derived: k.Derived, Protects: k.Protects, Epoch: k.Epoch.String(), Suite: k.Suite.String(), Value: r.keyLog[logged]}
	if k.Writer != fault.NoRole {
		out.Writer = k.Writer.String()
	}
	s.Keys = append(s.Keys, out)
}

func (r *Recorder) tellKeys(s *Step, k *flow.Secret) {
	f := &r.facts
	switch k.Epoch {
	case flow.Early:
		s.say("The key schedule begins with the Early Secret, and that comes from the pre-shared key alone: from the first of the client's list. From the Early Secret and this ClientHello comes a key for 0-RTT data, which the server can compute as soon as it has the hello.")
	case flow.Handshake:
		switch {
		case f.alone:
			s.say("All that goes into these keys is the pre-shared key, from which the Early Secret comes, and what is readable in the hellos. Where the secret of a key exchange would go in next, there are zeros.")
			s.say("So there is no forward secrecy: who gets hold of the pre-shared key, even years later, computes these keys for a recording of the connection.")
		case f.taken != nil:
			s.say("Two secrets go into these keys, and the hellos. First the pre-shared key, from which the Early Secret comes; without one, zeros stand there. Then the secret that both sides compute from their own private key and the other's share (%v).", f.group)
			s.say("Nobody else has the pre-shared key, so nobody can sit between the two. And who steals it later lacks the other secret: there is forward secrecy.")
		default:
			s.say("Both sides compute the same secret from their own private key and the other's share (%v), and from it and the hellos these keys, one for each direction.", f.group)
		}
		s.say("From here on everything the server sends is encrypted, and so is what the client sends next, but for a ChangeCipherSpec, which says nothing; who listens on the path sees only sizes and times.")
	case flow.Application:
		s.say("The keys for the data itself, derived from the same secret and from the handshake up to the server's Finished. The handshake keys have nearly done their work.")
	default:
		s.say("New keys, derived from what both sides know.")
	}
}

// alert tells of an alert. What a received one may mean depends on the state in
// which it arrived.
func (r *Recorder) alert(ev *flow.Event, at time.Duration) {
	s := &Step{Kind: KindAlert, Title: "Alert " + ev.Alert.String(), Direction: direction(ev.Sent), Size: 2}
	s.protected(ev.Epoch)
	a := &Alert{Name: ev.Alert.String(), Code: int(ev.Alert), Meaning: ev.Alert.Meaning()}
	s.Alert = a
	// The registry's words are those of whoever receives the alert.
	switch {
	case a.Meaning == "":
		s.say("The registry has no meaning for this number.")
	case ev.Sent && ev.Alert == iana.CloseNotify:
		s.say("We send no more data. It is the proper end of a connection and no error.")
	case ev.Sent:
		s.say("We give up, and the %v is to read that as “%s”", r.role.Peer(), a.Meaning)
	default:
		s.say("It means: %s", a.Meaning)
	}
	l := &r.sent
	if !ev.Sent {
		l = &r.received
		if ev.Alert != iana.CloseNotify || !r.facts.connected {
			a.Causes, a.Hint = fault.Explain(ev.Alert, r.role, r.state)
		}
	}
	if n := len(l.open); n > 0 {
		rec := l.open[n-1]
		if s.Encrypted && r.facts.pads() {
			rec.Padding = max(rec.whole-s.Size, 0)
		}
		s.Records, l.open = []Record{rec.Record}, l.open[:n-1]
	}
	s.Bytes, s.Fields = alertBytes(ev)
	explainFields(s.Kind, s.Bytes, s.Fields)
	if ev.Alert != iana.CloseNotify {
		s.Outcome = Broken
		if !ev.Sent {
			r.alerted = s
		}
	}
	r.add(s, at)
}

// spare takes back that an alert of the peer's was the end, when a message
// follows it: before TLS 1.3 alerts may be mere warnings. Not all who warn say so
// by the level.
func (r *Recorder) spare(next *flow.Event) {
	if s := r.alerted; s != nil && next.Kind == flow.Message {
		a := *s.Alert // a story may have the old one
		a.Causes, a.Hint = nil, ""
		s.Outcome, s.Alert = "", &a
		s.say("It is a mere warning: the connection goes on.")
		r.alerted = nil
	}
}

// alertBytes are level and description, or the latter alone if that is all that
// the event tells.
func alertBytes(ev *flow.Event) (Hex, []Field) {
	description := Field{Name: "description", Value: fmt.Sprintf("%v (%d)", ev.Alert, uint8(ev.Alert)), Len: 1}
	if len(ev.Bytes) != 2 {
		return Hex{byte(ev.Alert)}, []Field{description}
	}
	level := Field{Name: "level", Value: fmt.Sprint(ev.Bytes[0]), Len: 1}
	if word := map[byte]string{1: "warning", 2: "fatal"}[ev.Bytes[0]]; word != "" {
		level.Value = word + " (" + level.Value + ")"
	}
	description.Off = 1
	return bytes.Clone(ev.Bytes), []Field{level, description}
}

// failure tells of the first error. Our own alert, which went out because of it,
// comes after it.
func (r *Recorder) failure(e *fault.Error, at time.Duration) {
	if r.failed != nil || e == nil {
		return
	}
	if !r.facts.tlsEnded {
		r.facts.tlsEnded, r.facts.tlsTo = true, at
	}
	r.failed = r.fail(e, r.role)
	r.broken = r.culprit(e)
	s := &Step{Kind: KindFailure, Title: "The connection fails", Outcome: Broken}
	if r.facts.connected {
		s.Title = "The connection breaks off"
	} else if r.facts.tlsBegun {
		s.Title = "The handshake fails"
	} else if r.facts.plainOnly != "" {
		s.Title = "TLS does not begin"
	}
	s.say("%s", r.failed.Text)
	r.insert(s, at, r.beforeOwnAlert())
}

// trouble tells of something that failed and that the connection does without, such
// as a store of sessions.
func (r *Recorder) trouble(e *fault.Error, at time.Duration) {
	f := r.fail(e, r.role)
	s := &Step{Kind: KindTrouble, Title: "Something fails, and the connection goes on", Outcome: Waived}
	s.say("%s", f.Text)
	c := Check{Name: f.Rule, Outcome: Waived, Detail: f.Cause, Rule: f.Rule, Hint: f.Hint}
	if c.Detail == "" {
		c.Detail = f.Text
	}
	s.Checks = []Check{c}
	r.add(s, at)
}

// culprit is the step that a broken rule speaks of: the last thing that came,
// if it was the peer that broke it; for a rule about certificates, those. A
// stapled answer may have come in a message of its own.
func (r *Recorder) culprit(e *fault.Error) *Step {
	ocsp := strings.HasPrefix(e.ID, "ocsp-")
	certificate := ocsp || strings.HasPrefix(e.ID, "cert-")
	for i := len(r.steps) - 1; i >= 0 && (e.Received || e.Blame != fault.Local && e.Blame != fault.Network); i-- {
		s := r.steps[i]
		if s.Direction == Received && (!certificate || s.Message == "certificate" || ocsp && s.Message == "certificate_status") {
			return s
		}
	}
	return nil
}

// Words is err as a story ends with it, for an error that has no story: what
// happened, in which step, whose fault it is, and what to do. Role is the side
// that met it, unless the error says so itself. It is nil if err is nil.
func Words(err error, role fault.Role) *Failure {
	if err == nil {
		return nil
	}
	e := asFault(err)
	r := New(role, nil)
	if e.Role != fault.NoRole {
		r = New(e.Role, nil)
		r.facts.tlsBegun = true
	}
	return r.fail(e, r.role)
}

// fail words an error of the side role.
func (r *Recorder) fail(e *fault.Error, role fault.Role) *Failure {
	state := e.State
	if e.Role == fault.NoRole {
		state = r.state
	}
	f := &Failure{
		Rule: e.ID, Text: fault.Printable(e.Text), During: r.during(e.Blame, state, role), Fault: blames[e.Blame], Side: side(e.Blame, role),
		Field: escape(e.Field), Got: fault.Printable(e.Got), Want: fault.Printable(e.Want), Source: e.Source, Received: e.Received, Hint: e.Hint,
	}
	if e.Role != fault.NoRole || r.facts.tlsBegun {
		f.State = state.String()
	}
	if e.Offset >= 0 && e.Field != "" {
		offset := e.Offset
		f.Offset = &offset
	}
	if e.Cause != nil {
		f.Cause = fault.Printable(e.Cause.Error())
	}
	if a := e.AlertCode(); a != iana.NoAlert {
		f.Alert = a.String()
	}
	if e.Received {
		f.Causes, f.Hint = fault.Explain(e.Code, role, state)
		f.Offered = r.offered(e.Code, role)
	}
	return f
}

// offered is what our ClientHello offered of what the server's alert may
// complain of. An alert does not say what would have been accepted.
func (r *Recorder) offered(a iana.Alert, role fault.Role) (facts []Fact) {
	if role != fault.Client || r.hello == nil || r.facts.version != 0 {
		return nil
	}
	for _, f := range r.hello.Facts {
		if slices.Contains(complaints[a], f.Name) {
			facts = append(facts, f)
		}
	}
	return facts
}

// complaints names the facts of a ClientHello that an alert in answer to it may
// be about.
var complaints = map[iana.Alert][]string{
	iana.HandshakeFailure:      {"supported_versions", "cipher_suites", "supported_groups", "signature_algorithms", "server_name"},
	iana.InsufficientSecurity:  {"cipher_suites", "supported_groups", "signature_algorithms"},
	iana.ProtocolVersion:       {"supported_versions"},
	iana.NoApplicationProtocol: {"application_layer_protocol_negotiation"},
	iana.UnrecognizedName:      {"server_name"},
	iana.IllegalParameter:      {"supported_groups", "key_share"},
}

var blames = map[fault.Blame]string{fault.Peer: "peer", fault.Local: "local", fault.Both: "both", fault.Network: "network"}

// side says whose fault it is in words.
func side(b fault.Blame, role fault.Role) string {
	switch b {
	case fault.Peer:
		return "the " + role.Peer().String()
	case fault.Local:
		return fmt.Sprintf("this side, the %v", role)
	}
	return b.String()
}

// during says in words what was going on.
func (r *Recorder) during(b fault.Blame, s fault.State, role fault.Role) string {
	switch {
	case r.facts.tlsBegun:
	case r.facts.plainOnly != "":
		return "asking for TLS in " + r.facts.plainOnly
	case b == fault.Local:
		return "preparing the connection"
	case !r.facts.connectedTCP && role == fault.Client:
		return "reaching the server"
	}
	if words, ok := moments[s]; ok {
		return words
	}
	return fmt.Sprintf("the %v's part of the handshake", role)
}

var moments = map[fault.State]string{
	fault.Start:            "opening the handshake",
	fault.WaitSH:           "waiting for the ServerHello",
	fault.WaitSH2:          "waiting for the ServerHello after a HelloRetryRequest",
	fault.WaitEE:           "waiting for the EncryptedExtensions",
	fault.WaitCertCR:       "waiting for the server's Certificate",
	fault.WaitCert:         "waiting for the Certificate",
	fault.WaitCV:           "waiting for the CertificateVerify",
	fault.Verifying:        "judging the certificate",
	fault.WaitFinished:     "waiting for the Finished",
	fault.WaitStatusSKE:    "waiting for the OCSP answer or the ServerKeyExchange",
	fault.WaitSKE:          "waiting for the ServerKeyExchange",
	fault.WaitCRSHD:        "waiting for the ServerHelloDone",
	fault.WaitSHD:          "waiting for the ServerHelloDone",
	fault.WaitStatusCRSHD:  "waiting for the OCSP answer or the ServerHelloDone",
	fault.WaitSKESHD:       "waiting for the ServerKeyExchange or the ServerHelloDone",
	fault.WaitStatusSKESHD: "waiting for the OCSP answer, the ServerKeyExchange or the ServerHelloDone",
	fault.WaitPSKSKE:       "waiting for the ServerKeyExchange",
	fault.WaitPSKSKESHD:    "waiting for the ServerKeyExchange or the ServerHelloDone",
	fault.WaitPSKSHD:       "waiting for the ServerHelloDone",
	fault.ChoosingCert:     "choosing a certificate for the client",
	fault.Recalling:        "looking for a session of this server",
	fault.Judging:          "judging the certificate of the session that is to be resumed",
	fault.Resuming:         "looking up the session that the client offers",
	fault.Guarding:         "asking whether the 0-RTT data is a replay",
	fault.WaitEOED:         "waiting for the EndOfEarlyData",
	fault.WaitCKECV:        "waiting for the ClientKeyExchange",
	fault.Decrypting:       "decrypting the premaster secret",
	fault.DecryptingCV:     "decrypting the premaster secret",
	fault.WaitNST:          "waiting for the NewSessionTicket",
	fault.Keeping:          "keeping the session for the next time",
	fault.Renewing:         "sealing a new ticket for the session",
	fault.Renegotiating:    "the renegotiation",
	fault.Failed:           "the connection, which has failed",
	fault.WaitCCS:          "waiting for the ChangeCipherSpec",
	fault.WaitCH:           "waiting for the ClientHello",
	fault.Choosing:         "choosing how to answer the ClientHello",
	fault.WaitCH2:          "waiting for the second ClientHello",
	fault.WaitCKE:          "waiting for the ClientKeyExchange",
	fault.Signing:          "signing the handshake",
	fault.PostChoosing:     "choosing a certificate, after the handshake",
	fault.PostSigning:      "signing the answer to the server's request, after the handshake",
	fault.PostWaitCV:       "waiting for the CertificateVerify, after the handshake",
	fault.PostVerifying:    "judging the certificate, after the handshake",
	fault.PostWaitFinished: "waiting for the Finished, after the handshake",
	fault.Connected:        "the connection, after the handshake",
}
