package main

import (
	"path/filepath"
	"strings"

	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/kex"
	"github.com/handclasp/handclasp/sign"
)

// Java's JSSE, Node and Python, each with a program in testdata.

// javaCan: JSSE of OpenJDK 17.
var javaCan = except([]lack{
	{postQuantum, "JSSE of OpenJDK 17 has no ML-KEM"},
	{hasSecret, "JSSE has neither external pre-shared keys nor psk_ke"},
	{func(c testCase) bool { return strings.Contains(c.suite.String(), "CCM") }, "JSSE has no CCM"},
	{macsLast, "JSSE has no encrypt-then-MAC"},
	{shapedAs(limited), "JSSE has no record_size_limit"},
	{asksToCut, "JSSE asks for max_fragment_length only by a property of the whole process"},
	{ownDH, "JSSE takes no Diffie-Hellman parameters"},
	{usesEarly, "JSSE has no 0-RTT"},
	{func(c testCase) bool { return c.then == askLater }, "JSSE has no post-handshake authentication"},
	{as(halfCloses, below(iana.TLS13)), "before TLS 1.3 a close_notify ends both directions (RFC 5246, Section 7.2.1)"},
})

// Before JDK 20 a process has one list of groups and one of schemes, and the client
// says for the whole process whether it takes tickets.
var javaOpen = residence{
	program: "Echo.java",
	compile: []string{"javac"},
	command: func(c testCase, program string) []string {
		args := []string{"java", "-XX:+UseSerialGC"}
		if groups := c.theirs(); len(groups) > 0 {
			args = append(args, "-Djdk.tls.namedGroups="+joined(groups, ",", iana.Group.String))
		}
		if c.weak() {
			args = append(args, "-Dinterop.weak=true")
		}
		if c.scheme != 0 {
			schemes := joined(c.schemes(), ",", iana.SignatureScheme.String)
			args = append(args, "-Djdk.tls.client.SignatureSchemes="+schemes, "-Djdk.tls.server.SignatureSchemes="+schemes)
		}
		if c.resume == byID {
			args = append(args, "-Djdk.tls.client.enableSessionTicketExtension=false")
		}
		return append(args, "-cp", filepath.Dir(program), "Echo")
	},
	suite: func(c testCase) string {
		return strings.Replace(c.suite.String(), "TLS_RSA_WITH_3DES", "SSL_RSA_WITH_3DES", 1)
	},
	groups: func(groups []iana.Group) string { return joined(groups, ",", iana.Group.String) },
}.open

// nodeCan: Node is built with an OpenSSL of its own, or Debian's.
var nodeCan = except(opensslLacks, []lack{
	{func(c testCase) bool { return c.alone }, "Node can't allow psk_ke"},
	{asksToCut, "Node can't ask for max_fragment_length"},
	{usesEarly, "Node has no 0-RTT"},
	{func(c testCase) bool { return c.then.later() || c.then == rekeyPeer }, "Node neither asks later nor sends KeyUpdate"},
	{as(halfCloses, below(iana.TLS13)), "before TLS 1.3 a close_notify ends both directions (RFC 5246, Section 7.2.1)"},
})

var nodeOpen = residence{
	program: "echo.js",
	command: func(_ testCase, program string) []string { return []string{"node", program} },
	suite: func(c testCase) string {
		if c.version == iana.TLS13 {
			return c.suite.String()
		}
		return opensslCipher(c)
	},
	groups: opensslGroups,
}.open

var pythonCan = except(opensslLacks, []lack{
	{func(c testCase) bool { return c.version == iana.TLS13 && !isDefault(c) }, "Python can't choose suites of TLS 1.3"},
	{hasSecret, "Python has pre-shared keys from 3.13 on, Debian 12 has 3.11"},
	{func(c testCase) bool { return c.version == iana.TLS13 && kex.Finite(c.group) }, "Python takes curves alone"},
	{func(c testCase) bool { return c.scheme != 0 && c.scheme != sign.All()[0] }, "Python can't choose signature schemes"},
	{asksToCut, "Python can't ask for max_fragment_length"},
	{usesEarly, "Python has no 0-RTT"},
	{func(c testCase) bool { return c.then == rekeyPeer || c.then == renegotiate }, "Python neither sends KeyUpdate nor renegotiates"},
	{as(peerServes, func(c testCase) bool { return c.mutual.asked() && !c.mutual.policy.Verifies() }), "Python verifies what clients show"},
	{as(peerServes, below(iana.TLS13), func(c testCase) bool { return c.mutual.curve() != 0 && c.mutual.curve() != c.group }), "Python takes one curve, by which OpenSSL judges client certificates too"},
	{func(c testCase) bool { return c.then == closePeer }, "Python's ssl can't close one side and read on"},
	{as(halfCloses, below(iana.TLS13)), "before TLS 1.3 a close_notify ends both directions (RFC 5246, Section 7.2.1)"},
})

var pythonOpen = residence{
	program: "echo.py",
	command: func(_ testCase, program string) []string { return []string{"python3", program} },
	suite:   opensslCipher,
	groups:  func(groups []iana.Group) string { return joined(groups, ",", pythonGroup) },
}.open

// pythonGroup is the short name of OpenSSL's objects, which only Python wants.
func pythonGroup(g iana.Group) string {
	switch g {
	case iana.X25519:
		return "X25519"
	case iana.Secp256r1:
		return "prime256v1"
	}
	return g.String()
}
