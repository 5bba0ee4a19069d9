package flow

import (
	"crypto/x509"
	"time"

	"github.com/handclasp/handclasp/fault"
)

// A Verdict is the outcome of the checks on a certificate chain. Other connections
// may have the same certificates and chains, so they must not be changed.
type Verdict struct {
	Peer       []*x509.Certificate   // as sent, leaf first
	Chains     [][]*x509.Certificate // leaf to root; none unless the chain is good
	Failed     []*fault.Error        // every check that failed; empty means verified
	OCSP       *Staple               // nil unless a staple was sent and could be checked
	Remembered bool                  // found for an earlier connection, some minutes ago at most

	told interface{ Checks() []Check }
}

// Checks is what was looked at, in order, put into words when it is called.
func (v *Verdict) Checks() []Check {
	if v.told == nil {
		return nil
	}
	return v.told.Checks()
}

// Tell says who puts the checks into words; it is for who makes them.
func (v *Verdict) Tell(by interface{ Checks() []Check }) { v.told = by }

// Verified reports whether every check passed.
func (v *Verdict) Verified() bool { return len(v.Failed) == 0 }

// A Check is one thing that was looked at.
type Check struct {
	Name   string // "form", "keys", "time", "chain", "usage", "name", "staple", "timestamps"
	Detail string // what was found, one phrase; escaped
	Err    *fault.Error
}

// An OCSPStatus is what an OCSP answer says of a certificate (RFC 6960, Section
// 2.2).
type OCSPStatus uint8

const (
	OCSPGood OCSPStatus = iota
	OCSPRevoked
	OCSPUnknown
)

func (s OCSPStatus) String() string { return [...]string{"good", "revoked", "unknown"}[s] }

// A Staple is a stapled OCSP answer (RFC 6960). What it says counts only if no
// check of the Verdict failed.
type Staple struct {
	Status     OCSPStatus
	RevokedAt  time.Time // if OCSPRevoked
	Reason     int       // CRLReason of RFC 5280, Section 5.3.1; 0 if it is not given
	ProducedAt time.Time
	ThisUpdate time.Time
	NextUpdate time.Time // zero: newer information is always available
	Responder  string    // who signed; escaped
}
