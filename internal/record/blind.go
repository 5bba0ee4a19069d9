package record

import (
	"encoding"
	"encoding/binary"
	"hash"
	"math/bits"
)

// A blindMAC is HMAC over data whose length is a secret (Lucky 13). What it does
// depends only on how long the data can be: the hash function gets whole blocks, the
// same number of them each time, and its state is read after each that may be the
// last. The block that is the last is made by masks, and its state picked by one.
//
// The hash function has to give its state away, as those of the standard library do
// by AppendBinary: four bytes that name it, and the state.
type blindMAC struct {
	hash         hash.Hash
	inner, outer []byte // the key, ready for the two passes of HMAC
	size         int    // bytes of the MAC
	shift        int    // 1<<shift bytes are a block of the hash function
	trailer      int    // bytes of the hash function's own padding, at least: 0x80 and the length

	block []byte // scratch
	state []byte // scratch
	mac   []byte // scratch
}

const stateName = 4 // bytes before the state

func newBlindMAC(h func() hash.Hash, key []byte) *blindMAC {
	m := &blindMAC{hash: h()}
	n := m.hash.BlockSize()
	m.size, m.shift, m.trailer = m.hash.Size(), bits.Len(uint(n))-1, 1+n/8 // 8 bytes of length, or 16 with SHA-384
	m.inner, m.outer, m.block = make([]byte, n), make([]byte, n), make([]byte, n)
	m.state, m.mac = make([]byte, 0, 2*n+128), make([]byte, m.size)
	if len(key) > n {
		m.hash.Write(key)
		key = m.hash.Sum(nil)
	}
	copy(m.inner, key)
	copy(m.outer, key)
	for i := range n {
		m.inner[i] ^= 0x36
		m.outer[i] ^= 0x5c
	}
	return m
}

// sum is the MAC over header and data[:n], where n is a secret between least and
// most. It lives until the next call. Bytes of data behind n are looked at, and
// count for nothing.
func (m *blindMAC) sum(header, data []byte, n, least, most int) []byte {
	head, size := len(header), 1<<m.shift
	end := head + n
	first, last := (head+least)>>m.shift, m.final(head+most) // the data may end in the first
	final := m.final(end)

	m.hash.Reset()
	m.hash.Write(m.inner)
	if whole := first<<m.shift - head; whole >= 0 {
		m.hash.Write(header)
		m.hash.Write(data[:whole])
	}
	clear(m.mac)
	length := uint64(size+end) * 8
	for i := first; i <= last; i++ {
		for j := range m.block {
			at := i<<m.shift + j
			var b byte
			switch { // where at lies is no secret
			case at < head:
				b = header[at]
			case at-head < len(data):
				b = data[at-head]
			}
			m.block[j] = b&below(at, end) | 0x80&same(at, end)
		}
		is := same(i, final)
		var tail [8]byte
		binary.BigEndian.PutUint64(tail[:], length)
		for j, b := range tail {
			m.block[size-len(tail)+j] |= b & is
		}
		m.hash.Write(m.block)
		m.state, _ = m.hash.(encoding.BinaryAppender).AppendBinary(m.state[:0])
		for j := range m.mac {
			m.mac[j] |= m.state[stateName+j] & is
		}
	}
	m.hash.Reset()
	m.hash.Write(m.outer)
	m.hash.Write(m.mac)
	return m.hash.Sum(m.mac[:0])
}

// final is the number of the last block if end bytes come behind the key's.
func (m *blindMAC) final(end int) int { return (end+m.trailer+(1<<m.shift)-1)>>m.shift - 1 }

func (m *blindMAC) wipe() {
	for _, b := range [][]byte{m.inner, m.outer, m.block, m.state[:cap(m.state)], m.mac} {
		clear(b)
	}
	m.hash.Reset()
}

// below is 0xff if a < b, else 0; same is 0xff if a = b, else 0. Both are for numbers
// from 0 to 2^31-1, and take the same time for all of them.
func below(a, b int) byte { return byte((a - b) >> 31) }
func same(a, b int) byte  { return byte(((a ^ b) - 1) >> 31) }
