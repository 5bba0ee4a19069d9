package diagnose

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/engine"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/kex"
	"github.com/handclasp/handclasp/internal/record"
	"github.com/handclasp/handclasp/internal/starttls"
	"github.com/handclasp/handclasp/internal/suite"
	"github.com/handclasp/handclasp/internal/wire"
	"github.com/handclasp/handclasp/sign"
)

// errBudget ends a diagnosis that has used up its connections.
var errBudget = errors.New("the connections that were allowed are used up")

// A prober makes connections, one at a time, and keeps what became of them.
type prober struct {
	o       *Options
	addr    netip.AddrPort
	user    *handclasp.ClientConfig
	model   *model
	used    int // connections
	last    time.Time
	timeout time.Duration
	known   map[string][]*outcome // of each hello, in order
}

// firstHello is the ClientHello that a configuration makes.
func firstHello(cfg *handclasp.ClientConfig) (*wire.ClientHello, error) {
	c := *cfg
	c.Sessions, c.PSKs, c.EarlyData = nil, nil, false
	e, err := engine.NewClient(&c)
	if err != nil {
		return nil, err
	}
	out := e.Output(nil)
	if err := e.Err(); err != nil {
		return nil, err
	}
	var msg []byte
	for len(out) > record.HeaderLen {
		n := int(out[3])<<8 | int(out[4])
		msg, out = append(msg, out[record.HeaderLen:record.HeaderLen+n]...), out[record.HeaderLen+n:]
	}
	h := new(wire.ClientHello)
	return h, wire.Decode(msg, h)
}

// everything are the values that our engine can go on with.
func everything() (suites []iana.CipherSuite, groups []iana.Group, schemes []iana.SignatureScheme) {
	for _, s := range suite.All() {
		if !s.Exchange.PreShared() {
			suites = append(suites, s.ID)
		}
	}
	return suites, kex.All(), sign.All()
}

// wideConfig offers all there is.
func wideConfig(user *handclasp.ClientConfig) *handclasp.ClientConfig {
	c := &handclasp.ClientConfig{
		ServerName: user.ServerName, RootCAs: user.RootCAs, InsecureSkipVerify: true, Certificates: user.Certificates,
		GetClientCertificate: user.GetClientCertificate, MinDHBits: 1024, MinVersion: iana.TLS10, Rand: user.Rand, Time: user.Time,
	}
	c.CipherSuites, c.CurvePreferences, c.SignatureSchemes = everything()
	if len(user.NextProtos) > 0 {
		c.NextProtos = slices.Concat(user.NextProtos, missing(user.NextProtos, []string{"h2", "http/1.1"}))
	}
	return c
}

// missing are those of want that have lacks.
func missing[T comparable](have, want []T) (list []T) {
	for _, w := range want {
		if !slices.Contains(have, w) {
			list = append(list, w)
		}
	}
	return list
}

// try makes one connection with h, and waits after the handshake for what the
// server has to say if linger. Its error is the context's.
func (p *prober) try(ctx context.Context, h hello, linger bool) (*outcome, error) {
	h.set = h.closed()
	o := p.connect(ctx, h, linger)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	key := p.model.key(h)
	p.known[key] = append(p.known[key], o)
	return o, nil
}

// pace waits until the next connection may be made, and counts it.
func (p *prober) pace(ctx context.Context) error {
	if p.used >= p.o.MaxConnections {
		return errBudget
	}
	if p.o.Rate > 0 && !p.last.IsZero() {
		due := p.last.Add(time.Duration(float64(time.Second) / p.o.Rate))
		if err := p.o.clock.Sleep(ctx, due.Sub(p.o.clock.Now())); err != nil {
			return err
		}
	}
	p.used++
	p.last = p.o.clock.Now()
	return nil
}

// A clock is what the pauses between connections go by.
type clock interface {
	Now() time.Time
	Sleep(context.Context, time.Duration) error
}

type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }

func (systemClock) Sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// long is after how much time a server that closes has been waiting for something,
// which is not the same as to close in answer to what came.
const long = 3 * time.Second

func (p *prober) connect(ctx context.Context, h hello, linger bool) *outcome {
	o := new(outcome)
	start := time.Now()
	defer func() {
		if o.took = time.Since(start); o.took >= long && o.ending == Closed && o.stage < connected {
			o.ending, o.hungUp = Silent, true
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	raw, err := p.o.Dial(ctx, "tcp", p.addr.String())
	switch {
	case errors.Is(err, syscall.ECONNRESET): // at once after it was taken
		o.end(fault.PeerReset.Because(err))
		return o
	case err != nil:
		o.ending, o.err = NoAnswer, fault.TransportFailed.Because(err)
		return o
	}
	defer raw.Close()
	begun := start
	if p.o.StartTLS != "" {
		deadline, _ := ctx.Deadline()
		raw.SetDeadline(deadline)
		if err := starttls.Upgrade(raw, p.o.StartTLS, p.user.ServerName, nil); err != nil {
			o.end(err)
			return o
		}
		raw.SetDeadline(time.Time{})
		begun = time.Now() // many a mail server takes seconds to greet
	}
	if h.proxied {
		if _, err := io.WriteString(raw, proxyLine(raw)); err != nil {
			o.end(err)
			return o
		}
	}
	listen := time.Duration(0)
	if linger {
		listen = p.o.Linger
	}
	p.handshake(ctx, &cutter{Conn: raw, segments: h.much[segments], records: h.much[records]}, h, o, begun, listen)
	return o
}

// proxyLine says whom a connection is made for, in version 1 of the PROXY protocol
// (HAProxy's proxy-protocol.txt, Section 2.1).
func proxyLine(raw net.Conn) string {
	from, err := netip.ParseAddrPort(raw.LocalAddr().String())
	to, err2 := netip.ParseAddrPort(raw.RemoteAddr().String())
	if err != nil || err2 != nil {
		return "PROXY UNKNOWN\r\n"
	}
	family := "TCP6"
	if to.Addr().Unmap().Is4() {
		family = "TCP4"
	}
	return fmt.Sprintf("PROXY %s %v %v %d %d\r\n", family, from.Addr().Unmap(), to.Addr().Unmap(), from.Port(), to.Port())
}

// handshake does it, and notes what came of it. It listens afterwards, if at all, for
// as long besides as it has taken since the connection was begun for TLS: the answer to
// the client's last flight is under way for a round trip, and two have passed.
func (p *prober) handshake(ctx context.Context, raw net.Conn, h hello, o *outcome, begun time.Time, listen time.Duration) {
	conn := handclasp.Client(raw, p.model.config(h, p.user))
	conn.Watch(o.watch)
	conn.Edit(p.model.once(h))
	err := conn.HandshakeContext(ctx)
	o.info = conn.Info()
	if o.info.ServerCertificate != nil {
		o.leaf = o.info.ServerCertificate
	}
	if err != nil {
		o.end(err)
		return
	}
	o.stage, o.ending = connected, Worked
	if listen == 0 {
		conn.Close()
		return
	}
	conn.SetReadDeadline(time.Now().Add(listen + time.Since(begun)))
	_, err = io.Copy(io.Discard, conn)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
	case err == nil: // close_notify
		o.ending, o.alert, o.err = Alerted, iana.CloseNotify, fault.ClosedEarly.New()
	default:
		o.end(err)
	}
	conn.Close()
}

// config is what a client that sends h is to be able to do.
func (m *model) config(h hello, user *handclasp.ClientConfig) *handclasp.ClientConfig {
	cfg := wideConfig(user)
	strange := func(g iana.Group) bool { return !kex.Supported(g) }
	groups := slices.DeleteFunc(values[iana.Group](m.of(h.set, group)), strange)
	cfg.KeyShares = slices.DeleteFunc(values[iana.Group](m.of(h.set, share)), strange)
	cfg.CurvePreferences = slices.Concat(groups, missing(groups, cfg.CurvePreferences))
	return cfg
}

// once writes h in the place of the first hello.
func (m *model) once(h hello) func(wire.Message) {
	first := true
	return func(msg wire.Message) {
		if ch, ok := msg.(*wire.ClientHello); ok && first {
			first = false
			m.write(h, ch) // what can't be encoded fails when it is sent
		}
	}
}

// A cutter sends the first bytes, which are the ClientHello, in pieces.
type cutter struct {
	net.Conn
	segments, records int
	begun             bool
}

// between is how long to wait between two segments, so that they stay two.
const between = 10 * time.Millisecond

func (c *cutter) Write(b []byte) (int, error) {
	if c.begun || c.segments < 2 && c.records < 2 {
		return c.Conn.Write(b)
	}
	c.begun = true
	out := b
	if c.records > 1 {
		out = intoRecords(b, c.records)
	}
	n := max(c.segments, 1)
	for i := range n {
		if i > 0 {
			time.Sleep(between)
		}
		if _, err := c.Conn.Write(out[len(out)*i/n : len(out)*(i+1)/n]); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

// intoRecords cuts the content of the record that b is into n records.
func intoRecords(b []byte, n int) (out []byte) {
	head, content := b[:record.HeaderLen], b[record.HeaderLen:]
	for i := range n {
		part := content[len(content)*i/n : len(content)*(i+1)/n]
		out = append(out, head[0], head[1], head[2], byte(len(part)>>8), byte(len(part)))
		out = append(out, part...)
	}
	return out
}
