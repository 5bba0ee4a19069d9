package hs

import (
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/internal/keys"
)

// traffic are the two secrets of one epoch.
type traffic struct{ client, server keys.Secret }

// handshakeKeys goes from the shared secret to the handshake traffic secrets;
// the transcript ends with ServerHello (RFC 9846, Section 7.1).
func (c *core) handshakeKeys(shared []byte) (*keys.Handshake, traffic, error) {
	early := keys.NewEarly(c.suite.Hash, nil)
	defer early.Wipe()
	stage := early.Handshake(shared)
	clear(shared)
	th := c.transcript.Sum()
	t := traffic{stage.ClientTraffic(th), stage.ServerTraffic(th)}
	err := c.born(keys.LogClientHandshakeTraffic, t.client, "Handshake Secret", "the client's handshake messages", fault.Client, flow.Handshake)
	if err == nil {
		err = c.born(keys.LogServerHandshakeTraffic, t.server, "Handshake Secret", "the server's handshake messages", fault.Server, flow.Handshake)
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
	c.exporter = &Exporter{c.suite.Hash, main.Exporter(th)}
	err := c.born(keys.LogClientTraffic, t.client, "Main Secret", "the client's application data", fault.Client, flow.Application)
	if err == nil {
		err = c.born(keys.LogServerTraffic, t.server, "Main Secret", "the server's application data", fault.Server, flow.Application)
	}
	if err == nil {
		err = c.born(keys.LogExporter, c.exporter.secret, "Main Secret", "keys for other protocols, by ExportKeyingMaterial", fault.NoRole, flow.Application)
	}
	return main, t, err
}

// born logs a secret if a key log was asked for, and tells watchers its label.
func (c *core) born(label string, s keys.Secret, derived, protects string, writer fault.Role, e flow.Epoch) error {
	if c.keyLog != nil {
		line := keys.AppendKeyLog(nil, label, c.info.ClientRandom[:], s)
		if _, err := c.keyLog.Write(line); err != nil {
			return fault.KeyLogWrite.Because(err)
		}
	}
	if c.Watch != nil {
		c.event = flow.Event{Kind: flow.Key, Role: c.role, Secret: &flow.Secret{
			Label: label, Derived: derived, Protects: protects, Writer: writer, Epoch: e, Suite: c.suite.ID,
		}}
		c.Watch(&c.event)
	}
	return nil
}

// An Exporter gives keying material to other protocols (RFC 9846, Section 7.5).
type Exporter struct {
	hash   keys.Hash
	secret keys.Secret
}

// Export derives length bytes for label and context. An empty and an absent
// context are the same in TLS 1.3.
func (x *Exporter) Export(label string, context []byte, length int) ([]byte, error) {
	return x.hash.Export(x.secret, label, context, length)
}
