package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
)

// A deed is what happens on a connection that stands.
type deed uint8

const (
	nothing     deed = iota
	rekeyUs          // we send KeyUpdates, and ask for the peer's
	rekeyPeer        // the peer sends one
	askLater         // the server asks for a certificate: post-handshake authentication
	renegotiate      // the server asks for another handshake
	closeUs          // we close our side, and then the peer sends
	closePeer        // the other way round
)

func (d deed) String() string {
	return [...]string{"", "our KeyUpdate", "the peer's KeyUpdate", "post-handshake authentication", "renegotiation",
		"we close our side first", "the peer closes its side first"}[d]
}

// later tells whether the client is asked for its certificate then.
func (d deed) later() bool { return d == askLater || d == renegotiate }

// byPeer tells whether the peer must be brought to do something.
func (c testCase) byPeer() bool {
	return c.then == rekeyPeer || c.then.later() && !c.server
}

func rekeyCases(server bool) []testCase {
	return perVersion(server, iana.TLS13, iana.TLS13, func(c testCase) []testCase {
		ours, theirs := c, c
		ours.then, theirs.then = rekeyUs, rekeyPeer
		return []testCase{ours, theirs}
	})
}

// laterCases are certificates that a client is asked for later, with one and
// without. A server of ours does not renegotiate.
func laterCases(server bool) []testCase {
	return perVersion(server, iana.TLS10, iana.TLS13, func(c testCase) (cases []testCase) {
		if c.then = askLater; c.version < iana.TLS13 {
			c.then = renegotiate
			if server {
				return nil
			}
			cases = append(cases, c)
		}
		for _, k := range []pki.Key{pki.P256, pki.RSA2048} {
			c.mutual = mutual{policy: handclasp.RequireAndVerifyClientCert, shows: k}
			cases = append(cases, c)
		}
		c.mutual = mutual{policy: handclasp.RequestClientCert, empty: true}
		return append(cases, c)
	})
}

func closeCases(server bool) []testCase {
	return perVersion(server, iana.TLS10, iana.TLS13, func(c testCase) []testCase {
		first, last := c, c
		first.then, last.then = closeUs, closePeer
		return []testCase{first, last}
	})
}

// acted is t and then what is ours to do of the case, with data behind it. What
// the peer has to do is for the peer's own talk, see prodded.
func acted(ctx context.Context, t talk) talk {
	return func(o *ours) error {
		if err := t(o); err != nil {
			return err
		}
		switch {
		case o.c.then == rekeyUs:
			return o.rekey(t)
		case o.c.then == askLater && o.c.server:
			if err := o.RequestClientCertificate(ctx); err != nil {
				return err
			}
			return errors.Join(o.c.mutual.settled(o.Info()), t(o))
		}
		return nil
	}
}

// rekey changes our keys and then both sides', with data between.
func (o *ours) rekey(t talk) error {
	for _, both := range []bool{false, true} {
		if err := o.KeyUpdate(both); err != nil {
			return err
		}
		if err := t(o); err != nil {
			return err
		}
	}
	if err := t(o); err != nil { // the answer may have come behind the data that crossed it
		return err
	}
	if n := o.updates.Load(); n != 1 {
		return fmt.Errorf("%d KeyUpdates of the peer, which was asked for one", n)
	}
	return nil
}

// prodded has the peer do its part. Line is one line of text both ways; it is given
// what must come before the peer's.
func prodded(prod func(*ours) error, line func(o *ours, before func()) error) talk {
	return func(o *ours) error {
		if err := line(o, func() {}); err != nil {
			return err
		}
		if err := prod(o); err != nil {
			return err
		}
		if err := line(o, o.awaited); err != nil {
			return err
		}
		return o.happened()
	}
}

// awaited waits until the peer has done its part, while somebody reads.
func (o *ours) awaited() {
	for until := time.Now().Add(caseWithin / 2); time.Now().Before(until) && o.happened() != nil; {
		time.Sleep(5 * time.Millisecond)
	}
}

// happened tells whether what the peer was to do has happened.
func (o *ours) happened() error {
	i := o.Info()
	switch o.c.then {
	case rekeyPeer:
		if o.updates.Load() == 0 {
			return errors.New("the peer sends no KeyUpdate")
		}
		return nil
	case renegotiate:
		if i.Renegotiations == 0 {
			return errors.New("the peer does not renegotiate")
		}
	}
	return o.c.mutual.settled(i)
}

// lineByLine is how prodded talks with a program that prints what it is sent
// among other things, and sends what it is told.
func lineByLine(theirs io.Writer, printed func(string) error) func(*ours, func()) error {
	return func(o *ours, before func()) error {
		const ping, pong = "a line of the peer", "a line of ours"
		done := make(chan error, 1)
		go func() {
			before()
			_, err := fmt.Fprintln(theirs, ping)
			done <- err
		}()
		err := errors.Join(expect(o, []byte(ping+"\n")), <-done)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(o, pong); err != nil {
			return err
		}
		return printed(pong)
	}
}

// lineBack is how it talks with a program that returns what it is sent.
func lineBack(o *ours, before func()) error {
	const line = "a line of ours\n"
	done := make(chan error, 1)
	go func() {
		before()
		_, err := io.WriteString(o, line)
		done <- err
	}()
	return errors.Join(expect(o, []byte(line)), <-done)
}
