package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/sign"
)

// callers are clients that nobody here wrote, each told to trust an authority and to
// check everything. They take the port, the name and the authority's file.
var callers = map[string]func(ctx context.Context, port, name, ca string) error{
	"go": func(ctx context.Context, port, name, ca string) error {
		pool := x509.NewCertPool()
		pem, err := os.ReadFile(ca)
		if err != nil {
			return err
		}
		pool.AppendCertsFromPEM(pem)
		d := tls.Dialer{Config: &tls.Config{ServerName: name, RootCAs: pool}}
		c, err := d.DialContext(ctx, "tcp", "127.0.0.1:"+port)
		if err == nil {
			c.Close()
		}
		return err
	},
	"curl": program(func(port, name, ca string) []string {
		return []string{"curl", "-sS", "-m", "5", "--cacert", ca, "--connect-to", name + ":443:127.0.0.1:" + port, "https://" + name}
	}),
	"openssl": program(func(port, name, ca string) []string {
		return []string{"openssl", "s_client", "-connect", "127.0.0.1:" + port, "-servername", name, "-verify_hostname", name, "-CAfile", ca, "-verify_return_error"}
	}),
	"python3": program(func(port, name, ca string) []string {
		return []string{"python3", "-c", fmt.Sprintf("import socket, ssl\nssl.create_default_context(cafile=%q).wrap_socket(socket.create_connection(('127.0.0.1', %s)), server_hostname=%q)", ca, port, name)}
	}),
	"node": program(func(port, name, ca string) []string {
		return []string{"node", "-e", fmt.Sprintf(`require("https").get({host: "127.0.0.1", port: %s, servername: %q, ca: require("fs").readFileSync(%q)}, r => r.resume()).on("error", () => process.exit(1))`, port, name, ca)}
	}),
	"gnutls-cli": program(func(port, name, ca string) []string {
		return []string{"gnutls-cli", "--port", port, "--sni-hostname", name, "--verify-hostname", name, "--x509cafile", ca, "127.0.0.1"}
	}),
	"java": program(func(port, name, ca string) []string {
		return []string{"java", "-XX:TieredStopAtLevel=1", "testdata/Reject.java", port, name, ca}
	}),
}

func program(args func(port, name, ca string) []string) func(context.Context, string, string, string) error {
	return func(ctx context.Context, port, name, ca string) error {
		a := args(port, name, ca)
		cmd := exec.CommandContext(ctx, a[0], a[1:]...)
		cmd.WaitDelay = time.Second
		return cmd.Run()
	}
}

// manners are how serve tells of each client, or of what it does in one case.
var manners = map[string]string{
	"go":                         "rejects our certificate, bad_certificate; its hello is that of Go",
	"openssl":                    "rejects our certificate, ",
	"private-root-below openssl": "rejects our certificate, unknown_ca (in the clear, as OpenSSL sends it); its hello is that of OpenSSL",
	"curl":                       "rejects our certificate, ",
	"wrong-name curl":            "left without asking for anything",
	"python3":                    "rejects our certificate, ",
	"private-root-below python3": "It can mean: No authority that the client trusts vouches for our certificate: ",
	"java":                       "rejects our certificate, certificate_unknown; its hello is that of openjdk",
	"node":                       "the client went away at the sight of our certificate without a word, as Node does when it rejects one; its hello is that of Node",
	"gnutls-cli":                 "the client ", // by an alert, or after the handshake
}

// TestRejections: serve names what clients hold against its certificate.
func TestRejections(t *testing.T) {
	full := os.Getenv("CI") == "true" // 56 programs; elsewhere 14 will do
	now := time.Now()
	root, err := pki.NewAuthority("Test root", pki.Options{Now: now})
	must(t, err)
	sub, err := root.Intermediate("Test intermediate", pki.Options{Now: now})
	must(t, err)
	other, err := pki.NewAuthority("Another root", pki.Options{Now: now})
	must(t, err)
	below, err := other.Intermediate("Another intermediate", pki.Options{Now: now})
	must(t, err)
	const name = "server.example.com"
	chain := func(a *pki.Authority, l pki.Leaf, most int) handclasp.Certificate {
		if l.Names == nil {
			l.Names = []string{name}
		}
		issued, err := a.Issue(l)
		must(t, err)
		return certificate(t, issued, most)
	}
	alone, err := pki.SelfSigned(pki.Leaf{Names: []string{name}}, now)
	must(t, err)
	accepts := map[string]string{"client-purpose gnutls-cli": "GnuTLS does not look at the purpose"}
	tests := []struct {
		cause string
		own   handclasp.Certificate
		says  string
	}{
		{"expired", chain(sub, pki.Leaf{NotBefore: now.Add(-48 * time.Hour), NotAfter: now.Add(-24 * time.Hour)}, 9), "has expired."},
		{"wrong-name", chain(sub, pki.Leaf{Names: []string{"www.example.org"}}, 9), "Our certificate is for other names than the one that the client asked for. (it is for \"www.example.org\") Hint: Check the name that the client uses;"},
		{"not-yet-valid", chain(sub, pki.Leaf{NotBefore: now.Add(24 * time.Hour), NotAfter: now.Add(48 * time.Hour)}, 9), "not valid yet."},
		{"client-purpose", chain(sub, pki.Leaf{Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, 9), "clientAuth"},
		{"self-signed", certificate(t, alone, 9), "signed by its own key"},
		{"missing-intermediate", chain(sub, pki.Leaf{}, 1), "It was sent alone, and is signed by \"CN=Test intermediate\", for whom nobody vouches"},
		{"private-root", chain(other, pki.Leaf{}, 1), "It was sent alone, and is signed by \"CN=Another root\""},
		{"private-root-below", chain(below, pki.Leaf{}, 9), "By itself our chain of 2 is sound; it leads to \"CN=Another root\""},
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	must(t, os.WriteFile(ca, root.PEM(), 0o600))
	for i, x := range tests {
		if i > 1 && !full {
			break
		}
		t.Run(x.cause, func(t *testing.T) {
			log := new(journal)
			cfg := &handclasp.ServerConfig{Certificates: []handclasp.Certificate{x.own}, NextProtos: []string{"h2", "http/1.1"}}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			must(t, err)
			s := &server{log: &lines{w: log}, cfg: cfg, timeout: 10 * time.Second, out: new(outputs), web: newWeb(l.Addr(), 10*time.Second)}
			ctx, stop := context.WithCancel(t.Context())
			var done sync.WaitGroup
			done.Go(func() { s.serve(ctx, handclasp.NewListener(l, cfg)) })
			defer done.Wait()
			defer stop()
			_, port, _ := net.SplitHostPort(l.Addr().String())
			for client, call := range callers {
				if _, err := exec.LookPath(client); err != nil && client != "go" {
					if os.Getenv("CI") == "true" {
						t.Error(err)
					}
					t.Logf("%s is not on this machine; CI has it", client)
					continue
				}
				log.reset()
				within, cancel := context.WithTimeout(ctx, 20*time.Second)
				err := call(within, port, name, ca)
				cancel()
				if reason := accepts[x.cause+" "+client]; reason != "" {
					continue
				}
				text := log.wait("the client ")
				said := manners[x.cause+" "+client]
				if said == "" {
					said = manners[client]
				}
				if !strings.Contains(text, said) || !strings.Contains(text, x.says) {
					t.Errorf("%s (%v): %s", client, err, text)
				}
			}
		})
	}
}

// TestByAddress: of a client that connects by an address which is not in the
// certificate, serve says that, and not that nobody vouches for the issuer.
func TestByAddress(t *testing.T) {
	now := time.Now()
	root, err := pki.NewAuthority("Test root", pki.Options{Now: now})
	must(t, err)
	issued, err := root.Issue(pki.Leaf{Names: []string{"server.example.com"}})
	must(t, err)
	log := new(journal)
	cfg := &handclasp.ServerConfig{Certificates: []handclasp.Certificate{certificate(t, issued, 9)}}
	addr := journaled(t, cfg, log)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(root.PEM())
	if _, err := tls.Dial("tcp", addr.String(), &tls.Config{RootCAs: pool}); err == nil {
		t.Error("Go takes a certificate for another host")
	}
	const want = `may have asked for the address 127.0.0.1, and our certificate is not for that: it is for "server.example.com". Hint: `
	if text := log.wait("Hint: "); !strings.Contains(text, want) {
		t.Error(text)
	}
}

func certificate(t *testing.T, issued *pki.Issued, most int) handclasp.Certificate {
	t.Helper()
	signer, err := sign.FromCrypto(issued.Key)
	must(t, err)
	c, err := config.NewCertificate(issued.Chain[:min(most, len(issued.Chain))], signer)
	must(t, err)
	return c
}

// journaled is where a server of cfg listens that writes its log to log, until the test
// ends.
func journaled(t *testing.T, cfg *handclasp.ServerConfig, log *journal) net.Addr {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	s := &server{log: &lines{w: log}, cfg: cfg, timeout: 10 * time.Second, out: new(outputs)}
	ctx, stop := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { s.serve(ctx, handclasp.NewListener(l, cfg)) })
	t.Cleanup(func() {
		stop()
		done.Wait()
	})
	return l.Addr()
}

// A journal is what a log holds.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(b)
}

func (j *journal) reset() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.buf.Reset()
}

// wait is the log once it has text, or after three seconds.
func (j *journal) wait(text string) string {
	for range 100 {
		j.mu.Lock()
		got := j.buf.String()
		j.mu.Unlock()
		if strings.Contains(got, text) {
			return got
		}
		time.Sleep(30 * time.Millisecond)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}
