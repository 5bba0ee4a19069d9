// Record makes the recordings of package clients anew: it starts each client on
// this machine against a port of its own and keeps the ClientHello that comes.
// Clients that are not installed keep the recording that they have.
//
//	go run ./interop/record
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/handclasp/handclasp/internal/clients"
	"github.com/handclasp/handclasp/internal/record"
	"github.com/handclasp/handclasp/internal/wire"
)

// name is the server's, for every client's server_name.
const name = "server.example.com"

const (
	folder  = "interop/recorded"
	timeout = 30 * time.Second
)

//go:embed Hello.java
var helloJava []byte

// A source is how to have a client speak to a port, and what it calls itself.
type source struct {
	version []string // a command; its first line counts
	speak   func(ctx context.Context, scratch, port string) error
}

var sources = map[string]source{
	"go": {speak: func(ctx context.Context, _, port string) error {
		d := tls.Dialer{Config: &tls.Config{ServerName: name, NextProtos: []string{"h2", "http/1.1"}}}
		_, err := d.DialContext(ctx, "tcp", "127.0.0.1:"+port)
		return err
	}},
	"openssl": {[]string{"openssl", "version"}, command(func(_, port string) []string {
		return []string{"openssl", "s_client", "-connect", "127.0.0.1:" + port, "-servername", name}
	})},
	"curl": {[]string{"curl", "--version"}, command(func(_, port string) []string {
		return []string{"curl", "-sS", "--connect-to", name + ":443:127.0.0.1:" + port, "https://" + name}
	})},
	"java": {[]string{"java", "--version"}, func(ctx context.Context, scratch, port string) error {
		file := filepath.Join(scratch, "Hello.java")
		if err := os.WriteFile(file, helloJava, 0o600); err != nil {
			return err
		}
		return run(ctx, "java", file, name, port)
	}},
	"node": {[]string{"node", "-p", "`Node ${process.version}, OpenSSL ${process.versions.openssl}`"}, command(func(_, port string) []string {
		return []string{"node", "-e", fmt.Sprintf(`require("https").get({host: "127.0.0.1", port: %s, servername: %q})`, port, name)}
	})},
	"python": {[]string{"python3", "-c", "import ssl, sys; print('Python', sys.version.split()[0] + ',', ssl.OPENSSL_VERSION)"}, command(func(_, port string) []string {
		return []string{"python3", "-c", fmt.Sprintf("import socket, ssl\nc = ssl.create_default_context()\nc.set_alpn_protocols(['http/1.1'])\nc.wrap_socket(socket.create_connection(('127.0.0.1', %s)), server_hostname=%q)", port, name)}
	})},
	"gnutls": {[]string{"gnutls-cli", "--version"}, command(func(_, port string) []string {
		return []string{"gnutls-cli", "--port", port, "--sni-hostname", name, "127.0.0.1"}
	})},
	"chromium": {[]string{"chromium", "--version"}, command(func(scratch, port string) []string {
		return []string{"chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
			"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--user-data-dir=" + filepath.Join(scratch, "chromium"),
			"--host-resolver-rules=MAP " + name + " 127.0.0.1:" + port, "--dump-dom", "https://" + name}
	})},
}

func main() {
	for _, n := range clients.Names {
		if err := keep(n, sources[n]); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", n, err)
		}
	}
}

// keep writes the recording of one client.
func keep(client string, s source) error {
	c := &clients.Client{Name: client, Recorded: time.Now().UTC().Format(time.DateOnly)}
	var err error
	if c.Version, err = s.tells(); err != nil {
		return err
	}
	if c.Hello, err = s.hello(); err != nil {
		return err
	}
	fmt.Printf("%-9s %4d bytes  %s\n", client, len(c.Hello), c.Version)
	return os.WriteFile(filepath.Join(folder, client+".txt"), []byte(c.Recording()), 0o644)
}

func (s *source) tells() (string, error) {
	if s.version == nil {
		return "Go " + strings.TrimPrefix(runtime.Version(), "go") + ", crypto/tls", nil
	}
	out, err := exec.Command(s.version[0], s.version[1:]...).Output()
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(line), err
}

// hello is the first ClientHello that the client sends.
func (s *source) hello() ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	scratch, err := os.MkdirTemp("", "record")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	ended := make(chan error, 1)
	go func() { ended <- s.speak(ctx, scratch, port) }()
	defer func() { cancel(); <-ended }()
	l.(*net.TCPListener).SetDeadline(time.Now().Add(timeout))
	conn, err := l.Accept()
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(timeout))
	return readHello(conn)
}

// readHello reads records until the message that they begin is whole.
func readHello(r io.Reader) ([]byte, error) {
	var msg []byte
	for {
		head := make([]byte, record.HeaderLen)
		if _, err := io.ReadFull(r, head); err != nil {
			return nil, err
		}
		if head[0] != 22 {
			return nil, fmt.Errorf("a record of type %d instead of a ClientHello", head[0])
		}
		body := make([]byte, int(head[3])<<8|int(head[4]))
		if _, err := io.ReadFull(r, body); err != nil {
			return nil, err
		}
		msg = append(msg, body...)
		if len(msg) < wire.HeaderLen {
			continue
		}
		if n := wire.HeaderLen + int(msg[1])<<16 + int(msg[2])<<8 + int(msg[3]); len(msg) >= n {
			return msg[:n], nil
		}
	}
}

func command(args func(scratch, port string) []string) func(context.Context, string, string) error {
	return func(ctx context.Context, scratch, port string) error {
		a := args(scratch, port)
		return run(ctx, a[0], a[1:]...)
	}
}

// run runs a client to its end, which comes when its handshake fails.
func run(ctx context.Context, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		return errors.Join(err, errors.New(said.String()))
	}
	return nil
}
