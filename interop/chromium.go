package main

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/kex"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/internal/suite"
)

// chromiumCan: what BoringSSL offers as Chromium configures it. Its first key
// shares are for X25519MLKEM768 and X25519, so that other groups cost a
// HelloRetryRequest.
var chromiumCan = except([]lack{
	{shapedAs(limited, cut), "BoringSSL has neither record_size_limit nor max_fragment_length"},
	{certified(pki.P521, pki.Ed25519), "Chromium offers neither ecdsa_secp521r1_sha512 nor ed25519"},
	{groups(iana.Secp521r1, iana.SecP256r1MLKEM768, iana.SecP384r1MLKEM1024), "Chromium offers X25519MLKEM768, x25519, secp256r1 and secp384r1 only"},
	{func(c testCase) bool {
		return c.version == iana.TLS13 && !c.retry && (c.group == iana.Secp256r1 || c.group == iana.Secp384r1)
	}, "Chromium sends no key share for secp256r1 and secp384r1 at first; see HelloRetryRequest"},
	{below(iana.TLS12), "Chromium has no TLS 1.1 and 1.0"},
	{func(c testCase) bool {
		return c.entry().Exchange.Finite() || kex.Finite(c.group) || strings.Contains(c.suite.String(), "CCM") || tripleDES(c)
	}, "Chromium has no finite-field groups, no CCM and no 3DES"},
	{func(c testCase) bool {
		return c.entry().CBC() && (c.entry().MAC != crypto.SHA1 || c.entry().Auth != suite.RSA)
	}, "Chromium offers CBC with SHA-1 and RSA certificates alone"},
	{groups(iana.MLKEM768, iana.MLKEM1024), "Chromium offers ML-KEM in a hybrid alone"},
	{macsLast, "BoringSSL has no encrypt-then-MAC"},
	{asks, "Chromium asks its user about client certificates"},
	{hasScheme, "Chromium can't be told signature schemes"},
}, fetchLacks)

// A browser is a Chromium with one page open, which posts to the URLs it gets, each
// behind a number of bytes.
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
	p, err := daemon(ctx, "chromium", chromiumArgs(k.files, "http://127.0.0.1:"+portOf(l)+"/")...)
	if err != nil {
		stop()
		return nil, err
	}
	return &player{
		client: func(ctx context.Context, c testCase) error {
			return p.during(func() error {
				return k.serveHTTP(ctx, c, func(url string) error { return b.visits(ctx, url, min(k.amount(c), page), c.rounds()) })
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

// visits has the page come as often as a case has connections.
func (b *browser) visits(ctx context.Context, url string, n, times int) error {
	for range times {
		if err := b.visit(ctx, url, n); err != nil {
			return err
		}
	}
	return nil
}

// visit has the page post n bytes to url and compare.
func (b *browser) visit(ctx context.Context, url string, n int) error {
	select {
	case b.urls <- fmt.Sprint(n, " ", url):
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
