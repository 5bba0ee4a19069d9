package keys

import (
	"bytes"
	"encoding/hex"
	"os"
	"strings"
	"testing"
)

// A trace walks through one section of RFC 8448 as a connection would, and
// remembers what later lines compare with.
type trace struct {
	psk        []byte
	transcript *Transcript
	early      *Early
	handshake  *Handshake
	main       *Main
	truncated  []byte            // ClientHello up to its binders
	secrets    map[string]Secret // by name, for the lines that derive from them
}

// step does one line of testdata/rfc8448.txt and returns what the code computed
// in place of the line's last value; nil if the line only feeds values in.
func (c *trace) step(line []string, value []byte) []byte {
	const h = SHA256
	sum := func() []byte { c.transcript.Start(h); return c.transcript.Sum() }
	name := func(s Secret) Secret { c.secrets[line[0]] = s; return s }
	switch line[0] {
	case "psk":
		c.psk = value
	case "early":
		c.early = NewEarly(h, c.psk)
		return c.early.secret
	case "truncated_client_hello":
		c.truncated = value
	case "binder_key":
		return name(c.early.BinderKey(FromTicket))
	case "binder":
		return h.Finished(c.secrets["binder_key"], h.Sum(c.truncated))
	case "client_early_traffic":
		return name(c.early.ClientEarlyTraffic(sum()))
	case "early_exporter":
		return c.early.EarlyExporter(sum())
	case "message":
		c.transcript.Write(value)
	case "retry":
		c.transcript.Retry(h)
	case "shared":
		c.handshake = c.early.Handshake(value)
	case "handshake":
		return c.handshake.secret
	case "client_handshake_traffic":
		return name(c.handshake.ClientTraffic(sum()))
	case "server_handshake_traffic":
		return name(c.handshake.ServerTraffic(sum()))
	case "main":
		c.main = c.handshake.Main()
		return c.main.secret
	case "server_finished":
		return h.Finished(c.secrets["server_handshake_traffic"], sum())
	case "client_finished":
		return h.Finished(c.secrets["client_handshake_traffic"], sum())
	case "client_application_traffic":
		return name(c.main.ClientTraffic(sum()))
	case "server_application_traffic":
		return name(c.main.ServerTraffic(sum()))
	case "exporter":
		return c.main.Exporter(sum())
	case "resumption":
		return name(c.main.Resumption(sum()))
	case "ticket_psk":
		nonce, _ := hex.DecodeString(line[1])
		return h.PSK(c.secrets["resumption"], nonce)
	case "key":
		key, iv := make([]byte, 16), make([]byte, 12)
		h.Key(c.secrets[line[1]], key, iv)
		return append(key, iv...)
	default:
		return []byte("unknown line")
	}
	return nil
}

// Every secret, key, IV, binder and verify_data of RFC 8448, Sections 3 to 5.
func TestRFC8448(t *testing.T) {
	text, err := os.ReadFile("testdata/rfc8448.txt")
	if err != nil {
		t.Fatal(err)
	}
	sections := strings.Split(string(text), "\nsection ")[1:]
	if len(sections) != 3 {
		t.Fatalf("testdata has %d sections, want 3", len(sections))
	}
	for _, section := range sections {
		title, body, _ := strings.Cut(section, "\n")
		t.Run(title, func(t *testing.T) {
			c := &trace{transcript: NewTranscript(), secrets: make(map[string]Secret)}
			for text := range strings.Lines(body) {
				line := strings.Fields(text)
				if len(line) == 0 {
					continue
				}
				last := line[len(line)-1]
				if line[0] == "key" {
					last = line[2] + line[3]
				}
				value, _ := hex.DecodeString(last) // "retry" has none
				if got := c.step(line, value); got != nil && !bytes.Equal(got, value) {
					t.Errorf("%s:\n got %x\nwant %x", strings.Join(line[:len(line)-1], " "), got, value)
				}
			}
		})
	}
}
