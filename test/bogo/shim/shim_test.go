package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/handclasp/handclasp/internal/pki"
)

func TestFlags(t *testing.T) {
	p, err := parse([]string{
		"-port", "443", "-on-resume-async", "-curves", "29", "-curves", "23", "-on-shim-server", "-cert-file", "a", "-new-x509-credential", "-cert-file", "b",
		"-advertise-alpn", "\x03foo", "-on-retry-expect-alpn", "-server", "-on-initial-no-ticket",
	})
	if err != nil {
		t.Fatal(err)
	}
	first, second := &p.initial, &p.resume
	switch {
	case first.Port != 443 || second.Port != 443 || first.Async || !second.Async || !first.Server:
		t.Errorf("%+v", first)
	case len(first.Curves) != 2 || first.Curves[1] != 23:
		t.Errorf("curves %v", first.Curves)
	case first.CertFile != "a" || len(first.credentials) != 1 || first.credentials[0].CertFile != "b":
		t.Errorf("credentials %+v, %+v", first.credential, first.credentials)
	case first.AdvertiseALPN != "\x03foo" || p.retry.ExpectALPN != "-server" || !first.NoTicket || second.NoTicket:
		t.Errorf("%+v", p.retry)
	}
}

// A flag that the shim takes it heeds, or says beside it why there is nothing to do:
// else its tests would pass without what they test.
func TestFlagsHeeded(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	flags, read := make(map[string]*ast.Field), make(map[string]bool)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Field:
				if n.Tag != nil && strings.HasPrefix(n.Tag.Value, "`flag:") {
					flags[n.Names[0].Name] = n
				}
			case *ast.SelectorExpr:
				read[n.Sel.Name] = true
			}
			return true
		})
	}
	if len(flags) < 100 {
		t.Fatalf("only %d flags were found", len(flags))
	}
	for name, field := range flags {
		if !read[name] && field.Comment == nil {
			t.Errorf("nothing heeds %s, and nothing says why", field.Tag.Value)
		}
	}
}

// What the runner sees of flags that are unknown or wrong, and of the question that
// it asks first.
func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"-is-handshaker-supported", 0, "No"},
		{"-port 1 -frobnicate", unimplemented, "-frobnicate"},
		{"-on-resume-frobnicate", unimplemented, "-frobnicate"},
		{"-port", 1, "needs a value"},
		{"-port x", 1, "invalid syntax"},
	} {
		var out bytes.Buffer
		if code := run(strings.Fields(c.args), &out, &out); code != c.code || !strings.Contains(out.String(), c.says) {
			t.Errorf("%s: %d, %q", c.args, code, &out)
		}
	}
}

// Two shims speak with each other: who is who, how often, and byte by byte.
func TestTogether(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := files(t, dir)
	for name, flags := range map[string]string{
		"1.3":          "-max-version 772",
		"1.3, resumed": "-max-version 772 -resume-count 2",
		"1.2, resumed": "-max-version 771 -resume-count 2 -on-resume-expect-ticket-renewal",
		"1.0, async":   "-max-version 769 -async",
		"1.3, async":   "-max-version 772 -async -resume-count 1",
		"a policy":     "-fips-202205",
		"1.3, again":   "-max-version 772 -no-op-extra-handshake -resume-count 1",
	} {
		t.Run(name, func(t *testing.T) {
			port := introduce(t)
			common := append(strings.Fields(flags), "-port", port, "-check-close-notify")
			var failed [2]string
			var both sync.WaitGroup
			for i, args := range [][]string{
				append([]string{"-shim-id", "1", "-server", "-cert-file", certFile, "-key-file", keyFile, "-shim-shuts-down"}, common...),
				append([]string{"-shim-id", "2"}, common...),
			} {
				both.Go(func() {
					var out bytes.Buffer
					if run(args, &out, &out) != 0 {
						failed[i] = out.String()
					}
				})
			}
			both.Wait()
			for i, said := range failed {
				if said != "" {
					t.Errorf("shim %d: %s", i+1, said)
				}
			}
		})
	}
}

// introduce joins each connection of shim 1 with the next one of shim 2.
func introduce(t *testing.T) (port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		waiting := make(map[byte]net.Conn)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			id := make([]byte, 8)
			if _, err := io.ReadFull(c, id); err != nil {
				return
			}
			waiting[id[0]] = c
			if a, b := waiting[1], waiting[2]; a != nil && b != nil {
				clear(waiting)
				go relay(a, b)
				go relay(b, a)
			}
		}
	}()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// relay passes on what from says, its end included.
func relay(from, to net.Conn) {
	io.Copy(to, from)
	to.(*net.TCPConn).CloseWrite()
}

// files are a certificate and its key.
func files(t *testing.T, dir string) (certFile, keyFile string) {
	t.Helper()
	a, err := pki.NewAuthority("Test", pki.Options{Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	issued, err := a.Issue(pki.Leaf{Names: []string{"localhost"}})
	if err != nil {
		t.Fatal(err)
	}
	key, err := issued.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, b := range map[string][]byte{certFile: issued.PEM(), keyFile: key} {
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}
