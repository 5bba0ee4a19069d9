package iana

import (
	"crypto/tls"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"
)

// constants reads the typed integer constants of a source file of this package.
func constants(t *testing.T, file string, visit func(kind, name string, value uint16)) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, decl := range f.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		for _, spec := range group.Specs {
			c := spec.(*ast.ValueSpec)
			literal, ok := c.Values[0].(*ast.BasicLit)
			if !ok {
				t.Fatalf("%s: %s is not a number", file, c.Names[0].Name)
			}
			v, err := strconv.ParseUint(literal.Value, 0, 16)
			if err != nil {
				t.Fatal(err)
			}
			visit(c.Type.(*ast.Ident).Name, c.Names[0].Name, uint16(v))
		}
	}
}

// TestConstants: constants and tables are written separately and must agree.
func TestConstants(t *testing.T) {
	seen := 0
	for _, file := range []string{"codes.go", "suites.go", "groups.go"} {
		constants(t, file, func(kind, constant string, v uint16) {
			seen++
			known := map[string]bool{
				"ContentType":     ContentType(v).String()[0] != '0',
				"HandshakeType":   HandshakeType(v).Known(),
				"Alert":           Alert(v).Known() || Alert(v) == NoAlert,
				"Version":         Version(v).Status() != Unregistered,
				"CipherSuite":     CipherSuite(v).String() == constant,
				"Group":           fold(Group(v).String()) == fold(constant),
				"SignatureScheme": fold(SignatureScheme(v).String()) == fold(constant),
				"ExtensionType":   ExtensionType(v).Known(),
			}
			if !known[kind] {
				t.Errorf("%s %s = 0x%04x has another name in the table, or none", kind, constant, v)
			}
		})
	}
	if seen < 200 {
		t.Errorf("only %d constants found", seen)
	}
}

// TestAgainstGo asks an independent implementation for what it knows.
func TestAgainstGo(t *testing.T) {
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if got := CipherSuite(s.ID).String(); got != s.Name {
			t.Errorf("0x%04x: %s, crypto/tls has %s", s.ID, got, s.Name)
		}
	}
	for _, id := range []tls.CurveID{tls.CurveP256, tls.CurveP384, tls.CurveP521, tls.X25519, tls.X25519MLKEM768} {
		if g, err := ParseGroup(id.String()); err != nil || g != Group(id) {
			t.Errorf("crypto/tls's group name %v: %v, %v", id, g, err)
		}
	}
	for s := range schemes {
		code := tls.SignatureScheme(schemes[s].code)
		if goName := code.String(); goName[0] != 'S' { // SignatureScheme(n): Go has no name
			if got, err := ParseSignatureScheme(goName); err != nil || got != SignatureScheme(code) {
				t.Errorf("crypto/tls's scheme name %s: %v, %v", goName, got, err)
			}
		}
	}
}
