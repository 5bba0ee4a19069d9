package record

import (
	"bytes"
	"errors"
	"testing"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

const (
	ccs       = iana.ContentChangeCipherSpec
	alert     = iana.ContentAlert
	handshake = iana.ContentHandshake
	data      = iana.ContentApplicationData
)

func TestParse(t *testing.T) {
	whole := func(header string, n int) []byte { return append([]byte(header), make([]byte, n)...) }
	for _, c := range []struct {
		name      string
		in        []byte
		protected bool
		want      Header
		need      int
		rule      error
	}{
		{"nothing", nil, false, Header{}, 5, nil},
		{"half a header", []byte{22, 3, 1, 0}, false, Header{}, 5, nil},
		{"header alone", []byte{22, 3, 1, 0, 2}, false, Header{handshake, iana.TLS10, 2}, 7, nil},
		{"one byte short", []byte{22, 3, 1, 0, 2, 9}, false, Header{handshake, iana.TLS10, 2}, 7, nil},
		{"whole", []byte{22, 3, 1, 0, 2, 9, 9}, false, Header{handshake, iana.TLS10, 2}, 0, nil},
		{"more follows", []byte{21, 3, 3, 0, 2, 9, 9, 22}, false, Header{alert, iana.TLS12, 2}, 0, nil},
		{"empty record", []byte{20, 3, 3, 0, 0}, false, Header{ccs, iana.TLS12, 0}, 0, nil},
		{"odd minor version", []byte{22, 3, 99, 0, 0}, false, Header{handshake, 0x0363, 0}, 0, nil},
		{"longest plaintext", whole("\x16\x03\x03\x40\x00", 1<<14), false, Header{handshake, iana.TLS12, 1 << 14}, 0, nil},
		{"longest ciphertext", whole("\x17\x03\x03\x41\x00", 1<<14+256), true, Header{data, iana.TLS12, 1<<14 + 256}, 0, nil},
		{"0-RTT to skip", whole("\x17\x03\x03\x41\x00", 1<<14+256), false, Header{data, iana.TLS12, 1<<14 + 256}, 0, nil},
		{"plaintext too long", []byte{22, 3, 3, 0x40, 1}, false, Header{}, 0, fault.RecordOverflow},
		{"ciphertext too long", []byte{23, 3, 3, 0x41, 1}, true, Header{}, 0, fault.RecordOverflow},
		{"heartbeat", []byte{24, 3, 3, 0, 1}, true, Header{}, 0, fault.RecordType},
		{"type 0", []byte{0, 3, 3, 0, 1}, false, Header{}, 0, fault.RecordType},
		{"version 2", []byte{22, 2, 0, 0, 1}, false, Header{}, 0, fault.RecordVersion},
		{"DTLS", []byte{22, 0xfe, 0xfd, 0, 1}, false, Header{}, 0, fault.RecordVersion},
	} {
		h, need, err := Parse(c.in, c.protected)
		if !errors.Is(err, c.rule) {
			t.Errorf("%s: %v, want %v", c.name, err, c.rule)
		}
		if err == nil && (h != c.want || need != c.need) {
			t.Errorf("%s: %+v, need %d; want %+v, need %d", c.name, h, need, c.want, c.need)
		}
	}
}

func TestAppendPlaintext(t *testing.T) {
	got := AppendPlaintext([]byte("before"), iana.TLS10, handshake, []byte("hello"))
	if want := "before\x16\x03\x01\x00\x05hello"; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := AppendPlaintext(nil, iana.TLS12, ccs, []byte{1}); string(got) != "\x14\x03\x03\x00\x01\x01" {
		t.Errorf("ChangeCipherSpec is %x", got)
	}
	var content []byte
	long := bytes.Repeat([]byte("0123456789"), 4000)
	rest := AppendPlaintext(nil, iana.TLS12, handshake, long)
	for _, want := range []int{1 << 14, 1 << 14, 40000 - 2<<14} {
		h, need, err := Parse(rest, false)
		if err != nil || need != 0 || h.Len != want {
			t.Fatalf("record of %d bytes, need %d, %v; want %d bytes", h.Len, need, err, want)
		}
		content = append(content, rest[HeaderLen:HeaderLen+h.Len]...)
		rest = rest[HeaderLen+h.Len:]
	}
	if len(rest) != 0 || !bytes.Equal(content, long) {
		t.Error("a long message does not survive the cut")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte{22, 3, 1, 0, 2, 9, 9}, false)
	f.Add([]byte{23, 3, 3, 0x41, 0}, true)
	f.Add([]byte("HTTP/1.1 400 Bad Request"), false)
	f.Fuzz(func(t *testing.T, in []byte, protected bool) {
		Sniff(in)
		h, need, err := Parse(in, protected)
		switch {
		case err != nil && need != 0:
			t.Error("an error asks for more")
		case need != 0 && need <= len(in):
			t.Errorf("needs %d bytes and has %d", need, len(in))
		case err == nil && need == 0 && (len(in) < HeaderLen+h.Len || h.Len > MaxCiphertext):
			t.Errorf("a record of %d bytes out of %d", h.Len, len(in))
		}
	})
}
