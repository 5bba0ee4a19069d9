package fault_test

import (
	"testing"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/wire"
)

// binding asks a connected client for a channel binding.
func binding(kind string) scenario {
	return scenario{role: fault.Client, run: func(t *testing.T) error {
		p := newPair(t)
		p.connect()
		p.pump()
		_, err := p.c.ChannelBinding(kind)
		return err
	}}
}

var ofExtras = map[*fault.Rule]scenario{
	fault.ALPNMissing:    by(fault.Client, func(p *pair) { p.client.NextProtos, p.client.RequireALPN = []string{"h2"}, true }),
	fault.ChannelBinding: binding("tls-unique"),
	fault.GREASEChosen: by(fault.Client, func(p *pair) {
		p.client.GREASE = true
		p.editServer = only(func(m *wire.ServerHello) { m.CipherSuite = 0x2a2a })
	}),
	fault.RecordTooLong: by(fault.Client, func(p *pair) { p.client.RecordSizeLimit = 64 }), // the tap joins what the server cut
	fault.RecordSizeLimit: hello(func(h *wire.ClientHello) {
		h.RecordSizeLimit = 63
		h.Extensions.Add(iana.ExtRecordSizeLimit)
	}),
	fault.RecordSizeTwice: by(fault.Client, func(p *pair) {
		p.client.RecordSizeLimit, p.client.MaxFragmentLength = 1000, 512
		p.editServer = only(func(m *wire.EncryptedExtensions) {
			m.MaxFragment = 1
			m.Extensions.Add(iana.ExtMaxFragmentLength)
		})
	}),
	fault.FragmentLength: hello(func(h *wire.ClientHello) {
		h.MaxFragment = 5
		h.Extensions.Add(iana.ExtMaxFragmentLength)
	}),
}
