package hs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/kex"
	"github.com/handclasp/handclasp/internal/keys"
	"github.com/handclasp/handclasp/internal/suite"
	"github.com/handclasp/handclasp/internal/wire"
	"github.com/handclasp/handclasp/session"
)

// How a server resumes in TLS 1.2 and below: by a ticket that the client keeps
// (RFC 5077), or by a session ID under which it stored the session itself (RFC
// 5246, Section 7.3). As in TLS 1.3 nothing is resumed that a full handshake
// would refuse today. The client has proved nothing before its Finished.

// resume12 asks what the client's ticket holds, or what is stored under its
// session ID; a client with a ticket made its ID up (RFC 5077, Section 3.4).
func (s *server) resume12() (fault.State, error) {
	ticket := s.hello.Extensions.Has(iana.ExtSessionTicket) && len(s.hello.Ticket) > 0
	switch {
	case ticket && s.cfg.Tickets != nil:
		s.waitFor(flow.NewResumeAsk(flow.ResumeAsk{Tickets: s.cfg.Tickets, Offered: [][]byte{s.hello.Ticket}}, s.opened))
	case !ticket && len(s.hello.SessionID) > 0 && s.cfg.SessionCache != nil:
		s.waitFor(flow.NewResumeAsk(flow.ResumeAsk{Cache: s.cfg.SessionCache, ID: s.hello.SessionID}, s.opened))
	default:
		return s.full12()
	}
	return fault.Resuming, nil
}

// pick12 looks whether the session fits, and asks whether its client would be let
// in today.
func (s *server) pick12(states []*session.State) (fault.State, error) {
	var st *session.State
	if len(states) > 0 {
		st = states[0]
	}
	why, err := s.take12(st)
	if st != nil && s.found == nil {
		st.Wipe()
	}
	if err != nil {
		return 0, err
	}
	if why != "" {
		s.tellOld("", "It does not fit, so there is a full handshake: "+why+".")
		return s.full12()
	}
	if s.cfg.ClientAuth == config.NoClientCert || s.suite.Exchange.PreShared() {
		return s.keepOn()
	}
	s.waitFor(flow.NewVerifyAsk(flow.VerifyAsk{Of: fault.Client, Resume: true, Server: s.cfg, Chain: s.chain}, s.judged))
	return fault.Judging, nil
}

// take12 takes the session, or says why it does not fit.
func (s *server) take12(st *session.State) (why string, err error) {
	if st == nil {
		return "no session of ours, or too old", nil
	}
	with := suite.ByID(st.CipherSuite)
	if why := s.misses(st, with); why != "" {
		return why, nil
	}
	h := &s.hello
	ems := h.Extensions.Has(iana.ExtExtendedMasterSecret)
	key := s.pskOf(st.PSK)
	switch x := with.Exchange; {
	case !slices.Contains(s.params.Suites, st.CipherSuite) || !h.CipherSuites.Has(st.CipherSuite):
		return "a session with " + st.CipherSuite.String() + ", which is not common now", nil
	case st.ExtendedMasterSecret && !ems:
		return "", fault.SessionEMSMissing.In("extensions")
	case ems && !st.ExtendedMasterSecret:
		return "a session without extended_master_secret", nil
	case (x.Curve() || x.Finite()) && !slices.Contains(s.params.Groups, st.Group):
		return "a session with " + st.Group.String() + ", which is not accepted now", nil
	case st.MaxFragment != s.fragmentOf(h):
		return "a session with another max_fragment_length", nil
	case x.PreShared() && key == nil:
		return "a session with a pre-shared key that is not known now", nil
	}
	if err := s.readPeer(st); err != nil {
		return "a session, but the client's certificates can't be read", nil
	}
	s.suite, s.found = with, &found{state: st}
	if key != nil {
		s.info.PSKIdentity = bytes.Clone(key.Identity)
	}
	return "", nil
}

// fragmentOf is the max_fragment_length that a hello leads to.
func (s *server) fragmentOf(h *wire.ClientHello) uint8 {
	if h.Extensions.Has(iana.ExtRecordSizeLimit) || !h.Extensions.Has(iana.ExtMaxFragmentLength) {
		return 0
	}
	return h.MaxFragment
}

// digest names a pre-shared key.
func digest(p *config.PSK) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(len(p.Identity)))
	sum := sha256.Sum256(slices.Concat(b, p.Identity, p.Key))
	return sum[:]
}

// pskOf is the key of the configuration that d names, or nil.
func (s *server) pskOf(d []byte) *config.PSK {
	i := slices.IndexFunc(s.cfg.PSKs, func(p config.PSK) bool { return bytes.Equal(digest(&p), d) })
	if i < 0 {
		return nil
	}
	return &s.cfg.PSKs[i]
}

func (s *server) tellOld(chosen, reason string) {
	s.decided(func() flow.Decision {
		d := flow.Decision{What: "session", By: fault.Server, Chosen: chosen, Offered: []string{"session ID"}, Reason: reason}
		if len(s.hello.Ticket) > 0 {
			d.Offered[0] = "session ticket"
		}
		return d
	})
}

// rejudged12 goes on with a client that would be let in today, and with a full
// handshake otherwise.
func (s *server) rejudged12() (fault.State, error) {
	if s.refusal != nil || s.verdict == nil {
		s.tellOld("", "The session is not resumed: today the client's certificate would be refused.")
		s.found.state.Wipe()
		s.found, s.chain, s.suite = nil, nil, nil
		return s.full12()
	}
	if len(s.chain) > 0 {
		s.info.Peer = s.verdict
	}
	s.evidence.chain = s.verdict
	return s.keepOn()
}

// keepOn resumes, and has the session sealed anew before if the client can have
// another ticket: one ticket, shown again and again, would link its connections.
func (s *server) keepOn() (fault.State, error) {
	st := s.found.state
	s.table = &server12
	s.info.Resumed = true
	s.info.CipherSuite, s.info.Group = s.suite.ID, st.Group
	s.info.SignatureScheme, s.info.ClientScheme = st.SignatureScheme, st.ClientScheme
	if s.suite.Exchange.Finite() {
		s.info.DHBits = kex.ParamsOf(st.Group).Bits()
	}
	s.evidence.psk = &pskHeld{}
	s.tellOldSuite(&s.hello)
	s.tellOld(s.oldName(), "It fits, so nobody shows a certificate, and there is no key exchange.")
	if len(s.hello.Ticket) == 0 {
		s.regret = &dropCached{s.cfg.SessionCache, bytes.Clone(s.hello.SessionID)}
	}
	if err := s.settleALPN(); err != nil {
		return 0, err
	}
	if life := s.givesTicket(); life > 0 {
		next := *st
		next.Secret, next.Issued, next.Lifetime = slices.Clone(st.Secret), s.now(s.cfg.Time), life
		return s.keep12(&next)
	}
	return s.resume12With(nil)
}

func (s *server) oldName() string {
	if len(s.hello.Ticket) > 0 {
		return "session ticket"
	}
	return "session ID"
}

// givesTicket is how long a ticket would serve that the client is given in this
// handshake; 0 if it gets none.
func (s *server) givesTicket() time.Duration {
	n, life := s.cfg.TicketPlan()
	if n == 0 || !s.hello.Extensions.Has(iana.ExtSessionTicket) {
		return 0
	}
	if s.found != nil {
		life = min(life, session.MaxLifetime-s.now(s.cfg.Time).Sub(s.found.state.Began))
	}
	return max(0, life.Truncate(time.Second))
}

// keep12 has st sealed into a ticket, or stored under our session ID.
func (s *server) keep12(st *session.State) (fault.State, error) {
	s.keeping = st
	a := flow.KeepAsk{State: st, Tickets: s.cfg.Tickets}
	if len(s.given) > 0 {
		a.Cache, a.ID = s.cfg.SessionCache, s.given
	}
	s.waitFor(flow.NewKeepAsk(a, s.keptAs))
	if s.found != nil {
		return fault.Renewing, nil
	}
	return fault.Keeping, nil
}

// keptAs receives the ticket.
func (s *server) keptAs(ticket []byte, err error) {
	if !asks[*flow.KeepAsk](&s.core) {
		return // the machine failed meanwhile, or was answered before
	}
	s.ask, s.ticket, s.refusal = nil, ticket, err
	s.Layer.Answered(s.step(answer, nil))
}

// kept12 goes on with the ticket. Without one a server that promised it sends an
// empty one (RFC 5077, Section 3.3).
func (s *server) kept12([]byte) (fault.State, error) {
	if s.refusal != nil {
		s.trouble(fault.TicketSeal.Because(s.refusal))
		s.ticket = nil
	} else if len(s.given) > 0 {
		s.regret = &dropCached{s.cfg.SessionCache, bytes.Clone(s.given)}
	}
	life := s.keeping.Lifetime
	s.keeping.Wipe()
	s.keeping = nil
	m := &wire.NewSessionTicket12{LifetimeHint: uint32(life / time.Second), Ticket: s.ticket}
	if s.found != nil {
		return s.resume12With(m)
	}
	return s.finish12(m)
}

// resume12With sends the whole flight of a resumption, with a ticket if there is
// one.
func (s *server) resume12With(ticket *wire.NewSessionTicket12) (fault.State, error) {
	s.ticketDue = ticket != nil && len(ticket.Ticket) > 0
	s.transcript.Start(s.suite.PRF(s.info.Version))
	if err := s.serverHello12(); err != nil {
		return 0, err
	}
	master := keys.Secret(s.found.state.Secret)
	if err := s.born(keys.LogMaster12, master, flow.Secret{Label: "master_secret", Derived: "session",
		Protects: "nothing itself: all keys of the connection come from it"}); err != nil {
		return 0, err
	}
	if err := s.keys12(master); err != nil {
		return 0, err
	}
	if s.ticketDue {
		if _, err := s.send(ticket, flow.Clear); err != nil {
			return 0, err
		}
	}
	return fault.WaitCCS, s.sendFinished12()
}

// dropCached is the errand of a server whose connection failed that resumed or stored
// a session under an ID (RFC 5246, Section 7.2.2). Nobody can call a ticket back.
type dropCached struct {
	cache *session.Cache
	id    []byte
}

func (e *dropCached) Run(ctx context.Context) error {
	if err := e.cache.Drop(ctx, e.id); err != nil {
		return fault.SessionStore.Because(err)
	}
	return nil
}

// promise12 settles how the client may resume what is a full handshake now: by
// ticket if it can have one, else by ID.
func (s *server) promise12() error {
	if s.givesTicket() > 0 {
		s.ticketDue = true
		return nil
	}
	if s.cfg.SessionCache == nil {
		return nil
	}
	s.given = s.work.sessionID[:]
	return s.random(s.given)
}

// stateOf is what is to be kept of a full handshake.
func (s *server) stateOf() (*session.State, error) {
	_, life := s.cfg.TicketPlan()
	now := s.now(s.cfg.Time)
	st := &session.State{
		Version: s.info.Version, CipherSuite: s.suite.ID, Secret: s.secrets.main.Master(), Began: now, Issued: now, Lifetime: life.Truncate(time.Second),
		ServerName: s.info.ServerName, ALPN: s.info.ALPN, ExtendedMasterSecret: s.info.ExtendedMasterSecret, MaxFragment: s.fragmentOf(&s.hello),
		SignatureScheme: s.info.SignatureScheme, Group: s.info.Group,
		ClientAuth: uint8(s.cfg.ClientAuth), ClientScheme: s.info.ClientScheme, PSK: s.pskDigest,
	}
	for _, x := range s.chain {
		st.Peer = append(st.Peer, x.Raw)
	}
	return st, s.random(st.Unique[:])
}
