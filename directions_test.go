package handclasp_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/engine"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/internal/wire"
)

// A mute connection can't be written to any more, and can be read.
type mute struct {
	net.Conn
	muted atomic.Bool
}

func (m *mute) Write(p []byte) (int, error) {
	if m.muted.Load() {
		return 0, syscall.EPIPE
	}
	return m.Conn.Write(p)
}

// TestEarlyAnswer: a peer that answers, or says what is wrong, and goes while we
// still write is heard.
func TestEarlyAnswer(t *testing.T) {
	c, s := loopback(t)
	m := &mute{Conn: c}
	client, server := handclasp.Client(m, clientConfig()), handclasp.Server(s, serverConfig())
	if err := both(client.Handshake, server.Handshake); err != nil {
		t.Fatal(err)
	}
	m.muted.Store(true)
	b := make([]byte, 5)
	for range 3 {
		server.KeyUpdate(true) // our answer to it fails as well
		server.Write([]byte("hello"))
		if _, err := io.ReadFull(client, b); err != nil || string(b) != "hello" {
			t.Errorf("read %q, %v", b, err)
		}
		if _, err := client.Write([]byte("more")); !errors.Is(err, fault.PeerReset) {
			t.Errorf("write: %v", err)
		}
	}
	server.CloseWrite()
	if _, err := client.Read(b); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

// TestWriteDeadlineLeavesReading: when writing is over, reading is not.
func TestWriteDeadlineLeavesReading(t *testing.T) {
	client, server := connected(t)
	client.SetWriteDeadline(time.Now().Add(30 * time.Millisecond))
	if _, err := client.Write(make([]byte, 64<<20)); err == nil {
		t.Fatal("the write went through")
	}
	if _, err := client.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the next write: %v", err)
	}
	if _, err := server.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 5)
	if _, err := io.ReadFull(client, b); err != nil || string(b) != "hello" {
		t.Errorf("read %q, %v", b, err)
	}
}

// TestTruncationLeavesWriting: a peer that closes its half without close_notify
// still hears us.
func TestTruncationLeavesWriting(t *testing.T) {
	client, server := connected(t)
	server.NetConn().(*net.TCPConn).CloseWrite()
	for range 2 {
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, fault.Truncated) {
			t.Fatalf("read %v", err)
		}
	}
	if _, err := client.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 5)
	if _, err := io.ReadFull(server, b); err != nil || string(b) != "hello" {
		t.Errorf("the peer reads %q, %v", b, err)
	}
}

// TestBeforeHandshake: what only a complete handshake has is refused, also while
// one is under way (the race detector watches).
func TestBeforeHandshake(t *testing.T) {
	c, _ := loopback(t)
	client := handclasp.Client(c, clientConfig())
	go client.Handshake()
	for range 100 {
		if err := client.CloseWrite(); !errors.Is(err, fault.NotConnected) {
			t.Fatalf("CloseWrite: %v", err)
		}
		if _, err := client.ExportKeyingMaterial("EXPORTER-x", nil, 8); !errors.Is(err, fault.NotConnected) {
			t.Fatalf("ExportKeyingMaterial: %v", err)
		}
	}
	client.Close()
}

// TestFallback: a client that retries with TLS 1.2 and says so is refused by a
// server that speaks TLS 1.3, and by no other.
func TestFallback(t *testing.T) {
	for _, highest := range []iana.Version{iana.TLS13, iana.TLS12} {
		cfg := clientConfig()
		cfg.MaxVersion = iana.TLS12
		client, err := engine.NewClient(cfg)
		if err != nil {
			t.Fatal(err)
		}
		client.Edit(func(m wire.Message) {
			if h, ok := m.(*wire.ClientHello); ok {
				h.CipherSuites = wire.MakeList16(append(h.CipherSuites.Slice(), iana.TLS_FALLBACK_SCSV)...)
			}
		})
		own := serverConfig()
		own.MaxVersion = highest
		server, err := engine.NewServer(own)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = server.Recv(client.Output(nil))
		if refused := errors.Is(err, fault.InappropriateFallback); refused != (highest == iana.TLS13) {
			t.Errorf("a server up to %v: %v", highest, err)
		}
	}
}

// TestHashOfAnotherCurve: in TLS 1.2 an ECDSA key may sign with any hash; in TLS
// 1.3 it may not.
func TestHashOfAnotherCurve(t *testing.T) {
	server := &handclasp.ServerConfig{Certificates: []handclasp.Certificate{identities[pki.P384]().ours}}
	client := clientConfig()
	client.SignatureSchemes = []iana.SignatureScheme{iana.ECDSA_SECP256R1_SHA256}
	client.MaxVersion = iana.TLS12
	if conn, err, _ := handshake(t, client, server); err != nil || conn.Info().SignatureScheme != iana.ECDSA_SECP256R1_SHA256 {
		t.Errorf("TLS 1.2: %v", err)
	}
	client.SignatureSchemes = nil
	if conn, err, _ := handshake(t, client, server); err != nil || conn.Info().SignatureScheme != iana.ECDSA_SECP384R1_SHA384 {
		t.Errorf("TLS 1.2 with all schemes: %v, %v", conn.Info().SignatureScheme, err)
	}
	client.SignatureSchemes, client.MaxVersion = []iana.SignatureScheme{iana.ECDSA_SECP256R1_SHA256}, iana.TLS13
	client.MinVersion = iana.TLS13
	if _, _, err := handshake(t, client, server); !errors.Is(err, fault.NoCommonSigalg) {
		t.Errorf("TLS 1.3: %v", err)
	}
}

// TestHookSeesConnection: hooks get the context and the connection below.
func TestHookSeesConnection(t *testing.T) {
	server := serverConfig()
	server.GetConfigForClient = func(h *handclasp.HelloInfo) (*handclasp.ServerConfig, error) {
		if _, ok := h.Conn.(net.Conn); !ok {
			return nil, errors.New("no connection")
		}
		<-h.Context.Done()
		return nil, h.Context.Err()
	}
	c, s := loopback(t)
	go handclasp.Client(c, clientConfig()).Handshake()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := handclasp.Server(s, server).HandshakeContext(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// TestReloadAgain: a file that could not be read is tried again although it has
// not changed, and OnReload may ask for the certificate.
func TestReloadAgain(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	issued, err := authority().Issue(pki.Leaf{Names: []string{"localhost"}})
	if err != nil {
		t.Fatal(err)
	}
	key, err := issued.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	write := func(file string, b []byte) {
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(certFile, issued.PEM())
	write(keyFile, key)
	files, err := handclasp.NewCertificateFiles(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	var told []error
	files.OnReload = func(err error) {
		files.Current()
		told = append(told, err)
	}
	os.Rename(keyFile, keyFile+".away")
	for range 2 {
		time.Sleep(1020 * time.Millisecond)
		files.Current()
	}
	os.Rename(keyFile+".away", keyFile)
	time.Sleep(1020 * time.Millisecond)
	files.Current()
	if len(told) != 1 || told[0] == nil {
		t.Errorf("told %v", told) // one failure; the same files again are no news
	}
}
