// Command interop runs Handclasp against TLS stacks that nobody here wrote, in
// both roles, and prints one readable summary:
//
//	go run ./interop
//
// A peer is declared by what it is called, what it can't do and why, and how it
// is made ready (peers.go); each family of peers has a file of its own.
//
// Policy: a case is one handshake of one version, suite, group and certificate
// type, with data both ways, compared byte for byte; it fails unless just these
// were negotiated. What a peer can't do is left out with a reason in words, and
// counted. A peer that is not on the machine is a skip with its reason; with
// CI=true in the environment it is a failure. Everything happens on loopback,
// where the system allows it in a network namespace that has nothing else. Each
// case has a time limit, and every process started here is ended by its own id.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	names := flag.String("peers", "", "comma list of peers to run; empty for all: "+strings.Join(peerNames(), ", "))
	data := flag.Int("data", 10<<20, "bytes to send each way in each case, for peers that take a stream; the others take 1 MiB")
	verbose := flag.Bool("v", false, "print each case, not only failures")
	flag.Parse()
	inside, code, err := isolate()
	if code >= 0 {
		os.Exit(code) // the run happened in there
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "interop: no network namespace of our own:", err)
	}
	// SIGPIPE too, for "| head": nothing that was started may be left behind.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGPIPE)
	defer stop()
	r := runner{out: os.Stdout, data: *data, verbose: *verbose, ci: os.Getenv("CI") == "true", inside: inside}
	chosen, err := choose(*names)
	if err == nil {
		err = r.run(ctx, chosen)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
		os.Exit(1)
	}
}
