package main

import (
	"fmt"
	"slices"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/kex"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/internal/suite"
)

// A testCase is one handshake with data after it, or several if a session is
// resumed.
type testCase struct {
	version iana.Version
	server  bool // we are the server
	suite   iana.CipherSuite
	group   iana.Group           // of the key exchange; 0 without one
	bits    int                  // of Diffie-Hellman parameters that the server made itself; group is 0 then
	key     pki.Key              // of the server's certificate
	chain   chain                // what is large about it
	scheme  iana.SignatureScheme // that all who sign are told to use; 0: as they like
	mac     macOrder             // of CBC
	psk     bool                 // TLS 1.3 with an external pre-shared key
	alone   bool                 // a pre-shared key or session without key exchange (psk_ke)
	retry   bool                 // the client's first key share is for another group
	mutual  mutual
	resume  resume
	early   early
	then    deed // what happens after the handshake
	wire    wire
	shape   shape
	bulk    bool // with much data
}

func (c testCase) String() string {
	role := "our client"
	if c.server {
		role = "our server"
	}
	s := fmt.Sprintf("%s  %v  %v", role, c.version, c.suite)
	note := func(holds bool, format string, args ...any) {
		if holds {
			s += "  " + fmt.Sprintf(format, args...)
		}
	}
	note(c.group != 0, "%v", c.group)
	note(c.bits > 0, "%d-bit parameters", c.bits)
	note(c.shows(), "%v", c.key)
	note(c.chain != plain, "%v", c.chain)
	note(c.scheme != 0, "signs with %v", c.scheme)
	note(c.mac != anyOrder, "%v", c.mac)
	note(c.psk, "PSK")
	note(c.alone, "psk_ke")
	note(c.retry, "HelloRetryRequest")
	note(c.mutual.asked(), "%v", c.mutual)
	note(c.resume != never, "%v", c.resume)
	note(c.early != noEarly, "%v", c.early)
	note(c.then != nothing, "%v", c.then)
	note(c.wire != whole, "%v", c.wire)
	note(c.shape != unshaped, "%v", c.shape)
	return s
}

// entry is the case's row in the table of suites.
func (c testCase) entry() *suite.Suite { return suite.ByID(c.suite) }

// secret tells whether both sides have a pre-shared key, and shows whether the
// server shows a certificate.
func (c testCase) secret() bool { return c.psk || c.entry().Exchange.PreShared() }
func (c testCase) shows() bool  { return !c.psk && c.entry().Auth != suite.NoKey }

// A macOrder is what comes first of encryption and MAC in a record of CBC.
type macOrder uint8

const (
	anyOrder macOrder = iota
	macFirst          // the peer refuses encrypt-then-MAC
	macLast           // encrypt-then-MAC (RFC 7366)
)

func (m macOrder) String() string { return [...]string{"", "MAC-then-encrypt", "encrypt-then-MAC"}[m] }

var (
	keyKinds = []pki.Key{pki.P256, pki.P384, pki.P521, pki.RSA2048, pki.Ed25519}
	versions = []iana.Version{iana.TLS13, iana.TLS12, iana.TLS11, iana.TLS10}
)

// usual is the plainest case of a version, which others differ from in one thing.
func usual(v iana.Version, server bool) testCase {
	c := testCase{version: v, server: server, suite: iana.TLS_AES_128_GCM_SHA256, group: iana.X25519, key: pki.P256}
	switch {
	case v == iana.TLS12:
		c.suite = iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
	case v < iana.TLS12:
		c.suite, c.group = iana.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, iana.Secp256r1
	}
	return c
}

// with is the case with another suite, and the group and certificate that the
// suite needs where it needs one of a kind.
func (c testCase) with(s *suite.Suite) testCase {
	c.suite = s.ID
	switch {
	case s.Exchange.Finite():
		c.group = iana.FFDHE2048
	case !s.Exchange.Curve() && s.Exchange != iana.NoKeyExchange:
		c.group = 0
	}
	if s.Auth == suite.RSA {
		c.key = pki.RSA2048
	}
	return c
}

// curve is the group of an ECDSA certificate's key; 0 for other certificates.
func curve(k pki.Key) iana.Group {
	return map[pki.Key]iana.Group{pki.P256: iana.Secp256r1, pki.P384: iana.Secp384r1, pki.P521: iana.Secp521r1}[k]
}

// offered are the groups that a client of the case offers. In TLS 1.2 and below
// the list bounds the curves of certificates too (RFC 8422, Section 5.1.1), so that
// of each certificate stands in it, behind the one to use.
func (c testCase) offered() []iana.Group {
	if c.retry {
		return []iana.Group{iana.Secp256r1, c.group} // both of one kind: some send a share of each
	}
	var groups []iana.Group
	if c.group != 0 {
		groups = append(groups, c.group)
	}
	for _, k := range []iana.Group{curve(c.key), c.mutual.curve()} {
		if c.version < iana.TLS13 && c.shows() && k != 0 && !slices.Contains(groups, k) {
			groups = append(groups, k)
		}
	}
	return groups
}

// theirs are the groups that the peer is configured with. Servers that know
// only one list for both purposes need the certificates' curves in it.
func (c testCase) theirs() []iana.Group {
	if c.retry && !c.server {
		return []iana.Group{c.group}
	}
	return c.offered()
}

// curves are those of theirs that are not finite fields.
func (c testCase) curves() []iana.Group {
	return slices.DeleteFunc(slices.Clone(c.theirs()), kex.Finite)
}

// A pair is two of the values that a case has.
type pair struct {
	version iana.Version
	a, b    any // a suite, group or key
}

// sample picks cases in which each pair of suite, group and certificate type
// that the given ones hold comes up, and so does each HelloRetryRequest.
func sample(cases []testCase) (picked []testCase) {
	seen := map[pair]bool{}
	for _, c := range cases {
		fresh := c.retry
		for _, p := range []pair{{c.version, c.suite, c.group}, {c.version, c.suite, c.key}, {c.version, c.group, c.key}} {
			fresh = fresh || !seen[p]
			seen[p] = true
		}
		if fresh {
			picked = append(picked, c)
		}
	}
	return picked
}

// settled checks that the nth connection of a case, from 0, negotiated what it was
// meant to.
func (c testCase) settled(i handclasp.Info, n int) error {
	full := !i.Resumed
	group := c.group
	if c.alone && (c.psk || !full) {
		group = 0
	}
	switch {
	case i.Version != c.version || i.CipherSuite != c.suite || i.Retried != c.retry:
		return fmt.Errorf("negotiated %v, %v, retried: %v", i.Version, i.CipherSuite, i.Retried)
	case i.Resumed != c.resumes(n) && !c.forgets(n):
		return fmt.Errorf("connection %d: resumed: %v", n, i.Resumed)
	case full || c.version == iana.TLS13:
		if i.Group != group || c.bits > 0 && i.DHBits != c.bits {
			return fmt.Errorf("negotiated %v, %d bits", i.Group, i.DHBits)
		}
		if i.ForwardSecrecy != (c.entry().ForwardSecret() && (group != 0 || c.bits > 0)) {
			return fmt.Errorf("forward secrecy: %v", i.ForwardSecrecy)
		}
	}
	switch {
	case c.mac != anyOrder && i.EncryptThenMAC != (c.mac == macLast):
		return fmt.Errorf("encrypt-then-MAC: %v", i.EncryptThenMAC)
	case c.secret() && full && string(i.PSKIdentity) != identity:
		return fmt.Errorf("PSK %q", i.PSKIdentity)
	case c.scheme != 0 && i.SignatureScheme != c.scheme:
		return fmt.Errorf("the server signed with %v", i.SignatureScheme)
	case c.scheme != 0 && c.mutual.proves() && i.ClientScheme != c.scheme:
		return fmt.Errorf("the client signed with %v", i.ClientScheme)
	}
	if err := c.shaped(i); err != nil {
		return err
	}
	if c.then.later() || i.Resumed && !c.server {
		return nil // the client is not asked yet, or was asked before
	}
	return c.mutual.settled(i)
}

// --- what peers can't do ---

// A lack is a reason why a peer can't do some cases.
type lack struct {
	when func(testCase) bool
	why  string
}

// except is a peer's can: the first reason that holds for a case, or "".
func except(reasons ...[]lack) func(testCase) string {
	return func(c testCase) string {
		for _, r := range slices.Concat(reasons...) {
			if r.when(c) {
				return r.why
			}
		}
		return ""
	}
}

func groups(list ...iana.Group) func(testCase) bool {
	return func(c testCase) bool { return slices.Contains(list, c.group) }
}

func certified(list ...pki.Key) func(testCase) bool {
	return func(c testCase) bool {
		return c.shows() && slices.Contains(list, c.key) || c.mutual.proves() && slices.Contains(list, c.mutual.shows)
	}
}

func below(v iana.Version) func(testCase) bool {
	return func(c testCase) bool { return c.version < v }
}

// as gives the cases for which all conditions hold.
func as(all ...func(testCase) bool) func(testCase) bool {
	return func(c testCase) bool {
		return !slices.ContainsFunc(all, func(f func(testCase) bool) bool { return !f(c) })
	}
}

func macsLast(c testCase) bool   { return c.mac == macLast }
func macsFirst(c testCase) bool  { return c.mac == macFirst }
func acts(c testCase) bool       { return c.then != nothing }
func usesEarly(c testCase) bool  { return c.early != noEarly }
func hasScheme(c testCase) bool  { return c.scheme != 0 }
func hasSecret(c testCase) bool  { return c.secret() || c.alone }
func asks(c testCase) bool       { return c.mutual.asked() }
func ownDH(c testCase) bool      { return c.bits > 0 }
func finite(c testCase) bool     { return kex.Finite(c.group) }
func peerServes(c testCase) bool { return !c.server }
func peerCalls(c testCase) bool  { return c.server }

// postQuantum are the groups with ML-KEM in them.
func postQuantum(c testCase) bool { return kex.PostQuantum(c.group) }

// isDefault tells whether the suite needs no naming.
func isDefault(c testCase) bool { return slices.Contains(suite.Defaults(), c.entry()) }
