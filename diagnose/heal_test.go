package diagnose_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/diagnose"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
)

// TestHeal: a server that is configured wrongly, and then told the line that its
// diagnosis has for it in the place of the wrong one, takes the client.
func TestHeal(t *testing.T) {
	t.Parallel()
	const ccm = "TLS_AES_128_CCM_SHA256"
	sha256 := func(c *handclasp.ClientConfig) {
		c.SignatureSchemes = []iana.SignatureScheme{iana.RSA_PSS_RSAE_SHA256, iana.RSA_PKCS1_SHA256, iana.ECDSA_SECP256R1_SHA256}
	}
	twoGroups := func(c *handclasp.ClientConfig) { c.CurvePreferences = []iana.Group{iana.X25519, iana.Secp256r1} }
	until12 := func(c *handclasp.ClientConfig) { c.MaxVersion = iana.TLS12 }
	classes := sync.OnceValue(func() string {
		dir := t.TempDir()
		if out, err := exec.Command("javac", "-d", dir, "testdata/Serve.java").CombinedOutput(); err != nil {
			t.Errorf("%s%v", out, err)
		}
		return dir
	})
	for i, x := range []struct {
		cause  string
		client func(*handclasp.ClientConfig)
		wrong  map[string]string // by server
	}{
		{"no-common-suite", nil, map[string]string{
			"nginx":   "ssl_protocols TLSv1.3; ssl_conf_command Ciphersuites " + ccm + ";",
			"Apache":  "SSLProtocol -all +TLSv1.3\nSSLCipherSuite TLSv1.3 " + ccm,
			"HAProxy": "bind :443 ssl crt … ssl-min-ver TLSv1.3 ciphersuites " + ccm,
			"Java":    "-Djdk.tls.server.cipherSuites=TLS_RSA_WITH_AES_128_GCM_SHA256"}},
		{"no-common-suite", until12, map[string]string{
			"nginx":   "ssl_protocols TLSv1.2; ssl_ciphers AES128-SHA;",
			"HAProxy": "bind :443 ssl crt … ssl-max-ver TLSv1.2 ciphers AES128-SHA"}},
		{"no-common-sigalg", sha256, map[string]string{
			"nginx":  "ssl_conf_command SignatureAlgorithms RSA-PSS+SHA512;",
			"Apache": "SSLOpenSSLConfCmd SignatureAlgorithms RSA-PSS+SHA512",
			"Java":   "-Djdk.tls.server.SignatureSchemes=rsa_pss_rsae_sha512,ecdsa_secp256r1_sha256"}},
		{"no-common-group", twoGroups, map[string]string{
			"nginx":   "ssl_ecdh_curve secp521r1;",
			"HAProxy": "bind :443 ssl crt … curves P-521"}},
		{"no-common-version", nil, map[string]string{
			"nginx":  "ssl_protocols TLSv1.1; ssl_ciphers ALL:@SECLEVEL=0;",
			"Apache": "SSLProtocol -all +TLSv1.1\nSSLCipherSuite ALL:@SECLEVEL=0"}},
	} {
		for server, wrong := range x.wrong {
			t.Run(fmt.Sprint(x.cause, i, server), func(t *testing.T) {
				t.Parallel()
				for _, name := range append(compilers[server], programs[server]) {
					if _, err := exec.LookPath(name); err != nil {
						elsewhere(t, err.Error())
					}
				}
				h := newHouse(t, server)
				h.classes = classes
				r := h.diagnose(t, wrong, x.client)
				if found(r) != x.cause {
					t.Fatal(tell(r))
				}
				i := slices.IndexFunc(r.Findings[0].Lines, func(l diagnose.Line) bool { return l.For == server })
				if i < 0 {
					t.Fatalf("no line for it\n%s", tell(r))
				}
				line := r.Findings[0].Lines[i].Text
				if r = h.diagnose(t, corrected(wrong, line), x.client); found(r) != "nothing-wrong" {
					t.Errorf("with %q\n%s", line, tell(r))
				}
			})
		}
	}
}

// compilers are what else a server of this test needs: a machine may have Java to run,
// and not to compile.
var compilers = map[string][]string{"Java": {"javac"}}

// elsewhere skips a test for what a user's machine need not have, and CI has.
func elsewhere(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skipf("%s; CI has it", what)
}

// corrected is a configuration with a line in the place of what it is to replace:
// what sets the same. Of HAProxy that is the whole bind line, and of Java all there is.
func corrected(wrong, line string) string {
	if strings.HasPrefix(line, "bind ") || strings.HasPrefix(line, "-D") {
		return line
	}
	words := strings.Fields(line)
	same := words[0]
	if same == "ssl_conf_command" || same == "SSLOpenSSLConfCmd" {
		same += " " + words[1]
	}
	separator := "\n"
	if strings.HasSuffix(line, ";") {
		separator = "; "
	}
	kept := slices.DeleteFunc(strings.Split(strings.TrimSuffix(wrong, ";"), separator), func(old string) bool { return strings.HasPrefix(old, same+" ") })
	return strings.TrimSuffix(strings.Join(append(kept, line), separator), ";") + strings.TrimSpace(separator)
}

// A house is where a server finds what it needs.
type house struct {
	server, dir string
	authority   *pki.Authority
	classes     func() string // where Java's are
}

func newHouse(t *testing.T, server string) *house {
	t.Helper()
	a, err := pki.NewAuthority("Somebody", pki.Options{Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	i, err := a.Issue(pki.Leaf{Names: []string{"localhost"}, Key: pki.RSA2048})
	if err != nil {
		t.Fatal(err)
	}
	key, err := i.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	h := &house{server: server, dir: t.TempDir(), authority: a}
	h.write(t, "all.pem", append(i.PEM(), key...))
	return h
}

func (h *house) write(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(h.dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// diagnose has the server run with a configuration, and a client's handshake with it
// diagnosed. Should somebody else have the port all the same, that is tried again at
// another.
func (h *house) diagnose(t *testing.T, conf string, client func(*handclasp.ClientConfig)) *diagnose.Report {
	t.Helper()
	cfg := &handclasp.ClientConfig{ServerName: "localhost", RootCAs: h.authority.Pool()}
	if client != nil {
		client(cfg)
	}
	for try := 0; ; try++ {
		r, said := h.once(t, conf, cfg)
		if said == "" {
			return r
		}
		if try == 3 {
			t.Fatalf("%s\n%s", conf, said)
		}
	}
}

// once does that once. said is what the server said if it has ended by itself.
func (h *house) once(t *testing.T, conf string, cfg *handclasp.ClientConfig) (r *diagnose.Report, said string) {
	t.Helper()
	at := freePort(t)
	ctx, cancel := context.WithCancel(t.Context())
	cmd, out := h.command(t, ctx, conf, at), new(strings.Builder)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for raw, err := net.Dial("tcp", "127.0.0.1:"+at); ; raw, err = net.Dial("tcp", "127.0.0.1:"+at) {
		if err == nil {
			raw.Close()
			break
		}
		select {
		case err := <-ended:
			cancel()
			return nil, fmt.Sprint(out, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
	r, err := diagnose.Run(t.Context(), diagnose.Options{Host: "127.0.0.1", Port: at, Client: cfg, Linger: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended: // so it was another one that answered
		cancel()
		return nil, fmt.Sprint(out, err)
	default:
	}
	cancel()
	<-ended
	return r, ""
}

// handed is how many ports freePort gave away.
var handed atomic.Int32

// freePort is a port that nobody else gets before a server is there: not one of those
// that systems give to who asks for any, and none twice.
func freePort(t *testing.T) string {
	t.Helper()
	for range 1000 {
		at := fmt.Sprint(10000 + (97*os.Getpid()+int(handed.Add(1)))%20000)
		if l, err := net.Listen("tcp", "127.0.0.1:"+at); err == nil {
			l.Close()
			return at
		}
	}
	t.Fatal("no port is free")
	return ""
}

// command is that of a server with a configuration, at a port of this machine.
func (h *house) command(t *testing.T, ctx context.Context, conf, at string) *exec.Cmd {
	t.Helper()
	switch h.server {
	case "nginx":
		conf = fmt.Sprintf("daemon off; master_process off; pid %[1]s/pid; error_log stderr; events {}\nhttp { access_log off;\n"+
			"client_body_temp_path %[1]s; proxy_temp_path %[1]s; fastcgi_temp_path %[1]s; uwsgi_temp_path %[1]s; scgi_temp_path %[1]s;\n"+
			"server { listen 127.0.0.1:%[2]s ssl; ssl_certificate %[1]s/all.pem; ssl_certificate_key %[1]s/all.pem;\n%[3]s\n} }\n", h.dir, at, conf)
		return exec.CommandContext(ctx, programs[h.server], "-e", "stderr", "-c", h.write(t, "nginx.conf", []byte(conf)))
	case "Apache":
		const modules = "/usr/lib/apache2/modules"
		if _, err := os.Stat(modules); err != nil {
			elsewhere(t, "Apache's modules: "+err.Error())
		}
		conf = fmt.Sprintf("LoadModule mpm_event_module %[2]s/mod_mpm_event.so\nLoadModule authz_core_module %[2]s/mod_authz_core.so\nLoadModule ssl_module %[2]s/mod_ssl.so\n"+
			"ServerName localhost\nDefaultRuntimeDir %[1]s\nPidFile %[1]s/pid\nErrorLog %[1]s/errors\nMutex pthread\nListen 127.0.0.1:%[3]s\n"+
			"<VirtualHost 127.0.0.1:%[3]s>\nSSLEngine on\nSSLCertificateFile %[1]s/all.pem\n%[4]s\n</VirtualHost>\n", h.dir, modules, at, conf)
		return exec.CommandContext(ctx, programs[h.server], "-DFOREGROUND", "-f", h.write(t, "apache2.conf", []byte(conf)))
	}
	if h.server == "Java" {
		return exec.CommandContext(ctx, programs[h.server], conf, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", h.classes(), "Serve", at, h.dir+"/all.pem")
	}
	bind := strings.NewReplacer(":443", "127.0.0.1:"+at, "crt …", "crt "+h.dir+"/all.pem").Replace(conf)
	conf = "global\n noreuseport\ndefaults\n mode http\n timeout client 60s\n timeout server 60s\n timeout connect 60s\nfrontend f\n " + bind + "\n http-request return status 200\n"
	return exec.CommandContext(ctx, programs[h.server], "-db", "-f", h.write(t, "haproxy.cfg", []byte(conf)))
}
