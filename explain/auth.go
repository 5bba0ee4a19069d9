package explain

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/expand"
	"github.com/handclasp/handclasp/internal/wire"
)

// What the server and the client say under encryption.

func (r *Recorder) encryptedExtensions(s *Step, m *wire.EncryptedExtensions, sender fault.Role) {
	if sender == fault.Client {
		s.say("The server took application_settings, so the client answers with its own, before all else that it still has to say (draft-vvv-tls-alps).")
		s.others(&m.Extensions, told)
		return
	}
	s.say("%s", iana.EncryptedExtensions.Meaning())
	if len(m.ALPN) > 0 {
		r.facts.alpn = escape(string(m.ALPN[0]))
		s.fact("sets", "application_layer_protocol_negotiation", "protocol", texts(m.ALPN)...)
	}
	if m.Extensions.Has(iana.ExtServerName) {
		s.fact("confirms", "server_name", "server name", "the name was used")
	}
	if m.Extensions.Has(iana.ExtSupportedGroups) {
		s.fact("mentions", "supported_groups", "groups", names(m.Groups.Slice())...)
	}
	r.answersEarly(s, m)
	if m.Extensions.Len() == 0 {
		s.say("The server has nothing to add; the message must be there all the same.")
	}
	if r.facts.taken != nil {
		s.say("No Certificate and no CertificateVerify follow: that the server has the pre-shared key shows in its Finished.")
	}
	s.others(&m.Extensions, told)
}

func (r *Recorder) certificateRequest(s *Step, m *wire.CertificateRequest) {
	s.say("%s", iana.CertificateRequest.Meaning())
	if r.facts.connected {
		s.say("It comes after the handshake, when the server finds that it needs to know (post-handshake authentication, RFC 9846, Section 4.7.2): the client had said that it may. Data may go on in both directions meanwhile.")
	}
	s.fact("accepts", "signature_algorithms", "signatures", names(m.SignatureSchemes.Slice())...)
	s.fact("accepts", "signature_algorithms_cert", "in certificates", names(m.CertSchemes.Slice())...)
	var authorities []string
	for _, der := range m.Authorities {
		authorities = append(authorities, distinguished(der))
	}
	s.fact("accepts", "certificate_authorities", "authorities", authorities...)
	r.asks(s, len(authorities))
	s.others(&m.Extensions, map[iana.ExtensionType]bool{
		iana.ExtSignatureAlgorithms: true, iana.ExtSignatureAlgorithmsCert: true, iana.ExtCertificateAuthorities: true,
	})
}

// asks tells what a server's wish for a certificate means, by how many
// authorities it names.
func (r *Recorder) asks(s *Step, authorities int) {
	r.facts.asked = true
	if authorities == 0 {
		s.say("It names no authorities, so the client may show any certificate whose key signs that way.")
	}
	s.say("Whether it insists does not stand here: it shows when the client has none.")
}

func (r *Recorder) certificate(s *Step, m *wire.Certificate, sender fault.Role) {
	list := make([][]byte, len(m.List))
	for i := range m.List {
		list[i] = m.List[i].Data
	}
	r.shows(s, list, sender, "the next message")
	for i := range m.List {
		e, c := &m.List[i], &s.Certificates[i]
		c.OCSP, c.SCTs = len(e.OCSP), len(e.SCTs)
		for _, t := range e.Extensions.Types() {
			if t != iana.ExtStatusRequest && t != iana.ExtSCT {
				s.fact("also has", t.String(), t.String(), fmt.Sprintf("%s, with certificate %d", count(len(e.Extensions.Raw(t)), "byte"), i+1))
			}
		}
	}
}

// compressedCertificate tells what a certificate message is, and what compression
// saved.
func (r *Recorder) compressedCertificate(s *Step, m *wire.CompressedCertificate, sender fault.Role) {
	s.fact("sets", "algorithm", "compression", m.Algorithm.String())
	s.say("A Certificate message, compressed with %v: %s instead of %d (RFC 8879).", m.Algorithm, count(len(m.Data), "byte"), m.Length)
	if m.Length > maxExpanded {
		s.say("It would expand to more than is read here.")
		return
	}
	var plain wire.Certificate
	body, err := expand.Bytes(m.Algorithm, m.Data, int(m.Length))
	if err == nil {
		err = wire.Decode(append(binary.BigEndian.AppendUint32(nil, uint32(iana.Certificate)<<24|m.Length), body...), &plain)
	}
	if err != nil {
		s.Outcome = Broken
		s.say("It can't be expanded: %s", sentence(escape(err.Error())))
		return
	}
	r.certificate(s, &plain, sender)
}

// maxExpanded is what a compressed Certificate may expand to, to be told, in bytes.
const maxExpanded = 1 << 19

// shows tells of a chain, leaf first. Proof is the message that will show whose
// it is.
func (r *Recorder) shows(s *Step, list [][]byte, sender fault.Role, proof string) {
	if len(list) == 0 {
		s.say("The %v has no certificate to show, and says so with an empty list.", sender)
		if sender == fault.Client {
			s.say("A server that does not insist goes on without knowing who the client is.")
		}
		return
	}
	r.facts.shown = r.facts.shown || sender == fault.Client
	s.say("The %v shows who it is: %s. Anybody can show a certificate; %s proves that it is the %v's.", sender, shown(len(list)), proof, sender)
	for _, der := range list {
		s.Certificates = append(s.Certificates, describe(der))
	}
	if sender != r.role {
		r.facts.certificates = s.Certificates
	}
}

func shown(n int) string {
	if n == 1 {
		return "one certificate, its own"
	}
	return fmt.Sprintf("%d certificates, the first its own, each next one there to vouch for the one before", n)
}

func (r *Recorder) certificateVerify(s *Step, m *wire.CertificateVerify, sender fault.Role) {
	signed := "everything that was said so far"
	if r.facts.connected {
		signed = "the whole handshake, the request and its certificate"
	}
	s.say("The %v signs %s with the private key of its certificate. Nobody else can, and the signature fits no other connection.", sender, signed)
	if sender == fault.Server {
		r.facts.scheme = m.Scheme
	} else {
		r.facts.clientScheme = m.Scheme
	}
	if m.Scheme != 0 { // before TLS 1.2 the key implies it
		s.fact("proves with", "algorithm", "algorithm", m.Scheme.String())
	}
	s.fact("proves with", "signature", "signature", size(m.Signature))
}

func (r *Recorder) finished(s *Step, m *wire.Finished, sender fault.Role) {
	if r.facts.connected {
		r.finishedLater(s, m)
		return
	}
	s.say("A keyed checksum over the whole handshake, made with the %v's handshake key. If a single byte of it had been changed on the way, an offer removed from a hello for one, it would not match.", sender)
	if sender == fault.Server && r.facts.taken != nil {
		s.say("Only who has the pre-shared key can make it: this is how the server proves who it is.")
	}
	r.checksum(s, m)
	if sender == fault.Client {
		s.say("It is the last message under the handshake keys; application data may follow at once.")
		if r.facts.asked && r.role == fault.Client {
			s.say("To the client the handshake is complete, but the server has yet to judge what it was shown. If that does not please it, it says so with an alert, after the handshake.")
		}
	}
}

// finishedLater is the end of a client's answer to a request after the handshake.
func (r *Recorder) finishedLater(s *Step, m *wire.Finished) {
	s.say("A keyed checksum over the handshake, the request and this answer, made with the secret that protects the client's data just now: who answers is who holds the connection.")
	r.checksum(s, m)
	if r.role == fault.Client {
		s.say("The connection goes on; if the answer does not please the server, it says so with an alert.")
	}
}

func (r *Recorder) checksum(s *Step, m *wire.Finished) {
	s.fact("proves with", "verify_data", "checksum", fmt.Sprintf("%s (HMAC with %s)", count(len(m.VerifyData), "byte"), hashName(r.facts.suite)))
}

func (r *Recorder) keyUpdate(s *Step, m *wire.KeyUpdate, sender fault.Role) {
	s.say("From its next record on, the %v protects what it sends with new keys, derived from the old ones, which it forgets.", sender)
	answer := "The other side need not do the same."
	if m.Request == wire.UpdateRequested {
		answer = "It asks the other side to do the same."
	}
	s.say("%s", answer)
	s.fact("sets", "request_update", "request", m.Request.String())
}

// proof tells of a check that passed or was waved through.
func (r *Recorder) proof(p *flow.Proven, at time.Duration) {
	switch p.What {
	case "certificate":
		if p.Verdict != nil && r.facts.verdict == nil {
			r.add(r.judged(p.Of, p.Verdict, true), at)
		}
	case "binder":
		s := &Step{Kind: KindVerify, Title: "The binder is right", Outcome: Passed}
		s.say("The %v has the pre-shared key that it offers, and made the binder for this hello.", p.Of)
		s.Checks = []Check{{Name: "binder", Outcome: Passed, Detail: "the checksum equals the one that we computed"}}
		r.add(s, at)
	case "signature":
		r.facts.signed(p)
		s := &Step{Kind: KindVerify, Title: "The signature is right", Outcome: Passed}
		key := "the private key of its certificate"
		if c := r.facts.certificates; len(c) > 0 && c[0].Key != "" {
			key = "the private key (" + c[0].Key + ") of its certificate"
		}
		s.say("The %v has proven that it holds %s, by %v. Whether to believe the certificate is the next question.", p.Of, key, p.Scheme)
		over := "the handshake"
		if old(r.facts.version) && p.Of == fault.Server {
			over = "both randoms and the server's share"
		}
		s.Checks = []Check{{Name: "signature", Outcome: Passed, Detail: "the signature over " + over + " verifies with the certificate's key"}}
		r.add(s, at)
	case "finished":
		s := &Step{Kind: KindVerify, Title: "The Finished is right", Outcome: Passed}
		s.say("The %v saw the same handshake as we did and holds the same keys: nobody on the way changed or left out anything.", p.Of)
		s.Checks = []Check{{Name: "finished", Outcome: Passed, Detail: "the checksum equals the one that we computed"}}
		r.add(s, at)
	}
}

// signed notes that a signature is right, and its scheme, which before TLS 1.2 no
// message names.
func (f *settled) signed(p *flow.Proven) {
	if p.Of == fault.Client {
		f.clientScheme = p.Scheme
		return
	}
	f.proved, f.scheme = true, p.Scheme
}

// judged tells the verdict on a chain. Accepted says that the connection went
// on, failed checks or not.
func (r *Recorder) judged(of fault.Role, v *flow.Verdict, accepted bool) *Step {
	s := &Step{Kind: KindVerify, Title: "The certificate is good", Outcome: Passed}
	kept := &verdict{verified: v.Verified()}
	r.facts.verdict = kept
	if len(v.Chains) > 0 && len(v.Chains[0]) > 0 {
		chain := v.Chains[0]
		kept.root = subject(chain[len(chain)-1])
	}
	switch {
	case v.Verified():
		by := "A root that we trust vouches for what the certificate says."
		if len(v.Chains) > 0 && len(v.Chains[0]) == 1 {
			by = "We trust this very certificate, so nobody need vouch for what it says."
		}
		s.say("%s That the %v holds its private key is proved apart from that.", by, of)
	case accepted:
		s.Title, s.Outcome = "The certificate is NOT good, and we go on", Waived
		if of == fault.Client {
			s.say("Checks failed and were waved through, because this server believes any certificate (--client-auth request or require). All that is known is that the client holds its key.")
		} else {
			s.say("Checks failed and were waved through, because this side was told not to verify (--insecure). Anybody could sit at the other end.")
		}
	default:
		s.Title, s.Outcome = "The certificate is not good", Broken
		s.say("The %v is not believed.", of)
	}
	for _, c := range v.Checks() {
		s.Checks = append(s.Checks, check(c, accepted))
		if c.Err != nil {
			kept.failed = append(kept.failed, c.Err.ID)
		}
	}
	var path []string
	if len(v.Chains) > 0 {
		for _, c := range v.Chains[0] {
			path = append(path, subject(c))
		}
	}
	s.fact("leads to", "chain", "chain", path...)
	if v.OCSP != nil {
		s.fact("carries", "ocsp", "OCSP answer", staple(v.OCSP))
	}
	return s
}

func staple(o *flow.Staple) string {
	text := fmt.Sprintf("%v, of %s", o.Status, o.ThisUpdate.UTC().Format(time.RFC3339))
	if o.Status == flow.OCSPRevoked {
		text += ", revoked on " + o.RevokedAt.UTC().Format(time.RFC3339)
	}
	if !o.NextUpdate.IsZero() {
		text += ", good until " + o.NextUpdate.UTC().Format(time.RFC3339)
	}
	if o.Responder != "" {
		text += ", signed by " + escape(o.Responder)
	}
	return text
}

func check(c flow.Check, accepted bool) Check {
	k := Check{Name: escape(c.Name), Outcome: Passed, Detail: escape(c.Detail)}
	if e := c.Err; e != nil {
		k.Outcome, k.Rule, k.Hint = Broken, e.ID, e.Hint
		if accepted {
			k.Outcome = Waived
		}
		k.Detail = e.Text
		if e.Got != "" {
			k.Detail = fmt.Sprintf("%s Seen: %s.", e.Text, fault.Printable(e.Got))
		}
		if e.Want != "" {
			k.Detail += fmt.Sprintf(" Expected: %s.", fault.Printable(e.Want))
		}
	}
	return k
}
