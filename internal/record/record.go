// Package record cuts the byte stream into records and protects them.
//
// Policy: this package knows records, never the messages inside. It checks what
// the record layer alone can decide (lengths, types, tags, padding) and leaves
// to its caller what depends on the handshake: which cleartext records are
// still welcome once keys exist, ChangeCipherSpec, and when keys change.
// Nothing here allocates per record, and protection works in place.
package record

import (
	"fmt"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// Lengths in bytes (RFC 9846, Sections 5.1 and 5.2; RFC 5246, Section 6.2.3).
const (
	HeaderLen       = 5
	MaxPlaintext    = 1 << 14          // content of a record
	MaxCiphertext   = 1<<14 + 256      // what follows the header of a protected record
	MaxCiphertext12 = 1<<14 + 2048     // the same in TLS 1.2
	maxInner        = MaxPlaintext + 1 // TLSInnerPlaintext: content, type and padding
)

// A Header is what stands before every record. Version is legacy_record_version
// and, beyond its first byte, means nothing (RFC 9846, Section 5.1).
type Header struct {
	Type    iana.ContentType
	Version iana.Version
	Len     int // bytes that follow the header
}

// Parse reads the header of the record at the start of in. A need above 0 means
// that in is too short: the whole record, or at first its header, takes need
// bytes in all. Otherwise the record is in[:HeaderLen+h.Len].
//
// Protected says that the sender has keys of TLS 1.3, which allows for their
// expansion. It is allowed for application data at any time: a server that
// turned down 0-RTT has to skip protected records without having keys itself.
//
// It fails with fault.RecordType, RecordVersion or RecordOverflow.
func Parse(in []byte, protected bool) (h Header, need int, err error) {
	if protected {
		return parse(in, MaxCiphertext)
	}
	return parse(in, MaxPlaintext)
}

// parse is Parse; limit is the most that may follow the header.
func parse(in []byte, limit int) (h Header, need int, err error) {
	if len(in) < HeaderLen {
		return Header{}, HeaderLen, nil
	}
	h = Header{
		Type:    iana.ContentType(in[0]),
		Version: iana.Version(in[1])<<8 | iana.Version(in[2]),
		Len:     int(in[3])<<8 | int(in[4]),
	}
	if err := h.check(limit); err != nil {
		return h, 0, err
	}
	if len(in) < HeaderLen+h.Len {
		return h, HeaderLen + h.Len, nil
	}
	return h, 0, nil
}

func (h Header) check(limit int) error {
	if h.Type < iana.ContentChangeCipherSpec || h.Type > iana.ContentApplicationData {
		return fault.RecordType.In("type").At(0).Saw(h.Type, nil)
	}
	if h.Version>>8 != 3 {
		return fault.RecordVersion.In("legacy_record_version").At(1).Saw(h.Version, nil)
	}
	if h.Type == iana.ContentApplicationData {
		limit = max(limit, MaxCiphertext)
	}
	if h.Len > limit {
		return overflow("length", h.Len, limit).At(3)
	}
	return nil
}

func overflow(field string, got, limit int) *fault.Error {
	return fault.RecordOverflow.In(field).Saw(got, fmt.Sprintf("at most %d bytes", limit))
}

// AppendPlaintext appends data in records without protection, each of at most
// MaxPlaintext bytes. The version is TLS12, or TLS10 for the first ClientHello
// of a connection (RFC 9846, Section 5.1). It suits a ChangeCipherSpec, which is
// never protected.
func AppendPlaintext(dst []byte, v iana.Version, t iana.ContentType, data []byte) []byte {
	for {
		n := min(len(data), MaxPlaintext)
		dst = appendHeader(dst, t, v, n)
		dst = append(dst, data[:n]...)
		if data = data[n:]; len(data) == 0 {
			return dst
		}
	}
}

func appendHeader(dst []byte, t iana.ContentType, v iana.Version, n int) []byte {
	return append(dst, byte(t), byte(v>>8), byte(v), byte(n>>8), byte(n))
}

// putHeader writes the header to the front of rec.
func putHeader(rec []byte, t iana.ContentType, v iana.Version, n int) {
	_ = rec[HeaderLen-1]
	rec[0], rec[1], rec[2], rec[3], rec[4] = byte(t), byte(v>>8), byte(v), byte(n>>8), byte(n)
}
