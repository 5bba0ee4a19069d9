// Package pki makes certificate authorities, certificates and OCSP answers out
// of thin air: for the commands explain and serve, which need no files, and for
// tests, which need every broken chain one can meet.
//
// Policy: an authority's private key cannot be got out of its Authority, so it
// dies with the process; only certificates leave. Keys and serial numbers come
// from crypto/rand. There is no clock: times count from Options.Now. What is
// made is sound unless an option asks for a fault by name. Errors here are
// plain, for nothing a peer sends comes this way.
package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"
)

const (
	skew          = time.Hour           // certificates begin that long before Now, for clocks that are slow
	authorityLife = 90 * 24 * time.Hour // default life of an authority
	leafLife      = 30 * 24 * time.Hour // default life of any other certificate
)

// A Key is a kind of key pair.
type Key uint8

const (
	P256 Key = iota // the default
	P384
	P521
	RSA2048
	RSA3072
	RSA4096
	Ed25519
)

func (k Key) String() string {
	names := [...]string{"ECDSA P-256", "ECDSA P-384", "ECDSA P-521", "RSA 2048", "RSA 3072", "RSA 4096", "Ed25519"}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("Key(%d)", uint8(k))
}

// Generate makes a new key of the kind.
func (k Key) Generate() (crypto.Signer, error) {
	switch k {
	case P256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case P384:
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case P521:
		return ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case RSA2048:
		return rsa.GenerateKey(rand.Reader, 2048)
	case RSA3072:
		return rsa.GenerateKey(rand.Reader, 3072)
	case RSA4096:
		return rsa.GenerateKey(rand.Reader, 4096)
	case Ed25519:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}
	return nil, fmt.Errorf("pki: no kind of key has the number %d", uint8(k))
}

// Options shape an authority. Only Now is required.
type Options struct {
	Now                 time.Time // what everything else counts from
	NotBefore, NotAfter time.Time // zero: an hour before Now, 90 days after it
	Key                 Key
	PathLen             *int     // how many authorities may stand below it; nil: any number
	Permitted, Excluded []string // DNS name constraints
	Usage               []x509.ExtKeyUsage
	Signature           x509.SignatureAlgorithm // zero: what fits the key that signs
	NotCA               bool                    // a fault: it issues, and its certificate does not allow that
	Extra               []pkix.Extension
}

// An Authority issues certificates.
type Authority struct {
	Cert  *x509.Certificate
	key   crypto.Signer
	chain [][]byte   // of an intermediate: itself, then what is above it short of the root
	root  *Authority // of a root: itself
	now   time.Time
}

// NewAuthority makes a root: an authority that signs itself.
func NewAuthority(name string, o Options) (*Authority, error) {
	key, err := o.Key.Generate()
	if err != nil {
		return nil, err
	}
	t, err := o.template(name)
	if err != nil {
		return nil, err
	}
	cert, err := sign(t, t, key.Public(), key)
	if err != nil {
		return nil, err
	}
	a := &Authority{Cert: cert, key: key, now: o.Now}
	a.root = a
	return a, nil
}

// Intermediate makes an authority below a. A zero Now is a's.
func (a *Authority) Intermediate(name string, o Options) (*Authority, error) {
	if o.Now.IsZero() {
		o.Now = a.now
	}
	key, err := o.Key.Generate()
	if err != nil {
		return nil, err
	}
	t, err := o.template(name)
	if err != nil {
		return nil, err
	}
	cert, err := sign(t, a.Cert, key.Public(), a.key)
	if err != nil {
		return nil, err
	}
	chain := append([][]byte{cert.Raw}, a.chain...)
	return &Authority{Cert: cert, key: key, chain: chain, root: a.root, now: o.Now}, nil
}

// Root is the authority at the top, which is a itself if nobody stands above.
func (a *Authority) Root() *Authority { return a.root }

// Pool is a new pool that holds the root.
func (a *Authority) Pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.root.Cert)
	return p
}

// PEM is the authority's own certificate, as curl --cacert takes it.
func (a *Authority) PEM() []byte { return encode(a.Cert.Raw) }

func (o *Options) template(name string) (*x509.Certificate, error) {
	if o.Now.IsZero() {
		return nil, errors.New("pki: Options.Now is not set")
	}
	from, to := span(o.Now, o.NotBefore, o.NotAfter, authorityLife)
	t, err := base(from, to)
	if err != nil {
		return nil, err
	}
	t.Subject = pkix.Name{CommonName: name}
	t.BasicConstraintsValid, t.IsCA = true, !o.NotCA
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature
	if o.NotCA {
		t.KeyUsage = x509.KeyUsageDigitalSignature
	}
	if o.PathLen != nil {
		t.MaxPathLen, t.MaxPathLenZero = *o.PathLen, *o.PathLen == 0
	}
	t.PermittedDNSDomains, t.ExcludedDNSDomains = o.Permitted, o.Excluded
	t.PermittedDNSDomainsCritical = len(o.Permitted)+len(o.Excluded) > 0
	t.ExtKeyUsage = o.Usage
	t.SignatureAlgorithm = o.Signature
	t.ExtraExtensions = o.Extra
	return t, nil
}

// base is what every certificate has: a serial number of 128 random bits and a
// span of validity. Certificates count in whole seconds.
func base(from, to time.Time) (*x509.Certificate, error) {
	b := make([]byte, 16)
	if _, err := rand.Read(b); err != nil {
		return nil, err
	}
	b[0] &= 0x7f // positive, and so 16 bytes in DER as well
	b[15] |= 1   // never zero
	return &x509.Certificate{SerialNumber: new(big.Int).SetBytes(b), NotBefore: from, NotAfter: to}, nil
}

func span(now, from, to time.Time, life time.Duration) (time.Time, time.Time) {
	if from.IsZero() {
		from = now.Add(-skew)
	}
	if to.IsZero() {
		to = now.Add(life)
	}
	return from, to
}

func sign(t, parent *x509.Certificate, pub crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, t, parent, pub, key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func encode(ders ...[]byte) []byte {
	var out []byte
	for _, der := range ders {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return out
}
