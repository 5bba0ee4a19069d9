package diagnose

import (
	"context"
	"errors"
	"fmt"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// strange looks whether a server that refuses every hello of ours takes something
// that has a name and that Handclasp cannot do. It answers who offers that, and the
// answer is all that is wanted.
func (c *comparison) strange(ctx context.Context) (bool, error) {
	if c.first.ending != Alerted || c.first.stage != atHello {
		return false, nil
	}
	o, err := c.try(ctx, "a hello with everything that has a name", hello{set: c.p.model.foreign(c.wide)}, false)
	if err != nil {
		return false, err
	}
	a, ok := c.chosen(o, c.p.model.foreign(nil))
	if !ok {
		return false, nil
	}
	h := hello{set: c.user.with(a)}
	if o, err = c.try(ctx, "the client's hello with what it took of that", h, false); err != nil {
		return false, err
	}
	if b, ok := c.chosen(o, h.set); !ok || b != a {
		return false, nil // it takes more than one thing to please it
	}
	if steady, err := c.confirm(ctx, c.mine(), h, func(o *outcome) bool { _, ok := c.chosen(o, h.set); return ok }); err != nil || !steady {
		return true, err
	}
	id := map[kind]string{cipher: "no-common-suite", group: "no-common-group", sigalg: "no-common-sigalg"}[a.kind]
	f := c.find(id, Certain, fmt.Sprintf("The server takes %s, which this client does not offer, and with which Handclasp can't go on.", a),
		c.evidence("the client's hello", c.mine()), c.evidence("the same with "+a.String(), h))
	f.Trigger = a.String()
	return true, nil
}

// foreign is a set with all suites, groups and signature algorithms that have a
// name, but for those that only signal something.
func (m *model) foreign(s set) set {
	s = s.with()
	have := set{}.with(m.atoms...)
	add := func(k kind, code uint16) {
		a := atom{k, code, ""}
		if s[a] = true; !have[a] {
			m.atoms = append(m.atoms, a)
		}
	}
	const reserved = 0xfe00 // from here on, groups for private use, and curves written out (RFC 8422)
	for code := range uint16(0xffff) {
		if x := iana.CipherSuite(code); x.Known() && code != 0 && x != iana.TLS_FALLBACK_SCSV && x != iana.TLS_EMPTY_RENEGOTIATION_INFO_SCSV {
			add(cipher, code)
		}
		if iana.Group(code).Known() && code < reserved {
			add(group, code)
		}
		if iana.SignatureScheme(code).Known() {
			add(sigalg, code)
		}
	}
	return s
}

// chosen is what of a set the server chose although we cannot do it.
func (d *diagnosis) chosen(o *outcome, among set) (atom, bool) {
	if o.ending != Refused {
		return atom{}, false
	}
	for a := range among {
		ours := a.kind == cipher && errors.Is(o.err, fault.ServerSuite) || a.kind == group && errors.Is(o.err, fault.KexGroupUnsupported) ||
			a.kind == sigalg && errors.Is(o.err, fault.SignatureSchemeRefused)
		if ours && a.name() == o.err.Got {
			return a, true
		}
	}
	return atom{}, false
}
