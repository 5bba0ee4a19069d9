package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// A dialect is a version of TLS, and before TLS 1.3 a key exchange, as far as the
// codec is concerned: the same type may stand for another message in each. Samples
// are named by their folder.
type dialect struct {
	name string
	new  func(iana.HandshakeType) Message
	file string // pattern of its samples in testdata
}

var (
	tls13 = dialect{"TLS 1.3", New, "*"}
	tls12 = older(iana.TLS12, iana.ECDHE, "tls12/*")
	rarer = []dialect{
		older(iana.TLS12, iana.DHE, "tls12/dhe/*"),
		older(iana.TLS12, iana.RSAKeyTransport, "tls12/rsa/*"),
		older(iana.TLS12, iana.PSK, "tls12/psk/*"),
		older(iana.TLS12, iana.DHEPSK, "tls12/dhe_psk/*"),
		older(iana.TLS12, iana.ECDHEPSK, "tls12/ecdhe_psk/*"),
		older(iana.TLS12, iana.RSAPSK, "tls12/rsa_psk/*"),
		older(iana.TLS12, iana.NoKeyExchange, "tls12/unknown/*"),
		older(iana.TLS11, iana.ECDHE, "tls11/*"),
		older(iana.TLS10, iana.DHE, "tls11/dhe/*"),
	}
	dialects = append([]dialect{tls13, tls12}, rarer...)
)

func older(v iana.Version, x iana.KeyExchange, file string) dialect {
	f := Form{v, x}
	return dialect{v.String() + " with " + x.String(), func(t iana.HandshakeType) Message { return NewFor(t, f) }, file}
}

// of is an empty message of the type that b begins with, nil if there is none.
func (d dialect) of(b []byte) Message { return d.new(iana.HandshakeType(b[0])) }

// samples are the messages of testdata by file name, without its ending.
func samples(t testing.TB, pattern string) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", pattern+".hex"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples %s: %v", pattern, err)
	}
	all := make(map[string][]byte)
	for _, file := range files {
		all[strings.TrimSuffix(strings.TrimPrefix(filepath.ToSlash(file), "testdata/"), ".hex")] = load(t, file)
	}
	return all
}

func sample(t testing.TB, name string) []byte {
	t.Helper()
	return load(t, filepath.Join("testdata", name+".hex"))
}

// load reads bytes in hex; # begins a comment.
func load(t testing.TB, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var digits strings.Builder
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return b
}

// invariant checks what must hold of any bytes, whoever sent them. The first
// byte chooses the message type. It returns the error of decoding.
func (d dialect) invariant(t testing.TB, b []byte) *fault.Error {
	t.Helper()
	if len(b) == 0 {
		return nil
	}
	m, annotated := d.of(b), d.of(b)
	if m == nil {
		return nil
	}
	input := bytes.Clone(b)
	err := Decode(b, m)
	spans, err2 := Annotate(b, annotated)
	if !bytes.Equal(b, input) {
		t.Fatal("decoding changed its input")
	}
	sameError(t, err, err2)
	nested(t, spans, len(b))
	if err != nil {
		return wellFormed(t, err, b)
	}
	covered(t, spans, len(b))
	sameBytes(t, b, m)
	sameBytes(t, b, annotated)
	return nil
}

func sameError(t testing.TB, a, b error) {
	t.Helper()
	text := func(err error) string {
		if err == nil {
			return "no error"
		}
		return err.Error()
	}
	if text(a) != text(b) {
		t.Fatalf("Decode and Annotate disagree:\n%v\n%v", a, b)
	}
}

var wireRules = []*fault.Rule{
	fault.WireTruncated, fault.WireTrailing, fault.WireLength, fault.WireConstant, fault.ExtensionRepeated,
}

func wellFormed(t testing.TB, err error, b []byte) *fault.Error {
	t.Helper()
	var e *fault.Error
	if !errors.As(err, &e) {
		t.Fatalf("%T is no *fault.Error: %v", err, err)
	}
	if !slices.Contains(wireRules, e.Rule) {
		t.Fatalf("rule %s is none of this package: %v", e.ID, err)
	}
	if e.Offset < 0 || e.Offset > len(b) || e.Field == "" {
		t.Fatalf("field %q at %d of %d bytes", e.Field, e.Offset, len(b))
	}
	return e
}

// nested checks that each span lies within the one that holds it, behind its
// length prefix, and behind the span before it.
func nested(t testing.TB, spans []Span, size int) {
	t.Helper()
	type room struct{ from, to int }
	open := []room{{0, size}} // by depth: what is free for the next span there
	for _, s := range spans {
		if s.Depth >= len(open) {
			t.Fatalf("%+v has no parent", s)
		}
		open = open[:s.Depth+1]
		free := &open[s.Depth]
		if s.Off < free.from || s.Off+s.Len > free.to || s.Prefix > s.Len || s.Name == "" {
			t.Fatalf("%+v is not inside bytes %d to %d", s, free.from, free.to)
		}
		free.from = s.Off + s.Len
		open = append(open, room{s.Off + s.Prefix, s.Off + s.Len})
	}
}

// covered checks that each byte has exactly one name: that of the leaf it lies
// in, or of the vector whose length prefix it belongs to.
func covered(t testing.TB, spans []Span, size int) {
	t.Helper()
	at := 0
	for i, s := range spans {
		if s.Off != at {
			t.Fatalf("%+v begins at %d, want %d", s, s.Off, at)
		}
		if i+1 < len(spans) && spans[i+1].Depth > s.Depth {
			at += s.Prefix
		} else {
			at += s.Len
		}
	}
	if at != size {
		t.Fatalf("named %d of %d bytes", at, size)
	}
}

func sameBytes(t testing.TB, b []byte, m Message) {
	t.Helper()
	prefix := []byte("before")
	out, err := Append(prefix, m)
	if err != nil {
		t.Fatalf("decodes but does not encode: %v", err)
	}
	if !bytes.HasPrefix(out, prefix) || !bytes.Equal(out[len(prefix):], b) {
		t.Fatalf("other bytes come out\n in %x\nout %x", b, out)
	}
}

// FuzzMessages is the codec's promise for every message: what decodes encodes
// to the same bytes, and each byte has one name. Run it with
//
//	go test ./internal/wire -fuzz FuzzMessages -fuzztime 60s
func FuzzMessages(f *testing.F) {
	for _, b := range samples(f, "clients/*") {
		f.Add(b)
	}
	var full []map[byte][]byte
	for _, d := range dialects {
		for _, b := range samples(f, d.file) {
			f.Add(b)
		}
		full = append(full, d.fullest(f))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for i, d := range dialects {
			if d.invariant(t, b) == nil && len(b) > 0 && full[i][b[0]] != nil {
				d.afresh(t, full[i][b[0]], b)
			}
		}
	})
}

// fullest is the longest sample of each message type.
func (d dialect) fullest(t testing.TB) map[byte][]byte {
	t.Helper()
	full := make(map[byte][]byte)
	for _, b := range samples(t, d.file) {
		if len(b) > len(full[b[0]]) {
			full[b[0]] = b
		}
	}
	return full
}

// afresh checks that nothing of old shines through when b is decoded with the
// same Coder into the same message.
func (d dialect) afresh(t testing.TB, old, b []byte) {
	t.Helper()
	var c Coder
	m := d.of(b)
	if err := c.Decode(old, m); err != nil {
		t.Fatal(err)
	}
	if err := c.Decode(b, m); err != nil {
		t.Fatalf("only a fresh message decodes: %v", err)
	}
	sameBytes(t, b, m)
}

// TestClients: the first flights of real programs, as captured here, decode,
// encode to the same bytes, and every byte has a name.
func TestClients(t *testing.T) {
	for name, b := range samples(t, "clients/*") {
		t.Run(name, func(t *testing.T) {
			if err := tls13.invariant(t, b); err != nil {
				t.Fatal(err)
			}
			var m ClientHello
			if err := Decode(b, &m); err != nil {
				t.Fatal(err)
			}
			if string(m.ServerName) != "example.com" {
				t.Errorf("server name %q", m.ServerName)
			}
			if !m.SupportedVersions.Has(iana.TLS13) || !m.Extensions.Has(iana.ExtKeyShare) || len(m.KeyShares) == 0 {
				t.Errorf("no TLS 1.3 in %v", m.Extensions.Types())
			}
		})
	}
}

// TestRewrite: bytes may be cut anywhere and a length may claim anything; the
// answer is a message or an error that points into it, never a panic.
func TestRewrite(t *testing.T) {
	for _, d := range dialects {
		for name, b := range samples(t, d.file) {
			t.Run(name, func(t *testing.T) {
				d.cutShort(t, b)
				d.wrongLengths(t, b)
			})
		}
	}
}

func (d dialect) cutShort(t *testing.T, b []byte) {
	for n := range len(b) {
		err := Decode(b[:n], d.of(b))
		if err == nil {
			t.Fatalf("decodes when cut to %d of %d bytes", n, len(b))
		}
		if e := wellFormed(t, err, b[:n]); e.Rule != fault.WireTruncated {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
		if n < HeaderLen {
			continue
		}
		// The same with a header that fits, so that the field itself is cut.
		cut := bytes.Clone(b[:n])
		copy(cut[1:], []byte{byte((n - HeaderLen) >> 16), byte((n - HeaderLen) >> 8), byte(n - HeaderLen)})
		d.invariant(t, cut)
	}
}

func (d dialect) wrongLengths(t *testing.T, b []byte) {
	spans, err := Annotate(b, d.of(b))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range spans {
		for i := s.Off; i < s.Off+s.Prefix; i++ {
			changed := bytes.Clone(b)
			for _, v := range []byte{b[i] - 1, b[i] + 1, b[i] - 2, b[i] + 2, 0, 1, 0x7f, 0x80, 0xff} {
				changed[i] = v
				d.invariant(t, changed)
			}
			for bit := range 8 {
				changed[i] = b[i] ^ 1<<bit
				d.invariant(t, changed)
			}
		}
	}
}

// TestCutHello: a ClientHello may end before its extension block and nowhere
// else, even when its header says so.
func TestCutHello(t *testing.T) {
	b := sample(t, "client_hello_all")
	block := HeaderLen + 2 + 32 + 1 + 32 + 2 + 10 + 2
	for n := HeaderLen; n < len(b); n++ {
		cut := bytes.Clone(b[:n])
		cut[1], cut[2], cut[3] = 0, byte((n-HeaderLen)>>8), byte(n-HeaderLen)
		e := tls13.invariant(t, cut)
		if (e == nil) != (n == block) {
			t.Errorf("cut to %d bytes: %v", n, e)
		}
	}
}
