package engine

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/wire"
	"github.com/handclasp/handclasp/session"
)

// A guard says always the same, and remembers what it was asked.
type guard struct {
	say   session.Refusal
	err   error
	asked []session.Use
}

func (g *guard) Check(_ context.Context, u session.Use) (session.Refusal, error) {
	g.asked = append(g.asked, u)
	return g.say, g.err
}

// eager has the client send 0-RTT data and the server take up to 1,000 bytes.
func eager(g *guard) option {
	return func(c *config.ClientConfig, s *config.ServerConfig) {
		c.EarlyData = true
		s.EarlyData, s.Guard = 1000, g
	}
}

// hello answers what the client's hello waits for.
func (p *pair) hello() {
	for p.client.Ask() != nil {
		p.answer(p.client)
	}
}

// sendEarly has the client send 0-RTT data.
func (p *pair) sendEarly(t *testing.T, data []byte) {
	t.Helper()
	p.hello()
	out, err := p.client.SendEarly(nil, data)
	must(t, err)
	p.server.wire = append(p.server.wire, out...)
}

func alpn(client, server []string) option {
	return func(c *config.ClientConfig, s *config.ServerConfig) { c.NextProtos, s.NextProtos = client, server }
}

// keep leaves the options of a first connection alone.
func keep(*config.ClientConfig, *config.ServerConfig) {}

func TestEarlyData(t *testing.T) {
	h2 := []string{"h2"}
	sha256, chacha := suites(iana.TLS_AES_128_GCM_SHA256), suites(iana.TLS_CHACHA20_POLY1305_SHA256)
	less := func(_ *config.ClientConfig, s *config.ServerConfig) { s.EarlyData = 999 }
	off := func(_ *config.ClientConfig, s *config.ServerConfig) { s.EarlyData, s.Guard = 0, nil }
	forget := func(_ *config.ClientConfig, s *config.ServerConfig) { s.Tickets = newShelf() }
	for _, c := range []struct {
		name          string
		first, second option
		guard         guard
		state         flow.EarlyState
		resumed       bool
		reason        string // of the server
	}{
		{"accepted", keep, keep, guard{say: session.Accepted}, flow.EarlyAccepted, true, ""},
		{"accepted with ALPN", alpn(h2, h2), alpn(h2, h2), guard{say: session.Accepted}, flow.EarlyAccepted, true, ""},
		{"accepted, mutual TLS", asks(t, config.RequireAndVerifyClientCert), asks(t, config.RequireAndVerifyClientCert), guard{say: session.Accepted}, flow.EarlyAccepted, true, ""},
		{"a replay", keep, keep, guard{say: session.HelloSeen}, flow.EarlyRejected, true, "It may be a replay: hello seen before."},
		{"the guard fails", keep, keep, guard{say: session.Accepted, err: errors.New("no answer")}, flow.EarlyRejected, true, "It may be a replay: the guard gave no answer."},
		{"off", keep, off, guard{say: session.Accepted}, flow.EarlyRejected, true, "This server takes none."},
		{"less than promised", keep, less, guard{say: session.Accepted}, flow.EarlyRejected, true, "The ticket allows more than this server takes now."},
		{"retried", keep, retry, guard{say: session.Accepted}, flow.EarlyRejected, true, "A HelloRetryRequest was needed."},
		{"retried, unknown ticket", keep, both(retry, forget), guard{say: session.Accepted}, flow.EarlyRejected, false, "No session is resumed."},
		{"unknown ticket", keep, forget, guard{say: session.Accepted}, flow.EarlyRejected, false, "No session is resumed."},
		{"another suite of its hash", chacha, both(suites(iana.TLS_AES_128_GCM_SHA256, iana.TLS_CHACHA20_POLY1305_SHA256)), guard{say: session.Accepted}, flow.EarlyRejected, true, "The session had another cipher suite, TLS_CHACHA20_POLY1305_SHA256."},
		{"its only suite", sha256, sha256, guard{say: session.Accepted}, flow.EarlyAccepted, true, ""},
		{"another protocol", alpn(h2, h2), alpn([]string{"h2", "spdy"}, []string{"spdy", "h2"}), guard{say: session.Accepted}, flow.EarlyRejected, true, "The session spoke another application protocol."},
	} {
		for _, chunk := range []int{0, 1} {
			t.Run(c.name, func(t *testing.T) {
				s, g := newShelf(), c.guard
				again(t, resumes(s), eager(&g), c.first)
				p := newPair(t, resumes(s), eager(&g), c.second)
				p.chunk = chunk
				said := p.listen()
				data := bytes.Repeat([]byte("early "), 100)
				p.sendEarly(t, data[:500])
				first, err := p.client.ExportEarlyKeyingMaterial("label", nil, 16)
				must(t, err)
				p.sendEarly(t, data[500:])
				p.connect(t)
				for _, s := range []*side{p.client, p.server} {
					got, err := s.ExportEarlyKeyingMaterial("label", nil, 16)
					if accepted := c.state == flow.EarlyAccepted; accepted != bytes.Equal(got, first) || accepted != (err == nil) || !accepted && !errors.Is(err, fault.ExportEarly) {
						t.Errorf("exported early: %x, the client at first %x; %v", got, first, err)
					}
				}
				client, server := p.client.Info().EarlyData, p.server.Info().EarlyData
				if client.State != c.state || server.State != c.state || server.Reason != c.reason {
					t.Fatalf("client %+v, server %+v; they said %+v", client, server, said.early)
				}
				want := []byte(nil)
				if c.state == flow.EarlyAccepted {
					want = data
				}
				if !bytes.Equal(p.server.got, want) || slices.Contains(said.messages, iana.EndOfEarlyData) != (c.state == flow.EarlyAccepted) {
					t.Errorf("got %d bytes early, want %d; messages %v", len(p.server.got), len(want), said.messages)
				}
				p.resumed(t, c.resumed, said)
				if p.server.skipping() {
					t.Error("still skips what it can't read")
				}
			})
		}
	}
}

// both joins options.
func both(list ...option) option {
	return func(c *config.ClientConfig, s *config.ServerConfig) {
		for _, o := range list {
			o(c, s)
		}
	}
}

// The guard is told what the hello says of itself.
func TestGuardIsAsked(t *testing.T) {
	s, g := newShelf(), &guard{say: session.Accepted}
	again(t, resumes(s), eager(g))
	p := newPair(t, resumes(s), eager(g), func(c *config.ClientConfig, _ *config.ServerConfig) {
		c.Time = func() time.Time { return birth.Add(3 * time.Second) }
	})
	p.sendEarly(t, []byte("x"))
	p.connect(t)
	if len(g.asked) != 1 {
		t.Fatalf("asked %d times", len(g.asked))
	}
	use, st := g.asked[0], s.states[1]
	if len(use.Binder) != 32 || use.Unique != st.Unique || !use.TicketIssued.Equal(birth) || use.Age != 3*time.Second || use.Lifetime != st.Lifetime {
		t.Errorf("%+v", use)
	}
}

// Early says which data came in 0-RTT, and before the handshake is complete.
func TestEarlyIsMarked(t *testing.T) {
	s, g := newShelf(), &guard{say: session.Accepted}
	again(t, resumes(s), eager(g))
	p := newPair(t, resumes(s), eager(g))
	p.sendEarly(t, []byte("early"))
	in := p.server.wire
	p.server.wire = nil
	for len(in) > 0 {
		n, data, err := p.server.Recv(in)
		must(t, err)
		if p.server.Early() != (len(data) > 0) || string(data) != "early" && len(data) > 0 {
			t.Errorf("%q, early %v", data, p.server.Early())
		}
		in = in[n:]
		p.answer(p.server)
	}
	if p.server.Connected() || p.server.Info().State != fault.WaitEOED {
		t.Errorf("the server is in %v", p.server.Info().State)
	}
	p.connect(t)
	send(t, p.client, p.server, []byte("late"))
	n, data, err := p.server.Recv(p.server.wire)
	if n == 0 || string(data) != "late" || err != nil || p.server.Early() {
		t.Errorf("%q, early %v, %v", data, p.server.Early(), err)
	}
}

// A server answers early data before the client has said another word, and nothing
// else.
func TestHalfRTT(t *testing.T) {
	s, g := newShelf(), &guard{say: session.Accepted}
	again(t, resumes(s), eager(g))
	p := newPair(t, resumes(s), eager(g))
	says := func(want *fault.Rule) {
		t.Helper()
		out, err := p.server.SendEarly(nil, []byte("answer"))
		if want == nil && err != nil || want != nil && !errors.Is(err, want) || (len(out) > 0) != (want == nil) {
			t.Fatalf("in %v: %d bytes, %v", p.server.Info().State, len(out), err)
		}
		p.client.wire = append(p.client.wire, out...)
	}
	says(fault.EarlyDataUnavailable)
	p.sendEarly(t, []byte("early"))
	for len(p.server.got) == 0 {
		p.step(t, p.server, p.client)
	}
	says(nil)
	if p.server.Connected() {
		t.Fatal("the handshake is complete")
	}
	p.connect(t)
	if string(p.client.got) != "answer" {
		t.Errorf("the client got %q", p.client.got)
	}
	says(fault.EarlyDataUnavailable)
	p.exchange(t, 1000)

	p = newPair(t, resumes(s), eager(&guard{say: session.HelloSeen}))
	p.sendEarly(t, []byte("early"))
	p.step(t, p.server, p.client)
	for p.server.Ask() != nil {
		p.answer(p.server)
	}
	says(fault.EarlyDataUnavailable) // it took none
}

// What can't go out in 0-RTT is refused as a whole, and nothing is sent.
func TestSendEarlyRefuses(t *testing.T) {
	s, g := newShelf(), &guard{say: session.Accepted}
	refuses := func(p *pair, n int, rule *fault.Rule, why string) {
		t.Helper()
		before := p.client.Pending()
		out, err := p.client.SendEarly([]byte("before"), make([]byte, n))
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || f.Rule != rule || why != "" && f.Got != why || string(out) != "before" || p.client.Pending() != before {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	p := newPair(t, resumes(s), eager(g))
	p.hello()
	refuses(p, 1, fault.EarlyDataUnavailable, "There is no session to resume.")
	p.connect(t)
	refuses(p, 1, fault.EarlyDataUnavailable, "")

	p = newPair(t, resumes(s), eager(g))
	p.hello()
	refuses(p, 1001, fault.EarlyDataTooLarge, "1001 bytes")
	p.sendEarly(t, make([]byte, 600))
	refuses(p, 401, fault.EarlyDataTooLarge, "401 bytes")
	p.sendEarly(t, make([]byte, 400))
	refuses(p, 1, fault.EarlyDataTooLarge, "1 bytes")
	p.connect(t)
	refuses(p, 1, fault.EarlyDataUnavailable, "")
	if len(p.server.got) != 1000 {
		t.Errorf("got %d bytes", len(p.server.got))
	}

	p = newPair(t, resumes(s), eager(g), func(c *config.ClientConfig, _ *config.ServerConfig) { c.EarlyData = false })
	p.hello()
	refuses(p, 1, fault.EarlyDataUnavailable, "")
	p.connect(t)

	p = newPair(t, resumes(s), eager(g))
	p.client.limit = 4 // records under one key
	p.hello()
	p.sendEarly(t, []byte("x"))
	p.sendEarly(t, []byte("x"))
	refuses(p, 1, fault.EarlyDataUnavailable, "the key has protected as much as it safely can")

	p = newPair(t, resumes(s), eager(g))
	p.hello()
	p.client.Close()
	refuses(p, 1, fault.WriteClosed, "")
}

// A client that goes on sending while the server answers is heard to the end.
func TestEarlyDataStreams(t *testing.T) {
	s, g := newShelf(), &guard{say: session.Accepted}
	again(t, resumes(s), eager(g))
	p := newPair(t, resumes(s), eager(g))
	p.sendEarly(t, []byte("one "))
	p.step(t, p.server, p.client)
	p.answer(p.server)
	p.step(t, p.server, p.client)
	p.sendEarly(t, []byte("two"))
	p.connect(t)
	if string(p.server.got) != "one two" {
		t.Errorf("got %q", p.server.got)
	}
}

// Nothing that was not early data may come under its keys, nor after its end.
func TestEarlyKeys(t *testing.T) {
	s, g := newShelf(), &guard{say: session.Accepted}
	again(t, resumes(s), eager(g))
	p := newPair(t, resumes(s), eager(g))
	p.hello()
	p.sendEarly(t, []byte("x"))
	inject(t, p.client, &wire.Finished{VerifyData: make([]byte, 32)})
	p.pump(t)
	refused(t, p.server, p.client, fault.UnexpectedMessage)
}
