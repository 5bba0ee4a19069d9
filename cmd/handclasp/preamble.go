package main

import (
	"context"
	"net"
	"time"

	"github.com/handclasp/handclasp/explain"
	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/internal/starttls"
)

// upgrade speaks protocol with the server of the given name up to where TLS
// begins, and tells rec what was said. An error says why it can't. ctx bounds
// it.
func upgrade(ctx context.Context, raw net.Conn, protocol, name string, rec *explain.Recorder) error {
	var lines []explain.PreambleLine
	start := time.Now()
	end, _ := ctx.Deadline()
	raw.SetDeadline(end) // a connection that takes no deadline is gone, which shows below
	stop := context.AfterFunc(ctx, func() { raw.SetDeadline(start) })
	err := starttls.Upgrade(raw, protocol, name, func(sent bool, text string) {
		lines = append(lines, explain.PreambleLine{Sent: sent, Text: text})
	})
	if stop() {
		raw.SetDeadline(time.Time{}) // the handshake watches ctx itself
	}
	if err != nil {
		err = stopped(ctx, fault.Wrap(err, fault.Internal))
	}
	rec.Preamble(protocol, lines, time.Since(start), err)
	return err
}
