package config

import "github.com/handclasp/handclasp/iana"

// A HelloInfo is what a ClientHello says, for hooks that choose by it. It is a
// copy and may be kept.
type HelloInfo struct {
	ServerName       string // from server_name; "" if none was sent
	Versions         []iana.Version
	CipherSuites     []iana.CipherSuite
	Groups           []iana.Group
	SignatureSchemes []iana.SignatureScheme
	NextProtos       []string // from ALPN
	Extensions       []iana.ExtensionType
}
