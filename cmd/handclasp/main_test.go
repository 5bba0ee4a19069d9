package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/explain"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/internal/pki"
)

func TestExitCode(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{fault.CertExpired.New(), 1},
		{errTold{fault.CertExpired.New()}, 1},
		{errors.New("any other"), 1},
		{&usageError{}, 2},
		{errors.Join(nil, fileError("--ca", "f", os.ErrNotExist)), 2},
		{fault.ConfigKeyMismatch.New(), 2},
		{dnsNotFound.New(), 3},
		{&brokenError{error: tcpRefused.New()}, 3},
		{errTold{&brokenError{error: tcpTimeout.New()}}, 3},
	} {
		if got := exitCode(tt.err); got != tt.want {
			t.Errorf("%v: exit code %d, want %d", tt.err, got, tt.want)
		}
	}
}

func TestUnreachable(t *testing.T) {
	op := func(err error) error {
		return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", err)}
	}
	for _, tt := range []struct {
		err   error
		rule  *fault.Rule
		cause string
	}{
		{op(syscall.ECONNREFUSED), tcpRefused, "connection refused"},
		{op(syscall.ETIMEDOUT), tcpTimeout, "connection timed out"},
		{&net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}, tcpTimeout, "i/o timeout"},
		{op(syscall.EHOSTUNREACH), tcpUnreachable, "no route to host"},
		{op(syscall.EMFILE), tcpFailed, "too many open files"},
	} {
		e := unreachable(tt.err)
		if e.Rule != tt.rule || e.Cause.Error() != tt.cause {
			t.Errorf("%v: %s, %v", tt.err, e.ID, e.Cause)
		}
	}
}

// A rule that the command adds to the catalogue must read like the others.
func TestRules(t *testing.T) {
	for _, r := range []*fault.Rule{dnsNotFound, dnsFailed, tcpRefused, tcpTimeout, tcpUnreachable, tcpFailed, interrupted} {
		if r.ID == "" || !strings.HasSuffix(r.Text, ".") || !strings.HasSuffix(r.Hint, ".") {
			t.Errorf("rule %+v", r)
		}
		if slices.ContainsFunc(fault.Rules(), func(other *fault.Rule) bool { return other.ID == r.ID }) {
			t.Errorf("rule %s is in the catalogue too", r.ID)
		}
	}
}

func TestNotesWrap(t *testing.T) {
	var b bytes.Buffer
	n := newNotes(&b)
	n.columns, n.colour = 40, true
	n.sentence("The peer's certificate has expired, and it was a long one.")
	n.line("alert", "certificate_expired")
	n.line("none", "")
	n.hint("Renew it, " + strings.Repeat("x", 50))
	n.flush()
	want := "\x1b[31mhandclasp: \x1b[0mThe peer's certificate has\n  expired, and it was a long one.\n" +
		"  alert     certificate_expired\n\x1b[1mhint: \x1b[0mRenew it,\n      " + strings.Repeat("x", 50) + "\n"
	if b.String() != want {
		t.Errorf("got\n%q, want\n%q", b.String(), want)
	}
}

func TestBuild(t *testing.T) {
	info := &debug.BuildInfo{GoVersion: "go1.26", Main: debug.Module{Version: "v1.2.3"}, Settings: []debug.BuildSetting{
		{Key: "GOOS", Value: "linux"}, {Key: "GOARCH", Value: "amd64"}, {Key: "vcs.revision", Value: "0123456789abcdef"},
		{Key: "vcs.time", Value: "2026-11-20T00:00:00Z"}, {Key: "vcs.modified", Value: "true"}}}
	for want, info := range map[string]*debug.BuildInfo{
		"handclasp v1.2.3, go1.26, linux/amd64, commit 0123456789ab of 2026-11-20T00:00:00Z, with changes": info,
		"handclasp (devel)": nil,
	} {
		if got := build(info); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// Ctrl-C during connect ends the connection in order, although stdin is open.
func TestConnectInterrupted(t *testing.T) {
	echo := make(chan string)
	l := testServer(t, func(conn *handclasp.Conn) {
		io.WriteString(conn, "hello")
		_, err := io.Copy(io.Discard, conn)
		echo <- fmt.Sprint(err)
	})
	ctx, cancel := context.WithCancel(t.Context())
	in, hold := io.Pipe()
	defer hold.Close()
	out := &buffer{}
	code := make(chan int)
	go func() { code <- run(ctx, []string{"connect", "--insecure", l}, in, out, io.Discard) }()
	for range 400 {
		if out.String() == "hello" {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	cancel()
	if got := <-echo; got != "<nil>" {
		t.Errorf("the server saw %s instead of close_notify", got)
	}
	if got := <-code; got != 0 {
		t.Errorf("exit code %d", got)
	}
}

// A peer that goes ends connect, although stdin is open.
func TestConnectPeerGoes(t *testing.T) {
	l := testServer(t, func(conn *handclasp.Conn) { io.WriteString(conn, "bye"); conn.Close() })
	in, hold := io.Pipe()
	defer hold.Close()
	var out buffer
	if code := run(t.Context(), []string{"connect", "--insecure", l}, in, &out, io.Discard); code != 0 || out.String() != "bye" {
		t.Errorf("exit code %d after %q", code, out.String())
	}
}

func TestInterruptedHandshake(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	var said buffer
	if code := run(ctx, []string{"connect", l.Addr().String()}, strings.NewReader(""), io.Discard, &said); code != 1 {
		t.Errorf("exit code %d: %s", code, said.String())
	}
}

// TestStepsInterrupted: Ctrl-C ends a story that waits for its reader.
func TestStepsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	in, hand := io.Pipe()
	defer hand.Close()
	asked := writerFunc(func(b []byte) (int, error) {
		if bytes.Contains(b, []byte("ServerHello is told")) {
			cancel()
		}
		return len(b), nil
	})
	go hand.Write([]byte("\n"))
	var out bytes.Buffer
	if code := run(ctx, []string{"explain", "--steps"}, in, &out, asked); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if text := out.String(); !strings.Contains(text, "ServerHello") || strings.Contains(text, "← EncryptedExtensions") {
		t.Error(text)
	}
}

// TestStepsPiped: where nobody's Enter ends the line of a question, the story does; and
// who has had enough of a handshake that failed still gets its exit code.
func TestStepsPiped(t *testing.T) {
	for args, want := range map[string]int{"": 0, "--name wrong.example": 1} {
		var out, asked bytes.Buffer
		if code := run(t.Context(), append([]string{"explain", "--steps"}, strings.Fields(args)...), strings.NewReader("\nq\n"), &out, &asked); code != want {
			t.Errorf("%q: exit code %d, want %d", args, code, want)
		}
		if text := asked.String(); strings.Count(text, "stop. \n") != 2 || strings.Contains(out.String(), "EncryptedExtensions  ") {
			t.Errorf("%q: %q", args, text)
		}
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// What goes wrong with a client is in the log, a line each.
func TestServeLog(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var said buffer
	code := make(chan int)
	go func() {
		code <- run(ctx, []string{"serve", "--listen", "127.0.0.1:0", "--timeout", "300ms", "--ca-out", t.TempDir() + "/ca.pem"}, nil, io.Discard, &said)
	}()
	addr := "127.0.0.1:" + await(t, &said, listening)[1]
	talk := func(bytes string) {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(10 * time.Second))
		io.WriteString(c, bytes)
		io.Copy(io.Discard, c) // until the server closes
	}
	talk("GET / HTTP/1.1\r\n\r\n")
	await(t, &said, regexp.MustCompile(`127\.0\.0\.1:\d+: failed after .* The peer speaks plain HTTP here, without TLS\. .*Hint: If the peer is a server`))
	talk("\x16\x03\x01")
	await(t, &said, regexp.MustCompile(`failed after \d+\.\d ms: The handshake was not complete within the time .*3 bytes .*waiting for the ClientHello`))
	conn, err := handclasp.Dial("tcp", addr, &handclasp.ClientConfig{InsecureSkipVerify: true, ServerName: "some.test"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn.NetConn(), "\x17\x03\x03\x00\x20"+strings.Repeat("x", 32))
	await(t, &said, regexp.MustCompile(`for "some\.test": broke off: A protected record could not be decrypted`))
	cancel()
	if got := <-code; got != 0 {
		t.Errorf("exit code %d", got)
	}
}

// await waits until b matches.
func await(t *testing.T, b *buffer, want *regexp.Regexp) []string {
	t.Helper()
	for range 1000 {
		if m := want.FindStringSubmatch(b.String()); m != nil {
			return m
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("no %v in:\n%s", want, b)
	return nil
}

// testServer serves each connection with f, and gives its address.
func testServer(t *testing.T, f func(*handclasp.Conn)) string {
	t.Helper()
	o, err := newOwn("Test root", []pki.Key{pki.P256}, here)
	if err != nil {
		t.Fatal(err)
	}
	l, err := handclasp.Listen("tcp", "127.0.0.1:0", &handclasp.ServerConfig{Certificates: o.certificates})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f(c.(*handclasp.Conn))
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

// An error in the log is one line, whatever its cause says.
func TestInLine(t *testing.T) {
	e := fault.TransportFailed.Because(errors.New("two\nlines \x1b[31m"))
	if line := inLine(inWords(e, fault.Server)); strings.ContainsAny(line, "\n\x1b") || !strings.Contains(line, "Hint: ") {
		t.Errorf("%q", line)
	}
	if line := inLine(&explain.Failure{Text: "It broke."}); line != "It broke." {
		t.Errorf("%q", line)
	}
}

func TestTook(t *testing.T) {
	for d, want := range map[time.Duration]string{1234 * time.Microsecond: "1.2 ms", 12340 * time.Millisecond: "12.3 s"} {
		if got := took(d); got != want {
			t.Errorf("took(%d) = %q, want %q", d, got, want)
		}
	}
}

// A stream that is no terminal gets 80 columns and no colour.
func TestNoTerminal(t *testing.T) {
	var b bytes.Buffer
	if columnsOf(&b) != 80 || coloured(&b) || isTerminal(strings.NewReader("")) {
		t.Error("a buffer is taken for a terminal")
	}
}
