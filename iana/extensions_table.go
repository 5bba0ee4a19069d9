package iana

// Short names for the table's third column, as RFC 9846, Section 4.3 has them.
const (
	ch  = InClientHello
	sh  = InServerHello
	hrr = InHelloRetryRequest
	ee  = InEncryptedExtensions
	cr  = InCertificateRequest
	ct  = InCertificate
	nst = InNewSessionTicket
)

// Rows whose place is ch alone and whose text says "TLS 1.2 and below" have no
// place in TLS 1.3 at all; a client that also speaks older versions sends them
// nevertheless, and a TLS 1.3 server ignores them.
//
// Rows with the status Unregistered are not in the registry, as far as we could
// see, but in every day's traffic.
var extensions = []ExtensionInfo{
	{0, "server_name", ch | ee | cr, "RFC 6066, Section 3", Recommended, "The host name that the client wants to reach, so that a server with many names can pick the right certificate (SNI)."},
	{1, "max_fragment_length", ch | ee, "RFC 6066, Section 4", Neutral, "The client asks for records of at most 512 to 4096 bytes; record_size_limit has replaced it."},
	{2, "client_certificate_url", ch, "RFC 6066, Section 5", Recommended, "In TLS 1.2 and below, the client may send the address of its certificate instead of the certificate."},
	{3, "trusted_ca_keys", ch, "RFC 6066, Section 6", Recommended, "In TLS 1.2 and below, the client names the certificate authorities it trusts; certificate_authorities has replaced it."},
	{4, "truncated_hmac", ch, "RFC 6066, Section 7", Discouraged, "In TLS 1.2 and below, shortens the integrity check of each record to 80 bits, which is unsafe."},
	{5, "status_request", ch | cr | ct, "RFC 6066, Section 8; RFC 9846, Section 4.5.1.1", Recommended, "Asks for, or carries, a fresh OCSP answer that says whether the certificate was revoked (stapling)."},
	{6, "user_mapping", ch, "RFC 4681", Recommended, "In TLS 1.2 and below, announces that the client will map its certificate to a user account."},
	{7, "client_authz", ch, "RFC 5878", Neutral, "In TLS 1.2 and below, announces authorization statements by the client."},
	{8, "server_authz", ch, "RFC 5878", Neutral, "In TLS 1.2 and below, announces authorization statements by the server."},
	{9, "cert_type", ch, "RFC 6091", Neutral, "In TLS 1.2 and below, negotiates OpenPGP keys instead of X.509 certificates."},
	{10, "supported_groups", ch | ee, "RFC 9846, Section 4.3.7", Recommended, "The key-exchange groups (elliptic curves, finite fields, hybrids) that the sender supports, best first."},
	{11, "ec_point_formats", ch, "RFC 8422, Section 5.1.2", Recommended, "In TLS 1.2 and below, the ways in which the sender can read points on a curve; only uncompressed points are left."},
	{12, "srp", ch, "RFC 5054", Neutral, "In TLS 1.2 and below, the user name for a key exchange that is authenticated by a password."},
	{13, "signature_algorithms", ch | cr, "RFC 9846, Section 4.3.3", Recommended, "The signature algorithms that the sender can verify in the handshake, best first."},
	{14, "use_srtp", ch | ee, "RFC 5764", Recommended, "Negotiates the protection of media streams whose keys come from a DTLS handshake."},
	{15, "heartbeat", ch | ee, "RFC 6520", Recommended, "Says whether the sender answers heartbeat messages, which keep a connection alive."},
	{16, "application_layer_protocol_negotiation", ch | ee, "RFC 7301", Recommended, "The application protocols that the client speaks, such as h2 and http/1.1, and the one that the server picked (ALPN)."},
	{17, "status_request_v2", ch, "RFC 6961", Recommended, "In TLS 1.2 and below, asks for OCSP answers for the whole certificate chain."},
	{18, "signed_certificate_timestamp", ch | cr | ct, "RFC 6962", Neutral, "Asks for, or carries, proofs that the certificate stands in public Certificate Transparency logs."},
	{19, "client_certificate_type", ch | ee, "RFC 7250", Recommended, "Negotiates whether the client shows an X.509 certificate or a raw public key."},
	{20, "server_certificate_type", ch | ee, "RFC 7250", Recommended, "Negotiates whether the server shows an X.509 certificate or a raw public key."},
	{21, "padding", ch, "RFC 7685", Recommended, "Zero bytes that make the ClientHello longer, to get around servers that stumble over certain lengths."},
	{22, "encrypt_then_mac", ch, "RFC 7366", Recommended, "In TLS 1.2 and below, makes CBC cipher suites check a record's integrity before they decrypt it."},
	{23, "extended_master_secret", ch, "RFC 7627", Recommended, "In TLS 1.2 and below, binds the connection's secret to the whole handshake; TLS 1.3 always does so."},
	{24, "token_binding", ch, "RFC 8472", Recommended, "In TLS 1.2 and below, negotiates tokens that are bound to a key of the client, so that a stolen one is useless."},
	{25, "cached_info", ch, "RFC 7924", Recommended, "In TLS 1.2 and below, the client says which server certificates it already has, so that the server need not send them again."},
	{26, "tls_lts", ch, "draft-gutmann-tls-lts", Neutral, "Negotiates a hardened profile of TLS 1.2 for devices that live long."},
	{27, "compress_certificate", ch | cr, "RFC 8879", Recommended, "The compression algorithms in which the sender accepts a certificate message."},
	{28, "record_size_limit", ch | ee, "RFC 8449", Recommended, "The longest record, in bytes of plaintext, that the sender is willing to receive."},
	{29, "pwd_protect", ch, "RFC 8492", Neutral, "The user name, encrypted, for a password-authenticated key exchange (TLS-PWD)."},
	{30, "pwd_clear", ch, "RFC 8492", Neutral, "The user name, in the clear, for a password-authenticated key exchange (TLS-PWD)."},
	{31, "password_salt", ch | sh | hrr, "RFC 8492", Neutral, "The salt of the stored password in a password-authenticated key exchange (TLS-PWD)."},
	{32, "ticket_pinning", ch | ee, "RFC 8672", Neutral, "Lets a client recognise, on a later visit, that a server still holds the same ticket keys."},
	{33, "tls_cert_with_extern_psk", ch | sh, "RFC 8773", Neutral, "Combines certificates with an external pre-shared key in one handshake."},
	{34, "delegated_credential", ch | cr | ct, "RFC 9345", Recommended, "Asks for, or carries, a short-lived key to which the certificate's owner has delegated its identity."},
	{35, "session_ticket", ch, "RFC 5077", Recommended, "In TLS 1.2 and below, carries the ticket to resume a session, or is empty to ask for one; TLS 1.3 uses pre_shared_key."},
	{36, "TLMSP", ch, "ETSI TS 103 523-2", Neutral, "Negotiates middleboxes that may read or change parts of the traffic (ETSI's TLMSP)."},
	{37, "TLMSP_proxying", ch, "ETSI TS 103 523-2", Neutral, "Tells a TLMSP middlebox about the connection for which it acts as a proxy."},
	{38, "TLMSP_delegate", ch, "ETSI TS 103 523-2", Neutral, "Lets a TLMSP middlebox act for an endpoint that does not speak TLMSP."},
	{39, "supported_ekt_ciphers", ch | ee, "RFC 8870", Recommended, "The ciphers with which the sender can protect the media keys of a conference."},
	{41, "pre_shared_key", ch | sh, "RFC 9846, Section 4.3.11", Recommended, "The pre-shared keys or tickets that the client offers, with proofs that it holds them, and the one that the server picked; in a ClientHello it stands last."},
	{42, "early_data", ch | ee | nst, "RFC 9846, Section 4.3.10", Recommended, "The client sends data in its first flight (0-RTT), the server accepts that, or a ticket permits it up to a number of bytes."},
	{43, "supported_versions", ch | sh | hrr, "RFC 9846, Section 4.3.1", Recommended, "The TLS versions that the client speaks, best first, and the one that the server picked."},
	{44, "cookie", ch | hrr, "RFC 9846, Section 4.3.2", Recommended, "Bytes that the server wants back in the second ClientHello, so that it need not remember the first."},
	{45, "psk_key_exchange_modes", ch, "RFC 9846, Section 4.3.9", Recommended, "Whether the client uses a pre-shared key alone or together with a fresh key exchange, which gives forward secrecy."},
	{47, "certificate_authorities", ch | cr, "RFC 9846, Section 4.3.4", Recommended, "The certificate authorities that the sender accepts, as a help in choosing a certificate."},
	{48, "oid_filters", cr, "RFC 9846, Section 4.3.5", Recommended, "Which certificate extensions, with which values, the server wants in a client's certificate."},
	{49, "post_handshake_auth", ch, "RFC 9846, Section 4.3.6", Recommended, "The client is willing to show a certificate later, after the handshake, if the server asks."},
	{50, "signature_algorithms_cert", ch | cr, "RFC 9846, Section 4.3.3", Recommended, "The signature algorithms that the sender can verify inside certificates, if they differ from signature_algorithms."},
	{51, "key_share", ch | sh | hrr, "RFC 9846, Section 4.3.8", Recommended, "The sender's public keys for the key exchange; in a HelloRetryRequest, the group for which the server wants one."},
	{52, "transparency_info", ch | cr | ct, "RFC 9162", Recommended, "Asks for, or carries, Certificate Transparency proofs of version 2."},
	{53, "connection_id (deprecated)", ch, "RFC 9146", Discouraged, "An early code point of connection_id, with another integrity computation."},
	{54, "connection_id", ch | sh, "RFC 9146", Neutral, "In DTLS, a number by which the receiver recognises a connection although the peer's address has changed."},
	{55, "external_id_hash", ch | ee, "RFC 8844", Recommended, "Binds a handshake to an identity that was agreed on elsewhere, such as in a call's signalling."},
	{56, "external_session_id", ch | ee, "RFC 8844", Recommended, "Binds a handshake to a session that was agreed on elsewhere, so that two calls cannot be mixed up."},
	{57, "quic_transport_parameters", ch | ee, "RFC 9001, Section 8.2", Recommended, "The sender's limits and settings for QUIC, authenticated by the handshake."},
	{58, "ticket_request", ch | ee, "RFC 9149", Recommended, "How many session tickets the client would like, and how many the server means to send."},
	{59, "dnssec_chain", ch | ct, "RFC 9102", Neutral, "Asks for, or carries, the signed DNS records with which a client can check the certificate (DANE)."},
	{60, "sequence_number_encryption_algorithms", ch | hrr | sh, "draft-pismenny-tls-dtls-plaintext-sequence-number", Neutral, "In DTLS, negotiates whether and how the sequence numbers of records are hidden."},
	{61, "rrc", ch | sh, "RFC 9853", Neutral, "In DTLS, the sender supports a check that the peer can really be reached at its new address."},
	{62, "tls_flags", ch | sh | hrr | ee | cr | ct | nst, "draft-ietf-tls-tlsflags", Neutral, "A row of bits, each of which stands for an extension that needs no data of its own."},
	{0x3374, "next_protocol_negotiation", ch, "draft-agl-tls-nextprotoneg", Unregistered, "In TLS 1.2 and below, the forerunner of ALPN, in which the client picked the application protocol."},
	{0x4469, "application_settings_old", ch | ee, "draft-vvv-tls-alps", Unregistered, "An experiment of Chrome's that carries settings of the application protocol in the handshake, at its first code point."},
	{0x44cd, "application_settings", ch | ee, "draft-vvv-tls-alps", Unregistered, "An experiment of Chrome's that carries settings of the application protocol, such as HTTP/2's, in the handshake."},
	{0x7550, "channel_id", ch, "draft-balfanz-tls-channelid", Unregistered, "A retired experiment of Chrome's in which the client proved that it held a key made for this site."},
	{0xca34, "trust_anchors", ch | ee | cr | ct, "draft-ietf-tls-trust-anchor-ids", Unregistered, "Short names of root certificates, with which one side learns which chain the other side will accept."},
	{0xfd00, "ech_outer_extensions", ch, "RFC 9849, Section 5.1", Recommended, "Stands only in the encrypted inner ClientHello, for extensions that are to be copied from the outer one."},
	{0xfe0d, "encrypted_client_hello", ch | hrr | ee, "RFC 9849, Section 5", Recommended, "The true ClientHello, encrypted to a key that the server publishes in DNS, so that the network does not see the host name."},
	{0xff01, "renegotiation_info", ch, "RFC 5746", Recommended, "In TLS 1.2 and below, ties a renegotiation to the handshake before it, so that nobody can splice two connections together."},
}
