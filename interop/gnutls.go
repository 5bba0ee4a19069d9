package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/kex"
)

// gnutlsLacks holds for all that is built on Debian 12's GnuTLS.
var gnutlsLacks = []lack{
	{func(c testCase) bool {
		return c.entry().Exchange == iana.ECDHEPSK && !c.entry().CBC() && c.suite != iana.TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256
	}, "GnuTLS does not have the suite"},
	{asksToCut, "GnuTLS's clients offer record_size_limit, and ours takes that"},
	{postQuantum, "GnuTLS has ML-KEM from 3.8.8 on, Debian 12 has 3.7"},
}

var gnutlsCommands = []lack{
	{halfCloses, "gnutls-cli and gnutls-serv end when one side closes"},
	{as(peerServes, shapedAs(cut), below(iana.TLS13)), "gnutls-serv agrees to max_fragment_length and sends longer records before TLS 1.3, to OpenSSL's client too"},
	{func(c testCase) bool { return c.then == rekeyPeer && !c.server }, "gnutls-serv has no command for KeyUpdate"},
	{as(usesEarly, func(c testCase) bool { return c.retry }), "GnuTLS 3.7 loses its way with 0-RTT data before a HelloRetryRequest: its servers try to decrypt them, its clients fall silent"},
	{as(resumed, func(c testCase) bool { return c.alone }), "GnuTLS resumes with a key exchange"},
	{as(peerCalls, below(iana.TLS13), func(c testCase) bool { return c.entry().Exchange == iana.ECDHEPSK || c.entry().Exchange == iana.DHEPSK }), "gnutls-cli 3.7.9 crashes after a handshake of DHE_PSK or ECDHE_PSK in TLS 1.2 and below, with OpenSSL's server too"},
	{as(peerCalls, replays), "gnutls-cli does not keep tickets"},
	{as(peerServes, replays), "to GnuTLS a ticket that comes again is no replay: it remembers ClientHellos"},
	{as(peerServes, ownDH), "GnuTLS's servers keep to RFC 7919 where a client names its groups, as ours does"},
	{as(peerServes, func(c testCase) bool { return c.then == askLater && c.mutual.empty }), "gnutls-serv requires a certificate when it asks later"},
	{func(c testCase) bool { return c.then == renegotiate && c.mutual.asked() }, "gnutls-serv asks for a certificate in the first handshake too, or never"},
	{as(peerCalls, func(c testCase) bool { return c.chain == deep && c.mutual.proves() }), "gnutls-cli takes eight certificates of its own at most"},
}

var gnutlsCan = except(gnutlsLacks, gnutlsCommands)

func gnutlsOpen(_ context.Context, k *kit) (*player, error) {
	return &player{client: k.gnutlsClient, server: k.gnutlsServer, hosts: k.gnutlsHosts}, nil
}

// gnutlsPriority is GnuTLS's "priority string" of a case.
func gnutlsPriority(c testCase) string {
	s := "NONE:+VERS-" + strings.Replace(c.version.String(), "TLS ", "TLS", 1) + ":+COMP-NULL:+CTYPE-X509:+" + gnutlsCipher(c) + ":+" + gnutlsMAC(c)
	for _, x := range gnutlsExchanges(c) {
		s += ":+" + x
	}
	for _, g := range c.theirs() {
		s += ":+GROUP-" + strings.ToUpper(g.String())
	}
	if c.scheme == 0 {
		s += ":+SIGN-ALL"
	}
	for _, v := range c.schemes() {
		s += ":+" + gnutlsScheme(c.version, v)
	}
	if c.mac == macFirst {
		s += ":%NO_ETM"
	}
	return s
}

// gnutlsExchanges are the key exchanges: in TLS 1.3 they say how pre-shared keys
// may be used.
func gnutlsExchanges(c testCase) []string {
	switch x := c.entry().Exchange; {
	case c.alone && c.psk:
		return []string{"PSK"}
	case c.psk:
		return []string{"ECDHE-PSK", "DHE-PSK"}
	case c.version == iana.TLS13:
		return nil
	case x == iana.ECDHE:
		return []string{"ECDHE-RSA", "ECDHE-ECDSA"}
	case x == iana.DHE:
		return []string{"DHE-RSA"}
	default:
		return []string{strings.ReplaceAll(x.String(), "_", "-")}
	}
}

// gnutlsCipher is what protects records: AES-128-GCM, 3DES-CBC, CHACHA20-POLY1305.
func gnutlsCipher(c testCase) string {
	_, name, _ := strings.Cut(strings.TrimPrefix(c.suite.String(), "TLS_"), "_WITH_")
	if name == "" {
		name = strings.TrimPrefix(c.suite.String(), "TLS_") // TLS 1.3
	}
	for _, hash := range []string{"_SHA384", "_SHA256", "_SHA"} {
		name = strings.TrimSuffix(name, hash)
	}
	return strings.ReplaceAll(strings.Replace(name, "3DES_EDE", "3DES", 1), "_", "-")
}

func gnutlsMAC(c testCase) string {
	if !c.entry().CBC() {
		return "AEAD"
	}
	return strings.ReplaceAll(c.entry().MAC.String(), "-", "")
}

// gnutlsScheme is its name of a signature scheme. That an ECDSA key signs with the
// hash of its curve is said in TLS 1.3 alone.
func gnutlsScheme(v iana.Version, s iana.SignatureScheme) string {
	name := strings.ToUpper(s.String())
	switch {
	case s == iana.ED25519:
		return "SIGN-EdDSA-Ed25519"
	case strings.HasPrefix(name, "ECDSA_SECP"):
		if v == iana.TLS13 {
			return "SIGN-" + strings.ReplaceAll(name, "_", "-")
		}
		return "SIGN-ECDSA-" + name[strings.LastIndex(name, "_")+1:]
	}
	return "SIGN-" + strings.ReplaceAll(strings.Replace(name, "PKCS1_", "", 1), "_", "-")
}

// gnutlsWants is a policy in the words of gnutls-serv.
func (k *kit) gnutlsWants(c testCase) (args []string) {
	if !c.mutual.asked() || c.then.later() {
		return []string{"--disable-client-cert"}
	}
	if c.mutual.policy.Requires() {
		args = append(args, "--require-client-cert")
	}
	if c.mutual.policy.Verifies() {
		args = append(args, "--verify-client-cert", "--x509cafile", k.files.ca)
	}
	return args
}

// gnutls-serv echoes lines, and listens on every interface.
func (k *kit) gnutlsServer(ctx context.Context, c testCase) error {
	id := k.files.id(c.key, c.chain)
	args := append(k.gnutlsWants(c), "--echo", "--quiet", "--priority", gnutlsPriority(c))
	if c.shows() {
		args = append(args, "--x509certfile", id.cert, "--x509keyfile", id.key)
	}
	if c.secret() {
		path, err := k.files.write("psk", fmt.Appendf(nil, "%s:%x\n", identity, sharedKey))
		if err != nil {
			return err
		}
		args = append(args, "--pskpasswd", path)
	}
	if c.resume == byID {
		args = append(args, "--noticket")
	}
	if c.early != noEarly {
		args = append(args, "--earlydata", "--maxearlydata", "4096")
	}
	run := func(port string) (*process, error) {
		return daemon(ctx, "gnutls-serv", append(args, "--port", port)...)
	}
	return k.serves(ctx, c, run, func(*process) talk {
		if !c.byPeer() {
			return echo(k.amount(c))
		}
		command := map[deed]string{askLater: "**REAUTH**\n", renegotiate: "**REHANDSHAKE**\n"}[c.then]
		return prodded(func(o *ours) error {
			if _, err := o.Write([]byte(command)); err != nil {
				return err
			}
			return expect(o, []byte("Successfully executed command\n"))
		}, lineBack)
	})
}

// gnutls-cli moves about 3 MB a second, so it is spared more than a page. It makes
// both connections of a case that resumes itself.
func (k *kit) gnutlsClient(ctx context.Context, c testCase) error {
	args := []string{"--logfile", "/dev/stderr", "--priority", gnutlsPriority(c), "--x509cafile", k.files.ca,
		"--sni-hostname", "localhost", "--verify-hostname", "localhost"}
	if c.mutual.proves() {
		own := k.files.id(c.mutual.shows, c.chain)
		args = append(args, "--x509certfile", own.cert, "--x509keyfile", own.key)
	}
	if c.secret() {
		args = append(args, "--pskusername", identity, "--pskkey", hex.EncodeToString(sharedKey))
	}
	if kex.Finite(c.group) {
		args = append(args, "--dh-bits", "1024")
	}
	if c.retry {
		args = append(args, "--single-key-share")
	}
	if c.then == askLater {
		args = append(args, "--post-handshake-auth")
	}
	if c.then == rekeyPeer {
		args = append(args, "--inline-commands")
	}
	if c.shape == limited {
		args = append(args, "--recordsize", strconv.Itoa(theirLimit))
	}
	if c.resume != never {
		args = append(args, "--resume")
		if c.version == iana.TLS13 {
			args = append(args, "--waitresumption")
		}
	}
	if c.resume == byID {
		args = append(args, "--noticket")
	}
	if c.early != noEarly {
		early, err := k.files.write("early", []byte(earlyWords))
		if err != nil {
			return err
		}
		args = append(args, "--earlydata", early)
	}
	var both *process
	run := func(port string, _ int) (*process, error) {
		if both != nil {
			return both, nil
		}
		var err error
		both, err = start(ctx, "gnutls-cli", append(args, "--port", port, "127.0.0.1")...)
		return both, err
	}
	return k.calls(ctx, c, run, func(p *process) talk {
		if !c.byPeer() {
			return func(o *ours) error {
				if o.n < c.rounds()-1 {
					return ended(o)
				}
				n := min(k.amount(c), page)
				if c.shape == limited {
					return streams(p, n, ourLimit/2)(o) // what does not fit into a record, gnutls-cli drops
				}
				return stream(p, n)(o)
			}
		}
		return prodded(func(*ours) error {
			_, err := fmt.Fprintln(p, "^rekey^")
			return err
		}, lineByLine(p, p.prints))
	})
}
