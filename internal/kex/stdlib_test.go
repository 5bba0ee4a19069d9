package kex

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/mlkem"
	"crypto/rand"
	"testing"

	"github.com/handclasp/handclasp/iana"
)

// The primitives are not the standard library's, so that is a judge: of random
// keys and points, those with the highest bit set included (RFC 7748, Section 5).
func TestX25519AgainstStandardLibrary(t *testing.T) {
	for range 200 {
		seed, point := make([]byte, 32), make([]byte, 32)
		rand.Read(seed)
		rand.Read(point)
		theirs, err := ecdh.X25519().NewPrivateKey(seed)
		if err != nil {
			t.Fatal(err)
		}
		ours, err := Generate(iana.X25519, bytes.NewReader(seed))
		if err != nil || !bytes.Equal(ours.Public(), theirs.PublicKey().Bytes()) {
			t.Fatalf("public key of %x: %v", seed, err)
		}
		pub, err := ecdh.X25519().NewPublicKey(point)
		if err != nil {
			t.Fatal(err)
		}
		want, err := theirs.ECDH(pub)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ours.Shared(bytes.Clone(point)); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("secret of %x and %x: %x, %v", seed, point, got, err)
		}
	}
}

func TestMLKEMAgainstStandardLibrary(t *testing.T) {
	for _, c := range []struct {
		ours    kem
		newKey  func([]byte) (crypto.Decapsulator, error)
		newPeer func([]byte) (crypto.Encapsulator, error)
	}{
		{
			mlkem768Part, func(b []byte) (crypto.Decapsulator, error) { return mlkem.NewDecapsulationKey768(b) },
			func(b []byte) (crypto.Encapsulator, error) { return mlkem.NewEncapsulationKey768(b) },
		}, {
			mlkem1024Part, func(b []byte) (crypto.Decapsulator, error) { return mlkem.NewDecapsulationKey1024(b) },
			func(b []byte) (crypto.Encapsulator, error) { return mlkem.NewEncapsulationKey1024(b) },
		},
	} {
		for range 20 {
			seed := make([]byte, 64)
			rand.Read(seed)
			theirs, err := c.newKey(seed)
			if err != nil {
				t.Fatal(err)
			}
			ours, err := c.ours.generate(bytes.NewReader(seed))
			if err != nil || !bytes.Equal(ours.public(), theirs.Encapsulator().Bytes()) {
				t.Fatalf("key: %v", err)
			}
			share, secret, err := c.ours.respond(rand.Reader, ours.public())
			if err != nil {
				t.Fatal(err)
			}
			if got, err := theirs.Decapsulate(share); err != nil || !bytes.Equal(got, secret) {
				t.Errorf("they decapsulate %x, %v; want %x", got, err, secret)
			}
			peer, err := c.newPeer(ours.public())
			if err != nil {
				t.Fatal(err)
			}
			secret, share = peer.Encapsulate()
			if got, err := ours.shared(share); err != nil || !bytes.Equal(got, secret) {
				t.Errorf("we decapsulate %x, %v; want %x", got, err, secret)
			}
			share[len(share)-1] ^= 1 // implicit rejection gives the same secret too
			want, err := theirs.Decapsulate(share)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := ours.shared(share); err != nil || !bytes.Equal(got, want) {
				t.Errorf("of a wrong ciphertext we make %x, %v; want %x", got, err, want)
			}
		}
	}
}

// TestAllocations: a share and a secret cost their own memory and little else.
func TestAllocations(t *testing.T) {
	for g, most := range map[iana.Group]struct{ client, server float64 }{
		iana.X25519:         {4, 2}, // Private, its list, the key, the secret; the key, the secret
		iana.X25519MLKEM768: {14, 9},
	} {
		first, err := Generate(g, zeros{})
		if err != nil {
			t.Fatal(err)
		}
		share, _, err := Respond(g, rand.Reader, first.Public())
		if err != nil {
			t.Fatal(err)
		}
		client := testing.AllocsPerRun(20, func() {
			p, err := Generate(g, zeros{})
			if err == nil {
				_, err = p.Shared(share)
			}
			if err != nil {
				t.Fatal(err)
			}
		})
		server := testing.AllocsPerRun(20, func() {
			if _, _, err := Respond(g, zeros{}, first.Public()); err != nil {
				t.Fatal(err)
			}
		})
		if client > most.client || server > most.server {
			t.Errorf("%v: %v and %v objects, want at most %v", g, client, server, most)
		}
	}
}
