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

// What a connection does without.
var (
	SessionStore = rule("session-store", iana.NoAlert, Local, "",
		"The store of sessions failed, which costs a full handshake.",
		"See the cause; check the path, permissions and free space of the store, or the network to it.")
	TicketOpen = rule("ticket-open", iana.NoAlert, Local, "",
		"The client's tickets could not be opened, which costs a full handshake.",
		"See the cause; check the store that the ticket keys come from.")
	TicketSeal = rule("ticket-seal", iana.NoAlert, Local, "",
		"A ticket for the client could not be made, so it can't resume this connection.",
		"See the cause; check the store that the ticket keys come from.")
)
