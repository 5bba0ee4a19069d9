//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || js || wasip1 || plan9)

package session

import "os"

// abandon gives up a file on which bbolt panicked, whose own Close might panic
// again. Here locks end when the file is closed.
func abandon(file *os.File) {
	if file != nil {
		file.Close()
	}
}
