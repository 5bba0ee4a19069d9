package hs

import (
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/internal/keys"
)

// traffic are the two secrets of one epoch.
type traffic struct{ client, server keys.Secret }

// handshakeKeys goes from the shared secret to the handshake traffic secrets;
// the transcript ends with ServerHello (RFC 9846, Section 7.1). shared is nil
// where a PSK stands alone.
func (c *core) handshakeKeys(shared []byte) (*keys.Handshake, traffic, error) {
	var secret keys.Secret
	if c.preshared != nil {
		secret = c.preshared.secret
		defer secret.Wipe()
	}
	early := c.room.Early(c.suite.Hash, secret)
	defer early.Wipe()
	c.info.ForwardSecrecy = shared != nil
	stage := early.Handshake(shared)
	clear(shared)
	th := c.transcript.Sum()
	t := traffic{stage.ClientTraffic(th), stage.ServerTraffic(th)}
	err := c.born(keys.LogClientHandshakeTraffic, t.client, flow.Secret{Derived: "Handshake Secret",
		Protects: "the client's handshake messages", Writer: fault.Client, Epoch: flow.Handshake})
	if err == nil {
		err = c.born(keys.LogServerHandshakeTraffic, t.server, flow.Secret{Derived: "Handshake Secret",
			Protects: "the server's handshake messages", Writer: fault.Server, Epoch: flow.Handshake})
	}
	return stage, t, err
}

// applicationKeys goes on to the application traffic secrets and the exporter;
// the transcript ends with the server's Finished.
func (c *core) applicationKeys(stage *keys.Handshake) (*keys.Main, traffic, error) {
	main := stage.Main()
	stage.Wipe()
	th := c.transcript.Sum()
	t := traffic{main.ClientTraffic(th), main.ServerTraffic(th)}
	exporter := main.Exporter(th)
	c.exporter = newExporter(c.suite.Hash, exporter)
	err := c.born(keys.LogClientTraffic, t.client, flow.Secret{Derived: "Main Secret",
		Protects: "the client's application data", Writer: fault.Client, Epoch: flow.Application})
	if err == nil {
		err = c.born(keys.LogServerTraffic, t.server, flow.Secret{Derived: "Main Secret",
			Protects: "the server's application data", Writer: fault.Server, Epoch: flow.Application})
	}
	if err == nil {
		err = c.born(keys.LogExporter, exporter, flow.Secret{Derived: "Main Secret",
			Protects: "keys for other protocols, by ExportKeyingMaterial", Epoch: flow.Application})
	}
	return main, t, err
}

// born tells watchers of a new secret, by its label, and writes it to the key
// log if there is one and the secret has a place in it.
func (c *core) born(logLabel string, s keys.Secret, about flow.Secret) error {
	if c.keyLog != nil && logLabel != "" {
		line := keys.AppendKeyLog(nil, logLabel, c.info.ClientRandom[:], s)
		if _, err := c.keyLog.Write(line); err != nil {
			return fault.KeyLogWrite.Because(err)
		}
	}
	if c.Watch != nil {
		c.tellBorn(logLabel, about)
	}
	return nil
}

func (c *core) tellBorn(logLabel string, about flow.Secret) {
	if about.Label == "" {
		about.Label = logLabel
	}
	if about.Suite == 0 {
		about.Suite = c.suite.ID
	}
	if about.Epoch == flow.Clear {
		about.Epoch = flow.Application
	}
	c.event = flow.Event{Kind: flow.Key, Role: c.role, Secret: &about}
	c.Watch(&c.event)
}

// An Exporter gives keying material to other protocols (RFC 9846, Section 7.5;
// RFC 5705).
type Exporter struct {
	hash   keys.Hash      // TLS 1.3
	secret [48]byte       // as long as the hash
	main   *keys.Master12 // TLS 1.2 and below
}

func newExporter(h keys.Hash, secret keys.Secret) *Exporter {
	x := &Exporter{hash: h}
	copy(x.secret[:], secret)
	return x
}

// Export derives length bytes for label and context. An empty and an absent
// context are the same in TLS 1.3, and differ in TLS 1.2.
func (x *Exporter) Export(label string, context []byte, length int) ([]byte, error) {
	if x.main != nil {
		return x.main.Export(label, context, length)
	}
	return x.hash.Export(x.secret[:x.hash.Size()], label, context, length)
}
