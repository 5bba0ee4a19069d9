package kex

import (
	"bytes"
	"crypto/rand"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// A dhPublic is a Diffie-Hellman key as OpenSSL writes it (RFC 5280, Section
// 4.1.2.7; PKCS #3).
type dhPublic struct {
	Algorithm pkix.AlgorithmIdentifier
	Key       asn1.BitString
}

type dhParams struct{ P, G *big.Int }

// TestFiniteOpenSSL: in each group of RFC 7919 and in one that is not, OpenSSL comes
// to the same secret, by its key and our share.
func TestFiniteOpenSSL(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil && os.Getenv("CI") != "true" {
		t.Skip("openssl is not on this machine; CI has it")
	}
	run := func(args ...string) []byte {
		t.Helper()
		out, err := exec.Command("openssl", args...).Output()
		if err != nil {
			t.Fatalf("openssl %v: %v", args, err)
		}
		return out
	}
	groups := map[string]Params{"modp_2048": {P: modp2048(), G: []byte{2}}}
	for g := range finite {
		groups[fmt.Sprint(g)] = ParamsOf(g)
	}
	for name, params := range groups {
		dir := t.TempDir()
		theirs, ours := filepath.Join(dir, "theirs.pem"), filepath.Join(dir, "ours.pem")
		run("genpkey", "-algorithm", "DH", "-pkeyopt", "group:"+name, "-out", theirs)
		var key dhPublic
		if _, err := asn1.Unmarshal(run("pkey", "-in", theirs, "-pubout", "-outform", "DER"), &key); err != nil {
			t.Fatal(err)
		}
		peer, size := new(big.Int), len(params.P)
		if _, err := asn1.Unmarshal(key.Key.Bytes, &peer); err != nil {
			t.Fatal(err)
		}
		var p dhParams
		if _, err := asn1.Unmarshal(key.Algorithm.Parameters.FullBytes, &p); err != nil || !bytes.Equal(p.P.Bytes(), params.P) || !bytes.Equal(p.G.Bytes(), params.G) {
			t.Fatalf("%s: OpenSSL has another group: %v", name, err)
		}
		derive := func(share []byte, pad string) []byte {
			t.Helper()
			y, err := asn1.Marshal(new(big.Int).SetBytes(share))
			if err != nil {
				t.Fatal(err)
			}
			der, err := asn1.Marshal(dhPublic{key.Algorithm, asn1.BitString{Bytes: y, BitLength: 8 * len(y)}})
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(ours, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600); err != nil {
				t.Fatal(err)
			}
			return run("pkeyutl", "-derive", "-inkey", theirs, "-peerkey", ours, "-pkeyopt", "dh_pad:"+pad)
		}
		share, premaster, err := RespondDH(params, peer.Bytes(), rand.Reader)
		if err != nil || !bytes.Equal(premaster, derive(share, "0")) {
			t.Errorf("%s, TLS 1.2: another secret, %v", name, err)
		}
		g, named := IsNamed(params)
		if !named {
			continue
		}
		share, secret, err := Respond(g, rand.Reader, peer.FillBytes(make([]byte, size)))
		if err != nil || !bytes.Equal(secret, derive(share, "1")) {
			t.Errorf("%s, as a server: another secret, %v", name, err)
		}
		mine := generate(t, g)
		share = mine.Public()
		if secret, err = mine.Shared(peer.FillBytes(make([]byte, size))); err != nil || !bytes.Equal(secret, derive(share, "1")) {
			t.Errorf("%s, as a client: another secret, %v", name, err)
		}
	}
}
