package keys

import (
	"bytes"
	"crypto/hmac"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/handclasp/handclasp/fault"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// HKDF-Expand written out by hand from RFC 5869, so that ExpandLabel is held
// against another computation than its own.
func expandByHand(h Hash, secret []byte, info []byte, length int) []byte {
	var out, block []byte
	for i := byte(1); len(out) < length; i++ {
		mac := hmac.New(h.New, secret)
		mac.Write(block)
		mac.Write(info)
		mac.Write([]byte{i})
		block = mac.Sum(nil)
		out = append(out, block...)
	}
	return out[:length]
}

func TestExpandLabel(t *testing.T) {
	secret := bytes.Repeat([]byte{7}, 48)
	for _, h := range []Hash{SHA256, SHA384} {
		for _, length := range []int{0, 1, 12, 32, 48, 100, 255 * h.Size()} {
			info := append([]byte{byte(length >> 8), byte(length), 11}, "tls13 label\x03ctx"...)
			got := h.ExpandLabel(secret, "label", []byte("ctx"), length)
			if want := expandByHand(h, secret, info, length); !bytes.Equal(got, want) {
				t.Errorf("%v, %d bytes:\n got %x\nwant %x", h, length, got, want)
			}
		}
	}
}

// What the program itself gets wrong must be loud.
func TestMisusePanics(t *testing.T) {
	wiped := NewEarly(SHA256, nil)
	wiped.Wipe()
	for name, f := range map[string]func(){
		"long label":   func() { SHA256.ExpandLabel(nil, strings.Repeat("x", 250), nil, 1) },
		"long context": func() { SHA256.ExpandLabel(nil, "x", make([]byte, 256), 1) },
		"long output":  func() { SHA256.ExpandLabel(nil, "x", nil, 255*32+1) },
		"wiped stage":  func() { wiped.Handshake(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			f()
		})
	}
}

func TestNextTraffic(t *testing.T) {
	first := Secret(bytes.Repeat([]byte{1}, 32))
	want := expandByHand(SHA256, first, []byte("\x00\x20\x11tls13 traffic upd\x00"), 32)
	if got := SHA256.NextTraffic(first); !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", []byte(got), want)
	}
}

func TestBinderKeysDiffer(t *testing.T) {
	early := NewEarly(SHA256, []byte("psk"))
	want := expandByHand(SHA256, early.secret,
		append([]byte("\x00\x20\x10tls13 ext binder\x20"), SHA256.Sum(nil)...), 32)
	if got := early.BinderKey(External); !bytes.Equal(got, want) {
		t.Errorf("external: got %x, want %x", []byte(got), want)
	}
	want = expandByHand(SHA256, early.secret, append([]byte("\x00\x20\x10tls13 imp binder\x20"), SHA256.Sum(nil)...), 32)
	if got := early.BinderKey(Imported); !bytes.Equal(got, want) {
		t.Errorf("imported: got %x, want %x", []byte(got), want)
	}
	if bytes.Equal(early.BinderKey(External), early.BinderKey(FromTicket)) {
		t.Error("an external PSK has the binder key of a ticket")
	}
}

func TestNilMeansZeros(t *testing.T) {
	for _, h := range []Hash{SHA256, SHA384} {
		zeros := make([]byte, h.Size())
		a, b := NewEarly(h, nil), NewEarly(h, zeros)
		if !bytes.Equal(a.secret, b.secret) {
			t.Errorf("%v: Early Secret without PSK", h)
		}
		if !bytes.Equal(a.Handshake(nil).secret, b.Handshake(zeros).secret) {
			t.Errorf("%v: Handshake Secret without key exchange", h)
		}
	}
}

func TestExport(t *testing.T) {
	main := Secret(bytes.Repeat([]byte{9}, 32))
	got, err := SHA256.Export(main, "EXPORTER-test", []byte("context"), 40)
	if err != nil {
		t.Fatal(err)
	}
	derived := expandByHand(SHA256, main, append([]byte("\x00\x20\x13tls13 EXPORTER-test\x20"), SHA256.Sum(nil)...), 32)
	want := expandByHand(SHA256, derived, append([]byte("\x00\x28\x0etls13 exporter\x20"), SHA256.Sum([]byte("context"))...), 40)
	if !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
	absent, _ := SHA256.Export(main, "EXPORTER-test", nil, 40)
	empty, _ := SHA256.Export(main, "EXPORTER-test", []byte{}, 40)
	if !bytes.Equal(absent, empty) || bytes.Equal(absent, got) {
		t.Error("no context must equal an empty one and differ from any other")
	}
}

func TestExportLimits(t *testing.T) {
	secret := make(Secret, 48)
	for _, c := range []struct {
		hash   Hash
		label  string
		length int
		want   error
	}{
		{SHA256, "x", 1, nil},
		{SHA256, "x", 255 * 32, nil},
		{SHA384, "x", 255 * 48, nil},
		{SHA256, strings.Repeat("x", 249), 32, nil},
		{SHA256, "", 32, nil},
		{SHA256, strings.Repeat("x", 250), 32, fault.ExportLabel},
		{SHA256, "x", 0, fault.ExportLength},
		{SHA256, "x", -1, fault.ExportLength},
		{SHA256, "x", 255*32 + 1, fault.ExportLength},
		{SHA384, "x", 255*48 + 1, fault.ExportLength},
	} {
		out, err := c.hash.Export(secret, c.label, nil, c.length)
		if !errors.Is(err, c.want) || err == nil && len(out) != c.length {
			t.Errorf("%v, label of %d, %d bytes: got %d bytes, %v; want %v", c.hash, len(c.label), c.length, len(out), err, c.want)
		}
	}
}

func TestSecretNeverPrints(t *testing.T) {
	s := Secret("hunter2hunter2")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		if got := fmt.Sprintf(verb, s); got != "[secret of 14 bytes]" {
			t.Errorf("%s prints %s", verb, got)
		}
		if got := fmt.Sprintf(verb, struct{ S Secret }{s}); strings.Contains(got, "hunter2") || strings.Contains(got, "68756e") {
			t.Errorf("%s of a struct prints %s", verb, got)
		}
	}
}

func TestStageNeverPrints(t *testing.T) {
	early := NewEarly(SHA256, nil)
	handshake := early.Handshake(nil)
	for _, v := range []any{early, *early, handshake, *handshake.Main()} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%x"} {
			if got := fmt.Sprintf(verb, v); got != "[stage of the key schedule]" {
				t.Errorf("%s of %T prints %s", verb, v, got)
			}
		}
	}
}

func TestWipe(t *testing.T) {
	m := NewEarly(SHA256, nil).Handshake([]byte("shared")).Main()
	kept, alias := m.ClientTraffic(nil), m.secret
	m.Wipe()
	if !bytes.Equal(alias, make([]byte, 32)) {
		t.Error("the secret is still there")
	}
	if bytes.Equal(kept, make([]byte, 32)) {
		t.Error("a derived secret went with it")
	}
}

func TestTranscript(t *testing.T) {
	h := SHA384
	late, early := NewTranscript(), NewTranscript()
	early.Start(h)
	for _, msg := range []string{"hello", "", "world"} {
		late.Write([]byte(msg))
		early.Write([]byte(msg))
	}
	late.Start(h)
	late.Start(SHA256) // no effect any more
	if late.buf != nil {
		t.Error("the buffer outlives Start")
	}
	want := h.Sum([]byte("helloworld"))
	for range 2 { // Sum disturbs nothing
		if got := late.Sum(); !bytes.Equal(got, want) {
			t.Errorf("late: got %x, want %x", got, want)
		}
	}
	if got := early.Sum(); !bytes.Equal(got, want) {
		t.Errorf("early: got %x, want %x", got, want)
	}
}

// The transcript copies what it is given: the caller's buffer is a record that
// will be overwritten.
func TestTranscriptCopies(t *testing.T) {
	tr, msg := NewTranscript(), []byte("hello")
	tr.Write(msg)
	clear(msg)
	tr.Start(SHA256)
	if !bytes.Equal(tr.Sum(), SHA256.Sum([]byte("hello"))) {
		t.Error("the transcript changed with the caller's buffer")
	}
}

func TestRetry(t *testing.T) {
	stateful := NewTranscript()
	stateful.Write([]byte("ClientHello1"))
	stateful.Retry(SHA256)
	stateful.Write([]byte("HelloRetryRequest"))

	stateless := NewTranscript()
	stateless.Write([]byte("whatever came before"))
	stateless.RetryFrom(SHA256, SHA256.Sum([]byte("ClientHello1")))
	stateless.Write([]byte("HelloRetryRequest"))

	want := SHA256.Sum(append(append([]byte{254, 0, 0, 32}, SHA256.Sum([]byte("ClientHello1"))...), "HelloRetryRequest"...))
	if got := stateful.Sum(); !bytes.Equal(got, want) {
		t.Errorf("Retry: got %x, want %x", got, want)
	}
	if got := stateless.Sum(); !bytes.Equal(got, want) {
		t.Errorf("RetryFrom: got %x, want %x", got, want)
	}
}

func TestAppendKeyLog(t *testing.T) {
	got := AppendKeyLog([]byte("# comment\n"), LogClientHandshakeTraffic, unhex(t, "00ff"), Secret{0xab, 0xcd})
	if want := "# comment\nCLIENT_HANDSHAKE_TRAFFIC_SECRET 00ff abcd\n"; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
