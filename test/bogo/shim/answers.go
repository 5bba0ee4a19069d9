package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/cert"
)

// What the hooks of BoringSSL's shim refuse with, where no rule of ours says it.
var (
	distrusted = hookRule("shim-certificate-distrusted", iana.HandshakeFailure)
	rejected   = hookRule("shim-connection-rejected", iana.HandshakeFailure)
	overloaded = hookRule("shim-overloaded", iana.InternalError)
	noStaple   = hookRule("shim-staple-refused", iana.BadCertificateStatusResponse)
	failedHook = hookRule("shim-hook-failed", iana.InternalError)
	brokenTest = hookRule("shim-expectation", iana.InternalError)
)

func hookRule(id string, alert iana.Alert) *fault.Rule {
	return &fault.Rule{ID: id, Alert: alert, Blame: fault.Local, Text: "A hook of the shim refused, as its flags say."}
}

// answer does what the engine waits for, as the flags want it.
func (l *link) answer(ask flow.Ask) {
	ctx := context.Background()
	switch a := ask.(type) {
	case *flow.SignAsk:
		l.chosen = numberOf(a.Signer)
		a.Reply(a.Signer.Sign(ctx, a.Scheme, a.Message))
	case *flow.DecryptAsk:
		l.chosen = numberOf(a.Decrypter)
		a.Reply(a.Decrypter.DecryptPremaster(ctx, a.Ciphertext, a.Offered, a.Substitute))
	case *flow.VerifyAsk:
		a.Reply(l.verify(a))
	case *flow.HelloAsk:
		err := l.welcome(a.Hello)
		a.Reply(l.staple(a), nil, err)
	case *flow.ClientCertificateAsk:
		a.Reply(nil, l.choose(a.Request))
	case *flow.RenegotiateAsk:
		l.renegotiated++
		a.Reply()
	case flow.Answerer:
		a.Answer(ctx)
	default:
		panic(fmt.Sprintf("nobody answers a %T", ask))
	}
}

// verify believes everybody unless the flags say otherwise. What fails counts only
// where the flags want the peer verified, and an earlier verdict is believed.
func (l *link) verify(a *flow.VerifyAsk) (*flow.Verdict, error) {
	v := &flow.Verdict{Peer: a.Chain}
	if a.Resume && !l.ReverifyOnResume && l.home.verdict != nil {
		v.Failed = l.home.verdict.Failed
		return v, nil
	}
	if len(a.Chain) == 0 {
		return v, nil
	}
	l.home.verdict = v
	if l.VerifyFail {
		f := distrusted.New()
		if l.UseCustomVerify {
			f = fault.CertRejected.New()
		}
		v.Failed = append(v.Failed, f)
		if l.VerifyPeer || l.RequireAnyClientCert {
			return v, f
		}
		return v, nil
	}
	looked, _ := cert.Verify(cert.Request{Chain: a.Chain, Name: a.Name, Now: l.home.now(), ServerAuth: a.Of == fault.Server, Transport: a.Transport, Insecure: true})
	for _, f := range looked.Failed {
		if f.Rule == fault.CertKeyUsage || f.Rule == fault.CertKeyEncipherment {
			return v, f // which is no matter of trust
		}
	}
	if len(l.ExpectOCSPResponse) > 0 && len(a.OCSP) == 0 {
		return v, brokenTest.New().Saw("no OCSP answer", "one")
	}
	if a.Of == fault.Server && l.EnableOCSPStapling && l.UseOCSPCallback && l.FailOCSPCallback {
		return v, noStaple.New()
	}
	return v, nil
}

// welcome looks at a ClientHello.
func (l *link) welcome(h *config.HelloInfo) error {
	switch {
	case l.ExpectNoServerName && h.ServerName != "":
		return brokenTest.New().Saw(fault.Quote([]byte(h.ServerName)), "no server name")
	case l.ExpectServerName != "" && h.ServerName != l.ExpectServerName:
		return brokenTest.New().Saw(fault.Quote([]byte(h.ServerName)), fault.Quote([]byte(l.ExpectServerName)))
	case l.FailEarlyCallback:
		return rejected.New()
	case l.InstallDDoSCallback && l.FailDDoSCallback:
		return overloaded.New()
	case l.FailCertCallback:
		return failedHook.New()
	case l.UseOCSPCallback && l.FailOCSPCallback && slices.Contains(h.Extensions, iana.ExtStatusRequest):
		return failedHook.New()
	case l.ExpectAdvertisedALPN != "" && string(wireList(h.NextProtos)) != l.ExpectAdvertisedALPN:
		return brokenTest.New().Saw(fault.Quote(wireList(h.NextProtos)), fault.Quote([]byte(l.ExpectAdvertisedALPN)))
	}
	return l.sees(h.SignatureSchemes)
}

// staple is the configuration with the OCSP answers as the callback leaves them, if
// there is one and the client asks for any.
func (l *link) staple(a *flow.HelloAsk) *config.ServerConfig {
	if !l.UseOCSPCallback || !slices.Contains(a.Hello.Extensions, iana.ExtStatusRequest) {
		return a.Config
	}
	cfg := *a.Config
	cfg.Certificates = slices.Clone(cfg.Certificates)
	for i := range cfg.Certificates {
		c := &cfg.Certificates[i]
		switch {
		case l.DeclineOCSPCallback:
			c.OCSPStaple = nil
		case l.SetOCSPInCallback:
			c.OCSPStaple = l.OCSPResponse
		}
	}
	return &cfg
}

// choose looks at what a server asks of a client's certificate, and leaves the
// choice to the engine.
func (l *link) choose(r *config.CertificateRequestInfo) error {
	if l.FailCertCallback {
		return failedHook.New()
	}
	if want := l.ExpectCertificateTypes; want != nil {
		got := make([]byte, len(r.CertificateTypes))
		for i, t := range r.CertificateTypes {
			got[i] = byte(t)
		}
		if !bytes.Equal(got, want) {
			return brokenTest.New().Saw(got, want)
		}
	}
	if want := l.ExpectClientCAList; want != "" {
		var got []string
		for _, name := range r.Authorities {
			got = append(got, hex.EncodeToString(name))
		}
		if strings.Join(got, ",") != want && !(want == "<EMPTY>" && len(got) == 0) {
			return brokenTest.New().Saw(strings.Join(got, ","), want)
		}
	}
	return l.sees(r.SignatureSchemes)
}

// sees compares what the peer accepts with what it is expected to.
func (l *link) sees(got []iana.SignatureScheme) error {
	if want := codes[iana.SignatureScheme](l.ExpectPeerVerifyPref); len(want) > 0 && !slices.Equal(got, want) {
		return brokenTest.New().Saw(got, want)
	}
	return nil
}
