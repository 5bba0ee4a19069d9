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
	"github.com/handclasp/handclasp/engine"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/suite"
	"github.com/handclasp/handclasp/internal/wire"
)

type step struct {
	role  fault.Role
	state fault.State
	retry bool
	last  iana.HandshakeType // of the peer; MessageHash: none
	clear bool               // the peer has no keys yet
}

// steps are the states in which a side waits for the peer, and the peer's last
// message before. START, VERIFYING and SIGNING are missing: nothing is read there.
var steps = []step{
	{fault.Client, fault.WaitSH, false, iana.MessageHash, true},
	{fault.Client, fault.WaitSH2, true, iana.ServerHello, true},
	{fault.Client, fault.WaitEE, false, iana.ServerHello, false},
	{fault.Client, fault.WaitCertCR, false, iana.EncryptedExtensions, false},
	{fault.Client, fault.WaitCert, false, iana.CertificateRequest, false},
	{fault.Client, fault.WaitCV, false, iana.Certificate, false},
	{fault.Client, fault.WaitFinished, false, iana.CertificateVerify, false},
	{fault.Client, fault.Connected, false, iana.Finished, false},
	{fault.Server, fault.WaitCH, false, iana.MessageHash, true},
	{fault.Server, fault.WaitCH2, true, iana.ClientHello, true},
	{fault.Server, fault.WaitFinished, false, iana.ClientHello, false},
	{fault.Server, fault.Connected, false, iana.Finished, false},
}

// A misdeed is what the peer does then.
type misdeed struct {
	name      string
	do        func(w *tap)
	handshake *fault.Rule // what comes of it during the handshake
	connected *fault.Rule // and after; nil: a deadline of the user's, which is no fault
	first     *fault.Rule // and if it is all that ever comes; nil: as in the handshake
	keysOnly  bool        // it differs from the others only where there are keys
}

var misdeeds = []misdeed{
	{"closes", nil, fault.ClosedEarly, fault.Truncated, nil, false},
	{"resets", nil, fault.PeerReset, fault.PeerReset, nil, false},
	{"stalls", nil, fault.PeerSilent, nil, nil, false},
	{"sends garbage", func(w *tap) { w.raw([]byte("\xff\x00 what is this?")) }, fault.RecordType, fault.RecordType, fault.PeerSpeaksGarbage, false},
	{"sends noise", func(w *tap) { w.raw(append([]byte{23, 3, 3, 0, 40}, make([]byte, 40)...)) }, fault.BadRecordMAC, fault.BadRecordMAC, nil, true},
	{"sends an alert", func(w *tap) { w.put(iana.ContentAlert, []byte{2, byte(iana.InternalError)}) }, fault.AlertReceived, fault.AlertReceived, nil, false},
	{"sends an alert in clear", func(w *tap) { w.clear(iana.ContentAlert, []byte{2, byte(iana.InternalError)}) }, fault.AlertInClear, fault.RecordType, nil, true},
	{"says goodbye", func(w *tap) { w.put(iana.ContentAlert, []byte{1, byte(iana.CloseNotify)}) }, fault.ClosedEarly, nil, nil, false},
	{"sends another message", func(w *tap) { w.put(iana.ContentHandshake, []byte{byte(iana.SupplementalData), 0, 0, 0}) }, fault.UnexpectedMessage, fault.UnexpectedMessage, nil, false},
}

// TestSteps: at each step the peer closes, resets, stalls, or sends what does not
// belong there. Each has its own error, which names the step; nothing hangs.
func TestSteps(t *testing.T) {
	for _, s := range steps {
		for _, m := range misdeeds {
			if s.clear && m.keysOnly {
				continue
			}
			t.Run(fmt.Sprintf("%v in %v/peer %s", s.role, s.state, m.name), func(t *testing.T) {
				t.Parallel()
				ours, theirs := net.Pipe()
				watchdog := time.AfterFunc(10*time.Second, func() { ours.Close(); theirs.Close() })
				defer watchdog.Stop()
				v := &victim{Conn: ours, reset: m.name == "resets"}
				p := newPair(t)
				if s.retry {
					p.client.KeyShares = []iana.Group{}
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
				m.judge(t, s.role, s.state, s.last == iana.MessageHash, err)
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

func (m *misdeed) judge(t *testing.T, role fault.Role, s fault.State, first bool, err error) {
	t.Helper()
	t.Log(err)
	want := m.handshake
	switch {
	case s == fault.Connected:
		want = m.connected
	case first && m.first != nil:
		want = m.first
	}
	if want == nil {
		if ok := m.name == "stalls" && errors.Is(err, os.ErrDeadlineExceeded) || m.name == "says goodbye" && err == io.EOF; !ok {
			t.Errorf("%v", err)
		}
		return
	}
	triggered(t, want, role, err)
	f, _ := errors.AsType[*fault.Error](err)
	if f.State != s || !strings.Contains(err.Error(), s.String()) {
		t.Errorf("the state is %v, want %v", f.State, s)
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
	u.tap = &tap{from: role, keys: p.keys, hook: func(w *tap, t iana.ContentType, b []byte) {
		switch {
		case u.ended:
		case t == iana.ContentHandshake && last == iana.CertificateRequest && iana.HandshakeType(b[0]) == iana.Certificate:
			w.put(t, certificateRequest())
			u.ended = true
		default:
			w.put(t, b)
			u.ended = t == iana.ContentHandshake && iana.HandshakeType(b[0]) == last && last != iana.Finished
		}
	}}
	u.tap.suite = func() *suite.Suite { return suite.ByID(u.engine.Info().CipherSuite) }
	u.ended = last == iana.MessageHash
	go u.listen()
	go func() {
		defer close(u.done)
		u.err = u.run(last, m, s.clear)
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
func (u *puppet) run(last iana.HandshakeType, m misdeed, clear bool) error {
	defer close(u.stopped)
	if err := u.talk(last, clear); err != nil {
		return err
	}
	if m.do != nil {
		if !clear {
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

func (u *puppet) talk(last iana.HandshakeType, clear bool) error {
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
			if clear {
				<-u.heard // a hello that answers, or opens
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
