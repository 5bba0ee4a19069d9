package main

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"net"
	"net/http"
	"strings"
	"text/template"

	"github.com/handclasp/handclasp/iana"
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

// A site is what a template needs to know of one port; cases with equal sites share
// it.
type site struct {
	Cert, Key, Both, Protocol, Curves string
	Ciphers, Suites                   string // of TLS 1.2 and below, and of 1.3; "" for what it has by itself
	DH                                string // path of parameters; "" for none
	Verify                            string // the policy by ClientAuthType's name; "" if it does not ask
	NoETM, IDs, Early                 bool
}

// site is what the case needs. It takes the case's group, so that the
// HelloRetryRequest needs no site of its own, and in TLS 1.2, behind it, the
// certificate's curve.
func (f front) site(k *kit, c testCase) (s site, err error) {
	id := k.files.id(c.key, c.chain)
	s = site{
		Cert: id.cert, Key: id.key, Both: id.both, Protocol: protocol(c.version), Curves: f.curves(c.curves()),
		NoETM: c.mac == macFirst, IDs: c.resume == byID, Early: c.early != noEarly,
	}
	switch {
	case c.version == iana.TLS13:
		s.Curves = f.curves(c.theirs())
		if !isDefault(c) {
			s.Suites = c.suite.String()
		}
	case c.weak():
		s.Ciphers = opensslCipher(c)
	}
	if c.mutual.asked() {
		s.Verify = c.mutual.policy.String()
	}
	s.DH, err = k.dhParams(c)
	return s, err
}

// HAProxy is what it calls a version: TLSv1.0 in full.
func (s site) HAProxy() string {
	if s.Protocol == protocol(iana.TLS10) {
		return s.Protocol + ".0"
	}
	return s.Protocol
}

// A layout is what a template is filled with.
type layout struct {
	Dir, CA, Backend, Spare, Module string
	Sites                           map[string]site // by port
	More                            string          // more servers, written out
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
			s, err := f.site(k, c)
			if err != nil {
				return err
			}
			return p.during(func() error { return k.posts(ctx, c, func() (net.Conn, error) { return p.dial(ctx, ports[s]) }) })
		},
		hosts: func(ctx context.Context, list []trouble) ([]host, error) { return f.hosts(ctx, k, list) },
		close: func() { p.stop(); stop() },
	}, nil
}

// posts runs a case as client of a server that speaks HTTP.
func (k *kit) posts(ctx context.Context, c testCase, dial func() (net.Conn, error)) error {
	n := min(k.amount(c), page)
	if c.early != noEarly {
		n = min(n, least)
	}
	request, err := newPosting(n)
	if err != nil {
		return err
	}
	e, err := k.end(c)
	if err != nil {
		return err
	}
	e.opening = request.bytes
	return e.calls(ctx, dial, request.talk)
}

// plan gives each site that a case needs a port.
func (f front) plan(ctx context.Context, k *kit, backend string) (map[site]string, layout, error) {
	free, err := freePorts(ctx, 1)
	if err != nil {
		return nil, layout{}, err
	}
	plan := layout{Dir: k.files.dir, CA: k.files.ca, Backend: backend, Spare: free[0], Module: f.module, Sites: map[string]site{}}
	ports := map[site]string{}
	for _, c := range k.cases(false) {
		s, err := f.site(k, c)
		if err != nil {
			return nil, layout{}, err
		}
		if ports[s] != "" {
			continue
		}
		if free, err = freePorts(ctx, 1); err != nil {
			return nil, layout{}, err
		}
		ports[s], plan.Sites[free[0]] = free[0], s
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
	if err := p.blame(p.ready(ctx, plan), 0); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// ready waits until a front listens.
func (p *process) ready(ctx context.Context, plan layout) error {
	for port := range plan.Sites {
		conn, err := p.dial(ctx, port)
		if err != nil {
			return fmt.Errorf("it does not listen: %w", err)
		}
		return conn.Close()
	}
	return nil
}
