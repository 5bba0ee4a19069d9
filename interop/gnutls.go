package main

import (
	"context"
	"strings"

	"github.com/handclasp/handclasp/iana"
)

// gnutlsCan holds for all that is built on Debian 12's GnuTLS.
var gnutlsCan = except(lacks{groups: hybrids, why: "GnuTLS has hybrid groups from 3.8.8 on, Debian 12 has 3.7"})

func gnutlsOpen(_ context.Context, k *kit) (*player, error) {
	return &player{client: k.gnutlsClient, server: k.gnutlsServer}, nil
}

// gnutlsPriority is GnuTLS's "priority string" of a case.
func gnutlsPriority(c testCase) string {
	version, exchange := "1.3", ""
	if c.version == iana.TLS12 {
		version, exchange = "1.2", ":+ECDHE-RSA:+ECDHE-ECDSA"
	}
	s := "NONE:+VERS-TLS" + version + exchange + ":+AEAD:+COMP-NULL:+SIGN-ALL:+CTYPE-X509:+" + gnutlsCipher(c.suite)
	for _, g := range c.theirs() {
		s += ":+GROUP-" + strings.ToUpper(g.String())
	}
	return s
}

func gnutlsCipher(s iana.CipherSuite) string {
	switch name := s.String(); {
	case strings.Contains(name, "AES_128_GCM"):
		return "AES-128-GCM"
	case strings.Contains(name, "AES_256_GCM"):
		return "AES-256-GCM"
	default:
		return "CHACHA20-POLY1305"
	}
}

// gnutlsWants is a policy in the words of gnutls-serv.
func (k *kit) gnutlsWants(m mutual) (args []string) {
	if !m.asked() {
		return []string{"--disable-client-cert"}
	}
	if m.policy.Requires() {
		args = append(args, "--require-client-cert")
	}
	if m.policy.Verifies() {
		args = append(args, "--verify-client-cert", "--x509cafile", k.files.ca)
	}
	return args
}

// gnutls-serv echoes lines, and listens on every interface.
func (k *kit) gnutlsServer(ctx context.Context, c testCase) error {
	id := k.files.ids[c.key]
	run := func(port string) (*process, error) {
		return daemon(ctx, "gnutls-serv", append(k.gnutlsWants(c.mutual), "--echo", "--quiet", "--port", port, "--priority", gnutlsPriority(c),
			"--x509certfile", id.cert, "--x509keyfile", id.key)...)
	}
	return k.serves(ctx, c, run, func(*process) talk { return echo(k.data) })
}

// gnutls-cli moves about 3 MB a second, so it is spared more than a page.
func (k *kit) gnutlsClient(ctx context.Context, c testCase) error {
	run := func(port string) (*process, error) {
		var shows []string
		if c.mutual.proves() {
			own := k.files.ids[c.mutual.shows]
			shows = []string{"--x509certfile", own.cert, "--x509keyfile", own.key}
		}
		return start(ctx, "gnutls-cli", append(shows, "--logfile", "/dev/stderr", "--port", port, "--priority", gnutlsPriority(c),
			"--x509cafile", k.files.ca, "--sni-hostname", "localhost", "--verify-hostname", "localhost", "127.0.0.1")...)
	}
	return k.calls(ctx, c, run, func(p *process) talk { return stream(p, min(k.data, page)) })
}
