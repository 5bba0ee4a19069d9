package record

import (
	"crypto/cipher"
	"crypto/hmac"
	"crypto/subtle"
	"encoding/binary"
	"hash"
	"io"
	"slices"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// A CBC is what protects records with a block cipher and a MAC of its own (RFC
// 5246, Section 6.2.3.2; RFC 4346; RFC 2246).
type CBC struct {
	Version        iana.Version // TLS 1.0 to 1.2
	Block          cipher.Block // 8 or 16 bytes a block
	Hash           func() hash.Hash
	MACKey         []byte
	IV             []byte    // of the first record; in TLS 1.0 alone it is not empty
	EncryptThenMAC bool      // RFC 7366
	Rand           io.Reader // of the sender's IVs, TLS 1.1 and above
	Open           bool      // this side reads
}

// InstallCBC protects what follows with o and starts at sequence number 0. Limit
// is as in Install12.
//
// Where the MAC stands inside the encryption, opening a record takes the same steps
// whatever its padding says, and what is wrong with it can't be told from outside
// (Lucky 13): see blindMAC. Hash must be one of the standard library's.
func (h *Half) InstallCBC(o CBC, limit uint64) {
	h.install(newCBC(o), limit)
	h.fluid = true
	h.splits = o.Version <= iana.TLS10
}

// cbc is the protection. It works on a chain that goes on from record to record,
// as TLS 1.0 has it. From TLS 1.1 on, each record starts with a block of random
// bytes that is encrypted with it and means nothing: to the peer that is the
// explicit IV, and as unforeseeable (RFC 4346, Section 6.2.3.2).
type cbc struct {
	version  iana.Version
	mode     cipher.BlockMode
	mac      hash.Hash
	blind    *blindMAC // of who reads where the MAC is encrypted; else nil
	block    int       // bytes of the cipher's block
	explicit int       // bytes before the content: a block, or none in TLS 1.0
	etm      bool
	rand     io.Reader

	header [13]byte // scratch: what the MAC covers before the content
	sum    []byte   // scratch
	got    []byte   // scratch: the MAC that came
	turned []byte   // scratch
}

func newCBC(o CBC) *cbc {
	p := &cbc{version: o.Version, mac: hmac.New(o.Hash, o.MACKey), block: o.Block.BlockSize(), etm: o.EncryptThenMAC, rand: o.Rand}
	iv := o.IV
	if o.Version > iana.TLS10 {
		p.explicit, iv = p.block, make([]byte, p.block)
	}
	if o.Open {
		p.mode = cipher.NewCBCDecrypter(o.Block, iv)
	} else {
		p.mode = cipher.NewCBCEncrypter(o.Block, iv)
	}
	if o.Open && !o.EncryptThenMAC {
		p.blind = newBlindMAC(o.Hash, o.MACKey)
	}
	p.sum, p.got, p.turned = make([]byte, 0, p.mac.Size()), make([]byte, p.mac.Size()), make([]byte, p.mac.Size())
	return p
}

func (p *cbc) overhead() int { return p.explicit + p.mac.Size() + p.block }
func (p *cbc) most() int     { return MaxCiphertext12 }

func (p *cbc) wipe() {
	clear(p.sum[:cap(p.sum)])
	clear(p.got)
	clear(p.turned)
	if p.blind != nil {
		p.blind.wipe()
	}
}

// tag computes the MAC over a record: sequence number, type, version, length and
// data (RFC 5246, Section 6.2.3.1).
func (p *cbc) tag(seq uint64, t iana.ContentType, data []byte) []byte {
	p.mac.Reset()
	p.mac.Write(p.head(seq, t, len(data)))
	p.mac.Write(data)
	p.sum = p.mac.Sum(p.sum[:0])
	return p.sum
}

// head is what the MAC covers before n bytes of data.
func (p *cbc) head(seq uint64, t iana.ContentType, n int) []byte {
	binary.BigEndian.PutUint64(p.header[:], seq)
	p.header[8], p.header[9], p.header[10] = byte(t), byte(p.version>>8), byte(p.version)
	binary.BigEndian.PutUint16(p.header[11:], uint16(n))
	return p.header[:]
}

func (p *cbc) seal(dst []byte, seq uint64, t iana.ContentType, payload []byte, _ int) []byte {
	dst = slices.Grow(dst, HeaderLen+len(payload)+p.overhead())
	at := len(dst)
	dst = appendHeader(dst, t, p.version, 0)
	start := len(dst)
	dst = dst[:start+p.explicit]
	if p.explicit > 0 {
		if _, err := io.ReadFull(p.rand, dst[start:]); err != nil {
			return dst[:at]
		}
	}
	dst = append(dst, payload...)
	if !p.etm {
		dst = append(dst, p.tag(seq, t, payload)...)
	}
	pad := p.block - (len(dst)-start)%p.block
	for range pad {
		dst = append(dst, byte(pad-1))
	}
	p.mode.CryptBlocks(dst[start:], dst[start:])
	if p.etm {
		dst = append(dst, p.tag(seq, t, dst[start:])...)
	}
	binary.BigEndian.PutUint16(dst[start-2:], uint16(len(dst)-start))
	return dst
}

func (p *cbc) open(seq uint64, rec []byte) (iana.ContentType, []byte, error) {
	t, body := iana.ContentType(rec[0]), rec[HeaderLen:]
	inside := p.mac.Size() // bytes of MAC under the encryption
	if p.etm {
		n := len(body) - inside
		if n < 0 || !hmac.Equal(p.tag(seq, t, body[:max(n, 0)]), body[max(n, 0):]) {
			return 0, nil, fault.BadRecordMAC.New()
		}
		body, inside = body[:n], 0
	}
	if len(body)%p.block != 0 || len(body) < p.explicit+max(p.block, inside+1) {
		return 0, nil, fault.BadRecordMAC.New()
	}
	p.mode.CryptBlocks(body, body)
	body = body[p.explicit:]
	n, good := unpadCBC(body, inside)
	if !p.etm {
		good &= p.check(seq, t, body, n)
	}
	if good != 1 {
		return 0, nil, fault.BadRecordMAC.New()
	}
	if n > MaxPlaintext {
		return 0, nil, overflow("fragment", n, MaxPlaintext)
	}
	return t, body[:n], nil
}

// unpadCBC finds how many bytes of body are content, with a MAC of macLen bytes
// behind it, and whether the padding is right: its last byte counts those before
// it, and each holds that number (RFC 5246, Section 6.2.3.2). Of a record that
// is wrong as little padding as possible is taken off. It runs in constant time.
func unpadCBC(body []byte, macLen int) (n, good int) {
	last := body[len(body)-1]
	good = subtle.ConstantTimeLessOrEq(int(last)+1+macLen, len(body))
	for i := range min(256, len(body)) {
		within := subtle.ConstantTimeLessOrEq(i, int(last))
		same := subtle.ConstantTimeByteEq(body[len(body)-1-i], last)
		good &= 1 ^ within&(1^same)
	}
	pad := subtle.ConstantTimeSelect(good, int(last), 0)
	return len(body) - macLen - pad - 1, good
}

// check reports whether the MAC behind the first n bytes of body is theirs. N is
// a secret; len(body) is not.
func (p *cbc) check(seq uint64, t iana.ContentType, body []byte, n int) int {
	most := len(body) - p.mac.Size() - 1 // as little padding as possible
	want := p.blind.sum(p.head(seq, t, n), body, n, max(0, most-255), most)
	p.extract(body, n)
	return subtle.ConstantTimeCompare(want, p.got)
}

// extract copies the MAC that begins at body[n] into got, and touches the same
// bytes whatever n is: those where it may stand. While they pass by, got is
// filled round and round; afterwards it is turned to its beginning.
func (p *cbc) extract(body []byte, n int) {
	size := len(p.got)
	clear(p.got)
	from := max(0, len(body)-size-256)
	slot, turn := 0, 0
	for i := from; i < len(body); i++ {
		begins := subtle.ConstantTimeEq(int32(i), int32(n))
		turn = subtle.ConstantTimeSelect(begins, slot, turn)
		within := subtle.ConstantTimeLessOrEq(n, i) & subtle.ConstantTimeLessOrEq(i+1, n+size)
		p.got[slot] |= body[i] & byte(subtle.ConstantTimeSelect(within, 0xff, 0))
		if slot++; slot == size {
			slot = 0
		}
	}
	for bit := 1; bit < size; bit <<= 1 {
		for i := range p.got {
			from := i + bit
			if from >= size {
				from -= size
			}
			p.turned[i] = p.got[from]
		}
		subtle.ConstantTimeCopy(subtle.ConstantTimeEq(int32(turn&bit), int32(bit)), p.got, p.turned)
	}
}
