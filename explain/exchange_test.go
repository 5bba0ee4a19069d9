package explain_test

import (
	"strings"
	"testing"

	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/wire"
)

// TestExchanges: what a key exchange holds depends on suite and version, and each
// of its forms is told, and each of its bytes named.
func TestExchanges(t *testing.T) {
	field, hint, identity := []byte{0x17, 0, 0}, []byte("a hint"), []byte("client\x1b")
	for _, x := range []struct {
		v    iana.Version
		id   iana.CipherSuite
		m    func(wire.Form) wire.Message
		want []string
	}{
		{iana.TLS12, iana.TLS_DHE_RSA_WITH_AES_128_CBC_SHA, func(f wire.Form) wire.Message {
			return &wire.ServerKeyExchange{Form: f, P: field, G: []byte{2}, Share: []byte{8}, Scheme: iana.RSA_PKCS1_SHA1, Signature: []byte{1}}
		}, []string{"a finite field of 21 bits", "key share 1 byte", "dh_g", "algorithm rsa_pkcs1_sha1", "Nobody else can sign it"}},
		{iana.TLS12, iana.TLS_DHE_RSA_WITH_AES_128_CBC_SHA, func(f wire.Form) wire.Message {
			return &wire.ClientKeyExchange{Form: f, Share: make([]byte, 3)}
		}, []string{"key share 3 bytes", "dh_Yc"}},
		{iana.TLS11, iana.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, func(f wire.Form) wire.Message {
			return &wire.ServerKeyExchange{Form: f, Group: iana.Secp256r1, Share: make([]byte, 65), Signature: make([]byte, 7)}
		}, []string{"group secp256r1", "signature 7 bytes"}},
		{iana.TLS12, iana.TLS_RSA_WITH_AES_128_CBC_SHA, func(f wire.Form) wire.Message {
			return &wire.ClientKeyExchange{Form: f, Encrypted: make([]byte, 256)}
		}, []string{"encrypted secret 256 bytes", "even years later", "encrypted_pre_master_secret"}},
		{iana.TLS12, iana.TLS_PSK_WITH_AES_128_CBC_SHA, func(f wire.Form) wire.Message {
			return &wire.ServerKeyExchange{Form: f, Hint: hint}
		}, []string{"hint a hint", "Nothing in this message is signed", "psk_identity_hint"}},
		{iana.TLS12, iana.TLS_PSK_WITH_AES_128_CBC_SHA, func(f wire.Form) wire.Message {
			return &wire.ClientKeyExchange{Form: f, Identity: identity}
		}, []string{`pre-shared key client\x1b`, "The client names the key"}},
		{iana.TLS12, iana.TLS_DHE_PSK_WITH_AES_128_CBC_SHA, func(f wire.Form) wire.Message {
			return &wire.ServerKeyExchange{Form: f, P: field, G: []byte{2}, Share: []byte{8}}
		}, []string{"a finite field of 21 bits", "Nothing in this message is signed"}},
		{iana.TLS12, iana.TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA, func(f wire.Form) wire.Message {
			return &wire.ClientKeyExchange{Form: f, Identity: identity, Share: make([]byte, 32)}
		}, []string{"psk_identity", "key share 32 bytes"}},
		{iana.TLS12, 0xc018, func(f wire.Form) wire.Message { // TLS_ECDH_anon_WITH_AES_128_CBC_SHA
			return &wire.ServerKeyExchange{Form: f, Opaque: make([]byte, 5)}
		}, []string{"We do not know the key exchange of TLS_ECDH_anon_WITH_AES_128_CBC_SHA", "opaque"}},
		{iana.TLS12, 0xc018, func(f wire.Form) wire.Message {
			return &wire.ClientKeyExchange{Form: f, Opaque: make([]byte, 5)}
		}, []string{"We do not know the key exchange", "opaque"}},
		{iana.TLS10, iana.TLS_RSA_WITH_AES_128_CBC_SHA, func(f wire.Form) wire.Message {
			return &wire.CertificateRequest12{Form: f, Types: wire.MakeList8(iana.RSASign), Authorities: [][]byte{{1}}}
		}, []string{"kinds of key rsa_sign", "1 byte that are no name"}},
		{iana.TLS10, iana.TLS_RSA_WITH_AES_128_CBC_SHA, func(f wire.Form) wire.Message {
			return &wire.CertificateVerify{Form: f, Signature: make([]byte, 9)}
		}, []string{"signature 9 bytes"}},
		{iana.TLS13, iana.TLS_AES_128_GCM_SHA256, func(wire.Form) wire.Message { return new(wire.EndOfEarlyData) },
			[]string{iana.EndOfEarlyData.Meaning()}},
	} {
		m := x.m(wire.Form{Version: x.v, Exchange: x.id.KeyExchange()})
		msg, err := wire.Append(nil, m)
		check(t, err)
		got := toldWith(t, x.v, x.id, msg)
		for _, want := range x.want {
			if !strings.Contains(got, want) {
				t.Errorf("%T of %v: no %q in\n%s", m, x.id, want, got)
			}
		}
		if strings.Contains(got, "does not parse") || x.v < iana.TLS12 && (strings.Contains(got, "algorithm:") || strings.Contains(got, "supported_signature_algorithms")) {
			t.Errorf("%T of %v:\n%s", m, x.id, got)
		}
	}
}
