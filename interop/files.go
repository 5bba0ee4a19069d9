package main

import (
	"crypto"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
)

// files are an authority and the certificates of all cases, on disk for the peers
// and in memory for us. What peers write goes to dir.
type files struct {
	dir   string
	ca    string
	roots *x509.CertPool
	ids   map[named]credentials
}

// A chain is what is large about a certificate, or wrong with it.
type chain uint8

const (
	plain     chain = iota
	deep            // ten certificates without the root
	many            // a thousand names
	long            // a key of 8,192 bits
	expired         // yesterday
	elsewhere       // for another host
	alone           // sent without the intermediate
	reversed        // behind the leaf
	vouchless       // signed by its own key
	strange         // of an authority that nobody here knows
	short           // a key of 1,024 bits
	clients         // for clients only
)

func (c chain) String() string {
	return [...]string{"", "chain of 10", "1,000 names", "RSA 8192", "expired", "another name", "no intermediate", "chain reversed",
		"self-signed", "another authority", "RSA 1024", "for clients"}[c]
}

// named names a certificate.
type named struct {
	key   pki.Key
	chain chain
}

type credentials struct {
	cert, key, both string // paths; both is chain and key in one file
	above           string // the chain without its leaf; "" if that is all
	spki            string // SHA-256 of the leaf's SubjectPublicKeyInfo, base64
	ours            handclasp.Certificate
	std             tls.Certificate
}

// id is the certificate of a case.
func (f *files) id(k pki.Key, c chain) credentials { return f.ids[named{k, c}] }

// largeCases are large certificates, of the server and of both.
func largeCases(server bool) []testCase {
	return perVersion(server, iana.TLS12, iana.TLS13, func(c testCase) (cases []testCase) {
		for c.chain = deep; c.chain <= long; c.chain++ {
			if c.chain == long {
				c.key = pki.RSA2048 // as suites count it
			}
			if c.version == iana.TLS12 && c.chain == long {
				c.suite = iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
			}
			known := c
			known.mutual = mutual{policy: handclasp.RequireAndVerifyClientCert, shows: c.key}
			cases = append(cases, c, known)
		}
		return cases
	})
}

func newFiles(dir string) (*files, error) {
	a, err := pki.NewAuthority("Handclasp interop root", pki.Options{Now: time.Now()})
	if err != nil {
		return nil, err
	}
	f := &files{dir: dir, ca: filepath.Join(dir, "ca.pem"), roots: a.Pool(), ids: map[named]credentials{}}
	if err := os.WriteFile(f.ca, a.PEM(), 0o644); err != nil {
		return nil, err
	}
	names := []string{"localhost", "127.0.0.1"}
	for _, k := range keyKinds {
		if f.ids[named{k, plain}], err = f.issue(a, pki.Leaf{Names: names, Key: k}); err != nil {
			return nil, err
		}
	}
	if err := f.issueWrong(a, names); err != nil {
		return nil, err
	}
	return f, f.issueLarge(a, names)
}

// issueLarge issues the certificates that are large in some way. Making an RSA
// key of 8,192 bits can take a minute, so it stands in testdata.
func (f *files) issueLarge(a *pki.Authority, names []string) (err error) {
	below := a
	for i := range 9 {
		if below, err = below.Intermediate(fmt.Sprintf("Handclasp interop %d", i+1), pki.Options{}); err != nil {
			return err
		}
	}
	if f.ids[named{pki.P256, deep}], err = f.issue(below, pki.Leaf{Names: names}); err != nil {
		return err
	}
	for i := range 1000 - len(names) {
		names = append(names, fmt.Sprintf("host-%d.interop.example", i))
	}
	if f.ids[named{pki.P256, many}], err = f.issue(a, pki.Leaf{Names: names}); err != nil {
		return err
	}
	text, err := testdata.ReadFile("testdata/rsa8192.pem")
	if err != nil {
		return err
	}
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return err
	}
	f.ids[named{pki.RSA2048, long}], err = f.issue(a, pki.Leaf{Names: names[:2], Signer: key.(crypto.Signer)})
	return err
}

func (f *files) issue(a *pki.Authority, l pki.Leaf) (id credentials, err error) {
	issued, err := a.Issue(l)
	if err != nil {
		return id, err
	}
	return f.keep(issued)
}

// keep writes a certificate and its key to files.
func (f *files) keep(issued *pki.Issued) (id credentials, err error) {
	key, err := issued.KeyPEM()
	if err != nil {
		return id, err
	}
	n := len(f.ids)
	id.cert, id.key, id.both = f.path("cert-%d.pem", n), f.path("key-%d.pem", n), f.path("both-%d.pem", n)
	if err := errors.Join(os.WriteFile(id.cert, issued.PEM(), 0o644), os.WriteFile(id.key, key, 0o600),
		os.WriteFile(id.both, append(issued.PEM(), key...), 0o600)); err != nil {
		return id, err
	}
	if above := (pki.Issued{Chain: issued.Chain[1:]}); len(above.Chain) > 0 {
		id.above = f.path("above-%d.pem", n)
		if err := os.WriteFile(id.above, above.PEM(), 0o644); err != nil {
			return id, err
		}
	}
	sum := sha256.Sum256(issued.Leaf.RawSubjectPublicKeyInfo)
	id.spki = base64.StdEncoding.EncodeToString(sum[:])
	if id.ours, err = handclasp.X509KeyPair(issued.PEM(), key); err != nil {
		return id, err
	}
	id.std, err = tls.X509KeyPair(issued.PEM(), key)
	return id, err
}

// of gives a peer the same certificates and a directory of its own.
func (f *files) of(p peer) (*files, error) {
	return f.in(strings.ReplaceAll(p.name, "/", "-"))
}

// in is the same with a directory within.
func (f *files) in(name string) (*files, error) {
	own := *f
	own.dir = filepath.Join(f.dir, name)
	return &own, os.Mkdir(own.dir, 0o700)
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
