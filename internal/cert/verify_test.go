package cert

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
)

var now = time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)

const (
	host = "www.example.org"
	day  = 24 * time.Hour
)

// A house is a root, an intermediate below it and what a test wants to break.
type house struct {
	t    *testing.T
	root *pki.Authority
	sub  *pki.Authority
}

func newHouse(t *testing.T) *house {
	h := &house{t: t}
	h.root = must(t)(pki.NewAuthority("Root", pki.Options{Now: now}))
	h.sub = h.below("Sub", pki.Options{})
	return h
}

func must(t *testing.T) func(*pki.Authority, error) *pki.Authority {
	return func(a *pki.Authority, err error) *pki.Authority {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
}

func (h *house) below(name string, o pki.Options) *pki.Authority {
	h.t.Helper()
	return must(h.t)(h.root.Intermediate(name, o))
}

// leaf issues for host, unless the leaf has names or a common name.
func (h *house) leaf(a *pki.Authority, l pki.Leaf) *pki.Issued {
	h.t.Helper()
	if l.Names == nil && l.CommonName == "" {
		l.Names = []string{host}
	}
	i, err := a.Issue(l)
	if err != nil {
		h.t.Fatal(err)
	}
	return i
}

// A sent is a Request whose chain is still to be parsed.
type sent struct {
	Request
	Chain [][]byte
}

// verify is what a handshake does; there is no Verdict on what cannot be parsed.
func (s sent) verify() (*flow.Verdict, error) {
	var err error
	if s.Request.Chain, err = Parse(s.Chain, config.DefaultLimits()); err != nil {
		return nil, err
	}
	return Verify(s.Request)
}

func (h *house) request(chain [][]byte) sent {
	return sent{Request{Name: host, Roots: h.root.Pool(), Now: now, ServerAuth: true}, chain}
}

func (h *house) answer(i *pki.Issued, a pki.Answer) []byte {
	h.t.Helper()
	der, err := h.sub.OCSP(i, a)
	if err != nil {
		h.t.Fatal(err)
	}
	return der
}

// flip changes a bit of the signature, which ends a certificate.
func flip(der []byte) []byte {
	der = bytes.Clone(der)
	der[len(der)-1] ^= 1
	return der
}

func ext(critical bool, value []byte, oid ...int) pkix.Extension {
	return pkix.Extension{Id: oid, Critical: critical, Value: value}
}

func rsaKey(bits int) *rsa.PublicKey {
	n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
	return &rsa.PublicKey{N: n.Add(n, big.NewInt(1)), E: 65537}
}

func shortNames(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("%x", i)
	}
	return list
}

// TestRules breaks a chain in one way at a time.
func TestRules(t *testing.T) {
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		rule  *fault.Rule
		alert iana.Alert
		got   string // part of the message
		make  func(h *house) sent
	}{
		{fault.CertEmpty, iana.DecodeError, "", func(h *house) sent { return h.request(nil) }},
		{fault.CertTooMany, iana.UnsupportedCertificate, "33 certificates", func(h *house) sent {
			return h.request(make([][]byte, config.DefaultLimits().Certificates+1))
		}},
		{fault.CertTooLarge, iana.UnsupportedCertificate, "262145 bytes", func(h *house) sent {
			return h.request([][]byte{make([]byte, config.DefaultLimits().CertificateBytes+1)})
		}},
		{fault.CertTooManyParts, iana.UnsupportedCertificate, "certificate_list[0]", func(h *house) sent {
			return h.request(h.leaf(h.sub, pki.Leaf{Names: shortNames(config.DefaultLimits().CertificateParts)}).Chain)
		}},
		{fault.CertUnparsable, iana.BadCertificate, "certificate_list[0]", func(h *house) sent {
			return h.request([][]byte{[]byte("-----BEGIN")})
		}},
		{fault.CertUnparsable, iana.BadCertificate, "certificate_list[1]", func(h *house) sent {
			return h.request([][]byte{h.leaf(h.root, pki.Leaf{}).Chain[0], {0x30}})
		}},
		{fault.CertUnsupportedKey, iana.UnsupportedCertificate, "P-224", func(h *house) sent {
			return h.request(h.leaf(h.sub, pki.Leaf{Public: p224.Public()}).Chain)
		}},
		{fault.CertKeyTooLarge, iana.UnsupportedCertificate, "8200 bits", func(h *house) sent {
			return h.request(h.leaf(h.sub, pki.Leaf{Public: rsaKey(8200)}).Chain)
		}},
		{fault.CertWeakKey, iana.UnsupportedCertificate, "512 bits", func(h *house) sent {
			return h.request(h.leaf(h.sub, pki.Leaf{Public: rsaKey(512)}).Chain)
		}},
		{fault.CertExpired, iana.CertificateExpired, "12 days ago", func(h *house) sent {
			return h.request(h.leaf(h.sub, pki.Leaf{NotBefore: now.Add(-40 * day), NotAfter: now.Add(-12 * day)}).Chain)
		}},
		{fault.CertNotYetValid, iana.CertificateExpired, "in 3 hours", func(h *house) sent {
			return h.request(h.leaf(h.sub, pki.Leaf{NotBefore: now.Add(3 * time.Hour)}).Chain)
		}},
		{fault.CertChainExpired, iana.CertificateExpired, `"Old Sub" ended`, func(h *house) sent {
			old := h.below("Old Sub", pki.Options{NotBefore: now.Add(-40 * day), NotAfter: now.Add(-5 * time.Minute)})
			return h.request(h.leaf(old, pki.Leaf{}).Chain)
		}},
		{fault.CertChainExpired, iana.CertificateExpired, `"Old Root" ended`, func(h *house) sent {
			h.root = must(h.t)(pki.NewAuthority("Old Root", pki.Options{Now: now, NotBefore: now.Add(-40 * day), NotAfter: now.Add(-day)}))
			sub := h.below("Sub", pki.Options{})
			return h.request(h.leaf(sub, pki.Leaf{NotBefore: now.Add(-30 * day)}).Chain)
		}},
		{fault.CertNotYetValid, iana.CertificateExpired, `"New Sub" begins`, func(h *house) sent {
			sub := h.below("New Sub", pki.Options{NotBefore: now.Add(day)})
			return h.request(h.leaf(sub, pki.Leaf{}).Chain)
		}},
		{fault.CertKeyUsage, iana.UnsupportedCertificate, "only keyEncipherment", func(h *house) sent {
			return h.request(h.leaf(h.sub, pki.Leaf{KeyUsage: x509.KeyUsageKeyEncipherment}).Chain)
		}},
		{fault.CertKeyEncipherment, iana.UnsupportedCertificate, "only digitalSignature", func(h *house) sent {
			r := h.request(h.leaf(h.sub, pki.Leaf{KeyUsage: x509.KeyUsageDigitalSignature}).Chain)
			r.Transport = true
			return r
		}},
		{fault.CertCriticalExtension, iana.UnsupportedCertificate, "1.2.3.4", func(h *house) sent {
			return h.request(h.leaf(h.sub, pki.Leaf{Extra: []pkix.Extension{ext(true, []byte{5, 0}, 1, 2, 3, 4)}}).Chain)
		}},
		{fault.CertCriticalExtension, iana.UnsupportedCertificate, `"Odd Sub" has 1.2.3.4`, func(h *house) sent {
			odd := h.below("Odd Sub", pki.Options{Extra: []pkix.Extension{ext(true, []byte{5, 0}, 1, 2, 3, 4)}})
			return h.request(h.leaf(odd, pki.Leaf{}).Chain)
		}},
		{fault.CertSelfSigned, iana.UnknownCA, host, func(h *house) sent {
			i, err := pki.SelfSigned(pki.Leaf{Names: []string{host}}, now)
			if err != nil {
				h.t.Fatal(err)
			}
			return h.request(i.Chain)
		}},
		{fault.CertUnknownRoot, iana.UnknownCA, `"Private Root"`, func(h *house) sent {
			other := must(h.t)(pki.NewAuthority("Private Root", pki.Options{Now: now}))
			return h.request(append(h.leaf(other, pki.Leaf{}).Chain, other.Cert.Raw))
		}},
		{fault.CertChainExpired, iana.CertificateExpired, `"Old Root" ended`, func(h *house) sent {
			old := must(h.t)(pki.NewAuthority("Old Root", pki.Options{Now: now, NotBefore: now.Add(-48 * time.Hour), NotAfter: now.Add(-24 * time.Hour)}))
			return h.request(append(h.leaf(old, pki.Leaf{NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}).Chain, old.Cert.Raw))
		}},
		{fault.CertUnknownIssuer, iana.UnknownCA, `issued by "Sub"`, func(h *house) sent {
			return h.request(h.leaf(h.sub, pki.Leaf{}).Chain[:1])
		}},
		{fault.CertUnknownIssuer, iana.UnknownCA, `"Far Sub" was issued by "Far Root"`, func(h *house) sent {
			far := must(h.t)(pki.NewAuthority("Far Root", pki.Options{Now: now}))
			sub := must(h.t)(far.Intermediate("Far Sub", pki.Options{}))
			return h.request(h.leaf(sub, pki.Leaf{}).Chain)
		}},
		{fault.CertMissingIntermediate, iana.UnknownCA, "http://ca.example/sub.der", func(h *house) sent {
			return h.request(h.leaf(h.sub, pki.Leaf{IssuerURL: "http://ca.example/sub.der"}).Chain[:1])
		}},
		{fault.CertOtherAuthority, iana.UnknownCA, `issued by "Root"`, func(h *house) sent {
			again := must(h.t)(pki.NewAuthority("Root", pki.Options{Now: now}))
			return h.request(h.leaf(again, pki.Leaf{}).Chain)
		}},
		{fault.CertOtherAuthority, iana.UnknownCA, "was sent and is not", func(h *house) sent {
			again := must(h.t)(pki.NewAuthority("Root", pki.Options{Now: now}))
			return h.request(append(h.leaf(again, pki.Leaf{}).Chain, again.Cert.Raw))
		}},
		{fault.CertOtherAuthority, iana.UnknownCA, `"www.example.org" was issued by "Server"`, func(h *house) sent {
			h.root = must(h.t)(pki.NewAuthority("Server", pki.Options{Now: now, NotCA: true}))
			return h.request(h.leaf(h.root, pki.Leaf{}).Chain)
		}},
		{fault.CertNotCA, iana.BadCertificate, "no authority", func(h *house) sent {
			return h.request(h.leaf(h.below("Impostor", pki.Options{NotCA: true}), pki.Leaf{}).Chain)
		}},
		{fault.CertPathLength, iana.BadCertificate, `more than 0 below "Sub"`, func(h *house) sent {
			sub := h.below("Sub", pki.Options{PathLen: new(0)})
			subsub := must(h.t)(sub.Intermediate("Sub Sub", pki.Options{}))
			return h.request(h.leaf(subsub, pki.Leaf{}).Chain)
		}},
		{fault.CertNameConstraint, iana.BadCertificate, host, func(h *house) sent {
			return h.request(h.leaf(h.below("Sub", pki.Options{Permitted: []string{"example.net"}}), pki.Leaf{}).Chain)
		}},
		{fault.CertNameConstraint, iana.BadCertificate, "excluded", func(h *house) sent {
			return h.request(h.leaf(h.below("Sub", pki.Options{Excluded: []string{"example.org"}}), pki.Leaf{}).Chain)
		}},
		{fault.CertPolicy, iana.BadCertificate, "policies", func(h *house) sent {
			demand := ext(true, []byte{0x30, 0x03, 0x80, 0x01, 0x00}, 2, 5, 29, 36) // requireExplicitPolicy 0
			return h.request(h.leaf(h.below("Sub", pki.Options{Extra: []pkix.Extension{demand}}), pki.Leaf{}).Chain)
		}},
		{fault.CertUsage, iana.UnsupportedCertificate, "expected extended key usage serverAuth", func(h *house) sent {
			return h.request(h.leaf(h.sub, pki.Leaf{Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}).Chain)
		}},
		{fault.CertUsage, iana.UnsupportedCertificate, "expected extended key usage clientAuth", func(h *house) sent {
			r := h.request(h.leaf(h.sub, pki.Leaf{Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}).Chain)
			r.ServerAuth = false
			return r
		}},
		{fault.CertUsage, iana.UnsupportedCertificate, `"Mail Sub"`, func(h *house) sent {
			sub := h.below("Mail Sub", pki.Options{Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}})
			return h.request(h.leaf(sub, pki.Leaf{}).Chain)
		}},
		{fault.CertWeakSignature, iana.BadCertificate, "SHA1", func(h *house) sent {
			return h.request(h.leaf(h.sub, pki.Leaf{Signature: x509.ECDSAWithSHA1}).Chain)
		}},
		{fault.CertBadSignature, iana.BadCertificate, `"Sub" did not sign`, func(h *house) sent {
			chain := h.leaf(h.sub, pki.Leaf{}).Chain
			return h.request([][]byte{flip(chain[0]), chain[1]})
		}},
		{fault.CertRejected, iana.CertificateUnknown, "signature check attempts limit", func(h *house) sent {
			return h.request(maze(h))
		}},
		{fault.CertWrongName, iana.BadCertificate, "10.0.0.1", func(h *house) sent {
			return h.request(h.leaf(h.sub, pki.Leaf{Names: []string{"example.org", "*.example.net", "10.0.0.1"}}).Chain)
		}},
		{fault.CertWrongName, iana.BadCertificate, "and 2 more", func(h *house) sent {
			return h.request(h.leaf(h.sub, pki.Leaf{Names: strings.Fields("a b c d e f g h i j")}).Chain)
		}},
		{fault.CertNoSAN, iana.BadCertificate, `common name "www.example.org"`, func(h *house) sent {
			return h.request(h.leaf(h.sub, pki.Leaf{CommonName: host}).Chain)
		}},

		{fault.OCSPMalformed, iana.BadCertificateStatusResponse, "OCSPResponse", stapled(func(*house, *pki.Issued) []byte { return []byte("gone") })},
		{fault.OCSPMalformed, iana.BadCertificateStatusResponse, "1 bytes follow", stapled(func(h *house, i *pki.Issued) []byte {
			return append(h.answer(i, pki.Answer{}), 0)
		})},
		{fault.OCSPNoAnswer, iana.BadCertificateStatusResponse, "tryLater", stapled(func(*house, *pki.Issued) []byte {
			return []byte{0x30, 0x03, 0x0a, 0x01, 0x03}
		})},
		{fault.OCSPNotYet, iana.BadCertificateStatusResponse, "in 6 minutes", stapled(func(h *house, i *pki.Issued) []byte {
			return h.answer(i, pki.Answer{ThisUpdate: now.Add(6*time.Minute + time.Second)})
		})},
		{fault.OCSPExpired, iana.BadCertificateStatusResponse, "6 minutes ago", stapled(func(h *house, i *pki.Issued) []byte {
			return h.answer(i, pki.Answer{NextUpdate: now.Add(-6 * time.Minute)})
		})},
		{fault.OCSPWrongSigner, iana.BadCertificateStatusResponse, "no certificate at hand", stapled(func(h *house, i *pki.Issued) []byte {
			der, err := h.root.OCSP(i, pki.Answer{Issuer: h.sub})
			if err != nil {
				h.t.Fatal(err)
			}
			return der
		})},
		{fault.OCSPWrongSigner, iana.BadCertificateStatusResponse, "did not appoint", stapled(func(h *house, i *pki.Issued) []byte {
			return h.answer(i, pki.Answer{Responder: h.responder(h.root, pki.Leaf{})})
		})},
		{fault.OCSPWrongSigner, iana.BadCertificateStatusResponse, "not for OCSP signing", stapled(func(h *house, i *pki.Issued) []byte {
			return h.answer(i, pki.Answer{Responder: i})
		})},
		{fault.OCSPWrongSigner, iana.BadCertificateStatusResponse, "ended on", stapled(func(h *house, i *pki.Issued) []byte {
			return h.answer(i, pki.Answer{Responder: h.responder(h.sub, pki.Leaf{NotAfter: now.Add(-day), NotBefore: now.Add(-2 * day)})})
		})},
		{fault.OCSPWrongCert, iana.BadCertificateStatusResponse, "serial number 2a", stapled(func(h *house, i *pki.Issued) []byte {
			return h.answer(i, pki.Answer{Serial: big.NewInt(42)})
		})},
		{fault.OCSPWrongCert, iana.BadCertificateStatusResponse, "of another issuer", stapled(func(h *house, i *pki.Issued) []byte {
			return h.answer(i, pki.Answer{Issuer: h.root})
		})},
		{fault.OCSPRevoked, iana.CertificateRevoked, "keyCompromise", stapled(func(h *house, i *pki.Issued) []byte {
			return h.answer(i, pki.Answer{Status: pki.Revoked, RevokedAt: now.Add(-day), Reason: 1})
		})},
		{fault.OCSPUnknown, iana.BadCertificateStatusResponse, `"Sub"`, stapled(func(h *house, i *pki.Issued) []byte {
			return h.answer(i, pki.Answer{Status: pki.Unknown})
		})},
		{fault.OCSPMustStaple, iana.BadCertificateStatusResponse, "", func(h *house) sent {
			return h.request(h.leaf(h.sub, pki.Leaf{MustStaple: true}).Chain)
		}},
	}
	for _, test := range tests {
		t.Run(test.rule.ID, func(t *testing.T) {
			r := test.make(newHouse(t))
			v, err := r.verify()
			t.Logf("%v\n\thint: %s", err, test.rule.Hint)
			if !errors.Is(err, test.rule) {
				t.Fatalf("want %s", test.rule.ID)
			}
			e, _ := errors.AsType[*fault.Error](err)
			if e.AlertCode() != test.alert {
				t.Errorf("alert %v, want %v", e.AlertCode(), test.alert)
			}
			if !strings.Contains(err.Error(), test.got) {
				t.Errorf("message lacks %q", test.got)
			}
			if v == nil {
				return
			}
			if len(v.Failed) != 1 || v.Verified() {
				t.Errorf("one thing was broken, %d reported: %v", len(v.Failed), v.Failed)
			}
			r.Insecure = true
			if v, err := r.verify(); err != nil || len(v.Failed) != 1 || v.Failed[0].Rule != test.rule {
				t.Errorf("insecure: %v, %v", err, v)
			}
		})
	}
}

// stapled is a sound chain with a staple that must-staple demands.
func stapled(answer func(*house, *pki.Issued) []byte) func(*house) sent {
	return func(h *house) sent {
		i := h.leaf(h.sub, pki.Leaf{MustStaple: true})
		r := h.request(i.Chain)
		r.OCSPStaple = answer(h, i)
		return r
	}
}

func (h *house) responder(a *pki.Authority, l pki.Leaf) *pki.Issued {
	l.CommonName, l.Usage = "Responder", []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
	return h.leaf(a, l)
}

// maze is a chain of authorities of one name, in the worst order: at each step
// every one of them has to be tried.
func maze(h *house) [][]byte {
	a := must(h.t)(pki.NewAuthority("Maze", pki.Options{Now: now}))
	for range config.DefaultLimits().Certificates - 1 {
		a = must(h.t)(a.Intermediate("Maze", pki.Options{}))
	}
	chain := h.leaf(a, pki.Leaf{}).Chain
	slices.Reverse(chain[1:])
	return chain
}

func TestGood(t *testing.T) {
	h := newHouse(t)
	responder := h.responder(h.sub, pki.Leaf{})
	plain := h.leaf(h.sub, pki.Leaf{})
	must := h.leaf(h.sub, pki.Leaf{MustStaple: true})
	self, err := pki.SelfSigned(pki.Leaf{Names: []string{host}}, now)
	if err != nil {
		t.Fatal(err)
	}
	trustSelf := x509.NewCertPool()
	trustSelf.AddCert(self.Leaf)
	old := h.below("Old Sub", pki.Options{NotBefore: now.Add(-40 * day), NotAfter: now.Add(-day)})

	tests := map[string]func(*sent){
		"plain":              func(r *sent) {},
		"without a name":     func(r *sent) { r.Name = "" },
		"as a client":        func(r *sent) { r.ServerAuth = false },
		"trailing dot":       func(r *sent) { r.Name = host + "." },
		"wildcard":           func(r *sent) { r.Chain = h.leaf(h.sub, pki.Leaf{Names: []string{"*.example.org"}}).Chain },
		"address":            func(r *sent) { r.Chain, r.Name = h.leaf(h.sub, pki.Leaf{Names: []string{"::1"}}).Chain, "::1" },
		"RSA":                func(r *sent) { r.Chain = h.leaf(h.sub, pki.Leaf{Key: pki.RSA2048}).Chain },
		"P-384":              func(r *sent) { r.Chain = h.leaf(h.sub, pki.Leaf{Key: pki.P384}).Chain },
		"P-521":              func(r *sent) { r.Chain = h.leaf(h.sub, pki.Leaf{Key: pki.P521}).Chain },
		"Ed25519":            func(r *sent) { r.Chain = h.leaf(h.sub, pki.Leaf{Key: pki.Ed25519}).Chain },
		"directly by root":   func(r *sent) { r.Chain = h.leaf(h.root, pki.Leaf{}).Chain },
		"root sent too":      func(r *sent) { r.Chain = append(slices.Clone(plain.Chain), h.root.Cert.Raw) },
		"extraneous":         func(r *sent) { r.Chain = [][]byte{plain.Chain[0], old.Cert.Raw, plain.Chain[1]} },
		"trusted leaf":       func(r *sent) { r.Chain, r.Roots = self.Chain, trustSelf },
		"staple":             func(r *sent) { r.Chain, r.OCSPStaple = must.Chain, h.answer(must, pki.Answer{}) },
		"delegated staple":   func(r *sent) { r.OCSPStaple = h.answer(plain, pki.Answer{Responder: responder}) },
		"staple, late":       func(r *sent) { r.OCSPStaple = h.answer(plain, pki.Answer{NextUpdate: now.Add(-4 * time.Minute)}) },
		"staple, early":      func(r *sent) { r.OCSPStaple = h.answer(plain, pki.Answer{ThisUpdate: now.Add(4 * time.Minute)}) },
		"timestamps":         func(r *sent) { r.SCTs = [][]byte{{1}} },
		"client must-staple": func(r *sent) { r.Chain, r.ServerAuth = must.Chain, false },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			r := h.request(plain.Chain)
			change(&r)
			v, err := r.verify()
			if err != nil {
				t.Fatal(err)
			}
			if !v.Verified() || len(v.Chains) == 0 || len(v.Peer) != len(r.Chain) || v.Checks()[0].Name != "form" {
				t.Errorf("verdict %+v", v)
			}
			if (v.OCSP != nil) != (r.OCSPStaple != nil) {
				t.Errorf("OCSP %+v", v.OCSP)
			}
			for _, c := range v.Checks() {
				t.Logf("%-10s %s", c.Name, c.Detail)
			}
		})
	}
}

// TestStapleFields compares what we read with what was written.
func TestStapleFields(t *testing.T) {
	h := newHouse(t)
	r := stapled(func(h *house, i *pki.Issued) []byte {
		return h.answer(i, pki.Answer{Status: pki.Revoked, RevokedAt: now.Add(-day), Reason: 4, Responder: h.responder(h.sub, pki.Leaf{})})
	})(h)
	r.Insecure = true
	v, err := r.verify()
	if err != nil {
		t.Fatal(err)
	}
	s := *v.OCSP
	if s.ProducedAt.IsZero() {
		t.Error("no producedAt")
	}
	s.ProducedAt = time.Time{} // golang.org/x/crypto/ocsp takes the real time
	want := flow.Staple{
		Status: flow.OCSPRevoked, RevokedAt: now.Add(-day), Reason: 4,
		ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(7 * day), Responder: `"Responder"`,
	}
	if s != want {
		t.Errorf("got  %+v\nwant %+v", s, want)
	}
}

// TestInsecureReportsAll breaks several things at once.
func TestInsecureReportsAll(t *testing.T) {
	h := newHouse(t)
	i, err := pki.SelfSigned(pki.Leaf{
		Names: []string{"other.example"}, NotBefore: now.Add(-9 * day), NotAfter: now.Add(-2 * day),
		Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, KeyUsage: x509.KeyUsageKeyAgreement, MustStaple: true,
	}, now)
	if err != nil {
		t.Fatal(err)
	}
	r := h.request(i.Chain)
	want := []*fault.Rule{
		fault.CertExpired, fault.CertSelfSigned, fault.CertUsage, fault.CertKeyUsage,
		fault.CertWrongName, fault.OCSPMustStaple,
	}
	_, err = r.verify()
	if !errors.Is(err, want[0]) {
		t.Errorf("first: %v", err)
	}
	r.Insecure = true
	v, err := r.verify()
	if err != nil {
		t.Fatal(err)
	}
	var got []*fault.Rule
	for _, e := range v.Failed {
		got = append(got, e.Rule)
		t.Log(e)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v", v.Failed)
	}
	r.Chain = append(r.Chain, []byte("junk"))
	if _, err := r.verify(); !errors.Is(err, fault.CertUnparsable) {
		t.Errorf("form is not for Insecure to waive: %v", err)
	}
}

// TestParseCopies: the buffer that a chain is parsed from may be used again.
func TestParseCopies(t *testing.T) {
	h := newHouse(t)
	raw := h.leaf(h.sub, pki.Leaf{}).Chain
	der := bytes.Clone(raw[0])
	chain, err := Parse([][]byte{der, raw[1]}, config.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	clear(der)
	if !bytes.Equal(chain[0].Raw, raw[0]) {
		t.Error("the certificate changed with the buffer")
	}
}

func TestDescribe(t *testing.T) {
	h := newHouse(t)
	dsa := *h.root.Cert
	dsa.PublicKey, dsa.PublicKeyAlgorithm = nil, x509.DSA
	strange := dsa
	strange.PublicKeyAlgorithm = x509.UnknownPublicKeyAlgorithm
	for _, test := range []struct {
		cert *x509.Certificate
		want string
	}{
		{h.leaf(h.sub, pki.Leaf{Names: []string{"localhost"}, CommonName: "localhost"}).Leaf, `"localhost" (ECDSA P-256)`},
		{h.leaf(h.sub, pki.Leaf{Names: []string{"localhost"}, Key: pki.RSA2048}).Leaf, `"localhost" (RSA 2048 bits)`},
		{h.leaf(h.sub, pki.Leaf{CommonName: "a\x1b[2J", Key: pki.Ed25519}).Leaf, `"a\x1b[2J" (Ed25519)`},
		{&dsa, `"Root" (DSA)`},
		{&strange, `"Root" (unknown kind of key)`},
	} {
		if got := Describe(test.cert); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}

// TestInsecurePairs: an expired leaf hides neither an unknown root nor a stale
// intermediate, and a staple is checked without a trusted chain.
func TestInsecurePairs(t *testing.T) {
	h := newHouse(t)
	past := pki.Leaf{NotBefore: now.Add(-9 * day), NotAfter: now.Add(-2 * day)}
	other := must(t)(pki.NewAuthority("Private Root", pki.Options{Now: now}))
	old := h.below("Old Sub", pki.Options{NotBefore: now.Add(-40 * day), NotAfter: now.Add(-day)})
	mail := past
	mail.Usage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}
	foreign := h.leaf(other, pki.Leaf{})
	revoked, err := other.OCSP(foreign, pki.Answer{Status: pki.Revoked})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		chain  [][]byte
		staple []byte
		want   []*fault.Rule
	}{
		{append(h.leaf(other, past).Chain, other.Cert.Raw), nil, []*fault.Rule{fault.CertExpired, fault.CertUnknownRoot}},
		{h.leaf(old, past).Chain, nil, []*fault.Rule{fault.CertExpired, fault.CertChainExpired}},
		{h.leaf(h.sub, mail).Chain, nil, []*fault.Rule{fault.CertExpired, fault.CertUsage}},
		{append(foreign.Chain, other.Cert.Raw), revoked, []*fault.Rule{fault.CertUnknownRoot, fault.OCSPRevoked}},
		{foreign.Chain, revoked, []*fault.Rule{fault.CertUnknownIssuer}}, // no issuer to check the staple with
	}
	for i, test := range tests {
		r := h.request(test.chain)
		r.Insecure, r.OCSPStaple = true, test.staple
		v, err := r.verify()
		if err != nil {
			t.Fatal(err)
		}
		var got []*fault.Rule
		for _, e := range v.Failed {
			got = append(got, e.Rule)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%d: %v", i, v.Failed)
		}
		if len(v.Chains) > 0 {
			t.Errorf("%d: a chain in spite of failures", i)
		}
	}
}

// TestNoSystemRoots must be the only test that uses the system's roots, for
// crypto/x509 loads them once. A directory in place of the file cannot be read.
func TestNoSystemRoots(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("elsewhere the roots are not in a file, or the platform verifies")
	}
	t.Setenv("SSL_CERT_FILE", t.TempDir())
	t.Setenv("SSL_CERT_DIR", "/nonexistent")
	h := newHouse(t)
	r := h.request(h.leaf(h.sub, pki.Leaf{}).Chain)
	r.Roots = nil
	_, err := r.verify()
	t.Log(err)
	if !errors.Is(err, fault.CertNoSystemRoots) {
		t.Error("want", fault.CertNoSystemRoots.ID)
	}
}

// TestEscaping: a name with control characters must not reach a terminal.
func TestEscaping(t *testing.T) {
	h := newHouse(t)
	evil := must(t)(pki.NewAuthority("Evil\x1b[2J\nRoot", pki.Options{Now: now}))
	r := h.request(h.leaf(evil, pki.Leaf{CommonName: "leaf\x1b]0;x\a"}).Chain)
	r.Insecure = true
	v, err := r.verify()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range v.Checks() {
		text := c.Detail
		if c.Err != nil {
			text += c.Err.Error()
		}
		if strings.ContainsAny(text, "\x1b\a\n") {
			t.Errorf("%q", text)
		}
	}
}

// TestOCSPForms builds answers by hand, for what the library that writes them
// in the other tests never writes.
func TestOCSPForms(t *testing.T) {
	h := newHouse(t)
	sub := must(t)(h.root.Intermediate("Ed Sub", pki.Options{Key: pki.P384}))
	i := h.leaf(sub, pki.Leaf{})
	ed := h.leaf(sub, pki.Leaf{CommonName: "Ed", Key: pki.Ed25519, Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}})
	id := certID{
		Hash:     pkix.AlgorithmIdentifier{Algorithm: hashes[1].oid},
		Name:     sum(crypto.SHA256, sub.Cert.RawSubject),
		SerialNo: i.Leaf.SerialNumber,
	}
	var key struct {
		Algorithm pkix.AlgorithmIdentifier
		Bits      asn1.BitString
	}
	if _, err := asn1.Unmarshal(sub.Cert.RawSubjectPublicKeyInfo, &key); err != nil {
		t.Fatal(err)
	}
	id.Key = sum(crypto.SHA256, key.Bits.Bytes)
	good := singleResponse{ID: id, Status: asn1.RawValue{FullBytes: []byte{0x80, 0}}, ThisUpdate: now}
	with := func(change func(*singleResponse)) singleResponse { s := good; change(&s); return s }
	other := with(func(s *singleResponse) { s.ID.SerialNo = big.NewInt(7) })

	tests := map[string]struct {
		singles []singleResponse
		certs   int
		rule    *fault.Rule
	}{
		"SHA-256, Ed25519, no nextUpdate": {[]singleResponse{good}, 1, nil},
		"second of two":                   {[]singleResponse{other, good}, 1, nil},
		"none":                            {nil, 1, fault.OCSPWrongCert},
		"responder not enclosed":          {[]singleResponse{good}, 0, fault.OCSPWrongSigner},
		"too many enclosed":               {[]singleResponse{good}, maxResponders + 1, fault.OCSPMalformed},
		"unknown hash":                    {[]singleResponse{with(func(s *singleResponse) { s.ID.Hash.Algorithm = oidBasic })}, 1, fault.OCSPWrongCert},
		"unknown choice":                  {[]singleResponse{with(func(s *singleResponse) { s.Status.FullBytes = []byte{0x83, 0} })}, 1, fault.OCSPMalformed},
		"revoked without a date":          {[]singleResponse{with(func(s *singleResponse) { s.Status.FullBytes = []byte{0xa1, 0} })}, 1, fault.OCSPMalformed},
		"critical extension": {[]singleResponse{with(func(s *singleResponse) {
			s.Extensions = []pkix.Extension{ext(true, []byte{5, 0}, 1, 2, 3)}
		})}, 1, fault.OCSPMalformed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			certs := slices.Repeat([]asn1.RawValue{{FullBytes: ed.Leaf.Raw}}, test.certs)
			r := h.request(i.Chain)
			r.OCSPStaple = answer(t, test.singles, ed.Key, certs)
			_, err := r.verify()
			if test.rule == nil && err != nil || test.rule != nil && !errors.Is(err, test.rule) {
				t.Error(err)
			}
		})
	}
}

func answer(t *testing.T, singles []singleResponse, key crypto.Signer, certs []asn1.RawValue) []byte {
	t.Helper()
	marshal := func(v any) []byte {
		der, err := asn1.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	tbs := marshal(responseData{
		ResponderID: asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 2, IsCompound: true, Bytes: marshal(make([]byte, 20))},
		ProducedAt:  now,
		Responses:   singles,
	})
	sig, err := key.Sign(rand.Reader, tbs, crypto.Hash(0))
	if err != nil {
		t.Fatal(err)
	}
	var out ocspResponse
	out.Bytes.Type = oidBasic
	out.Bytes.Response = marshal(basicResponse{
		TBS:       asn1.RawValue{FullBytes: tbs},
		Algorithm: pkix.AlgorithmIdentifier{Algorithm: algorithms[6].oid},
		Signature: asn1.BitString{Bytes: sig, BitLength: 8 * len(sig)},
		Certs:     certs,
	})
	return marshal(out)
}

// FuzzStaple: no answer may panic, nor pass without a signature.
func FuzzStaple(f *testing.F) {
	root, err := pki.NewAuthority("Root", pki.Options{Now: now})
	if err != nil {
		f.Fatal(err)
	}
	i, err := root.Issue(pki.Leaf{Names: []string{host}})
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []pki.Status{pki.Good, pki.Revoked, pki.Unknown} {
		der, err := root.OCSP(i, pki.Answer{Status: s})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(der)
	}
	chain, err := Parse(i.Chain, config.DefaultLimits())
	if err != nil {
		f.Fatal(err)
	}
	r := Request{Chain: chain, Roots: root.Pool(), Now: now, ServerAuth: true}
	f.Fuzz(func(t *testing.T, der []byte) {
		r := r
		r.OCSPStaple = der
		v, err := Verify(r)
		if v == nil {
			t.Fatal(err)
		}
		_ = fmt.Sprint(err)
	})
}

// FuzzChain: what a peer presents is a list of certificates, each behind a length of
// two bytes. A chain that passes is one that we issued, for a name that is its own.
func FuzzChain(f *testing.F) {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)) // the same each time, so that an input is, too
	serial := int64(0)
	issue := func(t *x509.Certificate, parent *x509.Certificate) *x509.Certificate {
		serial++
		t.SerialNumber, t.NotBefore, t.NotAfter = big.NewInt(serial), now.Add(-day), now.Add(day)
		if parent == nil {
			parent = t
		}
		der, err := x509.CreateCertificate(rand.Reader, t, parent, key.Public(), key)
		if err != nil {
			f.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			f.Fatal(err)
		}
		return c
	}
	authority := func(name string) *x509.Certificate {
		return &x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	}
	root := issue(authority("Root"), nil)
	sub := issue(authority("Sub"), root)
	leaf := issue(&x509.Certificate{DNSNames: []string{host}}, sub)
	other := issue(&x509.Certificate{DNSNames: []string{"other.example"}, IPAddresses: []net.IP{{127, 0, 0, 1}}}, root)
	own := issue(&x509.Certificate{DNSNames: []string{host}}, nil)
	list := func(chain ...*x509.Certificate) (b []byte) {
		for _, c := range chain {
			b = append(binary.BigEndian.AppendUint16(b, uint16(len(c.Raw))), c.Raw...)
		}
		return b
	}
	for _, chain := range [][]byte{nil, list(leaf, sub), list(leaf, sub, root), list(other), list(own), list(leaf), list(sub), list(leaf, leaf, sub), {0, 1, 2}} {
		f.Add(chain)
	}
	pool := x509.NewCertPool()
	pool.AddCert(root)
	f.Fuzz(func(t *testing.T, b []byte) {
		var raw [][]byte
		for len(b) >= 2 {
			n := min(int(binary.BigEndian.Uint16(b)), len(b)-2)
			raw = append(raw, b[2:2+n])
			b = b[2+n:]
		}
		chain, err := Parse(raw, config.DefaultLimits())
		if err == nil {
			r := Request{Chain: chain, Name: host, Roots: pool, Now: now, ServerAuth: true}
			var v *flow.Verdict
			v, err = Verify(r)
			if v == nil {
				t.Fatal("no verdict")
			}
			if err == nil && !bytes.Equal(raw[0], leaf.Raw) {
				t.Fatalf("%x passes", raw[0])
			}
			r.Insecure = true
			if _, err := Verify(r); err != nil {
				t.Fatal(err)
			}
		}
		if _, ok := errors.AsType[*fault.Error](err); err != nil && !ok {
			t.Fatalf("%T: %v", err, err)
		}
		for _, c := range fmt.Sprint(err) {
			if c < ' ' || c == 0x7f {
				t.Fatalf("%q is in %q", c, err)
			}
		}
	})
}
