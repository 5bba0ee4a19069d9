package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

const head = `# Conformance

What test suites of others say about this engine. The page is written by a command from what they reported
(` + "`go run ./test/bogo/conformance`" + `); nothing on it is put in by hand but the figures of other stacks.

## BoringSSL's test runner (BoGo)

The runner plays a peer that breaks the protocol in one way at a time, and demands not only that the connection fails but which
alert is sent, and why. Commit %s was measured on %s with revision %s of BoringSSL and strict errors: the causes are compared too,
by way of a list from BoringSSL's names to rules of package fault. [test/bogo](../test/bogo/README.md) tells how to run it.

`

// others are figures of other stacks, measured or published.
const others = `
## Beside it

Tests of TLS over TCP.

| stack | revision of the runner | pass | fail | errors | source |
|---|---|---|---|---|---|
| Handclasp | %s | %s | %s | strict | this page |
| BoringSSL | a0689af | 5,218 | 0 | strict | measured in November 2026 with its own shim |
| crypto/tls | f51d8b09 | 1,319 | 0 | alerts alone | measured in November 2026 with Go's shim and configuration, which are made for this revision |
| crypto/tls | a0689af | 1,346 | 78 | alerts alone | likewise; some of the failures are tests newer than the configuration |
| rustls | one of its own choice | about 1,557 | 0 | as its own list has them | as reported in 2026; not measured here |
| OpenSSL | one of May 2025 | 2,885 | 0 | as its own list has them | as its pull request 27553 reports, DTLS included; not measured here |
`

// A source is what was measured, with what, and when.
type source struct{ commit, revision, date string }

// write writes the page.
func (t *table) write(w io.Writer, from source) error {
	var b strings.Builder
	fmt.Fprintf(&b, head, from.commit, from.date, from.revision)
	b.WriteString("| protocol | tests | pass | fail | left out | disabled |\n|---|---|---|---|---|---|\n")
	var whole tally
	for _, p := range []string{"TLS", "DTLS", "QUIC"} {
		n := at(t.protocols, p)
		whole.add(*n)
		b.WriteString(row(p, *n))
	}
	b.WriteString(row("together", whole))
	b.WriteString("\nA test that is left out has a flag that the shim does not know, since the feature is not there; one that is disabled would run and\nfail, or pass for another reason than what it tests; [config.json](../test/bogo/config.json) says why. The protocol is told by the name, so that\nforty tests of TLS over TCP that look at QUIC's extension count as QUIC.\n")
	b.WriteString("\n### By area, TLS\n\n| area | tests | pass | fail | left out | disabled |\n|---|---|---|---|---|---|\n")
	for _, a := range areas {
		if n := t.areas[a.name]; n != nil {
			b.WriteString(row(a.name, *n))
		}
	}
	b.WriteString("\n### Why tests of TLS are left out or disabled\n\n| tests | reason |\n|---|---|\n")
	order := slices.SortedFunc(maps.Keys(t.reasons), func(x, y string) int {
		return cmp.Or(cmp.Compare(t.reasons[y], t.reasons[x]), cmp.Compare(x, y))
	})
	for _, r := range order {
		fmt.Fprintf(&b, "| %s | %s |\n", group(t.reasons[r]), r)
	}
	n := at(t.protocols, "TLS")
	fmt.Fprintf(&b, others, from.revision, group(n.passed), group(n.failed))
	_, err := io.WriteString(w, b.String())
	return err
}

func row(name string, t tally) string {
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s |\n", name,
		group(t.all()), group(t.passed), group(t.failed), group(t.absent), group(t.disabled))
}

// areas sort tests by the beginning or a part of their names; the first that fits
// counts.
var areas = []struct {
	name  string
	words []string // "^" stands for the beginning
}{
	{"cipher suites", []string{"^TLS-TLS", "^CipherNegotiation", "^NoSharedCipher", "^UnsupportedCipher", "^UnknownCipher", "^ServerHelloBogusCipher", "^ServerCipherFilter", "^BadRSA", "^SendClientVersion", "PSKHint", "^CBC", "CipherPreference"}},
	{"raw public keys", []string{"CertificateType-", "RawPublicKey"}},
	{"certificate selection", []string{"^CertificateSelection"}},
	{"certificate verification", []string{"^CertificateVerification"}},
	{"Encrypted ClientHello", []string{"ECH"}},
	{"compliance policies", []string{"^Compliance"}},
	{"BoringSSL's own extensions", []string{"ChannelID", "NPN", "ALPS", "PAKE", "JDK11", "HintMismatch", "ServerPadding", "TrustAnchor", "RetainOnlySHA256"}},
	{"false start and SRTP", []string{"FalseStart", "^SRTP"}},
	{"delegated credentials", []string{"DelegatedCredential"}},
	{"certificate compression", []string{"CertCompression"}},
	{"signatures", []string{"-Sign", "-Verify", "Signature", "BadECDSA", "SigAlg", "NoCommonAlgorithms", "Ed25519", "^Verify-", "^RejectPSS", "KeyUsage"}},
	{"groups and key shares", []string{"^Curve", "Curve", "KeyShare", "MLKEM", "ECDH", "HelloRetry", "PointFormat"}},
	{"0-RTT", []string{"EarlyData", "HalfRTT", "Early"}},
	{"pre-shared keys of TLS 1.3", []string{"^PSK"}},
	{"resumption and tickets", []string{"Resum", "Ticket", "Session", "PSKBinder"}},
	{"renegotiation", []string{"Reneg", "HelloRequest"}},
	{"OCSP and SCT", []string{"OCSP", "SignedCertificateTimestamp", "SCT"}},
	{"client certificates", []string{"ClientAuth", "ClientCert", "CertReq"}},
	{"versions", []string{"VersionNegotiation", "MinimumVersion", "Version", "Downgrade", "^V2", "SendV2", "Fallback"}},
	{"ALPN and server names", []string{"ALPN", "ServerName", "SNI"}},
	{"extensions", []string{"Extension", "ExtendedMasterSecret", "EMS", "GREASE", "Unsolicited"}},
	{"exporters and channel bindings", []string{"Export", "TLSUnique"}},
	{"order and form of messages", []string{"WrongMessageType", "TrailingMessageData", "Trailing", "Partial", "ChangeCipherSpec", "Skip", "Fragment", "Unexpected", "PackHandshake"}},
	{"alerts, records, shutdown, key updates", []string{"Alert", "Record", "Shutdown", "KeyUpdate", "Fatal", "Empty", "Large", "Padded", "Peek"}},
	{"everything else", []string{""}},
}

func area(name string) string {
	for _, a := range areas {
		for _, word := range a.words {
			if begin, ok := strings.CutPrefix(word, "^"); ok && strings.HasPrefix(name, begin) || !ok && strings.Contains(name, word) {
				return a.name
			}
		}
	}
	panic("the last area takes everything")
}
