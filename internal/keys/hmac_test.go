package keys

import (
	"bytes"
	"crypto/hmac"
	"testing"
)

// TestHMAC compares with the standard library's at all lengths around blocks and
// around what fits on the stack.
func TestHMAC(t *testing.T) {
	data := bytes.Repeat([]byte{1, 2, 3, 5, 7, 11, 13}, 200)
	for _, h := range []Hash{SHA256, SHA384, MD5SHA1} {
		for _, key := range []int{0, 1, 32, 48, 63, 64, 65, 127, 128, 129, 300} {
			for _, n := range []int{0, 1, 55, 56, 64, 111, 112, 128, maxShort - 1, maxShort, maxShort + 1, 1000} {
				a, b := n/3, n/2
				got := h.hmac(data[:key], data[:a], data[a:b], data[b:n])
				mac := hmac.New(h.New, data[:key])
				mac.Write(data[:n])
				if !bytes.Equal(got[:h.Size()], mac.Sum(nil)) {
					t.Errorf("%v, key of %d bytes, %d bytes", h, key, n)
				}
			}
		}
	}
}
