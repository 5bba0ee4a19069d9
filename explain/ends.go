package explain

import (
	"fmt"
	"strings"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// How the text ends: the failure, and the summary.

func (p *page) failure(f *Failure) {
	line := func(label, text string) {
		if text != "" {
			p.row(p.indent, []string{label}, []int{12}, none, text)
		}
	}
	during := f.During
	if f.State != "" {
		during += " (state " + f.State + ")"
	}
	if f.Step > 0 {
		during += fmt.Sprintf("; see step %d", f.Step)
	}
	line("during", during)
	line("at fault", f.Side)
	line("found", f.Got)
	line("expected", f.Want)
	for _, o := range f.Offered {
		line("we offered", o.Label+": "+strings.Join(o.Values, ", "))
	}
	line("field", position(f))
	if f.Cause != "" {
		line("cause", f.Cause)
	}
	switch {
	case f.Alert != "" && f.Received:
		line("alert", f.Alert+", received")
	case f.Alert != "":
		line("alert", f.Alert+", sent")
	}
	line("rule", strings.Trim(f.Rule+"; "+f.Source, "; "))
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

// summary writes what one wants to know in the end.
func (p *page) summary(s *Story) {
	p.blank()
	sum := &s.Summary
	switch {
	case s.Error != nil:
		p.item(0, red, "✗ Failed.", s.Error.headline())
	case sum.Connected && sum.Verified != nil && !*sum.Verified:
		p.item(0, yellow, "! Connected, but to nobody known:", fmt.Sprintf("%s failed and waved through (%s).", count(len(sum.Failed), "check"), strings.Join(sum.Failed, ", ")))
	case sum.Connected:
		p.item(0, green, "✓ Connected.", "The handshake is complete.")
	default:
		p.para(0, bold, "The handshake is not complete.")
	}
	line := func(label, text string) {
		if text != "" {
			p.row(2, []string{label}, []int{17}, none, text)
		}
	}
	if sum.Version != "" {
		line("protocol", sum.Version+", "+sum.CipherSuite)
		line("key exchange", sum.exchange())
	}
	line(s.peer().String()+" proved", s.identity())
	line("we proved", s.ownIdentity())
	line("master secret", said(sum.Extended, "extended: bound to the whole handshake (RFC 7627)",
		"NOT extended: it depends on the key shares and both randoms only (RFC 7627)"))
	line("renegotiation", said(sum.Renegotiation, "secure (RFC 5746)",
		"NOT secure: somebody may have put words of his own before the client's (RFC 5746)"))
	line("application", sum.ALPN)
	line("round trips", sum.trips())
	line("time", sum.Time.words())
	line("handshake bytes", fmt.Sprintf("%s sent, %s received", thousands(sum.Sent), thousands(sum.Received)))
	line("session", sum.Session)
	line("early data", sum.EarlyData)
	if sum.Connected {
		line("forward secrecy", sum.prospects())
	}
}

// prospects says who could read a recording of the connection later.
func (s *Summary) prospects() string {
	switch {
	case s.ForwardSecrecy:
		return "yes: the keys come from shares made for this connection alone, so a stolen certificate key opens no recording of it"
	case strings.HasPrefix(s.KeyExchange, iana.RSAKeyTransport.String()):
		return "NO: who gets hold of the certificate's key, even years later, reads a recording of it"
	}
	return "NO: who gets hold of the pre-shared key, even years later, reads a recording of it"
}

func (s *Summary) exchange() string {
	switch {
	case s.Group == "" && s.DHBits > 0:
		return fmt.Sprintf("%s in a finite field of %d bits, which does not resist quantum computers (not post-quantum)", s.KeyExchange, s.DHBits)
	case s.Group == "" && s.KeyExchange == iana.RSAKeyTransport.String():
		return "RSA key transport: the client made the secret alone and encrypted it to the certificate's key"
	case s.Group == "" && s.KeyExchange == iana.RSAPSK.String():
		return "a secret that the client encrypted to the certificate's key, and a pre-shared key"
	case s.Group == "" && s.Connected:
		return "a pre-shared key alone, without fresh key shares"
	case s.Group == "":
		return ""
	case s.PostQuantum:
		return s.Group + ", which also resists quantum computers (post-quantum)"
	}
	return s.Group + ", which does not resist quantum computers (not post-quantum)"
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
	if sum.Peer == "" && sum.Connected && strings.HasSuffix(sum.KeyExchange, "PSK") {
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
	if s.RoundTripsTLS > 0 {
		text := fmt.Sprintf("%d for TLS", s.RoundTripsTLS)
		if s.Retried {
			text += ", one of them for the HelloRetryRequest"
		} else if s.RoundTripsTLS > 1 {
			text += ", one more than TLS 1.3 needs"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

func (t *Times) words() string {
	var parts []string
	for _, x := range []struct {
		name string
		us   int64
	}{{"DNS", t.DNS}, {"TCP", t.TCP}, {"STARTTLS", t.StartTLS}, {"TLS", t.TLS}} {
		if x.us > 0 {
			parts = append(parts, x.name+" "+span(x.us))
		}
	}
	if len(parts) == 0 {
		return span(t.Total)
	}
	return span(t.Total) + ": " + strings.Join(parts, ", ")
}
