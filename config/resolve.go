package config

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/kex"
	"github.com/handclasp/handclasp/internal/suite"
	"github.com/handclasp/handclasp/sign"
)

// versions are those the engine speaks, highest first.
var versions = []iana.Version{iana.TLS13, iana.TLS12}

func resolve(lowest, highest iana.Version, suites []iana.CipherSuite, groups []iana.Group,
	schemes []iana.SignatureScheme, alpn []string) (p Params, err error) {
	if p.Versions, err = between(lowest, highest); err != nil {
		return p, err
	}
	if p.Suites, err = list("CipherSuites", suites, knownSuites(), knownSuites()); err != nil {
		return p, err
	}
	if p.Groups, err = list("CurvePreferences", groups, kex.Groups(), kex.Groups()); err != nil {
		return p, err
	}
	if p.Schemes, err = list("SignatureSchemes", schemes, sign.Schemes(iana.TLS12), sign.All()); err != nil {
		return p, err
	}
	total := 0
	for _, name := range alpn {
		if total += 1 + len(name); total > 1<<16-3 {
			return p, fault.ConfigValue.In("NextProtos").Saw("too many names", "at most 65,533 bytes of them")
		}
		if len(name) == 0 || len(name) > 255 {
			return p, fault.ConfigValue.In("NextProtos").Saw(fault.Quote([]byte(name)), "1 to 255 bytes")
		}
	}
	p.ALPN = alpn
	return p, p.settle()
}

// settle leaves out what no remaining version can use: suites of other versions,
// and versions for which a list holds nothing.
func (p *Params) settle() error {
	var missing *fault.Error
	p.Versions = slices.DeleteFunc(p.Versions, func(v iana.Version) bool {
		f := p.lacks(v)
		if f != nil {
			missing = f
		}
		return f != nil
	})
	if len(p.Versions) == 0 {
		return missing
	}
	p.Suites = slices.DeleteFunc(slices.Clone(p.Suites), func(id iana.CipherSuite) bool {
		return !slices.ContainsFunc(p.Versions, suite.ByID(id).For)
	})
	if !slices.Contains(p.Versions, iana.TLS13) {
		p.Groups = slices.DeleteFunc(slices.Clone(p.Groups), kex.PostQuantum)
	}
	return nil
}

// lacks says what v needs and no list holds.
func (p *Params) lacks(v iana.Version) *fault.Error {
	switch {
	case !slices.ContainsFunc(p.Suites, func(id iana.CipherSuite) bool { return suite.ByID(id).For(v) }):
		return fault.ConfigValue.In("CipherSuites").Saw(p.Suites, "at least one that "+v.String()+" can use")
	case v < iana.TLS13 && !slices.ContainsFunc(p.Groups, func(g iana.Group) bool { return !kex.PostQuantum(g) }):
		return fault.ConfigValue.In("CurvePreferences").Saw(p.Groups, "at least one that "+v.String()+" can use, such as x25519")
	case v == iana.TLS13 && !slices.ContainsFunc(p.Schemes, sign.UsableIn13):
		return fault.ConfigValue.In("SignatureSchemes").Saw(p.Schemes, "at least one that "+v.String()+" can sign with, such as ecdsa_secp256r1_sha256")
	}
	return nil
}

// checkName refuses what can be neither in a certificate nor in server_name (RFC
// 6066, Section 3).
func checkName(name string) error {
	if name == "" {
		return nil
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return nil
	}
	labels := strings.Split(strings.TrimSuffix(name, "."), ".")
	bad := func(label string) bool {
		return label == "" || len(label) > 63 || strings.ContainsFunc(label, func(r rune) bool {
			return r != '-' && r != '_' && (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z')
		})
	}
	if len(name) > 254 || slices.ContainsFunc(labels, bad) {
		return fault.ConfigValue.In("ServerName").Saw(fault.Quote([]byte(name)), "an IP address, or a DNS name in ASCII (international ones as xn--…)")
	}
	return nil
}

func between(lowest, highest iana.Version) (in []iana.Version, err error) {
	for _, v := range versions {
		if (lowest == 0 || v >= lowest) && (highest == 0 || v <= highest) {
			in = append(in, v)
		}
	}
	if len(in) == 0 {
		return nil, fault.ConfigValue.In("MinVersion, MaxVersion").Saw(span(lowest, highest), "a range that holds one of "+join(versions))
	}
	return in, nil
}

func span(lowest, highest iana.Version) string {
	from, to := "the lowest", "the highest"
	if lowest != 0 {
		from = lowest.String()
	}
	if highest != 0 {
		to = highest.String()
	}
	return from + " to " + to
}

// list checks that every value is known and none stands twice; nil means what is
// usual.
func list[T interface {
	comparable
	String() string
}](field string, values, usual, known []T) ([]T, error) {
	if values == nil {
		return usual, nil
	}
	for i, v := range values {
		if !contains(known, v) {
			return nil, fault.ConfigValue.In(field).Saw(v, join(known))
		}
		if contains(values[:i], v) {
			return nil, fault.ConfigValue.In(field).Saw(v.String()+" twice", "each value once")
		}
	}
	if len(values) == 0 {
		return nil, fault.ConfigValue.In(field).Saw("an empty list", "nil for the default, or some of "+join(known))
	}
	return values, nil
}

func knownSuites() (ids []iana.CipherSuite) {
	for _, s := range suite.All() {
		ids = append(ids, s.ID)
	}
	return ids
}

func contains[T comparable](list []T, v T) bool { return slices.Contains(list, v) }

func join[T interface{ String() string }](list []T) string {
	names := make([]string, len(list))
	for i, v := range list {
		names[i] = v.String()
	}
	return strings.Join(names, ", ")
}
