package record

import (
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"slices"
)

// NewCCM is AES-CCM with a nonce of 12 bytes and a tag of 16 or 8 bytes (RFC
// 3610; RFC 6655; NIST SP 800-38C). The libraries at hand allocate several times
// a record; this works in place and not at all. One goroutine at a time may use
// it.
func NewCCM(block cipher.Block, tag int) cipher.AEAD {
	return &ccm{block: block, tagLen: tag}
}

// ccm is CBC-MAC over nonce, additional data and content, then CTR over content
// and MAC. Three bytes count the content, since the nonce takes 12 of 15.
type ccm struct {
	block   cipher.Block
	tagLen  int
	mac     [16]byte // scratch, on the heap once instead of once per record
	counter [16]byte
	stream  [16]byte
}

const ccmCounter = 3 // bytes of the length and of the block counter

func (c *ccm) NonceSize() int { return 15 - ccmCounter }
func (c *ccm) Overhead() int  { return c.tagLen }

// authenticate leaves the tag, not yet encrypted, in mac.
func (c *ccm) authenticate(nonce, content, additional []byte) {
	c.mac = [16]byte{byte((c.tagLen-2)/2<<3 | (ccmCounter - 1))}
	copy(c.mac[1:], nonce)
	binary.BigEndian.PutUint16(c.mac[14:], uint16(len(content)))
	c.mac[13] = byte(len(content) >> 16)
	if len(additional) > 0 {
		c.mac[0] |= 1 << 6
	}
	c.block.Encrypt(c.mac[:], c.mac[:])
	if len(additional) > 0 {
		c.mac[0] ^= byte(len(additional) >> 8)
		c.mac[1] ^= byte(len(additional))
		n := subtle.XORBytes(c.mac[2:], c.mac[2:], additional)
		c.block.Encrypt(c.mac[:], c.mac[:])
		c.absorb(additional[n:])
	}
	c.absorb(content)
}

func (c *ccm) absorb(data []byte) {
	for len(data) > 0 {
		n := subtle.XORBytes(c.mac[:], c.mac[:], data)
		c.block.Encrypt(c.mac[:], c.mac[:])
		data = data[n:]
	}
}

// crypt encrypts or decrypts content in place, and the tag in mac.
func (c *ccm) crypt(nonce, content []byte) {
	c.counter = [16]byte{ccmCounter - 1}
	copy(c.counter[1:], nonce)
	c.block.Encrypt(c.stream[:], c.counter[:])
	subtle.XORBytes(c.mac[:], c.mac[:], c.stream[:])
	for i := uint32(1); len(content) > 0; i++ {
		binary.BigEndian.PutUint16(c.counter[14:], uint16(i))
		c.counter[13] = byte(i >> 16)
		c.block.Encrypt(c.stream[:], c.counter[:])
		content = content[subtle.XORBytes(content, content, c.stream[:]):]
	}
}

// Seal works in place where dst and content overlap from their beginning. Content
// and additional data have less than 2^24 and 0xff00 bytes, as in all of TLS.
func (c *ccm) Seal(dst, nonce, content, additional []byte) []byte {
	c.authenticate(nonce, content, additional)
	start := len(dst)
	dst = slices.Grow(dst, len(content)+c.tagLen)
	dst = append(dst, content...)
	c.crypt(nonce, dst[start:])
	return append(dst, c.mac[:c.tagLen]...)
}

var errCCM = errors.New("record: the tag of AES-CCM is wrong")

func (c *ccm) Open(dst, nonce, sealed, additional []byte) ([]byte, error) {
	n := len(sealed) - c.tagLen
	if n < 0 {
		return nil, errCCM
	}
	start := len(dst)
	dst = append(dst, sealed[:n]...)
	content, tag := dst[start:], sealed[n:]
	clear(c.mac[:])
	c.crypt(nonce, content)
	stream := c.mac // what the tag is encrypted with
	c.authenticate(nonce, content, additional)
	subtle.XORBytes(c.mac[:], c.mac[:], stream[:])
	if subtle.ConstantTimeCompare(c.mac[:c.tagLen], tag) != 1 {
		clear(content)
		return nil, errCCM
	}
	return dst, nil
}
