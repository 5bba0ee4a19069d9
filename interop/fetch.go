package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
)

// curl and wget post a page and get it back.

// fetchLacks are what such commands can't do.
var fetchLacks = []lack{
	{hasSecret, "clients of HTTP take no pre-shared keys, nor psk_ke"},
	{usesEarly, "clients of HTTP have no 0-RTT, or no word for it"},
	{acts, "clients of HTTP change no keys by themselves, and send whole requests"},
}

var curlCan = except(opensslLacks, fetchLacks, []lack{
	{as(below(iana.TLS13), func(c testCase) bool { return c.resume == byTicket }), "curl takes no tickets below TLS 1.3"},
	{asksToCut, "curl can't ask for max_fragment_length"},
	{hasScheme, "curl can't be told signature schemes"},
	{macsFirst, "curl can't refuse encrypt-then-MAC"},
})

var wgetCan = except(gnutlsLacks, fetchLacks, []lack{
	{resumed, "wget resumes nothing"},
	{func(c testCase) bool { return c.mutual.proves() && strings.HasPrefix(c.scheme.String(), "rsa_pss") }, "GnuTLS by itself shows no RSA certificate to who names RSASSA-PSS alone, OpenSSL's server neither"},
	{as(below(iana.TLS13), func(c testCase) bool { return c.mutual.proves() && c.mutual.shows == pki.Ed25519 }), "GnuTLS by itself shows no Ed25519 certificate in TLS 1.2, to OpenSSL's server neither"},
})

func curlOpen(_ context.Context, k *kit) (*player, error) {
	return &player{client: k.fetch(func(c testCase, page string) []string {
		args := []string{"curl", "-sS", "--cacert", k.files.ca, "--data-binary", "@" + page, "-H", "Expect:"}
		if groups := c.theirs(); c.version == iana.TLS13 {
			args = append(args, "--curves", opensslGroups(groups))
		} else if len(c.curves()) > 0 {
			args = append(args, "--curves", opensslGroups(c.curves()))
		}
		if c.mutual.proves() {
			id := k.files.id(c.mutual.shows, c.chain)
			args = append(args, "--cert", id.cert, "--key", id.key)
		}
		if c.version == iana.TLS13 {
			return append(args, "--tlsv1.3", "--tls13-ciphers", c.suite.String())
		}
		number := strings.TrimPrefix(c.version.String(), "TLS ")
		return append(args, "--tlsv"+number, "--tls-max", number, "--ciphers", opensslCipher(c))
	})}, nil
}

// Debian's wget is built on GnuTLS.
func wgetOpen(_ context.Context, k *kit) (*player, error) {
	return &player{client: k.fetch(func(c testCase, page string) []string {
		args := []string{"wget", "-q", "-O", "-", "--no-config", "--no-proxy", "--no-hsts", "--tries=1", "--ca-certificate", k.files.ca, "--ciphers", gnutlsPriority(c), "--post-file", page}
		if c.mutual.proves() {
			id := k.files.id(c.mutual.shows, c.chain)
			args = append(args, "--certificate", id.cert, "--private-key", id.key)
		}
		return args
	})}, nil
}

// fetch plays a client that is one command a case, with one URL a connection.
func (k *kit) fetch(command func(c testCase, page string) []string) play {
	return func(ctx context.Context, c testCase) error {
		data := random(min(k.amount(c), page))
		file, err := k.files.write("page", data)
		if err != nil {
			return err
		}
		return k.serveHTTP(ctx, c, func(url string) error {
			args := append(command(c, file), slices.Repeat([]string{url}, c.rounds())...)
			cmd := exec.CommandContext(ctx, args[0], args[1:]...)
			cmd.Env = append(os.Environ(), "NO_PROXY=*", "no_proxy=*")
			var said journal
			cmd.Stderr = &said
			out, err := cmd.Output()
			if c.mutual.refused() {
				if err == nil {
					return fmt.Errorf("%s: it is let in without a certificate", args[0])
				}
				return nil
			}
			if err != nil {
				return fmt.Errorf("%s: %w %s", args[0], err, said.since(0))
			}
			if !bytes.Equal(out, bytes.Repeat(data, c.rounds())) {
				return errDiffers
			}
			return nil
		})
	}
}

// serveHTTP serves a case by HTTP while use uses it, each request over a connection
// of its own. What went wrong on our side joins use's error.
func (k *kit) serveHTTP(ctx context.Context, c testCase, use func(url string) error) error {
	inner, err := listen(ctx)
	if err != nil {
		return err
	}
	e, err := k.end(c)
	if err != nil {
		return errors.Join(err, inner.Close())
	}
	var w witness
	srv := &http.Server{
		Handler: http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
			w.saw(c, r.Context().Value(connKey{}).(*witnessed).Info())
			out.Header().Set("Access-Control-Allow-Origin", "*") // for Chromium's page
			returned(out, r)
		}),
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, conn)
		},
	}
	srv.SetKeepAlivesEnabled(false)
	done := make(chan error, 1)
	go func() { done <- srv.Serve(&witnessing{inner, e, &w}) }()
	err = use("https://localhost:" + portOf(inner) + "/")
	srv.Close()
	<-done
	return errors.Join(err, w.verdict(err != nil))
}

type connKey struct{}

// A witness collects what goes wrong on a server's connections.
type witness struct {
	mu       sync.Mutex
	requests int
	wrong    []error // a case that settled on something else
	unheeded []error // handshakes: browsers begin some that they do not need
}

// saw checks the connection of the next request: browsers open more than they use.
func (w *witness) saw(c testCase, i handclasp.Info) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := c.settled(i, w.requests); err != nil {
		w.wrong = append(w.wrong, err)
	}
	w.requests++
}

func (w *witness) verdict(failed bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if failed {
		return errors.Join(append(w.wrong, w.unheeded...)...)
	}
	return errors.Join(w.wrong...)
}

// witnessing is a listener whose connections tell the witness why a handshake
// failed: net/http keeps that to itself.
type witnessing struct {
	net.Listener
	e *end
	w *witness
}

func (l *witnessing) Accept() (net.Conn, error) {
	raw, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &witnessed{l.e.on(raw), l.w}, nil
}

type witnessed struct {
	*ours
	w *witness
}

func (c *witnessed) Read(b []byte) (int, error) {
	if err := c.Handshake(); err != nil {
		c.w.mu.Lock()
		defer c.w.mu.Unlock()
		c.w.unheeded = append(c.w.unheeded, fmt.Errorf("our side: %w", err))
		return 0, err
	}
	return c.ours.Read(b)
}
