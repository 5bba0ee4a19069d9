package fault_test

import (
	"context"
	"crypto/x509"
	"testing"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/internal/wire"
	"github.com/handclasp/handclasp/sign"
)

// mutual is a scenario in which the server insists on a client certificate, and
// the client has one.
func mutual(victim fault.Role, prepare func(p *pair)) scenario {
	return by(victim, func(p *pair) {
		p.server.ClientAuth, p.server.ClientCAs = config.RequireAndVerifyClientCert, p.client.RootCAs
		p.client.Certificates = p.server.Certificates
		prepare(p)
	})
}

// shows has the client change a message of its flight; the server is to notice.
func shows[M wire.Message](f func(m M)) scenario {
	return mutual(fault.Server, func(p *pair) { p.editClient = only(f) })
}

// sends has the client send other bytes in place of a message of its flight.
func sends(typ iana.HandshakeType, messages ...[]byte) scenario {
	return mutual(fault.Server, func(p *pair) {
		done := false
		p.tap = func(w *tap, t iana.ContentType, b []byte) {
			switch {
			case w.from == fault.Client && t == iana.ContentHandshake && iana.HandshakeType(b[0]) == typ:
				done = true
				for _, m := range messages {
					w.put(t, m)
				}
			case w.from == fault.Server || !done:
				w.put(t, b)
			}
		}
	})
}

// chooses has the client's hook give something.
func chooses(c *config.Certificate, err error) scenario {
	return mutual(fault.Client, func(p *pair) {
		p.client.GetClientCertificate = func(*config.CertificateRequestInfo) (*config.Certificate, error) { return c, err }
	})
}

// ofOthers has the client show a chain of an authority that the server does not
// trust.
func ofOthers(p *pair) {
	h, err := theHouse()
	check(p.t, err)
	other, err := pki.NewAuthority("Root of others", pki.Options{Now: now})
	check(p.t, err)
	i, err := other.Issue(pki.Leaf{Names: []string{"client"}, Signer: h.key})
	check(p.t, err)
	p.client.Certificates = []config.Certificate{must(config.NewCertificate(i.Chain, h.good.Signer()))}
	p.editServer = func(m wire.Message) { // which else would keep the client from showing it
		switch m := m.(type) {
		case *wire.CertificateRequest:
			m.Authorities = nil
			m.Extensions.Remove(iana.ExtCertificateAuthorities)
		case *wire.CertificateRequest12:
			m.Authorities = nil
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// showsNone has a client without a certificate.
var showsNone = mutual(fault.Server, func(p *pair) { p.client.Certificates = nil })

var ofClientAuth = map[*fault.Rule]scenario{
	fault.ClientCertificateMissing:   showsNone,
	fault.ClientCertificateMissing12: in12(showsNone),
	fault.ClientCertificateHook:      chooses(nil, errBroken),
}

// otherWaysOfClients are what a server refuses in a client that it asked for a
// certificate, and what stops the client.
var otherWaysOfClients = []struct {
	name string
	rule *fault.Rule
	scenario
}{
	// the client's own certificate
	{"a hook's zero certificate", fault.ClientCertificateHook, chooses(new(config.Certificate), nil)},
	{"a hook's zero certificate, 1.2", fault.ClientCertificateHook, in12(chooses(new(config.Certificate), nil))},
	{"a hook's certificate that can't sign so", fault.NoCommonSigalg, mutual(fault.Client, func(p *pair) {
		p.client.GetClientCertificate = func(*config.CertificateRequestInfo) (*config.Certificate, error) {
			return &p.client.Certificates[0], nil
		}
		p.editServer = only(func(m *wire.CertificateRequest) { m.SignatureSchemes = wire.MakeList16(iana.RSA_PSS_RSAE_SHA256) })
	})},
	{"a key that fails", fault.SignFailed, mutual(fault.Client, ownKeyFails)},
	{"a key that fails, 1.2", fault.SignFailed, in12(mutual(fault.Client, ownKeyFails))},

	// Certificate
	{"Certificate cut off", fault.WireTruncated, sends(iana.Certificate, short(iana.Certificate))},
	{"Certificate cut off, 1.2", fault.WireTruncated, in12(sends(iana.Certificate, []byte{byte(iana.Certificate), 0, 0, 1, 9}))},
	{"Certificate with a context", fault.CertificateContext, shows(func(m *wire.Certificate) { m.Context = []byte{1} })},
	{"Certificate with key_share", fault.ExtensionMisplaced, shows(func(m *wire.Certificate) { m.List[0].Extensions.AddRaw(iana.ExtKeyShare, nil) })},
	{"Certificate with a staple", fault.ExtensionUnsolicited, shows(func(m *wire.Certificate) {
		m.List[0].OCSP = []byte{1}
		m.List[0].Extensions.Add(iana.ExtStatusRequest)
	})},
	{"no certificate at all", fault.CertUnparsable, shows(func(m *wire.Certificate) { m.List[0].Data = []byte{1} })},
	{"no certificate at all, 1.2", fault.CertUnparsable, in12(shows(func(m *wire.Certificate12) { m.List[0] = []byte{1} }))},
	{"a certificate is required, good or not", fault.ClientCertificateMissing, mutual(fault.Server, func(p *pair) {
		p.client.Certificates, p.server.ClientAuth = nil, config.RequireAnyClientCert
	})},
	{"no Certificate", fault.UnexpectedMessage, sends(iana.Certificate, bare(iana.Finished))},
	{"no Certificate, 1.2", fault.UnexpectedMessage, in12(sends(iana.Certificate, bare(iana.ClientKeyExchange)))},

	// CertificateVerify
	{"no CertificateVerify", fault.UnexpectedMessage, sends(iana.CertificateVerify, bare(iana.Finished))},
	{"ChangeCipherSpec before CertificateVerify", fault.UnexpectedMessage, in12(mutual(fault.Server, func(p *pair) {
		p.tap = func(w *tap, t iana.ContentType, b []byte) {
			if w.from != fault.Client || t != iana.ContentHandshake || iana.HandshakeType(b[0]) != iana.CertificateVerify {
				w.put(t, b)
			}
		}
	}))},
	{"CertificateVerify cut off", fault.WireTruncated, sends(iana.CertificateVerify, short(iana.CertificateVerify))},
	{"CertificateVerify cut off, 1.2", fault.WireTruncated, in12(sends(iana.CertificateVerify, short(iana.CertificateVerify)))},
	{"a scheme that was not asked for", fault.SignatureSchemeRefused, shows(func(m *wire.CertificateVerify) { m.Scheme = iana.RSA_PKCS1_SHA256 })},
	{"a scheme that was not asked for, 1.2", fault.SignatureSchemeRefused, in12(shows(func(m *wire.CertificateVerify) { m.Scheme = iana.ECDSA_SHA1 }))},
	{"a scheme of another key", fault.SigSchemeKeyMismatch, shows(func(m *wire.CertificateVerify) { m.Scheme = iana.ECDSA_SECP256R1_SHA256 })},
	{"a scheme of another key, 1.2", fault.SigSchemeKeyMismatch, in12(shows(func(m *wire.CertificateVerify) { m.Scheme = iana.RSA_PKCS1_SHA256 }))},
	{"another's signature", fault.SigInvalid, shows(func(m *wire.CertificateVerify) { m.Signature = flip(m.Signature) })},
	{"another's signature, 1.2", fault.SigInvalid, in12(shows(func(m *wire.CertificateVerify) { m.Signature = flip(m.Signature) }))},
	{"the client's Finished", fault.FinishedWrong, shows(func(m *wire.Finished) { m.VerifyData = flip(m.VerifyData) })},
	{"the client's Finished, 1.2", fault.FinishedWrong, in12(shows(func(m *wire.Finished) { m.VerifyData = flip(m.VerifyData) }))},

	// the verdict
	{"an authority of others", fault.CertUnknownIssuer, mutual(fault.Server, ofOthers)},
	{"an authority of others, 1.2", fault.CertUnknownIssuer, in12(mutual(fault.Server, ofOthers))},
	{"a server's certificate", fault.CertUsage, mutual(fault.Server, ofServers)},
	{"a hook that refuses", fault.CertRefused, mutual(fault.Server, refusesClients)},
	{"a hook that refuses, 1.2", fault.CertRefused, in12(mutual(fault.Server, refusesClients))},
	{"a hook that refuses a client that shows none", fault.CertRefused, mutual(fault.Server, func(p *pair) {
		p.client.Certificates, p.server.ClientAuth = nil, config.VerifyClientCertIfGiven
		refusesClients(p)
	})},
	{"no verdict", fault.MissingProof, mutual(fault.Server, func(p *pair) {
		p.verify = func(a *flow.VerifyAsk) {
			if a.Of == fault.Client {
				a.Reply(nil, nil)
				return
			}
			a.Reply(new(flow.Verdict), nil)
		}
	})},
}

// ownKeyFails: the client's key does, not the server's.
func ownKeyFails(p *pair) {
	server := p.server.Certificates[0].Signer()
	h, err := theHouse()
	check(p.t, err)
	i, err := h.sub.Issue(pki.Leaf{Names: []string{"client"}, Signer: h.key})
	check(p.t, err)
	p.client.Certificates = []config.Certificate{must(config.NewCertificate(i.Chain, failing{server}))}
}

// ofServers has the client show a certificate that is good for servers alone.
func ofServers(p *pair) {
	h, err := theHouse()
	check(p.t, err)
	i, err := h.sub.Issue(pki.Leaf{Names: []string{"client"}, Signer: h.key, Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	check(p.t, err)
	p.client.Certificates = []config.Certificate{must(config.NewCertificate(i.Chain, h.good.Signer()))}
}

// A failing signer can't sign.
type failing struct{ sign.Signer }

func (failing) Sign(context.Context, iana.SignatureScheme, []byte) ([]byte, error) {
	return nil, errBroken
}

func refusesClients(p *pair) {
	p.verify = func(a *flow.VerifyAsk) {
		if a.Of == fault.Client {
			a.Reply(new(flow.Verdict), errBroken)
			return
		}
		a.Reply(new(flow.Verdict), nil)
	}
}

func TestOtherWaysOfClients(t *testing.T) {
	for _, w := range otherWaysOfClients {
		t.Run(w.name, func(t *testing.T) { w.check(t, w.rule) })
	}
}
