package hs

import (
	"bytes"
	"crypto/hmac"
	"crypto/x509"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/keys"
	"github.com/handclasp/handclasp/internal/wire"
	"github.com/handclasp/handclasp/sign"
)

// Evidence is what CONNECTED costs. Each value can be had only from the check
// that it stands for, so a forgotten check leaves a nil that complete finds.
type evidence struct {
	chain     *flow.Verdict  // the peer's certificates were judged, or that it has none
	signature *signatureHeld // and it holds the leaf's key
	psk       *pskHeld       // or holds a key that only who proved all this before can have, or that was provisioned
	finished  *finishedHeld  // and both saw the same handshake
}

type (
	signatureHeld struct{ scheme iana.SignatureScheme }
	pskHeld       struct{ external bool }
	finishedHeld  struct{}
)

// A demand is how much of the evidence a peer owes.
type demand uint8

const (
	demandIdentity demand = iota // all three: a server, and a client that showed a certificate
	demandVerdict                // of a client that was asked, showed none and need not
	demandFinished               // of a client that was not asked
	demandPSK                    // of a client that resumes, or has an external key, and was not asked
)

// complete refuses a handshake that lacks a check which it owes.
func (e *evidence) complete(d demand) error {
	switch {
	case e.finished == nil, d == demandVerdict && e.chain == nil, d == demandPSK && e.psk == nil:
		return fault.MissingProof.New()
	case d == demandIdentity:
		return e.identified()
	}
	return nil
}

// identified refuses a peer that has not shown who it is: by a good chain and the
// key of its leaf, now or in the session that is resumed, or by an external key.
func (e *evidence) identified() error {
	external := e.psk != nil && e.psk.external
	if !external && (e.chain == nil || e.signature == nil && e.psk == nil) {
		return fault.MissingProof.New()
	}
	return nil
}

// takeProof reads a CertificateVerify of a peer, over whatever the version has
// signed: check verifies it. The scheme must be one that we offered (RFC 9846,
// Section 4.5.2; RFC 5246, Section 7.4.8); before TLS 1.2 leaf implies it.
func (c *core) takeProof(msg []byte, of fault.Role, leaf *x509.Certificate, offered wire.List16[iana.SignatureScheme],
	check func(iana.SignatureScheme, []byte) (*signatureHeld, error)) (*signatureHeld, error) {
	m := &c.proof
	m.Form = c.form()
	if err := c.coder.Decode(msg, m); err != nil {
		return nil, err
	}
	if err := refuseGREASE("algorithm", m.Scheme); err != nil {
		return nil, err
	}
	scheme, err := c.impliedOr(m.Scheme, leaf, offered)
	if err != nil {
		return nil, err
	}
	held, err := check(scheme, m.Signature)
	if err != nil {
		return nil, err
	}
	c.proven(flow.Proven{What: "signature", Of: of, Scheme: scheme})
	c.transcript.Write(msg)
	return held, nil
}

// overTranscript checks a CertificateVerify of TLS 1.3, which covers the transcript
// up to the peer's Certificate (RFC 9846, Section 4.5.2).
func (c *core) overTranscript(leaf *x509.Certificate, of fault.Role) func(iana.SignatureScheme, []byte) (*signatureHeld, error) {
	return func(s iana.SignatureScheme, signature []byte) (*signatureHeld, error) {
		if !sign.UsableIn13(s) {
			return nil, fault.SignatureSchemeRefused.In("algorithm").Saw(s, "an algorithm that TLS 1.3 allows in CertificateVerify")
		}
		input := sign.CertificateVerifyInput(of == fault.Server, c.transcript.Sum())
		if err := sign.Verify(leaf.PublicKey, s, input, signature); err != nil {
			return nil, err
		}
		return &signatureHeld{s}, nil
	}
}

// takeFinished13 reads the peer's Finished, made with its handshake secret, and
// compares it in constant time (RFC 9846, Section 4.5.3).
func (c *core) takeFinished13(msg []byte, base keys.Secret) (*finishedHeld, error) {
	return c.takeFinished(msg, c.suite.Hash.AppendFinished(c.work.finished[:0], base, c.transcript.Sum()))
}

// takeFinished reads a Finished that must hold verify.
func (c *core) takeFinished(msg, verify []byte) (*finishedHeld, error) {
	m := &c.end
	if err := c.coder.Decode(msg, m); err != nil {
		return nil, err
	}
	if !hmac.Equal(verify, m.VerifyData) {
		return nil, fault.FinishedWrong.In("verify_data")
	}
	c.proven(flow.Proven{What: "finished", Of: c.role.Peer()})
	c.transcript.Write(msg)
	c.Layer.PeerFinished()
	return &finishedHeld{}, nil
}

// takeCertificate reads a Certificate of TLS 1.3; asked are the extensions that
// it may answer, context is the request's (RFC 9846, Section 4.5.1).
func (c *core) takeCertificate(msg []byte, m *wire.Certificate, context []byte, asked *wire.Extensions) (chain [][]byte, err error) {
	if err := c.coder.Decode(msg, m); err != nil {
		return nil, err
	}
	switch {
	case len(context) == 0 && len(m.Context) > 0:
		return nil, fault.CertificateContext.In("certificate_request_context")
	case !bytes.Equal(m.Context, context):
		return nil, fault.RequestContext.In("certificate_request_context")
	}
	for i := range m.List {
		if err := checkExtensions(&m.List[i].Extensions, iana.InCertificate, asked); err != nil {
			return nil, err
		}
		chain = append(chain, m.List[i].Data)
	}
	return chain, nil
}
