package hs

import (
	"slices"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/cert"
	"github.com/handclasp/handclasp/internal/wire"
	"github.com/handclasp/handclasp/sign"
)

// How a client proves who it is, in both versions: it was asked, it chooses, it
// shows, it signs. The messages differ, and stand with their version.

// askedFor notes that the server wants a certificate of ours, and what kind.
func (c *client) askedFor(r *config.CertificateRequestInfo) {
	r.Version = c.info.Version
	c.asked, c.info.ClientAuth = r, true
}

// usable are those of schemes that the version may sign a handshake with.
func usable(v iana.Version, schemes []iana.SignatureScheme) []iana.SignatureScheme {
	may := sign.UsableIn13
	switch {
	case v < iana.TLS12:
		may = func(x iana.SignatureScheme) bool { return slices.Contains(implied, x) }
	case v < iana.TLS13:
		may = sign.UsableIn12
	}
	return slices.DeleteFunc(schemes, func(x iana.SignatureScheme) bool { return !may(x) })
}

// signable is what a certificate of ours may sign this handshake with: in the
// configuration's order if it names one, else in the signer's.
func signable(v iana.Version, own *config.Certificate, schemes []iana.SignatureScheme, named bool) []iana.SignatureScheme {
	list := inOrder(own.Signer().Schemes(), schemes)
	switch {
	case v < iana.TLS12:
		list = inOrder(own.Signer().Schemes(), implied)
	case named:
		list = inOrder(schemes, own.Signer().Schemes())
	}
	return slices.DeleteFunc(usable(v, list), func(x iana.SignatureScheme) bool {
		return v == iana.TLS13 && !sign.Fits13(own.Leaf().PublicKey, x)
	})
}

// identify chooses what to show, or asks the hook for it, and goes on.
func (c *client) identify() (fault.State, error) {
	if c.cfg.GetClientCertificate != nil {
		c.waitFor(flow.NewClientCertificateAsk(c.asked, c.cfg, c.choice))
		return c.during(fault.ChoosingCert, fault.PostChoosing), nil
	}
	return c.show(c.cfg.Certificates)
}

// choice receives what the hook chose.
func (c *client) choice(own *config.Certificate, err error) {
	if !asks[*flow.ClientCertificateAsk](&c.core) {
		return // the machine failed meanwhile, or was answered before
	}
	c.ask, c.own, c.refusal = nil, own, err
	c.Layer.Answered(c.step(answer, nil))
}

// chosen goes on with what the hook chose.
func (c *client) chosen([]byte) (fault.State, error) {
	own := c.own
	c.own = nil
	switch {
	case c.refusal != nil:
		return 0, fault.ClientCertificateHook.Because(c.refusal)
	case own == nil:
		return c.show(c.cfg.Certificates)
	case len(own.Chain()) == 0:
		return 0, fault.ClientCertificateHook.New().Saw("a zero Certificate", "one made by NewCertificate or LoadX509KeyPair, or nil")
	}
	schemes := c.signable(own)
	i := slices.IndexFunc(schemes, func(s iana.SignatureScheme) bool { return slices.Contains(c.asked.SignatureSchemes, s) })
	if i < 0 {
		return 0, fault.NoCommonSigalg.In("signature_algorithms").Saw("the server accepts "+join(c.asked.SignatureSchemes), "one of ours: "+join(schemes))
	}
	c.own, c.scheme, c.hooked = own, schemes[i], true
	c.tellOwn([]string{cert.Describe(own.Leaf())}, 0, "The hook of the configuration chose it, by what the server asked for.")
	return c.prove()
}

// signable is what the key of a certificate of ours can sign here, in our order.
func (c *client) signable(own *config.Certificate) []iana.SignatureScheme {
	return signable(c.info.Version, own, c.params.Signing, c.cfg.SignatureSchemes != nil && c.cfg.SigningSchemes == nil)
}

// show goes on with the first of ours that the server may want, or none.
func (c *client) show(ours []config.Certificate) (fault.State, error) {
	cands, described := make([]cert.Candidate, len(ours)), make([]string, len(ours))
	for i := range ours {
		x := &ours[i]
		cands[i] = cert.Candidate{Leaf: x.Leaf(), Chain: x.Chain(), Schemes: c.signable(x), Signed: x.Signed()}
		described[i] = cert.Describe(x.Leaf())
	}
	i, scheme, why := cert.ChooseForServer(cands, cert.Asked{
		Schemes: usable(c.info.Version, slices.Clone(c.asked.SignatureSchemes)), CertSchemes: c.asked.CertSchemes,
		Types: c.asked.CertificateTypes, Authorities: c.asked.Authorities,
	})
	if i >= 0 {
		c.own, c.scheme = &ours[i], scheme
	}
	c.tellOwn(described, i, why)
	return c.prove()
}

// tellOwn says which of ours is shown, and why.
func (c *client) tellOwn(ours []string, i int, why string) {
	c.decided(func() flow.Decision {
		d := flow.Decision{What: "certificate", By: fault.Client, Accepted: ours, Reason: why}
		if i >= 0 {
			d.Chosen = ours[i]
		}
		return d
	})
	if i < 0 {
		return
	}
	c.decided(func() flow.Decision {
		d := decision("signature_scheme", offeredSchemes(c.asked.SignatureSchemes, c.info.Version, c.own), names(c.signable(c.own)))
		d.By, d.Chosen, d.Reason = fault.Client, c.scheme.String(), "It is the first in the client's order that its key can make and the server accepts."
		return d
	})
}

// prove sends the version's flight up to what must be signed.
func (c *client) prove() (fault.State, error) {
	if c.info.Version < iana.TLS13 {
		return c.prove12()
	}
	if c.later.open {
		return c.proveLater()
	}
	return c.prove13()
}

// wantSignature asks for our CertificateVerify over message.
func (c *client) wantSignature(message []byte) fault.State {
	c.waitFor(flow.NewSignAsk(c.own.Signer(), c.scheme, message, c.answered))
	return c.during(fault.Signing, fault.PostSigning)
}

// answered receives the signature.
func (c *client) answered(signature []byte, err error) {
	if !asks[*flow.SignAsk](&c.core) {
		return // the machine failed meanwhile, or was answered before
	}
	c.ask, c.signature, c.refusal = nil, signature, err
	c.Layer.Answered(c.step(answer, nil))
}

// sendProof sends our CertificateVerify; both versions write it the same way.
func (c *client) sendProof(e flow.Epoch) error {
	if c.refusal != nil {
		return fault.SignFailed.Because(c.refusal)
	}
	c.info.ClientScheme = c.scheme
	_, err := c.send(&wire.CertificateVerify{Form: c.form(), Scheme: c.scheme, Signature: c.signature}, e)
	return err
}

// ownChain is what our Certificate message carries: leaf first, empty if we have
// nothing to show.
func (c *client) ownChain() (raw [][]byte) {
	if c.own == nil {
		return nil
	}
	for _, x := range c.own.Chain() {
		raw = append(raw, x.Raw)
	}
	return raw
}
