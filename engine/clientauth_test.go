package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/keys"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/internal/suite"
	"github.com/handclasp/handclasp/internal/wire"
)

// mutual has the server insist on a certificate, and gives the client one.
func mutual(t testing.TB, k pki.Key) option {
	return func(c *config.ClientConfig, s *config.ServerConfig) {
		s.ClientAuth, s.ClientCAs = config.RequireAndVerifyClientCert, c.RootCAs
		c.Certificates = []config.Certificate{certificate(t, k)}
	}
}

// Every kind of key proves a client in both versions, with each scheme that
// fits it, and both sides say so.
func TestMutual(t *testing.T) {
	for _, k := range []struct {
		key    pki.Key
		scheme iana.SignatureScheme
		not13  bool
	}{
		{pki.P256, iana.ECDSA_SECP256R1_SHA256, false}, {pki.P384, iana.ECDSA_SECP384R1_SHA384, false},
		{pki.P521, iana.ECDSA_SECP521R1_SHA512, false}, {pki.Ed25519, iana.ED25519, false},
		{pki.RSA2048, iana.RSA_PSS_RSAE_SHA256, false}, {pki.RSA2048, iana.RSA_PSS_RSAE_SHA512, false},
		{pki.RSA2048, iana.RSA_PKCS1_SHA256, true}, {pki.RSA2048, iana.RSA_PKCS1_SHA512, true},
	} {
		for _, v := range []iana.Version{iana.TLS12, iana.TLS13} {
			if v == iana.TLS13 && k.not13 {
				continue
			}
			t.Run(fmt.Sprintf("%v/%v", v, k.scheme), func(t *testing.T) {
				p := newPair(t, mutual(t, k.key), func(c *config.ClientConfig, s *config.ServerConfig) {
					c.MaxVersion = v
					// The server signs with P-256, so the client's list holds that too.
					c.SignatureSchemes = slices.Compact([]iana.SignatureScheme{k.scheme, iana.ECDSA_SECP256R1_SHA256})
				})
				p.connect(t).exchange(t, 3000)
				for _, i := range []flow.Info{p.client.Info(), p.server.Info()} {
					if i.ClientScheme != k.scheme || !i.ClientAuth || i.Version != v {
						t.Errorf("%v: %v signed by the client, asked %v", i.Role, i.ClientScheme, i.ClientAuth)
					}
				}
				peer := p.server.Info().Peer
				if leaf := certificate(t, k.key); peer == nil || !peer.Verified() || !peer.Peer[0].Equal(leaf.Leaf()) {
					t.Errorf("the server knows %+v", peer)
				}
			})
		}
	}
}

// What a side signs with has nothing to do with what it accepts, if its
// configuration says so.
func TestSigningSchemes(t *testing.T) {
	for _, v := range []iana.Version{iana.TLS12, iana.TLS13} {
		p := newPair(t, mutual(t, pki.RSA2048), func(c *config.ClientConfig, s *config.ServerConfig) {
			c.MaxVersion = v
			c.SignatureSchemes = []iana.SignatureScheme{iana.ECDSA_SECP256R1_SHA256} // as the server signs
			c.SigningSchemes = []iana.SignatureScheme{iana.RSA_PSS_RSAE_SHA384}
			s.SignatureSchemes = c.SigningSchemes
			s.SigningSchemes = c.SignatureSchemes
		}).connect(t)
		if i := p.server.Info(); i.SignatureScheme != iana.ECDSA_SECP256R1_SHA256 || i.ClientScheme != iana.RSA_PSS_RSAE_SHA384 {
			t.Errorf("%v: the server signed with %v, the client with %v", v, i.SignatureScheme, i.ClientScheme)
		}
	}
	_, err := NewClient(&config.ClientConfig{ServerName: "localhost", SigningSchemes: []iana.SignatureScheme{}})
	if !errors.Is(err, fault.ConfigValue) {
		t.Errorf("an empty list: %v", err)
	}
}

// How messages are cut into records and records into pieces changes nothing.
func TestMutualDelivery(t *testing.T) {
	for _, v := range []iana.Version{iana.TLS12, iana.TLS13} {
		for _, c := range []struct{ chunk, chop int }{{1, -1}, {7, -1}, {0, 0}, {1, 1}, {0, 100}} {
			p := newPair(t, mutual(t, pki.P256), func(cc *config.ClientConfig, _ *config.ServerConfig) { cc.MaxVersion = v })
			p.chunk = c.chunk
			if c.chop >= 0 {
				for _, s := range []*side{p.client, p.server} {
					s.options.Layer = chopper{(*layer)(s.Engine), c.chop}
				}
			}
			p.connect(t).exchange(t, 1000)
		}
	}
}

// A smuggler puts a message behind the server's Finished, under its keys.
type smuggler struct {
	*layer
	msg []byte
}

func (s smuggler) SetWrite(e flow.Epoch, u *suite.Suite, secret keys.Secret) error {
	if e == flow.Application {
		s.WriteMessage(s.msg)
	}
	return s.layer.SetWrite(e, u, secret)
}

// The server's keys change with its Finished, though a client that was asked for
// a certificate still has to speak, or to ask its signer.
func TestBehindFinished(t *testing.T) {
	ticket, err := wire.Append(nil, &wire.NewSessionTicket{Ticket: []byte("ticket")})
	must(t, err)
	none := func(*config.ClientConfig, *config.ServerConfig) {}
	hook := func(c *config.ClientConfig, _ *config.ServerConfig) {
		c.GetClientCertificate = func(*config.CertificateRequestInfo) (*config.Certificate, error) { return nil, nil }
	}
	for name, options := range map[string][]option{"not asked": {none}, "asked": {mutual(t, pki.P256)}, "asked, with a hook": {mutual(t, pki.P256), hook}} {
		p := newPair(t, options...)
		p.server.options.Layer = smuggler{(*layer)(p.server.Engine), ticket}
		p.pump(t)
		if !errors.Is(p.client.err, fault.MessageAcrossKeys) {
			t.Errorf("%s: %v", name, p.client.err)
		}
	}
}

// A server may send data before it knows the client. A client that is not done
// leaves it where it is.
func TestDataBeforeProof(t *testing.T) {
	p := newPair(t, mutual(t, pki.P256))
	for {
		if a, ok := p.client.Ask().(*flow.SignAsk); ok {
			injectRecord(p.server, iana.ContentApplicationData, []byte("soon"))
			p.client.wire = append(p.client.wire, p.server.Output(nil)...)
			if n, data, err := p.client.Recv(p.client.wire); n != 0 || data != nil || err != nil || p.client.Heard() {
				t.Fatalf("took %d bytes, %q, %v", n, data, err)
			}
			a.Reply(a.Signer.Sign(context.Background(), a.Scheme, a.Message))
			break
		}
		p.step(t, p.server, p.client)
		p.step(t, p.client, p.server)
	}
	p.connect(t)
	if string(p.client.got) != "soon" || !p.client.Heard() {
		t.Errorf("got %q", p.client.got)
	}
}

// Heard is for what comes after the handshake alone, and a ticket counts.
func TestHeard(t *testing.T) {
	p := newPair(t).connect(t)
	if p.client.Heard() || p.server.Heard() {
		t.Error("heard of something before there was anything")
	}
	inject(t, p.server, &wire.NewSessionTicket{Ticket: []byte("ticket")})
	p.pump(t)
	if !p.client.Heard() || p.client.err != nil {
		t.Errorf("a ticket: %v", p.client.err)
	}
}
