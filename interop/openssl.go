package main

import (
	"context"
	"strings"

	"github.com/handclasp/handclasp/iana"
)

// opensslCan holds for all that is built on Debian 12's OpenSSL.
var opensslCan = except(lacks{groups: hybrids, why: "OpenSSL has hybrid groups from 3.5 on, Debian 12 has 3.0"})

func opensslOpen(_ context.Context, k *kit) (*player, error) {
	return &player{client: k.opensslClient, server: k.opensslServer}, nil
}

// opensslGroups is OpenSSL's list of groups; ianaGroups has their names in TLS.
func opensslGroups(groups []iana.Group) string {
	return joined(groups, ":", func(g iana.Group) string {
		return map[iana.Group]string{iana.X25519: "X25519", iana.Secp256r1: "P-256", iana.Secp384r1: "P-384", iana.Secp521r1: "P-521"}[g]
	})
}

func ianaGroups(groups []iana.Group) string { return joined(groups, ":", iana.Group.String) }

func joined(groups []iana.Group, by string, name func(iana.Group) string) string {
	names := make([]string, len(groups))
	for i, g := range groups {
		names[i] = name(g)
	}
	return strings.Join(names, by)
}

// opensslParams are what the two commands have in common.
func opensslParams(c testCase) []string {
	args := []string{"-quiet", "-groups", opensslGroups(c.theirs())}
	if c.version == iana.TLS13 {
		return append(args, "-tls1_3", "-ciphersuites", c.suite.OpenSSL())
	}
	return append(args, "-tls1_2", "-cipher", c.suite.OpenSSL())
}

// opensslWants is a policy in the words of s_server, which goes on after errors
// of verification unless told otherwise.
func (k *kit) opensslWants(m mutual) (args []string) {
	switch {
	case !m.asked():
		return nil
	case m.policy.Requires():
		args = []string{"-Verify", "3"}
	default:
		args = []string{"-verify", "3"}
	}
	if m.policy.Verifies() {
		args = append(args, "-verify_return_error", "-CAfile", k.files.ca)
	}
	return args
}

// opensslShows is what s_client is given to show.
func (k *kit) opensslShows(m mutual) []string {
	if !m.proves() {
		return nil
	}
	id := k.files.ids[m.shows]
	return []string{"-cert", id.cert, "-key", id.key}
}

func (k *kit) opensslServer(ctx context.Context, c testCase) error {
	id := k.files.ids[c.key]
	run := func(port string) (*process, error) {
		return start(ctx, "openssl", append([]string{"s_server", "-naccept", "1", "-accept", "127.0.0.1:" + port,
			"-cert", id.cert, "-key", id.key}, append(k.opensslWants(c.mutual), opensslParams(c)...)...)...)
	}
	return k.serves(ctx, c, run, func(p *process) talk { return stream(p, k.data) })
}

func (k *kit) opensslClient(ctx context.Context, c testCase) error {
	run := func(port string) (*process, error) {
		return start(ctx, "openssl", append([]string{"s_client", "-connect", "127.0.0.1:" + port, "-servername", "localhost",
			"-verify_hostname", "localhost", "-verify_return_error", "-CAfile", k.files.ca}, append(k.opensslShows(c.mutual), opensslParams(c)...)...)...)
	}
	return k.calls(ctx, c, run, func(p *process) talk { return stream(p, k.data) })
}
