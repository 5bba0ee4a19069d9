package iana

import (
	"fmt"
	"slices"
)

// A Status is what the "Recommended" column of a registry says of a value
// (RFC 9847, Section 3).
type Status uint8

const (
	Unregistered Status = iota // not in the registry
	Neutral                    // N: the IETF has not judged it, or it has a narrow use
	Recommended                // Y: fit for its purpose by the consensus of the IETF
	Discouraged                // D: should not or must not be used
)

func (s Status) String() string {
	return [...]string{"unregistered", "neutral", "recommended", "discouraged"}[s]
}

// An entry is a row of a registry of 16-bit values.
type entry struct {
	code    uint16
	name    string // the registry's
	aliases string // other names in use, separated by blanks
	status  Status
}

// find looks a value up in a table that is sorted by code. It does not allocate.
func find(table []entry, code uint16) (*entry, bool) {
	i, ok := slices.BinarySearchFunc(table, code, func(e entry, c uint16) int { return int(e.code) - int(c) })
	if !ok {
		return nil, false
	}
	return &table[i], true
}

func name(table []entry, code uint16) string {
	if e, ok := find(table, code); ok {
		return e.name
	}
	return number(code)
}

func status(table []entry, code uint16) Status {
	if e, ok := find(table, code); ok {
		return e.status
	}
	return Unregistered
}

// number prints a value that has no name.
func number(code uint16) string {
	if IsGREASE(code) {
		return fmt.Sprintf("GREASE (0x%04x)", code)
	}
	return fmt.Sprintf("0x%04x", code)
}

// IsGREASE reports whether v is one of the sixteen values 0x0a0a, 0x1a1a, …
// 0xfafa that a peer offers to see whether we ignore what we do not know
// (RFC 8701, Section 2).
func IsGREASE(v uint16) bool { return v&0x0f0f == 0x0a0a && v>>8 == v&0xff }

// String is the registry's name, or the number in hex.
func (t ContentType) String() string {
	switch t {
	case ContentChangeCipherSpec:
		return "change_cipher_spec"
	case ContentAlert:
		return "alert"
	case ContentHandshake:
		return "handshake"
	case ContentApplicationData:
		return "application_data"
	case 24:
		return "heartbeat"
	case 25:
		return "tls12_cid"
	case 26:
		return "ACK"
	case 27:
		return "return_routability_check"
	}
	return fmt.Sprintf("0x%02x", uint8(t))
}

// Status says whether the version may still be used. The registries hold no
// versions; this is RFC 9325, RFC 8996, RFC 7568 and RFC 6176.
func (v Version) Status() Status { return status(versions, uint16(v)) }

// String is the version as people write it, such as "TLS 1.3", or the number
// in hex.
func (v Version) String() string { return name(versions, uint16(v)) }

var versions = []entry{
	{uint16(SSL20), "SSL 2.0", "SSLv2 SSL2", Discouraged},
	{uint16(SSL30), "SSL 3.0", "SSLv3 SSL3", Discouraged},
	{uint16(TLS10), "TLS 1.0", "1.0 TLSv1.0 TLSv1 TLS1", Discouraged},
	{uint16(TLS11), "TLS 1.1", "1.1 TLSv1.1", Discouraged},
	{uint16(TLS12), "TLS 1.2", "1.2 TLSv1.2", Recommended},
	{uint16(TLS13), "TLS 1.3", "1.3 TLSv1.3", Recommended},
}

// ParseVersion understands "TLS 1.3", "tls1.3", "TLSv1.3", "1.3" and "0x0304".
// An error suggests names that are near, only of the values among, if there are any.
func ParseVersion(s string, among ...Version) (Version, error) {
	return parseAmong(registry{"TLS version", "1.3", versions}, s, among)
}
