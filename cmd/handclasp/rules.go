package main

import (
	"errors"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// What can go wrong before there is a connection. These rules are not of the
// catalogue: no standard speaks of them and no alert belongs to them.
var (
	dnsNotFound = reach("dns-not-found",
		"The name has no address.",
		"Check the spelling of the name; if it is new or internal, check which DNS server this machine asks.")
	dnsFailed = reach("dns-failed",
		"The name could not be looked up.",
		"Check the network of this machine and its DNS server, or give an IP address with --name for the certificate.")
	tcpRefused = reach("tcp-refused",
		"The connection was refused: nothing listens at that address and port.",
		"Check the port, and that the server runs and listens on this address and not only on another.")
	tcpTimeout = reach("tcp-timeout",
		"Nobody answered the request for a TCP connection in time.",
		"Check the address, and whether a firewall drops packets to this port; or raise --timeout.")
	tcpUnreachable = reach("tcp-unreachable",
		"There is no way to the address from here.",
		"Check the network of this machine, its routes and its VPN; an IPv6 address needs IPv6 all the way.")
	tcpFailed = reach("tcp-failed",
		"The TCP connection could not be opened.",
		"See the cause.")
	interrupted = &fault.Rule{ID: "interrupted", Alert: iana.NoAlert, Blame: fault.Local,
		Text: "This side was told to stop before the handshake was complete.",
		Hint: "Run the command again, and let it finish."}
)

func reach(id, text, hint string) *fault.Rule {
	return &fault.Rule{ID: id, Alert: iana.NoAlert, Blame: fault.Network, Text: text, Hint: hint}
}

// A usageError concerns what a person typed, or a file that was named, before
// there is a connection: it is neither of the protocol nor of the network.
type usageError struct{ text, hint string }

func (e *usageError) Error() string { return e.text }

// errTold is for an error that the output has told already.
type errTold struct{ error }

func (e errTold) Unwrap() error { return e.error }

// The exit codes. Scripts rely on them.
const (
	exitOK = iota
	exitFailed
	exitUsage
	exitUnreachable
)

func exitCode(err error) int {
	if err == nil {
		return exitOK
	}
	if _, ok := errors.AsType[*usageError](err); ok {
		return exitUsage
	}
	for code, rules := range map[int][]*fault.Rule{
		exitUnreachable: {dnsNotFound, dnsFailed, tcpRefused, tcpTimeout, tcpUnreachable, tcpFailed},
		exitUsage:       {fault.ConfigValue, fault.ConfigNoCertificate, fault.ConfigCertificate, fault.ConfigKeyMismatch, fault.ConfigServerName},
	} {
		for _, r := range rules {
			if errors.Is(err, r) {
				return code
			}
		}
	}
	return exitFailed
}
