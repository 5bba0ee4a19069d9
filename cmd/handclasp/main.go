// Command handclasp speaks TLS and says what it does: it explains a handshake
// step by step, connects to a TLS server, and serves TLS itself.
//
// Policy: a subcommand reads its flags, calls the packages above the engine and
// prints; it decides nothing about TLS. What is asked for goes to stdout, what
// is said about it to stderr. Every error is one sentence with what is known of
// it and a hint, and every kind of outcome has its exit code. What a peer sent
// is printed escaped, save for the data that connect passes on, which is its
// user's.
package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(process(net.DefaultResolver.LookupNetIP)) }

// process is the whole process but for its end. Ctrl-C and SIGTERM end what runs
// in order; the second one kills at once.
func process(lookup lookupFunc) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	a := &app{in: os.Stdin, out: os.Stdout, err: os.Stderr, lookup: lookup}
	return a.run(ctx, os.Args[1:])
}

// run is the command without the process around it. It ends early, and in order,
// when ctx does.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{in: stdin, out: stdout, err: stderr, lookup: net.DefaultResolver.LookupNetIP}
	return a.run(ctx, args)
}

// A lookupFunc gives the addresses of a host, as net.Resolver.LookupNetIP does.
type lookupFunc func(ctx context.Context, network, host string) ([]netip.Addr, error)

// An app is one run of the command, with what it needs of the world.
type app struct {
	in       io.Reader
	out, err io.Writer
	lookup   lookupFunc
	lines    *bufio.Scanner // of in; nil if nobody has asked for one
}

func (a *app) run(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	err := root.ExecuteContext(ctx)
	a.report(err)
	return exitCode(err)
}
