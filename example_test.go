package handclasp_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"strings"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
)

// demo is a server that echoes, for the examples: its address, its certificate's
// root, and how to stop it.
func demo(cfg *handclasp.ServerConfig) (addr string, roots *x509.CertPool, stop func()) {
	l, err := handclasp.Listen("tcp", "127.0.0.1:0", cfg)
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { io.Copy(conn, conn); conn.Close() }()
		}
	}()
	return l.Addr().String(), authority().Pool(), func() { l.Close() }
}

func demoCertificate() handclasp.Certificate { return identities[pki.P256]().ours }

// Dial a server and speak.
func ExampleDial() {
	addr, roots, stop := demo(&handclasp.ServerConfig{Certificates: []handclasp.Certificate{demoCertificate()}})
	defer stop()

	conn, err := handclasp.Dial("tcp", addr, &handclasp.ClientConfig{RootCAs: roots, ServerName: "localhost"})
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "hello")
	conn.CloseWrite()
	answer, _ := io.ReadAll(conn)
	fmt.Println(string(answer), "over", conn.Info().Version)
	// Output: hello over TLS 1.3
}

// Listen for clients. The certificate usually comes from LoadX509KeyPair.
func ExampleListen() {
	l, err := handclasp.Listen("tcp", "127.0.0.1:0", &handclasp.ServerConfig{
		Certificates: []handclasp.Certificate{demoCertificate()},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		io.Copy(conn, conn)
	}()
	fmt.Println(l.Addr().Network())
	// Output: tcp
}

// An error says which rule was broken, by whom, and what to do.
func ExampleConn_Handshake_errors() {
	addr, roots, stop := demo(&handclasp.ServerConfig{Certificates: []handclasp.Certificate{demoCertificate()}})
	defer stop()

	_, err := handclasp.Dial("tcp", addr, &handclasp.ClientConfig{RootCAs: roots, ServerName: "example.org"})
	var f *fault.Error
	if errors.As(err, &f) {
		fmt.Println(f.ID)
		fmt.Println("at fault:", f.Blame)
		fmt.Println("alert:   ", f.AlertCode())
		fmt.Println("in state:", f.State)
	}
	fmt.Println(errors.Is(err, fault.CertWrongName))
	// Output:
	// cert-wrong-name
	// at fault: the peer
	// alert:    bad_certificate
	// in state: VERIFYING
	// true
}

// Watch a handshake as it happens.
func ExampleConn_Watch() {
	addr, roots, stop := demo(&handclasp.ServerConfig{Certificates: []handclasp.Certificate{demoCertificate()}})
	defer stop()

	raw, err := net.Dial("tcp", addr)
	if err != nil {
		log.Fatal(err)
	}
	conn := handclasp.Client(raw, &handclasp.ClientConfig{RootCAs: roots, ServerName: "localhost"})
	defer conn.Close()
	conn.Watch(func(e *handclasp.Event) {
		if e.Kind == flow.Message && e.Sent {
			fmt.Println("->", e.Type)
		} else if e.Kind == flow.Message {
			fmt.Println("<-", e.Type)
		}
	})
	if err := conn.Handshake(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// -> client_hello
	// <- server_hello
	// <- encrypted_extensions
	// <- certificate
	// <- certificate_verify
	// <- finished
	// -> finished
}

// Choose what is offered, in order of preference.
func ExampleClientConfig() {
	addr, roots, stop := demo(&handclasp.ServerConfig{Certificates: []handclasp.Certificate{demoCertificate()}})
	defer stop()

	conn, err := handclasp.Dial("tcp", addr, &handclasp.ClientConfig{
		RootCAs:          roots,
		ServerName:       "localhost",
		MinVersion:       iana.TLS13,
		CipherSuites:     []iana.CipherSuite{iana.TLS_CHACHA20_POLY1305_SHA256},
		CurvePreferences: []iana.Group{iana.Secp384r1, iana.X25519},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	fmt.Println(conn.Info().CipherSuite)
	// Output: TLS_CHACHA20_POLY1305_SHA256
}

// Follow certificate files that are renewed while the server runs.
func ExampleNewCertificateFiles() {
	files, err := handclasp.NewCertificateFiles("cert.pem", "key.pem")
	if err != nil {
		fmt.Println("no certificate yet")
		return
	}
	files.OnReload = func(err error) { log.Println("certificate read again:", err) }
	_, err = handclasp.Listen("tcp", ":443", &handclasp.ServerConfig{GetCertificate: files.GetCertificate})
	log.Fatal(err)
	// Output: no certificate yet
}

// Derive keys for another protocol from a connection.
func ExampleConn_ExportKeyingMaterial() {
	addr, roots, stop := demo(&handclasp.ServerConfig{Certificates: []handclasp.Certificate{demoCertificate()}})
	defer stop()

	conn, err := handclasp.Dial("tcp", addr, &handclasp.ClientConfig{RootCAs: roots, ServerName: "localhost", Time: time.Now})
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	key, err := conn.ExportKeyingMaterial("EXPORTER-my-protocol", nil, 32)
	fmt.Println(len(key), err)
	// Output: 32 <nil>
}

// Choose the certificate, or the whole configuration, by what the client says.
func ExampleServerConfig_hooks() {
	fallback := demoCertificate()
	addr, roots, stop := demo(&handclasp.ServerConfig{
		GetConfigForClient: func(h *handclasp.HelloInfo) (*handclasp.ServerConfig, error) {
			if h.ServerName != "localhost" {
				return nil, fmt.Errorf("no such host here: %q", h.ServerName)
			}
			return nil, nil // this configuration will do
		},
		GetCertificate: func(h *handclasp.HelloInfo) (*handclasp.Certificate, error) {
			return &fallback, nil
		},
	})
	defer stop()

	conn, err := handclasp.Dial("tcp", addr, &handclasp.ClientConfig{RootCAs: roots, ServerName: "localhost"})
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	fmt.Println(conn.Info().Peer.Peer[0].DNSNames[0])
	// Output: localhost
}

// Take over a configuration of crypto/tls, and hear what it can't carry.
func ExampleClientFromTLS() {
	cfg, err := handclasp.ClientFromTLS(&tls.Config{ServerName: "localhost", ClientSessionCache: tls.NewLRUClientSessionCache(8)})
	var lost *handclasp.NotCarried
	if errors.As(err, &lost) {
		for _, f := range lost.Fields {
			fmt.Printf("%s: %s\n", f.Name, f.Why)
		}
	}
	fmt.Println(cfg.ServerName)
	// Output:
	// ClientSessionCache: set Sessions, for instance to a session.NewClientMemory
	// localhost
}

// Change the keys of a long connection, and ask the peer to do the same.
func ExampleConn_KeyUpdate() {
	addr, roots, stop := demo(&handclasp.ServerConfig{Certificates: []handclasp.Certificate{demoCertificate()}})
	defer stop()

	var keys strings.Builder // SSLKEYLOGFILE's format: whoever reads it reads the traffic
	conn, err := handclasp.Dial("tcp", addr, &handclasp.ClientConfig{RootCAs: roots, ServerName: "localhost", KeyLogWriter: &keys})
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	if err := conn.KeyUpdate(true); err != nil {
		log.Fatal(err)
	}
	fmt.Fprint(conn, "under new keys")
	answer := make([]byte, 14)
	io.ReadFull(conn, answer)
	fmt.Println(string(answer), strings.Count(keys.String(), "\n"))
	// Output: under new keys 5
}
