package diagnose

import (
	"fmt"
	"regexp"

	"github.com/handclasp/handclasp/iana"
)

// What the systems' own TLS says, and programs on top of the libraries: Windows
// (schannel, and .NET on it), macOS and iOS (Secure Transport and URL loading), Rust,
// PostgreSQL, MySQL and nginx. None of it was measured but for psql's: the rest is from
// their headers, sources and documentation.

const (
	windows = "Windows (schannel)"
	dotNet  = ".NET"
	apple   = "macOS, iOS"
	rust    = "Rust (rustls)"
	psql    = "PostgreSQL"
	mySQL   = "MySQL, MariaDB"

	cutOff = "closed name-unknown hello-content hello-length client-cert-required"
	broken = "plain-http plain-text not-tls"
)

var platforms = []phrase{
	// Windows. Numbers are the same in every language, the words are not.
	{windows, `sec_e_untrusted_root|0x80090325|cert_trust_is_(?:untrusted_root|partial_chain)`, "No chain from the server's certificate to a trusted root was found.", untrusted, false},
	{windows, `cert_e_untrustedroot|0x800b0109|cert_e_chaining|0x800b010a`, "No chain from the server's certificate to a trusted root was found.", untrusted, false},
	{windows, `sec_e_wrong_principal|0x80090322|cert_e_cn_no_match|0x800b010f`, "The certificate is not for the name that was asked for.", "cert-wrong-name sni-required", false},
	{windows, `sec_e_cert_expired|0x80090328|cert_e_expired|0x800b0101`, "Some certificate of the chain is not valid now.", "cert-expired cert-chain-expired cert-not-yet-valid local-clock", false},
	{windows, `sec_e_cert_unknown|0x80090327|sec_e_cert_wrong_usage|0x80090349|cert_e_wrong_usage|0x800b0110`, "The certificate could not be used for what it is used here.", "cert-usage cert-key-usage client-cert-refused", false},
	{windows, `crypt_e_no_revocation_check|0x80092012|crypt_e_revocation_offline|0x80092013`, "It could not be found out whether the certificate was revoked.", "revocation-unknown interception", false},
	{windows, `crypt_e_revoked|0x80092010|cert_e_revoked|0x800b010c`, "The certificate was revoked.", "cert-revoked", false},
	{windows, `sec_e_algorithm_mismatch|0x80090331|do not possess a common algorithm`, "There is no version, cipher suite or group in common, or a version is turned off on one side.", "no-common-version no-common-suite no-common-group no-common-sigalg", false},
	{windows, `sec_e_unsupported_function|0x80090302`, "The version of TLS is turned off on this machine.", "no-common-version", false},
	{windows, `sec_e_illegal_message|0x80090326|message received was unexpected or badly formatted`, "The server sent an alert, or something that is not as it must be; Windows does not say which alert. The System log of Event Viewer has its number.", nothing + " client-cert-required name-unknown broken-peer", false},
	{windows, `sec_e_invalid_token|0x80090308`, "The first bytes of the answer are no TLS record, or a handshake message can't be read.", broken + " broken-peer", false},
	{windows, `sec_i_incomplete_credentials|0x00090320`, "The server asks for a client certificate.", "client-cert-required", false},
	{windows, `sec_e_no_credentials|0x8009030e|sec_e_unknown_credentials|0x8009030d`, "The certificate's own key can't be used: it is not there, or this account may not read it.", "key-mismatch client-cert-refused", false},
	{"Windows", `forcibly closed by the remote host|wsaeconnaborted|winsock error 1005[34]`, "The connection was reset: by a firewall that disliked something in the hello, or by the server's system.", "hello-content hello-length reset client-cert-required rate-limited", false},

	// .NET, of which the inner exception says more.
	{dotNet, `could not create ssl/tls secure channel`, "TLS failed; .NET Framework does not say why. Most often it offered no version that the server takes, for old programs offer TLS 1.0 alone.", nothing + " client-cert-required client-cert-refused", false},
	{dotNet, `could not establish trust relationship`, "The server's certificate was refused.", untrusted + " cert-wrong-name cert-expired cert-chain-expired", true},
	{dotNet, `remote certificate is invalid according to the validation procedure(?:\.|$)|remotecertificatechainerrors|remote certificate was rejected by the provided`, "The server's certificate was refused.", untrusted + " cert-wrong-name cert-expired cert-chain-expired revocation-unknown", true},
	{dotNet, `remotecertificatenamemismatch`, "The certificate is not for the name that was asked for.", "cert-wrong-name sni-required", false},
	{dotNet, `remotecertificatenotavailable`, "The other side showed no certificate.", "client-cert-required broken-peer", false},
	{dotNet, `certificate chain: .*(?:untrustedroot|partialchain)`, "No chain from the certificate to a trusted root was found. PartialChain: the issuer was not found at all; UntrustedRoot: there is a root, and it is not trusted.", untrusted, false},
	{dotNet, `certificate chain: .*nottimevalid`, "Some certificate of the chain is not valid now.", "cert-expired cert-chain-expired cert-not-yet-valid local-clock", false},
	{dotNet, `certificate chain: .*(?:revocationstatusunknown|offlinerevocation)`, "It could not be found out whether the certificate was revoked.", "revocation-unknown interception", false},
	{dotNet, `certificate chain: .*\brevoked`, "The certificate was revoked.", "cert-revoked", false},
	{dotNet, `certificate chain: .*(?:notvalidforusage|notsignaturevalid|hasweaksignature|invalidbasicconstraints|invalidnameconstraints)`, "Something in the chain is not as it must be.", "cert-usage cert-bad-signature cert-weak-signature cert-not-a-ca cert-name-constraint", false},
	{dotNet, `cannot determine the frame size|handshake failed due to an unexpected packet format`, "The first bytes of the answer are no TLS record: the port speaks something else.", broken, false},
	{dotNet, `unexpected eof or 0 bytes from the transport stream|unexpected error occurred on a (?:send|receive)`, "The other side closed the connection without a word.", cutOff + " no-common-version", false},
	{dotNet, `ssl connection could not be established, see inner exception|a call to sspi failed, see inner exception|authentication failed, see inner exception`, "The inner exception, after --->, says why; without it there is no telling.", nothing + " " + untrusted + " closed", true},

	// macOS and iOS. Alerts have numbers too; see appleAlerts.
	{apple, number(-9806), "The connection was broken off.", cutOff, false},
	{apple, number(-9805) + `|` + number(-9816) + `|` + number(-9844), "The server closed the connection.", cutOff, false},
	{apple, number(-9801) + `|` + number(-9818), "Nothing could be agreed on.", nothing, false},
	{apple, number(-9800), "What the server sent is not as it must be, or no TLS.", broken + " broken-peer", false},
	{apple, number(-9802), "The server sent a fatal alert.", nothing + " client-cert-required", false},
	{apple, number(-9807) + `|` + number(-9812) + `|` + number(-9813), "No chain from the server's certificate to a trusted root was found, or the chain is not as Apple demands.", untrusted + " cert-no-san cert-usage cert-weak-key", false},
	{apple, number(-9814), "Some certificate of the chain has expired.", "cert-expired cert-chain-expired local-clock", false},
	{apple, number(-9815), "Some certificate of the chain is not valid yet.", "cert-not-yet-valid local-clock", false},
	{apple, number(-9843), "The certificate is not for the name that was asked for.", "cert-wrong-name cert-no-san sni-required", false},
	{apple, number(-9850), "The server's Diffie-Hellman modulus is too short.", "weak-parameters", false},
	{apple, urlError(1201), "Some certificate of the chain has expired.", "cert-expired cert-chain-expired local-clock", false},
	{apple, urlError(1202) + `|the certificate for this server is invalid`, "The server's certificate was refused.", untrusted + " cert-wrong-name cert-expired cert-no-san", false},
	{apple, urlError(1203), "No chain from the server's certificate to a trusted root was found.", untrusted, false},
	{apple, urlError(1204), "Some certificate of the chain is not valid yet.", "cert-not-yet-valid local-clock", false},
	{apple, urlError(1205), "The server refused the client certificate.", "client-cert-refused client-cert-wrong-ca", false},
	{apple, urlError(1206), "The server requires a client certificate.", "client-cert-required", false},
	{apple, urlError(1200) + `|an ssl error has occurred and a secure connection`, "TLS failed; the number behind _kCFStreamErrorCodeKey says more. App Transport Security wants TLS 1.2 with forward secrecy.", nothing + " " + cutOff, true},

	// Rust.
	{rust, `invalid peer certificate: (?:unknownissuer|.*unknown ?issuer)`, "No chain from the certificate to a trusted root was found.", untrusted, false},
	{rust, `invalid peer certificate: .*(?:notvalidforname|not valid for name|certnotvalidforname)`, "The certificate is not for the name that was asked for.", "cert-wrong-name cert-no-san sni-required", false},
	{rust, `invalid peer certificate: .*(?:notvalidyet|not valid yet)`, "Some certificate of the chain is not valid yet.", "cert-not-yet-valid local-clock", false},
	{rust, `invalid peer certificate: .*expired`, "Some certificate of the chain has expired.", "cert-expired cert-chain-expired local-clock", false},
	{rust, `invalid peer certificate: .*(?:causedasendentity|cacertusedasendentity)`, "The server shows the certificate of an authority as its own: a self-signed one with CA:TRUE, most often.", "cert-self-signed", false},
	{rust, `peer closed connection without sending tls close_notify`, "The other side closed the connection without a word.", cutOff, false},
	{rust, `received corrupt message of type invalidcontenttype`, "The first bytes of the other side are no TLS record.", broken, false},
	{rust, `peer is incompatible: `, "There is nothing in common; which, the word behind says.", nothing, false},

	// Databases, where TLS begins when the client asks for it.
	{psql, `server certificate for ".*" .*does not match host name|server common name ".*" does not match host name`, "The certificate is not for the name that was asked for (sslmode=verify-full).", "cert-wrong-name", false},
	{psql, `server does not support ssl, but ssl was required`, "The server has no TLS (ssl = off).", "starttls-refused", false},
	{psql, `connection requires a valid client certificate`, "The server requires a client certificate (clientcert in pg_hba.conf).", "client-cert-required", false},
	{psql, `certificate authentication failed for user`, "The name in the client certificate is not the user's.", "client-cert-refused", false},
	{psql, `root certificate file ".*" does not exist`, "The client shall verify and was told of no authority: sslrootcert, or sslrootcert=system.", "cert-unknown-issuer", false},
	{psql, `received invalid response to ssl negotiation`, "The port speaks something else than PostgreSQL.", "plain-text plain-http", false},
	{psql, `ssl connection has been closed unexpectedly`, "The server closed the connection without a word.", cutOff, false},
	{mySQL, `ssl is required,? but the server (?:doesn.t|does not) support`, "The server has no TLS.", "starttls-refused", false},
	{mySQL, `ssl connection error: (?:protocol version mismatch|.*unsupported protocol)`, "There is no version in common.", "no-common-version", false},

	// Servers that expect a balancer.
	{"nginx", `while reading proxy protocol`, "The listen line has proxy_protocol, and what connected did not begin with it.", "proxy-protocol", false},
	{"HAProxy", `received something which does not look like a proxy protocol header`, "The bind line has accept-proxy, and what connected did not begin with it.", "proxy-protocol", false},
	{openssl, `certificate verify failed|certificate_verify_failed`, "The certificate was refused; why, stands in brackets or a line before, where it is said.", untrusted + " cert-wrong-name cert-expired cert-chain-expired", true},
	{"Ruby", `ssl_connect syscall returned=5 errno=0`, "The other side closed the connection without a word.", cutOff, false},
}

// number is the pattern of an error's number.
func number(n int) string { return fmt.Sprintf(`(?:^|[^0-9a-z.])%d(?:[^0-9.]|\.?$|\. )`, n) }

// urlError is the pattern of an error of Apple's URL loading.
func urlError(n int) string {
	return fmt.Sprintf(`(?:nsurlerror\w*|cfnetwork)[^-]{0,20}-%d\b`, n)
}

// appleAlerts are the alerts that Secure Transport numbers from -9819 on, downwards.
var appleAlerts = []iana.Alert{
	iana.UnexpectedMessage, iana.BadRecordMAC, iana.DecryptionFailed, iana.RecordOverflow, iana.DecompressionFailure, iana.HandshakeFailure,
	iana.BadCertificate, iana.UnsupportedCertificate, iana.CertificateRevoked, iana.CertificateExpired, iana.CertificateUnknown, iana.IllegalParameter,
	iana.UnknownCA, iana.AccessDenied, iana.DecodeError, iana.DecryptError, iana.ExportRestriction, iana.ProtocolVersion, iana.InsufficientSecurity,
	iana.InternalError, iana.UserCanceled, iana.NoRenegotiation,
}

// appleNumber is a number that may be one of those.
var appleNumber = regexp.MustCompile(`(?:^|[^0-9A-Za-z.])-(98\d\d)(?:[^0-9.]|\.?$|\. )`)
