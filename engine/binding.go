package engine

import (
	"crypto"
	_ "crypto/sha256" // the hashes of certificates
	_ "crypto/sha512"
	"crypto/x509"
	"slices"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// The kinds of channel binding, by their registered names.
const (
	BindingExporter = "tls-exporter"         // RFC 9266: both ends and the connection
	BindingEndPoint = "tls-server-end-point" // RFC 5929: the server's certificate
	BindingUnique   = "tls-unique"           // RFC 5929: the connection, up to TLS 1.2
)

// ChannelBinding is what a protocol above mixes into its authentication, so that
// it holds on this connection alone: kind is tls-exporter (RFC 9266, 32 bytes),
// tls-server-end-point (RFC 5929, Section 4: the hash of the server's
// certificate) or tls-unique (RFC 5929, Section 3: the first Finished). It fails
// with rule NotConnected before the handshake is complete, ExportUnsafe where
// the connection has no exporter, and ChannelBinding where the kind does not
// exist: tls-unique in TLS 1.3, and on a resumed connection without
// extended_master_secret; tls-server-end-point where no certificate was sent, or
// none whose signature names a hash.
func (e *Engine) ChannelBinding(kind string) ([]byte, error) {
	if !e.Connected() {
		return nil, e.misuse(fault.NotConnected)
	}
	switch kind {
	case BindingExporter:
		return e.ExportKeyingMaterial("EXPORTER-Channel-Binding", []byte{}, 32)
	case BindingEndPoint:
		return e.endPoint()
	case BindingUnique:
		return e.unique()
	}
	return nil, e.noBinding(fault.Quote([]byte(kind)), "one of tls-exporter, tls-server-end-point, tls-unique")
}

func (e *Engine) noBinding(got, want string) error {
	f := e.misuse(fault.ChannelBinding)
	return f.Saw(got, want)
}

func (e *Engine) unique() ([]byte, error) {
	switch info := e.Info(); {
	case info.Version == iana.TLS13:
		return nil, e.noBinding("tls-unique in TLS 1.3, which does not define it", "")
	case info.TLSUnique == nil:
		return nil, e.noBinding("tls-unique on a resumed connection without extended_master_secret, where another one could have the same", "")
	default:
		return slices.Clone(info.TLSUnique), nil
	}
}

func (e *Engine) endPoint() ([]byte, error) {
	leaf := e.Info().ServerCertificate
	if leaf == nil {
		return nil, e.noBinding("tls-server-end-point where the server sent no certificate", "")
	}
	hash := certificateHash(leaf.SignatureAlgorithm)
	if hash == 0 {
		return nil, e.noBinding("tls-server-end-point of a certificate signed with "+leaf.SignatureAlgorithm.String()+", which names no hash", "")
	}
	h := hash.New()
	h.Write(leaf.Raw)
	return h.Sum(nil), nil
}

// certificateHash is the hash that a certificate's signature uses; SHA-256 takes
// the place of MD5 and SHA-1 (RFC 5929, Section 4.1). It is 0 where there is no
// single one, as with Ed25519.
func certificateHash(a x509.SignatureAlgorithm) crypto.Hash {
	switch a {
	case x509.MD5WithRSA, x509.SHA1WithRSA, x509.ECDSAWithSHA1, x509.DSAWithSHA1,
		x509.SHA256WithRSA, x509.SHA256WithRSAPSS, x509.ECDSAWithSHA256, x509.DSAWithSHA256:
		return crypto.SHA256
	case x509.SHA384WithRSA, x509.SHA384WithRSAPSS, x509.ECDSAWithSHA384:
		return crypto.SHA384
	case x509.SHA512WithRSA, x509.SHA512WithRSAPSS, x509.ECDSAWithSHA512:
		return crypto.SHA512
	}
	return 0
}
