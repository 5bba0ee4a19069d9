package main

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/explain"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
	store "github.com/handclasp/handclasp/session"
)

// A demo is a kind of handshake that explain shows with its own server.
type demo struct {
	name, about string
	client      func(cfg *handclasp.ClientConfig)
	both        func(c *handclasp.ClientConfig, s *handclasp.ServerConfig) error
	before      bool   // there is a connection before the one that is told
	early       string // sent in 0-RTT
}

var demos = []demo{
	{name: "tls13", about: "TLS 1.3, a full handshake", client: func(*handclasp.ClientConfig) {}},
	{name: "hrr", about: "TLS 1.3 with a HelloRetryRequest: the client's guess was wrong", client: func(c *handclasp.ClientConfig) {
		c.KeyShares = []iana.Group{iana.X25519} // the server prefers what resists quantum computers
	}},
	{name: "mtls", about: "both sides show certificates", client: func(*handclasp.ClientConfig) {}, both: mutual},
	{name: "psk", about: "a pre-shared key stands for certificates", client: func(c *handclasp.ClientConfig) {
		key := make([]byte, 32)
		rand.Read(key)
		c.PSKs = []handclasp.PSK{{Identity: []byte("demonstration"), Key: key}}
	}},
	{name: "resumption-ticket", about: "TLS 1.3 resumed by a ticket of an earlier connection", client: func(*handclasp.ClientConfig) {}, both: remember, before: true},
	{name: "resumption-id", about: "TLS 1.2 resumed by the session ID of an earlier connection", client: func(c *handclasp.ClientConfig) {
		c.MaxVersion, c.SessionIDs = iana.TLS12, true
	}, both: remember, before: true},
	{name: "0rtt", about: "data in the first flight of a resumed connection", client: func(c *handclasp.ClientConfig) { c.EarlyData = true }, both: remember, before: true,
		early: "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"},
	{name: "ecdhe", about: "TLS 1.2 with fresh keys on a curve", client: func(c *handclasp.ClientConfig) { c.MaxVersion = iana.TLS12 }},
	{name: "dhe", about: "TLS 1.2 with fresh keys in a finite field", client: suiteOnly(iana.TLS_DHE_RSA_WITH_AES_128_GCM_SHA256)},
	{name: "rsa", about: "TLS 1.2 with RSA key transport, the classic handshake", client: suiteOnly(iana.TLS_RSA_WITH_AES_128_GCM_SHA256)},
	{name: "tls1.0", about: "the oldest version that is spoken", client: func(c *handclasp.ClientConfig) {
		c.MinVersion, c.MaxVersion = iana.TLS10, iana.TLS10
	}},
}

func suiteOnly(id iana.CipherSuite) func(*handclasp.ClientConfig) {
	return func(c *handclasp.ClientConfig) { c.CipherSuites = []iana.CipherSuite{id} }
}

// mutual gives the client a certificate that the server trusts.
func mutual(c *handclasp.ClientConfig, s *handclasp.ServerConfig) error {
	own, err := newOwn("Handclasp demonstration clients", []pki.Key{pki.P256}, []string{"client.example"})
	if err != nil {
		return err
	}
	c.Certificates = own.certificates
	s.ClientAuth, s.ClientCAs = handclasp.RequireAndVerifyClientCert, x509.NewCertPool()
	s.ClientCAs.AppendCertsFromPEM(own.authority)
	return nil
}

// remember gives both sides what they need to resume. The server's guard takes
// its start for long ago, so that nobody need wait to see 0-RTT: there was nothing
// before.
func remember(c *handclasp.ClientConfig, s *handclasp.ServerConfig) error {
	clock := time.Now
	sessions, err := store.NewClientMemory(store.ClientOptions{Clock: clock})
	if err != nil {
		return err
	}
	if s.Tickets, err = store.NewTickets(store.TicketOptions{Clock: clock}); err != nil {
		return err
	}
	kv, err := store.NewMemory(store.MemoryOptions{Clock: clock})
	if err != nil {
		return err
	}
	c.Sessions, s.SessionCache, c.Time, s.Time = sessions, store.NewCache(kv), clock, clock
	if !c.EarlyData {
		return nil
	}
	s.EarlyData = 1 << 14
	s.Guard, err = store.NewGuard(store.GuardOptions{KV: undated{kv}, Clock: clock, Started: clock().Add(-time.Hour)})
	return err
}

// undated is a store without its date of birth.
type undated struct{ store.KV }

// demoList is what --demo says.
type demoList []*demo

func (l *demoList) Set(value string) error {
	for name := range strings.SplitSeq(value, ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		if name == "all" {
			for i := range demos {
				*l = append(*l, &demos[i])
			}
			continue
		}
		i := slices.IndexFunc(demos, func(d demo) bool { return d.name == name })
		if i < 0 {
			return fmt.Errorf("there is no demonstration %q; choose of %s, or all", name, strings.Join(demoNames(), ", "))
		}
		*l = append(*l, &demos[i])
	}
	return nil
}

func (l *demoList) String() string {
	var names []string
	for _, d := range *l {
		names = append(names, d.name)
	}
	return strings.Join(names, ",")
}

func (*demoList) Type() string { return "list" }

func demoNames() (names []string) {
	for _, d := range demos {
		names = append(names, d.name)
	}
	return names
}

// demonstrate tells one demonstration after the other.
func (a *app) demonstrate(ctx context.Context, list demoList, flags *client, form form) error {
	dir := form.html
	if dir != "" && len(list) > 1 {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return fileError("--html", dir, err)
		}
	}
	for i, d := range list {
		if len(list) > 1 && !form.json {
			if i > 0 {
				fmt.Fprintln(a.out)
			}
			title := newNotes(a.out)
			title.wrap("", "", 0, d.name+": "+d.about)
			title.flush()
			fmt.Fprintln(a.out)
		}
		if dir != "" && len(list) > 1 {
			form.html = filepath.Join(dir, d.name+".html")
		}
		one := *flags // a demonstration may change them
		if err := a.explain(ctx, nil, &one, form, d); err != nil {
			return err
		}
	}
	return nil
}

// rehearse makes the connection before the one that is told, and lets the client
// hear what the server says afterwards, which are its tickets. It returns the
// story of it.
func (a *app) rehearse(ctx context.Context, t target, flags *client, cfg *handclasp.ClientConfig) (*explain.Story, error) {
	quiet := *flags
	quiet.events, quiet.keylog, quiet.early = "", "", nil
	out, err := quiet.open()
	if err != nil {
		return nil, err
	}
	rec := explain.New(fault.Client, time.Now)
	s, err := a.open(ctx, t, &quiet, cfg, out, rec)
	if err != nil {
		return nil, err
	}
	err = s.linger(s.patience())
	s.part(s.patience())
	return rec.Story(), err
}
