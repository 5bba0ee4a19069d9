package hs

import (
	"slices"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/cert"
)

// What only some users ask of a ClientHello.

// addExtras adds to the first ClientHello what the configuration asks for
// besides the usual.
func (c *client) addExtras() error {
	c.offerRecordSize()
	c.offerCompression()
	if c.cfg.PostHandshakeAuth && slices.Contains(c.params.Versions, iana.TLS13) {
		c.hello.Extensions.Add(iana.ExtPostHandshakeAuth)
	}
	h := &c.hello
	if c.cfg.SendAuthorities && slices.Contains(c.params.Versions, iana.TLS13) {
		if h.Authorities = cert.Names(c.cfg.RootCAs); len(h.Authorities) > 0 {
			h.Extensions.Add(iana.ExtCertificateAuthorities)
		}
	}
	c.offerPSKs() // the last (RFC 9846, Section 4.3.11)
	if c.cfg.PermuteExtensions {
		if err := c.permute(); err != nil {
			return err
		}
	}
	if c.cfg.GREASE {
		if err := c.grease(); err != nil {
			return err
		}
	}
	return c.padHello()
}

// leads says to which authority that the client names a chain of ours leads, ""
// if to none. Before TLS 1.3 the extension means nothing.
func (s *server) leads(c *config.Certificate) string {
	if s.info.Version < iana.TLS13 {
		return ""
	}
	return cert.LeadsTo(c.Chain(), s.hello.Authorities)
}
