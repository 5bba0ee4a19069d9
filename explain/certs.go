package explain

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"net/netip"
	"time"
)

// describe says what stands in a certificate.
func describe(der []byte) Certificate {
	sum := sha256.Sum256(der)
	out := Certificate{Size: len(der), SHA256: hex.EncodeToString(sum[:])}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		out.Problem = "It can't be read: " + sentence(escape(err.Error()))
		return out
	}
	out.Subject, out.Issuer = subject(c), distinguishedName(c.Issuer)
	out.Serial = c.SerialNumber.Text(16)
	out.Names = subjectNames(c)
	out.NotBefore = c.NotBefore.UTC().Format(time.RFC3339)
	out.NotAfter = c.NotAfter.UTC().Format(time.RFC3339)
	out.Key, out.KeyBits = key(c)
	out.Signature = escape(c.SignatureAlgorithm.String())
	out.Authority = c.IsCA
	return out
}

// subject is the subject's name, or what else there is to call it by.
func subject(c *x509.Certificate) string {
	if s := distinguishedName(c.Subject); s != "" {
		return s
	}
	if n := subjectNames(c); len(n) > 0 {
		return n[0]
	}
	return "serial number " + c.SerialNumber.Text(16)
}

func distinguishedName(n pkix.Name) string { return escape(n.String()) }

// distinguished is a DER name as certificate_authorities carries it.
func distinguished(der []byte) string {
	var seq pkix.RDNSequence
	if rest, err := asn1.Unmarshal(der, &seq); err != nil || len(rest) > 0 {
		return fmt.Sprintf("%s that are no name", count(len(der), "byte"))
	}
	return escape(seq.String())
}

// subjectNames are all the names that the certificate is for.
func subjectNames(c *x509.Certificate) []string {
	names := escapes(c.DNSNames)
	for _, ip := range c.IPAddresses {
		if a, ok := netip.AddrFromSlice(ip); ok {
			names = append(names, a.Unmap().String())
		}
	}
	for _, m := range c.EmailAddresses {
		names = append(names, escape(m))
	}
	for _, u := range c.URIs {
		names = append(names, escape(u.String()))
	}
	return names
}

// key is the kind of the public key and its size in bits.
func key(c *x509.Certificate) (string, int) {
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA, %d bits", k.N.BitLen()), k.N.BitLen()
	case *ecdsa.PublicKey:
		p := k.Curve.Params()
		return "ECDSA " + p.Name, p.BitSize
	case ed25519.PublicKey:
		return "Ed25519", 256
	}
	if c.PublicKeyAlgorithm != x509.UnknownPublicKeyAlgorithm {
		return c.PublicKeyAlgorithm.String(), 0
	}
	return "of an unknown kind", 0
}
