package kex

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"testing"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// TestPremaster: what the client encrypts the server gets; anything else gives the
// substitute.
func TestPremaster(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	premaster, err := NewPremaster(rand.Reader, iana.TLS12)
	if err != nil || len(premaster) != PremasterLen || premaster[0] != 3 || premaster[1] != 3 {
		t.Fatalf("%x, %v", premaster, err)
	}
	encrypt := func(b []byte) []byte {
		c, err := EncryptPremaster(rand.Reader, &key.PublicKey, b)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	substitute := bytes.Repeat([]byte{5}, PremasterLen)
	good := encrypt(premaster)
	for good[0] == 0 { // without it, it would be the same number
		good = encrypt(premaster)
	}
	for _, c := range []struct {
		name    string
		key     crypto.Decrypter
		cipher  []byte
		offered iana.Version
		want    []byte
	}{
		{"right", key, good, iana.TLS12, premaster},
		{"another version", key, good, iana.TLS11, substitute},
		{"47 bytes", key, encrypt(premaster[:47]), iana.TLS12, substitute},
		{"49 bytes", key, encrypt(append(bytes.Clone(premaster), 1)), iana.TLS12, substitute},
		{"nothing", key, encrypt(nil), iana.TLS12, substitute},
		{"rubbish", key, bytes.Repeat([]byte{1}, 256), iana.TLS12, substitute},
		{"short", key, good[1:], iana.TLS12, substitute},
		{"long", key, append([]byte{0}, good...), iana.TLS12, substitute},
		{"empty", key, nil, iana.TLS12, substitute},
		{"the modulus", key, key.N.Bytes(), iana.TLS12, substitute},
		{"a key out of order", broken{key}, good, iana.TLS12, substitute},
		{"a key that gives too little", brief{key}, good, iana.TLS12, substitute},
	} {
		if got := DecryptPremaster(c.key, c.cipher, c.offered, substitute); !bytes.Equal(got, c.want) {
			t.Errorf("%s: %x", c.name, got)
		}
	}
	if !bytes.Equal(substitute, bytes.Repeat([]byte{5}, PremasterLen)) {
		t.Error("the substitute has changed")
	}
	if _, err := NewPremaster(bytes.NewReader(nil), iana.TLS12); !errors.Is(err, fault.KexRandom) {
		t.Errorf("no randomness: %v", err)
	}
}

type broken struct{ crypto.Decrypter }

func (broken) Decrypt(io.Reader, []byte, crypto.DecrypterOpts) ([]byte, error) {
	return nil, errors.New("the token is unplugged")
}

type brief struct{ crypto.Decrypter }

func (brief) Decrypt(io.Reader, []byte, crypto.DecrypterOpts) ([]byte, error) { return []byte{3}, nil }
