package fault_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/engine"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/wire"
)

type step struct {
	role  fault.Role
	state fault.State
	retry bool
	last  iana.HandshakeType // of the peer; MessageHash: none
	clear bool               // the peer has no keys yet
	old   bool               // TLS 1.2
}

// lastCCS stands for the ChangeCipherSpec of TLS 1.2 among the last messages.
const lastCCS iana.HandshakeType = 200

// steps are the states in which a side waits for the peer, and the peer's last
// message before. START, VERIFYING and SIGNING are missing: nothing is read there.
var steps = []step{
	{fault.Client, fault.WaitSH, false, iana.MessageHash, true, false},
	{fault.Client, fault.WaitSH2, true, iana.ServerHello, true, false},
	{fault.Client, fault.WaitEE, false, iana.ServerHello, false, false},
	{fault.Client, fault.WaitCertCR, false, iana.EncryptedExtensions, false, false},
	{fault.Client, fault.WaitCert, false, iana.CertificateRequest, false, false},
	{fault.Client, fault.WaitCV, false, iana.Certificate, false, false},
	{fault.Client, fault.WaitFinished, false, iana.CertificateVerify, false, false},
	{fault.Client, fault.Connected, false, iana.Finished, false, false},
	{fault.Server, fault.WaitCH, false, iana.MessageHash, true, false},
	{fault.Server, fault.WaitCH2, true, iana.ClientHello, true, false},
	{fault.Server, fault.WaitFinished, false, iana.ClientHello, false, false},
	{fault.Server, fault.Connected, false, iana.Finished, false, false},

	{fault.Client, fault.WaitCert, false, iana.ServerHello, true, true},
	{fault.Client, fault.WaitStatusSKE, false, iana.Certificate, true, true},
	{fault.Client, fault.WaitSKE, false, iana.CertificateStatus, true, true},
	{fault.Client, fault.WaitCRSHD, false, iana.ServerKeyExchange, true, true},
	{fault.Client, fault.WaitSHD, false, iana.CertificateRequest, true, true},
	{fault.Client, fault.WaitCCS, false, iana.ServerHelloDone, true, true},
	{fault.Client, fault.WaitFinished, false, lastCCS, false, true},
	{fault.Client, fault.Connected, false, iana.Finished, false, true},
	{fault.Server, fault.WaitCKE, false, iana.ClientHello, true, true},
	{fault.Server, fault.WaitCCS, false, iana.ClientKeyExchange, true, true},
	{fault.Server, fault.WaitFinished, false, lastCCS, false, true},
	{fault.Server, fault.Connected, false, iana.Finished, false, true},
}

// speaks reports whether the victim says something on its way into the state,
// before any keys.
func (s *step) speaks() bool {
	return s.clear && (s.state == fault.WaitSH || s.state == fault.WaitSH2 || s.state == fault.WaitCCS)
}

// A misdeed is what the peer does then.
type misdeed struct {
	name      string
	do        func(w *tap)
	handshake *fault.Rule // what comes of it during the handshake
	connected *fault.Rule // and after; nil: a deadline of the user's, which is no fault
	first     *fault.Rule // and if it is all that ever comes; nil: as in the handshake
	keysOnly  bool        // it differs from the others only where there are keys
	old       *fault.Rule // in TLS 1.2, where it differs
}

var misdeeds = []misdeed{
	{"closes", nil, fault.ClosedEarly, fault.Truncated, nil, false, nil},
	{"resets", nil, fault.PeerReset, fault.PeerReset, nil, false, nil},
	{"stalls", nil, fault.PeerSilent, nil, nil, false, nil},
	{"sends garbage", func(w *tap) { w.raw([]byte("\xff\x00 what is this?")) }, fault.RecordType, fault.RecordType, fault.PeerSpeaksGarbage, false, nil},
	{"sends noise", func(w *tap) { w.raw(append([]byte{23, 3, 3, 0, 40}, make([]byte, 40)...)) }, fault.BadRecordMAC, fault.BadRecordMAC, nil, true, nil},
	{"sends an alert", func(w *tap) { w.put(iana.ContentAlert, []byte{2, byte(iana.InternalError)}) }, fault.AlertReceived, fault.AlertReceived, nil, false, nil},
	{"sends an alert in clear", func(w *tap) { w.clear(iana.ContentAlert, []byte{2, byte(iana.InternalError)}) }, fault.AlertInClear, fault.RecordType, nil, true, fault.BadRecordMAC},
	{"says goodbye", func(w *tap) { w.put(iana.ContentAlert, []byte{1, byte(iana.CloseNotify)}) }, fault.ClosedEarly, nil, nil, false, nil},
	{"sends another message", func(w *tap) { w.put(iana.ContentHandshake, []byte{byte(iana.SupplementalData), 0, 0, 0}) }, fault.UnexpectedMessage, fault.UnexpectedMessage, nil, false, nil},
}

// TestSteps: at each step the peer closes, resets, stalls, or sends what does not
// belong there. Each has its own error, which names the step; nothing hangs.
func TestSteps(t *testing.T) {
	for _, s := range steps {
		for _, m := range misdeeds {
			if s.clear && m.keysOnly {
				continue
			}
			version := iana.TLS13
			if s.old {
				version = iana.TLS12
			}
			t.Run(fmt.Sprintf("%v/%v in %v/peer %s", version, s.role, s.state, m.name), func(t *testing.T) {
				t.Parallel()
				ours, theirs := net.Pipe()
				watchdog := time.AfterFunc(10*time.Second, func() { ours.Close(); theirs.Close() })
				defer watchdog.Stop()
				v := &victim{Conn: ours, reset: m.name == "resets"}
				p := newPair(t)
				if s.retry {
					p.client.KeyShares = []iana.Group{}
				}
				if s.old {
					p.client.MaxVersion = iana.TLS12
				}
				if s.state == fault.WaitStatusSKE || s.state == fault.WaitSKE {
					c := p.server.Certificates[0]
					c.OCSPStaple = []byte("an answer")
					p.server.Certificates = []config.Certificate{c}
				}
				peer := newPuppet(t, p, theirs, s, m)
				conn := handclasp.Client(v, &p.client)
				if s.role == fault.Server {
					conn = handclasp.Server(v, &p.server)
				}
				go func() {
					<-peer.stopped
					if m.name == "stalls" {
						ours.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
					}
				}()
				err := use(conn)
				ours.Close()
				<-peer.done
				theirs.Close()
				if peer.err != nil {
					t.Fatalf("the script went wrong: %v", peer.err)
				}
				m.judge(t, s, err)
			})
		}
	}
}

// use is what an application does: handshake, then read.
func use(conn *handclasp.Conn) error {
	if err := conn.Handshake(); err != nil {
		if _, again := conn.Read(make([]byte, 1)); again != err {
			return fmt.Errorf("Read after a failed handshake gives %v", again)
		}
		return err
	}
	_, err := conn.Read(make([]byte, 1))
	return err
}

func (m *misdeed) judge(t *testing.T, s step, err error) {
	t.Helper()
	t.Log(err)
	want := m.handshake
	switch {
	case s.old && m.old != nil:
		want = m.old
	case s.state == fault.Connected:
		want = m.connected
	case s.last == iana.MessageHash && m.first != nil:
		want = m.first
	}
	if want == nil {
		if ok := m.name == "stalls" && errors.Is(err, os.ErrDeadlineExceeded) || m.name == "says goodbye" && err == io.EOF; !ok {
			t.Errorf("%v", err)
		}
		return
	}
	triggered(t, want, s.role, err)
	f, _ := errors.AsType[*fault.Error](err)
	if f.State != s.state || !strings.Contains(err.Error(), s.state.String()) {
		t.Errorf("the state is %v, want %v", f.State, s.state)
	}
}

// A victim's conn can't see the difference between a pipe that is closed and
// one that is reset.
type victim struct {
	net.Conn
	reset bool
}

func (v *victim) Read(b []byte) (int, error) {
	n, err := v.Conn.Read(b)
	if v.reset && err == io.EOF {
		err = &net.OpError{Op: "read", Net: "pipe", Err: syscall.ECONNRESET}
	}
	return n, err
}

// A puppet is the peer: an engine behind a tap, up to the message named last,
// then a misdeed, then silence. It always listens, as a socket does.
type puppet struct {
	conn    net.Conn
	engine  *engine.Engine
	tap     *tap
	heard   chan []byte   // what the victim writes
	ended   bool          // the last message is out
	stopped chan struct{} // closed after the misdeed
	done    chan struct{} // closed when the puppet is gone
	err     error
}

func newPuppet(t *testing.T, p *pair, conn net.Conn, s step, m misdeed) *puppet {
	t.Helper()
	u := &puppet{conn: conn, heard: make(chan []byte, 100), stopped: make(chan struct{}), done: make(chan struct{})}
	role, last := s.role.Peer(), s.last
	var err error
	if role == fault.Server {
		p.server.KeyLogWriter = p.keys
		u.engine, err = engine.NewServer(&p.server)
	} else {
		p.client.KeyLogWriter = p.keys
		u.engine, err = engine.NewClient(&p.client)
	}
	check(t, err)
	u.tap = &tap{from: role, keys: p.keys, info: u.engine.Info, random: new([32]byte), hook: func(w *tap, t iana.ContentType, b []byte) {
		switch {
		case u.ended:
		case t == iana.ContentHandshake && last == iana.CertificateRequest && iana.HandshakeType(b[0]) == iana.Certificate:
			if !s.old {
				b = certificateRequest()
				u.ended = true
			}
			w.put(t, b)
		case t == iana.ContentHandshake && last == iana.CertificateRequest && iana.HandshakeType(b[0]) == iana.ServerHelloDone:
			w.put(t, request12())
			u.ended = true
		case t == iana.ContentChangeCipherSpec:
			w.put(t, b)
			u.ended = last == lastCCS
		default:
			w.put(t, b)
			u.ended = t == iana.ContentHandshake && iana.HandshakeType(b[0]) == last && last != iana.Finished
		}
	}}
	u.engine.Watch(func(ev *flow.Event) {
		if ev.Kind == flow.Message && ev.Type == iana.ServerHello {
			copy(u.tap.random[:], ev.Bytes[wire.HeaderLen+2:])
		}
	})
	u.ended = last == iana.MessageHash
	go u.listen()
	go func() {
		defer close(u.done)
		u.err = u.run(last, m, s)
	}()
	return u
}

// listen ends when the conn is closed.
func (u *puppet) listen() {
	defer close(u.heard)
	for {
		b := make([]byte, 1<<15)
		n, err := u.conn.Read(b)
		if err != nil {
			return
		}
		u.heard <- b[:n]
	}
}

func certificateRequest() []byte {
	m := wire.CertificateRequest{SignatureSchemes: wire.MakeList16(iana.ED25519)}
	m.Extensions.Add(iana.ExtSignatureAlgorithms)
	b, err := wire.Append(nil, &m)
	if err != nil {
		panic(err)
	}
	return b
}

// run talks until the last message is out and the victim had time to answer.
func (u *puppet) run(last iana.HandshakeType, m misdeed, s step) error {
	defer close(u.stopped)
	if err := u.talk(last, s.speaks()); err != nil {
		return err
	}
	if m.do != nil {
		if !s.clear && !s.old {
			u.tap.ready(&u.tap.out)
		}
		m.do(u.tap)
		if _, err := u.conn.Write(u.tap.relay(nil)); err != nil {
			return err
		}
	}
	if m.name == "closes" || m.name == "resets" {
		return u.conn.Close()
	}
	return nil
}

func (u *puppet) talk(last iana.HandshakeType, speaks bool) error {
	var in []byte
	for {
		switch a := u.engine.Ask().(type) {
		case *flow.SignAsk:
			a.Reply(a.Signer.Sign(context.Background(), a.Scheme, a.Message))
		case *flow.VerifyAsk:
			a.Reply(&flow.Verdict{}, nil)
		}
		if out := u.tap.relay(u.engine.Output(nil)); len(out) > 0 {
			if _, err := u.conn.Write(out); err != nil {
				return err
			}
		}
		switch {
		case u.tap.from == fault.Server && u.ended:
			if speaks {
				<-u.heard // a hello that answers, or opens, or the flight of TLS 1.2
			}
			return nil
		case u.tap.from == fault.Client && last == iana.MessageHash:
			return nil
		case last == iana.Finished && u.engine.Connected():
			return nil
		}
		n, _, err := u.engine.Recv(in)
		if in = in[n:]; err != nil {
			return err
		}
		if u.tap.from == fault.Client && u.ended && u.engine.Info().State != fault.WaitSH {
			return nil // the server's answer has come
		}
		if n == 0 && u.engine.Ask() == nil {
			b, ok := <-u.heard
			if !ok {
				return io.ErrUnexpectedEOF
			}
			in = slices.Concat(in, b)
		}
	}
}
