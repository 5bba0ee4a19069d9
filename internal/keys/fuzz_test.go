package keys

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"hash"
	"testing"
)

// FuzzDerivation holds our own HMAC, HKDF and PRF, which stay on the stack, to the
// standard library's.
func FuzzDerivation(f *testing.F) {
	f.Add([]byte("secret"), []byte("label"), []byte("context"), uint16(32))
	f.Add(make([]byte, 129), make([]byte, 249), make([]byte, 255), uint16(12000))
	f.Add([]byte{}, []byte{}, bytes.Repeat([]byte{1}, maxShort), uint16(1))
	f.Fuzz(func(t *testing.T, secret, label, context []byte, n uint16) {
		for _, h := range []Hash{SHA256, SHA384, MD5SHA1} {
			mac := func(key []byte, parts ...[]byte) []byte {
				m := hmac.New(func() hash.Hash { return h.New() }, key)
				for _, p := range parts {
					m.Write(p)
				}
				return m.Sum(nil)
			}
			if got := h.hmac(secret, label, context, nil); !bytes.Equal(got[:h.Size()], mac(secret, label, context)) {
				t.Fatalf("%v: HMAC of %x under %x", h, label, secret)
			}
			if k := h.keyed(secret); k != nil && len(label)+len(context) <= maxShort {
				if got := k.mac(label, context); !bytes.Equal(got, mac(secret, label, context)) {
					t.Fatalf("%v: HMAC of %x under %x, which is kept", h, label, secret)
				}
				k.giveBack()
			}
			if h == MD5SHA1 {
				continue // its PRF is made of the standard library's HMACs
			}
			var want []byte
			seed := append(bytes.Clone(label), context...)
			for a := mac(secret, seed); len(want) < int(n); a = mac(secret, a) {
				want = append(want, mac(secret, a, seed)...)
			}
			if got := h.PRF(secret, string(label), context, int(n)); !bytes.Equal(got, want[:n]) {
				t.Fatalf("%v: PRF", h)
			}
			extracted, err := hkdf.Extract(h.New, secret, label)
			if err != nil {
				t.Fatal(err)
			}
			if got := h.extract(new(Room), label, secret); secret != nil && !bytes.Equal(got, extracted) {
				t.Fatalf("%v: HKDF-Extract", h)
			}
			if len(label) > maxLabel || len(context) > maxContext || int(n) > 255*h.Size() {
				continue
			}
			info := append([]byte{byte(n >> 8), byte(n), byte(6 + len(label))}, "tls13 "...)
			info = append(append(append(info, label...), byte(len(context))), context...)
			expanded, err := hkdf.Expand(h.New, secret, string(info), int(n))
			if err != nil {
				t.Fatal(err)
			}
			if got := h.ExpandLabel(secret, string(label), context, int(n)); !bytes.Equal(got, expanded) {
				t.Fatalf("%v: HKDF-Expand-Label", h)
			}
		}
	})
}
