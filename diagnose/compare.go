package diagnose

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/sign"
)

// A comparison is the search for what in a hello makes a server refuse it.
type comparison struct {
	*diagnosis
	first   *outcome  // how the client's handshake fails
	pass    set       // a least hello that the server takes
	more    set       // that it takes too, and that has little in common with pass; nil if there is none
	refused int       // hellos in a row
	unfit   []measure // of which nothing can be said, since the server minds what hellos are filled up with
}

// compare finds out what about the client's hello the server dislikes, by making
// others.
func (d *diagnosis) compare(ctx context.Context, first *outcome) error {
	c := &comparison{diagnosis: d, first: first}
	err := c.run(ctx)
	if errors.Is(err, errUnsteady) {
		h := d.mine()
		if c.pass != nil {
			h = hello{set: c.pass}
		}
		return d.unsteady(ctx, h)
	}
	return err
}

func (c *comparison) run(ctx context.Context) error {
	wide, err := c.try(ctx, "a wide hello", hello{set: c.wide}, false)
	if err != nil {
		return err
	}
	if c.better(wide) {
		if c.first.alert != iana.NoApplicationProtocol { // then what it speaks tells more than that it goes on without
			enough, err := c.enough(ctx)
			switch {
			case err != nil:
				return err
			case enough:
				return c.dislikes(ctx)
			}
		}
		c.pass = c.wide
		return c.lacks(ctx, c.wide, wide)
	}
	passed, err := c.leastThatPasses(ctx)
	if passed == nil || err != nil {
		return err
	}
	added, err := c.passes(ctx, "the client's hello, with what the least one has", hello{set: c.user.with(c.p.model.list(c.pass)...)})
	if err != nil {
		return err
	}
	if added {
		with := c.pass
		enough, err := c.enough(ctx)
		if err != nil {
			return err
		}
		if !enough {
			return c.lacks(ctx, with, passed)
		}
	}
	return c.dislikes(ctx)
}

// enough reports whether a part of the client's own hello passes: then it lacks
// nothing, although a wide hello passes too.
func (c *comparison) enough(ctx context.Context) (bool, error) {
	for _, l := range leastHellos {
		s := l.set(c.user[nameAtom])
		for _, a := range c.p.model.list(s) {
			if !c.user[a] {
				delete(s, a)
			}
		}
		if !s[atom{kind: version, code: uint16(l.version)}] || !s[atom{kind: group, code: uint16(l.group)}] {
			continue
		}
		if ok, err := c.passes(ctx, "a least hello of the client's own", hello{set: s}); err != nil || !ok {
			return false, err
		}
		c.pass = s
		return true, c.canary(ctx)
	}
	return false, nil
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
func (c *comparison) refuses(ctx context.Context, what string, h hello) (bool, error) {
	o, err := c.once(ctx, what, h)
	return err == nil && o.alike(c.first), err
}

// once is what becomes of a hello; what was tried is not tried again.
func (c *comparison) once(ctx context.Context, what string, h hello) (*outcome, error) {
	if known := c.p.known[c.p.model.key(h)]; len(known) > 0 {
		return known[0], nil
	}
	if c.refused == manyRefused && c.pass != nil {
		if err := c.canary(ctx); err != nil {
			return nil, err
		}
	}
	o, err := c.try(ctx, what, h, false)
	if err == nil && o.ending == NoAnswer { // perhaps only this once
		o, err = c.try(ctx, what, h, false)
	}
	if err != nil {
		return nil, err
	}
	if c.refused++; c.better(o) {
		c.refused = 0
	}
	if o.ending == NoAnswer {
		return nil, errUnsteady
	}
	return o, nil
}

// manyRefused is after how many hellos refused in a row it is time to see whether
// any would pass.
const manyRefused = 6

// canary sees that the server still takes what it took before.
func (c *comparison) canary(ctx context.Context) error {
	c.refused = 0
	h := hello{set: c.pass}
	known := c.p.known[c.p.model.key(h)]
	o, err := c.try(ctx, "the least hello again", h, false)
	if err == nil && !o.alike(known[0]) {
		err = errUnsteady
	}
	return err
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
	if candidates = append(candidates, c.old()); c.hint != nil {
		candidates = append([]set{c.hint}, candidates...)
	}
	for _, s := range candidates {
		o, err := c.once(ctx, "a least hello", hello{set: s})
		if err != nil {
			return nil, err
		}
		if !c.better(o) {
			continue
		}
		if named && !s[nameAtom] && c.first.alert == iana.UnrecognizedName {
			return nil, c.unknownName(ctx, hello{set: s})
		}
		c.pass = s
		return o, c.canary(ctx)
	}
	return nil, c.refusesAll(ctx)
}

// byName tries names, for a client that sends none.
func (c *comparison) byName(ctx context.Context) (done bool, err error) {
	before := len(c.Findings)
	err = c.withName(ctx, c.better)
	return len(c.Findings) > before, err
}

func (c *comparison) unknownName(ctx context.Context, without hello) error {
	if steady, err := c.confirm(ctx, c.mine(), without, c.better); err != nil || !steady {
		return err
	}
	name := fault.Quote([]byte(c.o.Client.ServerName))
	c.find("name-unknown", Certain, "The name is "+name+".", c.evidence("with the name "+name, c.mine()), c.evidence("without a name", without))
	return nil
}

// refusesAll is for a server that nothing pleases.
func (c *comparison) refusesAll(ctx context.Context) error {
	if c.first.stage == atHello && c.first.ending != Alerted {
		limited, err := c.limited(ctx, hello{set: c.leasts(c.user[nameAtom])[0]}, c.first, inARow, 1)
		if limited || err != nil {
			return err
		}
		done, err := c.other(ctx)
		if done || err != nil {
			return err
		}
		if done, err = c.balancer(ctx); done || err != nil {
			return err
		}
	}
	if c.first.stage > atHello {
		return c.breaksOff(c.first)
	}
	if done, err := c.otherOrder(ctx); done || err != nil {
		return err
	}
	if done, err := c.strange(ctx); done || err != nil {
		return err
	}
	id, confidence, detail := c.always(c.first), Likely, c.first.String()+"."
	switch {
	case id == "server-internal":
		confidence = Certain
	case id == "name-unknown" && c.user[nameAtom]:
		detail = "The name is " + fault.Quote([]byte(c.o.Client.ServerName)) + ". Without a name the server refuses as well."
	case id == "name-unknown":
		id, detail = "sni-required", c.nameless()+" The server takes none of the names that were tried either: "+c.triedNames()+"."
	}
	f := c.find(id, confidence, detail, c.everywhere(c.first))
	f.Prove = c.command("explain")
	switch {
	case id == "sni-required":
		f.Prove = c.command("explain", "--name NAME")
	case id == "refuses-all" && c.first.alert == iana.HandshakeFailure:
		f.Fix = "Look at the server's log at the time of the connection. Often it has no certificate with a private key, or none that fits its own cipher suites and groups."
	case id == "silent":
		f.Who, f.Fix = c.first.kept(f.Who, f.Fix)
	}
	return nil
}

// kept is who keeps a client waiting, and what to do: somebody who ends the connection in
// the end is there.
func (o *outcome) kept(who Party, fix string) (Party, string) {
	if o.hungUp {
		return Server, "Look whether what stands behind the server runs: a balancer that waits for it in vain ends the connection so. Else look at the server's log."
	}
	return who, fix
}

// triedNames are the names that were tried for a client that sends none.
func (c *comparison) triedNames() string {
	var list []string
	for _, n := range c.p.model.names {
		if n != "" {
			list = append(list, fault.Quote([]byte(n)))
		}
	}
	return strings.Join(list, ", ")
}

// otherOrder tries whether it is an order that all hellos have.
func (c *comparison) otherOrder(ctx context.Context) (bool, error) {
	h := c.mine()
	h.place = turned
	if ok, err := c.passes(ctx, "the extensions in the other order", h); err != nil || !ok {
		return false, err
	}
	t := trigger{order: inOrder}
	if err := c.pair(ctx, &t, c.mine()); err != nil {
		return true, err
	}
	h.span = t.span
	if steady, err := c.confirm(ctx, c.mine(), h, c.better); err != nil || !steady {
		return true, err
	}
	mine := c.evidence("the client's hello", c.mine())
	c.locate(&mine, t, c.mine())
	f := c.find("hello-content", Certain, "What it refuses is a ClientHello with "+t.words()+".", mine, c.evidence("the same "+c.spares(t, c.mine())[0].less, h))
	f.Trigger, f.Fix = t.String(), t.fix(f.Fix)
	return true, nil
}

// balancer tries whether the server wants to hear first for whom a balancer speaks.
func (c *comparison) balancer(ctx context.Context) (bool, error) {
	h := c.mine()
	h.proxied = true
	o, err := c.try(ctx, "with the PROXY protocol", h, false)
	if err != nil || !c.better(o) {
		return false, err
	}
	if steady, err := c.confirm(ctx, c.mine(), h, c.better); err != nil || !steady {
		return true, err
	}
	c.find("proxy-protocol", Certain, "", c.evidence("the client's hello", c.mine()), c.evidence("the same behind a line of the PROXY protocol", h))
	return true, nil
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
	slices.SortStableFunc(additions, func(a, b atom) int { return slices.Index(tried, a.kind) - slices.Index(tried, b.kind) })
	whole, err := c.once(ctx, "the client's hello with all additions", hello{set: c.user.with(additions...)})
	if err != nil {
		return err
	}
	needed, err := minimal(ctx, additions, func(ctx context.Context, some []atom) (bool, error) {
		o, err := c.once(ctx, "the client's hello with an addition", hello{set: c.user.with(some...)})
		return err == nil && c.better(o) && (o.good() || !whole.good()), err // half the way is no help
	})
	if err != nil {
		return err
	}
	h := hello{set: c.user.with(needed...)}
	if known := c.p.known[c.p.model.key(h)]; len(known) > 0 {
		passed = known[0] // with other additions it may have chosen more that the client lacks
	}
	id, chosen := c.missing(passed, needed)
	if steady, err := c.confirm(ctx, c.mine(), h, c.better); err != nil || !steady {
		return err
	}
	detail := fmt.Sprintf("The server takes %s, which this client does not offer.", chosen)
	f := c.find(id, Certain, detail, c.evidence("the client's hello", c.mine()), c.evidence("the same with "+trigger{atoms: needed}.String(), h))
	f.Trigger = trigger{atoms: needed}.String()
	f.Prove = c.prove(f)
	c.mend(f, passed)
	return nil
}

// mend says what to do where that depends on what the server chose.
func (c *comparison) mend(f *Finding, passed *outcome) {
	v := passed.info.Version
	switch {
	case f.ID == "no-common-version" && v >= iana.TLS12:
		f.Who, f.Fix, f.Lines = Client, fmt.Sprintf("Have the client offer %v, or the server take an older one too.", v), newVersions
	case f.ID == "no-common-suite" && v >= iana.TLS13:
		f.Fix, f.Lines = "Enable the usual cipher suites of TLS 1.3, which are named apart from those of TLS 1.2.", newSuites
	case f.ID == "no-common-sigalg":
		if able := c.couldSign(passed); len(able) > 0 {
			f.Text = "The client and the server have no signature algorithm in common."
			f.Fix, f.Lines = "Have the server sign with what the client takes, too; its key can.", signWith(able)
		}
	}
}

// couldSign are the signature algorithms of the client's with which the key of the
// server's certificate could sign, and those of the keys above, which Java wants to be
// allowed too; nil if there are none of the first.
func (c *comparison) couldSign(passed *outcome) []iana.SignatureScheme {
	if passed.leaf == nil || passed.info.Peer == nil {
		return nil
	}
	fits := sign.Fits12
	if passed.info.Version >= iana.TLS13 {
		fits = func(pub crypto.PublicKey, s iana.SignatureScheme) bool {
			return sign.UsableIn13(s) && sign.Fits13(pub, s)
		}
	}
	offered := values[iana.SignatureScheme](c.p.model.of(c.user, sigalg))
	if !slices.ContainsFunc(offered, func(s iana.SignatureScheme) bool { return fits(passed.leaf.PublicKey, s) }) {
		return nil
	}
	known := slices.Concat(append(passed.info.Peer.Chains, passed.info.Peer.Peer)...)
	return slices.DeleteFunc(offered, func(s iana.SignatureScheme) bool {
		return !slices.ContainsFunc(known, func(x *x509.Certificate) bool { return fits(x.PublicKey, s) })
	})
}

// tried is the order in which kinds of atoms are added: a suite without ephemeral
// keys, or an old version, also helps a client that only lacks the server's group. A
// share brings TLS 1.3 with it.
var tried = []kind{group, sigalg, protocol, sessionID, extension, grease, cipher, version, share}

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
			return x.id, x.atom.words()
		}
	}
	ids := map[kind]string{version: "no-common-version", cipher: "no-common-suite", group: "no-common-group", sigalg: "no-common-sigalg", protocol: "alpn-mismatch"}
	for _, a := range needed {
		if id := ids[a.kind]; id != "" {
			return id, a.words()
		}
	}
	return "hello-lacks", trigger{atoms: needed}.words()
}
