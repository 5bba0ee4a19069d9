package engine

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"errors"
	"testing"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/wire"
)

// Without extended_master_secret there is no exporter; the first Finished still
// binds a full handshake, and no resumed one.
func TestBindingWithoutEMS(t *testing.T) {
	p := newPair(t, upTo(iana.TLS12))
	p.server.Edit(only(func(m *wire.ServerHello) { m.Extensions.Remove(iana.ExtExtendedMasterSecret) }))
	p.client.Edit(only(func(m *wire.ClientHello) { m.Extensions.Remove(iana.ExtExtendedMasterSecret) }))
	p.connect(t)
	a, err := p.client.ChannelBinding(BindingUnique)
	must(t, err)
	b, err := p.server.ChannelBinding(BindingUnique)
	must(t, err)
	if len(a) != 12 || !bytes.Equal(a, b) {
		t.Errorf("tls-unique %x and %x", a, b)
	}
	if _, err := p.client.ChannelBinding(BindingExporter); !errors.Is(err, fault.ExportUnsafe) {
		t.Errorf("tls-exporter: %v", err)
	}
	info := p.client.Info()
	info.TLSUnique = nil // as on a resumed connection
	p.client.info.Store(info.Settle())
	if _, err := p.client.ChannelBinding(BindingUnique); !errors.Is(err, fault.ChannelBinding) {
		t.Errorf("tls-unique of a resumed connection: %v", err)
	}
	info.ServerCertificate = nil
	p.client.info.Store(info.Settle())
	if _, err := p.client.ChannelBinding(BindingEndPoint); !errors.Is(err, fault.ChannelBinding) {
		t.Errorf("tls-server-end-point without a certificate: %v", err)
	}
}

func TestCertificateHash(t *testing.T) {
	for a, want := range map[x509.SignatureAlgorithm]crypto.Hash{
		x509.MD5WithRSA: crypto.SHA256, x509.SHA1WithRSA: crypto.SHA256, x509.ECDSAWithSHA1: crypto.SHA256,
		x509.SHA256WithRSAPSS: crypto.SHA256, x509.SHA384WithRSA: crypto.SHA384, x509.SHA512WithRSAPSS: crypto.SHA512,
		x509.PureEd25519: 0, x509.UnknownSignatureAlgorithm: 0,
	} {
		if got := certificateHash(a); got != want {
			t.Errorf("%v: %v, want %v", a, got, want)
		}
	}
}
