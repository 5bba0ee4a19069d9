package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// cat joins parts, which are bytes or hex with blanks.
func cat(parts ...any) []byte {
	var b []byte
	for _, p := range parts {
		switch p := p.(type) {
		case []byte:
			b = append(b, p...)
		case string:
			x, err := hex.DecodeString(strings.ReplaceAll(p, " ", ""))
			if err != nil {
				panic(err)
			}
			b = append(b, x...)
		}
	}
	return b
}

// vec is cat behind a length of width bytes.
func vec(width int, parts ...any) []byte {
	body := cat(parts...)
	var b []byte
	for i := width - 1; i >= 0; i-- {
		b = append(b, byte(len(body)>>(8*i)))
	}
	return append(b, body...)
}

func message(t iana.HandshakeType, parts ...any) []byte {
	return append([]byte{byte(t)}, vec(3, parts...)...)
}

func ext(t iana.ExtensionType, parts ...any) []byte {
	return append([]byte{byte(t >> 8), byte(t)}, vec(2, parts...)...)
}

// head is a ClientHello up to its extensions: 41 bytes, so that the block's
// length stands at byte 45 and the first extension at 47, its body at 51.
const head = "0303 2021222324252627 28292a2b2c2d2e2f 3031323334353637 38393a3b3c3d3e3f 00 0002 1301 01 00"

func hello(exts ...any) []byte { return message(iana.ClientHello, head, vec(2, exts...)) }

// In a ServerHello the block's length stands at byte 42, the first extension
// at 44, its body at 48.
func serverHello(exts ...any) []byte {
	return message(iana.ServerHello, head[:len(head)-len("0002 1301 01 00")], "1301 00", vec(2, exts...))
}

func retry(exts ...any) []byte {
	b := serverHello(exts...)
	copy(b[6:], RetryRandom[:])
	return b
}

func times(n int, b string) []byte { return bytes.Repeat(cat(b), n) }

// many are n unknown extensions without a body, 4 bytes each.
func many(n int) []byte {
	var b []byte
	for i := range n {
		b = append(b, ext(iana.ExtensionType(0x8000+i))...)
	}
	return b
}

type failure struct {
	name   string
	bytes  []byte
	field  string
	offset int
	got    string
	want   string
}

// failures are of messages that TLS 1.3 has; failures12 of those it lacks.
var failures = map[*fault.Rule][]failure{
	fault.WireTruncated: {
		{"no type", nil, "msg_type", 0, "0 bytes left", "1"},
		{"half a header", cat("01 0000"), "length", 1, "2 bytes left", "3"},
		{"header only", cat("01 000001"), "length", 1, "0 bytes left", "1"},
		{"half a version", message(iana.ClientHello, "03"), "legacy_version", 4, "1 byte left", "2"},
		{"half a random", message(iana.ClientHello, "0303", times(31, "aa")), "random", 6, "31 bytes left", "32"},
		{"long session ID", message(iana.ClientHello, "0303", times(32, "aa"), "20 00"), "legacy_session_id", 38, "1 byte left", "32"},
		{"no session ID", message(iana.ClientHello, "0303", times(32, "aa")), "legacy_session_id", 38, "0 bytes left", "1"},
		{"long suites", message(iana.ClientHello, "0303", times(32, "aa"), "00 0004 1301"), "cipher_suites", 39, "2 bytes left", "4"},
		{"half a block length", message(iana.ClientHello, head, "00"), "extensions", 45, "1 byte left", "2"},
		{"long block", message(iana.ClientHello, head, "0001"), "extensions", 45, "0 bytes left", "1"},
		{"half a type", hello("00"), "extensions.extension_type", 47, "1 byte left", "2"},
		{"no extension length", hello("0033"), "extensions.key_share.extension_data", 49, "0 bytes left", "2"},
		{"long extension", hello("0033 0001"), "extensions.key_share.extension_data", 49, "0 bytes left", "1"},
		{"long unknown extension", hello(ext(0x0a0a), "1a1a 0002 00"), "extensions.GREASE (0x1a1a).extension_data", 53, "1 byte left", "2"},
		{"no share list", hello(ext(iana.ExtKeyShare)), "extensions.key_share.client_shares", 51, "0 bytes left", "2"},
		{"half a group", hello(ext(iana.ExtKeyShare, vec(2, "00"))), "extensions.key_share.client_shares.group", 53, "1 byte left", "2"},
		{"long share", hello(ext(iana.ExtKeyShare, vec(2, "001d 0020 00"))), "extensions.key_share.client_shares.key_exchange", 55, "1 byte left", "32"},
		{"long second share", hello(ext(iana.ExtKeyShare, vec(2, "0017 0001 00", "001d 0002 00"))), "extensions.key_share.client_shares.key_exchange", 60, "1 byte left", "2"},
		{"empty server_name", hello(ext(iana.ExtServerName)), "extensions.server_name.server_name_list", 51, "0 bytes left", "2"},
		{"half an age", hello(ext(iana.ExtPreSharedKey, vec(2, vec(2, "aa bb"), "0000 00"))), "extensions.pre_shared_key.identities.obfuscated_ticket_age", 57, "3 bytes left", "4"},
		{"no binders", hello(ext(iana.ExtPreSharedKey, vec(2, vec(2, "aa"), "0000 0000"))), "extensions.pre_shared_key.binders", 60, "0 bytes left", "2"},
		{"half a limit", hello(ext(iana.ExtRecordSizeLimit, "40")), "extensions.record_size_limit.record_size_limit", 51, "1 byte left", "2"},
		{"no ID list", hello(ext(iana.ExtStatusRequest, "01")), "extensions.status_request.responder_id_list", 52, "0 bytes left", "2"},
		{"half a selected version", serverHello(ext(iana.ExtSupportedVersions, "03")), "extensions.supported_versions.selected_version", 48, "1 byte left", "2"},
		{"share without a key", serverHello(ext(iana.ExtKeyShare, "001d")), "extensions.key_share.key_exchange", 50, "0 bytes left", "2"},
		{"half a selected group", retry(ext(iana.ExtKeyShare, "00")), "extensions.key_share.selected_group", 48, "1 byte left", "2"},
		{"half an index", serverHello(ext(iana.ExtPreSharedKey, "00")), "extensions.pre_shared_key.selected_identity", 48, "1 byte left", "2"},
		{"half a limit of a server", serverHello(ext(iana.ExtRecordSizeLimit, "40")), "extensions.record_size_limit.record_size_limit", 48, "1 byte left", "2"},
		{"no max_fragment_length", serverHello(ext(iana.ExtMaxFragmentLength)), "extensions.max_fragment_length.max_fragment_length", 48, "0 bytes left", "1"},
		{"no block", message(iana.EncryptedExtensions), "extensions", 4, "0 bytes left", "2"},
		{"request without a block", message(iana.CertificateRequest, "00"), "extensions", 5, "0 bytes left", "2"},
		{"long certificate", message(iana.Certificate, "00", vec(3, "000002 30")), "certificate_list.cert_data", 8, "1 byte left", "2"},
		{"certificate without a block", message(iana.Certificate, "00", vec(3, "000001 30")), "certificate_list.extensions", 12, "0 bytes left", "2"},
		{"no response", message(iana.Certificate, "00", vec(3, "000001 30", vec(2, ext(iana.ExtStatusRequest, "01 0000")))), "certificate_list.extensions.status_request.response", 19, "2 bytes left", "3"},
		{"long SCT", message(iana.Certificate, "00", vec(3, "000001 30", vec(2, ext(iana.ExtSCT, vec(2, "0002 aa"))))), "certificate_list.extensions.signed_certificate_timestamp.sct_list.serialized_sct", 20, "1 byte left", "2"},
		{"long signature", message(iana.CertificateVerify, "0403 0002 30"), "signature", 6, "1 byte left", "2"},
		{"half an add", message(iana.NewSessionTicket, "00000001 000000"), "ticket_age_add", 8, "3 bytes left", "4"},
		{"half a size", message(iana.NewSessionTicket, "00000001 00000000 00", vec(2, "aa"), vec(2, ext(iana.ExtEarlyData, "000000"))), "extensions.early_data.max_early_data_size", 22, "3 bytes left", "4"},
		{"empty update", message(iana.KeyUpdate), "request_update", 4, "0 bytes left", "1"},
	},
	fault.WireTrailing: {
		{"behind the message", append(message(iana.KeyUpdate, "00"), 0), "message", 5, "", ""},
		{"in the message", message(iana.KeyUpdate, "00 00"), "end", 5, "", ""},
		{"behind the block", message(iana.ClientHello, head, "0000", "00"), "end", 47, "", ""},
		{"in an empty extension", hello(ext(iana.ExtExtendedMasterSecret, "00")), "extensions.extended_master_secret.end", 51, "", ""},
		{"second host name", hello(ext(iana.ExtServerName, vec(2, "00", vec(2, "61"), "00", vec(2, "62")))), "extensions.server_name.server_name_list.end", 57, "", ""},
		{"behind a list", hello(ext(iana.ExtKeyShare, vec(2), "00")), "extensions.key_share.end", 53, "", ""},
		{"second share of a server", serverHello(ext(iana.ExtKeyShare, "001d", vec(2, "aa"), "0017")), "extensions.key_share.end", 53, "", ""},
		{"share in a retry", retry(ext(iana.ExtKeyShare, "001d", vec(2, "aa"))), "extensions.key_share.end", 50, "", ""},
		{"list in a server's hello", serverHello(ext(iana.ExtClientCertificateType, "01 02")), "extensions.client_certificate_type.end", 49, "", ""},
		{"list in a server's answer", message(iana.EncryptedExtensions, vec(2, ext(iana.ExtServerCertificateType, "01 02"))), "extensions.server_certificate_type.end", 11, "", ""},
		{"behind a certificate list", message(iana.Certificate, "00", vec(3), "ff"), "end", 8, "", ""},
		{"behind a signature", message(iana.CertificateVerify, "0403", vec(2, "30"), "00"), "end", 9, "", ""},
	},
	fault.WireLength: {
		{"session ID of 33", message(iana.ClientHello, "0303", times(32, "aa"), vec(1, times(33, "bb"))), "legacy_session_id", 38, "33 bytes", "0 to 32"},
		{"no suites", message(iana.ClientHello, "0303", times(32, "aa"), "00 0000"), "cipher_suites", 39, "0 bytes", "2 to 65534"},
		{"odd suites", message(iana.ClientHello, "0303", times(32, "aa"), "00 0003 130113 0100"), "cipher_suites", 39, "an odd number of bytes", "two-byte values"},
		{"no compressions", message(iana.ClientHello, "0303", times(32, "aa"), "00 0002 1301 00"), "legacy_compression_methods", 43, "0 bytes", "1 to 255"},
		{"empty name list", hello(ext(iana.ExtServerName, vec(2))), "extensions.server_name.server_name_list", 51, "0 bytes", "1 to 65535"},
		{"empty host name", hello(ext(iana.ExtServerName, vec(2, "00 0000"))), "extensions.server_name.server_name_list.host_name", 54, "0 bytes", "1 to 65535"},
		{"empty responder ID", hello(ext(iana.ExtStatusRequest, "01", vec(2, "0000"), vec(2))), "extensions.status_request.responder_id_list.responder_id", 54, "0 bytes", "1 to 65535"},
		{"no groups", hello(ext(iana.ExtSupportedGroups, vec(2))), "extensions.supported_groups.named_group_list", 51, "0 bytes", "2 to 65534"},
		{"odd groups", hello(ext(iana.ExtSupportedGroups, vec(2, "001d00"))), "extensions.supported_groups.named_group_list", 51, "an odd number of bytes", "two-byte values"},
		{"no point formats", hello(ext(iana.ExtECPointFormats, vec(1))), "extensions.ec_point_formats.ec_point_format_list", 51, "0 bytes", "1 to 255"},
		{"no schemes", hello(ext(iana.ExtSignatureAlgorithms, vec(2))), "extensions.signature_algorithms.supported_signature_algorithms", 51, "0 bytes", "2 to 65534"},
		{"no schemes for certificates", hello(ext(iana.ExtSignatureAlgorithmsCert, vec(2))), "extensions.signature_algorithms_cert.supported_signature_algorithms", 51, "0 bytes", "2 to 65534"},
		{"no protocols", hello(ext(iana.ExtALPN, vec(2))), "extensions.application_layer_protocol_negotiation.protocol_name_list", 51, "0 bytes", "2 to 65535"},
		{"empty protocol", hello(ext(iana.ExtALPN, vec(2, vec(1, "6832"), "00"))), "extensions.application_layer_protocol_negotiation.protocol_name_list.protocol_name", 56, "0 bytes", "1 to 255"},
		{"no certificate types", hello(ext(iana.ExtServerCertificateType, vec(1))), "extensions.server_certificate_type.server_certificate_types", 51, "0 bytes", "1 to 255"},
		{"no compression algorithms", hello(ext(iana.ExtCompressCertificate, vec(1))), "extensions.compress_certificate.algorithms", 51, "0 bytes", "2 to 254"},
		{"no versions", hello(ext(iana.ExtSupportedVersions, vec(1))), "extensions.supported_versions.versions", 51, "0 bytes", "2 to 254"},
		{"too many versions", hello(ext(iana.ExtSupportedVersions, vec(1, times(255, "03")))), "extensions.supported_versions.versions", 51, "255 bytes", "2 to 254"},
		{"empty cookie", hello(ext(iana.ExtCookie, vec(2))), "extensions.cookie.cookie", 51, "0 bytes", "1 to 65535"},
		{"no modes", hello(ext(iana.ExtPSKKeyExchangeModes, vec(1))), "extensions.psk_key_exchange_modes.ke_modes", 51, "0 bytes", "1 to 255"},
		{"short authorities", hello(ext(iana.ExtCertificateAuthorities, vec(2, "0000"))), "extensions.certificate_authorities.authorities", 51, "2 bytes", "3 to 65535"},
		{"empty authority", hello(ext(iana.ExtCertificateAuthorities, vec(2, "0000 00"))), "extensions.certificate_authorities.authorities.distinguished_name", 53, "0 bytes", "1 to 65535"},
		{"no client certificate types", hello(ext(iana.ExtClientCertificateType, vec(1))), "extensions.client_certificate_type.client_certificate_types", 51, "0 bytes", "1 to 255"},
		{"empty share", hello(ext(iana.ExtKeyShare, vec(2, "001d 0000"))), "extensions.key_share.client_shares.key_exchange", 55, "0 bytes", "1 to 65535"},
		{"no identities", hello(ext(iana.ExtPreSharedKey, vec(2), vec(2))), "extensions.pre_shared_key.identities", 51, "0 bytes", "7 to 65535"},
		{"empty identity", hello(ext(iana.ExtPreSharedKey, vec(2, "0000 00000000 00"))), "extensions.pre_shared_key.identities.identity", 53, "0 bytes", "1 to 65535"},
		{"short binders", hello(ext(iana.ExtPreSharedKey, vec(2, vec(2, "aa"), "0000 0000"), vec(2, times(32, "00")))), "extensions.pre_shared_key.binders", 60, "32 bytes", "33 to 65535"},
		{"short binder", hello(ext(iana.ExtPreSharedKey, vec(2, vec(2, "aa"), "0000 0000"), vec(2, vec(1, times(31, "00")), "00"))), "extensions.pre_shared_key.binders.binder", 62, "31 bytes", "32 to 255"},
		{"session ID echo of 33", message(iana.ServerHello, "0303", times(32, "aa"), vec(1, times(33, "bb"))), "legacy_session_id_echo", 38, "33 bytes", "0 to 32"},
		{"empty share of a server", serverHello(ext(iana.ExtKeyShare, "001d 0000")), "extensions.key_share.key_exchange", 50, "0 bytes", "1 to 65535"},
		{"empty cookie of a retry", retry(ext(iana.ExtCookie, vec(2))), "extensions.cookie.cookie", 48, "0 bytes", "1 to 65535"},
		{"no point formats of a server", serverHello(ext(iana.ExtECPointFormats, vec(1))), "extensions.ec_point_formats.ec_point_format_list", 48, "0 bytes", "1 to 255"},
		{"empty echo of groups", serverHello(ext(iana.ExtSupportedGroups, vec(2))), "extensions.supported_groups.named_group_list", 48, "0 bytes", "2 to 65534"},
		{"no groups of a server", message(iana.EncryptedExtensions, vec(2, ext(iana.ExtSupportedGroups, vec(2)))), "extensions.supported_groups.named_group_list", 10, "0 bytes", "2 to 65534"},
		{"request without schemes", message(iana.CertificateRequest, "00", vec(2, ext(iana.ExtSignatureAlgorithms, vec(2)))), "extensions.signature_algorithms.supported_signature_algorithms", 11, "0 bytes", "2 to 65534"},
		{"request without schemes for certificates", message(iana.CertificateRequest, "00", vec(2, ext(iana.ExtSignatureAlgorithmsCert, vec(2)))), "extensions.signature_algorithms_cert.supported_signature_algorithms", 11, "0 bytes", "2 to 65534"},
		{"request without compression algorithms", message(iana.CertificateRequest, "00", vec(2, ext(iana.ExtCompressCertificate, vec(1)))), "extensions.compress_certificate.algorithms", 11, "0 bytes", "2 to 254"},
		{"empty OID", message(iana.CertificateRequest, "00", vec(2, ext(iana.ExtOIDFilters, vec(2, "00 0000")))), "extensions.oid_filters.filters.certificate_extension_oid", 13, "0 bytes", "1 to 255"},
		{"empty certificate", message(iana.Certificate, "00", vec(3, "000000 0000")), "certificate_list.cert_data", 8, "0 bytes", "1 to 16777215"},
		{"empty response", message(iana.Certificate, "00", vec(3, "000001 30", vec(2, ext(iana.ExtStatusRequest, "01 000000")))), "certificate_list.extensions.status_request.response", 19, "0 bytes", "1 to 16777215"},
		{"no SCTs", message(iana.Certificate, "00", vec(3, "000001 30", vec(2, ext(iana.ExtSCT, vec(2))))), "certificate_list.extensions.signed_certificate_timestamp.sct_list", 18, "0 bytes", "1 to 65535"},
		{"empty SCT", message(iana.Certificate, "00", vec(3, "000001 30", vec(2, ext(iana.ExtSCT, vec(2, "0000"))))), "certificate_list.extensions.signed_certificate_timestamp.sct_list.serialized_sct", 20, "0 bytes", "1 to 65535"},
		{"empty ticket", message(iana.NewSessionTicket, "00000001 00000000 00 0000 0000"), "ticket", 13, "0 bytes", "1 to 65535"},
	},
	fault.WireConstant: {
		{"no host name", hello(ext(iana.ExtServerName, vec(2, "01", vec(2, "61")))), "extensions.server_name.server_name_list.name_type", 53, "1", "0"},
		{"ocsp_multi", message(iana.Certificate, "00", vec(3, "000001 30", vec(2, ext(iana.ExtStatusRequest, "02 000001 30")))), "certificate_list.extensions.status_request.status_type", 18, "2", "1"},
	},
	fault.ExtensionRepeated: {
		{"declared", hello(ext(iana.ExtKeyShare, vec(2)), ext(iana.ExtKeyShare, vec(2))), "extensions.key_share", 53, "", ""},
		{"empty", hello(ext(iana.ExtSCT), ext(iana.ExtEncryptThenMAC), ext(iana.ExtSCT)), "extensions.signed_certificate_timestamp", 55, "", ""},
		{"unknown", serverHello(ext(0x1a1a, "00"), ext(0x1a1a)), "extensions.GREASE (0x1a1a)", 49, "", ""},
		{"in a certificate", message(iana.Certificate, "00", vec(3, "000001 30", vec(2, ext(0x1a1a), ext(0x1a1a)))), "certificate_list.extensions.GREASE (0x1a1a)", 18, "", ""},
		{"first of many", hello(many(few), ext(0x8000)), "extensions.0x8000", 47 + 4*few, "", ""},
		{"last of many", hello(many(few), ext(0x8000+few-1)), "extensions.0x803f", 47 + 4*few, "", ""},
		{"late among many", hello(many(3*few), ext(0x8000+2*few)), "extensions.0x8080", 47 + 12*few, "", ""},
	},
}

// TestErrors: each rule of the wire, with the field and the byte it names.
func TestErrors(t *testing.T) {
	for _, rule := range wireRules {
		if len(failures[rule]) == 0 {
			t.Errorf("%s: nothing triggers it", rule.ID)
		}
		for _, tt := range failures[rule] {
			t.Run(rule.ID+"/"+tt.name, func(t *testing.T) {
				tls13.fails(t, rule, tt)
			})
		}
	}
}

func (d dialect) fails(t *testing.T, rule *fault.Rule, want failure) {
	t.Helper()
	m := Message(new(ClientHello))
	if len(want.bytes) > 0 {
		m = d.of(want.bytes)
	}
	d.invariant(t, want.bytes)
	expect(t, Decode(want.bytes, m), rule, want)
}

// TestBounds: the shortest and longest that the definitions allow are legal.
// Vectors that could only overflow the vector around them have no row.
func TestBounds(t *testing.T) {
	longest := times(255, "aa")
	authority := vec(2, vec(2, "30"))
	tests := map[string][]byte{
		"extension of no bytes":             hello(ext(0x1a1a)),
		"extensions of 65535":               hello(ext(0x1a1a, times(65531, "aa"))),
		"suites of 65534":                   message(iana.ClientHello, "0303", times(32, "aa"), "00", vec(2, times(32767, "1301")), "0100"),
		"compressions of 255":               message(iana.ClientHello, "0303", times(32, "aa"), "00 0002 1301", vec(1, longest)),
		"versions of 254":                   hello(ext(iana.ExtSupportedVersions, vec(1, times(127, "0304")))),
		"one client certificate type":       hello(ext(iana.ExtClientCertificateType, vec(1, "02"))),
		"authority of a byte":               hello(ext(iana.ExtCertificateAuthorities, authority)),
		"no shares":                         hello(ext(iana.ExtKeyShare, vec(2))),
		"identity of a byte":                hello(ext(iana.ExtPreSharedKey, vec(2, vec(2, "aa"), "00000000"), vec(2, vec(1, times(32, "bb"))))),
		"binder of 255":                     hello(ext(iana.ExtPreSharedKey, vec(2, vec(2, "aa"), "00000000"), vec(2, vec(1, longest)))),
		"protocol of 255":                   hello(ext(iana.ExtALPN, vec(2, vec(1, longest)))),
		"protocol of a byte":                hello(ext(iana.ExtALPN, vec(2, vec(1, "61")))),
		"host name of a byte":               hello(ext(iana.ExtServerName, vec(2, "00", vec(2, "61")))),
		"renegotiated_connection of 255":    hello(ext(iana.ExtRenegotiationInfo, vec(1, longest))),
		"no renegotiated_connection":        serverHello(ext(iana.ExtRenegotiationInfo, vec(1))),
		"a server's of 255":                 serverHello(ext(iana.ExtRenegotiationInfo, vec(1, longest))),
		"block of a server without bytes":   serverHello(),
		"block of a client without bytes":   hello(),
		"one group of a server":             message(iana.EncryptedExtensions, vec(2, ext(iana.ExtSupportedGroups, vec(2, "001d")))),
		"request without extensions":        message(iana.CertificateRequest, "00 0000"),
		"request with a context of 255":     message(iana.CertificateRequest, vec(1, longest), "0000"),
		"request with one scheme":           message(iana.CertificateRequest, "00", vec(2, ext(iana.ExtSignatureAlgorithms, vec(2, "0403")))),
		"request without filters":           message(iana.CertificateRequest, "00", vec(2, ext(iana.ExtOIDFilters, vec(2)))),
		"filter with an OID of 255":         message(iana.CertificateRequest, "00", vec(2, ext(iana.ExtOIDFilters, vec(2, vec(1, longest), vec(2))))),
		"certificate with a context of 255": message(iana.Certificate, vec(1, longest), vec(3)),
		"signature of no bytes":             message(iana.CertificateVerify, "0403", vec(2)),
		"signature of 65535":                message(iana.CertificateVerify, "0403", vec(2, times(65535, "aa"))),
		"nonce of 255":                      message(iana.NewSessionTicket, times(8, "00"), vec(1, longest), vec(2, "aa"), vec(2)),
		"ticket of 65535":                   message(iana.NewSessionTicket, times(8, "00"), vec(1), vec(2, times(65535, "aa")), vec(2)),
		"verify_data of no bytes":           message(iana.Finished),
	}
	for name, b := range tests {
		t.Run(name, func(t *testing.T) {
			if err := tls13.invariant(t, b); err != nil {
				t.Error(err)
			}
		})
	}
}

func expect(t *testing.T, err error, rule *fault.Rule, want failure) {
	t.Helper()
	var e *fault.Error
	if !errors.As(err, &e) {
		t.Fatalf("no *fault.Error: %v", err)
	}
	if e.Rule != rule {
		t.Errorf("rule %s, want %s", e.ID, rule.ID)
	}
	if e.Field != want.field || e.Offset != want.offset {
		t.Errorf("%q at %d, want %q at %d", e.Field, e.Offset, want.field, want.offset)
	}
	if e.Got != want.got || e.Want != want.want {
		t.Errorf("got %q, expected %q; want %q, %q", e.Got, e.Want, want.got, want.want)
	}
}

// TestOtherType: a message of another type is no ClientHello that is damaged.
func TestOtherType(t *testing.T) {
	b := sample(t, "server_hello")
	want := failure{field: "msg_type", offset: 0, got: "server_hello", want: "client_hello"}
	expect(t, Decode(b, new(ClientHello)), fault.UnexpectedMessage, want)
	spans, err := Annotate(b, new(ClientHello))
	expect(t, err, fault.UnexpectedMessage, want)
	nested(t, spans, len(b))
}

// TestAppendErrors: what no decoder would take is not encoded, and dst comes
// back as it was.
func TestAppendErrors(t *testing.T) {
	suites := MakeList16(iana.TLS_AES_128_GCM_SHA256)
	null := MakeList8(CompressionNull)
	named := ClientHello{CipherSuites: suites, Compressions: null}
	named.Extensions.Add(iana.ExtServerName)
	long := ClientHello{CipherSuites: suites, Compressions: null}
	long.Extensions.AddRaw(0x1a1a, make([]byte, 1<<16))
	tests := []struct {
		name  string
		m     Message
		field string
	}{
		{"long session ID", &ClientHello{SessionID: make([]byte, 33), CipherSuites: suites, Compressions: null}, "legacy_session_id"},
		{"no suites", &ClientHello{Compressions: null}, "cipher_suites"},
		{"no compressions", &ClientHello{CipherSuites: suites}, "legacy_compression_methods"},
		{"no host name", &named, "extensions.server_name.server_name_list.host_name"},
		{"long extension", &long, "extensions.GREASE (0x1a1a).extension_data"},
		{"no ticket", new(NewSessionTicket), "ticket"},
		{"no certificate", &Certificate{List: make([]CertificateEntry, 1)}, "certificate_list.cert_data"},
	}
	for _, tt := range tests {
		dst := []byte("kept")
		out, err := Append(dst, tt.m)
		var e *fault.Error
		if !errors.As(err, &e) || e.Rule != fault.WireLength || e.Field != tt.field {
			t.Errorf("%s: %v, want %s of %s", tt.name, err, fault.WireLength.ID, tt.field)
		}
		if string(out) != "kept" {
			t.Errorf("%s: dst became %q", tt.name, out)
		}
	}
}
