package handclasp

import "strings"

// isReset reports whether err says that the peer's end of the transport is gone. Here
// errors have words and no numbers.
func isReset(err error) bool {
	return strings.Contains(err.Error(), "hungup channel")
}
