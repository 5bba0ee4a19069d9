package iana

import (
	"strings"
	"testing"
)

func TestKeyExchange(t *testing.T) {
	for s, want := range map[CipherSuite]KeyExchange{
		TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: ECDHE,
		TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA:      ECDHE,
		TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA:       DHE,
		0x0013:                                  DHE, // TLS_DHE_DSS_WITH_3DES_EDE_CBC_SHA
		TLS_RSA_WITH_AES_256_CCM_8:              RSAKeyTransport,
		TLS_PSK_WITH_AES_128_CCM_8:              PSK,
		TLS_DHE_PSK_WITH_AES_128_CCM:            DHEPSK,
		TLS_PSK_DHE_WITH_AES_128_CCM_8:          DHEPSK,
		TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA:      ECDHEPSK,
		TLS_RSA_PSK_WITH_AES_128_CBC_SHA:        RSAPSK,
		TLS_AES_128_GCM_SHA256:                  NoKeyExchange,
		TLS_FALLBACK_SCSV:                       NoKeyExchange,
		0x0a0a:                                  NoKeyExchange, // GREASE
		0x0008:                                  NoKeyExchange, // TLS_RSA_EXPORT_WITH_DES40_CBC_SHA
		0x0018:                                  NoKeyExchange, // TLS_DH_anon_WITH_RC4_128_MD5
		0xc00e:                                  NoKeyExchange, // TLS_ECDH_RSA_WITH_AES_128_CBC_SHA
	} {
		if got := s.KeyExchange(); got != want {
			t.Errorf("%v: %v, want %v", s, got, want)
		}
	}
}

// Every suite's name begins with its exchange, which no other exchange claims.
func TestKeyExchangeNames(t *testing.T) {
	seen := make(map[KeyExchange]int)
	for _, e := range suites {
		x := CipherSuite(e.code).KeyExchange()
		seen[x]++
		name := strings.Replace(e.name, "PSK_DHE", "DHE_PSK", 1)
		if x != NoKeyExchange && !strings.HasPrefix(name, "TLS_"+x.String()+"_") {
			t.Errorf("%s has the exchange %v", e.name, x)
		}
		psk := strings.Contains(name, "PSK")
		if x != NoKeyExchange && (x.PreShared() != psk || x.Signed() != (!psk && strings.Contains(name, "DHE_"))) {
			t.Errorf("%s: pre-shared %v, signed %v", e.name, x.PreShared(), x.Signed())
		}
	}
	for x := NoKeyExchange; x <= RSAPSK; x++ {
		if seen[x] == 0 {
			t.Errorf("no suite has %v", x)
		}
	}
	if KeyExchange(200).String() != "none" || NoKeyExchange.String() != "none" {
		t.Error("an exchange without a name prints one")
	}
}
