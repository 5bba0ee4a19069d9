package main

import (
	"slices"
	"strings"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/kex"
	"github.com/handclasp/handclasp/internal/keys"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/internal/suite"
	"github.com/handclasp/handclasp/sign"
)

// An area is cases that are counted together.
type area struct {
	name  string
	cases func(server bool) []testCase
}

// areas stand in the order of the summary's columns. What they hold comes from the
// tables that the engine works by.
var areas = []area{
	{"default", defaultCases},
	{"named", namedCases},
	{"groups", groupCases},
	{"schemes", schemeCases},
	{"mutual", mutualCases},
	{"resume", resumeCases},
	{"0-RTT", earlyCases},
	{"PSK", pskCases},
	{"later", laterCases},
	{"rekey", rekeyCases},
	{"large", largeCases},
	{"1-byte", wireCases},
	{"close", closeCases},
	{"shape", shapeCases},
	{diagnosed, func(bool) []testCase { return nil }}, // see trouble
}

func areaNames() (names []string) {
	for _, a := range areas {
		names = append(names, a.name)
	}
	return names
}

// perVersion makes cases of each version's usual one.
func perVersion(server bool, from, to iana.Version, vary func(testCase) []testCase) (cases []testCase) {
	for _, v := range versions {
		if from <= v && v <= to {
			cases = append(cases, vary(usual(v, server))...)
		}
	}
	return cases
}

// defaultCases are, for each version that needs no naming, every default suite with
// every default group and every certificate type, and a HelloRetryRequest for every
// suite of TLS 1.3.
func defaultCases(server bool) []testCase {
	return perVersion(server, iana.TLS12, iana.TLS13, func(c testCase) (cases []testCase) {
		for _, s := range suite.Defaults() {
			if s.For(c.version) {
				cases = append(cases, product(c, s)...)
			}
		}
		return cases
	})
}

func product(c testCase, s *suite.Suite) (cases []testCase) {
	c.suite = s.ID
	for _, g := range kex.Groups() {
		for _, k := range keyKinds {
			if c.group, c.key = g, k; c.exists() {
				cases = append(cases, c)
			}
		}
	}
	cases[0].bulk = true
	if c.version == iana.TLS13 {
		c.group, c.key, c.retry = iana.Secp384r1, pki.P256, true
		cases = append(cases, c)
	}
	return cases
}

// exists tells whether suite, group and certificate go together. In TLS 1.2 and
// below the suite says what signs (RFC 8422, Section 2; Ed25519 counts as ECDSA,
// Section 5.10, from TLS 1.2 on), and there are no hybrid groups (RFC 10024).
func (c testCase) exists() bool {
	if c.version == iana.TLS13 {
		return true
	}
	rsa := strings.Contains(c.suite.String(), "_RSA_")
	return rsa == (c.key == pki.RSA2048) && !kex.PostQuantum(c.group) && (c.version == iana.TLS12 || c.key != pki.Ed25519)
}

// namedCases are every suite that must be named, in each version that has it; with
// block ciphers both ways of the MAC.
func namedCases(server bool) []testCase {
	return perVersion(server, iana.TLS10, iana.TLS13, func(c testCase) (cases []testCase) {
		for _, s := range suite.All() {
			if !s.For(c.version) || slices.Contains(suite.Defaults(), s) {
				continue
			}
			c := c.with(s)
			if !s.CBC() {
				cases = append(cases, c)
				continue
			}
			for c.mac = macFirst; c.mac <= macLast; c.mac++ {
				cases = append(cases, c)
			}
		}
		return cases
	})
}

// groupCases are the groups that must be named, in TLS 1.3; those of RFC 7919 in
// TLS 1.2 and 1.0 and Diffie-Hellman parameters of the server's own there, which
// our server never makes; and the curves that TLS 1.1 and 1.0 share with later
// versions.
func groupCases(server bool) []testCase {
	return perVersion(server, iana.TLS10, iana.TLS13, func(c testCase) (cases []testCase) {
		for _, g := range kex.All() {
			byDefault := slices.Contains(kex.Groups(), g)
			switch {
			case c.version == iana.TLS13 && !byDefault:
				c.group = g
				cases = append(cases, c)
			case c.version < iana.TLS12 && kex.Curve(g) && g != usual(c.version, server).group:
				c.group = g
				cases = append(cases, c)
			case classic(c.version) && kex.Finite(g) && g != iana.FFDHE2048: // with which suites are tried
				f := c.with(suite.ByID(iana.TLS_DHE_RSA_WITH_AES_128_CBC_SHA))
				f.group = g
				cases = append(cases, f)
			}
		}
		for _, bits := range ownParameters {
			if f := c.with(suite.ByID(iana.TLS_DHE_RSA_WITH_AES_128_CBC_SHA)); classic(c.version) && !server {
				f.group, f.bits = 0, bits
				cases = append(cases, f)
			}
		}
		return cases
	})
}

func classic(v iana.Version) bool { return v == iana.TLS12 || v == iana.TLS10 }

// ownParameters are the lengths in bits of the Diffie-Hellman parameters in
// testdata, which openssl dhparam made.
var ownParameters = []int{1024, 2048, 3072}

// schemeCases are every signature scheme with a key that fits it, from TLS 1.2 on,
// where both sides sign with it.
func schemeCases(server bool) []testCase {
	return perVersion(server, iana.TLS12, iana.TLS13, func(plain testCase) (cases []testCase) {
		for _, s := range sign.All() {
			c := plain
			if c.version == iana.TLS13 && !sign.UsableIn13(s) {
				continue
			}
			c.scheme, c.key = s, keyFor(s)
			if c.version == iana.TLS12 && c.key == pki.RSA2048 {
				c.suite = iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
			}
			c.mutual = mutual{policy: handclasp.RequireAndVerifyClientCert, shows: c.key}
			cases = append(cases, c)
		}
		return cases
	})
}

// keyFor is the kind of key that signs with a scheme.
func keyFor(s iana.SignatureScheme) pki.Key {
	switch s {
	case iana.ECDSA_SECP256R1_SHA256, iana.ECDSA_SHA1:
		return pki.P256
	case iana.ECDSA_SECP384R1_SHA384:
		return pki.P384
	case iana.ECDSA_SECP521R1_SHA512:
		return pki.P521
	case iana.ED25519:
		return pki.Ed25519
	}
	return pki.RSA2048
}

// pskCases are external pre-shared keys in TLS 1.3, with and without a key
// exchange, and after a HelloRetryRequest. Those of TLS 1.2 and below are suites.
func pskCases(server bool) []testCase {
	return perVersion(server, iana.TLS13, iana.TLS13, func(c testCase) (cases []testCase) {
		c.psk = true
		for _, s := range suite.ForVersion(c.version) {
			if s.Hash == keys.SHA256 {
				c.suite = s.ID
				cases = append(cases, c)
			}
		}
		c = usual(c.version, server)
		c.psk = true
		retried, alone := c, c
		retried.retry, retried.group = true, iana.Secp384r1
		alone.alone = true
		return append(cases, retried, alone)
	})
}
