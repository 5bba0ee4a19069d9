package diagnose

import "slices"

// A phrase is what some programs say in an error, and what it can mean. The
// pattern is a regular expression without regard to case.
type phrase struct {
	whose   string // the programs that say it
	pattern string
	says    string // what the words mean, one sentence
	causes  string // likeliest first
	vague   bool   // says nothing beside a phrase that is more exact
}

const (
	goX509  = "Go"
	openssl = "OpenSSL, curl, Node, Python"
)

// The texts were measured with Go 1.26, OpenSSL 3.0, curl 7.88, Java 17, Node 20,
// Python 3.11 and GnuTLS 3.7; those of Chromium, Firefox and web servers are from
// their sources.
var phrases = slices.Concat(platforms, []phrase{
	// Time.
	{goX509, `certificate has expired or is not yet valid: current time .* is after`, "By the client's clock, some certificate of the chain has expired; Go does not say which.", "cert-expired cert-chain-expired local-clock", false},
	{goX509, `certificate has expired or is not yet valid: current time .* is before`, "By the client's clock, some certificate of the chain is not valid yet.", "cert-not-yet-valid local-clock", false},
	{openssl, `(certificate has expired)(?:$|[^ ]| [^o]| o[^r])|cert_has_expired`, "Some certificate of the chain has expired; OpenSSL does not say which in one line.", "cert-expired cert-chain-expired local-clock", false},
	{openssl, `certificate is not yet valid|cert_not_yet_valid`, "Some certificate of the chain is not valid yet.", "cert-not-yet-valid local-clock", false},
	{"Java", `CertificateExpiredException`, "Some certificate of the chain has expired.", "cert-expired cert-chain-expired local-clock", false},
	{"Java", `CertificateNotYetValidException`, "Some certificate of the chain is not valid yet.", "cert-not-yet-valid local-clock", false},
	{"GnuTLS, wget", `certificate of .* has expired|certificate chain uses expired`, "Some certificate of the chain has expired.", "cert-expired cert-chain-expired local-clock", false},
	{"GnuTLS, wget", `not yet activated|not yet been activated|chain uses not yet valid`, "Some certificate of the chain is not valid yet.", "cert-not-yet-valid local-clock", false},
	{"Chromium", `err_cert_date_invalid`, "Some certificate of the chain is not valid now.", "cert-expired cert-not-yet-valid cert-chain-expired local-clock", false},
	{"Firefox", `sec_error_expired_certificate|sec_error_expired_issuer_certificate|mozilla_pkix_error_not_yet_valid`, "Some certificate of the chain is not valid now.", "cert-expired cert-chain-expired cert-not-yet-valid local-clock", false},

	// Trust.
	{goX509, `parent certificate cannot sign this kind of certificate`, "A certificate signed another without being allowed to.", "cert-not-a-ca", false},
	{goX509, `x509: certificate signed by unknown authority`, "No chain from the server's certificate to a trusted root was found. Go says the same of four different things.", "cert-missing-intermediate cert-unknown-issuer cert-unknown-root cert-self-signed interception cert-bad-signature", true},
	{goX509, `while trying to verify candidate authority certificate`, "An authority of the right name is trusted, and its key did not sign this: the authority was made anew under its old name, or somebody else took the name.", "cert-unknown-issuer cert-bad-signature interception", false},
	{goX509, `x509: certificate is not authorized to sign other certificates`, "A certificate signed another without being allowed to.", "cert-not-a-ca", false},
	{openssl, `self[- ]signed certificate in (?:certificate )?chain|self_signed_cert_in_chain`, "The chain is complete and ends in a root that this program does not trust.", "cert-unknown-root interception", false},
	{openssl, `self[- ]signed certificate(?:$|[^ ]| [^i])|depth_zero_self_signed_cert`, "The server's certificate is signed by itself.", "cert-self-signed", false},
	{openssl, `unable to get local issuer certificate|unable to verify the first certificate|unable_to_verify_leaf_signature|unable_to_get_issuer_cert`, "The issuer of some certificate was neither sent nor is known: a link is missing, or a root is not trusted. The text is the same for both.", "cert-missing-intermediate cert-unknown-issuer interception", false},
	{"Java", `PKIX path building failed|unable to find valid certification path`, "No chain from the server's certificate to a trusted root was found. Java says the same of four different things.", "cert-missing-intermediate cert-unknown-issuer cert-unknown-root cert-self-signed interception", false},
	{"Java", `PKIX path validation failed`, "A chain was found, and something in it is not as it must be; what, the exception below this one says (Caused by).", "cert-expired cert-chain-expired cert-not-yet-valid cert-not-a-ca cert-path-length cert-name-constraint cert-weak-signature cert-weak-key", true},
	{"GnuTLS, wget", `doesn.t have a known issuer|certificate issuer is unknown`, "No chain from the server's certificate to a trusted root was found.", "cert-missing-intermediate cert-unknown-issuer cert-unknown-root cert-self-signed interception", false},
	{"GnuTLS, wget", `certificate signer of .* was not a ca|certificate issuer is not a ca`, "A certificate signed another without being allowed to.", "cert-not-a-ca", false},
	{"GnuTLS, wget", `chain does not match the intended purpose`, "A certificate of the chain is not for servers.", "cert-usage cert-key-usage", false},
	{"GnuTLS, wget", `chain violates the signer.s constraints`, "A certificate says more, or for other names, than an authority above it allows.", "cert-name-constraint cert-path-length cert-not-a-ca", false},
	{"GnuTLS, wget", `is not trusted|peer.s certificate is not trusted`, "The chain was refused; GnuTLS says no more here.", "cert-missing-intermediate cert-unknown-issuer cert-unknown-root cert-self-signed cert-name-constraint cert-path-length cert-expired", true},
	{"Chromium", `err_cert_authority_invalid`, "No chain from the server's certificate to a trusted root was found.", "cert-unknown-root cert-self-signed cert-unknown-issuer cert-missing-intermediate interception", false},
	{"Chromium", `err_cert_revoked`, "The certificate was revoked.", "cert-revoked", false},
	{"Firefox", `sec_error_unknown_issuer|mozilla_pkix_error_mitm_detected`, "No chain from the server's certificate to a trusted root was found.", "cert-missing-intermediate cert-unknown-issuer cert-unknown-root interception", false},
	{"Firefox", `mozilla_pkix_error_self_signed_cert`, "The server's certificate is signed by itself.", "cert-self-signed", false},
	{"Firefox", `sec_error_revoked_certificate`, "The certificate was revoked.", "cert-revoked", false},
	{"Firefox", `sec_error_ca_cert_invalid|sec_error_path_len_constraint_invalid`, "An authority's certificate may not stand where it stands in the chain.", "cert-not-a-ca cert-path-length", false},
	{openssl, `invalid ca certificate|key usage does not include certificate signing`, "A certificate signed another without being allowed to.", "cert-not-a-ca", false},
	{openssl, `path length constraint exceeded|path_length_exceeded`, "There are more authorities in the chain than one of them allows.", "cert-path-length", false},
	{goX509, `x509: too many intermediates for path length constraint`, "There are more authorities in the chain than one of them allows.", "cert-path-length", false},
	{"Java", `CA key usage check failed|basic constraints check failed`, "A certificate signed another without being allowed to, or stands too high in the chain.", "cert-not-a-ca cert-path-length", false},
	{openssl, `permitted subtree violation|excluded subtree violation`, "An authority of the chain may not issue for this name.", "cert-name-constraint", false},
	{goX509, `not authorized to sign for this name`, "An authority of the chain may not issue for this name.", "cert-name-constraint", false},
	{"Java", `name constraints check failed`, "An authority of the chain may not issue for this name.", "cert-name-constraint", false},
	{openssl, `certificate revoked(?:$|[^ ]| \()`, "The certificate was revoked.", "cert-revoked", false},

	// Names.
	{"curl", `no alternative certificate subject name matches`, "The certificate is not for the name in the URL.", "cert-wrong-name sni-required", false},
	{"OpenSSL, Python", `hostname mismatch|ip address mismatch`, "The certificate is not for the name that was asked for.", "cert-wrong-name sni-required", false},
	{goX509, `x509: certificate is valid for .*, not |x509: certificate is not valid for any names|doesn.t contain any IP SANs`, "The certificate is not for the name that was asked for.", "cert-wrong-name sni-required", false},
	{goX509, `relies on legacy Common Name field`, "The certificate has its name in the common name alone, which Go does not look at.", "cert-no-san", false},
	{"Java", `No subject alternative (?:DNS name|names) matching|No name matching .* found`, "The certificate is not for the name that was asked for. Java sends no server_name for a host without a dot, so it may have got another host's certificate.", "cert-wrong-name sni-required", false},
	{"Java", `No subject alternative names present`, "The certificate has no address or name as subjectAltName.", "cert-no-san cert-wrong-name", false},
	{"Node", `err_tls_cert_altname_invalid|does not match certificate.s altnames`, "The certificate is not for the name that was asked for.", "cert-wrong-name sni-required", false},
	{"GnuTLS, wget", `owner does not match hostname|name in the certificate does not match`, "The certificate is not for the name that was asked for.", "cert-wrong-name sni-required", false},
	{"Chromium", `err_cert_common_name_invalid`, "The certificate is not for the name in the address bar, or has no subjectAltName.", "cert-wrong-name cert-no-san sni-required", false},
	{"Firefox", `ssl_error_bad_cert_domain`, "The certificate is not for the name in the address bar.", "cert-wrong-name cert-no-san sni-required", false},

	// What certificates are for, and how strong.
	{openssl, `unsuitable certificate purpose|unsupported certificate purpose|invalid_purpose`, "The certificate is not meant for a server.", "cert-usage", false},
	{goX509, `specifies an incompatible key usage`, "The certificate is not meant for a server.", "cert-usage", false},
	{"Java", `Extended key usage does not permit`, "The certificate is not meant for a server.", "cert-usage", false},
	{"Chromium", `err_ssl_key_usage_incompatible`, "The key in the certificate may not sign.", "cert-key-usage", false},
	{"Firefox", `sec_error_inadequate_(?:key_usage|cert_type)`, "The certificate is not meant for this.", "cert-usage cert-key-usage", false},
	{openssl, `(?:ee|ca) (?:certificate )?key too (?:weak|small)|ee_key_too_small`, "A key is shorter than the security level of OpenSSL allows. Other programs take it.", "cert-weak-key", false},
	{openssl, `ca md too weak|ca_md_too_weak|(?:ca )?signature digest algorithm too weak`, "A certificate is signed with SHA-1 or MD5.", "cert-weak-signature", false},
	{goX509, `insecure algorithm (?:SHA1|MD5)`, "A certificate is signed with SHA-1 or MD5.", "cert-weak-signature", false},
	{"Java", `Algorithm constraints check failed`, "A certificate has a key or a signature that jdk.certpath.disabledAlgorithms forbids.", "cert-weak-signature cert-weak-key", false},
	{"Chromium", `err_cert_weak_(?:key|signature_algorithm)`, "A certificate has a weak key or signature.", "cert-weak-key cert-weak-signature", false},
	{openssl, `dh key too small|dh_key_too_small`, "The server's Diffie-Hellman modulus is shorter than the security level of OpenSSL allows.", "weak-parameters", false},

	// Proofs.
	{openssl, `(?:^|:|\] |\b)bad signature\b|bad_signature`, "The signature of the handshake does not fit the certificate.", "key-mismatch broken-peer", false},
	{goX509, `invalid signature by the server certificate`, "The signature of the handshake does not fit the certificate.", "key-mismatch broken-peer", false},
	{"Java", `Invalid CertificateVerify signature`, "The signature of the handshake does not fit the certificate.", "key-mismatch broken-peer", false},
	{"GnuTLS, wget", `public key signature verification has failed`, "The signature of the handshake does not fit the certificate.", "key-mismatch broken-peer", false},
	{"Go", `tls: private key does not match public key`, "The certificate file and the key file of this program are no pair.", "key-mismatch", false},
	{"nginx, Apache, OpenSSL", `key values mismatch|x509_check_private_key`, "The certificate file and the key file are no pair.", "key-mismatch", false},

	// No TLS there.
	{openssl, `wrong version number|wrong_version_number`, "The first bytes of the answer are no TLS record: the port speaks something else. It has nothing to do with versions of TLS.", "plain-http plain-text not-tls", false},
	{"Go", `first record does not look like a tls handshake`, "The first bytes of the other side are no TLS record: it speaks plain text.", "plain-http plain-text not-tls", false},
	{"Go", `http: server gave HTTP response to HTTPS client`, "The port speaks plain HTTP.", "plain-http", false},
	{"Go", `client sent an HTTP request to an HTTPS server`, "A client spoke HTTP without TLS to a port with TLS.", "plain-http", false},
	{"Go", `tls: oversized record received`, "The length of the first record is none that TLS has: the other side speaks something else.", "plain-http plain-text not-tls", false},
	{"Go (server)", `tls: unsupported SSLv2 handshake received`, "The client began as SSL 2.0 did: it is very old, or a scanner.", "no-common-version", false},
	{"Java", `Unsupported or unrecognized SSL message|plaintext connection\?`, "The first bytes of the answer are no TLS record.", "plain-http plain-text not-tls", false},
	{"GnuTLS, wget", `unexpected tls packet was received`, "The first bytes of the answer are no TLS record.", "plain-http plain-text not-tls", false},
	{openssl, `unknown protocol|http request(?:$|[^ ])|https proxy request`, "The first bytes of the other side are no TLS record.", "plain-http plain-text not-tls", false},
	{"Firefox", `ssl_error_rx_record_too_long`, "The first bytes of the answer are no TLS record: the port speaks something else.", "plain-http plain-text not-tls", false},
	{"Chromium", `err_ssl_protocol_error`, "The server's answer was no TLS, or broke the protocol.", "plain-http plain-text not-tls broken-peer hello-content", false},
	{"nginx", `plain HTTP request was sent to HTTPS port`, "A client spoke HTTP without TLS to a port with TLS.", "plain-http", false},

	// Nothing in common.
	{"Chromium", `err_ssl_version_or_cipher_mismatch`, "The server refused the hello: nothing in common, or it serves nothing under this name.", "no-common-version no-common-suite no-common-group name-unknown", false},
	{"Firefox", `ssl_error_no_cypher_overlap`, "There is no cipher suite in common.", "no-common-suite no-common-group no-common-sigalg", false},
	{"Firefox", `ssl_error_unsupported_version|ssl_error_protocol_version_alert`, "There is no version in common.", "no-common-version", false},
	{openssl, `unsupported protocol|no protocols available|unsupported_protocol|version too low`, "There is no version in common.", "no-common-version", false},
	{openssl, `no shared cipher|no_shared_cipher|no ciphers available`, "There is no cipher suite in common, or no certificate that fits one.", "no-common-suite no-common-sigalg", false},
	{openssl, `no suitable key share|no suitable groups|no shared groups`, "There is no key-exchange group in common.", "no-common-group", false},
	{openssl, `no suitable signature algorithm|no shared signature algorithms|wrong signature type`, "There is no signature algorithm in common.", "no-common-sigalg", false},
	{openssl, `legacy sigalg disallowed`, "The server speaks TLS 1.0 or 1.1, which sign with SHA-1, and the security level of OpenSSL forbids that.", "no-common-version weak-parameters", false},
	{openssl, `unsafe legacy renegotiation disabled|unsafe_legacy_renegotiation_disabled`, "The server lacks secure renegotiation (RFC 5746), and OpenSSL 3 refuses such servers.", "legacy-renegotiation", false},
	{"Java", `No appropriate protocol`, "No version is left that both sides allow.", "no-common-version", false},
	{"Java", `no cipher suites in common`, "There is no cipher suite in common, or the keystore has no key that fits one.", "no-common-suite no-common-sigalg", false},
	{"Go", `tls: (?:client|server) (?:offered|selected) (?:only )?unsupported versions?|tls: no supported versions`, "There is no version in common.", "no-common-version", false},
	{"Go", `tls: no cipher suite supported by both`, "There is no cipher suite in common.", "no-common-suite no-common-sigalg", false},
	{"Go", `tls: no key exchanges supported by both|tls: no ECDHE curve supported by both`, "There is no key-exchange group in common.", "no-common-group", false},
	{"Go", `peer doesn.t support any of the certificate.s signature algorithms`, "There is no signature algorithm in common.", "no-common-sigalg", false},
	{"Go", `client requested unsupported application protocols`, "There is no application protocol in common.", "alpn-mismatch", false},

	// Certificates of clients.
	{"Go", `tls: client didn.t provide a certificate`, "The server requires a client certificate, and the client had none.", "client-cert-required", false},
	{openssl, `peer did not return a certificate|peer_did_not_return_a_certificate`, "The server requires a client certificate, and the client had none.", "client-cert-required", false},
	{"Go", `local error: tls: no renegotiation`, "The server asked for a second handshake on the same connection, most often for a client certificate, and Go's client makes none unless tls.Config.Renegotiation says so.", "client-cert-required", false},
	{"nginx", `No required SSL certificate was sent`, "The server requires a client certificate, and the client had none.", "client-cert-required", false},
	{"Chromium", `err_ssl_client_auth_cert_needed`, "The server requires a client certificate.", "client-cert-required", false},
	{"Chromium", `err_bad_ssl_client_auth_cert`, "The server refused the client certificate, or that there was none.", "client-cert-refused client-cert-required client-cert-wrong-ca", false},
	{"GnuTLS, wget", `could not save ssl session data`, "The connection ended right after the handshake; a server of TLS 1.3 refuses a client certificate, or its lack, only then.", "client-cert-required client-cert-refused closed", false},

	// No reason given.
	{"curl", `\(52\) empty reply from server`, "TLS worked, and then the server closed without an answer: it may expect another application protocol.", "alpn-mismatch client-cert-required closed", false},
	{"curl", `\(60\) ssl certificate verification failed`, "curl words the alert certificate_expired of the server like its own verification; the server means the client's certificate.", "client-cert-refused client-cert-required local-clock", true},
	{openssl, `ssl_error_syscall|unexpected eof while reading|unexpected_eof_while_reading|eof occurred in violation of protocol|ssl_read: .*errno 0`, "The other side closed the connection without a word.", "closed name-unknown hello-content hello-length client-cert-required", false},
	{"Go", `^(?:.*: )?(?:unexpected )?EOF$`, "The other side closed the connection without a word. In a server's log it is most often a client that went away, or that disliked the certificate and is not one to say so.", "closed name-unknown hello-content hello-length client-cert-required", false},
	{"Java", `Remote host terminated the handshake|SSL peer shut down incorrectly`, "The server closed the connection without a word.", "closed name-unknown hello-content hello-length client-cert-required", false},
	{"Java", `Remote host closed connection during handshake`, "The server closed the connection without a word.", "closed name-unknown hello-content hello-length client-cert-required", false},
	{"Java", `Received fatal close_notify alert`, "The server sent user_canceled, which Java words like this, or closed the connection.", "user-canceled closed client-cert-required", false},
	{"Node", `disconnected before secure TLS connection was established|socket hang up`, "The server closed the connection without a word.", "closed name-unknown hello-content hello-length client-cert-required", false},
	{"GnuTLS, wget", `non-properly terminated|error decoding the received tls packet`, "The server closed the connection without a word, or in the middle of a message.", "closed name-unknown hello-content hello-length", false},
	{"Chromium", `err_connection_closed|err_empty_response`, "The server closed the connection without a word.", "closed name-unknown hello-content hello-length", false},
	{"Firefox", `pr_end_of_file_error`, "The server closed the connection without a word.", "closed name-unknown hello-content hello-length", false},
	{"Go, curl, Java, Python, Node", `connection reset|econnreset|errno[ =]104|err_connection_reset|pr_connect_reset_error|wsaeconnreset|broken pipe`, "The connection was reset: by a firewall that disliked something in the hello, or by the server's system.", "hello-content hello-length reset client-cert-required rate-limited", false},
	{"GnuTLS, wget", `error in the pull function`, "The connection was reset or broke.", "hello-content hello-length reset", false},
	{"Go", `context deadline exceeded|tls handshake timeout|i/o timeout`, "No answer came in time.", "silent hello-length hello-split unreachable plain-text", false},
	{"curl, Java, Python, Chromium", `timed out|err_timed_out|err_connection_timed_out|sockettimeoutexception`, "No answer came in time.", "silent hello-length hello-split unreachable plain-text", false},
	{"every program", `connection refused|econnrefused|err_connection_refused|failed to connect to .* couldn.t connect to server|\bconnect error\b`, "TCP was refused: nothing listens at that address and port.", "refused", false},
	{"every program", `no such host|could not resolve host|unknownhostexception|name or service not known|enotfound|err_name_not_resolved|temporary failure in name resolution`, "The name has no address.", "dns-failed", false},
	{"every program", `no route to host|network is unreachable|ehostunreach|enetunreach|err_address_unreachable`, "There is no way to the address.", "unreachable", false},
	{"wget", `^unable to establish ssl connection\.?$`, "wget says no more than that TLS failed.", "silent closed reset", true},
	{"Python", `ssl\.SSLError: \[SSL\] unknown error`, "Python has no name for what OpenSSL met; of alerts it lacks that of Encrypted ClientHello.", "ech-stale broken-peer", true},
	{"OpenSSL", `no peer certificate available`, "The connection ended before the server's certificate came; why, the line of s_client that begins with an error says.", nothing + " closed reset plain-http", true},
	{"OpenSSL", `verify return code: 0 \(ok\)`, "It tells nothing of the handshake: whether that worked, and why not, the lines of s_client above it say that begin with an error.", "", true},

	// Servers' logs.
	{"Go (server)", `local error: tls: bad record MAC`, "Of a client of TLS 1.3 this is most often an alert in the clear, by which OpenSSL's clients refuse the certificate and which crypto/tls takes for a damaged record. 'handclasp serve' reads it.", anyCert, false},
	{"OpenSSL (server)", `ssl_do_handshake\(\) failed`, "nginx gives OpenSSL's own error after this.", "broken-peer", true},
	{"Firefox", `ssl_error_weak_server_(?:cert_key|ephemeral_dh_key)`, "A key is too short.", "cert-weak-key weak-parameters", false},
	{"Chromium", `err_ssl_obsolete_(?:version|cipher)`, "The server speaks only what browsers have given up.", "no-common-version no-common-suite", false},
	{"Chromium, Firefox", `err_ech_fallback_certificate_invalid|ssl_error_ech_(?:retry_without_ech|retry_with_ech|failed)`, "Encrypted ClientHello failed, and so did the way around it.", "ech-stale", false},
	{"Chromium", `err_ssl_pinned_key_not_in_cert_chain|err_certificate_transparency_required`, "The browser wants more of the certificate than a chain: a pinned key, or certificate transparency.", "interception cert-rejected", false},
	{"Chromium", `err_bad_ssl_client_auth|err_ssl_unrecognized_name_alert`, "The server knows nothing under this name.", "name-unknown", false},
})

// A remark guards against a wrong trail.
type remark struct{ pattern, text string }

var remarks = []remark{
	{`sslv3 alert|sslv3_alert`, "“sslv3 alert” does not mean that SSL 3.0 is in use: OpenSSL names alerts by the version that brought them."},
	{`tlsv1 alert|tlsv1_alert|tlsv1 unrec|tlsv1 unsup`, "“tlsv1 alert” does not mean that TLS 1.0 is in use: OpenSSL names alerts by the version that brought them."},
	{`verify return code: 0 \(ok\)`, "“Verify return code: 0 (ok)” of s_client means nothing when the handshake failed before a certificate came; it is what the field begins with."},
	{`curl: \(56\).*ssl|tlsv13 alert certificate required`, "In TLS 1.3 a client's handshake is complete before the server has judged the client's certificate, so the error comes from the first read (curl: 56 instead of 35)."},
	{`tlsv1_alert|remote error: tls:|fatal alert|alert number`, "The alert was sent by the other side: what it complains of is what this side sent, or did not send."},
}
