// Command interop runs Handclasp against TLS stacks that nobody here wrote, in
// both roles, and prints one readable summary:
//
//	go run ./interop
//
// What is tried stands in areas.go, by area, and is made of the tables that the
// engine works by. A peer is declared by what it is called, what it can't do and
// why, and how it is made ready (peers.go); each family of peers has a file of its
// own.
//
// Policy: a case is one handshake of one version, suite, group and certificate
// type, or several if a session is resumed, with data both ways, compared byte for
// byte; it fails unless just these were negotiated. In the area "diagnose" it is a
// server that makes a client fail, and the cause that package diagnose must find
// (troubles.go). What a peer can't do, or does wrong, is left out with a reason in
// words, and counted. A peer that is not on the machine is a skip with its reason;
// with CI=true in the environment it is a failure. Everything happens on loopback,
// where the system allows it in a network namespace that has nothing else. Each
// case has a time limit, and every process started here is ended by its own id.
//
//go:debug tlssha1=1
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
	list := flag.String("areas", "", "comma list of areas to run; empty for all: "+strings.Join(areaNames(), ", "))
	data := flag.Int("data", 10<<20, "bytes to send each way in the first case of each default suite, for peers that take a stream; the others take 1 MiB, and other cases move 64 KiB")
	jobs := flag.Int("jobs", 4, "peers to run at a time")
	verbose := flag.Bool("v", false, "print each case, not only failures")
	flag.Parse()
	inside, code, err := isolate()
	if code >= 0 {
		os.Exit(code) // the run happened in there
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "interop: no network namespace of our own:", err)
	}
	// Nothing that was started may be left behind. SIGPIPE comes from every program
	// that ends before it is told all; for "| head" see print.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r := runner{out: os.Stdout, stop: stop, data: *data, jobs: *jobs, verbose: *verbose, ci: os.Getenv("CI") == "true", inside: inside}
	chosen, err := choose(*names)
	if err == nil {
		r.areas, err = chooseAreas(*list)
	}
	if err == nil {
		err = r.run(ctx, chosen)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
		os.Exit(1)
	}
}
