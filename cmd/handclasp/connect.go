package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/explain"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

func (a *app) connectCmd() *cobra.Command {
	var flags client
	cmd := &cobra.Command{
		Use:   "connect HOST:PORT",
		Short: "Connect stdin and stdout with a TLS server",
		Long: `connect does a TLS handshake with a server, checks its certificate, and then
sends what it reads from stdin and prints what the server sends, byte for byte.

At the end of stdin it tells the server that no more will come, and reads on
until the server closes. Ctrl-C ends the connection in order. One line on stderr
says what was agreed and who the server is.

With --starttls the connection begins in plain text, as mail servers and
databases have it, and changes to TLS before anything else is said; the port is
then the protocol's own unless given.

Suites, groups and algorithms go by their IANA names or OpenSSL's familiar ones.
The system's authorities are trusted, unless --ca names others. A server that
asks for a certificate gets the one of --cert and --key that fits; in TLS 1.3
it says only afterwards whether it likes it. With --post-handshake-auth it may
ask later, when a request needs it; a line on stderr says when it did.`,
		Example: `  handclasp connect example.com:443
  printf 'HEAD / HTTP/1.0\r\n\r\n' | handclasp connect example.com:443
  handclasp connect --ca handclasp-ca.pem localhost:8443
  handclasp connect --cert me.pem --key me.key example.com:443
  handclasp connect 192.0.2.7:443 --name www.example.com
  handclasp connect mail.example.com:993 --groups x25519 --timeout 3s
  handclasp connect --starttls smtp mail.example.com:587`,
		Args: func(cmd *cobra.Command, args []string) error { return oneAddress(cmd, args, true) },
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.connect(cmd.Context(), args[0], &flags)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	flags.declare(cmd.Flags())
	complete(cmd)
	return cmd
}

// oneAddress is for commands that take one address, or at most one.
func oneAddress(cmd *cobra.Command, args []string, must bool) error {
	switch {
	case len(args) == 0 && must:
		return &usageError{fmt.Sprintf("'%s' needs an address.", cmd.CommandPath()), fmt.Sprintf("Write '%s example.com:443'.", cmd.CommandPath())}
	case len(args) > 1:
		return &usageError{fmt.Sprintf("'%s' takes one address, and there are %d.", cmd.CommandPath(), len(args)), "Write host and port together, such as example.com:443."}
	}
	return nil
}

func (a *app) connect(ctx context.Context, addr string, flags *client) (err error) {
	t, err := parseTarget(addr, "", string(flags.starttls))
	if err != nil {
		return err
	}
	cfg, err := flags.config(t.host)
	if err != nil {
		return err
	}
	out, err := flags.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.close()) }()
	cfg.KeyLogWriter = out.keys()
	rec := explain.New(fault.Client, time.Now)
	s, err := a.open(ctx, t, flags, cfg, out, rec)
	if err != nil {
		return broken(err, rec)
	}
	s.stage.Store(over)
	a.connected(cfg, s.conn)
	if s.conn.Info().PostHandshakeAuth {
		s.later.tell = func(proof iana.SignatureScheme) {
			p := newNotes(a.err)
			defer p.flush()
			p.wrap("handclasp: ", bold, 2, "after the handshake the server asked for a certificate"+gave(cfg, proof))
		}
	}
	return a.pipe(ctx, s)
}

// connected says what was agreed, and what of the certificate was waved through.
func (a *app) connected(cfg *handclasp.ClientConfig, conn *handclasp.Conn) {
	p := newNotes(a.err)
	defer p.flush()
	info := conn.Info()
	p.wrap("handclasp: ", bold, 2, fmt.Sprintf("connected to %v: %s; %s%s", conn.RemoteAddr(), describe(info), who(cfg, info), shown(cfg, info)))
	if info.Peer == nil {
		return
	}
	for _, f := range info.Peer.Failed {
		w := inWords(f, fault.Client)
		p.wrap("warning: ", yellow, 2, w.Text)
		p.line("found", w.Got)
		p.line("expected", w.Want)
		p.line("rule", w.Rule)
	}
}

// pipe moves stdin to the peer and the peer's data to stdout until the peer
// closes or ctx ends.
func (a *app) pipe(ctx context.Context, s *session) error {
	conn := s.conn
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	sent := make(chan struct{})
	// It may wait in a Read of stdin that nothing can wake, so nobody waits
	// for it: it ends with the process.
	go func() {
		defer close(sent)
		s.send(a.in)
	}()
	_, err := io.Copy(a.out, conn)
	if err == nil && !isTerminal(a.in) {
		halfClosed(conn, sent)
	}
	conn.Close()
	if ctx.Err() != nil {
		return nil // it was told to end
	}
	return err
}

// send passes on what in has, and that it has ended. Should the connection
// break, whoever reads from it learns that as well, and better. After our
// close_notify nothing can be answered, so a server that may ask for a certificate
// because of what it was sent gets a moment to do so.
func (s *session) send(in io.Reader) {
	io.Copy(s.conn, in)
	if s.conn.Info().PostHandshakeAuth {
		select {
		case <-s.later.answered:
		case <-time.After(s.patience()):
		}
	}
	s.conn.CloseWrite()
}

// halfClosed is for a peer that sends no more but may still read: what stdin has
// goes to it, until the peer closes the TCP connection too. A person at a
// terminal would rather have the prompt back.
func halfClosed(conn *handclasp.Conn, sent <-chan struct{}) {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		io.Copy(io.Discard, conn.NetConn())
	}()
	select {
	case <-sent:
	case <-gone:
	}
	conn.Close()
	<-gone
}
