package keys

import (
	"bytes"
	"crypto/hmac"
	"slices"
	"testing"
)

// TestKeyed: HMAC with a key that is kept is the standard library's, whatever the
// lengths, and of the key and what was authenticated nothing stays behind.
func TestKeyed(t *testing.T) {
	for _, h := range []Hash{SHA256, SHA384} {
		block := h.blockSize()
		for _, n := range []int{0, 1, 32, 48, block - 1, block, block + 1, 3 * block} {
			key := bytes.Repeat([]byte{0xab}, n)
			k := h.keyed(key)
			for _, m := range []int{0, 1, 55, 56, block - 9, block, block + 1, maxShort - 7} {
				a, b := bytes.Repeat([]byte{1}, m), []byte("behind")
				want := hmac.New(h.New, key)
				want.Write(slices.Concat(a, b))
				if got := k.mac(a, b); !bytes.Equal(got, want.Sum(nil)) {
					t.Errorf("%v, a key of %d bytes, a message of %d: %x", h, n, m, got)
				}
			}
			k.giveBack()
			state, err := k.digest.AppendBinary(nil)
			if err != nil {
				t.Fatal(err)
			}
			fresh, err := h.New().(resumable).AppendBinary(nil)
			if err != nil {
				t.Fatal(err)
			}
			if k.room != [2][maxState]byte{} || k.buf != [maxBlock + maxShort]byte{} || k.sum != (digest{}) || !bytes.Equal(state, fresh) {
				t.Errorf("%v, a key of %d bytes: something stays behind", h, n)
			}
		}
	}
	var none *keyed
	none.giveBack()
	if MD5SHA1.keyed(nil) != nil {
		t.Error("MD5 with SHA-1 is no hash of the standard library")
	}
}
