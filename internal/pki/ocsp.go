package pki

import (
	"math/big"
	"time"

	"golang.org/x/crypto/ocsp"
)

// A Status is what an OCSP answer says of a certificate.
type Status int

const (
	Good    Status = ocsp.Good
	Revoked Status = ocsp.Revoked
	Unknown Status = ocsp.Unknown
)

// An Answer says what an OCSP answer shall be. The zero Answer is a good one,
// signed by the issuer.
type Answer struct {
	Status                 Status
	ThisUpdate, NextUpdate time.Time  // zero: an hour before the authority's Now, seven days after it
	RevokedAt              time.Time  // zero: ThisUpdate
	Reason                 int        // CRLReason of RFC 5280, Section 5.3.1
	Responder              *Issued    // who signs instead of the issuer; its certificate is enclosed
	Serial                 *big.Int   // a fault: another certificate's serial number
	Issuer                 *Authority // a fault: name this authority as the issuer, not a
}

// OCSP makes the answer of a, who issued i, to be stapled. It is DER. The time
// in producedAt is the real one, since golang.org/x/crypto/ocsp sets it; keys
// that sign can be RSA or ECDSA, for it knows no others.
func (a *Authority) OCSP(i *Issued, o Answer) ([]byte, error) {
	from, to := span(a.now, o.ThisUpdate, o.NextUpdate, 7*24*time.Hour)
	t := ocsp.Response{
		Status:           int(o.Status),
		SerialNumber:     i.Leaf.SerialNumber,
		ThisUpdate:       from,
		NextUpdate:       to,
		RevokedAt:        o.RevokedAt,
		RevocationReason: o.Reason,
	}
	if t.RevokedAt.IsZero() {
		t.RevokedAt = from
	}
	if o.Serial != nil {
		t.SerialNumber = o.Serial
	}
	issuer, responder, key := a.Cert, a.Cert, a.key
	if o.Issuer != nil {
		issuer = o.Issuer.Cert
	}
	if o.Responder != nil {
		responder, key = o.Responder.Leaf, o.Responder.Key
		t.Certificate = responder
	}
	return ocsp.CreateResponse(issuer, responder, t, key)
}
