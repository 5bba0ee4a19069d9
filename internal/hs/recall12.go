package hs

import (
	"bytes"
	"context"
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

// How a client resumes in TLS 1.2 and below: it offers the session's ID (RFC
// 5246, Section 7.3) or ticket (RFC 5077). A server that takes it echoes the
// session ID, which for a ticket is made up, and both sides make new keys from
// the old master secret: nobody shows a certificate, and there is no key
// exchange.

// sessionLife is how long a session serves of which the server does not say it
// (RFC 5246, Appendix F.1.4).
const sessionLife = 24 * time.Hour

// drop has the store forget s.
func (c *client) drop(s *session.Session) flow.Errand {
	e := &dropSession{c.cfg.Sessions, c.sessionKey(), *s}
	e.session.Secret = nil // which is not what s is known by
	return e
}

// unfit12 is unfit for what only sessions of TLS 1.2 and below are bound to: there
// is no new key exchange that could be better than the old one.
func (c *client) unfit12(s *session.Session, with *suite.Suite) string {
	x := with.Exchange
	switch least := kex.LeastBits(c.cfg.MinDHBits); {
	case x.Curve() && !slices.Contains(c.params.Groups, s.Group):
		return "its key exchange used " + s.Group.String() + ", which is not offered now"
	case x.Finite() && int(s.DHBits) < least:
		return "its key exchange used a shorter modulus than is accepted now"
	case s.MaxFragment != 0 && s.MaxFragment != fragmentCode(c.cfg.MaxFragmentLength):
		return "its records have another length than is asked for now"
	case len(s.Ticket) == 0 && len(s.ID) == 0, len(s.ID) > 32:
		return "it is damaged"
	case c.cfg.SessionIDs && len(s.ID) == 0:
		return "it is one by ticket, and this client uses session IDs"
	}
	return ""
}

// signedAs reports whether a server may have signed with x under today's
// configuration.
func (c *client) signedAs(v iana.Version, with *suite.Suite, x iana.SignatureScheme) bool {
	switch {
	case v < iana.TLS13 && !with.Exchange.Signed():
		return x == 0
	case v < iana.TLS12:
		return slices.Contains(implied, x)
	}
	return slices.Contains(c.params.Schemes, x)
}

// offer12 puts the session into the hello, or asks for one.
func (c *client) offer12() error {
	h := &c.hello
	if c.cfg.Sessions == nil || c.past != nil {
		return nil // in a renegotiation the server is to look at us anew
	}
	if !c.cfg.SessionIDs {
		h.Extensions.Add(iana.ExtSessionTicket)
	}
	if c.old == nil {
		return nil
	}
	if s := c.old.session; len(s.Ticket) == 0 {
		h.SessionID = bytes.Clone(s.ID)
	} else {
		h.Ticket = s.Ticket
	}
	if len(h.SessionID) > 0 {
		return nil
	}
	h.SessionID = make([]byte, 32) // its echo tells that the ticket was taken (RFC 5077, Section 3.4)
	return c.random(h.SessionID)
}

// takeOld notes whether the server resumes our session.
func (c *client) takeOld(sh *wire.ServerHello) error {
	if !bytes.Equal(sh.SessionID, c.hello.SessionID) || len(sh.SessionID) == 0 {
		c.given = bytes.Clone(sh.SessionID)
		c.refuseOld()
		return nil
	}
	if c.old == nil {
		return fault.SessionIDUnknown.In("session_id")
	}
	s := c.old.session
	ems := sh.Extensions.Has(iana.ExtExtendedMasterSecret)
	switch {
	case c.info.Version != s.Version:
		return fault.SessionVersion.In("server_version").Saw(c.info.Version, s.Version)
	case sh.CipherSuite != s.CipherSuite:
		return fault.SessionSuite.In("cipher_suite").Saw(sh.CipherSuite, s.CipherSuite)
	case s.ExtendedMasterSecret && !ems:
		return fault.SessionEMSMissing.In("extensions")
	case ems && !s.ExtendedMasterSecret:
		return fault.SessionEMSAdded.In("extensions")
	}
	c.info.Resumed = true
	c.chain, c.evidence.chain, c.info.Peer = c.old.chain, c.old.verdict, c.old.verdict
	c.evidence.psk = &pskHeld{}
	c.info.SignatureScheme, c.info.OCSPResponse, c.info.SCTs = s.SignatureScheme, s.OCSP, s.SCTs
	c.info.Group, c.info.DHBits = s.Group, int(s.DHBits)
	if c.suite.Exchange.PreShared() {
		c.info.PSKIdentity = bytes.Clone(config.PSK12(c.cfg.PSKs).Identity)
	}
	c.tellOld(oldName(s), "The server took it, so it need not show a certificate again, and there is no key exchange.")
	return nil
}

// refuseOld forgets a session that the server did not take.
func (c *client) refuseOld() {
	if c.old == nil {
		return
	}
	c.tellOld("", "The server did not take our session, so there is a full handshake.")
	c.errands, c.regret = append(c.errands, c.regret), nil
	c.old.session.Wipe()
	c.old = nil
}

// oldName is how decisions speak of a session of TLS 1.2 or below.
func oldName(s *session.Session) string {
	if len(s.Ticket) > 0 {
		return "session ticket"
	}
	return "session ID"
}

func (c *client) tellOld(chosen, reason string) {
	c.decided(func() flow.Decision {
		return flow.Decision{What: "session", By: fault.Server, Chosen: chosen, Offered: []string{oldName(c.old.session)}, Reason: reason}
	})
}

// goOn12 makes the keys of a session that is resumed.
func (c *client) goOn12() (fault.State, error) {
	master := keys.Secret(c.old.session.Secret)
	if err := c.born(keys.LogMaster12, master, flow.Secret{Label: "master_secret", Derived: "session",
		Protects: "nothing itself: all keys of the connection come from it"}); err != nil {
		return 0, err
	}
	return c.ticketOrCCS(), c.keys12(master)
}

// ticketOrCCS is what comes before the server's Finished.
func (c *client) ticketOrCCS() fault.State {
	if c.ticketDue {
		return fault.WaitNST
	}
	return fault.WaitCCS
}

// newSessionTicket12 takes the ticket for the next time (RFC 5077, Section 3.3).
func (c *client) newSessionTicket12(msg []byte) (fault.State, error) {
	c.ticket = new(wire.NewSessionTicket12)
	if err := c.coder.Decode(msg, c.ticket); err != nil {
		return 0, err
	}
	c.transcript.Write(msg)
	return fault.WaitCCS, nil
}

// keep12 makes a session of what the server gave, if it gave anything. There is
// none for a server whose identity was never judged, nor for a certificate that
// only a hook knows how to choose.
func (c *client) keep12() {
	known := c.info.Peer != nil || c.suite.Auth == suite.NoKey
	if c.cfg.Sessions == nil || c.hooked || !known || c.past != nil {
		return
	}
	e := &storeSession{store: c.cfg.Sessions, key: c.sessionKey()}
	s := &e.session
	*s = session.Session{
		Version: c.info.Version, CipherSuite: c.suite.ID, ID: c.given, Received: c.now(c.cfg.Time), Lifetime: sessionLife,
		ServerName: c.cfg.ServerName, ALPN: c.info.ALPN, ExtendedMasterSecret: c.info.ExtendedMasterSecret, MaxFragment: c.fragment,
		SignatureScheme: c.info.SignatureScheme, Group: c.info.Group, DHBits: uint16(c.info.DHBits),
		OCSP: c.info.OCSPResponse, SCTs: c.info.SCTs, Identity: shownBy(c.cfg, c.suite),
	}
	if t := c.ticket; t != nil && len(t.Ticket) > 0 && len(t.Ticket) <= longestTicket {
		s.ID, s.Ticket = nil, bytes.Clone(t.Ticket)
		if t.LifetimeHint > 0 {
			s.Lifetime = min(time.Duration(t.LifetimeHint)*time.Second, session.MaxLifetime)
		}
	}
	if len(s.ID) == 0 && len(s.Ticket) == 0 {
		return
	}
	for _, x := range c.chain {
		s.Peer = append(s.Peer, x.Raw)
	}
	s.Secret = c.secrets.main.Master()
	c.regret = c.drop(s)
	c.errands = append(c.errands, e)
}

// dropSession is the errand of a client whose session was not taken, or was offered,
// resumed or given in a connection that failed: the next would fail again (RFC 5246,
// Section 7.2.2).
type dropSession struct {
	store   session.ClientStore
	key     string
	session session.Session
}

func (e *dropSession) Run(ctx context.Context) error {
	if err := e.store.Drop(ctx, e.key, &e.session); err != nil {
		return fault.SessionStore.Because(err)
	}
	return nil
}
