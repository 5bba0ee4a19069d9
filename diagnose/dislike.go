package diagnose

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/handclasp/handclasp/iana"
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
	s := &searched{open: []hello{c.mine()}, rest: hello{set: c.pass}}
	for len(s.open) > 0 && len(s.triggers) < mostTriggers {
		if err := c.next(ctx, s); errors.Is(err, errBudget) && len(s.triggers) > 0 {
			c.conclude(s, Possible)
			return err
		} else if err != nil {
			return err
		}
	}
	if steady, err := c.confirm(ctx, s.fails, s.passes, c.better); err != nil || !steady {
		return err
	}
	c.conclude(s, Certain)
	return nil
}

// searched is what a search for triggers has come to.
type searched struct {
	open          []hello // what may be refused, beginning with the client's own
	triggers      []trigger
	fails, passes hello  // that decide: they differ in one thing of the first trigger
	less          string // which one, in words
	rest          hello  // what of the client's hello passes
}

// next looks whether the next hello is refused, and for what.
func (c *comparison) next(ctx context.Context, s *searched) error {
	left := s.open[0]
	refused, err := c.refuses(ctx, "the rest of the client's hello", left)
	if err != nil {
		return err
	}
	s.open = s.open[1:]
	if !refused {
		if len(s.rest.set) < len(left.set) {
			s.rest = left
		}
		return nil
	}
	t, shows, err := c.trigger(ctx, left)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(s.triggers, func(old trigger) bool { return old.String() == t.String() }) {
		return errUnsteady // it was avoided, and is found again
	}
	if s.triggers = append(s.triggers, t); len(s.triggers) == 1 {
		if err := c.spared(ctx, s, shows); err != nil {
			return err
		}
	}
	if next, ok := c.avoid(left, t); ok {
		s.open = append(append(s.open, next), c.apart(left, next, t)...)
	}
	return nil
}

// spared finds the hello that passes with one thing of the first trigger less than
// one that shows it.
func (c *comparison) spared(ctx context.Context, s *searched, shows hello) error {
	s.fails, s.passes, s.less = shows, hello{set: c.pass}, "a least hello"
	for _, x := range c.spares(s.triggers[0], shows) {
		ok, err := c.passes(ctx, "the same "+x.less, x.hello)
		if err != nil {
			return err
		}
		if ok {
			s.passes, s.less = x.hello, "the same "+x.less
			return nil
		}
	}
	return nil
}

// A spare is a hello with one thing less than another one.
type spare struct {
	hello
	less string
}

// spares are the hellos with one thing of a trigger less than one that shows it,
// the smallest thing first.
func (c *comparison) spares(t trigger, shows hello) (list []spare) {
	for _, m := range slices.Backward(measures) {
		if n, ok := t.over[m]; ok {
			h := hello{set: shows.set, much: maps.Clone(shows.much), place: shows.place}
			h.much[m] = n
			list = append(list, spare{h, fmt.Sprintf("with %s=%d", m, n)})
		}
	}
	if t.order != anyOrder {
		h := shows
		h.place, h.span = map[order]place{first: notFirst, last: notLast, inOrder: turned}[t.order], t.span
		list = append(list, spare{h, "with " + h.placed()})
	}
	byCost := slices.Clone(t.atoms)
	slices.SortStableFunc(byCost, func(a, b atom) int { return slices.Index(costs, a.kind) - slices.Index(costs, b.kind) })
	for _, a := range byCost {
		list = append(list, spare{hello{set: shows.closed().rid(a), much: shows.much, place: shows.place}, "without " + a.String()})
	}
	return list
}

// apart are hellos with what was left out because it was too much, so little at a
// time that it is not: perhaps some of it is minded besides.
func (c *comparison) apart(left, next hello, t trigger) (list []hello) {
	if len(t.atoms) > 0 {
		return nil
	}
	fits := func(s set) bool {
		n, err := c.p.model.amountsOf(hello{set: s})
		for m, most := range t.over {
			if n[m] > most {
				return false
			}
		}
		return err == nil
	}
	rest := c.p.model.list(left.set.without(c.p.model.list(next.set)...))
	for _, base := range []set{c.pass, c.more} {
		some := base
		rest = slices.DeleteFunc(rest, func(a atom) bool {
			switch {
			case base == nil || base[a] || !fits(base.with(a)):
				return false
			case !fits(some.with(a)):
				list = append(list, hello{set: some})
				some = base
			}
			some = some.with(a)
			return true
		})
		if len(some) > len(base) {
			list = append(list, hello{set: some})
		}
	}
	return list
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
// shows it: first the atoms, in hellos that have as much of everything as left has;
// then which of that matters, and from where on.
func (c *comparison) trigger(ctx context.Context, left hello) (t trigger, shows hello, err error) {
	full, which, err := c.exceeds(left)
	if err != nil {
		return t, shows, err
	}
	base := c.pass
	with := func(some []atom, which []measure) hello {
		return hello{set: base.with(some...), much: c.fitting(full, which)}
	}
	candidates := c.p.model.list(left.set.without(c.p.model.list(c.pass)...))
	t.atoms, err = minimal(ctx, candidates, func(ctx context.Context, some []atom) (bool, error) {
		return c.refuses(ctx, "a part of the hello", with(some, which))
	})
	if err != nil {
		return t, shows, err
	}
	which, err = minimal(ctx, which, func(ctx context.Context, some []measure) (bool, error) {
		return c.refuses(ctx, "the same, filled up with less", with(t.atoms, some))
	})
	if err != nil {
		return t, shows, err
	}
	if t.order, err = c.order(ctx, &t, with(t.atoms, which)); err != nil {
		return t, shows, err
	}
	if c.more != nil && t.order == anyOrder { // with another least hello in its place, does it show too?
		base = c.more
		rest, err := minimal(ctx, c.p.model.list(c.pass.without(c.p.model.list(c.more)...)), func(ctx context.Context, some []atom) (bool, error) {
			return c.refuses(ctx, "the same in another least hello", with(slices.Concat(t.atoms, some), which))
		})
		if err != nil {
			return t, shows, err
		}
		t.atoms = slices.Concat(t.atoms, rest)
		if len(rest) > 0 {
			if t.order, err = c.order(ctx, &t, with(t.atoms, which)); err != nil {
				return t, shows, err
			}
		}
	}
	if len(which) > 0 {
		base = c.pass
	}
	shows = with(t.atoms, which)
	if t.over, shows.much, err = c.thresholds(ctx, shows); err != nil {
		return t, shows, err
	}
	if _, ok := t.over[shares]; ok { // which only TLS 1.3 has
		t.atoms = slices.DeleteFunc(t.atoms, func(a atom) bool { return a == tls13 })
	}
	for m := range t.over {
		if real, err := c.real(ctx, left, shows, t, m); err != nil || !real {
			c.unfit = append(c.unfit, m)
			return c.trigger(ctx, left)
		}
	}
	return t, shows, nil
}

// order finds out whether the place of extensions matters. Who minds what stands
// first or last does not mind it elsewhere.
func (c *comparison) order(ctx context.Context, t *trigger, shows hello) (order, error) {
	var some []atom
	brings := false
	for _, a := range c.p.model.list(set{}.with(t.atoms...)) { // in the order that they have
		switch a.kind {
		case extension:
			some, brings = append(some, a), true
		case version, share: // they bring extensions with them
			brings = true
		}
	}
	if !brings || len(t.atoms) > 2 {
		return anyOrder, nil
	}
	for _, x := range []struct {
		place place
		order order
	}{{turned, inOrder}, {notFirst, first}, {notLast, last}} {
		h := shows
		h.place = x.place
		refused, err := c.refuses(ctx, "the same, its extensions in another order", h)
		switch {
		case err != nil:
			return anyOrder, err
		case refused && x.place == turned:
			return anyOrder, nil
		case !refused && x.place != turned:
			types, err := c.p.model.types(shows)
			if t.of = types[:1]; x.order == last {
				t.of = types[len(types)-1:]
			}
			return x.order, err
		case len(some) == 2 && len(t.atoms) == 2:
			t.atoms, t.of = some, []iana.ExtensionType{iana.ExtensionType(some[0].code), iana.ExtensionType(some[1].code)}
			return inOrder, nil
		}
	}
	return inOrder, c.pair(ctx, t, shows)
}

// pair finds the two extensions of a hello of which the server minds that the first
// stands before the second. More and more of them, from the first on, are put in the
// other order: that helps as soon as the second is among them. Then less and less of
// those, as long as the first is. It is these two if all others may be turned.
func (c *comparison) pair(ctx context.Context, t *trigger, shows hello) error {
	types, err := c.p.model.types(shows)
	if err != nil {
		return err
	}
	helps := func(s span) (bool, error) {
		h := shows
		h.place, h.span = turned, s
		return c.passes(ctx, "some of its extensions in the other order", h)
	}
	to, err := least(1, len(types), func(n int) (bool, error) { return helps(span{0, n}) })
	if err != nil {
		return err
	}
	n, err := least(1, to, func(n int) (bool, error) { return helps(span{to - n, to}) })
	if err != nil {
		return err
	}
	h := shows
	h.place, h.span = spared, span{to - n, to}
	refused, err := c.refuses(ctx, "all its extensions but two in the other order", h)
	if refused {
		t.of, t.span = []iana.ExtensionType{types[to-n], types[to-1]}, h.span
	}
	return err
}

// exceeds is how much a hello has, and of what it has more than the least one.
func (c *comparison) exceeds(left hello) (full amounts, which []measure, err error) {
	full, err = c.p.model.amountsOf(left)
	if err != nil {
		return nil, nil, err
	}
	little, err := c.p.model.amountsOf(hello{set: c.pass})
	for _, m := range measures {
		if full[m] > little[m] && !slices.Contains(c.unfit, m) {
			which = append(which, m)
		}
	}
	return full, which, err
}

// fitting are some of the amounts. A hello that shall come in one segment is not
// filled up beyond that.
func (c *comparison) fitting(full amounts, which []measure) amounts {
	some := full.only(which)
	if n := some[length]; n > 0 && full[segments] > 1 && some[segments] == 0 {
		some[length] = min(n, fitsSegment)
	}
	return some
}

// thresholds finds from which amounts on the server refuses a hello that it refuses
// as it is: over are the largest that it takes, and much those that show it.
func (c *comparison) thresholds(ctx context.Context, h hello) (over, much amounts, err error) {
	bare, err := c.p.model.amountsOf(hello{set: h.set})
	if err != nil {
		return nil, nil, err
	}
	over, much = amounts{}, maps.Clone(h.much)
	for _, m := range measures {
		if much[m] == 0 {
			continue
		}
		n, err := least(bare[m], much[m], func(n int) (bool, error) {
			some := maps.Clone(much)
			some[m] = n
			return c.refuses(ctx, "how much is too much", hello{set: h.set, much: some})
		})
		if err != nil {
			return nil, nil, err
		}
		over[m], much[m] = n-1, n
	}
	if much[segments] > 1 && much[length] > 0 { // is it the length alone?
		some := maps.Clone(much)
		delete(some, segments)
		alone, err := c.refuses(ctx, "the length alone", hello{set: h.set, much: some})
		if err != nil {
			return nil, nil, err
		}
		if alone {
			delete(over, segments)
			much = some
		}
	}
	return over, much, nil
}

// real reports whether what is in the client's hello, and not only what means
// nothing, makes too much of a measure.
func (c *comparison) real(ctx context.Context, left, shows hello, t trigger, m measure) (bool, error) {
	if m == segments || m == records {
		return true, nil
	}
	h := hello{set: shows.set, much: maps.Clone(shows.much)}
	delete(h.much, m)
	more := c.p.model.list(left.set.without(c.p.model.list(h.set)...))
	slices.SortStableFunc(more, func(a, b atom) int { return bulk(b) - bulk(a) })
	for _, a := range more {
		n, err := c.p.model.amountsOf(h)
		if err != nil {
			return false, err
		}
		if n[m] > t.over[m] {
			break
		}
		if m == length || a.kind == m.of() {
			h.set = h.set.with(a)
		}
	}
	if n, err := c.p.model.amountsOf(h); err != nil || n[m] <= t.over[m] {
		return true, err // there is not enough to tell
	}
	return c.refuses(ctx, "values that mean something, not filling", h)
}

// avoid is the hello without what the trigger needs, as little changed as can be.
// It reports false if that leaves no hello.
func (c *comparison) avoid(left hello, t trigger) (hello, bool) {
	left.much = maps.Clone(left.much)
	if some := slices.DeleteFunc(slices.Clone(t.atoms), func(a atom) bool { return c.pass[a] }); len(some) > 0 {
		left.set = left.set.rid(cheapest(some))
		return left, true
	}
	for _, m := range slices.Backward(measures) {
		most, ok := t.over[m]
		switch {
		case !ok:
		case m == length:
			return c.p.model.shorten(left, c.pass, most)
		case m == segments:
			delete(left.much, segments)
			return c.p.model.shorten(left, c.pass, fitsSegment)
		case m == records:
			delete(left.much, records)
			return left, true
		default:
			return c.p.model.fewer(left, c.pass, m, most)
		}
	}
	return left, false
}

// conclude says what was found.
func (c *comparison) conclude(s *searched, sure Confidence) {
	triggers := s.triggers
	id, detail := "hello-content", "What it refuses is a ClientHello with "+words(triggers)+"."
	switch only := triggers[0]; {
	case len(triggers) > 1:
	case only.is(length):
		id, detail = "hello-length", fmt.Sprintf("A ClientHello of %d bytes passes, and one of %d does not.", only.over[length], only.over[length]+1)
	case only.is(segments):
		id, detail = "hello-split", "A short ClientHello passes in one TCP segment, and not in two."
	case only.is(records):
		id, detail = "record-split", fmt.Sprintf("A ClientHello in %d TLS records does not pass, and one in %d does.", only.over[records]+1, only.over[records])
	case len(only.over) > 0, len(only.atoms) == 0:
	case c.first.alert == iana.NoApplicationProtocol && only.atoms[0].kind == protocol:
		id, detail = "alpn-mismatch", "Without application protocols the server goes on"+c.protocolTaken()+"."
	case only.order != anyOrder:
	case len(only.atoms) == 1 && only.atoms[0] == nameAtom:
		id, detail = "name-unknown", "Without a name the server goes on."
	}
	shows := c.evidence("a hello with "+join(triggers[:1]), s.fails)
	c.locate(&shows, triggers[0], s.fails)
	f := c.find(id, sure, detail, c.evidence("the client's hello", c.mine()), shows, c.evidence(s.less, s.passes))
	f.Trigger = join(triggers)
	if id == "hello-content" {
		f.Lines = triggers[0].lines(f.Lines)
		f.Fix = triggers[0].fix(f.Fix)
	}
	f.Prove = c.prove(f)
	if (id == "hello-content" || id == "hello-length") && len(s.rest.without(c.p.model.list(c.user)...)) == 0 {
		f.Prove = c.proveWithout(s.rest.set)
	}
}

// protocolTaken says which application protocol the server chose where it had the
// choice; "" if it never did.
func (c *comparison) protocolTaken() string {
	for _, o := range c.p.known[c.p.model.key(hello{set: c.wide})] {
		if o.good() && o.info.ALPN != "" {
			return ", and of more than the client's it takes " + atom{kind: protocol, text: o.info.ALPN}.name()
		}
	}
	return ""
}

// locate says where in the hello that was sent the trigger stands.
func (c *comparison) locate(e *Evidence, t trigger, h hello) {
	known := c.p.known[c.p.model.key(h)]
	if len(t.of) > 0 {
		t.atoms = []atom{ext(t.of[0])}
	}
	if len(t.atoms) == 0 || len(known) == 0 {
		return
	}
	sent := known[len(known)-1].sent
	spans, err := wire.Annotate(sent, new(wire.ClientHello))
	if err != nil {
		return
	}
	in := "" // the list in which a span stands
	for i, s := range spans {
		if i > 0 && s.Depth > spans[i-1].Depth {
			in = spans[i-1].Name
		}
		if spanOf(t.atoms[0], s, in) {
			e.Offset, e.Bytes = &s.Off, hex.EncodeToString(sent[s.Off:s.Off+min(s.Len, 8)])
			return
		}
	}
}

// spanOf reports whether a span that stands in a list is the atom's.
func spanOf(a atom, s wire.Span, in string) bool {
	fields := map[kind]string{cipher: "cipher_suite", group: "group", share: "group", sigalg: "signature_scheme", version: "version",
		protocol: "protocol_name", extension: "extension_type", sessionID: "legacy_session_id"}
	switch a.kind {
	case sessionID:
		return s.Name == fields[a.kind]
	case grease:
		return strings.HasPrefix(s.Value, "GREASE")
	case share:
		return s.Name == fields[a.kind] && s.Value == a.name() && in == "client_shares"
	}
	return s.Name == fields[a.kind] && s.Value == a.name()
}
