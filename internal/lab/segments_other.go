//go:build !linux

package lab

import "net"

// segmentsRead is how many TCP segments with data have come; 0 if nobody knows.
func segmentsRead(net.Conn) int { return 0 }
