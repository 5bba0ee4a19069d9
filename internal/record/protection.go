package record

import (
	"crypto/cipher"
	"encoding/binary"
	"slices"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// A protection is what a Half does to records once it has keys. Each version of
// TLS, and in the older ones each kind of cipher, has its own. It does not count
// records; which content may come in them is for the Half to check.
type protection interface {
	// overhead is by how many bytes, at most and without padding, what follows
	// the header is longer than the payload; most is the longest such thing
	// that may come from a peer.
	overhead() int
	most() int

	// seal appends record seq to dst. Payload is at most MaxPlaintext bytes. A
	// version that has no use for pad ignores it. Nothing is appended if there
	// are no random bytes where they are needed.
	seal(dst []byte, seq uint64, t iana.ContentType, payload []byte, pad int) []byte

	// open decrypts record seq in place and gives its type and content.
	open(seq uint64, rec []byte) (iana.ContentType, []byte, error)

	// wipe overwrites what is secret. The keys inside a cipher are beyond reach.
	wipe()
}

// nonces makes the nonce of each record: the sequence number, padded on the
// left, XOR the IV (RFC 9846, Section 5.3; RFC 7905, Section 2).
type nonces struct {
	buf [nonceLen]byte // begins as the IV does; scratch, on the heap once instead of once per record
	end uint64         // the last 8 bytes of the IV
}

const nonceLen = 12 // of all AEADs of TLS

func (n *nonces) start(iv []byte) {
	copy(n.buf[:], iv)
	n.end = binary.BigEndian.Uint64(n.buf[nonceLen-8:])
}

func (n *nonces) of(seq uint64) []byte {
	binary.BigEndian.PutUint64(n.buf[nonceLen-8:], n.end^seq)
	return n.buf[:]
}

func (n *nonces) wipe() { *n = nonces{} }

// aead13 is RFC 9846, Section 5.2. The header says application data, always;
// the true type stands behind the content.
type aead13 struct {
	aead cipher.AEAD
	tag  int // bytes
	nonces
}

func (p *aead13) start(aead cipher.AEAD, iv []byte) {
	p.aead, p.tag = aead, aead.Overhead()
	p.nonces.start(iv)
}

func (p *aead13) wipe() { *p = aead13{} }

func (p *aead13) overhead() int { return 1 + p.tag }
func (p *aead13) most() int     { return MaxCiphertext }

func (p *aead13) seal(dst []byte, seq uint64, t iana.ContentType, payload []byte, pad int) []byte {
	pad = max(0, min(pad, MaxPlaintext-len(payload)))
	inner := len(payload) + 1 + pad
	total := inner + p.tag
	at := len(dst)
	dst = slices.Grow(dst, HeaderLen+total)[:at+HeaderLen+total]
	rec := dst[at:]
	putHeader(rec, iana.ContentApplicationData, iana.TLS12, total)
	body := rec[HeaderLen : HeaderLen+inner]
	body[copy(body, payload)] = byte(t)
	clear(body[len(payload)+1:])
	p.aead.Seal(body[:0], p.of(seq), body, rec[:HeaderLen])
	return dst
}

func (p *aead13) open(seq uint64, rec []byte) (iana.ContentType, []byte, error) {
	if t := iana.ContentType(rec[0]); t != iana.ContentApplicationData {
		return 0, nil, fault.RecordType.In("opaque_type").At(0).Saw(t, iana.ContentApplicationData)
	}
	body := rec[HeaderLen:]
	inner, err := p.aead.Open(body[:0], p.of(seq), body, rec[:HeaderLen])
	if err != nil {
		return 0, nil, fault.BadRecordMAC.New()
	}
	if len(inner) > maxInner {
		return 0, nil, overflow("encrypted_record", len(inner), maxInner)
	}
	return unpad(inner)
}

// unpad splits a TLSInnerPlaintext (RFC 9846, Section 5.4).
func unpad(inner []byte) (iana.ContentType, []byte, error) {
	for i := len(inner) - 1; i >= 0; i-- {
		if inner[i] != 0 {
			return iana.ContentType(inner[i]), inner[:i], nil
		}
	}
	return 0, nil, fault.RecordNoType.In("zeros")
}

// aead12 is RFC 5246, Section 6.2.3.3. The nonce of AES-GCM and AES-CCM is a
// secret salt and an explicit part that travels in the record (RFC 5288, Section
// 3; RFC 6655, Section 3); that of ChaCha20-Poly1305 is made as in TLS 1.3 (RFC
// 7905, Section 2). With the sequence number as explicit part both are the IV
// XOR that number, as long as zeros fill the IV up behind the salt.
type aead12 struct {
	aead cipher.AEAD
	nonces
	explicit int      // bytes of the nonce that travel: 8 or 0
	aad      [13]byte // scratch
}

func newAEAD12(aead cipher.AEAD, iv []byte, explicit int) *aead12 {
	p := &aead12{aead: aead, explicit: explicit}
	p.start(iv) // zeros stand where the explicit part comes
	return p
}

func (p *aead12) overhead() int { return p.explicit + p.aead.Overhead() }
func (p *aead12) most() int     { return MaxCiphertext12 }

func (p *aead12) seal(dst []byte, seq uint64, t iana.ContentType, payload []byte, _ int) []byte {
	total := len(payload) + p.overhead()
	dst = slices.Grow(dst, HeaderLen+total)
	dst = appendHeader(dst, t, iana.TLS12, total)
	header := dst[len(dst)-HeaderLen:]
	nonce := p.of(seq)
	dst = append(dst, nonce[len(nonce)-p.explicit:]...)
	start := len(dst)
	dst = append(dst, payload...)
	p.aead.Seal(dst[start:start], nonce, dst[start:], p.additional(seq, header, len(payload)))
	return dst[:start+len(payload)+p.aead.Overhead()]
}

func (p *aead12) open(seq uint64, rec []byte) (iana.ContentType, []byte, error) {
	header, body := rec[:HeaderLen], rec[HeaderLen:]
	n := len(body) - p.overhead()
	if n < 0 {
		return 0, nil, fault.BadRecordMAC.New()
	}
	nonce := p.of(seq)
	copy(nonce[len(nonce)-p.explicit:], body)
	body = body[p.explicit:]
	content, err := p.aead.Open(body[:0], nonce, body, p.additional(seq, header, n))
	if err != nil {
		return 0, nil, fault.BadRecordMAC.New()
	}
	if n > MaxPlaintext {
		return 0, nil, overflow("fragment", n, MaxPlaintext)
	}
	return iana.ContentType(rec[0]), content, nil
}

// additional is additional_data: sequence number, type and version as in the
// header, and the length of the content.
func (p *aead12) additional(seq uint64, header []byte, n int) []byte {
	binary.BigEndian.PutUint64(p.aad[:], seq)
	copy(p.aad[8:11], header)
	binary.BigEndian.PutUint16(p.aad[11:], uint16(n))
	return p.aad[:]
}
