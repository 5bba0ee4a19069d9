package diagnose

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/wire"
)

// told are lines for clients, and what is to be seen in the ClientHello of one that
// follows it, and not in that of one that was told nothing.
var told = map[string]func(*wire.ClientHello) bool{
	"cfg.MaxVersion = tls.VersionTLS12":                                              no13,
	"MaxProtocol = TLSv1.2":                                                          no13,
	"-Djdk.tls.client.protocols=TLSv1.2":                                             no13,
	"node --tls-max-v1.2 app.js":                                                     no13,
	"context.maximum_version = ssl.TLSVersion.TLSv1_2":                               no13,
	"curl --tls-max 1.2 …":                                                           no13,
	"GODEBUG=tlsmlkem=0  // X25519MLKEM768 off":                                      groupsAre(iana.X25519, iana.Secp256r1, iana.Secp384r1, iana.Secp521r1),
	"Groups = X25519:P-256":                                                          groupsAre(iana.X25519, iana.Secp256r1),
	"-Djdk.tls.namedGroups=x25519,secp256r1":                                         groupsAre(iana.X25519, iana.Secp256r1),
	"curl --curves X25519 …":                                                         groupsAre(iana.X25519),
	"SignatureAlgorithms = ECDSA+SHA256:RSA-PSS+SHA256:RSA+SHA256":                   schemesAre(iana.ECDSA_SECP256R1_SHA256, iana.RSA_PSS_RSAE_SHA256, iana.RSA_PKCS1_SHA256),
	"-Djdk.tls.client.SignatureSchemes=ecdsa_secp256r1_sha256,rsa_pss_rsae_sha256,…": schemesAre(iana.ECDSA_SECP256R1_SHA256, iana.RSA_PSS_RSAE_SHA256),
	"-Djdk.tls.client.cipherSuites=TLS_AES_128_GCM_SHA256,…":                         func(h *wire.ClientHello) bool { return h.CipherSuites.Len() <= 2 }, // and a signal of RFC 5746
	"cfg.NextProtos = nil":                                                           func(h *wire.ClientHello) bool { return len(h.ALPN) == 0 },
	"curl --no-alpn …":                                                               func(h *wire.ClientHello) bool { return len(h.ALPN) == 0 },
}

func no13(h *wire.ClientHello) bool {
	return !slices.Contains(slices.Collect(h.SupportedVersions.All()), iana.TLS13)
}

func groupsAre(want ...iana.Group) func(*wire.ClientHello) bool {
	return func(h *wire.ClientHello) bool { return slices.Equal(slices.Collect(h.Groups.All()), want) }
}

func schemesAre(want ...iana.SignatureScheme) func(*wire.ClientHello) bool {
	return func(h *wire.ClientHello) bool { return slices.Equal(slices.Collect(h.SignatureSchemes.All()), want) }
}

// needs are the programs by which a line for some software is tried.
var needs = map[string]string{"OpenSSL": "openssl", "Java": "java", "Node": "node", "Python": "python3", "curl": "curl", "Go": "go"}

// TestClientLines: a client that follows a line of the catalogue offers no more of what
// that is to leave out, and offered it before.
func TestClientLines(t *testing.T) {
	t.Parallel()
	lines := map[string][]Line{}
	for _, list := range fewerOf {
		for _, l := range list {
			if told[l.Text] != nil && !slices.Contains(lines[l.For], l) {
				lines[l.For] = append(lines[l.For], l)
			}
		}
	}
	tried := 0
	for software, list := range lines {
		tried += len(list)
		t.Run(software, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(needs[software]); err != nil {
				if os.Getenv("CI") == "true" {
					t.Fatal(err)
				}
				t.Skipf("%s is not on this machine; CI has it", needs[software])
			}
			dir := t.TempDir()
			before := helloOf(t, dir, Line{For: software})
			for _, l := range list {
				h := helloOf(t, dir, l)
				if !told[l.Text](h) {
					t.Errorf("%s: versions %v, groups %v, schemes %v, suites %v, protocols %q", l.Text, slices.Collect(h.SupportedVersions.All()), slices.Collect(h.Groups.All()),
						slices.Collect(h.SignatureSchemes.All()), slices.Collect(h.CipherSuites.All()), h.ALPN)
				}
				if told[l.Text](before) {
					t.Errorf("%s: so is the hello without it", l.Text)
				}
			}
		})
	}
	if tried != len(told) {
		t.Errorf("%d lines were tried, of %d", tried, len(told))
	}
}

// helloOf is what a client says first that follows a line, or none.
func helloOf(t *testing.T, dir string, l Line) *wire.ClientHello {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	cmd := following(t, ctx, dir, l, port)
	said := new(strings.Builder)
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { // if it does not come to connect
		cmd.Wait()
		listener.Close()
	}()
	c, err := listener.Accept()
	if err != nil {
		t.Fatalf("it did not connect: %s", said)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	head := make([]byte, 5)
	if _, err := io.ReadFull(c, head); err != nil {
		t.Fatal(err)
	}
	msg := make([]byte, int(head[3])<<8|int(head[4]))
	if _, err := io.ReadFull(c, msg); err != nil {
		t.Fatal(err)
	}
	h := new(wire.ClientHello)
	if err := wire.Decode(msg, h); err != nil {
		t.Fatal(err)
	}
	return h
}

// following is the command of a client that follows a line and connects to a port of
// this machine.
func following(t *testing.T, ctx context.Context, dir string, l Line, port string) *exec.Cmd {
	t.Helper()
	file := func(name, text string) string {
		path := filepath.Join(dir, fmt.Sprintf("%s-%s", port, name))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	text := strings.NewReplacer(",…", "", " …", "", " app.js", "").Replace(l.Text)
	text, _, _ = strings.Cut(text, "  //")
	options := strings.Fields(text)
	switch l.For {
	case "OpenSSL":
		cmd := exec.CommandContext(ctx, "openssl", "s_client", "-connect", "127.0.0.1:"+port)
		cmd.Env = append(os.Environ(), "OPENSSL_CONF="+file("openssl.cnf", "openssl_conf = a\nconfig_diagnostics = 1\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nMinProtocol = TLSv1.2\n"+text+"\n"))
		return cmd
	case "curl":
		return exec.CommandContext(ctx, "curl", append(options[min(1, len(options)):], "-s", "https://127.0.0.1:"+port+"/")...)
	case "Node":
		return exec.CommandContext(ctx, "node", append(options[min(1, len(options)):], "-e", fmt.Sprintf(`require("tls").connect(%s, "127.0.0.1").on("error", () => {})`, port))...)
	case "Python":
		return exec.CommandContext(ctx, "python3", "-c", fmt.Sprintf("import socket, ssl\ncontext = ssl.create_default_context()\n%s\ncontext.wrap_socket(socket.create_connection(('127.0.0.1', %s)), server_hostname='localhost')", text, port))
	case "Java":
		program := file("Connect.java", fmt.Sprintf(`public class Connect { public static void main(String[] a) throws Exception {
			((javax.net.ssl.SSLSocket) javax.net.ssl.SSLSocketFactory.getDefault().createSocket("127.0.0.1", %s)).startHandshake(); } }`, port))
		return exec.CommandContext(ctx, "java", append(append([]string{"-XX:TieredStopAtLevel=1"}, options...), program)...)
	}
	env := ""
	if strings.HasPrefix(text, "GODEBUG=") {
		env, text = text, ""
	}
	cmd := exec.CommandContext(ctx, "go", "run", file("main.go", fmt.Sprintf("package main\n\nimport \"crypto/tls\"\n\nfunc main() {\n\tcfg := &tls.Config{NextProtos: []string{\"h2\"}}\n\t%s\n\ttls.Dial(\"tcp\", \"127.0.0.1:%s\", cfg)\n}\n", text, port)))
	cmd.Env = append(os.Environ(), env)
	return cmd
}
