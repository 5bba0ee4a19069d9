package handclasp

import (
	"net"
	"testing"
	"time"
)

// watchdog is when a test's connection is closed whatever happens: two sides that wait
// for each other fail then, each with its own error, and do not hang.
const watchdog = 4 * time.Minute

// Transports are the two ends of a connection of a test's.
func Transports(t testing.TB, network, address string) (dialed, accepted net.Conn) {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if dialed, err = net.Dial(network, l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if accepted, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	end := func() { dialed.Close(); accepted.Close() }
	bite := time.AfterFunc(watchdog, end)
	t.Cleanup(func() { bite.Stop(); end() })
	return dialed, accepted
}
