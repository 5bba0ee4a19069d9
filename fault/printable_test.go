package fault

import (
	"strconv"
	"testing"
	"time"
)

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

// TestErrorIsPrintable: package time quotes what it can't parse, DEL included.
func TestErrorIsPrintable(t *testing.T) {
	_, cause := time.Parse(time.RFC3339, "2026\x7f\u202e")
	f := OCSPMalformed.In("field\x1b[31m").Saw("got\n", "want\x00").Because(cause)
	for _, c := range f.Error() {
		if !strconv.IsPrint(c) {
			t.Errorf("%q is in %q", c, f.Error())
		}
	}
}
