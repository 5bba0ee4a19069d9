package fault

import (
	"strings"
	"testing"

	"github.com/handclasp/handclasp/iana"
)

// TestExplainEverything looks at each alert, side and state: there is always a
// cause, and what is said is a sentence.
func TestExplainEverything(t *testing.T) {
	for a := range 256 {
		for _, role := range []Role{NoRole, Client, Server} {
			for s := range numStates + 1 {
				a := iana.Alert(a)
				causes, hint := Explain(a, role, s)
				if len(causes) == 0 {
					t.Fatalf("%v for a %v in %v: no cause", a, role, s)
				}
				for _, c := range append(causes, hint) {
					if !strings.HasSuffix(strings.TrimSuffix(c, ")"), ".") || strings.TrimSpace(c) != c || len(c) < 20 {
						t.Errorf("%v for a %v in %v: %q is no sentence", a, role, s, c)
					}
				}
			}
		}
	}
}

// TestExplanationsAreReached finds rows that a row before them hides.
func TestExplanationsAreReached(t *testing.T) {
	reached := make(map[string]bool)
	for a := range 256 {
		for _, role := range []Role{Client, Server} {
			for s := range Failed {
				causes, _ := Explain(iana.Alert(a), role, s)
				reached[causes[0]] = true
			}
		}
	}
	for _, x := range explanations {
		if !reached[x.causes[0]] {
			t.Errorf("%v for %v: nothing leads to %q", x.alert, x.role, x.causes[0])
		}
		if x.when == 0 || x.hint == "" {
			t.Errorf("%v for %v: incomplete row", x.alert, x.role)
		}
	}
}

// TestExplainNamed: every alert with a name has an explanation of its own for
// the sides that can receive it.
func TestExplainNamed(t *testing.T) {
	have := make(map[iana.Alert]bool)
	for _, x := range explanations {
		have[x.alert] = true
	}
	for a := range 256 {
		if a := iana.Alert(a); a.Known() != have[a] {
			t.Errorf("%v: named %v, explained %v", a, a.Known(), have[a])
		}
	}
}

func TestExplain(t *testing.T) {
	tests := []struct {
		alert iana.Alert
		role  Role
		state State
		cause string // in one of the causes
		hint  string // in the hint
	}{
		{iana.HandshakeFailure, Client, WaitSH, "no cipher suite, key-exchange group or signature algorithm in common", "Offer every suite"},
		{iana.HandshakeFailure, Client, WaitSH2, "asked for another key share", "no retry"},
		{iana.HandshakeFailure, Client, WaitFinished, "wants a client certificate", "certificate_request"},
		{iana.HandshakeFailure, Server, WaitFinished, "accepts none of what we chose", "sslv3 alert handshake failure"},
		{iana.CertificateRequired, Client, Connected, "only after our side of the handshake was complete", "client certificate"},
		{iana.CertificateRequired, Client, WaitFinished, "insists on a client certificate", "client certificate"},
		{iana.BadCertificate, Server, WaitFinished, "not valid for the host name", "names and dates"},
		{iana.BadCertificate, Client, Connected, "our client certificate", "intermediate"},
		{iana.UnknownCA, Server, WaitFinished, "do not send the intermediate certificate", "--cacert"},
		{iana.UnknownCA, Client, Connected, "issued our client certificate", "intermediates"},
		{iana.CertificateExpired, Server, Signing, "The client's clock", "reload"},
		{iana.ProtocolVersion, Client, WaitSH, "none of the TLS versions", "--min-version"},
		{iana.UnrecognizedName, Client, WaitSH, "no certificate or site for the host name", "--name"},
		{iana.NoApplicationProtocol, Client, WaitSH, "ALPN", "--alpn"},
		{iana.InternalError, Client, WaitSH, "no certificate for this host name", "log"},
		{iana.DecryptError, Client, WaitSH, "binder", "full handshake"},
		{iana.DecryptError, Server, WaitFinished, "key does not belong to our certificate", "every machine"},
		{iana.DecodeError, Client, WaitSH, "ClientHello", "smaller ClientHello"},
		{iana.IllegalParameter, Server, WaitCH2, "HelloRetryRequest", "groups and shares"},
		{iana.CloseNotify, Client, Connected, "proper end", "Nothing"},
		{iana.UserCanceled, Client, Connected, "Java", "close_notify"},
		{iana.ECHRequired, Server, WaitFinished, "ECH", "retry_configs"},
		{iana.UnrecognizedName, Server, WaitFinished, "unusual that a client", "client's log"},
		{iana.CloseNotify, Server, WaitCH, "health check", "Nothing"},
		{iana.CloseNotify, Server, WaitCH2, "middle of the handshake", "certificate"},
		{iana.CloseNotify, Client, WaitSH, "before it answered", "port"},
		{iana.UnknownCA, Server, WaitCH, "before any message of ours", "client's log"},
		{iana.UnknownCA, Server, Failed, "intermediate certificate", "full chain"},
		{iana.Alert(200), Server, WaitCH, "alert 200", "log"},
		{iana.Alert(200), Client, WaitSH, "alert 200", "log"},
	}
	for _, tt := range tests {
		causes, hint := Explain(tt.alert, tt.role, tt.state)
		if all := strings.Join(causes, " "); !strings.Contains(all, tt.cause) {
			t.Errorf("%v, %v in %v: no %q in %q", tt.alert, tt.role, tt.state, tt.cause, all)
		}
		if !strings.Contains(hint, tt.hint) {
			t.Errorf("%v, %v in %v: no %q in hint %q", tt.alert, tt.role, tt.state, tt.hint, hint)
		}
	}
}

// TestOpenSSLText: the eleven alerts that SSL 3.0 had, besides close_notify,
// are the ones whose text misleads, and the hint says so.
func TestOpenSSLText(t *testing.T) {
	old := 0
	for a := range 256 {
		a := iana.Alert(a)
		text := OpenSSLText(a)
		_, hint := Explain(a, Client, WaitSH)
		if strings.Contains(hint, "does not mean that SSL 3.0") != (text != "") {
			t.Errorf("%v: text %q, hint %q", a, text, hint)
		}
		if text == "" {
			continue
		}
		old++
		if want := "sslv3 alert " + strings.ReplaceAll(a.String(), "_", " "); text != want {
			t.Errorf("%v: %q, want %q", a, text, want)
		}
	}
	if old != 11 {
		t.Errorf("%d old texts, want 11", old)
	}
}
