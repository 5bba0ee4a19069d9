package hs

import (
	"crypto/hmac"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/cert"
	"github.com/handclasp/handclasp/internal/kex"
	"github.com/handclasp/handclasp/internal/keys"
	"github.com/handclasp/handclasp/internal/suite"
	"github.com/handclasp/handclasp/internal/wire"
	"github.com/handclasp/handclasp/session"
	"github.com/handclasp/handclasp/sign"
)

// The server's hellos, common to all versions. What comes after the ClientHello
// is the version's: see server13 and server12.
//
//	WAIT_CH
//	   |  ClientHello; if a hook wants to choose by it:
//	   |----> CHOOSING ----------+
//	   |<------------------------+   what it chose
//	   |  if the client offers tickets, or a session ID that may be ours:
//	   |----> RESUMING ----------+
//	   |          |  one fits,   |
//	   |          |  and ask for |
//	   |          v  a verdict   |
//	   |       JUDGING           |  none fits, or the client is unknown
//	   |<---------+--------------+
//	   |  if a key share is missing, send HelloRetryRequest:
//	   |----> WAIT_CH2 ----------+
//	   |<------------------------+   ClientHello
//	   v
//	the version's first state
var serverHellos = []edge[*server]{
	// from          on                         do                     to
	{fault.WaitCH, trigger(iana.ClientHello), (*server).clientHello,
		to(fault.Choosing, fault.Resuming, fault.WaitCH2, fault.Signing, fault.WaitFinished, fault.WaitCert, fault.WaitCKE)},
	{fault.Choosing, answer, (*server).chosen, to(fault.Resuming, fault.WaitCH2, fault.Signing, fault.WaitFinished, fault.WaitCert, fault.WaitCKE)},
	{fault.Resuming, answer, (*server).resumed, to(fault.Judging, fault.Guarding, fault.WaitCH2, fault.Signing, fault.WaitFinished, fault.WaitCert, fault.WaitCKE, fault.Renewing, fault.WaitCCS)},
	{fault.Judging, answer, (*server).rejudged, to(fault.Guarding, fault.WaitCH2, fault.Signing, fault.WaitFinished, fault.WaitCert, fault.WaitCKE, fault.Renewing, fault.WaitCCS)},
	{fault.WaitCH2, trigger(iana.ClientHello), (*server).secondClientHello, to(fault.Signing, fault.WaitFinished)},
}

// server is the server's side of one handshake.
type server struct {
	core
	*serverWork
	cfg   *config.ServerConfig
	table *[]edge[*server]
	later laterRequests // TLS 1.3: after the handshake
}

// serverWork is what it needs while the handshake goes on.
type serverWork struct {
	common work
	params config.Params

	hello    wire.ClientHello // the one that is answered
	retry    *wire.ServerHello
	constant []byte // what the second ClientHello must repeat
	group    iana.Group

	first     []byte               // the hello, until it is in the transcript
	certs     []config.Certificate // to choose from
	cert      int                  // index in certs
	scheme    iana.SignatureScheme
	states    []*session.State        // of the client's tickets, in its order, or of its session ID
	found     *found                  // what is resumed; nil: nothing
	early     keys.Secret             // TLS 1.3: of 0-RTT data that is taken
	replay    session.Refusal         // what the answer brought
	key       *kex.Private            // TLS 1.2: our half of the secret
	exchange  *wire.ServerKeyExchange // TLS 1.2; nil if the key exchange has none
	psk       []byte                  // TLS 1.2: the pre-shared key, where the suite has one
	pskDigest []byte                  // TLS 1.2: its name
	premaster []byte                  // TLS 1.2: what the answer brought
	ticketDue bool                    // TLS 1.2: the client was promised a ticket, or will be
	given     []byte                  // TLS 1.2: the session ID that the client gets; empty if none
	keeping   *session.State          // TLS 1.2: while it is sealed or stored
	ticket    []byte                  // TLS 1.2: what the answer brought
	anyCurve  bool                    // TLS 1.2: certificates on curves that the client does not list may serve

	asked    wire.List16[iana.SignatureScheme] // what the client may sign with, if it was asked for a certificate
	chain    []*x509.Certificate               // the client's; empty if it showed none
	evidence evidence

	signature []byte // what the answer brought
	verdict   *flow.Verdict
	refusal   error
}

// NewServer is a server that waits for one client. It fails if the
// configuration can't be used.
func NewServer(cfg *config.ServerConfig, o *Options) (Machine, error) {
	params, err := cfg.Params()
	if err != nil {
		return nil, err
	}
	if o.Clock == nil {
		if err := cfg.NeedsClock(); err != nil {
			return nil, err
		}
	}
	s := &server{cfg: cfg, table: &serverHellos}
	o.Limits = params.Limits
	s.core = core{Options: o, role: fault.Server, state: fault.WaitCH}
	s.wake()
	s.info.Role, s.info.State = fault.Server, fault.WaitCH
	s.params = params
	return s, nil
}

func (s *server) Start() error { return nil }

func (s *server) Receive(msg []byte) error {
	s.wake()
	s.tell(msg, false, s.readEpoch())
	return s.step(trigger(msg[0]), msg)
}

func (s *server) ChangeCipherSpec() error { return s.step(changeCipherSpec, nil) }

// clientHello takes the first hello, and asks the hooks about it if there are
// any.
func (s *server) clientHello(msg []byte) (fault.State, error) {
	h := &s.hello
	if err := s.coder.DecodeParts(msg, h, s.Limits.HelloParts); err != nil {
		return 0, err
	}
	s.info.ClientRandom = h.Random
	s.info.Compat = len(h.SessionID) > 0
	s.info.ServerName = string(h.ServerName)
	s.first = msg
	if s.cfg.GetConfigForClient != nil || s.cfg.GetCertificate != nil {
		s.waitFor(flow.NewHelloAsk(helloInfo(h), s.cfg, s.choice))
		return fault.Choosing, nil
	}
	return s.answerHello()
}

// choice receives what the hooks chose.
func (s *server) choice(cfg *config.ServerConfig, c *config.Certificate, err error) {
	if !asks[*flow.HelloAsk](&s.core) {
		return // the machine failed meanwhile, or was answered before
	}
	s.ask, s.cfg, s.refusal = nil, cfg, err
	if c != nil {
		s.certs = []config.Certificate{*c}
	}
	s.Layer.Answered(s.step(answer, nil))
}

// chosen goes on with the configuration that the hooks chose.
func (s *server) chosen([]byte) (fault.State, error) {
	if s.refusal != nil {
		return 0, fault.Wrap(s.refusal, fault.ConfigHook)
	}
	var err error
	if s.params, err = s.cfg.Params(); err == nil && s.Clock == nil {
		err = s.cfg.NeedsClock()
	}
	if err != nil {
		return 0, fault.ConfigHook.Because(err)
	}
	s.keyLog = s.cfg.KeyLogWriter
	return s.answerHello()
}

// answerHello settles version, suite and group, then goes on or asks again.
func (s *server) answerHello() (fault.State, error) {
	if s.certs == nil {
		s.certs = s.cfg.Certificates
	}
	if len(s.cfg.PSKs) == 0 {
		if err := s.haveCertificate(); err != nil {
			return 0, err
		}
	}
	if err := s.settleVersion(); err != nil {
		return 0, err
	}
	if s.info.Version < iana.TLS13 {
		return s.answer12()
	}
	if err := checkClientHello13(&s.hello); err != nil {
		return 0, err
	}
	if s.cfg.CookieKey != nil && s.hello.Extensions.Has(iana.ExtCookie) {
		if err := s.restore(); err != nil {
			return 0, err
		}
		if err := s.takeSecond(); err != nil {
			return 0, err
		}
	}
	return s.resume()
}

func (s *server) answer12() (fault.State, error) {
	if err := checkClientHello12(&s.hello); err != nil {
		return 0, err
	}
	s.transcript.Write(s.first)
	s.first = nil
	return s.resume12()
}

// full12 goes on without a session.
func (s *server) full12() (fault.State, error) {
	s.table = &server12
	if len(s.cfg.PSKs) == 0 {
		if err := s.haveCertificate(); err != nil {
			return 0, err
		}
	}
	if err := s.settle12(); err != nil {
		return 0, err
	}
	return s.negotiate12()
}

// haveCertificate refuses a client that nothing was agreed on with before, if
// there is no certificate to show. Those of a configuration were looked at before.
func (s *server) haveCertificate() error {
	switch {
	case len(s.certs) > 0 && len(s.certs[0].Chain()) > 0:
		return nil
	case len(s.cfg.PSKs) > 0:
		return fault.PSKUnknown.In("pre_shared_key")
	}
	return fault.CertificateHook.New()
}

func (s *server) settleVersion() error {
	why, v, err := chooseVersion(&s.hello, s.params.Versions)
	if err != nil {
		return err
	}
	s.info.Version = v
	if highest := s.params.Versions[0]; v < highest && s.hello.CipherSuites.Has(iana.TLS_FALLBACK_SCSV) {
		return fault.InappropriateFallback.In("cipher_suites").Saw("a retry that offers at most "+v.String(), highest)
	}
	s.decided(func() flow.Decision {
		return why.from(offers(offeredVersions(&s.hello), anything), names(s.params.Versions))
	})
	return nil
}

// settleALPN chooses the application protocol.
func (s *server) settleALPN() error {
	why, alpn, err := chooseALPN(&s.hello, s.speakable())
	if err != nil && s.cfg.ALPNMismatch == config.ALPNGoOn {
		return nil
	}
	if s.info.ALPN = alpn; alpn != "" {
		s.decided(func() flow.Decision { return why.from(offering{all: quoted(s.hello.ALPN)}, s.speakable()) })
	}
	return err
}

// speakable are the application protocols that may run over what was chosen:
// HTTP/2 refuses suites without forward secrecy or AEAD (RFC 9113, Section 9.2.2),
// and HTTP/1.1 beats a connection that the client will close.
func (s *server) speakable() []string {
	if s.info.Version == iana.TLS13 || s.suite.ForwardSecret() && !s.suite.CBC() {
		return s.params.ALPN
	}
	return slices.DeleteFunc(slices.Clone(s.params.ALPN), func(p string) bool { return p == "h2" })
}

// settle13 chooses suite and group from a hello for TLS 1.3, then goes on or asks
// for another.
func (s *server) settle13() (fault.State, error) {
	if s.found == nil {
		if err := s.haveCertificate(); err != nil {
			return 0, err
		}
		if err := demandExtensions(&s.hello, iana.ExtSignatureAlgorithms, iana.ExtSupportedGroups); err != nil {
			return 0, err
		}
	}
	if s.retry == nil {
		if err := s.settleSuite13(); err != nil {
			return 0, err
		}
		if err := s.settleGroup13(); err != nil {
			return 0, err
		}
		if s.group != 0 && share(&s.hello, s.group) == nil {
			first := s.first
			s.transcript.Write(first)
			s.first = nil
			return fault.WaitCH2, s.sendRetry(first)
		}
	}
	return s.accept13()
}

// settleSuite13 chooses the suite: one with the hash of the PSK, if there is one.
func (s *server) settleSuite13() error {
	ours := s.params.Suites
	if s.found != nil {
		ours = s.suitesFor(s.found.hash)
	}
	why, chosen, err := chooseSuite(&s.hello, iana.TLS13, ours, s.cfg.PreferClientOrder)
	if err != nil {
		return err
	}
	s.suite, s.info.CipherSuite = chosen, chosen.ID
	s.decided(func() flow.Decision {
		if s.found != nil {
			why.reason = strings.TrimSuffix(why.reason, ".") + ", of those that have the hash of the pre-shared key, as they must (RFC 9846, Section 4.3.11)."
		}
		return why.from(offeredSuites(&s.hello, iana.TLS13), names(suitesFor(iana.TLS13, ours)))
	})
	return nil
}

// settleGroup13 chooses the group: none for a PSK that stands alone.
func (s *server) settleGroup13() error {
	if s.found != nil && !s.withDHE() {
		s.group = 0
		return nil
	}
	why, g, err := chooseGroup(&s.hello, s.params.Groups, s.cfg.CurvePreferences != nil)
	if err != nil {
		return err
	}
	s.group, s.info.Group = g, g
	s.decided(func() flow.Decision { return why.from(offeredGroups(&s.hello, anything), names(s.params.Groups)) })
	return nil
}

// accept13 goes on to the flight: this hello is the last.
func (s *server) accept13() (fault.State, error) {
	s.transcript.Write(s.first)
	s.first = nil
	s.table = &server13
	if err := s.settleALPN(); err != nil {
		return 0, err
	}
	return s.weighEarly()
}

// sendRetry asks for a second ClientHello with a share for the chosen group
// (RFC 9846, Section 4.2.4).
func (s *server) sendRetry(first []byte) error {
	var err error
	if s.constant, err = constant(&s.hello); err != nil {
		return err
	}
	s.info.Retried = true
	s.transcript.Retry(s.suite.Hash)
	s.retry = s.helloRetryRequest()
	if s.cfg.CookieKey != nil {
		s.retry.Cookie = sealCookie(s.cfg.CookieKey, cookie{
			suite: s.suite.ID, group: s.group, issued: s.now(s.cfg.Time), hello: s.suite.Hash.Sum(first), constant: s.constant,
		})
		s.retry.Extensions.Add(iana.ExtCookie)
	}
	if _, err := s.send(s.retry, flow.Clear); err != nil {
		return err
	}
	s.compat()
	if s.hello.Extensions.Has(iana.ExtEarlyData) {
		s.refuseEarly(s.notEarly())
		s.Layer.SkipEarlyData(flow.Clear, s.cfg.EarlyData)
	}
	return nil
}

// helloRetryRequest is the message without its cookie, which a stateless
// server must be able to write a second time.
func (s *server) helloRetryRequest() *wire.ServerHello {
	m := &wire.ServerHello{
		LegacyVersion: iana.TLS12, Random: wire.RetryRandom, SessionID: s.hello.SessionID, CipherSuite: s.suite.ID,
		SupportedVersion: s.info.Version, KeyShare: wire.KeyShare{Group: s.group},
	}
	m.Extensions.Add(iana.ExtSupportedVersions, iana.ExtKeyShare)
	return m
}

// restore puts a server that forgot its HelloRetryRequest, or never sent it,
// back to WAIT_CH2 with the help of the cookie.
func (s *server) restore() error {
	if err := s.settleSuite13(); err != nil {
		return err // which says more than that the cookie is of no use
	}
	if err := s.settleGroup13(); err != nil {
		return err
	}
	c, err := openCookie(s.cfg.CookieKey, s.hello.Cookie, s.now(s.cfg.Time))
	if err != nil {
		return err
	}
	if !slices.Contains(s.params.Suites, c.suite) || !slices.Contains(s.params.Groups, c.group) {
		return fault.CookieWrong.In("cookie").Saw(fmt.Sprintf("%v with %v", c.suite, c.group), "a suite and a group that this server accepts")
	}
	s.suite, s.info.CipherSuite = suite.ByID(c.suite), c.suite
	s.group, s.info.Group, s.info.Retried = c.group, c.group, true
	s.constant = c.constant
	s.compatSent = true // the first server sent it
	s.transcript.RetryFrom(s.suite.Hash, c.hello)
	s.retry = s.helloRetryRequest()
	s.retry.Cookie = s.hello.Cookie
	s.retry.Extensions.Add(iana.ExtCookie)
	msg, err := s.coder.Append(nil, s.retry)
	if err != nil {
		return fault.Internal.Because(err)
	}
	s.transcript.Write(msg)
	return nil
}

// secondClientHello answers our HelloRetryRequest.
func (s *server) secondClientHello(msg []byte) (fault.State, error) {
	s.hello = wire.ClientHello{}
	if err := s.coder.DecodeParts(msg, &s.hello, s.Limits.HelloParts); err != nil {
		return 0, err
	}
	if _, _, err := chooseVersion(&s.hello, []iana.Version{s.info.Version}); err != nil {
		return 0, err
	}
	if err := checkClientHello13(&s.hello); err != nil {
		return 0, err
	}
	if s.retry.Extensions.Has(iana.ExtCookie) {
		if !s.hello.Extensions.Has(iana.ExtCookie) {
			return 0, fault.CookieMissing.In("extensions").Saw("", iana.ExtCookie)
		}
		if !hmac.Equal(s.hello.Cookie, s.retry.Cookie) { // one that was sealed holds a MAC
			return 0, fault.CookieWrong.In("cookie")
		}
	}
	if err := s.takeSecond(); err != nil {
		return 0, err
	}
	s.first = msg
	if err := s.again(); err != nil {
		return 0, err
	}
	return s.settle13()
}

// takeSecond checks a second ClientHello against the first.
func (s *server) takeSecond() error {
	if err := checkSecondHello(&s.hello, s.constant); err != nil {
		return err
	}
	if len(s.hello.KeyShares) != 1 || s.hello.KeyShares[0].Group != s.group {
		return fault.SecondHelloShare.In("key_share").Saw(fmt.Sprintf("%d shares", len(s.hello.KeyShares)), "one for "+s.group.String())
	}
	return nil
}

// chooseCertificate settles who we are and how we sign, with a key that the
// suite allows.
func (s *server) chooseCertificate() error {
	ours := make([]cert.Candidate, len(s.certs))
	for i := range s.certs {
		c := &s.certs[i]
		ours[i] = cert.Candidate{Leaf: c.Leaf(), Signed: c.Signed(), Leads: s.leads(c)}
		curve := s.info.Version == iana.TLS13 || s.anyCurve || curveListed(&s.hello, c.Leaf())
		if curve && servable(s.suite, c) {
			ours[i].Schemes = s.schemesOf(c)
		}
	}
	wanted := cert.Wanted{Name: s.info.ServerName, Schemes: s.acceptedSchemes(), CertSchemes: s.certSchemes()}
	i, scheme, err := cert.Choose(ours, wanted)
	if err != nil {
		return err
	}
	s.cert, s.scheme, s.info.SignatureScheme = i, scheme, scheme
	s.info.ServerCertificate = s.certs[i].Leaf()
	s.decided(func() flow.Decision {
		why := ours[i].Why(scheme, wanted)
		if !s.signs() {
			name, _, _ := strings.Cut(why, "; its key signs")
			why = name + "; the client encrypts the secret to its key."
		}
		d := decision("certificate", offering{}, nil)
		for _, c := range ours {
			d.Accepted = append(d.Accepted, cert.Describe(c.Leaf))
		}
		d.Chosen, d.Reason = d.Accepted[i], why
		return d
	})
	if !s.signs() {
		s.scheme, s.info.SignatureScheme = 0, 0
		return nil
	}
	s.decided(func() flow.Decision {
		d := decision("signature_scheme", offeredSchemes(s.hello.SignatureSchemes.Slice(), s.info.Version, &s.certs[i]), names(ours[i].Schemes))
		d.Chosen, d.Reason = scheme.String(), "It is the first in the server's order that its key can make and the client accepts."
		if s.info.Version < iana.TLS12 {
			d.Reason = "The version leaves no choice: it has one signature for each kind of key."
		}
		return d
	})
	return nil
}

// signs reports whether the server signs anything in this handshake.
func (s *server) signs() bool { return s.info.Version == iana.TLS13 || s.suite.Exchange.Signed() }

// schemesOf is what c may sign this handshake with. Where nothing is signed,
// any of its schemes stands for it, so that name and chain alone decide.
func (s *server) schemesOf(c *config.Certificate) []iana.SignatureScheme {
	switch implied, ok := sign.Legacy(c.Leaf().PublicKey); {
	case !s.signs():
		return c.Signer().Schemes()
	case s.info.Version >= iana.TLS12:
		return signable(s.info.Version, c, s.params.Signing, s.cfg.SignatureSchemes != nil && s.cfg.SigningSchemes == nil)
	case ok:
		return []iana.SignatureScheme{implied}
	}
	return nil
}

// acceptedSchemes is what the client accepts for what the server signs. Before TLS
// 1.2 the key implies it; a client of TLS 1.2 that names nothing takes SHA-1
// alone (RFC 5246, Section 7.4.1.4.1).
func (s *server) acceptedSchemes() []iana.SignatureScheme {
	switch {
	case !s.signs():
		return sign.All()
	case s.info.Version < iana.TLS12:
		return implied
	case !s.hello.Extensions.Has(iana.ExtSignatureAlgorithms):
		return []iana.SignatureScheme{iana.RSA_PKCS1_SHA1, iana.ECDSA_SHA1}
	}
	return usable(s.info.Version, s.hello.SignatureSchemes.Slice())
}

// certSchemes are the algorithms that the client accepts inside a chain (RFC
// 9846, Section 4.3.3).
func (s *server) certSchemes() []iana.SignatureScheme {
	switch x := &s.hello.Extensions; {
	case x.Has(iana.ExtSignatureAlgorithmsCert):
		return s.hello.CertSchemes.Slice()
	case x.Has(iana.ExtSignatureAlgorithms):
		return s.hello.SignatureSchemes.Slice()
	}
	return sign.All() // nothing is said of chains
}

// agree makes the server's share and the shared secret; both are empty where a
// PSK stands alone.
func (s *server) agree() (key wire.KeyShare, secret []byte, err error) {
	if s.group == 0 {
		return key, nil, nil
	}
	key.Group = s.group
	key.Key, secret, err = kex.Respond(s.group, s.Rand, share(&s.hello, s.group))
	return key, secret, err
}

// helloInfo is what hooks get to see of a ClientHello.
func helloInfo(h *wire.ClientHello) *config.HelloInfo {
	info := &config.HelloInfo{
		ServerName: string(h.ServerName), Versions: offeredVersions(h), CipherSuites: h.CipherSuites.Slice(),
		Groups: h.Groups.Slice(), SignatureSchemes: h.SignatureSchemes.Slice(), Extensions: h.Extensions.Types(),
	}
	for _, p := range h.ALPN {
		info.NextProtos = append(info.NextProtos, string(p))
	}
	return info
}
