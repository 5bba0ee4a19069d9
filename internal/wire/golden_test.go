package wire

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/handclasp/handclasp/iana"
)

var update = flag.Bool("update", false, "rewrite the .golden files")

// dump lists the spans, one per line: offset, length, depth, name and value.
func dump(spans []Span) string {
	var b strings.Builder
	for _, s := range spans {
		line := fmt.Sprintf("%5d %5d %2d  %s%s", s.Off, s.Len, s.Depth, strings.Repeat("  ", s.Depth), s.Name)
		if s.Value != "" {
			line += " = " + s.Value
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

// TestGolden compares the annotation of each sample with what a person has
// read through. -update rewrites; read the difference before you keep it.
func TestGolden(t *testing.T) {
	for _, d := range dialects {
		for name, b := range samples(t, d.file) {
			t.Run(name, func(t *testing.T) { d.golden(t, name, b) })
		}
	}
}

func (d dialect) golden(t *testing.T, name string, b []byte) {
	if err := d.invariant(t, b); err != nil {
		t.Fatal(err)
	}
	spans, err := Annotate(b, d.of(b))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", name+".golden")
	got := dump(spans)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; got:\n%s", file, got)
	}
}

// A shell is a message with one extension whose body is a single byte, which
// no declaration of ours takes without naming it.
var shells = map[string]func(iana.ExtensionType) []byte{
	"client_hello": func(t iana.ExtensionType) []byte { return hello(extension8(t)) },
	"server_hello": func(t iana.ExtensionType) []byte { return serverHello(extension8(t)) },
	"encrypted_extensions": func(t iana.ExtensionType) []byte {
		return message(iana.EncryptedExtensions, vec(2, extension8(t)))
	},
	"certificate_request": func(t iana.ExtensionType) []byte {
		return message(iana.CertificateRequest, vec(1), vec(2, extension8(t)))
	},
	"certificate": func(t iana.ExtensionType) []byte {
		return message(iana.Certificate, vec(1), vec(3, vec(3, "30"), vec(2, extension8(t))))
	},
	"new_session_ticket": func(t iana.ExtensionType) []byte {
		return message(iana.NewSessionTicket, "0000000000000000", vec(1), vec(2, "00"), vec(2, extension8(t)))
	},
}

func extension8(t iana.ExtensionType) []byte { return ext(t, "ff") }

// TestGoldenComplete: every extension that a message declares stands in the
// sample that claims to hold them all.
func TestGoldenComplete(t *testing.T) {
	for name, shell := range shells {
		b := sample(t, name+"_all")
		spans, err := Annotate(b, New(iana.HandshakeType(b[0])))
		if err != nil {
			t.Fatal(err)
		}
		shown := make(map[string]bool)
		for _, s := range spans {
			if s.Name == "extension" {
				shown[s.Value] = true
			}
		}
		for typ := range 1 << 16 {
			typ := iana.ExtensionType(typ)
			if typ.String()[0] == '0' {
				continue // no registered name, so nothing to declare
			}
			if declares(t, shell(typ)) && !shown[typ.String()] {
				t.Errorf("%s: the sample lacks %v", name, typ)
			}
		}
	}
}

func declares(t *testing.T, b []byte) bool {
	t.Helper()
	spans, err := Annotate(b, New(iana.HandshakeType(b[0])))
	return err != nil || spans[len(spans)-1].Name != "opaque"
}

// TestGoldenMessages: each message that is declared has a sample.
func TestGoldenMessages(t *testing.T) {
	have := make(map[reflect.Type]bool)
	for _, d := range dialects {
		for _, b := range samples(t, d.file) {
			have[reflect.TypeOf(d.of(b))] = true
		}
	}
	for _, d := range dialects {
		for typ := range 256 {
			typ := iana.HandshakeType(typ)
			m := d.new(typ)
			if m != nil && !have[reflect.TypeOf(m)] {
				t.Errorf("%s: %T has no sample", d.name, m)
			}
			if m != nil && m.Type() != typ {
				t.Errorf("%s: %v gives a %v", d.name, typ, m.Type())
			}
		}
	}
}
