// Package cert judges the peer's certificate chain, and chooses among our own.
//
// Policy: crypto/x509 decides whether a chain is good; when it refuses one, this
// package finds out why, so that each cause is a rule of its own: expired or
// unknown, missing or mistrusted, wrong name or no name. The usual case costs
// one verification. The diagnosis may not turn a refusal into an acceptance: it
// only words it.
//
// Parse comes first and is all or nothing: a list of which any certificate
// cannot be parsed is refused, even if a chain could do without it. The checks
// of Verify are independent; it fails with the first in the order in which
// Failed lists them: keys, time, chain, usage, name, staple.
//
// Limits, against a peer that wants to keep us busy: 32 certificates, 256 KiB
// in all, RSA keys of 8192 bits, 100 signatures to check. RSA keys below
// 1024 bits are refused; from there on length is the business of the roots'
// policy, since private networks still hold many such devices.
//
// There is no clock here: the time comes with the Request. Nothing is fetched:
// neither a missing intermediate nor a revocation list. Signed certificate
// timestamps are carried and not verified, for that takes a list of logs.
package cert

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
)

const (
	MaxCertificates = 32      // in one chain
	MaxBytes        = 1 << 18 // of all certificates of a chain together
	MaxRSABits      = 8192    // of any key, as in crypto/tls
	MinRSABits      = 1024    // of any key; crypto/rsa refuses less
)

// A Request is a chain to verify.
type Request struct {
	Chain      []*x509.Certificate // what Parse returned: as sent, leaf first, never empty
	Name       string              // host name or IP address to match; "" matches nothing and checks nothing
	Roots      *x509.CertPool      // nil: the system's
	Now        time.Time
	ServerAuth bool     // the chain is a server's, else a client's
	OCSPStaple []byte   // DER of the OCSPResponse; nil if none was sent
	SCTs       [][]byte // carried only
	Insecure   bool     // list failures in the Verdict instead of returning the first
}

// Parse reads a chain as it was sent: DER, leaf first. It fails with a
// *fault.Error if the list is empty or beyond the limits, or if any of it cannot
// be parsed; then there is nothing that Verify could or should look at. The
// certificates share no memory with raw.
func Parse(raw [][]byte) ([]*x509.Certificate, error) {
	size := 0
	for _, der := range raw {
		size += len(der)
	}
	switch n := len(raw); {
	case n == 0:
		return nil, fault.CertEmpty.In("certificate_list")
	case n > MaxCertificates:
		return nil, fault.CertTooMany.In("certificate_list").Saw(count(n, "certificate"), fmt.Sprintf("at most %d", MaxCertificates))
	case size > MaxBytes:
		return nil, fault.CertTooLarge.In("certificate_list").Saw(count(size, "byte"), fmt.Sprintf("at most %d", MaxBytes))
	}
	chain := make([]*x509.Certificate, len(raw))
	for i, der := range raw {
		// crypto/x509 keeps what it parses, and raw may be a buffer that is read
		// into again before the verdict.
		c, err := x509.ParseCertificate(bytes.Clone(der))
		if err != nil {
			return nil, fault.CertUnparsable.In(entry(i)).Because(err)
		}
		if k, ok := c.PublicKey.(*rsa.PublicKey); ok && k.N.BitLen() > MaxRSABits {
			return nil, fault.CertKeyTooLarge.In(entry(i)).Saw(Describe(c), fmt.Sprintf("at most %d bits", MaxRSABits))
		}
		chain[i] = c
	}
	return chain, nil
}

// Verify checks a chain. Its error is a *fault.Error: the first failure, or nil
// if r.Insecure. There is always a Verdict.
func Verify(r Request) (*flow.Verdict, error) {
	v := &verifier{Request: r, Verdict: &flow.Verdict{Peer: r.Chain}, leaf: r.Chain[0]}
	v.form()
	v.keys()
	v.times()
	v.chain()
	v.usage()
	v.name()
	v.staple()
	v.timestamps()
	if len(v.Failed) > 0 && !r.Insecure {
		return v.Verdict, v.Failed[0]
	}
	return v.Verdict, nil
}

// A verifier is one run of Verify.
type verifier struct {
	Request
	*flow.Verdict
	leaf    *x509.Certificate
	path    []*x509.Certificate // leaf upwards, as far as the signatures hold
	checked int                 // signatures that the diagnosis has checked
}

// passed records a check and what it found.
func (v *verifier) passed(name, format string, args ...any) {
	v.Checks = append(v.Checks, flow.Check{Name: name, Detail: fmt.Sprintf(format, args...)})
}

// failed records a check that did not pass.
func (v *verifier) failed(name string, err *fault.Error) {
	v.Failed = append(v.Failed, err)
	v.Checks = append(v.Checks, flow.Check{Name: name, Detail: strings.TrimSuffix(err.Text, "."), Err: err})
}

// form says what Parse has let through: it is no check that can fail.
func (v *verifier) form() {
	size := 0
	for _, c := range v.Peer {
		size += len(c.Raw)
	}
	v.passed("form", "%s, %s", count(len(v.Peer), "certificate"), count(size, "byte"))
}

// entry is the name of a certificate's place in the message.
func entry(i int) string { return fmt.Sprintf("certificate_list[%d]", i) }

// where is the place of c in the message; a root of ours has none.
func (v *verifier) where(c *x509.Certificate) string {
	for i, p := range v.Peer {
		if p.Equal(c) {
			return entry(i)
		}
	}
	return ""
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
