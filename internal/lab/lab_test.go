package lab

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/record"
)

// meet has the case's own client meet its server, once. It has patience with a server unless
// silence is what it wants.
func meet(t *testing.T, name string, want any) error {
	t.Helper()
	c, err := Find(name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Open()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	cfg, err := s.Client()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	patience := time.Minute
	if want == error(fault.PeerSilent) {
		patience = 500 * time.Millisecond
	}
	raw.SetDeadline(time.Now().Add(patience))
	conn := handclasp.Client(raw, cfg)
	if err := conn.HandshakeContext(ctx); err != nil {
		return err
	}
	if want == nil {
		conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	}
	_, err = conn.Read(make([]byte, 1))
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return e
	}
	return nil
}

// TestCases: a client meets in each case what it is about, and the good server
// is good.
func TestCases(t *testing.T) {
	for name, want := range map[string]any{
		"good": nil, "expired": fault.CertExpired, "not-yet-valid": fault.CertNotYetValid, "expired-intermediate": fault.CertChainExpired,
		"missing-intermediate": fault.CertMissingIntermediate, "private-root": fault.CertUnknownIssuer, "private-root-sent": fault.CertUnknownRoot,
		"self-signed": fault.CertSelfSigned, "reversed-chain": nil, "wrong-name": fault.CertWrongName, "no-san": fault.CertNoSAN,
		"client-purpose": fault.CertUsage, "no-signing": fault.CertKeyUsage, "not-a-ca": fault.CertNotCA, "path-length": fault.CertPathLength,
		"name-constraint": fault.CertNameConstraint, "weak-key": nil, "weak-signature": fault.CertWeakSignature, "key-mismatch": fault.SigInvalid,
		"must-staple": fault.OCSPMustStaple, "revoked": fault.OCSPRevoked, "old-staple": fault.OCSPExpired,
		"only-tls10": iana.ProtocolVersion, "only-tls12": nil, "only-tls13": nil, "only-tls13-old-client": iana.ProtocolVersion,
		"rsa-only": iana.HandshakeFailure, "dhe-only": iana.HandshakeFailure, "cbc-only": iana.HandshakeFailure, "chacha-only": iana.HandshakeFailure,
		"one-curve": iana.HandshakeFailure, "hybrid-only": iana.HandshakeFailure, "retry": nil, "ecdsa-only": iana.HandshakeFailure,
		"h2-only": iana.NoApplicationProtocol, "client-cert-optional": nil, "client-cert-required-12": iana.HandshakeFailure,
		"client-cert-required-13": iana.CertificateRequired, "client-cert-wrong-ca": iana.UnknownCA, "client-cert-expired": iana.CertificateExpired,
		"client-cert-good": nil, "sni-required": iana.UnrecognizedName, "sni-default": fault.CertWrongName, "sni-unknown": iana.UnrecognizedName,
		"hello-fin": fault.ClosedEarly, "hello-reset": fault.PeerReset, "hello-silence": fault.PeerSilent, "flight-fin": fault.ClosedEarly,
		"flight12-reset": fault.PeerReset, "finished-silence": nil, "finished12-silence": fault.PeerSilent,
		"resets-if-sigalg": fault.PeerReset, "resets-if-long": fault.PeerReset, "resets-if-both": fault.PeerReset, "resets-if-grease": fault.PeerReset,
		"drops-if-segmented": fault.PeerSilent, "alerts-if-extension": iana.HandshakeFailure, "resets-if group=x25519 & length>100": fault.PeerReset,
		"resets-if group=x448": nil, "http": fault.PeerSpeaksHTTP, "smtp": fault.PeerSpeaksSMTP, "garbage": fault.PeerSpeaksGarbage,
		"two-nodes": nil, "rate-limited": nil, "legacy-renegotiation": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, meet(t, name, want), want)
		})
	}
}

// check compares what a client met with an alert, a rule or nil.
func check(t *testing.T, err error, want any) {
	t.Helper()
	e, _ := errors.AsType[*fault.Error](err)
	ok := err == nil
	switch want := want.(type) {
	case iana.Alert:
		ok = e != nil && e.Received && e.Code == want
	case error:
		ok = errors.Is(err, want)
	}
	if !ok {
		t.Errorf("got %v, want %v", err, want)
	}
}

// TestEndlessHello: a hello that claims to be long is not waited for, nor kept.
func TestEndlessHello(t *testing.T) {
	ours, theirs := net.Pipe()
	sent := make(chan int)
	go func() {
		n := 0
		first := []byte{byte(iana.ClientHello), 0xff, 0xff, 0xff}
		for payload := append(first, make([]byte, 16000)...); ; payload = make([]byte, 16000) {
			if _, err := ours.Write(record.AppendPlaintext(nil, iana.TLS10, iana.ContentHandshake, payload)); err != nil {
				break
			}
			n += len(payload)
		}
		sent <- n
	}()
	_, err := readHello(theirs)
	theirs.Close()
	if n := <-sent; err == nil || n > 1<<18 {
		t.Errorf("%v after %d bytes", err, n)
	}
}

// TestAlerts: every alert of the lab arrives, at every step.
func TestAlerts(t *testing.T) {
	for _, c := range stops() {
		for _, at := range steps {
			for n := range uint8(iana.NoAlert) {
				a := iana.Alert(n)
				if c.Name != at.name+"-alert-"+a.String() || a == iana.CloseNotify || a == iana.UserCanceled || a == iana.NoRenegotiation {
					continue
				}
				t.Run(c.Name, func(t *testing.T) {
					t.Parallel()
					check(t, meet(t, c.Name, a), a)
				})
			}
		}
	}
}

// TestNames: every case has a name of its own, a text and a cause.
func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Cases() {
		if seen[c.Name] || c.Text == "" || c.Cause == "" || c.serve == nil {
			t.Errorf("%q stands twice or lacks something", c.Name)
		}
		seen[c.Name] = true
	}
	for _, bad := range []string{"nothing", "resets-if", "resets-if moon=full", "resets-if suite=x", "resets-if length>x"} {
		if _, err := Find(bad); err == nil {
			t.Errorf("%q is a case", bad)
		}
	}
}

// TestConditions: a condition prints as it is read.
func TestConditions(t *testing.T) {
	for _, s := range []string{"grease", "group=x25519 & length>100", "extension=padding | session-id | sigalg=ed25519 & version=1.3", "share=secp256r1", "suites>3"} {
		c, err := ParseCondition(s)
		if err != nil || c.String() != s {
			t.Errorf("%q became %q, %v", s, c, err)
		}
	}
}
