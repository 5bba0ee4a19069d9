//go:build unix

package main

import (
	"syscall"
	"time"
)

// used is the time that this process has had the processor. It does not count what
// other programs take, so a machine need not be quiet.
func used() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // it knows no error for oneself
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
