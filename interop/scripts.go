package main

import (
	"github.com/handclasp/handclasp/iana"
)

// Java's JSSE, Node and Python, each with a program in testdata.

// javaCan: JSSE of OpenJDK 17.
var javaCan = except(lacks{groups: hybrids, why: "JSSE of OpenJDK 17 has no hybrid groups"})

// Before JDK 20 a process has one list of groups.
var javaOpen = residence{
	program: "Echo.java",
	command: func(c testCase, program string) []string {
		return []string{"java", "-Djdk.tls.namedGroups=" + joined(c.theirs(), ",", iana.Group.String), program}
	},
	suite:  iana.CipherSuite.String,
	groups: func(groups []iana.Group) string { return joined(groups, ",", iana.Group.String) },
}.open

var nodeOpen = residence{
	program: "echo.js",
	command: func(_ testCase, program string) []string { return []string{"node", program} },
	suite:   iana.CipherSuite.OpenSSL,
	groups:  opensslGroups,
}.open

var pythonOpen = residence{
	program: "echo.py",
	command: func(_ testCase, program string) []string { return []string{"python3", program} },
	suite:   iana.CipherSuite.OpenSSL,
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
