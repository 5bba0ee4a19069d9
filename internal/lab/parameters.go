package lab

import (
	"errors"
	"fmt"
	"net"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
)

// Versions, suites, groups, protocols: servers that are narrow, and clients that
// find nothing in common with them.
var parameters = []Case{
	{Name: "only-tls10", Text: "The server speaks TLS 1.0 alone.", Cause: "no-common-version", serve: versions(iana.TLS10)},
	{Name: "only-tls11", Text: "The server speaks TLS 1.1 alone.", Cause: "no-common-version", serve: versions(iana.TLS11)},
	{Name: "only-tls12", Text: "The server speaks TLS 1.2 alone, which is well for most clients.", Cause: "nothing-wrong", serve: versions(iana.TLS12)},
	{Name: "only-tls13", Text: "The server speaks TLS 1.3 alone, which is well for most clients.", Cause: "nothing-wrong", serve: versions(iana.TLS13)},
	{Name: "only-tls13-old-client", Text: "The server speaks TLS 1.3 alone, and the client does not.", Cause: "no-common-version", Flags: "--max-version 1.2",
		client: func(_ *bench, c *handclasp.ClientConfig) error { c.MaxVersion = iana.TLS12; return nil }, serve: versions(iana.TLS13)},
	{Name: "rsa-only", Text: "The server takes RSA key transport alone.", Cause: "no-common-suite",
		serve: rsaServer(iana.TLS_RSA_WITH_AES_128_GCM_SHA256, iana.TLS_RSA_WITH_AES_256_CBC_SHA)},
	{Name: "dhe-only", Text: "The server takes finite-field Diffie-Hellman alone.", Cause: "no-common-suite",
		serve: rsaServer(iana.TLS_DHE_RSA_WITH_AES_128_GCM_SHA256)},
	{Name: "cbc-only", Text: "The server takes suites with CBC alone.", Cause: "no-common-suite",
		serve: rsaServer(iana.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, iana.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA)},
	{Name: "chacha-only", Text: "The server takes ChaCha20-Poly1305 alone, and the client has AES-GCM alone.", Cause: "no-common-suite", Flags: "--min-version 1.3 --suites TLS_AES_128_GCM_SHA256",
		client: func(_ *bench, c *handclasp.ClientConfig) error {
			c.MinVersion, c.CipherSuites = iana.TLS13, []iana.CipherSuite{iana.TLS_AES_128_GCM_SHA256}
			return nil
		},
		serve: configured(func(_ *bench, c *handclasp.ServerConfig) error {
			c.MinVersion, c.CipherSuites = iana.TLS13, []iana.CipherSuite{iana.TLS_CHACHA20_POLY1305_SHA256}
			return nil
		})},
	{Name: "one-curve", Text: "The server takes the group secp521r1 alone, and the client has others.", Cause: "no-common-group", Flags: "--groups x25519,P-256",
		client: clientGroups(iana.X25519, iana.Secp256r1), serve: serverGroups(iana.Secp521r1)},
	{Name: "one-curve-12", Text: "The server takes the group secp521r1, or key transport by RSA, in TLS 1.2, and the client has neither.", Cause: "no-common-group", Flags: "--groups x25519,P-256",
		client: clientGroups(iana.X25519, iana.Secp256r1), serve: oneCurve12},
	{Name: "hybrid-only", Text: "The server takes the hybrid group X25519MLKEM768 alone, and the client has none.", Cause: "no-common-group", Flags: "--groups x25519,P-256",
		client: clientGroups(iana.X25519, iana.Secp256r1), serve: serverGroups(iana.X25519MLKEM768)},
	{Name: "retry", Text: "The server asks for a group that the client sent no share of, which costs a round trip and is no fault.", Cause: "nothing-wrong",
		serve: serverGroups(iana.Secp384r1)},
	{Name: "ecdsa-only", Text: "The server's key is ECDSA, and the client takes RSA alone.", Cause: "no-common-sigalg", Flags: "--sigalgs rsa_pss_rsae_sha256,rsa_pkcs1_sha256",
		client: func(_ *bench, c *handclasp.ClientConfig) error {
			c.SignatureSchemes = []iana.SignatureScheme{iana.RSA_PSS_RSAE_SHA256, iana.RSA_PKCS1_SHA256}
			return nil
		},
		serve: configured(nil)},
	{Name: "h2-only", Text: "The server speaks HTTP/2 alone, and the client HTTP/1.1.", Cause: "alpn-mismatch", Flags: "--alpn http/1.1",
		client: func(_ *bench, c *handclasp.ClientConfig) error { c.NextProtos = []string{"http/1.1"}; return nil },
		serve:  configured(func(_ *bench, c *handclasp.ServerConfig) error { c.NextProtos = []string{"h2"}; return nil })},
}

func versions(v iana.Version) func(*bench) (func(net.Conn), error) {
	return configured(func(_ *bench, c *handclasp.ServerConfig) error { c.MinVersion, c.MaxVersion = v, v; return nil })
}

// rsaServer has an RSA key and takes the suites of TLS 1.2 named.
func rsaServer(suites ...iana.CipherSuite) func(*bench) (func(net.Conn), error) {
	return configured(func(b *bench, c *handclasp.ServerConfig) error {
		l := leaf()
		l.Key = pki.RSA2048
		var err error
		c.Certificates[0], err = b.issue(l)
		c.CipherSuites = suites
		return err
	})
}

func serverGroups(groups ...iana.Group) func(*bench) (func(net.Conn), error) {
	return configured(func(_ *bench, c *handclasp.ServerConfig) error {
		c.MinVersion, c.CurvePreferences = iana.TLS13, groups
		return nil
	})
}

// oneCurve12 has two things that help a client, of which one is better.
func oneCurve12(b *bench) (func(net.Conn), error) {
	cfg, err := b.config()
	if err != nil {
		return nil, err
	}
	l := leaf()
	l.Key = pki.RSA2048
	cfg.Certificates[0], err = b.issue(l)
	cfg.MaxVersion, cfg.CurvePreferences = iana.TLS12, []iana.Group{iana.Secp521r1}
	cfg.CipherSuites = []iana.CipherSuite{iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, iana.TLS_RSA_WITH_AES_128_GCM_SHA256}
	return honest(cfg), err
}

func clientGroups(groups ...iana.Group) func(*bench, *handclasp.ClientConfig) error {
	return func(_ *bench, c *handclasp.ClientConfig) error { c.CurvePreferences = groups; return nil }
}

// Certificates of clients.
var clients = []Case{
	{Name: "client-cert-optional", Text: "The server asks for a client certificate and goes on without.", Cause: "nothing-wrong", serve: asks(handclasp.VerifyClientCertIfGiven, 0)},
	{Name: "client-cert-required-12", Text: "The server requires a client certificate, in TLS 1.2, and the client has none.", Cause: "client-cert-required", serve: asks(handclasp.RequireAndVerifyClientCert, iana.TLS12)},
	{Name: "client-cert-required-13", Text: "The server requires a client certificate, in TLS 1.3, where its alert comes late, and the client has none.", Cause: "client-cert-required", serve: asks(handclasp.RequireAndVerifyClientCert, iana.TLS13)},
	{Name: "client-cert-wrong-ca", Text: "The client's certificate is from an authority that the server does not know.", Cause: "client-cert-wrong-ca", Flags: "--cert handclasp-client.pem --key handclasp-client.key",
		client: shown(func(b *bench) (*pki.Issued, error) {
			a, err := pki.NewAuthority("Another authority of clients", pki.Options{Now: b.now})
			if err != nil {
				return nil, err
			}
			return a.Issue(pki.Leaf{CommonName: "me"})
		}, false), serve: asks(handclasp.RequireAndVerifyClientCert, 0)},
	{Name: "client-cert-expired", Text: "The client's certificate ended yesterday.", Cause: "client-cert-refused", Flags: "--cert handclasp-client.pem --key handclasp-client.key",
		client: shown(func(b *bench) (*pki.Issued, error) {
			return b.issuer.Issue(pki.Leaf{CommonName: "me", NotBefore: b.now.Add(-30 * day), NotAfter: b.now.Add(-day)})
		}, true), serve: asks(handclasp.RequireAndVerifyClientCert, 0)},
	{Name: "client-cert-http", Text: "The server asks for a client certificate, goes on without, and refuses in HTTP, as nginx does.", Cause: "client-cert-required", serve: refusesAbove},
	{Name: "client-cert-good", Text: "The client's certificate is what the server wants.", Cause: "nothing-wrong", Flags: "--cert handclasp-client.pem --key handclasp-client.key",
		client: shown(func(b *bench) (*pki.Issued, error) { return b.issuer.Issue(pki.Leaf{CommonName: "me"}) }, true), serve: asks(handclasp.RequireAndVerifyClientCert, 0)},
}

// asks is a server that wants a client certificate below the root, in one version
// or, if that is 0, any.
func asks(policy handclasp.ClientAuthType, v iana.Version) func(*bench) (func(net.Conn), error) {
	return configured(func(b *bench, c *handclasp.ServerConfig) error {
		c.ClientAuth, c.ClientCAs, c.MinVersion, c.MaxVersion = policy, b.root.Pool(), v, v
		return nil
	})
}

// refusesAbove is a server that lets clients without a certificate in, and then
// answers as nginx does.
func refusesAbove(b *bench) (func(net.Conn), error) {
	cfg, err := b.config()
	cfg.ClientAuth, cfg.ClientCAs = handclasp.VerifyClientCertIfGiven, b.root.Pool()
	return saying(cfg, func(c *handclasp.Conn) string {
		if c.Info().ClientScheme != 0 {
			return answer()
		}
		const page = "<html><head><title>400 No required SSL certificate was sent</title></head></html>\r\n"
		return fmt.Sprintf("HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(page), page)
	}), err
}

// shown gives the client a certificate. One that the server has not named the
// issuer of is shown only if a hook insists.
func shown(issue func(*bench) (*pki.Issued, error), fits bool) func(*bench, *handclasp.ClientConfig) error {
	return func(b *bench, cfg *handclasp.ClientConfig) error {
		if b.client == nil {
			i, err := issue(b)
			if err != nil {
				return err
			}
			b.client = i
		}
		c, err := certificate(b.client)
		cfg.Certificates = []config.Certificate{c}
		if !fits {
			cfg.GetClientCertificate = func(*handclasp.CertificateRequestInfo) (*handclasp.Certificate, error) { return &c, nil }
		}
		return err
	}
}

// Names.
var names = []Case{
	{Name: "sni-required", Text: "The server refuses clients that name no host, as one that connects to an address does.", Cause: "sni-required", Host: "127.0.0.1",
		serve: configured(func(_ *bench, c *handclasp.ServerConfig) error {
			own := c.Certificates[0]
			c.Certificates = nil
			c.GetCertificate = func(h *handclasp.HelloInfo) (*handclasp.Certificate, error) {
				if h.ServerName == "" {
					return nil, errors.New("the client names no host")
				}
				return &own, nil
			}
			return nil
		})},
	{Name: "sni-default", Text: "Clients that name no host get the certificate of another one.", Cause: "sni-required", Host: "127.0.0.1",
		serve: configured(func(b *bench, c *handclasp.ServerConfig) error {
			own := c.Certificates[0]
			l := leaf()
			l.Names = []string{"default.lab.example"}
			var err error
			c.Certificates[0], err = b.issue(l)
			c.GetCertificate = func(h *handclasp.HelloInfo) (*handclasp.Certificate, error) {
				if h.ServerName == "localhost" {
					return &own, nil
				}
				return nil, nil
			}
			return err
		})},
	{Name: "sni-unknown", Text: "The server has nothing under the name that the client asks for, and says so.", Cause: "name-unknown",
		serve: configured(func(_ *bench, c *handclasp.ServerConfig) error {
			c.GetCertificate = func(*handclasp.HelloInfo) (*handclasp.Certificate, error) { return nil, errors.New("no such host") }
			return nil
		})},
}
