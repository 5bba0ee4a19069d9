package hs

import (
	"bytes"
	"crypto/rand"
	"slices"
	"testing"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/wire"
)

// TestRenegotiate: the client goes through as many handshakes as it is configured
// for, each tied to the one before, and shows a certificate in the one that asks
// for it. No server of ours renegotiates, so each handshake has a server of its
// own; what ties them is put into its messages by hand.
func TestRenegotiate(t *testing.T) {
	id, err := someone()
	check(t, err)
	d := newDuo(t, course{version: iana.TLS12, show: true})
	c := d.client.(*client)
	c.cfg.MaxRenegotiations = 2
	var verify [2][]byte // of the last handshake
	note := func(i int) func(wire.Message) {
		return func(m wire.Message) {
			if f, ok := m.(*wire.Finished); ok {
				verify[i] = bytes.Clone(f.VerifyData)
			}
		}
	}
	c.Edit = note(0)
	d.server.(*server).Edit = note(1)
	d.run(d.client, fault.Connected)
	first := *d.client.Info()

	for round := 1; round <= 2; round++ {
		tie := slices.Concat(verify[0], verify[1])
		d.ctape.take()
		c.Edit = func(m wire.Message) {
			note(0)(m)
			if h, ok := m.(*wire.ClientHello); ok {
				if !bytes.Equal(h.RenegotiationInfo, tie[:12]) {
					t.Errorf("round %d: the hello is tied to %x, want %x", round, h.RenegotiationInfo, tie[:12])
				}
				if h.CipherSuites.Has(iana.TLS_AES_128_GCM_SHA256) || h.Groups.Has(iana.X25519MLKEM768) || h.Groups.Len() == 0 {
					t.Errorf("round %d: the hello offers %v with %v", round, h.CipherSuites.Slice(), h.Groups.Slice())
				}
				h.RenegotiationInfo = nil // for this server it is the first
			}
		}
		sc := &config.ServerConfig{Certificates: []config.Certificate{id.cert}, ClientAuth: config.RequireAndVerifyClientCert, ClientCAs: id.roots, MaxVersion: iana.TLS12}
		d.stape = new(tape)
		d.server, err = NewServer(sc, &Options{Layer: d.stape, Rand: rand.Reader, Edit: func(m wire.Message) {
			note(1)(m)
			if h, ok := m.(*wire.ServerHello); ok {
				h.RenegotiationInfo = tie
			}
		}})
		check(t, err)
		check(t, c.Receive([]byte{byte(iana.HelloRequest), 0, 0, 0}))
		if c.State() != fault.Renegotiating || len(d.ctape.sent) > 0 {
			t.Fatalf("%v before anybody agreed", c.State())
		}
		a := c.Ask().(*flow.RenegotiateAsk)
		a.Reply()
		a.Reply() // does nothing
		check(t, c.Receive([]byte{byte(iana.HelloRequest), 0, 0, 0})) // nor does another before the server sees our hello
		d.run(d.client, fault.Connected)
		d.run(d.server, fault.Connected)
		i := c.Info()
		if i.Renegotiations != round || i.ClientScheme == 0 || i.Resumed || i.ClientRandom == first.ClientRandom || !bytes.Equal(i.TLSUnique, verify[0]) {
			t.Errorf("round %d: %+v", round, i)
		}
		if s := d.server.Info(); s.Peer == nil {
			t.Errorf("round %d: the server knows nobody", round)
		}
	}
	if err := c.Receive([]byte{byte(iana.HelloRequest), 0, 0, 0}); err == nil {
		t.Error("a third renegotiation is let pass")
	}
}
