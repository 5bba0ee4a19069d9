package hs

import (
	"errors"
	"slices"
	"testing"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
)

// identifying are those of a client's messages that show who it is.
func identifying(m [][]byte) (types []iana.HandshakeType) {
	for _, msg := range m {
		if msg == nil {
			continue
		}
		if typ := iana.HandshakeType(msg[0]); typ == iana.Certificate || typ == iana.CertificateVerify {
			types = append(types, typ)
		}
	}
	return types
}

// TestUnasked: a client shows a certificate and signs only if it was asked, and
// a server takes both as evidence.
func TestUnasked(t *testing.T) {
	both := []iana.HandshakeType{iana.Certificate, iana.CertificateVerify}
	for _, c := range []struct {
		course
		want []iana.HandshakeType
	}{
		{course{version: iana.TLS13, show: true, choose: true}, nil},
		{course{version: iana.TLS12, show: true, choose: true}, nil},
		{empty13, both[:1]}, {empty12, both[:1]},
		{asked13, both}, {asked12, both}, {chooses13, both}, {chooses12, both},
	} {
		d := newDuo(t, c.course)
		d.run(d.server, fault.Connected)
		if got := identifying(d.heard); !slices.Equal(got, c.want) {
			t.Errorf("%+v: the client sent %v, want %v", c.course, got, c.want)
		}
		peer, scheme := d.server.Info().Peer, d.server.Info().ClientScheme
		if shown := len(c.want) == 2; (peer != nil) != shown || (scheme != 0) != shown || d.client.Info().ClientScheme != scheme {
			t.Errorf("%+v: the server knows %v, %v", c.course, peer, scheme)
		}
		if asked := c.auth != config.NoClientCert; d.server.Info().ClientAuth != asked || d.client.Info().ClientAuth != asked {
			t.Errorf("%+v: asked is told wrongly", c.course)
		}
	}
}

// TestServerEvidence: a verdict that is none lets no client in, also one that
// shows nothing.
func TestServerEvidence(t *testing.T) {
	for _, o := range []course{asked13, asked12, empty13, empty12} {
		d := newDuo(t, o)
		d.run(d.server, fault.Verifying)
		d.server.Ask().(*flow.VerifyAsk).Reply(nil, nil)
		var err error
		for _, msg := range append(d.toServer, d.ctape.take()...) {
			if err == nil {
				err = give(d.server, msg)
			}
		}
		if !errors.Is(err, fault.MissingProof) || d.server.State() != fault.Failed {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// TestCertificateTwice: the second answer to an Ask about a client's own
// certificate does nothing.
func TestCertificateTwice(t *testing.T) {
	for _, o := range []course{chooses13, chooses12} {
		d := newDuo(t, o)
		d.run(d.client, fault.ChoosingCert)
		choose := d.client.Ask().(*flow.ClientCertificateAsk)
		choose.Reply(nil, nil)
		choose.Reply(nil, errors.New("on second thoughts, no"))
		sign := d.client.Ask().(*flow.SignAsk)
		reply(sign)
		sign.Reply(nil, errors.New("on second thoughts, no"))
		if s := d.client.State(); s != fault.Connected && s != fault.WaitCCS {
			t.Errorf("%+v: %v", o, s)
		}
		d = newDuo(t, o)
		d.run(d.server, fault.Verifying)
		verify := d.server.Ask().(*flow.VerifyAsk)
		verify.Reply(new(flow.Verdict), nil)
		verify.Reply(nil, errors.New("on second thoughts, no"))
		if s := d.server.State(); s != fault.WaitFinished && s != fault.WaitCCS {
			t.Errorf("%+v: %v", o, s)
		}
	}
}
