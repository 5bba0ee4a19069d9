package main

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

// A target is where to connect to.
type target struct {
	host string // a name, or an IP address without brackets
	port string // a number
}

func (t target) String() string { return net.JoinHostPort(t.host, t.port) }

// ports are those of the URL schemes that mean TLS from the first byte on.
var ports = map[string]string{
	"https": "443", "wss": "443", "ftps": "990", "imaps": "993", "ldaps": "636", "pop3s": "995", "sips": "5061", "smtps": "465",
	"tls": "", "ssl": "",
}

// plainPorts are those of the protocols of --starttls, and of the URL schemes that
// go by the same names.
var plainPorts = map[string]string{
	"smtp": "25", "imap": "143", "pop3": "110", "ftp": "21", "ldap": "389", "xmpp": "5222", "postgres": "5432", "mysql": "3306",
}

// parseTarget reads HOST, HOST:PORT, an IPv6 address with or without brackets,
// or a URL, of which only host and port count. port is what an address without
// one means; "" demands one. plain is the protocol in which TLS is to begin, whose
// port goes before; "" if it begins at once.
func parseTarget(s, port, plain string) (target, error) {
	if plain != "" {
		port = plainPorts[plain]
	}
	if s == "" {
		return target{}, badAddress(s, "is empty", "Give a host and a port, such as example.com:443.")
	}
	if i := strings.IndexFunc(s, func(c rune) bool { return unicode.IsSpace(c) || !unicode.IsPrint(c) }); i >= 0 {
		return target{}, badAddress(s, "holds a blank or a control character", "Write host and port together, such as example.com:443.")
	}
	if scheme, _, ok := strings.Cut(s, "://"); ok {
		return parseURL(s, strings.ToLower(scheme), port, plain)
	}
	if strings.ContainsAny(s, "/?#@") {
		return target{}, badAddress(s, "holds more than a host and a port", "Leave out user and path, or write a whole URL, such as https://example.com/path.")
	}
	host, given, err := splitPort(s)
	if err != nil {
		return target{}, err
	}
	return checkTarget(s, target{host, given}, port)
}

func parseURL(s, scheme, port, plain string) (target, error) {
	own, ok := ports[scheme]
	if err := checkScheme(s, scheme, ok, plain); err != nil {
		return target{}, err
	}
	u, err := url.Parse(s)
	if err != nil {
		return target{}, badAddress(s, "is not a well-formed URL", "Give a host and a port, such as example.com:443.")
	}
	if strings.HasSuffix(u.Host, ":") {
		return target{}, emptyPort(s)
	}
	if own != "" {
		port = own
	}
	return checkTarget(s, target{u.Hostname(), u.Port()}, port)
}

// checkScheme sees to it that TLS begins in a URL's scheme as --starttls says, or
// at once.
func checkScheme(s, scheme string, atOnce bool, plain string) error {
	if plain != "" && scheme != plain {
		return badAddress(s, fmt.Sprintf("is a URL of scheme %q, and --starttls says %s", scheme, plain),
			"Leave out the scheme, if the host is right, or --starttls.")
	}
	if plain != "" || atOnce {
		return nil
	}
	hint := "Give the host and the port where TLS is spoken, such as example.com:443."
	if _, ok := plainPorts[scheme]; ok {
		hint = fmt.Sprintf("Add --starttls %s, and TLS begins after the greeting; or give the host and the port where it begins at once.", scheme)
	}
	return badAddress(s, fmt.Sprintf("is a URL of scheme %q, which does not begin with TLS", scheme), hint)
}

// splitPort takes the port off; "" if there is none.
func splitPort(s string) (host, port string, err error) {
	if _, err := netip.ParseAddr(s); err == nil {
		return s, "", nil // a bare IPv6 address: its colons are its own
	}
	if inner, ok := strings.CutPrefix(s, "["); ok && strings.HasSuffix(s, "]") {
		return strings.TrimSuffix(inner, "]"), "", nil
	}
	if !strings.Contains(s, ":") {
		return s, "", nil
	}
	host, port, err = net.SplitHostPort(s)
	switch {
	case err != nil:
		return "", "", badAddress(s, "has more colons than a host and a port need", "Write an IPv6 address in brackets before its port, such as [2001:db8::1]:443.")
	case port == "":
		return "", "", emptyPort(s)
	}
	return host, port, nil
}

func checkTarget(s string, t target, port string) (target, error) {
	if t.port == "" {
		t.port = port
	}
	n, err := strconv.Atoi(t.port)
	switch {
	case t.host == "":
		return t, badAddress(s, "has no host", "Give a name or an IP address before the port, such as example.com:443.")
	case t.port == "":
		return t, badAddress(s, "has no port", fmt.Sprintf("Add the port, such as %s.", net.JoinHostPort(t.host, "443")))
	case err != nil:
		return t, badAddress(s, "has a port that is not a number", "Write the port in digits, such as 443.")
	case n < 1 || n > 65535:
		return t, badAddress(s, "has a port that does not exist", "Choose a port from 1 to 65535; HTTPS has 443.")
	case !isHost(t.host):
		return t, badAddress(s, "has a host that is neither a name nor an IP address", "Write letters, digits, hyphens and dots; a name in other letters in its form for DNS, which begins with xn--.")
	}
	return target{t.host, strconv.Itoa(n)}, nil
}

// isHost reports whether s is an IP address or may be a name in DNS (RFC 1123,
// Section 2.1). Underscores are not for hosts, and yet in use.
func isHost(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	s = strings.TrimSuffix(s, ".")
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
			return false
		}
	}
	last := s[strings.LastIndexByte(s, '.')+1:]
	return len(s) <= 253 && strings.Trim(last, "0123456789") != "" // 1.2.3.444 is a slip, not a name
}

// serverName is how a host goes into server_name and is looked for in a
// certificate: without the dot at its end (RFC 6066, Section 3) and without the
// zone of an IPv6 address.
func serverName(host string) string {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.WithZone("").String()
	}
	return strings.TrimSuffix(host, ".")
}

// checkListen is for the address of --listen, in which the host may be empty and
// the port 0.
func checkListen(s string) error {
	host, port, err := net.SplitHostPort(s)
	n, nerr := strconv.Atoi(port)
	if err == nil && nerr == nil && n >= 0 && n <= 65535 && (host == "" || isHost(host)) {
		return nil
	}
	return &usageError{fmt.Sprintf("The address %s of --listen can't be used.", quote(s)),
		"Give a host, a colon and a port from 0 to 65535, such as 127.0.0.1:8443, or :8443 for all addresses of this machine; port 0 takes a free one."}
}

func badAddress(s, what, hint string) error {
	return &usageError{fmt.Sprintf("The address %s %s.", quote(s), what), hint}
}

func emptyPort(s string) error {
	return badAddress(s, "has an empty port", "Write the port after the colon, such as 443, or leave out the colon.")
}
