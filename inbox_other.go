//go:build !unix || aix

package handclasp

import "time"

// waits is false: here nothing tells when there is something to read.
func (*Conn) waits() bool { return false }

func (*Conn) idleRead() ([]byte, error) { panic("nobody waits here") }

// drain does nothing: here nothing reads without waiting.
func (*Conn) drain(time.Duration) {}
