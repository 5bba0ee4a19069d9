package diagnose

import (
	"slices"

	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/kex"
	"github.com/handclasp/handclasp/internal/wire"
)

// Of some things a hello may have too much for a server, whatever they are: bytes,
// segments, cipher suites. To tell much from what, a hello can be filled up with
// what means nothing.

// A measure is what there may be too much of.
type measure string

const (
	segments   measure = "segments"   // of TCP
	records    measure = "records"    // of TLS
	length     measure = "length"     // of the message, in bytes with its header
	suites     measure = "suites"     // these and what follows: entries
	groups     measure = "groups"     //
	shares     measure = "shares"     //
	sigalgs    measure = "sigalgs"    //
	extensions measure = "extensions" //
)

// measures are all of them. Who can't take two segments can't take a hello that is
// long enough for two, so segments stand before length.
var measures = []measure{segments, records, length, suites, groups, shares, sigalgs, extensions}

// of is the kind of atoms that a measure counts; "" if it counts something else.
func (m measure) of() kind {
	return map[measure]kind{suites: cipher, groups: group, shares: share, sigalgs: sigalg, extensions: extension}[m]
}

// amounts are how much there is of each measure; what is 0 is not said.
type amounts map[measure]int

// only are some of the amounts.
func (a amounts) only(which []measure) amounts {
	out := amounts{}
	for _, m := range which {
		out[m] = a[m]
	}
	return out
}

// fitsSegment is what fits one TCP segment everywhere, in bytes.
const fitsSegment = 1200

// sample is a hello as it would go out, but for what is drawn at random.
func (m *model) sample(h hello) (*wire.ClientHello, error) {
	h.set = h.closed()
	out := &wire.ClientHello{SessionID: make([]byte, 32)}
	for _, g := range values[iana.Group](m.of(h.set, share)) {
		if n := kex.ShareLen(g); n > 0 {
			out.KeyShares = append(out.KeyShares, wire.KeyShare{Group: g, Key: make([]byte, n)})
		}
	}
	return out, m.write(h, out)
}

// amountsOf is how much a hello has.
func (m *model) amountsOf(h hello) (amounts, error) {
	out, err := m.sample(h)
	if err != nil {
		return nil, err
	}
	n, err := size(out)
	a := amounts{
		length: n, segments: max(1, h.much[segments]), records: max(1, h.much[records]), suites: out.CipherSuites.Len(), groups: out.Groups.Len(),
		shares: len(out.KeyShares), sigalgs: out.SignatureSchemes.Len(), extensions: out.Extensions.Len(),
	}
	if n > fitsSegment {
		a[segments] = 2
	}
	return a, err
}

// Code points for private use, of which no server knows one (RFC 9846, Section 11;
// RFC 8446, Section 4.2.7; RFC 5246, Section 12).
const (
	fillSuite     = 0xff00
	fillGroup     = 0xfe00
	fillSigalg    = 0xfe00
	fillExtension = 0xff80
	fillPlace     = 0xff7f // an extension
)

// filled is a list with as many entries as there shall be.
func filled(list []uint16, n int, from uint16) []uint16 {
	for i := uint16(0); len(list) < n; i++ {
		list = append(list, from+i)
	}
	return list
}

// shorten leaves out the long key shares, and then what else is not in keep, until
// a hello is short enough. It reports false if it can't be.
func (m *model) shorten(h hello, keep set, most int) (hello, bool) {
	delete(h.much, length)
	optional := m.list(h.set.without(m.list(keep)...))
	slices.SortStableFunc(optional, func(a, b atom) int { return bulk(b) - bulk(a) })
	for _, a := range optional {
		if n, err := m.amountsOf(h); err != nil || n[length] <= most {
			return h, err == nil
		}
		h.set = h.set.rid(a)
	}
	n, err := m.amountsOf(h)
	return h, err == nil && n[length] <= most
}

// bulk is about how long an atom makes a hello.
func bulk(a atom) int {
	if a.kind == share {
		return kex.ShareLen(iana.Group(a.code))
	}
	return map[kind]int{sessionID: 32, extension: 8, protocol: 4}[a.kind]
}

// fewer leaves out what is not in keep until there are few enough of a measure.
func (m *model) fewer(h hello, keep set, of measure, most int) (hello, bool) {
	list := m.list(h.set)
	for _, a := range slices.Backward(list) {
		n, err := m.amountsOf(h)
		if err != nil || n[of] <= most {
			return h, err == nil
		}
		if a.kind == of.of() && !keep[a] {
			h.set = h.set.rid(a)
		}
	}
	n, err := m.amountsOf(h)
	return h, err == nil && n[of] <= most
}
