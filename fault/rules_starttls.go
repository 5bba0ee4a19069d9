package fault

import "github.com/handclasp/handclasp/iana"

// The plain text before a handshake, where TLS begins inside another protocol.
// No alert is possible there.
var (
	StartTLSRefused = rule("starttls-refused", iana.NoAlert, Both, "",
		"The server speaks the protocol, but will not begin TLS in it.",
		"See what it said. Turn TLS on in the server (a mail or chat server needs a certificate, PostgreSQL ssl = on, MySQL ssl_cert and ssl_key), or leave --starttls out and use the port where TLS begins at once: 465 for SMTP, 993 for IMAP, 995 for POP3, 990 for FTP, 636 for LDAP, 5223 for XMPP.")
	StartTLSUnexpected = rule("starttls-unexpected", iana.NoAlert, Both, "",
		"What the server said is not of the protocol in which TLS was to begin.",
		"Check the port and the protocol that --starttls names: SMTP has port 25 or 587, IMAP 143, POP3 110, FTP 21, LDAP 389, XMPP 5222, PostgreSQL 5432, MySQL 3306. If TLS begins at once on this port, leave --starttls out.")
	StartTLSTooLong = rule("starttls-too-long", iana.NoAlert, Peer, "",
		"The server says more before TLS than any server needs to.",
		"Check that this is the server you meant, for a trap for strangers answers like this; if the server is yours, shorten its greeting.")
	StartTLSClosed = rule("starttls-closed", iana.NoAlert, Network, "",
		"The connection ended before TLS could begin.",
		"Check the port: another protocol may be there; if TLS begins at once, as on 465, 993, 995, 990, 636 and 5223, leave --starttls out. If the port is right, look at the server's log: perhaps it does not allow this address, or is full.")
	StartTLSSilent = rule("starttls-silent", iana.NoAlert, Network, "",
		"The server kept silent where its protocol has it speak, and TLS could not begin.",
		"If TLS begins at once on this port, as on 465, 993, 995, 990, 636 and 5223, leave --starttls out. Otherwise check the port, or raise --timeout: some mail servers let strangers wait.")
)
