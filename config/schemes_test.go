package config

import (
	"errors"
	"slices"
	"testing"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// SHA-1 is there for whoever names it and for nobody else. What TLS 1.0 and 1.1
// imply can't be named, since no list on the wire holds it.
func TestOldSchemesAreNamed(t *testing.T) {
	old := []iana.SignatureScheme{iana.RSA_PKCS1_SHA1, iana.ECDSA_SHA1}
	p, err := (&ClientConfig{}).Params()
	if err != nil || slices.Contains(p.Schemes, old[0]) || slices.Contains(p.Schemes, old[1]) {
		t.Errorf("by default %v, %v", p.Schemes, err)
	}
	c := &ClientConfig{MaxVersion: iana.TLS12, SignatureSchemes: old}
	if p, err := c.Params(); err != nil || !slices.Equal(p.Schemes, old) {
		t.Errorf("when named %v, %v", p.Schemes, err)
	}
	c.SignatureSchemes = []iana.SignatureScheme{iana.RSA_PKCS1_MD5_SHA1}
	if _, err := c.Params(); !errors.Is(err, fault.ConfigValue) {
		t.Errorf("without a place on the wire: %v", err)
	}
}
