package fault_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"testing"

	"github.com/handclasp/handclasp/engine"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/record"
	"github.com/handclasp/handclasp/internal/wire"
)

// before has the server's side do something before a message of its own, under
// the keys of that moment; the client is to notice. The message is not sent.
func before(typ iana.HandshakeType, do func(w *tap)) scenario {
	return by(fault.Client, func(p *pair) {
		done := false
		p.tap = func(w *tap, t iana.ContentType, b []byte) {
			switch {
			case w.from == fault.Client:
				w.put(t, b)
			case done:
			case t == iana.ContentHandshake && iana.HandshakeType(b[0]) == typ:
				done = true
				do(w)
			default:
				w.put(t, b)
			}
		}
	})
}

// once has the server's side do something when both are connected; the client
// is to notice.
func once(do func(w *tap)) scenario {
	return by(fault.Client, func(p *pair) {
		p.after = func() {
			do(p.toC)
			p.inC = append(p.inC, p.toC.relay(nil)...)
		}
	})
}

var ofRecords = map[*fault.Rule]scenario{
	fault.RecordType:     before(iana.EncryptedExtensions, func(w *tap) { w.raw([]byte{24, 3, 3, 0, 1, 0}) }),
	fault.RecordVersion:  before(iana.EncryptedExtensions, func(w *tap) { w.raw([]byte{23, 9, 9, 0, 1, 0}) }),
	fault.RecordOverflow: before(iana.EncryptedExtensions, func(w *tap) { w.raw([]byte{23, 3, 3, 0x41, 0x01}) }),
	fault.BadRecordMAC:   before(iana.EncryptedExtensions, func(w *tap) { w.raw(append([]byte{23, 3, 3, 0, 30}, make([]byte, 30)...)) }),
	fault.RecordNoType:   before(iana.EncryptedExtensions, func(w *tap) { w.put(0, nil) }),
	fault.RecordEmpty:    before(iana.EncryptedExtensions, func(w *tap) { w.put(iana.ContentHandshake, nil) }),
	fault.RecordPayloadLength: alone(func(t *testing.T) error {
		_, err := new(record.Half).Seal(nil, iana.ContentApplicationData, make([]byte, record.MaxPlaintext+1), 0)
		return err
	}),
	fault.RecordSequenceEnd: alone(func(t *testing.T) error {
		block, err := aes.NewCipher(make([]byte, 16))
		check(t, err)
		gcm, err := cipher.NewGCM(block)
		check(t, err)
		h := new(record.Half)
		h.Install(gcm, make([]byte, 12), 1)
		_, err = h.Seal(nil, iana.ContentApplicationData, nil, 0)
		check(t, err)
		_, err = h.Seal(nil, iana.ContentApplicationData, nil, 0)
		return err
	}),

	fault.PeerSpeaksHTTP:        greeted(fault.Client, "HTTP/1.1 400 Bad Request\r\n\r\n"),
	fault.PeerSpeaksSMTP:        greeted(fault.Client, "220 mail.example ESMTP\r\n"),
	fault.PeerSpeaksIMAP:        greeted(fault.Client, "* OK IMAP4rev1 ready\r\n"),
	fault.PeerSpeaksPOP3:        greeted(fault.Client, "+OK POP3 ready\r\n"),
	fault.PeerSpeaksSSH:         greeted(fault.Client, "SSH-2.0-OpenSSH_10.0\r\n"),
	fault.PeerSpeaksProxy:       greeted(fault.Server, "PROXY TCP4 192.0.2.1 192.0.2.2 40000 443\r\n"),
	fault.PeerSpeaksSSLv2Server: greeted(fault.Client, "\x80\x20\x04\x00\x01\x00\x02"),
	fault.PeerSpeaksMySQL:       greeted(fault.Client, "\x4a\x00\x00\x00\x0a8.0.36\x00"),
	fault.PeerSpeaksSSLv2:       greeted(fault.Server, "\x80\x2e\x01\x03\x00\x00\x15\x00\x00\x00\x10"),
	fault.PeerSpeaksGarbage:     greeted(fault.Server, "\x00\x01\x02\x03\x04"),
}

// greeted is an engine to which the first bytes that come are these. Its alert
// goes out in the clear: a record of 7 bytes.
func greeted(role fault.Role, first string) scenario {
	return scenario{run: func(t *testing.T) error {
		p := newPair(t)
		p.connect()
		e := map[fault.Role]*engine.Engine{fault.Client: p.c, fault.Server: p.s}[role]
		e.Output(nil)
		n, data, err := e.Recv([]byte(first))
		if n > 0 || len(data) > 0 {
			t.Errorf("%d bytes of another protocol used up, %d bytes of data", n, len(data))
		}
		f, ok := err.(*fault.Error)
		if !ok {
			t.Fatal(err)
		}
		var want []byte
		if f.Alert != iana.NoAlert {
			want = []byte{21, 3, 3, 0, 2, 2, byte(f.Alert)}
		}
		if got := e.Output(nil); !bytes.Equal(got, want) {
			t.Errorf("sent % x, want % x", got, want)
		}
		return err
	}, role: role}
}

// update is a KeyUpdate that does not ask for another.
var update = []byte{byte(iana.KeyUpdate), 0, 0, 1, 0}

var ofStream = map[*fault.Rule]scenario{
	fault.CCSUnexpected: once(func(w *tap) { w.clear(iana.ContentChangeCipherSpec, []byte{1}) }),
	fault.RecordInterleaved: once(func(w *tap) {
		w.put(iana.ContentHandshake, []byte{byte(iana.NewSessionTicket), 0})
		w.put(iana.ContentApplicationData, []byte("data"))
	}),
	fault.MessageExcess: by(fault.Server, func(p *pair) { // a ClientHello that is retried, and the beginning of another one
		p.client.KeyShares, p.server.CurvePreferences = []iana.Group{}, []iana.Group{iana.X25519}
		p.tap = func(w *tap, t iana.ContentType, b []byte) {
			if w.from == fault.Client && t == iana.ContentHandshake {
				b = append(bytes.Clone(b), byte(iana.ClientHello), 0)
			}
			w.put(t, b)
		}
	}),
	fault.MessageAcrossKeys: once(func(w *tap) { w.put(iana.ContentHandshake, append(bytes.Clone(update), byte(iana.KeyUpdate))) }),
	fault.MessageTooLarge: before(iana.EncryptedExtensions, func(w *tap) {
		w.put(iana.ContentHandshake, []byte{byte(iana.EncryptedExtensions), 0xff, 0xff, 0xff})
	}),
	fault.DataTooEarly: before(iana.Finished, func(w *tap) { w.put(iana.ContentApplicationData, []byte("data")) }),
	fault.EarlyDataTooLong: by(fault.Server, func(p *pair) {
		p.editClient = only(func(h *wire.ClientHello) {
			h.Extensions.Add(iana.ExtEarlyData)
			offerPSK(h, 1)
		})
		p.tap = func(w *tap, t iana.ContentType, b []byte) {
			w.put(t, b)
			if w.from == fault.Client && t == iana.ContentHandshake && iana.HandshakeType(b[0]) == iana.ClientHello {
				for range 5 {
					w.clear(iana.ContentApplicationData, make([]byte, record.MaxPlaintext))
				}
			}
		}
	}),
	fault.HandshakeTooLong: by(fault.Client, func(p *pair) {
		p.client.Limits.HandshakeBytes = 1 << 12
		p.editServer = func(m wire.Message) {
			if c, ok := m.(*wire.Certificate); ok {
				c.List[0].Extensions, c.List = wire.Extensions{Present: true}, append(c.List, wire.CertificateEntry{Data: make([]byte, 1<<13)})
			}
		}
	}),
	fault.Flood: once(func(w *tap) {
		for range 33 {
			w.put(iana.ContentApplicationData, nil)
		}
	}),
	fault.KeyUpdateFlood: once(func(w *tap) {
		for range 33 {
			w.put(iana.ContentHandshake, update)
		}
	}),
	fault.AlertMalformed: once(func(w *tap) { w.put(iana.ContentAlert, []byte{2}) }),
	fault.AlertReceived:  before(iana.EncryptedExtensions, func(w *tap) { w.put(iana.ContentAlert, []byte{2, byte(iana.HandshakeFailure)}) }),
	fault.AlertInClear:   before(iana.EncryptedExtensions, func(w *tap) { w.clear(iana.ContentAlert, []byte{2, byte(iana.HandshakeFailure)}) }),
}

var ofHandshake = map[*fault.Rule]scenario{
	fault.UnexpectedMessage: before(iana.EncryptedExtensions, func(w *tap) { w.put(iana.ContentHandshake, []byte{byte(iana.CertificateRequest), 0, 0, 0}) }),
	fault.MissingProof:      by(fault.Client, func(p *pair) { p.verify = func(a *flow.VerifyAsk) { a.Reply(nil, nil) } }),
	fault.Internal: by(fault.Server, func(p *pair) {
		p.editServer = only(func(m *wire.ServerHello) { m.SessionID = make([]byte, 33) }) // can't be encoded
	}),
	fault.FinishedWrong: by(fault.Server, func(p *pair) {
		p.editClient = only(func(m *wire.Finished) { m.VerifyData = flip(m.VerifyData) })
	}),
	fault.SignFailed:   by(fault.Server, func(p *pair) { p.sign = func(a *flow.SignAsk) { a.Reply(nil, errBroken) } }),
	fault.KeyLogWrite:  by(fault.Server, func(p *pair) { p.server.KeyLogWriter = brokenWriter{} }),
	fault.RandomFailed: by(fault.Client, func(p *pair) { p.client.Rand = random(5) }),

	fault.ExtensionUnsolicited: answer(func(m *wire.EncryptedExtensions) {
		m.ALPN = [][]byte{[]byte("h2")}
		m.Extensions.Add(iana.ExtALPN)
	}),
	fault.ExtensionMisplaced: answer(func(m *wire.EncryptedExtensions) { m.Extensions.AddRaw(iana.ExtKeyShare, nil) }),
	fault.ExtensionMissing:   hello(func(h *wire.ClientHello) { h.Extensions.Remove(iana.ExtSignatureAlgorithms) }),
	fault.ServerALPN: by(fault.Client, func(p *pair) {
		p.client.NextProtos = []string{"h2"}
		p.editServer = only(func(m *wire.EncryptedExtensions) {
			m.ALPN = [][]byte{[]byte("h3\x1b[2J")}
			m.Extensions.Add(iana.ExtALPN)
		})
	}),
	fault.CertRefused:            by(fault.Client, func(p *pair) { p.verify = func(a *flow.VerifyAsk) { a.Reply(new(flow.Verdict), errBroken) } }),
	fault.CertificateContext:     answer(func(m *wire.Certificate) { m.Context = []byte{1} }),
	fault.SignatureSchemeRefused: answer(func(m *wire.CertificateVerify) { m.Scheme = iana.ECDSA_SHA1 }),
	fault.KeyUpdateValue:         once(func(w *tap) { w.put(iana.ContentHandshake, []byte{byte(iana.KeyUpdate), 0, 0, 1, 2}) }),
}

// TestKeyLogFails: whichever line of the key log can't be written, the error is
// the same and its alert goes out under keys that the peer has.
func TestKeyLogFails(t *testing.T) {
	for _, role := range []fault.Role{fault.Client, fault.Server} {
		for n := range 5 {
			by(role, func(p *pair) {
				full := &fullWriter{lines: n}
				if role == fault.Client {
					p.client.KeyLogWriter = full
				} else {
					p.server.KeyLogWriter = full
				}
			}).check(t, fault.KeyLogWrite)
		}
	}
}

// A fullWriter takes some lines and no more.
type fullWriter struct{ lines int }

func (w *fullWriter) Write(line []byte) (int, error) {
	if w.lines--; w.lines < 0 {
		return 0, errBroken
	}
	return len(line), nil
}
