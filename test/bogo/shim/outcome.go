package main

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
)

// checkOutcome compares what a handshake settled with what the flags expect, and
// with what BoringSSL's shim expects of every handshake.
func (l *link) checkOutcome() error {
	if !l.engine.Connected() {
		return nil // a server that took 0-RTT: there is more to come
	}
	l.complete = true
	info := l.engine.Info()
	for _, check := range []func(*flow.Info) error{l.checkChoices, l.checkNames, l.checkPeer, l.checkSession, l.checkEarly} {
		if err := check(&info); err != nil {
			return err
		}
	}
	return nil
}

// is reports what is not as it should be.
func is[T comparable](what string, got, want T) error {
	if got == want {
		return nil
	}
	return fmt.Errorf("%s is %v, and should be %v", what, got, want)
}

// unless is is, for a flag that was given.
func unless[T comparable](unset bool, what string, got, want T) error {
	if unset {
		return nil
	}
	return is(what, got, want)
}

func (l *link) checkChoices(info *flow.Info) error {
	peer := info.SignatureScheme
	if l.Server {
		peer = info.ClientScheme
	}
	return errors.Join(
		unless(l.ExpectVersion == 0, "the version", uint16(info.Version), l.ExpectVersion),
		unless(l.ExpectCipher == 0, "the cipher suite", uint16(info.CipherSuite), l.ExpectCipher),
		unless(l.ExpectCurveID == 0, "the group", uint16(info.Group), l.ExpectCurveID),
		unless(l.ExpectPeerSignature == 0, "the peer's signature scheme", uint16(peer), l.ExpectPeerSignature),
		unless(!l.ExpectHRR, "a HelloRetryRequest", info.Retried, true),
		unless(!l.ExpectNoHRR, "a HelloRetryRequest", info.Retried, false),
		unless(!l.ExpectExtendedMasterSecret, "extended_master_secret", info.ExtendedMasterSecret || info.Version == iana.TLS13, true),
		unless(!l.ExpectSecureReneg, "secure renegotiation", info.SecureRenegotiation || info.Version == iana.TLS13, true),
		unless(!l.ExpectNoSecureReneg, "secure renegotiation", info.SecureRenegotiation || info.Version == iana.TLS13, false),
	)
}

func (l *link) checkNames(info *flow.Info) error {
	alpn := l.ExpectALPN
	if l.Server {
		alpn = l.SelectALPN
	}
	return errors.Join(
		unless(l.ExpectServerName == "", "the server name", info.ServerName, l.ExpectServerName),
		is("the application protocol", info.ALPN, alpn),
	)
}

func (l *link) checkPeer(info *flow.Info) error {
	var chain [][]byte
	if info.Peer != nil {
		for _, x := range info.Peer.Peer {
			chain = append(chain, x.Raw)
		}
	}
	switch {
	case l.ExpectNoPeerCert || info.PSKIdentity != nil:
		if chain != nil {
			return errors.New("the peer showed a certificate")
		}
	case (!l.Server || l.RequireAnyClientCert) && chain == nil:
		return errors.New("the peer showed no certificate")
	}
	if l.ExpectPeerCertFile != "" {
		if err := sameChain(chain, l.ExpectPeerCertFile); err != nil {
			return err
		}
	}
	if len(l.ExpectOCSPResponse) > 0 && !bytes.Equal(info.OCSPResponse, l.ExpectOCSPResponse) {
		return errors.New("the stapled OCSP answer is another one")
	}
	if len(l.ExpectSCTs) > 0 {
		want, err := timestamps(l.ExpectSCTs)
		if err != nil || !bytes.Equal(bytes.Join(info.SCTs, nil), bytes.Join(want, nil)) {
			return errors.New("the signed certificate timestamps are others")
		}
	}
	if l.ExpectVerifyResult && l.VerifyFail != (info.Peer != nil && !info.Peer.Verified()) {
		return errors.New("the verdict on the peer's certificate is the other one")
	}
	if want := l.ExpectSelectedCredential; want != nil {
		if info.PSKIdentity != nil {
			l.chosen = l.holder(info.PSKIdentity)
		}
		return is("the credential", l.chosen, *want)
	}
	return nil
}

// sameChain compares a chain with that of a PEM file.
func sameChain(chain [][]byte, file string) error {
	rest, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var want [][]byte
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		want = append(want, block.Bytes)
	}
	if len(chain) != len(want) || !bytes.Equal(bytes.Join(chain, nil), bytes.Join(want, nil)) {
		return fmt.Errorf("the peer's chain of %d certificates is not that of %d in the file", len(chain), len(want))
	}
	return nil
}

func (l *link) checkSession(info *flow.Info) error {
	if err := is("resumption", info.Resumed, l.resume && !l.ExpectSessionMiss); err != nil {
		return err
	}
	if kept := l.home.cached.puts > 0; !l.resume && (kept && l.ExpectNoSessionID || !kept && l.ExpectSessionID) {
		return is("a session under its ID", kept, !kept)
	}
	if l.Server || info.Version == iana.TLS13 {
		return nil
	}
	l.errands()
	return is("a new session", l.home.session != nil, !l.ExpectNoSession && (!info.Resumed || l.ExpectTicketRenewal))
}

// checkTicket looks at what a client of TLS 1.3 got after its handshake.
func (l *link) checkTicket() error {
	info := l.engine.Info()
	if l.Server || info.Version != iana.TLS13 {
		return nil
	}
	external := info.PSKIdentity != nil // which leaves no session
	if err := is("a new session", l.home.session != nil, !l.ExpectNoSession && !l.ShimShutsDown && !external); err != nil || l.home.session == nil {
		return err
	}
	return is("a ticket for 0-RTT", l.home.session.MaxEarlyData > 0, l.ExpectTicketEarlyData)
}

func (l *link) checkEarly(info *flow.Info) error {
	accepted := info.EarlyData.State == flow.EarlyAccepted
	switch {
	case l.ExpectAcceptEarlyData && !accepted:
		return fmt.Errorf("0-RTT data was not accepted: %s", info.EarlyData.Reason)
	case l.ExpectRejectEarlyData && accepted:
		return errors.New("0-RTT data was accepted")
	}
	if want := l.ExpectEarlyDataReason; want != "" {
		return is("the reason about 0-RTT ("+info.EarlyData.Reason+")", l.earlyReason(info), want)
	}
	return nil
}

// earlyReasons are BoringSSL's words for ours.
var earlyReasons = []struct{ ours, theirs string }{
	{"HelloRetryRequest", "hello_retry_request"},
	{"second ClientHello", "hello_retry_request"},
	{"another application protocol", "alpn_mismatch"},
	{"There is no session to resume", "no_session_offered"},
	{"The server does not take 0-RTT data with this session", "unsupported_for_session"},
	{"The ticket does not allow any", "unsupported_for_session"},
	{"without a reason", "peer_declined"},
	{"did not resume", "session_not_resumed"},
	{"No session is resumed", "session_not_resumed"},
	{"This server takes none", "disabled"},
	{"than its ticket's age says", "ticket_age_skew"},
}

func (l *link) earlyReason(info *flow.Info) string {
	switch {
	case info.EarlyData.State == flow.EarlyAccepted:
		return "accept"
	case info.Version < iana.TLS13:
		return "protocol_version"
	case !l.EnableEarlyData:
		return "disabled"
	}
	if l.Server && info.EarlyData.Reason == "" { // nobody thought of it
		return map[bool]string{true: "peer_declined", false: "no_session_offered"}[info.Resumed]
	}
	for _, r := range earlyReasons {
		if strings.Contains(info.EarlyData.Reason, r.ours) {
			return r.theirs
		}
	}
	return "unknown"
}

// What the shim itself ends a connection with.
var (
	decompression = &fault.Rule{ID: "shim-send-alert", Alert: iana.DecompressionFailure, Blame: fault.Local, Text: "The flags say so."}
	lateData      = &fault.Rule{ID: "shim-data-on-shutdown", Alert: iana.UnexpectedMessage, Text: "The runner sent data after it had been told goodbye."}
)
