package explain

// Sections that many fields share.
const (
	hello13   = "RFC 9846, Section 4.2.2"
	answer13  = "RFC 9846, Section 4.2.3"
	message13 = "RFC 9846, Section 4"
	record13  = "RFC 9846, Section 5.1"
	sealed13  = "RFC 9846, Section 5.2"
	sealed12  = "RFC 5246, Section 6.2.3"
	share12   = "RFC 5246, Section 7.4.3"
	curves    = "RFC 8422, Section 5.4"
	ticket13  = "RFC 9846, Section 4.7.1"
	psk13     = "RFC 9846, Section 4.3.11"
)

// terms says what each field is for, under its name, or if that means different
// things in different places, under the place and the name: the place is a
// message, an extension, or "record". An extension's fields without a source have
// the extension's.
var terms = map[string]term{
	// all messages
	"hello_retry_request/msg_type": {"The type is that of a ServerHello. A fixed value in place of the random makes it a HelloRetryRequest, so that devices on the path see what they know.", "RFC 9846, Section 4.2.4"},
	"msg_type":                     {"What kind of message this is.", message13},
	"length":                       {"How many bytes follow in this message.", message13},
	"body":                         {"What the message holds. We do not know its structure.", ""},
	"unparsed":                     {"What follows a mistake: these bytes can't be told apart any more.", ""},
	"extensions":                   {"A list of extensions, each of them a type, a length and what it says. Who does not know a type passes over it.", "RFC 9846, Section 4.3"},

	// extensions in general
	"extension_type": {"Which extension this is, as a number of IANA's registry.", "RFC 9846, Section 4.3"},
	"extension_data": {"How long the extension is, and then what it says; some say all by being there, and are empty.", "RFC 9846, Section 4.3"},

	// ClientHello
	"client_hello/legacy_version": {"The highest version as TLS 1.2 and below had it told. TLS 1.3 leaves 1.2 here and has an extension for it, supported_versions, because too many servers stumbled over a number that they did not know.", hello13},
	"client_hello/random":         {"32 fresh random bytes, so that no two handshakes are the same: nobody can play an old one back.", hello13},
	"legacy_session_id":           {"In TLS 1.2 and below, the name of a session to resume. In TLS 1.3 it stands for nothing; a random one makes the hello look like TLS 1.2 to devices on the path.", hello13},
	"cipher_suites":               {"The cipher suites that the client is willing to use, best first: with what data is encrypted and keys are derived and, in TLS 1.2 and below, how keys are exchanged and proved.", hello13},
	"client_hello/cipher_suite":   {"One cipher suite that the client is willing to use.", hello13},
	"legacy_compression_methods":  {"Ways to compress data before it is encrypted. Only “null”, none, is left: how well secrets compress gave them away (CRIME).", hello13},
	"compression_method":          {"One way to compress; null leaves the data as it is.", hello13},

	// ServerHello, HelloRetryRequest
	"server_hello/legacy_version":        {"The version, if it is TLS 1.2 or below. In TLS 1.3 it always says 1.2, and the true version stands in supported_versions.", answer13},
	"hello_retry_request/legacy_version": {"Always TLS 1.2; the true version stands in supported_versions.", answer13},
	"server_hello/random":                {"32 fresh random bytes of the server's. One that speaks a newer version than it chose ends them with “DOWNGRD” and a number, so that a client notices if somebody has made it choose the old one.", answer13},
	"hello_retry_request/random":         {"The SHA-256 of the words “HelloRetryRequest”, always the same: this value tells the message from a ServerHello.", answer13},
	"legacy_session_id_echo":             {"In TLS 1.3 what the client sent, back. In TLS 1.2 and below the server's own: if it equals the client's, the session goes on; else it is the name of the new one, or empty.", answer13},
	"server_hello/cipher_suite":          {"The one cipher suite that the server has chosen.", answer13},
	"hello_retry_request/cipher_suite":   {"The cipher suite that the server is going to choose; its hash covers the messages from here on.", answer13},
	"legacy_compression_method":          {"The way to compress that the server has chosen, always null, none.", answer13},

	// extensions' fields
	"server_name_list":    {"A list of names; but only one of one kind was ever allowed.", ""},
	"name_type":           {"The kind of name: a host name, the only kind there is.", ""},
	"host_name":           {"The name of the host that the client wants to reach. Everybody on the path can read it; an encrypted ClientHello (RFC 9849) would hide it.", ""},
	"max_fragment_length": {"The longest content of a record, as a number: 1 is 512 bytes, 2 is 1,024, 3 is 2,048, 4 is 4,096.", ""},
	"status_type":         {"The kind of answer: ocsp, from the authority that issued the certificate.", "RFC 6066, Section 8"},
	"responder_id_list":   {"Whose OCSP answers the client trusts. Empty: whoever the certificate's issuer allows.", ""},
	"responder_id":        {"The name or the key of one who may answer.", ""},
	"request_extensions":  {"Extensions of the question itself, nearly always none.", ""},
	"request":             {"A request for a kind of answer that we do not know.", ""},
	"response":            {"The OCSP answer: signed by the authority or in its name, it says when the certificate was looked up and whether it was revoked (RFC 6960).", "RFC 6066, Section 8"},
	"named_group_list":    {"The groups, best first.", ""},

	"supported_groups/group":         {"One group for the key exchange: an elliptic curve, a finite field, or a hybrid with a method that resists quantum computers.", ""},
	"ec_point_format_list":           {"The ways in which the sender reads points on a curve.", ""},
	"ec_point_format":                {"One way to write a point. All but uncompressed are abandoned.", ""},
	"supported_signature_algorithms": {"Signature algorithms, best first: the kind of key together with the hash.", "RFC 9846, Section 4.3.3"},
	"signature_scheme":               {"One signature algorithm that the sender can verify.", "RFC 9846, Section 4.3.3"},
	"protocol_name_list":             {"The application protocols, best first; of a server the one that it has chosen.", ""},
	"protocol_name":                  {"One application protocol, such as h2 for HTTP/2.", ""},
	"sct_list":                       {"A list of signed certificate timestamps.", ""},
	"serialized_sct":                 {"The signed promise of a public log to list the certificate within a day, so that nobody can issue one in secret.", ""},
	"client_certificate_types":       {"The kinds of certificate that the client can show.", ""},
	"server_certificate_types":       {"The kinds of certificate that the client can judge.", ""},
	"client_certificate_type":        {"The kind of certificate that the server wants of the client.", ""},
	"server_certificate_type":        {"The kind of certificate that the server is going to show.", ""},
	"certificate_type":               {"One kind of certificate.", ""},
	"padding":                        {"Zeros that only make the message longer.", ""},
	"algorithms":                     {"The ways to compress a certificate that the sender can undo.", ""},
	"compress_certificate/algorithm": {"One way to compress a certificate.", ""},
	"record_size_limit":              {"The longest content of a record, in bytes, that the sender takes; in TLS 1.3 with the byte for its type and the padding.", ""},
	"session_ticket/ticket":          {"The ticket of an earlier session, as the server gave it; empty if the client would like to get one.", ""},
	"versions":                       {"The versions, best first.", ""},
	"version":                        {"One version that the client speaks.", ""},
	"selected_version":               {"The version that the server has chosen, and which counts.", ""},
	"cookie":                         {"Bytes that mean something to the server only, and come back in the next ClientHello.", ""},
	"ke_modes":                       {"How the client would use a pre-shared key.", ""},
	"ke_mode":                        {"psk_dhe_ke adds a fresh key exchange, for forward secrecy; psk_ke does without.", ""},
	"authorities":                    {"The authorities, by their names.", ""},
	"distinguished_name":             {"The name of one authority, in DER, as it stands in certificates.", "RFC 9846, Section 4.3.4"},
	"client_shares":                  {"The public keys that the client has made for this connection, one for each group that it guesses the server may take. Empty: the server is to ask for one.", ""},
	"key_share/group":                {"The group that the key belongs to.", ""},
	"key_exchange":                   {"The public key for this group, made for this connection alone. Its private half stays where it was made.", ""},
	"selected_group":                 {"The group for which the client is to send a key share in its next hello.", ""},
	"renegotiated_connection":        {"In a first handshake empty; in a later one the checksums of the handshake before it.", ""},
	"identities":                     {"The pre-shared keys that the client offers, by their names, best first.", psk13},
	"identity":                       {"The name of a pre-shared key: a ticket that the server once gave, or what both sides agreed on elsewhere.", psk13},
	"obfuscated_ticket_age":          {"How old the ticket is, in milliseconds, plus a number that came with it, so that nobody on the path can tell two visits of one client by it. Of a key that came from no ticket it is 0.", psk13},
	"binders":                        {"One checksum for each of the pre-shared keys.", "RFC 9846, Section 4.3.11.2"},
	"binder":                         {"A checksum over this hello, made with the pre-shared key: who makes it has the key, and nobody can move it into another hello.", "RFC 9846, Section 4.3.11.2"},
	"selected_identity":              {"Which of the client's pre-shared keys the server has chosen, counted from 0.", psk13},
	"max_early_data_size":            {"How many bytes the client may send in 0-RTT when it uses this ticket.", "RFC 9846, Section 4.7.1"},
	"filters":                        {"What a client's certificate must have.", ""},
	"certificate_extension_oid":      {"An extension of certificates, as an object identifier in DER.", ""},
	"certificate_extension_values":   {"The values that it must have, in DER.", ""},

	// certificates and proofs
	"certificate_request_context":      {"Which request a certificate answers. In the handshake it is empty, for there is only one.", "RFC 9846, Section 4.5.1"},
	"certificate_list":                 {"The chain: first the sender's own certificate, then those that vouch for the one before.", "RFC 9846, Section 4.5.1"},
	"cert_data":                        {"A certificate, in DER: a name and a public key, signed by an authority (RFC 5280).", "RFC 9846, Section 4.5.1"},
	"asn1_cert":                        {"A certificate, in DER: a name and a public key, signed by an authority (RFC 5280).", "RFC 5246, Section 7.4.2"},
	"certificate_verify/algorithm":     {"The kind of key together with the hash with which the signature is made.", "RFC 9846, Section 4.5.2"},
	"certificate_verify/signature":     {"The signature over everything that was said so far. Only who has the private key of the certificate can make it.", "RFC 9846, Section 4.5.2"},
	"verify_data":                      {"A keyed checksum over the whole handshake so far. In TLS 1.3 it is as long as the hash, before it 12 bytes.", "RFC 9846, Section 4.5.3"},
	"compressed_certificate/algorithm": {"How the Certificate message is compressed, one of the ways that the receiver has offered.", "RFC 8879, Section 4"},
	"uncompressed_length":              {"How many bytes the Certificate message has when it is undone, so that the receiver can set a limit beforehand.", "RFC 8879, Section 4"},
	"compressed_certificate_message":   {"The Certificate message, compressed.", "RFC 8879, Section 4"},
	"certificate_types":                {"The kinds of key that a client's certificate may have.", "RFC 5246, Section 7.4.4"},
	"certificate_authorities":          {"The authorities that may vouch for the client, by their names. None: any.", "RFC 5246, Section 7.4.4"},

	"certificate_request/certificate_type": {"One kind of key.", "RFC 5246, Section 7.4.4"},

	// after the handshake
	"ticket_lifetime":           {"How long the ticket is good for, in seconds, at most a week.", ticket13},
	"ticket_lifetime_hint":      {"How long the ticket is good for, in seconds; 0 if the server does not say.", "RFC 5077, Section 3.3"},
	"ticket_age_add":            {"A random number that the client adds to the ticket's age when it shows the ticket, so that nobody else can read the age.", ticket13},
	"ticket_nonce":              {"A value of this ticket alone, from which with the resumption secret its pre-shared key comes.", ticket13},
	"new_session_ticket/ticket": {"What the client is to show the next time. Only the server can read it: often it is the session itself, encrypted with a key of the server's.", ticket13},
	"request_update":            {"Whether the other side is to change its keys too.", "RFC 9846, Section 4.7.3"},

	// TLS 1.2 and below
	"curve_type":                    {"How the curve is told: by its name, the only way that is left.", curves},
	"namedcurve":                    {"The group in which the keys are exchanged.", curves},
	"public":                        {"The server's public key, made for this connection alone: a point on the curve.", curves},
	"dh_p":                          {"The prime of the finite field, chosen by the server.", share12},
	"dh_g":                          {"The generator: the number that both sides raise to their secret power.", share12},
	"dh_Ys":                         {"The server's public key: the generator raised to the server's secret power, modulo the prime.", share12},
	"psk_identity_hint":             {"Helps the client choose among the pre-shared keys it has.", "RFC 4279, Section 2"},
	"server_key_exchange/algorithm": {"The hash and the kind of key with which the signature is made.", share12},
	"server_key_exchange/signature": {"The server's signature over both randoms and its share, with the private key of its certificate.", share12},
	"psk_identity":                  {"The name of the pre-shared key that the client uses.", "RFC 4279, Section 2"},
	"ecdh_Yc":                       {"The client's public key, made for this connection alone: a point on the curve.", "RFC 8422, Section 5.7"},
	"dh_Yc":                         {"The client's public key: the generator raised to the client's secret power, modulo the prime.", "RFC 5246, Section 7.4.7.2"},
	"encrypted_pre_master_secret":   {"The secret that the client has made up, encrypted with the public key of the server's certificate.", "RFC 5246, Section 7.4.7.1"},
	"opaque":                        {"What a key exchange holds that we do not know.", ""},

	// records
	"record/type":                  {"What the record carries. Under TLS 1.3's protection it always says application_data, and the true type lies encrypted behind the content.", record13},
	"inner/type":                   {"What the record truly carries, as ciphertext: nobody on the path can tell a handshake message from data.", sealed13},
	"record/legacy_record_version": {"A version for devices on the path. It says 1.2, or 1.0 in a first hello, and nobody goes by it; in TLS 1.2 and below it is the true one.", record13},
	"record/length":                {"How many bytes of the record follow.", record13},
	"fragment":                     {"What the record carries, in the clear: messages, or parts of them.", record13},
	"content":                      {"What the record carries, as ciphertext.", sealed13},
	"zeros":                        {"Padding, as ciphertext, that hides how long the content is.", "RFC 9846, Section 5.4"},
	"tag":                          {"The authentication tag: if a bit of the record was changed on the way, it does not match, and nothing of the record is used.", sealed13},
	"encrypted_record":             {"A protected record that is too short to be one.", sealed13},
	"nonce_explicit":               {"The part of the nonce that travels with the record: no two records under one key have the same.", sealed12},
	"IV":                           {"Where the chain of blocks begins, fresh for each record, so that the same content looks different each time.", sealed12},
	"MAC":                          {"A keyed checksum over the content, its type and its place in the sequence, against change on the way.", sealed12},
	"record/padding":               {"What fills the last block of the cipher, as ciphertext.", sealed12},
	"padding_length":               {"How many bytes of padding there are, as ciphertext.", sealed12},

	// alerts, ChangeCipherSpec
	"level":                   {"Warning or fatal. In TLS 1.3 it means nothing: all alerts but two end the connection.", "RFC 9846, Section 6"},
	"description":             {"What the alert complains of.", "RFC 9846, Section 6"},
	"change_cipher_spec/type": {"Always 1: from its next record on, the sender uses the new keys. In TLS 1.3 it means nothing.", "RFC 5246, Section 7.1"},
}
