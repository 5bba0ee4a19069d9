// Package lab holds servers that misbehave, each in one way, to learn from and to
// test against: bad certificates, nothing in common, refusals at every step,
// devices that dislike something in a ClientHello, servers that are not always
// alike.
//
// Policy: one case, one cause. Everything else about a case's server is good, so
// that whoever finds another cause is wrong. What an honest server would do is
// done by our own engine with a configuration; only what none would do is
// scripted, on the engine or on records. Keys and authorities are made up for
// each server and die with it. A server serves until its context ends, and waits
// for its connections.
package lab

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/sign"
)

// A Case is a server that misbehaves in one way.
type Case struct {
	Name  string
	Text  string // what is wrong with it, one sentence
	Cause string // what a diagnosis of it should find, by its name in package diagnose
	Host  string // what a client that shall fail calls it; "" means localhost
	Flags string // what such a client sets besides, as flags of the command

	client func(*bench, *handclasp.ClientConfig) error // the same on a configuration
	serve  func(*bench) (func(net.Conn), error)        // makes the handler of its connections
}

// Cases are all of them, in groups of like ones.
func Cases() []*Case {
	var all []*Case
	for _, group := range [][]Case{good, chains, parameters, clients, names, stops(), hellos, oddities} {
		for i := range group {
			all = append(all, &group[i])
		}
	}
	return all
}

// Find is the case of that name; or, for "resets-if CONDITION" and "drops-if
// CONDITION", one that is made for it.
func Find(name string) (*Case, error) {
	for _, c := range Cases() {
		if c.Name == name {
			return c, nil
		}
	}
	for verb, refuse := range refusals {
		if rest, ok := strings.CutPrefix(name, verb+"-if "); ok {
			condition, err := ParseCondition(rest)
			if err != nil {
				return nil, err
			}
			c := refusing(name, condition, refuse)
			return &c, nil
		}
	}
	return nil, errors.New("there is no case of this name")
}

// A Server is a case that is ready to serve.
type Server struct {
	*Case
	Trust *x509.CertPool // the authority that its clients are to trust
	PEM   []byte         // the same, in PEM

	bench  *bench
	handle func(net.Conn)
}

// Open makes keys and certificates for the case.
func (c *Case) Open() (*Server, error) {
	b, err := newBench()
	if err != nil {
		return nil, err
	}
	handle, err := c.serve(b)
	if err != nil {
		return nil, err
	}
	return &Server{Case: c, Trust: b.root.Pool(), PEM: b.root.PEM(), bench: b, handle: handle}, nil
}

// Client is the configuration of a client that meets what is wrong.
func (s *Server) Client() (*handclasp.ClientConfig, error) {
	cfg := &handclasp.ClientConfig{RootCAs: s.Trust, ServerName: s.Address()}
	if s.client == nil {
		return cfg, nil
	}
	return cfg, s.client(s.bench, cfg)
}

// Identity is the certificate of the client that meets what is wrong, and its key,
// in PEM; nil if it has none.
func (s *Server) Identity() (cert, key []byte, err error) {
	if _, err := s.Client(); err != nil || s.bench.client == nil {
		return nil, nil, err
	}
	key, err = s.bench.client.KeyPEM()
	return s.bench.client.PEM(), key, err
}

// Address is what a client calls the server's host.
func (c *Case) Address() string {
	if c.Host == "" {
		return "localhost"
	}
	return c.Host
}

// Serve takes connections until ctx ends, and then closes those that are open.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	var working sync.WaitGroup
	defer working.Wait()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	for {
		raw, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		working.Go(func() {
			end := context.AfterFunc(ctx, func() { raw.Close() })
			defer end()
			defer raw.Close()
			s.handle(raw)
		})
	}
}

// A bench is what servers are made of: an authority, one below it that issues,
// and the time.
type bench struct {
	root, issuer *pki.Authority
	now          time.Time
	client       *pki.Issued // what the client shows; nil if it has nothing to show
}

// issuerURL is where clients that follow it would find the issuer's certificate.
const issuerURL = "http://lab.example/issuer.der"

func newBench() (*bench, error) {
	b := &bench{now: time.Now()}
	var err error
	if b.root, err = pki.NewAuthority("Handclasp lab root", pki.Options{Now: b.now}); err != nil {
		return nil, err
	}
	b.issuer, err = b.root.Intermediate("Handclasp lab issuer", pki.Options{})
	return b, err
}

// leaf is a good certificate's description.
func leaf() pki.Leaf {
	return pki.Leaf{Names: []string{"localhost", "127.0.0.1", "::1"}, IssuerURL: issuerURL}
}

// certificate has i as a server shows it.
func certificate(i *pki.Issued) (config.Certificate, error) {
	signer, err := sign.FromCrypto(i.Key)
	if err != nil {
		return config.Certificate{}, err
	}
	return config.NewCertificate(i.Chain, signer)
}

// issue makes a certificate below the issuer.
func (b *bench) issue(l pki.Leaf) (config.Certificate, error) {
	i, err := b.issuer.Issue(l)
	if err != nil {
		return config.Certificate{}, err
	}
	return certificate(i)
}

// config is a good server's configuration.
func (b *bench) config() (*handclasp.ServerConfig, error) {
	c, err := b.issue(leaf())
	return &handclasp.ServerConfig{Certificates: []config.Certificate{c}}, err
}

// configured makes the server of a good configuration that change has had in its
// hands.
func configured(change func(*bench, *handclasp.ServerConfig) error) func(*bench) (func(net.Conn), error) {
	return func(b *bench) (func(net.Conn), error) {
		cfg, err := b.config()
		if err == nil && change != nil {
			err = change(b, cfg)
		}
		return honest(cfg), err
	}
}

// patience is how long a server of the lab waits for its client: longer than clients
// have patience with it.
const patience = time.Minute

// honest serves as the configuration says: a handshake, and an answer to whoever
// asks something.
func honest(cfg *handclasp.ServerConfig) func(net.Conn) {
	return saying(cfg, func(*handclasp.Conn) string { return answer() })
}

// saying is honest, with another answer.
func saying(cfg *handclasp.ServerConfig, answer func(*handclasp.Conn) string) func(net.Conn) {
	return func(raw net.Conn) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		conn := handclasp.Server(raw, cfg)
		conduct := conductOf(raw)
		if conduct != nil {
			conn.Watch(conduct.watch)
		}
		err := conn.HandshakeContext(ctx)
		if conduct.ended(err); err != nil {
			part(raw)
			return
		}
		conn.SetDeadline(time.Now().Add(patience))
		buf := make([]byte, 4096)
		n, err := conn.Read(buf)
		if conduct.read(n, err); err == nil && n > 0 {
			io.WriteString(conn, answer(conn))
		}
		conn.Close()
	}
}

// answer is what a client that asks gets.
func answer() string {
	return fmt.Sprintf("HTTP/1.0 200 OK\r\nDate: %s\r\nContent-Type: text/plain\r\n\r\nThe handshake worked.\n", time.Now().UTC().Format(http.TimeFormat))
}

// part closes in order: what was sent arrives before the end.
func part(raw net.Conn) {
	if half, ok := raw.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
		drain(raw, 300*time.Millisecond)
	}
	raw.Close()
}

// reset closes with RST.
func reset(raw net.Conn) {
	if tcp, ok := raw.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	raw.Close()
}

// stall says nothing more, until the client goes.
func stall(raw net.Conn) { drain(raw, patience) }

// drain reads until the client closes, for a while at most.
func drain(raw net.Conn, while time.Duration) {
	raw.SetReadDeadline(time.Now().Add(while))
	buf := make([]byte, 4096)
	for {
		if _, err := raw.Read(buf); err != nil {
			return
		}
	}
}
