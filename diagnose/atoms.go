package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/wire"
)

// A kind is what an atom is one of.
type kind string

const (
	version   kind = "version"
	cipher    kind = "suite"
	group     kind = "group"
	share     kind = "share"
	sigalg    kind = "sigalg"
	protocol  kind = "alpn"
	extension kind = "extension"
	sessionID kind = "session-id"
	grease    kind = "grease" // all values of RFC 8701 together
)

// An atom is one thing in a ClientHello that can be left out without the rest.
type atom struct {
	kind kind
	code uint16
	text string // of a protocol
}

// name is the atom's code by name.
func (a atom) name() string {
	switch a.kind {
	case version:
		return iana.Version(a.code).String()
	case cipher:
		return iana.CipherSuite(a.code).String()
	case group, share:
		return iana.Group(a.code).String()
	case sigalg:
		return iana.SignatureScheme(a.code).String()
	case extension:
		return iana.ExtensionType(a.code).String()
	case protocol:
		return fault.Quote([]byte(a.text))
	}
	return ""
}

// String is the atom as the lab's conditions have it: group=x25519.
func (a atom) String() string {
	if name := a.name(); name != "" {
		return string(a.kind) + "=" + strings.TrimPrefix(name, "TLS ")
	}
	return string(a.kind)
}

// words are the atom as a sentence has it.
func (a atom) words() string {
	return map[kind]string{
		cipher: "the cipher suite ", group: "the group ", share: "a key share of ", sigalg: "the signature algorithm ", extension: "the extension ",
		protocol: "the application protocol ", sessionID: "a session ID", grease: "values that mean nothing (GREASE)",
	}[a.kind] + a.name()
}

func ext(t iana.ExtensionType) atom { return atom{extension, uint16(t), ""} }

var (
	nameAtom = ext(iana.ExtServerName)
	tls13    = atom{version, uint16(iana.TLS13), ""}
)

// A set is the atoms of a hello.
type set map[atom]bool

func (s set) with(more ...atom) set {
	out := make(set, len(s)+len(more))
	for a := range s {
		out[a] = true
	}
	for _, a := range more {
		out[a] = true
	}
	return out
}

func (s set) without(less ...atom) set {
	out := s.with()
	for _, a := range less {
		delete(out, a)
	}
	return out
}

// rid is the set without an atom, and without what can't be without it.
func (s set) rid(a atom) set {
	out := s.without(a)
	for b := range s {
		if b.kind == share && (a.kind == group && a.code == b.code || a == tls13) {
			delete(out, b)
		}
	}
	return out
}

// A model is a ClientHello in parts: all atoms that a diagnosis may offer, in the
// order in which they go out, and the bodies of extensions.
type model struct {
	atoms []atom
	body  wire.ClientHello     // fields of extensions; its lists are not used
	order []iana.ExtensionType // of the extensions
	names []string             // to ask for; the first unless another is chosen
	laced set                  // the kinds whose lists have GREASE, as atoms without a code; nil: all
}

// implied are the extensions that are there because of what stands in them, or
// whose body depends on the connection.
var implied = []iana.ExtensionType{
	iana.ExtSupportedGroups, iana.ExtSignatureAlgorithms, iana.ExtSupportedVersions, iana.ExtKeyShare, iana.ExtALPN, iana.ExtPadding,
}

// stale are the extensions of a recorded hello that belong to another connection.
var stale = []iana.ExtensionType{iana.ExtPreSharedKey, iana.ExtEarlyData, iana.ExtCookie}

// atomsOf takes a hello apart.
func atomsOf(h *wire.ClientHello) (list []atom) {
	greased := false
	add := func(k kind, code uint16) {
		if iana.IsGREASE(code) && k != sessionID {
			greased = true
			return
		}
		list = append(list, atom{k, code, ""})
	}
	if h.Extensions.Has(iana.ExtSupportedVersions) {
		for v := range h.SupportedVersions.All() {
			add(version, uint16(v))
		}
	} else {
		add(version, uint16(h.LegacyVersion))
	}
	for v := range h.CipherSuites.All() {
		add(cipher, uint16(v))
	}
	for v := range h.Groups.All() {
		add(group, uint16(v))
	}
	for _, s := range h.KeyShares {
		add(share, uint16(s.Group))
	}
	for v := range h.SignatureSchemes.All() {
		add(sigalg, uint16(v))
	}
	for _, p := range h.ALPN {
		list = append(list, atom{kind: protocol, text: string(p)})
	}
	if len(h.SessionID) > 0 {
		list = append(list, atom{kind: sessionID})
	}
	for _, t := range h.Extensions.Types() {
		if !slices.Contains(implied, t) && !slices.Contains(stale, t) {
			add(extension, uint16(t))
		}
	}
	if greased {
		list = append(list, atom{kind: grease})
	}
	return list
}

// laced are the kinds in whose lists a hello has GREASE; nil if it has none.
func laced(h *wire.ClientHello) set {
	s := set{}
	note := func(k kind, code uint16) {
		if iana.IsGREASE(code) {
			s[atom{kind: k}] = true
		}
	}
	for v := range h.CipherSuites.All() {
		note(cipher, uint16(v))
	}
	for v := range h.Groups.All() {
		note(group, uint16(v))
	}
	for v := range h.SignatureSchemes.All() {
		note(sigalg, uint16(v))
	}
	for v := range h.SupportedVersions.All() {
		note(version, uint16(v))
	}
	for _, s := range h.KeyShares {
		note(share, uint16(s.Group))
	}
	if len(s) == 0 {
		return nil
	}
	return s
}

// lace reports whether GREASE belongs into the lists of a kind.
func (m *model) lace(k kind) bool { return m.laced == nil || m.laced[atom{kind: k}] }

// modelOf joins hellos: what stands in the first keeps its order, what others have
// besides follows.
func modelOf(hellos ...*wire.ClientHello) *model {
	m := &model{body: *hellos[0], laced: laced(hellos[0])}
	if len(m.body.ServerName) > 0 {
		m.names = []string{string(m.body.ServerName)}
	}
	for _, h := range hellos {
		for _, a := range atomsOf(h) {
			if !slices.Contains(m.atoms, a) {
				m.atoms = append(m.atoms, a)
			}
		}
		for _, t := range h.Extensions.Types() {
			if !slices.Contains(m.order, t) && !slices.Contains(stale, t) {
				m.order = append(m.order, t)
				if !hellos[0].Extensions.Has(t) {
					m.adopt(h, t)
				}
			}
		}
	}
	return m
}

// adopt takes the body of an extension from another hello.
func (m *model) adopt(h *wire.ClientHello, t iana.ExtensionType) {
	switch t {
	case iana.ExtServerName:
		m.names = append(m.names, string(h.ServerName))
	case iana.ExtECPointFormats:
		m.body.PointFormats = h.PointFormats
	case iana.ExtRenegotiationInfo:
		m.body.RenegotiationInfo = h.RenegotiationInfo
	case iana.ExtStatusRequest:
		m.body.Status = h.Status
	case iana.ExtSessionTicket:
		m.body.Ticket = h.Ticket
	case iana.ExtPSKKeyExchangeModes:
		m.body.PSKModes = h.PSKModes
	}
}

// of are the set's atoms of a kind, in order.
func (m *model) of(s set, k kind) (list []uint16) {
	for _, a := range m.atoms {
		if a.kind == k && s[a] {
			list = append(list, a.code)
		}
	}
	return list
}

// list is the set as a list, in order.
func (m *model) list(s set) (list []atom) {
	for _, a := range m.atoms {
		if s[a] {
			list = append(list, a)
		}
	}
	return list
}

func values[T ~uint16](codes []uint16) []T {
	list := make([]T, len(codes))
	for i, c := range codes {
		list[i] = T(c)
	}
	return list
}

// A hello is what one probe offers, and how it goes out.
type hello struct {
	set
	name int     // of the model's names
	much amounts // to fill it up to, and to cut it into; what is not there is as it comes

	place   place // of the extensions
	span    span  // of them, if it is about some
	proxied bool  // behind a line of the PROXY protocol
}

// A place is where the extensions stand that a hello has.
type place uint8

const (
	asUsual  place = iota // in the client's order
	turned                // in the other order
	spared                // in the other order, but for the first and the last of the span
	notFirst              // behind one that means nothing
	notLast               // before one that means nothing
)

// A span is a part of a hello's extensions: from one, counted from 0, to before
// another. The zero span is all of them.
type span struct{ from, to int }

// within is the span in a list of n.
func (s span) within(n int) span {
	if s == (span{}) {
		return span{0, n}
	}
	return s
}

// placed says where a hello's extensions stand; "" if as usual.
func (h hello) placed() string {
	some := ""
	if h.span != (span{}) {
		some = fmt.Sprintf(" %d to %d", h.span.from+1, h.span.to)
	}
	return [...]string{"", "its extensions" + some + " in the other order", "all its extensions but two in the other order", "another extension first", "another extension last"}[h.place]
}

// closed is the hello's set with what key shares can't be without: TLS 1.3, and
// their groups in the list.
func (h hello) closed() set {
	out := h.set.with()
	for a := range h.set {
		if a.kind == share {
			out[atom{group, a.code, ""}], out[tls13] = true, true
		}
	}
	return out
}

// key names a hello: equal ones get equal keys.
func (m *model) key(h hello) string {
	var b strings.Builder
	closed := h.closed()
	for i, a := range m.atoms {
		if closed[a] {
			fmt.Fprintf(&b, "%d ", i)
		}
	}
	fmt.Fprintf(&b, "n%d %t %d %v", h.name, h.proxied, h.place, h.span)
	for _, x := range measures {
		fmt.Fprintf(&b, " %d", h.much[x])
	}
	return b.String()
}

// write puts the hello into out, which the engine has filled with fresh random
// values and key shares.
func (m *model) write(h hello, out *wire.ClientHello) error {
	greased := h.set[atom{kind: grease}]
	body := m.body
	body.Random, body.SessionID = out.Random, nil
	if h.set[atom{kind: sessionID}] {
		body.SessionID = out.SessionID
	}
	body.KeyShares = m.shares(h, greased && m.lace(share), out.KeyShares)
	list := func(k kind, of measure, fill uint16) []uint16 {
		return filled(greaseOr(m.of(h.set, k), greased && m.lace(k)), h.much[of], fill)
	}
	top := slices.Max(append(values[iana.Version](m.of(h.set, version)), iana.TLS10))
	body.LegacyVersion = min(top, iana.TLS12)
	body.CipherSuites = wire.MakeList16(values[iana.CipherSuite](list(cipher, suites, fillSuite))...)
	offered := list(group, groups, fillGroup)
	for _, s := range body.KeyShares { // each needs its group in the list (RFC 9846, Section 4.3.8)
		if !slices.Contains(offered, uint16(s.Group)) {
			offered = append(offered, uint16(s.Group))
		}
	}
	body.Groups = wire.MakeList16(values[iana.Group](offered)...)
	body.SignatureSchemes = wire.MakeList16(values[iana.SignatureScheme](list(sigalg, sigalgs, fillSigalg))...)
	body.SupportedVersions = wire.MakeList16(values[iana.Version](list(version, "", 0))...)
	body.ALPN = nil
	for _, a := range m.atoms {
		if a.kind == protocol && h.set[a] {
			body.ALPN = append(body.ALPN, []byte(a.text))
		}
	}
	if len(m.names) > 0 {
		body.ServerName = []byte(m.names[h.name])
	}
	m.extensions(h, top, greased, &body)
	*out = body
	return m.pad(h.much[length], out)
}

// shares are the key shares: fresh ones, and of groups that we can't do those of
// the hello that was recorded.
func (m *model) shares(h hello, greased bool, fresh []wire.KeyShare) (list []wire.KeyShare) {
	if greased && len(m.of(h.set, group)) > 0 {
		list = append(list, wire.KeyShare{Group: greaseValue, Key: []byte{0}})
	}
	for _, g := range values[iana.Group](m.of(h.set, group)) { // in this order (RFC 9846, Section 4.3.8)
		if !h.set[atom{share, uint16(g), ""}] {
			continue
		}
		is := func(s wire.KeyShare) bool { return s.Group == g }
		if i := slices.IndexFunc(fresh, is); i >= 0 {
			list = append(list, fresh[i])
		} else if i := slices.IndexFunc(m.body.KeyShares, is); i >= 0 {
			list = append(list, m.body.KeyShares[i])
		}
	}
	if !h.set[tls13] {
		return list // before TLS 1.3 there are none
	}
	for i := 0; len(list) < h.much[shares]; i++ {
		list = append(list, wire.KeyShare{Group: fillGroup + iana.Group(i), Key: []byte{0}})
	}
	return list
}

// greaseValue is the one that stands in lists; which of the sixteen means nothing.
const greaseValue = 0x3a3a

func greaseOr(list []uint16, on bool) []uint16 {
	if on && len(list) > 0 {
		return append([]uint16{greaseValue}, list...)
	}
	return list
}

// extensions makes the extension block.
func (m *model) extensions(h hello, top iana.Version, greased bool, out *wire.ClientHello) {
	raw := out.Extensions
	out.Extensions = wire.Extensions{}
	for _, t := range m.order {
		there := h.set[ext(t)]
		switch t {
		case iana.ExtServerName:
			there = there && len(m.names) > 0
		case iana.ExtSupportedGroups:
			there = out.Groups.Len() > 0
		case iana.ExtSignatureAlgorithms:
			there = out.SignatureSchemes.Len() > 0 && top >= iana.TLS12
		case iana.ExtSupportedVersions, iana.ExtKeyShare:
			there = top >= iana.TLS13
		case iana.ExtALPN:
			there = len(out.ALPN) > 0
		case iana.ExtPadding:
			there = false
		default:
			there = there || greased && iana.IsGREASE(uint16(t))
		}
		if there {
			out.Extensions.AddRaw(t, raw.Raw(t)) // declared ones stand in fields
		}
	}
	padding := 0
	if h.much[length] > 0 {
		padding = 1
	}
	for i := 0; out.Extensions.Len()+padding < h.much[extensions]; i++ {
		out.Extensions.InsertRaw(beforeLast(out), fillExtension+iana.ExtensionType(i), nil)
	}
	n := out.Extensions.Len()
	turn := func(s span) {
		for i := range (s.to - s.from) / 2 {
			out.Extensions.Swap(s.from+i, s.to-1-i)
		}
	}
	switch h.place {
	case turned:
		turn(h.span.within(n))
	case spared:
		turn(span{0, n})
		out.Extensions.Swap(n-1-h.span.from, n-h.span.to)
	case notFirst:
		out.Extensions.InsertRaw(0, fillPlace, nil)
	case notLast:
		out.Extensions.InsertRaw(n, fillPlace, nil)
	}
}

// beforeLast is where an extension can be put in that is neither the first nor the
// last.
func beforeLast(h *wire.ClientHello) int { return max(h.Extensions.Len()-1, 0) }

// types are the extensions of a hello, in order.
func (m *model) types(h hello) ([]iana.ExtensionType, error) {
	out, err := m.sample(h)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(out.Extensions.Types(), func(t iana.ExtensionType) bool { return t == iana.ExtPadding }), nil
}

// pad fills the hello up to a length with the padding extension (RFC 7685); if it is
// too little for one, with a session ID, if there is none.
func (m *model) pad(length int, out *wire.ClientHello) error {
	if length == 0 {
		return nil
	}
	n, err := size(out)
	switch short := length - n; {
	case err != nil, short <= 0:
	case short >= paddingFrame:
		out.Padding = make([]byte, short-paddingFrame)
		out.Extensions.Insert(m.paddingAt(out), iana.ExtPadding)
	case len(out.SessionID) == 0:
		out.SessionID = out.Random[:short:short]
	}
	return err
}

// paddingAt is the place of the padding: where a recorded hello has it, or where
// it changes no order.
func (m *model) paddingAt(out *wire.ClientHello) int {
	at := slices.Index(m.order, iana.ExtPadding)
	if at < 0 {
		return beforeLast(out)
	}
	n := 0
	for _, t := range m.order[:at] {
		if out.Extensions.Has(t) {
			n++
		}
	}
	return n
}

// paddingFrame is what an empty padding extension adds, in bytes.
const paddingFrame = 4

// size is the length of the message, in bytes with its header.
func size(h *wire.ClientHello) (int, error) {
	b, err := wire.Append(nil, h)
	return len(b), err
}
