package main

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/explain"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

func (a *app) explainCmd() *cobra.Command {
	var flags client
	var form form
	var shows demoList
	cmd := &cobra.Command{
		Use:   "explain [HOST[:PORT]]",
		Short: "Tell a handshake step by step",
		Long: `explain makes a TLS connection and tells each step of it: DNS and TCP, every
message with its size and time, what was offered, what was chosen and why, which
keys exist, who proved what, and where encryption begins.

Without a host it starts a server of its own on this machine, with a certificate
authority made on the spot, and connects to that. With a host it connects to
that; the port is 443 unless given, and a URL will do. With --starttls it first
asks for TLS in plain text, at the port of that protocol.

Keys appear by name. Only with --keylog does the story show their values.`,
		Example: `  handclasp explain                              all on this machine
  handclasp explain example.com                  a real server
  handclasp explain --bytes | less -R            every byte with its meaning
  handclasp explain example.com --html page.html   a page to look at
  handclasp explain example.com --json           for programs
  handclasp explain --from story.json --html page.html   what --json --bytes saved
  handclasp explain --max-version 1.2            how it was before TLS 1.3
  handclasp explain --suites TLS_CHACHA20_POLY1305_SHA256 --groups x25519
  handclasp explain --starttls smtp mail.example.com
  handclasp explain --cert me.pem --key me.key   both sides show who they are
  handclasp explain --as chromium example.com    as a browser would
  handclasp explain --steps                      one message at a time
  handclasp explain --compare tls13 ecdhe        two handshakes side by side
  handclasp explain --compare chromium curl      what two clients' hellos say
  handclasp explain --compare example.com example.org --html both.html
  handclasp explain --name wrong.example         a handshake that fails
  handclasp explain expired.badssl.com --insecure`,
		Args: func(cmd *cobra.Command, args []string) error {
			if form.compare || form.from != "" {
				return nil // they look for themselves
			}
			return oneAddress(cmd, args, false)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := errors.Join(form.check(len(shows)), flags.replay.check(cmd.Flags())); err != nil {
				return err
			}
			if form.from != "" {
				return enough(a.retell(cmd.Context(), args, form, cmd.Flags()))
			}
			if form.compare {
				return a.compare(cmd.Context(), args, &flags, form, cmd.Flags())
			}
			if len(shows) == 0 {
				return enough(a.explain(cmd.Context(), args, &flags, form, nil))
			}
			if len(args) > 0 {
				return &usageError{"--demo shows handshakes with a server of its own, and takes no host.", "Leave out " + quote(args[0]) + ", or --demo."}
			}
			return enough(a.demonstrate(cmd.Context(), shows, &flags, form))
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVar(&form.bytes, "bytes", false, "show every byte, with its field's name, value and meaning")
	f.BoolVar(&form.json, "json", false, "print the story as JSON; see docs/explain-json.md")
	f.StringVar(&form.html, "html", "", "write a page to look at to `FILE`; with several demonstrations, one for each into that directory")
	f.StringVar(&form.from, "from", "", "tell what --json --bytes has saved in `FILE`, and make no connection; - reads stdin")
	f.BoolVar(&form.steps, "steps", false, "pause at each message, for teaching: Enter goes on")
	f.BoolVar(&form.compare, "compare", false, "put two handshakes side by side: each a host, a version, a kind of demonstration, a client of --as, a ClientHello in a FILE.hex or FILE.pcap, or a saved FILE.json")
	f.Var(&shows, "demo", "tell kinds of handshakes, no network needed; `LIST` of "+strings.Join(demoNames(), ", ")+"; or all")
	flags.replay.declare(f)
	flags.declare(f)
	complete(cmd)
	return cmd
}

// A form says how the story is printed.
type form struct {
	bytes, json    bool
	html           string // also as a page in this file
	from           string // it was saved in this file
	steps, compare bool
}

// check finds flags that contradict each other.
func (f *form) check(demos int) error {
	switch {
	case f.steps && f.json:
		return &usageError{"--steps and --json exclude each other.", "Leave out one of them."}
	case f.compare && (f.steps || f.bytes || demos > 0):
		return &usageError{"--compare excludes --steps, --bytes and --demo.", "Leave those out; a kind of demonstration may be compared by its name: 'handclasp explain --compare tls13 ecdhe'."}
	}
	return nil
}

func (a *app) explain(ctx context.Context, args []string, flags *client, form form, d *demo) error {
	story, err := a.told(ctx, args, flags, d)
	if story == nil {
		return err
	}
	printed := a.print(ctx, story, form)
	return cmp.Or(a.save(story, form.html, d), a.ended(err, form), printed)
}

// told makes the connection and returns its story; nil if there was none to tell.
// The error is that of the connection, with the story's words.
func (a *app) told(ctx context.Context, args []string, flags *client, d *demo) (story *explain.Story, err error) {
	t := target{host: "localhost"}
	if len(args) > 0 {
		if t, err = parseTarget(args[0], "443", string(flags.starttls)); err != nil {
			return nil, err
		}
	} else if flags.starttls != "" {
		return nil, &usageError{"--starttls needs a server: the one that explain starts itself speaks nothing but TLS.", fmt.Sprintf("Give its address: 'handclasp explain --starttls %s mail.example.com'.", flags.starttls)}
	}
	cfg, err := flags.config(t.host)
	if err != nil {
		return nil, err
	}
	if d != nil {
		d.client(cfg)
	}
	out, err := flags.open()
	if err != nil {
		return nil, err
	}
	rec := explain.New(fault.Client, time.Now)
	if flags.keylog != "" {
		cfg.KeyLogWriter = rec.KeyLog(out.keys())
	}
	if len(args) > 0 {
		err = a.explainRemote(ctx, t, flags, cfg, out, rec)
	} else {
		err = a.explainOwn(ctx, flags, cfg, out, rec, d)
	}
	if err == nil || rec.Story().Error != nil {
		story, err = rec.Story(), broken(err, rec)
	}
	return story, errors.Join(err, out.close())
}

// print writes the story to stdout. Its error is errEnough if its reader does not
// want the rest.
func (a *app) print(ctx context.Context, story *explain.Story, form form) error {
	if !form.json {
		o := explain.TextOptions{Width: columnsOf(a.out), Color: coloured(a.out), Bytes: form.bytes}
		if form.steps {
			o.Pause = a.pauses(ctx, story, o)
		}
		return story.WriteText(a.out, o)
	}
	if !form.bytes {
		story = story.WithoutBytes()
	}
	b, err := story.JSON()
	if err == nil {
		_, err = a.out.Write(b)
	}
	return err
}

// ended is the error of a story that was printed. The text tells it at its end;
// JSON is for programs, so people get it on stderr.
func (a *app) ended(err error, form form) error {
	if err == nil || form.json {
		return err
	}
	return errTold{err}
}

func (a *app) explainRemote(ctx context.Context, t target, flags *client, cfg *handclasp.ClientConfig, out *outputs, rec *explain.Recorder) error {
	s, err := a.open(ctx, t, flags, cfg, out, rec)
	if err != nil {
		return err
	}
	err = s.linger(s.patience())
	s.part(s.patience())
	return err
}

// explainOwn makes the handshake with a server of our own.
func (a *app) explainOwn(ctx context.Context, flags *client, cfg *handclasp.ClientConfig, out *outputs, rec *explain.Recorder, d *demo) error {
	p, err := cfg.Params()
	if err != nil {
		return err
	}
	o, err := newOwn("Handclasp demonstration authority", keysFor(p)[:1], here)
	if err != nil {
		return err
	}
	if cfg.RootCAs == nil {
		cfg.RootCAs = x509.NewCertPool()
		cfg.RootCAs.AppendCertsFromPEM(o.authority)
	}
	listener, err := listenLoopback()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(flags.timeout))
	defer cancel()
	server := ownConfig(o, cfg)
	if d != nil && d.both != nil {
		if err := d.both(cfg, server); err != nil {
			return err
		}
	}
	before := d != nil && d.before
	done := make(chan struct{})
	go func() {
		defer close(done)
		if before {
			answerOnce(ctx, listener, server, new(outputs), explain.New(fault.Server, time.Now))
		}
		answerOnce(ctx, listener, server, out, rec)
	}()
	at := listener.Addr().(*net.TCPAddr)
	local := &app{lookup: a.only(at.AddrPort().Addr())}
	own := target{"localhost", port(at)}
	if ips, err := local.lookup(ctx, "ip", own.host); err != nil || len(ips) == 0 {
		own.host = at.IP.String() // this machine does not call itself localhost
	}
	if before {
		first, err := local.rehearse(ctx, own, flags, cfg)
		if err != nil {
			listener.Close()
			return err
		}
		rec.Follows(first)
		flags.early = []byte(d.early)
	}
	s, err := local.open(ctx, own, flags, cfg, out, rec)
	if err == nil && flags.later {
		err = s.linger(s.patience()) // a client that has said goodbye can't answer
	}
	if s != nil {
		s.part(s.patience())
	}
	listener.Close()
	<-done
	return err // the server has had its say too
}

// only is our look-up without the addresses at which our own server does not
// listen.
func (a *app) only(at netip.Addr) func(ctx context.Context, network, host string) ([]netip.Addr, error) {
	return func(ctx context.Context, network, host string) ([]netip.Addr, error) {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		ips, err := a.lookup(ctx, network, host)
		return slices.DeleteFunc(ips, func(ip netip.Addr) bool { return ip.Unmap() != at.Unmap() }), err
	}
}

// ownConfig is the server's configuration for a client's. A client that has a
// certificate, or lets itself be asked later, is asked, so that there is something
// to see. What is off
// unless it is named counts as named for the server too.
func ownConfig(o *own, client *handclasp.ClientConfig) *handclasp.ServerConfig {
	cfg := &handclasp.ServerConfig{
		Certificates: o.certificates, NextProtos: client.NextProtos, PSKs: client.PSKs, CipherSuites: client.CipherSuites,
	}
	if client.MinVersion < iana.TLS12 {
		cfg.MinVersion = client.MinVersion
	}
	if client.MaxVersion != 0 && client.MaxVersion < iana.TLS12 {
		cfg.MaxVersion = client.MaxVersion
	}
	if len(client.Certificates) > 0 || client.PostHandshakeAuth {
		cfg.ClientAuth, cfg.AskLater = handclasp.RequestClientCert, client.PostHandshakeAuth
	}
	return cfg
}

// answerOnce is the server of explainOwn: one handshake, the question for a
// certificate if that comes after it, and then it waits for the client to go.
func answerOnce(ctx context.Context, listener net.Listener, cfg *handclasp.ServerConfig, out *outputs, rec *explain.Recorder) {
	raw, err := listener.Accept()
	if err != nil {
		return // the client never came
	}
	conn := handclasp.Server(raw, cfg)
	defer conn.Close()
	events := out.events.watcher(0)
	conn.Watch(func(ev *handclasp.Event) {
		events(ev)
		rec.Server(ev)
	})
	if conn.HandshakeContext(ctx) != nil {
		return
	}
	if cfg.AskLater && conn.Info().PostHandshakeAuth {
		conn.RequestClientCertificate(ctx) // events tell the outcome
	}
	io.Copy(io.Discard, conn)
}

// listenLoopback listens where only this machine can connect.
func listenLoopback() (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		l, err = net.Listen("tcp", "[::1]:0")
	}
	return l, err
}
