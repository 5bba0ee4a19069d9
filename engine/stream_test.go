package engine

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/internal/record"
	"github.com/handclasp/handclasp/internal/wire"
)

// generation is how often the side has changed its write and its read keys.
func (s *side) generation() (write, read flow.Epoch) {
	return s.outEpoch - flow.Application, s.inEpoch - flow.Application
}

// expect checks the generations of both sides' write keys, as each knows them.
func (p *pair) expect(t *testing.T, client, server flow.Epoch) {
	t.Helper()
	cw, cr := p.client.generation()
	sw, sr := p.server.generation()
	if cw != client || sr != client || sw != server || cr != server {
		t.Errorf("the client writes with generation %d, read as %d, want %d; the server %d, read as %d, want %d", cw, sr, client, sw, cr, server)
	}
}

func TestKeyUpdate(t *testing.T) {
	for _, u := range defaults(iana.TLS13) {
		p := newPair(t, func(c *config.ClientConfig, _ *config.ServerConfig) { c.CipherSuites = []iana.CipherSuite{u.ID} }).connect(t)
		steps := []struct {
			name           string
			do             func()
			client, server flow.Epoch
		}{
			{"by the client", func() { must(t, p.client.KeyUpdate(false)) }, 1, 0},
			{"by the server", func() { must(t, p.server.KeyUpdate(false)) }, 1, 1},
			{"both, by the client", func() { must(t, p.client.KeyUpdate(true)) }, 2, 2},
			{"both, by the server", func() { must(t, p.server.KeyUpdate(true)) }, 3, 3},
			{"crossing, not requested", func() { must(t, p.client.KeyUpdate(false)); must(t, p.server.KeyUpdate(false)) }, 4, 4},
			{"crossing, both requested", func() { must(t, p.client.KeyUpdate(true)); must(t, p.server.KeyUpdate(true)) }, 6, 6},
		}
		for _, s := range steps {
			t.Run(u.ID.String()+"/"+s.name, func(t *testing.T) {
				s.do()
				p.pump(t)
				p.expect(t, s.client, s.server)
				p.exchange(t, 1000)
			})
		}
	}
}

// All that a client says from its Finished to its close_notify may arrive in one
// piece.
func TestOnePiece(t *testing.T) {
	p := newPair(t)
	for !p.client.Connected() {
		p.step(t, p.client, p.server)
		if !p.client.Connected() {
			p.step(t, p.server, p.client)
		}
	}
	out := p.client.Output(nil)
	for _, part := range []string{"one", "two", "three"} {
		var err error
		out, err = p.client.Send(out, []byte(part))
		must(t, err)
		must(t, p.client.KeyUpdate(part == "two"))
	}
	p.client.Close()
	p.server.wire = append(p.server.wire, p.client.Output(out)...)
	p.pump(t)
	if string(p.server.got) != "onetwothree" || !p.server.closed() {
		t.Errorf("got %q, %v", p.server.got, p.server.err)
	}
	p.expect(t, 3, 1)
}

// A side that is silent answers many requests with one KeyUpdate, and one that
// waits for an answer asks no second time (RFC 9846, Section 4.7.3).
func TestKeyUpdateAnsweredOnce(t *testing.T) {
	p := newPair(t).connect(t)
	for range 5 {
		inject(t, p.client, &wire.KeyUpdate{Request: wire.UpdateRequested})
		p.client.mu.Lock()
		p.client.sealFlight()
		e := p.client
		next := e.outSuite.Hash.NextTraffic(e.outSecret.get())
		e.outEpoch++
		e.outSecret.set(next)
		must(t, e.outSuite.Install(&e.out, next, 0))
		p.client.unlock()
	}
	p.server.in = p.client.Output(nil)
	p.server.hear(t)
	if !p.server.Pending() {
		t.Error("the server owes an answer and Pending does not say so")
	}
	p.pump(t)
	p.expect(t, 5, 1)
	p.exchange(t, 100)

	asked := 0
	p.client.Watch(func(ev *flow.Event) {
		if ev.Type == iana.KeyUpdate && !ev.Sent && wire.KeyUpdateRequest(ev.Bytes[wire.HeaderLen]) == wire.UpdateRequested {
			asked++
		}
	})
	for range 3 {
		must(t, p.server.KeyUpdate(true))
	}
	p.pump(t)
	if asked != 1 {
		t.Errorf("the server asked %d times before it was answered", asked)
	}
	p.expect(t, 6, 4) // three of the server's own, one answer of the client
	must(t, p.server.KeyUpdate(true))
	p.pump(t)
	p.expect(t, 7, 5)
	if asked != 2 {
		t.Error("the server was answered and does not ask again")
	}
	p.exchange(t, 100)
}

// Send puts the answer to a KeyUpdate before the data, under the old keys.
func TestSendFlushesAnswer(t *testing.T) {
	p := newPair(t).connect(t)
	must(t, p.client.KeyUpdate(true))
	p.server.in = p.client.Output(nil)
	p.server.hear(t)
	send(t, p.server, p.client, []byte("after the answer"))
	p.pump(t)
	if string(p.client.got) != "after the answer" {
		t.Errorf("got %q, %v", p.client.got, p.client.err)
	}
	p.expect(t, 1, 1)
}

func TestKeyUpdateFlood(t *testing.T) {
	p := newPair(t).connect(t)
	for range limits.KeyUpdates {
		must(t, p.client.KeyUpdate(false))
	}
	p.exchange(t, 1) // data between makes up for them
	for range limits.KeyUpdates + 1 {
		must(t, p.client.KeyUpdate(false))
	}
	p.pump(t)
	refused(t, p.server, p.client, fault.KeyUpdateFlood)
}

// Before a key has protected as many records as it may, the sender changes it
// by itself (RFC 9846, Section 5.5).
func TestAutomaticKeyUpdate(t *testing.T) {
	for _, c := range []struct {
		limit, each uint32 // records in all, and before the key is changed
	}{{64, 56}, {16, 8}, {2, 1}} {
		p := newPair(t, long)
		p.client.limit = c.limit
		p.connect(t)
		const data = 100
		p.exchange(t, data*record.MaxPlaintext)
		if write, _ := p.client.generation(); write != flow.Epoch((data-1)/c.each) {
			t.Errorf("limit %d: %d records went out under %d further keys, want %d", c.limit, data, write, (data-1)/c.each)
		}
		if write, _ := p.server.generation(); write != 0 {
			t.Errorf("limit %d: the server changed its keys %d times without a reason", c.limit, write)
		}
		p.client.Close() // there is room for it under any key
		p.pump(t)
		if !p.server.closed() {
			t.Errorf("limit %d: the server sees %v", c.limit, p.server.err)
		}
	}
}

func TestHalfClose(t *testing.T) {
	for _, clientFirst := range []bool{true, false} {
		p := newPair(t).connect(t)
		first, second := p.server, p.client
		if clientFirst {
			first, second = p.client, p.server
		}
		first.Close()
		first.Close() // once is enough
		p.pump(t)
		if !second.closed() || first.PeerClosed() {
			t.Fatalf("after the first close: %v, %v", second.err, first.err)
		}
		if _, err := first.Send(nil, []byte("x")); !errors.Is(err, fault.WriteClosed) {
			t.Errorf("Send after Close: %v", err)
		}
		if err := first.KeyUpdate(false); !errors.Is(err, fault.WriteClosed) {
			t.Errorf("KeyUpdate after Close: %v", err)
		}
		if n, _, err := second.Recv([]byte{23, 3, 3, 0, 1, 0}); n != 0 || err != io.EOF {
			t.Errorf("Recv after the peer's close_notify: %d, %v", n, err)
		}
		// The other direction is still open, KeyUpdates included; a request
		// can't be answered any more.
		must(t, second.KeyUpdate(true))
		send(t, second, first, []byte("the rest"))
		second.Close()
		p.pump(t)
		if string(first.got) != "the rest" || !first.closed() {
			t.Errorf("half-closed: got %q, %v", first.got, first.err)
		}
		if first.Pending() || len(first.Output(nil)) > 0 {
			t.Error("spoke after close_notify")
		}
	}
}

// What the peer says after its close_notify is never looked at.
func TestDataAfterClose(t *testing.T) {
	p := newPair(t).connect(t)
	p.client.Close()
	p.pump(t)
	injectRecord(p.client, iana.ContentApplicationData, []byte("late"))
	p.pump(t)
	if len(p.server.got) > 0 || !p.server.closed() {
		t.Errorf("got %q, %v", p.server.got, p.server.err)
	}
}

func TestAlerts(t *testing.T) {
	const warning, fatal, odd = 1, 2, 99
	for _, c := range []struct {
		name   string
		alerts [][]byte
		want   error // io.EOF, a rule, or nil: the connection goes on
	}{
		{"close_notify", [][]byte{{warning, 0}}, io.EOF},
		{"close_notify as fatal", [][]byte{{fatal, 0}}, io.EOF},
		{"close_notify with an odd level", [][]byte{{odd, 0}}, io.EOF},
		{"user_canceled", [][]byte{{warning, byte(iana.UserCanceled)}}, nil},
		{"user_canceled as fatal", [][]byte{{fatal, byte(iana.UserCanceled)}}, nil},
		{"user_canceled, then close_notify", [][]byte{{warning, byte(iana.UserCanceled)}, {warning, 0}}, io.EOF},
		{"an error", [][]byte{{fatal, byte(iana.InternalError)}}, fault.AlertReceived},
		{"an error as warning", [][]byte{{warning, byte(iana.InternalError)}}, fault.AlertReceived},
		{"an unknown alert", [][]byte{{warning, 200}}, fault.AlertReceived},
		{"half an alert", [][]byte{{warning}}, fault.AlertMalformed},
		{"two alerts in one record", [][]byte{{warning, byte(iana.UserCanceled), warning, 0}}, fault.AlertMalformed},
		{"five times user_canceled", [][]byte{{1, 90}, {1, 90}, {1, 90}, {1, 90}, {1, 90}}, fault.Flood},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair(t).connect(t)
			for _, a := range c.alerts {
				injectRecord(p.client, iana.ContentAlert, a)
			}
			p.pump(t)
			switch {
			case c.want == nil:
				p.exchange(t, 10)
			case !errors.Is(p.server.err, c.want):
				t.Errorf("got %v, want %v", p.server.err, c.want)
			}
			if c.want == fault.AlertReceived && len(records(p.server.Output(nil))) > 0 {
				t.Error("an alert was answered with one")
			}
		})
	}
}

// A client that does not resume ignores tickets (RFC 9846, Section 4.7.1), but
// reads them, and a server never takes one.
func TestNewSessionTicket(t *testing.T) {
	ticket := &wire.NewSessionTicket{Lifetime: 7200, AgeAdd: 1, Nonce: []byte{0}, Ticket: []byte("ticket")}
	ticket.Extensions.Present = true
	p := newPair(t).connect(t)
	inject(t, p.server, ticket)
	inject(t, p.server, ticket)
	p.pump(t)
	msg, err := wire.Append(nil, ticket)
	must(t, err)
	for i := range msg {
		injectRecord(p.server, iana.ContentHandshake, msg[i:i+1])
	}
	p.exchange(t, 10)
	if p.client.Pending() || p.client.Err() != nil {
		t.Errorf("the client answers a ticket, or fails: %v", p.client.Err())
	}
	inject(t, p.client, ticket)
	p.pump(t)
	refused(t, p.server, p.client, fault.UnexpectedMessage)

	p = newPair(t).connect(t)
	(*layer)(p.server.Engine).WriteMessage([]byte{byte(iana.NewSessionTicket), 0, 0, 1, 0})
	p.pump(t)
	refused(t, p.client, p.server, fault.WireTruncated)
}

// Tickets without end, and without data between, are a flood.
func TestTicketFlood(t *testing.T) {
	ticket := &wire.NewSessionTicket{Lifetime: 7200, AgeAdd: 1, Nonce: []byte{0}, Ticket: []byte("ticket")}
	ticket.Extensions.Present = true
	p := newPair(t).connect(t)
	for range 3 {
		for range limits.PostMessages {
			inject(t, p.server, ticket)
		}
		p.exchange(t, 1)
	}
	for range limits.PostMessages + 1 {
		inject(t, p.server, ticket)
	}
	p.pump(t)
	refused(t, p.client, p.server, fault.Flood)
}

func TestOutOfOrderCalls(t *testing.T) {
	p := newPair(t)
	for _, s := range []*side{p.client, p.server} {
		if err := s.CanSend(); !errors.Is(err, fault.NotConnected) {
			t.Errorf("CanSend before CONNECTED: %v", err)
		}
		if out, err := s.Send([]byte("dst"), []byte("x")); !errors.Is(err, fault.NotConnected) || string(out) != "dst" {
			t.Errorf("Send before CONNECTED: %q, %v", out, err)
		}
		if err := s.KeyUpdate(true); !errors.Is(err, fault.NotConnected) {
			t.Errorf("KeyUpdate before CONNECTED: %v", err)
		}
		if _, err := s.ExportKeyingMaterial("label", nil, 32); !errors.Is(err, fault.NotConnected) {
			t.Errorf("ExportKeyingMaterial before CONNECTED: %v", err)
		}
	}
	p.connect(t).exchange(t, 1)
}

// Send appends to what it is given, cuts at 2^14 bytes and sends no empty record.
func TestSendRecords(t *testing.T) {
	p := newPair(t, long).connect(t)
	for size, want := range map[int]int{0: 0, 1: 1, record.MaxPlaintext: 1, record.MaxPlaintext + 1: 2} {
		out, err := p.client.Send([]byte("dst"), make([]byte, size))
		must(t, err)
		rest, ok := bytes.CutPrefix(out, []byte("dst"))
		if n := len(records(rest)); !ok || n != want {
			t.Errorf("%d bytes: %d records, want %d", size, n, want)
		}
	}
}

// Recv decrypts in place: what it gives lies in what it got.
func TestRecvAliases(t *testing.T) {
	p := newPair(t).connect(t)
	in, err := p.client.Send(nil, []byte("data"))
	must(t, err)
	_, data, err := p.server.Recv(in)
	must(t, err)
	if string(data) != "data" || &data[0] != &in[record.HeaderLen] {
		t.Errorf("got %q, elsewhere", data)
	}
}

func TestEmptyRecords(t *testing.T) {
	p := newPair(t, noCompat).connect(t) // a ChangeCipherSpec counts as an empty record
	for range 3 {
		for range limits.EmptyRecords {
			injectRecord(p.client, iana.ContentApplicationData, nil)
		}
		p.exchange(t, 1)
	}
	for range limits.EmptyRecords + 1 {
		injectRecord(p.client, iana.ContentApplicationData, nil)
	}
	p.pump(t)
	refused(t, p.server, p.client, fault.Flood)
}

// Nothing stands between the pieces of a message, nor behind one that changes
// the keys (RFC 9846, Section 5.1).
func TestInterleaved(t *testing.T) {
	update := []byte{byte(iana.KeyUpdate), 0, 0, 1, 0}
	p := newPair(t).connect(t)
	injectRecord(p.client, iana.ContentHandshake, update[:2])
	injectRecord(p.client, iana.ContentApplicationData, []byte("x"))
	p.pump(t)
	refused(t, p.server, p.client, fault.RecordInterleaved)

	p = newPair(t).connect(t)
	injectRecord(p.client, iana.ContentHandshake, append(update, update[:1]...))
	p.pump(t)
	if !errors.Is(p.server.err, fault.MessageAcrossKeys) {
		t.Errorf("got %v, want %s", p.server.err, fault.MessageAcrossKeys.ID)
	}
}

// A peer that has said what it had to say, and goes on in the same record, is
// refused, whether we can go on at once or have to ask first: what it says would
// pass for an answer to what it has not seen.
func TestMessageExcess(t *testing.T) {
	hook := func(_ *config.ClientConfig, s *config.ServerConfig) {
		s.GetConfigForClient = func(*config.HelloInfo) (*config.ServerConfig, error) { return nil, nil }
	}
	old := func(c *config.ClientConfig, _ *config.ServerConfig) { c.MaxVersion = iana.TLS12 }
	retried := func(c *config.ClientConfig, s *config.ServerConfig) {
		c.KeyShares, s.CurvePreferences = []iana.Group{}, []iana.Group{iana.X25519}
	}
	for name, c := range map[string]struct {
		options []option
		want    *fault.Rule
	}{
		"1.3":                  {nil, fault.MessageAcrossKeys},
		"1.3, with a hook":     {[]option{hook}, fault.MessageAcrossKeys},
		"1.3, a retry":         {[]option{retried}, fault.MessageExcess},
		"1.3, a retry, a hook": {[]option{retried, hook}, fault.MessageExcess},
		"1.2":                  {[]option{old}, fault.MessageExcess},
		"1.2, with a hook":     {[]option{old, hook}, fault.MessageExcess},
	} {
		for _, more := range [][]byte{{byte(iana.Finished)}, {byte(iana.ClientKeyExchange), 0, 0, 1, 0}} {
			p := newPair(t, c.options...)
			hello := append(p.client.Output(nil), more...)
			n := len(hello) - record.HeaderLen
			hello[3], hello[4] = byte(n>>8), byte(n)
			p.server.wire = hello
			p.step(t, p.server, p.client)
			p.pump(t)
			if !errors.Is(p.server.err, c.want) {
				t.Errorf("%s, %d bytes more: %v, want %s", name, len(more), p.server.err, c.want.ID)
			}
		}
	}
}

// Nothing stands behind the Finished of TLS 1.2 either.
func TestExcessBehindFinished(t *testing.T) {
	for _, finisher := range []fault.Role{fault.Client, fault.Server} {
		p := newPair(t, func(c *config.ClientConfig, _ *config.ServerConfig) { c.MaxVersion = iana.TLS12 })
		from, to := p.client, p.server
		if finisher == fault.Server {
			from, to = to, from
		}
		from.Edit(func(m wire.Message) {
			if _, ok := m.(*wire.Finished); ok {
				from.options.Layer = trailer{(*layer)(from.Engine)}
			}
		})
		p.pump(t)
		if !errors.Is(to.err, fault.MessageExcess) {
			t.Errorf("behind the %v's: %v", finisher, to.err)
		}
	}
}

// A trailer puts a byte of handshake data behind each message.
type trailer struct{ *layer }

func (l trailer) WriteMessage(msg []byte) { l.layer.WriteMessage(append(msg, 0)) }

func TestExporters(t *testing.T) {
	for _, u := range defaults(iana.TLS13) {
		p := newPair(t, func(c *config.ClientConfig, _ *config.ServerConfig) { c.CipherSuites = []iana.CipherSuite{u.ID} }).connect(t)
		seen := map[string]bool{}
		for _, c := range []struct {
			label, context string
			length         int
		}{{"EXPORTER-a", "", 32}, {"EXPORTER-b", "", 32}, {"EXPORTER-a", "context", 32}, {"EXPORTER-a", "", 33}, {"EXPORTER-a", "", 255 * u.Hash.Size()}} {
			a, err := p.client.ExportKeyingMaterial(c.label, []byte(c.context), c.length)
			must(t, err)
			b, err := p.server.ExportKeyingMaterial(c.label, []byte(c.context), c.length)
			must(t, err)
			if !bytes.Equal(a, b) || len(a) != c.length || seen[string(a[:32])] {
				t.Errorf("%v %v: %x and %x", u.ID, c, a[:32], b[:32])
			}
			seen[string(a[:32])] = true
		}
		must(t, p.client.KeyUpdate(true))
		p.pump(t)
		if again, err := p.server.ExportKeyingMaterial("EXPORTER-a", nil, 32); err != nil || !seen[string(again)] {
			t.Errorf("after a KeyUpdate the exporter gives something else, or %v", err)
		}
		if _, err := p.client.ExportKeyingMaterial("EXPORTER-a", nil, 255*u.Hash.Size()+1); !errors.Is(err, fault.ExportLength) {
			t.Errorf("too long: %v", err)
		}
		if _, err := p.client.ExportKeyingMaterial(strings.Repeat("x", 250), nil, 32); !errors.Is(err, fault.ExportLabel) {
			t.Errorf("a label that is too long: %v", err)
		}
	}
}

// The key logs of both sides are the same five lines.
func TestKeyLog(t *testing.T) {
	for name, options := range map[string][]option{"direct": nil, "retried": {retry}, "stateless": {retry, cookieKey(1)}} {
		p := newPair(t, options...).connect(t)
		must(t, p.client.KeyUpdate(true)) // gives no line: the secrets follow from the first
		p.pump(t)
		client, server := p.client.log.String(), p.server.log.String()
		if client != server || bytes.Count([]byte(client), []byte("\n")) != 5 {
			t.Errorf("%s:\nclient\n%s\nserver\n%s", name, client, server)
		}
	}
}

// An answer that comes after the connection has failed changes nothing.
func TestLateAnswer(t *testing.T) {
	p := newPair(t, func(_ *config.ClientConfig, s *config.ServerConfig) {
		s.Certificates = []config.Certificate{certificate(t, pki.Ed25519)}
	})
	p.server.in = p.client.Output(nil)
	p.server.hear(t)
	ask := p.server.Ask()
	if ask == nil {
		t.Fatal("the server asks for no signature")
	}
	if n, _, err := p.server.Recv([]byte{23, 3, 3, 0, 1, 0}); n != 0 || err != nil {
		t.Errorf("Recv with an open Ask took %d bytes, %v", n, err)
	}
	p.server.Output(nil)
	failed := p.server.Fail(fault.PeerSilent.New())
	if p.server.Ask() != nil {
		t.Error("a failed engine still asks")
	}
	ask.(*flow.SignAsk).Reply([]byte("signature"), nil)
	if out := p.server.Output(nil); len(out) > 0 {
		t.Errorf("the answer made a failed engine speak: %v", records(out))
	}
	if p.server.Err() != failed {
		t.Errorf("the error became %v", p.server.Err())
	}
}

// A refusal and a broken key end the handshake with their own errors.
func TestRefusedAnswers(t *testing.T) {
	p := newPair(t)
	p.server.in = p.client.Output(nil)
	p.server.hear(t)
	p.server.Ask().(*flow.SignAsk).Reply(nil, errors.New("the token is unplugged"))
	p.pump(t)
	refused(t, p.server, p.client, fault.SignFailed)

	p = newPair(t)
	for p.client.Ask() == nil {
		p.step(t, p.client, p.server)
		if p.client.Ask() == nil {
			p.step(t, p.server, p.client)
		}
	}
	p.client.Ask().(*flow.VerifyAsk).Reply(nil, fault.CertExpired.New())
	p.client.err = p.client.Err()
	p.pump(t)
	refused(t, p.client, p.server, fault.CertExpired)
}
