package hs

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
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
	"github.com/handclasp/handclasp/internal/suite"
	"github.com/handclasp/handclasp/internal/wire"
)

// How a server chooses. Each function looks at the ClientHello and at what is
// configured, and gives the choice with its reason or the rule that says why
// there is none. The server's order decides.

// chooseVersion takes the highest version that both speak (RFC 9846, Section
// 4.3.1).
func chooseVersion(h *wire.ClientHello, ours []iana.Version) (choice, iana.Version, error) {
	c := choice{what: "version", reason: "It is the highest version that both sides speak."}
	for _, v := range ours {
		if offersVersion(h, v) {
			c.chosen = v.String()
			return c, v, nil
		}
	}
	offered := offeredVersions(h)
	known := slices.DeleteFunc(offered, func(v iana.Version) bool { return iana.IsGREASE(uint16(v)) })
	if len(known) > 0 && slices.Max(known) == iana.SSL30 {
		return c, 0, fault.PeerSpeaksSSLv3.In("client_version")
	}
	return c, 0, fault.NoCommonVersion.In("supported_versions").Saw("the client offers "+join(known), join(ours))
}

// offeredVersions are those of supported_versions, else the one that legacy
// clients name. Without the extension that is TLS 1.2 at most, whatever they
// name (RFC 9846, Section 4.3.1).
func offeredVersions(h *wire.ClientHello) []iana.Version {
	if h.Extensions.Has(iana.ExtSupportedVersions) {
		return h.SupportedVersions.Slice()
	}
	return []iana.Version{min(h.LegacyVersion, iana.TLS12)}
}

// offersVersion: a client without supported_versions takes whatever is not newer
// than the version it names (RFC 5246, Appendix E.1).
func offersVersion(h *wire.ClientHello, v iana.Version) bool {
	if h.Extensions.Has(iana.ExtSupportedVersions) {
		return h.SupportedVersions.Has(v)
	}
	return v <= min(h.LegacyVersion, iana.TLS12)
}

// offersSecureRenegotiation: by extension or by suite value (RFC 5746, Sections
// 3.4 and 3.6).
func offersSecureRenegotiation(h *wire.ClientHello) bool {
	return h.Extensions.Has(iana.ExtRenegotiationInfo) || h.CipherSuites.Has(iana.TLS_EMPTY_RENEGOTIATION_INFO_SCSV)
}

// chooseSuite takes the first of ours that the client offers and the version
// allows (RFC 9846, Section 4.2.1).
func chooseSuite(h *wire.ClientHello, v iana.Version, ours []iana.CipherSuite, clientFirst bool) (choice, *suite.Suite, error) {
	c := choice{what: "cipher_suite", reason: "It is the first in the server's order that the client offers."}
	if v < iana.TLS13 {
		c.reason = "It is the first in the server's order that the client offers and a certificate of the server fits."
	}
	order := ours
	if clientFirst {
		order = inOrder(h.CipherSuites.Slice(), ours)
		c.reason = "It is the first in the client's order, which counts here, that the server has."
	}
	for _, id := range order {
		if x := suite.ByID(id); x.For(v) && h.CipherSuites.Has(id) {
			if c.chosen = id.String(); x.Auth == suite.NoKey && !clientFirst {
				c.reason = "It is the first in the server's order that the client offers and the server has what it takes for: a pre-shared key."
			}
			return c, x, nil
		}
	}
	return c, nil, fault.NoCommonSuite.In("cipher_suites").Saw("the client offers "+join(h.CipherSuites.Slice()), join(suitesFor(v, ours)))
}

// suitesFor are those that v may negotiate.
func suitesFor(v iana.Version, ours []iana.CipherSuite) []iana.CipherSuite {
	return slices.DeleteFunc(slices.Clone(ours), func(id iana.CipherSuite) bool { return !suite.ByID(id).For(v) })
}

// chooseGroup takes the first of ours that the client offers a share for. One
// without a share costs a round trip, which only two things are worth: having
// any group at all, and resisting quantum computers.
//
// An explicit list is obeyed to the letter; in the default one, what resists
// quantum computers comes before all else.
func chooseGroup(h *wire.ClientHello, ours []iana.Group, explicit bool) (c choice, g iana.Group, err error) {
	c.what = "group"
	var common, shared, hybrid, sharedHybrid iana.Group // the first of ours of each kind; 0 if there is none
	first := func(to *iana.Group, g iana.Group, is bool) {
		if is && *to == 0 {
			*to = g
		}
	}
	for _, g := range ours {
		if !h.Groups.Has(g) {
			continue
		}
		sent, quantum := share(h, g) != nil, !explicit && kex.PostQuantum(g)
		first(&common, g, true)
		first(&shared, g, sent)
		first(&hybrid, g, quantum)
		first(&sharedHybrid, g, sent && quantum)
	}
	switch {
	case common == 0:
		return c, 0, fault.NoCommonGroup.In("supported_groups").Saw("the client offers "+join(h.Groups.Slice()), join(ours))
	case shared == 0:
		g, c.reason = common, "It is the first in the server's order that the client knows; the client sent a share for none of them, so one must be asked for."
	case hybrid != 0 && sharedHybrid == 0:
		g, c.reason = hybrid, "It resists quantum computers, and no group does that the client sent a share for, so it is worth asking for its share."
	case hybrid != 0 && sharedHybrid != shared:
		g, c.reason = sharedHybrid, "It resists quantum computers, and the client sent its share."
	default:
		g, c.reason = shared, "It is the first in the server's order that the client sent a share for."
	}
	c.chosen = g.String()
	return c, g, nil
}

// share is the client's share for g, or nil.
func share(h *wire.ClientHello, g iana.Group) []byte {
	for _, s := range h.KeyShares {
		if s.Group == g {
			return s.Key
		}
	}
	return nil
}

// chooseALPN takes the first of ours that the client offers (RFC 7301, Section
// 3.2). A server without protocols ignores the extension.
func chooseALPN(h *wire.ClientHello, ours []string) (choice, string, error) {
	c := choice{what: "application_protocol", reason: "It is the first in the server's order that the client offers."}
	if len(ours) == 0 || !h.Extensions.Has(iana.ExtALPN) {
		return c, "", nil
	}
	for _, p := range ours {
		if slices.ContainsFunc(h.ALPN, func(b []byte) bool { return string(b) == p }) {
			c.chosen = p
			return c, p, nil
		}
	}
	return c, "", fault.NoCommonALPN.In("application_layer_protocol_negotiation").
		Saw("the client offers "+joinQuoted(h.ALPN), fmt.Sprintf("%q", ours))
}

// A choice is what a decision says of itself. The lists that it was made from are
// added when somebody watches.
type choice struct{ what, chosen, reason string }

func (c choice) from(o offering, accepted []string) flow.Decision {
	d := decision(c.what, o, accepted)
	d.Chosen, d.Reason = c.chosen, c.reason
	return d
}

func decision(what string, o offering, accepted []string) flow.Decision {
	return flow.Decision{What: what, By: fault.Server, Offered: o.all, Unfit: o.unfit, Accepted: accepted}
}

// An offering is a list of the other side, and what of it what was chosen already
// rules out, whoever accepts it.
type offering struct {
	all, unfit []string
	of         string // what rules it out: "TLS 1.3"
}

// fit is what could be chosen.
func (o offering) fit() []string {
	return slices.DeleteFunc(slices.Clone(o.all), func(s string) bool { return slices.Contains(o.unfit, s) })
}

// offers is list without GREASE. What does not fit is what fits denies.
func offers[T interface {
	~uint16
	fmt.Stringer
}](list []T, fits func(T) bool) (o offering) {
	for _, v := range meant(list) {
		o.all = append(o.all, v.String())
		if !fits(v) {
			o.unfit = append(o.unfit, v.String())
		}
	}
	return o
}

func anything[T any](T) bool { return true }

// offeredSuites are those that h offers for any version. Signals among them are no
// suites (RFC 5746, Section 3.3; RFC 7507, Section 2).
func offeredSuites(h *wire.ClientHello, v iana.Version) offering {
	list := slices.DeleteFunc(h.CipherSuites.Slice(), func(id iana.CipherSuite) bool {
		return id == iana.TLS_EMPTY_RENEGOTIATION_INFO_SCSV || id == iana.TLS_FALLBACK_SCSV
	})
	o := offers(list, func(id iana.CipherSuite) bool {
		if x := suite.ByID(id); x != nil {
			return x.For(v)
		}
		return !id.Known() || strings.Contains(id.String(), "_WITH_") == (v < iana.TLS13) // the names of TLS 1.3 tell no key exchange
	})
	o.of = v.String()
	return o
}

// offeredGroups are those that h offers. A suite of TLS 1.2 or below takes one kind.
func offeredGroups(h *wire.ClientHello, kind func(iana.Group) bool) offering {
	o := offers(h.Groups.Slice(), func(g iana.Group) bool { return kind(g) || !kex.Supported(g) })
	o.of = "this key exchange"
	return o
}

// offeredSchemes are those that the other side takes. Our key can make some of them.
func offeredSchemes(list []iana.SignatureScheme, v iana.Version, own *config.Certificate) offering {
	may := signable(v, own, own.Signer().Schemes(), false)
	return offers(list, func(x iana.SignatureScheme) bool { return slices.Contains(may, x) })
}

// checkClientHello13 checks what every ClientHello that leads to TLS 1.3 must
// hold (RFC 9846, Sections 4.2.2, 4.3.8, 4.3.11 and 9.2).
func checkClientHello13(h *wire.ClientHello) error {
	// It plays no part in the choice of a version, but "MUST abort the handshake" is
	// what RFC 9846 has a server do about another one; RFC 8446 had it look away.
	if h.LegacyVersion != iana.TLS12 {
		return fault.ClientLegacyVersion.In("legacy_version").Saw(h.LegacyVersion, "0x0303")
	}
	if h.Compressions.Len() != 1 || h.Compressions.At(0) != wire.CompressionNull {
		return fault.ClientCompression.In("legacy_compression_methods")
	}
	x := &h.Extensions
	psk, groups, shares := x.Has(iana.ExtPreSharedKey), x.Has(iana.ExtSupportedGroups), x.Has(iana.ExtKeyShare)
	switch {
	case !psk:
		if err := demandExtensions(h, iana.ExtSignatureAlgorithms, iana.ExtSupportedGroups, iana.ExtKeyShare); err != nil {
			return err
		}
	case groups != shares:
		if err := demandExtensions(h, iana.ExtSupportedGroups, iana.ExtKeyShare); err != nil {
			return err
		}
	}
	if err := checkKeyShares(h); err != nil {
		return err
	}
	if i := x.Index(iana.ExtPreSharedKey); i >= 0 {
		if i != x.Len()-1 {
			return fault.PSKNotLast.In("pre_shared_key")
		}
		if !x.Has(iana.ExtPSKKeyExchangeModes) {
			return fault.ExtensionMissing.In("extensions").Saw("", iana.ExtPSKKeyExchangeModes)
		}
		if len(h.PSKIdentities) != len(h.PSKBinders) {
			return fault.PSKBinderCount.In("pre_shared_key.binders").Saw(len(h.PSKBinders), len(h.PSKIdentities))
		}
	}
	return nil
}

// demandExtensions refuses a hello that lacks one of list (RFC 9846, Section 9.2).
func demandExtensions(h *wire.ClientHello, list ...iana.ExtensionType) error {
	for _, t := range list {
		if !h.Extensions.Has(t) {
			return fault.ExtensionMissing.In("extensions").Saw("", t)
		}
	}
	return nil
}

// checkKeyShares: shares stand in the order of supported_groups, each once (RFC 9846,
// Section 4.3.8). Groups may be tens of thousands, so they are gone through once; shares
// are no more than HelloParts.
func checkKeyShares(h *wire.ClientHello) error {
	at := 0
	for i, s := range h.KeyShares {
		for at < h.Groups.Len() && h.Groups.At(at) != s.Group {
			at++
		}
		again := func(before wire.KeyShare) bool { return before.Group == s.Group }
		if at == h.Groups.Len() || slices.ContainsFunc(h.KeyShares[:i], again) {
			return fault.KeyShareNotListed.In("key_share.group").Saw(s.Group, "each group once, in the order of "+join(h.Groups.Slice()))
		}
	}
	return nil
}

// settle12 chooses suite, group and certificate from a hello for TLS 1.2 or below.
// There the suite says how the secret comes about and what kind of key signs,
// so they are chosen together: the first suite that both have, whose key
// exchange finds a group, and that a certificate fits.
func (s *server) settle12() error {
	// A certificate whose curve the client does not list comes second to any
	// other (RFC 8422, Section 5.3): most clients can verify it all the same.
	var err error
	for _, s.anyCurve = range []bool{false, true} {
		if err = s.settleSuite12(); err == nil {
			return nil
		}
	}
	return err
}

// settleSuite12 goes through the common suites until one works out.
func (s *server) settleSuite12() error {
	var unfit error
	for left := s.possible12(); ; left = slices.DeleteFunc(left, func(id iana.CipherSuite) bool { return id == s.suite.ID }) {
		why, chosen, err := chooseSuite(&s.hello, s.info.Version, left, s.cfg.PreferClientOrder)
		if err != nil && unfit != nil {
			return unfit
		}
		if err != nil {
			return s.lacksCertificate(err)
		}
		s.suite = chosen
		whyGroup, g, unfitGroup := s.chooseGroup12()
		if unfit = unfitGroup; unfit != nil {
			continue
		}
		if s.suite.Auth != suite.NoKey {
			if unfit = s.chooseCertificate(); unfit != nil {
				continue
			}
		}
		s.group = g
		s.info.CipherSuite, s.info.Group = s.suite.ID, g
		s.decided(func() flow.Decision {
			return why.from(offeredSuites(&s.hello, s.info.Version), names(suitesFor(s.info.Version, left)))
		})
		if g != 0 {
			s.decided(func() flow.Decision { return whyGroup.from(offeredGroups(&s.hello, s.kind12()), names(s.groups12())) })
		}
		return nil
	}
}

// curveListed reports whether the client lists the curve of leaf's key, or names
// no groups at all.
func curveListed(h *wire.ClientHello, leaf *x509.Certificate) bool {
	key, ok := leaf.PublicKey.(*ecdsa.PublicKey)
	if !ok || !h.Extensions.Has(iana.ExtSupportedGroups) {
		return true
	}
	switch key.Curve {
	case elliptic.P256():
		return h.Groups.Has(iana.Secp256r1)
	case elliptic.P384():
		return h.Groups.Has(iana.Secp384r1)
	}
	return h.Groups.Has(iana.Secp521r1)
}

// possible12 are the suites of ours that some certificate or pre-shared key of
// ours can serve.
func (s *server) possible12() (suites []iana.CipherSuite) {
	for _, id := range s.params.Suites {
		x := suite.ByID(id)
		switch {
		case x.Exchange.PreShared() && (config.PSK12(s.cfg.PSKs) == nil || s.cfg.ClientAuth.Requires()): // nobody is asked there
		case x.Auth == suite.NoKey, slices.ContainsFunc(s.certs, func(c config.Certificate) bool { return servable(x, &c) }):
			suites = append(suites, id)
		}
	}
	return suites
}

// lacksCertificate is err, which says that there is no common suite, unless there
// would be one with another certificate.
func (s *server) lacksCertificate(err error) error {
	all := inOrder(s.hello.CipherSuites.Slice(), suitesFor(s.info.Version, s.params.Suites))
	others := slices.DeleteFunc(all, func(id iana.CipherSuite) bool { return suite.ByID(id).Auth == suite.NoKey })
	if len(others) == 0 || len(s.certs) == 0 {
		return err
	}
	ours := make([]string, len(s.certs))
	for i := range s.certs {
		ours[i] = cert.Describe(s.certs[i].Leaf())
	}
	return fault.NoCertificateForSuite.In("cipher_suites").Saw("certificates: "+strings.Join(ours, ", "), "one for "+join(others))
}

// servable reports whether c can serve the suite: sign for it or, with RSA key
// transport, decrypt (RFC 5246, Section 7.4.2).
func servable(x *suite.Suite, c *config.Certificate) bool {
	if !x.Auth.Fits(c.Leaf().PublicKey) {
		return false
	}
	if x.Exchange.Transport() {
		return c.Decrypter() != nil && mayEncipher(c.Leaf())
	}
	return true
}

// mayEncipher reports whether the certificate lets its key encrypt keys: if it
// restricts the use at all, it must name that (RFC 5246, Section 7.4.2).
func mayEncipher(leaf *x509.Certificate) bool {
	return leaf.KeyUsage == 0 || leaf.KeyUsage&x509.KeyUsageKeyEncipherment != 0
}

// checkClientHello12 checks what a ClientHello for TLS 1.2 must hold.
func checkClientHello12(h *wire.ClientHello) error {
	if !h.Compressions.Has(wire.CompressionNull) {
		return fault.ClientCompression.In("compression_methods")
	}
	if h.Extensions.Has(iana.ExtECPointFormats) && !h.PointFormats.Has(wire.Uncompressed) {
		return fault.PointFormats.In("ec_point_formats").Saw("", wire.Uncompressed)
	}
	if h.Extensions.Has(iana.ExtRenegotiationInfo) && len(h.RenegotiationInfo) > 0 {
		return fault.RenegotiationInfo.In("renegotiation_info")
	}
	return nil
}

// chooseGroup12 finds a group for the suite's key exchange, if it takes one.
func (s *server) chooseGroup12() (c choice, g iana.Group, err error) {
	if kind := s.kind12(); kind != nil {
		return chooseGroup12(&s.hello, s.groups12(), kind)
	}
	return c, 0, nil
}

// kind12 is the kind of groups that the suite's key exchange takes; nil if none.
func (s *server) kind12() func(iana.Group) bool {
	switch x := s.suite.Exchange; {
	case x.Curve():
		return kex.Curve
	case x.Finite():
		return kex.Finite
	}
	return nil
}

// groups12 are those of ours that are of the kind.
func (s *server) groups12() []iana.Group {
	kind := s.kind12()
	return slices.DeleteFunc(slices.Clone(s.params.Groups), func(g iana.Group) bool { return !kind(g) })
}

// chooseGroup12 takes the first group of ours, all of a kind, that the client knows.
// A client that names none of the kind leaves the choice to us (RFC 8422,
// Section 4; RFC 7919, Section 4).
func chooseGroup12(h *wire.ClientHello, ours []iana.Group, kind func(iana.Group) bool) (choice, iana.Group, error) {
	c := choice{what: "group", reason: "It is the first in the server's order that the client knows."}
	any := !h.Extensions.Has(iana.ExtSupportedGroups) || len(ours) > 0 && kex.Finite(ours[0]) && !lists(h.Groups, kind)
	if any {
		c.reason = "The client names no groups of this kind, so the server takes its first."
	}
	for _, g := range ours {
		if any || h.Groups.Has(g) {
			c.chosen = g.String()
			return c, g, nil
		}
	}
	return c, 0, fault.NoCommonGroup.In("supported_groups").Saw("the client offers "+join(h.Groups.Slice()), join(ours))
}

// lists reports whether a list has any group of a kind.
func lists(groups wire.List16[iana.Group], kind func(iana.Group) bool) bool {
	for g := range groups.All() {
		if kind(g) {
			return true
		}
	}
	return false
}

// constant is the SHA-256 of what a second ClientHello must repeat: all but the
// extensions that RFC 9846, Section 4.2.2, lets change.
func constant(h *wire.ClientHello) ([]byte, error) {
	c := *h
	c.Extensions = wire.Extensions{}
	for i := range h.Extensions.Len() {
		switch t := h.Extensions.At(i); t {
		case iana.ExtKeyShare, iana.ExtCookie, iana.ExtEarlyData, iana.ExtPreSharedKey, iana.ExtPadding:
		default:
			c.Extensions.AddRaw(t, h.Extensions.Raw(t))
		}
	}
	b, err := wire.Append(nil, &c)
	sum := sha256.Sum256(b)
	return sum[:], err
}

// checkSecondHello compares what must not change (RFC 9846, Section 4.2.2).
func checkSecondHello(h *wire.ClientHello, want []byte) error {
	got, err := constant(h)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return fault.SecondHelloChanged.In("client_hello")
	}
	if h.Extensions.Has(iana.ExtEarlyData) {
		return fault.SecondHelloChanged.In("early_data")
	}
	return nil
}
