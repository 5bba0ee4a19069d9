package record

import (
	"crypto/cipher"
	"math"
	"weak"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// A Half is one direction of the record layer: records go in the clear until
// Install or Install12 gives it keys. One Half is used for sealing or for
// opening, never both, and by one goroutine at a time. The zero Half is ready.
type Half struct {
	keys  protection           // nil in the clear, and asleep
	last  weak.Pointer[aead13] // what keys were before
	seq   uint64               // number of the next record
	limit uint64               // full-size records that one key may protect
	bytes uint64               // TLS 1.2: payload sealed so far

	version iana.Version // that records name; 0 stands for TLS 1.2
	fluid   bool         // the limit counts bytes: small records spend little of it
	splits  bool         // TLS 1.0: the first byte of data goes in a record of its own
	asleep  bool         // the keys, of TLS 1.3, are let go of
	tag     uint8        // likewise: bytes of theirs
}

// SetVersion says which version of TLS records name from now on, new keys or not.
// Without it, and in TLS 1.3, that is TLS 1.2.
func (h *Half) SetVersion(v iana.Version) { h.version = min(v, iana.TLS12) }

// Version is the version that records name.
func (h *Half) Version() iana.Version {
	if h.version == 0 {
		return iana.TLS12
	}
	return h.version
}

// Install protects what follows as TLS 1.3 does, with aead, and starts at
// sequence number 0. The iv is copied; it has the AEAD's nonce size, 12 bytes.
// Limit is the number of records after which Seal refuses to go on (RFC
// 9846, Section 5.5).
func (h *Half) Install(aead cipher.AEAD, iv []byte, limit uint64) {
	own, ok := h.keys.(*aead13)
	if !ok {
		own = new(aead13)
	}
	h.install(own, limit)
	own.start(aead, iv)
}

// Install12 is Install for the AEAD suites of TLS 1.2. The nonce is iv and
// explicit bytes that travel with each record, 4 and 8 with AES-GCM and AES-CCM
// (RFC 5288, RFC 6655), 12 and 0 with ChaCha20-Poly1305 (RFC 7905). There is
// no KeyUpdate: a key that is used up ends the connection, so small records
// count only for what they hold.
func (h *Half) Install12(aead cipher.AEAD, iv []byte, explicit int, limit uint64) {
	h.install(newAEAD12(aead, iv, explicit), limit)
	h.fluid = true
}

func (h *Half) install(p protection, limit uint64) {
	if h.keys != nil {
		h.keys.wipe()
	}
	*h = Half{keys: p, limit: limit, version: h.version}
}

// Idle lets go of the keys of TLS 1.3: the collector may take them, which hold over
// a kilobyte with AES-GCM. Wake or Restore must come before the next record.
func (h *Half) Idle() {
	own, ok := h.keys.(*aead13)
	if !ok {
		return
	}
	if h.last.Value() != own {
		h.last = weak.Make(own)
	}
	h.keys, h.asleep, h.tag = nil, true, uint8(own.tag)
}

// Wake brings the keys back, unless the collector has taken them.
func (h *Half) Wake() bool {
	if own := h.last.Value(); h.asleep && own != nil {
		h.keys, h.asleep = own, false
	}
	return !h.asleep
}

// Restore brings the keys back that it is given.
func (h *Half) Restore(aead cipher.AEAD, iv []byte) {
	own := new(aead13)
	own.start(aead, iv)
	h.keys, h.asleep = own, false
}

// Awake reports whether Wake has nothing to do.
func (h *Half) Awake() bool { return !h.asleep }

// Protected reports whether the Half has keys.
func (h *Half) Protected() bool { return h.keys != nil || h.asleep }

// Seq is the sequence number of the next record under the current key.
func (h *Half) Seq() uint64 { return h.seq }

// reserve is how many records stay free for a KeyUpdate and whatever is queued
// before it, once NeedsUpdate says so.
const reserve = 8

// NeedsUpdate reports whether the key nears its limit and a KeyUpdate, or
// close_notify, is due (RFC 9846, Section 5.5).
func (h *Half) NeedsUpdate() bool {
	return h.Protected() && h.spent() >= h.limit-min(reserve, h.limit/2)
}

// spent is how much of the limit is used up.
func (h *Half) spent() uint64 {
	if h.fluid {
		return h.bytes / MaxPlaintext
	}
	return h.seq
}

// Overhead is how many bytes a record is longer than its payload, without
// padding.
func (h *Half) Overhead() int {
	switch {
	case h.asleep:
		return HeaderLen + 1 + int(h.tag)
	case h.keys == nil:
		return HeaderLen
	}
	return HeaderLen + h.keys.overhead()
}

// Parse is the package's Parse with the limit that fits the keys of h, for they
// expand a record by less in TLS 1.3 than TLS 1.2 allows.
func (h *Half) Parse(in []byte) (Header, int, error) {
	switch {
	case h.asleep:
		return parse(in, MaxCiphertext)
	case h.keys == nil:
		return parse(in, MaxPlaintext)
	}
	return parse(in, h.keys.most())
}

// Seal appends one record with payload, at most MaxPlaintext bytes, to dst; with a
// block cipher in TLS 1.0, two if it is data of more than a byte.
// Pad asks for that many zero bytes of padding; it is cut to what a record
// holds and does nothing in the clear and in TLS 1.2 (RFC 9846, Sections 5.2 and
// 5.4). It fails with fault.RecordSequenceEnd once the key is used up, and with
// fault.RecordPayloadLength or RandomFailed.
func (h *Half) Seal(dst []byte, t iana.ContentType, payload []byte, pad int) ([]byte, error) {
	if len(payload) > MaxPlaintext {
		return dst, fault.RecordPayloadLength.New().Saw(len(payload), MaxPlaintext)
	}
	if h.keys == nil {
		return AppendPlaintext(dst, h.Version(), t, payload), nil
	}
	if h.splits && t == iana.ContentApplicationData && len(payload) > 1 {
		// The IV of what follows is known to nobody before this record is sealed
		// (BEAST).
		var err error
		if dst, err = h.sealOne(dst, t, payload[:1], 0); err != nil {
			return dst, err
		}
		payload = payload[1:]
	}
	return h.sealOne(dst, t, payload, pad)
}

// sealOne appends one record.
func (h *Half) sealOne(dst []byte, t iana.ContentType, payload []byte, pad int) ([]byte, error) {
	if h.spent() >= h.limit || h.seq == math.MaxUint64 {
		return dst, fault.RecordSequenceEnd.New()
	}
	before := len(dst)
	if dst = h.keys.seal(dst, h.seq, t, payload, pad); len(dst) == before {
		return dst, fault.RandomFailed.New()
	}
	h.seq++
	h.bytes += uint64(len(payload))
	return dst, nil
}

// Open takes one whole record, header included and checked by Parse, and gives
// its content type and content, which lies in rec. Protected records are
// decrypted in place. Once there are keys, cleartext is refused: the caller
// picks out ChangeCipherSpec, and an alert in the clear, beforehand; the
// ChangeCipherSpec of a renegotiation is protected.
//
// It fails with fault.BadRecordMAC, RecordType, RecordNoType, RecordEmpty,
// RecordOverflow or RecordSequenceEnd. After BadRecordMAC the record is spoilt
// but not counted, so that a server can skip 0-RTT data it turned down (RFC
// 9846, Section 4.3.10).
func (h *Half) Open(rec []byte) (t iana.ContentType, content []byte, err error) {
	if h.keys == nil {
		t, content = iana.ContentType(rec[0]), rec[HeaderLen:]
		return t, content, checkContent(t, content, t == iana.ContentApplicationData)
	}
	if h.seq == math.MaxUint64 {
		return 0, nil, fault.RecordSequenceEnd.New()
	}
	t, content, err = h.keys.open(h.seq, rec)
	if err != nil {
		return 0, nil, err
	}
	h.seq++
	hidden := t == iana.ContentChangeCipherSpec && rec[0] == byte(iana.ContentApplicationData) // TLS 1.3 has none under protection
	return t, content, checkContent(t, content, hidden)
}

// checkContent refuses a type that TLS lacks or that the caller says is out of
// place, and the empty records of RFC 9846, Section 5.1, and RFC 5246, Section
// 6.2.1.
func checkContent(t iana.ContentType, content []byte, outOfPlace bool) error {
	if outOfPlace || t < iana.ContentChangeCipherSpec || t > iana.ContentApplicationData {
		return fault.RecordType.In("type").Saw(t, nil)
	}
	if len(content) == 0 && (t == iana.ContentHandshake || t == iana.ContentAlert) {
		return fault.RecordEmpty.In("fragment").Saw(t, nil)
	}
	return nil
}
