package cert

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"github.com/handclasp/handclasp/iana"
)

// Asked is what a server wants of a client's certificate.
type Asked struct {
	Schemes     []iana.SignatureScheme       // signature_algorithms, without those that the version forbids
	CertSchemes []iana.SignatureScheme       // signature_algorithms_cert; empty: signature_algorithms counts for both
	Types       []iana.ClientCertificateType // TLS 1.2: the kinds of key; empty: any
	Authorities [][]byte                     // who may have issued it: names, DER; empty: anybody
}

// ChooseForServer picks the certificate that a client shows, and the scheme to
// sign with: the first that fits, those before others whose chain is signed
// only as the server accepts (RFC 9846, Section 4.5.1.2; RFC 5246, Section
// 7.4.6). index is -1 if none fits. why is the reason in a sentence.
func ChooseForServer(cands []Candidate, a Asked) (index int, scheme iana.SignatureScheme, why string) {
	accepted := a.CertSchemes
	if len(accepted) == 0 {
		accepted = a.Schemes
	}
	index, best := -1, forbidden
	var not []string
	for i := range cands {
		c := &cands[i]
		s, ok := c.scheme(a.Schemes)
		signed := c.signed(accepted)
		if n := c.misfit(a, ok, signed); n != "" {
			not = append(not, Describe(c.Leaf)+": "+n)
		} else if signed > best {
			index, scheme, best = i, s, signed
		}
	}
	if index < 0 {
		return -1, 0, "There is no certificate that fits (" + reasons(not) + "), so none is shown."
	}
	return index, scheme, cands[index].whyShown(a, scheme, best)
}

// misfit says why c can't be shown; "" if it can.
func (c *Candidate) misfit(a Asked, signs bool, signed chainFit) string {
	u := c.Leaf.KeyUsage
	switch {
	case len(a.Types) > 0 && !slices.Contains(a.Types, kind(c.Leaf.PublicKey)):
		return "the server takes no key of its kind"
	case !signs:
		return "its key can't sign with anything that the server accepts"
	case u != 0 && u&x509.KeyUsageDigitalSignature == 0:
		return "its key usage does not allow signing"
	case signed == forbidden:
		return "its chain is signed with SHA-1"
	case len(a.Authorities) > 0 && c.authority(a.Authorities) == nil:
		return "its chain leads to none of the authorities that the server names"
	}
	return ""
}

// authority is the certificate in the chain that one of the named authorities
// issued, or nil.
func (c *Candidate) authority(names [][]byte) *x509.Certificate {
	for _, x := range c.Chain {
		if slices.ContainsFunc(names, func(n []byte) bool { return bytes.Equal(n, x.RawIssuer) }) {
			return x
		}
	}
	return nil
}

// LeadsTo says which of the named authorities (DER) issued a certificate of
// chain; "" if none did.
func LeadsTo(chain []*x509.Certificate, names [][]byte) string {
	c := Candidate{Chain: chain}
	if x := c.authority(names); x != nil {
		return issuerTitle(x)
	}
	return ""
}

// kind is what TLS 1.2 calls a certificate with the key; 0 if nothing.
func kind(pub crypto.PublicKey) iana.ClientCertificateType {
	switch pub.(type) {
	case *rsa.PublicKey:
		return iana.RSASign
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return iana.ECDSASign
	}
	return 0
}

func (c *Candidate) whyShown(a Asked, s iana.SignatureScheme, signed chainFit) string {
	issuer := "the server names no authorities"
	if x := c.authority(a.Authorities); x != nil {
		issuer = "its chain leads to " + issuerTitle(x) + ", which the server names"
	}
	chain := ""
	if signed == fallback {
		chain = "; no chain of ours is signed only as the server accepts, so it may not verify"
	}
	return fmt.Sprintf("It is the first that fits: its key signs with %v, and %s%s.", s, issuer, chain)
}

func reasons(not []string) string {
	if len(not) == 0 {
		return "none is configured"
	}
	return strings.Join(not, "; ")
}

// maxNames leaves room for the other extensions of a CertificateRequest, all of
// which together may have 65,535 bytes.
const maxNames = 1<<16 - 1 - 512

// Names are the subjects of the authorities in pool as certificate_authorities
// carries them; none if they don't fit (RFC 9846, Section 4.3.4; RFC 5246,
// Section 7.4.4).
func Names(pool *x509.CertPool) [][]byte {
	if pool == nil {
		return nil
	}
	//lint:ignore SA1019 incomplete only for the system's roots, and then the client has to guess
	names := pool.Subjects()
	total := 0
	for _, n := range names {
		total += 2 + len(n)
	}
	if total > maxNames {
		return nil
	}
	return names
}
