// Package handclasp is TLS behind net.Conn: Dial, Listen, Client and Server.
//
// Names and meaning follow crypto/tls where they are the same thing. What
// differs: client and server configuration are two types; a certificate is made
// once, by LoadX509KeyPair, X509KeyPair or FromTLS; cipher suites, groups and
// signature schemes are offered in the order given; a connection tells what
// happens on it (Conn.Watch) and what came of it (Conn.Info); and every error
// of the protocol is a *fault.Error, which names the rule, the side at fault,
// the alert, the section and what to do.
//
// Policy: this package moves bytes between a net.Conn and package engine, which
// decides everything, and answers the engine's questions. It alone reads the
// clock and starts goroutines.
package handclasp

import (
	"context"
	"net"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/flow"
)

type (
	// ClientConfig configures the client side of connections.
	ClientConfig = config.ClientConfig
	// ServerConfig configures the server side of connections.
	ServerConfig = config.ServerConfig
	// Certificate is a certificate chain with the key of its leaf.
	Certificate = config.Certificate
	// HelloInfo is what a ClientHello says; see GetConfigForClient.
	HelloInfo = config.HelloInfo
	// CertificateRequestInfo is what a server asks of a client's certificate;
	// see GetClientCertificate.
	CertificateRequestInfo = config.CertificateRequestInfo
	// ClientAuthType says what a server wants of a client's certificate.
	ClientAuthType = config.ClientAuthType
	// PSK is a key that both sides have got by other means.
	PSK = config.PSK
	// ALPNMismatch says what a client gets with whom no application protocol is in
	// common; see ServerConfig.ALPNMismatch.
	ALPNMismatch = config.ALPNMismatch
	// Limits bound what a peer can make this side hold or do.
	Limits = config.Limits
	// Event is something that happened on a connection; see Conn.Watch.
	Event = flow.Event
	// Info is what a handshake has settled; see Conn.Info.
	Info = flow.Info
)

// What a server may want of a client's certificate; see ServerConfig.ClientAuth.
const (
	NoClientCert               = config.NoClientCert
	RequestClientCert          = config.RequestClientCert
	RequireAnyClientCert       = config.RequireAnyClientCert
	VerifyClientCertIfGiven    = config.VerifyClientCertIfGiven
	RequireAndVerifyClientCert = config.RequireAndVerifyClientCert
)

// What a server may do when no application protocol is in common; see
// ServerConfig.ALPNMismatch.
const (
	ALPNRefuse = config.ALPNRefuse
	ALPNGoOn   = config.ALPNGoOn
)

// Dial connects to addr, "host:port", and completes the handshake. An empty
// ServerName of cfg becomes the host. A nil cfg is the zero ClientConfig. Until TCP is
// connected it has no time limit but the network's own; DialContext can set one.
func Dial(network, addr string, cfg *ClientConfig) (*Conn, error) {
	return DialContext(context.Background(), network, addr, cfg)
}

// DialContext is Dial within a context, which bounds name resolution, the
// connection and the handshake, but not what is done with the result.
func DialContext(ctx context.Context, network, addr string, cfg *ClientConfig) (*Conn, error) {
	var c ClientConfig
	if cfg != nil {
		c = *cfg
	}
	if c.ServerName == "" {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		c.ServerName = host
	}
	raw, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	conn := Client(raw, &c)
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, err
	}
	return conn, nil
}

// Client is the client's end of TLS over conn. The handshake happens at the
// first Handshake, Read or Write. cfg needs a ServerName, or
// InsecureSkipVerify.
func Client(conn net.Conn, cfg *ClientConfig) *Conn { return newClient(conn, cfg) }

// Server is the server's end of TLS over conn. The handshake happens at the
// first Handshake, Read or Write.
func Server(conn net.Conn, cfg *ServerConfig) *Conn { return newServer(conn, cfg) }

// Listen listens on addr and gives connections that speak TLS. It fails if cfg
// can't be used.
func Listen(network, addr string, cfg *ServerConfig) (net.Listener, error) {
	if cfg == nil {
		cfg = new(ServerConfig)
	}
	if _, err := cfg.Params(); err != nil {
		return nil, err
	}
	inner, err := net.Listen(network, addr)
	if err != nil {
		return nil, err
	}
	return NewListener(inner, cfg), nil
}

// NewListener wraps a listener. Accept does not wait for the handshake, so a
// slow client holds up nobody else; each connection is a *Conn. Of those that have
// not completed their handshake there are at most so many as cfg.Limits.HalfOpen
// says: the oldest gives way to a new one, with rule fault.HandshakeCrowded.
func NewListener(inner net.Listener, cfg *ServerConfig) net.Listener {
	if cfg == nil {
		cfg = new(ServerConfig)
	}
	l := &listener{Listener: inner, cfg: cfg}
	if p, err := cfg.Params(); err == nil { // else each connection says so
		l.crowd.most = p.Limits.HalfOpen
	}
	return l
}

type listener struct {
	net.Listener
	cfg   *ServerConfig
	crowd crowd
}

func (l *listener) Accept() (net.Conn, error) {
	raw, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	conn := newServer(raw, l.cfg)
	if conn.broken == nil {
		l.crowd.enter(conn)
	}
	return conn, nil
}
