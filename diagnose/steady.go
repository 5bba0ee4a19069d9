package diagnose

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"time"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/internal/record"
	"github.com/handclasp/handclasp/internal/starttls"
)

// How often a hello is repeated to see how a server changes.
const (
	again  = 6 // at once
	inARow = 4 // alike, after which a limit is suspected
)

// unsteady finds out how a server changes that answers one hello now so and now
// so: by chance, or after so many connections.
func (d *diagnosis) unsteady(ctx context.Context, h hello) error {
	row, last := 0, (*outcome)(nil)
	for range again {
		o, err := d.try(ctx, "the same once more", h, d.late())
		if err != nil {
			return err
		}
		if last == nil || !o.alike(last) {
			row = 0
		}
		if row, last = row+1, o; row == inARow {
			break
		}
	}
	calm := inARow
	if row < inARow { // the limit, if it is one, is not far off
		last, calm = nil, again
	}
	limited, err := d.limited(ctx, h, last, calm, 3)
	if limited || err != nil || d.unstable(Certain) {
		return err
	}
	d.find("hello-content", Likely, "What it refuses depends on more than what a ClientHello has: a least one passes, and what is added to it does not tell why the client's fails.",
		Evidence{Probe: "the client's hello", Outcome: d.first.String()})
	return nil
}

// late reports whether the client's handshake is complete before it fails, so that
// who does not listen afterwards takes it for one that works.
func (d *diagnosis) late() bool {
	return d.first != nil && d.first.stage == connected && !d.first.good()
}

// unstable says of the hello whose outcomes differ that they do; false if there is
// none.
func (d *diagnosis) unstable(c Confidence) bool {
	for _, key := range slices.Sorted(maps.Keys(d.p.known)) {
		all, times := d.p.known[key], map[string]int{}
		for _, o := range all {
			times[o.kind()]++
		}
		if len(times) < 2 {
			continue
		}
		var evidence []Evidence
		for _, what := range slices.Sorted(maps.Keys(times)) {
			evidence = append(evidence, Evidence{Probe: "the same hello", Outcome: what, Times: times[what]})
		}
		detail := ""
		if !slices.ContainsFunc(all, (*outcome).good) {
			detail = "Of these none works; how it fails changes."
		}
		d.Findings = nil
		d.find("unstable", c, detail, evidence...)
		return true
	}
	return false
}

// limited finds out whether a server that has answered so several times in a row, or
// now so and now so if that is nil, answers otherwise, and always alike, to who
// does not hurry: to calm connections with a pause before each, which is longer
// the next times. If so, the diagnosis begins anew, no faster than that.
func (d *diagnosis) limited(ctx context.Context, h hello, so *outcome, calm, times int) (bool, error) {
	if d.slow {
		return false, nil
	}
	before, was := d.p.used, d.o.Rate
	for wait := d.o.Pause; times > 0; times, wait = times-1, 2*wait {
		if rate := float64(time.Second) / float64(wait); was == 0 || was > rate {
			d.o.Rate = rate
		}
		var first *outcome
		row := 0
		for row < calm {
			o, err := d.try(ctx, "the same without haste", h, d.late())
			if err != nil {
				return false, err
			}
			if so != nil && o.alike(so) || first != nil && !o.alike(first) {
				break
			}
			first, row = o, row+1
		}
		if row == calm {
			d.slow = true
			hasty := "after some, others fail or fail otherwise"
			if so != nil {
				hasty = "after some, " + so.String()
			}
			return true, d.slowly(ctx, h, calm, wait, Evidence{Probe: fmt.Sprintf("%d connections, one right after the other", before), Outcome: hasty},
				Evidence{Probe: "with a pause of " + wait.Round(time.Millisecond).String() + " between them", Outcome: first.String(), Times: row})
		}
	}
	d.o.Rate = was
	return false, nil
}

// slowly begins the diagnosis anew, with what the last calm connections told of h. That the server limits connections is the
// finding only if there is no other.
func (d *diagnosis) slowly(ctx context.Context, h hello, calm int, wait time.Duration, evidence ...Evidence) error {
	d.Findings = nil
	key := d.p.model.key(h)
	all := d.p.known[key]
	clear(d.p.known)
	if !maps.Equal(h.set, d.user) {
		d.p.known[key], d.hint = all[len(all)-calm:], h.set
	}
	first, err := d.try(ctx, "the client's handshake, without haste", d.mine(), true)
	if err != nil {
		return err
	}
	if err := d.explain(ctx, first); err != nil {
		return err
	}
	switch {
	case len(d.Findings) != 1:
	case d.Findings[0].ID == "nothing-wrong":
		d.Findings, d.Works = nil, false
		d.find("rate-limited", Certain, "", evidence...)
		return nil
	case d.Findings[0].ID == "unstable":
		return nil
	}
	d.notice("The server, or a device before it, refuses who connects too often; so there was a pause of %v before each connection.", wait.Round(time.Millisecond))
	return nil
}

// other finds out whether the port speaks another protocol: one in which the server
// speaks first, or one that waits to be asked for TLS in it.
func (d *diagnosis) other(ctx context.Context) (bool, error) {
	if d.o.StartTLS != "" {
		return false, nil
	}
	done, err := d.greets(ctx)
	for _, protocol := range []string{"postgres", "ldap", "xmpp"} {
		if done || err != nil {
			break
		}
		done, err = d.waits(ctx, protocol)
	}
	if done || err != nil {
		return done, err
	}
	return d.inClear(ctx)
}

// greets waits for a server that speaks first, in the clear.
func (d *diagnosis) greets(ctx context.Context) (done bool, err error) {
	const what = "listening, without a word"
	err = d.plain(ctx, what, func(raw net.Conn) string {
		raw.SetReadDeadline(time.Now().Add(d.o.Linger))
		buf := make([]byte, 512)
		n, _ := raw.Read(buf)
		if n == 0 {
			return "it says nothing"
		}
		says := "the server says " + fault.Quote(buf[:n])
		if f := record.Sniff(buf[:n]); f != nil && plain[f.Rule] != "" {
			done = true
			d.plainText(&outcome{ending: Garbled, err: f})
		} else {
			d.notice("Before any byte of ours %s.", says)
		}
		return says
	})
	return done, err
}

// waits asks for TLS in a protocol in which the client speaks first.
func (d *diagnosis) waits(ctx context.Context, protocol string) (agrees bool, err error) {
	name := properly[protocol]
	what := "asking for TLS in " + name
	err = d.plain(ctx, what, func(raw net.Conn) string {
		raw.SetDeadline(time.Now().Add(d.p.timeout))
		if err := starttls.Upgrade(raw, protocol, d.o.Client.ServerName, nil); err != nil {
			return "the server does not agree"
		}
		agrees = true
		d.speaks("plain-text", protocol, "It speaks "+name+", in which TLS begins when it is asked for.", Evidence{Probe: what, Outcome: "the server agrees"})
		return "the server agrees"
	})
	return agrees, err
}

// properly are the names of the protocols that wait for the client.
var properly = map[string]string{"postgres": "PostgreSQL's protocol", "ldap": "LDAP", "xmpp": "XMPP"}

// plain makes a connection without TLS, and notes what look says of it.
func (d *diagnosis) plain(ctx context.Context, what string, look func(net.Conn) string) error {
	if err := d.begin(ctx, what); err != nil {
		return err
	}
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, d.p.timeout)
	defer cancel()
	raw, err := d.o.Dial(ctx, "tcp", d.p.addr.String())
	if err != nil {
		d.looked(what, start, "no connection") // that is no finding here
		return nil
	}
	defer raw.Close()
	d.looked(what, start, look(raw))
	return nil
}
