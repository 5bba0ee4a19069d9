package diagnose

import (
	"slices"
	"strings"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// A Party is who has to change something.
type Party string

const (
	Server  Party = "the server"
	Client  Party = "the client"
	Path    Party = "the network between"
	Machine Party = "this machine"
	Nobody  Party = "nobody"
)

// A Cause is one reason for which handshakes fail.
type Cause struct {
	ID    string `json:"id"`              // stable, kebab-case; that of the fault.Rule where there is one
	Text  string `json:"text"`            // what is wrong, a plain sentence
	Tell  string `json:"tell"`            // what tells it from other causes of the same error
	Who   Party  `json:"who"`             // who should change something
	Fix   string `json:"fix"`             // what
	Lines []Line `json:"lines,omitempty"` // how, in the words of the software
}

// A Line is a piece of some software's configuration or use.
type Line struct {
	For  string `json:"for"`  // "nginx", "Apache", "HAProxy", "Go", "Java", "OpenSSL", "curl"
	Text string `json:"text"` // to be copied
}

// CauseByID is the catalogue's entry, or nil.
func CauseByID(id string) *Cause {
	for i := range causes {
		if causes[i].ID == id {
			return &causes[i]
		}
	}
	return nil
}

// Causes is the whole catalogue.
func Causes() []Cause { return append([]Cause(nil), causes...) }

// of is the cause that a rule of the fault catalogue already words.
func of(r *fault.Rule, who Party, tell string, l ...Line) Cause {
	return Cause{r.ID, ofServer(r.Text), tell, who, ofServer(r.Hint), l}
}

// ofServer is a text of the fault catalogue, where the peer is a server.
func ofServer(text string) string {
	return strings.NewReplacer("The peer", "The server", "the peer", "the server").Replace(text)
}

func lines(pairs ...string) (l []Line) {
	for i := 0; i < len(pairs); i += 2 {
		l = append(l, Line{pairs[i], pairs[i+1]})
	}
	return l
}

var (
	serveFullChain = lines(
		"nginx", "ssl_certificate /path/fullchain.pem;  # leaf first, then the intermediates",
		"Apache", "SSLCertificateFile /path/fullchain.pem",
		"HAProxy", "bind :443 ssl crt /path/chain-and-key.pem",
		"Go", `tls.LoadX509KeyPair("fullchain.pem", "key.pem")`,
		"Java", "keytool -importcert -trustcacerts -alias server -file fullchain.p7b -keystore keys.p12")
	reloadServer = lines(
		"nginx", "nginx -s reload",
		"Apache", "apachectl graceful",
		"HAProxy", "systemctl reload haproxy")
	trustAuthority = lines(
		"curl", "curl --cacert authority.pem https://HOST/",
		"OpenSSL", "openssl s_client -connect HOST:443 -CAfile authority.pem",
		"Go", "cfg.RootCAs.AppendCertsFromPEM(authority)",
		"Java", "keytool -importcert -cacerts -alias authority -file authority.pem",
		"Node", "NODE_EXTRA_CA_CERTS=authority.pem node app.js",
		"Python", "ssl.create_default_context(cafile=\"authority.pem\")")
	showCertificate = lines(
		"curl", "curl --cert me.pem --key me.key https://HOST/",
		"OpenSSL", "openssl s_client -connect HOST:443 -cert me.pem -key me.key",
		"Go", "cfg.Certificates = []tls.Certificate{me}",
		"Java", "-Djavax.net.ssl.keyStore=me.p12 -Djavax.net.ssl.keyStorePassword=…")
	someVersions = lines(
		"nginx", "ssl_protocols TLSv1.2 TLSv1.3;",
		"Apache", "SSLProtocol -all +TLSv1.2 +TLSv1.3",
		"HAProxy", "bind :443 ssl crt … ssl-min-ver TLSv1.2",
		"Go", "cfg.MinVersion = tls.VersionTLS12",
		"Java", "-Djdk.tls.server.protocols=TLSv1.3,TLSv1.2",
		"OpenSSL", "MinProtocol = TLSv1.2")
	newVersions = lines(
		"Go", "cfg.MaxVersion = 0  // the newest that Go knows",
		"OpenSSL", "MaxProtocol = TLSv1.3",
		"Java", "-Djdk.tls.client.protocols=TLSv1.3,TLSv1.2",
		"Node", "node --tls-max-v1.3 app.js",
		"Python", "context.maximum_version = ssl.TLSVersion.MAXIMUM_SUPPORTED",
		"curl", "curl --tls-max 1.3 …",
		"nginx", "ssl_protocols TLSv1.2 TLSv1.3;")
	commonSuites = lines(
		"nginx", "ssl_ciphers ECDHE+AESGCM:ECDHE+CHACHA20;",
		"Apache", "SSLCipherSuite ECDHE+AESGCM:ECDHE+CHACHA20",
		"HAProxy", "bind :443 ssl crt … ciphers ECDHE+AESGCM:ECDHE+CHACHA20",
		"Java", "-Djdk.tls.server.cipherSuites=TLS_AES_128_GCM_SHA256,TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
		"OpenSSL", "CipherString = ECDHE+AESGCM:ECDHE+CHACHA20")
	// Those of TLS 1.3 are named apart, but for Java.
	newSuites = lines(
		"nginx", "ssl_conf_command Ciphersuites "+suites13+";",
		"Apache", "SSLCipherSuite TLSv1.3 "+suites13,
		"HAProxy", "bind :443 ssl crt … ciphersuites "+suites13,
		"Java", "-Djdk.tls.server.cipherSuites="+strings.ReplaceAll(suites13, ":", ","),
		"OpenSSL", "Ciphersuites = "+suites13)
	commonGroups = lines(
		"nginx", "ssl_ecdh_curve X25519:prime256v1;",
		"Apache", "SSLOpenSSLConfCmd Groups X25519:P-256",
		"HAProxy", "bind :443 ssl crt … curves X25519:P-256",
		"Go", "cfg.CurvePreferences = nil  // all that Go knows",
		"Java", "-Djdk.tls.namedGroups=x25519,secp256r1",
		"OpenSSL", "Groups = X25519:P-256")
	longModulus = slices.Concat(commonSuites, []Line{
		{"nginx", "ssl_dhparam /path/ffdhe2048.pem;"},
		{"HAProxy", "tune.ssl.default-dh-param 2048"},
		{"Java", "-Djdk.tls.ephemeralDHKeySize=2048"}})
	fewerOf = map[kind][]Line{
		version: lines(
			"Go", "cfg.MaxVersion = tls.VersionTLS12",
			"OpenSSL", "MaxProtocol = TLSv1.2",
			"Java", "-Djdk.tls.client.protocols=TLSv1.2",
			"Node", "node --tls-max-v1.2 app.js",
			"Python", "context.maximum_version = ssl.TLSVersion.TLSv1_2",
			"curl", "curl --tls-max 1.2 …"),
		group: shortHello,
		share: shortHello,
		cipher: lines(
			"Go", "cfg.CipherSuites = …  // those of TLS 1.2; those of 1.3 are fixed",
			"OpenSSL", "CipherString = …  and  Ciphersuites = …",
			"Java", "-Djdk.tls.client.cipherSuites=TLS_AES_128_GCM_SHA256,…",
			"curl", "curl --ciphers … --tls13-ciphers …"),
		sigalg: lines(
			"OpenSSL", "SignatureAlgorithms = ECDSA+SHA256:RSA-PSS+SHA256:RSA+SHA256",
			"Java", "-Djdk.tls.client.SignatureSchemes=ecdsa_secp256r1_sha256,rsa_pss_rsae_sha256,…"),
		protocol: lines(
			"Go", "cfg.NextProtos = nil",
			"curl", "curl --no-alpn …"),
	}
	shortHello = lines(
		"Go", "GODEBUG=tlsmlkem=0  // X25519MLKEM768 off",
		"OpenSSL", "Groups = X25519:P-256",
		"Java", "-Djdk.tls.namedGroups=x25519,secp256r1",
		"curl", "curl --curves X25519 …")
	commonProtocols = lines(
		"nginx", "listen 443 ssl http2;  # since 1.25.1: listen 443 ssl; http2 on;",
		"Apache", "Protocols h2 http/1.1",
		"HAProxy", "bind :443 ssl crt … alpn h2,http/1.1",
		"Go", `cfg.NextProtos = []string{"h2", "http/1.1"}`,
		"curl", "curl --http1.1 …  or  curl --http2 …")
)

const suites13 = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"

// signWith are how servers are told which signature algorithms to sign with.
func signWith(schemes []iana.SignatureScheme) []Line {
	var names []string
	for _, s := range schemes {
		names = append(names, s.String())
	}
	list := strings.Join(names, ":")
	return lines(
		"nginx", "ssl_conf_command SignatureAlgorithms "+list+";",
		"Apache", "SSLOpenSSLConfCmd SignatureAlgorithms "+list,
		"Java", "-Djdk.tls.server.SignatureSchemes="+strings.Join(names, ","),
		"OpenSSL", "SignatureAlgorithms = "+list)
}

// The catalogue. What stands first is told first when several causes are possible.
var causes = []Cause{
	// The server's certificate.
	of(fault.CertExpired, Server, "The notAfter of the first certificate that the server sends has passed, and a trusted clock agrees: openssl s_client -connect HOST:443 | openssl x509 -noout -dates.", reloadServer...),
	of(fault.CertChainExpired, Server, "The first certificate is still valid; one further up, as openssl s_client -showcerts prints it, is not.", serveFullChain...),
	of(fault.CertNotYetValid, Server, "The notBefore of a certificate lies in the future by a trusted clock.", reloadServer...),
	{"local-clock", "The clock of this machine is wrong.", "The certificates of unrelated sites seem expired or not yet valid too, or the Date header of any web server differs from date -u by more than minutes.",
		Machine, "Set the clock, and keep it right by NTP.", lines("Linux", "timedatectl set-ntp true")},
	of(fault.CertMissingIntermediate, Server, "The last certificate that the server sends is not issued by a root; fetched from the address in its Authority Information Access, the issuer's certificate completes the chain. Browsers may succeed, since they keep or fetch such certificates.", serveFullChain...),
	of(fault.CertUnknownIssuer, Client, "No address for a missing certificate is given, and no known root has the issuer's name: it is a private authority's, or one that this trust store lacks.", trustAuthority...),
	of(fault.CertUnknownRoot, Client, "The server sends the root itself, and the trust store does not have it. If unrelated sites show the same root, a proxy or virus scanner intercepts TLS.", trustAuthority...),
	{"interception", "Something between this machine and the server ends TLS and begins it anew with certificates of its own: a proxy, a virus scanner, a captive portal.", "Unrelated sites show certificates of one and the same issuer, or another network shows another certificate.",
		Machine, "Have the administrator give you the authority's certificate and trust it, or leave the network.", trustAuthority},
	{fault.CertSelfSigned.ID, ofServer(fault.CertSelfSigned.Text), "The server sends one certificate whose issuer and subject are the same.",
		Server, "Get a certificate from an authority that clients trust; or have each client trust exactly this one.", trustAuthority},
	of(fault.CertOtherAuthority, Server, "A root of the issuer's name is trusted, and its key does not fit the signature.", serveFullChain...),
	of(fault.CertWrongName, Server, "The names in the certificate (subjectAltName) do not hold the one that was asked for, however the server is asked.", lines(
		"nginx", "server_name NAME;  ssl_certificate /path/of/NAME.pem;", "Apache", "ServerName NAME", "HAProxy", "bind :443 ssl crt /directory/of/certificates/")...),
	of(fault.CertNoSAN, Server, "openssl x509 -noout -ext subjectAltName prints nothing. Go and browsers refuse this; curl, OpenSSL, Java, Node, Python and GnuTLS still take the common name.", lines(
		"OpenSSL", "openssl req -new -key key.pem -subj /CN=NAME -addext subjectAltName=DNS:NAME")...),
	of(fault.CertUsage, Server, "openssl x509 -noout -ext extendedKeyUsage lacks TLS Web Server Authentication.", lines("OpenSSL", "extendedKeyUsage = serverAuth")...),
	of(fault.CertKeyUsage, Server, "openssl x509 -noout -ext keyUsage lacks Digital Signature.", lines("OpenSSL", "keyUsage = digitalSignature")...),
	of(fault.CertNotCA, Server, "A certificate that signed another lacks CA:TRUE or keyCertSign.", lines("OpenSSL", "basicConstraints = critical, CA:TRUE\nkeyUsage = critical, keyCertSign, cRLSign")...),
	of(fault.CertPathLength, Server, "An authority's pathLenConstraint is smaller than the number of authorities below it.", lines("OpenSSL", "basicConstraints = critical, CA:TRUE, pathlen:1")...),
	of(fault.CertNameConstraint, Server, "An authority's nameConstraints leave the name out.", lines("OpenSSL", "nameConstraints = critical, permitted;DNS:NAME")...),
	of(fault.CertWeakKey, Server, "The RSA key of a certificate is shorter than 2048 bits. OpenSSL refuses it by its security level, which other programs lack.", lines("OpenSSL", "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256")...),
	of(fault.CertWeakSignature, Server, "A certificate other than the root is signed with SHA-1 or MD5.", lines("OpenSSL", "openssl x509 -req -sha256 -CA authority.pem …")...),
	of(fault.CertBadSignature, Server, "An intermediate certificate has the name of the issuer, and not its key.", serveFullChain...),
	of(fault.CertCriticalExtension, Server, "A certificate has a critical extension that nobody here knows."),
	of(fault.CertPolicy, Server, "An authority's policyConstraints demand a certificate policy that the leaf lacks."),
	of(fault.CertUnparsable, Server, "openssl x509 -noout -text fails on what the server sends."),
	of(fault.CertRejected, Server, "None of the usual reasons holds, and the verifier refuses the chain."),
	of(fault.CertNoSystemRoots, Machine, "Every certificate of every site is refused.", lines("Debian", "apt-get install ca-certificates")...),
	{"cert-revoked", "The server's certificate was revoked by its issuer.", "The issuer's OCSP responder or revocation list has its serial number.",
		Server, "Replace certificate and key.", reloadServer},
	{"revocation-unknown", "The client insists on knowing whether the certificate was revoked, and could not find out.", "The client's machine can't reach the address that the certificate names for that (openssl x509 -noout -ext crlDistributionPoints,authorityInfoAccess), or the certificate names none, as those of a proxy that ends TLS often do.",
		Machine, "Let that machine reach the address; have a private authority publish a list.", lines("curl", "curl --ssl-revoke-best-effort …  # on Windows")},
	{"key-mismatch", "The server signs with a key that does not belong to the certificate it sends.", "The signature of the handshake does not verify under the key in the certificate; the public keys of certificate and key file differ. With several servers behind one name it is perhaps one of them.",
		Server, "Deploy certificate and key as a pair, on every node.", lines("OpenSSL", "openssl x509 -in cert.pem -noout -pubkey | cmp - <(openssl pkey -in key.pem -pubout)")},
	{"chain-reversed", "The server sends its certificates in the wrong order, or with some that do not belong to the chain.", "Some certificate is not signed by the one after it (openssl s_client -showcerts). Nearly every client copes.",
		Server, "Put the leaf first, then each certificate's issuer.", serveFullChain},
	{"ocsp-bad", "The OCSP answer that the server staples is out of date, damaged, or missing although the certificate demands one.", "Without stapling, or with a client that does not look at it, the handshake works.",
		Server, "Have the server fetch a new answer.", lines("nginx", "ssl_stapling on; ssl_stapling_verify on;", "Apache", "SSLUseStapling on")},

	// The client's certificate.
	{"client-cert-required", "The server wants a client certificate, and the client has shown none.", "The server sends a CertificateRequest, and fails after the client's empty Certificate; in TLS 1.3 only after the client's handshake is complete.",
		Client, "Give the client a certificate from one of the authorities that the server names.", showCertificate},
	{"client-cert-refused", "The server does not take the client's certificate.", "With another certificate, or none if it is optional, the server goes on; its log says what it dislikes.",
		Client, "Check dates, purpose (clientAuth) and key of the client certificate, and send its intermediates with it.", showCertificate},
	{"client-cert-wrong-ca", "The client's certificate is not from an authority that the server trusts.", "Its issuer is not among the names in the server's CertificateRequest, or the intermediate between was not sent.",
		Client, "Get a certificate from an authority that the server names, or have the server trust the issuer.", lines(
			"nginx", "ssl_client_certificate /path/clients-ca.pem;", "Apache", "SSLCACertificateFile /path/clients-ca.pem", "HAProxy", "bind :443 ssl crt … ca-file /path/clients-ca.pem", "Go", "cfg.ClientCAs.AppendCertsFromPEM(authority)")},

	// Nothing in common.
	{"no-common-version", "The client and the server have no version of TLS in common.", "With other versions offered the server goes on (openssl s_client -tls1_2, -tls1_3).",
		Server, "Have the older side speak TLS 1.2 or 1.3.", someVersions},
	{"no-common-suite", "The client and the server have no cipher suite in common.", "With all suites offered (openssl s_client -cipher ALL:@SECLEVEL=0) the server goes on, and chooses one that the client lacks.",
		Server, "Enable ECDHE with AES-GCM or ChaCha20-Poly1305, and a certificate of the kind that the suites want.", commonSuites},
	{"no-common-group", "The client and the server have no key-exchange group in common.", "With all groups offered (openssl s_client -groups …) the server goes on.",
		Server, "Enable x25519 and secp256r1 beside any other group.", commonGroups},
	{"no-common-sigalg", "The server's certificate has a kind of key, or a signature, that the client does not take.", "With all signature algorithms offered (openssl s_client -sigalgs …) the server goes on.",
		Server, "Have the server sign with what the client takes: with other signature algorithms, or with a second certificate, for an ECDSA P-256 or an RSA key.", lines(
			"nginx", "ssl_certificate /path/ecdsa.pem; ssl_certificate_key /path/ecdsa.key; ssl_certificate /path/rsa.pem; ssl_certificate_key /path/rsa.key;",
			"Apache", "SSLCertificateFile /path/ecdsa.pem\nSSLCertificateKeyFile /path/ecdsa.key\nSSLCertificateFile /path/rsa.pem\nSSLCertificateKeyFile /path/rsa.key",
			"HAProxy", "bind :443 ssl crt /path/site.pem  # which are site.pem.ecdsa and site.pem.rsa",
			"Java", "keytool -genkeypair -keyalg EC -groupname secp256r1 …",
			"OpenSSL", "SignatureAlgorithms = ECDSA+SHA256:RSA-PSS+SHA256:RSA+SHA256")},
	{"alpn-mismatch", "The client and the server have no application protocol in common.", "With another --alpn, or with none, the server goes on.",
		Server, "Offer h2 and http/1.1 on both sides.", commonProtocols},
	{"weak-parameters", "One side demands stronger parameters than the other has: the security level of OpenSSL, a short Diffie-Hellman modulus, SHA-1 in TLS 1.0 and 1.1.", "With the client's level lowered for a test (openssl s_client -cipher DEFAULT@SECLEVEL=0) it goes on.",
		Server, "Speak TLS 1.2 or 1.3 with ECDHE and a key of 2048 bits or more.", someVersions},
	{"legacy-renegotiation", "The server does not know secure renegotiation (RFC 5746), and OpenSSL 3 refuses such servers; Go and Java do not mind.", "The ServerHello lacks renegotiation_info although the client offered it.",
		Server, "Update the server or the appliance in front of it.", lines("OpenSSL", "Options = UnsafeLegacyServerConnect  # for a test only")},
	{"fallback", "The client tried again with an older version than the server speaks, and said so (TLS_FALLBACK_SCSV): something broke its first try, or somebody forces a downgrade.", "Without the fallback, the newest version works, or fails with the real reason.",
		Path, "Find out what breaks the first handshake.", nil},

	// Names.
	{"sni-required", "The server wants to be told which host the client means (server_name, SNI).", "With the name it works, without it does not. Java names no host without a dot, and nobody names an IP address.",
		Client, "Connect by the server's name.", lines("OpenSSL", "openssl s_client -connect HOST:443 -servername NAME", "curl", "curl --connect-to ::ADDRESS: https://NAME/", "Go", `cfg.ServerName = "NAME"`)},
	{"name-unknown", "The server has nothing under the name that the client asked for.", "Without a name, or with one that the server knows, it goes on.",
		Server, "Add the name to the server, or correct it in the client or in DNS.", lines("nginx", "server_name NAME;", "Apache", "ServerAlias NAME", "HAProxy", "bind :443 ssl crt /directory/ (without strict-sni)")},

	// What dislikes the hello.
	{"hello-content", "The server, or a device before it, refuses a ClientHello for something in it that it should ignore.", "Of two hellos that differ in this one thing, one passes and the other does not.",
		Path, "Have the device updated or told to let it pass; until then do not offer it.", nil},
	{"hello-length", "The server, or a device before it, refuses a ClientHello above a certain length.", "The same hello filled up with padding passes below the limit and not above it.",
		Path, "Have the device updated; until then offer no post-quantum groups, whose key shares make the hello long.", shortHello},
	{"hello-split", "The server, or a device before it, does not understand a ClientHello that arrives in more than one TCP segment.", "The same hello passes in one segment and not in two.",
		Path, "Have the device updated; until then keep the hello in one packet: no post-quantum groups.", shortHello},
	{"record-split", "The server, or a device before it, does not understand a ClientHello that is cut into more than one TLS record.", "The same hello passes in one record and not in two (RFC 9846, Section 5.1 allows both).",
		Path, "Have the device updated; until then have the client send its hello in one record.", lines("OpenSSL", "SSL_CTX_set_max_send_fragment(ctx, 16384)")},

	{"hello-lacks", "The server goes on only with a ClientHello that has something which this client does not send.", "The same hello with the thing added passes.",
		Server, "Have the server do without, or use a client that sends it.", nil},

	// What is no TLS.
	{"plain-http", "The port speaks plain HTTP, not TLS.", "The first bytes of the answer are HTTP/; http://HOST:PORT/ works.",
		Client, "Use the port of HTTPS (443), or http:// for this one, or turn TLS on in the server.", lines("nginx", "listen 443 ssl;", "Apache", "SSLEngine on", "HAProxy", "bind :443 ssl crt /path/chain-and-key.pem")},
	{"plain-text", "The port speaks another protocol in the clear, in which TLS begins only when asked for, or never.", "The server greets first, before any byte of the client (nc HOST PORT).",
		Client, "Ask for TLS in that protocol (STARTTLS), or use the port where TLS begins at once.", upgrades("smtp", "HOST:25")},
	{"proxy-protocol", "The server expects a line of the PROXY protocol before TLS, as a balancer in front of it sends.", "With such a line before the ClientHello the handshake goes on.",
		Client, "Connect through the balancer, or have the port opened without the PROXY protocol.", lines("nginx", "listen 443 ssl;  # without proxy_protocol", "Apache", "RemoteIPProxyProtocol Off", "HAProxy", "bind :443 ssl crt …  # without accept-proxy", "curl", "curl --haproxy-protocol https://HOST/")},
	{"not-tls", "What the port answers is not TLS, nor any other protocol that is known here.", "The first bytes of the answer are neither a TLS record nor a greeting.",
		Client, "Check the port, and whether a proxy in between wants something first (CONNECT, the PROXY protocol).", nil},

	// What gives no reason.
	{"closed", "The server closes the connection without a word.", "Nothing changes that: name, version, length of the hello. Then it is an allow-list, a balancer without servers behind it, or a crash; the server's log says which.",
		Server, "Look at the log of the server and of what stands before it.", nil},
	{"reset", "The connection is reset, by the server or by a device before it.", "If another hello passes, it is hello-content or hello-length; if nothing does, a firewall or a program that is not there.",
		Path, "Look at the firewalls on the path and at the server's log.", nil},
	{"silent", "Nobody answers the ClientHello.", "If a short hello is answered, packets are lost or long hellos dropped (MTU); if nothing is, the port waits for something else, or the server hangs.",
		Path, "Check the port, the path's MTU and the server's log.", nil},
	{"server-internal", "Something fails inside the server.", "Perhaps only for some names, protocols or versions; its log knows.",
		Server, "Look at the server's log at the time of the connection.", nil},
	{"refuses-all", "The server refuses every ClientHello that we can make, always with the same alert.", "Nothing that is changed in the hello changes the answer.",
		Server, "Look at the server's log at the time of the connection.", nil},
	{"no-certificate", "The server agrees on everything, and has no certificate to show: none with a private key, or none of a kind, on a curve or for a signature algorithm that it allows itself.", "In TLS 1.3 the alert handshake_failure comes where the certificate would stand, whichever signature algorithms the client offers. The server's log says it (Java: No available authentication scheme).",
		Server, "Give the server the private key and the certificate, not the certificate alone, and see whether it has turned off that kind of key.", lines("Java", "keytool -list -keystore keys.p12  # must say PrivateKeyEntry")},
	{"breaks-off", "The server takes the ClientHello, and ends the connection at a later step, always the same, whatever the hello says.", "The last message before the end tells the step; the server's log tells why.",
		Server, "Look at the server's log at the time of the connection.", nil},
	{"parts-at-once", "The handshake works, and then the server takes its leave at once, before the client has said a word.", "Its close_notify, which is how a connection properly ends, comes with no data before it. TLS did its part: what ends it is the program above.",
		Server, "Look at the log of the program that TLS is to carry: whether it is there, whom it lets in, and which protocol it expects (--alpn).", nil},
	of(fault.StartTLSRefused, Server, "The server's answer to the request for TLS says so."),
	of(fault.StartTLSUnexpected, Client, "Without --starttls the handshake goes on, if TLS begins at once on this port."),
	of(fault.StartTLSTooLong, Server, "The greeting goes on and on (nc HOST PORT)."),
	of(fault.StartTLSClosed, Client, "Without --starttls the handshake goes on, if TLS begins at once on this port."),
	of(fault.StartTLSSilent, Client, "Without --starttls the handshake goes on, if TLS begins at once on this port."),
	{"broken-peer", "One of the two sides breaks the protocol.", "Another client against the same server, or another server with the same client, shows which.",
		Server, "Update the software that is at fault, and report it.", nil},
	{"psk-unknown", "The server does not know the pre-shared key that the client names.", "Without pre-shared keys the handshake goes on.",
		Client, "Check identity and key on both sides.", lines("OpenSSL", "openssl s_client -psk_identity NAME -psk HEX …")},
	{"ech-stale", "The client insists on Encrypted ClientHello, and the server no longer has the key that the client used.", "Without ECH, or with the key that the HTTPS record in DNS has now, it goes on.",
		Client, "Fetch the HTTPS record again, or turn ECH off.", nil},
	{"user-canceled", "The other side broke off the handshake on purpose, perhaps because a person said so.", "It does not happen again, or always at the same prompt.", Nobody, "Try again.", nil},

	// The server is not one server, or not always there.
	{"dns-failed", "The name has no address.", "getent hosts NAME prints nothing.", Machine, "Correct the name, or the DNS server that this machine asks.", nil},
	{"refused", "Nothing listens on the port.", "TCP itself is refused, before TLS.", Server, "Start the server, and have it listen on this address and port.", nil},
	{"unreachable", "There is no way to the address from here, or nobody answers TCP.", "Another address of the name, or another network, works.", Path, "Check routes, VPN and firewalls.", nil},
	{"nodes-differ", "Several servers stand behind the address, and they are not alike.", "The same question, asked again, gets different certificates.",
		Server, "Bring the odd one into line with the others.", reloadServer},
	{"addresses-differ", "The addresses of the name behave differently.", "Each address by itself always gives the same answer.", Server, "Repair the server at the odd address, or take it out of DNS.", nil},
	{"unstable", "The same handshake sometimes works and sometimes does not.", "Repeated without any change, the outcome changes.",
		Server, "Look at load, at the health of each node behind the balancer, and at packet loss.", nil},
	{"rate-limited", "The server, or a device before it, refuses clients that connect too often.", "The first connections work, then all fail; after a pause they work again.",
		Nobody, "Connect less often (--rate), or have the limit raised for this client.", lines("nginx", "limit_conn per_address 100;  # and likewise limit_req")},
	{"beyond-us", "The server chose something that this client offers and Handclasp cannot do, so the handshake was not completed here.", "The server answered the ClientHello and went on; with the client itself the handshake may work.",
		Nobody, "Leave out of the hello what was chosen (--without), or try the client itself.", nil},
	{"nothing-wrong", "Nothing is wrong.", "The handshake works, and the certificate is good.", Nobody, "If a program of yours fails all the same, compare it with this one: its trust store, its clock, its proxy.", nil},
}
