package handclasp

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/sign"
)

// LoadX509KeyPair reads a certificate chain, leaf first, and the leaf's private
// key from PEM files.
func LoadX509KeyPair(certFile, keyFile string) (Certificate, error) {
	chain, err := os.ReadFile(certFile)
	if err != nil {
		return Certificate{}, fault.ConfigCertificate.In("certificate file").Because(err)
	}
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return Certificate{}, fault.ConfigCertificate.In("key file").Because(err)
	}
	return X509KeyPair(chain, key)
}

// X509KeyPair joins a PEM certificate chain, leaf first, with the PEM private
// key of the leaf: PKCS #8, PKCS #1 or SEC 1, not encrypted.
func X509KeyPair(certPEM, keyPEM []byte) (Certificate, error) {
	var chain [][]byte
	for b, rest := pem.Decode(certPEM); b != nil; b, rest = pem.Decode(rest) {
		if b.Type == "CERTIFICATE" {
			chain = append(chain, b.Bytes)
		}
	}
	if len(chain) == 0 {
		return Certificate{}, fault.ConfigCertificate.In("certificate file").Saw("no CERTIFICATE block", "PEM that begins with -----BEGIN CERTIFICATE-----")
	}
	key, err := parseKey(keyPEM)
	if err != nil {
		return Certificate{}, err
	}
	return newCertificate(chain, key)
}

// FromTLS takes over a certificate of crypto/tls, with its OCSP staple and
// signed certificate timestamps. SupportedSignatureAlgorithms is not carried:
// set SignatureSchemes of the configuration instead.
func FromTLS(c tls.Certificate) (Certificate, error) {
	key, ok := c.PrivateKey.(crypto.Signer)
	if !ok {
		return Certificate{}, fault.ConfigCertificate.In("PrivateKey").Saw(fmt.Sprintf("%T", c.PrivateKey), "a crypto.Signer")
	}
	cert, err := newCertificate(c.Certificate, key)
	cert.OCSPStaple, cert.SignedCertificateTimestamps = c.OCSPStaple, c.SignedCertificateTimestamps
	return cert, err
}

func newCertificate(chain [][]byte, key crypto.Signer) (Certificate, error) {
	signer, err := sign.FromCrypto(key)
	if err != nil {
		return Certificate{}, fault.ConfigCertificate.In("private key").Because(err)
	}
	return config.NewCertificate(chain, signer)
}

func parseKey(keyPEM []byte) (crypto.Signer, error) {
	for b, rest := pem.Decode(keyPEM); b != nil; b, rest = pem.Decode(rest) {
		var key any
		var err error
		switch b.Type {
		case "PRIVATE KEY":
			key, err = x509.ParsePKCS8PrivateKey(b.Bytes)
		case "RSA PRIVATE KEY":
			key, err = x509.ParsePKCS1PrivateKey(b.Bytes)
		case "EC PRIVATE KEY":
			key, err = x509.ParseECPrivateKey(b.Bytes)
		case "ENCRYPTED PRIVATE KEY":
			err = fmt.Errorf("the key is encrypted; decrypt it with 'openssl pkey -in KEY -out PLAIN'")
		default:
			continue // EC PARAMETERS, or a certificate in the same file
		}
		if err != nil {
			return nil, fault.ConfigCertificate.In("key file").Because(err)
		}
		if s, ok := key.(crypto.Signer); ok {
			return s, nil
		}
		return nil, fault.ConfigCertificate.In("key file").Saw(fmt.Sprintf("a %T, which can't sign", key), "an ECDSA, RSA or Ed25519 key")
	}
	return nil, fault.ConfigCertificate.In("key file").Saw("no private key", "PEM that begins with -----BEGIN PRIVATE KEY-----")
}
