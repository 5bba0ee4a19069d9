package main

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/internal/pki"
)

// files are an authority and one certificate of each type, on disk for the
// peers and in memory for us.
type files struct {
	dir   string
	ca    string
	roots *x509.CertPool
	ids   map[pki.Key]identity
}

type identity struct {
	cert, key, both string // paths; both is chain and key in one file
	spki            string // SHA-256 of the leaf's SubjectPublicKeyInfo, base64
	ours            handclasp.Certificate
	std             tls.Certificate
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
	id.cert, id.key, id.both = f.path("cert-%d.pem", k), f.path("key-%d.pem", k), f.path("both-%d.pem", k)
	if err := errors.Join(os.WriteFile(id.cert, issued.PEM(), 0o644), os.WriteFile(id.key, key, 0o600),
		os.WriteFile(id.both, append(issued.PEM(), key...), 0o600)); err != nil {
		return id, err
	}
	sum := sha256.Sum256(issued.Leaf.RawSubjectPublicKeyInfo)
	id.spki = base64.StdEncoding.EncodeToString(sum[:])
	if id.ours, err = handclasp.X509KeyPair(issued.PEM(), key); err != nil {
		return id, err
	}
	id.std, err = tls.X509KeyPair(issued.PEM(), key)
	return id, err
}

// path names a file that vanishes with the run.
func (f *files) path(format string, args ...any) string {
	return filepath.Join(f.dir, fmt.Sprintf(format, args...))
}

// write writes such a file and returns its path.
func (f *files) write(name string, content []byte) (string, error) {
	path := f.path("%s", name)
	return path, os.WriteFile(path, content, 0o600)
}
