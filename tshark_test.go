package handclasp_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
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

// A capture is a net.Conn that writes down what passes, as a pcap file would have
// it.
type capture struct {
	net.Conn
	mu   sync.Mutex
	file bytes.Buffer
	next [2]uint32 // sequence numbers of the client and the server
}

func newCapture(c net.Conn) *capture {
	p := &capture{Conn: c}
	for _, field := range []uint32{0xa1b2c3d4, 2 | 4<<16, 0, 0, 1 << 18, 101} { // raw IP packets
		binary.Write(&p.file, binary.LittleEndian, field)
	}
	const syn, ack = 2, 16
	p.packet(0, syn, nil)
	p.next[0]++
	p.packet(1, syn|ack, nil)
	p.next[1]++
	p.packet(0, ack, nil)
	return p
}

func (p *capture) Write(b []byte) (int, error) {
	n, err := p.Conn.Write(b)
	p.data(0, b[:n])
	return n, err
}

func (p *capture) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	p.data(1, b[:n])
	return n, err
}

// data adds packets from the client, 0, or the server, 1.
func (p *capture) data(from int, b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(b) > 0 {
		n := min(len(b), 1<<14)
		p.packet(from, 16|8, b[:n])
		p.next[from] += uint32(n)
		b = b[n:]
	}
}

// packet is an IPv4 packet with a TCP segment; nobody looks at its checksums.
func (p *capture) packet(from int, flags byte, data []byte) {
	ports := [2]uint16{40000, 443}
	b := []byte{0x45, 0}
	b = binary.BigEndian.AppendUint16(b, uint16(40+len(data)))
	b = append(b, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, byte(1+from), 10, 0, 0, byte(2-from))
	b = binary.BigEndian.AppendUint16(b, ports[from])
	b = binary.BigEndian.AppendUint16(b, ports[1-from])
	b = binary.BigEndian.AppendUint32(b, p.next[from])
	b = binary.BigEndian.AppendUint32(b, p.next[1-from])
	b = append(b, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0)
	b = append(b, data...)
	for _, field := range []uint32{0, 0, uint32(len(b)), uint32(len(b))} {
		binary.Write(&p.file, binary.LittleEndian, field)
	}
	p.file.Write(b)
}

// captured is a connection to be looked at: the second of two, if it is resumed.
type captured struct {
	v       iana.Version
	id      iana.CipherSuite
	resumed string // how
	but     string // what is unusual about it
}

// TestTshark: Wireshark's dissector decrypts what we sent with our key log, so both
// sides derive what the RFCs say. Each key exchange, each kind of record
// protection, each way to resume and each version has a part in it; the log is the client's and the
// server's in turn.
func TestTshark(t *testing.T) {
	tshark := installed(t, "tshark")
	cases := []captured{
		{v: iana.TLS13, id: iana.TLS_AES_128_GCM_SHA256}, {v: iana.TLS13, id: iana.TLS_AES_256_GCM_SHA384},
		{v: iana.TLS13, id: iana.TLS_CHACHA20_POLY1305_SHA256}, {v: iana.TLS13, id: iana.TLS_AES_128_CCM_8_SHA256},
		{v: iana.TLS12, id: iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}, {v: iana.TLS12, id: iana.TLS_RSA_WITH_AES_128_CBC_SHA256},
		{v: iana.TLS12, id: iana.TLS_DHE_RSA_WITH_AES_256_GCM_SHA384}, {v: iana.TLS12, id: iana.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256},
		{v: iana.TLS12, id: iana.TLS_PSK_WITH_AES_128_CCM}, {v: iana.TLS12, id: iana.TLS_RSA_PSK_WITH_AES_256_CBC_SHA384},
		{v: iana.TLS12, id: iana.TLS_DHE_PSK_WITH_AES_128_CBC_SHA}, {v: iana.TLS12, id: iana.TLS_RSA_WITH_3DES_EDE_CBC_SHA},
		{v: iana.TLS11, id: iana.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA}, {v: iana.TLS10, id: iana.TLS_RSA_WITH_AES_128_CBC_SHA},
		{v: iana.TLS10, id: iana.TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA},
		{iana.TLS13, iana.TLS_AES_128_GCM_SHA256, "ticket", ""}, {iana.TLS13, iana.TLS_AES_256_GCM_SHA384, "0-RTT", ""},
		{iana.TLS12, iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "ticket", ""}, {iana.TLS12, iana.TLS_RSA_WITH_AES_128_CBC_SHA256, "session ID", ""},
		{iana.TLS10, iana.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, "session ID", ""},
		{iana.TLS13, iana.TLS_AES_128_GCM_SHA256, "", "psk_ke"}, {iana.TLS13, iana.TLS_CHACHA20_POLY1305_SHA256, "ticket", "retried"},
		{iana.TLS13, iana.TLS_AES_128_GCM_SHA256, "0-RTT", "refused"}, {iana.TLS13, iana.TLS_AES_256_GCM_SHA384, "0-RTT", "retried"},
		{iana.TLS13, iana.TLS_AES_128_GCM_SHA256, "", "rekeyed"},
	}
	for i, c := range cases {
		holder := []fault.Role{fault.Client, fault.Server}[i%2]
		t.Run(strings.TrimRight(fmt.Sprintf("%v/%v/key log of the %v/%s/%s", c.v, c.id, holder, c.resumed, c.but), "/"), func(t *testing.T) {
			text := decrypted(t, tshark, c, holder)
			for _, want := range []string{"/a-secret-path", "a secret answer"} {
				if !strings.Contains(text, want) {
					t.Errorf("%q is not in what tshark read:\n%s", want, text)
				}
			}
		})
	}
}

// decrypted is what tshark reads out of one request and its answer.
func decrypted(t *testing.T, tshark string, how captured, holder fault.Role) string {
	v, id := how.v, how.id
	key := pki.P256
	if suite.ByID(id).Auth == suite.RSA {
		key = pki.RSA2048
	}
	var log bytes.Buffer
	client, server := clientConfig(), &handclasp.ServerConfig{Certificates: []handclasp.Certificate{identities[key]().ours}}
	if suite.ByID(id).Exchange.PreShared() || how.but == "psk_ke" {
		client.PSKs = []handclasp.PSK{{Identity: []byte("somebody"), Key: make([]byte, 16)}}
		server.PSKs = client.PSKs
	}
	client.MinVersion, client.MaxVersion, client.CipherSuites = v, v, []iana.CipherSuite{id}
	server.MinVersion, server.MaxVersion, server.CipherSuites = v, v, client.CipherSuites
	if how.resumed != "" {
		secure := resuming(t, memory(t))
		client.Sessions, client.SessionIDs, client.EarlyData, client.Time = clientStore(t), how.resumed == "session ID", how.resumed == "0-RTT", time.Now
		server.Tickets, server.SessionCache, server.EarlyData, server.Guard, server.Time = secure.Tickets, session.NewCache(memory(t)), secure.EarlyData, secure.Guard, time.Now
		a, b := loopback(t)
		if err := exchange(handclasp.Client(a, client), handclasp.Server(b, server), 10); err != nil {
			t.Fatal(err)
		}
	}
	switch how.but {
	case "psk_ke":
		client.AllowPSKWithoutDHE, server.AllowPSKWithoutDHE = true, true
		client.CurvePreferences, server.CurvePreferences = []iana.Group{iana.X25519}, []iana.Group{iana.Secp384r1}
	case "retried":
		server.CurvePreferences = []iana.Group{iana.Secp384r1}
	case "refused":
		server.EarlyData = 0
	}
	if holder == fault.Client {
		client.KeyLogWriter = &log
	} else {
		server.KeyLogWriter = &log
	}
	raw, far := loopback(t)
	wire := newCapture(raw)
	c, s := handclasp.Client(wire, client), handclasp.Server(far, server)
	err := both(func() error {
		request := []byte("GET /a-secret-path HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if how.resumed == "0-RTT" {
			if _, err := c.WriteEarly(request); err != nil {
				return err
			}
		}
		if err := c.Handshake(); err != nil {
			return err
		}
		if how.but == "rekeyed" {
			for range 2 {
				if err := c.KeyUpdate(true); err != nil {
					return err
				}
			}
		}
		if c.Info().EarlyData.State != flow.EarlyAccepted {
			if _, err := c.Write(request); err != nil {
				return err
			}
		}
		if err := c.CloseWrite(); err != nil {
			return err
		}
		_, err := io.Copy(io.Discard, c)
		return err
	}, func() error {
		if _, err := io.Copy(io.Discard, s); err != nil {
			return err
		}
		if _, err := io.WriteString(s, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 15\r\n\r\na secret answer"); err != nil {
			return err
		}
		return s.CloseWrite()
	})
	if err != nil {
		t.Fatal(err)
	}
	early := how.resumed == "0-RTT" && how.but == ""
	if i := c.Info(); i.Resumed != (how.resumed != "") || (i.EarlyData.State == flow.EarlyAccepted) != early ||
		i.Retried != (how.but == "retried") || v == iana.TLS13 && i.ForwardSecrecy == (how.but == "psk_ke") {
		t.Fatalf("%+v", i)
	}
	dir := t.TempDir()
	pcap, keys := filepath.Join(dir, "capture.pcap"), filepath.Join(dir, "keys.log")
	for file, b := range map[string][]byte{pcap: wire.file.Bytes(), keys: log.Bytes()} {
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(tshark, "-r", pcap, "-o", "tls.keylog_file:"+keys, "-V")
	time.AfterFunc(30*time.Second, func() { cmd.Process.Kill() })
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark: %v", err)
	}
	return string(out)
}
