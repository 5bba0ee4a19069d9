package fault

import "github.com/handclasp/handclasp/iana"

// What only some users ask for.
var (
	ALPNMissing = rule("alpn-missing", iana.NoApplicationProtocol, Both, "RFC 7301, Section 3.2",
		"The server chose none of the application protocols that we offered, and the configuration insists on one.",
		"Add one of this client's protocols to the server, or one of the server's to --alpn (NextProtos), or do not set RequireALPN.")
)
