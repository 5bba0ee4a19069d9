package iana

import (
	"fmt"
	"strings"
	"testing"
)

// Every value must be spelt as the registries have it: the names reach JSON
// output and users' scripts.
func TestString(t *testing.T) {
	tests := []struct {
		value fmt.Stringer
		want  string
	}{
		{ContentChangeCipherSpec, "change_cipher_spec"},
		{ContentAlert, "alert"},
		{ContentHandshake, "handshake"},
		{ContentApplicationData, "application_data"},
		{ContentType(24), "heartbeat"},
		{ContentType(26), "ACK"},
		{ContentType(99), "0x63"},

		{SSL20, "SSL 2.0"},
		{SSL30, "SSL 3.0"},
		{TLS10, "TLS 1.0"},
		{TLS11, "TLS 1.1"},
		{TLS12, "TLS 1.2"},
		{TLS13, "TLS 1.3"},
		{Version(0x0305), "0x0305"},
		{Version(0x7a7a), "GREASE (0x7a7a)"},

		{ClientHello, "client_hello"},
		{ServerHello, "server_hello"},
		{NewSessionTicket, "new_session_ticket"},
		{EndOfEarlyData, "end_of_early_data"},
		{EncryptedExtensions, "encrypted_extensions"},
		{Certificate, "certificate"},
		{ServerKeyExchange, "server_key_exchange"},
		{CertificateRequest, "certificate_request"},
		{ServerHelloDone, "server_hello_done"},
		{CertificateVerify, "certificate_verify"},
		{ClientKeyExchange, "client_key_exchange"},
		{Finished, "finished"},
		{CertificateStatus, "certificate_status"},
		{KeyUpdate, "key_update"},
		{CompressedCert, "compressed_certificate"},
		{MessageHash, "message_hash"},
		{HandshakeType(7), "0x07"},

		{CloseNotify, "close_notify"},
		{UnexpectedMessage, "unexpected_message"},
		{BadRecordMAC, "bad_record_mac"},
		{RecordOverflow, "record_overflow"},
		{HandshakeFailure, "handshake_failure"},
		{NoCertificate, "no_certificate"},
		{BadCertificate, "bad_certificate"},
		{IllegalParameter, "illegal_parameter"},
		{UnknownCA, "unknown_ca"},
		{DecodeError, "decode_error"},
		{DecryptError, "decrypt_error"},
		{ProtocolVersion, "protocol_version"},
		{InappropriateFallback, "inappropriate_fallback"},
		{UserCanceled, "user_canceled"},
		{UnrecognizedName, "unrecognized_name"},
		{BadCertificateStatusResponse, "bad_certificate_status_response"},
		{UnknownPSKIdentity, "unknown_psk_identity"},
		{CertificateRequired, "certificate_required"},
		{GeneralError, "general_error"},
		{NoApplicationProtocol, "no_application_protocol"},
		{ECHRequired, "ech_required"},
		{NoAlert, "0xff"},

		{TLS_AES_128_GCM_SHA256, "TLS_AES_128_GCM_SHA256"},
		{TLS_AES_256_GCM_SHA384, "TLS_AES_256_GCM_SHA384"},
		{TLS_CHACHA20_POLY1305_SHA256, "TLS_CHACHA20_POLY1305_SHA256"},
		{TLS_AES_128_CCM_8_SHA256, "TLS_AES_128_CCM_8_SHA256"},
		{CipherSuite(0x0000), "TLS_NULL_WITH_NULL_NULL"},
		{CipherSuite(0x000a), "TLS_RSA_WITH_3DES_EDE_CBC_SHA"},
		{CipherSuite(0x002f), "TLS_RSA_WITH_AES_128_CBC_SHA"},
		{CipherSuite(0x0067), "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256"},
		{CipherSuite(0x00a8), "TLS_PSK_WITH_AES_128_GCM_SHA256"},
		{CipherSuite(0x00c6), "TLS_SM4_GCM_SM3"},
		{TLS_EMPTY_RENEGOTIATION_INFO_SCSV, "TLS_EMPTY_RENEGOTIATION_INFO_SCSV"},
		{TLS_FALLBACK_SCSV, "TLS_FALLBACK_SCSV"},
		{CipherSuite(0x1307), "TLS_AEGIS_128L_SHA256"},
		{CipherSuite(0xc009), "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"},
		{CipherSuite(0xc02f), "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"},
		{CipherSuite(0xc0aa), "TLS_PSK_DHE_WITH_AES_128_CCM_8"},
		{CipherSuite(0xc0ae), "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8"},
		{CipherSuite(0xc0b4), "TLS_SHA256_SHA256"},
		{CipherSuite(0xc103), "TLS_GOSTR341112_256_WITH_KUZNYECHIK_MGM_L"},
		{CipherSuite(0xcca8), "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"},
		{CipherSuite(0xd001), "TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256"},
		{CipherSuite(0x1234), "0x1234"},
		{CipherSuite(0x0a0a), "GREASE (0x0a0a)"},
		{CipherSuite(0xff00), "0xff00"}, // private use

		{Secp256r1, "secp256r1"},
		{Secp384r1, "secp384r1"},
		{Secp521r1, "secp521r1"},
		{X25519, "x25519"},
		{X448, "x448"},
		{Secp256k1, "secp256k1"},
		{BrainpoolP384r1, "brainpoolP384r1"},
		{BrainpoolP512r1TLS13, "brainpoolP512r1tls13"},
		{CurveSM2, "curveSM2"},
		{Group(0x0001), "sect163k1"},
		{Group(0x0028), "GC512C"},
		{FFDHE2048, "ffdhe2048"},
		{FFDHE8192, "ffdhe8192"},
		{MLKEM1024, "MLKEM1024"},
		{SecP256r1MLKEM768, "SecP256r1MLKEM768"},
		{X25519MLKEM768, "X25519MLKEM768"},
		{SecP384r1MLKEM1024, "SecP384r1MLKEM1024"},
		{CurveSM2MLKEM768, "curveSM2MLKEM768"},
		{Group(0x6399), "X25519Kyber768Draft00"},
		{Group(0x2a2a), "GREASE (0x2a2a)"},
		{Group(0xfe00), "0xfe00"}, // private use

		{RSA_PKCS1_SHA1, "rsa_pkcs1_sha1"},
		{ECDSA_SHA1, "ecdsa_sha1"},
		{RSA_PKCS1_SHA256, "rsa_pkcs1_sha256"},
		{ECDSA_SECP256R1_SHA256, "ecdsa_secp256r1_sha256"},
		{ECDSA_SECP384R1_SHA384, "ecdsa_secp384r1_sha384"},
		{ECDSA_SECP521R1_SHA512, "ecdsa_secp521r1_sha512"},
		{RSA_PSS_RSAE_SHA256, "rsa_pss_rsae_sha256"},
		{RSA_PSS_PSS_SHA512, "rsa_pss_pss_sha512"},
		{ED25519, "ed25519"},
		{ED448, "ed448"},
		{MLDSA44, "mldsa44"},
		{MLDSA87, "mldsa87"},
		{SignatureScheme(0x0303), "ecdsa_sha224"},
		{SignatureScheme(0x0420), "rsa_pkcs1_sha256_legacy"},
		{SignatureScheme(0x0708), "sm2sig_sm3"},
		{SignatureScheme(0x070f), "gostr34102012_512c"},
		{SignatureScheme(0x081a), "ecdsa_brainpoolP256r1tls13_sha256"},
		{SignatureScheme(0x091c), "slhdsa_shake_256f"},
		{SignatureScheme(0xfe01), "0xfe01"}, // private use

		{ExtServerName, "server_name"},
		{ExtStatusRequest, "status_request"},
		{ExtSupportedGroups, "supported_groups"},
		{ExtECPointFormats, "ec_point_formats"},
		{ExtSignatureAlgorithms, "signature_algorithms"},
		{ExtALPN, "application_layer_protocol_negotiation"},
		{ExtSCT, "signed_certificate_timestamp"},
		{ExtPadding, "padding"},
		{ExtExtendedMasterSecret, "extended_master_secret"},
		{ExtCompressCertificate, "compress_certificate"},
		{ExtRecordSizeLimit, "record_size_limit"},
		{ExtDelegatedCredential, "delegated_credential"},
		{ExtSessionTicket, "session_ticket"},
		{ExtPreSharedKey, "pre_shared_key"},
		{ExtSupportedVersions, "supported_versions"},
		{ExtPSKKeyExchangeModes, "psk_key_exchange_modes"},
		{ExtKeyShare, "key_share"},
		{ExtQUICTransportParameters, "quic_transport_parameters"},
		{ExtTicketRequest, "ticket_request"},
		{ExtECHOuterExtensions, "ech_outer_extensions"},
		{ExtEncryptedClientHello, "encrypted_client_hello"},
		{ExtRenegotiationInfo, "renegotiation_info"},
		{ExtensionType(40), "0x0028"}, // reserved
		{ExtensionType(0xdada), "GREASE (0xdada)"},
	}
	for _, tt := range tests {
		if got := tt.value.String(); got != tt.want {
			t.Errorf("%T: got %q, want %q", tt.value, got, tt.want)
		}
	}
}

// Binary search needs order, and a name that two values share could not be parsed.
func TestTablesSortedAndUnique(t *testing.T) {
	tables := map[string][]entry{
		"versions": versions, "suites": suites, "groups": groups, "schemes": schemes,
		"alerts": asEntries(alerts), "handshake types": asEntries(handshakeTypes),
	}
	for _, x := range extensions {
		tables["extensions"] = append(tables["extensions"], entry{code: uint16(x.Type), name: x.Name})
	}
	for kind, table := range tables {
		owner := make(map[string]uint16)
		for i, e := range table {
			if i > 0 && table[i-1].code >= e.code {
				t.Errorf("%s: 0x%04x does not follow 0x%04x", kind, e.code, table[i-1].code)
			}
			if IsGREASE(e.code) {
				t.Errorf("%s: %s has a GREASE value", kind, e.name)
			}
			for spelling := range e.spellings {
				folded := fold(spelling)
				if other, taken := owner[folded]; taken {
					t.Errorf("%s: %q means both 0x%04x and 0x%04x", kind, spelling, other, e.code)
				}
				owner[folded] = e.code
			}
		}
	}
}

func asEntries(terms []term) []entry {
	var table []entry
	for _, x := range terms {
		table = append(table, entry{code: uint16(x.code), name: x.name})
	}
	return table
}

func TestIsGREASE(t *testing.T) {
	n := 0
	for v := range 0x10000 {
		if IsGREASE(uint16(v)) {
			if want := n<<12 | 0xa00 | n<<4 | 0xa; v != want {
				t.Errorf("0x%04x is taken for GREASE, want 0x%04x", v, want)
			}
			n++
		}
	}
	if n != 16 {
		t.Errorf("%d GREASE values, want 16", n)
	}
}

func TestMeanings(t *testing.T) {
	meanings := make(map[string]string)
	check := func(name, meaning string) {
		if other, taken := meanings[meaning]; taken {
			t.Errorf("%s and %s have one meaning", name, other)
		}
		meanings[meaning] = name
		if !strings.HasSuffix(meaning, ".") || meaning[:1] != strings.ToUpper(meaning[:1]) {
			t.Errorf("%s: %q is no sentence", name, meaning)
		}
	}
	for c := range 256 {
		if h := HandshakeType(c); h.Known() {
			check("handshake type "+h.String(), h.Meaning())
		} else if h.Meaning() != "" {
			t.Errorf("%v has a meaning but no name", h)
		}
		if a := Alert(c); a.Known() {
			check("alert "+a.String(), a.Meaning())
		} else if a.Meaning() != "" {
			t.Errorf("%v has a meaning but no name", a)
		}
	}
	for _, x := range extensions {
		check("extension "+x.Name, x.Meaning)
		if x.Source == "" {
			t.Errorf("%s has no source", x.Name)
		}
	}
}

func TestStatus(t *testing.T) {
	tests := []struct {
		got, want Status
		name      string
	}{
		{TLS_AES_128_GCM_SHA256.Status(), Recommended, "TLS_AES_128_GCM_SHA256"},
		{TLS_AES_128_CCM_8_SHA256.Status(), Neutral, "TLS_AES_128_CCM_8_SHA256"},
		{TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384.Status(), Recommended, "ECDHE-RSA-AES256-GCM-SHA384"},
		{TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA.Status(), Neutral, "ECDHE-RSA-AES128-SHA"},
		{TLS_RSA_WITH_3DES_EDE_CBC_SHA.Status(), Neutral, "DES-CBC3-SHA"},
		{CipherSuite(0x0005).Status(), Discouraged, "RC4-SHA"},
		{CipherSuite(0x0003).Status(), Discouraged, "EXP-RC4-MD5"},
		{CipherSuite(0x0009).Status(), Discouraged, "DES-CBC-SHA"},
		{CipherSuite(0x0034).Status(), Discouraged, "ADH-AES128-SHA"},
		{CipherSuite(0xc0b4).Status(), Discouraged, "TLS_SHA256_SHA256"},
		{CipherSuite(0x1234).Status(), Unregistered, "0x1234"},
		{X25519.Status(), Recommended, "x25519"},
		{Secp521r1.Status(), Neutral, "secp521r1"},
		{Group(0x0013).Status(), Discouraged, "secp192r1"},
		{Group(0x0009).Status(), Neutral, "sect283k1"},
		{Group(0x0a0a).Status(), Unregistered, "GREASE"},
		{ECDSA_SECP384R1_SHA384.Status(), Recommended, "ecdsa_secp384r1_sha384"},
		{RSA_PKCS1_SHA256.Status(), Neutral, "rsa_pkcs1_sha256"},
		{SignatureScheme(0x0303).Status(), Unregistered, "ecdsa_sha224"},
		{TLS13.Status(), Recommended, "TLS 1.3"},
		{TLS11.Status(), Discouraged, "TLS 1.1"},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, tt.got, tt.want)
		}
	}
	if !SignatureScheme(0x0303).Known() || SignatureScheme(0x0300).Known() || !X448.Known() || CipherSuite(0x1a1a).Known() {
		t.Error("Known must say whether there is a name, registered or not")
	}
}

func TestOpenSSL(t *testing.T) {
	tests := map[CipherSuite]string{
		TLS_AES_128_GCM_SHA256:                      "TLS_AES_128_GCM_SHA256",
		TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256:       "ECDHE-RSA-AES128-GCM-SHA256",
		TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: "ECDHE-RSA-CHACHA20-POLY1305",
		TLS_RSA_WITH_3DES_EDE_CBC_SHA:               "DES-CBC3-SHA",
		TLS_DHE_RSA_WITH_AES_256_CCM_8:              "DHE-RSA-AES256-CCM8",
		TLS_PSK_WITH_AES_128_GCM_SHA256:             "PSK-AES128-GCM-SHA256",
		0xc100:                                      "GOST2012-KUZNYECHIK-KUZNYECHIKOMAC",
		0x1306:                                      "",
		0x1234:                                      "",
		TLS_FALLBACK_SCSV:                           "",
	}
	for s, want := range tests {
		if got := s.OpenSSL(); got != want {
			t.Errorf("%v: %q, want %q", s, got, want)
		}
	}
}

// Names are looked up for each event that is watched, so they must cost nothing.
func TestNoAllocations(t *testing.T) {
	var length int
	tests := map[string]func(){
		"CipherSuite":     func() { length += len(TLS_AES_128_GCM_SHA256.String()) },
		"OpenSSL":         func() { length += len(TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256.OpenSSL()) },
		"Group":           func() { length += len(X25519MLKEM768.String()) },
		"SignatureScheme": func() { length += len(ED25519.String()) },
		"Version":         func() { length += len(TLS13.String()) },
		"HandshakeType":   func() { length += len(CompressedCert.String()) + len(Finished.Meaning()) },
		"Alert":           func() { length += len(ECHRequired.String()) + len(UnknownCA.Meaning()) },
		"ContentType":     func() { length += len(ContentAlert.String()) },
		"ExtensionType":   func() { length += len(ExtRenegotiationInfo.String()) },
		"Info":            func() { x, _ := ExtKeyShare.Info(); length += len(x.Meaning) },
		"AllowedIn":       func() { _ = ExtKeyShare.AllowedIn(InServerHello) },
	}
	for name, lookup := range tests {
		if n := testing.AllocsPerRun(100, lookup); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	if length == 0 {
		t.Error("nothing was looked up")
	}
}
