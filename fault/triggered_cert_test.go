package fault_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/cert"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/internal/wire"
	"github.com/handclasp/handclasp/sign"
)

const day = 24 * time.Hour

// A workshop makes the chains of one scenario.
type workshop struct {
	*testing.T
	house
}

func newWorkshop(t *testing.T) *workshop {
	t.Helper()
	h, err := theHouse()
	check(t, err)
	return &workshop{t, h}
}

// chained has the server show another chain than its own, with the same key
// unless the chain says otherwise; the client is to notice.
func chained(make func(w *workshop) [][]byte) scenario {
	return stapled(func(w *workshop) ([][]byte, []byte) { return make(w), nil })
}

// stapled is chained with an OCSP answer for the leaf.
func stapled(make func(w *workshop) ([][]byte, []byte)) scenario {
	return scenario{run: func(t *testing.T) error {
		p := newPair(t)
		chain, staple := make(newWorkshop(t))
		p.editServer = only(func(m *wire.Certificate) {
			m.List = nil
			for _, der := range chain {
				m.List = append(m.List, wire.CertificateEntry{Data: der})
			}
			if staple != nil {
				m.List[0].OCSP = staple
				m.List[0].Extensions.Add(iana.ExtStatusRequest)
			}
		})
		return p.run(fault.Client)
	}, role: fault.Client}
}

func (w *workshop) leaf(a *pki.Authority, l pki.Leaf) *pki.Issued {
	w.Helper()
	if l.Names == nil && l.CommonName == "" {
		l.Names = []string{host}
	}
	if l.Public == nil && l.Signer == nil {
		l.Signer = w.key
	}
	i, err := a.Issue(l)
	check(w, err)
	return i
}

func (w *workshop) authority(name string, o pki.Options) *pki.Authority {
	w.Helper()
	o.Now = now
	a, err := pki.NewAuthority(name, o)
	check(w, err)
	return a
}

func (w *workshop) below(a *pki.Authority, name string, o pki.Options) *pki.Authority {
	w.Helper()
	b, err := a.Intermediate(name, o)
	check(w, err)
	return b
}

// leaves is chained for a leaf of the usual authority.
func leaves(l pki.Leaf) scenario {
	return chained(func(w *workshop) [][]byte { return w.leaf(w.sub, l).Chain })
}

// under is chained for a leaf of another authority below the usual root.
func under(o pki.Options) scenario {
	return chained(func(w *workshop) [][]byte { return w.leaf(w.below(w.root, "Other Sub", o), pki.Leaf{}).Chain })
}

// answered is stapled for a leaf that demands a staple.
func answered(a pki.Answer) scenario {
	return stapled(func(w *workshop) ([][]byte, []byte) {
		i := w.leaf(w.sub, pki.Leaf{MustStaple: true})
		der, err := w.sub.OCSP(i, a)
		check(w, err)
		return i.Chain, der
	})
}

func stapledBytes(der string) scenario {
	return stapled(func(w *workshop) ([][]byte, []byte) { return w.leaf(w.sub, pki.Leaf{}).Chain, []byte(der) })
}

func rsaKey(bits int) *rsa.PublicKey {
	n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
	return &rsa.PublicKey{N: n.Add(n, big.NewInt(1)), E: 65537}
}

// extraneous adds a certificate for a key below the chain of the usual leaf.
func extraneous(pub any) scenario {
	return chained(func(w *workshop) [][]byte {
		return append(w.leaf(w.sub, pki.Leaf{}).Chain, w.leaf(w.sub, pki.Leaf{Public: pub}).Chain[0])
	})
}

var ofCertificates = map[*fault.Rule]scenario{
	fault.CertEmpty:    chained(func(*workshop) [][]byte { return nil }),
	fault.CertTooMany:  chained(func(*workshop) [][]byte { return slices.Repeat([][]byte{{1}}, config.DefaultLimits().Certificates+1) }),
	fault.CertTooLarge: chained(func(*workshop) [][]byte { return [][]byte{make([]byte, config.DefaultLimits().CertificateBytes+1)} }),
	fault.CertTooManyParts: chained(func(w *workshop) [][]byte {
		return w.leaf(w.sub, pki.Leaf{Names: slices.Repeat([]string{"a.test"}, config.DefaultLimits().CertificateParts)}).Chain
	}),
	fault.CertUnparsable: chained(func(*workshop) [][]byte {
		return [][]byte{[]byte("-----BEGIN CERTIFICATE-----")}
	}),
	// In a handshake the CertificateVerify comes first, and no scheme fits the key.
	fault.CertUnsupportedKey: alone(func(t *testing.T) error {
		key, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
		check(t, err)
		w := newWorkshop(t)
		chain, err := cert.Parse(w.leaf(w.sub, pki.Leaf{Public: key.Public()}).Chain, config.DefaultLimits())
		check(t, err)
		_, err = cert.Verify(cert.Request{Chain: chain, Name: host, Roots: w.root.Pool(), Now: now, ServerAuth: true})
		return err
	}),
	fault.CertKeyTooLarge: extraneous(rsaKey(8200)),
	fault.CertWeakKey:     extraneous(rsaKey(512)),
	fault.CertExpired:     leaves(pki.Leaf{NotBefore: now.Add(-40 * day), NotAfter: now.Add(-12 * day)}),
	fault.CertNotYetValid: leaves(pki.Leaf{NotBefore: now.Add(day)}),
	fault.CertKeyUsage:    leaves(pki.Leaf{KeyUsage: x509.KeyUsageKeyEncipherment}),
	fault.CertKeyEncipherment: by(fault.Client, func(p *pair) {
		h, err := theHouse()
		check(p.t, err)
		good, err := h.sub.Issue(pki.Leaf{Names: []string{host}, Key: pki.RSA2048})
		check(p.t, err)
		signs, err := h.sub.Issue(pki.Leaf{Names: []string{host}, Public: good.Key.Public(), KeyUsage: x509.KeyUsageDigitalSignature})
		check(p.t, err)
		signer, err := sign.FromCrypto(good.Key)
		check(p.t, err)
		shown, err := config.NewCertificate(good.Chain, signer)
		check(p.t, err)
		p.server.Certificates = []config.Certificate{shown}
		p.server.CipherSuites, p.client.MaxVersion = []iana.CipherSuite{iana.TLS_RSA_WITH_AES_128_GCM_SHA256}, iana.TLS12
		p.client.CipherSuites = p.server.CipherSuites
		p.editServer = only(func(m *wire.Certificate12) { m.List = signs.Chain })
	}),
	fault.CertCriticalExtension: leaves(pki.Leaf{Extra: []pkix.Extension{{
		Id: []int{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0},
	}}}),

	fault.CertChainExpired: under(pki.Options{NotBefore: now.Add(-40 * day), NotAfter: now.Add(-time.Minute)}),
	fault.CertSelfSigned: chained(func(w *workshop) [][]byte {
		i, err := pki.SelfSigned(pki.Leaf{Names: []string{host}, Signer: w.key}, now)
		check(w, err)
		return i.Chain
	}),
	fault.CertUnknownRoot: chained(func(w *workshop) [][]byte {
		other := w.authority("Private Root", pki.Options{})
		return append(w.leaf(other, pki.Leaf{}).Chain, other.Cert.Raw)
	}),
	fault.CertUnknownIssuer: chained(func(w *workshop) [][]byte { return w.leaf(w.sub, pki.Leaf{}).Chain[:1] }),
	fault.CertMissingIntermediate: chained(func(w *workshop) [][]byte {
		return w.leaf(w.sub, pki.Leaf{IssuerURL: "http://ca.example/sub.der"}).Chain[:1]
	}),
	fault.CertOtherAuthority: chained(func(w *workshop) [][]byte {
		return w.leaf(w.authority("Root", pki.Options{}), pki.Leaf{}).Chain
	}),
	fault.CertNotCA: under(pki.Options{NotCA: true}),
	fault.CertPathLength: chained(func(w *workshop) [][]byte {
		sub := w.below(w.root, "Short Sub", pki.Options{PathLen: new(0)})
		return w.leaf(w.below(sub, "Sub Sub", pki.Options{}), pki.Leaf{}).Chain
	}),
	fault.CertNameConstraint: under(pki.Options{Permitted: []string{"example.net"}}),
	fault.CertPolicy: under(pki.Options{Extra: []pkix.Extension{{
		Id: []int{2, 5, 29, 36}, Critical: true, Value: []byte{0x30, 0x03, 0x80, 0x01, 0x00}, // requireExplicitPolicy 0
	}}}),
	fault.CertUsage:         leaves(pki.Leaf{Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}),
	fault.CertWeakSignature: leaves(pki.Leaf{Signature: x509.ECDSAWithSHA1}),
	fault.CertBadSignature: chained(func(w *workshop) [][]byte {
		chain := w.leaf(w.sub, pki.Leaf{}).Chain
		return [][]byte{flip(chain[0]), chain[1]}
	}),
	// A maze of authorities of one name, in the worst order: crypto/x509 gives up.
	fault.CertRejected: chained(func(w *workshop) [][]byte {
		a := w.authority("Maze", pki.Options{})
		for range config.DefaultLimits().Certificates - 1 {
			a = w.below(a, "Maze", pki.Options{})
		}
		chain := w.leaf(a, pki.Leaf{}).Chain
		slices.Reverse(chain[1:])
		return chain
	}),
	// crypto/x509 loads the roots once, so nothing else here may use them. A
	// directory in place of the file can't be read.
	fault.CertNoSystemRoots: {run: func(t *testing.T) error {
		if runtime.GOOS != "linux" {
			t.Skip("elsewhere the roots are not in a file, or the platform verifies")
		}
		t.Setenv("SSL_CERT_FILE", t.TempDir())
		t.Setenv("SSL_CERT_DIR", t.TempDir()+"/none")
		p := newPair(t)
		p.client.RootCAs = nil
		return p.run(fault.Client)
	}, role: fault.Client},
	fault.CertWrongName: leaves(pki.Leaf{Names: []string{"example.org", "*.example.net", "10.0.0.1"}}),
	fault.CertNoSAN:     leaves(pki.Leaf{CommonName: host}),

	fault.OCSPMalformed: stapledBytes("gone"),
	fault.OCSPNoAnswer:  stapledBytes("\x30\x03\x0a\x01\x03"), // tryLater
	fault.OCSPNotYet:    answered(pki.Answer{ThisUpdate: now.Add(time.Hour)}),
	fault.OCSPExpired:   answered(pki.Answer{NextUpdate: now.Add(-10 * time.Minute)}),
	fault.OCSPWrongSigner: stapled(func(w *workshop) ([][]byte, []byte) {
		i := w.leaf(w.sub, pki.Leaf{})
		der, err := w.root.OCSP(i, pki.Answer{Issuer: w.sub})
		check(w, err)
		return i.Chain, der
	}),
	fault.OCSPWrongCert:  answered(pki.Answer{Serial: big.NewInt(42)}),
	fault.OCSPRevoked:    answered(pki.Answer{Status: pki.Revoked, RevokedAt: now.Add(-day), Reason: 1}),
	fault.OCSPUnknown:    answered(pki.Answer{Status: pki.Unknown}),
	fault.OCSPMustStaple: leaves(pki.Leaf{MustStaple: true}),

	// A server's configuration without certificates is refused before.
	fault.CertNone: alone(func(t *testing.T) error {
		if _, _, err := cert.Choose(nil, cert.Wanted{}); err != nil {
			return err
		}
		return nil
	}),
	fault.NoCommonSigalg: by(fault.Server, func(p *pair) {
		p.client.SignatureSchemes = []iana.SignatureScheme{iana.RSA_PSS_RSAE_SHA256}
	}),
}
