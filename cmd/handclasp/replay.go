package main

import (
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/handclasp/handclasp"
	"github.com/handclasp/handclasp/diagnose"
	"github.com/handclasp/handclasp/internal/clients"
	"github.com/handclasp/handclasp/internal/wire"
)

// replay are the flags for a ClientHello that another client made.
type replay struct {
	as, hello string
}

func (r *replay) declare(f *pflag.FlagSet) {
	f.StringVar(&r.as, "as", "", "send the ClientHello of `CLIENT`, recorded from it: "+oneOf(clients.Names))
	f.StringVar(&r.hello, "hello", "", "send the ClientHello in `FILE`, hex or a capture (pcap), with fresh keys and random")
}

// offers are the flags that say what is offered, and that a recorded hello says
// anyhow.
var offers = []string{
	"min-version", "max-version", "suites", "groups", "sigalgs", "alpn", "grease", "psk", "session", "early-data-file", "cert-compression", "post-handshake-auth",
}

// check finds flags that contradict each other.
func (r *replay) check(f *pflag.FlagSet) error {
	used := "--as"
	switch {
	case r.as == "" && r.hello == "":
		return nil
	case r.as != "" && r.hello != "":
		return &usageError{"--as and --hello exclude each other.", "Leave out one of them."}
	case r.hello != "":
		used = "--hello"
	case !slices.Contains(clients.Names, r.as):
		return &usageError{"There is no recording of a client " + quote(r.as) + ".", "Choose " + oneOf(clients.Names) + "; or record its hello, and give the file to --hello."}
	}
	for _, name := range offers {
		if x := f.Lookup(name); x != nil && x.Changed {
			return &usageError{used + " says what is offered, and so does --" + name + ".", "Leave out one of them."}
		}
	}
	return nil
}

// read is the hello of --hello, and in how many records it came; nil if there is
// none.
func (r *replay) read() ([]byte, int, error) {
	if r.hello == "" {
		return nil, 0, nil
	}
	file, err := os.ReadFile(r.hello)
	if err != nil {
		return nil, 0, fileError("--hello", r.hello, err)
	}
	msg, records, err := clients.Read(file)
	if err != nil {
		return nil, 0, &usageError{sentence("The file " + quote(r.hello) + " of --hello can't be used: " + strings.TrimSuffix(err.Error(), ".")),
			"Record one with tcpdump or Wireshark, from the start of a connection; or copy the ClientHello's bytes in hex."}
	}
	return msg, records, nil
}

// edit is the configuration with which the hello can go out, and what puts it in the
// place of ours; nil if ours is to go.
func (r *replay) edit(cfg *handclasp.ClientConfig) (*handclasp.ClientConfig, func(wire.Message), error) {
	hello, _, err := r.read()
	if err != nil || hello == nil && r.as == "" {
		return cfg, nil, err
	}
	return diagnose.Replay(cfg, hello, r.as)
}
