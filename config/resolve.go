package config

import (
	"slices"
	"strings"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
	"github.com/handclasp/handclasp/internal/kex"
	"github.com/handclasp/handclasp/internal/suite"
	"github.com/handclasp/handclasp/sign"
)

// versions are those the engine speaks, highest first.
var versions = []iana.Version{iana.TLS13}

func resolve(lowest, highest iana.Version, suites []iana.CipherSuite, groups []iana.Group,
	schemes []iana.SignatureScheme, alpn []string) (p Params, err error) {
	if p.Versions, err = between(lowest, highest); err != nil {
		return p, err
	}
	p.Suites, err = list("CipherSuites", suites, defaultSuites())
	if err != nil {
		return p, err
	}
	if p.Groups, err = list("CurvePreferences", groups, kex.Groups()); err != nil {
		return p, err
	}
	if p.Schemes, err = list("SignatureSchemes", schemes, sign.Schemes(iana.TLS13)); err != nil {
		return p, err
	}
	if !slices.ContainsFunc(p.Schemes, sign.UsableIn13) {
		return p, fault.ConfigValue.In("SignatureSchemes").Saw(p.Schemes, "at least one that TLS 1.3 can sign with, such as ecdsa_secp256r1_sha256")
	}
	for _, name := range alpn {
		if len(name) == 0 || len(name) > 255 {
			return p, fault.ConfigValue.In("NextProtos").Saw(fault.Quote([]byte(name)), "1 to 255 bytes")
		}
	}
	p.ALPN = alpn
	return p, nil
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

// list checks that every value is known and none stands twice.
func list[T interface {
	comparable
	String() string
}](field string, values, known []T) ([]T, error) {
	if values == nil {
		return known, nil
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

func defaultSuites() (ids []iana.CipherSuite) {
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
