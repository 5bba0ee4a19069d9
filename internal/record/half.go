package record

import (
	"crypto/cipher"
	"encoding/binary"
	"math"
	"slices"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// A Half is one direction of the record layer: records go in the clear until
// Install gives it keys. One Half is used for sealing or for opening, never
// both, and by one goroutine at a time.
type Half struct {
	aead  cipher.AEAD // nil in the clear
	iv    []byte
	nonce []byte // scratch; on the heap once instead of once per record
	seq   uint64 // number of the next record
	limit uint64 // records that one key may protect
}

// NewHalf returns a Half without keys.
func NewHalf() *Half { return new(Half) }

// Install protects what follows with aead and starts at sequence number 0. The
// iv is copied; it has the AEAD's nonce size, at least 8 bytes. Limit is the
// number of records after which Seal refuses to go on (RFC 9846, Section 5.5).
func (h *Half) Install(aead cipher.AEAD, iv []byte, limit uint64) {
	clear(h.iv)
	*h = Half{aead: aead, iv: slices.Clone(iv), nonce: make([]byte, len(iv)), limit: limit}
}

// Protected reports whether the Half has keys.
func (h *Half) Protected() bool { return h.aead != nil }

// Seq is the sequence number of the next record under the current key.
func (h *Half) Seq() uint64 { return h.seq }

// reserve is how many records stay free for a KeyUpdate and whatever is queued
// before it, once NeedsUpdate says so.
const reserve = 8

// NeedsUpdate reports whether the key nears its limit and a KeyUpdate, or
// close_notify, is due (RFC 9846, Section 5.5).
func (h *Half) NeedsUpdate() bool {
	return h.aead != nil && h.seq >= h.limit-min(reserve, h.limit/2)
}

// Overhead is how many bytes a record is longer than its payload, without
// padding.
func (h *Half) Overhead() int {
	if h.aead == nil {
		return HeaderLen
	}
	return HeaderLen + 1 + h.aead.Overhead()
}

// Seal appends one record with payload, at most MaxPlaintext bytes, to dst.
// Pad asks for that many zero bytes of padding; it is cut to what a record
// holds and does nothing in the clear (RFC 9846, Sections 5.2 and 5.4). It
// fails with fault.RecordSequenceEnd once the key is used up, and with
// fault.RecordPayloadLength.
func (h *Half) Seal(dst []byte, t iana.ContentType, payload []byte, pad int) ([]byte, error) {
	if len(payload) > MaxPlaintext {
		return dst, fault.RecordPayloadLength.New().Saw(len(payload), MaxPlaintext)
	}
	if h.aead == nil {
		return AppendPlaintext(dst, iana.TLS12, t, payload), nil
	}
	if h.seq >= h.limit || h.seq == math.MaxUint64 {
		return dst, fault.RecordSequenceEnd.New()
	}
	pad = max(0, min(pad, MaxPlaintext-len(payload)))
	inner := len(payload) + 1 + pad
	total := inner + h.aead.Overhead()

	dst = slices.Grow(dst, HeaderLen+total)
	dst = appendHeader(dst, iana.ContentApplicationData, iana.TLS12, total)
	header := dst[len(dst)-HeaderLen:]
	start := len(dst)
	dst = append(dst, payload...)
	dst = append(dst, byte(t))
	dst = dst[:start+inner]
	clear(dst[start+len(payload)+1:])
	h.aead.Seal(dst[start:start], h.recordNonce(), dst[start:], header)
	h.seq++
	return dst[:start+total], nil
}

// recordNonce is the nonce of the next record (RFC 9846, Section 5.3): the
// sequence number, padded on the left, XOR the IV.
func (h *Half) recordNonce() []byte {
	copy(h.nonce, h.iv)
	tail := h.nonce[len(h.nonce)-8:]
	binary.BigEndian.PutUint64(tail, binary.BigEndian.Uint64(tail)^h.seq)
	return h.nonce
}

// Open takes one whole record, header included and checked by Parse, and gives
// its content type and content, which lies in rec. Protected records are
// decrypted in place. Once there are keys, cleartext is refused: the caller
// picks out ChangeCipherSpec, and an alert in the clear, beforehand.
//
// It fails with fault.BadRecordMAC, RecordType, RecordNoType, RecordEmpty,
// RecordOverflow or RecordSequenceEnd. After BadRecordMAC the record is spoilt
// but not counted, so that a server can skip 0-RTT data it turned down (RFC
// 9846, Section 4.3.10).
func (h *Half) Open(rec []byte) (t iana.ContentType, content []byte, err error) {
	t = iana.ContentType(rec[0])
	content = rec[HeaderLen:]
	if h.aead == nil {
		return t, content, checkContent(t, content, t == iana.ContentApplicationData)
	}
	if t != iana.ContentApplicationData {
		return t, nil, fault.RecordType.In("opaque_type").At(0).Saw(t, iana.ContentApplicationData)
	}
	if h.seq == math.MaxUint64 {
		return 0, nil, fault.RecordSequenceEnd.New()
	}
	inner, err := h.aead.Open(content[:0], h.recordNonce(), content, rec[:HeaderLen])
	if err != nil {
		return 0, nil, fault.BadRecordMAC.New()
	}
	h.seq++
	if len(inner) > maxInner {
		return 0, nil, overflow("encrypted_record", len(inner), maxInner)
	}
	t, content, err = unpad(inner)
	if err != nil {
		return 0, nil, err
	}
	return t, content, checkContent(t, content, t == iana.ContentChangeCipherSpec)
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

// checkContent refuses a type that TLS lacks or that the caller says is out of
// place, and the empty records of RFC 9846, Section 5.1.
func checkContent(t iana.ContentType, content []byte, outOfPlace bool) error {
	if outOfPlace || t < iana.ContentChangeCipherSpec || t > iana.ContentApplicationData {
		return fault.RecordType.In("type").Saw(t, nil)
	}
	if len(content) == 0 && (t == iana.ContentHandshake || t == iana.ContentAlert) {
		return fault.RecordEmpty.In("fragment").Saw(t, nil)
	}
	return nil
}
