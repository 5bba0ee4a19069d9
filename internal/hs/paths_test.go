package hs

import (
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// legalOrders is RFC 9846, Section 2 and Appendix A, written by hand: what each
// side receives from its start to CONNECTED. "answer" is the reply to an Ask:
// a signature for the server, a verdict for the client.
var legalOrders = map[fault.Role]string{
	fault.Client: `
		start, server_hello, encrypted_extensions, certificate, certificate_verify, answer, finished
		start, server_hello, encrypted_extensions, certificate_request, certificate, certificate_verify, answer, finished
		start, hello_retry_request, server_hello, encrypted_extensions, certificate, certificate_verify, answer, finished
		start, hello_retry_request, server_hello, encrypted_extensions, certificate_request, certificate, certificate_verify, answer, finished`,
	fault.Server: `
		client_hello, answer, finished
		client_hello, client_hello, answer, finished`,
}

// legalAfter is what may follow in CONNECTED, any number of times (RFC 9846,
// Section 4.7).
var legalAfter = map[fault.Role]string{
	fault.Client: "new_session_ticket, key_update",
	fault.Server: "key_update",
}

// A row is an edge of either role.
type row struct {
	from    fault.State
	on      trigger
	to      []fault.State
	handler string
}

func rows[M any](table []edge[M]) (all []row) {
	for _, e := range table {
		r := row{from: e.from, on: e.on}
		for s := fault.Start; s <= fault.Failed; s++ {
			if e.to.has(s) {
				r.to = append(r.to, s)
			}
		}
		name := runtime.FuncForPC(reflect.ValueOf(e.do).Pointer()).Name()
		r.handler = name[strings.LastIndexByte(name, '.')+1:]
		all = append(all, r)
	}
	return all
}

// tables are what NewClient and NewServer put together, and where they start.
func tables() map[fault.Role][]row {
	return map[fault.Role][]row{
		fault.Client: rows(slices.Concat(clientHellos, client13)),
		fault.Server: rows(slices.Concat(serverHellos, server13)),
	}
}

var starts = map[fault.Role]fault.State{fault.Client: fault.Start, fault.Server: fault.WaitCH}

// paths lists what is received on each way from s to CONNECTED. It stops at a
// state that is on the way already and reports it, for only CONNECTED may loop.
func paths(t *testing.T, table []row, s fault.State, way []string, seen []fault.State) (all []string) {
	if s == fault.Connected {
		return []string{strings.Join(way, ", ")}
	}
	if slices.Contains(seen, s) {
		t.Errorf("a handshake can come back to %v: %v", s, way)
		return nil
	}
	seen = append(slices.Clone(seen), s)
	for _, r := range table {
		if r.from != s {
			continue
		}
		for _, next := range r.to {
			all = append(all, paths(t, table, next, append(slices.Clone(way), r.on.String()), seen)...)
		}
	}
	return all
}

func TestPaths(t *testing.T) {
	for role, table := range tables() {
		var want []string
		for line := range strings.Lines(legalOrders[role]) {
			if line = strings.TrimSpace(line); line != "" {
				want = append(want, line)
			}
		}
		got := paths(t, table, starts[role], nil, nil)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%v: the table allows\n\t%s\nand the RFC\n\t%s", role, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
		}
		var after []string
		for _, r := range table {
			if r.from == fault.Connected {
				after = append(after, r.on.String())
				if !slices.Equal(r.to, []fault.State{fault.Connected}) {
					t.Errorf("%v: %v leads out of CONNECTED", role, r.on)
				}
			}
		}
		if got := strings.Join(after, ", "); got != legalAfter[role] {
			t.Errorf("%v: in CONNECTED the table allows %s; the RFC %s", role, got, legalAfter[role])
		}
	}
}

// odd are the handlers that are not named after their message.
var odd = map[string]string{
	"start": "begin", "answer of VERIFYING": "verified", "answer of SIGNING": "signed", "client_hello of WAIT_CH2": "secondClientHello",
}

// TestRows: no row hides another, none is out of reach, and a handler's name
// says which message it handles.
func TestRows(t *testing.T) {
	for role, table := range tables() {
		for i, r := range table {
			for _, other := range table[:i] {
				if other.from == r.from && other.on == r.on {
					t.Errorf("%v: two rows for %v in %v", role, r.on, r.from)
				}
				if other.handler == r.handler && other.on != r.on {
					t.Errorf("%v: %s handles %v and %v", role, r.handler, r.on, other.on)
				}
			}
			want, ok := odd[r.on.String()]
			if !ok {
				want, ok = odd[r.on.String()+" of "+r.from.String()]
			}
			if !ok {
				want = strings.ReplaceAll(r.on.String(), "_", "")
			}
			if !strings.EqualFold(r.handler, want) {
				t.Errorf("%v: %v in %v is handled by %s, want %s", role, r.on, r.from, r.handler, want)
			}
			if len(r.to) == 0 || slices.Contains(r.to, fault.Failed) {
				t.Errorf("%v: %v in %v leads to %v; only an error leads to FAILED", role, r.on, r.from, r.to)
			}
			if !slices.Contains(from(table, starts[role]), r.from) {
				t.Errorf("%v: nothing leads to %v", role, r.from)
			}
			for _, s := range r.to {
				if !slices.Contains(from(table, s), fault.Connected) {
					t.Errorf("%v: no way leads from %v to CONNECTED", role, s)
				}
			}
		}
	}
}

// from lists the states that can be reached from s, itself included.
func from(table []row, s fault.State) []fault.State {
	reached := []fault.State{s}
	for i := 0; i < len(reached); i++ {
		for _, r := range table {
			if r.from != reached[i] {
				continue
			}
			for _, next := range r.to {
				if !slices.Contains(reached, next) {
					reached = append(reached, next)
				}
			}
		}
	}
	return reached
}

// TestStates: every state of the catalogue belongs to a table, except FAILED.
func TestStates(t *testing.T) {
	for s := fault.Start; s < fault.Failed; s++ {
		used := false
		for role, table := range tables() {
			used = used || slices.Contains(from(table, starts[role]), s)
		}
		if !used {
			t.Errorf("no machine is ever in %v", s)
		}
	}
}

// TestTriggers: the names that errors use are the RFC's, and no trigger looks
// like a message.
func TestTriggers(t *testing.T) {
	for trg, want := range map[trigger]string{
		begin: "start", answer: "answer", retryHello: "hello_retry_request", trigger(iana.Finished): "finished",
	} {
		if trg.String() != want {
			t.Errorf("%v, want %s", trg, want)
		}
	}
	if begin <= 0xff {
		t.Error("a trigger has the number of a message")
	}
}
