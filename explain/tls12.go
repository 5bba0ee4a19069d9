package explain

import (
	"fmt"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/suite"
	"github.com/handclasp/handclasp/internal/wire"
)

// What TLS 1.2 says in its own way: messages and keys (RFC 5246).

// tell12 tells of the messages that TLS 1.3 has not, or not in this form.
func (r *Recorder) tell12(s *Step, m wire.Message, sender fault.Role) {
	switch m := m.(type) {
	case *wire.HelloRequest:
		s.say("%s", iana.HelloRequest.Meaning())
		if r.state != fault.Connected {
			s.say("A handshake is going on already, so here it asks for nothing: a client of TLS 1.2 ignores it, and no Finished covers it.")
			return
		}
		s.say("A client had better refuse (RFC 9325, Section 3.5). Handclasp does unless it is told otherwise, and never asks for it.")
	case *wire.Certificate12:
		r.certificate12(s, m, sender)
	case *wire.CertificateStatus:
		s.say("The OCSP answer that the server promised: the authority behind its certificate says whether that was revoked. It is judged together with the certificate.")
		s.fact("carries", "response", "OCSP answer", size(m.OCSP))
	case *wire.ServerKeyExchange:
		r.serverKeyExchange(s, m)
	case *wire.CertificateRequest12:
		r.certificateRequest12(s, m)
	case *wire.ServerHelloDone:
		s.say("The server has said all it has to say for now; it is the client's turn. One round trip is over. In TLS 1.3 the keys for data would exist now; here it takes another.")
	case *wire.ClientKeyExchange:
		r.clientKeyExchange(s, m)
	case *wire.NewSessionTicket12:
		r.newSessionTicket12(s, m)
	}
}

func (r *Recorder) serverHello12(s *Step, m *wire.ServerHello) {
	f := &r.facts
	f.extended = m.Extensions.Has(iana.ExtExtendedMasterSecret)
	f.renegotiation = m.Extensions.Has(iana.ExtRenegotiationInfo)
	r.answersSession(s, m)
	s.ancient(f.version)
	s.fact("sets", "selected_version", "version", f.version.String())
	s.fact("sets", "cipher_suite", "cipher suite", m.CipherSuite.String()).Note = f.protection()
	if len(m.ALPN) > 0 {
		f.alpn = escape(string(m.ALPN[0]))
		s.fact("sets", "application_layer_protocol_negotiation", "protocol", texts(m.ALPN)...)
	}
	s.promises12(m, f.resumed)
	f.blocks12(s, m)
	if n := len(m.SessionID); n > 0 && !f.resumed {
		s.fact("carries", "session_id", "session ID", count(n, "byte")).Note = "The server's name for this session, by which a later connection may resume it."
	}
	s.downgrade(m, f.offers13)
	s.others(&m.Extensions, told12)
	s.lacks12(m)
}

// opens12 says what a full handshake goes on with.
func (s *Step) opens12(f *settled) {
	later := fmt.Sprintf("In %v its key share comes later, in a message of its own.", f.version)
	switch x := f.suite.KeyExchange(); {
	case x.Transport():
		later = "It makes no key share: the client is going to make a secret alone, and to encrypt it to the key of the server's certificate."
	case x == iana.PSK:
		later = "It makes no key share: the secret is a key that both sides have already."
	}
	s.say("The server answers with its choices. %s", later)
	shown := ", the certificate too"
	if x := suite.ByID(f.suite); x != nil && x.Auth == suite.NoKey {
		shown = ""
	}
	if !f.again {
		s.say("All handshake messages up to the Finished are readable for everybody on the path%s; TLS 1.3 encrypts from here on.", shown)
	}
}

// ancient tells what the versions before TLS 1.2 lack (RFC 8996).
func (s *Step) ancient(v iana.Version) {
	if v >= iana.TLS12 {
		return
	}
	iv := "Each record has a fresh IV of its own."
	if v <= iana.TLS10 {
		iv = "The IV of a record is the end of the one before, which who listens knows beforehand (BEAST); TLS 1.1 mended that."
	}
	s.say("%v is obsolete (RFC 8996). Its keys rest on MD5 and SHA-1 side by side, its signatures on these or on SHA-1 alone, where TLS 1.2 lets the two sides agree on better. Its ciphers are RC4, which is broken, and block ciphers with a separate MAC. %s", v, iv)
}

// blocks12 tells how a block cipher and its MAC go together.
func (f *settled) blocks12(s *Step, m *wire.ServerHello) {
	x := suite.ByID(f.suite)
	if x == nil || !x.CBC() {
		return
	}
	f.etm = m.Extensions.Has(iana.ExtEncryptThenMAC)
	if f.etm {
		s.fact("confirms", "encrypt_then_mac", "records", "encrypt-then-MAC").Note = "The MAC covers the ciphertext, so a record that was tampered with is refused before anything is decrypted (RFC 7366)."
		return
	}
	s.fact("lacks", "encrypt_then_mac", "records", "MAC-then-encrypt").Note = "The MAC lies inside the encryption, behind it padding that nothing protects. A receiver that lets show, by its answer or its time, what is wrong with a record gives away data byte by byte (Vaudenay, Lucky 13). Handclasp gives one answer, and does the same work whatever the padding says."
}

// promises12 are the answers to what the client asked for.
func (s *Step) promises12(m *wire.ServerHello, resumed bool) {
	x := &m.Extensions
	if x.Has(iana.ExtServerName) {
		s.fact("confirms", "server_name", "server name", "the name was used")
	}
	if x.Has(iana.ExtExtendedMasterSecret) {
		bound := "It will be bound to the whole handshake, so no other connection can have the same (RFC 7627)."
		if resumed {
			bound = "It is bound to the handshake in which it was made, so it belongs to that session alone (RFC 7627)."
		}
		s.fact("confirms", "extended_master_secret", "master secret", "extended").Note = bound
	}
	if x.Has(iana.ExtRenegotiationInfo) {
		s.fact("confirms", "renegotiation_info", "renegotiation", "secure").Note = "The server can tell a first handshake from a later one, so nobody can put words of his own before the client's (RFC 5746)."
	}
	if x.Has(iana.ExtStatusRequest) {
		s.fact("promises", "status_request", "revocation", "a stapled OCSP answer, after the certificate")
	}
	if x.Has(iana.ExtSessionTicket) {
		s.fact("promises", "session_ticket", "session ticket", "a NewSessionTicket before its ChangeCipherSpec")
	}
	if n := len(m.SCTs); n > 0 {
		s.fact("carries", "signed_certificate_timestamp", "transparency", count(n, "signed certificate timestamp"))
	}
}

// lacks12 tells what ought to be there and is not.
func (s *Step) lacks12(m *wire.ServerHello) {
	if !m.Extensions.Has(iana.ExtExtendedMasterSecret) {
		s.fact("lacks", "extended_master_secret", "master secret", "not extended").Note = "It depends on the key shares and both randoms only, not on the certificate: a server in the middle may be able to give two connections the same one, so this one has no exporters (RFC 7627)."
	}
	if !m.Extensions.Has(iana.ExtRenegotiationInfo) {
		s.fact("lacks", "renegotiation_info", "renegotiation", "not secure").Note = "Should the server renegotiate, somebody may have put words of his own before the client's: to the server this handshake would then be his second one (RFC 5746)."
	}
}

// told12 are the extensions of a ServerHello that facts of their own tell.
var told12 = map[iana.ExtensionType]bool{
	iana.ExtServerName: true, iana.ExtStatusRequest: true, iana.ExtALPN: true, iana.ExtSCT: true, iana.ExtExtendedMasterSecret: true,
	iana.ExtRenegotiationInfo: true, iana.ExtSessionTicket: true, iana.ExtSupportedVersions: true, iana.ExtEncryptThenMAC: true,
}

// downgrade tells of the mark that a server leaves in its random if it speaks TLS
// 1.3 and chose less (RFC 9846, Section 4.2.3).
func (s *Step) downgrade(m *wire.ServerHello, offered bool) {
	end := string(m.Random[24:])
	marked := end == "DOWNGRD\x01" || end == "DOWNGRD\x00"
	switch {
	case marked && offered:
		s.fact("carries", "random", "downgrade mark", "DOWNGRD").Note = "The server says in its random that it speaks a newer version. The client has offered TLS 1.3, so somebody on the path may have taken it out of the hello."
	case marked:
		s.fact("carries", "random", "downgrade mark", "DOWNGRD").Note = "The server says in its random that it speaks a newer version. The client has not offered TLS 1.3, so all is well."
	case offered:
		s.fact("carries", "random", "downgrade mark", "none").Note = "The client has offered TLS 1.3. A server that speaks it would mark its random, which it is going to sign; so this one does not, and nobody on the path has brought the older version about."
	}
}

func (r *Recorder) certificate12(s *Step, m *wire.Certificate12, sender fault.Role) {
	proof := "the signature in the ServerKeyExchange"
	if r.facts.suite.KeyExchange().Transport() {
		proof = "the server's Finished, which only who can decrypt the client's secret can make,"
	}
	if sender == fault.Client {
		proof = "the CertificateVerify"
	}
	r.shows(s, m.List, sender, proof)
	if len(m.List) > 0 && !r.facts.again {
		s.say("Everybody on the path can read it, and so learns who the %v is. TLS 1.3 sends it encrypted.", sender)
	}
}

func (r *Recorder) certificateRequest12(s *Step, m *wire.CertificateRequest12) {
	s.say("%s", iana.CertificateRequest.Meaning())
	var types []string
	for i := range m.Types.Len() {
		types = append(types, m.Types.At(i).String())
	}
	s.fact("accepts", "certificate_types", "kinds of key", types...)
	s.fact("accepts", "supported_signature_algorithms", "signatures", names(m.SignatureSchemes.Slice())...)
	var authorities []string
	for _, der := range m.Authorities {
		authorities = append(authorities, distinguished(der))
	}
	s.fact("accepts", "certificate_authorities", "authorities", authorities...)
	r.asks(s, len(authorities))
}

// finished12: each side's Finished is the first thing that it encrypts.
func (r *Recorder) finished12(s *Step, m *wire.Finished, sender fault.Role) {
	second := r.facts.finished[sender.Peer()]
	r.facts.finished[sender] = true
	also := ""
	if second {
		also = fmt.Sprintf(", the %v's Finished included", sender.Peer())
	}
	first := "The first message that the %v encrypts"
	if r.facts.again {
		first = "The first message of the %v's under the new keys"
	}
	s.say(first+": a keyed checksum over every handshake message before it%s, made with the master secret. If a single byte of them had been changed on the way, an offer removed from a hello for one, it would not match.", sender, also)
	s.fact("proves with", "verify_data", "checksum", fmt.Sprintf("%s (PRF with %s)", count(len(m.VerifyData), "byte"), r.facts.prf()))
	switch {
	case r.facts.again && second:
		s.say("With it the renegotiation is complete, and the keys of the handshake before are forgotten.")
	case !second:
		s.say("The %v sends no data yet: first it wants to see the %v's Finished.", sender, sender.Peer())
	case sender == fault.Server:
		r.facts.secondTrip = true
		s.say("With it the handshake is complete, after two round trips; application data may follow at once.")
	case r.facts.resumed:
		s.say("With it the handshake is complete, and the client has waited for one round trip only: a full handshake of %v takes two. Its data may follow at once.", r.facts.version)
	default:
		s.say("With it the handshake is complete; application data may follow at once.")
	}
}

// changed12 says what a ChangeCipherSpec of TLS 1.2 does, or why it does
// nothing.
func (r *Recorder) changed12(s *Step, sender fault.Role) {
	f := &r.facts
	switch {
	case f.changed[sender]:
		s.say("The %v has changed to its keys already; another change means nothing.", sender)
		return
	case !f.keyed:
		s.say("It comes too early: there are no keys yet to change to.")
		return
	}
	f.changed[sender] = true
	if f.again {
		s.say("From here on what the %v sends is protected with its new write key. The next thing must be its Finished.", sender)
		return
	}
	s.say("From here on everything that the %v sends is encrypted and protected against change with its write key. The next thing must be its Finished.", sender)
	if f.changed[sender.Peer()] {
		s.say("Now both directions are encrypted; who listens on the path sees only the kind, the size and the time of each record.")
		return
	}
	s.say("It is a record of its own and no handshake message, so no Finished covers it. In TLS 1.3 it is but a dummy.")
}

// Titles of the steps in which secrets of TLS 1.2 come to be, by where those come
// from.
var titles12 = map[string]string{
	"key exchange":     "The premaster secret exists",
	"premaster_secret": "The master secret exists",
	"master_secret":    "The keys exist",
	"session":          "The master secret is there already",
}

func (r *Recorder) tellKeys12(s *Step, k *flow.Secret) {
	prf := "the PRF, which is made of HMAC with " + r.facts.prf()
	switch k.Derived {
	case "key exchange":
		s.say("%s", r.facts.premaster(r.facts.suite.KeyExchange()))
	case "premaster_secret":
		if r.facts.extended {
			s.say("From the premaster secret and the session hash, %s, makes 48 bytes. The session hash covers every handshake message from ClientHello to ClientKeyExchange, so the secret belongs to this handshake alone (extended master secret, RFC 7627).", prf)
		} else {
			s.say("From the premaster secret and both randoms, %s, makes 48 bytes (RFC 5246, Section 8.1). Nothing else of the handshake goes into it, since the two sides have not agreed on extended_master_secret.", prf)
		}
		s.say("The premaster secret has done its work and is forgotten.")
	case "session":
		r.recalled12(s)
	default:
		r.facts.keyed = true
		s.say("The PRF stretches the master secret and both randoms into the key block, which is cut up: %s.", r.facts.cut(k.Suite))
		if r.facts.resumed {
			s.say("The randoms are new, and so the keys are: they are none of the earlier connection's.")
		}
		s.say("Each side begins to use its key with its ChangeCipherSpec. The same keys protect the Finished messages and the data; TLS 1.3 has other keys for the handshake.")
	}
}

// prf says which hash the PRF is made of: up to TLS 1.1 of two, whatever the suite
// (RFC 4346, Section 5).
func (f *settled) prf() string {
	if f.version < iana.TLS12 {
		return "MD5 and with SHA-1"
	}
	return hashName(f.suite)
}

// shared names the group of the key exchange.
func (f *settled) shared() string {
	switch {
	case f.prime == 0:
		return f.group.String()
	case f.group == 0:
		return fmt.Sprintf("a finite field of %d bits", f.prime)
	}
	return fmt.Sprintf("%v, a finite field of %d bits", f.group, f.prime)
}

// premaster says where the premaster secret comes from.
func (f *settled) premaster(x iana.KeyExchange) string {
	shared := fmt.Sprintf("Each side computes the same value from its own private key and the other's share (%s): the client when it has the ServerKeyExchange, the server when it has the ClientKeyExchange. It never crosses the wire, and who only listens can't compute it.", f.shared())
	const both = " The premaster secret has two parts, each behind its length: %s, and the pre-shared key (RFC 4279, Section 2)."
	switch {
	case x == iana.RSAKeyTransport:
		return "It is what the client made up: 48 bytes, which crossed the wire encrypted to the key of the server's certificate. Who has that key can read them there."
	case x == iana.RSAPSK:
		return "The client made up 48 bytes, which crossed the wire encrypted to the key of the server's certificate." + fmt.Sprintf(both, "those")
	case x == iana.PSK:
		return "Nothing was exchanged." + fmt.Sprintf(both, "zeros, as many as the pre-shared key has bytes, where other key exchanges have a shared secret") + " Both sides knew it all along."
	case x.PreShared():
		return shared + fmt.Sprintf(both, "that value") + " So only who knows the pre-shared key gets the same keys."
	case x.Finite():
		return shared + " Its leading zeros are left out (RFC 5246, Section 8.1.2)."
	}
	return shared
}

// cut says what the key block holds, in its order.
func (f *settled) cut(id iana.CipherSuite) string {
	x := suite.ByID(id)
	if x == nil {
		return "a key for each direction"
	}
	if x.CBC() {
		iv := "; an IV comes with each record"
		if f.version <= iana.TLS10 {
			iv = fmt.Sprintf(", and %s of IV for its first record", count(x.IVLen, "byte"))
		}
		return fmt.Sprintf("for each direction a key of %s for the MAC and one of %s for the cipher%s", count(x.MAC.Size(), "byte"), count(x.KeyLen, "byte"), iv)
	}
	text := fmt.Sprintf("for each direction a key of %s and %s", count(x.KeyLen, "byte"), count(x.IVLen, "byte"))
	if x.Explicit > 0 {
		return text + fmt.Sprintf(" of the nonce, whose other %d travel with each record", x.Explicit)
	}
	return text + " from which, with its number, each record's nonce is made"
}
