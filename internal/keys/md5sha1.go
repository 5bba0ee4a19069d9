package keys

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/subtle"
	"hash"
)

// MD5 and SHA-1 are broken. They are here because TLS 1.0 and 1.1 know nothing
// else; whoever turns those on by name accepts it. Both are used side by side:
// RFC 2246 hoped that one would hold if the other fell.

// md5sha1 is the transcript hash of TLS 1.0 and 1.1, MD5 before SHA-1 (RFC 2246
// and RFC 4346, Section 7.4.9).
type md5sha1 struct{ md5, sha1 hash.Hash }

func newMD5SHA1() hash.Hash { return &md5sha1{md5.New(), sha1.New()} }

func (d *md5sha1) Write(p []byte) (int, error) {
	d.md5.Write(p)
	return d.sha1.Write(p)
}

func (d *md5sha1) Sum(b []byte) []byte { return d.sha1.Sum(d.md5.Sum(b)) }

func (d *md5sha1) Reset() {
	d.md5.Reset()
	d.sha1.Reset()
}

func (d *md5sha1) Size() int      { return md5.Size + sha1.Size }
func (d *md5sha1) BlockSize() int { return md5.BlockSize }

// sumMD5SHA1 is the PRF of TLS 1.0 and 1.1: P_MD5 with the first half of the
// secret XOR P_SHA-1 with the second. Of an odd secret both have the middle byte.
func sumMD5SHA1(secret, seed []byte, n int) []byte {
	half := (len(secret) + 1) / 2
	out := expand(md5.New, secret[:half], seed, n)
	other := expand(sha1.New, secret[len(secret)-half:], seed, n)
	defer clear(other)
	subtle.XORBytes(out, out, other)
	return out
}
