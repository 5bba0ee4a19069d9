package explain_test

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/explain"
	"github.com/handclasp/handclasp/explain/page"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/session"
)

// entered are the states of a role, each with the step beside which it stands: its
// message, or else its kind.
func entered(s *explain.Story, told []explain.Transition) (out []string) {
	for _, t := range told {
		at := "nothing"
		if t.Step > 0 {
			at = s.Steps[t.Step-1].Message
		}
		if t.Step > 0 && at == "" {
			at = s.Steps[t.Step-1].Kind
		}
		out = append(out, t.To+" at "+at)
	}
	return out
}

// TestStatesEntered: the states of both sides stand where they are entered, not where
// the clock or the other side happens to be.
func TestStatesEntered(t *testing.T) {
	for _, x := range []struct {
		name         string
		setup        func(p *pair)
		ours, server string
	}{
		{"plain", func(*pair) {},
			"WAIT_SH at client_hello, WAIT_EE at keys, WAIT_CERT_CR at encrypted_extensions, WAIT_CV at certificate, VERIFYING at verify, WAIT_FINISHED at verify, CONNECTED at finished",
			"SIGNING at certificate, WAIT_FINISHED at finished, CONNECTED at finished"},
		{"0-RTT", func(p *pair) { p.eager(t, session.Accepted) },
			"RECALLING at connect, JUDGING at connect, WAIT_SH at keys, WAIT_EE at keys, WAIT_FINISHED at encrypted_extensions, CONNECTED at finished",
			"RESUMING at client_hello, GUARDING at client_hello, WAIT_EOED at finished, WAIT_FINISHED at end_of_early_data, CONNECTED at finished"},
		{"mutual", func(p *pair) { p.mutual(t, config.RequireAndVerifyClientCert, "client.example") },
			"WAIT_SH at client_hello, WAIT_EE at keys, WAIT_CERT_CR at encrypted_extensions, WAIT_CERT at certificate_request, WAIT_CV at certificate, VERIFYING at verify, WAIT_FINISHED at verify, SIGNING at certificate, CONNECTED at finished",
			"SIGNING at certificate, WAIT_CERT at finished, WAIT_CV at certificate, VERIFYING at certificate_verify, WAIT_FINISHED at certificate_verify, CONNECTED at finished"},
		{"retry", func(p *pair) { p.server.CurvePreferences = []iana.Group{iana.Secp384r1} },
			"WAIT_SH at client_hello, WAIT_SH2 at client_hello, WAIT_EE at keys, WAIT_CERT_CR at encrypted_extensions, WAIT_CV at certificate, VERIFYING at verify, WAIT_FINISHED at verify, CONNECTED at finished",
			"WAIT_CH2 at hello_retry_request, SIGNING at certificate, WAIT_FINISHED at finished, CONNECTED at finished"},
		{"TLS 1.2, resumed by session ID", func(p *pair) { p.remember12(t) },
			"RECALLING at connect, JUDGING at connect, WAIT_SH at client_hello, WAIT_CCS at keys, WAIT_FINISHED at change_cipher_spec, CONNECTED at finished",
			"RESUMING at client_hello, WAIT_CCS at finished, WAIT_FINISHED at change_cipher_spec, CONNECTED at finished"},
		{"a certificate that the client refuses", func(p *pair) {
			p.server.Certificates = []config.Certificate{certificate(t, pki.Leaf{Names: []string{"other.example"}, Key: pki.Ed25519})}
		},
			"WAIT_SH at client_hello, WAIT_EE at keys, WAIT_CERT_CR at encrypted_extensions, WAIT_CV at certificate, VERIFYING at verify, FAILED at failure",
			"SIGNING at certificate, WAIT_FINISHED at certificate_verify, FAILED at alert"},
		{"an alert of the server's", func(p *pair) { p.client.NextProtos, p.server.NextProtos = []string{"h2"}, []string{"imap"} },
			"WAIT_SH at client_hello, FAILED at failure", "FAILED at client_hello"},
	} {
		p := newPair(t)
		x.setup(p)
		s := p.run(t)
		if got := strings.Join(entered(s, s.States), ", "); got != x.ours {
			t.Errorf("%s: the client:\n%s\nwant\n%s", x.name, got, x.ours)
		}
		if got := strings.Join(entered(s, s.Others), ", "); got != x.server {
			t.Errorf("%s: the server:\n%s\nwant\n%s", x.name, got, x.server)
		}
		for _, tr := range slices.Concat(s.States, s.Others) {
			if tr.Meaning == "" {
				t.Errorf("%s: no word on %s", x.name, tr.To)
			}
		}
		beside(t, s)
	}
}

// beside checks that the page of s has each state on the row of its step, on its
// side, and says what it means.
func beside(t *testing.T, s *explain.Story) {
	t.Helper()
	var b bytes.Buffer
	check(t, page.Write(&b, s, page.Options{}))
	_, meanings, _ := strings.Cut(strings.ReplaceAll(b.String(), "<wbr>", ""), "What the states mean")
	meanings, _, _ = strings.Cut(meanings, "</dl>")
	rows := strings.Split(b.String(), `<li class="row `)[1:]
	for role, told := range map[string][]explain.Transition{"client": s.States, "server": s.Others} {
		for _, tr := range told {
			_, cell, _ := strings.Cut(rows[tr.Step-1], `<span class="states `+role+`">`)
			cell, _, _ = strings.Cut(cell, "\n")
			if !strings.Contains(strings.ReplaceAll(cell, "<wbr>", ""), "</span>"+tr.To+"</span>") {
				t.Errorf("%s of the %s is not beside step %d: %s", tr.To, role, tr.Step, cell)
			}
			if !strings.Contains(meanings, "<code>"+tr.To+"</code></dt><dd>"+html.EscapeString(tr.Meaning)) {
				t.Errorf("the page does not say what %s means", tr.To)
			}
		}
	}
}

// TestStatesOfStrangers: the states that the page gives a server that does not tell
// are those that ours tells at the same places, but for those in which it waits for
// nobody's message.
func TestStatesOfStrangers(t *testing.T) {
	busy := []string{"RESUMING", "JUDGING", "GUARDING", "SIGNING", "DECRYPTING", "VERIFYING", "KEEPING", "RENEWING"}
	tried := 0
	for _, x := range stories {
		p := newPair(t)
		x.setup(t, p)
		s := p.run(t)
		if s.Error != nil || len(s.Others) == 0 {
			continue
		}
		told := cells(t, s)
		told = slices.DeleteFunc(told, func(at string) bool {
			_, state, _ := strings.Cut(at, " ")
			return slices.Contains(busy, state)
		})
		if end := slices.IndexFunc(told, func(at string) bool { return strings.HasSuffix(at, " CONNECTED") }); end >= 0 {
			told = told[:end+1]
		}
		s.Others = nil
		if guessed := cells(t, s); !slices.Equal(guessed, told) {
			t.Errorf("%s: the server tells %q, and the page has %q", x.name, told, guessed)
		}
		tried++
	}
	if tried < 10 {
		t.Errorf("only %d stories have a server that tells", tried)
	}
}

// TestStatesOfRefused: a server that refuses the client in the end is not said to be
// CONNECTED, nor to have waited for what it may never have read.
func TestStatesOfRefused(t *testing.T) {
	p := newPair(t)
	p.alone = true
	p.mutual(t, config.RequireAndVerifyClientCert, "")
	s := p.run(t)
	var got []string
	for _, c := range cells(t, s) {
		number, state, _ := strings.Cut(c, " ")
		i, err := strconv.Atoi(number)
		check(t, err)
		got = append(got, state+" at "+s.Steps[i-1].Title)
	}
	if want := []string{"WAIT_CERT at Finished", "FAILED at Alert certificate_required"}; !slices.Equal(got, want) {
		t.Errorf("the server: %q, want %q", got, want)
	}
}

// cells are the server's states on the page of s, each behind the number of its row.
func cells(t *testing.T, s *explain.Story) (out []string) {
	t.Helper()
	var b bytes.Buffer
	check(t, page.Write(&b, s, page.Options{}))
	for i, row := range strings.Split(b.String(), `<li class="row `)[1:] {
		_, cell, _ := strings.Cut(row, `<span class="states server">`)
		cell, _, _ = strings.Cut(strings.ReplaceAll(cell, "<wbr>", ""), "\n")
		for _, m := range regexp.MustCompile(`enters </span>(\w+)</span>`).FindAllStringSubmatch(cell, -1) {
			out = append(out, fmt.Sprintf("%d %s", i+1, m[1]))
		}
	}
	return out
}

// TestChosenOnce: no decision is told twice, also after a HelloRetryRequest, which
// decides early.
func TestChosenOnce(t *testing.T) {
	for _, x := range stories {
		p := newPair(t)
		x.setup(t, p)
		s := p.run(t)
		told := map[string]int{}
		for _, step := range s.Steps {
			for _, c := range step.Choices {
				told[c.What+" by the "+c.By]++
			}
		}
		for what, n := range told {
			if later := strings.HasPrefix(x.name, "mutual-later"); n > 1 && !later {
				t.Errorf("%s: %s is told %d times", x.name, what, n)
			}
		}
	}
	p := newPair(t)
	p.alone, p.server.CurvePreferences = true, []iana.Group{iana.Secp384r1}
	s := p.run(t)
	if r := s.Remarks(); r[0].Name != "retry" || !strings.Contains(r[0].Text[0], "the server wanted secp384r1") {
		t.Errorf("%+v", r[0])
	}
	if r := (&explain.Story{Summary: explain.Summary{Retried: true}}).Remarks(); !strings.Contains(r[0].Text[0], "with its cookie") {
		t.Errorf("%+v", r[0])
	}
	for _, step := range s.Steps {
		for _, c := range step.Choices {
			decided := c.What == "version" || c.What == "cipher_suite" || c.What == "group"
			if decided && step.Message != "hello_retry_request" {
				t.Errorf("%s is told with %s", c.What, step.Title)
			}
			if c.What == "group" && !strings.Contains(c.Reason, "we had sent no key share for it") {
				t.Errorf("the group was chosen because: %s", c.Reason)
			}
		}
	}
}

// TestFailedWhereTold: a side fails in the step that tells so, also where its own
// alert went out before the story knew why.
func TestFailedWhereTold(t *testing.T) {
	p := newPair(t)
	p.client.ServerName = "wrong.example"
	s := p.run(t)
	for _, tr := range s.States {
		if tr.To == fault.Failed.String() {
			if tr.Step == 0 || s.Steps[tr.Step-1].Kind != explain.KindFailure {
				t.Errorf("FAILED in step %d", tr.Step)
			}
			return
		}
	}
	t.Error("it did not fail")
}

// TestGraveFirst: what is not as it should be comes first of the remarks.
func TestGraveFirst(t *testing.T) {
	bad := false
	r := (&explain.Story{Summary: explain.Summary{Connected: true, ForwardSecrecy: true, Retried: true, Verified: &bad}}).Remarks()
	if len(r) < 3 || r[0].Name != "unverified" || r[1].Name != "retry" {
		t.Errorf("%+v", r)
	}
}

// TestRemarksOfStrangers: who believes any client does not hear that it knows the
// client, nor that somebody may be in the middle, which is for clients to fear.
func TestRemarksOfStrangers(t *testing.T) {
	p := newPair(t)
	p.role = fault.Server
	p.mutual(t, config.RequireAnyClientCert, "client.example")
	p.server.ClientCAs = x509.NewCertPool()
	var all strings.Builder
	for _, r := range p.run(t).Remarks() {
		all.WriteString(strings.Join(r.Text, " ") + "\n")
	}
	for words, want := range map[string]bool{"If somebody whom the server trusts vouches for it": true, "calls itself what it likes": true, "in the middle": false} {
		if strings.Contains(all.String(), words) != want {
			t.Errorf("%q in the remarks: %v\n%s", words, !want, &all)
		}
	}
}
