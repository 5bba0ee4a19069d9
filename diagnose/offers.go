package diagnose

import (
	"slices"

	"github.com/handclasp/handclasp/iana"
)

// A least hello offers little: one version, one group, and of suites and signature
// algorithms what the usual kinds of certificates need. Several that have little
// in common serve to find one that passes, and to see what does not matter.
type leastHello struct {
	version iana.Version
	suites  []iana.CipherSuite
	inert   iana.CipherSuite // of TLS 1.3, beside a version that has no use for it
	group   iana.Group
	schemes []iana.SignatureScheme
}

var leastHellos = []leastHello{
	{iana.TLS13, []iana.CipherSuite{iana.TLS_AES_128_GCM_SHA256}, 0, iana.X25519,
		[]iana.SignatureScheme{iana.ECDSA_SECP256R1_SHA256, iana.RSA_PSS_RSAE_SHA256}},
	{iana.TLS12, []iana.CipherSuite{iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}, iana.TLS_AES_256_GCM_SHA384, iana.Secp256r1,
		[]iana.SignatureScheme{iana.ECDSA_SECP256R1_SHA256, iana.RSA_PKCS1_SHA256}},
	{iana.TLS13, []iana.CipherSuite{iana.TLS_AES_256_GCM_SHA384}, 0, iana.Secp256r1,
		[]iana.SignatureScheme{iana.ECDSA_SECP256R1_SHA256, iana.RSA_PSS_RSAE_SHA384}},
	{iana.TLS13, []iana.CipherSuite{iana.TLS_CHACHA20_POLY1305_SHA256}, 0, iana.Secp384r1,
		[]iana.SignatureScheme{iana.ECDSA_SECP256R1_SHA256, iana.RSA_PSS_RSAE_SHA256, iana.RSA_PKCS1_SHA256, iana.ECDSA_SECP384R1_SHA384, iana.ED25519}},
	{iana.TLS12, []iana.CipherSuite{iana.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, iana.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}, iana.TLS_CHACHA20_POLY1305_SHA256, iana.Secp384r1,
		[]iana.SignatureScheme{iana.ECDSA_SECP256R1_SHA256, iana.ECDSA_SECP384R1_SHA384, iana.RSA_PSS_RSAE_SHA256, iana.RSA_PKCS1_SHA384}},
}

// set is the hello's atoms. It has a name if the client has.
func (l leastHello) set(named bool) set {
	s := set{
		{version, uint16(l.version), ""}: true,
		{group, uint16(l.group), ""}:     true,
	}
	for _, id := range l.suites {
		s[atom{cipher, uint16(id), ""}] = true
	}
	for _, id := range l.schemes {
		s[atom{sigalg, uint16(id), ""}] = true
	}
	if l.version == iana.TLS13 {
		s[atom{share, uint16(l.group), ""}] = true
	} else {
		s[atom{cipher, uint16(l.inert), ""}] = true
	}
	if named {
		s[nameAtom] = true
	}
	return s
}

// old is a hello for servers from before TLS 1.2.
func (d *diagnosis) old() set {
	s := set{}
	for _, a := range d.p.model.list(d.wide) {
		switch v := iana.Version(a.code); a.kind {
		case version:
			s[a] = v < iana.TLS12
		case cipher:
			s[a] = iana.CipherSuite(a.code).KeyExchange() != iana.NoKeyExchange
		case group:
			s[a] = v == iana.Version(iana.Secp256r1)
		}
	}
	if d.user[nameAtom] {
		s[nameAtom] = true
	}
	for a, in := range s {
		if !in {
			delete(s, a)
		}
	}
	return s
}

// leasts are least hellos, and the old one.
func (d *diagnosis) leasts(named bool) (list []set) {
	for _, l := range leastHellos {
		list = append(list, l.set(named))
	}
	return list
}

// costs orders the atoms by how little it costs a client to leave them out.
var costs = []kind{grease, extension, sigalg, share, sessionID, cipher, group, protocol, version}

// cheapest is the atom that a client does best without.
func cheapest(atoms []atom) atom {
	return slices.MinFunc(atoms, func(a, b atom) int { return slices.Index(costs, a.kind) - slices.Index(costs, b.kind) })
}
