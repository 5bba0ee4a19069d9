package config

import (
	"crypto"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// TestVersionsAreNamed: the comment of a field that has no effect in some versions
// says in which it has one.
func TestVersionsAreNamed(t *testing.T) {
	const new, old = "TLS 1.3", "TLS 1.2 and below"
	for typ, fields := range map[string]map[string]string{
		"ClientConfig": {
			"PostHandshakeAuth": new, "CertificateCompression": new, "MinDHBits": old, "KeyShares": new, "SendAuthorities": new, "PadRecords": new,
			"NoMiddleboxCompat": new, "SessionIDs": old, "MaxRenegotiations": "TLS 1.2 or below", "EarlyData": new, "AllowPSKWithoutDHE": new,
		},
		"ServerConfig": {
			"AskLater": new, "PSKHint": old, "GREASE": new, "PadRecords": new, "AllowPSKWithoutDHE": new, "SessionCache": old, "EarlyData": new, "CookieKey": new,
		},
	} {
		comments := commented(t, typ)
		for field, want := range fields {
			if !strings.Contains(comments[field], want) {
				t.Errorf("%s.%s: %q does not name %s", typ, field, comments[field], want)
			}
		}
	}
}

// commented gives the comments of a struct's fields, each on one line. One stands for
// all fields below it up to an empty line.
func commented(t *testing.T, typ string) map[string]string {
	t.Helper()
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, "config.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	comments, last, end := map[string]string{}, "", 0
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.TypeSpec); ok {
			return s.Name.Name == typ
		}
		field, ok := n.(*ast.Field)
		if !ok || len(field.Names) == 0 {
			return true
		}
		text := strings.Join(strings.Fields(field.Doc.Text()), " ")
		if line := files.Position(field.Pos()).Line; text == "" && line == end+1 {
			text = last
		}
		last, end = text, files.Position(field.End()).Line
		for _, name := range field.Names {
			comments[name.Name] = text
		}
		return true
	})
	return comments
}

// TestKeysThatServe: a server without certificate must be able to use a key.
func TestKeysThatServe(t *testing.T) {
	key := PSK{Identity: []byte("a"), Key: make([]byte, 16)}
	nameless, longer := PSK{Key: key.Key}, key
	longer.Hash = crypto.SHA384
	imported, err := key.Import(nil)
	if err != nil {
		t.Fatal(err)
	}
	type server = ServerConfig
	for _, c := range []struct {
		name string
		cfg  server
		good bool
	}{
		{"TLS 1.3", server{PSKs: []PSK{key}}, true},
		{"another hash", server{PSKs: []PSK{longer}}, true},
		{"no suite of its hash", server{PSKs: []PSK{longer}, CipherSuites: []iana.CipherSuite{iana.TLS_AES_128_GCM_SHA256}}, false},
		{"no identity", server{PSKs: []PSK{nameless}}, false},
		{"TLS 1.2", server{PSKs: []PSK{key}, MaxVersion: iana.TLS12}, false},
		{"TLS 1.2, PSK", server{PSKs: []PSK{nameless}, CipherSuites: []iana.CipherSuite{iana.TLS_PSK_WITH_AES_128_GCM_SHA256}}, true},
		{"TLS 1.2, RSA_PSK", server{PSKs: []PSK{key}, CipherSuites: []iana.CipherSuite{iana.TLS_RSA_PSK_WITH_AES_128_GCM_SHA256}}, false},
		{"TLS 1.2, imported", server{PSKs: imported, MaxVersion: iana.TLS12}, false},
		{"certificates of clients", server{PSKs: []PSK{key}, ClientAuth: RequireAnyClientCert}, false},
		{"a hook", server{PSKs: []PSK{key}, MaxVersion: iana.TLS12, GetCertificate: func(*HelloInfo) (*Certificate, error) { return nil, nil }}, true},
	} {
		if _, err := c.cfg.Params(); (err == nil) != c.good || err != nil && !errors.Is(err, fault.ConfigNoCertificate) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
