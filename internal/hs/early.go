package hs

import (
	"slices"
	"time"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/keys"
	"github.com/handclasp/handclasp/internal/suite"
	"github.com/handclasp/handclasp/internal/wire"
	"github.com/handclasp/handclasp/session"
)

// 0-RTT (RFC 9846, Sections 2.3 and 4.3.10): the client protects data with the key
// of a session and sends it behind its first hello; the server takes all of it or
// drops all of it. It has no forward secrecy and may be replayed, so both sides
// have to ask for it, and the server asks its guard each time.

// earlyTraffic is the key of 0-RTT data, besides which there is an exporter; the
// transcript is the first ClientHello.
func (c *core) earlyTraffic(p *psk, s *suite.Suite) (keys.Secret, error) {
	stage := keys.NewEarly(p.hash, p.secret)
	defer stage.Wipe()
	th := c.transcript.With(p.hash, nil)
	secret, exporter := stage.ClientEarlyTraffic(th), stage.EarlyExporter(th)
	defer exporter.Wipe()
	c.Layer.EarlyExporter(newExporter(p.hash, exporter))
	err := c.born(keys.LogClientEarlyTraffic, secret, flow.Secret{Derived: "Early Secret", Suite: s.ID,
		Protects: "what the client sends in 0-RTT, before the server has answered", Writer: fault.Client, Epoch: flow.Early})
	if err == nil {
		err = c.born(keys.LogEarlyExporter, exporter, flow.Secret{Derived: "Early Secret", Suite: s.ID,
			Protects: "keys for other protocols, by ExportEarlyKeyingMaterial", Epoch: flow.Early})
	}
	return secret, err
}

// The client's half.

// offerEarly puts early_data into the hello if the session that is offered first
// lets us send any; else it says why not.
func (c *client) offerEarly() {
	if !c.cfg.EarlyData {
		return
	}
	why := c.notEarly()
	c.info.EarlyData = flow.EarlyData{Reason: why}
	if why != "" {
		c.tellEarly(fault.Client, "", why)
		return
	}
	c.early = c.offers[0]
	c.info.EarlyData = flow.EarlyData{State: flow.EarlyOffered, Max: c.early.session.MaxEarlyData, ALPN: c.early.session.ALPN}
	c.hello.Extensions.Add(iana.ExtEarlyData)
	c.tellEarly(fault.Client, "offered", "The session allows it: what is sent before the server has answered saves a round trip, and may be replayed.")
}

// notEarly says why no 0-RTT data can go with our hello; "" if it can.
func (c *client) notEarly() string {
	if len(c.offers) == 0 || c.offers[0].session == nil {
		return "There is no session to resume."
	}
	s := c.offers[0].session
	switch {
	case s.MaxEarlyData == 0:
		return "The server does not take 0-RTT data with this session."
	case s.ALPN == "" && len(c.params.ALPN) > 0, s.ALPN != "" && !slices.Contains(c.params.ALPN, s.ALPN):
		return "The session spoke another application protocol than we offer."
	case c.NoEarly:
		return "There was none when the handshake began."
	}
	return ""
}

// startEarly goes over to the key of 0-RTT data once the first hello is out. In
// compatibility mode a ChangeCipherSpec stands between (RFC 9846, Appendix E.4).
func (c *client) startEarly() error {
	if c.early == nil {
		return nil
	}
	with := suite.ByID(c.early.session.CipherSuite)
	secret, err := c.earlyTraffic(&c.early.psk, with)
	if err != nil {
		return err
	}
	c.compat()
	return c.Layer.SetWrite(flow.Early, with, secret)
}

// earlyRefused notes that what we sent, or still would, is dropped.
func (c *client) earlyRefused(reason string) {
	if c.info.EarlyData.State == flow.EarlyOffered {
		c.info.EarlyData = flow.EarlyData{State: flow.EarlyRejected, Reason: reason}
		c.Layer.EarlyExporter(nil) // of which the server has none
		c.tellEarly(fault.Server, "", reason)
	}
}

// retryEarly: a HelloRetryRequest refuses early data, and our second hello is in
// the clear again and may not offer any (RFC 9846, Section 4.2.2).
func (c *client) retryEarly() {
	if c.early != nil {
		c.earlyRefused("The server asked for a second ClientHello, which rules out 0-RTT.")
		c.hello.Extensions.Remove(iana.ExtEarlyData)
		c.Layer.ClearWrite()
	}
}

// answeredEarly takes the server's answer in EncryptedExtensions. What it accepts
// belongs to the first identity, its suite and its protocol (RFC 9846, Sections
// 4.3.10 and 4.3.11).
func (c *client) answeredEarly(accepted bool) error {
	if c.early == nil {
		return nil
	}
	s := c.early.session
	switch {
	case !accepted && c.info.EarlyData.State == flow.EarlyOffered:
		c.earlyRefused("The server turned it down without a reason.")
		return c.Layer.SetWrite(flow.Handshake, c.suite, c.traffic.client)
	case !accepted:
		return nil
	case c.preshared != &c.early.psk:
		return fault.EarlyDataOther.In("early_data").Saw("another session than the first, or none", "")
	case c.suite.ID != s.CipherSuite:
		return fault.EarlyDataOther.In("cipher_suite").Saw(c.suite.ID, s.CipherSuite)
	case c.info.ALPN != s.ALPN:
		return fault.EarlyDataOther.In("application_layer_protocol_negotiation").Saw(fault.Quote([]byte(c.info.ALPN)), fault.Quote([]byte(s.ALPN)))
	}
	c.info.EarlyData.State = flow.EarlyAccepted
	c.tellEarly(fault.Server, "accepted", "It takes what we send before its answer.")
	return nil
}

// endEarly says that no more 0-RTT data follows, and goes over to the handshake's
// key (RFC 9846, Section 4.6).
func (c *client) endEarly() error {
	if c.info.EarlyData.State != flow.EarlyAccepted {
		return nil
	}
	if _, err := c.send(new(wire.EndOfEarlyData), flow.Early); err != nil {
		return err
	}
	return c.Layer.SetWrite(flow.Handshake, c.suite, c.traffic.client)
}

// The server's half.

// weighEarly decides about the 0-RTT data that the client announces: by what we
// know ourselves, and else the guard is asked.
func (s *server) weighEarly() (fault.State, error) {
	if !s.hello.Extensions.Has(iana.ExtEarlyData) {
		return s.negotiate13()
	}
	if why := s.notEarly(); why != "" {
		s.refuseEarly(why)
		return s.negotiate13()
	}
	st := s.found.state
	age := time.Duration(s.hello.PSKIdentities[0].TicketAge-st.AgeAdd) * time.Millisecond
	s.waitFor(flow.NewReplayAsk(s.cfg.Guard, session.Use{
		Unique: st.Unique, Binder: s.hello.PSKBinders[0], TicketIssued: st.Issued, Age: age, Lifetime: st.Lifetime,
	}, s.guarded))
	return fault.Guarding, nil
}

// notEarly says why 0-RTT data is not taken, whoever sends it; "" if the guard is
// to be asked.
func (s *server) notEarly() string {
	switch {
	case s.cfg.EarlyData == 0:
		return "This server takes none."
	case s.found == nil:
		return "No session is resumed."
	case s.info.Retried:
		return "A HelloRetryRequest was needed."
	case s.found.state == nil:
		return "It comes with an external key."
	case s.found.at != 0:
		return "It belongs to another session than the one that is resumed."
	case s.found.state.MaxEarlyData == 0:
		return "The ticket does not allow any."
	case s.found.state.MaxEarlyData > s.cfg.EarlyData:
		return "The ticket allows more than this server takes now."
	case s.found.state.CipherSuite != s.suite.ID:
		return "The session had another cipher suite, " + s.found.state.CipherSuite.String() + "."
	case s.found.state.ALPN != s.info.ALPN:
		return "The session spoke another application protocol."
	}
	return ""
}

// guarded receives the guard's answer.
func (s *server) guarded(r session.Refusal, err error) {
	if !asks[*flow.ReplayAsk](&s.core) {
		return // the machine failed meanwhile, or was answered before
	}
	s.ask, s.replay, s.refusal = nil, r, err
	s.Layer.Answered(s.step(answer, nil))
}

// weighed goes on by what the guard says.
func (s *server) weighed([]byte) (fault.State, error) {
	if s.refusal != nil {
		s.trouble(fault.ReplayStore.Because(s.refusal))
	}
	if s.refusal != nil || s.replay != session.Accepted {
		why := s.replay.String()
		if s.refusal != nil {
			why = "the guard gave no answer"
		}
		s.refuseEarly("It may be a replay: " + why + ".")
		return s.negotiate13()
	}
	var err error
	if s.early, err = s.earlyTraffic(&s.found.psk, s.suite); err != nil {
		return 0, err
	}
	s.info.EarlyData = flow.EarlyData{State: flow.EarlyAccepted, Max: s.found.state.MaxEarlyData, ALPN: s.found.state.ALPN}
	s.tellEarly(fault.Server, "accepted", "The session allows it, and no such hello was seen before.")
	return s.negotiate13()
}

func (s *server) refuseEarly(why string) {
	s.info.EarlyData = flow.EarlyData{State: flow.EarlyRejected, Reason: why}
	s.tellEarly(fault.Server, "", why)
}

// readClient switches to the keys that the client writes with next: those of 0-RTT,
// or of the handshake, behind which refused early data may still come.
func (s *server) readClient() error {
	if s.info.EarlyData.State == flow.EarlyAccepted {
		return s.Layer.SetRead(flow.Early, s.suite, s.early)
	}
	if s.hello.Extensions.Has(iana.ExtEarlyData) {
		s.Layer.SkipEarlyData(flow.Handshake, s.cfg.EarlyData)
	}
	return s.Layer.SetRead(flow.Handshake, s.suite, s.traffic.client)
}

// endOfEarlyData goes over to the handshake's keys (RFC 9846, Section 4.6).
func (s *server) endOfEarlyData(msg []byte) (fault.State, error) {
	if err := s.coder.Decode(msg, new(wire.EndOfEarlyData)); err != nil {
		return 0, err
	}
	s.transcript.Write(msg)
	return fault.WaitFinished, s.Layer.SetRead(flow.Handshake, s.suite, s.traffic.client)
}

// tellEarly says what becomes of 0-RTT data.
func (c *core) tellEarly(by fault.Role, chosen, reason string) {
	c.decided(func() flow.Decision {
		return flow.Decision{What: "early_data", By: by, Chosen: chosen, Reason: reason}
	})
}
