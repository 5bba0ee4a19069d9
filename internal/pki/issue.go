package pki

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"net/netip"
	"time"
)

// A Leaf says what an end-entity certificate shall be. The zero Leaf has a
// P-256 key, no name, and is good for servers and clients alike.
type Leaf struct {
	Names               []string // DNS names or IP addresses
	CommonName          string   // "" : the first of Names
	Key                 Key
	Signer              crypto.Signer      // a key that exists already, instead of a new one
	Public              crypto.PublicKey   // a fault: certify this key, whose private half nobody needs; Issued.Key is then nil
	NotBefore, NotAfter time.Time          // zero: an hour before the authority's Now, 30 days after it
	Usage               []x509.ExtKeyUsage // nil: server and client authentication
	KeyUsage            x509.KeyUsage      // 0: digitalSignature, and keyEncipherment for an RSA key
	MustStaple          bool               // TLS feature status_request (RFC 7633)
	IssuerURL           string             // where the issuer's certificate can be fetched (RFC 5280, Section 4.2.2.1)
	Signature           x509.SignatureAlgorithm
	Extra               []pkix.Extension
}

// An Issued is a certificate with its key.
type Issued struct {
	Chain [][]byte // DER, leaf first, without the root
	Leaf  *x509.Certificate
	Key   crypto.Signer
}

// mustStaple is the TLS feature extension that holds status_request (5).
var mustStaple = pkix.Extension{
	Id:    []int{1, 3, 6, 1, 5, 5, 7, 1, 24},
	Value: []byte{0x30, 0x03, 0x02, 0x01, 0x05},
}

// Issue makes a certificate below a.
func (a *Authority) Issue(l Leaf) (*Issued, error) {
	t, pub, key, err := l.template(a.now)
	if err != nil {
		return nil, err
	}
	cert, err := sign(t, a.Cert, pub, a.key)
	if err != nil {
		return nil, err
	}
	return &Issued{Chain: append([][]byte{cert.Raw}, a.chain...), Leaf: cert, Key: key}, nil
}

// SelfSigned makes a certificate that no authority stands behind.
func SelfSigned(l Leaf, now time.Time) (*Issued, error) {
	t, pub, key, err := l.template(now)
	if err != nil {
		return nil, err
	}
	cert, err := sign(t, t, pub, key)
	if err != nil {
		return nil, err
	}
	return &Issued{Chain: [][]byte{cert.Raw}, Leaf: cert, Key: key}, nil
}

// PEM is the chain, leaf first, as servers take it in a file.
func (i *Issued) PEM() []byte { return encode(i.Chain...) }

// KeyPEM is the private key of the leaf in PKCS #8, for programs that read
// their key from a file. An authority's key has no such way out.
func (i *Issued) KeyPEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(i.Key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func (l *Leaf) template(now time.Time) (*x509.Certificate, crypto.PublicKey, crypto.Signer, error) {
	t, err := base(span(now, l.NotBefore, l.NotAfter, leafLife))
	if err != nil {
		return nil, nil, nil, err
	}
	t.Subject.CommonName = l.CommonName
	if l.CommonName == "" && len(l.Names) > 0 {
		t.Subject.CommonName = l.Names[0]
	}
	for _, name := range l.Names {
		if ip, err := netip.ParseAddr(name); err == nil {
			t.IPAddresses = append(t.IPAddresses, ip.AsSlice())
		} else {
			t.DNSNames = append(t.DNSNames, name)
		}
	}
	t.BasicConstraintsValid = true
	t.ExtKeyUsage = l.Usage
	if l.Usage == nil {
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	}
	if l.IssuerURL != "" {
		t.IssuingCertificateURL = []string{l.IssuerURL}
	}
	t.SignatureAlgorithm = l.Signature
	t.ExtraExtensions = append(t.ExtraExtensions, l.Extra...)
	if l.MustStaple {
		t.ExtraExtensions = append(t.ExtraExtensions, mustStaple)
	}
	pub, key, err := l.key()
	if t.KeyUsage = l.KeyUsage; l.KeyUsage == 0 {
		t.KeyUsage = x509.KeyUsageDigitalSignature
		if _, ok := pub.(*rsa.PublicKey); ok {
			t.KeyUsage |= x509.KeyUsageKeyEncipherment // for RSA key transport in TLS 1.2 and below
		}
	}
	return t, pub, key, err
}

func (l *Leaf) key() (crypto.PublicKey, crypto.Signer, error) {
	switch {
	case l.Public != nil:
		return l.Public, nil, nil
	case l.Signer != nil:
		return l.Signer.Public(), l.Signer, nil
	}
	key, err := l.Key.Generate()
	if err != nil {
		return nil, nil, err
	}
	return key.Public(), key, nil
}
