package main

import (
	"fmt"
	"strings"

	"github.com/handclasp/handclasp/flow"
	"github.com/handclasp/handclasp/iana"
)

// A diary is what was said, as BoringSSL's message callback tells it.
type diary struct {
	text strings.Builder
	last iana.HandshakeType // of a message that came
}

func (d *diary) note(ev *flow.Event) {
	way := map[bool]string{true: "write", false: "read"}[ev.Sent]
	switch {
	case ev.Kind == flow.Message:
		fmt.Fprintf(&d.text, "%s hs %d\n", way, ev.Type)
		if !ev.Sent {
			d.last = ev.Type
		}
	case ev.Kind == flow.Record && ev.Content == iana.ContentChangeCipherSpec:
		fmt.Fprintf(&d.text, "%s ccs\n", way)
	case ev.Kind == flow.Alert:
		fmt.Fprintf(&d.text, "%s alert %d %d\n", way, ev.Bytes[0], ev.Bytes[1])
	}
}
