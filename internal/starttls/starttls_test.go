package starttls

import (
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/handclasp/handclasp/fault"
)

// A script is what a server does, step by step: after "S: " stands what it sends,
// after "C: " what it must get.
type script []string

// lines is a script whose steps are lines of the protocol.
func lines(s string) script {
	var out script
	for line := range strings.Lines(strings.TrimSpace(s)) {
		out = append(out, strings.TrimSpace(line)+"\r\n")
	}
	return out
}

// hello stands for the TLS bytes that follow the preamble, or that an attacker
// puts there.
const hello = "\x16\x03\x03NOOP\r\n"

// server is all that the server sends.
func (s script) server() string {
	var b strings.Builder
	for _, step := range s {
		if what, ok := strings.CutPrefix(step, "S: "); ok {
			b.WriteString(what)
		}
	}
	return b.String()
}

// serve runs s over conn and reports the first line that goes wrong. In pieces,
// it sends each byte by itself; else what it sends in a row, and the hello with
// the last of it, are one write.
func (s script) serve(conn net.Conn, pieces bool) error {
	var pending string
	flush := func() error {
		n := max(1, len(pending))
		if pieces {
			n = 1
		}
		for b := range slices.Chunk([]byte(pending), n) {
			if _, err := conn.Write(b); err != nil {
				return err
			}
		}
		pending = ""
		return nil
	}
	for _, line := range append(slices.Clone(s), "S: "+hello) {
		if what, ok := strings.CutPrefix(line, "S: "); ok {
			pending += what
			continue
		}
		if err := flush(); err != nil {
			return err
		}
		want := strings.TrimPrefix(line, "C: ")
		got := make([]byte, len(want))
		if _, err := io.ReadFull(conn, got); err != nil {
			return err
		}
		if string(got) != want {
			return errors.New("the client sent " + fault.Quote(got) + ", want " + fault.Quote([]byte(want)))
		}
	}
	return flush()
}

const (
	mysqlGreeting = "\x4a\x00\x00\x00\x0a8.0.36\x00\x2a\x00\x00\x00saltsalt\x00\xff\xff\x2d\x02\x00\xff\xdf\x15" +
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00saltsaltsalt\x00caching_sha2_password\x00"
	mysqlRequest = "\x20\x00\x00\x01\x01\x8a\x00\x00\x00\x00\x00\x01\x2d" +
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	ldapRequest  = "0\x1d\x02\x01\x01w\x18\x80\x161.3.6.1.4.1.1466.20037"
	ldapSuccess  = "0\x0c\x02\x01\x01x\x07\x0a\x01\x00\x04\x00\x04\x00"
	xmppHeader   = "<?xml version='1.0'?><stream:stream to='mail.example' version='1.0' xml:lang='en' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
	xmppGreeting = "<?xml version='1.0'?>\n<stream:stream from='mail.example' id='1' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
	xmppFeatures = "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls><c/></stream:features>"
	xmppRequest  = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
	xmppProceed  = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
)

// good are servers that agree. The words of watch follow the script but for
// packets and lines that are escaped.
var good = []struct {
	name, protocol string
	script         script
	watched        []string // nil: the script
}{
	{"plain", "smtp", lines(`
		S: 220 mail.example ESMTP
		C: EHLO [127.0.0.1]
		S: 250-mail.example
		S: 250-SIZE 10240000
		S: 250 STARTTLS
		C: STARTTLS
		S: 220 Go ahead`), nil},
	{"long greeting, small letters, codes alone", "smtp", lines(`
		S: 220-mail.example
		S: 220-no spam
		S: 220
		C: EHLO [127.0.0.1]
		S: 250-mail.example
		S: 250-starttls
		S: 250 HELP
		C: STARTTLS
		S: 220-Go
		S: 220 ahead`), nil},
	{"LF alone", "smtp", script{"S: 220 a\n", "C: EHLO [127.0.0.1]\r\n", "S: 250-a\n250 STARTTLS\n", "C: STARTTLS\r\n", "S: 220 b\n"},
		[]string{"S: 220 a", "C: EHLO [127.0.0.1]", "S: 250-a", "S: 250 STARTTLS", "C: STARTTLS", "S: 220 b"}},
	{"escaped", "pop3", script{"S: +OK \x1b[31m\u202e \xff caf\u00e9 \\ '\"\r\n", "C: STLS\r\n", "S: +OK\r\n"},
		[]string{`S: +OK \x1b[31m\u202e \xff café \ '"`, "C: STLS", "S: +OK"}},

	{"plain", "imap", lines(`
		S: * OK [CAPABILITY IMAP4rev1 STARTTLS] ready
		C: a1 STARTTLS
		S: a1 OK Begin TLS`), nil},
	{"untagged between", "imap", lines(`
		S: * ok
		C: a1 STARTTLS
		S: * CAPABILITY IMAP4rev1
		S: * OK still here
		S: a1 ok`), nil},

	{"plain", "pop3", lines(`
		S: +OK POP3 ready <1@example>
		C: STLS
		S: +OK Begin TLS`), nil},

	{"plain", "ftp", lines(`
		S: 220 ready
		C: AUTH TLS
		S: 234 Go ahead`), nil},
	{"free text between", "ftp", script{"S: 220-Welcome\r\n", "S: 530 users can't be wrong\r\n", "S: \r\n", "S:  220 more\r\n", "S: 220 ready\r\n", "C: AUTH TLS\r\n", "S: 234\r\n"},
		[]string{"S: 220-Welcome", "S: 530 users can't be wrong", "S: ", "S:  220 more", "S: 220 ready", "C: AUTH TLS", "S: 234"}},

	{"plain", "ldap", script{"C: " + ldapRequest, "S: " + ldapSuccess}, []string{
		"C: ExtendedRequest, messageID 1, requestName 1.3.6.1.4.1.1466.20037 (StartTLS)",
		"S: ExtendedResponse, messageID 1, resultCode 0 (success)"}},
	{"lengths of Active Directory, with a name", "ldap", script{"C: " + ldapRequest,
		"S: 0\x84\x00\x00\x00\x28\x02\x01\x01x\x84\x00\x00\x00\x1f\x0a\x01\x00\x04\x00\x04\x00\x8a\x161.3.6.1.4.1.1466.20037"}, []string{
		"C: ExtendedRequest, messageID 1, requestName 1.3.6.1.4.1.1466.20037 (StartTLS)",
		"S: ExtendedResponse, messageID 1, resultCode 0 (success)"}},

	{"plain", "xmpp", script{"C: " + xmppHeader, "S: " + xmppGreeting, "S: " + xmppFeatures, "C: " + xmppRequest, "S: " + xmppProceed}, []string{
		"C: " + xmppHeader, "S: " + strings.ReplaceAll(xmppGreeting, "\n", `\n`), "S: " + xmppFeatures, "C: " + xmppRequest, "S: " + xmppProceed}},
	{"other prefixes, white space, an end tag", "xmpp", script{"C: " + xmppHeader,
		"S: <s:stream xmlns:s='http://etherx.jabber.org/streams'>",
		"S: \n<s:features xmlns:t='urn:ietf:params:xml:ns:xmpp-tls'><x><y>text</y></x>&lt;<t:starttls/></s:features>",
		"C: " + xmppRequest,
		"S: \n<t:proceed xmlns:t='urn:ietf:params:xml:ns:xmpp-tls'></t:proceed>"}, []string{
		"C: " + xmppHeader, "S: <s:stream xmlns:s='http://etherx.jabber.org/streams'>",
		`S: \n<s:features xmlns:t='urn:ietf:params:xml:ns:xmpp-tls'><x><y>text</y></x>&lt;<t:starttls/></s:features>`,
		"C: " + xmppRequest, `S: \n<t:proceed xmlns:t='urn:ietf:params:xml:ns:xmpp-tls'></t:proceed>`}},

	{"plain", "postgres", script{"C: \x00\x00\x00\x08\x04\xd2\x16\x2f", "S: S"}, []string{"C: SSLRequest 80877103", "S: S"}},

	{"plain", "mysql", script{"S: " + mysqlGreeting, "C: " + mysqlRequest}, []string{
		"S: Handshake, version 8.0.36, capabilities 0xffff", "C: SSLRequest, capabilities 0x8a01"}},
}

// upgrade runs Upgrade against a script. It gives what watch heard, in the
// manner of scripts, and what is left in the connection.
func upgrade(t *testing.T, protocol string, s script, pieces bool) (watched []string, left string, err error) {
	t.Helper()
	ours, theirs := net.Pipe()
	deadline := time.Now().Add(10 * time.Second)
	ours.SetDeadline(deadline)
	theirs.SetDeadline(deadline)
	served := make(chan error, 1)
	go func() {
		served <- s.serve(theirs, pieces)
		theirs.Close()
	}()
	err = Upgrade(ours, protocol, "mail.example", func(sent bool, line string) {
		watched = append(watched, map[bool]string{true: "C: ", false: "S: "}[sent]+line)
	})
	if err == nil {
		rest, _ := io.ReadAll(ours)
		left = string(rest)
	}
	ours.Close()
	if wrong := <-served; wrong != nil && !errors.Is(wrong, io.ErrClosedPipe) && !errors.Is(wrong, io.EOF) {
		t.Error(wrong)
	}
	return watched, left, err
}

// TestGood: the preamble is spoken as the protocol wants it, and what follows is
// still in the connection.
func TestGood(t *testing.T) {
	for _, tt := range good {
		t.Run(tt.protocol+" "+tt.name, func(t *testing.T) {
			for _, pieces := range []bool{false, true} {
				watched, left, err := upgrade(t, tt.protocol, tt.script, pieces)
				if err != nil {
					t.Fatal(err)
				}
				if left != hello {
					t.Errorf("left %q, want %q", left, hello)
				}
				want := tt.watched
				for _, line := range tt.script {
					if tt.watched == nil {
						want = append(want, strings.TrimSuffix(line, "\r\n"))
					}
				}
				if !slices.Equal(watched, want) {
					t.Errorf("watched %q\n   want %q", watched, want)
				}
			}
		})
	}
}

// TestUnwatched: watch may be nil.
func TestUnwatched(t *testing.T) {
	for _, tt := range good {
		if err := Upgrade(&peer{strings.NewReader(tt.script.server())}, tt.protocol, "mail.example", nil); err != nil {
			t.Errorf("%s %s: %v", tt.protocol, tt.name, err)
		}
	}
}

// TestProtocols: each name works and is tested, and another gives the list.
func TestProtocols(t *testing.T) {
	want := []string{"smtp", "imap", "pop3", "ftp", "ldap", "xmpp", "postgres", "mysql"}
	if got := Protocols(); !slices.Equal(got, want) {
		t.Errorf("Protocols() = %q, want %q", got, want)
	}
	for _, name := range []string{"", "SMTP", "gopher\x1b"} {
		err := Upgrade(nil, name, "mail.example", nil)
		if err == nil || !strings.HasSuffix(err.Error(), "choose smtp, imap, pop3, ftp, ldap, xmpp, postgres or mysql") || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("protocol %q: %v", name, err)
		}
	}
}

// TestDomain: the host is an attribute's value whatever is in it.
func TestDomain(t *testing.T) {
	for host, want := range map[string]string{
		"chat.example":  "chat.example",
		"chat.example.": "chat.example",
		"2001:db8::1":   "[2001:db8::1]",
		"a'><b":         "a&#39;&gt;&lt;b",
	} {
		if got := domain(host); got != want {
			t.Errorf("domain(%q) = %q, want %q", host, got, want)
		}
	}
}
