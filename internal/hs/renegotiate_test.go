package hs

import (
	"bytes"
	"crypto/rand"
	"errors"
	"slices"
	"testing"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/wire"
)

// An askAgain is a client and servers that ask it for one handshake after another.
// No server of ours renegotiates, so each handshake has a server of its own; what
// ties them is put into its messages by hand.
type askAgain struct {
	*duo
	c      *client
	verify [2][]byte // of the last handshake
}

// newAskAgain has the first handshake behind it.
func newAskAgain(t *testing.T, o course, most int) *askAgain {
	a := &askAgain{duo: newDuo(t, o)}
	a.c = a.client.(*client)
	a.c.cfg.MaxRenegotiations = most
	a.c.Edit = a.note(0)
	a.server.(*server).Edit = a.note(1)
	a.run(a.client, fault.Connected)
	return a
}

// note keeps the verify_data of one side.
func (a *askAgain) note(i int) func(wire.Message) {
	return func(m wire.Message) {
		if f, ok := m.(*wire.Finished); ok {
			a.verify[i] = bytes.Clone(f.VerifyData)
		}
	}
}

// ask has another server ask, which edits its hello. The client's hello is ready
// then.
func (a *askAgain) ask(sc *config.ServerConfig, edit func(*wire.ServerHello)) {
	t := a.t
	t.Helper()
	id, err := someone()
	check(t, err)
	sc.Certificates, sc.ClientCAs, sc.MinVersion, sc.MaxVersion = []config.Certificate{id.cert}, id.roots, iana.TLS12, iana.TLS12
	tie := slices.Concat(a.verify[0], a.verify[1])
	a.ctape.take()
	a.c.Edit = func(m wire.Message) {
		a.note(0)(m)
		if h, ok := m.(*wire.ClientHello); ok {
			if !bytes.Equal(h.RenegotiationInfo, tie[:12]) {
				t.Errorf("the hello is tied to %x, want %x", h.RenegotiationInfo, tie[:12])
			}
			if h.CipherSuites.Has(iana.TLS_AES_128_GCM_SHA256) || h.Groups.Has(iana.X25519MLKEM768) || h.Groups.Len() == 0 {
				t.Errorf("the hello offers %v with %v", h.CipherSuites.Slice(), h.Groups.Slice())
			}
			h.RenegotiationInfo = nil // for this server it is the first
		}
	}
	a.stape = new(tape)
	a.server, err = NewServer(sc, &Options{Layer: a.stape, Rand: rand.Reader, Edit: func(m wire.Message) {
		a.note(1)(m)
		if h, ok := m.(*wire.ServerHello); ok {
			h.RenegotiationInfo = tie
			edit(h)
		}
	}})
	check(t, err)
	check(t, a.c.Receive(helloRequest))
	if a.c.State() != fault.Renegotiating || len(a.ctape.sent) > 0 {
		t.Fatalf("%v before anybody agreed", a.c.State())
	}
	question := a.c.Ask().(*flow.RenegotiateAsk)
	question.Reply()
	question.Reply() // does nothing
}

var helloRequest = []byte{byte(iana.HelloRequest), 0, 0, 0}

func asIs(*wire.ServerHello) {}

// TestRenegotiate: the client goes through as many handshakes as it is configured
// for, each tied to the one before, and shows a certificate in the one that asks
// for it.
func TestRenegotiate(t *testing.T) {
	a := newAskAgain(t, course{version: iana.TLS12, show: true}, 2)
	first := *a.client.Info()
	for round := 1; round <= 2; round++ {
		a.ask(&config.ServerConfig{ClientAuth: config.RequireAndVerifyClientCert}, asIs)
		a.run(a.client, fault.Connected)
		a.run(a.server, fault.Connected)
		i := a.c.Info()
		if i.Renegotiations != round || i.ClientScheme == 0 || i.Resumed || i.ClientRandom == first.ClientRandom || !bytes.Equal(i.TLSUnique, a.verify[0]) {
			t.Errorf("round %d: %+v", round, i)
		}
		if s := a.server.Info(); s.Peer == nil {
			t.Errorf("round %d: the server knows nobody", round)
		}
	}
	if err := a.c.Receive(helloRequest); !errors.Is(err, fault.Renegotiation) {
		t.Errorf("a third renegotiation: %v", err)
	}
}

// TestRenegotiateAskedTwice: another HelloRequest before the server sees our hello
// changes nothing; a HelloRetryRequest is refused.
func TestRenegotiateAskedTwice(t *testing.T) {
	a := newAskAgain(t, course{version: iana.TLS12}, 1)
	a.ask(&config.ServerConfig{}, asIs)
	sent := len(a.ctape.sent)
	check(t, a.c.Receive(helloRequest))
	if a.c.State() != fault.WaitSH || len(a.ctape.sent) != sent || a.c.Ask() != nil {
		t.Errorf("the client is in %v and has sent %d messages", a.c.State(), len(a.ctape.sent))
	}
	a.run(a.client, fault.Connected)

	a = newAskAgain(t, course{version: iana.TLS12}, 1)
	a.ask(&config.ServerConfig{}, asIs)
	if err := a.c.Receive(retryMessage()); err == nil || a.c.State() != fault.Failed {
		t.Errorf("a HelloRetryRequest passes: %v", err)
	}
}

// TestRenegotiateEncryptThenMAC: who once had it does not lose it, by way of an AEAD
// suite neither (RFC 7366, Section 3.1).
func TestRenegotiateEncryptThenMAC(t *testing.T) {
	const cbc, gcm = iana.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
	without := func(h *wire.ServerHello) { h.Extensions.Remove(iana.ExtEncryptThenMAC) }
	for _, had := range []bool{false, true} {
		for _, between := range [][]iana.CipherSuite{nil, {gcm}} {
			a := newAskAgain(t, course{version: iana.TLS12, suite: cbc}, 2)
			if a.c.params.Suites = []iana.CipherSuite{cbc, gcm}; !had {
				a.c.info.EncryptThenMAC = false
			}
			for _, id := range between {
				a.ask(&config.ServerConfig{CipherSuites: []iana.CipherSuite{id}}, asIs)
				a.run(a.client, fault.Connected)
				a.run(a.server, fault.Connected)
			}
			a.ask(&config.ServerConfig{CipherSuites: []iana.CipherSuite{cbc}}, without)
			check(t, a.server.Receive(a.ctape.take()[0]))
			reply(a.server.Ask())
			if err := a.client.Receive(a.stape.take()[0]); errors.Is(err, fault.RenegotiationChanged) != had {
				t.Errorf("had %v, between %v: %v", had, between, err)
			}
		}
	}
}
