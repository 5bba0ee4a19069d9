package diagnose_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/handclasp/handclasp/diagnose"
	"github.com/handclasp/handclasp/internal/lab"
)

// TestProofs: the command that is said to prove a finding shows it, where it is one
// of OpenSSL's.
func TestProofs(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("openssl"); err != nil && os.Getenv("CI") != "true" {
		t.Skip("openssl is not on this machine; CI has it")
	} else if err != nil {
		t.Fatal(err)
	}
	for name, shows := range map[string]string{
		"expired":              `notAfter=`,
		"not-yet-valid":        `notBefore=`,
		"expired-intermediate": `verify error:num=10:`,
		"missing-intermediate": `verify error:num=20:`,
		"private-root":         `verify error:num=20:`,
		"private-root-sent":    `verify error:num=19:`,
		"self-signed":          `verify error:num=18:`,
		"reversed-chain":       `(?s) 1 s:CN = Handclasp lab issuer.* 2 s:CN = Handclasp lab lower issuer`,
		"wrong-name":           `DNS:www\.lab\.example`,
		"no-san":               `subject=CN = localhost`,
		"client-purpose":       `TLS Web Client Authentication`,
		"no-signing":           `Key Encipherment`,
		"not-a-ca":             `verify error:num=79:`,
		"path-length":          `verify error:num=25:`,
		"name-constraint":      `verify error:num=47:`,
		"weak-key":             `verify error:num=66:`,
		"weak-signature":       `sigalg: ecdsa-with-SHA1`,
		"key-mismatch":         `bad signature`,
		"must-staple":          `OCSP response: no response sent`,
		"revoked":              `Cert Status: revoked`,
		"old-staple":           `Next Update: `,
		"two-nodes":            `(?s)serial=.*serial=.*serial=.*serial=`,
		"legacy-renegotiation": `unsafe legacy renegotiation disabled`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := lab.Find(name)
			if err != nil {
				t.Fatal(err)
			}
			s, err := c.Open()
			if err != nil {
				t.Fatal(err)
			}
			ca := filepath.Join(t.TempDir(), "the authority's.pem") // which a shell does not take for one word
			if err := os.WriteFile(ca, s.PEM, 0o644); err != nil {
				t.Fatal(err)
			}
			r := examineAt(t, s, func(o *diagnose.Options) { o.Flags = []string{"--ca " + ca} })
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			out, _ := exec.CommandContext(ctx, "sh", "-c", r.Findings[0].Prove).CombinedOutput() // that it may fail is the point
			if !regexp.MustCompile(shows).Match(out) {
				t.Errorf("$ %s\n%s", r.Findings[0].Prove, out)
			}
		})
	}
}
