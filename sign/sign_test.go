package sign

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// keys is one private key of each kind, made once.
var keys = sync.OnceValue(func() map[string]crypto.Signer {
	m := make(map[string]crypto.Signer)
	for name, c := range map[string]elliptic.Curve{"P-224": elliptic.P224(), "P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()} {
		m[name] = must(ecdsa.GenerateKey(c, rand.Reader))
	}
	m["RSA-1024"] = must(rsa.GenerateKey(rand.Reader, 1024))
	m["RSA-2048"] = must(rsa.GenerateKey(rand.Reader, 2048))
	_, m["Ed25519"], _ = ed25519.GenerateKey(rand.Reader)
	return m
})

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

var (
	pss   = []iana.SignatureScheme{iana.RSA_PSS_RSAE_SHA256, iana.RSA_PSS_RSAE_SHA384, iana.RSA_PSS_RSAE_SHA512}
	pkcs1 = []iana.SignatureScheme{iana.RSA_PKCS1_SHA256, iana.RSA_PKCS1_SHA384, iana.RSA_PKCS1_SHA512}
	sha1s = []iana.SignatureScheme{iana.RSA_PKCS1_SHA1, iana.RSA_PKCS1_MD5_SHA1}
	fits  = map[string][]iana.SignatureScheme{
		"P-256":    {iana.ECDSA_SECP256R1_SHA256, iana.ECDSA_SECP384R1_SHA384, iana.ECDSA_SECP521R1_SHA512, iana.ECDSA_SHA1},
		"P-384":    {iana.ECDSA_SECP384R1_SHA384, iana.ECDSA_SECP256R1_SHA256, iana.ECDSA_SECP521R1_SHA512, iana.ECDSA_SHA1},
		"P-521":    {iana.ECDSA_SECP521R1_SHA512, iana.ECDSA_SECP256R1_SHA256, iana.ECDSA_SECP384R1_SHA384, iana.ECDSA_SHA1},
		"Ed25519":  {iana.ED25519},
		"RSA-2048": slices.Concat(pss, pkcs1, sha1s),
		"RSA-1024": slices.Concat(pss[:2], pkcs1, sha1s), // no room for SHA-512
	}
)

// Every key signs with each scheme that fits, its own curve's first; every scheme
// that does not fit is refused by both sides, and a changed message or signature
// does not verify. What only TLS 1.2 allows, Verify refuses.
func TestSignAndVerify(t *testing.T) {
	ctx, message := context.Background(), []byte("message")
	for name, want := range fits {
		t.Run(name, func(t *testing.T) {
			s, err := FromCrypto(keys()[name])
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(s.Schemes(), want) {
				t.Errorf("schemes %v, want %v", s.Schemes(), want)
			}
			for _, id := range All() {
				sig, err := s.Sign(ctx, id, message)
				if !slices.Contains(want, id) {
					if err == nil {
						t.Errorf("%v: signed", id)
					}
					if err := Verify(s.Public(), id, message, make([]byte, 64)); !errors.Is(err, fault.SigSchemeKeyMismatch) {
						t.Errorf("%v: Verify says %v", id, err)
					}
					continue
				}
				if err != nil {
					t.Errorf("%v: %v", id, err)
					continue
				}
				if !Fits13(s.Public(), id) {
					if err := Verify(s.Public(), id, message, sig); !errors.Is(err, fault.SigSchemeKeyMismatch) {
						t.Errorf("%v: in TLS 1.3: %v", id, err)
					}
					if err := Verify12(s.Public(), id, message, sig); err != nil {
						t.Errorf("%v: in TLS 1.2: %v", id, err)
					}
					continue
				}
				if err := Verify(s.Public(), id, message, sig); err != nil {
					t.Errorf("%v: %v", id, err)
				}
				if err := Verify(s.Public(), id, []byte("massage"), sig); !errors.Is(err, fault.SigInvalid) {
					t.Errorf("%v: another message: %v", id, err)
				}
				for _, bad := range [][]byte{nil, sig[:len(sig)-1], append(bytes.Clone(sig), 0), flip(sig)} {
					if err := Verify(s.Public(), id, message, bad); !errors.Is(err, fault.SigInvalid) {
						t.Errorf("%v: bad signature %x: %v", id, bad, err)
					}
				}
			}
		})
	}
}

func flip(sig []byte) []byte {
	b := bytes.Clone(sig)
	b[len(b)/2] ^= 1
	return b
}

// A PSS signature never passes as PKCS#1, nor with another hash. What older
// versions imply is no scheme of a newer one.
func TestSchemesDoNotMix(t *testing.T) {
	s := must(FromCrypto(keys()["RSA-2048"]))
	for _, made := range s.Schemes() {
		sig := must(s.Sign(context.Background(), made, []byte("message")))
		for _, claimed := range s.Schemes() {
			err := Verify(s.Public(), claimed, []byte("message"), sig)
			if (err == nil) != (made == claimed && made != iana.RSA_PKCS1_MD5_SHA1) {
				t.Errorf("made with %v, claimed as %v: %v", made, claimed, err)
			}
		}
	}
}

func TestVerifyForeignKeys(t *testing.T) {
	for name, pub := range map[string]crypto.PublicKey{
		"nil":           nil,
		"P-224":         keys()["P-224"].Public(),
		"short Ed25519": ed25519.PublicKey{1, 2, 3},
		"string":        "key",
	} {
		for _, id := range append(All(), iana.ED448, iana.RSA_PKCS1_MD5_SHA1, 0x7f7f) {
			if err := Verify(pub, id, nil, nil); !errors.Is(err, fault.SigSchemeKeyMismatch) {
				t.Errorf("%s, %v: %v", name, id, err)
			}
		}
	}
}

// Scheme values that a peer may claim and that are not supported are refused
// whatever the key.
func TestVerifyUnsupportedScheme(t *testing.T) {
	for _, id := range []iana.SignatureScheme{iana.RSA_PKCS1_MD5_SHA1, 0x0101, iana.RSA_PSS_PSS_SHA256, iana.MLDSA65, 0} {
		for name, key := range keys() {
			if err := Verify(key.Public(), id, nil, nil); !errors.Is(err, fault.SigSchemeKeyMismatch) {
				t.Errorf("%v with %s: %v", id, name, err)
			}
		}
		if Supported(id) || UsableIn13(id) {
			t.Errorf("%v counts as supported", id)
		}
	}
}

// odd is a crypto.Signer of some foreign kind.
type odd struct{ pub crypto.PublicKey }

func (o odd) Public() crypto.PublicKey { return o.pub }
func (o odd) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("the token is unplugged")
}

func TestFromCryptoRefuses(t *testing.T) {
	for _, c := range []struct {
		key  crypto.Signer
		want string
	}{
		{nil, "no private key"},
		{keys()["P-224"], "P-224"},
		{odd{"DSA"}, "key of type string"},
		{odd{&rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 767), E: 65537}}, "768 bits"},
	} {
		s, err := FromCrypto(c.key)
		if err == nil || s != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want an error with %q", err, c.want)
		}
	}
}

func TestSignErrors(t *testing.T) {
	s := must(FromCrypto(odd{keys()["Ed25519"].Public()}))
	if _, err := s.Sign(context.Background(), iana.ED25519, nil); err == nil || err.Error() != "the token is unplugged" {
		t.Errorf("the key's own error became %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Sign(ctx, iana.ED25519, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that ended gives %v", err)
	}
}

func TestSchemes(t *testing.T) {
	want := []iana.SignatureScheme{
		iana.ECDSA_SECP256R1_SHA256, iana.ED25519,
		iana.RSA_PSS_RSAE_SHA256, iana.RSA_PSS_RSAE_SHA384, iana.RSA_PSS_RSAE_SHA512,
		iana.ECDSA_SECP384R1_SHA384, iana.ECDSA_SECP521R1_SHA512,
		iana.RSA_PKCS1_SHA256, iana.RSA_PKCS1_SHA384, iana.RSA_PKCS1_SHA512,
	}
	for _, v := range []iana.Version{iana.TLS12, iana.TLS13} {
		if got := Schemes(v); !slices.Equal(got, want) {
			t.Errorf("%v: %v", v, got)
		}
	}
	if got := Schemes(iana.TLS11); got != nil {
		t.Errorf("TLS 1.1 offers %v", got)
	}
	for _, id := range want {
		if !Supported(id) || UsableIn13(id) == slices.Contains(pkcs1, id) {
			t.Errorf("%v: supported %v, usable in 1.3 %v", id, Supported(id), UsableIn13(id))
		}
	}
	old := []iana.SignatureScheme{iana.RSA_PKCS1_SHA1, iana.ECDSA_SHA1}
	if got := All(); !slices.Equal(got, slices.Concat(want, old)) {
		t.Errorf("all: %v", got)
	}
	for _, id := range old {
		if !Supported(id) || !UsableIn12(id) || UsableIn13(id) {
			t.Errorf("%v: supported %v, usable in 1.2 %v, in 1.3 %v", id, Supported(id), UsableIn12(id), UsableIn13(id))
		}
	}
	Schemes(iana.TLS13)[0] = 0
	if Schemes(iana.TLS13)[0] == 0 {
		t.Error("a caller can change the table")
	}
}

// The example of RFC 9846, Section 4.5.2.
func TestCertificateVerifyInput(t *testing.T) {
	hash := bytes.Repeat([]byte{1}, 32)
	want := strings.Repeat("20", 64) +
		"544c5320312e332c207365727665722043657274696669636174655665726966" + "79" + "00" +
		strings.Repeat("01", 32)
	if got := hex.EncodeToString(CertificateVerifyInput(true, hash)); got != want {
		t.Errorf("server:\n got %s\nwant %s", got, want)
	}
	want = strings.Replace(want, fmt.Sprintf("%x", "server"), fmt.Sprintf("%x", "client"), 1)
	if got := hex.EncodeToString(CertificateVerifyInput(false, hash)); got != want {
		t.Errorf("client:\n got %s\nwant %s", got, want)
	}
}

// Kinds are those of the keys that FromCrypto takes, no more and no fewer.
func TestKinds(t *testing.T) {
	kinds := make(map[string]bool)
	for _, k := range Kinds() {
		kinds[k] = true
	}
	taken := make(map[string]bool)
	for _, key := range keys() {
		kind := "RSA"
		switch pub := key.Public().(type) {
		case *ecdsa.PublicKey:
			kind = "ECDSA " + pub.Curve.Params().Name
		case ed25519.PublicKey:
			kind = "Ed25519"
		}
		if _, err := FromCrypto(key); err == nil {
			taken[kind] = true
		} else if !kinds[kind] && !strings.Contains(err.Error(), strings.Join(Kinds(), ", ")) {
			t.Errorf("%v does not say what there is", err)
		}
	}
	if !maps.Equal(kinds, taken) {
		t.Errorf("%v, but %v are taken", kinds, taken)
	}
}
