//go:build !linux

package loop

import (
	"context"
	"errors"
	"net"
)

// Serve is for Linux, which has epoll.
func (s *Server) Serve(context.Context, *net.TCPListener) error {
	return errors.New("this example needs epoll")
}
