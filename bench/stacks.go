package main

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/session"
)

// A conn is what the connections of both stacks can do.
type conn interface {
	net.Conn
	Handshake() error
	ConnectionState() tls.ConnectionState
}

// The names of the stacks, as they are printed.
const (
	ours    = "handclasp"
	std     = "crypto/tls"
	other   = "OpenSSL"
	plain   = "TCP alone"
	looped  = "handclasp, event loop"
	serving = "localhost"
)

// An identity is a leaf below an intermediate, in the forms that the stacks want.
type identity struct {
	roots              *x509.CertPool
	ours               handclasp.Certificate
	std                tls.Certificate
	rootPEM, cert, key []byte
}

// material is what all cases share.
type material struct{ ecdsa, rsa *identity }

func newMaterial() (*material, error) {
	var m material
	for kind, to := range map[pki.Key]**identity{pki.P256: &m.ecdsa, pki.RSA2048: &m.rsa} {
		var err error
		if *to, err = newIdentity(kind); err != nil {
			return nil, err
		}
	}
	return &m, nil
}

func newIdentity(k pki.Key) (*identity, error) {
	o := pki.Options{Now: time.Now(), Key: k}
	root, err := pki.NewAuthority("Bench root", o)
	if err != nil {
		return nil, err
	}
	below, err := root.Intermediate("Bench intermediate", o)
	if err != nil {
		return nil, err
	}
	leaf, err := below.Issue(pki.Leaf{Names: []string{serving}, Key: k})
	if err != nil {
		return nil, err
	}
	id := &identity{roots: root.Pool(), rootPEM: root.PEM(), cert: leaf.PEM()}
	if id.key, err = leaf.KeyPEM(); err != nil {
		return nil, err
	}
	if id.ours, err = handclasp.X509KeyPair(id.cert, id.key); err != nil {
		return nil, err
	}
	id.std, err = tls.X509KeyPair(id.cert, id.key)
	return id, err
}

// A shape is what a case wants of a connection, whatever the stack.
type shape struct {
	version  iana.Version
	suite    iana.CipherSuite // 0: by default
	group    iana.Group       // 0: by default
	id       *identity
	mutual   bool
	resume   bool
	remember bool // the verdict on the chain, where a stack can
	early    bool // 0-RTT data
	retry    bool // the server wants a share that the client did not send
}

// A way is how one stack makes the two ends of a connection.
type way struct {
	client, server func(net.Conn) conn
}

// ourWay is the shape in Handclasp's configuration.
func ourWay(s shape) (way, error) {
	client := &handclasp.ClientConfig{ServerName: serving, RootCAs: s.id.roots, MinVersion: s.version, MaxVersion: s.version}
	server := &handclasp.ServerConfig{Certificates: []handclasp.Certificate{s.id.ours}, MinVersion: s.version, MaxVersion: s.version}
	if s.suite != 0 {
		client.CipherSuites, server.CipherSuites = []iana.CipherSuite{s.suite}, []iana.CipherSuite{s.suite}
	}
	if s.group != 0 {
		client.CurvePreferences, server.CurvePreferences = []iana.Group{s.group}, []iana.Group{s.group}
	}
	if s.retry {
		client.KeyShares = []iana.Group{}
	}
	if s.mutual {
		client.Certificates, server.ClientCAs = server.Certificates, s.id.roots
		server.ClientAuth = handclasp.RequireAndVerifyClientCert
	}
	if s.remember {
		verdicts, err := session.NewVerdicts(session.VerdictOptions{})
		if err != nil {
			return way{}, err
		}
		client.Verdicts, server.Verdicts = verdicts, verdicts
	}
	if s.resume {
		if err := ourSessions(client, server, s); err != nil {
			return way{}, err
		}
	}
	return way{
		func(c net.Conn) conn { return handclasp.Client(c, client) },
		func(c net.Conn) conn { return handclasp.Server(c, server) },
	}, nil
}

// ourSessions has the client keep one session and the server give one ticket, as
// crypto/tls does.
func ourSessions(client *handclasp.ClientConfig, server *handclasp.ServerConfig, s shape) error {
	store, err := session.NewClientMemory(session.ClientOptions{Clock: time.Now})
	if err != nil {
		return err
	}
	tickets, err := session.NewTickets(session.TicketOptions{Clock: time.Now})
	if err != nil {
		return err
	}
	client.Sessions, server.Tickets, server.TicketCount = store, tickets, 1
	if !s.early {
		return nil
	}
	past := func() time.Time { return time.Now().Add(-time.Hour) } // a store that is new refuses for a while
	kv, err := session.NewMemory(session.MemoryOptions{Clock: past})
	if err != nil {
		return err
	}
	guard, err := session.NewGuard(session.GuardOptions{KV: kv, Clock: time.Now})
	if err != nil {
		return err
	}
	client.EarlyData, server.EarlyData, server.Guard = true, 1<<14, guard
	return nil
}

// stdWay is the shape in the configuration of crypto/tls, which has no choice
// between the suites of TLS 1.3.
func stdWay(s shape) way {
	client := &tls.Config{ServerName: serving, RootCAs: s.id.roots, MinVersion: uint16(s.version), MaxVersion: uint16(s.version)}
	server := &tls.Config{
		Certificates: []tls.Certificate{s.id.std}, MinVersion: uint16(s.version), MaxVersion: uint16(s.version), SessionTicketsDisabled: !s.resume,
	}
	if s.version < iana.TLS13 {
		client.CipherSuites, server.CipherSuites = []uint16{uint16(s.suite)}, []uint16{uint16(s.suite)}
	}
	if s.group != 0 {
		client.CurvePreferences, server.CurvePreferences = []tls.CurveID{tls.CurveID(s.group)}, []tls.CurveID{tls.CurveID(s.group)}
	}
	if s.retry { // it sends a share of X25519 if it may
		client.CurvePreferences = append([]tls.CurveID{tls.X25519}, client.CurvePreferences...)
	}
	if s.mutual {
		client.Certificates, server.ClientCAs = server.Certificates, s.id.roots
		server.ClientAuth = tls.RequireAndVerifyClientCert
	}
	if s.resume {
		client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	}
	return way{
		func(c net.Conn) conn { return tls.Client(c, client) },
		func(c net.Conn) conn { return tls.Server(c, server) },
	}
}
