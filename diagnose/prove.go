package diagnose

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/handclasp/handclasp/fault"
)

// prove is a command that shows a finding.
func (d *diagnosis) prove(f *Finding) string {
	at := net.JoinHostPort(d.o.Host, d.o.Port)
	switch id := f.ID; {
	case leafShows[id] != "":
		return d.sClient("") + " | openssl x509 -noout " + leafShows[id]
	case id == "nodes-differ":
		return "for i in 1 2 3 4; do " + d.sClient("") + " 2>&1 | openssl x509 -noout -serial -dates; done"
	case id == "ocsp-bad", id == "cert-revoked":
		return d.sClient("-status")
	case strings.HasPrefix(id, "cert-"), id == "chain-reversed", id == "key-mismatch", id == "weak-parameters", id == "legacy-renegotiation":
		return d.sClient("-showcerts")
	case id == "client-cert-required":
		return d.command("explain", "--cert me.pem", "--key me.key")
	case id == "name-unknown":
		return d.command("diagnose", "--without "+nameAtom.String())
	case id == "proxy-protocol":
		return "curl --haproxy-protocol" + d.authorities(" --cacert ") + " https://" + at + "/"
	case id == "plain-http":
		return "curl http://" + at + "/"
	case id == "plain-text", id == "not-tls", id == "refused", id == "unreachable":
		return fmt.Sprintf("nc -v %s %s", d.o.Host, d.o.Port)
	case id == "dns-failed":
		return "getent hosts " + d.o.Host
	case id == "no-common-version":
		return d.command("explain", "--min-version 1.0", "--max-version 1.3")
	case id == "no-common-suite":
		return d.command("explain", "--suites all")
	case id == "no-common-group", id == "no-common-sigalg":
		return d.command("explain", d.flagsWith(f.Trigger)...)
	case id == "alpn-mismatch":
		return d.command("explain", "--alpn h2,http/1.1")
	case id == "hello-split":
		return d.command("explain", "--groups x25519")
	}
	return d.command("explain")
}

// leafShows are the options of openssl x509 that print what is wrong with the
// server's own certificate.
var leafShows = map[string]string{
	fault.CertExpired.ID:   "-dates",
	fault.CertWrongName.ID: "-ext subjectAltName",
	fault.CertNoSAN.ID:     "-subject -ext subjectAltName",
	fault.CertUsage.ID:     "-ext extendedKeyUsage",
	fault.CertKeyUsage.ID:  "-ext keyUsage",
}

// word is s as a shell takes it for one word.
func word(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:,=+@[]%", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// command is one of handclasp's, with the client's flags and some in their place.
func (d *diagnosis) command(name string, flags ...string) string {
	words := []string{"handclasp " + name}
	for _, given := range d.o.Flags {
		flag, value, has := strings.Cut(given, " ")
		if (flag == "--as" || flag == "--hello") && name == "explain" && slices.ContainsFunc(flags, offering) {
			continue // it says what is offered, too
		}
		if !slices.ContainsFunc(flags, func(f string) bool { return strings.HasPrefix(f, flag+" ") }) {
			if words = append(words, flag); has {
				words = append(words, word(value))
			}
		}
	}
	for _, f := range flags {
		flag, value, _ := strings.Cut(f, " ")
		words = append(words, flag, word(value))
	}
	if d.o.StartTLS != "" && !slices.Contains(d.o.Flags, "--starttls "+d.o.StartTLS) {
		words = append(words, "--starttls "+d.o.StartTLS)
	}
	return strings.Join(append(words, net.JoinHostPort(d.o.Host, d.o.Port)), " ")
}

// offering reports whether a flag says what is offered.
func offering(flag string) bool {
	return slices.ContainsFunc([]string{"--suites ", "--groups ", "--sigalgs ", "--alpn ", "--min-version ", "--max-version "}, func(p string) bool { return strings.HasPrefix(flag, p) })
}

func (d *diagnosis) sClient(flags string) string {
	cmd := "openssl s_client -connect " + net.JoinHostPort(d.o.Host, d.o.Port)
	switch name := d.o.Client.ServerName; {
	case name != "" && d.user[nameAtom]:
		cmd += " -servername " + word(name)
	case !address(d.o.Host): // which it would name by itself
		cmd += " -noservername"
	}
	if d.o.StartTLS != "" {
		cmd += " -starttls " + d.o.StartTLS
	}
	if cmd += d.authorities(" -CAfile "); flags != "" {
		cmd += " " + flags
	}
	return cmd + " </dev/null"
}

// authorities are the files of --ca, each behind another program's flag.
func (d *diagnosis) authorities(flag string) (s string) {
	for _, given := range d.o.Flags {
		if file, ok := strings.CutPrefix(given, "--ca "); ok {
			s += flag + word(file)
		}
	}
	return s
}

// flagOf are the flags that name what a client offers of a kind.
var flagOf = map[string]kind{"--suites": cipher, "--groups": group, "--sigalgs": sigalg}

// flagsWith are the flags for the client's hello with a trigger's values.
func (d *diagnosis) flagsWith(trigger string) (flags []string) {
	for flag, k := range flagOf {
		var more []string
		for t := range strings.SplitSeq(trigger, " & ") {
			if name, ok := strings.CutPrefix(t, string(k)+"="); ok {
				more = append(more, name)
			}
		}
		if len(more) > 0 {
			flags = append(flags, flag+" "+strings.Join(append(d.offered(k, d.user), more...), ","))
		}
	}
	slices.Sort(flags)
	return flags
}

// proveWithout is a command that shows that the client's hello passes with less:
// explain, if it has flags for that.
func (d *diagnosis) proveWithout(less set) string {
	var gone []string
	touched := map[kind]bool{}
	for _, a := range d.p.model.list(d.user.without(d.p.model.list(less)...)) {
		if gone = append(gone, a.String()); a.kind == share { // no flag takes a share away but with its group
			less, a.kind = less.without(atom{group, a.code, ""}), group
		}
		touched[a.kind] = true
	}
	if d.o.Hello != nil {
		return d.command("diagnose", "--without "+strings.Join(gone, ","))
	}
	if slices.Equal(gone, []string{string(grease)}) {
		d.o.Flags = slices.DeleteFunc(slices.Clone(d.o.Flags), func(f string) bool { return f == "--grease" })
		return d.command("explain")
	}
	var flags []string
	if !less[tls13] && touched[version] {
		return d.command("explain", "--max-version 1.2")
	}
	for flag, k := range flagOf {
		if touched[k] {
			flags = append(flags, flag+" "+strings.Join(d.offered(k, less), ","))
		}
		delete(touched, k)
	}
	if len(touched) > 0 {
		return d.command("diagnose", "--without "+strings.Join(gone, ","))
	}
	slices.Sort(flags)
	return d.command("explain", flags...)
}

// offered are the names of what a hello offers of a kind.
func (d *diagnosis) offered(k kind, s set) (names []string) {
	for _, c := range d.p.model.of(s, k) {
		names = append(names, strings.TrimPrefix(atom{k, c, ""}.String(), string(k)+"="))
	}
	return names
}
