//go:build !unix

package handclasp

import (
	"net"

	"github.com/handclasp/handclasp/engine"
)

// waits is false: here nothing tells when there is something to read.
func (*inbox) waits(net.Conn) bool { return false }

func (*inbox) idleRead(net.Conn, *engine.Engine) ([]byte, error) { panic("nobody waits here") }
