package fault

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Printable is a peer's text made safe to print: what is not printable, controls
// and bidirectional marks included, becomes \x1b or \u202e. What is escaped
// already stays as it is. Quote is the same for bytes, with quotation marks
// and a limit.
func Printable(s string) string {
	bad := func(r rune) bool { return r == utf8.RuneError || !strconv.IsPrint(r) }
	if !strings.ContainsFunc(s, bad) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case strconv.IsPrint(r):
			b.WriteRune(r)
		default:
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		}
		s = s[n:]
	}
	return b.String()
}
