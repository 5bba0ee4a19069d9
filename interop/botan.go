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
var botanCan = except([]lack{
	{func(c testCase) bool { return c.version == iana.TLS13 }, "Botan has TLS 1.3 from 3.0 on, Debian 12 has 2.19"},
	{certified(pki.Ed25519), "Botan 2 has no Ed25519 in TLS"},
	{asks, "botan's commands neither ask for client certificates nor show any"},
	{hasSecret, "botan's commands take no pre-shared key"},
	{shapedAs(limited, cut), "Botan 2 has no record_size_limit, and botan's commands no word for max_fragment_length"},
	{ownDH, "botan tls_server takes no Diffie-Hellman parameters"},
	{as(peerCalls, resumed), "botan tls_client keeps sessions only where Botan is built with SQLite"},
	{as(peerCalls, groups(iana.FFDHE4096, iana.FFDHE6144, iana.FFDHE8192)), "botan tls_client takes longer to look at so large a prime than a case may"},
	{acts, "botan's commands have no word for it"},
})

func botanOpen(_ context.Context, k *kit) (*player, error) {
	return &player{client: k.botanClient, server: k.botanServer}, nil
}

// botanPolicy writes a policy file for a case.
func (k *kit) botanPolicy(c testCase) (string, error) {
	method := map[iana.KeyExchange]string{iana.ECDHE: "ECDH", iana.DHE: "DH", iana.RSAKeyTransport: "RSA"}[c.entry().Exchange]
	policy := fmt.Sprintf("allow_tls10 = %v\nallow_tls11 = %v\nallow_tls12 = %v\nciphers = %s\nmacs = %s\nkey_exchange_methods = %s\n",
		c.version == iana.TLS10, c.version == iana.TLS11, c.version == iana.TLS12, botanCipher(c), botanMAC(c), method)
	policy += fmt.Sprintf("key_exchange_groups = %s\nnegotiate_encrypt_then_mac = %v\nrequire_cert_revocation_info = false\n",
		joined(botanGroups(c), " ", botanGroup), c.mac != macFirst)
	policy += "signature_methods = ECDSA RSA IMPLICIT\nsignature_hashes = SHA-512 SHA-384 SHA-256 SHA-1\nminimum_dh_group_size = 1024\n"
	return k.files.write("botan.policy", []byte(policy))
}

// botanGroups are never none: what is not used must be there all the same.
func botanGroups(c testCase) []iana.Group {
	if groups := c.theirs(); len(groups) > 0 {
		return groups
	}
	return []iana.Group{iana.Secp256r1}
}

func botanGroup(g iana.Group) string {
	return strings.Replace(g.String(), "ffdhe", "ffdhe/ietf/", 1)
}

// botanCipher is AES-128/GCM, AES-128/CCM(8), AES-128, 3DES, ChaCha20Poly1305.
func botanCipher(c testCase) string {
	name := gnutlsCipher(c)
	for theirs, ours := range map[string]string{"-GCM": "/GCM", "-CCM-8": "/CCM(8)", "-CCM": "/CCM", "-CBC": ""} {
		if cut, ok := strings.CutSuffix(name, theirs); ok {
			return cut + ours
		}
	}
	return "ChaCha20Poly1305"
}

func botanMAC(c testCase) string {
	if !c.entry().CBC() {
		return "AEAD"
	}
	return c.entry().MAC.String()
}

// The server echoes lines, and listens on every interface.
func (k *kit) botanServer(ctx context.Context, c testCase) error {
	policy, err := k.botanPolicy(c)
	if err != nil {
		return err
	}
	id := k.files.id(c.key, c.chain)
	run := func(port string) (*process, error) {
		return daemon(ctx, "botan", "tls_server", id.cert, id.key, "--port="+port, "--policy="+policy, fmt.Sprintf("--max-clients=%d", c.rounds()))
	}
	return k.serves(ctx, c, run, func(*process) talk { return echo(k.amount(c)) })
}

// stdbuf, since botan keeps the end of what it prints to itself.
func (k *kit) botanClient(ctx context.Context, c testCase) error {
	policy, err := k.botanPolicy(c)
	if err != nil {
		return err
	}
	run := func(port string, _ int) (*process, error) {
		return start(ctx, "stdbuf", "-o0", "botan", "tls_client", "localhost", "--port="+port, "--policy="+policy,
			"--"+strings.ToLower(strings.Replace(c.version.String(), " ", "", 1)), "--skip-system-cert-store", "--trusted-cas="+k.files.ca)
	}
	return k.calls(ctx, c, run, func(p *process) talk {
		p.Reader = &chatter{Reader: bufio.NewReader(p.Reader)}
		return stream(p, min(k.amount(c), page)) // it takes 1 KiB at a time
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
