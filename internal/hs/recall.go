package hs

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"slices"
	"time"

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

// How a client resumes: it recalls a session, judges it by today's
// configuration, offers it, and keeps what the server gives for the next time.
// Nothing is offered that a full handshake would refuse.

// An offer is a pre-shared key in our hello.
type offer struct {
	psk
	session *session.Session // nil if the key is external
	chain   []*x509.Certificate
	verdict *flow.Verdict
}

// sessionKey is what the store knows the server by.
func (c *client) sessionKey() string { return c.cfg.ServerName }

// recall receives the session.
func (c *client) recall(s *session.Session, err error) {
	if !asks[*flow.SessionAsk](&c.core) {
		return // the machine failed meanwhile, or was answered before
	}
	c.ask, c.session, c.refusal = nil, s, err
	c.Layer.Answered(c.step(answer, nil))
}

// recalled looks at the session, and asks whether the server's certificate is
// still good.
func (c *client) recalled([]byte) (fault.State, error) {
	s := c.session
	if c.refusal != nil {
		c.trouble(fault.SessionStore.Because(c.refusal))
		return c.greet()
	}
	if s == nil {
		c.tellSession("", "There is none of this server.")
		return c.greet()
	}
	if why := c.unfit(s); why != "" {
		return c.leave(why)
	}
	if len(s.Peer) == 0 {
		c.offerSession(&offer{session: s}) // a pre-shared key stood for certificates
		return c.greet()
	}
	var err error
	if c.chain, err = cert.Parse(s.Peer, *c.Limits); err != nil {
		return c.leave("its certificates can't be read")
	}
	c.waitFor(flow.NewVerifyAsk(flow.VerifyAsk{
		Of: fault.Server, Resume: true, Name: c.cfg.ServerName, Chain: c.chain, OCSP: s.OCSP, SCTs: s.SCTs,
		Transport: suite.ByID(s.CipherSuite).Exchange.Transport(),
	}, c.judged))
	return fault.Judging, nil
}

// rejudged offers a session whose server would be let in today.
func (c *client) rejudged([]byte) (fault.State, error) {
	chain := c.chain
	c.chain = nil
	if c.refusal != nil || c.verdict == nil {
		return c.leave("today the server's certificate would be refused")
	}
	c.offerSession(&offer{session: c.session, chain: chain, verdict: c.verdict})
	c.session, c.verdict = nil, nil
	return c.greet()
}

// leave goes on without the session, because of why.
func (c *client) leave(why string) (fault.State, error) {
	c.tellSession("", "There is one, but "+why+".")
	c.session.Wipe()
	c.session = nil
	return c.greet()
}

// longestTicket is how many bytes of a ticket are kept and offered: a hello has 65,535
// for all its extensions, and servers often take fewer.
const longestTicket = 1 << 15

// offerSession has the hello offer a session in the manner of its version.
func (c *client) offerSession(o *offer) {
	s := o.session
	c.tellSession(oldName(s), "It fits what we offer, and the server's certificate, if it has one, is still good; the server may take it or not.")
	if s.Version < iana.TLS13 {
		c.old, c.regret = o, c.drop(s) // unlike a ticket of TLS 1.3 it is still in the store
		return
	}
	o.psk = psk{identity: s.Ticket, secret: s.Secret, hash: suite.ByID(s.CipherSuite).Hash}
	c.offers = append(c.offers, o)
}

// unfit says why a session can't be offered under today's configuration; "" if
// it can.
func (c *client) unfit(s *session.Session) string {
	with := suite.ByID(s.CipherSuite)
	switch {
	case !slices.Contains(c.params.Versions, s.Version):
		return "it is one of " + s.Version.String()
	case with == nil || !with.For(s.Version) || !slices.Contains(c.params.Suites, s.CipherSuite):
		return "its cipher suite " + s.CipherSuite.String() + " is not offered now"
	case len(s.Secret) != secretLen(s.Version, with) || len(s.Peer) == 0 && with.Auth != suite.NoKey || s.Version == iana.TLS13 && len(s.Ticket) == 0:
		return "it is damaged"
	case len(s.Ticket) > longestTicket:
		return "its ticket is too long for a hello"
	case !c.signedAs(s.Version, with, s.SignatureScheme):
		return "the server signed with " + s.SignatureScheme.String() + ", which is not accepted now"
	case s.ServerName != c.cfg.ServerName:
		return "it is of a server of another name"
	case s.Identity != shownBy(c.cfg, with):
		return "this client is set up to show other certificates than then"
	case !s.Fresh(c.now(c.cfg.Time)):
		return "it is too old"
	case s.Version < iana.TLS13:
		return c.unfit12(s, with)
	}
	return ""
}

// secretLen is how long the secret of a session is, in bytes.
func secretLen(v iana.Version, with *suite.Suite) int {
	if v < iana.TLS13 {
		return keys.MasterLen
	}
	return with.Hash.Size()
}

// shownBy names how a client is set up to prove itself in a connection with x:
// SHA-256 of its leaves in order, whether a hook may choose another, and the
// pre-shared key where a suite below TLS 1.3 has one.
func shownBy(cfg *config.ClientConfig, x *suite.Suite) (id [32]byte) {
	h := sha256.New()
	for i := range cfg.Certificates {
		leaf := sha256.Sum256(cfg.Certificates[i].Leaf().Raw)
		h.Write(leaf[:])
	}
	if cfg.GetClientCertificate != nil {
		h.Write([]byte{1})
	}
	if p := config.PSK12(cfg.PSKs); x.Exchange.PreShared() && p != nil {
		h.Write(digest(p))
	}
	h.Sum(id[:0])
	return id
}

func (c *client) tellSession(chosen, reason string) {
	c.decided(func() flow.Decision {
		return flow.Decision{What: "session", By: fault.Client, Chosen: chosen, Reason: reason}
	})
}

// offerPSKs puts what we hold into the hello: the session first, which alone may
// carry early data, then what was provisioned. The binders are still zero.
func (c *client) offerPSKs() {
	if c.cfg.Sessions == nil && len(c.cfg.PSKs) == 0 || !slices.Contains(c.params.Versions, iana.TLS13) {
		return // and the server need not give tickets
	}
	for i := range c.cfg.PSKs {
		p := &c.cfg.PSKs[i]
		if len(p.Identity) == 0 || !c.params.Speaks(p.KDF()) {
			continue // not one for TLS 1.3, or no suite of ours goes with it
		}
		c.offers = append(c.offers, &offer{psk: psk{identity: p.Identity, secret: slices.Clone(p.Key), hash: p.KDF(), external: true, imported: p.Imported()}})
	}
	h := &c.hello
	h.PSKModes = wire.AppendList8(&c.lists, wire.PSKDHE)
	if c.cfg.AllowPSKWithoutDHE {
		h.PSKModes = wire.MakeList8(wire.PSKDHE, wire.PSKOnly)
	}
	h.Extensions.Add(iana.ExtPSKKeyExchangeModes)
	c.offerEarly()
	if len(c.offers) > 0 {
		h.Extensions.Add(iana.ExtPreSharedKey) // which must be the last (RFC 9846, Section 4.3.11)
		c.listPSKs()
	}
}

var zeros [48]byte

// listPSKs writes the identities anew, with their age as it is now (RFC 9846,
// Section 4.3.11.1).
func (c *client) listPSKs() {
	h := &c.hello
	h.PSKIdentities, h.PSKBinders = h.PSKIdentities[:0], h.PSKBinders[:0]
	room := c.binders[:0]
	for _, o := range c.offers {
		id := wire.PSKIdentity{Identity: o.identity}
		if o.session != nil {
			age := c.now(c.cfg.Time).Sub(o.session.Received)
			id.TicketAge = uint32(age.Milliseconds()) + o.session.AgeAdd
		}
		h.PSKIdentities = append(h.PSKIdentities, id)
		n := len(room)
		room = append(room, zeros[:o.hash.Size()]...)
		h.PSKBinders = append(h.PSKBinders, room[n:])
	}
}

// retryPSKs leaves in the second hello what goes with the suite that the server
// chose (RFC 9846, Section 4.2.2).
func (c *client) retryPSKs() {
	if len(c.offers) == 0 {
		return
	}
	c.offers = slices.DeleteFunc(c.offers, func(o *offer) bool { return o.hash != c.suite.Hash })
	c.listPSKs()
	if len(c.offers) == 0 {
		c.hello.Extensions.Remove(iana.ExtPreSharedKey)
	}
}

// sendHello sends our hello with its binders. One that was edited to hold other
// keys than ours keeps the binders that it came with.
func (c *client) sendHello() error {
	msg, err := c.encode(&c.hello)
	if err != nil {
		return err
	}
	if len(c.offers) > 0 && len(c.hello.PSKBinders) == len(c.offers) {
		partial := msg[:len(msg)-c.hello.BindersLen()]
		for i, o := range c.offers {
			copy(c.hello.PSKBinders[i], c.binder(&o.psk, partial))
		}
		wire.SetBinders(msg, c.hello.PSKBinders)
	}
	c.emit(msg, flow.Clear)
	return nil
}

// takePSK notes which of our keys the server goes on with, if any.
func (c *client) takePSK(sh *wire.ServerHello) error {
	if !sh.Extensions.Has(iana.ExtPreSharedKey) {
		c.earlyRefused("The server did not resume the session.")
		if len(c.offers) > 0 {
			c.tellTaken("", "The server took none of our pre-shared keys, so there is a full handshake.")
		}
		c.dropOffers(nil)
		return nil
	}
	i := int(sh.SelectedIdentity)
	if i >= len(c.offers) {
		return fault.PSKSelected.In("pre_shared_key.selected_identity").Saw(i, fmt.Sprintf("one of our %d", len(c.offers)))
	}
	o := c.offers[i]
	if o.hash != c.suite.Hash {
		return fault.PSKHash.In("cipher_suite").Saw(c.suite.ID, "one with "+o.hash.String())
	}
	if o != c.early {
		c.earlyRefused("The server took another key than the one that it goes with.")
	}
	c.takes(&o.psk)
	c.evidence.psk = &pskHeld{external: o.external}
	if s := o.session; s != nil {
		c.chain, c.evidence.chain, c.info.Peer = o.chain, o.verdict, o.verdict
		c.info.SignatureScheme, c.info.OCSPResponse, c.info.SCTs = s.SignatureScheme, s.OCSP, s.SCTs
	}
	c.tellTaken(o.name(), "The server took it, so it need not show a certificate.")
	c.dropOffers(o)
	return nil
}

func (c *client) tellTaken(chosen, reason string) {
	c.decided(func() flow.Decision {
		d := flow.Decision{What: "session", By: fault.Server, Chosen: chosen, Reason: reason}
		for _, o := range c.offers {
			d.Offered = append(d.Offered, o.name())
		}
		return d
	})
}

// dropOffers forgets the secrets of all offers but the one that was taken.
func (c *client) dropOffers(taken *offer) {
	for _, o := range c.offers {
		if o != taken {
			o.secret.Wipe()
		}
	}
	c.offers = nil
}

// keep makes a session of a ticket (RFC 9846, Section 4.7.1). There is none for
// a server whose identity was never judged, nor for a certificate that only a
// hook knows how to choose.
func (c *client) keep(m *wire.NewSessionTicket) {
	if c.resumption == nil || m.Lifetime == 0 || len(m.Ticket) > longestTicket {
		return
	}
	e := &storeSession{store: c.cfg.Sessions, key: c.sessionKey()}
	s := &e.session
	*s = session.Session{
		Version: iana.TLS13, CipherSuite: c.suite.ID, Secret: c.suite.Hash.PSK(c.resumption, m.Nonce), Ticket: m.Ticket,
		Received: c.now(c.cfg.Time), Lifetime: min(time.Duration(m.Lifetime)*time.Second, session.MaxLifetime), AgeAdd: m.AgeAdd,
		ServerName: c.cfg.ServerName, ALPN: c.info.ALPN, SignatureScheme: c.info.SignatureScheme, Group: c.info.Group,
		OCSP: c.info.OCSPResponse, SCTs: c.info.SCTs, Identity: shownBy(c.cfg, c.suite),
	}
	if m.Extensions.Has(iana.ExtEarlyData) {
		s.MaxEarlyData = m.MaxEarlyData
	}
	s.Peer = make([][]byte, len(c.chain))
	for i, x := range c.chain {
		s.Peer[i] = x.Raw
	}
	c.errands = append(c.errands, e)
}

// keepResumption leaves of the main secret what tickets need; the transcript ends
// with our Finished.
func (c *client) keepResumption(main *keys.Main) {
	if c.cfg.Sessions != nil && c.info.Peer != nil && !c.hooked {
		c.resumption = slices.Clone(main.Resumption(c.transcript.Sum()))
	}
	main.Wipe()
}

// storeSession is the errand of a client that was given a ticket.
type storeSession struct {
	store   session.ClientStore
	key     string
	session session.Session
}

func (e *storeSession) Run(ctx context.Context) error {
	if err := e.store.Put(ctx, e.key, &e.session); err != nil {
		return fault.SessionStore.Because(err)
	}
	return nil
}
