package main

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/handclasp/handclasp"
)

// A peer is a stack to run against.
type peer struct {
	name       string
	version    func(context.Context) (string, error) // an error: it is not here
	can        func(testCase) string                 // why it can't do a case, or ""
	mutual     bool                                  // with client certificates too
	sample     bool                                  // not the full cross product, since its cases take long
	everywhere string                                // the program of it that can't be told to listen on loopback only
	open       func(context.Context, *kit) (*player, error)
}

// peers stand in the order in which they run.
var peers = []peer{
	{name: "crypto/tls", version: stdVersion, can: except(), open: stdOpen, mutual: true},
	{name: "openssl", version: program("openssl", "version"), can: opensslCan, open: opensslOpen, mutual: true},
	{name: "gnutls", version: program("gnutls-cli", "--version"), can: gnutlsCan, open: gnutlsOpen, mutual: true, everywhere: "gnutls-serv"},
	{name: "botan", version: program("botan", "version"), can: botanCan, open: botanOpen, everywhere: "botan tls_server"},
	{name: "java", version: program("java", "--version"), can: javaCan, open: javaOpen, sample: true},
	{name: "node", version: program("node", "-p", "'Node ' + process.version + ', OpenSSL ' + process.versions.openssl"), can: opensslCan, open: nodeOpen, sample: true},
	{name: "python", version: program("python3", "-c", "import ssl, sys; print('Python', sys.version.split()[0] + ',', ssl.OPENSSL_VERSION)"), can: opensslCan, open: pythonOpen, sample: true},
	{name: "curl", version: program("curl", "--version"), can: opensslCan, open: curlOpen, mutual: true},
	{name: "wget", version: program("wget", "--version"), can: gnutlsCan, open: wgetOpen},
	{name: "chromium", version: program("chromium", "--version"), can: chromiumCan, open: chromiumOpen},
	{name: "nginx", version: program("nginx", "-v"), can: opensslCan, open: nginxOpen},
	{name: "haproxy", version: program("haproxy", "-v"), can: opensslCan, open: haproxyOpen},
	{name: "lighttpd-openssl", version: lighttpdVersion("mod_openssl", "libssl"), can: opensslCan, open: lighttpdOpen("mod_openssl", opensslGroups)},
	{name: "lighttpd-gnutls", version: lighttpdVersion("mod_gnutls", "libgnutls"), can: gnutlsCan, open: lighttpdOpen("mod_gnutls", opensslGroups)},
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
func choose(list string) (chosen []peer, err error) {
	if list == "" {
		return peers, nil
	}
	for name := range strings.SplitSeq(list, ",") {
		i := slices.Index(peerNames(), name)
		if i < 0 {
			return nil, fmt.Errorf("there is no peer %q; there are %s", name, strings.Join(peerNames(), ", "))
		}
		chosen = append(chosen, peers[i])
	}
	return chosen, nil
}

// A play is one case with a peer in one role. It ends when ctx does.
type play func(ctx context.Context, c testCase) error

// A player is a peer made ready: what it needs for several cases runs.
type player struct {
	client, server play   // by the peer's role; nil: it does not play it
	close          func() // ends what runs; may be nil
}

// A kit is what peers are given.
type kit struct {
	files *files
	data  int
	can   func(testCase) string // of the peer
}

// asClient runs a case as client of the server on port.
func (k *kit) asClient(ctx context.Context, c testCase, port string, t talk) error {
	raw, err := dial(ctx, port)
	if err != nil {
		return err
	}
	defer raw.Close()
	return finish(ctx, c, handclasp.Client(raw, k.files.clientConfig(c)), t)
}

// accept runs a case as server of the next client that connects to l.
func (k *kit) accept(ctx context.Context, c testCase, l *net.TCPListener, t talk) error {
	raw, err := l.Accept()
	if err != nil {
		return err
	}
	defer raw.Close()
	if by, ok := ctx.Deadline(); ok {
		if err := raw.SetDeadline(by); err != nil {
			return err
		}
	}
	return finish(ctx, c, handclasp.Server(raw, k.files.serverConfig(c)), t)
}

// finish completes the handshake on our side, checks it and moves data.
func finish(ctx context.Context, c testCase, ours *handclasp.Conn, t talk) error {
	if c.mutual.refused() {
		return refuse(ctx, ours)
	}
	if err := ours.HandshakeContext(ctx); err != nil {
		return err
	}
	if err := c.settled(ours.Info()); err != nil {
		return err
	}
	if err := t(ours); err != nil {
		return err
	}
	return ours.Close()
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
	return p.once(func() error { return k.asClient(ctx, c, ports[0], t(p)) })
}

// calls starts a program that connects to the port it is told, and runs the
// case as its server.
func (k *kit) calls(ctx context.Context, c testCase, start func(port string) (*process, error), t func(*process) talk) error {
	l, err := listen(ctx)
	if err != nil {
		return err
	}
	defer l.Close()
	p, err := start(portOf(l))
	if err != nil {
		return err
	}
	return p.once(func() error { return k.accept(ctx, c, l, t(p)) })
}
