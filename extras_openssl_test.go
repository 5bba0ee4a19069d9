package handclasp_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
)

// What peers compute out of a connection, and what else is negotiated in it, as
// OpenSSL, GnuTLS and Python say. How records are cut is tried in interop.

// called starts a program that connects to us, and gives our end of the connection,
// the program's input, and what it prints until it ends with the connection.
func called(t *testing.T, program string, args func(port string) []string) (raw net.Conn, in io.WriteCloser, out func() string) {
	t.Helper()
	path := installed(t, program)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	_, port, _ := net.SplitHostPort(l.Addr().String())
	cmd := exec.CommandContext(ctx, path, args(port)...)
	if in, err = cmd.StdinPipe(); err != nil { // it ends when its input does
		t.Fatal(err)
	}
	var text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &text
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	l.(*net.TCPListener).SetDeadline(time.Now().Add(20 * time.Second))
	if raw, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	raw.SetDeadline(time.Now().Add(20 * time.Second))
	return raw, in, func() string {
		in.Close()
		io.Copy(io.Discard, raw) // until it is gone
		raw.Close()
		cmd.Wait()
		return text.String()
	}
}

// asks has a program shake hands with our server.
func asks(t *testing.T, cfg *handclasp.ServerConfig, program string, args func(port string) []string) (conn *handclasp.Conn, out func() string) {
	t.Helper()
	raw, _, out := called(t, program, args)
	conn = handclasp.Server(raw, cfg)
	if err := conn.Handshake(); err != nil {
		raw.(*net.TCPConn).CloseWrite()
		t.Fatalf("%v; %s says\n%s", err, program, out())
	}
	return conn, out
}

// after is the hexadecimal word behind a label in a text, in small letters.
func after(text, label string) string {
	_, rest, _ := strings.Cut(text, label)
	word, _, _ := strings.Cut(strings.TrimSpace(rest), "\n")
	return strings.ToLower(strings.TrimSpace(word))
}

// TestExporterOpenSSL: what we export is what OpenSSL exports (RFC 5705; RFC 9846,
// Section 7.5), in both roles. In TLS 1.3 its label can be that of tls-exporter.
func TestExporterOpenSSL(t *testing.T) {
	openssl(t)
	const label = "EXPORTER-Channel-Binding"
	export := []string{"-keymatexport", label, "-keymatexportlen", "32"}
	check := func(t *testing.T, conn *handclasp.Conn, theirs string) {
		t.Helper()
		ours, err := conn.ExportKeyingMaterial(label, nil, 32)
		if err != nil || hex.EncodeToString(ours) != theirs {
			t.Errorf("we export %x (%v), OpenSSL %s", ours, err, theirs)
		}
		if conn.Info().Version != iana.TLS13 {
			return // an empty context is not the same as none there
		}
		binding, err := conn.ChannelBinding(handclasp.BindingExporter)
		if err != nil || !bytes.Equal(binding, ours) {
			t.Errorf("tls-exporter is %x (%v)", binding, err)
		}
	}
	for _, v := range []iana.Version{iana.TLS13, iana.TLS12, iana.TLS10} {
		flags := map[iana.Version][]string{iana.TLS13: {"-tls1_3"}, iana.TLS12: {"-tls1_2"}, iana.TLS10: {"-tls1", "-cipher", "ALL:@SECLEVEL=0"}}[v]
		t.Run(fmt.Sprintf("%v/client", v), func(t *testing.T) {
			addr, out := startServer(t, pki.P256, append(flags, export...)...)
			cfg := clientConfig()
			cfg.MinVersion = v
			conn, err := handclasp.Dial("tcp", addr, cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			check(t, conn, after(until(t, out, "Keying material:"), "Keying material:"))
		})
		t.Run(fmt.Sprintf("%v/server", v), func(t *testing.T) {
			cfg := serverConfig()
			cfg.MinVersion = v
			conn, out := asks(t, cfg, "openssl", func(port string) []string {
				return append(append([]string{"s_client", "-connect", "127.0.0.1:" + port}, flags...), export...)
			})
			check(t, conn, after(out(), "Keying material:"))
		})
	}
}

// until reads lines up to one with text in it, and returns that.
func until(t *testing.T, out *bufio.Reader, text string) string {
	t.Helper()
	for {
		line, err := out.ReadString('\n')
		if strings.Contains(line, text) {
			return line
		}
		if err != nil {
			t.Fatalf("the peer ends without %q: %v", text, err)
		}
	}
}

// TestWeakDHOpenSSL: parameters of 1,024 bits that a server made itself are refused,
// with the reason, unless MinDHBits lets them pass (RFC 9325, Section 4.3).
func TestWeakDHOpenSSL(t *testing.T) {
	addr := opensslServer(t, pki.RSA2048, "-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0", "-dhparam", filepath.Join("interop", "testdata", "dh1024.pem"))
	cfg := clientConfig()
	cfg.CipherSuites = []iana.CipherSuite{iana.TLS_DHE_RSA_WITH_AES_128_GCM_SHA256}
	cfg.CurvePreferences = []iana.Group{iana.FFDHE8192} // with a shorter one OpenSSL would take that
	_, err := handclasp.Dial("tcp", addr, cfg)
	if f, _ := errors.AsType[*fault.Error](err); !errors.Is(err, fault.DHWeak) || f.Got != "1024 bits" {
		t.Errorf("%v", err)
	}
	cfg.MinDHBits = 1024
	if i := dial(t, addr, cfg); i.DHBits != 1024 {
		t.Errorf("%d bits", i.DHBits)
	}
}

// TestRefusalsOpenSSL: what is never done, or not unless asked for, is refused by its
// name: a fallback that was not necessary (RFC 7507), a renegotiation that a
// client begins, and one that a server begins.
func TestRefusalsOpenSSL(t *testing.T) {
	openssl(t)
	client := func(more ...string) func(port string) []string {
		return func(port string) []string {
			return append([]string{"s_client", "-connect", "127.0.0.1:" + port, "-tls1_2"}, more...)
		}
	}
	t.Run("fallback", func(t *testing.T) {
		raw, _, out := called(t, "openssl", client("-fallback_scsv"))
		if err := handclasp.Server(raw, serverConfig()).Handshake(); !errors.Is(err, fault.InappropriateFallback) {
			t.Error(err)
		}
		if text := out(); !strings.Contains(text, "alert inappropriate fallback") {
			t.Errorf("s_client says\n%s", text)
		}
	})
	t.Run("the client renegotiates", func(t *testing.T) {
		raw, in, out := called(t, "openssl", client())
		conn := handclasp.Server(raw, serverConfig())
		if err := conn.Handshake(); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(in, "R")
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, fault.Renegotiation) {
			t.Error(err)
		}
		if text := out(); !strings.Contains(text, "no renegotiation") {
			t.Errorf("s_client says\n%s", text)
		}
	})
	t.Run("the server renegotiates", func(t *testing.T) {
		addr, _, in := talkToServer(t, pki.P256, "-tls1_2")
		conn, err := handclasp.Dial("tcp", addr, clientConfig())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		fmt.Fprintln(in, "r")
		_, err = conn.Read(make([]byte, 1))
		if f, _ := errors.AsType[*fault.Error](err); !errors.Is(err, fault.Renegotiation) || !strings.Contains(f.Hint, "--renegotiation client") {
			t.Errorf("%v", err)
		}
	})
}

// TestChannelBindingGnuTLS: all three kinds, as gnutls-cli has them.
func TestChannelBindingGnuTLS(t *testing.T) {
	_, _, ca := files(t, pki.P256)
	for v, priority := range map[iana.Version]string{iana.TLS13: "NORMAL", iana.TLS12: "NORMAL:-VERS-TLS1.3"} {
		t.Run(v.String(), func(t *testing.T) {
			conn, out := asks(t, serverConfig(), "gnutls-cli", func(port string) []string {
				return []string{"--verbose", "--priority", priority, "--x509cafile", ca, "--port", port, "localhost"}
			})
			bindings := map[string]string{}
			for _, kind := range []string{handclasp.BindingExporter, handclasp.BindingEndPoint, handclasp.BindingUnique} {
				b, err := conn.ChannelBinding(kind)
				if (err != nil) != (kind == handclasp.BindingUnique && v == iana.TLS13) {
					t.Errorf("%s: %v", kind, err)
				}
				bindings[kind] = hex.EncodeToString(b)
			}
			text := out()
			for kind, ours := range bindings {
				theirs := after(text, "'"+kind+"': ")
				if theirs == "not available" {
					theirs = ""
				}
				if ours != theirs {
					t.Errorf("%s: %s, and GnuTLS has %s", kind, ours, theirs)
				}
			}
			if strings.Count(text, "'tls-") != len(bindings) {
				t.Errorf("gnutls-cli says\n%s", text)
			}
		})
	}
}

// pythonBinding prints tls-unique as Python's ssl has it, in one role or the other,
// of a full handshake and of one that is resumed.
const pythonBinding = `
import socket, ssl, sys
role, port, ca, cert, key = sys.argv[1:]
c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if role == "server" else ssl.PROTOCOL_TLS_CLIENT)
c.maximum_version = ssl.TLSVersion.TLSv1_2
if role == "server":
    c.load_cert_chain(cert, key)
    l = socket.create_server(("127.0.0.1", 0))
    print(l.getsockname()[1], flush=True)
else:
    c.load_verify_locations(ca)
session = None
for _ in range(2):
    if role == "server":
        conn = c.wrap_socket(l.accept()[0], server_side=True)
    else:
        conn = c.wrap_socket(socket.create_connection(("127.0.0.1", int(port))), server_hostname="localhost", session=session)
        session = conn.session
    print(conn.session_reused, conn.get_channel_binding("tls-unique").hex(), flush=True)
    conn.close()
`

// python runs Python for half a minute at most, and gives what it prints.
func python(t *testing.T, args ...string) *bufio.Reader {
	t.Helper()
	program := installed(t, "python3")
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	cmd := exec.CommandContext(ctx, program, args...)
	out, err := cmd.StdoutPipe()
	if err == nil {
		cmd.Stderr = os.Stderr
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); cmd.Wait() })
	return bufio.NewReader(out)
}

// TestEarlyExporterOpenSSL: what we export of 0-RTT data is what OpenSSL exports, in
// both roles.
func TestEarlyExporterOpenSSL(t *testing.T) {
	cert, key, _ := files(t, pki.P256)
	script := func(role, port string) *bufio.Reader {
		return python(t, "testdata/earlyexporter.py", role, port, cert, key)
	}
	// talk is what we do on each connection, and early what goes before on the second.
	talk := func(t *testing.T, conn *handclasp.Conn, out *bufio.Reader, early, rest func() error) {
		t.Helper()
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		if early != nil {
			if err := early(); err != nil {
				t.Fatal(err)
			}
			ours, err := conn.ExportEarlyKeyingMaterial("EXPORTER-early", []byte("context"), 32)
			if theirs, _ := out.ReadString('\n'); err != nil || strings.TrimSpace(theirs) != hex.EncodeToString(ours) {
				t.Errorf("we export %x (%v), OpenSSL %s", ours, err, theirs)
			}
		}
		if err := rest(); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("client", func(t *testing.T) {
		out := script("server", "0")
		port, _ := out.ReadString('\n')
		present(t, port)
		cfg := clientConfig()
		cfg.Sessions, cfg.Time, cfg.EarlyData = clientStore(t), time.Now, true
		for round := range 2 {
			raw, err := net.Dial("tcp", "127.0.0.1:"+strings.TrimSpace(port))
			if err != nil {
				t.Fatal(err)
			}
			conn := handclasp.Client(raw, cfg)
			var early func() error
			if round > 0 {
				early = func() error { _, err := conn.WriteEarly([]byte("early")); return err }
			}
			talk(t, conn, out, early, func() error { _, err := conn.Read(make([]byte, 1)); return err }) // behind the tickets
		}
	})
	t.Run("server", func(t *testing.T) {
		l, port := awaited(t, resuming(t, memory(t)))
		out := script("client", port)
		hello, _ := out.ReadString('\n')
		present(t, hello)
		for round := range 2 {
			accepted, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			conn := accepted.(*handclasp.Conn)
			var early func() error
			if round > 0 {
				early = func() error { _, err := conn.ReadEarly(make([]byte, 5)); return err }
			}
			talk(t, conn, out, early, func() error {
				_, err := conn.Write([]byte("x"))
				conn.Read(make([]byte, 1)) // until close_notify
				return err
			})
		}
	})
}

// awaited is a listener that waits for 20 seconds, and its port.
func awaited(t *testing.T, cfg *handclasp.ServerConfig) (l net.Listener, port string) {
	t.Helper()
	below, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	below.(*net.TCPListener).SetDeadline(time.Now().Add(20 * time.Second))
	l = handclasp.NewListener(below, cfg)
	t.Cleanup(func() { l.Close() })
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return l, port
}

// present skips a test, and fails it in CI, where Python finds no OpenSSL.
func present(t *testing.T, said string) {
	t.Helper()
	switch {
	case said != "no libssl\n":
	case os.Getenv("CI") == "true":
		t.Fatal(said)
	default:
		t.Skip("Python finds no libssl on this machine; CI has it")
	}
}

// TestChannelBindingPython: tls-unique in both roles, which is another message's in
// a connection that is resumed (RFC 5929, Section 3.1).
func TestChannelBindingPython(t *testing.T) {
	cert, key, ca := files(t, pki.P256)
	start := func(t *testing.T, role, port string) *bufio.Reader {
		return python(t, "-c", pythonBinding, role, port, ca, cert, key)
	}
	check := func(t *testing.T, round int, conn *handclasp.Conn, out *bufio.Reader) {
		t.Helper()
		ours, err := conn.ChannelBinding(handclasp.BindingUnique)
		if err != nil {
			t.Error(err)
		}
		resumed := map[bool]string{false: "False", true: "True"}[round > 0]
		if theirs, _ := out.ReadString('\n'); strings.TrimSpace(theirs) != resumed+" "+hex.EncodeToString(ours) {
			t.Errorf("connection %d: we have %x, Python %s", round, ours, theirs)
		}
	}
	t.Run("client", func(t *testing.T) {
		out := start(t, "server", "")
		port, err := out.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		cfg := clientConfig()
		cfg.Sessions, cfg.Time = clientStore(t), time.Now
		for round := range 2 {
			conn, err := handclasp.Dial("tcp", "127.0.0.1:"+strings.TrimSpace(port), cfg)
			if err != nil {
				t.Fatal(err)
			}
			check(t, round, conn, out)
			conn.Close()
		}
	})
	t.Run("server", func(t *testing.T) {
		l, port := awaited(t, resuming(t, memory(t)))
		out := start(t, "client", port)
		for round := range 2 {
			conn, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			conn.SetDeadline(time.Now().Add(20 * time.Second))
			ours := conn.(*handclasp.Conn)
			if err := ours.Handshake(); err != nil {
				t.Fatal(err)
			}
			check(t, round, ours, out)
			conn.Close()
		}
	})
}

// TestAuthoritiesOpenSSL: OpenSSL's server reads the authorities that our client names,
// and our server of two certificates shows OpenSSL's client the one that it asks
// for (RFC 9846, Section 4.3.4). The names of who may vouch for clients reach it too,
// in TLS 1.3 by the same extension.
func TestAuthoritiesOpenSSL(t *testing.T) {
	openssl(t)
	t.Run("client", func(t *testing.T) {
		addr, out := startServer(t, pki.P256, "-tls1_3")
		cfg := clientConfig()
		cfg.SendAuthorities = true
		conn, err := handclasp.Dial("tcp", addr, cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		until(t, out, "Acceptable server certificate CA names")
		if line := until(t, out, "CN"); !strings.Contains(line, "Handclasp test root") {
			t.Errorf("OpenSSL reads %q", line)
		}
	})
	for _, v := range []string{"-tls1_3", "-tls1_2"} {
		t.Run("asked for a certificate, "+v, func(t *testing.T) {
			cfg := serverConfig()
			cfg.ClientAuth, cfg.ClientCAs = handclasp.VerifyClientCertIfGiven, roots()
			_, out := asks(t, cfg, "openssl", func(port string) []string {
				return []string{"s_client", "-connect", "127.0.0.1:" + port, v}
			})
			text := out()
			if _, names, _ := strings.Cut(text, "Acceptable client certificate CA names\n"); !strings.HasPrefix(names, "CN = Handclasp test root\n") {
				t.Errorf("s_client says\n%s", text)
			}
		})
	}
	other, err := pki.NewAuthority("Root of others", pki.Options{Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	ca := filepath.Join(t.TempDir(), "other.pem")
	if err := os.WriteFile(ca, other.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := serverConfig()
	cfg.Certificates = append(cfg.Certificates, issueBy(other, pki.Leaf{Names: []string{"localhost"}}).ours)
	for _, named := range []bool{false, true} {
		t.Run(fmt.Sprintf("server, named %v", named), func(t *testing.T) {
			_, out := asks(t, cfg, "openssl", func(port string) []string {
				args := []string{"s_client", "-connect", "127.0.0.1:" + port, "-servername", "localhost", "-CAfile", ca}
				if named {
					args = append(args, "-requestCAfile", ca)
				}
				return args
			})
			if text := out(); strings.Contains(text, "Verify return code: 0 (ok)") != named {
				t.Errorf("s_client says\n%s", text)
			}
		})
	}
}
