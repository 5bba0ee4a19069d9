package lab

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"net"
	"slices"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/sign"
)

var good = []Case{
	{Name: "good", Text: "Nothing is wrong.", Cause: "nothing-wrong", serve: configured(nil)},
}

const day = 24 * time.Hour

// Certificates. The default client meets each.
var chains = []Case{
	{Name: "expired", Text: "The certificate ended yesterday.", Cause: "cert-expired",
		serve: shows(func(b *bench) (*pki.Issued, error) {
			l := leaf()
			l.NotBefore, l.NotAfter = b.now.Add(-30*day), b.now.Add(-day)
			return b.issuer.Issue(l)
		})},
	{Name: "not-yet-valid", Text: "The certificate begins tomorrow.", Cause: "cert-not-yet-valid",
		serve: shows(func(b *bench) (*pki.Issued, error) {
			l := leaf()
			l.NotBefore = b.now.Add(day)
			return b.issuer.Issue(l)
		})},
	{Name: "expired-intermediate", Text: "The issuer's certificate ended yesterday, the server's own is good.", Cause: "cert-chain-expired",
		serve: shows(below(pki.Options{NotAfter: time.Now().Add(-day), NotBefore: time.Now().Add(-60 * day)}))},
	{Name: "missing-intermediate", Text: "The server sends its own certificate and not the issuer's.", Cause: "cert-missing-intermediate",
		serve: shows(func(b *bench) (*pki.Issued, error) {
			i, err := b.issuer.Issue(leaf())
			if err == nil {
				i.Chain = i.Chain[:1]
			}
			return i, err
		})},
	{Name: "private-root", Text: "The issuer is an authority that nobody trusts, and its root is not sent.", Cause: "cert-unknown-issuer",
		serve: shows(func(b *bench) (*pki.Issued, error) {
			a, err := pki.NewAuthority("Somebody's own root", pki.Options{Now: b.now})
			if err != nil {
				return nil, err
			}
			l := leaf()
			l.IssuerURL = ""
			return a.Issue(l)
		})},
	{Name: "private-root-sent", Text: "The issuer is an authority that nobody trusts, and its root is sent.", Cause: "cert-unknown-root",
		serve: shows(func(b *bench) (*pki.Issued, error) {
			a, err := pki.NewAuthority("Somebody's own root", pki.Options{Now: b.now})
			if err != nil {
				return nil, err
			}
			i, err := a.Issue(leaf())
			if err == nil {
				i.Chain = append(i.Chain, a.Cert.Raw)
			}
			return i, err
		})},
	{Name: "self-signed", Text: "The certificate is signed by its own key.", Cause: "cert-self-signed",
		serve: shows(func(b *bench) (*pki.Issued, error) { return pki.SelfSigned(leaf(), b.now) })},
	{Name: "reversed-chain", Text: "The chain is sent in the wrong order, behind the leaf.", Cause: "chain-reversed",
		serve: shows(func(b *bench) (*pki.Issued, error) {
			lower, err := b.issuer.Intermediate("Handclasp lab lower issuer", pki.Options{})
			if err != nil {
				return nil, err
			}
			i, err := lower.Issue(leaf())
			if err == nil {
				slices.Reverse(i.Chain[1:])
			}
			return i, err
		})},
	{Name: "wrong-name", Text: "The certificate is for another host.", Cause: "cert-wrong-name",
		serve: shows(func(b *bench) (*pki.Issued, error) {
			l := leaf()
			l.Names = []string{"www.lab.example", "*.other.example"}
			return b.issuer.Issue(l)
		})},
	{Name: "no-san", Text: "The certificate names the host in its common name alone.", Cause: "cert-no-san",
		serve: shows(func(b *bench) (*pki.Issued, error) {
			l := leaf()
			l.Names, l.CommonName = nil, "localhost"
			return b.issuer.Issue(l)
		})},
	{Name: "client-purpose", Text: "The certificate is for clients only.", Cause: "cert-usage",
		serve: shows(func(b *bench) (*pki.Issued, error) {
			l := leaf()
			l.Usage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
			return b.issuer.Issue(l)
		})},
	{Name: "no-signing", Text: "The certificate's key usage does not let its key sign.", Cause: "cert-key-usage",
		serve: shows(func(b *bench) (*pki.Issued, error) {
			l := leaf()
			l.KeyUsage = x509.KeyUsageKeyEncipherment
			return b.issuer.Issue(l)
		})},
	{Name: "not-a-ca", Text: "The issuer's certificate does not allow it to issue.", Cause: "cert-not-a-ca", serve: shows(below(pki.Options{NotCA: true}))},
	{Name: "path-length", Text: "There is one authority more in the chain than one above it allows.", Cause: "cert-path-length",
		serve: shows(func(b *bench) (*pki.Issued, error) {
			upper, err := b.root.Intermediate("Handclasp lab narrow issuer", pki.Options{PathLen: new(int)})
			if err != nil {
				return nil, err
			}
			lower, err := upper.Intermediate("Handclasp lab lower issuer", pki.Options{})
			if err != nil {
				return nil, err
			}
			return lower.Issue(leaf())
		})},
	{Name: "name-constraint", Text: "The issuer may issue for other names only.", Cause: "cert-name-constraint", serve: shows(below(pki.Options{Permitted: []string{"lab.example"}}))},
	{Name: "weak-key", Text: "The certificate has an RSA key of 1024 bits.", Cause: "cert-weak-key",
		serve: shows(func(b *bench) (*pki.Issued, error) {
			key, err := rsa.GenerateKey(rand.Reader, 1024)
			if err != nil {
				return nil, err
			}
			l := leaf()
			l.Signer = key
			return b.issuer.Issue(l)
		})},
	{Name: "weak-signature", Text: "The certificate is signed with SHA-1.", Cause: "cert-weak-signature",
		serve: swapped(func(b *bench, l pki.Leaf) (*pki.Issued, error) {
			l.Signature = x509.ECDSAWithSHA1
			return b.issuer.Issue(l)
		})},
	{Name: "key-mismatch", Text: "The server signs with another key than its certificate's.", Cause: "key-mismatch", serve: mismatched},
	{Name: "must-staple", Text: "The certificate demands a stapled OCSP answer, and the server has none.", Cause: "ocsp-bad",
		serve: shows(func(b *bench) (*pki.Issued, error) {
			l := leaf()
			l.MustStaple = true
			return b.issuer.Issue(l)
		})},
	{Name: "revoked", Text: "The stapled OCSP answer says that the certificate is revoked.", Cause: "cert-revoked", serve: stapled(pki.Answer{Status: pki.Revoked})},
	{Name: "old-staple", Text: "The stapled OCSP answer is out of date.", Cause: "ocsp-bad",
		serve: stapled(pki.Answer{ThisUpdate: time.Now().Add(-9 * day), NextUpdate: time.Now().Add(-2 * day)})},
}

// shows is a good server with another certificate.
func shows(issue func(*bench) (*pki.Issued, error)) func(*bench) (func(net.Conn), error) {
	return configured(func(b *bench, cfg *handclasp.ServerConfig) error {
		i, err := issue(b)
		if err == nil {
			cfg.Certificates[0], err = certificate(i)
		}
		return err
	})
}

// below issues a good certificate below an authority that is not good.
func below(o pki.Options) func(*bench) (*pki.Issued, error) {
	return func(b *bench) (*pki.Issued, error) {
		odd, err := b.root.Intermediate("Handclasp lab odd issuer", o)
		if err != nil {
			return nil, err
		}
		return odd.Issue(leaf())
	}
}

// stapled is a good server with an OCSP answer.
func stapled(o pki.Answer) func(*bench) (func(net.Conn), error) {
	return configured(func(b *bench, cfg *handclasp.ServerConfig) error {
		i, err := b.issuer.Issue(leaf())
		if err != nil {
			return err
		}
		if cfg.Certificates[0], err = certificate(i); err != nil {
			return err
		}
		cfg.Certificates[0].OCSPStaple, err = b.issuer.OCSP(i, o)
		return err
	})
}

func mismatched(b *bench) (func(net.Conn), error) {
	i, err := b.issuer.Issue(leaf())
	if err != nil {
		return nil, err
	}
	other, err := pki.P256.Generate()
	if err != nil {
		return nil, err
	}
	signer, err := sign.FromCrypto(other)
	if err != nil {
		return nil, err
	}
	c, err := config.NewCertificate(i.Chain, &liar{signer, i.Key.Public()})
	return honest(&handclasp.ServerConfig{Certificates: []config.Certificate{c}}), err
}

// A liar signs with a key and names another.
type liar struct {
	sign.Signer
	public crypto.PublicKey
}

func (l *liar) Public() crypto.PublicKey { return l.public }

func (l *liar) Sign(ctx context.Context, s iana.SignatureScheme, message []byte) ([]byte, error) {
	return l.Signer.Sign(ctx, s, message)
}
