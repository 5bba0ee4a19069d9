//go:build !unix

package handclasp

import "net"

// waits is false: here nothing tells when there is something to read.
func (*inbox) waits(net.Conn) bool { return false }

func (*inbox) idleRead(bool) ([]byte, error) { panic("nobody waits here") }
