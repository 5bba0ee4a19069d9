package iana

import "slices"

// ExtensionInfo is what there is to know of an extension before one reads its
// body.
type ExtensionInfo struct {
	Type    ExtensionType
	Name    string // the registry's
	Place   Place  // the messages it may stand in when TLS 1.3 is spoken
	Source  string // the document that defines it
	Status  Status
	Meaning string // one sentence
}

// Info is the registry's row for t. It reports false if t has no name.
func (t ExtensionType) Info() (ExtensionInfo, bool) {
	if x, ok := findExtension(t); ok {
		return *x, true
	}
	return ExtensionInfo{}, false
}

// Known reports whether the extension has a name.
func (t ExtensionType) Known() bool { _, ok := findExtension(t); return ok }

// AllowedIn reports whether the extension may stand in every message of p in
// TLS 1.3. An extension that is known and stands in the wrong message is
// answered with illegal_parameter; of an unknown one nobody can say
// (RFC 9846, Section 4.3).
func (t ExtensionType) AllowedIn(p Place) bool {
	x, ok := findExtension(t)
	return !ok || x.Place&p == p
}

// String is the registry's name, such as "server_name", or the number in hex.
func (t ExtensionType) String() string {
	if x, ok := findExtension(t); ok {
		return x.Name
	}
	return number(uint16(t))
}

func findExtension(t ExtensionType) (*ExtensionInfo, bool) {
	i, ok := slices.BinarySearchFunc(extensions, t, func(x ExtensionInfo, t ExtensionType) int { return int(x.Type) - int(t) })
	if !ok {
		return nil, false
	}
	return &extensions[i], true
}
