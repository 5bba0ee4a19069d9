package pki

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

var now = time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)

// TestKeys issues with every kind of key, at every level, and has crypto/x509
// verify it.
func TestKeys(t *testing.T) {
	for k := P256; k <= Ed25519; k++ {
		if testing.Short() && k == RSA4096 {
			continue // takes a second
		}
		t.Run(k.String(), func(t *testing.T) {
			root, err := NewAuthority("Root", Options{Now: now, Key: k})
			if err != nil {
				t.Fatal(err)
			}
			sub, err := root.Intermediate("Sub", Options{PathLen: new(0)})
			if err != nil {
				t.Fatal(err)
			}
			i, err := sub.Issue(Leaf{Names: []string{"a.example", "127.0.0.1", "::1"}, Key: k})
			if err != nil {
				t.Fatal(err)
			}
			if len(i.Chain) != 2 || !bytes.Equal(i.Chain[1], sub.Cert.Raw) || sub.Root() != root {
				t.Error("chain is not leaf, intermediate")
			}
			pool := x509.NewCertPool()
			pool.AddCert(sub.Cert)
			for _, name := range []string{"a.example", "127.0.0.1", "::1"} {
				if _, err := i.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: sub.Pool(), Intermediates: pool, CurrentTime: now}); err != nil {
					t.Error(err)
				}
			}
			key, err := i.KeyPEM()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tls.X509KeyPair(i.PEM(), key); err != nil {
				t.Error(err)
			}
		})
	}
	if _, err := NewAuthority("Root", Options{Now: now, Key: Ed25519 + 1}); err == nil {
		t.Error("no such key, no error")
	}
}

func TestAuthority(t *testing.T) {
	if _, err := NewAuthority("Root", Options{}); err == nil {
		t.Error("no time, no error")
	}
	root, err := NewAuthority("Root", Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	block, rest := pem.Decode(root.PEM())
	if block == nil || block.Type != "CERTIFICATE" || len(rest) > 0 || !bytes.Equal(block.Bytes, root.Cert.Raw) {
		t.Error("PEM is not the one certificate")
	}
	if c := root.Cert; !c.NotBefore.Equal(now.Add(-time.Hour)) || !c.NotAfter.Equal(now.Add(90*24*time.Hour)) || !c.IsCA {
		t.Errorf("%v to %v", c.NotBefore, c.NotAfter)
	}
	seen := map[string]bool{}
	for range 50 {
		i, err := root.Issue(Leaf{Names: []string{"a.example"}})
		if err != nil {
			t.Fatal(err)
		}
		n := i.Leaf.SerialNumber
		if seen[n.String()] || n.Sign() <= 0 || n.BitLen() > 127 {
			t.Errorf("serial number %v", n)
		}
		seen[n.String()] = true
	}
	old, err := root.Issue(Leaf{Names: []string{"a.example"}})
	if err != nil {
		t.Fatal(err)
	}
	same, err := root.Issue(Leaf{Names: []string{"b.example"}, Signer: old.Key})
	if err != nil || same.Key != old.Key {
		t.Error("an existing key was not used", err)
	}
}

func TestOCSP(t *testing.T) {
	root, err := NewAuthority("Root", Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	i, err := root.Issue(Leaf{Names: []string{"a.example"}, MustStaple: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []Status{Good, Revoked, Unknown} {
		der, err := root.OCSP(i, Answer{Status: s})
		if err != nil {
			t.Fatal(err)
		}
		r, err := ocsp.ParseResponseForCert(der, i.Leaf, root.Cert)
		if err != nil {
			t.Fatal(err)
		}
		if r.Status != int(s) || !r.ThisUpdate.Equal(now.Add(-time.Hour)) || !r.NextUpdate.Equal(now.Add(7*24*time.Hour)) {
			t.Errorf("%+v", r)
		}
	}
}
