package diagnose

import (
	"context"
	"io"
	"time"

	cryptorand "crypto/rand"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/internal/record"
)

// How often a hello is repeated to see how a server changes.
const (
	again  = 8 // at once
	inARow = 4 // failures after which a limit is suspected
)

// unsteady finds out how a server changes that answers one hello now so and now
// so: by chance, or after so many connections.
func (d *diagnosis) unsteady(ctx context.Context, h hello) error {
	key := d.p.model.key(h)
	row := 0
	for range again {
		o, err := d.try(ctx, "the same once more", h, false)
		if err != nil {
			return err
		}
		if row++; o.good() {
			row = 0
		}
		if row == inARow {
			break
		}
	}
	if row == inARow {
		limited, err := d.limited(ctx, h)
		if limited || err != nil {
			return err
		}
	}
	worked, failed := 0, map[string]int{}
	for _, o := range d.p.known[key] {
		if o.good() {
			worked++
		} else {
			failed[o.String()]++
		}
	}
	evidence := []Evidence{{Probe: "the same hello", Outcome: "the handshake worked", Times: worked}}
	for what, times := range failed {
		evidence = append(evidence, Evidence{Probe: "the same hello", Outcome: what, Times: times})
	}
	d.Findings = nil
	d.find("unstable", Certain, "", evidence...)
	return nil
}

// limited waits, and sees whether the server lets us in again.
func (d *diagnosis) limited(ctx context.Context, h hello) (bool, error) {
	before := d.p.used
	for wait := d.o.Pause; wait <= 4*d.o.Pause; wait *= 2 {
		if err := sleep(ctx, wait); err != nil {
			return false, err
		}
		o, err := d.try(ctx, "the same after a pause", h, false)
		if err != nil {
			return false, err
		}
		if !o.good() {
			continue
		}
		d.Findings = nil
		d.find("rate-limited", Certain, "",
			Evidence{Probe: "one connection after the other", Outcome: "after some that worked all failed", Times: before},
			Evidence{Probe: "the same after a pause of " + wait.Round(time.Millisecond).String(), Outcome: o.String()})
		return true, nil
	}
	return false, nil
}

// greets waits for a server that speaks first, in the clear.
func (d *diagnosis) greets(ctx context.Context) (bool, error) {
	if d.o.StartTLS != "" {
		return false, nil
	}
	if err := d.p.pace(ctx); err != nil {
		return false, err
	}
	raw, err := d.o.Dial(ctx, "tcp", d.p.addr.String())
	if err != nil {
		return false, nil
	}
	defer raw.Close()
	raw.SetReadDeadline(time.Now().Add(d.o.Linger))
	buf := make([]byte, 512)
	n, _ := raw.Read(buf)
	if n == 0 {
		return false, nil
	}
	if f := record.Sniff(buf[:n]); f != nil && plain[f.Rule] != "" {
		o := &outcome{ending: Garbled, err: f}
		return true, d.plainText(o)
	}
	d.notice("Before any byte of ours the server says %s.", fault.Quote(buf[:n]))
	return false, nil
}

// random is where key shares come from.
func (d *diagnosis) random() io.Reader {
	if d.o.Client.Rand != nil {
		return d.o.Client.Rand
	}
	return cryptorand.Reader
}
