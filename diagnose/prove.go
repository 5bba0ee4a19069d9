package diagnose

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/handclasp/handclasp/iana"
)

// prove is a command that shows a finding.
func (d *diagnosis) prove(f *Finding) string {
	at := net.JoinHostPort(d.o.Host, d.o.Port)
	explain := "handclasp explain " + at
	if d.o.StartTLS != "" {
		explain += " --starttls " + d.o.StartTLS
	}
	switch id := f.ID; {
	case id == "nothing-wrong":
		return explain
	case strings.HasPrefix(id, "cert-"), id == "chain-reversed", id == "key-mismatch", id == "nodes-differ", id == "ocsp-bad":
		return d.sClient("-showcerts")
	case id == "client-cert-required", id == "client-cert-wrong-ca", id == "client-cert-refused":
		return explain + " --cert me.pem --key me.key"
	case id == "sni-required":
		return explain + " --name NAME"
	case id == "plain-http":
		return "curl http://" + at + "/"
	case id == "plain-text", id == "not-tls", id == "refused", id == "unreachable":
		return fmt.Sprintf("nc -v %s %s", d.o.Host, d.o.Port)
	case id == "dns-failed":
		return "getent hosts " + d.o.Host
	case id == "no-common-version":
		return explain + " --min-version 1.0"
	case id == "no-common-suite":
		return explain + " --suites all"
	case id == "no-common-group", id == "no-common-sigalg":
		return strings.TrimSpace(explain + " " + d.flagsWith(f.Trigger))
	case id == "alpn-mismatch":
		return explain + " --alpn h2,http/1.1"
	case id == "hello-length", id == "hello-split":
		return explain + " --groups x25519"
	case id == "hello-content":
		if flags := d.flagsWithout(f.Trigger); flags != "" {
			return explain + " " + flags
		}
	}
	return explain
}

func (d *diagnosis) sClient(flags string) string {
	cmd := "openssl s_client -connect " + net.JoinHostPort(d.o.Host, d.o.Port)
	if name := d.o.Client.ServerName; name != "" && d.user[nameAtom] {
		cmd += " -servername " + name
	}
	if d.o.StartTLS != "" {
		cmd += " -starttls " + d.o.StartTLS
	}
	return cmd + " " + flags + " </dev/null"
}

// flagOf are the flags that name what a client offers of a kind.
var flagOf = map[string]kind{"--suites": cipher, "--groups": group, "--sigalgs": sigalg}

// flagsWith are the flags for the client's hello with a trigger's values.
func (d *diagnosis) flagsWith(trigger string) string {
	var flags []string
	for flag, k := range flagOf {
		var more []string
		for t := range strings.SplitSeq(trigger, " & ") {
			if name, ok := strings.CutPrefix(t, string(k)+"="); ok {
				more = append(more, name)
			}
		}
		if len(more) > 0 {
			flags = append(flags, flag+" "+strings.Join(append(d.offered(k, nil), more...), ","))
		}
	}
	slices.Sort(flags)
	return strings.Join(flags, " ")
}

// flagsWithout are the flags for the client's hello without the triggers' values;
// "" if there is no flag for one.
func (d *diagnosis) flagsWithout(triggers string) string {
	without := map[string]kind{}
	less := map[kind][]string{}
	for t := range strings.SplitSeq(triggers, " | ") {
		first, _, _ := strings.Cut(t, " & ")
		k, name, _ := strings.Cut(first, "=")
		switch {
		case first == "version=1.3":
			return "--max-version 1.2"
		case kind(k) == share:
			k = string(group)
		}
		for flag, of := range flagOf {
			if of == kind(k) {
				without[flag] = of
				less[of] = append(less[of], name)
			}
		}
	}
	var flags []string
	for flag, k := range without {
		flags = append(flags, flag+" "+strings.Join(d.offered(k, less[k]), ","))
	}
	slices.Sort(flags)
	return strings.Join(flags, " ")
}

// offered are the names of what the client offers of a kind, but for some.
func (d *diagnosis) offered(k kind, less []string) (names []string) {
	for _, c := range d.p.model.of(d.user, k) {
		a := atom{k, c, ""}
		name := strings.TrimPrefix(a.String(), string(k)+"=")
		if !slices.Contains(less, name) && !iana.IsGREASE(c) {
			names = append(names, name)
		}
	}
	return names
}
