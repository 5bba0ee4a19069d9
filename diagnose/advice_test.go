package diagnose_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/diagnose"
	"github.com/handclasp/handclasp/internal/lab"
	"github.com/handclasp/handclasp/internal/pki"
)

// TestAdvice: what a finding says fits the client and the server, not only the alert.
func TestAdvice(t *testing.T) {
	t.Parallel()
	nameless := func(o *diagnose.Options) { o.Host, o.Client.ServerName = "127.0.0.1", "127.0.0.1" }
	for _, x := range []struct {
		name   string
		change func(*diagnose.Options)
		want   string // the cause
		says   string // its detail
		fix    string
	}{
		{"hello-alert-unrecognized_name", nil, "name-unknown", `The name is "localhost".`, "Add the name"},
		{"hello-alert-unrecognized_name", nameless, "sni-required", `none of the names that were tried either: "localhost", "www.example.com".`, "Connect by the server's name."},
		{"hello-alert-handshake_failure", nil, "refuses-all", "handshake_failure", "no certificate with a private key"},
		{"flight-silence", func(o *diagnose.Options) { o.Timeout = time.Second }, "breaks-off", "nothing came", "lost on the way"},
		{"hello-alert-handshake_failure", func(o *diagnose.Options) { o.MaxConnections = 4 }, "refuses-all", "Not all", ""},
		{"hello-alert-access_denied", nil, "refuses-all", "access_denied", "at the time of the connection."},
	} {
		t.Run(x.name+" "+x.want, func(t *testing.T) {
			t.Parallel()
			c, err := lab.Find(x.name)
			if err != nil {
				t.Fatal(err)
			}
			r := examine(t, c, x.change)
			if strings.Contains(r.Findings[0].Text, "every ClientHello that we can make") != (x.want == "refuses-all" && r.Connections > 4) {
				t.Error(r.Findings[0].Text)
			}
			if f := r.Findings[0]; found(r) != x.want || !strings.Contains(f.Detail, x.says) || !strings.Contains(f.Fix, x.fix) {
				t.Errorf("%s\n%s", f.Fix, tell(r))
			}
		})
	}
}

// TestNeverWorks: where no handshake works, nobody is told that some do.
func TestNeverWorks(t *testing.T) {
	t.Parallel()
	var n atomic.Int32
	at := plainServer(t, func(c net.Conn) {
		c.Read(make([]byte, 4096))
		if n.Add(1)%2 == 0 {
			c.(*net.TCPConn).SetLinger(0) // a reset
		}
	})
	r, err := diagnose.Run(t.Context(), diagnose.Options{Host: "127.0.0.1", Port: at, Pause: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if found(r) != "unstable" || !strings.Contains(r.Findings[0].Detail, "none works") {
		t.Error(tell(r))
	}
}

// TestAlone: a client's certificate that comes without its issuer's may be from an
// authority that the server names all the same, at one remove.
func TestAlone(t *testing.T) {
	t.Parallel()
	root, err := pki.NewAuthority("Test root", pki.Options{Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	below, err := root.Intermediate("Test issuer", pki.Options{})
	if err != nil {
		t.Fatal(err)
	}
	server, err := root.Issue(pki.Leaf{Names: []string{"localhost"}})
	if err != nil {
		t.Fatal(err)
	}
	mine, err := below.Issue(pki.Leaf{Names: []string{"me"}, Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil {
		t.Fatal(err)
	}
	at := stranger(t, &tls.Config{Certificates: []tls.Certificate{{Certificate: server.Chain, PrivateKey: server.Key}}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: root.Pool()},
		func(c *tls.Conn) { c.Read(make([]byte, 1)) })
	for sent, want := range map[int]string{1: "client-cert-wrong-ca", len(mine.Chain): "nothing-wrong"} {
		own, err := handclasp.FromTLS(tls.Certificate{Certificate: mine.Chain[:sent], PrivateKey: mine.Key})
		if err != nil {
			t.Fatal(err)
		}
		r, err := diagnose.Run(t.Context(), diagnose.Options{
			Host: "127.0.0.1", Port: at, Linger: time.Second,
			Client: &handclasp.ClientConfig{ServerName: "localhost", RootCAs: root.Pool(), Certificates: []handclasp.Certificate{own}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if found(r) != want || sent == 1 && !strings.HasPrefix(r.Findings[0].Fix, `If "CN=Test issuer`) {
			t.Errorf("%s\n%s", r.Findings[0].Fix, tell(r))
		}
	}
}

// An altering connection brings one byte otherwise than it was sent.
type altering struct {
	net.Conn
	done bool
}

func (c *altering) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if !c.done && n > 300 {
		c.done = true
		b[280] ^= 1
	}
	return n, err
}

// TestAltered: what does not decrypt may have been altered on the way.
func TestAltered(t *testing.T) {
	t.Parallel()
	good, err := lab.Find("good")
	if err != nil {
		t.Fatal(err)
	}
	r := examine(t, good, func(o *diagnose.Options) {
		o.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			raw, err := new(net.Dialer).DialContext(ctx, network, addr)
			return &altering{Conn: raw}, err
		}
	})
	if f := r.Findings[0]; found(r) != "broken-peer" || f.Confidence != diagnose.Likely || f.Who != diagnose.Path {
		t.Error(tell(r))
	}
}
