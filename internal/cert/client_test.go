package cert

import (
	"crypto/x509"
	"strings"
	"testing"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/sign"
)

func TestChooseForServer(t *testing.T) {
	h := newHouse(t)
	rsaRoot := must(t)(pki.NewAuthority("RSA Root", pki.Options{Now: now, Key: pki.RSA2048}))
	candidate := func(a *pki.Authority, l pki.Leaf, s ...iana.SignatureScheme) Candidate {
		t.Helper()
		chain, err := Parse(h.leaf(a, l).Chain, config.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		return Candidate{Leaf: chain[0], Chain: chain, Schemes: s, Signed: sign.Chain(chain)}
	}
	const p256, ed, pss, pkcs1 = iana.ECDSA_SECP256R1_SHA256, iana.ED25519, iana.RSA_PSS_RSAE_SHA256, iana.RSA_PKCS1_SHA256
	var (
		me      = candidate(h.sub, pki.Leaf{Names: []string{"me"}}, p256)
		withRSA = candidate(h.sub, pki.Leaf{Names: []string{"rsa"}, Key: pki.RSA2048}, pss, pkcs1)
		withEd  = candidate(h.sub, pki.Leaf{Names: []string{"ed"}, Key: pki.Ed25519}, ed)
		byRSA   = candidate(rsaRoot, pki.Leaf{Names: []string{"by-rsa"}}, p256)
		bySHA1  = candidate(h.sub, pki.Leaf{Names: []string{"old"}, Signature: x509.ECDSAWithSHA1}, p256)
		notSign = candidate(h.sub, pki.Leaf{Names: []string{"agree"}, KeyUsage: x509.KeyUsageKeyAgreement}, p256)
		root    = [][]byte{h.sub.Root().Cert.RawSubject}
		subName = [][]byte{h.sub.Cert.RawSubject}
		nobody  = [][]byte{rsaRoot.Cert.RawSubject}
		all     = schemes{p256, ed, pss, pkcs1}
		ecdsa   = []iana.ClientCertificateType{iana.ECDSASign}
		rsaSign = []iana.ClientCertificateType{2, iana.RSASign}
	)
	for _, test := range []struct {
		name   string
		cands  []Candidate
		asked  Asked
		index  int
		scheme iana.SignatureScheme
		why    string // part of the reason
	}{
		{"the first", []Candidate{me, withRSA}, Asked{Schemes: all}, 0, p256, "the server names no authorities"},
		{"by scheme", []Candidate{me, withRSA}, Asked{Schemes: schemes{pkcs1}}, 1, pkcs1, "rsa_pkcs1_sha256"},
		{"our order of schemes", []Candidate{withRSA}, Asked{Schemes: schemes{pkcs1, pss}}, 0, pss, ""},
		{"by type", []Candidate{me, withRSA}, Asked{Schemes: all, Types: rsaSign}, 1, pss, ""},
		{"ecdsa_sign covers EdDSA", []Candidate{withRSA, withEd}, Asked{Schemes: all, Types: ecdsa}, 1, ed, ""},
		{"by the authority at the top", []Candidate{byRSA, me}, Asked{Schemes: all, Authorities: root}, 1, p256, "leads to"},
		{"by the authority that issued it", []Candidate{byRSA, me}, Asked{Schemes: all, Authorities: subName}, 1, p256, "leads to"},
		{"wholly signed as accepted first", []Candidate{byRSA, me}, Asked{Schemes: schemes{p256}}, 1, p256, "names no"},
		{"else what there is", []Candidate{byRSA}, Asked{Schemes: schemes{p256}}, 0, p256, "may not verify"},
		{"signature_algorithms_cert", []Candidate{byRSA, me}, Asked{Schemes: schemes{p256}, CertSchemes: schemes{p256, pkcs1}}, 0, p256, ""},
		{"SHA-1 never", []Candidate{bySHA1}, Asked{Schemes: schemes{p256}}, -1, 0, "SHA-1"},
		{"key usage", []Candidate{notSign}, Asked{Schemes: all}, -1, 0, "key usage"},
		{"no authority", []Candidate{me, withEd}, Asked{Schemes: all, Authorities: nobody}, -1, 0, `"ed" (Ed25519): its chain leads to none`},
		{"no scheme", []Candidate{me}, Asked{Schemes: schemes{ed}}, -1, 0, "can't sign"},
		{"no type", []Candidate{me}, Asked{Schemes: all, Types: rsaSign}, -1, 0, "no key of its kind"},
		{"nothing", nil, Asked{Schemes: all}, -1, 0, "none is configured"},
	} {
		index, scheme, why := ChooseForServer(test.cands, test.asked)
		if index != test.index || scheme != test.scheme || !strings.Contains(why, test.why) || !strings.HasSuffix(why, ".") {
			t.Errorf("%s: %d, %v, %s", test.name, index, scheme, why)
		}
	}
}

func TestNames(t *testing.T) {
	h := newHouse(t)
	if names := Names(h.sub.Pool()); len(names) != 1 || string(names[0]) != string(h.sub.Root().Cert.RawSubject) {
		t.Errorf("%x", names)
	}
	if names := Names(nil); names != nil {
		t.Errorf("of no pool: %x", names)
	}
	pool := x509.NewCertPool()
	pool.AddCert(&x509.Certificate{Raw: []byte{1}, RawSubject: make([]byte, maxNames-2)})
	if names := Names(pool); len(names) != 1 {
		t.Error("as much as there is room for is left out")
	}
	pool.AddCert(&x509.Certificate{Raw: []byte{2}, RawSubject: []byte{}})
	if names := Names(pool); names != nil {
		t.Error("more than there is room for")
	}
}
