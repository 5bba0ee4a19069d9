package lab_test

import (
	"strings"
	"testing"

	"github.com/handclasp/handclasp/internal/clients"
	"github.com/handclasp/handclasp/internal/lab"
	"github.com/handclasp/handclasp/internal/wire"
)

// TestJA4: Chrome's fingerprint begins and goes on as the world knows it: 15 suites,
// 16 or more extensions, h2; and the suites of every Chrome since 83.
func TestJA4(t *testing.T) {
	c, err := clients.Find("chromium")
	if err != nil {
		t.Fatal(err)
	}
	h := new(lab.Hello)
	if err := wire.Decode(c.Hello, &h.ClientHello); err != nil {
		t.Fatal(err)
	}
	if got := h.JA4(); !strings.HasPrefix(got, "t13d1517h2_8daaf6152771_") || len(got) != 36 {
		t.Error(got)
	}
}
