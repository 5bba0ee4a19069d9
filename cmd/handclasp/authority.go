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

// newOwn makes an authority, and a certificate of it for this machine and the
// further names, both with keys of the kind.
func newOwn(authority string, kind pki.Key, names ...string) (*own, error) {
	a, err := pki.NewAuthority(authority, pki.Options{Now: time.Now(), Key: kind})
	if err != nil {
		return nil, fault.Internal.Because(err)
	}
	issued, err := a.Issue(pki.Leaf{Names: append([]string{"localhost", "127.0.0.1", "::1"}, names...), Key: kind})
	if err != nil {
		return nil, fault.Internal.Because(err)
	}
	signer, err := sign.FromCrypto(issued.Key)
	if err != nil {
		return nil, fault.Internal.Because(err)
	}
	cert, err := config.NewCertificate(issued.Chain, signer)
	return &own{a.PEM(), []handclasp.Certificate{cert}}, err
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

// keyFor is the kind of key that a server needs for a client with this
// configuration, which may have been told to take nothing but RSA.
func keyFor(cfg *handclasp.ClientConfig) (pki.Key, error) {
	p, err := cfg.Params()
	if err != nil {
		return 0, err
	}
	for _, k := range keyKinds {
		signs := slices.ContainsFunc(k.schemes, func(s iana.SignatureScheme) bool { return slices.Contains(p.Schemes, s) })
		suits := slices.ContainsFunc(p.Suites, func(id iana.CipherSuite) bool {
			s := suite.ByID(id)
			return s != nil && (s.Auth == suite.AnyKey || s.Auth == k.auth)
		})
		if signs && suits {
			return k.kind, nil
		}
	}
	return pki.P256, nil
}

// port is the port of a listener's address.
func port(addr net.Addr) string {
	if tcp, ok := addr.(*net.TCPAddr); ok {
		return strconv.Itoa(tcp.Port)
	}
	return ""
}
