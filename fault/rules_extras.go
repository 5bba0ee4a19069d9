package fault

import "github.com/handclasp/handclasp/iana"

// What only some users ask for.
var (
	ALPNMissing = rule("alpn-missing", iana.NoApplicationProtocol, Both, "RFC 7301, Section 3.2",
		"The server chose none of the application protocols that we offered, and the configuration insists on one.",
		"Add one of this client's protocols to the server, or one of the server's to --alpn (NextProtos), or do not set RequireALPN.")
	CertCompression = rule("cert-compression", iana.IllegalParameter, Peer, "RFC 8879, Section 4",
		"The server compressed its certificates with an algorithm that we did not offer.",
		"Switch off certificate compression on the server, or report it to its vendor.")
	CertExpand = rule("cert-expand", iana.BadCertificate, Peer, "RFC 8879, Section 4",
		"The server's compressed certificates can't be expanded, or not to the length that it gives.",
		"Switch off certificate compression on the server, or leave it out here (--cert-compression, CertificateCompression).")
	CertExpandTooLarge = rule("cert-expand-too-large", iana.BadCertificate, Peer, "RFC 8879, Section 4",
		"The server's compressed certificates would expand to more than a Certificate message may hold here.",
		"Shorten the server's chain.")
	ChannelBinding = rule("channel-binding", iana.NoAlert, Local, "RFC 9266, Section 3",
		"This connection has no channel binding of the kind that was asked for.",
		"Use tls-exporter on both sides; with TLS 1.2 it needs extended_master_secret.")
	RequestImpossible = rule("request-impossible", iana.NoAlert, Local, "RFC 9846, Section 4.7.2",
		"This peer can't be asked for a certificate now.",
		"A server of TLS 1.3 can ask a client that offers post_handshake_auth (--post-handshake-auth, PostHandshakeAuth) and has no pre-shared key, by its ClientAuth; ask others in the handshake.")
	RequestUnasked = rule("request-unasked", iana.UnexpectedMessage, Peer, "RFC 9846, Section 4.7.2",
		"The server asks for a certificate after the handshake, and we did not offer that.",
		"Give --post-handshake-auth (PostHandshakeAuth) if the server may ask; else report it to the server's operator.")
	RequestContext = rule("request-context", iana.IllegalParameter, Peer, "RFC 9846, Section 4.5.1",
		"The client's Certificate answers another request than the one that it was sent.",
		"The client's TLS stack breaks the protocol; report it to its vendor.")
	RequestUnanswered = rule("request-unanswered", iana.NoAlert, Peer, "RFC 9846, Section 4.7.2",
		"The client sends data, more than is kept for Read, instead of an answer to the request for its certificate.",
		"Read what it sends in another goroutine, or call RequestClientCertificate again after reading.")
	GREASEChosen = rule("grease-chosen", iana.IllegalParameter, Peer, "RFC 8701, Section 3.1",
		"The peer chose a value that means nothing and is offered to find out who would choose it (GREASE).",
		"The peer's TLS stack breaks the protocol; report it to its vendor.")
	RecordTooLong = rule("record-too-long", iana.RecordOverflow, Peer, "RFC 8449, Section 4",
		"A record is longer than the two sides agreed on.",
		"The peer's TLS stack breaks what it promised; report it to its vendor, or leave RecordSizeLimit and MaxFragmentLength unset.")
	RecordSizeLimit = rule("record-size-limit", iana.IllegalParameter, Peer, "RFC 8449, Section 4",
		"The peer's record_size_limit is too small for any record.",
		"The peer's TLS stack breaks the protocol; report it to its vendor.")
	RecordSizeTwice = rule("record-size-twice", iana.IllegalParameter, Peer, "RFC 8449, Section 5",
		"The server answered both record_size_limit and max_fragment_length, of which only one can hold.",
		"The server's TLS stack breaks the protocol; report it to its vendor, or set only one of RecordSizeLimit and MaxFragmentLength.")
	FragmentLength = rule("max-fragment-length", iana.IllegalParameter, Peer, "RFC 6066, Section 4",
		"The peer's max_fragment_length is none that there is, or not the one that we asked for.",
		"The peer's TLS stack breaks the protocol; report it to its vendor.")
)
