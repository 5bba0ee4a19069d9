package explain_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/engine"
	"github.com/handclasp/handclasp/explain"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/internal/wire"
	"github.com/handclasp/handclasp/session"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Ed25519 throughout makes every size the same on each run, and the clock every
// time.
var stories = []struct {
	name  string
	setup func(t *testing.T, p *pair)
}{
	{"plain", func(*testing.T, *pair) {}},
	{"stranger", func(_ *testing.T, p *pair) { p.alone = true }},
	{"retry", func(_ *testing.T, p *pair) { p.server.CurvePreferences = []iana.Group{iana.Secp384r1} }},
	{"retry-stranger", func(_ *testing.T, p *pair) {
		p.alone = true
		p.server.CurvePreferences = []iana.Group{iana.Secp384r1}
	}},
	{"served", func(_ *testing.T, p *pair) { p.role = fault.Server }},
	{"insecure", func(t *testing.T, p *pair) {
		p.client.InsecureSkipVerify = true
		p.server.Certificates = []config.Certificate{certificate(t, pki.Leaf{Names: []string{"other.example"}, Key: pki.Ed25519})}
	}},
	{"wrong-name", func(t *testing.T, p *pair) {
		p.server.Certificates = []config.Certificate{certificate(t, pki.Leaf{Names: []string{"other.example"}, Key: pki.Ed25519})}
	}},
	{"no-common-suite", func(_ *testing.T, p *pair) {
		p.client.CipherSuites = []iana.CipherSuite{iana.TLS_AES_128_GCM_SHA256}
		p.server.CipherSuites = []iana.CipherSuite{iana.TLS_AES_256_GCM_SHA384}
	}},
	{"alert-from-stranger", func(_ *testing.T, p *pair) {
		p.alone = true
		p.server.NextProtos = []string{"imap"}
	}},
	{"many-names", func(t *testing.T, p *pair) { // its Certificate stretches over two records
		names := make([]string, 1200)
		for i := range names {
			names[i] = fmt.Sprintf("host-%04d.example", i)
		}
		p.server.Certificates = []config.Certificate{certificate(t, pki.Leaf{Names: append(names, "localhost"), Key: pki.Ed25519})}
	}},
	{"foreign-hello", func(_ *testing.T, p *pair) {
		p.role = fault.Server
		p.edit = func(m wire.Message) {
			if h, ok := m.(*wire.ClientHello); ok {
				h.Extensions.AddRaw(0x2a2a, nil)
				h.Extensions.Add(iana.ExtEncryptThenMAC, iana.ExtRecordSizeLimit)
				h.RecordSizeLimit = 16385
				h.Extensions.AddRaw(0xabcd, []byte("private"))
			}
		}
	}},
	{"unsolicited", func(_ *testing.T, p *pair) {
		p.alone = true
		p.editBack = func(m wire.Message) {
			if ee, ok := m.(*wire.EncryptedExtensions); ok {
				ee.Extensions.Add(iana.ExtEarlyData)
			}
		}
	}},
	{"tls12", func(_ *testing.T, p *pair) { p.server.MaxVersion = iana.TLS12 }},
	{"tls12-served", func(_ *testing.T, p *pair) {
		p.role = fault.Server
		p.client.MaxVersion = iana.TLS12
	}},
	{"tls12-staple", func(t *testing.T, p *pair) {
		p.server.MaxVersion = iana.TLS12
		p.staple(t)
	}},
	{"tls12-no-ems", func(_ *testing.T, p *pair) { // nor renegotiation_info: a server of old
		p.server.MaxVersion = iana.TLS12
		p.edit = func(m wire.Message) {
			if h, ok := m.(*wire.ClientHello); ok {
				h.Extensions.Remove(iana.ExtExtendedMasterSecret)
				h.Extensions.Remove(iana.ExtRenegotiationInfo)
			}
		}
	}},
	{"tls12-forged", func(_ *testing.T, p *pair) {
		p.alone = true
		p.server.MaxVersion = iana.TLS12
		p.editBack = func(m wire.Message) {
			if x, ok := m.(*wire.ServerKeyExchange); ok {
				x.Signature[0] ^= 1
			}
		}
	}},
	{"tls12-no-common-suite", func(_ *testing.T, p *pair) {
		p.client.MaxVersion = iana.TLS12
		p.client.CipherSuites = []iana.CipherSuite{iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
	}},
	{"mutual", func(t *testing.T, p *pair) { p.mutual(t, config.RequireAndVerifyClientCert, "client.example") }},
	{"mutual-served", func(t *testing.T, p *pair) {
		p.role = fault.Server
		p.mutual(t, config.RequireAndVerifyClientCert, "client.example")
	}},
	{"mutual-any", func(t *testing.T, p *pair) { // and which is none that the server trusts
		p.role = fault.Server
		p.mutual(t, config.RequireAnyClientCert, "client.example")
		p.server.ClientCAs = x509.NewCertPool()
	}},
	{"mutual-none", func(t *testing.T, p *pair) { p.mutual(t, config.RequestClientCert, "") }},
	{"mutual-refused", func(t *testing.T, p *pair) { // which the client learns late
		p.alone = true
		p.mutual(t, config.RequireAndVerifyClientCert, "")
	}},
	{"mutual-refused-served", func(t *testing.T, p *pair) {
		p.role = fault.Server
		p.mutual(t, config.RequireAndVerifyClientCert, "")
	}},
	{"mutual-later", func(t *testing.T, p *pair) { p.asksLater(t, "client.example") }},
	{"mutual-later-none", func(t *testing.T, p *pair) { p.asksLater(t, "") }},
	{"mutual-later-served", func(t *testing.T, p *pair) {
		p.role = fault.Server
		p.asksLater(t, "client.example")
	}},
	{"tls12-mutual", func(t *testing.T, p *pair) {
		p.client.MaxVersion = iana.TLS12
		p.mutual(t, config.RequireAndVerifyClientCert, "client.example")
	}},
	{"tls12-mutual-served", func(t *testing.T, p *pair) {
		p.role, p.client.MaxVersion = fault.Server, iana.TLS12
		p.mutual(t, config.RequireAndVerifyClientCert, "client.example")
	}},
	{"tls12-mutual-refused", func(t *testing.T, p *pair) {
		p.alone, p.client.MaxVersion = true, iana.TLS12
		p.mutual(t, config.RequireAndVerifyClientCert, "")
	}},
	{"tls10", func(t *testing.T, p *pair) {
		p.only(iana.TLS10, iana.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA)
		p.withRSA(t)
	}},
	{"tls11-no-etm", func(t *testing.T, p *pair) {
		p.only(iana.TLS11, iana.TLS_RSA_WITH_AES_256_CBC_SHA)
		p.withRSA(t)
		p.edit = func(m wire.Message) {
			if h, ok := m.(*wire.ClientHello); ok {
				h.Extensions.Remove(iana.ExtEncryptThenMAC)
			}
		}
	}},
	{"rsa", func(t *testing.T, p *pair) {
		p.only(iana.TLS12, iana.TLS_RSA_WITH_AES_128_GCM_SHA256)
		p.withRSA(t)
	}},
	{"dhe", func(t *testing.T, p *pair) {
		p.only(iana.TLS12, iana.TLS_DHE_RSA_WITH_AES_128_GCM_SHA256)
		p.withRSA(t)
	}},
	{"tls12-psk", func(_ *testing.T, p *pair) {
		p.only(iana.TLS12, iana.TLS_PSK_WITH_AES_128_GCM_SHA256)
		p.share()
	}},
	{"tls12-ecdhe-psk", func(_ *testing.T, p *pair) {
		p.only(iana.TLS12, iana.TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256)
		p.share()
	}},
	{"tls12-rsa-psk", func(t *testing.T, p *pair) {
		p.only(iana.TLS12, iana.TLS_RSA_PSK_WITH_AES_128_GCM_SHA256)
		p.withRSA(t)
		p.share()
	}},
	{"psk", func(_ *testing.T, p *pair) { p.share() }},
	{"psk-alone", func(_ *testing.T, p *pair) {
		p.share()
		p.client.AllowPSKWithoutDHE, p.server.AllowPSKWithoutDHE = true, true
		p.server.CurvePreferences, p.client.CurvePreferences = []iana.Group{iana.Secp384r1}, []iana.Group{iana.X25519}
	}},
	{"psk-unknown", func(_ *testing.T, p *pair) {
		p.share()
		p.server.PSKs = nil
	}},
	{"resumed", func(t *testing.T, p *pair) { p.remember(t) }},
	{"resumed-served", func(t *testing.T, p *pair) {
		p.role = fault.Server
		p.remember(t)
	}},
	{"resumed-retry", func(t *testing.T, p *pair) {
		p.remember(t)
		p.first = func() { p.server.CurvePreferences = []iana.Group{iana.Secp384r1} }
	}},
	{"resumed-not", func(t *testing.T, p *pair) {
		p.remember(t)
		p.first = func() { p.server.Tickets = nil }
	}},
	{"resumed-mutual", func(t *testing.T, p *pair) {
		p.remember(t)
		p.mutual(t, config.RequireAndVerifyClientCert, "client.example")
	}},
	{"tls12-resumed-id", func(t *testing.T, p *pair) { p.remember12(t) }},
	{"tls12-resumed-id-served", func(t *testing.T, p *pair) {
		p.role = fault.Server
		p.remember12(t)
	}},
	{"tls12-resumed-ticket", func(t *testing.T, p *pair) {
		p.remember(t)
		p.only(iana.TLS12, iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)
	}},
	{"tls12-resumed-not", func(t *testing.T, p *pair) {
		p.remember(t)
		p.only(iana.TLS12, iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)
		p.first = func() { p.server.Tickets = nil }
	}},
	{"early", func(t *testing.T, p *pair) { p.eager(t, session.Accepted) }},
	{"early-served", func(t *testing.T, p *pair) {
		p.role = fault.Server
		p.eager(t, session.Accepted)
	}},
	{"early-replayed", func(t *testing.T, p *pair) { p.eager(t, session.HelloSeen) }},
	{"early-replayed-served", func(t *testing.T, p *pair) {
		p.role = fault.Server
		p.eager(t, session.HelloSeen)
	}},
	{"early-retry", func(t *testing.T, p *pair) {
		p.eager(t, session.Accepted)
		p.first = func() { p.server.CurvePreferences = []iana.Group{iana.Secp384r1} }
	}},
	{"early-retry-served", func(t *testing.T, p *pair) {
		p.role = fault.Server
		p.eager(t, session.Accepted)
		p.first = func() { p.server.CurvePreferences = []iana.Group{iana.Secp384r1} }
	}},
	{"early-stranger", func(t *testing.T, p *pair) {
		p.alone = true
		p.eager(t, session.TicketUsed)
	}},
	{"afterwards", func(_ *testing.T, p *pair) {
		p.after = func(c, s *engine.Engine) {
			s.KeyUpdate(true)
			s.Close()
			c.Close()
		}
	}},
}

func TestText(t *testing.T) {
	for _, x := range stories {
		t.Run(x.name, func(t *testing.T) {
			p := newPair(t)
			x.setup(t, p)
			s := p.run(t)
			golden(t, x.name+".txt", text(t, s, explain.TextOptions{}))
		})
	}
}

// TestWidth: no line is longer than the page.
func TestWidth(t *testing.T) {
	p := newPair(t)
	p.keyLog = true
	p.before = func(r *explain.Recorder, _ *clock) { r.Preamble("postgres", mail, 0, nil) }
	s := p.run(t)
	for _, width := range []int{1, 40, 45, 63, 64, 72, 100, 200} {
		for _, l := range strings.Split(text(t, s, explain.TextOptions{Width: width, Bytes: true}), "\n") {
			if n := len([]rune(l)); n > max(width, 40) {
				t.Errorf("width %d: %d columns: %s", width, n, l)
			}
		}
	}
}

// TestConcurrent is for the race detector: a story may be asked for at any time.
func TestConcurrent(t *testing.T) {
	r := explain.New(fault.Client, (&clock{t: birth}).now)
	w := r.KeyLog(nil)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for range 100 {
				r.Watch(&flow.Event{Kind: flow.State, From: fault.Connected, To: fault.Connected})
				r.Watch(&flow.Event{Kind: flow.Record, Content: iana.ContentApplicationData, Size: 100, Epoch: flow.Application})
				w.Write([]byte("LABEL 00 00\n"))
				r.Server(&flow.Event{Kind: flow.Choice, Decision: &flow.Decision{What: "group"}})
				check(t, r.Story().WriteText(io.Discard, explain.TextOptions{}))
			}
			r.Done(io.ErrUnexpectedEOF)
		})
	}
	wg.Wait()
}

func TestJSON(t *testing.T) {
	s := newPair(t).run(t)
	b, err := s.WithoutBytes().JSON()
	check(t, err)
	random := regexp.MustCompile(`"(serial|sha256)": "[0-9a-f]+"`)
	golden(t, "plain.json", string(random.ReplaceAll(b, []byte(`"$1": "…"`))))

	full, err := s.JSON()
	check(t, err)
	var back explain.Story
	check(t, json.Unmarshal(full, &back))
	again, err := back.JSON()
	check(t, err)
	if !bytes.Equal(full, again) {
		t.Error("the JSON does not survive being read and written")
	}
	if len(back.Steps[2].Bytes) != back.Steps[2].Size || len(back.Steps[2].Fields) == 0 {
		t.Error("the full JSON has no bytes")
	}
}

// TestNoSecrets: values of keys stand in a story only if a key log was asked
// for, and in no event ever.
func TestNoSecrets(t *testing.T) {
	for _, asked := range []bool{false, true} {
		p := newPair(t)
		p.keyLog = asked
		s := p.run(t)
		n := 0
		for _, step := range s.Steps {
			for _, k := range step.Keys {
				if len(k.Value) > 0 {
					n++
				}
			}
		}
		if want := map[bool]int{true: 5}[asked]; n != want {
			t.Errorf("key log %v: %d values, want %d", asked, n, want)
		}
		if shown := strings.Contains(text(t, s, explain.TextOptions{}), "value "); shown != asked {
			t.Errorf("key log %v: the text shows values: %v", asked, shown)
		}
		if strings.Contains(strings.Join(p.events, "\n"), `"value"`) {
			t.Error("an event holds a secret")
		}
	}
}

func TestKeyLogPassesOn(t *testing.T) {
	var log bytes.Buffer
	w := explain.New(fault.Client, time.Now).KeyLog(&log)
	for _, l := range []string{"LABEL 00 0102\n", "not a line\n", "LABEL 00 xx\n"} {
		n, err := w.Write([]byte(l))
		if n != len(l) || err != nil {
			t.Errorf("%q: %d, %v", l, n, err)
		}
	}
	if !strings.HasPrefix(log.String(), "LABEL 00 0102\nnot") {
		t.Errorf("got %q", &log)
	}
}

// TestRecords: the story's records carry all messages, and what it says of them
// fits what crossed the wire.
func TestRecords(t *testing.T) { carried(t, newPair(t).run(t)) }

func carried(t *testing.T, s *explain.Story) {
	t.Helper()
	total := map[string]int{}
	seen := map[int]bool{}
	for _, step := range s.Steps {
		if step.Direction == "" {
			continue
		}
		if len(step.Records) == 0 {
			t.Errorf("%s has no record", step.Title)
		}
		for _, r := range step.Records {
			key := r.Number
			if step.Direction == explain.Sent {
				key = -key
			}
			dissected(t, &r)
			if !seen[key] {
				total[step.Direction] += r.Size
			}
			seen[key] = true
		}
	}
	if total[explain.Sent] != s.Summary.Sent || total[explain.Received] != s.Summary.Received {
		t.Errorf("records hold %v, the summary counts %d and %d", total, s.Summary.Sent, s.Summary.Received)
	}
}

// dissected checks that a record has a header that fits it, and every byte one
// field.
func dissected(t testing.TB, r *explain.Record) {
	t.Helper()
	if len(r.Header) != 5 || int(r.Header[3])<<8|int(r.Header[4]) != r.Size-5 {
		t.Errorf("header %x of a record of %d bytes", []byte(r.Header), r.Size)
	}
	covers(t, make([]byte, r.Size), r.Fields)
}

// TestOrder: ChangeCipherSpec stands where it stands on the wire, and time never
// runs back.
func TestOrder(t *testing.T) {
	for _, role := range []fault.Role{fault.Client, fault.Server} {
		p := newPair(t)
		p.role = role
		got := onWire(t, p.run(t))
		want := []string{"ClientHello", "ServerHello", "ChangeCipherSpec", "EncryptedExtensions", "Certificate",
			"CertificateVerify", "Finished", "ChangeCipherSpec", "Finished"}
		if !slices.Equal(got, want) {
			t.Errorf("%v: got %q", role, got)
		}
	}
}

// onWire are the titles of what was sent and received, in order.
func onWire(t *testing.T, s *explain.Story) (titles []string) {
	t.Helper()
	at := int64(0)
	for i, step := range s.Steps {
		if step.Number != i+1 || step.At < at {
			t.Errorf("step %d: number %d at %d after %d", i+1, step.Number, step.At, at)
		}
		at = step.At
		if step.Direction != "" {
			titles = append(titles, step.Title)
		}
	}
	return titles
}

func TestUnreachable(t *testing.T) {
	refused := errors.New("dial tcp 192.0.2.1:443: connection \x1b[31mrefused")
	tests := []struct {
		name string
		do   func(r *explain.Recorder)
		want []string
	}{
		{"dns", func(r *explain.Recorder) { r.Resolved("nowhere.example", nil, time.Millisecond, refused) }, []string{"DNS has no address", "✗"}},
		{"tcp", func(r *explain.Recorder) {
			r.Connecting("192.0.2.1:443")
			r.Unreachable("192.0.2.1:443", time.Second, refused)
		}, []string{"No TCP connection came about", "reaching the server"}},
	}
	for _, x := range tests {
		r := explain.New(fault.Client, (&clock{t: birth}).now)
		x.do(r)
		r.Done(refused)
		r.Done(refused) // told once
		s := r.Story()
		if len(s.Steps) != 2 || s.Error == nil || s.Error.Fault != "network" || s.Summary.Connected {
			t.Errorf("%s: %+v", x.name, s)
		}
		out := text(t, s, explain.TextOptions{})
		for _, want := range append(x.want, `\x1b[31mrefused`) {
			if !strings.Contains(out, want) {
				t.Errorf("%s: no %q in\n%s", x.name, want, out)
			}
		}
	}
}

// TestMalformed: a message of the server's that does not parse is told with all
// its bytes.
func TestMalformed(t *testing.T) {
	p := newPair(t)
	p.alone = true
	p.mangle = func(b []byte) []byte {
		if len(b) > 50 && b[0] == 22 {
			b[5+4+2+32] = 33 // legacy_session_id_echo is at most 32 bytes long
		}
		return b
	}
	s := p.run(t)
	if s.Error == nil || s.Error.Rule != "wire-length" || s.Error.Fault != "peer" || s.Error.Step == 0 {
		t.Fatalf("error %+v", s.Error)
	}
	step := s.Steps[s.Error.Step-1]
	if step.Title != "ServerHello" || step.Outcome != explain.Broken {
		t.Errorf("blamed step is %s, %s", step.Title, step.Outcome)
	}
	covers(t, step.Bytes, step.Fields)
	if last := step.Fields[len(step.Fields)-1]; last.Name != "unparsed" {
		t.Errorf("last field is %+v", last)
	}
}

// TestHostile: names that carry controls, bidirectional marks and bad UTF-8 reach
// the page only escaped.
func TestHostile(t *testing.T) {
	evil := "evil\x1b[31m\u202e\x07\u009b\xff.example"
	p := newPair(t)
	p.client.InsecureSkipVerify = true
	p.client.NextProtos = []string{evil}
	p.server.NextProtos = nil
	issued, err := pki.SelfSigned(pki.Leaf{CommonName: strings.ToValidUTF8(evil, "?"), Names: []string{"a.example"}, Key: pki.Ed25519}, birth)
	check(t, err)
	p.server.Certificates = []config.Certificate{own(t, issued.Chain, issued.Key)}
	p.edit = func(m wire.Message) {
		if h, ok := m.(*wire.ClientHello); ok {
			h.ServerName = []byte(evil)
		}
	}
	s := p.run(t)
	for _, o := range []explain.TextOptions{{}, {Bytes: true}, {Width: 40, Bytes: true}} {
		tame(t, text(t, s, o))
	}
	b, err := s.JSON()
	check(t, err)
	tame(t, string(b))
	for _, e := range p.events {
		tame(t, e)
	}
	if !s.Summary.Connected || *s.Summary.Verified || len(s.Summary.Failed) == 0 {
		t.Errorf("summary %+v", s.Summary)
	}
}

func TestColor(t *testing.T) {
	s := newPair(t).run(t)
	for _, o := range []explain.TextOptions{{Bytes: true}, {Width: 50, Bytes: true}} {
		bare := text(t, s, o)
		o.Color = true
		painted := text(t, s, o)
		if painted == bare || regexp.MustCompile(`\x1b\[\d+m`).ReplaceAllString(painted, "") != bare {
			t.Error("colour is not the only difference")
		}
	}
}

// TestData: a long connection's data, whose records are short at first, becomes one step for each run.
func TestData(t *testing.T) {
	p := newPair(t)
	p.after = func(c, s *engine.Engine) {
		for range 3 {
			out, err := s.Send(nil, make([]byte, 20000))
			check(t, err)
			for len(out) > 0 {
				n, _, err := c.Recv(out)
				check(t, err)
				out = out[n:]
			}
		}
	}
	s := p.run(t)
	last := s.Steps[len(s.Steps)-1]
	if last.Kind != explain.KindData || last.Size != 60000 || last.Direction != explain.Received {
		t.Errorf("last step %+v", last)
	}
	if out := text(t, s, explain.TextOptions{}); !strings.Contains(out, "In 45 records") {
		t.Error(out)
	}
}

func text(t testing.TB, s *explain.Story, o explain.TextOptions) string {
	t.Helper()
	var b bytes.Buffer
	check(t, s.WriteText(&b, o))
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		check(t, os.WriteFile(file, []byte(got), 0o644))
		return
	}
	want, err := os.ReadFile(file)
	check(t, err)
	if string(want) != got {
		t.Errorf("%s differs; -update and git diff show it whole. First difference:\n%s", file, difference(string(want), got))
	}
}

// difference is the first line in which two texts differ.
func difference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return fmt.Sprintf("line %d\nwant %s\n got %s", i+1, w[i], g[i])
		}
	}
	return fmt.Sprintf("one has %d lines, the other %d", len(w), len(g))
}

// TestLongProtocol: a name that is too long to be shown whole says how long it is,
// among the offers as everywhere.
func TestLongProtocol(t *testing.T) {
	p := newPair(t)
	long := strings.Repeat("x", 255)
	p.client.NextProtos = []string{long, "http/1.1"}
	want := []string{long[:200] + "… (255 bytes)", "http/1.1"}
	for _, s := range p.run(t).Steps {
		for _, c := range s.Choices {
			if c.What == "application_protocol" && !slices.Equal(c.Offered, want) {
				t.Errorf("offered %q", c.Offered)
			} else if c.What == "application_protocol" {
				return
			}
		}
	}
	t.Error("no choice")
}
