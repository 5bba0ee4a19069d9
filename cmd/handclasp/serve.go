package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/handclasp/handclasp"
)

// serve are the flags of the command serve.
type serve struct {
	tickets
	common
	pairs
	listen     string
	caOut      string
	clientAuth clientAuth
	clientCA   []string
	later      bool
	http, echo bool
	halfOpen   int
}

const defaultCAOut = "handclasp-ca.pem"

func (a *app) serveCmd() *cobra.Command {
	var flags serve
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve a page about each handshake over HTTPS, or an echo",
		Long: `serve is a TLS server to try clients against. It answers HTTP GET with the story
of the handshake that it came over, in HTTP/2 or HTTP/1.1: a page to browsers, JSON
to who asks for that, and text to others, such as curl; or it echoes with --echo. Each connection gets a line on stderr: who, what was agreed,
or why it failed and what to do. Listening at :8443 means at all addresses of
this machine.

The files of --cert and --key are read again when they change: new connections
get the new certificate, open ones stay. Of several pairs each client gets the
one that fits the name it asks for and what it can verify.

Without --cert and --key it makes up a certificate authority and a certificate
for localhost, 127.0.0.1, ::1 and the host of --listen. The authority's own
certificate is written to a file, so that clients can be told to trust it; its
key never leaves memory, and is gone with the process.

With --client-auth it asks clients for a certificate of their own. The policies
are none; request: none will do, and any is believed; require: any is believed;
verify-if-given: none will do, but what is shown must lead to --client-ca; and
require-and-verify. The page and the log say who the client is. With
--post-handshake-auth, clients of TLS 1.3 that allow it are asked only when they
ask for the page, or at once with --echo. HTTP/2 has no place for the question,
so HTTP/1.1 is spoken then.

Ctrl-C, or SIGTERM, stops it: open connections get 5 seconds to end.`,
		Example: `  handclasp serve                                 then, in another terminal:
  curl --cacert handclasp-ca.pem https://localhost:8443/
  handclasp serve --listen :443 --cert fullchain.pem --key privkey.pem
  handclasp serve --cert ecdsa.pem --key ecdsa.key --cert rsa.pem --key rsa.key
  handclasp serve --client-auth require-and-verify --client-ca clients.pem
  handclasp serve --client-auth require --post-handshake-auth
  handclasp serve --echo --groups X25519MLKEM768  post-quantum clients only`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := flags.check(cmd.Flags()); err != nil {
				return err
			}
			return a.serve(cmd.Context(), &flags)
		},
	}
	flags.declare(cmd.Flags())
	complete(cmd)
	return cmd
}

func (s *serve) declare(f *pflag.FlagSet) {
	f.SortFlags = false
	f.StringVar(&s.listen, "listen", "127.0.0.1:8443", "listen at `ADDR`")
	s.pairs.declare(f, "chain")
	f.StringVar(&s.caOut, "ca-out", defaultCAOut, "write the authority to `FILE`")
	f.Var(&s.clientAuth, "client-auth", "`POLICY` for clients' certificates, as told above")
	f.StringArrayVar(&s.clientCA, "client-ca", nil, "authorities for clients in `FILE` (PEM); repeatable")
	f.BoolVar(&s.later, "post-handshake-auth", false, "ask clients of TLS 1.3 that allow it after the handshake")
	f.IntVar(&s.halfOpen, "half-open", 0, "let `N` handshakes go on at once; a new one pushes the oldest out; 4096 unless given")
	f.BoolVar(&s.http, "http", false, "answer HTTP with a page about the handshake (default)")
	f.BoolVar(&s.echo, "echo", false, "send back what comes")
	s.tickets.declare(f)
	s.common.declare(f)
}

// check finds flags that contradict each other.
func (s *serve) check(f *pflag.FlagSet) error {
	switch {
	case s.http && s.echo:
		return &usageError{"--http and --echo exclude each other.", "Give one of them; --http is the default."}
	case len(s.certs) > 0 && f.Changed("ca-out"):
		return &usageError{"--ca-out has no meaning with --cert: no authority is made up.", "Leave out --ca-out, or --cert and --key."}
	}
	if err := s.pairs.check(); err != nil {
		return err
	}
	switch policy := handclasp.ClientAuthType(s.clientAuth); {
	case policy.Verifies() && len(s.clientCA) == 0:
		return &usageError{fmt.Sprintf("--client-auth %v needs --client-ca: nobody is trusted to vouch for clients.", policy), "Name the authority that issues certificates to clients: --client-ca FILE."}
	case policy == handclasp.NoClientCert && len(s.clientCA) > 0:
		return &usageError{"--client-ca has no meaning without --client-auth: clients are not asked for a certificate.", "Say what is wanted of them, such as --client-auth require-and-verify."}
	}
	if s.later && s.clientAuth == clientAuth(handclasp.NoClientCert) {
		return &usageError{"--post-handshake-auth has no meaning without --client-auth: clients are not asked for a certificate.", "Say what is wanted of them, such as --client-auth require."}
	}
	for _, p := range s.alpn.values {
		switch {
		case s.echo:
		case p == "h3":
			return &usageError{"--http speaks h2 and http/1.1, and can't answer in h3, which needs QUIC.", "Leave out --alpn, or use --echo, which takes any protocol."}
		case p == "h2" && s.later:
			return &usageError{"--post-handshake-auth and h2 exclude each other: HTTP/2 forbids the question (RFC 8740).", "Leave out h2 of --alpn, or --post-handshake-auth."}
		}
	}
	if f.Changed("half-open") && s.halfOpen < 1 {
		return &usageError{fmt.Sprintf("--half-open %d leaves no room for a handshake.", s.halfOpen), "Give a number of 1 or more, or leave it out for 4096."}
	}
	s.idsGiven = s.ids && f.Changed("session-ids")
	return checkListen(s.listen)
}

// checkVersions finds flags that the versions leave without effect.
func (s *serve) checkVersions(cfg *handclasp.ServerConfig) error {
	p, err := cfg.Params()
	if err != nil {
		return err
	}
	if err := s.checkKeys(&p); err != nil {
		return err
	}
	if policy := handclasp.ClientAuthType(s.clientAuth); len(s.psks) > 0 && policy.Requires() {
		return &usageError{fmt.Sprintf("--psk has no effect: --client-auth %v wants a certificate of every client, and who has a pre-shared key shows none.", policy),
			"Leave out --psk; or let clients in without a certificate, as --client-auth verify-if-given does."}
	}
	return checkVersioned(p.Versions, versioned{"--early-data", s.early > 0, true},
		versioned{"--post-handshake-auth", s.later, true}, versioned{"--session-ids", s.idsGiven, false})
}

func (a *app) serve(ctx context.Context, flags *serve) (err error) {
	log := &lines{w: a.err}
	files, err := flags.files(log)
	if err != nil {
		return err
	}
	cfg := flags.config(current(files))
	authority, err := flags.makeUp(cfg)
	if err != nil {
		return err
	}
	if err := flags.checkVersions(cfg); err != nil {
		return err
	}
	forget, err := flags.tickets.configure(cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, forget()) }()
	cfg.Limits.HalfOpen = flags.halfOpen
	cfg.ClientAuth, cfg.AskLater = handclasp.ClientAuthType(flags.clientAuth), flags.later
	if cfg.ClientCAs, err = authorities("--client-ca", flags.clientCA); err != nil {
		return err
	}
	if !flags.echo && cfg.NextProtos == nil {
		cfg.NextProtos = []string{"h2", "http/1.1"}
		if flags.later {
			cfg.NextProtos = cfg.NextProtos[1:]
		}
	}
	inner, err := net.Listen("tcp", flags.listen)
	if err != nil {
		return &usageError{fmt.Sprintf("Can't listen at %s: %v.", quote(flags.listen), unreachable(err).Cause), "Choose another address with --listen, such as 127.0.0.1:0 for a free port, or stop what listens there."}
	}
	defer inner.Close()
	if authority != nil {
		if err := os.WriteFile(flags.caOut, authority, 0o644); err != nil {
			return fileError("--ca-out", flags.caOut, err)
		}
	}
	out, err := flags.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.close()) }()
	cfg.KeyLogWriter = out.keys()
	follow(cfg, files)
	a.announce(inner.Addr(), flags, authority != nil)
	s := &server{log: log, cfg: cfg, timeout: time.Duration(flags.timeout), out: out}
	if !flags.echo {
		s.web = newWeb(inner.Addr(), s.timeout)
	}
	return s.serve(ctx, handclasp.NewListener(inner, cfg))
}

// makeUp gives a server without certificate files some, and returns the certificate of
// their authority. There is one for each kind of key that named suites want.
func (s *serve) makeUp(cfg *handclasp.ServerConfig) ([]byte, error) {
	if len(s.certs) > 0 {
		return nil, nil
	}
	soon := *cfg // will have certificates
	soon.GetCertificate = func(*handclasp.HelloInfo) (*handclasp.Certificate, error) { return nil, nil }
	p, err := soon.Params()
	if err != nil {
		return nil, err
	}
	kinds := keysFor(p)
	if cfg.CipherSuites == nil {
		kinds = kinds[:1] // no RSA key is made, which takes a while, for who asks for nothing
	}
	names := here
	if host, _, _ := net.SplitHostPort(s.listen); needsName(host) {
		names = append(slices.Clone(here), serverName(host))
	}
	o, err := newOwn("Handclasp made-up authority", kinds, names)
	if err != nil {
		return nil, err
	}
	cfg.Certificates = o.certificates
	return o.authority, nil
}

// needsName reports whether host stands for something that the made-up
// certificate does not name anyhow.
func needsName(host string) bool {
	switch host {
	case "", "localhost", "127.0.0.1", "::1":
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err != nil || !ip.IsUnspecified()
}

// announce says where the server is and what to try.
func (a *app) announce(addr net.Addr, flags *serve, madeUp bool) {
	host, _, _ := net.SplitHostPort(flags.listen)
	if !needsName(host) {
		host = "localhost"
	}
	at := net.JoinHostPort(host, port(addr))
	p := newNotes(a.err)
	defer p.flush()
	p.wrap("handclasp: ", bold, 2, fmt.Sprintf("listening at %v; Ctrl-C stops it", addr))
	ca := func(flag string) string {
		if !madeUp {
			return ""
		}
		return fmt.Sprintf("%s %s ", flag, flags.caOut)
	}
	if madeUp {
		p.wrap("handclasp: ", bold, 2, fmt.Sprintf("the made-up authority's certificate is in %s", flags.caOut))
	}
	if flags.echo {
		p.wrap("try: ", bold, 5, fmt.Sprintf("handclasp connect %s%s", ca("--ca"), at))
	} else {
		p.wrap("try: ", bold, 5, fmt.Sprintf("curl %shttps://%s/", ca("--cacert"), at))
	}
}

// lines is a log that several connections write to, a line at a time.
type lines struct {
	mu sync.Mutex
	w  interface{ Write([]byte) (int, error) }
}

func (l *lines) printf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.w, format+"\n", args...)
}
