package iana

import (
	"fmt"
	"testing"
)

// parsed joins the five parse functions into one shape.
func parsed[T fmt.Stringer](v T, err error) string {
	if err != nil {
		return "error: " + err.Error()
	}
	return v.String()
}

func TestParseRoundTrip(t *testing.T) {
	check := func(kind string, got, want string) {
		if got != want {
			t.Errorf("%s: %q parses as %q", kind, want, got)
		}
	}
	for code := range 0x10000 {
		if s := CipherSuite(code).String(); s != "" {
			check("suite", parsed(ParseCipherSuite(s)), s)
		}
		if code&0xff == 0 || Group(code).Known() || SignatureScheme(code).Known() || IsGREASE(uint16(code)) {
			check("group", parsed(ParseGroup(Group(code).String())), Group(code).String())
			check("scheme", parsed(ParseSignatureScheme(SignatureScheme(code).String())), SignatureScheme(code).String())
			check("version", parsed(ParseVersion(Version(code).String())), Version(code).String())
		}
	}
	for code := range 256 {
		check("alert", parsed(ParseAlert(Alert(code).String())), Alert(code).String())
	}
	for _, table := range [][]entry{suites, groups, schemes, versions} {
		for i := range table {
			for spelling := range table[i].spellings {
				if e, ok := match(table, spelling); !ok || e.code != table[i].code {
					t.Errorf("alias %q does not lead to %s", spelling, table[i].name)
				}
			}
		}
	}
}

func TestParseAliases(t *testing.T) {
	tests := []struct{ got, want string }{
		{parsed(ParseVersion("1.2")), "TLS 1.2"},
		{parsed(ParseVersion("TLS1.2")), "TLS 1.2"},
		{parsed(ParseVersion("tls 1.3")), "TLS 1.3"},
		{parsed(ParseVersion("TLSv1.3")), "TLS 1.3"},
		{parsed(ParseVersion("tlsv1_1")), "TLS 1.1"},
		{parsed(ParseVersion("TLSv1")), "TLS 1.0"},
		{parsed(ParseVersion("SSLv3")), "SSL 3.0"},
		{parsed(ParseVersion("0x0304")), "TLS 1.3"},

		{parsed(ParseCipherSuite("tls_aes_128_gcm_sha256")), "TLS_AES_128_GCM_SHA256"},
		{parsed(ParseCipherSuite("0x1301")), "TLS_AES_128_GCM_SHA256"},
		{parsed(ParseCipherSuite("0XC02F")), "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"},
		{parsed(ParseCipherSuite("ECDHE-RSA-AES128-GCM-SHA256")), "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"},
		{parsed(ParseCipherSuite("aes128-sha")), "TLS_RSA_WITH_AES_128_CBC_SHA"},
		{parsed(ParseCipherSuite("AES128-SHA256")), "TLS_RSA_WITH_AES_128_CBC_SHA256"},

		{parsed(ParseGroup("P-256")), "secp256r1"},
		{parsed(ParseGroup("p256")), "secp256r1"},
		{parsed(ParseGroup("prime256v1")), "secp256r1"},
		{parsed(ParseGroup("P-384")), "secp384r1"},
		{parsed(ParseGroup("P-521")), "secp521r1"},
		{parsed(ParseGroup("X25519")), "x25519"},
		{parsed(ParseGroup("CurveP521")), "secp521r1"},
		{parsed(ParseGroup("x25519mlkem768")), "X25519MLKEM768"},
		{parsed(ParseGroup("ML-KEM-768")), "MLKEM768"},
		{parsed(ParseGroup("0x001d")), "x25519"},
		{parsed(ParseGroup("0xfe00")), "0xfe00"},
		{parsed(ParseGroup(" x448 ")), "x448"},

		{parsed(ParseSignatureScheme("ECDSA+SHA256")), "ecdsa_secp256r1_sha256"},
		{parsed(ParseSignatureScheme("RSA-PSS+SHA256")), "rsa_pss_rsae_sha256"},
		{parsed(ParseSignatureScheme("PSS+SHA384")), "rsa_pss_rsae_sha384"},
		{parsed(ParseSignatureScheme("rsa+sha1")), "rsa_pkcs1_sha1"},
		{parsed(ParseSignatureScheme("ED25519")), "ed25519"},
		{parsed(ParseSignatureScheme("ECDSAWithP384AndSHA384")), "ecdsa_secp384r1_sha384"},
		{parsed(ParseSignatureScheme("ML-DSA-65")), "mldsa65"},

		{parsed(ParseAlert("Handshake_Failure")), "handshake_failure"},
		{parsed(ParseAlert("unknown ca")), "unknown_ca"},
		{parsed(ParseAlert("40")), "handshake_failure"},
		{parsed(ParseAlert("0x28")), "handshake_failure"},
		{parsed(ParseAlert("no_renegotiation_RESERVED")), "no_renegotiation"},
		{parsed(ParseAlert("200")), "0xc8"},
	}
	for i, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("%d: got %q, want %q", i, tt.got, tt.want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	tests := []struct{ got, want string }{
		{parsed(ParseGroup("x2551")), `unknown group "x2551": did you mean x25519?`},
		{parsed(ParseGroup("P-265")), `unknown group "P-265": did you mean P-256 or P-224?`},
		{parsed(ParseGroup("brainpool")), `unknown group "brainpool": did you mean brainpoolP256r1, brainpoolP384r1 or brainpoolP512r1?`},
		{parsed(ParseGroup("")), `unknown group "": names are those of the IANA registry, such as x25519`},
		{parsed(ParseGroup("secret sauce")), `unknown group "secret sauce": names are those of the IANA registry, such as x25519`},
		{parsed(ParseGroup("a\x1b[31m")), `unknown group "a\x1b[31m": names are those of the IANA registry, such as x25519`},
		{parsed(ParseGroup("0x12345")), `unknown group "0x12345": names are those of the IANA registry, such as x25519`},
		{parsed(ParseVersion("1.4")), `unknown TLS version "1.4": did you mean 1.2, 1.3 or 1.0?`},
		{parsed(ParseCipherSuite("TLS_AES_128_GCM_SHA265")), `unknown cipher suite "TLS_AES_128_GCM_SHA265": did you mean TLS_AES_128_GCM_SHA256 or TLS_AES_128_CCM_SHA256?`},
		{parsed(ParseCipherSuite("ECDHE-ECDSA-AES256-GCM-SHA348")), `unknown cipher suite "ECDHE-ECDSA-AES256-GCM-SHA348": did you mean ECDHE-ECDSA-AES256-GCM-SHA384 or ECDH-ECDSA-AES256-GCM-SHA384?`},
		{parsed(ParseSignatureScheme("ed25591")), `unknown signature scheme "ed25591": did you mean ed25519?`},
		{parsed(ParseCipherSuite("3DES", TLS_RSA_WITH_3DES_EDE_CBC_SHA)), `unknown cipher suite "3DES": did you mean TLS_RSA_WITH_3DES_EDE_CBC_SHA?`},
		{parsed(ParseGroup("brainpool", X25519)), `unknown group "brainpool": names are those of the IANA registry, such as x25519`},
		{parsed(ParseVersion("1.4", TLS13)), `unknown TLS version "1.4": did you mean 1.3?`},
		{parsed(ParseAlert("handshake_falure")), `unknown alert "handshake_falure": did you mean handshake_failure?`},
		{parsed(ParseAlert("300")), `unknown alert "300": names are those of the IANA registry, such as handshake_failure`},
		{parsed(ParseAlert("0x100")), `unknown alert "0x100": names are those of the IANA registry, such as handshake_failure`},
	}
	for i, tt := range tests {
		if tt.got != "error: "+tt.want {
			t.Errorf("%d: got\n%s, want\n%s", i, tt.got, tt.want)
		}
	}
}

func TestDistance(t *testing.T) {
	tests := []struct {
		a, b  string
		limit int
		want  int
	}{
		{"", "", 3, 0},
		{"", "abc", 3, 3},
		{"x25519", "x25519", 3, 0},
		{"x2551", "x25519", 3, 1},
		{"x22519", "x25519", 3, 1},
		{"sha265", "sha256", 3, 1}, // a swap counts once
		{"kitten", "sitting", 3, 3},
		{"kitten", "sitting", 2, 3}, // beyond the limit
		{"a", "abcdef", 2, 3},
	}
	for _, tt := range tests {
		if got := distance(tt.a, tt.b, tt.limit); got != tt.want {
			t.Errorf("distance(%q, %q, %d) = %d, want %d", tt.a, tt.b, tt.limit, got, tt.want)
		}
		if got := distance(tt.b, tt.a, tt.limit); got != tt.want {
			t.Errorf("distance(%q, %q, %d) = %d, want %d", tt.b, tt.a, tt.limit, got, tt.want)
		}
	}
}
