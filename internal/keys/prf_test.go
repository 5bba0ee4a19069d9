package keys

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/handclasp/handclasp/fault"
)

// The vectors that were posted to the IETF's TLS list for RFC 5246's PRF, which
// OpenSSL's TLS1-PRF computes alike.
func TestPRF(t *testing.T) {
	for _, c := range []struct {
		hash               Hash
		secret, seed, want string
	}{
		{SHA256, "9bbe436ba940f017b17652849a71db35", "a0ba9f936cda311827a6f796ffd5198c",
			"e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a" +
				"6b301791e90d35c9c9a46b4e14baf9af0fa022f7077def17abfd3797c0564bab" +
				"4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff701" +
				"87347b66"},
		{SHA384, "b80b733d6ceefcdc71566ea48e5567df", "cd665cf6a8447dd6ff8b27555edb7465",
			"7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cd" +
				"e9ca0faa60be9fe34f82b1233c9146a0e534cb400fed2700884f9dc236f80edd" +
				"8bfa961144c9e8d792eca722a7b32fc3d416d473ebc2c5fd4abfdad05d918425" +
				"9b5bf8cd4d90fa0d31e2dec479e4f1a26066f2eea9a69236a3e52655c9e9aee6" +
				"91c8f3a26854308d5eaa3be85e0990703d73e56f"},
	} {
		want := unhex(t, c.want)
		for n := range len(want) + 1 { // a shorter output is the beginning of a longer one
			got := c.hash.PRF(unhex(t, c.secret), "test label", unhex(t, c.seed), n)
			if !bytes.Equal(got, want[:n]) || cap(got) != n {
				t.Fatalf("%v, %d bytes:\n got %x\nwant %x", c.hash, n, got, want[:n])
			}
		}
	}
}

// The label is only the beginning of the seed, and neither is changed.
func TestPRFSeed(t *testing.T) {
	seed := []byte("label and seed")
	got := SHA256.PRF([]byte("secret"), "label", seed[5:], 64)
	if want := SHA256.PRF([]byte("secret"), "", seed, 64); !bytes.Equal(got, want) || string(seed) != "label and seed" {
		t.Errorf("got %x, want %x; seed %q", got, want, seed)
	}
}

// A trace12 walks through one section of testdata/tls12.txt as a connection
// would.
type trace12 struct {
	hash           Hash
	transcript     *Transcript
	client, server []byte // randoms
	extended       bool
	premaster      []byte
	master         *Master12
}

// step does one line of testdata and returns what the code computed in place of
// its values; nil if the line only feeds values in.
func (c *trace12) step(line []string, value []byte) []byte {
	switch line[0] {
	case "hash":
		c.hash = map[string]Hash{"SHA256": SHA256, "SHA384": SHA384}[line[1]]
	case "message":
		c.transcript.Write(value)
		switch line[1] {
		case "ClientHello":
			c.client = value[6:38]
		case "ServerHello":
			c.server = value[6:38]
			c.transcript.Start(c.hash)
		}
	case "premaster":
		c.premaster = value
	case "session_hash":
		c.extended = true
		return c.transcript.Sum()
	case "master":
		master := c.hash.MasterSecret(c.premaster, c.client, c.server)
		if c.extended {
			master = c.hash.ExtendedMasterSecret(c.premaster, c.transcript.Sum())
		}
		c.master = NewMaster12(c.hash, master, c.client, c.server)
		return master
	case "keys":
		client, server := c.master.KeyBlock(0, len(line[1])/2, len(line[3])/2)
		return slices.Concat(client.Key, server.Key, client.IV, server.IV)
	case "client_finished":
		return c.master.Finished(fault.Client, c.transcript.Sum())
	case "server_finished":
		return c.master.Finished(fault.Server, c.transcript.Sum())
	case "export":
		context := map[string][]byte{"absent": nil, "empty": {}, "context": []byte("context")}[line[1]]
		out, _ := c.master.Export("EXPORTER-handclasp", context, 32)
		return out
	default:
		return []byte("unknown line")
	}
	return nil
}

// Whole handshakes with OpenSSL and crypto/tls, with both kinds of master secret
// and both hashes.
func TestHandshakes12(t *testing.T) {
	text, err := os.ReadFile("testdata/tls12.txt")
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
			c := &trace12{transcript: NewTranscript()}
			checks := 0
			for text := range strings.Lines(body) {
				line := strings.Fields(text)
				if len(line) == 0 {
					continue
				}
				var value []byte
				switch line[0] {
				case "hash":
				case "message", "export":
					value = unhex(t, line[2])
				default:
					value = unhex(t, strings.Join(line[1:], ""))
				}
				got := c.step(line, value)
				if got == nil {
					continue
				}
				if checks++; !bytes.Equal(got, value) {
					t.Errorf("%s:\n got %x\nwant %x", line[0], got, value)
				}
			}
			if checks < 4 {
				t.Errorf("only %d values compared", checks)
			}
		})
	}
}

func master12(t *testing.T) *Master12 {
	t.Helper()
	return NewMaster12(SHA256, bytes.Repeat([]byte{7}, 48), bytes.Repeat([]byte{'c'}, 32), bytes.Repeat([]byte{'s'}, 32))
}

// The order of the key_block, MAC keys included.
func TestKeyBlock(t *testing.T) {
	s := master12(t)
	client, server := s.KeyBlock(20, 16, 12)
	block := SHA256.PRF(s.secret, "key expansion", []byte(strings.Repeat("s", 32)+strings.Repeat("c", 32)), 96)
	for _, part := range []struct {
		name string
		got  Secret
		n    int
	}{
		{"client_write_MAC_key", client.MAC, 20}, {"server_write_MAC_key", server.MAC, 20},
		{"client_write_key", client.Key, 16}, {"server_write_key", server.Key, 16},
		{"client_write_IV", client.IV, 12}, {"server_write_IV", server.IV, 12},
	} {
		if !bytes.Equal(part.got, block[:part.n]) || cap(part.got) != part.n {
			t.Errorf("%s is %x, want %x", part.name, []byte(part.got), block[:part.n])
		}
		block = block[part.n:]
	}
	if got := fmt.Sprintf("%v %+v %x", client, client, client); strings.Count(got, "[secret of") != 9 {
		t.Errorf("keys print as %s", got)
	}
	server.Wipe()
	if !bytes.Equal(slices.Concat(server.MAC, server.Key, server.IV), make([]byte, 48)) {
		t.Error("Wipe leaves something")
	}
	if bytes.Equal(client.Key, make([]byte, 16)) {
		t.Error("wiping one side's keys took the other's")
	}
}

func TestFinished12(t *testing.T) {
	s, th := master12(t), SHA256.Sum([]byte("messages"))
	for role, label := range map[fault.Role]string{fault.Client: "client finished", fault.Server: "server finished"} {
		if got, want := s.Finished(role, th), SHA256.PRF(s.secret, label, th, 12); !bytes.Equal(got, want) {
			t.Errorf("%v: got %x, want %x", role, got, want)
		}
	}
}

func TestExport12(t *testing.T) {
	s := master12(t)
	randoms := strings.Repeat("c", 32) + strings.Repeat("s", 32)
	for _, c := range []struct {
		name    string
		context []byte
		seed    string
	}{
		{"absent", nil, randoms},
		{"empty", []byte{}, randoms + "\x00\x00"},
		{"some", []byte("context"), randoms + "\x00\x07context"},
		{"longest", make([]byte, 65535), randoms + "\xff\xff" + strings.Repeat("\x00", 65535)},
	} {
		got, err := s.Export("EXPORTER-test", c.context, 40)
		if want := SHA256.PRF(s.secret, "EXPORTER-test", []byte(c.seed), 40); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v\n got %x\nwant %x", c.name, err, got, want)
		}
	}
}

func TestExport12Refuses(t *testing.T) {
	s := master12(t)
	for _, c := range []struct {
		label   string
		context int
		length  int
		want    error
	}{
		{"x", 0, 1, nil},
		{strings.Repeat("x", 249), 65535, 255 * 32, nil},
		{"", 0, 32, nil},
		{strings.Repeat("x", 250), 0, 32, fault.ExportLabel},
		{"client finished", 0, 12, fault.ExportLabel},
		{"server finished", 0, 12, fault.ExportLabel},
		{"master secret", 0, 48, fault.ExportLabel},
		{"extended master secret", 0, 48, fault.ExportLabel},
		{"key expansion", 0, 40, fault.ExportLabel},
		{"x", 0, 0, fault.ExportLength},
		{"x", 0, 255*32 + 1, fault.ExportLength},
		{"x", 65536, 32, fault.ExportLength},
	} {
		out, err := s.Export(c.label, make([]byte, c.context), c.length)
		if !errors.Is(err, c.want) || err == nil && len(out) != c.length || err != nil && out != nil {
			t.Errorf("%q, context of %d, %d bytes: got %d bytes, %v; want %v", c.label, c.context, c.length, len(out), err, c.want)
		}
	}
}

// A wiped master secret gives no keys that anybody could compute, and its stage
// never prints it.
func TestMaster12IsWiped(t *testing.T) {
	master := Secret(bytes.Repeat([]byte{7}, 48))
	s := NewMaster12(SHA256, master, make([]byte, 32), make([]byte, 32))
	for _, v := range []any{s, *s} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%x"} {
			if got := fmt.Sprintf(verb, v); got != "[stage of the key schedule]" {
				t.Errorf("%s of %T prints %s", verb, v, got)
			}
		}
	}
	s.Wipe()
	if !bytes.Equal(master, make([]byte, 48)) {
		t.Error("the master secret is still there")
	}
	for name, use := range map[string]func(){
		"KeyBlock": func() { s.KeyBlock(0, 16, 4) },
		"Finished": func() { s.Finished(fault.Client, nil) },
		"Export":   func() { s.Export("x", nil, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			use()
		})
	}
}

func TestKeyLog12(t *testing.T) {
	got := AppendKeyLog(nil, LogMaster12, bytes.Repeat([]byte{0xc1}, 32), bytes.Repeat([]byte{0x5e}, 48))
	if want := "CLIENT_RANDOM " + strings.Repeat("c1", 32) + " " + strings.Repeat("5e", 48) + "\n"; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A transcript that keeps its messages has them and their hash, wherever Start
// and Forget fall.
func TestTranscriptKeeps(t *testing.T) {
	tr := NewTranscript()
	tr.Keep()
	tr.Write([]byte("client"))
	tr.Start(SHA384)
	tr.Write([]byte("server"))
	if got := tr.Messages(); string(got) != "clientserver" {
		t.Errorf("kept %q", got)
	}
	tr.Forget()
	tr.Write([]byte("more"))
	if got := tr.Messages(); got != nil {
		t.Errorf("kept %q after Forget", got)
	}
	if !bytes.Equal(tr.Sum(), SHA384.Sum([]byte("clientservermore"))) {
		t.Error("the hash depends on what is kept")
	}

	tr = NewTranscript()
	tr.Keep()
	tr.Write([]byte("client"))
	tr.Forget()
	tr.Start(SHA256)
	if !bytes.Equal(tr.Sum(), SHA256.Sum([]byte("client"))) || tr.Messages() != nil {
		t.Errorf("Forget before Start loses messages or keeps them: %q", tr.Messages())
	}
}
