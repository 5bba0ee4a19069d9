package main

import (
	"strconv"
	"strings"
	"testing"

	"github.com/handclasp/handclasp/internal/starttls"
)

func TestParseTarget(t *testing.T) {
	for in, want := range map[string]string{
		"example.com":                        "example.com:443",
		"example.com:8443":                   "example.com:8443",
		"example.com.:443":                   "example.com.:443",
		"EXAMPLE.com":                        "EXAMPLE.com:443",
		"a_b.example:1":                      "a_b.example:1",
		"localhost:065535":                   "localhost:65535",
		"192.0.2.1":                          "192.0.2.1:443",
		"2001:db8::1":                        "[2001:db8::1]:443",
		"[2001:db8::1]":                      "[2001:db8::1]:443",
		"[2001:db8::1]:993":                  "[2001:db8::1]:993",
		"fe80::1%eth0":                       "[fe80::1%eth0]:443",
		"https://example.com":                "example.com:443",
		"HTTPS://example.com/path?q#f":       "example.com:443",
		"https://user:secret@example.com:1/": "example.com:1",
		"https://[2001:db8::1]:8443/":        "[2001:db8::1]:8443",
		"imaps://mail.example":               "mail.example:993",
		"tls://example.com:853":              "example.com:853",
	} {
		got, err := parseTarget(in, "443", "")
		if err != nil || got.String() != want {
			t.Errorf("parseTarget(%q) = %v, %v; want %s", in, got, err, want)
		}
	}
}

// TestParseTargetPlain: --starttls decides on the port.
func TestParseTargetPlain(t *testing.T) {
	for _, p := range starttls.Protocols() {
		if n, err := strconv.Atoi(plainPorts[p]); err != nil || n == 0 {
			t.Errorf("%s has no port", p)
		}
	}
	for in, want := range map[string]string{
		"mail.example":           "mail.example:25",
		"mail.example:587":       "mail.example:587",
		"2001:db8::1":            "[2001:db8::1]:25",
		"smtp://mail.example":    "mail.example:25",
		"smtp://mail.example:26": "mail.example:26",
	} {
		for _, port := range []string{"443", ""} {
			if got, err := parseTarget(in, port, "smtp"); err != nil || got.String() != want {
				t.Errorf("parseTarget(%q) = %v, %v; want %s", in, got, err, want)
			}
		}
	}
}

func TestParseTargetRefuses(t *testing.T) {
	for _, tt := range []struct{ in, port, plain, says string }{
		{"", "443", "", "is empty"},
		{" ", "443", "", "blank"},
		{"exa mple.com", "443", "", "blank"},
		{"example.com\x1b[31m:443", "443", "", "control character"},
		{"example\u202e.com", "443", "", "control character"},
		{"example.com:", "443", "", "empty port"},
		{"https://example.com:", "443", "", "empty port"},
		{":443", "443", "", "has no host"},
		{"https:///path", "443", "", "has no host"},
		{"example.com", "", "", "has no port"},
		{"tls://example.com", "", "", "has no port"},
		{"example.com:https", "443", "", "not a number"},
		{"example.com:+", "443", "", "not a number"},
		{"example.com:0", "443", "", "does not exist"},
		{"example.com:-1", "443", "", "does not exist"},
		{"example.com:65536", "443", "", "does not exist"},
		{"example.com:443:443", "443", "", "more colons"},
		{"2001:db8::zz", "443", "", "more colons"},
		{"[2001:db8::1]443", "443", "", "more colons"},
		{"[example.com", "443", "", "neither a name"},
		{"1.2.3.444", "443", "", "neither a name"},
		{"..", "443", "", "neither a name"},
		{"bücher.example", "443", "", "neither a name"},
		{strings.Repeat("a", 64) + ".example", "443", "", "neither a name"},
		{strings.Repeat("a.", 127) + "example", "443", "", "neither a name"},
		{"example.com/path", "443", "", "more than a host"},
		{"me@example.com:22", "443", "", "more than a host"},
		{"http://example.com", "443", "", "does not begin with TLS"},
		{"gopher://example.com:70", "443", "", "does not begin with TLS"},
		{"https://exa%zz", "443", "", "not a well-formed URL"},
		{"smtp://mail.example", "443", "", "does not begin with TLS"},
		{"https://example.com", "443", "smtp", "and --starttls says smtp"},
		{"imap://mail.example", "", "smtp", "and --starttls says smtp"},
	} {
		_, err := parseTarget(tt.in, tt.port, tt.plain)
		u, ok := err.(*usageError)
		if !ok || !strings.Contains(u.text, tt.says) || u.hint == "" {
			t.Errorf("parseTarget(%q) says %v; want %q and a hint", tt.in, err, tt.says)
		}
		if ok && strings.ContainsAny(u.text, "\x1b\u202e") {
			t.Errorf("parseTarget(%q) is not escaped", tt.in)
		}
	}
}

func TestServerName(t *testing.T) {
	for in, want := range map[string]string{
		"example.com.": "example.com", "192.0.2.1": "192.0.2.1", "fe80::1%eth0": "fe80::1",
	} {
		if got := serverName(in); got != want {
			t.Errorf("serverName(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestCheckListen(t *testing.T) {
	for in, good := range map[string]bool{
		":8443": true, "127.0.0.1:0": true, "[::1]:443": true, "localhost:8443": true, ":0": true,
		"": false, "8443": false, "localhost": false, ":x": false, ":65536": false, "a b:1": false, "::1:443": false,
	} {
		if err := checkListen(in); (err == nil) != good {
			t.Errorf("checkListen(%q): %v", in, err)
		}
	}
}
