package iana

import "testing"

// rfcPlaces is the table of RFC 9846, Section 4.3, written down by hand.
var rfcPlaces = []struct {
	name  string
	place string
}{
	{"server_name", "CH, EE, CR"},
	{"status_request", "CH, CT, CR"},
	{"supported_groups", "CH, EE"},
	{"signature_algorithms", "CH, CR"},
	{"use_srtp", "CH, EE"},
	{"heartbeat", "CH, EE"},
	{"application_layer_protocol_negotiation", "CH, EE"},
	{"client_certificate_type", "CH, EE"},
	{"server_certificate_type", "CH, EE"},
	{"padding", "CH"},
	{"compress_certificate", "CH, CR"},
	{"record_size_limit", "CH, EE"},
	{"delegated_credential", "CH, CT, CR"},
	{"supported_ekt_ciphers", "CH, EE"},
	{"pre_shared_key", "CH, SH"},
	{"early_data", "CH, EE, NST"},
	{"supported_versions", "CH, SH, HRR"},
	{"cookie", "CH, HRR"},
	{"psk_key_exchange_modes", "CH"},
	{"certificate_authorities", "CH, CR"},
	{"oid_filters", "CR"},
	{"post_handshake_auth", "CH"},
	{"signature_algorithms_cert", "CH, CR"},
	{"key_share", "CH, SH, HRR"},
	{"transparency_info", "CH, CT, CR"},
	{"external_id_hash", "CH, EE"},
	{"external_session_id", "CH, EE"},
	{"quic_transport_parameters", "CH, EE"},
	{"ticket_request", "CH, EE"},
	{"ech_outer_extensions", "CH"},
	{"encrypted_client_hello", "CH, HRR, EE"},

	// "-" in the registry's column TLS 1.3, but in the ClientHello of a client
	// that speaks older versions too; and what the RFC's table leaves out.
	{"ec_point_formats", "CH"},
	{"encrypt_then_mac", "CH"},
	{"extended_master_secret", "CH"},
	{"session_ticket", "CH"},
	{"renegotiation_info", "CH"},
	{"status_request_v2", "CH"},
	{"max_fragment_length", "CH, EE"},
	{"signed_certificate_timestamp", "CH, CT, CR"},
}

func TestPlaces(t *testing.T) {
	byName := make(map[string]ExtensionInfo)
	for _, x := range extensions {
		byName[x.Name] = x
	}
	for _, want := range rfcPlaces {
		x, ok := byName[want.name]
		if !ok {
			t.Errorf("%s is missing", want.name)
			continue
		}
		if x.Place.String() != want.place {
			t.Errorf("%s: %v, want %s", x.Name, x.Place, want.place)
		}
	}
	for _, x := range extensions {
		if x.Type != ExtOIDFilters && !x.Type.AllowedIn(InClientHello) {
			t.Errorf("%s is not allowed in a ClientHello, where servers must bear anything", x.Name)
		}
	}
}

func TestAllowedIn(t *testing.T) {
	tests := []struct {
		ext  ExtensionType
		in   Place
		want bool
	}{
		{ExtKeyShare, InClientHello, true},
		{ExtKeyShare, InServerHello | InHelloRetryRequest, true},
		{ExtKeyShare, InEncryptedExtensions, false},
		{ExtKeyShare, InServerHello | InEncryptedExtensions, false},
		{ExtALPN, InServerHello, false},
		{ExtOIDFilters, InClientHello, false},
		{ExtExtendedMasterSecret, InServerHello, false},
		{ExtEarlyData, InNewSessionTicket, true},
		{ExtensionType(0x1234), InCertificate, true},
		{ExtensionType(0x8a8a), InEncryptedExtensions, true},
	}
	for _, tt := range tests {
		if got := tt.ext.AllowedIn(tt.in); got != tt.want {
			t.Errorf("%v in %v: %v", tt.ext, tt.in, got)
		}
	}
}

func TestInfo(t *testing.T) {
	x, ok := ExtKeyShare.Info()
	if !ok || x.Type != ExtKeyShare || x.Name != "key_share" || x.Status != Recommended || x.Source != "RFC 9846, Section 4.3.8" {
		t.Errorf("key_share: %+v, %v", x, ok)
	}
	if x, ok := ExtensionType(0x0a0a).Info(); ok || x != (ExtensionInfo{}) {
		t.Errorf("GREASE: %+v, %v", x, ok)
	}
	if !ExtServerName.Known() || ExtensionType(46).Known() {
		t.Error("Known: server_name has a name, 46 is reserved")
	}
	if got := Place(0).String(); got != "-" {
		t.Errorf("no place prints as %q", got)
	}
}
