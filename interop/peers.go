package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/handclasp/handclasp"
)

// A peer is a stack to run against.
type peer struct {
	name    string
	version func(context.Context) (string, error) // an error: it is not here
	cases   func() []testCase
	can     func(testCase) string // why it can't do a case, or ""
	run     func(context.Context, *runner, testCase) error
}

var peers = []peer{
	{"crypto/tls", stdVersion, allCases, stdCan, stdRun},
	{"openssl", opensslVersion, allCases, opensslCan, opensslRun},
	{"curl", curlVersion, curlCases, curlCan, curlRun},
}

// program is the first line of a program's own account of its version.
func program(name string, args ...string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		if _, err := exec.LookPath(name); err != nil {
			return "", fmt.Errorf("%s is not installed", name)
		}
		out, err := exec.CommandContext(ctx, name, args...).Output()
		line, _, _ := strings.Cut(string(out), "\n")
		return line, err
	}
}

// listen gives a loopback listener.
func listen() (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") }

// freePort is a port that nobody listens on just now.
func freePort() (string, error) {
	l, err := listen()
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// dial connects to a server that may still be starting.
func dial(ctx context.Context, addr string) (net.Conn, error) {
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		if !errors.Is(err, syscall.ECONNREFUSED) {
			return conn, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// A process is a program whose standard input and output are the application
// data of its TLS connection.
type process struct {
	io.Writer
	io.Reader
	cmd    *exec.Cmd
	stderr strings.Builder
}

func start(ctx context.Context, name string, args ...string) (*process, error) {
	p := &process{cmd: exec.CommandContext(ctx, name, args...)}
	p.cmd.Stderr = &p.stderr
	var err error
	if p.Writer, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if p.Reader, err = p.cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	return p, p.cmd.Start()
}

// stop ends the process by its own id.
func (p *process) stop() {
	p.cmd.Process.Kill()
	p.cmd.Wait()
}

// explain adds what the process said to an error of a case.
func (p *process) explain(err error) error {
	p.stop()
	if err == nil || p.stderr.Len() == 0 {
		return err
	}
	return fmt.Errorf("%w\n      the peer says: %s", err, strings.TrimSpace(p.stderr.String()))
}

// asClient runs a case as client of a server at addr whose application data is
// at theirs.
func (r *runner) asClient(ctx context.Context, c testCase, addr string, theirs io.ReadWriter) error {
	raw, err := dial(ctx, addr)
	if err != nil {
		return err
	}
	defer raw.Close()
	return r.finish(ctx, c, handclasp.Client(raw, r.files.clientConfig(c)), theirs)
}

// finish completes the handshake on our side, checks it and moves data.
func (r *runner) finish(ctx context.Context, c testCase, ours *handclasp.Conn, theirs io.ReadWriter) error {
	if err := ours.HandshakeContext(ctx); err != nil {
		return err
	}
	if err := c.settled(ours.Info()); err != nil {
		return err
	}
	if err := exchange(ours, theirs, r.data); err != nil {
		return err
	}
	return ours.Close()
}

// --- crypto/tls, in this process ---

func stdVersion(context.Context) (string, error) { return runtime.Version(), nil }

func stdCan(c testCase) string { return "" }

func stdRun(ctx context.Context, r *runner, c testCase) error {
	l, err := listen()
	if err != nil {
		return err
	}
	defer l.Close()
	cfg := &tls.Config{
		MinVersion: tls.VersionTLS13, ServerName: "localhost", RootCAs: r.files.roots,
		Certificates: []tls.Certificate{r.files.ids[c.key].std}, CurvePreferences: []tls.CurveID{tls.CurveID(c.group)},
	}
	if c.retry && c.server {
		cfg.CurvePreferences = nil // its first shares are for X25519MLKEM768 and X25519
	}
	conn, err := dial(ctx, l.Addr().String())
	if err != nil {
		return err
	}
	defer conn.Close()
	accepted, err := l.Accept()
	if err != nil {
		return err
	}
	defer accepted.Close()
	ours, theirs := handclasp.Client(conn, r.files.clientConfig(c)), tls.Server(accepted, cfg)
	if c.server {
		ours, theirs = handclasp.Server(accepted, r.files.serverConfig(c)), tls.Client(conn, cfg)
	}
	done := make(chan error, 1)
	go func() { done <- theirs.HandshakeContext(ctx) }()
	err = r.finish(ctx, c, ours, theirs)
	return errors.Join(err, <-done)
}
