package diagnose_test

import (
	"strings"
	"testing"

	"github.com/handclasp/handclasp/internal/lab"
)

// TestWords: protocols and extensions are called what people call them.
func TestWords(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"postgres": "It speaks PostgreSQL's protocol,",
		"resets-if order=supported_groups>key_share": "the same with key_share before supported_groups: the handshake worked",
		"resets-if order=server_name>key_share":      "a ClientHello with the extension server_name before the extension key_share.",
	} {
		c, err := lab.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		if r := examine(t, c, nil); !strings.Contains(tell(r), want) {
			t.Errorf("%s: want %q in\n%s", name, want, tell(r))
		}
	}
}
