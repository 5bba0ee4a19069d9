// Package config holds what a user may set: ClientConfig and ServerConfig,
// which the root package gives under its own name.
//
// Policy: names and meaning follow crypto/tls where they are the same thing.
// The zero value is safe and useful. A configuration is read, never written,
// by connections, and may serve many at once; it must not change while in use.
// What a configuration can't mean is refused when it is first used, with the
// field and the accepted values named. A field that is for some versions, as its comment
// says, has no effect where another is spoken, nor where its version is left out: the same
// configuration serves peers of all kinds, and hooks lower versions for some of them. The
// command, where a person chooses for one purpose, refuses flags without effect.
package config

import (
	"crypto/x509"
	"fmt"
	"io"
	"time"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/session"
)

// A ClientConfig configures the client side of connections.
type ClientConfig struct {
	// ServerName is the name that the server's certificate must be valid for,
	// and that goes into the server_name extension unless it is an IP address
	// (RFC 6066, Section 3). Dial sets it from the address if it is empty.
	ServerName string

	// RootCAs are the trust anchors; nil means the system's.
	RootCAs *x509.CertPool

	// InsecureSkipVerify goes on when the server's certificate fails a check.
	// The checks still run: Conn.Info lists what failed. For tests and
	// diagnosis only.
	InsecureSkipVerify bool

	// VerifyPeerCertificate, if set, runs after the built-in checks, also
	// with InsecureSkipVerify and also when a remembered verdict is used. An
	// error refuses the server with the alert bad_certificate. rawCerts is
	// what the server sent, leaf first; verifiedChains is empty when the
	// chain was not trusted.
	VerifyPeerCertificate func(rawCerts [][]byte, verifiedChains [][]*x509.Certificate) error

	// Verdicts remembers for some minutes which chains of servers were found good,
	// so that the next connection need not check their signatures; nil means that
	// every chain is checked. The server still has to prove each time that it holds
	// the key, and VerifyPeerCertificate is asked each time. Who resumes sessions
	// wants it, since their chains are judged again too.
	Verdicts *session.Verdicts

	// Certificates are what the client can prove itself with, if a server
	// asks. The first one is shown whose key can sign as the server accepts
	// and, if the server names authorities, whose chain leads to one of them;
	// one whose chain is also signed as the server accepts comes before one
	// that is not. If none fits, the client says that it has none. TLS 1.2
	// shows the certificate to everybody on the path, and OpenSSL's servers
	// refuse it there if it is on a curve that CurvePreferences leave out.
	Certificates []Certificate

	// GetClientCertificate, if set, may give a certificate for a connection,
	// by what the server asks for; nil means one of Certificates. It is asked
	// when the server wants one and has proved who it is. An error ends the
	// handshake with internal_error; a certificate whose key can't sign as the
	// server accepts, with handshake_failure.
	GetClientCertificate func(*CertificateRequestInfo) (*Certificate, error)

	// PostHandshakeAuth offers a server of TLS 1.3 to ask for a certificate later,
	// when it is needed (RFC 9846, Section 4.7.2). The answer goes out while the
	// connection is read, with the same choice of certificate as in a handshake;
	// without one that fits it says so. HTTP/2 forbids to ask (RFC 8740).
	PostHandshakeAuth bool

	// CertificateCompression are the algorithms in which a server of TLS 1.3 may
	// compress its certificates, best first (RFC 8879). None is offered unless
	// named: what expands can be made to expand to much, if only within limits.
	CertificateCompression []iana.CertCompression

	// NextProtos are the application protocols to offer by ALPN (RFC 7301),
	// in order of preference.
	NextProtos []string

	// RequireALPN refuses a server that chooses none of NextProtos, which else is
	// for the application to notice: Conn.Info says what was chosen.
	RequireALPN bool

	// MinVersion and MaxVersion bound the versions offered. Zero means the
	// lowest safe and the highest known one: TLS 1.2 and TLS 1.3. A version that
	// the lists below leave nothing for drops out.
	MinVersion, MaxVersion iana.Version

	// CipherSuites, CurvePreferences and SignatureSchemes are offered in the
	// order given; nil means a safe default. CurvePreferences are the key
	// exchange groups, hybrid ones included.
	CipherSuites     []iana.CipherSuite
	CurvePreferences []iana.Group
	SignatureSchemes []iana.SignatureScheme

	// SigningSchemes are what Certificates may sign with; nil means
	// SignatureSchemes. The order is the certificate's: see sign.Signer.
	SigningSchemes []iana.SignatureScheme

	// PSKs are keys that were agreed on by other means, in order of preference.
	// TLS 1.3 offers all of them; below, a cipher suite with PSK in its name uses
	// the first. A server that takes one shows no certificate, except with
	// RSA_PSK; all others still must, for ServerName. PSK.Import makes one key serve
	// with all cipher suites of TLS 1.3. Keys that no version and suite here can use are
	// passed over; see Params.UsesPSK.
	PSKs []PSK

	// MinDHBits is the shortest modulus taken from a server that makes its own
	// Diffie-Hellman parameters, in bits, TLS 1.2 and below; 0 means 2048, and
	// nothing below 1024 is ever taken.
	MinDHBits int

	// KeyShares are the groups of TLS 1.3 to send a key share for at once; they must be
	// in CurvePreferences. Nil means the most preferred group and, if that is
	// a hybrid, the most preferred one that is not. An empty list sends none
	// and costs a round trip.
	KeyShares []iana.Group

	// SendAuthorities has the ClientHello name the authorities of RootCAs, for a
	// server of TLS 1.3 with certificates of several (RFC 9846, Section 4.3.4); it needs
	// RootCAs. Everybody on the path sees the names. If together they have more
	// than about 65,000 bytes, none is sent.
	SendAuthorities bool

	// RecordSizeLimit is how long a protected record may be that we are sent, in
	// bytes of plaintext: 64 to 16,385, of which TLS 1.3 takes one for the
	// content type and counts padding (RFC 8449). Zero offers none. A server
	// that does not know the extension sends records of any length.
	RecordSizeLimit int

	// MaxFragmentLength asks for records of at most 512, 1,024, 2,048 or 4,096
	// bytes in both directions (RFC 6066, Section 4), which old servers may know
	// in the place of RecordSizeLimit. Zero does not ask.
	MaxFragmentLength int

	// PadRecords fills the protected records of TLS 1.3 up to a multiple of so
	// many bytes of content, 2 to 16,384, so that their length tells less (RFC
	// 9846, Section 5.4). Zero pads nothing. It costs what it adds, and does
	// nothing in TLS 1.2.
	PadRecords int

	// DynamicRecordSizingDisabled sends data in records as long as they may be from
	// the beginning. By default those of the first 128 kB, and after a second without
	// much data, each fit one TCP segment, so that the peer can use what has come
	// instead of waiting for the rest of 16 kB.
	DynamicRecordSizingDisabled bool

	// PadHello fills the ClientHello up to at least so many bytes, its 4-byte
	// header included, with the padding extension (RFC 7685); at most 16,384.
	// Some old servers hang at a ClientHello of 256 to 511 bytes, so write 512 or
	// more; one with a hybrid key share is beyond that anyway. Zero adds none.
	PadHello int

	// GREASE offers random values that mean nothing among cipher suites,
	// extensions, groups, key shares, versions and signature algorithms, so that
	// servers stay used to what they do not know (RFC 8701). A server that
	// chooses one is refused. NextProtos stays as it is: applications see those.
	GREASE bool

	// PermuteExtensions sends the extensions in random order, so that nobody on
	// the path comes to depend on one. GREASE's own stay first and last.
	PermuteExtensions bool

	// NoMiddleboxCompat leaves out the session ID and the ChangeCipherSpec
	// that make the handshake of TLS 1.3 look like TLS 1.2 (RFC 9846, Appendix E.4).
	NoMiddleboxCompat bool

	// Sessions keeps what servers give to resume a connection with, and gives it
	// back for the next one; nil means that nothing is resumed. What it gives is
	// used only if this configuration offers its version and cipher suite, names
	// the same server and would show the same Certificates, and if the server's
	// chain, judged again by the checks and hooks above, is still good. A store
	// that fails costs a full handshake.
	Sessions session.ClientStore

	// SessionIDs has servers of TLS 1.2 and below keep sessions under an ID, and
	// takes no tickets of them (RFC 5246, Section 7.3). It changes nothing in TLS
	// 1.3.
	SessionIDs bool

	// MaxRenegotiations is how often a server of TLS 1.2 or below may ask for another
	// handshake on a connection, which it needs to see a client certificate after
	// the first request. Zero refuses it; a negative number leaves the request
	// unanswered, for a server that only wishes it. The server must tie its handshakes
	// together (RFC 5746) and stay the same. While one goes on, Writes wait for who
	// reads. A server of ours never renegotiates.
	MaxRenegotiations int

	// EarlyData lets Conn.WriteEarly send 0-RTT data, in TLS 1.3, wherever the session allows it;
	// a connection that begins with anything else, such as Write, offers none. An
	// Engine offers it in each hello, unless NoEarly was called. It can be replayed
	// by who watches the wire and has no forward secrecy: send nothing that must not
	// happen twice.
	EarlyData bool

	// AllowPSKWithoutDHE lets a server of TLS 1.3 go on with a PSK or session alone
	// (psk_ke), which spares a key exchange and costs forward secrecy: who steals
	// the key later can read what was recorded before.
	AllowPSKWithoutDHE bool

	// Limits bound what a server can make this side hold or do.
	Limits Limits

	// KeyLogWriter receives the connection's secrets in the format of RFC
	// 9850 (SSLKEYLOGFILE), one whole line a Write. Whoever reads them reads
	// the traffic. An error ends the handshake.
	KeyLogWriter io.Writer

	// Rand is the source of randomness; nil means crypto/rand.Reader. It must
	// be safe for concurrent use.
	Rand io.Reader

	// Time is the clock that certificates and sessions are judged by; nil means
	// time.Now. An Engine used without the root package has no clock of its own.
	Time func() time.Time
}

// A ServerConfig configures the server side of connections.
type ServerConfig struct {
	// Certificates are what the server can prove itself with; at least one,
	// unless a hook below gives them. Per connection one is chosen by server_name, then by what the client
	// can verify; the first is the default when no name fits.
	Certificates []Certificate

	// GetConfigForClient, if set, may give another configuration for a
	// connection, by what its ClientHello says; nil means this one. It is asked
	// once, before anything is chosen. An error refuses the client with
	// internal_error. The configuration it gives may not have a
	// GetConfigForClient of its own.
	GetConfigForClient func(*HelloInfo) (*ServerConfig, error)

	// GetCertificate, if set, may give a certificate for a connection. It is
	// asked when the client sent a name or Certificates is empty; nil means one
	// of Certificates. An error refuses the client with unrecognized_name.
	// Function TLSGetCertificate of the root package makes one from a hook that
	// was written for crypto/tls, as autocert's.
	GetCertificate func(*HelloInfo) (*Certificate, error)

	// ClientAuth says what the server wants of a client's certificate; the
	// zero value is not to ask. A policy that does not verify still has the
	// checks run, against ClientCAs: Conn.Info lists what failed.
	ClientAuth ClientAuthType

	// ClientCAs are the authorities that may vouch for clients. A policy that
	// verifies needs them; unlike in crypto/tls, nil never means the system's.
	// Their names are sent to the client, for its choice, unless together they
	// have more than about 65,000 bytes.
	ClientCAs *x509.CertPool

	// AskLater does not ask for a certificate in the handshake those clients that
	// can be asked later, which Conn.RequestClientCertificate does; by ClientAuth
	// and ClientCAs all the same. Those are clients of TLS 1.3 that offer
	// post_handshake_auth.
	AskLater bool

	// VerifyPeerCertificate, if set, runs after the built-in checks whenever a
	// client was asked for a certificate. An error refuses it with the alert
	// bad_certificate. rawCerts is what the client sent, leaf first, empty if
	// it has none and need not; verifiedChains is empty when the chain was not
	// trusted.
	VerifyPeerCertificate func(rawCerts [][]byte, verifiedChains [][]*x509.Certificate) error

	// Verdicts remembers for some minutes which chains of clients were found good,
	// as in ClientConfig.
	Verdicts *session.Verdicts

	// NextProtos are the application protocols the server speaks, in order of
	// preference. If the client offers ALPN and none fits, ALPNMismatch says
	// what happens; if NextProtos is empty, ALPN is ignored.
	NextProtos []string

	// ALPNMismatch says what a client gets that offers ALPN and none of
	// NextProtos: by default the alert no_application_protocol.
	ALPNMismatch ALPNMismatch

	// MinVersion and MaxVersion bound the versions accepted. Zero means the
	// lowest safe and the highest known one: TLS 1.2 and TLS 1.3. A version that
	// the lists below leave nothing for drops out.
	MinVersion, MaxVersion iana.Version

	// CipherSuites, CurvePreferences and SignatureSchemes are what the server
	// accepts, most preferred first; nil means a safe default. Its order
	// decides, except that a group the client sent no key share for is only
	// chosen, at the cost of a HelloRetryRequest, when no other fits. With the
	// default, one that resists quantum computers is worth that too.
	CipherSuites     []iana.CipherSuite
	CurvePreferences []iana.Group
	SignatureSchemes []iana.SignatureScheme

	// SigningSchemes are what Certificates may sign with, as in ClientConfig;
	// SignatureSchemes then count for the client's certificate alone.
	SigningSchemes []iana.SignatureScheme

	// PreferClientOrder has the client's order decide between cipher suites that
	// both sides have.
	PreferClientOrder bool

	// PSKs are keys that were agreed on by other means. In TLS 1.3 a client that
	// offers one among its first identities (Limits.Identities) needs no certificate,
	// so they are not looked at where ClientAuth requires one; below, the cipher
	// suites with PSK in their name use the one that the client names, and a
	// client that names another fails as with a wrong key. A server with PSKs that it can
	// use can do without Certificates. PSKHint, if not empty, tells clients of TLS 1.2 and
	// below which to choose (RFC 4279, Section 5.2).
	PSKs    []PSK
	PSKHint string

	// RecordSizeLimit is how long a protected record may be that a client sends,
	// in bytes of plaintext, as in ClientConfig. Clients that do not offer the
	// extension are not bound. What a client says of its own limit is always
	// obeyed, and so is max_fragment_length (RFC 6066, Section 4).
	RecordSizeLimit int

	// GREASE offers random values that mean nothing where a server of TLS 1.3 asks
	// for a client certificate, and in its tickets (RFC 8701, Section 4).
	GREASE bool

	// PadRecords pads the records of TLS 1.3, and DynamicRecordSizingDisabled makes
	// the first ones long, as in ClientConfig.
	PadRecords                  int
	DynamicRecordSizingDisabled bool

	// AllowPSKWithoutDHE goes on with a PSK or session alone (psk_ke) if a client
	// of TLS 1.3 offers nothing better. It costs forward secrecy, as in
	// ClientConfig.
	AllowPSKWithoutDHE bool

	// Tickets seals what the server must know to resume a connection into tickets
	// that the client keeps; nil means that none are given and none are taken.
	// What a ticket holds is used only if the client asks for the same name, and
	// if ClientAuth, ClientCAs and the hook above would let the same client in
	// today. Tickets that fail cost a full handshake. In TLS 1.2 and below who gets
	// hold of the key that seals them can read the connections that they were given
	// in and resumed in: there is no new key exchange.
	Tickets session.Tickets

	// SessionCache keeps sessions of TLS 1.2 and below under session IDs, for clients
	// that take no tickets; nil keeps none. What it holds is used as a ticket is.
	SessionCache *session.Cache

	// TicketCount is how many tickets a client is given after each handshake, at
	// most 16: it needs one for each connection that it may open next. 0 means 2;
	// with a negative number none are given, and those that are out still serve. In
	// TLS 1.2 and below it is one or none.
	TicketCount int

	// TicketLifetime is how long a ticket or stored session serves, at most 7 days;
	// 0 means 24 hours. However often a session is resumed, 7 days after its full handshake
	// there is another one.
	TicketLifetime time.Duration

	// EarlyData is how many bytes of 0-RTT data the server takes with each ticket
	// of TLS 1.3 that it gives from now on; 0 means none. It needs Tickets and a Guard, and
	// what is taken may still be replayed to another server that does not share
	// the Guard's store (RFC 9846, Section 8).
	EarlyData uint32
	Guard     ReplayGuard

	// CookieKey, if set, makes the HelloRetryRequests of TLS 1.3 stateless: what the server
	// must remember travels in the cookie extension, authenticated with this
	// key, and any server with the same key can take the second ClientHello
	// (RFC 9846, Section 4.3.2). 32 bytes or more, random.
	CookieKey []byte

	// Limits bound what a client can make this side hold or do, and how many of them
	// may be in their handshake at once.
	Limits Limits

	// KeyLogWriter receives the connections' secrets as in ClientConfig.
	KeyLogWriter io.Writer

	// Rand is the source of randomness; nil means crypto/rand.Reader. It must
	// be safe for concurrent use.
	Rand io.Reader

	// Time is the clock that cookies, tickets and clients' certificates are judged by; nil means time.Now. An
	// Engine used without the root package has no clock of its own.
	Time func() time.Time
}

// Params are the lists that both sides negotiate from, defaults filled in. They are
// shared and must not be changed.
type Params struct {
	Versions []iana.Version // highest first
	Suites   []iana.CipherSuite
	Groups   []iana.Group
	Schemes  []iana.SignatureScheme
	Signing  []iana.SignatureScheme // with our own keys
	ALPN     []string
	Limits   *Limits
}

// Params checks the configuration and fills in defaults. An error is a
// *fault.Error of rule ConfigValue that names the field.
func (c *ClientConfig) Params() (Params, error) {
	p, err := resolve(c.MinVersion, c.MaxVersion, c.CipherSuites, c.CurvePreferences, c.SignatureSchemes, c.NextProtos)
	if err != nil {
		return p, err
	}
	if err := p.resolveSigning(c.SigningSchemes); err != nil {
		return p, err
	}
	if err := checkName(c.ServerName); err != nil {
		return p, err
	}
	if err := checkMade(c.Certificates); err != nil {
		return p, err
	}
	if err := p.checkPSKs(c.PSKs); err != nil {
		return p, err
	}
	if err := p.checkOffer(c.PSKs); err != nil {
		return p, err
	}
	if err := c.checkExtras(); err != nil {
		return p, err
	}
	for _, g := range c.KeyShares {
		if !contains(p.Groups, g) {
			return p, fault.ConfigValue.In("KeyShares").Saw(g, "a group of CurvePreferences")
		}
	}
	p.Limits, err = c.Limits.resolve()
	return p, err
}

// NeedsClock refuses a configuration that lacks Time and can't do without. It is for
// who has no clock to stand in.
func (c *ClientConfig) NeedsClock() error {
	if c.Sessions != nil && c.Time == nil {
		return fault.ConfigValue.In("Time").Saw("no clock", "one, since sessions expire")
	}
	return nil
}

// NeedsClock is the client's.
func (c *ServerConfig) NeedsClock() error {
	switch {
	case c.Time != nil:
	case c.CookieKey != nil:
		return fault.ConfigValue.In("Time").Saw("no clock", "one, since cookies expire")
	case c.Tickets != nil || c.SessionCache != nil:
		return fault.ConfigValue.In("Time").Saw("no clock", "one, since sessions expire")
	}
	return nil
}

// Params checks the configuration and fills in defaults, as the client's.
func (c *ServerConfig) Params() (Params, error) {
	if len(c.Certificates) == 0 && c.GetCertificate == nil && c.GetConfigForClient == nil && len(c.PSKs) == 0 {
		return Params{}, fault.ConfigNoCertificate.In("Certificates")
	}
	if err := checkMade(c.Certificates); err != nil {
		return Params{}, err
	}
	if err := checkClientAuth(c.ClientAuth, c.ClientCAs); err != nil {
		return Params{}, err
	}
	if err := c.checkExtras(); err != nil {
		return Params{}, err
	}
	if n := len(c.CookieKey); n > 0 && n < 32 {
		return Params{}, fault.ConfigValue.In("CookieKey").Saw(fmt.Sprintf("%d bytes", n), "at least 32")
	}
	if err := c.checkTickets(); err != nil {
		return Params{}, err
	}
	p, err := resolve(c.MinVersion, c.MaxVersion, c.CipherSuites, c.CurvePreferences, c.SignatureSchemes, c.NextProtos)
	if err == nil {
		err = p.resolveSigning(c.SigningSchemes)
	}
	if err == nil {
		err = p.checkPSKs(c.PSKs)
	}
	if err == nil {
		err = c.checkProof(&p)
	}
	if err == nil {
		p.Limits, err = c.Limits.resolve()
	}
	return p, err
}

// checkProof refuses a server that has nothing but pre-shared keys to prove itself
// with, and can use none.
func (c *ServerConfig) checkProof(p *Params) error {
	if len(c.Certificates) > 0 || c.GetCertificate != nil || c.GetConfigForClient != nil || p.UsesPSK(c.PSKs, false) && !c.ClientAuth.Requires() {
		return nil
	}
	return fault.ConfigNoCertificate.In("Certificates").Saw("none, and no key of PSKs that this configuration can use",
		"a certificate; or for a key TLS 1.3 with a suite of its hash, or a suite with PSK in its name, and a ClientAuth that does not require a certificate")
}

// checkMade refuses certificates that nobody made.
func checkMade(list []Certificate) error {
	for i := range list {
		if len(list[i].chain) == 0 {
			return fault.ConfigCertificate.In("Certificates").Saw("a zero Certificate", "one made by NewCertificate or LoadX509KeyPair")
		}
	}
	return nil
}
