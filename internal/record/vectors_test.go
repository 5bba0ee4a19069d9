package record

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// TestCBCVectors holds CBC with a MAC inside, sealing and opening, to the vectors of
// BoringSSL, which lie in crypto/cipher/test of a checkout that BORINGSSL names. They
// have content, padding and MAC of every length around a block, and most of them
// something wrong in it.
func TestCBCVectors(t *testing.T) {
	dir := os.Getenv("BORINGSSL")
	if dir == "" {
		t.Skip("the vectors are not beside the repository: see BORINGSSL in docs/testing.md")
	}
	for _, file := range []struct {
		name    string
		version iana.Version // decides where the IV comes from
		keyLen  int
		block   func(key []byte) (cipher.Block, error)
		hash    func() hash.Hash
	}{
		{"aes_128_cbc_sha1_tls", iana.TLS12, 16, aes.NewCipher, sha1.New},
		{"aes_256_cbc_sha1_tls", iana.TLS12, 32, aes.NewCipher, sha1.New},
		{"aes_128_cbc_sha256_tls", iana.TLS12, 16, aes.NewCipher, sha256.New},
		{"des_ede3_cbc_sha1_tls", iana.TLS12, 24, des.NewTripleDESCipher, sha1.New},
		{"aes_128_cbc_sha1_tls_implicit_iv", iana.TLS10, 16, aes.NewCipher, sha1.New},
		{"aes_256_cbc_sha1_tls_implicit_iv", iana.TLS10, 32, aes.NewCipher, sha1.New},
		{"des_ede3_cbc_sha1_tls_implicit_iv", iana.TLS10, 24, des.NewTripleDESCipher, sha1.New},
	} {
		t.Run(file.name, func(t *testing.T) {
			all := cbcVectors(t, filepath.Join(dir, "crypto", "cipher", "test", file.name+"_tests.txt"))
			opened, sealed := 0, 0
			for i, v := range all {
				macLen := file.hash().Size()
				block, err := file.block(v["KEY"][macLen : macLen+file.keyLen])
				if err != nil {
					t.Fatal(err)
				}
				end := func(open bool) *cbc {
					o := CBC{Version: file.version, Block: block, Hash: file.hash, MACKey: v["KEY"][:macLen], IV: v["KEY"][macLen+file.keyLen:], Open: open}
					if first := bytes.Clone(v["NONCE"]); len(first) > 0 { // the IV that comes of a first block
						block.Decrypt(first, first)
						o.Rand = bytes.NewReader(first)
					}
					p := newCBC(o)
					p.version = iana.Version(binary.BigEndian.Uint16(v["AD"][9:])) // any at all
					return p
				}
				seq, kind := binary.BigEndian.Uint64(v["AD"]), iana.ContentType(v["AD"][8])
				rec := appendHeader(nil, kind, end(true).version, 0)
				rec = slices.Concat(rec, v["NONCE"], v["CT"], v["TAG"])
				binary.BigEndian.PutUint16(rec[3:], uint16(len(rec)-HeaderLen))
				if v["NO_SEAL"] == nil && v["FAILS"] == nil {
					sealed++
					if got := end(false).seal(nil, seq, kind, v["IN"], 0); !bytes.Equal(got, rec) {
						t.Errorf("vector %d: sealed to\n%x, want\n%x", i, got, rec)
					}
				}
				switch _, got, err := end(true).open(seq, rec); {
				case v["FAILS"] != nil && !errors.Is(err, fault.BadRecordMAC):
					t.Errorf("vector %d opens: %v", i, err)
				case v["FAILS"] == nil && (err != nil || !bytes.Equal(got, v["IN"])):
					t.Errorf("vector %d: %x, %v; want %x", i, got, err, v["IN"])
				case v["FAILS"] == nil:
					opened++
				}
			}
			t.Logf("%d vectors: %d opened, %d sealed", len(all), opened, sealed)
			if opened == 0 || sealed == 0 || opened == len(all) {
				t.Error("they are not what they were")
			}
		})
	}
}

// cbcVectors are the paragraphs of a file, by field.
func cbcVectors(t *testing.T, file string) (all []map[string][]byte) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for paragraph := range strings.SplitSeq(string(text), "\n\n") {
		v := make(map[string][]byte)
		for line := range strings.Lines(paragraph) {
			name, value, ok := strings.Cut(strings.TrimSpace(line), ": ")
			if !ok || strings.HasPrefix(name, "#") {
				continue
			}
			if v[name], err = hex.DecodeString(strings.TrimSpace(value)); err != nil && name != "TAG_LEN" {
				t.Fatalf("%s: %s: %v", file, name, err)
			}
		}
		if v["KEY"] != nil {
			all = append(all, v)
		}
	}
	return all
}
