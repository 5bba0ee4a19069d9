// Command bench measures Handclasp beside crypto/tls, and beside OpenSSL where its
// headers are installed (Debian: libssl-dev, and a C compiler):
//
//	go run ./bench                 # all of it, some minutes
//	go run ./bench -short          # does everything work? its numbers mean nothing
//	go run ./bench -only records   # one part: handshakes, records, first-byte, crowd, idle
//	go run ./bench -only handshakes -match '1.3 resumption.*handclasp' -cpu cpu.out
//
// Policy: both stacks run in one process, on one core, in memory, with the same
// certificates, groups and suites. Time is the processor's, so that other programs
// do not count; the server's share of it is that of the median handshake by the
// clock. Cases are interleaved: every round runs every
// case with every stack, and the stacks take turns in who goes first. What is
// printed is the median of the rounds with the least and the most; a ratio is
// taken round by round, so that a machine that slows down slows both. Nothing is
// left out: what a stack can't do stands there as a reason. Every case checks
// that what was negotiated is what was meant.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/term"
)

// options are what the command line says.
type options struct {
	rounds   int
	short    bool
	only     []string
	json     string
	svg      string
	openssl  bool
	match    *regexp.Regexp // of "case, stack"; nil: all
	cpu, mem string         // profiles
	progress io.Writer
}

// parts are what can be measured, in order.
var parts = []struct {
	name string
	run  func(*bench, context.Context) error
}{
	{"handshakes", (*bench).runHandshakes},
	{"records", (*bench).runRecords},
	{"first-byte", (*bench).runFirstByte},
	{"crowd", (*bench).runCrowd},
	{"idle", (*bench).runIdle},
}

func (*bench) names() (names []string) {
	for _, p := range parts {
		names = append(names, p.name)
	}
	return names
}

func main() {
	if role := os.Getenv(idleRole); role != "" {
		idleClients(role)
		return
	}
	var o options
	if term.IsTerminal(int(os.Stderr.Fd())) {
		o.progress = os.Stderr
	}
	flag.IntVar(&o.rounds, "rounds", 9, "rounds, at least 7 for numbers that are quoted")
	flag.BoolVar(&o.short, "short", false, "a smoke test: one round of little")
	flag.StringVar(&o.json, "json", "", "file for the results as JSON")
	flag.StringVar(&o.svg, "svg", "", "file for the results as a chart")
	flag.BoolVar(&o.openssl, "openssl", true, "measure OpenSSL too, if its headers are there")
	flag.StringVar(&o.cpu, "cpu", "", "file for a profile of the processor's time; only what -match leaves is worth looking at")
	flag.StringVar(&o.mem, "mem", "", "file for a profile of all that was allocated")
	match := flag.String("match", "", "a regular expression: run only what it finds in \"case, stack\"")
	only := flag.String("only", "", "comma list of parts to run; empty for all: "+strings.Join((*bench)(nil).names(), ", "))
	flag.Parse()
	if *only != "" {
		o.only = strings.Split(*only, ",")
	}
	if *match != "" {
		var err error
		if o.match, err = regexp.Compile(*match); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(2)
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one run.
type bench struct {
	options
	*material
	openssl *openssl // nil if there is none
	report  report
}

// run measures what o says, prints it to out and writes the files.
func run(ctx context.Context, o options, out io.Writer) error {
	b := &bench{options: o}
	for _, name := range o.only {
		if !slices.Contains(b.names(), name) {
			return fmt.Errorf("no part is called %q; there are %s", name, strings.Join(b.names(), ", "))
		}
	}
	if o.short {
		b.rounds = 1
	}
	b.rounds = max(b.rounds, 1)
	var err error
	if b.material, err = newMaterial(); err != nil {
		return err
	}
	why := "it was switched off"
	if o.openssl {
		if b.openssl, err = startOpenSSL(ctx, b.material); err != nil {
			why = err.Error()
		}
	}
	if b.openssl != nil {
		defer b.openssl.close()
	}
	b.report = describe(b.rounds, o.short, b.openssl, why)
	stop, err := profile(o.cpu, o.mem)
	if err != nil {
		return err
	}
	defer stop()
	for _, p := range parts {
		if len(o.only) > 0 && !slices.Contains(o.only, p.name) {
			continue
		}
		if err := p.run(b, ctx); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	b.note("")
	return cmp.Or(b.report.print(out), write(o.json, b.report.json), write(o.svg, b.report.chart))
}

// note says what is going on, on one line that is written over.
func (b *bench) note(format string, args ...any) {
	if b.progress != nil {
		fmt.Fprintf(b.progress, "\r\x1b[K"+format, args...)
	}
}

// write makes a file, unless it has no name.
func write(name string, content func() ([]byte, error)) error {
	if name == "" {
		return nil
	}
	b, err := content()
	if err != nil {
		return err
	}
	return os.WriteFile(name, b, 0o644)
}
