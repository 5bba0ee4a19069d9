package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/handclasp/handclasp/internal/pki"
)

// TestOpenSSLAsksLater: connect answers a server that nobody here wrote, and that
// asks after the handshake.
func TestOpenSSLAsksLater(t *testing.T) {
	program, err := exec.LookPath("openssl")
	if err != nil && os.Getenv("CI") != "true" {
		t.Skip("openssl is not on this machine; CI has it")
	}
	must(t, err)
	dir := t.TempDir()
	file := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, b, 0o600))
		return path
	}
	root, err := pki.NewAuthority("Test root", pki.Options{Now: time.Now()})
	must(t, err)
	issued, err := root.Issue(pki.Leaf{Names: []string{"localhost"}})
	must(t, err)
	key, err := issued.KeyPEM()
	must(t, err)
	ca, cert, keyFile := file("ca.pem", root.PEM()), file("cert.pem", issued.PEM()), file("key.pem", key)

	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	port := freePort(t)
	server := exec.CommandContext(ctx, program, "s_server", "-accept", "127.0.0.1:"+port, "-naccept", "1", "-cert", cert, "-key", keyFile,
		"-tls1_3", "-verify", "3", "-verify_return_error", "-verify_quiet", "-CAfile", ca)
	// -verify asks in the handshake as well, and s_server has no other way to
	// load what it verifies with.
	commands, err := server.StdinPipe()
	must(t, err)
	said, err := server.StdoutPipe()
	must(t, err)
	must(t, server.Start())
	defer func() {
		cancel()
		server.Wait()
	}()
	out := bufio.NewScanner(said)
	until := func(text string) {
		t.Helper()
		for out.Scan() {
			if strings.Contains(out.Text(), text) {
				return
			}
		}
		t.Fatalf("s_server never says %q", text)
	}
	until("ACCEPT")

	log := new(buffer)
	open, hold := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"connect", "localhost:" + port, "--ca", ca, "--cert", cert, "--key", keyFile, "--post-handshake-auth"}, open, io.Discard, log)
	}()
	until("CIPHER is") // the handshake is over
	const answered = "after the handshake the server asked for a certificate and got one, proved with ecdsa_secp256r1_sha256"
	for n := 1; n <= 2; n++ {
		io.WriteString(commands, "c\n")
		for strings.Count(log.String(), answered) < n {
			select {
			case code := <-ended:
				t.Fatalf("connect ended with %d: %s", code, log)
			case <-ctx.Done():
				t.Fatalf("connect says only %s", log)
			case <-time.After(5 * time.Millisecond):
			}
		}
	}
	hold.Close() // and so the client says goodbye
	if code := <-ended; code != 0 {
		t.Errorf("connect ended with %d: %s", code, log)
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return port(l.Addr())
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
