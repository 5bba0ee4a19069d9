package diagnose

import (
	"bytes"
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/cert"
	"github.com/handclasp/handclasp/internal/wire"
)

// clientCertificate is for a server that asked for a certificate and then broke
// off.
func (d *diagnosis) clientCertificate(o *outcome) error {
	evidence := Evidence{Probe: "the client's handshake", Outcome: o.String(), Times: 2}
	alerted := o.ending == Alerted
	switch {
	case alerted && o.alert == iana.InternalError:
		d.find("server-internal", Certain, "", evidence)
	case !d.hasCertificate():
		f := d.find("client-cert-required", Certain, "The server asked for a certificate, and this client has none."+wanted(o), evidence)
		if len(authorities(o.request, o.info.Version)) == 0 {
			f.Fix = "Give the client a certificate that the server trusts; of whom, its configuration says, and not the handshake."
		}
	case o.info.ClientScheme == 0:
		d.link(d.find("client-cert-wrong-ca", Certain, "The server asked for a certificate, and no certificate of this client is from an authority that it names."+wanted(o), evidence))
	case alerted && o.alert == iana.UnknownCA || d.stray(o):
		d.find("client-cert-wrong-ca", Certain, d.shown()+wanted(o), evidence)
	default:
		d.find("client-cert-refused", Certain, d.shown(), evidence)
	}
	return nil
}

// link says of a client's certificate that stands alone who issued it: it may be an
// intermediate authority, below one that the server names, whose certificate is wanted
// too.
func (d *diagnosis) link(f *Finding) {
	for _, c := range d.o.Client.Certificates {
		if chain := c.Chain(); len(chain) == 1 && !bytes.Equal(chain[0].RawIssuer, chain[0].RawSubject) {
			issuer := fault.Quote([]byte(chain[0].Issuer.String()))
			f.Detail += " This client's was issued by " + issuer + ", whose certificate is not sent with it."
			f.Fix = "If " + issuer + " is below an authority that the server names, put its certificate behind the client's own, in the same file. Otherwise get a certificate from such an authority, or have the server trust the issuer."
			return
		}
	}
}

// overhear notes what a hook shows, for it may show what nobody asked for. (Of
// Certificates none is shown that does not fit.)
func (d *diagnosis) overhear(choose chooser) chooser {
	return func(r *handclasp.CertificateRequestInfo) (*handclasp.Certificate, error) {
		c, err := choose(r)
		if err == nil && c != nil {
			d.hooked = c.Chain()
		}
		return c, err
	}
}

type chooser = func(*handclasp.CertificateRequestInfo) (*handclasp.Certificate, error)

// stray reports whether the hook showed a certificate that is from none of the
// authorities which the server names. Few servers say that this was why.
func (d *diagnosis) stray(o *outcome) bool {
	names := distinguished(o.request, o.info.Version)
	return len(names) > 0 && len(d.hooked) > 0 && cert.LeadsTo(d.hooked, names) == ""
}

func (d *diagnosis) hasCertificate() bool {
	return len(d.o.Client.Certificates) > 0 || d.o.Client.GetClientCertificate != nil
}

// refusedAbove asks a server that wants a certificate something in HTTP, for there
// are servers, nginx among them, that refuse the certificate, or that there is none,
// only there. If the connection ends without an answer, or nothing can be asked, a
// refusal of TLS may take its time.
func (d *diagnosis) refusedAbove(ctx context.Context, o *outcome) (bool, error) {
	if !o.info.ClientAuth || len(o.failed()) > 0 {
		return false, nil
	}
	r, err := d.ask(ctx, "asking something in HTTP", func(r *reply) string { return "it answers " + r.status() })
	switch {
	case err != nil:
		return false, err
	case r == nil:
		return d.refusedLate(ctx)
	case !r.wantsCertificate():
		return false, nil
	}
	other := d.Findings
	d.Findings = nil
	id, detail := "client-cert-refused", d.shown()
	switch {
	case !d.hasCertificate():
		id, detail = "client-cert-required", "This client has none."+wanted(o)
	case o.info.ClientScheme == 0:
		id, detail = "client-cert-wrong-ca", "No certificate of this client is from an authority that the server names."+wanted(o)
	}
	f := d.find(id, Certain, detail, Evidence{Probe: "a request in HTTP", Outcome: r.status()})
	if id == "client-cert-wrong-ca" {
		d.link(f)
	}
	d.Findings = append(d.Findings, other...)
	return true, nil
}

// refusedLate listens longer for what a server that looks at certificates says in the
// end.
func (d *diagnosis) refusedLate(ctx context.Context) (bool, error) {
	d.o.Linger = max(d.o.Linger, long)
	o, err := d.try(ctx, "the client's handshake, with more patience", d.mine(), true)
	if err != nil || o.good() {
		return false, err
	}
	d.Findings = nil
	d.p.known[d.p.model.key(d.mine())] = []*outcome{o} // to the others nobody listened long enough
	return true, d.explain(ctx, o)
}

// mostNames is how many authorities of a request are told.
const mostNames = 4

// wanted tells which authorities the server names in its request.
func wanted(o *outcome) string {
	list := authorities(o.request, o.info.Version)
	if len(list) == 0 {
		return " The server names no authorities."
	}
	more := ""
	if n := len(list) - mostNames; n > 0 {
		list, more = list[:mostNames], fmt.Sprintf(", and %d more", n)
	}
	return " The server names " + strings.Join(list, ", ") + more + "."
}

// distinguished are the names in a CertificateRequest, in DER.
func distinguished(msg []byte, v iana.Version) [][]byte {
	if v >= iana.TLS13 {
		var m wire.CertificateRequest
		if wire.Decode(msg, &m) == nil {
			return m.Authorities
		}
		return nil
	}
	m := wire.CertificateRequest12{Form: wire.Form{Version: v}}
	if wire.Decode(msg, &m) == nil {
		return m.Authorities
	}
	return nil
}

// authorities are those names, by common name where there is one. Escaped.
func authorities(msg []byte, v iana.Version) (list []string) {
	for _, der := range distinguished(msg, v) {
		var seq pkix.RDNSequence
		if _, err := asn1.Unmarshal(der, &seq); err != nil {
			continue
		}
		var n pkix.Name
		n.FillFromRDNSequence(&seq)
		text := n.CommonName
		if text == "" {
			text = n.String()
		}
		list = append(list, fault.Quote([]byte(text)))
	}
	return list
}

// shown tells what is wrong with the certificate that the client shows, as far as it
// can be seen from here.
func (d *diagnosis) shown() string {
	chain := d.hooked
	if len(chain) == 0 && len(d.o.Client.Certificates) > 0 {
		chain = d.o.Client.Certificates[0].Chain()
	}
	if len(chain) == 0 {
		return ""
	}
	leaf, now := chain[0], d.o.Client.Time()
	switch {
	case now.After(leaf.NotAfter):
		return "It ended on " + leaf.NotAfter.UTC().Format(time.RFC3339) + "."
	case now.Before(leaf.NotBefore):
		return "It begins on " + leaf.NotBefore.UTC().Format(time.RFC3339) + "."
	case len(leaf.ExtKeyUsage) > 0 && !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageClientAuth) && !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageAny):
		return "It is not for clients: its extended key usage lacks clientAuth."
	case len(chain) == 1 && string(leaf.RawIssuer) != string(leaf.RawSubject):
		return "It is sent without its issuer's certificate, that of " + fault.Quote([]byte(leaf.Issuer.String())) + "."
	}
	return "Its issuer is " + fault.Quote([]byte(leaf.Issuer.String())) + "."
}
