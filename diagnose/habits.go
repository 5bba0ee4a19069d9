package diagnose

import (
	"slices"
	"strings"

	"github.com/handclasp/handclasp/iana"
)

// What other clients accept of what a diagnosis finds wrong: one line a client.
//
// Source: `handclasp lab --client` with the client itself, in the versions of
// internal/clients, as Debian 12 configures them; the scripts lab-client*.txtar of
// the command measure it again. OpenSSL's and Python's security level is 2, Node's
// 1. s_client is taken with -verify_return_error and -verify_hostname, without
// which it accepts all. Of Chromium: its source (net/cert/cert_verify_proc.cc), not
// measured, and silent where that depends on policies.
type habit struct {
	as, name string
	accepts  []string // causes, by ID
}

var stapling = []string{"ocsp-bad", "cert-revoked"} // not asked for, or not looked at

var habits = []habit{
	{"go", "Go", slices.Concat(stapling, []string{"cert-key-usage", "cert-weak-key", "legacy-renegotiation"})},
	{"openssl", "OpenSSL", slices.Concat(stapling, []string{"cert-key-usage", "cert-no-san"})},
	{"curl", "curl", slices.Concat(stapling, []string{"cert-key-usage", "cert-no-san"})},
	{"java", "Java", slices.Concat(stapling, []string{"cert-no-san", "cert-weak-key", "cert-weak-signature", "legacy-renegotiation"})},
	{"node", "Node", slices.Concat(stapling, []string{"cert-key-usage", "cert-no-san", "cert-weak-key"})},
	{"python", "Python", slices.Concat(stapling, []string{"cert-key-usage", "cert-no-san"})},
	{"gnutls", "GnuTLS", []string{"cert-no-san", "cert-weak-key", "legacy-renegotiation"}},
	{"chromium", "Chromium", []string{"cert-weak-key", "legacy-renegotiation"}},
}

// levelTwo are the clients with OpenSSL's security level 2: no SHA-1, no short keys.
var levelTwo = []string{"openssl", "curl", "python"}

// differing are the causes about which clients differ; about all others they agree.
var differing = []string{"cert-no-san", "cert-key-usage", "cert-weak-key", "cert-weak-signature", "ocsp-bad", "cert-revoked", "legacy-renegotiation"}

// asClient judges what was found as the client in question would, and says who
// would judge otherwise.
func (d *diagnosis) asClient(o *outcome) {
	i := slices.IndexFunc(habits, func(h habit) bool { return h.as == d.o.As })
	var kept []Finding
	for _, f := range d.Findings {
		if f.ID == "weak-parameters" && slices.Contains(levelTwo, d.o.As) {
			f.Detail = strings.TrimSuffix(f.Detail, opensslDoesNot)
		}
		if !slices.Contains(differing, f.ID) {
			kept = append(kept, f)
			continue
		}
		accept, refuse := opinions(f.ID)
		switch {
		case i < 0 || !slices.Contains(habits[i].accepts, f.ID):
			if i >= 0 {
				f.Detail = strings.TrimSuffix(f.Detail, opensslDoesNot)
			}
			kept = append(kept, f)
			d.notice("%s: %s would accept this; %s would not.", f.ID, accept, refuse)
		default:
			d.notice("%s: %s would accept this, as %s would; %s would not: %s", f.ID, habits[i].name, without(accept, habits[i].name), refuse, f.Text)
		}
	}
	d.Findings = kept
	if v := o.info.Version; slices.Contains(levelTwo, d.o.As) && v != 0 && v < iana.TLS12 {
		d.find("no-common-version", Certain, "It offers "+v.String()+", and then refuses the server's signature, for it comes with SHA-1 (OpenSSL's security level 2).",
			Evidence{Probe: "the client's handshake", Outcome: o.String()})
	}
}

// opensslDoesNot ends the detail of a finding that our own client makes light of.
const opensslDoesNot = "; this client takes it, OpenSSL's default does not"

// opinions are the names of those who accept a cause, and of those who do not.
func opinions(id string) (accept, refuse string) {
	var yes, no []string
	for _, h := range habits {
		if slices.Contains(h.accepts, id) {
			yes = append(yes, h.name)
		} else {
			no = append(no, h.name)
		}
	}
	return both(yes), both(no)
}

// without is a list of names without one.
func without(list, name string) string {
	names := strings.FieldsFunc(strings.ReplaceAll(list, " and ", ", "), func(r rune) bool { return r == ',' })
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
	}
	return both(slices.DeleteFunc(names, func(n string) bool { return n == name }))
}

// both joins names: "Go, curl and Java".
func both(names []string) string {
	switch n := len(names); n {
	case 0:
		return "nobody else"
	case 1:
		return names[0]
	default:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
}
