package diagnose

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/cert"
)

// repeats is how often a handshake that works is done again, to see whether the
// server is one and steady.
const repeats = 2

// worked judges a handshake that works.
func (d *diagnosis) worked(ctx context.Context, first *outcome) error {
	all := []*outcome{first}
	var short error // no more connections are allowed
	for range repeats {
		o, err := d.try(ctx, "the client's handshake again", d.mine(), false)
		if errors.Is(err, errBudget) {
			short = err
			break
		}
		if err != nil {
			return err
		}
		all = append(all, o)
		if !o.good() {
			return d.unsteady(ctx, d.mine())
		}
	}
	if odd := slices.IndexFunc(all, func(o *outcome) bool { return strings.Join(faults(o), " ") != strings.Join(faults(first), " ") }); odd >= 0 {
		d.nodesDiffer(all)
		return nil
	}
	if slices.ContainsFunc(all, func(o *outcome) bool { return !sameLeaf(o, first) }) {
		d.notice("Not every connection gets the same certificate, and all of them are good.")
	}
	d.judge(first)
	if err := d.otherwise(ctx); errors.Is(err, errBudget) {
		short = err
	} else if err != nil {
		return err
	}
	if done, err := d.refusedAbove(ctx, first); done {
		return err
	} else if errors.Is(err, errBudget) {
		short = err
	} else if err != nil {
		return err
	}
	d.asClient(first)
	d.Works = len(first.failed()) == 0
	if d.o.As != "" { // it may take what we don't, and the other way round
		d.Works = !slices.ContainsFunc(d.Findings, func(f Finding) bool {
			return f.ID != "chain-reversed" && (f.ID != "weak-parameters" || slices.Contains(levelTwo, d.o.As))
		})
	}
	if len(d.Findings) == 0 {
		sure := Certain
		if short != nil {
			sure = Possible
		}
		d.find("nothing-wrong", sure, first.String())
	}
	d.remark(first)
	return short
}

func sameLeaf(a, b *outcome) bool {
	return a.leaf == nil || b.leaf == nil || bytes.Equal(a.leaf.Raw, b.leaf.Raw)
}

// failed are the checks that the server's certificate did not pass.
func (o *outcome) failed() []*fault.Error {
	if o.info.Peer == nil {
		return nil
	}
	return o.info.Peer.Failed
}

// faults are the names of what is wrong with a handshake that works, in order.
func faults(o *outcome) (ids []string) {
	for _, f := range o.failed() {
		ids = append(ids, causeOf(f))
	}
	return ids
}

// causeOf is the cause that a broken rule of certificates stands for.
func causeOf(f *fault.Error) string {
	switch {
	case errors.Is(f, fault.OCSPRevoked):
		return "cert-revoked"
	case strings.HasPrefix(f.ID, "ocsp-"):
		return "ocsp-bad"
	case CauseByID(f.ID) == nil:
		return fault.CertRejected.ID
	}
	return f.ID
}

// nodesDiffer is for one address that gives different answers to one question.
func (d *diagnosis) nodesDiffer(all []*outcome) {
	var evidence []Evidence
	for i, o := range all {
		what := "the certificate is good"
		if f := o.failed(); len(f) > 0 {
			what = ofServer(f[0].Text) + " " + f[0].Got
		}
		if o.leaf != nil {
			what = fmt.Sprintf("certificate with serial number %x: %s", o.leaf.SerialNumber, what)
		}
		evidence = append(evidence, Evidence{Probe: fmt.Sprintf("connection %d", i+1), Outcome: what})
	}
	d.find("nodes-differ", Certain, "", evidence...)
}

// judge tells apart what is wrong with the certificate, and with what was agreed.
func (d *diagnosis) judge(o *outcome) {
	seen := map[string]bool{}
	for _, f := range o.failed() {
		if id := causeOf(f); !seen[id] {
			seen[id] = true
			d.find(id, Certain, f.Got, Evidence{Probe: "the certificates that the server sent", Outcome: titles(o.info.Peer.Peer)})
		}
	}
	if o.info.Peer == nil {
		return
	}
	if i := slices.IndexFunc(o.info.Peer.Peer, short); i >= 0 && !seen[fault.CertWeakKey.ID] {
		d.find(fault.CertWeakKey.ID, Certain, cert.Describe(o.info.Peer.Peer[i])+opensslDoesNot)
	}
	if len(d.Findings) == 0 && !ordered(o.info.Peer.Peer) {
		d.find("chain-reversed", Certain, "this client copes", Evidence{Probe: "the certificates that the server sent", Outcome: titles(o.info.Peer.Peer)})
	}
	if v := o.info.Version; v > 0 && v < iana.TLS13 && !o.info.SecureRenegotiation {
		d.find("legacy-renegotiation", Certain, "this client takes it, since it never renegotiates")
	}
	if n := o.info.DHBits; n > 0 && n < 2048 {
		f := d.find("weak-parameters", Certain, fmt.Sprintf("Diffie-Hellman with a modulus of %d bits", n)+opensslDoesNot)
		f.Fix, f.Lines = "Take suites with ECDHE, or a modulus of 2048 bits or more.", longModulus
	}
}

// short reports whether a certificate has an RSA key that OpenSSL's default
// security level refuses.
func short(c *x509.Certificate) bool {
	k, ok := c.PublicKey.(*rsa.PublicKey)
	return ok && k.N.BitLen() < 2048
}

// ordered reports whether each certificate is issued by the next (RFC 5246,
// Section 7.4.2).
func ordered(chain []*x509.Certificate) bool {
	for i := range chain[1:] {
		if !bytes.Equal(chain[i].RawIssuer, chain[i+1].RawSubject) {
			return false
		}
	}
	return true
}

func titles(chain []*x509.Certificate) string {
	var list []string
	for _, c := range chain {
		list = append(list, cert.Describe(c))
	}
	return strings.Join(list, ", ")
}

// otherwise looks whether something else is behind a certificate that is not good:
// another name, or the clock.
func (d *diagnosis) otherwise(ctx context.Context) error {
	for i := range d.Findings {
		switch d.Findings[i].ID {
		case fault.CertWrongName.ID:
			if !d.user[nameAtom] {
				return d.withName(ctx, func(o *outcome) bool { return o.good() && len(o.failed()) == 0 })
			}
		case fault.CertExpired.ID, fault.CertNotYetValid.ID, fault.CertChainExpired.ID:
			return d.clock(ctx)
		}
	}
	return nil
}

// withName tries the names that the address may have, for a client that sends
// none. If one does, that is the finding, in the place of all others.
func (d *diagnosis) withName(ctx context.Context, does func(*outcome) bool) error {
	for _, name := range d.otherNames(ctx) {
		d.p.model.name(name)
		h := hello{set: d.user.with(nameAtom), name: slices.Index(d.p.model.names, name)}
		o, err := d.try(ctx, "the same with the name "+name, h, false)
		if err != nil {
			return err
		}
		if does(o) {
			if steady, err := d.confirm(ctx, d.mine(), h, does); err != nil || !steady {
				return err
			}
			d.Findings = nil
			f := d.find("sni-required", Certain, d.nameless(), d.evidence("without a name", d.mine()), d.evidence("with the name "+fault.Quote([]byte(name)), h))
			f.Prove = d.command("explain", "--name "+name)
			return nil
		}
	}
	return nil
}

// nameless says why the client sends no name.
func (d *diagnosis) nameless() string {
	switch name := d.o.Client.ServerName; {
	case d.o.As == "java" && !address(name) && !dotted(name):
		return "Java sends no name without a dot."
	case d.o.Hello != nil && !address(name):
		return "This client's hello has no name."
	}
	return "This client connects by an address, and sends no name."
}

// otherNames are the names under which the address is known, and one that is none.
func (d *diagnosis) otherNames(ctx context.Context) (list []string) {
	names, _ := d.o.Reverse(ctx, d.p.addr.Addr().String())
	for _, n := range names {
		if n = strings.TrimSuffix(n, "."); n != "" && len(list) < 2 && !slices.Contains(list, n) {
			list = append(list, n)
		}
	}
	return append(list, "www.example.com")
}

// name adds a name to ask for.
func (m *model) name(name string) {
	if !slices.Contains(m.names, name) {
		m.names = append(m.names, name)
	}
	if !slices.Contains(m.atoms, nameAtom) {
		m.atoms = append(m.atoms, nameAtom)
	}
	if !slices.Contains(m.order, iana.ExtServerName) {
		m.order = append([]iana.ExtensionType{iana.ExtServerName}, m.order...)
	}
}

// refusedByUs is for what this side found wrong besides the certificate.
func (d *diagnosis) refusedByUs(o *outcome) error {
	evidence := Evidence{Probe: "the client's handshake", Outcome: o.String(), Times: 2}
	detail := o.err.Got
	switch {
	case errors.Is(o.err, fault.SigInvalid), errors.Is(o.err, fault.SigSchemeKeyMismatch), errors.Is(o.err, fault.SuiteKeyMismatch):
		d.find("key-mismatch", Certain, detail, evidence)
	case errors.Is(o.err, fault.DHWeak):
		d.find("weak-parameters", Certain, detail, evidence)
	case errors.Is(o.err, fault.PeerSpeaksSSLv3), errors.Is(o.err, fault.PeerSpeaksSSLv2Server), errors.Is(o.err, fault.ServerVersionUnsupported):
		d.find("no-common-version", Certain, detail, evidence)
	case strings.HasPrefix(o.err.ID, "cert-"):
		d.find(causeOf(o.err), Certain, detail, evidence)
	case errors.Is(o.err, fault.StartTLSClosed), errors.Is(o.err, fault.StartTLSSilent):
		d.find(o.err.ID, Likely, detail, evidence)
	case strings.HasPrefix(o.err.ID, "starttls-"):
		d.find(o.err.ID, Certain, detail, evidence)
	default:
		if o.err.Field != "" && o.err.Offset >= 0 {
			evidence.Outcome += fmt.Sprintf(" (%s, byte %d of the message)", o.err.Field, o.err.Offset)
		}
		f := d.find("broken-peer", Certain, "The server breaks the rule "+o.err.ID+".", evidence)
		if errors.Is(o.err, fault.BadRecordMAC) {
			f.Confidence, f.Who = Likely, Path
			f.Fix = "See whether it is so on another path too: if not, a device between alters what passes. If so, update the server's software, and report it."
		}
	}
	return nil
}

// breaksOff is for a server that takes any hello and ends the handshake later.
func (d *diagnosis) breaksOff(o *outcome) error {
	id := "breaks-off"
	switch {
	case o.ending == Alerted && o.alert == iana.InternalError:
		id = "server-internal"
	case o.parted():
		id = "parts-at-once"
	case o.ending == Alerted && o.alert == iana.HandshakeFailure && o.last == iana.EncryptedExtensions.String():
		d.find("no-certificate", Likely, o.String()+", where its certificate would stand.", d.everywhere(o))
		return nil
	}
	f := d.find(id, Certain, o.String()+".", d.everywhere(o))
	if o.ending == Silent {
		f.Confidence, f.Who = Likely, Path
		f.Text = "The server takes the ClientHello, and at a later step nothing more comes, always the same, whatever the hello says."
		f.Fix = "Look whether the rest is lost on the way: a long certificate and a path that takes only smaller packets (MTU), or a device that holds it back. Else look at the server's log."
	}
	return nil
}

// besides judges the certificate of a handshake that failed for something else. A
// client that verifies it comes no further than that, so it is told first where the
// server did nothing that is wrong in itself.
func (d *diagnosis) besides() {
	if d.first == nil || d.first.good() || len(d.first.failed()) == 0 || slices.ContainsFunc(d.Findings, func(f Finding) bool { return strings.HasPrefix(f.ID, "cert-") }) {
		return
	}
	other := d.Findings
	d.Findings = nil
	d.judge(d.first)
	if d.first.parted() {
		d.Findings = append(d.Findings, other...)
	} else {
		d.Findings = append(other, d.Findings...)
	}
}

// everywhere says how often it came out so, with the client's hello or with all.
func (d *diagnosis) everywhere(o *outcome) Evidence {
	probe, times := "the client's handshake", 0
	for key, all := range d.p.known {
		if times += len(all); key != d.p.model.key(d.mine()) {
			probe = "every hello that was tried, wide and least, old and new"
		}
	}
	return Evidence{Probe: probe, Outcome: o.String(), Times: times}
}

// remark notices what is no fault.
func (d *diagnosis) remark(o *outcome) {
	if o.info.ClientAuth && o.info.ClientScheme == 0 {
		why := "."
		if d.hasCertificate() {
			why = ", since none of this client's is from an authority that it names." + wanted(o)
		}
		d.notice("The server asks for a client certificate and goes on without%s", why)
	}
	if offered := d.o.Client.NextProtos; len(offered) > 0 && o.info.ALPN == "" {
		d.notice("The server chose none of the application protocols that were offered (ALPN: %s). It may not know of ALPN.", strings.Join(offered, ", "))
	}
	if o.info.Retried {
		d.notice("The server asked for another key share (HelloRetryRequest, for %v), which costs a round trip.", o.info.Group)
	}
	if o.info.KeyExchange == iana.RSAKeyTransport {
		d.notice("There is no forward secrecy: the key exchange is RSA key transport.")
	}
}
