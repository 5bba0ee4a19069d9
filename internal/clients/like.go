package clients

import (
	"slices"

	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/wire"
)

// Like are the recorded clients whose hello is like h, by version: in versions,
// suites, groups, signature algorithms and extensions. Values that mean nothing
// (GREASE), order, and what depends on the server do not count.
func Like(h *wire.ClientHello) (versions []string) {
	want := traitsOf(h)
	for _, name := range Names {
		c, err := Find(name)
		if err != nil {
			continue
		}
		if own, err := c.Decode(); err == nil && traitsOf(own).equal(want) {
			versions = append(versions, c.Short())
		}
	}
	return versions
}

// traits are what stays the same from one connection of a client to the next.
type traits struct {
	versions   []iana.Version
	suites     []iana.CipherSuite
	groups     []iana.Group
	schemes    []iana.SignatureScheme
	extensions []iana.ExtensionType
}

// passing are extensions that come and go with the server, the session, or what a
// program says to its library.
var passing = []iana.ExtensionType{
	iana.ExtServerName, iana.ExtALPN, iana.ExtPreSharedKey, iana.ExtEarlyData, iana.ExtCookie, iana.ExtPadding, iana.ExtSessionTicket,
	13172, // next_protocol_negotiation, which was ALPN's forerunner
}

func traitsOf(h *wire.ClientHello) traits {
	extensions := slices.DeleteFunc(slices.Clone(h.Extensions.Types()), func(t iana.ExtensionType) bool { return slices.Contains(passing, t) })
	return traits{
		sorted(h.SupportedVersions.Slice()), sorted(h.CipherSuites.Slice()), sorted(h.Groups.Slice()), sorted(h.SignatureSchemes.Slice()), sorted(extensions),
	}
}

// sorted is list without GREASE (RFC 8701) in order.
func sorted[T ~uint16](list []T) []T {
	list = slices.DeleteFunc(list, func(v T) bool { return iana.IsGREASE(uint16(v)) })
	slices.Sort(list)
	return list
}

func (t traits) equal(o traits) bool {
	return slices.Equal(t.versions, o.versions) && slices.Equal(t.suites, o.suites) && slices.Equal(t.groups, o.groups) &&
		slices.Equal(t.schemes, o.schemes) && slices.Equal(t.extensions, o.extensions)
}
