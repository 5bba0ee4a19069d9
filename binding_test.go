package handclasp_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/internal/pki"
)

// TestChannelBinding: in both roles and versions, what crypto/tls computes is
// what we do, and what the RFCs refuse is refused.
func TestChannelBinding(t *testing.T) {
	id := identities[pki.P256]()
	for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, client := range []bool{true, false} {
			a, b := loopback(t)
			var ours *handclasp.Conn
			var std *tls.Conn
			if client {
				ours = handclasp.Client(a, clientConfig())
				std = tls.Server(b, &tls.Config{Certificates: []tls.Certificate{id.std}, MaxVersion: v})
			} else {
				std = tls.Client(a, &tls.Config{ServerName: "localhost", RootCAs: roots(), MaxVersion: v})
				ours = handclasp.Server(b, serverConfig())
			}
			if _, err := ours.ChannelBinding(handclasp.BindingExporter); !errors.Is(err, fault.NotConnected) {
				t.Errorf("before the handshake: %v", err)
			}
			if err := both(ours.Handshake, std.Handshake); err != nil {
				t.Fatal(err)
			}
			state := std.ConnectionState()
			exporter, err := state.ExportKeyingMaterial("EXPORTER-Channel-Binding", []byte{}, 32)
			if err != nil {
				t.Fatal(err)
			}
			point := sha256.Sum256(id.std.Certificate[0])
			for kind, want := range map[string][]byte{
				handclasp.BindingExporter: exporter, handclasp.BindingEndPoint: point[:], handclasp.BindingUnique: state.TLSUnique,
			} {
				got, err := ours.ChannelBinding(kind)
				if refused := kind == handclasp.BindingUnique && v == tls.VersionTLS13; refused {
					if !errors.Is(err, fault.ChannelBinding) {
						t.Errorf("%s in TLS 1.3: %x, %v", kind, got, err)
					}
				} else if err != nil || !bytes.Equal(got, want) || len(got) == 0 {
					t.Errorf("client %v, version %x, %s: %x (%v), want %x", client, v, kind, got, err, want)
				}
			}
			if got := ours.ConnectionState().TLSUnique; !bytes.Equal(got, state.TLSUnique) {
				t.Errorf("ConnectionState: %x, want %x", got, state.TLSUnique)
			}
			if _, err := ours.ChannelBinding("tls-other"); !errors.Is(err, fault.ChannelBinding) {
				t.Errorf("an unknown kind: %v", err)
			}
		}
	}
}

// TestEndPointHash: the certificate's own signature says which hash it is; where
// it says none there is no binding.
func TestEndPointHash(t *testing.T) {
	for _, c := range []struct {
		key  pki.Key
		sig  x509.SignatureAlgorithm
		want func([]byte) []byte
	}{
		{pki.P256, x509.ECDSAWithSHA256, sum(sha256.Sum256)},
		{pki.P256, x509.ECDSAWithSHA384, func(b []byte) []byte { s := sha512.Sum384(b); return s[:] }},
		{pki.P256, x509.ECDSAWithSHA512, func(b []byte) []byte { s := sha512.Sum512(b); return s[:] }},
		{pki.Ed25519, x509.PureEd25519, nil},
	} {
		a, err := pki.NewAuthority("Root of "+c.sig.String(), pki.Options{Key: c.key, Now: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		i := issueBy(a, pki.Leaf{Names: []string{"localhost"}, Signature: c.sig})
		x, y := loopback(t)
		cfg := clientConfig()
		cfg.InsecureSkipVerify = true
		client, server := handclasp.Client(x, cfg), handclasp.Server(y, &handclasp.ServerConfig{Certificates: []handclasp.Certificate{i.ours}})
		if err := both(client.Handshake, server.Handshake); err != nil {
			t.Fatalf("%v: %v", c.sig, err)
		}
		for _, conn := range []*handclasp.Conn{client, server} {
			got, err := conn.ChannelBinding(handclasp.BindingEndPoint)
			switch {
			case c.want == nil && !errors.Is(err, fault.ChannelBinding):
				t.Errorf("%v: %x, %v", c.sig, got, err)
			case c.want != nil && (err != nil || !bytes.Equal(got, c.want(i.std.Certificate[0]))):
				t.Errorf("%v: %x, %v", c.sig, got, err)
			}
		}
	}
}

func sum(f func([]byte) [32]byte) func([]byte) []byte {
	return func(b []byte) []byte { s := f(b); return s[:] }
}
