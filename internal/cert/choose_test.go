package cert

import (
	"crypto/x509"
	"errors"
	"strings"
	"testing"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/sign"
)

type schemes = []iana.SignatureScheme

func TestChoose(t *testing.T) {
	h := newHouse(t)
	rsaRoot := must(t)(pki.NewAuthority("RSA Root", pki.Options{Now: now, Key: pki.RSA2048}))
	candidate := func(a *pki.Authority, l pki.Leaf, s ...iana.SignatureScheme) Candidate {
		t.Helper()
		chain, err := Parse(h.leaf(a, l).Chain, config.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		return Candidate{Leaf: chain[0], Schemes: s, Signed: sign.Chain(chain)}
	}
	const (
		p256, p384, ed  = iana.ECDSA_SECP256R1_SHA256, iana.ECDSA_SECP384R1_SHA384, iana.ED25519
		pss, pss384     = iana.RSA_PSS_RSAE_SHA256, iana.RSA_PSS_RSAE_SHA384
		pkcs1, ecdsaOld = iana.RSA_PKCS1_SHA256, iana.ECDSA_SHA1
	)
	var (
		ours    = candidate(h.sub, pki.Leaf{Names: []string{"a.example"}}, p256)
		rsa     = candidate(h.sub, pki.Leaf{Names: []string{"a.example"}, Key: pki.RSA2048}, pss, pss384)
		wild    = candidate(h.sub, pki.Leaf{Names: []string{"*.example.org"}}, p256)
		exactly = candidate(h.sub, pki.Leaf{Names: []string{"*.example.org", host}}, p256)
		onlyEd  = candidate(h.sub, pki.Leaf{Names: []string{host}, Key: pki.Ed25519}, ed)
		byRSA   = candidate(rsaRoot, pki.Leaf{Names: []string{"a.example"}}, p256)
		bySHA1  = candidate(h.sub, pki.Leaf{Names: []string{"a.example"}, Signature: x509.ECDSAWithSHA1}, p256)
		address = candidate(h.sub, pki.Leaf{Names: []string{"x.example", "::1"}}, p256)
		other   = candidate(h.sub, pki.Leaf{Names: []string{"b.example"}}, p256)
		all     = schemes{p256, p384, ed, pss, pss384, pkcs1}
	)
	tests := []struct {
		name   string
		cands  []Candidate
		want   Wanted
		index  int
		scheme iana.SignatureScheme
		why    string // part of the reason or of the error
		rule   *fault.Rule
	}{
		{"no name: ours first", []Candidate{rsa, ours}, Wanted{"", all, nil}, 0, pss, "No name was asked for", nil},
		{"key type", []Candidate{rsa, ours}, Wanted{"", schemes{p256}, nil}, 1, p256, "ecdsa_secp256r1_sha256", nil},
		{"our order of schemes", []Candidate{rsa}, Wanted{"", schemes{pss384, pss, p256}, nil}, 0, pss, "", nil},
		{"second scheme", []Candidate{rsa}, Wanted{"", schemes{pss384, p256}, nil}, 0, pss384, "", nil},
		{"exact before wildcard", []Candidate{ours, wild, exactly}, Wanted{host, all, nil}, 2, p256, `holds the name "www.example.org"`, nil},
		{"wildcard before none", []Candidate{ours, wild}, Wanted{host, all, nil}, 1, p256, "wildcard covers", nil},
		{"case and dot", []Candidate{ours, exactly}, Wanted{"WWW.Example.ORG.", all, nil}, 1, p256, "holds", nil},
		{"address", []Candidate{ours, address}, Wanted{"::1", all, nil}, 1, p256, "holds", nil},
		{"wildcard when exact cannot sign", []Candidate{onlyEd, wild}, Wanted{host, schemes{p256}, nil}, 1, p256, "wildcard", nil},
		{"default for a strange name", []Candidate{ours, other}, Wanted{"nobody.example", all, nil}, 0, p256, "the default stands in", nil},
		{"default must sign", []Candidate{onlyEd, ours}, Wanted{"nobody.example", schemes{p256}, nil}, 1, p256, "default", nil},
		{"same name: the key decides", []Candidate{ours, rsa}, Wanted{"a.example", schemes{pss}, nil}, 1, pss, "holds", nil},
		{"chain by accepted schemes", []Candidate{byRSA, ours}, Wanted{"a.example", schemes{p256}, nil}, 1, p256, "", nil},
		{"signature_algorithms_cert counts", []Candidate{ours, byRSA}, Wanted{"a.example", schemes{p256}, schemes{pkcs1}}, 1, p256, "", nil},
		{"name before chain", []Candidate{byRSA, other}, Wanted{"a.example", schemes{p256}, nil}, 0, p256, "may not verify", nil},
		{"fallback chain", []Candidate{byRSA}, Wanted{"", schemes{p256}, nil}, 0, p256, "may not verify", nil},
		{"SHA-1 is passed over", []Candidate{bySHA1, ours}, Wanted{"", schemes{p256}, nil}, 1, p256, "", nil},
		{"SHA-1 if asked for", []Candidate{bySHA1}, Wanted{"", schemes{p256}, schemes{p256, ecdsaOld}}, 0, p256, "", nil},
		{"SHA-1 never else", []Candidate{bySHA1}, Wanted{"", schemes{p256}, nil}, -1, 0, "SHA-1", fault.NoCommonSigalg},
		{"nothing in common", []Candidate{rsa, ours}, Wanted{"", schemes{ed}, nil}, -1, 0, "the peer accepts ed25519; expected one of ours: rsa_pss_rsae_sha256", fault.NoCommonSigalg},
		{"nothing offered", []Candidate{ours}, Wanted{}, -1, 0, "the peer accepts none", fault.NoCommonSigalg},
		{"wrong name does not stand in", []Candidate{ours, onlyEd}, Wanted{host, schemes{p256}, nil}, -1, 0, "one of ours: ed25519", fault.NoCommonSigalg},
		{"none configured", nil, Wanted{"", all, nil}, -1, 0, "no certificate", fault.CertNone},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			index, scheme, err := Choose(test.cands, test.want)
			why := ""
			if err == nil {
				why = test.cands[index].Why(scheme, test.want)
			}
			if index != test.index || scheme != test.scheme {
				t.Errorf("got %d with %v, want %d with %v", index, scheme, test.index, test.scheme)
			}
			if err != nil {
				why = err.Error()
				if !errors.Is(err, test.rule) {
					t.Error(err)
				}
			} else if test.rule != nil {
				t.Errorf("no error, want %s", test.rule.ID)
			}
			t.Log(why)
			if !strings.Contains(why, test.why) {
				t.Errorf("lacks %q", test.why)
			}
		})
	}
	if a := fault.NoCommonSigalg.Alert; a != iana.HandshakeFailure {
		t.Error(a)
	}
	if a := fault.CertNone.Alert; a != iana.InternalError {
		t.Error(a)
	}
}
