package diagnose_test

import (
	"strings"
	"testing"

	"github.com/handclasp/handclasp/diagnose"
	"github.com/handclasp/handclasp/internal/lab"
)

// TestHabits: a certificate is judged as the client in question would judge it.
func TestHabits(t *testing.T) {
	for _, tt := range []struct{ server, as, want, says string }{
		{"no-san", "go", "cert-no-san", "curl"}, {"no-san", "curl", "nothing-wrong", "Go and Chromium would not"}, {"no-san", "", "cert-no-san", "OpenSSL, curl, Java, Node, Python and GnuTLS would accept"},
		{"weak-key", "curl", "cert-weak-key", "Node"}, {"weak-key", "node", "nothing-wrong", "OpenSSL"}, {"weak-signature", "java", "nothing-wrong", "would not"}, {"weak-signature", "gnutls", "cert-weak-signature", "Java would accept"},
		{"no-signing", "python", "nothing-wrong", ""}, {"no-signing", "java", "cert-key-usage", ""}, {"revoked", "gnutls", "cert-revoked", ""}, {"revoked", "go", "nothing-wrong", ""}, {"must-staple", "openssl", "nothing-wrong", ""},
		{"expired", "curl", "cert-expired", ""}, {"wrong-name", "java", "cert-wrong-name", ""}, {"legacy-renegotiation", "node", "legacy-renegotiation", ""}, {"legacy-renegotiation", "go", "nothing-wrong", ""},
		{"only-tls11", "curl", "no-common-version", ""}, {"only-tls11", "gnutls", "nothing-wrong", ""},
	} {
		t.Run(tt.server+" "+tt.as, func(t *testing.T) {
			t.Parallel()
			c, err := lab.Find(tt.server)
			if err != nil {
				t.Fatal(err)
			}
			r := examine(t, c, func(o *diagnose.Options) {
				o.As = tt.as
				o.Client.ServerName = "localhost"
			})
			if found(r) != tt.want || !strings.Contains(strings.Join(r.Noticed, "\n"), tt.says) || r.Works != (tt.want == "nothing-wrong") {
				t.Errorf("works: %v\n%s", r.Works, tell(r))
			}
		})
	}
}
