package explain

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/suite"
	"github.com/handclasp/handclasp/internal/wire"
)

// message takes the event of a handshake message.
func (r *Recorder) message(ev *flow.Event, at time.Duration) {
	msg := bytes.Clone(ev.Bytes)
	s := &Step{Kind: KindMessage, Title: title(ev.Type, ev.Retry), Message: ev.Type.String(), Direction: direction(ev.Sent), Size: len(msg), Bytes: msg}
	if ev.Retry {
		s.Message = "hello_retry_request"
	}
	epoch := ev.Epoch
	if ev.Sent {
		r.sent.waiting = append(r.sent.waiting, waiting{s, len(msg)})
	} else if records, e, ok := r.claim(len(msg)); ok {
		s.Records, epoch = records, e
	}
	s.protected(epoch)
	s.Fields, _ = Annotate(msg)
	sender := r.role
	if !ev.Sent {
		sender = r.role.Peer()
	}
	r.tell(s, ev.Type, sender, msg)
	r.add(s, at)
}

func (s *Step) protected(e flow.Epoch) {
	s.Encrypted, s.Epoch = e != flow.Clear, e.String()
	if e > flow.Application {
		s.KeyUpdate = uint64(e - flow.Application)
	}
}

// title is the message's name as RFC 9846 writes it.
func title(t iana.HandshakeType, retry bool) string {
	switch {
	case retry:
		return "HelloRetryRequest"
	case !t.Known():
		return fmt.Sprintf("Unknown message (type %d)", uint8(t))
	}
	var b strings.Builder
	for _, word := range strings.Split(t.String(), "_") {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// tell says what is in the message. A message that does not parse is told by
// its size and bytes; the failure that follows says what is wrong with it.
func (r *Recorder) tell(s *Step, t iana.HandshakeType, sender fault.Role, msg []byte) {
	m := wire.New(t)
	if m == nil {
		s.say("%s", meaning(t))
		return
	}
	if err := wire.Decode(msg, m); err != nil {
		s.say("%s", meaning(t))
		s.Outcome = Broken
		s.say("This one does not parse: %s", malformed(err))
		return
	}
	switch m := m.(type) {
	case *wire.ClientHello:
		r.clientHello(s, m)
	case *wire.ServerHello:
		if m.IsRetry() {
			r.helloRetryRequest(s, m)
		} else {
			r.serverHello(s, m)
		}
	case *wire.EncryptedExtensions:
		r.encryptedExtensions(s, m)
	case *wire.CertificateRequest:
		r.certificateRequest(s, m)
	case *wire.Certificate:
		r.certificate(s, m, sender)
	case *wire.CertificateVerify:
		r.certificateVerify(s, m, sender)
	case *wire.Finished:
		r.finished(s, m, sender)
	case *wire.NewSessionTicket:
		r.newSessionTicket(s, m)
	case *wire.KeyUpdate:
		r.keyUpdate(s, m, sender)
	}
}

func meaning(t iana.HandshakeType) string {
	if m := t.Meaning(); m != "" {
		return m
	}
	return "No registry that we know has a message of this type."
}

func malformed(err error) string {
	if e, ok := err.(*fault.Error); ok {
		return fmt.Sprintf("%s Field %s, byte %d.", e.Text, escape(e.Field), e.Offset)
	}
	return sentence(escape(err.Error()))
}

// clientHello: a hello that follows a HelloRetryRequest repeats the first but
// for what was asked.
func (r *Recorder) clientHello(s *Step, m *wire.ClientHello) {
	r.hello = s
	if r.facts.retried {
		s.say("The client repeats its hello with what the server asked for; all else must stay as it was (RFC 9846, Section 4.2.2).")
		s.fact("returns", "cookie", "cookie", size(m.Cookie))
	} else {
		s.say("The client opens: it says what it is willing to use, best first, and guesses which group the server will take, so that the keys can exist after one round trip. Everybody on the path can read this message.")
	}
	r.offers(s, m)
	if name := string(m.ServerName); name != "" {
		r.facts.name = escape(name)
		s.fact("asks for", "server_name", "server name", escape(name))
	}
	if m.Extensions.Has(iana.ExtStatusRequest) {
		s.fact("asks for", "status_request", "revocation", "a stapled OCSP answer")
	}
	if m.Extensions.Has(iana.ExtSCT) {
		s.fact("asks for", "signed_certificate_timestamp", "transparency", "signed certificate timestamps")
	}
	if n := len(m.SessionID); n > 0 {
		f := s.fact("carries", "legacy_session_id", "session ID", count(n, "byte"))
		f.Note = "In TLS 1.3 it stands for nothing: it makes the hello look like TLS 1.2 to devices on the path (middlebox compatibility mode)."
	}
	if n := len(m.PSKIdentities); n > 0 {
		s.fact("offers", "pre_shared_key", "earlier session", count(n, "ticket or key"))
	}
	if m.Extensions.Has(iana.ExtEarlyData) {
		s.fact("offers", "early_data", "early data", "data before the handshake is complete (0-RTT)")
	}
	s.others(&m.Extensions, told)
}

// offers are the client's lists.
func (r *Recorder) offers(s *Step, m *wire.ClientHello) {
	versions := m.SupportedVersions.Slice()
	if !m.Extensions.Has(iana.ExtSupportedVersions) {
		versions = []iana.Version{m.LegacyVersion}
	}
	s.fact("offers", "supported_versions", "versions", names(versions)...)
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

// told are the extensions that facts of their own tell.
var told = map[iana.ExtensionType]bool{
	iana.ExtServerName: true, iana.ExtStatusRequest: true, iana.ExtSupportedGroups: true, iana.ExtSignatureAlgorithms: true,
	iana.ExtSignatureAlgorithmsCert: true, iana.ExtALPN: true, iana.ExtSCT: true, iana.ExtSupportedVersions: true,
	iana.ExtKeyShare: true, iana.ExtCookie: true, iana.ExtPreSharedKey: true, iana.ExtEarlyData: true,
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
	switch {
	case share:
		s.say("The server can't go on with this hello: it wants to use %v, and the client sent no key share for it. The client must try again.", m.KeyShare.Group)
	case cookie:
		s.say("The server wants to see its cookie again before it does any work, which shows that the client can be reached at its address.")
	}
	s.say("This costs one more round trip. On the wire it is a ServerHello with a fixed random value.")
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
	r.facts.version, r.facts.suite, r.facts.group = m.LegacyVersion, m.CipherSuite, m.KeyShare.Group
	if m.Extensions.Has(iana.ExtSupportedVersions) {
		r.facts.version = m.SupportedVersion
	}
	s.say("The server answers with its choices and its own key share. With both shares, each side can compute the same secret, which never crosses the wire. This is the last message that is readable for all.")
	s.fact("sets", "selected_version", "version", version(m))
	f := s.fact("sets", "cipher_suite", "cipher suite", m.CipherSuite.String())
	f.Note = protection(m.CipherSuite)
	if m.Extensions.Has(iana.ExtKeyShare) {
		f := s.fact("sets", "key_share", "key share", fmt.Sprintf("%v (%s)", m.KeyShare.Group, count(len(m.KeyShare.Key), "byte")))
		f.Note = exchange(m.KeyShare.Group)
	}
	if n := len(m.SessionID); n > 0 {
		s.fact("carries", "legacy_session_id_echo", "session ID", count(n, "byte")+", the client's own")
	}
	if m.Extensions.Has(iana.ExtPreSharedKey) {
		s.fact("sets", "pre_shared_key", "earlier session", fmt.Sprintf("number %d of the client's list", m.SelectedIdentity+1))
	}
	if end := string(m.Random[24:]); end == "DOWNGRD\x01" || end == "DOWNGRD\x00" {
		f := s.fact("carries", "random", "downgrade mark", "DOWNGRD")
		f.Note = "The server says in its random that it could speak a newer version (RFC 9846, Section 4.2.3)."
	}
	s.others(&m.Extensions, told)
}

// protection says in words what a suite of TLS 1.3 does.
func protection(id iana.CipherSuite) string {
	x := suite.ByID(id)
	if x == nil {
		return ""
	}
	cipher := fmt.Sprintf("AES with a key of %d bits in GCM mode", 8*x.KeyLen)
	if id == iana.TLS_CHACHA20_POLY1305_SHA256 {
		cipher = "ChaCha20 with a key of 256 bits and the authenticator Poly1305"
	}
	return fmt.Sprintf("Records are encrypted and protected against change by %s; keys are derived with %s.", cipher, hashName(id))
}

func hashName(id iana.CipherSuite) string {
	if id == iana.TLS_AES_256_GCM_SHA384 {
		return "SHA-384"
	}
	return "SHA-256"
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
	return "Fresh on each connection. Whoever records the traffic and has a large quantum computer one day could find the secret; a hybrid group would prevent that."
}

func postQuantum(g iana.Group) bool {
	switch g {
	case iana.MLKEM512, iana.MLKEM768, iana.MLKEM1024, iana.X25519MLKEM768, iana.SecP256r1MLKEM768, iana.SecP384r1MLKEM1024, iana.CurveSM2MLKEM768:
		return true
	}
	return false
}
