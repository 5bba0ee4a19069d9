// Command eventloop serves TLS to any number of connections on one goroutine: it
// drives engines by epoll, without a net.Conn, and answers each line with itself in
// capitals.
//
//	go run ./examples/eventloop -cert cert.pem -key key.pem -listen 127.0.0.1:8443
//	openssl s_client -connect 127.0.0.1:8443 -quiet
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/examples/eventloop/loop"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8443", "address")
	cert := flag.String("cert", "cert.pem", "file with the certificate chain")
	key := flag.String("key", "key.pem", "file with its private key")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := serve(ctx, *listen, *cert, *key); err != nil {
		fmt.Fprintln(os.Stderr, "eventloop:", err)
		os.Exit(1)
	}
}

func serve(ctx context.Context, addr, certFile, keyFile string) error {
	cert, err := handclasp.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	defer l.Close()
	s := loop.Server{
		Config: &handclasp.ServerConfig{Certificates: []handclasp.Certificate{cert}},
		Answer: bytes.ToUpper,
	}
	return s.Serve(ctx, l.(*net.TCPListener))
}
