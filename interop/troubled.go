package main

import (
	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/diagnose"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
)

// --- who fails ---

// with is a client of ours that is configured by change.
func with(change func(*handclasp.ClientConfig)) client {
	return func(_ *files, o *diagnose.Options) { change(o.Client) }
}

// like is a client that people use, by its recorded ClientHello.
func like(name string) client {
	return func(_ *files, o *diagnose.Options) { o.As = name }
}

// called is a client that calls the server by another name.
func called(name string) client {
	return func(_ *files, o *diagnose.Options) { o.Host, o.Client.ServerName = name, name }
}

// showing is a client with a certificate, which it shows whomever the server trusts.
func showing(c chain) client {
	return func(f *files, o *diagnose.Options) {
		own := f.id(pki.P256, c).ours
		o.Client.GetClientCertificate = func(*handclasp.CertificateRequestInfo) (*handclasp.Certificate, error) { return &own, nil }
	}
}

func offering(groups ...iana.Group) client {
	return with(func(c *handclasp.ClientConfig) { c.CurvePreferences = groups })
}

func taking(schemes ...iana.SignatureScheme) client {
	return with(func(c *handclasp.ClientConfig) { c.SignatureSchemes = schemes })
}

func speaking(protocols ...string) client {
	return with(func(c *handclasp.ClientConfig) { c.NextProtos = protocols })
}

var (
	until12   = with(func(c *handclasp.ClientConfig) { c.MaxVersion = iana.TLS12 })
	from13    = with(func(c *handclasp.ClientConfig) { c.MinVersion = iana.TLS13 })
	twoCurves = offering(iana.X25519, iana.Secp256r1)
	aes128    = with(func(c *handclasp.ClientConfig) {
		c.MinVersion, c.CipherSuites = iana.TLS13, []iana.CipherSuite{iana.TLS_AES_128_GCM_SHA256}
	})
	dhe = with(func(c *handclasp.ClientConfig) {
		c.CipherSuites = []iana.CipherSuite{iana.TLS_DHE_RSA_WITH_AES_128_GCM_SHA256}
		c.MaxVersion = iana.TLS12
	})
	rsa256 = taking(iana.RSA_PSS_RSAE_SHA256, iana.RSA_PKCS1_SHA256)
)

// --- whom they meet ---

// Another version takes a suite of that version.
const (
	with13 = "suite=TLS_AES_128_GCM_SHA256 & version=1.3"
	with12 = "suite=TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 & version=1.2"
	with11 = "suite=TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA & version=1.1"
	with10 = "suite=TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA & version=1.0"
)

var opensslTroubles = []trouble{
	{what: "nothing is wrong", finds: "nothing-wrong"},
	{what: "RSA key transport alone", key: pki.RSA2048, told: "-tls1_2 -cipher AES128-GCM-SHA256", finds: "no-common-suite", trigger: "suite=TLS_RSA_WITH_AES_128_GCM_SHA256"},
	{what: "RSA key transport alone, for Go", key: pki.RSA2048, told: "-tls1_2 -cipher AES128-GCM-SHA256", client: like("go"), finds: "no-common-suite", trigger: "suite=TLS_RSA_WITH_AES_128_GCM_SHA256"},
	{what: "DHE alone", key: pki.RSA2048, told: "-tls1_2 -cipher DHE-RSA-AES128-GCM-SHA256", finds: "no-common-suite", trigger: "suite=TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"},
	{what: "DHE with 1,024 bits", key: pki.RSA2048, told: "-tls1_2 -cipher DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0 -dhparam <dh>", client: dhe, finds: "weak-parameters"},
	{what: "TLS 1.0 alone", told: "-tls1 -cipher ALL:@SECLEVEL=0", finds: "no-common-version", trigger: with10},
	{what: "TLS 1.1 alone", told: "-tls1_1 -cipher ALL:@SECLEVEL=0", finds: "no-common-version", trigger: with11},
	{what: "TLS 1.2 alone, for a client of 1.3", told: "-tls1_2", client: from13, finds: "no-common-version", trigger: with12},
	{what: "TLS 1.3 alone, for a client of 1.2", told: "-tls1_3", client: until12, finds: "no-common-version", trigger: with13},
	{what: "TLS 1.3 with P-521 alone", told: "-tls1_3 -groups P-521", client: twoCurves, finds: "no-common-group", trigger: "group=secp521r1"},
	{what: "TLS 1.3 with P-521 alone, for Chromium", told: "-tls1_3 -groups P-521", client: like("chromium"), finds: "no-common-group", trigger: "group=secp521r1"},
	{what: "TLS 1.3 with ffdhe2048 alone, for Go", told: "-tls1_3 -groups ffdhe2048", client: like("go"), finds: "no-common-group", trigger: "group=ffdhe2048"},
	{what: "TLS 1.3 with CCM alone", told: "-tls1_3 -ciphersuites TLS_AES_128_CCM_SHA256", finds: "no-common-suite", trigger: "suite=TLS_AES_128_CCM_SHA256"},
	{what: "TLS 1.3 with AES-256 alone, for a client with AES-128", told: "-tls1_3 -ciphersuites TLS_AES_256_GCM_SHA384", client: aes128, finds: "no-common-suite", trigger: "suite=TLS_AES_256_GCM_SHA384"},
	{what: "TLS 1.2 with P-384 alone", key: pki.RSA2048, told: "-tls1_2 -groups P-384", client: twoCurves, finds: "no-common-group", trigger: "group=secp384r1"},
	{what: "signatures with SHA-512 alone", key: pki.RSA2048, told: "-sigalgs rsa_pss_rsae_sha512", client: rsa256, finds: "no-common-sigalg", trigger: "sigalg=rsa_pss_rsae_sha512"},
	{what: "an Ed25519 certificate, for Chromium", key: pki.Ed25519, client: like("chromium"), finds: "no-common-sigalg", trigger: "sigalg=ed25519"},
	{what: "an ECDSA certificate, for a client of RSA", client: rsa256, finds: "no-common-sigalg", trigger: "sigalg=ecdsa_secp256r1_sha256"},
	{what: "a client certificate required, TLS 1.2", told: "-tls1_2 -Verify 1 -verify_return_error -CAfile <ca>", finds: "client-cert-required"},
	{what: "a client certificate required, TLS 1.3", told: "-tls1_3 -Verify 1 -verify_return_error -CAfile <ca>", finds: "client-cert-required"},
	{what: "a client certificate of another authority, TLS 1.2", told: "-tls1_2 -Verify 1 -verify_return_error -CAfile <ca>", client: showing(strange), finds: "client-cert-wrong-ca"},
	{what: "a client certificate of another authority, TLS 1.3", told: "-tls1_3 -Verify 1 -verify_return_error -CAfile <ca>", client: showing(strange), finds: "client-cert-wrong-ca"},
	{what: "a client certificate that has expired", told: "-Verify 1 -verify_return_error -CAfile <ca>", client: showing(expired), finds: "client-cert-refused"},
	{what: "a client certificate that is good", told: "-Verify 1 -verify_return_error -CAfile <ca>", client: showing(plain), finds: "nothing-wrong"},
	{what: "expired", chain: expired, finds: "cert-expired"},
	{what: "the wrong name", chain: elsewhere, finds: "cert-wrong-name"},
	{what: "self-signed", chain: vouchless, finds: "cert-self-signed"},
	{what: "a private authority", chain: strange, finds: "cert-unknown-issuer"},
	{what: "the intermediate is missing", chain: alone, finds: "cert-missing-intermediate"},
	{what: "the chain is reversed", chain: reversed, finds: "chain-reversed"},
	{what: "an RSA key of 1,024 bits", chain: short, told: "-cipher DEFAULT:@SECLEVEL=0", finds: "cert-weak-key"},
	{what: "a certificate for clients", chain: clients, finds: "cert-usage"},
	{what: "pre-shared keys alone", told: "-tls1_2 -nocert -cipher PSK-AES128-GCM-SHA256 -psk 5a5a5a5a -psk_identity somebody", finds: "no-common-suite", trigger: "suite=TLS_PSK_WITH_AES_128_GCM_SHA256"},
	{what: "HTTP/2 alone", told: "-alpn h2", client: speaking("http/1.1"), finds: "alpn-mismatch", trigger: "alpn=\"h2\""},
	{what: "a name that it does not know", told: "-servername elsewhere.interop.example -servername_fatal -cert2 <cert> -key2 <key>", finds: "name-unknown"},
}

var gnutlsTroubles = []trouble{
	{what: "nothing is wrong", told: "--disable-client-cert", finds: "nothing-wrong"},
	{what: "RSA key transport alone", key: pki.RSA2048, told: "--disable-client-cert --priority NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+RSA:-CIPHER-ALL:+AES-128-GCM", finds: "no-common-suite", trigger: "suite=TLS_RSA_WITH_AES_128_GCM_SHA256"},
	{what: "DHE alone, for Chromium", key: pki.RSA2048, told: "--disable-client-cert --priority NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+DHE-RSA:-CIPHER-ALL:+AES-128-GCM", client: like("chromium"), finds: "no-common-suite", trigger: "suite=TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"},
	{what: "TLS 1.1 alone", told: "--disable-client-cert --priority NORMAL:-VERS-ALL:+VERS-TLS1.1", finds: "no-common-version", trigger: with11},
	{what: "TLS 1.3 alone, for a client of 1.2", told: "--disable-client-cert --priority NORMAL:-VERS-ALL:+VERS-TLS1.3", client: until12, finds: "no-common-version", trigger: with13},
	{what: "P-521 alone", key: pki.RSA2048, told: "--disable-client-cert --priority NORMAL:-GROUP-ALL:+GROUP-SECP521R1", client: twoCurves, finds: "no-common-group", trigger: "group=secp521r1"},
	{what: "ffdhe2048 alone, TLS 1.3", told: "--disable-client-cert --priority NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-FFDHE2048", finds: "no-common-group", trigger: "group=ffdhe2048"},
	{what: "X448 alone, TLS 1.3", told: "--disable-client-cert --priority NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-X448", finds: "no-common-group", trigger: "group=x448"},
	{what: "Camellia alone", told: "--disable-client-cert --priority NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+CAMELLIA-128-GCM", finds: "no-common-suite", trigger: "suite=TLS_ECDHE_ECDSA_WITH_CAMELLIA_128_GCM_SHA256"},
	{what: "RC4 alone", key: pki.RSA2048, told: "--disable-client-cert --priority NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+ECDHE-RSA:-CIPHER-ALL:+ARCFOUR-128", finds: "no-common-suite", trigger: "suite=TLS_ECDHE_RSA_WITH_RC4_128_SHA"},
	{what: "ChaCha20 alone, for a client with AES-128", told: "--disable-client-cert --priority NORMAL:-CIPHER-ALL:+CHACHA20-POLY1305", client: aes128, finds: "no-common-suite", trigger: "suite=TLS_CHACHA20_POLY1305_SHA256"},
	{what: "signatures with SHA-512 alone", key: pki.RSA2048, told: "--disable-client-cert --priority NORMAL:-SIGN-ALL:+SIGN-RSA-PSS-RSAE-SHA512", client: rsa256, finds: "no-common-sigalg", trigger: "sigalg=rsa_pss_rsae_sha512"},
	{what: "a client certificate required, TLS 1.2", told: "--require-client-cert --x509cafile <ca> --priority NORMAL:-VERS-ALL:+VERS-TLS1.2", finds: "client-cert-required"},
	{what: "a client certificate required, TLS 1.3", told: "--require-client-cert --x509cafile <ca>", finds: "client-cert-required"},
	{what: "a client certificate of another authority", told: "--require-client-cert --verify-client-cert --x509cafile <ca>", client: showing(strange), finds: "client-cert-wrong-ca"},
	{what: "a client certificate asked for", told: "--x509cafile <ca>", finds: "nothing-wrong", notices: "asks for a client certificate"},
	{what: "expired", told: "--disable-client-cert", chain: expired, finds: "cert-expired"},
	{what: "the intermediate is missing", told: "--disable-client-cert", chain: alone, finds: "cert-missing-intermediate"},
	{what: "HTTP/2 alone", told: "--disable-client-cert --alpn h2 --alpn-fatal", client: speaking("http/1.1"), finds: "alpn-mismatch", trigger: "alpn=\"h2\""},
	{what: "a name that it does not know", told: "--disable-client-cert --sni-hostname elsewhere.interop.example --sni-hostname-fatal", finds: "name-unknown"},
}

var nginxTroubles = []trouble{
	{what: "nothing is wrong", finds: "nothing-wrong"},
	{what: "TLS 1.3 alone, for a client of 1.2", told: "ssl_protocols TLSv1.3;", client: until12, finds: "no-common-version", trigger: with13},
	{what: "TLS 1.1 alone", told: "ssl_protocols TLSv1.1; ssl_ciphers ALL:@SECLEVEL=0;", finds: "no-common-version", trigger: with11},
	{what: "RSA key transport alone", key: pki.RSA2048, told: "ssl_protocols TLSv1.2; ssl_ciphers AES128-SHA;", finds: "no-common-suite", trigger: "suite=TLS_RSA_WITH_AES_128_CBC_SHA"},
	{what: "P-521 alone", key: pki.RSA2048, told: "ssl_protocols TLSv1.2 TLSv1.3; ssl_ecdh_curve secp521r1;", client: twoCurves, finds: "no-common-group", trigger: "group=secp521r1"},
	{what: "a client certificate required, by HTTP", told: "ssl_verify_client on; ssl_client_certificate <ca>;", finds: "client-cert-required"},
	{what: "expired", chain: expired, finds: "cert-expired"},
	{what: "the wrong name", chain: elsewhere, finds: "cert-wrong-name"},
	{what: "the intermediate is missing", chain: alone, finds: "cert-missing-intermediate"},
	{what: "the chain is reversed", chain: reversed, finds: "chain-reversed"},
	{what: "a protocol that HTTP is not", told: "", client: speaking("acme-tls/1"), finds: "alpn-mismatch", trigger: "alpn=\"http/1.1\""},
	{what: "the PROXY protocol", told: "server { listen 127.0.0.1:<port> ssl proxy_protocol; ssl_certificate <cert>; ssl_certificate_key <key>; }", finds: "proxy-protocol"},
	{what: "plain HTTP", told: "server { listen 127.0.0.1:<port>; }", finds: "plain-http"},
	{what: "a name that it does not know", told: twoServers("ssl_reject_handshake on;"), client: called("elsewhere.interop.example"), finds: "name-unknown"},
	{what: "a client without a name", told: twoServers("ssl_reject_handshake on;"), client: called("127.0.0.1"), finds: "sni-required"},
	{what: "a client without a name, another one's certificate", chain: elsewhere, told: twoServers("ssl_certificate <cert>; ssl_certificate_key <key>; return 444;"), client: called("127.0.0.1"), finds: "sni-required"},
}

// twoServers are one for localhost, and one that is told something for all others.
func twoServers(told string) string {
	return "server { listen 127.0.0.1:<port> ssl default_server; " + told + " } " +
		"server { listen 127.0.0.1:<port> ssl; server_name localhost; ssl_certificate <good>; ssl_certificate_key <good key>; }"
}

var javaTroubles = []trouble{
	{what: "nothing is wrong", finds: "nothing-wrong"},
	{what: "TLS 1.2 alone, for a client of 1.3", told: "version=TLSv1.2", client: from13, finds: "no-common-version", trigger: with12},
	{what: "TLS 1.3 alone, for a client of 1.2", told: "version=TLSv1.3", client: until12, finds: "no-common-version", trigger: with13},
	{what: "TLS 1.1 alone", told: "-Dinterop.weak=true version=TLSv1.1", finds: "no-common-version", trigger: with11},
	{what: "RSA key transport alone", key: pki.RSA2048, told: "version=TLSv1.2 suite=TLS_RSA_WITH_AES_128_GCM_SHA256", finds: "no-common-suite", trigger: "suite=TLS_RSA_WITH_AES_128_GCM_SHA256"},
	{what: "ChaCha20 alone, for a client with AES-128", told: "version=TLSv1.3 suite=TLS_CHACHA20_POLY1305_SHA256", client: aes128, finds: "no-common-suite", trigger: "suite=TLS_CHACHA20_POLY1305_SHA256"},
	{what: "a certificate on a curve that its groups lack", told: "version=TLSv1.2 -Djdk.tls.namedGroups=secp521r1", finds: "refuses-all"},
	{what: "P-521 alone", key: pki.RSA2048, told: "-Djdk.tls.namedGroups=secp521r1", client: twoCurves, finds: "no-common-group", trigger: "group=secp521r1"},
	{what: "signatures with SHA-512 alone", key: pki.RSA2048, told: "-Djdk.tls.server.SignatureSchemes=rsa_pss_rsae_sha512", client: rsa256, finds: "no-common-sigalg", trigger: "sigalg=rsa_pss_rsae_sha512"},
	{what: "an RSA key, and no signature algorithm for it", key: pki.RSA2048, told: "version=TLSv1.3 -Djdk.tls.server.SignatureSchemes=ecdsa_secp256r1_sha256", finds: "no-certificate"},
	{what: "a client certificate required, TLS 1.2", told: "version=TLSv1.2 ask=require verify=yes", finds: "client-cert-required"},
	{what: "a client certificate required, TLS 1.3", told: "version=TLSv1.3 ask=require verify=yes", finds: "client-cert-required"},
	{what: "a client certificate of another authority", told: "ask=require verify=yes", client: showing(strange), finds: "client-cert-wrong-ca"},
	{what: "a client certificate that has expired", told: "ask=require verify=yes", client: showing(expired), finds: "client-cert-refused"},
	{what: "expired", chain: expired, finds: "cert-expired"},
	{what: "the wrong name", chain: elsewhere, finds: "cert-wrong-name"},
	{what: "HTTP/2 alone", told: "alpn=h2", client: speaking("http/1.1"), finds: "alpn-mismatch", trigger: "alpn=\"h2\""},
	{what: "a name that its SNIMatcher refuses", told: `sni=elsewhere\.interop\.example`, finds: "name-unknown"},
}

var nodeTroubles = []trouble{
	{what: "nothing is wrong", finds: "nothing-wrong"},
	{what: "TLS 1.2 alone, for a client of 1.3", told: "version=TLSv1.2", client: from13, finds: "no-common-version", trigger: with12},
	{what: "TLS 1.3 alone, for a client of 1.2", told: "version=TLSv1.3", client: until12, finds: "no-common-version", trigger: with13},
	{what: "TLS 1.1 alone", told: "version=TLSv1.1 suite=ALL:@SECLEVEL=0", finds: "no-common-version", trigger: with11},
	{what: "RSA key transport alone", key: pki.RSA2048, told: "version=TLSv1.2 suite=AES128-GCM-SHA256", finds: "no-common-suite", trigger: "suite=TLS_RSA_WITH_AES_128_GCM_SHA256"},
	{what: "P-521 alone, for Chromium", key: pki.RSA2048, told: "groups=P-521", client: like("chromium"), finds: "no-common-group", trigger: "group=secp521r1"},
	{what: "signatures with SHA-512 alone", key: pki.RSA2048, told: "sigalgs=rsa_pss_rsae_sha512", client: rsa256, finds: "no-common-sigalg", trigger: "sigalg=rsa_pss_rsae_sha512"},
	{what: "a client certificate required, TLS 1.2", told: "version=TLSv1.2 ask=require verify=yes", finds: "client-cert-required"},
	{what: "a client certificate required, TLS 1.3", told: "version=TLSv1.3 ask=require verify=yes", finds: "client-cert-required"},
	{what: "a client certificate of another authority", told: "ask=require verify=yes", client: showing(strange), finds: "client-cert-wrong-ca"},
	{what: "expired", chain: expired, finds: "cert-expired"},
	{what: "the wrong name", chain: elsewhere, finds: "cert-wrong-name"},
	{what: "the intermediate is missing", chain: alone, finds: "cert-missing-intermediate"},
	{what: "HTTP/2 alone", told: "alpn=h2", client: speaking("http/1.1"), finds: "alpn-mismatch", trigger: "alpn=\"h2\""},
	{what: "an SNICallback that fails", told: "sni=elsewhere.interop.example", finds: "name-unknown", trigger: "extension=server_name"},
}
