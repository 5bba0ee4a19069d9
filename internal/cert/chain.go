package cert

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/handclasp/handclasp/fault"
)

// maxChecks bounds the signatures that a diagnosis checks, as crypto/x509
// bounds those of a verification.
const maxChecks = 100

// chain builds a path to a root. If crypto/x509 finds one, that is all. If not,
// the leaf's own dates and usage are set aside, for they are checks of their
// own, and what remains is the reason.
func (v *verifier) chain() {
	chains, err := v.build(v.leaf, v.Peer[1:], v.Now, v.wanted())
	if err == nil {
		v.Chains, v.path = chains, chains[0]
		v.passed(chainCheck)
		return
	}
	ageless := inTime(v.leaf, v.Now)
	if chains, err = v.build(ageless, v.Peer[1:], v.Now, x509.ExtKeyUsageAny); err == nil {
		v.path = append([]*x509.Certificate{v.leaf}, chains[0][1:]...)
		v.passed(chainCheck)
		return
	}
	if v.stale(ageless) {
		return
	}
	v.failed(chainCheck, v.diagnose(err))
}

func (v *verifier) wanted() x509.ExtKeyUsage {
	if v.ServerAuth {
		return x509.ExtKeyUsageServerAuth
	}
	return x509.ExtKeyUsageClientAuth
}

func (v *verifier) build(leaf *x509.Certificate, others []*x509.Certificate, at time.Time, usage x509.ExtKeyUsage) ([][]*x509.Certificate, error) {
	pool := x509.NewCertPool()
	for _, c := range others {
		pool.AddCert(c)
	}
	return leaf.Verify(x509.VerifyOptions{
		Roots:         v.Roots,
		Intermediates: pool,
		CurrentTime:   at,
		KeyUsages:     []x509.ExtKeyUsage{usage},
	})
}

// inTime is a copy of c that is valid now. Its signature still verifies, since
// that covers c.Raw.
func inTime(c *x509.Certificate, now time.Time) *x509.Certificate {
	ageless := *c
	ageless.NotBefore, ageless.NotAfter = now.Add(-time.Hour), now.Add(time.Hour)
	return &ageless
}

// stale reports whether dates are all that is wrong above the leaf, and then
// which. First every certificate that was sent is taken to be in time; if that
// does not help it may be a root of ours that is not, so the time is moved
// to where the leaf was valid.
func (v *verifier) stale(leaf *x509.Certificate) bool {
	times := []time.Time{v.Now, v.leaf.NotAfter, v.leaf.NotBefore}
	for _, at := range times {
		var others []*x509.Certificate
		for _, c := range v.Peer[1:] {
			others = append(others, inTime(c, at))
		}
		chains, err := v.build(inTime(leaf, at), others, at, x509.ExtKeyUsageAny)
		if err != nil {
			continue
		}
		v.path = v.sent(chains[0])
		for _, c := range v.path[1:] {
			if e := outOfTime(c, v.Now, fault.CertChainExpired); e != nil {
				v.failed(chainCheck, e.In(v.where(c)))
			}
		}
		return true
	}
	return false
}

// sent is a chain with copies made by inTime replaced by what they copy.
func (v *verifier) sent(chain []*x509.Certificate) []*x509.Certificate {
	out := make([]*x509.Certificate, len(chain))
	for i, c := range chain {
		out[i] = c
		for _, p := range v.Peer {
			if p.Equal(c) {
				out[i] = p
			}
		}
	}
	return out
}

// diagnose says why there is no chain. What crypto/x509 says with a type of
// its own is taken from it; the rest it calls an unknown authority, and for that
// we walk upwards ourselves.
func (v *verifier) diagnose(err error) *fault.Error {
	walked := v.walk(err)
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		detail := fault.Printable(invalid.Detail)
		switch invalid.Reason {
		case x509.TooManyIntermediates:
			return fault.CertPathLength.In(v.where(invalid.Cert)).Saw(
				fmt.Sprintf("more than %d below %s", invalid.Cert.MaxPathLen, title(invalid.Cert)), fmt.Sprintf("at most %d", invalid.Cert.MaxPathLen))
		case x509.CANotAuthorizedForThisName, x509.UnconstrainedName, x509.TooManyConstraints:
			return fault.CertNameConstraint.In(v.where(v.leaf)).Saw(detail, "")
		case x509.NoValidChains:
			return fault.CertPolicy.New().Saw(detail, "")
		case x509.Expired: // and in time there would be no trusted root either: see stale
			if e := v.lapsed(walked); e != nil {
				return e
			}
		}
	}
	if _, ok := errors.AsType[x509.UnhandledCriticalExtension](err); ok {
		return v.critical()
	}
	if _, ok := errors.AsType[x509.SystemRootsError](err); ok {
		return fault.CertNoSystemRoots.Because(err)
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok && walked != nil {
		return walked
	}
	return fault.CertRejected.Because(err)
}

// lapsed is what to say of a chain that leads to no root of ours and on which a
// certificate is out of time: an intermediate that was signed by an old root too, and is
// sent in that form, is most often the wrong one of two. otherwise is what is wrong if
// none is.
func (v *verifier) lapsed(otherwise *fault.Error) *fault.Error {
	for _, c := range v.path[1:] {
		if e := outOfTime(c, v.Now, fault.CertChainExpired); e != nil {
			return e.In(v.where(c))
		}
	}
	return otherwise
}

// critical names the first certificate with a critical extension that crypto/x509
// does not handle.
func (v *verifier) critical() *fault.Error {
	for _, c := range v.Peer {
		if oids := c.UnhandledCriticalExtensions; len(oids) > 0 {
			return fault.CertCriticalExtension.In(v.where(c)).Saw(fmt.Sprintf("%s has %v", title(c), oids[0]), "")
		}
	}
	return fault.CertCriticalExtension.Because(x509.UnhandledCriticalExtension{})
}

// walk goes from the leaf upwards through what was sent, and returns what stops
// it. It leaves in v.path how far it came. nil means that it ran out of checks.
// err is what crypto/x509 said, which knows more of a root than we can.
func (v *verifier) walk(err error) *fault.Error {
	v.path = []*x509.Certificate{v.leaf}
	for {
		c := v.path[len(v.path)-1]
		if selfSigned(c) {
			return v.top(c, err)
		}
		if e := weaklySigned(c); e != nil {
			return e.In(v.where(c))
		}
		parent, e := v.parent(c)
		if e != nil {
			return e
		}
		switch {
		case v.checked > maxChecks:
			return nil
		case parent == nil:
			return v.orphan(c, err)
		}
		v.path = append(v.path, parent)
	}
}

// parent is the certificate among those sent that signed c, or the error of the
// best that there is, or neither if none bears the name.
func (v *verifier) parent(c *x509.Certificate) (*x509.Certificate, *fault.Error) {
	var first *fault.Error
	for _, p := range v.Peer {
		if !bytes.Equal(p.RawSubject, c.RawIssuer) || v.inPath(p) {
			continue
		}
		if v.checked++; v.checked > maxChecks {
			return nil, first
		}
		e := issued(p, c)
		if e == nil {
			return p, nil
		}
		if first == nil {
			first = e.In(v.where(p))
		}
	}
	return nil, first
}

func (v *verifier) inPath(c *x509.Certificate) bool {
	for _, p := range v.path {
		if p.Equal(c) {
			return true
		}
	}
	return false
}

// issued says why p is not the authority that issued c, though it has the name.
func issued(p, c *x509.Certificate) *fault.Error {
	switch {
	case p.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) != nil:
		return fault.CertBadSignature.New().Saw(fmt.Sprintf("the key of %s did not sign %s", title(p), title(c)), "")
	case p.Version == 3 && (!p.BasicConstraintsValid || !p.IsCA):
		return fault.CertNotCA.New().Saw(fmt.Sprintf("%s signed %s and is no authority", title(p), title(c)), "CA:TRUE")
	case p.KeyUsage != 0 && p.KeyUsage&x509.KeyUsageCertSign == 0:
		return fault.CertNotCA.New().Saw(fmt.Sprintf("%s signed %s", title(p), title(c)), "key usage keyCertSign")
	}
	return nil
}

func weaklySigned(c *x509.Certificate) *fault.Error {
	switch c.SignatureAlgorithm {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1:
		return fault.CertWeakSignature.New().Saw(fmt.Sprintf("%s is signed with %v", title(c), c.SignatureAlgorithm), "SHA-256 or better")
	}
	return nil
}

func selfSigned(c *x509.Certificate) bool {
	return bytes.Equal(c.RawSubject, c.RawIssuer) && c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}

// top is a chain that ends in a certificate that signs itself, which is not
// among the roots.
func (v *verifier) top(c *x509.Certificate, err error) *fault.Error {
	if c == v.leaf {
		return fault.CertSelfSigned.In(v.where(c)).Saw(title(c), "")
	}
	if v.trusted(c.RawSubject) {
		return fault.CertOtherAuthority.In(v.where(c)).Saw(title(c)+" was sent and is not the one that we trust", "").Because(err)
	}
	return fault.CertUnknownRoot.In(v.where(c)).Saw(title(c), "")
}

// orphan is a chain that ends in a certificate whose issuer was not sent. An
// address for the issuer's certificate tells that this is a link that was
// forgotten, for roots are distributed by other means.
func (v *verifier) orphan(c *x509.Certificate, err error) *fault.Error {
	got := fmt.Sprintf("%s was issued by %s", title(c), issuerTitle(c))
	if v.trusted(c.RawIssuer) {
		return fault.CertOtherAuthority.In(v.where(c)).Saw(got, "").Because(err)
	}
	if len(c.IssuingCertificateURL) > 0 {
		return fault.CertMissingIntermediate.In(v.where(c)).Saw(got+", whose certificate is at "+quote(c.IssuingCertificateURL[0]), "")
	}
	return fault.CertUnknownIssuer.In(v.where(c)).Saw(got, "")
}

// trusted reports whether a root has the name. Subjects leaves out the roots of
// the system on platforms that keep them to themselves; the error is then
// that the authority is unknown, which is true as well.
func (v *verifier) trusted(subject []byte) bool {
	roots := v.Roots
	if roots == nil {
		if roots, _ = x509.SystemCertPool(); roots == nil {
			return false
		}
	}
	//lint:ignore SA1019 an incomplete answer does no harm, see above
	for _, s := range roots.Subjects() {
		if bytes.Equal(s, subject) {
			return true
		}
	}
	return false
}

// route is a chain as a person reads it.
func route(chain []*x509.Certificate) string {
	titles := make([]string, len(chain))
	for i, c := range chain {
		titles[i] = title(c)
	}
	return strings.Join(titles, ", signed by ")
}
