package main

import (
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/internal/suite"
	"github.com/handclasp/handclasp/sign"
)

// own is what a server without certificate files proves itself with.
type own struct {
	authority    []byte // certificate of the made-up authority, PEM; its key is gone already
	certificates []handclasp.Certificate
}

// here are the names of this machine for itself.
var here = []string{"localhost", "127.0.0.1", "::1"}

// newOwn makes an authority, with a key of the first of the kinds, and a certificate
// of it with each, for the names.
func newOwn(authority string, kinds []pki.Key, names []string) (*own, error) {
	a, err := pki.NewAuthority(authority, pki.Options{Now: time.Now(), Key: kinds[0]})
	if err != nil {
		return nil, fault.Internal.Because(err)
	}
	o := &own{authority: a.PEM()}
	for _, kind := range kinds {
		issued, err := a.Issue(pki.Leaf{Names: names, Key: kind})
		if err != nil {
			return nil, fault.Internal.Because(err)
		}
		signer, err := sign.FromCrypto(issued.Key)
		if err != nil {
			return nil, fault.Internal.Because(err)
		}
		cert, err := config.NewCertificate(issued.Chain, signer)
		if err != nil {
			return nil, err
		}
		o.certificates = append(o.certificates, cert)
	}
	return o, nil
}

// keyKinds are the kinds of keys that a certificate may have, best first, with how
// they sign and for which suites of TLS 1.2.
var keyKinds = []struct {
	kind    pki.Key
	auth    suite.Auth
	schemes []iana.SignatureScheme
}{
	{pki.P256, suite.ECDSA, []iana.SignatureScheme{iana.ECDSA_SECP256R1_SHA256}},
	{pki.RSA2048, suite.RSA, []iana.SignatureScheme{iana.RSA_PSS_RSAE_SHA256, iana.RSA_PSS_RSAE_SHA384, iana.RSA_PSS_RSAE_SHA512,
		iana.RSA_PKCS1_SHA256, iana.RSA_PKCS1_SHA384, iana.RSA_PKCS1_SHA512}},
	{pki.Ed25519, suite.ECDSA, []iana.SignatureScheme{iana.ED25519}},
	{pki.P384, suite.ECDSA, []iana.SignatureScheme{iana.ECDSA_SECP384R1_SHA384}},
	{pki.P521, suite.ECDSA, []iana.SignatureScheme{iana.ECDSA_SECP521R1_SHA512}},
}

// keysFor are the kinds of keys that a server needs for these suites and signature
// schemes, which may leave room for nothing but RSA: the best that has a use, and
// the best that suites of TLS 1.2 want besides.
func keysFor(p config.Params) []pki.Key {
	var kinds []pki.Key
	served := make(map[suite.Auth]bool)
	for _, k := range keyKinds {
		signs := slices.ContainsFunc(k.schemes, func(s iana.SignatureScheme) bool { return slices.Contains(p.Schemes, s) })
		suits := slices.ContainsFunc(p.Suites, func(id iana.CipherSuite) bool {
			s := suite.ByID(id)
			return s != nil && (s.Auth == k.auth || s.Auth == suite.AnyKey && len(kinds) == 0)
		})
		if signs && suits && !served[k.auth] {
			kinds, served[k.auth] = append(kinds, k.kind), true
		}
	}
	if len(kinds) == 0 {
		return []pki.Key{pki.P256}
	}
	return kinds
}

// port is the port of a listener's address.
func port(addr net.Addr) string {
	if tcp, ok := addr.(*net.TCPAddr); ok {
		return strconv.Itoa(tcp.Port)
	}
	return ""
}
