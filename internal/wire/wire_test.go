package wire

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"testing"

	"github.com/handclasp/handclasp/iana"
)

// TestNoAllocation: a Coder and a message that are used again cost nothing.
func TestNoAllocation(t *testing.T) {
	for _, name := range []string{"client_hello", "client_hello_all", "client_hello_psk", "clients/go", "clients/java"} {
		b := sample(t, name)
		var c Coder
		var m ClientHello
		var err error
		n := testing.AllocsPerRun(100, func() { err = c.Decode(b, &m) })
		if n != 0 || err != nil {
			t.Errorf("%s: %v allocations, %v", name, n, err)
		}
		out := make([]byte, 0, len(b))
		n = testing.AllocsPerRun(100, func() { _, err = c.Append(out, &m) })
		if n != 0 || err != nil {
			t.Errorf("%s: %v allocations to encode, %v", name, n, err)
		}
	}
}

// TestAlias: decoded fields alias the message, and appending to one doesn't
// reach its neighbour.
func TestAlias(t *testing.T) {
	b := sample(t, "client_hello_all")
	var m ClientHello
	if err := Decode(b, &m); err != nil {
		t.Fatal(err)
	}
	if cap(m.SessionID) != len(m.SessionID) {
		t.Error("an append to the session ID would overwrite the message")
	}
	b[39] ^= 1
	if m.SessionID[0] != b[39] {
		t.Error("the session ID is a copy")
	}
}

// TestReuse: nothing of the last message stays in the list of extensions.
func TestReuse(t *testing.T) {
	var c Coder
	var m ClientHello
	for _, name := range []string{"client_hello_all", "client_hello_bare", "client_hello"} {
		var fresh ClientHello
		b := sample(t, name)
		if err := c.Decode(b, &m); err != nil {
			t.Fatal(err)
		}
		if err := Decode(b, &fresh); err != nil {
			t.Fatal(err)
		}
		if m.Extensions.Present != fresh.Extensions.Present || !slices.Equal(m.Extensions.Types(), fresh.Extensions.Types()) {
			t.Errorf("%s: %v, want %v", name, m.Extensions.Types(), fresh.Extensions.Types())
		}
	}
}

func TestRetryRandom(t *testing.T) {
	if RetryRandom != sha256.Sum256([]byte("HelloRetryRequest")) {
		t.Error("RetryRandom is not the hash of its name")
	}
	for name, want := range map[string]bool{"server_hello": false, "hello_retry_request": true} {
		var m ServerHello
		if err := Decode(sample(t, name), &m); err != nil || m.IsRetry() != want {
			t.Errorf("%s: retry %v, %v", name, m.IsRetry(), err)
		}
	}
}

func TestExtensions(t *testing.T) {
	const a, b, c, d = iana.ExtCookie, iana.ExtKeyShare, iana.ExtSCT, iana.ExtensionType(0x1a1a)
	var e Extensions
	order := func(step string, want ...iana.ExtensionType) {
		t.Helper()
		if got := e.Types(); !slices.Equal(got, want) || e.Len() != len(want) {
			t.Errorf("%s: %v, want %v", step, got, want)
		}
		for i, x := range want {
			if e.At(i) != x || e.Index(x) != i || !e.Has(x) {
				t.Errorf("%s: %v is not at %d", step, x, i)
			}
		}
	}
	order("empty")
	e.Add(a, b)
	order("Add", a, b)
	e.AddRaw(d, []byte("raw"))
	order("AddRaw", a, b, d)
	e.Insert(1, c)
	order("Insert", a, c, b, d)
	e.Insert(0, iana.ExtPadding)
	order("Insert first", iana.ExtPadding, a, c, b, d)
	e.Remove(iana.ExtPadding)
	e.Remove(iana.ExtPadding)
	order("Remove", a, c, b, d)
	if !e.Present || string(e.Raw(d)) != "raw" || e.Raw(iana.ExtALPN) != nil || e.Index(iana.ExtALPN) != -1 {
		t.Errorf("%+v", e)
	}
}

func TestLists(t *testing.T) {
	want := []iana.Group{iana.X25519, iana.Secp256r1, 0x2a2a}
	l := MakeList16(want...)
	if !slices.Equal(l.Slice(), want) || !slices.Equal(slices.Collect(l.All()), want) || l.Len() != 3 {
		t.Errorf("%v, want %v", l.Slice(), want)
	}
	if l.Index(iana.Secp256r1) != 1 || l.At(2) != 0x2a2a || l.Has(iana.X448) || l.Index(iana.X448) != -1 {
		t.Errorf("lookup in %v", l.Slice())
	}
	if !l.Equal(MakeList16(want...)) || l.Equal(MakeList16(want[:2]...)) {
		t.Error("Equal")
	}
	for v := range l.All() {
		if v != iana.X25519 {
			t.Errorf("%v after the first", v)
		}
		break
	}
	s := MakeList8(PSKDHE, PSKOnly)
	if s.Len() != 2 || s.At(0) != PSKDHE || !s.Has(PSKOnly) || s.Has(7) {
		t.Errorf("%v", s)
	}
	// X25519MLKEM768 is 0x11EC: a value may not be found across two others.
	if MakeList16[iana.Group](0x0011, 0xec00).Has(iana.X25519MLKEM768) {
		t.Error("found across two values")
	}
}

func TestNames(t *testing.T) {
	tests := []struct{ got, want string }{
		{CompressionNull.String(), "null"},
		{Uncompressed.String(), "uncompressed"},
		{StatusOCSP.String(), "ocsp"},
		{StatusType(0).String(), "0"},
		{PSKDHE.String(), "psk_dhe_ke"},
		{UpdateRequested.String(), "update_requested"},
		{KeyUpdateRequest(9).String(), "9"},
		{CertificateType(2).String(), "RawPublicKey"},
		{iana.CertCompression(2).String(), "brotli"},
		{iana.CertCompression(0xffff).String(), "65535"},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("%s, want %s", tt.got, tt.want)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, bb := range []struct {
		name  string
		bytes []byte
	}{
		{"Go", sample(b, "clients/go")},
		{"RFC8448", sample(b, "client_hello")},
		{"Extensions16000", hello(many(16000))}, // hostile: must stay near linear
	} {
		b.Run(bb.name, func(b *testing.B) {
			var c Coder
			var m ClientHello
			b.SetBytes(int64(len(bb.bytes)))
			b.ReportAllocs()
			for b.Loop() {
				if err := c.Decode(bb.bytes, &m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	in := sample(b, "clients/go")
	var c Coder
	var m ClientHello
	if err := c.Decode(in, &m); err != nil {
		b.Fatal(err)
	}
	out := make([]byte, 0, len(in))
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		got, err := c.Append(out, &m)
		if err != nil || !bytes.Equal(got, in) {
			b.Fatal(err)
		}
	}
}
