// Command shim answers BoringSSL's test runner (BoGo) with this module's engine:
// the runner starts it once for each test, with the test as flags, and plays the
// other side. See ../README.md.
//
// It drives package engine itself, and not over a Conn, so that with -async each
// byte arrives alone and each Ask is answered later than it is asked.
//
// It exits with 0 if the test went as the flags say, with 89 if it does not know
// a flag, and with 1 otherwise; then stderr says why, with the rule of package
// fault that ended the connection, which ../config.json maps to the runner's names.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/handclasp/handclasp/fault"
)

const unimplemented = 89

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	plan, err := parse(args)
	if missing, ok := errors.AsType[*unknownFlag](err); ok {
		fmt.Fprintln(stderr, missing)
		return unimplemented
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	if plan.initial.IsHandshakerSupported {
		fmt.Fprintln(stdout, "No") // BoringSSL's split handshakes
		return 0
	}
	if err := plan.run(); err != nil {
		fmt.Fprintln(stderr, describe(err))
		return 1
	}
	return 0
}

// run makes one connection after the other, the later ones with what the earlier
// ones left to resume.
func (p *plan) run() error {
	home, err := newHome()
	if err != nil {
		return err
	}
	for i := range p.initial.ResumeCount + 1 {
		s := &p.initial
		if i > 0 {
			s = &p.resume
		}
		if i > 0 && !s.Server && home.session == nil {
			return errors.New("there is no session to offer")
		}
		if err := connect(home, s, &p.retry, i > 0); err != nil {
			return fmt.Errorf("connection %d: %w", i+1, err)
		}
		home.clock = home.clock.Add(time.Duration(s.ResumptionDelay) * time.Second)
	}
	return nil
}

// describe is an error as the runner's configuration knows it: by rule, and by the
// alert if the peer sent one.
func describe(err error) string {
	f, ok := errors.AsType[*fault.Error](err)
	switch {
	case !ok:
		return err.Error()
	case f.Received:
		return fmt.Sprintf("received=%v; rule=%s; %v", f.AlertCode(), f.ID, err)
	}
	return fmt.Sprintf("rule=%s; %v", f.ID, err)
}
