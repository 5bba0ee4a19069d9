package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/kex"
)

// opensslLacks holds for all that is built on Debian 12's OpenSSL.
var opensslLacks = []lack{
	{postQuantum, "OpenSSL has ML-KEM from 3.5 on, Debian 12 has 3.0"},
	{func(c testCase) bool { return c.suite.OpenSSL() == "" }, "OpenSSL does not have the suite"},
	{shapedAs(limited), "OpenSSL has no record_size_limit"},
	{tripleDES, "Debian builds OpenSSL without 3DES"},
}

// opensslCommands are what its commands can't do.
var opensslCommands = []lack{
	{halfCloses, "s_client and s_server end when one side closes"},
}

var opensslCan = except(opensslLacks, opensslCommands)

func tripleDES(c testCase) bool { return strings.Contains(c.suite.String(), "3DES") }

func halfCloses(c testCase) bool { return c.then == closeUs || c.then == closePeer }

func opensslOpen(_ context.Context, k *kit) (*player, error) {
	return &player{client: k.opensslClient, server: k.opensslServer, hosts: k.opensslHosts}, nil
}

// opensslGroups is OpenSSL's list of groups; ianaGroups has their names in TLS.
func opensslGroups(groups []iana.Group) string {
	return joined(groups, ":", func(g iana.Group) string {
		switch g {
		case iana.X25519:
			return "X25519"
		case iana.Secp256r1, iana.Secp384r1, iana.Secp521r1:
			return strings.TrimSuffix(strings.Replace(g.String(), "secp", "P-", 1), "r1")
		}
		return g.String()
	})
}

func ianaGroups(groups []iana.Group) string { return joined(groups, ":", iana.Group.String) }

func joined[T any](list []T, by string, name func(T) string) string {
	names := make([]string, len(list))
	for i, v := range list {
		names[i] = name(v)
	}
	return strings.Join(names, by)
}

// weak tells whether OpenSSL needs security level 0 for the case: for everything
// that must be named, and SHA-1.
func (c testCase) weak() bool {
	return c.version < iana.TLS12 || !isDefault(c) || c.scheme == iana.RSA_PKCS1_SHA1 || c.scheme == iana.ECDSA_SHA1
}

// opensslCipher is a list of one suite of TLS 1.2 or below.
func opensslCipher(c testCase) string {
	if c.weak() {
		return c.suite.OpenSSL() + ":@SECLEVEL=0"
	}
	return c.suite.OpenSSL()
}

// opensslParams are what the two commands have in common. Quiet, they print data
// alone, and take no commands.
func (k *kit) opensslParams(c testCase) []string {
	args := []string{"-" + map[iana.Version]string{iana.TLS13: "tls1_3", iana.TLS12: "tls1_2", iana.TLS11: "tls1_1", iana.TLS10: "tls1"}[c.version]}
	add := func(when bool, more ...string) {
		if when {
			args = append(args, more...)
		}
	}
	add(!c.noisy(), "-quiet")
	add(c.version == iana.TLS13, "-ciphersuites", c.suite.String())
	add(c.version < iana.TLS13, "-cipher", opensslCipher(c))
	if groups := c.theirs(); c.version == iana.TLS13 || len(c.curves()) > 0 {
		if c.version < iana.TLS13 {
			groups = c.curves() // RFC 7919 is for TLS 1.3 alone there
		}
		add(true, "-groups", opensslGroups(groups))
	}
	add(c.mac == macFirst, "-no_etm")
	add(c.secret(), "-psk", hex.EncodeToString(sharedKey), "-psk_identity", identity)
	add(c.alone, "-allow_no_dhe_kex")
	add(c.scheme != 0, "-sigalgs", joined(c.schemes(), ":", opensslScheme))
	add(c.resume == byID, "-no_ticket")
	add(c.shape == padded && c.version == iana.TLS13, "-record_padding", strconv.Itoa(padBytes))
	return args
}

// opensslScheme is OpenSSL's name of a signature scheme; those with SHA-1 are known
// by their parts alone.
func opensslScheme(s iana.SignatureScheme) string {
	switch s {
	case iana.RSA_PKCS1_SHA1:
		return "RSA+SHA1"
	case iana.ECDSA_SHA1:
		return "ECDSA+SHA1"
	}
	return s.String()
}

// noisy tells whether a command must print more than data, or take commands.
func (c testCase) noisy() bool { return c.byPeer() || c.early != noEarly && !c.server }

// opensslWants is a policy in the words of s_server, which goes on after errors
// of verification unless told otherwise.
func (k *kit) opensslWants(c testCase) (args []string) {
	m := c.mutual
	switch {
	case !m.asked():
		return nil
	case c.then.later():
	case m.policy.Requires():
		args = []string{"-Verify", "12"}
	default:
		args = []string{"-verify", "12"}
	}
	if m.policy.Verifies() {
		args = append(args, "-verify_return_error", "-CAfile", k.files.ca)
	}
	return args
}

// opensslShows is a certificate in the words of both.
func opensslShows(id credentials) []string {
	args := []string{"-cert", id.cert, "-key", id.key}
	if id.above != "" {
		args = append(args, "-cert_chain", id.above)
	}
	return args
}

func (k *kit) opensslServer(ctx context.Context, c testCase) error {
	args := slices.Concat([]string{"s_server", "-naccept", strconv.Itoa(c.rounds())}, opensslShows(k.files.id(c.key, c.chain)), k.opensslWants(c), k.opensslParams(c))
	if c.early != noEarly {
		args = append(args, "-early_data")
	}
	params, err := k.dhParams(c)
	if err != nil {
		return err
	}
	if params != "" {
		args = append(args, "-dhparam", params)
	}
	run := func(port string) (*process, error) {
		return start(ctx, "openssl", append(args, "-accept", "127.0.0.1:"+port)...)
	}
	return k.serves(ctx, c, run, func(p *process) talk { return k.opensslTalk(c, p) })
}

func (k *kit) opensslClient(ctx context.Context, c testCase) error {
	args := slices.Concat([]string{"s_client", "-servername", "localhost", "-verify_hostname", "localhost", "-verify_return_error", "-CAfile", k.files.ca}, k.opensslParams(c))
	if c.mutual.proves() {
		args = append(args, opensslShows(k.files.id(c.mutual.shows, c.chain))...)
	}
	if c.then == askLater {
		args = append(args, "-enable_pha")
	}
	if c.shape == cut {
		args = append(args, "-maxfraglen", strconv.Itoa(fragmentBytes))
	}
	early, err := k.files.write("early", []byte(earlyWords))
	if err != nil {
		return err
	}
	kept := k.files.path("session")
	run := func(port string, round int) (*process, error) {
		args := append(slices.Clone(args), "-connect", "127.0.0.1:"+port)
		switch {
		case c.resume != never && round == 0:
			args = append(args, "-sess_out", kept)
		case c.resume != never:
			args = append(args, "-sess_in", kept)
		}
		if c.sends(round) {
			args = append(args, "-early_data", early)
		}
		return start(ctx, "openssl", args...)
	}
	return k.calls(ctx, c, run, func(p *process) talk { return k.opensslTalk(c, p) })
}

// opensslTalk is a stream, or what noisy commands make of one.
func (k *kit) opensslTalk(c testCase, p *process) talk {
	if !c.noisy() {
		return stream(p, k.amount(c))
	}
	line := lineByLine(p, p.prints)
	if c.early != noEarly {
		return func(o *ours) error {
			if c.takes(o.n) {
				if err := p.prints(strings.TrimSpace(earlyWords)); err != nil {
					return err
				}
			}
			return line(o, func() {})
		}
	}
	command := map[deed]string{rekeyPeer: "K", askLater: "c", renegotiate: "r"}[c.then]
	if c.then == renegotiate && c.mutual.asked() {
		command = "R"
	}
	return prodded(func(*ours) error {
		_, err := fmt.Fprintln(p, command)
		return err
	}, line)
}

// dhParams is a file with Diffie-Hellman parameters for a server that makes its
// own or can't be told a group; "" where the case needs none.
func (k *kit) dhParams(c testCase) (path string, err error) {
	switch {
	case c.bits > 0:
		text, err := testdata.ReadFile(fmt.Sprintf("testdata/dh%d.pem", c.bits))
		if err != nil {
			return "", err
		}
		return k.files.write(fmt.Sprintf("dh%d.pem", c.bits), text)
	case c.version < iana.TLS13 && kex.Finite(c.group):
		text, err := dhPEM(kex.ParamsOf(c.group))
		if err != nil {
			return "", err
		}
		return k.files.write(c.group.String()+".pem", text)
	}
	return "", nil
}
