package config

import (
	"context"

	"github.com/handclasp/handclasp/iana"
)

// A HelloInfo is what a ClientHello says, for hooks that choose by it.
type HelloInfo struct {
	ServerName       string // from server_name; "" if none was sent
	Versions         []iana.Version
	CipherSuites     []iana.CipherSuite
	Groups           []iana.Group
	SignatureSchemes []iana.SignatureScheme
	NextProtos       []string // from ALPN
	Extensions       []iana.ExtensionType

	// Context ends when the handshake must: a hook that may take long should
	// return then, for the handshake waits for it. Conn is the net.Conn below
	// the connection. The root package sets both; they are nil where an Engine
	// is driven without it.
	Context context.Context
	Conn    any
}
