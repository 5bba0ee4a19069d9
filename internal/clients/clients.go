// Package clients knows the ClientHellos of the clients that people use.
//
// Policy: each was recorded from the client itself, by `go run
// ./interop/record`, and says of which version and when; none is made up.
package clients

import (
	"embed"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/handclasp/handclasp/internal/wire"
)

//go:embed recorded
var files embed.FS

// Names are the clients that there are recordings of.
var Names = []string{"go", "openssl", "curl", "java", "node", "python", "gnutls", "chromium"}

// A Client is one recording.
type Client struct {
	Name     string
	Version  string // as the program tells it
	Recorded string // the date
	Hello    []byte // a handshake message, with its header
}

// Short is the program and its version: "curl 7.88.1".
func (c *Client) Short() string {
	words := strings.Fields(c.Version)
	return strings.TrimSuffix(strings.Join(words[:min(2, len(words))], " "), ",")
}

// Find is the recording of the client that is called so. Its error lists the
// names that there are.
func Find(name string) (*Client, error) {
	if !slices.Contains(Names, name) {
		return nil, fmt.Errorf("no client is called %q; there are %s", name, strings.Join(Names, ", "))
	}
	text, err := files.ReadFile("recorded/" + name + ".txt")
	if err != nil {
		return nil, err
	}
	c := &Client{Name: name}
	return c, c.parse(string(text))
}

// parse reads a recording: lines of "key: value", an empty one, and the hello in
// hex.
func (c *Client) parse(text string) (err error) {
	head, body, _ := strings.Cut(text, "\n\n")
	for line := range strings.Lines(head) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "client":
			c.Version = value
		case "recorded":
			c.Recorded = value
		}
	}
	if c.Hello, err = hex.DecodeString(strings.Join(strings.Fields(body), "")); err != nil {
		return fmt.Errorf("the recording of %s: %w", c.Name, err)
	}
	return nil
}

// Recording is the text that parse reads.
func (c *Client) Recording() string {
	var b strings.Builder
	fmt.Fprintf(&b, "client: %s\nrecorded: %s\n\n", c.Version, c.Recorded)
	for line := range slices.Chunk(c.Hello, 40) {
		fmt.Fprintf(&b, "%x\n", line)
	}
	return b.String()
}

// Decode is the hello in its fields.
func (c *Client) Decode() (*wire.ClientHello, error) {
	h := new(wire.ClientHello)
	return h, wire.Decode(c.Hello, h)
}
