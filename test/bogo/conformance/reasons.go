package main

import "regexp"

// Why a test does not count: a closed list. Whoever adds a pattern to config.json
// takes one of these, and who builds a feature takes its reason out.
const (
	dtls = "DTLS"
	quic = "QUIC"

	// Features that this engine does not have.
	noECH           = "not built: Encrypted ClientHello"
	noRPK           = "not built: raw public keys"
	noCompression   = "not built: certificate compression by servers"
	noDelegated     = "not built: delegated credentials"
	noTrustAnchors  = "not built: trust anchor identifiers"
	noMLDSA         = "not built: ML-DSA certificates"
	noLegacyRSA     = "not built: RSASSA-PKCS1-v1_5 for clients of TLS 1.3 (RFC 9963)"
	onlyPSK         = "not built: a client that takes nothing but a pre-shared key"
	noAcrossNames   = "not built: resumption across names"
	noEqual         = "not built: cipher suites and groups of equal preference"
	noEarlyExporter = "not built: an exporter for what a server says before the Finished of its client"
	noSendLimit     = "not built: a limit of our own on the records that we send"
	alwaysStaples   = "not built: a client that does not ask for staples"
	noGroupHint     = "not built: a hint of the server's groups"
	noFallback      = "not built: a client that says it fell back (RFC 7507)"
	noStrictClient  = "not built: a client that refuses servers without renegotiation_info (RFC 5746, Section 4.1)"
	noFalseStart    = "not built: false start (RFC 7918)"
	noSRTP          = "not built: SRTP (RFC 5764), which is for DTLS"
	noPeek          = "not built: a look at data that leaves it where it is"

	// What only BoringSSL has.
	testCompression = "BoringSSL's own: algorithms of certificate compression made for its tests"
	channelID       = "BoringSSL's own: Channel ID"
	npn             = "BoringSSL's own: NPN"
	alps            = "BoringSSL's own: ALPS"
	pake            = "BoringSSL's own: PAKE"
	jdk11           = "BoringSSL's own: a way around a defect of JDK 11"
	hints           = "BoringSSL's own: handshake hints"
	padding         = "BoringSSL's own: padding of the server's flight"
	sha256          = "BoringSSL's own: clients known by a hash of their certificate"
	ticketForm      = "BoringSSL's own: the form of its tickets"
	interfaces      = "BoringSSL's own: how its interface is told, and reports"
)

// reasons is the closed list.
var reasons = []string{
	dtls, quic,
	noECH, noRPK, noCompression, noDelegated, noTrustAnchors, noMLDSA, noLegacyRSA, onlyPSK, noAcrossNames, noEqual, noEarlyExporter,
	noSendLimit, alwaysStaples, noGroupHint, noFallback, noStrictClient, noFalseStart, noSRTP, noPeek,
	testCompression, channelID, npn, alps, pake, jdk11, hints, padding, sha256, ticketForm, interfaces,

	// What we do on purpose, and why.
	"on purpose: 0-RTT data only where the session's application protocol is offered",
	"on purpose: a HelloRequest during a handshake is ignored (RFC 5246, Section 7.4.1.1)",
	"on purpose: a binder of impossible length is decode_error (RFC 9846, Section 4.3.11)",
	"on purpose: a client none of whose certificates fits shows none (RFC 9846, Section 4.5.1)",
	"on purpose: a client's certificate must lead to an authority that the server names, if it names any",
	"on purpose: a connection by an external key leaves no session, for the key serves again",
	"on purpose: a corrupt certificate is bad_certificate (RFC 9846, Section 6.2)",
	"on purpose: a hello of SSL 2.0 is refused (RFC 9846, Appendix E.5)",
	"on purpose: a known extension in the wrong message is illegal_parameter (RFC 9846, Section 4.3)",
	"on purpose: a list without algorithms for TLS 1.3 turns it off",
	"on purpose: a record in the clear where keys are due is unexpected_message (RFC 9846, Section 5)",
	"on purpose: a renegotiation offers application protocols again, and takes no other",
	"on purpose: a renegotiation waits until nothing is left to be written",
	"on purpose: a repeated extension is decode_error in every message",
	"on purpose: a server of TLS 1.2 and below chooses the suite before the certificate",
	"on purpose: a server without a certificate says unknown_psk_identity (RFC 9846, Section 6.2)",
	"on purpose: a server's certificate is judged again before a session is offered",
	"on purpose: a session resumes with any suite of its hash, and below TLS 1.3 with its own (RFC 9846, Section 4.3.11)",
	"on purpose: all alerts of TLS 1.3 but two end the connection, whatever their level (RFC 9846, Section 6)",
	"on purpose: an exporter follows a renegotiation, with the new keys",
	"on purpose: an illegal value is illegal_parameter (RFC 9846, Section 6.2)",
	"on purpose: another legacy_version than 0x0303 is refused in TLS 1.3 (RFC 9846, Section 4.2.2)",
	"on purpose: certificates on curves that are not listed serve where nothing else does",
	"on purpose: in a list of groups that was named, one with a key share comes before one without",
	"on purpose: key shares by preference alone",
	"on purpose: no ChangeCipherSpec for a client without a session ID (RFC 9846, Appendix E.4)",
	"on purpose: no renegotiation with a server that can't tie handshakes together (RFC 5746, Section 4.2)",
	"on purpose: no_renegotiation is a warning (RFC 5246, Section 7.2.2)",
	"on purpose: pre-shared keys are not looked at where a certificate is required of clients",
	"on purpose: the client's order of pre-shared keys counts, and each comes before a certificate",
	"on purpose: the version of a record means nothing (RFC 9846, Section 5.1)",
	"on purpose: what authorities a client names is a wish, and one of TLS 1.3 (RFC 9846, Section 4.3.4)",
	"on purpose: what was answered goes out before the alert about what came behind it",
}

// absent are the reasons for tests that the shim leaves with exit code 89, since it
// does not know a flag of theirs; the first that fits a name counts.
var absent = []struct{ reason, names string }{
	{noECH, `ECH|ExtraClientEncryptedExtension|AllExtensions-Client-Permute-HelloRetryRequest`},
	{noRPK, `^(Client|Server)CertificateType-|RawPublicKey|^CertificateSelection-.*CertificateType-`},
	{testCompression, `CertCompression`},
	{noDelegated, `DelegatedCredential`},
	{noTrustAnchors, `TrustAnchor`},
	{noAcrossNames, `ResumptionAcrossNames|TicketFlags`},
	{noEqual, `TLS13-CipherPreference|EqualPreference`},
	{noSendLimit, `^MaxSendFragment`},
	{noGroupHint, `^KeyShareWithServerHint`},
	{noFallback, `^SendFallbackSCSV`},
	{noStrictClient, `^NoLegacyServerConnect|NoExt-Forbidden`},
	{noFalseStart, `FalseStart`},
	{noSRTP, `^SRTP`},
	{noPeek, `^Peek`},
	{channelID, `ChannelID`},
	{npn, `NPN|NextProto|^ALPNServer-Preferred`},
	{alps, `ALPS`},
	{pake, `^PAKE`},
	{jdk11, `JDK11`},
	{hints, `HintMismatch`},
	{padding, `^ServerPadding`},
	{sha256, `^RetainOnlySHA256`},
	{ticketForm, `DeclineBadCipher|DeclineCrossVersion|^ShimTicketRewritable`},
	{interfaces, `TicketAgeSkew|^ALPNClient-AllowUnknown|^ALPNServer-SelectEmpty|^ServerNameExtensionServer-NoACK`},
}

// whyAbsent is the reason for a test with a flag that the shim does not know, ""
// if there is none.
func whyAbsent(name string) string {
	for _, a := range absent {
		if regexp.MustCompile(a.names).MatchString(name) {
			return a.reason
		}
	}
	return ""
}
