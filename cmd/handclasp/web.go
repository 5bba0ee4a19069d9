package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/explain"
	"github.com/handclasp/handclasp/explain/page"
	"github.com/handclasp/handclasp/httptls"
)

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

// answer tells of the handshake.
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
	kind, body, err := v.page(r)
	if err != nil {
		http.Error(w, "The page could not be made.", http.StatusInternalServerError)
		return
	}
	h.Set("Content-Type", kind)
	h.Set("Vary", "Accept")
	h.Set("Content-Security-Policy", page.Policy())
	h.Set("Content-Length", fmt.Sprint(len(body)))
	w.Write(body)
}

// page tells the handshake in the form that is asked for: HTML to browsers, JSON to
// who wants that, and else text.
func (v *visit) page(r *http.Request) (kind string, body []byte, err error) {
	story, notes := v.rec.Story(), v.notes(r.Proto)
	var b bytes.Buffer
	switch accept := r.Header.Get("Accept"); {
	case strings.Contains(accept, "text/html"):
		err = page.Write(&b, story, page.Options{Title: "This page came over " + v.Info().Version.String(), Notes: notes, Made: maker()})
		return "text/html; charset=utf-8", b.Bytes(), err
	case strings.Contains(accept, "application/json"):
		body, err = story.JSON()
		return "application/json", body, err
	}
	for _, n := range notes {
		fmt.Fprintf(&b, "%s: %s\n", n.Label, n.Text)
	}
	b.WriteByte('\n')
	err = story.WriteText(&b, explain.TextOptions{})
	return "text/plain; charset=utf-8", b.Bytes(), err
}

// notes are what the page says besides the story, to who asks in a version of HTTP.
func (v *visit) notes(http string) []explain.Line {
	list := []explain.Line{
		{Label: "Your address", Text: v.name},
		{Label: "Asked in", Text: strings.Replace(http, "HTTP/2.0", "HTTP/2", 1)},
	}
	if who := visitor(v.Info()); who != "" {
		who += ". " + v.policy()
		if v.later {
			who += " It asked after the handshake, when you asked for this page."
		}
		list = append(list, explain.Line{Label: "You are", Text: who})
	}
	return list
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
