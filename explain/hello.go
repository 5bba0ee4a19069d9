package explain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/suite"
	"github.com/handclasp/handclasp/internal/wire"
)

// The hellos, of all versions.

func (r *Recorder) clientHello(s *Step, m *wire.ClientHello) {
	s.opening(m, &r.facts)
	r.offers(s, m)
	s.fact("asks for", "server_name", "server name", escape(string(m.ServerName)))
	if r.facts.connected {
		r.facts.renew()
		r.again = append(r.again, beginning{len(r.steps), len(r.choices)})
	} else {
		r.hello, r.facts.name = s, escape(string(m.ServerName))
		r.facts.offers13 = slices.Contains(offered(m), iana.TLS13)
	}
	if m.Extensions.Has(iana.ExtStatusRequest) {
		s.fact("asks for", "status_request", "revocation", "a stapled OCSP answer")
	}
	if m.Extensions.Has(iana.ExtSCT) {
		s.fact("asks for", "signed_certificate_timestamp", "transparency", "signed certificate timestamps")
	}
	r.sessions(s, m)
	r.offersEarly(s, m)
	s.signals(m)
	s.others(&m.Extensions, told)
}

// renew begins another handshake on the connection.
func (f *settled) renew() {
	f.again = true
	f.resumed, f.asked, f.shown, f.keyed, f.offers13 = false, false, false, false, false
	f.changed, f.finished = map[fault.Role]bool{}, map[fault.Role]bool{}
}

// opening says what the hello is for. One that follows a HelloRetryRequest
// repeats the first but for what was asked.
func (s *Step) opening(m *wire.ClientHello, f *settled) {
	versions := offered(m)
	switch {
	case f.connected:
		s.say("The client asks for a new handshake on this connection (renegotiation), which TLS 1.3 has abolished. Everything in it travels under the keys that there are, and it ends in new ones. Clients had better refuse (RFC 9325, Section 3.5); Handclasp does unless it is told otherwise, and its server always.")
	case f.retried:
		s.say("The client repeats its hello with what the server asked for; all else must stay as it was (RFC 9846, Section 4.2.2).")
		s.fact("returns", "cookie", "cookie", size(m.Cookie))
	case !slices.Contains(versions, iana.TLS13):
		s.say("The client opens: it says what it is willing to use, best first. Its part of the key exchange comes later, once the server has chosen how. Everybody on the path can read this message.")
	case len(m.KeyShares) == 0:
		s.say("The client opens: it says what it is willing to use, best first. Everybody on the path can read this message.")
	default:
		s.say("The client opens: it says what it is willing to use, best first, and guesses which group the server will take, so that the keys can exist after one round trip. Everybody on the path can read this message.")
		if slices.ContainsFunc(versions, old) {
			s.say("With a server that chooses TLS 1.2 the guess is void, and the handshake takes a round trip more.")
		}
	}
}

// offered are the versions that a hello names.
func offered(m *wire.ClientHello) []iana.Version {
	if m.Extensions.Has(iana.ExtSupportedVersions) {
		return m.SupportedVersions.Slice()
	}
	return []iana.Version{m.LegacyVersion}
}

// offers are the client's lists.
func (r *Recorder) offers(s *Step, m *wire.ClientHello) {
	f := s.fact("offers", "supported_versions", "versions", names(offered(m))...)
	if !m.Extensions.Has(iana.ExtSupportedVersions) {
		f.Note = "A hello without supported_versions names only the highest."
	}
	s.fact("offers", "cipher_suites", "cipher suites", names(m.CipherSuites.Slice())...)
	s.fact("offers", "supported_groups", "groups", names(m.Groups.Slice())...)
	var shares []string
	for _, k := range m.KeyShares {
		shares = append(shares, fmt.Sprintf("%v (%s)", k.Group, count(len(k.Key), "byte")))
	}
	if m.Extensions.Has(iana.ExtKeyShare) && len(shares) == 0 {
		shares = []string{"none: the server is to ask for one"}
	}
	s.fact("offers", "key_share", "key shares", shares...)
	s.fact("offers", "signature_algorithms", "signatures", names(m.SignatureSchemes.Slice())...)
	s.fact("offers", "signature_algorithms_cert", "in certificates", names(m.CertSchemes.Slice())...)
	s.fact("offers", "application_layer_protocol_negotiation", "protocols", texts(m.ALPN)...)
}

func texts(list [][]byte) []string {
	out := make([]string, len(list))
	for i, b := range list {
		out[i] = escape(string(b))
	}
	return out
}

func size(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	return count(len(b), "byte")
}

// signals are values among the cipher suites that are none.
func (s *Step) signals(m *wire.ClientHello) {
	if m.CipherSuites.Has(iana.TLS_EMPTY_RENEGOTIATION_INFO_SCSV) {
		f := s.fact("also has", "renegotiation_info", "renegotiation", iana.TLS_EMPTY_RENEGOTIATION_INFO_SCSV.String())
		f.Note = "This is no cipher suite: it says what an empty renegotiation_info would say (RFC 5746)."
	}
	if m.CipherSuites.Has(iana.TLS_FALLBACK_SCSV) {
		f := s.fact("also has", "fallback", "fallback", iana.TLS_FALLBACK_SCSV.String())
		f.Note = "This is no cipher suite: it says that the client tried a newer version before and failed (RFC 7507)."
	}
}

// told are the extensions that facts of their own tell.
var told = map[iana.ExtensionType]bool{
	iana.ExtServerName: true, iana.ExtStatusRequest: true, iana.ExtSupportedGroups: true, iana.ExtSignatureAlgorithms: true,
	iana.ExtSignatureAlgorithmsCert: true, iana.ExtALPN: true, iana.ExtSCT: true, iana.ExtSupportedVersions: true,
	iana.ExtKeyShare: true, iana.ExtCookie: true, iana.ExtPreSharedKey: true, iana.ExtEarlyData: true,
	iana.ExtPSKKeyExchangeModes: true, iana.ExtSessionTicket: true,
}

// others tells of the extensions that have no fact of their own by what the
// registry says of them.
func (s *Step) others(x *wire.Extensions, told map[iana.ExtensionType]bool) {
	for _, t := range x.Types() {
		if told[t] {
			continue
		}
		f := Fact{Topic: "also has", Name: t.String(), Label: t.String()}
		info, ok := t.Info()
		switch {
		case ok:
			f.Note = info.Meaning
		case iana.IsGREASE(uint16(t)):
			f.Note = "A value without meaning, to keep the other side used to what it does not know (GREASE, RFC 8701)."
		default:
			f.Note = "An extension that no registry we know has."
		}
		if n := len(x.Raw(t)); n > 0 {
			f.Values = []string{count(n, "byte")}
		}
		s.Facts = append(s.Facts, f)
	}
}

func (r *Recorder) helloRetryRequest(s *Step, m *wire.ServerHello) {
	r.facts.retried = true
	share, cookie := m.Extensions.Has(iana.ExtKeyShare), m.Extensions.Has(iana.ExtCookie)
	r.facts.cookieOnly = !share
	switch {
	case share:
		s.say("The server does not go on with this hello: it wants to use %v, and the client sent no key share for it. The client must try again.", m.KeyShare.Group)
	case cookie:
		s.say("The server wants to see its cookie again before it does any work, which shows that the client can be reached at its address.")
	}
	s.say("This costs one more round trip. On the wire it is a ServerHello with a fixed random value.")
	r.retriesEarly(s)
	s.fact("sets", "selected_version", "version", version(m))
	s.fact("sets", "cipher_suite", "cipher suite", m.CipherSuite.String())
	if share {
		s.fact("asks for", "selected_group", "key share for", m.KeyShare.Group.String())
	}
	s.fact("asks for", "cookie", "cookie back", size(m.Cookie))
	s.others(&m.Extensions, told)
}

func version(m *wire.ServerHello) string {
	if m.Extensions.Has(iana.ExtSupportedVersions) {
		return m.SupportedVersion.String()
	}
	return m.LegacyVersion.String()
}

func (r *Recorder) serverHello(s *Step, m *wire.ServerHello) {
	f := &r.facts
	f.version, f.suite, f.group = m.LegacyVersion, m.CipherSuite, m.KeyShare.Group
	if m.Extensions.Has(iana.ExtSupportedVersions) {
		f.version = m.SupportedVersion
	}
	if old(f.version) {
		r.serverHello12(s, m)
	} else {
		r.serverHello13(s, m)
	}
}

func (r *Recorder) serverHello13(s *Step, m *wire.ServerHello) {
	if m.Extensions.Has(iana.ExtPreSharedKey) {
		r.takes(s, m)
	} else {
		s.say("The server answers with its choices and its own key share. With both shares, each side can compute the same secret, which never crosses the wire. This is the last handshake message that is readable for all.")
		if len(r.facts.offered) > 0 {
			s.say("It takes none of the client's pre-shared keys, so this is a full handshake.")
		}
	}
	s.fact("sets", "selected_version", "version", version(m))
	f := s.fact("sets", "cipher_suite", "cipher suite", m.CipherSuite.String())
	f.Note = r.facts.protection()
	if m.Extensions.Has(iana.ExtPreSharedKey) {
		s.chosen(&r.facts, m)
	}
	if m.Extensions.Has(iana.ExtKeyShare) {
		f := s.fact("sets", "key_share", "key share", fmt.Sprintf("%v (%s)", m.KeyShare.Group, count(len(m.KeyShare.Key), "byte")))
		f.Note = exchange(m.KeyShare.Group)
	}
	if n := len(m.SessionID); n > 0 {
		s.fact("carries", "legacy_session_id_echo", "session ID", count(n, "byte")+", the client's own")
	}
	s.others(&m.Extensions, told)
}

// protection says in words what the suite does.
func (f *settled) protection() string {
	x := suite.ByID(f.suite)
	if x == nil {
		return ""
	}
	made, hash := "", x.Hash.String()
	if old(f.version) {
		hash = f.prf()
		if !f.resumed {
			made = partners(x, f.version)
		}
	}
	return fmt.Sprintf("%sRecords are encrypted and protected against change by %s; keys are derived with %s.", made, cipher(x), hash)
}

// cipher says what protects the records.
func cipher(x *suite.Suite) string {
	name := x.ID.String()
	switch {
	case strings.Contains(name, "3DES"):
		return "3DES in CBC mode, whose blocks of 8 bytes are too small for much data (Sweet32), and HMAC with SHA-1"
	case x.CBC():
		return fmt.Sprintf("AES with a key of %d bits in CBC mode and HMAC with %v", 8*x.KeyLen, x.MAC)
	case strings.Contains(name, "CHACHA20"):
		return "ChaCha20 with a key of 256 bits and the authenticator Poly1305"
	case strings.Contains(name, "CCM_8"):
		return fmt.Sprintf("AES with a key of %d bits in CCM mode with a short tag of 8 bytes", 8*x.KeyLen)
	case strings.Contains(name, "CCM"):
		return fmt.Sprintf("AES with a key of %d bits in CCM mode", 8*x.KeyLen)
	}
	return fmt.Sprintf("AES with a key of %d bits in GCM mode", 8*x.KeyLen)
}

// partners says how the secret comes about and who proves what by it.
func partners(x *suite.Suite, v iana.Version) string {
	switch e := x.Exchange; {
	case e.Signed() && x.Auth == suite.ECDSA && v < iana.TLS12: // where there is no Ed25519
		return fmt.Sprintf("Both sides make fresh key shares (%v), and the server signs its own with an ECDSA key. ", e)
	case e.Signed():
		return fmt.Sprintf("Both sides make fresh key shares (%v), and the server signs its own with %v. ", e, x.Auth)
	case e == iana.RSAKeyTransport:
		return "The client makes the secret alone and encrypts it to the RSA key of the server's certificate; nobody makes a fresh key share. "
	case e == iana.RSAPSK:
		return "The client makes a secret and encrypts it to the RSA key of the server's certificate; a pre-shared key is mixed in. "
	case e == iana.PSK:
		return "The secret is a pre-shared key, which both sides know already; nobody makes a fresh key share. "
	}
	return fmt.Sprintf("Both sides make fresh key shares (%v) and mix in a pre-shared key, which proves them to each other; there is no certificate. ", x.Exchange)
}

// hashName is the hash of a suite.
func hashName(id iana.CipherSuite) string {
	if x := suite.ByID(id); x != nil {
		return x.Hash.String()
	}
	return "the suite's hash"
}

// exchange says what a group protects against.
func exchange(g iana.Group) string {
	switch g {
	case iana.X25519MLKEM768, iana.SecP256r1MLKEM768, iana.SecP384r1MLKEM1024:
		return "A hybrid of an elliptic curve and ML-KEM: the secret stays safe as long as one of the two holds, also against a quantum computer."
	}
	if postQuantum(g) {
		return "A lattice method that is made to resist quantum computers."
	}
	return "Fresh on each connection. Whoever records the traffic and has a large quantum computer one day could find the secret; a hybrid group, which TLS 1.3 has, would prevent that."
}

func postQuantum(g iana.Group) bool {
	switch g {
	case iana.MLKEM512, iana.MLKEM768, iana.MLKEM1024, iana.X25519MLKEM768, iana.SecP256r1MLKEM768, iana.SecP384r1MLKEM1024, iana.CurveSM2MLKEM768:
		return true
	}
	return false
}
