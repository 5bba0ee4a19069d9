package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/handclasp/handclasp/internal/pki"
)

// A renewal is a pair of files whose content can be replaced.
type renewal struct {
	root      *pki.Authority
	cert, key string
	turns     int
}

// renew writes a certificate for localhost and name, with a key of the kind. Each
// file is replaced at once, as whoever renews certificates does.
func (r *renewal) renew(t *testing.T, name string, kind pki.Key) {
	t.Helper()
	issued, err := r.root.Issue(pki.Leaf{Names: []string{"localhost", name}, Key: kind})
	if err != nil {
		t.Fatal(err)
	}
	key, err := issued.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	r.put(t, r.key, key)
	r.put(t, r.cert, issued.PEM())
}

func (r *renewal) put(t *testing.T, file string, content []byte) {
	t.Helper()
	r.turns++
	later := time.Now().Add(time.Duration(r.turns) * time.Second) // file systems count in coarse steps
	tmp := file + ".new"
	if err := errors.Join(os.WriteFile(tmp, content, 0o600), os.Chtimes(tmp, later, later), os.Rename(tmp, file)); err != nil {
		t.Fatal(err)
	}
}

// serving runs the command serve with flags until the test ends, and gives its
// log and its port.
func serving(t *testing.T, flags ...string) (said *buffer, port string) {
	t.Helper()
	return listens(t, append([]string{"serve"}, flags...)...)
}

// listens runs a command that listens, likewise.
func listens(t *testing.T, args ...string) (said *buffer, port string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	said = new(buffer)
	code := make(chan int)
	go func() {
		code <- run(ctx, append(args, "--listen", "127.0.0.1:0"), nil, io.Discard, said)
	}()
	t.Cleanup(func() {
		cancel()
		if got := <-code; got != 0 {
			t.Errorf("%s exited with %d", args[0], got)
		}
	})
	return said, await(t, said, listening)[1]
}

// A fetcher asks for pages until it is told to stop.
type fetcher struct {
	url   string
	roots *x509.CertPool
	fresh bool // on a new connection each time

	mu    sync.Mutex
	seen  map[string]int // requests, by the second name of the certificate
	wrong []error
}

// run asks in HTTP/2 or HTTP/1.1.
func (f *fetcher) run(stop context.Context, h2 bool) {
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: f.roots}, Protocols: new(http.Protocols), DisableKeepAlives: f.fresh}
	tr.Protocols.SetHTTP1(!h2)
	tr.Protocols.SetHTTP2(h2)
	defer tr.CloseIdleConnections()
	client := &http.Client{Transport: tr, Timeout: 10 * time.Second}
	for stop.Err() == nil {
		name, err := f.get(client)
		f.mu.Lock()
		if f.seen[name]++; err != nil {
			f.wrong = append(f.wrong, err)
		}
		f.mu.Unlock()
		time.Sleep(time.Millisecond) // two processors have to do for all
	}
}

func (f *fetcher) get(client *http.Client) (name string, err error) {
	res, err := client.Get(f.url)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && (res.StatusCode != http.StatusOK || !strings.Contains(string(body), "\n  forward secrecy")) {
		err = fmt.Errorf("%s: %q", res.Status, body)
	}
	return res.TLS.PeerCertificates[0].DNSNames[1], err
}

func (f *fetcher) count(name string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen[name]
}

// While the files of its certificate change, for better and for worse, serve
// loses no request, in both versions of HTTP, on connections that stay and on
// new ones.
func TestServeReload(t *testing.T) {
	t.Parallel()
	root, err := pki.NewAuthority("Test root", pki.Options{Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	r := &renewal{root: root, cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem")}
	r.renew(t, "first.test", pki.P256)
	said, port := serving(t, "--cert", r.cert, "--key", r.key)

	url := "https://localhost:" + port + "/"
	coming := &fetcher{url: url, roots: root.Pool(), seen: map[string]int{}, fresh: true}
	staying := &fetcher{url: url, roots: root.Pool(), seen: map[string]int{}}
	stop, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for _, h2 := range []bool{true, false} {
		all.Go(func() { coming.run(stop, h2) })
		all.Go(func() { staying.run(stop, h2) })
	}
	served := func(name string) {
		t.Helper()
		for range 1000 {
			if coming.count(name) > 20 {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
		t.Errorf("%s is not served:\n%s", name, said)
	}
	served("first.test")
	r.renew(t, "second.test", pki.P256)
	served("second.test")
	r.put(t, r.cert, []byte("rubbish"))
	await(t, said, regexp.MustCompile(`(?m)^handclasp: the files of a certificate changed and can't be used, so the one before stays\. A certificate of the configuration can't be used\. .*Hint: Give a PEM file`))
	r.renew(t, "third.test", pki.Ed25519)
	served("third.test")
	cancel()
	all.Wait()

	if wrong := append(coming.wrong, staying.wrong...); len(wrong) > 0 {
		t.Errorf("%d requests were lost, the first: %v", len(wrong), wrong[0])
	}
	if n := strings.Count(said.String(), "new connections get this certificate"); n != 2 {
		t.Errorf("%d reloads:\n%s", n, said)
	}
	if len(staying.seen) != 1 || staying.count("first.test") < 100 {
		t.Errorf("connections did not stay: %v", staying.seen)
	}
}

// Of several pairs in files, each client gets the one that fits the name and the
// algorithms it asks for, also after a change.
func TestServePairs(t *testing.T) {
	t.Parallel()
	root, err := pki.NewAuthority("Test root", pki.Options{Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var flags []string
	pairs := map[string]*renewal{}
	for _, p := range []struct {
		name string
		kind pki.Key
	}{{"a.test", pki.P256}, {"a-rsa.test", pki.RSA2048}, {"b.test", pki.P256}} {
		r := &renewal{root: root, cert: filepath.Join(dir, p.name+".pem"), key: filepath.Join(dir, p.name+".key")}
		r.renew(t, p.name, p.kind)
		flags = append(flags, "--cert", r.cert, "--key", r.key)
		pairs[p.name] = r
	}
	said, port := serving(t, flags...)
	got := func(name string, suites ...uint16) string {
		t.Helper()
		c, err := tls.Dial("tcp", "127.0.0.1:"+port, &tls.Config{RootCAs: root.Pool(), ServerName: name, MaxVersion: tls.VersionTLS12, CipherSuites: suites})
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, said)
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].DNSNames[1]
	}
	for _, tt := range []struct {
		ask, want string
		suites    []uint16
	}{
		{"a.test", "a.test", nil}, {"b.test", "b.test", nil}, {"localhost", "a.test", nil},
		{"localhost", "a-rsa.test", []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}},
	} {
		if name := got(tt.ask, tt.suites...); name != tt.want {
			t.Errorf("who asks for %s gets the certificate of %s, not of %s", tt.ask, name, tt.want)
		}
	}
	pairs["b.test"].renew(t, "c.test", pki.P256)
	time.Sleep(1010 * time.Millisecond) // files are looked at once a second
	if name := got("c.test"); name != "c.test" {
		t.Errorf("after the change c.test has the certificate of %s", name)
	}
}
