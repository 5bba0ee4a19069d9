package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/iana"
)

// curl and wget post a page and get it back.

func curlOpen(_ context.Context, k *kit) (*player, error) {
	return &player{client: k.fetch(func(c testCase, page, url string) []string {
		args := []string{"curl", "-sS", "--cacert", k.files.ca, "--curves", opensslGroups(c.theirs()), "--data-binary", "@" + page, "-H", "Expect:", url}
		if c.mutual.proves() {
			id := k.files.ids[c.mutual.shows]
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
	return &player{client: k.fetch(func(c testCase, page, url string) []string {
		return []string{"wget", "-q", "-O", "-", "--no-config", "--no-proxy", "--no-hsts", "--tries=1", "--ca-certificate", k.files.ca, "--ciphers", gnutlsPriority(c), "--post-file", page, url}
	})}, nil
}

// fetch plays a client that is one command a case.
func (k *kit) fetch(command func(c testCase, page, url string) []string) play {
	return func(ctx context.Context, c testCase) error {
		data := random(page)
		file, err := k.files.write("page", data)
		if err != nil {
			return err
		}
		return k.serveHTTP(ctx, c, func(url string) error {
			args := command(c, file, url)
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
			if string(out) != string(data) {
				return errDiffers
			}
			return nil
		})
	}
}

// serveHTTP serves a case by HTTP while use uses it. What went wrong on our
// side joins use's error.
func (k *kit) serveHTTP(ctx context.Context, c testCase, use func(url string) error) error {
	inner, err := listen(ctx)
	if err != nil {
		return err
	}
	var w witness
	srv := &http.Server{
		Handler: http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
			if err := c.settled(r.Context().Value(connKey{}).(*witnessed).Info()); err != nil {
				w.saw(err)
			}
			out.Header().Set("Access-Control-Allow-Origin", "*") // for Chromium's page
			returned(out, r)
		}),
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, conn)
		},
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(&witnessing{inner, k.files.serverConfig(c), &w}) }()
	err = use("https://localhost:" + portOf(inner) + "/")
	srv.Close()
	<-done
	return errors.Join(err, w.verdict(err != nil))
}

type connKey struct{}

// A witness collects what goes wrong on a server's connections.
type witness struct {
	mu       sync.Mutex
	wrong    []error // a case that settled on something else
	unheeded []error // handshakes: browsers begin some that they do not need
}

func (w *witness) saw(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wrong = append(w.wrong, err)
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
	cfg *handclasp.ServerConfig
	w   *witness
}

func (l *witnessing) Accept() (net.Conn, error) {
	raw, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &witnessed{handclasp.Server(raw, l.cfg), l.w}, nil
}

type witnessed struct {
	*handclasp.Conn
	w *witness
}

func (c *witnessed) Read(b []byte) (int, error) {
	if err := c.Handshake(); err != nil {
		c.w.mu.Lock()
		defer c.w.mu.Unlock()
		c.w.unheeded = append(c.w.unheeded, fmt.Errorf("our side: %w", err))
		return 0, err
	}
	return c.Conn.Read(b)
}
