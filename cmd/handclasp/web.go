package main

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/explain"
	"github.com/handclasp/handclasp/httptls"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/kex"
)

//go:embed page.html
var pageSource string

var pageTemplate = template.Must(template.New("page").Parse(pageSource))

// A web is the HTTP server behind serve. As a listener it gives the connections
// whose handshake is complete. It does what httptls.Serve does, with its parts,
// but each handshake is watched here, and its story told.
type web struct {
	http  http.Server
	addr  net.Addr
	conns chan net.Conn
	done  chan struct{}
}

func newWeb(addr net.Addr, timeout time.Duration) *web {
	w := &web{addr: addr, conns: make(chan net.Conn), done: make(chan struct{})}
	w.http = http.Server{
		Handler: http.HandlerFunc(answer),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, visitKey{}, visitOf(c))
		},
		ReadHeaderTimeout: timeout,
		WriteTimeout:      timeout,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          log.New(io.Discard, "", 0), // what matters, each visit tells
		Protocols:         new(http.Protocols),
	}
	w.http.Protocols.SetHTTP1(true)
	w.http.Protocols.SetUnencryptedHTTP2(true) // as httptls.HTTP2 asks for
	return w
}

type visitKey struct{}

// visitOf is the visit behind what net/http knows of it.
func visitOf(c net.Conn) *visit { return httptls.Inner(c).(*visit) }

func (w *web) serve() { w.http.Serve(w) }

// stop lets requests that are under way finish, until ctx ends.
func (w *web) stop(ctx context.Context) {
	close(w.done)
	if w.http.Shutdown(ctx) != nil {
		w.http.Close()
	}
}

// take gives a visit to the HTTP server, which then owns it.
func (w *web) take(v *visit) {
	var c net.Conn = v
	if v.Info().ALPN == "h2" {
		c = httptls.HTTP2(v, w.http.ReadHeaderTimeout)
	}
	select {
	case w.conns <- c:
	case <-w.done:
		c.Close()
	}
}

// Accept, Close and Addr make it a net.Listener.
func (w *web) Accept() (net.Conn, error) {
	select {
	case c := <-w.conns:
		return c, nil
	case <-w.done:
		return nil, net.ErrClosed
	}
}
func (w *web) Close() error   { return nil }
func (w *web) Addr() net.Addr { return w.addr }

// answer writes the page.
func answer(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "This server answers GET and HEAD.", http.StatusMethodNotAllowed)
		return
	}
	v := r.Context().Value(visitKey{}).(*visit)
	if !v.identify() {
		panic(http.ErrAbortHandler) // the connection is over, and the log has told
	}
	var page bytes.Buffer
	rows := about(v, r.Proto)
	if err := pageTemplate.Execute(&page, map[string]any{"Rows": rows}); err != nil {
		http.Error(w, "The page could not be made.", http.StatusInternalServerError)
		return
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	h.Set("Content-Length", fmt.Sprint(page.Len()))
	w.Write(page.Bytes())
}

// A row of the page is one thing that the handshake settled.
type row struct {
	Label, Value, Why string
	Offered           []string
}

// about is what the page says of a visit that asks in a version of HTTP.
func about(v *visit, http string) []row {
	info := v.Info()
	trips := "1 for TCP, 1 for TLS"
	switch {
	case info.Version < iana.TLS13:
		trips = "1 for TCP, 2 for TLS"
	case info.Retried:
		trips = "1 for TCP, 2 for TLS: this server asked for another key share"
	}
	group := exchanged(info)
	if kex.PostQuantum(info.Group) {
		group += " (post-quantum)"
	}
	signature := info.SignatureScheme.String()
	switch {
	case info.Resumed:
		signature = "none: the connection is resumed"
	case info.SignatureScheme == 0:
		signature = "none"
	}
	rows := []row{
		v.row("Version", info.Version.String(), "version"),
		v.row("Cipher suite", info.CipherSuite.String(), "cipher_suite"),
		v.row("Key exchange", group, "group"),
		v.row("Certificate", v.chosen("certificate").Chosen, "certificate"),
		v.row("Signature", signature, "signature_scheme"),
		v.row("Protocol", orNone(info.ALPN), "application_protocol"),
		{Label: "HTTP version", Value: strings.Replace(http, "HTTP/2.0", "HTTP/2", 1)},
		{Label: "Name asked for", Value: orNone(info.ServerName)},
		{Label: "Round trips", Value: trips},
		{Label: "Time", Value: took(v.took) + ", as the server saw it"},
		{Label: "Your address", Value: v.name},
	}
	if who := visitor(info); who != "" {
		why := v.policy()
		if v.later {
			why += " It asked after the handshake, when you asked for this page."
		}
		rows = append(rows, row{Label: "You are", Value: who, Why: why})
	}
	return rows
}

// policy says what this server wants of clients' certificates.
func (v *visit) policy() string {
	switch v.wants {
	case handclasp.RequestClientCert:
		return "This server asks for a certificate, takes none as well, and believes any."
	case handclasp.RequireAnyClientCert:
		return "This server wants a certificate, and believes any."
	case handclasp.VerifyClientCertIfGiven:
		return "This server asks for a certificate, takes none as well, and verifies what it gets."
	}
	return "This server wants a certificate, and verifies it."
}

func (v *visit) row(label, value, what string) row {
	c := v.chosen(what)
	return row{label, value, c.Reason, c.Offered}
}

// chosen is the decision on what; the zero Choice if there was none.
func (v *visit) chosen(what string) explain.Choice {
	for _, c := range v.choices {
		if c.What == what {
			return c
		}
	}
	return explain.Choice{}
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
