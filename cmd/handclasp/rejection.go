package main

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/cert"
	"github.com/handclasp/handclasp/internal/clients"
	"github.com/handclasp/handclasp/internal/wire"
)

// sight is what a client said of itself, and what it was shown.
type sight struct {
	mu      sync.Mutex
	hello   wire.ClientHello
	greeted bool
	shown   []byte // our Certificate message
}

// watch keeps a ClientHello and our Certificate.
func (s *sight) watch(ev *handclasp.Event) {
	if ev.Kind != flow.Message {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !ev.Sent && ev.Type == iana.ClientHello && !s.greeted:
		s.greeted = wire.Decode(bytes.Clone(ev.Bytes), &s.hello) == nil
	case ev.Sent && ev.Type == iana.Certificate && s.shown == nil:
		s.shown = bytes.Clone(ev.Bytes)
	}
}

// chain are the certificates that the client was shown in version v; nil if none.
func (s *sight) chain(v iana.Version) []*x509.Certificate {
	s.mu.Lock()
	defer s.mu.Unlock()
	var raw [][]byte
	msg := s.shown
	switch m := wire.NewFor(iana.Certificate, wire.Form{Version: v}).(type) {
	case *wire.Certificate:
		if msg != nil && wire.Decode(msg, m) == nil {
			for _, e := range m.List {
				raw = append(raw, e.Data)
			}
		}
	case *wire.Certificate12:
		if msg != nil && wire.Decode(msg, m) == nil {
			raw = m.List
		}
	}
	chain, err := cert.Parse(raw, config.DefaultLimits())
	if err != nil {
		return nil
	}
	return chain
}

// stack is the client by its ClientHello, "" if it is like none that we know.
func (s *sight) stack() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.greeted {
		return ""
	}
	return strings.Join(clients.Like(&s.hello), " or ")
}

// refusals are the alerts with which clients refuse a certificate (RFC 9846,
// Section 6.2). What they can mean is fault.Explain's to say.
var refusals = []iana.Alert{
	iana.BadCertificate, iana.UnsupportedCertificate, iana.CertificateRevoked, iana.CertificateExpired, iana.CertificateUnknown,
	iana.UnknownCA, iana.AccessDenied, iana.BadCertificateStatusResponse, iana.DecryptError,
}

// rejects says that the client refused our certificate, if that is what err means
// or most likely means, why, by what it said and by what is wrong with the
// certificate, and what to do; "" if err means something else.
func (v *visit) rejects(err error) string {
	e, ok := errors.AsType[*fault.Error](err)
	chain := v.seen.chain(v.Info().Version)
	if !ok || chain == nil || v.Info().Resumed {
		return ""
	}
	clear := errors.Is(e, fault.AlertInClear)
	switch {
	case errors.Is(e, fault.ClosedEarly):
		return "the client went away at the sight of our certificate without a word, as Node does when it rejects one" + v.own(chain, iana.NoAlert, e.State)
	case !clear && !errors.Is(e, fault.AlertReceived), !slices.Contains(refusals, e.Code):
		return ""
	}
	how := e.Code.String()
	if clear {
		how += " (in the clear, as OpenSSL sends it)"
	}
	return "the client rejects our certificate, " + how + v.own(chain, e.Code, e.State)
}

// leaves says what it may mean that a client went without asking for anything.
func (v *visit) leaves(err error) string {
	chain := v.seen.chain(v.Info().Version)
	if chain == nil || !errors.Is(err, io.EOF) && !errors.Is(err, fault.Truncated) && !errors.Is(err, fault.PeerReset) {
		return ""
	}
	return "the client left without asking for anything, as curl does when the name is wrong, and programs with GnuTLS when any check of the certificate fails" + v.own(chain, iana.NoAlert, fault.Connected)
}

// ours turns what the catalogue says of a peer's certificates into words on our own.
var ours = strings.NewReplacer("The peer's certificate", "Our certificate", "the peer's", "our", "make the peer", "make this server",
	"the one we asked for", "the one that the client asked for", "Check the name (and --name)", "Check the name that the client uses",
	"give the server the certificate", "give this server a certificate")

// doubts are the alerts of clients that do not know who stands behind a certificate,
// and NoAlert of those that do not say.
var doubts = []iana.Alert{iana.NoAlert, iana.UnknownCA, iana.CertificateUnknown, iana.BadCertificate}

// asked is the host that the client means: the one that it named, or else the address
// that it connected to, unless it said that something else is wrong.
func (v *visit) asked(alert iana.Alert) (name string, named bool) {
	at, err := netip.ParseAddrPort(v.LocalAddr().String())
	if name = v.Info().ServerName; name != "" || err != nil || alert == iana.UnknownCA || alert == iana.CertificateExpired {
		return name, true
	}
	return at.Addr().Unmap().WithZone("").String(), false
}

// own is what is wrong with our own chain in the eyes of this client. If nothing of
// the kind is to be seen there, it is what the alert can mean that came in state s.
func (v *visit) own(chain []*x509.Certificate, alert iana.Alert, s fault.State) string {
	var b strings.Builder
	if s := v.seen.stack(); s != "" {
		fmt.Fprintf(&b, "; its hello is that of %s", s)
	}
	roots := x509.NewCertPool()
	roots.AddCert(chain[len(chain)-1])
	name, named := v.asked(alert)
	verdict, _ := cert.Verify(cert.Request{Chain: chain, Name: name, Roots: roots, Now: time.Now(), ServerAuth: true, Insecure: true})
	if verdict != nil && len(verdict.Failed) > 0 {
		f := verdict.Failed[0]
		if !named && (errors.Is(f, fault.CertWrongName) || errors.Is(f, fault.CertNoSAN)) {
			fmt.Fprintf(&b, ". It named no host, so it may have asked for the address %s, and our certificate is not for that: %s. Hint: Have it connect by a name that the certificate has, or put the address into the certificate.", name, f.Got)
			return b.String()
		}
		fmt.Fprintf(&b, ". %s (%s) Hint: %s", ours.Replace(f.Text), f.Got, ours.Replace(f.Hint))
		return b.String()
	}
	leaf, last := chain[0], chain[len(chain)-1]
	switch selfSigned := bytes.Equal(last.RawIssuer, last.RawSubject); {
	case len(chain) == 1 && selfSigned && slices.Contains(doubts, alert):
		b.WriteString(". It is signed by its own key, and nobody else vouches for it. Hint: Give it to the client as an authority, or use a certificate of an authority that the client trusts.")
	case len(chain) == 1 && slices.Contains(doubts, alert):
		fmt.Fprintf(&b, ". It was sent alone, and is signed by %s, for whom nobody vouches to the client. Hint: Send the intermediates behind it (fullchain.pem); if there are none, give the client the authority's certificate (curl: --cacert).", quote(leaf.Issuer.String()))
	default:
		hint := "Give the client that authority's certificate if it is a private one (curl: --cacert), and look at its clock."
		if alert != iana.NoAlert {
			var causes []string
			causes, hint = fault.Explain(alert, fault.Server, s)
			fmt.Fprintf(&b, ". It can mean: %s", strings.TrimSuffix(strings.Join(causes, " "), "."))
		}
		fmt.Fprintf(&b, ". By itself our chain of %d is sound; it leads to %s. Hint: %s", len(chain), quote(last.Issuer.String()), hint)
	}
	return b.String()
}
