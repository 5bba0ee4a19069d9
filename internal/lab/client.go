package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/wire"
)

// A Demand is what a client should do with a server.
type Demand string

const (
	Accept Demand = "accept"
	Refuse Demand = "refuse" // whoever accepts can be deceived
	Better Demand = "better refuse"
)

// A Trial is a server that a client is tried with.
type Trial struct {
	*Case
	Demand Demand
	handle func(net.Conn)
}

// trials are in the order in which they are held. The good ones come first, for
// what a client that refuses them does says nothing.
var trials = []struct {
	name   string
	demand Demand
}{
	{"good", Accept}, {"only-tls12", Accept}, {"retry", Accept},
	{"self-signed", Refuse}, {"private-root", Refuse}, {"private-root-sent", Refuse}, {"wrong-name", Refuse},
	{"expired", Refuse}, {"not-yet-valid", Refuse}, {"expired-intermediate", Refuse}, {"missing-intermediate", Better},
	{"not-a-ca", Refuse}, {"path-length", Refuse}, {"name-constraint", Refuse}, {"client-purpose", Refuse}, {"no-signing", Better},
	{"no-san", Better}, {"weak-key", Better}, {"weak-signature", Better}, {"must-staple", Better}, {"revoked", Better}, {"old-staple", Better},
	{"key-mismatch", Refuse}, {"key-mismatch-12", Refuse}, {"broken-signature", Refuse}, {"broken-finished", Refuse}, {"broken-finished-12", Refuse},
	{"legacy-renegotiation", Better}, {"only-tls11", Better}, {"only-tls10", Better},
}

// Servers that none but a liar would be: no diagnosis is needed to refuse them.
var liars = []Case{
	{Name: "key-mismatch-12", Text: "The server signs with another key than its certificate's, in TLS 1.2.", serve: tampered(iana.TLS12, mar)},
	{Name: "broken-signature", Text: "One bit of the server's signature is wrong (CertificateVerify).", serve: tampered(iana.TLS13, mar)},
	{Name: "broken-finished", Text: "One bit of the server's Finished is wrong.", serve: tampered(iana.TLS13, unfinish)},
	{Name: "broken-finished-12", Text: "One bit of the server's Finished is wrong, in TLS 1.2.", serve: tampered(iana.TLS12, unfinish)},
}

// mar breaks the signature with which the server proves that the key is its own.
func mar(m wire.Message) {
	switch m := m.(type) {
	case *wire.CertificateVerify:
		m.Signature = flipped(m.Signature)
	case *wire.ServerKeyExchange:
		m.Signature = flipped(m.Signature)
	}
}

func unfinish(m wire.Message) {
	if f, ok := m.(*wire.Finished); ok {
		f.VerifyData = flipped(f.VerifyData)
	}
}

// flipped is b with its last bit the other way.
func flipped(b []byte) []byte {
	b = slices.Clone(b)
	b[len(b)-1] ^= 1
	return b
}

func tampered(v iana.Version, edit func(wire.Message)) func(*bench) (func(net.Conn), error) {
	return func(b *bench) (func(net.Conn), error) {
		cfg, err := b.config()
		if err != nil {
			return nil, err
		}
		cfg.MinVersion, cfg.MaxVersion = v, v
		return edited(cfg, edit), nil
	}
}

// Trials makes ready what a client is tried with: all below one authority, whose
// certificate in PEM the client is to trust.
func Trials() (list []*Trial, authority []byte, err error) {
	b, err := newBench()
	if err != nil {
		return nil, nil, err
	}
	for _, t := range trials {
		c := found(t.name)
		handle, err := c.serve(b)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", t.name, err)
		}
		list = append(list, &Trial{c, t.demand, handle})
	}
	return list, b.root.PEM(), nil
}

// found is a case or a liar.
func found(name string) *Case {
	for i := range liars {
		if liars[i].Name == name {
			return &liars[i]
		}
	}
	c, err := Find(name)
	if err != nil {
		panic(err) // the table above is wrong, which every test sees
	}
	return c
}

// A Conduct is what a client did in a trial.
type Conduct struct {
	Hello     *Hello // nil: it sent none
	Accepted  bool   // it trusted the server with data
	Completed bool   // the handshake, on the server's side
	Alert     iana.Alert
	Alerted   bool // it sent Alert, which is not close_notify
	Clear     bool // without protection
	Err       error
}

// Did says what it did: "refused: alert unknown_ca (48), in the clear".
func (c *Conduct) Did() string {
	switch {
	case c.Hello == nil:
		return "sent no ClientHello"
	case c.Accepted:
		return "accepted: it sent its data"
	case c.Alerted && c.Clear:
		return fmt.Sprintf("refused: alert %v (%d), in the clear", c.Alert, uint8(c.Alert))
	case c.Alerted:
		return fmt.Sprintf("refused: alert %v (%d)", c.Alert, uint8(c.Alert))
	case c.Completed:
		return "refused: it completed the handshake, and left without data"
	case errors.Is(c.Err, fault.NoCommonVersion), errors.Is(c.Err, fault.NoCommonSuite), errors.Is(c.Err, fault.NoCertificateForSuite):
		return "had nothing in common with it"
	}
	return "refused: it broke off without a word"
}

// Verdict is "right", "wrong" or "weak".
func (t *Trial) Verdict(c *Conduct) string {
	switch {
	case c.Accepted == (t.Demand == Accept):
		return "right"
	case t.Demand == Better:
		return "weak"
	}
	return "wrong"
}

// Meet holds the trial over a connection that the client has opened.
func (t *Trial) Meet(ctx context.Context, raw net.Conn) *Conduct {
	c := new(Conduct)
	defer raw.Close()
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	defer stop()
	h, err := readHello(raw)
	if err != nil {
		c.Err = err
		return c
	}
	c.Hello = h
	t.handle(&watched{replayed(raw, h.Raw), raw, c})
	return c
}

// watched is a connection of a trial.
type watched struct {
	net.Conn
	below net.Conn
	*Conduct
}

// CloseWrite is that of TCP.
func (w *watched) CloseWrite() error {
	if tcp, ok := w.below.(*net.TCPConn); ok {
		return tcp.CloseWrite()
	}
	return nil
}

// conductOf is where to note what happens on a connection; nil if nobody wants to
// know.
func conductOf(raw net.Conn) *Conduct {
	if w, ok := raw.(*watched); ok {
		return w.Conduct
	}
	return nil
}

func (c *Conduct) watch(ev *handclasp.Event) {
	if ev.Kind == flow.Alert && !ev.Sent && ev.Alert != iana.CloseNotify {
		c.Alert, c.Alerted, c.Clear = ev.Alert, true, ev.Epoch == flow.Clear
	}
}

// ended notes how the handshake did.
func (c *Conduct) ended(err error) {
	if c == nil {
		return
	}
	c.Completed, c.Err = err == nil, err
	c.refused(err)
}

// read notes what came after it.
func (c *Conduct) read(n int, err error) {
	if c != nil {
		c.Accepted = c.Accepted || n > 0
		c.refused(err)
	}
}

// refused notes an alert in the clear where none should be (RFC 9846, Section 6).
func (c *Conduct) refused(err error) {
	if e, ok := errors.AsType[*fault.Error](err); ok && (e.Received || errors.Is(e, fault.AlertInClear)) && e.AlertCode() != iana.CloseNotify {
		c.Alert, c.Alerted, c.Clear = e.AlertCode(), true, c.Clear || errors.Is(e, fault.AlertInClear)
	}
}

// attend reads what a client says once the handshake is complete.
func (s *script) attend(c *Conduct) {
	s.raw.SetReadDeadline(time.Now().Add(patience))
	buf := make([]byte, 1<<15)
	for {
		n, data, err := s.e.Recv(s.in)
		s.in = s.in[n:]
		c.read(len(data), err)
		if err != nil {
			return
		}
		if c.Accepted {
			out, err := s.e.Send(nil, []byte(answer()))
			if err == nil {
				s.raw.Write(out)
			}
			return
		}
		if n > 0 {
			continue
		}
		if n, err = s.raw.Read(buf); err != nil {
			return
		}
		s.in = append(s.in, buf[:n]...)
	}
}
