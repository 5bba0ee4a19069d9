package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/internal/pki"
)

// The scripts run the command as a program of its own, but for name resolution,
// which knows only what hosts says.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"handclasp":  func() { os.Exit(process(lookup)) },
		"crypto-tls": func() { os.Exit(cryptoTLS(os.Args[1], os.Args[2])) },
	})
}

// cryptoTLS is a client of the standard library's: crypto-tls PORT CA
func cryptoTLS(port, ca string) int {
	pem, err := os.ReadFile(ca)
	roots := x509.NewCertPool()
	if err != nil || !roots.AppendCertsFromPEM(pem) {
		return 2
	}
	conn, err := tls.Dial("tcp", "127.0.0.1:"+port, &tls.Config{RootCAs: roots, ServerName: "localhost"})
	if err != nil {
		return 1
	}
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	fmt.Fprint(conn, "GET / HTTP/1.0\r\n\r\n")
	io.Copy(io.Discard, conn)
	return 0
}

// hosts is all of DNS. 127.0.0.2 stands for an address where nothing listens.
var hosts = map[string][]string{
	"localhost":      {"127.0.0.1"},
	"several.test":   {"127.0.0.2", "127.0.0.1"},
	"name.test":      {"127.0.0.1"},
	"no-answer.test": nil,
}

func lookup(_ context.Context, _, host string) ([]netip.Addr, error) {
	addrs, ok := hosts[host]
	switch {
	case host == "broken-dns.test":
		return nil, &net.DNSError{Err: "server misbehaving", Name: host}
	case !ok:
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	var ips []netip.Addr
	for _, a := range addrs {
		ips = append(ips, netip.MustParseAddr(a))
	}
	return ips, nil
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata",
		UpdateScripts: os.Getenv("UPDATE") != "",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"pki": cmdPKI, "peer": cmdPeer, "serve": cmdServe, "lab": cmdLab, "quit": cmdQuit, "exits": cmdExits, "await": cmdAwait,
			"talk": cmdTalk, "get": cmdGet,
		},
		Condition: func(cond string) (bool, error) {
			if cond == "ci" {
				return os.Getenv("CI") == "true", nil
			}
			program, ok := strings.CutPrefix(cond, "missing:")
			if !ok {
				return false, fmt.Errorf("unknown condition %q", cond)
			}
			_, err := exec.LookPath(program)
			return err != nil && os.Getenv("CI") != "true", nil // CI must have it
		},
		Setup: func(e *testscript.Env) error {
			e.Values[serverKey{}] = new(running)
			e.Setenv("GORACE", "atexit_sleep_ms=0") // a second for each of a hundred commands
			return nil
		},
	})
}

// cmdExits runs the command and demands an exit code: exits CODE handclasp ARG...
func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if e, ok := errors.AsType[interface {
		error
		ExitCode() int
	}](err); ok {
		code = e.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("exit code %d instead of %s", code, args[0])
	}
}

// cmdAwait waits until a file is there: await FILE
func cmdAwait(ts *testscript.TestScript, _ bool, args []string) {
	for range 1000 {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	ts.Fatalf("%s does not come", args[0])
}

// cmdPKI writes fixtures: the roots ca.pem and other-ca.pem, and for each kind
// of leaf KIND.pem and KIND.key.
func cmdPKI(ts *testscript.TestScript, _ bool, _ []string) {
	now := time.Now()
	root, err := pki.NewAuthority("Test root", pki.Options{Now: now})
	ts.Check(err)
	other, err := pki.NewAuthority("Other root", pki.Options{Now: now})
	ts.Check(err)
	between, err := root.Intermediate("Test intermediate", pki.Options{})
	ts.Check(err)
	write := func(name string, b []byte) { ts.Check(os.WriteFile(ts.MkAbs(name), b, 0o600)) }
	write("ca.pem", root.PEM())
	write("other-ca.pem", other.PEM())
	day := 24 * time.Hour
	for kind, leaf := range map[string]pki.Leaf{
		"good":    {},
		"rsa":     {Key: pki.RSA2048},
		"chain":   {},
		"missing": {IssuerURL: "http://ca.test/between.der"},
		"expired": {NotBefore: now.Add(-9 * day), NotAfter: now.Add(-2 * day)},
		"notyet":  {NotBefore: now.Add(2 * day), NotAfter: now.Add(9 * day)},
		"name":    {Names: []string{"other.test", "\x1b[31mevil.test"}},
	} {
		if leaf.Names == nil {
			leaf.Names = []string{"localhost", "127.0.0.1"}
		}
		issuer := root
		if kind == "chain" || kind == "missing" {
			issuer = between
		}
		issued, err := issuer.Issue(leaf)
		ts.Check(err)
		if kind == "missing" {
			issued.Chain = issued.Chain[:1]
		}
		key, err := issued.KeyPEM()
		ts.Check(err)
		write(kind+".pem", issued.PEM())
		write(kind+".key", key)
	}
}

// cmdPeer starts a peer that behaves as its kind says, and sets NAME to its
// address, NAME_PORT to its port: peer NAME KIND [CERT], where CERT.pem and
// CERT.key are its files. A KIND of close@N, reset@N, stall@N or zeros@N does
// so after N bytes of a handshake that is right so far.
func cmdPeer(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv(args[0], fmt.Sprintf("localhost:%s", port(l.Addr())))
	ts.Setenv(args[0]+"_PORT", port(l.Addr()))
	if args[1] == "refuse" {
		l.Close()
		return
	}
	cfg := new(handclasp.ServerConfig)
	if len(args) > 2 {
		c, err := handclasp.LoadX509KeyPair(ts.MkAbs(args[2]+".pem"), ts.MkAbs(args[2]+".key"))
		ts.Check(err)
		cfg.Certificates = []handclasp.Certificate{c}
	}
	kind, after, _ := strings.Cut(args[1], "@")
	limit, _ := strconv.Atoi(after)
	behave := behaviours[kind]
	if dialogue, ok := dialogues[kind]; ok {
		behave = dialogue.behave
	}
	if behave == nil {
		ts.Fatalf("no peer behaves like %q", kind)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			wg.Go(func() {
				c.SetDeadline(time.Now().Add(time.Minute)) // two that wait for each other fail, and do not hang
				if limit > 0 {
					handclasp.Server(&limited{c, limit}, cfg).Handshake()
				} else if kind == "reset" {
					readSome(c) // else the client might find out before it has said anything
				}
				behave(c, handclasp.Server(c, cfg))
			})
		}
	})
	ts.Defer(func() {
		l.Close()
		mu.Lock()
		for _, c := range open {
			c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
}

// cmdTalk sends bytes, quoted as in Go, to a port and prints the answer, quoted:
// talk PORT BYTES
func cmdTalk(ts *testscript.TestScript, _ bool, args []string) {
	say, err := strconv.Unquote(`"` + args[1] + `"`)
	ts.Check(err)
	conn, err := net.Dial("tcp", "127.0.0.1:"+args[0])
	ts.Check(err)
	defer conn.Close()
	_, err = io.WriteString(conn, say)
	ts.Check(err)
	ts.Check(conn.SetReadDeadline(time.Now().Add(10 * time.Second)))
	answer, err := io.ReadAll(conn)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%q\n", answer)
}

// cmdGet fetches a page over HTTPS with the standard library, in the version of
// HTTP that it agrees on, and up to a version of TLS: get CAFILE TLS HTTP URL
func cmdGet(ts *testscript.TestScript, _ bool, args []string) {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(ts.ReadFile(args[0])))
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, Protocols: new(http.Protocols)}
	defer tr.CloseIdleConnections()
	if args[1] == "1.2" {
		tr.TLSClientConfig.MaxVersion = tls.VersionTLS12
	}
	tr.Protocols.SetHTTP1(args[2] == "1.1")
	tr.Protocols.SetHTTP2(args[2] == "2")
	res, err := (&http.Client{Transport: tr, Timeout: 10 * time.Second}).Get(args[3])
	ts.Check(err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%s %s\n%s", res.Proto, res.Status, body)
}

// limited is a connection that fails once so many bytes were written.
type limited struct {
	net.Conn
	left int
}

func (l *limited) Write(b []byte) (int, error) {
	n, err := l.Conn.Write(b[:min(len(b), l.left)])
	if l.left -= n; l.left == 0 {
		return n, io.ErrShortWrite
	}
	return n, err
}

func (l *limited) Close() error { return nil }

// behaviours are what a peer may do with a connection. raw is what lies below
// conn.
var behaviours = map[string]func(raw net.Conn, conn *handclasp.Conn){
	"close": func(raw net.Conn, _ *handclasp.Conn) { closeInOrder(raw) },
	"reset": func(raw net.Conn, _ *handclasp.Conn) {
		raw.(*net.TCPConn).SetLinger(0)
		raw.Close()
	},
	"stall": func(raw net.Conn, _ *handclasp.Conn) { io.Copy(io.Discard, raw) },
	"garbage": func(raw net.Conn, _ *handclasp.Conn) {
		b := make([]byte, 100)
		rand.Read(b)
		b[0] = 0xee
		answerRaw(raw, string(b))
	},
	"zeros": func(raw net.Conn, _ *handclasp.Conn) {
		io.WriteString(raw, strings.Repeat("\x00", 2000))
		closeInOrder(raw)
	},
	"http":    func(raw net.Conn, _ *handclasp.Conn) { answerRaw(raw, "HTTP/1.1 400 Bad Request\r\n\r\n") },
	"ssh":     func(raw net.Conn, _ *handclasp.Conn) { answerRaw(raw, "SSH-2.0-OpenSSH_9.6\r\n") },
	"greets":  func(raw net.Conn, _ *handclasp.Conn) { answerRaw(raw, "220 mail.test ESMTP\r\n") },
	"alert40": func(raw net.Conn, _ *handclasp.Conn) { answerRaw(raw, "\x15\x03\x03\x00\x02\x02\x28") },
	"alert70": func(raw net.Conn, _ *handclasp.Conn) { answerRaw(raw, "\x15\x03\x00\x00\x02\x02\x46") },
	"ssl3":    func(raw net.Conn, _ *handclasp.Conn) { answerRaw(raw, oldServerHello(0)) },
	"tls10":   func(raw net.Conn, _ *handclasp.Conn) { answerRaw(raw, oldServerHello(1)) },
	"ssl2": func(raw net.Conn, _ *handclasp.Conn) { // SERVER-HELLO with no certificate and no cipher
		answerRaw(raw, "\x80\x1b\x04\x00\x01\x00\x02\x00\x00\x00\x00\x00\x10"+strings.Repeat("c", 16))
	},
	"echo": func(_ net.Conn, conn *handclasp.Conn) {
		io.Copy(conn, conn)
		conn.Close()
	},
	"cut": func(raw net.Conn, conn *handclasp.Conn) { // says something, and goes without close_notify
		conn.Write([]byte("half an ans"))
		io.Copy(io.Discard, conn) // not raw: conn may have read it all with the Finished
		raw.Close()
	},
	"count": func(_ net.Conn, conn *handclasp.Conn) { // answers only once all is there
		n, err := io.Copy(io.Discard, conn)
		fmt.Fprintf(conn, "%d bytes, %v\n", n, err)
		conn.Close()
	},
	"deaf": func(raw net.Conn, conn *handclasp.Conn) { // says goodbye first and still reads
		conn.Write([]byte("goodbye\n"))
		conn.CloseWrite()
		io.Copy(io.Discard, conn)
		raw.Close()
	},
}

// oldServerHello is one of version 3.minor, in a record of it, that chooses
// TLS_RSA_WITH_AES_256_CBC_SHA.
func oldServerHello(minor byte) string {
	v := "\x03" + string(minor)
	return "\x16" + v + "\x00\x2a\x02\x00\x00\x26" + v + strings.Repeat("r", 32) + "\x00\x00\x35\x00"
}

// closeInOrder closes once the client has gone: with bytes unread, or to come, it would be a reset.
func closeInOrder(raw net.Conn) {
	raw.(*net.TCPConn).CloseWrite()
	io.Copy(io.Discard, raw)
	raw.Close()
}

func readSome(c net.Conn) { c.Read(make([]byte, 1<<14)) }

// answerRaw writes s after the client has spoken, and closes once it has gone.
func answerRaw(raw net.Conn, s string) {
	readSome(raw)
	io.WriteString(raw, s)
	closeInOrder(raw)
}

type serverKey struct{}

// running is a serve command in this process, which a script can stop.
type running struct {
	cancel context.CancelFunc
	code   chan int
	log    *buffer
}

// buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

var listening = regexp.MustCompile(`listening at [^;]*:(\d+);`)

// cmdServe starts handclasp serve at a free port and sets PORT. Flags that name
// files must give them from the root.
func cmdServe(ts *testscript.TestScript, _ bool, args []string) { start(ts, "serve", args) }

// cmdLab starts a case of the lab, with its port in PORT: lab CASE ARG...
func cmdLab(ts *testscript.TestScript, _ bool, args []string) { start(ts, "lab", args) }

func start(ts *testscript.TestScript, command string, args []string) {
	ctx, cancel := context.WithCancel(context.Background())
	r := ts.Value(serverKey{}).(*running)
	*r = running{cancel, make(chan int, 1), new(buffer)}
	args = append([]string{command, "--listen", "127.0.0.1:0"}, args...)
	go func() { r.code <- run(ctx, args, strings.NewReader(""), io.Discard, r.log) }()
	ts.Defer(cancel)
	for range 500 {
		if m := listening.FindStringSubmatch(r.log.String()); m != nil {
			ts.Setenv("PORT", m[1])
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	ts.Fatalf("%s does not listen: %s", command, r.log)
}

// cmdQuit ends serve, which must exit with 0, and writes its log to serve.log.
func cmdQuit(ts *testscript.TestScript, _ bool, _ []string) {
	r := ts.Value(serverKey{}).(*running)
	r.cancel()
	select {
	case code := <-r.code:
		ts.Check(os.WriteFile(filepath.Join(ts.Getenv("WORK"), "serve.log"), []byte(r.log.String()), 0o600))
		if code != 0 {
			ts.Fatalf("serve exited with %d", code)
		}
	case <-time.After(10 * time.Second):
		ts.Fatalf("serve does not stop")
	}
}
