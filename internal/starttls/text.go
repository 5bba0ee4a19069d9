package starttls

import (
	"slices"
	"strings"
)

// smtp asks as RFC 3207 says. The name in EHLO may be an address literal if a
// client has no name to give (RFC 5321, Section 4.1.4); this one tells nothing.
//
//	S: 220 mail.example.com ESMTP
//	C: EHLO [127.0.0.1]
//	S: 250-mail.example.com
//	S: 250 STARTTLS
//	C: STARTTLS
//	S: 220 Go ahead
func smtp(t *talk) error {
	if _, err := t.reply("greeting", "220", false); err != nil {
		return err
	}
	if err := t.say("EHLO [127.0.0.1]"); err != nil {
		return err
	}
	lines, err := t.reply("answer to EHLO", "250", false)
	if err != nil {
		return err
	}
	offers := lines[1:] // the first is the server's name
	if !slices.ContainsFunc(offers, func(s string) bool { return begins(s, "STARTTLS") }) {
		got := "no extension"
		if len(offers) > 0 {
			got = quote(strings.Join(offers, ", "))
		}
		return t.refused(got, "STARTTLS")
	}
	if err := t.say("STARTTLS"); err != nil {
		return err
	}
	_, err = t.reply("answer to STARTTLS", "220", false)
	return err
}

// ftp asks as RFC 4217, Section 4 says.
//
//	S: 220 ftp.example.com ready
//	C: AUTH TLS
//	S: 234 Go ahead
func ftp(t *talk) error {
	if _, err := t.reply("greeting", "220", true); err != nil {
		return err
	}
	if err := t.say("AUTH TLS"); err != nil {
		return err
	}
	_, err := t.reply("answer to AUTH TLS", "234", true)
	return err
}

// reply reads a reply of one or more lines, whose code should be want, and gives
// their texts. The code opens each line of SMTP (RFC 5321, Section 4.2.1); in
// FTP, lines between the first and the last are free (RFC 959, Section 4.2).
func (t *talk) reply(step, want string, free bool) (texts []string, err error) {
	code := ""
	for {
		line, err := t.line(step)
		if err != nil {
			return nil, err
		}
		here, text, more, ok := cutReply(line)
		switch {
		case ok && (code == "" || code == here):
			code = here
			texts = append(texts, text)
		case code == "" || !free:
			return nil, t.unexpected("a reply with code " + want)
		default:
			continue
		}
		switch {
		case more:
		case code == want:
			return texts, nil
		case code[0] == want[0]: // it agrees, to something else
			return nil, t.unexpected("a reply with code " + want)
		default:
			return nil, t.refused(quote(code+" "+strings.Join(texts, " ")), "a reply with code "+want)
		}
	}
}

// cutReply takes a line of a reply apart. more says that others follow.
func cutReply(line string) (code, text string, more, ok bool) {
	if len(line) < 3 || line[0] < '1' || line[0] > '5' || strings.Trim(line[:3], "0123456789") != "" {
		return "", "", false, false
	}
	if len(line) == 3 { // SMTP lets servers leave the text out, with its space
		return line, "", false, true
	}
	return line[:3], line[4:], line[3] == '-', line[3] == '-' || line[3] == ' '
}

// imap asks as RFC 9051, Section 6.2.1 says. It does not look at the
// capabilities first: the answer tells as much, one round trip earlier.
//
//	S: * OK IMAP4rev2 ready
//	C: a1 STARTTLS
//	S: a1 OK Begin TLS
func imap(t *talk) error {
	line, err := t.line("greeting")
	switch {
	case err != nil:
		return err
	case begins(line, "* BYE"), begins(line, "* PREAUTH"): // too late: STARTTLS comes before authentication
		return t.refused(t.quoted(), "* OK")
	case !begins(line, "* OK"):
		return t.unexpected("* OK")
	}
	if err := t.say("a1 STARTTLS"); err != nil {
		return err
	}
	for {
		line, err := t.line("answer to STARTTLS")
		switch {
		case err != nil:
			return err
		case begins(line, "a1 OK"):
			return nil
		case begins(line, "a1 NO"), begins(line, "a1 BAD"), begins(line, "* BYE"):
			return t.refused(t.quoted(), "a1 OK")
		case !strings.HasPrefix(line, "* "): // which anyone may send at any time
			return t.unexpected("a1 OK")
		}
	}
}

// pop3 asks as RFC 2595, Section 4 says.
//
//	S: +OK POP3 ready
//	C: STLS
//	S: +OK Begin TLS
func pop3(t *talk) error {
	if err := t.status("greeting"); err != nil {
		return err
	}
	if err := t.say("STLS"); err != nil {
		return err
	}
	return t.status("answer to STLS")
}

// status reads a POP3 response (RFC 1939, Section 3), which should be +OK.
func (t *talk) status(step string) error {
	line, err := t.line(step)
	switch {
	case err != nil:
		return err
	case begins(line, "+OK"):
		return nil
	case begins(line, "-ERR"):
		return t.refused(t.quoted(), "+OK")
	}
	return t.unexpected("+OK")
}

// begins reports whether line begins with the words, in either case.
func begins(line, words string) bool {
	n := len(words)
	return len(line) >= n && strings.EqualFold(line[:n], words) && (len(line) == n || line[n] == ' ')
}
