package hs

import (
	"bytes"
	"crypto/hmac"
	"fmt"
	"slices"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/kex"
	"github.com/handclasp/handclasp/internal/suite"
	"github.com/handclasp/handclasp/internal/wire"
)

// Renegotiation: another handshake on a connection of TLS 1.2 or below, under the
// keys of the one before. Servers ask for it when they find that they want a
// client certificate after all. A client does it only if its configuration says
// so, with a server that ties the handshakes together (RFC 5746), and only where
// the server is still the same: what could change nobody above would notice.

// clientAgain is how a renegotiation begins.
var clientAgain = []edge[*client]{
	// from        on                          do                       to
	{fault.WaitSH, trigger(iana.ServerHello), (*client).serverHello, to(fault.WaitCert, fault.WaitPSKSKE, fault.WaitPSKSKESHD)},
}

// A past is what a renegotiation is tied to.
type past struct {
	info           flow.Info // of the handshake before
	client, server []byte    // verify_data of its Finished messages
	leaf           []byte    // the server's, DER; nil without a certificate
	etm            bool      // encrypt-then-MAC was agreed, in that one or before it
}

// helloRequest asks for a renegotiation. Data that waits to be sent waits on until
// it is over, so the answer is up to who sends it.
func (c *client) helloRequest(msg []byte) (fault.State, error) {
	switch done, most := c.info.Renegotiations, c.cfg.MaxRenegotiations; {
	case most < 0: // which a client may (RFC 5246, Section 7.4.1.1)
		return fault.Connected, c.coder.Decode(msg, new(wire.HelloRequest))
	case done >= most:
		return 0, fault.Renegotiation.In("hello_request").Saw(fmt.Sprintf("request %d", done+1), fmt.Sprintf("at most %d", most))
	case !c.info.SecureRenegotiation:
		return 0, fault.RenegotiationInsecure.In("hello_request")
	case c.info.ALPN == "h2":
		return 0, fault.RenegotiationHTTP2.In("hello_request")
	}
	if err := c.coder.Decode(msg, new(wire.HelloRequest)); err != nil {
		return 0, err
	}
	c.waitFor(flow.NewRenegotiateAsk(c.readyAgain))
	return fault.Renegotiating, nil
}

// readyAgain hears that nothing else is sent now.
func (c *client) readyAgain() {
	if !asks[*flow.RenegotiateAsk](&c.core) {
		return // the machine failed meanwhile, or was answered before
	}
	c.ask = nil
	c.Layer.Answered(c.step(answer, nil))
}

// renegotiate begins anew, with a hello for the version that is spoken.
func (c *client) renegotiate([]byte) (fault.State, error) {
	p := c.past
	if p == nil {
		p = new(past)
	}
	p.info, p.client, p.server, p.leaf = *c.info, c.verify[fault.Client], c.verify[fault.Server], nil
	p.etm = p.etm || c.info.EncryptThenMAC
	if len(c.chain) > 0 {
		p.leaf = c.chain[0].Raw
	}
	params := c.params
	params.Versions = []iana.Version{c.info.Version}
	params.Suites = slices.DeleteFunc(slices.Clone(params.Suites), func(id iana.CipherSuite) bool { return !suite.ByID(id).For(c.info.Version) })
	params.Groups = slices.DeleteFunc(slices.Clone(params.Groups), kex.PostQuantum) // which TLS 1.2 has not
	next := client{cfg: c.cfg, table: c.again, again: c.again, past: p}
	next.core = core{Options: c.Options, role: c.role, state: c.state, errands: c.errands, regret: c.regret, anew: true}
	*c = next
	c.wake()
	c.info.Role, c.info.State, c.info.Renegotiations = c.role, c.state, p.info.Renegotiations+1
	c.params = params
	c.Layer.Renegotiating()
	return c.greet()
}

// negotiating reports whether the client waits for a message of a handshake of TLS 1.2
// or below, or one that may yet become that.
func (c *client) negotiating() bool {
	switch {
	case c.ask != nil, c.state == fault.Start, c.state == fault.Connected, c.state == fault.Failed:
		return false
	case c.state == fault.WaitSH:
		return slices.Min(c.params.Versions) < iana.TLS13
	}
	return c.info.Version < iana.TLS13
}

// askedMeanwhile drops a HelloRequest: what it asks for is going on already, and it is
// no part of the transcript (RFC 5246, Section 7.4.1.1).
func (c *client) askedMeanwhile(msg []byte) error {
	if err := c.coder.Decode(msg, new(wire.HelloRequest)); err != nil {
		return c.fail(err)
	}
	if c.helloRequests++; c.helloRequests > c.Limits.HelloRequests {
		return c.fail(fault.Flood.In("hello_request").Saw(fmt.Sprintf("%d HelloRequests in a handshake", c.helloRequests), fmt.Sprintf("at most %d", c.Limits.HelloRequests)))
	}
	return nil
}

// checkRenegotiation refuses a ServerHello that is not tied to the handshake
// before, or changes what must stay (RFC 5746, Section 3.5; RFC 7627, Section 5.4;
// RFC 7366, Section 3.1).
// A first handshake must not be tied to any (RFC 5746, Section 3.4).
func (c *client) checkRenegotiation(sh *wire.ServerHello) error {
	p := c.past
	if p == nil && len(sh.RenegotiationInfo) > 0 {
		return fault.RenegotiationInfo.In("renegotiation_info")
	}
	if p == nil {
		return nil
	}
	if !sh.Extensions.Has(iana.ExtRenegotiationInfo) || !hmac.Equal(sh.RenegotiationInfo, append(bytes.Clone(p.client), p.server...)) {
		return fault.RenegotiationUntied.In("renegotiation_info")
	}
	if ems := sh.Extensions.Has(iana.ExtExtendedMasterSecret); ems != p.info.ExtendedMasterSecret {
		return fault.RenegotiationChanged.In("extensions").Saw(iana.ExtExtendedMasterSecret, "as in the handshake before")
	}
	if p.etm && suite.ByID(sh.CipherSuite).CBC() && !sh.Extensions.Has(iana.ExtEncryptThenMAC) {
		return fault.RenegotiationChanged.In("extensions").Saw("", iana.ExtEncryptThenMAC)
	}
	if sh.Extensions.Has(iana.ExtALPN) != (p.info.ALPN != "") || p.info.ALPN != "" && (len(sh.ALPN) != 1 || string(sh.ALPN[0]) != p.info.ALPN) {
		return fault.RenegotiationChanged.In("application_layer_protocol_negotiation").Saw("", "as in the handshake before")
	}
	return nil
}

// sameServer refuses another certificate than that of the handshake before; leaf
// is nil for none.
func (c *client) sameServer(leaf []byte) error {
	if c.past != nil && !bytes.Equal(leaf, c.past.leaf) {
		return fault.RenegotiationServer.In("certificate_list")
	}
	return nil
}
