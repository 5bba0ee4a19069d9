package hs

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"fmt"
	"slices"
	"strings"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/cert"
	"github.com/handclasp/handclasp/internal/keys"
	"github.com/handclasp/handclasp/internal/suite"
	"github.com/handclasp/handclasp/internal/wire"
	"github.com/handclasp/handclasp/session"
)

// How a server resumes: it opens what the client offers, takes the first that a
// full handshake under today's configuration would let in, and judges the
// client's certificate anew.

// A found is a pre-shared key of the client that the server can go on with.
type found struct {
	psk
	at    int            // selected_identity
	state *session.State // nil if the key is external
}

// resume asks what the client's tickets hold, if it offers any that could be
// ours.
func (s *server) resume() (fault.State, error) {
	if s.cfg.Tickets == nil || !s.hello.Extensions.Has(iana.ExtPreSharedKey) {
		return s.pick(nil)
	}
	ids := s.identities()
	tickets := make([][]byte, len(ids))
	for i := range ids {
		tickets[i] = ids[i].Identity
	}
	s.waitFor(flow.NewResumeAsk(flow.ResumeAsk{Tickets: s.cfg.Tickets, Offered: tickets}, s.opened))
	return fault.Resuming, nil
}

// identities are those of the client's that are looked at: opening a ticket may be
// slow, and the client need not have shown anything yet.
func (s *server) identities() []wire.PSKIdentity {
	if !s.hello.Extensions.Has(iana.ExtPreSharedKey) {
		return nil
	}
	return s.hello.PSKIdentities[:min(len(s.hello.PSKIdentities), s.Limits.Identities)]
}

// opened receives what the tickets hold.
func (s *server) opened(states []*session.State, err error) {
	if !asks[*flow.ResumeAsk](&s.core) {
		return // the machine failed meanwhile, or was answered before
	}
	s.ask, s.states, s.refusal = nil, states, err
	s.Layer.Answered(s.step(answer, nil))
}

// resumed goes on with what the tickets hold.
func (s *server) resumed([]byte) (fault.State, error) {
	if s.refusal != nil {
		s.trouble(fault.TicketOpen.Because(s.refusal))
	}
	states := s.states
	s.states = nil
	if s.info.Version < iana.TLS13 {
		return s.pick12(states)
	}
	return s.pick(states)
}

// pick takes the first identity that fits, and asks whether its client would be
// let in today.
func (s *server) pick(states []*session.State) (fault.State, error) {
	err := s.choosePSK(states)
	for _, st := range states {
		if st != nil && (s.found == nil || s.found.state != st) {
			st.Wipe()
		}
	}
	if err != nil {
		return 0, err
	}
	if s.found == nil || s.found.external || s.cfg.ClientAuth == config.NoClientCert || s.waits() && len(s.chain) == 0 {
		return s.settle13()
	}
	s.waitFor(flow.NewVerifyAsk(flow.VerifyAsk{Of: fault.Client, Resume: true, Server: s.cfg, Chain: s.chain}, s.judged))
	return fault.Judging, nil
}

// rejudged goes on with a client that would be let in today, and with a full
// handshake otherwise.
func (s *server) rejudged([]byte) (fault.State, error) {
	if s.info.Version < iana.TLS13 {
		return s.rejudged12()
	}
	if s.refusal != nil || s.verdict == nil {
		s.decline("today the client's certificate would be refused")
		return s.settle13()
	}
	if len(s.chain) > 0 {
		s.info.Peer = s.verdict
	}
	s.evidence.chain = s.verdict
	return s.settle13()
}

// decline forgets the key that was found.
func (s *server) decline(why string) {
	s.tellPSK("", "The session is not resumed: "+why+".")
	s.found.secret.Wipe()
	s.found, s.chain = nil, nil
	s.evidence = evidence{}
	s.info.Peer = nil
}

// choosePSK takes the first identity of the client that fits, and checks its
// binder, which alone is looked at (RFC 9846, Section 4.3.11).
func (s *server) choosePSK(states []*session.State) error {
	var passed []string
	for i, id := range s.identities() {
		f, why := s.external(id.Identity)
		if f == nil && why == "" && states != nil {
			f, why = s.ofState(states[i])
		}
		if f == nil {
			passed = append(passed, fmt.Sprintf("number %d: %s", i+1, cmp.Or(why, "unknown")))
			continue
		}
		f.identity, f.at = id.Identity, i
		if err := s.checkBinder(f); err != nil {
			return err
		}
		s.found = f
		s.tellPSK(f.name(), strings.Join(append([]string{"It is the first that fits"}, passed...), "; ")+".")
		return nil
	}
	if len(passed) > 0 {
		s.tellPSK("", "None fits, so there is a full handshake; "+strings.Join(passed, "; ")+".")
	}
	return nil
}

// external is the key that was provisioned under identity; if there is one and it
// does not fit, why.
func (s *server) external(identity []byte) (*found, string) {
	i := slices.IndexFunc(s.cfg.PSKs, func(p config.PSK) bool { return bytes.Equal(p.Identity, identity) })
	if i < 0 {
		return nil, ""
	}
	p := &s.cfg.PSKs[i]
	if s.cfg.ClientAuth.Requires() {
		return nil, "a key that we know, but a certificate is required of clients"
	}
	if why := s.unusable(psk{hash: p.KDF()}); why != "" {
		return nil, why
	}
	return &found{psk: psk{secret: slices.Clone(p.Key), hash: p.KDF(), external: true, imported: p.Imported()}}, ""
}

// ofState is the key of a ticket, or why it does not fit.
func (s *server) ofState(st *session.State) (*found, string) {
	if st == nil {
		return nil, "no ticket of ours, or too old"
	}
	with := suite.ByID(st.CipherSuite)
	if why := s.misses(st, with); why != "" {
		return nil, why
	}
	f := &found{psk: psk{secret: st.Secret, hash: with.Hash}, state: st}
	if why := s.unusable(f.psk); why != "" {
		return nil, why
	}
	if err := s.readPeer(st); err != nil {
		return nil, "a ticket, but the client's certificates can't be read"
	}
	return f, ""
}

// misses says what a session of any version lacks; "" if nothing. Its cipher suite
// is with.
func (s *server) misses(st *session.State, with *suite.Suite) string {
	switch {
	case st.Version != s.info.Version:
		return "a session of " + st.Version.String()
	case with == nil || !with.For(st.Version) || len(st.Secret) != secretLen(st.Version, with):
		return "a session with a cipher suite that we don't know"
	case !st.Fresh(s.now(s.cfg.Time)):
		return "a session that is too old"
	case st.ServerName != s.info.ServerName:
		return "a session for another server name"
	}
	if why := s.widens(st, with); why != "" {
		return "a session, but " + why
	}
	return ""
}

// readPeer takes the client's chain from a session.
func (s *server) readPeer(st *session.State) (err error) {
	if len(st.Peer) > 0 {
		s.chain, err = cert.Parse(st.Peer, *s.Limits)
	}
	return err
}

// widens says what a full handshake would ask of the client today that the one
// behind a ticket did not; "" if nothing. Who has a pre-shared key of TLS 1.2 or below
// is never asked, and gets in only where no certificate is required; who can be asked
// later is not asked now.
func (s *server) widens(st *session.State, with *suite.Suite) string {
	now, then := s.cfg.ClientAuth, config.ClientAuthType(st.ClientAuth)
	switch {
	case with.Exchange.PreShared() && now.Requires():
		return "its pre-shared key stood for the client, and now a certificate is required"
	case with.Exchange.PreShared(), s.waits() && len(st.Peer) == 0:
		return ""
	case now == config.NoClientCert && len(st.Peer) > 0:
		return "the client showed a certificate then, and none is asked for now"
	case now != config.NoClientCert && then == config.NoClientCert:
		return "the client was not asked for a certificate then"
	case now.Requires() && len(st.Peer) == 0:
		return "the client showed no certificate then, and now one is required"
	case len(st.Peer) > 0 && !slices.Contains(s.clientSchemes(), st.ClientScheme):
		return "the client signed with " + st.ClientScheme.String() + ", which is not accepted now"
	}
	return ""
}

// askedBy is the policy by which this client was asked for a certificate, and that a
// ticket is bound to: it was not if we wait with that, now or in the handshake that
// is resumed.
func (s *server) askedBy() config.ClientAuthType {
	unasked := s.waits()
	if s.found != nil {
		unasked = config.ClientAuthType(s.found.state.ClientAuth) == config.NoClientCert
	}
	if unasked {
		return config.NoClientCert
	}
	return s.cfg.ClientAuth
}

// clientSchemes are what clients may sign with.
func (s *server) clientSchemes() []iana.SignatureScheme {
	if s.info.Version < iana.TLS12 {
		return implied
	}
	return s.params.Schemes
}

// unusable says why a key can't go with this hello; "" if it can.
func (s *server) unusable(p psk) string {
	if len(s.suitesFor(p.hash)) == 0 {
		return "no common cipher suite has its hash, " + p.hash.String()
	}
	if !s.withDHE() && !(s.cfg.AllowPSKWithoutDHE && s.hello.PSKModes.Has(wire.PSKOnly)) {
		return "no common way to use it (psk_key_exchange_modes)"
	}
	return ""
}

// suitesFor are those of ours that the client offers and that have hash h; after
// a HelloRetryRequest the one that it named.
func (s *server) suitesFor(h keys.Hash) (ids []iana.CipherSuite) {
	for _, id := range s.params.Suites {
		x := suite.ByID(id)
		if x.For(iana.TLS13) && x.Hash == h && s.hello.CipherSuites.Has(id) && (s.retry == nil || s.suite == x) {
			ids = append(ids, id)
		}
	}
	return ids
}

// withDHE reports whether a key can go together with a key exchange, which is
// always preferred.
func (s *server) withDHE() bool {
	return s.hello.PSKModes.Has(wire.PSKDHE) && slices.ContainsFunc(s.params.Groups, s.hello.Groups.Has)
}

// checkBinder takes the binder of f as evidence that the client holds the key.
func (s *server) checkBinder(f *found) error {
	partial := s.first[:len(s.first)-s.hello.BindersLen()]
	if !hmac.Equal(s.binder(&f.psk, partial), s.hello.PSKBinders[f.at]) {
		return fault.PSKBinder.In(fmt.Sprintf("pre_shared_key.binders[%d]", f.at))
	}
	s.evidence.psk = &pskHeld{external: f.external}
	s.proven(flow.Proven{What: "binder", Of: fault.Client})
	return nil
}

// again finds the key of the first hello in the second, which may list fewer but,
// since that one goes with the suite, not none (RFC 9846, Section 4.2.2).
func (s *server) again() error {
	f := s.found
	if f == nil {
		return nil
	}
	if !s.hello.Extensions.Has(iana.ExtPreSharedKey) {
		return fault.ExtensionMissing.In("extensions").Saw("", iana.ExtPreSharedKey)
	}
	f.at = slices.IndexFunc(s.identities(), func(id wire.PSKIdentity) bool { return bytes.Equal(id.Identity, f.identity) })
	if f.at < 0 {
		return fault.SecondHelloChanged.In("pre_shared_key.identities")
	}
	return s.checkBinder(f)
}

func (s *server) tellPSK(chosen, reason string) {
	s.decided(func() flow.Decision {
		d := flow.Decision{What: "session", By: fault.Server, Chosen: chosen, Reason: reason}
		for i := range s.identities() {
			d.Offered = append(d.Offered, fmt.Sprintf("number %d", i+1))
		}
		if chosen != "" { // only that one's name is known
			d.Offered[s.found.at] = chosen
		}
		return d
	})
}

// carry takes over from the session what a full handshake would have settled.
func (s *server) carry() {
	s.takes(&s.found.psk)
	if st := s.found.state; st != nil {
		s.info.SignatureScheme, s.info.ClientScheme = st.SignatureScheme, st.ClientScheme
	}
}
