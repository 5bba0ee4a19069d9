// Package keys computes the secrets of TLS 1.0 to 1.3: their key schedules, the
// transcript hash under them, exporters and the lines of a key log.
//
// Policy: the stages of a key schedule are types, so that a secret can only
// be asked for where it exists. The package takes transcript hashes as values
// and knows no message. Secrets are wiped when their owner says so, print as
// their length only, and leave the connection through exporters and the key
// log alone.
package keys

import (
	"crypto"
	_ "crypto/sha256" // SHA256
	_ "crypto/sha512" // SHA384
	"fmt"
	"hash"

	"github.com/handclasp/handclasp/fault"
)

// A Hash is the hash function of a cipher suite. HKDF, HMAC and the transcript
// of a TLS 1.3 connection all use it (RFC 9846, Section 7.1), as do PRF and
// transcript in TLS 1.2 (RFC 5246, Sections 5 and 7.4.9). Before TLS 1.2 no suite
// has one: all connections use MD5SHA1.
type Hash crypto.Hash

const (
	SHA256  = Hash(crypto.SHA256)  // 32 bytes
	SHA384  = Hash(crypto.SHA384)  // 48 bytes
	MD5SHA1 = Hash(crypto.MD5SHA1) // 36 bytes; TLS 1.0 and 1.1 alone
)

// New starts a hash computation.
func (h Hash) New() hash.Hash {
	if h == MD5SHA1 {
		return newMD5SHA1()
	}
	return crypto.Hash(h).New()
}

// Crypto is the hash as the standard library names it.
func (h Hash) Crypto() crypto.Hash { return crypto.Hash(h) }

// Size is Hash.length, the length of the output in bytes.
func (h Hash) Size() int { return crypto.Hash(h).Size() }

func (h Hash) String() string { return crypto.Hash(h).String() }

// Sum is Hash(data).
func (h Hash) Sum(data []byte) []byte {
	d := h.New()
	d.Write(data)
	return d.Sum(nil)
}

// A Secret is one of the named secrets of the key schedule, Hash.length bytes.
// It never prints its value, whatever the verb.
type Secret []byte

// Wipe overwrites s with zeros. Copies that the runtime or the standard library
// made are beyond its reach.
func (s Secret) Wipe() { clear(s) }

// Format implements fmt.Formatter, for logs that must not leak.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "[secret of %d bytes]", len(s)) }

// Longest label and context of an HkdfLabel in bytes, the prefix excluded.
const (
	labelPrefix = "tls13 "
	maxLabel    = 255 - len(labelPrefix)
	maxContext  = 255
)

// ExpandLabel is HKDF-Expand-Label (RFC 9846, Section 7.1). The prefix "tls13 "
// is added here. The label is at most 249 bytes, context at most 255 bytes, length
// at most 255 times Size; all are chosen by this program, never by a peer, so a
// breach panics.
func (h Hash) ExpandLabel(secret []byte, label string, context []byte, length int) []byte {
	if len(label) > maxLabel || len(context) > maxContext || length > 255*h.Size() {
		panic("keys: label, context or output of impossible length")
	}
	out := make([]byte, length)
	h.expandLabel(out, secret, label, context)
	return out
}

// expandLabel is ExpandLabel into dst; nothing else leaves the stack.
func (h Hash) expandLabel(dst, secret []byte, label string, context []byte) {
	var room [4 + 255 + maxContext]byte
	info := append(room[:0], byte(len(dst)>>8), byte(len(dst)), byte(len(labelPrefix)+len(label)))
	info = append(info, labelPrefix...)
	info = append(info, label...)
	info = append(info, byte(len(context)))
	info = append(info, context...)
	// HKDF-Expand (RFC 5869, Section 2.3)
	var t digest
	defer clear(t[:])
	last := t[:0]
	for i := byte(1); len(dst) > 0; i++ {
		t = h.hmac(secret, last, info, []byte{i})
		last = t[:h.Size()]
		dst = dst[copy(dst, last):]
	}
}

// extract is HKDF-Extract into room; a nil ikm stands for Hash.length zeros.
func (h Hash) extract(room *Room, salt, ikm []byte) Secret {
	var zeros digest
	if ikm == nil {
		ikm = zeros[:h.Size()]
	}
	d := h.hmac(salt, ikm, nil, nil)
	defer clear(d[:])
	out := room.take(h.Size())
	copy(out, d[:])
	return out
}

// Key derives the write key and write IV of a traffic secret, as long as the two
// are (RFC 9846, Section 7.3).
func (h Hash) Key(s Secret, key, iv []byte) {
	h.expandLabel(key, s, "key", nil)
	h.expandLabel(iv, s, "iv", nil)
}

// NextTraffic is the traffic secret that follows s at a KeyUpdate (RFC 9846,
// Section 7.2). The caller wipes s.
func (h Hash) NextTraffic(s Secret) Secret {
	return h.ExpandLabel(s, "traffic upd", nil, h.Size())
}

// Finished is the verify_data of a Finished message or a PSK binder, Size
// bytes (RFC 9846, Section 4.5.3). Compare it with hmac.Equal.
func (h Hash) Finished(base Secret, th []byte) []byte { return h.AppendFinished(nil, base, th) }

// AppendFinished appends Finished to dst.
func (h Hash) AppendFinished(dst []byte, base Secret, th []byte) []byte {
	var key digest
	defer clear(key[:])
	h.expandLabel(key[:h.Size()], base, "finished", nil)
	d := h.hmac(key[:h.Size()], th, nil, nil)
	return append(dst, d[:h.Size()]...)
}

// PSK is the pre-shared key that belongs to a ticket with this nonce (RFC 9846,
// Section 4.7.1).
func (h Hash) PSK(resumption Secret, ticketNonce []byte) Secret {
	return h.ExpandLabel(resumption, "resumption", ticketNonce, h.Size())
}

// Import makes of an external key, which came with h, the one that stands for it
// with the hash to: identity is the ImportedIdentity (RFC 9258, Section 4.1).
func (h Hash) Import(external, identity []byte, to Hash) Secret {
	base := h.extract(nil, nil, external)
	defer base.Wipe()
	return h.ExpandLabel(base, "derived psk", h.Sum(identity), to.Size())
}

// Export is TLS-Exporter (RFC 9846, Section 7.5): length bytes of keying
// material from the exporter_secret or the early_exporter_secret. A nil context
// gives the same as an empty one. It fails with fault.ExportLabel or
// fault.ExportLength.
func (h Hash) Export(exporterMain Secret, label string, context []byte, length int) ([]byte, error) {
	if err := h.checkExport(label, length); err != nil {
		return nil, err
	}
	var secret digest
	defer clear(secret[:])
	n, empty, sum := h.Size(), h.short(nil), h.short(context)
	h.expandLabel(secret[:n], exporterMain, label, empty[:n])
	return h.ExpandLabel(secret[:n], "exporter", sum[:n], length), nil
}

// checkExport holds an exporter's arguments against the limits of HKDF. An empty
// label is as good as any: the 7 bytes that HkdfLabel asks for at least are a
// matter of notation, and other stacks derive the same from it.
func (h Hash) checkExport(label string, length int) error {
	if len(label) > maxLabel {
		return fault.ExportLabel.New().Saw(len(label), fmt.Sprintf("at most %d bytes", maxLabel))
	}
	if length < 1 || length > 255*h.Size() {
		return fault.ExportLength.New().Saw(length, fmt.Sprintf("1 to %d bytes", 255*h.Size()))
	}
	return nil
}
