package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/internal/pki"
)

type earlyOf struct{ conn *handclasp.Conn }

func (r earlyOf) Read(p []byte) (int, error) { return r.conn.ReadEarly(p) }

// TestEarlyFile: what is in --early-data-file gets there once, in 0-RTT if the session
// lets so much through and after the handshake otherwise; the line says which.
func TestEarlyFile(t *testing.T) {
	root, err := pki.NewAuthority("Test root", pki.Options{Now: time.Now()})
	must(t, err)
	issued, err := root.Issue(pki.Leaf{Names: []string{"localhost"}})
	must(t, err)
	key, err := issued.KeyPEM()
	must(t, err)
	cert, err := handclasp.X509KeyPair(issued.PEM(), key)
	must(t, err)
	for _, x := range []struct {
		limit uint32
		early int // of the bytes
		tells string
	}{{1000, 1000, ", 0-RTT accepted"}, {999, 0, ", 0-RTT accepted"}} {
		c := &handclasp.ClientConfig{ServerName: "localhost", RootCAs: root.Pool(), EarlyData: true}
		s := &handclasp.ServerConfig{Certificates: []handclasp.Certificate{cert}}
		must(t, remember(c, s))
		s.EarlyData = x.limit
		for _, resumed := range []bool{false, true} {
			m := &memory{early: bytes.Repeat([]byte{'x'}, 1000)}
			near, far := pipe(t)
			client, server := handclasp.Client(near, c), handclasp.Server(far, s)
			early, all := make(chan int, 1), make(chan int, 1)
			go func() {
				first, _ := io.ReadAll(earlyOf{server})
				early <- len(first)
				rest, _ := io.ReadAll(server)
				all <- len(first) + len(rest)
				server.Close()
			}()
			sent, err := m.sendEarly(client)
			must(t, err)
			must(t, client.Handshake())
			must(t, m.sendLate(client, sent))
			must(t, client.CloseWrite())
			io.Copy(io.Discard, client)
			wantEarly := 0
			if resumed {
				wantEarly = x.early
			}
			if e, n := <-early, <-all; e != wantEarly || n != 1000 {
				t.Errorf("limit %d, resumed %v: %d bytes early, %d in all", x.limit, resumed, e, n)
			}
			if info := client.Info(); resumed && (info.EarlyData.State != flow.EarlyAccepted || !strings.Contains(describe(info), x.tells)) {
				t.Errorf("limit %d: %s", x.limit, describe(info))
			}
			client.Close()
		}
	}
}
