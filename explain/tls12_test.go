package explain_test

import (
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
	"github.com/handclasp/handclasp/internal/wire"
)

// TestMessages12: each message of TLS 1.2 is told, and each of its bytes named.
func TestMessages12(t *testing.T) {
	form := wire.Form{Version: iana.TLS12, Exchange: iana.ECDHE}
	exchange := &wire.ServerKeyExchange{Form: form, Group: iana.Secp256r1, Share: make([]byte, 65), Scheme: iana.ECDSA_SECP256R1_SHA256, Signature: make([]byte, 70)}
	request := &wire.CertificateRequest12{Types: wire.MakeList8(iana.ECDSASign), SignatureSchemes: wire.MakeList16(iana.ED25519), Authorities: [][]byte{{1}}}
	tests := []struct {
		name string
		got  string
		want []string
	}{
		{"HelloRequest", told12(t, new(wire.HelloRequest)), []string{"a client of TLS 1.2 ignores it"}},
		{"empty Certificate", told12(t, new(wire.Certificate12)), []string{"no certificate to show", "certificate_list"}},
		{"Certificate", told12(t, &wire.Certificate12{List: [][]byte{{1}}}), []string{"can't be read", "the signature in the ServerKeyExchange proves", "TLS 1.3 sends it encrypted", "asn1_cert"}},
		{"CertificateStatus", told12(t, &wire.CertificateStatus{OCSP: []byte{1, 2}}), []string{"OCSP answer 2 bytes", "response"}},
		{"ServerKeyExchange", told12(t, exchange), []string{"group secp256r1", "key share 65 bytes", "the curve may be another", "named_curve", "together with both randoms"}},
		{"CertificateRequest", told12(t, request), []string{"kinds of key ecdsa_sign", "signatures ed25519", "1 byte that are no name"}},
		{"ServerHelloDone", told12(t, new(wire.ServerHelloDone)), []string{"One round trip is over"}},
		{"ClientKeyExchange", told12(t, &wire.ClientKeyExchange{Form: form, Share: make([]byte, 32)}), []string{"key share 32 bytes", "ecdh_Yc"}},
		{"NewSessionTicket", told12(t, &wire.NewSessionTicket12{LifetimeHint: 300, Ticket: make([]byte, 9)}), []string{"good for 5 minutes", "ignores the ticket", "ticket_lifetime_hint"}},
		{"Finished", told12(t, &wire.Finished{VerifyData: make([]byte, 12)}), []string{"12 bytes (PRF with SHA-256)", "verify_data"}},
		{"truncated", toldIn(t, iana.TLS12, []byte{12, 0, 0, 2, 3, 0}), []string{"does not parse", "unparsed"}},
	}
	for _, x := range tests {
		for _, want := range x.want {
			if !strings.Contains(x.got, want) {
				t.Errorf("%s: no %q in\n%s", x.name, want, x.got)
			}
		}
	}
}

// TestServerHello12: what an answer of TLS 1.2 may carry besides.
func TestServerHello12(t *testing.T) {
	full := &wire.ServerHello{LegacyVersion: iana.TLS12, CipherSuite: iana.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, SessionID: make([]byte, 32)}
	full.Extensions.Add(iana.ExtSessionTicket, iana.ExtSupportedGroups)
	full.Groups = wire.MakeList16(iana.X25519)
	bare := &wire.ServerHello{LegacyVersion: iana.TLS11, CipherSuite: 0xc02f}
	for _, x := range []struct {
		m    *wire.ServerHello
		want []string
	}{
		{full, []string{"an RSA key", "ChaCha20", "session ID 32 bytes", "a NewSessionTicket before its ChangeCipherSpec", "supported_groups"}},
		{bare, []string{"version TLS 1.1", "lacks master secret not extended", "renegotiation not secure"}},
	} {
		got := told(t, x.m)
		for _, want := range x.want {
			if !strings.Contains(got, want) {
				t.Errorf("no %q in\n%s", want, got)
			}
		}
	}
}

// TestSignals: suites that are none are told for what they are.
func TestSignals(t *testing.T) {
	h := &wire.ClientHello{LegacyVersion: iana.TLS12, SessionID: make([]byte, 32), Compressions: wire.MakeList8(wire.CompressionNull),
		CipherSuites: wire.MakeList16(iana.TLS_EMPTY_RENEGOTIATION_INFO_SCSV, iana.TLS_FALLBACK_SCSV)}
	got := told(t, h)
	for _, want := range []string{"names only the highest", "an empty renegotiation_info", "tried a newer version before", "names an earlier session"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// TestDowngrade: a mark in the server's random is told, and why it matters.
func TestDowngrade(t *testing.T) {
	for _, end := range []string{"DOWNGRD\x01", "DOWNGRD\x00"} {
		p := newPair(t)
		p.alone = true
		p.server.MaxVersion = iana.TLS12
		p.editBack = func(m wire.Message) {
			if h, ok := m.(*wire.ServerHello); ok {
				copy(h.Random[24:], end)
			}
		}
		s := p.run(t)
		if out := text(t, s, explain.TextOptions{Width: 300}); s.Error == nil || !strings.Contains(out, "may have taken it out of the hello") {
			t.Errorf("%q: %+v\n%s", end, s.Error, out)
		}
	}
}

// pairs12 are handshakes of TLS 1.2 as either side tells them.
func pairs12(t *testing.T) (list []*pair) {
	for _, role := range []fault.Role{fault.Client, fault.Server} {
		for _, id := range []iana.CipherSuite{iana.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, iana.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256} {
			p := newPair(t)
			p.role = role
			p.server.MaxVersion, p.server.CipherSuites = iana.TLS12, []iana.CipherSuite{id}
			list = append(list, p)
		}
	}
	return list
}

// TestRecords12: the records carry all messages, also the Finished that leaves a
// server after CONNECTED.
func TestRecords12(t *testing.T) {
	for _, p := range pairs12(t) {
		carried(t, p.run(t))
	}
}

func TestOrder12(t *testing.T) {
	want := []string{"ClientHello", "ServerHello", "Certificate", "ServerKeyExchange", "ServerHelloDone", "ClientKeyExchange",
		"ChangeCipherSpec", "Finished", "ChangeCipherSpec", "Finished"}
	for _, p := range pairs12(t) {
		s := p.run(t)
		if got := onWire(t, s); !slices.Equal(got, want) {
			t.Errorf("%v: got %q", p.role, got)
		}
		if sum := &s.Summary; sum.RoundTripsTLS != 2 || !sum.ForwardSecrecy || !*sum.Extended || !*sum.Renegotiation || sum.Group != "x25519" {
			t.Errorf("%v: summary %+v", p.role, sum)
		}
	}
}

// TestNoSecrets12: of TLS 1.2 the key log has the master secret.
func TestNoSecrets12(t *testing.T) {
	for _, asked := range []bool{false, true} {
		p := newPair(t)
		p.server.MaxVersion = iana.TLS12
		p.keyLog = asked
		var shown []string
		for _, step := range p.run(t).Steps {
			for _, k := range step.Keys {
				if len(k.Value) > 0 {
					shown = append(shown, k.Label)
				}
			}
		}
		if asked != slices.Equal(shown, []string{"master_secret"}) || !asked && len(shown) > 0 {
			t.Errorf("key log %v: values of %q", asked, shown)
		}
		if strings.Contains(strings.Join(p.events, "\n"), `"value"`) {
			t.Error("an event holds a secret")
		}
	}
}

// TestChangeCipherSpec12: one that changes nothing is not told as if it did.
func TestChangeCipherSpec12(t *testing.T) {
	hello := &wire.ServerHello{LegacyVersion: iana.TLS12, CipherSuite: iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
	msg, err := wire.Append(nil, hello)
	check(t, err)
	r := explain.New(fault.Client, (&clock{t: birth}).now)
	ccs := &flow.Event{Kind: flow.Record, Content: iana.ContentChangeCipherSpec, Size: 6}
	r.Watch(&flow.Event{Kind: flow.Message, Type: iana.ServerHello, Bytes: msg})
	r.Watch(ccs)
	r.Watch(&flow.Event{Kind: flow.Key, Secret: &flow.Secret{Label: "client_write_key", Derived: "master_secret", Suite: hello.CipherSuite}})
	r.Watch(ccs)
	r.Watch(ccs)
	for i, want := range map[int]string{1: "too early", 3: "the server sends is encrypted", 4: "has changed to its keys already"} {
		if got := strings.Join(r.Story().Steps[i].Text, " "); !strings.Contains(got, want) {
			t.Errorf("step %d: no %q in %q", i, want, got)
		}
	}
}

// TestWarning: before TLS 1.3 an alert may be a mere warning, after which the
// handshake goes on.
func TestWarning(t *testing.T) {
	r := explain.New(fault.Client, (&clock{t: birth}).now)
	r.Watch(&flow.Event{Kind: flow.Alert, Alert: iana.UnrecognizedName})
	before := r.Story()
	r.Watch(&flow.Event{Kind: flow.Message, Type: iana.ServerHelloDone, Bytes: []byte{14, 0, 0, 0}})
	a, b := before.Steps[0], r.Story().Steps[0]
	if a.Outcome != explain.Broken || len(a.Alert.Causes) == 0 {
		t.Errorf("at first %+v", a)
	}
	if b.Outcome != "" || len(b.Alert.Causes) > 0 || !strings.Contains(strings.Join(b.Text, " "), "mere warning") {
		t.Errorf("in the end %+v", b)
	}
}

// TestRenegotiation: a ClientHello after the handshake is not told as a first
// one, and changes nothing in the summary.
func TestRenegotiation(t *testing.T) {
	h := &wire.ClientHello{LegacyVersion: iana.TLS12, ServerName: []byte("other.example"), Compressions: wire.MakeList8(wire.CompressionNull),
		CipherSuites: wire.MakeList16(iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)}
	h.Extensions.Add(iana.ExtServerName)
	msg, err := wire.Append(nil, h)
	check(t, err)
	r := explain.New(fault.Server, (&clock{t: birth}).now)
	r.Watch(&flow.Event{Kind: flow.State, From: fault.WaitFinished, To: fault.Connected})
	r.Watch(&flow.Event{Kind: flow.Message, Type: iana.ClientHello, Bytes: msg, Epoch: flow.Application})
	s := r.Story()
	if s.Summary.ServerName != "" || !strings.Contains(s.Steps[0].Text[0], "renegotiation") {
		t.Errorf("%+v", s)
	}
}

// TestStapleBlamed: a bad stapled answer of TLS 1.2 is blamed on the message that
// carried it.
func TestStapleBlamed(t *testing.T) {
	p := newPair(t)
	p.server.MaxVersion = iana.TLS12
	p.staple(t)
	p.server.Certificates[0].OCSPStaple = []byte{1, 2, 3}
	s := p.run(t)
	if s.Error == nil || s.Error.Rule != "ocsp-malformed" || s.Steps[s.Error.Step-1].Title != "CertificateStatus" {
		t.Errorf("error %+v", s.Error)
	}
}

// TestOwnChoices: a server's choice of a certificate is not put beside the empty
// one of the client.
func TestOwnChoices(t *testing.T) {
	p := newPair(t)
	p.role = fault.Server
	s := p.run(t)
	r := explain.New(fault.Client, (&clock{t: birth}).now)
	for _, step := range s.Steps {
		if step.Message == "certificate" {
			r.Watch(&flow.Event{Kind: flow.Message, Type: iana.Certificate, Bytes: step.Bytes})
		}
	}
	r.Watch(&flow.Event{Kind: flow.Message, Type: iana.Certificate, Sent: true, Bytes: []byte{11, 0, 0, 4, 0, 0, 0, 0}})
	r.Watch(&flow.Event{Kind: flow.Choice, Decision: &flow.Decision{What: "certificate", By: fault.Server, Chosen: "x"}})
	if got := r.Story(); len(got.Steps[0].Choices) != 1 || len(got.Steps[1].Choices) != 0 {
		t.Errorf("%+v", got.Steps)
	}
}

// TestWords: an error without a story is worded as one with it.
func TestWords(t *testing.T) {
	own := fault.UnexpectedMessage.In("msg_type").Saw("finished", "certificate")
	own.Role, own.State = fault.Server, fault.WaitCKE
	tests := []struct {
		err    error
		role   fault.Role
		during string
		side   string
		state  string
	}{
		{own, fault.Client, "waiting for the ClientKeyExchange", "the client", "WAIT_CKE"},
		{fault.TransportFailed.New(), fault.Client, "reaching the server", fault.Network.String(), ""},
		{fault.TransportFailed.New(), fault.Server, "waiting for the ClientHello", fault.Network.String(), ""},
		{fault.ConfigServerName.New(), fault.Client, "preparing the connection", "this side, the client", ""},
		{errors.New("refused \x1b"), fault.Server, "waiting for the ClientHello", fault.Network.String(), ""},
	}
	for _, x := range tests {
		f := explain.Words(x.err, x.role)
		if f.During != x.during || f.Side != x.side || f.State != x.state || f.Text == "" || strings.Contains(f.Text, "\x1b") {
			t.Errorf("%v: %+v", x.err, f)
		}
	}
	if explain.Words(nil, fault.Client) != nil {
		t.Error("words for nothing")
	}
}

// TestServerWaits: a server that meets an error before the first message was not
// reaching anybody.
func TestServerWaits(t *testing.T) {
	r := explain.New(fault.Server, (&clock{t: birth}).now)
	r.Done(errors.New("gone"))
	if got := r.Story().Error.During; got != "waiting for the ClientHello" {
		t.Errorf("got %q", got)
	}
}

// TestForged12: what a wrong signature claims does not reach the summary.
func TestForged12(t *testing.T) {
	p := newPair(t)
	p.server.MaxVersion = iana.TLS12
	p.server.Certificates = []config.Certificate{certificate(t, pki.Leaf{Names: []string{"localhost"}, Key: pki.Ed25519})}
	p.editBack = func(m wire.Message) {
		if x, ok := m.(*wire.ServerKeyExchange); ok {
			x.Signature[0] ^= 1
		}
	}
	if s := p.run(t); s.Error == nil || s.Summary.Signature != "" || s.Summary.ForwardSecrecy {
		t.Errorf("%+v", s.Summary)
	}
}
