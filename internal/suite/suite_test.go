package suite

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"math"
	"testing"

	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/keys"
	"github.com/handclasp/handclasp/internal/record"
)

func TestTable(t *testing.T) {
	want := []struct {
		id            iana.CipherSuite
		hash, key, iv int
	}{
		{iana.TLS_AES_128_GCM_SHA256, 32, 16, 12},
		{iana.TLS_AES_256_GCM_SHA384, 48, 32, 12},
		{iana.TLS_CHACHA20_POLY1305_SHA256, 32, 32, 12},
	}
	all := ForVersion(iana.TLS13)
	if len(all) != len(want) {
		t.Fatalf("%d suites, want %d", len(all), len(want))
	}
	for i, w := range want {
		s := all[i]
		if s.ID != w.id || s.Hash.Size() != w.hash || s.KeyLen != w.key || s.IVLen != w.iv || ByID(w.id) != s {
			t.Errorf("row %d is %v: hash %d, key %d, IV %d", i, s.ID, s.Hash.Size(), s.KeyLen, s.IVLen)
		}
		if !s.For(iana.TLS13) || s.For(iana.TLS12) {
			t.Errorf("%v: wrong versions", s.ID)
		}
		aead, err := s.AEAD(make([]byte, s.KeyLen))
		if err != nil || aead.NonceSize() != s.IVLen || aead.Overhead() > 255 {
			t.Errorf("%v: AEAD %v, %v", s.ID, aead, err)
		}
		if _, err := s.AEAD(make([]byte, s.KeyLen+1)); err == nil {
			t.Errorf("%v: takes a key of the wrong length", s.ID)
		}
	}
	if ByID(iana.TLS_AES_128_CCM_SHA256) != nil {
		t.Error("CCM is in the table")
	}
	all = All()
	all[0] = nil
	if All()[0] == nil {
		t.Error("a caller can change the table")
	}
}

// 2^24.5, as RFC 9846, Section 5.5, has it: the number before, not after.
func TestLimit(t *testing.T) {
	if want := uint64(math.Exp2(24.5)); ByID(iana.TLS_AES_128_GCM_SHA256).Limit != want {
		t.Errorf("want %d", want)
	}
}

// The client's Finished record of RFC 8448, Section 3, from the traffic
// secret on, is the proof that Install joins key schedule and record layer.
func TestInstall(t *testing.T) {
	secret, _ := hex.DecodeString("b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21")
	want, _ := hex.DecodeString("170303003575ec4dc238cce60b298044a71e219c56cc77b0517fe9b93c7a4bfc44d87f38f80338ac98fc46deb384bd1caeacab6867d726c40546")
	h := new(record.Half)
	if err := ByID(iana.TLS_AES_128_GCM_SHA256).Install(h, secret, 0); err != nil {
		t.Fatal(err)
	}
	finished, _ := hex.DecodeString("14000020a8ec436d677634ae525ac1fcebe11a039ec17694fac6e98527b642f2edd5ce61")
	got, err := h.Seal(nil, iana.ContentHandshake, finished, 0)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%v\n got %x\nwant %x", err, got, want)
	}
}

func TestEverySuiteProtects(t *testing.T) {
	for _, s := range ForVersion(iana.TLS13) {
		secret := keys.Secret(bytes.Repeat([]byte{7}, s.Hash.Size()))
		seal, open := new(record.Half), new(record.Half)
		for _, h := range []*record.Half{seal, open} {
			if err := s.Install(h, secret, 0); err != nil {
				t.Fatal(err)
			}
		}
		for _, text := range []string{"first", "second"} {
			rec, err := seal.Seal(nil, iana.ContentApplicationData, []byte(text), 3)
			if err != nil {
				t.Fatal(err)
			}
			if _, content, err := open.Open(rec); err != nil || string(content) != text {
				t.Errorf("%v: %q, %v", s.ID, content, err)
			}
		}
	}
}

// A lower limit replaces the suite's own, a higher one does not.
func TestInstallLimit(t *testing.T) {
	s := ByID(iana.TLS_AES_128_GCM_SHA256)
	h := new(record.Half)
	if err := s.Install(h, make(keys.Secret, 32), 1); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Seal(nil, iana.ContentApplicationData, nil, 0); err != nil || !h.NeedsUpdate() {
		t.Errorf("one record under a limit of one: %v", err)
	}
	if _, err := h.Seal(nil, iana.ContentApplicationData, nil, 0); err == nil {
		t.Error("the limit does not hold")
	}
}

// TestTable12: in TLS 1.2 a suite says what key signs and how nonces are made.
func TestTable12(t *testing.T) {
	all := ForVersion(iana.TLS12)
	if len(all) != 6 {
		t.Fatalf("%d suites", len(all))
	}
	for _, s := range all {
		if s.Auth == AnyKey || s.For(iana.TLS13) {
			t.Errorf("%v: %v", s.ID, s.Auth)
		}
		k := keys.WriteKeys{Key: make([]byte, s.KeyLen), IV: make([]byte, s.IVLen)}
		seal, open := new(record.Half), new(record.Half)
		if s.Install12(seal, k, 0) != nil || s.Install12(open, k, 0) != nil {
			t.Fatalf("%v: can't install", s.ID)
		}
		rec, err := seal.Seal(nil, iana.ContentApplicationData, []byte("hello"), 0)
		if err != nil || len(rec) != record.HeaderLen+s.Explicit+5+16 {
			t.Errorf("%v: a record of %d bytes, %v", s.ID, len(rec), err)
		}
		if _, got, err := open.Open(rec); err != nil || string(got) != "hello" {
			t.Errorf("%v: %q, %v", s.ID, got, err)
		}
	}
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ed, _, _ := ed25519.GenerateKey(rand.Reader)
	for _, test := range []struct {
		key               any
		any, ecdsa, isRSA bool
	}{{&ec.PublicKey, true, true, false}, {ed, true, true, false}, {&rsa.PublicKey{}, true, false, true}, {"rubbish", false, false, false}} {
		if AnyKey.Fits(test.key) != test.any || ECDSA.Fits(test.key) != test.ecdsa || RSA.Fits(test.key) != test.isRSA {
			t.Errorf("%T: %v %v %v", test.key, AnyKey.Fits(test.key), ECDSA.Fits(test.key), RSA.Fits(test.key))
		}
	}
}
