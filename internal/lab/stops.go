package lab

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/engine"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/internal/record"
	"github.com/handclasp/handclasp/internal/wire"
)

// A step is where a server of the lab breaks off.
type step struct {
	name    string
	text    string
	version iana.Version // 0: any
	server  fault.State  // of the server, in which it stops
}

var steps = []step{
	{"hello", "in answer to the ClientHello", 0, fault.WaitCH},
	{"flight", "in the middle of its own flight, after its certificate, in TLS 1.3", iana.TLS13, fault.Signing},
	{"flight12", "in the middle of its own flight, after its certificate, in TLS 1.2", iana.TLS12, fault.Signing},
	{"finished", "when the client's handshake is complete, in TLS 1.3", iana.TLS13, fault.Connected},
	{"finished12", "in the place of its Finished, in TLS 1.2", iana.TLS12, fault.WaitCCS},
}

// stops are the servers that break off, at every step in every way.
func stops() (cases []Case) {
	for _, at := range steps {
		cases = append(cases,
			Case{Name: at.name + "-fin", Text: "The server closes the connection " + at.text + ".", Cause: stopCause(at, "closed"), serve: stop(at, part)},
			Case{Name: at.name + "-reset", Text: "The server resets the connection " + at.text + ".", Cause: stopCause(at, "reset"), serve: stop(at, reset)},
			Case{Name: at.name + "-silence", Text: "The server says nothing more " + at.text + ".", Cause: stopCause(at, "silent"), serve: stop(at, stall)})
		for n := range uint8(iana.NoAlert) {
			if a := iana.Alert(n); a.Known() {
				cases = append(cases, Case{Name: at.name + "-alert-" + a.String(), Cause: alertCause(at, a), serve: alertAt(at, a),
					Text: fmt.Sprintf("The server sends the alert %v (%d) %s.", a, n, at.text)})
			}
		}
	}
	return cases
}

// stopCause is what a diagnosis should find: there is no telling why, only where.
func stopCause(at step, atHello string) string {
	switch {
	case at.name == "hello":
		return atHello
	case at.name == "finished" && atHello == "silent":
		return "nothing-wrong" // a server that waits for the client to speak
	}
	return "breaks-off"
}

func alertCause(at step, a iana.Alert) string {
	switch {
	case a == iana.InternalError:
		return "server-internal"
	case at.name == "finished" && a == iana.CloseNotify:
		return "parts-at-once"
	case at.name != "hello":
		return "breaks-off"
	case a == iana.CloseNotify:
		return "closed"
	case a == iana.ProtocolVersion:
		return "no-common-version"
	case a == iana.UnrecognizedName:
		return "name-unknown"
	}
	return "refuses-all"
}

// stop goes up to the step and ends the connection in some way.
func stop(at step, end func(net.Conn)) func(*bench) (func(net.Conn), error) {
	return scripted(at, func(s *script) { end(s.raw) })
}

// alertAt goes up to the step and sends an alert.
func alertAt(at step, a iana.Alert) func(*bench) (func(net.Conn), error) {
	return scripted(at, func(s *script) {
		if at.server == fault.WaitCH {
			s.raw.Write(record.AppendPlaintext(nil, iana.TLS12, iana.ContentAlert, []byte{level(a), byte(a)}))
		} else {
			s.alert(a)
		}
		part(s.raw)
	})
}

func level(a iana.Alert) byte {
	if a == iana.CloseNotify {
		return 1
	}
	return 2
}

// A script drives a server's engine up to a step.
type script struct {
	raw  net.Conn
	e    *engine.Engine
	edit func(wire.Message) // nil: nothing is changed
	in   []byte             // that came and was not yet read
}

// scripted makes the handler that goes up to a step and then does something else.
func scripted(at step, then func(*script)) func(*bench) (func(net.Conn), error) {
	return func(b *bench) (func(net.Conn), error) {
		cfg, err := b.config()
		if err != nil {
			return nil, err
		}
		cfg.MinVersion, cfg.MaxVersion, cfg.Time = at.version, at.version, time.Now
		return func(raw net.Conn) {
			raw.SetDeadline(time.Now().Add(patience))
			s := &script{raw: raw}
			if at.server == fault.WaitCH {
				if _, err := readHello(raw); err == nil {
					then(s)
				}
				return
			}
			if s.upTo(cfg, at.server) {
				then(s)
				return
			}
			part(raw)
		}, nil
	}
}

// upTo does the handshake until the server is in a state, and sends what it has to
// say up to there. It reports whether it came so far.
func (s *script) upTo(cfg *handclasp.ServerConfig, state fault.State) bool {
	var err error
	if s.e, err = engine.NewServer(cfg); err != nil {
		return false
	}
	s.e.Edit(s.edit)
	if c := conductOf(s.raw); c != nil {
		s.e.Watch(c.watch)
	}
	buf := make([]byte, record.HeaderLen+record.MaxCiphertext12)
	for {
		reached := s.e.Info().State == state
		if ask, ok := s.e.Ask().(*flow.SignAsk); ok && !reached {
			ask.Reply(ask.Signer.Sign(context.Background(), ask.Scheme, ask.Message))
			continue
		}
		if out := s.e.Output(nil); len(out) > 0 {
			if _, err := s.raw.Write(out); err != nil {
				return false
			}
		}
		if reached {
			return true
		}
		n, _, err := s.e.Recv(s.in)
		if s.in = s.in[n:]; err != nil {
			return false
		}
		if n > 0 || s.e.Ask() != nil {
			continue
		}
		if n, err = s.raw.Read(buf); err != nil {
			return false
		}
		s.in = append(s.in, buf[:n]...)
	}
}

// alert sends one under the keys that are in use.
func (s *script) alert(a iana.Alert) {
	s.e.Fail(&fault.Rule{ID: "lab", Alert: a, Text: "The lab breaks off."})
	s.raw.Write(s.e.Output(nil))
}

// edited is a server whose messages edit has had in its hands.
func edited(cfg *handclasp.ServerConfig, edit func(wire.Message)) func(net.Conn) {
	cfg.Time = time.Now
	return func(raw net.Conn) {
		raw.SetDeadline(time.Now().Add(patience))
		s := &script{raw: raw, edit: edit}
		connected := s.upTo(cfg, fault.Connected)
		conduct := conductOf(raw)
		if err := s.e.Err(); connected || err != nil {
			conduct.ended(err)
		}
		if connected && conduct != nil {
			s.attend(conduct)
			part(raw)
			return
		}
		if connected {
			drain(raw, patience)
			return
		}
		raw.Write(s.e.Output(nil))
		part(raw)
	}
}

// legacy is a server of TLS 1.2 without renegotiation_info (RFC 5746).
func legacy(b *bench) (func(net.Conn), error) {
	cfg, err := b.config()
	cfg.MaxVersion = iana.TLS12
	return edited(cfg, func(m wire.Message) {
		if sh, ok := m.(*wire.ServerHello); ok {
			sh.Extensions.Remove(iana.ExtRenegotiationInfo)
		}
	}), err
}

// swapped is a server that shows another chain than the one it chose, for the same
// key: no honest server chooses it.
func swapped(issue func(*bench, pki.Leaf) (*pki.Issued, error)) func(*bench) (func(net.Conn), error) {
	return func(b *bench) (func(net.Conn), error) {
		chosen, err := b.issuer.Issue(leaf())
		if err != nil {
			return nil, err
		}
		l := leaf()
		l.Signer = chosen.Key
		other, err := issue(b, l)
		if err != nil {
			return nil, err
		}
		c, err := certificate(chosen)
		return edited(&handclasp.ServerConfig{Certificates: []config.Certificate{c}}, func(m wire.Message) {
			switch m := m.(type) {
			case *wire.Certificate:
				m.List = nil
				for _, der := range other.Chain {
					m.List = append(m.List, wire.CertificateEntry{Data: der})
				}
			case *wire.Certificate12:
				m.List = other.Chain
			}
		}), err
	}
}
