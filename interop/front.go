package main

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"text/template"

	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
)

//go:embed testdata
var testdata embed.FS

// A front is a web server that ends TLS in front of a server of ours, which
// returns what it is sent. One process serves all cases: it has a port for each
// version, certificate and group, and we, the client, offer but one suite.
type front struct {
	conf    string                    // template in testdata
	module  string                    // of lighttpd
	curves  func([]iana.Group) string // the curves as it wants them; "": it can't be told
	command func(conf string) []string
}

// A seat tells which port of a front a case is for. It takes the case's group,
// so that the HelloRetryRequest needs no seat of its own, and in TLS 1.2, behind
// it, the certificate's curve.
type seat struct {
	version iana.Version
	key     pki.Key
	group   iana.Group
}

func (c testCase) seat() seat { return seat{c.version, c.key, c.group} }

// A site is what a template needs to know of a seat.
type site struct {
	Port, Cert, Key, Both, Protocol, Curves string
}

// A layout is what a template is filled with.
type layout struct {
	Dir, CA, Backend, Spare, Module string
	Sites                           []site
}

func (f front) open(ctx context.Context, k *kit) (*player, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	backend := &http.Server{Handler: http.HandlerFunc(returned)}
	done := make(chan error, 1)
	go func() { done <- backend.Serve(l) }()
	stop := func() { backend.Close(); <-done }
	ports, plan, err := f.plan(ctx, k, portOf(l))
	if err != nil {
		stop()
		return nil, err
	}
	p, err := f.start(ctx, k, plan)
	if err != nil {
		stop()
		return nil, err
	}
	return &player{
		server: func(ctx context.Context, c testCase) error {
			return p.during(func() error {
				return k.asClient(ctx, c, func() (net.Conn, error) { return p.dial(ctx, ports[c.seat()]) }, post(min(k.amount(c), page)))
			})
		},
		close: func() { p.stop(); stop() },
	}, nil
}

// plan gives each seat that a case needs a port.
func (f front) plan(ctx context.Context, k *kit, backend string) (map[seat]string, layout, error) {
	var seats []seat
	for _, c := range k.cases(false) {
		if !slices.Contains(seats, c.seat()) {
			seats = append(seats, c.seat())
		}
	}
	free, err := freePorts(ctx, len(seats)+1)
	if err != nil {
		return nil, layout{}, err
	}
	ports := map[seat]string{}
	plan := layout{Dir: k.files.dir, CA: k.files.ca, Backend: backend, Spare: free[len(seats)], Module: f.module}
	for i, s := range seats {
		ports[s] = free[i]
		id := k.files.id(s.key, plain)
		plan.Sites = append(plan.Sites, site{
			Port: free[i], Cert: id.cert, Key: id.key, Both: id.both, Protocol: protocol(s.version), Curves: f.curves(testCase{version: s.version, key: s.key, group: s.group, suite: iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}.theirs()),
		})
	}
	return ports, plan, nil
}

// protocol is OpenSSL's name of a version, which everybody took over.
func protocol(v iana.Version) string {
	return strings.TrimSuffix(strings.Replace(v.String(), "TLS ", "TLSv", 1), ".0")
}

func (f front) start(ctx context.Context, k *kit, plan layout) (*process, error) {
	t, err := template.ParseFS(testdata, "testdata/"+f.conf)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if err := t.Execute(&text, plan); err != nil {
		return nil, err
	}
	conf, err := k.files.write(f.conf, text.Bytes())
	if err != nil {
		return nil, err
	}
	args := f.command(conf)
	p, err := daemon(ctx, args[0], args[1:]...)
	if err != nil {
		return nil, err
	}
	if err := p.during(func() error { return p.ready(ctx, plan) }); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// ready waits until a front listens.
func (p *process) ready(ctx context.Context, plan layout) error {
	if len(plan.Sites) == 0 {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, caseWithin/2)
	defer cancel()
	conn, err := p.dial(limited, plan.Sites[0].Port)
	if err != nil {
		return fmt.Errorf("it does not listen: %w", err)
	}
	return conn.Close()
}
