package config

import (
	"crypto/x509"
	"errors"
	"strings"
	"testing"

	"github.com/handclasp/handclasp/fault"
)

// TestClientAuthType: names lead back to their policies, and each policy is what
// its name says.
func TestClientAuthType(t *testing.T) {
	for _, c := range []struct {
		policy             ClientAuthType
		name               string
		requires, verifies bool
	}{
		{NoClientCert, "none", false, false},
		{RequestClientCert, "request", false, false},
		{RequireAnyClientCert, "require", true, false},
		{VerifyClientCertIfGiven, "verify-if-given", false, true},
		{RequireAndVerifyClientCert, "require-and-verify", true, true},
	} {
		if c.policy.String() != c.name || c.policy.Requires() != c.requires || c.policy.Verifies() != c.verifies {
			t.Errorf("%v: requires %v, verifies %v", c.policy, c.policy.Requires(), c.policy.Verifies())
		}
		if p, err := ParseClientAuth(c.name); p != c.policy || err != nil {
			t.Errorf("%s: %v, %v", c.name, p, err)
		}
	}
	if _, err := ParseClientAuth("always"); err == nil || !strings.Contains(err.Error(), "require-and-verify") {
		t.Errorf("an unknown name: %v", err)
	}
	if got := ClientAuthType(9).String(); got != "ClientAuthType(9)" {
		t.Error(got)
	}
}

// TestClientAuthParams: a policy that can't be kept is refused, by the field.
func TestClientAuthParams(t *testing.T) {
	for _, c := range []struct {
		policy ClientAuthType
		roots  *x509.CertPool
		field  string // of the error; "" for none
	}{
		{NoClientCert, nil, ""},
		{RequestClientCert, nil, ""},
		{RequireAnyClientCert, nil, ""},
		{VerifyClientCertIfGiven, nil, "ClientCAs"},
		{RequireAndVerifyClientCert, nil, "ClientCAs"},
		{RequireAndVerifyClientCert, x509.NewCertPool(), ""},
		{RequireAndVerifyClientCert + 1, x509.NewCertPool(), "ClientAuth"},
	} {
		cfg := &ServerConfig{GetCertificate: func(*HelloInfo) (*Certificate, error) { return nil, nil }, ClientAuth: c.policy, ClientCAs: c.roots}
		_, err := cfg.Params()
		f, _ := errors.AsType[*fault.Error](err)
		switch {
		case c.field == "" && err != nil:
			t.Errorf("%v: %v", c.policy, err)
		case c.field != "" && (!errors.Is(err, fault.ConfigValue) || f.Field != c.field):
			t.Errorf("%v: %v, want an error of %s", c.policy, err, c.field)
		}
	}
	cfg := &ClientConfig{ServerName: "localhost", Certificates: make([]Certificate, 1)}
	if _, err := cfg.Params(); !errors.Is(err, fault.ConfigCertificate) {
		t.Errorf("a zero certificate of a client: %v", err)
	}
}
