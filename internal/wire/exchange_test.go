package wire

import (
	"bytes"
	"errors"
	"testing"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

var (
	ecdhe = Form{iana.TLS12, iana.ECDHE}
	dhe   = Form{iana.TLS12, iana.DHE}
)

// in is the dialect of a key exchange in TLS 1.2.
func in(x iana.KeyExchange) dialect { return older(iana.TLS12, x, "") }

// failuresExchange are key exchanges and signatures that break a rule, each in a
// dialect of its own.
var failuresExchange = []struct {
	d    dialect
	rule *fault.Rule
	failure
}{
	{in(iana.DHE), fault.WireTruncated, failure{"no prime", message(iana.ServerKeyExchange), "dh_p", 4, "0 bytes left", "2"}},
	{in(iana.DHE), fault.WireTruncated, failure{"no generator", message(iana.ServerKeyExchange, "0001 17"), "dh_g", 7, "0 bytes left", "2"}},
	{in(iana.DHE), fault.WireTruncated, failure{"no share", message(iana.ServerKeyExchange, "0001 17 0001 02"), "dh_Ys", 10, "0 bytes left", "2"}},
	{in(iana.DHE), fault.WireTruncated, failure{"no algorithm", message(iana.ServerKeyExchange, "0001 17 0001 02 0001 08"), "algorithm", 13, "0 bytes left", "2"}},
	{in(iana.DHE), fault.WireLength, failure{"empty prime", message(iana.ServerKeyExchange, "0000 0001 02 0001 08 0401 0000"), "dh_p", 4, "0 bytes", "1 to 65535"}},
	{in(iana.DHE), fault.WireLength, failure{"empty generator", message(iana.ServerKeyExchange, "0001 17 0000 0001 08 0401 0000"), "dh_g", 7, "0 bytes", "1 to 65535"}},
	{in(iana.DHE), fault.WireLength, failure{"empty share", message(iana.ServerKeyExchange, "0001 17 0001 02 0000 0401 0000"), "dh_Ys", 10, "0 bytes", "1 to 65535"}},
	{in(iana.DHE), fault.WireTruncated, failure{"no client share", message(iana.ClientKeyExchange), "dh_Yc", 4, "0 bytes left", "2"}},
	{in(iana.DHE), fault.WireLength, failure{"a client's empty share", message(iana.ClientKeyExchange, "0000"), "dh_Yc", 4, "0 bytes", "1 to 65535"}},
	{in(iana.DHE), fault.WireTrailing, failure{"behind a client's share", message(iana.ClientKeyExchange, "0001 08 00"), "end", 7, "", ""}},

	{in(iana.RSAKeyTransport), fault.WireTruncated, failure{"no length before the ciphertext", message(iana.ClientKeyExchange), "encrypted_pre_master_secret", 4, "0 bytes left", "2"}},
	{in(iana.RSAKeyTransport), fault.WireTruncated, failure{"long ciphertext", message(iana.ClientKeyExchange, "0002 aa"), "encrypted_pre_master_secret", 4, "1 byte left", "2"}},
	{in(iana.RSAKeyTransport), fault.WireTrailing, failure{"behind the ciphertext", message(iana.ClientKeyExchange, "0001 aa 00"), "end", 7, "", ""}},

	{in(iana.PSK), fault.WireTruncated, failure{"no hint", message(iana.ServerKeyExchange), "psk_identity_hint", 4, "0 bytes left", "2"}},
	{in(iana.PSK), fault.WireTrailing, failure{"behind the hint", message(iana.ServerKeyExchange, "0001 61 00"), "end", 7, "", ""}},
	{in(iana.PSK), fault.WireTruncated, failure{"no identity", message(iana.ClientKeyExchange), "psk_identity", 4, "0 bytes left", "2"}},
	{in(iana.PSK), fault.WireTrailing, failure{"behind the identity", message(iana.ClientKeyExchange, "0001 61 00"), "end", 7, "", ""}},

	{in(iana.DHEPSK), fault.WireTruncated, failure{"no prime behind the hint", message(iana.ServerKeyExchange, "0000"), "dh_p", 6, "0 bytes left", "2"}},
	{in(iana.DHEPSK), fault.WireTrailing, failure{"a signature", message(iana.ServerKeyExchange, "0000 0001 17 0001 02 0001 08 0401 0000"), "end", 15, "", ""}},
	{in(iana.DHEPSK), fault.WireTruncated, failure{"no share behind the identity", message(iana.ClientKeyExchange, "0001 61"), "dh_Yc", 7, "0 bytes left", "2"}},

	{in(iana.ECDHEPSK), fault.WireConstant, failure{"explicit prime", message(iana.ServerKeyExchange, "0000 01"), "curve_type", 6, "1", "3"}},
	{in(iana.ECDHEPSK), fault.WireTrailing, failure{"a signature", message(iana.ServerKeyExchange, "0000 03 001d 01 aa 0401 0000"), "end", 11, "", ""}},
	{in(iana.ECDHEPSK), fault.WireTruncated, failure{"no point behind the identity", message(iana.ClientKeyExchange, "0001 61"), "ecdh_Yc", 7, "0 bytes left", "1"}},

	{in(iana.RSAPSK), fault.WireTrailing, failure{"behind the hint", message(iana.ServerKeyExchange, "0000 00"), "end", 6, "", ""}},
	{in(iana.RSAPSK), fault.WireTruncated, failure{"no ciphertext behind the identity", message(iana.ClientKeyExchange, "0001 61"), "encrypted_pre_master_secret", 7, "0 bytes left", "2"}},

	{older(iana.TLS11, iana.ECDHE, ""), fault.WireTrailing, failure{"an algorithm", message(iana.ServerKeyExchange, "03 001d 01 aa 0000 0000"), "end", 11, "", ""}},
	{older(iana.TLS11, iana.ECDHE, ""), fault.WireTruncated, failure{"an algorithm before the signature", message(iana.CertificateVerify, "0401 0001 30"), "signature", 4, "3 bytes left", "1025"}},
	{older(iana.TLS10, iana.ECDHE, ""), fault.WireTruncated, failure{"schemes in the request", message(iana.CertificateRequest, "01 40 0002 0403 0000"), "certificate_authorities.distinguished_name", 8, "0 bytes left", "1027"}},
}

func TestErrorsExchange(t *testing.T) {
	for _, tt := range failuresExchange {
		t.Run(tt.d.name+"/"+tt.name, func(t *testing.T) { tt.d.fails(t, tt.rule, tt.failure) })
	}
}

// TestBoundsExchange: the shortest and longest that the definitions allow are
// legal; whether they are any good is the state machine's to say.
func TestBoundsExchange(t *testing.T) {
	long := vec(2, times(65535, "aa"))
	for _, tt := range []struct {
		name  string
		d     dialect
		bytes []byte
	}{
		{"parameters of a byte", in(iana.DHE), message(iana.ServerKeyExchange, "0001 17 0001 02 0001 08 0401 0000")},
		{"parameters of 65535", in(iana.DHE), message(iana.ServerKeyExchange, long, long, long, "0401", long)},
		{"share of 65535", in(iana.DHE), message(iana.ClientKeyExchange, long)},
		{"empty ciphertext", in(iana.RSAKeyTransport), message(iana.ClientKeyExchange, "0000")},
		{"ciphertext of 65535", in(iana.RSAKeyTransport), message(iana.ClientKeyExchange, long)},
		{"empty hint", in(iana.PSK), message(iana.ServerKeyExchange, "0000")},
		{"hint of 65535", in(iana.RSAPSK), message(iana.ServerKeyExchange, long)},
		{"empty identity", in(iana.PSK), message(iana.ClientKeyExchange, "0000")},
		{"identity of 65535", in(iana.RSAPSK), message(iana.ClientKeyExchange, long, long)},
		{"nothing known, nothing there", in(iana.NoKeyExchange), message(iana.ServerKeyExchange)},
		{"nothing known, nothing there of a client", in(iana.NoKeyExchange), message(iana.ClientKeyExchange)},
		{"signature of no bytes, TLS 1.1", older(iana.TLS11, iana.ECDHE, ""), message(iana.CertificateVerify, "0000")},
		{"request for anyone, TLS 1.0", older(iana.TLS10, iana.ECDHE, ""), message(iana.CertificateRequest, "01 40 0000")},
	} {
		if err := tt.d.invariant(t, tt.bytes); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// TestAppendErrorsExchange: what no decoder would take is not encoded.
func TestAppendErrorsExchange(t *testing.T) {
	one, long := []byte{1}, make([]byte, 1<<16)
	psk := Form{iana.TLS12, iana.RSAPSK}
	for _, tt := range []struct {
		m     Message
		field string
	}{
		{&ServerKeyExchange{Form: dhe}, "dh_p"},
		{&ServerKeyExchange{Form: dhe, P: one}, "dh_g"},
		{&ServerKeyExchange{Form: dhe, P: one, G: one}, "dh_Ys"},
		{&ServerKeyExchange{Form: dhe, P: one, G: one, Share: long}, "dh_Ys"},
		{&ServerKeyExchange{Form: psk, Hint: long}, "psk_identity_hint"},
		{&ClientKeyExchange{Form: dhe}, "dh_Yc"},
		{&ClientKeyExchange{Form: psk, Identity: long}, "psk_identity"},
		{&ClientKeyExchange{Form: psk, Encrypted: long}, "encrypted_pre_master_secret"},
	} {
		_, err := Append(nil, tt.m)
		var e *fault.Error
		if !errors.As(err, &e) || e.Rule != fault.WireLength || e.Field != tt.field {
			t.Errorf("%T: %v, want %s of %s", tt.m, err, fault.WireLength.ID, tt.field)
		}
	}
}

// TestFields: what the samples hold stands in the fields that say so.
func TestFields(t *testing.T) {
	for _, tt := range []struct {
		file  string
		x     iana.KeyExchange
		hint  string
		prime int
		share int
		group iana.Group
		sig   int
	}{
		{"tls12/server_key_exchange", iana.ECDHE, "", 0, 32, iana.X25519, 256},
		{"tls12/dhe/server_key_exchange", iana.DHE, "", 256, 256, 0, 256},
		{"tls12/psk/server_key_exchange", iana.PSK, "a hint", 0, 0, 0, 0},
		{"tls12/dhe_psk/server_key_exchange", iana.DHEPSK, "a hint", 128, 128, 0, 0},
		{"tls12/ecdhe_psk/server_key_exchange", iana.ECDHEPSK, "a hint", 0, 32, iana.X25519, 0},
		{"tls12/rsa_psk/server_key_exchange", iana.RSAPSK, "a hint", 0, 0, 0, 0},
	} {
		m := ServerKeyExchange{Form: Form{iana.TLS12, tt.x}}
		err := Decode(sample(t, tt.file), &m)
		if err != nil || string(m.Hint) != tt.hint || len(m.P) != tt.prime || (len(m.G) > 0) != (tt.prime > 0) ||
			len(m.Share) != tt.share || m.Group != tt.group || len(m.Signature) != tt.sig || m.Opaque != nil {
			t.Errorf("%s: %v, %+v", tt.file, err, m)
		}
	}
	for _, tt := range []struct {
		file     string
		x        iana.KeyExchange
		identity string
		share    int
		cipher   int
	}{
		{"tls12/client_key_exchange", iana.ECDHE, "", 32, 0},
		{"tls12/dhe/client_key_exchange", iana.DHE, "", 256, 0},
		{"tls12/rsa/client_key_exchange", iana.RSAKeyTransport, "", 0, 256},
		{"tls12/psk/client_key_exchange", iana.PSK, "client one", 0, 0},
		{"tls12/dhe_psk/client_key_exchange", iana.DHEPSK, "client one", 128, 0},
		{"tls12/ecdhe_psk/client_key_exchange", iana.ECDHEPSK, "client one", 32, 0},
		{"tls12/rsa_psk/client_key_exchange", iana.RSAPSK, "client one", 0, 256},
	} {
		m := ClientKeyExchange{Form: Form{iana.TLS12, tt.x}}
		err := Decode(sample(t, tt.file), &m)
		if err != nil || string(m.Identity) != tt.identity || len(m.Share) != tt.share || len(m.Encrypted) != tt.cipher || m.Opaque != nil {
			t.Errorf("%s: %v, %+v", tt.file, err, m)
		}
	}
}

// TestParams: the signed bytes are those on the wire, whoever has made the
// message, and are not copied when they came from there.
func TestParams(t *testing.T) {
	for _, tt := range []struct {
		file    string
		f       Form
		trailer int // bytes between the parameters and the signature
		hint    int
	}{
		{"tls12/server_key_exchange", ecdhe, 4, 0},
		{"tls12/dhe/server_key_exchange", dhe, 4, 0},
		{"tls12/ecdhe_psk/server_key_exchange", Form{iana.TLS12, iana.ECDHEPSK}, 0, 8},
		{"tls11/server_key_exchange", Form{iana.TLS11, iana.ECDHE}, 2, 0},
		{"tls11/dhe/server_key_exchange", Form{iana.TLS10, iana.DHE}, 2, 0},
	} {
		b := sample(t, tt.file)
		m := ServerKeyExchange{Form: tt.f}
		if err := Decode(b, &m); err != nil {
			t.Fatal(err)
		}
		want := b[HeaderLen+tt.hint : len(b)-tt.trailer-len(m.Signature)]
		if !bytes.Equal(m.Params(), want) || cap(m.Params()) != len(want) || &m.Params()[0] != &want[0] {
			t.Errorf("%s: decoded: %x, want an alias of %x", tt.file, m.Params(), want)
		}
		built := ServerKeyExchange{Form: tt.f, Group: m.Group, P: m.P, G: m.G, Share: m.Share}
		if got := built.Params(); !bytes.Equal(got, want) {
			t.Errorf("%s: built: %x, want %x", tt.file, got, want)
		}
	}
	m := ServerKeyExchange{Form: ecdhe}
	for _, n := range []int{1, 2} {
		next := message(iana.ServerKeyExchange, "03 001d", vec(1, times(n, "aa")), "0403 0000")
		if err := Decode(next, &m); err != nil || !bytes.Equal(m.Params(), next[HeaderLen:HeaderLen+4+n]) {
			t.Errorf("decoded into again: %x, %v", m.Params(), err)
		}
	}
	for _, n := range []int{0, 256} {
		if got := (&ServerKeyExchange{Form: ecdhe, Share: make([]byte, n)}).Params(); got != nil {
			t.Errorf("point of %d bytes: %x", n, got)
		}
	}
}

// TestVersionsDiffer: a signature that names its algorithm does not read as one
// that does not, nor the other way round.
func TestVersionsDiffer(t *testing.T) {
	if err := Decode(sample(t, "tls12/server_key_exchange"), &ServerKeyExchange{Form: Form{iana.TLS11, iana.ECDHE}}); err == nil {
		t.Error("TLS 1.1 takes a signature of TLS 1.2")
	}
	for _, name := range []string{"server_key_exchange", "certificate_verify", "certificate_request"} {
		if b := sample(t, "tls11/"+name); Decode(b, tls12.of(b)) == nil {
			t.Errorf("TLS 1.2 takes %s of TLS 1.1", name)
		}
	}
	if NewFor(iana.KeyUpdate, Form{Version: iana.TLS13}) == nil || NewFor(iana.ServerKeyExchange, Form{Version: iana.TLS13}) != nil {
		t.Error("NewFor does not know TLS 1.3")
	}
}

// TestBinders: the ClientHello of RFC 8448, Section 4, up to its binder, which is
// then written in its place.
func TestBinders(t *testing.T) {
	b := sample(t, "client_hello_psk")
	var m ClientHello
	if err := Decode(b, &m); err != nil {
		t.Fatal(err)
	}
	if got := len(b) - m.BindersLen(); got != 477 || m.BindersLen() != 2+1+32 {
		t.Errorf("the partial ClientHello has %d bytes, the binders %d", got, m.BindersLen())
	}
	binders := [][]byte{bytes.Clone(m.PSKBinders[0])}
	blank := bytes.Clone(b)
	clear(blank[len(b)-32:])
	SetBinders(blank, binders)
	if !bytes.Equal(blank, b) {
		t.Errorf("got %x\nwant %x", blank, b)
	}

	m.PSKIdentities = append(m.PSKIdentities, PSKIdentity{Identity: []byte("external")})
	m.PSKBinders = [][]byte{make([]byte, 32), make([]byte, 48)}
	two, err := Append(nil, &m)
	if err != nil {
		t.Fatal(err)
	}
	partial := bytes.Clone(two[:len(two)-m.BindersLen()])
	binders = [][]byte{bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 48)}
	SetBinders(two, binders)
	var again ClientHello
	if err := Decode(two, &again); err != nil || !bytes.HasPrefix(two, partial) ||
		!bytes.Equal(again.PSKBinders[0], binders[0]) || !bytes.Equal(again.PSKBinders[1], binders[1]) {
		t.Errorf("two binders: %v, %x", err, two)
	}
}
