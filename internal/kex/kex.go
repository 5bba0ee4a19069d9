// Package kex agrees on a shared secret: ECDHE, the hybrids of ECDHE and ML-KEM,
// and finite-field Diffie-Hellman, in the form of TLS 1.3's key shares; and, for
// TLS 1.2 and below, parameters of a server's own and RSA key transport.
//
// Policy: one table says what a group is made of, and a hybrid is nothing but
// its parts side by side. A peer's share is checked for everything that its RFC
// demands before any secret is returned, and each failure is its own rule.
// A private key serves once (RFC 9846, Section 4.3.8). Randomness is the
// caller's, so that recorded handshakes can be replayed; Go's own key
// generation ignores its reader.
package kex

import (
	"crypto/ecdh"
	"fmt"
	"io"
	"slices"

	"github.com/handclasp/handclasp/fault"
	"github.com/handclasp/handclasp/iana"
)

// A part is one key agreement inside a group. Respond and a private key's
// shared may assume that a share has the length the part names.
type part interface {
	shareLen(role fault.Role) int // bytes of the share that this role sends
	generate(rand io.Reader) (private, error)
	respond(rand io.Reader, peer []byte) (share, secret []byte, err error)
}

type private interface {
	public() []byte
	shared(peer []byte) ([]byte, error)
}

// A group is its parts in the order in which both the shares and the secrets
// stand (RFC 9846, Section 4.3.8; hybrids: RFC 10024).
type group struct {
	id    iana.Group
	parts []part
}

// The order is the default preference: what resists a quantum computer and is
// deployed first, then by cost.
var groups = []group{
	// group, its parts; bytes of the client's share, the server's share, the secret
	{iana.X25519MLKEM768, []part{mlkem768Part, x25519}},    // 1184+32, 1088+32, 32+32
	{iana.X25519, []part{x25519}},                          //      32,      32,    32
	{iana.Secp256r1, []part{p256}},                         //      65,      65,    32
	{iana.Secp384r1, []part{p384}},                         //      97,      97,    48
	{iana.Secp521r1, []part{p521}},                         //     133,     133,    66
	{iana.SecP256r1MLKEM768, []part{p256, mlkem768Part}},   // 65+1184, 65+1088, 32+32
	{iana.SecP384r1MLKEM1024, []part{p384, mlkem1024Part}}, // 97+1568, 97+1568, 48+32
}

// named work like the others, and are offered to nobody unless they are named.
var named = []group{
	{iana.MLKEM768, []part{mlkem768Part}},   // 1184, 1088,  32
	{iana.MLKEM1024, []part{mlkem1024Part}}, // 1568, 1568,  32
	{iana.FFDHE2048, []part{ffdhe2048}},     // 256, 256, 256
	{iana.FFDHE3072, []part{ffdhe3072}},     // 384, 384, 384
	{iana.FFDHE4096, []part{ffdhe4096}},     // 512, 512, 512
	{iana.FFDHE6144, []part{ffdhe6144}},     // 768, 768, 768
	{iana.FFDHE8192, []part{ffdhe8192}},     // 1024, 1024, 1024
}

var (
	x25519 = montgomery{}
	p256   = curve{ecdh.P256(), 32, 65, 0xff}
	p384   = curve{ecdh.P384(), 48, 97, 0xff}
	p521   = curve{ecdh.P521(), 66, 133, 0x01}
)

func find(g iana.Group) (group, error) {
	for _, table := range [][]group{groups, named} {
		for i := range table {
			if table[i].id == g {
				return table[i], nil
			}
		}
	}
	return group{}, fault.KexGroupUnsupported.New().Saw(g, All())
}

// All lists what may be named: Groups, ML-KEM alone and the finite-field groups.
func All() []iana.Group {
	ids := Groups()
	for _, row := range named {
		ids = append(ids, row.id)
	}
	return ids
}

// Curve reports whether g is a curve alone, as the ECDHE of TLS 1.2 and below
// wants it.
func Curve(g iana.Group) bool { return Supported(g) && !PostQuantum(g) && !Finite(g) }

// Groups lists the default groups, in order of preference.
func Groups() []iana.Group {
	ids := make([]iana.Group, 0, len(groups)+len(named))
	for _, row := range groups {
		ids = append(ids, row.id)
	}
	return ids
}

// Supported reports whether g works.
func Supported(g iana.Group) bool {
	_, err := find(g)
	return err == nil
}

// PostQuantum reports whether g holds out against a quantum computer: whether
// any part of it is ML-KEM. It is false if g is not supported.
func PostQuantum(g iana.Group) bool {
	row, err := find(g)
	return err == nil && slices.ContainsFunc(row.parts, func(p part) bool { _, ok := p.(kem); return ok })
}

// ShareLen is the length in bytes of a client's key share of g; 0 if g is not
// supported.
func ShareLen(g iana.Group) int {
	row, err := find(g)
	if err != nil {
		return 0
	}
	return row.shareLen(fault.Client)
}

// shareLen is the length in bytes of the key share that role sends.
func (g group) shareLen(role fault.Role) int {
	n := 0
	for _, p := range g.parts {
		n += p.shareLen(role)
	}
	return n
}

// checkLen refuses a share of role that is not exactly as long as g says.
func (g group) checkLen(role fault.Role, share []byte) error {
	if want := g.shareLen(role); len(share) != want {
		return fault.KexShareLength.In("key_exchange").
			Saw(fmt.Sprintf("%d bytes for %v", len(share), g.id), fmt.Sprintf("%d bytes", want))
	}
	return nil
}

// A Private is a client's side of a key exchange that waits for the server's
// share.
type Private struct {
	group group
	keys  []private // one for each part; nil once used
	share []byte
}

// Generate makes a client's share for g, reading private keys from rand part by
// part in wire order: scalars of a curve's size (for NIST curves again until
// one is in range) and the 64 bytes d || z of ML-KEM. It fails with
// fault.KexGroupUnsupported or fault.KexRandom.
func Generate(g iana.Group, rand io.Reader) (*Private, error) {
	row, err := find(g)
	if err != nil {
		return nil, err
	}
	p := &Private{group: row, keys: make([]private, 0, len(row.parts))}
	for _, part := range row.parts {
		key, err := part.generate(rand)
		if err != nil {
			return nil, err
		}
		p.keys = append(p.keys, key)
		p.share = join(p.share, key.public())
	}
	return p, nil
}

// Group is the group of the share.
func (p *Private) Group() iana.Group { return p.group.id }

// Public is the client's share in its wire form. The caller must not change it.
func (p *Private) Public() []byte { return p.share }

// Shared is the secret that p and the server's share give, ready for the key
// schedule. It works once: a second call fails with fault.KexReuse. A bad
// share fails with fault.KexShareLength, KexPointInvalid or KexZeroSecret.
func (p *Private) Shared(peer []byte) ([]byte, error) {
	if p.keys == nil {
		return nil, fault.KexReuse.New()
	}
	if err := p.group.checkLen(fault.Server, peer); err != nil {
		return nil, err
	}
	keys := p.keys
	p.keys = nil
	var secret []byte
	for i, part := range p.group.parts {
		n := part.shareLen(fault.Server)
		s, err := keys[i].shared(peer[:n])
		if err != nil {
			return nil, err
		}
		secret, peer = join(secret, s), peer[n:]
	}
	return secret, nil
}

// join appends a part's share or secret; the first is taken as it is.
func join(to, part []byte) []byte {
	if to == nil {
		return part
	}
	return append(to, part...)
}

// Respond is the server's whole side: from the client's share to its own share
// and the secret. Rand is read as in Generate, with 32 bytes for an encapsulation
// of ML-KEM. It fails
// as Generate and Shared do, and with fault.KexMLKEMKeyInvalid.
func Respond(g iana.Group, rand io.Reader, peer []byte) (share, secret []byte, err error) {
	row, err := find(g)
	if err != nil {
		return nil, nil, err
	}
	if err := row.checkLen(fault.Client, peer); err != nil {
		return nil, nil, err
	}
	for _, part := range row.parts {
		n := part.shareLen(fault.Client)
		pub, s, err := part.respond(rand, peer[:n])
		if err != nil {
			return nil, nil, err
		}
		share, secret, peer = join(share, pub), join(secret, s), peer[n:]
	}
	return share, secret, nil
}
