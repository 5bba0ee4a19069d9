//go:build !plan9

package handclasp

import (
	"errors"
	"syscall"
)

// isReset reports whether err says that the peer's end of the transport is gone.
func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
