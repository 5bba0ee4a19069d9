package fault_test

import (
	"bytes"
	"crypto/rand"
	"slices"
	"strings"
	"testing"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/engine"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/kex"
	"github.com/handclasp/handclasp/internal/wire"
)

// hello has the client send a ClientHello that f has changed; the server is to
// notice.
func hello(f func(h *wire.ClientHello)) scenario {
	return by(fault.Server, func(p *pair) {
		p.editClient = func(m wire.Message) {
			if h, ok := m.(*wire.ClientHello); ok {
				f(h)
			}
		}
	})
}

// second is hello for the second ClientHello, which a server with cookies asked
// for.
func second(f func(h *wire.ClientHello)) scenario {
	return by(fault.Server, func(p *pair) {
		p.client.KeyShares = []iana.Group{}
		p.server.CookieKey = make([]byte, 32)
		n := 0
		p.editClient = func(m wire.Message) {
			if h, ok := m.(*wire.ClientHello); ok {
				if n++; n == 2 {
					f(h)
				}
			}
		}
	})
}

// answer has the server send a message that f has changed; the client is to
// notice.
func answer[M wire.Message](f func(m M)) scenario {
	return by(fault.Client, func(p *pair) { p.editServer = only(f) })
}

// only calls f for messages of its kind.
func only[M wire.Message](f func(M)) func(wire.Message) {
	return func(m wire.Message) {
		if m, ok := m.(M); ok {
			f(m)
		}
	}
}

// retry is answer for the HelloRetryRequest.
func retry(f func(m *wire.ServerHello)) scenario {
	return by(fault.Client, func(p *pair) {
		p.client.KeyShares = []iana.Group{}
		p.editServer = only(func(m *wire.ServerHello) {
			if m.IsRetry() {
				f(m)
			}
		})
	})
}

// bytesOf changes the first message of a kind as bytes, on its way.
func bytesOf(victim fault.Role, typ iana.HandshakeType, f func(msg []byte) []byte) scenario {
	return by(victim, func(p *pair) {
		p.tap = func(w *tap, t iana.ContentType, b []byte) {
			if t == iana.ContentHandshake && iana.HandshakeType(b[0]) == typ && w.from == victim.Peer() {
				b = f(bytes.Clone(b))
			}
			w.put(t, b)
		}
	})
}

// sized sets the length of a message.
func sized(msg []byte) []byte {
	n := len(msg) - wire.HeaderLen
	msg[1], msg[2], msg[3] = byte(n>>16), byte(n>>8), byte(n)
	return msg
}

var ofWire = map[*fault.Rule]scenario{
	fault.WireTruncated: bytesOf(fault.Server, iana.ClientHello, func(b []byte) []byte { return sized(b[:20]) }),
	fault.WireTrailing:  bytesOf(fault.Server, iana.ClientHello, func(b []byte) []byte { return sized(append(b, 0)) }),
	fault.WireLength: bytesOf(fault.Server, iana.ClientHello, func(b []byte) []byte {
		b[wire.HeaderLen+2+32] = 33 // legacy_session_id
		return b
	}),
	fault.WireConstant: bytesOf(fault.Server, iana.ClientHello, func(b []byte) []byte {
		b[bytes.Index(b, []byte(host))-3] = 1 // name_type
		return b
	}),
	fault.ExtensionRepeated: hello(func(h *wire.ClientHello) { h.Extensions.Add(iana.ExtSCT) }),
}

var ofKeys = map[*fault.Rule]scenario{
	fault.KexGroupUnsupported: alone(func(t *testing.T) error {
		_, err := kex.Generate(iana.X448, rand.Reader)
		return err
	}),
	fault.KexRandom: by(fault.Client, func(p *pair) { p.client.Rand = random(32 + 32) }), // enough for random and session ID
	fault.KexReuse: alone(func(t *testing.T) error {
		key, err := kex.Generate(iana.X25519, rand.Reader)
		check(t, err)
		share, _, err := kex.Respond(iana.X25519, rand.Reader, key.Public())
		check(t, err)
		_, err = key.Shared(share)
		check(t, err)
		_, err = key.Shared(share)
		return err
	}),
	fault.KexShareLength: answer(func(m *wire.ServerHello) { m.KeyShare.Key = m.KeyShare.Key[1:] }),
	fault.KexPointInvalid: by(fault.Client, func(p *pair) {
		p.client.CurvePreferences = []iana.Group{iana.Secp256r1}
		p.editServer = only(func(m *wire.ServerHello) { m.KeyShare.Key = append([]byte{4}, make([]byte, 64)...) })
	}),
	fault.KexZeroSecret: answer(func(m *wire.ServerHello) { m.KeyShare.Key = make([]byte, 32) }),
	fault.KexMLKEMKeyInvalid: by(fault.Server, func(p *pair) {
		p.client.CurvePreferences = []iana.Group{iana.X25519MLKEM768}
		p.editClient = only(func(h *wire.ClientHello) {
			h.KeyShares[0].Key = bytes.Clone(h.KeyShares[0].Key)
			h.KeyShares[0].Key[0], h.KeyShares[0].Key[1] = 0xff, 0xff
		})
	}),
	fault.SigSchemeKeyMismatch: answer(func(m *wire.CertificateVerify) { m.Scheme = iana.ECDSA_SECP256R1_SHA256 }),
	fault.SigInvalid:           answer(func(m *wire.CertificateVerify) { m.Signature = flip(m.Signature) }),
	fault.ExportLength:         exported((*engine.Engine).ExportKeyingMaterial, "label", 0),
	fault.ExportLabel:          exported((*engine.Engine).ExportKeyingMaterial, strings.Repeat("x", 250), 32),
	fault.ExportEarly:          exported((*engine.Engine).ExportEarlyKeyingMaterial, "label", 32),
}

// exported asks a connected engine for keying material.
func exported(export func(*engine.Engine, string, []byte, int) ([]byte, error), label string, length int) scenario {
	return alone(func(t *testing.T) error {
		p := newPair(t)
		var err error
		p.after = func() { _, err = export(p.c, label, nil, length) }
		p.connect()
		p.pump()
		p.after()
		return err
	})
}

// flip is b with its last bit turned over.
func flip(b []byte) []byte {
	b = bytes.Clone(b)
	b[len(b)-1] ^= 1
	return b
}

var ofHellos = map[*fault.Rule]scenario{
	// what a client refuses
	fault.ServerVersionUnsupported: in13(answer(func(m *wire.ServerHello) { m.Extensions.Remove(iana.ExtSupportedVersions) })),
	fault.ServerVersionNotOffered:  answer(func(m *wire.ServerHello) { m.SupportedVersion = iana.TLS13 + 1 }),
	fault.ServerLegacyVersion:      answer(func(m *wire.ServerHello) { m.LegacyVersion = iana.TLS11 }),
	fault.Downgrade: answer(func(m *wire.ServerHello) {
		m.Extensions.Remove(iana.ExtSupportedVersions)
		copy(m.Random[24:], "DOWNGRD\x01")
	}),
	fault.SessionIDEcho:     answer(func(m *wire.ServerHello) { m.SessionID = nil }),
	fault.ServerSuite:       answer(func(m *wire.ServerHello) { m.CipherSuite = iana.TLS_AES_128_CCM_SHA256 }),
	fault.ServerCompression: answer(func(m *wire.ServerHello) { m.Compression = 1 }),
	fault.KeyShareGroup:     answer(func(m *wire.ServerHello) { m.KeyShare.Group = iana.Secp521r1 }),
	fault.RetryNoChange:     retry(func(m *wire.ServerHello) { m.Extensions.Remove(iana.ExtKeyShare) }),
	fault.RetryGroup:        retry(func(m *wire.ServerHello) { m.KeyShare.Group = iana.Secp521r1 }),
	fault.RetrySuiteChanged: retry(func(m *wire.ServerHello) { m.CipherSuite = iana.TLS_CHACHA20_POLY1305_SHA256 }),

	// what a server refuses
	fault.PeerSpeaksSSLv3:     answer(func(m *wire.ServerHello) { m.LegacyVersion, m.Extensions = iana.SSL30, wire.Extensions{} }),
	fault.NoCommonVersion:     hello(func(h *wire.ClientHello) { h.SupportedVersions = wire.MakeList16(iana.TLS11) }),
	fault.ClientLegacyVersion: hello(func(h *wire.ClientHello) { h.LegacyVersion = iana.TLS11 }),
	fault.ClientCompression:   hello(func(h *wire.ClientHello) { h.Compressions = wire.MakeList8[wire.Compression](0, 1) }),
	fault.InappropriateFallback: hello(func(h *wire.ClientHello) {
		h.SupportedVersions = wire.MakeList16(iana.TLS12)
		h.CipherSuites = wire.MakeList16(append(h.CipherSuites.Slice(), iana.TLS_FALLBACK_SCSV)...)
	}),
	fault.NoCommonSuite: by(fault.Server, func(p *pair) {
		p.client.CipherSuites = []iana.CipherSuite{iana.TLS_AES_128_GCM_SHA256}
		p.server.CipherSuites = []iana.CipherSuite{iana.TLS_AES_256_GCM_SHA384}
	}),
	fault.NoCommonGroup: by(fault.Server, func(p *pair) { p.server.CurvePreferences = []iana.Group{iana.Secp384r1} }),
	fault.NoCommonALPN: by(fault.Server, func(p *pair) {
		p.client.NextProtos, p.server.NextProtos = []string{"h2"}, []string{"http/1.1"}
	}),
	fault.HelloTooManyParts: hello(func(h *wire.ClientHello) {
		h.Extensions.Add(iana.ExtCertificateAuthorities)
		h.Authorities = slices.Repeat([][]byte{{1}}, config.DefaultLimits().HelloParts)
	}),
	fault.KeyShareNotListed: hello(func(h *wire.ClientHello) { h.KeyShares = append(h.KeyShares, h.KeyShares[0]) }),
	fault.PSKNotLast: hello(func(h *wire.ClientHello) {
		offerPSK(h, 1)
		h.Extensions.Add(iana.ExtPadding)
	}),
	fault.PSKBinderCount:     hello(func(h *wire.ClientHello) { offerPSK(h, 2) }),
	fault.SecondHelloChanged: second(func(h *wire.ClientHello) { h.Random[0] ^= 1 }),
	fault.SecondHelloShare:   second(func(h *wire.ClientHello) { h.KeyShares = nil }),
	fault.CookieWrong:        second(func(h *wire.ClientHello) { h.Cookie = flip(h.Cookie) }),
	fault.CookieMissing:      second(func(h *wire.ClientHello) { h.Extensions.Remove(iana.ExtCookie) }),
}

// offerPSK adds a pre_shared_key with one identity.
func offerPSK(h *wire.ClientHello, binders int) {
	h.PSKModes = wire.MakeList8(wire.PSKDHE)
	h.PSKIdentities = []wire.PSKIdentity{{Identity: []byte("ticket")}}
	for range binders {
		h.PSKBinders = append(h.PSKBinders, make([]byte, 32))
	}
	h.Extensions.Add(iana.ExtPSKKeyExchangeModes, iana.ExtPreSharedKey)
}
