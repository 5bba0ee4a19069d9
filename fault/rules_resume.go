package fault

import "github.com/handclasp/handclasp/iana"

// Pre-shared keys and resumption.
var (
	PSKBinder = rule("psk-binder", iana.DecryptError, Peer, "RFC 9846, Section 4.3.11",
		"The client's PSK binder is wrong: it does not hold the key that it names, or its hello was changed on the way.",
		"Compare the key, its hash and whether it is external on both sides; a ticket goes with one secret only.")
	PSKUnknown = rule("psk-unknown", iana.UnknownPSKIdentity, Both, "RFC 9846, Section 6.2",
		"The client offers no pre-shared key that this server can use, and the server has no certificate to go on with.",
		"Give both sides the same identity and key, and cipher suites with the key's hash, or give the server a certificate.")
	PSKSelected = rule("psk-selected", iana.IllegalParameter, Peer, "RFC 9846, Section 4.3.11",
		"The server chose a pre-shared key that we did not offer.",
		"The server's TLS stack breaks the protocol; report it to its vendor.")
	PSKHash = rule("psk-hash", iana.IllegalParameter, Peer, "RFC 9846, Section 4.3.11",
		"The server chose a pre-shared key together with a cipher suite of another hash.",
		"The server's TLS stack breaks the protocol; report it to its vendor.")
	PSKShareMissing = rule("psk-share-missing", iana.IllegalParameter, Peer, "RFC 9846, Section 4.3.11",
		"The server chose a pre-shared key without a key exchange, which we did not allow.",
		"Configure the server to use psk_dhe_ke, or set AllowPSKWithoutDHE and do without forward secrecy.")
)

// Resumption in TLS 1.2 and below.
var (
	SessionVersion = rule("session-version", iana.IllegalParameter, Peer, "RFC 5246, Section 7.4.1.3",
		"The server resumes our session with another version than it was made with.",
		"The server's TLS stack breaks the protocol; report it to its vendor, and connect without the session.")
	SessionSuite = rule("session-suite", iana.IllegalParameter, Peer, "RFC 5246, Section 7.4.1.3",
		"The server resumes our session with another cipher suite than it was made with.",
		"The server's TLS stack breaks the protocol; report it to its vendor, and connect without the session.")
	SessionEMSMissing = rule("session-ems-missing", iana.HandshakeFailure, Peer, "RFC 7627, Section 5.3",
		"A session that was made with extended_master_secret is resumed without it.",
		"Connect without the session. If several servers, or versions of a client, share sessions, let all of them know extended_master_secret.")
	SessionEMSAdded = rule("session-ems-added", iana.HandshakeFailure, Peer, "RFC 7627, Section 5.3",
		"The server resumes a session with extended_master_secret that was made without it.",
		"The server's TLS stack breaks the protocol; report it to its vendor, and connect without the session.")
)

// 0-RTT.
var (
	EarlyDataVersion = rule("early-data-version", iana.ProtocolVersion, Both, "RFC 9846, Appendix E.3",
		"The server answered with a version that has no 0-RTT, although it had promised to take 0-RTT data: what was sent is lost.",
		"Connect again without 0-RTT: forget the session, or turn EarlyData off. If several servers stand behind one address, give them the same versions.")
	EarlyDataOther = rule("early-data-other", iana.IllegalParameter, Peer, "RFC 9846, Section 4.3.10",
		"The server accepted our 0-RTT data together with another session, cipher suite or protocol than the data belongs to.",
		"The server's TLS stack breaks the protocol; report it to its vendor.")
	EarlyDataExceeded = rule("early-data-exceeded", iana.UnexpectedMessage, Peer, "RFC 9846, Section 4.7.1",
		"The client sent more 0-RTT data than its ticket allows.",
		"The client's TLS stack breaks the protocol; report it to its vendor.")
	EarlyDataUnavailable = rule("early-data-unavailable", iana.NoAlert, Local, "RFC 9846, Section 4.3.10",
		"No 0-RTT data can be sent on this connection now.",
		"Send it after the handshake. 0-RTT needs EarlyData, a session of a server that takes it, and to be first.")
	EarlyDataTooLarge = rule("early-data-too-large", iana.NoAlert, Local, "RFC 9846, Section 4.7.1",
		"The server does not take that much 0-RTT data.",
		"Send it after the handshake, or have the server take more.")
)

// What a connection does without.
var (
	SessionStore = rule("session-store", iana.NoAlert, Local, "",
		"The store of sessions failed, which costs a full handshake.",
		"See the cause; check the path, permissions and free space of the store, or the network to it.")
	TicketOpen = rule("ticket-open", iana.NoAlert, Local, "",
		"The client's session could not be looked up, or its tickets not be opened, which costs a full handshake.",
		"See the cause; check the store that sessions or ticket keys come from.")
	ReplayStore = rule("replay-store", iana.NoAlert, Local, "RFC 9846, Section 8",
		"The store that tells replayed 0-RTT data failed, so none is taken.",
		"See the cause; check the path, permissions and free space of the store, or the network to it.")
	TicketSeal = rule("ticket-seal", iana.NoAlert, Local, "",
		"A ticket for the client could not be made, or its session not be stored, so it can't resume this connection.",
		"See the cause; check the store that sessions or ticket keys come from.")
)
