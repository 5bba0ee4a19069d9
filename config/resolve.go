package config

import (
	"fmt"
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
var versions = []iana.Version{iana.TLS13, iana.TLS12, iana.TLS11, iana.TLS10}

// lowestSafe is where versions end unless MinVersion names an older one (RFC
// 8996).
const lowestSafe = iana.TLS12

// What is known, and what is meant where nothing is named. All connections share
// these lists, so appending to one makes a copy.
var (
	knownSuites    = slices.Clip(ids(suite.All()))
	defaultSuites  = slices.Clip(ids(suite.Defaults()))
	knownGroups    = slices.Clip(kex.All())
	defaultGroups  = slices.Clip(kex.Groups())
	knownSchemes   = slices.Clip(sign.All())
	defaultSchemes = slices.Clip(sign.Schemes(iana.TLS12))
)

// resolve makes Params, which must not be changed: its lists may be those of the
// configuration, or shared.
func resolve(lowest, highest iana.Version, suites []iana.CipherSuite, groups []iana.Group,
	schemes []iana.SignatureScheme, alpn []string) (p Params, err error) {
	if p.Versions, err = between(lowest, highest); err != nil {
		return p, err
	}
	if p.Suites, err = list("CipherSuites", suites, knownSuites, defaultSuites); err != nil {
		return p, err
	}
	if suites == nil && p.Versions[len(p.Versions)-1] < lowestSafe {
		p.Suites = append(p.Suites, old...)
	}
	if p.Groups, err = list("CurvePreferences", groups, knownGroups, defaultGroups); err != nil {
		return p, err
	}
	if groups == nil && slices.ContainsFunc(p.Suites, func(id iana.CipherSuite) bool { return suite.ByID(id).Exchange.Finite() }) {
		p.Groups = append(p.Groups, iana.FFDHE2048, iana.FFDHE3072, iana.FFDHE4096)
	}
	if p.Schemes, err = list("SignatureSchemes", schemes, knownSchemes, defaultSchemes); err != nil {
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

// resolveSigning fills in what our own keys may sign with.
func (p *Params) resolveSigning(schemes []iana.SignatureScheme) (err error) {
	p.Signing, err = list("SigningSchemes", schemes, knownSchemes, p.Schemes)
	return err
}

// old is what TLS 1.1 and 1.0 need to speak with most who know no better.
var old = []iana.CipherSuite{
	iana.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, iana.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
	iana.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, iana.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
}

// settle leaves out what no remaining version can use: suites of other versions,
// and versions for which a list holds nothing.
func (p *Params) settle() error {
	var missing *fault.Error
	p.Versions = without(p.Versions, func(v iana.Version) bool {
		f := p.lacks(v)
		if f != nil {
			missing = f
		}
		return f != nil
	})
	if len(p.Versions) == 0 {
		return missing
	}
	p.Suites = without(p.Suites, func(id iana.CipherSuite) bool {
		return !slices.ContainsFunc(p.Versions, func(v iana.Version) bool { return p.usable(id, v) })
	})
	if !slices.Contains(p.Versions, iana.TLS13) {
		p.Groups = without(p.Groups, kex.PostQuantum)
	}
	return nil
}

// without is list less those that go; it is list itself if none does.
func without[T any](list []T, goes func(T) bool) []T {
	if !slices.ContainsFunc(list, goes) {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), goes)
}

// usable reports whether v may negotiate the suite, and there is a group for its
// key exchange.
func (p *Params) usable(id iana.CipherSuite, v iana.Version) bool {
	s := suite.ByID(id)
	switch {
	case !s.For(v):
		return false
	case s.Exchange.Curve():
		return slices.ContainsFunc(p.Groups, kex.Curve)
	case s.Exchange.Finite():
		return slices.ContainsFunc(p.Groups, kex.Finite)
	}
	return true
}

// lacks says what v needs and no list holds.
func (p *Params) lacks(v iana.Version) *fault.Error {
	switch {
	case !slices.ContainsFunc(p.Suites, func(id iana.CipherSuite) bool { return suite.ByID(id).For(v) }):
		return fault.ConfigValue.In("CipherSuites").Saw(p.Suites, "at least one that "+v.String()+" can use")
	case !slices.ContainsFunc(p.Suites, func(id iana.CipherSuite) bool { return p.usable(id, v) }):
		return fault.ConfigValue.In("CurvePreferences").Saw(p.Groups, "at least one that "+v.String()+" can use, such as x25519 with ECDHE and ffdhe2048 with DHE")
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
	if IsAddress(name) {
		return nil
	}
	good := len(name) <= 254
	for label := range strings.SplitSeq(strings.TrimSuffix(name, "."), ".") {
		good = good && !(label == "" || len(label) > 63 || strings.ContainsFunc(label, func(r rune) bool {
			return r != '-' && r != '_' && (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z')
		}))
	}
	if !good {
		return fault.ConfigValue.In("ServerName").Saw(fault.Quote([]byte(name)), "an IP address, or a DNS name in ASCII (international ones as xn--…)")
	}
	return nil
}

// IsAddress reports whether a name is an IP address.
func IsAddress(name string) bool {
	if n := len(name); n == 0 || !strings.Contains(name, ":") && (name[n-1] < '0' || name[n-1] > '9') {
		return false // nearly every name, at no cost
	}
	_, err := netip.ParseAddr(name)
	return err == nil
}

func between(lowest, highest iana.Version) (in []iana.Version, err error) {
	for i, v := range [...]iana.Version{lowest, highest} {
		if v != 0 && v < iana.TLS10 {
			return nil, fault.ConfigValue.In([...]string{"MinVersion", "MaxVersion"}[i]).Saw(v.String()+", which is never spoken", join(versions))
		}
	}
	end := lowest
	if end == 0 {
		end = lowestSafe
	}
	in = versions
	for len(in) > 0 && highest != 0 && in[0] > highest {
		in = in[1:]
	}
	for len(in) > 0 && in[len(in)-1] < end {
		in = in[:len(in)-1]
	}
	in = slices.Clip(in)
	if len(in) == 0 {
		return nil, fault.ConfigValue.In("MinVersion, MaxVersion").Saw(span(lowest, highest), "a range that holds one of "+join(versions)+"; below "+lowestSafe.String()+" only what MinVersion (--min-version) names")
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
}](field string, values, known, defaults []T) ([]T, error) {
	if values == nil {
		return defaults, nil
	}
	for i, v := range values {
		if !contains(known, v) {
			return nil, fault.ConfigValue.In(field).Saw(v, some(known))
		}
		if contains(values[:i], v) {
			return nil, fault.ConfigValue.In(field).Saw(v.String()+" twice", "each value once")
		}
	}
	if len(values) == 0 {
		return nil, fault.ConfigValue.In(field).Saw("an empty list", "nil for the default, or some of "+join(defaults))
	}
	return values, nil
}

func ids(suites []*suite.Suite) (ids []iana.CipherSuite) {
	for _, s := range suites {
		ids = append(ids, s.ID)
	}
	return ids
}

func contains[T comparable](list []T, v T) bool { return slices.Contains(list, v) }

// some is join for lists that may be long: of the 90 cipher suites it names the
// first, which are the default ones.
func some[T interface{ String() string }](list []T) string {
	const enough = 20
	if len(list) <= enough {
		return join(list)
	}
	const first = 9
	return fmt.Sprintf("%s, or one of %d others ('handclasp features' lists them)", join(list[:first]), len(list)-first)
}

func join[T interface{ String() string }](list []T) string {
	names := make([]string, len(list))
	for i, v := range list {
		names[i] = v.String()
	}
	return strings.Join(names, ", ")
}
