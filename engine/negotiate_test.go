package engine

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"slices"
	"testing"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/internal/wire"
)

func TestServerName(t *testing.T) {
	for _, c := range []struct{ name, sent string }{
		{"localhost", "localhost"},
		{"localhost.", "localhost"},
		{"127.0.0.1", ""},
		{"::1", ""},
	} {
		p := newPair(t, func(cc *config.ClientConfig, s *config.ServerConfig) {
			cc.ServerName = c.name
			s.Certificates = []config.Certificate{own(t, issue(t, pki.Leaf{Names: []string{"localhost", "127.0.0.1", "::1"}}))}
		}).connect(t)
		if got := p.server.Info().ServerName; got != c.sent {
			t.Errorf("%s: the server saw %q, want %q", c.name, got, c.sent)
		}
		if got := p.client.Info().ServerName; got != c.sent {
			t.Errorf("%s: the client says it sent %q, want %q", c.name, got, c.sent)
		}
	}
}

func TestALPN(t *testing.T) {
	for _, c := range []struct {
		name           string
		client, server []string
		want           string
		refused        *fault.Rule
	}{
		{"agreed, in the server's order", []string{"h2", "http/1.1"}, []string{"http/1.1", "h2"}, "http/1.1", nil},
		{"one in common", []string{"h2", "http/1.1"}, []string{"spdy/1", "http/1.1"}, "http/1.1", nil},
		{"none in common", []string{"h2"}, []string{"http/1.1"}, "", fault.NoCommonALPN},
		{"a server without ALPN", []string{"h2"}, nil, "", nil},
		{"a client without ALPN", nil, []string{"h2"}, "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair(t, func(cc *config.ClientConfig, s *config.ServerConfig) {
				cc.NextProtos, s.NextProtos = c.client, c.server
			})
			if c.refused != nil {
				p.pump(t)
				refused(t, p.server, p.client, c.refused)
				return
			}
			p.connect(t)
			if a, b := p.client.Info().ALPN, p.server.Info().ALPN; a != c.want || b != c.want {
				t.Errorf("agreed on %q and %q, want %q", a, b, c.want)
			}
		})
	}
}

func TestNothingInCommon(t *testing.T) {
	for _, c := range []struct {
		want   *fault.Rule
		option option
	}{
		{fault.NoCommonSuite, func(c *config.ClientConfig, s *config.ServerConfig) {
			c.CipherSuites = []iana.CipherSuite{iana.TLS_AES_128_GCM_SHA256}
			s.CipherSuites = []iana.CipherSuite{iana.TLS_AES_256_GCM_SHA384}
		}},
		{fault.NoCommonGroup, func(c *config.ClientConfig, s *config.ServerConfig) {
			c.CurvePreferences, s.CurvePreferences = []iana.Group{iana.X25519}, []iana.Group{iana.Secp256r1}
		}},
		{fault.NoCommonSigalg, func(c *config.ClientConfig, _ *config.ServerConfig) {
			c.SignatureSchemes = []iana.SignatureScheme{iana.ED25519}
		}},
	} {
		t.Run(c.want.ID, func(t *testing.T) {
			p := newPair(t, c.option)
			p.pump(t)
			refused(t, p.server, p.client, c.want)
		})
	}
}

// The server's order decides among what both know.
func TestServerOrder(t *testing.T) {
	p := newPair(t, func(c *config.ClientConfig, s *config.ServerConfig) {
		c.CipherSuites = []iana.CipherSuite{iana.TLS_AES_128_GCM_SHA256, iana.TLS_CHACHA20_POLY1305_SHA256}
		s.CipherSuites = []iana.CipherSuite{iana.TLS_AES_256_GCM_SHA384, iana.TLS_CHACHA20_POLY1305_SHA256, iana.TLS_AES_128_GCM_SHA256}
		c.CurvePreferences = []iana.Group{iana.X25519, iana.Secp256r1}
		c.KeyShares = c.CurvePreferences
		s.CurvePreferences = []iana.Group{iana.Secp256r1, iana.X25519}
	}).connect(t)
	if i := p.client.Info(); i.CipherSuite != iana.TLS_CHACHA20_POLY1305_SHA256 || i.Group != iana.Secp256r1 || i.Retried {
		t.Errorf("agreed on %v and %v, retried %v", i.CipherSuite, i.Group, i.Retried)
	}
}

// What nobody knows is passed over, wherever a client may put it (RFC 8701).
func TestGREASE(t *testing.T) {
	const grease = 0x2a2a
	p := newPair(t, retry)
	p.client.Edit(func(m wire.Message) {
		h, ok := m.(*wire.ClientHello)
		if !ok || h.Extensions.Has(grease) {
			return
		}
		h.CipherSuites = wire.MakeList16(append([]iana.CipherSuite{grease}, h.CipherSuites.Slice()...)...)
		h.Groups = wire.MakeList16(append([]iana.Group{grease}, h.Groups.Slice()...)...)
		h.SignatureSchemes = wire.MakeList16(append([]iana.SignatureScheme{grease}, h.SignatureSchemes.Slice()...)...)
		h.SupportedVersions = wire.MakeList16(append([]iana.Version{grease}, h.SupportedVersions.Slice()...)...)
		h.KeyShares = append([]wire.KeyShare{{Group: grease, Key: []byte{0}}}, h.KeyShares...)
		h.Extensions.AddRaw(grease, []byte("grease"))
	})
	p.connect(t).exchange(t, 1)
}

// What the server staples reaches the client's Ask and Info.
func TestStaples(t *testing.T) {
	a, err := authority()
	must(t, err)
	issued := issue(t, pki.Leaf{Names: []string{"localhost"}, MustStaple: true})
	staple, err := a.OCSP(issued, pki.Answer{})
	must(t, err)
	scts := [][]byte{[]byte("the first log's"), []byte("the second log's")}
	p := newPair(t, func(_ *config.ClientConfig, s *config.ServerConfig) {
		c := own(t, issued)
		c.OCSPStaple, c.SignedCertificateTimestamps = staple, scts
		s.Certificates = []config.Certificate{c}
	}).connect(t)
	i := p.client.Info()
	if !bytes.Equal(i.OCSPResponse, staple) || !slices.EqualFunc(i.SCTs, scts, bytes.Equal) {
		t.Errorf("got staple %x, SCTs %q", i.OCSPResponse, i.SCTs)
	}
	if v := i.Peer; v == nil || v.OCSP == nil || v.OCSP.Status != flow.OCSPGood || !v.Verified() {
		t.Errorf("verdict %+v", i.Peer)
	}

	bare := newPair(t).connect(t).client.Info()
	if bare.OCSPResponse != nil || bare.SCTs != nil {
		t.Error("staples out of nowhere")
	}
}

func TestCertificateChoice(t *testing.T) {
	var (
		a     = own(t, issue(t, pki.Leaf{Names: []string{"a.example"}}))
		b     = own(t, issue(t, pki.Leaf{Names: []string{"b.example"}, Key: pki.Ed25519}))
		bRSA  = own(t, issue(t, pki.Leaf{Names: []string{"b.example"}, Key: pki.RSA2048}))
		wild  = own(t, issue(t, pki.Leaf{Names: []string{"*.example"}}))
		ours  = []config.Certificate{a, wild, b, bRSA}
		every []iana.SignatureScheme
		names = []string{"a", "wild", "b", "bRSA"}
	)
	// Chains are signed by a P-256 authority, so its scheme is always offered.
	rsa := []iana.SignatureScheme{iana.RSA_PSS_RSAE_SHA256, iana.RSA_PSS_RSAE_SHA512}
	for _, c := range []struct {
		name    string
		schemes []iana.SignatureScheme
		want    string
		scheme  iana.SignatureScheme
	}{
		{"a.example", every, "a", iana.ECDSA_SECP256R1_SHA256},
		{"b.example", every, "b", iana.ED25519},
		{"b.example", rsa, "bRSA", iana.RSA_PSS_RSAE_SHA256},
		{"c.example", every, "wild", iana.ECDSA_SECP256R1_SHA256},
		{"elsewhere.test", every, "a", iana.ECDSA_SECP256R1_SHA256},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair(t, func(cc *config.ClientConfig, s *config.ServerConfig) {
				cc.ServerName, cc.SignatureSchemes, cc.InsecureSkipVerify = c.name, c.schemes, true
				s.Certificates = ours
			}).connect(t)
			i := p.client.Info()
			at := slices.IndexFunc(ours, func(o config.Certificate) bool { return o.Leaf().Equal(i.Peer.Peer[0]) })
			if at < 0 || names[at] != c.want || i.SignatureScheme != c.scheme {
				t.Errorf("certificate %d with %v, want %s with %v", at, i.SignatureScheme, c.want, c.scheme)
			}
		})
	}
}

// A server that does not hold its certificate's key is found out, whatever the
// chain says.
func TestForgedSignature(t *testing.T) {
	honest := issue(t, pki.Leaf{Names: []string{"localhost"}})
	p := newPair(t, func(_ *config.ClientConfig, s *config.ServerConfig) {
		key, err := pki.P256.Generate()
		must(t, err)
		c, err := config.NewCertificate(honest.Chain, pretender{key, honest.Leaf.PublicKey})
		must(t, err)
		s.Certificates = []config.Certificate{c}
	})
	p.pump(t)
	refused(t, p.client, p.server, fault.SigInvalid)
}

// A pretender shows a public key and signs with another.
type pretender struct {
	key    crypto.Signer
	public crypto.PublicKey
}

func (p pretender) Public() crypto.PublicKey { return p.public }
func (pretender) Schemes() []iana.SignatureScheme {
	return []iana.SignatureScheme{iana.ECDSA_SECP256R1_SHA256}
}
func (p pretender) Sign(_ context.Context, _ iana.SignatureScheme, message []byte) ([]byte, error) {
	sum := sha256.Sum256(message)
	return p.key.Sign(rand.Reader, sum[:], crypto.SHA256)
}

// The checks on the chain end the handshake, or are listed where the client
// asked to go on.
func TestUntrusted(t *testing.T) {
	for _, insecure := range []bool{false, true} {
		p := newPair(t, func(c *config.ClientConfig, s *config.ServerConfig) {
			c.ServerName, c.InsecureSkipVerify = "elsewhere.test", insecure
		})
		p.pump(t)
		if !insecure {
			refused(t, p.client, p.server, fault.CertWrongName)
			continue
		}
		p.connect(t).exchange(t, 1)
		if v := p.client.Info().Peer; v.Verified() || !errors.Is(v.Failed[0], fault.CertWrongName) {
			t.Errorf("verdict: %v", v.Failed)
		}
	}
}

// Info is whole on both sides.
func TestInfo(t *testing.T) {
	p := newPair(t, func(c *config.ClientConfig, s *config.ServerConfig) {
		c.NextProtos, s.NextProtos = []string{"h2"}, []string{"h2"}
	}).connect(t)
	c, s := p.client.Info(), p.server.Info()
	if c.Peer == nil || !c.Peer.Verified() || len(c.Peer.Chains) == 0 || s.Peer != nil {
		t.Errorf("verdicts: %+v, %+v", c.Peer, s.Peer)
	}
	if c.ClientRandom == [32]byte{} || c.Role != fault.Client || s.Role != fault.Server {
		t.Errorf("client: %+v", c)
	}
	want := flow.Info{
		State: fault.Connected, Version: iana.TLS13, CipherSuite: iana.TLS_AES_128_GCM_SHA256, Group: iana.X25519MLKEM768,
		SignatureScheme: iana.ECDSA_SECP256R1_SHA256, ServerName: "localhost", ALPN: "h2", Compat: true, ClientRandom: c.ClientRandom,
	}
	for _, got := range []flow.Info{c, s} {
		w := want
		w.Role, w.Peer = got.Role, got.Peer
		if !equal(got, w) {
			t.Errorf("%v: got\n%+v, want\n%+v", got.Role, got, w)
		}
	}
}

func equal(a, b flow.Info) bool {
	return bytes.Equal(a.OCSPResponse, b.OCSPResponse) && slices.EqualFunc(a.SCTs, b.SCTs, bytes.Equal) &&
		a.Role == b.Role && a.State == b.State && a.Version == b.Version && a.CipherSuite == b.CipherSuite && a.Group == b.Group &&
		a.SignatureScheme == b.SignatureScheme && a.ServerName == b.ServerName && a.ALPN == b.ALPN && a.Retried == b.Retried &&
		a.Compat == b.Compat && a.ExtendedMasterSecret == b.ExtendedMasterSecret && a.SecureRenegotiation == b.SecureRenegotiation &&
		a.Peer == b.Peer && a.ClientRandom == b.ClientRandom
}
