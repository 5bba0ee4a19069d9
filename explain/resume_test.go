package explain_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/explain"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/internal/suite"
	"github.com/handclasp/handclasp/internal/wire"
	"github.com/handclasp/handclasp/session"
)

// An abbreviated is the events of an abbreviated handshake of TLS 1.2, as a client
// tells them (RFC 5246, Section 7.3).
type abbreviated struct {
	hello  wire.ClientHello
	answer wire.ServerHello
	ticket *wire.NewSessionTicket12
	chosen string // by the client: "session ID", "session ticket"
}

func newAbbreviated(chosen string) *abbreviated {
	id := slices.Repeat([]byte{9}, 32)
	a := &abbreviated{chosen: chosen,
		hello:  wire.ClientHello{LegacyVersion: iana.TLS12, SessionID: id, CipherSuites: wire.MakeList16(iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256), Compressions: wire.MakeList8(wire.CompressionNull)},
		answer: wire.ServerHello{LegacyVersion: iana.TLS12, SessionID: id, CipherSuite: iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256},
	}
	a.answer.Extensions.Add(iana.ExtExtendedMasterSecret)
	return a
}

func (a *abbreviated) run(t *testing.T) *explain.Story {
	t.Helper()
	r := explain.New(fault.Client, (&clock{t: birth}).now)
	say := func(sent bool, e flow.Epoch, m wire.Message) {
		msg, err := wire.Append(nil, m)
		check(t, err)
		r.Watch(&flow.Event{Kind: flow.Message, Type: m.Type(), Sent: sent, Bytes: msg, Epoch: e})
	}
	ccs := func(sent bool) {
		r.Watch(&flow.Event{Kind: flow.Record, Content: iana.ContentChangeCipherSpec, Size: 6, Sent: sent})
	}
	if a.chosen != "" {
		r.Watch(&flow.Event{Kind: flow.Choice, Decision: &flow.Decision{What: "session", By: fault.Client, Chosen: a.chosen, Reason: "It fits."}})
	}
	say(true, flow.Clear, &a.hello)
	say(false, flow.Clear, &a.answer)
	if slices.Equal(a.answer.SessionID, a.hello.SessionID) {
		id := a.answer.CipherSuite
		r.Watch(&flow.Event{Kind: flow.Choice, Decision: &flow.Decision{What: "session", By: fault.Server, Chosen: a.chosen, Reason: "The server took it."}})
		r.Watch(&flow.Event{Kind: flow.Key, Secret: &flow.Secret{Label: "master_secret", Derived: "session", Suite: id}})
		r.Watch(&flow.Event{Kind: flow.Key, Secret: &flow.Secret{Label: "client_write_key", Derived: "master_secret", Suite: id}})
		if a.ticket != nil {
			say(false, flow.Clear, a.ticket)
		}
		ccs(false)
		say(false, flow.Application, &wire.Finished{VerifyData: make([]byte, 12)})
		ccs(true)
		say(true, flow.Application, &wire.Finished{VerifyData: make([]byte, 12)})
		r.Watch(&flow.Event{Kind: flow.State, From: fault.WaitFinished, To: fault.Connected})
	}
	return r.Story()
}

// TestAbbreviated: the handshake that resumes a session of TLS 1.2.
func TestAbbreviated(t *testing.T) {
	byTicket := newAbbreviated("session ticket")
	byTicket.hello.Ticket = []byte("sealed")
	byTicket.hello.Extensions.Add(iana.ExtSessionTicket)
	byTicket.ticket = &wire.NewSessionTicket12{LifetimeHint: 300, Ticket: make([]byte, 9)}
	byTicket.answer.Extensions.Add(iana.ExtSessionTicket)
	refused := newAbbreviated("session ID")
	refused.answer.SessionID = make([]byte, 32)
	for _, x := range []struct {
		a       *abbreviated
		resumed bool
		want    []string
	}{
		{newAbbreviated("session ID"), true, []string{
			"It names an earlier session", "chooses session session ID", "the server takes up an earlier session", "the client's own", "it names the session that goes on",
			"the master secret is there already", "finds it under the session ID", "the randoms are new", "both randoms", "wants to see the client's Finished", "waited for one round trip only",
			"1 for TLS, one fewer than a full handshake", "key exchange none: the keys come from the master secret", "the key exchange; 1 round trip of 2",
			"forward secrecy NO: who gets hold of the session's master secret", "that it has the secret of the earlier session",
		}},
		{byTicket, true, []string{
			"a ticket of 6 bytes", "the client has made it up: a server that takes the ticket repeats it", "says that the ticket is taken", "finds it in the ticket",
			"ticket 9 bytes", "good for 5 minutes", "master secret above all",
		}},
		{refused, false, []string{"it does not take up the session that the client offers", "the server's name for this session"}},
	} {
		s := x.a.run(t)
		got := strings.ToLower(strings.Join(strings.Fields(text(t, s, explain.TextOptions{Width: 300})), " "))
		for _, want := range x.want {
			if !strings.Contains(got, strings.ToLower(want)) {
				t.Errorf("no %q in\n%s", want, got)
			}
		}
		sum := &s.Summary
		if sum.Resumed != x.resumed || sum.ForwardSecrecy || sum.RoundTripsTLS != 1 || x.resumed == strings.Contains(got, "both sides make fresh key shares") {
			t.Errorf("%+v\n%s", sum, got)
		}
		if strings.Contains(got, "ignores the ticket") || x.resumed && sum.KeyExchange != "" {
			t.Errorf("%+v\n%s", sum, got)
		}
	}
}

// TestSessionIDs: what a session ID is for depends on what comes with it.
func TestSessionIDs(t *testing.T) {
	const dummy, names = "In TLS 1.3 it stands for nothing", "It names an earlier session"
	for _, x := range []struct {
		chosen string
		modern bool
		want   string
	}{{"", true, dummy}, {"session ticket", true, dummy}, {"session ID", true, names}, {"", false, names}} {
		a := newAbbreviated(x.chosen)
		if x.modern {
			a.hello.Extensions.Add(iana.ExtSupportedVersions)
			a.hello.SupportedVersions = wire.MakeList16(iana.TLS13, iana.TLS12)
		}
		if got := text(t, a.run(t), explain.TextOptions{Width: 200}); !strings.Contains(got, x.want) {
			t.Errorf("%+v: no %q in\n%s", x, x.want, got)
		}
	}
}

// TestEmptyTicket: a server that promised a ticket may have none.
func TestEmptyTicket(t *testing.T) {
	got := told12(t, new(wire.NewSessionTicket12))
	if !strings.Contains(got, "This one is empty") || strings.Contains(got, "good for ") {
		t.Error(got)
	}
	if got := told12(t, &wire.NewSessionTicket12{Ticket: []byte{1}}); !strings.Contains(got, "does not say for how long") {
		t.Error(got)
	}
}

// TestManyKeys: a hello with tickets and external keys, of both hashes.
func TestManyKeys(t *testing.T) {
	h := &wire.ClientHello{LegacyVersion: iana.TLS12, CipherSuites: wire.MakeList16(iana.TLS_AES_128_GCM_SHA256), Compressions: wire.MakeList8(wire.CompressionNull),
		PSKModes:      wire.MakeList8(wire.PSKOnly),
		PSKIdentities: []wire.PSKIdentity{{Identity: make([]byte, 100), TicketAge: 4_000_000_000}, {Identity: []byte("key\x1b")}},
		PSKBinders:    [][]byte{make([]byte, 32), make([]byte, 48)}}
	h.Extensions.Add(iana.ExtPSKKeyExchangeModes, iana.ExtPreSharedKey)
	got := told(t, h)
	for _, want := range []string{
		"a ticket of 100 bytes, the external key \"key\\x1b\"", "ticket age 4,000,000,000 ", "32 bytes (HMAC with SHA-256), 48 bytes (HMAC with SHA-384)",
		"“res binder” or “ext binder”", "psk modes psk_ke", "only alone, without fresh key shares",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	tame(t, got)
}

// TestEarlyUnused: a server that accepts 0-RTT data which the client never sends saves
// it no round trip.
func TestEarlyUnused(t *testing.T) {
	p := newPair(t)
	p.eager(t, session.Accepted)
	p.early, p.server.EarlyData = nil, 100
	p.client.EarlyData = true
	sum := &p.run(t).Summary
	if !sum.EarlyAccepted || sum.EarlyBytes != 0 || sum.RoundTripsTLS != 1 || !strings.HasPrefix(sum.EarlyData, "accepted, but the client sent none. ") {
		t.Errorf("%+v", sum)
	}
}

// TestEarlyRecords: 0-RTT data has its records and its place whoever tells and
// whatever became of it, and is no part of the handshake's bytes.
func TestEarlyRecords(t *testing.T) {
	retry := func(p *pair) {
		p.first = func() { p.server.CurvePreferences = []iana.Group{iana.Secp384r1} }
	}
	for _, role := range []fault.Role{fault.Client, fault.Server} {
		for _, x := range []struct {
			name     string
			say      session.Refusal
			setup    func(*pair)
			accepted bool
			trips    int
		}{
			{"accepted", session.Accepted, func(*pair) {}, true, 0},
			{"replayed", session.HelloSeen, func(*pair) {}, false, 1},
			{"retried", session.Accepted, retry, false, 2},
		} {
			p := newPair(t)
			p.role = role
			p.eager(t, x.say)
			const size = 20_000 // in two records
			p.early, p.server.EarlyData = make([]byte, size), size
			x.setup(p)
			s := p.run(t)
			if s.Error != nil {
				t.Fatalf("%v, %s: %+v", role, x.name, s.Error)
			}
			sum := &s.Summary
			if sum.EarlyBytes != size || sum.EarlyAccepted != x.accepted || sum.RoundTripsTLS != x.trips || !sum.Resumed {
				t.Errorf("%v, %s: %+v", role, x.name, sum)
			}
			var order []string
			for _, step := range s.Steps {
				if step.Direction != "" && (step.Direction == explain.Sent) == (role == fault.Client) {
					order = append(order, step.Title)
				}
				if step.Kind == explain.KindData && (step.Size != size || step.Epoch != "early" || len(step.Records) == 0) {
					t.Errorf("%v, %s: %+v", role, x.name, step)
				}
			}
			data, last := slices.IndexFunc(order, func(s string) bool { return strings.HasPrefix(s, "0-RTT data") }), slices.Index(order, "Finished")
			if order[0] != "ClientHello" || data < 1 || data > last || x.accepted != slices.Contains(order, "EndOfEarlyData") {
				t.Errorf("%v, %s: %q", role, x.name, order)
			}
			bare := *s
			bare.Steps = slices.DeleteFunc(slices.Clone(s.Steps), func(step explain.Step) bool {
				return step.Kind == explain.KindData || step.Message == "new_session_ticket"
			})
			carried(t, &bare)
		}
	}
}

// TestHalf: a server's answer to 0-RTT data stands before the client's Finished.
func TestHalf(t *testing.T) {
	for _, role := range []fault.Role{fault.Client, fault.Server} {
		p := newPair(t)
		p.role = role
		p.eager(t, session.Accepted)
		p.reply = []byte("an answer")
		s := p.run(t)
		answer := slices.IndexFunc(s.Steps, func(step explain.Step) bool { return step.Title == "Application data" })
		last := slices.IndexFunc(s.Steps, func(step explain.Step) bool {
			return step.Message == "finished" && (step.Direction == explain.Sent) == (role == fault.Client)
		})
		if answer < 0 || s.Steps[answer].Size != len("an answer") || len(s.Steps[answer].Records) != 1 || (answer < last) != (role == fault.Server) {
			t.Fatalf("%v: step %d of %+v", role, answer, s.Steps)
		}
		if got := strings.Join(s.Steps[answer].Text, " "); strings.Contains(got, "0.5-RTT") != (role == fault.Server) {
			t.Error(got)
		}
		bare := *s
		bare.Steps = slices.DeleteFunc(slices.Clone(s.Steps), func(step explain.Step) bool {
			return step.Kind == explain.KindData || step.Message == "new_session_ticket"
		})
		carried(t, &bare)
	}
}

// TestResumed12: both sides tell of the abbreviated handshake with records for
// every step, by ID and by ticket.
func TestResumed12(t *testing.T) {
	for _, role := range []fault.Role{fault.Client, fault.Server} {
		for _, setup := range []func(*pair, testing.TB){(*pair).remember12, (*pair).remember} {
			p := newPair(t)
			p.role = role
			setup(p, t)
			p.only(iana.TLS12, iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)
			s := p.run(t)
			if sum := &s.Summary; !sum.Resumed || sum.RoundTripsTLS != 1 || sum.ForwardSecrecy || sum.Signatures != 0 || sum.Before.RoundTripsTLS != 2 || sum.Before.Signatures != 1 {
				t.Errorf("%v: %+v", role, sum)
			}
			carried(t, s)
		}
	}
}

// TestForwardSecrecyMeanwhile: a session of TLS 1.2 holds the connection's own master
// secret, so the server can open a recording until it forgets it; one of TLS 1.3 does
// not.
func TestForwardSecrecyMeanwhile(t *testing.T) {
	const ecdhe, rsa = iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, iana.TLS_RSA_WITH_AES_128_GCM_SHA256
	for _, c := range []struct {
		setup      func(*pair, testing.TB)
		version    iana.Version
		suite      iana.CipherSuite
		kept, said string
	}{
		{(*pair).remember, iana.TLS12, ecdhe, "ticket", "What could, until the server throws it away, is the key that seals its tickets"},
		{(*pair).remember12, iana.TLS12, ecdhe, "session ID", "What could, while the server keeps it to resume the session"},
		{func(*pair, testing.TB) {}, iana.TLS12, ecdhe, "", ""},
		{(*pair).remember, iana.TLS12, rsa, "ticket", ""},
		{(*pair).remember, iana.TLS13, iana.TLS_AES_128_GCM_SHA256, "", ""},
	} {
		for _, role := range []fault.Role{fault.Client, fault.Server} {
			p := newPair(t)
			p.role = role
			if c.setup(p, t); c.suite == rsa {
				p.withRSA(t)
			}
			p.first = nil // and only
			p.only(c.version, c.suite)
			s := p.run(t)
			var out strings.Builder
			check(t, s.WriteText(&out, explain.TextOptions{}))
			got := strings.Join(strings.Fields(out.String()), " ")
			if s.Summary.MasterSecretKept != c.kept || s.Summary.ForwardSecrecy != (c.suite != rsa) || strings.Contains(got, "What could,") != (c.said != "") || !strings.Contains(got, c.said) {
				t.Errorf("%v, %v: %+v\n%s", c.version, role, s.Summary, got)
			}
		}
	}
}

// TestLaterRecords: messages after the handshake share records as those in it do.
func TestLaterRecords(t *testing.T) {
	for _, role := range []fault.Role{fault.Client, fault.Server} {
		p := newPair(t)
		p.role = role
		p.asksLater(t, "client.example")
		var later []int
		for _, step := range p.run(t).Steps {
			if step.Direction == "" {
				continue
			}
			if len(step.Records) == 0 || step.Records[0].Padding > 0 {
				t.Errorf("%v: %s has records %+v", role, step.Title, step.Records)
			}
			if step.Epoch == "application" && (step.Direction == explain.Sent) == (role == fault.Client) {
				later = append(later, step.Records[0].Number)
			}
		}
		if len(later) != 3 || later[0] != later[2] {
			t.Errorf("%v: records %v", role, later)
		}
	}
}

// TestRenegotiated: another handshake on the connection has its own decisions, and
// travels under the keys that there are.
func TestRenegotiated(t *testing.T) {
	r := explain.New(fault.Client, (&clock{t: birth}).now)
	say := func(sent bool, e flow.Epoch, m wire.Message) {
		msg, err := wire.Append(nil, m)
		check(t, err)
		rec := &flow.Event{Kind: flow.Record, Content: iana.ContentHandshake, Sent: sent, Size: 5 + len(msg), Epoch: e}
		if e != flow.Clear {
			rec.Size += 24
		}
		if !sent {
			r.Watch(rec)
		}
		r.Watch(&flow.Event{Kind: flow.Message, Type: m.Type(), Sent: sent, Bytes: msg, Epoch: e})
		if sent {
			r.Watch(rec)
		}
	}
	for round, e := range []flow.Epoch{flow.Clear, flow.Application} {
		a := newAbbreviated("")
		a.hello.SessionID, a.answer.SessionID = nil, nil
		if round > 0 {
			say(false, e, new(wire.HelloRequest))
		} else {
			a.hello.Extensions.Add(iana.ExtSupportedVersions)
			a.hello.SupportedVersions = wire.MakeList16(iana.TLS13, iana.TLS12)
		}
		say(true, e, &a.hello)
		say(false, e, &a.answer)
		r.Watch(&flow.Event{Kind: flow.Choice, Decision: &flow.Decision{What: "version", By: fault.Server, Chosen: "TLS 1.2", Reason: []string{"In the beginning.", "Once more."}[round]}})
		r.Watch(&flow.Event{Kind: flow.Key, Secret: &flow.Secret{Label: "client_write_key", Derived: "master_secret", Suite: a.answer.CipherSuite}})
		for _, sent := range []bool{true, false} {
			r.Watch(&flow.Event{Kind: flow.Record, Content: iana.ContentChangeCipherSpec, Size: 6, Sent: sent, Epoch: e})
			say(sent, flow.Application, &wire.Finished{VerifyData: make([]byte, 12)})
		}
		r.Watch(&flow.Event{Kind: flow.State, From: fault.WaitFinished, To: fault.Connected})
	}
	s := r.Story()
	first, second := *s, *s
	i := slices.IndexFunc(s.Steps, func(step explain.Step) bool { return step.Message == "hello_request" })
	first.Steps, second.Steps = s.Steps[:i], s.Steps[i:]
	for _, x := range []struct {
		part     explain.Story
		has, not []string
	}{
		{first, []string{"In the beginning.", "readable for everybody", "The first message that the client encrypts", "after two round trips", "has offered TLS 1.3"}, []string{"Once more."}},
		{second, []string{"Once more.", "(renegotiation)", "with its new write key", "The first message of the client's under the new keys", "the renegotiation is complete", "encrypted with the client's write key"},
			[]string{"In the beginning.", "readable for everybody", "that the client encrypts", "readable for all", "another change means nothing", "has offered TLS 1.3"}},
	} {
		got := text(t, &x.part, explain.TextOptions{Width: 300})
		for _, want := range x.has {
			if !strings.Contains(got, want) {
				t.Errorf("no %q in\n%s", want, got)
			}
		}
		for _, bad := range x.not {
			if strings.Contains(got, bad) {
				t.Errorf("%q in\n%s", bad, got)
			}
		}
	}
	if s.Summary.RoundTripsTLS != 2 {
		t.Errorf("%+v", s.Summary)
	}
}

// TestSaved: without a story of the first connection nothing is counted.
func TestSaved(t *testing.T) {
	p := newPair(t)
	p.remember(t)
	p.rehearse(t)
	p.whole = nil
	s := p.run(t)
	if got := text(t, s, explain.TextOptions{Width: 200}); s.Summary.Before != nil || !strings.Contains(got, "saved            the certificate, and the proof that it is the server's; no round trip") {
		t.Error(got)
	}
	s = newPair(t).run(t)
	if got := text(t, s, explain.TextOptions{}); s.Summary.Resumed || s.Summary.Signatures != 1 || strings.Contains(got, "\n  saved ") {
		t.Error(got)
	}
}

// TestShapes: every suite's records are dissected as they are, in every version.
// The Finished of TLS 1.2 and below and the one of the client in TLS 1.3 are
// alone in theirs.
func TestShapes(t *testing.T) {
	rsa := []config.Certificate{certificate(t, pki.Leaf{Names: []string{"localhost"}, Key: pki.RSA2048})}
	ecdsa := []config.Certificate{certificate(t, pki.Leaf{Names: []string{"localhost"}, Key: pki.P256})}
	for _, v := range []iana.Version{iana.TLS10, iana.TLS11, iana.TLS12, iana.TLS13} {
		for _, x := range suite.ForVersion(v) {
			for _, outside := range []bool{false, true} {
				if outside && !x.CBC() {
					continue
				}
				p := newPair(t)
				p.only(v, x.ID)
				p.share()
				switch {
				case x.Auth == suite.RSA:
					p.server.Certificates = rsa
				case v < iana.TLS12:
					p.server.Certificates = ecdsa
				}
				if v == iana.TLS13 {
					p.client.PSKs = nil
				}
				if !outside {
					p.edit = func(m wire.Message) {
						if h, ok := m.(*wire.ClientHello); ok {
							h.Extensions.Remove(iana.ExtEncryptThenMAC)
						}
					}
				}
				s := p.run(t)
				if s.Error != nil {
					t.Errorf("%v, %v: %+v", v, x.ID, s.Error)
					continue
				}
				shaped(t, s, x, v, outside)
			}
		}
	}
}

func shaped(t *testing.T, s *explain.Story, x *suite.Suite, v iana.Version, outside bool) {
	t.Helper()
	seen := 0
	for _, step := range s.Steps {
		if step.Message != "finished" || v == iana.TLS13 && step.Direction == explain.Received {
			continue
		}
		seen++
		rec := step.Records[0]
		covers(t, make([]byte, rec.Size), rec.Fields)
		n := map[string]int{}
		var order []string
		for _, f := range rec.Fields[3:] {
			n[f.Name] = f.Len
			order = append(order, f.Name)
		}
		if n["content"] != step.Size {
			t.Errorf("%v, %v: content of %d bytes, want %d", v, x.ID, n["content"], step.Size)
		}
		if !x.CBC() {
			tag := 16
			if strings.HasSuffix(x.ID.String(), "_CCM_8") || strings.HasSuffix(x.ID.String(), "_CCM_8_SHA256") {
				tag = 8
			}
			if n["tag"] != tag || n["nonce_explicit"] != x.Explicit {
				t.Errorf("%v, %v: %v", v, x.ID, rec.Fields)
			}
			continue
		}
		block := n["content"] + n["padding"] + n["padding_length"]
		if !outside {
			block += n["MAC"]
		}
		if n["MAC"] != x.MAC.Size() || n["padding_length"] != 1 || n["padding"] >= x.IVLen || block%x.IVLen != 0 || (n["IV"] == x.IVLen) != (v > iana.TLS10) {
			t.Errorf("%v, %v: %v", v, x.ID, rec.Fields)
		}
		if last := order[len(order)-1]; outside != (last == "MAC") || *s.Summary.EncryptThenMAC != outside {
			t.Errorf("%v, %v: %q", v, x.ID, order)
		}
	}
	if want := map[bool]int{true: 1, false: 2}[v == iana.TLS13]; seen != want {
		t.Errorf("%v, %v: %d times Finished", v, x.ID, seen)
	}
}

// A failing is a store of sessions that does not work.
type failing struct{ session.ClientStore }

func (failing) Take(context.Context, string) (*session.Session, error) {
	return nil, errors.New("the disk is full")
}

// TestTrouble: what the connection does without is told, and it goes on.
func TestTrouble(t *testing.T) {
	p := newPair(t)
	p.remember(t)
	p.first, p.client.Sessions = nil, failing{p.client.Sessions}
	s := p.run(t)
	i := slices.IndexFunc(s.Steps, func(step explain.Step) bool { return step.Kind == explain.KindTrouble })
	if s.Error != nil || !s.Summary.Connected || i < 0 {
		t.Fatalf("%+v", s)
	}
	if step := &s.Steps[i]; step.Outcome != explain.Waived || step.Checks[0].Detail != "the disk is full" || step.Checks[0].Rule != "session-store" {
		t.Errorf("%+v", step)
	}
}

// TestMoments: every state has words.
func TestMoments(t *testing.T) {
	for s := fault.Start; s.String() != "UNKNOWN"; s++ {
		e := fault.UnexpectedMessage.New()
		e.Role, e.State = fault.Server, s
		if got := explain.Words(e, fault.Server).During; strings.HasSuffix(got, "part of the handshake") {
			t.Errorf("%v has no words", s)
		}
	}
}
