package lab

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// segmentsRead is how many TCP segments with data have come; 0 if nobody knows.
func segmentsRead(raw net.Conn) (n int) {
	conn, ok := raw.(syscall.Conn)
	if !ok {
		return 0
	}
	control, err := conn.SyscallConn()
	if err != nil {
		return 0
	}
	control.Control(func(fd uintptr) {
		if info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			n = int(info.Data_segs_in)
		}
	})
	return n
}
