package explain_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509/pkix"
	"encoding/asn1"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/explain"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/internal/wire"
)

// toldIn is the text of a message that follows a ServerHello with version v.
func toldIn(t *testing.T, v iana.Version, msg []byte) string {
	t.Helper()
	return toldWith(t, v, iana.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, msg)
}

// toldWith is toldIn with a suite.
func toldWith(t *testing.T, v iana.Version, id iana.CipherSuite, msg []byte) string {
	t.Helper()
	hello := &wire.ServerHello{LegacyVersion: min(v, iana.TLS12), CipherSuite: id, SupportedVersion: v}
	if v > iana.TLS12 {
		hello.Extensions.Add(iana.ExtSupportedVersions)
	}
	r := explain.New(fault.Client, (&clock{t: birth}).now)
	b, err := wire.Append(nil, hello)
	check(t, err)
	for _, m := range [][]byte{b, msg} {
		r.Watch(&flow.Event{Kind: flow.Message, Type: iana.HandshakeType(m[0]), Bytes: m})
	}
	s := r.Story()
	covers(t, s.Steps[1].Bytes, s.Steps[1].Fields)
	s.Steps = s.Steps[1:]
	return strings.Join(strings.Fields(text(t, s, explain.TextOptions{Width: 200, Bytes: true})), " ")
}

// told12 is toldIn for a message of TLS 1.2.
func told12(t *testing.T, m wire.Message) string {
	t.Helper()
	msg, err := wire.Append(nil, m)
	check(t, err)
	return toldIn(t, iana.TLS12, msg)
}

// told is the text of the step that one received message makes.
func told(t *testing.T, m wire.Message) string {
	t.Helper()
	msg, err := wire.Append(nil, m)
	check(t, err)
	return toldBytes(t, msg)
}

func toldBytes(t *testing.T, msg []byte) string {
	t.Helper()
	r := explain.New(fault.Client, (&clock{t: birth}).now)
	r.Watch(&flow.Event{Kind: flow.Message, Type: iana.HandshakeType(msg[0]), Bytes: msg, Epoch: flow.Handshake})
	s := r.Story()
	covers(t, s.Steps[0].Bytes, s.Steps[0].Fields)
	return strings.Join(strings.Fields(text(t, s, explain.TextOptions{Width: 200, Bytes: true})), " ")
}

// TestMessages: messages that our own handshakes do not have are told as well.
func TestMessages(t *testing.T) {
	name, err := asn1.Marshal(pkix.Name{CommonName: "An Authority"}.ToRDNSequence())
	check(t, err)
	request := &wire.CertificateRequest{SignatureSchemes: wire.MakeList16(iana.ED25519), Authorities: [][]byte{name, {1, 2, 3}}}
	request.Extensions.Add(iana.ExtSignatureAlgorithms, iana.ExtCertificateAuthorities)
	ticket := &wire.NewSessionTicket{Lifetime: 7200, Ticket: make([]byte, 100), MaxEarlyData: 16384}
	ticket.Extensions.Add(iana.ExtEarlyData)
	psk := &wire.ServerHello{LegacyVersion: iana.TLS12, CipherSuite: iana.TLS_CHACHA20_POLY1305_SHA256, SupportedVersion: iana.TLS13}
	psk.Extensions.Add(iana.ExtSupportedVersions, iana.ExtPreSharedKey)
	old := &wire.ServerHello{LegacyVersion: iana.TLS12, CipherSuite: 0xc02f}
	copy(old.Random[24:], "DOWNGRD\x01")
	cookie := &wire.ServerHello{LegacyVersion: iana.TLS12, Random: wire.RetryRandom, CipherSuite: iana.TLS_AES_128_GCM_SHA256, SupportedVersion: iana.TLS13, Cookie: []byte("c")}
	cookie.Extensions.Add(iana.ExtSupportedVersions, iana.ExtCookie)

	tests := []struct {
		name string
		got  string
		want []string
	}{
		{"CertificateRequest", told(t, request), []string{"accepts signatures ed25519", "CN=An Authority, 3 bytes that are no name"}},
		{"NewSessionTicket", told(t, ticket), []string{"ticket 100 bytes", "good for 2 hours", "up to 16,384 bytes (0-RTT)", "ignores the ticket"}},
		{"ServerHello with PSK", told(t, psk), []string{"number 1 of the client's list", "ChaCha20 with a key of 256 bits"}},
		{"ServerHello of TLS 1.2", told(t, old), []string{"version TLS 1.2", "DOWNGRD"}},
		{"HelloRetryRequest with a cookie", told(t, cookie), []string{"cookie back 1 byte", "one more round trip"}},
		{"empty Certificate", told(t, new(wire.Certificate)), []string{"no certificate to show"}},
		{"unreadable Certificate", told(t, &wire.Certificate{List: []wire.CertificateEntry{{Data: []byte{1}}}}), []string{"It can't be read"}},
		{"empty EncryptedExtensions", told(t, new(wire.EncryptedExtensions)), []string{"nothing to add"}},
		{"KeyUpdate", told(t, new(wire.KeyUpdate)), []string{"need not do the same", "update_not_requested"}},
		{"before any version", toldBytes(t, []byte{0, 0, 0, 0}), []string{"HelloRequest", "In TLS 1.2 and below", "a client of TLS 1.2 ignores it"}},
		{"of TLS 1.2 in TLS 1.3", toldIn(t, iana.TLS13, []byte{14, 0, 0, 0}), []string{"ServerHelloDone", "In TLS 1.2 and below"}},
		{"of TLS 1.3 in TLS 1.2", toldIn(t, iana.TLS12, []byte{8, 0, 0, 2, 0, 0}), []string{"EncryptedExtensions", "body (2 bytes)"}},
		{"unknown", toldBytes(t, []byte{99, 0, 0, 2, 7, 8}), []string{"Unknown message (type 99)", "body (2 bytes)"}},
		{"truncated", toldBytes(t, []byte{1, 0, 1, 0, 3, 3}), []string{"does not parse", "unparsed"}},
	}
	for _, x := range tests {
		for _, want := range x.want {
			if !strings.Contains(x.got, want) {
				t.Errorf("%s: no %q in\n%s", x.name, want, x.got)
			}
		}
	}
}

// TestCertificates: every kind of key and name, a staple and timestamps.
func TestCertificates(t *testing.T) {
	weird, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	check(t, err)
	tests := []struct {
		leaf pki.Leaf
		want string
	}{
		{pki.Leaf{Names: []string{"localhost", "::1"}, Key: pki.P384}, "ECDSA P-384"},
		{pki.Leaf{CommonName: "nameless", Key: pki.RSA2048}, "RSA, 2048 bits"},
		{pki.Leaf{Names: []string{"localhost"}, Public: weird.Public()}, "ECDSA P-224"},
	}
	a, err := authority()
	check(t, err)
	for _, x := range tests {
		issued, err := a.Issue(x.leaf)
		check(t, err)
		m := &wire.Certificate{List: []wire.CertificateEntry{{Data: issued.Chain[0], OCSP: []byte{1, 2}, SCTs: [][]byte{{1}}}}}
		m.List[0].Extensions.Add(iana.ExtStatusRequest, iana.ExtSCT)
		got := told(t, m)
		for _, want := range []string{x.want, "an OCSP answer of 2 bytes", "1 signed certificate timestamp"} {
			if !strings.Contains(got, want) {
				t.Errorf("no %q in\n%s", want, got)
			}
		}
	}
}

// TestStaple: a stapled OCSP answer reaches the verdict's step.
func TestStaple(t *testing.T) {
	at := birth
	r := explain.New(fault.Client, (&clock{t: birth}).now)
	r.Watch(&flow.Event{Kind: flow.Proof, Proven: &flow.Proven{What: "certificate", Of: fault.Server, Verdict: &flow.Verdict{
		OCSP: &flow.Staple{Status: flow.OCSPRevoked, RevokedAt: at, ThisUpdate: at, NextUpdate: at.Add(time.Hour), Responder: "R\x1b"},
	}}})
	got := text(t, r.Story(), explain.TextOptions{Width: 200})
	for _, want := range []string{"revoked on 2026-11-20", "good until 2026-11-20T13:00:00Z", `signed by R\x1b`} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// TestBounded: a connection that goes on for ever does not grow the story for
// ever.
func TestBounded(t *testing.T) {
	r := explain.New(fault.Client, (&clock{t: birth}).now)
	r.Watch(&flow.Event{Kind: flow.State, From: fault.WaitFinished, To: fault.Connected})
	update := []byte{24, 0, 0, 1, 0}
	for range 1500 {
		r.Watch(&flow.Event{Kind: flow.Record, Content: iana.ContentApplicationData, Size: 27, Epoch: flow.Application})
		r.Watch(&flow.Event{Kind: flow.Message, Type: iana.KeyUpdate, Bytes: update, Epoch: flow.Application})
	}
	r.Done(io.ErrUnexpectedEOF)
	s := r.Story()
	if len(s.Steps) != 1001 || s.Omitted != 500 || s.Steps[1000].Kind != explain.KindFailure {
		t.Errorf("%d steps, %d omitted", len(s.Steps), s.Omitted)
	}
	if !strings.Contains(text(t, s, explain.TextOptions{}), "500 steps more") {
		t.Error("the text does not say that steps are missing")
	}
}

// TestLong: a text of the peer's is cut, and between characters.
func TestLong(t *testing.T) {
	r := explain.New(fault.Client, (&clock{t: birth}).now)
	r.Target(strings.Repeat("ä", 150))
	if got := r.Story().Target; got != strings.Repeat("ä", 100)+"… (300 bytes)" {
		t.Errorf("got %q", got)
	}
}

// TestEventsAreNotKept: what an event points to is its sender's again afterwards.
func TestEventsAreNotKept(t *testing.T) {
	msg, err := wire.Append(nil, &wire.Finished{VerifyData: []byte("verify")})
	check(t, err)
	d := flow.Decision{What: "group", Chosen: "x25519", Offered: []string{"x25519"}}
	r := explain.New(fault.Client, (&clock{t: birth}).now)
	r.Watch(&flow.Event{Kind: flow.Message, Type: iana.ServerHello, Bytes: msg})
	r.Watch(&flow.Event{Kind: flow.Choice, Decision: &d})
	before, err := r.Story().JSON()
	check(t, err)
	clear(msg)
	d.Offered[0], d.Chosen = "spoilt", "spoilt"
	after, err := r.Story().JSON()
	check(t, err)
	if !bytes.Equal(before, after) {
		t.Error("the story changed with the event")
	}
}

// TestFailedChain: an untrusted chain is told with the failed check, although no
// event has it.
func TestFailedChain(t *testing.T) {
	p := newPair(t)
	issued, err := pki.SelfSigned(pki.Leaf{Names: []string{"localhost"}, Key: pki.Ed25519}, birth)
	check(t, err)
	p.server.Certificates = []config.Certificate{own(t, issued.Chain, issued.Key)}
	s := p.run(t)
	if s.Error == nil || s.Error.Rule != "cert-self-signed" || s.Steps[s.Error.Step-1].Title != "Certificate" {
		t.Fatalf("error %+v", s.Error)
	}
	n := len(s.Steps)
	order := []string{s.Steps[n-3].Kind, s.Steps[n-2].Kind, s.Steps[n-1].Kind}
	if got := strings.Join(order, " "); got != "verify failure alert" {
		t.Errorf("the story ends with %s", got)
	}
}

// TestPadding: records that are longer than the messages in them are not taken
// for shared ones; messages that are longer than a record are found in several.
func TestPadding(t *testing.T) {
	type message struct {
		size    int
		records []int
	}
	tests := []struct {
		name     string
		contents []int       // of records, all before the first message they carry
		messages [][]message // after each record
	}{
		{"exact", []int{20, 30}, [][]message{{{20, []int{1}}}, {{30, []int{2}}}}},
		{"shared", []int{50}, [][]message{{{20, []int{1}}, {30, []int{1}}}}},
		{"padded", []int{64, 64}, [][]message{{{20, []int{1}}}, {{30, []int{2}}}}},
		{"in pieces", []int{30, 30, 30}, [][]message{nil, nil, {{90, []int{1, 2, 3}}}}},
		{"across a full record", []int{1 << 14, 100}, [][]message{{{16000, []int{1}}}, {{400, []int{1, 2}}}}},
		{"across a short record", []int{50, 30}, [][]message{{{20, []int{1}}}, {{60, []int{1, 2}}}}},
	}
	for _, x := range tests {
		r := explain.New(fault.Client, (&clock{t: birth}).now)
		var want [][]int
		for i, n := range x.contents {
			r.Watch(&flow.Event{Kind: flow.Record, Content: iana.ContentApplicationData, Size: n + 22, Epoch: flow.Handshake})
			for _, m := range x.messages[i] {
				msg := make([]byte, m.size)
				msg[0] = byte(iana.Finished)
				r.Watch(&flow.Event{Kind: flow.Message, Type: iana.Finished, Bytes: msg, Epoch: flow.Handshake})
				want = append(want, m.records)
			}
		}
		for i, s := range r.Story().Steps {
			var got []int
			for _, rec := range s.Records {
				got = append(got, rec.Number)
			}
			if !slices.Equal(got, want[i]) {
				t.Errorf("%s: message %d came in records %v, want %v", x.name, i, got, want[i])
			}
		}
	}
}
