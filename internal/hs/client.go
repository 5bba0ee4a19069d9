package hs

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/kex"
	"github.com/handclasp/handclasp/internal/keys"
	"github.com/handclasp/handclasp/internal/suite"
	"github.com/handclasp/handclasp/internal/wire"
	"github.com/handclasp/handclasp/session"
)

// The client's hellos, common to all versions. What comes after the
// ServerHello is the version's: see client13 and client12.
//
//	START ------> RECALLING --------+   if there is a store of sessions, ask it
//	   |              |  a session,  |
//	   |              |  and ask     |
//	   |              |  for a       |
//	   |              v  verdict     |
//	   |           JUDGING           |  none that fits
//	   |              |              |
//	   v              v  the verdict v
//	  send ClientHello ----> WAIT_SH
//
//	WAIT_SH -- HelloRetryRequest ---> WAIT_SH2   send the second ClientHello
//	WAIT_SH, WAIT_SH2 -- ServerHello -> the version's first state
var clientHellos = []edge[*client]{
	// from          on                         do                     to
	{fault.Start, begin, (*client).begin, to(fault.Recalling, fault.WaitSH)},
	{fault.Recalling, answer, (*client).recalled, to(fault.Judging, fault.WaitSH)},
	{fault.Judging, answer, (*client).rejudged, to(fault.WaitSH)},
	{fault.WaitSH, trigger(iana.ServerHello), (*client).serverHello, to(fault.WaitEE, fault.WaitCert, fault.WaitPSKSKE, fault.WaitPSKSKESHD, fault.WaitNST, fault.WaitCCS)},
	{fault.WaitSH, retryHello, (*client).helloRetryRequest, to(fault.WaitSH2)},
	{fault.WaitSH2, trigger(iana.ServerHello), (*client).serverHello, to(fault.WaitEE)},
}

// client is the client's side of one handshake.
type client struct {
	core
	*clientWork
	cfg           *config.ClientConfig
	table         *[]edge[*client]
	again         *[]edge[*client]    // how a renegotiation begins
	past          *past               // TLS 1.2: what a renegotiation is tied to; nil in a first handshake
	helloRequests int32               // TLS 1.2: that came meanwhile
	resumption    keys.Secret         // what tickets make sessions of; nil: they are dropped
	chain         []*x509.Certificate // the server's
	later         laterAnswer         // TLS 1.3: to a request after the handshake
}

// clientWork is what it needs while the handshake goes on.
type clientWork struct {
	common work
	params config.Params

	hello  wire.ClientHello // the last one sent
	shares []*kex.Private   // for its key_share, in its order
	retry  *wire.ServerHello

	session *session.Session // recalled, not yet judged
	offers  []*offer         // pre-shared keys in the hello, in its order
	old     *offer           // TLS 1.2: the session in the hello
	early   *offer           // whose 0-RTT data was offered
	hooked  bool             // a hook chose the certificate that we show

	stapled bool                    // TLS 1.2: the server promised a CertificateStatus
	offered *wire.ServerKeyExchange // TLS 1.2: the server's half of the secret

	given     []byte                   // TLS 1.2: session ID of a full handshake; empty if the server gave none
	ticketDue bool                     // TLS 1.2: the server promised a ticket
	ticket    *wire.NewSessionTicket12 // TLS 1.2: and gave it
	fragment  uint8                    // code of the max_fragment_length that was agreed

	evidence evidence

	asked  *config.CertificateRequestInfo // nil: the server wants no certificate of ours
	own    *config.Certificate            // nil: we have none to show
	scheme iana.SignatureScheme           // to prove it with

	binders [48]byte // room for one
	lists   []byte   // what the hello's lists lie in

	context []byte // TLS 1.3: of a request after the handshake
	answers []byte // to it, which go out together, once they are complete

	verdict   *flow.Verdict // what the answer brought
	signature []byte
	refusal   error
}

// NewClient is a client that will speak with one server. It fails if the
// configuration can't be used.
func NewClient(cfg *config.ClientConfig, o *Options) (Machine, error) {
	params, err := cfg.Params()
	if err != nil {
		return nil, err
	}
	if o.Clock == nil {
		if err := cfg.NeedsClock(); err != nil {
			return nil, err
		}
	}
	if cfg.ServerName == "" && !cfg.InsecureSkipVerify {
		return nil, fault.ConfigServerName.In("ServerName")
	}
	c := &client{cfg: cfg, table: &clientHellos, again: &clientAgain}
	o.Limits = params.Limits
	c.core = core{Options: o, role: fault.Client}
	c.wake()
	c.info.Role = fault.Client
	c.params = params
	return c, nil
}

func (c *client) Start() error { return c.step(begin, nil) }

func (c *client) Receive(msg []byte) error {
	c.wake()
	on := trigger(msg[0])
	switch {
	case isRetry(msg):
		on = retryHello
	case c.isCompressed(msg):
		on = trigger(iana.Certificate)
	}
	c.tell(msg, false, c.readEpoch())
	if on == trigger(iana.HelloRequest) && c.negotiating() {
		return c.askedMeanwhile(msg)
	}
	return c.step(on, msg)
}

func (c *client) ChangeCipherSpec() error { return c.step(changeCipherSpec, nil) }

// begin asks for a session to resume, if there may be one.
func (c *client) begin([]byte) (fault.State, error) {
	if c.cfg.Sessions == nil {
		return c.greet()
	}
	c.waitFor(flow.NewSessionAsk(c.cfg.Sessions, c.sessionKey(), c.recall))
	return fault.Recalling, nil
}

// greet sends the first ClientHello.
func (c *client) greet() (fault.State, error) {
	if err := c.build(); err != nil {
		return 0, err
	}
	if err := c.addExtras(); err != nil {
		return 0, err
	}
	if err := c.sendHello(); err != nil {
		return 0, err
	}
	c.info.ClientRandom = c.hello.Random
	c.info.Compat = len(c.hello.SessionID) > 0
	c.info.ServerName = string(c.hello.ServerName)
	return fault.WaitSH, c.startEarly()
}

// build fills in the first ClientHello (RFC 9846, Section 4.2.2).
func (c *client) build() error {
	h := &c.hello
	h.LegacyVersion = min(c.params.Versions[0], iana.TLS12)
	if err := c.random(h.Random[:]); err != nil {
		return err
	}
	offers13 := slices.Contains(c.params.Versions, iana.TLS13)
	if offers13 && !c.cfg.NoMiddleboxCompat {
		h.SessionID = c.work.sessionID[:]
		if err := c.random(h.SessionID); err != nil {
			return err
		}
	}
	h.CipherSuites = wire.AppendList16(&c.lists, c.params.Suites...)
	h.Compressions = wire.AppendList8(&c.lists, wire.CompressionNull)
	if name := sni(c.cfg.ServerName); name != "" {
		h.ServerName = []byte(name)
		h.Extensions.Add(iana.ExtServerName)
	}
	h.Status.StatusType = wire.StatusOCSP
	h.Extensions.Add(iana.ExtStatusRequest)
	if len(c.params.Groups) > 0 {
		h.Groups = wire.AppendList16(&c.lists, c.params.Groups...)
		h.Extensions.Add(iana.ExtSupportedGroups)
	}
	if h.LegacyVersion >= iana.TLS12 {
		h.SignatureSchemes = wire.AppendList16(&c.lists, c.params.Schemes...)
		h.Extensions.Add(iana.ExtSignatureAlgorithms)
	}
	if len(c.params.ALPN) > 0 {
		for _, p := range c.params.ALPN {
			h.ALPN = append(h.ALPN, []byte(p))
		}
		h.Extensions.Add(iana.ExtALPN)
	}
	h.Extensions.Add(iana.ExtSCT)
	if c.params.Versions[len(c.params.Versions)-1] < iana.TLS13 {
		c.build12()
		if err := c.offer12(); err != nil {
			return err
		}
	}
	if !offers13 {
		return nil
	}
	h.SupportedVersions = wire.AppendList16(&c.lists, c.params.Versions...)
	h.Extensions.Add(iana.ExtSupportedVersions, iana.ExtKeyShare)
	return c.generate(c.firstShares()...)
}

// build12 adds what only TLS 1.2 and below look at.
func (c *client) build12() {
	h := &c.hello
	if slices.ContainsFunc(c.params.Groups, kex.Curve) {
		h.PointFormats = wire.AppendList8(&c.lists, wire.Uncompressed)
		h.Extensions.Add(iana.ExtECPointFormats)
	}
	if slices.ContainsFunc(c.params.Suites, func(id iana.CipherSuite) bool { return suite.ByID(id).CBC() }) {
		h.Extensions.Add(iana.ExtEncryptThenMAC)
	}
	h.Extensions.Add(iana.ExtExtendedMasterSecret, iana.ExtRenegotiationInfo)
	if c.past != nil {
		h.RenegotiationInfo = c.past.client
	}
}

// sni is what goes into server_name: no IP address and no final dot (RFC 6066,
// Section 3).
func sni(name string) string {
	if config.IsAddress(name) {
		return ""
	}
	return strings.TrimSuffix(name, ".")
}

// firstShares are the groups to send a share for without being asked.
func (c *client) firstShares() []iana.Group {
	if c.cfg.KeyShares != nil {
		return inOrder(c.params.Groups, c.cfg.KeyShares)
	}
	groups := c.params.Groups
	first := groups[:1]
	if !kex.PostQuantum(first[0]) {
		return first
	}
	if i := slices.IndexFunc(groups, func(g iana.Group) bool { return !kex.PostQuantum(g) }); i >= 0 {
		return []iana.Group{first[0], groups[i]} // for the many servers that have no hybrid yet
	}
	return first
}

// inOrder are those of some that stand in all, in the order of all: shares
// must stand in the order of supported_groups (RFC 9846, Section 4.3.8).
func inOrder[T comparable](all, some []T) (list []T) {
	for _, v := range all {
		if slices.Contains(some, v) {
			list = append(list, v)
		}
	}
	return list
}

// generate makes fresh key shares, which replace those in the hello.
func (c *client) generate(groups ...iana.Group) error {
	c.shares, c.hello.KeyShares = nil, c.hello.KeyShares[:0]
	for _, g := range groups {
		key, err := kex.Generate(g, c.Rand)
		if err != nil {
			return err
		}
		c.shares = append(c.shares, key)
		c.hello.KeyShares = append(c.hello.KeyShares, wire.KeyShare{Group: g, Key: key.Public()})
	}
	return nil
}

// helloRetryRequest answers with the second ClientHello (RFC 9846, Section
// 4.2.4).
func (c *client) helloRetryRequest(msg []byte) (fault.State, error) {
	retry := new(wire.ServerHello)
	if err := c.readHello(msg, retry); err != nil {
		return 0, err
	}
	if c.info.Version != iana.TLS13 {
		return 0, fault.ExtensionMissing.In("extensions").Saw("", iana.ExtSupportedVersions)
	}
	if err := c.checkHello13(retry, iana.InHelloRetryRequest, iana.ExtCookie); err != nil {
		return 0, err
	}
	wantsShare, hasCookie := retry.Extensions.Has(iana.ExtKeyShare), retry.Extensions.Has(iana.ExtCookie)
	if !wantsShare && !hasCookie {
		return 0, fault.RetryNoChange.In("extensions")
	}
	g := retry.KeyShare.Group
	if err := refuseGREASE("key_share.selected_group", g); wantsShare && err != nil {
		return 0, err
	}
	if wantsShare && (!c.hello.Groups.Has(g) || c.share(g) != nil) {
		return 0, fault.RetryGroup.In("key_share.selected_group").Saw(g, "a group of ours without a share: "+join(c.unshared()))
	}
	c.info.Retried = true
	c.retry = retry
	c.suite = suite.ByID(retry.CipherSuite)
	c.tellVersion()
	c.tellSuite(retry.CipherSuite)
	if wantsShare {
		c.tellGroup(g, "; we had sent no key share for it, so the server asks for one")
	}
	c.decided(func() flow.Decision {
		return flow.Decision{What: "retry", By: fault.Server, Chosen: retryWish(wantsShare, g, hasCookie),
			Reason: "The server can't go on with the first ClientHello and asks for a second; this costs a round trip."}
	})
	c.transcript.Retry(c.suite.Hash)
	c.transcript.Write(msg)

	if wantsShare {
		if err := c.generate(g); err != nil {
			return 0, err
		}
	}
	if hasCookie {
		c.hello.Cookie = retry.Cookie
		c.hello.Extensions.Insert(c.hello.Extensions.Index(iana.ExtKeyShare), iana.ExtCookie)
	}
	c.retryEarly()
	c.retryPSKs()
	c.compat()
	if err := c.padHello(); err != nil {
		return 0, err
	}
	return fault.WaitSH2, c.sendHello()
}

func retryWish(share bool, g iana.Group, cookie bool) string {
	switch {
	case share && cookie:
		return fmt.Sprintf("a key share for %v, and its cookie back", g)
	case share:
		return fmt.Sprintf("a key share for %v", g)
	}
	return "its cookie back"
}

// share is our key for g, or nil.
func (c *client) share(g iana.Group) *kex.Private {
	for _, s := range c.shares {
		if s.Group() == g {
			return s
		}
	}
	return nil
}

func (c *client) unshared() (groups []iana.Group) {
	for g := range c.hello.Groups.All() {
		if c.share(g) == nil {
			groups = append(groups, g)
		}
	}
	return groups
}

// serverHello settles the version and hands over to it.
func (c *client) serverHello(msg []byte) (fault.State, error) {
	sh := &c.work.serverHello
	if err := c.readHello(msg, sh); err != nil {
		return 0, err
	}
	if c.info.Version < iana.TLS13 {
		c.dropOffers(nil)
		c.table = &client12
		return c.serverHello12(msg, sh)
	}
	c.refuseOld()
	c.table = &client13
	return c.serverHello13(msg, sh)
}

// readHello decodes a ServerHello or HelloRetryRequest and checks what both
// have in all versions (RFC 9846, Section 4.2.3).
func (c *client) readHello(msg []byte, sh *wire.ServerHello) error {
	if err := c.coder.Decode(msg, sh); err != nil {
		return err
	}
	if err := c.chosenVersion(sh); err != nil {
		return err
	}
	if c.retry != nil && c.info.Version < iana.TLS13 {
		return fault.RetryVersionChanged.In("legacy_version").Saw(c.info.Version, c.retry.SupportedVersion)
	}
	if err := refuseGREASE("cipher_suite", sh.CipherSuite); err != nil {
		return err
	}
	s := suite.ByID(sh.CipherSuite)
	keyless := s != nil && s.Exchange.PreShared() && config.PSK12(c.cfg.PSKs) == nil // a hello that Edit put in may offer even that
	if s == nil || !s.For(c.info.Version) || !c.hello.CipherSuites.Has(sh.CipherSuite) || keyless {
		return fault.ServerSuite.In("cipher_suite").Saw(sh.CipherSuite, join(c.hello.CipherSuites.Slice()))
	}
	if sh.Compression != wire.CompressionNull {
		return fault.ServerCompression.In("legacy_compression_method").Saw(sh.Compression, wire.CompressionNull)
	}
	return nil
}

// checkHello13 checks what both have in TLS 1.3. Unasked are extensions that
// need no offer.
func (c *client) checkHello13(sh *wire.ServerHello, where iana.Place, unasked ...iana.ExtensionType) error {
	if !bytes.Equal(sh.SessionID, c.hello.SessionID) {
		return fault.SessionIDEcho.In("legacy_session_id_echo")
	}
	return checkExtensions(&sh.Extensions, where, &c.hello.Extensions, unasked...)
}

// chosenVersion settles the version (RFC 9846, Section 4.3.1).
func (c *client) chosenVersion(sh *wire.ServerHello) error {
	offered := offeredVersions(&c.hello)
	v := sh.LegacyVersion
	if sh.Extensions.Has(iana.ExtSupportedVersions) {
		v = sh.SupportedVersion
		if err := refuseGREASE("supported_versions.selected_version", v); err != nil {
			return err
		}
		if v < iana.TLS13 || !slices.Contains(offered, v) {
			return fault.ServerVersionNotOffered.In("supported_versions.selected_version").Saw(v, join(offered))
		}
		if sh.LegacyVersion != iana.TLS12 {
			return fault.ServerLegacyVersion.In("legacy_version").Saw(sh.LegacyVersion, "0x0303")
		}
	} else if downgraded(sh, v, offered) {
		return fault.Downgrade.In("random").Saw(v, offered[0])
	}
	if v == iana.SSL30 {
		return fault.PeerSpeaksSSLv3.In("server_version")
	}
	if v < iana.TLS13 && c.info.EarlyData.State == flow.EarlyOffered {
		return fault.EarlyDataVersion.In("legacy_version").Saw("the server chose "+v.String(), iana.TLS13)
	}
	if !offersVersion(&c.hello, v) || !slices.Contains(c.params.Versions, v) {
		return fault.ServerVersionUnsupported.In("legacy_version").Saw("the server chose "+v.String(), join(c.params.Versions))
	}
	c.info.Version = v
	return nil
}

// downgraded reports whether a server chose v although it knows better, and so did
// we: it marks the end of its random (RFC 9846, Section 4.2.3).
func downgraded(sh *wire.ServerHello, v iana.Version, offered []iana.Version) bool {
	end := string(sh.Random[24:])
	switch {
	case slices.Contains(offered, iana.TLS13):
		return end == downgrade12 || end == downgrade11
	case v < iana.TLS12:
		return end == downgrade11 && downgradeMark(v, offered) != ""
	}
	return false
}

// downgradeMark is what ends the random of a server that chooses v although both
// know better; "" if v is nothing to hide (RFC 9846, Section 4.2.3).
func downgradeMark(v iana.Version, known []iana.Version) string {
	switch {
	case v == iana.TLS12 && slices.Contains(known, iana.TLS13):
		return downgrade12
	case v < iana.TLS12 && slices.ContainsFunc(known, func(x iana.Version) bool { return x >= iana.TLS12 && !iana.IsGREASE(uint16(x)) }):
		return downgrade11
	}
	return ""
}

// What a server's random ends in if it speaks TLS 1.3 and chose TLS 1.2, or less
// (RFC 9846, Section 4.2.3).
const (
	downgrade12 = "DOWNGRD\x01"
	downgrade11 = "DOWNGRD\x00"
)

// checkExtensions refuses extensions of an answer that do not belong into its
// message or were not asked for (RFC 9846, Section 4.3).
func checkExtensions(have *wire.Extensions, where iana.Place, asked *wire.Extensions, unasked ...iana.ExtensionType) error {
	for i := range have.Len() {
		t := have.At(i)
		if !t.AllowedIn(where) {
			return fault.ExtensionMisplaced.In("extensions").Saw(t, "")
		}
		if !asked.Has(t) && !slices.Contains(unasked, t) {
			return fault.ExtensionUnsolicited.In("extensions").Saw(t, "")
		}
		if err := refuseGREASE("extensions", t); err != nil {
			return err
		}
	}
	return nil
}
