package explain_test

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/handclasp/handclasp/explain"
	"github.com/handclasp/handclasp/fault"
)

var (
	mail = []explain.PreambleLine{
		{Text: "220 mail.example ESMTP"}, {Sent: true, Text: "EHLO client.invalid"},
		{Text: "250-mail.example at your service"}, {Text: "250 STARTTLS"},
		{Sent: true, Text: "STARTTLS"}, {Text: "220 Go ahead"},
	}
	refusal = fault.StartTLSRefused.In("SMTP answer to STARTTLS").Saw(`"454 not now"`, "220")
)

// TestPreamble: the plain text stands between the connection and the hello.
func TestPreamble(t *testing.T) {
	p := newPair(t)
	p.before = func(r *explain.Recorder, k *clock) { r.Preamble("smtp", mail, k.pass(900*time.Microsecond), nil) }
	s := p.run(t)
	golden(t, "starttls.txt", text(t, s, explain.TextOptions{}))
	step := s.Steps[2]
	if step.Kind != explain.KindStartTLS || s.Steps[1].Kind != explain.KindConnect || s.Steps[3].Title != "ClientHello" {
		t.Errorf("%+v", step)
	}
	if sum := s.Summary; sum.RoundTripsStartTLS != 3 || sum.Time.StartTLS != 900 || sum.RoundTripsTLS != 1 {
		t.Errorf("%+v", sum)
	}
	b, err := json.Marshal(step.Lines[:2])
	check(t, err)
	if want := `[{"sent":false,"text":"220 mail.example ESMTP"},{"sent":true,"text":"EHLO client.invalid"}]`; string(b) != want {
		t.Errorf("got %s", b)
	}
}

// reached is a recorder of a client whose TCP connection is open, and its clock.
func reached() (*explain.Recorder, *clock) {
	k := &clock{t: birth}
	r := explain.New(fault.Client, k.now)
	r.Target("mail.example:25")
	r.Connecting("192.0.2.1:25")
	r.Connected("192.0.2.2:50000", "192.0.2.1:25", k.pass(time.Millisecond))
	return r, k
}

// TestPreambleFails: a server that does not let TLS begin is told once, with the
// step in which it happened.
func TestPreambleFails(t *testing.T) {
	r, k := reached()
	lines := append(mail[:5:5], explain.PreambleLine{Text: "454 not now"})
	r.Preamble("smtp", lines, k.pass(2*time.Millisecond), refusal)
	r.Done(refusal)
	s := r.Story()
	golden(t, "starttls-refused.txt", text(t, s, explain.TextOptions{}))
	if len(s.Steps) != 3 || s.Error == nil || s.Error.Rule != "starttls-refused" || s.Error.Step != 2 || s.Error.During != "asking for TLS in SMTP" {
		t.Errorf("%d steps, %+v", len(s.Steps), s.Error)
	}
}

// TestPreambles: every protocol is called by its name, and what it says is
// escaped, also if nobody has done so yet.
func TestPreambles(t *testing.T) {
	evil := []explain.PreambleLine{{Text: "hi \x1b[31m\u202e"}, {Text: ""}, {Sent: true, Text: strings.Repeat("x", 300)}}
	for protocol, want := range map[string]string{
		"smtp": "SMTP", "imap": "IMAP", "pop3": "the command STLS", "ftp": "AUTH TLS", "ldap": "StartTLS", "xmpp": "<starttls/>",
		"postgres": "PostgreSQL", "mysql": "MySQL", "gopher\x1b": `gopher\x1b`,
	} {
		r, _ := reached()
		r.Preamble(protocol, evil, 0, nil)
		s := r.Story()
		out := text(t, s, explain.TextOptions{Width: 90})
		tame(t, out)
		if !strings.Contains(out, want) || !strings.Contains(out, `← hi \x1b[31m\u202e`) || !strings.Contains(out, "… (300 bytes)") {
			t.Errorf("%s:\n%s", protocol, out)
		}
		if s.Summary.RoundTripsStartTLS != 1 {
			t.Errorf("%d round trips", s.Summary.RoundTripsStartTLS)
		}
	}
}

// TestPreambleBlame: an error that the catalogue lacks, or that is ours, is told
// as what was going on.
func TestPreambleBlame(t *testing.T) {
	for _, err := range []error{errors.New("gone"), io.ErrUnexpectedEOF, fault.ConfigServerName.New()} {
		r, _ := reached()
		r.Preamble("imap", nil, 0, err)
		s := r.Story()
		if s.Error == nil || s.Error.During != "asking for TLS in IMAP" || s.Error.State != "" || s.Error.Step != 2 || s.Summary.RoundTripsStartTLS != 0 {
			t.Errorf("%v: %+v", err, s.Error)
		}
	}
}
