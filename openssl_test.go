package handclasp_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/pki"
	"github.com/handclasp/handclasp/internal/suite"
	"github.com/handclasp/handclasp/session"
)

// What OpenSSL, which nobody here wrote, thinks of what must be named and of
// resumption, in both roles. The matrix of the default suites is in interop.

// openssl is where the program is; without it there is nothing to test.
func openssl(t *testing.T) string {
	t.Helper()
	return installed(t, "openssl")
}

// installed is where a program is.
func installed(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil && os.Getenv("CI") != "true" {
		t.Skip(program + " is not on this machine; CI has it")
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var sharedKey = bytes.Repeat([]byte{0x5a}, 16)

// files writes what OpenSSL needs to show an identity and to trust ours.
func files(t *testing.T, k pki.Key) (cert, key, ca string) {
	t.Helper()
	id := identities[k]()
	der, err := x509.MarshalPKCS8PrivateKey(id.std.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	var chain bytes.Buffer
	for _, b := range id.std.Certificate {
		pem.Encode(&chain, &pem.Block{Type: "CERTIFICATE", Bytes: b})
	}
	dir := t.TempDir()
	cert, key, ca = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "ca.pem")
	for name, b := range map[string][]byte{
		cert: chain.Bytes(), key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), ca: authority().PEM(),
	} {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key, ca
}

// opensslServer starts s_server, which sends each line back in reverse, and gives
// its address.
func opensslServer(t *testing.T, k pki.Key, args ...string) string {
	t.Helper()
	addr, out := startServer(t, k, append([]string{"-rev"}, args...)...)
	go io.Copy(io.Discard, out) // it must not stop for a full pipe; ends with the process
	return addr
}

// startServer starts s_server, and gives its address and what it prints.
func startServer(t *testing.T, k pki.Key, args ...string) (string, *bufio.Reader) {
	addr, out, _ := talkToServer(t, k, args...)
	return addr, out
}

// talkToServer is startServer for who has something to say to s_server.
func talkToServer(t *testing.T, k pki.Key, args ...string) (addr string, out *bufio.Reader, in io.Writer) {
	t.Helper()
	program := openssl(t)
	cert, key, ca := files(t, k)
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	cmd := exec.CommandContext(ctx, program, append([]string{"s_server", "-accept", "127.0.0.1:0",
		"-cert", cert, "-key", key, "-CAfile", ca, "-psk_identity", "somebody"}, args...)...)
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err = cmd.StdinPipe() // it ends when its input does
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		cmd.Wait()
	})
	for out = bufio.NewReader(pipe); ; {
		line, err := out.ReadString('\n')
		if at, ok := strings.CutPrefix(strings.TrimSpace(line), "ACCEPT "); ok {
			return at, out, in
		}
		if err != nil {
			t.Fatalf("s_server %v does not start: %v", args, err)
		}
	}
}

// askReversed says hello to a server that reverses lines.
func askReversed(conn *handclasp.Conn) error {
	if _, err := io.WriteString(conn, "hello\n"); err != nil {
		return err
	}
	b := make([]byte, len("olleh\n"))
	if _, err := io.ReadFull(conn, b); err != nil || string(b) != "olleh\n" {
		return fmt.Errorf("the server says %q, %v", b, err)
	}
	return nil
}

// dial connects, says hello and leaves what comes behind to the next.
func dial(t *testing.T, addr string, cfg *handclasp.ClientConfig) flow.Info {
	t.Helper()
	raw, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	raw.SetDeadline(time.Now().Add(20 * time.Second))
	conn := handclasp.Client(raw, cfg)
	defer conn.Close()
	if err := askReversed(conn); err != nil {
		t.Fatal(err)
	}
	return conn.Info()
}

// serveReversed answers one connection as s_server -rev does, and gives what it
// came to.
func serveReversed(t *testing.T, l net.Listener, cfg *handclasp.ServerConfig) (flow.Info, []byte, error) {
	l.(*net.TCPListener).SetDeadline(time.Now().Add(20 * time.Second))
	raw, err := l.Accept()
	if err != nil {
		return flow.Info{}, nil, err
	}
	raw.SetDeadline(time.Now().Add(20 * time.Second))
	conn := handclasp.Server(raw, cfg)
	defer conn.Close()
	early, err := io.ReadAll(earlyReader{conn})
	if err != nil {
		return flow.Info{}, nil, err
	}
	line, err := bufio.NewReader(io.MultiReader(bytes.NewReader(early), conn)).ReadString('\n')
	if err != nil {
		return conn.Info(), early, err
	}
	b := []byte(strings.TrimSpace(line))
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	_, err = conn.Write(append(b, '\n'))
	return conn.Info(), early, err
}

type earlyReader struct{ conn *handclasp.Conn }

func (r earlyReader) Read(p []byte) (int, error) { return r.conn.ReadEarly(p) }

// opensslClient has s_client say hello to our server.
func opensslClient(t *testing.T, cfg *handclasp.ServerConfig, args ...string) (flow.Info, []byte) {
	t.Helper()
	program := openssl(t)
	_, _, ca := files(t, pki.P256)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, append([]string{"s_client", "-connect", l.Addr().String(), "-servername", "localhost",
		"-CAfile", ca, "-verify_return_error", "-ign_eof", "-quiet"}, args...)...)
	cmd.Stdin = strings.NewReader("hello\n")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	info, early, err := serveReversed(t, l, cfg)
	cmd.Wait()
	if err != nil || !strings.Contains(out.String(), "olleh") {
		t.Fatalf("%v; s_client %v says\n%s", err, args, out.String())
	}
	return info, early
}

// flagsFor are OpenSSL's words for a version and a suite.
func flagsFor(v iana.Version, s *suite.Suite) []string {
	flag := map[iana.Version]string{iana.TLS13: "-tls1_3", iana.TLS12: "-tls1_2", iana.TLS11: "-tls1_1", iana.TLS10: "-tls1"}[v]
	if v == iana.TLS13 {
		return []string{flag, "-ciphersuites", s.ID.String()}
	}
	args := []string{flag, "-cipher", s.ID.OpenSSL() + ":@SECLEVEL=0"}
	if s.Exchange.PreShared() {
		args = append(args, "-psk", hex.EncodeToString(sharedKey))
	}
	return args
}

// TestOpenSSLNamed: every suite that must be named and that OpenSSL's build has, in
// each version, in both roles.
func TestOpenSSLNamed(t *testing.T) {
	program := openssl(t)
	list, err := exec.Command(program, "ciphers", "-stdname", "ALL:COMPLEMENTOFALL:@SECLEVEL=0").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, s := range suite.All() {
		if !strings.Contains(string(list), s.ID.String()+" ") && !s.For(iana.TLS13) || s.ID.OpenSSL() == "" {
			continue
		}
		for _, v := range []iana.Version{iana.TLS13, iana.TLS12, iana.TLS11, iana.TLS10} {
			if !s.For(v) || testing.Short() && seen > 3 {
				continue
			}
			seen++
			key := pki.P256
			if s.Auth == suite.RSA {
				key = pki.RSA2048
			}
			psks := []handclasp.PSK{{Identity: []byte("somebody"), Key: sharedKey}}
			check := func(t *testing.T, i flow.Info) {
				if i.Version != v || i.CipherSuite != s.ID || i.EncryptThenMAC != s.CBC() || i.ForwardSecrecy != s.ForwardSecret() {
					t.Errorf("%v, %v, encrypt-then-MAC %v, forward secrecy %v", i.Version, i.CipherSuite, i.EncryptThenMAC, i.ForwardSecrecy)
				}
			}
			t.Run(fmt.Sprintf("%v/%v/client", v, s.ID), func(t *testing.T) {
				cfg := clientConfig()
				cfg.MinVersion, cfg.MaxVersion, cfg.CipherSuites, cfg.MinDHBits = v, v, []iana.CipherSuite{s.ID}, 1024
				if s.Exchange.PreShared() {
					cfg.PSKs = psks
				}
				check(t, dial(t, opensslServer(t, key, flagsFor(v, s)...), cfg))
			})
			t.Run(fmt.Sprintf("%v/%v/server", v, s.ID), func(t *testing.T) {
				cfg := &handclasp.ServerConfig{
					Certificates: []handclasp.Certificate{identities[key]().ours}, MinVersion: v, MaxVersion: v, CipherSuites: []iana.CipherSuite{s.ID},
				}
				args := flagsFor(v, s)
				if s.Exchange.PreShared() {
					cfg.PSKs = psks
					args = append(args, "-psk_identity", "somebody")
				}
				i, _ := opensslClient(t, cfg, args...)
				check(t, i)
			})
		}
	}
	if seen < 60 && !testing.Short() {
		t.Errorf("only %d suites and versions in common", seen)
	}
}

// resuming gives a server of ours what it needs for tickets and 0-RTT. The guard's
// memory counts as old: no test runs before this one.
func resuming(t *testing.T, kv session.KV) *handclasp.ServerConfig {
	t.Helper()
	cfg := serverConfig()
	cfg.Time = time.Now
	var err error
	if cfg.Tickets, err = session.NewTickets(session.TicketOptions{Clock: time.Now, Source: ticketKeys(t)}); err != nil {
		t.Fatal(err)
	}
	guard, err := session.NewGuard(session.GuardOptions{KV: struct{ session.KV }{kv}, Clock: time.Now, Started: time.Now().Add(-time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	cfg.EarlyData, cfg.Guard = 1<<12, guard
	return cfg
}

// ticketKeys are those of a fleet.
func ticketKeys(t *testing.T) session.KeySource {
	keys, err := session.SharedKeys(bytes.Repeat([]byte{1}, 32), session.Rotation{})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func memory(t *testing.T) session.KV {
	kv, err := session.NewMemory(session.MemoryOptions{Clock: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return kv
}

// TestOpenSSLResumesWithUs: s_client resumes by our ticket, and sends 0-RTT data.
func TestOpenSSLResumesWithUs(t *testing.T) {
	cfg := resuming(t, memory(t))
	dir := t.TempDir()
	kept, early := filepath.Join(dir, "session"), filepath.Join(dir, "early")
	if err := os.WriteFile(early, []byte("hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if i, _ := opensslClient(t, cfg, "-tls1_3", "-sess_out", kept); i.Resumed {
		t.Error("the first connection is resumed")
	}
	if i, _ := opensslClient(t, cfg, "-tls1_3", "-sess_in", kept); !i.Resumed {
		t.Error("the second connection is not resumed")
	}
	if i, got := opensslClient(t, cfg, "-tls1_3", "-sess_in", kept, "-early_data", early); i.EarlyData.State != flow.EarlyAccepted || string(got) != "hello\n" {
		t.Errorf("0-RTT: %v, %q", i.EarlyData, got)
	}
	if i, got := opensslClient(t, cfg, "-tls1_3", "-sess_in", kept, "-early_data", early); i.EarlyData.State != flow.EarlyRejected || len(got) > 0 || !i.Resumed {
		t.Errorf("the same ticket with 0-RTT again: %v, %q, resumed %v", i.EarlyData, got, i.Resumed)
	}
}

// TestResumingWithOpenSSL: we resume by s_server's tickets.
func TestResumingWithOpenSSL(t *testing.T) {
	sessions, err := session.NewClientMemory(session.ClientOptions{Clock: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	addr := opensslServer(t, pki.P256, "-tls1_3")
	cfg := clientConfig()
	cfg.Sessions, cfg.Time = sessions, time.Now
	if i := dial(t, addr, cfg); i.Resumed {
		t.Error("the first connection is resumed")
	}
	if i := dial(t, addr, cfg); !i.Resumed || !i.Peer.Verified() {
		t.Errorf("the second connection: resumed %v", i.Resumed)
	}
}

// TestResume12OpenSSL: in TLS 1.0 to 1.2 both sides resume by ticket and by session
// ID, whoever is the server.
func TestResume12OpenSSL(t *testing.T) {
	program := openssl(t)
	if out, _ := exec.Command(program, "s_server", "-help").CombinedOutput(); !strings.Contains(string(out), "-no_ticket") {
		t.Skip("this openssl has no -no_ticket")
	}
	for _, v := range []iana.Version{iana.TLS12, iana.TLS11, iana.TLS10} {
		flag := map[iana.Version]string{iana.TLS12: "-tls1_2", iana.TLS11: "-tls1_1", iana.TLS10: "-tls1"}[v]
		for _, way := range []string{"ticket", "session ID"} {
			args := []string{flag, "-cipher", "ALL:@SECLEVEL=0"}
			if way != "ticket" {
				args = append(args, "-no_ticket")
			}
			t.Run(fmt.Sprintf("%v/%s/client", v, way), func(t *testing.T) {
				addr := opensslServer(t, pki.P256, args...)
				cfg := clientConfig()
				cfg.Sessions, cfg.Time, cfg.MinVersion = clientStore(t), time.Now, v
				cfg.SessionIDs = way != "ticket"
				for i := range 3 {
					if got := dial(t, addr, cfg); got.Resumed != (i > 0) || got.Version != v || !got.Peer.Verified() {
						t.Errorf("connection %d: resumed %v, %v", i, got.Resumed, got.Version)
					}
				}
			})
			t.Run(fmt.Sprintf("%v/%s/server", v, way), func(t *testing.T) {
				cfg := resuming(t, memory(t))
				cfg.MinVersion, cfg.SessionCache = v, session.NewCache(memory(t))
				kept := filepath.Join(t.TempDir(), "session")
				if i, _ := opensslClient(t, cfg, append(args, "-sess_out", kept)...); i.Resumed || i.Version != v {
					t.Errorf("the first connection: resumed %v, %v", i.Resumed, i.Version)
				}
				for range 2 {
					if i, _ := opensslClient(t, cfg, append(args, "-sess_in", kept)...); !i.Resumed {
						t.Error("the next connection is not resumed")
					}
				}
			})
		}
	}
}

// A notedStore knows whether a session came.
type notedStore struct {
	session.ClientStore
	came atomic.Bool
}

func (s *notedStore) Put(ctx context.Context, key string, new *session.Session) error {
	defer s.came.Store(true)
	return s.ClientStore.Put(ctx, key, new)
}

// TestEarlyDataToOpenSSL: s_server takes what we send in 0-RTT, once.
func TestEarlyDataToOpenSSL(t *testing.T) {
	memory, err := session.NewClientMemory(session.ClientOptions{Clock: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	sessions := &notedStore{ClientStore: memory}
	addr, out := startServer(t, pki.P256, "-tls1_3", "-early_data", "-max_early_data", "1000")
	printed := make(chan bool, 1)
	go func() {
		for {
			line, err := out.ReadString('\n')
			if strings.Contains(line, "early words") || err != nil {
				printed <- err == nil
				return
			}
		}
	}()
	cfg := clientConfig()
	cfg.Sessions, cfg.Time, cfg.EarlyData = sessions, time.Now, true
	for _, early := range []bool{false, true} {
		raw, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		conn := handclasp.Client(raw, cfg)
		if early {
			if _, err := conn.WriteEarly([]byte("early words\n")); err != nil {
				t.Fatal(err)
			}
		}
		if err := conn.Handshake(); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(30 * time.Second); !early && !sessions.came.Load() && time.Now().Before(end); {
			conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
			conn.Read(make([]byte, 1)) // its tickets
		}
		if got := conn.Info().EarlyData.State; (got == flow.EarlyAccepted) != early {
			t.Errorf("early data %v: %v", early, got)
		}
		conn.Close()
	}
	select {
	case ok := <-printed:
		if !ok {
			t.Error("s_server ended without the early data")
		}
	case <-time.After(10 * time.Second):
		t.Error("s_server does not print the early data")
	}
}

// TestOpenSSLExternalPSK: a key that was provisioned stands for certificates in TLS
// 1.3, in both roles.
func TestOpenSSLExternalPSK(t *testing.T) {
	psks := []handclasp.PSK{{Identity: []byte("somebody"), Key: sharedKey}}
	cfg := clientConfig()
	cfg.MinVersion, cfg.PSKs = iana.TLS13, psks
	if i := dial(t, opensslServer(t, pki.P256, "-tls1_3", "-psk", hex.EncodeToString(sharedKey)), cfg); string(i.PSKIdentity) != "somebody" || i.Peer != nil {
		t.Errorf("as client: %q", i.PSKIdentity)
	}
	server := serverConfig()
	server.PSKs = psks
	if i, _ := opensslClient(t, server, "-tls1_3", "-psk", hex.EncodeToString(sharedKey), "-psk_identity", "somebody"); string(i.PSKIdentity) != "somebody" {
		t.Errorf("as server: %q", i.PSKIdentity)
	}
}

// A tee writes down what is sent and what comes.
type tee struct {
	net.Conn
	sent, came bytes.Buffer
}

func (c *tee) Write(b []byte) (int, error) {
	c.sent.Write(b)
	return c.Conn.Write(b)
}

func (c *tee) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.came.Write(b[:n])
	return n, err
}

// TestReplayShared: who records 0-RTT data and sends it again gets nothing, from the same
// server or from another that shares its store file.
func TestReplayShared(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store")
	var servers []*handclasp.ServerConfig
	for range 2 {
		file, err := session.OpenFile(path, session.FileOptions{Clock: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		servers = append(servers, resuming(t, file))
	}
	sessions, err := session.NewClientMemory(session.ClientOptions{Clock: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	cfg := clientConfig()
	cfg.Sessions, cfg.Time, cfg.EarlyData = sessions, time.Now, true
	var sent []byte
	for _, early := range []bool{false, true} {
		raw, far := loopback(t)
		wire := &tee{Conn: raw}
		c, s := handclasp.Client(wire, cfg), handclasp.Server(far, servers[0])
		err := both(func() error {
			if early {
				if _, err := c.WriteEarly([]byte("pay 100")); err != nil {
					return err
				}
				sent = bytes.Clone(wire.sent.Bytes())
			}
			return askReversed(c)
		}, func() error {
			got, err := io.ReadAll(earlyReader{s})
			if want := map[bool]string{true: "pay 100"}[early]; err != nil || string(got) != want {
				return fmt.Errorf("early data %q, %v", got, err)
			}
			if _, err := io.ReadFull(s, make([]byte, 6)); err != nil {
				return err
			}
			_, err = io.WriteString(s, "olleh\n")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, server := range servers {
		raw, far := loopback(t)
		s := handclasp.Server(far, server)
		raw.Write(sent)
		done := make(chan []byte)
		go func() {
			got, _ := io.ReadAll(earlyReader{s})
			done <- got
		}()
		select {
		case got := <-done:
			if len(got) > 0 {
				t.Errorf("server %d takes the replay: %q", i+1, got)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("server %d hangs", i+1)
		}
		if state := s.Info().EarlyData.State; state != flow.EarlyRejected {
			t.Errorf("server %d: early data %v", i+1, state)
		}
		raw.Close()
	}
}

// TestOpenSSLAnswersLater: s_client shows its certificate after the handshake, when
// our server asks (RFC 9846, Section 4.7.2).
func TestOpenSSLAnswersLater(t *testing.T) {
	program := openssl(t)
	cert, key, ca := files(t, pki.P256)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "s_client", "-connect", l.Addr().String(), "-servername", "localhost",
		"-CAfile", ca, "-ign_eof", "-quiet", "-tls1_3", "-enable_pha", "-cert", cert, "-key", key)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	l.(*net.TCPListener).SetDeadline(time.Now().Add(20 * time.Second))
	raw, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	cfg := serverConfig()
	cfg.ClientAuth, cfg.ClientCAs, cfg.AskLater = handclasp.RequireAndVerifyClientCert, roots(), true
	conn := handclasp.Server(raw, cfg)
	if err := conn.HandshakeContext(ctx); err != nil {
		t.Fatal(err)
	}
	if conn.Info().Peer != nil {
		t.Error("a certificate before anybody asked")
	}
	if err := conn.RequestClientCertificate(ctx); err != nil {
		t.Fatal(err)
	}
	if p := conn.Info().Peer; p == nil || !p.Verified() {
		t.Errorf("the client proved %v", p)
	}
	conn.Close()
	cmd.Wait()
}

// TestRenegotiateWithOpenSSL: s_server asks for another handshake, at first without
// and then with our certificate, while data goes both ways.
func TestRenegotiateWithOpenSSL(t *testing.T) {
	for _, v := range []iana.Version{iana.TLS12, iana.TLS10} {
		flag := map[iana.Version]string{iana.TLS12: "-tls1_2", iana.TLS10: "-tls1"}[v]
		t.Run(v.String(), func(t *testing.T) {
			addr, out, in := talkToServer(t, pki.P256, flag, "-cipher", "ALL:@SECLEVEL=0")
			go io.Copy(io.Discard, out)
			cfg := clientConfig()
			cfg.MinVersion, cfg.MaxRenegotiations = v, 2
			cfg.Certificates = []handclasp.Certificate{identities[pki.P256]().ours}
			raw, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			conn := handclasp.Client(raw, cfg)
			defer conn.Close()
			conn.SetReadDeadline(time.Now().Add(20 * time.Second))
			if err := conn.Handshake(); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 6)
			for round, command := range []string{"r", "R"} {
				writing := make(chan error, 1)
				fmt.Fprintln(in, command)
				go func() {
					for range 1000 { // s_server takes what comes together for one command
						if conn.Info().Renegotiations > round {
							break
						}
						time.Sleep(10 * time.Millisecond)
					}
					fmt.Fprintf(in, "line %d\n", round)
				}()
				go func() {
					for range 50 {
						if _, err := io.WriteString(conn, "something to say\n"); err != nil {
							writing <- err
							return
						}
						time.Sleep(time.Millisecond)
					}
					writing <- nil
				}()
				if _, err := io.ReadFull(conn, b); err != nil || string(b) != fmt.Sprintf("line %d", round) {
					t.Fatalf("%s: %q, %v", command, b, err)
				}
				if _, err := io.ReadFull(conn, b[:1]); err != nil {
					t.Fatal(err)
				}
				if err := <-writing; err != nil {
					t.Error(err)
				}
				if i := conn.Info(); i.Renegotiations != round+1 || (i.ClientScheme != 0) != (command == "R") {
					t.Errorf("%s: %d renegotiations, certificate proved with %v", command, i.Renegotiations, i.ClientScheme)
				}
			}
			fmt.Fprint(in, "r\n")
			if _, err := io.ReadFull(conn, b); !errors.Is(err, fault.Renegotiation) {
				t.Errorf("a third time: %v", err)
			}
		})
	}
}

// TestRenegotiateOften: handshakes that were let in are no flood, though no data
// come between them.
func TestRenegotiateOften(t *testing.T) {
	addr, out, in := talkToServer(t, pki.P256, "-tls1_2")
	go io.Copy(io.Discard, out)
	cfg := clientConfig()
	cfg.MaxRenegotiations = 15 // of 6 messages each
	conn, err := handclasp.Dial("tcp", addr, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	read := make(chan error, 1)
	go func() { _, err := conn.Read(make([]byte, 1)); read <- err }()
	for round := range cfg.MaxRenegotiations {
		fmt.Fprintln(in, "r")
		for conn.Info().Renegotiations <= round {
			select {
			case err := <-read:
				t.Fatalf("round %d: %v", round, err)
			case <-time.After(5 * time.Millisecond):
			}
		}
	}
}
