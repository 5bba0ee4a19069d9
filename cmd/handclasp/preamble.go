package main

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/internal/starttls"
)

// A preamble is what was said in the clear before TLS.
type preamble struct {
	protocol string
	lines    []preambleLine
	took     time.Duration
}

// A preambleLine is a line, or a packet in words, of a preamble.
type preambleLine struct {
	sent bool // by us
	text string
	at   time.Duration // since the preamble began
}

// upgrade speaks protocol with the server of the given name up to where TLS
// begins. An error says why it can't; the lines up to there are given all the
// same. ctx bounds it.
func upgrade(ctx context.Context, raw net.Conn, protocol, name string) (preamble, error) {
	p := preamble{protocol: protocol}
	start := time.Now()
	end, _ := ctx.Deadline()
	raw.SetDeadline(end) // a connection that takes no deadline is gone, which shows below
	stop := context.AfterFunc(ctx, func() { raw.SetDeadline(start) })
	err := starttls.Upgrade(raw, protocol, name, func(sent bool, text string) {
		p.lines = append(p.lines, preambleLine{sent, text, time.Since(start)})
	})
	p.took = time.Since(start)
	if stop() {
		raw.SetDeadline(time.Time{}) // the handshake watches ctx itself
	}
	if err == nil {
		return p, nil
	}
	e := fault.Wrap(err, fault.Internal)
	if errors.Is(e.Cause, io.EOF) {
		e.Cause = io.ErrUnexpectedEOF // for io.EOF is how a connection ends in order
	}
	return p, stopped(ctx, e)
}
