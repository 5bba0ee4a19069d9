package diagnose_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/diagnose"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
)

// A modulus of 1024 bits.
const modulus = `-----BEGIN DH PARAMETERS-----
MIGHAoGBAJ/7dw3quF1QsSxcTQDUGxu2FMj1I8ExPHWbYP1+PL33DQbMDQ3GuGry
QHaglpCWhRQxKy++QROzFuISHo+9M6BSarA0jJsg0hvxcz3jVSiP+dE40xg0FAyr
xy5FHIEiq5qUvOhaiZTBneOzUNEFhrIzQYoNXH8wC6h6lRzJJ+1XAgEC
-----END DH PARAMETERS-----
`

// TestShortModulus: a short modulus is noticed, and those who refuse it do.
func TestShortModulus(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("openssl")
	if err != nil && os.Getenv("CI") != "true" {
		t.Skip("openssl is not on this machine; CI has it")
	}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(err)
	dir := t.TempDir()
	file := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		check(os.WriteFile(path, b, 0o600))
		return path
	}
	a, err := pki.NewAuthority("Somebody", pki.Options{Now: time.Now()})
	check(err)
	issued, err := a.Issue(pki.Leaf{Names: []string{"localhost"}, Key: pki.RSA2048})
	check(err)
	key, err := issued.KeyPEM()
	check(err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	at := port(l.Addr())
	l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	server := exec.CommandContext(ctx, program, "s_server", "-accept", "127.0.0.1:"+at, "-www", "-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0",
		"-dhparam", file("dh.pem", []byte(modulus)), "-cert", file("cert.pem", issued.PEM()), "-key", file("key.pem", key))
	check(server.Start())
	defer func() {
		cancel()
		server.Wait()
	}()
	for n := 0; ; n++ {
		if raw, err := net.Dial("tcp", "127.0.0.1:"+at); err == nil {
			raw.Close()
			break
		} else if n == 100 {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	for as, works := range map[string]bool{"": true, "openssl": false, "curl": false, "java": true, "node": true, "gnutls": true} {
		cfg := &handclasp.ClientConfig{ServerName: "localhost", RootCAs: a.Pool()}
		if as == "" {
			cfg.CipherSuites = []iana.CipherSuite{iana.TLS_DHE_RSA_WITH_AES_128_GCM_SHA256}
		}
		r, err := diagnose.Run(t.Context(), diagnose.Options{Host: "localhost", Port: at, Client: cfg, As: as, Linger: 50 * time.Millisecond})
		check(err)
		if found(r) != "weak-parameters" || r.Works != works {
			t.Errorf("as %q: works: %v\n%s", as, r.Works, tell(r))
		}
	}
}
