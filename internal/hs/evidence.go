package hs

import (
	"crypto/hmac"
	"crypto/x509"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/keys"
	"github.com/handclasp/handclasp/sign"
)

// Evidence is what CONNECTED costs. Each value can be had only from the check
// that it stands for, so a forgotten check leaves a nil that complete finds.
type evidence struct {
	chain     *flow.Verdict  // the peer's certificates were judged, or that it has none
	signature *signatureHeld // and it holds the leaf's key
	finished  *finishedHeld  // and both saw the same handshake
}

type (
	signatureHeld struct{ scheme iana.SignatureScheme }
	finishedHeld  struct{}
)

// A demand is how much of the evidence a peer owes.
type demand uint8

const (
	demandIdentity demand = iota // all three: a server, and a client that showed a certificate
	demandVerdict                // of a client that was asked, showed none and need not
	demandFinished               // of a client that was not asked
)

// complete refuses a handshake that lacks a check which it owes.
func (e *evidence) complete(d demand) error {
	switch {
	case e.finished == nil, d == demandVerdict && e.chain == nil:
		return fault.MissingProof.New()
	case d == demandIdentity:
		return e.identified()
	}
	return nil
}

// identified refuses a peer that has not shown who it is.
func (e *evidence) identified() error {
	if e.chain == nil || e.signature == nil {
		return fault.MissingProof.New()
	}
	return nil
}

// checkSignature verifies a CertificateVerify of role over the transcript up
// to its Certificate (RFC 9846, Section 4.5.2).
func checkSignature(leaf *x509.Certificate, role fault.Role, s iana.SignatureScheme, th, signature []byte) (*signatureHeld, error) {
	if !sign.UsableIn13(s) {
		return nil, fault.SignatureSchemeRefused.In("algorithm").Saw(s, "an algorithm that TLS 1.3 allows in CertificateVerify")
	}
	if err := sign.Verify(leaf.PublicKey, s, sign.CertificateVerifyInput(role == fault.Server, th), signature); err != nil {
		return nil, err
	}
	return &signatureHeld{s}, nil
}

// checkFinished verifies a Finished over the transcript before it, in
// constant time (RFC 9846, Section 4.5.3).
func checkFinished(h keys.Hash, base keys.Secret, th, verifyData []byte) (*finishedHeld, error) {
	if !hmac.Equal(h.Finished(base, th), verifyData) {
		return nil, fault.FinishedWrong.In("verify_data")
	}
	return &finishedHeld{}, nil
}
