package diagnose_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/diagnose"
	"github.com/handclasp/handclasp/internal/pki"
)

// stranger is a server of crypto/tls that ends each connection in its own way after the
// handshake. It gives its port.
func stranger(t *testing.T, cfg *tls.Config, end func(*tls.Conn)) string {
	t.Helper()
	return plainServer(t, func(raw net.Conn) {
		if c := tls.Server(raw, cfg); c.Handshake() == nil {
			end(c)
			c.Close()
		}
	})
}

// TestBesides: a certificate that is not good is told also where the server ends the
// connection after the handshake; before that, if it ends it properly.
func TestBesides(t *testing.T) {
	t.Parallel()
	now := time.Now()
	a, err := pki.NewAuthority("Test root", pki.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(a.PEM())
	good, expired := pki.Leaf{}, pki.Leaf{NotBefore: now.Add(-48 * time.Hour), NotAfter: now.Add(-24 * time.Hour)}
	part := func(c *tls.Conn) { c.Close() }
	cut := func(c *tls.Conn) { c.NetConn().Close() }
	for _, x := range []struct {
		leaf  pki.Leaf
		end   func(*tls.Conn)
		finds string
	}{
		{good, part, "parts-at-once"}, {expired, part, "cert-expired parts-at-once"},
		{good, cut, "breaks-off"}, {expired, cut, "breaks-off cert-expired"},
	} {
		x.leaf.Names = []string{"localhost"}
		issued, err := a.Issue(x.leaf)
		if err != nil {
			t.Fatal(err)
		}
		at := stranger(t, &tls.Config{Certificates: []tls.Certificate{{Certificate: issued.Chain, PrivateKey: issued.Key}}}, x.end)
		r, err := diagnose.Run(t.Context(), diagnose.Options{
			Host: "localhost", Port: at, Client: &handclasp.ClientConfig{ServerName: "localhost", RootCAs: roots}, Linger: 10 * time.Second,
			Lookup: func(context.Context, string, string) ([]netip.Addr, error) {
				return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
			},
			Reverse: func(context.Context, string) ([]string, error) { return nil, nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		if found(r) != x.finds || r.Works {
			t.Errorf("found %q, want %q\n%s", found(r), x.finds, tell(r))
		}
	}
}

// TestNamesNobody: where the server names no authorities, the way out is not one of
// those that it names.
func TestNamesNobody(t *testing.T) {
	t.Parallel()
	a, err := pki.NewAuthority("Test root", pki.Options{Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	issued, err := a.Issue(pki.Leaf{Names: []string{"localhost"}})
	if err != nil {
		t.Fatal(err)
	}
	at := stranger(t, &tls.Config{Certificates: []tls.Certificate{{Certificate: issued.Chain, PrivateKey: issued.Key}}, ClientAuth: tls.RequireAnyClientCert}, func(*tls.Conn) {})
	r, err := diagnose.Run(t.Context(), diagnose.Options{
		Host: "localhost", Port: at, Client: &handclasp.ClientConfig{ServerName: "localhost", InsecureSkipVerify: true}, Linger: 10 * time.Second,
		Lookup: func(context.Context, string, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Findings[0].ID != "client-cert-required" || strings.Contains(r.Findings[0].Fix, "names") {
		t.Errorf("%s\n%s", r.Findings[0].Fix, tell(r))
	}
}
