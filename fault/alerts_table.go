package fault

import "github.com/handclasp/handclasp/iana"

// In parentheses stand the command's flags; a program sets the same in its
// configuration.
var explanations = []explanation{
	{iana.CloseNotify, NoRole, connected, []string{
		"The peer has sent all it had to send. This is the proper end of a connection.",
	}, "Nothing needs to be done, unless the application expected more data; then look at its protocol, not at TLS."},
	{iana.CloseNotify, Server, atStart, []string{
		"The client went away before it sent a ClientHello: a health check, a scanner, or a browser that opened a spare connection.",
	}, "Nothing needs to be done, unless real clients fail too; then look at their logs."},
	{iana.CloseNotify, Client, atHello | atRetry, []string{
		"The server closed the connection before it answered: it does not serve this name or address, limits who may connect, or is shutting down.",
		"A load balancer accepted the connection and found no server behind it.",
	}, "Check that the service is up, that this is its port, and that the server's log does not name us as refused."},
	{iana.CloseNotify, NoRole, atRetry | inFlight, []string{
		"The peer gave up in the middle of the handshake and did not say why; some programs do so when a certificate displeases them, or when a user cancels.",
		"The peer, or a proxy in front of it, was shut down.",
	}, "Look at the peer's log, and try once more; if it stops at the same step again, check the certificate that was sent there."},

	{iana.UnexpectedMessage, Client, atHello | atRetry, []string{
		"The server takes our ClientHello for something else: it does not expect TLS here, or something on the path changed or repeated our bytes.",
		"The server is old and stumbles over a ClientHello that spans several records or packets.",
	}, "Check the port, then try with fewer groups and without post-quantum ones, which makes the ClientHello fit one packet."},
	{iana.UnexpectedMessage, NoRole, anytime, []string{
		"The peer thinks that the handshake is at another step than we do: one of the two programs has a bug, or a middlebox dropped or repeated a record.",
		"One side sent a message that the other has switched off, such as a renegotiation, a KeyUpdate or a certificate request after the handshake.",
	}, "Record our side of the connection (--events), and compare the last messages with the peer's log."},

	{iana.BadRecordMAC, NoRole, inFlight, []string{
		"The two sides derived different handshake keys: one of them computes the key exchange or the transcript wrongly, or a middlebox changed a hello message.",
		"A record was damaged on the way.",
	}, "Try another group and cipher suite, and the same without any proxy; if only one group fails, that side's implementation of it is at fault."},
	{iana.BadRecordMAC, NoRole, anytime, []string{
		"A record was changed, lost or repeated on the way: a faulty proxy, network card or memory.",
		"The two sides lost count of the records or of the key updates, which is a bug in one of them, or two threads wrote on one connection at once.",
	}, "Try without proxies and offloading hardware on the path; if it comes back at the same amount of data, suspect a KeyUpdate and report it with a record of the connection."},
	{iana.DecryptionFailed, NoRole, anytime, []string{
		"A record of ours could not be decrypted by a peer that runs very old software; later versions say bad_record_mac instead.",
	}, "Treat it as bad_record_mac: look for damage on the path and for keys that differ, and have the peer's TLS software updated."},
	{iana.RecordOverflow, Client, atHello | atRetry, []string{
		"The server took other bytes for the length of a record: something stands before our ClientHello, or the port expects another protocol first.",
	}, "Check that both ends of this port speak TLS, and that no proxy expects its own preface first."},
	{iana.RecordOverflow, NoRole, anytime, []string{
		"A record of ours is longer than the peer accepts: it asked for small records, or it counts padding differently.",
	}, "Send smaller records, and check what the peer asked for with record_size_limit or max_fragment_length."},
	{iana.DecompressionFailure, NoRole, anytime, []string{
		"The peer could not expand a compressed certificate, or expanding it passed its size limit.",
		"The peer is very old and still uses compression of records.",
	}, "Switch off certificate compression, and try again."},

	{iana.HandshakeFailure, Client, atHello, []string{
		"We and the server have no cipher suite, key-exchange group or signature algorithm in common.",
		"The server has no certificate that fits our signature algorithms, such as an ECDSA one where we only take RSA, or none at all for the host name we sent.",
		"The server speaks only TLS 1.2 or older, and our cipher suites for that version, or their absence, leave it no choice.",
		"The server demands a secure-renegotiation or extended-master-secret extension, or a pre-shared key, that we did not send.",
	}, "Offer every suite (--suites all, 3DES by name, and --psk with a pre-shared key), group and signature algorithm (--groups, --sigalgs) you can accept; if that succeeds, take them away one by one until you know which the server needs."},
	{iana.HandshakeFailure, Client, atRetry, []string{
		"The server asked for another key share, got it, and then found nothing else that fits: no cipher suite or signature algorithm in common.",
		"The server disliked a difference between our two ClientHellos, or lost the cookie because another machine behind a load balancer answered.",
	}, "Put the group that the server asked for first, so that no retry is needed, and try again."},
	{iana.HandshakeFailure, Client, inFlight, []string{
		"The server speaks TLS 1.2, wants a client certificate, and we sent none or one it can't use; TLS 1.2 has no clearer alert for this.",
		"The server rejects our side of the key exchange, such as a group or a Diffie-Hellman size.",
	}, "If the server sent a certificate_request, give a client certificate from one of the authorities that it lists (--cert and --key)."},
	{iana.HandshakeFailure, Client, connected, []string{
		"The server turned down a new handshake (renegotiation), or a client certificate that it judged only now.",
	}, "Check whether the server wants a client certificate for what was asked; its log says more than this alert."},
	{iana.HandshakeFailure, Server, anytime, []string{
		"The client accepts none of what we chose: the cipher suite, the group or the size of its key, the signature algorithm, or the certificate's kind.",
		"The client demands secure renegotiation or the extended master secret and did not find it in our answer.",
	}, "Compare what the client offered with what we chose, and allow one more suite, group or certificate type that the client's software is known to take."},

	{iana.NoCertificate, Server, anytime, []string{
		"The client speaks SSL 3.0, or software from that time, and has no certificate to show.",
	}, "Do not require a client certificate of this client, or have the client updated."},
	{iana.NoCertificate, NoRole, anytime, []string{
		"The peer has no certificate to show, and says so in the way of SSL 3.0.",
	}, "Give the peer a certificate, and have its TLS software updated."},

	{iana.BadCertificate, Client, atHello | atRetry, []string{
		"The server has nothing from us yet to judge, so its own certificate is meant: it could not load or use it.",
	}, "Ask the server's administrator to look at its log and its certificate files."},
	{iana.BadCertificate, Client, anytime, []string{
		"The server rejects our client certificate: it could not be read, its signature does not verify, its key is too weak, or its name is not one that the server knows.",
		"The server wants a client certificate and got none; some stacks say so with this alert.",
	}, "Check the client certificate with the server's authority, its dates and its key size, and send the intermediate certificates with it."},
	{iana.BadCertificate, Server, anytime, []string{
		"The client rejected our certificate because it is not valid for the host name that the client wanted.",
		"The client rejected our certificate because it is not valid yet, its key or signature is too weak, or its chain is damaged.",
		"The client is a program in Go or with GnuTLS, which use this alert for nearly every fault of a certificate, expiry and an unknown authority included.",
	}, "Compare our certificate's names and dates with the name the client used and with its clock, then see the client's own error text, which says more."},
	{iana.UnsupportedCertificate, Client, anytime, []string{
		"Our client certificate is not meant for clients: its extended key usage lacks clientAuth, or its key usage lacks digitalSignature.",
		"The server does not take this kind of key, such as Ed25519 or a raw public key.",
	}, "Use a client certificate with the purpose clientAuth and an RSA or ECDSA P-256 key."},
	{iana.UnsupportedCertificate, Server, anytime, []string{
		"The client found that our certificate is not meant for servers: its extended key usage lacks serverAuth, or its key usage does not fit the key exchange.",
		"The client does not take our kind of key or certificate, such as Ed25519, ML-DSA or a raw public key.",
	}, "Use a certificate with the purpose serverAuth, and offer a second one with an ECDSA P-256 or RSA key for older clients."},
	{iana.CertificateRevoked, Client, anytime, []string{
		"The issuer of our client certificate has revoked it, and the server has learnt of it from a revocation list or by OCSP.",
	}, "Get a new client certificate, and find out why the old one was revoked before the key is used again."},
	{iana.CertificateRevoked, Server, anytime, []string{
		"The issuer of our certificate, or of one above it, has revoked it, and the client has learnt of it from a list, by OCSP or from our own stapled answer.",
	}, "Ask the issuer's OCSP server for the certificate's state, replace certificate and key if it is revoked, and restart what still serves the old one."},
	{iana.CertificateExpired, Client, anytime, []string{
		"Our client certificate, or an intermediate one that we sent with it, has expired or is not valid yet.",
		"The server's clock is wrong.",
	}, "Look at the dates of each certificate in the client's file, and renew the one that has passed."},
	{iana.CertificateExpired, Server, anytime, []string{
		"The client rejected our certificate because it, or an intermediate certificate that we send, has expired; perhaps it was renewed, but this server was not reloaded.",
		"The client's clock is wrong, or its root certificate has expired.",
	}, "Look at the dates of each certificate that this server sends, renew and reload; if all are good, check the client's clock."},
	{iana.CertificateUnknown, Client, anytime, []string{
		"The server rejects our client certificate for a reason that no other alert fits, such as a name constraint, a policy, or an entry that its user list lacks.",
		"The server runs Java, which uses this alert for nearly every fault of a certificate.",
	}, "Check issuer, purpose and dates of the client certificate, and read the server's log, which names the check that failed."},
	{iana.CertificateUnknown, Server, anytime, []string{
		"The client rejected our certificate because its issuer is unknown to it or a person or program refused it; browsers send this alert when a certificate is not trusted.",
		"The client runs Java, which uses this alert for nearly every fault of a certificate, the wrong name and expiry included.",
		"A name constraint or policy in the chain forbids this certificate.",
	}, "Verify the chain that this server sends against the roots that the client has, and serve the intermediate certificates too."},

	{iana.IllegalParameter, Client, atHello | atRetry, []string{
		"The server read our ClientHello and finds a value impossible: a key share that is no point of its curve, an extension it thinks repeated or misplaced, or a second ClientHello that differs too much from the first.",
		"The server is faulty or old and stumbles over a value or extension that it should ignore.",
	}, "Offer less, in this order: post-quantum groups, optional extensions, everything but X25519 and P-256; the last thing taken away is the cause."},
	{iana.IllegalParameter, Server, atRetry, []string{
		"The client finds our HelloRetryRequest impossible: it asks for a group that the client did not offer, for one whose share it already sent, or changes nothing.",
	}, "Check which groups and shares the client sent; if ours is right, the client's software is at fault."},
	{iana.IllegalParameter, Server, inFlight, []string{
		"The client finds a choice of ours impossible: a version, suite, group or extension that it did not offer, or a key share that is no valid one.",
	}, "Compare our ServerHello, and in TLS 1.3 EncryptedExtensions, with the client's offer, and switch off what one of the two sides implements differently, such as a new hybrid group."},
	{iana.IllegalParameter, NoRole, anytime, []string{
		"The peer finds a value in one of our messages impossible or contradictory, which means a bug in one of the two programs.",
	}, "Record the connection (--events), and report it to the makers of the side that is wrong."},

	{iana.UnknownCA, Client, anytime, []string{
		"The server does not know the authority that issued our client certificate, or we did not send the intermediate certificates between the two.",
		"The server's list of client authorities is not the one you think; its certificate_request may name them.",
	}, "Send the client certificate together with its intermediates, and have the issuing authority added to the server's list of client authorities."},
	{iana.UnknownCA, Server, anytime, []string{
		"No authority that the client trusts vouches for our certificate: we do not send the intermediate certificate that links it to a root the client knows.",
		"Our certificate is self-signed or from a private authority, and the client was not given that authority.",
		"A proxy between us replaces certificates, and the client does not know the proxy's authority.",
	}, "Serve the full chain, without the root; with a private authority, give its certificate to the client (curl: --cacert)."},
	{iana.AccessDenied, Client, anytime, []string{
		"The server knows who we are, or where we come from, and does not let us in: the client certificate's name is not on its list, or the address is blocked.",
	}, "Ask the server's administrator to permit this client certificate or address, or use another certificate."},
	{iana.AccessDenied, Server, anytime, []string{
		"The client accepts our certificate as valid, but a rule of its own, such as a pin, a firewall or a parental filter, forbids the connection.",
	}, "Look for pinned certificates and for security software on the client."},

	{iana.DecodeError, Client, atHello | atRetry, []string{
		"The server can't take our ClientHello apart: it, or a middlebox, stumbles over an unknown extension, an empty last extension or a long ClientHello.",
		"Something on the path cut off or changed the ClientHello.",
	}, "Try a smaller ClientHello, without post-quantum groups and optional extensions; if that succeeds, add them one by one."},
	{iana.DecodeError, NoRole, anytime, []string{
		"The peer can't take one of our messages apart: a bug in one of the two programs, or bytes that were changed on the way.",
		"One of our certificates, or our list of them, is not what the peer's parser accepts.",
	}, "Record the connection (--events), look at the last message we sent, and try with a plain, short certificate chain."},
	{iana.DecryptError, Client, atHello | atRetry, []string{
		"The server could not verify the binder of a pre-shared key that we offered: the two sides have different keys under that name, or the ticket is from another server.",
	}, "Compare the pre-shared key on both sides; for a ticket, forget it and make a full handshake."},
	{iana.DecryptError, Client, anytime, []string{
		"The server could not verify our signature or our Finished message: our client key does not belong to our client certificate, or something changed the handshake on the way.",
		"A smart card, key store or cryptographic library signed wrongly, often with RSA-PSS.",
	}, "Check that client certificate and key belong together, then try another signature algorithm."},
	{iana.DecryptError, Server, anytime, []string{
		"The client could not verify our signature: our key does not belong to our certificate, perhaps on one machine behind a load balancer only.",
		"The client could not verify our Finished message: a middlebox changed the handshake, or one side computes the transcript wrongly.",
	}, "Check that certificate and key belong together on every machine that serves this name."},
	{iana.TooManyCIDsRequested, NoRole, anytime, []string{
		"In DTLS, we asked for more connection IDs than the peer gives at once.",
	}, "Ask for fewer connection IDs, or use those in hand before asking again."},
	{iana.ExportRestriction, NoRole, anytime, []string{
		"The peer applies the key-length rules for exported software of the 1990s; nothing current sends this alert.",
	}, "Have the peer's TLS software replaced."},

	{iana.ProtocolVersion, Client, atHello | atRetry, []string{
		"The server supports none of the TLS versions that we offered; often it stops at TLS 1.0 to 1.2 and we offer only TLS 1.3, or it demands TLS 1.3 and we stop at 1.2.",
		"The service on this port speaks no TLS of today, or is a device that answers an unknown ClientHello so.",
	}, "Allow more versions (--min-version, --max-version) to find what the server speaks, then have the older side updated."},
	{iana.ProtocolVersion, Server, anytime, []string{
		"The client does not support the version that we chose: it speaks newer or older ones only.",
		"The client saw a version in our ServerHello that it had not offered; a middlebox may have changed it.",
	}, "Allow the versions that the client offers, if they are safe, or have the client updated."},
	{iana.ProtocolVersion, NoRole, anytime, []string{
		"The peer saw a version number, in a message or a record, that it does not accept at this point of the connection.",
	}, "Look at the versions in both hello messages; if they agree, the peer's software or a middlebox is at fault."},
	{iana.InsufficientSecurity, Client, anytime, []string{
		"The server has cipher suites or groups in common with us, but its policy demands stronger ones, such as 256-bit keys or a post-quantum group.",
		"The Diffie-Hellman group or the key of our client certificate is too small for the server.",
	}, "Offer TLS 1.3, the larger cipher suites, X25519MLKEM768 and P-384, and a client key of at least RSA 3072 or P-256."},
	{iana.InsufficientSecurity, Server, anytime, []string{
		"The client's policy demands more than we chose: a larger key in our certificate, a stronger cipher suite or group, or a newer version.",
	}, "Prefer TLS 1.3 with ECDHE or hybrid groups, and use a certificate of at least RSA 2048 or P-256."},
	{iana.InternalError, Client, atHello | atRetry, []string{
		"The server failed on its own side after our ClientHello: it has no certificate for this host name, a callback returned an error, its key or key store is unreachable, or it is out of memory.",
		"The server's program refuses this host name, address or protocol and has no better alert for it.",
	}, "Try another host name and another protocol (--name, --alpn), then look at the server's log; only the server's administrator can mend it."},
	{iana.InternalError, Client, anytime, []string{
		"The server failed on its own side: its certificate check for clients, its session store or its key was unavailable, or a program behind it crashed.",
	}, "Try once more; if it happens again, the server's log says why."},
	{iana.InternalError, Server, anytime, []string{
		"The client failed on its own side after our messages: its security level forbids a signature, such as SHA-1 in TLS 1.0 and 1.1, a callback returned an error, or its key store is unreachable.",
	}, "See the client's own error text; if the version is older than TLS 1.2, allow a newer one."},
	{iana.InappropriateFallback, Client, anytime, []string{
		"We said with TLS_FALLBACK_SCSV that this is a second attempt with an older version, and the server supports a newer one: the first attempt was broken by the network, or somebody tries to force a downgrade.",
	}, "Do not retry with older versions; find out why the first attempt, with the newest version, failed."},
	{iana.UserCanceled, NoRole, inFlight | atHello | atRetry, []string{
		"A person or program on the peer's side broke off the handshake, for instance at a question whether to trust a certificate or which one to use.",
	}, "Try again, and answer the question on the peer's side, or see its log."},
	{iana.UserCanceled, NoRole, connected, []string{
		"The peer is about to close the connection on its user's wish; Java sends this alert when it closes only its writing side.",
	}, "Read on until close_notify; nothing is wrong with the connection."},
	{iana.NoRenegotiation, NoRole, anytime, []string{
		"We asked for a new handshake on a TLS 1.2 connection, and the peer refuses; refusing is good practice.",
	}, "Open a new connection instead, or use TLS 1.3, where KeyUpdate and post-handshake authentication take its place."},

	{iana.MissingExtension, Client, atHello | atRetry, []string{
		"The server wants an extension that our ClientHello lacks: server_name, supported_groups, key_share, signature_algorithms, or quic_transport_parameters on QUIC.",
		"A middlebox removed an extension.",
	}, "Send a host name (--name), and do not switch off groups or signature algorithms."},
	{iana.MissingExtension, NoRole, anytime, []string{
		"The peer misses an extension in our answer that its own settings or the standard make mandatory, such as key_share or a certificate's OCSP answer.",
	}, "Compare what the peer asked for with what we answered, and switch on the missing extension."},
	{iana.UnsupportedExtension, NoRole, inFlight | atRetry | connected, []string{
		"We sent an extension as an answer that the peer says it never asked for; one of the two programs has a bug, or a middlebox took the request out of a hello.",
	}, "Compare our extensions with the peer's hello, and switch off the one that it does not list."},
	{iana.UnsupportedExtension, Client, atHello, []string{
		"The server does not know an extension of our ClientHello and rejects it, although it must ignore what it does not know.",
	}, "Send fewer optional extensions, and have the server's TLS software updated."},
	{iana.CertificateUnobtainable, NoRole, anytime, []string{
		"The server could not fetch our certificate from the address that we gave it instead of the certificate.",
	}, "Send the certificate itself, or check that the server can reach the address."},
	{iana.UnrecognizedName, Client, anytime, []string{
		"The server has no certificate or site for the host name that we sent, and is configured to refuse rather than to answer with a default.",
		"The name that we sent is not the server's public name: an internal alias, another spelling, or a name whose DNS entry still points here.",
	}, "Check the host name for typing errors and where its DNS entry points, or send the name that the server knows (--name)."},
	{iana.BadCertificateStatusResponse, Server, anytime, []string{
		"The client rejects the OCSP answer that we stapled: it is stale, belongs to another certificate, is wrongly signed, or says revoked.",
		"Our certificate says must-staple, and we stapled nothing.",
	}, "Fetch a fresh OCSP answer, check that it is for this certificate and not past its nextUpdate, or staple none if the certificate does not demand it."},
	{iana.BadCertificateStatusResponse, Client, anytime, []string{
		"The server rejects the OCSP answer that we stapled to our client certificate.",
	}, "Fetch a fresh OCSP answer for the client certificate, or staple none."},
	{iana.BadCertificateHashValue, NoRole, anytime, []string{
		"A certificate that the server fetched from the address we gave does not have the hash we announced.",
	}, "Send the certificate itself, or update the hash."},
	{iana.UnknownPSKIdentity, Client, anytime, []string{
		"The server has no pre-shared key under the identity that we offered: the name is misspelt, or the key was never installed or has been removed.",
	}, "Compare identity and key on both sides, byte for byte, and check that both use the same hash."},
	{iana.CertificateRequired, Client, atHello | atRetry | inFlight, []string{
		"The server insists on a client certificate and we sent none, because none was given or none is from an authority that the server lists.",
	}, "Show a client certificate from one of the authorities in the server's certificate_request (--cert and --key)."},
	{iana.CertificateRequired, Client, anytime, []string{
		"The server insists on a client certificate and we sent none. In TLS 1.3 it can say so only after our side of the handshake was complete, so the handshake seemed to succeed.",
	}, "Show a client certificate from one of the authorities in the server's certificate_request (--cert and --key)."},
	{iana.GeneralError, NoRole, anytime, []string{
		"The peer failed for a reason that it can't or does not want to name.",
	}, "Look at the peer's log for the time of this connection."},
	{iana.NoApplicationProtocol, Client, anytime, []string{
		"The server speaks none of the application protocols that we offered by ALPN, for instance only h2 where we offered only http/1.1.",
		"The service on this port is not the one you think, such as a mail server or a certificate-validation responder.",
	}, "Offer other protocols, such as h2 and http/1.1, or none at all (--alpn)."},
	{iana.NoApplicationProtocol, Server, anytime, []string{
		"The client did not find the application protocol that it needs in our answer, or we chose none.",
	}, "Allow the client's protocol (--alpn), if the application behind this server speaks it."},
	{iana.ECHRequired, Server, anytime, []string{
		"The client encrypted its ClientHello (ECH) to a key that we do not have or no longer have, and does not go on without.",
	}, "Publish the current ECH configuration in DNS, keep old ECH keys until DNS caches have expired, or send retry_configs."},
}
