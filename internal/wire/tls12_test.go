package wire

import (
	"errors"
	"testing"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// failures12 are messages of TLS 1.2 that break a rule, with the field and the
// byte that the error names.
var failures12 = map[*fault.Rule][]failure{
	fault.WireTruncated: {
		{"certificate without a list", message(iana.Certificate, "0000"), "certificate_list", 4, "2 bytes left", "3"},
		{"long certificate list", message(iana.Certificate, "000001"), "certificate_list", 4, "0 bytes left", "1"},
		{"long certificate", message(iana.Certificate, vec(3, "000002 30")), "certificate_list.asn1_cert", 7, "1 byte left", "2"},
		{"half a certificate length", message(iana.Certificate, vec(3, vec(3, "30"), "0000")), "certificate_list.asn1_cert", 11, "2 bytes left", "3"},
		{"no status_type", message(iana.CertificateStatus), "status_type", 4, "0 bytes left", "1"},
		{"long response", message(iana.CertificateStatus, "01 000002 30"), "response", 5, "1 byte left", "2"},
		{"no curve_type", message(iana.ServerKeyExchange), "curve_type", 4, "0 bytes left", "1"},
		{"half a namedcurve", message(iana.ServerKeyExchange, "03 00"), "namedcurve", 5, "1 byte left", "2"},
		{"no server point", message(iana.ServerKeyExchange, "03 001d"), "public", 7, "0 bytes left", "1"},
		{"long server point", message(iana.ServerKeyExchange, "03 001d 20 aa"), "public", 7, "1 byte left", "32"},
		{"no algorithm", message(iana.ServerKeyExchange, "03 001d 01 aa"), "algorithm", 9, "0 bytes left", "2"},
		{"no signature", message(iana.ServerKeyExchange, "03 001d 01 aa 0403"), "signature", 11, "0 bytes left", "2"},
		{"long signature", message(iana.ServerKeyExchange, "03 001d 01 aa 0403 0002 30"), "signature", 11, "1 byte left", "2"},
		{"request without types", message(iana.CertificateRequest), "certificate_types", 4, "0 bytes left", "1"},
		{"request without schemes", message(iana.CertificateRequest, "01 40"), "supported_signature_algorithms", 6, "0 bytes left", "2"},
		{"request without authorities", message(iana.CertificateRequest, "01 40 0002 0403"), "certificate_authorities", 10, "0 bytes left", "2"},
		{"long authority", message(iana.CertificateRequest, "01 40 0002 0403", vec(2, "0002 30")), "certificate_authorities.distinguished_name", 12, "1 byte left", "2"},
		{"no client point", message(iana.ClientKeyExchange), "ecdh_Yc", 4, "0 bytes left", "1"},
		{"long client point", message(iana.ClientKeyExchange, "02 aa"), "ecdh_Yc", 4, "1 byte left", "2"},
		{"half a hint", message(iana.NewSessionTicket, "000000"), "ticket_lifetime_hint", 4, "3 bytes left", "4"},
		{"no ticket", message(iana.NewSessionTicket, "00000000"), "ticket", 8, "0 bytes left", "2"},
	},
	fault.WireTrailing: {
		{"behind a certificate list", message(iana.Certificate, vec(3), "00"), "end", 7, "", ""},
		{"behind a response", message(iana.CertificateStatus, "01", vec(3, "30"), "00"), "end", 9, "", ""},
		{"behind a server's signature", message(iana.ServerKeyExchange, "03 001d 01 aa 0403 0001 30 00"), "end", 14, "", ""},
		{"behind authorities", message(iana.CertificateRequest, "01 40 0002 0403 0000 00"), "end", 12, "", ""},
		{"in a ServerHelloDone", message(iana.ServerHelloDone, "00"), "end", 4, "", ""},
		{"in a HelloRequest", message(iana.HelloRequest, "00"), "end", 4, "", ""},
		{"behind a client's point", message(iana.ClientKeyExchange, "01 aa 00"), "end", 6, "", ""},
		{"behind a ticket", message(iana.NewSessionTicket, "00000000 0000 00"), "end", 10, "", ""},
	},
	fault.WireLength: {
		{"empty certificate", message(iana.Certificate, vec(3, "000000")), "certificate_list.asn1_cert", 7, "0 bytes", "1 to 16777215"},
		{"empty response", message(iana.CertificateStatus, "01 000000"), "response", 5, "0 bytes", "1 to 16777215"},
		{"empty server point", message(iana.ServerKeyExchange, "03 001d 00 0403 0000"), "public", 7, "0 bytes", "1 to 255"},
		{"no types", message(iana.CertificateRequest, "00 0002 0403 0000"), "certificate_types", 4, "0 bytes", "1 to 255"},
		{"no schemes", message(iana.CertificateRequest, "01 40 0000 0000"), "supported_signature_algorithms", 6, "0 bytes", "2 to 65534"},
		{"odd schemes", message(iana.CertificateRequest, "01 40 0003 040304 0000"), "supported_signature_algorithms", 6, "an odd number of bytes", "two-byte values"},
		{"empty authority", message(iana.CertificateRequest, "01 40 0002 0403", vec(2, "0000")), "certificate_authorities.distinguished_name", 12, "0 bytes", "1 to 65535"},
		{"empty client point", message(iana.ClientKeyExchange, "00"), "ecdh_Yc", 4, "0 bytes", "1 to 255"},
	},
	fault.WireConstant: {
		{"ocsp_multi", message(iana.CertificateStatus, "02", vec(3, "30")), "status_type", 4, "2", "1"},
		{"explicit_prime", message(iana.ServerKeyExchange, "01 01 17 01 01 01 01 01 01 01 01 01 01"), "curve_type", 4, "1", "3"},
		{"explicit_char2", message(iana.ServerKeyExchange, "02 0001 01"), "curve_type", 4, "2", "3"},
		{"a DHE prime", message(iana.ServerKeyExchange, "0100", times(256, "ff")), "curve_type", 4, "1", "3"},
	},
}

func TestErrors12(t *testing.T) {
	for rule, rows := range failures12 {
		for _, tt := range rows {
			t.Run(rule.ID+"/"+tt.name, func(t *testing.T) { tls12.fails(t, rule, tt) })
		}
	}
}

// TestBounds12: the shortest and longest that the definitions allow are legal.
func TestBounds12(t *testing.T) {
	longest := times(255, "aa")
	for name, b := range map[string][]byte{
		"no certificates":                  message(iana.Certificate, vec(3)),
		"certificate of a byte":            message(iana.Certificate, vec(3, vec(3, "30"))),
		"response of a byte":               message(iana.CertificateStatus, "01", vec(3, "30")),
		"server point of a byte":           message(iana.ServerKeyExchange, "03 001d 01 aa 0403 0001 30"),
		"server point of 255":              message(iana.ServerKeyExchange, "03 0017", vec(1, longest), "0403 0001 30"),
		"server signature of no bytes":     message(iana.ServerKeyExchange, "03 001d 01 aa 0403 0000"),
		"server signature of 65535":        message(iana.ServerKeyExchange, "03 001d 01 aa 0403", vec(2, times(65535, "aa"))),
		"a group without a name":           message(iana.ServerKeyExchange, "03 2a2a 01 aa 0403 0000"),
		"request for anyone":               message(iana.CertificateRequest, "01 40 0002 0403 0000"),
		"request with 255 types":           message(iana.CertificateRequest, vec(1, longest), "0002 0403 0000"),
		"request with schemes of 65534":    message(iana.CertificateRequest, "01 40", vec(2, times(32767, "0403")), "0000"),
		"request with an authority":        message(iana.CertificateRequest, "01 40 0002 0403", vec(2, vec(2, "30"))),
		"request with the largest":         message(iana.CertificateRequest, "01 40 0002 0403", vec(2, vec(2, times(65533, "30")))),
		"client point of a byte":           message(iana.ClientKeyExchange, "01 aa"),
		"client point of 255":              message(iana.ClientKeyExchange, vec(1, longest)),
		"ticket of no bytes":               message(iana.NewSessionTicket, "00000000 0000"),
		"ticket of 65535":                  message(iana.NewSessionTicket, "ffffffff", vec(2, times(65535, "aa"))),
		"ServerHelloDone":                  message(iana.ServerHelloDone),
		"HelloRequest":                     message(iana.HelloRequest),
		"echo of one group":                serverHello(ext(iana.ExtSupportedGroups, vec(2, "001d"))),
		"certificate types of a server":    serverHello(ext(iana.ExtClientCertificateType, "02"), ext(iana.ExtServerCertificateType, "00")),
		"sizes that a server may not send": serverHello(ext(iana.ExtMaxFragmentLength, "ff"), ext(iana.ExtRecordSizeLimit, "0000")),
	} {
		t.Run(name, func(t *testing.T) {
			if err := tls12.invariant(t, b); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestAppendErrors12: what no decoder would take is not encoded, and dst comes
// back as it was.
func TestAppendErrors12(t *testing.T) {
	schemes := MakeList16(iana.ED25519)
	for _, tt := range []struct {
		m     Message
		field string
	}{
		{&Certificate12{List: make([][]byte, 1)}, "certificate_list.asn1_cert"},
		{new(CertificateStatus), "response"},
		{&ServerKeyExchange{Form: ecdhe}, "public"},
		{&ServerKeyExchange{Form: ecdhe, Share: make([]byte, 256)}, "public"},
		{&CertificateRequest12{SignatureSchemes: schemes}, "certificate_types"},
		{&CertificateRequest12{Types: MakeList8(iana.ECDSASign)}, "supported_signature_algorithms"},
		{&CertificateRequest12{Types: MakeList8(iana.ECDSASign), SignatureSchemes: schemes, Authorities: make([][]byte, 1)}, "certificate_authorities.distinguished_name"},
		{&ClientKeyExchange{Form: ecdhe}, "ecdh_Yc"},
		{&NewSessionTicket12{Ticket: make([]byte, 1<<16)}, "ticket"},
	} {
		out, err := Append([]byte("kept"), tt.m)
		var e *fault.Error
		if !errors.As(err, &e) || e.Rule != fault.WireLength || e.Field != tt.field {
			t.Errorf("%T: %v, want %s of %s", tt.m, err, fault.WireLength.ID, tt.field)
		}
		if string(out) != "kept" {
			t.Errorf("%T: dst became %q", tt.m, out)
		}
	}
}

// TestOneTypeTwoMessages: where the versions differ, neither reads the other's
// message as its own.
func TestOneTypeTwoMessages(t *testing.T) {
	for _, name := range []string{"certificate", "certificate_request", "new_session_ticket"} {
		if err := Decode(sample(t, name), tls12.of(sample(t, name))); err == nil {
			t.Errorf("TLS 1.2 takes %s of TLS 1.3", name)
		}
		if err := Decode(sample(t, "tls12/"+name), tls13.of(sample(t, "tls12/"+name))); err == nil {
			t.Errorf("TLS 1.3 takes %s of TLS 1.2", name)
		}
	}
	for _, typ := range []iana.HandshakeType{iana.EncryptedExtensions, iana.KeyUpdate, iana.EndOfEarlyData, iana.MessageHash} {
		if m := tls12.new(typ); m != nil {
			t.Errorf("TLS 1.2 has a %T", m)
		}
	}
}

// TestNoAllocation12: a Coder and a message that are used again cost nothing.
func TestNoAllocation12(t *testing.T) {
	for _, d := range dialects[1:] {
		for name, b := range samples(t, d.file) {
			var c Coder
			m := d.of(b)
			var err error
			n := testing.AllocsPerRun(100, func() { err = c.Decode(b, m) })
			if n != 0 || err != nil {
				t.Errorf("%s: %v allocations, %v", name, n, err)
			}
			out := make([]byte, 0, len(b))
			n = testing.AllocsPerRun(100, func() { _, err = c.Append(out, m) })
			if n != 0 || err != nil {
				t.Errorf("%s: %v allocations to encode, %v", name, n, err)
			}
		}
	}
}
