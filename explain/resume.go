package explain

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/keys"
	"github.com/handclasp/handclasp/internal/wire"
)

// What a connection has from before: sessions of all versions, tickets, and keys
// that both sides were given beforehand.

// A preShared is a pre-shared key in a hello of TLS 1.3.
type preShared struct {
	external bool // both sides were given it, and it comes from no ticket
	what     string
	hash     string // escaped
}

// sessions tells what the hello says of earlier connections and of later ones.
func (r *Recorder) sessions(s *Step, m *wire.ClientHello) {
	r.sessionID(s, m)
	switch {
	case len(m.Ticket) > 0:
		s.fact("offers", "session_ticket", "session ticket", "a ticket of "+size(m.Ticket)).Note = "The client can't read it: the server sealed in it what it needs to go on with the session, the master secret above all (RFC 5077). The same ticket shown twice tells who watches that it is the same client."
	case m.Extensions.Has(iana.ExtSessionTicket):
		s.fact("asks for", "session_ticket", "session ticket", "one for the next time (TLS 1.2 and below)")
	}
	r.preShared(s, m)
	if !r.facts.connected {
		r.facts.sessionID, r.facts.ticket = m.SessionID, len(m.Ticket) > 0
		r.facts.keeps = m.Extensions.Has(iana.ExtPSKKeyExchangeModes) || m.Extensions.Has(iana.ExtSessionTicket)
	}
}

func (r *Recorder) sessionID(s *Step, m *wire.ClientHello) {
	n := len(m.SessionID)
	if n == 0 {
		return
	}
	f := s.fact("carries", "legacy_session_id", "session ID", count(n, "byte"))
	recalled := r.decided("session", fault.Client)
	switch {
	case len(m.Ticket) > 0:
		f.Note = "The client has made it up: a server that takes the ticket repeats it (RFC 5077, Section 3.4)."
	case recalled != nil && recalled.Chosen == "session ID", !slices.Contains(offered(m), iana.TLS13):
		f.Note = "It names an earlier session, which the client would like to resume."
	default:
		f.Note = "In TLS 1.3 it stands for nothing: it makes the hello look like TLS 1.2 to devices on the path (middlebox compatibility mode)."
	}
}

// preShared tells of pre_shared_key and what belongs to it (RFC 9846, Sections
// 4.3.9 and 4.3.11).
func (r *Recorder) preShared(s *Step, m *wire.ClientHello) {
	r.facts.offered = nil
	if m.Extensions.Has(iana.ExtPSKKeyExchangeModes) {
		s.fact("offers", "psk_key_exchange_modes", "psk modes", pskModes(m)...).Note = modes(m)
	}
	if len(m.PSKIdentities) == 0 {
		return
	}
	var identities, ages, binders []string
	var external, ticket bool
	for i, id := range m.PSKIdentities {
		p := preShared{external: id.TicketAge == 0, what: "a ticket of " + size(id.Identity)}
		if i < len(m.PSKBinders) {
			p.hash = hashOfSize(len(m.PSKBinders[i]))
			binders = append(binders, fmt.Sprintf("%s (HMAC with %s)", size(m.PSKBinders[i]), p.hash))
		}
		if p.external {
			p.what = "the external key " + escape(fault.Quote(id.Identity))
		} else {
			ages = append(ages, thousands(int(id.TicketAge)))
		}
		external, ticket = external || p.external, ticket || !p.external
		identities = append(identities, p.what)
		r.facts.offered = append(r.facts.offered, p)
	}
	f := s.fact("offers", "pre_shared_key", "pre-shared key", some(identities)...)
	var notes []string
	if ticket {
		notes = append(notes, "A ticket stands for an earlier session. It came from the server, which alone knows what it means; the client knows the pre-shared key that belongs to it.")
	}
	if external {
		notes = append(notes, "An external key was given to both sides beforehand. Its name crosses the wire readable, the key never.")
	}
	f.Note = strings.Join(notes, " ")
	s.fact("carries", "obfuscated_ticket_age", "ticket age", some(ages)...).Note = "For how many milliseconds the client has had the ticket, plus a number that came with the ticket, under encryption. The server takes that off again and sees whether the hello is fresh; to others the age tells nothing."
	s.fact("proves with", "binders", "binder", some(binders)...).Note = binder(external, ticket, r.facts.retried)
}

func pskModes(m *wire.ClientHello) (list []string) {
	for i := range m.PSKModes.Len() {
		list = append(list, m.PSKModes.At(i).String())
	}
	return list
}

func modes(m *wire.ClientHello) string {
	with, alone := m.PSKModes.Has(wire.PSKDHE), m.PSKModes.Has(wire.PSKOnly)
	switch {
	case with && alone:
		return "The client would use a pre-shared key together with fresh key shares (psk_dhe_ke), which has forward secrecy, or alone (psk_ke), which has none. The server chooses."
	case with:
		return "The client would use a pre-shared key only together with fresh key shares, which keeps forward secrecy. To the server this also says what a ticket must be good for."
	case alone:
		return "The client would use a pre-shared key only alone, without fresh key shares, so without forward secrecy."
	}
	return ""
}

// binder says what a binder is (RFC 9846, Section 4.3.11.2).
func binder(external, ticket, retried bool) string {
	label := "“res binder”"
	switch {
	case external && ticket:
		label = "“res binder” or “ext binder” (“imp binder” if it is imported, RFC 9258)"
	case external:
		label = "“ext binder” (“imp binder” if it is imported, RFC 9258)"
	}
	over := "this hello, up to the binders"
	if retried {
		over = "the first hello, the HelloRetryRequest and this hello, up to the binders"
	}
	return fmt.Sprintf("A checksum over %s. Its key comes from the pre-shared key by way of the Early Secret, under the label %s. So the client shows that it has the pre-shared key, and nobody can move what it offers into another hello.", over, label)
}

// hashOfSize names the hash of a binder, whose length alone tells it.
func hashOfSize(n int) string {
	for _, h := range []keys.Hash{keys.SHA256, keys.SHA384} {
		if h.Size() == n {
			return h.String()
		}
	}
	return "a hash of " + count(n, "byte")
}

// takes tells which of the client's keys the server goes on with. The text of a
// ServerHello that takes one is its own.
func (r *Recorder) takes(s *Step, m *wire.ServerHello) {
	f := &r.facts
	at := int(m.SelectedIdentity)
	f.taken = &preShared{what: "a key"}
	if at < len(f.offered) {
		f.taken = &f.offered[at]
	}
	f.resumed = !f.taken.external
	whose := "It is the pre-shared key of an earlier session, which only that session's server and client know."
	if f.taken.external {
		whose = "It was given to both sides beforehand, and nobody else is to know it."
	}
	if m.Extensions.Has(iana.ExtKeyShare) {
		s.say("The server takes a pre-shared key that the client offers, and adds a key share of its own. With both shares, each side can compute the same secret, which never crosses the wire; the keys come from that and from the pre-shared key.")
	} else {
		f.alone = true
		s.say("The server takes a pre-shared key that the client offers, and no key share: the keys come from the pre-shared key alone (psk_ke).")
	}
	s.say("%s So the server need not show a certificate, nor sign anything. This is the last handshake message that is readable for all.", whose)
}

// chosen is the fact beside which the decision about the session stands.
func (s *Step) chosen(f *settled, m *wire.ServerHello) {
	value := fmt.Sprintf("number %d of the client's list", m.SelectedIdentity+1)
	if int(m.SelectedIdentity) < len(f.offered) {
		value += ", " + f.taken.what
	}
	s.fact("sets", "pre_shared_key", "pre-shared key", value)
}

// The abbreviated handshake of TLS 1.2 and below.

// answersSession tells what a ServerHello of TLS 1.2 or below says of an earlier
// session: one whose ID it repeats is resumed (RFC 5246, Section 7.3; RFC 5077,
// Section 3.4).
func (r *Recorder) answersSession(s *Step, m *wire.ServerHello) {
	f := &r.facts
	n := len(m.SessionID)
	f.resumed = n > 0 && slices.Equal(m.SessionID, f.sessionID)
	if !f.resumed {
		s.opens12(f)
		if n > 0 && !f.again {
			f.keptIn = "session ID"
		}
		mine := r.decided("session", fault.Client)
		if f.ticket || mine != nil && mine.Chosen != "" || !f.offers13 && len(f.sessionID) > 0 {
			s.say("It does not take up the session that the client offers, so this is a full handshake.")
		}
		return
	}
	s.say("The server takes up an earlier session: it repeats the session ID of the client's hello. So nobody shows a certificate and nobody makes a key share. Both sides make new keys from the master secret of that session and from the two new randoms, and the handshake is half as long.")
	note := "It names the session that goes on."
	if f.ticket {
		note = "The client has made it up; that it comes back says that the ticket is taken."
	}
	s.fact("confirms", "session_id", "session ID", count(n, "byte")+", the client's own").Note = note
}

// recalled12 is the text for a master secret that is there already.
func (r *Recorder) recalled12(s *Step) {
	kept, thief := "The client has kept it, and the server finds it under the session ID.", "this secret"
	if r.facts.ticket {
		kept, thief = "The client has kept it, and the server finds it in the ticket, which it alone can open.", "this secret, or of the key that the ticket is sealed with,"
	}
	s.say("Both sides computed it in an earlier connection. %s Nobody computes with private keys: that is the time which resumption saves.", kept)
	s.say("Nothing fresh and secret goes into the keys. Who gets hold of %s can read this connection from a recording: there is no forward secrecy, whatever the earlier key exchange was.", thief)
}

// Tickets.

func (r *Recorder) newSessionTicket(s *Step, m *wire.NewSessionTicket) {
	s.say("%s", iana.NewSessionTicket.Meaning())
	s.say("With it belongs a new pre-shared key, which does not cross the wire: each side derives it from the resumption secret, which comes from the Main Secret and the whole handshake up to the client's Finished, and from the ticket's nonce.")
	s.fact("gives", "ticket", "ticket", size(m.Ticket))
	f := s.fact("gives", "ticket_lifetime", "good for", lasting(int(m.Lifetime)))
	if m.Lifetime == 0 {
		f.Note = "It must be thrown away at once."
	}
	s.fact("gives", "ticket_nonce", "nonce", hex.EncodeToString(m.Nonce)).Note = "Each ticket of a connection has another one, and so another key."
	s.fact("gives", "ticket_age_add", "for its age", thousands(int(m.AgeAdd))).Note = "The client adds it to the ticket's age when it shows the ticket, so that nobody else can tell when that was given."
	if m.Extensions.Has(iana.ExtEarlyData) {
		s.fact("allows", "max_early_data_size", "early data", fmt.Sprintf("up to %s (0-RTT)", count(int(m.MaxEarlyData), "byte")))
	}
	r.ignores(s)
	s.others(&m.Extensions, told)
}

func (r *Recorder) newSessionTicket12(s *Step, m *wire.NewSessionTicket12) {
	s.say("%s", iana.NewSessionTicket.Meaning())
	if len(m.Ticket) == 0 {
		s.say("This one is empty: the server has promised a ticket, and has none to give after all.")
		return
	}
	s.say("The server has sealed in it what it needs to go on with this session, the master secret above all, and so need not remember anything itself.")
	if !r.facts.again {
		r.facts.keptIn = "ticket"
		s.say("It crosses the wire before the encryption begins, but only the server can open it. Who gets hold of the key that seals it can read this connection and all that go with the ticket.")
	}
	s.fact("gives", "ticket", "ticket", size(m.Ticket))
	f := s.fact("gives", "ticket_lifetime_hint", "good for", lasting(int(m.LifetimeHint)))
	if m.LifetimeHint == 0 {
		f.Values, f.Note = []string{"unknown"}, "The server does not say for how long."
	}
	r.ignores(s)
}

// ignores tells that our client has no use for a ticket.
func (r *Recorder) ignores(s *Step) {
	if r.role == fault.Client && !r.facts.keeps {
		s.say("This client does not resume sessions, so it ignores the ticket.")
	}
}

// What the summary tells.

// Follows says which story came before: the one of the connection in which the
// session began that this one may resume. The summary then tells what that saved.
func (r *Recorder) Follows(before *Story) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if sum := &before.Summary; sum.Connected {
		r.before = &Full{Sent: sum.Sent, Received: sum.Received, RoundTripsTLS: sum.RoundTripsTLS, Signatures: sum.Signatures}
	}
}

// signatures counts those that the two sides made.
func signatures(steps []*Step) (n int) {
	for _, s := range steps {
		if slices.ContainsFunc(s.Facts, func(f Fact) bool { return f.Name == "signature" }) {
			n++
		}
	}
	return n
}

// decided is the last decision of by that this side has told, or nil.
func (r *Recorder) decided(what string, by fault.Role) *flow.Decision {
	return last(r.choices, what, by)
}

func last(list []flow.Decision, what string, by fault.Role) *flow.Decision {
	for i := len(list) - 1; i >= 0; i-- {
		if d := &list[i]; d.What == what && d.By == by {
			return d
		}
	}
	return nil
}

// verdictOn is the last word on the session or on early data. Why a server
// refuses it knows best itself, if it is ours to ask.
func (r *Recorder) verdictOn(what string) *flow.Decision {
	ours := r.decided(what, fault.Server)
	if ours == nil {
		ours = r.decided(what, fault.Client)
	}
	if theirs := last(r.server, what, fault.Server); theirs != nil && (ours == nil || ours.Chosen == "" || what == "early_data") {
		return theirs
	}
	return ours
}

// becameOf is what the summary tells of a session.
func (r *Recorder) becameOf() string {
	d := r.verdictOn("session")
	switch {
	case d == nil:
		return ""
	case d.Chosen == "":
		return d.Reason
	}
	return d.Chosen + ". " + d.Reason
}
