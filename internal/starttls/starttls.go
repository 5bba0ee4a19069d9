// Package starttls speaks the plain text that comes before TLS where TLS begins
// inside another protocol: the client asks, the server agrees, and the very next
// byte of either side belongs to the handshake.
//
// Policy: it reads what a server must say and not one byte more, so that nothing
// sent in the clear is ever taken for protected data (CVE-2011-0411): bytes that
// somebody put behind the server's consent stay in the connection, where the TLS
// handshake fails on them. It never goes on without TLS, and tells neither the
// user's name nor the machine's. A server gets 100 units of 4 KiB, a unit being a line, a packet or
// an XML element; time limits are the caller's, who sets a deadline.
package starttls

import (
	"fmt"
	"io"
	"strings"
)

// A protocol is one in which TLS can begin.
type protocol struct {
	name    string // as users type it
	title   string // as errors print it
	upgrade func(*talk) error
}

var protocols = []protocol{
	{"smtp", "SMTP", smtp},               // RFC 3207
	{"imap", "IMAP", imap},               // RFC 9051, Section 6.2.1
	{"pop3", "POP3", pop3},               // RFC 2595, Section 4
	{"ftp", "FTP", ftp},                  // RFC 4217, Section 4
	{"ldap", "LDAP", ldap},               // RFC 4511, Section 4.14
	{"xmpp", "XMPP", xmpp},               // RFC 6120, Section 5
	{"postgres", "PostgreSQL", postgres}, // PostgreSQL manual, "SSL Session Encryption"
	{"mysql", "MySQL", mysql},            // MySQL internals manual, "Connection Phase"
}

// Protocols are the names that Upgrade knows.
func Protocols() []string {
	names := make([]string, len(protocols))
	for i, p := range protocols {
		names[i] = p.name
	}
	return names
}

// Upgrade speaks protocol, one of Protocols, as a client over rw up to the point
// where the TLS handshake begins. host is the server's name or IP address; only
// XMPP tells it to the server. watch, unless it is nil, is called with each line
// or packet, sent or received, as printable text without its line end.
//
// A *fault.Error of the rules StartTLSRefused, StartTLSUnexpected,
// StartTLSTooLong, StartTLSClosed and StartTLSSilent says why TLS can't begin;
// the last two wrap the error of rw. An unknown protocol is a plain error. After
// an error, rw is of no more use.
func Upgrade(rw io.ReadWriter, protocol, host string, watch func(sent bool, line string)) error {
	for _, p := range protocols {
		if p.name == protocol {
			return p.upgrade(&talk{rw: rw, title: p.title, host: host, watch: watch})
		}
	}
	names := Protocols()
	last := len(names) - 1
	return fmt.Errorf("unknown protocol %q: choose %s or %s", protocol, strings.Join(names[:last], ", "), names[last])
}
