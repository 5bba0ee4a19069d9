package main

import (
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/handclasp/handclasp/internal/pki"
)

// quarantine is how long a server that has just started takes no 0-RTT data, and a
// little more.
const quarantine = 11 * time.Second

// TestReplayProcesses: what a client sent with 0-RTT data is sent again, to the server
// that took it and to another process with the same store. Neither takes it.
func TestReplayProcesses(t *testing.T) {
	if os.Getenv("CI") != "true" {
		t.Skip("it waits 11 s, until new servers take 0-RTT data; CI does")
	}
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	root, err := pki.NewAuthority("Test root", pki.Options{Now: time.Now()})
	must(t, err)
	issued, err := root.Issue(pki.Leaf{Names: []string{"localhost"}})
	must(t, err)
	key, err := issued.KeyPEM()
	must(t, err)
	for name, content := range map[string][]byte{"ca": root.PEM(), "cert": issued.PEM(), "key": key, "early": []byte("once and only once")} {
		must(t, os.WriteFile(file(name), content, 0o600))
	}
	self, err := os.Executable()
	must(t, err)
	program := file("handclasp") // by this name the test binary is the command
	must(t, os.Symlink(self, program))

	serve := func(name string) (port string) {
		cmd := exec.CommandContext(t.Context(), program, "serve", "--echo", "--listen", "127.0.0.1:0", "--cert", file("cert"), "--key", file("key"),
			"--store", file("store"), "--early-data", "1000", "--events", file(name))
		log := new(journal)
		cmd.Stderr = log
		must(t, cmd.Start())
		t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
		found := regexp.MustCompile(`listening at 127\.0\.0\.1:(\d+)`).FindStringSubmatch(log.wait("Ctrl-C stops it"))
		if found == nil {
			t.Fatal(log.wait("listening"))
		}
		return found[1]
	}
	events := func(name string) string {
		b, err := os.ReadFile(file(name))
		must(t, err)
		return string(b)
	}
	connect := func(port string, args ...string) string {
		cmd := exec.CommandContext(t.Context(), program, append([]string{"connect", "--ca", file("ca"), "--session", file("session"), "localhost:" + port}, args...)...)
		cmd.Stdin = strings.NewReader("hello\n")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}

	first, second := serve("first"), serve("second")
	time.Sleep(quarantine)
	connect(first) // for a ticket
	relay, sent := record(t, first)
	if said := connect(relay, "--early-data-file", file("early")); !strings.Contains(said, "0-RTT accepted") || !strings.Contains(said, "once and only once") {
		t.Fatalf("no 0-RTT to replay: %s", said)
	}
	flight := sent()
	for name, port := range map[string]string{"first": first, "second": second} {
		before := strings.Count(events(name), "hello seen before")
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		must(t, err)
		_, err = conn.Write(flight)
		must(t, err)
		defer conn.Close()
		for end := time.Now().Add(30 * time.Second); strings.Count(events(name), "hello seen before") == before; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("the %s server does not say that it has seen the hello", name)
			}
		}
	}
	if n := strings.Count(events("first")+events("second"), `"what":"early_data","by":"server","chosen":"accepted"`); n != 1 {
		t.Errorf("0-RTT data was accepted %d times", n)
	}
}

// record is a port that passes one connection on to another, and what the client
// sent on it.
func record(t *testing.T, to string) (port string, sent func() []byte) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	var out bytes.Buffer
	var done sync.WaitGroup
	done.Go(func() {
		client, err := l.Accept()
		if err != nil {
			return
		}
		defer client.Close()
		server, err := net.Dial("tcp", "127.0.0.1:"+to)
		if err != nil {
			return
		}
		defer server.Close()
		go func() {
			io.Copy(client, server)
			client.(*net.TCPConn).CloseWrite()
		}()
		io.Copy(io.MultiWriter(server, &out), client)
		server.(*net.TCPConn).CloseWrite()
	})
	t.Cleanup(func() { l.Close() })
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port, func() []byte {
		done.Wait()
		return out.Bytes()
	}
}
