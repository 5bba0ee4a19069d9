package diagnose_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/handclasp/handclasp/diagnose"
	"github.com/handclasp/handclasp/internal/pki"
)

// TestLines: nginx, Apache, HAProxy and OpenSSL take the lines that the catalogue has for them.
func TestLines(t *testing.T) {
	t.Parallel()
	for server, check := range map[string]func(*testing.T, string, string) []byte{"nginx": nginxTakes, "Apache": apacheTakes, "HAProxy": haproxyTakes, "OpenSSL": opensslTakes} {
		t.Run(server, func(t *testing.T) {
			if _, err := exec.LookPath(programs[server]); err != nil {
				elsewhere(t, err.Error())
			}
			dir := filled(t)
			seen := map[string]bool{}
			for _, c := range diagnose.Causes() {
				for _, l := range c.Lines {
					if l.For == server && !seen[l.Text] {
						seen[l.Text] = true
						if said := check(t, dir, l.Text); said != nil {
							t.Errorf("%s: %s\n%s", c.ID, l.Text, said)
						}
					}
				}
			}
			if len(seen) < 5 {
				t.Errorf("%d lines for %s", len(seen), server)
			}
		})
	}
}

// programs are what servers are called on Debian.
var programs = map[string]string{"nginx": "nginx", "Apache": "apache2", "HAProxy": "haproxy", "OpenSSL": "openssl", "Java": "java"}

// filled is a directory with the files that the lines name.
func filled(t *testing.T) string {
	t.Helper()
	a, err := pki.NewAuthority("Somebody", pki.Options{Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name string, content ...[]byte) {
		var all []byte
		for _, b := range content {
			all = append(all, b...)
		}
		if err := os.WriteFile(filepath.Join(dir, name), all, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "certificates"), 0o700); err != nil {
		t.Fatal(err)
	}
	for kind, k := range map[string]pki.Key{"rsa": pki.RSA2048, "ecdsa": pki.P256} {
		i, err := a.Issue(pki.Leaf{Names: []string{"localhost"}, Key: k})
		if err != nil {
			t.Fatal(err)
		}
		key, err := i.KeyPEM()
		if err != nil {
			t.Fatal(err)
		}
		write(kind+".pem", i.PEM())
		write(kind+".key", key)
		write("site.pem."+kind, i.PEM(), key)
		write("fullchain.pem", i.PEM(), key)
		write("chain-and-key.pem", i.PEM(), key)
		write("certificates/localhost.pem", i.PEM(), key)
		write("localhost.pem", i.PEM(), key)
	}
	write("clients-ca.pem", a.PEM())
	return dir
}

// inPlace puts the files into a line, and what stands for something.
func inPlace(dir, line string) string {
	return strings.NewReplacer("/path/of/", dir+"/", "/path/", dir+"/", "/directory/of/certificates/", dir+"/certificates/", "/directory/ ", dir+"/certificates/ ",
		"crt …", "crt "+dir+"/chain-and-key.pem", "NAME", "localhost", ":443", "127.0.0.1:1443", " 443 ", " 127.0.0.1:1443 ").Replace(line)
}

func nginxTakes(t *testing.T, dir, line string) []byte {
	t.Helper()
	if strings.HasPrefix(line, "nginx ") { // a command
		return nil
	}
	line = inPlace(dir, line)
	if strings.Contains(line, "ssl_dhparam") {
		return nil // RFC 7919 has the file
	}
	if !strings.Contains(line, "ssl_certificate_key") {
		line += fmt.Sprintf("\nssl_certificate_key %s/rsa.key;", dir)
	}
	if !strings.Contains(line, "ssl_certificate ") {
		line += fmt.Sprintf("\nssl_certificate %s/rsa.pem;", dir)
	}
	line = strings.ReplaceAll(line, dir+"/fullchain.pem", dir+"/rsa.pem")
	line = strings.ReplaceAll(line, dir+"/localhost.pem", dir+"/rsa.pem")
	conf := fmt.Sprintf("pid %[1]s/pid; error_log stderr; events {}\nhttp { access_log off; limit_conn_zone $binary_remote_addr zone=per_address:1m;\n"+
		"client_body_temp_path %[1]s; proxy_temp_path %[1]s; fastcgi_temp_path %[1]s; uwsgi_temp_path %[1]s; scgi_temp_path %[1]s;\nserver {\n%[2]s\n} }\n", dir, line)
	return accepted(t, filepath.Join(dir, "nginx.conf"), conf, "nginx", "-e", "stderr", "-t", "-q", "-c")
}

func apacheTakes(t *testing.T, dir, line string) []byte {
	t.Helper()
	const modules = "/usr/lib/apache2/modules"
	if _, err := os.Stat(modules); err != nil {
		t.Skip("Apache's modules are elsewhere on this machine; CI has them where Debian has")
	}
	if strings.HasPrefix(line, "apachectl ") {
		return nil
	}
	line = inPlace(dir, line)
	if strings.Contains(line, "SSLCertificateFile") && !strings.Contains(line, "SSLCertificateKeyFile") { // the key stands in the same file
		line = strings.ReplaceAll(line, dir+"/fullchain.pem", dir+"/chain-and-key.pem")
	}
	var conf strings.Builder
	for module, file := range map[string]string{"mpm_event": "mpm_event", "authz_core": "authz_core", "socache_shmcb": "socache_shmcb", "ssl": "ssl", "http2": "http2", "remoteip": "remoteip"} {
		fmt.Fprintf(&conf, "LoadModule %s_module %s/mod_%s.so\n", module, modules, file)
	}
	fmt.Fprintf(&conf, "ServerName localhost\nDefaultRuntimeDir %[1]s\nPidFile %[1]s/pid\nErrorLog %[1]s/errors\nListen 127.0.0.1:1443\nSSLStaplingCache shmcb:%[1]s/staples(65536)\n"+
		"<VirtualHost 127.0.0.1:1443>\nSSLEngine on\nSSLCertificateFile %[1]s/rsa.pem\nSSLCertificateKeyFile %[1]s/rsa.key\n%[2]s\n</VirtualHost>\n", dir, line)
	return accepted(t, filepath.Join(dir, "apache2.conf"), conf.String(), "apache2", "-t", "-f")
}

// opensslTakes tries what stands in configuration files, of which there are two kinds,
// and commands that need no server.
func opensslTakes(t *testing.T, dir, line string) []byte {
	t.Helper()
	name, _, set := strings.Cut(line, " = ")
	line = strings.ReplaceAll(line, "NAME", "localhost")
	var cmd *exec.Cmd
	switch {
	case strings.Contains(line, "…"), strings.HasPrefix(line, "SSL_CTX_"), strings.Contains(line, " s_client "), strings.Contains(line, "<("):
		return nil
	case strings.HasPrefix(line, "openssl "):
		words := strings.Fields(strings.NewReplacer("key.pem", filepath.Join(dir, "rsa.key")).Replace(line))
		cmd = exec.Command(words[0], words[1:]...)
	case set && name[0] >= 'a': // of certificates
		words := strings.Fields("openssl req -x509 -days 1 -subj /CN=localhost -key " + filepath.Join(dir, "rsa.key"))
		cmd = exec.Command(words[0], append(words[1:], "-addext", strings.ReplaceAll(line, " = ", "="))...)
	default: // of TLS
		conf := "openssl_conf = a\nconfig_diagnostics = 1\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\n" + line + "\n"
		if err := os.WriteFile(filepath.Join(dir, "openssl.cnf"), []byte(conf), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd = exec.Command("openssl", "ciphers")
		cmd.Env = append(os.Environ(), "OPENSSL_CONF="+filepath.Join(dir, "openssl.cnf"))
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return append(out, err.Error()...)
	}
	return nil
}

func haproxyTakes(t *testing.T, dir, line string) []byte {
	t.Helper()
	if strings.HasPrefix(line, "systemctl ") {
		return nil
	}
	line, _, _ = strings.Cut(inPlace(dir, line), " (")
	global, bind := "", line
	if !strings.HasPrefix(line, "bind ") {
		global, bind = line, "bind 127.0.0.1:1443"
	}
	conf := fmt.Sprintf("global\n %s\ndefaults\n mode http\n timeout client 1s\n timeout server 1s\n timeout connect 1s\nfrontend f\n %s\n default_backend b\nbackend b\n server s 127.0.0.1:1\n", global, bind)
	return accepted(t, filepath.Join(dir, "haproxy.cfg"), conf, "haproxy", "-c", "-q", "-f")
}

// accepted is what a server says of a configuration that it does not take; nil if it
// takes it.
func accepted(t *testing.T, file, conf, server string, args ...string) []byte {
	t.Helper()
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(server, append(args, file)...).CombinedOutput(); err != nil {
		return append(out, err.Error()...)
	}
	return nil
}
