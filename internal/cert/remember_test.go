package cert

import (
	"bytes"
	"crypto/x509"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/handclasp/handclasp/config"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/session"
)

func memory(t *testing.T) *session.Verdicts {
	t.Helper()
	v, err := session.NewVerdicts(session.VerdictOptions{Life: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestRemembered: a verdict is found again for the same question, and for no other.
func TestRemembered(t *testing.T) {
	h := newHouse(t)
	leaf := h.leaf(h.sub, pki.Leaf{NotAfter: now.Add(10 * time.Minute), KeyUsage: x509.KeyUsageDigitalSignature, Names: []string{host, "other.example.org"}})
	staple := h.answer(leaf, pki.Answer{NextUpdate: now.Add(5 * time.Minute)})
	good := h.request(leaf.Chain)
	good.OCSPStaple, good.Memory = staple, memory(t)
	first, err := good.verify()
	if err != nil || first.Remembered {
		t.Fatalf("%v, %v", first, err)
	}
	for name, c := range map[string]struct {
		change func(*sent)
		again  bool        // it is remembered
		broken *fault.Rule // or fails; else it is judged anew and good
	}{
		"the same":             {func(*sent) {}, true, nil},
		"a little later":       {func(r *sent) { r.Now = now.Add(4 * time.Minute) }, true, nil},
		"another name":         {func(r *sent) { r.Name = "other.example.org" }, false, nil},
		"a wrong name":         {func(r *sent) { r.Name = "www.example.com" }, false, fault.CertWrongName},
		"no name":              {func(r *sent) { r.Name = "" }, false, nil},
		"another use":          {func(r *sent) { r.Transport = true }, false, fault.CertKeyEncipherment},
		"another purpose":      {func(r *sent) { r.ServerAuth = false }, false, nil},
		"an equal pool":        {func(r *sent) { r.Roots = h.root.Pool() }, false, nil},
		"other roots":          {func(r *sent) { r.Roots = x509.NewCertPool() }, false, fault.CertUnknownIssuer},
		"without the staple":   {func(r *sent) { r.OCSPStaple = nil }, false, nil},
		"another staple":       {func(r *sent) { r.OCSPStaple = h.answer(leaf, pki.Answer{Status: pki.Revoked}) }, false, fault.OCSPRevoked},
		"a timestamp":          {func(r *sent) { r.SCTs = [][]byte{{1}} }, false, nil},
		"one more certificate": {func(r *sent) { r.Chain = append(bytes2(r.Chain), leaf.Chain[1]) }, false, nil},
		"another signature":    {func(r *sent) { r.Chain = bytes2(r.Chain); r.Chain[0] = flip(r.Chain[0]) }, false, fault.CertBadSignature},
		"after the staple":     {func(r *sent) { r.Now = now.Add(9 * time.Minute) }, false, nil}, // within its tolerance
		"after the leaf":       {func(r *sent) { r.Now = now.Add(11 * time.Minute); r.OCSPStaple = nil }, false, fault.CertExpired},
		"before":               {func(r *sent) { r.Now = now.Add(-time.Second) }, false, nil},
		"whatever it says":     {func(r *sent) { r.Insecure = true }, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := good
			r.Memory = memory(t) // with nothing in it but the first verdict
			if _, err := r.verify(); err != nil {
				t.Fatal(err)
			}
			c.change(&r)
			v, err := r.verify()
			if !errors.Is(err, nilOr(c.broken)) {
				t.Fatalf("%v, want %v", err, c.broken)
			}
			if v.Remembered != c.again {
				t.Errorf("remembered: %v", v.Remembered)
			}
			if c.again && (len(v.Chains) != 1 || !v.Chains[0][0].Equal(leaf.Leaf) || v.OCSP == nil || !v.Verified() || len(v.Checks()) != len(first.Checks())) {
				t.Errorf("%+v", v)
			}
		})
	}
}

func bytes2(chain [][]byte) [][]byte { return append([][]byte(nil), chain...) }

// nilOr is r as an error; a nil rule is none.
func nilOr(r *fault.Rule) error {
	if r == nil {
		return nil
	}
	return r
}

// A refusal is not remembered: what was wrong may be put right.
func TestRefusalForgotten(t *testing.T) {
	h := newHouse(t)
	r := h.request(h.leaf(h.sub, pki.Leaf{}).Chain)
	r.Memory = memory(t)
	roots := r.Roots
	r.Roots = x509.NewCertPool()
	if _, err := r.verify(); !errors.Is(err, fault.CertUnknownIssuer) {
		t.Fatal(err)
	}
	r.Roots.AddCert(h.root.Cert) // the same pool, which has grown
	if v, err := r.verify(); err != nil || v.Remembered {
		t.Errorf("%v, %v", v, err)
	}
	r.Roots = roots
	r.Insecure = true
	if v, err := r.verify(); err != nil || v.Remembered {
		t.Errorf("%v, %v", v, err)
	}
	r.Insecure = false
	if v, err := r.verify(); err != nil || v.Remembered { // what was waved through was not kept
		t.Errorf("%v, %v", v, err)
	}
	if v, err := r.verify(); err != nil || !v.Remembered {
		t.Errorf("%v, %v", v, err)
	}
}

// TestSharedCertificates: the same bytes give the same certificate while somebody
// has it, which keeps nothing of the bytes; and nothing stays when nobody has it.
func TestSharedCertificates(t *testing.T) {
	h := newHouse(t)
	raw := h.leaf(h.sub, pki.Leaf{}).Chain
	mine := [][]byte{bytes.Clone(raw[0]), bytes.Clone(raw[1])}
	a, err := Parse(mine, config.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	for _, der := range mine {
		clear(der)
	}
	b, err := Parse(raw, config.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if a[0] != b[0] || a[1] != b[1] || !bytes.Equal(a[0].Raw, raw[0]) {
		t.Error("parsed twice, or from memory that was not ours")
	}
	if _, err := Parse([][]byte{flip(raw[0])}, config.DefaultLimits()); err != nil {
		t.Fatal(err)
	}
	runtime.KeepAlive(a)
	a, b = nil, nil
	count := func() int {
		inUse.mu.RLock()
		defer inUse.mu.RUnlock()
		return len(inUse.certs)
	}
	for range 100 {
		if runtime.GC(); count() == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond) // cleanups have a goroutine of their own
	}
	t.Errorf("%d certificates stay", count())
}

// TestAllocations: a verdict that is remembered and a certificate that is in use
// cost next to nothing.
func TestAllocations(t *testing.T) {
	h := newHouse(t)
	raw := h.leaf(h.sub, pki.Leaf{}).Chain
	r := h.request(raw).Request
	var err error
	if r.Chain, err = Parse(raw, config.DefaultLimits()); err != nil {
		t.Fatal(err)
	}
	r.Memory = memory(t)
	if _, err := Verify(r); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(20, func() { Verify(r) }); n > 1 {
		t.Errorf("a remembered verdict: %v objects", n)
	}
	if n := testing.AllocsPerRun(20, func() { Parse(raw, config.DefaultLimits()) }); n > 1 {
		t.Errorf("a chain in use: %v objects", n)
	}
	r.Memory = nil
	if n := testing.AllocsPerRun(20, func() { Verify(r) }); n > 100 {
		t.Errorf("a chain that is verified: %v objects", n)
	}
}
