package explain_test

import (
	"crypto/tls"
	"net"
	"testing"
	"time"

	"github.com/handclasp/handclasp/engine"
	"github.com/handclasp/handclasp/explain"
	"github.com/handclasp/handclasp/fault"
)

// TestCryptoTLS12 tells of a TLS 1.2 server that is not ours: of its reasons
// nothing is known.
func TestCryptoTLS12(t *testing.T) {
	p := newPair(t)
	key, err := p.issued.KeyPEM()
	check(t, err)
	cert, err := tls.X509KeyPair(p.issued.PEM(), key)
	check(t, err)
	near, far := net.Pipe()
	defer near.Close()
	check(t, near.SetDeadline(time.Now().Add(10*time.Second)))
	done := make(chan error, 1)
	go func() {
		server := tls.Server(far, &tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, Time: p.client.Time})
		done <- server.Handshake()
	}()

	k := &clock{t: birth}
	p.rec = explain.New(fault.Client, k.now)
	p.rec.Target("localhost:443")
	c, err := engine.NewClient(&p.client)
	check(t, err)
	c.Watch(p.rec.Watch)
	var in []byte
	for !c.Connected() {
		p.answer(c)
		if out := c.Output(nil); len(out) > 0 {
			_, err := near.Write(out)
			check(t, err)
		}
		n, _, err := c.Recv(in)
		check(t, err)
		if in = in[n:]; n > 0 || c.Ask() != nil {
			continue
		}
		chunk := make([]byte, 4096)
		n, err = near.Read(chunk)
		check(t, err)
		in = append(in, chunk[:n]...)
	}
	check(t, <-done)
	golden(t, "tls12-crypto-tls.txt", text(t, p.rec.Story(), explain.TextOptions{}))
}
