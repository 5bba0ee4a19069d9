package suite

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
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
	all := Defaults()[:3]
	if len(ForVersion(iana.TLS13)) != len(want)+2 {
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
	if ByID(0x0002) != nil {
		t.Error("NULL is in the table")
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
	all := Defaults()[3:]
	if len(all) != 6 {
		t.Fatalf("%d suites", len(all))
	}
	for _, s := range all {
		if s.Auth == AnyKey || s.For(iana.TLS13) {
			t.Errorf("%v: %v", s.ID, s.Auth)
		}
		k := keys.WriteKeys{Key: make([]byte, s.KeyLen), IV: make([]byte, s.IVLen)}
		seal, open := new(record.Half), new(record.Half)
		if s.Install12(seal, k, Options12{Version: iana.TLS12}, 0) != nil || s.Install12(open, k, Options12{Version: iana.TLS12, Open: true}, 0) != nil {
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

// TestNamed: the table says of each suite what its registered name says.
func TestNamed(t *testing.T) {
	if len(All()) != 90 || len(Defaults()) != 9 {
		t.Errorf("%d suites, %d of them defaults", len(All()), len(Defaults()))
	}
	seen := make(map[iana.CipherSuite]bool)
	weak := false // past the last suite with forward secrecy
	for _, s := range All() {
		name := s.ID.String()
		if seen[s.ID] {
			t.Errorf("%s stands twice", name)
		}
		seen[s.ID] = true
		bits := map[bool]int{true: 16, false: 32}[strings.Contains(name, "_128_")]
		if strings.Contains(name, "3DES") {
			bits = 24
		}
		hash := keys.SHA256
		if strings.HasSuffix(name, "SHA384") {
			hash = keys.SHA384
		}
		mac := map[string]crypto.Hash{"A": crypto.SHA1, "6": crypto.SHA256, "4": crypto.SHA384}[name[len(name)-1:]]
		if !strings.Contains(name, "CBC") {
			mac = 0
		}
		if s.KeyLen != bits || s.Hash != hash || s.MAC != mac || s.CBC() != strings.Contains(name, "CBC") || s.Exchange != s.ID.KeyExchange() {
			t.Errorf("%s: key of %d bytes, %v, MAC %v, CBC %v, %v", name, s.KeyLen, s.Hash, s.MAC, s.CBC(), s.Exchange)
		}
		if s.For(iana.TLS11) != (strings.HasSuffix(name, "_CBC_SHA")) {
			t.Errorf("%s: TLS 1.1 may negotiate it: %v", name, s.For(iana.TLS11))
		}
		if weak = weak || !s.ForwardSecret(); weak && s.ForwardSecret() && !strings.Contains(name, "3DES") {
			t.Errorf("%s has forward secrecy and stands behind one that has not", name)
		}
		if tag := map[bool]int{true: 8, false: 16}[strings.Contains(name, "CCM_8")]; s.AEAD != nil {
			if aead, err := s.AEAD(make([]byte, s.KeyLen)); err != nil || aead.Overhead() != tag {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestEveryNamedSuiteProtects: what one side seals, the other opens, in each
// version and, where there is a choice, in both orders of encryption and MAC.
func TestEveryNamedSuiteProtects(t *testing.T) {
	for _, s := range All() {
		for _, v := range []iana.Version{iana.TLS12, iana.TLS11, iana.TLS10} {
			for _, etm := range []bool{false, true} {
				if !s.For(v) || etm && !s.CBC() {
					continue
				}
				mac, key, iv := s.Lengths(v)
				k := keys.WriteKeys{MAC: make([]byte, mac), Key: make([]byte, key), IV: make([]byte, iv)}
				for i := range k.Key {
					k.Key[i] = byte(i)
				}
				seal, open := new(record.Half), new(record.Half)
				for _, h := range []*record.Half{seal, open} {
					h.SetVersion(v)
					if err := s.Install12(h, k, Options12{Version: v, EncryptThenMAC: etm, Rand: rand.Reader, Open: h == open}, 0); err != nil {
						t.Fatal(err)
					}
				}
				for n := range 70 {
					text := bytes.Repeat([]byte{byte(n)}, n)
					rec, err := seal.Seal(nil, iana.ContentApplicationData, text, 0)
					if err != nil {
						t.Fatal(err)
					}
					var got []byte
					for len(rec) > 0 {
						size := record.HeaderLen + int(rec[3])<<8 + int(rec[4])
						if rec[1] != byte(v>>8) || rec[2] != byte(v) {
							t.Fatalf("%v: a record of %x", v, rec[1:3])
						}
						_, content, err := open.Open(rec[:size])
						if err != nil {
							t.Fatalf("%v, %v, %d bytes: %v", s.ID, v, n, err)
						}
						got, rec = append(got, content...), rec[size:]
					}
					if !bytes.Equal(got, text) {
						t.Fatalf("%v, %v: %x, want %x", s.ID, v, got, text)
					}
				}
			}
		}
	}
}

// TestWycheproofChaCha20Poly1305: golang.org/x/crypto's, as the suites use it, with
// vectors of C2SP/wycheproof, which lies beside the repository and not in it.
func TestWycheproofChaCha20Poly1305(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "vectors", "wycheproof", "chacha20_poly1305_test.json"))
	if errors.Is(err, fs.ErrNotExist) && os.Getenv("CI") != "true" {
		t.Skip("the Wycheproof vectors are not on this machine; CI has them")
	}
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		TestGroups []struct {
			IVSize int
			Tests  []struct {
				ID                                 int `json:"tcId"`
				Key, IV, AAD, Msg, CT, Tag, Result string
			}
		}
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	seen := 0
	for _, g := range doc.TestGroups {
		if g.IVSize != 96 {
			continue
		}
		for _, v := range g.Tests {
			seen++
			aead, err := ByID(iana.TLS_CHACHA20_POLY1305_SHA256).AEAD(unhex(v.Key))
			if err != nil {
				t.Fatal(err)
			}
			sealed := append(unhex(v.CT), unhex(v.Tag)...)
			got, err := aead.Open(nil, unhex(v.IV), sealed, unhex(v.AAD))
			if (err == nil) != (v.Result == "valid") || err == nil && !bytes.Equal(got, unhex(v.Msg)) {
				t.Errorf("%d: opens to %x, %v; is %s", v.ID, got, err, v.Result)
			}
			if v.Result == "valid" && !bytes.Equal(aead.Seal(nil, unhex(v.IV), unhex(v.Msg), unhex(v.AAD)), sealed) {
				t.Errorf("%d: seals to something else", v.ID)
			}
		}
	}
	if seen < 100 {
		t.Errorf("only %d vectors", seen)
	}
}
