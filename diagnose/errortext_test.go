package diagnose

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/handclasp/handclasp/iana"
)

// trueCause is what was wrong in each case of testdata/texts.tsv, which holds what
// seven clients said of servers that were made to fail. "" is for cases in which
// nothing was wrong, or in which the text can't tell what the client did.
var trueCause = map[string]string{
	"expired": "cert-expired", "not_yet_valid": "cert-not-yet-valid", "expired_intermediate": "cert-chain-expired", "wrong_host": "cert-wrong-name",
	"cn_only_no_san": "cert-no-san", "self_signed": "cert-self-signed", "untrusted_root_not_sent": "cert-unknown-issuer",
	"untrusted_root_sent": "cert-unknown-root", "missing_intermediate": "cert-missing-intermediate", "eku_client_only": "cert-usage",
	"rsa1024_leaf": "cert-weak-key", "intermediate_not_ca": "cert-not-a-ca", "name_constraint_violation": "cert-name-constraint",
	"key_cert_mismatch": "key-mismatch", "tls10_11_only": "no-common-version", "only_3des_static_rsa": "no-common-suite",
	"only_static_rsa_aesgcm": "no-common-suite", "only_rc4": "no-common-suite", "only_x25519mlkem768": "no-common-group", "alpn_h2_only": "alpn-mismatch",
	"mtls_required_tls13": "client-cert-required", "mtls_required_tls12": "client-cert-required", "go_getconfig_error": "server-internal",
	"sni_needed": "sni-required", "plain_http": "plain-http", "smtp_banner_first": "plain-text", "close_after_ch": "closed", "rst_after_ch": "reset",
	"silent": "silent", "refused": "refused", "no_reneg_info": "legacy-renegotiation", "truncated_serverhello": "closed",
	"alert_handshake_failure": "no-common-suite", "alert_bad_certificate": "client-cert-refused", "alert_unsupported_certificate": "client-cert-refused",
	"alert_certificate_expired": "client-cert-refused", "alert_certificate_unknown": "client-cert-refused", "alert_illegal_parameter": "broken-peer",
	"alert_unknown_ca": "client-cert-wrong-ca", "alert_access_denied": "client-cert-refused", "alert_decode_error": "broken-peer",
	"alert_decrypt_error": "client-cert-refused", "alert_protocol_version": "no-common-version", "alert_insufficient_security": "weak-parameters",
	"alert_internal_error": "server-internal", "alert_inappropriate_fallback": "fallback", "alert_user_canceled": "user-canceled",
	"alert_missing_extension": "broken-peer", "alert_unsupported_extension": "broken-peer", "alert_unrecognized_name": "name-unknown",
	"alert_unknown_psk_identity": "psk-unknown", "alert_certificate_required": "client-cert-required", "alert_no_application_protocol": "alpn-mismatch",
	"alert_ech_required": "ech-stale", "alert_unexpected_message": "broken-peer", "alert_record_overflow": "broken-peer", "alert_close_notify": "closed",
	"ok": "", "reversed_chain": "", "tls13_only": "", "rst_if_ch_gt_1000": "",
}

// misleading are texts that don't come from what was wrong, with the reason.
var misleading = map[string]string{
	"no_reneg_info go":   "Go does not mind, and the server hangs up later",
	"no_reneg_info java": "Java does not mind, and goes on to judge the certificate",
	"no_reneg_info wget": "GnuTLS does not mind, and the server hangs up later",
}

// TestMeasuredTexts: of every text that was measured, the true cause is among
// those that are told.
func TestMeasuredTexts(t *testing.T) {
	b, err := os.ReadFile("testdata/texts.tsv")
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for line := range strings.Lines(string(b)) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		want, known := trueCause[f[0]]
		if !known || len(f) != 3 {
			t.Errorf("no cause is known for %q", f[0])
			continue
		}
		if want == "" || misleading[f[0]+" "+f[1]] != "" || strings.ReplaceAll(f[2], "Verify return code: 0 (ok);", "") == "" {
			continue
		}
		read++
		r := ReadError(f[2])
		if !slices.Contains(append(ids(r.Causes), ids(r.Logged)...), want) {
			t.Errorf("%s, %s: %s\n\twant %s, told %v", f[0], f[1], f[2], want, ids(r.Causes))
		}
		if len(r.Causes) > 12 {
			t.Errorf("%s, %s: %d causes are no help: %v", f[0], f[1], len(r.Causes), ids(r.Causes))
		}
	}
	if read < 300 {
		t.Errorf("only %d texts were read", read)
	}
}

func ids(list []*Cause) (ids []string) {
	for _, c := range list {
		ids = append(ids, c.ID)
	}
	return ids
}

// TestTells: texts that tell causes apart are read exactly.
func TestTells(t *testing.T) {
	for text, want := range map[string]string{
		"curl: (60) SSL certificate problem: self-signed certificate":                                                         "cert-self-signed",
		"curl: (60) SSL certificate problem: self-signed certificate in certificate chain":                                    "cert-unknown-root interception",
		"curl: (60) SSL certificate problem: certificate has expired\nMore details here: https://curl.se/docs/sslcerts.html":  "cert-expired cert-chain-expired local-clock",
		"Status: The certificate is NOT trusted. The certificate chain uses not yet valid certificate.":                       "cert-not-yet-valid local-clock",
		"Status: The certificate is NOT trusted. The certificate chain does not match the intended purpose.":                  "cert-usage cert-key-usage",
		"Status: The certificate is NOT trusted. The certificate chain violates the signer's constraints.":                    "cert-name-constraint cert-path-length cert-not-a-ca",
		"x509: certificate has expired or is not yet valid: current time 2026-11-20T21:33:49Z is after 2026-11-19T21:33:47Z":  "cert-expired cert-chain-expired local-clock",
		"x509: certificate has expired or is not yet valid: current time 2026-11-20T21:33:49Z is before 2026-11-22T21:33:47Z": "cert-not-yet-valid local-clock",
		"40":                              "no-common-suite no-common-group no-common-sigalg no-common-version client-cert-required sni-required hello-content",
		"alert 116":                       "client-cert-required",
		"unknown_ca":                      "client-cert-wrong-ca",
		"cert-wrong-name":                 "cert-wrong-name",
		"NET::ERR_CERT_AUTHORITY_INVALID": "cert-unknown-root cert-self-signed cert-unknown-issuer cert-missing-intermediate interception",
		"net::ERR_SSL_VERSION_OR_CIPHER_MISMATCH":                                             "no-common-version no-common-suite no-common-group name-unknown",
		"SSL_ERROR_RX_RECORD_TOO_LONG":                                                        "plain-http plain-text not-tls",
		"SSL_ERROR_HANDSHAKE_FAILURE_ALERT":                                                   "no-common-suite no-common-group no-common-sigalg no-common-version client-cert-required sni-required hello-content",
		"140735:error:14094410:SSL routines:ssl3_read_bytes:sslv3 alert handshake failure":    "no-common-suite no-common-group no-common-sigalg no-common-version client-cert-required sni-required hello-content",
		"Client network socket disconnected before secure TLS connection was established":     "closed name-unknown hello-content hello-length client-cert-required",
		"Error: socket hang up":                                                               "closed name-unknown hello-content hello-length client-cert-required",
		"javax.net.ssl.SSLHandshakeException: Remote host closed connection during handshake": "closed name-unknown hello-content hello-length client-cert-required",
		`x509: certificate signed by unknown authority (possibly because of "x509: ECDSA verification failure" while trying to verify candidate authority certificate "Corp CA")`: "cert-unknown-issuer cert-bad-signature interception",
		"x509: certificate is not authorized to sign other certificates": "cert-not-a-ca",
		"tls: oversized record received with length 20527":               "plain-http plain-text not-tls",
		"Client sent an HTTP request to an HTTPS server.":                "plain-http",
		"local error: tls: no renegotiation":                             "client-cert-required",
		"tls: unsupported SSLv2 handshake received":                      "no-common-version",
		"no peer certificate available":                                  "no-common-suite no-common-group no-common-sigalg no-common-version closed reset plain-http",
		"alert number 116":                                               "client-cert-required",
		"PKIX path validation failed: java.security.cert.CertPathValidatorException: validity check failed <- java.security.cert.CertificateExpiredException": "cert-expired cert-chain-expired local-clock",
		"what a lovely day": "",
	} {
		if got := strings.Join(ids(ReadError(text).Causes), " "); got != want {
			t.Errorf("%q: told %q, want %q", text, got, want)
		}
	}
	r := ReadError("http: TLS handshake error from 10.0.0.1:55555: local error: tls: bad record MAC")
	if !slices.Contains(ids(r.Causes), "cert-unknown-issuer") {
		t.Errorf("bad record MAC in a Go server's log is an alert in the clear; told %v", ids(r.Causes))
	}
	if r := ReadError("remote error: tls: unknown certificate authority"); !slices.Contains(ids(r.Logged), "cert-missing-intermediate") {
		t.Errorf("in a server's log unknown_ca is the client's word; told %v", ids(r.Logged))
	}
	if r := ReadError("Verify return code: 0 (ok)"); len(r.Said) != 1 || len(r.Causes) > 0 {
		t.Errorf("s_client's last line says nothing of the handshake; told %v", ids(r.Causes))
	}
	if r := ReadError("sslv3 alert handshake failure"); len(r.Notes) == 0 {
		t.Error("nobody says that SSL 3.0 is not in use")
	}
}

// TestPlatforms: so are those of Windows, .NET, macOS, Rust, Ruby and databases.
func TestPlatforms(t *testing.T) {
	const handshakeFailure = nothing + " client-cert-required sni-required hello-content"
	for text, want := range map[string]string{
		"schannel: next InitializeSecurityContext failed: SEC_E_UNTRUSTED_ROOT (0x80090325) - The certificate chain was issued by an authority that is not trusted.":                                                                                                       untrusted,
		"schannel: SNI or certificate check failed: SEC_E_WRONG_PRINCIPAL (0x80090322) - The target principal name is incorrect.":                                                                                                                                          "cert-wrong-name sni-required",
		"curl: (35) schannel: next InitializeSecurityContext failed: CRYPT_E_NO_REVOCATION_CHECK (0x80092012)":                                                                                                                                                             "revocation-unknown interception",
		"The request was aborted: Could not create SSL/TLS secure channel.":                                                                                                                                                                                                nothing + " client-cert-required client-cert-refused",
		"A fatal alert was received from the remote endpoint. The TLS protocol defined fatal alert code is 40.":                                                                                                                                                            handshakeFailure,
		"System.Net.Http.HttpRequestException: The SSL connection could not be established, see inner exception. ---> System.Security.Authentication.AuthenticationException: The remote certificate is invalid because of errors in the certificate chain: UntrustedRoot": untrusted,
		"AuthenticationException: The remote certificate is invalid according to the validation procedure: RemoteCertificateNameMismatch":                                                                                                                                  "cert-wrong-name sni-required",
		"AuthenticationException: The remote certificate is invalid because of errors in the certificate chain: NotTimeValid":                                                                                                                                              "cert-expired cert-chain-expired cert-not-yet-valid local-clock",
		"AuthenticationException: Authentication failed, see inner exception. ---> System.ComponentModel.Win32Exception (0x80090331): The client and server cannot communicate, because they do not possess a common algorithm":                                            "no-common-version no-common-suite no-common-group no-common-sigalg",
		"System.IO.IOException: Cannot determine the frame size or a corrupted frame was received.":                                                                                                                                                                        broken,
		"Unable to read data from the transport connection: An existing connection was forcibly closed by the remote host.":                                                                                                                                                "hello-content hello-length reset client-cert-required rate-limited",
		"The underlying connection was closed: Could not establish trust relationship for the SSL/TLS secure channel.":                                                                                                                                                     untrusted + " cert-wrong-name cert-expired cert-chain-expired",
		"CFNetwork SSLHandshake failed (-9824)": handshakeFailure,
		"OSStatus -9806":                        cutOff,
		"NSURLConnection/CFURLConnection HTTP load failed (kCFStreamErrorDomainSSL, -9843)":                                        "cert-wrong-name cert-no-san sni-required",
		"errSSLPeerProtocolVersion, -9836":                                                                                         "no-common-version",
		"Error Domain=NSURLErrorDomain Code=-1206 \"The server requires a client certificate.\"":                                   "client-cert-required",
		"Error Domain=NSURLErrorDomain Code=-1200 \"An SSL error has occurred\" {_kCFStreamErrorCodeKey=-9814}":                    "cert-expired cert-chain-expired local-clock",
		"took -9806.5 s, item 12-9806":                                                                                             "",
		"invalid peer certificate: UnknownIssuer":                                                                                  untrusted,
		"invalid peer certificate: certificate not valid for name \"a\"; certificate is only valid for DnsName(\"b\")":             "cert-wrong-name cert-no-san sni-required",
		"received fatal alert: HandshakeFailure":                                                                                   handshakeFailure,
		"received fatal alert: UnrecognisedName":                                                                                   "name-unknown sni-required",
		"peer closed connection without sending TLS close_notify: https://docs.rs/rustls":                                          cutOff,
		"OpenSSL::SSL::SSLError: SSL_connect SYSCALL returned=5 errno=0 peeraddr=127.0.0.1:443 state=SSLv3/TLS write client hello": cutOff,
		"SSL_connect returned=1 errno=0 peeraddr=127.0.0.1:443 state=error: certificate verify failed (self-signed certificate)":   "cert-self-signed",
		"SSL_connect returned=1 errno=0 state=error: certificate verify failed":                                                    untrusted + " cert-wrong-name cert-expired cert-chain-expired",
		`psql: error: server certificate for "a" (and 1 other name) does not match host name "b"`:                                  "cert-wrong-name",
		"failed: received invalid response to SSL negotiation: H":                                                                  "plain-text plain-http",
		"failed: received invalid response to SSL negotiation: \x15":                                                               "starttls-unexpected",
		"failed: server closed the connection unexpectedly\n\tThis probably means":                                                 cutOff + " plain-text",
		"server does not support SSL, but SSL was required":                                                                        "starttls-refused",
		"FATAL:  connection requires a valid client certificate":                                                                   "client-cert-required",
		"ERROR 2026 (HY000): SSL connection error: SSL is required but the server doesn't support it":                              "starttls-refused",
		"ERROR 2026 (HY000): TLS/SSL error: SSL is required, but the server does not support it":                                   "starttls-refused",
		"ERROR 2026 (HY000): SSL connection error: self-signed certificate in certificate chain":                                   "cert-unknown-root interception",
		`broken header: "..." while reading PROXY protocol, client: 127.0.0.1`:                                                     "proxy-protocol",
	} {
		if got := strings.Join(ids(ReadError(text).Causes), " "); got != want {
			t.Errorf("%q: told %q, want %q", text, got, want)
		}
	}
}

// TestCatalogue: every name that a table uses is in the catalogue, every cause is
// complete, and every alert of the registry has its row.
func TestCatalogue(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Causes() {
		if seen[c.ID] || c.ID == "" || c.Text == "" || c.Tell == "" || c.Who == "" || c.Fix == "" {
			t.Errorf("%q stands twice, or lacks something", c.ID)
		}
		seen[c.ID] = true
	}
	var names []string
	for _, p := range phrases {
		names = append(names, strings.Fields(p.causes)...)
	}
	for _, a := range alertRows {
		names = append(names, strings.Fields(a.toClient+" "+a.toServer)...)
	}
	for _, id := range names {
		if !seen[id] {
			t.Errorf("%q is in no catalogue", id)
		}
	}
	for a := range iana.NoAlert {
		if a.Known() && a != iana.TooManyCIDsRequested && a != iana.GeneralError && rowOf(a).words == "" {
			t.Errorf("%v has no row", a)
		}
	}
}
