package fault_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// A scenario breaks one rule and returns the error that a user gets.
type scenario struct {
	run     func(t *testing.T) error
	role    fault.Role    // who notices; NoRole where there is no connection yet, or none at all
	prepare func(p *pair) // of a scenario between two engines
}

// areas hold a scenario for each rule, by the file of the catalogue.
var areas = []map[*fault.Rule]scenario{ofWire, ofRecords, ofKeys, ofHellos, ofHandshake, of12, ofCertificates, ofStream, ofTransport, ofCallers, ofHooks, ofClientAuth, ofSTARTTLS, ofExchange, ofSessions, ofExtras, ofResume}

// by is a scenario between two engines: victim is who notices.
func by(victim fault.Role, prepare func(p *pair)) scenario {
	return scenario{func(t *testing.T) error {
		p := newPair(t)
		prepare(p)
		return p.run(victim)
	}, victim, prepare}
}

// in12 is s with a client that speaks TLS 1.2 alone.
func in12(s scenario) scenario {
	return by(s.role, func(p *pair) {
		p.client.MaxVersion = iana.TLS12
		s.prepare(p)
	})
}

// in13 is s with a client that speaks TLS 1.3 alone.
func in13(s scenario) scenario {
	return by(s.role, func(p *pair) {
		p.client.MinVersion = iana.TLS13
		s.prepare(p)
	})
}

// alone is a scenario without a connection.
func alone(run func(t *testing.T) error) scenario { return scenario{run: run} }

func TestEveryRuleIsTriggered(t *testing.T) {
	all := make(map[*fault.Rule]scenario)
	for _, area := range areas {
		for r := range area {
			if _, twice := all[r]; twice {
				t.Errorf("%s stands in two areas", r.ID)
			}
		}
		maps.Copy(all, area)
	}
	for _, r := range fault.Rules() {
		s, ok := all[r]
		if !ok {
			t.Errorf("nothing triggers %s: %s", r.ID, r.Text)
			continue
		}
		t.Run(r.ID, func(t *testing.T) {
			s.check(t, r)
		})
	}
	if len(all) != len(fault.Rules()) {
		t.Errorf("%d scenarios for %d rules", len(all), len(fault.Rules()))
	}
}

func (s scenario) check(t *testing.T, r *fault.Rule) {
	t.Helper()
	err := s.run(t)
	t.Log(err)
	triggered(t, r, s.role, err)
}

// triggered checks that err is of rule r and says all that a person needs.
func triggered(t *testing.T, r *fault.Rule, role fault.Role, err error) {
	t.Helper()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || !errors.Is(err, r) {
		t.Fatalf("got %v, want %s", err, r.ID)
	}
	if f.Rule != r {
		t.Errorf("%s hides behind %s", r.ID, f.ID)
	}
	if f.Role != role {
		t.Errorf("role %v, want %v", f.Role, role)
	}
	if role != fault.NoRole && f.State == fault.Failed {
		t.Error("the state is FAILED, which says nothing of the step")
	}
	text := err.Error()
	if role != fault.NoRole && !strings.Contains(text, role.String()+" in "+f.State.String()) {
		t.Errorf("%q names neither side nor step", text)
	}
	if !strings.Contains(text, strings.TrimSuffix(r.Text, ".")) || strings.ContainsAny(text, "\n\r\x1b") {
		t.Errorf("%q is not one line that holds the rule's sentence", text)
	}
	if a := f.AlertCode(); a != iana.NoAlert && !strings.Contains(text, a.String()) {
		t.Errorf("%q does not name the alert %v", text, a)
	}
	if r.Source != "" && !strings.Contains(text, r.Source) {
		t.Errorf("%q does not cite %s", text, r.Source)
	}
	if f.Received {
		if causes, hint := fault.Explain(f.Code, f.Role, f.State); len(causes) == 0 || hint == "" {
			t.Errorf("nothing explains alert %v", f.Code)
		}
	} else if r.Hint == "" {
		t.Error("no hint")
	}
}

// sourceless are the rules that no standard speaks of.
var sourceless = strings.Fields(`
	internal-missing-proof internal-error sign-failed cert-refused
	message-too-large hello-too-many-parts flood handshake-too-long handshake-too-slow handshake-crowded peer-reset peer-silent transport-failed not-connected
	cert-too-many cert-too-large cert-too-many-parts cert-key-too-large cert-no-system-roots
	config-value config-no-certificate config-certificate config-key-mismatch config-server-name
	config-hook client-certificate-hook session-store ticket-open ticket-seal
	peer-speaks-http peer-speaks-smtp peer-speaks-imap peer-speaks-pop3 peer-speaks-ssh peer-speaks-mysql peer-speaks-proxy
	starttls-refused starttls-unexpected starttls-too-long starttls-closed starttls-silent
	session-format session-too-large session-file-permissions session-file-damaged session-file-busy session-file-failed`)

// TestCatalogue looks at the words of each rule.
func TestCatalogue(t *testing.T) {
	ids := make(map[string]bool)
	texts := make(map[string]string)
	for _, r := range fault.Rules() {
		if ids[r.ID] || r.ID != strings.ToLower(r.ID) || strings.ContainsAny(r.ID, " _.") {
			t.Errorf("%s: the name is taken or not in kebab-case", r.ID)
		}
		ids[r.ID] = true
		if other := texts[r.Text]; other != "" {
			t.Errorf("%s and %s can't be told apart: %s", r.ID, other, r.Text)
		}
		texts[r.Text] = r.ID
		first, _, _ := strings.Cut(r.Text, " ")
		if !strings.HasSuffix(r.Text, ".") || (first[0] < 'A' || first[0] > 'Z') && !strings.Contains(first, "_") { // or an RFC's name
			t.Errorf("%s: %q is no sentence", r.ID, r.Text)
		}
		if received := r == fault.AlertReceived || r == fault.AlertInClear; (r.Hint == "") != received || !received && !strings.HasSuffix(r.Hint, ".") {
			t.Errorf("%s: hint %q", r.ID, r.Hint)
		}
		if r.Source != "" && !strings.HasPrefix(r.Source, "RFC ") || (r.Source == "") != slices.Contains(sourceless, r.ID) {
			t.Errorf("%s: source %q", r.ID, r.Source)
		}
		if r.Alert != iana.NoAlert && !r.Alert.Known() {
			t.Errorf("%s: alert %v", r.ID, r.Alert)
		}
	}
}
