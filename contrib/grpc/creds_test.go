package grpccreds_test

//lint:file-ignore SA1019 what is deprecated in the interface is still part of it, and must work

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/handclasp/handclasp"
	grpccreds "github.com/handclasp/handclasp/contrib/grpc"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
)

// identity is an authority and a certificate of it for localhost and both.test,
// in both stacks' form.
var identity = sync.OnceValue(func() (id struct {
	root *pki.Authority
	ours handclasp.Certificate
	std  tls.Certificate
}) {
	root, err := pki.NewAuthority("grpccreds test root", pki.Options{Now: time.Now()})
	if err != nil {
		panic(err)
	}
	issued, err := root.Issue(pki.Leaf{Names: []string{"localhost", "127.0.0.1", "both.test"}})
	if err != nil {
		panic(err)
	}
	key, err := issued.KeyPEM()
	if err == nil {
		id.ours, err = handclasp.X509KeyPair(issued.PEM(), key)
	}
	if err == nil {
		id.std, err = tls.X509KeyPair(issued.PEM(), key)
	}
	if err != nil {
		panic(err)
	}
	id.root = root
	return id
})

func clientConfig() *handclasp.ClientConfig {
	return &handclasp.ClientConfig{RootCAs: identity().root.Pool()}
}

func serverConfig() *handclasp.ServerConfig {
	return &handclasp.ServerConfig{Certificates: []handclasp.Certificate{identity().ours}}
}

// echo is a service by hand: each message comes back. "who" as a unary message
// asks over what the call came.
var echo = grpc.ServiceDesc{
	ServiceName: "test.Echo",
	HandlerType: (*any)(nil),
	Methods: []grpc.MethodDesc{{MethodName: "Once", Handler: func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		var in wrapperspb.BytesValue
		if err := decode(&in); err != nil {
			return nil, err
		}
		if string(in.Value) != "who" {
			return &in, nil
		}
		p, _ := peer.FromContext(ctx)
		info, ours := grpccreds.FromPeer(p)
		return wrapperspb.Bytes(fmt.Appendf(nil, "%v %v %q", ours, info.Version, info.ServerName)), nil
	}}},
	Streams: []grpc.StreamDesc{{StreamName: "Many", ServerStreams: true, ClientStreams: true, Handler: func(_ any, stream grpc.ServerStream) error {
		for {
			var in wrapperspb.BytesValue
			switch err := stream.RecvMsg(&in); {
			case err == io.EOF:
				return nil
			case err != nil:
				return err
			}
			if err := stream.SendMsg(&in); err != nil {
				return err
			}
		}
	}}},
}

// serve runs the service until the test ends.
func serve(t testing.TB, creds credentials.TransportCredentials) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(grpc.Creds(creds), grpc.ConnectionTimeout(5*time.Second))
	s.RegisterService(&echo, nil)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		s.GracefulStop()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return "localhost:" + port
}

func dial(t testing.TB, addr string, creds credentials.TransportCredentials, opts ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	c, err := grpc.NewClient("passthrough:///"+addr, append(opts, grpc.WithTransportCredentials(creds))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// once makes a unary call.
func once(c *grpc.ClientConn, data []byte, opts ...grpc.CallOption) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var out wrapperspb.BytesValue
	opts = append(opts, grpc.MaxCallRecvMsgSize(64<<20))
	err := c.Invoke(ctx, "/test.Echo/Once", wrapperspb.Bytes(data), &out, opts...)
	return out.Value, err
}

// many sends n messages and takes them back, at the same time.
func many(c *grpc.ClientConn, n int) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	stream, err := c.NewStream(ctx, &echo.Streams[0], "/test.Echo/Many")
	if err != nil {
		return err
	}
	sent := make(chan error, 1)
	go func() {
		for i := range n {
			if err := stream.SendMsg(wrapperspb.Bytes(fmt.Append(nil, i))); err != nil {
				sent <- err
				return
			}
		}
		sent <- stream.CloseSend()
	}()
	for i := 0; ; i++ {
		var in wrapperspb.BytesValue
		switch err := stream.RecvMsg(&in); {
		case err == io.EOF && i == n:
			return <-sent
		case err != nil:
			return errors.Join(err, fmt.Errorf("after %d messages", i))
		case string(in.Value) != fmt.Sprint(i):
			return fmt.Errorf("message %d is %q", i, in.Value)
		}
	}
}

// Both sides work against ourselves and against gRPC over crypto/tls, in both
// versions: small calls and large ones, streams, and many calls at once.
func TestCalls(t *testing.T) {
	id := identity()
	for _, v := range []iana.Version{iana.TLS12, iana.TLS13} {
		ours := clientConfig()
		ours.MinVersion, ours.MaxVersion = v, v
		servers := map[string]credentials.TransportCredentials{
			"Handclasp":  grpccreds.NewServer(serverConfig()),
			"crypto/tls": credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{id.std}}),
		}
		clients := map[string]credentials.TransportCredentials{
			"Handclasp":  grpccreds.NewClient(ours),
			"crypto/tls": credentials.NewTLS(&tls.Config{RootCAs: id.root.Pool(), MinVersion: uint16(v), MaxVersion: uint16(v)}),
		}
		for server, serverCreds := range servers {
			for client, clientCreds := range clients {
				if server == "crypto/tls" && client == server {
					continue
				}
				t.Run(fmt.Sprintf("%v from %s to %s", v, client, server), func(t *testing.T) {
					t.Parallel()
					c := dial(t, serve(t, serverCreds), clientCreds)
					calls(t, c)
					want := fmt.Sprintf("true %v %q", v, "localhost")
					if got, err := once(c, []byte("who")); server == "Handclasp" && (err != nil || string(got) != want) {
						t.Errorf("the server knows %q, %v; want %q", got, err, want)
					}
					var p peer.Peer
					if _, err := once(c, nil, grpc.Peer(&p)); err != nil {
						t.Error(err)
					}
					if info, ok := grpccreds.FromPeer(&p); client == "Handclasp" && (!ok || info.Version != v || !info.Peer.Verified() || p.AuthInfo.AuthType() != "tls") {
						t.Errorf("the client knows %+v, %v", info, ok)
					}
				})
			}
		}
	}
}

func calls(t *testing.T, c *grpc.ClientConn) {
	t.Helper()
	large := bytes.Repeat([]byte("0123456789abcdef"), 3<<20/16)
	if got, err := once(c, large); err != nil || !bytes.Equal(got, large) {
		t.Errorf("3 MiB: %d bytes, %v", len(got), err)
	}
	if err := many(c, 500); err != nil {
		t.Errorf("stream: %v", err)
	}
	errs := make(chan error)
	for i := range 100 {
		go func() {
			want := fmt.Append(nil, i)
			got, err := once(c, want)
			if err == nil && !bytes.Equal(got, want) {
				err = fmt.Errorf("got %q, want %q", got, want)
			}
			errs <- err
		}()
	}
	for range 100 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

// A server that can't be trusted is not called, and the caller learns why.
func TestRefused(t *testing.T) {
	t.Parallel()
	addr := serve(t, grpccreds.NewServer(serverConfig()))
	for _, tt := range []struct {
		name, says string
		cfg        *handclasp.ClientConfig
		opts       []grpc.DialOption
	}{
		{"unknown authority", fault.CertUnknownIssuer.Text, nil, nil},
		{"another name in the configuration", fault.CertWrongName.Text, &handclasp.ClientConfig{RootCAs: identity().root.Pool(), ServerName: "third.test"}, nil},
		{"another authority in the channel", fault.CertWrongName.Text, clientConfig(), []grpc.DialOption{grpc.WithAuthority("third.test:443")}},
	} {
		_, err := once(dial(t, addr, grpccreds.NewClient(tt.cfg), tt.opts...), nil)
		if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), strings.TrimSuffix(tt.says, ".")) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// Names: of the target, of the configuration, of the channel, of a call.
func TestNames(t *testing.T) {
	t.Parallel()
	addr := serve(t, grpccreds.NewServer(serverConfig()))
	named := clientConfig()
	named.ServerName = "both.test"
	for want, c := range map[string]*grpc.ClientConn{
		"localhost": dial(t, addr, grpccreds.NewClient(clientConfig())),
		"both.test": dial(t, addr, grpccreds.NewClient(named)),
	} {
		if got, err := once(c, []byte("who")); err != nil || !strings.HasSuffix(string(got), fmt.Sprintf("%q", want)) {
			t.Errorf("%s: the server was asked for %s, %v", want, got, err)
		}
	}
	c := dial(t, addr, grpccreds.NewClient(clientConfig()), grpc.WithAuthority("both.test"))
	if got, err := once(c, []byte("who")); err != nil || !strings.HasSuffix(string(got), `"both.test"`) {
		t.Errorf("WithAuthority: %s, %v", got, err)
	}
	if _, err := once(c, nil, grpc.CallAuthority("127.0.0.1:1")); err != nil {
		t.Errorf("CallAuthority with a name of the certificate: %v", err)
	}
	if _, err := once(c, nil, grpc.CallAuthority("third.test")); status.Code(err) != codes.Unavailable {
		t.Errorf("CallAuthority with another name: %v", err)
	}
}

// pipe is a TCP connection with both its ends.
func pipe(t *testing.T) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

// Without HTTP/2 by ALPN there is no connection, from either side's view.
func TestALPN(t *testing.T) {
	t.Parallel()
	raw, other := pipe(t)
	go handclasp.Server(other, serverConfig()).Handshake() // ignores ALPN
	if _, _, err := grpccreds.NewClient(clientConfig()).ClientHandshake(t.Context(), "localhost", raw); err == nil || !strings.Contains(err.Error(), "HTTP/2 by ALPN") {
		t.Errorf("a server without ALPN: %v", err)
	}
	if _, err := raw.Write(nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the connection is open: %v", err)
	}

	other, raw = pipe(t)
	cfg := clientConfig()
	cfg.ServerName = "localhost"
	go handclasp.Client(other, cfg).Handshake()
	if _, _, err := grpccreds.NewServer(serverConfig()).ServerHandshake(raw); err == nil || !strings.Contains(err.Error(), "HTTP/2 by ALPN") {
		t.Errorf("a client without ALPN: %v", err)
	}
	if _, err := raw.Write(nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the connection is open: %v", err)
	}

	other, raw = pipe(t)
	cfg.NextProtos = []string{"http/1.1"}
	refused := make(chan error, 1)
	go func() { refused <- handclasp.Client(other, cfg).Handshake() }()
	if _, _, err := grpccreds.NewServer(serverConfig()).ServerHandshake(raw); !errors.Is(err, fault.NoCommonALPN) {
		t.Errorf("a client of another protocol: %v", err)
	}
	if err := <-refused; err == nil {
		t.Error("it was not told")
	}
}

// A context bounds a client's handshake.
func TestSilence(t *testing.T) {
	t.Parallel()
	raw, _ := pipe(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, _, err := grpccreds.NewClient(clientConfig()).ClientHandshake(ctx, "localhost", raw); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// A configuration is not modified, and a hook's choice speaks HTTP/2 as well.
func TestConfigurations(t *testing.T) {
	t.Parallel()
	base, other := serverConfig(), serverConfig()
	other.MaxVersion = iana.TLS12
	base.NextProtos = []string{"http/1.1"}
	base.GetConfigForClient = func(h *handclasp.HelloInfo) (*handclasp.ServerConfig, error) {
		switch h.ServerName {
		case "both.test":
			return other, nil
		case "localhost":
			return nil, nil
		}
		return nil, errors.New("not here")
	}
	creds := grpccreds.NewServer(base).Clone()
	addr := serve(t, creds)
	cfg := clientConfig()
	cfg.NextProtos = []string{"foo"}
	client := grpccreds.NewClient(cfg)
	for name, want := range map[string]string{"": `true TLS 1.3 "localhost"`, "both.test": `true TLS 1.2 "both.test"`} {
		copied := client.Clone()
		if err := copied.OverrideServerName(name); err != nil || copied.Info().ServerName != name || client.Info().ServerName != "" {
			t.Errorf("OverrideServerName: %v, %+v", err, copied.Info())
		}
		if got, err := once(dial(t, addr, copied), []byte("who")); err != nil || string(got) != want {
			t.Errorf("%q: got %s, %v; want %s", name, got, err, want)
		}
	}
	if len(base.NextProtos) != 1 || other.NextProtos != nil || cfg.NextProtos[0] != "foo" || cfg.ServerName != "" {
		t.Error("a configuration was modified")
	}
	cfg.InsecureSkipVerify = true
	named := grpccreds.NewClient(cfg)
	named.OverrideServerName("127.0.0.1")
	if _, err := once(dial(t, addr, named), nil); status.Code(err) != codes.Unavailable {
		t.Errorf("a hook that refuses: %v", err)
	}
}

// What can't be right says so.
func TestMisuse(t *testing.T) {
	t.Parallel()
	raw, _ := pipe(t)
	if _, _, err := grpccreds.NewClient(nil).ServerHandshake(raw); err == nil {
		t.Error("a client's credentials serve")
	}
	server := grpccreds.NewServer(nil)
	if _, _, err := server.ClientHandshake(t.Context(), "localhost", raw); err == nil {
		t.Error("a server's credentials dial")
	}
	if err := server.OverrideServerName("x"); err == nil {
		t.Error("a server takes a name")
	}
	if _, _, err := server.ServerHandshake(raw); !errors.Is(err, fault.ConfigNoCertificate) {
		t.Errorf("a server without a certificate: %v", err)
	}
	if _, ok := grpccreds.FromPeer(nil); ok {
		t.Error("nobody is a peer")
	}
	if err := (grpccreds.AuthInfo{}).ValidateAuthority("localhost"); err == nil {
		t.Error("a peer without a certificate may stand for a name")
	}
}
