package fault_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/internal/record"
	"github.com/handclasp/handclasp/internal/wire"
)

// Scenarios of TLS 1.2, most of them made of those for TLS 1.3.

// message is m as bytes.
func message(m wire.Message) []byte {
	b, err := wire.Append(nil, m)
	if err != nil {
		panic(err)
	}
	return b
}

// bare is a message that has no content.
func bare(typ iana.HandshakeType) []byte { return []byte{byte(typ), 0, 0, 0} }

// insteadOfCCS has the victim's peer do something in place of the real
// ChangeCipherSpec of TLS 1.2; what the peer says after that is lost.
func insteadOfCCS(victim fault.Role, do func(w *tap)) scenario {
	return in12(by(victim, func(p *pair) {
		lost := false
		p.tap = func(w *tap, t iana.ContentType, b []byte) {
			switch {
			case w.from == victim:
				w.put(t, b)
			case lost:
			case t == iana.ContentChangeCipherSpec:
				lost = true
				do(w)
			default:
				w.put(t, b)
			}
		}
	}))
}

// ecdhe12 is how the key exchanges of these handshakes are to be read.
var ecdhe12 = wire.Form{Version: iana.TLS12, Exchange: iana.ECDHE}

// withPoint has the server send, well signed, another share than its own.
func withPoint(g iana.Group, point []byte) scenario {
	return in12(by(fault.Client, func(p *pair) {
		p.client.CurvePreferences = []iana.Group{g}
		evil := &wire.ServerKeyExchange{Form: ecdhe12, Group: g, Share: point}
		p.sign = func(a *flow.SignAsk) {
			randoms := a.Message[:64:64]
			a.Reply(a.Signer.Sign(context.Background(), a.Scheme, append(randoms, evil.Params()...)))
		}
		p.editServer = only(func(m *wire.ServerKeyExchange) { m.Share = point })
	}))
}

// withStaple has the server send an OCSP answer, and f look at its way.
func withStaple(f func(w *tap, t iana.ContentType, b []byte)) scenario {
	return in12(by(fault.Client, func(p *pair) {
		c := p.server.Certificates[0]
		c.OCSPStaple = []byte("an answer")
		p.server.Certificates = []config.Certificate{c}
		p.tap = f
	}))
}

// once12 has the victim's peer say something when both are connected.
func once12(victim fault.Role, do func(w *tap)) scenario {
	return in12(by(victim, func(p *pair) {
		p.after = func() {
			if victim == fault.Client {
				do(p.toC)
				p.inC = append(p.inC, p.toC.relay(nil)...)
				return
			}
			do(p.toS)
			p.inS = append(p.inS, p.toS.relay(nil)...)
		}
	}))
}

// asksAgain has the server ask for another handshake, and answer its hello so, with
// the certificate of an authority.
func asksAgain(prepare func(p *pair), answer func(m *wire.ServerHello)) scenario {
	return in12(by(fault.Client, func(p *pair) {
		p.client.MaxRenegotiations = 1
		prepare(p)
		var hello *wire.ServerHello
		var finished [2][]byte
		p.editClient = only(func(m *wire.Finished) { finished[0] = bytes.Clone(m.VerifyData) })
		edit := p.editServer
		p.editServer = func(m wire.Message) {
			if edit != nil {
				edit(m)
			}
			only(func(m *wire.ServerHello) { // which lives no longer than this call
				hello = new(wire.ServerHello)
				if err := wire.Decode(message(m), hello); err != nil {
					panic(err)
				}
			})(m)
			only(func(m *wire.Finished) { finished[1] = bytes.Clone(m.VerifyData) })(m)
		}
		asked := false
		p.tap = func(w *tap, t iana.ContentType, b []byte) {
			if !asked || w.from == fault.Server || t != iana.ContentHandshake { // the server would not renegotiate
				w.put(t, b)
			}
		}
		p.after = func() {
			asked = true
			p.toC.put(iana.ContentHandshake, bare(iana.HelloRequest))
			if answer != nil {
				hello.RenegotiationInfo = slices.Concat(finished[0], finished[1])
				answer(hello)
				p.toC.put(iana.ContentHandshake, message(hello))
				h, _ := theHouse()
				p.toC.put(iana.ContentHandshake, message(&wire.Certificate12{List: [][]byte{h.good.Chain()[1].Raw}}))
			}
			p.inC = append(p.inC, p.toC.relay(nil)...)
		}
	}))
}

// asked has the server ask its hooks, which answer so.
func asked(answer func(a *flow.HelloAsk)) scenario {
	return by(fault.Server, func(p *pair) {
		p.server.GetCertificate = func(*config.HelloInfo) (*config.Certificate, error) { return nil, nil }
		p.choose = answer
	})
}

// suiteOfRSA is offered by default, and needs another key than ours.
const suiteOfRSA = iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256

var of12 = map[*fault.Rule]scenario{
	fault.NoCertificateForSuite: in12(hello(func(h *wire.ClientHello) { h.CipherSuites = wire.MakeList16(suiteOfRSA) })),
	// A server of TLS 1.2 behind the address of one that asked for a second hello.
	fault.RetryVersionChanged: by(fault.Client, func(p *pair) {
		p.client.KeyShares = []iana.Group{}
		p.editServer = only(func(m *wire.ServerHello) {
			if !m.IsRetry() {
				m.Extensions = wire.Extensions{} // whatever the suite
			}
		})
	}),
	fault.PointFormats: in12(answer(func(m *wire.ServerHello) { m.PointFormats = wire.MakeList8[wire.PointFormat](1) })),
	fault.RenegotiationInfo: in12(answer(func(m *wire.ServerHello) {
		m.RenegotiationInfo = make([]byte, 12)
	})),
	fault.SessionIDUnknown: by(fault.Client, func(p *pair) {
		var made []byte
		p.server.MaxVersion = iana.TLS12
		p.editClient = only(func(m *wire.ClientHello) { made = m.SessionID })
		p.editServer = only(func(m *wire.ServerHello) { m.SessionID = made })
	}),
	fault.Renegotiation: once12(fault.Client, func(w *tap) { w.put(iana.ContentHandshake, bare(iana.HelloRequest)) }),
	fault.RenegotiationInsecure: asksAgain(func(p *pair) {
		p.editServer = only(func(m *wire.ServerHello) { m.Extensions.Remove(iana.ExtRenegotiationInfo) })
	}, nil),
	fault.RenegotiationHTTP2: asksAgain(func(p *pair) {
		p.client.NextProtos, p.server.NextProtos = []string{"h2"}, []string{"h2"}
	}, nil),
	fault.RenegotiationUntied:  asksAgain(func(*pair) {}, func(m *wire.ServerHello) { m.RenegotiationInfo[23]++ }),
	fault.RenegotiationChanged: asksAgain(func(*pair) {}, func(m *wire.ServerHello) { m.Extensions.Remove(iana.ExtExtendedMasterSecret) }),
	fault.RenegotiationServer:  asksAgain(func(*pair) {}, func(*wire.ServerHello) {}),
	fault.ServerGroup:          in12(answer(func(m *wire.ServerKeyExchange) { m.Group = iana.Secp521r1 })),
	fault.SuiteKeyMismatch:     in12(answer(func(m *wire.ServerHello) { m.CipherSuite = suiteOfRSA })),
	fault.ExportUnsafe: alone(func(t *testing.T) error {
		p := connected12(t, func(p *pair) {
			p.editClient = only(func(h *wire.ClientHello) { h.Extensions.Remove(iana.ExtExtendedMasterSecret) })
		})
		_, err := p.c.ExportKeyingMaterial("EXPORTER-label", nil, 32)
		return locally(t, err, fault.Client)
	}),
	fault.KeyUpdateVersion: alone(func(t *testing.T) error {
		return locally(t, connected12(t, func(*pair) {}).s.KeyUpdate(true), fault.Server)
	}),
}

// connected12 is a pair that has shaken hands in TLS 1.2.
func connected12(t *testing.T, prepare func(p *pair)) *pair {
	t.Helper()
	p := newPair(t)
	p.client.MaxVersion = iana.TLS12
	prepare(p)
	p.connect()
	p.pump()
	if p.cerr != nil || p.serr != nil || !p.c.Connected() || !p.s.Connected() {
		t.Fatalf("not connected: %v, %v", p.cerr, p.serr)
	}
	return p
}

// locally checks the role of an error that a caller gets for asking too much,
// and takes it away: no peer has noticed anything.
func locally(t *testing.T, err error, role fault.Role) error {
	t.Helper()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Role != role || f.State != fault.Connected {
		t.Fatalf("%v", err)
	}
	f.Role = fault.NoRole
	return f
}

var ofHooks = map[*fault.Rule]scenario{
	fault.ConfigHook: by(fault.Server, func(p *pair) {
		p.server.GetConfigForClient = func(*config.HelloInfo) (*config.ServerConfig, error) { return nil, errBroken }
		p.choose = func(a *flow.HelloAsk) {
			_, err := a.Config.GetConfigForClient(a.Hello)
			a.Reply(nil, nil, err)
		}
	}),
	fault.CertificateHook: asked(func(a *flow.HelloAsk) { a.Reply(a.Config, nil, fault.CertificateHook.Because(errBroken)) }),
}

// otherWays12 are further places where a rule is checked in TLS 1.2.
var otherWays12 = []struct {
	name string
	rule *fault.Rule
	scenario
}{
	// the client and the server's hello
	{"ServerHello with key_share", fault.ExtensionMisplaced, in12(answer(func(m *wire.ServerHello) {
		m.KeyShare = wire.KeyShare{Group: iana.X25519, Key: make([]byte, 32)}
		m.Extensions.Add(iana.ExtKeyShare)
	}))},
	{"ServerHello with key_share, although TLS 1.3 was offered", fault.ExtensionMisplaced, by(fault.Client, func(p *pair) {
		p.server.MaxVersion = iana.TLS12
		p.editServer = only(func(m *wire.ServerHello) {
			m.KeyShare = wire.KeyShare{Group: iana.X25519, Key: make([]byte, 32)}
			m.Extensions.Add(iana.ExtKeyShare)
		})
	})},
	{"ServerHello with pre_shared_key", fault.ExtensionMisplaced, in12(answer(func(m *wire.ServerHello) { m.Extensions.Add(iana.ExtPreSharedKey) }))},
	{"ServerHello with signature_algorithms", fault.ExtensionMisplaced, in12(answer(func(m *wire.ServerHello) {
		m.Extensions.AddRaw(iana.ExtSignatureAlgorithms, []byte{0, 2, 8, 7})
	}))},
	{"supported_versions says TLS 1.2", fault.ServerVersionNotOffered, in12(answer(selects(iana.TLS12)))},
	{"supported_versions says TLS 1.3", fault.ServerVersionNotOffered, in12(answer(selects(iana.TLS13)))},
	{"ServerHello with encrypt_then_mac", fault.ExtensionUnsolicited, in12(answer(func(m *wire.ServerHello) { m.Extensions.Add(iana.ExtEncryptThenMAC) }))},
	{"ServerHello with session_ticket", fault.ExtensionUnsolicited, in12(answer(func(m *wire.ServerHello) { m.Extensions.Add(iana.ExtSessionTicket) }))},
	{"ServerHello with an unknown extension", fault.ExtensionUnsolicited, in12(answer(func(m *wire.ServerHello) { m.Extensions.AddRaw(0xfafa, nil) }))},
	{"ServerHello with ALPN that nobody asked for", fault.ExtensionUnsolicited, in12(answer(func(m *wire.ServerHello) {
		m.ALPN = [][]byte{[]byte("h2")}
		m.Extensions.Add(iana.ExtALPN)
	}))},
	{"another protocol", fault.ServerALPN, in12(by(fault.Client, func(p *pair) {
		p.client.NextProtos = []string{"h2"}
		p.editServer = only(func(m *wire.ServerHello) {
			m.ALPN = [][]byte{[]byte("h3")}
			m.Extensions.Add(iana.ExtALPN)
		})
	}))},
	{"ServerHello in TLS 1.1", fault.ServerVersionUnsupported, in12(answer(func(m *wire.ServerHello) { m.LegacyVersion = iana.TLS11 }))},
	{"ServerHello in SSL 3.0", fault.PeerSpeaksSSLv3, in12(answer(func(m *wire.ServerHello) { m.LegacyVersion = iana.SSL30 }))},
	{"a suite of TLS 1.3", fault.ServerSuite, in12(answer(func(m *wire.ServerHello) { m.CipherSuite = iana.TLS_AES_128_GCM_SHA256 }))},
	{"a suite of TLS 1.2 that was not offered", fault.ServerSuite, in12(answer(func(m *wire.ServerHello) { m.CipherSuite = 0x009c }))},
	{"compression", fault.ServerCompression, in12(answer(func(m *wire.ServerHello) { m.Compression = 1 }))},
	{"a HelloRetryRequest for TLS 1.2", fault.ExtensionMissing, in12(answer(func(m *wire.ServerHello) { m.Random = wire.RetryRandom }))},
	{"a machine between that removes TLS 1.3", fault.Downgrade, by(fault.Client, func(p *pair) {
		p.tap = func(w *tap, t iana.ContentType, b []byte) {
			if w.from == fault.Client && t == iana.ContentHandshake && iana.HandshakeType(b[0]) == iana.ClientHello {
				h := new(wire.ClientHello)
				if err := wire.Decode(b, h); err != nil {
					panic(err)
				}
				h.Extensions.Remove(iana.ExtSupportedVersions)
				h.Extensions.Remove(iana.ExtKeyShare)
				b = message(h)
			}
			w.put(t, b)
		}
	})},
	{"the same, on the way to TLS 1.1", fault.Downgrade, by(fault.Client, func(p *pair) {
		p.server.MaxVersion = iana.TLS12
		p.editServer = only(func(m *wire.ServerHello) {
			m.LegacyVersion = iana.TLS11
			copy(m.Random[24:], "DOWNGRD\x00")
		})
	})},

	// the client and the server's certificate
	{"Certificate cut off", fault.WireTruncated, in12(instead(iana.Certificate, short(iana.Certificate)))},
	{"an empty list of certificates", fault.CertEmpty, in12(answer(func(m *wire.Certificate12) { m.List = nil }))},
	{"a certificate that is none", fault.CertUnparsable, in12(answer(func(m *wire.Certificate12) { m.List = [][]byte{[]byte("paper")} }))},
	{"a Certificate of TLS 1.3", fault.WireTrailing, in12(instead(iana.Certificate, message(&wire.Certificate{List: []wire.CertificateEntry{{Data: []byte("paper")}}})))},
	{"another certificate", fault.SigInvalid, in12(by(fault.Client, func(p *pair) {
		h, err := theHouse()
		check(p.t, err)
		other, err := h.sub.Issue(pki.Leaf{Names: []string{host}, Key: pki.Ed25519})
		check(p.t, err)
		p.editServer = only(func(m *wire.Certificate12) { m.List = other.Chain })
	}))},
	{"CertificateStatus that was not promised", fault.UnexpectedMessage, in12(instead(iana.ServerKeyExchange, message(&wire.CertificateStatus{OCSP: []byte("an answer")})))},
	{"CertificateStatus twice", fault.UnexpectedMessage, withStaple(func(w *tap, t iana.ContentType, b []byte) {
		w.put(t, b)
		if t == iana.ContentHandshake && iana.HandshakeType(b[0]) == iana.CertificateStatus {
			w.put(t, b)
		}
	})},
	{"CertificateStatus cut off", fault.WireTruncated, withStaple(func(w *tap, t iana.ContentType, b []byte) {
		if t == iana.ContentHandshake && iana.HandshakeType(b[0]) == iana.CertificateStatus {
			b = []byte{byte(iana.CertificateStatus), 0, 0, 1, 1}
		}
		w.put(t, b)
	})},
	{"CertificateStatus that is no answer", fault.OCSPMalformed, withStaple(nil)},
	{"no Certificate", fault.UnexpectedMessage, in12(instead(iana.Certificate, bare(iana.ServerHelloDone)))},

	// the client and the server's key exchange
	{"ServerKeyExchange cut off", fault.WireTruncated, in12(instead(iana.ServerKeyExchange, []byte{byte(iana.ServerKeyExchange), 0, 0, 1, 3}))},
	{"a curve that the server made up", fault.WireConstant, in12(instead(iana.ServerKeyExchange, []byte{byte(iana.ServerKeyExchange), 0, 0, 1, 1}))},
	{"a hybrid group", fault.ServerGroup, by(fault.Client, func(p *pair) {
		p.client.CurvePreferences = nil
		p.server.MaxVersion = iana.TLS12
		p.editServer = only(func(m *wire.ServerKeyExchange) { m.Group = iana.X25519MLKEM768 })
	})},
	{"a forged signature", fault.SigInvalid, in12(answer(func(m *wire.ServerKeyExchange) { m.Signature = flip(m.Signature) }))},
	{"no signature", fault.SigInvalid, in12(answer(func(m *wire.ServerKeyExchange) { m.Signature = nil }))},
	{"a share that was not signed", fault.SigInvalid, in12(answer(func(m *wire.ServerKeyExchange) { m.Share = flip(m.Share) }))},
	{"a group that was not signed", fault.SigInvalid, in12(answer(func(m *wire.ServerKeyExchange) { m.Group = iana.Secp256r1 }))},
	{"a signature of another connection", fault.SigInvalid, in12(by(fault.Client, func(p *pair) {
		p.sign = func(a *flow.SignAsk) {
			m := slices.Clone(a.Message)
			m[0] ^= 1 // the client's random
			a.Reply(a.Signer.Sign(context.Background(), a.Scheme, m))
		}
	}))},
	{"a scheme that was not offered", fault.SignatureSchemeRefused, in12(answer(func(m *wire.ServerKeyExchange) { m.Scheme = iana.ECDSA_SHA1 }))},
	{"a scheme for another key", fault.SigSchemeKeyMismatch, in12(answer(func(m *wire.ServerKeyExchange) { m.Scheme = iana.RSA_PKCS1_SHA256 }))},
	{"a share of zeros", fault.KexZeroSecret, withPoint(iana.X25519, make([]byte, 32))},
	{"a share off the curve", fault.KexPointInvalid, withPoint(iana.Secp256r1, append([]byte{4}, make([]byte, 64)...))},
	{"a compressed share", fault.KexShareLength, withPoint(iana.Secp256r1, append([]byte{2}, make([]byte, 32)...))},
	{"no ServerKeyExchange", fault.UnexpectedMessage, in12(instead(iana.ServerKeyExchange, bare(iana.ServerHelloDone)))},

	// the rest of the server's flight
	{"CertificateRequest cut off", fault.WireTruncated, in12(instead(iana.ServerHelloDone, short(iana.CertificateRequest)))},
	{"two CertificateRequests", fault.UnexpectedMessage, in12(instead(iana.ServerHelloDone, request12(), request12()))},
	{"ServerHelloDone with a byte", fault.WireTrailing, in12(instead(iana.ServerHelloDone, []byte{byte(iana.ServerHelloDone), 0, 0, 1, 0}))},
	{"no verdict", fault.MissingProof, in12(by(fault.Client, func(p *pair) { p.verify = func(a *flow.VerifyAsk) { a.Reply(nil, nil) } }))},
	{"a chain that is refused", fault.CertRefused, in12(by(fault.Client, func(p *pair) { p.verify = func(a *flow.VerifyAsk) { a.Reply(new(flow.Verdict), errBroken) } }))},
	{"HelloRequests in the handshake", fault.Flood, in12(instead(iana.ServerHelloDone, slices.Repeat([][]byte{bare(iana.HelloRequest)}, 9)...))},
	{"no randomness for our share", fault.KexRandom, in12(by(fault.Client, func(p *pair) { p.client.Rand = random(32) }))},
	{"a ticket that nobody asked for", fault.UnexpectedMessage, insteadOfCCS(fault.Client, func(w *tap) {
		w.put(iana.ContentHandshake, message(&wire.NewSessionTicket12{Ticket: []byte("ticket")}))
	})},

	// the server and the client's hello
	{"TLS 1.1 alone", fault.NoCommonVersion, in12(hello(func(h *wire.ClientHello) { h.LegacyVersion = iana.TLS11 }))},
	{"TLS 1.0 alone", fault.NoCommonVersion, in12(hello(func(h *wire.ClientHello) { h.LegacyVersion = iana.TLS10 }))},
	{"SSL 3.0 alone", fault.PeerSpeaksSSLv3, in12(hello(func(h *wire.ClientHello) { h.LegacyVersion, h.Extensions = iana.SSL30, wire.Extensions{} }))},
	{"compression without null", fault.ClientCompression, in12(hello(func(h *wire.ClientHello) { h.Compressions = wire.MakeList8[wire.Compression](1) }))},
	{"the client's compressed points", fault.PointFormats, in12(hello(func(h *wire.ClientHello) { h.PointFormats = wire.MakeList8[wire.PointFormat](1, 2) }))},
	{"the client's renegotiation", fault.RenegotiationInfo, in12(hello(func(h *wire.ClientHello) { h.RenegotiationInfo = make([]byte, 12) }))},
	{"no common suite", fault.NoCommonSuite, in12(hello(func(h *wire.ClientHello) { h.CipherSuites = wire.MakeList16[iana.CipherSuite](0x002f) }))},
	{"suites of TLS 1.3", fault.NoCommonSuite, in12(hello(func(h *wire.ClientHello) { h.CipherSuites = wire.MakeList16(iana.TLS_AES_128_GCM_SHA256) }))},
	{"no common group", fault.NoCommonGroup, in12(by(fault.Server, func(p *pair) { p.server.CurvePreferences = []iana.Group{iana.Secp384r1} }))},
	{"hybrid groups alone", fault.NoCommonGroup, in12(hello(func(h *wire.ClientHello) { h.Groups = wire.MakeList16(iana.X25519MLKEM768) }))},
	{"no common algorithm", fault.NoCommonSigalg, in12(by(fault.Server, func(p *pair) {
		p.client.SignatureSchemes = []iana.SignatureScheme{iana.ECDSA_SECP256R1_SHA256}
	}))},
	{"no algorithms, which means SHA-1", fault.NoCommonSigalg, in12(hello(func(h *wire.ClientHello) { h.Extensions.Remove(iana.ExtSignatureAlgorithms) }))},
	{"no common protocol", fault.NoCommonALPN, in12(by(fault.Server, func(p *pair) {
		p.client.NextProtos, p.server.NextProtos = []string{"h2"}, []string{"http/1.1"}
	}))},
	{"no randomness for the hello", fault.RandomFailed, in12(by(fault.Server, func(p *pair) { p.server.Rand = random(5) }))},
	{"no randomness for the share", fault.KexRandom, in12(by(fault.Server, func(p *pair) { p.server.Rand = random(32) }))},
	{"a key that fails", fault.SignFailed, in12(by(fault.Server, func(p *pair) { p.sign = func(a *flow.SignAsk) { a.Reply(nil, errBroken) } }))},

	// the server and the client's flight
	{"ClientKeyExchange cut off", fault.WireTruncated, in12(bytesOf(fault.Server, iana.ClientKeyExchange, func([]byte) []byte { return short(iana.ClientKeyExchange) }))},
	{"the client's share of zeros", fault.KexZeroSecret, in12(bytesOf(fault.Server, iana.ClientKeyExchange, func([]byte) []byte {
		return message(&wire.ClientKeyExchange{Form: ecdhe12, Share: make([]byte, 32)})
	}))},
	{"the client's share off the curve", fault.KexPointInvalid, in12(by(fault.Server, func(p *pair) {
		p.client.CurvePreferences = []iana.Group{iana.Secp256r1}
		p.editClient = only(func(m *wire.ClientKeyExchange) { m.Share = append([]byte{4}, make([]byte, 64)...) })
	}))},
	{"the client's share too short", fault.KexShareLength, in12(bytesOf(fault.Server, iana.ClientKeyExchange, func([]byte) []byte {
		return message(&wire.ClientKeyExchange{Form: ecdhe12, Share: []byte{1}})
	}))},
	{"a Certificate that nobody asked for", fault.UnexpectedMessage, in12(bytesOf(fault.Server, iana.ClientKeyExchange, func([]byte) []byte {
		return message(&wire.Certificate12{})
	}))},
	{"a second ClientHello", fault.UnexpectedMessage, in12(bytesOf(fault.Server, iana.ClientKeyExchange, func([]byte) []byte { return bare(iana.ClientHello) }))},
	{"ClientHello after the handshake", fault.Renegotiation, once12(fault.Server, func(w *tap) { w.put(iana.ContentHandshake, bare(iana.ClientHello)) })},

	// Finished
	{"the server's Finished", fault.FinishedWrong, in12(answer(func(m *wire.Finished) { m.VerifyData = flip(m.VerifyData) }))},
	{"the server's Finished, empty", fault.FinishedWrong, in12(answer(func(m *wire.Finished) { m.VerifyData = nil }))},
	{"the server's Finished, longer", fault.FinishedWrong, in12(answer(func(m *wire.Finished) { m.VerifyData = append(m.VerifyData, 0) }))},
	{"the client's Finished", fault.FinishedWrong, in12(by(fault.Server, func(p *pair) {
		p.editClient = only(func(m *wire.Finished) { m.VerifyData = flip(m.VerifyData) })
	}))},
	{"the client's Finished, sent back", fault.FinishedWrong, in12(by(fault.Client, func(p *pair) {
		var client []byte
		p.editClient = only(func(m *wire.Finished) { client = m.VerifyData })
		p.editServer = only(func(m *wire.Finished) { m.VerifyData = client })
	}))},
	{"a key log that fails", fault.KeyLogWrite, in12(by(fault.Client, func(p *pair) { p.client.KeyLogWriter = brokenWriter{} }))},

	// ChangeCipherSpec
	{"none from the server", fault.UnexpectedMessage, insteadOfCCS(fault.Client, func(w *tap) { w.clear(iana.ContentHandshake, bare(iana.Finished)) })},
	{"none from the client", fault.UnexpectedMessage, insteadOfCCS(fault.Server, func(w *tap) { w.clear(iana.ContentHandshake, bare(iana.Finished)) })},
	{"data in its place", fault.RecordType, insteadOfCCS(fault.Server, func(w *tap) { w.clear(iana.ContentApplicationData, []byte("GET /")) })},
	{"from the server before its certificate", fault.UnexpectedMessage, in12(before(iana.Certificate, func(w *tap) { w.clear(iana.ContentChangeCipherSpec, []byte{1}) }))},
	{"from the server before its key exchange", fault.UnexpectedMessage, in12(before(iana.ServerKeyExchange, func(w *tap) { w.clear(iana.ContentChangeCipherSpec, []byte{1}) }))},
	{"from the server before it is done", fault.UnexpectedMessage, in12(before(iana.ServerHelloDone, func(w *tap) { w.clear(iana.ContentChangeCipherSpec, []byte{1}) }))},
	{"from the client before its key exchange", fault.UnexpectedMessage, in12(by(fault.Server, func(p *pair) {
		p.tap = func(w *tap, t iana.ContentType, b []byte) {
			if w.from == fault.Client && t == iana.ContentHandshake && iana.HandshakeType(b[0]) == iana.ClientKeyExchange {
				w.clear(iana.ContentChangeCipherSpec, []byte{1})
			}
			w.put(t, b)
		}
	}))},
	{"twice from the server", fault.UnexpectedMessage, in12(before(iana.Finished, func(w *tap) { w.clear(iana.ContentChangeCipherSpec, []byte{1}) }))},
	{"twice from the client", fault.UnexpectedMessage, in12(toServer(func(w *tap) { w.clear(iana.ContentChangeCipherSpec, []byte{1}) }))},
	{"within a message", fault.RecordInterleaved, in12(before(iana.ServerHelloDone, func(w *tap) {
		w.put(iana.ContentHandshake, bare(iana.ServerHelloDone)[:2])
		w.clear(iana.ContentChangeCipherSpec, []byte{1})
	}))},
	{"of two bytes", fault.CCSUnexpected, insteadOfCCS(fault.Client, func(w *tap) { w.clear(iana.ContentChangeCipherSpec, []byte{1, 1}) })},
	{"with another value", fault.CCSUnexpected, insteadOfCCS(fault.Server, func(w *tap) { w.clear(iana.ContentChangeCipherSpec, []byte{2}) })},
	{"from the server after the handshake", fault.CCSUnexpected, once12(fault.Client, func(w *tap) { w.clear(iana.ContentChangeCipherSpec, []byte{1}) })},
	{"from the client after the handshake", fault.CCSUnexpected, once12(fault.Server, func(w *tap) { w.clear(iana.ContentChangeCipherSpec, []byte{1}) })},

	// the stream
	{"the server's data before its Finished", fault.DataTooEarly, in12(before(iana.Finished, func(w *tap) { w.put(iana.ContentApplicationData, []byte("data")) }))},
	{"the client's data before its Finished", fault.DataTooEarly, in12(toServer(func(w *tap) { w.put(iana.ContentApplicationData, []byte("data")) }))},
	{"data without protection", fault.BadRecordMAC, once12(fault.Client, func(w *tap) { w.clear(iana.ContentApplicationData, []byte("without keys, with a length to match")) })},
	{"a record that was changed", fault.BadRecordMAC, once12(fault.Server, func(w *tap) {
		w.put(iana.ContentApplicationData, []byte("data"))
		w.sealed[len(w.sealed)-1] ^= 1
	})},
	{"a record that was moved", fault.BadRecordMAC, once12(fault.Server, func(w *tap) {
		w.put(iana.ContentApplicationData, []byte("one"))
		w.sealed = nil
		w.put(iana.ContentApplicationData, []byte("two"))
	})},
	{"a record of another type", fault.BadRecordMAC, once12(fault.Client, func(w *tap) {
		w.put(iana.ContentApplicationData, []byte{1, 0})
		w.sealed[0] = byte(iana.ContentAlert)
	})},
	{"a record too long", fault.RecordOverflow, once12(fault.Client, func(w *tap) { w.raw([]byte{23, 3, 3, 0x48, 0x01}) })},
	{"a record too long when opened", fault.RecordOverflow, once12(fault.Client, func(w *tap) { w.raw(oversized12(w)) })},
	{"KeyUpdate", fault.UnexpectedMessage, once12(fault.Client, func(w *tap) { w.put(iana.ContentHandshake, update) })},
	{"a ticket after the handshake", fault.UnexpectedMessage, once12(fault.Client, func(w *tap) {
		w.put(iana.ContentHandshake, message(&wire.NewSessionTicket12{Ticket: []byte("ticket")}))
	})},
	{"empty records again and again", fault.Flood, once12(fault.Client, func(w *tap) {
		for range 40 {
			w.put(iana.ContentApplicationData, nil)
		}
	})},
	{"an empty record of a message", fault.RecordEmpty, once12(fault.Client, func(w *tap) { w.put(iana.ContentHandshake, nil) })},
	{"a message within which data comes", fault.RecordInterleaved, once12(fault.Client, func(w *tap) {
		w.put(iana.ContentHandshake, []byte{0, 0})
		w.put(iana.ContentApplicationData, []byte("data"))
	})},

	// alerts
	{"a warning again and again", fault.Flood, once12(fault.Server, func(w *tap) { warn(w, 5) })},
	{"a warning again and again, in the handshake", fault.Flood, in12(before(iana.ServerHello, func(w *tap) { warn(w, 5) }))},
	{"a fatal alert instead of ServerHello", fault.AlertReceived, in12(before(iana.ServerHello, func(w *tap) {
		w.clear(iana.ContentAlert, []byte{2, byte(iana.UnrecognizedName)})
	}))},
	{"a level that does not exist", fault.AlertReceived, once12(fault.Client, func(w *tap) { w.put(iana.ContentAlert, []byte{3, byte(iana.UnrecognizedName)}) })},
	{"no_renegotiation", fault.AlertReceived, once12(fault.Client, func(w *tap) { w.put(iana.ContentAlert, []byte{1, byte(iana.NoRenegotiation)}) })},
	{"two alerts in a record", fault.AlertMalformed, once12(fault.Server, func(w *tap) { w.put(iana.ContentAlert, []byte{1, 112, 1, 112}) })},
	{"close_notify in the handshake", fault.ClosedEarly, in12(before(iana.Certificate, func(w *tap) { w.put(iana.ContentAlert, []byte{1, 0}) }))},

	// hooks
	{"a hook for the configuration that gives one of no use", fault.ConfigHook, asked(func(a *flow.HelloAsk) { a.Reply(new(config.ServerConfig), nil, nil) })},
	{"hooks that give no certificate at all", fault.CertificateHook, by(fault.Server, func(p *pair) {
		p.server.Certificates = nil
		p.server.GetCertificate = func(*config.HelloInfo) (*config.Certificate, error) { return nil, nil }
		p.choose = func(a *flow.HelloAsk) { a.Reply(a.Config, nil, nil) }
	})},
	{"a hook that gives a zero certificate", fault.CertificateHook, asked(func(a *flow.HelloAsk) { a.Reply(a.Config, new(config.Certificate), nil) })},
	{"a hook's own error", fault.ConfigHook, asked(func(a *flow.HelloAsk) { a.Reply(nil, nil, errBroken) })},
	{"a hook's certificate with a key that does not fit", fault.NoCertificateForSuite, in12(asked(func(a *flow.HelloAsk) {
		c := *a.Config
		c.CipherSuites = []iana.CipherSuite{suiteOfRSA}
		a.Reply(&c, nil, nil)
	}))},
}

func selects(v iana.Version) func(m *wire.ServerHello) {
	return func(m *wire.ServerHello) {
		m.SupportedVersion = v
		m.Extensions.Add(iana.ExtSupportedVersions)
	}
}

// warn sends warnings that mean nothing to us.
func warn(w *tap, n int) {
	for range n {
		w.put(iana.ContentAlert, []byte{1, byte(iana.UnrecognizedName)})
	}
}

// request12 is a CertificateRequest.
func request12() []byte {
	return message(&wire.CertificateRequest12{
		Types: wire.MakeList8(iana.ECDSASign), SignatureSchemes: wire.MakeList16(iana.ED25519),
	})
}

// oversized12 is oversized for TLS 1.2.
func oversized12(w *tap) []byte {
	s := w.suite()
	_, k := w.keyBlock()
	aead, err := s.AEAD(k.Key)
	if err != nil {
		panic(err)
	}
	content := make([]byte, record.MaxPlaintext+1)
	n := s.Explicit + len(content) + aead.Overhead()
	seq := []byte{0, 0, 0, 0, 0, 0, 0, byte(w.out.Seq())}
	header := []byte{byte(iana.ContentApplicationData), 3, 3}
	additional := append(slices.Concat(seq, header), byte(len(content)>>8), byte(len(content)))
	rec := append(slices.Concat(header, []byte{byte(n >> 8), byte(n)}), seq...)
	return aead.Seal(rec, slices.Concat(k.IV, seq), content, additional)
}

// TestExplain12: an alert in the middle of TLS 1.2 means what it means in the
// middle of TLS 1.3.
func TestExplain12(t *testing.T) {
	for role, states := range map[fault.Role][]fault.State{
		fault.Client: {fault.WaitStatusSKE, fault.WaitSKE, fault.WaitCRSHD, fault.WaitSHD, fault.WaitCCS, fault.ChoosingCert, fault.Signing},
		fault.Server: {fault.WaitCKE, fault.WaitCKECV, fault.WaitCert, fault.WaitCV, fault.Verifying, fault.WaitCCS},
	} {
		for _, a := range []iana.Alert{iana.CloseNotify, iana.BadCertificate, iana.HandshakeFailure, iana.DecryptError, iana.ProtocolVersion} {
			want, wantHint := fault.Explain(a, role, fault.WaitFinished)
			for _, s := range states {
				if got, hint := fault.Explain(a, role, s); !slices.Equal(got, want) || hint != wantHint {
					t.Errorf("%v to the %v in %v: %q, %q", a, role, s, got, hint)
				}
			}
		}
	}
}

func TestOtherWays12(t *testing.T) {
	for _, w := range otherWays12 {
		t.Run(w.name, func(t *testing.T) { w.check(t, w.rule) })
	}
}
