package grpccreds_test

import (
	"context"
	"fmt"
	"log"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/peer"

	"github.com/handclasp/handclasp"
	grpccreds "github.com/handclasp/handclasp/contrib/grpc"
)

// A server and a client of gRPC over Handclasp. The certificate usually comes
// from handclasp.LoadX509KeyPair.
func Example() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	srv := grpc.NewServer(grpc.Creds(grpccreds.NewServer(&handclasp.ServerConfig{
		Certificates: []handclasp.Certificate{identity().ours},
	})))
	grpc_health_v1.RegisterHealthServer(srv, health.NewServer())
	go srv.Serve(l)
	defer srv.Stop()

	creds := grpccreds.NewClient(&handclasp.ClientConfig{RootCAs: identity().root.Pool()})
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(creds))
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()

	var p peer.Peer
	answer, err := grpc_health_v1.NewHealthClient(conn).Check(context.Background(), &grpc_health_v1.HealthCheckRequest{}, grpc.Peer(&p))
	if err != nil {
		log.Fatal(err)
	}
	info, _ := grpccreds.FromPeer(&p)
	fmt.Println(answer.Status, "over", info.Version)
	// Output: SERVING over TLS 1.3
}
