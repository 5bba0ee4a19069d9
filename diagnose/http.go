package diagnose

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/fault"
)

// A reply is what a server answers to a request in HTTP.
type reply struct {
	code   int
	header http.Header
	body   string // its beginning
}

// errMute says that a server took a request, and said nothing for long.
var errMute = errors.New("no answer, and no end")

// mostBody is how much of an answer is read, in bytes.
const mostBody = 4096

// ask makes a request in HTTP, unless TLS begins in another protocol, and notes
// what tell makes of the answer; nil if there is none. That of a server that waits for
// something else is empty.
func (d *diagnosis) ask(ctx context.Context, what string, tell func(*reply) string) (*reply, error) {
	if d.o.StartTLS != "" {
		return nil, nil
	}
	if err := d.begin(ctx, what); err != nil {
		return nil, err
	}
	start := time.Now()
	r, err := d.request(ctx)
	switch {
	case errors.Is(err, errMute):
		d.looked(what, start, "it waits for something else")
		return new(reply), nil
	case err != nil:
		d.looked(what, start, "it does not answer in HTTP")
		return nil, nil // that is no finding
	}
	d.looked(what, start, tell(r))
	return r, nil
}

// request gets / from the server, as the client but for the hello.
func (d *diagnosis) request(ctx context.Context) (*reply, error) {
	ctx, cancel := context.WithTimeout(ctx, d.p.timeout)
	defer cancel()
	raw, err := d.o.Dial(ctx, "tcp", d.p.addr.String())
	if err != nil {
		return nil, err
	}
	defer raw.Close()
	cfg := *d.o.Client
	cfg.InsecureSkipVerify, cfg.Sessions, cfg.VerifyPeerCertificate = true, nil, nil
	if len(cfg.NextProtos) > 0 {
		cfg.NextProtos = []string{"http/1.1"}
	}
	conn := handclasp.Client(raw, &cfg)
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(min(d.p.timeout, long))) // who speaks no HTTP may wait for ever
	if _, err := fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", net.JoinHostPort(d.o.Host, d.o.Port)); err != nil {
		return nil, err
	}
	in, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, errMute
	}
	if err != nil {
		return nil, err
	}
	defer in.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(in.Body, mostBody)) // what came of it
	return &reply{in.StatusCode, in.Header, string(body)}, nil
}

// status is the answer's first line, and what it says of certificates.
func (r *reply) status() string {
	s := strings.TrimSpace(fmt.Sprint(r.code, " ", http.StatusText(r.code)))
	if said := certificateWanted.FindString(r.body); said != "" {
		s += ", " + fault.Quote([]byte(said))
	}
	return s
}

// What nginx answers to who shows no certificate, or one that it does not take: 495
// and 496 are its own numbers, which it sends as 400 with a text.
const (
	badCertificate = 495
	noCertificate  = 496
)

var certificateWanted = regexp.MustCompile(`(?i)no required ssl certificate was sent|the ssl certificate error`)

// wantsCertificate reports whether the answer is that the client's certificate
// won't do.
func (r *reply) wantsCertificate() bool {
	return r.code == badCertificate || r.code == noCertificate || r.code == http.StatusBadRequest && certificateWanted.MatchString(r.body)
}
