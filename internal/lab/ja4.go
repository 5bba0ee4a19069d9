package lab

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/handclasp/handclasp/iana"
)

// JA4 is the hello's fingerprint by that name (FoxIO, "JA4: TLS Client
// Fingerprinting"): t13d1516h2_8daaf6152771_02713d6af862. GREASE does not count.
func (h *Hello) JA4() string {
	var suites, extensions, sigalgs []string
	for v := range h.CipherSuites.All() {
		suites = hexed(suites, uint16(v))
	}
	count := 0
	for _, t := range h.Extensions.Types() {
		if !iana.IsGREASE(uint16(t)) {
			count++
		}
		if t != iana.ExtServerName && t != iana.ExtALPN {
			extensions = hexed(extensions, uint16(t))
		}
	}
	for v := range h.SignatureSchemes.All() {
		sigalgs = hexed(sigalgs, uint16(v))
	}
	top := h.LegacyVersion
	for v := range h.SupportedVersions.All() {
		if !iana.IsGREASE(uint16(v)) {
			top = max(top, v)
		}
	}
	to := "i"
	if h.Extensions.Has(iana.ExtServerName) {
		to = "d"
	}
	slices.Sort(suites)
	slices.Sort(extensions)
	last := strings.Join(extensions, ",")
	if len(sigalgs) > 0 {
		last += "_" + strings.Join(sigalgs, ",")
	}
	return fmt.Sprintf("t%s%s%02d%02d%s_%s_%s", ja4Version(top), to, min(len(suites), 99), min(count, 99), h.ja4ALPN(), ja4Hash(strings.Join(suites, ",")), ja4Hash(last))
}

func hexed(list []string, code uint16) []string {
	if iana.IsGREASE(code) {
		return list
	}
	return append(list, fmt.Sprintf("%04x", code))
}

func ja4Version(v iana.Version) string {
	switch v {
	case iana.TLS13:
		return "13"
	case iana.TLS12:
		return "12"
	case iana.TLS11:
		return "11"
	case iana.TLS10:
		return "10"
	case iana.SSL30:
		return "s3"
	}
	return "00"
}

// ja4ALPN is the first and last character of the first protocol, or of its hex if
// one of them is neither letter nor digit.
func (h *Hello) ja4ALPN() string {
	if len(h.ALPN) == 0 || len(h.ALPN[0]) == 0 {
		return "00"
	}
	p := h.ALPN[0]
	first, last := p[0], p[len(p)-1]
	if !alphanumeric(first) || !alphanumeric(last) {
		x := hex.EncodeToString(p)
		first, last = x[0], x[len(x)-1]
	}
	return string([]byte{first, last})
}

func alphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func ja4Hash(s string) string {
	if s == "" {
		return "000000000000"
	}
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:6])
}
