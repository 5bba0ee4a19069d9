package iana

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A term is a row of a registry of 8-bit values, explained.
type term struct {
	code    uint8
	name    string
	meaning string
}

func findTerm(table []term, code uint8) (*term, bool) {
	i, ok := slices.BinarySearchFunc(table, code, func(t term, c uint8) int { return int(t.code) - int(c) })
	if !ok {
		return nil, false
	}
	return &table[i], true
}

func termName(table []term, code uint8) string {
	if t, ok := findTerm(table, code); ok {
		return t.name
	}
	return fmt.Sprintf("0x%02x", code)
}

func termMeaning(table []term, code uint8) string {
	if t, ok := findTerm(table, code); ok {
		return t.meaning
	}
	return ""
}

// String is the registry's name, such as "client_hello", or the number in hex.
// The registry adds _RESERVED to names that TLS 1.3 no longer uses; here they
// stand as in RFC 5246, because TLS 1.2 still uses them.
func (t HandshakeType) String() string { return termName(handshakeTypes, uint8(t)) }

// Known reports whether the type has a name.
func (t HandshakeType) Known() bool { _, ok := findTerm(handshakeTypes, uint8(t)); return ok }

// Meaning explains the message in one or two sentences; "" if it has no name.
func (t HandshakeType) Meaning() string { return termMeaning(handshakeTypes, uint8(t)) }

// String is the registry's name, such as "illegal_parameter", or the number in
// hex. The registry's _RESERVED is left off, as for HandshakeType.
func (a Alert) String() string { return termName(alerts, uint8(a)) }

// Known reports whether the alert has a name.
func (a Alert) Known() bool { _, ok := findTerm(alerts, uint8(a)); return ok }

// Meaning says in one or two sentences what the sender of the alert complains
// of; "" if the alert has no name. What may have caused it is fault.Explain's
// business.
func (a Alert) Meaning() string { return termMeaning(alerts, uint8(a)) }

// ParseAlert understands the registry's names, with or without _RESERVED, in
// any case, and numbers as "40" or "0x28".
func ParseAlert(s string) (Alert, error) {
	if n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 8); err == nil {
		return Alert(n), nil
	}
	if n, ok := parseNumber(s, 8); ok {
		return Alert(n), nil
	}
	names := registry{"alert", "handshake_failure", make([]entry, len(alerts))}
	for i, a := range alerts {
		names.rows[i] = entry{code: uint16(a.code), name: a.name}
	}
	plain := strings.TrimSpace(s)
	if cut := len(plain) - len(reserved); cut > 0 && strings.EqualFold(plain[cut:], reserved) {
		plain = plain[:cut]
	}
	if e, ok := match(names.rows, plain); ok {
		return Alert(e.code), nil
	}
	return 0, names.unknown(s)
}

// reserved is what the registry adds to names that TLS 1.3 no longer uses.
const reserved = "_RESERVED"

var handshakeTypes = []term{
	{0, "hello_request", "In TLS 1.2 and below, the server asks the client to start a new handshake on this connection (renegotiation)."},
	{1, "client_hello", "The client opens the handshake: it lists the versions, cipher suites, groups and extensions it is willing to use, and in TLS 1.3 already sends its key shares."},
	{2, "server_hello", "The server answers with its choices: version, cipher suite and, in TLS 1.3, its key share, from which both sides derive the handshake keys. With one fixed random value it is a HelloRetryRequest, which asks the client to try again."},
	{3, "hello_verify_request", "In DTLS 1.2 and below, the server asks the client to repeat its ClientHello with a cookie, which shows that the client's address is real."},
	{4, "new_session_ticket", "The server hands the client a ticket with which a later connection can resume this session without certificates."},
	{5, "end_of_early_data", "The client says that its 0-RTT data ends here; what follows is protected with the handshake keys."},
	{6, "hello_retry_request", "An early draft of TLS 1.3 had a message of its own for this; a HelloRetryRequest now travels as a server_hello."},
	{8, "encrypted_extensions", "The server's answers to extensions that need not be visible on the wire, such as the chosen application protocol. It is the first message under the handshake keys."},
	{9, "request_connection_id", "In DTLS 1.3, one side asks the other for more connection IDs."},
	{10, "new_connection_id", "In DTLS 1.3, one side gives the other new connection IDs to use in the records it sends."},
	{11, "certificate", "The sender's certificate, with the intermediate certificates that lead to a root the receiver may trust. The list may be empty if a client has none to show."},
	{12, "server_key_exchange", "In TLS 1.2 and below, the server's ephemeral public key, signed with its certificate's key, or its hint for a pre-shared key."},
	{13, "certificate_request", "The server asks the client to authenticate with a certificate, and says which signature algorithms and which certificate authorities it accepts."},
	{14, "server_hello_done", "In TLS 1.2 and below, the server has said all it has to say for now; it is the client's turn."},
	{15, "certificate_verify", "The sender signs the handshake so far, which proves that it holds the private key of the certificate it sent."},
	{16, "client_key_exchange", "In TLS 1.2 and below, the client's part of the key exchange: its public key, a secret encrypted to the server's RSA key, or the name of a pre-shared key."},
	{17, "client_certificate_request", "With exported authenticators, a client asks the server to authenticate again, outside the handshake."},
	{20, "finished", "A keyed checksum over the whole handshake. It proves that both sides saw the same messages and hold the same keys."},
	{21, "certificate_url", "In TLS 1.2 and below, the client sends the address of its certificate instead of the certificate."},
	{22, "certificate_status", "In TLS 1.2 and below, the server sends a recent OCSP answer, which says whether its certificate was revoked. TLS 1.3 puts it into the certificate message."},
	{23, "supplemental_data", "In TLS 1.2 and below, additional data for the application, such as authorization statements."},
	{24, "key_update", "The sender replaces the key with which it protects its data, and may ask the receiver to do the same."},
	{25, "compressed_certificate", "A certificate message, compressed with an algorithm that the receiver offered."},
	{26, "ekt_key", "In DTLS-SRTP, a media distributor hands an endpoint the key that encrypts its media keys."},
	{254, "message_hash", "Never sent. After a HelloRetryRequest it stands in the transcript for the hash of the first ClientHello."},
}

var alerts = []term{
	{0, "close_notify", "The sender will send no more data. It is the proper end of a connection and no error."},
	{10, "unexpected_message", "A message arrived that is not legal at this point of the handshake or connection."},
	{20, "bad_record_mac", "A record could not be decrypted or its integrity check failed: it was damaged, or the two sides have different keys."},
	{21, "decryption_failed", "A record could not be decrypted. TLS 1.0 used this; it has been folded into bad_record_mac, because the difference helped attackers."},
	{22, "record_overflow", "A record is longer than allowed."},
	{30, "decompression_failure", "Compressed data could not be expanded. TLS 1.3 has no compression of records."},
	{40, "handshake_failure", "The sender could not agree with us on acceptable parameters. It does not say which one it missed."},
	{41, "no_certificate", "In SSL 3.0, a client that has no certificate said so with this alert. TLS sends an empty certificate list instead."},
	{42, "bad_certificate", "The sender found our certificate damaged, wrongly signed or otherwise unacceptable."},
	{43, "unsupported_certificate", "The sender can't use a certificate of this type, or not for this purpose."},
	{44, "certificate_revoked", "The sender knows that our certificate was revoked by its issuer."},
	{45, "certificate_expired", "By the sender's clock, our certificate or one above it is no longer valid, or not valid now."},
	{46, "certificate_unknown", "Something else about our certificate made the sender reject it."},
	{47, "illegal_parameter", "A field of a message was well-formed but its value is wrong, or contradicts another field."},
	{48, "unknown_ca", "The sender could not trace our certificate to an authority that it trusts."},
	{49, "access_denied", "Our certificate or key is valid, but the sender does not let us in."},
	{50, "decode_error", "A message could not be taken apart: a length is wrong, or a field lies outside its range."},
	{51, "decrypt_error", "A signature, a Finished checksum or a PSK binder of the handshake did not verify."},
	{52, "too_many_cids_requested", "In DTLS 1.3, the peer asked for more connection IDs than the sender will give."},
	{60, "export_restriction", "The offer broke the export rules of the 1990s. Nobody should send this any more."},
	{70, "protocol_version", "The sender knows the protocol version that we offered or chose, but does not support it."},
	{71, "insufficient_security", "The sender demands stronger parameters than we offered."},
	{80, "internal_error", "Something failed inside the sender that has nothing to do with the protocol, or that it does not want to name."},
	{86, "inappropriate_fallback", "The client retried with an older version and said so, but the server supports a newer one: either something broke the first attempt, or somebody tried to force a downgrade."},
	{90, "user_canceled", "The sender breaks off the handshake for a reason outside the protocol. A close_notify follows."},
	{100, "no_renegotiation", "In TLS 1.2 and below, the sender refuses to start a new handshake on this connection. It may be a mere warning."},
	{109, "missing_extension", "An extension is absent that the rest of the message makes mandatory."},
	{110, "unsupported_extension", "We answered with an extension that the sender did not ask for."},
	{111, "certificate_unobtainable", "In TLS 1.2 and below, the server could not fetch the client's certificate from the address it was given."},
	{112, "unrecognized_name", "The server has nothing under the host name that the client asked for (SNI)."},
	{113, "bad_certificate_status_response", "The client rejects the OCSP answer that the server stapled to its certificate."},
	{114, "bad_certificate_hash_value", "In TLS 1.2 and below, a certificate fetched from its address does not have the hash that was announced."},
	{115, "unknown_psk_identity", "The server has no pre-shared key under the identity that the client gave."},
	{116, "certificate_required", "The server insists on a client certificate and got none."},
	{117, "general_error", "An error for which no other alert fits."},
	{120, "no_application_protocol", "The client offered application protocols (ALPN), and the server supports none of them."},
	{121, "ech_required", "The client insists on Encrypted ClientHello, and the server could not decrypt it."},
}
