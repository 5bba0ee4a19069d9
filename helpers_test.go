package handclasp_test

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/internal/pki"
)

// identity is one certificate in both stacks' form.
type identity struct {
	ours handclasp.Certificate
	std  tls.Certificate
}

// authority signs all certificates of this package's tests.
var authority = sync.OnceValue(func() *pki.Authority {
	a, err := pki.NewAuthority("Handclasp test root", pki.Options{Now: time.Now()})
	if err != nil {
		panic(err)
	}
	return a
})

// identities are made once: RSA keys take their time.
var identities = func() map[pki.Key]func() identity {
	m := map[pki.Key]func() identity{}
	for _, k := range []pki.Key{pki.P256, pki.P384, pki.P521, pki.RSA2048, pki.Ed25519} {
		m[k] = sync.OnceValue(func() identity { return issue(pki.Leaf{Names: []string{"localhost", "127.0.0.1"}, Key: k}) })
	}
	return m
}()

func issue(l pki.Leaf) identity { return issueBy(authority(), l) }

func issueBy(a *pki.Authority, l pki.Leaf) identity {
	issued, err := a.Issue(l)
	if err != nil {
		panic(err)
	}
	key, err := issued.KeyPEM()
	if err != nil {
		panic(err)
	}
	ours, err := handclasp.X509KeyPair(issued.PEM(), key)
	if err != nil {
		panic(err)
	}
	std, err := tls.X509KeyPair(issued.PEM(), key)
	if err != nil {
		panic(err)
	}
	return identity{ours, std}
}

func roots() *x509.CertPool { return authority().Pool() }

func clientConfig() *handclasp.ClientConfig {
	return &handclasp.ClientConfig{ServerName: "localhost", RootCAs: roots()}
}

func serverConfig() *handclasp.ServerConfig {
	return &handclasp.ServerConfig{Certificates: []handclasp.Certificate{identities[pki.P256]().ours}}
}

// loopback is a pair of TCP connections that know each other.
func loopback(t testing.TB) (client, server net.Conn) {
	t.Helper()
	return handclasp.Transports(t, "tcp", "127.0.0.1:0")
}

// connected is a pair of our own connections after the handshake.
func connected(t testing.TB) (client, server *handclasp.Conn) {
	t.Helper()
	c, s := loopback(t)
	client, server = handclasp.Client(c, clientConfig()), handclasp.Server(s, serverConfig())
	if err := both(client.Handshake, server.Handshake); err != nil {
		t.Fatal(err)
	}
	return client, server
}

// both runs two functions at once and joins their errors.
func both(f, g func() error) error {
	done := make(chan error, 1)
	go func() { done <- g() }()
	err := f()
	return errors.Join(err, <-done)
}

// closeWriter is what both stacks' connections have.
type closeWriter interface {
	net.Conn
	CloseWrite() error
}

// exchange sends data from each side to the other at once, closes the writing
// sides, and checks what came.
func exchange(a, b closeWriter, n int) error {
	data := make([]byte, n)
	rand.Read(data)
	side := func(c closeWriter) error {
		return both(func() error {
			if _, err := c.Write(data); err != nil {
				return err
			}
			return c.CloseWrite()
		}, func() error {
			got, err := io.ReadAll(c)
			if err == nil && !bytes.Equal(got, data) {
				err = errors.New("data differ")
			}
			return err
		})
	}
	return both(func() error { return side(a) }, func() error { return side(b) })
}
