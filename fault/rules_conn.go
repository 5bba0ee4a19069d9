package fault

import "github.com/handclasp/handclasp/iana"

// The stream of records as the engine sees it.
var (
	CCSUnexpected = rule("change-cipher-spec", iana.UnexpectedMessage, Peer, "RFC 9846, Section 5",
		"The peer sent a ChangeCipherSpec at a moment or with a content that is not allowed.",
		"The peer's TLS stack breaks the protocol; report it to its vendor.")
	RecordInterleaved = rule("record-interleaved", iana.UnexpectedMessage, Peer, "RFC 9846, Section 5.1",
		"Another record stands between the fragments of a handshake message.",
		"The peer's TLS stack breaks the protocol; report it to its vendor.")
	MessageAcrossKeys = rule("message-across-keys", iana.UnexpectedMessage, Peer, "RFC 9846, Section 5.1",
		"A handshake message goes on after a message that changes the keys, in the same record.",
		"The peer's TLS stack breaks the protocol; report it to its vendor.")
	MessageExcess = rule("message-excess", iana.UnexpectedMessage, Peer, "RFC 9846, Section 5.1",
		"Handshake data follows, in the same record, a message after which it is this side's turn, or after which there is none.",
		"The peer's TLS stack breaks the protocol; report it to its vendor.")
	MessageTooLarge = rule("message-too-large", iana.IllegalParameter, Peer, "",
		"The peer announces a handshake message larger than any that is needed.",
		"If it is a certificate message, send fewer or smaller certificates; see docs/limits.md.")
	HelloTooManyParts = rule("hello-too-many-parts", iana.IllegalParameter, Peer, "",
		"The ClientHello has more extensions, or more items in them, than any client needs.",
		"If the client means well, raise Limits.HelloParts; see docs/limits.md.")
	DataTooEarly = rule("data-too-early", iana.UnexpectedMessage, Peer, "RFC 9846, Section 2",
		"The peer sent application data before the handshake was complete.",
		"The peer's TLS stack breaks the protocol; report it to its vendor.")
	EarlyDataTooLong = rule("early-data-too-long", iana.UnexpectedMessage, Peer, "RFC 9846, Section 4.3.10",
		"The client sent more 0-RTT data than this server skips, which it turned down.",
		"Turn 0-RTT off in the client, or let it forget its tickets.")
	Flood = rule("flood", iana.UnexpectedMessage, Peer, "",
		"The peer keeps sending records that carry nothing.",
		"The peer is broken or hostile; block it if it goes on.")
	KeyUpdateFlood = rule("key-update-flood", iana.UnexpectedMessage, Peer, "RFC 9846, Section 4.7.3",
		"The peer keeps changing its keys without sending any data.",
		"The peer is broken or hostile; block it if it goes on.")
	HandshakeTooLong = rule("handshake-too-long", iana.UnexpectedMessage, Peer, "",
		"The peer sends more for one handshake than any needs.",
		"If it is no attack, let it send fewer or smaller certificates and larger records, or raise Limits.HandshakeBytes; see docs/limits.md.")
	AlertMalformed = rule("alert-malformed", iana.DecodeError, Peer, "RFC 9846, Section 5.1",
		"An alert record must hold exactly one alert of two bytes, and does not.",
		"The peer's TLS stack breaks the protocol; report it to its vendor.")
)

// What the peer or the network told us. Nothing is sent back.
var (
	AlertReceived = rule("alert-received", iana.NoAlert, Peer, "RFC 9846, Section 6.2",
		"The peer ended the connection with an alert.",
		"")
	AlertInClear = rule("alert-in-clear", iana.NoAlert, Peer, "RFC 9846, Section 6",
		"The peer ended the handshake with an alert in the clear, although keys were in use: nobody vouches for it, but OpenSSL and others send real ones so.",
		"")
	ClosedEarly = rule("closed-in-handshake", iana.NoAlert, Peer, "RFC 9846, Section 6.1",
		"The peer closed the connection in the middle of the handshake, without saying why.",
		"Look at the peer's log. Usual causes: wrong port, a name (SNI) that it does not serve, an address it does not allow, or a proxy in front without a backend. Seen by a server, it is most often a scanner, a health check, or a client that dislikes the certificate.")
	Truncated = rule("truncated", iana.NoAlert, Peer, "RFC 9846, Section 6.1",
		"The peer closed the connection without close_notify, so data may be missing.",
		"If the protocol above says itself where its data ends, this can be ignored; else treat the data as incomplete.")
	PeerReset = rule("peer-reset", iana.NoAlert, Network, "",
		"The connection was reset.",
		"If it happens right after the ClientHello, a firewall may dislike something in it: try fewer --groups and --sigalgs. Otherwise look at the peer's log; to a server, clients that give up look like this.")
	PeerSilent = rule("peer-silent", iana.NoAlert, Network, "",
		"The peer did not answer in time.",
		"If it happens right after the ClientHello, a device on the path may drop large hellos: try --groups x25519. Or the port speaks a protocol in which the client talks first. Or raise --timeout. To a server, it is a client that connected and said nothing.")
	HandshakeTooSlow = rule("handshake-too-slow", iana.NoAlert, Network, "",
		"The handshake was not complete within the time that this side gives it.",
		"If little has come, it is the peer or the network, and on a server most often somebody who connects and says nothing. If all has come that was due, look at this side's own hooks and keys. Limits.HandshakeTime (--timeout) sets the time.")
	HandshakeCrowded = rule("handshake-crowded", iana.NoAlert, Both, "",
		"Too many connections were in their handshake at once, and this one, the oldest, gave way to a new one.",
		"Look whether somebody opens connections and says nothing. If they all mean it, raise Limits.HalfOpen (--half-open), or share the load.")
	TransportFailed = rule("transport-failed", iana.NoAlert, Network, "",
		"The connection below failed.",
		"See the cause.")
)

// What our own caller did out of order.
var (
	NotConnected = rule("not-connected", iana.NoAlert, Local, "",
		"Data can only be sent once the handshake is complete.",
		"Call Handshake first and check its error.")
	WriteClosed = rule("write-closed", iana.NoAlert, Local, "RFC 9846, Section 6.1",
		"This side has said that it sends no more.",
		"Do not write after CloseWrite or Close.")
)
