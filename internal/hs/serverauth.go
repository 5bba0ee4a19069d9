package hs

import (
	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/internal/cert"
)

// How a server finds out who the client is, in both versions: it asks, looks at
// what it is shown, checks the signature, and wants a verdict. The messages
// differ, and stand with their version.

// asksClient reports whether the client is asked for a certificate in the
// handshake. Where a pre-shared key of TLS 1.2 proves both sides, nobody is (RFC
// 4279, Section 2).
func (s *server) asksClient() bool {
	return s.cfg.ClientAuth != config.NoClientCert && !s.suite.Exchange.PreShared() && !s.waits()
}

// waits reports whether this client is not asked before the application wants to
// know.
func (s *server) waits() bool { return s.cfg.AskLater && s.offersLater() }

// shown takes the client's chain, which may be empty if the policy lets that
// pass. It is judged once the client has proven that it holds the key.
func (s *server) shown(raw [][]byte, missing *fault.Rule) error {
	if len(raw) == 0 {
		if s.cfg.ClientAuth.Requires() {
			return missing.In("certificate_list").Saw("an empty list", "a certificate, as ClientAuth is "+s.cfg.ClientAuth.String())
		}
		return nil
	}
	var err error
	s.chain, err = cert.Parse(raw, *s.Limits)
	return err
}

// askVerdict asks whether to believe the client's chain, or to go on without
// one.
func (s *server) askVerdict() fault.State {
	s.waitFor(flow.NewVerifyAsk(flow.VerifyAsk{Of: fault.Client, Server: s.cfg, Chain: s.chain}, s.judged))
	return fault.Verifying
}

// judged receives the verdict.
func (s *server) judged(v *flow.Verdict, err error) {
	if !asks[*flow.VerifyAsk](&s.core) {
		return // the machine failed meanwhile, or was answered before
	}
	s.ask, s.verdict, s.refusal = nil, v, err
	s.Layer.Answered(s.step(answer, nil))
}

// takeVerdict takes the answer as evidence, or refuses the client. On nothing
// shown there is a verdict and nobody whom it speaks of.
func (s *server) takeVerdict() error {
	if len(s.chain) > 0 {
		s.info.Peer = s.verdict
	}
	if s.refusal != nil {
		return fault.Wrap(s.refusal, fault.CertRefused)
	}
	s.evidence.chain = s.verdict
	if len(s.chain) > 0 {
		s.proven(flow.Proven{What: "certificate", Of: fault.Client, Verdict: s.verdict})
	}
	return nil
}

// demand is what CONNECTED costs the client.
func (s *server) demand() demand {
	switch {
	case s.found != nil && (s.found.external || !s.asksClient()):
		return demandPSK
	case !s.asksClient():
		return demandFinished
	case len(s.chain) == 0 && !s.cfg.ClientAuth.Requires():
		return demandVerdict
	}
	return demandIdentity
}
