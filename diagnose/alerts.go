package diagnose

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/handclasp/handclasp/iana"
)

// An alertRow says what an alert can mean: to a client that received it from the
// server, and to a server that received it from a client. The words are how the
// stacks print it, besides the registry's name.
type alertRow struct {
	alert    iana.Alert
	words    string // separated by "|", in lower case
	toClient string // causes, likeliest first
	toServer string
}

const (
	untrusted = "cert-unknown-issuer cert-missing-intermediate cert-unknown-root cert-self-signed interception"
	anyCert   = "cert-wrong-name cert-expired cert-chain-expired " + untrusted + " cert-not-yet-valid cert-usage cert-weak-key cert-weak-signature"
	nothing   = "no-common-suite no-common-group no-common-sigalg no-common-version"
)

var alertRows = []alertRow{
	{iana.CloseNotify, "ssl_error_zero_return|sslzeroreturnerror|received close_notify during handshake|peer has terminated the connection", "closed parts-at-once refused client-cert-required", "user-canceled " + anyCert},
	{iana.UnexpectedMessage, "unexpected message|unexpected_message", "broken-peer plain-text hello-split", "broken-peer"},
	{iana.BadRecordMAC, "bad record mac|bad_record_mac|bad_mac_alert", "broken-peer", "broken-peer " + anyCert},
	{iana.DecryptionFailed, "decryption failed", "broken-peer", "broken-peer"},
	{iana.RecordOverflow, "record overflow|record_overflow", "broken-peer plain-text", "broken-peer"},
	{iana.DecompressionFailure, "decompression failure|decompression_failure", "broken-peer", "broken-peer"},
	{iana.HandshakeFailure, "handshake failure|handshake_failure|handshake failed|ssl_error_handshake_failure_alert", nothing + " client-cert-required sni-required hello-content", nothing + " weak-parameters"},
	{iana.NoCertificate, "no certificate", "client-cert-required", "client-cert-required"},
	{iana.BadCertificate, "bad certificate|bad_certificate|certificate is bad|bad_cert_alert", "client-cert-refused client-cert-required client-cert-wrong-ca", anyCert},
	{iana.UnsupportedCertificate, "unsupported certificate|unsupported_certificate|certificate is not supported|unsupported_cert_alert", "client-cert-refused", "cert-usage cert-key-usage no-common-sigalg"},
	{iana.CertificateRevoked, "revoked certificate|certificate revoked|certificate_revoked|revoked_cert_alert", "client-cert-refused", "cert-revoked"},
	{iana.CertificateExpired, "expired certificate|certificate expired|certificate_expired|certificate is expired|expired_cert_alert", "client-cert-refused local-clock", "cert-expired cert-chain-expired cert-not-yet-valid local-clock"},
	{iana.CertificateUnknown, "unknown certificate|certificate unknown|certificate_unknown|certificate_unknown_alert", "client-cert-refused client-cert-wrong-ca", anyCert},
	{iana.IllegalParameter, "illegal parameter|illegal_parameter", "broken-peer hello-content no-common-group", "broken-peer"},
	{iana.UnknownCA, "unknown certificate authority|unknown ca|unknown_ca|ca is unknown", "client-cert-wrong-ca", untrusted},
	{iana.AccessDenied, "access denied|access_denied|access was denied", "client-cert-refused", "client-cert-refused"},
	{iana.DecodeError, "error decoding message|decode error|decode_error", "broken-peer hello-split hello-content", "broken-peer"},
	{iana.DecryptError, "error decrypting message|decrypt error|decrypt_error", "client-cert-refused psk-unknown broken-peer", "key-mismatch broken-peer"},
	{iana.ExportRestriction, "export restriction", "no-common-suite", "no-common-suite"},
	{iana.ProtocolVersion, "protocol version not supported|protocol version|protocol_version|error in protocol version", "no-common-version", "no-common-version"},
	{iana.InsufficientSecurity, "insufficient security|insufficient_security|insufficient security level", "weak-parameters no-common-suite no-common-group", "weak-parameters"},
	{iana.InternalError, "internal error|internal_error", "server-internal name-unknown", "broken-peer"},
	{iana.InappropriateFallback, "inappropriate fallback|inappropriate_fallback", "fallback", "fallback"},
	{iana.UserCanceled, "user canceled|user cancelled|user_canceled|user_cancelled", "user-canceled", "user-canceled " + anyCert},
	{iana.NoRenegotiation, "no renegotiation|no_renegotiation", "client-cert-required legacy-renegotiation", "legacy-renegotiation"},
	{iana.MissingExtension, "missing extension|missing_extension|an extension was expected but was not seen", "broken-peer hello-content sni-required", "broken-peer"},
	{iana.UnsupportedExtension, "unsupported extension|unsupported_extension", "broken-peer", "broken-peer"},
	{iana.CertificateUnobtainable, "certificate unobtainable", "client-cert-refused", "broken-peer"},
	{iana.UnrecognizedName, "unrecognized name|unrecognized_name|unrecognisedname|the server name sent was not recognized", "name-unknown sni-required", "name-unknown"},
	{iana.BadCertificateStatusResponse, "bad certificate status response|bad_certificate_status_response", "ocsp-bad", "ocsp-bad"},
	{iana.BadCertificateHashValue, "bad certificate hash value", "client-cert-refused", "broken-peer"},
	{iana.UnknownPSKIdentity, "unknown psk identity|unknown_psk_identity|the srp/psk username is missing or not known", "psk-unknown", "psk-unknown"},
	{iana.CertificateRequired, "certificate required|certificate_required|certificate is required", "client-cert-required", "client-cert-required"},
	{iana.NoApplicationProtocol, "no application protocol|no_application_protocol|no supported application protocol", "alpn-mismatch", "alpn-mismatch"},
	{iana.ECHRequired, "encrypted client hello required|ech required|ech_required", "ech-stale", "ech-stale"},
}

func rowOf(a iana.Alert) alertRow {
	for _, row := range alertRows {
		if row.alert == a {
			return row
		}
	}
	return alertRow{alert: a, toClient: "broken-peer not-tls", toServer: "broken-peer"}
}

// numbered are the places where a text gives the alert's number.
var numbered = []*regexp.Regexp{
	regexp.MustCompile(`(?i)\balert number (\d{1,3})\b`),
	regexp.MustCompile(`(?i)received alert \[(\d{1,3})\]`),
	regexp.MustCompile(`(?i)unknown alert description \((\d{1,3})\)`),
	regexp.MustCompile(`(?i)\breason\(1(\d{3})\)`), // OpenSSL adds 1000
	regexp.MustCompile(`(?i)^\s*(?:tls |ssl )?alert[ :]+(\d{1,3})\s*$`),
	regexp.MustCompile(`(?i)\balert code is (\d{1,3})\b`), // Windows
	regexp.MustCompile(`(?i)\btls: alert\((\d{1,3})\)`),   // crypto/tls of one that it does not know
}

// opensslCode is an error code of OpenSSL, as in error:0A000410 or error:14094410:
// its last three digits are the reason, which for an alert is 1000 more.
var opensslCode = regexp.MustCompile(`(?i)\berror:([0-9a-f]{8})\b`)

// named is how texts introduce the name of an alert.
var named = regexp.MustCompile(`(?i)(?:remote error: tls: |fatal alert: |fatal alert |received alert (?:\[\d+\]: )?|(?:sslv3|tlsv1|tlsv13|ssl/tls|dtlsv1) alert |tlsv1 |(?:sslv3|tlsv1|tlsv13)_alert_|tlsv1_|\[ssl: (?:sslv3|tlsv1|tlsv13)_alert_|err_ssl_(?:sslv3|tlsv1|tlsv13)_alert_|ssl_error_)(.+)`)

// alertsIn finds the alerts that a text tells of.
func alertsIn(text string) (found []iana.Alert) {
	add := func(a iana.Alert) {
		for _, f := range found {
			if f == a {
				return
			}
		}
		found = append(found, a)
	}
	if a, err := iana.ParseAlert(strings.TrimPrefix(strings.ToLower(strings.TrimSpace(text)), "alert ")); err == nil {
		return []iana.Alert{a}
	}
	for _, re := range numbered {
		for _, m := range re.FindAllStringSubmatch(text, -1) {
			if n, err := strconv.ParseUint(m[1], 10, 8); err == nil {
				add(iana.Alert(n))
			}
		}
	}
	for _, m := range opensslCode.FindAllStringSubmatch(text, -1) {
		code, _ := strconv.ParseUint(m[1], 16, 32)
		if lib, reason := code>>23, code&0xfff; (lib == 20 || code>>24 == 20) && reason >= 1000 && reason < 1256 {
			add(iana.Alert(reason - 1000))
		}
	}
	for _, m := range appleNumber.FindAllStringSubmatch(text, -1) {
		if n, _ := strconv.Atoi(m[1]); n >= 9819 && n < 9819+len(appleAlerts) {
			add(appleAlerts[n-9819])
		}
	}
	if len(found) > 0 {
		return found
	}
	for _, m := range named.FindAllStringSubmatch(text, -1) {
		if a, ok := alertNamed(m[1]); ok {
			add(a)
		}
	}
	if len(found) == 0 {
		if a, ok := closing(text); ok {
			add(a)
		}
	}
	return found
}

// alertNamed is the alert with whose words text begins; the longest wins.
func alertNamed(text string) (iana.Alert, bool) {
	together := strings.NewReplacer(" ", "", "_", "")
	text = together.Replace(strings.ToLower(text)) // Rust writes HandshakeFailure
	best, at := 0, iana.NoAlert
	for _, row := range alertRows {
		for word := range strings.SplitSeq(row.words, "|") {
			word = together.Replace(strings.TrimPrefix(word, "ssl_error_"))
			if len(word) > best && strings.HasPrefix(text, word) {
				best, at = len(word), row.alert
			}
		}
	}
	return at, best > 0
}

// closing finds close_notify, which texts never call an alert.
func closing(text string) (iana.Alert, bool) {
	text = strings.ToLower(text)
	for word := range strings.SplitSeq(rowOf(iana.CloseNotify).words, "|") {
		if strings.Contains(text, word) {
			return iana.CloseNotify, true
		}
	}
	return 0, false
}
