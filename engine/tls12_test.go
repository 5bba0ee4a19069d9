package engine

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/kex"
	"github.com/handclasp/handclasp/internal/keys"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/internal/record"
	"github.com/handclasp/handclasp/internal/suite"
	"github.com/handclasp/handclasp/internal/wire"
)

// old has the client speak TLS 1.2 alone.
func old(c *config.ClientConfig, _ *config.ServerConfig) { c.MaxVersion = iana.TLS12 }

// oldServer is the same for a server whose client offers TLS 1.3 too.
func oldServer(_ *config.ClientConfig, s *config.ServerConfig) { s.MaxVersion = iana.TLS12 }

func withCertificate(t testing.TB, k pki.Key) option {
	return func(_ *config.ClientConfig, s *config.ServerConfig) {
		s.Certificates = []config.Certificate{certificate(t, k)}
	}
}

// defaults are the suites that v negotiates if nobody names any.
func defaults(v iana.Version) []*suite.Suite {
	return slices.DeleteFunc(suite.Defaults(), func(u *suite.Suite) bool { return !u.For(v) })
}

// editHello changes the ClientHello.
func (p *pair) editHello(f func(h *wire.ClientHello)) *pair {
	p.client.Edit(func(m wire.Message) {
		if h, ok := m.(*wire.ClientHello); ok {
			f(h)
		}
	})
	return p
}

func noEMS(h *wire.ClientHello) { h.Extensions.Remove(iana.ExtExtendedMasterSecret) }

// Every suite of TLS 1.2 with every group and kind of certificate that it can go
// with, however both versions came to be offered.
func TestMatrix12(t *testing.T) {
	kinds := []struct {
		key    pki.Key
		auth   suite.Auth
		scheme iana.SignatureScheme
	}{
		{pki.P256, suite.ECDSA, iana.ECDSA_SECP256R1_SHA256},
		{pki.P384, suite.ECDSA, iana.ECDSA_SECP384R1_SHA384},
		{pki.P521, suite.ECDSA, iana.ECDSA_SECP521R1_SHA512},
		{pki.Ed25519, suite.ECDSA, iana.ED25519},
		{pki.RSA2048, suite.RSA, iana.RSA_PSS_RSAE_SHA256},
		{pki.RSA2048, suite.RSA, iana.RSA_PSS_RSAE_SHA512},
		{pki.RSA2048, suite.RSA, iana.RSA_PKCS1_SHA256},
		{pki.RSA2048, suite.RSA, iana.RSA_PKCS1_SHA384},
		{pki.RSA2048, suite.RSA, iana.RSA_PKCS1_SHA512},
	}
	versions := map[string]option{"client": old, "server": oldServer}
	for _, u := range defaults(iana.TLS12) {
		for _, g := range kex.Groups() {
			for _, k := range kinds {
				if kex.PostQuantum(g) || k.auth != u.Auth {
					continue
				}
				for by, version := range versions {
					p := newPair(t, version, group(g), withCertificate(t, k.key), func(c *config.ClientConfig, s *config.ServerConfig) {
						c.CipherSuites = []iana.CipherSuite{iana.TLS_AES_128_GCM_SHA256, u.ID}
						s.SignatureSchemes = []iana.SignatureScheme{k.scheme}
						c.NextProtos, s.NextProtos = []string{"h2", "http/1.1"}, []string{"http/1.1"}
					})
					t.Run(fmt.Sprintf("%v/%v/%v/%v/limited by the %s", u.ID, g, k.key, k.scheme, by), func(t *testing.T) {
						p.connect(t).exchange(t, 20_000)
						want := flow.Info{
							State: fault.Connected, Version: iana.TLS12, CipherSuite: u.ID, Group: g, SignatureScheme: k.scheme,
							ServerName: "localhost", ALPN: "http/1.1", ExtendedMasterSecret: true, SecureRenegotiation: true,
						}
						for _, i := range []flow.Info{p.client.Info(), p.server.Info()} {
							want.Role, want.Peer, want.ClientRandom = i.Role, i.Peer, i.ClientRandom
							if !equal(i, want) {
								t.Errorf("%v:\ngot  %+v\nwant %+v", i.Role, i, want)
							}
						}
					})
				}
			}
		}
	}
}

// How messages are cut into records and records into pieces changes nothing.
func TestDelivery12(t *testing.T) {
	for _, c := range []struct {
		name        string
		chunk, chop int // chop -1: as the engine makes records
	}{
		{"byte by byte", 1, -1}, {"seven bytes at a time", 7, -1}, {"a record for each message", 0, 0},
		{"records of one byte, byte by byte", 1, 1}, {"records of 100 bytes", 0, 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair(t, old)
			p.chunk = c.chunk
			if c.chop >= 0 {
				for _, s := range []*side{p.client, p.server} {
					s.options.Layer = chopper{(*layer)(s.Engine), c.chop}
				}
			}
			p.connect(t).exchange(t, 3000)
		})
	}
}

// A flight leaves in as few records as possible, ChangeCipherSpec stands right
// before Finished, and every record but the first ClientHello says TLS 1.2.
func TestRecords12(t *testing.T) {
	const (
		ccs       = iana.ContentChangeCipherSpec
		handshake = iana.ContentHandshake
		data      = iana.ContentApplicationData
		alert     = iana.ContentAlert
	)
	for name, version := range map[string]option{"client": old, "server": oldServer} {
		p := newPair(t, version).connect(t)
		p.exchange(t, 10)
		p.client.Close()
		p.server.Close()
		p.pump(t)
		for _, s := range []*side{p.client, p.server} {
			var got []iana.ContentType
			for i, r := range records(s.sent) {
				got = append(got, r.typ)
				if first := s == p.client && i == 0; first != (r.version == iana.TLS10) || !first && r.version != iana.TLS12 {
					t.Errorf("%s: record %d of the %v says %v", name, i, s.role, r.version)
				}
			}
			want := []iana.ContentType{handshake, handshake, ccs, handshake, data, alert}
			if s == p.server {
				want = []iana.ContentType{handshake, ccs, handshake, data, alert}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: the %v sent %v, want %v", name, s.role, got, want)
			}
		}
		if !p.client.closed() || !p.server.closed() {
			t.Errorf("%s: ended with %v and %v", name, p.client.err, p.server.err)
		}
	}
}

// A ChangeCipherSpec that comes before the version is known is one of TLS 1.3's
// dummies and changes nothing.
func TestEarlyDummy12(t *testing.T) {
	p := newPair(t, old)
	p.client.wire = []byte{20, 3, 3, 0, 1, 1}
	p.connect(t).exchange(t, 10)
}

// What each side may have or lack of the extensions that repair TLS 1.2.
func TestRepairs12(t *testing.T) {
	scsv := func(h *wire.ClientHello) {
		h.Extensions.Remove(iana.ExtRenegotiationInfo)
		h.CipherSuites = wire.MakeList16(append(h.CipherSuites.Slice(), iana.TLS_EMPTY_RENEGOTIATION_INFO_SCSV)...)
	}
	for _, c := range []struct {
		name       string
		edit       func(h *wire.ClientHello)
		ems, reneg bool
	}{
		{"all", func(*wire.ClientHello) {}, true, true},
		{"no extended master secret", noEMS, false, true},
		{"renegotiation_info by suite value", scsv, true, true},
		{"both", func(h *wire.ClientHello) { scsv(h); h.Extensions.Add(iana.ExtRenegotiationInfo) }, true, true},
		{"neither", func(h *wire.ClientHello) { noEMS(h); h.Extensions.Remove(iana.ExtRenegotiationInfo) }, false, false},
		{"no points named", func(h *wire.ClientHello) { h.Extensions.Remove(iana.ExtECPointFormats) }, true, true},
		{"points of all kinds", func(h *wire.ClientHello) { h.PointFormats = wire.MakeList8[wire.PointFormat](2, 1, 0) }, true, true},
		{"compression besides null", func(h *wire.ClientHello) { h.Compressions = wire.MakeList8[wire.Compression](1, 0) }, true, true},
		{"a session ID", func(h *wire.ClientHello) { h.SessionID = []byte("of another day") }, true, true},
		{"tickets, padding and what nobody knows", func(h *wire.ClientHello) {
			h.Extensions.Add(iana.ExtSessionTicket, iana.ExtEncryptThenMAC, iana.ExtPadding)
			h.Extensions.AddRaw(0x2a2a, []byte("grease"))
		}, true, true},
	} {
		for name, version := range map[string]option{"client": old, "server": oldServer} {
			t.Run(c.name+"/limited by the "+name, func(t *testing.T) {
				p := newPair(t, version).editHello(c.edit).connect(t)
				p.exchange(t, 100)
				for _, i := range []flow.Info{p.client.Info(), p.server.Info()} {
					if i.Version != iana.TLS12 || i.ExtendedMasterSecret != c.ems || i.SecureRenegotiation != c.reneg {
						t.Errorf("%v: %v, extended master secret %v, secure renegotiation %v", i.Role, i.Version, i.ExtendedMasterSecret, i.SecureRenegotiation)
					}
				}
				a, aerr := p.client.ExportKeyingMaterial("EXPORTER-label", nil, 32)
				b, berr := p.server.ExportKeyingMaterial("EXPORTER-label", nil, 32)
				if !c.ems {
					if !errors.Is(aerr, fault.ExportUnsafe) || !errors.Is(berr, fault.ExportUnsafe) {
						t.Errorf("exporters without extended master secret: %v, %v", aerr, berr)
					}
				} else if aerr != nil || berr != nil || !bytes.Equal(a, b) {
					t.Errorf("exporters differ, or fail: %v, %v", aerr, berr)
				}
			})
		}
	}
}

// A client that lists no groups leaves the choice to the server (RFC 8422,
// Section 4). Ours insists on what it said, so only the server is looked at.
func TestNoGroups12(t *testing.T) {
	p := newPair(t, old, group(iana.Secp384r1)).editHello(func(h *wire.ClientHello) { h.Extensions.Remove(iana.ExtSupportedGroups) })
	p.connect(t)
	if g := p.server.Info().Group; g != iana.Secp384r1 {
		t.Errorf("the server chose %v", g)
	}
}

// Without supported_versions the offer is TLS 1.2, whatever legacy_version says
// (RFC 9846, Section 4.3.1); with it, legacy_version means nothing.
func TestLegacyVersion12(t *testing.T) {
	for _, v := range []iana.Version{iana.TLS12, iana.TLS13, 0x0305, 0x7f1c} {
		p := newPair(t, old).editHello(func(h *wire.ClientHello) { h.LegacyVersion = v })
		p.server.wire = p.client.Output(nil)
		p.server.in, p.server.wire = p.server.wire, nil
		p.server.hear(t)
		if got := p.server.Info().Version; p.server.err != nil || got != iana.TLS12 {
			t.Errorf("%v: %v, %v", v, got, p.server.err)
		}
	}
}

// A hello that leads to TLS 1.3 says 0x0303, no less and no more: anything else the
// server "MUST abort" (RFC 9846, Section 4.2.2, where RFC 8446 had it look away).
func TestLegacyVersion13(t *testing.T) {
	for _, v := range []iana.Version{iana.SSL30, iana.TLS11, iana.TLS13, 0x0400, 0x1234} {
		p := newPair(t).editHello(func(h *wire.ClientHello) { h.LegacyVersion = v })
		p.pump(t)
		refused(t, p.server, p.client, fault.ClientLegacyVersion)
		if alert := fault.ClientLegacyVersion.Alert; alert != iana.ProtocolVersion {
			t.Errorf("%v is told of with %v", v, alert)
		}
	}
}

// Old clients are told apart by name.
func TestOldClients(t *testing.T) {
	for v, want := range map[iana.Version]struct {
		rule *fault.Rule
		name string
	}{
		iana.TLS11: {fault.NoCommonVersion, "the client offers TLS 1.1"},
		iana.TLS10: {fault.NoCommonVersion, "the client offers TLS 1.0"},
		iana.SSL30: {fault.PeerSpeaksSSLv3, "SSL 3.0"},
	} {
		p := newPair(t, old).editHello(func(h *wire.ClientHello) { h.LegacyVersion, h.Extensions = v, wire.Extensions{} })
		p.pump(t)
		refused(t, p.server, p.client, want.rule)
		if !strings.Contains(p.server.err.Error(), want.name) {
			t.Errorf("%v does not say %q", p.server.err, want.name)
		}
	}
}

// A server that could have spoken TLS 1.3 says so in its random; one that could
// not keeps it random. A client that offered only TLS 1.2 does not mind.
func TestSentinel12(t *testing.T) {
	for _, c := range []struct {
		name   string
		option option
		marked bool
	}{{"the client's limit", old, true}, {"the server's limit", oldServer, false}} {
		p := newPair(t, c.option)
		var end string
		p.server.Edit(func(m wire.Message) {
			if h, ok := m.(*wire.ServerHello); ok {
				end = string(h.Random[24:])
			}
		})
		p.connect(t).exchange(t, 1)
		if marked := end == "DOWNGRD\x01"; marked != c.marked {
			t.Errorf("%s: the random ends in %q", c.name, end)
		}
	}
}

// The echo of supported_groups that many servers send means nothing.
func TestGroupsEchoed12(t *testing.T) {
	p := newPair(t, old)
	p.server.Edit(func(m wire.Message) {
		if h, ok := m.(*wire.ServerHello); ok {
			h.Groups = wire.MakeList16(iana.X25519)
			h.Extensions.Add(iana.ExtSupportedGroups)
		}
	})
	p.connect(t).exchange(t, 1)
}

// The suite asks for a kind of key and the name for a certificate: both are
// right, in the order of suites.
func TestCertificateChoice12(t *testing.T) {
	var (
		a    = own(t, issue(t, pki.Leaf{Names: []string{"a.example"}}))
		b    = own(t, issue(t, pki.Leaf{Names: []string{"b.example"}, Key: pki.RSA2048}))
		both = []iana.CipherSuite{iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, iana.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}
	)
	for _, c := range []struct {
		name   string
		suites []iana.CipherSuite
		want   config.Certificate
		suite  iana.CipherSuite
	}{
		{"a.example", both, a, both[0]},
		{"b.example", both, b, both[1]},
		{"elsewhere.test", both, a, both[0]},
		{"elsewhere.test", both[1:], b, both[1]},
	} {
		p := newPair(t, old, func(cc *config.ClientConfig, s *config.ServerConfig) {
			cc.ServerName, cc.InsecureSkipVerify, cc.CipherSuites = c.name, true, c.suites
			s.Certificates = []config.Certificate{a, b}
		}).connect(t)
		i := p.client.Info()
		if !i.Peer.Peer[0].Equal(c.want.Leaf()) || i.CipherSuite != c.suite {
			t.Errorf("%s: %v with %v", c.name, i.Peer.Peer[0].DNSNames, i.CipherSuite)
		}
	}
}

// What the server staples reaches the client. It may promise an OCSP answer and
// send none (RFC 6066, Section 8).
func TestStaples12(t *testing.T) {
	a, err := authority()
	must(t, err)
	issued := issue(t, pki.Leaf{Names: []string{"localhost"}, MustStaple: true})
	staple, err := a.OCSP(issued, pki.Answer{})
	must(t, err)
	scts := [][]byte{[]byte("the first log's"), []byte("the second log's")}
	with := func(_ *config.ClientConfig, s *config.ServerConfig) {
		c := own(t, issued)
		c.OCSPStaple, c.SignedCertificateTimestamps = staple, scts
		s.Certificates = []config.Certificate{c}
	}
	p := newPair(t, old, with).connect(t)
	i := p.client.Info()
	if !bytes.Equal(i.OCSPResponse, staple) || !slices.EqualFunc(i.SCTs, scts, bytes.Equal) || i.Peer.OCSP == nil || i.Peer.OCSP.Status != flow.OCSPGood {
		t.Errorf("got staple %x, SCTs %q, verdict %+v", i.OCSPResponse, i.SCTs, i.Peer)
	}

	p = newPair(t, old, with).editHello(func(h *wire.ClientHello) {
		h.Extensions.Remove(iana.ExtStatusRequest)
		h.Extensions.Remove(iana.ExtSCT)
	})
	p.pump(t)
	refused(t, p.client, p.server, fault.OCSPMustStaple) // not asked for, so not sent

	p = newPair(t, old)
	p.server.Edit(func(m wire.Message) {
		if h, ok := m.(*wire.ServerHello); ok {
			h.Extensions.Add(iana.ExtStatusRequest)
		}
	})
	if i := p.connect(t).client.Info(); i.OCSPResponse != nil || i.SCTs != nil {
		t.Error("staples out of nowhere")
	}
}

// requester is a layer that sends a CertificateRequest before ServerHelloDone,
// and has both machines hash it.
type requester struct {
	*layer
	request []byte
}

func (l requester) WriteMessage(msg []byte) {
	if iana.HandshakeType(msg[0]) == iana.ServerHelloDone {
		l.layer.WriteMessage(l.request)
	}
	l.layer.WriteMessage(msg)
}

// A client without a certificate answers a CertificateRequest with an empty
// list (RFC 5246, Section 7.4.6); our own server, which did not ask, refuses it.
func TestCertificateRequest12(t *testing.T) {
	request, err := wire.Append(nil, &wire.CertificateRequest12{
		Types: wire.MakeList8(iana.ECDSASign), SignatureSchemes: wire.MakeList16(iana.ECDSA_SECP256R1_SHA256),
	})
	must(t, err)
	p := newPair(t, old)
	p.server.options.Layer = requester{(*layer)(p.server.Engine), request}
	var sent []string
	p.client.Watch(func(ev *flow.Event) {
		if ev.Kind == flow.Message && ev.Sent {
			sent = append(sent, fmt.Sprintf("%v %x", ev.Type, ev.Bytes[wire.HeaderLen:min(len(ev.Bytes), wire.HeaderLen+3)]))
		}
	})
	p.pump(t)
	refused(t, p.server, p.client, fault.UnexpectedMessage)
	if len(sent) != 4 || sent[1] != "certificate 000000" || !strings.HasPrefix(sent[2], "client_key_exchange") {
		t.Errorf("the client sent %q", sent)
	}
}

// The exporter of TLS 1.2 tells an absent context from an empty one (RFC 5705,
// Section 4).
func TestExporters12(t *testing.T) {
	for _, u := range defaults(iana.TLS12) {
		if u.Auth != suite.ECDSA {
			continue
		}
		p := newPair(t, old, func(c *config.ClientConfig, _ *config.ServerConfig) { c.CipherSuites = []iana.CipherSuite{u.ID} }).connect(t)
		seen := map[string]bool{}
		for _, c := range []struct {
			label   string
			context []byte
			length  int
		}{{"EXPORTER-a", nil, 32}, {"EXPORTER-a", []byte{}, 32}, {"EXPORTER-b", nil, 32}, {"EXPORTER-a", []byte("context"), 48}} {
			a, err := p.client.ExportKeyingMaterial(c.label, c.context, c.length)
			must(t, err)
			b, err := p.server.ExportKeyingMaterial(c.label, c.context, c.length)
			must(t, err)
			if !bytes.Equal(a, b) || len(a) != c.length || seen[string(a[:32])] {
				t.Errorf("%v %v: %x and %x", u.ID, c, a, b)
			}
			seen[string(a[:32])] = true
		}
		for _, label := range []string{"master secret", "key expansion"} {
			if _, err := p.client.ExportKeyingMaterial(label, nil, 32); !errors.Is(err, fault.ExportLabel) {
				t.Errorf("label %q: %v", label, err)
			}
		}
	}
}

// The one line of the key log is the same on both sides, and all that a reader
// of the wire needs.
func TestKeyLog12(t *testing.T) {
	for _, ems := range []bool{true, false} {
		p := newPair(t, old)
		var server [32]byte
		p.server.Edit(func(m wire.Message) {
			if h, ok := m.(*wire.ServerHello); ok {
				server = h.Random
			}
		})
		if !ems {
			p.editHello(noEMS)
		}
		p.connect(t)
		data := []byte("for whoever holds the key log")
		before := len(p.client.sent)
		send(t, p.client, p.server, data)
		rec := bytes.Clone(p.client.sent[before:])
		line := p.client.log.String()
		f := strings.Fields(line)
		random := p.client.Info().ClientRandom
		if line != p.server.log.String() || len(f) != 3 || f[0] != "CLIENT_RANDOM" || f[1] != hex.EncodeToString(random[:]) || len(f[2]) != 96 {
			t.Fatalf("client\n%sserver\n%s", line, p.server.log.String())
		}
		u := suite.ByID(p.client.Info().CipherSuite)
		own, _ := keys.NewMaster12(u.Hash, unhex(t, f[2]), random[:], server[:]).KeyBlock(0, u.KeyLen, u.IVLen)
		var h record.Half
		must(t, u.Install12(&h, own, suite.Options12{Version: iana.TLS12}, 0))
		_, err := h.Seal(nil, iana.ContentHandshake, make([]byte, 16), 0) // in place of Finished, which was record 0
		must(t, err)
		if typ, got, err := h.Open(rec); typ != iana.ContentApplicationData || !bytes.Equal(got, data) {
			t.Errorf("the key log gives %v %q, %v", typ, got, err)
		}
	}
}

// What one side does when the other has gone half way, and that nobody changes
// keys.
func TestHalfClose12(t *testing.T) {
	p := newPair(t, old).connect(t)
	for _, s := range []*side{p.client, p.server} {
		if err := s.KeyUpdate(true); !errors.Is(err, fault.KeyUpdateVersion) || s.Err() != nil || s.Pending() {
			t.Errorf("KeyUpdate of the %v: %v, then %v", s.role, err, s.Err())
		}
	}
	p.client.Close()
	p.pump(t)
	if !p.server.closed() {
		t.Fatalf("the server sees %v", p.server.err)
	}
	send(t, p.server, p.client, []byte("the rest"))
	p.server.Close()
	p.pump(t)
	if string(p.client.got) != "the rest" || !p.client.closed() {
		t.Errorf("got %q, %v", p.client.got, p.client.err)
	}
}

// A key of TLS 1.2 that is used up ends the connection. All that was sealed
// before arrives, and then an alert.
func TestLimit12(t *testing.T) {
	const limit, kept = 64, 8 // records in all, and those kept for the end
	for _, each := range []int{1, 7, 100} {
		p := newPair(t, old, long)
		p.client.limit = limit
		p.connect(t)
		var sent int
		var err error
		for err == nil {
			var out []byte
			out, err = p.client.Send([]byte("dst"), make([]byte, each*record.MaxPlaintext))
			rest, ok := bytes.CutPrefix(out, []byte("dst"))
			if !ok || err != nil && len(rest) > 0 {
				t.Fatalf("Send gave %d bytes with %v", len(rest), err)
			}
			p.server.wire = append(p.server.wire, rest...)
			if sent++; sent > limit {
				t.Fatal("no end in sight")
			}
		}
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || f.Rule != fault.RecordSequenceEnd || f.Role != fault.Client || f.State != fault.Connected || p.client.Err() != err {
			t.Errorf("%v, then %v", err, p.client.Err())
		}
		p.client.err = err
		p.pump(t)
		refused(t, p.client, p.server, fault.RecordSequenceEnd)
		if got, want := len(p.server.got), (limit-kept)*record.MaxPlaintext; got != want {
			t.Errorf("%d records at a time: %d bytes arrived, want %d", each, got, want)
		}
	}
}

// Warnings mean little in TLS 1.2: unrecognized_name before the ServerHello is
// the one that is met.
func TestWarnings12(t *testing.T) {
	unrecognized := []byte{21, 3, 3, 0, 2, 1, byte(iana.UnrecognizedName)}
	for n, ok := range map[int]bool{1: true, limits.Warnings: true, limits.Warnings + 1: false} {
		p := newPair(t, old)
		p.client.wire = bytes.Repeat(unrecognized, n)
		if ok {
			p.connect(t).exchange(t, 1)
			continue
		}
		p.pump(t)
		refused(t, p.client, p.server, fault.Flood)
	}
	p := newPair(t, old).connect(t)
	for range 3 { // data between makes up for them
		for range limits.Warnings {
			injectRecord(p.server, iana.ContentAlert, []byte{1, byte(iana.UnrecognizedName)})
		}
		p.exchange(t, 1)
	}
}

// A refused renegotiation ends in a warning, which is what RFC 5246, Section
// 7.2.2, has no_renegotiation be.
func TestRenegotiation12(t *testing.T) {
	p := newPair(t, old).connect(t)
	inject(t, p.server, &wire.HelloRequest{})
	p.step(t, p.server, p.client) // says it
	p.step(t, p.client, p.server) // hears it
	p.step(t, p.client, p.server) // answers
	if !errors.Is(p.client.err, fault.Renegotiation) {
		t.Fatal(p.client.err)
	}
	rec := bytes.Clone(p.server.wire)
	_, content, err := p.server.reader.in.Open(rec)
	must(t, err)
	if content[0] != 1 || iana.Alert(content[1]) != iana.NoRenegotiation {
		t.Errorf("sent alert % x", content)
	}
}

// A client may leave a wish to renegotiate unanswered (RFC 5246, Section 7.4.1.1), but
// not one that is malformed, nor many without data between.
func TestRenegotiationIgnored(t *testing.T) {
	ignore := func(c *config.ClientConfig, _ *config.ServerConfig) { c.MaxRenegotiations = -1 }
	p := newPair(t, old, ignore).connect(t)
	inject(t, p.server, &wire.HelloRequest{})
	p.pump(t)
	p.exchange(t, 100)
	if n := p.client.Info().Renegotiations; n != 0 || len(p.client.Output(nil)) > 0 {
		t.Errorf("%d renegotiations", n)
	}
	for range limits.PostMessages + 1 {
		inject(t, p.server, &wire.HelloRequest{})
	}
	p.pump(t)
	refused(t, p.client, p.server, fault.Flood)

	p = newPair(t, old, ignore).connect(t)
	(*layer)(p.server.Engine).WriteMessage([]byte{byte(iana.HelloRequest), 0, 0, 1, 0})
	p.pump(t)
	refused(t, p.client, p.server, fault.WireTrailing)
}

// Who has said close_notify can't begin another handshake, whatever its
// configuration says.
func TestRenegotiationAfterClose(t *testing.T) {
	p := newPair(t, old, func(c *config.ClientConfig, _ *config.ServerConfig) { c.MaxRenegotiations = 1 }).connect(t)
	p.client.Close()
	inject(t, p.server, &wire.HelloRequest{})
	p.step(t, p.server, p.client)
	p.step(t, p.client, p.server)
	if !errors.Is(p.client.err, fault.Renegotiation) {
		t.Fatal(p.client.err)
	}
}

// What each side tells of a handshake of TLS 1.2, its data and its end.
func TestEvents12(t *testing.T) {
	p := newPair(t, old)
	var told [2]bytes.Buffer
	for i, s := range []*side{p.client, p.server} {
		s.Watch(func(ev *flow.Event) { fmt.Fprintln(&told[i], line(ev)) })
	}
	p.connect(t).exchange(t, 10)
	p.client.Close()
	p.pump(t)
	p.server.Close()
	p.pump(t)
	for i, path := range []string{"testdata/events12_client.golden", "testdata/events12_server.golden"} {
		if *update {
			must(t, os.WriteFile(path, told[i].Bytes(), 0o644))
		}
		want, err := os.ReadFile(path)
		must(t, err)
		if told[i].String() != string(want) {
			t.Errorf("%s: got\n%s", path, told[i].String())
		}
	}
}

// TestClosedInRenegotiation: nothing follows close_notify, though the handshake goes
// on for who reads.
func TestClosedInRenegotiation(t *testing.T) {
	p, _ := again(t, only12)
	l := (*layer)(p.client.Engine)
	l.Renegotiating()
	p.client.Close()
	if out := p.client.Output(nil); len(out) == 0 {
		t.Error("no close_notify")
	}
	l.WriteMessage([]byte{byte(iana.ClientKeyExchange), 0, 0, 0})
	l.ChangeCipherSpec()
	if out := p.client.Output(nil); len(out) > 0 || p.client.Err() != nil {
		t.Errorf("%x follows, %v", out, p.client.Err())
	}
}

// A hello that Edit put in, such as a recorded one, may offer pre-shared keys that we
// don't have. A server that takes one up is refused.
func TestEditedPSK(t *testing.T) {
	for _, id := range []iana.CipherSuite{iana.TLS_PSK_WITH_AES_128_GCM_SHA256, iana.TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA} {
		p := newPair(t, old, func(_ *config.ClientConfig, s *config.ServerConfig) {
			s.PSKs, s.CipherSuites = []config.PSK{{Identity: []byte("somebody"), Key: make([]byte, 32)}}, []iana.CipherSuite{id}
		}).editHello(func(h *wire.ClientHello) { h.CipherSuites = wire.MakeList16(id) })
		p.pump(t)
		refused(t, p.client, p.server, fault.ServerSuite)
	}
}
