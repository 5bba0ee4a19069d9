package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/handclasp/handclasp/flow"
)

// A peer is a stack to run against.
type peer struct {
	name       string
	version    func(context.Context) (string, error) // an error: it is not here
	can        func(testCase) string                 // why it can't do a case, or ""
	sample     bool                                  // not the full cross product of the first area, since its cases take long
	troubles   []trouble                             // its servers that are to be diagnosed
	everywhere string                                // the program of it that can't be told to listen on loopback only
	open       func(context.Context, *kit) (*player, error)
}

// peers stand in the order in which they run.
var peers = []peer{
	{name: "crypto/tls", version: stdVersion, can: stdCan, open: stdOpen},
	{name: "openssl", version: program("openssl", "version"), can: opensslCan, open: opensslOpen, troubles: opensslTroubles},
	{name: "gnutls", version: program("gnutls-cli", "--version"), can: gnutlsCan, open: gnutlsOpen, troubles: gnutlsTroubles, everywhere: "gnutls-serv"},
	{name: "botan", version: program("botan", "version"), can: botanCan, open: botanOpen, everywhere: "botan tls_server"},
	{name: "java", version: program("java", "--version"), can: javaCan, open: javaOpen, troubles: javaTroubles, sample: true},
	{name: "node", version: program("node", "-p", "'Node ' + process.version + ', OpenSSL ' + process.versions.openssl"), can: nodeCan, open: nodeOpen, troubles: nodeTroubles, sample: true},
	{name: "python", version: program("python3", "-c", "import ssl, sys; print('Python', sys.version.split()[0] + ',', ssl.OPENSSL_VERSION)"), can: pythonCan, open: pythonOpen, sample: true},
	{name: "curl", version: program("curl", "--version"), can: curlCan, open: curlOpen},
	{name: "wget", version: program("wget", "--version"), can: wgetCan, open: wgetOpen},
	{name: "chromium", version: program("chromium", "--version"), can: chromiumCan, open: chromiumOpen},
	{name: "nginx", version: program("nginx", "-v"), can: nginxCan, open: nginxOpen, troubles: nginxTroubles},
	{name: "haproxy", version: program("haproxy", "-v"), can: haproxyCan, open: haproxyOpen},
	{name: "lighttpd-openssl", version: lighttpdVersion("mod_openssl", "libssl"), can: lighttpdOpenSSLCan, open: lighttpdOpen("mod_openssl", opensslGroups)},
	{name: "lighttpd-gnutls", version: lighttpdVersion("mod_gnutls", "libgnutls"), can: lighttpdGnuTLSCan, open: lighttpdOpen("mod_gnutls", opensslGroups)},
	{name: "lighttpd-mbedtls", version: lighttpdVersion("mod_mbedtls", "libmbedtls"), can: mbedtlsCan, open: lighttpdOpen("mod_mbedtls", ianaGroups)},
	{name: "lighttpd-wolfssl", version: lighttpdVersion("mod_wolfssl", "libwolfssl"), can: wolfsslCan, open: lighttpdOpen("mod_wolfssl", noCurves)},
}

func peerNames() (names []string) {
	for _, p := range peers {
		names = append(names, p.name)
	}
	return names
}

// choose gives the peers of a comma list; all for the empty one.
func choose(list string) ([]peer, error) {
	return pick("peer", list, peers, func(p peer) string { return p.name })
}

func chooseAreas(list string) ([]area, error) {
	return pick("area", list, areas, func(a area) string { return a.name })
}

func pick[T any](what, list string, all []T, name func(T) string) (chosen []T, err error) {
	if list == "" {
		return all, nil
	}
	var names []string
	for _, x := range all {
		names = append(names, name(x))
	}
	for want := range strings.SplitSeq(list, ",") {
		i := slices.Index(names, want)
		if i < 0 {
			return nil, fmt.Errorf("there is no %s %q; there are %s", what, want, strings.Join(names, ", "))
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// A play is one case with a peer in one role. It ends when ctx does.
type play func(ctx context.Context, c testCase) error

// A player is a peer made ready: what it needs for several cases runs.
type player struct {
	client, server play                                                      // by the peer's role; nil: it does not play it
	hosts          func(ctx context.Context, list []trouble) ([]host, error) // starts a server for each trouble; nil: it has none
	close          func()                                                    // ends what runs; may be nil
}

// A kit is what peers are given.
type kit struct {
	files *files
	data  int
	can   func(testCase) string // of the peer
	areas []area
	watch func(*flow.Event) // of our clients; may be nil
}

// cases are those that the peer can do.
func (k *kit) cases(server bool) (cases []testCase) {
	for _, a := range k.areas {
		for _, c := range a.cases(server) {
			if k.can(c) == "" {
				cases = append(cases, c)
			}
		}
	}
	return cases
}

// asClient runs a case as client of the server that dial connects to.
func (k *kit) asClient(ctx context.Context, c testCase, dial func() (net.Conn, error), t talk) error {
	e, err := k.end(c)
	if err != nil {
		return err
	}
	return e.calls(ctx, dial, t)
}

// calls runs all connections of a case as client.
func (e *end) calls(ctx context.Context, dial func() (net.Conn, error), t talk) error {
	for range e.c.rounds() {
		raw, err := dial()
		if err == nil {
			err = e.meet(ctx, raw, acted(ctx, t))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// accept runs one connection of a case as server of the next client that connects
// to l.
func (e *end) accept(ctx context.Context, l *net.TCPListener, t talk) error {
	raw, err := l.Accept()
	if err != nil {
		return err
	}
	if by, ok := ctx.Deadline(); ok {
		if err := raw.SetDeadline(by); err != nil {
			return errors.Join(err, raw.Close())
		}
	}
	return e.meet(ctx, raw, acted(ctx, t))
}

// asServer runs all connections of a case as server of the clients that connect to
// l. Before each one, next may start a client.
func (k *kit) asServer(ctx context.Context, c testCase, l *net.TCPListener, next func(round int) (talk, error)) error {
	e, err := k.end(c)
	if err != nil {
		return err
	}
	for round := range c.rounds() {
		t, err := next(round)
		if err == nil {
			err = e.accept(ctx, l, t)
		}
		if err != nil {
			return fmt.Errorf("connection %d: %w", round+1, err)
		}
	}
	return nil
}

// serves starts a program that serves the case on the port it is told, and runs
// the case as its client.
func (k *kit) serves(ctx context.Context, c testCase, start func(port string) (*process, error), t func(*process) talk) error {
	ports, err := freePorts(ctx, 1)
	if err != nil {
		return err
	}
	p, err := start(ports[0])
	if err != nil {
		return err
	}
	return p.once(func() error {
		return k.asClient(ctx, c, func() (net.Conn, error) { return p.dial(ctx, ports[0]) }, t(p))
	})
}

// calls starts a program for each connection of the case, which connects to the
// port it is told, and runs the case as its server. It may be the same process
// again.
func (k *kit) calls(ctx context.Context, c testCase, start func(port string, round int) (*process, error), t func(*process) talk) error {
	l, err := listen(ctx)
	if err != nil {
		return err
	}
	defer l.Close()
	var last *process
	var mu sync.Mutex // of current, and of who sets l's deadline
	var current *process
	err = k.asServer(ctx, c, l, func(round int) (talk, error) {
		p, err := start(portOf(l), round)
		if err != nil {
			return nil, err
		}
		if last != nil && last != p {
			last.stop()
		}
		last = p
		by, _ := ctx.Deadline()
		mu.Lock()
		current = p
		l.SetDeadline(by)
		mu.Unlock()
		go func() {
			<-p.ended
			mu.Lock()
			defer mu.Unlock()
			if current == p {
				l.SetDeadline(time.Now()) // nobody will connect
			}
		}()
		return t(p), nil
	})
	if last == nil {
		return err
	}
	defer last.stop()
	return last.blame(err, 0)
}
