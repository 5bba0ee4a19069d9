package clients

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/wire"
)

// TestRecordings: each is a hello that our codec reads and writes again.
func TestRecordings(t *testing.T) {
	for _, name := range Names {
		c, err := Find(name)
		if err != nil {
			t.Fatal(err)
		}
		h, err := c.Decode()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if again, err := wire.Append(nil, h); err != nil || !bytes.Equal(again, c.Hello) {
			t.Errorf("%s: %v", name, err)
		}
		if c.Version == "" || c.Recorded == "" || string(h.ServerName) != "server.example.com" {
			t.Errorf("%+v %q", c, h.ServerName)
		}
	}
	if _, err := Find("netscape"); err == nil || !strings.Contains(err.Error(), "chromium") {
		t.Error(err)
	}
}

// records cuts a message into records of n bytes.
func records(msg []byte, n int) (out []byte) {
	for len(msg) > 0 {
		k := min(n, len(msg))
		out = append(append(out, 22, 3, 1, byte(k>>8), byte(k)), msg[:k]...)
		msg = msg[k:]
	}
	return out
}

func TestRead(t *testing.T) {
	c, err := Find("curl")
	if err != nil {
		t.Fatal(err)
	}
	want := c.Hello
	of := func(n int) int { return (len(want) + n - 1) / n }
	cut := map[string]int{"records": of(7), "hex with spaces": of(100), "hex with colons": of(100), "hex of C": of(100), "pcapng": of(50)}
	spaced := fmt.Sprintf("% x", records(want, 100))
	for name, file := range map[string][]byte{
		"bytes":              want,
		"record":             records(want, 1<<14),
		"records":            records(want, 7),
		"more behind":        append(records(want, 1<<14), 20, 3, 3, 0, 1, 1),
		"hex":                []byte(hex.EncodeToString(want)),
		"hex with spaces":    []byte(spaced + "\n"),
		"hex with colons":    []byte(strings.ToUpper(strings.ReplaceAll(spaced, " ", ":"))),
		"hex of C":           []byte("0x" + strings.ReplaceAll(spaced, " ", ", 0x")),
		"pcap":               pcap(t, false, layers.LinkTypeEthernet, records(want, 1<<14)),
		"pcapng":             pcap(t, true, layers.LinkTypeEthernet, records(want, 50)),
		"pcap without frame": pcap(t, false, layers.LinkTypeRaw, records(want, 1<<14)),
	} {
		got, n, err := Read(file)
		if err != nil || !bytes.Equal(got, want) || n != max(1, cut[name]) {
			t.Errorf("%s: %d records, %v", name, n, err)
		}
	}
	for name, file := range map[string][]byte{
		"nothing":         nil,
		"text":            []byte("hello"),
		"another message": {2, 0, 0, 0},
		"cut":             want[:100],
		"malformed":       {1, 0, 0, 1, 0},
		"pcap cut":        pcap(t, false, layers.LinkTypeEthernet, records(want, 1<<14)[:90]),
		"pcap of HTTP":    pcap(t, false, layers.LinkTypeEthernet, []byte(strings.Repeat("GET / HTTP/1.1\r\n", 9))),
	} {
		if got, _, err := Read(file); err == nil || err.Error() == "" {
			t.Errorf("%s: %x", name, got)
		}
	}
}

// pcap is a capture of a connection whose client sends data in segments of 60
// bytes, out of order, one of them twice.
func pcap(t testing.TB, ng bool, link layers.LinkType, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	var write func(gopacket.CaptureInfo, []byte) error
	if ng {
		w, err := pcapgo.NewNgWriter(&out, link)
		if err != nil {
			t.Fatal(err)
		}
		write = func(ci gopacket.CaptureInfo, b []byte) error { return errors.Join(w.WritePacket(ci, b), w.Flush()) }
	} else {
		w := pcapgo.NewWriter(&out)
		if err := w.WriteFileHeader(65536, link); err != nil {
			t.Fatal(err)
		}
		write = w.WritePacket
	}
	packet := func(seq uint32, payload []byte, syn bool) {
		ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: []byte{10, 0, 0, 1}, DstIP: []byte{10, 0, 0, 2}}
		tcp := &layers.TCP{SrcPort: 50000, DstPort: 443, Seq: seq, SYN: syn, ACK: !syn, PSH: true}
		tcp.SetNetworkLayerForChecksum(ip)
		list := []gopacket.SerializableLayer{ip, tcp, gopacket.Payload(payload)}
		if link == layers.LinkTypeEthernet {
			list = append([]gopacket.SerializableLayer{&layers.Ethernet{SrcMAC: make([]byte, 6), DstMAC: make([]byte, 6), EthernetType: layers.EthernetTypeIPv4}}, list...)
		}
		b := gopacket.NewSerializeBuffer()
		if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, list...); err != nil {
			t.Fatal(err)
		}
		if err := write(gopacket.CaptureInfo{Timestamp: time.Unix(0, 0), CaptureLength: len(b.Bytes()), Length: len(b.Bytes())}, b.Bytes()); err != nil {
			t.Fatal(err)
		}
	}
	const start = 1<<32 - 70 // wraps
	packet(start-1, nil, true)
	var at []uint32
	for n := uint32(0); n < uint32(len(data)); n += 60 {
		at = append(at, n)
	}
	if len(at) > 2 {
		at[1], at[2] = at[2], at[1]
	}
	for _, n := range append(at, 0) {
		packet(start+n, data[n:min(int(n)+60, len(data))], false)
	}
	return out.Bytes()
}

func FuzzRead(f *testing.F) {
	for _, name := range Names {
		c, _ := Find(name)
		f.Add(c.Hello)
	}
	c, _ := Find(Names[0])
	for _, ng := range []bool{false, true} {
		f.Add(pcap(f, ng, layers.LinkTypeEthernet, records(c.Hello, 200)))
	}
	f.Add(fmt.Appendf(nil, "% x", records(c.Hello, 200)))
	f.Fuzz(func(t *testing.T, file []byte) {
		if msg, n, err := Read(file); err == nil && n < 1 || err == nil && wire.Decode(msg, new(wire.ClientHello)) != nil {
			t.Errorf("%x", msg)
		}
	})
}

// TestLike: each recording is like itself, whatever name, protocols, session and
// GREASE values another connection has, and like no other stack.
func TestLike(t *testing.T) {
	for _, name := range Names {
		c, err := Find(name)
		if err != nil {
			t.Fatal(err)
		}
		h, err := c.Decode()
		if err != nil {
			t.Fatal(err)
		}
		h.Extensions.Remove(iana.ExtServerName)
		h.Extensions.Remove(iana.ExtALPN)
		if got := Like(h); !slices.Contains(got, c.Short()) {
			t.Errorf("%s is like %q", name, got)
		}
		h.CipherSuites = wire.MakeList16(iana.TLS_AES_128_GCM_SHA256)
		if got := Like(h); got != nil {
			t.Errorf("%s with one suite is like %q", name, got)
		}
	}
}
