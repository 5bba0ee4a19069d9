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
	"sync"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/iana"
)

// curl and wget post a page and get it back.

var curlCan = except(opensslLacks, []lack{{beyond, "not tried yet"}})
var wgetCan = except(gnutlsLacks, []lack{{beyond, "not tried yet"}})

func curlOpen(_ context.Context, k *kit) (*player, error) {
	return &player{client: k.fetch(func(c testCase, page string) []string {
		args := []string{"curl", "-sS", "--cacert", k.files.ca, "--curves", opensslGroups(c.theirs()), "--data-binary", "@" + page, "-H", "Expect:"}
		if c.mutual.proves() {
			id := k.files.id(c.mutual.shows, c.chain)
			args = append(args, "--cert", id.cert, "--key", id.key)
		}
		if c.version == iana.TLS13 {
			return append(args, "--tlsv1.3", "--tls13-ciphers", c.suite.OpenSSL())
		}
		return append(args, "--tlsv1.2", "--tls-max", "1.2", "--ciphers", c.suite.OpenSSL())
	})}, nil
}

// Debian's wget is built on GnuTLS.
func wgetOpen(_ context.Context, k *kit) (*player, error) {
	return &player{client: k.fetch(func(c testCase, page string) []string {
		return []string{"wget", "-q", "-O", "-", "--no-config", "--no-proxy", "--no-hsts", "--tries=1", "--ca-certificate", k.files.ca, "--ciphers", gnutlsPriority(c), "--post-file", page}
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
