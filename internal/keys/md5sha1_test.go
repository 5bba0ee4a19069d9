package keys

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/handclasp/handclasp/fault"
)

// NIST's CAVP vector for TLS 1.0 and 1.1 (SP 800-135), through the whole
// schedule.
func TestSchedule10(t *testing.T) {
	master := MD5SHA1.MasterSecret(
		unhex(t, "bded7fa5c1699c010be23dd06ada3a48349f21e5f86263d512c0c5cc379f0e780ec55d9844b2f1db02a96453513568d0"),
		unhex(t, "e5acaf549cd25c22d964c0d930fa4b5261d2507fad84c33715b7b9a864020693"),
		unhex(t, "135e4d557fdf3aa6406d82975d5c606a9734c9334b42136e96990fbd5358cdb2"))
	if want := unhex(t, "2f6962dfbc744c4b2138bb6b3d33054c5ecc14f24851d9896395a44ab3964efc2090c5bf51a0891209f46c1e1e998f62"); !bytes.Equal(master, want) {
		t.Errorf("master secret:\n got %x\nwant %x", []byte(master), want)
	}
	s := NewMaster12(MD5SHA1, master,
		unhex(t, "d58a7b1cd4fedaa232159df652ce188f9d997e061b9bf48e83b62990440931f6"),
		unhex(t, "67267e650eb32444119d222a368c191af3082888dc35afe8368e638c828874be"))
	client, server := s.KeyBlock(20, 16, 16)
	got := slices.Concat(client.MAC, server.MAC, client.Key, server.Key, client.IV, server.IV)
	if want := unhex(t, "3088825988e77fce68d19f756e18e43eb7fe672433504feaf99b3c503d9091b164f166db301d70c9fc0870b4a94563907bee1a61fb786cb717576890bcc51cb9ead97e01d0a2fea99c953377b195205ff07b369589178796edc963fd80fdbe518a2fc1c35c18ae8d"); !bytes.Equal(got, want) {
		t.Errorf("key block:\n got %x\nwant %x", got, want)
	}
}

// Of a secret of 29 bytes both halves have the middle byte. The value is that of
// OpenSSL's TLS1-PRF.
func TestPRF10OddSecret(t *testing.T) {
	secret := make([]byte, 29)
	for i := range secret {
		secret[i] = byte(i)
	}
	want := unhex(t, "cd93946ba80bc813e94c25cb9011d98dc528a035481291569eebef373fedf052550ac518990ef92ac82c018e42c1b37a30014165df6b7844ce08cb6b2f05f767845d9e5c6c2c39b623db42")
	for n := range len(want) + 1 {
		if got := MD5SHA1.PRF(secret, "odd", []byte{1, 2, 3, 4, 5}, n); !bytes.Equal(got, want[:n]) || cap(got) != n {
			t.Fatalf("%d bytes:\n got %x\nwant %x", n, got, want[:n])
		}
	}
	if secret[14] != 14 || len(MD5SHA1.PRF(nil, "", nil, 40)) != 40 {
		t.Error("the secret was changed, or an empty one gives nothing")
	}
}

// Finished, session hash and exporter use the hash of 36 bytes and the PRF with
// the labels of every version (RFC 4346, Section 7.4.9; RFC 7627; RFC 5705).
func TestLabels10(t *testing.T) {
	th := MD5SHA1.Sum([]byte("messages"))
	premaster := bytes.Repeat([]byte{3}, 48)
	if got, want := MD5SHA1.ExtendedMasterSecret(premaster, th), MD5SHA1.PRF(premaster, "extended master secret", th, 48); !bytes.Equal(got, want) {
		t.Errorf("extended master secret %x, want %x", []byte(got), want)
	}
	randoms := strings.Repeat("c", 32) + strings.Repeat("s", 32)
	s := NewMaster12(MD5SHA1, bytes.Repeat([]byte{7}, 48), []byte(randoms[:32]), []byte(randoms[32:]))
	if got, want := s.Finished(fault.Server, th), MD5SHA1.PRF(s.secret, "server finished", th, 12); !bytes.Equal(got, want) {
		t.Errorf("Finished %x, want %x", got, want)
	}
	got, err := s.Export("EXPORTER-test", nil, 40)
	if want := MD5SHA1.PRF(s.secret, "EXPORTER-test", []byte(randoms), 40); err != nil || !bytes.Equal(got, want) {
		t.Errorf("exporter %x, want %x, %v", got, want, err)
	}
	if _, err := s.Export("x", nil, 255*36+1); !errors.Is(err, fault.ExportLength) {
		t.Errorf("too long: %v", err)
	}
}

// The transcript hash is MD5 and SHA-1 in a row. Its sum may be asked for at any
// point, and Reset begins anew.
func TestMD5SHA1(t *testing.T) {
	if got, want := MD5SHA1.Sum([]byte("messages")), unhex(t, "de70938849b75d3db63bba421c93e01817f3467db103e03ea7354dd6da9a32c1ed2a07e8"); !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
	h := MD5SHA1.New()
	if MD5SHA1.Size() != 36 || h.Size() != 36 || h.BlockSize() != 64 || MD5SHA1.String() != "MD5+SHA1" {
		t.Errorf("sizes %d, %d, %d, name %v", MD5SHA1.Size(), h.Size(), h.BlockSize(), MD5SHA1)
	}
	both := func(text string) []byte {
		m, s := md5.Sum([]byte(text)), sha1.Sum([]byte(text))
		return slices.Concat([]byte("kept"), m[:], s[:])
	}
	text := ""
	for _, piece := range []string{"client", " hello"} {
		text += piece
		n, err := h.Write([]byte(piece))
		if got := h.Sum([]byte("kept")); !bytes.Equal(got, both(text)) || err != nil || n != len(piece) {
			t.Errorf("%q: got %x, want %x; wrote %d, %v", text, got, both(text), n, err)
		}
	}
	h.Reset()
	if got := h.Sum([]byte("kept")); !bytes.Equal(got, both("")) {
		t.Errorf("after Reset: %x", got)
	}
	tr := NewTranscript()
	tr.Write([]byte("mess"))
	tr.Start(MD5SHA1)
	tr.Write([]byte("ages"))
	if !bytes.Equal(tr.Sum(), MD5SHA1.Sum([]byte("messages"))) {
		t.Errorf("transcript %x", tr.Sum())
	}
}
