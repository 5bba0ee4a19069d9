package kex

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/mlkem"
	"errors"
	"math/big"
	"testing"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// What is not the standard library's is held to it by fuzzing: the same result, or
// a refusal by both.

func FuzzX25519(f *testing.F) {
	f.Add(make([]byte, 32), make([]byte, 32))
	f.Add(bytes.Repeat([]byte{0xff}, 32), bytes.Repeat([]byte{0xff}, 32))
	f.Add(bytes.Repeat([]byte{9}, 32), append([]byte{0xec}, append(bytes.Repeat([]byte{0xff}, 30), 0x7f)...)) // p-1, of order 2
	f.Add(bytes.Repeat([]byte{1}, 32), append([]byte{9}, make([]byte, 31)...))
	f.Fuzz(func(t *testing.T, scalar, point []byte) {
		if len(scalar) != 32 || len(point) != 32 {
			return
		}
		theirs, err := ecdh.X25519().NewPrivateKey(scalar)
		if err != nil {
			t.Fatal(err)
		}
		ours, err := Generate(iana.X25519, bytes.NewReader(scalar))
		if err != nil || !bytes.Equal(ours.Public(), theirs.PublicKey().Bytes()) {
			t.Fatalf("public key of %x: %v", scalar, err)
		}
		peer, err := ecdh.X25519().NewPublicKey(point)
		if err != nil {
			t.Fatal(err)
		}
		want, refused := theirs.ECDH(peer)
		got, err := ours.Shared(bytes.Clone(point))
		if (err != nil) != (refused != nil) || err == nil && !bytes.Equal(got, want) {
			t.Fatalf("%x and %x: %x, %v; want %x, %v", scalar, point, got, err, want, refused)
		}
		if err != nil && !errors.Is(err, fault.KexZeroSecret) {
			t.Fatal(err)
		}
	})
}

func FuzzMLKEM(f *testing.F) {
	levels := []struct {
		ours    kem
		newKey  func([]byte) (crypto.Decapsulator, error)
		newPeer func([]byte) (crypto.Encapsulator, error)
	}{
		{mlkem768Part, func(b []byte) (crypto.Decapsulator, error) { return mlkem.NewDecapsulationKey768(b) },
			func(b []byte) (crypto.Encapsulator, error) { return mlkem.NewEncapsulationKey768(b) }},
		{mlkem1024Part, func(b []byte) (crypto.Decapsulator, error) { return mlkem.NewDecapsulationKey1024(b) },
			func(b []byte) (crypto.Encapsulator, error) { return mlkem.NewEncapsulationKey1024(b) }},
	}
	seed := bytes.Repeat([]byte{7}, 64)
	for i, l := range levels {
		key, err := l.ours.generate(bytes.NewReader(seed))
		if err != nil {
			f.Fatal(err)
		}
		share, _, err := l.ours.respond(zeros{}, key.public())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(i == 1, seed, share, key.public())
		f.Add(i == 1, make([]byte, 64), make([]byte, len(share)), bytes.Repeat([]byte{0xff}, len(key.public())))
	}
	f.Fuzz(func(t *testing.T, strong bool, seed, share, peer []byte) {
		l := levels[0]
		if strong {
			l = levels[1]
		}
		if len(seed) != 64 {
			return
		}
		theirs, err := l.newKey(seed)
		if err != nil {
			t.Fatal(err)
		}
		ours, err := l.ours.generate(bytes.NewReader(seed))
		if err != nil || !bytes.Equal(ours.public(), theirs.Encapsulator().Bytes()) {
			t.Fatalf("key of %x: %v", seed, err)
		}
		want, refused := theirs.Decapsulate(share)
		if got, err := ours.shared(share); (err != nil) != (refused != nil) || !bytes.Equal(got, want) {
			t.Fatalf("of %x: %x, %v; want %x, %v", share, got, err, want, refused)
		}
		if len(peer) != l.ours.PublicKeySize() {
			return // checked before
		}
		_, refused = l.newPeer(peer)
		if _, _, err := l.ours.respond(zeros{}, peer); (err != nil) != (refused != nil) {
			t.Fatalf("an encapsulation key: %v, want %v", err, refused)
		}
	})
}

func FuzzFFDHE(f *testing.F) {
	own := Params{P: []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc5}, G: []byte{2}} // 2^64-59
	f.Add(true, bytes.Repeat([]byte{0x55}, 32), []byte{3})
	f.Add(false, bytes.Repeat([]byte{0xff}, 8), []byte{2})
	f.Fuzz(func(t *testing.T, named bool, exponent, peer []byte) {
		p, size := own, 8
		if named {
			p, size = ParamsOf(iana.FFDHE2048), finite[iana.FFDHE2048].exponent
		}
		if len(exponent) < size || len(peer) > len(p.P) {
			return
		}
		exponent = bytes.Clone(exponent[:size])
		key, err := p.generate(bytes.NewReader(exponent), size)
		if err != nil {
			t.Fatal(err)
		}
		exponent[0] |= 0x80
		m, x, y := new(big.Int).SetBytes(p.P), new(big.Int).SetBytes(exponent), new(big.Int).SetBytes(peer)
		want := make([]byte, len(p.P))
		if got := key.public(); !bytes.Equal(got, new(big.Int).Exp(big.NewInt(2), x, m).FillBytes(want)) {
			t.Fatalf("the share of %x is %x", exponent, got)
		}
		legal := y.Cmp(big.NewInt(2)) >= 0 && y.Cmp(new(big.Int).Sub(m, big.NewInt(2))) <= 0
		got, err := key.shared(peer)
		if (err == nil) != legal {
			t.Fatalf("%x: %v", peer, err)
		}
		if err == nil && !bytes.Equal(got, new(big.Int).Exp(y, x, m).FillBytes(want)) {
			t.Fatalf("%x to the power of %x is not %x", peer, exponent, got)
		}
	})
}
