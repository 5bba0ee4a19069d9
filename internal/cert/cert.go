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
// What was found good may be remembered for some minutes, if the Request brings a
// memory; certificates that are in use are parsed once.
//
// Limits, against a peer that wants to keep us busy: so many certificates, bytes and
// elements as config.Limits says, RSA keys of 8192 bits, 100 signatures to check. RSA
// keys below 1024 bits are refused; from there on length is the business of the roots'
// policy, since private networks still hold many such devices.
//
// There is no clock here: the time comes with the Request. Nothing is fetched:
// neither a missing intermediate nor a revocation list. Signed certificate
// timestamps are carried and not verified, for that takes a list of logs.
package cert

import (
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/session"
	"github.com/handclasp/handclasp/sign"
)

const (
	MaxRSABits = 8192            // of any key, as in crypto/tls
	MinRSABits = sign.MinRSABits // of any key
)

// A Request is a chain to verify.
type Request struct {
	Chain      []*x509.Certificate // what Parse returned: as sent, leaf first, never empty
	Name       string              // host name or IP address to match; "" matches nothing and checks nothing
	Roots      *x509.CertPool      // nil: the system's
	Now        time.Time
	ServerAuth bool              // the chain is a server's, else a client's
	Transport  bool              // its key decrypts (RSA key transport) instead of signing
	OCSPStaple []byte            // DER of the OCSPResponse; nil if none was sent
	SCTs       [][]byte          // carried only
	Memory     *session.Verdicts // nil: the chain is judged whatever was found before
	Insecure   bool              // list failures in the Verdict instead of returning the first
}

// Parse reads a chain as it was sent: DER, leaf first. It fails with a
// *fault.Error if the list is empty or beyond the limits, which are those of
// Params, or if any of it cannot
// be parsed; then there is nothing that Verify could or should look at. The
// certificates share no memory with raw; other connections may have the same, so
// they must not be changed.
func Parse(raw [][]byte, most config.Limits) ([]*x509.Certificate, error) {
	size := 0
	for _, der := range raw {
		size += len(der)
	}
	switch n := len(raw); {
	case n == 0:
		return nil, fault.CertEmpty.In("certificate_list")
	case n > most.Certificates:
		return nil, fault.CertTooMany.In("certificate_list").Saw(count(n, "certificate"), fmt.Sprintf("at most %d", most.Certificates))
	case size > most.CertificateBytes:
		return nil, fault.CertTooLarge.In("certificate_list").Saw(count(size, "byte"), fmt.Sprintf("at most %d", most.CertificateBytes))
	}
	if left := most.CertificateParts; size > 2*left { // each takes two bytes or more
		for i, der := range raw {
			if left -= parts(der, deepest, left); left < 0 {
				return nil, fault.CertTooManyParts.In(entry(i)).Saw("more", fmt.Sprintf("at most %d in the chain", most.CertificateParts))
			}
		}
	}
	chain := make([]*x509.Certificate, len(raw))
	for i, der := range raw {
		c, err := inUse.parse(der)
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

// deepest is how far elements are counted within one another. What crypto/x509 reads
// lies less deep.
const deepest = 16

// parts counts the elements of der, one more than most at most, and what looks like
// some inside octet strings, where extensions are. Behind what can't be read none is counted, for
// the parser does not get there either.
func parts(der cryptobyte.String, deep, most int) (n int) {
	for !der.Empty() && n <= most {
		var inner cryptobyte.String
		var tag asn1.Tag
		if !der.ReadAnyASN1(&inner, &tag) {
			return n
		}
		n++
		if deep > 0 && (tag&0x20 != 0 || tag == asn1.OCTET_STRING) {
			n += parts(inner, deep-1, most-n)
		}
	}
	return n
}

// Verify checks a chain, or remembers what it found. Its error is a *fault.Error:
// the first failure, or nil if r.Insecure. There is always a Verdict.
func Verify(r Request) (*flow.Verdict, error) {
	if r.Memory == nil || r.Insecure {
		return judgeChain(r)
	}
	k := r.key()
	if v := r.remembered(k); v != nil {
		return v, nil
	}
	v, err := judgeChain(r)
	r.remember(k, v)
	return v, err
}

// judgeChain is Verify without a memory.
func judgeChain(r Request) (*flow.Verdict, error) {
	v := &verifier{Request: r, leaf: r.Chain[0]}
	v.Peer, v.notes = r.Chain, v.room[:0]
	v.form()
	v.keys()
	v.times()
	v.chain()
	v.usage()
	v.name()
	v.staple()
	v.timestamps()
	if len(v.Failed) == 0 {
		return v.good(), nil
	}
	v.Verdict.Tell(v)
	if !r.Insecure {
		return &v.Verdict, v.Failed[0]
	}
	return &v.Verdict, nil
}

// good is the verdict where nothing failed, without the verifier: a connection keeps
// it.
func (v *verifier) good() *flow.Verdict {
	p := &passed{Verdict: v.Verdict, name: v.Name, now: v.Now.UnixMilli(), serverAuth: v.ServerAuth, stapled: len(v.OCSPStaple) > 0, scts: uint16(min(len(v.SCTs), 1<<16-1))}
	p.Tell(p)
	return &p.Verdict
}

// passed is a verdict with what it takes to tell of checks none of which failed.
type passed struct {
	flow.Verdict
	name       string
	now        int64 // Unix milliseconds
	scts       uint16
	serverAuth bool
	stapled    bool
}

// Checks makes the verifier's notes again.
func (p *passed) Checks() []flow.Check {
	v := &verifier{Verdict: p.Verdict, leaf: p.Peer[0]}
	v.Name, v.Now, v.ServerAuth, v.SCTs = p.name, time.UnixMilli(p.now), p.serverAuth, make([][]byte, p.scts)
	if p.stapled {
		v.OCSPStaple = []byte{0} // that there was one is all that is told
	}
	if len(v.Chains) > 0 {
		v.path = v.Chains[0]
	}
	for c := formCheck; c <= stapleCheck; c++ {
		v.passed(c)
	}
	v.timestamps()
	return v.Checks()
}

// A verifier is one run of Verify.
type verifier struct {
	Request
	flow.Verdict
	leaf    *x509.Certificate
	path    []*x509.Certificate // leaf upwards, as far as the signatures hold
	checked int                 // signatures that the diagnosis has checked
	notes   []note
	room    [8]note
}

// A note is one check: what it found is put into words when somebody asks.
type note struct {
	check check
	err   *fault.Error // nil: it passed
}

// check is what is looked at.
type check uint8

const (
	formCheck check = iota
	keysCheck
	timeCheck
	chainCheck
	usageCheck
	nameCheck
	stapleCheck
	timestampsCheck
)

// inWords is how a check is called and what it found if it passed.
var inWords = [...]struct {
	name   string
	detail func(*verifier) string
}{
	formCheck:       {"form", (*verifier).formDetail},
	keysCheck:       {"keys", func(v *verifier) string { return keyKind(v.leaf) }},
	timeCheck:       {"time", (*verifier).timeDetail},
	chainCheck:      {"chain", func(v *verifier) string { return route(v.path) }},
	usageCheck:      {"usage", func(v *verifier) string { return v.wanted().String() }},
	nameCheck:       {"name", (*verifier).nameDetail},
	stapleCheck:     {"staple", (*verifier).stapleDetail},
	timestampsCheck: {"timestamps", (*verifier).timestampsDetail},
}

// passed and failed record a check and how it ended.
func (v *verifier) passed(c check) { v.notes = append(v.notes, note{c, nil}) }

func (v *verifier) failed(c check, err *fault.Error) {
	v.Failed = append(v.Failed, err)
	v.notes = append(v.notes, note{c, err})
}

// Checks puts the notes into words.
func (v *verifier) Checks() []flow.Check {
	list := make([]flow.Check, len(v.notes))
	for i, n := range v.notes {
		list[i] = flow.Check{Name: inWords[n.check].name, Err: n.err}
		if n.err != nil {
			list[i].Detail = strings.TrimSuffix(n.err.Text, ".")
		} else {
			list[i].Detail = inWords[n.check].detail(v)
		}
	}
	return list
}

// form says what Parse has let through: it is no check that can fail.
func (v *verifier) form() { v.passed(formCheck) }

func (v *verifier) formDetail() string {
	size := 0
	for _, c := range v.Peer {
		size += len(c.Raw)
	}
	return count(len(v.Peer), "certificate") + ", " + count(size, "byte")
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
