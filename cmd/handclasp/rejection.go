package main

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
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

// refusals are the alerts with which clients refuse a certificate, and what they
// then hold against it.
var refusals = map[iana.Alert]string{
	iana.BadCertificate:               "OpenSSL means that it begins later or is for another name, Go and GnuTLS may mean anything",
	iana.UnsupportedCertificate:       "it is not meant for servers, or of a kind that the client can't use",
	iana.CertificateRevoked:           "it was revoked",
	iana.CertificateExpired:           "it has expired, or the client's clock is wrong",
	iana.CertificateUnknown:           "Java and browsers say so of anything that displeases them",
	iana.UnknownCA:                    "no authority that the client trusts vouches for it",
	iana.AccessDenied:                 "it may be good, but is not to be used here",
	iana.BadCertificateStatusResponse: "the stapled OCSP answer is wrong",
	iana.DecryptError:                 "the signature made with its key is wrong: the key may be another's",
}

// rejects says that the client refused our certificate, if that is what err means,
// why, by what it said and by what is wrong with the certificate, and what to do;
// "" if err means something else.
func (v *visit) rejects(err error) string {
	e, ok := errors.AsType[*fault.Error](err)
	chain := v.seen.chain(v.Info().Version)
	if !ok || chain == nil || v.Info().Resumed {
		return ""
	}
	how, alert := "", e.Code
	switch why := refusals[alert]; {
	case errors.Is(e, fault.AlertInClear) && why != "":
		how = fmt.Sprintf("%v (in the clear, as OpenSSL sends it: %s)", alert, why)
	case errors.Is(e, fault.AlertReceived) && why != "":
		how = fmt.Sprintf("%v (%s)", alert, why)
	case errors.Is(e, fault.ClosedEarly):
		how = "by going away at the sight of it without a word, as Node does"
	default:
		return ""
	}
	return "the client rejects our certificate, " + how + v.own(alert, chain)
}

// leaves says what it may mean that a client went without asking for anything.
func (v *visit) leaves(err error) string {
	chain := v.seen.chain(v.Info().Version)
	if chain == nil || !errors.Is(err, io.EOF) && !errors.Is(err, fault.Truncated) && !errors.Is(err, fault.PeerReset) {
		return ""
	}
	return "the client left without asking for anything, as curl does when the name is wrong, and programs with GnuTLS when any check of the certificate fails" + v.own(0, chain)
}

// ours turns what the catalogue says of a peer's certificates into words on our own.
var ours = strings.NewReplacer("The peer's certificate", "Our certificate", "the peer's", "our", "make the peer", "make this server")

// own is what is wrong with our own chain in the eyes of this client.
func (v *visit) own(alert iana.Alert, chain []*x509.Certificate) string {
	var b strings.Builder
	if s := v.seen.stack(); s != "" {
		fmt.Fprintf(&b, "; its hello is that of %s", s)
	}
	roots := x509.NewCertPool()
	roots.AddCert(chain[len(chain)-1])
	verdict, _ := cert.Verify(cert.Request{Chain: chain, Name: v.Info().ServerName, Roots: roots, Now: time.Now(), ServerAuth: true, Insecure: true})
	if verdict != nil && len(verdict.Failed) > 0 {
		f := verdict.Failed[0]
		fmt.Fprintf(&b, ". %s (%s) Hint: %s", ours.Replace(f.Text), f.Got, ours.Replace(f.Hint))
		return b.String()
	}
	leaf, last := chain[0], chain[len(chain)-1]
	switch selfSigned := bytes.Equal(last.RawIssuer, last.RawSubject); {
	case alert == iana.DecryptError:
		b.WriteString(". Hint: Check that --key is the key of --cert.")
	case len(chain) == 1 && selfSigned:
		fmt.Fprintf(&b, ". It is signed by its own key, and nobody else vouches for it. Hint: Give it to the client as an authority, or use a certificate of an authority that the client trusts.")
	case len(chain) == 1:
		fmt.Fprintf(&b, ". It was sent alone, and is signed by %s. Hint: Send the intermediates behind it (fullchain.pem); if there are none, give the client the authority's certificate (curl: --cacert).", quote(leaf.Issuer.String()))
	default:
		fmt.Fprintf(&b, ". By itself the chain of %d is sound; it leads to %s. Hint: Give the client that authority's certificate if it is a private one (curl: --cacert), and look at its clock.", len(chain), quote(last.Issuer.String()))
	}
	return b.String()
}
