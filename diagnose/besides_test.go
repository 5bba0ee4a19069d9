package diagnose_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/diagnose"
	"github.com/handclasp/handclasp/internal/pki"
)

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
		l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{{Certificate: issued.Chain, PrivateKey: issued.Key}}})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				if c.(*tls.Conn).Handshake() == nil {
					x.end(c.(*tls.Conn))
				}
				c.Close()
			}
		}()
		at := l.Addr().(*net.TCPAddr).AddrPort()
		r, err := diagnose.Run(t.Context(), diagnose.Options{
			Host: "localhost", Port: fmt.Sprint(at.Port()), Client: &handclasp.ClientConfig{ServerName: "localhost", RootCAs: roots}, Linger: 10 * time.Second,
			Lookup:  func(context.Context, string, string) ([]netip.Addr, error) { return []netip.Addr{at.Addr()}, nil },
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
