// Package grpccreds lets gRPC speak over Handclasp. It is a module of its own, so
// that Handclasp itself does not depend on gRPC.
//
//	srv := grpc.NewServer(grpc.Creds(grpccreds.NewServer(&handclasp.ServerConfig{Certificates: certs})))
//
//	conn, err := grpc.NewClient("example.com:443", grpc.WithTransportCredentials(grpccreds.NewClient(nil)))
//
// What the handshake has settled is in the AuthInfo of a peer.Peer; see FromPeer.
//
// Policy: a configuration is copied and never modified. Both sides must agree on
// HTTP/2 by ALPN (RFC 9113, Section 3.2), or the connection is closed: an
// attacker could else lead what is meant for gRPC to a port of another protocol.
// Errors of the handshake stay the *fault.Error that they are as far as gRPC lets
// them through, which to callers of a method is their text.
package grpccreds

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"

	"github.com/handclasp/handclasp"
)

// protoHTTP2 is the name of HTTP/2 in ALPN.
const protoHTTP2 = "h2"

// AuthInfo is what gRPC keeps of a connection's security.
type AuthInfo struct {
	credentials.CommonAuthInfo
	handclasp.Info
}

// AuthType is "tls", the same as with gRPC's own credentials for TLS.
func (AuthInfo) AuthType() string { return "tls" }

// ValidateAuthority allows a call to name another authority (the option
// grpc.CallAuthority) if the server's certificate is good for it. gRPC asks for
// this only on the client's side.
func (a AuthInfo) ValidateAuthority(authority string) error {
	if a.Peer == nil || len(a.Peer.Peer) == 0 {
		return fmt.Errorf("grpccreds: the peer has no certificate, so it can't stand for %q", authority)
	}
	return a.Peer.Peer[0].VerifyHostname(hostOf(authority))
}

// FromPeer gives what was settled on the connection that a call goes over: in a
// server's handler from its context, in a client from the option grpc.Peer. It
// reports false if that connection is not Handclasp's.
func FromPeer(p *peer.Peer) (handclasp.Info, bool) {
	if p == nil {
		return handclasp.Info{}, false
	}
	a, ok := p.AuthInfo.(AuthInfo)
	return a.Info, ok
}

// errOneSide is for credentials made for the other side.
var errOneSide = errors.New("grpccreds: NewClient's credentials are for clients and NewServer's for servers")

// A client is credentials for the client's side.
type client struct{ cfg handclasp.ClientConfig }

// NewClient makes credentials for clients. A nil cfg is the zero ClientConfig.
// The server's certificate must be good for the host of the target, unless the
// option grpc.WithAuthority or the ServerName of cfg names another; gRPC refuses
// a channel for which they differ. The only protocol offered by ALPN is h2,
// whatever NextProtos says.
func NewClient(cfg *handclasp.ClientConfig) credentials.TransportCredentials {
	c := new(client)
	if cfg != nil {
		c.cfg = *cfg
	}
	c.cfg.NextProtos = []string{protoHTTP2}
	return c
}

// ClientHandshake implements credentials.TransportCredentials. It closes raw if
// it fails.
func (c *client) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	cfg := c.cfg
	cfg.ServerName = hostOf(authority) // in which gRPC has put what Info gave it
	conn := handclasp.Client(raw, &cfg)
	return settled(conn, conn.HandshakeContext(ctx))
}

func (*client) ServerHandshake(net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, errOneSide
}

// Info implements credentials.TransportCredentials. gRPC makes the name, if there
// is one, the authority of the calls.
func (c *client) Info() credentials.ProtocolInfo {
	//lint:ignore SA1019 gRPC still reads it, and a name that it does not know would be lost
	return credentials.ProtocolInfo{SecurityProtocol: "tls", ServerName: c.cfg.ServerName}
}

func (c *client) Clone() credentials.TransportCredentials { copied := *c; return &copied }

// OverrideServerName implements credentials.TransportCredentials, which has
// deprecated it. It must not be called once the credentials are in use.
func (c *client) OverrideServerName(name string) error { c.cfg.ServerName = name; return nil }

// A server is credentials for the server's side.
type server struct{ cfg *handclasp.ServerConfig }

// NewServer makes credentials for servers. If the NextProtos of cfg, or of what
// its GetConfigForClient gives, lack h2, it is added in front. A cfg that can't be
// used shows in each handshake.
func NewServer(cfg *handclasp.ServerConfig) credentials.TransportCredentials {
	return &server{withHTTP2(cfg)}
}

// withHTTP2 is a copy of cfg that speaks HTTP/2.
func withHTTP2(cfg *handclasp.ServerConfig) *handclasp.ServerConfig {
	var c handclasp.ServerConfig
	if cfg != nil {
		c = *cfg
	}
	if !slices.Contains(c.NextProtos, protoHTTP2) {
		c.NextProtos = append([]string{protoHTTP2}, c.NextProtos...)
	}
	if choose := c.GetConfigForClient; choose != nil {
		c.GetConfigForClient = func(h *handclasp.HelloInfo) (*handclasp.ServerConfig, error) {
			other, err := choose(h)
			if err != nil || other == nil {
				return nil, err
			}
			return withHTTP2(other), nil
		}
	}
	return &c
}

// ServerHandshake implements credentials.TransportCredentials. gRPC bounds it by
// a deadline on raw (the option grpc.ConnectionTimeout, two minutes). It closes
// raw if it fails.
func (s *server) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn := handclasp.Server(raw, s.cfg)
	return settled(conn, conn.Handshake())
}

func (*server) ClientHandshake(context.Context, string, net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, errOneSide
}

func (*server) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls"}
}

func (s *server) Clone() credentials.TransportCredentials { return &server{s.cfg} }

func (*server) OverrideServerName(string) error { return errOneSide }

// settled is the result of a handshake that ended with err.
func settled(conn *handclasp.Conn, err error) (net.Conn, credentials.AuthInfo, error) {
	info := conn.Info()
	if err == nil && info.ALPN != protoHTTP2 {
		err = fmt.Errorf("grpccreds: the peer did not agree on HTTP/2 by ALPN (it says %q), so it does not speak gRPC here", info.ALPN)
	}
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	return conn, AuthInfo{credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity}, info}, nil
}

// hostOf is an authority without its port and the brackets of an IPv6 address.
func hostOf(authority string) string {
	host, _, err := net.SplitHostPort(authority)
	if err != nil {
		host = authority
	}
	if len(host) > 1 && host[0] == '[' && host[len(host)-1] == ']' {
		host = host[1 : len(host)-1]
	}
	return cmp.Or(host, authority)
}
