package cert

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"
	"time"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
)

// tolerance is what a responder's clock and ours may differ by.
const tolerance = 5 * time.Minute

// staple checks the stapled answer, or that none was demanded. A certificate
// demands one through the TLS feature extension (RFC 7633), which binds only a
// server whose client asked; ours always asks.
func (v *verifier) staple() {
	if len(v.OCSPStaple) == 0 {
		if v.ServerAuth && mustStaple(v.leaf) {
			v.failed(stapleCheck, fault.OCSPMustStaple.In("certificate_list[0].extensions"))
			return
		}
		v.passed(stapleCheck)
		return
	}
	if e := v.answer(); e != nil {
		v.failed(stapleCheck, e.In("certificate_list[0].status_request"))
	}
}

func (v *verifier) answer() *fault.Error {
	r, e := parseResponse(v.OCSPStaple)
	if e != nil {
		return e
	}
	issuer := v.issuer()
	if issuer == nil {
		v.passed(stapleCheck)
		return nil
	}
	single, e := r.find(v.leaf, issuer)
	if e != nil {
		return e
	}
	responder, e := r.signer(issuer, v.Now)
	if e != nil {
		return e
	}
	v.OCSP = single.staple(r.ProducedAt, title(responder))
	if e := judge(v.OCSP, v.Now); e != nil {
		return e
	}
	v.passed(stapleCheck)
	return nil
}

func (v *verifier) stapleDetail() string {
	switch {
	case len(v.OCSPStaple) == 0:
		return "none was sent, and none is demanded"
	case v.OCSP == nil:
		return "not checked, since the issuer is not known"
	}
	return fmt.Sprintf("%v, says %s", v.OCSP.Status, v.OCSP.Responder)
}

// issuer is who signed the leaf, from the chain or, if there is none, from what
// was sent.
func (v *verifier) issuer() *x509.Certificate {
	switch {
	case len(v.path) > 1:
		return v.path[1]
	case selfSigned(v.leaf):
		return v.leaf
	}
	return nil
}

// judge is nil for an answer that is current and good.
func judge(s *flow.Staple, now time.Time) *fault.Error {
	at := "valid at " + now.UTC().Format(time.RFC3339)
	switch {
	case s.ThisUpdate.After(now.Add(tolerance)):
		got := fmt.Sprintf("it begins on %s, in %s", s.ThisUpdate.UTC().Format(time.RFC3339), span(s.ThisUpdate.Sub(now)))
		return fault.OCSPNotYet.New().Saw(got, at)
	case !s.NextUpdate.IsZero() && s.NextUpdate.Add(tolerance).Before(now):
		got := fmt.Sprintf("it ended on %s, %s ago", s.NextUpdate.UTC().Format(time.RFC3339), span(now.Sub(s.NextUpdate)))
		return fault.OCSPExpired.New().Saw(got, at)
	case s.Status == flow.OCSPRevoked:
		return fault.OCSPRevoked.New().Saw(fmt.Sprintf("revoked on %s (%s)", s.RevokedAt.UTC().Format(time.RFC3339), reasonName(s.Reason)), "")
	case s.Status == flow.OCSPUnknown:
		return fault.OCSPUnknown.New().Saw("so says "+s.Responder, "")
	}
	return nil
}

// reasonName is the CRLReason of RFC 5280, Section 5.3.1.
func reasonName(r int) string {
	names := []string{"unspecified", "keyCompromise", "cACompromise", "affiliationChanged", "superseded",
		"cessationOfOperation", "certificateHold", "", "removeFromCRL", "privilegeWithdrawn", "aACompromise"}
	if r >= 0 && r < len(names) && names[r] != "" {
		return names[r]
	}
	return fmt.Sprintf("reason %d", r)
}

var (
	oidTLSFeature  = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24}
	statusRequest  = 5 // the number of the TLS extension (RFC 7633, Section 4.1)
	ocspSigning    = x509.ExtKeyUsageOCSPSigning
	signerExpected = "the issuer, or a certificate that it issued for OCSP signing"
)

func mustStaple(c *x509.Certificate) bool {
	for _, ext := range c.Extensions {
		if ext.Id.Equal(oidTLSFeature) {
			var features []int
			_, err := asn1.Unmarshal(ext.Value, &features)
			return err == nil && slices.Contains(features, statusRequest)
		}
	}
	return false
}

// signer is the certificate that signed the answer: the issuer, or a responder
// for which the issuer vouches. "Systems that rely on OCSP responses MUST
// recognize a delegation certificate as being issued by the CA that issued the
// certificate in question only if the delegation certificate and the certificate
// being checked … were signed by the same key" (RFC 6960, Section 4.2.2.2).
func (r *response) signer(issuer *x509.Certificate, now time.Time) (*x509.Certificate, *fault.Error) {
	if r.signedBy(issuer) {
		return issuer, nil
	}
	var last *fault.Error
	for _, c := range r.Certificates {
		if !r.signedBy(c) {
			continue
		}
		if last = appointed(c, issuer, now); last == nil {
			return c, nil
		}
	}
	if last == nil {
		last = fault.OCSPWrongSigner.New().Saw("the signature fits no certificate at hand", signerExpected)
	}
	return nil, last
}

func appointed(c, issuer *x509.Certificate, now time.Time) *fault.Error {
	wrong := fault.OCSPWrongSigner.New()
	switch {
	case !bytes.Equal(c.RawIssuer, issuer.RawSubject) || weaklySigned(c) != nil ||
		issuer.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) != nil:
		return wrong.Saw(fmt.Sprintf("signed by %s, whom the issuer did not appoint", title(c)), signerExpected)
	case !slices.Contains(c.ExtKeyUsage, ocspSigning):
		return wrong.Saw(fmt.Sprintf("signed by %s, whose certificate is not for OCSP signing", title(c)), signerExpected)
	}
	if e := outOfTime(c, now, fault.OCSPWrongSigner); e != nil {
		return wrong.Saw(e.Got, e.Want)
	}
	return nil
}
