package wire

import "strconv"

// Small enumerations that stand inside messages and nowhere else.
type (
	Compression      uint8 // RFC 3749
	PointFormat      uint8 // RFC 8422, Section 5.1.2
	StatusType       uint8 // RFC 6066, Section 8
	PSKMode          uint8 // RFC 9846, Section 4.3.9
	KeyUpdateRequest uint8 // RFC 9846, Section 4.7.3
	CertificateType  uint8 // RFC 7250
)

const (
	CompressionNull Compression = 0

	Uncompressed PointFormat = 0

	StatusOCSP StatusType = 1

	PSKOnly PSKMode = 0
	PSKDHE  PSKMode = 1

	UpdateNotRequested KeyUpdateRequest = 0
	UpdateRequested    KeyUpdateRequest = 1
)

func (v Compression) String() string { return name(v, "null", "DEFLATE") }
func (v PointFormat) String() string {
	return name(v, "uncompressed", "ansiX962_compressed_prime", "ansiX962_compressed_char2")
}
func (v StatusType) String() string       { return name(v, "", "ocsp", "ocsp_multi") }
func (v PSKMode) String() string          { return name(v, "psk_ke", "psk_dhe_ke") }
func (v KeyUpdateRequest) String() string { return name(v, "update_not_requested", "update_requested") }
func (v CertificateType) String() string  { return name(v, "X509", "OpenPGP", "RawPublicKey") }

func name[T ~uint8](v T, names ...string) string {
	if int(v) < len(names) && names[v] != "" {
		return names[v]
	}
	return strconv.Itoa(int(v))
}
