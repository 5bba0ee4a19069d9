package main

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/kex"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/internal/suite"
)

// A testCase is one handshake with data after it.
type testCase struct {
	server bool // we are the server
	suite  iana.CipherSuite
	group  iana.Group
	key    pki.Key
	retry  bool // the client's first key share is for another group
}

func (c testCase) String() string {
	role := "as client"
	if c.server {
		role = "as server"
	}
	s := fmt.Sprintf("%s  %v  %v  %v", role, c.suite, c.group, c.key)
	if c.retry {
		s += "  HelloRetryRequest"
	}
	return s
}

var keyKinds = []pki.Key{pki.P256, pki.P384, pki.P521, pki.RSA2048, pki.Ed25519}

// allCases are both roles times every suite with every group and every
// certificate type, and a HelloRetryRequest for every suite.
func allCases() (cases []testCase) {
	for _, server := range []bool{false, true} {
		for _, s := range suite.All() {
			for _, g := range kex.Groups() {
				for _, k := range keyKinds {
					cases = append(cases, testCase{server: server, suite: s.ID, group: g, key: k})
				}
			}
			cases = append(cases, testCase{server: server, suite: s.ID, group: iana.Secp384r1, key: pki.P256, retry: true})
		}
	}
	return cases
}

// classic reports whether g is no hybrid: all that OpenSSL 3.0 and its like
// know.
func classic(g iana.Group) bool { return !kex.PostQuantum(g) }

// clientConfig is our configuration as client of a case.
func (f *files) clientConfig(c testCase) *handclasp.ClientConfig {
	cfg := &handclasp.ClientConfig{
		ServerName: "localhost", RootCAs: f.roots,
		CipherSuites: []iana.CipherSuite{c.suite}, CurvePreferences: []iana.Group{c.group},
	}
	if c.retry {
		cfg.CurvePreferences = []iana.Group{iana.X25519, c.group}
	}
	return cfg
}

// serverConfig is our configuration as server of a case.
func (f *files) serverConfig(c testCase) *handclasp.ServerConfig {
	return &handclasp.ServerConfig{
		Certificates: []handclasp.Certificate{f.ids[c.key].ours},
		CipherSuites: []iana.CipherSuite{c.suite}, CurvePreferences: []iana.Group{c.group},
	}
}

// files are an authority and one certificate of each type, on disk for the
// peers and in memory for us.
type files struct {
	dir   string
	ca    string
	roots *x509.CertPool
	ids   map[pki.Key]identity
}

type identity struct {
	cert, key string // paths
	ours      handclasp.Certificate
	std       tls.Certificate
}

func newFiles() (*files, error) {
	dir, err := os.MkdirTemp("", "handclasp-interop-")
	if err != nil {
		return nil, err
	}
	a, err := pki.NewAuthority("Handclasp interop root", pki.Options{Now: time.Now()})
	if err != nil {
		return nil, err
	}
	f := &files{dir: dir, ca: filepath.Join(dir, "ca.pem"), roots: a.Pool(), ids: map[pki.Key]identity{}}
	if err := os.WriteFile(f.ca, a.PEM(), 0o644); err != nil {
		return nil, err
	}
	for _, k := range keyKinds {
		if f.ids[k], err = f.issue(a, k); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (f *files) issue(a *pki.Authority, k pki.Key) (id identity, err error) {
	issued, err := a.Issue(pki.Leaf{Names: []string{"localhost", "127.0.0.1"}, Key: k})
	if err != nil {
		return id, err
	}
	key, err := issued.KeyPEM()
	if err != nil {
		return id, err
	}
	id.cert = filepath.Join(f.dir, fmt.Sprintf("cert-%d.pem", k))
	id.key = filepath.Join(f.dir, fmt.Sprintf("key-%d.pem", k))
	if err := errors.Join(os.WriteFile(id.cert, issued.PEM(), 0o644), os.WriteFile(id.key, key, 0o600)); err != nil {
		return id, err
	}
	if id.ours, err = handclasp.X509KeyPair(issued.PEM(), key); err != nil {
		return id, err
	}
	id.std, err = tls.X509KeyPair(issued.PEM(), key)
	return id, err
}

// exchange sends n random bytes each way at once, and compares.
func exchange(a, b io.ReadWriter, n int) error {
	data := make([]byte, n)
	rand.Read(data)
	errs := make(chan error, 4)
	for _, end := range []io.ReadWriter{a, b} {
		go func() { _, err := end.Write(data); errs <- err }()
		go func() {
			got := make([]byte, n)
			_, err := io.ReadFull(end, got)
			if err == nil && !bytes.Equal(got, data) {
				err = errors.New("the data that arrived is not what was sent")
			}
			errs <- err
		}()
	}
	var err error
	for range 4 {
		err = errors.Join(err, <-errs)
	}
	return err
}

// settled checks that a case negotiated what it was meant to.
func (c testCase) settled(i handclasp.Info) error {
	if i.CipherSuite != c.suite || i.Group != c.group || i.Retried != c.retry {
		return fmt.Errorf("negotiated %v with %v, retried %v", i.CipherSuite, i.Group, i.Retried)
	}
	return nil
}
