package explain

import (
	"time"

	"github.com/handclasp/handclasp/fault"
)

// A PreambleLine is a line, or a packet in words, of the plain text before TLS.
type PreambleLine struct {
	Sent bool   `json:"sent"` // by the side that tells
	Text string `json:"text"` // printable, without its line end
}

// upgrades says, for each protocol in which TLS can begin, what it is called and
// with what the client asks for TLS.
var upgrades = map[string]struct{ title, ask string }{
	"smtp":     {"SMTP", "the command STARTTLS"},            // RFC 3207
	"imap":     {"IMAP", "the command STARTTLS"},            // RFC 9051, Section 6.2.1
	"pop3":     {"POP3", "the command STLS"},                // RFC 2595, Section 4
	"ftp":      {"FTP", "the command AUTH TLS"},             // RFC 4217, Section 4
	"ldap":     {"LDAP", "the extended operation StartTLS"}, // RFC 4511, Section 4.14
	"xmpp":     {"XMPP", "the element <starttls/>"},         // RFC 6120, Section 5
	"postgres": {"PostgreSQL", "the packet SSLRequest"},     // PostgreSQL manual, "SSL Session Encryption"
	"mysql":    {"MySQL", "the packet SSLRequest"},          // MySQL internals manual, "Connection Phase"
}

// Preamble says what was spoken in the clear before TLS began inside another
// protocol, such as "smtp", and how long that took. An error says that TLS could
// not begin, and is told as the failure that it is; Done need not tell it again.
func (r *Recorder) Preamble(protocol string, lines []PreambleLine, took time.Duration, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, ok := upgrades[protocol]
	if !ok {
		p.title, p.ask = escape(protocol), "a request"
	}
	r.facts.preamble += took
	r.facts.preambleTrips += r.waits(lines)
	s := &Step{Kind: KindStartTLS, Title: "STARTTLS in " + p.title, Outcome: outcome(err), Took: took.Microseconds()}
	s.say("Here TLS begins inside another protocol, which is called STARTTLS: both sides first speak plain %s, the client asks for TLS (%s), the server agrees, and the very next byte of either side belongs to the handshake. So one port can serve clients with TLS and without.", p.title, p.ask)
	s.say("Everybody on the path can read this, and change it: strike out the server's offer, for one. So Handclasp never goes on without TLS, and what was said here counts for nothing afterwards.")
	for _, l := range lines {
		s.Lines = append(s.Lines, PreambleLine{l.Sent, escape(l.Text)})
	}
	r.add(s, r.since(took)-took)
	if err != nil && r.failed == nil {
		r.facts.plainOnly = p.title
		r.failure(asFault(err), r.since(0))
		r.broken = s
	}
}

// waits counts how often the client waited for the server: once for each run of
// lines of the server's, its greeting included, for that comes only when the
// client's last packet of the TCP handshake has arrived.
func (r *Recorder) waits(lines []PreambleLine) (n int) {
	servers := r.role == fault.Server
	for i, l := range lines {
		if l.Sent == servers && (i == 0 || lines[i-1].Sent != servers) {
			n++
		}
	}
	return n
}
