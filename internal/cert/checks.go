package cert

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/sign"
)

// keys looks at the key of every certificate that was sent, since any of them
// may be used to check a signature.
func (v *verifier) keys() {
	before := len(v.Failed)
	for _, c := range v.Peer {
		if e := v.key(c); e != nil {
			v.failed(keysCheck, e.In(v.where(c)))
		}
	}
	if len(v.Failed) == before {
		v.passed(keysCheck)
	}
}

func (v *verifier) key(c *x509.Certificate) *fault.Error {
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() < MinRSABits {
			return fault.CertWeakKey.New().Saw(Describe(c), fmt.Sprintf("at least %d bits", MinRSABits))
		}
		return nil
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P224() || c != v.leaf {
			return nil
		}
	case ed25519.PublicKey:
		return nil
	default: // DSA, or nil for what crypto/x509 does not know
		// What is not the leaf may be extraneous, or its algorithm the business of
		// a verifier that knows more than we do.
		if c != v.leaf {
			return nil
		}
	}
	return fault.CertUnsupportedKey.New().Saw(Describe(c), "one of "+strings.Join(sign.Kinds(), ", "))
}

// keyKind is the kind and size of a certificate's key.
func keyKind(c *x509.Certificate) string {
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d bits", k.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + k.Curve.Params().Name
	}
	if c.PublicKeyAlgorithm == x509.UnknownPublicKeyAlgorithm {
		return "unknown kind of key"
	}
	return c.PublicKeyAlgorithm.String()
}

// times looks at the leaf only: whether the others are in time depends on which
// of them the chain needs.
func (v *verifier) times() {
	if e := outOfTime(v.leaf, v.Now, fault.CertExpired); e != nil {
		v.failed(timeCheck, e.In(v.where(v.leaf)))
		return
	}
	v.passed(timeCheck)
}

func (v *verifier) timeDetail() string {
	return fmt.Sprintf("until %s, %s more", v.leaf.NotAfter.UTC().Format(time.RFC3339), span(v.leaf.NotAfter.Sub(v.Now)))
}

// outOfTime is nil for a certificate that is valid now. Both ends belong to the
// validity (RFC 5280, Section 4.1.2.5).
func outOfTime(c *x509.Certificate, now time.Time, expired *fault.Rule) *fault.Error {
	if !now.Before(c.NotBefore) && !now.After(c.NotAfter) {
		return nil
	}
	want := "valid at " + now.UTC().Format(time.RFC3339)
	switch {
	case now.Before(c.NotBefore):
		got := fmt.Sprintf("%s begins on %s, in %s", title(c), c.NotBefore.UTC().Format(time.RFC3339), span(c.NotBefore.Sub(now)))
		return fault.CertNotYetValid.New().Saw(got, want)
	case now.After(c.NotAfter):
		got := fmt.Sprintf("%s ended on %s, %s ago", title(c), c.NotAfter.UTC().Format(time.RFC3339), span(now.Sub(c.NotAfter)))
		return expired.New().Saw(got, want)
	}
	return nil
}

// span is a duration as a person says it.
func span(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", d/time.Hour)
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d minutes", d/time.Minute)
	}
	return fmt.Sprintf("%d seconds", d/time.Second)
}

// usage checks what the certificates are for: the key usage of the leaf, and the
// extended key usage of the leaf and those above it, each of which limits what
// is below, as crypto/x509 has it.
func (v *verifier) usage() {
	before := len(v.Failed)
	want := v.wanted()
	for _, c := range v.path {
		if !allows(c, want) {
			v.failed(usageCheck, fault.CertUsage.In(v.where(c)).Saw(fmt.Sprintf("%s allows %s", title(c), usages(c)), "extended key usage "+want.String()))
			break
		}
	}
	rule, need := fault.CertKeyUsage, x509.KeyUsageDigitalSignature
	if v.Transport {
		rule, need = fault.CertKeyEncipherment, x509.KeyUsageKeyEncipherment
	}
	if u := v.leaf.KeyUsage; u != 0 && u&need == 0 {
		v.failed(usageCheck, rule.In(v.where(v.leaf)).Saw("it allows only "+keyUsages(u), keyUsages(need)))
	}
	if len(v.Failed) == before {
		v.passed(usageCheck)
	}
}

// keyUsages names the bits of RFC 5280, Section 4.2.1.3.
func keyUsages(u x509.KeyUsage) string {
	bits := [...]string{"digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment",
		"keyAgreement", "keyCertSign", "cRLSign", "encipherOnly", "decipherOnly"}
	var names []string
	for i, name := range bits {
		if u&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return some(names)
}

func allows(c *x509.Certificate, want x509.ExtKeyUsage) bool {
	if len(c.ExtKeyUsage) == 0 && len(c.UnknownExtKeyUsage) == 0 {
		return true
	}
	for _, u := range c.ExtKeyUsage {
		if u == want || u == x509.ExtKeyUsageAny {
			return true
		}
	}
	return false
}

func usages(c *x509.Certificate) string {
	var names []string
	for _, u := range c.ExtKeyUsage {
		names = append(names, u.String())
	}
	for _, oid := range c.UnknownExtKeyUsage {
		names = append(names, oid.String())
	}
	return "only " + some(names)
}

// name matches the name or address that was asked for (RFC 9525, Section 6).
func (v *verifier) name() {
	if v.Name == "" || v.leaf.VerifyHostname(v.Name) == nil {
		v.passed(nameCheck)
		return
	}
	names := names(v.leaf)
	if len(names) == 0 {
		got := "no names"
		if cn := v.leaf.Subject.CommonName; cn != "" {
			got = "only the common name " + quote(cn)
		}
		v.failed(nameCheck, fault.CertNoSAN.In(v.where(v.leaf)).Saw(got, quote(v.Name)))
		return
	}
	v.failed(nameCheck, fault.CertWrongName.In(v.where(v.leaf)).Saw("it is for "+some(names), quote(v.Name)))
}

func (v *verifier) nameDetail() string {
	if v.Name == "" {
		return "no name was asked for"
	}
	return "it is for " + quote(v.Name)
}

// names are the DNS names and addresses of a certificate, escaped.
func names(c *x509.Certificate) []string {
	var out []string
	for _, n := range c.DNSNames {
		out = append(out, quote(n))
	}
	for _, ip := range c.IPAddresses {
		if a, ok := netip.AddrFromSlice(ip); ok {
			out = append(out, a.Unmap().String())
		}
	}
	return out
}

// some is the first eight of a list, and how many more there are.
func some(list []string) string {
	if n := len(list); n > 8 {
		return fmt.Sprintf("%s and %d more", strings.Join(list[:8], ", "), n-8)
	}
	return strings.Join(list, ", ")
}

// timestamps says what was carried: it is no check that can fail.
func (v *verifier) timestamps() {
	if len(v.SCTs) > 0 {
		v.passed(timestampsCheck)
	}
}

func (v *verifier) timestampsDetail() string {
	return count(len(v.SCTs), "signed certificate timestamp") + " carried; not verified, for that takes a list of logs"
}

func quote(s string) string { return fault.Quote([]byte(s)) }

// Describe is what a person calls a certificate, and the kind of its key, as in
// "localhost" (ECDSA P-256). Escaped.
func Describe(c *x509.Certificate) string {
	return fmt.Sprintf("%s (%s)", title(c), keyKind(c))
}

// title is how a person calls a certificate: its common name, or what else its
// subject has. Escaped.
func title(c *x509.Certificate) string {
	switch n := c.Subject; {
	case n.CommonName != "":
		return quote(n.CommonName)
	case n.String() != "":
		return quote(n.String())
	case len(c.DNSNames) > 0:
		return quote(c.DNSNames[0])
	}
	return "serial number " + c.SerialNumber.Text(16)
}

// issuerTitle is title for the issuer, of whom only the name is known.
func issuerTitle(c *x509.Certificate) string {
	if c.Issuer.CommonName != "" {
		return quote(c.Issuer.CommonName)
	}
	return quote(c.Issuer.String())
}
