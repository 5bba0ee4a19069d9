package fault_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/config"
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

// later has a server ask, after the handshake, a client that offered it.
func later(prepare func(p *pair)) scenario {
	return by(fault.Server, func(p *pair) {
		p.server.ClientAuth, p.server.ClientCAs, p.server.AskLater = config.RequireAndVerifyClientCert, p.client.RootCAs, true
		p.client.Certificates, p.client.PostHandshakeAuth = p.server.Certificates, true
		p.after = func() { check(p.t, p.s.RequestCertificate()) }
		prepare(p)
	})
}

// unasked has a server ask a client that did not offer it.
var unasked = by(fault.Client, func(p *pair) {
	p.after = func() {
		p.toC.put(iana.ContentHandshake, request(func(m *wire.CertificateRequest) { m.Context = []byte{1} }))
		p.inC = append(p.inC, p.toC.relay(nil)...)
	}
})

// compressed has a client that takes brotli get m instead of a Certificate.
func compressed(m *wire.CompressedCertificate) scenario {
	msg, err := wire.Append(nil, m)
	if err != nil {
		panic(err)
	}
	return by(fault.Client, func(p *pair) {
		p.client.CertificateCompression = []iana.CertCompression{iana.CertBrotli}
		instead(iana.Certificate, msg).prepare(p)
	})
}

// unanswered has a client send data and nothing else.
func unanswered(t *testing.T) error {
	p := newPair(t)
	p.server.ClientAuth, p.server.ClientCAs, p.server.AskLater = config.RequestClientCert, p.client.RootCAs, true
	p.client.PostHandshakeAuth = true
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer l.Close()
	a, err := net.Dial("tcp", l.Addr().String())
	check(t, err)
	defer a.Close()
	b, err := l.Accept()
	check(t, err)
	defer b.Close()
	client, server := handclasp.Client(a, &p.client), handclasp.Server(b, &p.server)
	go client.Write(make([]byte, 2<<20))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return server.RequestClientCertificate(ctx)
}

var ofExtras = map[*fault.Rule]scenario{
	fault.ALPNMissing: by(fault.Client, func(p *pair) { p.client.NextProtos, p.client.RequireALPN = []string{"h2"}, true }),
	fault.RequestImpossible: scenario{role: fault.Server, run: func(t *testing.T) error {
		p := newPair(t)
		p.connect()
		p.pump()
		return p.s.RequestCertificate()
	}},
	fault.RequestUnasked: unasked,
	fault.RequestContext: later(func(p *pair) {
		p.editClient = only(func(m *wire.Certificate) { m.Context = []byte{1} })
	}),
	fault.RequestUnanswered:  {run: unanswered, role: fault.Server},
	fault.CertCompression:    compressed(&wire.CompressedCertificate{Algorithm: iana.CertZlib, Length: 1, Data: []byte{1}}),
	fault.CertExpand:         compressed(&wire.CompressedCertificate{Algorithm: iana.CertBrotli, Length: 1, Data: []byte{1}}),
	fault.CertExpandTooLarge: compressed(&wire.CompressedCertificate{Algorithm: iana.CertBrotli, Length: 1 << 20, Data: []byte{1}}),
	fault.ChannelBinding:     binding("tls-unique"),
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
