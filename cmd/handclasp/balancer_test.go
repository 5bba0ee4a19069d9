package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/internal/pki"
)

// TestBalancer: serve names a balancer that begins with the PROXY protocol, in both
// of its versions, and says for whom that connects; HAProxy is one, told in its own
// words.
func TestBalancer(t *testing.T) {
	const named = "begins with the PROXY protocol"
	log := new(journal)
	a, err := pki.NewAuthority("Test root", pki.Options{Now: time.Now()})
	must(t, err)
	issued, err := a.Issue(pki.Leaf{Names: []string{"localhost"}})
	must(t, err)
	cfg := &handclasp.ServerConfig{Certificates: []handclasp.Certificate{certificate(t, issued, 9)}}
	addr := journaled(t, cfg, log)

	for _, first := range []string{"PROXY TCP4 192.0.2.7 192.0.2.8 40000 443\r\n", "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c"} {
		log.reset()
		c, err := net.Dial("tcp", addr.String())
		must(t, err)
		io.WriteString(c, first)
		if text := log.wait(named); !strings.Contains(text, named) || strings.HasPrefix(first, "PROXY") && !strings.Contains(text, "192.0.2.7") {
			t.Errorf("%q: %s", first, text)
		}
		c.Close()
	}
	t.Run("HAProxy", func(t *testing.T) {
		if _, err := exec.LookPath("haproxy"); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skip("haproxy is not on this machine; CI has it")
		}
		for _, how := range []string{"send-proxy", "send-proxy-v2"} {
			log.reset()
			front, err := net.Listen("tcp", "127.0.0.1:0")
			must(t, err)
			f, err := front.(*net.TCPListener).File()
			must(t, err)
			conf := filepath.Join(t.TempDir(), "haproxy.cfg")
			must(t, os.WriteFile(conf, fmt.Appendf(nil, "defaults\n mode tcp\n timeout client 9s\n timeout server 9s\n timeout connect 9s\nlisten l\n bind fd@3\n server s %v %s\n", addr, how), 0o600))
			cmd := exec.CommandContext(t.Context(), "haproxy", "-db", "-q", "-f", conf)
			cmd.ExtraFiles = []*os.File{f}
			must(t, cmd.Start())
			c, err := net.Dial("tcp", front.Addr().String()) // it waits until HAProxy takes it
			must(t, err)
			io.WriteString(c, "\x16\x03\x01") // or HAProxy might not see that somebody is there
			if text := log.wait(named); !strings.Contains(text, named) {
				t.Errorf("%s: %s", how, text)
			}
			c.Close()
			cmd.Process.Kill()
			cmd.Wait()
			f.Close()
			front.Close()
		}
	})
}
