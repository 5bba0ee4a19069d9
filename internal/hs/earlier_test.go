package hs

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/suite"
	"github.com/handclasp/handclasp/internal/wire"
	"github.com/handclasp/handclasp/session"
)

// A heritage is what an earlier connection left on both sides.
type heritage struct {
	session session.Session
	state   session.State
}

// earlier was a connection in which the client was asked for a certificate and
// had none.
func earlier(c config.Certificate, policy config.ClientAuthType) *heritage {
	secret := slices.Repeat([]byte{7}, 32)
	p := &heritage{session.Session{
		Version: iana.TLS13, CipherSuite: iana.TLS_AES_128_GCM_SHA256, Secret: secret, Ticket: []byte("a ticket"),
		Received: now, Lifetime: time.Hour, ServerName: "localhost", SignatureScheme: iana.ED25519, MaxEarlyData: 100, Identity: shownBy(new(config.ClientConfig), suite.ByID(iana.TLS_AES_128_GCM_SHA256)),
	}, session.State{
		Version: iana.TLS13, CipherSuite: iana.TLS_AES_128_GCM_SHA256, Secret: secret,
		Began: now, Issued: now, Lifetime: time.Hour, ServerName: "localhost", SignatureScheme: iana.ED25519, ClientAuth: uint8(policy), MaxEarlyData: 100,
	}}
	for _, x := range c.Chain() {
		p.session.Peer = append(p.session.Peer, x.Raw)
	}
	return p
}

// before13 makes it one of TLS 1.2.
func (p *heritage) before13() {
	const id = iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
	secret := slices.Repeat([]byte{7}, 48)
	s, st := &p.session, &p.state
	s.Version, s.CipherSuite, s.Secret, s.ExtendedMasterSecret, s.Group = iana.TLS12, id, secret, true, iana.X25519
	st.Version, st.CipherSuite, st.Secret, st.ExtendedMasterSecret, st.Group = iana.TLS12, id, secret, true, iana.X25519
}

func (p *heritage) Take(context.Context, string) (*session.Session, error) {
	s := p.session
	s.Secret = slices.Clone(s.Secret) // which is wiped once it is used
	return &s, nil
}

func (p *heritage) Open(context.Context, []byte) (*session.State, error) {
	s := p.state
	s.Secret = slices.Clone(s.Secret)
	return &s, nil
}

func (p *heritage) Put(context.Context, string, *session.Session) error  { return nil }
func (p *heritage) Drop(context.Context, string, *session.Session) error { return nil }
func (p *heritage) Seal(context.Context, *session.State) ([]byte, error) {
	return []byte("a ticket"), nil
}

func (p *heritage) Check(context.Context, session.Use) (session.Refusal, error) {
	return session.Accepted, nil
}

// TestResumedEvidence: a session resumed without a verdict on its peer is not
// resumed, and a late second answer does nothing.
func TestResumedEvidence(t *testing.T) {
	d := newDuo(t, resumed)
	d.run(d.client, fault.Judging)
	d.client.Ask().(*flow.VerifyAsk).Reply(nil, nil) // neither a verdict nor a refusal
	var hello wire.ClientHello
	check(t, wire.Decode(d.ctape.sent[0], &hello))
	if d.client.State() != fault.WaitSH || hello.Extensions.Has(iana.ExtPreSharedKey) {
		t.Error("a session was offered of a server that nobody judged")
	}

	d = newDuo(t, resumed)
	d.run(d.server, fault.Judging)
	d.server.Ask().(*flow.VerifyAsk).Reply(nil, nil)
	if d.server.State() != fault.Signing {
		t.Errorf("the server goes on in %v", d.server.State())
	}

	d = newDuo(t, resumed)
	d.run(d.client, fault.Recalling)
	a := d.client.Ask().(*flow.SessionAsk)
	a.Answer(context.Background())
	a.Reply(nil, nil)
	if d.client.State() != fault.Judging || len(d.ctape.answered) != 1 {
		t.Errorf("%v after %d answers", d.client.State(), len(d.ctape.answered))
	}

	d = newDuo(t, resumed)
	d.run(d.server, fault.Resuming)
	b := d.server.Ask().(*flow.ResumeAsk)
	b.Answer(context.Background())
	b.Reply(nil, nil)
	if d.server.State() != fault.Judging || len(d.stape.answered) != 1 {
		t.Errorf("%v after %d answers", d.server.State(), len(d.stape.answered))
	}
}
