package fault_test

import (
	"bytes"
	"testing"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/record"
	"github.com/handclasp/handclasp/internal/wire"
)

// instead has the server send other messages in place of one of its own.
func instead(typ iana.HandshakeType, messages ...[]byte) scenario {
	return before(typ, func(w *tap) {
		for _, m := range messages {
			w.put(iana.ContentHandshake, m)
		}
	})
}

// short is a message that ends in the middle of its first length.
func short(typ iana.HandshakeType) []byte { return []byte{byte(typ), 0, 0, 1, 9} }

// request is a CertificateRequest that f has changed.
func request(f func(m *wire.CertificateRequest)) []byte {
	m := wire.CertificateRequest{SignatureSchemes: wire.MakeList16(iana.ED25519)}
	m.Extensions.Add(iana.ExtSignatureAlgorithms)
	f(&m)
	b, err := wire.Append(nil, &m)
	if err != nil {
		panic(err)
	}
	return b
}

// toServer has the client's side do something in place of its Finished; the
// server is to notice.
func toServer(do func(w *tap)) scenario {
	return by(fault.Server, func(p *pair) {
		p.tap = func(w *tap, t iana.ContentType, b []byte) {
			if w.from == fault.Client && t == iana.ContentHandshake && iana.HandshakeType(b[0]) == iana.Finished {
				do(w)
				return
			}
			w.put(t, b)
		}
	})
}

// withCookie sends a first ClientHello with a cookie to a server without memory.
func withCookie(cookie []byte) scenario {
	return by(fault.Server, func(p *pair) {
		p.server.CookieKey = make([]byte, 32)
		p.editClient = only(func(h *wire.ClientHello) {
			h.Cookie = cookie
			h.Extensions.Add(iana.ExtCookie)
		})
	})
}

// otherWays are further places where a rule is checked: each has its own line in
// the state machines, the engine or below.
var otherWays = []struct {
	name string
	rule *fault.Rule
	scenario
}{
	// the client and the server's hello
	{"ServerHello cut off", fault.WireTruncated, bytesOf(fault.Client, iana.ServerHello, func(b []byte) []byte { return sized(b[:20]) })},
	{"ServerHello without key_share", fault.ExtensionMissing, answer(func(m *wire.ServerHello) { m.Extensions.Remove(iana.ExtKeyShare) })},
	{"ServerHello with server_name", fault.ExtensionMisplaced, answer(func(m *wire.ServerHello) { m.Extensions.Add(iana.ExtServerName) })},
	{"ServerHello with an unknown extension", fault.ExtensionUnsolicited, answer(func(m *wire.ServerHello) { m.Extensions.AddRaw(0xfafa, nil) })},
	{"downgrade to TLS 1.1", fault.Downgrade, answer(func(m *wire.ServerHello) {
		m.Extensions.Remove(iana.ExtSupportedVersions)
		m.LegacyVersion = iana.TLS11
		copy(m.Random[24:], "DOWNGRD\x00")
	})},
	{"supported_versions says TLS 1.2", fault.ServerVersionNotOffered, answer(func(m *wire.ServerHello) { m.SupportedVersion = iana.TLS12 })},
	{"a suite of TLS 1.2", fault.ServerSuite, answer(func(m *wire.ServerHello) { m.CipherSuite = 0xc02f })},
	{"a share that is too long", fault.KexShareLength, answer(func(m *wire.ServerHello) { m.KeyShare.Key = make([]byte, 33) })},

	// the client and a HelloRetryRequest
	{"retry without the session ID", fault.SessionIDEcho, retry(func(m *wire.ServerHello) { m.SessionID = nil })},
	{"retry with server_name", fault.ExtensionMisplaced, retry(func(m *wire.ServerHello) { m.Extensions.Add(iana.ExtServerName) })},
	{"retry for a group that was shared", fault.RetryGroup, by(fault.Client, func(p *pair) {
		p.server.CurvePreferences = []iana.Group{iana.Secp256r1}
		p.editServer = only(func(m *wire.ServerHello) { m.KeyShare.Group = iana.X25519 })
	})},
	{"a second retry", fault.UnexpectedMessage, by(fault.Client, func(p *pair) {
		p.client.KeyShares = []iana.Group{}
		var first []byte
		p.tap = func(w *tap, t iana.ContentType, b []byte) {
			if t == iana.ContentHandshake && iana.HandshakeType(b[0]) == iana.ServerHello {
				if first == nil {
					first = bytes.Clone(b)
				}
				b = first
			}
			w.put(t, b)
		}
	})},
	{"no randomness for the second share", fault.KexRandom, by(fault.Client, func(p *pair) {
		p.client.KeyShares = []iana.Group{}
		p.client.Rand = random(32 + 32)
	})},

	// the client and the server's other messages
	{"EncryptedExtensions cut off", fault.WireTruncated, instead(iana.EncryptedExtensions, short(iana.EncryptedExtensions))},
	{"two protocols", fault.ServerALPN, by(fault.Client, func(p *pair) {
		p.client.NextProtos = []string{"h2", "h3"}
		p.editServer = only(func(m *wire.EncryptedExtensions) {
			m.ALPN = [][]byte{[]byte("h2"), []byte("h3")}
			m.Extensions.Add(iana.ExtALPN)
		})
	})},
	{"CertificateRequest cut off", fault.WireTruncated, instead(iana.Certificate, short(iana.CertificateRequest))},
	{"CertificateRequest with a context", fault.CertificateContext, instead(iana.Certificate, request(func(m *wire.CertificateRequest) { m.Context = []byte{1} }))},
	{"CertificateRequest with key_share", fault.ExtensionMisplaced, instead(iana.Certificate, request(func(m *wire.CertificateRequest) {
		m.Extensions.AddRaw(iana.ExtKeyShare, nil)
	}))},
	{"CertificateRequest without signature_algorithms", fault.ExtensionMissing, instead(iana.Certificate, request(func(m *wire.CertificateRequest) {
		m.Extensions.Remove(iana.ExtSignatureAlgorithms)
	}))},
	{"two CertificateRequests", fault.UnexpectedMessage, instead(iana.Certificate,
		request(func(*wire.CertificateRequest) {}), request(func(*wire.CertificateRequest) {}))},
	{"Certificate cut off", fault.WireTruncated, instead(iana.Certificate, short(iana.Certificate))},
	{"Certificate with key_share", fault.ExtensionMisplaced, answer(func(m *wire.Certificate) { m.List[0].Extensions.AddRaw(iana.ExtKeyShare, nil) })},
	{"Certificate with an unknown extension", fault.ExtensionUnsolicited, answer(func(m *wire.Certificate) { m.List[1].Extensions.AddRaw(0xfafa, nil) })},
	{"CertificateVerify cut off", fault.WireTruncated, instead(iana.CertificateVerify, short(iana.CertificateVerify))},
	{"a scheme for certificates only", fault.SignatureSchemeRefused, answer(func(m *wire.CertificateVerify) { m.Scheme = iana.RSA_PKCS1_SHA256 })},
	{"no signature", fault.SigInvalid, answer(func(m *wire.CertificateVerify) { m.Signature = nil })},
	{"no CertificateVerify", fault.UnexpectedMessage, instead(iana.CertificateVerify, []byte{byte(iana.Finished), 0, 0, 0})},
	{"the server's Finished", fault.FinishedWrong, answer(func(m *wire.Finished) { m.VerifyData = flip(m.VerifyData) })},
	{"an empty Finished", fault.FinishedWrong, answer(func(m *wire.Finished) { m.VerifyData = nil })},
	{"Finished with a byte more", fault.FinishedWrong, answer(func(m *wire.Finished) { m.VerifyData = append(m.VerifyData, 0) })},
	{"NewSessionTicket cut off", fault.WireTruncated, once(func(w *tap) { w.put(iana.ContentHandshake, short(iana.NewSessionTicket)) })},
	{"KeyUpdate cut off", fault.WireTruncated, once(func(w *tap) { w.put(iana.ContentHandshake, []byte{byte(iana.KeyUpdate), 0, 0, 0}) })},
	{"KeyUpdate with a byte more", fault.WireTrailing, once(func(w *tap) { w.put(iana.ContentHandshake, []byte{byte(iana.KeyUpdate), 0, 0, 2, 0, 0}) })},
	{"CertificateRequest after the handshake", fault.RequestUnasked, once(func(w *tap) { w.put(iana.ContentHandshake, certificateRequest()) })},
	{"a hello after the handshake", fault.UnexpectedMessage, once(func(w *tap) { w.put(iana.ContentHandshake, []byte{byte(iana.HelloRequest), 0, 0, 0}) })},

	// the server and the client's hellos
	{"TLS 1.2 without supported_versions", fault.NoCommonVersion, by(fault.Server, func(p *pair) {
		p.server.MinVersion = iana.TLS13
		p.editClient = only(func(h *wire.ClientHello) { h.Extensions.Remove(iana.ExtSupportedVersions) })
	})},
	{"no key_share", fault.ExtensionMissing, hello(func(h *wire.ClientHello) { h.Extensions.Remove(iana.ExtKeyShare) })},
	{"no supported_groups", fault.ExtensionMissing, hello(func(h *wire.ClientHello) { h.Extensions.Remove(iana.ExtSupportedGroups) })},
	{"pre_shared_key without modes", fault.ExtensionMissing, hello(func(h *wire.ClientHello) {
		offerPSK(h, 1)
		h.Extensions.Remove(iana.ExtPSKKeyExchangeModes)
	})},
	{"compression alone", fault.ClientCompression, hello(func(h *wire.ClientHello) { h.Compressions = wire.MakeList8[wire.Compression](1) })},
	{"a share without a group", fault.KeyShareNotListed, hello(func(h *wire.ClientHello) { h.KeyShares[0].Group = iana.Secp384r1 })},
	{"a share that is too short", fault.KexShareLength, hello(func(h *wire.ClientHello) { h.KeyShares[0].Key = []byte{1} })},
	{"a share of zeros", fault.KexZeroSecret, hello(func(h *wire.ClientHello) { h.KeyShares[0].Key = make([]byte, 32) })},
	{"a second hello cut off", fault.WireTruncated, by(fault.Server, func(p *pair) {
		p.client.KeyShares = []iana.Group{}
		n := 0
		p.tap = func(w *tap, t iana.ContentType, b []byte) {
			if t == iana.ContentHandshake && w.from == fault.Client {
				if n++; n == 2 {
					b = sized(b[:20])
				}
			}
			w.put(t, b)
		}
	})},
	{"a second hello for TLS 1.2", fault.NoCommonVersion, second(func(h *wire.ClientHello) { h.SupportedVersions = wire.MakeList16(iana.TLS12) })},
	{"a second hello without signature_algorithms", fault.ExtensionMissing, second(func(h *wire.ClientHello) { h.Extensions.Remove(iana.ExtSignatureAlgorithms) })},
	{"a second hello with early_data", fault.SecondHelloChanged, second(func(h *wire.ClientHello) { h.Extensions.Add(iana.ExtEarlyData) })},
	{"a second hello with other suites", fault.SecondHelloChanged, second(func(h *wire.ClientHello) { h.CipherSuites = wire.MakeList16(iana.TLS_AES_128_GCM_SHA256) })},
	{"a second hello with another group's share", fault.SecondHelloShare, second(func(h *wire.ClientHello) { h.KeyShares[0].Group = iana.Secp256r1 })},
	{"a cookie too short", fault.CookieWrong, withCookie([]byte("cookie"))},
	{"a cookie of another key", fault.CookieWrong, withCookie(make([]byte, 200))},
	{"no randomness for the share", fault.KexRandom, by(fault.Server, func(p *pair) { p.server.Rand = random(5) })},
	{"no randomness for the hello", fault.RandomFailed, by(fault.Server, func(p *pair) { p.server.Rand = random(32) })},
	{"no randomness for the session ID", fault.RandomFailed, by(fault.Client, func(p *pair) { p.client.Rand = random(40) })},
	{"no signature of ours", fault.SigInvalid, by(fault.Client, func(p *pair) { p.sign = func(a *flow.SignAsk) { a.Reply(nil, nil) } })},

	// the stream
	{"early data after a retry", fault.EarlyDataTooLong, by(fault.Server, func(p *pair) {
		p.client.KeyShares = []iana.Group{}
		p.editClient = only(func(h *wire.ClientHello) {
			if len(h.Cookie) == 0 && !h.Extensions.Has(iana.ExtEarlyData) {
				h.Extensions.Add(iana.ExtEarlyData)
				offerPSK(h, 1)
			}
		})
		p.tap = func(w *tap, t iana.ContentType, b []byte) {
			w.put(t, b)
			if w.from == fault.Client {
				for range 5 {
					w.clear(iana.ContentApplicationData, make([]byte, record.MaxPlaintext))
				}
			}
		}
	})},
	{"data before the client's Finished", fault.DataTooEarly, toServer(func(w *tap) { w.put(iana.ContentApplicationData, []byte("GET /")) })},
	{"KeyUpdate before the client's Finished", fault.UnexpectedMessage, toServer(func(w *tap) { w.put(iana.ContentHandshake, update) })},
	{"cleartext where keys are due", fault.RecordType, toServer(func(w *tap) { w.clear(iana.ContentHandshake, update) })},
	{"half an alert in clear", fault.RecordType, toServer(func(w *tap) { w.clear(iana.ContentAlert, []byte{2}) })},
	{"an alert of TLS 1.3's servers in clear", fault.AlertInClear, toServer(func(w *tap) { w.clear(iana.ContentAlert, []byte{2, 45}) })},
	{"ChangeCipherSpec of two bytes", fault.CCSUnexpected, toServer(func(w *tap) { w.clear(iana.ContentChangeCipherSpec, []byte{1, 1}) })},
	{"ChangeCipherSpec within a message", fault.RecordInterleaved, before(iana.EncryptedExtensions, func(w *tap) {
		w.put(iana.ContentHandshake, []byte{byte(iana.EncryptedExtensions), 0})
		w.clear(iana.ContentChangeCipherSpec, []byte{1})
	})},
	{"protected ChangeCipherSpec", fault.RecordType, before(iana.EncryptedExtensions, func(w *tap) { w.put(iana.ContentChangeCipherSpec, []byte{1}) })},
	{"ChangeCipherSpec again and again", fault.Flood, before(iana.EncryptedExtensions, func(w *tap) {
		for range 40 {
			w.clear(iana.ContentChangeCipherSpec, []byte{1})
		}
	})},
	{"user_canceled again and again", fault.Flood, once(func(w *tap) {
		for range 5 {
			w.put(iana.ContentAlert, []byte{1, byte(iana.UserCanceled)})
		}
	})},
	{"two alerts in a record", fault.AlertMalformed, before(iana.EncryptedExtensions, func(w *tap) { w.put(iana.ContentAlert, []byte{2, 40, 2, 40}) })},
	{"an empty alert", fault.RecordEmpty, once(func(w *tap) { w.put(iana.ContentAlert, nil) })},
	{"a record too long when opened", fault.RecordOverflow, once(func(w *tap) { w.raw(oversized(w)) })},
	{"an alert of no name", fault.AlertReceived, once(func(w *tap) { w.put(iana.ContentAlert, []byte{1, 222}) })},
	{"close_notify in the handshake", fault.ClosedEarly, before(iana.Certificate, func(w *tap) { w.put(iana.ContentAlert, []byte{1, 0}) })},
}

// oversized is a sealed record whose content is a byte longer than allowed: a
// record.Half does not make one.
func oversized(w *tap) []byte {
	w.ready(&w.out)
	s := w.suite()
	key, nonce := make([]byte, s.KeyLen), make([]byte, s.IVLen)
	s.Hash.Key(w.out.secret, key, nonce)
	aead, err := s.AEAD(key)
	if err != nil {
		panic(err)
	}
	nonce[len(nonce)-1] ^= byte(w.out.Seq())
	inner := append(make([]byte, record.MaxPlaintext+1), byte(iana.ContentApplicationData))
	n := len(inner) + aead.Overhead()
	header := []byte{byte(iana.ContentApplicationData), 3, 3, byte(n >> 8), byte(n)}
	return aead.Seal(header, nonce, inner, header)
}

func TestOtherWays(t *testing.T) {
	for _, w := range otherWays {
		t.Run(w.name, func(t *testing.T) { w.check(t, w.rule) })
	}
}
