package fault

import "github.com/handclasp/handclasp/iana"

// The record layer.
var (
	RecordType = rule("record-type", iana.UnexpectedMessage, Peer, "RFC 9846, Section 5",
		"A record arrived whose content type is not allowed here.",
		"Check that the peer is a TLS server or client and that nothing on the path rewrites the stream; if it is, report it to the peer's operator.")
	RecordVersion = rule("record-version", iana.ProtocolVersion, Peer, "RFC 9846, Section 5.1",
		"A record's version field does not begin with 3, so the bytes are not TLS.",
		"Check the port: another protocol may be listening there, or bytes were lost or inserted before this record.")
	RecordOverflow = rule("record-overflow", iana.RecordOverflow, Peer, "RFC 9846, Sections 5.1 and 5.2",
		"A record is longer than TLS allows.",
		"Check that the port really speaks TLS and that no middlebox alters the stream; otherwise report it to the peer's operator.")
	BadRecordMAC = rule("record-bad-mac", iana.BadRecordMAC, Peer, "RFC 9846, Section 5.2",
		"A protected record could not be decrypted: its authentication tag is wrong.",
		"Retry over another network path; if it persists, the two sides derived different keys or something on the path changes bytes. Where both sides share a key (PSK), compare its identity and value.")
	RecordNoType = rule("record-no-type", iana.UnexpectedMessage, Peer, "RFC 9846, Section 5.4",
		"A protected record holds nothing but padding and thus no content type.",
		"Report it to the peer's operator: the TLS implementation there builds records wrongly.")
	RecordEmpty = rule("record-empty", iana.UnexpectedMessage, Peer, "RFC 9846, Section 5.1",
		"A handshake or alert record is empty.",
		"Report it to the peer's operator: only application data may come in empty records.")
	RecordPayloadLength = rule("record-payload-length", iana.InternalError, Local, "RFC 9846, Section 5.1",
		"This side tried to put more than 16,384 bytes into one record.",
		"Report this as a defect of Handclasp, with the event log of the connection.")
	RecordSequenceEnd = rule("record-sequence-end", iana.InternalError, Local, "RFC 9846, Sections 5.3 and 5.5",
		"The current key has protected as many records as it safely can.",
		"Open a new connection; this one could not change its keys in time.")
)

// What is not TLS at all. Blame lies with both: usually a port was mistaken.
var (
	PeerSpeaksHTTP = rule("peer-speaks-http", iana.NoAlert, Both, "",
		"The peer speaks plain HTTP here, without TLS.",
		"If the peer is a server, use its HTTPS port, usually 443, or an http:// address; if it is a client, give it an https:// address.")
	PeerSpeaksSMTP = rule("peer-speaks-smtp", iana.NoAlert, Both, "",
		"The peer greets in clear text like an SMTP or FTP server.",
		"Use the port with implicit TLS (465 for mail submission, 990 for FTP), or begin in clear text and ask for TLS: --starttls smtp or --starttls ftp.")
	PeerSpeaksIMAP = rule("peer-speaks-imap", iana.NoAlert, Both, "",
		"The peer greets in clear text like an IMAP server.",
		"Use port 993, where IMAP runs over TLS, or begin in clear text and ask for TLS: --starttls imap.")
	PeerSpeaksPOP3 = rule("peer-speaks-pop3", iana.NoAlert, Both, "",
		"The peer greets in clear text like a POP3 server.",
		"Use port 995, where POP3 runs over TLS, or begin in clear text and ask for TLS: --starttls pop3.")
	PeerSpeaksSSH = rule("peer-speaks-ssh", iana.NoAlert, Both, "",
		"The peer speaks SSH.",
		"Use an SSH client for this port, or find the port that speaks TLS.")
	PeerSpeaksSSLv2 = rule("peer-speaks-sslv2", iana.ProtocolVersion, Peer, "RFC 9846, Appendix E.5",
		"The peer opened with a ClientHello in the format of SSL 2.0, which is forbidden.",
		"Update the client or switch off its SSL 2.0 compatible hello.")
	PeerSpeaksSSLv2Server = rule("peer-speaks-sslv2-server", iana.ProtocolVersion, Peer, "RFC 6176, Section 3",
		"The server answered in the format of SSL 2.0, which is forbidden.",
		"Update the server's software; nothing on this side can make it safe.")
	PeerSpeaksSSLv3 = rule("peer-speaks-sslv3", iana.ProtocolVersion, Both, "RFC 7568, Section 3",
		"The peer speaks SSL 3.0 at most, which is broken and never spoken here.",
		"Enable TLS 1.2 or newer on the peer, or put something in front of it that speaks both.")
	PeerSpeaksMySQL = rule("peer-speaks-mysql", iana.NoAlert, Both, "",
		"The peer greets in clear text like a MySQL or MariaDB server.",
		"Begin in clear text and ask for TLS: --starttls mysql.")
	PeerSpeaksProxy = rule("peer-speaks-proxy", iana.NoAlert, Both, "",
		"The peer begins with the PROXY protocol, in which a balancer says for whom it connects, and not with TLS.",
		"Have the balancer connect without it (HAProxy: no send-proxy; nginx: proxy_protocol off), or put something between that takes it off, such as HAProxy with accept-proxy.")
	// A protocol_version alert goes out here, as BoringSSL does: if broken
	// TLS sent this, it learns why; any other protocol sees seven odd bytes.
	PeerSpeaksGarbage = rule("peer-speaks-garbage", iana.ProtocolVersion, Both, "RFC 9846, Section 5.1",
		"The first bytes from the peer are not TLS.",
		"Check the host and port, and whether a proxy or a STARTTLS command must come first.")
)

// Key exchange.
var (
	KexGroupUnsupported = rule("kex-group-unsupported", iana.InternalError, Local, "RFC 9846, Section 4.3.7",
		"This side was asked to use a key exchange group that it cannot compute.",
		"Remove the group from the list of groups in the configuration.")
	KexRandom = rule("kex-random", iana.InternalError, Local, "RFC 9846, Appendix C.1",
		"No private key could be drawn from the source of randomness.",
		"Check the source of randomness that the configuration gives; leave it unset to use the operating system's.")
	KexReuse = rule("kex-reuse", iana.InternalError, Local, "RFC 9846, Section 4.3.8",
		"This side tried to use a key share a second time.",
		"Report this as a defect of Handclasp, with the event log of the connection.")
	KexShareLength = rule("kex-share-length", iana.IllegalParameter, Peer, "RFC 9846, Section 4.3.8",
		"The peer's key share has the wrong length for its group.",
		"Report it to the peer's operator; until it is fixed, leave this group out on this side.")
	KexPointInvalid = rule("kex-point-invalid", iana.IllegalParameter, Peer, "RFC 9846, Section 4.3.8.2",
		"The peer's key share is not an uncompressed point on the group's curve.",
		"Report it to the peer's operator; until it is fixed, leave this group out on this side.")
	KexZeroSecret = rule("kex-zero-secret", iana.IllegalParameter, Peer, "RFC 9846, Section 7.4.2",
		"The peer's X25519 key share forces a shared secret of zero.",
		"Do not trust this peer or the path to it: a correct implementation never sends such a key share.")
	KexMLKEMKeyInvalid = rule("kex-mlkem-key-invalid", iana.IllegalParameter, Peer, "RFC 10024",
		"The peer's ML-KEM encapsulation key fails the modulus check.",
		"Report it to the peer's operator; until it is fixed, leave the hybrid groups out on this side.")
)

// Signatures.
var (
	SigSchemeKeyMismatch = rule("sig-scheme-key-mismatch", iana.IllegalParameter, Peer, "RFC 9846, Section 4.5.2",
		"The signature scheme does not fit the key in the peer's certificate.",
		"Check the certificate and key that the peer is configured with; it must sign with a scheme that fits its key.")
	SigInvalid = rule("sig-invalid", iana.DecryptError, Peer, "RFC 9846, Section 4.5.2",
		"The peer's signature is wrong, so it has not proved that it holds its certificate's private key.",
		"Check that the peer's key file belongs to its certificate and that nothing on the path alters the handshake.")
)

// Exporters.
var (
	ExportLength = rule("export-length", iana.NoAlert, Local, "RFC 9846, Section 7.5",
		"The length of the keying material asked for, or of its context, is not possible.",
		"Ask for at least 1 byte and at most 255 times the length of the cipher suite's hash (8,160 bytes with SHA-256).")
	ExportEarly = rule("export-early", iana.NoAlert, Local, "RFC 9846, Section 7.5",
		"This connection has no early exporter: no 0-RTT data was offered, or the server turned it down.",
		"Ask once 0-RTT data is offered (EarlyOffer, WriteEarly) or has arrived (ReadEarly); else use ExportKeyingMaterial, after the handshake.")
	ExportLabel = rule("export-label", iana.NoAlert, Local, "RFC 9846, Section 7.1",
		"The exporter label can't be used.",
		"Choose a label of at most 249 bytes that TLS does not use itself.")
)
