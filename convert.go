package handclasp

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/kex"
	"github.com/handclasp/handclasp/internal/suite"
)

// NotCarried says what a configuration of crypto/tls holds and ours can't. The
// converters return it together with all that could be carried: to go on
// without the rest is the caller's decision, and for fields that guard
// something, such as VerifyConnection, a wrong one.
type NotCarried struct {
	Fields []NotCarriedField
}

// A NotCarriedField is one field of tls.Config that was set to something.
type NotCarriedField struct{ Name, Why string }

func (e *NotCarried) Error() string {
	all := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		all[i] = f.Name + " (" + f.Why + ")"
	}
	return "handclasp: not carried over from tls.Config: " + strings.Join(all, ", ")
}

// note records a field that is set.
func (e *NotCarried) note(set bool, name, why string) {
	if set {
		e.Fields = append(e.Fields, NotCarriedField{name, why})
	}
}

// orNil is e if it says anything.
func (e *NotCarried) orNil() error {
	if len(e.Fields) == 0 {
		return nil
	}
	return e
}

const (
	noSessions = "set Sessions, for instance to a session.NewClientMemory"
	noTickets  = "set Tickets to a session.NewTickets; session.SharedKeys is for servers that share keys"
	noECH      = "Encrypted Client Hello is not there yet"
	noHook     = "use Conn.Info after the handshake, or VerifyPeerCertificate"
)

// freely is how often a server may renegotiate that crypto/tls would let do so
// without end.
const freely = 1 << 10

// ClientFromTLS makes a ClientConfig of c. The error, if any, is a *NotCarried;
// what could be carried is in the configuration, which fails at its first use if
// that leaves nothing of a list. Any other error is a certificate that can't be
// used, and then there is no configuration. The lists of c become ours in c's
// order, which with us means preference; the suites of TLS 1.3, which crypto/tls
// does not let one choose, are all offered.
func ClientFromTLS(c *tls.Config) (*ClientConfig, error) {
	if c == nil {
		return new(ClientConfig), nil
	}
	var lost NotCarried
	cfg := &ClientConfig{
		ServerName: strings.Trim(c.ServerName, "[]"), RootCAs: c.RootCAs, InsecureSkipVerify: c.InsecureSkipVerify,
		VerifyPeerCertificate: c.VerifyPeerCertificate, NextProtos: c.NextProtos,
		KeyLogWriter: c.KeyLogWriter, Rand: c.Rand, Time: c.Time, DynamicRecordSizingDisabled: c.DynamicRecordSizingDisabled,
	}
	cfg.MinVersion, cfg.MaxVersion = lost.versions(c)
	cfg.CipherSuites, cfg.CurvePreferences = lost.suites(c.CipherSuites), lost.groups(c.CurvePreferences)
	switch c.Renegotiation {
	case tls.RenegotiateOnceAsClient:
		cfg.MaxRenegotiations = 1
	case tls.RenegotiateFreelyAsClient:
		cfg.MaxRenegotiations = freely
	}
	var err error
	if c.GetClientCertificate != nil { // crypto/tls then leaves Certificates aside
		cfg.GetClientCertificate = TLSGetClientCertificate(c.GetClientCertificate)
	} else if cfg.Certificates, err = lost.certificates(c.Certificates); err != nil {
		return nil, err
	}
	lost.note(c.VerifyConnection != nil, "VerifyConnection", noHook)
	lost.note(c.ClientSessionCache != nil, "ClientSessionCache", noSessions)
	lost.note(c.EncryptedClientHelloConfigList != nil, "EncryptedClientHelloConfigList", noECH)
	lost.note(c.EncryptedClientHelloRejectionVerify != nil, "EncryptedClientHelloRejectionVerify", noECH)
	return cfg, lost.orNil()
}

// ServerFromTLS makes a ServerConfig of c, as ClientFromTLS does. Any other
// error than a *NotCarried is a certificate that can't be used; then there is
// no configuration.
func ServerFromTLS(c *tls.Config) (*ServerConfig, error) {
	if c == nil {
		return new(ServerConfig), nil
	}
	var lost NotCarried
	cfg := &ServerConfig{
		NextProtos: c.NextProtos, KeyLogWriter: c.KeyLogWriter, Rand: c.Rand, Time: c.Time,
		ClientAuth: ClientAuthType(c.ClientAuth), VerifyPeerCertificate: c.VerifyPeerCertificate,
		DynamicRecordSizingDisabled: c.DynamicRecordSizingDisabled,
	}
	var err error
	if cfg.Certificates, err = lost.certificates(c.Certificates); err != nil {
		return nil, err
	}
	if cfg.ClientCAs, err = clientCAs(c); err != nil {
		return nil, err
	}
	if c.GetCertificate != nil {
		cfg.GetCertificate = TLSGetCertificate(c.GetCertificate)
	}
	if c.GetConfigForClient != nil {
		cfg.GetConfigForClient = tlsGetConfigForClient(c.GetConfigForClient)
	}
	cfg.MinVersion, cfg.MaxVersion = lost.versions(c)
	cfg.CipherSuites, cfg.CurvePreferences = lost.suites(c.CipherSuites), lost.groups(c.CurvePreferences)
	lost.note(c.SessionTicketKey != [32]byte{}, "SessionTicketKey", noTickets)                                                  //lint:ignore SA1019 whoever still sets it should know
	lost.note(len(c.NameToCertificate) > 0, "NameToCertificate", "put them into Certificates; names are matched by themselves") //lint:ignore SA1019 likewise
	lost.note(c.VerifyConnection != nil, "VerifyConnection", noHook)
	lost.note(c.WrapSession != nil || c.UnwrapSession != nil, "WrapSession, UnwrapSession", noTickets)
	lost.note(c.EncryptedClientHelloKeys != nil || c.GetEncryptedClientHelloKeys != nil, "EncryptedClientHelloKeys", noECH)
	return cfg, lost.orNil()
}

// fromTLS converts a list of certificates.
func (e *NotCarried) certificates(list []tls.Certificate) (certs []Certificate, err error) {
	for i, t := range list {
		cert, err := FromTLS(t)
		if err != nil {
			return nil, fmt.Errorf("handclasp: Certificates[%d]: %w", i, err)
		}
		certs = append(certs, cert)
		e.note(t.SupportedSignatureAlgorithms != nil, fmt.Sprintf("Certificates[%d].SupportedSignatureAlgorithms", i),
			"set SignatureSchemes for the whole configuration, or give a sign.Signer that names its schemes")
	}
	return certs, nil
}

// clientCAs are those of c. To crypto/tls, none means the system's when there is
// something to verify; to us that must be said.
func clientCAs(c *tls.Config) (*x509.CertPool, error) {
	if c.ClientCAs != nil || !ClientAuthType(c.ClientAuth).Verifies() {
		return c.ClientCAs, nil
	}
	return x509.SystemCertPool()
}

// tlsGetConfigForClient converts what the hook gives, each time. What can't be
// carried refuses the client: nobody is there to decide otherwise.
func tlsGetConfigForClient(hook func(*tls.ClientHelloInfo) (*tls.Config, error)) func(*HelloInfo) (*ServerConfig, error) {
	return func(h *HelloInfo) (*ServerConfig, error) {
		found, err := hook(tlsHelloInfo(h))
		if err != nil || found == nil {
			return nil, err
		}
		return ServerFromTLS(found)
	}
}

func (e *NotCarried) versions(c *tls.Config) (lowest, highest iana.Version) {
	lowest, highest = iana.Version(c.MinVersion), iana.Version(c.MaxVersion)
	e.note(lowest != 0 && lowest < iana.TLS10, "MinVersion", lowest.String()+" is not spoken")
	e.note(highest != 0 && highest < iana.TLS10, "MaxVersion", highest.String()+" is not spoken")
	if lowest != 0 {
		lowest = max(lowest, iana.TLS10)
	}
	return lowest, highest
}

// suites adds those of TLS 1.3 before the chosen ones of TLS 1.2.
func (e *NotCarried) suites(chosen []uint16) (ids []iana.CipherSuite) {
	if chosen == nil {
		return nil
	}
	for _, s := range suite.ForVersion(iana.TLS13) {
		ids = append(ids, s.ID)
	}
	for _, n := range chosen {
		id := iana.CipherSuite(n)
		s := suite.ByID(id)
		e.note(s == nil, "CipherSuites", id.String()+" is not spoken")
		if s != nil && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

func (e *NotCarried) groups(chosen []tls.CurveID) (groups []iana.Group) {
	if chosen != nil {
		groups = []iana.Group{} // unknown ones alone must not become the default
	}
	for _, n := range chosen {
		g := iana.Group(n)
		e.note(!kex.Supported(g), "CurvePreferences", g.String()+" is not spoken")
		if kex.Supported(g) && !slices.Contains(groups, g) {
			groups = append(groups, g)
		}
	}
	return groups
}
