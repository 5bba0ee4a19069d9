package handclasp_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"flag"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/explain"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
)

var recordWith = flag.String("record", "", "record compressed certificates anew from `PROGRAM`, a server of rustls whose arguments are a port, the files of a chain and its key, and an algorithm")

// recorded is when the handshakes of testdata/compressed were, and their
// certificates made.
var recorded = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

// TestCompressedByRustls: rustls 0.23.46 compresses its certificates in the two
// ways that it has (RFC 8879). The handshakes were recorded once, and are played
// again to a client that draws the same numbers.
func TestCompressedByRustls(t *testing.T) {
	for _, a := range []iana.CertCompression{iana.CertBrotli, iana.CertZlib} {
		t.Run(a.String(), func(t *testing.T) {
			files := filepath.Join("testdata", "compressed", a.String())
			if *recordWith != "" {
				recordRustls(t, a, files)
			}
			text, err := os.ReadFile(files + ".hex")
			check(t, err)
			raw, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
			check(t, err)
			cfg := compressedConfig(t, a, files)
			story := explain.New(fault.Client, func() time.Time { return recorded })
			c := handclasp.Client(&replay{r: bytes.NewReader(raw)}, cfg)
			c.Watch(story.Watch)
			check(t, c.Handshake())
			info := c.Info()
			if info.CertCompression != a || len(info.Peer.Chains) == 0 {
				t.Errorf("compression %v, %d chains", info.CertCompression, len(info.Peer.Chains))
			}
			steps := story.Story().Steps
			i := slices.IndexFunc(steps, func(s explain.Step) bool { return s.Message == "compressed_certificate" })
			if i < 0 || len(steps[i].Certificates) != 2 || !strings.Contains(strings.Join(steps[i].Text, " "), "compressed with "+a.String()) {
				t.Error("it is not told")
			}

		})
	}
}

// compressedConfig is a client that draws the same numbers each time.
func compressedConfig(t *testing.T, a iana.CertCompression, files string) *handclasp.ClientConfig {
	t.Helper()
	root, err := os.ReadFile(files + ".pem")
	check(t, err)
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(root) {
		t.Fatal("no root")
	}
	return &handclasp.ClientConfig{
		ServerName: "localhost", RootCAs: pool, CertificateCompression: []iana.CertCompression{a},
		MinVersion: iana.TLS13, CurvePreferences: []iana.Group{iana.X25519},
		Rand: rand.NewChaCha8(sha256.Sum256([]byte(a.String()))), Time: func() time.Time { return recorded },
	}
}

// A replay is a connection to what a server once said.
type replay struct {
	net.Conn
	r io.Reader
}

func (p *replay) Read(b []byte) (int, error)       { return p.r.Read(b) }
func (p *replay) Write(b []byte) (int, error)      { return len(b), nil }
func (p *replay) Close() error                     { return nil }
func (p *replay) SetDeadline(time.Time) error      { return nil }
func (p *replay) SetReadDeadline(time.Time) error  { return nil }
func (p *replay) SetWriteDeadline(time.Time) error { return nil }

// recordRustls keeps a root, and what the program says to our client.
func recordRustls(t *testing.T, a iana.CertCompression, files string) {
	root, err := pki.NewAuthority("Recorded root", pki.Options{Now: recorded})
	check(t, err)
	sub, err := root.Intermediate("Recorded intermediate", pki.Options{Now: recorded})
	check(t, err)
	id, err := sub.Issue(pki.Leaf{Names: []string{"localhost"}})
	check(t, err)
	key, err := id.KeyPEM()
	check(t, err)
	dir := t.TempDir()
	for file, content := range map[string][]byte{files + ".pem": root.PEM(), dir + "/cert": id.PEM(), dir + "/key": key} {
		check(t, os.WriteFile(file, content, 0o644))
	}
	const addr = "127.0.0.1:40443"
	_, port, _ := net.SplitHostPort(addr)
	server := exec.Command(*recordWith, port, dir+"/cert", dir+"/key", a.String())
	check(t, server.Start())
	defer func() { server.Process.Kill(); server.Wait() }()
	var conn net.Conn
	for range 50 {
		if conn, err = net.Dial("tcp", addr); err == nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	check(t, err)
	defer conn.Close()
	tap := &tee{Conn: conn}
	check(t, handclasp.Client(tap, compressedConfig(t, a, files)).Handshake())
	var text strings.Builder
	for line := range slices.Chunk(tap.came.Bytes(), 40) {
		text.WriteString(hex.EncodeToString(line) + "\n")
	}
	check(t, os.WriteFile(files+".hex", []byte(text.String()), 0o644))
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
