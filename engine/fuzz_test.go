package engine_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"math/big"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/engine"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/keys"
	"github.com/handclasp/handclasp/internal/record"
	"github.com/handclasp/handclasp/internal/suite"
	"github.com/handclasp/handclasp/internal/wire"
	"github.com/handclasp/handclasp/sign"
)

// The hostile peer of these tests is no outsider: it does a real handshake up to
// a step and then sends, under the right keys, whatever the fuzzer likes. All
// randomness is fixed, so that an input always does the same.

var fuzzNow = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// fixed is a source of bytes that are always the same.
func fixed(seed byte) io.Reader { return rand.NewChaCha8([32]byte{seed}) }

var fuzzCertificate = sync.OnceValues(func() (config.Certificate, error) {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	t := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotBefore: fuzzNow, NotAfter: fuzzNow.Add(time.Hour)}
	der, err := x509.CreateCertificate(fixed(0), t, t, key.Public(), key)
	if err != nil {
		return config.Certificate{}, err
	}
	signer, err := sign.FromCrypto(key)
	if err != nil {
		return config.Certificate{}, err
	}
	return config.NewCertificate([][]byte{der}, signer)
})

// A stage is how far a handshake goes before the peer turns hostile.
type stage struct {
	name    string
	retry   bool // with a HelloRetryRequest
	cookie  bool // from a server without memory
	letters int  // messages of the peer that arrive as they should
	old     bool // in TLS 1.2, where a ChangeCipherSpec counts as a message
	extras  bool // with a staple and hooks
	mutual  bool // the server asks for a certificate, and the client has one
}

var clientStages = []stage{
	{name: "WAIT_SH"}, {name: "WAIT_SH2", retry: true, letters: 1}, {name: "WAIT_EE", letters: 1}, {name: "WAIT_CERT_CR", letters: 2},
	{name: "WAIT_CV", letters: 3}, {name: "WAIT_FINISHED", letters: 4}, {name: "CONNECTED", letters: 5},
	{name: "WAIT_SH, 1.2", old: true}, {name: "WAIT_CERT, 1.2", old: true, letters: 1}, {name: "WAIT_SKE, 1.2", old: true, letters: 2},
	{name: "WAIT_STATUS_SKE, 1.2", old: true, extras: true, letters: 2}, {name: "WAIT_CR_SHD, 1.2", old: true, letters: 3},
	{name: "WAIT_CCS, 1.2", old: true, letters: 4}, {name: "WAIT_FINISHED, 1.2", old: true, letters: 5}, {name: "CONNECTED, 1.2", old: true, letters: 6},
	{name: "WAIT_CERT_CR, mutual", mutual: true, letters: 2}, {name: "WAIT_CERT, mutual", mutual: true, letters: 3}, {name: "WAIT_FINISHED, mutual", mutual: true, letters: 5},
	{name: "WAIT_CR_SHD, mutual, 1.2", old: true, mutual: true, letters: 3}, {name: "WAIT_SHD, mutual, 1.2", old: true, mutual: true, letters: 4},
	{name: "WAIT_CCS, mutual, 1.2", old: true, mutual: true, letters: 5},
}

var serverStages = []stage{
	{name: "WAIT_CH"}, {name: "WAIT_CH2", retry: true, letters: 1}, {name: "WAIT_FINISHED", letters: 1}, {name: "CONNECTED", letters: 2},
	{name: "WAIT_CH, stateless", retry: true, cookie: true}, {name: "WAIT_CH2, stateless", retry: true, cookie: true, letters: 1},
	{name: "WAIT_CH, hooked", extras: true}, {name: "WAIT_CH2, hooked", retry: true, extras: true, letters: 1},
	{name: "WAIT_CH, 1.2", old: true}, {name: "WAIT_CKE, 1.2", old: true, extras: true, letters: 1}, {name: "WAIT_CCS, 1.2", old: true, letters: 2},
	{name: "WAIT_FINISHED, 1.2", old: true, letters: 3}, {name: "CONNECTED, 1.2", old: true, letters: 4},
	{name: "WAIT_CERT, mutual", mutual: true, letters: 1}, {name: "WAIT_CV, mutual", mutual: true, letters: 2}, {name: "WAIT_FINISHED, mutual", mutual: true, letters: 3},
	{name: "WAIT_CERT, mutual, 1.2", old: true, mutual: true, letters: 1}, {name: "WAIT_CKE_CV, mutual, 1.2", old: true, mutual: true, letters: 2},
	{name: "WAIT_CV, mutual, 1.2", old: true, mutual: true, letters: 3}, {name: "WAIT_CCS, mutual, 1.2", old: true, mutual: true, letters: 4},
}

// A forger speaks for the peer of a victim.
type forger struct {
	t      testing.TB
	role   fault.Role // whom it speaks for
	log    bytes.Buffer
	peer   *engine.Engine
	victim *engine.Engine

	in, out         half
	server          [32]byte // the server's random
	letters         [][]byte // messages of the peer, in order, not yet sent; nil for a ChangeCipherSpec of TLS 1.2
	wire            []byte   // sealed and not yet fed to the victim
	unread, partial []byte
}

type half struct {
	record.Half
	secret keys.Secret
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// forge brings a victim to a stage.
func forge(t testing.TB, victim fault.Role, s stage) *forger {
	t.Helper()
	cert, err := fuzzCertificate()
	ok(t, err)
	f := &forger{t: t, role: victim.Peer()}
	clock := func() time.Time { return fuzzNow }
	cc := &config.ClientConfig{ServerName: "localhost", CurvePreferences: []iana.Group{iana.X25519}, NextProtos: []string{"h2"}, Rand: fixed(1), Time: clock}
	sc := &config.ServerConfig{Certificates: []config.Certificate{cert}, NextProtos: []string{"h2"}, Rand: fixed(2), Time: clock}
	if s.retry {
		cc.KeyShares = []iana.Group{}
	}
	if s.cookie {
		sc.CookieKey = make([]byte, 32)
	}
	if s.old {
		cc.MaxVersion = iana.TLS12
	}
	if s.extras {
		cert.OCSPStaple = []byte("an answer")
		sc.Certificates = []config.Certificate{cert}
		sc.GetCertificate = func(*config.HelloInfo) (*config.Certificate, error) { return nil, nil }
	}
	if s.mutual {
		sc.ClientAuth = config.RequestClientCert // the forger's verdicts are empty, but not its chains
		cc.Certificates = sc.Certificates
	}
	if victim == fault.Client {
		sc.KeyLogWriter = &f.log
	} else {
		cc.KeyLogWriter = &f.log
	}
	c, err := engine.NewClient(cc)
	ok(t, err)
	e, err := engine.NewServer(sc)
	ok(t, err)
	f.victim, f.peer = c, e
	if victim == fault.Server {
		f.victim, f.peer = e, c
	}
	f.peer.Watch(func(ev *flow.Event) {
		if ev.Kind == flow.Message && ev.Type == iana.ServerHello {
			copy(f.server[:], ev.Bytes[wire.HeaderLen+2:])
		}
	})
	for range s.letters {
		f.prepare()
		f.post()
		f.feed(len(f.wire))
	}
	f.prepare()
	return f
}

// post seals the next letter.
func (f *forger) post() {
	msg := f.letters[0]
	f.letters = f.letters[1:]
	if msg == nil {
		f.put(iana.ContentChangeCipherSpec, []byte{1})
		return
	}
	f.put(iana.ContentHandshake, msg)
}

// old reports whether the peer speaks TLS 1.2.
func (f *forger) old() bool { return f.peer.Info().Version == iana.TLS12 }

// prepare lets the peer write until there is a letter, or nothing to answer.
func (f *forger) prepare() {
	f.t.Helper()
	for range 4 {
		f.read(f.peer.Output(nil))
		if len(f.letters) > 0 {
			return
		}
		in := f.victim.Output(nil)
		for len(in) > 0 || f.peer.Ask() != nil {
			answerAsk(f.peer)
			n, _, err := f.peer.Recv(in)
			ok(f.t, err)
			in = in[n:]
		}
	}
}

func answerAsk(e *engine.Engine) bool {
	switch a := e.Ask().(type) {
	case *flow.HelloAsk:
		a.Reply(a.Config, nil, nil)
	case *flow.DecryptAsk:
		a.Reply(a.Decrypter.DecryptPremaster(context.Background(), a.Ciphertext, a.Offered, a.Substitute))
	case *flow.SignAsk:
		a.Reply(a.Signer.Sign(context.Background(), a.Scheme, a.Message))
	case *flow.VerifyAsk:
		a.Reply(new(flow.Verdict), nil)
	default:
		return false
	}
	return true
}

// read opens what the peer sent and keeps its messages.
func (f *forger) read(sent []byte) {
	f.t.Helper()
	for len(sent) > 0 {
		h, need, err := record.Parse(sent, true)
		ok(f.t, err)
		if need > 0 {
			f.t.Fatal("the peer sent part of a record")
		}
		rec := sent[:record.HeaderLen+h.Len]
		sent = sent[len(rec):]
		switch {
		case f.old() && h.Type == iana.ContentChangeCipherSpec:
			f.install12(&f.in)
			f.letters = append(f.letters, nil)
		case f.old() && f.in.Protected():
			_, content, err := f.in.Open(rec)
			ok(f.t, err)
			f.partial = append(f.partial, content...)
		case h.Type == iana.ContentApplicationData:
			if !f.in.Protected() {
				f.install(&f.in, keys.LogClientHandshakeTraffic, keys.LogServerHandshakeTraffic)
			}
			_, content, err := f.in.Open(rec)
			ok(f.t, err)
			f.partial = append(f.partial, content...)
		case h.Type == iana.ContentHandshake:
			f.partial = append(f.partial, rec[record.HeaderLen:]...)
		}
		for len(f.partial) >= wire.HeaderLen {
			n := wire.HeaderLen + int(f.partial[2])<<8 + int(f.partial[3])
			if len(f.partial) < n {
				break
			}
			f.letters = append(f.letters, f.partial[:n:n])
			f.partial = f.partial[n:]
		}
	}
}

// install gives a half the keys that the peer writes with.
func (f *forger) install(h *half, client, server string) {
	f.t.Helper()
	label := client
	if f.role == fault.Server {
		label = server
	}
	for line := range bytes.Lines(f.log.Bytes()) {
		if word := bytes.Fields(line); string(word[0]) == label {
			secret, err := hex.DecodeString(string(word[2]))
			ok(f.t, err)
			f.rekey(h, secret)
			return
		}
	}
	f.t.Fatalf("%s is not logged", label)
}

// install12 is install for TLS 1.2. Before its master secret there are no keys.
func (f *forger) install12(h *half) {
	f.t.Helper()
	word := bytes.Fields(f.log.Bytes())
	if len(word) != 3 || h.Protected() {
		return
	}
	master, err := hex.DecodeString(string(word[2]))
	ok(f.t, err)
	info := f.peer.Info()
	s := suite.ByID(info.CipherSuite)
	own, server := keys.NewMaster12(s.Hash, master, info.ClientRandom[:], f.server[:]).KeyBlock(0, s.KeyLen, s.IVLen)
	if f.role == fault.Server {
		own = server
	}
	ok(f.t, s.Install12(&h.Half, own, suite.Options12{Version: iana.TLS12}, 0))
}

func (f *forger) rekey(h *half, secret keys.Secret) {
	h.secret = secret
	ok(f.t, suite.ByID(f.peer.Info().CipherSuite).Install(&h.Half, secret, 0))
}

// put seals one record under the keys that are due and follows their changes.
func (f *forger) put(t iana.ContentType, b []byte) {
	f.t.Helper()
	if f.old() && t == iana.ContentChangeCipherSpec {
		f.wire = record.AppendPlaintext(f.wire, iana.TLS12, t, b)
		f.install12(&f.out)
		return
	}
	if !f.old() && !f.out.Protected() && f.victimHasKeys() {
		f.install(&f.out, keys.LogClientHandshakeTraffic, keys.LogServerHandshakeTraffic)
	}
	var err error
	f.wire, err = f.out.Seal(f.wire, t, b[:min(len(b), record.MaxPlaintext)], 0)
	ok(f.t, err)
	if f.old() || t != iana.ContentHandshake || len(b) == 0 || !f.out.Protected() {
		return
	}
	switch iana.HandshakeType(b[0]) {
	case iana.Finished:
		if f.peer.Connected() || f.role == fault.Server {
			f.install(&f.out, keys.LogClientTraffic, keys.LogServerTraffic)
		}
	case iana.KeyUpdate:
		f.rekey(&f.out, suite.ByID(f.peer.Info().CipherSuite).Hash.NextTraffic(f.out.secret))
	}
}

func (f *forger) victimHasKeys() bool {
	switch f.victim.Info().State {
	case fault.Start, fault.WaitSH, fault.WaitSH2, fault.WaitCH, fault.WaitCH2:
		return false
	}
	return true
}

// feed gives the victim what was sealed, at most chunk bytes at a time, and
// holds it to what an Engine promises. It reports the victim's end, if it came.
func (f *forger) feed(chunk int) (end error) {
	t, e := f.t, f.victim
	t.Helper()
	wired := f.wire
	f.wire = nil
	most := len(wired) + 1<<10 // each turn feeds a byte, or answers
	for turns := 0; end == nil && (len(wired) > 0 || e.Ask() != nil); turns++ {
		if turns > most {
			t.Fatal("no end in sight")
		}
		n := min(max(chunk, 1), len(wired))
		f.unread, wired = append(f.unread, wired[:n]...), wired[n:]
		end = f.drain()
	}
	return end
}

// drain calls Recv until it needs more bytes.
func (f *forger) drain() error {
	t, e := f.t, f.victim
	t.Helper()
	for {
		if answerAsk(e) {
			continue
		}
		n, data, err := e.Recv(f.unread)
		if n < 0 || n > len(f.unread) {
			t.Fatalf("Recv used %d of %d bytes", n, len(f.unread))
		}
		if len(data) > 0 && (!e.Connected() || err != nil) {
			t.Fatalf("%d bytes of data in %v with %v", len(data), e.Info().State, err)
		}
		f.unread = f.unread[n:]
		if err != nil {
			f.ended(err)
			return err
		}
		if w := e.Want(); w < record.HeaderLen || w > record.HeaderLen+record.MaxCiphertext12 {
			t.Fatalf("Want is %d", w)
		}
		if n == 0 && e.Ask() == nil {
			if len(f.unread) >= e.Want() {
				t.Fatalf("Recv waits with %d bytes at hand and wants %d", len(f.unread), e.Want())
			}
			return nil
		}
	}
}

// ended checks how a connection ends.
func (f *forger) ended(err error) {
	t, e := f.t, f.victim
	t.Helper()
	if _, _, again := e.Recv(f.unread); again != err {
		t.Fatalf("the error changed from %v to %v", err, again)
	}
	if err == io.EOF {
		if !e.Connected() || !e.PeerClosed() {
			t.Fatal("io.EOF before the handshake was complete")
		}
		return
	}
	x, ok := errors.AsType[*fault.Error](err)
	if !ok {
		t.Fatalf("%T: %v", err, err)
	}
	if x.Role != f.role.Peer() || x.State == fault.Failed {
		t.Fatalf("%v in %v: %v", x.Role, x.State, err)
	}
	if x.Rule == fault.Internal || x.Rule == fault.MissingProof {
		t.Fatalf("a peer caused %v", err)
	}
	for _, c := range err.Error() {
		if c < ' ' || c == 0x7f {
			t.Fatalf("%q is in %q", c, err)
		}
	}
	if e.Ask() != nil {
		t.Fatal("an Ask is open after the end")
	}
	if _, err := e.Send(nil, []byte("data")); err == nil {
		t.Fatal("Send works after the end")
	}
}

// A fuzzer's script is a list of deeds: a byte that says what to do, a length of
// two bytes, and a content of so many bytes or what is left.
const (
	deedMessage = iota // seal a record of handshake bytes
	deedRecord         // seal a record, whose type comes first
	deedClear          // the same without protection
	deedRaw            // send the bytes as they are
	deeds
)

func script(list ...any) (b []byte) {
	for i := 0; i < len(list); i += 2 {
		content := list[i+1].([]byte)
		b = append(b, byte(list[i].(int)))
		b = binary.BigEndian.AppendUint16(b, uint16(len(content)))
		b = append(b, content...)
	}
	return b
}

// play does what a script says.
func (f *forger) play(b []byte) {
	for len(b) >= 3 {
		deed, n := b[0]%deeds, int(b[1])<<8|int(b[2])
		content := b[3:min(len(b), 3+n)]
		b = b[3+len(content):]
		typ := iana.ContentHandshake
		if (deed == deedRecord || deed == deedClear) && len(content) > 0 {
			typ, content = iana.ContentType(content[0]), content[1:]
		}
		switch deed {
		case deedMessage, deedRecord:
			f.put(typ, content)
		case deedClear:
			f.wire = record.AppendPlaintext(f.wire, iana.TLS12, typ, content)
		case deedRaw:
			f.wire = append(f.wire, content...)
		}
	}
}

// fuzz is one input for one victim.
func fuzz(t *testing.T, victim fault.Role, stages []stage, at, chunk uint8, b []byte) {
	if len(b) > 1<<17 {
		return
	}
	f := forge(t, victim, stages[int(at)%len(stages)])
	said := len(f.victim.Output(nil))
	f.play(b)
	wired := len(f.wire)
	end := f.feed(int(chunk) * 8)
	out := f.victim.Output(nil)
	// A server's flight is about 700 bytes, a client's with a certificate as
	// many; all else answers something longer.
	if said+len(out) > 4096+2*wired {
		t.Fatalf("%d bytes in, %d bytes out", wired, len(out))
	}
	if end != nil && end != io.EOF {
		if more := f.victim.Output(nil); len(more) > 0 {
			t.Fatalf("%d bytes after the alert", len(more))
		}
	}
	if f.victim.Connected() && end == nil {
		if _, err := f.victim.Send(nil, []byte("data")); err != nil {
			t.Fatalf("can't send: %v", err)
		}
	}
}

// seeds are real runs from each stage to the end, and what goes wrong often.
func seeds(f *testing.F, victim fault.Role, stages []stage) {
	for i, s := range stages {
		g := forge(f, victim, s)
		var rest []any
		for g.prepare(); len(g.letters) > 0; g.prepare() {
			msg := g.letters[0]
			g.letters = g.letters[1:]
			if msg == nil {
				rest = append(rest, deedRecord, []byte{20, 1})
				continue
			}
			rest = append(rest, deedMessage, msg)
			f.Add(uint8(i), uint8(2), script(deedMessage, msg[:len(msg)/2], deedMessage, msg[len(msg)/2:]))
			f.Add(uint8(i), uint8(0), script(deedMessage, msg[:len(msg)-1], deedRecord, []byte{23, 1}))
			if victim == fault.Server && !s.old || s.retry {
				break // what comes next depends on the victim's answer
			}
		}
		f.Add(uint8(i), uint8(255), script(rest...))
		f.Add(uint8(i), uint8(1), script(append(rest, deedRecord, []byte{21, 1, 0}, deedRecord, []byte{23, 1})...))
		for _, deed := range []int{deedMessage, deedRecord, deedClear, deedRaw} {
			for _, content := range []string{
				"\x14\x01", "\x15\x02\x28", "\x15\x01\x5a", "\x15\x01\x00", "\x17data", "\x16", "\x17", "\x18\x00\x00\x01\x01", "\x18\x00\x00\x01\x00\x18",
				"\x04\x00\x00\x0f\x00\x00\x00\x01\x00\x00\x00\x02\x01\x00\x00\x02aa\x00\x00", "\x0d\x00\x00\x0b\x00\x00\x08\x00\x0d\x00\x04\x00\x02\x08\x07",
				"\x0b\xff\xff\xff", "\x00\x00\x00\x00", "\x0e\x00\x00\x00", "\x0b\x00\x00\x03\x00\x00\x00", "\x15\x01\x64", "\x15\x01\x70", "\x10\x00\x00\x02\x01\x00",
				"\x16\x00\x00\x05\x01\x00\x00\x01a", "\x0d\x00\x00\x08\x01\x40\x00\x02\x08\x07\x00\x00", "\x04\x00\x00\x06\x00\x00\x00\x00\x00\x00", "\x17\x03\x03\x00\x13aaaaaaaaaaaaaaaaaaa", "\x17\x03\x03\xff\xff", "\x80\x2e\x01\x03\x00", "GET / HTTP/1.1\r\n",
			} {
				f.Add(uint8(i), uint8(1), script(deed, []byte(content), deed, []byte(content)))
			}
		}
		f.Add(uint8(i), uint8(255), bytes.Repeat(script(deedRecord, []byte{23}), 40))
		f.Add(uint8(i), uint8(255), bytes.Repeat(script(deedMessage, []byte{24, 0, 0, 1, 1}), 40))
	}
}

func FuzzClient(f *testing.F) {
	seeds(f, fault.Client, clientStages)
	f.Fuzz(func(t *testing.T, at, chunk uint8, script []byte) {
		fuzz(t, fault.Client, clientStages, at, chunk, script)
	})
}

func FuzzServer(f *testing.F) {
	seeds(f, fault.Server, serverStages)
	f.Add(uint8(0), uint8(255), earlyData(f))
	g := forge(f, fault.Server, serverStages[5]) // a second hello, for a server that never saw the first
	f.Add(uint8(4), uint8(255), script(deedMessage, g.letters[0]))
	f.Fuzz(func(t *testing.T, at, chunk uint8, script []byte) {
		fuzz(t, fault.Server, serverStages, at, chunk, script)
	})
}

// earlyData is a hello that offers 0-RTT, and what may follow it.
func earlyData(t testing.TB) []byte {
	t.Helper()
	g := forge(t, fault.Server, serverStages[0])
	var h wire.ClientHello
	ok(t, wire.Decode(g.letters[0], &h))
	h.Extensions.Add(iana.ExtEarlyData, iana.ExtPSKKeyExchangeModes, iana.ExtPreSharedKey)
	h.PSKModes = wire.MakeList8(wire.PSKDHE)
	h.PSKIdentities = []wire.PSKIdentity{{Identity: []byte("ticket")}}
	h.PSKBinders = [][]byte{make([]byte, 32)}
	msg, err := wire.Append(nil, &h)
	ok(t, err)
	junk := append([]byte{23}, make([]byte, 1000)...)
	return script(deedMessage, msg, deedClear, junk, deedClear, junk)
}

// TestForgerTakesTime: a script may make up more than a hundred thousand bytes that are all
// in order, and they may come one by one; that is no sign that there is no end.
func TestForgerTakesTime(t *testing.T) {
	for role, stages := range map[fault.Role][]stage{fault.Client: clientStages, fault.Server: serverStages} {
		for i, s := range stages {
			if strings.HasPrefix(s.name, "CONNECTED") {
				fuzz(t, role, stages, uint8(i), 0, bytes.Repeat(script(deedRecord, []byte{23, 1}), 6100))
			}
		}
	}
}

// TestForger: each stage is what its name says, and the peer's own messages lead
// to the end from there.
func TestForger(t *testing.T) {
	for role, stages := range map[fault.Role][]stage{fault.Client: clientStages, fault.Server: serverStages} {
		for _, s := range stages {
			f := forge(t, role, s)
			if got := f.victim.Info().State.String(); got != string(bytes.SplitN([]byte(s.name), []byte(","), 2)[0]) {
				t.Errorf("%v: %s, want %s", role, got, s.name)
			}
			for f.prepare(); len(f.letters) > 0; f.prepare() {
				f.post()
				ok(t, f.feed(7))
			}
			f.put(iana.ContentApplicationData, []byte("data"))
			if err := f.feed(3); err != nil || !f.victim.Connected() {
				t.Errorf("%v from %s: %v, %v", role, s.name, f.victim.Info().State, err)
			}
		}
	}
}
