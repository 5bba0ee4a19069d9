package diagnose

import "testing"

// TestWord: what a shell would not take for one word is quoted.
func TestWord(t *testing.T) {
	for s, want := range map[string]string{
		"ca.pem": "ca.pem", "x25519,P-256": "x25519,P-256", "": "''", "my ca.pem": "'my ca.pem'", "$(date)": "'$(date)'", "it's": `'it'\''s'`, "a;b": "'a;b'", `alpn="h2"`: `'alpn="h2"'`,
	} {
		if got := word(s); got != want {
			t.Errorf("%s became %s", s, got)
		}
	}
}

// TestKept: who ends the connection after a long silence is there, and the network is
// not to blame.
func TestKept(t *testing.T) {
	c := CauseByID("silent")
	for hungUp, want := range map[bool]Party{false: Path, true: Server} {
		if who, fix := (&outcome{ending: Silent, hungUp: hungUp}).kept(c.Who, c.Fix); who != want || hungUp == (fix == c.Fix) {
			t.Errorf("%v: %s: %s", hungUp, who, fix)
		}
	}
}
