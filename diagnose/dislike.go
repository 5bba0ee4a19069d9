package diagnose

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/kex"
	"github.com/handclasp/handclasp/internal/wire"
)

// mostTriggers is how many things are looked for of which each is enough.
const mostTriggers = 5

// dislikes finds what in the hello the server, or a device before it, refuses: all
// that is enough by itself, and each as small as it can be.
func (c *comparison) dislikes(ctx context.Context) error {
	if err := c.findMore(ctx); err != nil {
		return err
	}
	left := c.user // what remains of the client's hello
	var triggers []trigger
	fails := c.mine()
	for range mostTriggers {
		t, at, err := c.trigger(ctx, left)
		if err != nil {
			return err
		}
		triggers = append(triggers, t)
		if len(triggers) == 1 {
			fails = at
		}
		if t.much == "segments" {
			return c.conclude(ctx, triggers, fails, hello{set: c.pass})
		}
		next, ok := c.avoid(left, t)
		if !ok {
			return c.conclude(ctx, triggers, fails, hello{set: c.pass})
		}
		left = next
		passes, err := c.passes(ctx, "the client's hello without "+t.String(), hello{set: left})
		if err != nil {
			return err
		}
		if passes {
			return c.conclude(ctx, triggers, fails, hello{set: left})
		}
	}
	return c.conclude(ctx, triggers, fails, hello{set: c.pass})
}

// findMore looks for a second hello that passes and has little in common with the
// first, to see whether what is in the first matters.
func (c *comparison) findMore(ctx context.Context) error {
	var candidates []set
	for _, named := range []bool{false, true} {
		for _, s := range c.leasts(named && c.user[nameAtom]) {
			if common(s, c.pass) {
				continue
			}
			candidates = append(candidates, s)
		}
	}
	for _, s := range candidates[:min(len(candidates), 4)] {
		ok, err := c.passes(ctx, "another least hello", hello{set: s})
		if err != nil {
			return err
		}
		if ok {
			c.more = s
			return nil
		}
	}
	return nil
}

// common reports whether two least hellos share a group or a suite.
func common(a, b set) bool {
	for x := range a {
		if (x.kind == group || x.kind == cipher) && b[x] {
			return true
		}
	}
	return false
}

// trigger finds one trigger in left, which the server refuses, and a hello that
// shows it.
func (c *comparison) trigger(ctx context.Context, left set) (trigger, hello, error) {
	if t, h, err := c.size(ctx, left); t.much != "" || err != nil {
		return t, h, err
	}
	candidates := c.p.model.list(left.without(c.p.model.list(c.pass)...))
	var counted trigger
	found, err := minimal(ctx, c.pass, candidates, c.refuses, func(found []atom) (bool, error) {
		var err error
		counted, err = c.count(ctx, left, found)
		return counted.much != "", err
	})
	if err != nil {
		return trigger{}, hello{}, err
	}
	if counted.much != "" {
		return counted, hello{set: left}, nil
	}
	any, err := c.anyOf(ctx, candidates, found)
	if err != nil {
		return trigger{}, hello{}, err
	}
	if any {
		k, _ := alike(found)
		return trigger{much: plural[k], over: c.number(k, c.pass.with(found...)) - 1}, hello{set: c.pass.with(found...)}, nil
	}
	return c.complete(ctx, found)
}

// anyOf reports whether atoms of one kind are a trigger only by how many they are:
// whether others of the kind would do as well.
func (c *comparison) anyOf(ctx context.Context, candidates, found []atom) (bool, error) {
	k, ok := alike(found)
	if !ok || len(found) > 2 {
		return ok, nil // so many, each needed, are a number and not those values
	}
	var others []atom
	for _, a := range candidates {
		if a.kind == k && !slices.Contains(found, a) {
			others = append(others, a)
		}
	}
	// Two trials, so that one other atom that is disliked too does not mislead.
	n := len(found)
	if len(others) < 2 {
		return false, nil
	}
	for _, some := range [][]atom{others[:n], slices.Concat(found[1:], others[len(others)-1:])} {
		if no, err := c.refuses(ctx, c.pass.with(some...)); err != nil || !no {
			return false, err
		}
	}
	return true, nil
}

// complete adds what of the least hello belongs to the trigger: with another least
// hello in its place, the refusal would be gone.
func (c *comparison) complete(ctx context.Context, found []atom) (trigger, hello, error) {
	t := trigger{atoms: found}
	if c.more == nil {
		return t, hello{set: c.pass.with(found...)}, nil
	}
	refused, err := c.refuses(ctx, c.more.with(found...))
	if err != nil || refused {
		return t, hello{set: c.more.with(found...)}, err
	}
	rest, err := minimal(ctx, c.more.with(found...), c.p.model.list(c.pass.without(c.p.model.list(c.more)...)), c.refuses, nil)
	t.atoms = slices.Concat(found, rest)
	return t, hello{set: c.more.with(t.atoms...)}, err
}

// number is how many of a kind a set has, as a server counts them.
func (c *comparison) number(k kind, s set) int {
	s = s.closed()
	if k != extension {
		return len(c.p.model.of(s, k))
	}
	var h wire.ClientHello
	if c.p.model.write(hello{set: s}, &h) != nil {
		return 0
	}
	return h.Extensions.Len()
}

// count finds out whether it is how many there are of a kind that the server
// minds. Two atoms that are each needed, of one kind, raise the suspicion; then as
// many others of the kind must be refused too, and one fewer not.
func (c *comparison) count(ctx context.Context, left set, found []atom) (trigger, error) {
	k, ok := alike(found)
	if !ok || len(found) != 2 {
		return trigger{}, nil
	}
	pool := c.p.model.list(left.without(c.p.model.list(c.pass)...))
	pool = slices.DeleteFunc(pool, func(a atom) bool { return a.kind != k })
	base := c.pass
	if all, err := c.refuses(ctx, base.with(pool...)); err != nil || !all {
		return trigger{}, err // other kinds take part
	}
	// The shortest prefix and the shortest suffix that are refused are equally long.
	length := func(from []atom) (int, error) {
		low, high := 0, len(from)
		for high-low > 1 {
			mid := (low + high) / 2
			switch no, err := c.refuses(ctx, base.with(from[:mid]...)); {
			case err != nil:
				return 0, err
			case no:
				high = mid
			default:
				low = mid
			}
		}
		return high, nil
	}
	prefix, err := length(pool)
	if err != nil || prefix < 3 {
		return trigger{}, err
	}
	back := slices.Clone(pool)
	slices.Reverse(back)
	suffix, err := length(back)
	if err != nil || suffix != prefix {
		return trigger{}, err
	}
	// A pair may lie so by chance; then both ends without the rest are refused.
	pair, err := c.refuses(ctx, base.with(pool[prefix-1], back[suffix-1]))
	if err != nil || pair {
		return trigger{}, err
	}
	return trigger{much: plural[k], over: c.number(k, base.with(pool[:prefix]...)) - 1}, nil
}

// size finds out whether the length of the hello, or that it comes in two
// segments, is what the server minds.
func (c *comparison) size(ctx context.Context, left set) (trigger, hello, error) {
	long, err := c.lengthOf(left)
	if err != nil || c.first.stage != atHello {
		return trigger{}, hello{}, err
	}
	least, err := c.lengthOf(c.pass)
	if err != nil || long <= least+paddingFrame {
		return trigger{}, hello{}, err
	}
	if long > fitsSegment {
		cut := hello{set: c.pass, segments: 2}
		if ok, err := c.passes(ctx, "a least hello in two TCP segments", cut); err != nil || !ok {
			return trigger{much: "segments", over: 1}, cut, err
		}
	}
	filled := func(n int) (bool, error) {
		return c.passes(ctx, fmt.Sprintf("a least hello filled up to %d bytes", n), hello{set: c.pass, length: n})
	}
	if ok, err := filled(long); ok || err != nil {
		return trigger{}, hello{}, err
	}
	low, high := least+paddingFrame, long // low passes, unless it is the padding itself
	if ok, err := filled(low); !ok || err != nil {
		return trigger{}, hello{}, err
	}
	for high-low > 1 {
		mid := (low + high) / 2
		switch ok, err := filled(mid); {
		case err != nil:
			return trigger{}, hello{}, err
		case ok:
			low = mid
		default:
			high = mid
		}
	}
	return trigger{much: "length", over: low}, hello{set: c.pass, length: high}, nil
}

// fitsSegment is what fits one TCP segment everywhere, in bytes.
const fitsSegment = 1200

// lengthOf is how long the hello of a set is, in bytes.
func (c *comparison) lengthOf(s set) (int, error) {
	s = s.closed()
	var h wire.ClientHello
	h.SessionID = make([]byte, 32)
	for _, g := range values[iana.Group](c.p.model.of(s, share)) {
		key, err := kex.Generate(g, c.random())
		if err != nil {
			return 0, err
		}
		h.KeyShares = append(h.KeyShares, wire.KeyShare{Group: g, Key: key.Public()})
	}
	if err := c.p.model.write(hello{set: s}, &h); err != nil {
		return 0, err
	}
	return size(&h)
}

// avoid is the hello without what the trigger needs, as little changed as can be.
// It reports false if that leaves no hello.
func (c *comparison) avoid(left set, t trigger) (set, bool) {
	switch {
	case t.much == "":
		return left.rid(cheapest(slices.DeleteFunc(slices.Clone(t.atoms), func(a atom) bool { return c.pass[a] }))), true
	case t.much == "length":
		return c.shorten(left, t.over)
	}
	for k, name := range plural {
		if name == t.much {
			return c.fewer(left, k, t.over)
		}
	}
	return nil, false
}

// shorten leaves out the long key shares, and then what else is not in the least
// hello, until a hello is short enough.
func (c *comparison) shorten(s set, most int) (set, bool) {
	optional := c.p.model.list(s.without(c.p.model.list(c.pass)...))
	slices.SortStableFunc(optional, func(a, b atom) int { return bulk(b) - bulk(a) })
	for _, a := range optional {
		if n, err := c.lengthOf(s); err != nil || n <= most {
			return s, err == nil
		}
		s = s.rid(a)
	}
	n, err := c.lengthOf(s)
	return s, err == nil && n <= most
}

// bulk is about how long an atom makes a hello.
func bulk(a atom) int {
	if a.kind == share && kex.PostQuantum(iana.Group(a.code)) {
		return 1000
	}
	return map[kind]int{share: 100, sessionID: 32, extension: 8}[a.kind]
}

// fewer leaves out what is not in the least hello until there are few enough.
func (c *comparison) fewer(s set, k kind, most int) (set, bool) {
	list := c.p.model.list(s)
	for i := len(list) - 1; i >= 0 && c.number(k, s) > most; i-- {
		a := list[i]
		if a.kind != k || c.pass[a] {
			continue
		}
		s = s.rid(a)
	}
	return s, c.number(k, s) <= most
}

// conclude repeats what decides, and says what was found.
func (c *comparison) conclude(ctx context.Context, triggers []trigger, fails, passes hello) error {
	if steady, err := c.confirm(ctx, fails, passes); err != nil || !steady {
		return err
	}
	id, detail := "hello-content", "What it refuses is a ClientHello with "+words(triggers)+"."
	switch only := triggers[0]; {
	case len(triggers) == 1 && only.much == "length":
		id, detail = "hello-length", fmt.Sprintf("A ClientHello of %d bytes passes, and one of %d does not.", only.over, only.over+1)
	case len(triggers) == 1 && only.much == "segments":
		id, detail = "hello-split", "A short ClientHello passes in one TCP segment, and not in two."
	case len(triggers) == 1 && c.first.alert == iana.NoApplicationProtocol && only.atoms[0].kind == protocol:
		id, detail = "alpn-mismatch", "Without application protocols the server goes on."
	case len(triggers) == 1 && len(only.atoms) == 1 && only.atoms[0] == nameAtom:
		id, detail = "name-unknown", "Without a name the server goes on."
	}
	shows := c.evidence("a hello with "+join(triggers[:1]), fails)
	c.locate(&shows, triggers[0], fails)
	f := c.find(id, Certain, detail, c.evidence("the client's hello", c.mine()), shows, c.evidence("the same without", passes))
	f.Trigger = join(triggers)
	f.Prove = c.prove(f)
	if (id == "hello-content" || id == "hello-length") && len(passes.without(c.p.model.list(c.user)...)) == 0 {
		f.Prove = c.proveWithout(passes.set)
	}
	return nil
}

// locate says where in the hello that was sent the trigger stands.
func (c *comparison) locate(e *Evidence, t trigger, h hello) {
	known := c.p.known[c.p.model.key(h)]
	if len(t.atoms) == 0 || len(known) == 0 {
		return
	}
	sent := known[len(known)-1].sent
	spans, err := wire.Annotate(sent, new(wire.ClientHello))
	if err != nil {
		return
	}
	for _, s := range spans {
		if spanOf(t.atoms[0], s) {
			e.Offset, e.Bytes = &s.Off, hex.EncodeToString(sent[s.Off:s.Off+min(s.Len, 8)])
			return
		}
	}
}

// spanOf reports whether a span is the atom's.
func spanOf(a atom, s wire.Span) bool {
	fields := map[kind]string{cipher: "cipher_suite", group: "group", share: "group", sigalg: "signature_scheme", version: "version",
		protocol: "protocol_name", extension: "extension_type", sessionID: "legacy_session_id"}
	switch a.kind {
	case sessionID:
		return s.Name == fields[a.kind]
	case grease:
		return strings.HasPrefix(s.Value, "GREASE")
	}
	return s.Name == fields[a.kind] && s.Value == a.name()
}
