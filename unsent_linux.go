package handclasp

import "golang.org/x/sys/unix"

// unsent is how many bytes the system has not sent yet, because the peer does not
// take them or the network is slow; 0 of a socket that is not TCP's.
func unsent(fd int) int {
	n, err := unix.IoctlGetInt(fd, unix.SIOCOUTQNSD)
	if err != nil {
		return 0
	}
	return n
}
