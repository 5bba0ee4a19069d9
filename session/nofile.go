//go:build js || wasip1 || plan9

package session

import (
	"runtime"
	"time"

	"github.com/handclasp/handclasp/fault"
)

// On this platform files can't be locked, so there are no stores in files.

type (
	FileOptions struct {
		Clock      func() time.Time
		MaxEntries int
		Wait       time.Duration
		NoSync     bool
	}
	File       struct{ *Memory }
	ClientFile struct{ *ClientMemory }
)

func OpenFile(string, FileOptions) (*File, error)              { return nil, noFiles() }
func NewClientFile(string, ClientOptions) (*ClientFile, error) { return nil, noFiles() }

func (f *File) Close() error { return nil }

func noFiles() error {
	return fault.ConfigValue.In("path").Saw("a file", "a store in memory, for "+runtime.GOOS+" can't lock files")
}
