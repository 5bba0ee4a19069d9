package config

import (
	"crypto"
	"crypto/x509"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/sign"
)

// A Certificate is a chain with the key of its leaf, and what a server
// staples to it. Make one with NewCertificate; the zero value is refused.
type Certificate struct {
	// OCSPStaple is a DER OCSPResponse for the leaf, sent to clients that ask
	// for one. SignedCertificateTimestamps likewise (RFC 6962).
	OCSPStaple                  []byte
	SignedCertificateTimestamps [][]byte

	chain  []*x509.Certificate
	signer sign.Signer
	signed []iana.SignatureScheme
}

// NewCertificate joins a chain of DER certificates, leaf first, with a signer.
// It fails with rule ConfigCertificate if one does not parse or no signature
// scheme fits the key, and with ConfigKeyMismatch if the signer's public key
// is not the leaf's.
func NewCertificate(chain [][]byte, signer sign.Signer) (Certificate, error) {
	if len(chain) == 0 {
		return Certificate{}, fault.ConfigCertificate.In("chain").Saw("no certificate", "one or more, leaf first")
	}
	c := Certificate{signer: signer}
	for _, der := range chain {
		parsed, err := x509.ParseCertificate(der)
		if err != nil {
			return Certificate{}, fault.ConfigCertificate.In("chain").Because(err)
		}
		c.chain = append(c.chain, parsed)
	}
	c.signed = sign.Chain(c.chain)
	pub, ok := c.Leaf().PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	if !ok {
		return Certificate{}, fault.ConfigCertificate.In("chain").Saw(c.Leaf().PublicKeyAlgorithm.String()+" key", "ECDSA, RSA or Ed25519")
	}
	if !pub.Equal(signer.Public()) {
		return Certificate{}, fault.ConfigKeyMismatch.In("signer")
	}
	return c, nil
}

// Leaf is the certificate whose key Signer holds.
func (c *Certificate) Leaf() *x509.Certificate { return c.chain[0] }

// Chain is the whole chain, leaf first.
func (c *Certificate) Chain() []*x509.Certificate { return c.chain }

// Signer signs with the leaf's key.
func (c *Certificate) Signer() sign.Signer { return c.signer }

// Decrypter is the signer if it can also decrypt premaster secrets, as RSA key
// transport wants it; else nil.
func (c *Certificate) Decrypter() sign.Decrypter {
	d, _ := c.signer.(sign.Decrypter)
	return d
}

// Signed are the schemes that the chain's certificates are signed with,
// self-signed ones left out.
func (c *Certificate) Signed() []iana.SignatureScheme { return c.signed }
