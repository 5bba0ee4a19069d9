//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package session

import (
	"os"
	"syscall"
)

// abandon gives up a file on which bbolt panicked, whose own Close might panic
// again. What it mapped stays mapped, and that would keep the lock.
func abandon(file *os.File) {
	if file != nil {
		syscall.Flock(int(file.Fd()), syscall.LOCK_UN)
		file.Close()
	}
}
