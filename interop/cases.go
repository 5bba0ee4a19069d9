package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/kex"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/internal/suite"
)

// A testCase is one handshake with data after it.
type testCase struct {
	version iana.Version
	server  bool // we are the server
	suite   iana.CipherSuite
	group   iana.Group
	key     pki.Key
	retry   bool // the client's first key share is for another group
	mutual  mutual
}

func (c testCase) String() string {
	role := "our client"
	if c.server {
		role = "our server"
	}
	s := fmt.Sprintf("%s  %v  %v  %v  %v", role, c.version, c.suite, c.group, c.key)
	if c.retry {
		s += "  HelloRetryRequest"
	}
	return s + c.mutual.String()
}

var keyKinds = []pki.Key{pki.P256, pki.P384, pki.P521, pki.RSA2048, pki.Ed25519}

// underTest are the versions that our configuration takes, highest first.
func underTest() (versions []iana.Version) {
	for _, v := range []iana.Version{iana.TLS13, iana.TLS12} {
		if _, err := (&handclasp.ClientConfig{MinVersion: v, MaxVersion: v}).Params(); err == nil {
			versions = append(versions, v)
		}
	}
	return versions
}

// allCases are, for each version, every suite with every group and every
// certificate type, and a HelloRetryRequest for every suite of TLS 1.3.
func allCases(server bool) (cases []testCase) {
	for _, v := range underTest() {
		for _, s := range suite.Defaults() {
			if s.For(v) {
				cases = append(cases, product(v, server, s.ID)...)
			}
		}
	}
	return cases
}

func product(v iana.Version, server bool, s iana.CipherSuite) (cases []testCase) {
	for _, g := range kex.Groups() {
		for _, k := range keyKinds {
			if c := (testCase{version: v, server: server, suite: s, group: g, key: k}); c.exists() {
				cases = append(cases, c)
			}
		}
	}
	if v == iana.TLS13 {
		cases = append(cases, testCase{version: v, server: server, suite: s, group: iana.Secp384r1, key: pki.P256, retry: true})
	}
	return cases
}

// exists tells whether the parts of a case go together. In TLS 1.2 the suite
// says what signs (RFC 8422, Section 2; Ed25519 counts as ECDSA, Section 5.10),
// and there are no hybrid groups (RFC 10024).
func (c testCase) exists() bool {
	if c.version == iana.TLS13 {
		return true
	}
	rsa := strings.HasPrefix(c.suite.String(), "TLS_ECDHE_RSA_")
	return rsa == (c.key == pki.RSA2048) && !kex.PostQuantum(c.group)
}

// curve is the group of an ECDSA certificate's key; 0 for other certificates.
func curve(k pki.Key) iana.Group {
	return map[pki.Key]iana.Group{pki.P256: iana.Secp256r1, pki.P384: iana.Secp384r1, pki.P521: iana.Secp521r1}[k]
}

// offered are the groups that a client of the case offers. In TLS 1.2 the list
// bounds the curves of certificates too (RFC 8422, Section 5.1.1), so that of
// each certificate stands in it, behind the one to use.
func (c testCase) offered() []iana.Group {
	if c.retry {
		return []iana.Group{iana.Secp256r1, c.group} // both of one kind: some send a share of each
	}
	groups := []iana.Group{c.group}
	for _, k := range []iana.Group{curve(c.key), c.mutual.curve()} {
		if c.version == iana.TLS12 && k != 0 && !slices.Contains(groups, k) {
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

// settled checks that a case negotiated what it was meant to.
func (c testCase) settled(i handclasp.Info) error {
	if i.Version != c.version || i.CipherSuite != c.suite || i.Group != c.group || i.Retried != c.retry {
		return fmt.Errorf("negotiated %v, %v with %v, retried: %v", i.Version, i.CipherSuite, i.Group, i.Retried)
	}
	return c.mutual.settled(i)
}

// clientConfig is our configuration as client of a case.
func (f *files) clientConfig(c testCase) *handclasp.ClientConfig {
	cfg := &handclasp.ClientConfig{
		ServerName: "localhost", RootCAs: f.roots, MinVersion: c.version, MaxVersion: c.version,
		CipherSuites: []iana.CipherSuite{c.suite}, CurvePreferences: c.offered(),
	}
	if c.mutual.proves() {
		cfg.Certificates = []handclasp.Certificate{f.ids[c.mutual.shows].ours}
	}
	return cfg
}

// serverConfig is our configuration as server of a case.
func (f *files) serverConfig(c testCase) *handclasp.ServerConfig {
	return &handclasp.ServerConfig{
		Certificates: []handclasp.Certificate{f.ids[c.key].ours}, MinVersion: c.version, MaxVersion: c.version,
		CipherSuites: []iana.CipherSuite{c.suite}, CurvePreferences: []iana.Group{c.group},
		ClientAuth: c.mutual.policy, ClientCAs: f.roots,
	}
}

// --- what peers can't do ---

// lacks makes a reason out of the cases that have one of the groups or keys.
type lacks struct {
	groups []iana.Group
	keys   []pki.Key
	why    string
}

// except is a peer's can: the first reason that holds for a case, or "".
func except(reasons ...lacks) func(testCase) string {
	return func(c testCase) string {
		for _, r := range reasons {
			if slices.Contains(r.groups, c.group) || slices.Contains(r.keys, c.key) {
				return r.why
			}
		}
		return ""
	}
}

// hybrids are the groups with a post-quantum half.
var hybrids = []iana.Group{iana.X25519MLKEM768, iana.SecP256r1MLKEM768, iana.SecP384r1MLKEM1024}
