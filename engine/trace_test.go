package engine

import (
	"bytes"
	"context"
	"crypto"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/cert"
	"github.com/handclasp/handclasp/internal/keys"
	"github.com/handclasp/handclasp/internal/suite"
	"github.com/handclasp/handclasp/internal/wire"
	"github.com/handclasp/handclasp/session"
)

// A trace is one file of testdata/rfc8448-*.txt; see the comment at its top.
type trace struct {
	private  map[fault.Role][][]byte
	messages map[fault.Role][][]byte
	secrets  map[string]string // hex, by label
	keys     []string          // "client handshake KEY IV"
	records  []traceRecord

	psk    []byte // of the ticket that is resumed with; nil if there is none
	before *trace // the connection that gave it, or this one
}

type traceRecord struct {
	role            fault.Role
	content         string
	payload, record []byte
}

func readTrace(t *testing.T, path string) *trace {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	tr := &trace{private: map[fault.Role][][]byte{}, messages: map[fault.Role][][]byte{}, secrets: map[string]string{}}
	role := map[string]fault.Role{"client": fault.Client, "server": fault.Server}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] == "#" {
			continue
		}
		switch who := role[f[1]]; f[0] {
		case "psk":
			tr.psk = unhex(t, f[2])
		case "private":
			tr.private[who] = append(tr.private[who], unhex(t, f[2]))
		case "message":
			tr.messages[who] = append(tr.messages[who], unhex(t, f[2]))
		case "secret":
			tr.secrets[f[1]] = f[2]
		case "key":
			tr.keys = append(tr.keys, strings.Join(f[1:], " "))
		case "record":
			tr.records = append(tr.records, traceRecord{who, f[2], unhex(t, f[3]), unhex(t, f[4])})
		default:
			t.Fatalf("%s: unknown line %q", path, f[0])
		}
	}
	tr.before = tr
	return tr
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	must(t, err)
	return b
}

// message is the n-th recorded message of a type, decoded into m.
func (tr *trace) message(t *testing.T, role fault.Role, n int, m wire.Message) {
	t.Helper()
	for _, b := range tr.messages[role] {
		if iana.HandshakeType(b[0]) != m.Type() {
			continue
		}
		if n == 0 {
			must(t, wire.Decode(b, m))
			return
		}
		n--
	}
	t.Fatalf("the trace has too few messages of type %v", m.Type())
}

// A recordedSigner has the public key of the trace's certificate. It is never
// asked to sign: the test answers the Ask with the recorded signature.
type recordedSigner struct{ public crypto.PublicKey }

func (s recordedSigner) Public() crypto.PublicKey { return s.public }
func (recordedSigner) Schemes() []iana.SignatureScheme {
	return []iana.SignatureScheme{iana.RSA_PSS_RSAE_SHA256}
}
func (recordedSigner) Sign(context.Context, iana.SignatureScheme, []byte) ([]byte, error) {
	return nil, errors.New("the recorded signer can't sign")
}

// client is our client with the trace's hellos and private keys. Its own random
// is drawn first and then edited away; its key shares are the recorded ones
// already.
func (tr *trace) client(t *testing.T, log io.Writer) *Engine {
	source := bytes.NewReader(slices.Concat(make([]byte, 32), bytes.Join(tr.private[fault.Client], nil)))
	cfg := &config.ClientConfig{
		ServerName: "server", NoMiddleboxCompat: true, KeyLogWriter: log, Rand: source,
		CurvePreferences: []iana.Group{iana.X25519, iana.Secp256r1, iana.Secp384r1, iana.Secp521r1},
	}
	if tr.psk != nil {
		cfg.Sessions, cfg.EarlyData, cfg.Time = tr.store(t), true, func() time.Time { return birth.Add(tr.age(t)) }
	}
	e, err := NewClient(cfg)
	must(t, err)
	hellos := 0
	e.Edit(func(m wire.Message) {
		if h, ok := m.(*wire.ClientHello); ok {
			shares, identities := h.KeyShares, h.PSKIdentities
			*h = wire.ClientHello{}
			tr.message(t, fault.Client, hellos, h)
			if !reflect.DeepEqual(shares, h.KeyShares) {
				t.Errorf("ClientHello %d: made the shares %x, want %x", hellos, shares, h.KeyShares)
			}
			if len(identities)+len(h.PSKIdentities) > 0 && !reflect.DeepEqual(identities, h.PSKIdentities) {
				t.Errorf("ClientHello %d: offers %x, want %x", hellos, identities, h.PSKIdentities)
			}
			for i, b := range h.PSKBinders {
				h.PSKBinders[i] = make([]byte, len(b)) // the client makes it anew
			}
			hellos++
		}
	})
	return e
}

// server is our server with the trace's certificate, private key and random.
// Only what holds settings that we lack is edited: EncryptedExtensions and the
// HelloRetryRequest. The ServerHello is our own.
func (tr *trace) server(t *testing.T, log io.Writer) *Engine {
	var hello wire.ServerHello
	n := 0
	if tr.message(t, fault.Server, 0, &hello); hello.IsRetry() {
		n = 1
	}
	hello = wire.ServerHello{}
	tr.message(t, fault.Server, n, &hello)
	var chain wire.Certificate
	tr.before.message(t, fault.Server, 0, &chain)
	parsed, err := cert.Parse([][]byte{chain.List[0].Data}, config.DefaultLimits())
	must(t, err)
	c, err := config.NewCertificate([][]byte{parsed[0].Raw}, recordedSigner{parsed[0].PublicKey})
	must(t, err)
	cfg := &config.ServerConfig{
		Certificates: []config.Certificate{c}, KeyLogWriter: log, CurvePreferences: []iana.Group{hello.KeyShare.Group},
		Rand: bytes.NewReader(slices.Concat(tr.private[fault.Server][0], hello.Random[:])),
	}
	if tr.psk != nil {
		cfg.Tickets, cfg.TicketCount, cfg.Time = tr.store(t), -1, func() time.Time { return birth.Add(tr.age(t)) }
		cfg.EarlyData, cfg.Guard = tr.store(t).state.MaxEarlyData, &guard{say: session.Accepted}
	}
	e, err := NewServer(cfg)
	must(t, err)
	e.Edit(func(m wire.Message) {
		switch m := m.(type) {
		case *wire.ServerHello:
			if m.IsRetry() {
				*m = wire.ServerHello{}
				tr.message(t, fault.Server, 0, m)
			}
		case *wire.EncryptedExtensions:
			*m = wire.EncryptedExtensions{}
			tr.message(t, fault.Server, 0, m)
		}
	})
	return e
}

// A keySpy stands between the machine and the record layer and notes the keys
// that the records of each epoch are protected with.
type keySpy struct {
	*layer
	keys map[string]bool
}

func (s keySpy) SetWrite(e flow.Epoch, u *suite.Suite, secret keys.Secret) error {
	s.note(s.role, e, u, secret)
	return s.layer.SetWrite(e, u, secret)
}

func (s keySpy) SetRead(e flow.Epoch, u *suite.Suite, secret keys.Secret) error {
	s.note(s.role.Peer(), e, u, secret)
	return s.layer.SetRead(e, u, secret)
}

func (s keySpy) SetWrite12(u *suite.Suite, k keys.WriteKeys, o suite.Options12) error {
	s.note12(s.role, k)
	return s.layer.SetWrite12(u, k, o)
}

func (s keySpy) SetRead12(u *suite.Suite, k keys.WriteKeys, o suite.Options12) error {
	s.note12(s.role.Peer(), k)
	return s.layer.SetRead12(u, k, o)
}

func (s keySpy) note12(writer fault.Role, k keys.WriteKeys) {
	s.keys[fmt.Sprintf("%v application %x %x", writer, []byte(k.Key), []byte(k.IV))] = true
}

func (s keySpy) note(writer fault.Role, e flow.Epoch, u *suite.Suite, secret keys.Secret) {
	key, iv := make([]byte, u.KeyLen), make([]byte, u.IVLen)
	u.Hash.Key(secret, key, iv)
	s.keys[fmt.Sprintf("%v %v %x %x", writer, e, key, iv)] = true
}

// Our engine takes each side of the traces in RFC 8448, Sections 3, 4 and 5: what
// it sends must be the recorded records, and what it computes the recorded
// secrets, keys and messages, byte for byte.
func TestRFC8448(t *testing.T) {
	for _, name := range []string{"simple", "early", "retry"} {
		tr := readTrace(t, "testdata/rfc8448-"+name+".txt")
		if tr.psk != nil {
			tr.before = readTrace(t, "testdata/rfc8448-simple.txt")
		}
		t.Run(name+"/client", func(t *testing.T) { tr.play(t, fault.Client, tr.client) })
		t.Run(name+"/server", func(t *testing.T) { tr.play(t, fault.Server, tr.server) })
	}
}

func (tr *trace) play(t *testing.T, role fault.Role, start func(*testing.T, io.Writer) *Engine) {
	var log bytes.Buffer
	e := start(t, &log)
	spy := keySpy{(*layer)(e), map[string]bool{}}
	e.options.Layer = spy
	said := map[fault.Role][][]byte{}
	e.Watch(func(ev *flow.Event) {
		if ev.Kind == flow.Message {
			who := role
			if !ev.Sent {
				who = role.Peer()
			}
			said[who] = append(said[who], bytes.Clone(ev.Bytes))
		}
	})
	for i, r := range tr.records {
		if r.role == role {
			tr.send(t, e, i, r)
		} else {
			tr.receive(t, e, i, r)
		}
	}
	if left := e.Output(nil); len(left) > 0 {
		t.Errorf("sent beyond the trace: %x", left)
	}
	tr.compare(t, e, role, said, spy.keys, log.String())
}

// send has the engine send record i and compares it.
func (tr *trace) send(t *testing.T, e *Engine, i int, r traceRecord) {
	t.Helper()
	tr.answer(t, e)
	out := e.Output(nil)
	switch {
	case r.content == "application_data" && !e.Connected():
		var err error
		out, err = e.SendEarly(out, r.payload)
		must(t, err)
	case r.content == "application_data":
		var err error
		out, err = e.Send(out, r.payload)
		must(t, err)
	case r.content == "alert":
		e.Close()
		out = e.Output(out)
	case iana.HandshakeType(r.payload[0]) == iana.NewSessionTicket:
		// We issue no tickets, so the message is put where one would come from.
		(*layer)(e).WriteMessage(r.payload)
		out = e.Output(out)
	}
	if len(out) < len(r.record) || !bytes.Equal(out[:len(r.record)], r.record) {
		t.Fatalf("record %d, %s of the %v:\n got %x\nwant %x", i, r.content, r.role, out, r.record)
	}
	e.mu.Lock() // the rest is for the trace's next record
	box := e.room()
	box.pending = append(box.pending, out[len(r.record):]...)
	e.unlock()
}

// receive gives the engine record i of the peer.
func (tr *trace) receive(t *testing.T, e *Engine, i int, r traceRecord) {
	t.Helper()
	tr.answer(t, e)
	n, data, err := e.Recv(bytes.Clone(r.record))
	if r.content == "alert" && err == io.EOF {
		err = nil
	}
	if err != nil || n != len(r.record) {
		t.Fatalf("record %d, %s of the %v: took %d of %d bytes, error %v", i, r.content, r.role, n, len(r.record), err)
	}
	if r.content == "application_data" && !bytes.Equal(data, r.payload) {
		t.Errorf("record %d: got data %x, want %x", i, data, r.payload)
	}
	tr.answer(t, e)
}

func (tr *trace) answer(t *testing.T, e *Engine) {
	t.Helper()
	switch a := e.Ask().(type) {
	case *flow.SessionAsk:
		a.Answer(context.Background())
		tr.answer(t, e)
	case *flow.ResumeAsk:
		a.Answer(context.Background())
		tr.answer(t, e)
	case *flow.ReplayAsk:
		a.Answer(context.Background())
	case *flow.SignAsk:
		var m wire.CertificateVerify
		tr.message(t, fault.Server, 0, &m)
		a.Reply(m.Signature, nil)
	case *flow.VerifyAsk:
		a.Reply(&flow.Verdict{Peer: a.Chain}, nil) // nobody vouches for the certificate, which has expired besides
	}
	must(t, e.Err())
}

// compare looks at everything besides the records.
func (tr *trace) compare(t *testing.T, e *Engine, role fault.Role, said map[fault.Role][][]byte, derived map[string]bool, log string) {
	t.Helper()
	for who, want := range tr.messages {
		want = slices.DeleteFunc(slices.Clone(want), func(b []byte) bool {
			// Ours was injected below the machine, which tells what it sends.
			return who == role && iana.HandshakeType(b[0]) == iana.NewSessionTicket
		})
		if !slices.EqualFunc(said[who], want, bytes.Equal) {
			t.Errorf("messages of the %v:\n got %x\nwant %x", who, said[who], want)
		}
	}
	for _, k := range tr.keys {
		if !derived[k] {
			t.Errorf("key and IV not derived: %s", k)
		}
	}
	if len(derived) != len(tr.keys) {
		t.Errorf("derived %d keys, want %d", len(derived), len(tr.keys))
	}
	random := e.Info().ClientRandom
	for label, secret := range tr.secrets {
		line := fmt.Sprintf("%s %x %s\n", label, random, secret)
		if !strings.Contains(log, line) {
			t.Errorf("key log lacks %s", line)
		}
	}
	if n := strings.Count(log, "\n"); n != len(tr.secrets) {
		t.Errorf("key log has %d lines, want %d", n, len(tr.secrets))
	}
}

// The values in testdata are whole and fit together: a line lost or spoilt in
// transcription would make the comparison above weaker without a word.
func TestTraceFiles(t *testing.T) {
	for _, c := range []struct {
		name                                      string
		private, messages, keys, records, secrets int
	}{
		{"simple", 2, 8, 4, 9, 5},
		{"early", 2, 6, 5, 10, 7},
		{"retry", 3, 9, 4, 8, 5},
	} {
		tr := readTrace(t, "testdata/rfc8448-"+c.name+".txt")
		private := len(tr.private[fault.Client]) + len(tr.private[fault.Server])
		messages := len(tr.messages[fault.Client]) + len(tr.messages[fault.Server])
		if private != c.private || messages != c.messages || len(tr.keys) != c.keys || len(tr.records) != c.records || len(tr.secrets) != c.secrets {
			t.Errorf("%s: %d private keys, %d messages, %d keys, %d records, %d secrets", c.name, private, messages, len(tr.keys), len(tr.records), len(tr.secrets))
		}
		for role, said := range tr.messages {
			var payload []byte
			for _, r := range tr.records {
				switch {
				case r.role == role && r.content == "handshake":
					payload = append(payload, r.payload...)
				case r.content == "alert" && !bytes.Equal(r.payload, []byte{1, byte(iana.CloseNotify)}):
					t.Errorf("%s: an alert is %x", c.name, r.payload)
				}
			}
			if !bytes.Equal(payload, bytes.Join(said, nil)) {
				t.Errorf("%s: the records of the %v do not hold its messages", c.name, role)
			}
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var birth = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
