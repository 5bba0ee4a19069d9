package fault

import "github.com/handclasp/handclasp/iana"

// Order and evidence, for both sides.
var (
	UnexpectedMessage = rule("unexpected-message", iana.UnexpectedMessage, Peer, "RFC 9846, Section 4",
		"The peer sent a handshake message that is not allowed at this point.",
		"The peer's TLS stack is out of step; check for a device that rewrites or replays traffic, and report it to the peer's vendor.")
	MissingProof = rule("internal-missing-proof", iana.InternalError, Local, "",
		"The handshake reached its end without all its checks.",
		"This is a defect of Handclasp; please report it with the output of --events.")
	Internal = rule("internal-error", iana.InternalError, Local, "",
		"Something on this side failed that has nothing to do with the peer.",
		"See the cause; if it makes no sense, please report it.")
	FinishedWrong = rule("finished-wrong", iana.DecryptError, Peer, "RFC 9846, Section 4.5.3",
		"The peer's Finished does not match: the two sides did not see the same handshake.",
		"Something between changed a message, or one side computes its keys wrongly; compare both sides' view of the handshake.")
	SignFailed = rule("sign-failed", iana.InternalError, Local, "",
		"The signature that proves our identity could not be made.",
		"Check the private key, or the device or service that holds it.")
	KeyLogWrite = rule("key-log-write", iana.InternalError, Local, "RFC 9850",
		"The key log could not be written, and a connection whose keys were asked for must not go on without it.",
		"Check the path, permissions and free space of the key log file.")
	RandomFailed = rule("random-failed", iana.InternalError, Local, "RFC 9846, Appendix C.1",
		"The source of randomness gave no bytes.",
		"Check the configured Rand.")
)

// Extensions.
var (
	ExtensionUnsolicited = rule("extension-unsolicited", iana.UnsupportedExtension, Peer, "RFC 9846, Section 4.3",
		"The peer answered with an extension that we never offered.",
		"The peer's TLS stack breaks the protocol; report it to its vendor.")
	ExtensionMisplaced = rule("extension-misplaced", iana.IllegalParameter, Peer, "RFC 9846, Section 4.3",
		"The peer sent an extension in a message where it does not belong.",
		"The peer's TLS stack breaks the protocol; report it to its vendor.")
	ExtensionMissing = rule("extension-missing", iana.MissingExtension, Peer, "RFC 9846, Section 9.2",
		"The peer left out an extension that this handshake can't do without.",
		"The peer's TLS stack breaks the protocol; report it to its vendor.")
)

// What a client refuses in the server's hello.
var (
	ServerVersionUnsupported = rule("server-version", iana.ProtocolVersion, Both, "RFC 9846, Section 4.3.1",
		"The server chose a TLS version that this client does not speak.",
		"Enable a newer version on the server, or lower --min-version (MinVersion) if this client knows the server's.")
	ServerVersionNotOffered = rule("server-version-not-offered", iana.IllegalParameter, Peer, "RFC 9846, Section 4.3.1",
		"The server chose a version in supported_versions that we did not offer.",
		"The server's TLS stack breaks the protocol; report it to its vendor.")
	ServerLegacyVersion = rule("server-legacy-version", iana.ProtocolVersion, Peer, "RFC 9846, Section 4.2.3",
		"The server chose TLS 1.3 but its legacy_version is not 0x0303.",
		"The server's TLS stack breaks the protocol; report it to its vendor.")
	Downgrade = rule("downgrade", iana.IllegalParameter, Network, "RFC 9846, Section 4.2.3",
		"The server can speak a newer version than it chose, and says so in its random: somebody between removed the newer version from our hello.",
		"Look for a device that intercepts TLS between the two sides; connect from another network to compare.")
	SessionIDEcho = rule("session-id-echo", iana.IllegalParameter, Peer, "RFC 9846, Section 4.2.3",
		"The server did not echo our legacy_session_id.",
		"The server's TLS stack, or a device between, breaks the protocol; report it to its vendor.")
	ServerSuite = rule("server-cipher-suite", iana.IllegalParameter, Peer, "RFC 9846, Section 4.2.3",
		"The server chose a cipher suite that we did not offer for this version.",
		"The server's TLS stack breaks the protocol; report it to its vendor.")
	ServerCompression = rule("server-compression", iana.IllegalParameter, Peer, "RFC 9846, Section 4.2.3",
		"The server chose a compression method; compressed TLS leaks secrets (CRIME) and is never offered.",
		"Turn compression off on the server.")
	KeyShareGroup = rule("key-share-group", iana.IllegalParameter, Peer, "RFC 9846, Section 4.3.8",
		"The server chose a key-exchange group for which we sent no share.",
		"The server's TLS stack breaks the protocol; report it to its vendor.")
	RetryNoChange = rule("retry-no-change", iana.IllegalParameter, Peer, "RFC 9846, Section 4.2.4",
		"The server asked for another ClientHello that would not differ from the first.",
		"The server's TLS stack breaks the protocol; report it to its vendor.")
	RetryGroup = rule("retry-group", iana.IllegalParameter, Peer, "RFC 9846, Section 4.3.8",
		"The server asked for a key share in a group that we did not offer or already sent a share for.",
		"The server's TLS stack breaks the protocol; report it to its vendor.")
	RetrySuiteChanged = rule("retry-cipher-suite-changed", iana.IllegalParameter, Peer, "RFC 9846, Section 4.2.4",
		"The server chose another cipher suite in its ServerHello than in its HelloRetryRequest.",
		"If several servers stand behind one address, give them the same configuration.")
)

// TLS 1.2.
var (
	RetryVersionChanged = rule("retry-version-changed", iana.IllegalParameter, Peer, "RFC 9846, Section 4.2.4",
		"The server asked for a second ClientHello in TLS 1.3 and then chose another version.",
		"If several servers stand behind one address, give them the same configuration.")
	PointFormats = rule("point-formats", iana.IllegalParameter, Peer, "RFC 8422, Section 5.1.2",
		"The peer's ec_point_formats leaves out uncompressed points, which everybody must know.",
		"The peer's TLS stack breaks the protocol; report it to its vendor.")
	RenegotiationInfo = rule("renegotiation-info", iana.HandshakeFailure, Peer, "RFC 5746, Sections 3.4 and 3.6",
		"The peer takes this first handshake for a renegotiation: somebody may have spliced two connections together.",
		"Look for a device that intercepts TLS between the two sides.")
	Renegotiation = rule("renegotiation", iana.NoRenegotiation, Both, "RFC 9325, Section 3.5",
		"The peer wants to renegotiate, or once more than this side lets it: that has a history of attacks, and TLS 1.3 abolished it.",
		"Make the peer ask for what it wants, often a client certificate, in the first handshake; or use TLS 1.3. A client may set MaxRenegotiations (--renegotiation client).")
	RenegotiationInsecure = rule("renegotiation-insecure", iana.NoRenegotiation, Peer, "RFC 5746, Section 4.2",
		"The server wants to renegotiate and can't tie the handshakes together: somebody could have put words before ours.",
		"Update the server so that it knows renegotiation_info, or make it ask in the first handshake.")
	RenegotiationHTTP2 = rule("renegotiation-http2", iana.NoRenegotiation, Peer, "RFC 9113, Section 9.2.1",
		"The server wants to renegotiate under HTTP/2, which forbids it.",
		"Make the server ask in the first handshake, or offer only http/1.1 to it.")
	RenegotiationUntied = rule("renegotiation-untied", iana.HandshakeFailure, Peer, "RFC 5746, Section 3.5",
		"The server's renegotiation is not tied to the handshake before: somebody may have spliced two connections together.",
		"Look for a device that intercepts TLS between the two sides.")
	RenegotiationChanged = rule("renegotiation-changed", iana.IllegalParameter, Peer, "RFC 7627, Section 5.4",
		"The server changes in a renegotiation what must stay as it was.",
		"The server's TLS stack breaks the protocol; report it to its vendor.")
	RenegotiationServer = rule("renegotiation-server", iana.IllegalParameter, Peer, "RFC 7627, Section 1",
		"The server shows another certificate in a renegotiation than before, so it may be another server.",
		"If the server changed its certificate just now, connect again; else look for a device that intercepts TLS.")
	SessionIDUnknown = rule("session-id-unknown", iana.IllegalParameter, Peer, "RFC 9846, Section 4.2.3",
		"The server resumes a session that we did not offer: it echoes the made-up session ID of our hello for TLS 1.3.",
		"The server's TLS stack breaks the protocol; report it to its vendor.")
	ServerGroup = rule("server-group", iana.IllegalParameter, Peer, "RFC 8422, Section 5.4",
		"The server chose a group for its key exchange that we did not offer for this version.",
		"The server's TLS stack breaks the protocol; report it to its vendor.")
	SuiteKeyMismatch = rule("cipher-suite-key-mismatch", iana.IllegalParameter, Peer, "RFC 8422, Section 2",
		"The server's certificate holds a key of a kind that does not fit the cipher suite it chose.",
		"Check the certificate and key that the server is configured with.")
	ExportUnsafe = rule("export-unsafe", iana.NoAlert, Local, "RFC 7627, Section 6.3",
		"This connection has no exporter: without extended_master_secret another one could have the same keys.",
		"Update the peer so that it knows extended_master_secret, or require TLS 1.3.")
	KeyUpdateVersion = rule("key-update-version", iana.NoAlert, Local, "RFC 9846, Section 4.7.3",
		"This connection can't change its keys: only TLS 1.3 can.",
		"Open a new connection, or require TLS 1.3.")
)

// What a client refuses in the server's other messages.
var (
	ServerALPN = rule("server-alpn", iana.IllegalParameter, Peer, "RFC 7301, Section 3.1",
		"The server chose an application protocol that we did not offer, or not exactly one.",
		"The server's TLS stack breaks the protocol; report it to its vendor.")
	CertRefused = rule("cert-refused", iana.BadCertificate, Local, "",
		"VerifyPeerCertificate, the hook of this configuration, refused the certificate.",
		"See the cause, which is the hook's own error.")
	CertificateContext = rule("certificate-context", iana.IllegalParameter, Peer, "RFC 9846, Section 4.5.1",
		"The certificate_request_context must be empty during the handshake, and is not.",
		"The peer's TLS stack breaks the protocol; report it to its vendor.")
	SignatureSchemeRefused = rule("signature-scheme-refused", iana.IllegalParameter, Peer, "RFC 9846, Section 4.5.2",
		"The peer signed with an algorithm that we did not offer or that TLS 1.3 forbids.",
		"The peer's TLS stack breaks the protocol; report it to its vendor.")
)

// What a server refuses in the ClientHello.
var (
	NoCommonVersion = rule("no-common-version", iana.ProtocolVersion, Both, "RFC 9846, Section 4.3.1",
		"The client offers no TLS version that this server speaks.",
		"Upgrade the client, or lower --min-version (MinVersion) on the server if it knows the client's.")
	ClientLegacyVersion = rule("client-legacy-version", iana.ProtocolVersion, Peer, "RFC 9846, Section 4.2.2",
		"The client offers TLS 1.3 but its legacy_version is not 0x0303.",
		"The client's TLS stack breaks the protocol; report it to its vendor.")
	ClientCompression = rule("client-compression", iana.IllegalParameter, Peer, "RFC 9846, Section 4.2.2",
		"The client offers TLS 1.3 and compression; only null is allowed.",
		"Turn compression off in the client.")
	InappropriateFallback = rule("inappropriate-fallback", iana.InappropriateFallback, Network, "RFC 7507, Section 3",
		"The client retries with an older version, and says so, though this server speaks a newer one: something made its first attempt fail.",
		"Look at why the first attempt failed: a device between the two sides, or one that can't take a large or new hello.")
	NoCommonSuite = rule("no-common-cipher-suite", iana.HandshakeFailure, Both, "RFC 9846, Section 4.2.1",
		"The client and this server have no cipher suite in common.",
		"Add one of the client's suites to --suites (CipherSuites) on the server, or one of the server's to the client.")
	NoCertificateForSuite = rule("no-certificate-for-suite", iana.HandshakeFailure, Both, "RFC 5246, Section 7.4.2",
		"This server has no certificate for any cipher suite that the client offers and it accepts.",
		"Give the server a certificate with the other kind of key too (ECDSA P-256 and RSA together serve nearly everybody; RSA key transport needs keyEncipherment), or let the client offer suites for the key that it has.")
	NoCommonGroup = rule("no-common-group", iana.HandshakeFailure, Both, "RFC 9846, Section 4.2.1",
		"The client and this server have no key-exchange group in common.",
		"Add one of the client's groups to --groups (CurvePreferences) on the server, or one of the server's to the client.")
	NoCommonALPN = rule("no-common-alpn", iana.NoApplicationProtocol, Both, "RFC 7301, Section 3.2",
		"The client and this server have no application protocol in common.",
		"Add one of the client's protocols to --alpn (NextProtos) on the server, or to the client; a library's user may leave NextProtos empty to ignore ALPN.")
	KeyShareNotListed = rule("key-share-not-listed", iana.IllegalParameter, Peer, "RFC 9846, Section 4.3.8",
		"The client sent a key share that its supported_groups does not list in that order, or two for one group.",
		"The client's TLS stack breaks the protocol; report it to its vendor.")
	PSKNotLast = rule("psk-not-last", iana.IllegalParameter, Peer, "RFC 9846, Section 4.3.11",
		"pre_shared_key is not the last extension of the ClientHello.",
		"The client's TLS stack breaks the protocol; report it to its vendor.")
	PSKBinderCount = rule("psk-binder-count", iana.IllegalParameter, Peer, "RFC 9846, Section 4.3.11",
		"The client sent more or fewer PSK binders than identities.",
		"The client's TLS stack breaks the protocol; report it to its vendor.")
	SecondHelloChanged = rule("second-hello-changed", iana.IllegalParameter, Peer, "RFC 9846, Section 4.2.2",
		"The second ClientHello differs from the first where it must not.",
		"The client's TLS stack, or a device between, breaks the protocol; report it to its vendor.")
	SecondHelloShare = rule("second-hello-key-share", iana.IllegalParameter, Peer, "RFC 9846, Section 4.3.8",
		"The second ClientHello must carry exactly the key share that was asked for, and does not.",
		"The client's TLS stack breaks the protocol; report it to its vendor.")
	CookieWrong = rule("cookie-wrong", iana.IllegalParameter, Peer, "RFC 9846, Section 4.3.2",
		"The client's cookie is not one that this server gave out, or it is too old.",
		"Give all servers behind one address the same CookieKey, and synchronize their clocks.")
	CookieMissing = rule("cookie-missing", iana.MissingExtension, Peer, "RFC 9846, Section 4.3.2",
		"The second ClientHello does not return the cookie.",
		"The client's TLS stack breaks the protocol; report it to its vendor.")
	KeyUpdateValue = rule("key-update-value", iana.IllegalParameter, Peer, "RFC 9846, Section 4.7.3",
		"A KeyUpdate holds a value that is neither update_not_requested nor update_requested.",
		"The peer's TLS stack breaks the protocol; report it to its vendor.")
)

// What a server refuses in the client's Certificate.
var (
	ClientCertificateMissing = rule("client-certificate-missing", iana.CertificateRequired, Peer, "RFC 9846, Section 4.5.1.3",
		"The client showed no certificate, and this server lets nobody in without one.",
		"Give the client a certificate from an authority that the server names, with a key that signs as the server accepts; or let clients in without (--client-auth verify-if-given, ClientAuth).")
	ClientCertificateMissing12 = rule("client-certificate-missing-12", iana.HandshakeFailure, Peer, "RFC 5246, Section 7.4.6",
		"The client showed no certificate in TLS 1.2, and this server lets nobody in without one; to the client that looks like any other handshake failure.",
		"Give the client a certificate from an authority that the server names, with a key that signs as the server accepts; or let clients in without (--client-auth verify-if-given, ClientAuth).")
)
