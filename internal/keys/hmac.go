package keys

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
)

// HMAC (RFC 2104) on the stack. A handshake makes dozens of them, each over a few
// dozen bytes, and the standard library's puts four objects on the heap for each.

const (
	maxSize  = 48  // bytes of the longest hash here
	maxBlock = 128 // bytes of its block
	maxShort = 576 // bytes of what HKDF-Expand-Label and the PRF authenticate in a handshake
)

// digest is the output of a hash, the first Size bytes.
type digest [maxSize]byte

// short is the hash of b, on the stack. MD5SHA1 has no such thing.
func (h Hash) short(b []byte) (d digest) {
	if h == SHA256 {
		sum := sha256.Sum256(b)
		copy(d[:], sum[:])
		return d
	}
	return sha512.Sum384(b)
}

var nothing256, nothing384 = SHA256.short(nil), SHA384.short(nil)

// ofNothing is the hash of no bytes, which the key schedule needs time and again.
func (h Hash) ofNothing() []byte {
	if h == SHA256 {
		return nothing256[:sha256.Size]
	}
	return nothing384[:]
}

func (h Hash) blockSize() int {
	if h == SHA256 {
		return sha256.BlockSize
	}
	return sha512.BlockSize
}

// hmac is HMAC(key, a || b || c). It neither keeps its arguments nor moves them to
// the heap.
func (h Hash) hmac(key, a, b, c []byte) (d digest) {
	n := len(a) + len(b) + len(c)
	if h == MD5SHA1 || n > maxShort {
		return h.longHMAC(bytes.Clone(key), bytes.Clone(a), bytes.Clone(b), bytes.Clone(c))
	}
	var buf [maxBlock + maxShort]byte
	block, size := h.blockSize(), h.Size()
	if len(key) > block {
		sum := h.short(key)
		copy(buf[:], sum[:size])
		clear(sum[:])
	} else {
		copy(buf[:], key)
	}
	xor(buf[:block], &innerPad)
	n = block + copy(buf[block:], a)
	n += copy(buf[n:], b)
	n += copy(buf[n:], c)
	d = h.short(buf[:n])
	xor(buf[:block], &toOuter)
	copy(buf[block:], d[:size])
	d = h.short(buf[:block+size])
	clear(buf[:n])
	return d
}

// The inner pad of HMAC, and what makes the outer one of it.
var (
	innerPad = pad(0x36)
	toOuter  = pad(0x36 ^ 0x5c)
)

func pad(with byte) (p [maxBlock]byte) {
	for i := range p {
		p[i] = with
	}
	return p
}

func xor(b []byte, with *[maxBlock]byte) { subtle.XORBytes(b, b, with[:]) }

func (h Hash) longHMAC(key, a, b, c []byte) (d digest) {
	defer clear(key)
	mac := hmac.New(h.New, key)
	mac.Write(a)
	mac.Write(b)
	mac.Write(c)
	mac.Sum(d[:0])
	return d
}
