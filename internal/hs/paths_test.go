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

// A machine is a role in one version: its tables, and what the RFCs say of it,
// written by hand.
type machine struct {
	role    fault.Role
	version iana.Version
	table   []row

	// openings are the ways in which a handshake can begin, orders what the side
	// receives from there to CONNECTED (RFC 9846, Section 2 and Appendix A; RFC
	// 5246, Section 7.3; RFC 6066, Section 8). "answer" is the reply to an Ask: a
	// verdict on the peer; a signature of our own; before it a certificate if there
	// is a hook. The Asks of an opening have names of their own: see labels.
	openings, orders string
	early            string // orders with 0-RTT, as a whole
	resumed          string // likewise of a server that resumes below TLS 1.3

	// after is what may follow in CONNECTED and lead back to it, any number of
	// times (RFC 9846, Section 4.7); refused has a row there only to be refused by
	// name.
	after, refused string
	again          string // what may follow likewise, before any of the orders: a renegotiation
}

func machines() []*machine {
	return []*machine{{
		role: fault.Client, version: iana.TLS13,
		table: combine(rows(clientHellos), rows(client13), []fault.State{fault.WaitEE}),
		openings: `
			start
			start, session
			start, session, judged`,
		orders: `
			server_hello, encrypted_extensions, finished
			hello_retry_request, server_hello, encrypted_extensions, finished
			server_hello, encrypted_extensions, certificate, certificate_verify, answer, finished
			server_hello, encrypted_extensions, certificate_request, certificate, certificate_verify, answer, finished
			hello_retry_request, server_hello, encrypted_extensions, certificate, certificate_verify, answer, finished
			hello_retry_request, server_hello, encrypted_extensions, certificate_request, certificate, certificate_verify, answer, finished
			server_hello, encrypted_extensions, certificate_request, certificate, certificate_verify, answer, finished, answer
			server_hello, encrypted_extensions, certificate_request, certificate, certificate_verify, answer, finished, answer
			server_hello, encrypted_extensions, certificate_request, certificate, certificate_verify, answer, finished, answer, answer
			hello_retry_request, server_hello, encrypted_extensions, certificate_request, certificate, certificate_verify, answer, finished, answer
			hello_retry_request, server_hello, encrypted_extensions, certificate_request, certificate, certificate_verify, answer, finished, answer
			hello_retry_request, server_hello, encrypted_extensions, certificate_request, certificate, certificate_verify, answer, finished, answer, answer`, // a hook that has nothing to show, a signature, both
		after: `
			new_session_ticket
			key_update
			certificate_request
			certificate_request, answer
			certificate_request, answer
			certificate_request, answer, answer`, // a client without a certificate, a hook that has none, a signature, both
	}, {
		role: fault.Client, version: iana.TLS12,
		table: combine(rows(clientHellos), rows(client12), []fault.State{fault.WaitCert, fault.WaitPSKSKE, fault.WaitPSKSKESHD, fault.WaitNST, fault.WaitCCS}, fault.WaitSH2),
		openings: `
			start
			start, session
			start, session, judged`,
		orders: `
			server_hello, certificate, [certificate_status,] server_key_exchange, server_hello_done, answer, [new_session_ticket,] change_cipher_spec, finished
			server_hello, certificate, [certificate_status,] server_key_exchange, certificate_request, server_hello_done, answer, [answer,] [answer,] [new_session_ticket,] change_cipher_spec, finished
			server_hello, certificate, [certificate_status,] server_hello_done, answer, [new_session_ticket,] change_cipher_spec, finished
			server_hello, certificate, [certificate_status,] certificate_request, server_hello_done, answer, [answer,] [answer,] [new_session_ticket,] change_cipher_spec, finished
			server_hello, [server_key_exchange,] server_hello_done, [new_session_ticket,] change_cipher_spec, finished
			server_hello, [new_session_ticket,] change_cipher_spec, finished`, // (EC)DHE; RSA and RSA_PSK; without a certificate; resumed
		again: "hello_request, ready, ",
		after: `
			hello_request`, // unanswered
	}, {
		role: fault.Server, version: iana.TLS13,
		table: combine(rows(serverHellos), rows(server13), []fault.State{fault.Signing, fault.WaitFinished, fault.Guarding}),
		openings: `
			client_hello
			client_hello, hook
			client_hello, tickets
			client_hello, hook, tickets
			client_hello, tickets, judged
			client_hello, hook, tickets, judged`,
		orders: `
			finished
			client_hello, finished
			answer, finished
			client_hello, answer, finished
			answer, certificate, answer, finished
			client_hello, answer, certificate, answer, finished
			answer, certificate, certificate_verify, answer, finished
			client_hello, answer, certificate, certificate_verify, answer, finished`, // an empty Certificate, and one that is proved
		early: "client_hello, [hook,] tickets, [judged,] guarded, [end_of_early_data,] finished",
		after: `
			key_update
			certificate, answer, finished
			certificate, certificate_verify, answer, finished`,
	}, {
		role: fault.Server, version: iana.TLS12,
		table: combine(rows(serverHellos), rows(server12), []fault.State{fault.Signing, fault.WaitCert, fault.WaitCKE, fault.Renewing, fault.WaitCCS}, fault.WaitCH2),
		openings: `
			client_hello
			client_hello, hook
			client_hello, tickets
			client_hello, hook, tickets
			client_hello, tickets, judged
			client_hello, hook, tickets, judged`,
		orders: `
			[answer,] client_key_exchange, [answer,] change_cipher_spec, finished[, kept]
			[answer,] certificate, client_key_exchange, [answer,] answer, change_cipher_spec, finished[, kept]
			[answer,] certificate, client_key_exchange, [answer,] certificate_verify, answer, change_cipher_spec, finished[, kept]`, // a signature, a decryption
		resumed: "client_hello, [hook,] tickets, [judged,] [renewed,] change_cipher_spec, finished[, kept]",
		refused: "client_hello",
	}}
}

// whole are the openings, each with each of the orders.
func (m *machine) whole() (list []string) {
	for opening := range strings.Lines(m.openings) {
		for order := range strings.Lines(m.orders) {
			if opening, order = strings.TrimSpace(opening), strings.TrimSpace(order); opening != "" && order != "" {
				list = append(list, variants(opening+", "+order)...)
			}
		}
	}
	for _, order := range []string{m.early, m.resumed} {
		if order != "" {
			list = append(list, variants(order)...)
		}
	}
	return list
}

// labels are the names of answers in an opening.
var labels = map[fault.State]string{
	fault.Recalling: "session", fault.Judging: "judged", fault.Choosing: "hook", fault.Resuming: "tickets",
	fault.Guarding: "guarded", fault.Keeping: "kept", fault.Renewing: "renewed", fault.Renegotiating: "ready",
}

// combine puts the rows of the hellos before those of a version, whose first
// states are entries. Absent is a state of the hellos that the version has not.
func combine(hellos, version []row, entries []fault.State, absent ...fault.State) (all []row) {
	for _, r := range hellos {
		r.to = slices.DeleteFunc(r.to, func(s fault.State) bool {
			return slices.Contains(absent, s) || !slices.Contains(entries, s) && !startsIn(hellos, s)
		})
		if len(r.to) > 0 && !slices.Contains(absent, r.from) {
			all = append(all, r)
		}
	}
	return append(all, version...)
}

func startsIn(table []row, s fault.State) bool {
	return slices.ContainsFunc(table, func(r row) bool { return r.from == s })
}

func (m *machine) String() string { return m.version.String() + " " + m.role.String() }

// start is the state in which the machine is made.
func (m *machine) start() fault.State { return m.table[0].from }

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

// paths lists what is received on each way from s to CONNECTED. It stops at a
// state that is on the way already and reports it, for only CONNECTED may loop.
func paths(t *testing.T, table []row, s fault.State, way []string, seen []fault.State) (all []string) {
	if s == fault.Connected {
		if unasked(way) {
			return nil
		}
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
		on := r.on.String()
		if r.on == answer && labels[s] != "" {
			on = labels[s]
		}
		for _, next := range r.to {
			all = append(all, paths(t, table, next, append(slices.Clone(way), on), seen)...)
		}
	}
	return all
}

// unasked: a client has its own certificate chosen and signed only if there was
// a certificate_request. The table can't tell, since all states between are the
// same; TestUnasked shows it.
func unasked(way []string) bool {
	answers, verdicts := 0, 0
	if slices.Contains(way, "certificate") {
		verdicts = 1
	}
	for _, on := range way {
		if on == "answer" {
			answers++
		}
	}
	return (way[0] == "start" || way[0] == "hello_request") && answers > verdicts && !slices.Contains(way, "certificate_request")
}

func TestPaths(t *testing.T) {
	for _, m := range machines() {
		want := m.whole()
		got := paths(t, m.table, m.start(), nil, nil)
		slices.Sort(got)
		slices.Sort(want)
		got, want = slices.Compact(got), slices.Compact(want) // several states may take the same messages
		if !slices.Equal(got, want) {
			t.Errorf("%v: the table allows\n\t%s\nand the RFC\n\t%s", m, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
		}
		var after, refused []string
		for _, r := range m.table {
			switch {
			case r.from != fault.Connected:
			case len(r.to) == 0:
				refused = append(refused, r.on.String())
			default:
				for _, next := range r.to {
					after = append(after, paths(t, m.table, next, []string{r.on.String()}, nil)...)
				}
			}
		}
		allowed := lines(m.after)
		if m.again != "" {
			for _, order := range lines(m.orders) {
				allowed = append(allowed, m.again+order)
			}
		}
		slices.Sort(after)
		slices.Sort(allowed)
		after, allowed = slices.Compact(after), slices.Compact(allowed)
		if !slices.Equal(after, allowed) {
			t.Errorf("%v: in CONNECTED the table allows\n\t%s\nand the RFC\n\t%s", m, strings.Join(after, "\n\t"), strings.Join(allowed, "\n\t"))
		}
		if got := strings.Join(refused, ", "); got != m.refused {
			t.Errorf("%v: in CONNECTED the table refuses %q by name, want %q", m, got, m.refused)
		}
	}
}

// TestMeanings: each state of a table says what it is for, and no two say the same.
func TestMeanings(t *testing.T) {
	said := map[string]fault.State{}
	for _, m := range machines() {
		for _, r := range m.table {
			for _, s := range append(r.to, r.from, fault.Failed) {
				text := s.Meaning()
				if other, ok := said[text]; !strings.HasSuffix(text, ".") || ok && other != s {
					t.Errorf("%v means %q; %v means the same", s, text, other)
				}
				said[text] = s
			}
		}
	}
	if len(said) != int(fault.Failed)+1 {
		t.Errorf("%d of %d states stand in a table", len(said), fault.Failed+1)
	}
}

// variants gives an order with and without each of its [parts].
func variants(order string) []string {
	before, rest, found := strings.Cut(order, "[")
	if !found {
		return []string{order}
	}
	part, after, _ := strings.Cut(rest, "]")
	return append(variants(before+part+after), variants(before+strings.TrimPrefix(after, " "))...)
}

// lines are those of s that hold something.
func lines(s string) (all []string) {
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, variants(line)...)
		}
	}
	return all
}

// TestEntries: the hellos lead to each other and to the first states of the
// versions, and nowhere else.
func TestEntries(t *testing.T) {
	for _, c := range []struct {
		hellos []row
		entry  []fault.State
	}{
		{rows(clientHellos), []fault.State{fault.WaitEE, fault.WaitCert, fault.WaitPSKSKE, fault.WaitPSKSKESHD, fault.WaitNST, fault.WaitCCS}},
		{rows(serverHellos), []fault.State{fault.Signing, fault.WaitFinished, fault.Guarding, fault.WaitCert, fault.WaitCKE, fault.Renewing, fault.WaitCCS}},
	} {
		for _, r := range c.hellos {
			for _, s := range r.to {
				if !startsIn(c.hellos, s) && !slices.Contains(c.entry, s) {
					t.Errorf("%v in %v leads to %v", r.on, r.from, s)
				}
			}
		}
	}
}

// odd are the handlers that are not named after their message.
var odd = map[string]string{
	"start": "begin", "answer of VERIFYING": "verified", "answer of SIGNING": "signed", "answer of CHOOSING": "chosen",
	"answer of RECALLING": "recalled", "answer of RESUMING": "resumed", "answer of JUDGING": "rejudged", "answer of GUARDING": "weighed",
	"answer of CHOOSING_CERT": "chosen", "answer of DECRYPTING": "decrypted", "answer of KEEPING": "kept", "answer of RENEWING": "kept", "answer of RENEGOTIATING": "renegotiate", "answer of DECRYPTING_CV": "decrypted",
	"server_hello_done of WAIT_PSK_SKE_SHD": "pskHelloDone", "server_hello_done of WAIT_PSK_SHD": "pskHelloDone",
	"answer of POST_CHOOSING_CERT": "chosen", "answer of POST_SIGNING": "signedLater",
	"answer of POST_VERIFYING": "verifiedLater", "certificate_request of CONNECTED": "laterRequest",
	"certificate of CONNECTED": "laterCertificate", "certificate_verify of POST_WAIT_CV": "laterCertificateVerify",
	"finished of POST_WAIT_FINISHED": "laterFinished",
	"client_hello of WAIT_CH2":       "secondClientHello", "client_hello of CONNECTED": "renegotiation",
}

// TestRows: no row hides another, none is out of reach, and a handler's name
// says which message it handles.
func TestRows(t *testing.T) {
	for _, m := range machines() {
		for i, r := range m.table {
			for _, other := range m.table[:i] {
				if other.from == r.from && other.on == r.on {
					t.Errorf("%v: two rows for %v in %v", m, r.on, r.from)
				}
				if other.handler == r.handler && other.on != r.on {
					t.Errorf("%v: %s handles %v and %v", m, r.handler, r.on, other.on)
				}
			}
			want, ok := odd[r.on.String()]
			if !ok {
				want, ok = odd[r.on.String()+" of "+r.from.String()]
			}
			if !ok {
				want = strings.ReplaceAll(r.on.String(), "_", "")
			}
			if !strings.EqualFold(strings.TrimSuffix(r.handler, "12"), want) {
				t.Errorf("%v: %v in %v is handled by %s, want %s", m, r.on, r.from, r.handler, want)
			}
			if slices.Contains(r.to, fault.Failed) {
				t.Errorf("%v: %v in %v leads to FAILED, to which only an error leads", m, r.on, r.from)
			}
			if !slices.Contains(from(m.table, m.start()), r.from) {
				t.Errorf("%v: nothing leads to %v", m, r.from)
			}
			for _, s := range r.to {
				if !slices.Contains(from(m.table, s), fault.Connected) {
					t.Errorf("%v: no way leads from %v to CONNECTED", m, s)
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
		for _, m := range machines() {
			used = used || slices.Contains(from(m.table, m.start()), s)
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
		begin: "start", answer: "answer", retryHello: "hello_retry_request",
		changeCipherSpec: "change_cipher_spec", trigger(iana.Finished): "finished",
	} {
		if trg.String() != want {
			t.Errorf("%v, want %s", trg, want)
		}
	}
	if begin <= 0xff {
		t.Error("a trigger has the number of a message")
	}
}
