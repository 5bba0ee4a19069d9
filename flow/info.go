package flow

import (
	"crypto/x509"

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
	KeyExchange          iana.KeyExchange     // TLS 1.2 and below: as the suite names it
	DHBits               int                  // TLS 1.2 and below: size of the finite-field group, if there is one
	ForwardSecrecy       bool                 // who gets hold of a long-term key later can't read this connection; below TLS 1.3 a ticket's key can, while it exists
	PSKIdentity          []byte               // of the pre-shared key that both sides proved to have; nil without one
	SignatureScheme      iana.SignatureScheme // of the server's CertificateVerify
	ClientAuth           bool                 // the server asked for a client certificate
	ClientScheme         iana.SignatureScheme // of the client's CertificateVerify; 0 if it showed no certificate
	PostHandshakeAuth    bool                 // TLS 1.3: the client offered to be asked for a certificate later
	ServerName           string               // as sent in server_name; "" if none
	ALPN                 string               // "" if none was agreed
	Retried              bool                 // a HelloRetryRequest happened
	ExtendedMasterSecret bool                 // TLS 1.2, RFC 7627; without it there are no exporters
	EncryptThenMAC       bool                 // TLS 1.2 and below, RFC 7366
	SecureRenegotiation  bool                 // TLS 1.2, RFC 5746: the peer can tie handshakes together
	Renegotiations       int                  // TLS 1.2: handshakes after the first, of which the last is told here
	RecordLimit          int                  // bytes of content that the peer may put into a record of its own; 0 if nothing was agreed (RFC 8449, RFC 6066)
	PeerRecordLimit      int                  // likewise, of what we send
	Compat               bool                 // middlebox compatibility mode (RFC 9846, Appendix E.4)
	Resumed              bool                 // an earlier session stood in for certificates and signatures
	EarlyData            EarlyData            // what became of 0-RTT
	Peer                 *Verdict             // on the peer's certificates; nil if it sent none
	ServerCertificate    *x509.Certificate    // the server's leaf, as it was sent on this connection; nil if none was
	TLSUnique            []byte               // the first Finished of TLS 1.2 and below; nil where it binds nothing (RFC 5929, RFC 7627)
	CertCompression      iana.CertCompression // of the server's certificates; 0: none
	OCSPResponse         []byte               // stapled by the server, DER
	SCTs                 [][]byte             // stapled by the server
	ClientRandom         [32]byte
}
