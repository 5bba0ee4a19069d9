package fault

import "testing"

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain, 'quoted' and münchen": "plain, 'quoted' and münchen",
		"\x1b[31m":                    `\x1b[31m`,
		"a\u202eb":                    `a\u202eb`,
		"line\nnext\x00":              `line\nnext\x00`,
		"\xff\xfe":                    `\xff\xfe`,
		`\x1b already`:                `\x1b already`,
		"":                            "",
	} {
		if got := Printable(in); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}
