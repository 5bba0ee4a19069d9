package fault

import "github.com/handclasp/handclasp/iana"

// What can be wrong with a certificate itself.
var (
	CertEmpty = rule("cert-empty", iana.DecodeError, Peer, "RFC 9846, Section 4.5.1.3",
		"The peer sent a Certificate message without a certificate.",
		"Configure a certificate on the peer; a server that authenticates with certificates always sends one.")
	CertTooMany = rule("cert-too-many", iana.UnsupportedCertificate, Peer, "",
		"The peer sent more certificates than a chain can need.",
		"Send only the leaf and the intermediates that lead to the root; do not send a whole bundle of roots.")
	CertTooLarge = rule("cert-too-large", iana.UnsupportedCertificate, Peer, "",
		"The peer's certificates are larger than we accept.",
		"Send only the leaf and the intermediates that lead to the root, and issue the leaf for fewer names.")
	CertTooManyParts = rule("cert-too-many-parts", iana.UnsupportedCertificate, Peer, "",
		"The peer's certificates hold more names, or other parts, than we accept.",
		"Issue the certificate for fewer names, or raise Limits.CertificateParts if it means well; see docs/limits.md.")
	CertUnparsable = rule("cert-unparsable", iana.BadCertificate, Peer, "RFC 5280, Section 4.1",
		"A certificate of the peer is not a well-formed X.509 certificate.",
		"Look at the file with `openssl x509 -in FILE -text`; reissue the certificate if that fails too.")
	CertUnsupportedKey = rule("cert-unsupported-key", iana.UnsupportedCertificate, Peer, "RFC 9846, Section 4.5.1.2",
		"A certificate holds a public key of a kind that we cannot use.",
		"Reissue the certificate for an ECDSA (P-256, P-384, P-521), Ed25519 or RSA key.")
	CertKeyTooLarge = rule("cert-key-too-large", iana.UnsupportedCertificate, Peer, "",
		"A certificate holds an RSA key so large that checking its signatures would stall us.",
		"Reissue the certificate for an RSA key of 2048 to 4096 bits, or for an ECDSA P-256 key.")
	CertWeakKey = rule("cert-weak-key", iana.UnsupportedCertificate, Peer, "RFC 9325, Section 4.5",
		"A certificate holds an RSA key so short that it can be broken.",
		"Reissue the certificate for an RSA key of at least 2048 bits, or for an ECDSA P-256 key.")
	CertExpired = rule("cert-expired", iana.CertificateExpired, Peer, "RFC 5280, Section 4.1.2.5",
		"The peer's certificate has expired.",
		"Renew the certificate and make the peer load the new file; if the dates look right, set the clock of this machine.")
	CertNotYetValid = rule("cert-not-yet-valid", iana.CertificateExpired, Peer, "RFC 5280, Section 4.1.2.5",
		"A certificate is not valid yet.",
		"Set the clock of this machine (NTP); if it is right, wait until the certificate begins or reissue it with an earlier date.")
	CertKeyUsage = rule("cert-key-usage", iana.UnsupportedCertificate, Peer, "RFC 9846, Section 4.5.1.2",
		"The peer's certificate does not allow its key to sign, and this handshake needs a signature.",
		"Reissue the certificate with the key usage digitalSignature.")
	CertKeyEncipherment = rule("cert-key-encipherment", iana.UnsupportedCertificate, Peer, "RFC 5246, Section 7.4.2",
		"The server's certificate does not allow its key to decrypt secrets, and RSA key transport needs that.",
		"Have the server choose an ECDHE suite, for which the certificate will do (leave out the suites with RSA key transport), or reissue it with the key usage keyEncipherment.")
	CertCriticalExtension = rule("cert-critical-extension", iana.UnsupportedCertificate, Peer, "RFC 5280, Section 4.2",
		"A certificate has a critical extension that we do not know, so it must be refused.",
		"Reissue the certificate without the extension, or with the extension marked as not critical.")
)

// What can be wrong between a certificate and the roots.
var (
	CertChainExpired = rule("cert-chain-expired", iana.CertificateExpired, Peer, "RFC 5280, Section 4.1.2.5",
		"An authority's certificate in the chain has expired, above the leaf.",
		"Replace the expired certificate, named above, by its successor in the peer's chain file; if it is a root, in our trust store.")
	CertSelfSigned = rule("cert-self-signed", iana.UnknownCA, Peer, "RFC 5280, Section 6.1",
		"The peer's certificate is signed by itself, and we were not told to trust it.",
		"Trust exactly this certificate (--ca FILE; of a client --client-ca FILE), or get one from an authority that we trust.")
	CertUnknownRoot = rule("cert-unknown-root", iana.UnknownCA, Peer, "RFC 5280, Section 6.1",
		"The peer's chain is complete and ends in a root that we do not trust.",
		"If the root is your own authority, trust it (--ca FILE; for clients --client-ca FILE); otherwise something between you and the peer may be intercepting TLS.")
	CertUnknownIssuer = rule("cert-unknown-issuer", iana.UnknownCA, Peer, "RFC 5280, Section 6.1",
		"The peer's chain ends at an authority that was neither sent nor is trusted: its root is not known here, or it leaves out an intermediate certificate.",
		"If the issuer is your own authority, trust its certificate (--ca FILE; for clients --client-ca FILE); otherwise append the issuer's certificate to the peer's chain file.")
	CertMissingIntermediate = rule("cert-missing-intermediate", iana.UnknownCA, Peer, "RFC 9846, Section 4.5.1",
		"The peer did not send the intermediate certificate that links its chain to a root.",
		"Serve the full chain: append the issuer's certificate, from the address above, to the peer's certificate file.")
	CertOtherAuthority = rule("cert-other-authority", iana.UnknownCA, Peer, "RFC 5280, Section 6.1.3",
		"The chain names a root that we trust, and that root does not vouch for it: it has another key, or is no authority.",
		"Fetch the root's certificate again from the authority: it was probably made anew under its old name.")
	CertNotCA = rule("cert-not-a-ca", iana.BadCertificate, Peer, "RFC 5280, Section 4.2.1.9",
		"A certificate was used to sign another and is not allowed to.",
		"Reissue the upper certificate with basic constraints CA:TRUE and key usage keyCertSign.")
	CertPathLength = rule("cert-path-length", iana.BadCertificate, Peer, "RFC 5280, Section 4.2.1.9",
		"There are more authorities in the chain than one above them allows.",
		"Issue the leaf higher up, or reissue the limiting authority with a larger pathLenConstraint.")
	CertNameConstraint = rule("cert-name-constraint", iana.BadCertificate, Peer, "RFC 5280, Section 4.2.1.10",
		"An authority in the chain may not issue certificates for a name that the leaf holds.",
		"Take the name out of the leaf, or have the leaf issued by an authority that is allowed to.")
	CertPolicy = rule("cert-policy", iana.BadCertificate, Peer, "RFC 5280, Section 6.1.4",
		"The chain demands a certificate policy that its certificates do not have in common.",
		"Have the leaf issued with the policy that the authority's policyConstraints demand.")
	CertUsage = rule("cert-usage", iana.UnsupportedCertificate, Peer, "RFC 5280, Section 4.2.1.12",
		"A certificate in the chain is not meant for this side of a TLS connection.",
		"Reissue the certificate with the extended key usage that was expected.")
	CertWeakSignature = rule("cert-weak-signature", iana.BadCertificate, Peer, "RFC 9846, Section 4.5.1.3",
		"A certificate is signed with a hash that can be forged (MD5 or SHA-1).",
		"Have the certificate issued again with SHA-256 or better.")
	CertBadSignature = rule("cert-bad-signature", iana.BadCertificate, Peer, "RFC 5280, Section 6.1.3",
		"The signature on a certificate was not made by the issuer that was sent with it.",
		"Send the intermediate that really issued the certificate: same name is not enough, the key must be the same too.")
	CertRejected = rule("cert-rejected", iana.CertificateUnknown, Peer, "RFC 5280, Section 6.1",
		"The verifier refused the peer's chain.",
		"Look at the chain with `openssl verify -show_chain`; send only the leaf and the intermediates that lead to the root.")
	CertNoSystemRoots = rule("cert-no-system-roots", iana.InternalError, Local, "",
		"The root certificates of this system could not be loaded.",
		"Install the system's root certificates (package ca-certificates), or name the roots yourself (--ca FILE).")
)

// What can be wrong between a certificate and the name that was asked for.
var (
	CertWrongName = rule("cert-wrong-name", iana.BadCertificate, Peer, "RFC 9525, Section 6",
		"The peer's certificate is for other names than the one we asked for.",
		"Check the name (and --name); if it is right, reissue the certificate for it, or give the server the certificate of that name.")
	CertNoSAN = rule("cert-no-san", iana.BadCertificate, Peer, "RFC 9525, Section 6",
		"The peer's certificate holds no DNS name or address in subjectAltName; the common name does not count.",
		"Reissue the certificate with the name as subjectAltName.")
)

// What can be wrong with a stapled OCSP answer.
var (
	OCSPMalformed = rule("ocsp-malformed", iana.BadCertificateStatusResponse, Peer, "RFC 6960, Section 4.2",
		"The stapled OCSP answer is not well-formed.",
		"Make the server fetch a new answer, or turn stapling off until it does.")
	OCSPNoAnswer = rule("ocsp-no-answer", iana.BadCertificateStatusResponse, Peer, "RFC 6960, Section 4.2.1",
		"What is stapled is the responder's error message, not an answer.",
		"Make the server staple only successful answers, and retry later.")
	OCSPNotYet = rule("ocsp-not-yet-valid", iana.BadCertificateStatusResponse, Peer, "RFC 6960, Section 4.2.2.1",
		"The stapled OCSP answer is from the future.",
		"Set the clock of this machine (NTP); if it is right, the responder's clock is wrong.")
	OCSPExpired = rule("ocsp-expired", iana.BadCertificateStatusResponse, Peer, "RFC 6960, Section 4.2.2.1",
		"The stapled OCSP answer is out of date.",
		"Make the server fetch a new answer: it may have lost its way to the responder.")
	OCSPWrongSigner = rule("ocsp-wrong-signer", iana.BadCertificateStatusResponse, Peer, "RFC 6960, Section 4.2.2.2",
		"The stapled OCSP answer is not signed by the issuer, nor by a responder that the issuer appointed.",
		"Make the server fetch the answer from the address in its own certificate.")
	OCSPWrongCert = rule("ocsp-wrong-cert", iana.BadCertificateStatusResponse, Peer, "RFC 6960, Section 3.2",
		"The stapled OCSP answer is about another certificate.",
		"Delete the server's stored answer; it is probably left over from the certificate before.")
	OCSPRevoked = rule("ocsp-revoked", iana.CertificateRevoked, Peer, "RFC 6960, Section 2.2",
		"The issuer has revoked the peer's certificate.",
		"Do not trust this peer until it has a new certificate with a new key.")
	OCSPUnknown = rule("ocsp-unknown", iana.BadCertificateStatusResponse, Peer, "RFC 6960, Section 2.2",
		"The responder does not know the peer's certificate.",
		"If the certificate is new, wait until the responder has heard of it; otherwise ask the authority.")
	OCSPMustStaple = rule("ocsp-must-staple", iana.BadCertificateStatusResponse, Peer, "RFC 7633",
		"The peer's certificate demands a stapled OCSP answer, and none came.",
		"Turn OCSP stapling on in the server, or reissue the certificate without the TLS feature extension (must-staple).")
)

// What can stop us from choosing a certificate of our own.
var (
	CertNone = rule("cert-none-configured", iana.InternalError, Local, "RFC 9846, Section 4.5.1",
		"This side has no certificate to authenticate with.",
		"Configure a certificate with its key (--cert F --key F).")
	NoCommonSigalg = rule("no-common-sigalg", iana.HandshakeFailure, Both, "RFC 9846, Section 4.3.3",
		"No certificate of ours can sign with an algorithm that the peer accepts.",
		"Add a certificate with another kind of key (ECDSA P-256 and RSA together serve nearly everybody), or allow more signature algorithms (--sigalgs, SignatureSchemes).")
)
