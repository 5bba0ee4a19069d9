package main

import (
	"bufio"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
)

// botanCan: Debian 12's Botan 2.19 is the last of its line.
func botanCan(c testCase) string {
	switch {
	case c.version == iana.TLS13:
		return "Botan has TLS 1.3 from 3.0 on, Debian 12 has 2.19"
	case c.key == pki.Ed25519:
		return "Botan 2 has no Ed25519 in TLS"
	}
	return ""
}

func botanOpen(_ context.Context, k *kit) (*player, error) {
	return &player{client: k.botanClient, server: k.botanServer}, nil
}

// botanPolicy writes a policy file for a case.
func (k *kit) botanPolicy(c testCase) (string, error) {
	cipher := map[string]string{"AES-128-GCM": "AES-128/GCM", "AES-256-GCM": "AES-256/GCM", "CHACHA20-POLY1305": "ChaCha20Poly1305"}[gnutlsCipher(c.suite)]
	var groups []string
	for _, g := range c.theirs() {
		groups = append(groups, g.String())
	}
	policy := fmt.Sprintf("allow_tls12 = true\nciphers = %s\nmacs = AEAD\nkey_exchange_methods = ECDH\nkey_exchange_groups = %s\nrequire_cert_revocation_info = false\n",
		cipher, strings.Join(groups, " "))
	return k.files.write("botan.policy", []byte(policy))
}

// The server echoes lines, and listens on every interface.
func (k *kit) botanServer(ctx context.Context, c testCase) error {
	policy, err := k.botanPolicy(c)
	if err != nil {
		return err
	}
	id := k.files.ids[c.key]
	run := func(port string) (*process, error) {
		return daemon(ctx, "botan", "tls_server", id.cert, id.key, "--port="+port, "--policy="+policy, "--max-clients=1")
	}
	return k.serves(ctx, c, run, func(*process) talk { return echo(k.data) })
}

// stdbuf, since botan keeps the end of what it prints to itself.
func (k *kit) botanClient(ctx context.Context, c testCase) error {
	policy, err := k.botanPolicy(c)
	if err != nil {
		return err
	}
	run := func(port string) (*process, error) {
		return start(ctx, "stdbuf", "-o0", "botan", "tls_client", "localhost", "--port="+port, "--policy="+policy, "--tls1.2",
			"--skip-system-cert-store", "--trusted-cas="+k.files.ca)
	}
	return k.calls(ctx, c, run, func(p *process) talk {
		p.Reader = &chatter{Reader: bufio.NewReader(p.Reader)}
		return stream(p, min(k.data, page)) // it takes 1 KiB at a time
	})
}

// A chatter leaves out the lines that botan prints before the data, and checks
// what they say of the certificate: botan goes on with any.
type chatter struct {
	*bufio.Reader
	over bool
}

func (c *chatter) Read(b []byte) (int, error) {
	for !c.over {
		start, err := c.Peek(len("Session"))
		if err != nil {
			return 0, err
		}
		if !slices.Contains([]string{"Certifi", "Handsha", "Session"}, string(start)) {
			c.over = true
			break
		}
		line, err := c.ReadString('\n')
		if err != nil {
			return 0, err
		}
		if status, ok := strings.CutPrefix(line, "Certificate validation status: "); ok && status != "Verified\n" {
			return 0, fmt.Errorf("botan says of our certificate: %q", status)
		}
	}
	return c.Reader.Read(b)
}
