package engine

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/wire"
)

var update = flag.Bool("update", false, "rewrite the .golden files")

// line is an event without what differs from run to run.
func line(ev *flow.Event) string {
	way := "received"
	if ev.Sent {
		way = "sent"
	}
	switch ev.Kind {
	case flow.State:
		return fmt.Sprintf("state    %v -> %v", ev.From, ev.To)
	case flow.Message:
		name := ev.Type.String()
		if ev.Retry {
			name = "hello_retry_request"
		}
		return fmt.Sprintf("message  %s %s, %s", way, name, keysOf(ev.Epoch))
	case flow.Choice:
		return fmt.Sprintf("choice   %s by the %v: %s", ev.Decision.What, ev.Decision.By, ev.Decision.Chosen)
	case flow.Key:
		return fmt.Sprintf("key      %s, %v", ev.Secret.Label, ev.Secret.Epoch)
	case flow.Record:
		return fmt.Sprintf("record   %s %v, %s", way, ev.Content, keysOf(ev.Epoch))
	case flow.Alert:
		return fmt.Sprintf("alert    %s %v, %s", way, ev.Alert, keysOf(ev.Epoch))
	case flow.Proof:
		return fmt.Sprintf("proof    %s of the %v", ev.Proven.What, ev.Proven.Of)
	case flow.Failure:
		return fmt.Sprintf("failure  %s", ev.Err.ID)
	}
	return fmt.Sprintf("unknown kind %d", ev.Kind)
}

func keysOf(e flow.Epoch) string {
	if e > flow.Application {
		return fmt.Sprintf("%v generation %d", e, e-flow.Application)
	}
	return e.String()
}

// What each side tells of a handshake with a HelloRetryRequest, a KeyUpdate,
// data and close_notify, in order. -update rewrites; read the difference before
// you keep it.
func TestEvents(t *testing.T) {
	p := newPair(t, retry)
	var told [2]bytes.Buffer
	for i, s := range []*side{p.client, p.server} {
		s.Watch(func(ev *flow.Event) {
			if ev.Role != s.role {
				t.Errorf("the %v tells as the %v: %s", s.role, ev.Role, line(ev))
			}
			fmt.Fprintln(&told[i], line(ev))
		})
	}
	p.connect(t).exchange(t, 10)
	must(t, p.client.KeyUpdate(true))
	p.pump(t)
	p.client.Close()
	p.pump(t)
	p.server.Close()
	p.pump(t)
	for i, path := range []string{"testdata/events_client.golden", "testdata/events_server.golden"} {
		if *update {
			must(t, os.WriteFile(path, told[i].Bytes(), 0o644))
		}
		want, err := os.ReadFile(path)
		must(t, err)
		if told[i].String() != string(want) {
			t.Errorf("%s: got\n%s", path, told[i].String())
		}
	}
}

// Each failure is told once, after the alert that it caused.
func TestFailureEvent(t *testing.T) {
	p := newPair(t)
	var told []string
	p.client.Watch(func(ev *flow.Event) { told = append(told, line(ev)) })
	p.server.Edit(func(m wire.Message) {
		if f, ok := m.(*wire.Finished); ok {
			f.VerifyData[0] ^= 1
		}
	})
	p.pump(t)
	refused(t, p.client, p.server, fault.FinishedWrong)
	end := strings.Join(told[len(told)-3:], "\n")
	want := "record   sent application_data, handshake\nalert    sent decrypt_error, handshake\nfailure  " + fault.FinishedWrong.ID
	if end != want || strings.Count(strings.Join(told, "\n"), "failure") != 1 {
		t.Errorf("the end of the story:\n%s", end)
	}
}

// No event and no error holds a secret, in whatever form it is printed.
func TestEventsHoldNoSecret(t *testing.T) {
	for _, c := range []struct {
		version option
		broken  bool
		secrets int // at least
	}{{retry, false, 9}, {retry, true, 9}, {old, false, 3}, {old, true, 2}} {
		broken := c.broken
		p := newPair(t, c.version)
		var told bytes.Buffer
		spy := keySpy{(*layer)(p.client.Engine), map[string]bool{}}
		p.client.options.Layer = spy
		for _, s := range []*side{p.client, p.server} {
			s.Watch(func(ev *flow.Event) {
				fmt.Fprintf(&told, "%+v %x %s", *ev, ev.Bytes, ev.Bytes)
				if ev.Decision != nil {
					fmt.Fprintf(&told, "%+v", *ev.Decision)
				}
				if ev.Secret != nil {
					fmt.Fprintf(&told, "%+v", *ev.Secret)
				}
				if ev.Proven != nil {
					fmt.Fprintf(&told, "%+v", *ev.Proven)
				}
				if ev.Err != nil {
					fmt.Fprintf(&told, "%+v %v", *ev.Err, ev.Err)
				}
			})
			s.Edit(func(m wire.Message) {
				if f, ok := m.(*wire.Finished); ok && broken && s == p.client {
					f.VerifyData[0] ^= 1
				}
			})
		}
		p.pump(t)
		if broken != errors.Is(p.server.err, fault.FinishedWrong) {
			t.Fatal(p.server.err)
		}
		if !broken && p.server.Info().Version == iana.TLS13 {
			must(t, p.server.KeyUpdate(true))
			p.pump(t)
		}
		secrets := 0
		for line := range strings.Lines(p.client.log.String()) {
			secrets++
			hidden(t, told.String(), strings.Fields(line)[2])
		}
		for k := range spy.keys {
			secrets++
			hidden(t, told.String(), strings.Fields(k)[2])
		}
		if secrets < c.secrets || told.Len() < 10_000 {
			t.Errorf("looked for %d secrets in %d bytes", secrets, told.Len())
		}
		// What is looked for would be found.
		random := p.client.Info().ClientRandom
		if !strings.Contains(told.String(), hex.EncodeToString(random[:])) {
			t.Error("not even the public random is found")
		}
	}
}

// hidden checks that text does not hold a secret as bytes, in hex or as a list
// of numbers.
func hidden(t *testing.T, text, secret string) {
	t.Helper()
	raw := unhex(t, secret)
	for _, form := range []string{secret, strings.ToUpper(secret), string(raw), strings.Trim(fmt.Sprint(raw), "[]")} {
		if strings.Contains(text, form) {
			t.Errorf("an event holds the secret %s", secret)
		}
	}
}

// Events cost nothing unless somebody watches, and a record costs no object.
func TestAllocations(t *testing.T) {
	shake := func(watch bool) float64 {
		return testing.AllocsPerRun(5, func() {
			p := newPair(t)
			if watch {
				p.client.Watch(func(*flow.Event) {})
				p.server.Watch(func(*flow.Event) {})
			}
			p.connect(t)
		})
	}
	if unwatched, watched := shake(false), shake(true); unwatched+20 > watched {
		t.Errorf("a handshake costs %.0f objects unwatched and %.0f watched", unwatched, watched)
	}

	p := newPair(t).connect(t)
	data, out := make([]byte, 1000), make([]byte, 0, 4096)
	n := testing.AllocsPerRun(100, func() {
		out, _ = p.client.Send(out[:0], data)
		if _, got, err := p.server.Recv(out); len(got) != len(data) || err != nil {
			t.Fatal(len(got), err)
		}
	})
	if n > 0 {
		t.Errorf("a record sent and received costs %.0f objects", n)
	}
	rec := make([]byte, 5)
	if n := testing.AllocsPerRun(100, func() {
		p.client.tellRecord(true, rec, flow.Application)
		p.client.tellAlert(true, 1, byte(iana.CloseNotify), flow.Application)
	}); n > 0 {
		t.Errorf("events that nobody hears cost %.0f objects", n)
	}
}
