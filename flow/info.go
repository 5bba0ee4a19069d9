package flow

import (
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// Info is what a handshake has settled so far; it is complete in CONNECTED.
type Info struct {
	Role                 fault.Role
	State                fault.State
	Version              iana.Version
	CipherSuite          iana.CipherSuite
	Group                iana.Group           // of the key exchange
	SignatureScheme      iana.SignatureScheme // of the server's CertificateVerify
	ClientAuth           bool                 // the server asked for a client certificate
	ClientScheme         iana.SignatureScheme // of the client's CertificateVerify; 0 if it showed no certificate
	ServerName           string               // as sent in server_name; "" if none
	ALPN                 string               // "" if none was agreed
	Retried              bool                 // a HelloRetryRequest happened
	ExtendedMasterSecret bool                 // TLS 1.2, RFC 7627; without it there are no exporters
	SecureRenegotiation  bool                 // TLS 1.2, RFC 5746: the peer knows it; nobody renegotiates
	Compat               bool                 // middlebox compatibility mode (RFC 9846, Appendix E.4)
	Resumed              bool                 // an earlier session stood in for certificates and signatures
	PSK                  string               // identity of the external pre-shared key that did so, escaped; "" if none
	ForwardSecrecy       bool                 // keys that are stolen later do not open what was recorded now
	Peer                 *Verdict             // on the peer's certificates; nil if it sent none
	OCSPResponse         []byte               // stapled by the server, DER
	SCTs                 [][]byte             // stapled by the server
	ClientRandom         [32]byte
}
