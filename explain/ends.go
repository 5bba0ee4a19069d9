package explain

import (
	"fmt"
	"strings"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// How the text ends: the failure, and the summary.

// A Line is a label with its text.
type Line struct{ Label, Text string }

// lines collects those that have a text.
type lines []Line

func (l *lines) add(label, text string) {
	if text != "" {
		*l = append(*l, Line{label, text})
	}
}

// Lines say what is known of the failure besides its sentence: where and when,
// whose fault it is, what was found and expected.
func (f *Failure) Lines() []Line {
	var out lines
	during := f.During
	if f.State != "" {
		during += " (state " + f.State + ")"
	}
	if f.Step > 0 {
		during += fmt.Sprintf("; see step %d", f.Step)
	}
	out.add("during", during)
	if f.Received { // who gives up need not be who is at fault
		out.add("ended by", f.Side)
	} else {
		out.add("at fault", f.Side)
	}
	out.add("found", f.Got)
	out.add("expected", f.Want)
	for _, o := range f.Offered {
		out.add("we offered", o.Label+": "+strings.Join(o.Values, ", "))
	}
	out.add("field", position(f))
	out.add("cause", f.Cause)
	switch {
	case f.Alert != "" && f.Received:
		out.add("alert", f.Alert+", received")
	case f.Alert != "":
		out.add("alert", f.Alert+", sent")
	}
	out.add("rule", strings.Trim(f.Rule+"; "+f.Source, "; "))
	return out
}

func (p *page) failure(f *Failure) {
	line := func(label, text string) {
		if text != "" {
			p.row(p.indent, []string{label}, []int{12}, none, text)
		}
	}
	for _, l := range f.Lines() {
		line(l.Label, l.Text)
	}
	if f.Other != nil {
		p.para(p.indent, bold, "The server, which is our own, says why:")
		p.para(p.indent+2, none, f.Other.Text)
		o := *f.Other
		p.indent += 2
		line("found", o.Got)
		line("expected", o.Want)
		line("cause", o.Cause)
		line("rule", strings.Trim(o.Rule+"; "+o.Source, "; "))
		p.advice(nil, o.Hint)
		p.indent -= 2
		return
	}
	if !f.Received { // of a received alert its own step has told causes and hint
		p.advice(f.Causes, f.Hint)
	}
}

// headline is the failure in one line.
func (f *Failure) headline() string {
	if f.Received && f.Alert != "" {
		return strings.TrimSuffix(f.Text, ".") + ": " + f.Alert + "."
	}
	return f.Text
}

func position(f *Failure) string {
	if f.Field != "" && f.Offset != nil {
		return fmt.Sprintf("%s, at byte %d of the message", f.Field, *f.Offset)
	}
	return f.Field
}

// Outcome says in a word and a sentence how it went.
func (s *Story) Outcome() (outcome, word, text string) {
	sum := &s.Summary
	switch {
	case s.Error != nil && sum.Connected:
		return Broken, "Failed after the handshake.", s.Error.headline()
	case s.Error != nil:
		return Broken, "Failed.", s.Error.headline()
	case sum.Connected && sum.Verified != nil && !*sum.Verified:
		were := "were"
		if len(sum.Failed) == 1 {
			were = "was"
		}
		return Waived, "Connected, but to nobody known:", fmt.Sprintf("%s failed and %s waved through (%s).", count(len(sum.Failed), "check"), were, strings.Join(sum.Failed, ", "))
	case sum.Connected:
		return Passed, "Connected.", "The handshake is complete."
	}
	return "", "", "The handshake is not complete."
}

// Results are what one wants to know in the end.
func (s *Story) Results() []Line {
	var out lines
	sum := &s.Summary
	if sum.Version != "" {
		out.add("protocol", sum.Version+", "+sum.CipherSuite)
		out.add("key exchange", sum.exchange())
	}
	out.add(s.peer().String()+" proved", s.identity())
	out.add("we proved", s.ownIdentity())
	out.add("records", said(sum.EncryptThenMAC, "encrypt-then-MAC (RFC 7366)", "MAC-then-encrypt, which is safe only if a receiver tells nothing of what was wrong"))
	out.add("master secret", said(sum.Extended, "extended: bound to the whole handshake (RFC 7627)",
		"NOT extended: it depends on the key shares and both randoms only (RFC 7627)"))
	out.add("renegotiation", said(sum.Renegotiation, "secure (RFC 5746)",
		"NOT secure: somebody may have put words of his own before the client's (RFC 5746)"))
	out.add("application", sum.ALPN)
	out.add("round trips", sum.trips())
	out.add("time", sum.Time.words(s.Role))
	if sum.Sent+sum.Received > 0 {
		out.add("handshake bytes", fmt.Sprintf("%s sent, %s received", thousands(sum.Sent), thousands(sum.Received)))
	}
	out.add("session", sum.Session)
	out.add("saved", sum.saved())
	out.add("early data", sum.EarlyData)
	if sum.Connected {
		out.add("forward secrecy", sum.prospects())
	}
	return out
}

func (p *page) summary(s *Story) {
	p.blank()
	outcome, word, text := s.Outcome()
	switch outcome {
	case Broken:
		p.item(0, red, "✗ "+word, text)
	case Waived:
		p.item(0, yellow, "! "+word, text)
	case Passed:
		p.item(0, green, "✓ "+word, text)
	default:
		p.para(0, bold, text)
	}
	for _, l := range s.Results() {
		p.row(2, []string{l.Label}, []int{17}, none, l.Text)
	}
}

// saved says what resumption saved.
func (s *Summary) saved() string {
	if !s.Resumed || !s.Connected {
		return ""
	}
	var parts []string
	what := "the certificate, and the proof that it is the server's"
	if b := s.Before; b != nil {
		full := b.Sent + b.Received
		if n := full - s.Sent - s.Received; n > 0 {
			parts = append(parts, fmt.Sprintf("%s of the %s that the full handshake before it took", count(n, "byte"), thousands(full)))
		}
		what = "its certificates"
		if n := b.Signatures - s.Signatures; n > 0 {
			what += fmt.Sprintf(", and %s to make and to check", count(n, "signature"))
		}
	}
	old := s.Extended != nil
	if old {
		what += "; the key exchange"
	}
	trip := "no round trip, which in TLS 1.3 only 0-RTT saves"
	switch {
	case old:
		trip = "1 round trip of 2"
	case s.ZeroRTT():
		trip = "the round trip that the first data would have waited for"
	}
	return strings.Join(append(parts, what, trip), "; ")
}

// ZeroRTT reports whether data went before the server's answer, and the server took it.
func (s *Summary) ZeroRTT() bool { return s.EarlyAccepted && s.EarlyBytes > 0 }

// prospects says who could read a recording of the connection later.
func (s *Summary) prospects() string {
	switch {
	case s.ForwardSecrecy && s.ZeroRTT():
		return "yes, but not for the 0-RTT data: the other keys come from shares made for this connection alone, the early key from the pre-shared key only"
	case s.ForwardSecrecy && (s.External || strings.HasSuffix(s.KeyExchange, "_PSK")):
		return "yes: the keys come also from shares made for this connection alone, so a stolen pre-shared key opens no recording of it" + s.meanwhile()
	case s.ForwardSecrecy && s.Resumed:
		return "yes: the keys come also from shares made for this connection alone, so who gets hold of the session's pre-shared key, or of the key that seals the server's tickets, reads no recording of it"
	case s.ForwardSecrecy:
		return "yes: the keys come from shares made for this connection alone, so a stolen certificate key opens no recording of it" + s.meanwhile()
	case s.Resumed && s.Extended != nil:
		return "NO: who gets hold of the session's master secret, which is kept in a store or sealed in a ticket, reads a recording of it"
	case s.Resumed:
		return "NO: who gets hold of the session's pre-shared key, which is kept in a store or sealed in a ticket, reads a recording of it"
	case s.KeyExchange == iana.RSAPSK.String():
		return "NO: who gets hold of the certificate's key and of the pre-shared key, even years later, reads a recording of it"
	case s.KeyExchange == iana.RSAKeyTransport.String():
		return "NO: who gets hold of the certificate's key, even years later, reads a recording of it"
	}
	return "NO: who gets hold of the pre-shared key, even years later, reads a recording of it"
}

// meanwhile says what could open a recording until the server forgets it: below TLS
// 1.3 a session is kept with the connection's own master secret.
func (s *Summary) meanwhile() string {
	switch s.MasterSecretKept {
	case "ticket":
		return ". What could, until the server throws it away, is the key that seals its tickets: this one holds the connection's master secret"
	case "session ID":
		return ". What could, while the server keeps it to resume the session, is the connection's master secret"
	}
	return ""
}

func (s *Summary) exchange() string {
	switch {
	case s.DHBits > 0:
		return fmt.Sprintf("%s in %s, which does not resist quantum computers (not post-quantum)", s.KeyExchange, strings.TrimPrefix(fmt.Sprintf("%s, a finite field of %d bits", s.Group, s.DHBits), ", "))
	case s.Group == "" && s.Resumed && s.Extended != nil:
		return "none: the keys come from the master secret of the earlier session"
	case s.Group == "" && s.KeyExchange == iana.RSAKeyTransport.String():
		return "RSA key transport: the client made the secret alone and encrypted it to the certificate's key"
	case s.Group == "" && s.KeyExchange == iana.RSAPSK.String():
		return "a secret that the client encrypted to the certificate's key, and a pre-shared key"
	case s.Group == "" && s.Connected:
		return "a pre-shared key alone, without fresh key shares"
	case s.Group == "":
		return ""
	case s.PostQuantum:
		return s.group() + ", which also resists quantum computers (post-quantum)"
	}
	return s.group() + ", which does not resist quantum computers (not post-quantum)"
}

// group is the key exchange's, with what else went in.
func (s *Summary) group() string {
	if s.Extended == nil && s.Resumed || s.External || strings.HasSuffix(s.KeyExchange, "_PSK") {
		return "a pre-shared key, and " + s.Group
	}
	return s.Group
}

// peer is the other side's role.
func (s *Story) peer() fault.Role {
	if s.Role == fault.Server.String() {
		return fault.Client
	}
	return fault.Server
}

// proof is how a role proved who it is: the scheme of its signature, or "".
func (s *Summary) proof(role fault.Role) string {
	if role == fault.Client {
		return s.ClientSignature
	}
	return s.Signature
}

// identity is what the other side showed of itself.
func (s *Story) identity() string {
	sum := &s.Summary
	proof := sum.proof(s.peer())
	if proof == "" && s.peer() == fault.Server && strings.HasPrefix(sum.KeyExchange, "RSA") && sum.Connected {
		proof = "its key, which decrypted the secret"
	}
	switch {
	case sum.Peer != "" || !sum.Connected:
	case sum.Resumed:
		return "that it has the secret of the earlier session; who it is was settled there"
	case sum.External, strings.HasSuffix(sum.KeyExchange, "PSK"):
		return "that it has the pre-shared key"
	}
	if proof == "" || sum.Peer == "" {
		return ""
	}
	text := fmt.Sprintf("%s, with %s", sum.Peer, proof)
	switch {
	case sum.Verified == nil:
		text += "; not judged"
	case !*sum.Verified:
		text += "; NOT verified"
	case sum.Root == sum.Peer && sum.Peer != "":
		text += ", which is trusted itself"
	case sum.Root != "":
		text += "; vouched for by " + sum.Root
	}
	return text
}

// ownIdentity is what this side showed of itself.
func (s *Story) ownIdentity() string {
	proof := s.Summary.proof(s.peer().Peer())
	if proof == "" {
		return ""
	}
	for i := range s.Steps {
		if c := s.Steps[i].Certificates; len(c) > 0 && s.Steps[i].Direction == Sent {
			return fmt.Sprintf("%s, with %s", c[0].Subject, proof)
		}
	}
	return ""
}

// said is the word for yes or for no, if either was said.
func said(b *bool, yes, no string) string {
	switch {
	case b == nil:
		return ""
	case *b:
		return yes
	}
	return no
}

func (s *Summary) trips() string {
	var parts []string
	if s.RoundTripsTCP > 0 {
		parts = append(parts, fmt.Sprintf("%d for TCP", s.RoundTripsTCP))
	}
	if s.RoundTripsStartTLS > 0 {
		parts = append(parts, fmt.Sprintf("%d for STARTTLS", s.RoundTripsStartTLS))
	}
	if s.RoundTripsTLS > 0 || s.ZeroRTT() {
		text := fmt.Sprintf("%d for TLS", s.RoundTripsTLS)
		switch {
		case s.ZeroRTT():
			text += " before the 0-RTT data, 1 before all other data"
		case s.Retried:
			text += ", one of them for the HelloRetryRequest"
		case s.RoundTripsTLS > 1:
			text += ", one more than TLS 1.3 needs"
		case s.Resumed && s.Extended != nil:
			text += ", one fewer than a full handshake"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

// words is the total and its parts, as the side role spent them.
func (t *Times) words(role string) string {
	hello := "making the ClientHello"
	if role == fault.Server.String() {
		hello = "waiting for the ClientHello"
	}
	var parts []string
	for _, x := range []struct {
		name string
		us   int64
	}{{"DNS", t.DNS}, {"TCP", t.TCP}, {"STARTTLS", t.StartTLS}, {hello, t.Hello}, {"TLS", t.TLS}} {
		if x.us > 0 {
			parts = append(parts, x.name+" "+span(x.us))
		}
	}
	if len(parts) == 0 {
		return span(t.Total)
	}
	return span(t.Total) + ": " + strings.Join(parts, ", ")
}
