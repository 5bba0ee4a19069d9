package lab

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/handclasp/handclasp/iana"
)

// A Trait is one thing that a ClientHello may have: a value in one of its lists,
// or more of something than a number.
//
//	suite=TLS_AES_128_GCM_SHA256   group=x25519      share=x25519   sigalg=ed25519
//	extension=padding              version=1.3       grease         session-id
//	last=padding                   first=server_name   order=key_share>status_request
//	length>1000   segments>1   records>1   suites>20   groups>5   sigalgs>9   extensions>12
type Trait struct {
	Kind string
	Code uint16 // of a value
	Over int    // of a number; of an order, the extension that stands behind Code
}

// counted are the kinds of traits with a number, valued those with a value, and
// bare those with neither.
var (
	counted = []string{"length", "segments", "records", "suites", "groups", "shares", "sigalgs", "extensions"}
	valued  = map[string]codes{
		"suite":     {code(iana.ParseCipherSuite), func(c uint16) string { return iana.CipherSuite(c).String() }},
		"group":     {code(iana.ParseGroup), func(c uint16) string { return iana.Group(c).String() }},
		"share":     {code(iana.ParseGroup), func(c uint16) string { return iana.Group(c).String() }},
		"sigalg":    {code(iana.ParseSignatureScheme), func(c uint16) string { return iana.SignatureScheme(c).String() }},
		"version":   {code(iana.ParseVersion), func(c uint16) string { return strings.TrimPrefix(iana.Version(c).String(), "TLS ") }},
		"extension": extensions,
		"last":      extensions,
		"first":     extensions,
	}
	bare       = []string{"grease", "session-id"}
	extensions = codes{parseExtension, func(c uint16) string { return iana.ExtensionType(c).String() }}
)

// codes are the values of a kind, by name.
type codes struct {
	parse func(string) (uint16, error)
	name  func(uint16) string
}

func code[T ~uint16](parse func(string, ...T) (T, error)) func(string) (uint16, error) {
	return func(s string) (uint16, error) {
		v, err := parse(s)
		return uint16(v), err
	}
}

// parseExtension takes the registry's names, and numbers.
func parseExtension(s string) (uint16, error) {
	if n, err := strconv.ParseUint(s, 0, 16); err == nil {
		return uint16(n), nil
	}
	for t := range iana.ExtensionType(1<<16 - 1) {
		if t.Known() && t.String() == s {
			return uint16(t), nil
		}
	}
	return 0, fmt.Errorf("there is no extension %q", s)
}

// String is the trait as ParseCondition reads it.
func (t Trait) String() string {
	if t.Kind == "order" {
		return "order=" + extensions.name(t.Code) + ">" + extensions.name(uint16(t.Over))
	}
	if v, ok := valued[t.Kind]; ok {
		return t.Kind + "=" + v.name(t.Code)
	}
	if slices.Contains(counted, t.Kind) {
		return fmt.Sprintf("%s>%d", t.Kind, t.Over)
	}
	return t.Kind
}

// A Condition holds for a hello that has all traits of one of its sets.
type Condition [][]Trait

// ParseCondition reads traits with "&" between those that must come together and
// "|" between such sets.
func ParseCondition(s string) (Condition, error) {
	var c Condition
	for set := range strings.SplitSeq(s, "|") {
		var traits []Trait
		for text := range strings.SplitSeq(set, "&") {
			t, err := parseTrait(strings.TrimSpace(text))
			if err != nil {
				return nil, err
			}
			traits = append(traits, t)
		}
		c = append(c, traits)
	}
	return c, nil
}

func parseTrait(s string) (Trait, error) {
	if slices.Contains(bare, s) {
		return Trait{Kind: s}, nil
	}
	if pair, ok := strings.CutPrefix(s, "order="); ok {
		return parseOrder(pair)
	}
	if kind, number, ok := strings.Cut(s, ">"); ok && slices.Contains(counted, strings.TrimSpace(kind)) {
		n, err := strconv.Atoi(strings.TrimSpace(number))
		if err != nil {
			return Trait{}, fmt.Errorf("%q is no number", number)
		}
		return Trait{Kind: strings.TrimSpace(kind), Over: n}, nil
	}
	kind, name, ok := strings.Cut(s, "=")
	v, known := valued[strings.TrimSpace(kind)]
	if !ok || !known {
		return Trait{}, fmt.Errorf("%q is no trait of a ClientHello; write suite=, group=, share=, sigalg=, extension=, last=, first= or version= with a name, order= with two and > between them, %s or %s> with a number, grease or session-id",
			s, strings.Join(counted[:len(counted)-1], ">, ")+">", counted[len(counted)-1])
	}
	c, err := v.parse(strings.TrimSpace(name))
	return Trait{Kind: strings.TrimSpace(kind), Code: c}, err
}

func parseOrder(pair string) (Trait, error) {
	first, second, _ := strings.Cut(pair, ">")
	a, err := parseExtension(strings.TrimSpace(first))
	if err != nil {
		return Trait{}, err
	}
	b, err := parseExtension(strings.TrimSpace(second))
	return Trait{Kind: "order", Code: a, Over: int(b)}, err
}

// String is the condition as ParseCondition reads it, sorted.
func (c Condition) String() string {
	var sets []string
	for _, set := range c {
		var traits []string
		for _, t := range set {
			traits = append(traits, t.String())
		}
		slices.Sort(traits)
		sets = append(sets, strings.Join(traits, " & "))
	}
	slices.Sort(sets)
	return strings.Join(sets, " | ")
}

// Holds reports whether the condition holds for a hello.
func (c Condition) Holds(h *Hello) bool {
	return slices.ContainsFunc(c, func(set []Trait) bool {
		return !slices.ContainsFunc(set, func(t Trait) bool { return !h.Has(t) })
	})
}
