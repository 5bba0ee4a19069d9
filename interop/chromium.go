package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
)

// chromiumCan: what BoringSSL offers as Chromium configures it. Its first key
// shares are for X25519MLKEM768 and X25519, so that other groups cost a
// HelloRetryRequest.
func chromiumCan(c testCase) string {
	switch {
	case c.key == pki.P521 || c.key == pki.Ed25519:
		return "Chromium offers neither ecdsa_secp521r1_sha512 nor ed25519"
	case c.group == iana.Secp521r1 || c.group == iana.SecP256r1MLKEM768 || c.group == iana.SecP384r1MLKEM1024:
		return "Chromium offers X25519MLKEM768, x25519, secp256r1 and secp384r1 only"
	case c.version == iana.TLS13 && !c.retry && (c.group == iana.Secp256r1 || c.group == iana.Secp384r1):
		return "Chromium sends no key share for secp256r1 and secp384r1 at first; see HelloRetryRequest"
	}
	return ""
}

// A browser is a Chromium with one page open, which posts to the URLs it gets.
type browser struct {
	urls     chan string
	verdicts chan string
}

func chromiumOpen(ctx context.Context, k *kit) (*player, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &browser{urls: make(chan string), verdicts: make(chan string)}
	srv := &http.Server{Handler: b.handler()}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	stop := func() { srv.Close(); <-done }
	p, err := daemon(ctx, "chromium", chromiumArgs(k.files, fmt.Sprintf("http://127.0.0.1:%s/?size=%d", portOf(l), page))...)
	if err != nil {
		stop()
		return nil, err
	}
	return &player{
		client: func(ctx context.Context, c testCase) error {
			return p.during(func() error {
				return k.serveHTTP(ctx, c, func(url string) error { return b.visit(ctx, url) })
			})
		},
		close: func() { p.stop(); stop() },
	}, nil
}

func chromiumArgs(f *files, url string) []string {
	var trusted []string
	for _, id := range f.ids {
		trusted = append(trusted, id.spki)
	}
	return []string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--user-data-dir=" + f.path("chromium"),
		"--ignore-certificate-errors-spki-list=" + strings.Join(trusted, ","), url}
}

func (b *browser) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, testdata, "testdata/page.html") })
	mux.HandleFunc("GET /next", func(w http.ResponseWriter, r *http.Request) {
		select {
		case url := <-b.urls:
			io.WriteString(w, url)
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("POST /verdict", func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(io.LimitReader(r.Body, 1000))
		select {
		case b.verdicts <- string(text):
		case <-r.Context().Done():
		}
	})
	return mux
}

// visit has the page post to url and compare.
func (b *browser) visit(ctx context.Context, url string) error {
	select {
	case b.urls <- url:
	case <-ctx.Done():
		return fmt.Errorf("the browser asks for nothing: %w", ctx.Err())
	}
	select {
	case v := <-b.verdicts:
		if v != "" {
			return errors.New("the browser says: " + v)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the browser gives no verdict: %w", ctx.Err())
	}
}
