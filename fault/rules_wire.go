package fault

import "github.com/handclasp/handclasp/iana"

// Messages that do not parse. RFC 9846, Section 6: syntax is decode_error,
// a legal syntax with an illegal value is illegal_parameter.
var (
	WireTruncated = rule("wire-truncated", iana.DecodeError, Peer, "RFC 9846, Section 3.4",
		"A field runs past the end of its message or vector.",
		"The peer, or a device between, sent a malformed message; capture it and report it to its vendor.")
	WireTrailing = rule("wire-trailing", iana.DecodeError, Peer, "RFC 9846, Section 4.3",
		"A message or vector has bytes left over after its last field.",
		"The peer, or a device between, sent a malformed message; capture it and report it to its vendor.")
	WireLength = rule("wire-length", iana.DecodeError, Peer, "RFC 9846, Section 3.4",
		"The length of a field is outside the range that its definition allows.",
		"The peer, or a device between, sent a malformed message; capture it and report it to its vendor.")
	WireConstant = rule("wire-constant", iana.IllegalParameter, Peer, "RFC 9846, Section 6",
		"A field with only one legal value holds another.",
		"The peer, or a device between, sent an illegal value; capture it and report it to its vendor.")
	ExtensionRepeated = rule("extension-repeated", iana.DecodeError, Peer, "RFC 9846, Section 4.3",
		"The same extension stands twice in one block.",
		"The peer, or a device between, sent a malformed message; capture it and report it to its vendor.")
)
