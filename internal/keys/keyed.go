package keys

import (
	"encoding"
	"hash"
	"sync"
)

// A keyed is HMAC with one key, for who authenticates more than once with it: what
// the hash makes of the padded key, half of the work with a short message, is done
// once. It is lent, and clean when it is given back.
type keyed struct {
	hash         Hash
	digest       resumable
	inner, outer []byte // digest behind the padded key, in room
	room         [2][maxState]byte
	buf          [maxBlock + maxShort]byte
	sum          digest
}

// maxState is the bytes that a hash of the standard library takes to be stored.
const maxState = 204

// resumable is what the hashes of the standard library can.
type resumable interface {
	hash.Hash
	encoding.BinaryAppender
	encoding.BinaryUnmarshaler
}

var keyeds = map[Hash]*sync.Pool{SHA256: pooled(SHA256), SHA384: pooled(SHA384)}

func pooled(h Hash) *sync.Pool {
	return &sync.Pool{New: func() any {
		d, ok := h.New().(resumable)
		if !ok {
			return (*keyed)(nil)
		}
		return &keyed{hash: h, digest: d}
	}}
}

// keyed is HMAC with key, or nil where the hash can't be resumed.
func (h Hash) keyed(key []byte) *keyed {
	pool := keyeds[h]
	if pool == nil {
		return nil
	}
	k := pool.Get().(*keyed)
	if k == nil {
		return nil
	}
	block := k.buf[:h.blockSize()]
	if len(key) > len(block) {
		sum := h.short(key)
		copy(block, sum[:h.Size()])
		clear(sum[:])
	} else {
		copy(block, key)
	}
	xor(block, &innerPad)
	var err error
	if k.inner, err = k.begin(block, k.room[0][:0]); err == nil {
		xor(block, &toOuter)
		k.outer, err = k.begin(block, k.room[1][:0])
	}
	clear(block)
	if err != nil {
		return nil
	}
	return k
}

// begin appends the state behind a block to dst.
func (k *keyed) begin(block, dst []byte) ([]byte, error) {
	k.digest.Reset()
	k.digest.Write(block)
	return k.digest.AppendBinary(dst)
}

// mac is HMAC(key, a || b), good until the next one. Longer than maxShort, the two
// must not be.
func (k *keyed) mac(a, b []byte) []byte {
	n := copy(k.buf[:], a)
	n += copy(k.buf[n:], b)
	k.from(k.inner)
	k.digest.Write(k.buf[:n])
	sum := k.digest.Sum(k.sum[:0])
	k.from(k.outer)
	k.digest.Write(sum)
	return k.digest.Sum(k.sum[:0])
}

// from goes on from a state, which is one that the same hash gave.
func (k *keyed) from(state []byte) {
	if err := k.digest.UnmarshalBinary(state); err != nil {
		panic("keys: a hash does not take its own state: " + err.Error())
	}
}

// giveBack ends the use of k, if there is one.
func (k *keyed) giveBack() {
	if k == nil {
		return
	}
	clear(k.room[0][:])
	clear(k.room[1][:])
	clear(k.buf[:])
	clear(k.sum[:])
	k.digest.Reset()
	k.digest.Write(k.buf[:k.hash.blockSize()-1]) // which is over what lies in it
	k.digest.Reset()
	keyeds[k.hash].Put(k)
}
