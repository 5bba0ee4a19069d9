package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/session"
)

// What both sides hold of a pre-shared key.
const identity = "somebody"

var sharedKey = bytes.Repeat([]byte{0x5a}, 16)

// An end is ours of a case, through all its connections.
type end struct {
	c       testCase
	client  *handclasp.ClientConfig
	server  *handclasp.ServerConfig
	opening []byte // what our client sends in 0-RTT
	n       int    // connections so far
	watch   func(*flow.Event)
}

// ours is our side of one connection.
type ours struct {
	*handclasp.Conn
	c       testCase
	n       int          // which connection of the case, from 0
	updates atomic.Int32 // KeyUpdates of the peer
}

// end makes our configuration of a case.
func (k *kit) end(c testCase) (e *end, err error) {
	e = &end{c: c, opening: []byte(earlyWords), watch: k.watch}
	if c.server {
		e.server, err = k.files.serverConfig(c)
	} else {
		e.client, err = k.files.clientConfig(c)
	}
	return e, err
}

// on makes our side of the next connection.
func (e *end) on(raw net.Conn) *ours {
	raw = e.c.wire.over(raw, e.c.version)
	o := &ours{c: e.c, n: e.n}
	e.n++
	if e.c.alone && (e.c.psk || o.n > 0) {
		e.estrange()
	}
	if e.c.server {
		o.Conn = handclasp.Server(raw, e.server)
	} else {
		o.Conn = handclasp.Client(raw, e.client)
	}
	o.Watch(func(v *handclasp.Event) {
		if v.Kind == flow.Message && v.Type == iana.KeyUpdate && !v.Sent {
			o.updates.Add(1)
		}
		if e.watch != nil {
			e.watch(v)
		}
	})
	return o
}

// estrange leaves the two sides without a group in common, so that psk_ke is all
// that they can do.
func (e *end) estrange() {
	groups := []iana.Group{iana.Secp521r1}
	if e.c.server {
		e.server.CurvePreferences = groups
	} else {
		e.client.CurvePreferences = groups
	}
}

// meet does the handshake on the next connection, checks it and moves data.
func (e *end) meet(ctx context.Context, raw net.Conn, t talk) error {
	defer raw.Close()
	o := e.on(raw)
	if e.c.mutual.refused() {
		return o.refuse(ctx)
	}
	if err := o.begin(ctx, e.opening); err != nil {
		return err
	}
	if err := t(o); err != nil {
		return err
	}
	return o.Close()
}

// begin is 0-RTT data, if the case has them, and the handshake.
func (o *ours) begin(ctx context.Context, opening []byte) (err error) {
	var got []byte
	switch {
	case o.c.early != noEarly && o.c.server:
		got, err = io.ReadAll(earlyReader{o.Conn})
	case o.c.sends(o.n):
		_, err = o.WriteEarly(opening)
	}
	if err != nil {
		return err
	}
	if err := o.HandshakeContext(ctx); err != nil {
		return err
	}
	i := o.Info()
	if err := o.c.settled(i, o.n); err != nil {
		return err
	}
	return o.c.settledEarly(i, o.n, got)
}

type earlyReader struct{ conn *handclasp.Conn }

func (r earlyReader) Read(p []byte) (int, error) { return r.conn.ReadEarly(p) }

// settledEarly checks what became of 0-RTT data, and what our server got of them.
func (c testCase) settledEarly(i handclasp.Info, n int, got []byte) error {
	want, words := flow.EarlyNone, ""
	switch {
	case c.takes(n):
		want, words = flow.EarlyAccepted, earlyWords
	case c.sends(n):
		want = flow.EarlyRejected
	}
	if i.EarlyData.State != want && c.early != noEarly {
		if c.server || c.sends(n) {
			return fmt.Errorf("0-RTT %v: %s", i.EarlyData.State, i.EarlyData.Reason)
		}
	}
	if c.server && string(got) != words {
		return fmt.Errorf("0-RTT data %q", got)
	}
	return nil
}

// Write sends p, in as many records as the case wants.
func (o *ours) Write(p []byte) (int, error) {
	if o.c.wire != fragments {
		return o.Conn.Write(p)
	}
	for i := range p {
		if _, err := o.Conn.Write(p[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(p), nil
}

// refuse sees that a client without a certificate is refused: by us with our
// reason, by the peer in whatever words it has.
func (o *ours) refuse(ctx context.Context) error {
	err := o.WaitVerdict(ctx)
	if err == nil {
		return errors.New("a client without a certificate is let in")
	}
	missing := errors.Is(err, fault.ClientCertificateMissing) || errors.Is(err, fault.ClientCertificateMissing12)
	if o.c.server && !missing || !errors.As(err, new(*fault.Error)) {
		return err
	}
	o.Close()
	return nil
}

// schemes are what a case has our side accept: the chains of all certificates here
// are signed with P-256.
func (c testCase) schemes() (list []iana.SignatureScheme) {
	if c.scheme == 0 {
		return nil
	}
	list = []iana.SignatureScheme{c.scheme}
	if c.scheme != iana.ECDSA_SECP256R1_SHA256 {
		list = append(list, iana.ECDSA_SECP256R1_SHA256)
	}
	return list
}

// signing are what it has our side sign with.
func (c testCase) signing() []iana.SignatureScheme {
	if c.scheme == 0 {
		return nil
	}
	return []iana.SignatureScheme{c.scheme}
}

func (c testCase) psks() []handclasp.PSK {
	if !c.secret() {
		return nil
	}
	return []handclasp.PSK{{Identity: []byte(identity), Key: sharedKey}}
}

// clientConfig is our configuration as client of a case.
func (f *files) clientConfig(c testCase) (*handclasp.ClientConfig, error) {
	cfg := &handclasp.ClientConfig{
		ServerName: "localhost", RootCAs: f.roots, MinVersion: c.version, MaxVersion: c.version,
		CipherSuites: []iana.CipherSuite{c.suite}, CurvePreferences: c.offered(),
		SignatureSchemes: c.schemes(), SigningSchemes: c.signing(), PSKs: c.psks(), AllowPSKWithoutDHE: c.alone,
		MinDHBits: c.bits, PostHandshakeAuth: c.then == askLater, EarlyData: c.early != noEarly, SessionIDs: c.resume == byID,
	}
	if c.bits > 0 {
		cfg.CurvePreferences = []iana.Group{iana.FFDHE8192} // a server of RFC 7919 would have to use it
	}
	if c.retry {
		cfg.KeyShares = cfg.CurvePreferences[:1]
	}
	if c.then == renegotiate {
		cfg.MaxRenegotiations = 1
	}
	if c.mutual.proves() {
		cfg.Certificates = []handclasp.Certificate{f.id(c.mutual.shows, c.chain).ours}
	}
	c.shapeClient(cfg)
	if c.resume == never {
		return cfg, nil
	}
	cfg.Time = time.Now
	if c.early == replayed {
		cfg.Sessions = &stubborn{}
		return cfg, nil
	}
	var err error
	cfg.Sessions, err = session.NewClientMemory(session.ClientOptions{Clock: time.Now})
	return cfg, err
}

// serverConfig is our configuration as server of a case.
func (f *files) serverConfig(c testCase) (*handclasp.ServerConfig, error) {
	cfg := &handclasp.ServerConfig{
		Certificates: []handclasp.Certificate{f.id(c.key, c.chain).ours}, MinVersion: c.version, MaxVersion: c.version,
		CipherSuites: []iana.CipherSuite{c.suite}, CurvePreferences: []iana.Group{c.group},
		SignatureSchemes: c.schemes(), SigningSchemes: c.signing(), PSKs: c.psks(), AllowPSKWithoutDHE: c.alone,
		ClientAuth: c.mutual.policy, ClientCAs: f.roots, AskLater: c.then == askLater,
	}
	if c.group == 0 {
		cfg.CurvePreferences = nil
	}
	c.shapeServer(cfg)
	if c.resume == never {
		return cfg, nil
	}
	cfg.Time = time.Now
	kv, err := session.NewMemory(session.MemoryOptions{Clock: time.Now})
	if err != nil {
		return nil, err
	}
	if c.resume == byID {
		cfg.SessionCache = session.NewCache(kv)
		return cfg, nil
	}
	if cfg.Tickets, err = session.NewTickets(session.TicketOptions{Clock: time.Now}); err != nil || c.early == noEarly {
		return cfg, err
	}
	started := time.Now()
	var store session.KV = kv
	if c.early != rejected || c.retry {
		started = started.Add(-time.Hour)
		store = struct{ session.KV }{kv} // which is not Dated
	}
	cfg.EarlyData = 1 << 12
	cfg.Guard, err = session.NewGuard(session.GuardOptions{KV: store, Clock: time.Now, Started: started})
	return cfg, err
}
