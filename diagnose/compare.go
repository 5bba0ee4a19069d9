package diagnose

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// A comparison is the search for what in a hello makes a server refuse it.
type comparison struct {
	*diagnosis
	first *outcome  // how the client's handshake fails
	pass  set       // a least hello that the server takes
	more  set       // that it takes too, and that has little in common with pass; nil if there is none
	unfit []measure // of which nothing can be said, since the server minds what hellos are filled up with
}

// compare finds out what about the client's hello the server dislikes, by making
// others.
func (d *diagnosis) compare(ctx context.Context, first *outcome) error {
	c := &comparison{diagnosis: d, first: first}
	err := c.run(ctx)
	if errors.Is(err, errUnsteady) {
		return d.unsteady(ctx, d.mine())
	}
	return err
}

func (c *comparison) run(ctx context.Context) error {
	wide, err := c.try(ctx, "a wide hello", hello{set: c.wide}, false)
	if err != nil {
		return err
	}
	if c.better(wide) {
		return c.lacks(ctx, c.wide, wide)
	}
	passed, err := c.leastThatPasses(ctx)
	if err != nil || passed == nil {
		return err
	}
	added, err := c.passes(ctx, "the client's hello, with what the least one has", hello{set: c.user.with(c.p.model.list(c.pass)...)})
	if err != nil {
		return err
	}
	if added {
		return c.lacks(ctx, c.pass, passed)
	}
	return c.dislikes(ctx)
}

// better reports whether a handshake came further than the client's.
func (c *comparison) better(o *outcome) bool {
	return o.good() || o.stage > c.first.stage
}

// passes reports whether a hello comes further than the client's.
func (c *comparison) passes(ctx context.Context, what string, h hello) (bool, error) {
	o, err := c.once(ctx, what, h)
	return err == nil && c.better(o), err
}

// refuses reports whether a hello fails as the client's does. If it fails in another
// way, it has come past what refuses the client's.
func (c *comparison) refuses(ctx context.Context, h hello) (bool, error) {
	o, err := c.once(ctx, "part of the hello", h)
	return err == nil && o.alike(c.first), err
}

// once is what becomes of a hello; what was tried is not tried again.
func (c *comparison) once(ctx context.Context, what string, h hello) (*outcome, error) {
	if known := c.p.known[c.p.model.key(h)]; len(known) > 0 {
		return known[0], nil
	}
	o, err := c.try(ctx, what, h, false)
	if err == nil && o.lost() && o.ending != c.first.ending { // perhaps only this once
		o, err = c.try(ctx, what, h, false)
	}
	if err == nil && o.ending == NoAnswer {
		err = errUnsteady
	}
	return o, err
}

// leastThatPasses finds a least hello that the server takes. If there is none, that
// is the finding.
func (c *comparison) leastThatPasses(ctx context.Context) (*outcome, error) {
	named := c.user[nameAtom]
	candidates := c.leasts(named)
	if named { // the name may be what it dislikes
		candidates = slices.Insert(candidates, 2, c.user.without(nameAtom), candidates[0].without(nameAtom))
	} else {
		done, err := c.byName(ctx)
		if done || err != nil {
			return nil, err
		}
	}
	for _, s := range append(candidates, c.old()) {
		o, err := c.try(ctx, "a least hello", hello{set: s}, false)
		if err != nil {
			return nil, err
		}
		if !c.better(o) {
			continue
		}
		if named && !s[nameAtom] && c.first.alert == iana.UnrecognizedName {
			c.unknownName(o)
			return nil, nil
		}
		c.pass = s
		return o, nil
	}
	return nil, c.refusesAll(ctx)
}

// byName tries names, for a client that sends none.
func (c *comparison) byName(ctx context.Context) (done bool, err error) {
	before := len(c.Findings)
	err = c.withName(ctx, c.better)
	return len(c.Findings) > before, err
}

func (c *comparison) unknownName(without *outcome) {
	name := fault.Quote([]byte(c.o.Client.ServerName))
	c.find("name-unknown", Certain, "The name is "+name+".",
		Evidence{Probe: "with the name " + name, Outcome: c.first.String()}, Evidence{Probe: "without a name", Outcome: without.String()})
}

// refusesAll is for a server that nothing pleases.
func (c *comparison) refusesAll(ctx context.Context) error {
	if c.first.ending == Silent || c.first.ending == Closed {
		done, err := c.greets(ctx)
		if done || err != nil {
			return err
		}
	}
	if c.first.stage > atHello {
		return c.breaksOff(c.first)
	}
	tried := 0
	for _, all := range c.p.known {
		tried += len(all)
	}
	confidence := Likely
	if id := c.always(c.first); id == "no-common-version" || id == "server-internal" {
		confidence = Certain
	}
	c.find(c.always(c.first), confidence, c.first.String()+".", Evidence{Probe: "every hello that was tried, wide and least, old and new", Outcome: c.first.String(), Times: tried})
	return nil
}

// always is the cause that fits when every hello is refused in one way.
func (d *diagnosis) always(o *outcome) string {
	switch o.ending {
	case Closed:
		return "closed"
	case Reset:
		return "reset"
	case Silent:
		return "silent"
	}
	switch o.alert {
	case iana.CloseNotify:
		return "closed"
	case iana.ProtocolVersion:
		return "no-common-version"
	case iana.InternalError:
		return "server-internal"
	case iana.UnrecognizedName:
		return "name-unknown"
	}
	return "refuses-all"
}

// lacks is for a hello that passes with additions: the client and the server have
// something not in common.
func (c *comparison) lacks(ctx context.Context, with set, passed *outcome) error {
	additions := c.p.model.list(with.without(c.p.model.list(c.user)...))
	needed, err := minimal(ctx, additions, func(ctx context.Context, some []atom) (bool, error) {
		return c.passes(ctx, "the client's hello with an addition", hello{set: c.user.with(some...)})
	})
	if err != nil {
		return err
	}
	id, chosen := c.missing(passed, needed)
	h := hello{set: c.user.with(needed...)}
	if steady, err := c.confirm(ctx, c.mine(), h); err != nil || !steady {
		return err
	}
	detail := fmt.Sprintf("The server takes %s, which this client does not offer.", chosen)
	f := c.find(id, Certain, detail, c.evidence("the client's hello", c.mine()), c.evidence("the same with "+trigger{atoms: needed}.String(), h))
	f.Trigger = trigger{atoms: needed}.String()
	f.Prove = c.prove(f)
	return nil
}

// missing is what the server chose in a handshake that passed and the client does
// not offer: the first of version, suite, group, signature algorithm, protocol.
func (c *comparison) missing(passed *outcome, needed []atom) (id, chosen string) {
	i := passed.info
	for _, x := range []struct {
		id   string
		atom atom
		ok   bool
	}{
		{"no-common-version", atom{version, uint16(i.Version), ""}, i.Version != 0},
		{"no-common-suite", atom{cipher, uint16(i.CipherSuite), ""}, i.CipherSuite != 0},
		{"no-common-group", atom{group, uint16(i.Group), ""}, i.Group != 0},
		{"no-common-sigalg", atom{sigalg, uint16(i.SignatureScheme), ""}, i.SignatureScheme != 0},
		{"alpn-mismatch", atom{kind: protocol, text: i.ALPN}, i.ALPN != ""},
	} {
		if x.ok && !c.user[x.atom] {
			return x.id, x.atom.String()
		}
	}
	ids := map[kind]string{version: "no-common-version", cipher: "no-common-suite", group: "no-common-group", sigalg: "no-common-sigalg", protocol: "alpn-mismatch"}
	for _, a := range needed {
		if id := ids[a.kind]; id != "" {
			return id, a.String()
		}
	}
	return "hello-lacks", trigger{atoms: needed}.String()
}

// evidence says what came of a hello each time.
func (c *comparison) evidence(probe string, h hello) Evidence {
	known := c.p.known[c.p.model.key(h)]
	return Evidence{Probe: probe, Outcome: known[0].String(), Times: len(known)}
}

// rounds is how often the hello that fails and the one that passes are repeated, in
// turn.
const rounds = 2

// confirm repeats the hello that fails and the one that passes. If the outcomes
// change, it finds out how the server is unsteady, and reports false.
func (c *comparison) confirm(ctx context.Context, fails, passes hello) (bool, error) {
	for range rounds {
		for _, h := range []hello{fails, passes} {
			o, err := c.try(ctx, "a decisive probe again", h, false)
			if err != nil {
				return false, err
			}
			if c.better(o) != c.better(c.p.known[c.p.model.key(h)][0]) {
				return false, c.unsteady(ctx, h)
			}
		}
	}
	return true, nil
}
