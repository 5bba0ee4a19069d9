package main

import (
	"context"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/session"
)

// Cases of several connections: sessions that are resumed, with 0-RTT data or
// without.

// A resume is how a session is resumed.
type resume uint8

const (
	never resume = iota
	byTicket
	byID // TLS 1.2 and below
)

func (r resume) String() string {
	return [...]string{"", "resumed by ticket", "resumed by session ID"}[r]
}

// An early is what becomes of 0-RTT data.
type early uint8

const (
	noEarly  early = iota
	accepted       // the server takes it
	rejected       // it does not, and takes the session
	replayed       // the client sends it again with the same ticket
)

func (e early) String() string {
	return [...]string{"", "0-RTT accepted", "0-RTT rejected", "0-RTT replayed"}[e]
}

// rounds is how many connections the case has.
func (c testCase) rounds() int {
	switch {
	case c.early == replayed:
		return 3
	case c.resume != never:
		return 2
	}
	return 1
}

// resumes tells whether the nth connection, from 0, resumes a session; sends
// whether it brings 0-RTT data; takes whether the server takes them.
func (c testCase) resumes(n int) bool { return c.resume != never && n > 0 }
func (c testCase) sends(n int) bool   { return c.early != noEarly && n > 0 }
func (c testCase) takes(n int) bool {
	return c.sends(n) && (c.early == accepted || c.early == replayed && n == 1)
}

// forgets tells whether the nth connection may be a full handshake all the same: a
// server that does not take 0-RTT data may say that it does not know the session any
// more, as OpenSSL's does that has looked at it once.
func (c testCase) forgets(n int) bool { return c.sends(n) && !c.takes(n) && !c.server }

// resumeCases are, for each version, the ways in which it resumes: with a client
// certificate too, and in TLS 1.3 without key exchange and after a
// HelloRetryRequest.
func resumeCases(server bool) []testCase {
	return perVersion(server, iana.TLS10, iana.TLS13, func(c testCase) []testCase {
		c.resume = byTicket
		known := c
		known.mutual = mutual{policy: handclasp.RequireAndVerifyClientCert, shows: pki.P256}
		if c.version == iana.TLS13 {
			alone, retried := c, c
			alone.alone = true
			retried.retry, retried.group = true, iana.Secp384r1
			return []testCase{c, known, alone, retried}
		}
		stored := c
		stored.resume = byID
		return []testCase{c, known, stored}
	})
}

// earlyCases are 0-RTT data that the server takes, that it is sent again, and that
// it does not take: our server because it has just been started, all because of a
// HelloRetryRequest.
func earlyCases(server bool) []testCase {
	return perVersion(server, iana.TLS13, iana.TLS13, func(c testCase) (cases []testCase) {
		c.resume = byTicket
		for c.early = accepted; c.early <= replayed; c.early++ {
			if c.early != rejected || server {
				cases = append(cases, c)
			}
		}
		c.early, c.retry, c.group = rejected, true, iana.Secp384r1
		return append(cases, c)
	})
}

// earlyWords are what goes in 0-RTT.
const earlyWords = "early words\n"

// A stubborn store gives its first session again and again, as no client of ours
// does.
type stubborn struct {
	session.ClientStore
	kept []byte
}

func (s *stubborn) Put(_ context.Context, _ string, got *session.Session) (err error) {
	if s.kept == nil {
		s.kept, err = got.Append(nil)
	}
	return err
}

func (s *stubborn) Take(context.Context, string) (*session.Session, error) {
	if s.kept == nil {
		return nil, nil
	}
	return session.ParseSession(s.kept)
}

func (s *stubborn) Drop(context.Context, string, *session.Session) error { return nil }

func resumed(c testCase) bool { return c.resume != never }

func replays(c testCase) bool { return c.early == replayed }
