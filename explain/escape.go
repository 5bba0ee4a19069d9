package explain

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/handclasp/handclasp/fault"
)

// maxText is how many bytes of one text of the peer's are shown.
const maxText = 200

// escape makes text of the peer's safe to print: what is not printable,
// controls and bidirectional marks included, becomes \x1b or \u202e, and what is
// too long is cut. What is escaped already stays as it is.
func escape(s string) string {
	if len(s) > maxText {
		cut := maxText
		for cut > maxText-utf8.UTFMax && !utf8.RuneStart(s[cut]) {
			cut--
		}
		return fault.Printable(s[:cut]) + fmt.Sprintf("… (%d bytes)", len(s))
	}
	return fault.Printable(s)
}

func escapes(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = escape(s)
	}
	return out
}

// unquoted is escapes for texts that the state machine may have quoted, such as
// the names of protocols.
func unquoted(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		quoted, _ := strconv.QuotedPrefix(s)
		plain, err := strconv.Unquote(quoted)
		switch rest := s[len(quoted):]; {
		case err == nil && rest == "":
			out[i] = escape(plain)
		case err == nil && strings.HasPrefix(rest, "… ("): // it was cut when it was quoted
			out[i] = escape(plain) + rest
		default:
			out[i] = escape(s)
		}
	}
	return out
}

// count is a number with its noun: "1 byte", "1,527 bytes".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	if strings.HasSuffix(what, "y") && !strings.HasSuffix(what, "day") {
		what = strings.TrimSuffix(what, "y") + "ie"
	}
	return thousands(n) + " " + what + "s"
}

// lasting is a number of seconds in the largest unit of which it is a multiple.
func lasting(seconds int) string {
	for _, unit := range []struct {
		name string
		s    int
	}{{"day", 24 * 60 * 60}, {"hour", 60 * 60}, {"minute", 60}} {
		if seconds > 0 && seconds%unit.s == 0 {
			return count(seconds/unit.s, unit.name)
		}
	}
	return count(seconds, "second")
}

func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// list joins words as a sentence does.
func list(words []string) string {
	switch n := len(words); n {
	case 0:
		return ""
	case 1:
		return words[0]
	default:
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
}

func names[T fmt.Stringer](values []T) []string {
	s := make([]string, len(values))
	for i, v := range values {
		s[i] = v.String()
	}
	return s
}
