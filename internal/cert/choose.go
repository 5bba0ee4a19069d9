package cert

import (
	"crypto/x509"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// A Candidate is a certificate of ours.
type Candidate struct {
	Leaf    *x509.Certificate
	Chain   []*x509.Certificate    // leaf first; ChooseForServer alone looks at it
	Schemes []iana.SignatureScheme // what its key can sign CertificateVerify with, in our order; without those that the version forbids
	Signed  []iana.SignatureScheme // what its chain is signed with: see sign.Chain
	Leads   string                 // an authority that the peer names and its chain leads to: see LeadsTo; "" if there is none; Choose alone looks at it
}

// Wanted is what the peer asked for.
type Wanted struct {
	Name        string                 // server_name; "" if none was sent
	Schemes     []iana.SignatureScheme // signature_algorithms, without those that the version forbids
	CertSchemes []iana.SignatureScheme // signature_algorithms_cert; empty: signature_algorithms counts for both
}

// Choose picks the certificate and the scheme to sign with. It returns the
// index of the candidate; Why says the reason. The order is:
//
//  1. the name: certificates that hold it, before those whose wildcard covers
//     it; if there are none of either, or no name was sent, all compete, so that
//     the first one configured is the default;
//  2. the key: it must sign with a scheme that the peer accepts;
//  3. the chain: signed only with schemes that the peer accepts, if there is
//     such a one (RFC 9846, Section 4.5.1.2); one with SHA-1 that the peer
//     did not ask for is never sent;
//  4. the authority: a chain that leads to one which the peer names (RFC 9846,
//     Section 4.3.4);
//  5. our order of candidates, then the candidate's order of schemes.
//
// A certificate for a wrong name is never chosen because the right one cannot
// sign: "no common algorithm" tells the peer more than "wrong name".
func Choose(cands []Candidate, w Wanted) (index int, scheme iana.SignatureScheme, err error) {
	if len(cands) == 0 {
		return -1, 0, fault.CertNone.New()
	}
	fits, best := nameFits(cands, w.Name)
	accepted := w.CertSchemes
	if len(accepted) == 0 {
		accepted = w.Schemes
	}
	index, top := -1, 0
	for i := range cands {
		if best != noName && fits[i] == noName {
			continue
		}
		s, ok := cands[i].scheme(w.Schemes)
		signed := cands[i].signed(accepted)
		if !ok || signed == forbidden {
			continue
		}
		// The name weighs more than the chain; position decides ties.
		rank := 1 + 4*int(fits[i]) + 2*int(signed)
		if cands[i].Leads != "" {
			rank++
		}
		if rank > top {
			index, scheme, top = i, s, rank
		}
	}
	if index < 0 {
		return -1, 0, noCommon(cands, fits, best, w)
	}
	return index, scheme, nil
}

// nameFits says how well each fits the name, and the best of them. One that stands
// alone is chosen whatever its name.
func nameFits(cands []Candidate, name string) (fits []fit, best fit) {
	fits = make([]fit, len(cands))
	if len(cands) == 1 {
		return fits, noName
	}
	for i := range cands {
		fits[i] = cands[i].fits(name)
		best = max(best, fits[i])
	}
	return fits, best
}

// A fit says how well a certificate fits the name.
type fit int

const (
	noName fit = iota
	wildcard
	exact
)

func (c *Candidate) fits(name string) fit {
	if name == "" || c.Leaf.VerifyHostname(name) != nil {
		return noName
	}
	for _, n := range c.Leaf.DNSNames {
		if strings.EqualFold(n, strings.TrimSuffix(name, ".")) {
			return exact
		}
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return exact // addresses have no wildcards
	}
	return wildcard
}

// scheme is the first scheme of ours that the peer accepts.
func (c *Candidate) scheme(accepted []iana.SignatureScheme) (iana.SignatureScheme, bool) {
	for _, s := range c.Schemes {
		if slices.Contains(accepted, s) {
			return s, true
		}
	}
	return 0, false
}

// chainFit says how well the signatures in a chain fit what the peer accepts.
type chainFit int

const (
	forbidden chainFit = iota - 1 // "fallback chain MUST NOT use the deprecated SHA-1 hash"
	fallback
	wholly
)

func (c *Candidate) signed(accepted []iana.SignatureScheme) chainFit {
	fits := wholly
	for _, s := range c.Signed {
		switch {
		case slices.Contains(accepted, s):
		case s == iana.RSA_PKCS1_SHA1 || s == iana.ECDSA_SHA1:
			return forbidden
		default:
			fits = fallback
		}
	}
	return fits
}

// Why is the reason, in a sentence, why Choose took c and s.
func (c *Candidate) Why(s iana.SignatureScheme, w Wanted) string {
	f := c.fits(w.Name)
	var name string
	switch {
	case w.Name == "":
		name = "No name was asked for, so every certificate competes"
	case f == exact:
		name = fmt.Sprintf("It holds the name %s", fault.Quote([]byte(w.Name)))
	case f == wildcard:
		name = fmt.Sprintf("Its wildcard covers the name %s", fault.Quote([]byte(w.Name)))
	default:
		name = fmt.Sprintf("No certificate of ours fits the name %s, so the default stands in", fault.Quote([]byte(w.Name)))
	}
	accepted := w.CertSchemes
	if len(accepted) == 0 {
		accepted = w.Schemes
	}
	chain := ""
	if c.Leads != "" {
		chain = "; its chain leads to " + c.Leads + ", which the peer names"
	}
	if c.signed(accepted) == fallback {
		chain += "; no chain of ours is signed only as the peer accepts, so it may not verify"
	}
	return fmt.Sprintf("%s; its key signs with %v, which the peer accepts%s.", name, s, chain)
}

// noCommon says what the peer offers against what those of our keys can do that
// were in the running.
func noCommon(cands []Candidate, fits []fit, best fit, w Wanted) *fault.Error {
	var ours []iana.SignatureScheme
	sha1 := false
	for i := range cands {
		if best != noName && fits[i] == noName {
			continue
		}
		if _, ok := cands[i].scheme(w.Schemes); ok {
			sha1 = true
		}
		for _, s := range cands[i].Schemes {
			if !slices.Contains(ours, s) {
				ours = append(ours, s)
			}
		}
	}
	if sha1 {
		return fault.NoCommonSigalg.In("signature_algorithms_cert").Saw("our chain is signed with SHA-1, which the peer does not accept", "a chain signed with SHA-256 or better")
	}
	return fault.NoCommonSigalg.In("signature_algorithms").Saw("the peer accepts "+list(w.Schemes), "one of ours: "+list(ours))
}

func list(schemes []iana.SignatureScheme) string {
	if len(schemes) == 0 {
		return "none that this version may use"
	}
	names := make([]string, 0, 16)
	for i, s := range schemes {
		if i == 16 {
			names = append(names, fmt.Sprintf("and %d more", len(schemes)-i))
			break
		}
		names = append(names, fmt.Sprint(s))
	}
	return strings.Join(names, ", ")
}
