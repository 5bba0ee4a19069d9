package handclasp_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
)

// handshake runs one between the two configurations and gives the client's end.
func handshake(t *testing.T, client *handclasp.ClientConfig, server *handclasp.ServerConfig) (*handclasp.Conn, error, error) {
	t.Helper()
	c, s := loopback(t)
	us, them := handclasp.Client(c, client), handclasp.Server(s, server)
	done := make(chan error, 1)
	go func() { done <- them.Handshake() }()
	err := us.Handshake()
	return us, err, <-done
}

// TestHooks: by name, a server gives another certificate or configuration, with
// and without a HelloRetryRequest, in both versions.
func TestHooks(t *testing.T) {
	other := issue(pki.Leaf{Names: []string{"other.test"}})
	server := serverConfig()
	server.GetCertificate = handclasp.TLSGetCertificate(func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if h.ServerName == "other.test" {
			return &other.std, nil
		}
		return nil, nil
	})
	server.GetConfigForClient = func(h *handclasp.HelloInfo) (*handclasp.ServerConfig, error) {
		switch h.ServerName {
		case "strict.test":
			return nil, errors.New("not today")
		case "p384.test":
			return &handclasp.ServerConfig{Certificates: server.Certificates, CurvePreferences: []iana.Group{iana.Secp384r1}}, nil
		}
		return nil, nil
	}
	for _, v := range []iana.Version{iana.TLS12, iana.TLS13} {
		client := clientConfig()
		client.MaxVersion, client.ServerName = v, "other.test"
		conn, err, _ := handshake(t, client, server)
		if err != nil || conn.Info().Peer.Peer[0].DNSNames[0] != "other.test" {
			t.Errorf("%v: GetCertificate: %v", v, err)
		}
		client.ServerName, client.InsecureSkipVerify = "p384.test", true
		conn, err, _ = handshake(t, client, server)
		if err != nil || conn.Info().Group != iana.Secp384r1 || conn.Info().Retried != (v == iana.TLS13) {
			t.Errorf("%v: GetConfigForClient: %v, %v", v, err, conn.Info().Group)
		}
		client.ServerName = "strict.test"
		if _, _, err = handshake(t, client, server); !errors.Is(err, fault.ConfigHook) || !strings.Contains(err.Error(), "not today") {
			t.Errorf("%v: a hook that refuses: %v", v, err)
		}
	}
	only := &handclasp.ServerConfig{GetCertificate: func(*handclasp.HelloInfo) (*handclasp.Certificate, error) { return nil, nil }}
	if _, _, err := handshake(t, clientConfig(), only); !errors.Is(err, fault.CertificateHook) {
		t.Errorf("no certificate at all: %v", err)
	}
}

// TestCurveOfCertificate: a TLS 1.2 client that does not list a certificate's
// curve gets another one if there is any, and this one if not.
func TestCurveOfCertificate(t *testing.T) {
	client := clientConfig()
	client.MaxVersion, client.CurvePreferences = iana.TLS12, []iana.Group{iana.X25519}
	server := serverConfig() // P-256
	conn, err, _ := handshake(t, client, server)
	if err != nil || conn.Info().CipherSuite != iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 {
		t.Errorf("P-256 alone: %v, %v", conn.Info().CipherSuite, err)
	}
	server.Certificates = append(server.Certificates, identities[pki.RSA2048]().ours)
	conn, err, _ = handshake(t, client, server)
	if err != nil || conn.Info().CipherSuite != iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 {
		t.Errorf("with RSA beside it: %v, %v", conn.Info().CipherSuite, err)
	}
}

// TestCertificateFiles: new files are used by new connections, bad ones are
// not, and connections that stand stay.
func TestCertificateFiles(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	write := func(name string) {
		t.Helper()
		issued, err := authority().Issue(pki.Leaf{Names: []string{"localhost", name}})
		if err != nil {
			t.Fatal(err)
		}
		key, err := issued.KeyPEM()
		if err != nil {
			t.Fatal(err)
		}
		later := time.Now().Add(time.Duration(len(name)) * time.Minute) // file systems count in coarse steps
		for file, content := range map[string][]byte{certFile: issued.PEM(), keyFile: key} {
			if err := errors.Join(os.WriteFile(file, content, 0o600), os.Chtimes(file, later, later)); err != nil {
				t.Fatal(err)
			}
		}
	}
	write("1.test")
	files, err := handclasp.NewCertificateFiles(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var reloads []error
	files.OnReload = func(err error) { mu.Lock(); reloads = append(reloads, err); mu.Unlock() }
	server := &handclasp.ServerConfig{GetCertificate: files.GetCertificate}
	name := func() string {
		conn, err, _ := handshake(t, clientConfig(), server)
		if err != nil {
			t.Fatal(err)
		}
		return conn.Info().Peer.Peer[0].DNSNames[1]
	}
	if got := name(); got != "1.test" {
		t.Fatalf("first: %s", got)
	}
	write("22.test")
	time.Sleep(1050 * time.Millisecond)
	if got := name(); got != "22.test" {
		t.Errorf("after a change: %s", got)
	}
	os.WriteFile(certFile, []byte("rubbish"), 0o600)
	time.Sleep(1050 * time.Millisecond)
	if got := name(); got != "22.test" {
		t.Errorf("after a bad change: %s", got)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(reloads) != 2 || reloads[0] != nil || !errors.Is(reloads[1], fault.ConfigCertificate) {
		t.Errorf("reloads %v", reloads)
	}
}

// TestReloadUnderLoad: while certificates change, no request is lost.
func TestReloadUnderLoad(t *testing.T) {
	ids := []identity{issue(pki.Leaf{Names: []string{"localhost", "a.test"}}), issue(pki.Leaf{Names: []string{"localhost", "b.test"}})}
	var mu sync.Mutex
	turn := 0
	l, err := handclasp.Listen("tcp", "127.0.0.1:0", &handclasp.ServerConfig{GetCertificate: func(*handclasp.HelloInfo) (*handclasp.Certificate, error) {
		mu.Lock()
		defer mu.Unlock()
		turn++
		return &ids[turn/10%2].ours, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { io.Copy(c, c); c.Close() }()
		}
	}()
	cfg := clientConfig()
	errs := make(chan error, 8)
	for range cap(errs) {
		go func() {
			for range 25 {
				if err := echo(l.Addr().String(), cfg); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func echo(addr string, cfg *handclasp.ClientConfig) error {
	c, err := handclasp.Dial("tcp", addr, cfg)
	if err != nil {
		return err
	}
	defer c.Close()
	b := []byte("hello")
	if _, err := c.Write(b); err != nil {
		return err
	}
	_, err = io.ReadFull(c, b)
	return err
}

// TestFromTLS: configurations of crypto/tls are carried over, and what can't be
// is named.
func TestFromTLS(t *testing.T) {
	id := identities[pki.P256]()
	server, err := handclasp.ServerFromTLS(&tls.Config{
		Certificates: []tls.Certificate{id.std}, NextProtos: []string{"a"}, MinVersion: tls.VersionSSL30, //lint:ignore SA1019 that it is refused is the point
		CipherSuites:                []uint16{tls.TLS_RSA_WITH_RC4_128_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384},
		DynamicRecordSizingDisabled: true,
	})
	var lost *handclasp.NotCarried
	if !errors.As(err, &lost) || len(lost.Fields) != 2 || !server.DynamicRecordSizingDisabled {
		t.Fatalf("lost: %v", err)
	}
	for _, name := range []string{"MinVersion (SSL 3.0", "CipherSuites (TLS_RSA_WITH_RC4_128_SHA"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%v does not name %s", err, name)
		}
	}
	client, err := handclasp.ClientFromTLS(&tls.Config{
		ServerName: "localhost", RootCAs: roots(), NextProtos: []string{"a"}, MaxVersion: tls.VersionTLS12,
		CurvePreferences: []tls.CurveID{tls.CurveP384}, DynamicRecordSizingDisabled: true,
	})
	if err != nil || !client.DynamicRecordSizingDisabled {
		t.Fatalf("%+v, %v", client, err)
	}
	conn, err, serverErr := handshake(t, client, server)
	if err != nil || serverErr != nil {
		t.Fatal(err, serverErr)
	}
	if i := conn.Info(); i.CipherSuite != iana.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 || i.Group != iana.Secp384r1 || i.ALPN != "a" {
		t.Errorf("negotiated %+v", i)
	}
}

var _ net.Conn = (*handclasp.Conn)(nil)
